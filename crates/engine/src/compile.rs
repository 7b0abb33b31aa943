//! From a song to a plan, off the audio thread.

use core::fmt;
use std::collections::HashMap;

use dsp::resample::{Conversion, RATE_MAX, RATE_MIN, RateError};

use crate::plan::{
    CLIPS_MAX, CONVERSIONS_MAX, ClipRecord, FRAME_MAX, GAIN_MAX, HEADER_WORDS, MAGIC, NO_CONVERSION, SOURCES_MAX,
    TRACK_WORDS, TRACKS_MAX, VERSION,
};
use crate::{Clip, Plan, Song, SourceInfo, Tempo, Track};

/// Compiles songs and keeps the conversion tables that it has computed.
#[derive(Debug, Default)]
pub struct Compiler {
    tables: HashMap<Conversion, Vec<u32>>,
}

/// Why a song cannot be compiled. Tracks and clips are named by their index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompileError {
    /// The engine does not run at this rate.
    SampleRate(u32),
    /// Not 20 to 300 beats per minute.
    Tempo(u32),
    /// Not 1 to 64 beats of 1/1 to 1/32.
    TimeSignature,
    /// More tracks than [`TRACKS_MAX`].
    TooManyTracks,
    /// More clips than [`CLIPS_MAX`].
    TooManyClips,
    /// More sources than [`SOURCES_MAX`].
    TooManySources,
    /// More different source rates than [`CONVERSIONS_MAX`].
    TooManyRates,
    /// The master's volume is not 0 to [`GAIN_MAX`].
    MasterVolume,
    /// Two tracks have one id.
    SameTrack(usize),
    /// A track's volume is not 0 to [`GAIN_MAX`], or its pan not -1 to 1.
    Track(usize),
    /// A clip names a source that the song does not list.
    UnknownSource(usize, usize),
    /// A clip's gain is not 0 to [`GAIN_MAX`].
    ClipGain(usize, usize),
    /// A clip's place, length, offset or fade is negative where it must not be, no number, or out of reach.
    ClipPlace(usize, usize),
    /// Two sources have one id.
    SameSource(usize),
    /// A source has no channel, or too many frames.
    Source(usize),
    /// A source's rate cannot be converted.
    SourceRate(usize, RateError),
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CompileError::SampleRate(rate) => write!(f, "the engine does not run at {rate} Hz"),
            CompileError::Tempo(bpm) => write!(f, "a tempo of {bpm}/1000 beats per minute is not within 20 to 300"),
            CompileError::TimeSignature => write!(f, "the time signature is not 1 to 64 beats of 1/1 to 1/32"),
            CompileError::TooManyTracks => write!(f, "more than {TRACKS_MAX} tracks"),
            CompileError::TooManyClips => write!(f, "more than {CLIPS_MAX} clips"),
            CompileError::TooManySources => write!(f, "more than {SOURCES_MAX} recordings"),
            CompileError::TooManyRates => write!(f, "more than {CONVERSIONS_MAX} different sample rates"),
            CompileError::MasterVolume => write!(f, "the master volume is not 0 to {GAIN_MAX}"),
            CompileError::SameTrack(track) => write!(f, "track {track} has another track's id"),
            CompileError::Track(track) => write!(f, "track {track}: volume or pan is out of range"),
            CompileError::UnknownSource(track, clip) => write!(f, "track {track}, clip {clip}: no such recording"),
            CompileError::ClipGain(track, clip) => write!(f, "track {track}, clip {clip}: gain is out of range"),
            CompileError::ClipPlace(track, clip) => {
                write!(f, "track {track}, clip {clip}: place or length is out of range")
            }
            CompileError::SameSource(source) => write!(f, "recording {source} has another recording's id"),
            CompileError::Source(source) => write!(f, "recording {source}: no channel, or too long"),
            CompileError::SourceRate(source, error) => write!(f, "recording {source}: {error}"),
        }
    }
}

impl std::error::Error for CompileError {}

impl Plan {
    /// Compiles a song. Who compiles often keeps a [`Compiler`], which computes conversion tables once.
    ///
    /// # Errors
    /// What in the song is out of bounds.
    pub fn compile(song: &Song) -> Result<Plan, CompileError> {
        Compiler::default().compile(song)
    }
}

