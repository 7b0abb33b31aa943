//! Transactions that wait are put in order and made durable together.

use model::Id;
use sync::wire::ServerMessage;
use sync::{Room, Submitted};
use tokio::sync::oneshot;

use super::super::SubmitError;
use super::super::commit_group::{Group, Submission, Verdict, Verdicts, commit_group, commits};
use super::super::limits::GROUP_TRANSACTIONS_MAX;
use super::super::queue::commit_bytes;
use super::{Follower, Request, RoomTask, SocketId};

/// Who waits for a verdict.
pub(super) enum ReplyTo {
    Socket(SocketId, u32, Id),
    Caller(oneshot::Sender<Result<(Verdict, Room), SubmitError>>),
}

impl ReplyTo {
    pub(super) fn socket(&self) -> Option<SocketId> {
        if let ReplyTo::Socket(socket, ..) = self { Some(*socket) } else { None }
    }
}

impl RoomTask {
    /// Commits what a request asks for, and what waits behind it, upon what is durable: whatever it is.
    pub(super) async fn commit_waiting(&mut self, first: Request) -> Option<Request> {
        let mut submissions = Vec::new();
        let mut replies = Vec::new();
        let (mut next, mut ahead) = (Some(first), None);
        while let Some(request) = next.take() {
            match request {
                Request::SubmitFromSocket { socket, channel, submissions: sent } => {
                    let mut sent = self.not_put_off(socket, channel, sent);
                    if sent.is_empty() {
                        next = self.requests.try_recv().ok();
                        continue;
                    }
                    let ends = sent.iter().position(Submission::changes_members).map_or(sent.len(), |at| at + 1);
                    let rest = sent.split_off(ends.min(GROUP_TRANSACTIONS_MAX - submissions.len()));
                    let reply = |it: &Submission| ReplyTo::Socket(socket, channel, it.transaction.tx_id.clone());
                    replies.extend(sent.iter().map(reply));
                    submissions.extend(sent);
                    if !rest.is_empty() {
                        ahead = Some(Request::SubmitFromSocket { socket, channel, submissions: rest });
                        break;
                    }
                }
                Request::Submit { submission, reply } => {
                    submissions.push(submission);
                    replies.push(ReplyTo::Caller(reply));
                }
                // It changes nothing that is committed: it need not end the group.
                Request::Presence { socket, channel, presence } => {
                    self.said(socket, channel, presence);
                    next = self.requests.try_recv().ok();
                    continue;
                }
                other => {
                    ahead = Some(other);
                    break;
                }
            }
            // Who loses access with a transaction must not be told of the next: a group ends there (PS1).
            let ends = submissions.last().is_some_and(Submission::changes_members);
            if submissions.len() < GROUP_TRANSACTIONS_MAX && !ends {
                next = self.requests.try_recv().ok();
            }
        }
        if !submissions.is_empty() {
            self.commit_together(submissions, replies).await;
        }
        ahead
    }

    /// What of these is to be judged although what this socket sends may be put off; the others are refused. Where the log is full,
    /// what it takes all the same is nothing that builds on what it did not take.
    pub(super) fn not_put_off(&self, socket: SocketId, channel: u32, mut sent: Vec<Submission>) -> Vec<Submission> {
        let follower = self.follower(socket, channel);
        let Some((follower, reason)) = follower.and_then(|it| Some((it, it.put_off.as_ref()?))) else { return sent };
        sent.retain(|late| {
            let is_judged = matches!(reason, SubmitError::LogFull) && late.is_taken_by_a_full_log();
            if !is_judged {
                follower.refuse(late.transaction.tx_id.clone(), reason);
            }
            is_judged
        });
        sent
    }

    /// Commits these as one group upon what is durable, and tells everyone; false when the store could not.
    pub(super) async fn commit_together(&mut self, submissions: Vec<Submission>, replies: Vec<ReplyTo>) -> bool {
        let old = self.room.clone();
        let verdicts = self.commit(submissions).await;
        let saved = !verdicts.iter().any(|verdict| matches!(verdict, Err(SubmitError::Unavailable)));
        self.publish(&old, &verdicts, &replies).await;
        self.answer(verdicts, replies);
        saved
    }

    /// Commits on a thread that may block, and comes back when it is durable.
    async fn commit(&mut self, submissions: Vec<Submission>) -> Verdicts {
        let count = submissions.len();
        if self.behind.is_full(0) && !self.behind.finish(&self.room, &self.database).await {
            return (0..count).map(|_| Err(SubmitError::Unavailable)).collect();
        }
        let (mut room, database, now) = (self.room.clone(), self.database.clone(), self.clock.now());
        let is_full = self.behind.log_has(self.log_bytes_max);
        let work = tokio::task::spawn_blocking(move || {
            let group = commit_group(&mut room, &**database.store(), &submissions, now, is_full);
            (room, group)
        });
        match work.await {
            Ok((room, Group { verdicts, lagging, reloaded })) => {
                let epoch = std::mem::replace(&mut self.room, room).epoch().clone();
                self.begin_anew_after(&epoch);
                if let Some(behind) = reloaded {
                    self.behind = behind;
                }
                self.behind.note(commits(&verdicts), lagging);
                self.behind.go_on(&self.room, &self.database);
                verdicts
            }
            Err(error) => {
                tracing::error!(%error, "a commit ended badly");
                (0..count).map(|_| Err(SubmitError::Unavailable)).collect()
            }
        }
    }

    /// What the log keeps of these edits beyond what was sent, as when all tracks got new order keys (U5), counts as if it had
    /// been sent.
    fn count_what_was_added(&self, verdicts: &Verdicts) {
        for verdict in verdicts {
            if let Ok(Verdict::Committed(Submitted { commit, verbatim: false, .. })) = verdict {
                self.neighbours.owes(&commit.author, commit_bytes(commit));
            }
        }
    }

    pub(super) fn answer(&mut self, verdicts: Verdicts, replies: Vec<ReplyTo>) {
        self.count_what_was_added(&verdicts);
        for (verdict, reply) in verdicts.into_iter().zip(replies) {
            match reply {
                ReplyTo::Caller(reply) => drop(reply.send(verdict.map(|verdict| (verdict, self.room.clone())))),
                // Told by `tell_author`, in the order of the log.
                ReplyTo::Socket(..) if matches!(verdict, Ok(Verdict::Committed(_))) => {}
                ReplyTo::Socket(socket, channel, tx_id) => {
                    let mine = |f: &&mut Follower| (f.socket, f.channel) == (socket, channel);
                    let Some(follower) = self.followers.iter_mut().find(mine) else { continue };
                    match verdict {
                        Ok(Verdict::Committed(_)) => {}
                        Ok(Verdict::Repeat { seq }) => {
                            let time = self.clock.now();
                            let tx_ids = vec![tx_id];
                            follower.outbox.message(&ServerMessage::Acknowledged { channel, tx_ids, seq, time });
                        }
                        Err(error) => {
                            follower.refuse(tx_id, &error);
                            if matches!(error, SubmitError::Unavailable | SubmitError::LogFull) {
                                follower.put_off = Some(error);
                            }
                        }
                    }
                }
            }
        }
    }
}
