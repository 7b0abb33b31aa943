//! Finer meters: loudness, true peak, correlation, gain reduction, a spectrum. Measured from the first Play on, before that only while
//! somebody looks; the spectrum always only while somebody does.

use std::rc::Rc;

use js_sys::{Atomics, Float32Array, Int32Array, SharedArrayBuffer};
use leptos::prelude::*;
use model::Id;
use wasm_bindgen::JsValue;

use super::worklet::{self, Worklet};
use super::{Inner, Sound};

/// Words before the devices' reductions.
const HEAD_WORDS: u32 = 16;
/// Devices that a plan has at most.
const DEVICES_MAX: u32 = 4_096;
/// Levels of a spectrum.
const SPECTRUM_WORDS: u32 = 1_025;

/// An effect, by its track (the master's have none) and its own id.
pub(crate) type EffectId = (Option<Id>, Id);

/// What the audio thread measured last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Finer {
    /// The largest since it was last read, left and right; a factor.
    pub(crate) true_peak: [f32; 2],
    /// Of the last 300 ms; a factor.
    pub(crate) rms: [f32; 2],
    pub(crate) correlation: f32,
    /// LUFS; minus infinity for silence.
    pub(crate) momentary: f32,
    pub(crate) short_term: f32,
    pub(crate) integrated: f32,
    /// LU.
    pub(crate) range: f32,
    /// The largest true peak since the song was played last, or measuring was begun anew; a factor.
    pub(crate) highest: f32,
    /// Effects that are silent because they made no numbers.
    pub(crate) failed: u32,
    /// By how many dB each device of the plan lowered most; infinite for one that failed.
    pub(super) reductions: Vec<f32>,
    /// The spectrum behind the effect that is listened to, in dB, from 0 to half the rate; empty while none is.
    pub(crate) spectrum: Vec<f32>,
    /// Which one that is.
    pub(crate) spectrum_of: Option<EffectId>,
}

/// The meters' shared memory.
pub(super) struct Shared {
    buffer: SharedArrayBuffer,
    words: Int32Array,
    floats: Float32Array,
}

impl Shared {
    fn new() -> Shared {
        let buffer = SharedArrayBuffer::new(4 * (HEAD_WORDS + DEVICES_MAX + SPECTRUM_WORDS));
        Shared { words: Int32Array::new(&buffer), floats: Float32Array::new(&buffer), buffer }
    }

    /// Takes the true peak, left and right: the largest since it was taken last.
    fn take_true_peak(&self) -> [f32; 2] {
        [self.take(2), self.take(3)]
    }

    fn take(&self, index: u32) -> f32 {
        f32::from_bits(Atomics::exchange(&self.words, index, 0).unwrap_or(0).cast_unsigned())
    }

    /// What was measured while the plan with these effects was in force.
    fn read(&self, effects: &[EffectId]) -> Finer {
        let float = |index: u32| self.floats.get_index(index);
        let devices = self.words.get_index(0).cast_unsigned().min(DEVICES_MAX);
        let spectrum = HEAD_WORDS + DEVICES_MAX;
        // Counted from 1. Another than is looked at, as long as a plan is on its way in which that one has its number.
        let listened_to = usize::try_from(self.words.get_index(11)).ok().and_then(|device| device.checked_sub(1));
        let spectrum_of = listened_to.and_then(|device| effects.get(device)).cloned();
        Finer {
            true_peak: self.take_true_peak(),
            rms: [float(4), float(5)],
            correlation: float(6),
            momentary: float(7),
            short_term: float(8),
            integrated: float(9),
            range: float(10),
            highest: 0.0,
            failed: self.words.get_index(1).cast_unsigned(),
            reductions: (0..devices).map(|device| self.take(HEAD_WORDS + device)).collect(),
            spectrum: if spectrum_of.is_some() {
                // A copy out of shared memory: a view of it cannot be read at once.
                self.floats.slice(spectrum, spectrum + SPECTRUM_WORDS).to_vec()
            } else {
                Vec::new()
            },
            spectrum_of,
        }
    }
}

/// Who looks at finer meters.
#[derive(Default)]
pub(super) struct Lookers {
    count: std::cell::Cell<u32>,
    /// Whether the song has been played: from then on its loudness is measured, whoever looks and when.
    has_played: std::cell::Cell<bool>,
    highest: std::cell::Cell<f32>,
    /// Effects whose spectrum is on the screen; the one that was looked at last comes last, and is the one that is measured.
    listens_to: std::cell::RefCell<Vec<EffectId>>,
    shared: std::cell::RefCell<Option<Shared>>,
}

