//! What the projects use that are open in any tab: each tab holds a lock whose name says so, and which goes with the tab.

use std::collections::HashSet;

use model::Id;

use super::ledger::Entry;

/// So many digits of a hash stand for it: that another begins like it costs some room, no more.
const DIGITS: usize = 16;

fn prefix(user: &Id) -> String {
    format!("unisono-in-use {user} ")
}

/// The name of the lock that says that these hashes are used.
pub(super) fn name(user: &Id, hashes: &HashSet<String>) -> String {
    let mut begins: Vec<&str> = hashes.iter().filter_map(|hash| hash.get(..DIGITS)).collect();
    model::sort_by(&mut begins, Ord::cmp);
    prefix(user) + &begins.join(" ")
}

/// What of `kept` is used by any tab, as the locks that are held tell.
pub(super) fn of(held: &[String], user: &Id, kept: &[Entry]) -> HashSet<String> {
    let prefix = prefix(user);
    let begins: HashSet<&str> =
        held.iter().filter_map(|name| name.strip_prefix(&*prefix)).flat_map(|begins| begins.split(' ')).collect();
    let is_used = |entry: &&Entry| entry.hash.get(..DIGITS).is_some_and(|begin| begins.contains(begin));
    kept.iter().filter(is_used).map(|entry| entry.hash.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cl5_what_any_tab_of_the_same_user_uses_is_known_to_all() {
        let entry = |letter: char| Entry { hash: letter.to_string().repeat(64), size: 1 };
        let kept: Vec<Entry> = "abcd".chars().map(entry).collect();
        let uses = |user: &str, letters: &str| {
            name(&Id::new(user).unwrap(), &letters.chars().map(|letter| entry(letter).hash).collect())
        };
        let [ann, bob] = ["6f9619ff-8b86-4011-b42d-00c04fc964ff", "7f9619ff-8b86-4011-b42d-00c04fc964ff"];
        let held = [uses(ann, "ab"), uses(ann, ""), uses(ann, "be"), uses(bob, "c"), "unisono-export-1".to_owned()];
        let used = of(&held, &Id::new(ann).unwrap(), &kept);
        assert_eq!(used, HashSet::from([entry('a').hash, entry('b').hash]));
    }
}
