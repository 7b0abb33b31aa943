//! The demo accounts and the demo song.
//!
//! Everything goes the ways that a musician's browser would take: records by a transaction of theirs, bytes into the blob
//! store, jobs that measure them. The ids are fixed, so that a second start finds what the first has made.

mod song;
#[cfg(test)]
mod tests;

use std::sync::Mutex;

use media::wav::{BitDepth, Writer};
use model::{AudioFile, AudioFileState, Id, Map, Table, Timestamp, Value, fields};
use operations::build::create;
use operations::{Author, Operation, Scope, Transaction};
use storage::{BlobKey, Blobs, NewUser, Stored};

use crate::accounts::colour_of;
use crate::audio_files::arrived;
use crate::cli::Failure;
use crate::{App, Problem};
use song::{Part, Placed, RECORDINGS, Recording};

/// The accounts: id, address, name. The first owns the song, the second is an editor.
const PEOPLE: [(&str, &str, &str); 2] =
    [("demo-user-1", "user1@example.com", "Mara"), ("demo-user-2", "user2@example.com", "Jonas")];
const PASSWORD: &str = "password";
const PROJECT: &str = "demo-last-ferry-home";
/// The master fader, so that the loudest sample stays below full scale.
const MASTER_DB: f64 = -0.9;

/// Adds the demo accounts and song to the database, unless they are there. What was deleted stays deleted.
///
/// # Errors
/// When the database or the disk fails, or somebody has one of the addresses.
pub async fn install(app: &App) -> Result<(), Failure> {
    let mut people = Vec::new();
    for (id, email, name) in PEOPLE {
        people.push(account(app, id, email, name).await?);
    }
    let [owner, editor] = people.as_slice() else { return Err(Failure::new("the demo has two people")) };
    let project = id(PROJECT)?;
    let scope = Scope::Project(project.clone());
    let asked = scope.clone();
    let known = app.database.run(move |store| store.position(&asked)).await.map_err(|error| failed(&error))?;
    if known.is_none() {
        tracing::info!("composing the demo song");
        let stored = perform_all(app).await?;
        let transaction = Transaction {
            tx_id: project.clone(),
            author_id: owner.clone(),
            operations: operations(&project, editor, &stored)?,
            client_timestamp: 0.0,
            base_versions: Default::default(),
            gesture: None,
        };
        let author = Author::User(owner.clone());
        app.realtime.submit(scope, author, transaction).await.map_err(|error| failed(&error))?;
    }
    measure(app, &project, owner).await
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("the demo could not be set up: {error}"))
}

fn id(text: &str) -> Result<Id, Failure> {
    Id::new(text).map_err(|error| failed(&error))
}

/// The account of this address; made when there is none.
async fn account(app: &App, user: &str, email: &'static str, name: &str) -> Result<Id, Failure> {
    let known = app.database.run(move |store| store.account(email)).await.map_err(|error| failed(&error))?;
    if let Some(account) = known {
        let theirs = || Failure::new(format!("{email} is the address of a real account: there can be no demo here"));
        return if account.demo { Ok(account.user) } else { Err(theirs()) };
    }
    let hashed = app.accounts.passwords.hash(PASSWORD.to_owned()).await;
    let user = NewUser {
        id: id(user)?,
        email: email.to_owned(),
        name: name.to_owned(),
        colour: colour_of(&id(user)?).to_owned(),
        password_hash: hashed.map_err(|problem: Problem| failed(&problem.message()))?,
        demo: true,
        now: app.clock.now(),
    };
    let id = user.id.clone();
    match app.database.run(move |store| store.create_user(user)).await {
        Ok(true) => Ok(id),
        Ok(false) => Err(failed(&format!("the id {id} is taken"))),
        Err(error) => Err(failed(&error)),
    }
}

/// Plays every recording into the blob store; what was stored, in their order.
async fn perform_all(app: &App) -> Result<Vec<Stored>, Failure> {
    let (blobs, now) = (std::sync::Arc::clone(&app.blobs), app.clock.now());
    let work = tokio::task::spawn_blocking(move || on_all_processors(|recording| keep(&*blobs, recording, now)));
    work.await.map_err(|error| failed(&error))?
}

