//! The world: who is in it, what happens by chance, and how it comes to rest.

mod browsers;
mod people;
mod shelf;
mod storage;
mod traffic;

use std::collections::{BTreeMap, VecDeque};

use model::{Id, Table, Timestamp, Value, fields};
use operations::build::create;
use operations::{Operation, Transaction};

use crate::browser::{Browser, TabId};
use crate::checks::{Failure, Fates, History, Journeys, Promises, check_log, check_merging};
use crate::disk::{Disk, Entry};
use crate::edits::{new_clip, new_track};
use crate::fault::Fault;
use crate::guide::GuideClient;
use crate::prng::Prng;
use crate::server::{Answer, Ask, LinkId, RequestId, Server};
use crate::tab::Tab;

pub use shelf::{Holds, Shelf, Shelved};

/// Messages that may wait for one reader when news come, before it is cut off (PS4).
const QUEUE_MESSAGES_MAX: usize = 4;
/// Rounds in which everything must have come to rest once nothing fails any more.
const ROUNDS_MAX: usize = 60;
/// Messages that may be delivered in one of them.
const DELIVERIES_MAX: usize = 200_000;

/// Every browser: its name, who uses it by turns, whether it keeps anything, and whether it has locks.
const BROWSERS: [(&str, &[&str], bool, bool); 6] = [
    ("ann", &["ann"], true, true),
    ("ed", &["ed"], true, true),
    ("laptop", &["ed"], true, true),
    ("studio", &["flo", "vi"], true, true),
    ("eve", &["eve"], false, true),
    // In a rehearsal room, without TLS.
    ("hall", &["ann"], true, false),
];
/// Tabs that a browser has open at most.
const TABS_MAX: usize = 3;

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
    /// Steps taken back or brought again.
    pub journeys: u64,
    /// Tabs that were closed or have crashed.
    pub dead_tabs: u64,
    /// Times that another tab has become the one that sends.
    pub reigns: u64,
    /// Locks taken from a tab that stood still.
    pub thefts: u64,
    /// Edits that a browser could not keep.
    pub unkept: u64,
    /// Sessions that have expired, and users that have taken turns.
    pub logins: u64,
    /// Edits that were set aside.
    pub parked: u64,
    /// Entries in the log that are about tempo or metre.
    pub tempos: u64,
    /// Lists of songs that have ended, since there was nothing left to send or another tab sends.
    pub lists: u64,
    /// Tabs that send in a browser without locks.
    pub sharers: u64,
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
        self.journeys += other.journeys;
        self.dead_tabs += other.dead_tabs;
        self.reigns += other.reigns;
        self.thefts += other.thefts;
        self.unkept += other.unkept;
        self.logins += other.logins;
        self.parked += other.parked;
        self.tempos += other.tempos;
        self.lists += other.lists;
        self.sharers += other.sharers;
    }
}

/// Who holds the client's end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Replica(TabId),
    Guide,
}

/// A connection: frames in order both ways, until it breaks.
#[derive(Debug)]
struct Link {
    end: End,
    /// Who is logged in on it.
    user: Id,
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
    browsers: Vec<Browser>,
    tabs: BTreeMap<TabId, Tab>,
    guide: GuideClient,
    links: BTreeMap<LinkId, Link>,
    http: Vec<Http>,
    backup: Option<Disk>,
    /// A real store, and how much of the log it holds.
    shelf: Option<Box<dyn Shelf>>,
    shelved: usize,
    /// Raw writes of people who bypass every client, by request: (author, id, payload).
    intrusions: BTreeMap<RequestId, Transaction>,
    history: History,
    promises: Promises,
    fates: Fates,
    journeys: Journeys,
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
        let browsers = BROWSERS.map(|(name, users, keeps, has_locks)| {
            let skew = prng.below(7_200_000) as i64 - 3_600_000;
            Browser::new(name, users.iter().map(|user| id(user)).collect(), skew, (keeps, has_locks), fault)
        });
        let mut world = World {
            now: 1_795_470_240_000,
            server: Server::new(project.clone(), id("epoch-0"), fault),
            browsers: browsers.into(),
            tabs: BTreeMap::new(),
            guide: GuideClient::new(&id("gus"), &project),
            links: BTreeMap::new(),
            http: Vec::new(),
            backup: None,
            shelf: None,
            shelved: 0,
            intrusions: BTreeMap::new(),
            history: History::default(),
            promises: Promises::default(),
            fates: Fates::default(),
            journeys: Journeys::default(),
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
        for browser in 0..self.browsers.len() {
            self.open_a_tab(browser)?;
        }
        self.open_a_tab(1)?;
        self.open_a_tab(5)?;
        for tab in self.tabs.keys().copied().collect::<Vec<_>>() {
            self.connect(tab)?;
        }
        for _ in 0..events {
            self.happen()?;
        }
        self.rest()?;
        self.check_shelf()?;
        self.look_over()?;
        (self.tally.commits, self.tally.journeys) = (self.server.told().seq(), self.journeys.len() as u64);
        let is_tempo = |it: &Operation| matches!(it.target.table, Table::TempoChanges | Table::TimeSignatures);
        let tempos = self.server.disk.log().iter().filter(|entry| entry.commit.operations.iter().any(is_tempo));
        self.tally.tempos = tempos.count() as u64;
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
        match self.prng.below(150) {
            0..42 => self.edit_in_a_tab()?,
            42..52 => self.travel_in_a_tab()?,
            52..58 => self.write_as_the_guide()?,
            58..62 => self.intrude()?,
            62..74 => self.connect_someone()?,
            74..77 => self.break_a_link()?,
            77..93 => self.sync()?,
            93..95 => self.fail_sync()?,
            95..97 => self.lose_power()?,
            97 => self.backup = Some(self.server.disk.backup()),
            98 => self.restore()?,
            99..101 => self.lose_http()?,
            101..105 => self.let_the_guide_catch_up()?,
            // The server's clock may be set back.
            105 => self.now -= 5_000,
            106 | 145 => self.server.trip(),
            107 if self.prng.chance(40) => self.server.mend(),
            108..113 => self.present_in_a_tab()?,
            113..118 => self.open_some_tab()?,
            118..122 => self.lose_a_tab()?,
            122..125 => self.freeze_a_tab(),
            125..129 => self.thaw_a_tab()?,
            129..132 => self.steal_a_lock()?,
            132 => self.lose_a_browser()?,
            133 => self.fill_or_empty_a_disk()?,
            134..136 => self.end_a_session()?,
            136..139 => self.log_in_somewhere()?,
            139 => self.take_turns()?,
            140..142 => self.look_into_the_queue()?,
            142 => self.retry_in_a_tab()?,
            143 => self.discard_in_a_tab()?,
            144 => self.a_list_has_waited()?,
            _ => {}
        }
        for _ in 0..self.prng.below(6) {
            self.deliver_something()?;
        }
        self.check_tabs()?;
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
        let synced = self.server.disk.log().len();
        self.server.sync();
        if self.trace.is_some() {
            let new: Vec<String> = self.server.disk.log()[synced..].iter().map(Entry::in_words).collect();
            self.note(|| format!("the server syncs\n  {}", new.join("\n  ")));
        }
        self.shelve()?;
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
        self.check_shelf()?;
        self.history.record(&self.server.disk)?;
        self.everything_is_cut()
    }

