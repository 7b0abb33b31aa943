//! Where the sound of each track goes, where it may go, and what is heard while something is soloed (EN31).

use std::collections::{HashMap, HashSet};

use leptos::prelude::*;
use model::{Id, Plugin, Record, Records, Send, Table, TrackKind};

use crate::door::Door;

/// The ways of a song's sound. What is deleted counts, as it does when the room checks: bringing it back closes no circle.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Routes {
    stops: Vec<Stop>,
}

/// A track on the way.
#[derive(Clone, Debug, PartialEq)]
struct Stop {
    id: Id,
    name: String,
    kind: TrackKind,
    solo: bool,
    deleted: bool,
    /// Its output and what its sends go to.
    targets: Vec<Id>,
    /// What its effects listen to.
    listens: Vec<Id>,
}

/// A track that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) id: Id,
    pub(crate) name: String,
}

impl Stop {
    fn of(record: &Record) -> Stop {
        let track = model::Track::from_record(record);
        let sends = Send::all(record).into_iter().map(|send| send.target);
        Stop {
            targets: record.id_in("output").into_iter().chain(sends).collect(),
            listens: Plugin::all(record).into_iter().filter_map(|plugin| plugin.sidechain).collect(),
            id: track.id,
            name: track.name,
            kind: track.kind,
            solo: track.solo,
            deleted: record.is_deleted(),
        }
    }

    fn takes_sound(&self) -> bool {
        matches!(self.kind, TrackKind::Bus | TrackKind::Group) && !self.deleted
    }
}

impl Routes {
    /// The ways in these records, the tracks in their order.
    pub(crate) fn of(records: &Records) -> Routes {
        let deleted = records.table(Table::Tracks).filter(|track| track.is_deleted());
        Routes { stops: records.tracks().into_iter().chain(deleted).map(Stop::of).collect() }
    }

    /// The ways of the song that is shown, now and whenever they change.
    pub(crate) fn watch(door: Door) -> ReadSignal<Routes> {
        let routes = RwSignal::new(door.read(Routes::of));
        door.listen(move |keys| {
            if keys.iter().any(|key| key.table == Table::Tracks) {
                let now = door.read(Routes::of);
                // The door outlives the screen.
                let _ = routes.try_maybe_update(|before| {
                    let changed = *before != now;
                    *before = now;
                    (changed, ())
                });
            }
        });
        routes.read_only()
    }

    fn stop(&self, id: &Id) -> Option<&Stop> {
        self.stops.iter().find(|stop| stop.id == *id)
    }

    /// What a track is called.
    pub(crate) fn name(&self, id: &Id) -> Option<&str> {
        self.stop(id).map(|stop| &*stop.name)
    }

    /// How many tracks of a kind (`bus`, `group`) there are.
    pub(crate) fn count(&self, kind: &str) -> usize {
        let wanted = if kind == "bus" { TrackKind::Bus } else { TrackKind::Group };
        self.stops.iter().filter(|stop| stop.kind == wanted && !stop.deleted).count()
    }

    /// The buses and groups to which a track's sound may go: not where it would come back from.
    pub(crate) fn targets(&self, track: &Id) -> Vec<Choice> {
        let before = self.before(track);
        self.choices(|stop| stop.takes_sound() && stop.id != *track && !before.contains(&stop.id))
    }

    /// The tracks that the effects of a track may listen to; those of the master (none) may listen to any.
    pub(crate) fn sources(&self, track: Option<&Id>) -> Vec<Choice> {
        let after = track.map(|track| self.after(track)).unwrap_or_default();
        self.choices(|stop| !stop.deleted && Some(&stop.id) != track && !after.contains(&stop.id))
    }

    fn choices(&self, may: impl Fn(&Stop) -> bool) -> Vec<Choice> {
        let choice = |stop: &Stop| Choice { id: stop.id.clone(), name: stop.name.clone() };
        self.stops.iter().filter(|stop| may(stop)).map(choice).collect()
    }

    /// All that hears a track, as the sound goes.
    fn after(&self, track: &Id) -> HashSet<Id> {
        let mut hears: HashMap<&Id, Vec<&Id>> = HashMap::new();
        for stop in &self.stops {
            hears.entry(&stop.id).or_default().extend(&stop.targets);
            stop.listens.iter().for_each(|source| hears.entry(source).or_default().push(&stop.id));
        }
        reached(track, |id| hears.get(id).cloned().unwrap_or_default())
    }

