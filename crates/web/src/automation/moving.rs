//! What moves by itself: where the song's lanes have its faders and knobs at the place that is heard.

use std::collections::HashMap;

use dsp::device::Parameter;
use leptos::prelude::*;
use model::{Id, Records, Ticks};

use super::LanesShown;
use super::points::{self, Point};
use super::target::Scale;
use crate::door::Door;
use crate::door::sound::Sound;

/// What the title of a control says that a lane moves.
pub(crate) const MOVES_BY_ITSELF: &str = "Its automation moves it: change it in its lane";

/// Whose parameter a lane moves; the master goes by the project's id.
type Of = (Id, String);

/// The lanes of the song, and the place that is heard. Copy it freely.
#[derive(Clone, Copy)]
pub(crate) struct Moving {
    door: Door,
    lanes: Memo<HashMap<Of, Vec<Point>>>,
    at: RwSignal<Ticks>,
}

/// The lanes that have points.
fn all(records: &Records) -> HashMap<Of, Vec<Point>> {
    let owners = records.tracks().into_iter().chain(records.project()).map(|record| record.id().clone());
    let of = |owner: Id| {
        let lane = |parameter: String| {
            let points = points::lane(records, &owner, &parameter)?.points;
            (!points.is_empty()).then(|| ((owner.clone(), parameter), points))
        };
        points::automated(records, &owner).into_iter().filter_map(lane).collect::<Vec<_>>()
    };
    owners.flat_map(of).collect()
}

impl Moving {
    /// Follows the song.
    pub(crate) fn new(door: Door, sound: Sound, shown: LanesShown) -> Moving {
        let lanes = Memo::new(move |_| {
            shown.changed.track();
            door.tracks().track();
            door.read(all)
        });
        let at = RwSignal::new(sound.position());
        sound.on_frame(move |heard| {
            if lanes.try_with_untracked(HashMap::is_empty) == Some(false) && at.get_untracked() != heard.position {
                at.set(heard.position);
            }
        });
        Moving { door, lanes, at }
    }

    /// The factor at which a fader stands; none while no lane moves it.
    pub(crate) fn volume(self, owner: &Id) -> Memo<Option<f64>> {
        self.value((owner.clone(), "volume".to_owned()), Scale::Gain)
    }

    /// The same for a pan.
    pub(crate) fn pan(self, owner: &Id) -> Memo<Option<f64>> {
        self.value((owner.clone(), "pan".to_owned()), Scale::Pan)
    }

    /// The same for the gain of a send.
    pub(crate) fn send(self, owner: &Id, send: &Id) -> Memo<Option<f64>> {
        self.value((owner.clone(), format!("sends.{send}.gain")), Scale::Gain)
    }

    /// The same for a parameter of an effect.
    pub(crate) fn effect(self, owner: &Id, effect: &Id, parameter: &'static Parameter) -> Memo<Option<f64>> {
        let path = format!("plugins.{effect}.params.{}", parameter.id);
        self.value((owner.clone(), path), Scale::Effect(parameter))
    }

    fn value(self, of: Of, scale: Scale) -> Memo<Option<f64>> {
        let points = Memo::new(move |_| self.lanes.with(|lanes| lanes.get(&of).cloned()));
        // Only what a lane moves looks again at each frame.
        Memo::new(move |_| {
            let moves = |points: &Vec<Point>| points::value_at(points, self.at.get(), scale, 0.0);
            points.with(|points| points.as_ref().map(moves))
        })
    }

    /// Says why a control that a lane moves has not been set.
    pub(crate) fn refuse(self) {
        self.door.toasts().info(
            "Automation moves this",
            "What you set here would not be heard. Change it in its lane, or delete the points there.",
        );
    }
}

#[cfg(test)]
mod tests {
    use model::{Record, Table, Value, fields};

    use super::*;

    #[test]
    fn en33_lanes_with_points_move_what_they_are_of_and_empty_or_deleted_ones_nothing() {
        let id = |text: &str| Id::new(text).unwrap();
        let mut records = Records::new();
        let mut add = |table, name: &str, given: &[(&str, Value)]| {
            records.insert(table, Record::new(id(name), 1, fields(given.iter().cloned())));
        };
        let point = Value::map([("id", "p".into()), ("beat", 0.0.into()), ("value", 0.5.into())]);
        let lane = |track: &str, parameter: &str, points: Vec<Value>| {
            [("trackId", Value::text(track)), ("parameter", parameter.into()), ("points", Value::list(points))]
        };
        add(Table::Projects, "song", &[("bpm", 120.0.into())]);
        add(Table::Tracks, "t", &[("projectId", "song".into())]);
        add(Table::Automation, "a", &lane("t", "volume", vec![point.clone()]));
        add(Table::Automation, "b", &lane("t", "pan", vec![]));
        let mut gone = lane("t", "sends.x.gain", vec![point]).to_vec();
        gone.push(("deleted", "2026-11-23T00:00:00.000Z".into()));
        add(Table::Automation, "c", &gone);
        assert_eq!(all(&records).into_keys().collect::<Vec<_>>(), [(id("t"), "volume".to_owned())]);
    }
}
