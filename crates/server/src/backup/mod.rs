//! The commands `unisono backup` and `unisono restore`.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use storage::blobs::{FileBlobs, sync_folder};
use storage::{Blobs as _, Kept, SqliteStore, Store as _};

use crate::archive::refuse_used;
use crate::cli::Failure;
use crate::serve::{BLOBS, DATABASE, open_store};
use crate::state::new_id;

/// Bytes of a recording that are copied at a time.
const COPY_BYTES: usize = 256 * 1024;

/// Arguments of `unisono backup`.
#[derive(Debug, clap::Args)]
pub struct BackupArgs {
    /// The folder to write; it must not exist, or be empty. On another disk than the data it is worth most
    #[arg(value_name = "TO")]
    pub to: PathBuf,
    /// Folder of the database and the audio
    #[arg(long, env = "UNISONO_DATA", value_name = "DIR", default_value = "unisono-data")]
    pub data: PathBuf,
    /// Say what was written as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `unisono restore`.
#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// A folder that `unisono backup` has written, or a copy of a data folder. Without it, what lies in the data folder was put
    /// back by other means already, such as a snapshot of the disk
    #[arg(value_name = "FROM")]
    pub from: Option<PathBuf>,
    /// The data folder to make; with FROM it must not exist, or be empty
    #[arg(long, env = "UNISONO_DATA", value_name = "DIR", default_value = "unisono-data")]
    pub data: PathBuf,
    /// Say what was done as JSON
    #[arg(long)]
    pub json: bool,
}

/// What was copied.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    /// Files of recordings, peaks and exports.
    blobs: usize,
    bytes: u64,
    /// Those among them that share their place on the disk with what they are copies of.
    linked: usize,
    /// Blobs of recordings that are not there.
    missing: usize,
    /// Logs that begin anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    logs: Option<usize>,
}

/// Runs `unisono backup`. The folder appears whole or not at all.
///
/// # Errors
/// When there is no database, the folder cannot be written, or what was written is not what was read.
pub fn backup(args: &BackupArgs) -> Result<(), Failure> {
    let summary = make_whole(&args.to, |folder| copy(&args.data, folder))?;
    say(&args.to, &summary, args.json);
    Ok(())
}

/// Runs `unisono restore`. The folder appears whole or not at all.
///
/// # Errors
/// When there is no copy, the data folder is in use, or cannot be written.
pub fn restore(args: &RestoreArgs) -> Result<(), Failure> {
    let summary = match &args.from {
        Some(from) => make_whole(&args.data, |folder| {
            let summary = copy(from, folder)?;
            Ok(Summary { logs: Some(renew_epochs(folder)?), ..summary })
        })?,
        None => Summary { logs: Some(renew_epochs(&args.data)?), ..Summary::default() },
    };
    say(&args.data, &summary, args.json);
    Ok(())
}

/// Makes a folder beside where it belongs, and moves it there once it is whole. Only its owner may look into it.
fn make_whole(output: &Path, fill: impl FnOnce(&Path) -> Result<Summary, Failure>) -> Result<Summary, Failure> {
    refuse_used(output)?;
    let failed = |error: io::Error| Failure::new(format!("cannot write {}: {error}", output.display()));
    let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(failed)?;
    let folder = tempfile::Builder::new().prefix(".copy-").tempdir_in(parent).map_err(failed)?;
    let summary = fill(folder.path())?;
    // A rename goes onto an empty folder, and onto no other.
    fs::rename(folder.path(), output).map_err(failed)?;
    // It is no longer where its guard would look for it.
    let _ = folder.keep();
    sync_folder(parent).map_err(failed)?;
    Ok(summary)
}

/// Copies database and blobs of a data folder, whether it is being served or not. The database comes first: what it refers to
/// came into the store of blobs before, and stays there for a day after it has been let go of.
fn copy(from: &Path, to: &Path) -> Result<Summary, Failure> {
    let database = from.join(DATABASE);
    if !database.is_file() {
        return Err(Failure::new(format!("there is no database in {}", from.display())));
    }
    SqliteStore::copy(&database, &to.join(DATABASE)).map_err(|error| Failure::new(error.to_string()))?;
    let failed = |error: io::Error| Failure::new(format!("cannot copy recordings to {}: {error}", to.display()));
    let mut summary = copy_blobs(&from.join(BLOBS), &to.join(BLOBS)).map_err(failed)?;
    summary.missing = missing(to)?;
    sync_folder(to).map_err(failed)?;
    Ok(summary)
}

