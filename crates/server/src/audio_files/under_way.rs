//! How many uploads are under way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::Id;

use super::limits::{UPLOADS_AT_ONCE_MAX, UPLOADS_PER_USER_MAX};
use crate::Problem;

/// The uploads under way, by user.
#[derive(Clone, Debug, Default)]
pub(super) struct UnderWay(Arc<Mutex<HashMap<Id, usize>>>);

impl UnderWay {
    /// Counts one more, until the slot is dropped.
    pub(super) fn enter(&self, user: &Id) -> Result<Slot, Problem> {
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = users.get(user).copied().unwrap_or(0);
        if own >= UPLOADS_PER_USER_MAX || users.values().sum::<usize>() >= UPLOADS_AT_ONCE_MAX {
            return Err(Problem::slow_down(2));
        }
        users.insert(user.clone(), own + 1);
        Ok(Slot { under_way: self.clone(), user: user.clone() })
    }
}

/// One upload under way.
pub(super) struct Slot {
    under_way: UnderWay,
    user: Id,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut users = self.under_way.0.lock().unwrap_or_else(PoisonError::into_inner);
        match users.get_mut(&self.user) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(users.remove(&self.user)),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    #[test]
    fn w6_uploads_at_once_are_limited_by_user_and_in_all() {
        let under_way = UnderWay::default();
        let user = |n: usize| Id::new(&format!("u{n}")).unwrap();
        let mut slots: Vec<Slot> = (0..UPLOADS_PER_USER_MAX).map(|_| under_way.enter(&user(0)).unwrap()).collect();
        assert_eq!(under_way.enter(&user(0)).err().unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
        slots.pop();
        slots.push(under_way.enter(&user(0)).unwrap());
        while slots.len() < UPLOADS_AT_ONCE_MAX {
            slots.push(under_way.enter(&user(slots.len())).unwrap());
        }
        assert!(under_way.enter(&user(99)).is_err());
        slots.clear();
        assert!(under_way.enter(&user(0)).is_ok());
    }
}
