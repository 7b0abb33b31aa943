//! The graph of a song: who hears whom, in which order, how late, and what mute and solo leave open.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::{CompileError, is_gain};
use crate::plan::{DEVICES_MAX, EDGES_MAX, EdgeKind, NONE, WAIT_MAX, WAITS_MAX};
use crate::{Device, Lane, Song};

/// What the compiler knows of the whole graph.
pub(super) struct Graph {
    /// The tracks in the order of processing.
    pub(super) order: Vec<usize>,
    pub(super) tracks: Vec<Strip>,
    /// All edges, those of a track together.
    pub(super) edges: Vec<Edge>,
    /// All devices, those of a track together, the master's last.
    pub(super) devices: Vec<Placed>,
    /// How late all that is heard is.
    pub(super) latency: u32,
    pub(super) structure: u64,
}

/// A track in the graph.
pub(super) struct Strip {
    pub(super) first_device: usize,
    pub(super) first_edge: usize,
    pub(super) edges: usize,
    pub(super) receives: bool,
    /// How late what other tracks bring is.
    pub(super) wait: u32,
    /// How late the sound is at the fader.
    pub(super) late: u32,
    /// Whether anything of it is heard.
    pub(super) audible: bool,
}

/// A device in the graph.
pub(super) struct Placed {
    pub(super) wait: u32,
    pub(super) latency: u32,
    pub(super) late: u32,
    pub(super) listens: bool,
}

/// What leaves a track.
pub(super) struct Edge {
    pub(super) id: u64,
    pub(super) kind: EdgeKind,
    /// A track, a device, or [`NONE`].
    pub(super) target: u32,
    pub(super) gain: f32,
    /// Whether mute and solo leave it open.
    pub(super) open: bool,
    pub(super) wait: u32,
    /// The index of the track's send, if it is one.
    pub(super) send: Option<usize>,
    pub(super) from: usize,
    /// The track that hears it, if it is not the master.
    to: Option<usize>,
}

pub(super) fn build(song: &Song) -> Result<Graph, CompileError> {
    let by_id: HashMap<u64, usize> = song.tracks.iter().enumerate().map(|(index, track)| (track.id, index)).collect();
    let firsts = first_devices(song)?;
    let mut edges = collect(song, &by_id, &firsts)?;
    let order = order(song.tracks.len(), &edges)?;
    let open = Open::of(song, &edges);
    for edge in edges.iter_mut().filter(|edge| edge.kind != EdgeKind::Key) {
        if !open.edge(song, edge) {
            (edge.gain, edge.open) = (0.0, false);
        }
    }
    let mut graph = Graph {
        tracks: strips(&firsts, &edges, song.tracks.len()),
        devices: Vec::new(),
        order,
        edges,
        latency: 0,
        structure: 0,
    };
    for (index, track) in song.tracks.iter().enumerate() {
        let strip = &mut graph.tracks[index];
        let own = strip.first_edge..strip.first_edge + strip.edges;
        strip.audible =
            !track.muted && graph.edges[own].iter().any(|edge| edge.kind != EdgeKind::Key && open.edge(song, edge));
    }
    measure(song, &firsts, &mut graph)?;
    graph.structure = structure(song, &graph);
    Ok(graph)
}

/// The index of each track's first device, and of the master's.
fn first_devices(song: &Song) -> Result<Vec<usize>, CompileError> {
    let mut firsts = vec![0];
    for track in &song.tracks {
        firsts.push(firsts[firsts.len() - 1] + track.devices.len());
    }
    let count = firsts[firsts.len() - 1] + song.master.devices.len();
    if count > DEVICES_MAX { Err(CompileError::TooManyDevices) } else { Ok(firsts) }
}

/// Every edge, in the order of the tracks: the output, the sends, the sidechains that listen.
fn collect(song: &Song, by_id: &HashMap<u64, usize>, firsts: &[usize]) -> Result<Vec<Edge>, CompileError> {
    let mut keys: Vec<Vec<Edge>> = song.tracks.iter().map(|_| Vec::new()).collect();
    let chains = song.tracks.iter().map(|track| &track.devices).chain([&song.master.devices]);
    for (owner, devices) in chains.enumerate() {
        for (place, device) in devices.iter().enumerate() {
            let Some(source) = device.sidechain.filter(|_| device.kind.has_sidechain()) else { continue };
            let from = *by_id.get(&source).ok_or(CompileError::Target(owner))?;
            keys[from].push(Edge {
                id: mix(device.id, 1),
                kind: EdgeKind::Key,
                target: (firsts[owner] + place) as u32,
                gain: 1.0,
                open: true,
                wait: 0,
                send: None,
                from,
                to: (owner < song.tracks.len()).then_some(owner),
            });
        }
    }
    let mut edges = Vec::new();
    for (from, track) in song.tracks.iter().enumerate() {
        let to = match track.output {
            Some(id) => Some(*by_id.get(&id).ok_or(CompileError::Target(from))?),
            None => None,
        };
        let target = to.map_or(NONE, |to| to as u32);
        let (id, kind) = (mix(track.id, 2), EdgeKind::Output);
        edges.push(Edge { id, kind, target, gain: 1.0, open: true, wait: 0, send: None, from, to });
        for (place, send) in track.sends.iter().enumerate() {
            let to = *by_id.get(&send.target).ok_or(CompileError::Target(from))?;
            if !is_gain(send.gain) {
                return Err(CompileError::Send(from));
            }
            let kind = if send.pre { EdgeKind::Pre } else { EdgeKind::Post };
            let (id, target) = (mix(send.id, 3), to as u32);
            edges.push(Edge {
                id,
                kind,
                target,
                gain: send.gain as f32,
                open: true,
                wait: 0,
                send: Some(place),
                from,
                to: Some(to),
            });
        }
        edges.append(&mut keys[from]);
    }
    if edges.len() > EDGES_MAX { Err(CompileError::TooManySends) } else { Ok(edges) }
}

