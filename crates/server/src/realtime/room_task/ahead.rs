//! Edits are judged while those before them are being written: the room is one group ahead of the disk.
//!
//! Nobody hears of any of it before it is durable (WR9), and everything but edits and presence waits until nothing is under
//! way. When a group cannot be kept, nothing that was judged on top of it counts: the room is as the disk has it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use model::Timestamp;
use storage::CommitError;
use sync::Room;
use sync::wire::SUBMIT_TRANSACTIONS_MAX;
use tokio::sync::oneshot;

use super::super::SubmitError;
use super::super::commit_group::{Submission, Taken, Verdicts, commits};
use super::super::limits::{GROUP_TRANSACTIONS_MAX, JUDGED_AT_ONCE_OPERATIONS};
use super::committing::ReplyTo;
use super::{Request, RoomTask, SocketId};

/// Edits that have been judged together.
struct Group {
    /// The room after them.
    room: Room,
    /// When: one time for all, so that they can be acknowledged together.
    time: Timestamp,
    taken: Taken,
    submissions: Vec<Submission>,
    replies: Vec<ReplyTo>,
}

type Outcome = Result<(), CommitError>;

/// What has become of an edit.
enum Judged {
    /// It is in the next group.
    Taken,
    /// The store has to be asked, or what is durable counts, or it takes long.
    Declined(Submission, ReplyTo),
    /// It could not be judged, and its author has been told.
    Refused,
}

/// A group on its way to the disk, and what was judged since.
#[derive(Default)]
pub(super) struct Ahead {
    writing: Option<(Group, oneshot::Receiver<Vec<Outcome>>)>,
    next: Option<Group>,
}

impl Ahead {
    /// Whether all that was judged is durable.
    pub(super) fn is_empty(&self) -> bool {
        self.writing.is_none() && self.next.is_none()
    }

    /// Whether the next group has room for as many as one request may bring.
    pub(super) fn has_room(&self) -> bool {
        let waiting = self.next.as_ref().map_or(0, |next| next.submissions.len());
        waiting + SUBMIT_TRANSACTIONS_MAX <= GROUP_TRANSACTIONS_MAX
    }

    /// Waits until what is being written has become durable, or has not; may be given up at any time.
    pub(super) async fn outcome(&mut self) -> Outcome {
        let failed = |reason: &str| Err(CommitError::Database { reason: reason.to_owned() });
        match &mut self.writing {
            Some((_, outcome)) => match outcome.await {
                Ok(mut outcomes) => outcomes.pop().unwrap_or_else(|| failed("the store did not answer")),
                Err(_) => failed("the writer has stopped"),
            },
            None => std::future::pending().await,
        }
    }

    /// The room as the last that was judged leaves it.
    fn room<'a>(&'a self, durable: &'a Room) -> &'a Room {
        let last = self.next.as_ref().or(self.writing.as_ref().map(|(group, _)| group));
        last.map_or(durable, |group| &group.room)
    }
}

impl RoomTask {
    /// Judges the edits of a request, and of those that wait behind it; and has them written, if nothing is being written. A
    /// request comes back that has to wait until all is durable.
    pub(super) fn judge_waiting(&mut self, first: Request) -> Option<Request> {
        if let Request::Presence { socket, channel, presence } = first {
            // Told at once (PR1): it gathers nothing.
            self.said(socket, channel, presence);
            return None;
        }
        let mut next = Some(first);
        while let Some(request) = next.take() {
            let held = match request {
                Request::SubmitFromSocket { socket, channel, submissions } => {
                    self.judge_from_socket(socket, channel, submissions)
                }
                Request::Submit { submission, reply } => match self.judge(submission, ReplyTo::Caller(reply)) {
                    Judged::Declined(submission, ReplyTo::Caller(reply)) => Some(Request::Submit { submission, reply }),
                    _ => None,
                },
                // It changes nothing that is committed.
                Request::Presence { socket, channel, presence } => {
                    self.said(socket, channel, presence);
                    None
                }
                other => Some(other),
            };
            if held.is_some() {
                self.write_next();
                return held;
            }
            if self.ahead.has_room() {
                next = self.requests.try_recv().ok();
            }
        }
        self.write_next();
        None
    }

