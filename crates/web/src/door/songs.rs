//! The songs that this page has open: one door for each, as long as somebody has it on the screen and a little longer (CL7).

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use leptos::prelude::*;
use model::{Id, Timestamp};
use sync::Subscriptions;
use sync::subscriptions::LINGER_MS;

use super::{Door, clock};
use crate::toast::Toasts;

/// From the last screen of a song to the look whether it is to be ended. Timers ring a little early.
const LINGER: Duration = Duration::from_millis(LINGER_MS.unsigned_abs() + 20);
/// What a song that has been ended has still on its way (an answer of the database, a download) finds it there so long.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// A song of one user's.
type Name = (Id, Id);

/// The open songs.
#[derive(Default)]
struct Songs {
    /// Each with the owner of its signals, which are no screen's.
    doors: HashMap<Name, (Door, Owner)>,
    screens: Subscriptions<Name>,
}

thread_local! {
    static SONGS: RefCell<Songs> = RefCell::default();
}

/// A clock that nobody sets.
fn monotonic() -> Timestamp {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds since the page was opened")]
    Timestamp(clock::milliseconds() as i64)
}

/// Whether this page has `project` open for `user`, or had it until just now: then its door sends what waits.
pub(super) fn is_open_here(user: &Id, project: &Id) -> bool {
    SONGS.with_borrow(|songs| songs.doors.contains_key(&(user.clone(), project.clone())))
}

impl Door {
    /// The door to `project` for `me`, for as long as the screen that asks is there: the one that this page has already, or a new one.
    pub(crate) fn enter(me: Id, project: Id, toasts: Toasts) -> Door {
        let name = (me, project);
        let known = SONGS.with_borrow_mut(|songs| {
            songs.screens.begin(&name);
            songs.doors.get(&name).map(|(door, _)| *door)
        });
        let door = known.unwrap_or_else(|| {
            let owner = Owner::default();
            let door = owner.with(|| Door::open(name.0.clone(), name.1.clone(), toasts));
            SONGS.with_borrow_mut(|songs| songs.doors.insert(name.clone(), (door, owner)));
            door
        });
        on_cleanup(move || {
            door.screen_has_gone();
            SONGS.with_borrow_mut(|songs| songs.screens.end(&name, monotonic()));
            clock::after(LINGER, end_what_is_over);
        });
        door
    }
}

/// Ends the songs that nobody has looked at for a while.
fn end_what_is_over() {
    let over = SONGS.with_borrow_mut(|songs| songs.screens.over(monotonic()));
    for name in over {
        let Some((door, owner)) = SONGS.with_borrow_mut(|songs| songs.doors.remove(&name)) else { continue };
        if door.is_at_work() {
            SONGS.with_borrow_mut(|songs| {
                songs.doors.insert(name.clone(), (door, owner));
                songs.screens.begin(&name);
                songs.screens.end(&name, monotonic());
            });
            clock::after(LINGER, end_what_is_over);
            continue;
        }
        door.end();
        clock::after(LAST_ANSWERS, move || owner.cleanup());
    }
}
