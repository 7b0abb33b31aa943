//! What is turned by hand: one drag for faders, knobs and handles, the face of a knob, a number that can be typed.

mod dial;
mod hold;
mod typed;

pub(crate) use dial::Dial;
pub(crate) use hold::Hold;
pub(crate) use typed::Typed;
