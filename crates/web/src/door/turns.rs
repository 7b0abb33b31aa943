//! Whose turn it is: the list of projects sends what waits of one song after the other.

use std::collections::{BTreeSet, HashMap, HashSet};

use model::Id;

/// What another tab sends, or the server fails on, is looked at again this much later.
const AGAIN_MS: f64 = 5_000.0;
/// Each time that the server has failed it is twice as long, up to this.
const AGAIN_MS_MAX: f64 = 120_000.0;
/// A song that is closed to the user may be open again: it is asked for this often.
const CLOSED_AGAIN_MS: f64 = 60_000.0;

/// The songs that have had a turn and still wait.
#[derive(Debug, Default)]
pub(super) struct Turns(HashMap<Id, Song>);

#[derive(Debug, Default)]
struct Song {
    /// Edits that stay until the user does something about them.
    stay: BTreeSet<Id>,
    /// Whether that is because the song is closed to the user.
    is_closed: bool,
    /// When it had its turn last, and when it may have the next.
    last_ms: f64,
    due_ms: f64,
    /// How often in a row the server has failed.
    failures: i32,
}

impl Turns {
    /// The song whose turn it is at `now_ms`: of those for which an edit waits that can go, the one that has waited longest.
    /// `waiting` is all that waits, each edit with its song.
    pub(super) fn next<'a>(&mut self, waiting: impl Iterator<Item = (&'a Id, &'a Id)>, now_ms: f64) -> Option<Id> {
        let waiting: Vec<(&Id, &Id)> = waiting.collect();
        let songs: HashSet<&Id> = waiting.iter().map(|(song, _)| *song).collect();
        self.0.retain(|song, _| songs.contains(song));
        let is_due = |(song, edit): &&(&Id, &Id)| {
            self.0.get(*song).is_none_or(|known| match (known.due_ms <= now_ms, known.stay.contains(*edit)) {
                (due, true) => due && known.is_closed,
                (due, false) => due || known.is_closed,
            })
        };
        let waited_since = |song: &Id| self.0.get(song).map_or(f64::NEG_INFINITY, |known| known.last_ms);
        let due = waiting.iter().filter(is_due).map(|(song, _)| *song);
        due.min_by(|a, b| waited_since(a).total_cmp(&waited_since(b))).cloned()
    }

    /// Another tab sends for this song.
    pub(super) fn is_elsewhere(&mut self, song: &Id, now_ms: f64) {
        let known = self.had_turn(song, now_ms);
        (known.due_ms, known.failures) = (now_ms + AGAIN_MS, 0);
    }

    /// The server has failed on what waits for this song.
    pub(super) fn has_failed(&mut self, song: &Id, now_ms: f64) {
        let known = self.had_turn(song, now_ms);
        known.due_ms = now_ms + (AGAIN_MS * f64::from(known.failures).exp2()).min(AGAIN_MS_MAX);
        known.failures = known.failures.saturating_add(1);
    }

    /// What could be sent of this song has been; these edits stay, since they are set aside, or since it is closed to the user.
    pub(super) fn is_over(&mut self, song: &Id, stay: BTreeSet<Id>, is_closed: bool, now_ms: f64) {
        let due_ms = if is_closed { now_ms + CLOSED_AGAIN_MS } else { now_ms };
        *self.had_turn(song, now_ms) = Song { stay, is_closed, last_ms: now_ms, due_ms, failures: 0 };
    }

    /// Whether an edit is set aside.
    pub(super) fn is_parked(&self, song: &Id, edit: &Id) -> bool {
        self.0.get(song).is_some_and(|known| !known.is_closed && known.stay.contains(edit))
    }

    /// The user wants everything to be tried again.
    pub(super) fn begin_anew(&mut self) {
        self.0.clear();
    }

    fn had_turn(&mut self, song: &Id, now_ms: f64) -> &mut Song {
        let known = self.0.entry(song.clone()).or_default();
        known.last_ms = now_ms;
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    /// Whose turn it is when these edits wait, each written as its song and a number: "a1".
    fn next(turns: &mut Turns, waiting: &str, now_ms: f64) -> Option<String> {
        let waiting: Vec<(Id, Id)> = waiting.split(' ').map(|edit| (id(&edit[..1]), id(edit))).collect();
        Some(turns.next(waiting.iter().map(|(song, edit)| (song, edit)), now_ms)?.to_string())
    }

    #[test]
    fn cl4_edits_that_are_set_aside_keep_no_other_song_waiting() {
        let mut turns = Turns::default();
        assert_eq!(next(&mut turns, "a1 a2 b1", 0.0).as_deref(), Some("a"));
        turns.is_over(&id("a"), BTreeSet::from([id("a1")]), false, 0.0);
        assert_eq!(next(&mut turns, "a1 b1", 0.0).as_deref(), Some("b"));
        assert!(turns.is_parked(&id("a"), &id("a1")) && !turns.is_parked(&id("a"), &id("a2")));
        assert_eq!(next(&mut turns, "a1", 1e9), None, "until the user says so");
        assert_eq!(next(&mut turns, "a1 a3", 1e9).as_deref(), Some("a"), "or until more waits");
        turns.begin_anew();
        assert_eq!(next(&mut turns, "a1", 1e9).as_deref(), Some("a"));
        turns.is_over(&id("a"), BTreeSet::from([id("a1")]), true, 1e9);
        assert!(!turns.is_parked(&id("a"), &id("a1")), "closed to the user");
        assert_eq!(next(&mut turns, "a1", 1e9), None);
        assert_eq!(next(&mut turns, "a1 a2", 1e9).as_deref(), Some("a"), "as soon as more waits");
        assert_eq!(next(&mut turns, "a1", 1e9 + CLOSED_AGAIN_MS).as_deref(), Some("a"), "it may be open again");
    }

    #[test]
    fn cl4_a_song_that_another_tab_sends_for_has_its_turn_again_and_again() {
        let mut turns = Turns::default();
        turns.is_elsewhere(&id("a"), 1_000.0);
        assert_eq!(next(&mut turns, "a1", 1_000.0), None);
        assert_eq!(next(&mut turns, "a1", 1_000.0 + AGAIN_MS).as_deref(), Some("a"));
    }

    #[test]
    fn cl4_songs_that_others_send_for_have_their_turns_in_order() {
        let mut turns = Turns::default();
        let (mut now, mut had) = (0.0, Vec::new());
        while had.len() < 9 {
            if let Some(song) = next(&mut turns, "a1 b1 c1", now) {
                turns.is_elsewhere(&id(&song), now);
                had.push(song);
            }
            // As long as it takes to see that another tab sends: by then the first is due again.
            now += 2_600.0;
        }
        assert_eq!(had.concat(), "abcabcabc");
    }

    #[test]
    fn cl4_no_song_waits_for_one_that_fails_again_and_again() {
        let mut turns = Turns::default();
        let (mut now, mut had) = (0.0, String::new());
        while now < 600_000.0 {
            if let Some(song) = next(&mut turns, "a1 b1 c1", now) {
                match song.as_str() {
                    "b" => turns.has_failed(&id("b"), now),
                    other => turns.is_elsewhere(&id(other), now),
                }
                had.push_str(&song);
            }
            now += 2_600.0;
        }
        let of = |song: char| had.chars().filter(|one| *one == song).count();
        // After 5, 10, 20, 40 and 80 s, and from then on each 120 s.
        assert!((8..=9).contains(&of('b')) && of('a') > 100 && of('c') > 100, "{had}");
        assert!(had.starts_with("abc"), "{had}");
    }

    #[test]
    fn cl3_a_server_that_fails_is_asked_less_and_less() {
        let mut turns = Turns::default();
        let mut now = 0.0;
        let waits = [1.0, 2.0, 4.0, 8.0, 16.0, 24.0, 24.0].map(|times| times * AGAIN_MS);
        for wait in waits {
            turns.has_failed(&id("a"), now);
            assert_eq!(next(&mut turns, "a1", now + wait - 1.0), None);
            now += wait;
            assert_eq!(next(&mut turns, "a1", now).as_deref(), Some("a"));
        }
    }

    #[test]
    fn cl4_a_song_for_which_nothing_waits_is_forgotten() {
        let mut turns = Turns::default();
        turns.is_over(&id("a"), BTreeSet::from([id("a1")]), false, 0.0);
        assert_eq!(next(&mut turns, "b1", 0.0).as_deref(), Some("b"));
        assert_eq!(turns.0.len(), 0);
    }
}