impl Worklet {
    fn measure(&self, shared: Option<&Shared>, device: Option<usize>, anew: bool) {
        let meters = shared.map_or(JsValue::UNDEFINED, |shared| shared.buffer.clone().into());
        self.send("measure", [("meters", meters), ("device", worklet::device(device)), ("anew", anew.into())]);
    }
}

impl Inner {
    /// Tells the audio thread what is looked at, when it starts and after a change of that.
    pub(super) fn ask_for_meters(&self, worklet: &Worklet, anew: bool) {
        let lookers = &self.lookers;
        if anew {
            lookers.highest.set(0.0);
            // Nobody may have read what was heard last, as in a tab behind another.
            if let Some(shared) = lookers.shared.borrow().as_ref() {
                shared.take_true_peak();
            }
        }
        if !self.is_measured() {
            return worklet.measure(None, None, false);
        }
        let mut shared = lookers.shared.borrow_mut();
        worklet.measure(Some(shared.get_or_insert_with(Shared::new)), self.listens_to(), anew);
    }

    /// The device that is listened to, in the plan that was sent last, or is sent now. In the plan in force it may have another number.
    pub(super) fn listens_to(&self) -> Option<usize> {
        self.lookers.listens_to.borrow().last().and_then(|effect| self.plans.borrow().device(effect))
    }

    /// What was measured, while the plan with these effects was in force; none before the song is played while nobody looks.
    pub(super) fn finer(&self, effects: &[EffectId]) -> Option<Rc<Finer>> {
        let is_measured = self.is_measured();
        let shared = self.lookers.shared.borrow();
        let mut finer = shared.as_ref().filter(|_| is_measured)?.read(effects);
        finer.highest = finer.true_peak.into_iter().fold(self.lookers.highest.get(), f32::max);
        self.lookers.highest.set(finer.highest);
        Some(Rc::new(finer))
    }

    /// The song begins to play: what is told of it as a whole begins anew.
    pub(super) fn measure_from_here(&self, worklet: &Worklet) {
        self.lookers.has_played.set(true);
        self.ask_for_meters(worklet, true);
    }

    pub(super) fn is_measured(&self) -> bool {
        self.lookers.count.get() > 0 || self.lookers.has_played.get()
    }
}

impl Sound {
    /// Has finer meters measured until its owner goes, also of a song that has not been played.
    pub(crate) fn look_closely(self) {
        let inner = self.inner();
        inner.lookers.count.set(inner.lookers.count.get() + 1);
        self.meters_wanted(false);
        on_cleanup(move || {
            if let Some(inner) = self.inner.try_get_value() {
                inner.lookers.count.set(inner.lookers.count.get().saturating_sub(1));
                self.meters_wanted(false);
            }
        });
    }

    /// Has the spectrum behind an effect measured, too, until its owner goes; of several that of the one looked at last.
    pub(crate) fn listen_to(self, effect: EffectId) {
        self.inner().lookers.listens_to.borrow_mut().push(effect.clone());
        self.look_closely();
        on_cleanup(move || {
            if let Some(inner) = self.inner.try_get_value() {
                inner.lookers.listens_to.borrow_mut().retain(|other| *other != effect);
            }
            self.meters_wanted(false);
        });
    }

    /// One of several effects with a spectrum is looked at now.
    pub(crate) fn look_at(self, effect: &EffectId) {
        let inner = self.inner();
        let mut listens_to = inner.lookers.listens_to.borrow_mut();
        if listens_to.last() != Some(effect)
            && let Some(place) = listens_to.iter().position(|other| other == effect)
        {
            let looked_at = listens_to.remove(place);
            listens_to.push(looked_at);
            drop(listens_to);
            self.meters_wanted(false);
        }
    }

    /// Has integrated loudness and its range begin anew.
    pub(crate) fn measure_anew(self) {
        self.meters_wanted(true);
    }

    fn meters_wanted(self, anew: bool) {
        if let Some(inner) = self.inner.try_get_value()
            && let Some(worklet) = inner.worklet.borrow().as_ref()
        {
            inner.ask_for_meters(worklet, anew);
        }
    }
}
