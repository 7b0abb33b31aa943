//! The server as the spec wants it: one room, group commit, answers only after the sync. A model, not the product's server:
//! short enough to be seen to be right.

mod presence;
mod publish;

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use model::roles::role_of;
use model::{Id, Key, RecordMap, Records, Timestamp};
use operations::{Author, Commit, Refusal, Scope, Transaction};
use sync::wire::{ClientMessage, Presence, Resume, ServerMessage, VERSION, decode, encode};
use sync::{Room, Submitted};

use crate::disk::{Disk, Entry};
use crate::fault::Fault;
use crate::prng::Prng;

/// The number of a connection.
pub(crate) type LinkId = u32;
/// The number of an HTTP request.
pub(crate) type RequestId = u32;

/// What the server wants sent.
#[derive(Debug)]
pub(crate) enum Out {
    /// What was asked for: as much as was asked.
    Frame(LinkId, Vec<u8>),
    /// What others have done: it must not wait without bound for a slow reader (PS4).
    News(LinkId, Vec<u8>),
    Answer(RequestId, Answer),
}

/// What is asked over HTTP (W1, W5).
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Write(Transaction),
    GetRecords(Vec<Key>),
    ListRecords,
}

/// The answer to it.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// 200.
    Records { records: RecordMap, epoch: Id },
    /// 200 to a write.
    Written { records: RecordMap, epoch: Id },
    /// Anything else.
    Refused(u16),
}

/// Who is to be told how a transaction went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Link(LinkId, u32),
    Http(RequestId),
}

#[derive(Debug)]
enum Session {
    Binary { user: Id, open: Option<u32>, presence: Option<Presence>, puts_off: bool },
    Text { user: Id, keys: BTreeSet<String> },
}

#[derive(Debug)]
struct Grouped {
    submitted: Submitted,
    source: Source,
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) disk: Disk,
    /// Ahead of the disk by the group that is being gathered.
    room: Room,
    /// What is durable, and may be told.
    told: Room,
    group: Vec<Grouped>,
    /// Repeats whose first is in the group: answered after the sync.
    waiting: Vec<(Source, Id, u64)>,
    /// (author, transaction) → (place in the log, hash of the payload), for ever (WR6).
    known: BTreeMap<(Id, Id), (u64, u64)>,
    sessions: BTreeMap<LinkId, Session>,
    /// Transactions on which it fails, until somebody has looked at it.
    trips_over: BTreeSet<Id>,
    /// Everything that it has refused for good, whoever has heard of that: it may come again, and be taken.
    pub(crate) refused: BTreeSet<Id>,
    /// Whether it will fail on the next one.
    trips_next: bool,
    pub(crate) out: Vec<Out>,
    fault: Option<Fault>,
}

/// What a payload hashes to; the same on every run.
pub(crate) fn payload_hash(transaction: &Transaction) -> u64 {
    let mut hasher = DefaultHasher::new();
    encode(&(&transaction.operations, &transaction.base_versions)).hash(&mut hasher);
    hasher.finish()
}

impl Server {
    pub(crate) fn new(project: Id, epoch: Id, fault: Option<Fault>) -> Server {
        let room = Room::new(Scope::Project(project), epoch.clone(), 0, Records::new());
        Server {
            disk: Disk::new(epoch),
            told: room.clone(),
            room,
            group: Vec::new(),
            waiting: Vec::new(),
            known: BTreeMap::new(),
            sessions: BTreeMap::new(),
            trips_over: BTreeSet::new(),
            refused: BTreeSet::new(),
            trips_next: false,
            out: Vec::new(),
            fault,
        }
    }

    /// What is durable.
    pub(crate) fn told(&self) -> &Room {
        &self.told
    }