impl Compiler {
    /// Compiles a song.
    ///
    /// # Errors
    /// What in the song is out of bounds.
    pub fn compile(&mut self, song: &Song) -> Result<Plan, CompileError> {
        let tempo = check_song(song)?;
        let sources = compile_sources(song)?;
        let any_solo = song.tracks.iter().any(|track| track.solo);
        let mut tracks = Vec::with_capacity(song.tracks.len());
        for (index, track) in song.tracks.iter().enumerate() {
            tracks.push(compile_track(index, track, any_solo, tempo, &sources)?);
        }
        let words = self.write(song, tempo, &sources, &tracks)?;
        Ok(Plan::from_words(words).map_err(|(error, _)| error).expect("what is compiled from checked input is a plan"))
    }

    fn write(
        &mut self,
        song: &Song,
        tempo: Tempo,
        sources: &Sources,
        tracks: &[CompiledTrack],
    ) -> Result<Vec<u32>, CompileError> {
        let clip_count = tracks.iter().map(|track| track.clips.len()).sum::<usize>();
        if clip_count > CLIPS_MAX {
            return Err(CompileError::TooManyClips);
        }
        let frames = tracks.iter().flat_map(|track| &track.clips).map(|clip| clip.end).max().unwrap_or(0).max(0);
        let metre = song.time_signature;
        let mut words = vec![MAGIC, VERSION, 0, song.sample_rate, tempo.bpm_milli(), metre.beats, metre.unit];
        words.push((song.master.volume as f32).to_bits());
        words.extend([tracks.len(), clip_count, sources.list.len(), sources.conversions.len()].map(|n| n as u32));
        push_u64(&mut words, frames as u64);
        words.resize(HEADER_WORDS, 0);
        write_tracks(&mut words, tracks)?;
        tracks.iter().flat_map(|track| &track.clips).for_each(|clip| write_clip(&mut words, clip));
        for source in &sources.list {
            words.extend([source.info.id, source.info.rate, source.info.channels.min(2)]);
            words.push(source.conversion.unwrap_or(NO_CONVERSION));
            push_u64(&mut words, source.info.frames);
            words.extend([0, 0]);
        }
        self.write_conversions(&mut words, sources);
        words[2] = words.len() as u32;
        Ok(words)
    }

    fn write_conversions(&mut self, words: &mut Vec<u32>, sources: &Sources) {
        let mut table_at = words.len() + 8 * sources.conversions.len();
        for (rate, c) in &sources.conversions {
            words.extend([*rate, c.up, c.down, c.taps, c.phases, table_at as u32, 0, 0]);
            table_at += c.table_len();
        }
        for (_, conversion) in &sources.conversions {
            let bits = || conversion.coefficients().into_iter().map(f32::to_bits).collect();
            words.extend_from_slice(self.tables.entry(*conversion).or_insert_with(bits));
        }
    }
}

struct Sources {
    list: Vec<Source>,
    by_id: HashMap<u32, usize>,
    conversions: Vec<(u32, Conversion)>,
}

struct Source {
    info: SourceInfo,
    conversion: Option<u32>,
    fraction: Option<Conversion>,
}

struct CompiledTrack {
    id: u64,
    content: u64,
    gains: [f32; 2],
    clips: Vec<ClipRecord>,
}

fn check_song(song: &Song) -> Result<Tempo, CompileError> {
    if !(RATE_MIN..=RATE_MAX).contains(&song.sample_rate) {
        return Err(CompileError::SampleRate(song.sample_rate));
    }
    let metre = song.time_signature;
    if !(1..=64).contains(&metre.beats) || !matches!(metre.unit, 1 | 2 | 4 | 8 | 16 | 32) {
        return Err(CompileError::TimeSignature);
    }
    if song.tracks.len() > TRACKS_MAX {
        return Err(CompileError::TooManyTracks);
    }
    if song.sources.len() > SOURCES_MAX {
        return Err(CompileError::TooManySources);
    }
    if !is_gain(song.master.volume) {
        return Err(CompileError::MasterVolume);
    }
    Tempo::new(song.bpm_milli, song.sample_rate).ok_or(CompileError::Tempo(song.bpm_milli))
}

