//! Labels in front of an MP3 file (ID3v2.4, id3.org: "ID3 tag version 2.4.0 – Native Frames").

use crate::labels::Labels;

/// The tag's bytes; nothing without labels.
pub(super) fn tag(labels: &Labels) -> Vec<u8> {
    let mut frames = Vec::new();
    for (name, text) in labels.fields() {
        // 3 says UTF-8. A comment has a language and a description, which is empty.
        let (id, head): (_, &[u8]) = match name {
            "TITLE" => (b"TIT2", b"\x03"),
            "ARTIST" => (b"TPE1", b"\x03"),
            "ALBUM" => (b"TALB", b"\x03"),
            "DATE" => (b"TDRC", b"\x03"),
            _ => (b"COMM", b"\x03und\0"),
        };
        frames.extend_from_slice(id);
        frames.extend_from_slice(&seven_bits((head.len() + text.len()) as u32));
        frames.extend_from_slice(&[0, 0]);
        frames.extend_from_slice(head);
        frames.extend_from_slice(text.as_bytes());
    }
    if frames.is_empty() {
        return frames;
    }
    [&b"ID3\x04\0\0"[..], &seven_bits(frames.len() as u32), &frames].concat()
}

/// A number whose bytes leave their highest bit free.
fn seven_bits(number: u32) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| (number >> shift & 0x7F) as u8)
}
