//! A file in the hands of a worker that hashes, checks and decodes it: the crate `intake`.

use std::cell::RefCell;
use std::time::Duration;

use js_sys::{Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, MessageEvent, Worker};

use super::{assets, clock};

/// By then an opened project is on the screen, and most of what follows the first picture is done.
const AFTER_OPENING: Duration = Duration::from_secs(2);

const NO_WORKER: &str = "What looks at files could not be loaded. Try again when there is a network.";

thread_local! {
    /// A worker that waits for the next file: its code is here also when the network is gone by then.
    static SPARE: RefCell<Option<Worker>> = const { RefCell::new(None) };
}

/// Some time after opening a project, in a quiet moment, makes ready for the first file: a worker takes a third of a second of
/// one core to start.
pub(super) fn soon() {
    clock::after(AFTER_OPENING, || {
        clock::when_quiet(|| {
            let missing = SPARE.with_borrow(Option::is_none);
            if missing && let Ok(worker) = new_worker() {
                SPARE.set(Some(worker));
            }
        });
    });
}

fn new_worker() -> Result<Worker, String> {
    Worker::new(&assets::address("intake.js")?).map_err(|_| NO_WORKER.to_owned())
}

/// A file and the worker that has it. The worker ends with it.
pub(crate) struct Intake {
    worker: Worker,
    /// Until it has been given.
    file: Option<Blob>,
}

/// What a file says of itself.
pub(crate) struct Look {
    /// Its SHA-256, as lower-case hexadecimal.
    pub(crate) hash: String,
    /// Its length, where its header tells.
    pub(crate) seconds: Option<f64>,
}

impl Intake {
    /// Gives a file to a worker.
    pub(crate) fn of(file: &Blob) -> Result<Intake, String> {
        let spare = SPARE.take();
        let worker = spare.map_or_else(new_worker, Ok)?;
        soon();
        Ok(Intake { worker, file: Some(file.clone()) })
    }

    /// Hashes the file and reads its header.
    pub(crate) async fn look(&mut self) -> Result<Look, String> {
        let answer = self.call("look").await?.unwrap_or_default();
        let (hash, seconds) = answer.split_first_chunk::<32>().ok_or(NO_WORKER)?;
        let seconds = <[u8; 8]>::try_from(seconds).map_or(f64::NAN, f64::from_le_bytes);
        let hash = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Look { hash, seconds: Some(seconds).filter(|seconds| !seconds.is_nan()) })
    }

    /// Decodes the file for its waveform: a pyramid's bytes.
    pub(crate) async fn waveform(&mut self) -> Result<Vec<u8>, String> {
        self.call("waveform").await.map(Option::unwrap_or_default)
    }

    /// Begins to give its samples.
    pub(crate) async fn samples(&mut self) -> Result<(), String> {
        self.call("samples").await.map(|_| ())
    }

    /// The next chunk of its samples, as the audio thread takes it: planar floats. None after the last.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Vec<u8>>, String> {
        self.call("chunk").await
    }

    /// One question and its answer; one at a time, which `&mut` sees to.
    async fn call(&mut self, call: &str) -> Result<Option<Vec<u8>>, String> {
        let message = Object::new();
        let _ = Reflect::set(&message, &"call".into(), &call.into());
        if let Some(file) = self.file.take() {
            let _ = Reflect::set(&message, &"file".into(), &file);
        }
        let answer = Promise::new(&mut |resolve, reject| {
            self.worker.set_onmessage(Some(&resolve));
            self.worker.set_onerror(Some(&reject));
            if self.worker.post_message(&message).is_err() {
                let _ = reject.call0(&JsValue::UNDEFINED);
            }
        });
        let answer: MessageEvent = JsFuture::from(answer).await.map_err(|_| NO_WORKER)?.unchecked_into();
        let field = |name: &str| Reflect::get(&answer.data(), &name.into()).unwrap_or_default();
        let result = Uint8Array::new(&field("result")).to_vec();
        match field("status").as_f64() {
            Some(1.0) => Ok(Some(result)),
            Some(2.0) => Ok(None),
            _ => Err(String::from_utf8_lossy(&result).into_owned()),
        }
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.worker.terminate();
    }
}
