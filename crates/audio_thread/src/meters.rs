//! Finer meters than the status has, for a page that asks for them: loudness, true peak, correlation, gain reduction.

use dsp::meter::level::Levels;
use dsp::meter::loudness::Loudness;
use dsp::meter::true_peak::TruePeak;
use engine::plan::DEVICES_MAX;
use engine::processor::SPECTRUM_LEVELS;
use engine::{PlanView, Processor};

/// Blocks between two looks at what takes longer: integrated loudness and its range.
const BLOCKS_BETWEEN: u32 = 64;
/// Blocks between two spectra: 21 ms at 48 kHz.
const BLOCKS_BETWEEN_SPECTRA: u32 = 8;

/// What the page is told. JavaScript reads it in place, so its layout is fixed: 64 bytes, then the reductions.
#[repr(C)]
#[derive(Clone, Debug, PartialEq)]
pub struct Meters {
    /// Devices of the plan in force.
    pub devices: u32,
    /// How many of them are silent because they made no numbers.
    pub failed: u32,
    /// The true peak of this block, left and right: factors.
    pub true_peak: [f32; 2],
    /// RMS of the last 300 ms, left and right: factors.
    pub rms: [f32; 2],
    /// -1 to 1.
    pub correlation: f32,
    /// LUFS of the last 400 ms.
    pub momentary: f32,
    /// LUFS of the last 3 s.
    pub short_term: f32,
    /// LUFS since playing began.
    pub integrated: f32,
    /// The range in LU since playing began.
    pub range: f32,
    /// Which device of the plan in force the spectrum is behind, counted from 1; 0 while none is listened to.
    pub listens_to: u32,
    /// Zeros.
    pub reserved: [u32; 4],
    /// By how many dB each device lowered the signal most in this block, in the order of the plan.
    /// Infinite for one that is silent because it made no numbers.
    pub reductions: [f32; DEVICES_MAX],
    /// The spectrum behind the device that is listened to, in dB, from 0 to half the rate.
    pub spectrum: [f32; SPECTRUM_LEVELS],
}

/// The meters of what is heard, the metronome included.
#[derive(Debug)]
pub(crate) struct Measuring {
    pub(crate) meters: Meters,
    levels: Levels,
    loudness: Loudness,
    true_peak: TruePeak,
    blocks: u32,
}

impl Measuring {
    pub(crate) fn new(rate: u32) -> Self {
        Self {
            meters: Meters {
                devices: 0,
                failed: 0,
                true_peak: [0.0; 2],
                rms: [0.0; 2],
                correlation: 0.0,
                momentary: f32::NEG_INFINITY,
                short_term: f32::NEG_INFINITY,
                integrated: f32::NEG_INFINITY,
                range: 0.0,
                listens_to: 0,
                reserved: [0; 4],
                reductions: [0.0; DEVICES_MAX],
                spectrum: [dsp::meter::spectrum::FLOOR_DB; SPECTRUM_LEVELS],
            },
            levels: Levels::new(rate),
            loudness: Loudness::new(rate),
            true_peak: TruePeak::new(),
            blocks: 0,
        }
    }

    /// Playing begins, or somebody wants it so: the measures of the whole begin anew.
    pub(crate) fn begin(&mut self) {
        self.loudness.reset();
        self.blocks = 0;
    }

    pub(crate) fn hear(&mut self, left: &[f32], right: &[f32]) {
        self.levels.hear(left, right);
        self.loudness.hear(left, right);
        self.true_peak.hear(left, right);
        let meters = &mut self.meters;
        meters.true_peak = self.true_peak.take();
        meters.rms = self.levels.rms();
        meters.correlation = self.levels.correlation();
        meters.momentary = self.loudness.momentary() as f32;
        meters.short_term = self.loudness.short_term() as f32;
        if self.blocks.is_multiple_of(BLOCKS_BETWEEN) {
            meters.integrated = self.loudness.integrated() as f32;
            meters.range = self.loudness.range() as f32;
        }
        self.blocks = self.blocks.wrapping_add(1);
    }

    pub(crate) fn look(&mut self, processor: &mut Processor, plan: Option<PlanView<'_>>) {
        let count = plan.map_or(0, |plan| plan.device_count()).min(DEVICES_MAX);
        self.meters.devices = count as u32;
        self.meters.failed = (0..count).filter(|device| processor.has_failed(*device)).count() as u32;
        for (device, reduction) in self.meters.reductions[..count].iter_mut().enumerate() {
            let taken = processor.take_reduction(device);
            *reduction = if processor.has_failed(device) { f32::INFINITY } else { taken };
        }
        let listens_to = processor.listens_to().map_or(0, |device| 1 + device as u32);
        let is_another = core::mem::replace(&mut self.meters.listens_to, listens_to) != listens_to;
        if is_another || self.blocks.is_multiple_of(BLOCKS_BETWEEN_SPECTRA) {
            processor.spectrum(&mut self.meters.spectrum);
        }
    }
}
