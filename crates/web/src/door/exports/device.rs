//! Made on this device: the worker `exporter`, which writes into a file of the browser's.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use js_sys::{Array, Object, Reflect};
use model::{Id, Record, Records, Table};
use serde_json::json;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{File, MessageEvent, Url, Worker};

use super::{Made, Wanted};
use crate::door::audio_cache::folder::Folder;
use crate::door::{Door, assets, clock, locks, new_id};

/// The folder of all users' files that are being made.
const FOLDER: &str = "exports";
/// By then an opened project is on the screen.
const AFTER_OPENING: Duration = Duration::from_secs(5);
/// Saving copies the file, which may take its time: what was made stays for a while when something else is.
const LINGER: Duration = Duration::from_secs(60);
/// A worker that was ended lets go of its files a moment later.
const LET_GO_EVERY: Duration = Duration::from_millis(50);
const LET_GO_TIMES: u32 = 100;

const NO_WORKER: &str = "What makes files could not be loaded. Try again when there is a network.";

/// What the worker says.
pub(super) enum Told {
    /// From 0 to 1.
    Progress(f64),
    Done(Made),
    Failed(String),
}

/// Whether the browser has what it takes: files of our own, which it gives on safe connections only.
pub(super) fn is_possible() -> bool {
    Reflect::has(&js_sys::global(), &"FileSystemFileHandle".into()).unwrap_or(false)
}

/// A file that is being made, or was. Dropped, it goes.
pub(super) struct Device {
    worker: Worker,
    user: Id,
    id: Id,
    /// Its address, once it is made.
    made: Rc<RefCell<Option<String>>>,
    _heard: Closure<dyn FnMut(MessageEvent)>,
    _broken: Closure<dyn FnMut(JsValue)>,
}

impl Device {
    /// Begins; `told` hears what becomes of it.
    pub(super) fn begin(door: Door, wanted: &Wanted, told: impl Fn(Told) + Copy + 'static) -> Result<Device, String> {
        let (user, id) = (door.inner().me.clone(), new_id());
        let worker = Worker::new(&assets::address("exporter.js")?).map_err(|_| NO_WORKER)?;
        let message = order(door, wanted, &user, &id).ok_or("The project is not here.")?;
        let made = Rc::new(RefCell::new(None));
        let (mine, done, name) = (Rc::clone(&made), worker.clone(), wanted.file_name());
        let heard = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let said = read(&event.data(), &name, &mine);
            if matches!(said, Told::Done(_)) {
                done.terminate();
            }
            told(said);
        });
        let broken = Closure::<dyn FnMut(JsValue)>::new(move |_| told(Told::Failed(NO_WORKER.to_owned())));
        worker.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        worker.set_onerror(Some(broken.as_ref().unchecked_ref()));
        let (to, lock, wanted) = (worker.clone(), format!("unisono-export-{id}"), Rc::downgrade(&made));
        leptos::task::spawn_local(async move {
            // Other tabs leave its file alone as long as this one wants it.
            let _lock = locks::hold(&lock).await;
            let _ = to.post_message(&message);
            while wanted.strong_count() > 0 {
                clock::sleep(AFTER_OPENING).await;
            }
        });
        Ok(Device { worker, user, id, made, _heard: heard, _broken: broken })
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
        let (user, id, address) = (self.user.clone(), self.id.clone(), self.made.borrow_mut().take());
        // As long as this is here the lock is held.
        let wanted = Rc::clone(&self.made);
        leptos::task::spawn_local(async move {
            if let Some(address) = address {
                clock::sleep(LINGER).await;
                let _ = Url::revoke_object_url(&address);
            }
            remove(&[FOLDER, user.as_str()], id.as_str()).await;
            drop(wanted);
        });
    }
}

/// Removes a folder whose files may not be free yet.
async fn remove(path: &[&str], name: &str) {
    for _ in 0..LET_GO_TIMES {
        Folder::remove_all(path, name).await;
        let Some(folder) = Folder::open(path).await else { return };
        if !folder.names().await.iter().any(|left| left == name) {
            return;
        }
        clock::sleep(LET_GO_EVERY).await;
    }
}

