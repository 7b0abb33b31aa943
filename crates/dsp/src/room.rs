//! A room: the early reflections of a box-shaped room, each by itself.
//!
//! The images are those of J. B. Allen, D. A. Berkley, "Image method for efficiently simulating small-room acoustics", JASA 65,
//! 1979: a source at `s` in a box of sides `L` has images at `(1 - 2·q)·s + 2·m·L` along each axis, `m` whole and `q` 0 or 1, with
//! `|m - q| + |m|` reflections there. All images of one to three reflections are heard by two ears, as late as they are farther
//! away than the source itself (to the nearest frame), and as much quieter: `(distance of the source / distance of the
//! image)·ρ^reflections`, `ρ = √(1 - absorption)`. Behind that, the walls' highs fall off with one pole.
//!
//! A new size or absorption is crossfaded within a glide; what comes meanwhile waits for its end, the latest winning.

use crate::delay::one_pole;
use crate::device::controls::{SEGMENT, STRIDE, glide_frames};
use crate::device::line::Line;
use crate::device::parameter::settings;
use crate::device::{Block, Controls, Device, Parameter, RATE_MAX, RATE_MIN, SILENCE, Unit};
use crate::ring::Ring;

/// The most reflections of a sound that is heard.
const ORDER_MAX: i32 = 3;
/// How many images have one to three reflections.
pub const IMAGES: usize = 62;
/// The sides of a room of size 1: length, width, height.
const SIDES: [f64; 3] = [1.0, 0.79, 0.47];
/// Where the source is, as shares of the sides.
const SOURCE: [f64; 3] = [0.31, 0.58, 0.43];
/// Where the middle between the ears is, as shares of the sides.
const LISTENER: [f64; 3] = [0.67, 0.47, 0.51];
/// How far each ear is from the middle, in metres, across the room.
const EAR: f64 = 0.12;
/// Metres a second: the speed of sound at 20 °C.
const SPEED_OF_SOUND: f64 = 343.2;
/// The largest size in metres.
pub const SIZE_MAX: f32 = 40.0;
/// The longest pre-delay in ms.
pub const PRE_DELAY_MS_MAX: f32 = 200.0;

settings! {
    /// Length of the room in metres; its width is 0.79 and its height 0.47 of that.
    size: Parameter::logarithmic("size", "Size", Unit::Metres, (2.0, SIZE_MAX), 8.0),
    /// How much of a sound's power a wall takes, in hundredths.
    absorption: Parameter::linear("absorption", "Absorption", Unit::Percent, (5.0, 95.0), 30.0),
    /// Time in ms before it begins.
    pre_delay: Parameter::linear("preDelay", "Pre-delay", Unit::Milliseconds, (0.0, PRE_DELAY_MS_MAX), 0.0),
    /// Corner in Hz above which reflections lose, 6 dB per octave; the largest value is off.
    high_cut: Parameter::logarithmic("highCut", "High cut", Unit::Hertz, (500.0, 20_000.0), 8_000.0),
    /// 0 mono, 100 as wide as it is; in hundredths.
    width: Parameter::linear("width", "Width", Unit::Percent, (0.0, 100.0), 100.0),
    /// How much of it is heard, the rest being the input: in hundredths.
    mix: Parameter::linear("mix", "Mix", Unit::Percent, (0.0, 100.0), 30.0),
}

impl Settings {
    /// High cut, width, mix.
    fn line(&self, rate: f64) -> [f64; 3] {
        let high = if self.high_cut >= 20_000.0 { 1.0 } else { one_pole(self.high_cut, rate) };
        [high, f64::from(self.width) / 100.0, f64::from(self.mix) / 100.0]
    }
}

/// One reflection at one ear.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reflection {
    /// How many frames later than the source itself.
    pub frames: u32,
    /// How loud beside the source itself.
    pub factor: f32,
}

/// All reflections at the left and the right ear.
pub type Reflections = [[Reflection; IMAGES]; 2];

