//! Devices, edges and lanes: every index leads somewhere, and no edge back.

use crate::plan::graph::{HOLD, LaneRecordTarget, NONE, kind_of};
use crate::plan::view::Header;
use crate::plan::{
    DEVICE_WORDS, DEVICES_MAX, EDGE_WORDS, EDGES_MAX, EdgeKind, FRAME_MAX, GAIN_MAX, LANE_WORDS, LANES_MAX,
    POINT_WORDS, POINTS_MAX, PlanError, PlanView, TrackRecord, WAIT_MAX, WAITS_MAX,
};

/// Values of a plan at most: no device has more parameters than this on average.
const VALUES_MAX: usize = 64 * DEVICES_MAX;

pub(super) fn counts(header: &Header) -> bool {
    header.devices <= DEVICES_MAX
        && header.values <= VALUES_MAX
        && header.edges <= EDGES_MAX
        && header.lanes <= LANES_MAX
        && header.points <= POINTS_MAX
        && header.latency <= WAIT_MAX
        && header.master_devices <= header.devices
}

pub(super) fn words(header: &Header) -> usize {
    header.devices * DEVICE_WORDS
        + header.values
        + header.edges * EDGE_WORDS
        + header.lanes * LANE_WORDS
        + header.points * POINT_WORDS
}

/// What the graph has used up so far: everything lies in one row and is used once.
#[derive(Default)]
struct Used {
    devices: usize,
    values: usize,
    edges: usize,
    lanes: usize,
    points: usize,
    waits: u64,
}

pub(super) fn check(plan: &PlanView<'_>) -> Result<(), PlanError> {
    let places = places(plan)?;
    let mut used = Used::default();
    for index in 0..plan.track_count() {
        track(plan, index, &mut used)?;
    }
    if plan.header().master_moves {
        if used.lanes == plan.header().lanes {
            return Err(PlanError::Header);
        }
        lanes(plan, 1, &mut used, |target| target == LaneRecordTarget::Volume)?;
    }
    devices(plan, plan.master_devices(), 0, &mut used)?;
    let header = plan.header();
    let all = used.devices == header.devices
        && used.values == header.values
        && used.edges == header.edges
        && used.lanes == header.lanes
        && used.points == header.points;
    if !all {
        return Err(PlanError::Header);
    }
    if used.waits > WAITS_MAX {
        return Err(PlanError::Waits);
    }
    edges(plan, &places)
}

/// The place of each track in the order of processing.
fn places(plan: &PlanView<'_>) -> Result<Vec<u32>, PlanError> {
    let mut places = vec![NONE; plan.track_count()];
    for place in 0..plan.track_count() {
        let track = plan.track_at(place);
        match places.get_mut(track) {
            Some(known) if *known == NONE => *known = place as u32,
            _ => return Err(PlanError::Track(place as u32)),
        }
    }
    Ok(places)
}

fn track(plan: &PlanView<'_>, index: usize, used: &mut Used) -> Result<(), PlanError> {
    let track = plan.track(index);
    let wrong = PlanError::Track(index as u32);
    let left = plan.header();
    // Comparisons come before sums: a usize has 32 bits in WASM.
    let good = track.first_device == used.devices
        && track.devices <= left.devices - left.master_devices - used.devices.min(left.devices - left.master_devices)
        && track.first_edge == used.edges
        && track.edges >= 1
        && track.edges <= left.edges - used.edges
        && track.first_lane == used.lanes
        && track.lanes <= left.lanes - used.lanes
        && track.late <= WAIT_MAX
        && wait(track.wait, used);
    if !good {
        return Err(wrong);
    }
    used.edges += track.edges;
    lanes(plan, track.lanes, used, |target| !matches!(target, LaneRecordTarget::Parameter(_)))?;
    edges_of(plan, &track, used)?;
    devices(plan, track.first_device..track.first_device + track.devices, used.devices, used)
}

fn devices(
    plan: &PlanView<'_>,
    range: core::ops::Range<usize>,
    first: usize,
    used: &mut Used,
) -> Result<(), PlanError> {
    debug_assert!(first <= range.start);
    for index in range {
        let wrong = PlanError::Device(index as u32);
        let w: &[u32; DEVICE_WORDS] = plan.record(plan.devices_at(), index);
        let device = plan.device(index);
        let table = kind_of(w[2]).ok_or(wrong)?.parameters();
        let good = index == used.devices
            && w[3] <= 3
            && (!device.listens || device.kind.has_sidechain())
            && device.first_value == used.values
            && table.len() <= plan.header().values - used.values
            && device.latency <= WAIT_MAX
            && device.late <= WAIT_MAX
            && device.first_lane == used.lanes
            && device.lanes <= plan.header().lanes - used.lanes
            && wait(device.wait, used)
            && wait(device.latency, used);
        if !good {
            return Err(wrong);
        }
        let within = |(parameter, about): (usize, &dsp::device::Parameter)| {
            (about.min..=about.max).contains(&plan.value(&device, parameter))
        };
        if !table.iter().enumerate().all(within) {
            return Err(wrong);
        }
        used.devices += 1;
        used.values += table.len();
        let automatable = |parameter: usize| table.get(parameter).is_some_and(|parameter| parameter.automatable);
        lanes(plan, device.lanes, used, |target| matches!(target, LaneRecordTarget::Parameter(p) if automatable(p)))?;
    }
    Ok(())
}

