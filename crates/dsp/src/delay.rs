//! A delay: feedback, ping-pong, filters in the loop, times in milliseconds or notes.
//!
//! Each channel is a line whose end, filtered, goes back to its beginning (in ping-pong to the other's, and the input goes to
//! the left one). The filters have one pole each, 6 dB per octave, in the trapezoidal form of V. Zavalishin, "The Art of VA
//! Filter Design"; at the ends of their ranges they are off. What is heard has passed the filters, so the first repeat once.
//!
//! A new time is crossfaded within [`crate::device::controls::GLIDE_MS`]; times that come meanwhile wait for its end, the
//! latest winning. Times are whole frames.

use crate::device::controls::{SEGMENT, STRIDE, glide_frames};
use crate::device::line::{Line, Rows};
use crate::device::parameter::settings;
use crate::device::{Block, Controls, Device, Parameter, RATE_MAX, RATE_MIN, SILENCE, Unit};
use crate::ring::Ring;

/// The shortest time in milliseconds.
pub const TIME_MS_MIN: f32 = 1.0;
/// The longest time in milliseconds; longer notes are shortened to this.
pub const TIME_MS_MAX: f32 = 4_000.0;
/// The most that is fed back, in hundredths: repeats always fall.
pub const FEEDBACK_MAX: f32 = 98.0;

/// Times in notes, by the number that the parameter `note` has. T: two thirds, D: three halves.
pub const NOTES: &[&str] = &[
    "Off", "1/64", "1/32T", "1/32", "1/16T", "1/16", "1/8T", "1/16D", "1/8", "1/4T", "1/8D", "1/4", "1/2T", "1/4D",
    "1/2", "1/2D", "1/1",
];
/// The same in beats (quarter notes).
const BEATS: [f64; 17] = [
    0.0,
    1.0 / 16.0,
    1.0 / 12.0,
    1.0 / 8.0,
    1.0 / 6.0,
    1.0 / 4.0,
    1.0 / 3.0,
    3.0 / 8.0,
    1.0 / 2.0,
    2.0 / 3.0,
    3.0 / 4.0,
    1.0,
    4.0 / 3.0,
    3.0 / 2.0,
    2.0,
    3.0,
    4.0,
];

settings! {
    /// Time in ms when `note` is off.
    time: Parameter::logarithmic("time", "Time", Unit::Milliseconds, (TIME_MS_MIN, TIME_MS_MAX), 375.0),
    /// One of [`NOTES`].
    note: Parameter::choice("note", "Note", NOTES, 0),
    /// How much comes back, in hundredths.
    feedback: Parameter::linear("feedback", "Feedback", Unit::Percent, (0.0, FEEDBACK_MAX), 35.0),
    /// Repeats change sides.
    ping_pong: Parameter::switch("pingPong", "Ping-pong", false),
    /// Corner in Hz below which repeats lose; the least value is off.
    low_cut: Parameter::logarithmic("lowCut", "Low cut", Unit::Hertz, (20.0, 2_000.0), 20.0),
    /// Corner in Hz above which repeats lose; the largest value is off.
    high_cut: Parameter::logarithmic("highCut", "High cut", Unit::Hertz, (500.0, 20_000.0), 20_000.0),
    /// How much of the repeats is heard, the rest being the input: in hundredths.
    mix: Parameter::linear("mix", "Mix", Unit::Percent, (0.0, 100.0), 30.0),
}

impl Settings {
    /// Feedback, ping-pong, mix, and the filters' factors.
    fn line(&self, rate: f64) -> [f64; 5] {
        let low = if self.low_cut <= 20.0 { 0.0 } else { one_pole(self.low_cut, rate) };
        let high = if self.high_cut >= 20_000.0 { 1.0 } else { one_pole(self.high_cut, rate) };
        [f64::from(self.feedback) / 100.0, f64::from(self.ping_pong), f64::from(self.mix) / 100.0, low, high]
    }
}

/// The factor `g/(1+g)` of a one-pole filter at a corner in Hz, `g = tan(π·hz/rate)`.
pub(crate) fn one_pole(hz: f32, rate: f64) -> f64 {
    let g = libm::tan(core::f64::consts::PI * (f64::from(hz) / rate).min(0.49));
    g / (1.0 + g)
}

