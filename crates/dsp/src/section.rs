//! A second-order filter section whose coefficients may move at every frame: the building block of equaliser and filter.
//!
//! The topology is the trapezoidal state-variable filter of A. Simper, "Solving the continuous SVF equations using trapezoidal
//! integration and equivalent currents" (2013): two integrators, `g = tan(π·f/rate)`, `k = 1/Q`, and an output mixed from the
//! input and both integrators. Its states keep their meaning while the coefficients move, so it stays stable and does not
//! click. The responses are those of R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients".
//!
//! States are f64: at 20 Hz and 192 kHz an f32 has too few bits for a quiet bass. Both channels run in one vector.

use core::f64::consts::PI;

use crate::device::SILENCE;
use crate::device::controls::SEGMENT;
use crate::device::line::Line;

/// Filter frequencies are kept below this share of the sample rate.
const FREQUENCY_SHARE_MAX: f64 = 0.49;

/// What a section does to frequencies: `[g, k, m0, m1, m2]`, see the module.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Response([f64; 5]);

impl Response {
    /// Changes nothing, exactly.
    pub const IDENTITY: Self = Self([1.0, 1.0, 1.0, 0.0, 0.0]);

    /// 12 dB per octave above `hz`; at `hz` the gain is `q`.
    #[must_use]
    pub fn low_pass(hz: f64, q: f64, rate: f64) -> Self {
        Self([warp(hz, rate), 1.0 / q, 0.0, 0.0, 1.0])
    }

    /// 12 dB per octave below `hz`; at `hz` the gain is `q`.
    #[must_use]
    pub fn high_pass(hz: f64, q: f64, rate: f64) -> Self {
        Self([warp(hz, rate), 1.0 / q, 1.0, -1.0 / q, -1.0])
    }

    /// 6 dB per octave on either side of `hz`, where the gain is 1.
    #[must_use]
    pub fn band_pass(hz: f64, q: f64, rate: f64) -> Self {
        Self([warp(hz, rate), 1.0 / q, 0.0, 1.0 / q, 0.0])
    }

    /// Nothing of `hz` itself; `q` is `hz` over the width between the points at -3 dB.
    #[must_use]
    pub fn notch(hz: f64, q: f64, rate: f64) -> Self {
        Self([warp(hz, rate), 1.0 / q, 1.0, -1.0 / q, 0.0])
    }

    /// `gain_db` at `hz`, falling off to either side.
    #[must_use]
    pub fn bell(hz: f64, q: f64, gain_db: f64, rate: f64) -> Self {
        let a = root_of_gain(gain_db);
        let k = 1.0 / (q * a);
        Self([warp(hz, rate), k, 1.0, k * (a * a - 1.0), 0.0])
    }

    /// `gain_db` below, half of it at `hz`.
    #[must_use]
    pub fn low_shelf(hz: f64, q: f64, gain_db: f64, rate: f64) -> Self {
        let a = root_of_gain(gain_db);
        let k = 1.0 / q;
        Self([warp(hz, rate) / a.sqrt(), k, 1.0, k * (a - 1.0), a * a - 1.0])
    }

    /// `gain_db` above, half of it at `hz`.
    #[must_use]
    pub fn high_shelf(hz: f64, q: f64, gain_db: f64, rate: f64) -> Self {
        let a = root_of_gain(gain_db);
        let k = 1.0 / q;
        Self([warp(hz, rate) * a.sqrt(), k, a * a, k * (1.0 - a) * a, 1.0 - a * a])
    }

    /// The same response, of which only the share `amount` is heard and the rest is the input.
    #[must_use]
    pub fn mixed(self, amount: f64) -> Self {
        let [g, k, m0, m1, m2] = self.0;
        Self([g, k, 1.0 + amount * (m0 - 1.0), amount * m1, amount * m2])
    }

