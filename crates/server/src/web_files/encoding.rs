//! Which content encodings a client takes.

/// An encoding in which files lie ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Brotli,
    Gzip,
}

impl Encoding {
    /// The smaller one first.
    pub(super) const ALL: [Encoding; 2] = [Encoding::Brotli, Encoding::Gzip];

    pub(super) fn name(self) -> &'static str {
        match self {
            Encoding::Brotli => "br",
            Encoding::Gzip => "gzip",
        }
    }

    pub(super) fn suffix(self) -> &'static str {
        match self {
            Encoding::Brotli => ".br",
            Encoding::Gzip => ".gz",
        }
    }
}

/// Those of our encodings that an `Accept-Encoding` header takes, the smaller one first. What it rates at 0 it refuses.
pub(super) fn preferred(accept: &str) -> impl Iterator<Item = Encoding> + '_ {
    Encoding::ALL.into_iter().filter(move |encoding| takes(accept, encoding.name()))
}

fn takes(accept: &str, name: &str) -> bool {
    let rated = |wanted: &str| {
        accept.split(',').find_map(|item| {
            let (item, parameters) = item.split_once(';').unwrap_or((item, ""));
            let refused = parameters.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse() == Ok(0.0_f32));
            item.trim().eq_ignore_ascii_case(wanted).then_some(!refused)
        })
    };
    rated(name).or_else(|| rated("*")).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_encodings_are_not_used() {
        let of = |accept| preferred(accept).collect::<Vec<_>>();
        assert_eq!(of("br;q=0, gzip;q=0.5"), [Encoding::Gzip]);
        assert_eq!(of("*"), Encoding::ALL);
        assert_eq!(of("*;q=0"), []);
        assert_eq!(of("identity"), []);
        assert_eq!(of("GZIP;q=1.0,,;;"), [Encoding::Gzip]);
    }
}
