//! One FLAC frame: header, subframes, stereo decorrelation (RFC 9639, section 9).

use super::bits::{BitReader, OutOfBits};
use super::crc::{crc8, crc16};
use super::predict::{Predictor, restore_pair};
use super::stream::Shape;

/// Why bytes are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameError {
    /// They end before the frame does.
    Incomplete,
    /// They are not a frame of this stream, or a damaged one.
    Damaged,
}

impl From<OutOfBits> for FrameError {
    fn from(_: OutOfBits) -> Self {
        Self::Incomplete
    }
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// Position of the first frame of sound.
    pub(crate) start: u64,
    /// Frames of sound.
    pub(crate) frames: usize,
    channel_mode: u8,
    /// Bytes of this header.
    bytes: usize,
}

/// A frame's extent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) start: u64,
    pub(crate) frames: usize,
    /// Bytes of the whole frame.
    pub(crate) bytes: usize,
}

impl FrameHeader {
    /// Parses the header at the start of `bytes`, which must fit the stream.
    pub(crate) fn parse(bytes: &[u8], shape: &Shape) -> Result<Self, FrameError> {
        let &[a, b, c, d, ..] = bytes else { return Err(FrameError::Incomplete) };
        let variable = match (a, b) {
            (0xFF, 0xF8) => false,
            (0xFF, 0xF9) => true,
            _ => return Err(FrameError::Damaged),
        };
        let (block_code, rate_code, channel_mode, bits_code) = (c >> 4, c & 15, d >> 4, d >> 1 & 7);
        if d & 1 != 0 || block_code == 0 || rate_code == 15 || channel_mode > 10 {
            return Err(FrameError::Damaged);
        }
        let mut at = 4;
        let number = coded_number(bytes, &mut at)?;
        let frames = match block_code {
            1 => 192,
            2..=5 => 576 << (block_code - 2),
            6 => 1 + usize::from(take(bytes, &mut at)?),
            7 => 1 + (usize::from(take(bytes, &mut at)?) << 8 | usize::from(take(bytes, &mut at)?)),
            _ => 256 << (block_code - 8),
        };
        // The rate is the stream's; what the frame says of it is skipped.
        for _ in 0..[0, 1, 2, 2][usize::from(rate_code.clamp(11, 14) - 11)] {
            take(bytes, &mut at)?;
        }
        let crc = take(bytes, &mut at)?;
        if crc8(&bytes[..at - 1]) != crc || !shape.accepts(channel_mode, bits_code) {
            return Err(FrameError::Damaged);
        }
        let start = if variable { number } else { number.saturating_mul(u64::from(shape.block_frames)) };
        Ok(Self { start, frames, channel_mode, bytes: at })
    }
}

fn take(bytes: &[u8], at: &mut usize) -> Result<u8, FrameError> {
    let byte = *bytes.get(*at).ok_or(FrameError::Incomplete)?;
    *at += 1;
    Ok(byte)
}

/// The frame's or sample's number, coded like UTF-8 but up to 36 bits long.
fn coded_number(bytes: &[u8], at: &mut usize) -> Result<u64, FrameError> {
    let first = take(bytes, at)?;
    let more = match first.leading_ones() {
        0 => return Ok(u64::from(first)),
        ones @ 2..=7 => ones - 1,
        _ => return Err(FrameError::Damaged),
    };
    let mut number = u64::from(first & (0x3F >> more));
    for _ in 0..more {
        let byte = take(bytes, at)?;
        if byte & 0xC0 != 0x80 {
            return Err(FrameError::Damaged);
        }
        number = number << 6 | u64::from(byte & 0x3F);
    }
    Ok(number)
}

/// Decodes the frame at the start of `bytes` into `out`, one vector per channel, whose lengths become the number of frames.
pub(crate) fn decode(bytes: &[u8], shape: &Shape, out: &mut [Vec<i32>]) -> Result<Decoded, FrameError> {
    let header = FrameHeader::parse(bytes, shape)?;
    let mut bits = BitReader::new(&bytes[header.bytes..]);
    let mut subframes = [Subframe::EMPTY; CHANNELS_MAX];
    for (channel, (samples, subframe)) in out.iter_mut().zip(&mut subframes).enumerate() {
        samples.resize(header.frames, 0);
        let is_side = matches!((header.channel_mode, channel), (8 | 10, 1) | (9, 0));
        *subframe = read_subframe(&mut bits, shape.bits + u32::from(is_side), samples)?;
    }
    let body = header.bytes + bits.position().div_ceil(8);
    let stored = bytes.get(body..body + 2).ok_or(FrameError::Incomplete)?;
    if crc16(&bytes[..body]).to_be_bytes() != stored {
        return Err(FrameError::Damaged);
    }
    if let ([left, right], [a, b, ..]) = (&mut *out, &subframes) {
        restore_pair([&a.predictor, &b.predictor], [left, right]);
        a.widen(left);
        b.widen(right);
        decorrelate(header.channel_mode, left, right);
    } else {
        for (samples, subframe) in out.iter_mut().zip(&subframes) {
            subframe.predictor.restore(samples);
            subframe.widen(samples);
        }
    }
    Ok(Decoded { start: header.start, frames: header.frames, bytes: body + 2 })
}

