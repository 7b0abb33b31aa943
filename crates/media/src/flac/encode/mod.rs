//! One FLAC frame, encoded: stereo decorrelation, the choice of a predictor, subframes (RFC 9639, section 9).

mod bits;
mod lpc;
mod residual;
mod rice;

use self::bits::BitWriter;
use self::lpc::{Analysis, Quantised};
use self::residual::FIXED_ORDER_MAX;
use self::rice::Partitions;
use super::crc::{crc8, crc16};

/// Frames of sound in each block but the last.
pub(crate) const BLOCK_FRAMES: usize = 4_096;

/// Bits of a predictor's coefficients: with 12 the sums over samples of 16 bits fit 32 bits.
fn precision(bits: u32) -> u32 {
    if bits <= 17 { 12 } else { 14 }
}

/// Encodes frames.
#[derive(Debug)]
pub(crate) struct FrameEncoder {
    sample_rate: u32,
    /// Bits of a sample, 16 or 24.
    bits: u32,
    analysis: Analysis,
    out: BitWriter,
    side: Vec<i32>,
    mid: Vec<i32>,
    shifted: Vec<i32>,
    /// What a linear predictor leaves.
    folded: Vec<u32>,
    partitions: Partitions,
    /// What a fixed one leaves.
    fixed_folded: Vec<u32>,
    fixed_partitions: Partitions,
}

/// A fixed predictor is tried when its estimate, times this, is below what the linear one takes: partitions may do better than estimated.
const WORTH_A_TRY: f64 = 0.9;

/// How two channels are stored: the header's code, and which of left, right, mid and side they are.
const STEREO_MODES: [(u32, [usize; 2]); 4] = [(1, [0, 1]), (8, [0, 3]), (9, [3, 1]), (10, [2, 3])];

impl FrameEncoder {
    /// For samples of `bits` bits, 16 or 24.
    pub(crate) fn new(sample_rate: u32, bits: u32) -> Self {
        Self {
            sample_rate,
            bits,
            analysis: Analysis::new(BLOCK_FRAMES),
            out: BitWriter::default(),
            side: Vec::new(),
            mid: Vec::new(),
            shifted: Vec::new(),
            folded: Vec::new(),
            partitions: Partitions::default(),
            fixed_folded: Vec::new(),
            fixed_partitions: Partitions::default(),
        }
    }

    /// The bytes of frame `number`: 1 to [`BLOCK_FRAMES`] frames of sound, one slice of equal length per channel (1 to 8).
    pub(crate) fn encode(&mut self, number: u64, planes: &[&[i32]]) -> &[u8] {
        let frames = planes[0].len();
        if self.analysis.frames() != frames {
            self.analysis = Analysis::new(frames);
        }
        self.out.clear();
        match planes {
            [left, right] => self.stereo(number, left, right),
            _ => {
                self.header(number, frames, planes.len() as u32 - 1);
                planes.iter().for_each(|plane| self.subframe(plane, self.bits));
            }
        }
        self.out.align();
        let crc = crc16(self.out.aligned());
        self.out.put(u32::from(crc), 16);
        self.out.aligned()
    }

    fn stereo(&mut self, number: u64, left: &[i32], right: &[i32]) {
        let efforts = residual::stereo_effort(left, right).map(|effort| cost(left.len(), effort));
        let (code, channels) = STEREO_MODES
            .into_iter()
            .min_by(|(_, [a, b]), (_, [c, d])| (efforts[*a] + efforts[*b]).total_cmp(&(efforts[*c] + efforts[*d])))
            .unwrap_or(STEREO_MODES[0]);
        self.header(number, left.len(), code);
        let (mut side, mut mid) = (std::mem::take(&mut self.side), std::mem::take(&mut self.mid));
        for (channel, extra) in channels.into_iter().zip(channels.map(|channel| u32::from(channel == 3))) {
            let samples = match channel {
                0 => left,
                1 => right,
                2 => fill(&mut mid, left.iter().zip(right).map(|(l, r)| (l + r) >> 1)),
                _ => fill(&mut side, left.iter().zip(right).map(|(l, r)| l - r)),
            };
            self.subframe(samples, self.bits + extra);
        }
        (self.side, self.mid) = (side, mid);
    }

    fn header(&mut self, number: u64, frames: usize, channel_code: u32) {
        let usual = frames == BLOCK_FRAMES;
        self.out.put(0xFFF8, 16);
        self.out.put(if usual { 12 } else { 7 }, 4);
        self.out.put(rate_code(self.sample_rate), 4);
        self.out.put(channel_code, 4);
        self.out.put(if self.bits == 16 { 4 } else { 6 }, 3);
        self.out.put(0, 1);
        coded_number(number, &mut self.out);
        if !usual {
            self.out.put(frames as u32 - 1, 16);
        }
        let crc = crc8(self.out.aligned());
        self.out.put(u32::from(crc), 8);
    }

    fn subframe(&mut self, samples: &[i32], bits: u32) {
        if samples.iter().all(|sample| *sample == samples[0]) {
            self.out.put(0, 8);
            self.out.put_signed(samples[0], bits);
            return;
        }
        // Bits that are zero in every sample, as in 16-bit sound stored with 24.
        let wasted = samples.iter().fold(0, |all, sample| all | sample).trailing_zeros();
        if wasted == 0 {
            return self.predicted(samples, bits, 0);
        }
        let mut shifted = std::mem::take(&mut self.shifted);
        self.predicted(fill(&mut shifted, samples.iter().map(|sample| sample >> wasted)), bits - wasted, wasted);
        self.shifted = shifted;
    }

