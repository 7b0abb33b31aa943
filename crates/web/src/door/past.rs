//! An old state of the song in the place of the present one: every screen shows it, the engine plays it, nobody can change it,
//! and what others do meanwhile waits behind it.

use std::cell::RefCell;
use std::rc::Rc;

use leptos::prelude::*;
use model::{Id, Key, Record, Records, Table, Timestamp};
use operations::{difference, in_transactions};

use super::{Door, new_id};

/// Why nothing can be changed while an old state is shown.
pub(crate) const LOOKING_BACK: &str = "You are looking at an earlier state. Go back to now to change something.";

/// What it is called to make an old state the present one.
pub(crate) const RESTORE: &str = "Restore";

/// How the gesture begins that makes an old state the present one; then come the entry of the log after which the song was so, and an id.
const RESTORES: &str = "restore-";

/// A gesture by which the history knows which state was restored.
fn gesture_of(seq: u64) -> Option<Id> {
    Id::new(&format!("{RESTORES}{seq}-{}", new_id())).ok()
}

/// The entry of the log after which the song was as the gesture has made it again; none of other gestures.
pub(crate) fn restored_by(gesture: &str) -> Option<u64> {
    gesture.strip_prefix(RESTORES)?.split_once('-')?.0.parse().ok()
}

/// What has become of an old state that was to be the present one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Restored {
    /// It is, by this step.
    By(Id),
    /// It was already.
    Already,
    /// It cannot be, which has been said; nothing was changed.
    Not,
}

/// Which old state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The entry of the log after which the song was like that.
    pub(crate) seq: u64,
    /// When that was.
    pub(crate) time: Timestamp,
    /// What somebody has called it.
    pub(crate) name: Option<String>,
}

/// Both faces of an old state.
struct Old {
    /// As the log has it.
    song: Records,
    /// As it is shown: its recordings as they are today, since only those can be heard.
    shown: Records,
}

/// What a door shows in the place of the present. Copy it freely.
#[derive(Clone, Copy)]
pub(super) struct Past {
    old: StoredValue<Rc<RefCell<Option<Old>>>, LocalStorage>,
    moment: RwSignal<Option<Moment>>,
}

impl Past {
    /// The present.
    pub(super) fn new() -> Past {
        Past { old: StoredValue::new_local(Rc::default()), moment: RwSignal::new(None) }
    }

    /// Whether an old state is shown; not tracked.
    pub(super) fn is_shown(self) -> bool {
        self.old.try_with_value(|old| old.borrow().is_some()).unwrap_or(false)
    }

    /// The same, for screens.
    pub(super) fn is_shown_now(self) -> bool {
        self.moment.with(Option::is_some)
    }

    /// What is shown: the old state, else the present one.
    pub(super) fn shown(self, present: &Records) -> Records {
        let shown = self.old.try_with_value(|old| old.borrow().as_ref().map(|old| old.shown.clone()));
        shown.flatten().unwrap_or_else(|| present.clone())
    }

    /// The present has changed: which of its `keys` show through. All of them, unless an old state is shown.
    pub(super) fn let_through(self, present: &Records, keys: &[Key]) -> Vec<Key> {
        let through = |old: &mut Old| {
            let keys: Vec<Key> = keys.iter().filter(|key| shows_through(key.table)).cloned().collect();
            for key in &keys {
                if let Some(record) = present.get(key) {
                    old.shown.insert(key.table, record.clone());
                }
            }
            keys
        };
        let kept = self.old.try_with_value(|old| old.borrow_mut().as_mut().map(through));
        kept.flatten().unwrap_or_else(|| keys.to_vec())
    }
}

/// Whether records of this table are today's also in an old state.
fn shows_through(table: Table) -> bool {
    matches!(table, Table::Users | Table::ProjectMembers | Table::Versions | Table::AudioFiles)
}

/// An old state as it is shown beside the present one.
fn overlaid(song: &Records, present: &Records) -> Records {
    let mut shown = song.clone();
    for (key, record) in present.iter().filter(|(key, _)| shows_through(key.table)) {
        let was_there = key.table == Table::AudioFiles && song.get(key).is_some_and(|old| !old.is_deleted());
        shown.insert(key.table, if was_there { record.without("deleted") } else { record.clone() });
    }
    shown
}

/// The keys of the records in which two states differ.
fn differing(a: &Records, b: &Records) -> Vec<Key> {
    let differs = |key: &Key, record: &Record| match b.get(key) {
        Some(other) => !record.is_same(other) && record != other,
        None => true,
    };
    let mut keys: Vec<Key> =
        a.iter().filter(|(key, record)| differs(key, record)).map(|(key, _)| key.clone()).collect();
    keys.extend(b.iter().filter(|(key, _)| a.get(key).is_none()).map(|(key, _)| key.clone()));
    keys
}

