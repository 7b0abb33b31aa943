//! Reading a checked plan in place.

use dsp::fade::Shape;
use dsp::resample::Conversion;

use super::{
    CLIP_WORDS, CONVERSION_WORDS, HEADER_WORDS, METRE_WORDS, NO_CONVERSION, PlanError, SOURCE_WORDS, STRETCH_WORDS,
    TRACK_WORDS, check,
};
use crate::TempoMap;
use crate::metronome::Beats;

/// A plan that is read where it lies.
#[derive(Clone, Copy, Debug)]
pub struct PlanView<'a> {
    words: &'a [u32],
    header: Header,
}

/// What the header says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Header {
    pub(crate) sample_rate: u32,
    pub(crate) stretches: usize,
    pub(crate) metres: usize,
    pub(crate) master_gain: f32,
    pub(crate) frames: i64,
    pub(crate) tracks: usize,
    pub(crate) clips: usize,
    pub(crate) sources: usize,
    pub(crate) conversions: usize,
    pub(crate) devices: usize,
    pub(crate) values: usize,
    pub(crate) edges: usize,
    pub(crate) lanes: usize,
    pub(crate) points: usize,
    pub(crate) latency: u32,
    pub(crate) structure: u64,
    pub(crate) master_devices: usize,
    pub(crate) master_moves: bool,
    pub(crate) master_content: u64,
}

/// A track.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrackRecord {
    /// Its identity across plans.
    pub id: u64,
    /// Equal in two plans when what its clips play is equal.
    pub content: u64,
    /// Fader, pan, mute and solo in one linear factor per channel.
    pub gains: [f32; 2],
    /// Its first clip.
    pub first_clip: usize,
    /// How many clips it has.
    pub clips: usize,
    /// Its first device.
    pub first_device: usize,
    /// How many devices it has.
    pub devices: usize,
    /// Its first edge: the output.
    pub first_edge: usize,
    /// How many edges it has, at least one.
    pub edges: usize,
    /// Its first lane.
    pub first_lane: usize,
    /// How many lanes it has, those of its devices not counted.
    pub lanes: usize,
    /// Frames by which its clips are delayed, so that they meet what other tracks bring.
    pub wait: u32,
    /// Whether edges lead to it.
    pub receives: bool,
    /// How late the sound is at its fader, in frames.
    pub late: u32,
    /// Equal in two plans when its lanes are.
    pub lanes_content: u64,
}

/// A clip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClipRecord {
    /// Its first audible frame.
    pub start: i64,
    /// The frame after its last.
    pub end: i64,
    /// The frame of the timeline at which the recording's frame 0 lies.
    pub anchor: i64,
    /// The latest end in its part of the interval tree.
    pub subtree_end: i64,
    /// Where its fade in begins.
    pub fade_in_start: i64,
    /// Where its fade out ends.
    pub fade_out_end: i64,
    /// Frames.
    pub fade_in: u32,
    /// Frames.
    pub fade_out: u32,
    /// A linear factor.
    pub gain: f32,
    /// Index of its source.
    pub source: u32,
    /// Whether the recording is turned around.
    pub reversed: bool,
    /// How it fades in.
    pub fade_in_shape: Shape,
    /// How it fades out.
    pub fade_out_shape: Shape,
}

/// A source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceRecord {
    /// The number under which the reader knows it.
    pub id: u32,
    /// Hz.
    pub rate: u32,
    /// 1 or 2.
    pub channels: u32,
    /// Index of its conversion, unless it runs at the plan's rate.
    pub conversion: Option<u32>,
    /// Frames.
    pub frames: i64,
}

/// A conversion and its table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConversionRecord<'a> {
    /// Its fraction and size.
    pub conversion: Conversion,
    /// The bits of its coefficients.
    pub table: &'a [u32],
}

impl<'a> PlanView<'a> {
    /// Checks words completely, and reads them.
    ///
    /// # Errors
    /// What is wrong. No words whatever make it, or what is read later, panic.
    pub fn new(words: &'a [u32]) -> Result<Self, PlanError> {
        let header = check::header(words)?;
        let view = Self { words, header };
        check::body(&view)?;
        Ok(view)
    }

    pub(super) fn trusted(words: &'a [u32], header: Header) -> Self {
        Self { words, header }
    }

    pub(super) fn header(&self) -> Header {
        self.header
    }

