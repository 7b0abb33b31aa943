//! ID3v2 tags: how long they are, and the title and artist in them (id3.org, "ID3 tag version 2.3.0" and "2.4.0").

use crate::limits::TAG_CHARACTERS_MAX;
use crate::stream_info::Tags;

const HEADER_BYTES: usize = 10;

/// Length of the tag that `bytes` starts with, header and footer included; `None` when there is none.
pub(crate) fn leading_tag_bytes(bytes: &[u8]) -> Option<u64> {
    let header = bytes.get(..HEADER_BYTES)?;
    let is_tag =
        &header[0..3] == b"ID3" && header[3] < 0xFF && header[4] < 0xFF && header[6..10].iter().all(|b| *b < 0x80);
    let footer = if header[5] & 0x10 != 0 { 10 } else { 0 };
    is_tag.then(|| u64::from(synchsafe(&header[6..10])) + HEADER_BYTES as u64 + footer)
}

/// Title and artist out of the tag that `bytes` starts with, as far as they lie within `bytes`.
pub(crate) fn read_tags(bytes: &[u8]) -> Tags {
    let mut tags = Tags::default();
    let Some(length) = leading_tag_bytes(bytes) else { return tags };
    let version = bytes[3];
    // Version 2.2 has other frame names; compressed and unsynchronised tags are not worth the code.
    if !(3..=4).contains(&version) || bytes[5] & 0xC0 != 0 {
        return tags;
    }
    let end = bytes.len().min(usize::try_from(length).unwrap_or(usize::MAX));
    let mut rest = &bytes[HEADER_BYTES..end];
    while let Some((frame, after)) = split_frame(rest, version) {
        match frame.name {
            b"TIT2" => tags.title = text(frame.content),
            b"TPE1" => tags.artist = text(frame.content),
            _ => {}
        }
        rest = after;
    }
    tags
}

struct Frame<'a> {
    name: &'a [u8],
    content: &'a [u8],
}

fn split_frame(bytes: &[u8], version: u8) -> Option<(Frame<'_>, &[u8])> {
    let header = bytes.get(..10)?;
    if header[0] == 0 {
        return None; // Padding.
    }
    let size = if version == 4 {
        synchsafe(&header[4..8])
    } else {
        u32::from_be_bytes([header[4], header[5], header[6], header[7]])
    };
    let end = 10usize.checked_add(size as usize)?;
    Some((Frame { name: &header[0..4], content: bytes.get(10..end)? }, &bytes[end..]))
}

fn text(content: &[u8]) -> Option<String> {
    let (&encoding, bytes) = content.split_first()?;
    let text: String = match encoding {
        0 => bytes.iter().map(|b| char::from(*b)).collect(),
        1 | 2 => {
            let little = bytes.starts_with(&[0xFF, 0xFE]);
            let units = bytes.as_chunks::<2>().0.iter();
            let units = units.map(|b| if little { u16::from_le_bytes(*b) } else { u16::from_be_bytes(*b) });
            char::decode_utf16(units.filter(|unit| *unit != 0xFEFF)).map(|c| c.unwrap_or('\u{FFFD}')).collect()
        }
        3 => String::from_utf8_lossy(bytes).into_owned(),
        _ => return None,
    };
    clean(&text)
}

/// Up to the first NUL, without surrounding space and control characters, at most [`TAG_CHARACTERS_MAX`] long.
pub(crate) fn clean(text: &str) -> Option<String> {
    let first = text.split('\0').next().unwrap_or("");
    let cleaned: String = first.trim().chars().filter(|c| !c.is_control()).take(TAG_CHARACTERS_MAX).collect();
    (!cleaned.is_empty()).then_some(cleaned)
}

/// Four bytes of seven bits each.
fn synchsafe(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |value, byte| value << 7 | u32::from(byte & 0x7F))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_and_artist_are_read_in_every_encoding() {
        let mut frames = b"TIT2\0\0\0\x05\0\0\x03Caf\xC3".to_vec();
        frames[7] = 6;
        frames.push(0xA9);
        frames.extend_from_slice(b"TPE1\0\0\0\x07\0\0\x01\xFF\xFEA\0b\0");
        let mut tag = b"ID3\x04\0\0\0\0\0".to_vec();
        tag.push(frames.len() as u8);
        tag.extend_from_slice(&frames);
        assert_eq!(leading_tag_bytes(&tag), Some(tag.len() as u64));
        let tags = read_tags(&tag);
        assert_eq!(tags.title.as_deref(), Some("Café"));
        assert_eq!(tags.artist.as_deref(), Some("Ab"));
    }
}
