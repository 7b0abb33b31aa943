//! The metronome's sound: a short sine whose amplitude falls away.

/// Length of a click in seconds.
pub const CLICK_SECONDS: f64 = 0.03;
/// Pitch of the click on a beat, in Hz.
pub const BEAT_HZ: f64 = 1_000.0;
/// Pitch of the click on a bar's first beat, in Hz.
pub const ACCENT_HZ: f64 = 1_500.0;
/// Amplitude of the click on a beat, linear.
pub const BEAT_LEVEL: f64 = 0.35;
/// Amplitude of the click on a bar's first beat, linear.
pub const ACCENT_LEVEL: f64 = 0.5;

/// One click, mono, at `sample_rate` Hz: `level * sin(2π·hz·t) * exp(-t / 6 ms)`, brought to zero by a linear fall over its
/// length. It begins at zero, so that it adds no step.
#[must_use]
pub fn click(sample_rate: u32, accent: bool) -> Vec<f32> {
    let (hz, level) = if accent { (ACCENT_HZ, ACCENT_LEVEL) } else { (BEAT_HZ, BEAT_LEVEL) };
    let rate = f64::from(sample_rate.max(1));
    let frames = (CLICK_SECONDS * rate) as u32;
    let sample = |n: u32| {
        let t = f64::from(n) / rate;
        let tone = libm::sin(core::f64::consts::TAU * hz * t) * libm::exp(-t / 0.006);
        (level * tone * (1.0 - f64::from(n) / f64::from(frames))) as f32
    };
    (0..frames).map(sample).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_begins_and_ends_in_silence_and_the_accent_is_louder() {
        let (beat, accent) = (click(48_000, false), click(48_000, true));
        assert_eq!(beat.len(), 1_440);
        assert_eq!(beat[0], 0.0);
        assert!(beat[1_439].abs() < 1e-4);
        assert!(crate::meter::peak(&accent) > crate::meter::peak(&beat));
        assert!(crate::meter::peak(&accent) < 0.5);
    }
}
