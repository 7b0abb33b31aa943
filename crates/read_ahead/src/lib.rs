//! Reading long recordings ahead of playing: the WASM face in a worker of the page.
//!
//! [`Reading`] is `engine::ahead` with WAV files: it knows where in its file each chunk lies and decodes it. `exports.rs`, which only
//! WASM has, puts it behind plain C functions without a single import; `read_ahead.js` calls them, and does all that touches files,
//! network and shared memory. README.md documents both.

#[cfg(target_arch = "wasm32")]
pub mod exports;
mod reading;

pub use reading::{HEADER_BYTES_MAX, INPUT_BYTES_MAX, Opened, Reading};
