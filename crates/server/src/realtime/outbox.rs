//! The way out to one socket: whoever has something to say writes it at once, as far as the system takes it (PS4, PS5).
//!
//! The queue and the writing half of the socket are behind one lock, and every byte is written under it. So the order of the
//! queue is the order on the wire, whoever it is that writes: a room that tells two hundred sockets of a commit writes to them
//! one after the other, and none of their tasks has to wake up. A write never waits. What the system does not take stays here,
//! and the system wakes the socket's *own* task once it takes more: every write is polled in that task's name, by its waker.
//! The task also does what would hold a room up: snapshots, much at once, news that wait for more of their kind, the goodbye.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Waker};

use axum::body::Bytes;
use hyper::body::Buf as _;
use sync::Room;
use sync::wire::ServerMessage;
use sync::wire::text::Notice;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::limits::{BEHIND_FRAMES, NEWS_EVERY, WRITTEN_BY_ROOM_BYTES};
use super::queue::{EncodedCommits, Outgoing, Queue};
use crate::web_socket::WriteHalf;
use crate::web_socket::frames::{HEAD_BYTES_MAX, Kind, closing, put_head};
use crate::web_socket::together::{self, TOGETHER_MAX};

/// Small frames are gathered up to about so many bytes, and handed to the system together.
const GATHERED_BYTES: usize = 32 * 1024;
/// Payloads that are copied to be gathered have at most so many bytes; larger ones are written from where they are.
const COPIED_BYTES_MAX: usize = 4 * 1024;
/// What the system is offered at once: whoever else wants to say something to this socket waits for as long.
const OFFERED_BYTES_MAX: usize = 64 * 1024;

/// What is behind the lock.
struct Line {
    queue: Queue,
    /// Taken from the queue and not yet by the system. Nothing else is written before it.
    unsent: VecDeque<Bytes>,
    /// None once the socket's task has ended: nobody writes any more.
    wire: Option<WriteHalf>,
    /// Whether something written may still be held back, by TLS.
    unflushed: bool,
    /// Whether the task makes a frame that comes before all that waits.
    task_is_at_it: bool,
    /// Whether the task knows that news wait, and until when.
    task_waits_for_news: bool,
    /// In whose name everything is written.
    task: Waker,
    /// When news were written last.
    news_at: Option<Instant>,
    /// Once closed, always closed: what was lost cannot be skipped.
    closed: bool,
}

/// How far writing has come.
#[derive(Debug)]
enum Step {
    /// On with it.
    More,
    /// All is written, or the system takes no more for now and will wake the task.
    Rest,
    /// News wait until then for more of their kind.
    Later(Instant),
    /// What comes next is for the task.
    Task,
    /// The connection is gone.
    Broken,
}

impl Line {
    /// Writes what may be written now. It may have to be called again.
    fn step(&mut self) -> Step {
        let Some(wire) = &mut self.wire else { return Step::Rest };
        let mut in_name_of_the_task = Context::from_waker(&self.task);
        while let Some(first) = self.unsent.front_mut() {
            let offered = &first[..first.len().min(OFFERED_BYTES_MAX)];
            match wire.poll_write(&mut in_name_of_the_task, offered) {
                Poll::Ready(Ok(taken @ 1..)) => first.advance(taken),
                Poll::Ready(_) => return Step::Broken,
                Poll::Pending => return Step::Rest,
            }
            self.unflushed = true;
            if first.is_empty() {
                self.unsent.pop_front();
            }
        }
        self.queue.set_beside(0);
        if self.unflushed {
            match wire.poll_flush(&mut in_name_of_the_task) {
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(_)) => return Step::Broken,
                Poll::Pending => return Step::Rest,
            }
        }
        match self.queue.first() {
            _ if self.task_is_at_it => Step::Rest,
            None => Step::Rest,
            Some(next) if next.is_for_the_task() => Step::Task,
            // News wait a little when others have just gone, so that more of them go together (PS5); whatever answers
            // somebody takes them along at once.
            Some(_) => match self.news_at.map(|at| at + NEWS_EVERY) {
                Some(due) if self.queue.has_only_news() && due > Instant::now() => Step::Later(due),
                _ => {
                    self.gather();
                    Step::More
                }
            },
        }
    }

    /// Makes frames of what waits, as far as they go together.
    fn gather(&mut self) {
        let mut gathered = Vec::new();
        while gathered.len() < GATHERED_BYTES && self.queue.first().is_some_and(|next| !next.is_for_the_task()) {
            let Some(outgoing) = self.queue.pop() else { break };
            if outgoing.is_news() {
                self.news_at = Some(Instant::now());
            }
            let Some((kind, payload)) = outgoing.frame() else { break };
            if gathered.is_empty() {
                gathered.reserve_exact(HEAD_BYTES_MAX + payload.len().min(COPIED_BYTES_MAX));
            }
            put_head(&mut gathered, kind, payload.len());
            if payload.len() <= COPIED_BYTES_MAX {
                gathered.extend_from_slice(&payload);
                continue;
            }
            // Large: by itself, with its head before it.
            self.unsent.push_back(Bytes::from(std::mem::take(&mut gathered)));
            self.unsent.push_back(payload);
            return;
        }
        if !gathered.is_empty() {
            self.unsent.push_back(Bytes::from(gathered));
        }
    }

    /// Writes at once what has just been queued, unless that is for the task.
    fn write_at_once(&mut self) {
        if !self.unsent.is_empty() {
            // The system will wake the task.
            return;
        }
        if self.queue.bytes() > WRITTEN_BY_ROOM_BYTES {
            return self.task.wake_by_ref();
        }
        self.write_on();
    }

    /// Whether news would be written this very moment.
    fn is_open_to_news(&self, now: Instant) -> bool {
        let idle = self.unsent.is_empty() && self.queue.len() == 0 && !self.task_is_at_it && !self.closed;
        idle && !self.unflushed && self.news_at.is_none_or(|at| at + NEWS_EVERY <= now)
    }

    /// Writes a frame while nothing waits.
    fn write_straight(&mut self, frame: &Bytes) {
        let taken = self.wire.as_ref().and_then(|wire| wire.try_write(frame)).unwrap_or(0);
        self.keep_rest(frame, taken);
    }

    /// So much of a frame has been written while nothing waited.
    fn keep_rest(&mut self, frame: &Bytes, taken: usize) {
        if taken < frame.len() {
            self.unsent.push_back(frame.slice(taken..));
            self.write_on();
        }
    }

    /// Writes as much as goes; what is for the task is left to it.
    fn write_on(&mut self) {
        loop {
            match self.step() {
                Step::More => {}
                Step::Rest => return,
                Step::Later(_) if self.task_waits_for_news => return,
                Step::Later(_) | Step::Task | Step::Broken => return self.task.wake_by_ref(),
            }
        }
    }
}

