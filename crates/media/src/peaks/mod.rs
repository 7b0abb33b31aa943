//! What a waveform looks like: minima and maxima over stretches of samples. Rules with IDs: `specs/peaks.md`.
//!
//! [`PyramidBuilder`] and [`Pyramid`] are our own format, in several resolutions, built in one streaming pass and read by the browser while it is
//! still arriving. [`Waveform`] is BBC audiowaveform's, in one resolution, for the command line.

mod build;
mod extent;
#[cfg(not(target_arch = "wasm32"))]
mod file;
mod pixels;
mod pyramid;
mod sums;
mod waveform;

pub use build::{PyramidBuilder, pyramid_of_samples};
pub use extent::samples_extent;
#[cfg(not(target_arch = "wasm32"))]
pub use file::{pyramid_of_file, waveform};
pub use pyramid::{OVERVIEW_PAIRS_MAX, Pyramid};
pub use waveform::{Resolution, WAVEFORM_PAIRS_MAX, Waveform, WaveformOptions};