fn compile_sources(song: &Song) -> Result<Sources, CompileError> {
    let mut sources = Sources { list: Vec::new(), by_id: HashMap::new(), conversions: Vec::new() };
    for (index, info) in song.sources.iter().enumerate() {
        if info.channels == 0 || info.frames > FRAME_MAX as u64 {
            return Err(CompileError::Source(index));
        }
        if sources.by_id.insert(info.id, index).is_some() {
            return Err(CompileError::SameSource(index));
        }
        let fraction = if info.rate == song.sample_rate {
            None
        } else {
            let made = Conversion::between(info.rate, song.sample_rate);
            Some(made.map_err(|error| CompileError::SourceRate(index, error))?)
        };
        let conversion = fraction.map(|fraction| {
            let known = sources.conversions.iter().position(|(rate, _)| *rate == info.rate);
            known.unwrap_or_else(|| {
                sources.conversions.push((info.rate, fraction));
                sources.conversions.len() - 1
            }) as u32
        });
        sources.list.push(Source { info: *info, conversion, fraction });
    }
    if sources.conversions.len() > CONVERSIONS_MAX { Err(CompileError::TooManyRates) } else { Ok(sources) }
}

fn compile_track(
    index: usize,
    track: &Track,
    any_solo: bool,
    tempo: Tempo,
    sources: &Sources,
) -> Result<CompiledTrack, CompileError> {
    if !is_gain(track.volume) || !(-1.0..=1.0).contains(&track.pan) {
        return Err(CompileError::Track(index));
    }
    let audible = !track.muted && (track.solo || !any_solo);
    let (left, right) = dsp::pan::balance(track.pan);
    let volume = if audible { track.volume as f32 } else { 0.0 };
    let mut clips = Vec::with_capacity(track.clips.len());
    for (place, clip) in track.clips.iter().enumerate() {
        let source = sources.by_id.get(&clip.source).ok_or(CompileError::UnknownSource(index, place))?;
        if !is_gain(clip.gain) {
            return Err(CompileError::ClipGain(index, place));
        }
        let placed = place_clip(clip, tempo, &sources.list[*source]).ok_or(CompileError::ClipPlace(index, place))?;
        let record = ClipRecord { source: *source as u32, ..placed };
        // What is shorter than a frame, or lies wholly outside its recording, makes no sound.
        if record.start < record.end {
            clips.push(record);
        }
    }
    clips.sort_by_key(|clip| clip.start);
    let count = clips.len();
    grow_tree(&mut clips, 0, count);
    Ok(CompiledTrack {
        id: track.id,
        content: content_hash(&clips, sources),
        gains: [volume * left, volume * right],
        clips,
    })
}

/// Ticks to frames, exactly. `None` when something is out of reach.
///
/// The recording's start is placed on a whole tick and then rounded to a frame like every other place. So a clip that was
/// cut into touching pieces keeps one anchor, and the pieces play the very samples of the uncut clip.
fn place_clip(clip: &Clip, tempo: Tempo, source: &Source) -> Option<ClipRecord> {
    let lengths = [clip.duration_ticks, clip.fade_in_ticks, clip.fade_out_ticks];
    let offsets = [clip.source_offset_seconds, clip.source_end_offset_seconds];
    if lengths.iter().any(|ticks| *ticks < 0) || offsets.iter().any(|s| !s.is_finite() || *s < 0.0) {
        return None;
    }
    let end_ticks = clip.start_ticks.checked_add(clip.duration_ticks)?;
    let anchor_ticks = clip.start_ticks.checked_sub(tempo.ticks_of_seconds(clip.source_offset_seconds)?)?;
    let (from, to) = (frame(tempo, clip.start_ticks)?, frame(tempo, end_ticks)?);
    let anchor = frame(tempo, anchor_ticks)?;
    let mut end = to;
    if clip.source_end_offset_seconds > 0.0 {
        let seconds = source.info.frames as f64 / f64::from(source.info.rate) - clip.source_end_offset_seconds;
        end = end.min(frame(tempo, anchor_ticks.checked_add(tempo.ticks_of_seconds(seconds)?)?)?);
    }
    let (first, last) = source_reach(anchor, source);
    let fade = |from: i64, to: i64| (to - from).clamp(0, i64::from(i32::MAX)) as u32;
    let fade_in_end = frame(tempo, clip.start_ticks.checked_add(clip.fade_in_ticks)?)?;
    let fade_out_start = frame(tempo, end_ticks.checked_sub(clip.fade_out_ticks)?)?;
    Some(ClipRecord {
        start: from.max(first),
        end: end.min(last),
        anchor,
        subtree_end: i64::MIN,
        fade_in_start: from,
        fade_out_end: to,
        fade_in: fade(from, fade_in_end),
        fade_out: fade(fade_out_start, to),
        gain: clip.gain as f32,
        source: 0,
    })
}

