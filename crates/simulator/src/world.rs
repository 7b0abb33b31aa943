//! The world: who is in it, what happens by chance, and how it comes to rest.

use std::collections::{BTreeMap, VecDeque};

use model::{Id, Table, Timestamp, Value, fields};
use operations::build::create;
use operations::{Operation, Transaction};

use crate::checks::{Failure, History, Promises, check_log};
use crate::client::{Client, Heard};
use crate::disk::Disk;
use crate::edits::{any_edit, new_clip, new_track};
use crate::fault::Fault;
use crate::guide::{GuideClient, Wants};
use crate::prng::Prng;
use crate::server::{Answer, Ask, LinkId, Out, RequestId, Server, payload_hash};

/// Messages that may wait for one reader when news come, before it is cut off (PS4).
const QUEUE_MESSAGES_MAX: usize = 6;
/// Rounds in which everything must have come to rest once nothing fails any more.
const ROUNDS_MAX: usize = 60;

/// How much of what happened in a world: a seed in which nothing happens proves nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Entries in the log at the end.
    pub commits: u64,
    /// Edits that a replica took.
    pub edits: u64,
    /// Transactions that the server refused.
    pub refusals: u64,
    /// Connections made.
    pub connections: u64,
    /// Connections cut because their reader was too slow.
    pub slow_readers: u64,
    /// Syncs that failed.
    pub failed_syncs: u64,
    /// Losses of power.
    pub power_losses: u64,
    /// Restored backups.
    pub restores: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.commits += other.commits;
        self.edits += other.edits;
        self.refusals += other.refusals;
        self.connections += other.connections;
        self.slow_readers += other.slow_readers;
        self.failed_syncs += other.failed_syncs;
        self.power_losses += other.power_losses;
        self.restores += other.restores;
    }
}

/// Who holds the client's end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Replica(usize),
    Guide,
}

/// A connection: frames in order both ways, until it breaks.
#[derive(Debug)]
struct Link {
    end: End,
    up: VecDeque<Vec<u8>>,
    down: VecDeque<Vec<u8>>,
    /// The client has gone; what it had sent may still arrive.
    is_left: bool,
}

/// An HTTP request on its way there or back.
#[derive(Debug)]
enum Http {
    Ask { request: RequestId, user: Id, ask: Ask },
    Answer { request: RequestId, answer: Answer },
}

/// The world of one seed.
#[derive(Debug)]
pub struct World {
    prng: Prng,
    now: i64,
    project: Id,
    server: Server,
    clients: Vec<Client>,
    guide: GuideClient,
    links: BTreeMap<LinkId, Link>,
    http: Vec<Http>,
    backup: Option<Disk>,
    /// Raw writes of people who bypass every client, by request: (author, id, payload).
    intrusions: BTreeMap<RequestId, Transaction>,
    history: History,
    promises: Promises,
    counter: u32,
    tally: Tally,
    fault: Option<Fault>,
    trace: Option<Vec<String>>,
}

fn id(text: &str) -> Id {
    Id::new(text).unwrap_or_else(|_| Id::system())
}

impl World {
    /// A world of this seed, in which a project, its members and a few records are.
    #[must_use]
    pub fn new(seed: u64, fault: Option<Fault>, traced: bool) -> World {
        let mut prng = Prng::new(seed);
        let project = id("song");
        let clients = [("ann", "ann"), ("ed", "ed"), ("ed2", "ed"), ("flo", "flo"), ("vi", "vi"), ("eve", "eve")].map(
            |(name, user)| {
                let skew = prng.below(7_200_000) as i64 - 3_600_000;
                Client::new(name, &id(user), &project, skew, fault)
            },
        );
        let mut world = World {
            now: 1_795_470_240_000,
            server: Server::new(project.clone(), id("epoch-0"), fault),
            clients: clients.into(),
            guide: GuideClient::new(&id("gus"), &project),
            links: BTreeMap::new(),
            http: Vec::new(),
            backup: None,
            intrusions: BTreeMap::new(),
            history: History::default(),
            promises: Promises::default(),
            counter: 0,
            tally: Tally::default(),
            trace: traced.then(Vec::new),
            prng,
            project,
            fault,
        };
        world.found();
        world
    }