    fn predicted(&mut self, samples: &[i32], bits: u32, wasted: u32) {
        let start = self.out.position();
        let efforts = residual::fixed_effort(samples);
        let order = (0..=FIXED_ORDER_MAX.min(samples.len() - 1)).min_by_key(|order| efforts[*order]).unwrap_or(0);
        let linear = self.analysis.predictor(samples, bits, precision(bits));
        match linear.filter(|linear| self.linear_may_do(samples, bits, linear)) {
            Some(linear) if self.linear_is_better(samples, bits, &linear, order, efforts[order]) => {
                self.write_linear(samples, bits, wasted, &linear);
            }
            Some(_) => self.write_fixed(samples, bits, wasted, order),
            None => {
                self.try_fixed(samples, order);
                self.write_fixed(samples, bits, wasted, order);
            }
        }
        let verbatim = 8 + wasted as usize + samples.len() * bits as usize;
        if self.out.position() - start > verbatim {
            self.out.truncate(start);
            self.kind(1, wasted);
            samples.iter().for_each(|sample| self.out.put_signed(*sample, bits));
        }
    }

    /// Leaves a predictor's residual and its partitions in `folded` and `partitions`; `false` when they do not fit.
    fn linear_may_do(&mut self, samples: &[i32], bits: u32, linear: &Quantised) -> bool {
        let fits = residual::linear(linear, bits, samples, &mut self.folded);
        if fits {
            self.partitions.choose(samples.len(), linear.order, &self.folded);
        }
        fits
    }

    /// Leaves the residual of a fixed predictor and its partitions in `fixed_folded` and `fixed_partitions`.
    fn try_fixed(&mut self, samples: &[i32], order: usize) {
        residual::fixed(order, samples, &mut self.fixed_folded);
        self.fixed_partitions.choose(samples.len(), order, &self.fixed_folded);
    }

    /// Whether the linear predictor that was tried takes fewer bits than the fixed one of an order, which is tried unless its estimate is
    /// hopeless.
    fn linear_is_better(&mut self, samples: &[i32], bits: u32, linear: &Quantised, order: usize, effort: u64) -> bool {
        let linear_bits = self.partitions.bits + linear.order as u64 * u64::from(precision(bits) + bits) + 9;
        let warm_up = order as u64 * u64::from(bits);
        if cost(samples.len(), effort) * WORTH_A_TRY + warm_up as f64 > linear_bits as f64 {
            return true;
        }
        self.try_fixed(samples, order);
        linear_bits < self.fixed_partitions.bits + warm_up
    }

    fn write_linear(&mut self, samples: &[i32], bits: u32, wasted: u32, linear: &Quantised) {
        self.kind(32 | (linear.order as u32 - 1), wasted);
        samples[..linear.order].iter().for_each(|sample| self.out.put_signed(*sample, bits));
        self.out.put(precision(bits) - 1, 4);
        self.out.put(linear.shift, 5);
        for coefficient in &linear.coefficients[..linear.order] {
            self.out.put_signed(*coefficient, precision(bits));
        }
        self.partitions.write(&mut self.out, samples.len(), linear.order, &self.folded);
    }

    fn write_fixed(&mut self, samples: &[i32], bits: u32, wasted: u32, order: usize) {
        self.kind(8 | order as u32, wasted);
        samples[..order].iter().for_each(|sample| self.out.put_signed(*sample, bits));
        self.fixed_partitions.write(&mut self.out, samples.len(), order, &self.fixed_folded);
    }

    fn kind(&mut self, kind: u32, wasted: u32) {
        self.out.put(kind << 1 | u32::from(wasted > 0), 8);
        if wasted > 0 {
            self.out.put_unary(wasted - 1);
        }
    }
}

fn fill(into: &mut Vec<i32>, samples: impl Iterator<Item = i32>) -> &[i32] {
    into.clear();
    into.extend(samples);
    into
}

/// Bits that a residual takes whose magnitudes add up to `effort`: the entropy of Laplace's distribution.
fn cost(frames: usize, effort: u64) -> f64 {
    let frames = frames as f64;
    let mean = effort as f64 / frames;
    frames * libm::log2(2.0 * std::f64::consts::E * mean + 1.0).max(1.0)
}

/// A rate that frames can name; 0 says "that of the stream".
fn rate_code(sample_rate: u32) -> u32 {
    const RATES: [u32; 11] = [88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000];
    RATES.iter().position(|rate| *rate == sample_rate).map_or(0, |at| at as u32 + 1)
}

/// A frame's number, coded like UTF-8 but up to 36 bits long.
fn coded_number(number: u64, out: &mut BitWriter) {
    if number < 0x80 {
        return out.put(number as u32, 8);
    }
    let more = (1..=6u32).find(|more| number < 1 << (5 * more + 6)).unwrap_or(6);
    let lead = 0xFFu32 << (7 - more) & 0xFF;
    out.put(if more == 6 { 0xFE } else { lead | (number >> (6 * more)) as u32 }, 8);
    (0..more).rev().for_each(|at| out.put(0x80 | (number >> (6 * at)) as u32 & 0x3F, 8));
}
