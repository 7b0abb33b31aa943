//! A number of bytes as people write it.

use std::str::FromStr;

use serde::Deserialize;

/// A number of bytes: `500MB`, `1.5 GB`, `20GiB`, `1000`, or `none` for no limit (`u64::MAX`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// The bytes, where `none` means that there are none.
    #[must_use]
    pub fn or_nothing(self) -> u64 {
        if self.0 == u64::MAX { 0 } else { self.0 }
    }
}

/// The text is no number of bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a size: write it as 500MB, 20GB or none")]
pub struct InvalidByteSize(String);

const UNITS: [(&str, u64); 9] = [
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
    ("b", 1),
];

impl FromStr for ByteSize {
    type Err = InvalidByteSize;

    fn from_str(text: &str) -> Result<ByteSize, InvalidByteSize> {
        let lower = text.trim().to_ascii_lowercase();
        if lower == "none" {
            return Ok(ByteSize(u64::MAX));
        }
        let with_unit = UNITS.iter().find_map(|(name, unit)| Some((lower.strip_suffix(name)?, *unit)));
        let (number, unit) = with_unit.unwrap_or((&lower, 1));
        let number: f64 = number.trim().parse().map_err(|_| InvalidByteSize(text.to_owned()))?;
        #[expect(clippy::cast_precision_loss, reason = "a unit is far below 2^53")]
        let bytes = number * unit as f64;
        // Beyond this not every whole number is one; and nobody has such a disk.
        if !(0.0..9e15).contains(&bytes) {
            return Err(InvalidByteSize(text.to_owned()));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was just looked at")]
        Ok(ByteSize(bytes as u64))
    }
}

impl TryFrom<String> for ByteSize {
    type Error = InvalidByteSize;

    fn try_from(text: String) -> Result<ByteSize, InvalidByteSize> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("0", 0),
            ("1000", 1_000),
            ("12B", 12),
            ("500MB", 500_000_000),
            (" 1.5 gb ", 1_500_000_000),
            ("20GiB", 20 << 30),
            ("2tb", 2_000_000_000_000),
            ("None", u64::MAX),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "GB", "-1", "1 XB", "nan", "inf", "1e300", "10000000TB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }
}
