//! What belongs together in the list: the transactions of one gesture, and what one person did within a minute.

use model::{Id, Table, Timestamp};
use sync::steps::MERGE_MS;

use super::words::{Lexicon, tell};
use crate::door::history::{Author, Deed, Entry};
use crate::door::past::restored_by;

/// What one person does within this time of their last change is told together.
const TOGETHER_MS: i64 = 60_000;
/// Lines that a group shows before it is opened.
pub(super) const LINES_SHOWN: usize = 4;

/// What is told together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    pub(super) author: Author,
    /// The newest of its entries: the state after it is what one looks at.
    pub(super) seq: u64,
    pub(super) time: Timestamp,
    /// What was done, the newest first.
    pub(super) lines: Vec<String>,
    /// Whether all of it takes something back, or brings it again.
    pub(super) steps_back: bool,
    /// The version that it names, which stands alone.
    pub(super) names: Option<Id>,
    /// The entry of the log after which the song was as it was made again.
    pub(super) restores: Option<u64>,
    /// What it was done in, the newest first.
    pub(super) steps: Vec<Step>,
}

impl Group {
    /// The oldest of its steps: it is the same group by that when its person goes on.
    pub(super) fn oldest(&self) -> u64 {
        self.steps.last().map_or(self.seq, |step| step.seq)
    }
}

/// A gesture of a group, or an edit that stands for itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    /// The newest of its entries.
    pub(super) seq: u64,
    pub(super) time: Timestamp,
    pub(super) lines: Vec<String>,
}

/// The list, of entries that come the newest first. What says nothing is left out.
pub(super) fn groups(entries: &[Entry], lexicon: &Lexicon<'_>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let telling: Vec<&Entry> = entries.iter().filter(|entry| !tell(lexicon, &entry.operations).is_empty()).collect();
    let mut rest = &telling[..];
    while let [first, ..] = rest {
        let mut count = 1;
        while let Some(next) = rest.get(count)
            && belongs(rest[count - 1], next)
        {
            count += 1;
        }
        let (together, later) = rest.split_at(count);
        rest = later;
        groups.push(Group {
            author: first.author.clone(),
            seq: first.seq,
            time: time_of(first).unwrap_or(Timestamp(0)),
            lines: lines(together, lexicon),
            steps_back: together.iter().all(|entry| takes_back(entry)),
            names: named(first),
            restores: restored(first),
            steps: steps(together, lexicon),
        });
    }
    groups
}

/// The gestures of a group.
fn steps(together: &[&Entry], lexicon: &Lexicon<'_>) -> Vec<Step> {
    let gestures = together.chunk_by(|newer, older| is_one_step(newer, older));
    let step = |entries: &[&Entry]| {
        let newest = entries.first()?;
        Some(Step { seq: newest.seq, time: time_of(newest).unwrap_or(Timestamp(0)), lines: lines(entries, lexicon) })
    };
    gestures.filter_map(step).collect()
}

/// Whether both are one gesture, or turned the same a moment apart, as for undo (UN2).
fn is_one_step(newer: &Entry, older: &Entry) -> bool {
    if newer.gesture.is_some() || older.gesture.is_some() {
        return newer.gesture == older.gesture;
    }
    let is_place =
        |deed: &Deed| !deed.key.is_empty() && deed.key != "deleted" && matches!(&*deed.kind, "set" | "unset");
    let same = |(one, other): (&Deed, &Deed)| {
        is_place(one) && (one.table, &one.id, &one.key) == (other.table, &other.id, &other.key)
    };
    let soon = matches!((time_of(newer), time_of(older)), (Some(newer), Some(older)) if newer.0 - older.0 <= MERGE_MS);
    soon && newer.operations.len() == older.operations.len() && newer.operations.iter().zip(&older.operations).all(same)
}

fn time_of(entry: &Entry) -> Option<Timestamp> {
    Timestamp::parse(&entry.time)
}

/// What the entries say. An entry that holds more than it shows says so.
fn lines(entries: &[&Entry], lexicon: &Lexicon<'_>) -> Vec<String> {
    let mut lines = tell(lexicon, entries.iter().flat_map(|entry| telling(entry)));
    let hidden: usize = entries.iter().map(|entry| entry.operation_count.saturating_sub(entry.operations.len())).sum();
    if hidden > 0 {
        lines.push(format!("and {hidden} more changes"));
    }
    lines
}

