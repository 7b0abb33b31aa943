//! Signal processing over slices: gain, fades, pan, resampling, dither, effects and meters. Pure; the same bits natively and
//! in WASM.
//!
//! Every function is element-wise, or sums in an order that is written down, so that its result depends neither on how a
//! signal is cut into blocks nor on the machine. Transcendentals come from `libm` (see `clippy.toml`).
//!
//! **Never here:** I/O, a clock, randomness that is not a function of a seed, allocation inside a function that takes its
//! output as a slice, fused multiply-add, reductions whose order the compiler may choose.

pub mod align;
pub mod approximation;
pub mod bend;
pub mod chorus;
pub mod click;
pub mod compressor;
pub mod delay;
pub mod device;
pub mod devices;
pub mod dither;
pub mod equaliser;
pub mod fade;
pub mod filter;
pub mod fourier;
pub mod gate;
pub mod limiter;
pub mod meter;
pub mod mix;
pub mod oversampling;
pub mod pan;
pub mod pcm;
#[cfg(test)]
mod proof;
pub mod ramp;
pub mod resample;
pub mod reverb;
mod ring;
pub mod room;
pub mod saturation;
pub mod section;
pub mod utility;
mod wide;
pub mod window;
