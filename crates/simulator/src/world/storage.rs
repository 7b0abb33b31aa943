//! What browsers keep, as it comes to be kept: writes that end, what tabs tell each other, and disks that are full.

use std::collections::BTreeSet;

use model::Id;

use super::World;
use crate::browser::{Ended, TabId};
use crate::checks::Failure;
use crate::tab::{Tab, Task};

/// Something that is due inside a browser.
enum Due {
    /// A write ends.
    Write(usize, Id),
    /// A tab gets on with what waits there.
    Task(TabId),
    /// A tab reads what is kept for the first time.
    Read(TabId),
    /// A lock is free.
    Lock(usize, Id),
    /// A tab in a browser without locks is to send.
    Share(TabId),
}

impl World {
    fn due(&self) -> Vec<Due> {
        let mut due = Vec::new();
        for (number, browser) in self.browsers.iter().enumerate() {
            for (user, store) in browser.stores() {
                if !store.is_idle() {
                    due.push(Due::Write(number, user.clone()));
                }
            }
            for user in browser.users.iter().filter(|_| browser.keeps && browser.has_locks) {
                let is_held = browser.stores().any(|(whose, store)| whose == user && store.holder.is_some());
                let mut tabs = self.tabs.values().filter(|tab| tab.browser == number && tab.user == *user);
                if !is_held && tabs.any(|tab| tab.is_loaded && !tab.is_frozen) {
                    due.push(Due::Lock(number, user.clone()));
                }
            }
        }
        for tab in self.tabs.values().filter(|tab| !tab.is_frozen) {
            if !tab.is_loaded {
                due.push(Due::Read(tab.id));
            } else if !tab.tasks.is_empty() {
                due.push(Due::Task(tab.id));
            }
            let browser = &self.browsers[tab.browser];
            if tab.is_loaded && !tab.leads && browser.keeps && !browser.has_locks {
                due.push(Due::Share(tab.id));
            }
        }
        due
    }

    pub(super) fn has_local_work(&self) -> bool {
        !self.due().is_empty()
    }

    /// One of those things happens.
    pub(super) fn work_locally(&mut self) -> Result<(), Failure> {
        let mut due = self.due();
        if due.is_empty() {
            return Ok(());
        }
        match due.swap_remove(self.prng.below(due.len())) {
            Due::Write(browser, user) => self.end_write(browser, &user),
            Due::Task(number) => self.run_task(number).map(drop),
            Due::Read(number) => self.read_store(number),
            Due::Lock(browser, user) => self.grant_lock(browser, &user),
            Due::Share(number) => self.share_lead(number),
        }
    }

    /// A tab does the next thing that waits there; false when nothing does.
    fn run_task(&mut self, number: TabId) -> Result<bool, Failure> {
        let Some(task) = self.tabs.get_mut(&number).and_then(|tab| tab.tasks.pop_front()) else { return Ok(false) };
        self.try_in_tab(number, |tab| tab.run(task))?;
        Ok(true)
    }

    pub(super) fn run_tasks(&mut self, number: TabId) -> Result<(), Failure> {
        while self.run_task(number)? {}
        Ok(())
    }

    /// A write ends, and the tab whose it was will hear of it.
    fn end_write(&mut self, browser: usize, user: &Id) -> Result<(), Failure> {
        let ended = self.browsers[browser].store(user).end_write();
        let Some(Ended { tab: number, tx_id: Some(tx_id), place }) = ended else { return Ok(()) };
        match place {
            Some(_) => self.fates.kept(user, &tx_id),
            None => {
                self.tally.unkept += 1;
                self.note(|| format!("tab {number}: there is no room for {tx_id}"));
                self.fates.not_kept(user, &tx_id);
            }
        }
        if let Some(tab) = self.tabs.get_mut(&number)
            && self.fault != Some(crate::Fault::SentBeforeKept)
        {
            tab.tasks.push_back(Task::Kept { tx_id, place });
        } else if place.is_none() {
            // Its tab has died.
            self.fates.orphaned(user, &tx_id);
        }
        Ok(())
    }

    /// A tab reads what is kept: whatever was begun before ends first.
    pub(super) fn read_store(&mut self, number: TabId) -> Result<(), Failure> {
        let Some(tab) = self.tabs.get(&number) else { return Ok(()) };
        let (browser, user) = (tab.browser, tab.user.clone());
        while !self.browsers[browser].store(&user).is_idle() {
            self.end_write(browser, &user)?;
        }
        let Some(tab) = self.tabs.get_mut(&number) else { return Ok(()) };
        let heard = tab.read(self.browsers[browser].store(&user))?;
        self.heard(number, heard)
    }

    /// Now and then a tab reads the queue again: one that died may have kept what it could not tell of any more.
    pub(super) fn look_into_the_queue(&mut self) -> Result<(), Failure> {
        let loaded = |tab: &&Tab| tab.is_loaded && !tab.is_frozen;
        let tabs: Vec<TabId> = self.tabs.values().filter(loaded).map(|tab| tab.id).collect();
        self.prng.pick(&tabs).copied().map_or(Ok(()), |number| self.read_store(number))
    }

    /// What is kept shows in every tab of its user that has nothing left to hear (CL4), as long as the tab that made it has
    /// lived to tell.
    pub(super) fn check_tabs(&self) -> Result<(), Failure> {
        let log: BTreeSet<&Id> = self.server.disk.log().iter().map(|entry| &entry.commit.tx_id).collect();
        let is_up_to_date = |tab: &&Tab| tab.is_loaded && !tab.is_frozen && tab.tasks.is_empty();
        for (number, browser) in self.browsers.iter().enumerate() {
            for (user, store) in browser.stores().filter(|(_, store)| store.is_idle()) {
                let told = |tx_id: &Id| {
                    let maker = self.fates.maker(user, tx_id).and_then(|maker| self.tabs.get(&maker));
                    maker.is_some_and(|maker| is_up_to_date(&maker))
                        && !self.fates.is_over(user, tx_id, &self.server.disk)
                };
                let kept = store.now.queue.values().map(|kept| &kept.transaction.tx_id);
                let kept: Vec<&Id> = kept
                    .filter(|tx_id| !log.contains(tx_id) && told(tx_id))
                    .filter(|tx_id| !self.promises.has_acknowledged(&(user.clone(), (*tx_id).clone())))
                    .collect();
                let tabs = self.tabs.values().filter(|tab| tab.browser == number && tab.user == *user);
                for tab in tabs.filter(is_up_to_date) {
                    let pending: BTreeSet<&Id> = tab.pending().map(|transaction| &transaction.tx_id).collect();
                    if let Some(missing) = kept.iter().find(|tx_id| !pending.contains(*tx_id)) {
                        return Err(Failure::new("CL4", format!("{} does not show {missing}", tab.name())));
                    }
                }
            }
        }
        Ok(())
    }

    /// Tabs do not hear of it, but try again now and then to keep what they could not.
    pub(super) fn fill_or_empty_a_disk(&mut self) -> Result<(), Failure> {
        let number = self.prng.below(self.browsers.len());
        let is_full = self.prng.chance(60);
        self.note(|| format!("the disk of browser {number} is full: {is_full}"));
        self.browsers[number].stores_mut().for_each(|store| store.is_full = is_full);
        let awake = |tab: &&Tab| tab.browser == number && tab.is_loaded && !tab.is_frozen;
        let tabs: Vec<TabId> = self.tabs.values().filter(awake).map(|tab| tab.id).collect();
        tabs.into_iter().try_for_each(|tab| self.in_tab(tab, |tab| tab.keep_again()))
    }
}
