//! A song into a file on one's own device, in a worker of the page.
//!
//! [`Work`] is `mixdown` over the files of a [`Disk`]: the same songs out of the same records as `unisono render`, and so the same samples.
//! `exports.rs`, which only WASM has, puts it over the files that `exporter.js` has opened; README.md documents the messages.
//!
//! **Never here:** the network, the page, a clock, anything that grows with the length of a song.

mod disk;
#[cfg(target_arch = "wasm32")]
pub mod exports;
mod kept;
mod work;

pub use disk::{Disk, OnDisk, Place};
pub use kept::hash;
pub use work::{Done, ORDER_BYTES_MAX, Order, RECORDS_BYTES_MAX, Recording, Work};
