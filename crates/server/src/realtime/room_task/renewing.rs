//! A log that has lost entries becomes another one, and everybody begins anew (WR8).

use model::Id;
use sync::Room;
use sync::wire::Resume;
use tokio::time::Instant;

use super::super::limits::EPOCH_RENEWED_EVERY;
use super::super::queue::Outgoing;
use super::RoomTask;
use crate::state::new_id;

impl RoomTask {
    /// Whether a client has come further than this log goes: it has seen entries that are there no more, as when an older copy
    /// of the database was put back.
    pub(super) fn is_proof_of_loss(&self, resume: Option<&Resume>) -> bool {
        resume.is_some_and(|resume| resume.epoch == *self.room.epoch() && resume.seq > self.room.seq())
    }

    /// Gives the log another epoch, so that nobody takes its new entries for those that were lost. Whoever can open the project
    /// can claim to have seen them: not more often than now and then, see [`EPOCH_RENEWED_EVERY`].
    pub(super) async fn renew_epoch(&mut self) {
        let now = Instant::now();
        if self.renewed_at.is_some_and(|at| now < at + EPOCH_RENEWED_EVERY) {
            return;
        }
        self.renewed_at = Some(now);
        let (scope, old, fresh) = (self.room.scope().clone(), self.room.epoch().clone(), new_id());
        let (of, from, to) = (scope.clone(), old.clone(), fresh.clone());
        match self.database.run(move |store| store.renew_epoch(&of, &from, &to)).await {
            Ok(true) => {
                tracing::warn!(
                    ?scope,
                    seq = self.room.seq(),
                    "the log has lost entries that a client has seen: it is another one now"
                );
                self.room = Room::new(scope, fresh, self.room.seq(), self.room.records().clone());
                self.begin_anew_after(&old);
            }
            // Another process has been faster.
            Ok(false) => drop(self.refresh().await),
            Err(error) => tracing::error!(%error, "a log could not be given another epoch"),
        }
    }

    /// When the log is not that of this epoch any more, tells everybody who follows how it stands.
    pub(super) fn begin_anew_after(&mut self, epoch: &Id) {
        if self.room.epoch() != epoch {
            let room = &self.room;
            self.followers.retain(|follower| {
                follower.outbox.push(Outgoing::Snapshot { channel: follower.channel, room: room.clone() })
            });
        }
    }
}
