//! The C functions that `read_ahead.js` calls. There is one thread in a WASM instance.
//!
//! Numbers out of range give 0, -1 or a null pointer; nothing here panics.

use core::cell::UnsafeCell;
use core::ptr;

use engine::Plan;
use engine::ahead::Run;
use engine::stream::{CHUNK_BYTES, Chunk, Format};

use crate::{INPUT_BYTES_MAX, Reading};

/// As long a plan as the audio thread takes.
const PLAN_BYTES_MAX: usize = 64 << 20;

struct State {
    reading: Reading,
    /// What was read, or a plan, or places.
    input: Vec<u8>,
    /// A decoded chunk.
    chunk: Box<[u8; CHUNK_BYTES]>,
    answer: [f64; 5],
}

struct Instance(UnsafeCell<Option<State>>);

// SAFETY: an instance of this module has one thread: it is built without WASM threads and its memory is not shared.
unsafe impl Sync for Instance {}

static INSTANCE: Instance = Instance(UnsafeCell::new(None));

fn new() -> State {
    State { reading: Reading::new(), input: Vec::new(), chunk: Box::new([0; CHUNK_BYTES]), answer: [0.0; 5] }
}

/// Runs `f` on the instance, which is made when it is first used. `f` never calls an export, so no reference lives twice.
fn with<T>(f: impl FnOnce(&mut State) -> T) -> T {
    // SAFETY: there is one thread (see above), exports are only called from JavaScript and none calls another, so this is the
    // only reference while it lives.
    let instance = unsafe { &mut *INSTANCE.0.get() };
    f(instance.get_or_insert_with(new))
}

/// Room for bytes that were read; null when they are too many. It moves when it grows.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn input(bytes: u32) -> *mut u8 {
    with(|state| {
        if bytes as usize > INPUT_BYTES_MAX.max(PLAN_BYTES_MAX) {
            return ptr::null_mut();
        }
        if state.input.len() < bytes as usize {
            state.input.resize(bytes as usize, 0);
        }
        state.input.as_mut_ptr()
    })
}

/// The decoded chunk, 65,536 bytes.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn chunk() -> *const u8 {
    with(|state| state.chunk.as_ptr())
}

/// What [`open`] and [`next`] say besides their result, five numbers.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn answer() -> *const f64 {
    with(|state| state.answer.as_ptr())
}

/// Takes the plan that lies in the input: 1, or 0 when it is none.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn set_plan(bytes: u32) -> u32 {
    with(|state| {
        let plan = state.input.get(..bytes as usize).and_then(|bytes| Plan::from_bytes(bytes).ok());
        let good = u32::from(plan.is_some());
        plan.into_iter().for_each(|plan| state.reading.ahead.set_plan(plan));
        good
    })
}

/// The audio thread has so many slots.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn grow(slots: u32) {
    with(|state| state.reading.ahead.grow(slots as usize));
}

/// How many slots the audio thread should have.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn slots_wanted() -> u32 {
    with(|state| state.reading.ahead.slots_wanted() as u32)
}

/// Opens a recording's file of `file_bytes`, of which the first `bytes` lie in the input: 1 and channels, frames, format (0: 16 bits, 1:
/// floats) and whether all samples are finite; or 0.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn open(id: u32, bytes: u32, file_bytes: f64) -> u32 {
    with(|state| {
        let Some(first) = state.input.get(..bytes as usize) else { return 0 };
        let Ok(opened) = state.reading.open(id, first, file_bytes as u64) else { return 0 };
        let format = if opened.stream.format == Format::I16 { 0.0 } else { 1.0 };
        let (channels, frames) = (f64::from(opened.stream.channels), opened.stream.frames as f64);
        state.answer = [channels, frames, format, f64::from(u8::from(opened.finite)), 0.0];
        1
    })
}

/// Reads a recording from now on; `near` 1: it is on this device.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn begin(id: u32, near: u32) {
    with(|state| state.reading.begin(id, near != 0));
}

/// A recording has come to this device (1), or has gone from it (0).
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn set_near(id: u32, near: u32) {
    with(|state| state.reading.ahead.set_near(id, near != 0));
}

/// A recording cannot be read for now (1), or can again (0).
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn pause(id: u32, paused: u32) {
    with(|state| state.reading.ahead.pause(id, paused != 0));
}

/// Forgets a recording.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn end(id: u32) {
    with(|state| state.reading.end(id));
}

/// Loops a region in ticks; an end that is not after the start loops nothing.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn set_loop(start: f64, end: f64) {
    with(|state| state.reading.ahead.set_loop((end > start).then_some((start as i64, end as i64))));
}

/// Playing will jump to a tick; what is no number is none.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn aim(ticks: f64) {
    with(|state| state.reading.ahead.aim((!ticks.is_nan()).then_some(ticks as i64)));
}

/// Keeps so many places ready, whose ticks lie in the input as floats of 64 bits.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn keep(count: u32) {
    with(|state| {
        let (places, _) = state.input.as_chunks::<8>();
        let ticks = |bytes: &[u8; 8]| f64::from_le_bytes(*bytes) as i64;
        let places: Vec<i64> = places.iter().take(count as usize).map(ticks).collect();
        state.reading.ahead.keep(&places);
    });
}

/// Looks at what is wanted, with playing at a frame.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn look(position: f64) {
    with(|state| state.reading.ahead.look(position as i64));
}

/// What to read next of what is near (1) or far (0), at most `most` chunks: 1 and the recording, the first chunk, how many, offset and number
/// of their bytes in the file; or 0.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn next(near: u32, most: u32) -> u32 {
    with(|state| {
        let Some((run, offset, bytes)) = state.reading.next(near != 0, most) else { return 0 };
        let first = (f64::from(run.first.source), f64::from(run.first.index));
        state.answer = [first.0, first.1, f64::from(run.count), offset as f64, bytes as f64];
        1
    })
}

/// A chunk has been read: its slot, or -1 when it is not wanted any more.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn arrived(source: u32, index: u32) -> i32 {
    with(|state| state.reading.ahead.arrived(Chunk { source, index }).map_or(-1, u32::cast_signed))
}

/// A chunk could not be read.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn failed(source: u32, index: u32) {
    with(|state| state.reading.ahead.failed(Chunk { source, index }));
}

/// Decodes the `nth` chunk of the run that begins with chunk `index`, and whose bytes lie in the input: 1, or 0 when they are too few.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn decode(source: u32, index: u32, nth: u32, bytes: u32) -> u32 {
    with(|state| {
        let run = Run { first: Chunk { source, index }, count: nth + 1 };
        let Some(input) = state.input.get(..bytes as usize) else { return 0 };
        u32::from(state.reading.decode(&run, nth, input, &mut state.chunk))
    })
}

/// Whether all that sounds from a tick on is here, when the audio thread has taken so many chunks.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn is_ready(ticks: f64, taken: u32) -> u32 {
    with(|state| u32::from(state.reading.ahead.is_ready(ticks as i64, taken)))
}

/// Whether what plays at a frame can go on for the next moment (1), when the audio thread has taken so many chunks.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn lasts(position: f64, taken: u32) -> u32 {
    with(|state| u32::from(state.reading.ahead.lasts(position as i64, taken)))
}

/// Whether any of so many chunks of a recording, from this one on, is still wanted (1).
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn wants(source: u32, index: u32, count: u32) -> u32 {
    with(|state| u32::from(state.reading.ahead.wants(Run { first: Chunk { source, index }, count })))
}
