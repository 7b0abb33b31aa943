//! Who does what right now: what this page tells the others, and what is said of them.

mod choice;
mod hands;
mod own;
mod words;

pub(crate) use choice::{PlayheadChoice, PresenceChoices};
pub(crate) use hands::{Hands, HeldBy, Touch};
pub(crate) use own::tell;
pub(crate) use words::activity_of;
