//! Recordings on their way to the server, until they are there: also after a tab was closed, and those of projects that are not open.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use model::{Id, Table};
use web_sys::Blob;

use super::{Assumed, Progress};
use crate::door::intake::Intake;
use crate::door::locks::{self, Held};
use crate::door::upload::{self, Sent, Signed};
use crate::door::waiting::{self, Waiting};
use crate::door::{Door, api, backoff, clock, identity};

/// Tries without a byte getting further, while the server can be reached, before an upload is given up until someone asks
/// again.
const TRIES_MAX: u32 = 12;
/// From one look at what waits for other projects to the next.
const AGAIN: Duration = Duration::from_secs(5);
/// How often it is looked whether a record has come.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Bytes of which nothing is said for so long were never in a song.
const STALE_MS: f64 = 24.0 * 3_600.0 * 1_000.0;

thread_local! {
    /// Whose recordings are being uploaded without their songs, and who wants to know of it.
    static ALONE: RefCell<HashMap<Id, Rc<dyn Fn()>>> = RefCell::default();
}

impl Door {
    /// Goes on with what waits for this project, put into it by a tab that was closed meanwhile.
    pub(in crate::door) fn go_on_uploading(self) {
        leptos::task::spawn_local(async move {
            let Some(inner) = self.alive() else { return };
            let (user, mine) = (inner.me.clone(), inner.project.clone());
            waiting::sweep(&user, STALE_MS).await;
            for one in waiting::all(&user).await.into_iter().filter(|one| one.project == mine) {
                leptos::task::spawn_local(async move { self.go_on_with(one).await });
            }
        });
    }

    async fn go_on_with(self, one: Waiting) {
        let Some(inner) = self.alive() else { return };
        let Some(bytes) = waiting::bytes(&inner.me, &one).await else { return };
        // Its record comes from the server or from what waits to be sent there.
        while !self.has_ended() && self.read_present(|records| records.find(Table::AudioFiles, &one.record).is_none()) {
            clock::sleep(LOOK_EVERY).await;
        }
        if self.has_ended() {
            return;
        }
        self.imports().resumed.borrow_mut().insert(one.record.clone());
        self.imports().set(&one.record, Some(self.progress_now()));
        self.upload(one.record.clone(), bytes.clone(), one.name);
        let intake = Intake::of(&bytes).ok();
        self.measure(one.record, bytes, intake, Assumed { clip: one.clip, beats: one.beats }).await;
    }

    /// Uploads the bytes once the server knows the record; goes on trying for a while.
    pub(super) fn upload(self, record: Id, file: Blob, name: String) {
        leptos::task::spawn_local(async move {
            let _sends = only_sender(&record).await;
            let standing = Rc::new(Cell::new(0.0));
            let (mut tries, mut waits, mut reached) = (0, 0, 0.0);
            while tries < TRIES_MAX && !self.has_ended() {
                if !self.wait_until_committed(&record).await {
                    return self.uploaded(&record).await;
                }
                if self.has_ended() {
                    return;
                }
                match self.upload_once(&record, &file, &standing).await {
                    Ok(Sent::Whole) => return self.uploaded(&record).await,
                    Ok(Sent::Part) => continue,
                    Err(failure) if !upload::may_go_on(&failure) => {
                        return self.upload_failed(record, file, name, failure.message);
                    }
                    Err(_) => {}
                }
                // As long as it gets on, or there is no network, it is not given up.
                let gets_on = standing.get() > reached;
                reached = standing.get().max(reached);
                waits = if gets_on { 1 } else { waits + 1 };
                tries = if gets_on || !self.is_live() { 0 } else { tries + 1 };
                if self.is_live() {
                    clock::sleep(backoff::wait(waits + 1, identity::chance())).await;
                } else {
                    self.imports().set(&record, Some(Progress::Waiting));
                    self.until_live().await;
                }
            }
            // Of a song that was left, the list of projects sends what waits, and the song itself when it is opened again.
            if !self.has_ended() {
                self.upload_failed(record, file, name, "The server could not be reached.".to_owned());
            }
        });
    }

    fn is_live(self) -> bool {
        self.status().try_get_untracked().is_some_and(|status| status.live)
    }

    async fn until_live(self) {
        while !self.has_ended() && !self.is_live() {
            clock::sleep(LOOK_EVERY).await;
        }
    }

    /// How an upload stands that begins.
    pub(super) fn progress_now(self) -> Progress {
        if self.is_live() { Progress::Uploading(0.0) } else { Progress::Waiting }
    }

