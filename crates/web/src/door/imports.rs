//! A file on its way into the song: hashed, looked at, a clip on the screen at once, then uploaded.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::Cursor;
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use media::Decoder;
use media::peaks::PyramidBuilder;
use model::limits::{AUDIO_FILE_BYTES_MAX, NAME_BYTES_MAX};
use model::{AudioFile, AudioFileState, Id, Record, Table, Ticks, Value, fields};
use operations::build;
use sha2::{Digest, Sha256};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, File};

use super::peaks::Shape;
use super::upload::{self, Sent, Signed};
use super::{Door, api, backoff, clock, identity, new_id};
use crate::design::next_colour;

/// Bytes that are hashed between two turns of the browser.
const SLICE_BYTES: f64 = 4.0 * 1_048_576.0;
/// Larger files are looked at by the server only: decoding needs them in memory.
const DECODED_BYTES_MAX: f64 = 64.0 * 1_048_576.0;
/// Tries without a byte getting further, while the server can be reached, before an upload is given up until someone asks
/// again.
const TRIES_MAX: u32 = 12;
/// The length of a clip whose recording has not said its own.
const PLACEHOLDER_BEATS: f64 = 16.0;

/// How an upload stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Progress {
    /// This part of the bytes is there, 0..1.
    Uploading(f64),
    /// It was given up.
    Failed,
}

/// The uploads of this tab.
#[derive(Default)]
pub(crate) struct Imports {
    progress: RefCell<HashMap<Id, Progress>>,
    /// The clips whose length was assumed, by their recordings.
    assumed: RefCell<HashMap<Id, Assumed>>,
    /// Whether somebody listens for what the server has measured.
    listening: Cell<bool>,
    changed: RefCell<Option<Rc<dyn Fn()>>>,
}

/// A clip whose recording has not said how long it is.
#[derive(Clone, Debug, PartialEq)]
struct Assumed {
    clip: Id,
    /// The length that it was given.
    beats: f64,
}

impl Imports {
    /// How the upload of a recording stands; none when there is none.
    pub(crate) fn progress(&self, file: &Id) -> Option<Progress> {
        self.progress.borrow().get(file).copied()
    }

    /// Whether bytes are on their way that only this tab has.
    pub(super) fn is_busy(&self) -> bool {
        self.progress.borrow().values().any(|progress| matches!(progress, Progress::Uploading(_)))
    }

    /// Calls `changed` whenever an upload moves.
    pub(crate) fn on_change(&self, changed: Rc<dyn Fn()>) {
        *self.changed.borrow_mut() = Some(changed);
    }

    fn set(&self, file: &Id, progress: Option<Progress>) {
        match progress {
            Some(progress) => drop(self.progress.borrow_mut().insert(file.clone(), progress)),
            None => drop(self.progress.borrow_mut().remove(file)),
        }
        let changed = self.changed.borrow().clone();
        if let Some(changed) = changed {
            changed();
        }
    }
}

/// Where a file goes.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// None: a track of its own.
    pub(crate) track: Option<Id>,
    pub(crate) start: Ticks,
}

/// What the file itself says.
struct Look {
    hash: String,
    decoder: Option<Decoder>,
    /// Its length, where its header tells.
    seconds: Option<f64>,
}

impl Door {
    /// Takes files in, one after the other; each on a track of its own but the first, which goes where it was dropped.
    pub(crate) fn import(self, files: Vec<File>, target: Target) {
        if !self.may_edit() {
            return self.toasts().error("Nothing was added", super::ONLY_LISTENS);
        }
        leptos::task::spawn_local(async move {
            for (index, file) in files.into_iter().enumerate() {
                let track = target.track.clone().filter(|_| index == 0);
                self.import_one(file, Target { track, start: target.start }).await;
            }
        });
    }

    async fn import_one(self, file: File, target: Target) {
        let name = file.name();
        match look(&file).await {
            Err(reason) => self.toasts().error(format!("“{name}” was not added"), reason),
            Ok(look) => {
                let Some((record, assumed)) = self.create(&file, &look, target) else { return };
                self.imports().set(&record, Some(Progress::Uploading(0.0)));
                self.upload(record.clone(), file);
                let measured = match look.decoder {
                    Some(decoder) => self.draw(decoder, &record).await,
                    None => None,
                };
                match measured {
                    Some(seconds) => self.correct_length(&assumed, seconds),
                    None => self.correct_once_measured(record, assumed),
                }
            }
        }
    }

