//! The audio thread as the page sees it: an AudioWorkletNode, messages to it, a status that it writes into shared memory.
//! The protocol is documented in `crates/audio_thread/README.md`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use js_sys::{Array, Atomics, Float64Array, Int32Array, Object, Reflect, SharedArrayBuffer, Uint8Array};
use model::Ticks;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AudioContext, AudioContextOptions, AudioContextState, AudioWorkletNode, AudioWorkletNodeOptions, MessageEvent,
};

use crate::door::{api, assets, clock};

/// Words of the status before the tracks' meters.
const STATUS_WORDS: u32 = 16;
/// Tracks that have meters; more go without.
const METERS_MAX: u32 = 256;
/// Chunks that the audio thread may have been sent and not answered: each costs it a copy.
const CHUNKS_ON_THE_WAY: u32 = 4;

/// Why there can be no sound on this page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// Plain http from another machine.
    Insecure,
    /// Headers that isolate the page were lost on the way.
    NotIsolated,
    /// The browser has no AudioWorklet.
    TooOld,
}

/// What stands in the way of sound, if anything does.
pub(super) fn obstacle() -> Option<Obstacle> {
    let flag = |name: &str| Reflect::get(&js_sys::global(), &name.into()).is_ok_and(|value| value.is_truthy());
    match (flag("isSecureContext"), flag("crossOriginIsolated"), flag("AudioWorkletNode")) {
        (false, ..) => Some(Obstacle::Insecure),
        (_, _, false) => Some(Obstacle::TooOld),
        (_, false, _) => Some(Obstacle::NotIsolated),
        _ => None,
    }
}

/// What the audio thread last said.
#[derive(Clone, Debug, Default)]
pub(super) struct Status {
    pub(super) playing: bool,
    pub(super) position_frames: i64,
    /// The plan in force; 0 before the first.
    pub(super) serial: u32,
    pub(super) underruns: u32,
    /// Blocks for which something was not here, and gaps that were heard because it came too late.
    pub(super) starved_blocks: u32,
    pub(super) gaps: u32,
    /// Peaks since they were last read, left and right.
    pub(super) master: [f32; 2],
    /// In the order of the plan's tracks.
    pub(super) tracks: Vec<[f32; 2]>,
}

/// The audio thread. Cheap to clone.
#[derive(Clone)]
pub(super) struct Worklet(Rc<Inner>);

type MessageClosure = Closure<dyn FnMut(MessageEvent)>;
type Answered = Box<dyn Fn(&JsValue)>;

struct Inner {
    context: AudioContext,
    node: AudioWorkletNode,
    status: SharedArrayBuffer,
    words: Int32Array,
    position: Float64Array,
    unanswered: Cell<u32>,
    on_message: RefCell<Option<MessageClosure>>,
    on_answer: RefCell<Option<Answered>>,
}

impl Worklet {
    /// Starts the audio thread at a rate; `failed` is told should it fail later.
    pub(super) async fn start(sample_rate: u32, failed: impl Fn(String) + 'static) -> Result<Worklet, String> {
        let options = AudioContextOptions::new();
        #[expect(clippy::cast_precision_loss, reason = "a sample rate")]
        options.set_sample_rate(sample_rate as f32);
        let context = AudioContext::new_with_context_options(&options).map_err(said)?;
        let started = Worklet::start_in(context.clone(), failed).await;
        if started.is_err() {
            let _ = context.close();
        }
        started
    }

    async fn start_in(context: AudioContext, failed: impl Fn(String) + 'static) -> Result<Worklet, String> {
        let module = compile(&assets::address("audio_thread.wasm")?).await?;
        let worklet = context.audio_worklet().map_err(said)?;
        JsFuture::from(worklet.add_module(&assets::address("worklet.js")?).map_err(said)?).await.map_err(said)?;
        let status = SharedArrayBuffer::new(4 * (STATUS_WORDS + 2 * METERS_MAX));
        let node = node(&context, &module, &status)?;
        node.connect_with_audio_node(&context.destination()).map_err(said)?;
        let inner = Inner {
            context,
            node,
            words: Int32Array::new(&status),
            position: Float64Array::new_with_byte_offset_and_length(&status, 8, 1),
            status,
            unanswered: Cell::new(0),
            on_message: RefCell::default(),
            on_answer: RefCell::default(),
        };
        let worklet = Worklet(Rc::new(inner));
        worklet.listen(failed);
        Ok(worklet)
    }