/// How many blobs of recordings the copy lacks.
fn missing(copy: &Path) -> Result<usize, Failure> {
    let wanted =
        SqliteStore::blobs_of_recordings(&copy.join(DATABASE)).map_err(|error| Failure::new(error.to_string()))?;
    let here = FileBlobs::attach(&copy.join(BLOBS));
    Ok(wanted.iter().filter(|key| !matches!(here.size(key), Ok(Some(_)))).count())
}

fn copy_blobs(from: &Path, to: &Path) -> io::Result<Summary> {
    let (source, target) = (FileBlobs::attach(from), FileBlobs::open(to)?);
    let (mut summary, mut folders) = (Summary::default(), BTreeSet::new());
    if !from.is_dir() {
        return Ok(summary);
    }
    source.each(&mut |blob| {
        // Bytes of this name never change, so that a second name for them is a copy.
        let linked = link(&source, &target, &blob, &mut folders)?;
        if linked || copy_blob(&source, &target, &blob)? {
            summary.blobs += 1;
            summary.bytes += blob.size;
            summary.linked += usize::from(linked);
            progress(summary.blobs);
        }
        Ok(())
    })?;
    folders.iter().try_for_each(|folder| sync_folder(folder))?;
    sync_folder(to)?;
    Ok(summary)
}

/// Gives a blob its name in the copy; false when it lies on another disk, or is gone. `folders` are those that have got one.
fn link(source: &FileBlobs, target: &FileBlobs, blob: &Kept, folders: &mut BTreeSet<PathBuf>) -> io::Result<bool> {
    let (Some(from), Some(to)) = (source.path(&blob.key), target.path(&blob.key)) else { return Ok(false) };
    if let Some(folder) = to.parent().filter(|folder| !folders.contains(*folder)) {
        fs::create_dir_all(folder)?;
        folders.insert(folder.to_path_buf());
    }
    Ok(fs::hard_link(from, to).is_ok())
}

/// Copies a blob, durably, if its bytes are those of its name; false when it is gone.
fn copy_blob(source: &FileBlobs, target: &FileBlobs, blob: &Kept) -> io::Result<bool> {
    let Some(mut bytes) = source.open(&blob.key)? else { return Ok(false) };
    let (mut copy, mut buffer) = (target.create()?, vec![0; COPY_BYTES]);
    loop {
        let count = bytes.read(&mut buffer)?;
        match buffer.get(..count) {
            Some(read) if !read.is_empty() => copy.write(read)?,
            _ => break,
        }
    }
    let damaged = |error| io::Error::other(format!("the audio file {}: {error}", blob.key));
    copy.finish(Some(&blob.key), blob.since).map_err(damaged)?;
    Ok(true)
}

/// Gives every log of a data folder another epoch (WR8); how many.
fn renew_epochs(data: &Path) -> Result<usize, Failure> {
    if !data.join(DATABASE).is_file() {
        return Err(Failure::new(format!("there is no database in {}", data.display())));
    }
    let failed = |error: storage::StoreError| Failure::new(error.to_string());
    let store = open_store(data)?;
    let logs = store.renew_epochs(&new_id()).map_err(failed)?;
    store.checkpoint().map_err(failed)?;
    Ok(logs)
}

fn say(output: &Path, summary: &Summary, json: bool) {
    if json {
        println!("{}", serde_json::json!(summary));
        return;
    }
    let Summary { blobs, bytes, linked, missing, logs } = summary;
    if logs.is_none() || *blobs > 0 {
        println!("The database and {blobs} files of audio ({bytes} bytes) are in {}.", output.display());
    }
    if *linked > 0 {
        println!(
            "{linked} of them lie on the same disk as what they are copies of, and take no room: keep a copy elsewhere, too."
        );
    }
    if let Some(logs) = logs {
        println!(
            "{logs} logs begin anew: browsers that had a song open load it again, and keep what they have not sent."
        );
    }
    if *missing > 0 {
        eprintln!("unisono: {missing} files of recordings were not there to be copied");
    }
}

fn progress(done: usize) {
    if io::stderr().is_terminal() && done.is_multiple_of(16) {
        eprint!("\r{done} files of audio");
    }
}
