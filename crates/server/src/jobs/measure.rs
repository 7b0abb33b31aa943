//! The job that measures an uploaded file: what it is, how long, its peaks, and the WAV file that engines read.
//!
//! It ends in one transaction by the author `system`: the record becomes `ready`, or `refused` with a reason.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use media::PlaybackAsset;
use media::peaks::Pyramid;
use model::{AudioFile, AudioFileState, Id, Key, Table, Timestamp, Value};
use operations::build::set;
use operations::{Author, Operation, Scope};
use serde::{Deserialize, Serialize};
use storage::{BlobKey, BlobWriter, Blobs};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::JobError;
use crate::App;
use crate::audio_files::arrived::by_system;
use crate::audio_files::quota;
use crate::realtime::SubmitError;

/// The name of this kind of job.
pub const KIND: &str = "measure";
/// How often it is begun before it is given up.
pub const ATTEMPTS_MAX: u32 = 5;

/// What is noted of a job that waits for room on the disk.
const NO_ROOM: &str = "The server's disk has no room to decode this recording.";
const UNREADABLE: &str = "This recording could not be read: the server failed while decoding it.";

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    project_id: Id,
    audio_file_id: Id,
}

/// What to work on.
pub(crate) fn payload(project: &Id, file: &Id) -> serde_json::Value {
    serde_json::json!({ "projectId": project, "audioFileId": file })
}

fn read_payload(payload: &serde_json::Value) -> Result<Payload, JobError> {
    Payload::deserialize(payload).map_err(|error| JobError::GiveUp(format!("the payload: {error}")))
}

/// What a decoder must keep to.
pub(super) struct Bounds {
    /// Bytes of PCM that it may write.
    pub(super) bytes_max: u64,
    /// Cancelled when nobody wants the outcome any more.
    pub(super) stop: CancellationToken,
}