    /// Puts the recording and a clip of it into the song; gives its id and what was assumed of the clip.
    fn create(self, file: &File, look: &Look, target: Target) -> Option<(Id, Assumed)> {
        let project = self.project().get_untracked()?;
        let (record, clip) = (new_id(), new_id());
        let length = look.seconds.map_or(PLACEHOLDER_BEATS, |seconds| beats(seconds, project.bpm));
        let stem = stem(&file.name());
        let mut operations = Vec::new();
        let track = target.track.unwrap_or_else(|| {
            let (id, count) = (new_id(), self.tracks().with_untracked(Vec::len));
            operations.push(new_track(&id, &project.id, &stem, count));
            id
        });
        operations.push(build::create(
            Table::AudioFiles,
            &record,
            fields([
                ("projectId", Value::from(&project.id)),
                ("filename", Value::text(&cut(&file.name()))),
                ("contentHash", Value::text(&look.hash)),
                ("sizeBytes", Value::number(file.size())),
            ]),
        ));
        operations.push(build::create(
            Table::Clips,
            &clip,
            fields([
                ("trackId", Value::from(&track)),
                ("name", Value::text(&stem)),
                ("startBeat", target.start.beats().into()),
                ("durationBeats", length.into()),
                ("audioFileId", Value::from(&record)),
            ]),
        ));
        // A gesture with the correction of its length, which comes by itself: one step of undo (UN2).
        let added = self.dispatch_gesture("Add recording", Some(clip.clone()), operations);
        added.then_some((record, Assumed { clip, beats: length }))
    }

