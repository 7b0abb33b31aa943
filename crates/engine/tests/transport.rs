//! Play, stop, seek, loop and edits: no clicks, no seams, and the same at any block size.

mod support;

use engine::processor::{ChangeError, FADE_MS, RAMP_MS};
use engine::{
    Clip, MemoryReader, Plan, Plans, Processor, Song, SourceInfo, TICKS_PER_BEAT as BEAT, TempoChange, TempoTrack,
};
use support::songs::{clip, noise, sine, song, track};
use support::{Blocks, bits, largest_step};

const RATE: u32 = 48_000;
const FADE: usize = (RATE * FADE_MS / 1_000) as usize;
const RAMP: usize = (RATE * RAMP_MS / 1_000) as usize;
const HZ: f64 = 300.0;
/// The largest step of a sine of 300 Hz and amplitude 0.5 at 48 kHz is 0.0197; a fade adds at most 0.5 / FADE.
const STEP: f32 = 0.0197 + 0.5 / FADE as f32;

/// What the host does, and at which frame.
#[derive(Clone, Debug)]
enum Act {
    Play,
    Stop,
    Seek(i64),
    Loop(i64, i64),
    Plan(Plan),
}

/// Planar channels by id.
type Recordings = Vec<(u32, Vec<Vec<f32>>)>;

struct Player {
    processor: Processor,
    current: Plan,
    previous: Option<Plan>,
    reader: MemoryReader,
}

impl Player {
    fn new(song: &Song, recordings: &Recordings) -> Self {
        let mut reader = MemoryReader::new();
        recordings.iter().for_each(|(id, channels)| reader.insert(*id, channels.clone()));
        let current = compile(song);
        let mut processor = Processor::new(RATE);
        processor.prepare(None, &current.view());
        processor.change(None, &current.view()).expect("a new processor takes any plan of its rate");
        Self { processor, current, previous: None, reader }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Play => self.processor.play(),
            Act::Stop => self.processor.stop(),
            Act::Seek(frame) => self.processor.seek(frame),
            Act::Loop(start, end) => self.processor.set_loop(Some((start, end))),
            Act::Plan(plan) => {
                self.processor.prepare(Some(&self.current.view()), &plan.view());
                self.processor.change(Some(&self.current.view()), &plan.view()).expect("no fade is under way");
                self.previous = Some(core::mem::replace(&mut self.current, plan));
            }
        }
    }

    fn run(&mut self, frames: usize, blocks: Blocks) -> [Vec<f32>; 2] {
        let (mut left, mut right) = (vec![0.0; frames], vec![0.0; frames]);
        let mut at = 0;
        for length in blocks.lengths(frames) {
            let plans = Plans { current: self.current.view(), previous: self.previous.as_ref().map(Plan::view) };
            let part = at..at + length;
            self.processor.process(&plans, &mut self.reader, &mut left[part.clone()], &mut right[part]);
            at += length;
        }
        [left, right]
    }

    /// Runs to each act's frame, acts, and at last to the end.
    fn script(mut self, acts: &[(usize, Act)], frames: usize, blocks: Blocks) -> [Vec<f32>; 2] {
        let mut output = [Vec::new(), Vec::new()];
        for (frame, act) in acts.iter().cloned().map(|(frame, act)| (frame, Some(act))).chain([(frames, None)]) {
            let part = self.run(frame - output[0].len(), blocks);
            output.iter_mut().zip(part).for_each(|(all, part)| all.extend(part));
            if let Some(act) = act {
                self.act(act);
            }
        }
        output
    }
}

/// A sine of 300 Hz that lasts, on one track.
fn sine_song() -> (Song, Recordings) {
    let frames = 400_000;
    let sources = vec![SourceInfo { id: 1, rate: RATE, channels: 1, frames: frames as u64 }];
    (song(RATE, 120_000, sources, vec![track(1, vec![clip(1, 0, 16 * BEAT)])]), vec![(1, vec![sine(RATE, HZ, frames)])])
}

