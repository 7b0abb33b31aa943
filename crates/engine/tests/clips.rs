//! Clips: shapes of fades, crossfades, repeats, backwards, slipped; no seam and no drift.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use dsp::fade::Shape;
use engine::{Clip, CompileError, MemoryReader, Plan, Song, SourceInfo, TICKS_PER_BEAT as BEAT};
use support::songs::{clip, noise, song, track};

/// At 120 beats per minute and 48 kHz a beat has 24,000 frames.
const BEAT_FRAMES: usize = 24_000;

fn of(rate: u32, recording: &[f32], clips: Vec<Clip>) -> (Song, MemoryReader) {
    let source = SourceInfo { id: 1, rate, channels: 1, frames: recording.len() as u64 };
    let mut reader = MemoryReader::new();
    reader.insert(1, vec![recording.to_vec()]);
    (song(48_000, 120_000, vec![source], vec![track(1, clips)]), reader)
}

fn render(song: &Song, reader: &mut MemoryReader, frames: core::ops::Range<i64>) -> Vec<f32> {
    let plan = Plan::compile(song).unwrap();
    let mut heard = Vec::new();
    engine::render(&plan.view(), reader, frames, |left, _| {
        heard.extend_from_slice(left);
        Ok::<_, ()>(())
    })
    .unwrap();
    heard
}

#[test]
fn en3_a_fade_has_its_shape_to_the_frame() {
    for shape in Shape::ALL {
        let whole = Clip {
            fade_in_ticks: BEAT / 4,
            fade_out_ticks: BEAT / 2,
            fade_in_shape: shape,
            fade_out_shape: shape,
            ..clip(1, 0, BEAT)
        };
        let (song, mut reader) = of(48_000, &vec![1.0; 30_000], vec![whole]);
        let heard = render(&song, &mut reader, 0..BEAT_FRAMES as i64);
        for (n, x) in heard.iter().enumerate() {
            let rise = if n < 6_000 { shape.weight(n as f64 / 6_000.0) } else { 1.0 };
            let fall = if n >= 12_000 { shape.weight((24_000 - n) as f64 / 12_000.0) } else { 1.0 };
            assert!((f64::from(*x) - rise * fall).abs() < 1e-6, "{shape:?}, frame {n}");
        }
    }
}

#[test]
fn en3_a_crossfade_keeps_the_level_of_what_is_alike_and_the_power_of_what_is_not() {
    for (shape, of_two) in [(Shape::Linear, 1.0f64), (Shape::EqualPower, core::f64::consts::SQRT_2)] {
        let one = Clip { fade_out_ticks: BEAT / 2, fade_out_shape: shape, ..clip(1, 0, BEAT) };
        let other = Clip { fade_in_ticks: BEAT / 2, fade_in_shape: shape, ..clip(1, BEAT / 2, BEAT) };
        let (song, mut reader) = of(48_000, &vec![0.5; 30_000], vec![one, other]);
        let heard = render(&song, &mut reader, 0..30_000);
        assert!((f64::from(heard[18_000]) - 0.5 * of_two).abs() < 1e-4, "{shape:?}: {}", heard[18_000]);
        assert!((heard[11_000] - 0.5).abs() < 1e-6 && (heard[25_000] - 0.5).abs() < 1e-6);
    }
}

#[test]
fn en2_a_repeated_part_follows_itself_without_a_seam() {
    let recording = noise(3, 40_000);
    let looped = Clip { loop_ticks: BEAT / 3, source_offset_seconds: 0.1, ..clip(1, BEAT / 2, 2 * BEAT) };
    let (song, mut reader) = of(48_000, &recording, vec![looped]);
    let heard = render(&song, &mut reader, 0..70_000);
    let (start, length) = (BEAT_FRAMES / 2, BEAT_FRAMES / 3);
    for (n, x) in heard.iter().enumerate() {
        let expected = match n.checked_sub(start) {
            Some(since) if since < 2 * BEAT_FRAMES => recording[4_800 + since % length],
            _ => 0.0,
        };
        assert_eq!(*x, expected, "frame {n}");
    }
}

#[test]
fn en2_repeats_fade_as_one_clip() {
    let looped =
        Clip { loop_ticks: BEAT / 4, fade_in_ticks: BEAT, fade_in_shape: Shape::Smooth, ..clip(1, 0, 2 * BEAT) };
    let whole = Clip { loop_ticks: 0, ..looped };
    let ones = vec![1.0; 60_000];
    let (repeated, mut reader) = of(48_000, &ones, vec![looped]);
    let (plain, _) = of(48_000, &ones, vec![whole]);
    assert_eq!(render(&repeated, &mut reader, 0..50_000), render(&plain, &mut reader, 0..50_000));
}

