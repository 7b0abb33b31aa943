//! Who follows the project (W4): where they begin, and who and where the others are.

use std::collections::BTreeSet;

use model::{Id, Record, Role};
use operations::{Commit, Refusal, Scope};
use storage::{Store, StoreError};
use sync::wire::{Person, Presence, Resume, ServerMessage};

use super::super::SubmitError;
use super::super::limits::{RESUME_BYTES_MAX, RESUME_COMMITS_MAX, RESUME_READ_COMMITS};
use super::super::outbox::Outbox;
use super::super::queue::{EncodedCommits, Outgoing, commit_bytes};
use super::{RoomTask, SocketId, may_read};

/// A socket that follows the project (W4).
pub(in super::super) struct Follower {
    pub(in super::super) socket: SocketId,
    pub(in super::super) user: Id,
    pub(in super::super) channel: u32,
    pub(in super::super) outbox: Outbox,
    /// Why its transactions are put off until it opens the project again: what comes after one that was put off may build
    /// on it, and must not be judged without it.
    pub(super) put_off: Option<SubmitError>,
}

impl Follower {
    pub(super) fn refuse(&self, tx_id: Id, error: &SubmitError) {
        let (channel, status, message) = (self.channel, error.status(), error.message());
        self.outbox.message(&ServerMessage::Refused { channel, tx_id, status, message });
    }
}

impl RoomTask {
    pub(super) fn follower(&self, socket: SocketId, channel: u32) -> Option<&Follower> {
        self.followers.iter().find(|follower| (follower.socket, follower.channel) == (socket, channel))
    }

    pub(super) fn put_off(&mut self, socket: SocketId, channel: u32, tx_ids: Vec<Id>, reason: SubmitError) {
        let mine = |follower: &&mut Follower| (follower.socket, follower.channel) == (socket, channel);
        let Some(follower) = self.followers.iter_mut().find(mine) else { return };
        for tx_id in tx_ids {
            follower.refuse(tx_id, &reason);
        }
        follower.put_off = Some(reason);
    }

    pub(super) async fn open(&mut self, follower: Follower, resume: Option<Resume>) {
        if self.refresh().await.is_err() {
            let message = SubmitError::Unavailable.message();
            follower.outbox.message(&ServerMessage::Denied { channel: follower.channel, status: 503, message });
            return;
        }
        if !may_read(&self.room, &follower.user) {
            follower.outbox.message(&denied(follower.channel));
            return;
        }
        self.followers.retain(|f| (f.socket, f.channel) != (follower.socket, follower.channel));
        if self.is_proof_of_loss(resume.as_ref()) {
            self.renew_epoch().await;
        }
        let channel = follower.channel;
        match self.missed(resume).await {
            Some((seq, commits)) => {
                let epoch = self.room.epoch().clone();
                follower.outbox.message(&ServerMessage::Resumed { channel, epoch, seq });
                let encoded = EncodedCommits::of(&commits);
                follower.outbox.commits(channel, &encoded, 0..encoded.len());
            }
            None => drop(follower.outbox.push(Outgoing::Snapshot { channel, room: self.room.clone() })),
        }
        if let Ok(people) = self.people().await {
            follower.outbox.message(&ServerMessage::People { channel, people });
        }
        self.presences.greet(&follower);
        self.followers.push(follower);
        self.tell_presence();
    }

    pub(super) fn said(&mut self, socket: SocketId, channel: u32, presence: Presence) {
        // Whoever does not follow, or no longer may, has nobody to tell.
        if let Some(follower) = self.followers.iter().find(|f| (f.socket, f.channel) == (socket, channel)) {
            self.presences.said(follower, presence);
        }
    }

    /// What a client that has come so far has missed; none when it has to start over (PS3).
    async fn missed(&self, resume: Option<Resume>) -> Option<(u64, Vec<Commit>)> {
        let Resume { epoch, seq } = resume?;
        let missing = self.room.seq().checked_sub(seq)?;
        if epoch != *self.room.epoch() || missing > RESUME_COMMITS_MAX {
            return None;
        }
        let scope = self.room.scope().clone();
        let commits = self.database.run(move |store| read_missed(store, &scope, seq, missing)).await.ok()??;
        Some((seq, commits))
    }

    async fn people(&self) -> Result<Vec<Person>, StoreError> {
        let Scope::Project(project) = self.room.scope().clone() else { return Ok(Vec::new()) };
        let people = self.database.run(move |store| store.people_of(&project)).await?;
        Ok(people.into_iter().map(|(record, role)| person(&record, role)).collect())
    }

    pub(super) async fn tell_people(&mut self) {
        let Ok(people) = self.people().await else { return };
        self.followers.retain(|follower| {
            let (channel, people) = (follower.channel, people.clone());
            follower.outbox.message(&ServerMessage::People { channel, people })
        });
    }

    /// Who has the project open, to everyone who has.
    pub(super) fn tell_presence(&mut self) {
        self.presences.keep(&self.followers);
        let users: BTreeSet<Id> = self.followers.iter().map(|follower| follower.user.clone()).collect();
        let connected: Vec<Id> = users.into_iter().collect();
        self.followers.retain(|follower| {
            let (channel, connected) = (follower.channel, connected.clone());
            follower.outbox.message(&ServerMessage::Present { channel, connected })
        });
    }
}

/// The `missing` commits after `seq`, read a few at a time; none when they are more than a snapshot would be.
fn read_missed(store: &dyn Store, scope: &Scope, seq: u64, missing: u64) -> Result<Option<Vec<Commit>>, StoreError> {
    let (mut commits, mut bytes) = (Vec::new(), 0);
    let mut at = seq;
    while at < seq + missing {
        let count = RESUME_READ_COMMITS.min(seq + missing - at);
        let more = store.commits_since(scope, at, usize::try_from(count).unwrap_or(usize::MAX))?;
        bytes += more.iter().map(commit_bytes).sum::<usize>();
        if bytes > RESUME_BYTES_MAX || more.len() as u64 != count {
            return Ok(None);
        }
        at += count;
        commits.extend(more);
    }
    Ok(Some(commits))
}

pub(super) fn denied(channel: u32) -> ServerMessage {
    ServerMessage::Denied { channel, status: 403, message: Refusal::FORBIDDEN.to_owned() }
}

fn person(record: &Record, role: Role) -> Person {
    Person {
        id: record.id().clone(),
        name: record.text("name").unwrap_or_default().to_owned(),
        colour: record.text("colour").unwrap_or_default().to_owned(),
        role,
    }
}
