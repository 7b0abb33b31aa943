//! A file's parts, scanned side by side and put together again.

use std::sync::{Mutex, PoisonError};

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

/// Does `work` for each of `parts` on so many threads, this one among them. Who is done takes the next part: where there are
/// more parts than threads, a thread that the machine holds up does fewer of them.
pub(super) fn side_by_side<P: Send, T: Send>(parts: Vec<P>, threads: usize, work: impl Fn(P) -> T + Sync) -> Vec<T> {
    let threads = threads.min(parts.len());
    let waiting = Mutex::new(parts.into_iter().enumerate());
    let take = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    let share = || std::iter::from_fn(take).map(|(number, part)| (number, work(part))).collect::<Vec<_>>();
    let mut done = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(share)).collect();
        let mut done = share();
        for thread in others {
            match thread.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_parts() {
        for threads in 1..5 {
            for count in [0, 1, 3, 20] {
                let expected: Vec<usize> = (0..count).map(|n| n * n).collect();
                assert_eq!(side_by_side((0..count).collect(), threads, |n: usize| n * n), expected);
            }
        }
    }
}
