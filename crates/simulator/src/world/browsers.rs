//! Tabs that come and go, stand still and take each other's lock; people who log in, out, and in the place of another.

use std::collections::BTreeSet;

use model::Id;
use sync::wire::ClientMessage;

use super::{TABS_MAX, World};
use crate::browser::{Browser, TabId, Write};
use crate::checks::{Failure, is_same_payload};
use crate::fault::Fault;
use crate::server::LinkId;
use crate::tab::{Heard, Tab, task_of};

impl World {
    /// Lets something happen in a tab, and takes in what it has learnt.
    pub(super) fn in_tab(&mut self, number: TabId, happen: impl FnOnce(&mut Tab) -> Heard) -> Result<(), Failure> {
        self.try_in_tab(number, |tab| Ok(happen(tab)))
    }

    pub(super) fn try_in_tab(
        &mut self,
        number: TabId,
        happen: impl FnOnce(&mut Tab) -> Result<Heard, Failure>,
    ) -> Result<(), Failure> {
        let Some(tab) = self.tabs.get_mut(&number) else { return Ok(()) };
        let (parked, out_of_turn) = (tab.parked(), tab.out_of_turn());
        let heard = happen(tab)?;
        self.tally.parked += u64::from(tab.parked() > parked);
        if tab.out_of_turn() > out_of_turn {
            // What comes later may stand before it now.
            let (user, pending) =
                (tab.user.clone(), tab.pending().map(|known| known.tx_id.clone()).collect::<Vec<_>>());
            pending.iter().for_each(|tx_id| self.fates.set_aside(&user, tx_id));
        }
        self.heard(number, heard)
    }

    /// Takes in what a tab has learnt, and checks it.
    pub(super) fn heard(&mut self, number: TabId, heard: Heard) -> Result<(), Failure> {
        let Heard { send, reconnect, acknowledged, refused, writes, tell, given_up, is_over, .. } = heard;
        let Some(tab) = self.tabs.get(&number) else { return Ok(()) };
        let (user, link, browser) = (tab.user.clone(), tab.link, tab.browser);
        for (author, tx_id) in acknowledged {
            self.promises.acknowledge(&author, &tx_id);
        }
        for (tx_id, hash) in refused {
            self.tally.refusals += 1;
            self.note(|| format!("tab {number}: {user} hears that {tx_id} is refused"));
            // Without locks a second tab may be sending it, too, and by then it may be fit to be taken.
            if self.browsers[browser].has_locks {
                self.promises.refuse(&user, &tx_id, hash);
            }
            self.fates.ended(&user, &tx_id);
        }
        for tx_id in given_up {
            self.note(|| format!("tab {number}: {user} hears that {tx_id} is left out"));
            self.fates.ended(&user, &tx_id);
        }
        for write in writes {
            self.begin_write(number, write)?;
        }
        for message in tell {
            let others = self.tabs.values_mut().filter(|tab| tab.browser == browser && tab.user == user);
            others.filter(|tab| tab.id != number).for_each(|tab| tab.tasks.push_back(task_of(&message)));
        }
        for message in send {
            self.send(number, &message)?;
        }
        if let Some(tab) = self.tabs.get_mut(&number) {
            tab.check(&self.history, &self.project)?;
        }
        if is_over {
            return self.leave(number);
        }
        if let (true, Some(link)) = (reconnect, link) {
            self.break_link(link)?;
            if self.prng.chance(60) {
                self.connect(number)?;
            }
        }
        Ok(())
    }

