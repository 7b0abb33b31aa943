//! A client written against the guide: HTTP writes, notifications with versions, fetching what is newer (W1, W3, W5).

use std::collections::{BTreeMap, BTreeSet};

use model::{Id, Key, Record, Records, Table};
use operations::{Operation, Transaction};
use sync::wire::text::{Notice, Request};

use crate::checks::Failure;
use crate::server::{Answer, Ask, LinkId, RequestId, payload_hash};

#[derive(Debug)]
pub(crate) struct GuideClient {
    pub(crate) user: Id,
    project: Id,
    pub(crate) link: Option<LinkId>,
    cache: BTreeMap<Key, Record>,
    epoch: Option<Id>,
    subscribed: BTreeSet<String>,
    /// Versions that notifications told of lists.
    lists: BTreeMap<String, u64>,
    asked: BTreeMap<RequestId, Ask>,
    /// A write without an answer so far, sent again until there is one (WR6).
    writing: Option<Transaction>,
    made: u32,
}

/// What it wants done.
#[derive(Debug, Default)]
pub(crate) struct Wants {
    pub(crate) send: Vec<Vec<u8>>,
    pub(crate) ask: Vec<Ask>,
    pub(crate) acknowledged: Option<Id>,
    pub(crate) refused: Option<(Id, u64)>,
}

impl GuideClient {
    pub(crate) fn new(user: &Id, project: &Id) -> GuideClient {
        GuideClient {
            user: user.clone(),
            project: project.clone(),
            link: None,
            cache: BTreeMap::new(),
            epoch: None,
            subscribed: BTreeSet::new(),
            lists: BTreeMap::new(),
            asked: BTreeMap::new(),
            writing: None,
            made: 0,
        }
    }

    /// What it has, to make edits from.
    pub(crate) fn records(&self) -> Records {
        self.cache.iter().map(|(key, record)| (key.table, record.clone())).collect()
    }

    pub(crate) fn is_waiting(&self) -> bool {
        !self.asked.is_empty() || self.writing.is_some()
    }

    /// Requests whose answer has not come.
    pub(crate) fn unanswered(&self) -> Vec<RequestId> {
        self.asked.keys().copied().collect()
    }

    pub(crate) fn remember(&mut self, request: RequestId, ask: Ask) {
        self.asked.insert(request, ask);
    }

    /// A new socket subscribes to everything, and the lists are fetched anew.
    pub(crate) fn connected(&mut self, link: LinkId) -> Wants {
        self.link = Some(link);
        self.subscribed.clear();
        let mut wants = Wants { ask: vec![Ask::ListRecords], ..Wants::default() };
        self.subscribe(format!("project-tracks:{}", self.project), &mut wants);
        for key in self.cache.keys().cloned().collect::<Vec<_>>() {
            self.subscribe_to(&key, &mut wants);
        }
        wants
    }

    pub(crate) fn disconnected(&mut self) {
        self.link = None;
    }

    fn subscribe_to(&mut self, key: &Key, wants: &mut Wants) {
        if key.table == Table::Tracks {
            self.subscribe(format!("track-clips:{}", key.id), wants);
        }
        self.subscribe(key.to_string(), wants);
    }

    fn subscribe(&mut self, key: String, wants: &mut Wants) {
        if self.link.is_some() && self.subscribed.insert(key.clone()) {
            wants.send.push(serde_json::to_vec(&Request::Subscribe { key }).unwrap_or_default());
        }
    }

    /// A write; none while another one is on its way.
    pub(crate) fn write(&mut self, operations: Vec<Operation>) -> Option<Ask> {
        if self.writing.is_some() {
            return None;
        }
        self.made += 1;
        let transaction = Transaction {
            tx_id: Id::new(&format!("guide-{}", self.made)).ok()?,
            author_id: self.user.clone(),
            operations,
            client_timestamp: 0.0,
            base_versions: BTreeMap::new(),
            gesture: None,
        };
        self.writing = Some(transaction.clone());
        Some(Ask::Write(transaction))
    }

    pub(crate) fn notice(&mut self, text: &[u8]) -> Result<Wants, Failure> {
        let notice: Notice = serde_json::from_slice(text).map_err(|error| Failure::new("W3", error.to_string()))?;
        let mut wants = Wants::default();
        let Notice::Updates { updates } = notice else { return Ok(wants) };
        for update in updates {
            let (table, id) = update.key.split_once(':').unwrap_or_default();
            match (Table::from_name(table), Id::new(id)) {
                (Some(table), Ok(id)) => {
                    let key = Key::new(table, id);
                    if self.cache.get(&key).is_none_or(|cached| cached.version() < update.version) {
                        wants.ask.push(Ask::GetRecords(vec![key]));
                    }
                }
                _ => {
                    let last = self.lists.insert(update.key, update.version);
                    if last != Some(update.version) {
                        wants.ask.push(Ask::ListRecords);
                    }
                }
            }
        }
        Ok(wants)
    }

    /// An answer; none when the connection broke before it came.
    pub(crate) fn answer(&mut self, request: RequestId, answer: Option<Answer>) -> Wants {
        let mut wants = Wants::default();
        let Some(asked) = self.asked.remove(&request) else { return wants };
        match (asked, answer) {
            (_, Some(Answer::Records { records, epoch })) => self.take(&records, &epoch, &mut wants),
            (Ask::Write(transaction), Some(Answer::Written { records, epoch })) => {
                self.writing = None;
                self.take(&records, &epoch, &mut wants);
                wants.acknowledged = Some(transaction.tx_id);
            }
            (Ask::Write(transaction), Some(Answer::Refused(400 | 403 | 409))) => {
                self.writing = None;
                let hash = payload_hash(&transaction);
                wants.refused = Some((transaction.tx_id, hash));
            }
            // No permission now: a new socket will ask again.
            (_, Some(Answer::Refused(403))) => {}
            (asked, _) => wants.ask.push(asked),
        }
        wants
    }

    /// The newest version wins within an epoch; another epoch starts afresh.
    fn take(&mut self, records: &model::RecordMap, epoch: &Id, wants: &mut Wants) {
        if self.epoch.as_ref() != Some(epoch) {
            self.epoch = Some(epoch.clone());
            self.cache.clear();
            self.lists.clear();
        }
        for (table, record) in records.iter() {
            let key = Key::new(table, record.id().clone());
            if self.cache.get(&key).is_none_or(|cached| cached.version() < record.version()) {
                self.cache.insert(key.clone(), record.clone());
            }
            self.subscribe_to(&key, wants);
        }
    }

    /// With nothing on its way to or from it, its cache is the server's records, as far as it may see them.
    pub(crate) fn check(&self, server: &Records) -> Result<(), Failure> {
        if model::roles::role_of(server, &self.user).is_none() {
            return Ok(());
        }
        let listed = |key: &Key| matches!(key.table, Table::Tracks | Table::Clips | Table::Projects);
        for (key, record) in server.iter().filter(|(key, _)| listed(key)) {
            if self.cache.get(key) != Some(record) {
                return Err(Failure::new("PS2", format!("the guide's client has an old {key}")));
            }
        }
        Ok(())
    }
}
