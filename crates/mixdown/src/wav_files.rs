//! Recordings as the engine reads them: WAV files from wherever they lie, a few open at a time.

use std::io::{Read, Seek};
use std::ops::Range;

use engine::reader::Inside;
use media::wav::Reader as WavReader;

use crate::{Recordings, Unreadable};

/// WAV files open at the same time; each has a window of 64 KiB. Of more recordings than that each reading opens a file anew: that is slow, but no more memory.
pub const OPEN_MAX: usize = 512;

/// Where recordings lie, by the engine's numbers.
pub trait Shelf {
    /// A file that can be read from anywhere.
    type File: Read + Seek;

    /// Opens a recording.
    ///
    /// # Errors
    /// When there is none of this number, or it cannot be read.
    fn open(&mut self, source: u32) -> std::io::Result<Self::File>;

    /// What it is called where something is wrong with it.
    fn name(&self, source: u32) -> String;
}

/// Reads recordings for the engine, in memory that does not grow with their number or length.
pub struct WavFiles<S: Shelf> {
    shelf: S,
    /// By the engine's number; at most [`OPEN_MAX`] are open.
    open: Vec<Option<Open<S::File>>>,
    open_count: usize,
    turn: u64,
    failed: Option<Unreadable>,
    spare: Vec<Vec<f32>>,
}

struct Open<F> {
    reader: WavReader<F>,
    used: u64,
}

impl<S: Shelf> WavFiles<S> {
    /// Nothing is open yet of `count` recordings.
    pub fn new(shelf: S, count: usize) -> WavFiles<S> {
        let open = (0..count).map(|_| None).collect();
        WavFiles { shelf, open, open_count: 0, turn: 0, failed: None, spare: Vec::new() }
    }

    /// Opens a recording unless it is open; the one that was not read for the longest is closed when there are too many.
    fn open(&mut self, source: u32) -> Result<(), Unreadable> {
        if self.open.get(source as usize).is_some_and(Option::is_some) {
            return Ok(());
        }
        if self.open_count >= OPEN_MAX
            && let Some(oldest) = self.open.iter_mut().filter(|open| open.is_some()).min_by_key(|open| used(open))
        {
            *oldest = None;
            self.open_count -= 1;
        }
        let file = self.shelf.open(source).map_err(media::Error::from);
        let reader = file.and_then(WavReader::new);
        let reader = reader.map_err(|error| Unreadable::of(&self.shelf.name(source), &error))?;
        if let Some(place) = self.open.get_mut(source as usize) {
            *place = Some(Open { reader, used: 0 });
            self.open_count += 1;
        }
        Ok(())
    }

    fn fill(&mut self, source: u32, start: i64, left: &mut [f32], right: &mut [f32]) -> Result<(), Unreadable> {
        self.open(source)?;
        self.turn += 1;
        let broken = |reason: &str| Unreadable::broken(&self.shelf.name(source), reason);
        let open = self.open.get_mut(source as usize).and_then(Option::as_mut);
        let Open { reader, used } = open.ok_or_else(|| broken("it is not among the project's recordings"))?;
        *used = self.turn;
        let frames = usize::try_from(reader.header().frames()).unwrap_or(usize::MAX);
        let Inside { before, from, length } = Inside::of(start, left.len(), frames);
        let inside = before..before + length;
        silence(left, &inside);
        silence(right, &inside);
        let from = from as u64;
        let read = match (reader.header().channels, right.is_empty()) {
            (1, _) => reader.read_frames(from, &mut [&mut left[inside.clone()]]),
            (2, false) => reader.read_frames(from, &mut [&mut left[inside.clone()], &mut right[inside.clone()]]),
            _ => read_many(reader, from, &mut self.spare, &mut left[inside.clone()], right.get_mut(inside.clone())),
        };
        if read.map_err(|error| Unreadable::of(&self.shelf.name(source), &error))? < length {
            return Err(broken("the file ends too early"));
        }
        if reader.header().channels == 1 && !right.is_empty() {
            right[inside.clone()].copy_from_slice(&left[inside]);
        }
        Ok(())
    }
}

fn used<F>(open: &Option<Open<F>>) -> u64 {
    open.as_ref().map_or(0, |open| open.used)
}

/// Reads a file of more channels than are wanted: they lie between each other, so all are read.
fn read_many<F: Read + Seek>(
    reader: &mut WavReader<F>,
    from: u64,
    spare: &mut Vec<Vec<f32>>,
    left: &mut [f32],
    right: Option<&mut [f32]>,
) -> media::Result<usize> {
    let channels = usize::from(reader.header().channels);
    spare.resize(channels, Vec::new());
    spare.iter_mut().for_each(|plane| plane.resize(left.len(), 0.0));
    let mut planes: Vec<&mut [f32]> = spare.iter_mut().map(Vec::as_mut_slice).collect();
    if let Some(first) = planes.first_mut() {
        *first = left;
    }
    if let (Some(second), Some(right)) = (planes.get_mut(1), right) {
        *second = right;
    }
    reader.read_frames(from, &mut planes)
}

/// Silences what lies outside of `inside`.
fn silence(plane: &mut [f32], inside: &Range<usize>) {
    if !plane.is_empty() {
        plane[..inside.start].fill(0.0);
        plane[inside.end..].fill(0.0);
    }
}

impl<S: Shelf> Recordings for WavFiles<S> {
    fn check(&mut self) -> Result<(), Unreadable> {
        self.failed.take().map_or(Ok(()), Err)
    }
}

impl<S: Shelf> engine::Reader for WavFiles<S> {
    fn read(&mut self, source: u32, start_frame: i64, left: &mut [f32], right: &mut [f32]) {
        if let Err(failure) = self.fill(source, start_frame, left, right) {
            left.fill(0.0);
            right.fill(0.0);
            self.failed.get_or_insert(failure);
        }
    }

    fn always_finite(&self, source: u32) -> bool {
        let open = self.open.get(source as usize).and_then(Option::as_ref);
        open.is_some_and(|open| !open.reader.header().sample_format.is_float())
    }
}
