//! The graph in a plan: devices, edges and lanes.

use dsp::devices::Kind;

use super::view::u64_at;
use super::{DEVICE_WORDS, EDGE_WORDS, LANE_WORDS, POINT_WORDS, PlanView};

/// "None" and "the master", where an index is expected.
pub(crate) const NONE: u32 = u32::MAX;
/// A point's way that holds the value; others are the bend, -1 to 1.
pub(crate) const HOLD: f32 = 2.0;

/// A device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeviceRecord {
    /// Its identity across plans.
    pub id: u64,
    /// What it is.
    pub kind: Kind,
    /// Whether it is passed by.
    pub bypassed: bool,
    /// Whether it listens to another track.
    pub listens: bool,
    /// Its first value.
    pub first_value: usize,
    /// Frames by which its input is delayed, so that it meets its sidechain.
    pub wait: u32,
    /// Its own latency in frames.
    pub latency: u32,
    /// How late the sound is when it comes in, in frames.
    pub late: u32,
    /// Its first lane.
    pub first_lane: usize,
    /// How many it has.
    pub lanes: usize,
    /// Equal in two plans when its lanes are.
    pub lanes_content: u64,
}

/// What leaves a track.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EdgeRecord {
    /// Its identity across plans.
    pub id: u64,
    /// Where it leaves and where it goes.
    pub kind: EdgeKind,
    /// The index of a track (or [`NONE`]: the master), or of a device.
    pub target: u32,
    /// A linear factor; mute and solo are in it.
    pub gain: f32,
    /// Frames of delay.
    pub wait: u32,
    /// The lane of its gain.
    pub lane: Option<usize>,
}

/// Kinds of edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdgeKind {
    /// The track's output, behind the fader.
    Output,
    /// A send behind the fader.
    Post,
    /// A send before the fader.
    Pre,
    /// A sidechain, before the fader.
    Key,
}

impl EdgeKind {
    pub(crate) fn code(self) -> u32 {
        self as u32
    }

    pub(crate) fn of_code(code: u32) -> Option<EdgeKind> {
        [EdgeKind::Output, EdgeKind::Post, EdgeKind::Pre, EdgeKind::Key].into_iter().find(|kind| kind.code() == code)
    }
}

/// What a lane moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneRecordTarget {
    /// The track's fader.
    Volume,
    /// The track's pan.
    Pan,
    /// The gain of an edge of the track.
    Edge,
    /// A parameter of a device, by its index in the table.
    Parameter(usize),
}

/// A lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneRecord {
    /// What it moves.
    pub target: LaneRecordTarget,
    /// Its first point.
    pub first_point: usize,
    /// How many it has, at least one.
    pub points: usize,
}

/// A point of a lane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointRecord {
    /// Where.
    pub frame: i64,
    /// The value there.
    pub value: f32,
    /// [`HOLD`], or how the way to the next point is bent.
    pub way: f32,
}

