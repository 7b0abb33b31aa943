//! A long list in portions: at first as much as the first picture shows, then more in each quiet moment. So a song of two hundred
//! tracks is on the screen as soon as one of ten.

use leptos::prelude::*;

use crate::door::clock;

/// So many are there at once: on most screens more than are seen.
const FIRST: usize = 16;
/// So many more come in a quiet moment: few enough for one not to be felt.
const PORTION: usize = 8;

/// The beginning of a list, which grows until it is the whole.
pub(crate) fn in_portions<T: Clone + PartialEq + Send + Sync + 'static>(all: ReadSignal<Vec<T>>) -> Memo<Vec<T>> {
    let count = RwSignal::new(FIRST);
    Effect::new(move |_| {
        if all.with(Vec::len) > count.get() {
            // The page may have been left by then.
            clock::when_quiet(move || {
                let _ = count.try_update(|count| *count += PORTION);
            });
        }
    });
    Memo::new(move |_| all.with(|all| all.iter().take(count.get()).cloned().collect()))
}