/// The reflections of a room of a size in metres, with an absorption in hundredths; in the order of images, not of time.
#[must_use]
pub fn reflections(size: f32, absorption: f32, rate: u32) -> Reflections {
    let sides = SIDES.map(|side| side * f64::from(size));
    let wall = (1.0 - f64::from(absorption) / 100.0).sqrt();
    [-EAR, EAR].map(|ear| {
        let mut heard = [Reflection::default(); IMAGES];
        let listener: [f64; 3] = core::array::from_fn(|a| LISTENER[a] * sides[a] + if a == 1 { ear } else { 0.0 });
        let direct = distance(core::array::from_fn(|a| SOURCE[a] * sides[a]), listener);
        let mut places = heard.iter_mut();
        for_each_image(|image, order| {
            let at = core::array::from_fn(|a| (image[a].0 * SOURCE[a] + image[a].1) * sides[a]);
            let far = distance(at, listener);
            if let Some(place) = places.next() {
                let frames = (far - direct) / SPEED_OF_SOUND * f64::from(rate);
                let walls = (0..order).fold(1.0, |product, _| product * wall);
                *place = Reflection {
                    frames: frames.round_ties_even().max(1.0) as u32,
                    factor: (direct / far * walls) as f32,
                };
            }
        });
        heard
    })
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    let d: [f64; 3] = core::array::from_fn(|i| a[i] - b[i]);
    (d[0] * d[0] + (d[1] * d[1] + d[2] * d[2])).sqrt()
}

/// All images but the source: along each axis the source's factor and what is added, in sides; and the reflections.
fn for_each_image(mut see: impl FnMut([(f64, f64); 3], i32)) {
    // 2·m + q numbers the images along an axis; its magnitude is not the number of reflections, `|m - q| + |m|` is.
    let axis = |n: i32| {
        let (m, q) = (n.div_euclid(2), n.rem_euclid(2));
        ((f64::from(1 - 2 * q), f64::from(2 * m)), (m - q).abs() + m.abs())
    };
    for x in -7..=7 {
        for y in -7..=7 {
            for z in -7..=7 {
                let ((x, nx), (y, ny), (z, nz)) = (axis(x), axis(y), axis(z));
                let order = nx + ny + nz;
                if (1..=ORDER_MAX).contains(&order) {
                    see([x, y, z], order);
                }
            }
        }
    }
}

/// The room.
#[derive(Clone, Debug)]
pub struct Room {
    controls: Controls,
    rate: u32,
    line: Line<3>,
    past: [Ring; 2],
    shape: Shape,
    reflections: Reflections,
    /// What was before, while it is crossfaded, and the frames since that began.
    before: Option<(Reflections, u32, u32)>,
    high: [f32; 2],
}

/// What the reflections depend on: size, absorption, pre-delay.
type Shape = [f32; 3];

