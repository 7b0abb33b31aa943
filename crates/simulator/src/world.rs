//! The world: who is in it, what happens by chance, and how it comes to rest.

mod people;
mod traffic;

use std::collections::{BTreeMap, VecDeque};

use model::{Id, Table, Timestamp, Value, fields};
use operations::build::create;
use operations::{Operation, Transaction};

use crate::checks::{Failure, History, Promises, check_log};
use crate::client::Client;
use crate::disk::Disk;
use crate::edits::{new_clip, new_track};
use crate::fault::Fault;
use crate::guide::GuideClient;
use crate::prng::Prng;
use crate::server::{Answer, Ask, LinkId, RequestId, Server};

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
        gesture: None,
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