    fn send(&mut self, number: TabId, message: &ClientMessage) -> Result<(), Failure> {
        let Some(tab) = self.tabs.get(&number) else { return Ok(()) };
        let Some(link) = tab.link.and_then(|link| self.links.get_mut(&link)) else { return Ok(()) };
        link.up.push_back(sync::wire::encode(message));
        let ClientMessage::Submit { transactions, .. } = message else { return Ok(()) };
        let (name, whose) = (tab.name().to_owned(), link.user.clone());
        let fail = |rule, reason: String| Err(Failure::new(rule, format!("{name} {reason}")));
        let (user, leads, reign) = (tab.user.clone(), tab.leads, tab.reign);
        let browser = &mut self.browsers[tab.browser];
        for transaction in transactions {
            let tx_id = &transaction.tx_id;
            if transaction.author_id != whose {
                return fail("CL3", format!("sends {}'s {tx_id} while {whose} is logged in", transaction.author_id));
            }
            if !browser.keeps || tab.goes_unkept(tx_id) {
                continue;
            }
            let has_locks = browser.has_locks;
            let store = browser.store(&user);
            if !leads || (has_locks && store.reign != reign) {
                return fail("CL4", format!("sends {tx_id}, and is not the one that sends"));
            }
            let kept = store.safe.place_of(tx_id).and_then(|place| store.safe.queue.get(&place));
            // What another tab knows to be committed may be sent once more.
            let is_over = kept.is_none()
                && (self.server.disk.log().iter().any(|entry| entry.commit.tx_id == *tx_id)
                    || self.promises.has_acknowledged(&(user.clone(), tx_id.clone()))
                    // Refused to another tab that sends, too.
                    || (!has_locks && self.fates.is_over(&user, tx_id, &self.server.disk)));
            if !is_over && !kept.is_some_and(|kept| is_same_payload(&kept.transaction, transaction)) {
                let sent = &transaction.operations;
                return fail("CL2", format!("sends {tx_id} {sent:?}, of which is kept: {kept:?}"));
            }
        }
        Ok(())
    }

    pub(super) fn open_some_tab(&mut self) -> Result<(), Failure> {
        let browser = self.prng.below(self.browsers.len());
        let make = if self.browsers[browser].keeps && self.prng.chance(40) { Tab::list } else { Tab::new };
        self.open(browser, make)
    }

    pub(super) fn open_a_tab(&mut self, browser: usize) -> Result<(), Failure> {
        self.open(browser, Tab::new)
    }

    fn open(
        &mut self,
        browser: usize,
        make: impl Fn(TabId, (usize, &Browser), &Id, Option<Fault>) -> Tab,
    ) -> Result<(), Failure> {
        let open = self.tabs.values().filter(|tab| tab.browser == browser).count();
        if open >= TABS_MAX {
            return Ok(());
        }
        let number = self.next_number();
        let tab = make(number, (browser, &self.browsers[browser]), &self.project, self.fault);
        self.note(|| format!("{} is opened", tab.name()));
        self.tabs.insert(number, tab);
        if self.prng.chance(70) { self.read_store(number) } else { Ok(()) }
    }

    /// A tab is closed, or crashes.
    pub(super) fn lose_a_tab(&mut self) -> Result<(), Failure> {
        let tabs: Vec<TabId> = self.tabs.keys().copied().collect();
        match self.prng.pick(&tabs).copied() {
            Some(number) => self.lose_tab(number),
            None => Ok(()),
        }
    }

    pub(super) fn lose_tab(&mut self, number: TabId) -> Result<(), Failure> {
        let Some(tab) = self.tabs.remove(&number) else { return Ok(()) };
        self.tally.dead_tabs += 1;
        self.note(|| format!("{} is gone", tab.name()));
        let store = self.browsers[tab.browser].store(&tab.user);
        store.lose_tab(number, &mut self.prng);
        self.is_gone(&tab);
        Ok(())
    }

    /// A list leaves the song: the page is still there, and what it has written is kept.
    fn leave(&mut self, number: TabId) -> Result<(), Failure> {
        let Some(tab) = self.tabs.remove(&number) else { return Ok(()) };
        self.tally.lists += 1;
        self.note(|| format!("{} leaves the song", tab.name()));
        self.browsers[tab.browser].store(&tab.user).release(number);
        self.is_gone(&tab);
        Ok(())
    }

    fn is_gone(&mut self, tab: &Tab) {
        let store = self.browsers[tab.browser].store(&tab.user);
        let lost = tab.pending().filter(|transaction| !store.holds(&transaction.tx_id));
        lost.for_each(|transaction| self.fates.orphaned(&tab.user, &transaction.tx_id));
        // What it had sent may still arrive.
        let arrives = self.prng.chance(50);
        if let Some(link) = tab.link
            && let Some(left) = self.links.get_mut(&link)
        {
            left.down.clear();
            left.is_left = true;
            if !arrives {
                left.up.clear();
            }
        }
    }

