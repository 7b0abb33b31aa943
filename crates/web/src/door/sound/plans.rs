//! From records to plans, and which plan is in force.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use engine::{Compiler, Device, Master, Song, TempoTrack, Track};
use model::{AudioFile, Id, Plugin, Record, Records, Send, Table};

use super::finer::EffectId;
use super::own_flags::{self, OwnFlags};

/// Plans that are remembered: the audio thread is never further behind.
const REMEMBERED: usize = 32;

/// What must be known of a plan that was sent, to read the status.
pub(super) struct Sent {
    serial: u32,
    pub(super) tempo: TempoTrack,
    /// By how many frames what is heard is late.
    pub(super) latency: u32,
    /// Its tracks, in its order.
    pub(super) tracks: Vec<Id>,
    /// Its devices, in its order: track by track, the master's last.
    pub(super) effects: Rc<Vec<EffectId>>,
}

/// What can be turned by hand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Turned {
    /// The fader: a factor.
    Volume,
    /// -1 left to 1 right.
    Pan,
    /// The gain of a send: a factor.
    Send(Id),
    /// An effect's parameter.
    Parameter {
        /// Of which effect.
        effect: Id,
        /// By its place in the table of parameters.
        index: usize,
        /// The switch without which it would not be heard: on for as long as the hand holds this one, and let go with it.
        wakes: Option<usize>,
    },
}

/// Compiles plans, with faders that are being moved in the place of those that are written.
#[derive(Default)]
pub(super) struct Plans {
    compiler: Compiler,
    last_serial: u32,
    sent: VecDeque<Sent>,
    own: OwnFlags,
    /// What hands hold, by track (the master without one).
    held: HashMap<(Option<Id>, Turned), f64>,
}

impl Plans {
    /// The plan of these records as bytes, and its serial.
    pub(super) fn compile(
        &mut self,
        records: &Records,
        source: impl FnMut(&AudioFile) -> Option<u32>,
    ) -> Result<(u32, Vec<u8>), String> {
        let mut song = Song::from_records(records, source).ok_or("There is no project.")?;
        let tracks: Vec<Id> = records.tracks().iter().map(|track| track.id().clone()).collect();
        self.apply_previews(&mut song, &tracks, records);
        own_flags::lay_over(&self.own, &mut song, &tracks);
        let plan = self.compiler.compile(&song).map_err(|error| error.to_string())?;
        let tempo = TempoTrack::new(song.sample_rate, song.bpm_milli, &song.tempo_changes)
            .map_err(|_| "The tempo is out of range.")?;
        let effects = Rc::new(effects(records));
        self.last_serial += 1;
        self.sent.push_back(Sent { serial: self.last_serial, tempo, latency: plan.view().latency(), tracks, effects });
        if self.sent.len() > REMEMBERED {
            self.sent.pop_front();
        }
        Ok((self.last_serial, plan.to_bytes()))
    }

    fn apply_previews(&self, song: &mut Song, tracks: &[Id], records: &Records) {
        for ((owner, what), value) in &self.held {
            let Some(owner) = owner else {
                apply_to_master(&mut song.master, records, what, *value);
                continue;
            };
            let record = records.find(Table::Tracks, owner);
            let place = tracks.iter().position(|id| id == owner);
            if let (Some(record), Some(track)) = (record, place.and_then(|place| song.tracks.get_mut(place))) {
                apply_to_track(track, record, tracks, what, *value);
            }
        }
    }

    /// The place of an effect in the plan that was sent last.
    pub(super) fn device(&self, effect: &EffectId) -> Option<usize> {
        self.sent.back()?.effects.iter().position(|known| known == effect)
    }

    /// What was sent under a serial.
    pub(super) fn in_force(&self, serial: u32) -> Option<&Sent> {
        self.sent.iter().rev().find(|sent| sent.serial == serial)
    }

