//! A file's parts, scanned side by side and put together again.

use crate::Result;
use crate::peaks::extent::Value;
use crate::peaks::waveform::WaveformPixels;

/// What a thread made of its part of the sound.
pub(super) struct Part<V> {
    /// Position of its first frame, as known before it was decoded.
    pub(super) start: u64,
    /// Frames that it turned out to have.
    pub(super) frames: u64,
    pub(super) pixels: WaveformPixels<V>,
}

/// Does `work` for each of `parts`, all but the first on threads of their own.
pub(super) fn side_by_side<P: Send, T: Send>(parts: Vec<P>, work: impl Fn(P) -> T + Sync) -> Vec<T> {
    let work = &work;
    std::thread::scope(|scope| {
        let mut parts = parts.into_iter();
        let first = parts.next();
        let others: Vec<_> = parts.map(|part| scope.spawn(move || work(part))).collect();
        let first = first.map(work);
        let others = others.into_iter().map(|thread| match thread.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        first.into_iter().chain(others).collect()
    })
}

/// Puts parts together; `None` when one does not end where the next begins, as happens with damaged files.
pub(super) fn join<V: Value>(parts: Vec<Part<V>>) -> Result<Option<Vec<[i16; 2]>>> {
    let line_up = parts.windows(2).all(|pair| pair[0].start + pair[0].frames == pair[1].start);
    if !line_up || parts.first().is_none_or(|first| first.start != 0) {
        return Ok(None);
    }
    let mut pixels = parts.into_iter().map(|part| part.pixels);
    let Some(mut all) = pixels.next() else { return Ok(None) };
    for next in pixels {
        all.append(next)?;
    }
    all.finish().map(Some)
}
