//! When to try again.

use model::{Id, Timestamp};

use super::limits::{BACKOFF_MS, BACKOFF_MS_MAX};

/// When the attempt after the `attempts`-th may begin: exponential and capped, and up to a quarter later so that jobs which
/// failed together do not come back together. The same job and attempt give the same time.
pub(super) fn retry_at(job: &Id, attempts: u32, now: Timestamp) -> Timestamp {
    let doubled = BACKOFF_MS.saturating_mul(1_i64.checked_shl(attempts.saturating_sub(1).min(32)).unwrap_or(i64::MAX));
    let wait = doubled.min(BACKOFF_MS_MAX);
    let hash = blake3::hash(format!("{job} {attempts}").as_bytes());
    let later = wait / 4 * i64::from(hash.as_bytes()[0]) / 255;
    Timestamp(now.0.saturating_add(wait + later))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_cap_and_spread() {
        let id = |n: usize| Id::new(&format!("job{n}")).unwrap();
        let wait = |n, attempts| retry_at(&id(n), attempts, Timestamp(1_000)).0 - 1_000;
        for attempts in 1..40 {
            let base = (BACKOFF_MS << (attempts - 1).min(20)).min(BACKOFF_MS_MAX);
            assert!((base..=base + base / 4).contains(&wait(0, attempts)), "{attempts}");
        }
        let spread: std::collections::BTreeSet<i64> = (0..20).map(|n| wait(n, 1)).collect();
        assert!(spread.len() > 10);
        assert_eq!(wait(3, 2), wait(3, 2));
    }
}
