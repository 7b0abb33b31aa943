//! Automation: lanes under the tracks, in which the values of a parameter are drawn over time (EN33).

mod edit;
mod hand;
mod head;
mod kept;
mod lane;
mod moving;
mod points;
mod target;

use std::collections::BTreeMap;

use leptos::prelude::*;
use model::{Id, Table};

pub(crate) use head::LaneHead;
pub(crate) use lane::LaneCurve;
pub(crate) use moving::{MOVES_BY_ITSELF, Moving};

use crate::door::Door;

/// Lanes that one track shows at once.
const LANES_SHOWN_MAX: usize = 16;

/// Which lanes this page shows. Copy it freely.
#[derive(Clone, Copy)]
pub(crate) struct LanesShown {
    door: Door,
    shown: RwSignal<BTreeMap<Id, Vec<LaneId>>>,
    next: StoredValue<u32>,
    /// Runs again when automation changed.
    changed: RwSignal<u32>,
    /// The project's id, under which the master's lanes are: they lie on no track.
    master: StoredValue<Option<Id>>,
    /// Whether a press draws, as it does with Shift held: for fingers, which hold no key.
    draws: RwSignal<bool>,
}

/// A lane on the screen: it keeps its place when another parameter is chosen in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LaneId {
    number: u32,
    parameter: String,
}

impl LanesShown {
    /// Those that this browser showed of the song when it was last open.
    pub(crate) fn new(door: Door) -> LanesShown {
        let lanes = LanesShown {
            door,
            shown: RwSignal::new(BTreeMap::new()),
            next: StoredValue::new(0),
            changed: RwSignal::new(0),
            master: StoredValue::new(
                door.project().with_untracked(|project| project.as_ref().map(|project| project.id.clone())),
            ),
            draws: RwSignal::new(false),
        };
        lanes.keep();
        door.listen(move |keys| {
            if keys.iter().any(|key| key.table == Table::Automation) {
                let _ = lanes.changed.try_update(|count| *count = count.wrapping_add(1));
            }
        });
        lanes
    }

    /// Shows what was kept, and keeps what is shown.
    fn keep(self) {
        let Some(project) = self.master.get_value() else { return };
        for (track, parameter) in kept::kept(&project) {
            if track == project || self.door.tracks().with_untracked(|tracks| tracks.contains(&track)) {
                self.add(&track, parameter);
            }
        }
        Effect::new(move |before: Option<()>| {
            self.shown.with(|shown| {
                if before.is_some() {
                    let of = |(track, lanes): (&Id, &Vec<LaneId>)| -> Vec<(Id, String)> {
                        lanes.iter().map(|lane| (track.clone(), lane.parameter.clone())).collect()
                    };
                    kept::keep(&project, &shown.iter().flat_map(of).collect::<Vec<_>>());
                }
            });
        });
    }

    /// Under which id the master's lanes are.
    pub(crate) fn master(self) -> Option<Id> {
        self.master.get_value()
    }

    /// Whether these are the master's.
    pub(crate) fn is_master(self, track: &Id) -> bool {
        self.master.with_value(|master| master.as_ref() == Some(track))
    }

    /// How many lanes the master shows.
    pub(crate) fn count_of_master(self) -> usize {
        self.master.with_value(|master| master.as_ref().map_or(0, |master| self.count(master)))
    }

    /// How many lanes a track shows.
    pub(crate) fn count(self, track: &Id) -> usize {
        self.shown.with(|shown| shown.get(track).map_or(0, Vec::len))
    }

    /// The lanes of a track, by number.
    pub(crate) fn of(self, track: &Id) -> Vec<u32> {
        self.shown
            .with(|shown| shown.get(track).map(|lanes| lanes.iter().map(|lane| lane.number).collect()))
            .unwrap_or_default()
    }

    /// All lanes: of which track, and which of its own.
    pub(crate) fn all(self) -> Vec<(Id, u32)> {
        let one = |(track, lanes): (&Id, &Vec<LaneId>)| -> Vec<(Id, u32)> {
            lanes.iter().map(|lane| (track.clone(), lane.number)).collect()
        };
        self.shown.with(|shown| shown.iter().flat_map(one).collect())
    }

    /// The place of a lane among those of its track.
    pub(crate) fn rank(self, track: &Id, number: u32) -> usize {
        let place = |lanes: &Vec<LaneId>| lanes.iter().position(|lane| lane.number == number);
        self.shown.with(|shown| shown.get(track).and_then(place)).unwrap_or(0)
    }

    /// What a lane shows.
    fn parameter(self, track: &Id, number: u32) -> String {
        let of =
            |lanes: &Vec<LaneId>| lanes.iter().find(|lane| lane.number == number).map(|lane| lane.parameter.clone());
        self.shown.with(|shown| shown.get(track).and_then(of)).unwrap_or_default()
    }

    /// Shows another parameter in a lane.
    fn choose(self, track: &Id, number: u32, parameter: String) {
        self.shown.update(|shown| {
            let lane = shown.get_mut(track).and_then(|lanes| lanes.iter_mut().find(|lane| lane.number == number));
            if let Some(lane) = lane {
                lane.parameter = parameter;
            }
        });
    }

    /// Shows what of a track is automated, its volume when nothing is; or hides all its lanes.
    pub(crate) fn toggle(self, track: &Id) {
        if self.shown.with_untracked(|shown| shown.contains_key(track)) {
            self.shown.update(|shown| drop(shown.remove(track)));
            return;
        }
        let mut parameters = self.door.read(|records| points::automated(records, track));
        if parameters.is_empty() {
            parameters.push("volume".to_owned());
        }
        parameters.truncate(LANES_SHOWN_MAX);
        parameters.into_iter().for_each(|parameter| self.add(track, parameter));
    }

    /// Shows one more lane.
    fn add(self, track: &Id, parameter: String) {
        let number = self.next.get_value();
        self.next.set_value(number.wrapping_add(1));
        self.shown.update(|shown| {
            let lanes = shown.entry(track.clone()).or_default();
            if lanes.len() < LANES_SHOWN_MAX {
                lanes.push(LaneId { number, parameter });
            }
        });
    }

    /// Hides one lane; what is drawn in it stays in the song.
    fn hide(self, track: &Id, number: u32) {
        self.shown.update(|shown| {
            if let Some(lanes) = shown.get_mut(track) {
                lanes.retain(|lane| lane.number != number);
                if lanes.is_empty() {
                    shown.remove(track);
                }
            }
        });
    }
}
