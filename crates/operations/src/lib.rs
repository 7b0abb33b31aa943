//! How a song changes: operations, transactions; check, apply, invert. Pure: no I/O, no clock, no randomness.