    fn listen(&self, failed: impl Fn(String) + 'static) {
        let weak = Rc::downgrade(&self.0);
        let closure = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let Some(inner) = weak.upgrade() else { return };
            let message = event.data();
            let text = |name: &str| Reflect::get(&message, &name.into()).ok().and_then(|value| value.as_string());
            let told = || {
                if let Some(on_answer) = inner.on_answer.borrow().as_ref() {
                    on_answer(&message);
                }
            };
            let answered = || inner.unanswered.set(inner.unanswered.get().saturating_sub(1));
            match text("type").as_deref() {
                Some("chunk") => answered(),
                Some("pool" | "stream") => told(),
                Some("trap") => failed(text("message").unwrap_or_default()),
                Some("error") => {
                    let about = Reflect::get(&message, &"about".into()).ok();
                    let about = about
                        .and_then(|about| Reflect::get(&about, &"type".into()).ok())
                        .and_then(|kind| kind.as_string());
                    match about.as_deref() {
                        Some("chunk") => answered(),
                        Some("stream") => told(),
                        _ => {}
                    }
                    web_sys::console::error_1(&message);
                }
                _ => {}
            }
        });
        if let Ok(port) = self.0.node.port() {
            port.set_onmessage(Some(closure.as_ref().unchecked_ref()));
        }
        *self.0.on_message.borrow_mut() = Some(closure);
    }

    /// Calls `told` with each answer about what is read ahead.
    pub(super) fn on_answer(&self, told: impl Fn(&JsValue) + 'static) {
        *self.0.on_answer.borrow_mut() = Some(Box::new(told));
    }

    /// Where the audio thread writes its status.
    pub(super) fn shared_status(&self) -> SharedArrayBuffer {
        self.0.status.clone()
    }

    /// Reads the status; takes the peaks.
    pub(super) fn status(&self) -> Status {
        let words = &self.0.words;
        let word = |index: u32| words.get_index(index).cast_unsigned();
        let peak = |index: u32| f32::from_bits(Atomics::exchange(words, index, 0).unwrap_or(0).cast_unsigned());
        let mut status = Status::default();
        // Between two equal and even counts nothing was written; a few tries are plenty against a writer of nanoseconds.
        for _ in 0..8 {
            let before = Atomics::load(words, 0).unwrap_or(0);
            #[expect(clippy::cast_possible_truncation, reason = "a position in frames")]
            let position_frames = self.0.position.get_index(0) as i64;
            let (playing, serial, underruns) = (word(1) == 1, word(4), word(7));
            let (starved_blocks, gaps) = (word(6), word(14));
            status = Status { playing, position_frames, serial, underruns, starved_blocks, gaps, ..status };
            if before % 2 == 0 && Atomics::load(words, 0) == Ok(before) {
                break;
            }
        }
        status.master = [peak(12), peak(13)];
        status.tracks =
            (0..word(11).min(METERS_MAX)).map(|track| [peak(16 + 2 * track), peak(17 + 2 * track)]).collect();
        status
    }

    /// Lets the device run: a browser stops it until there was a gesture, or while the machine slept.
    pub(super) async fn resume(&self) {
        if self.0.context.state() != AudioContextState::Running {
            if let Ok(promise) = self.0.context.resume() {
                // Refused without a gesture, or not answered as long as something else has the device (a call); the next press of Play asks again.
                let _ = JsFuture::from(promise).await;
            }
            self.send("resync", []);
        }
    }

    pub(super) fn play(&self) {
        self.send("play", []);
    }

    pub(super) fn stop(&self) {
        self.send("stop", []);
    }

    #[expect(clippy::cast_precision_loss, reason = "ticks stay below 2^53")]
    pub(super) fn seek(&self, to: Ticks) {
        self.send("seek", [("ticks", JsValue::from_f64(to.0 as f64))]);
    }

    #[expect(clippy::cast_precision_loss, reason = "ticks stay below 2^53")]
    pub(super) fn set_loop(&self, region: Option<(Ticks, Ticks)>) {
        match region {
            Some((start, end)) => {
                self.send(
                    "loop",
                    [("start", JsValue::from_f64(start.0 as f64)), ("end", JsValue::from_f64(end.0 as f64))],
                );
            }
            None => self.send("loop", []),
        }
    }

    pub(super) fn metronome(&self, on: bool) {
        self.send("metronome", [("on", JsValue::from_bool(on))]);
    }

    /// Sends a plan, and which of its devices is listened to from then on.
    pub(super) fn plan(&self, serial: u32, bytes: &[u8], listens_to: Option<usize>) {
        let data = buffer(bytes);
        let fields = [("serial", serial.into()), ("data", data.clone().into()), ("device", device(listens_to))];
        self.transfer("plan", fields, &data);
    }

    /// Announces a recording.
    pub(super) fn source(&self, id: u32, channels: u16, frames: u64, is_i16: bool) {
        let format = if is_i16 { "i16" } else { "f32" };
        #[expect(clippy::cast_precision_loss, reason = "frames of a file")]
        let frames = frames as f64;
        self.send(
            "source",
            [("id", id.into()), ("channels", channels.into()), ("frames", frames.into()), ("format", format.into())],
        );
    }

    /// Sends a chunk of a recording, when the audio thread has room for it.
    pub(super) async fn chunk(&self, id: u32, index: u32, bytes: &[u8]) {
        while self.0.unanswered.get() >= CHUNKS_ON_THE_WAY && !self.has_ended() {
            clock::sleep(Duration::from_millis(2)).await;
        }
        self.0.unanswered.set(self.0.unanswered.get() + 1);
        let data = buffer(bytes);
        self.transfer("chunk", [("id", id.into()), ("index", index.into()), ("data", data.clone().into())], &data);
    }

    /// Whether it has been ended.
    pub(super) fn has_ended(&self) -> bool {
        self.0.context.state() == AudioContextState::Closed
    }

    /// Ends it.
    pub(super) fn end(&self) {
        let _ = self.0.node.disconnect();
        if let Ok(port) = self.0.node.port() {
            port.set_onmessage(None);
        }
        // Closing what is closed already is no fault.
        let _ = self.0.context.close();
    }

    /// Sends a message.
    pub(super) fn send<const N: usize>(&self, kind: &str, fields: [(&str, JsValue); N]) {
        if let Ok(port) = self.0.node.port() {
            let _ = port.post_message(&message(kind, fields));
        }
    }

    fn transfer<const N: usize>(&self, kind: &str, fields: [(&str, JsValue); N], data: &js_sys::ArrayBuffer) {
        if let Ok(port) = self.0.node.port() {
            let _ = port.post_message_with_transferable(&message(kind, fields), &Array::of1(data));
        }
    }
}

