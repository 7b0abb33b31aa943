//! A chorus: several voices of the signal, each late by a time that swings as a sine.
//!
//! Voice `v` of `V` is late by `delay + depth·sin(2π·(rate·t + v/V + side))`, `side` being 0 on the left and a quarter turn times
//! the spread on the right; the voices' mean is heard. Between the samples it interpolates by a cubic through four of them
//! (J. O. Smith, "Physical Audio Signal Processing", Lagrange interpolation). With one voice, a short delay and feedback it is a
//! flanger.

use crate::approximation::sine;
use crate::device::controls::{SEGMENT, STRIDE};
use crate::device::line::Line;
use crate::device::parameter::settings;
use crate::device::{Block, Controls, Device, Parameter, RATE_MAX, RATE_MIN, SILENCE, Unit};
use crate::ring::Ring;

/// The numbers of voices, by the number that the parameter `voices` has.
pub const VOICES: &[&str] = &["1", "2", "3", "4"];
/// The most milliseconds that a voice is late.
const LATE_MS_MAX: f64 = 42.0;
/// The fewest frames that a voice is late: the cubic needs a frame after its place, which must be in the line.
const LATE_MIN: f64 = 3.0;

settings! {
    /// Swings a second.
    rate: Parameter::logarithmic("rate", "Rate", Unit::Hertz, (0.02, 10.0), 0.8),
    /// How far a voice swings to either side, in ms; as far as `delay` allows.
    depth: Parameter::linear("depth", "Depth", Unit::Milliseconds, (0.0, 10.0), 2.0),
    /// The middle of the swing in ms.
    delay: Parameter::logarithmic("delay", "Delay", Unit::Milliseconds, (0.5, 30.0), 12.0),
    /// One of [`VOICES`].
    voices: Parameter::choice("voices", "Voices", VOICES, 2),
    /// How far right swings after left: 100 is a quarter turn; in hundredths.
    spread: Parameter::linear("spread", "Spread", Unit::Percent, (0.0, 200.0), 100.0),
    /// How much of the voices goes back, in hundredths; negative turns its polarity.
    feedback: Parameter::linear("feedback", "Feedback", Unit::Percent, (-90.0, 90.0), 0.0),
    /// How much of the voices is heard, the rest being the input: in hundredths.
    mix: Parameter::linear("mix", "Mix", Unit::Percent, (0.0, 100.0), 50.0),
}

impl Settings {
    /// Turns a frame, depth and delay in frames, the right side's lead in turns, feedback, mix.
    fn line(&self, rate: f64) -> [f64; 6] {
        let frames = |ms: f32| f64::from(ms) * rate / 1_000.0;
        let delay = frames(self.delay).max(LATE_MIN);
        [
            f64::from(self.rate) / rate,
            frames(self.depth).min(delay - LATE_MIN),
            delay,
            f64::from(self.spread) / 400.0,
            f64::from(self.feedback) / 100.0,
            f64::from(self.mix) / 100.0,
        ]
    }
}

/// The chorus.
#[derive(Clone, Debug)]
pub struct Chorus {
    controls: Controls,
    rate: u32,
    line: Line<6>,
    voices: usize,
    /// Where in its swing the first voice is, in 2^-32 turns.
    phase: u32,
    lines: [Ring; 2],
}

impl Chorus {
    /// At a sample rate in Hz.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let rate = rate.clamp(RATE_MIN, RATE_MAX);
        let frames = (LATE_MS_MAX * f64::from(rate) / 1_000.0) as usize + 4;
        Self {
            controls: Controls::new(PARAMETERS),
            rate,
            line: Line::still(Settings::default().line(f64::from(rate))),
            voices: 3,
            phase: 0,
            lines: [Ring::new(frames), Ring::new(frames)],
        }
    }

    fn work(&mut self, part: &mut Block<'_>) {
        let frames = part.len();
        let mut phases = [[0u32; SEGMENT]; 2];
        let (mut swing, mut rows) = (Swing { depth: [0.0; SEGMENT], delay: [0; SEGMENT] }, [[0.0f32; SEGMENT]; 2]);
        self.line.write(1, &mut swing.depth[..frames]);
        self.line.write(4, &mut rows[0][..frames]);
        self.line.write(5, &mut rows[1][..frames]);
        let [left, right] = &mut phases;
        for n in 0..frames {
            self.phase = self.phase.wrapping_add(turns(self.line.at(0, n)));
            (left[n], right[n]) = (self.phase, self.phase.wrapping_add(turns(self.line.at(3, n))));
            swing.depth[n] *= FRACTIONS;
            swing.delay[n] = (self.line.at(2, n) * f64::from(FRACTIONS)) as i32;
        }
        self.line.skip(frames);
        // The voices may go back into the line, so no more frames at once than the least delay has.
        let least = (0..frames).map(|n| swing.delay[n] - swing.depth[n] as i32).min().unwrap_or(0);
        let together = ((least >> 16) - 1).clamp(1, SEGMENT as i32) as usize;
        let channels = [&mut *part.left, &mut *part.right];
        for ((samples, line), phases) in channels.into_iter().zip(&mut self.lines).zip(&phases) {
            let mut from = 0;
            while from < frames {
                let to = frames.min(from + together);
                let mut wet = [0.0f32; SEGMENT];
                let wet = &mut wet[..to - from];
                voices(line, self.voices, &phases[from..to], &swing, from, wet);
                let mut back = [0.0f32; SEGMENT];
                for n in 0..to - from {
                    let x = samples[from + n];
                    let sum = x + rows[0][from + n] * wet[n];
                    back[n] = if sum.abs() < SILENCE as f32 { 0.0 } else { sum };
                    samples[from + n] = x + (wet[n] - x) * rows[1][from + n];
                }
                line.write(&back[..to - from]);
                from = to;
            }
        }
    }
}

