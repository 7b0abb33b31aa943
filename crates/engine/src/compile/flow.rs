//! The graph as words: devices, their values, edges, lanes, points.

use std::collections::HashSet;

use super::graph::Graph;
use super::lanes::{self, CompiledLane};
use super::{CompileError, CompiledTrack, push_u64};
use crate::plan::{LANES_MAX, NONE, POINTS_MAX, code_of};
use crate::{Device, LaneTarget, Song};

/// What the graph takes in the plan.
pub(super) struct Flow {
    /// The header's words about it.
    pub(super) header: [u32; 11],
    pub(super) tracks: Vec<Track>,
    /// All its sections.
    pub(super) words: Vec<u32>,
}

/// What a track has in it.
pub(super) struct Track {
    pub(super) devices: usize,
    pub(super) first_lane: u32,
    pub(super) lanes: u32,
    pub(super) lanes_content: u64,
}

/// The sections under way.
#[derive(Default)]
struct Sections {
    devices: Vec<u32>,
    values: Vec<u32>,
    edges: Vec<u32>,
    lanes: Vec<u32>,
    points: Vec<u32>,
    lane_count: u32,
    point_count: u32,
}

pub(super) fn write(
    song: &Song,
    graph: &Graph,
    compiled: &[CompiledTrack],
    master_lanes: &[CompiledLane],
) -> Result<Flow, CompileError> {
    check_ids(song)?;
    let mut sections = Sections::default();
    let mut tracks = Vec::with_capacity(song.tracks.len());
    let by_id = edges_by_id(graph)?;
    for (index, track) in song.tracks.iter().enumerate() {
        let (own, lanes_content) = lanes::of(&compiled[index].lanes, |t| !matches!(t, LaneTarget::Parameter(..)));
        let first_lane = sections.lane_count;
        sections.lanes(&own);
        let lanes = sections.lane_count - first_lane;
        tracks.push(Track { devices: track.devices.len(), first_lane, lanes, lanes_content });
        let strip = &graph.tracks[index];
        let edges = graph.edges.iter().zip(&by_id).skip(strip.first_edge).take(strip.edges);
        for (edge, by_id) in edges {
            let lane = own.iter().position(|lane| edge.send.is_some_and(|send| lane.target == LaneTarget::Send(send)));
            // What moves on its own stands in the place of what the record says.
            let gain = if lane.is_some() && edge.open { 1.0 } else { edge.gain };
            push_u64(&mut sections.edges, edge.id);
            sections.edges.extend([edge.kind.code(), edge.target, gain.to_bits(), edge.wait, *by_id as u32]);
            sections.edges.push(lane.map_or(NONE, |lane| first_lane + lane as u32));
        }
        sections.devices(&track.devices, strip.first_device, graph, &compiled[index].lanes, index)?;
    }
    let first = graph.devices.len() - song.master.devices.len();
    let (own, content) = lanes::of(master_lanes, |target| target == LaneTarget::Volume);
    sections.lanes(&own);
    sections.devices(&song.master.devices, first, graph, master_lanes, song.tracks.len())?;
    sections.finish(song, graph, tracks, content)
}

impl Sections {
    fn lanes(&mut self, lanes: &[&CompiledLane]) {
        for lane in lanes {
            lanes::write(&mut self.lanes, lane, &mut self.point_count);
            lanes::write_points(&mut self.points, lane);
            self.lane_count += 1;
        }
    }

    fn devices(
        &mut self,
        devices: &[Device],
        first: usize,
        graph: &Graph,
        lanes: &[CompiledLane],
        owner: usize,
    ) -> Result<(), CompileError> {
        for (place, device) in devices.iter().enumerate() {
            let table = device.kind.parameters();
            let accepted: Vec<u32> = table
                .iter()
                .zip(&device.values)
                .filter_map(|(parameter, value)| parameter.accept(*value).map(f32::to_bits))
                .collect();
            if accepted.len() != table.len() || device.values.len() != table.len() {
                return Err(CompileError::Device(owner));
            }
            let placed = &graph.devices[first + place];
            let own = |target| matches!(target, LaneTarget::Parameter(index, _) if index == place);
            let (lanes, content) = lanes::of(lanes, own);
            push_u64(&mut self.devices, device.id);
            let flags = u32::from(device.bypassed) | u32::from(placed.listens) << 1;
            self.devices.extend([code_of(device.kind), flags, self.values.len() as u32]);
            self.devices.extend([placed.wait, placed.latency, placed.late, self.lane_count, lanes.len() as u32]);
            push_u64(&mut self.devices, content);
            self.values.extend(accepted);
            self.lanes(&lanes);
        }
        Ok(())
    }

    fn finish(self, song: &Song, graph: &Graph, tracks: Vec<Track>, content: u64) -> Result<Flow, CompileError> {
        if self.lane_count as usize > LANES_MAX || self.point_count as usize > POINTS_MAX {
            return Err(CompileError::TooMuchAutomation);
        }
        let counts = [graph.devices.len(), self.values.len(), graph.edges.len()].map(|n| n as u32);
        let [devices, values, edges] = counts;
        let (low, high) = (graph.structure as u32, (graph.structure >> 32) as u32);
        let master = song.master.devices.len() as u32;
        let (lanes, points) = (self.lane_count, self.point_count);
        let (own_low, own_high) = (content as u32, (content >> 32) as u32);
        let header = [devices, values, edges, lanes, points, graph.latency, low, high, master, own_low, own_high];
        let words = [self.devices, self.values, self.edges, self.lanes, self.points].concat();
        Ok(Flow { header, tracks, words })
    }
}

fn check_ids(song: &Song) -> Result<(), CompileError> {
    let (mut devices, mut sends) = (HashSet::new(), HashSet::new());
    for (index, track) in song.tracks.iter().enumerate() {
        if !track.devices.iter().all(|device| devices.insert(device.id)) {
            return Err(CompileError::SameDevice(index));
        }
        if !track.sends.iter().all(|send| sends.insert(send.id)) {
            return Err(CompileError::SameSend(index));
        }
    }
    let master = song.master.devices.iter().all(|device| devices.insert(device.id));
    if master { Ok(()) } else { Err(CompileError::SameDevice(song.tracks.len())) }
}

/// The edges in the order of their ids.
fn edges_by_id(graph: &Graph) -> Result<Vec<usize>, CompileError> {
    let mut by_id: Vec<usize> = (0..graph.edges.len()).collect();
    by_id.sort_by_key(|index| graph.edges[*index].id);
    let same = by_id.windows(2).find(|pair| graph.edges[pair[0]].id == graph.edges[pair[1]].id);
    // The same track twice has the same edge twice, and is what the caller can understand.
    same.map_or(Ok(by_id.clone()), |pair| Err(CompileError::SameTrack(graph.edges[pair[1]].from)))
}
