//! A song out of a project's records: what the studio plays and what `unisono render` renders.

use std::collections::{HashMap, HashSet};

use dsp::device::parameter::index_of;
use model::{AudioFile, AudioFileState, Id, Plugin, Record, Records, Table, Ticks, Value};

use crate::{
    Clip, Device, Lane, LaneTarget, Master, MetreChange, Point, Send, Song, SourceInfo, TempoChange, TempoTrack,
    TimeSignature, Track, Way,
};

impl Song {
    /// The song that these records of one project describe: its tracks in their order, each with its clips, deleted ones
    /// left out. `None` when there is no project among them.
    ///
    /// `source` numbers recordings: it is asked once for each that is ready and that a clip plays, and answers the number
    /// under which the [`crate::Reader`] knows the recording's playback asset. For `None` (its bytes are not here yet) the
    /// clips that play it are left out, as are those of recordings that are not ready.
    #[must_use]
    pub fn from_records(records: &Records, source: impl FnMut(&AudioFile) -> Option<u32>) -> Option<Song> {
        let project = model::Project::from_record(records.project()?);
        let mut sources = Sources { records, number: source, known: HashMap::new(), list: Vec::new() };
        let mut flow = Flow::of(records);
        let tracks = records.tracks().into_iter().map(|record| {
            let track = model::Track::from_record(record);
            let (plugins, sends) = (Plugin::all(record), model::Send::all(record));
            Track {
                id: flow.tracks.get(&track.id).copied().unwrap_or_default(),
                volume: track.volume,
                pan: track.pan,
                muted: track.muted,
                solo: track.solo,
                clips: records
                    .clips(&track.id)
                    .filter_map(|clip| sources.clip(&model::Clip::from_record(clip)?))
                    .collect(),
                devices: flow.devices(&track.id, &plugins),
                output: record.id_in("output").and_then(|id| flow.tracks.get(&id).copied()),
                lanes: lanes(records.children(Table::Automation, &track.id), &plugins, &flow.live_sends(&sends)),
                sends: flow.sends(&track.id, &sends),
            }
        });
        let tracks = tracks.collect();
        let plugins = Plugin::all(records.project()?);
        let mut master_lanes = lanes(records.master_automation(), &plugins, &[]);
        master_lanes.retain(|lane| lane.target != LaneTarget::Pan);
        let master =
            Master { volume: project.master_volume, devices: flow.devices(&project.id, &plugins), lanes: master_lanes };
        Some(Song {
            sample_rate: project.sample_rate,
            bpm_milli: project.bpm.thousandths(),
            tempo_changes: tempo_changes(records),
            time_signature: time_signature(project.time_signature),
            metre_changes: metre_changes(records),
            tracks,
            master,
            sources: sources.list,
        })
    }
}

impl TempoTrack {
    /// The tempo of the project of these records. `None` when there is no project among them.
    #[must_use]
    pub fn from_records(records: &Records) -> Option<TempoTrack> {
        let project = model::Project::from_record(records.project()?);
        TempoTrack::new(project.sample_rate, project.bpm.thousandths(), &tempo_changes(records)).ok()
    }
}

fn tempo_changes(records: &Records) -> Vec<TempoChange> {
    let change = |change: model::TempoChange| TempoChange {
        ticks: change.at.0,
        bpm_milli: change.bpm.thousandths(),
        ramp: change.ramp,
    };
    records.tempo_changes().into_iter().map(change).collect()
}

fn metre_changes(records: &Records) -> Vec<MetreChange> {
    let change = |change: model::MetreChange| MetreChange {
        ticks: change.at.0,
        time_signature: time_signature(change.time_signature),
    };
    records.metre_changes().into_iter().map(change).collect()
}

fn time_signature(metre: model::TimeSignature) -> TimeSignature {
    TimeSignature { beats: u32::from(metre.numerator), unit: u32::from(metre.denominator) }
}

/// Where sound goes: what leads to a track that is deleted leads nowhere, and an output that leads nowhere to the master.
struct Flow {
    /// The numbers of the tracks that are not deleted.
    tracks: HashMap<Id, u64>,
    devices: HashSet<u64>,
    sends: HashSet<u64>,
}