fn decorrelate(mode: u8, first: &mut [i32], second: &mut [i32]) {
    let pairs = first.iter_mut().zip(second);
    match mode {
        8 => pairs.for_each(|(left, side)| *side = left.wrapping_sub(*side)),
        9 => pairs.for_each(|(side, right)| *side = side.wrapping_add(*right)),
        10 => pairs.for_each(|(mid, side)| {
            let sum = mid.wrapping_shl(1) | (*side & 1);
            (*mid, *side) = (sum.wrapping_add(*side) >> 1, sum.wrapping_sub(*side) >> 1);
        }),
        _ => {}
    }
}

/// Most channels of a FLAC stream.
const CHANNELS_MAX: usize = 8;

/// What is left to do once a subframe has been read.
#[derive(Debug, Clone, Copy)]
struct Subframe {
    predictor: Predictor,
    /// Low bits that are zero in every sample and were left out.
    wasted: u32,
}

impl Subframe {
    const EMPTY: Self = Self { predictor: Predictor::NONE, wasted: 0 };

    fn widen(&self, samples: &mut [i32]) {
        if self.wasted > 0 {
            samples.iter_mut().for_each(|sample| *sample <<= self.wasted);
        }
    }
}

/// Reads a subframe's warm-up and residuals, or its samples where it has no predictor.
fn read_subframe(bits: &mut BitReader<'_>, depth: u32, samples: &mut [i32]) -> Result<Subframe, FrameError> {
    let header = bits.unsigned(8)?;
    let kind = header >> 1 & 0x3F;
    let wasted = if header & 1 != 0 { bits.unary()? + 1 } else { 0 };
    if header & 0x80 != 0 || wasted >= depth {
        return Err(FrameError::Damaged);
    }
    let depth = depth - wasted;
    let predictor = match kind {
        0 => {
            samples.fill(bits.signed(depth)?);
            Predictor::NONE
        }
        1 => {
            for sample in samples.iter_mut() {
                *sample = bits.signed(depth)?;
            }
            Predictor::NONE
        }
        8..=12 => {
            let order = kind as usize - 8;
            warm_up(bits, depth, order, samples)?;
            residual(bits, order, samples)?;
            Predictor::fixed(order)
        }
        32.. => {
            let order = kind as usize - 31;
            warm_up(bits, depth, order, samples)?;
            let predictor = read_predictor(bits, depth, order)?;
            residual(bits, order, samples)?;
            predictor
        }
        _ => return Err(FrameError::Damaged),
    };
    Ok(Subframe { predictor, wasted })
}

fn read_predictor(bits: &mut BitReader<'_>, depth: u32, order: usize) -> Result<Predictor, FrameError> {
    let precision = bits.unsigned(4)? + 1;
    let shift = bits.signed(5)?;
    if precision == 16 || shift < 0 {
        return Err(FrameError::Damaged);
    }
    let mut coefficients = [0; 32];
    for coefficient in &mut coefficients[..order] {
        *coefficient = bits.signed(precision)?;
    }
    // The sum of products fits 32 bits when this bound does (as encoders see to at 16 bits).
    let fits = depth + precision + order.ilog2() <= 32;
    Ok(Predictor::new(&coefficients[..order], shift as u32, fits))
}

fn warm_up(bits: &mut BitReader<'_>, depth: u32, order: usize, samples: &mut [i32]) -> Result<(), FrameError> {
    for sample in samples.get_mut(..order).ok_or(FrameError::Damaged)? {
        *sample = bits.signed(depth)?;
    }
    Ok(())
}

/// The coded residual behind the `order` samples of warm-up (RFC 9639, section 9.2.7).
fn residual(bits: &mut BitReader<'_>, order: usize, samples: &mut [i32]) -> Result<(), FrameError> {
    let parameter_bits = match bits.unsigned(2)? {
        0 => 4,
        1 => 5,
        _ => return Err(FrameError::Damaged),
    };
    let partition_order = bits.unsigned(4)?;
    let partition = samples.len() >> partition_order;
    if partition << partition_order != samples.len() || partition < order {
        return Err(FrameError::Damaged);
    }
    let escape = (1 << parameter_bits) - 1;
    let mut from = order;
    for to in (1..=1usize << partition_order).map(|count| count * partition) {
        let parameter = bits.unsigned(parameter_bits)?;
        let part = &mut samples[from..to];
        if parameter == escape {
            let width = bits.unsigned(5)?;
            for sample in part {
                *sample = bits.signed(width)?;
            }
        } else {
            bits.rice(parameter, part)?.ok_or(FrameError::Damaged)?;
        }
        from = to;
    }
    Ok(())
}