    /// A list that does not get to send gives up: a tab that has the song open does.
    pub(super) fn a_list_has_waited(&mut self) -> Result<(), Failure> {
        let lists: Vec<TabId> =
            self.tabs.values().filter(|tab| tab.is_list() && !tab.is_frozen).map(|tab| tab.id).collect();
        self.prng.pick(&lists).copied().map_or(Ok(()), |number| self.has_waited(number))
    }

    fn has_waited(&mut self, number: TabId) -> Result<(), Failure> {
        if self.tabs.get_mut(&number).is_some_and(Tab::has_waited) { self.leave(number) } else { Ok(()) }
    }

    /// The browser crashes with all its tabs, or its machine loses power.
    pub(super) fn lose_a_browser(&mut self) -> Result<(), Failure> {
        let browser = self.prng.below(self.browsers.len());
        let (power, name) = (self.prng.chance(60), self.browsers[browser].users[0].clone());
        self.note(|| format!("{name}'s browser is gone; loss of power: {power}"));
        let tabs: Vec<TabId> = self.tabs.values().filter(|tab| tab.browser == browser).map(|tab| tab.id).collect();
        tabs.into_iter().try_for_each(|number| self.lose_tab(number))?;
        if power {
            let users = self.browsers[browser].users.clone();
            for user in users {
                let store = self.browsers[browser].store(&user);
                store.lose_power(&mut self.prng);
                let gone: Vec<Id> = self.fates.unkept(&user).into_iter().filter(|tx_id| !store.holds(tx_id)).collect();
                let elsewhere: BTreeSet<Id> = self
                    .tabs
                    .values()
                    .filter(|tab| tab.user == user)
                    .flat_map(|tab| tab.pending().map(|known| known.tx_id.clone()))
                    .collect();
                for tx_id in gone.iter().filter(|tx_id| !elsewhere.contains(*tx_id)) {
                    self.fates.orphaned(&user, tx_id);
                }
                let kept: Vec<Id> = store.now.queue.values().map(|kept| kept.transaction.tx_id.clone()).collect();
                kept.iter().for_each(|tx_id| self.fates.kept(&user, tx_id));
            }
        }
        self.open_a_tab(browser)
    }

    pub(super) fn freeze_a_tab(&mut self) {
        let tabs: Vec<TabId> = self.tabs.keys().copied().collect();
        if let Some(number) = self.prng.pick(&tabs).copied() {
            self.note(|| format!("tab {number} stands still"));
            if let Some(tab) = self.tabs.get_mut(&number) {
                tab.is_frozen = true;
            }
        }
    }

    pub(super) fn thaw_a_tab(&mut self) -> Result<(), Failure> {
        let frozen: Vec<TabId> = self.tabs.values().filter(|tab| tab.is_frozen).map(|tab| tab.id).collect();
        self.prng.pick(&frozen).copied().map_or(Ok(()), |number| self.thaw(number))
    }

    /// A tab goes on. The first that it does is to look whether it still leads.
    pub(super) fn thaw(&mut self, number: TabId) -> Result<(), Failure> {
        let Some(tab) = self.tabs.get_mut(&number) else { return Ok(()) };
        tab.is_frozen = false;
        let robbed = tab.leads && self.browsers[tab.browser].store(&tab.user).reign != tab.reign;
        let link = tab.link;
        self.note(|| format!("tab {number} goes on; its lock was stolen: {robbed}"));
        if robbed && self.fault != Some(Fault::TwoSenders) {
            self.in_tab(number, |tab| tab.lead(false))?;
        }
        // A connection that has broken meanwhile.
        match link {
            Some(link) if !self.links.contains_key(&link) => self.in_tab(number, Tab::disconnected),
            _ => Ok(()),
        }
    }

