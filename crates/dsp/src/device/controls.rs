//! Parameters on their way, counted in frames, and the guard at a device's door.

use super::{Block, Curve, Parameter};

/// Milliseconds that a parameter takes when somebody turns its knob.
pub const GLIDE_MS: u32 = 20;
/// Frames between two computations of what depends on moving parameters; in between, that moves in straight lines.
pub const STRIDE: u32 = 16;
/// The most frames that a device works on at once; at the multiples of it since the last reset, feedback paths are looked at
/// for silence.
pub const SEGMENT: usize = 64;
/// Samples of a larger magnitude (+160 dB) are no sound: they are played as silence and counted.
pub const INPUT_MAX: f32 = 1e8;

/// The frames of [`GLIDE_MS`] at a sample rate.
#[must_use]
pub fn glide_frames(rate: u32) -> u32 {
    rate.saturating_mul(GLIDE_MS) / 1_000
}

/// The frames in which what dies away with a time constant in milliseconds has done so: ten of them leave a 22,000th, of 60 dB less than
/// a hundredth.
pub(crate) fn settled_frames(time_constant_ms: f32, rate: u32) -> u32 {
    (10.0 * f64::from(time_constant_ms) * f64::from(rate) / 1_000.0) as u32
}

/// How many samples were no sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Samples of the input that were no numbers, or beyond [`INPUT_MAX`].
    pub input: u32,
    /// Samples of the output that were no numbers: the device has been reset at each block that had some.
    pub output: u32,
}

/// A device's parameters: where they are, where they go, and the frames counted.
#[derive(Clone, Debug)]
pub struct Controls {
    table: &'static [Parameter],
    ways: Vec<Way>,
    values: Vec<f32>,
    clock: u64,
    /// When the last of the ways ends.
    still_from: u64,
    /// When what depends on the parameters is to be computed again, while they move.
    stride_end: u64,
    jump: bool,
    aim: bool,
    faults: Faults,
}

/// One parameter on its way, in its knob's scale: the logarithm's if that is logarithmic.
#[derive(Clone, Copy, Debug)]
struct Way {
    from: f64,
    to: f64,
    target: f32,
    began: u64,
    length: u32,
}

/// What a device does next: so many frames at once, and before that perhaps compute anew.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) frames: usize,
    /// Be at the parameters' present values.
    pub(crate) jump: bool,
    /// Go to their values a stride from now.
    pub(crate) aim: bool,
    /// Afterwards, look for silence.
    pub(crate) snap: bool,
    now: u64,
}

impl Controls {
    /// All parameters at their defaults.
    #[must_use]
    pub fn new(table: &'static [Parameter]) -> Self {
        let values: Vec<f32> = table.iter().map(|parameter| parameter.default).collect();
        let ways = table.iter().map(|parameter| Way::still(parameter.default)).collect();
        let (clock, still_from, stride_end) = (0, 0, 0);
        Self { table, ways, values, clock, still_from, stride_end, jump: true, aim: false, faults: Faults::default() }
    }

