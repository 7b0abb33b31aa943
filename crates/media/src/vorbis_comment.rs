//! Title and artist in and out of a Vorbis comment, which FLAC uses as well (xiph.org, "Ogg Vorbis I format specification: comment field").

use crate::id3::clean;
use crate::labels::Labels;
use crate::stream_info::Tags;

/// Who wrote the file.
pub(crate) const VENDOR: &str = "Unisono";

/// Reads as much as `bytes` hold.
pub(crate) fn read_tags(bytes: &[u8]) -> Tags {
    let mut tags = Tags::default();
    let mut rest = bytes;
    if take(&mut rest).is_none() || rest.len() < 4 {
        return tags; // The vendor's name.
    }
    rest = &rest[4..];
    while let Some(comment) = take(&mut rest) {
        let Some(equals) = comment.iter().position(|byte| *byte == b'=') else { continue };
        let field = match &comment[..equals] {
            name if name.eq_ignore_ascii_case(b"TITLE") => &mut tags.title,
            name if name.eq_ignore_ascii_case(b"ARTIST") => &mut tags.artist,
            _ => continue,
        };
        if field.is_none() {
            *field = clean(&String::from_utf8_lossy(&comment[equals + 1..]));
        }
    }
    tags
}

/// A comment that says `labels`, and who wrote it.
pub(crate) fn write(labels: &Labels) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(&mut bytes, VENDOR);
    bytes.extend_from_slice(&(labels.fields().count() as u32).to_le_bytes());
    for (name, text) in labels.fields() {
        put(&mut bytes, &format!("{name}={text}"));
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

/// A length of 32 bits, little-endian, and as many bytes.
fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (content, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = after;
    Some(content)
}