struct Shared {
    line: Mutex<Line>,
    cut: CancellationToken,
}

impl Shared {
    fn line(&self) -> MutexGuard<'_, Line> {
        // Nothing that is done under the lock panics half-way.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rooms' end. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Outbox(Arc<Shared>);

/// The end of the socket's task.
pub(crate) struct OutboxTask(Arc<Shared>);

/// What only the socket's task can do.
#[derive(Debug)]
pub(crate) enum Work {
    /// Have a snapshot made, and hand it to [`OutboxTask::made`].
    Snapshot { channel: u32, room: Room },
    /// All that was queued is written: close the socket.
    Goodbye,
    /// The connection is gone.
    Broken,
}

/// A box whose contents go out by `wire`. `cut` is cancelled when the other side reads too slowly.
pub(crate) fn outbox(wire: WriteHalf, cut: CancellationToken) -> (Outbox, OutboxTask) {
    let line = Line {
        queue: Queue::default(),
        unsent: VecDeque::new(),
        wire: Some(wire),
        unflushed: false,
        task_is_at_it: false,
        task_waits_for_news: false,
        // The first thing that the task does is to look what waits.
        task: Waker::noop().clone(),
        news_at: None,
        closed: false,
    };
    let shared = Arc::new(Shared { line: Mutex::new(line), cut });
    (Outbox(Arc::clone(&shared)), OutboxTask(shared))
}

impl Outbox {
    /// Has the processor fetch what [`Outbox::news`] will look at first. A room tells each of two hundred sockets of an edit
    /// every now and then, and finds its memory cold each time.
    pub(crate) fn warm(&self) {
        std::hint::black_box(Arc::strong_count(&self.0));
    }

    /// Queues what `say` queues, and writes it at once as far as it goes. False when the socket is gone, or has just been
    /// cut off because it reads too slowly: nothing more will be written to it, and it may resume on a new one.
    pub(crate) fn say(&self, say: impl FnOnce(&mut Queue) -> bool) -> bool {
        let mut line = self.0.line();
        if line.closed {
            return false;
        }
        let fits = say(&mut line.queue);
        if fits {
            line.write_at_once();
        } else {
            line.closed = true;
            drop(line);
            self.0.cut.cancel();
        }
        fits
    }

    /// Says one thing.
    pub(crate) fn push(&self, outgoing: Outgoing) -> bool {
        self.say(|queue| queue.push(outgoing))
    }

    /// Says a message of W4.
    pub(crate) fn message(&self, message: &ServerMessage) -> bool {
        self.say(|queue| queue.message(message))
    }

    /// Tells of all of these commits, `now`; `frame` is [`EncodedCommits::ready_frame`]. Neither need be made for each socket.
    pub(crate) fn news(&self, channel: u32, commits: &EncodedCommits, frame: Option<&Bytes>, now: Instant) -> bool {
        let mut line = self.0.line();
        match frame.filter(|frame| frame.len() <= WRITTEN_BY_ROOM_BYTES) {
            Some(frame) if line.is_open_to_news(now) => {
                line.news_at = Some(now);
                line.write_straight(frame);
                true
            }
            _ => {
                drop(line);
                self.commits(channel, commits, 0..commits.len())
            }
        }
    }