    /// The gain at a frequency in dB, as a screen draws it; far below audibility it ends at -240.
    #[must_use]
    pub fn gain_db(&self, hz: f64, rate: f64) -> f64 {
        let [g, k, m0, m1, m2] = self.0;
        // The analogue prototype at the warped frequency: s = i·w/g, H = m0 + (m1·s + m2) / (s² + k·s + 1).
        let s = libm::tan(PI * hz / rate) / g;
        let (real, imaginary) = (1.0 - s * s, k * s);
        let (top_real, top_imaginary) = (m0 * real + m2, m0 * imaginary + m1 * s);
        let power = (top_real * top_real + top_imaginary * top_imaginary) / (real * real + imaginary * imaginary);
        10.0 * libm::log10(power.max(1e-24))
    }
}

fn warp(hz: f64, rate: f64) -> f64 {
    libm::tan(PI * (hz / rate).min(FREQUENCY_SHARE_MAX))
}

/// The cookbook's `A`: the square root of the gain's factor.
fn root_of_gain(gain_db: f64) -> f64 {
    libm::pow(10.0, gain_db / 40.0)
}

/// The qualities of a Butterworth filter's sections, the order being twice their number (1, 2 or 4), least first.
#[must_use]
pub fn butterworth(sections: usize) -> [f64; 4] {
    let mut qualities = [core::f64::consts::FRAC_1_SQRT_2; 4];
    for (i, quality) in qualities.iter_mut().enumerate().take(sections) {
        *quality = 0.5 / libm::cos(PI * (2 * i + 1) as f64 / (4 * sections) as f64);
    }
    qualities
}

/// A section with its memory of two channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section {
    line: Line<5>,
    kernel: Kernel,
}

/// What the inner loop needs. With `v1 = a1·s1 + a2·u`, `v2 = s2 + a2·s1 + a3·u`, `u = x - s2` the integrators go to
/// `2·v1 - s1` and `2·v2 - s2`, and the output is `m0·x + m1·v1 + m2·v2`; written out by states and input, so that the way
/// from one frame's states to the next is short.
#[derive(Clone, Copy, Debug)]
struct Kernel {
    /// `2·a1 - 1`, `2·a2`, `2·a3`.
    d1: f64,
    d2: f64,
    d3: f64,
    /// The output's factors for the first integrator, the second, and the input.
    c1: f64,
    c2: f64,
    c0: f64,
    s1: [f64; 2],
    s2: [f64; 2],
}

impl Section {
    pub(crate) fn new() -> Self {
        let Response(line) = Response::IDENTITY;
        Self { line: Line::still(line), kernel: Kernel::IDENTITY }
    }

    pub(crate) fn jump(&mut self, response: Response) {
        self.line.jump(response.0);
        self.kernel.take(response.0);
    }

    pub(crate) fn aim(&mut self, response: Response, length: u32) {
        self.line.aim(response.0, length);
    }

    /// Whether it changes anything, now or while its coefficients move.
    pub(crate) fn is_active(&self) -> bool {
        let passes = |m: [f64; 3]| m == [1.0, 0.0, 0.0];
        self.line.is_moving() || !passes([self.line.target(2), self.line.target(3), self.line.target(4)])
    }

    pub(crate) fn clear(&mut self) {
        (self.kernel.s1, self.kernel.s2) = ([0.0; 2], [0.0; 2]);
    }

    /// Silence in its memory becomes exact.
    pub(crate) fn snap(&mut self) {
        let Kernel { s1, s2, .. } = &mut self.kernel;
        for s in s1.iter_mut().chain(s2) {
            *s = if s.abs() < SILENCE { 0.0 } else { *s };
        }
    }

    fn run_moving(&mut self, signal: &mut [[f64; 2]]) {
        for (n, x) in signal.iter_mut().enumerate() {
            self.kernel.take(core::array::from_fn(|k| self.line.at(k, n)));
            *x = self.kernel.tick(*x);
        }
    }
}

/// Sections that run in one loop.
const TOGETHER: usize = 4;

