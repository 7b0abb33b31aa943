//! What a song is: records, units, tempo, validation, roles. Pure: no I/O, no clock, no randomness.
