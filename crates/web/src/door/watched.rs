//! The records that screens watch: one signal for each, as long as somebody uses it and a little longer (CL7).

use std::collections::HashMap;

use leptos::prelude::*;
use model::{Key, Record, Timestamp};
use sync::Subscriptions;

/// A record that is watched; none while it is not there.
type Signal = ArcRwSignal<Option<Record>>;

#[derive(Default)]
pub(super) struct Watched {
    signals: HashMap<Key, Signal>,
    users: Subscriptions<Key>,
}

impl Watched {
    /// Somebody watches a record, which is `current` now.
    pub(super) fn watch(&mut self, key: &Key, current: Option<Record>) -> Signal {
        self.users.begin(key);
        self.signals.entry(key.clone()).or_insert_with(|| ArcRwSignal::new(current)).clone()
    }

    /// One who watched it does not any longer.
    pub(super) fn leave(&mut self, key: &Key, now: Timestamp) {
        self.users.end(key, now);
    }

    /// The signal of a record; none when nobody watches it.
    pub(super) fn signal(&self, key: &Key) -> Option<Signal> {
        self.signals.get(key).cloned()
    }

    /// Lets go what nobody has watched for a while.
    pub(super) fn tidy(&mut self, now: Timestamp) {
        for key in self.users.over(now) {
            self.signals.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{Id, Table};
    use sync::subscriptions::LINGER_MS;

    use super::*;

    #[test]
    fn cl7_what_nobody_watches_is_let_go_and_what_is_watched_again_is_the_same() {
        let key = Key::new(Table::Clips, Id::new("c").unwrap());
        let mut watched = Watched::default();
        let first = watched.watch(&key, None);
        watched.leave(&key, Timestamp(0));
        watched.tidy(Timestamp(LINGER_MS - 1));
        let second = watched.watch(&key, None);
        first.set(Some(Record::new(Id::new("c").unwrap(), 1, model::fields([]))));
        assert!(second.get_untracked().is_some(), "one signal for both");
        watched.tidy(Timestamp(99 * LINGER_MS));
        assert!(watched.signal(&key).is_some());
        watched.leave(&key, Timestamp(99 * LINGER_MS));
        watched.tidy(Timestamp(100 * LINGER_MS));
        assert!(watched.signal(&key).is_none());
    }
}