    /// The parameters, in the order of their indices.
    #[must_use]
    pub fn table(&self) -> &'static [Parameter] {
        self.table
    }

    /// See [`super::Device::set`].
    pub fn set(&mut self, index: usize, value: f32, over: u32) {
        let (Some(parameter), Some(way)) = (self.table.get(index), self.ways.get_mut(index)) else { return };
        let Some(target) = parameter.accept(value) else { return };
        if over == 0 || !parameter.glides() {
            *way = Way::still(target);
            self.jump |= over == 0;
        } else if target.to_bits() != way.target.to_bits() {
            let scale = |value: f32| match parameter.curve {
                Curve::Logarithmic => libm::log2(f64::from(value)),
                _ => f64::from(value),
            };
            let from = scale(way.value(parameter, self.clock));
            *way = Way { from, to: scale(target), target, began: self.clock, length: over };
            self.still_from = self.still_from.max(self.clock + u64::from(over));
        } else {
            return;
        }
        self.aim = true;
    }

    /// Where a parameter is going; 0 when there is no such parameter.
    #[must_use]
    pub fn target(&self, index: usize) -> f32 {
        self.ways.get(index).map_or(0.0, |way| way.target)
    }

    /// The samples that were no sound since the last reset.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.faults
    }

    /// How to begin on the `wanted` frames that are left of a block, at least one. Counts the step's frames as processed.
    pub(crate) fn step(&mut self, wanted: usize) -> Step {
        let now = self.clock;
        let moving = now < self.still_from;
        let aim = self.aim || (moving && now >= self.stride_end);
        if aim {
            self.stride_end = now + u64::from(STRIDE);
        }
        let grid = SEGMENT as u64 - now % SEGMENT as u64;
        let until_stride = if now < self.stride_end { self.stride_end - now } else { grid };
        let frames = (wanted as u64).min(grid).min(until_stride);
        let jump = self.jump;
        (self.jump, self.aim) = (false, false);
        self.clock = now + frames;
        Step { frames: frames as usize, jump, aim, snap: self.clock.is_multiple_of(SEGMENT as u64), now }
    }

    /// Whether nothing has been processed since the device was made or reset: what is set then is so from the start.
    pub(crate) fn is_fresh(&self) -> bool {
        self.clock == 0
    }

    /// The parameters' values at the first frame of a step.
    pub(crate) fn now(&mut self, step: Step) -> &[f32] {
        self.values_at(step.now)
    }

    /// The parameters' values one stride later.
    pub(crate) fn soon(&mut self, step: Step) -> &[f32] {
        self.values_at(step.now + u64::from(STRIDE))
    }

    /// Asks for a computation before the next frame, as if a parameter had been set.
    pub(crate) fn touch(&mut self, over: u32) {
        self.jump |= over == 0;
        self.aim = true;
    }

    /// Silences what is no sound, in the block itself, and counts it.
    pub(crate) fn admit(&mut self, block: &mut Block<'_>) {
        let bad = admit(block.left) + admit(block.right);
        self.faults.input = self.faults.input.saturating_add(bad);
    }

    pub(crate) fn lost(&mut self, samples: usize) {
        self.faults.output = self.faults.output.saturating_add(samples as u32);
    }

    /// All parameters arrive; the clock begins anew.
    pub(crate) fn settle(&mut self) {
        for way in &mut self.ways {
            *way = Way::still(way.target);
        }
        (self.clock, self.still_from, self.stride_end) = (0, 0, 0);
        (self.jump, self.aim) = (true, false);
        self.faults = Faults::default();
    }

    fn values_at(&mut self, clock: u64) -> &[f32] {
        for ((value, way), parameter) in self.values.iter_mut().zip(&self.ways).zip(self.table) {
            *value = way.value(parameter, clock);
        }
        &self.values
    }
}

impl Way {
    fn still(target: f32) -> Self {
        Self { from: 0.0, to: 0.0, target, began: 0, length: 0 }
    }

    fn value(&self, parameter: &Parameter, now: u64) -> f32 {
        let elapsed = now.saturating_sub(self.began);
        if elapsed >= u64::from(self.length) {
            return self.target;
        }
        let value = self.from + (self.to - self.from) * (elapsed as f64 / f64::from(self.length));
        match parameter.curve {
            Curve::Logarithmic => libm::exp2(value) as f32,
            _ => value as f32,
        }
    }
}

/// Whether a sample is a number within bounds.
#[inline]
pub(crate) fn is_sound(x: f32) -> bool {
    x.abs() <= INPUT_MAX
}

/// A sample that is listened to, or silence if it is no sound.
#[inline]
pub(crate) fn heard(x: f32) -> f32 {
    if is_sound(x) { x } else { 0.0 }
}

