//! A file on its way into the song: hashed, looked at, put on this device, a clip on the screen at once, then uploaded.

mod measure;
mod uploads;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use leptos::prelude::*;
use model::limits::{AUDIO_FILE_BYTES_MAX, NAME_BYTES_MAX};
use model::{AudioFile, AudioFileState, Id, Project, Records, Table, Ticks, Value, fields};
use operations::build;
use web_sys::{Blob, File};

use super::intake::{Intake, Look};
use super::waiting::{self, NotHere, Waiting};
use super::{Door, new_id};
use crate::design::next_colour;

pub(crate) use uploads::upload_what_waits;

/// Larger files are heard once the server has made their playback asset: the audio thread holds their samples in memory.
const HEARD_BYTES_MAX: f64 = 64.0 * 1_048_576.0;
/// The length of a clip whose recording has not said its own.
const PLACEHOLDER_BEATS: f64 = 16.0;

/// How an upload stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Progress {
    /// This part of the bytes is there, 0..1.
    Uploading(f64),
    /// There is no network now.
    Waiting,
    /// It was given up.
    Failed,
}

/// The uploads of this tab.
#[derive(Default)]
pub(crate) struct Imports {
    progress: RefCell<HashMap<Id, Progress>>,
    /// The clips whose length was assumed, by their recordings.
    assumed: RefCell<HashMap<Id, Assumed>>,
    /// Recordings whose bytes this browser has: heard without the server.
    local: RefCell<HashMap<Id, Local>>,
    /// Those that would be lost with this tab.
    in_this_tab: RefCell<HashSet<Id>>,
    /// Drops whose files are being taken in.
    drops: Cell<usize>,
    /// Those whose bytes an earlier page has put among what waits, and, once they are on the server, no longer are anywhere here.
    resumed: RefCell<HashSet<Id>>,
    gone: RefCell<HashSet<Id>>,
    /// Whether somebody listens for what the server has measured.
    listening: Cell<bool>,
    changed: RefCell<Option<Rc<dyn Fn()>>>,
}

/// A recording that this browser has, and what it measured of it.
#[derive(Clone)]
pub(crate) struct Local {
    pub(crate) bytes: Blob,
    pub(crate) sample_rate: u32,
    pub(crate) channels: u16,
    pub(crate) frames: u64,
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
        let progress = self.progress.borrow();
        let under_way = |file| matches!(progress.get(file), Some(Progress::Uploading(_) | Progress::Waiting));
        self.in_this_tab.borrow().iter().any(under_way)
    }

    /// Whether files are being taken in or sent.
    pub(super) fn is_at_work(&self) -> bool {
        let sends = self.progress.borrow().values().any(|progress| matches!(progress, Progress::Uploading(_)));
        sends || self.drops.get() > 0 || self.is_busy()
    }

    /// The recording of this id, if its bytes are here and the server has not made a playback asset when they were last looked at.
    pub(crate) fn local(&self, file: &Id) -> Option<Local> {
        if self.gone.borrow().contains(file) { None } else { self.local.borrow().get(file).cloned() }
    }

    /// The records as they will be once the server has measured what this browser has: what was dropped in is heard at once.
    pub(crate) fn with_what_this_browser_has(&self, records: &Records) -> Records {
        let mut heard = records.clone();
        for (id, local) in self.local.borrow().iter().filter(|(id, _)| !self.gone.borrow().contains(*id)) {
            let Some(record) = records.find(Table::AudioFiles, id) else { continue };
            if !matches!(AudioFile::from_record(record).state, AudioFileState::Awaiting | AudioFileState::Uploaded) {
                continue;
            }
            #[expect(clippy::cast_precision_loss, reason = "a recording has far fewer than 2^53 frames")]
            let ready = record
                .with("state", Value::text("ready"))
                .with("sampleRate", Value::number(f64::from(local.sample_rate)))
                .with("channels", Value::number(f64::from(local.channels)))
                .with("frames", Value::number(local.frames as f64));
            heard.insert(Table::AudioFiles, ready);
        }
        heard
    }

    /// Calls `changed` whenever an upload moves or a waveform comes, from now on; nobody any longer when there is none.
    pub(crate) fn on_change(&self, changed: Option<Rc<dyn Fn()>>) {
        *self.changed.borrow_mut() = changed;
    }

    /// Something has changed in how recordings look.
    pub(super) fn tell(&self) {
        let changed = self.changed.borrow().clone();
        if let Some(changed) = changed {
            changed();
        }
    }

    fn set(&self, file: &Id, progress: Option<Progress>) {
        match progress {
            Some(progress) => drop(self.progress.borrow_mut().insert(file.clone(), progress)),
            None => drop(self.progress.borrow_mut().remove(file)),
        }
        self.tell();
    }
}

/// Where a file goes.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// None: a track of its own.
    pub(crate) track: Option<Id>,
    pub(crate) start: Ticks,
}

