//! How replicas agree: the wire, the room that orders, the replica that follows and runs ahead.
//!
//! **Invariant:** state machines only. Events go in, effects come out; sockets, timers, clocks and disks belong to whoever
//! drives them (the server, the browser, the simulator).

pub mod messenger;
mod pending;
pub mod replica;
pub mod room;
pub mod steps;
pub mod subscriptions;
pub mod tabs;
pub mod wire;

pub use messenger::{End, Messenger};
pub use replica::{Effect, Event, Replica, Status};
pub use room::{Room, Submitted};
pub use steps::{Edit, Step, StepChange};
pub use subscriptions::Subscriptions;
pub use tabs::{Kept, Store, TabMessage};
