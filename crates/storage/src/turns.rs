//! Whose export comes next (EX7).
//!
//! There are rounds, in each of which everybody has one export; within a round, who has had little made comes before who has had much. A
//! newcomer begins in the round that is under way. What a person has had made is remembered with the person: removing exports forgets
//! nothing of it, time does.

use model::Timestamp;

/// After so long, what somebody has had made counts for half.
pub const USED_HALVES_MS: i64 = 24 * 60 * 60 * 1_000;

/// More than that nobody has had made, in minutes of a track: thirty years.
const USED_MAX: i64 = (1 << 24) - 1;

/// What somebody has had of their turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turns {
    /// The round of their last export.
    pub(crate) round: i64,
    /// What was begun for them, in minutes of a track.
    pub(crate) used: i64,
    /// Since when it has not been halved.
    pub(crate) halved: Timestamp,
}

/// An export's place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Its round.
    pub(crate) round: i64,
    /// How much there is to do.
    pub(crate) weight: i64,
    /// Whether it has been begun, so that it counts among what its person has used.
    pub(crate) begun: bool,
}

impl Turns {
    /// Of somebody who has had nothing.
    pub(crate) fn none(now: Timestamp) -> Turns {
        Turns { round: -1, used: 0, halved: now }
    }

    /// What is left of it by `now`.
    pub(crate) fn at(self, now: Timestamp) -> Turns {
        let halvings = now.0.saturating_sub(self.halved.0).max(0) / USED_HALVES_MS;
        let used = self.used.checked_shr(u32::try_from(halvings).unwrap_or(u32::MAX)).unwrap_or(0);
        Turns { used, halved: Timestamp(self.halved.0 + halvings * USED_HALVES_MS), ..self }
    }

    /// Takes the next turn while others are in the round `current`; `waiting` are one's own that wait. Which round it is, and how urgent.
    pub(crate) fn take(&mut self, current: i64, waiting: impl IntoIterator<Item = Turn>) -> (i64, i64) {
        self.round = current.max(self.round + 1);
        let before = waiting.into_iter().fold(self.used, |used, turn| used + turn.unbegun_weight());
        (self.round, priority(self.round, before))
    }

    /// Gives back the turn of the round `freed`, which was not begun: those that wait behind it, in order, move up. How urgent each of them is.
    pub(crate) fn give_back<'a>(
        &mut self,
        mut freed: i64,
        waiting: impl IntoIterator<Item = &'a mut Turn>,
    ) -> Vec<Option<i64>> {
        let (mut used, mut priorities) = (self.used, Vec::new());
        for turn in waiting {
            let later = turn.round > freed;
            if later {
                std::mem::swap(&mut turn.round, &mut freed);
            }
            priorities.push(later.then(|| priority(turn.round, used)));
            used += turn.unbegun_weight();
        }
        if self.round == freed {
            self.round = freed - 1;
        }
        priorities
    }
}

impl Turn {
    fn unbegun_weight(self) -> i64 {
        if self.begun { 0 } else { self.weight }
    }
}

/// The priority of an export's job: the round decides, then what its person has had before.
fn priority(round: i64, before: i64) -> i64 {
    -round.saturating_mul(USED_MAX + 1).saturating_add(before.clamp(0, USED_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ex7_what_was_made_counts_for_half_after_each_day() {
        let turns = Turns { round: 3, used: 100, halved: Timestamp(1_000) };
        assert_eq!(turns.at(Timestamp(999 + USED_HALVES_MS)), turns);
        let day = turns.at(Timestamp(1_000 + USED_HALVES_MS));
        assert_eq!((day.used, day.halved, day.round), (50, Timestamp(1_000 + USED_HALVES_MS), 3));
        assert_eq!(day.at(Timestamp(1_001 + 3 * USED_HALVES_MS)).used, 12);
        assert_eq!(turns.at(Timestamp(i64::MAX)).used, 0);
        assert_eq!(turns.at(Timestamp(i64::MIN)), turns, "a clock that goes back");
    }

    #[test]
    fn ex7_the_round_decides_before_what_was_made() {
        assert!(priority(0, i64::MAX) > priority(1, 0) && priority(1, 5) > priority(1, 6));
        assert!(priority(i64::MAX, i64::MAX) < priority(1 << 38, 0));
    }
}
