//! Who continues an upload: the last to come. A connection that is dead may not know it yet, so whoever came before stops.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use storage::PartialName;
use tokio::sync::OwnedMutexGuard;
use tokio_util::sync::CancellationToken;

use super::limits::UPLOAD_HANDOVER_MAX;
use super::receive::superseded;
use crate::Problem;

/// The uploads in pieces that requests are continuing now.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<PartialName, Upload>>>);

#[derive(Default)]
struct Upload {
    /// Held by the request that writes.
    held: Arc<tokio::sync::Mutex<()>>,
    /// Tells the last to come that somebody came after it.
    given_up: CancellationToken,
    /// Requests that write, or wait for their turn.
    requests: usize,
}

/// The right to continue an upload, until it is dropped.
pub(super) struct Turn {
    /// Cancelled when another request wants to continue.
    pub(super) given_up: CancellationToken,
    _held: OwnedMutexGuard<()>,
    _present: Present,
}

struct Present {
    turns: Turns,
    name: PartialName,
}

impl Turns {
    fn uploads(&self) -> MutexGuard<'_, HashMap<PartialName, Upload>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over an upload, as soon as whoever is at it has let go.
    ///
    /// # Errors
    /// 409 when a later request takes over meanwhile, or the earlier one does not let go.
    pub(super) async fn take(&self, name: &PartialName) -> Result<Turn, Problem> {
        let given_up = CancellationToken::new();
        let held = {
            let mut uploads = self.uploads();
            let upload = uploads.entry(name.clone()).or_default();
            upload.given_up.cancel();
            upload.given_up = given_up.clone();
            upload.requests += 1;
            Arc::clone(&upload.held)
        };
        let present = Present { turns: self.clone(), name: name.clone() };
        tokio::select! {
            biased;
            () = given_up.cancelled() => Err(superseded()),
            held = held.lock_owned() => Ok(Turn { given_up, _held: held, _present: present }),
            () = tokio::time::sleep(UPLOAD_HANDOVER_MAX) => Err(superseded()),
        }
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        let mut uploads = self.turns.uploads();
        if let Some(upload) = uploads.get_mut(&self.name) {
            upload.requests -= 1;
            if upload.requests == 0 {
                uploads.remove(&self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use model::Id;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_last_to_come_goes_on_and_nothing_is_left_in_the_end() {
        let turns = Turns::default();
        let name = PartialName { owner: Id::new("ann").unwrap(), of: Id::new("f").unwrap() };
        let first = turns.take(&name).await.unwrap();
        assert!(!first.given_up.is_cancelled());
        let (other, of) = (turns.clone(), name.clone());
        let second = tokio::spawn(async move { other.take(&of).await });
        first.given_up.cancelled().await;
        let (other, of) = (turns.clone(), name.clone());
        let third = tokio::spawn(async move { other.take(&of).await });
        assert!(second.await.unwrap().is_err(), "it was overtaken while it waited");
        drop(first);
        let third = third.await.unwrap().unwrap();
        assert!(turns.take(&name).await.is_err(), "w6: it does not wait for ever");
        assert!(third.given_up.is_cancelled());
        drop(third);
        assert!(turns.uploads().is_empty());
    }
}