/// The frames of the timeline in which a recording can be heard at all; a converted one rings for half a filter.
fn source_reach(anchor: i64, source: &Source) -> (i64, i64) {
    let frames = source.info.frames as i64;
    let Some(c) = source.fraction else { return (anchor, anchor + frames) };
    let half = i128::from(c.taps / 2);
    let output = |source_frame: i128| -> i64 {
        let (up, down) = (i128::from(c.up), i128::from(c.down));
        let exact = source_frame * up;
        // Rounded up; within reach, since a source has at most 2^40 frames and a ratio below 2^7.
        (exact.div_euclid(down) + i128::from(exact.rem_euclid(down) > 0)).min(i128::from(2 * FRAME_MAX)) as i64
    };
    (anchor + output(-half), anchor + output(i128::from(frames) + half))
}

fn frame(tempo: Tempo, ticks: i64) -> Option<i64> {
    let frame = tempo.frame(ticks);
    (-FRAME_MAX..=FRAME_MAX).contains(&frame).then_some(frame)
}

fn grow_tree(clips: &mut [ClipRecord], low: usize, high: usize) -> i64 {
    if low >= high {
        return i64::MIN;
    }
    let middle = low.midpoint(high);
    let below = grow_tree(clips, low, middle).max(grow_tree(clips, middle + 1, high));
    clips[middle].subtree_end = clips[middle].end.max(below);
    clips[middle].subtree_end
}

/// FNV-1a (64 bits) over what the clips play, sources by id, so that a track's hash does not change with its neighbours.
fn content_hash(clips: &[ClipRecord], sources: &Sources) -> u64 {
    let mut words = Vec::with_capacity(clips.len() * 16);
    for clip in clips {
        write_clip(&mut words, clip);
        let info = sources.list[clip.source as usize].info;
        let at = words.len() - 1;
        words[at] = info.id;
        words.extend([info.rate, info.channels]);
        push_u64(&mut words, info.frames);
    }
    words.iter().fold(0xcbf2_9ce4_8422_2325, |hash, word| (hash ^ u64::from(*word)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn write_tracks(words: &mut Vec<u32>, tracks: &[CompiledTrack]) -> Result<(), CompileError> {
    let mut by_id: Vec<usize> = (0..tracks.len()).collect();
    by_id.sort_by_key(|index| tracks[*index].id);
    if let Some(same) = by_id.windows(2).find(|pair| tracks[pair[0]].id == tracks[pair[1]].id) {
        return Err(CompileError::SameTrack(same[1]));
    }
    let mut first_clip = 0;
    for (track, place) in tracks.iter().zip(by_id) {
        let begin = words.len();
        push_u64(words, track.id);
        push_u64(words, track.content);
        words.extend(track.gains.map(f32::to_bits));
        words.extend([first_clip, track.clips.len() as u32, place as u32]);
        words.resize(begin + TRACK_WORDS, 0);
        first_clip += track.clips.len() as u32;
    }
    Ok(())
}

fn write_clip(words: &mut Vec<u32>, clip: &ClipRecord) {
    for frame in [clip.start, clip.end, clip.anchor, clip.subtree_end, clip.fade_in_start, clip.fade_out_end] {
        push_u64(words, frame as u64);
    }
    words.extend([clip.fade_in, clip.fade_out, clip.gain.to_bits(), clip.source]);
}

fn push_u64(words: &mut Vec<u32>, value: u64) {
    words.extend([value as u32, (value >> 32) as u32]);
}

fn is_gain(gain: f64) -> bool {
    (0.0..=f64::from(GAIN_MAX)).contains(&gain)
}
