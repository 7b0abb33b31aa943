//! From a song to a plan, off the audio thread.

mod flow;
mod graph;
mod lanes;
mod refusal;

use std::collections::HashMap;

use dsp::resample::{Conversion, RATE_MAX, RATE_MIN};

use crate::metronome::write_metres;
use crate::plan::{
    CLIPS_MAX, CONVERSIONS_MAX, ClipRecord, FRAME_MAX, GAIN_MAX, HEADER_WORDS, MAGIC, METRE_WORDS, NO_CONVERSION,
    SOURCES_MAX, STRETCH_WORDS, TRACK_WORDS, TRACKS_MAX, VERSION, seal,
};
use crate::tempo::TempoError;
use crate::{Clip, LaneTarget, Plan, Song, SourceInfo, TempoMap, TempoTrack, Track};
use graph::Graph;
use lanes::CompiledLane;
pub use refusal::CompileError;

/// The most passes of a clip that repeats a part of its recording.
pub const PASSES_MAX: i64 = 16_384;

/// Compiles songs and keeps the conversion tables that it has computed.
#[derive(Debug, Default)]
pub struct Compiler {
    tables: HashMap<Conversion, Vec<u32>>,
}

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
        let tempo_track = check_song(song)?;
        let tempo = tempo_track.map();
        let sources = compile_sources(song)?;
        let graph = graph::build(song)?;
        // Each clip plays at least once; what repeats shares the rest of the places.
        let clips = song.tracks.iter().map(|track| track.clips.len()).sum::<usize>();
        let mut spare = CLIPS_MAX.checked_sub(clips).ok_or(CompileError::TooManyClips)?;
        let mut tracks = Vec::with_capacity(song.tracks.len());
        let every = lanes::cut_at_every(song, tempo);
        for (index, track) in song.tracks.iter().enumerate() {
            let lanes = lanes::compile(song, index, (tempo, every))?;
            tracks.push(compile_track(index, track, graph.tracks[index].audible, lanes, tempo, &sources, &mut spare)?);
        }
        let metres = write_metres(song.time_signature, &song.metre_changes).ok_or(CompileError::TimeSignature)?;
        let times = [tempo_track.words(), &metres];
        let master_lanes = lanes::compile(song, song.tracks.len(), (tempo, every))?;
        let words = self.write(song, times, &sources, &graph, (&tracks, &master_lanes))?;
        Ok(Plan::from_words(words).map_err(|(error, _)| error).expect("what is compiled from checked input is a plan"))
    }

    fn write(
        &mut self,
        song: &Song,
        times: [&[u32]; 2],
        sources: &Sources,
        graph: &Graph,
        (tracks, master_lanes): (&[CompiledTrack], &[CompiledLane]),
    ) -> Result<Vec<u32>, CompileError> {
        let clip_count = tracks.iter().map(|track| track.clips.len()).sum::<usize>();
        let frames = tracks.iter().flat_map(|track| &track.clips).map(|clip| clip.end).max().unwrap_or(0).max(0);
        let counts = [times[0].len() / STRETCH_WORDS, times[1].len() / METRE_WORDS].map(|n| n as u32);
        let moves = master_lanes.iter().any(|lane| lane.target == LaneTarget::Volume);
        let mut words = vec![MAGIC, VERSION, 0, song.sample_rate, counts[0], counts[1], u32::from(moves)];
        words.push(if moves { 1.0 } else { song.master.volume as f32 }.to_bits());
        words.extend([tracks.len(), clip_count, sources.list.len(), sources.conversions.len()].map(|n| n as u32));
        push_u64(&mut words, frames as u64);
        let mut flow = flow::write(song, graph, tracks, master_lanes)?;
        times.into_iter().for_each(|times| flow.words.extend(times));
        words.extend(flow.header);
        words.resize(HEADER_WORDS, 0);
        write_tracks(&mut words, graph, &flow.tracks, tracks)?;
        tracks.iter().flat_map(|track| &track.clips).for_each(|clip| write_clip(&mut words, clip));
        for source in &sources.list {
            words.extend([source.info.id, source.info.rate, source.info.channels.min(2)]);
            words.push(source.conversion.unwrap_or(NO_CONVERSION));
            push_u64(&mut words, source.info.frames);
            words.extend([0, 0]);
        }
        self.write_conversions(&mut words, sources, &flow.words);
        words[2] = words.len() as u32;
        seal(&mut words);
        Ok(words)
    }

    /// The conversions, the graph, and behind it the conversions' tables.
    fn write_conversions(&mut self, words: &mut Vec<u32>, sources: &Sources, flow: &[u32]) {
        let mut table_at = words.len() + 8 * sources.conversions.len() + flow.len();
        for (rate, c) in &sources.conversions {
            words.extend([*rate, c.up, c.down, c.taps, c.phases, table_at as u32, 0, 0]);
            table_at += c.table_len();
        }
        words.extend(flow);
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
    lanes: Vec<CompiledLane>,
}