/// Each track after all that it hears, the earliest of the song first (A. B. Kahn, "Topological sorting of large networks").
fn order(tracks: usize, edges: &[Edge]) -> Result<Vec<usize>, CompileError> {
    let mut waits_for = vec![0usize; tracks];
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); tracks];
    for edge in edges {
        if let Some(to) = edge.to {
            waits_for[to] += 1;
            after[edge.from].push(to);
        }
    }
    let mut free: BinaryHeap<Reverse<usize>> =
        (0..tracks).filter(|track| waits_for[*track] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(tracks);
    while let Some(Reverse(track)) = free.pop() {
        order.push(track);
        for &next in &after[track] {
            waits_for[next] -= 1;
            if waits_for[next] == 0 {
                free.push(Reverse(next));
            }
        }
    }
    match waits_for.iter().position(|count| *count > 0) {
        Some(track) => Err(CompileError::Circle(track)),
        None => Ok(order),
    }
}

fn strips(firsts: &[usize], edges: &[Edge], tracks: usize) -> Vec<Strip> {
    let mut first_edge = 0;
    let mut strips: Vec<Strip> = (0..tracks)
        .map(|index| {
            let count = edges[first_edge..].iter().take_while(|edge| edge.from == index).count();
            let first_device = firsts[index];
            let strip =
                Strip { first_device, first_edge, edges: count, receives: false, wait: 0, late: 0, audible: false };
            first_edge += count;
            strip
        })
        .collect();
    for edge in edges.iter().filter(|edge| edge.kind != EdgeKind::Key) {
        if let Some(to) = edge.to {
            strips[to].receives = true;
        }
    }
    strips
}

/// What solo leaves open. A soloed track is heard on every way that it takes to the master; a soloed bus is heard with all
/// that leads into it; nothing else is.
struct Open {
    any_solo: bool,
    /// Soloed, or behind a soloed track.
    behind: Vec<bool>,
    /// Soloed, or leading into a soloed track.
    before: Vec<bool>,
}

impl Open {
    fn of(song: &Song, edges: &[Edge]) -> Open {
        let soloed: Vec<bool> = song.tracks.iter().map(|track| track.solo).collect();
        let (mut behind, mut before) = (soloed.clone(), soloed.clone());
        // Sound edges only: a sidechain is no way that a sound takes.
        let ways: Vec<(usize, usize)> =
            edges.iter().filter(|edge| edge.kind != EdgeKind::Key).filter_map(|e| Some((e.from, e.to?))).collect();
        spread(&mut behind, &ways);
        let back: Vec<(usize, usize)> = ways.iter().map(|(from, to)| (*to, *from)).collect();
        spread(&mut before, &back);
        Open { any_solo: soloed.contains(&true), behind, before }
    }

    fn edge(&self, song: &Song, edge: &Edge) -> bool {
        let wanted = !self.any_solo || self.behind[edge.from] || edge.to.is_some_and(|to| self.before[to]);
        wanted && !song.tracks[edge.from].muted
    }
}

/// Marks all that can be reached from what is marked.
fn spread(marked: &mut [bool], ways: &[(usize, usize)]) {
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); marked.len()];
    ways.iter().for_each(|(from, to)| next[*from].push(*to));
    let mut open: Vec<usize> = (0..marked.len()).filter(|index| marked[*index]).collect();
    while let Some(index) = open.pop() {
        for &to in &next[index] {
            if !marked[to] {
                marked[to] = true;
                open.push(to);
            }
        }
    }
}

