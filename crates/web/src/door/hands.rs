//! What the hands of this page's user hold: a fader, a knob, a wheel that still turns. What is let go is written.

use std::cell::RefCell;

use super::Door;

/// Something in a hand.
struct Held {
    /// Whether it still is.
    is_held: Box<dyn Fn() -> bool>,
    /// Writes it, and lets it go.
    let_go: Box<dyn Fn()>,
}

/// All that is in a hand.
#[derive(Default)]
pub(super) struct Hands(RefCell<Vec<Held>>);

impl Hands {
    fn take(&self, held: Held) {
        let mut all = self.0.borrow_mut();
        all.retain(|held| (held.is_held)());
        all.push(held);
    }

    /// What is written may take something up again.
    fn let_go(&self) {
        let all = self.0.take();
        all.iter().for_each(|held| (held.let_go)());
    }
}

impl Door {
    /// Something is in a hand from now on, as long as `is_held` says so; ten fingers hold ten faders. Whoever undoes or leaves lets
    /// all of them go first.
    pub(crate) fn take_in_hand(self, is_held: impl Fn() -> bool + 'static, let_go: impl Fn() + 'static) {
        self.inner().hands.take(Held { is_held: Box::new(is_held), let_go: Box::new(let_go) });
    }

    /// Lets go of what is in the hand, so that it is written.
    pub(crate) fn let_go(self) {
        self.inner().hands.let_go();
    }
}