    /// Another tab takes the lock of one that stands still.
    pub(super) fn steal_a_lock(&mut self) -> Result<(), Failure> {
        let frozen: Vec<TabId> =
            self.tabs.values().filter(|tab| tab.is_frozen && tab.leads).map(|tab| tab.id).collect();
        let Some(holder) = self.prng.pick(&frozen).copied() else { return Ok(()) };
        let (browser, user) = (self.tabs[&holder].browser, self.tabs[&holder].user.clone());
        let store = self.browsers[browser].store(&user);
        if store.holder != Some(holder) {
            return Ok(());
        }
        store.holder = None;
        let reigns = self.tally.reigns;
        self.grant_lock(browser, &user)?;
        let (new, store) = (self.tally.reigns > reigns, self.browsers[browser].store(&user));
        if new {
            self.tally.thefts += 1;
        } else {
            store.holder = Some(holder);
        }
        Ok(())
    }

    /// The lock is free: one of the tabs that wait for it gets it, hears what was said, reads the queue, and
    /// sends from then on.
    pub(super) fn grant_lock(&mut self, browser: usize, user: &Id) -> Result<(), Failure> {
        let waits = |tab: &&Tab| tab.browser == browser && tab.user == *user && !tab.is_frozen && tab.is_loaded;
        let waiting: Vec<TabId> = self.tabs.values().filter(waits).map(|tab| tab.id).collect();
        let Some(number) = self.prng.pick(&waiting).copied() else { return Ok(()) };
        let store = self.browsers[browser].store(user);
        (store.holder, store.reign) = (Some(number), store.reign + 1);
        let reign = store.reign;
        self.tally.reigns += 1;
        self.note(|| format!("tab {number} is the one that sends"));
        self.run_tasks(number)?;
        self.read_store(number)?;
        self.in_tab(number, |tab| {
            tab.reign = reign;
            tab.lead(true)
        })
    }

    /// Without locks whoever has read the queue sends.
    pub(super) fn share_lead(&mut self, number: TabId) -> Result<(), Failure> {
        self.tally.sharers += 1;
        self.run_tasks(number)?;
        self.read_store(number)?;
        self.in_tab(number, |tab| tab.lead(true))
    }

    /// The session of a browser expires: its connections are cut, and new ones turned away.
    pub(super) fn end_a_session(&mut self) -> Result<(), Failure> {
        let browser = self.prng.below(self.browsers.len());
        self.tally.logins += 1;
        self.note(|| format!("the session of browser {browser} expires"));
        self.browsers[browser].has_session = false;
        self.cut_browser(browser)
    }

    pub(super) fn cut_browser(&mut self, browser: usize) -> Result<(), Failure> {
        let of_browser = |tab: &&Tab| tab.browser == browser;
        let links: Vec<LinkId> = self.tabs.values().filter(of_browser).filter_map(|tab| tab.link).collect();
        for link in links {
            self.server.disconnect(link);
            self.break_link(link)?;
            self.links.remove(&link);
        }
        self.carry_out()
    }

    pub(super) fn log_in_somewhere(&mut self) -> Result<(), Failure> {
        let browser = self.prng.below(self.browsers.len());
        self.browsers[browser].has_session = true;
        Ok(())
    }

    /// Somebody else logs in on a shared browser. Tabs of whoever was there may stay open.
    pub(super) fn take_turns(&mut self) -> Result<(), Failure> {
        let shared: Vec<usize> = (0..self.browsers.len()).filter(|b| self.browsers[*b].users.len() > 1).collect();
        let Some(browser) = self.prng.pick(&shared).copied() else { return Ok(()) };
        let users = self.browsers[browser].users.clone();
        let user = self.prng.pick(&users).cloned().unwrap_or_else(Id::system);
        self.log_in(browser, &user)?;
        self.open_a_tab(browser)
    }

    pub(super) fn log_in(&mut self, browser: usize, user: &Id) -> Result<(), Failure> {
        let known = &mut self.browsers[browser];
        known.has_session = true;
        if known.user == *user {
            return Ok(());
        }
        known.user = user.clone();
        self.tally.logins += 1;
        self.note(|| format!("{user} logs in on browser {browser}"));
        self.cut_browser(browser)?;
        let tabs: Vec<TabId> = self.tabs.values().filter(|tab| tab.browser == browser).map(|tab| tab.id).collect();
        for number in tabs {
            if self.prng.chance(50) {
                self.lose_tab(number)?;
            }
        }
        Ok(())
    }

