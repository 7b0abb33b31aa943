//! The list of all devices: what a plugin's `type` may be.

use crate::device::{Device, Parameter};
use crate::{chorus, compressor, delay, equaliser, filter, gate, limiter, reverb, room, saturation, utility};

/// A kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Parametric equaliser of eight bands.
    Equaliser,
    /// Compressor with sidechain.
    Compressor,
    /// Gate with sidechain.
    Gate,
    /// True-peak limiter.
    Limiter,
    /// Oversampled saturation.
    Saturation,
    /// State-variable filter.
    Filter,
    /// Chorus and flanger.
    Chorus,
    /// Delay with feedback, in notes if wanted.
    Delay,
    /// Reverberation of a hall.
    Reverb,
    /// Early reflections of a room.
    Room,
    /// Gain, width, polarity.
    Utility,
}

impl Kind {
    /// All of them, in the order in which a menu lists them.
    pub const ALL: &[Self] = &[
        Self::Equaliser,
        Self::Compressor,
        Self::Gate,
        Self::Limiter,
        Self::Saturation,
        Self::Filter,
        Self::Chorus,
        Self::Delay,
        Self::Reverb,
        Self::Room,
        Self::Utility,
    ];

    /// The ids of all of them, in the same order: what a plugin's `type` may be.
    pub const IDS: &[&'static str] = &[
        Self::Equaliser.id(),
        Self::Compressor.id(),
        Self::Gate.id(),
        Self::Limiter.id(),
        Self::Saturation.id(),
        Self::Filter.id(),
        Self::Chorus.id(),
        Self::Delay.id(),
        Self::Reverb.id(),
        Self::Room.id(),
        Self::Utility.id(),
    ];

    /// The `type` of a plugin's record. It never changes.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Equaliser => "eq",
            Self::Compressor => "compressor",
            Self::Gate => "gate",
            Self::Limiter => "limiter",
            Self::Saturation => "saturation",
            Self::Filter => "filter",
            Self::Chorus => "chorus",
            Self::Delay => "delay",
            Self::Reverb => "reverb",
            Self::Room => "room",
            Self::Utility => "utility",
        }
    }

    /// What the screen calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equaliser => "Equaliser",
            Self::Compressor => "Compressor",
            Self::Gate => "Gate",
            Self::Limiter => "Limiter",
            Self::Saturation => "Saturation",
            Self::Filter => "Filter",
            Self::Chorus => "Chorus",
            Self::Delay => "Delay",
            Self::Reverb => "Hall",
            Self::Room => "Room",
            Self::Utility => "Utility",
        }
    }

    /// The kind that a plugin's `type` names.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.id() == id)
    }

    /// Its parameters, in the order of their indices.
    #[must_use]
    pub fn parameters(self) -> &'static [Parameter] {
        match self {
            Self::Equaliser => equaliser::PARAMETERS,
            Self::Compressor => compressor::PARAMETERS,
            Self::Gate => gate::PARAMETERS,
            Self::Limiter => limiter::PARAMETERS,
            Self::Saturation => saturation::PARAMETERS,
            Self::Filter => filter::PARAMETERS,
            Self::Chorus => chorus::PARAMETERS,
            Self::Delay => delay::PARAMETERS,
            Self::Reverb => reverb::PARAMETERS,
            Self::Room => room::PARAMETERS,
            Self::Utility => utility::PARAMETERS,
        }
    }

    /// Whether it listens to a sidechain.
    #[must_use]
    pub const fn has_sidechain(self) -> bool {
        matches!(self, Self::Compressor | Self::Gate)
    }

    /// The latency in frames that a device of this kind has with these values, in the table's order, at a sample rate in Hz.
    #[must_use]
    pub fn latency(self, values: &[f32], rate: u32) -> u32 {
        let rate = rate.clamp(crate::device::RATE_MIN, crate::device::RATE_MAX);
        match self {
            Self::Compressor => compressor::latency(compressor::Settings::from_values(values).lookahead, rate),
            Self::Limiter => limiter::latency(limiter::Settings::from_values(values).lookahead, rate),
            Self::Saturation => saturation::LATENCY,
            Self::Equaliser
            | Self::Gate
            | Self::Filter
            | Self::Chorus
            | Self::Delay
            | Self::Reverb
            | Self::Room
            | Self::Utility => 0,
        }
    }

    /// A new one at a sample rate in Hz, with all the memory that it will ever need.
    #[must_use]
    pub fn make(self, rate: u32) -> Box<dyn Device> {
        match self {
            Self::Equaliser => Box::new(equaliser::Equaliser::new(rate)),
            Self::Compressor => Box::new(compressor::Compressor::new(rate)),
            Self::Gate => Box::new(gate::Gate::new(rate)),
            Self::Limiter => Box::new(limiter::Limiter::new(rate)),
            Self::Saturation => Box::new(saturation::Saturation::new(rate)),
            Self::Filter => Box::new(filter::Filter::new(rate)),
            Self::Chorus => Box::new(chorus::Chorus::new(rate)),
            Self::Delay => Box::new(delay::Delay::new(rate)),
            Self::Reverb => Box::new(reverb::Reverb::new(rate)),
            Self::Room => Box::new(room::Room::new(rate)),
            Self::Utility => Box::new(utility::Utility::new(rate)),
        }
    }
}