impl Door {
    /// Takes files in, one after the other; each on a track of its own but the first, which goes where it was dropped.
    pub(crate) fn import(self, files: Vec<File>, target: Target) {
        if !self.may_edit() {
            return self.toasts().error("Nothing was added", super::ONLY_LISTENS);
        }
        let imports = self.imports();
        imports.drops.set(imports.drops.get() + 1);
        leptos::task::spawn_local(async move {
            for (index, file) in files.into_iter().enumerate() {
                let track = target.track.clone().filter(|_| index == 0);
                self.import_one(file, Target { track, start: target.start }).await;
            }
            imports.drops.set(imports.drops.get() - 1);
        });
    }

    async fn import_one(self, file: File, target: Target) {
        let name = file.name();
        match look(&file).await {
            Err(reason) => self.toasts().error(format!("“{name}” was not added"), reason),
            Ok((intake, look)) => {
                let Some(project) = self.project().get_untracked() else { return };
                let (user, record) = (self.inner().me.clone(), new_id());
                let length = look.seconds.map_or(PLACEHOLDER_BEATS, |seconds| self.beats_of(target.start, seconds));
                let assumed = Assumed { clip: new_id(), beats: length };
                let (clip, beats) = (assumed.clip.clone(), assumed.beats);
                let waits = Waiting {
                    record: record.clone(),
                    project: project.id.clone(),
                    name,
                    size: file.size(),
                    clip,
                    beats,
                };
                // Its bytes and what they are first: whatever becomes of this tab once it is in the song, it can be uploaded.
                let on_device = waiting::put(&user, &waits, &file).await;
                if let Err(NotHere::NoRoom(free)) = on_device
                    && !self.status().get_untracked().live
                {
                    let reason = waiting::no_room(file.size(), free);
                    return self.toasts().error(format!("“{}” was not added", waits.name), reason);
                }
                if !self.create(&project, &waits, &look.hash, target) {
                    return waiting::remove(&user, &record).await;
                }
                self.imports().set(&record, Some(self.progress_now()));
                if on_device.is_err() {
                    self.imports().in_this_tab.borrow_mut().insert(record.clone());
                }
                self.upload(record.clone(), file.clone().into(), file.name());
                self.measure(record, file.into(), Some(intake), assumed).await;
            }
        }
    }

    /// Puts the recording and a clip of it into the song; true when it is there.
    fn create(self, project: &Project, recording: &Waiting, hash: &str, target: Target) -> bool {
        let stem = stem(&recording.name);
        let mut operations = Vec::new();
        let track = target.track.unwrap_or_else(|| {
            let (id, count) = (new_id(), self.tracks().with_untracked(Vec::len));
            operations.push(new_track(&id, &project.id, &stem, "audio", count));
            id
        });
        operations.push(build::create(
            Table::AudioFiles,
            &recording.record,
            fields([
                ("projectId", Value::from(&project.id)),
                ("filename", Value::text(&cut(&recording.name))),
                ("contentHash", Value::text(hash)),
                ("sizeBytes", Value::number(recording.size)),
            ]),
        ));
        operations.push(build::create(
            Table::Clips,
            &recording.clip,
            fields([
                ("trackId", Value::from(&track)),
                ("name", Value::text(&stem)),
                ("startBeat", target.start.beats().into()),
                ("durationBeats", recording.beats.into()),
                ("audioFileId", Value::from(&recording.record)),
            ]),
        ));
        // A gesture with the correction of its length, which comes by itself: one step of undo (UN2).
        self.dispatch_gesture("Add recording", Some(recording.clip.clone()), operations)
    }

    /// Says that a recording turned out to be no audio, and offers to take its clips away.
    pub(crate) fn refused_recording(self, record: &Id, name: &str, reason: &str) {
        let record = record.clone();
        self.toasts().error_with(format!("“{name}” cannot be played"), reason, "Remove clip", move || {
            if self.has_ended() {
                return;
            }
            let clips: Vec<Id> = self.read_present(|records| {
                let of_file =
                    |clip: &&model::Record| clip.text("audioFileId") == Some(record.as_str()) && !clip.is_deleted();
                records.table(Table::Clips).filter(of_file).map(|clip| clip.id().clone()).collect()
            });
            self.dispatch("Remove clip", clips.iter().map(|clip| build::delete(Table::Clips, clip)).collect());
        });
    }
}

/// The operation that adds a track.
pub(crate) fn new_track(id: &Id, project: &Id, name: &str, kind: &str, count: usize) -> operations::Operation {
    let given = fields([
        ("projectId", Value::from(project)),
        ("name", Value::text(name)),
        ("type", kind.into()),
        ("colour", next_colour(count).into()),
    ]);
    build::create(Table::Tracks, id, given)
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

/// Hashes a file and reads its header, in a worker that keeps it.
async fn look(file: &File) -> Result<(Intake, Look), String> {
    let size = file.size();
    #[expect(clippy::cast_precision_loss, reason = "500 MB")]
    let max = AUDIO_FILE_BYTES_MAX as f64;
    if size > max {
        return Err(format!("The file has {:.0} MB; at most {:.0} MB are accepted.", size / 1e6, max / 1e6));
    }
    let mut intake = Intake::of(file)?;
    let look = intake.look().await?;
    Ok((intake, look))
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
}
