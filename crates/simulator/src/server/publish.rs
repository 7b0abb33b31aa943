//! Who is told what, once it is durable (WR9, PS1, PS2).

use std::collections::BTreeSet;

use model::roles::role_of;
use model::{Id, Key, Records, Table};
use operations::{Commit, Refusal};
use sync::Room;
use sync::wire::text::{Notice, Request, Update};
use sync::wire::{ServerMessage, encode};

use super::{Grouped, LinkId, Out, Server, Session, Source};
use crate::fault::Fault;

impl Server {
    pub(super) fn publish(&mut self) {
        let group = std::mem::take(&mut self.group);
        let lost: Vec<LinkId> = self.sessions_without_access(self.room.records());
        let before = std::mem::replace(&mut self.told, self.room.clone());
        if !self.has(Fault::SubscriptionOutlivesAccess) {
            lost.into_iter().for_each(|link| self.end_access(link));
        }
        let links: Vec<LinkId> = self.sessions.keys().copied().collect();
        for link in links {
            match self.sessions.get(&link) {
                Some(Session::Binary { open: Some(channel), .. }) => self.tell(link, *channel, &group),
                Some(Session::Text { .. }) => self.notify(link, &before, &group),
                _ => {}
            }
        }
        for Grouped { submitted, source } in &group {
            if matches!(source, Source::Http(_)) {
                self.acknowledge(*source, &submitted.commit.tx_id, submitted.commit.seq);
            }
        }
        for (source, tx_id, seq) in std::mem::take(&mut self.waiting) {
            self.acknowledge(source, &tx_id, seq);
        }
    }

    pub(super) fn sessions_without_access(&self, records: &Records) -> Vec<LinkId> {
        let without = |(link, session): (&LinkId, &Session)| match session {
            Session::Binary { user, open: Some(_), .. } | Session::Text { user, .. } => {
                role_of(records, user).is_none().then_some(*link)
            }
            Session::Binary { .. } => None,
        };
        self.sessions.iter().filter_map(without).collect()
    }

    pub(super) fn end_access(&mut self, link: LinkId) {
        self.goes(link);
        match self.sessions.get_mut(&link) {
            Some(Session::Binary { open, .. }) => {
                if let Some(channel) = open.take() {
                    let message = Refusal::FORBIDDEN.to_owned();
                    self.say(link, &ServerMessage::Denied { channel, status: 403, message });
                }
            }
            Some(Session::Text { keys, .. }) => keys.clear(),
            None => {}
        }
    }

    /// The group as one connection gets it: its own transactions that stand in the log as sent are only acknowledged.
    pub(super) fn tell(&mut self, link: LinkId, channel: u32, group: &[Grouped]) {
        let (mut commits, mut own) = (Vec::new(), Vec::new());
        for Grouped { submitted, source } in group {
            let verbatim = submitted.verbatim || self.has(Fault::RewrittenButAcknowledged);
            if *source == Source::Link(link, channel) && verbatim {
                self.tell_commits(link, channel, &mut commits);
                own.push(&submitted.commit);
            } else {
                self.acknowledge_together(link, channel, &mut own);
                commits.push(submitted.commit.clone());
            }
        }
        self.acknowledge_together(link, channel, &mut own);
        self.tell_commits(link, channel, &mut commits);
    }

    /// Commits that follow each other: as many as were made at one time are acknowledged in one message.
    fn acknowledge_together(&mut self, link: LinkId, channel: u32, own: &mut Vec<&Commit>) {
        for commits in own.chunk_by(|a, b| a.time == b.time) {
            let tx_ids = commits.iter().map(|commit| commit.tx_id.clone()).collect();
            let (seq, time) = (commits[0].seq, commits[0].time);
            self.say(link, &ServerMessage::Acknowledged { channel, tx_ids, seq, time });
        }
        own.clear();
    }

    /// Whether this connection is told when tracks come and go.
    pub(crate) fn is_subscribed(&self, link: LinkId, key: &str) -> bool {
        matches!(self.sessions.get(&link), Some(Session::Text { keys, .. }) if keys.contains(key))
    }

    /// A text message of the guide's protocol (W3).
    pub(crate) fn text(&mut self, link: LinkId, text: &str) {
        let Some(Session::Text { user, .. }) = self.sessions.get(&link) else { return };
        let allowed = self.may_read(user);
        let Ok(request) = serde_json::from_str::<Request>(text) else { return };
        let version = match &request {
            Request::Subscribe { key } if allowed => version_of(self.told.records(), self.told.seq(), key),
            _ => None,
        };
        let Some(Session::Text { keys, .. }) = self.sessions.get_mut(&link) else { return };
        match (request, version) {
            (Request::Subscribe { key }, Some(version)) => {
                keys.insert(key.clone());
                if self.fault == Some(Fault::SilentSubscription) {
                    return;
                }
                // At once the current version: it closes the gap between fetching and subscribing (PS2).
                self.out.push(Out::Frame(link, updates_text(vec![Update { key, version }])));
            }
            (Request::Subscribe { .. }, None) => {}
            (Request::Unsubscribe { key }, _) => drop(keys.remove(&key)),
        }
    }

    pub(super) fn tell_commits(&mut self, link: LinkId, channel: u32, commits: &mut Vec<Commit>) {
        if !commits.is_empty() {
            let message = ServerMessage::Commits { channel, commits: std::mem::take(commits) };
            self.out.push(Out::News(link, encode(&message)));
        }
    }

    pub(super) fn notify(&mut self, link: LinkId, before: &Room, group: &[Grouped]) {
        let Some(Session::Text { keys, .. }) = self.sessions.get(&link) else { return };
        let (records, seq) = (self.told.records(), self.told.seq());
        let changed: BTreeSet<&Key> = group.iter().flat_map(|grouped| &grouped.submitted.changed).collect();
        let names: BTreeSet<String> =
            changed.into_iter().flat_map(|key| names_of(key, before.records(), records)).collect();
        let updates: Vec<Update> = names
            .into_iter()
            .filter(|name| keys.contains(name))
            .filter_map(|key| version_of(records, seq, &key).map(|version| Update { key, version }))
            .collect();
        if !updates.is_empty() {
            self.out.push(Out::News(link, updates_text(updates)));
        }
    }
}

fn updates_text(updates: Vec<Update>) -> Vec<u8> {
    serde_json::to_vec(&Notice::Updates { updates }).unwrap_or_default()
}

/// The version behind a subscription key; none when there is nothing of that name.
fn version_of(records: &Records, seq: u64, name: &str) -> Option<u64> {
    let (table, id) = name.split_once(':')?;
    let id = Id::new(id).ok()?;
    match table {
        "project-tracks" => records.find(Table::Projects, &id).map(|_| seq),
        "track-clips" => records.find(Table::Tracks, &id).map(|_| seq),
        _ => records.find(Table::from_name(table)?, &id).map(model::Record::version),
    }
}

/// The subscription keys that a changed record moves: its own, and the lists that it is or was in.
fn names_of(key: &Key, before: &Records, after: &Records) -> Vec<String> {
    let mut names = vec![key.to_string()];
    let (list, field) = match key.table {
        Table::Tracks => ("project-tracks", "projectId"),
        Table::Clips => ("track-clips", "trackId"),
        _ => return names,
    };
    let parents = [before.get(key), after.get(key)].into_iter().flatten().filter_map(|record| record.text(field));
    names.extend(parents.map(|parent| format!("{list}:{parent}")));
    names
}