fn compile(song: &Song) -> Plan {
    Plan::compile(song).expect("a song within bounds")
}

fn player() -> Player {
    let (song, recordings) = sine_song();
    Player::new(&song, &recordings)
}

fn with_plan(change: impl FnOnce(&mut Song)) -> Plan {
    let (mut song, _) = sine_song();
    change(&mut song);
    compile(&song)
}

#[test]
fn en10_play_stop_and_seek_make_no_click() {
    let acts = [
        (0, Act::Seek(10_037)),
        (1_000, Act::Play),
        (5_000, Act::Seek(100_011)),
        (9_001, Act::Stop),
        (12_000, Act::Play),
        (12_050, Act::Stop),
        (12_060, Act::Play),
        (12_070, Act::Seek(50_013)),
        (12_080, Act::Seek(70_029)),
    ];
    let [left, _] = player().script(&acts, 20_000, Blocks::Of(128));
    assert!(largest_step(&left) < STEP, "{}", largest_step(&left));
    assert!(left[2_000..9_000].iter().any(|x| *x > 0.49) && left[19_000..].iter().any(|x| *x > 0.49));
    assert!(left[9_001 + FADE..12_000].iter().all(|x| *x == 0.0));
}

#[test]
fn en10_seeks_land_on_their_frame_playing_or_not() {
    let (song, _) = sine_song();
    let recordings = vec![(1, vec![noise(5, 400_000)])];
    let mut player = Player::new(&song, &recordings);
    player.act(Act::Seek(777));
    player.act(Act::Play);
    let [left, _] = player.run(1_000, Blocks::Of(128));
    assert_eq!(left[FADE..], recordings[0].1[0][777 + FADE..1_777]);
    player.act(Act::Seek(100_003));
    let [left, _] = player.run(1_000, Blocks::Of(128));
    assert_eq!(left[FADE..], recordings[0].1[0][100_003 + FADE..101_003]);
    assert_eq!(player.processor.position(), 101_003);
    player.act(Act::Stop);
    player.run(1_000, Blocks::Of(128));
    assert_eq!((player.processor.position(), player.processor.is_playing()), (101_003, false));
}

#[test]
fn en10_without_fades_the_same_script_clicks() {
    // So that the test above can fail: the sine itself, cut where the script cuts it, steps far more.
    let sine = sine(RATE, HZ, 200_000);
    assert!((sine[9_000 - 5_000 + 100_011] - 0.0).abs() > 4.0 * STEP);
}

#[test]
fn en10_what_begins_where_playing_begins_is_not_faded() {
    let (song, recordings) = sine_song();
    let recordings = vec![(1, vec![vec![0.5; recordings[0].1[0].len()]])];
    let [left, _] = Player::new(&song, &recordings).script(&[(0, Act::Play)], 100, Blocks::Of(128));
    assert!(left.iter().all(|x| *x == 0.5));
    let acts = [(0, Act::Seek(1)), (0, Act::Play)];
    let [left, _] = Player::new(&song, &recordings).script(&acts, 2 * FADE, Blocks::Of(128));
    assert_eq!((left[0], left[FADE / 2], left[FADE]), (0.0, 0.25, 0.5));
}

#[test]
fn en11_a_loop_over_audio_on_its_borders_is_seamless() {
    // A recording of 160 periods, looped: the sine goes on as if nothing were, to the bit.
    let period = (f64::from(RATE) / HZ) as usize;
    let frames = period * 160;
    let one = sine(RATE, HZ, frames);
    let beats = (frames as i64) * BEAT / 24_000;
    let sources = vec![SourceInfo { id: 1, rate: RATE, channels: 1, frames: frames as u64 }];
    let song = song(RATE, 120_000, sources, vec![track(1, vec![clip(1, 0, beats)])]);
    let acts = [(0, Act::Loop(0, beats)), (0, Act::Play)];
    let [left, _] = Player::new(&song, &vec![(1, vec![one.clone()])]).script(&acts, 5 * frames, Blocks::Of(128));
    for (n, x) in left.iter().enumerate() {
        assert_eq!(*x, one[n % frames], "frame {n}");
    }
}

