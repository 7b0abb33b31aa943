//! What each clip of the list knows of itself: whether the Tab key comes to it, and which of how many it is. Each has a signal of its
//! own for either: were all of them to look at the one answer, every edit, which may change it, would call them all, and that was
//! half of what an edit takes.

use std::collections::HashMap;

use leptos::prelude::*;
use model::Id;

/// A signal for each clip that is in the list.
struct Each<T: Send + Sync + 'static>(StoredValue<HashMap<Id, RwSignal<T>>>);

impl<T: Send + Sync + 'static> Clone for Each<T> {
    fn clone(&self) -> Each<T> {
        *self
    }
}

impl<T: Send + Sync + 'static> Copy for Each<T> {}

impl<T: Copy + PartialEq + Send + Sync + 'static> Each<T> {
    fn new() -> Each<T> {
        Each(StoredValue::new(HashMap::new()))
    }

    /// That of a clip, for as long as it is in the list.
    fn of(self, id: &Id, first: T) -> RwSignal<T> {
        let signal = RwSignal::new(first);
        let id = id.clone();
        self.0.update_value(|all| _ = all.insert(id.clone(), signal));
        on_cleanup(move || {
            self.0.try_update_value(|all| {
                if all.get(&id) == Some(&signal) {
                    all.remove(&id);
                }
            });
        });
        signal
    }

    /// Tells a clip, if it is in the list.
    fn tell(self, id: &Id, value: T) {
        if let Some(signal) = self.0.with_value(|all| all.get(id).copied()) {
            tell(signal, value);
        }
    }
}

/// Tells only what is news.
fn tell<T: Copy + PartialEq + Send + Sync + 'static>(signal: RwSignal<T>, value: T) {
    if signal.try_get_untracked().is_some_and(|before| before != value) {
        signal.set(value);
    }
}

/// The clip to which the Tab key comes.
#[derive(Clone, Copy)]
pub(super) struct TabStop {
    now: Memo<Option<Id>>,
    switches: Each<bool>,
}

impl TabStop {
    pub(super) fn follow(now: Memo<Option<Id>>) -> TabStop {
        let switches = Each::new();
        Effect::new(move |before: Option<Option<Id>>| {
            let now = now.get();
            if let Some(before) = before.flatten().filter(|before| Some(before) != now.as_ref()) {
                switches.tell(&before, false);
            }
            if let Some(now) = &now {
                switches.tell(now, true);
            }
            now
        });
        TabStop { now, switches }
    }

    /// Whether it is this clip.
    pub(super) fn is(self, id: &Id) -> RwSignal<bool> {
        self.switches.of(id, self.now.with_untracked(|now| now.as_ref() == Some(id)))
    }
}

/// Which of how many clips those that are listed are; where all are, whoever reads the list counts them.
#[derive(Clone, Copy)]
pub(super) struct Among {
    /// How many there are, where not all are listed.
    pub(super) size: RwSignal<Option<usize>>,
    places: Each<Option<usize>>,
}

impl Among {
    /// `size` is how many there are, where not all are listed.
    pub(super) fn follow(
        listed: Memo<Vec<(Id, usize)>>,
        size: impl Fn() -> Option<usize> + Send + Sync + 'static,
    ) -> Among {
        let among = Among { size: RwSignal::new(None), places: Each::new() };
        Effect::new(move |_| {
            let size = size();
            tell(among.size, size);
            listed.with(|listed| {
                for (id, place) in listed {
                    among.places.tell(id, size.map(|_| *place));
                }
            });
        });
        among
    }

    /// The place of a clip, which is at first this one.
    pub(super) fn place(self, id: &Id, place: usize) -> RwSignal<Option<usize>> {
        self.places.of(id, self.size.get_untracked().map(|_| place))
    }
}