impl PlanView<'_> {
    /// How many devices it has, the master's included.
    #[must_use]
    pub fn device_count(&self) -> usize {
        self.header().devices
    }

    /// How many edges it has.
    #[must_use]
    pub fn edge_count(&self) -> usize {
        self.header().edges
    }

    /// The frames by which all that is heard is late.
    #[must_use]
    pub fn latency(&self) -> u32 {
        self.header().latency
    }

    /// Equal in two plans between which no device, edge or delay came, went or moved.
    #[must_use]
    pub fn structure(&self) -> u64 {
        self.header().structure
    }

    /// The master's devices.
    #[must_use]
    pub fn master_devices(&self) -> core::ops::Range<usize> {
        self.header().devices - self.header().master_devices..self.header().devices
    }

    /// The lane that moves the master's volume, if one does: behind the lanes of the last track and of its devices.
    #[must_use]
    pub fn master_lane(&self) -> Option<LaneRecord> {
        if !self.header().master_moves {
            return None;
        }
        let theirs = self.master_devices().map(|index| self.device(index).lanes).sum::<usize>();
        let index = self.header().lanes.checked_sub(theirs + 1)?;
        Some(self.lane(index))
    }

    /// Equal in two plans when the master's lane is.
    #[must_use]
    pub fn master_lane_content(&self) -> u64 {
        self.header().master_content
    }

    /// The track that is processed at a place, below [`PlanView::track_count`].
    #[must_use]
    pub fn track_at(&self, place: usize) -> usize {
        let w: &[u32; super::TRACK_WORDS] = self.record(super::HEADER_WORDS, place);
        w[9] as usize
    }

    /// The device at an index below [`PlanView::device_count`].
    #[must_use]
    pub fn device(&self, index: usize) -> DeviceRecord {
        let w: &[u32; DEVICE_WORDS] = self.record(self.devices_at(), index);
        DeviceRecord {
            id: u64_at(w, 0),
            kind: kind_of(w[2]).unwrap_or(Kind::Utility),
            bypassed: w[3] & 1 != 0,
            listens: w[3] & 2 != 0,
            first_value: w[4] as usize,
            wait: w[5],
            latency: w[6],
            late: w[7],
            first_lane: w[8] as usize,
            lanes: w[9] as usize,
            lanes_content: u64_at(w, 10),
        }
    }

    /// A device's value by the index of the parameter.
    #[must_use]
    pub fn value(&self, device: &DeviceRecord, parameter: usize) -> f32 {
        f32::from_bits(self.words().get(self.values_at() + device.first_value + parameter).copied().unwrap_or(0))
    }

    /// The edge at an index below [`PlanView::edge_count`].
    #[must_use]
    pub fn edge(&self, index: usize) -> EdgeRecord {
        let w: &[u32; EDGE_WORDS] = self.record(self.edges_at(), index);
        EdgeRecord {
            id: u64_at(w, 0),
            kind: EdgeKind::of_code(w[2]).unwrap_or(EdgeKind::Output),
            target: w[3],
            gain: f32::from_bits(w[4]),
            wait: w[5],
            lane: (w[7] != NONE).then_some(w[7] as usize),
        }
    }

    /// The index of the edge with an identity.
    #[must_use]
    pub fn edge_index(&self, id: u64) -> Option<usize> {
        let place = self.search(self.edge_count(), |place| self.edge(self.edge_by_id(place)).id.cmp(&id))?;
        Some(self.edge_by_id(place))
    }

    /// The same, as [`PlanView::track_index_near`].
    #[must_use]
    pub fn edge_index_near(&self, id: u64, near: usize) -> Option<usize> {
        let is_there = near < self.edge_count() && self.edge(near).id == id;
        if is_there { Some(near) } else { self.edge_index(id) }
    }

    /// The index of the edge at a place in the order of ids.
    pub(super) fn edge_by_id(&self, place: usize) -> usize {
        let w: &[u32; EDGE_WORDS] = self.record(self.edges_at(), place);
        w[6] as usize
    }

    /// The lane at an index.
    #[must_use]
    pub fn lane(&self, index: usize) -> LaneRecord {
        let w: &[u32; LANE_WORDS] = self.record(self.lanes_at(), index);
        let target = match w[0] {
            0 => LaneRecordTarget::Volume,
            1 => LaneRecordTarget::Pan,
            2 => LaneRecordTarget::Edge,
            _ => LaneRecordTarget::Parameter(w[1] as usize),
        };
        LaneRecord { target, first_point: w[2] as usize, points: w[3] as usize }
    }

    /// The point at a place of a lane.
    #[must_use]
    pub fn point(&self, lane: &LaneRecord, place: usize) -> PointRecord {
        let w: &[u32; POINT_WORDS] = self.record(self.points_at(), lane.first_point + place);
        PointRecord { frame: u64_at(w, 0) as i64, value: f32::from_bits(w[2]), way: f32::from_bits(w[3]) }
    }

    pub(super) fn devices_at(&self) -> usize {
        self.conversions_at() + self.conversion_count() * super::CONVERSION_WORDS
    }

    pub(super) fn values_at(&self) -> usize {
        self.devices_at() + self.header().devices * DEVICE_WORDS
    }

    pub(super) fn edges_at(&self) -> usize {
        self.values_at() + self.header().values
    }

    pub(super) fn lanes_at(&self) -> usize {
        self.edges_at() + self.header().edges * EDGE_WORDS
    }

    pub(super) fn points_at(&self) -> usize {
        self.lanes_at() + self.header().lanes * LANE_WORDS
    }

    pub(super) fn stretches_at(&self) -> usize {
        self.points_at() + self.header().points * POINT_WORDS
    }

    pub(super) fn metres_at(&self) -> usize {
        self.stretches_at() + self.header().stretches * super::STRETCH_WORDS
    }

    pub(super) fn tables_at(&self) -> usize {
        self.metres_at() + self.header().metres * super::METRE_WORDS
    }
}

/// The number of a kind in a plan.
pub(crate) fn code_of(kind: Kind) -> u32 {
    Kind::ALL.iter().position(|other| *other == kind).unwrap_or(0) as u32
}

/// The kind of a number in a plan.
pub(crate) fn kind_of(code: u32) -> Option<Kind> {
    Kind::ALL.get(code as usize).copied()
}
