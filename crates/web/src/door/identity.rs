//! New ids and the time: what the pure crates take as arguments.

use model::{Id, Timestamp};

/// A UUID of version 7 (RFC 9562, section 5.7): 48 bits of `milliseconds` since 1970, then 74 random bits.
fn uuid_v7(milliseconds: u64, random: [u8; 10]) -> String {
    let mut bytes = [0u8; 16];
    bytes[..6].copy_from_slice(&milliseconds.to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&random);
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// A number in 0..1.
pub(crate) fn chance() -> f64 {
    js_sys::Math::random()
}

/// A new id.
pub(crate) fn new_id() -> Id {
    let random = std::array::from_fn(|_| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..256")]
        let byte = (chance() * 256.0) as u8;
        byte
    });
    #[expect(clippy::cast_sign_loss, reason = "the clock stands after 1970")]
    let milliseconds = now().0 as u64;
    // A UUID is a valid id; the fallback can never be taken.
    Id::new(&uuid_v7(milliseconds, random)).unwrap_or_else(|_| Id::system())
}

/// The clock.
pub(crate) fn now() -> Timestamp {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970")]
    Timestamp(js_sys::Date::now() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_7_and_sort_by_time() {
        let id = uuid_v7(0x0193_5a7b_1234, [0xff; 10]);
        assert_eq!(id, "01935a7b-1234-7fff-bfff-ffffffffffff");
        assert!(Id::is_valid(&id));
        assert!(uuid_v7(1, [0xff; 10]) < uuid_v7(2, [0; 10]));
    }
}
