//! The signal that the fixtures were made from, and ways to build WAV files byte by byte.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::PathBuf;

/// Frames of every fixture.
pub(crate) const FRAMES: usize = 12_000;

/// A fixture's path.
pub(crate) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The fixtures' 16-bit samples, by the same integer arithmetic as `make_fixtures.py`.
pub(crate) fn signal(channel: i64) -> Vec<i16> {
    let mut state = 12_345 + channel;
    (0..FRAMES as i64)
        .map(|n| {
            state = (state * 1_103_515_245 + 12_345) & 0x7FFF_FFFF;
            let noise = (state >> 16) % 33 - 16;
            let sample = triangle(n, 200 + 26 * channel, 9_000) + triangle(n, 74 + 10 * channel, 3_000) + noise;
            sample as i16
        })
        .collect()
}

fn triangle(n: i64, period: i64, amplitude: i64) -> i64 {
    let (phase, half) = (n % period, period / 2);
    let rising = if phase < half { phase } else { period - phase };
    rising * 2 * amplitude / half - amplitude
}

/// A chunk with its pad byte.
pub(crate) fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut bytes = name.to_vec();
    bytes.extend((content.len() as u32).to_le_bytes());
    bytes.extend(content);
    if content.len() % 2 == 1 {
        bytes.push(0);
    }
    bytes
}

/// A plain `fmt ` chunk's content.
pub(crate) fn format(tag: u16, channels: u16, rate: u32, bits: u16) -> Vec<u8> {
    let align = channels * bits.div_ceil(8);
    let mut bytes = Vec::new();
    bytes.extend(tag.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * u32::from(align)).to_le_bytes());
    bytes.extend(align.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes
}

/// A RIFF file of these chunks.
pub(crate) fn riff(chunks: &[Vec<u8>]) -> Vec<u8> {
    let body = chunks.concat();
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((body.len() as u32 + 4).to_le_bytes());
    bytes.extend(b"WAVE");
    bytes.extend(body);
    bytes
}

/// A WAV file with one format and its samples.
pub(crate) fn wav(tag: u16, channels: u16, rate: u32, bits: u16, samples: &[u8]) -> Vec<u8> {
    riff(&[chunk(b"fmt ", &format(tag, channels, rate, bits)), chunk(b"data", samples)])
}

/// Decodes a file in memory from end to end, by channel.
pub(crate) fn decode(bytes: Vec<u8>) -> media::Result<(media::StreamInfo, Vec<Vec<f32>>)> {
    let mut decoder = media::Decoder::new(std::io::Cursor::new(bytes))?;
    let mut planes = vec![Vec::new(); usize::from(decoder.info().channels)];
    while let Some(block) = decoder.next_block()? {
        for (plane, part) in planes.iter_mut().zip(block.planes()) {
            plane.extend_from_slice(part);
        }
    }
    Ok((decoder.info().clone(), planes))
}
