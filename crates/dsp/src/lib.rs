//! Signal processing over slices: gain, fades, pan, resampling, dither. Pure; the same bits natively and in WASM.
