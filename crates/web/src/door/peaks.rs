//! Waveforms of recordings: the overview that came with the record at once, the pyramid as soon as it is here.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use media::peaks::Pyramid;
use model::{AudioFile, AudioFileState, Id, Record, Table};

use super::audio_cache::AudioCache;
use super::{Door, api, clock};

/// From a failure to bring a pyramid to the next try, at the earliest.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// What can be drawn of a recording.
#[derive(Clone)]
pub(crate) struct Shape(Rc<ShapeKind>);

enum ShapeKind {
    Pyramid(Pyramid<Vec<u8>>),
    Overview { values: Vec<f32>, seconds: f64 },
}

/// How much sound a shape is of.
pub(super) struct Extent {
    /// Hz.
    pub(super) sample_rate: u32,
    pub(super) channels: u16,
    pub(super) frames: u64,
}

impl Shape {
    /// A pyramid's bytes as a shape; none when they are damaged.
    pub(crate) fn of_pyramid(bytes: Vec<u8>) -> Option<Shape> {
        Pyramid::parse(bytes).ok().map(|pyramid| Shape(Rc::new(ShapeKind::Pyramid(pyramid))))
    }

    fn of_overview(record: &Record) -> Option<Shape> {
        let seconds = record.number("durationSeconds").filter(|seconds| *seconds > 0.0)?;
        #[expect(clippy::cast_possible_truncation, reason = "a waveform needs no more")]
        let values: Vec<f32> =
            record.get("peaksData").as_list()?.iter().filter_map(|v| v.as_number()).map(|v| v as f32).collect();
        (values.len() >= 2).then(|| Shape(Rc::new(ShapeKind::Overview { values, seconds })))
    }

    /// Minimum and maximum of each column, `seconds_per_column` wide, from `start` seconds of the recording on.
    pub(crate) fn columns(&self, start: f64, seconds_per_column: f64, out: &mut [(f32, f32)]) {
        match &*self.0 {
            ShapeKind::Pyramid(pyramid) => {
                let rate = f64::from(pyramid.sample_rate());
                pyramid.draw(start * rate, seconds_per_column * rate, out);
            }
            ShapeKind::Overview { values, seconds } => {
                overview_columns(values, *seconds, start, seconds_per_column, out);
            }
        }
    }

    /// How much sound it is of, as far as it knows.
    pub(super) fn extent(&self) -> Option<Extent> {
        let ShapeKind::Pyramid(pyramid) = &*self.0 else { return None };
        let (sample_rate, channels, frames) = (pyramid.sample_rate(), pyramid.channels(), pyramid.frames());
        Some(Extent { sample_rate, channels, frames })
    }

    fn is_fine(&self) -> bool {
        matches!(&*self.0, ShapeKind::Pyramid(_))
    }
}

