//! symphonia's decoders, behind a guard: a panic in there becomes an error here.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia::core::audio::{Audio, AudioBuffer, GenericAudioBufferRef};
use symphonia::core::codecs::audio::AudioDecoder;
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};

use crate::decode::Slices;

/// A decoder of packets.
pub(crate) struct Guarded {
    decoder: Box<dyn AudioDecoder>,
    broken: bool,
}

/// The planes of one decoded packet.
#[derive(Clone, Copy)]
pub(crate) struct DecodedPacket<'a> {
    buffer: &'a AudioBuffer<f32>,
}

impl<'a> DecodedPacket<'a> {
    pub(crate) fn frames(self) -> usize {
        self.buffer.frames()
    }

    /// A range of its frames, by channel.
    pub(crate) fn slices(self, range: Range<usize>) -> Slices<'a> {
        let planes = (0..self.buffer.num_planes()).filter_map(|channel| self.buffer.plane(channel)?.get(range.clone()));
        Slices::new(planes)
    }
}

impl Guarded {
    pub(crate) fn new(make: impl FnOnce() -> symphonia::core::errors::Result<Box<dyn AudioDecoder>>) -> Option<Self> {
        let decoder = catch_unwind(AssertUnwindSafe(make)).ok()?.ok()?;
        Some(Self { decoder, broken: false })
    }

    /// Decodes one packet, to be had from [`Guarded::last`]; `false` when it cannot be decoded. After a panic nothing more is.
    pub(crate) fn decode(&mut self, data: &[u8]) -> bool {
        if self.broken {
            return false;
        }
        self.broken = true;
        let decoder = &mut self.decoder;
        let packet = PacketRef::new(0, Timestamp::ZERO, Duration::ZERO, data);
        match catch_unwind(AssertUnwindSafe(move || decoder.decode_ref(&packet).is_ok())) {
            Ok(decoded) => {
                self.broken = false;
                decoded
            }
            Err(_) => false,
        }
    }

    /// What was decoded last.
    pub(crate) fn last(&self) -> Option<DecodedPacket<'_>> {
        match self.decoder.last_decoded() {
            GenericAudioBufferRef::F32(buffer) => Some(DecodedPacket { buffer }),
            _ => None,
        }
    }

    /// Forgets what came before, as after a jump.
    pub(crate) fn reset(&mut self) {
        if !self.broken {
            self.decoder.reset();
        }
    }
}
