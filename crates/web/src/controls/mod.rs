//! What is turned by hand: one drag for faders, knobs and handles, the face of a knob, a number that can be typed; and what
//! every control owes to keys: Escape, the focus, lists that act only when chosen from.

mod dial;
mod escape;
pub(crate) mod focus;
mod hold;
mod list;
mod typed;

pub(crate) use dial::Dial;
pub(crate) use escape::on_escape;
pub(crate) use hold::Hold;
pub(crate) use list::opens_first;
pub(crate) use typed::Typed;