    pub(super) fn words(&self) -> &'a [u32] {
        self.words
    }

    /// Hz.
    #[must_use]
    pub fn sample_rate(&self) -> u32 {
        self.header.sample_rate
    }

    /// Where every tick is.
    #[must_use]
    pub fn tempo(&self) -> TempoMap<'a> {
        let words = self.section(self.stretches_at(), self.header.stretches * STRETCH_WORDS);
        TempoMap::trusted(self.header.sample_rate, words)
    }

    /// The metronome's clicks.
    #[must_use]
    pub fn beats(&self) -> Beats<'a> {
        Beats::new(self.tempo(), self.metres())
    }

    pub(super) fn metres(&self) -> &'a [u32] {
        self.section(self.metres_at(), self.header.metres * METRE_WORDS)
    }

    fn section(&self, at: usize, length: usize) -> &'a [u32] {
        self.words.get(at..).and_then(|rest| rest.get(..length)).unwrap_or(&[])
    }

    /// The master fader, linear.
    #[must_use]
    pub fn master_gain(&self) -> f32 {
        self.header.master_gain
    }

    /// The frame after the last that any clip sounds in; muted tracks count.
    #[must_use]
    pub fn frames(&self) -> i64 {
        self.header.frames
    }

    /// How many tracks it has.
    #[must_use]
    pub fn track_count(&self) -> usize {
        self.header.tracks
    }

    /// How many clips it has.
    #[must_use]
    pub fn clip_count(&self) -> usize {
        self.header.clips
    }

    /// How many sources it has.
    #[must_use]
    pub fn source_count(&self) -> usize {
        self.header.sources
    }

    /// How many conversions it has.
    #[must_use]
    pub fn conversion_count(&self) -> usize {
        self.header.conversions
    }

    /// The track at an index below [`PlanView::track_count`].
    #[must_use]
    pub fn track(&self, index: usize) -> TrackRecord {
        let w: &[u32; TRACK_WORDS] = self.record(HEADER_WORDS, index);
        TrackRecord {
            id: u64_at(w, 0),
            content: u64_at(w, 2),
            gains: [f32::from_bits(w[4]), f32::from_bits(w[5])],
            first_clip: w[6] as usize,
            clips: w[7] as usize,
            first_device: w[10] as usize,
            devices: w[11] as usize,
            first_edge: w[12] as usize,
            edges: w[13] as usize,
            first_lane: w[14] as usize,
            lanes: w[15] as usize,
            wait: w[16],
            receives: w[17] == 1,
            late: w[18],
            lanes_content: u64_at(w, 19),
        }
    }

    /// The index of the track with an identity.
    #[must_use]
    pub fn track_index(&self, id: u64) -> Option<usize> {
        let place = self.search(self.header.tracks, |place| self.track(self.track_by_id(place)).id.cmp(&id))?;
        Some(self.track_by_id(place))
    }

    /// The same; it is looked for first at `near`. From one plan to the next most tracks follow each other as before, and where there are
    /// thousands of edges, no more than one look each is what a block's edge has time for.
    #[must_use]
    pub fn track_index_near(&self, id: u64, near: usize) -> Option<usize> {
        let is_there = near < self.header.tracks && self.track(near).id == id;
        if is_there { Some(near) } else { self.track_index(id) }
    }

    /// Finds a place among `count` in order.
    pub(super) fn search(&self, count: usize, compare: impl Fn(usize) -> core::cmp::Ordering) -> Option<usize> {
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low.midpoint(high);
            match compare(middle) {
                core::cmp::Ordering::Equal => return Some(middle),
                core::cmp::Ordering::Less => low = middle + 1,
                core::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// The index of the track at a place in the order of ids.
    pub(super) fn track_by_id(&self, place: usize) -> usize {
        let w: &[u32; TRACK_WORDS] = self.record(HEADER_WORDS, place);
        w[8] as usize
    }

    /// The clip at an index below [`PlanView::clip_count`].
    #[must_use]
    pub fn clip(&self, index: usize) -> ClipRecord {
        let w: &[u32; CLIP_WORDS] = self.record(self.clips_at(), index);
        ClipRecord {
            start: i64_at(w, 0),
            end: i64_at(w, 2),
            anchor: i64_at(w, 4),
            subtree_end: i64_at(w, 6),
            fade_in_start: i64_at(w, 8),
            fade_out_end: i64_at(w, 10),
            fade_in: w[12],
            fade_out: w[13],
            gain: f32::from_bits(w[14]),
            source: w[15],
            reversed: w[16] & 1 != 0,
            fade_in_shape: shape(w[16] >> 1),
            fade_out_shape: shape(w[16] >> 4),
        }
    }

    /// Calls `found` with every clip of a track that sounds in the frames `from..to`, in order of their starts.
    pub fn clips_between(&self, track: &TrackRecord, from: i64, to: i64, found: &mut impl FnMut(&ClipRecord)) {
        self.visit(track.first_clip, track.first_clip + track.clips, from, to, found);
    }

    /// The source at an index below [`PlanView::source_count`].
    #[must_use]
    pub fn source(&self, index: usize) -> SourceRecord {
        let w: &[u32; SOURCE_WORDS] = self.record(self.sources_at(), index);
        SourceRecord {
            id: w[0],
            rate: w[1],
            channels: w[2],
            conversion: (w[3] != NO_CONVERSION).then_some(w[3]),
            frames: i64_at(w, 4),
        }
    }

    /// The conversion at an index below [`PlanView::conversion_count`].
    #[must_use]
    pub fn conversion(&self, index: usize) -> ConversionRecord<'a> {
        let w: &[u32; CONVERSION_WORDS] = self.record(self.conversions_at(), index);
        let conversion = Conversion { up: w[1], down: w[2], taps: w[3], phases: w[4] };
        let table = self.words.get(w[5] as usize..).and_then(|rest| rest.get(..conversion.table_len())).unwrap_or(&[]);
        ConversionRecord { conversion, table }
    }

    pub(super) fn clips_at(&self) -> usize {
        HEADER_WORDS + self.header.tracks * TRACK_WORDS
    }

    pub(super) fn sources_at(&self) -> usize {
        self.clips_at() + self.header.clips * CLIP_WORDS
    }

    pub(super) fn conversions_at(&self) -> usize {
        self.sources_at() + self.header.sources * SOURCE_WORDS
    }

    pub(super) fn record<const N: usize>(&self, section: usize, index: usize) -> &'a [u32; N] {
        const { assert!(N <= HEADER_WORDS) };
        let at = section + index * N;
        self.words.get(at..).and_then(|rest| rest.first_chunk::<N>()).unwrap_or_else(|| {
            // Only a caller's index beyond the count comes here: no clip, no gain, no sound.
            ZEROS.first_chunk::<N>().expect("a record is no longer than the header")
        })
    }

    fn visit(&self, low: usize, high: usize, from: i64, to: i64, found: &mut impl FnMut(&ClipRecord)) {
        if low >= high {
            return;
        }
        #[cfg(test)]
        tests::LOOKED_AT.with(|count| count.set(count.get() + 1));
        let middle = low.midpoint(high);
        let clip = self.clip(middle);
        if clip.subtree_end <= from {
            return;
        }
        self.visit(low, middle, from, to, found);
        if clip.start < to {
            if clip.end > from {
                found(&clip);
            }
            self.visit(middle + 1, high, from, to, found);
        }
    }
}