/// The delay.
#[derive(Clone, Debug)]
pub struct Delay {
    controls: Controls,
    rate: u32,
    line: Line<5>,
    rows: Rows<5>,
    /// Frames of a beat.
    beat: f64,
    lines: [Ring; 2],
    time: Time,
    /// Integrators of the low cut and of the high cut, per channel.
    poles: [[f32; 2]; 2],
}

/// The time, and perhaps the one that it is crossfaded with.
#[derive(Clone, Copy, Debug)]
struct Time {
    from: usize,
    to: usize,
    elapsed: u32,
    length: u32,
}

impl Time {
    fn is_fading(&self) -> bool {
        self.elapsed < self.length
    }
}

impl Delay {
    /// At a sample rate in Hz, with 120 beats a minute.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let rate = rate.clamp(RATE_MIN, RATE_MAX);
        let most = frames_of(TIME_MS_MAX, rate);
        let mut delay = Self {
            controls: Controls::new(PARAMETERS),
            rate,
            line: Line::still(Settings::default().line(f64::from(rate))),
            rows: Rows::new(),
            beat: f64::from(rate) / 2.0,
            lines: [Ring::new(most), Ring::new(most)],
            time: Time { from: 1, to: 1, elapsed: 0, length: 0 },
            poles: [[0.0; 2]; 2],
        };
        delay.clear();
        delay
    }

    /// The time in frames that it goes to.
    #[must_use]
    pub fn frames(&self) -> usize {
        let most = frames_of(TIME_MS_MAX, self.rate);
        let beats = BEATS.get(self.controls.target(1) as usize).copied().unwrap_or(0.0);
        if beats == 0.0 {
            frames_of(self.controls.target(0), self.rate)
        } else {
            ((beats * self.beat).round_ties_even() as usize).clamp(frames_of(TIME_MS_MIN, self.rate), most)
        }
    }

    fn work(&mut self, part: &mut Block<'_>) {
        let frames = part.len().min(SEGMENT);
        let filters = self.line.is_moving() || [self.line.target(3), self.line.target(4)] != [0.0, 1.0];
        let mut wet = [[0.0f32; SEGMENT]; 2];
        for (channel, wet) in wet.iter_mut().enumerate() {
            self.read(channel, &mut wet[..frames]);
        }
        let [feedback, ping_pong, mix, low, high] = self.rows.next(&mut self.line, frames);
        let [left, right] = &mut wet;
        if filters {
            filter(&mut self.poles, low, high, left, right, frames);
        } else {
            self.poles = [[0.0; 2]; 2];
        }
        let (mut to_left, mut to_right) = ([0.0f32; SEGMENT], [0.0f32; SEGMENT]);
        let quiet = |x: f32| if x.abs() < SILENCE as f32 { 0.0 } else { x };
        let (out_left, out_right) = (&mut part.left[..frames], &mut part.right[..frames]);
        for n in 0..frames {
            let (l, r, a, b, p) = (out_left[n], out_right[n], left[n], right[n], ping_pong[n]);
            to_left[n] = quiet((l + p * (0.5 * (l + r) - l)) + feedback[n] * (a + p * (b - a)));
            to_right[n] = quiet((r - p * r) + feedback[n] * (b + p * (a - b)));
            out_left[n] = l + (a - l) * mix[n];
            out_right[n] = r + (b - r) * mix[n];
        }
        self.lines[0].write(&to_left[..frames]);
        self.lines[1].write(&to_right[..frames]);
        if self.time.is_fading() {
            self.time.elapsed += frames as u32;
        }
    }

    /// What comes out of a line, crossfaded if its time changes.
    fn read(&self, channel: usize, wet: &mut [f32]) {
        let Time { from, to, elapsed, length } = self.time;
        self.lines[channel].read(to, wet);
        if self.time.is_fading() {
            let mut before = [0.0f32; SEGMENT];
            self.lines[channel].read(from, &mut before[..wet.len()]);
            let step = 1.0 / length as f32;
            for (n, (x, b)) in wet.iter_mut().zip(&before).enumerate() {
                let weight = (elapsed + n as u32 + 1) as i32 as f32 * step;
                *x = *b + (*x - *b) * if weight < 1.0 { weight } else { 1.0 };
            }
        }
    }
}

