//! A hall: a feedback delay network of sixteen lines.
//!
//! The idea is that of J.-M. Jot, A. Chaigne, "Digital delay networks for designing artificial reverberators" (AES 90, 1991): lines
//! that a lossless matrix mixes (here Hadamard's, divided by 4), and in each line of `d` frames the loss that lets all of them
//! die away alike: the factor `10^(-3·d/(rate·T))`, `T` being the decay to -60 dB. Above the crossover (one pole) the decay is a
//! share of that below. The input passes a pre-delay and four allpass diffusers (M. R. Schroeder, "Natural Sounding Artificial
//! Reverberation", JAES 10, 1962).
//!
//! A new size is faded: the hall falls silent within half a glide, begins anew with its new lines, and rises within the other half.

use crate::delay::one_pole;
use crate::device::controls::{SEGMENT, STRIDE, glide_frames};
use crate::device::line::Line;
use crate::device::parameter::settings;
use crate::device::{Block, Controls, Device, Parameter, RATE_MAX, RATE_MIN, SILENCE, Unit};
use crate::ring::Ring;

/// Lines of the network.
pub const LINES: usize = 16;
/// What a line loses below the crossover, and what above it.
const LOSSES: usize = 2 * LINES;
/// Their lengths in ms at size 100: about equal ratios, and no two with a small common multiple.
const LENGTHS_MS: [f64; LINES] =
    [29.71, 32.17, 34.79, 37.63, 40.73, 43.97, 47.51, 51.49, 55.61, 60.17, 65.03, 70.37, 76.09, 82.27, 88.97, 96.23];
/// Lengths of the diffusers in ms, left and right.
const DIFFUSERS_MS: [[f64; 4]; 2] = [[4.77, 3.59, 12.73, 9.31], [4.83, 3.67, 12.61, 9.43]];
/// The diffusers' factor.
const DIFFUSION: f32 = 0.6;
/// The longest pre-delay in ms.
pub const PRE_DELAY_MS_MAX: f32 = 250.0;
/// The largest size in hundredths.
pub const SIZE_MAX: f32 = 200.0;

settings! {
    /// Time in ms before it begins.
    pre_delay: Parameter::linear("preDelay", "Pre-delay", Unit::Milliseconds, (0.0, PRE_DELAY_MS_MAX), 20.0),
    /// Length of its lines, in hundredths of a middling hall's.
    size: Parameter::linear("size", "Size", Unit::Percent, (20.0, SIZE_MAX), 100.0),
    /// Seconds in which it dies away by 60 dB.
    decay: Parameter::logarithmic("decay", "Decay", Unit::Seconds, (0.1, 30.0), 2.0),
    /// The decay above the crossover, in hundredths of that below.
    high_decay: Parameter::linear("highDecay", "High decay", Unit::Percent, (10.0, 100.0), 50.0),
    /// Where the higher decay begins, in Hz.
    crossover: Parameter::logarithmic("crossover", "Crossover", Unit::Hertz, (500.0, 16_000.0), 4_000.0),
    /// Corner in Hz below which its input loses, 6 dB per octave.
    low_cut: Parameter::logarithmic("lowCut", "Low cut", Unit::Hertz, (20.0, 1_000.0), 80.0),
    /// 0 mono, 100 as wide as it is; in hundredths.
    width: Parameter::linear("width", "Width", Unit::Percent, (0.0, 100.0), 100.0),
    /// How much of it is heard, the rest being the input: in hundredths.
    mix: Parameter::linear("mix", "Mix", Unit::Percent, (0.0, 100.0), 25.0),
}

/// The lengths of the lines in frames.
fn lengths(size: f32, rate: u32) -> [usize; LINES] {
    LENGTHS_MS.map(|ms| ((ms * f64::from(size) / 100.0 * f64::from(rate) / 1_000.0).round_ties_even() as usize).max(2))
}

/// The frames of the pre-delay.
fn pre_delay(ms: f32, rate: u32) -> usize {
    (f64::from(ms) * f64::from(rate) / 1_000.0).round_ties_even() as usize
}

impl Settings {
    /// Width, mix, low cut, crossover.
    fn line(&self, rate: f64) -> [f64; 4] {
        let (low, crossover) = (one_pole(self.low_cut, rate), one_pole(self.crossover, rate));
        [f64::from(self.width) / 100.0, f64::from(self.mix) / 100.0, low, crossover]
    }

