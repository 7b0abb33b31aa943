//! What a song is: records, units, tempo, validation, roles.
//!
//! **Invariant:** nothing here reads a clock, a file, the network or a random number; the same inputs give the same
//! outputs natively and in WASM. Time and identity are arguments.

mod devices;
mod id;
pub mod limits;
mod list;
mod metre;
mod names;
mod order_key;
mod record;
mod records;
pub mod roles;
pub mod schema;
mod sorted;
mod stamps;
mod tables;
pub mod time;
mod units;
mod validation;
mod value;
mod views;

pub use devices::{Plugin, Send, check_devices};
pub use id::{Id, InvalidId};
pub use list::List;
pub use metre::{BarPlace, MetreMap};
pub use record::{Key, Record, Table};
pub use records::{RecordMap, Records, fields};
pub use roles::Role;
pub use sorted::sort_by;
pub use stamps::Stamps;
pub use time::Timestamp;
pub use units::{Bpm, TICKS_PER_BEAT, Ticks, TimeSignature};
pub use validation::{Invalid, check_field, kind_at, normalise, normalise_element, validate};
pub use value::{Map, Value, ValueSeed};
pub use views::{AudioFile, AudioFileState, Clip, Member, MetreChange, Project, TempoChange, Track, TrackKind};
