//! Waveforms as BBC audiowaveform writes them: one resolution, channels mixed to one.
//!
//! Format: the audiowaveform project's document "Waveform data format".

use std::io::Write;

use super::extent::Extent;
use super::pixels::Pixels;
use crate::{Error, Result};

/// Most pairs of a waveform: 24 hours at 48 kHz with 128 samples per pixel.
pub const WAVEFORM_PAIRS_MAX: usize = 32_400_000;
/// Fewest samples per pixel, as audiowaveform has it.
const SAMPLES_PER_PIXEL_MIN: u32 = 2;
const FLAG_8_BITS: u32 = 1;

/// How a waveform is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaveformOptions {
    /// Samples that one pair of minimum and maximum stands for; at least 2.
    pub samples_per_pixel: u32,
    /// Threads that may be used; 0 means as many as there are processors.
    pub threads: usize,
}

impl Default for WaveformOptions {
    fn default() -> Self {
        Self { samples_per_pixel: 256, threads: 0 }
    }
}

impl WaveformOptions {
    /// Refuses what cannot be computed.
    pub(crate) fn check(self) -> Result<Self> {
        if !(SAMPLES_PER_PIXEL_MIN..=i32::MAX as u32).contains(&self.samples_per_pixel) {
            return Err(Error::Option("samples per pixel must be a whole number from 2 to 2,147,483,647"));
        }
        Ok(self)
    }
}

/// Bits that a waveform's values are written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// -128 to 127.
    Bits8,
    /// -32,768 to 32,767.
    Bits16,
}

impl Resolution {
    /// From a number of bits.
    ///
    /// # Errors
    /// [`Error::Option`] for other numbers than 8 and 16.
    pub fn from_bits(bits: u32) -> Result<Self> {
        match bits {
            8 => Ok(Self::Bits8),
            16 => Ok(Self::Bits16),
            _ => Err(Error::Option("a waveform has 8 or 16 bits")),
        }
    }
}

/// Minima and maxima of the mono mix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waveform {
    /// Frames per second of the sound.
    pub sample_rate: u32,
    /// Samples that one pair stands for.
    pub samples_per_pixel: u32,
    /// Interleaved minima and maxima, 16 bits.
    pub data: Vec<i16>,
}

/// Pairs of 16 bits in the making, from sums over channels.
pub(crate) type WaveformPixels<V> = Pixels<V, [i16; 2]>;

/// Collects pairs from sums of 16-bit samples over `channels`: divided by their number, cut towards zero.
pub(crate) fn integer_pixels(samples_per_pixel: u32, start: u64, channels: u16) -> WaveformPixels<i32> {
    let store = |extent: Extent<i32>, channels: f32| [extent.min, extent.max].map(|sum| (sum / channels as i32) as i16);
    Pixels::new(samples_per_pixel as usize, start, store, f32::from(channels), WAVEFORM_PAIRS_MAX)
}

/// Collects pairs from sums over `channels` of samples within -1 to 1, of which `full_scale` makes 16 bits.
pub(crate) fn float_pixels(samples_per_pixel: u32, start: u64, channels: u16, full_scale: f32) -> WaveformPixels<f32> {
    let store = |extent: Extent<f32>, scale: f32| {
        if extent.is_nothing() { [0, 0] } else { [extent.min, extent.max].map(|sum| (sum * scale) as i16) }
    };
    Pixels::new(samples_per_pixel as usize, start, store, full_scale / f32::from(channels), WAVEFORM_PAIRS_MAX)
}

impl Waveform {
    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.data.len() / 2
    }

    /// Whether there is not a single pair.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Writes the binary form, version 2.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_dat<W: Write>(&self, mut out: W, resolution: Resolution) -> Result<()> {
        let flags = if resolution == Resolution::Bits8 { FLAG_8_BITS } else { 0 };
        let mut bytes = Vec::with_capacity(24 + self.data.len() * 2);
        for field in [2, flags, self.sample_rate, self.samples_per_pixel, self.len() as u32, 1] {
            bytes.extend_from_slice(&field.to_le_bytes());
        }
        match resolution {
            Resolution::Bits8 => bytes.extend(self.data.iter().map(|value| (value / 256) as u8)),
            Resolution::Bits16 => bytes.extend(self.data.iter().flat_map(|value| value.to_le_bytes())),
        }
        out.write_all(&bytes)?;
        Ok(out.flush()?)
    }

    /// Writes the JSON form, with the fields that audiowaveform writes, in its order.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_json<W: Write>(&self, mut out: W, resolution: Resolution) -> Result<()> {
        let (bits, divisor) = if resolution == Resolution::Bits8 { (8, 256) } else { (16, 1) };
        let (rate, width, length) = (self.sample_rate, self.samples_per_pixel, self.len());
        let mut text = format!(
            "{{\"version\":2,\"channels\":1,\"sample_rate\":{rate},\"samples_per_pixel\":{width},\"bits\":{bits},\"length\":{length},\"data\":["
        )
        .into_bytes();
        for (at, value) in self.data.iter().enumerate() {
            if at > 0 {
                text.push(b',');
            }
            write_number(&mut text, value / divisor);
        }
        text.extend_from_slice(b"]}\n");
        out.write_all(&text)?;
        Ok(out.flush()?)
    }
}

/// Decimal digits. A waveform has hundreds of thousands of numbers; `write!` takes several times as long.
fn write_number(text: &mut Vec<u8>, value: i16) {
    if value < 0 {
        text.push(b'-');
    }
    let mut rest = value.unsigned_abs();
    let mut digits = [0; 5];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_like_any_number() {
        for value in i16::MIN..=i16::MAX {
            let mut text = Vec::new();
            write_number(&mut text, value);
            assert_eq!(text, value.to_string().into_bytes());
        }
    }
}
