//! Why a song could not become a file, in words for who wanted it.

use engine::CompileError;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a recording could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unreadable {
    /// In words, naming the recording.
    pub reason: String,
    /// Whether another try would read the same: it is missing or broken. If not, the disk or the way to it is to blame.
    pub lasting: bool,
}

impl Unreadable {
    /// `name` could not be read, by this error.
    pub(crate) fn of(name: &str, error: &media::Error) -> Unreadable {
        use std::io::ErrorKind::{InvalidData, InvalidInput, NotFound, UnexpectedEof};

        let lasting = match error {
            media::Error::Io(error) => matches!(error.kind(), NotFound | InvalidData | InvalidInput | UnexpectedEof),
            error => error.is_refusal(),
        };
        Unreadable { reason: format!("{name}: {error}"), lasting }
    }

    /// `name` will never be read.
    pub(crate) fn broken(name: &str, reason: &str) -> Unreadable {
        Unreadable { reason: format!("{name}: {reason}"), lasting: true }
    }
}

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
    #[error(transparent)]
    Recording(#[from] Unreadable),
    /// The file could not be written.
    #[error("cannot write the mix: {0}")]
    File(#[from] media::Error),
    /// The caller stopped it.
    #[error("the work was stopped before its end")]
    Stopped,
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind};

    use super::*;

    #[test]
    fn ex3_what_is_missing_or_broken_stays_so_and_a_disk_that_fails_may_come_back() {
        let lasting = |kind: ErrorKind| Unreadable::of("a.wav", &media::Error::Io(io::Error::from(kind))).lasting;
        assert!(lasting(ErrorKind::NotFound) && lasting(ErrorKind::UnexpectedEof) && lasting(ErrorKind::InvalidData));
        assert!(!lasting(ErrorKind::TimedOut) && !lasting(ErrorKind::Other) && !lasting(ErrorKind::PermissionDenied));
        let empty = Unreadable::of("a.wav", &media::Error::Empty);
        assert!(empty.lasting && empty.reason.starts_with("a.wav: "), "{empty}");
    }
}