fn shape(code: u32) -> Shape {
    Shape::ALL.get(code as usize & 7).copied().unwrap_or_default()
}

static ZEROS: [u32; HEADER_WORDS] = [0; HEADER_WORDS];

pub(super) fn u64_at(words: &[u32], at: usize) -> u64 {
    u64::from(words[at]) | u64::from(words[at + 1]) << 32
}

pub(super) fn i64_at(words: &[u32], at: usize) -> i64 {
    u64_at(words, at) as i64
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use crate::{Clip, Plan, Song, SourceInfo, TICKS_PER_BEAT as BEAT, Track};

    thread_local! {
        /// Clips that searches have looked at.
        pub(super) static LOOKED_AT: Cell<usize> = const { Cell::new(0) };
    }

    #[test]
    fn en14_a_search_looks_at_the_logarithm_of_the_clips() {
        // A quarter of a beat each; one lies under all of them.
        let clip = |start_ticks, duration_ticks| Clip { start_ticks, duration_ticks, source: 1, ..Clip::default() };
        let short = (0..10_000).map(|n| clip(n * BEAT / 4, BEAT / 4));
        let clips = short.chain([clip(0, 2_500 * BEAT)]).collect();
        let song = Song {
            tracks: vec![Track { id: 1, clips, ..Track::default() }],
            sources: vec![SourceInfo { id: 1, rate: 48_000, channels: 2, frames: 48_000 * 3_600 }],
            ..Song::default()
        };
        let plan = Plan::compile(&song).expect("within bounds");
        let track = plan.view().track(0);
        for block in (0..plan.view().frames() / 128).step_by(97) {
            LOOKED_AT.set(0);
            let mut found = 0;
            plan.view().clips_between(&track, 128 * block, 128 * (block + 1), &mut |_| found += 1);
            // Down to each that is found, with one look aside at each step: 10,001 clips lie 14 steps deep.
            let bound = 2 * 14 * (found + 1);
            assert!((2..=3).contains(&found) && LOOKED_AT.get() <= bound, "{} for {found}", LOOKED_AT.get());
        }
    }
}
