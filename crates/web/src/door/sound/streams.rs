//! Long recordings, of which only what is heard next is in memory: a worker reads them ahead and hands chunks to the audio thread
//! through shared memory, past this page. Its messages are documented in `crates/read_ahead/README.md`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use engine::ahead::SLOTS_MAX;
use js_sys::{Array, Reflect, SharedArrayBuffer};
use model::Ticks;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{MessageEvent, Worker};

use super::recordings::Wish;
use super::region::LoopRegion;
use super::worklet::{Worklet, buffer, message, said};
use crate::door::{assets, clock};

/// Chunks on their way from the worker to the audio thread: 4 MiB.
const CELLS: usize = 64;
/// Bytes of all of them.
#[expect(clippy::cast_possible_truncation, reason = "some MiB")]
const RING_BYTES: u32 = engine::stream::ring_bytes(CELLS) as u32;
/// Slots that there are for each recording before the worker says how many it wants: 512 KiB.
const SLOTS_EACH: u32 = 8;
/// Between two steps in which the audio thread makes slots.
const GROW_EVERY: Duration = Duration::from_millis(20);
/// How often it is looked whether a recording has been opened.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Nobody hears this: it is said when the studio has been left.
const ENDED: &str = "The sound has ended.";

/// How far opening a recording has come.
#[derive(Clone, Debug, PartialEq)]
enum Opening {
    Asked,
    Opened,
    Refused(String),
}

/// A place that playing is about to jump to.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Aim {
    number: u32,
    at: Ticks,
    ready: bool,
    /// When something came last, or when it was asked for.
    came: f64,
}

/// The long recordings of a song.
pub(super) struct Streams(Rc<Inner>);

type MessageClosure = Closure<dyn FnMut(MessageEvent)>;

struct Inner {
    worker: Worker,
    worklet: Worklet,
    openings: RefCell<HashMap<u32, Opening>>,
    slots_wanted: Cell<u32>,
    aim: Cell<Option<Aim>>,
    aims: Cell<u32>,
    on_message: RefCell<Option<MessageClosure>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.terminate();
    }
}

impl Streams {
    /// Starts the worker.
    pub(super) fn start(worklet: &Worklet) -> Result<Streams, String> {
        if worklet.has_ended() {
            return Err(ENDED.to_owned());
        }
        let worker = Worker::new(&assets::address("read_ahead.js")?).map_err(said)?;
        let ring = SharedArrayBuffer::new(RING_BYTES);
        let start = [
            ("url", JsValue::from_str(&assets::address("read_ahead.wasm")?)),
            ("ring", ring.clone().into()),
            ("status", worklet.shared_status().into()),
        ];
        worker.post_message(&message("start", start)).map_err(said)?;
        worklet.send("ring", [("data", ring.into())]);
        let inner = Rc::new(Inner {
            worker,
            worklet: worklet.clone(),
            openings: RefCell::default(),
            slots_wanted: Cell::default(),
            aim: Cell::default(),
            aims: Cell::default(),
            on_message: RefCell::default(),
        });
        let weak = Rc::downgrade(&inner);
        let heard = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            if let Some(inner) = weak.upgrade() {
                inner.told_by_worker(&event.data());
            }
        });
        inner.worker.set_onmessage(Some(heard.as_ref().unchecked_ref()));
        *inner.on_message.borrow_mut() = Some(heard);
        let weak = Rc::downgrade(&inner);
        worklet.on_answer(move |answer| {
            if let Some(inner) = weak.upgrade() {
                inner.answered(answer);
            }
        });
        Ok(Streams(inner))
    }

    /// Has a recording read ahead from now on; `folder` is where recordings are kept on this device.
    pub(super) async fn open(&self, number: u32, wish: &Wish, folder: &[&str]) -> Result<(), String> {
        let inner = &self.0;
        inner.openings.borrow_mut().insert(number, Opening::Asked);
        inner.make_room(u32::try_from(inner.openings.borrow().len()).unwrap_or(u32::MAX).saturating_mul(SLOTS_EACH));
        let folder: Array = folder.iter().map(|name| JsValue::from_str(name)).collect();
        let text = |text: Option<&str>| text.map_or(JsValue::UNDEFINED, JsValue::from_str);
        let own = wish.own.as_ref().map_or(JsValue::UNDEFINED, |own| own.bytes.clone().into());
        let hash = text(wish.playback.as_deref().filter(|_| wish.own.is_none()));
        inner.tell(
            "open",
            [
                ("id", number.into()),
                ("record", text(Some(wish.file.as_str()))),
                ("hash", hash),
                ("folder", folder.into()),
                ("file", own),
            ],
        );
        loop {
            match inner.openings.borrow().get(&number) {
                Some(Opening::Opened) => return Ok(()),
                Some(Opening::Refused(message)) => return Err(message.clone()),
                Some(Opening::Asked) => {}
                None => return Err("It was let go.".to_owned()),
            }
            if inner.worklet.has_ended() {
                return Err(ENDED.to_owned());
            }
            clock::sleep(LOOK_EVERY).await;
        }
    }

    /// The plan that is sent to the audio thread.
    pub(super) fn plan(&self, bytes: &[u8]) {
        let data = buffer(bytes);
        let message = message("plan", [("data", data.clone().into())]);
        // It is only not posted if the worker is gone, and then nothing is heard of it.
        let _ = self.0.worker.post_message_with_transfer(&message, &Array::of1(&data));
    }

    /// The loop; its start is kept ready, as is the song's.
    #[expect(clippy::cast_precision_loss, reason = "ticks stay below 2^53")]
    pub(super) fn set_loop(&self, region: LoopRegion) {
        let place = |ticks: Ticks| JsValue::from_f64(ticks.0 as f64);
        if region.on {
            self.0.tell("loop", [("start", place(region.start)), ("end", place(region.end))]);
        } else {
            self.0.tell("loop", []);
        }
        self.0.tell("keep", [("ticks", Array::of2(&place(Ticks(0)), &place(region.start)).into())]);
    }

    /// Whether all that sounds from a place on has been read; from the first question on it is read before all else.
    #[expect(clippy::cast_precision_loss, reason = "ticks stay below 2^53")]
    pub(super) fn is_ready_at(&self, at: Ticks) -> bool {
        match self.0.aim.get().filter(|aim| aim.at == at) {
            Some(aim) => aim.ready,
            None => {
                let number = self.0.aims.get() + 1;
                self.0.aims.set(number);
                self.0.aim.set(Some(Aim { number, at, ready: false, came: clock::milliseconds() }));
                self.0.tell("aim", [("number", number.into()), ("ticks", JsValue::from_f64(at.0 as f64))]);
                false
            }
        }
    }

    /// When something came last of what a jump waits for, in the clock's milliseconds.
    pub(super) fn came(&self) -> Option<f64> {
        self.0.aim.get().map(|aim| aim.came)
    }

    /// Playing has jumped there.
    pub(super) fn has_jumped(&self) {
        self.0.aim.set(None);
        self.0.tell("aim", []);
    }
}

