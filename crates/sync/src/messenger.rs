//! Sends what waits of a project that nobody looks at, and leaves it again: what the list of projects does (CL4).

use std::collections::BTreeSet;

use model::{Id, Records};
use operations::Commit;

use crate::replica::{Effect, Event, Replica};
use crate::wire::ServerMessage;

/// When the server has failed so often in a row, another project has its turn. More than it takes to find out which edit it fails on.
const FAILURES_MAX: u32 = 10;

/// Why there is nothing left to do here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// All has been sent, but for these edits that are set aside.
    Sent(BTreeSet<Id>),
    /// The project is closed to this user, for this reason, and these edits wait in vain.
    Closed(String, BTreeSet<Id>),
    /// Another tab sends.
    Elsewhere,
    /// The server has failed too often.
    Failed,
    /// Whoever began it has gone.
    Left,
}

/// A tab without a view of the project: it takes up what is kept, sends it when it is the one that sends, and ends.
#[derive(Debug)]
pub struct Messenger {
    replica: Replica,
    leads: bool,
    /// How often the server has failed since something was committed.
    failures: u32,
    has_ended: bool,
}

impl Messenger {
    /// One that has nothing yet.
    #[must_use]
    pub fn new(user: Id, project: Id, channel: u32) -> Messenger {
        Messenger { replica: Replica::keeping(user, project, channel), leads: false, failures: 0, has_ended: false }
    }

    /// What it knows of the project.
    #[must_use]
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// Takes up what was cached of the project, as [`Replica::restore`] does: what an undo that waits has met since it was made
    /// shows only against what was there then.
    pub fn restore(&mut self, epoch: Id, seq: u64, records: Records, commits: &[Commit]) -> Vec<Effect> {
        self.replica.restore(epoch, seq, records, commits)
    }

    /// Takes in what happened, and says what follows, and whether it is over then. What has to be kept, forgotten and told has to
    /// be so all the same.
    pub fn handle(&mut self, event: Event) -> (Vec<Effect>, Option<End>) {
        match &event {
            // What others point at is of no use here.
            Event::Message(ServerMessage::Presences { .. } | ServerMessage::Present { .. }) => {
                return (Vec::new(), None);
            }
            Event::Message(ServerMessage::Acknowledged { .. } | ServerMessage::Commits { .. }) | Event::Retry => {
                self.failures = 0;
            }
            Event::Leads(leads) => self.leads = *leads,
            Event::SharesLead => self.leads = true,
            _ => {}
        }
        let is_robbed = event == Event::Leads(false);
        let mut effects = self.replica.handle(event);
        if effects.iter().any(|effect| matches!(effect, Effect::Reconnect)) {
            self.failures += 1;
        }
        let end = if is_robbed { Some(End::Elsewhere) } else { self.look() };
        if end.is_some() {
            effects.retain(|effect| !matches!(effect, Effect::Reconnect));
        }
        (effects, self.end(end))
    }

    /// It is its turn to send, and what is kept is about to be read. [`Event::Leads`] follows.
    pub fn takes_turn(&mut self) {
        self.leads = true;
    }

    /// It has waited long for its turn to send. A tab that has the project open sends by itself.
    pub fn has_waited(&mut self) -> Option<End> {
        let end = (!self.leads).then_some(End::Elsewhere);
        self.end(end)
    }

    /// Another tab sends, as the store says, or whoever began it has gone.
    pub fn leave(&mut self, end: End) -> Option<End> {
        self.end(Some(end))
    }

    /// It ends once.
    fn end(&mut self, end: Option<End>) -> Option<End> {
        let end = end.filter(|_| !self.has_ended);
        self.has_ended |= end.is_some();
        end
    }

    /// Whether it is over.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    fn look(&self) -> Option<End> {
        let status = self.replica.status();
        let waits = || self.replica.pending().map(|(transaction, _)| transaction.tx_id.clone()).collect();
        if let Some(reason) = &status.denied {
            return Some(End::Closed(reason.clone(), waits()));
        }
        if self.failures >= FAILURES_MAX {
            return Some(End::Failed);
        }
        let is_over = self.leads && status.live && !status.has_to_send();
        is_over.then(|| End::Sent(waits()))
    }
}