/// Sends up to [`SEGMENT`] frames of a stereo signal through all active sections, one after the other. In between it is f64, so
/// that it does not matter which sections run in one loop.
pub(crate) fn cascade(sections: &mut [Section], left: &mut [f32], right: &mut [f32]) {
    if !sections.iter().any(Section::is_active) {
        return;
    }
    let mut signal = [[0.0f64; 2]; SEGMENT];
    for ((x, l), r) in signal.iter_mut().zip(&*left).zip(&*right) {
        *x = [f64::from(*l), f64::from(*r)];
    }
    let frames = left.len().min(right.len()).min(SEGMENT);
    let mut from = 0;
    while from < sections.len() {
        from += run_some(&mut sections[from..], &mut signal[..frames]);
    }
    for ((x, l), r) in signal.iter().zip(left).zip(right) {
        (*l, *r) = (x[0] as f32, x[1] as f32);
    }
}

/// Runs the first sections of a row, as many as fit into one loop, and returns how many that were.
fn run_some(sections: &mut [Section], signal: &mut [[f64; 2]]) -> usize {
    let mut kernels = [Kernel::IDENTITY; TOGETHER];
    let mut places = [0; TOGETHER];
    let mut count = 0;
    let mut looked_at = 0;
    for (place, section) in sections.iter_mut().enumerate() {
        if section.line.is_moving() {
            if count == 0 {
                section.run_moving(signal);
                section.line.skip(signal.len());
                looked_at = place + 1;
            }
            break;
        }
        looked_at = place + 1;
        if section.is_active() {
            (kernels[count], places[count]) = (section.kernel, place);
            count += 1;
            if count == TOGETHER {
                break;
            }
        }
    }
    match kernels.first_chunk_mut::<2>() {
        Some([one, _]) if count == 1 => run(core::array::from_mut(one), signal),
        Some(two) if count == 2 => run(two, signal),
        _ if count > 0 => run(&mut kernels, signal),
        _ => {}
    }
    for (kernel, place) in kernels.iter().zip(places).take(count) {
        sections[place].kernel = *kernel;
    }
    looked_at
}

fn run<const N: usize>(kernels: &mut [Kernel; N], signal: &mut [[f64; 2]]) {
    // A copy on the stack that nothing else can see lives in registers.
    let mut row = *kernels;
    for x in signal {
        for kernel in &mut row {
            *x = kernel.tick(*x);
        }
    }
    *kernels = row;
}

impl Kernel {
    const IDENTITY: Self = Self { d1: 0.0, d2: 0.0, d3: 0.0, c1: 0.0, c2: 0.0, c0: 1.0, s1: [0.0; 2], s2: [0.0; 2] };

    fn take(&mut self, [g, k, m0, m1, m2]: [f64; 5]) {
        let a1 = 1.0 / (1.0 + g * (g + k));
        let a2 = g * a1;
        let a3 = g * a2;
        let (d1, d2, d3) = (2.0 * a1 - 1.0, 2.0 * a2, 2.0 * a3);
        let (c1, c2, c0) = (m1 * a1 + m2 * a2, m2 * (1.0 - a3) - m1 * a2, m0 + (m1 * a2 + m2 * a3));
        *self = Self { d1, d2, d3, c1, c2, c0, ..*self };
    }

    /// One frame of both channels.
    #[inline(always)]
    fn tick(&mut self, x: [f64; 2]) -> [f64; 2] {
        let mut y = [0.0; 2];
        for c in 0..2 {
            let u = x[c] - self.s2[c];
            y[c] = self.c1 * self.s1[c] + (self.c2 * self.s2[c] + self.c0 * x[c]);
            let s1 = self.d1 * self.s1[c] + self.d2 * u;
            self.s2[c] += self.d2 * self.s1[c] + self.d3 * u;
            self.s1[c] = s1;
        }
        y
    }
}

#[cfg(test)]
mod tests;
