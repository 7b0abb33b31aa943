//! Which bytes a download answers: `Range`, `If-Range`, `If-None-Match` (RFC 9110, "HTTP Semantics", 13 and 14).

use axum::http::{HeaderMap, HeaderName, header};

/// What to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// 304: the asker has it.
    NotModified,
    /// 200: all of it.
    Whole,
    /// 206: bytes `first..=last`.
    Part {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: u64,
    },
    /// 416: there are no such bytes.
    Unsatisfiable,
}

/// Judges the headers of a request for a representation of `size` bytes whose strong validator is `etag`.
pub(super) fn answer(headers: &HeaderMap, etag: &str, size: u64) -> Answer {
    if text(headers, header::IF_NONE_MATCH).is_some_and(|tags| names(tags, etag)) {
        return Answer::NotModified;
    }
    // A date never matches: what is named by its content has no date.
    if text(headers, header::IF_RANGE).is_some_and(|tag| tag.trim() != etag) {
        return Answer::Whole;
    }
    text(headers, header::RANGE).map_or(Answer::Whole, |range| part(range, size))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Whether a list of tags names this one; `If-None-Match` compares weakly.
fn names(tags: &str, etag: &str) -> bool {
    tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// One range of bytes. Several ranges, other units and what cannot be read are answered with the whole, as the standard allows.
fn part(range: &str, size: u64) -> Answer {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|set| set.trim().split_once('-')) else {
        return Answer::Whole;
    };
    let number = |digits: &str| -> Option<u64> {
        let digits = digits.trim();
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        // A number too large for 64 bits is beyond every file.
        plain.then(|| digits.parse().unwrap_or(u64::MAX))
    };
    let (first, last) = match (number(first), number(last), first.trim().is_empty(), last.trim().is_empty()) {
        (Some(first), Some(last), ..) if first <= last => (first, last),
        (Some(first), None, _, true) => (first, u64::MAX),
        (None, Some(suffix), true, _) if suffix > 0 => (size.saturating_sub(suffix), u64::MAX),
        (None, Some(_), true, _) => return Answer::Unsatisfiable,
        _ => return Answer::Whole,
    };
    if first >= size { Answer::Unsatisfiable } else { Answer::Part { first, last: last.min(size - 1) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"abc\"";

    fn check(headers: &[(HeaderName, &str)], expected: Answer) {
        let headers: HeaderMap = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        assert_eq!(answer(&headers, TAG, 100), expected, "{headers:?}");
    }

    #[test]
    fn one_range_is_answered_with_a_part() {
        for (range, first, last) in [
            ("bytes=0-0", 0, 0),
            ("bytes=10-19", 10, 19),
            ("bytes=90-", 90, 99),
            ("bytes=-10", 90, 99),
            ("bytes=-1000", 0, 99),
            ("bytes=0-99999999999999999999999999", 0, 99),
        ] {
            check(&[(header::RANGE, range)], Answer::Part { first, last });
        }
    }

    #[test]
    fn a_range_beyond_the_end_is_unsatisfiable() {
        for range in ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999999999-"] {
            check(&[(header::RANGE, range)], Answer::Unsatisfiable);
        }
    }

    #[test]
    fn what_is_no_single_range_is_answered_with_the_whole() {
        for range in
            ["bytes=5-4", "bytes=a-b", "bytes=--1", "bytes=0-1,5-6", "frames=0-1", "bytes", "bytes=-", "bytes=+1-2"]
        {
            check(&[(header::RANGE, range)], Answer::Whole);
        }
    }

    #[test]
    fn validators_come_before_ranges() {
        check(&[(header::IF_NONE_MATCH, TAG), (header::RANGE, "bytes=0-0")], Answer::NotModified);
        check(&[(header::IF_NONE_MATCH, "\"x\", W/\"abc\"")], Answer::NotModified);
        check(&[(header::IF_NONE_MATCH, "*")], Answer::NotModified);
        check(&[(header::IF_NONE_MATCH, "\"x\"")], Answer::Whole);
        check(&[(header::IF_RANGE, TAG), (header::RANGE, "bytes=0-0")], Answer::Part { first: 0, last: 0 });
        check(&[(header::IF_RANGE, "\"x\""), (header::RANGE, "bytes=0-0")], Answer::Whole);
        check(&[(header::IF_RANGE, "W/\"abc\""), (header::RANGE, "bytes=0-0")], Answer::Whole);
        check(&[(header::IF_RANGE, "Wed, 21 Oct 2015 07:28:00 GMT"), (header::RANGE, "bytes=0-0")], Answer::Whole);
    }
}
