//! The command `unisono archive`.

pub(crate) mod format;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Id, Record, RecordMap, Table, roles};
use operations::Scope;
use storage::{BlobKey, Blobs, Store};

use crate::cli::Failure;
use format::{AUDIO, Document, PCM, PROJECT};

/// Arguments of `unisono archive`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which project: what follows /projects/ in its address in the browser
    #[arg(value_name = "PROJECT_ID")]
    pub project: String,
    /// The folder to write; it must not exist, or be empty
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// Folder of the database and the audio
    #[arg(long, env = "UNISONO_DATA", value_name = "DIR", default_value = "unisono-data")]
    pub data: PathBuf,
    /// Say what was written as JSON
    #[arg(long)]
    pub json: bool,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    records: usize,
    audio_files: usize,
    bytes: u64,
    /// Recordings whose bytes are not on this server.
    missing: Vec<String>,
}

/// Runs the command. The folder appears whole or not at all.
///
/// # Errors
/// When there is no such project, or the folder cannot be written.
pub fn run(args: &Args) -> Result<(), Failure> {
    let project = Id::new(&args.project).map_err(|error| Failure::new(format!("'{}': {error}", args.project)))?;
    let (store, blobs) = crate::serve::attach(&args.data)?;
    let summary = write(&*store, &blobs, &project, &args.output)?;
    if args.json {
        println!("{}", serde_json::json!(summary));
    } else {
        let Summary { records, audio_files, bytes, missing } = &summary;
        println!("{records} records and {audio_files} audio files ({bytes} bytes) are in {}.", args.output.display());
        for name in missing {
            eprintln!("unisono: the bytes of {name} are not on this server");
        }
    }
    Ok(())
}

/// Writes a project's archive.
pub(crate) fn write(
    store: &dyn Store,
    blobs: &Arc<dyn Blobs>,
    project: &Id,
    output: &Path,
) -> Result<Summary, Failure> {
    let record_map = records_of(store, project)?;
    refuse_used(output)?;
    let failed = |error: io::Error| Failure::new(format!("cannot write {}: {error}", output.display()));
    let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(failed)?;
    let folder = tempfile::Builder::new().prefix(".archive-").tempdir_in(parent).map_err(failed)?;
    let summary = fill(folder.path(), &**blobs, project, record_map).map_err(failed)?;
    share(folder.path()).map_err(failed)?;
    // A rename goes onto an empty folder, and onto no other.
    fs::rename(folder.path(), output).map_err(failed)?;
    // It is no longer where its guard would look for it.
    let _ = folder.keep();
    Ok(summary)
}

/// The project's records, deleted ones included, and what its members may know of each other.
fn records_of(store: &dyn Store, project: &Id) -> Result<RecordMap, Failure> {
    let failed = |error: storage::StoreError| Failure::new(error.to_string());
    let loaded = store.load(&Scope::Project(project.clone())).map_err(failed)?;
    let loaded = loaded.ok_or_else(|| Failure::new(format!("there is no project {project}")))?;
    let mut map = RecordMap::default();
    for (table, record) in loaded.records {
        map.insert(table, record);
    }
    for (person, _) in store.people_of(project).map_err(failed)? {
        map.insert(Table::Users, roles::visible(Table::Users, &person, &Id::system()));
    }
    Ok(map)
}

/// A folder that is written whole or not at all must not be there, or be empty.
pub(crate) fn refuse_used(output: &Path) -> Result<(), Failure> {
    match fs::read_dir(output) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::new(format!("{}: {error}", output.display()))),
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(Failure::new(format!("{} is not empty; nothing was written", output.display()))),
        },
    }
}

/// Temporary folders are private; an archive is a folder like any other.
#[cfg(unix)]
fn share(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn share(_folder: &Path) -> io::Result<()> {
    Ok(())
}

fn fill(folder: &Path, blobs: &dyn Blobs, project: &Id, record_map: RecordMap) -> io::Result<Summary> {
    let mut summary = Summary { records: record_map.iter().count(), ..Summary::default() };
    fs::create_dir(folder.join(AUDIO))?;
    let files: Vec<Record> = record_map
        .iter()
        .filter(|(table, record)| *table == Table::AudioFiles && !record.is_deleted())
        .map(|(_, record)| record.clone())
        .collect();
    let document = Document::new(project.clone(), record_map);
    let mut out = BufWriter::new(File::create(folder.join(PROJECT))?);
    serde_json::to_writer(&mut out, &document)?;
    out.write_all(b"\n")?;
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    for (index, record) in files.iter().enumerate() {
        progress(index, files.len());
        copy_recording(folder, blobs, record, &mut summary)?;
    }
    Ok(summary)
}

fn copy_recording(folder: &Path, blobs: &dyn Blobs, record: &Record, summary: &mut Summary) -> io::Result<()> {
    let key = |field: &str| record.text(field).and_then(|text| text.parse::<BlobKey>().ok());
    let Some(original) = key("storageKey") else { return Ok(()) };
    let name = format!("{}.{}", record.id(), extension(record));
    let Some(bytes) = copy(blobs, &original, &folder.join(AUDIO).join(name))? else {
        summary.missing.push(record.text("filename").unwrap_or(record.id().as_str()).to_owned());
        return Ok(());
    };
    summary.audio_files += 1;
    summary.bytes += bytes;
    // Lossy decoders differ; what this one made of the file is part of the song. Lossless ones cannot differ.
    let lossy = record.get("bitDepth").is_null();
    if let Some(playback) = key("playbackKey").filter(|playback| lossy && *playback != original) {
        fs::create_dir_all(folder.join(PCM))?;
        let copied = copy(blobs, &playback, &folder.join(PCM).join(format!("{}.wav", record.id())))?;
        summary.bytes += copied.unwrap_or(0);
    }
    Ok(())
}

/// Bytes that were copied; `None` when there is no such blob.
fn copy(blobs: &dyn Blobs, key: &BlobKey, target: &Path) -> io::Result<Option<u64>> {
    let Some(mut reader) = blobs.open(key)? else { return Ok(None) };
    let mut file = File::create_new(target)?;
    let bytes = io::copy(&mut reader, &mut file)?;
    file.sync_all()?;
    Ok(Some(bytes))
}

/// By what the file is; for what has not been measured, by its name, as far as that is plain.
fn extension(record: &Record) -> String {
    let measured = match record.text("mimeType") {
        Some("audio/wav" | "audio/x-wav" | "audio/vnd.wave") => Some("wav"),
        Some("audio/flac") => Some("flac"),
        Some("audio/mpeg") => Some("mp3"),
        Some("audio/ogg") => Some("ogg"),
        _ => None,
    };
    let named = || {
        let (_, extension) = record.text("filename")?.rsplit_once('.')?;
        let plain = (1..=8).contains(&extension.len()) && extension.bytes().all(|b| b.is_ascii_alphanumeric());
        plain.then(|| extension.to_ascii_lowercase())
    };
    measured.map(str::to_owned).or_else(named).unwrap_or_else(|| "bin".to_owned())
}

fn progress(done: usize, of: usize) {
    if io::stderr().is_terminal() {
        eprint!("\r{}/{of} recordings", done + 1);
        if done + 1 == of {
            eprintln!();
        }
    }
}
