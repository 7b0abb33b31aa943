//! The limits of renders (W6).

/// The longest range that is rendered, in seconds: 24 hours.
pub const RANGE_SECONDS_MAX: f64 = 86_400.0;
/// The longest tail that can be asked for, in seconds.
pub const TAIL_SECONDS_MAX: f64 = 600.0;
/// The longest tail that is waited for when none was asked for, in seconds.
pub const TAIL_AUTO_SECONDS_MAX: f64 = 60.0;
/// The lowest loudness that a mix can be brought to, in LUFS.
pub const LOUDNESS_MIN: f64 = -60.0;
/// The highest, in LUFS.
pub const LOUDNESS_MAX: f64 = -5.0;
/// The most that loudness may raise a mix, in dB: what is nearly silent stays so.
pub const RAISE_DB_MAX: f64 = 40.0;
/// Characters of a track's name that a stem's file takes over.
pub const STEM_NAME_CHARACTERS_MAX: usize = 80;
