//! Who uses what (CL7): each subscription is counted, and ends some time after its last user has gone. Whoever comes back at once
//! finds it as it was.

use std::collections::BTreeMap;

use model::Timestamp;

/// How long a subscription outlives its last user, in milliseconds.
pub const LINGER_MS: i64 = 3_000;

/// The subscriptions to things that are called `K`.
#[derive(Clone, Debug)]
pub struct Subscriptions<K>(BTreeMap<K, Use>);

#[derive(Clone, Copy, Debug)]
struct Use {
    users: usize,
    /// When the last one went.
    left: Timestamp,
}

impl<K> Default for Subscriptions<K> {
    fn default() -> Subscriptions<K> {
        Subscriptions(BTreeMap::new())
    }
}

impl<K: Ord + Clone> Subscriptions<K> {
    /// Somebody begins to use it. True when nothing is there yet: the subscription has to be made.
    pub fn begin(&mut self, key: &K) -> bool {
        let is_new = !self.0.contains_key(key);
        self.0.entry(key.clone()).or_insert(Use { users: 0, left: Timestamp(0) }).users += 1;
        is_new
    }

    /// One of its users goes. Of what nobody uses nothing happens.
    pub fn end(&mut self, key: &K, now: Timestamp) {
        if let Some(one) = self.0.get_mut(key) {
            (one.users, one.left) = (one.users.saturating_sub(1), now);
        }
    }

    /// Those whose last user went long enough ago: they are to be ended, and are not here any more.
    pub fn over(&mut self, now: Timestamp) -> Vec<K> {
        let is_over = |one: &Use| one.users == 0 && now.0.saturating_sub(one.left.0) >= LINGER_MS;
        let over: Vec<K> = self.0.iter().filter(|(_, one)| is_over(one)).map(|(key, _)| key.clone()).collect();
        for key in &over {
            self.0.remove(key);
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp(1_000_000 + ms)
    }

    #[test]
    fn cl7_a_subscription_is_made_once_and_ends_some_time_after_its_last_user() {
        let mut all = Subscriptions::default();
        assert!(all.begin(&"clip"));
        assert!(!all.begin(&"clip"), "it is there already");
        all.end(&"clip", at(0));
        assert!(all.over(at(60_000)).is_empty(), "one uses it still");
        all.end(&"clip", at(60_000));
        assert!(all.over(at(60_000 + LINGER_MS - 1)).is_empty());
        assert_eq!(all.over(at(60_000 + LINGER_MS)), ["clip"]);
        assert!(all.over(at(90_000)).is_empty(), "once");
        assert!(all.begin(&"clip"), "it has to be made again");
    }

    #[test]
    fn cl7_whoever_comes_back_at_once_finds_it_as_it_was() {
        let mut all = Subscriptions::default();
        all.begin(&1);
        all.begin(&2);
        all.end(&1, at(0));
        all.end(&2, at(0));
        assert!(!all.begin(&1));
        assert_eq!(all.over(at(LINGER_MS)), [2]);
        all.end(&1, at(LINGER_MS));
        assert!(all.over(at(LINGER_MS + 1)).is_empty(), "counted from when the last one went");
        assert_eq!(all.over(at(2 * LINGER_MS)), [1]);
    }

    #[test]
    fn cl7_going_twice_and_a_clock_that_is_set_back_end_nothing_early() {
        let mut all = Subscriptions::default();
        all.end(&1, at(0));
        assert!(all.over(at(LINGER_MS)).is_empty());
        all.begin(&1);
        all.end(&1, at(10_000));
        all.end(&1, at(10_000));
        assert!(all.over(at(0)).is_empty());
        all.begin(&1);
        assert!(all.over(at(99_000)).is_empty(), "one is not less than none");
    }
}