/// The low cut, then the high cut, over both channels.
fn filter(
    poles: &mut [[f32; 2]; 2],
    low: &[f32; SEGMENT],
    high: &[f32; SEGMENT],
    left: &mut [f32; SEGMENT],
    right: &mut [f32; SEGMENT],
    frames: usize,
) {
    let [mut cut, mut keep] = *poles;
    for n in 0..frames.min(SEGMENT) {
        let x = [left[n], right[n]];
        let (twice_low, twice_high) = (low[n] + low[n], high[n] + high[n]);
        let mut y = [0.0; 2];
        for c in 0..2 {
            let rest = x[c] - (low[n] * x[c] + (1.0 - low[n]) * cut[c]);
            cut[c] = (1.0 - twice_low) * cut[c] + twice_low * x[c];
            y[c] = high[n] * rest + (1.0 - high[n]) * keep[c];
            keep[c] = (1.0 - twice_high) * keep[c] + twice_high * rest;
        }
        (left[n], right[n]) = (y[0], y[1]);
    }
    *poles = [cut, keep];
}

/// The frames of a time in ms, at least one, rounded to the nearest: the inverse of [`milliseconds_of`].
#[must_use]
pub fn frames_of(ms: f32, rate: u32) -> usize {
    ((f64::from(ms) * f64::from(rate) / 1_000.0).round_ties_even() as usize).max(1)
}

/// The value of the parameter `time` for a number of frames.
#[must_use]
pub fn milliseconds_of(frames: usize, rate: u32) -> f32 {
    (frames as f64 * 1_000.0 / f64::from(rate)) as f32
}

impl Device for Delay {
    fn controls(&self) -> &Controls {
        &self.controls
    }

    fn controls_mut(&mut self) -> &mut Controls {
        &mut self.controls
    }

    fn run(&mut self, mut block: Block<'_>) {
        let mut done = 0;
        while done < block.len() {
            let wanted = self.frames();
            if self.controls.is_fresh() {
                self.time = Time { from: wanted, to: wanted, elapsed: 0, length: 0 };
            }
            if !self.time.is_fading() && wanted != self.time.to {
                self.time = Time { from: self.time.to, to: wanted, elapsed: 0, length: glide_frames(self.rate) };
            }
            // A block that is longer than the delay would read what it has yet to write; and a fade ends at a step's end.
            let fade = if self.time.is_fading() { (self.time.length - self.time.elapsed) as usize } else { SEGMENT };
            let most = (block.len() - done).min(self.time.to).min(self.time.from).min(fade);
            let step = self.controls.step(most);
            let rate = f64::from(self.rate);
            if step.jump {
                self.line.jump(Settings::from_values(self.controls.now(step)).line(rate));
            }
            if step.aim {
                self.line.aim(Settings::from_values(self.controls.soon(step)).line(rate), STRIDE);
            }
            self.work(&mut block.part(done, step.frames));
            if step.snap {
                self.poles = self.poles.map(|pair| pair.map(|s| if f64::from(s.abs()) < SILENCE { 0.0 } else { s }));
            }
            done += step.frames;
        }
    }

    fn clear(&mut self) {
        self.lines.iter_mut().for_each(Ring::clear);
        let frames = self.frames();
        self.time = Time { from: frames, to: frames, elapsed: 0, length: 0 };
        self.poles = [[0.0; 2]; 2];
    }

    /// As many times as the feedback needs for 100 dB.
    fn tail(&self) -> u32 {
        let feedback = f64::from(self.controls.target(2)) / 100.0;
        let repeats = if feedback > 0.0 { 1.0 + (libm::log(1e-5) / libm::log(feedback)).max(1.0) } else { 1.0 };
        (repeats * self.frames() as f64).min(f64::from(u32::MAX)) as u32 + self.rate / 10
    }

    fn set_beat(&mut self, frames: f64) {
        if frames.is_finite() && frames > 0.0 {
            self.beat = frames;
        }
    }
}

#[cfg(test)]
mod tests;
