//! What people do: in tabs, with the guide's client, and past every client.

use std::collections::BTreeSet;

use model::{Id, Timestamp};
use operations::Transaction;
use sync::Edit;
use sync::wire::{Pointer, Presence};

use super::{Http, World, id, raw};
use crate::browser::TabId;
use crate::checks::Failure;
use crate::edits::{any_edit, turn};
use crate::guide::Wants;
use crate::server::{Answer, Ask, payload_hash};
use crate::tab::Tab;

impl World {
    /// A tab in which somebody may work now.
    pub(super) fn some_tab(&mut self) -> Option<TabId> {
        let at_hand = |tab: &&Tab| !tab.is_frozen && !tab.is_list() && self.browsers[tab.browser].user == tab.user;
        let tabs: Vec<TabId> = self.tabs.values().filter(at_hand).map(|tab| tab.id).collect();
        self.prng.pick(&tabs).copied()
    }

    fn local_time(&mut self, number: TabId) -> Timestamp {
        let skew = self.tabs.get(&number).map_or(0, |tab| self.browsers[tab.browser].skew);
        Timestamp(self.clock().0 + skew)
    }

    pub(super) fn edit_in_a_tab(&mut self) -> Result<(), Failure> {
        let Some(number) = self.some_tab() else { return Ok(()) };
        let mut now = self.local_time(number);
        let tab = &self.tabs[&number];
        let (user, browser) = (tab.user.clone(), tab.browser);
        let turned = tab.turned().filter(|_| self.prng.chance(20));
        let mut operations = any_edit(&mut self.prng, &tab.view().clone(), &user, user.as_str());
        let tx_id = self.browsers[browser].new_id();
        let label = if self.prng.chance(60) || turned.is_some() { "Turn a knob" } else { "" }.to_owned();
        let (begins, ends) = (self.prng.chance(5) && turned.is_none(), self.prng.chance(40));
        // A hand goes on turning, however much has happened elsewhere meanwhile.
        if let Some((knob, then)) = turned {
            (operations, now) = (vec![turn(&mut self.prng, &knob)], Timestamp(then.0 + 300));
        }
        let Some(tab) = self.tabs.get_mut(&number) else { return Ok(()) };
        let edit = Edit { label, gesture: tab.gesture(begins.then(|| tx_id.clone()), ends) };
        let text = self.trace.is_some().then(|| serde_json::to_string(&operations).unwrap_or_default());
        let base = tab.base();
        if let Some(heard) = tab.edit(&tx_id, &edit, operations, now) {
            self.tally.edits += 1;
            let is_new = tab.pending().any(|transaction| transaction.tx_id == tx_id);
            if is_new {
                self.fates.made(&user, &tx_id, number);
                self.journeys.made(&user, &tx_id, base);
            }
            let how = if is_new { "edits" } else { "edits again" };
            self.note(|| format!("tab {number}: {user} {how} {tx_id} {}", text.unwrap_or_default()));
            self.heard(number, heard)?;
        }
        Ok(())
    }

    /// Undo, redo, or both at once.
    pub(super) fn travel_in_a_tab(&mut self) -> Result<(), Failure> {
        let Some(number) = self.some_tab() else { return Ok(()) };
        let at_once = self.prng.chance(15);
        let undo = at_once || self.prng.chance(60);
        let before = self.tabs[&number].view().clone();
        let met_others = self.travel(number, undo)?;
        if !at_once || met_others != Some(false) {
            return Ok(());
        }
        // Nobody else has done anything between (UN5).
        if self.travel(number, false)? == Some(false) {
            self.tabs[&number].check_same_song(&before)?;
        }
        Ok(())
    }

    /// Whether the way led to where others have been; none when there was no way.
    fn travel(&mut self, number: TabId, undo: bool) -> Result<Option<bool>, Failure> {
        let now = self.local_time(number);
        let Some(tab) = self.tabs.get_mut(&number) else { return Ok(None) };
        let (browser, user) = (&mut self.browsers[tab.browser], tab.user.clone());
        let Some((heard, made)) = tab.travel(undo, now, &mut || browser.new_id()) else { return Ok(None) };
        let way = if undo { "undoes" } else { "redoes" };
        let pending: BTreeSet<Id> = tab.pending().map(|transaction| transaction.tx_id.clone()).collect();
        for (tx_id, takes_back) in made {
            self.note(|| format!("tab {number}: {user} {way} {takes_back:?} by {tx_id}"));
            if pending.contains(&tx_id) {
                self.fates.made(&user, &tx_id, number);
                self.journeys.add(&user, tx_id, takes_back);
            }
        }
        let met_others = heard.met_others;
        self.heard(number, heard)?;
        Ok(Some(met_others))
    }

    pub(super) fn present_in_a_tab(&mut self) -> Result<(), Failure> {
        let Some(number) = self.some_tab() else { return Ok(()) };
        let pointer = Some(Pointer { beat: self.prng.unit() * 64.0, track: None });
        let presence = Presence { pointer, ..Presence::default() };
        match self.tabs.get_mut(&number).and_then(|tab| tab.present(presence)) {
            Some(heard) => self.heard(number, heard),
            None => Ok(()),
        }
    }

    pub(super) fn retry_in_a_tab(&mut self) -> Result<(), Failure> {
        self.some_tab().map_or(Ok(()), |number| self.in_tab(number, Tab::retry))
    }

    /// Somebody gives up an edit, since another one was set aside.
    pub(super) fn discard_in_a_tab(&mut self) -> Result<(), Failure> {
        let parked: Vec<TabId> =
            self.tabs.values().filter(|tab| tab.parked() > 0 && !tab.is_frozen).map(|tab| tab.id).collect();
        let Some(number) = self.prng.pick(&parked).copied() else { return Ok(()) };
        let tab = &self.tabs[&number];
        let (user, pending) = (tab.user.clone(), tab.pending().map(|known| known.tx_id.clone()).collect::<Vec<_>>());
        let Some(tx_id) = self.prng.pick(&pending).cloned() else { return Ok(()) };
        self.note(|| format!("tab {number}: {user} gives up {tx_id}"));
        self.fates.ended(&user, &tx_id);
        self.in_tab(number, |tab| tab.discard(&tx_id))
    }

    pub(super) fn write_as_the_guide(&mut self) -> Result<(), Failure> {
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

    pub(super) fn ask_for_the_guide(&mut self, ask: Ask) {
        let request = self.next_number();
        self.guide.remember(request, ask.clone());
        self.http.push(Http::Ask { request, user: self.guide.user.clone(), ask });
    }

    pub(super) fn wanted(&mut self, wants: Wants) {
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
    pub(super) fn intrude(&mut self) -> Result<(), Failure> {
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

    pub(super) fn judge_intrusion(&mut self, transaction: &Transaction, answer: &Answer) {
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
}