    /// The factors of each line below the crossover, and then above it.
    fn losses(&self, lengths: &[usize; LINES], rate: f64) -> [f64; LOSSES] {
        let shares = [1.0, f64::from(self.high_decay) / 100.0];
        core::array::from_fn(|n| {
            let (length, share) = (lengths[n % LINES] as f64, shares[n / LINES]);
            libm::pow(10.0, -3.0 * length / (rate * f64::from(self.decay) * share))
        })
    }
}

/// The hall.
#[derive(Clone, Debug)]
pub struct Reverb {
    controls: Controls,
    rate: u32,
    line: Line<4>,
    early: [Ring; 2],
    pre: usize,
    diffusers: [[Diffuser; 4]; 2],
    lines: Vec<Ring>,
    lengths: [usize; LINES],
    losses: Line<LOSSES>,
    damping: [f32; LINES],
    cut: [f32; 2],
    /// Frames since it began to fall silent for a new size or pre-delay; it begins anew at half of the glide.
    fade: Option<u32>,
}

/// Weights at frames `n` to come: `(first + change·n)·step`.
#[derive(Clone, Copy, Debug)]
struct Weights {
    first: i32,
    change: i32,
    step: f32,
}

impl Weights {
    fn at(self, n: usize) -> f32 {
        (self.first + self.change * n as i32) as f32 * self.step
    }
}

/// An allpass: `y[n] = v[n - d] - g·v[n]`, `v[n] = x[n] + g·v[n - d]`.
#[derive(Clone, Debug)]
struct Diffuser {
    ring: Ring,
    length: usize,
}

impl Diffuser {
    fn new(ms: f64, rate: u32) -> Self {
        let length = ((ms * f64::from(rate) / 1_000.0).round_ties_even() as usize).max(1);
        Self { ring: Ring::new(length), length }
    }

    fn process(&mut self, samples: &mut [f32]) {
        let mut late = [0.0f32; SEGMENT];
        // No further than it is long: what is read must be written.
        for samples in samples.chunks_mut(self.length.min(SEGMENT)) {
            let late = &mut late[..samples.len()];
            self.ring.read(self.length, late);
            for (x, v) in samples.iter_mut().zip(late.iter_mut()) {
                let now = quiet(*x + DIFFUSION * *v);
                *x = *v - DIFFUSION * now;
                *v = now;
            }
            self.ring.write(late);
        }
    }
}

/// Silence becomes exact.
#[inline(always)]
fn quiet(x: f32) -> f32 {
    if x.abs() < SILENCE as f32 { 0.0 } else { x }
}

