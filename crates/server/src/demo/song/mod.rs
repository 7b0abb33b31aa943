//! "Last Ferry Home": the song that a stranger hears first. Composed, played and mixed by this module alone.
//!
//! **Invariant:** nothing here reads a clock, a file or a random number; the same bytes come out everywhere.
//! 90 beats a minute, C major: an introduction, a verse, a lift with the tune, a break, the lift again, an outro.

mod arrangement;
mod drums;
mod effects;
mod harmony;
mod melody;
mod rhythm;
mod sound;
#[cfg(test)]
mod tests;
mod texture;
mod voices;

pub(crate) use arrangement::{Part, Placed, RECORDINGS, Recording, parts};
pub(crate) use sound::decibels;

/// The song's name.
pub(crate) const NAME: &str = "Last Ferry Home";
/// Beats per minute.
pub(crate) const BPM: f64 = 90.0;
/// Seconds of a beat.
const BEAT: f64 = 60.0 / BPM;
/// Seconds of a bar.
const BAR: f64 = 4.0 * BEAT;

/// A recording's samples, one vector per channel, full scale ±1.
pub(crate) fn perform(recording: &Recording) -> Vec<Vec<f32>> {
    let sound = (recording.make)(recording.rate);
    if recording.channels == 1 { vec![sound.left] } else { vec![sound.left, sound.right] }
}
