//! Who last wrote which part of a record, so that undo never changes what somebody else has written since (UN3).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Id;
use crate::limits::STAMPS_PER_RECORD_MAX;

/// The transactions that wrote a record's paths last. Cloning is O(1).
///
/// A path's *writer* is the stamp of its longest stamped prefix; none when nobody has written there since the record was
/// created. A write to a path takes the place of all writes below it. Stamps beyond
/// [`STAMPS_PER_RECORD_MAX`] are forgotten, the oldest first, and never mistaken for "nobody".
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stamps {
    of: OrdMap<Arc<str>, Stamp>,
    /// The sum of [`weight_of`], kept up so that a limit can be checked without a walk.
    weight: usize,
}

/// Bytes that a stamp takes beside its path and its transaction, about.
const STAMP_BYTES: usize = 16;

/// About how many bytes a stamp takes.
fn weight_of(path: &str, stamp: &Stamp) -> usize {
    path.len() + stamp.transaction.as_str().len() + STAMP_BYTES
}

#[derive(Clone, Debug, PartialEq)]
struct Stamp {
    transaction: Id,
    /// The record's version that the write made: tells the older of two stamps.
    version: u64,
}

impl Stamps {
    /// Whether nobody has written since the record was created.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// How many paths carry a stamp.
    #[must_use]
    pub fn len(&self) -> usize {
        self.of.len()
    }

    /// About how many bytes they take.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// Every stamp: path, transaction, and the record's version that the write made; ordered by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Id, u64)> {
        self.of.iter().map(|(path, stamp)| (&**path, &stamp.transaction, stamp.version))
    }

    /// The transaction that wrote `path`, or what it lies in, last.
    #[must_use]
    pub fn writer(&self, path: &str) -> Option<&Id> {
        if self.of.is_empty() {
            return None;
        }
        let mut prefix = path;
        loop {
            if let Some(stamp) = self.of.get(prefix) {
                return Some(&stamp.transaction);
            }
            prefix = match prefix.rfind('.') {
                Some(end) => &prefix[..end],
                None if prefix.is_empty() => return None,
                None => "",
            };
        }
    }

    /// Notes that `transaction` wrote `path`, which made the record's `version`.
    pub fn write(&mut self, path: &str, transaction: &Id, version: u64) {
        self.forget_below(path);
        self.take_out(path);
        if self.writer(path) == Some(transaction) {
            // Its own earlier write to what the path lies in says so already: there is one way to note the same.
            return;
        }
        self.put_in(&Arc::from(path), Stamp { transaction: transaction.clone(), version });
        if self.of.len() > STAMPS_PER_RECORD_MAX {
            self.forget_oldest();
        }
    }

    /// Who wrote `path` (named by an empty path) and what lies in it (named by the rest of its path).
    #[must_use]
    pub fn writers(&self, path: &str) -> BTreeMap<Box<str>, Id> {
        let mut writers = BTreeMap::new();
        // One by one: mostly there is one, and collecting would sort a list of it.
        writers.extend(self.writer(path).map(|writer| (Box::from(""), writer.clone())));
        let below = self.below(path).map(|(at, stamp)| (Box::from(&at[path.len() + 1..]), stamp.transaction.clone()));
        writers.extend(below);
        writers
    }

    /// Notes that `path` is again as these [`Stamps::writers`] had left it.
    pub fn give_back(&mut self, path: &str, writers: &BTreeMap<Box<str>, Id>, version: u64) {
        self.forget_below(path);
        self.take_out(path);
        for (rest, writer) in writers {
            let place = if rest.is_empty() { Cow::Borrowed(path) } else { Cow::Owned(format!("{path}.{rest}")) };
            if self.writer(&place) != Some(writer) {
                self.write(&place, writer, version);
            }
        }
    }

    fn below<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a Arc<str>, &'a Stamp)> {
        let after: (Bound<&str>, Bound<&str>) = (Bound::Excluded(path), Bound::Unbounded);
        // What follows the path in the order of texts, up to where a dot would stand: first such as `a-b` for `a`.
        let next = move |at: &Arc<str>| at.strip_prefix(path).and_then(|rest| rest.bytes().next());
        let up_to_the_dot =
            self.of.range::<_, str>(after).take_while(move |(at, _)| next(at).is_some_and(|c| c <= b'.'));
        up_to_the_dot.filter(move |(at, _)| next(at) == Some(b'.'))
    }

    fn forget_below(&mut self, path: &str) {
        let below: Vec<Arc<str>> = self.below(path).map(|(path, _)| Arc::clone(path)).collect();
        for path in below {
            self.take_out(&path);
        }
    }

    fn put_in(&mut self, path: &Arc<str>, stamp: Stamp) {
        self.weight += weight_of(path, &stamp);
        if let Some(old) = self.of.insert(Arc::clone(path), stamp) {
            self.weight -= weight_of(path, &old);
        }
    }

    fn take_out(&mut self, path: &str) {
        if let Some(old) = self.of.remove(path) {
            self.weight -= weight_of(path, &old);
        }
    }

    /// Forgets a quarter of the stamps. The youngest of them becomes the whole record's: whoever asks for a forgotten path
    /// then hears of somebody, and leaves it alone.
    fn forget_oldest(&mut self) {
        let mut versions: Vec<u64> = self.of.values().map(|stamp| stamp.version).collect();
        let quarter = versions.len() / 4;
        let (_, &mut limit, _) = versions.select_nth_unstable(quarter);
        let is_old = |stamp: &Stamp| stamp.version <= limit;
        let youngest = self.of.values().filter(|stamp| is_old(stamp)).max_by_key(|stamp| stamp.version).cloned();
        let kept = self.of.iter().filter(|(_, stamp)| !is_old(stamp));
        let kept: Vec<(Arc<str>, Stamp)> = kept.map(|(path, stamp)| (Arc::clone(path), stamp.clone())).collect();
        *self = Stamps::default();
        kept.into_iter().for_each(|(path, stamp)| self.put_in(&path, stamp));
        if let Some(stamp) = youngest {
            self.put_in(&Arc::from(""), stamp);
        }
    }
}

