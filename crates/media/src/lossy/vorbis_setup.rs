//! A look at a Vorbis stream's headers before a decoder allocates what they ask for.
//!
//! A codebook of a hundred bytes may ask for a table of 16 MB, and there may be 256 of them. So the codebooks are walked here first
//! (Vorbis I specification, section 3.2.1) and the sum of what they expand to is limited.

use crate::limits::VORBIS_CODEBOOK_VALUES_MAX;
use crate::stream_info::check_shape;
use crate::{Error, Result};

const FORMAT: &str = "Ogg Vorbis";

/// What the identification header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identification {
    pub(crate) channels: u8,
    pub(crate) sample_rate: u32,
}

impl Identification {
    /// Reads it (section 4.2.2).
    pub(crate) fn parse(packet: &[u8]) -> Result<Self> {
        if packet.len() < 30 || packet[7..11] != [0; 4] {
            return Err(Error::damaged(FORMAT, "its first header makes no sense"));
        }
        let channels = packet[11];
        let sample_rate = u32::from_le_bytes([packet[12], packet[13], packet[14], packet[15]]);
        check_shape(u32::from(channels), sample_rate)?;
        if channels > 8 {
            return Err(Error::NotSupportedYet { format: "Ogg Vorbis with more than 8 channels" });
        }
        Ok(Self { channels, sample_rate })
    }
}

/// Refuses setup headers whose codebooks are broken or expand to more than the limit.
pub(crate) fn check_setup(packet: &[u8]) -> Result<()> {
    let broken = Error::damaged(FORMAT, "its codebooks make no sense");
    let Some(values) = packet.get(7..).and_then(codebook_values) else { return Err(broken) };
    if values > VORBIS_CODEBOOK_VALUES_MAX { Err(broken) } else { Ok(()) }
}

fn codebook_values(setup: &[u8]) -> Option<u64> {
    let mut bits = Bits { bytes: setup, position: 0 };
    let count = bits.take(8)? + 1;
    let mut values = 0;
    for _ in 0..count {
        values += codebook(&mut bits)?;
        if values > VORBIS_CODEBOOK_VALUES_MAX {
            break;
        }
    }
    Some(values)
}

/// Walks over one codebook; returns how many numbers it expands to.
fn codebook(bits: &mut Bits<'_>) -> Option<u64> {
    if bits.take(24)? != 0x56_4342 {
        return None;
    }
    let (dimensions, entries) = (bits.take(16)?, bits.take(24)?);
    if bits.take(1)? == 1 {
        skip_ordered_lengths(bits, entries)?;
    } else if bits.take(1)? == 1 {
        for _ in 0..entries {
            if bits.take(1)? == 1 {
                bits.skip(5)?;
            }
        }
    } else {
        bits.skip(u64::from(entries) * 5)?;
    }
    let lookup = bits.take(4)?;
    if lookup == 0 {
        return Some(u64::from(entries));
    }
    bits.skip(64)?;
    let value_bits = u64::from(bits.take(4)?) + 1;
    bits.skip(1)?;
    let expanded = u64::from(entries) * u64::from(dimensions);
    let stored = match lookup {
        1 => lookup_values(entries, dimensions)?,
        2 => expanded,
        _ => return None,
    };
    bits.skip(stored * value_bits)?;
    Some(expanded + u64::from(entries))
}

fn skip_ordered_lengths(bits: &mut Bits<'_>, entries: u32) -> Option<()> {
    bits.skip(5)?;
    let mut entry = 0u32;
    while entry < entries {
        let width = u32::BITS - (entries - entry).leading_zeros();
        let count = bits.take(width)?;
        entry += count;
    }
    (entry == entries).then_some(())
}

/// The greatest number whose `dimensions`-th power is at most `entries` (section 9.2.3).
fn lookup_values(entries: u32, dimensions: u32) -> Option<u64> {
    if dimensions == 0 {
        return None;
    }
    let fits = |value: u64| value.checked_pow(dimensions).is_some_and(|power| power <= u64::from(entries));
    let (mut low, mut high) = (0u64, u64::from(entries) + 1);
    while high - low > 1 {
        let middle = low.midpoint(high);
        if fits(middle) { low = middle } else { high = middle }
    }
    Some(low)
}

/// Bits, least significant first.
struct Bits<'a> {
    bytes: &'a [u8],
    position: u64,
}

impl Bits<'_> {
    /// Reads up to 32 bits.
    fn take(&mut self, count: u32) -> Option<u32> {
        let start = self.position;
        self.skip(u64::from(count))?;
        let first = (start / 8) as usize;
        let word = self.bytes[first..].iter().take(8).rev().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        Some((word >> (start % 8) & ((1 << count) - 1)) as u32)
    }

    fn skip(&mut self, count: u64) -> Option<()> {
        self.position = self.position.checked_add(count)?;
        (self.position <= self.bytes.len() as u64 * 8).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One ordered codebook of 2^17 codewords, all 17 bits long, with 32 dimensions: 16 MB out of a hundred bytes.
    fn bomb(codebooks: u32) -> Vec<u8> {
        let mut bits = Vec::new();
        let mut put = |value: u64, count: u32| (0..count).for_each(|bit| bits.push((value >> bit & 1) as u8));
        put(u64::from(codebooks) - 1, 8);
        for _ in 0..codebooks {
            put(0x56_4342, 24);
            put(32, 16);
            put(1 << 17, 24);
            put(1, 1);
            put(16, 5);
            put(1 << 17, 18);
            put(1, 4);
            put(0, 64);
            put(0, 4);
            put(0, 1);
            put(0, 1);
        }
        let mut packet = b"\x05vorbis".to_vec();
        packet.extend(bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |all, bit| all << 1 | bit)));
        packet
    }

    #[test]
    fn si3_codebooks_that_expand_without_bound_are_refused() {
        assert_eq!(codebook_values(&bomb(1)[7..]), Some((1 << 22) + (1 << 17)));
        assert!(check_setup(&bomb(1)).is_err());
        assert!(check_setup(&bomb(256)).is_err());
    }

    #[test]
    fn lookup_values_are_the_integer_root() {
        assert_eq!(lookup_values(125, 3), Some(5));
        assert_eq!(lookup_values(124, 3), Some(4));
        assert_eq!(lookup_values(81, 4), Some(3));
        assert_eq!(lookup_values(7, 1), Some(7));
        assert_eq!(lookup_values(7, 0), None);
    }
}