/// What of an entry is told, the newest first: a clip that was reversed goes on playing the same part, and was not trimmed for it.
fn telling(entry: &Entry) -> impl Iterator<Item = &Deed> {
    let is_reversed = |clip: &Id| entry.operations.iter().any(|deed| deed.id == *clip && deed.key == "reversed");
    let follows = move |deed: &Deed| {
        deed.table == Table::Clips
            && matches!(&*deed.key, "audioStartOffset" | "audioEndOffset")
            && is_reversed(&deed.id)
    };
    entry.operations.iter().rev().filter(move |deed| !follows(deed))
}

/// Whether the older entry belongs to the newer one.
fn belongs(newer: &Entry, older: &Entry) -> bool {
    if newer.author.id != older.author.id || named(newer).is_some() || named(older).is_some() {
        return false;
    }
    if takes_back(newer) != takes_back(older) || restored(newer) != restored(older) {
        return false;
    }
    let gesture = newer.gesture.is_some() && newer.gesture == older.gesture;
    let times = (time_of(newer), time_of(older));
    gesture || matches!(times, (Some(newer), Some(older)) if (newer.0 - older.0).abs() <= TOGETHER_MS)
}

fn takes_back(entry: &Entry) -> bool {
    !entry.operations.is_empty() && entry.operations.iter().all(|deed| deed.takes_back)
}

/// Which state an entry has brought back.
fn restored(entry: &Entry) -> Option<u64> {
    entry.gesture.as_deref().and_then(restored_by)
}