impl FromIterator<(Arc<str>, Id, u64)> for Stamps {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Id, u64)>>(stamps: I) -> Stamps {
        let mut all = Stamps::default();
        for (path, transaction, version) in stamps {
            all.put_in(&path, Stamp { transaction, version });
        }
        all
    }
}

impl Serialize for Stamps {
    /// A list of `[path, transaction, version]`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Stamps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Stamps, D::Error> {
        let stamps = Vec::<(String, Id, u64)>::deserialize(deserializer)?;
        Ok(stamps.into_iter().map(|(path, transaction, version)| (Arc::from(path), transaction, version)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Id {
        Id::new(text).unwrap()
    }

    #[test]
    fn un3_a_write_takes_the_place_of_all_writes_below_it() {
        let mut stamps = Stamps::default();
        stamps.write("plugins.eq.params.freq", &id("a"), 2);
        stamps.write("plugins.eq.params.gain", &id("b"), 3);
        assert_eq!(stamps.writer("plugins.eq.params.freq"), Some(&id("a")));
        let writers = [("freq", "a"), ("gain", "b")].map(|(rest, tx)| (Box::from(rest), id(tx)));
        assert_eq!(stamps.writers("plugins.eq.params"), BTreeMap::from(writers));
        stamps.write("plugins.eq", &id("c"), 4);
        assert_eq!(stamps.writer("plugins.eq.params.freq"), Some(&id("c")));
        assert_eq!(stamps.len(), 1);
        assert_eq!(stamps.writer("plugins"), None, "what lies in it was written, it was not");
        assert_eq!(stamps.writer("plug"), None);
    }

    #[test]
    fn w6_the_weight_of_stamps_follows_every_change() {
        let mut stamps = Stamps::default();
        let walked = |stamps: &Stamps| stamps.of.iter().map(|(path, stamp)| weight_of(path, stamp)).sum::<usize>();
        for n in 0..STAMPS_PER_RECORD_MAX as u64 + 9 {
            stamps.write(&format!("notes.n{}.pitch", n % 4_200), &id(&format!("t{}", n % 7)), n + 2);
            if n % 3 == 0 {
                stamps.write(&format!("notes.n{n}"), &id("wider"), n + 2);
            }
            if n == 500 {
                let writers = stamps.writers("notes");
                stamps.write("notes", &id("all"), n + 2);
                stamps.give_back("notes", &writers, n + 2);
            }
        }
        assert!(stamps.len() > 1_000);
        assert_eq!(stamps.weight(), walked(&stamps));
        let again: Stamps = stamps.iter().map(|(path, tx, version)| (Arc::from(path), tx.clone(), version)).collect();
        assert_eq!(again, stamps);
        stamps.write("notes", &id("last"), 9_999);
        assert!(stamps.weight() == walked(&stamps) && stamps.weight() < 100, "{}", stamps.weight());
    }

    #[test]
    fn un3_what_is_given_back_is_as_it_was() {
        let mut stamps = Stamps::default();
        stamps.write("a", &id("t1"), 2);
        let before = stamps.clone();
        let writers = stamps.writers("a.b");
        stamps.write("a.b", &id("t2"), 3);
        stamps.give_back("a.b", &writers, 4);
        assert_eq!(stamps, before);
        stamps.write("a.b", &id("t3"), 3);
        let (inner, writers) = (stamps.clone(), stamps.writers("a"));
        stamps.give_back("a", &BTreeMap::new(), 5);
        assert!(stamps.is_empty());
        stamps.give_back("a", &writers, 6);
        assert_eq!(stamps.writers(""), BTreeMap::new());
        let who =
            |stamps: &Stamps| stamps.iter().map(|(path, tx, _)| (path.to_owned(), tx.clone())).collect::<Vec<_>>();
        assert_eq!(who(&stamps), who(&inner));
    }

    #[test]
    fn un3_what_is_forgotten_is_not_taken_for_untouched() {
        let mut stamps = Stamps::default();
        for n in 0..=STAMPS_PER_RECORD_MAX as u64 {
            stamps.write(&format!("notes.n{n}"), &id(&format!("t{n}")), n + 2);
        }
        assert!(stamps.len() <= STAMPS_PER_RECORD_MAX);
        assert!(stamps.writer("notes.n0").is_some_and(|writer| *writer != id("t0")));
        let last = STAMPS_PER_RECORD_MAX;
        assert_eq!(stamps.writer(&format!("notes.n{last}")), Some(&id(&format!("t{last}"))));
    }
}