fn lanes(
    plan: &PlanView<'_>,
    count: usize,
    used: &mut Used,
    fits: impl Fn(LaneRecordTarget) -> bool,
) -> Result<(), PlanError> {
    for _ in 0..count {
        let wrong = PlanError::Lane(used.lanes as u32);
        let w: &[u32; LANE_WORDS] = plan.record(plan.lanes_at(), used.lanes);
        let lane = plan.lane(used.lanes);
        let good = w[0] <= 3
            && fits(lane.target)
            && lane.first_point == used.points
            && (1..=plan.header().points - used.points).contains(&lane.points);
        if !good {
            return Err(wrong);
        }
        let mut last = i64::MIN;
        for place in 0..lane.points {
            let point = plan.point(&lane, place);
            let way = point.way == HOLD || (-1.0..=1.0).contains(&point.way);
            let frame = (-FRAME_MAX..=FRAME_MAX).contains(&point.frame) && point.frame > last;
            if !way || !frame || !in_range(plan, lane.target, point.value, used) {
                return Err(wrong);
            }
            last = point.frame;
        }
        used.lanes += 1;
        used.points += lane.points;
    }
    Ok(())
}

/// Whether what a lane moves may have a value.
fn in_range(plan: &PlanView<'_>, target: LaneRecordTarget, value: f32, used: &Used) -> bool {
    match target {
        LaneRecordTarget::Volume | LaneRecordTarget::Edge => (0.0..=GAIN_MAX).contains(&value),
        LaneRecordTarget::Pan => (-1.0..=1.0).contains(&value),
        LaneRecordTarget::Parameter(parameter) => {
            // The device whose lanes are looked at is the last that was used.
            let table = plan.device(used.devices - 1).kind.parameters();
            table.get(parameter).is_some_and(|about| (about.min..=about.max).contains(&value))
        }
    }
}

fn edges_of(plan: &PlanView<'_>, track: &TrackRecord, used: &mut Used) -> Result<(), PlanError> {
    for index in track.first_edge..track.first_edge + track.edges {
        let w: &[u32; EDGE_WORDS] = plan.record(plan.edges_at(), index);
        let edge = plan.edge(index);
        let first = index == track.first_edge;
        let own_lane = |lane: usize| {
            (track.first_lane..track.first_lane + track.lanes).contains(&lane)
                && plan.lane(lane).target == LaneRecordTarget::Edge
        };
        let good = EdgeKind::of_code(w[2]).is_some()
            && first == (edge.kind == EdgeKind::Output)
            && (0.0..=GAIN_MAX).contains(&edge.gain)
            && edge.lane.is_none_or(own_lane)
            && wait(edge.wait, used);
        if !good {
            return Err(PlanError::Edge(index as u32));
        }
    }
    Ok(())
}

/// Where edges lead: to later tracks only.
fn edges(plan: &PlanView<'_>, places: &[u32]) -> Result<(), PlanError> {
    let mut last_id = None;
    let owners = owners(plan);
    for index in 0..plan.track_count() {
        let track = plan.track(index);
        for edge_index in track.first_edge..track.first_edge + track.edges {
            let edge = plan.edge(edge_index);
            let target = edge.target as usize;
            let good = match edge.kind {
                EdgeKind::Output if edge.target == NONE => true,
                EdgeKind::Key => {
                    let owner = owners.get(target).copied();
                    let later = owner.is_some_and(|owner| owner == NONE || places[owner as usize] > places[index]);
                    later && plan.device(target).listens
                }
                _ => target < places.len() && places[target] > places[index] && plan.track(target).receives,
            };
            if !good {
                return Err(PlanError::Edge(edge_index as u32));
            }
        }
    }
    for place in 0..plan.edge_count() {
        let index = plan.edge_by_id(place);
        let id = (index < plan.edge_count()).then(|| plan.edge(index).id);
        // Rising ids over all places: every edge is named once.
        if id.is_none() || id <= last_id {
            return Err(PlanError::Edge(place as u32));
        }
        last_id = id;
    }
    Ok(())
}

/// The track of each device, [`NONE`] being the master.
fn owners(plan: &PlanView<'_>) -> Vec<u32> {
    let mut owners = vec![NONE; plan.device_count()];
    for index in 0..plan.track_count() {
        let track = plan.track(index);
        owners[track.first_device..track.first_device + track.devices].fill(index as u32);
    }
    owners
}

/// Counts a delay; whether it is not too long.
fn wait(frames: u32, used: &mut Used) -> bool {
    used.waits += u64::from(frames);
    frames <= WAIT_MAX
}