    pub(super) fn set_own(&mut self, own: OwnFlags) {
        self.own = own;
    }

    /// What a hand holds, and where; none lets it go.
    pub(super) fn preview(&mut self, track: Option<&Id>, what: Turned, value: Option<f64>) {
        let held = (track.cloned(), what);
        match value {
            Some(value) => drop(self.held.insert(held, value)),
            None => drop(self.held.remove(&held)),
        }
    }
}

/// All effects, in the order in which a plan numbers its devices.
fn effects(records: &Records) -> Vec<EffectId> {
    let of = |owner: Option<Id>, record: &Record| -> Vec<EffectId> {
        Plugin::all(record).into_iter().map(|plugin| (owner.clone(), plugin.id)).collect()
    };
    let tracks = records.tracks().into_iter().flat_map(|track| of(Some(track.id().clone()), track));
    tracks.chain(records.project().into_iter().flat_map(|project| of(None, project))).collect()
}

fn apply_to_master(master: &mut Master, records: &Records, what: &Turned, value: f64) {
    match what {
        Turned::Volume => master.volume = value,
        Turned::Parameter { effect, index, wakes } => {
            if let Some(record) = records.project() {
                turn(&mut master.devices, record, effect, (*index, *wakes), value);
            }
        }
        Turned::Pan | Turned::Send(_) => {}
    }
}

fn apply_to_track(track: &mut Track, record: &Record, live: &[Id], what: &Turned, value: f64) {
    match what {
        Turned::Volume => track.volume = value,
        Turned::Pan => track.pan = value,
        Turned::Send(send) => {
            // The song has those sends whose targets are not deleted, in the order in which the record has them.
            let place = Send::all(record)
                .into_iter()
                .filter(|send| live.contains(&send.target))
                .position(|other| other.id == *send);
            if let Some(send) = place.and_then(|place| track.sends.get_mut(place)) {
                send.gain = value;
            }
        }
        Turned::Parameter { effect, index, wakes } => {
            turn(&mut track.devices, record, effect, (*index, *wakes), value);
        }
    }
}

/// The song has a record's devices in the order in which the record has them.
fn turn(devices: &mut [Device], record: &Record, effect: &Id, (index, wakes): (usize, Option<usize>), value: f64) {
    let place = Plugin::all(record).iter().position(|plugin| plugin.id == *effect);
    let Some(device) = place.and_then(|place| devices.get_mut(place)) else { return };
    if let Some(known) = device.values.get_mut(index) {
        #[expect(clippy::cast_possible_truncation, reason = "parameters are single precision")]
        let value = value as f32;
        *known = value;
    }
    if let Some(switch) = wakes.and_then(|switch| device.values.get_mut(switch)) {
        *switch = 1.0;
    }
}

#[cfg(test)]
mod tests {
    use model::{Value, fields};

    use super::*;

    fn records() -> Records {
        let mut records = Records::new();
        let project = fields([("name", Value::text("P")), ("bpm", 120.0.into()), ("masterVolume", 0.5.into())]);
        records.insert(Table::Projects, Record::new(Id::new("p").unwrap(), 1, project));
        for (id, key) in [("b", "1"), ("a", "2")] {
            let given = fields([("projectId", Value::text("p")), ("orderKey", key.into()), ("volume", 1.0.into())]);
            records.insert(Table::Tracks, Record::new(Id::new(id).unwrap(), 1, given));
        }
        records
    }

    #[test]
    fn plans_are_numbered_and_remember_their_tracks() {
        let mut plans = Plans::default();
        let (first, bytes) = plans.compile(&records(), |_| None).unwrap();
        let (second, again) = plans.compile(&records(), |_| None).unwrap();
        assert_eq!((first, second), (1, 2));
        assert_eq!(bytes, again);
        let names: Vec<&str> = plans.in_force(1).unwrap().tracks.iter().map(Id::as_str).collect();
        assert_eq!(names, ["b", "a"]);
        assert!(plans.in_force(3).is_none());
    }

