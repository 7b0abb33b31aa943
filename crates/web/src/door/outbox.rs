//! Batches on their way to the server: each goes when the tab is seen to be the one that sends still (CL4).
//!
//! A tab that stood still for a while, in a window that the browser has frozen, may have been robbed of its lock without having
//! heard of it yet. That it sends twice what another has sent would change nothing (WR6); what it does by itself has to stop.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use model::Id;
use sync::wire::ClientMessage;

use super::clock;
use super::store::Store;

/// A look that took longer may be an old one: the tab stood still meanwhile. Far less than what it takes to rob a sender.
const LOOK_MS_MAX: f64 = 1_000.0;
/// So often it is looked again: on a slow disk every look takes long.
const LOOKS_MAX: usize = 5;

/// The batches of one tab that sends. Cheap to clone.
#[derive(Clone)]
pub(super) struct Outbox(Rc<Inner>);

struct Inner {
    store: Store,
    project: Id,
    /// The number under which this tab sends.
    number: u64,
    batches: RefCell<Vec<ClientMessage>>,
    looks: Cell<bool>,
    send: Box<dyn Fn(&ClientMessage)>,
    overtaken: Box<dyn Fn()>,
}

impl Outbox {
    /// The outbox of a tab that sends `project` under this `number`; calls `overtaken` in the place of sending when another
    /// sends now.
    pub(super) fn new(
        store: Store,
        project: Id,
        number: u64,
        send: impl Fn(&ClientMessage) + 'static,
        overtaken: impl Fn() + 'static,
    ) -> Outbox {
        let (send, overtaken) = (Box::new(send), Box::new(overtaken));
        let (batches, looks) = (RefCell::default(), Cell::new(false));
        Outbox(Rc::new(Inner { store, project, number, batches, looks, send, overtaken }))
    }

    /// The number under which this tab sends.
    pub(super) fn number(&self) -> u64 {
        self.0.number
    }

    /// Sends a batch after those before it, if this tab is the one.
    pub(super) fn submit(&self, batch: ClientMessage) {
        self.0.batches.borrow_mut().push(batch);
        if !self.0.looks.replace(true) {
            let outbox = self.clone();
            leptos::task::spawn_local(async move { outbox.look().await });
        }
    }

    /// Sends nothing of what waits here: the connection is gone, or another tab sends now, and the replica knows.
    pub(super) fn clear(&self) {
        self.0.batches.borrow_mut().clear();
    }

    async fn look(&self) {
        let mut sender = None;
        for _ in 0..LOOKS_MAX {
            let begun = clock::milliseconds();
            sender = self.0.store.sender(&self.0.project).await;
            if clock::milliseconds() - begun <= LOOK_MS_MAX {
                break;
            }
        }
        self.0.looks.set(false);
        let batches = self.0.batches.take();
        // A browser that does not say who sends keeps nobody from sending.
        if sender.is_some_and(|sender| sender != self.0.number) {
            return (self.0.overtaken)();
        }
        batches.iter().for_each(|batch| (self.0.send)(batch));
    }
}