    /// Whoever has no session is asked to log in, and nothing is lost by it (CL3).
    pub(super) fn turned_away(&mut self, number: TabId) -> Result<(), Failure> {
        self.note(|| format!("tab {number} is turned away: 401"));
        if self.fault == Some(Fault::QueueLostAt401) {
            let (browser, user) = (self.tabs[&number].browser, self.tabs[&number].user.clone());
            self.browsers[browser].store(&user).wipe_queue();
            self.lose_tab(number)?;
        }
        Ok(())
    }

    /// For the rest nothing fails in this browser any more; whose turn it is changes with the round.
    pub(super) fn mend_a_browser(&mut self, number: usize, round: usize) -> Result<(), Failure> {
        self.browsers[number].stores_mut().for_each(|store| store.is_full = false);
        let users = self.browsers[number].users.clone();
        let user = users[round % users.len()].clone();
        self.log_in(number, &user)?;
        let tabs: Vec<TabId> = self.tabs.values().filter(|tab| tab.browser == number).map(|tab| tab.id).collect();
        for tab in tabs {
            self.thaw(tab)?;
            if self.tabs.get(&tab).is_some_and(|tab| tab.user != user) {
                self.lose_tab(tab)?;
            }
            self.has_waited(tab)?;
        }
        if !self.tabs.values().any(|tab| tab.browser == number) {
            self.open_a_tab(number)?;
        }
        let tabs: Vec<TabId> = self.tabs.values().filter(|tab| tab.browser == number).map(|tab| tab.id).collect();
        for tab in tabs {
            self.read_store(tab)?;
            self.in_tab(tab, Tab::retry)?;
        }
        Ok(())
    }

    /// Whether nothing waits in a browser, but edits of those to whom the project is closed.
    pub(super) fn is_settled(&self, browser: &Browser) -> bool {
        browser.stores().all(|(user, store)| store.is_idle() && (store.now.queue.is_empty() || self.is_shut_out(user)))
    }

    fn is_shut_out(&self, user: &Id) -> bool {
        model::roles::role_of(self.server.told().records(), user).is_none()
    }

    /// What waits for people to whom the project is closed: they see it listed as not saved (PE5).
    pub(super) fn shut_out(&self) -> BTreeSet<(Id, Id)> {
        let stores = self.browsers.iter().flat_map(Browser::stores);
        let kept = stores.flat_map(|(_, store)| store.now.queue.values().map(|kept| kept.transaction.clone()));
        let pending = self.tabs.values().flat_map(|tab| tab.pending().cloned());
        let waiting = kept.chain(pending).filter(|transaction| self.is_shut_out(&transaction.author_id));
        waiting.map(|transaction| (transaction.author_id, transaction.tx_id)).collect()
    }

    /// What a tab has begun to write. A transaction that is to be forgotten must be over.
    fn begin_write(&mut self, number: TabId, mut write: Write) -> Result<(), Failure> {
        let Some(tab) = self.tabs.get_mut(&number) else { return Ok(()) };
        let (user, browser) = (tab.user.clone(), &mut self.browsers[tab.browser]);
        if let Write::Forget(tx_id) = &write
            && !self.fates.is_over(&user, tx_id, &self.server.disk)
            && !self.promises.has_acknowledged(&(user.clone(), tx_id.clone()))
        {
            let reason = format!("{} forgets {tx_id}, which is neither committed nor refused", tab.name());
            return Err(Failure::new("CL2", reason));
        }
        let store = browser.store(&user);
        match (&mut write, self.fault) {
            (Write::Keep(kept), Some(Fault::SentBeforeKept)) => {
                let tx_id = kept.transaction.tx_id.clone();
                let place = Some(store.now.place_of(&tx_id).unwrap_or_else(|| store.next_place()));
                tab.tasks.push_back(crate::tab::Task::Kept { tx_id, place });
            }
            (Write::Replaced(cache), Some(Fault::CacheOfAnotherEpoch)) => {
                if let Some(known) = &store.now.cache {
                    cache.epoch = known.epoch.clone();
                }
            }
            _ => {}
        }
        store.begin(number, write);
        Ok(())
    }
}
