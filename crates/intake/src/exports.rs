//! The C functions that `intake.js` calls. There is one intake in a WASM instance, and one thread.
//!
//! Each gives a status: 0, `result` is the reason in words; 1, `result` is the answer; 2, there is no more.

use core::cell::UnsafeCell;
use std::io;

use crate::{Samples, Window, look as look_at, waveform as waveform_of};

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    /// Copies up to `length` bytes of the file from `offset` on to `to` and gives how many there were; negative when it cannot be read.
    fn read(offset: f64, to: *mut u8, length: u32) -> i32;
}

#[derive(Default)]
struct Intake {
    samples: Option<Samples>,
    result: Vec<u8>,
}

struct Instance(UnsafeCell<Option<Intake>>);

// SAFETY: an instance of this module has one thread: it is built without WASM threads and its memory is not shared.
unsafe impl Sync for Instance {}

static INSTANCE: Instance = Instance(UnsafeCell::new(None));

/// Runs `f` on the instance. `f` never calls an export, so no reference lives twice.
fn with<T>(f: impl FnOnce(&mut Intake) -> T) -> T {
    // SAFETY: there is one thread (see above); the import `read` calls no export, nor does any export another, so this is the only
    // reference while it lives.
    let instance = unsafe { &mut *INSTANCE.0.get() };
    f(instance.get_or_insert_default())
}

/// The file that `intake.js` has, of so many bytes.
fn file(size: f64) -> Window<impl FnMut(u64, &mut [u8]) -> io::Result<usize>> {
    Window::new(size as u64, |offset, buffer| {
        // SAFETY: `read` writes at most `length` bytes from `to` on, which are the buffer.
        let filled = unsafe { read(offset as f64, buffer.as_mut_ptr(), buffer.len() as u32) };
        usize::try_from(filled)
            .map_err(|_| io::Error::other("The file could not be read. It may have been moved or changed."))
    })
}

/// Keeps an answer or a reason for `result`, and gives the status.
fn answer(intake: &mut Intake, answer: Result<Option<Vec<u8>>, String>) -> u32 {
    let (status, result) = match answer {
        Ok(Some(bytes)) => (1, bytes),
        Ok(None) => (2, Vec::new()),
        Err(reason) => (0, reason.into_bytes()),
    };
    intake.result = result;
    status
}

/// See README.md.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn look(size: f64) -> u32 {
    with(|intake| answer(intake, look_at(file(size)).map(|look| Some(look.to_bytes()))))
}

/// See README.md.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn waveform(size: f64) -> u32 {
    with(|intake| answer(intake, waveform_of(file(size)).map(Some).map_err(|error| error.to_string())))
}

/// See README.md.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn samples(size: f64) -> u32 {
    with(|intake| {
        let opened = Samples::new(file(size)).map(|samples| intake.samples = Some(samples));
        answer(intake, opened.map(|()| Some(Vec::new())).map_err(|error| error.to_string()))
    })
}

/// See README.md.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn chunk(_size: f64) -> u32 {
    with(|intake| {
        let next = intake.samples.as_mut().map_or(Ok(None), Samples::next_chunk);
        answer(intake, next.map_err(|error| error.to_string()))
    })
}

/// Where the last call's result begins.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn result() -> *const u8 {
    with(|intake| intake.result.as_ptr())
}

/// How many bytes it has.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn result_bytes() -> u32 {
    with(|intake| intake.result.len() as u32)
}
