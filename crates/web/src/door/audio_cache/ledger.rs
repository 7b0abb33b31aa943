//! What is kept and what has to go: by name, size and when it was last used. No files here.

use std::collections::{HashMap, HashSet};

/// A recording's bytes as they are kept: their SHA-256 and how many they are, which together are the name of the file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::door) struct Entry {
    /// SHA-256, hexadecimal.
    pub(in crate::door) hash: String,
    /// Bytes.
    pub(in crate::door) size: u64,
}

impl Entry {
    /// The name of its file.
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.hash, self.size)
    }

    /// The other way round; none for what is no such name.
    pub(super) fn of_name(name: &str) -> Option<Entry> {
        let (hash, size) = name.split_once('.')?;
        let is_hash =
            hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        Some(Entry { hash: hash.to_owned(), size: size.parse().ok()? }).filter(|_| is_hash)
    }
}

/// What has to go so that `size` more bytes fit into `quota`: those whose last use is longest ago, never one in `in_use`. None
/// when they would not fit even so.
pub(super) fn make_room(
    kept: &[Entry],
    last_used: &HashMap<String, f64>,
    in_use: &HashSet<String>,
    size: u64,
    quota: u64,
) -> Option<Vec<Entry>> {
    let total: u64 = kept.iter().map(|entry| entry.size).sum();
    let mut excess = (total + size).saturating_sub(quota);
    let mut candidates: Vec<&Entry> = kept.iter().filter(|entry| !in_use.contains(&entry.hash)).collect();
    // Of what is not known when it was used, it was long ago.
    let when = |entry: &Entry| last_used.get(&entry.hash).copied().unwrap_or(0.0);
    model::sort_by(&mut candidates, |a, b| when(a).total_cmp(&when(b)).then_with(|| a.hash.cmp(&b.hash)));
    let mut gone = Vec::new();
    for entry in candidates {
        if excess == 0 {
            break;
        }
        excess = excess.saturating_sub(entry.size);
        gone.push(entry.clone());
    }
    (excess == 0).then_some(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(letter: char, size: u64) -> Entry {
        Entry { hash: letter.to_string().repeat(64), size }
    }

    fn used(times: &[(char, f64)]) -> HashMap<String, f64> {
        times.iter().map(|(letter, time)| (letter.to_string().repeat(64), *time)).collect()
    }

    #[test]
    fn names_say_hash_and_size_and_nothing_else_is_one() {
        let one = entry('a', 1_234);
        assert_eq!(Entry::of_name(&one.name()), Some(one));
        for wrong in ["", "a.1", &"a".repeat(64), &format!("{}.x", "a".repeat(64)), &format!("{}.1", "g".repeat(64))] {
            assert_eq!(Entry::of_name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn cl5_what_was_not_used_for_longest_goes_first_and_no_more_than_needed() {
        let kept = [entry('a', 40), entry('b', 30), entry('c', 20)];
        let times = used(&[('a', 3.0), ('b', 1.0), ('c', 2.0)]);
        let gone = |size, quota| make_room(&kept, &times, &HashSet::new(), size, quota);
        assert_eq!(gone(10, 100), Some(vec![]));
        assert_eq!(gone(11, 100), Some(vec![entry('b', 30)]));
        assert_eq!(gone(41, 100), Some(vec![entry('b', 30), entry('c', 20)]));
        assert_eq!(gone(101, 100), None, "it would not fit alone");
        assert_eq!(gone(0, 50), Some(vec![entry('b', 30), entry('c', 20)]), "the quota was made smaller");
    }

    #[test]
    fn cl5_what_is_in_use_stays_even_if_the_newcomer_has_to_do_without() {
        let kept = [entry('a', 40), entry('b', 30)];
        let in_use = HashSet::from(["a".repeat(64)]);
        assert_eq!(make_room(&kept, &HashMap::new(), &in_use, 60, 100), Some(vec![entry('b', 30)]));
        assert_eq!(make_room(&kept, &HashMap::new(), &in_use, 61, 100), None);
    }

    #[test]
    fn what_is_not_known_when_it_was_used_goes_first() {
        let kept = [entry('a', 40), entry('b', 40)];
        let gone = make_room(&kept, &used(&[('a', 1.0)]), &HashSet::new(), 40, 80);
        assert_eq!(gone, Some(vec![entry('b', 40)]));
    }
}
