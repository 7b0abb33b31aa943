//! The app as something that is on the device: a service worker that keeps it (CL6), new releases, installing it.
//!
//! Where there is no service worker (plain http on a LAN, some private windows) nothing of this happens, and nothing breaks.

mod install;
mod on_device;
mod worker;

use std::cell::Cell;
use std::time::Duration;

use leptos::prelude::*;

pub(crate) use install::InstallButton;
pub(crate) use on_device::OnThisDevice;

use crate::door::clock;
use crate::door::store::SCHEMA_VERSION;
use crate::toast::Toasts;
use worker::{Release, Worker};

/// The version of the stores on this device: the service worker has the same number, and hands over to a release with another
/// only once the stores have it.
pub(crate) const STORES_VERSION: u32 = SCHEMA_VERSION;

thread_local! {
    /// Whether the stores have that version already, or again.
    static MIGRATED: Cell<bool> = const { Cell::new(false) };
}

/// Says that the stores on this device have been opened and have [`STORES_VERSION`]: a release that waits for that may take over
/// (CL6).
pub(crate) fn stores_have_migrated() {
    MIGRATED.set(true);
}

/// The worker's address.
const SCRIPT: &str = "/service_worker.js";
/// How often it is looked whether they have.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// The page comes first: by then it is on the screen.
const REGISTER_AFTER: Duration = Duration::from_millis(1_500);
/// How often a page that stays open asks for a new release.
const LOOK_EVERY: Duration = Duration::from_secs(30 * 60);
/// How long a reload waits for the new release to take over.
const TAKE_OVER: Duration = Duration::from_secs(3);

/// Keeps the app on this device, and says when there is a newer one.
pub(crate) fn keep(toasts: Toasts) {
    install::listen();
    // From the start: another tab may let a newer release take over before this page has asked for its worker.
    worker::on_change_of_charge(move || {
        leptos::task::spawn_local(async move {
            if let Some(worker) = Worker::register(SCRIPT).await {
                compare(&worker, toasts).await;
            }
        });
    });
    clock::after(REGISTER_AFTER, move || {
        leptos::task::spawn_local(async move {
            // Refused in some private windows: then the app is as it was before there were workers.
            let Some(worker) = Worker::register(SCRIPT).await else { return };
            watch(worker, toasts);
        });
    });
}

fn watch(worker: Worker, toasts: Toasts) {
    let here = worker.clone();
    worker.on_installed(move || {
        let here = here.clone();
        leptos::task::spawn_local(async move { look(&here, toasts).await });
    });
    let again = worker.clone();
    let _ = set_interval_with_handle(move || again.look_for_another(), LOOK_EVERY);
    // A phone or laptop that was asleep.
    let again = worker.clone();
    drop(window_event_listener(leptos::ev::online, move |_| again.look_for_another()));
    leptos::task::spawn_local(async move {
        worker.take_charge();
        look(&worker, toasts).await;
    });
}

/// Says that a newer release waits, if one does; lets the one that this page is of take over.
async fn look(worker: &Worker, toasts: Toasts) {
    let own = own_release();
    match worker.waiting_release().await {
        // This page came from the server, newer than what was kept: its stores are those that the worker waits for.
        Some(waiting) if Some(&waiting) == own.as_ref() => {
            while !MIGRATED.get() {
                clock::sleep(LOOK_AGAIN).await;
            }
            worker.take_over(STORES_VERSION, own, false).await;
        }
        Some(_) => offer(worker.clone(), toasts),
        None => {}
    }
}

/// Says that another tab has let a newer release take over, if it has.
async fn compare(worker: &Worker, toasts: Toasts) {
    let in_charge = worker.release_in_charge().await;
    if in_charge.is_some() && in_charge != own_release() {
        offer(worker.clone(), toasts);
    }
}

fn offer(worker: Worker, toasts: Toasts) {
    let worker = StoredValue::new_local(worker);
    toasts.offer_everywhere("A new version is ready", "Reload", move || {
        let Some(worker) = worker.try_get_value() else { return };
        leptos::task::spawn_local(async move { reload(&worker).await });
    });
}

/// Lets the newer release take over, and opens the page with it. Should the stores have to migrate first, the worker stays: the
/// server's page is the new one in any case, migrates them, and then says so.
async fn reload(worker: &Worker) {
    if MIGRATED.get() && worker.take_over(STORES_VERSION, own_release(), true).await {
        worker.until_it_is_in_charge(TAKE_OVER).await;
    }
    // A browser that refuses to reload leaves the page as it is.
    let _ = location().reload();
}

/// The release that this page is of.
fn own_release() -> Option<Release> {
    document().query_selector("meta[name=release]").ok().flatten()?.get_attribute("content").map(Release)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cl6_worker_and_page_mean_the_same_version_of_the_stores() {
        let worker = include_str!("../../js/service_worker.js");
        assert!(worker.contains(&format!("\nconst STORES = {STORES_VERSION}\n")));
    }
}