impl Room {
    /// At a sample rate in Hz.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let rate = rate.clamp(RATE_MIN, RATE_MAX);
        let all = reflections(SIZE_MAX, 50.0, rate);
        let longest =
            all.as_flattened().iter().map(|r| r.frames).max().unwrap_or(0) + pre_delay(PRE_DELAY_MS_MAX, rate);
        let past = Ring::new(longest as usize + SEGMENT);
        let settings = Settings::default();
        Self {
            controls: Controls::new(PARAMETERS),
            rate,
            line: Line::still(settings.line(f64::from(rate))),
            past: [past.clone(), past],
            shape: [settings.size, settings.absorption, settings.pre_delay],
            reflections: reflections(settings.size, settings.absorption, rate),
            before: None,
            high: [0.0; 2],
        }
    }

    fn wanted(&self) -> Shape {
        core::array::from_fn(|parameter| self.controls.target(parameter))
    }

    fn made(&self, [size, absorption, pre]: Shape) -> Reflections {
        let pre = pre_delay(pre, self.rate);
        reflections(size, absorption, self.rate).map(|ear| ear.map(|r| Reflection { frames: r.frames + pre, ..r }))
    }

    fn work(&mut self, part: &mut Block<'_>) {
        let frames = part.len();
        let mut rows = [[0.0f32; SEGMENT]; 3];
        for (k, row) in rows.iter_mut().enumerate() {
            self.line.write(k, &mut row[..frames]);
        }
        self.line.skip(frames);
        let mut wet = [[0.0f32; SEGMENT]; 2];
        for (channel, samples) in [&*part.left, &*part.right].into_iter().enumerate() {
            self.past[channel].write(samples);
            self.hear(channel, &mut wet[channel][..frames]);
            let high = &mut self.high[channel];
            for (x, g) in wet[channel].iter_mut().zip(&rows[0]).take(frames) {
                let v = (*x - *high) * *g;
                *x = v + *high;
                *high = *x + v;
                *high = if f64::from(high.abs()) < SILENCE { 0.0 } else { *high };
            }
        }
        if let Some((_, elapsed, _)) = &mut self.before {
            *elapsed += frames as u32;
        }
        let [_, width, mix] = &rows;
        for n in 0..frames {
            let (middle, side) = (0.5 * (wet[0][n] + wet[1][n]), 0.5 * (wet[0][n] - wet[1][n]) * width[n]);
            part.left[n] += (middle + side - part.left[n]) * mix[n];
            part.right[n] += (middle - side - part.right[n]) * mix[n];
        }
    }

    /// The sum of all reflections at an ear, in their order.
    fn hear(&self, channel: usize, wet: &mut [f32]) {
        let past = &self.past[channel];
        sum(past, &self.reflections[channel], wet);
        if let Some((before, elapsed, length)) = &self.before {
            let mut old = [0.0f32; SEGMENT];
            sum(past, &before[channel], &mut old[..wet.len()]);
            let step = 1.0 / *length as f32;
            for (n, (x, old)) in wet.iter_mut().zip(&old).enumerate() {
                let weight = (*elapsed + n as u32 + 1) as i32 as f32 * step;
                *x = *old + (*x - *old) * if weight < 1.0 { weight } else { 1.0 };
            }
        }
    }
}

fn pre_delay(ms: f32, rate: u32) -> u32 {
    (f64::from(ms) * f64::from(rate) / 1_000.0).round_ties_even() as u32
}

fn sum(past: &Ring, reflections: &[Reflection; IMAGES], wet: &mut [f32]) {
    for reflection in reflections {
        past.add(reflection.frames as usize + wet.len(), reflection.factor, wet);
    }
}

impl Device for Room {
    fn controls(&self) -> &Controls {
        &self.controls
    }

    fn controls_mut(&mut self) -> &mut Controls {
        &mut self.controls
    }

    fn run(&mut self, mut block: Block<'_>) {
        let mut done = 0;
        while done < block.len() {
            if self.before.is_some_and(|(_, elapsed, length)| elapsed >= length) {
                self.before = None;
            }
            let wanted = self.wanted();
            if self.controls.is_fresh() && wanted != self.shape {
                self.clear();
            }
            if self.before.is_none() && wanted != self.shape {
                self.before = Some((self.reflections, 0, glide_frames(self.rate)));
                (self.shape, self.reflections) = (wanted, self.made(wanted));
            }
            let until = self.before.map_or(SEGMENT, |(_, elapsed, length)| (length - elapsed) as usize);
            let step = self.controls.step((block.len() - done).min(until));
            let rate = f64::from(self.rate);
            if step.jump {
                self.line.jump(Settings::from_values(self.controls.now(step)).line(rate));
            }
            if step.aim {
                self.line.aim(Settings::from_values(self.controls.soon(step)).line(rate), STRIDE);
            }
            self.work(&mut block.part(done, step.frames));
            done += step.frames;
        }
    }

    fn clear(&mut self) {
        self.past.iter_mut().for_each(Ring::clear);
        self.shape = self.wanted();
        self.reflections = self.made(self.shape);
        (self.before, self.high) = (None, [0.0; 2]);
    }

    /// The last reflection, and what the filter adds.
    fn tail(&self) -> u32 {
        let all = self.made(self.wanted());
        all.as_flattened().iter().map(|r| r.frames).max().unwrap_or(0) + self.rate / 100
    }
}

#[cfg(test)]
mod tests;