    /// Its bytes are on the server, or nobody wants them.
    async fn uploaded(self, record: &Id) {
        // A file that lies among what waits cannot be read once it has been removed from there.
        if self.imports().resumed.borrow().contains(record) {
            self.imports().gone.borrow_mut().insert(record.clone());
        }
        waiting::remove(&self.inner().me, record).await;
        self.imports().in_this_tab.borrow_mut().remove(record);
        self.imports().set(record, None);
    }

    /// False when the record is gone: its creation was refused.
    async fn wait_until_committed(self, record: &Id) -> bool {
        while !self.has_ended() {
            if self.is_committed(Table::AudioFiles, record) {
                return true;
            }
            if self.read_present(|records| records.find(Table::AudioFiles, record).is_none()) {
                return false;
            }
            clock::sleep(Duration::from_millis(60)).await;
        }
        // Nothing is known of it any more: it waits on.
        true
    }

    /// Sends what the server lacks; `standing` is where it then stands, in bytes.
    async fn upload_once(self, record: &Id, file: &Blob, standing: &Cell<f64>) -> Result<Sent, api::Failure> {
        let signed = api::post::<Signed>(&format!("/api/audio-files/{record}/upload"), &serde_json::json!({})).await;
        let signed = match signed {
            // An answer was lost, or somebody else has brought the same bytes.
            Err(failure) if failure.status == 409 => return Ok(Sent::Whole),
            signed => signed?,
        };
        let record = record.clone();
        let progress = move |part| self.imports().set(&record, Some(Progress::Uploading(part)));
        upload::send(&signed, file, |bytes| standing.set(bytes), progress).await
    }

    fn upload_failed(self, record: Id, file: Blob, name: String, message: String) {
        self.imports().set(&record, Some(Progress::Failed));
        let title = format!("“{name}” could not be uploaded");
        let held = StoredValue::new_local((record, file, name));
        self.toasts().error_with(title, message, "Try again", move || {
            let Some((record, file, name)) = held.try_get_value() else { return };
            if self.has_ended() {
                return self.toasts.info("Open the song to upload it", "It goes on there by itself.");
            }
            self.imports().set(&record, Some(self.progress_now()));
            self.upload(record, file, name);
        });
    }
}

/// Uploads what waits for any project of `user`, once however often it is asked for; calls what was given last as `changed` when one
/// is through.
pub(crate) fn upload_what_waits(user: Id, changed: impl Fn() + 'static) {
    let before = ALONE.with_borrow_mut(|all| all.insert(user.clone(), Rc::new(changed)));
    if before.is_some() {
        return;
    }
    leptos::task::spawn_local(async move {
        waiting::sweep(&user, STALE_MS).await;
        loop {
            let all = waiting::all(&user).await;
            if all.is_empty() {
                return drop(ALONE.with_borrow_mut(|all| all.remove(&user)));
            }
            for one in all {
                if upload_alone(&user, &one).await
                    && let Some(changed) = ALONE.with_borrow(|all| all.get(&user).cloned())
                {
                    changed();
                }
            }
            // Where there are no locks, tabs that do the same must not do it at the same time again and again: the server lets one
            // go on.
            clock::sleep(AGAIN.mul_f64(0.5 + identity::chance())).await;
        }
    });
}

/// Waits until no other tab sends these bytes. When it has sent all of them, the server says so at once.
async fn only_sender(record: &Id) -> Held {
    locks::hold(&format!("unisono:upload:{record}")).await
}

/// True when the bytes are on the server. Else there is no network, or the record is not there yet, or may not be.
async fn upload_alone(user: &Id, one: &Waiting) -> bool {
    let _sends = only_sender(&one.record).await;
    let Some(bytes) = waiting::bytes(user, one).await else {
        // Another tab may have brought it meanwhile.
        return waiting::all(user).await.iter().all(|other| other.record != one.record);
    };
    loop {
        let path = format!("/api/audio-files/{}/upload", one.record);
        let sent = match api::post::<Signed>(&path, &serde_json::json!({})).await {
            Err(failure) if failure.status == 409 => Ok(Sent::Whole),
            Err(failure) => Err(failure),
            Ok(signed) => upload::send(&signed, &bytes, |_| {}, |_| {}).await,
        };
        match sent {
            Ok(Sent::Part) => {}
            Ok(Sent::Whole) => {
                waiting::remove(user, &one.record).await;
                return true;
            }
            Err(_) => return false,
        }
    }
}
