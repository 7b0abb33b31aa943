//! Where a seek leads, for what looks like a file and is none.

use std::io::{Error, ErrorKind, Result, SeekFrom};

/// The place that is meant, in bytes, where `at` is the present one and the file has `size` bytes. It may lie behind the end.
///
/// # Errors
/// When it would lie before the beginning.
pub fn sought(to: SeekFrom, at: u64, size: u64) -> Result<u64> {
    let target = match to {
        SeekFrom::Start(offset) => Some(offset),
        SeekFrom::End(offset) => size.checked_add_signed(offset),
        SeekFrom::Current(offset) => at.checked_add_signed(offset),
    };
    target.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "before the file's first byte"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seek_leads_to_the_file_or_behind_it() {
        let place = |to| sought(to, 10, 100).ok();
        assert_eq!(place(SeekFrom::Start(7)), Some(7));
        assert_eq!((place(SeekFrom::End(-1)), place(SeekFrom::End(5))), (Some(99), Some(105)));
        assert_eq!((place(SeekFrom::Current(-10)), place(SeekFrom::Current(1))), (Some(0), Some(11)));
        assert_eq!((place(SeekFrom::End(-101)), place(SeekFrom::Current(-11))), (None, None));
        assert_eq!(
            (place(SeekFrom::Current(i64::MAX)), sought(SeekFrom::Current(1), u64::MAX, 0).ok()),
            (Some(10 + i64::MAX as u64), None)
        );
    }
}