    /// All that a track hears: from there its own sound would come back to it.
    fn before(&self, track: &Id) -> HashSet<Id> {
        let mut heard: HashMap<&Id, Vec<&Id>> = HashMap::new();
        for stop in &self.stops {
            stop.targets.iter().for_each(|target| heard.entry(target).or_default().push(&stop.id));
            heard.entry(&stop.id).or_default().extend(&stop.listens);
        }
        reached(track, |id| heard.get(id).cloned().unwrap_or_default())
    }

    /// What is heard while something is soloed (by `solo`); none while nothing is.
    pub(crate) fn heard(&self, solo: impl Fn(&Id) -> bool) -> Option<HashSet<Id>> {
        let soloed: Vec<&Stop> = self.stops.iter().filter(|stop| !stop.deleted && solo(&stop.id)).collect();
        if soloed.is_empty() {
            return None;
        }
        let live = |id: &&Id| self.stop(id).is_some_and(|stop| !stop.deleted);
        let mut heard = HashSet::new();
        for stop in soloed {
            heard.insert(stop.id.clone());
            heard.extend(reached(&stop.id, |id| {
                self.stop(id).map(|stop| stop.targets.iter().filter(live).collect()).unwrap_or_default()
            }));
            let into = |id: &Id| -> Vec<&Id> {
                self.stops
                    .iter()
                    .filter(|other| other.targets.contains(id))
                    .map(|other| &other.id)
                    .filter(live)
                    .collect()
            };
            heard.extend(reached(&stop.id, into));
        }
        Some(heard)
    }

    /// The same by the flags that count for all.
    pub(crate) fn heard_by_all(&self) -> Option<HashSet<Id>> {
        self.heard(|id| self.stop(id).is_some_and(|stop| stop.solo))
    }
}

/// All that is reached from a track by `next`; the track itself only when a way leads back to it.
fn reached<'a>(start: &'a Id, next: impl Fn(&Id) -> Vec<&'a Id>) -> HashSet<Id> {
    let mut seen = HashSet::new();
    let mut open = next(start);
    while let Some(id) = open.pop() {
        if seen.insert(id.clone()) {
            open.extend(next(id));
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use model::{Value, fields};

    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    /// Drums go to the group, which sends to the echo; the keys send to the echo and listen to the drums.
    fn routes(soloed: &str) -> Routes {
        let mut records = Records::new();
        let send = |target: &str| Value::list([Value::map([("id", "s".into()), ("target", target.into())])]);
        let listens = Value::map([("id", "c".into()), ("type", "compressor".into()), ("sidechain", "drums".into())]);
        for (name, kind, given) in [
            ("drums", "audio", vec![("output", Value::text("group"))]),
            ("keys", "audio", vec![("sends", send("echo")), ("plugins", Value::list([listens]))]),
            ("voice", "audio", vec![]),
            ("group", "group", vec![("sends", send("echo"))]),
            ("echo", "bus", vec![]),
        ] {
            let base = [
                ("name", name.into()),
                ("type", kind.into()),
                ("orderKey", name.into()),
                ("solo", (name == soloed).into()),
            ];
            records.insert(Table::Tracks, Record::new(id(name), 1, fields(base.into_iter().chain(given))));
        }
        Routes::of(&records)
    }

    fn names(choices: Vec<Choice>) -> Vec<String> {
        choices.into_iter().map(|choice| choice.name).collect()
    }

    #[test]
    fn en31_what_would_close_a_circle_is_not_offered() {
        let routes = routes("");
        assert_eq!(names(routes.targets(&id("drums"))), ["echo", "group"]);
        assert_eq!(names(routes.targets(&id("group"))), ["echo"]);
        assert!(routes.targets(&id("echo")).is_empty(), "the group sends to it");
        assert_eq!(names(routes.sources(Some(&id("drums")))), ["voice"]);
        assert_eq!(names(routes.sources(Some(&id("voice")))), ["drums", "echo", "group", "keys"]);
        assert_eq!(routes.sources(None).len(), 5);
    }

    #[test]
    fn en31_a_soloed_track_is_heard_on_its_ways_and_a_soloed_bus_with_what_leads_into_it() {
        let heard = |soloed| {
            let mut heard: Vec<String> =
                routes(soloed).heard_by_all().into_iter().flatten().map(|id| id.to_string()).collect();
            heard.sort();
            heard
        };
        assert_eq!(heard("drums"), ["drums", "echo", "group"]);
        assert_eq!(heard("echo"), ["drums", "echo", "group", "keys"]);
        assert_eq!(heard("voice"), ["voice"]);
        assert_eq!(routes("").heard_by_all(), None);
    }
}
