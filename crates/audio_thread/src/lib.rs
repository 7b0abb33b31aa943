//! The engine's WASM face in the AudioWorklet.