fn admit(samples: &mut [f32]) -> u32 {
    // One pass that only looks is all that is needed nearly always.
    if samples.iter().fold(true, |sound, x| sound & is_sound(*x)) {
        return 0;
    }
    let mut bad = 0;
    for x in samples.iter_mut().filter(|x| !is_sound(**x)) {
        *x = 0.0;
        bad += 1;
    }
    bad
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Unit;

    const TABLE: &[Parameter] = &[
        Parameter::linear("gain", "Gain", Unit::Decibels, (-24.0, 24.0), 0.0),
        Parameter::logarithmic("freq", "Frequency", Unit::Hertz, (20.0, 20_000.0), 100.0),
        Parameter::choice("kind", "Kind", &["a", "b", "c"], 0),
    ];

    fn values(controls: &mut Controls, frames: usize) -> Vec<f32> {
        let clock = controls.clock;
        (0..frames as u64).map(|n| controls.values_at(clock + n)[0]).collect()
    }

    #[test]
    fn en18_a_knob_glides_in_a_straight_line_from_where_it_is() {
        let mut controls = Controls::new(TABLE);
        controls.set(0, 8.0, 4);
        assert_eq!(values(&mut controls, 6), [0.0, 2.0, 4.0, 6.0, 8.0, 8.0]);
        controls.step(2);
        controls.set(0, 0.0, 2);
        assert_eq!(values(&mut controls, 3), [4.0, 2.0, 0.0]);
        assert_eq!(controls.target(0), 0.0);
    }

    #[test]
    fn en18_frequencies_glide_by_equal_ratios_and_choices_jump() {
        let mut controls = Controls::new(TABLE);
        controls.set(1, 1_600.0, 4);
        controls.set(2, 2.0, 4);
        let way: Vec<f32> = (0..5).map(|n| controls.values_at(n)[1]).collect();
        assert!(way.iter().zip([100.0, 200.0, 400.0, 800.0, 1_600.0]).all(|(a, b)| (a / b - 1.0).abs() < 1e-6));
        assert_eq!((way[0], way[4], controls.values_at(0)[2]), (100.0, 1_600.0, 2.0));
    }

    #[test]
    fn en18_a_glide_takes_twenty_milliseconds() {
        assert_eq!([8_000, 44_100, 48_000, 384_000].map(glide_frames), [160, 882, 960, 7_680]);
    }

    #[test]
    fn en18_steps_depend_on_frames_alone() {
        let run = |pieces: &[usize]| {
            let mut controls = Controls::new(TABLE);
            controls.step(5);
            controls.set(0, 24.0, 100);
            let mut seen = Vec::new();
            for piece in pieces {
                let mut left = *piece;
                while left > 0 {
                    let step = controls.step(left);
                    if step.aim {
                        let value = controls.soon(step)[0];
                        seen.push((step.now, value.to_bits()));
                    }
                    left -= step.frames;
                }
            }
            seen
        };
        assert_eq!(run(&[300]), run(&[1; 300]));
        assert_eq!(run(&[300]), run(&[7, 93, 64, 128, 8]));
        assert_eq!(run(&[300]).len(), 7);
    }

    #[test]
    fn en19_what_is_no_sound_is_silenced_and_counted() {
        let mut left = [0.5, f32::NAN, f32::INFINITY, -0.5];
        let mut right = [1e9, 0.0, 1.0, 1e8];
        let mut controls = Controls::new(TABLE);
        controls.admit(&mut Block::new(&mut left, &mut right));
        assert_eq!((left, right), ([0.5, 0.0, 0.0, -0.5], [0.0, 0.0, 1.0, 1e8]));
        assert_eq!(controls.faults(), Faults { input: 3, output: 0 });
    }

    #[test]
    fn en18_what_is_no_parameter_or_no_number_changes_nothing() {
        let mut controls = Controls::new(TABLE);
        controls.set(9, 1.0, 0);
        controls.set(0, f32::NAN, 0);
        assert_eq!(controls.target(0), 0.0);
        assert_eq!(controls.target(9), 0.0);
    }
}