    #[test]
    fn a_fader_in_the_hand_is_heard_and_let_go() {
        let mut plans = Plans::default();
        let (_, before) = plans.compile(&records(), |_| None).unwrap();
        let track = Id::new("a").unwrap();
        plans.preview(Some(&track), Turned::Volume, Some(0.25));
        plans.preview(Some(&track), Turned::Pan, Some(-1.0));
        plans.preview(None, Turned::Volume, Some(2.0));
        let (_, during) = plans.compile(&records(), |_| None).unwrap();
        assert_ne!(before, during);
        plans.preview(Some(&track), Turned::Volume, None);
        plans.preview(Some(&track), Turned::Pan, None);
        plans.preview(None, Turned::Volume, None);
        let (_, after) = plans.compile(&records(), |_| None).unwrap();
        assert_eq!(before, after);
    }

    #[test]
    fn en17_a_band_that_is_turned_is_heard_and_its_switch_is_let_go_with_it() {
        let table = dsp::devices::Kind::Equaliser.parameters();
        let at = |id: &str| table.iter().position(|parameter| parameter.id == id).unwrap();
        let (gain, on) = (at("gain4"), at("on4"));
        let effect = Id::new("e").unwrap();
        let plugins = |on: f64| {
            let params = Value::map([("on4", on.into())]);
            let plugin =
                [("id", Value::from(&effect)), ("type", "eq".into()), ("bypassed", false.into()), ("params", params)];
            Value::list([Value::map(plugin)])
        };
        let values = |plans: &Plans, records: &Records| {
            let mut song = Song::from_records(records, |_| None).unwrap();
            plans.apply_previews(&mut song, &[Id::new("b").unwrap(), Id::new("a").unwrap()], records);
            [&song.tracks[1].devices[0], &song.master.devices[0]].map(|device| (device.values[gain], device.values[on]))
        };
        let with = |on: f64| {
            let mut records = records();
            for (table, id) in [(Table::Tracks, "a"), (Table::Projects, "p")] {
                let record = records.find(table, &Id::new(id).unwrap()).unwrap().with("plugins", plugins(on));
                records.insert(table, record);
            }
            records
        };
        let mut plans = Plans::default();
        let track = Id::new("a").unwrap();
        let turned = || Turned::Parameter { effect: effect.clone(), index: gain, wakes: Some(on) };
        for owner in [Some(&track), None] {
            plans.preview(owner, turned(), Some(12.0));
        }
        assert_eq!(values(&plans, &with(0.0)), [(12.0, 1.0); 2]);
        // What is written before the hand is gone (the switch, too) changes nothing of that it lets go of both.
        for owner in [Some(&track), None] {
            plans.preview(owner, turned(), None);
        }
        assert_eq!(values(&plans, &with(1.0)), [(0.0, 1.0); 2]);
        assert_eq!(values(&plans, &with(0.0)), [(0.0, 0.0); 2], "switched off, it is off");
    }

    #[test]
    fn en31_a_send_in_the_hand_is_found_behind_one_that_leads_nowhere() {
        let mut records = records();
        let send = |id: &str, target: &str| Value::map([("id", id.into()), ("target", target.into())]);
        let track = Id::new("a").unwrap();
        let sends = Value::list([send("x", "gone"), send("y", "b")]);
        records.insert(Table::Tracks, records.find(Table::Tracks, &track).unwrap().with("sends", sends));
        let mut song = Song::from_records(&records, |_| None).unwrap();
        let mut plans = Plans::default();
        plans.preview(Some(&track), Turned::Send(Id::new("y").unwrap()), Some(0.25));
        plans.apply_previews(&mut song, &[Id::new("b").unwrap(), track], &records);
        assert_eq!(song.tracks[1].sends.iter().map(|send| send.gain).collect::<Vec<_>>(), [0.25]);
    }
}
