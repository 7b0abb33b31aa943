//! Stereo sound under construction: notes are placed into it, effects run over it.

/// Stereo sound at one rate. A loop wraps: what rings past its end comes in again at its start, so that it repeats
/// without a seam.
pub(super) struct Sound {
    /// Hz.
    pub(super) rate: u32,
    /// Left samples, full scale ±1.
    pub(super) left: Vec<f32>,
    /// Right samples, as many.
    pub(super) right: Vec<f32>,
    wraps: bool,
}

impl Sound {
    /// Silence of `seconds` that repeats without a seam.
    pub(super) fn looped(rate: u32, seconds: f64) -> Sound {
        Sound::silence(rate, seconds, true)
    }

    /// Silence of `seconds` that is heard once; what reaches past its end is lost.
    pub(super) fn once(rate: u32, seconds: f64) -> Sound {
        Sound::silence(rate, seconds, false)
    }

    fn silence(rate: u32, seconds: f64, wraps: bool) -> Sound {
        let frames = libm::round(seconds * f64::from(rate)) as usize;
        Sound { rate, left: vec![0.0; frames], right: vec![0.0; frames], wraps }
    }

    /// Adds a mono note that begins at `seconds` with the linear factor `gain`; `pan` is -1..1 with a sine law
    /// (-3 dB in the centre).
    pub(super) fn place(&mut self, seconds: f64, note: &[f32], gain: f64, pan: f64) {
        let angle = (pan.clamp(-1.0, 1.0) + 1.0) * std::f64::consts::FRAC_PI_4;
        let (l, r) = ((libm::cos(angle) * gain) as f32, (libm::sin(angle) * gain) as f32);
        self.add(seconds, note.iter().map(|&x| (x * l, x * r)));
    }

    /// Adds stereo frames from `seconds` on.
    pub(super) fn add(&mut self, seconds: f64, frames: impl Iterator<Item = (f32, f32)>) {
        let length = self.left.len();
        let start = libm::round(seconds * f64::from(self.rate)) as i64;
        let start = if self.wraps { start.rem_euclid(length as i64) } else { start.max(0) } as usize;
        for (index, (l, r)) in frames.enumerate() {
            let mut at = start + index;
            if at >= length {
                if !self.wraps {
                    break;
                }
                at %= length;
            }
            self.left[at] += l;
            self.right[at] += r;
        }
    }

    /// Runs an effect over every frame. Over a loop it runs twice and the second pass is kept: by then the tails of the
    /// end sound at the start.
    pub(super) fn process(mut self, mut effect: impl FnMut(f32, f32) -> (f32, f32)) -> Sound {
        if self.wraps {
            for (&l, &r) in self.left.iter().zip(&self.right) {
                effect(l, r);
            }
        }
        for (l, r) in self.left.iter_mut().zip(&mut self.right) {
            (*l, *r) = effect(*l, *r);
        }
        self
    }

    /// Scales the sound so that its highest sample is at `peak_db` dBFS.
    pub(super) fn normalised(mut self, peak_db: f64) -> Sound {
        let peak = self.left.iter().chain(&self.right).fold(0.0_f32, |peak, x| peak.max(x.abs()));
        if peak > 0.0 {
            let factor = (decibels(peak_db) / f64::from(peak)) as f32;
            self.left.iter_mut().chain(&mut self.right).for_each(|x| *x *= factor);
        }
        self
    }

    /// Fades the last `seconds` out along a raised cosine.
    pub(super) fn faded_out(mut self, seconds: f64) -> Sound {
        let length = self.left.len();
        let fade = (libm::round(seconds * f64::from(self.rate)) as usize).min(length);
        for index in 0..fade {
            let factor = (0.5 - 0.5 * libm::cos(std::f64::consts::PI * index as f64 / fade as f64)) as f32;
            self.left[length - 1 - index] *= factor;
            self.right[length - 1 - index] *= factor;
        }
        self
    }
}

/// The linear factor of `db` decibels.
pub(crate) fn decibels(db: f64) -> f64 {
    libm::pow(10.0, db / 20.0)
}

/// The frequency in Hz of a MIDI note number, A4 = 69 = 440 Hz.
pub(super) fn pitch(note: f64) -> f64 {
    440.0 * libm::exp2((note - 69.0) / 12.0)
}

/// Seeded noise: SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
pub(super) struct Noise(u64);

impl Noise {
    pub(super) fn new(seed: u64) -> Noise {
        Noise(seed)
    }

    /// Uniform in -1..1.
    pub(super) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}
