//! The history: who changed what and when, named versions, and how the song was before.

mod banner;
mod change;
mod groups;
mod list;
mod look;
mod moment_words;
mod versions;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use leptos::prelude::*;
use model::Records;

pub(crate) use banner::Banner;
pub(crate) use list::{HistoryKey, HistoryPanel, HistorySwitch};

use crate::door::history::{Entry, Page, Version, page};
use crate::door::{Door, clock};
use groups::{Group, groups};
use words::Lexicon;

/// From a change to the look at the history that shows it: changes come in crowds.
const AFTER_A_CHANGE: Duration = Duration::from_millis(500);

/// What the panel knows. Copy it freely.
#[derive(Clone, Copy)]
pub(crate) struct History {
    door: Door,
    open: RwSignal<bool>,
    /// The newest first.
    entries: RwSignal<Vec<Entry>>,
    names: RwSignal<BTreeMap<String, String>>,
    versions: RwSignal<Vec<Version>>,
    /// What to ask for to go on; none at the beginning of the song, and before anything is here.
    next: RwSignal<Option<u64>>,
    loading: RwSignal<bool>,
    /// Why the history is not here.
    failed: RwSignal<Option<String>>,
    /// The state that is on its way.
    looking_for: RwSignal<Option<u64>>,
    /// The changes of which each gesture is shown, by the oldest of them: they stay open when their person goes on.
    opened: RwSignal<BTreeSet<u64>>,
    asked: StoredValue<bool>,
}

impl History {
    /// Closed; nothing is fetched until it is opened.
    pub(crate) fn new(door: Door) -> History {
        let history = History {
            door,
            open: RwSignal::new(false),
            entries: RwSignal::new(Vec::new()),
            names: RwSignal::new(BTreeMap::new()),
            versions: RwSignal::new(Vec::new()),
            next: RwSignal::new(None),
            loading: RwSignal::new(false),
            failed: RwSignal::new(None),
            looking_for: RwSignal::new(None),
            opened: RwSignal::new(BTreeSet::new()),
            asked: StoredValue::new(false),
        };
        door.listen(move |_| history.refresh_soon());
        // Behind an old state nothing is heard of changes, but one's own are seen to be saved.
        Effect::new(move |_| {
            if door.status().with(|status| status.live && status.pending == 0) {
                history.refresh_soon();
            }
        });
        history
    }

    /// Whether the panel is open.
    pub(crate) fn is_open(self) -> bool {
        self.open.get()
    }

    /// Opens or closes the panel.
    pub(crate) fn toggle(self) {
        let open = !self.open.get_untracked();
        self.open.set(open);
        if open {
            self.refresh();
        }
    }

    /// Shows each gesture of a change, or none.
    fn open_or_close(self, oldest: u64) {
        self.opened.update(|opened| {
            if !opened.remove(&oldest) {
                opened.insert(oldest);
            }
        });
    }

    /// Closes the panel.
    pub(crate) fn close(self) {
        self.open.set(false);
    }

    /// Looks again once no more changes come, if anybody is watching.
    fn refresh_soon(self) {
        let watched = self.open.try_get_untracked().unwrap_or(false);
        if !watched || self.asked.get_value() {
            return;
        }
        self.asked.set_value(true);
        clock::after(AFTER_A_CHANGE, move || {
            if self.asked.try_get_value().is_some() {
                self.asked.set_value(false);
                self.refresh();
            }
        });
    }

    /// Fetches the newest entries.
    fn refresh(self) {
        self.fetch(None);
    }

    /// Fetches the entries before those that are here.
    fn go_on(self) {
        if let Some(before) = self.next.get_untracked()
            && !self.loading.get_untracked()
        {
            self.fetch(Some(before));
        }
    }

    fn fetch(self, before: Option<u64>) {
        let Some(project) = self.door.project().get_untracked() else { return };
        self.loading.set(true);
        leptos::task::spawn_local(async move {
            let page = page(&project.id, before).await;
            if self.loading.try_set(false).is_some() {
                return;
            }
            match page {
                Ok(page) => {
                    self.failed.set(None);
                    self.take_in(page, before.is_none());
                }
                Err(failure) => self.failed.set(Some(failure.message)),
            }
        });
    }

    fn take_in(self, page: Page, newest: bool) {
        self.names.update(|names| names.extend(page.names));
        if let Some(versions) = page.versions {
            self.versions.set(versions);
        }
        let had = self.entries.with_untracked(|entries| entries.first().map(|entry| entry.seq));
        let oldest = page.entries.last().map(|entry| entry.seq);
        // A newest part that does not reach what is here leaves a gap: begin anew.
        let anew = newest && !matches!((had, oldest), (Some(had), Some(oldest)) if oldest <= had + 1);
        if anew || !newest {
            self.next.set(page.next);
        }
        self.entries.update(|entries| merge(entries, page.entries, anew));
    }

    /// The list as it is told.
    fn groups(self) -> Vec<Group> {
        let times = self.door.times().get();
        let metres = &times.metres;
        self.door.read_present(|records: &Records| {
            self.names.with(|names| self.entries.with(|entries| groups(entries, &Lexicon { records, names, metres })))
        })
    }
}

/// Puts entries to those that are here, each once, the newest first.
fn merge(entries: &mut Vec<Entry>, more: Vec<Entry>, anew: bool) {
    if anew {
        entries.clear();
    }
    entries.extend(more);
    model::sort_by(entries, |a, b| b.seq.cmp(&a.seq));
    entries.dedup_by_key(|entry| entry.seq);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::history::Author;

    fn entries(seqs: &[u64]) -> Vec<Entry> {
        let entry = |seq: &u64| Entry {
            seq: *seq,
            author: Author::default(),
            time: String::new(),
            gesture: None,
            operations: Vec::new(),
            operation_count: 0,
        };
        seqs.iter().map(entry).collect()
    }

    #[test]
    fn parts_of_the_history_fit_together() {
        let mut all = entries(&[5, 4]);
        let seqs = |all: &[Entry]| all.iter().map(|entry| entry.seq).collect::<Vec<_>>();
        merge(&mut all, entries(&[7, 6, 5]), false);
        assert_eq!(seqs(&all), [7, 6, 5, 4]);
        merge(&mut all, entries(&[3, 2]), false);
        assert_eq!(seqs(&all), [7, 6, 5, 4, 3, 2]);
        merge(&mut all, entries(&[90, 89]), true);
        assert_eq!(seqs(&all), [90, 89]);
    }
}
