//! What has become durable is told to everyone (WR9), and those who have lost access hear no more (PS1).

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Bytes;
use model::{Id, Key, Table, Timestamp};
use operations::Commit;
use sync::Room;
use sync::wire::ServerMessage;
use tokio::task::unconstrained;
use tokio::time::Instant;

use super::super::commit_group::{Verdict, Verdicts, commits};
use super::super::outbox::Together;
use super::super::queue::{EncodedCommits, Queue};
use super::committing::ReplyTo;
use super::following::denied;
use super::{Follower, RoomTask, SocketId, may_read, members};

/// How many sockets further on the memory is fetched: each is cold, see [`super::super::outbox::Outbox::warm`].
const FETCHED_AHEAD: usize = 4;

impl RoomTask {
    /// Tells everyone of what has just become durable (WR9), once per changed record and list.
    pub(super) async fn publish(&mut self, old: &Room, verdicts: &Verdicts, replies: &[ReplyTo]) {
        let encoded = EncodedCommits::of(commits(verdicts));
        if encoded.len() == 0 {
            return;
        }
        // Each of these writes is tried once and waits for nothing: they are not what a task's budget of polls is for, and
        // with it followers beyond the hundredth would be left to their own tasks.
        unconstrained(async { self.tell_followers(&encoded, verdicts, replies) }).await;
        let changes = verdicts.iter().filter_map(|verdict| match verdict {
            Ok(Verdict::Committed(submitted)) => Some(submitted.changed.iter()),
            _ => None,
        });
        // One by one: most edits of a group are of the same few records, and collecting would sort them all.
        let mut changed: BTreeSet<&Key> = BTreeSet::new();
        changed.extend(changes.flatten());
        self.tell_watchers(old, &changed);
        if changed.iter().any(|key| key.table == Table::ProjectMembers) {
            self.review_neighbours(old);
            self.end_lost_access();
            self.tell_people().await;
        }
    }

    /// Each follower gets every commit, in order: its own that the log carries verbatim as an acknowledgement only.
    fn tell_followers(&mut self, encoded: &EncodedCommits, verdicts: &Verdicts, replies: &[ReplyTo]) {
        let authors: BTreeSet<SocketId> = replies.iter().filter_map(ReplyTo::socket).collect();
        let is_author = |follower: &&Follower| authors.contains(&follower.socket);
        let channels: BTreeSet<u32> = self.followers.iter().map(|follower| follower.channel).collect();
        let ready: BTreeMap<u32, Option<Bytes>> =
            channels.into_iter().map(|channel| (channel, encoded.ready_frame(channel))).collect();
        let now = Instant::now();
        let mut gone = Vec::new();
        let mut note = |follower: &Follower, is_there: bool| {
            if !is_there {
                gone.push((follower.socket, follower.channel));
            }
        };
        for author in self.followers.iter().filter(is_author) {
            note(author, author.outbox.say(|queue| tell_author(queue, author, encoded, verdicts, replies)));
        }
        let mut together = Together::default();
        for (at, follower) in self.followers.iter().enumerate() {
            if let Some(next) = self.followers.get(at + FETCHED_AHEAD) {
                next.outbox.warm();
            }
            if is_author(&follower) {
                continue;
            }
            let channel = follower.channel;
            let frame = ready.get(&channel).and_then(Option::as_ref);
            if !follower.outbox.join(&mut together, frame, now) {
                // It may be among them already, on another channel.
                together.write();
                note(follower, follower.outbox.news(channel, encoded, frame, now));
            }
        }
        together.write();
        drop(together);
        if !gone.is_empty() {
            self.followers.retain(|follower| !gone.contains(&(follower.socket, follower.channel)));
        }
    }

    /// Whoever has left is perhaps no fellow of the others any more, nor they of them (U3).
    fn review_neighbours(&self, old: &Room) {
        let before = members(old);
        if before.iter().any(|user| !may_read(&self.room, user)) {
            self.neighbours.review(before.into_iter().collect());
        }
    }

    /// Whoever is no longer a member hears no more (PS1).
    fn end_lost_access(&mut self) {
        let room = &self.room;
        self.followers.retain(|follower| {
            let stays = may_read(room, &follower.user);
            if !stays {
                follower.outbox.message(&denied(follower.channel));
            }
            stays
        });
        let members = members(room);
        self.end_watching(|watcher| members.contains(&watcher.user));
        self.tell_presence();
    }
}

/// The commits of a group for a follower that wrote some of them; false when it does not fit.
fn tell_author(
    queue: &mut Queue,
    follower: &Follower,
    encoded: &EncodedCommits,
    verdicts: &Verdicts,
    replies: &[ReplyTo],
) -> bool {
    let channel = follower.channel;
    // Its own that follow each other are acknowledged together; of what others wrote it has been told up to `told`.
    let mut own: Option<Acknowledgement> = None;
    let (mut told, mut at) = (0, 0);
    for (verdict, reply) in verdicts.iter().zip(replies) {
        let Ok(Verdict::Committed(submitted)) = verdict else { continue };
        let Commit { seq, tx_id, time, .. } = &submitted.commit;
        let is_own = matches!(reply, ReplyTo::Socket(socket, on, _) if (*socket, *on) == (follower.socket, channel));
        match own.as_mut().filter(|own| is_own && submitted.verbatim && own.time == *time) {
            Some(own) => own.tx_ids.push(tx_id.clone()),
            None => {
                if let Some(own) = own.take() {
                    told = at;
                    if !own.say(queue, channel) {
                        return false;
                    }
                }
                if is_own && submitted.verbatim {
                    if told < at && !queue.commits(channel, encoded, told..at) {
                        return false;
                    }
                    own = Some(Acknowledgement { tx_ids: vec![tx_id.clone()], seq: *seq, time: *time });
                }
            }
        }
        at += 1;
    }
    match own {
        Some(own) => own.say(queue, channel),
        None => told == at || queue.commits(channel, encoded, told..at),
    }
}

/// Commits that follow each other, and stand in the log as their author sent them.
struct Acknowledgement {
    tx_ids: Vec<Id>,
    seq: u64,
    time: Timestamp,
}

impl Acknowledgement {
    fn say(self, queue: &mut Queue, channel: u32) -> bool {
        let Acknowledgement { tx_ids, seq, time } = self;
        queue.message(&ServerMessage::Acknowledged { channel, tx_ids, seq, time })
    }
}