    /// Tells of all of these commits like [`Outbox::news`], but writes them later, in `together` with those of others: true when it
    /// has taken them.
    pub(crate) fn join<'a>(&'a self, together: &mut Together<'a>, frame: Option<&'a Bytes>, now: Instant) -> bool {
        let Some(frame) = frame.filter(|frame| frame.len() <= COPIED_BYTES_MAX) else { return false };
        let mut line = match self.0.line.try_lock() {
            Ok(line) => line,
            Err(TryLockError::Poisoned(line)) => line.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        if !line.is_open_to_news(now) || together.0.len() >= TOGETHER_MAX {
            return false;
        }
        line.news_at = Some(now);
        together.0.push((line, frame));
        true
    }

    /// Tells of some of these commits, in as many frames as their size asks for.
    pub(crate) fn commits(&self, channel: u32, commits: &EncodedCommits, range: Range<usize>) -> bool {
        self.say(|queue| queue.commits(channel, commits, range))
    }

    /// Says a message of W3.
    pub(crate) fn notice(&self, notice: &Notice) -> bool {
        self.say(|queue| queue.notice(notice))
    }

    /// Whether so much waits that what can be left out should be.
    pub(crate) fn is_behind(&self) -> bool {
        self.0.line().queue.len() >= BEHIND_FRAMES
    }
}

/// News that are written to many sockets with one call of the system. Until then nobody else says anything to those sockets, so
/// that whoever gathers them may wait for no socket: another room may be gathering, in another order.
#[derive(Default)]
pub(crate) struct Together<'a>(Vec<(MutexGuard<'a, Line>, &'a Bytes)>);

impl Together<'_> {
    /// Writes what was gathered, and lets go of the sockets.
    pub(crate) fn write(&mut self) {
        // Without a wire a line is closed, and joins nothing.
        let wired = self.0.iter().filter_map(|(line, frame)| Some((line.wire.as_ref()?, &frame[..])));
        let writes: Vec<_> = wired.collect();
        let taken = together::write(&writes);
        for ((mut line, frame), taken) in self.0.drain(..).zip(taken) {
            line.keep_rest(frame, taken);
        }
    }
}

impl OutboxTask {
    /// Writes what others have left to the task, until there is something that only the task can do. May be given up at any
    /// time.
    pub(crate) async fn work(&mut self) -> Work {
        let mut news = pin!(sleep_until(Instant::now()));
        std::future::poll_fn(|cx| {
            loop {
                let mut line = self.0.line();
                line.task.clone_from(cx.waker());
                line.task_waits_for_news = false;
                match line.step() {
                    Step::More => {}
                    Step::Rest => return Poll::Pending,
                    Step::Later(due) => {
                        line.task_waits_for_news = true;
                        drop(line);
                        news.as_mut().reset(due);
                        std::task::ready!(news.as_mut().poll(cx));
                    }
                    Step::Task => match line.queue.pop() {
                        Some(Outgoing::Snapshot { channel, room }) => {
                            line.task_is_at_it = true;
                            return Poll::Ready(Work::Snapshot { channel, room });
                        }
                        _ => return Poll::Ready(Work::Goodbye),
                    },
                    Step::Broken => return Poll::Ready(Work::Broken),
                }
            }
        })
        .await
    }

    /// The frame of the snapshot that was asked for, in two parts: it goes before all that waits. Until it is written it counts as
    /// if it waited, too.
    pub(crate) fn made(&mut self, first: &[u8], rest: Bytes) {
        let mut line = self.0.line();
        line.task_is_at_it = false;
        let mut head = Vec::with_capacity(HEAD_BYTES_MAX + first.len());
        put_head(&mut head, Kind::Binary, first.len() + rest.len());
        head.extend_from_slice(first);
        line.queue.set_beside(rest.len());
        line.unsent.extend([Bytes::from(head), rest]);
    }

    /// Asks the other side whether it is there.
    pub(crate) fn ping(&mut self) {
        let mut line = self.0.line();
        // Who is so far behind that this does not fit will be cut off by what comes next.
        line.queue.push(Outgoing::Ping);
    }

    /// Says why the socket closes, after what has been begun and instead of all that waits; comes back when it is written.
    pub(crate) async fn close(self, code: u16, reason: &str) {
        {
            let mut line = self.0.line();
            (line.closed, line.queue, line.task_is_at_it) = (true, Queue::default(), false);
            let payload = closing(code, reason);
            let mut frame = Vec::with_capacity(HEAD_BYTES_MAX + payload.len());
            put_head(&mut frame, Kind::Close, payload.len());
            frame.extend_from_slice(&payload);
            line.unsent.push_back(Bytes::from(frame));
        }
        std::future::poll_fn(|cx| {
            let mut line = self.0.line();
            line.task.clone_from(cx.waker());
            let over = matches!(line.step(), Step::Broken) || (line.unsent.is_empty() && !line.unflushed);
            if over { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

impl Drop for OutboxTask {
    /// Nobody writes any more: whoever has something to say is told.
    fn drop(&mut self) {
        let mut line = self.0.line();
        (line.closed, line.wire, line.queue) = (true, None, Queue::default());
        line.unsent.clear();
        drop(line);
        self.0.cut.cancel();
    }
}

#[cfg(test)]
mod tests;