impl Flow {
    fn of(records: &Records) -> Flow {
        let mut taken = HashSet::new();
        let ids = records.tracks().into_iter().map(Record::id);
        let tracks = ids.map(|id| (id.clone(), number_of(&[id], &mut taken))).collect();
        Flow { tracks, devices: HashSet::new(), sends: HashSet::new() }
    }

    fn devices(&mut self, owner: &Id, plugins: &[Plugin]) -> Vec<Device> {
        let device = |plugin: &Plugin| Device {
            id: number_of(&[owner, &plugin.id], &mut self.devices),
            kind: plugin.kind,
            bypassed: plugin.bypassed,
            values: plugin.values.clone(),
            sidechain: plugin.sidechain.as_ref().and_then(|track| self.tracks.get(track).copied()),
        };
        plugins.iter().map(device).collect()
    }

    fn live_sends<'a>(&self, sends: &'a [model::Send]) -> Vec<&'a model::Send> {
        sends.iter().filter(|send| self.tracks.contains_key(&send.target)).collect()
    }

    fn sends(&mut self, owner: &Id, sends: &[model::Send]) -> Vec<Send> {
        let mut live = Vec::new();
        for send in sends {
            let Some(target) = self.tracks.get(&send.target).copied() else { continue };
            let id = number_of(&[owner, &send.id], &mut self.sends);
            live.push(Send { id, target, gain: send.gain, pre: send.pre });
        }
        live
    }
}

/// The automation of a track, or of the master. What moves nothing that is there, or what may not move, is left out.
fn lanes<'a>(records: impl Iterator<Item = &'a Record>, plugins: &[Plugin], sends: &[&model::Send]) -> Vec<Lane> {
    let records = records.filter(|record| !record.is_deleted());
    let lane = |record: &Record| {
        let target = target(record.text("parameter")?, plugins, sends)?;
        let points = record.get("points").as_list()?.iter().filter_map(|value| point(value, target)).collect();
        Some(Lane { target, points })
    };
    records.filter_map(lane).collect()
}

/// What a parameter's path names: `volume`, `pan`, `sends.ID.gain`, `plugins.ID.params.NAME`.
fn target(path: &str, plugins: &[Plugin], sends: &[&model::Send]) -> Option<LaneTarget> {
    let segments: Vec<&str> = path.split('.').collect();
    match segments[..] {
        ["volume"] => Some(LaneTarget::Volume),
        ["pan"] => Some(LaneTarget::Pan),
        ["sends", id, "gain"] => sends.iter().position(|send| send.id.as_str() == id).map(LaneTarget::Send),
        ["plugins", id, "params", name] => {
            let device = plugins.iter().position(|plugin| plugin.id.as_str() == id)?;
            let table = plugins[device].kind.parameters();
            let parameter = index_of(table, name).filter(|index| table[*index].automatable)?;
            Some(LaneTarget::Parameter(device, parameter))
        }
        _ => None,
    }
}

/// A point, with its value brought to where the target can go.
fn point(value: &Value, target: LaneTarget) -> Option<Point> {
    let number = value.get("value")?.as_number()?;
    let value_there = match target {
        LaneTarget::Volume | LaneTarget::Send(_) => number.clamp(0.0, f64::from(crate::plan::GAIN_MAX)),
        LaneTarget::Pan => number.clamp(-1.0, 1.0),
        LaneTarget::Parameter(..) => number,
    };
    let way = match value.get("curve") {
        Some(Value::Number(bend)) => Way::Bent(bend.clamp(-1.0, 1.0)),
        Some(curve) if curve.as_str() == Some("hold") => Way::Hold,
        _ => Way::Bent(0.0),
    };
    let ticks = Ticks::from_beats(value.get("beat")?.as_number()?)?;
    Some(Point { ticks: ticks.0, value: value_there, way })
}

struct Sources<'a, F> {
    records: &'a Records,
    number: F,
    known: HashMap<Id, Option<u32>>,
    list: Vec<SourceInfo>,
}

