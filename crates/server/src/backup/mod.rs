//! The commands `unisono backup` and `unisono restore`.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use storage::blobs::{BlobKey, FileBlobs, sync_folder};
use storage::{Blobs as _, Kept, SqliteStore, Store as _};

use crate::archive::refuse_used;
use crate::cli::Failure;
use crate::serve::{BLOBS, DATABASE, open_store};
use crate::state::{Clock, new_id};

/// Bytes of a recording that are copied at a time.
const COPY_BYTES: usize = 256 * 1024;
/// Files that could not be copied and are named for people; `--json` names them all.
const NAMED_MAX: usize = 100;

/// Arguments of `unisono backup`.
#[derive(Debug, clap::Args)]
pub struct BackupArgs {
    /// The folder to write; it must not exist, or be empty. On another disk than the data it is worth most
    #[arg(value_name = "TO")]
    pub to: PathBuf,
    /// Folder of the database and the audio
    #[arg(long, env = "UNISONO_DATA", value_name = "DIR", default_value = "unisono-data")]
    pub data: PathBuf,
    /// Copy the bytes of recordings, and compare them with their hashes, also where the copy could share them with the original
    #[arg(long)]
    pub no_links: bool,
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
    /// Copy the bytes of recordings, and compare them with their hashes, also where both folders could share them
    #[arg(long)]
    pub no_links: bool,
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
    /// What is there and was not copied: its bytes are not those of its name, or cannot be read.
    damaged: Vec<Damage>,
    /// Blobs that recordings refer to and that are not there.
    missing: Vec<String>,
    /// Logs that begin anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    logs: Option<usize>,
}

/// A file that could not be copied.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
struct Damage {
    path: PathBuf,
    reason: String,
}

impl Summary {
    /// A copy that lacks something is a copy all the same, and more than nothing; but nobody is to believe that all is well.
    fn check(&self, output: &Path) -> Result<(), Failure> {
        let lacking = self.damaged.len() + self.missing.len();
        if lacking == 0 {
            return Ok(());
        }
        let named = |what: &str| eprintln!("unisono: {what}");
        self.damaged.iter().take(NAMED_MAX).for_each(|it| named(&format!("{}: {}", it.path.display(), it.reason)));
        self.missing.iter().take(NAMED_MAX).for_each(|key| named(&format!("the audio file {key} is not there")));
        Err(Failure::new(format!("{} was made, and lacks {lacking} files of audio", output.display())))
    }
}

/// Runs `unisono backup`. The folder appears whole or not at all.
///
/// # Errors
/// When there is no database or it is damaged, or the folder cannot be written: there is no copy then. When recordings are damaged
/// or not there: all else is in the copy.
pub fn backup(args: &BackupArgs) -> Result<(), Failure> {
    let summary = make_whole(&args.to, |folder| copy(&args.data, folder, !args.no_links))?;
    say(&args.to, &summary, args.json);
    summary.check(&args.to)
}

