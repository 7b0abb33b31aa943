//! How long to wait before the next attempt to connect.

use std::time::Duration;

/// The first wait is at most this long.
const FIRST_MS: u64 = 250;
/// No wait is longer.
pub(crate) const WAIT_MS_MAX: u64 = 15_000;

/// The wait before attempt `attempt` (0 is the first): doubles each time up to [`WAIT_MS_MAX`], and `chance` in 0..1 spreads
/// it over its upper half, so that a restarted server is not met by everyone at once.
pub(crate) fn wait(attempt: u32, chance: f64) -> Duration {
    let full = FIRST_MS.saturating_mul(1 << attempt.min(16)).min(WAIT_MS_MAX);
    let half = full / 2;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "at most 15,000"
    )]
    let spread = (half as f64 * chance.clamp(0.0, 1.0)) as u64;
    Duration::from_millis(half + spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ps3_waits_grow_to_a_cap_and_are_spread() {
        assert_eq!(wait(0, 0.0), Duration::from_millis(125));
        assert_eq!(wait(0, 1.0), Duration::from_millis(250));
        assert_eq!(wait(3, 1.0), Duration::from_millis(2_000));
        for attempt in [6, 10, 16, 17, u32::MAX] {
            assert_eq!(wait(attempt, 1.0), Duration::from_millis(WAIT_MS_MAX));
            assert_eq!(wait(attempt, 0.0), Duration::from_millis(WAIT_MS_MAX / 2));
        }
    }
}