    /// Lives through `events` events, comes to rest, and is looked over.
    ///
    /// # Errors
    /// The first rule that did not hold.
    pub fn run(&mut self, events: usize) -> Result<Tally, Failure> {
        self.history.record(&self.server.disk)?;
        for index in 0..self.clients.len() {
            self.connect(index)?;
        }
        for _ in 0..events {
            self.happen()?;
        }
        self.rest()?;
        self.look_over()?;
        self.tally.commits = self.server.told().seq();
        Ok(self.tally)
    }

    /// What happened, when the world was told to remember it.
    #[must_use]
    pub fn trace(&self) -> &[String] {
        self.trace.as_deref().unwrap_or_default()
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(line());
        }
    }

    /// The owner founds the project, before anybody is connected.
    fn found(&mut self) {
        let member = |(name, role): (&str, &str)| {
            let given = [("projectId", "song".into()), ("userId", name.into()), ("role", role.into())];
            create(Table::ProjectMembers, &id(name), fields(given))
        };
        let mut operations = vec![create(Table::Projects, &self.project, fields([("name", Value::text("Song"))]))];
        operations.extend([("ed", "editor"), ("flo", "editor"), ("vi", "viewer"), ("gus", "editor")].map(member));
        for track in ["bass", "drums", "keys"] {
            operations.push(create(Table::Tracks, &id(track), new_track(track)));
            operations.push(create(Table::Clips, &id(&format!("{track}-1")), new_clip(&id(track))));
        }
        let transaction = raw("founding", "ann", operations);
        let now = self.clock();
        self.server.ask(0, &id("ann"), &Ask::Write(transaction), now);
        self.server.sync();
        self.server.out.clear();
    }

    fn clock(&mut self) -> Timestamp {
        self.now += self.prng.below(400) as i64;
        Timestamp(self.now)
    }

    fn next_number(&mut self) -> u32 {
        self.counter += 1;
        self.counter
    }

    /// One event, and a few deliveries after it.
    fn happen(&mut self) -> Result<(), Failure> {
        match self.prng.below(100) {
            0..40 => self.edit_on_a_client()?,
            40..46 => self.write_as_the_guide()?,
            46..50 => self.intrude()?,
            50..61 => self.connect_someone()?,
            61..64 => self.break_a_link()?,
            64..80 => self.sync()?,
            80..82 => self.fail_sync()?,
            82..84 => self.lose_power()?,
            84 => self.backup = Some(self.server.disk.backup()),
            85 => self.restore()?,
            86..88 => self.lose_http(),
            89..93 => self.let_the_guide_catch_up()?,
            // The server's clock may be set back.
            88 => self.now -= 5_000,
            _ => {}
        }
        for _ in 0..self.prng.below(5) {
            self.deliver_something()?;
        }
        self.check_the_guide()
    }

    /// Everything on its way to and from the guide's client arrives.
    fn let_the_guide_catch_up(&mut self) -> Result<(), Failure> {
        while let Some(number) = self.guide.link {
            let Some(link) = self.links.get(&number) else { return Ok(()) };
            match (link.up.is_empty(), link.down.is_empty(), self.http.is_empty()) {
                (false, _, _) => self.deliver_up(number)?,
                (true, false, _) => self.deliver_down(number)?,
                (true, true, false) => self.deliver_http()?,
                (true, true, true) => return Ok(()),
            }
        }
        Ok(())
    }

    /// Who has subscribed and heard everything is up to date, not only when all is at rest.
    fn check_the_guide(&self) -> Result<(), Failure> {
        let Some((number, link)) = self.guide.link.and_then(|number| Some((number, self.links.get(&number)?))) else {
            return Ok(());
        };
        let follows = self.server.is_subscribed(number, &format!("project-tracks:{}", self.project));
        if !follows || self.guide.is_waiting() || !link.up.is_empty() || !link.down.is_empty() {
            return Ok(());
        }
        self.guide.check(self.server.told().records())
    }

    fn edit_on_a_client(&mut self) -> Result<(), Failure> {
        let index = self.prng.below(self.clients.len());
        let now = self.clock();
        let client = &self.clients[index];
        let (user, name) = (client.user.clone(), client.name().to_owned());
        let operations = any_edit(&mut self.prng, &client.view().clone(), &user, &name);
        let text = self.trace.is_some().then(|| serde_json::to_string(&operations).unwrap_or_default());
        if let Some(heard) = self.clients[index].edit(operations, now) {
            self.tally.edits += 1;
            self.note(|| format!("{name} edits {}", text.unwrap_or_default()));
            self.heard(index, heard)?;
        }
        Ok(())
    }

    /// Takes in what a client has learnt, and checks it.
    fn heard(&mut self, index: usize, heard: Heard) -> Result<(), Failure> {
        let Heard { send, reconnect, acknowledged, refused } = heard;
        let client = &self.clients[index];
        let (user, link) = (client.user.clone(), client.link);
        acknowledged.iter().for_each(|(author, tx_id)| self.promises.acknowledge(author, tx_id));
        for (tx_id, hash) in refused {
            self.tally.refusals += 1;
            self.promises.refuse(&user, &tx_id, hash);
        }
        if let Some(link) = link.and_then(|link| self.links.get_mut(&link)) {
            link.up.extend(send);
        }
        self.clients[index].check(&self.history, &self.project)?;
        if let (true, Some(link)) = (reconnect, link) {
            self.break_link(link)?;
        }
        Ok(())
    }

    fn write_as_the_guide(&mut self) -> Result<(), Failure> {
        let user = self.guide.user.clone();
        let operations = any_edit(&mut self.prng, &self.guide.records(), &user, "gus");
        if operations.is_empty() {
            return Ok(());
        }
        if let Some(ask) = self.guide.write(operations) {
            self.note(|| format!("gus writes {ask:?}"));
            self.ask_for_the_guide(ask);
        }
        Ok(())
    }

    fn ask_for_the_guide(&mut self, ask: Ask) {
        let request = self.next_number();
        self.guide.remember(request, ask.clone());
        self.http.push(Http::Ask { request, user: self.guide.user.clone(), ask });
    }

    fn wanted(&mut self, wants: Wants) {
        let Wants { send, ask, acknowledged, refused } = wants;
        let user = self.guide.user.clone();
        acknowledged.iter().for_each(|tx_id| self.promises.acknowledge(&user, tx_id));
        refused.iter().for_each(|(tx_id, hash)| self.promises.refuse(&user, tx_id, *hash));
        if let Some(link) = self.guide.link.and_then(|link| self.links.get_mut(&link)) {
            link.up.extend(send);
        }
        ask.into_iter().for_each(|ask| self.ask_for_the_guide(ask));
    }

    /// Somebody without the right to write, or with another's name, or with an old id, writes past every client.
    fn intrude(&mut self) -> Result<(), Failure> {
        let user = *self.prng.pick(&["vi", "eve", "flo"]).unwrap_or(&"eve");
        let author = if self.prng.chance(20) { "ann" } else { user };
        let tx_id = if self.prng.chance(25) {
            format!("flo-{}", 1 + self.prng.below(5))
        } else {
            format!("raw-{}", self.next_number())
        };
        let operations = any_edit(&mut self.prng, &self.server.told().records().clone(), &id("ann"), "raw");
        let transaction = raw(&tx_id, author, operations);
        self.note(|| format!("{user} writes as {author} past all clients: {tx_id}"));
        let request = self.next_number();
        self.intrusions.insert(request, transaction.clone());
        self.http.push(Http::Ask { request, user: id(user), ask: Ask::Write(transaction) });
        Ok(())
    }

    fn connect_someone(&mut self) -> Result<(), Failure> {
        let index = self.prng.below(self.clients.len() + 1);
        if index == self.clients.len() {
            return self.connect_the_guide();
        }
        if self.clients[index].is_denied() {
            // Trying again takes a new socket.
            self.clients[index].link.map_or(Ok(()), |link| self.break_link(link))?;
        }
        self.connect(index)
    }

    fn connect(&mut self, index: usize) -> Result<(), Failure> {
        if self.clients[index].link.is_some() {
            return Ok(());
        }
        self.settle_left_links(End::Replica(index))?;
        let link = self.new_link(End::Replica(index));
        let (user, now) = (self.clients[index].user.clone(), self.clock());
        self.server.connect_binary(link, user, now);
        self.note(|| format!("client {index} connects as link {link}"));
        let heard = self.clients[index].connected(link);
        self.heard(index, heard)?;
        self.carry_out()
    }

    fn connect_the_guide(&mut self) -> Result<(), Failure> {
        if self.guide.link.is_some() {
            return Ok(());
        }
        self.settle_left_links(End::Guide)?;
        let link = self.new_link(End::Guide);
        self.server.connect_text(link, self.guide.user.clone());
        self.note(|| format!("the guide's client connects as link {link}"));
        let wants = self.guide.connected(link);
        self.wanted(wants);
        Ok(())
    }

    fn new_link(&mut self, end: End) -> LinkId {
        let link = self.next_number();
        self.tally.connections += 1;
        self.links.insert(link, Link { end, up: VecDeque::new(), down: VecDeque::new(), is_left: false });
        link
    }

    /// What a client had sent on a connection that broke arrives before its next one is made, or never.
    fn settle_left_links(&mut self, end: End) -> Result<(), Failure> {
        let left: Vec<LinkId> =
            self.links.iter().filter(|(_, link)| link.is_left && link.end == end).map(|(link, _)| *link).collect();
        for link in left {
            let arrives = self.prng.chance(50);
            while arrives && self.links.get(&link).is_some_and(|link| !link.up.is_empty()) {
                self.deliver_up(link)?;
            }
            self.links.remove(&link);
            self.server.disconnect(link);
        }
        Ok(())
    }

    fn break_a_link(&mut self) -> Result<(), Failure> {
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        self.prng.pick(&links).map_or(Ok(()), |link| self.break_link(*link))
    }

    /// The client's end is gone; the server does not know yet.
    fn break_link(&mut self, number: LinkId) -> Result<(), Failure> {
        let Some(link) = self.links.get_mut(&number) else { return Ok(()) };
        if std::mem::replace(&mut link.is_left, true) {
            return Ok(());
        }
        link.down.clear();
        let end = link.end;
        self.note(|| format!("link {number} breaks"));
        match end {
            End::Guide => {
                self.guide.disconnected();
                Ok(())
            }
            End::Replica(index) => {
                let heard = self.clients[index].disconnected();
                self.heard(index, heard)
            }
        }
    }

    fn sync(&mut self) -> Result<(), Failure> {
        if !self.server.has_group() {
            return Ok(());
        }
        self.server.sync();
        self.note(|| "the server syncs".to_owned());
        self.history.record(&self.server.disk)?;
        self.carry_out()
    }

    fn fail_sync(&mut self) -> Result<(), Failure> {
        if self.server.has_group() {
            self.tally.failed_syncs += 1;
            self.note(|| "a sync fails".to_owned());
            self.server.fail_sync();
            self.carry_out()?;
        }
        Ok(())
    }

    fn lose_power(&mut self) -> Result<(), Failure> {
        self.tally.power_losses += 1;
        self.note(|| "the server loses power".to_owned());
        self.server.lose_power(&mut self.prng).map_err(|refusal| Failure::new("WR8", refusal.message))?;
        self.history.record(&self.server.disk)?;
        self.everything_is_cut()
    }

    fn restore(&mut self) -> Result<(), Failure> {
        let Some(backup) = self.backup.clone() else { return Ok(()) };
        self.tally.restores += 1;
        let epoch = id(&format!("epoch-{}", self.next_number()));
        self.note(|| format!("a backup is restored as {epoch}"));
        self.server.restore(&backup, epoch).map_err(|refusal| Failure::new("WR8", refusal.message))?;
        self.promises.keep_only_of(&self.server.disk);
        self.history.record(&self.server.disk)?;
        self.everything_is_cut()
    }

    /// The server has gone down: no connection and no request outlives that.
    fn everything_is_cut(&mut self) -> Result<(), Failure> {
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for link in links {
            self.break_link(link)?;
        }
        self.links.clear();
        self.http.clear();
        self.intrusions.clear();
        for request in self.guide.unanswered() {
            let wants = self.guide.answer(request, None);
            self.wanted(wants);
        }
        Ok(())
    }

    /// A request or its answer gets lost.
    fn lose_http(&mut self) {
        if !self.http.is_empty() {
            let http = self.http.swap_remove(self.prng.below(self.http.len()));
            let (Http::Ask { request, .. } | Http::Answer { request, .. }) = http;
            self.intrusions.remove(&request);
            let wants = self.guide.answer(request, None);
            self.wanted(wants);
        }
    }

    /// Hands what the server wants sent to the connections; who does not read is cut off.
    fn carry_out(&mut self) -> Result<(), Failure> {
        for out in std::mem::take(&mut self.server.out) {
            match out {
                Out::Answer(request, answer) => self.http.push(Http::Answer { request, answer }),
                Out::Frame(number, frame) => self.queue(number, frame, usize::MAX)?,
                Out::News(number, frame) => self.queue(number, frame, QUEUE_MESSAGES_MAX)?,
            }
        }
        Ok(())
    }

    fn queue(&mut self, number: LinkId, frame: Vec<u8>, messages_max: usize) -> Result<(), Failure> {
        let Some(link) = self.links.get_mut(&number).filter(|link| !link.is_left) else { return Ok(()) };
        if link.down.len() < messages_max {
            link.down.push_back(frame);
        } else if self.fault != Some(Fault::DroppedForSlowReader) {
            self.tally.slow_readers += 1;
            self.note(|| format!("link {number} reads too slowly"));
            self.server.disconnect(number);
            self.break_link(number)?;
            self.links.remove(&number);
        }
        Ok(())
    }

    fn deliver_something(&mut self) -> Result<(), Failure> {
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        let choice = self.prng.below(links.len() + usize::from(!self.http.is_empty()));
        match links.get(choice) {
            Some(link) if self.prng.chance(50) => self.deliver_up(*link),
            Some(link) => self.deliver_down(*link),
            None => self.deliver_http(),
        }
    }

    fn deliver_up(&mut self, number: LinkId) -> Result<(), Failure> {
        let Some(link) = self.links.get_mut(&number) else { return Ok(()) };
        let (end, is_left) = (link.end, link.is_left);
        let Some(frame) = link.up.pop_front() else {
            if is_left {
                // The server notices at last.
                self.links.remove(&number);
                self.server.disconnect(number);
            }
            return Ok(());
        };
        let now = self.clock();
        match end {
            End::Replica(_) => self.server.frame(number, &frame, now),
            End::Guide => self.server.text(number, &String::from_utf8_lossy(&frame)),
        }
        self.carry_out()
    }

    fn deliver_down(&mut self, number: LinkId) -> Result<(), Failure> {
        let Some(link) = self.links.get_mut(&number) else { return Ok(()) };
        let Some(frame) = link.down.pop_front() else { return Ok(()) };
        match link.end {
            End::Replica(index) => {
                let heard = self.clients[index].frame(&frame)?;
                self.heard(index, heard)
            }
            End::Guide => {
                let wants = self.guide.notice(&frame)?;
                self.wanted(wants);
                Ok(())
            }
        }
    }

    /// HTTP requests and answers overtake each other.
    fn deliver_http(&mut self) -> Result<(), Failure> {
        if self.http.is_empty() {
            return Ok(());
        }
        let index = self.prng.below(self.http.len());
        match self.http.swap_remove(index) {
            Http::Ask { request, user, ask } => {
                let now = self.clock();
                self.server.ask(request, &user, &ask, now);
                self.carry_out()
            }
            Http::Answer { request, answer } => {
                if let Some(transaction) = self.intrusions.remove(&request) {
                    self.judge_intrusion(&transaction, &answer);
                } else {
                    let wants = self.guide.answer(request, Some(answer));
                    self.wanted(wants);
                }
                Ok(())
            }
        }
    }

    fn judge_intrusion(&mut self, transaction: &Transaction, answer: &Answer) {
        let Transaction { author_id, tx_id, .. } = transaction;
        match answer {
            Answer::Written { .. } => self.promises.acknowledge(author_id, tx_id),
            Answer::Refused(400 | 403 | 409) => {
                self.tally.refusals += 1;
                self.promises.refuse(author_id, tx_id, payload_hash(transaction));
            }
            _ => {}
        }
    }

    /// Nothing fails any more, and everybody comes online: messages flow until there are none.
    fn rest(&mut self) -> Result<(), Failure> {
        self.note(|| "everything comes to rest".to_owned());
        for _ in 0..ROUNDS_MAX {
            let seq = self.server.told().seq();
            for index in 0..self.clients.len() {
                if self.clients[index].is_denied() || !self.clients[index].is_live() {
                    self.clients[index].link.map_or(Ok(()), |link| self.break_link(link))?;
                }
                self.connect(index)?;
            }
            // It cannot know that it has been let in again.
            self.guide.link.map_or(Ok(()), |link| self.break_link(link))?;
            self.connect_the_guide()?;
            self.drain()?;
            if self.is_at_rest() && self.server.told().seq() == seq {
                return Ok(());
            }
        }
        Err(Failure::new("SI1", "nothing fails any more, and still it does not come to rest"))
    }

    /// Delivers everything, in a random order.
    fn drain(&mut self) -> Result<(), Failure> {
        loop {
            let full = |link: &&Link| !link.up.is_empty() || !link.down.is_empty();
            while !self.http.is_empty() || self.links.values().any(|link| full(&link)) {
                self.deliver_something()?;
            }
            if !self.server.has_group() {
                return Ok(());
            }
            self.sync()?;
        }
    }

    fn is_at_rest(&self) -> bool {
        let settled = |client: &Client| client.is_denied() || (client.is_live() && !client.has_pending());
        self.clients.iter().all(settled) && !self.guide.is_waiting() && !self.server.has_group()
    }

    fn look_over(&self) -> Result<(), Failure> {
        check_log(&self.server.disk, self.server.told().records())?;
        self.promises.check(&self.server.disk)?;
        self.clients.iter().try_for_each(|client| client.check_rest(self.server.told()))?;
        self.guide.check(self.server.told().records())
    }
}

fn raw(tx_id: &str, author: &str, operations: Vec<Operation>) -> Transaction {
    Transaction {
        tx_id: id(tx_id),
        author_id: id(author),
        operations,
        client_timestamp: 0.0,
        base_versions: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edits::MEMBERS;

    #[test]
    fn every_member_that_may_be_let_in_is_in_the_world() {
        let world = World::new(1, None, false);
        let users: Vec<&Id> = world.clients.iter().map(|client| &client.user).chain([&world.guide.user]).collect();
        assert!(MEMBERS.iter().all(|member| users.contains(&&id(member))));
    }
}
