//! What must hold on a tab's screen.

use std::collections::{BTreeMap, BTreeSet};

use model::{Id, Key, Record, Records};
use operations::{Author, Scope, transact};
use sync::Step;
use sync::wire::PresenceOf;

use super::Tab;
use crate::checks::{Failure, History};

impl Tab {
    /// What must hold after every event.
    pub(crate) fn check(&mut self, history: &History, project: &Id) -> Result<(), Failure> {
        let name = &self.name;
        let committed = self.mind.replica().committed();
        if let Some(epoch) = self.mind.replica().epoch() {
            let place = (epoch.clone(), self.mind.replica().seq());
            if self.compared.as_ref() != Some(&place) {
                history
                    .explains(&place, committed)
                    .map_err(|reason| Failure::new("SI1", format!("{name}: {reason}")))?;
                if self.versions.0.as_ref() != Some(epoch) {
                    self.versions = (Some(epoch.clone()), BTreeMap::new());
                }
                for (key, record) in committed.iter() {
                    let greatest = self.versions.1.entry(key.clone()).or_default();
                    if record.version() < *greatest {
                        let (version, greatest) = (record.version(), *greatest);
                        let reason = format!("{name}: {key} went back from version {greatest} to {version}");
                        return Err(Failure::new("CL1", reason));
                    }
                    *greatest = record.version();
                }
                self.compared = Some(place);
            }
        }
        self.check_authors()?;
        self.check_view(project)
    }

    /// The view is the committed state with the pending transactions on top, and the screen shows it.
    fn check_view(&self, project: &Id) -> Result<(), Failure> {
        let mut expected = self.mind.replica().committed().clone();
        for (transaction, time) in self.mind.replica().pending() {
            // What does not fit is left out.
            let scope = Scope::Project(project.clone());
            let _ = transact(&mut expected, &scope, &Author::User(self.user.clone()), transaction, time);
        }
        let name = &self.name;
        if expected != *self.mind.replica().view() {
            let reason = format!(
                "{name}: the view is not the committed state with the pending edits: {}",
                difference(&expected, self.view())
            );
            return Err(Failure::new("CL1", reason));
        }
        let shown: Records = self.shown.iter().map(|(key, record)| (key.table, record.clone())).collect();
        if shown != expected {
            let reason = format!("{name}: the screen does not show the view: {}", difference(&expected, &shown));
            return Err(Failure::new("CL1", reason));
        }
        Ok(())
    }

    /// What must hold when everything has come to rest: the tab's records are the server's.
    pub(crate) fn check_rest(&self, server: &sync::Room) -> Result<(), Failure> {
        let name = &self.name;
        let fail = |reason: String| Err(Failure::new("SI1", format!("{name}: {reason}")));
        if model::roles::role_of(server.records(), &self.user).is_none() {
            return if self.is_live() {
                fail("still follows a project that it may not read".to_owned())
            } else {
                Ok(())
            };
        }
        let place = (self.mind.replica().epoch(), self.mind.replica().seq());
        if place != (Some(server.epoch()), server.seq()) {
            return fail(format!("stands at {place:?}, the server at {}:{}", server.epoch(), server.seq()));
        }
        if self.has_pending() {
            return fail("has edits that nobody will confirm".to_owned());
        }
        if self.mind.replica().committed() != server.records() || self.mind.replica().view() != server.records() {
            return fail(format!("differs from the server: {}", difference(server.records(), self.view())));
        }
        Ok(())
    }

    /// What can be undone and redone is what the browser has kept of it (UN1).
    pub(super) fn check_steps(&self, steps: &[Step]) -> Result<(), Failure> {
        let mut steps: Vec<&Step> = steps.iter().collect();
        steps.sort_by_key(|step| (step.made, &step.id));
        // What was undone before something new was made elsewhere is over.
        let last = steps.iter().rposition(|step| !step.undone);
        let undo = last.map(|last| &steps[last].id);
        let redo = steps[last.map_or(0, |last| last + 1)..].first().map(|step| &step.id);
        let found = (
            self.mind.replica().next_undo().map(|step| &step.id),
            self.mind.replica().next_redo().map(|step| &step.id),
        );
        if found == (undo, redo) {
            return Ok(());
        }
        let reason = format!("{} could take back {found:?} after a reload, not {:?}", self.name, (undo, redo));
        Err(Failure::new("UN1", reason))
    }

    /// The song is as it was: what undo has taken back, redo has brought again (UN5).
    pub(crate) fn check_same_song(&self, before: &Records) -> Result<(), Failure> {
        let song = |records: &Records| -> BTreeMap<Key, model::Map> {
            let fields = |record: &Record| {
                let mut fields = record.fields().clone();
                fields.remove("updatedAt");
                fields
            };
            records.iter().map(|(key, record)| (key.clone(), fields(record))).collect()
        };
        if song(before) == song(self.view()) {
            return Ok(());
        }
        let difference = difference(before, self.view());
        Err(Failure::new("UN5", format!("{}: undo and redo have left something: {difference}", self.name)))
    }

    /// Nobody but who is logged in has edits here (CL3).
    fn check_authors(&self) -> Result<(), Failure> {
        match self.pending().find(|transaction| transaction.author_id != self.user) {
            Some(other) => Err(Failure::new("CL3", format!("{} shows {}'s edits", self.name, other.author_id))),
            None => Ok(()),
        }
    }

    /// What others do is what the server has been told (PR1).
    pub(crate) fn check_presences(&self, expected: &[PresenceOf]) -> Result<(), Failure> {
        let found: Vec<&PresenceOf> = self.mind.replica().presences().collect();
        if found.iter().copied().eq(expected) {
            return Ok(());
        }
        Err(Failure::new("PR1", format!("{} shows {found:?}, not {expected:?}", self.name)))
    }
}

/// The keys of records that differ.
pub(crate) fn difference(expected: &Records, found: &Records) -> String {
    let keys: BTreeSet<&Key> = expected.iter().chain(found.iter()).map(|(key, _)| key).collect();
    let differing = keys.into_iter().filter(|key| expected.get(key) != found.get(key));
    let text =
        |record: Option<&Record>| record.map_or("nothing".to_owned(), |r| serde_json::to_string(r).unwrap_or_default());
    let lines: Vec<String> = differing
        .take(3)
        .map(|key| format!("\n  {key} should be {}\n  but is {}", text(expected.get(key)), text(found.get(key))))
        .collect();
    lines.join("")
}
