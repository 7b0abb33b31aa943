//! A tab with a replica, as the browser drives it, and what must hold on its screen at every moment.

mod screen;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::{Id, Key, Record, Records, Timestamp};
use operations::{Operation, Transaction};
use sync::wire::{ClientMessage, Presence, ServerMessage, decode, encode};
use sync::{Edit, Effect, Event, Kept, Messenger, Replica, Step, TabMessage};

use crate::browser::{Browser, Cache, Store, TabId, Write};
use crate::checks::Failure;
use crate::edits::knob;
use crate::fault::Fault;
use crate::server::{LinkId, payload_hash};

pub(crate) use screen::difference;

/// The channel that every tab uses.
const CHANNEL: u32 = 7;

/// What waits to happen in a tab.
#[derive(Debug)]
pub(crate) enum Task {
    /// A write has ended.
    Kept { tx_id: Id, place: Option<u64> },
    /// Another tab has said something.
    Told(Vec<u8>),
}

/// What a tab is there for.
#[derive(Debug)]
enum Mind {
    /// It has the song open.
    Song(Replica),
    /// It has the list of songs open, and sends what waits of this one.
    List(Messenger),
}

impl Mind {
    fn replica(&self) -> &Replica {
        match self {
            Mind::Song(replica) => replica,
            Mind::List(messenger) => messenger.replica(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Tab {
    pub(crate) id: TabId,
    /// The number of its browser.
    pub(crate) browser: usize,
    pub(crate) user: Id,
    name: String,
    mind: Mind,
    pub(crate) link: Option<LinkId>,
    pub(crate) tasks: VecDeque<Task>,
    /// Whether it has read what the browser keeps.
    pub(crate) is_loaded: bool,
    /// Whether it stands still, as the browser lets a hidden tab.
    pub(crate) is_frozen: bool,
    /// Whether it takes itself for the one that sends, and since which change of the lock.
    pub(crate) leads: bool,
    pub(crate) reign: u64,
    keeps: bool,
    /// Whether the browser has locks; else every tab sends.
    has_locks: bool,
    /// Transactions that could not be kept.
    unkept: BTreeSet<Id>,
    has_edited: bool,
    /// The knob that was turned last, if that was the last edit, and when.
    turned: Option<(Operation, Timestamp)>,
    gesture: Option<Id>,
    /// What the screen shows: brought up to date by [`Effect::Changed`] only.
    shown: BTreeMap<Key, Record>,
    /// The greatest versions in this epoch (CL1).
    versions: (Option<Id>, BTreeMap<Key, u64>),
    /// Where the replica stood when its committed state was last compared.
    compared: Option<(Id, u64)>,
    fault: Option<Fault>,
}

/// A transaction of an undo or redo, and those of which it takes one back.
pub(crate) type Journey = (Id, BTreeSet<Id>);

/// What a tab has learnt and wants done.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) send: Vec<ClientMessage>,
    pub(crate) reconnect: bool,
    /// Own transactions that are in the log for sure, by (author, id).
    pub(crate) acknowledged: Vec<(Id, Id)>,
    /// Own transactions that are not, with the hash of the payload.
    pub(crate) refused: Vec<(Id, u64)>,
    pub(crate) writes: Vec<Write>,
    pub(crate) tell: Vec<TabMessage>,
    /// Undo and redo that were left out altogether, and have left the queue.
    pub(crate) given_up: Vec<Id>,
    /// Whether parts of an undo were left out, or hid what others did.
    pub(crate) met_others: bool,
    /// Whether a list has nothing left to do here.
    pub(crate) is_over: bool,
}

impl Tab {
    pub(crate) fn new(id: TabId, browser: (usize, &Browser), project: &Id, fault: Option<Fault>) -> Tab {
        let make = if browser.1.keeps { Replica::keeping } else { Replica::new };
        let replica = make(browser.1.user.clone(), project.clone(), CHANNEL);
        Tab::with(id, browser, Mind::Song(replica), fault)
    }

    /// A list of songs, which sends what waits of `project`.
    pub(crate) fn list(id: TabId, browser: (usize, &Browser), project: &Id, fault: Option<Fault>) -> Tab {
        let messenger = Messenger::new(browser.1.user.clone(), project.clone(), CHANNEL);
        Tab::with(id, browser, Mind::List(messenger), fault)
    }

    fn with(id: TabId, (browser, kept): (usize, &Browser), mind: Mind, fault: Option<Fault>) -> Tab {
        let Browser { user, keeps, has_locks, .. } = kept;
        let what = if matches!(mind, Mind::Song(_)) { "tab" } else { "list" };
        Tab {
            id,
            browser,
            user: user.clone(),
            name: format!("{user}'s {what} {id}"),
            mind,
            link: None,
            tasks: VecDeque::new(),
            is_loaded: false,
            is_frozen: false,
            leads: false,
            reign: 0,
            keeps: *keeps,
            has_locks: *has_locks,
            unkept: BTreeSet::new(),
            has_edited: false,
            turned: None,
            gesture: None,
            shown: BTreeMap::new(),
            versions: (None, BTreeMap::new()),
            compared: None,
            fault,
        }
    }

    /// Whether it is a list of songs.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.mind, Mind::List(_))
    }

    /// A list has waited long for its turn to send; whether it gives up.
    pub(crate) fn has_waited(&mut self) -> bool {
        match &mut self.mind {
            Mind::Song(_) => false,
            Mind::List(messenger) => messenger.has_waited().is_some(),
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    pub(crate) fn view(&self) -> &Records {
        self.mind.replica().view()
    }

    /// How much of which log is here.
    pub(crate) fn base(&self) -> Option<(Id, u64)> {
        Some((self.mind.replica().epoch()?.clone(), self.mind.replica().seq()))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The knob that was turned last, if that was the last edit, and when.
    pub(crate) fn turned(&self) -> Option<(Operation, Timestamp)> {
        self.turned.clone()
    }

    pub(crate) fn has_pending(&self) -> bool {
        self.mind.replica().status().pending > 0
    }

    pub(crate) fn pending(&self) -> impl Iterator<Item = &Transaction> {
        self.mind.replica().pending().map(|(transaction, _)| transaction)
    }

    pub(crate) fn parked(&self) -> usize {
        self.mind.replica().status().parked
    }

    /// How many have not gone in their turn.
    pub(crate) fn out_of_turn(&self) -> usize {
        self.parked() + self.mind.replica().stepping_aside()
    }

    pub(crate) fn is_denied(&self) -> bool {
        self.mind.replica().status().denied.is_some()
    }

    pub(crate) fn is_live(&self) -> bool {
        self.mind.replica().status().live
    }

    /// Whether this transaction is here and could not be kept.
    pub(crate) fn goes_unkept(&self, tx_id: &Id) -> bool {
        self.unkept.contains(tx_id)
    }

    fn happen(&mut self, event: Event) -> Heard {
        self.take_in(event, &BTreeMap::new())
    }

    fn take_in(&mut self, event: Event, hashes: &BTreeMap<Id, u64>) -> Heard {
        let (effects, end) = match &mut self.mind {
            Mind::Song(replica) => (replica.handle(event), None),
            Mind::List(messenger) => messenger.handle(event),
        };
        Heard { is_over: end.is_some(), ..self.carry_out(effects, hashes) }
    }

    pub(crate) fn connected(&mut self, link: LinkId) -> Heard {
        self.link = Some(link);
        self.happen(Event::Connected)
    }

    pub(crate) fn disconnected(&mut self) -> Heard {
        self.link = None;
        self.happen(Event::Disconnected)
    }

    /// Reads what the browser keeps, for the first time or again.
    pub(crate) fn read(&mut self, store: &Store) -> Result<Heard, Failure> {
        let mut heard = Heard::default();
        let is_fresh = !std::mem::replace(&mut self.is_loaded, true) && !self.has_edited && self.tasks.is_empty();
        if is_fresh && let Some(Cache { epoch, seq, records, commits }) = store.now.cache.clone() {
            let commits: Vec<_> = commits.into_values().collect();
            let effects = match &mut self.mind {
                Mind::Song(replica) => replica.restore(epoch, seq, records, &commits),
                Mind::List(messenger) => messenger.restore(epoch, seq, records, &commits),
            };
            heard = self.carry_out(effects, &BTreeMap::new());
        }
        let mut queue: Vec<(u64, Kept)> = store.now.queue.iter().map(|(place, kept)| (*place, kept.clone())).collect();
        if self.has(Fault::QueueUpsideDown) {
            let places: Vec<u64> = queue.iter().rev().map(|(place, _)| *place).collect();
            queue.iter_mut().zip(places).for_each(|(row, place)| row.0 = place);
        }
        let steps: Vec<Step> = store.now.steps.values().cloned().collect();
        let stored = if self.has(Fault::StepsLostAtReload) { Vec::new() } else { steps.clone() };
        let more = self.happen(Event::Stored(sync::Store { queue, steps: stored }));
        heard.add(more);
        if is_fresh {
            self.check_steps(&steps)?;
        }
        Ok(heard)
    }

    /// There may be room again for what could not be kept.
    pub(crate) fn keep_again(&mut self) -> Heard {
        self.happen(Event::Room)
    }

    pub(crate) fn lead(&mut self, leads: bool) -> Heard {
        self.leads = leads;
        let shares = leads && !self.has_locks && !self.has(Fault::TakesInWithoutLocks);
        self.happen(if shares { Event::SharesLead } else { Event::Leads(leads) })
    }

    pub(crate) fn retry(&mut self) -> Heard {
        if self.has(Fault::ParkedForEver) { Heard::default() } else { self.happen(Event::Retry) }
    }

    pub(crate) fn discard(&mut self, tx_id: &Id) -> Heard {
        self.happen(Event::Discard(tx_id.clone()))
    }

    pub(crate) fn run(&mut self, task: Task) -> Result<Heard, Failure> {
        match task {
            Task::Kept { tx_id, place } => {
                if place.is_none() {
                    self.unkept.insert(tx_id.clone());
                    if self.has(Fault::FullStorageUnsaid) {
                        return Ok(Heard::default());
                    }
                }
                Ok(self.happen(Event::Kept { tx_id, place }))
            }
            Task::Told(bytes) => {
                let message: TabMessage =
                    decode(&bytes).map_err(|bad| Failure::new("CL4", format!("{}: {bad}", self.name)))?;
                Ok(self.happen(Event::Tab(message)))
            }
        }
    }

    /// The user does something. None when the replica refuses it at once.
    pub(crate) fn edit(
        &mut self,
        tx_id: &Id,
        edit: &Edit,
        operations: Vec<Operation>,
        now: Timestamp,
    ) -> Option<Heard> {
        let Mind::Song(replica) = &mut self.mind else { return None };
        let turned = knob(&operations).map(|knob| (knob.clone(), now));
        let effects = replica.edit(tx_id.clone(), edit, operations, now).ok()?;
        self.turned = turned;
        self.has_edited = true;
        Some(self.carry_out(effects, &BTreeMap::new()))
    }

    /// Undo or redo: what it has led to, and each transaction that it is made of with those that it may take back.
    pub(crate) fn travel(
        &mut self,
        undo: bool,
        now: Timestamp,
        new_id: &mut dyn FnMut() -> Id,
    ) -> Option<(Heard, Vec<Journey>)> {
        let Mind::Song(replica) = &mut self.mind else { return None };
        let step = if undo { replica.next_undo() } else { replica.next_redo() }?.clone();
        let mut ids = Vec::new();
        let mut note_id = || {
            let id = new_id();
            ids.push(id.clone());
            id
        };
        let travelled = if undo { replica.undo(now, &mut note_id) } else { replica.redo(now, &mut note_id) };
        self.has_edited = true;
        let heard = self.carry_out(travelled.ok()?, &BTreeMap::new());
        let parts: Vec<Id> = step.parts.iter().rev().map(|part| part.tx_id.clone()).collect();
        let certain = parts.len() == ids.len();
        let takes_back = |index: usize| {
            if certain { BTreeSet::from([parts[index].clone()]) } else { parts.iter().cloned().collect() }
        };
        let made = ids.iter().enumerate().map(|(index, id)| (id.clone(), takes_back(index)));
        Some((heard, made.collect()))
    }

    /// Tells the others where the pointer is; nothing while nobody would hear.
    pub(crate) fn present(&mut self, presence: Presence) -> Option<Heard> {
        let effect = self.mind.replica().present(presence)?;
        Some(self.carry_out(vec![effect], &BTreeMap::new()))
    }

    /// What several edits have in common, now and then.
    pub(crate) fn gesture(&mut self, begins: Option<Id>, ends: bool) -> Option<Id> {
        if let Some(gesture) = begins {
            self.gesture = Some(gesture);
        }
        if ends { self.gesture.take() } else { self.gesture.clone() }
    }

    pub(crate) fn frame(&mut self, frame: &[u8]) -> Result<Heard, Failure> {
        let message: ServerMessage =
            decode(frame).map_err(|bad| Failure::new("W4", format!("{}: the server's frame: {bad}", self.name)))?;
        match &message {
            ServerMessage::Refused { .. } if self.has(Fault::RefusalSwallowed) => return Ok(Heard::default()),
            ServerMessage::Hello { .. } if self.has(Fault::UserNotNoticed) => return Ok(Heard::default()),
            _ => {}
        }
        let own = |tx_id: &Id| (self.user.clone(), tx_id.clone());
        let acknowledged = match &message {
            ServerMessage::Acknowledged { tx_ids, .. } => tx_ids.iter().map(own).collect(),
            ServerMessage::Commits { commits, .. } => {
                let mine = commits.iter().filter(|commit| commit.author == self.user);
                mine.map(|commit| own(&commit.tx_id)).collect()
            }
            _ => Vec::new(),
        };
        let pending = self.mind.replica().pending();
        let hashes: BTreeMap<Id, u64> =
            pending.map(|(transaction, _)| (transaction.tx_id.clone(), payload_hash(transaction))).collect();
        Ok(Heard { acknowledged, ..self.take_in(Event::Message(message), &hashes) })
    }

    fn carry_out(&mut self, effects: Vec<Effect>, hashes: &BTreeMap<Id, u64>) -> Heard {
        let mut heard = Heard::default();
        let is_list = self.is_list();
        for effect in effects {
            match effect {
                Effect::Send(message) => self.send(message, &mut heard),
                Effect::Changed(keys) => self.redraw(&keys),
                Effect::Refused { tx_id, .. } => {
                    heard.refused.extend(hashes.get(&tx_id).map(|hash| (tx_id, *hash)));
                }
                Effect::Reconnect => heard.reconnect = true,
                Effect::Keep(_) if is_list && self.has(Fault::ListIgnoresKeep) => {}
                // A list leaves what is cached as it is.
                Effect::Followed(_) | Effect::Replaced if is_list => {}
                Effect::Keep(mut kept) => {
                    if self.has(Fault::GuardNotKept) {
                        kept.transaction.operations.iter_mut().for_each(|operation| operation.guard = None);
                    }
                    heard.writes.push(Write::Keep(kept));
                }
                Effect::Forget(tx_id) => heard.writes.push(Write::Forget(tx_id)),
                Effect::Steps(changes) if !changes.is_empty() => heard.writes.push(Write::Steps(changes)),
                Effect::Tell(_) if self.has(Fault::TabsNotTold) => {}
                Effect::Tell(message) => heard.tell.push(message),
                Effect::Followed(commits) => {
                    heard.writes.extend(
                        self.mind.replica().epoch().map(|epoch| Write::Followed { epoch: epoch.clone(), commits }),
                    );
                }
                Effect::Replaced => heard.writes.extend(self.cache().map(Write::Replaced)),
                Effect::Skipped { tx_id, .. } => {
                    heard.met_others = true;
                    heard.given_up.push(tx_id);
                }
                Effect::HidOthersWork { .. } => heard.met_others = true,
                _ => {}
            }
        }
        heard.given_up.retain(|tx_id| self.mind.replica().pending().all(|(pending, _)| pending.tx_id != *tx_id));
        if !self.keeps {
            heard.writes.clear();
        }
        heard
    }

    fn send(&self, message: ClientMessage, heard: &mut Heard) {
        if let (ClientMessage::Submit { transactions, .. }, true) = (&message, self.has(Fault::ForgottenWhenSent)) {
            let sent = transactions.iter().map(|transaction| Write::Forget(transaction.tx_id.clone()));
            heard.writes.extend(sent);
        }
        heard.send.push(message);
    }

    fn cache(&self) -> Option<Cache> {
        let (seq, records) = (self.mind.replica().seq(), self.mind.replica().committed().clone());
        Some(Cache { epoch: self.mind.replica().epoch()?.clone(), seq, records, commits: BTreeMap::new() })
    }

    fn redraw(&mut self, keys: &[Key]) {
        let no_rebase = self.fault == Some(Fault::NoRebase);
        let source = if no_rebase { self.mind.replica().committed() } else { self.mind.replica().view() };
        for key in keys {
            match source.get(key) {
                Some(record) => drop(self.shown.insert(key.clone(), record.clone())),
                None => drop(self.shown.remove(key)),
            }
        }
    }
}

impl Heard {
    /// What came after it.
    pub(crate) fn add(&mut self, later: Heard) {
        self.send.extend(later.send);
        self.reconnect |= later.reconnect;
        self.acknowledged.extend(later.acknowledged);
        self.refused.extend(later.refused);
        self.writes.extend(later.writes);
        self.tell.extend(later.tell);
        self.given_up.extend(later.given_up);
        self.met_others |= later.met_others;
        self.is_over |= later.is_over;
    }
}

/// What a tab says to others, as it travels.
pub(crate) fn task_of(message: &TabMessage) -> Task {
    Task::Told(encode(message))
}
