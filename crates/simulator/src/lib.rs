//! A seeded world for sync (SI1): browsers with tabs and what they keep, a guide-style client, intruders, a network that delays and breaks,
//! disks
//! that forget what was not synced. One seed, one world: what fails once fails again.
//!
//! **Invariant:** no clock, no thread, no socket, no chance but the seed's. What is under test (`model`, `operations`,
//! `sync`) runs as it ships; mistakes for the tests of the tests are put in around it, see [`Fault`].

mod browser;
mod checks;
mod disk;
mod edits;
mod fault;
mod guide;
mod prng;
mod server;
mod tab;
mod world;

pub use checks::Failure;
pub use fault::Fault;
pub use prng::Prng;
pub use world::{Holds, Shelf, Shelved, Tally, World};