/// Runs `unisono restore`. The folder appears whole or not at all.
///
/// # Errors
/// When there is no copy, the data folder is in use, or cannot be written. When recordings are damaged or not there: all else has
/// been put back.
pub fn restore(args: &RestoreArgs) -> Result<(), Failure> {
    let summary = match &args.from {
        Some(from) => make_whole(&args.data, |folder| {
            let summary = copy(from, folder, !args.no_links)?;
            Ok(Summary { logs: Some(renew_epochs(folder)?), ..summary })
        })?,
        None => Summary { logs: Some(renew_epochs(&args.data)?), ..Summary::default() },
    };
    say(&args.data, &summary, args.json);
    summary.check(&args.data)
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
fn copy(from: &Path, to: &Path, links: bool) -> Result<Summary, Failure> {
    let database = from.join(DATABASE);
    if !database.is_file() {
        return Err(Failure::new(format!("there is no database in {}", from.display())));
    }
    let failed = |error: storage::OpenError| Failure::new(error.to_string());
    SqliteStore::copy(&database, &to.join(DATABASE)).map_err(failed)?;
    let wanted = SqliteStore::blobs_of_recordings(&to.join(DATABASE)).map_err(failed)?;
    let failed = |error: io::Error| Failure::new(format!("cannot copy recordings to {}: {error}", to.display()));
    let summary = copy_blobs(&from.join(BLOBS), &to.join(BLOBS), links, &wanted).map_err(failed)?;
    sync_folder(to).map_err(failed)?;
    Ok(summary)
}

/// Copies all blobs that can be copied, and says which of them cannot, or are `wanted` and are not there. Only what goes wrong
/// at the copy's end is an error.
fn copy_blobs(from: &Path, to: &Path, links: bool, wanted: &[BlobKey]) -> io::Result<Summary> {
    let (source, target) = (FileBlobs::attach(from), FileBlobs::open(to)?);
    let mut copying = Copying { source, target, links, folders: BTreeSet::new(), summary: Summary::default() };
    let mut failure = None;
    let listed = FileBlobs::attach(from).each(&mut |blob| {
        copying.take(&blob).map_err(|error| {
            failure = Some(error);
            io::Error::other("given up")
        })
    });
    match (listed, failure) {
        (_, Some(failure)) => return Err(failure),
        // A folder without audio has no such folder, perhaps.
        (Err(error), None) if error.kind() != io::ErrorKind::NotFound => copying.note_damage(from.to_owned(), &error),
        _ => {}
    }
    // Also what a folder that cannot be read has kept from being listed.
    for key in wanted.iter().collect::<BTreeSet<_>>() {
        copying.take_wanted(key)?;
    }
    copying.folders.iter().try_for_each(|folder| sync_folder(folder))?;
    sync_folder(to)?;
    Ok(copying.summary)
}

/// Recordings on their way from one folder to another.
struct Copying {
    source: FileBlobs,
    target: FileBlobs,
    /// Whether a second name will do where both lie on one disk.
    links: bool,
    /// Those that have got a name by a link.
    folders: BTreeSet<PathBuf>,
    summary: Summary,
}

impl Copying {
    fn take(&mut self, blob: &Kept) -> io::Result<()> {
        // Bytes of a name never change, so that a second name for them is a copy.
        let linked = self.links && self.link(blob)?;
        if linked || self.copy(blob)? {
            self.summary.blobs += 1;
            self.summary.bytes += blob.size;
            self.summary.linked += usize::from(linked);
            progress(self.summary.blobs);
        }
        Ok(())
    }

    /// Copies what recordings need, unless that has been done.
    fn take_wanted(&mut self, key: &BlobKey) -> io::Result<()> {
        let path = self.source.path(key);
        if self.target.size(key)?.is_some() || self.summary.damaged.iter().any(|it| Some(&it.path) == path.as_ref()) {
            return Ok(());
        }
        match self.source.size(key) {
            Ok(Some(size)) => self.take(&Kept { key: key.clone(), size, since: Clock::system().now() }),
            Ok(None) => {
                self.summary.missing.push(key.to_string());
                Ok(())
            }
            Err(error) => {
                self.note_damage(path.unwrap_or_default(), &error);
                Ok(())
            }
        }
    }

    fn note_damage(&mut self, path: PathBuf, reason: &io::Error) {
        self.summary.damaged.push(Damage { path, reason: reason.to_string() });
    }

    /// Gives a blob its name in the copy; false when it lies on another disk, or is gone.
    fn link(&mut self, blob: &Kept) -> io::Result<bool> {
        let (Some(from), Some(to)) = (self.source.path(&blob.key), self.target.path(&blob.key)) else {
            return Ok(false);
        };
        if let Some(folder) = to.parent().filter(|folder| !self.folders.contains(*folder)) {
            fs::create_dir_all(folder)?;
            self.folders.insert(folder.to_path_buf());
        }
        Ok(fs::hard_link(from, to).is_ok())
    }

    /// Copies a blob, durably, if its bytes can be read and are those of its name; false when they are not, or it is gone.
    fn copy(&mut self, blob: &Kept) -> io::Result<bool> {
        let mut copy = self.target.create()?;
        let read = read_all(&self.source, &blob.key, |bytes| copy.write(bytes));
        let ended = match read {
            Ok(false) => return Ok(false),
            Ok(true) => copy.finish(Some(&blob.key), blob.since),
            Err(CopyError::Read(error)) => Err(io::Error::new(io::ErrorKind::InvalidData, error.to_string())),
            Err(CopyError::Write(error)) => return Err(error),
        };
        match ended {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.note_damage(self.source.path(&blob.key).unwrap_or_default(), &error);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// At which end a copy went wrong.
enum CopyError {
    Read(io::Error),
    Write(io::Error),
}

/// Reads a blob to its end; false when it is gone.
fn read_all(
    source: &FileBlobs,
    key: &BlobKey,
    mut write: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<bool, CopyError> {
    let Some(mut bytes) = source.open(key).map_err(CopyError::Read)? else { return Ok(false) };
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        match bytes.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(count) => write(&buffer[..count]).map_err(CopyError::Write)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(CopyError::Read(error)),
        }
    }
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
    let Summary { blobs, bytes, linked, logs, .. } = summary;
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
}

fn progress(done: usize) {
    if io::stderr().is_terminal() && done.is_multiple_of(16) {
        eprint!("\r{done} files of audio");
    }
}