/// Columns of an overview: interleaved minima and maxima over the whole recording.
fn overview_columns(values: &[f32], seconds: f64, start: f64, step: f64, out: &mut [(f32, f32)]) {
    let pairs = values.len() / 2;
    let per_second = pairs as f64 / seconds;
    for (index, column) in out.iter_mut().enumerate() {
        let from = (start + index as f64 * step) * per_second;
        let to = from + step * per_second;
        *column = (0.0, 0.0);
        if to <= 0.0 || from >= pairs as f64 {
            continue;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by the overview's length")]
        let (first, last) = (from.max(0.0) as usize, (to.ceil() as usize).min(pairs));
        let range = first.min(pairs - 1)..last.max(first + 1).min(pairs);
        let low = range.clone().map(|pair| values[pair * 2]).fold(f32::INFINITY, f32::min);
        let high = range.map(|pair| values[pair * 2 + 1]).fold(f32::NEG_INFINITY, f32::max);
        *column = (low, high);
    }
}

/// The shapes of a project's recordings.
pub(crate) struct Peaks {
    shapes: RefCell<HashMap<Id, Shape>>,
    asked: RefCell<std::collections::HashSet<Id>>,
}

#[derive(serde::Serialize)]
pub(super) struct Wanted {
    pub(super) kind: &'static str,
}

#[derive(serde::Deserialize)]
pub(super) struct Signed {
    pub(super) url: String,
}

impl Peaks {
    pub(super) fn new() -> Peaks {
        Peaks { shapes: RefCell::default(), asked: RefCell::default() }
    }

    /// Takes in a shape that was computed here.
    pub(crate) fn insert(&self, file: &Id, shape: Shape) {
        self.shapes.borrow_mut().insert(file.clone(), shape);
    }

    /// The shape of a recording, as fine as it is here; asks for the fine one, and has it said when it comes.
    pub(crate) fn shape(&self, door: Door, record: &Record) -> Option<Shape> {
        let present = self.shapes.borrow().get(record.id()).cloned();
        if present.as_ref().is_some_and(Shape::is_fine) {
            return present;
        }
        let ready = AudioFile::from_record(record).state == AudioFileState::Ready;
        if ready && self.asked.borrow_mut().insert(record.id().clone()) {
            self.fetch(door, record);
        }
        if present.is_none() {
            let overview = Shape::of_overview(record)?;
            self.insert(record.id(), overview.clone());
            return Some(overview);
        }
        present
    }

    fn fetch(&self, door: Door, record: &Record) {
        let (file, hash) = (record.id().clone(), record.text("waveformKey").map(str::to_owned));
        leptos::task::spawn_local(async move {
            let (peaks, imports) = (door.peaks(), door.imports());
            let Some(bytes) = bring(&door.audio(), &file, hash.as_deref()).await else {
                // It may be had later.
                clock::sleep(ASK_AGAIN).await;
                peaks.asked.borrow_mut().remove(&file);
                return;
            };
            if let Some(shape) = Shape::of_pyramid(bytes) {
                peaks.insert(&file, shape);
                imports.tell();
            }
        });
    }
}

/// A pyramid that is kept on this device, else the server's, which is kept then.
async fn bring(audio: &AudioCache, file: &Id, hash: Option<&str>) -> Option<Vec<u8>> {
    if let Some(hash) = hash
        && let Some(bytes) = audio.read(hash).await
    {
        return Some(bytes);
    }
    let bytes = download(file, "peaks").await.ok()?;
    if let Some(hash) = hash {
        let mut keeping = audio.keep(hash, bytes.len() as u64).await;
        audio.add(&mut keeping, &bytes).await;
        audio.finish(keeping).await;
    }
    Some(bytes)
}

/// The bytes of a recording: `original`, `playback` or `peaks`.
pub(super) async fn download(file: &Id, kind: &'static str) -> Result<Vec<u8>, api::Failure> {
    let signed: Signed = api::post(&format!("/api/audio-files/{file}/download"), &Wanted { kind }).await?;
    api::get_bytes(&signed.url).await
}

/// How the recording of this id stands, from the replica's view.
pub(crate) fn file_of(records: &model::Records, id: Option<&Id>) -> Option<Record> {
    records.find(Table::AudioFiles, id?).filter(|record| !record.is_deleted()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overview_is_stretched_over_its_recording() {
        let values = [-0.1, 0.1, -0.2, 0.2, -0.3, 0.3, -0.4, 0.4];
        let mut out = [(9.0, 9.0); 6];
        overview_columns(&values, 4.0, -1.0, 1.0, &mut out);
        assert_eq!(out, [(0.0, 0.0), (-0.1, 0.1), (-0.2, 0.2), (-0.3, 0.3), (-0.4, 0.4), (0.0, 0.0)]);
        overview_columns(&values, 4.0, 0.0, 0.25, &mut out);
        assert_eq!(out[..4], [(-0.1, 0.1); 4]);
        let mut out = [(9.0, 9.0); 2];
        overview_columns(&values, 4.0, 0.0, 2.0, &mut out);
        assert_eq!(out, [(-0.2, 0.2), (-0.4, 0.4)]);
    }
}
