//! The C functions that `worklet.js` calls. There is one audio thread in a WASM instance, and it is the only thread.
//!
//! Numbers out of range give 0 or a null pointer; nothing here panics. Should something trap all the same, `worklet.js` catches
//! it, plays silence and says so.

use core::cell::UnsafeCell;
use core::ptr;

use engine::stream::{Chunk, Stream};

use crate::{AudioThread, ChunkMut, Format, Meters, Status, TakeError};

struct Instance(UnsafeCell<Option<AudioThread>>);

// SAFETY: an instance of this module has one thread: it is built without WASM threads and its memory is not shared.
unsafe impl Sync for Instance {}

static INSTANCE: Instance = Instance(UnsafeCell::new(None));

/// Runs `f` on the instance, if `init` has been called. `f` never calls an export, so no reference lives twice.
fn with<T>(absent: T, f: impl FnOnce(&mut AudioThread) -> T) -> T {
    // SAFETY: there is one thread (see above), exports are only called from JavaScript and none calls another, so this is the
    // only reference while it lives.
    let instance = unsafe { &mut *INSTANCE.0.get() };
    instance.as_mut().map_or(absent, f)
}

/// Begins: 1, or 0 when a number is out of range. `capacity` is the longest block in frames.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn init(sample_rate: u32, capacity: u32) -> u32 {
    let made = AudioThread::new(sample_rate, capacity as usize).ok();
    let good = u32::from(made.is_some());
    // SAFETY: as in `with`; no other reference lives.
    unsafe { *INSTANCE.0.get() = made };
    good
}

/// The left channel's output, `capacity` floats.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn output_left() -> *const f32 {
    with(ptr::null(), |thread| thread.output()[0].as_ptr())
}

/// The right channel's output, `capacity` floats.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn output_right() -> *const f32 {
    with(ptr::null(), |thread| thread.output()[1].as_ptr())
}

/// The status (see [`Status`]).
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn status() -> *const Status {
    with(ptr::null(), |thread| ptr::from_ref(thread.status()))
}

/// Measures more finely from now on, and gives the meters (see [`Meters`]), which stay where they are.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn measure() -> *const Meters {
    with(ptr::null(), |thread| {
        thread.measure();
        thread.meters().map_or(ptr::null(), ptr::from_ref)
    })
}

/// Measures no more, until `measure` is called again.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn measure_no_more() {
    with((), AudioThread::measure_no_more);
}

/// Integrated loudness and its range begin anew.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn measure_anew() {
    with((), AudioThread::measure_anew);
}

/// Listens behind a device of the plan that was taken last for its spectrum, as soon as that is in force; a number below 0 is nowhere.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn listen(device: i32) {
    with((), |thread| thread.listen(usize::try_from(device).ok()));
}

fn format_of(number: u32) -> Option<Format> {
    match number {
        0 => Some(Format::I16),
        1 => Some(Format::F32),
        _ => None,
    }
}

/// Announces a recording: 1, or 0 when refused. `format` 0 is 16-bit interleaved, 1 is float planar.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn source_begin(id: u32, channels: u32, frames: f64, format: u32) -> u32 {
    let Some(format) = format_of(format).filter(|_| (0.0..=1e15).contains(&frames)) else { return 0 };
    with(0, |thread| u32::from(thread.sources.begin(id, channels, frames as u64, format).is_ok()))
}

/// Where a chunk's bytes go, or null when there is no such chunk.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn source_chunk(id: u32, index: u32) -> *mut u8 {
    with(ptr::null_mut(), |thread| match thread.sources.chunk(id, index) {
        Some(ChunkMut::I16(samples)) => samples.as_mut_ptr().cast(),
        Some(ChunkMut::F32(samples)) => samples.as_mut_ptr().cast(),
        None => ptr::null_mut(),
    })
}

/// How many bytes a chunk has; 0 when there is no such chunk.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn source_chunk_bytes(id: u32, index: u32) -> u32 {
    with(0, |thread| match thread.sources.chunk(id, index) {
        Some(ChunkMut::I16(samples)) => size_of_val(samples) as u32,
        Some(ChunkMut::F32(samples)) => size_of_val(samples) as u32,
        None => 0,
    })
}

/// Forgets a recording.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn source_drop(id: u32) {
    with((), |thread| thread.sources.drop_source(id));
}

/// Makes more slots for what is read ahead, some of them, and says how many there are.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn pool_grow(slots: u32) -> u32 {
    with(0, |thread| thread.sources.pool.grow(slots as usize) as u32)
}

/// Announces a recording that is read ahead: 1, or 0 when refused. `finite` 1: it can hold nothing but finite numbers.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn stream_begin(id: u32, channels: u32, frames: f64, format: u32, finite: u32) -> u32 {
    let format = format_of(format).filter(|_| (0.0..=1e15).contains(&frames));
    let Some(stream) = format.and_then(|format| Stream::new(channels, frames as u64, format)) else { return 0 };
    with(0, |thread| u32::from(thread.sources.stream(id, stream, finite == 1).is_ok()))
}

/// Where the bytes of a slot go, or null when there is no such slot. Allocates nothing.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn slot_fill(slot: u32) -> *mut u8 {
    with(ptr::null_mut(), |thread| {
        thread.sources.pool.fill(slot).map_or(ptr::null_mut(), |words| words.as_mut_ptr().cast())
    })
}

/// Says what has been put into a slot: 1, or 0 when there is no such chunk. Allocates nothing.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn slot_filled(slot: u32, source: u32, index: u32) -> u32 {
    with(0, |thread| u32::from(thread.sources.pool.filled(slot, Chunk { source, index })))
}

/// A plan of so many bytes will come: 1, or 0 when it is too long or no whole words.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn plan_begin(bytes: u32) -> u32 {
    with(0, |thread| u32::from(bytes.is_multiple_of(4) && thread.begin_plan(bytes as usize / 4)))
}

/// Where the next bytes of the plan that is coming go, or null when it has not as many or they are no whole words.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn plan_piece(bytes: u32) -> *mut u8 {
    if !bytes.is_multiple_of(4) {
        return ptr::null_mut();
    }
    with(ptr::null_mut(), |thread| {
        thread.plan_piece(bytes as usize / 4).map_or(ptr::null_mut(), |words| words.as_mut_ptr().cast())
    })
}

/// Takes the plan that has come: 0, or 1 when it is no plan, 2 when it is for another sample rate.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn plan_commit(serial: u32) -> u32 {
    with(1, |thread| match thread.take_plan(serial) {
        Ok(()) => 0,
        Err(TakeError::Plan(_)) => 1,
        Err(TakeError::SampleRate) => 2,
    })
}

/// Starts.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn play() {
    with((), AudioThread::play);
}

/// Stops.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn stop() {
    with((), AudioThread::stop);
}

/// Goes to a tick; what is no number is tick 0.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn seek(ticks: f64) {
    with((), |thread| thread.seek(ticks as i64));
}

/// Loops a region in ticks; an end that is not after the start loops nothing.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn set_loop(start: f64, end: f64) {
    with((), |thread| thread.set_loop((end > start).then_some((start as i64, end as i64))));
}

/// Switches the metronome.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn metronome(on: u32) {
    with((), |thread| thread.set_metronome(on != 0));
}

/// Plays a block into the output.
// SAFETY: the only function of this name in the module.
#[unsafe(no_mangle)]
pub extern "C" fn process(frames: u32) {
    with((), |thread| {
        thread.process(frames as usize);
    });
}
