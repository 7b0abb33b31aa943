//! The C functions that `exporter.js` calls. There is one export in a WASM instance, and one thread.
//!
//! Those that may fail give a status: 0, `result` is the reason in words; 1, `result` is the answer as JSON.

use core::cell::UnsafeCell;
use std::io;

use serde::Serialize;

use crate::{Disk, ORDER_BYTES_MAX, Place, RECORDS_BYTES_MAX, Work};

/// What a file's function gives when the server would have to be asked and cannot be reached; when there is no room. Anything else below 0:
/// it cannot be done.
const AWAY: i32 = -2;
const NO_ROOM: i32 = -3;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    /// Bytes of a file; negative when there is no such file.
    fn size(file: u32) -> f64;
    /// Copies up to `length` bytes of a file from `offset` on to `to` and gives how many there were; negative when it cannot be read.
    fn read(file: u32, offset: f64, to: *mut u8, length: u32) -> i32;
    /// Writes `length` bytes from `from` on into a file at `offset`; negative when that cannot be done.
    fn write(file: u32, offset: f64, from: *const u8, length: u32) -> i32;
    /// Empties a file; negative when that cannot be done.
    fn clear(file: u32) -> i32;
    /// How far the work is, from 0 to 1.
    fn progress(done: f64);
}

/// What `exporter.js` has opened.
#[derive(Clone, Copy, Debug)]
struct Worker;

/// Why it cannot be done, where nothing more is known.
const NOT_READ: &str = "its bytes cannot be read any more; the server can make the file";
const NOT_WRITTEN: &str = "the browser does not take the file; the server can make it";

/// How many bytes, or why it could not be done; `broken` where nothing more is known.
fn outcome(answer: i32, broken: &'static str) -> io::Result<usize> {
    usize::try_from(answer).map_err(|_| match answer {
        NO_ROOM => io::Error::other("this device has no room left"),
        AWAY => io::Error::other("it is not on this device, and the server cannot be reached"),
        _ => io::Error::other(broken),
    })
}

impl Disk for Worker {
    fn size(&self, place: Place) -> Option<u64> {
        // SAFETY: it takes and gives numbers.
        let bytes = unsafe { size(place.number()) };
        (bytes >= 0.0).then_some(bytes as u64)
    }

    fn read(&self, place: Place, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        // SAFETY: `read` writes at most `length` bytes from `to` on, which are the buffer.
        outcome(unsafe { read(place.number(), offset as f64, buffer.as_mut_ptr(), buffer.len() as u32) }, NOT_READ)
    }

    fn write(&self, place: Place, offset: u64, bytes: &[u8]) -> io::Result<()> {
        // SAFETY: `write` reads `length` bytes from `from` on, which are these.
        outcome(unsafe { write(place.number(), offset as f64, bytes.as_ptr(), bytes.len() as u32) }, NOT_WRITTEN)
            .map(drop)
    }

    fn clear(&self, place: Place) -> io::Result<()> {
        // SAFETY: it takes and gives numbers.
        outcome(unsafe { clear(place.number()) }, NOT_WRITTEN).map(drop)
    }

    fn progress(&self, done: f32) {
        // SAFETY: it takes a number.
        unsafe { progress(f64::from(done)) };
    }
}

#[derive(Default)]
struct Export {
    order: Vec<u8>,
    records: Vec<u8>,
    work: Option<Work>,
    result: Vec<u8>,
}

struct Instance(UnsafeCell<Option<Export>>);

// SAFETY: an instance of this module has one thread: it is built without WASM threads and its memory is not shared.
unsafe impl Sync for Instance {}

static INSTANCE: Instance = Instance(UnsafeCell::new(None));

/// Runs `f` on the instance. `f` never calls an export, so no reference lives twice.
fn with<T>(f: impl FnOnce(&mut Export) -> T) -> T {
    // SAFETY: there is one thread (see above); no import calls an export, nor does any export another, so this is the only reference
    // while it lives.
    let instance = unsafe { &mut *INSTANCE.0.get() };
    f(instance.get_or_insert_default())
}

/// Keeps an answer or a reason for `result`, and gives the status.
fn answer<T: Serialize>(result: &mut Vec<u8>, answer: Result<T, String>) -> u32 {
    let json = answer.and_then(|answer| serde_json::to_vec(&answer).map_err(|error| error.to_string()));
    let status = u32::from(json.is_ok());
    *result = json.unwrap_or_else(String::into_bytes);
    status
}

/// Room for bytes; null when they are too many, or more than this device has memory for.
fn room(bytes: &mut Vec<u8>, wanted: u32, most: usize) -> *mut u8 {
    if wanted as usize > most {
        return core::ptr::null_mut();
    }
    *bytes = Vec::new();
    if bytes.try_reserve_exact(wanted as usize).is_err() {
        return core::ptr::null_mut();
    }
    bytes.resize(wanted as usize, 0);
    bytes.as_mut_ptr()
}

/// Room for the order, JSON of so many bytes; null when they are too many.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn order(bytes: u32) -> *mut u8 {
    with(|export| room(&mut export.order, bytes, ORDER_BYTES_MAX))
}

/// Room for the records, postcard of so many bytes; null when they are too many.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn records(bytes: u32) -> *mut u8 {
    with(|export| room(&mut export.records, bytes, RECORDS_BYTES_MAX))
}

/// Reads both: status; the answer is the list of the recordings that have to be open.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn prepare() -> u32 {
    with(|export| {
        let Export { order, records, work, result } = export;
        let prepared = Work::new(order, records);
        *records = Vec::new();
        answer(result, prepared.map(|prepared| work.insert(prepared).recordings()))
    })
}

/// The SHA-256 of a recording's bytes, by the engine's number: status; the answer is hexadecimal.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn hash(source: u32) -> u32 {
    with(|export| {
        let hash = crate::hash(&Worker, Place::Recording(source)).map_err(|error| error.to_string());
        answer(&mut export.result, hash)
    })
}

/// Makes the file: status; the answer says what it is.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn run() -> u32 {
    with(|export| {
        let done = export.work.as_ref().map_or(Err("nothing was prepared".to_owned()), |work| work.run(&Worker));
        answer(&mut export.result, done)
    })
}

/// Where the last call's result begins.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn result() -> *const u8 {
    with(|export| export.result.as_ptr())
}

/// How many bytes it has.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn result_bytes() -> u32 {
    with(|export| export.result.len() as u32)
}
