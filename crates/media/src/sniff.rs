//! What a file is, told from its content and never from its name.

use std::io::{Read, Seek, SeekFrom};

use crate::limits::{FILE_BYTES_MAX, SNIFF_BYTES, TAG_BYTES_MAX};
use crate::wav::{is_wav, read_up_to};
use crate::{Error, Result, id3, mpeg, ogg};

/// A format that can be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// RIFF WAVE with PCM; RF64 and BW64 too.
    Wav,
    /// FLAC in its own container.
    Flac,
    /// MPEG audio layer III.
    Mp3,
    /// Vorbis in Ogg.
    OggVorbis,
}

impl Format {
    /// The format's usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wav => "WAV",
            Self::Flac => "FLAC",
            Self::Mp3 => "MP3",
            Self::OggVorbis => "Ogg Vorbis",
        }
    }

    /// Usual file extension, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Flac => "flac",
            Self::Mp3 => "mp3",
            Self::OggVorbis => "ogg",
        }
    }

    /// Media type (RFC 9639 for FLAC, RFC 3003, RFC 5334; WAV's is not registered, but universal).
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::Flac => "audio/flac",
            Self::Mp3 => "audio/mpeg",
            Self::OggVorbis => "audio/ogg",
        }
    }
}

/// A format, and where in the file it begins (behind ID3 tags).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) format: Format,
    pub(crate) audio_offset: u64,
}

/// Tells the format from the first bytes of a file; [`SNIFF_BYTES`] of them are enough. Behind an ID3 tag that is longer than `prefix`
/// an MP3 is supposed.
///
/// # Errors
/// [`Error::Empty`], [`Error::NotAudio`] naming what it looks like, [`Error::NotSupportedYet`] naming the format.
pub fn sniff(prefix: &[u8]) -> Result<Format> {
    match id3::leading_tag_bytes(prefix) {
        Some(bytes) if bytes >= prefix.len() as u64 => Ok(Format::Mp3),
        Some(bytes) => sniff(&prefix[bytes as usize..]),
        None => Ok(identify(prefix)?.format),
    }
}

/// Tells the format of a whole file; the position afterwards is unspecified.
pub(crate) fn sniff_file<R: Read + Seek>(file: &mut R) -> Result<Found> {
    let bytes = file.seek(SeekFrom::End(0))?;
    if bytes > FILE_BYTES_MAX {
        return Err(Error::TooLarge { bytes, bytes_max: FILE_BYTES_MAX });
    }
    let mut prefix = vec![0; SNIFF_BYTES];
    let mut offset = 0;
    loop {
        file.seek(SeekFrom::Start(offset))?;
        let filled = read_up_to(file, &mut prefix)?;
        match id3::leading_tag_bytes(&prefix[..filled]) {
            Some(tag) if offset + tag < TAG_BYTES_MAX.min(bytes) => offset += tag,
            Some(_) => return Err(Error::damaged("MP3", "it consists of nothing but tags")),
            None if filled == 0 && offset > 0 => return Err(Error::NoSound { format: "an MP3" }),
            None => {
                let found = identify(&prefix[..filled])?;
                return Ok(Found { audio_offset: offset + found.audio_offset, ..found });
            }
        }
    }
}

fn identify(prefix: &[u8]) -> Result<Found> {
    if prefix.is_empty() {
        return Err(Error::Empty);
    }
    if let Some(format) = by_signature(prefix)? {
        return Ok(Found { format, audio_offset: 0 });
    }
    if let Some(found) = mpeg::find_stream(prefix) {
        return match found.header.layer {
            3 => Ok(Found { format: Format::Mp3, audio_offset: found.offset as u64 }),
            _ => Err(Error::NotSupportedYet { format: "MP2 (MPEG layer I or II)" }),
        };
    }
    Err(Error::NotAudio { looks_like: if is_text(prefix) { "a text document" } else { "data of an unknown kind" } })
}

fn by_signature(prefix: &[u8]) -> Result<Option<Format>> {
    let at = |offset: usize, signature: &[u8]| prefix.get(offset..).is_some_and(|rest| rest.starts_with(signature));
    if is_wav(prefix) {
        return Ok(Some(Format::Wav));
    }
    if at(0, b"fLaC") {
        return Ok(Some(Format::Flac));
    }
    if at(0, b"OggS") {
        return ogg::identify(prefix).map(Some);
    }
    if let Some((_, _, format)) = UNSUPPORTED.iter().find(|(offset, signature, _)| at(*offset, signature)) {
        return Err(Error::NotSupportedYet { format });
    }
    // ADTS: twelve sync bits and layer 0.
    if prefix.len() > 6 && prefix[0] == 0xFF && prefix[1] & 0xF6 == 0xF0 && prefix[2] >> 2 & 0xF < 13 {
        return Err(Error::NotSupportedYet { format: "AAC" });
    }
    if let Some((_, _, looks_like)) = OTHERS.iter().find(|(offset, signature, _)| at(*offset, signature)) {
        return Err(Error::NotAudio { looks_like });
    }
    if is_markup(prefix) {
        return Err(Error::NotAudio { looks_like: "a web page or an XML document" });
    }
    Ok(None)
}

