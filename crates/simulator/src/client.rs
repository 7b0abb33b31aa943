//! A client with a replica, as the browser drives it, and what must hold on its screen at every moment.

use std::collections::{BTreeMap, BTreeSet};

use model::{Id, Key, Record, Records, Timestamp};
use operations::{Author, Operation, Scope, transact};
use sync::wire::{ClientMessage, ServerMessage, decode, encode};
use sync::{Effect, Event, Replica};

use crate::checks::{Failure, History};
use crate::fault::Fault;
use crate::server::{LinkId, payload_hash};

/// The channel that every client uses.
const CHANNEL: u32 = 7;

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) user: Id,
    /// What makes its transactions' ids its own.
    name: String,
    replica: Replica,
    pub(crate) link: Option<LinkId>,
    /// How far its clock is off, in milliseconds.
    skew: i64,
    made: u32,
    /// What the screen shows: brought up to date by [`Effect::Changed`] only.
    shown: BTreeMap<Key, Record>,
    /// The greatest versions in this epoch (CL1).
    versions: (Option<Id>, BTreeMap<Key, u64>),
    /// Where the replica stood when its committed state was last compared.
    compared: Option<(Id, u64)>,
    fault: Option<Fault>,
}

/// What a client has learnt and wants done.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) send: Vec<Vec<u8>>,
    pub(crate) reconnect: bool,
    /// Own transactions that are in the log for sure, by (author, id).
    pub(crate) acknowledged: Vec<(Id, Id)>,
    /// Own transactions that are not, with the hash of the payload.
    pub(crate) refused: Vec<(Id, u64)>,
}

impl Client {
    pub(crate) fn new(name: &str, user: &Id, project: &Id, skew: i64, fault: Option<Fault>) -> Client {
        Client {
            user: user.clone(),
            name: name.to_owned(),
            replica: Replica::new(user.clone(), project.clone(), CHANNEL),
            link: None,
            skew,
            made: 0,
            shown: BTreeMap::new(),
            versions: (None, BTreeMap::new()),
            compared: None,
            fault,
        }
    }

    pub(crate) fn view(&self) -> &Records {
        self.replica.view()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn has_pending(&self) -> bool {
        self.replica.status().pending > 0
    }

    pub(crate) fn is_denied(&self) -> bool {
        self.replica.status().denied.is_some()
    }

    pub(crate) fn is_live(&self) -> bool {
        self.replica.status().live
    }

    pub(crate) fn connected(&mut self, link: LinkId) -> Heard {
        self.link = Some(link);
        let effects = self.replica.handle(Event::Connected);
        self.carry_out(effects, &BTreeMap::new())
    }

    pub(crate) fn disconnected(&mut self) -> Heard {
        self.link = None;
        let effects = self.replica.handle(Event::Disconnected);
        self.carry_out(effects, &BTreeMap::new())
    }

    /// The user does something. None when the replica refuses it at once.
    pub(crate) fn edit(&mut self, operations: Vec<Operation>, now: Timestamp) -> Option<Heard> {
        self.made += 1;
        let tx_id = Id::new(&format!("{}-{}", self.name, self.made)).ok()?;
        let effects = self.replica.dispatch(tx_id, operations, Timestamp(now.0 + self.skew)).ok()?;
        Some(self.carry_out(effects, &BTreeMap::new()))
    }

    pub(crate) fn frame(&mut self, frame: &[u8]) -> Result<Heard, Failure> {
        let message: ServerMessage =
            decode(frame).map_err(|bad| Failure::new("W4", format!("{}: the server's frame: {bad}", self.name)))?;
        if self.fault == Some(Fault::RefusalSwallowed) && matches!(message, ServerMessage::Refused { .. }) {
            return Ok(Heard::default());
        }
        let own = |tx_id: &Id| (self.user.clone(), tx_id.clone());
        let acknowledged = match &message {
            ServerMessage::Acknowledged { tx_id, .. } => vec![own(tx_id)],
            ServerMessage::Commits { commits, .. } => {
                let mine = commits.iter().filter(|commit| commit.author == self.user);
                mine.map(|commit| own(&commit.tx_id)).collect()
            }
            _ => Vec::new(),
        };
        let hashes: BTreeMap<Id, u64> = self
            .replica
            .pending()
            .map(|(transaction, _)| (transaction.tx_id.clone(), payload_hash(transaction)))
            .collect();
        let effects = self.replica.handle(Event::Message(message));
        Ok(Heard { acknowledged, ..self.carry_out(effects, &hashes) })
    }

    fn carry_out(&mut self, effects: Vec<Effect>, hashes: &BTreeMap<Id, u64>) -> Heard {
        let mut heard = Heard::default();
        for effect in effects {
            match effect {
                Effect::Send(message) => heard.send.push(encode::<ClientMessage>(&message)),
                Effect::Changed(keys) => self.redraw(&keys),
                Effect::Refused { tx_id, .. } => {
                    heard.refused.extend(hashes.get(&tx_id).map(|hash| (tx_id, *hash)));
                }
                Effect::Reconnect => heard.reconnect = true,
                _ => {}
            }
        }
        heard
    }

    fn redraw(&mut self, keys: &[Key]) {
        let no_rebase = self.fault == Some(Fault::NoRebase);
        let source = if no_rebase { self.replica.committed() } else { self.replica.view() };
        for key in keys {
            match source.get(key) {
                Some(record) => drop(self.shown.insert(key.clone(), record.clone())),
                None => drop(self.shown.remove(key)),
            }
        }
    }

    /// What must hold after every event.
    pub(crate) fn check(&mut self, history: &History, project: &Id) -> Result<(), Failure> {
        let name = &self.name;
        let committed = self.replica.committed();
        if let Some(epoch) = self.replica.epoch() {
            let place = (epoch.clone(), self.replica.seq());
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
        self.check_view(project)
    }

    /// The view is the committed state with the pending transactions on top, and the screen shows it.
    fn check_view(&self, project: &Id) -> Result<(), Failure> {
        let mut expected = self.replica.committed().clone();
        for (transaction, time) in self.replica.pending() {
            // What does not fit is left out.
            let scope = Scope::Project(project.clone());
            let _ = transact(&mut expected, &scope, &Author::User(self.user.clone()), transaction, time);
        }
        let name = &self.name;
        if expected != *self.replica.view() {
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

    /// What must hold when everything has come to rest: the client's records are the server's.
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
        let place = (self.replica.epoch(), self.replica.seq());
        if place != (Some(server.epoch()), server.seq()) {
            return fail(format!("stands at {place:?}, the server at {}:{}", server.epoch(), server.seq()));
        }
        if self.has_pending() {
            return fail("has edits that nobody will confirm".to_owned());
        }
        if self.replica.committed() != server.records() || self.replica.view() != server.records() {
            return fail(format!("differs from the server: {}", difference(server.records(), self.view())));
        }
        Ok(())
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
