//! Connections and requests: how they come about, break, are late, and overtake each other.

use std::collections::VecDeque;

use model::Id;

use super::{End, Http, Link, QUEUE_MESSAGES_MAX, World};
use crate::browser::TabId;
use crate::checks::Failure;
use crate::fault::Fault;
use crate::server::{LinkId, Out};
use crate::tab::Tab;

impl World {
    pub(super) fn connect_someone(&mut self) -> Result<(), Failure> {
        let tabs: Vec<TabId> = self.tabs.keys().copied().collect();
        let Some(tab) = tabs.get(self.prng.below(tabs.len() + 1)) else { return self.connect_the_guide() };
        if self.tabs[tab].is_denied() {
            // Trying again takes a new socket.
            self.tabs[tab].link.map_or(Ok(()), |link| self.break_link(link))?;
        }
        self.connect(*tab)
    }

    pub(super) fn connect(&mut self, tab: TabId) -> Result<(), Failure> {
        // A list connects when it is to send.
        let may = |tab: &&Tab| tab.link.is_none() && !tab.is_frozen && (tab.leads || !tab.is_list());
        let Some(known) = self.tabs.get(&tab).filter(may) else { return Ok(()) };
        let browser = &self.browsers[known.browser];
        if !browser.has_session {
            // 401.
            return self.turned_away(tab);
        }
        let user = browser.user.clone();
        self.settle_left_links(End::Replica(tab))?;
        let (link, now) = (self.new_link(End::Replica(tab), &user), self.clock());
        self.server.connect_binary(link, user, now);
        self.note(|| format!("tab {tab} connects as link {link}"));
        self.in_tab(tab, |tab| tab.connected(link))?;
        self.carry_out()
    }

    pub(super) fn connect_the_guide(&mut self) -> Result<(), Failure> {
        if self.guide.link.is_some() {
            return Ok(());
        }
        self.settle_left_links(End::Guide)?;
        let link = self.new_link(End::Guide, &self.guide.user.clone());
        self.server.connect_text(link, self.guide.user.clone());
        self.note(|| format!("the guide's client connects as link {link}"));
        let wants = self.guide.connected(link);
        self.wanted(wants);
        Ok(())
    }

    pub(super) fn new_link(&mut self, end: End, user: &Id) -> LinkId {
        let link = self.next_number();
        self.tally.connections += 1;
        self.links
            .insert(link, Link { end, user: user.clone(), up: VecDeque::new(), down: VecDeque::new(), is_left: false });
        link
    }

    /// What a client had sent on a connection that broke arrives before its next one is made, or never.
    pub(super) fn settle_left_links(&mut self, end: End) -> Result<(), Failure> {
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

    pub(super) fn break_a_link(&mut self) -> Result<(), Failure> {
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        self.prng.pick(&links).map_or(Ok(()), |link| self.break_link(*link))
    }

    /// The client's end is gone; the server does not know yet.
    pub(super) fn break_link(&mut self, number: LinkId) -> Result<(), Failure> {
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
            End::Replica(tab) => self.in_tab(tab, Tab::disconnected),
        }
    }

    /// The server has gone down: no connection and no request outlives that.
    pub(super) fn everything_is_cut(&mut self) -> Result<(), Failure> {
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
    pub(super) fn lose_http(&mut self) -> Result<(), Failure> {
        if !self.http.is_empty() {
            let http = self.http.swap_remove(self.prng.below(self.http.len()));
            let (Http::Ask { request, .. } | Http::Answer { request, .. }) = http;
            self.intrusions.remove(&request);
            let wants = self.guide.answer(request, None);
            self.wanted(wants);
        }
        Ok(())
    }

    /// Hands what the server wants sent to the connections; who does not read is cut off.
    pub(super) fn carry_out(&mut self) -> Result<(), Failure> {
        for out in std::mem::take(&mut self.server.out) {
            match out {
                Out::Answer(request, answer) => self.http.push(Http::Answer { request, answer }),
                Out::Frame(number, frame) => self.queue(number, frame, usize::MAX)?,
                Out::News(number, frame) => self.queue(number, frame, QUEUE_MESSAGES_MAX)?,
            }
        }
        Ok(())
    }

    pub(super) fn queue(&mut self, number: LinkId, frame: Vec<u8>, messages_max: usize) -> Result<(), Failure> {
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

    pub(super) fn deliver_something(&mut self) -> Result<(), Failure> {
        if self.prng.chance(40) && self.has_local_work() {
            return self.work_locally();
        }
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        let choice = self.prng.below(links.len() + usize::from(!self.http.is_empty()));
        match links.get(choice) {
            Some(link) if self.prng.chance(50) => self.deliver_up(*link),
            Some(link) => self.deliver_down(*link),
            None if self.http.is_empty() => self.work_locally(),
            None => self.deliver_http(),
        }
    }

    pub(super) fn deliver_up(&mut self, number: LinkId) -> Result<(), Failure> {
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

    pub(super) fn deliver_down(&mut self, number: LinkId) -> Result<(), Failure> {
        let Some(link) = self.links.get_mut(&number) else { return Ok(()) };
        let end = link.end;
        if let End::Replica(tab) = end
            && self.tabs.get(&tab).is_none_or(|tab| tab.is_frozen)
        {
            return Ok(());
        }
        let Some(frame) = link.down.pop_front() else { return Ok(()) };
        match end {
            End::Replica(tab) => self.try_in_tab(tab, |tab| tab.frame(&frame)),
            End::Guide => {
                let wants = self.guide.notice(&frame)?;
                self.wanted(wants);
                Ok(())
            }
        }
    }

    /// HTTP requests and answers overtake each other.
    pub(super) fn deliver_http(&mut self) -> Result<(), Failure> {
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
}