#[test]
fn en2_a_reversed_clip_plays_the_recording_turned_around() {
    for rate in [48_000, 44_100, 96_000, 47_999] {
        let recording = noise(4, 30_000);
        let turned: Vec<f32> = recording.iter().rev().copied().collect();
        let whole = Clip { source_offset_seconds: 0.05, ..clip(1, BEAT / 8, BEAT) };
        let (backwards, mut reader) = of(rate, &recording, vec![Clip { reversed: true, ..whole }]);
        let (forwards, mut other) = of(rate, &turned, vec![whole]);
        let (a, b) = (render(&backwards, &mut reader, 0..30_000), render(&forwards, &mut other, 0..30_000));
        assert!(a == b && a.iter().any(|x| *x != 0.0), "{rate} Hz");
    }
}

#[test]
fn en2_a_slipped_clip_plays_another_part_in_the_same_place() {
    let recording = noise(5, 60_000);
    for offset in [0, 1, 777, 20_000] {
        let slipped = Clip { source_offset_seconds: f64::from(offset) / 48_000.0, ..clip(1, BEAT, BEAT) };
        let (song, mut reader) = of(48_000, &recording, vec![slipped]);
        let heard = render(&song, &mut reader, 24_000..48_000);
        assert!(heard == recording[offset as usize..][..24_000], "slipped by {offset}");
    }
}

#[test]
fn en8_nothing_drifts_in_an_hour_at_any_rate() {
    // A click in the recording at every second for an hour and a bit, read where the last ones lie.
    struct Clicks(i64);
    impl engine::Reader for Clicks {
        fn read(&mut self, _: u32, start: i64, left: &mut [f32], _: &mut [f32]) {
            for (n, x) in left.iter_mut().enumerate() {
                *x = if (start + n as i64).rem_euclid(self.0) == 0 { 1.0 } else { 0.0 };
            }
        }
    }
    for rate in [44_100u32, 48_000, 88_200, 96_000, 192_000] {
        for engine_rate in [44_100u32, 48_000, 96_000] {
            let source = SourceInfo { id: 1, rate, channels: 1, frames: u64::from(rate) * 3_700 };
            let mut song = song(engine_rate, 120_000, vec![source], vec![track(1, vec![clip(1, 0, 7_400 * BEAT)])]);
            song.sample_rate = engine_rate;
            let plan = Plan::compile(&song).unwrap();
            let second = i64::from(engine_rate);
            let at = 3_600 * second;
            let mut heard = Vec::new();
            engine::render(&plan.view(), &mut Clicks(i64::from(rate)), at - 100..at + 101, |left, _| {
                heard.extend_from_slice(left);
                Ok::<_, ()>(())
            })
            .unwrap();
            let loudest = (0..heard.len()).max_by(|a, b| heard[*a].abs().total_cmp(&heard[*b].abs()));
            assert_eq!(loudest, Some(100), "{rate} to {engine_rate} Hz");
            let mirrored = (1..90).all(|n| (heard[100 - n] - heard[100 + n]).abs() < 1e-6);
            assert!(mirrored, "{rate} to {engine_rate} Hz: the click lies on its frame, not beside it");
        }
    }
}

#[test]
fn w6_a_part_is_not_repeated_without_end() {
    // A song with such clips is played: each is silent behind the last pass that has a place.
    let part = BEAT / 1_000;
    let tiny = |start| Clip { loop_ticks: part, ..clip(1, start, 64 * BEAT) };
    let (song, mut reader) = of(48_000, &[1.0; 100], (0..20).map(tiny).collect());
    let sound = render(&song, &mut reader, 0..64 * BEAT_FRAMES as i64);
    let last = sound.iter().rposition(|frame| *frame != 0.0).unwrap();
    assert!((380_000..400_000).contains(&last), "16,384 passes of 24 frames are not {last}");
    assert!(sound[..20_000].iter().all(|frame| *frame > 15.0), "all twenty play at first");
    assert!(Plan::compile(&song).unwrap().into_words().len() < 262_144 * 32);
    let negative = Clip { loop_ticks: -1, ..clip(1, 0, BEAT) };
    let (song, _) = of(48_000, &[0.0; 100], vec![negative]);
    assert_eq!(Plan::compile(&song), Err(CompileError::ClipPlace(0, 0)));
}
