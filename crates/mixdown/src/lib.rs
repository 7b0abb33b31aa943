//! A song into files: a range of it, with what rings out, to a loudness, as a whole or as stems.
//!
//! It never contains: a path, a database, a socket, a clock. What is written goes to whatever is `Write + Seek`, what is read comes from an
//! [`engine::Reader`], so that `unisono render`, the server's jobs and the browser make the same bytes.

mod error;
mod export;
pub mod limits;
mod loudness;
mod mix;
mod settings;
mod stems;
mod wav_files;
pub mod zip;

pub use error::{Error, Result, Unreadable};
pub use export::{Effort, Export, Made};
pub use loudness::{CEILING_DB, Measured, factor};
pub use mix::{Mix, Recordings, Summary, Watch};
pub use settings::{Bits, FileFormat, Settings, Stretch, StretchUnit};
pub use stems::{Stem, stem_count, stem_file, stems};
pub use wav_files::{OPEN_MAX, Shelf, WavFiles};