/// Does something with every recording, several at a time.
fn on_all_processors<T: Send>(work: impl Fn(&Recording) -> Result<T, Failure> + Sync) -> Result<Vec<T>, Failure> {
    let next = Mutex::new(RECORDINGS.iter().enumerate());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(8);
    let take = || next.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
    let mut done: Vec<(usize, Result<T, Failure>)> = std::thread::scope(|scope| {
        let worker = || std::iter::from_fn(take).map(|(index, recording)| (index, work(recording))).collect::<Vec<_>>();
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    done.sort_by_key(|(index, _)| *index);
    if done.len() < RECORDINGS.len() {
        return Err(failed(&"a thread ended badly"));
    }
    done.into_iter().map(|(_, result)| result).collect()
}

fn keep(blobs: &dyn Blobs, recording: &Recording, now: Timestamp) -> Result<Stored, Failure> {
    let bytes = wav(recording).map_err(|error| failed(&error))?;
    let kept = blobs.create().and_then(|mut writer| {
        writer.write(&bytes)?;
        writer.finish(None, now)
    });
    kept.map_err(|error| failed(&error))
}

/// The recording as a file.
fn wav(recording: &Recording) -> media::Result<Vec<u8>> {
    let planes = song::perform(recording);
    let planes: Vec<&[f32]> = planes.iter().map(Vec::as_slice).collect();
    let depth = if recording.bits == 16 { BitDepth::I16 } else { BitDepth::I24 };
    let out = std::io::Cursor::new(Vec::new());
    let mut writer = Writer::new(out, recording.rate, recording.channels, depth, Some(1))?;
    writer.write_planar(&planes)?;
    Ok(writer.finish()?.into_inner())
}

/// Everything of the song, made at once: the project with its second member, recordings, tracks and clips.
fn operations(project: &Id, editor: &Id, stored: &[Stored]) -> Result<Vec<Operation>, Failure> {
    let mut made = Maker { project, operations: Vec::new(), count: 0 };
    made.operations.push(create(
        Table::Projects,
        project,
        fields([
            ("name", Value::text(song::NAME)),
            ("bpm", Value::number(song::BPM)),
            ("timeSignature", Value::text("4/4")),
            ("masterVolume", Value::number(song::decibels(MASTER_DB))),
        ]),
    ));
    made.make(Table::ProjectMembers, fields([("userId", Value::from(editor)), ("role", Value::text("editor"))]))?;
    let mut files = std::collections::BTreeMap::new();
    for (recording, stored) in RECORDINGS.iter().zip(stored) {
        let file = made.make(Table::AudioFiles, audio_file(recording, stored))?;
        files.insert(recording.filename, file);
    }
    for part in song::parts() {
        let track = made.make(Table::Tracks, track(&part))?;
        for placed in &part.clips {
            let file = files.get(placed.filename).ok_or_else(|| failed(&placed.filename))?;
            made.make(Table::Clips, clip(&track, file, placed))?;
        }
    }
    Ok(made.operations)
}

/// Makes records with fixed ids, in their order.
struct Maker<'a> {
    project: &'a Id,
    operations: Vec<Operation>,
    count: usize,
}

impl Maker<'_> {
    fn make(&mut self, table: Table, mut fields: Map) -> Result<Id, Failure> {
        self.count += 1;
        let id = id(&format!("demo-{}-{:03}", table.name().replace('_', "-"), self.count))?;
        if table != Table::Clips {
            fields.insert("projectId".into(), Value::from(self.project));
        }
        self.operations.push(create(table, &id, fields));
        Ok(id)
    }
}

fn audio_file(recording: &Recording, stored: &Stored) -> Map {
    #[expect(clippy::cast_precision_loss, reason = "a recording of the demo has a few megabytes")]
    let size = stored.size as f64;
    fields([
        ("filename", Value::text(recording.filename)),
        ("contentHash", Value::text(stored.key.as_str())),
        ("sizeBytes", Value::number(size)),
    ])
}

fn track(part: &Part) -> Map {
    fields([
        ("name", Value::text(part.name)),
        ("type", Value::text("audio")),
        ("colour", Value::text(part.colour)),
        ("volume", Value::number(song::decibels(part.volume_db))),
        ("pan", Value::number(part.pan)),
    ])
}

fn clip(track: &Id, file: &Id, placed: &Placed) -> Map {
    fields([
        ("trackId", Value::from(track)),
        ("audioFileId", Value::from(file)),
        ("name", Value::text(placed.filename.trim_end_matches(".wav"))),
        ("startBeat", Value::number(placed.start)),
        ("durationBeats", Value::number(placed.beats)),
        ("gain", Value::number(placed.gain)),
        ("fadeIn", Value::number(placed.fade_in)),
        ("fadeOut", Value::number(placed.fade_out)),
    ])
}

/// Has those recordings measured whose bytes are here and whose records do not say so yet: all of them, or what an
/// interrupted first start has left.
async fn measure(app: &App, project: &Id, owner: &Id) -> Result<(), Failure> {
    let room = app.realtime.look(project).await.map_err(|error| failed(&error))?;
    let waiting: Vec<AudioFile> = room
        .records()
        .table(Table::AudioFiles)
        .map(AudioFile::from_record)
        .filter(|file| file.state == AudioFileState::Awaiting && file.id.as_str().starts_with("demo-"))
        .collect();
    for file in waiting {
        let blob: BlobKey = file.content_hash.parse().map_err(|error| failed(&error))?;
        let arrived = arrived::announce(app, project, &file.id, &blob, owner).await;
        arrived.map_err(|problem| failed(&problem.message()))?;
    }
    Ok(())
}