impl Reverb {
    /// At a sample rate in Hz.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let rate = rate.clamp(RATE_MIN, RATE_MAX);
        let longest = lengths(SIZE_MAX, rate)[LINES - 1];
        let early = Ring::new(pre_delay(PRE_DELAY_MS_MAX, rate));
        let settings = Settings::default();
        let lengths = lengths(settings.size, rate);
        Self {
            controls: Controls::new(PARAMETERS),
            rate,
            line: Line::still(settings.line(f64::from(rate))),
            early: [early.clone(), early],
            pre: pre_delay(settings.pre_delay, rate),
            diffusers: DIFFUSERS_MS.map(|side| side.map(|ms| Diffuser::new(ms, rate))),
            lines: vec![Ring::new(longest); LINES],
            lengths,
            losses: Line::still(settings.losses(&lengths, f64::from(rate))),
            damping: [0.0; LINES],
            cut: [0.0; 2],
            fade: None,
        }
    }

    /// The size and the pre-delay that are wanted.
    fn wanted(&self) -> ([usize; LINES], usize) {
        (lengths(self.controls.target(1), self.rate), pre_delay(self.controls.target(0), self.rate))
    }

    fn begin_anew(&mut self) {
        (self.lengths, self.pre) = self.wanted();
        self.lines.iter_mut().chain(&mut self.early).for_each(Ring::clear);
        self.diffusers.as_flattened_mut().iter_mut().for_each(|diffuser| diffuser.ring.clear());
        (self.damping, self.cut) = ([0.0; LINES], [0.0; 2]);
    }

    /// How many frames until the fade has an edge, and the weights of the wet signal until there.
    fn fade_step(&mut self) -> (usize, Weights) {
        let half = (glide_frames(self.rate) / 2).max(1) as i32;
        let step = 1.0 / half as f32;
        if self.fade.is_none() && self.wanted() != (self.lengths, self.pre) {
            self.fade = Some(0);
        }
        match self.fade.map(|elapsed| elapsed as i32) {
            None => (SEGMENT, Weights { first: 1, change: 0, step: 1.0 }),
            Some(elapsed) if elapsed < half => {
                ((half - elapsed) as usize, Weights { first: half - elapsed, change: -1, step })
            }
            Some(elapsed) => ((2 * half - elapsed) as usize, Weights { first: elapsed - half, change: 1, step }),
        }
    }

    fn count_fade(&mut self, frames: usize) -> bool {
        let half = (glide_frames(self.rate) / 2).max(1);
        let Some(elapsed) = &mut self.fade else { return false };
        *elapsed += frames as u32;
        let anew = *elapsed == half;
        if anew {
            self.begin_anew();
        } else if *elapsed >= 2 * half {
            self.fade = None;
        }
        anew
    }

    fn work(&mut self, part: &mut Block<'_>, weights: Weights) {
        let frames = part.len().min(SEGMENT);
        let mut rows = [[0.0f32; SEGMENT]; 4];
        for (k, row) in rows.iter_mut().enumerate() {
            self.line.write(k, &mut row[..frames]);
        }
        self.line.skip(frames);
        let mut input = [[0.0f32; SEGMENT]; 2];
        for (channel, samples) in [&*part.left, &*part.right].into_iter().enumerate() {
            let input = &mut input[channel][..frames];
            self.enter(channel, samples, weights);
            self.early[channel].read(self.pre + frames, input);
            for (x, g) in input.iter_mut().zip(&rows[2]) {
                let v = (*x - self.cut[channel]) * *g;
                *x -= v + self.cut[channel];
                self.cut[channel] = quiet(self.cut[channel] + (v + v));
            }
            self.diffusers[channel].iter_mut().for_each(|diffuser| diffuser.process(input));
        }
        let wet = self.network(&input, &rows[3], frames);
        let [width, mix, ..] = &rows;
        let (out_left, out_right) = (&mut part.left[..frames], &mut part.right[..frames]);
        for n in 0..frames {
            let weight = weights.at(n);
            let (middle, side) = (0.5 * (wet[0][n] + wet[1][n]), 0.5 * (wet[0][n] - wet[1][n]) * width[n]);
            let (l, r) = ((middle + side) * weight, (middle - side) * weight);
            out_left[n] += (l - out_left[n]) * mix[n];
            out_right[n] += (r - out_right[n]) * mix[n];
        }
    }

    /// What goes in falls and rises with what comes out, so that no echo of it begins with an edge.
    fn enter(&mut self, channel: usize, samples: &[f32], weights: Weights) {
        if weights.change == 0 {
            self.early[channel].write(samples);
            return;
        }
        let mut entering = [0.0f32; SEGMENT];
        let entering = &mut entering[..samples.len().min(SEGMENT)];
        for (n, (y, x)) in entering.iter_mut().zip(samples).enumerate() {
            *y = *x * weights.at(n);
        }
        self.early[channel].write(entering);
    }

    /// All lines' ends, line by line: heard, damped, mixed, and sent back with the input.
    fn network(
        &mut self,
        input: &[[f32; SEGMENT]; 2],
        crossover: &[f32; SEGMENT],
        frames: usize,
    ) -> [[f32; SEGMENT]; 2] {
        let mut late = [[0.0f32; SEGMENT]; LINES];
        for ((row, line), length) in late.iter_mut().zip(&self.lines).zip(self.lengths) {
            line.read(length, &mut row[..frames]);
        }
        let wet = [ear(&late, 0), ear(&late, 1)];
        let (rows, _) = late.as_chunks_mut::<4>();
        for (group, rows) in rows.iter_mut().enumerate() {
            self.damp(4 * group, rows, crossover, frames);
        }
        self.losses.skip(frames);
        hadamard(&mut late);
        for (k, (row, line)) in late.iter_mut().zip(&mut self.lines).enumerate() {
            for (x, input) in row.iter_mut().zip(&input[k % 2]) {
                *x = quiet(*x + *input);
            }
            line.write(&row[..frames]);
        }
        wet
    }

    /// The loss of four lines, the first of which is `first`.
    fn damp(&mut self, first: usize, rows: &mut [[f32; SEGMENT]; 4], crossover: &[f32; SEGMENT], frames: usize) {
        let losses = &self.losses;
        let four = |from: usize, n: usize| -> [f32; 4] { core::array::from_fn(|k| losses.at(from + k, n) as f32) };
        let moving = losses.is_moving();
        let (mut below, mut above) = (four(first, 0), four(LINES + first, 0));
        let mut low: [f32; 4] = core::array::from_fn(|k| self.damping[first + k]);
        for n in 0..frames.min(SEGMENT) {
            if moving {
                (below, above) = (four(first, n), four(LINES + first, n));
            }
            let (g, twice) = (crossover[n], crossover[n] + crossover[n]);
            for k in 0..4 {
                let x = rows[k][n];
                let smooth = g * x + (1.0 - g) * low[k];
                low[k] = (1.0 - twice) * low[k] + twice * x;
                rows[k][n] = above[k] * (x - smooth) + below[k] * smooth;
            }
        }
        self.damping[first..first + 4].copy_from_slice(&low);
    }
}

