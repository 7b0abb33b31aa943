//! What people do: with the replica, with the guide's client, and past every client.

use operations::Transaction;

use super::{Http, World, id, raw};
use crate::checks::Failure;
use crate::client::Heard;
use crate::edits::any_edit;
use crate::guide::Wants;
use crate::server::{Answer, Ask, payload_hash};

impl World {
    pub(super) fn edit_on_a_client(&mut self) -> Result<(), Failure> {
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
    pub(super) fn heard(&mut self, index: usize, heard: Heard) -> Result<(), Failure> {
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