    fn judge_from_socket(&mut self, socket: SocketId, channel: u32, submissions: Vec<Submission>) -> Option<Request> {
        let mut submissions = self.not_put_off(socket, channel, submissions).into_iter();
        while let Some(submission) = submissions.next() {
            let reply = ReplyTo::Socket(socket, channel, submission.transaction.tx_id.clone());
            match self.judge(submission, reply) {
                Judged::Taken => {}
                Judged::Declined(submission, _) => {
                    let submissions = std::iter::once(submission).chain(submissions).collect();
                    return Some(Request::SubmitFromSocket { socket, channel, submissions });
                }
                Judged::Refused => {
                    let submissions = self.not_put_off(socket, channel, submissions.collect());
                    let is_over = submissions.is_empty();
                    return (!is_over).then_some(Request::SubmitFromSocket { socket, channel, submissions });
                }
            }
        }
        None
    }

    /// Judges an edit.
    fn judge(&mut self, submission: Submission, reply: ReplyTo) -> Judged {
        let is_plain = submission.is_plain() && submission.transaction.operations.len() <= JUDGED_AT_ONCE_OPERATIONS;
        let under_way = self.ahead.room(&self.room).seq() - self.room.seq();
        if !is_plain || self.behind.is_full(under_way) || self.behind.log_has(self.log_bytes_max) {
            return Judged::Declined(submission, reply);
        }
        let mut next = self.ahead.next.take().unwrap_or_else(|| Group {
            room: self.ahead.room(&self.room).clone(),
            time: self.clock.now(),
            taken: Taken::default(),
            submissions: Vec::new(),
            replies: Vec::new(),
        });
        let judged = catch_unwind(AssertUnwindSafe(|| next.taken.take_plain(&mut next.room, &submission, next.time)));
        let judged = match judged {
            Ok(true) => {
                next.submissions.push(submission);
                next.replies.push(reply);
                Judged::Taken
            }
            Ok(false) => Judged::Declined(submission, reply),
            Err(_) => {
                // A mistake of ours, which may have left the group half changed: all of it is put off.
                next.replies.push(reply);
                self.refuse_all(next.replies);
                return Judged::Refused;
            }
        };
        // A group without anything in it is none.
        self.ahead.next = (!next.submissions.is_empty()).then_some(next);
        judged
    }

    /// Has the next group written, when there is one and nothing is being written.
    fn write_next(&mut self) {
        if self.ahead.writing.is_some() {
            return;
        }
        let Some(mut next) = self.ahead.next.take() else { return };
        // Each of them is in the log once it is written: a group is never without a batch.
        let batch = next.taken.batch(&next.room);
        let (sender, outcome) = oneshot::channel();
        let store = self.database.store();
        // A store that breaks has dropped the sender, which says so.
        drop(catch_unwind(AssertUnwindSafe(|| {
            store.submit(vec![batch], Box::new(move |outcomes| drop(sender.send(outcomes))));
        })));
        self.ahead.writing = Some((next, outcome));
    }

    /// What was being written is durable, and is told; or it is not, and nothing of it counts.
    pub(super) async fn settle(&mut self, outcome: Outcome) {
        let Some((written, _)) = self.ahead.writing.take() else { return };
        match outcome {
            Ok(()) => {
                let old = std::mem::replace(&mut self.room, written.room);
                self.write_next();
                let (verdicts, lagging) = written.taken.into_verdicts();
                self.behind.note(commits(&verdicts), lagging);
                self.behind.go_on(&self.room, &self.database);
                self.publish(&old, &verdicts, &written.replies).await;
                self.answer(verdicts, written.replies);
            }
            Err(error) => {
                let next = self.ahead.next.take();
                // A log that has moved on, or has one of them already, is no failure: they are judged again, upon what is
                // durable. What was sent after something that could not be saved may build on it.
                let mut saved = !matches!(error, CommitError::Database { .. });
                if !saved {
                    tracing::error!(%error, "a group of transactions could not be committed");
                }
                for group in std::iter::once(written).chain(next) {
                    if saved {
                        saved = self.commit_together(group.submissions, group.replies).await;
                    } else {
                        self.refuse_all(group.replies);
                    }
                }
            }
        }
    }

    /// None of these could be saved.
    fn refuse_all(&mut self, replies: Vec<ReplyTo>) {
        let refused: Verdicts = replies.iter().map(|_| Err(SubmitError::Unavailable)).collect();
        self.answer(refused, replies);
    }
}
