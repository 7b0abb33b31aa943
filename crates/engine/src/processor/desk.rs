//! The mixing desk: each track's factors on their way, the master, the meters.

use dsp::ramp::Ramp;

use super::transport::Scope;
use super::voice::Span;
use crate::PlanView;
use crate::plan::TRACKS_MAX;

#[derive(Debug)]
pub(super) struct Desk {
    pub(super) tracks: Vec<Channel>,
    pub(super) leaving: Vec<Leaving>,
    pub(super) master_peaks: [f32; 2],
    pub(super) silenced: u64,
    master: Ramp,
    /// Where the channels of the next plan are put together; swapped with `tracks`, so that nothing is allocated.
    next: Vec<Channel>,
    ramp: u32,
}

/// A track of the current plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    /// Its index in the previous plan.
    pub(super) previous: Option<usize>,
    /// Peaks since they were last asked for.
    pub(super) peaks: [f32; 2],
    gains: [Ramp; 2],
    /// Whether its clips are not those of the previous plan.
    changed: bool,
}

/// A track that only the previous plan has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving {
    pub(super) index: usize,
    pub(super) gains: [f32; 2],
}

impl Desk {
    pub(super) fn new(ramp: u32) -> Self {
        Self {
            tracks: Vec::with_capacity(TRACKS_MAX),
            leaving: Vec::with_capacity(TRACKS_MAX),
            master_peaks: [0.0; 2],
            silenced: 0,
            master: Ramp::still(1.0),
            next: Vec::with_capacity(TRACKS_MAX),
            ramp,
        }
    }

    /// Takes the factors of a new plan, and says whether any track's clips changed, came or went.
    pub(super) fn change(
        &mut self,
        previous: Option<&PlanView<'_>>,
        current: &PlanView<'_>,
        now: u64,
        sounding: bool,
    ) -> bool {
        let ramp = if sounding { self.ramp } else { 0 };
        self.next.clear();
        for index in 0..current.track_count() {
            let channel = self.channel(previous, current, index, now, ramp);
            self.next.push(channel);
        }
        self.leaving.clear();
        if let Some(previous) = previous {
            for index in 0..previous.track_count().min(self.tracks.len()) {
                if current.track_index(previous.track(index).id).is_none() {
                    let gains = self.tracks[index].gains.map(|gain| gain.value(now));
                    self.leaving.push(Leaving { index, gains });
                }
            }
            self.master.set(current.master_gain(), now, ramp);
        } else {
            self.master = Ramp::still(current.master_gain());
        }
        core::mem::swap(&mut self.tracks, &mut self.next);
        !self.leaving.is_empty() || self.tracks.iter().any(|channel| channel.changed)
    }

    fn channel(
        &self,
        previous: Option<&PlanView<'_>>,
        current: &PlanView<'_>,
        index: usize,
        now: u64,
        ramp: u32,
    ) -> Channel {
        let track = current.track(index);
        let old = previous.and_then(|plan| Some((plan, plan.track_index(track.id)?)));
        let Some((plan, before)) = old.filter(|(_, before)| *before < self.tracks.len()) else {
            return Channel { previous: None, peaks: [0.0; 2], gains: track.gains.map(Ramp::still), changed: true };
        };
        let Channel { mut gains, peaks, .. } = self.tracks[before];
        for (gain, target) in gains.iter_mut().zip(track.gains) {
            gain.set(target, now, ramp);
        }
        Channel { previous: Some(before), peaks, gains, changed: plan.track(before).content != track.content }
    }

    pub(super) fn is_silent(&self, track: usize, now: u64) -> bool {
        self.tracks[track].gains.iter().all(|gain| gain.target() == 0.0 && gain.moving(now) == 0)
    }

    /// Whether a span concerns a track: one that fades out after an edit only those that the edit changed.
    pub(super) fn hears(&self, track: usize, span: &Span) -> bool {
        span.cut.is_none_or(|cut| self.within(track, cut.scope))
    }

    /// Whether a track rises at the beginning of a span's head.
    pub(super) fn fades_in(&self, track: usize, span: &Span) -> bool {
        self.within(track, span.head.scope)
    }

    fn within(&self, track: usize, scope: Scope) -> bool {
        scope == Scope::All || (scope == Scope::Changed && self.tracks[track].changed)
    }

    /// Adds a track's bus to the master, through its factors.
    pub(super) fn mix(&mut self, track: usize, bus: [&mut [f32]; 2], now: u64, sums: [&mut [f32]; 2]) {
        let channel = &mut self.tracks[track];
        for (((gain, peak), bus), sum) in channel.gains.iter().zip(&mut channel.peaks).zip(bus).zip(sums) {
            let moving = (gain.moving(now) as usize).min(bus.len());
            gain.apply(&mut bus[..moving], now);
            let first = dsp::mix::add_metered(&mut sum[..moving], &bus[..moving], 1.0);
            let rest = dsp::mix::add_metered(&mut sum[moving..], &bus[moving..], gain.target());
            *peak = peak.max(first).max(rest);
        }
    }

    /// Puts the sum through the master fader, silences what overflowed, and measures.
    pub(super) fn master(&mut self, now: u64, left: &mut [f32], right: &mut [f32]) {
        for (samples, peak) in [left, right].into_iter().zip(&mut self.master_peaks) {
            let moving = (self.master.moving(now) as usize).min(samples.len());
            self.master.apply(&mut samples[..moving], now);
            if self.master.target() != 1.0 {
                dsp::mix::gain(&mut samples[moving..], self.master.target());
            }
            self.silenced += dsp::meter::silence_non_finite(samples) as u64;
            dsp::meter::silence_tiny(samples);
            *peak = peak.max(dsp::meter::peak(samples));
        }
    }
}
