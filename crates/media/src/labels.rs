//! What a file that is written says of its piece.

use crate::limits::TAG_CHARACTERS_MAX;
use crate::{Error, Result};

/// Title and all that; empty ones are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    /// Title of the piece.
    pub title: Option<String>,
    /// Who plays it.
    pub artist: Option<String>,
    /// The album that it is on.
    pub album: Option<String>,
    /// When it was made: a year, or a date as ISO 8601 writes it.
    pub date: Option<String>,
    /// Anything else.
    pub comment: Option<String>,
}

impl Labels {
    /// Those that are there, under the names of Vorbis comments, in a fixed order.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let fields = [
            ("TITLE", &self.title),
            ("ARTIST", &self.artist),
            ("ALBUM", &self.album),
            ("DATE", &self.date),
            ("COMMENT", &self.comment),
        ];
        fields.into_iter().filter_map(|(name, text)| Some((name, text.as_deref().filter(|text| !text.is_empty())?)))
    }

    /// Refuses texts that are longer than what this crate reads back, and those with control characters.
    ///
    /// # Errors
    /// [`Error::Option`].
    pub fn check(&self) -> Result<()> {
        for (_, text) in self.fields() {
            if text.chars().count() > TAG_CHARACTERS_MAX {
                return Err(Error::Option("a title, artist, album, date or comment has at most 256 characters"));
            }
            if text.chars().any(char::is_control) {
                return Err(Error::Option("a title, artist, album, date or comment is one line of text"));
            }
        }
        Ok(())
    }
}