/// The version that an entry names.
fn named(entry: &Entry) -> Option<Id> {
    let creates = |deed: &&crate::door::history::Deed| deed.table == Table::Versions && deed.key.is_empty();
    entry.operations.iter().find(creates).map(|deed| deed.id.clone())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::{MetreMap, Records, Value};

    use super::*;

    fn entry(seq: u64, author: &str, second: u32, gesture: Option<&str>, deed: Deed) -> Entry {
        Entry {
            seq,
            author: Author { id: author.to_owned(), name: Some(author.to_owned()), colour: None },
            time: format!("2026-11-25T21:{:02}:{:02}.000Z", second / 60, second % 60),
            gesture: gesture.map(str::to_owned),
            operations: vec![deed],
            operation_count: 1,
        }
    }

    fn deed(table: Table, key: &str, value: Value) -> Deed {
        let id = Id::new("x").unwrap();
        Deed { kind: "set".to_owned(), table, id, key: key.to_owned(), value, takes_back: false }
    }

    fn tempo(bpm: f64) -> Deed {
        deed(Table::Projects, "bpm", bpm.into())
    }

    fn grouped(entries: &[Entry]) -> Vec<(u64, Vec<String>)> {
        let (records, names) = (Records::new(), BTreeMap::new());
        let lexicon = Lexicon { records: &records, names: &names, metres: &MetreMap::default() };
        groups(entries, &lexicon).into_iter().map(|group| (group.seq, group.lines)).collect()
    }

    #[test]
    fn one_person_within_a_minute_is_one_group() {
        let entries = [
            entry(4, "ann", 200, None, tempo(4.0)),
            entry(3, "bo", 190, None, tempo(3.0)),
            entry(2, "bo", 140, None, deed(Table::Projects, "name", "S".into())),
            entry(1, "bo", 70, None, tempo(1.0)),
        ];
        let said = grouped(&entries);
        assert_eq!(said.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [4, 3, 1]);
        assert_eq!(said[1].1, ["set the tempo to 3 bpm", "renamed the song to “S”"]);
    }

    #[test]
    fn a_gesture_is_one_group_however_long_it_takes() {
        let entries = [entry(2, "ann", 400, Some("g"), tempo(2.0)), entry(1, "ann", 100, Some("g"), tempo(1.0))];
        assert_eq!(grouped(&entries), [(2, vec!["set the tempo to 2 bpm".to_owned()])]);
    }

    #[test]
    fn each_gesture_of_a_group_is_a_step_of_its_own_and_so_are_edits_of_one_place_within_a_second() {
        let name = |to: &str| deed(Table::Projects, "name", to.into());
        let entries = [
            entry(7, "ann", 60, Some("g"), tempo(7.0)),
            entry(6, "ann", 50, Some("g"), name("S")),
            entry(5, "ann", 40, None, tempo(5.0)),
            entry(4, "ann", 39, None, tempo(4.0)),
            entry(3, "ann", 37, None, tempo(3.0)),
            entry(2, "ann", 36, None, name("R")),
            entry(1, "ann", 36, Some("h"), name("Q")),
        ];
        let (records, names) = (Records::new(), BTreeMap::new());
        let lexicon = Lexicon { records: &records, names: &names, metres: &MetreMap::default() };
        let all = groups(&entries, &lexicon);
        let steps: Vec<(u64, &[String])> = all[0].steps.iter().map(|step| (step.seq, &*step.lines)).collect();
        let said = |line: &str| vec![line.to_owned()];
        let both = ["set the tempo to 7 bpm", "renamed the song to “S”"].map(str::to_owned);
        let (five, three) = (said("set the tempo to 5 bpm"), said("set the tempo to 3 bpm"));
        let (r, q) = (said("renamed the song to “R”"), said("renamed the song to “Q”"));
        assert_eq!(steps, [(7, &both[..]), (5, &five[..]), (3, &three[..]), (2, &r[..]), (1, &q[..])]);
        assert_eq!((all.len(), all[0].oldest()), (1, 1));
    }

    #[test]
    fn a_reversed_clip_is_not_said_to_be_trimmed() {
        let reversed =
            [deed(Table::Clips, "audioStartOffset", 2.5.into()), deed(Table::Clips, "reversed", true.into())];
        let turned = Entry { operations: reversed.to_vec(), ..entry(2, "ann", 10, None, tempo(1.0)) };
        assert_eq!(grouped(&[turned])[0].1, ["reversed a clip"]);
        let trimmed = entry(1, "ann", 10, None, deed(Table::Clips, "audioStartOffset", 2.5.into()));
        assert_eq!(grouped(&[trimmed])[0].1, ["trimmed a clip"]);
    }

    #[test]
    fn what_restored_an_old_state_stands_alone_and_says_which() {
        let entries = [
            entry(4, "ann", 40, None, tempo(4.0)),
            entry(3, "ann", 30, Some("restore-17-9b2e"), tempo(3.0)),
            entry(2, "ann", 29, Some("restore-17-9b2e"), deed(Table::Projects, "name", "S".into())),
            entry(1, "ann", 10, Some("restored"), tempo(1.0)),
        ];
        let (records, names) = (Records::new(), BTreeMap::new());
        let lexicon = Lexicon { records: &records, names: &names, metres: &MetreMap::default() };
        let said: Vec<_> = groups(&entries, &lexicon).into_iter().map(|group| (group.seq, group.restores)).collect();
        assert_eq!(said, [(4, None), (3, Some(17)), (1, None)]);
    }

    #[test]
    fn a_named_version_and_a_step_back_stand_alone() {
        let names = deed(Table::Versions, "", Value::map([("name", "Mix".into())]));
        let back = Deed { takes_back: true, ..tempo(9.0) };
        let entries = [
            entry(4, "ann", 40, None, tempo(4.0)),
            entry(3, "ann", 30, None, names),
            entry(2, "ann", 20, None, tempo(2.0)),
            entry(1, "ann", 10, None, back),
        ];
        assert_eq!(grouped(&entries).len(), 4);
    }

    #[test]
    fn what_says_nothing_is_left_out_and_what_is_cut_off_is_counted() {
        let silent = deed(Table::AudioFiles, "peaksData", Value::Null);
        assert_eq!(grouped(&[entry(1, "system", 1, None, silent)]), []);
        let large = Entry { operation_count: 60, ..entry(1, "ann", 1, None, tempo(1.0)) };
        assert_eq!(grouped(&[large])[0].1, ["set the tempo to 1 bpm", "and 59 more changes"]);
    }
}
