//! Why a song could not become a file, in words for who wanted it.

use engine::CompileError;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting outside of its range, or two that do not go together.
    #[error("{0}")]
    Setting(String),
    /// The engine does not take the song.
    #[error("the project cannot be played: {0}")]
    Plan(CompileError),
    /// There is nothing to hear.
    #[error("there is nothing to render: no clip of this project can be heard")]
    Nothing,
    /// A recording could not be read.
    #[error("{0}")]
    Recording(String),
    /// The file could not be written.
    #[error("cannot write the mix: {0}")]
    File(#[from] media::Error),
    /// The caller stopped it.
    #[error("the work was stopped before its end")]
    Stopped,
}
