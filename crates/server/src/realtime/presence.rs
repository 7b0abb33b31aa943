//! Where everyone points and what they do (PR1): kept for as long as they are here, told to the others, never stored.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use axum::body::Bytes;
use model::Id;
use sync::wire::{self, Presence, PresenceOf, ServerMessage};
use tokio::time::Instant;

use super::limits::{PRESENCE_EVERY, PRESENCES_FRAME_MAX};
use super::queue::Outgoing;
use super::room_task::{Follower, SocketId};

/// Sessions, and whose they are: who has gone can still be named.
type Sessions = BTreeMap<SocketId, Id>;

/// The latest that each session has said, and who has yet to hear of it.
#[derive(Default)]
pub(super) struct Presences {
    latest: BTreeMap<SocketId, PresenceOf>,
    /// Sessions of which something new is to be told.
    changed: Sessions,
    /// What followers were not told when it changed, since they are behind with reading; by socket and channel.
    owed: BTreeMap<(SocketId, u32), Sessions>,
    told_at: Option<Instant>,
}

impl Presences {
    /// A session says what it does now.
    pub(super) fn said(&mut self, follower: &Follower, presence: Presence) {
        let session = follower.socket;
        let said = PresenceOf { session, user: follower.user.clone(), presence: Some(presence) };
        if self.latest.get(&session) != Some(&said) {
            self.changed.insert(session, said.user.clone());
            self.latest.insert(session, said);
        }
    }

    /// Tells somebody who has just come of everybody else.
    pub(super) fn greet(&mut self, newcomer: &Follower) {
        self.owed.remove(&(newcomer.socket, newcomer.channel));
        let others = self.latest.values().filter(|other| other.session != newcomer.socket);
        send(newcomer, &frames(newcomer.channel, &others.cloned().collect::<Vec<_>>()));
    }

    /// Sessions that follow no more have gone.
    pub(super) fn keep(&mut self, followers: &[Follower]) {
        let here: BTreeSet<SocketId> = followers.iter().map(|follower| follower.socket).collect();
        let gone = self.latest.extract_if(.., |session, _| !here.contains(session));
        self.changed.extend(gone.map(|(session, said)| (session, said.user)));
        self.owed.retain(|(socket, _), _| here.contains(socket));
        if followers.is_empty() {
            // Nobody is left to be told.
            self.changed.clear();
        }
    }

    /// When there is next something to tell; none when everyone knows everything.
    pub(super) fn due(&self) -> Option<Instant> {
        let idle = self.changed.is_empty() && self.owed.is_empty();
        (!idle).then(|| self.told_at.map_or_else(Instant::now, |at| at + PRESENCE_EVERY))
    }

    /// Tells the followers what has changed, if it is time to; drops those that are gone.
    pub(super) fn tell(&mut self, followers: &mut Vec<Follower>) {
        // In this order: what has never told anything is due now, whenever that is asked.
        let due = self.due();
        let now = Instant::now();
        if due.is_none_or(|due| due > now) {
            return;
        }
        self.told_at = Some(now);
        let changed = std::mem::take(&mut self.changed);
        let mut owed = std::mem::take(&mut self.owed);
        let mut shared: HashMap<u32, Vec<Bytes>> = HashMap::new();
        let mut behind = BTreeMap::new();
        followers.retain(|follower| {
            let name = (follower.socket, follower.channel);
            let mut sessions = owed.remove(&name).unwrap_or_default();
            let as_all_others = sessions.is_empty() && !changed.contains_key(&follower.socket);
            sessions.extend(changed.iter().map(|(session, user)| (*session, user.clone())));
            sessions.remove(&follower.socket);
            if follower.outbox.is_behind() {
                // It gets the latest once it has read what waits; until then nothing piles up for it (PS4).
                if !sessions.is_empty() {
                    behind.insert(name, sessions);
                }
                return true;
            }
            if as_all_others {
                let shared = shared.entry(follower.channel);
                return send(follower, shared.or_insert_with(|| frames(follower.channel, &self.latest_of(&changed))));
            }
            send(follower, &frames(follower.channel, &self.latest_of(&sessions)))
        });
        self.owed = behind;
    }

    /// What these sessions do; those that are not here have gone.
    fn latest_of(&self, sessions: &Sessions) -> Vec<PresenceOf> {
        let of = |(session, user): (&SocketId, &Id)| {
            let gone = || PresenceOf { session: *session, user: user.clone(), presence: None };
            self.latest.get(session).cloned().unwrap_or_else(gone)
        };
        sessions.iter().map(of).collect()
    }
}

fn frames(channel: u32, presences: &[PresenceOf]) -> Vec<Bytes> {
    let frame = |some: &[PresenceOf]| {
        let presences = some.to_vec();
        Bytes::from(wire::encode(&ServerMessage::Presences { channel, presences }))
    };
    presences.chunks(PRESENCES_FRAME_MAX).map(frame).collect()
}

fn send(follower: &Follower, frames: &[Bytes]) -> bool {
    frames.iter().all(|frame| follower.outbox.push(Outgoing::Binary(frame.clone())))
}