impl Inner {
    fn tell<const N: usize>(&self, kind: &str, fields: [(&str, JsValue); N]) {
        // Only a worker that has ended takes none.
        let _ = self.worker.post_message(&message(kind, fields));
    }

    /// Has the audio thread make slots until there are so many, some at a time.
    fn make_room(&self, slots: u32) {
        let wanted = slots.min(u32::try_from(SLOTS_MAX).unwrap_or(u32::MAX));
        if wanted > self.slots_wanted.get() {
            self.slots_wanted.set(wanted);
            self.worklet.send("pool", [("slots", wanted.into())]);
        }
    }

    fn told_by_worker(&self, data: &JsValue) {
        let get = |name: &str| Reflect::get(data, &name.into()).unwrap_or(JsValue::UNDEFINED);
        match get("type").as_string().as_deref() {
            Some("stream") => {
                let fields = ["id", "channels", "frames", "format", "finite"].map(|name| (name, get(name)));
                self.worklet.send("stream", fields);
            }
            Some("grow") => self.make_room(number(&get("slots"))),
            Some("refused") => self.refuse(number(&get("id")), get("message").as_string().unwrap_or_default()),
            Some(word @ ("ready" | "came")) => {
                let Some(aim) = self.aim.get() else { return };
                let is_it = aim.number == number(&get("number"));
                self.aim.set(Some(match word {
                    "ready" => Aim { ready: aim.ready || is_it, ..aim },
                    _ => Aim { came: clock::milliseconds(), ..aim },
                }));
            }
            _ => {}
        }
    }

    /// The audio thread has made slots, or knows a recording, or wants none of it.
    fn answered(self: &Rc<Inner>, data: &JsValue) {
        let get = |name: &str| Reflect::get(data, &name.into()).unwrap_or(JsValue::UNDEFINED);
        match get("type").as_string().as_deref() {
            Some("pool") => {
                let slots = number(&get("slots"));
                self.tell("pool", [("slots", slots.into())]);
                if slots < self.slots_wanted.get() {
                    let weak = Rc::downgrade(self);
                    clock::after(GROW_EVERY, move || {
                        if let Some(inner) = weak.upgrade() {
                            inner.worklet.send("pool", [("slots", inner.slots_wanted.get().into())]);
                        }
                    });
                }
            }
            Some("stream") => {
                let id = number(&get("id"));
                self.openings.borrow_mut().insert(id, Opening::Opened);
                self.tell("begin", [("id", id.into())]);
            }
            Some("error") => {
                let about = get("about");
                let id = Reflect::get(&about, &"id".into()).unwrap_or(JsValue::UNDEFINED);
                self.tell("close", [("id", id.clone())]);
                self.refuse(number(&id), get("message").as_string().unwrap_or_default());
            }
            _ => {}
        }
    }

    fn refuse(&self, id: u32, message: String) {
        self.openings.borrow_mut().insert(id, Opening::Refused(message));
    }
}

/// A whole number of a message; `u32::MAX`, which nothing has, when it is none.
fn number(value: &JsValue) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float-to-int cast saturates")]
    value.as_f64().map_or(u32::MAX, |number| number as u32)
}