    /// Decodes what was dropped for its waveform, a block at a time; gives its true length in seconds, if it can be told.
    async fn draw(self, mut decoder: Decoder, record: &Id) -> Option<f64> {
        let info = decoder.info().clone();
        let mut builder = PyramidBuilder::new(info.sample_rate, info.channels).ok()?;
        let mut last_turn = clock::milliseconds();
        loop {
            match decoder.next_block() {
                Ok(Some(block)) => {
                    builder.push(&block.slices()).ok()?;
                }
                Ok(None) => break,
                // The server will say the same, and more clearly, in the record.
                Err(_) => return None,
            }
            if clock::milliseconds() - last_turn > 12.0 {
                clock::breathe().await;
                last_turn = clock::milliseconds();
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a recording has far fewer than 2^53 frames")]
        let seconds = decoder.frames() as f64 / f64::from(info.sample_rate);
        if let Some(shape) = builder.finish().ok().and_then(Shape::of_pyramid) {
            self.peaks().insert(record, shape);
            self.imports().set(record, self.imports().progress(record));
        }
        Some(seconds)
    }

    /// Gives a clip the length of its recording, unless someone has given it another meanwhile.
    fn correct_length(self, assumed: &Assumed, seconds: f64) {
        let Some(project) = self.project().get_untracked() else { return };
        let current = self.read(|records| records.find(Table::Clips, &assumed.clip).cloned());
        if let Some(length) = current.and_then(|clip| corrected(&clip, assumed, beats(seconds, project.bpm))) {
            let operation = build::set(Table::Clips, &assumed.clip, "durationBeats", length);
            self.dispatch_gesture("Set length of clip", Some(assumed.clip.clone()), vec![operation]);
        }
    }

    /// The same, once the server has measured the recording.
    fn correct_once_measured(self, record: Id, assumed: Assumed) {
        let imports = self.imports();
        imports.assumed.borrow_mut().insert(record.clone(), assumed);
        if !imports.listening.replace(true) {
            self.listen(move |keys| {
                for key in keys.iter().filter(|key| key.table == Table::AudioFiles) {
                    self.measured(&key.id);
                }
            });
        }
        // It may have been quicker than this browser.
        self.measured(&record);
    }

    fn measured(self, record: &Id) {
        let imports = self.imports();
        if !imports.assumed.borrow().contains_key(record) {
            return;
        }
        let file = self.read(|records| records.find(Table::AudioFiles, record).map(AudioFile::from_record));
        let Some(file) = file else { return };
        if file.duration_seconds.is_none() && file.state != AudioFileState::Refused {
            return;
        }
        let assumed = imports.assumed.borrow_mut().remove(record);
        if let (Some(assumed), Some(seconds)) = (assumed, file.duration_seconds) {
            // Later: this may run inside the replica's own event.
            clock::after(Duration::ZERO, move || self.correct_length(&assumed, seconds));
        }
    }

    /// Uploads the bytes once the server knows the record; goes on trying for a while.
    fn upload(self, record: Id, file: File) {
        leptos::task::spawn_local(async move {
            let standing = Rc::new(Cell::new(0.0));
            let (mut tries, mut waits, mut reached) = (0, 0, 0.0);
            while tries < TRIES_MAX {
                if !self.wait_until_committed(&record).await {
                    return self.imports().set(&record, None);
                }
                match self.upload_once(&record, &file, &standing).await {
                    Ok(Sent::Whole) => return self.imports().set(&record, None),
                    Ok(Sent::Part) => continue,
                    Err(failure) if !upload::may_go_on(&failure) => {
                        return self.upload_failed(record, file, failure.message);
                    }
                    Err(_) => {}
                }
                // As long as it gets on, or there is no network, it is not given up.
                let gets_on = standing.get() > reached;
                reached = standing.get().max(reached);
                waits = if gets_on { 1 } else { waits + 1 };
                tries = if gets_on || !self.status().get_untracked().live { 0 } else { tries + 1 };
                clock::sleep(backoff::wait(waits + 1, identity::chance())).await;
            }
            self.upload_failed(record, file, "The server could not be reached.".to_owned());
        });
    }

    /// False when the record is gone: its creation was refused.
    async fn wait_until_committed(self, record: &Id) -> bool {
        loop {
            if self.is_committed(Table::AudioFiles, record) {
                return true;
            }
            if self.read(|records| records.find(Table::AudioFiles, record).is_none()) {
                return false;
            }
            clock::sleep(Duration::from_millis(60)).await;
        }
    }

    /// Sends what the server lacks; `standing` is where it then stands, in bytes.
    async fn upload_once(self, record: &Id, file: &File, standing: &Cell<f64>) -> Result<Sent, api::Failure> {
        let signed = api::post::<Signed>(&format!("/api/audio-files/{record}/upload"), &serde_json::json!({})).await;
        let signed = match signed {
            // An answer was lost, or somebody else has brought the same bytes.
            Err(failure) if failure.status == 409 => return Ok(Sent::Whole),
            signed => signed?,
        };
        let record = record.clone();
        let progress = move |part| self.imports().set(&record, Some(Progress::Uploading(part)));
        upload::send(&signed, file, |bytes| standing.set(bytes), progress).await
    }

    fn upload_failed(self, record: Id, file: File, message: String) {
        self.imports().set(&record, Some(Progress::Failed));
        let held = StoredValue::new_local((record, file.clone()));
        self.toasts().error_with(
            format!("“{}” could not be uploaded", file.name()),
            message,
            "Try again",
            move || {
                let Some((record, file)) = held.try_get_value() else { return };
                self.imports().set(&record, Some(Progress::Uploading(0.0)));
                self.upload(record, file);
            },
        );
    }

    /// Says that a recording turned out to be no audio, and offers to take its clips away.
    pub(crate) fn refused_recording(self, record: &Id, name: &str, reason: &str) {
        let record = record.clone();
        self.toasts().error_with(format!("“{name}” cannot be played"), reason, "Remove clip", move || {
            let clips: Vec<Id> = self.read(|records| {
                let of_file =
                    |clip: &&model::Record| clip.text("audioFileId") == Some(record.as_str()) && !clip.is_deleted();
                records.table(Table::Clips).filter(of_file).map(|clip| clip.id().clone()).collect()
            });
            self.dispatch("Remove clip", clips.iter().map(|clip| build::delete(Table::Clips, clip)).collect());
        });
    }
}

/// The operation that adds a track.
pub(crate) fn new_track(id: &Id, project: &Id, name: &str, count: usize) -> operations::Operation {
    let given = fields([
        ("projectId", Value::from(project)),
        ("name", Value::text(name)),
        ("type", "audio".into()),
        ("colour", next_colour(count).into()),
    ]);
    build::create(Table::Tracks, id, given)
}

/// A length in beats as it is stored: a whole number of ticks, at least one.
fn beats(seconds: f64, bpm: model::Bpm) -> f64 {
    Ticks::from_beats(seconds * bpm.value() / 60.0).unwrap_or_default().max(Ticks(1)).beats()
}

/// The length that a clip gets now that its recording's is known; none when it has it, or was given another meanwhile.
fn corrected(clip: &Record, assumed: &Assumed, actual: f64) -> Option<f64> {
    (clip.number("durationBeats") == Some(assumed.beats) && actual != assumed.beats).then_some(actual)
}

/// A file's name without its extension.
fn stem(name: &str) -> String {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem).trim();
    cut(if stem.is_empty() { "Recording" } else { stem })
}

/// Cut to what a name may have.
fn cut(name: &str) -> String {
    let mut end = name.len().min(NAME_BYTES_MAX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].to_owned()
}

/// Hashes a file and opens it, if it is small enough to be opened here.
async fn look(file: &File) -> Result<Look, String> {
    let size = file.size();
    #[expect(clippy::cast_precision_loss, reason = "500 MB")]
    let max = AUDIO_FILE_BYTES_MAX as f64;
    if size == 0.0 {
        return Err(media::Error::Empty.to_string());
    }
    if size > max {
        return Err(format!("The file has {:.0} MB; at most {:.0} MB are accepted.", size / 1e6, max / 1e6));
    }
    let keep = size <= DECODED_BYTES_MAX;
    let (mut hasher, mut bytes, mut at) = (Sha256::new(), Vec::new(), 0.0);
    while at < size {
        let slice = read_slice(file, at, (at + SLICE_BYTES).min(size)).await?;
        hasher.update(&slice);
        if at == 0.0 {
            media::sniff(&slice).map_err(|error| error.to_string())?;
        }
        if keep {
            bytes.extend_from_slice(&slice);
        }
        at += SLICE_BYTES;
    }
    let hash = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if !keep {
        return Ok(Look { hash, decoder: None, seconds: None });
    }
    let decoder = Decoder::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    #[expect(clippy::cast_precision_loss, reason = "a recording has far fewer than 2^53 frames")]
    let seconds = decoder.info().declared_frames.map(|frames| frames as f64 / f64::from(decoder.info().sample_rate));
    Ok(Look { hash, decoder: Some(decoder), seconds: seconds.filter(|seconds| *seconds > 0.0) })
}

async fn read_slice(file: &File, from: f64, to: f64) -> Result<Vec<u8>, String> {
    const UNREADABLE: &str = "The file could not be read. It may have been moved or changed.";
    let blob: Blob = file.slice_with_f64_and_f64(from, to).map_err(|_| UNREADABLE)?;
    let buffer = JsFuture::from(blob.array_buffer()).await.map_err(|_| UNREADABLE)?;
    let buffer: js_sys::ArrayBuffer = buffer.dyn_into().map_err(|_| UNREADABLE)?;
    Ok(js_sys::Uint8Array::new(&buffer).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clip_is_named_after_its_file() {
        assert_eq!(stem("Bass take 3.wav"), "Bass take 3");
        assert_eq!(stem("no extension"), "no extension");
        assert_eq!(stem(".wav"), "Recording");
        assert_eq!(stem(&"ä".repeat(300)).len(), NAME_BYTES_MAX);
    }

    #[test]
    fn an_assumed_length_is_corrected_unless_someone_has_changed_it() {
        let clip = |beats: f64| Record::new(Id::new("c").unwrap(), 1, fields([("durationBeats", beats.into())]));
        let assumed = Assumed { clip: Id::new("c").unwrap(), beats: PLACEHOLDER_BEATS };
        assert_eq!(corrected(&clip(PLACEHOLDER_BEATS), &assumed, 700.0), Some(700.0));
        assert_eq!(corrected(&clip(8.0), &assumed, 700.0), None, "somebody has trimmed it");
        assert_eq!(corrected(&clip(PLACEHOLDER_BEATS), &assumed, PLACEHOLDER_BEATS), None, "nothing to do");
    }

    #[test]
    fn u4_lengths_are_whole_ticks_and_never_nothing() {
        let bpm = model::Bpm::new(120.0).unwrap();
        assert_eq!(beats(2.0, bpm), 4.0);
        assert!(beats(0.0, bpm) > 0.0);
        let odd = beats(1.234_567, bpm);
        assert_eq!(Ticks::from_beats(odd).unwrap().beats(), odd);
    }
}
