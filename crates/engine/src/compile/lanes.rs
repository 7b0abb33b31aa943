//! Automation, from ticks to frames.

use dsp::device::Curve;

use super::{CompileError, frame, is_gain, push_u64};
use crate::plan::{HOLD, LANES_MAX, POINTS_MAX};
use crate::{Device, Lane, LaneTarget, Point, Song, TempoMap, Way};

/// A lane as the plan has it.
pub(super) struct CompiledLane {
    pub(super) target: LaneTarget,
    /// Frame, value, way.
    points: Vec<(i64, f32, f32)>,
}

/// Where lanes are: a track, or the master, which has no pan and no sends.
#[derive(Clone, Copy)]
struct Owner<'a> {
    lanes: &'a [Lane],
    devices: &'a [Device],
    sends: Option<usize>,
}

/// Ways are cut at every so-manyth change of tempo that they cross: at each of them, unless a song has so many that its plan would have no room for
/// all the points.
pub(super) fn cut_at_every(song: &Song, tempo: TempoMap<'_>) -> usize {
    if tempo.is_constant() {
        return 1;
    }
    let lanes = || song.tracks.iter().flat_map(|track| &track.lanes).chain(&song.master.lanes);
    let given = lanes().map(|lane| lane.points.len()).sum::<usize>();
    let crossed = |lane: &Lane| {
        // The whole of a lane crosses no fewer than its ways do.
        let ends = lane.points.iter().map(|point| point.ticks);
        let ends = ends.clone().min().zip(ends.max());
        ends.map_or(0, |(first, last)| tempo.changes_between(first, last).count())
    };
    let all = lanes().map(crossed).sum::<usize>();
    all.div_ceil(POINTS_MAX.saturating_sub(given).max(1)).max(1)
}

/// All lanes of a track, or of the master, whose index is one beyond the last track's; of several with one target the first counts, and
/// those without points are left out.
pub(super) fn compile(
    song: &Song,
    index: usize,
    (tempo, every): (TempoMap<'_>, usize),
) -> Result<Vec<CompiledLane>, CompileError> {
    let owner = match song.tracks.get(index) {
        Some(track) => Owner { lanes: &track.lanes, devices: &track.devices, sends: Some(track.sends.len()) },
        None => Owner { lanes: &song.master.lanes, devices: &song.master.devices, sends: None },
    };
    let mut lanes: Vec<CompiledLane> = Vec::new();
    for lane in owner.lanes {
        if !lane.points.is_empty() && lanes.iter().all(|known| known.target != lane.target) {
            let points = points(lane, owner, (tempo, every)).ok_or(CompileError::Lane(index))?;
            lanes.push(CompiledLane { target: lane.target, points });
        }
    }
    let count = lanes.iter().map(|lane| lane.points.len()).sum::<usize>();
    if lanes.len() > LANES_MAX || count > POINTS_MAX { Err(CompileError::TooMuchAutomation) } else { Ok(lanes) }
}

fn points(lane: &Lane, owner: Owner<'_>, (tempo, every): (TempoMap<'_>, usize)) -> Option<Vec<(i64, f32, f32)>> {
    let mut in_order: Vec<_> = lane.points.iter().collect();
    in_order.sort_by_key(|point| point.ticks);
    let mut points: Vec<(i64, f32, f32)> = Vec::with_capacity(in_order.len());
    let mut push = |ticks: i64, value: f32, way: f32| {
        let compiled = (frame(tempo, ticks)?, value, way);
        match points.last_mut() {
            Some(last) if last.0 == compiled.0 => *last = compiled,
            _ => points.push(compiled),
        }
        Some(())
    };
    for (place, point) in in_order.iter().enumerate() {
        let here = value(lane.target, owner, point.value)?;
        let bend = match point.way {
            Way::Hold => {
                push(point.ticks, here, HOLD)?;
                continue;
            }
            Way::Bent(bend) if (-1.0..=1.0).contains(&bend) => bend,
            Way::Bent(_) => return None,
        };
        let next = in_order.get(place + 1);
        let there = match next {
            Some(next) => value(lane.target, owner, next.value)?,
            None => here,
        };
        let cuts = next
            .filter(|_| here.to_bits() != there.to_bits())
            .map(|next| cuts(point, next, tempo).skip(every - 1).step_by(every));
        let logarithmic = is_logarithmic(lane.target, owner);
        let mut from = (point.ticks, 0.0, here);
        for (ticks, share) in cuts.into_iter().flatten() {
            push(from.0, from.2, (bend * (share - from.1)) as f32)?;
            from = (ticks, share, on_the_way(here, there, dsp::bend::bend(share, bend), logarithmic));
        }
        push(from.0, from.2, (bend * (1.0 - from.1)) as f32)?;
    }
    Some(points)
}