/// Audio that cannot be decoded yet: offset, signature, name.
const UNSUPPORTED: &[(usize, &[u8], &str)] = &[
    (0, b"riff\x2E\x91\xCF\x11", "Wave64"),
    (0, b"RIFX", "RIFX (big-endian WAV)"),
    (8, b"AIFF", "AIFF"),
    (8, b"AIFC", "AIFF-C"),
    (0, b"caff", "CAF"),
    (0, b".snd", "AU"),
    (0, b"wvpk", "WavPack"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"\x30\x26\xB2\x75\x8E\x66\xCF\x11", "Windows Media"),
    (4, b"ftypM4A", "AAC or ALAC (M4A)"),
    (4, b"ftypM4B", "AAC (M4B)"),
    (0, b"DSD ", "DSD"),
    (0, b"#!AMR", "AMR"),
];

/// What is no audio: offset, signature, what it looks like.
const OTHERS: &[(usize, &[u8], &str)] = &[
    (0, b"\x89PNG\r\n\x1A\n", "a PNG picture"),
    (0, b"\xFF\xD8\xFF", "a JPEG picture"),
    (0, b"GIF8", "a GIF picture"),
    (0, b"BM", "a BMP picture"),
    (8, b"WEBP", "a WebP picture"),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"ftyphei", "an HEIC picture"),
    (8, b"AVI ", "an AVI video"),
    (4, b"ftyp", "an MP4 or QuickTime video"),
    (4, b"moov", "a QuickTime video"),
    (0, b"\x1A\x45\xDF\xA3", "a WebM or Matroska video"),
    (0, b"\x00\x00\x01\xBA", "an MPEG video"),
    (0, b"MThd", "a MIDI file, which holds notes and no sound"),
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\x03\x04", "a ZIP archive or an Office document"),
    (0, b"\x1F\x8B", "a gzip archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"7z\xBC\xAF", "a 7-Zip archive"),
    (0, b"\x28\xB5\x2F\xFD", "a Zstandard archive"),
    (0, b"\x7FELF", "a program"),
    (0, b"MZ", "a Windows program"),
    (0, b"\0asm", "a WebAssembly program"),
    (0, b"SQLite format 3", "a database"),
];

fn is_markup(prefix: &[u8]) -> bool {
    let text = &prefix[..prefix.len().min(64)];
    let start = text.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
    let lower = text[start..].to_ascii_lowercase();
    [&b"<!doctype"[..], b"<html", b"<?xml", b"<svg", b"\xEF\xBB\xBF<"]
        .iter()
        .any(|signature| lower.starts_with(signature))
}

fn is_text(prefix: &[u8]) -> bool {
    let text = match std::str::from_utf8(prefix) {
        Ok(text) => text,
        // A character may be cut off at the end of the prefix.
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&prefix[..error.valid_up_to()]).unwrap_or(""),
        Err(_) => return false,
    };
    !text.is_empty() && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        sniff(bytes).unwrap_err().to_string()
    }

    #[test]
    fn refusals_name_what_the_file_is() {
        assert_eq!(refusal(b"\x89PNG\r\n\x1A\n...."), "This is not an audio file: it looks like a PNG picture.");
        assert_eq!(refusal(b""), "The file is empty.");
        assert_eq!(
            refusal(b"Dear band,\nsee you at 8.\n"),
            "This is not an audio file: it looks like a text document."
        );
        assert_eq!(
            refusal(b"  <!DOCTYPE html><html>"),
            "This is not an audio file: it looks like a web page or an XML document."
        );
        assert_eq!(refusal(&[0; 4000]), "This is not an audio file: it looks like data of an unknown kind.");
        for (bytes, name) in [
            (&b"RIFX\0\0\0\0WAVE"[..], "RIFX"),
            (b"FORM\0\0\0\0AIFFCOMM", "AIFF"),
            (b"\0\0\0\x1CftypM4A \0\0\0\0", "AAC or ALAC"),
            (b"\xFF\xF1\x50\x80\x02\x1F\xFC\xDE", "AAC"),
        ] {
            let text = refusal(bytes);
            assert!(text.starts_with(name) && text.contains("not supported yet"), "{text}");
        }
    }

    #[test]
    fn formats_are_told_by_content() {
        assert_eq!(sniff(b"RIFF\0\0\0\0WAVEfmt ").unwrap(), Format::Wav);
        assert_eq!(sniff(b"RF64\xFF\xFF\xFF\xFFWAVEds64").unwrap(), Format::Wav);
        assert_eq!(sniff(b"BW64\xFF\xFF\xFF\xFFWAVEds64").unwrap(), Format::Wav);
        assert_eq!(sniff(b"fLaC\0\0\0\x22").unwrap(), Format::Flac);
        assert_eq!(sniff(b"ID3\x04\0\0\0\0\0\x02..fLaC").unwrap(), Format::Flac);
    }

    #[test]
    fn files_over_500_mb_are_refused_before_they_are_read() {
        struct Huge;
        impl Read for Huge {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                panic!("must not be read")
            }
        }
        impl Seek for Huge {
            fn seek(&mut self, _: SeekFrom) -> std::io::Result<u64> {
                Ok(FILE_BYTES_MAX + 1)
            }
        }
        let refusal = sniff_file(&mut Huge).unwrap_err();
        assert_eq!(refusal.to_string(), "The file is too large: 501 MB, and at most 500 MB are accepted.");
    }
}