#[test]
fn en11_a_loop_that_cuts_audio_makes_no_click() {
    let acts = [(0, Act::Loop(BEAT / 7, BEAT / 7 + BEAT / 3)), (0, Act::Play)];
    let [left, _] = player().script(&acts, 100_000, Blocks::Of(128));
    assert!(largest_step(&left) < STEP, "{}", largest_step(&left));
    // And a loop that cuts a steady tone at whole periods is heard as that tone.
    let beats = (160 * 100) * BEAT / 24_000;
    let acts = [(0, Act::Loop(beats, 2 * beats)), (0, Act::Play)];
    let [left, _] = player().script(&acts, 100_000, Blocks::Of(128));
    let tone = sine(RATE, HZ, 100_000);
    assert!(left.iter().zip(&tone).all(|(x, y)| (x - y).abs() < 1e-5));
}

#[test]
fn en11_a_loop_of_a_few_samples_is_not_looped() {
    let mut player = player();
    player.act(Act::Loop(0, 100));
    player.act(Act::Play);
    player.run(10_000, Blocks::Of(128));
    assert_eq!(player.processor.position(), 10_000);
    player.act(Act::Loop(5, 5));
    player.act(Act::Loop(i64::MIN, i64::MAX));
    player.run(1_000, Blocks::Of(128));
    assert_eq!(player.processor.position(), 11_000);
}

#[test]
fn en7_faders_glide_in_a_straight_line_and_without_steps() {
    let quiet = with_plan(|song| song.tracks[0].volume = 0.25);
    let muted = with_plan(|song| song.tracks[0].muted = true);
    let panned = with_plan(|song| song.tracks[0].pan = 1.0);
    let master = with_plan(|song| song.master.volume = 0.0);
    for (plan, target) in [(quiet, 0.25), (muted, 0.0), (panned, 0.0), (master, 0.0)] {
        let reference = player().script(&[(0, Act::Play)], 20_000, Blocks::Of(128));
        let [left, _] = player().script(&[(0, Act::Play), (5_000, Act::Plan(plan))], 20_000, Blocks::Of(128));
        assert_eq!(left[..5_000], reference[0][..5_000]);
        for n in 5_000..20_000 {
            let way = ((n - 5_000) as f32 / RAMP as f32).min(1.0);
            let expected = reference[0][n] * (1.0 + (target - 1.0) * way);
            assert!((left[n] - expected).abs() < 1e-6, "frame {n}");
        }
        assert!(largest_step(&left) < 0.0197 + 0.5 / RAMP as f32);
    }
}

#[test]
fn en7_a_fader_dragged_fast_makes_no_zipper_noise() {
    // A change every 700 frames, before the last has ended. Zipper noise would be steps of 0.5 * 0.1.
    let acts: Vec<(usize, Act)> = [(0, Act::Play)]
        .into_iter()
        .chain(
            (1..20)
                .map(|i| (700 * i, Act::Plan(with_plan(|song| song.tracks[0].volume = 1.0 - 0.1 * (i % 10) as f64)))),
        )
        .collect();
    let [left, _] = player().script(&acts, 20_000, Blocks::Of(128));
    assert!(largest_step(&left) < 0.0197 + 0.5 / RAMP as f32, "{}", largest_step(&left));
}

