//! Is it a plan? Every word is looked at before the first is used.

mod graph;

use dsp::resample::Conversion;

use super::view::{Header, PlanView, i64_at, u64_at};
use super::{
    CLIP_WORDS, CLIPS_MAX, CONVERSION_WORDS, CONVERSIONS_MAX, ClipRecord, FRAME_MAX, GAIN_MAX, HEADER_WORDS, MAGIC,
    METRE_WORDS, PlanError, SOURCE_WORDS, SOURCES_MAX, STRETCH_WORDS, TRACK_WORDS, TRACKS_MAX, TrackRecord, VERSION,
};
use crate::metronome::Beats;
use crate::tempo::CHANGES_MAX;

/// The largest magnitude of a filter's coefficient.
const COEFFICIENT_MAX: f32 = 2.0;

pub(super) fn header(words: &[u32]) -> Result<Header, PlanError> {
    let w = words.first_chunk::<HEADER_WORDS>().ok_or(PlanError::Length)?;
    if w[0] != MAGIC {
        return Err(PlanError::Magic);
    }
    if w[1] != VERSION {
        return Err(PlanError::Version(w[1]));
    }
    if w[2] as usize != words.len() {
        return Err(PlanError::Length);
    }
    if !(dsp::resample::RATE_MIN..=dsp::resample::RATE_MAX).contains(&w[3]) {
        return Err(PlanError::Tempo);
    }
    let header = Header {
        sample_rate: w[3],
        stretches: w[4] as usize,
        metres: w[5] as usize,
        master_gain: f32::from_bits(w[7]),
        tracks: w[8] as usize,
        clips: w[9] as usize,
        sources: w[10] as usize,
        conversions: w[11] as usize,
        frames: i64_at(w, 12),
        devices: w[14] as usize,
        values: w[15] as usize,
        edges: w[16] as usize,
        lanes: w[17] as usize,
        points: w[18] as usize,
        latency: w[19],
        structure: u64_at(w, 20),
        master_devices: w[22] as usize,
        master_moves: w[6] == 1,
        master_content: u64_at(w, 23),
    };
    let counts = header.tracks <= TRACKS_MAX
        && header.clips <= CLIPS_MAX
        && header.sources <= SOURCES_MAX
        && header.conversions <= CONVERSIONS_MAX
        && (1..=1 + CHANGES_MAX).contains(&header.stretches)
        && (1..=1 + CHANGES_MAX).contains(&header.metres)
        && graph::counts(&header);
    // The digest, in words 25 and 26, is of no concern to whoever checks everything.
    let rest = w[6] <= 1 && w[27..].iter().all(|word| *word == 0);
    if !counts || !rest || !is_gain(header.master_gain) || !(0..=FRAME_MAX).contains(&header.frames) {
        return Err(PlanError::Header);
    }
    let records = HEADER_WORDS
        + header.tracks * TRACK_WORDS
        + header.clips * CLIP_WORDS
        + header.sources * SOURCE_WORDS
        + header.conversions * CONVERSION_WORDS
        + graph::words(&header)
        + header.stretches * STRETCH_WORDS
        + header.metres * METRE_WORDS;
    if words.len() < records { Err(PlanError::Length) } else { Ok(header) }
}

pub(super) fn body(plan: &PlanView<'_>) -> Result<(), PlanError> {
    if !plan.tempo().is_sound() || !Beats::are_metres(plan.metres()) {
        return Err(PlanError::Tempo);
    }
    conversions(plan)?;
    sources(plan)?;
    tracks(plan)?;
    let mut end = 0;
    for index in 0..plan.track_count() {
        end = clips(plan, &plan.track(index))?.max(end);
    }
    if end == plan.frames() { graph::check(plan) } else { Err(PlanError::Header) }
}

fn conversions(plan: &PlanView<'_>) -> Result<(), PlanError> {
    let mut table_at = plan.tables_at();
    for index in 0..plan.conversion_count() {
        let wrong = PlanError::Conversion(index as u32);
        let w: &[u32; CONVERSION_WORDS] = plan.record(plan.conversions_at(), index);
        let expected = Conversion::between(w[0], plan.sample_rate()).map_err(|_| wrong)?;
        let said = Conversion { up: w[1], down: w[2], taps: w[3], phases: w[4] };
        if said != expected || w[5] as usize != table_at || w[6..] != [0, 0] {
            return Err(wrong);
        }
        let length = said.table_len();
        let table = plan.words().get(table_at..table_at + length).ok_or(PlanError::Length)?;
        // Written without `all`, so that it is one vector loop: a NaN fails the comparison as well.
        let good = table.iter().fold(true, |good, h| good & (f32::from_bits(*h).abs() <= COEFFICIENT_MAX));
        if !good {
            return Err(wrong);
        }
        table_at += length;
    }
    if table_at == plan.words().len() { Ok(()) } else { Err(PlanError::Length) }
}