impl<F: FnMut(&AudioFile) -> Option<u32>> Sources<'_, F> {
    fn clip(&mut self, clip: &model::Clip) -> Option<Clip> {
        Some(Clip {
            start_ticks: clip.start.0,
            duration_ticks: clip.duration.0,
            source: self.of(clip.audio_file_id.as_ref()?)?,
            source_offset_seconds: clip.audio_start_offset,
            source_end_offset_seconds: clip.audio_end_offset,
            gain: clip.gain,
            fade_in_ticks: clip.fade_in.0,
            fade_out_ticks: clip.fade_out.0,
            fade_in_before_ticks: clip.fade_in_before.0,
            fade_out_behind_ticks: clip.fade_out_behind.0,
            fade_in_shape: clip.fade_in_shape,
            fade_out_shape: clip.fade_out_shape,
            reversed: clip.reversed,
            loop_ticks: clip.repeated.0,
        })
    }

    fn of(&mut self, id: &Id) -> Option<u32> {
        if let Some(known) = self.known.get(id) {
            return *known;
        }
        let info = self.ask(id);
        self.list.extend(info);
        self.known.insert(id.clone(), info.map(|info| info.id));
        info.map(|info| info.id)
    }

    fn ask(&mut self, id: &Id) -> Option<SourceInfo> {
        let file = AudioFile::from_record(self.records.find(Table::AudioFiles, id)?);
        if file.state != AudioFileState::Ready {
            return None;
        }
        let (rate, channels, frames) = (file.sample_rate?, file.channels?, file.frames?);
        Some(SourceInfo { id: (self.number)(&file)?, rate, channels, frames })
    }
}