    pub(crate) fn has_group(&self) -> bool {
        !self.group.is_empty()
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    pub(crate) fn connect_binary(&mut self, link: LinkId, user: Id, now: Timestamp) {
        let hello = ServerMessage::Hello { version: u16::from(VERSION), user: user.clone(), now };
        self.sessions.insert(link, Session::Binary { user, open: None, presence: None, puts_off: false });
        self.say(link, &hello);
    }

    pub(crate) fn connect_text(&mut self, link: LinkId, user: Id) {
        self.sessions.insert(link, Session::Text { user, keys: BTreeSet::new() });
    }

    pub(crate) fn disconnect(&mut self, link: LinkId) {
        self.goes(link);
        self.sessions.remove(&link);
    }

    /// From here on it fails on the next transaction that comes, again and again.
    pub(crate) fn trip(&mut self) {
        self.trips_next = true;
    }

    /// Somebody has looked at it.
    pub(crate) fn mend(&mut self) {
        self.trips_next = false;
        self.trips_over.clear();
    }

    fn say(&mut self, link: LinkId, message: &ServerMessage) {
        self.out.push(Out::Frame(link, encode(message)));
    }

    fn may_read(&self, user: &Id) -> bool {
        role_of(self.told.records(), user).is_some()
    }

    /// A frame on our own protocol (W4).
    pub(crate) fn frame(&mut self, link: LinkId, frame: &[u8], now: Timestamp) {
        let Some(Session::Binary { user, .. }) = self.sessions.get(&link) else { return };
        let user = user.clone();
        match decode::<ClientMessage>(frame) {
            Ok(ClientMessage::Open { channel, resume, .. }) => self.open(link, &user, channel, resume.as_ref()),
            Ok(ClientMessage::Submit { channel, transactions }) => {
                for transaction in &transactions {
                    self.submit(&user, transaction, Source::Link(link, channel), now);
                }
            }
            Ok(ClientMessage::Presence { presence, .. }) => self.present(link, presence),
            Ok(ClientMessage::Hello { .. } | ClientMessage::Close { .. } | ClientMessage::Ping { .. }) => {}
            Err(bad) => self.say(link, &ServerMessage::Error { message: bad.to_string() }),
        }
    }

    fn open(&mut self, link: LinkId, user: &Id, channel: u32, resume: Option<&Resume>) {
        if !self.may_read(user) {
            let message = Refusal::FORBIDDEN.to_owned();
            return self.say(link, &ServerMessage::Denied { channel, status: 403, message });
        }
        if let Some(Session::Binary { open, puts_off, .. }) = self.sessions.get_mut(&link) {
            (*open, *puts_off) = (Some(channel), false);
        }
        let room = if self.has(Fault::SnapshotAhead) { &self.room } else { &self.told };
        let (epoch, last) = (room.epoch().clone(), room.seq());
        match resume {
            Some(Resume { epoch: theirs, seq }) if *theirs == epoch && *seq <= self.told.seq() => {
                let log = self.disk.log().iter().map(|entry| entry.commit.clone());
                let missed: Vec<Commit> = log.filter(|commit| commit.seq > *seq).collect();
                self.say(link, &ServerMessage::Resumed { channel, epoch, seq: *seq });
                if !missed.is_empty() {
                    self.say(link, &ServerMessage::Commits { channel, commits: missed });
                }
            }
            _ => {
                let records = room.records().iter().map(|(key, record)| (key.table, record.clone())).collect();
                self.say(link, &ServerMessage::Snapshot { channel, epoch, seq: last, records });
            }
        }
        self.tell_newcomer(link, channel);
    }

    fn submit(&mut self, user: &Id, transaction: &Transaction, source: Source, now: Timestamp) {
        if self.fails_on(&transaction.tx_id, source) {
            return self.refuse(source, &transaction.tx_id, 503);
        }
        let name = (user.clone(), transaction.tx_id.clone());
        let hash = payload_hash(transaction);
        if !self.has(Fault::NoIdempotency)
            && transaction.author_id == *user
            && let Some((seq, known)) = self.known.get(&name)
        {
            let seq = *seq;
            return if *known != hash {
                self.refuse(source, &transaction.tx_id, 400);
            } else if seq > self.told.seq() {
                self.waiting.push((source, name.1, seq));
            } else {
                self.acknowledge(source, &name.1, seq);
            };
        }
        let unguarded = self.has(Fault::GuardIgnoredInRoom).then(|| {
            let mut unguarded = transaction.clone();
            unguarded.operations.iter_mut().for_each(|operation| operation.guard = None);
            unguarded
        });
        let asked = transaction;
        let transaction = unguarded.as_ref().unwrap_or(transaction);
        // The mistake of asking nobody's role is that of writing as the server itself.
        let judged = match (self.has(Fault::NoPermission), Author::User(user.clone())) {
            (true, _) => {
                let system = Transaction { author_id: Id::system(), ..transaction.clone() };
                self.room.submit(&Author::System, &system, now).map(|mut submitted| {
                    submitted.commit.author = user.clone();
                    submitted
                })
            }
            (false, author) => self.room.submit(&author, transaction, now),
        };
        match judged {
            Err(refusal) => self.refuse(source, &transaction.tx_id, refusal.status),
            Ok(mut submitted) => {
                submitted.verbatim &= submitted.commit.operations == asked.operations;
                if self.has(Fault::LoggedAsSent) {
                    submitted.commit.operations.clone_from(&transaction.operations);
                }
                self.known.insert(name, (submitted.commit.seq, hash));
                self.disk.append(Entry {
                    commit: submitted.commit.clone(),
                    inverse: submitted.inverse.clone(),
                    payload_hash: hash,
                });
                self.group.push(Grouped { submitted, source });
                if self.has(Fault::PublishBeforeSync) {
                    self.publish();
                }
            }
        }
    }

    /// Whether it has to put this one off: it fails on it, or has put off what came before on the same connection.
    fn fails_on(&mut self, tx_id: &Id, source: Source) -> bool {
        let Source::Link(link, _) = source else { return false };
        if std::mem::take(&mut self.trips_next) {
            self.trips_over.insert(tx_id.clone());
        }
        let overtakes = self.has(Fault::PutOffAndOvertaken);
        let puts_off = matches!(self.sessions.get(&link), Some(Session::Binary { puts_off: true, .. }));
        self.trips_over.contains(tx_id) || (puts_off && !overtakes)
    }

    fn refuse(&mut self, source: Source, tx_id: &Id, status: u16) {
        if status != 503 {
            self.refused.insert(tx_id.clone());
        }
        match source {
            Source::Link(link, channel) => {
                if let (503, Some(Session::Binary { puts_off, .. })) = (status, self.sessions.get_mut(&link)) {
                    *puts_off = true;
                }
                let message = "refused".to_owned();
                self.say(link, &ServerMessage::Refused { channel, tx_id: tx_id.clone(), status, message });
            }
            Source::Http(request) => self.out.push(Out::Answer(request, Answer::Refused(status))),
        }
    }

    /// Says where a transaction stands in the log that the receiver has been sent already, or, over HTTP, what has come of it.
    fn acknowledge(&mut self, source: Source, tx_id: &Id, seq: u64) {
        match source {
            Source::Link(link, channel) => {
                let time = self.disk.log().get(seq as usize - 1).map_or(Timestamp(0), |entry| entry.commit.time);
                let tx_ids = vec![tx_id.clone()];
                self.say(link, &ServerMessage::Acknowledged { channel, tx_ids, seq, time });
            }
            Source::Http(request) => {
                let entry = self.disk.log().get(seq as usize - 1);
                let keys: Vec<Key> =
                    entry.iter().flat_map(|entry| &entry.commit.operations).map(|op| op.target.clone()).collect();
                let records = self.told.records().record_map(&keys);
                let epoch = self.told.epoch().clone();
                self.out.push(Out::Answer(request, Answer::Written { records, epoch }));
            }
        }
    }

    /// One sync for the whole group, then everybody is told (WR7, WR9).
    pub(crate) fn sync(&mut self) {
        self.disk.sync();
        self.publish();
    }

    /// The sync failed: the whole group is refused, and the room made anew (WR7).
    pub(crate) fn fail_sync(&mut self) {
        self.disk.fail_sync();
        for Grouped { submitted, source } in std::mem::take(&mut self.group) {
            self.known.remove(&(submitted.commit.author, submitted.commit.tx_id.clone()));
            self.refuse(source, &submitted.commit.tx_id, 503);
        }
        for (source, tx_id, _) in std::mem::take(&mut self.waiting) {
            self.refuse(source, &tx_id, 503);
        }
        if self.has(Fault::RoomKeptAfterFailedSync) {
            let (scope, epoch) = (self.room.scope().clone(), self.room.epoch().clone());
            self.room = Room::new(scope, epoch, self.told.seq(), self.room.records().clone());
        } else {
            self.room = self.told.clone();
        }
    }

    /// A request over HTTP.
    pub(crate) fn ask(&mut self, request: RequestId, user: &Id, ask: &Ask, now: Timestamp) {
        let records = match ask {
            Ask::Write(transaction) => return self.submit(user, transaction, Source::Http(request), now),
            _ if !self.may_read(user) => return self.out.push(Out::Answer(request, Answer::Refused(403))),
            Ask::GetRecords(keys) => self.told.records().record_map(keys),
            Ask::ListRecords => self.told.records().record_map(self.told.records().iter().map(|(key, _)| key)),
        };
        self.out.push(Out::Answer(request, Answer::Records { records, epoch: self.told.epoch().clone() }));
    }

    /// The power goes and comes back.
    ///
    /// # Errors
    /// When the log does not lead to records any more.
    pub(crate) fn lose_power(&mut self, prng: &mut Prng) -> Result<(), Refusal> {
        self.disk.lose_power(prng);
        self.start()
    }

    /// A backup takes the place of what was there, under a new epoch (WR8).
    ///
    /// # Errors
    /// When the log does not lead to records any more.
    pub(crate) fn restore(&mut self, backup: &Disk, epoch: Id) -> Result<(), Refusal> {
        let epoch = if self.has(Fault::EpochKeptAtRestore) { backup.epoch.clone() } else { epoch };
        self.disk = backup.clone();
        self.disk.epoch = epoch;
        self.start()
    }

    fn start(&mut self) -> Result<(), Refusal> {
        let log = self.disk.log();
        let records = self.disk.replay(log.len())?;
        self.known = log
            .iter()
            .map(|Entry { commit, payload_hash, .. }| {
                ((commit.author.clone(), commit.tx_id.clone()), (commit.seq, *payload_hash))
            })
            .collect();
        if self.has(Fault::IdempotencyLostAtRestart) {
            self.known.clear();
        }
        let seq = log.last().map_or(0, |entry| entry.commit.seq);
        self.room = Room::new(self.room.scope().clone(), self.disk.epoch.clone(), seq, records);
        self.told = self.room.clone();
        self.group.clear();
        self.waiting.clear();
        self.sessions.clear();
        self.out.clear();
        Ok(())
    }
}
