//! Encoders hold no more of a long file than of a short one.

#![allow(unsafe_code, reason = "a counting allocator is an unsafe trait")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Result, Seek, SeekFrom, Write};

use media::Labels;
use media::encode::{Format, Target};
use media::wav::BitDepth;

struct Counting;

thread_local! {
    /// Bytes that this thread holds, and the most that it held.
    static HELD: Cell<i64> = const { Cell::new(0) };
    static MOST: Cell<i64> = const { Cell::new(0) };
}

fn count(bytes: i64) {
    // A thread that ends frees what its counters were counted in.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        MOST.try_with(|most| most.set(most.get().max(held.get())))
    });
}

// SAFETY: hands everything to the system's allocator; the counts are plain numbers of the thread.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: the caller's promise about the layout is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: the block came from `alloc` with this layout.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that were held at once in the course of some work, beyond those before it.
fn most_held(work: impl FnOnce()) -> i64 {
    let before = HELD.get();
    MOST.set(before);
    work();
    MOST.get() - before
}

/// A file that forgets its bytes.
#[derive(Default)]
struct Forgetful {
    at: u64,
    length: u64,
}

impl Write for Forgetful {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.at += bytes.len() as u64;
        self.length = self.length.max(self.at);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Seek for Forgetful {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(by) => self.length.saturating_add_signed(by),
            SeekFrom::Current(by) => self.at.saturating_add_signed(by),
        };
        Ok(self.at)
    }
}

/// The most bytes held while so many minutes of two tones and some noise are encoded, and how long the file is.
fn held(target: &Target, minutes: u32) -> (i64, u64) {
    const BLOCK: usize = 4_096;
    let frames = u64::from(minutes) * 60 * u64::from(target.sample_rate);
    let mut file = Forgetful::default();
    let mut state = 1u32;
    let most = most_held(|| {
        let mut encoder = target.begin(&mut file).unwrap();
        let mut planes = [[0.0f32; BLOCK]; 2];
        for block in 0..frames.div_ceil(BLOCK as u64) {
            let [left, right] = &mut planes;
            for (n, (left, right)) in left.iter_mut().zip(right).enumerate() {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (state >> 8) as f32 / 16_777_216.0 - 0.5;
                // Triangles, which are quickly made.
                let phase = |period: u64| (block * BLOCK as u64 + n as u64) % period;
                let triangle = |period: u64| phase(period).abs_diff(period / 2) as f32 / period as f32 - 0.25;
                *left = triangle(200) + 0.1 * noise;
                *right = triangle(74) - 0.05 * noise;
            }
            encoder.write(&[&planes[0], &planes[1]]).unwrap();
        }
        encoder.finish().unwrap();
    });
    (most, file.length)
}

fn does_not_grow(format: Format, depth: BitDepth, kbps: u32, sample_rate: u32) {
    let target = Target { format, depth, kbps, sample_rate, dither: Some(1), labels: Labels::default() };
    let ((short, short_bytes), (long, long_bytes)) = (held(&target, 1), held(&target, 10));
    assert!(long_bytes > 8 * short_bytes, "{format:?}: files of {short_bytes} and {long_bytes} bytes");
    assert!(short > 0 && long - short < 1 << 20, "{format:?}, {kbps} kb/s: {short} bytes for a minute, {long} for ten");
}

#[test]
fn the_allocator_counts() {
    let most = most_held(|| drop((std::hint::black_box(vec![1u8; 5_000]), std::hint::black_box(vec![1u8; 3_000]))));
    assert_eq!(most, 8_000);
}

#[test]
fn memory_does_not_grow_with_the_length_of_wav() {
    does_not_grow(Format::Wav, BitDepth::I16, 0, 48_000);
    does_not_grow(Format::Wav, BitDepth::F32, 0, 48_000);
}

#[test]
fn memory_does_not_grow_with_the_length_of_flac() {
    does_not_grow(Format::Flac, BitDepth::I24, 0, 48_000);
}

#[test]
fn memory_does_not_grow_with_the_length_of_mp3_on_average() {
    does_not_grow(Format::Mp3, BitDepth::I16, 192, 32_000);
}

#[test]
fn memory_does_not_grow_with_the_length_of_mp3_at_a_constant_rate() {
    does_not_grow(Format::Mp3, BitDepth::I16, 320, 32_000);
}

#[test]
fn memory_does_not_grow_with_the_length_of_opus() {
    does_not_grow(Format::Opus, BitDepth::I16, 128, 48_000);
}

// The C library's memory is not counted, what the crate around it holds is.
#[cfg(feature = "vorbis")]
#[test]
fn memory_does_not_grow_with_the_length_of_vorbis() {
    does_not_grow(Format::Vorbis, BitDepth::I16, 128, 22_050);
}
