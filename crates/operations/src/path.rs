//! Dotted paths into a record.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use model::limits::{PATH_BYTES_MAX, PATH_SEGMENTS_MAX};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Refusal;

/// A dotted path, such as `plugins.eq1.params.freq`; the empty path names the whole record. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Path(Arc<str>);

impl Path {
    /// Checks `text` and makes it a path.
    ///
    /// # Errors
    /// 400 when it is too long, has an empty segment, or a segment that JavaScript would not take for a plain key (OP6).
    pub fn new(text: &str) -> Result<Path, Refusal> {
        if text.is_empty() {
            return Ok(Path::default());
        }
        if text.len() > PATH_BYTES_MAX || text.split('.').count() > PATH_SEGMENTS_MAX {
            return Err(Refusal::invalid(format!(
                "a key has at most {PATH_SEGMENTS_MAX} segments and {PATH_BYTES_MAX} bytes"
            )));
        }
        for segment in text.split('.') {
            if matches!(segment, "" | "__proto__" | "constructor" | "prototype") {
                return Err(Refusal::invalid(format!("a key must not contain the segment '{segment}'")));
            }
        }
        Ok(Path(Arc::from(text)))
    }

    /// Whether it names the whole record.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.0.is_empty()
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its segments; none for the whole record.
    #[must_use]
    pub fn segments(&self) -> Segments<'_> {
        let mut segments = Segments { all: [""; PATH_SEGMENTS_MAX], count: 0 };
        if !self.is_whole() {
            for (place, segment) in segments.all.iter_mut().zip(self.0.split('.')) {
                *place = segment;
                segments.count += 1;
            }
        }
        segments
    }

    /// The path of the first `count` segments.
    #[must_use]
    pub(crate) fn prefix(&self, count: usize) -> Path {
        Path(Arc::from(self.segments()[..count].join(".")))
    }
}

/// The segments of a path, as a slice: every edit takes several paths apart, none of them longer than this.
#[derive(Clone, Copy, Debug)]
pub struct Segments<'a> {
    all: [&'a str; PATH_SEGMENTS_MAX],
    count: usize,
}

impl<'a> Deref for Segments<'a> {
    type Target = [&'a str];

    fn deref(&self) -> &[&'a str] {
        &self.all[..self.count]
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Path {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Path, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Path;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a dotted path")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Path, E> {
                Path::new(text).map_err(|refusal| E::custom(refusal.message))
            }
        }
        deserializer.deserialize_str(Text)
    }
}
