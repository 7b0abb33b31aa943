//! How many connections there are, in all and by address.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::accounts::Address;

/// Counts connections. Clones share what they count.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    numbers: Mutex<Numbers>,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Numbers {
    all: usize,
    by_address: HashMap<Address, usize>,
}

/// One connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    counts: Counts,
    address: Address,
}

impl Counts {
    fn numbers(&self) -> MutexGuard<'_, Numbers> {
        // Nothing in here panics while it is held.
        self.0.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connections in all.
    pub(super) fn all(&self) -> usize {
        self.numbers().all
    }

    /// A place for one more of this address; none when there are so many already.
    pub(super) fn enter(&self, address: Address, all_max: usize, per_address_max: usize) -> Option<Place> {
        let mut numbers = self.numbers();
        let own = numbers.by_address.get(&address).copied().unwrap_or(0);
        if numbers.all >= all_max || own >= per_address_max {
            tracing::debug!(all = numbers.all, own, address = address.0, "a connection too many was refused");
            return None;
        }
        numbers.all += 1;
        numbers.by_address.insert(address.clone(), own + 1);
        if numbers.all == all_max {
            tracing::warn!(all_max, "no more connections will be accepted until others end");
        }
        drop(numbers);
        Some(Place { counts: self.clone(), address })
    }

    /// Waits until there is no connection.
    pub(super) async fn empty(&self) {
        while self.all() > 0 {
            self.0.emptied.notified().await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut numbers = self.counts.numbers();
        numbers.all -= 1;
        match numbers.by_address.get_mut(&self.address) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(numbers.by_address.remove(&self.address)),
        }
        if numbers.all == 0 {
            self.counts.0.emptied.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w6_connections_are_limited_in_all_and_by_address() {
        let counts = Counts::default();
        let enter = |address: &str| counts.enter(Address(address.to_owned()), 3, 2);
        let (one, two) = (enter("a").unwrap(), enter("a").unwrap());
        assert!(enter("a").is_none(), "two of one address");
        let three = enter("b").unwrap();
        assert!(enter("c").is_none(), "three in all");
        drop(one);
        let four = enter("a").unwrap();
        assert_eq!(counts.all(), 3);
        drop((two, three, four));
        assert_eq!((counts.all(), counts.numbers().by_address.len()), (0, 0), "nothing is remembered");
    }
}