fn field(of: &JsValue, name: &str) -> JsValue {
    Reflect::get(of, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

fn object<const N: usize>(fields: [(&str, JsValue); N]) -> Object {
    let object = Object::new();
    for (name, value) in fields {
        // A plain object takes any field.
        let _ = Reflect::set(&object, &name.into(), &value);
    }
    object
}

/// What the worker is told: see `crates/exporter/README.md`.
fn order(door: Door, wanted: &Wanted, user: &Id, id: &Id) -> Option<Object> {
    let imports = door.imports();
    let (records, sources) = door.read(|records| {
        let records: Records = imports.with_what_this_browser_has(records);
        let sources = Object::new();
        for file in records.table(Table::AudioFiles) {
            let hash = file.text("playbackKey").map_or(JsValue::UNDEFINED, JsValue::from_str);
            let own = imports.local(file.id()).map_or(JsValue::UNDEFINED, |own| own.bytes.into());
            let _ = Reflect::set(&sources, &file.id().as_str().into(), &object([("hash", hash), ("file", own)]));
        }
        let rows: Vec<(Table, Record)> = records.iter().map(|(key, record)| (key.table, record.clone())).collect();
        (postcard::to_extend(&rows, Vec::new()), sources)
    });
    let order = json!({ "settings": wanted.settings, "stems": wanted.stems });
    let folder: Array = door.audio().path().into_iter().map(JsValue::from_str).collect();
    Some(object([
        ("type", "make".into()),
        ("order", order.to_string().into()),
        ("records", js_sys::Uint8Array::from(records.ok()?.as_slice()).buffer().into()),
        ("sources", sources.into()),
        ("folder", folder.into()),
        ("user", user.as_str().into()),
        ("id", id.as_str().into()),
    ]))
}

/// A message of the worker's. The file that was made gets an address.
fn read(message: &JsValue, name: &str, made: &RefCell<Option<String>>) -> Told {
    match field(message, "type").as_string().as_deref() {
        Some("progress") => Told::Progress(field(message, "done").as_f64().unwrap_or_default()),
        Some("done") => {
            let file: File = field(message, "file").unchecked_into();
            let Ok(address) = Url::create_object_url_with_blob(&file) else {
                return Told::Failed("The browser does not give the file.".to_owned());
            };
            *made.borrow_mut() = Some(address.clone());
            let summary = field(message, "summary");
            let number = |name: &str| field(&summary, name).as_f64();
            let over = number("over").unwrap_or_default();
            let has_no_loudness = field(&summary, "hasNoLoudness").is_truthy();
            let remark = super::remark(number("peakDb"), over, number("gainDb"), has_no_loudness);
            Told::Done(Made { name: name.to_owned(), address, bytes: file.size(), seconds: number("seconds"), remark })
        }
        _ => Told::Failed(field(message, "message").as_string().unwrap_or_else(|| NO_WORKER.to_owned())),
    }
}

/// Some time after opening, has what closed tabs have left removed, whoever's it was, if there is anything.
pub(super) fn sweep_soon() {
    clock::after(AFTER_OPENING, || {
        leptos::task::spawn_local(async {
            if !is_anything_left().await {
                return;
            }
            let Ok(Ok(worker)) = assets::address("exporter.js").map(|address| Worker::new(&address)) else { return };
            let _ = worker.post_message(&object([("type", "sweep".into())]));
            // It needs a moment, and nothing waits for it.
            clock::sleep(AFTER_OPENING).await;
            worker.terminate();
        });
    });
}

async fn is_anything_left() -> bool {
    let Some(all) = Folder::open(&[FOLDER]).await else { return false };
    for user in all.names().await {
        let own = Folder::open(&[FOLDER, &user]).await;
        if let Some(own) = own
            && !own.names().await.is_empty()
        {
            return true;
        }
    }
    false
}

/// Lets go of what was made for a user: they have logged out.
pub(in crate::door) async fn clear(user: &Id) {
    Folder::remove_all(&[FOLDER], user.as_str()).await;
}