impl Door {
    /// The old state that is shown; none while it is the present one.
    pub(crate) fn moment(self) -> ReadSignal<Option<Moment>> {
        self.past.moment.read_only()
    }

    /// Reads the present records, also while an old state is shown; not tracked.
    pub(crate) fn read_present<T>(self, read: impl FnOnce(&Records) -> T) -> T {
        read(self.inner().replica.borrow().view())
    }

    /// Shows an old state in the place of what is shown.
    pub(crate) fn look_back(self, moment: Moment, song: Records) {
        let before = self.read(Records::clone);
        let shown = self.read_present(|present| overlaid(&song, present));
        let keys = differing(&before, &shown);
        self.past.old.with_value(|old| *old.borrow_mut() = Some(Old { song, shown }));
        self.past.moment.set(Some(moment));
        self.show(&keys);
    }

    /// Shows the present again.
    pub(crate) fn back_to_now(self) {
        let Some(old) = self.past.old.with_value(|old| old.borrow_mut().take()) else { return };
        let keys = self.read_present(|present| differing(&old.shown, present));
        self.past.moment.set(None);
        self.show(&keys);
    }

    /// Makes the old state that is shown the present one: one step, which undo takes back.
    pub(crate) fn restore(self) -> Restored {
        let song = self.past.old.with_value(|old| old.borrow().as_ref().map(|old| old.song.clone()));
        let seq = self.past.moment.with_untracked(|moment| moment.as_ref().map(|moment| moment.seq));
        let Some(song) = song else { return Restored::Already };
        self.back_to_now();
        let operations = self.read_present(|present| difference(present, &song));
        if operations.is_empty() {
            return Restored::Already;
        }
        let Some(gesture) = seq.and_then(gesture_of) else { return Restored::Not };
        if !self.dispatch_parts(RESTORE, gesture, in_transactions(operations)) {
            return Restored::Not;
        }
        self.last_step().map_or(Restored::Already, Restored::By)
    }

    /// The server has not taken a part of a restoring: the rest of it can be taken back.
    pub(super) fn restored_in_part(self, what: String, why: String) {
        self.toasts.error_with(format!("A part of “{what}” was not taken"), why, "Undo the rest", move || {
            if self.has_ended() {
                return;
            }
            self.let_go();
            if self.next_undo().get_untracked().as_deref() == Some(RESTORE) {
                self.undo();
            } else {
                self.toasts.info("You have changed more since", "Undo takes your steps back one by one.");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use model::{Value, fields};

    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    fn records(all: &[(Table, &str, &str)]) -> Records {
        let mut records = Records::new();
        for (table, name, text) in all {
            records.insert(*table, Record::new(id(name), 1, fields([("name", Value::text(text))])));
        }
        records
    }

    #[test]
    fn differing_records_are_those_that_change_come_or_go() {
        let a = records(&[(Table::Tracks, "same", "x"), (Table::Tracks, "other", "x"), (Table::Clips, "gone", "x")]);
        let b = records(&[(Table::Tracks, "same", "x"), (Table::Tracks, "other", "y"), (Table::Clips, "new", "x")]);
        let names: Vec<String> = differing(&a, &b).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["tracks:other", "clips:gone", "clips:new"]);
        assert_eq!(differing(&a, &a), []);
    }

    #[test]
    fn an_old_state_plays_todays_recordings_and_knows_todays_people() {
        let old = records(&[(Table::Tracks, "t", "then"), (Table::AudioFiles, "f", "then")]);
        let mut now = records(&[
            (Table::Tracks, "t", "now"),
            (Table::AudioFiles, "f", "now"),
            (Table::ProjectMembers, "m", "now"),
        ]);
        let deleted = now.find(Table::AudioFiles, &id("f")).unwrap().with("deleted", "2026-01-01T00:00:00.000Z".into());
        now.insert(Table::AudioFiles, deleted);
        let shown = overlaid(&old, &now);
        let name = |table, name: &str| shown.find(table, &id(name)).unwrap().text("name").unwrap().to_owned();
        assert_eq!(name(Table::Tracks, "t"), "then");
        assert_eq!(name(Table::AudioFiles, "f"), "now");
        assert_eq!(name(Table::ProjectMembers, "m"), "now");
        assert!(!shown.find(Table::AudioFiles, &id("f")).unwrap().is_deleted());
    }
}