/// A message of this type.
pub(super) fn message<const N: usize>(kind: &str, fields: [(&str, JsValue); N]) -> JsValue {
    let message = Object::new();
    // A plain object takes any field.
    let _ = Reflect::set(&message, &"type".into(), &kind.into());
    for (name, value) in fields {
        let _ = Reflect::set(&message, &name.into(), &value);
    }
    message.into()
}

/// A device's number in a plan, as the audio thread takes it.
pub(super) fn device(number: Option<usize>) -> JsValue {
    number.and_then(|number| i32::try_from(number).ok()).unwrap_or(-1).into()
}

/// A copy of bytes that can be handed over.
pub(super) fn buffer(bytes: &[u8]) -> js_sys::ArrayBuffer {
    Uint8Array::from(bytes).buffer()
}

fn node(context: &AudioContext, module: &JsValue, status: &SharedArrayBuffer) -> Result<AudioWorkletNode, String> {
    let processor = Object::new();
    let _ = Reflect::set(&processor, &"module".into(), module);
    let _ = Reflect::set(&processor, &"status".into(), status);
    let options = AudioWorkletNodeOptions::new();
    options.set_number_of_inputs(0);
    options.set_number_of_outputs(1);
    options.set_output_channel_count(&Array::of1(&2.into()));
    options.set_processor_options(Some(&processor));
    AudioWorkletNode::new_with_options(context, "unisono", &options).map_err(said)
}

async fn compile(url: &str) -> Result<JsValue, String> {
    let response = api::open(url).await.map_err(|failure| failure.message)?;
    let bytes = JsFuture::from(response.array_buffer().map_err(said)?).await.map_err(said)?;
    JsFuture::from(js_sys::WebAssembly::compile(&bytes)).await.map_err(said)
}

/// What a browser says of an error.
pub(super) fn said(error: JsValue) -> String {
    match error.dyn_into::<js_sys::Error>() {
        Ok(error) => String::from(error.message()),
        Err(_) => "The browser refused without a reason.".to_owned(),
    }
}
