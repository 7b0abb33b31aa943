//! What a file may be called.

use crate::limits::FILE_NAME_BYTES_MAX;

/// What Windows takes for a device, whatever follows behind a dot; COM and LPT with a digit are, too.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// A name without what some system does not take in a file's name; it may be empty. What some system takes for a device gets a mark.
#[must_use]
pub fn file_name(name: &str) -> String {
    let sound = |c: char| if c.is_control() || "/\\:*?\"<>|".contains(c) { ' ' } else { c };
    let name: String = name.chars().map(sound).collect();
    let name = name.trim_start();
    let cut =
        |name: &str, bytes: usize| name[..name.floor_char_boundary(bytes)].trim_end_matches(['.', ' ']).to_owned();
    let name = cut(name, FILE_NAME_BYTES_MAX);
    let stem = name.split('.').next().unwrap_or_default();
    if !is_device(stem.trim_end()) {
        return name;
    }
    cut(&format!("{stem}_{}", &name[stem.len()..]), FILE_NAME_BYTES_MAX)
}

fn is_device(stem: &str) -> bool {
    let stem = stem.to_ascii_lowercase();
    let port = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    let digit = port.is_some_and(|digit| ["¹", "²", "³"].contains(&digit) || matches!(digit.as_bytes(), [b'0'..=b'9']));
    digit || DEVICES.contains(&stem.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_called_what_every_system_takes() {
        assert_eq!(file_name("../../etc/passwd"), ".. .. etc passwd");
        assert_eq!(file_name("..."), "");
        assert_eq!(file_name(&"🎹".repeat(80)).len(), FILE_NAME_BYTES_MAX);
        assert_eq!(file_name(&format!("con.{}", "x".repeat(300))).len(), FILE_NAME_BYTES_MAX);
        assert_eq!((file_name("Take 1. ."), file_name("Take.. mix")), ("Take 1".to_owned(), "Take.. mix".to_owned()));
    }

    #[test]
    fn a_file_is_never_called_what_windows_takes_for_a_device() {
        for (name, called) in [
            ("con", "con_"),
            ("NUL", "NUL_"),
            ("Aux.wav", "Aux_.wav"),
            ("com1.take.2", "com1_.take.2"),
            ("LPT³", "LPT³_"),
            ("prn .x", "prn _.x"),
            ("  CONIN$ ", "CONIN$_"),
        ] {
            assert_eq!(file_name(name), called);
            assert_eq!(file_name(called), called, "once is enough");
        }
        for name in ["Concert", "com", "COM10", "nulls", "01 con", "lpt4x"] {
            assert_eq!(file_name(name), name);
        }
    }
}