    fn restore(&mut self) -> Result<(), Failure> {
        let Some(backup) = self.backup.clone() else { return Ok(()) };
        self.tally.restores += 1;
        let epoch = id(&format!("epoch-{}", self.next_number()));
        self.note(|| format!("a backup is restored as {epoch}"));
        self.server.restore(&backup, epoch).map_err(|refusal| Failure::new("WR8", refusal.message))?;
        self.shelve_anew()?;
        for (user, tx_id) in self.promises.keep_only_of(&self.server.disk) {
            self.fates.set_aside(&user, &tx_id);
        }
        self.history.record(&self.server.disk)?;
        self.everything_is_cut()
    }

    /// Nothing fails any more, and everybody comes online, on a shared browser one after the other: messages flow until
    /// there are none.
    fn rest(&mut self) -> Result<(), Failure> {
        self.note(|| "everything comes to rest".to_owned());
        self.server.mend();
        for round in 0..ROUNDS_MAX {
            let seq = self.server.told().seq();
            for browser in 0..self.browsers.len() {
                self.mend_a_browser(browser, round)?;
            }
            for tab in self.tabs.keys().copied().collect::<Vec<_>>() {
                if self.tabs[&tab].is_denied() || !self.tabs[&tab].is_live() {
                    self.tabs[&tab].link.map_or(Ok(()), |link| self.break_link(link))?;
                }
                self.connect(tab)?;
            }
            // It cannot know that it has been let in again.
            self.guide.link.map_or(Ok(()), |link| self.break_link(link))?;
            self.connect_the_guide()?;
            self.drain()?;
            if self.is_at_rest() && self.server.told().seq() == seq {
                return Ok(());
            }
        }
        let waits: Vec<String> =
            self.tabs.values().filter(|tab| tab.has_pending()).map(|tab| tab.name().to_owned()).collect();
        Err(Failure::new("SI1", format!("nothing fails any more, and still it does not come to rest: {waits:?}")))
    }

    /// Delivers everything, in a random order.
    fn drain(&mut self) -> Result<(), Failure> {
        let mut delivered = 0;
        loop {
            let full = |link: &&Link| !link.up.is_empty() || !link.down.is_empty();
            while !self.http.is_empty() || self.links.values().any(|link| full(&link)) || self.has_local_work() {
                self.deliver_something()?;
                delivered += 1;
                if delivered > DELIVERIES_MAX {
                    return Err(Failure::new("SI1", "nothing fails any more, and messages go on and on"));
                }
            }
            if !self.server.has_group() {
                self.carry_out()?;
                if self.links.values().any(|link| full(&link)) {
                    continue;
                }
                return Ok(());
            }
            self.sync()?;
        }
    }

    fn is_at_rest(&self) -> bool {
        let settled = |tab: &Tab| tab.is_denied() || (tab.is_live() && !tab.has_pending());
        self.tabs.values().all(|tab| settled(tab) && !tab.is_list())
            && !self.guide.is_waiting()
            && !self.server.has_group()
            && self.browsers.iter().all(|browser| self.is_settled(browser))
    }

    fn look_over(&self) -> Result<(), Failure> {
        check_log(&self.server.disk, self.server.told().records())?;
        let written = self.server.disk.log().iter().flat_map(|entry| &entry.commit.operations);
        check_merging(written, self.server.told().records())?;
        self.promises.check(&self.server.disk)?;
        self.fates.check(&self.server.disk, &self.promises, &self.shut_out(), &self.server.refused)?;
        self.journeys.check(&self.server.disk)?;
        for tab in self.tabs.values() {
            tab.check_rest(self.server.told())?;
            if let (Some(link), true) = (tab.link, tab.is_live()) {
                tab.check_presences(&self.server.presences_beside(link))?;
            }
        }
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
        let users = world.browsers.iter().flat_map(|browser| &browser.users);
        let users: Vec<&Id> = users.chain([&world.guide.user]).collect();
        assert!(MEMBERS.iter().all(|member| users.contains(&&id(member))));
    }
}
