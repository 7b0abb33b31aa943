//! What a file may be called.

use crate::limits::FILE_NAME_BYTES_MAX;

/// A name without what some system does not take in a file's name; it may be empty.
#[must_use]
pub fn file_name(name: &str) -> String {
    let sound = |c: char| if c.is_control() || "/\\:*?\"<>|".contains(c) { ' ' } else { c };
    let name: String = name.chars().map(sound).collect();
    let name = name.trim_start();
    name[..name.floor_char_boundary(FILE_NAME_BYTES_MAX)].trim_end_matches(['.', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_called_what_every_system_takes() {
        assert_eq!(file_name("../../etc/passwd"), ".. .. etc passwd");
        assert_eq!(file_name("..."), "");
        assert_eq!(file_name(&"🎹".repeat(80)).len(), FILE_NAME_BYTES_MAX);
    }
}
