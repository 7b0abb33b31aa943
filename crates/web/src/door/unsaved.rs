//! Edits that the server did not take: listed until the user has seen them, with the reason.

/// More are only counted with the last.
const UNSAVED_MAX: usize = 100;

/// An edit, or several of a kind in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unsaved {
    /// What it was: "Move clip".
    pub(crate) what: String,
    /// How many in a row.
    pub(crate) count: usize,
    /// Why, as the server says it; none when the author may not make it any more.
    pub(crate) why: Option<String>,
    /// Whether the server has not even judged it, since the project was closed before.
    pub(crate) waits: bool,
}

/// Adds an edit, to the last one if that was of the same kind.
pub(super) fn add(unsaved: &mut Vec<Unsaved>, what: &str, why: Option<&str>) {
    let full = unsaved.len() >= UNSAVED_MAX;
    match unsaved.last_mut() {
        Some(last) if (last.what == what && last.why.as_deref() == why && !last.waits) || full => last.count += 1,
        _ => {
            let (what, why) = (what.to_owned(), why.map(ToOwned::to_owned));
            unsaved.push(Unsaved { what, count: 1, why, waits: false });
        }
    }
}

/// How many the server has refused.
pub(crate) fn refused(unsaved: &[Unsaved]) -> usize {
    unsaved.iter().filter(|one| !one.waits).map(|one| one.count).sum()
}

/// "1 edit was not saved".
pub(crate) fn in_words(unsaved: &[Unsaved]) -> String {
    match unsaved.iter().map(|one| one.count).sum() {
        1 => "1 edit was not saved".to_owned(),
        count => format!("{count} edits were not saved"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pe5_every_edit_is_counted_and_the_list_is_bounded() {
        let mut unsaved = Vec::new();
        for what in ["Move clip", "Move clip", "Mute"] {
            add(&mut unsaved, what, None);
        }
        assert_eq!(
            unsaved.iter().map(|one| (one.what.as_str(), one.count)).collect::<Vec<_>>(),
            [("Move clip", 2), ("Mute", 1)]
        );
        assert_eq!(in_words(&unsaved), "3 edits were not saved");
        for n in 0..500 {
            add(&mut unsaved, if n % 2 == 0 { "Solo" } else { "Mute" }, None);
        }
        assert_eq!(unsaved.len(), UNSAVED_MAX);
        assert_eq!(in_words(&unsaved), "503 edits were not saved");
        assert_eq!(in_words(&unsaved[1..2]), "1 edit was not saved");
    }

    #[test]
    fn cl3_what_was_refused_for_another_reason_stands_apart() {
        let mut unsaved = Vec::new();
        for why in [Some("a circle"), Some("a circle"), Some("too many tracks"), None] {
            add(&mut unsaved, "Route", why);
        }
        let seen: Vec<_> = unsaved.iter().map(|one| (one.count, one.why.as_deref())).collect();
        assert_eq!(seen, [(2, Some("a circle")), (1, Some("too many tracks")), (1, None)]);
        unsaved[2].waits = true;
        assert_eq!(refused(&unsaved), 3, "what waits has not been judged");
    }
}