#[test]
fn en7_edits_while_playing_make_no_click() {
    let moved = with_plan(|song| song.tracks[0].clips[0].start_ticks = 12_345);
    let gone = with_plan(|song| song.tracks[0].clips.clear());
    let no_track = with_plan(|song| song.tracks.clear());
    let faster = with_plan(|song| song.bpm_milli = 123_456);
    let louder = with_plan(|song| song.tracks[0].clips[0].gain = 0.3);
    let acts = [
        (0, Act::Seek(20_000)),
        (0, Act::Play),
        (5_000, Act::Plan(moved)),
        (7_000, Act::Plan(gone)),
        (9_000, Act::Plan(with_plan(|_| ()))),
        (11_000, Act::Plan(no_track)),
        (13_000, Act::Plan(with_plan(|_| ()))),
        (15_000, Act::Plan(faster)),
        (17_000, Act::Plan(louder)),
    ];
    let [left, _] = player().script(&acts, 20_000, Blocks::Of(128));
    assert!(largest_step(&left) < STEP, "{}", largest_step(&left));
    assert!(left[7_000 + FADE..9_000].iter().all(|x| *x == 0.0));
    assert!(left[11_000 + FADE..13_000].iter().all(|x| *x == 0.0));
    assert!(left[16_000..].iter().any(|x| *x != 0.0));
}

#[test]
fn en7_an_edit_of_one_track_changes_no_bit_of_another() {
    let recordings = vec![(1, vec![noise(1, 100_000)]), (2, vec![noise(2, 100_000)])];
    let info = |id| SourceInfo { id, rate: RATE, channels: 1, frames: 100_000 };
    let two = |second: Vec<Clip>, order: bool| {
        let (one, other) = (track(1, vec![clip(1, 0, 8 * BEAT)]), track(2, second));
        let tracks = if order { vec![one, other] } else { vec![other, one] };
        song(RATE, 120_000, vec![info(2), info(1)], tracks)
    };
    // Reordered, and the other track's silent clip moved: the first plays on, bit by bit.
    let beyond = |start: i64| vec![clip(2, start, BEAT)];
    let player = || Player::new(&two(beyond(6 * BEAT), true), &recordings);
    let plan = Plan::compile(&two(beyond(5 * BEAT), false)).unwrap();
    let edited = player().script(&[(0, Act::Play), (1_111, Act::Plan(plan))], 50_000, Blocks::Of(128));
    assert_eq!(bits(&edited), bits(&player().script(&[(0, Act::Play)], 50_000, Blocks::Of(128))));
}

#[test]
fn en7_a_tempo_change_keeps_the_place_in_ticks() {
    let mut player = player();
    player.act(Act::Seek(24_000));
    player.act(Act::Play);
    player.run(12_000, Blocks::Of(128));
    assert_eq!(player.processor.position(), 36_000);
    player.act(Act::Plan(with_plan(|song| song.bpm_milli = 60_000)));
    assert_eq!(player.processor.position(), 72_000);
    assert!(player.processor.needs_previous());
    player.run(FADE, Blocks::Of(128));
    assert!(!player.processor.needs_previous());
}

#[test]
fn en7_a_tempo_that_changes_behind_the_place_is_not_heard_at_it() {
    let change = |beats: i64, bpm_milli| TempoChange { ticks: beats * BEAT, bpm_milli, ramp: false };
    let short = |song: &mut Song| song.tracks[0].clips[0].duration_ticks = 4 * BEAT;
    let before = || {
        let (mut song, recordings) = sine_song();
        short(&mut song);
        Player::new(&song, &recordings)
    };
    let later = with_plan(|song| {
        short(song);
        song.tempo_changes = vec![change(8, 60_000)];
    });
    let acts = [(0, Act::Play), (10_000, Act::Plan(later))];
    let played = before().script(&acts, 40_000, Blocks::Of(128));
    assert_eq!(bits(&played), bits(&before().script(&[(0, Act::Play)], 40_000, Blocks::Of(128))));
    // Before the place it moves it: two beats at 60 are 96,000 frames.
    let mut player = player();
    player.act(Act::Seek(60_000));
    player.act(Act::Play);
    player.run(FADE, Blocks::Of(128));
    player.act(Act::Plan(with_plan(|song| song.tempo_changes = vec![change(1, 60_000)])));
    assert_eq!(player.processor.position(), 24_000 + 2 * (36_000 + FADE as i64));
}

