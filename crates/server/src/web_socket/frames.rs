//! Frames as a server writes them (RFC 6455, section 5.2): whole, and not masked.

/// What a frame is, by its opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text.
    Text = 0x1,
    /// Bytes.
    Binary = 0x2,
    /// The last one: why.
    Close = 0x8,
    /// Are you there?
    Ping = 0x9,
    /// I am.
    Pong = 0xa,
}

/// Says that the frame is no part of a message but all of it.
const FINAL: u8 = 0x80;
/// Bytes of the longest head.
pub(crate) const HEAD_BYTES_MAX: usize = 10;

/// Appends what stands before a payload of `bytes` bytes.
pub(crate) fn put_head(frame: &mut Vec<u8>, kind: Kind, bytes: usize) {
    const LENGTH_IN_16_BITS: u8 = 126;
    const LENGTH_IN_64_BITS: u8 = 127;
    frame.push(FINAL | kind as u8);
    match (u8::try_from(bytes), u16::try_from(bytes)) {
        (Ok(short @ ..LENGTH_IN_16_BITS), _) => frame.push(short),
        (_, Ok(medium)) => {
            frame.push(LENGTH_IN_16_BITS);
            frame.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            frame.push(LENGTH_IN_64_BITS);
            frame.extend_from_slice(&(bytes as u64).to_be_bytes());
        }
    }
}

/// The payload of a closing frame.
pub(crate) fn closing(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_what_follows_and_how_long_it_is() {
        let head = |bytes: usize| {
            let mut frame = Vec::new();
            put_head(&mut frame, Kind::Binary, bytes);
            assert!(frame.len() <= HEAD_BYTES_MAX);
            frame
        };
        assert_eq!(head(0), [0x82, 0]);
        assert_eq!(head(125), [0x82, 125]);
        assert_eq!(head(126), [0x82, 126, 0, 126]);
        assert_eq!(head(65_535), [0x82, 126, 0xff, 0xff]);
        assert_eq!(head(65_536), [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(closing(1000, "bye"), [0x03, 0xe8, b'b', b'y', b'e']);
    }
}
