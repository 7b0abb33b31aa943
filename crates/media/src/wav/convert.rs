//! Stored samples to floating point.
//!
//! Integers are divided by the power of two that is their full scale, which is exact up to 24 bits: i16 by 32,768, i24 by
//! 8,388,608. 32-bit integers and 64-bit floats are rounded to the nearest 32-bit float.

use super::header::SampleFormat;

/// A 16-bit sample as floating point: exactly `x / 32768`.
pub fn i16_to_f32(sample: i16) -> f32 {
    f32::from(sample) * (1.0 / 32_768.0)
}

/// Deinterleaves and converts as many whole frames as `bytes` holds and `out` has room for; returns their number.
///
/// `bytes` are interleaved samples in `format`, one after the other, `out.len()` of them to a frame; `out` is one slice per channel. The number of channels is `out.len()`.
pub fn decode_planar(format: SampleFormat, bytes: &[u8], out: &mut [&mut [f32]]) -> usize {
    let Some(room) = out.iter().map(|plane| plane.len()).min() else { return 0 };
    let channels = out.len();
    let frames = (bytes.len() / (format.bytes() * channels)).min(room);
    let bytes = &bytes[..frames * format.bytes() * channels];
    match format {
        SampleFormat::U8 => convert(bytes, out, |[b]: [u8; 1]| (f32::from(b) - 128.0) * (1.0 / 128.0)),
        SampleFormat::I16 => convert(bytes, out, |b| i16_to_f32(i16::from_le_bytes(b))),
        SampleFormat::I24 => convert(bytes, out, |b| i24(b) as f32 * (1.0 / 8_388_608.0)),
        SampleFormat::I32 => convert(bytes, out, |b| i32::from_le_bytes(b) as f32 * (1.0 / 2_147_483_648.0)),
        SampleFormat::F32 => convert(bytes, out, f32::from_le_bytes),
        SampleFormat::F64 => convert(bytes, out, |b| f64::from_le_bytes(b) as f32),
    }
    frames
}

/// Interleaved stored samples as 16-bit integers, by dropping low bits (rounding down); floating point is
/// multiplied by 32,767 in single precision, cut towards zero, and beyond full scale wraps around. Returns the number of samples.
pub(crate) fn decode_i16(format: SampleFormat, bytes: &[u8], out: &mut [i16]) -> usize {
    let count = (bytes.len() / format.bytes()).min(out.len());
    let out = &mut out[..count];
    match format {
        SampleFormat::U8 => map(bytes, out, |[b]: [u8; 1]| (i16::from(b) - 128) << 8),
        SampleFormat::I16 => map(bytes, out, i16::from_le_bytes),
        SampleFormat::I24 => map(bytes, out, |[_, middle, high]: [u8; 3]| i16::from_le_bytes([middle, high])),
        SampleFormat::I32 => map(bytes, out, |[_, _, low, high]: [u8; 4]| i16::from_le_bytes([low, high])),
        SampleFormat::F32 => map(bytes, out, |b| float_to_i16(f32::from_le_bytes(b))),
        SampleFormat::F64 => map(bytes, out, |b| float_to_i16(f64::from_le_bytes(b) as f32)),
    }
    count
}

/// What a C program's conversion to `short` does on x86-64, as audiowaveform has it (rule PK4): the low half of a 32-bit integer, which is 0 for
/// what has none.
fn float_to_i16(sample: f32) -> i16 {
    let scaled = sample * 32_767.0;
    if scaled.abs() < 2_147_483_648.0 { scaled as i32 as i16 } else { 0 }
}

fn i24([low, middle, high]: [u8; 3]) -> i32 {
    i32::from_le_bytes([0, low, middle, high]) >> 8
}

fn map<const N: usize, T>(bytes: &[u8], out: &mut [T], sample: impl Fn([u8; N]) -> T) {
    for (value, stored) in out.iter_mut().zip(bytes.as_chunks::<N>().0) {
        *value = sample(*stored);
    }
}

fn convert<const N: usize>(bytes: &[u8], out: &mut [&mut [f32]], sample: impl Fn([u8; N]) -> f32) {
    let samples = bytes.as_chunks::<N>().0;
    match out {
        [mono] => {
            for (value, stored) in mono.iter_mut().zip(samples) {
                *value = sample(*stored);
            }
        }
        [left, right] => {
            for ((left, right), [l, r]) in left.iter_mut().zip(right.iter_mut()).zip(samples.as_chunks::<2>().0) {
                *left = sample(*l);
                *right = sample(*r);
            }
        }
        _ => {
            let channels = out.len();
            for (channel, plane) in out.iter_mut().enumerate() {
                for (value, stored) in
                    plane.iter_mut().zip(samples[channel.min(samples.len())..].iter().step_by(channels))
                {
                    *value = sample(*stored);
                }
            }
        }
    }
}