/// How late everything is, and the delays that make it meet.
fn measure(song: &Song, firsts: &[usize], graph: &mut Graph) -> Result<(), CompileError> {
    let rate = song.sample_rate;
    let count = firsts[firsts.len() - 1] + song.master.devices.len();
    // How late the sidechain of each device is.
    let mut key_late: Vec<Option<u32>> = vec![None; count];
    let mut placed: Vec<Option<Placed>> = (0..count).map(|_| None).collect();
    let mut master = 0;
    for place in 0..graph.order.len() {
        let index = graph.order[place];
        let late =
            chain(&song.tracks[index].devices, firsts[index], graph.tracks[index].wait, rate, &key_late, &mut placed)?;
        let strip = &mut graph.tracks[index];
        strip.late = late;
        for edge in &graph.edges[strip.first_edge..strip.first_edge + strip.edges] {
            match (edge.kind, edge.to) {
                (EdgeKind::Key, _) => key_late[edge.target as usize] = Some(late),
                (_, Some(to)) => graph.tracks[to].wait = graph.tracks[to].wait.max(late),
                (_, None) => master = master.max(late),
            }
        }
    }
    graph.latency = chain(&song.master.devices, firsts[firsts.len() - 1], master, rate, &key_late, &mut placed)?;
    graph.devices = placed.into_iter().flatten().collect();
    let mut waits = 0;
    for edge in &mut graph.edges {
        let there = match (edge.kind, edge.to) {
            (EdgeKind::Key, _) => {
                let device = &graph.devices[edge.target as usize];
                device.late + device.wait
            }
            (_, Some(to)) => graph.tracks[to].wait,
            (_, None) => master,
        };
        edge.wait = there - graph.tracks[edge.from].late;
        waits += u64::from(edge.wait);
    }
    waits += graph.tracks.iter().map(|strip| u64::from(strip.wait)).sum::<u64>();
    waits += graph.devices.iter().map(|device| u64::from(device.wait) + u64::from(device.latency)).sum::<u64>();
    if waits > WAITS_MAX { Err(CompileError::TooLate) } else { Ok(()) }
}

/// How late the sound is behind a row of devices.
fn chain(
    devices: &[Device],
    first: usize,
    mut late: u32,
    rate: u32,
    key_late: &[Option<u32>],
    placed: &mut [Option<Placed>],
) -> Result<u32, CompileError> {
    for (index, device) in (first..).zip(devices) {
        let wait = key_late[index].unwrap_or(0).saturating_sub(late);
        let latency = device.kind.latency(&device.values, rate);
        placed[index] = Some(Placed { wait, latency, late, listens: key_late[index].is_some() });
        late = late + wait + latency;
        if late > WAIT_MAX {
            return Err(CompileError::TooLate);
        }
    }
    Ok(late)
}

/// A hash of all that makes the graph, whatever the order of the tracks. Plain tracks (clips, a fader, the master) leave no
/// trace in it: they may come and go without anybody noticing.
fn structure(song: &Song, graph: &Graph) -> u64 {
    let mut sum = u64::from(graph.latency);
    for (track, strip) in song.tracks.iter().zip(&graph.tracks) {
        let mut hash = Hash::new();
        devices(&mut hash, &track.devices, &graph.devices[strip.first_device..]);
        for edge in &graph.edges[strip.first_edge..strip.first_edge + strip.edges] {
            if edge.kind != EdgeKind::Output || edge.to.is_some() || edge.wait > 0 {
                let target = edge.to.map_or(0, |to| song.tracks[to].id);
                hash.add_all([edge.id, u64::from(edge.kind.code()), target, u64::from(edge.wait)]);
            }
        }
        lanes(&mut hash, &track.lanes);
        hash.add(u64::from(strip.wait));
        if strip.receives || hash.is_marked {
            sum = sum.wrapping_add(mix(track.id, hash.value));
        }
    }
    let mut hash = Hash::new();
    devices(&mut hash, &song.master.devices, &graph.devices[graph.devices.len() - song.master.devices.len()..]);
    lanes(&mut hash, &song.master.lanes);
    sum.wrapping_add(hash.value)
}

fn devices(hash: &mut Hash, devices: &[Device], placed: &[Placed]) {
    for (device, placed) in devices.iter().zip(placed) {
        let (wait, latency) = (u64::from(placed.wait), u64::from(placed.latency));
        hash.add_all([device.id, device.kind as u64, wait, latency, u64::from(placed.listens)]);
    }
}

/// Levels that move on their own replace the fader's own: that is another graph.
fn lanes(hash: &mut Hash, lanes: &[Lane]) {
    for lane in lanes.iter().filter(|lane| !lane.points.is_empty()) {
        match lane.target {
            crate::LaneTarget::Volume => hash.add(1),
            crate::LaneTarget::Pan => hash.add(2),
            crate::LaneTarget::Send(place) => hash.add(3 + place as u64),
            crate::LaneTarget::Parameter(..) => {}
        }
    }
}

struct Hash {
    value: u64,
    is_marked: bool,
}

impl Hash {
    fn new() -> Self {
        Self { value: 0xcbf2_9ce4_8422_2325, is_marked: false }
    }

    fn add(&mut self, word: u64) {
        self.value = mix(self.value, word);
        self.is_marked |= word != 0;
    }

    fn add_all<const N: usize>(&mut self, words: [u64; N]) {
        words.into_iter().for_each(|word| self.add(word));
    }
}

/// Two numbers in one that looks like neither (the finaliser of S. Vigna's splitmix64).
pub(super) fn mix(a: u64, b: u64) -> u64 {
    let mut x = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_add(0x632b_e59b_d9b4_e019);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