#[test]
fn en11_a_loop_over_a_change_of_tempo_is_seamless() {
    // Noise that lasts, from the start; the loop's borders lie on it, the second behind a jump and a ramp.
    let frames = 400_000;
    let sources = vec![SourceInfo { id: 1, rate: RATE, channels: 1, frames: frames as u64 }];
    let changes = vec![
        TempoChange { ticks: BEAT, bpm_milli: 173_000, ramp: false },
        TempoChange { ticks: 3 * BEAT, bpm_milli: 60_000, ramp: true },
    ];
    let map = TempoTrack::new(RATE, 120_000, &changes).unwrap();
    let (start, end) = (map.map().frame(BEAT / 2) as usize, map.map().frame(7 * BEAT / 2) as usize);
    let clips = vec![clip(1, 0, BEAT / 2), clip(1, BEAT / 2, 3 * BEAT), clip(1, 7 * BEAT / 2, BEAT)];
    let song = Song { tempo_changes: changes, ..song(RATE, 120_000, sources, vec![track(1, clips)]) };
    let recording = noise(5, frames);
    let acts = [(0, Act::Loop(BEAT / 2, 7 * BEAT / 2)), (0, Act::Play)];
    let [left, _] = Player::new(&song, &vec![(1, vec![recording.clone()])]).script(&acts, 2 * end, Blocks::Of(128));
    let pass = end - start;
    for (n, x) in left.iter().enumerate() {
        let within = if n < start { n } else { (n - start) % pass };
        assert_eq!(*x, recording[within], "frame {n}");
    }
}

#[test]
fn en7_a_plan_of_another_rate_or_during_a_fade_is_refused() {
    let mut player = player();
    let (mut song, _) = sine_song();
    song.sample_rate = 44_100;
    let plan = Plan::compile(&song).unwrap();
    let refused = player.processor.change(Some(&player.current.view()), &plan.view());
    assert_eq!(refused, Err(ChangeError::SampleRate));
    player.act(Act::Seek(1_000));
    player.act(Act::Play);
    player.run(10, Blocks::Of(128));
    let current = player.current.clone();
    let refused = player.processor.change(Some(&current.view()), &current.view());
    assert_eq!(refused, Err(ChangeError::Busy));
}

#[test]
fn en13_scripts_give_the_same_bits_in_all_block_sizes() {
    let acts = [
        (0, Act::Seek(20_000)),
        (100, Act::Play),
        (3_000, Act::Seek(30_011)),
        (3_100, Act::Seek(60_000)),
        (3_150, Act::Stop),
        (4_000, Act::Play),
        (5_000, Act::Plan(with_plan(|song| song.tracks[0].volume = 0.3))),
        (5_500, Act::Plan(with_plan(|song| song.tracks[0].clips[0].start_ticks = 999))),
        (7_000, Act::Plan(with_plan(|song| song.bpm_milli = 99_000))),
        (8_000, Act::Loop(2 * BEAT, 2 * BEAT + BEAT / 16)),
        (8_001, Act::Seek(58_000)),
    ];
    let reference = player().script(&acts, 20_000, Blocks::Of(128));
    for blocks in Blocks::all() {
        assert_eq!(bits(&player().script(&acts, 20_000, blocks)), bits(&reference), "{blocks:?}");
    }
}

#[test]
fn en12_meters_give_the_peak_since_they_were_read() {
    let mut player = player();
    player.act(Act::Plan(with_plan(|song| {
        (song.tracks[0].volume, song.tracks[0].pan, song.master.volume) = (0.5, 1.0, 0.5);
    })));
    player.act(Act::Play);
    player.run(10_000, Blocks::Of(128));
    let [left, right] = player.processor.take_track_peaks(0);
    assert_eq!(left, 0.0);
    assert!((right - 0.25).abs() < 1e-3);
    let [left, right] = player.processor.take_master_peaks();
    assert_eq!(left, 0.0);
    assert!((right - 0.125).abs() < 1e-3);
    assert_eq!(player.processor.take_track_peaks(0), [0.0; 2]);
    assert_eq!(player.processor.take_track_peaks(99), [0.0; 2]);
}