impl Bounds {
    /// What a decoder asks after each block.
    pub(super) fn go_on(&self) -> ControlFlow<()> {
        if self.stop.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

type Decode = dyn Fn(&Path, &Path, &Bounds) -> media::Result<PlaybackAsset> + Send + Sync;

/// The job's code, with the decoder that it uses.
#[derive(Clone)]
pub(super) struct Measure {
    decode: Arc<Decode>,
    /// Held from the last look at a person's quota until what was made counts.
    telling: Arc<Mutex<()>>,
}

impl Default for Measure {
    fn default() -> Measure {
        Measure::with(|input, output, bounds| {
            media::make_playback_asset(input, output, bounds.bytes_max, |_| bounds.go_on())
        })
    }
}

/// What was found.
struct Measured {
    asset: PlaybackAsset,
    playback: BlobKey,
    peaks: BlobKey,
    /// Bytes of the WAV file that was made; 0 when the original is one.
    made: u64,
}

/// What is to be measured.
struct Original {
    blob: BlobKey,
    /// Whose quota it counts for.
    owner: Option<Id>,
}

async fn left(app: &App, owner: Option<&Id>) -> Result<u64, JobError> {
    let Some(owner) = owner else { return Ok(u64::MAX) };
    quota::left(app, owner, None).await.map_err(|problem| JobError::Retry(problem.message().to_owned()))
}

/// Bytes that a file may have, which is there twice while it is put into the store.
async fn room_on_disk(app: &App) -> Result<u64, JobError> {
    let disk = Arc::clone(app.realtime.disk());
    let room = tokio::task::spawn_blocking(move || disk.room()).await;
    room.map(|room| room / 2).map_err(|error| JobError::Retry(error.to_string()))
}

impl Measure {
    /// With another decoder.
    pub(super) fn with(
        decode: impl Fn(&Path, &Path, &Bounds) -> media::Result<PlaybackAsset> + Send + Sync + 'static,
    ) -> Measure {
        Measure { decode: Arc::new(decode), telling: Arc::default() }
    }

    /// Measures the file and tells the room. Does nothing when that has been done. Dropped, it stops the decoder.
    pub(super) async fn run(&self, app: &App, payload: &serde_json::Value) -> Result<(), JobError> {
        let Payload { project_id, audio_file_id } = read_payload(payload)?;
        let Some(Original { blob, owner }) = original(app, &audio_file_id).await? else { return Ok(()) };
        let (quota, room) = (left(app, owner.as_ref()).await?, room_on_disk(app).await?);
        let bounds = Bounds { bytes_max: quota.min(room), stop: CancellationToken::new() };
        let _stops = bounds.stop.clone().drop_guard();
        let (decode, blobs, folder) = (Arc::clone(&self.decode), Arc::clone(&app.blobs), super::folder(app));
        let now = app.clock.now();
        let work = tokio::task::spawn_blocking(move || measure(&*decode, &*blobs, &blob, &folder, &bounds, now));
        let outcome = work.await;
        // Others of this person's may have been measured meanwhile.
        let _telling = self.telling.lock().await;
        let outcome = match outcome {
            Ok(Ok(measured)) if measured.made > 0 => {
                let bytes_max = left(app, owner.as_ref()).await?;
                let fits = measured.made <= bytes_max;
                Ok(if fits { Ok(measured) } else { Err(media::Error::NoRoom { bytes_max }) })
            }
            outcome => outcome,
        };
        let operations = match outcome {
            Ok(Ok(measured)) => ready(&audio_file_id, &measured),
            // Whoever recorded it cannot help it; whoever runs the server can, some day.
            Ok(Err(media::Error::NoRoom { .. })) if room < quota => return Err(JobError::Wait(NO_ROOM.to_owned())),
            Ok(Err(error)) if error.is_refusal() => refused(&audio_file_id, &error.to_string()),
            Ok(Err(error)) => return Err(JobError::Retry(error.to_string())),
            Err(error) if error.is_panic() => return Err(JobError::GiveUp("the decoder panicked".to_owned())),
            Err(error) => return Err(JobError::Retry(error.to_string())),
        };
        tell(app, &project_id, &audio_file_id, operations).await
    }

    /// Says in the record that the job is given up.
    pub(super) async fn given_up(&self, app: &App, payload: &serde_json::Value) {
        let Ok(Payload { project_id, audio_file_id }) = read_payload(payload) else { return };
        let told = match original(app, &audio_file_id).await {
            Ok(Some(_)) => tell(app, &project_id, &audio_file_id, refused(&audio_file_id, UNREADABLE)).await,
            Ok(None) => return,
            Err(error) => Err(error),
        };
        if let Err(error) = told {
            tracing::error!(?error, file = %audio_file_id, "a recording could not be marked as refused");
        }
    }
}

/// The bytes of a file that is to be measured; `None` when it has been, or is gone.
async fn original(app: &App, file: &Id) -> Result<Option<Original>, JobError> {
    let key = Key::new(Table::AudioFiles, file.clone());
    let records = app.database.run(move |store| store.records(&[key])).await;
    let record = records.map_err(|error| JobError::Retry(error.to_string()))?.pop();
    let waiting = record.filter(|(_, record)| AudioFile::from_record(record).state == AudioFileState::Uploaded);
    let Some((_, record)) = waiting else { return Ok(None) };
    match record.text("storageKey").and_then(|key| key.parse().ok()) {
        Some(blob) => Ok(Some(Original { blob, owner: record.id_in("uploadedBy") })),
        None => Err(JobError::GiveUp("the record names no blob".to_owned())),
    }
}

fn measure(
    decode: &Decode,
    blobs: &dyn Blobs,
    original: &BlobKey,
    folder: &Path,
    bounds: &Bounds,
    now: Timestamp,
) -> media::Result<Measured> {
    std::fs::create_dir_all(folder)?;
    let folder = tempfile::Builder::new().prefix("measure-").tempdir_in(folder)?;
    let input = local_file(blobs, original, folder.path())?;
    let output = folder.path().join("playback.wav");
    let asset = decode(&input, &output, bounds)?;
    if bounds.stop.is_cancelled() {
        return Err(media::Error::Stopped);
    }
    let made = if asset.written { std::fs::metadata(&output)?.len() } else { 0 };
    let playback = if asset.written { keep_file(blobs, &output, now)? } else { original.clone() };
    let peaks = keep(blobs, now, |writer| writer.write(&asset.pyramid))?;
    Ok(Measured { asset, playback, peaks, made })
}

/// The blob as a file: the store's own, or a copy where its blobs are no files.
fn local_file(blobs: &dyn Blobs, key: &BlobKey, folder: &Path) -> io::Result<PathBuf> {
    if let Some(path) = blobs.path(key) {
        return Ok(path);
    }
    let mut reader = blobs.open(key)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    let path = folder.join("original");
    io::copy(&mut reader, &mut File::create(&path)?)?;
    Ok(path)
}

fn keep_file(blobs: &dyn Blobs, path: &Path, now: Timestamp) -> io::Result<BlobKey> {
    let mut file = File::open(path)?;
    keep(blobs, now, |writer| {
        let mut chunk = vec![0; 256 * 1024];
        loop {
            match file.read(&mut chunk)? {
                0 => return Ok(()),
                count => writer.write(&chunk[..count])?,
            }
        }
    })
}

fn keep(
    blobs: &dyn Blobs,
    now: Timestamp,
    fill: impl FnOnce(&mut dyn BlobWriter) -> io::Result<()>,
) -> io::Result<BlobKey> {
    let mut writer = blobs.create()?;
    fill(&mut *writer)?;
    Ok(writer.finish(None, now)?.key)
}

fn ready(file: &Id, measured: &Measured) -> Vec<Operation> {
    let metadata = &measured.asset.metadata;
    let overview =
        Pyramid::parse(measured.asset.pyramid.as_slice()).map(|pyramid| pyramid.overview()).unwrap_or_default();
    let mut fields = vec![
        ("state", Value::text("ready")),
        ("mimeType", Value::text(metadata.media_type)),
        ("playbackKey", Value::text(measured.playback.as_str())),
        ("waveformKey", Value::text(measured.peaks.as_str())),
        ("peaksData", Value::list(overview.into_iter().map(|peak| Value::number(f64::from(peak))))),
        ("durationSeconds", Value::number(metadata.duration_seconds())),
        #[expect(clippy::cast_precision_loss, reason = "24 hours at 384 kHz are far below 2^53 frames")]
        ("frames", Value::number(metadata.frames as f64)),
        ("sampleRate", Value::from(metadata.sample_rate)),
        ("channels", Value::from(u32::from(metadata.channels))),
    ];
    fields.extend(metadata.bit_depth.map(|bits| ("bitDepth", Value::from(u32::from(bits)))));
    fields.into_iter().map(|(name, value)| set(Table::AudioFiles, file, name, value)).collect()
}

fn refused(file: &Id, reason: &str) -> Vec<Operation> {
    let reason: String = reason.chars().take(200).collect();
    vec![
        set(Table::AudioFiles, file, "state", Value::text("refused")),
        set(Table::AudioFiles, file, "refusal", Value::text(&reason)),
    ]
}

async fn tell(app: &App, project: &Id, file: &Id, operations: Vec<Operation>) -> Result<(), JobError> {
    let transaction = by_system(file, "measured", operations);
    let scope = Scope::Project(project.clone());
    match app.realtime.submit(scope, Author::System, transaction).await {
        Ok(_) => Ok(()),
        Err(SubmitError::Refused(refusal)) => Err(JobError::GiveUp(format!("the room refused: {refusal}"))),
        Err(error) => Err(JobError::Retry(error.to_string())),
    }
}
