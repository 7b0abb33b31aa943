//! From records to plans, and which plan is in force.

use std::collections::{HashMap, VecDeque};

use engine::{Compiler, Song, Tempo};
use model::{AudioFile, Id, Plugin, Records, Table};

use super::own_flags::{self, OwnFlags};

/// Plans that are remembered: the audio thread is never further behind.
const REMEMBERED: usize = 32;

/// What must be known of a plan that was sent, to read the status.
pub(super) struct Sent {
    serial: u32,
    pub(super) tempo: Tempo,
    /// Its tracks, in its order.
    pub(super) tracks: Vec<Id>,
}

/// Compiles plans, with faders that are being moved in the place of those that are written.
#[derive(Default)]
pub(super) struct Plans {
    compiler: Compiler,
    last_serial: u32,
    sent: VecDeque<Sent>,
    volumes: HashMap<Option<Id>, f64>,
    pans: HashMap<Id, f64>,
    own: OwnFlags,
    /// By track (the master without one), effect and index of the parameter.
    parameters: HashMap<(Option<Id>, Id, usize), f32>,
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
        let tempo = Tempo::new(song.bpm_milli, song.sample_rate).ok_or("The tempo is out of range.")?;
        self.last_serial += 1;
        self.sent.push_back(Sent { serial: self.last_serial, tempo, tracks });
        if self.sent.len() > REMEMBERED {
            self.sent.pop_front();
        }
        Ok((self.last_serial, plan.to_bytes()))
    }

    fn apply_previews(&self, song: &mut Song, tracks: &[Id], records: &Records) {
        for ((track, effect, index), value) in &self.parameters {
            let owner = match track {
                Some(track) => records.find(Table::Tracks, track),
                None => records.project(),
            };
            let devices = match track {
                Some(track) => tracks.iter().position(|id| id == track).map(|place| &mut song.tracks[place].devices),
                None => Some(&mut song.master.devices),
            };
            // The song has a track's devices in the order in which its record has them.
            let place = owner.and_then(|owner| Plugin::all(owner).iter().position(|plugin| plugin.id == *effect));
            let device = devices.zip(place).and_then(|(devices, place)| devices.get_mut(place));
            if let Some(known) = device.and_then(|device| device.values.get_mut(*index)) {
                *known = *value;
            }
        }
        if let Some(volume) = self.volumes.get(&None) {
            song.master.volume = *volume;
        }
        for (track, id) in song.tracks.iter_mut().zip(tracks) {
            if let Some(volume) = self.volumes.get(&Some(id.clone())) {
                track.volume = *volume;
            }
            if let Some(pan) = self.pans.get(id) {
                track.pan = *pan;
            }
        }
    }

    /// What was sent under a serial.
    pub(super) fn in_force(&self, serial: u32) -> Option<&Sent> {
        self.sent.iter().rev().find(|sent| sent.serial == serial)
    }

    pub(super) fn set_own(&mut self, own: OwnFlags) {
        self.own = own;
    }

    pub(super) fn preview_volume(&mut self, track: Option<&Id>, factor: Option<f64>) {
        match factor {
            Some(factor) => drop(self.volumes.insert(track.cloned(), factor)),
            None => drop(self.volumes.remove(&track.cloned())),
        }
    }

    pub(super) fn preview_parameter(&mut self, track: Option<&Id>, effect: &Id, index: usize, value: Option<f32>) {
        let name = (track.cloned(), effect.clone(), index);
        match value {
            Some(value) => drop(self.parameters.insert(name, value)),
            None => drop(self.parameters.remove(&name)),
        }
    }

    pub(super) fn preview_pan(&mut self, track: &Id, pan: Option<f64>) {
        match pan {
            Some(pan) => drop(self.pans.insert(track.clone(), pan)),
            None => drop(self.pans.remove(track)),
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{Record, Value, fields};

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
        plans.preview_volume(Some(&track), Some(0.25));
        plans.preview_pan(&track, Some(-1.0));
        plans.preview_volume(None, Some(2.0));
        let (_, during) = plans.compile(&records(), |_| None).unwrap();
        assert_ne!(before, during);
        plans.preview_volume(Some(&track), None);
        plans.preview_pan(&track, None);
        plans.preview_volume(None, None);
        let (_, after) = plans.compile(&records(), |_| None).unwrap();
        assert_eq!(before, after);
    }
}
