//! How fast one person may ask: a token bucket for each kind of request (W6).

use std::collections::HashMap;

use model::{Id, Timestamp};

use super::limits::{EDIT_BYTES_RATE, EDIT_RATE, FOUND_RATE, OPEN_RATE, RATED_USERS_MAX, Rate, SUBSCRIBE_RATE};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A transaction.
    Edit,
    /// A byte of transactions.
    EditByte,
    /// Beginning a project.
    Found,
    /// Opening a project on a channel.
    Open,
    /// A subscription of the guide's.
    Subscribe,
}

impl Kind {
    const ALL: [Kind; 5] = [Kind::Edit, Kind::EditByte, Kind::Found, Kind::Open, Kind::Subscribe];

    fn rate(self) -> Rate {
        match self {
            Kind::Edit => EDIT_RATE,
            Kind::EditByte => EDIT_BYTES_RATE,
            Kind::Found => FOUND_RATE,
            Kind::Open => OPEN_RATE,
            Kind::Subscribe => SUBSCRIBE_RATE,
        }
    }
}

/// What is left of one kind, and when that was true.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Timestamp,
}

impl Bucket {
    fn fill(&mut self, rate: Rate, now: Timestamp) {
        // The clock may go back (WR8); then nothing is won.
        let passed_ms = now.0.saturating_sub(self.at.0).max(0);
        #[expect(clippy::cast_precision_loss, reason = "a bucket is full long before milliseconds lose precision")]
        let won = passed_ms as f64 * f64::from(rate.per_second) / 1_000.0;
        self.left = (self.left + won).min(f64::from(rate.burst));
        self.at = now;
    }
}

/// The buckets of everyone who has asked for something lately. They outlive the sockets: connecting anew wins nothing.
#[derive(Debug, Default)]
pub(crate) struct Rates(HashMap<Id, [Bucket; Kind::ALL.len()]>);

impl Rates {
    /// Takes `count` from what this person may still do; false, and nothing is taken, when that is less.
    pub(crate) fn take(&mut self, user: &Id, kind: Kind, count: u32, now: Timestamp) -> bool {
        self.take_all(user, &[(kind, count)], now)
    }

    /// Takes all of this; false, and nothing is taken, when of one kind less is left.
    pub(crate) fn take_all(&mut self, user: &Id, asked: &[(Kind, u32)], now: Timestamp) -> bool {
        let enough = asked.iter().all(|(kind, count)| self.bucket(user, *kind, now).left >= f64::from(*count));
        if enough {
            asked.iter().for_each(|(kind, count)| self.bucket(user, *kind, now).left -= f64::from(*count));
        }
        enough
    }

    /// Takes what somebody has been given without asking, also more than is left: they wait until that is made up for.
    pub(crate) fn owe(&mut self, user: &Id, kind: Kind, count: u32, now: Timestamp) {
        let bucket = self.bucket(user, kind, now);
        bucket.left = (bucket.left - f64::from(count)).max(-f64::from(kind.rate().burst));
    }

    fn bucket(&mut self, user: &Id, kind: Kind, now: Timestamp) -> &mut Bucket {
        if self.0.len() >= RATED_USERS_MAX && !self.0.contains_key(user) {
            self.forget(now);
        }
        let fresh = || Kind::ALL.map(|kind| Bucket { left: f64::from(kind.rate().burst), at: now });
        let bucket = &mut self.0.entry(user.clone()).or_insert_with(fresh)[kind as usize];
        bucket.fill(kind.rate(), now);
        bucket
    }

    /// Forgets those whose buckets are full again; everyone, should that be nobody.
    fn forget(&mut self, now: Timestamp) {
        self.0.retain(|_, buckets| {
            Kind::ALL.into_iter().zip(buckets).any(|(kind, bucket)| {
                bucket.fill(kind.rate(), now);
                bucket.left < f64::from(kind.rate().burst)
            })
        });
        if self.0.len() >= RATED_USERS_MAX {
            self.0.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    #[test]
    fn w6_a_burst_is_free_and_then_the_rate_holds() {
        let mut rates = Rates::default();
        let Rate { per_second, burst } = OPEN_RATE;
        let mut opens = |user: &str, at| (0..burst * 2).filter(|_| rates.take(&id(user), Kind::Open, 1, at)).count();
        assert_eq!(opens("ann", Timestamp(0)), burst as usize);
        assert_eq!(opens("ann", Timestamp(0)), 0);
        assert_eq!(opens("bob", Timestamp(0)), burst as usize, "others are not held up");
        assert_eq!(opens("ann", Timestamp(2_000)), 2 * per_second as usize);
        assert_eq!(opens("ann", Timestamp(1_000)), 0, "a clock that goes back wins nothing");
        assert_eq!(opens("ann", Timestamp(i64::MAX)), burst as usize, "and no more than a burst is saved up");
    }

    #[test]
    fn w6_kinds_are_counted_apart_and_what_is_too_much_takes_nothing() {
        let mut rates = Rates::default();
        let ann = id("ann");
        assert!(!rates.take(&ann, Kind::Edit, EDIT_RATE.burst + 1, Timestamp(0)));
        assert!(rates.take(&ann, Kind::Edit, EDIT_RATE.burst, Timestamp(0)));
        assert!(!rates.take(&ann, Kind::Edit, 1, Timestamp(0)));
        assert!(rates.take(&ann, Kind::Subscribe, SUBSCRIBE_RATE.burst, Timestamp(0)));
        let both = |edits, bytes| [(Kind::Edit, edits), (Kind::EditByte, bytes)];
        let bob = id("bob");
        assert!(!rates.take_all(&bob, &both(1, EDIT_BYTES_RATE.burst + 1), Timestamp(0)));
        assert!(!rates.take_all(&bob, &both(EDIT_RATE.burst + 1, 1), Timestamp(0)));
        assert!(rates.take_all(&bob, &both(EDIT_RATE.burst, EDIT_BYTES_RATE.burst), Timestamp(0)), "all is left yet");
    }

    #[test]
    fn w6_what_was_given_unasked_is_made_up_for() {
        let mut rates = Rates::default();
        let (ann, Rate { per_second, burst }) = (id("ann"), EDIT_BYTES_RATE);
        rates.owe(&ann, Kind::EditByte, burst + per_second, Timestamp(0));
        assert!(!rates.take(&ann, Kind::EditByte, 1, Timestamp(999)));
        assert!(rates.take(&ann, Kind::EditByte, per_second, Timestamp(2_001)));
        rates.owe(&ann, Kind::EditByte, u32::MAX, Timestamp(2_001));
        assert!(rates.take(&ann, Kind::EditByte, burst, Timestamp(2_001 + 2_000 * i64::from(burst / per_second))));
    }

    #[test]
    fn w6_only_so_many_people_are_remembered() {
        let mut rates = Rates::default();
        let busy = id("busy");
        assert!(rates.take(&busy, Kind::Open, OPEN_RATE.burst, Timestamp(0)));
        for n in 0..RATED_USERS_MAX {
            // All of them idle from the moment they have asked for nothing.
            rates.take(&id(&format!("u{n}")), Kind::Open, 0, Timestamp(0));
            assert!(rates.0.len() <= RATED_USERS_MAX);
        }
        assert!(!rates.take(&busy, Kind::Open, 1, Timestamp(0)), "who is busy is not forgotten");
    }
}