/// Parts of a frame in which lateness is counted.
const FRACTIONS: f32 = 65_536.0;

/// How far the voices swing and about what, frame by frame, in [`FRACTIONS`] of a frame.
struct Swing {
    depth: [f32; SEGMENT],
    delay: [i32; SEGMENT],
}

/// A part of a turn in 2^-32 turns.
fn turns(turn: f64) -> u32 {
    (turn * 4_294_967_296.0).round_ties_even() as i64 as u32
}

/// The mean of the voices over some frames, `from` being the first one's place in the swing; all of them lie in the line.
fn voices(line: &Ring, count: usize, phases: &[u32], swing: &Swing, from: usize, wet: &mut [f32]) {
    let apart = (u32::MAX / count as u32).wrapping_add(1);
    let frames = wet.len();
    let mut late = [0i32; SEGMENT];
    for voice in 0..count as u32 {
        let ahead = apart.wrapping_mul(voice);
        for (n, (late, phase)) in late.iter_mut().zip(phases).enumerate() {
            *late = swing.delay[from + n] + (swing.depth[from + n] * sine(phase.wrapping_add(ahead))) as i32;
        }
        for (n, (x, late)) in wet.iter_mut().zip(&late[..frames]).enumerate() {
            // Frame n comes n after the ring's head.
            let whole = (*late >> 16) as usize;
            let t = (*late & 0xffff) as f32 * (1.0 / FRACTIONS);
            let [a, b, c, d] = line.four(whole.wrapping_sub(n + 1));
            // Lagrange's cubic through places -1, 0, 1, 2.
            let (u, v, w) = (t + 1.0, t - 1.0, t - 2.0);
            let (vw, ut) = (v * w, u * t);
            *x +=
                (a * (t * vw * (-1.0 / 6.0)) + b * (u * vw * 0.5)) + (c * (ut * w * -0.5) + d * (ut * v * (1.0 / 6.0)));
        }
    }
    let share = 1.0 / count as f32;
    wet.iter_mut().for_each(|x| *x *= share);
}

impl Device for Chorus {
    fn controls(&self) -> &Controls {
        &self.controls
    }

    fn controls_mut(&mut self) -> &mut Controls {
        &mut self.controls
    }

    fn run(&mut self, mut block: Block<'_>) {
        let mut done = 0;
        while done < block.len() {
            let step = self.controls.step((block.len() - done).min(SEGMENT));
            let rate = f64::from(self.rate);
            if step.jump {
                self.line.jump(Settings::from_values(self.controls.now(step)).line(rate));
            }
            if step.aim {
                self.line.aim(Settings::from_values(self.controls.soon(step)).line(rate), STRIDE);
            }
            self.voices = self.controls.target(3) as usize + 1;
            self.work(&mut block.part(done, step.frames));
            done += step.frames;
        }
    }

    fn clear(&mut self) {
        self.phase = 0;
        self.lines.iter_mut().for_each(Ring::clear);
    }

    /// The longest way, as many times as the feedback needs for 100 dB.
    fn tail(&self) -> u32 {
        let feedback = f64::from(self.controls.target(5).abs()) / 100.0;
        let times = if feedback > 0.0 { 1.0 + (libm::log(1e-5) / libm::log(feedback)).max(1.0) } else { 1.0 };
        let longest = f64::from(self.controls.target(1) + self.controls.target(2)) / 1_000.0;
        (times * longest * f64::from(self.rate)) as u32 + 4
    }
}

#[cfg(test)]
mod tests;
