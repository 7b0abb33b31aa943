//! Large frames, packed (PS5): raw deflate (RFC 1951) of the whole frame, for the clients that ask for it by their subprotocol.
//!
//! A packed frame is [`PACKED`], the frame's length as four bytes, little end first, and the deflated frame. The server packs, clients
//! unpack: a client's frame is never unpacked, so nobody can send a small one that becomes a large one. Frames that differ in their
//! first bytes alone are packed once: those bytes come before the rest as a block of their own, which is not compressed.

use std::borrow::Cow;

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_slice_iter_to_slice;

use super::{BadFrame, VERSION};

/// The WebSocket subprotocol of W4 in which large frames of the server come packed.
pub const SUBPROTOCOL_PACKED: &str = "unisono.v3.deflate";
/// Frames of fewer bytes than this are not packed: it would take longer than to send them.
pub const PACKED_FROM_BYTES: usize = 64 * 1024;
/// The first byte of a packed frame, where others have their version.
pub const PACKED: u8 = VERSION | 0x80;
/// Bytes that a packed frame may unpack to.
pub const UNPACKED_BYTES_MAX: usize = 1 << 30;

/// Three quarters of the smallest that can be reached, in a fifth of the time.
const LEVEL: u8 = 1;
/// Bytes before the deflated ones.
const HEAD_BYTES: usize = 5;
/// Bytes before those of a block that is not compressed.
const BLOCK_HEAD_BYTES: usize = 5;
/// Deflate makes at most so many bytes of one (a match of 258 bytes in two bits).
const RATIO_MAX: usize = 1_032;

/// What follows the first bytes of a frame, deflated, if it is large and that makes it smaller.
#[must_use]
pub(super) fn deflated(rest: &[u8]) -> Option<Vec<u8>> {
    if !(PACKED_FROM_BYTES..UNPACKED_BYTES_MAX).contains(&rest.len()) {
        return None;
    }
    let deflated = compress_to_vec(rest, LEVEL);
    (deflated.len() + HEAD_BYTES + BLOCK_HEAD_BYTES < rest.len()).then_some(deflated)
}

/// What comes before a deflated rest of `rest` bytes, so that the frame unpacks to `first` and that rest.
pub(super) fn packed_head(first: &[u8], rest: usize) -> Vec<u8> {
    // A head is a few bytes, and `deflated` takes no rest that is longer than four bytes can say.
    let length = u32::try_from(first.len() + rest).unwrap_or(u32::MAX);
    let block = u16::try_from(first.len()).unwrap_or(u16::MAX);
    let mut head = Vec::with_capacity(HEAD_BYTES + BLOCK_HEAD_BYTES + first.len());
    head.push(PACKED);
    head.extend_from_slice(&length.to_le_bytes());
    // A block that is stored, and not the last (RFC 1951, section 3.2.4).
    head.push(0);
    head.extend_from_slice(&block.to_le_bytes());
    head.extend_from_slice(&(!block).to_le_bytes());
    head.extend_from_slice(first);
    head
}

/// What was packed, as it was; other frames as they are. For what a server sends.
///
/// # Errors
/// [`BadFrame`] when it is damaged, or longer than [`UNPACKED_BYTES_MAX`].
pub fn unpack(frame: &[u8]) -> Result<Cow<'_, [u8]>, BadFrame> {
    let Some((&PACKED, rest)) = frame.split_first() else { return Ok(Cow::Borrowed(frame)) };
    let bad = |why: &str| BadFrame::Malformed(why.to_owned());
    let (length, deflated) = rest.split_first_chunk::<4>().ok_or_else(|| bad("a packed frame without its length"))?;
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    if length > UNPACKED_BYTES_MAX || length > deflated.len().saturating_mul(RATIO_MAX) {
        return Err(bad("a packed frame of an impossible length"));
    }
    let mut unpacked = vec![0; length];
    match decompress_slice_iter_to_slice(&mut unpacked, std::iter::once(deflated), false, true) {
        Ok(written) if written == length => Ok(Cow::Owned(unpacked)),
        _ => Err(bad("a damaged packed frame")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The frame, packed if that makes it smaller.
    fn pack(frame: Vec<u8>) -> Vec<u8> {
        let (first, rest) = frame.split_at(3);
        match deflated(rest) {
            Some(deflated) => [packed_head(first, rest.len()), deflated].concat(),
            None => frame,
        }
    }

    /// A frame of so many bytes that resemble each other.
    fn frame(length: usize) -> Vec<u8> {
        (0..length).map(|n| if n == 0 { VERSION } else { u8::try_from(n * n / 7 % 31).unwrap() }).collect()
    }

    #[test]
    fn ps5_only_large_frames_that_get_smaller_are_packed() {
        let small = frame(PACKED_FROM_BYTES + 2);
        assert_eq!(pack(small.clone()), small);
        let large = frame(PACKED_FROM_BYTES + 3);
        let packed = pack(large.clone());
        assert!(packed[0] == PACKED && packed.len() < large.len() / 2, "{}", packed.len());
        assert_eq!(unpack(&packed).unwrap(), large);
        // Nothing is gained by noise.
        let mut seed = 1_u64;
        let mut noise = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed.to_be_bytes()[0]
        };
        let random: Vec<u8> = std::iter::once(VERSION).chain((0..2 * PACKED_FROM_BYTES).map(|_| noise())).collect();
        assert_eq!(pack(random.clone()), random);
        assert_eq!(unpack(&random).unwrap(), random);
    }

    #[test]
    fn w6_a_packed_frame_says_no_more_than_it_holds() {
        let packed = pack(frame(2 * PACKED_FROM_BYTES));
        for length in [0, 1, 131_071, 131_073, u32::MAX] {
            let mut lies = packed.clone();
            lies[1..HEAD_BYTES].copy_from_slice(&length.to_le_bytes());
            assert!(unpack(&lies).is_err(), "{length}");
        }
        for end in 0..HEAD_BYTES {
            assert_eq!(unpack(&packed[..end]).is_err(), end > 0);
        }
        assert!(unpack(&packed[..packed.len() / 2]).is_err());
    }

    proptest! {
        #[test]
        fn si3_damaged_packed_frames_never_panic(at in 0..2_000_usize, to in any::<u8>(), end in 0..2_000_usize) {
            let mut packed = pack(frame(2 * PACKED_FROM_BYTES));
            let at = at % packed.len();
            packed[at] = to;
            let _ = unpack(&packed);
            let _ = unpack(&packed[..end.min(packed.len())]);
        }

        #[test]
        fn si3_arbitrary_packed_frames_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 1..300)) {
            bytes[0] = PACKED;
            let _ = unpack(&bytes);
            // A length that is believed.
            bytes.resize(bytes.len().max(HEAD_BYTES), 0);
            bytes[1..HEAD_BYTES].copy_from_slice(&1_000_u32.to_le_bytes());
            let _ = unpack(&bytes);
        }
    }
}
