//! What the engine knows of an effect: one trait over stereo blocks, and the list of all there are.
//!
//! A device is made off the audio thread, with all the memory it will ever need. From then on it allocates, locks and panics
//! nowhere, and what it gives depends on its input, on its parameters and on the frames at which they changed, but not on how
//! the signal was cut into blocks, nor on the machine.
//!
//! **Parameters.** Every device has a table of [`Parameter`]s. A plugin's record stores values by their ids; the engine turns
//! ids into indices once, off the audio thread, and speaks in indices after that. [`Device::set`] says what a parameter shall
//! be and how many frames it may take: 0 for automation that is exact at a frame (the engine ends its block there), the frames
//! of the segment for a line of automation, [`glide_frames`] for a knob that somebody turns.
//!
//! **Faults.** Samples that are no numbers, or lie beyond [`INPUT_MAX`], are played as silence, so they cannot stay in a
//! filter's memory. They are counted, and [`Device::is_sound`] says whether there were any since the last reset.

pub mod block;
pub mod controls;
pub(crate) mod line;
pub mod parameter;

pub use block::{Block, Sidechain};
pub use controls::{Controls, Faults, INPUT_MAX, glide_frames};
pub use parameter::{Curve, Parameter, Unit};

use crate::meter::silence_non_finite;

/// Magnitudes below this are silence: feedback paths snap to 0 there, so that no denormal number is ever computed with.
pub const SILENCE: f64 = 1e-20;
/// The lowest sample rate that devices are made for, in Hz; lower ones are taken as this.
pub const RATE_MIN: u32 = crate::resample::RATE_MIN;
/// The highest sample rate that devices are made for, in Hz; higher ones are taken as this.
pub const RATE_MAX: u32 = crate::resample::RATE_MAX;

/// An effect over stereo blocks.
pub trait Device: Send {
    /// Its parameters' state.
    fn controls(&self) -> &Controls;

    /// Its parameters' state, to be changed.
    fn controls_mut(&mut self) -> &mut Controls;

    /// Processes a block whose samples are numbers within [`INPUT_MAX`]. The engine calls [`Device::process`].
    fn run(&mut self, block: Block<'_>);

    /// Forgets all sound, as if made anew with the parameters where they were going.
    fn clear(&mut self);

    /// How many frames later the output is than the input. Parameters that change it say so (see [`Parameter::automatable`]).
    fn latency(&self) -> u32 {
        0
    }

    /// How many frames after the last sound of the input the output may be taken as silent, 100 dB below what it was, and the device as
    /// new: what it makes of the next sound no longer depends on the last.
    fn tail(&self) -> u32;

    /// For dynamics: by how many dB the signal was lowered most (≥ 0) since this was last asked; 0 for other devices.
    fn take_reduction(&mut self) -> f32 {
        0.0
    }

    /// For devices with times in notes: how many frames a beat (a quarter note) takes from here on.
    fn set_beat(&mut self, _frames: f64) {}

    /// All parameters, in the order of their indices.
    fn parameters(&self) -> &'static [Parameter] {
        self.controls().table()
    }

    /// Sends a parameter to a value, which is brought into its range, in a straight line over so many frames from here on.
    /// Choices and switches that cannot lie between two values jump. What is no number, or no parameter, changes nothing.
    fn set(&mut self, parameter: usize, value: f32, over: u32) {
        self.controls_mut().set(parameter, value, over);
    }

    /// Where a parameter is going; 0 when there is no such parameter.
    fn value(&self, parameter: usize) -> f32 {
        self.controls().target(parameter)
    }

    /// Processes a block in place.
    fn process(&mut self, mut block: Block<'_>) {
        self.controls_mut().admit(&mut block);
        self.run(block.part(0, block.len()));
        let lost = silence_non_finite(block.left) + silence_non_finite(block.right);
        if lost > 0 {
            self.clear();
            self.controls_mut().lost(lost);
        }
    }

    /// Whether every sample in and out has been a number within bounds since the last [`Device::reset`].
    fn is_sound(&self) -> bool {
        self.faults() == Faults::default()
    }

    /// How many samples were not, since the last [`Device::reset`].
    fn faults(&self) -> Faults {
        self.controls().faults()
    }

    /// Forgets all sound and all faults; parameters arrive where they were going.
    fn reset(&mut self) {
        self.controls_mut().settle();
        self.clear();
    }
}