/// What is heard by an ear: each second line, every other one of those turned.
fn ear(late: &[[f32; SEGMENT]; LINES], side: usize) -> [f32; SEGMENT] {
    let mut heard = [0.0f32; SEGMENT];
    for pair in 0..LINES / 4 {
        let (plus, minus) = (&late[4 * pair + side], &late[4 * pair + 2 + side]);
        for ((y, a), b) in heard.iter_mut().zip(plus).zip(minus) {
            *y += 0.35 * (*a - *b);
        }
    }
    heard
}

/// Hadamard's matrix of order 16 over 4: lossless. Sums and differences of lines 8 apart, then 4, 2, 1.
fn hadamard(lines: &mut [[f32; SEGMENT]; LINES]) {
    for distance in [8, 4, 2, 1] {
        // Each step's share of the division.
        let scale = if distance > 2 { 0.5 } else { 1.0 };
        for pair in lines.chunks_exact_mut(2 * distance) {
            let (first, second) = pair.split_at_mut(distance);
            for (a, b) in first.as_flattened_mut().iter_mut().zip(second.as_flattened_mut()) {
                (*a, *b) = ((*a + *b) * scale, (*a - *b) * scale);
            }
        }
    }
}

impl Device for Reverb {
    fn controls(&self) -> &Controls {
        &self.controls
    }

    fn controls_mut(&mut self) -> &mut Controls {
        &mut self.controls
    }

    fn run(&mut self, mut block: Block<'_>) {
        let mut done = 0;
        while done < block.len() {
            if self.controls.is_fresh() && self.wanted() != (self.lengths, self.pre) {
                self.begin_anew();
            }
            let (until_edge, weights) = self.fade_step();
            let most = (block.len() - done).min(until_edge).min(self.lengths[0]);
            let step = self.controls.step(most);
            let rate = f64::from(self.rate);
            if step.jump {
                let settings = Settings::from_values(self.controls.now(step));
                self.line.jump(settings.line(rate));
                self.losses.jump(settings.losses(&self.lengths, rate));
            }
            if step.aim {
                let settings = Settings::from_values(self.controls.soon(step));
                self.line.aim(settings.line(rate), STRIDE);
                self.losses.aim(settings.losses(&self.lengths, rate), STRIDE);
            }
            self.work(&mut block.part(done, step.frames), weights);
            if step.snap {
                self.damping = self.damping.map(quiet);
            }
            if self.count_fade(step.frames) {
                self.controls.touch(0);
            }
            done += step.frames;
        }
    }

    fn clear(&mut self) {
        self.fade = None;
        self.begin_anew();
        self.controls.touch(0);
    }

    /// The pre-delay, and the decay carried on to -100 dB.
    fn tail(&self) -> u32 {
        let seconds = f64::from(self.controls.target(2)) * 100.0 / 60.0 + 0.2;
        (seconds * f64::from(self.rate)) as u32 + self.wanted().1 as u32
    }
}

#[cfg(test)]
mod tests;