/// A number for an id, or for one within another, the same in every plan: FNV-1a (Fowler, Noll, Vo), moved on where two have
/// the same.
fn number_of(ids: &[&Id], taken: &mut HashSet<u64>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in ids.iter().flat_map(|id| id.as_str().bytes().chain([b'/'])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    while !taken.insert(hash) {
        hash = hash.wrapping_add(1);
    }
    hash
}

#[cfg(test)]
mod tests {
    use model::{Record, TICKS_PER_BEAT, Value, fields};

    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn insert(records: &mut Records, table: Table, name: &str, values: &[(&str, Value)]) {
        records.insert(
            table,
            Record::new(id(name), 1, fields(values.iter().map(|(field, value)| (*field, value.clone())))),
        );
    }

    fn project() -> Records {
        let mut records = Records::new();
        let (text, number) = (Value::text, Value::number);
        insert(
            &mut records,
            Table::Projects,
            "p",
            &[("name", text("P")), ("bpm", number(90.5)), ("timeSignature", text("6/8"))],
        );
        for (track, order) in [("late", "b"), ("early", "a"), ("gone", "c")] {
            insert(
                &mut records,
                Table::Tracks,
                track,
                &[
                    ("projectId", text("p")),
                    ("orderKey", text(order)),
                    ("volume", number(0.5)),
                    ("solo", Value::Bool(track == "late")),
                    ("deleted", if track == "gone" { text("2026-01-01T00:00:00.000Z") } else { Value::Null }),
                ],
            );
        }
        for (file, state) in [("ready", "ready"), ("absent", "ready"), ("awaiting", "awaiting")] {
            insert(
                &mut records,
                Table::AudioFiles,
                file,
                &[
                    ("projectId", text("p")),
                    ("state", text(state)),
                    ("sampleRate", number(44_100.0)),
                    ("channels", number(2.0)),
                    ("frames", number(1_000.0)),
                ],
            );
        }
        records
    }

    fn clip(records: &mut Records, name: &str, track: &str, file: Option<&str>) {
        let mut values = vec![
            ("trackId", Value::text(track)),
            ("startBeat", Value::number(1.5)),
            ("durationBeats", Value::number(2.0)),
            ("audioStartOffset", Value::number(0.25)),
            ("fadeOut", Value::number(0.5)),
            ("gain", Value::number(0.75)),
        ];
        values.extend(file.map(|file| ("audioFileId", Value::text(file))));
        insert(records, Table::Clips, name, &values);
    }

    #[test]
    fn records_become_a_song() {
        let mut records = project();
        clip(&mut records, "c1", "late", Some("ready"));
        let song = Song::from_records(&records, |_| Some(7)).unwrap();
        assert_eq!(
            (song.sample_rate, song.bpm_milli, song.time_signature),
            (48_000, 90_500, TimeSignature { beats: 6, unit: 8 })
        );
        assert_eq!(song.tracks.len(), 2);
        assert!(song.tracks[1].solo && !song.tracks[0].solo);
        assert_eq!(song.sources, [SourceInfo { id: 7, rate: 44_100, channels: 2, frames: 1_000 }]);
        assert_eq!(
            song.tracks[1].clips,
            [Clip {
                start_ticks: TICKS_PER_BEAT * 3 / 2,
                duration_ticks: TICKS_PER_BEAT * 2,
                source: 7,
                source_offset_seconds: 0.25,
                source_end_offset_seconds: 0.0,
                gain: 0.75,
                fade_in_ticks: 0,
                fade_out_ticks: TICKS_PER_BEAT / 2,
                fade_in_before_ticks: 0,
                fade_out_behind_ticks: 0,
                ..Clip::default()
            }]
        );
    }

    #[test]
    fn u2_changes_of_tempo_and_metre_are_the_songs() {
        let mut records = project();
        let (text, number) = (Value::text, Value::number);
        for (name, beat, bpm, curve) in
            [("t2", 8.0, 60.0, "ramp"), ("t1", 4.0, 180.0, "jump"), ("t3", 9.0, 20.0, "jump")]
        {
            let gone = if name == "t3" { text("2026-01-01T00:00:00.000Z") } else { Value::Null };
            let fields =
                [("projectId", text("p")), ("beat", number(beat)), ("bpm", number(bpm)), ("curve", text(curve))];
            insert(&mut records, Table::TempoChanges, name, &[&fields[..], &[("deleted", gone)]].concat());
        }
        let fields = [("projectId", text("p")), ("beat", number(2.5)), ("timeSignature", text("3/8"))];
        insert(&mut records, Table::TimeSignatures, "m", &fields);
        let song = Song::from_records(&records, |_| None).unwrap();
        let change = |beats: i64, bpm_milli, ramp| TempoChange { ticks: beats * TICKS_PER_BEAT, bpm_milli, ramp };
        assert_eq!(song.tempo_changes, [change(4, 180_000, false), change(8, 60_000, true)]);
        let time_signature = TimeSignature { beats: 3, unit: 8 };
        assert_eq!(song.metre_changes, [MetreChange { ticks: TICKS_PER_BEAT * 5 / 2, time_signature }]);
        let track = TempoTrack::new(48_000, 90_500, &song.tempo_changes).unwrap();
        assert_eq!(TempoTrack::from_records(&records), Some(track));
        assert!(crate::Plan::compile(&song).is_ok());
    }

    #[test]
    fn what_cannot_sound_is_left_out() {
        let mut records = project();
        for (name, track, file) in [
            ("c1", "late", Some("absent")),
            ("c2", "late", Some("awaiting")),
            ("c3", "late", Some("unknown")),
            ("c4", "late", None),
            ("c5", "gone", Some("ready")),
        ] {
            clip(&mut records, name, track, file);
        }
        let song = Song::from_records(&records, |file| (file.id.as_str() != "absent").then_some(0)).unwrap();
        assert!(song.tracks.iter().all(|track| track.clips.is_empty()));
        assert_eq!(song.sources, []);
        assert_eq!(Song::from_records(&Records::new(), |_| None), None);
    }

    #[test]
    fn a_recording_is_numbered_once() {
        let mut records = project();
        for name in ["c1", "c2", "c3"] {
            clip(&mut records, name, "early", Some("ready"));
        }
        let mut asked = 0;
        let song = Song::from_records(&records, |_| {
            asked += 1;
            Some(0)
        });
        assert_eq!((asked, song.unwrap().sources.len()), (1, 1));
    }

    #[test]
    fn tracks_of_one_hash_keep_apart() {
        let mut taken = HashSet::new();
        let first = number_of(&[&id("a")], &mut taken);
        assert_eq!(number_of(&[&id("a")], &mut taken), first + 1);
        assert_eq!(number_of(&[&id("a")], &mut HashSet::new()), first);
        assert_ne!(number_of(&[&id("a"), &id("b")], &mut taken), number_of(&[&id("ab")], &mut taken));
    }

    #[test]
    fn en31_en33_effects_sends_and_automation_become_devices_edges_and_lanes() {
        let mut records = project();
        let (text, number) = (Value::text, Value::number);
        let filter = Value::map([
            ("id", text("f")),
            ("type", text("filter")),
            ("params", Value::map([("freq", number(440.0))])),
        ]);
        let listens = Value::map([("id", text("c")), ("type", text("compressor")), ("sidechain", text("early"))]);
        let send = |name: &str, target: &str| {
            Value::map([("id", text(name)), ("target", text(target)), ("gain", number(0.5)), ("pre", true.into())])
        };
        for (name, deleted) in [("bus", false), ("old", true)] {
            let gone = if deleted { text("2026-01-01T00:00:00.000Z") } else { Value::Null };
            let fields = [("projectId", text("p")), ("type", text("bus")), ("orderKey", text("z")), ("deleted", gone)];
            insert(&mut records, Table::Tracks, name, &fields);
        }
        let fields = [
            ("projectId", text("p")),
            ("orderKey", text("b")),
            ("output", text("bus")),
            ("plugins", Value::list([filter, listens])),
            ("sends", Value::list([send("s1", "old"), send("s2", "bus")])),
        ];
        insert(&mut records, Table::Tracks, "late", &fields);
        insert(&mut records, Table::Tracks, "early", &[("projectId", text("p")), ("output", text("old"))]);
        let point = |beat: f64, value: f64, curve: Value| {
            Value::map([("id", text("x")), ("beat", number(beat)), ("value", number(value)), ("curve", curve)])
        };
        for (name, parameter) in [
            ("a1", "volume"),
            ("a2", "plugins.f.params.q"),
            ("a3", "sends.s2.gain"),
            ("a4", "sends.s1.gain"),
            ("a5", "plugins.c.params.lookahead"),
            ("a6", "plugins.gone.params.q"),
        ] {
            let points = Value::list([point(1.0, 99.0, text("hold")), point(2.0, 1.0, number(-0.5))]);
            let fields = [("trackId", text("late")), ("parameter", text(parameter)), ("points", points)];
            insert(&mut records, Table::Automation, name, &fields);
        }
        let song = Song::from_records(&records, |_| None).unwrap();
        let (early, late, bus) = (&song.tracks[0], &song.tracks[1], &song.tracks[2]);
        assert_eq!((early.output, late.output), (None, Some(bus.id)), "a deleted bus is the master");
        assert_eq!(late.devices[0].values[1], 440.0);
        assert_eq!(late.devices[1].sidechain, Some(early.id));
        let sent: Vec<_> = late.sends.iter().map(|send| (send.target, send.gain, send.pre)).collect();
        assert_eq!(sent, [(bus.id, 0.5, true)], "a send to a deleted bus is silent");
        let targets: Vec<LaneTarget> = late.lanes.iter().map(|lane| lane.target).collect();
        assert_eq!(targets, [LaneTarget::Volume, LaneTarget::Parameter(0, 2), LaneTarget::Send(0)]);
        let first = late.lanes[0].points[0];
        assert_eq!((first.ticks, first.value, first.way), (TICKS_PER_BEAT, 16.0, Way::Hold));
        assert_eq!(late.lanes[0].points[1].way, Way::Bent(-0.5));
        assert!(crate::Plan::compile(&song).is_ok());
    }

    #[test]
    fn en33_automation_without_a_track_is_the_masters() {
        let mut records = project();
        let filter = Value::map([("id", Value::text("f")), ("type", Value::text("filter"))]);
        let mut project = records.project().unwrap().clone();
        project = project.with("plugins", Value::list([filter]));
        records.insert(Table::Projects, project);
        let point = Value::map([("id", Value::text("x")), ("beat", Value::number(1.0)), ("value", Value::number(0.5))]);
        for (name, parameter) in [("a1", "volume"), ("a2", "plugins.f.params.q"), ("a3", "pan"), ("a4", "sends.s.gain")]
        {
            let given = [
                ("projectId", Value::text("p")),
                ("parameter", Value::text(parameter)),
                ("points", Value::list([point.clone()])),
            ];
            insert(&mut records, Table::Automation, name, &given);
        }
        let song = Song::from_records(&records, |_| None).unwrap();
        let targets: Vec<LaneTarget> = song.master.lanes.iter().map(|lane| lane.target).collect();
        assert_eq!(targets, [LaneTarget::Volume, LaneTarget::Parameter(0, 2)]);
        assert!(song.tracks.iter().all(|track| track.lanes.is_empty()));
        assert!(crate::Plan::compile(&song).is_ok());
    }
}