fn check_song(song: &Song) -> Result<TempoTrack, CompileError> {
    if !(RATE_MIN..=RATE_MAX).contains(&song.sample_rate) {
        return Err(CompileError::SampleRate(song.sample_rate));
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
    TempoTrack::new(song.sample_rate, song.bpm_milli, &song.tempo_changes).map_err(|error| match error {
        TempoError::Tempo(bpm_milli) => CompileError::Tempo(bpm_milli),
        TempoError::Place(change) => CompileError::TempoPlace(change),
        TempoError::TooMany => CompileError::TooManyTempos,
    })
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
    audible: bool,
    lanes: Vec<CompiledLane>,
    tempo: TempoMap<'_>,
    sources: &Sources,
    spare: &mut usize,
) -> Result<CompiledTrack, CompileError> {
    if !is_gain(track.volume) || !(-1.0..=1.0).contains(&track.pan) {
        return Err(CompileError::Track(index));
    }
    // What moves on its own stands in the place of what the fader says.
    let moves = |target: LaneTarget| lanes.iter().any(|lane| lane.target == target);
    let (left, right) = dsp::pan::balance(if moves(LaneTarget::Pan) { 0.0 } else { track.pan });
    let volume = if moves(LaneTarget::Volume) { 1.0 } else { track.volume as f32 };
    let volume = if audible { volume } else { 0.0 };
    let mut clips = Vec::with_capacity(track.clips.len());
    for (place, clip) in track.clips.iter().enumerate() {
        let source = sources.by_id.get(&clip.source).ok_or(CompileError::UnknownSource(index, place))?;
        if !is_gain(clip.gain) {
            return Err(CompileError::ClipGain(index, place));
        }
        place_passes(clip, tempo, &sources.list[*source], *source as u32, (&mut clips, spare))
            .ok_or(CompileError::ClipPlace(index, place))?;
    }
    clips.sort_by_key(|clip| clip.start);
    let count = clips.len();
    grow_tree(&mut clips, 0, count);
    Ok(CompiledTrack {
        id: track.id,
        content: content_hash(&clips, sources),
        gains: [volume * left, volume * right],
        clips,
        lanes,
    })
}

/// The passes of a clip that repeats a part of its recording, touching each other; one of any other clip. `spare` is how many
/// more clips the plan has a place for.
fn place_passes(
    clip: &Clip,
    tempo: TempoMap<'_>,
    source: &Source,
    index: u32,
    (clips, spare): (&mut Vec<ClipRecord>, &mut usize),
) -> Option<()> {
    let whole = place_clip(clip, tempo, source)?;
    let looped = clip.loop_ticks > 0 && clip.loop_ticks < clip.duration_ticks;
    let length = if looped { clip.loop_ticks } else { clip.duration_ticks.max(1) };
    if clip.loop_ticks < 0 {
        return None;
    }
    // One clip that repeats next to nothing must not silence the song: what is left of it is silent.
    let most = PASSES_MAX.min(1 + *spare as i64);
    let passes = ((clip.duration_ticks.max(1) + length - 1) / length).min(most);
    *spare -= (passes - 1) as usize;
    for pass in 0..passes {
        let start_ticks = clip.start_ticks + pass * length;
        let duration_ticks = length.min(clip.start_ticks + clip.duration_ticks - start_ticks);
        let part = place_clip(&Clip { start_ticks, duration_ticks, ..*clip }, tempo, source)?;
        let record = ClipRecord {
            source: index,
            // The fades are those of the whole.
            fade_in_start: whole.fade_in_start,
            fade_out_end: whole.fade_out_end,
            fade_in: whole.fade_in,
            fade_out: whole.fade_out,
            ..part
        };
        // What is shorter than a frame, or lies wholly outside its recording, makes no sound.
        if record.start < record.end {
            clips.push(record);
        }
    }
    Some(())
}

/// Ticks to frames, exactly. `None` when something is out of reach.
///
/// The recording's start is placed on a whole tick and then rounded to a frame like every other place. So a clip that was
/// cut into touching pieces keeps one anchor, and the pieces play the very samples of the uncut clip.
fn place_clip(clip: &Clip, tempo: TempoMap<'_>, source: &Source) -> Option<ClipRecord> {
    let outside = [clip.fade_in_before_ticks, clip.fade_out_behind_ticks];
    let lengths = [clip.duration_ticks, clip.fade_in_ticks, clip.fade_out_ticks, outside[0], outside[1]];
    let offsets = [clip.source_offset_seconds, clip.source_end_offset_seconds];
    if lengths.iter().any(|ticks| *ticks < 0) || offsets.iter().any(|s| !s.is_finite() || *s < 0.0) {
        return None;
    }
    let end_ticks = clip.start_ticks.checked_add(clip.duration_ticks)?;
    let anchor_ticks = tempo.ticks_after(clip.start_ticks, -clip.source_offset_seconds)?;
    let (from, to) = (frame(tempo, clip.start_ticks)?, frame(tempo, end_ticks)?);
    let anchor = frame(tempo, anchor_ticks)?;
    let mut end = to;
    if clip.source_end_offset_seconds > 0.0 {
        let seconds = source.info.frames as f64 / f64::from(source.info.rate) - clip.source_end_offset_seconds;
        end = end.min(frame(tempo, tempo.ticks_after(anchor_ticks, seconds)?)?);
    }
    let (first, last) = source_reach(anchor, source);
    let fade = |from: i64, to: i64| (to - from).clamp(0, i64::from(i32::MAX)) as u32;
    let rise_ticks = clip.start_ticks.checked_sub(outside[0])?;
    let fall_ticks = end_ticks.checked_add(outside[1])?;
    let (fade_in_start, fade_out_end) = (frame(tempo, rise_ticks)?, frame(tempo, fall_ticks)?);
    let fade_in_end = frame(tempo, rise_ticks.checked_add(clip.fade_in_ticks)?)?;
    let fade_out_start = frame(tempo, fall_ticks.checked_sub(clip.fade_out_ticks)?)?;
    Some(ClipRecord {
        start: from.max(first),
        end: end.min(last),
        anchor,
        subtree_end: i64::MIN,
        fade_in_start,
        fade_out_end,
        fade_in: fade(fade_in_start, fade_in_end),
        fade_out: fade(fade_out_start, fade_out_end),
        gain: clip.gain as f32,
        source: 0,
        reversed: clip.reversed,
        fade_in_shape: clip.fade_in_shape,
        fade_out_shape: clip.fade_out_shape,
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

fn frame(tempo: TempoMap<'_>, ticks: i64) -> Option<i64> {
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
        let at = words.len() - 3;
        words[at] = info.id;
        words.extend([info.rate, info.channels]);
        push_u64(&mut words, info.frames);
    }
    fnv(&words)
}

/// FNV-1a (64 bits; Fowler, Noll, Vo) over words.
fn fnv(words: &[u32]) -> u64 {
    words.iter().fold(0xcbf2_9ce4_8422_2325, |hash, word| (hash ^ u64::from(*word)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn write_tracks(
    words: &mut Vec<u32>,
    graph: &Graph,
    flows: &[flow::Track],
    tracks: &[CompiledTrack],
) -> Result<(), CompileError> {
    let mut by_id: Vec<usize> = (0..tracks.len()).collect();
    by_id.sort_by_key(|index| tracks[*index].id);
    if let Some(same) = by_id.windows(2).find(|pair| tracks[pair[0]].id == tracks[pair[1]].id) {
        return Err(CompileError::SameTrack(same[1]));
    }
    let mut first_clip = 0;
    for (index, (track, place)) in tracks.iter().zip(by_id).enumerate() {
        let (strip, flow) = (&graph.tracks[index], &flows[index]);
        let begin = words.len();
        push_u64(words, track.id);
        push_u64(words, track.content);
        words.extend(track.gains.map(f32::to_bits));
        words.extend([first_clip, track.clips.len() as u32, place as u32, graph.order[index] as u32]);
        words.extend([strip.first_device, flow.devices, strip.first_edge, strip.edges].map(|n| n as u32));
        words.extend([flow.first_lane, flow.lanes, strip.wait, u32::from(strip.receives), strip.late]);
        push_u64(words, flow.lanes_content);
        words.resize(begin + TRACK_WORDS, 0);
        first_clip += track.clips.len() as u32;
    }
    Ok(())
}

fn write_clip(words: &mut Vec<u32>, clip: &ClipRecord) {
    for frame in [clip.start, clip.end, clip.anchor, clip.subtree_end, clip.fade_in_start, clip.fade_out_end] {
        push_u64(words, frame as u64);
    }
    let shapes = (clip.fade_in_shape as u32) << 1 | (clip.fade_out_shape as u32) << 4;
    let flags = u32::from(clip.reversed) | shapes;
    words.extend([clip.fade_in, clip.fade_out, clip.gain.to_bits(), clip.source, flags, 0]);
}

fn push_u64(words: &mut Vec<u32>, value: u64) {
    words.extend([value as u32, (value >> 32) as u32]);
}

fn is_gain(gain: f64) -> bool {
    (0.0..=f64::from(GAIN_MAX)).contains(&gain)
}