fn sources(plan: &PlanView<'_>) -> Result<(), PlanError> {
    for index in 0..plan.source_count() {
        let w: &[u32; SOURCE_WORDS] = plan.record(plan.sources_at(), index);
        let source = plan.source(index);
        let converted = match source.conversion {
            None => source.rate == plan.sample_rate(),
            Some(conversion) if (conversion as usize) < plan.conversion_count() => {
                let c: &[u32; CONVERSION_WORDS] = plan.record(plan.conversions_at(), conversion as usize);
                c[0] == source.rate
            }
            Some(_) => false,
        };
        let good = converted && (1..=2).contains(&source.channels) && (0..=FRAME_MAX).contains(&source.frames);
        if !good || w[6..] != [0, 0] {
            return Err(PlanError::Source(index as u32));
        }
    }
    Ok(())
}

fn tracks(plan: &PlanView<'_>) -> Result<(), PlanError> {
    let mut next_clip = 0;
    let mut last_id = None;
    for index in 0..plan.track_count() {
        let wrong = PlanError::Track(index as u32);
        let w: &[u32; TRACK_WORDS] = plan.record(HEADER_WORDS, index);
        let track = plan.track(index);
        let in_order = plan.track_by_id(index);
        if in_order >= plan.track_count() {
            return Err(wrong);
        }
        // Rising ids over all places: every track is named once.
        let id = Some(plan.track(in_order).id);
        let good = track.gains.into_iter().all(is_gain) && track.first_clip == next_clip && id > last_id;
        // The comparison comes before the sum: a usize has 32 bits in WASM.
        if !good || track.clips > plan.clip_count() - next_clip || w[17] > 1 || w[21..] != [0, 0, 0] {
            return Err(wrong);
        }
        next_clip += track.clips;
        last_id = id;
    }
    if next_clip == plan.clip_count() { Ok(()) } else { Err(PlanError::Header) }
}

/// Checks a track's clips and returns their latest end.
fn clips(plan: &PlanView<'_>, track: &TrackRecord) -> Result<i64, PlanError> {
    let range = track.first_clip..track.first_clip + track.clips;
    let mut last_start = i64::MIN;
    for index in range.clone() {
        let clip = plan.clip(index);
        let w: &[u32; CLIP_WORDS] = plan.record(plan.clips_at(), index);
        let shapes = (w[16] >> 1 & 7) < 5 && w[16] >> 4 < 5 && w[17] == 0;
        if !shapes || !is_clip(plan, &clip) || clip.start < last_start {
            return Err(PlanError::Clip(index as u32));
        }
        last_start = clip.start;
    }
    subtree(plan, range.start, range.end)
}

fn is_clip(plan: &PlanView<'_>, clip: &ClipRecord) -> bool {
    let frame = |frame: i64| (-FRAME_MAX..=FRAME_MAX).contains(&frame);
    frame(clip.fade_in_start)
        && clip.fade_in_start <= clip.start
        && clip.start < clip.end
        && clip.end <= clip.fade_out_end
        && frame(clip.fade_out_end)
        && frame(clip.anchor)
        && clip.fade_in <= i32::MAX as u32
        && clip.fade_out <= i32::MAX as u32
        && is_gain(clip.gain)
        && (clip.source as usize) < plan.source_count()
}

/// Checks what the tree says about `[low, high)`, and returns the latest end in it.
fn subtree(plan: &PlanView<'_>, low: usize, high: usize) -> Result<i64, PlanError> {
    if low >= high {
        return Ok(i64::MIN);
    }
    let middle = low.midpoint(high);
    let clip = plan.clip(middle);
    let end = clip.end.max(subtree(plan, low, middle)?).max(subtree(plan, middle + 1, high)?);
    if end == clip.subtree_end { Ok(end) } else { Err(PlanError::Clip(middle as u32)) }
}

fn is_gain(gain: f32) -> bool {
    (0.0..=GAIN_MAX).contains(&gain)
}
