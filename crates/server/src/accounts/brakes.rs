//! Brakes on guessing: after some tries each further one must wait, twice as long each time.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::limits::{BRAKE_MEMORY_MS, BRAKE_MS_MAX, BRAKES_MAX};
use crate::state::Clock;

/// What is braked: a kind of try, and by whom or on what.
#[derive(Clone, Copy, Debug)]
pub struct Brake<'a> {
    /// The kind, such as `login-account`.
    pub kind: &'static str,
    /// By whom or on what.
    pub subject: &'a str,
    /// Tries that are free.
    pub free: u32,
}

impl Brake<'_> {
    fn key(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.kind.as_bytes()).update(&[0]).update(self.subject.as_bytes());
        *hasher.finalize().as_bytes()
    }
}

#[derive(Clone, Copy, Debug)]
struct Tries {
    count: u32,
    last_ms: i64,
}

impl Tries {
    fn wait_until_ms(self, free: u32) -> i64 {
        let Some(over) = self.count.checked_sub(free) else { return self.last_ms };
        let wait = 1_000_i64.checked_shl(over.min(20)).unwrap_or(BRAKE_MS_MAX).min(BRAKE_MS_MAX);
        self.last_ms + wait
    }
}

/// Two generations of what is remembered: when the young one is full the old one is forgotten, so that memory is bounded
/// and nothing recent is lost.
#[derive(Debug, Default)]
struct Memory {
    young: HashMap<[u8; 32], Tries>,
    old: HashMap<[u8; 32], Tries>,
}

impl Memory {
    fn get(&self, key: &[u8; 32]) -> Option<Tries> {
        self.young.get(key).or_else(|| self.old.get(key)).copied()
    }

    fn put(&mut self, key: [u8; 32], tries: Tries) {
        if self.young.len() >= BRAKES_MAX / 2 && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, tries);
    }

    fn remove(&mut self, key: &[u8; 32]) {
        self.young.remove(key);
        self.old.remove(key);
    }
}

/// Remembers tries by kind and subject.
#[derive(Debug)]
pub struct Brakes {
    clock: Clock,
    memory: Mutex<Memory>,
}

impl Brakes {
    /// Without any memory.
    #[must_use]
    pub fn new(clock: Clock) -> Brakes {
        Brakes { clock, memory: Mutex::default() }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // A panic elsewhere leaves the maps whole: each change of them is one call.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a try would come too early; nothing is counted.
    ///
    /// # Errors
    /// The seconds to wait.
    pub fn look(&self, brake: Brake<'_>) -> Result<(), u64> {
        self.tries(&self.memory(), brake).map(drop)
    }

    /// The tries so far, unless the next one has to wait.
    fn tries(&self, memory: &Memory, brake: Brake<'_>) -> Result<Tries, u64> {
        let now = self.clock.now().0;
        let known = memory.get(&brake.key()).filter(|tries| now - tries.last_ms < BRAKE_MEMORY_MS);
        let tries = known.unwrap_or(Tries { count: 0, last_ms: now });
        let wait_ms = if tries.count == 0 { 0 } else { tries.wait_until_ms(brake.free) - now };
        if wait_ms > 0 { Err(u64::try_from(wait_ms).unwrap_or(0).div_ceil(1_000)) } else { Ok(tries) }
    }

    /// Counts a try, before it is known how it ends: tries at the same time cannot slip by.
    ///
    /// # Errors
    /// The seconds to wait when it comes too early; it is then not counted.
    pub fn attempt(&self, brake: Brake<'_>) -> Result<(), u64> {
        let mut memory = self.memory();
        let tries = self.tries(&memory, brake)?;
        memory.put(brake.key(), Tries { count: tries.count.saturating_add(1), last_ms: self.clock.now().0 });
        Ok(())
    }

    /// Forgets the tries: the last one was right.
    pub fn forgive(&self, brake: Brake<'_>) {
        self.memory().remove(&brake.key());
    }

    /// Takes one try back: it was right, which says nothing about the others of this subject.
    pub fn take_back(&self, brake: Brake<'_>) {
        let key = brake.key();
        let mut memory = self.memory();
        if let Some(tries) = memory.get(&key) {
            memory.put(key, Tries { count: tries.count.saturating_sub(1), ..tries });
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let memory = self.memory();
        memory.young.len() + memory.old.len()
    }
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

    const FREE: u32 = 3;

    fn brake(subject: &str) -> Brake<'_> {
        Brake { kind: "test", subject, free: FREE }
    }

    #[test]
    fn each_try_past_the_free_ones_waits_twice_as_long() {
        let clock = Clock::manual(Timestamp(1_000_000));
        let brakes = Brakes::new(clock.clone());
        for _ in 0..FREE {
            assert_eq!(brakes.attempt(brake("a")), Ok(()));
        }
        for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(brakes.attempt(brake("a")), Err(wait));
            clock.advance_ms(i64::try_from(wait).unwrap() * 1_000);
            assert_eq!(brakes.attempt(brake("a")), Ok(()));
        }
        assert_eq!(brakes.attempt(brake("b")), Ok(()), "others are not held up");
        clock.advance_ms(BRAKE_MEMORY_MS);
        assert_eq!(brakes.attempt(brake("a")), Ok(()), "it forgets");
    }

    #[test]
    fn looking_at_a_brake_counts_nothing() {
        let brakes = Brakes::new(Clock::manual(Timestamp(0)));
        for _ in 0..FREE * 2 {
            assert_eq!(brakes.look(brake("a")), Ok(()));
        }
        for _ in 0..FREE {
            assert_eq!(brakes.attempt(brake("a")), Ok(()));
        }
        assert_eq!((brakes.look(brake("a")), brakes.look(brake("a"))), (Err(1), Err(1)));
    }

    #[test]
    fn being_right_releases_the_brake() {
        let brakes = Brakes::new(Clock::manual(Timestamp(0)));
        for _ in 0..FREE {
            let _ = brakes.attempt(brake("a"));
        }
        assert!(brakes.attempt(brake("a")).is_err());
        brakes.forgive(brake("a"));
        assert_eq!(brakes.attempt(brake("a")), Ok(()));
    }

    #[test]
    fn w6_its_memory_is_bounded() {
        let brakes = Brakes::new(Clock::manual(Timestamp(0)));
        for n in 0..BRAKES_MAX * 2 {
            let _ = brakes.attempt(brake(&n.to_string()));
        }
        assert!(brakes.len() <= BRAKES_MAX);
    }
}
