//! Keys that sort as text and always have room between two of them (U5).
//!
//! A key is a fraction between 0 and 1, to the base 256, its digits written as two lower-case hexadecimal characters each.
//! The last digit is not zero, so that a fraction has one spelling and text sorts as numbers do. Every such key may come
//! from a client: whatever two keys are given, there is a key between them.

/// Characters of a key, of which a client could otherwise make the most of a record.
const ORDER_KEY_BYTES_MAX: usize = 256;
/// The digit to begin with: the middle.
const MIDDLE: u8 = 0x80;

/// A key that sorts between two others: after `low` (or first) and before `high` (or last). `None` when one is no key, or
/// `low` does not come before `high`.
#[must_use]
pub fn order_key_between(low: Option<&str>, high: Option<&str>) -> Option<String> {
    let key = match (low, high) {
        (None, None) => vec![MIDDLE],
        (Some(low), None) => after(&digits(low)?),
        (None, Some(high)) => before(&digits(high)?),
        (Some(low), Some(high)) if low < high => between(&digits(low)?, &digits(high)?),
        _ => return None,
    };
    Some(key.iter().map(|digit| format!("{digit:02x}")).collect())
}

/// Whether `key` is one.
#[must_use]
pub fn is_order_key(key: &str) -> bool {
    key.len() <= ORDER_KEY_BYTES_MAX && digits(key).is_some()
}

fn digits(key: &str) -> Option<Vec<u8>> {
    let value = |character: &u8| match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = key.as_bytes().as_chunks::<2>();
    let digits: Vec<u8> =
        pairs.iter().map(|[high, low]| Some(value(high)? << 4 | value(low)?)).collect::<Option<_>>()?;
    (rest.is_empty() && digits.last().is_some_and(|last| *last != 0)).then_some(digits)
}

/// The first digit that can rise rises by one: appending again and again costs a digit every 127 times.
fn after(low: &[u8]) -> Vec<u8> {
    match low.iter().position(|digit| *digit < u8::MAX) {
        Some(at) => [&low[..at], &[low[at] + 1]].concat(),
        None => [low, &[MIDDLE]].concat(),
    }
}

/// The first digit that can fall falls by one.
fn before(high: &[u8]) -> Vec<u8> {
    match high.iter().position(|digit| *digit > 0) {
        Some(at) if high[at] > 1 => [&high[..at], &[high[at] - 1]].concat(),
        Some(at) => [&high[..at], &[0, MIDDLE]].concat(),
        None => vec![MIDDLE],
    }
}

/// `low` comes before `high`, so `high` is never used up first.
fn between(low: &[u8], high: &[u8]) -> Vec<u8> {
    let digit = |at: usize| low.get(at).copied().unwrap_or(0);
    let at = (0..high.len()).find(|at| digit(*at) != high[*at]).unwrap_or(high.len());
    let (low_digit, high_digit) = (digit(at), high.get(at).copied().unwrap_or(u8::MAX));
    if high_digit - low_digit > 1 {
        return [&high[..at], &[low_digit + (high_digit - low_digit) / 2]].concat();
    }
    let rest = low.get(at + 1..).unwrap_or(&[]);
    [&high[..at], &[low_digit], &after(rest)[..]].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn u5_what_is_no_key_is_refused() {
        for bad in ["", "8", "00", "8000", "8G", "8A", "80 ", "é0", "+8"] {
            assert!(!is_order_key(bad), "{bad:?}");
            assert_eq!(order_key_between(Some(bad), None), None);
        }
        assert!(!is_order_key(&"81".repeat(129)));
        assert_eq!(order_key_between(Some("80"), Some("80")), None);
        assert_eq!(order_key_between(Some("81"), Some("80")), None);
    }

    #[test]
    fn u5_two_thousand_tracks_in_a_row_have_short_keys() {
        let mut last = order_key_between(None, None).unwrap();
        let mut first = last.clone();
        for _ in 0..2_000 {
            last = order_key_between(Some(&last), None).unwrap();
            first = order_key_between(None, Some(&first)).unwrap();
        }
        assert!(last.len() <= 36 && first.len() <= 36, "{} {}", last.len(), first.len());
    }

    fn any_key() -> impl Strategy<Value = String> {
        prop_oneof!["([0-9a-f]{2}){0,6}(0[1-9]|[1-9a-f][0-9a-f])", "(00|01|7f|80|fe|ff){0,6}(01|80|ff)"]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn u5_there_is_a_key_between_any_two(a in any_key(), b in any_key()) {
            let (low, high) = (a.as_str().min(&b), a.as_str().max(&b));
            let (first, last) = (order_key_between(None, Some(low)).unwrap(), order_key_between(Some(high), None).unwrap());
            prop_assert!(first.as_str() < low && high < last.as_str());
            prop_assert!([&first, &last, &a, &b].iter().all(|key| is_order_key(key)));
            if low < high {
                let middle = order_key_between(Some(low), Some(high)).unwrap();
                prop_assert!(low < middle.as_str() && middle.as_str() < high && is_order_key(&middle), "{middle}");
            }
        }
    }
}