/// Where the tempo changes on the way from one point to the next, and at which share of its beats. There the way is cut, as
/// between two such places it goes evenly in time: a part of a bent way is a way that is bent by its share.
fn cuts(point: &Point, next: &Point, tempo: TempoMap<'_>) -> impl Iterator<Item = (i64, f64)> {
    let (begin, length) = (point.ticks, next.ticks.saturating_sub(point.ticks) as f64);
    tempo.changes_between(begin, next.ticks).map(move |ticks| (ticks, (ticks - begin) as f64 / length))
}

/// As the processor goes from one value to another.
fn on_the_way(here: f32, there: f32, share: f64, logarithmic: bool) -> f32 {
    let (here, there) = (f64::from(here), f64::from(there));
    if logarithmic {
        let (here, there) = (libm::log2(here), libm::log2(there));
        libm::exp2(here + (there - here) * share) as f32
    } else {
        (here + (there - here) * share) as f32
    }
}

/// Whether what a lane moves goes by equal ratios.
fn is_logarithmic(target: LaneTarget, owner: Owner<'_>) -> bool {
    let LaneTarget::Parameter(device, parameter) = target else { return false };
    let about = owner.devices.get(device).and_then(|device| device.kind.parameters().get(parameter));
    about.is_some_and(|about| about.curve == Curve::Logarithmic)
}

/// The value, if what the lane moves is there and may have it; parameters are brought into their range.
fn value(target: LaneTarget, owner: Owner<'_>, value: f64) -> Option<f32> {
    match target {
        LaneTarget::Volume => is_gain(value).then_some(value as f32),
        LaneTarget::Send(place) => (place < owner.sends? && is_gain(value)).then_some(value as f32),
        LaneTarget::Pan => (owner.sends.is_some() && (-1.0..=1.0).contains(&value)).then_some(value as f32),
        LaneTarget::Parameter(device, parameter) => {
            let about = owner.devices.get(device)?.kind.parameters().get(parameter)?;
            about.accept(value as f32).filter(|_| about.automatable)
        }
    }
}

/// The lanes that a part of the track has, and a hash of them: 0 for none.
pub(super) fn of(lanes: &[CompiledLane], fits: impl Fn(LaneTarget) -> bool) -> (Vec<&CompiledLane>, u64) {
    let lanes: Vec<&CompiledLane> = lanes.iter().filter(|lane| fits(lane.target)).collect();
    let mut words = Vec::new();
    let mut first_point = 0;
    for lane in &lanes {
        write(&mut words, lane, &mut first_point);
        write_points(&mut words, lane);
    }
    let content = if words.is_empty() { 0 } else { super::fnv(&words) };
    (lanes, content)
}

pub(super) fn write(words: &mut Vec<u32>, lane: &CompiledLane, first_point: &mut u32) {
    let (code, parameter) = match lane.target {
        LaneTarget::Volume => (0, 0),
        LaneTarget::Pan => (1, 0),
        LaneTarget::Send(_) => (2, 0),
        LaneTarget::Parameter(_, parameter) => (3, parameter as u32),
    };
    words.extend([code, parameter, *first_point, lane.points.len() as u32]);
    *first_point += lane.points.len() as u32;
}

pub(super) fn write_points(words: &mut Vec<u32>, lane: &CompiledLane) {
    for (frame, value, way) in &lane.points {
        push_u64(words, *frame as u64);
        words.extend([value.to_bits(), way.to_bits()]);
    }
}
