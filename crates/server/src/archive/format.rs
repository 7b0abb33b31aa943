//! What an archive is: a folder with a project's records and its audio, written by `unisono archive` and read by
//! `unisono render`.
//!
//! ```text
//! project.json            {format: "unisono", version: 1, projectId, recordMap}
//! audio/<audio_files.id>.<ext>   the files as they were uploaded
//! pcm/<audio_files.id>.wav       what engines play of those that are lossy
//! ```

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use model::limits::PROJECT_RECORDS_MAX;
use model::schema::{Kind, TableSchema};
use model::{Id, Record, RecordMap, Records, Table, validate};
use serde::{Deserialize, Serialize};

use crate::cli::Failure;

/// The records' file.
pub(crate) const PROJECT: &str = "project.json";
/// The folder of the originals.
pub(crate) const AUDIO: &str = "audio";
/// The folder of what engines play of lossy files.
pub(crate) const PCM: &str = "pcm";
const FORMAT: &str = "unisono";
const VERSION: u32 = 1;
/// Bytes of a `project.json`.
const PROJECT_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Files in one folder of an archive.
const FILES_MAX: usize = PROJECT_RECORDS_MAX;

/// `project.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document {
    format: String,
    version: u32,
    project_id: Id,
    record_map: RecordMap,
}

impl Document {
    /// The document of a project.
    pub(crate) fn new(project_id: Id, record_map: RecordMap) -> Document {
        Document { format: FORMAT.to_owned(), version: VERSION, project_id, record_map }
    }
}

/// An archive that has been read.
#[derive(Debug)]
pub(crate) struct Archive {
    /// The project's records, each of which is valid.
    pub(crate) records: Records,
    /// The originals, by the ids of their records.
    pub(crate) audio: BTreeMap<Id, PathBuf>,
    /// What engines play of lossy ones.
    pub(crate) pcm: BTreeMap<Id, PathBuf>,
}

impl Archive {
    /// Reads an archive's records and finds its files, without opening those.
    ///
    /// # Errors
    /// When it is no archive, or one that this version cannot read, or its records are invalid.
    pub(crate) fn read(folder: &Path) -> Result<Archive, Failure> {
        let document = read_document(&folder.join(PROJECT))?;
        let records = check(&document)?;
        Ok(Archive { records, audio: files(&folder.join(AUDIO))?, pcm: files(&folder.join(PCM))? })
    }
}

fn read_document(path: &Path) -> Result<Document, Failure> {
    let failed = |reason: String| Failure::new(format!("{}: {reason}", path.display()));
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let size = file.metadata().map_err(|error| failed(error.to_string()))?;
    if !size.is_file() || size.len() > PROJECT_BYTES_MAX {
        return Err(failed(format!("not a file of at most {} MB", PROJECT_BYTES_MAX / 1_000_000)));
    }
    // A file that grows while it is read is cut off at the limit.
    serde_json::from_reader(BufReader::new(file.take(PROJECT_BYTES_MAX))).map_err(|error| failed(error.to_string()))
}

fn check(document: &Document) -> Result<Records, Failure> {
    let failed = |reason: String| Failure::new(format!("{PROJECT}: {reason}"));
    if document.format != FORMAT || document.version != VERSION {
        let Document { format, version, .. } = document;
        return Err(failed(format!(
            "this reads format '{FORMAT}' version {VERSION}, not '{format}' version {version}"
        )));
    }
    let mut records = Records::new();
    for (table, record) in document.record_map.iter() {
        let foreign = match table {
            Table::Users => continue,
            Table::Projects => *record.id() != document.project_id,
            _ => record.id_in("projectId").is_some_and(|project| project != document.project_id),
        };
        if foreign {
            return Err(failed(format!("{table}/{} belongs to another project", record.id())));
        }
        if records.len() >= PROJECT_RECORDS_MAX {
            return Err(failed(format!("more than {PROJECT_RECORDS_MAX} records")));
        }
        // An archive written by hand may leave out what has a default.
        let schema = TableSchema::of(table);
        let fields = schema.with_defaults(record.fields().clone());
        validate(Kind::Object(schema.fields), &model::Value::from(fields.clone()), &[])
            .map_err(|invalid| failed(format!("{table}/{}: {invalid}", record.id())))?;
        records.insert(table, Record::new(record.id().clone(), record.version(), fields));
    }
    match records.project() {
        Some(_) => Ok(records),
        None => Err(failed(format!("there is no project {} in the recordMap", document.project_id))),
    }
}

/// The files of a folder whose names without extension are ids. What is no plain file (a link, a pipe, a folder) is not
/// looked at.
fn files(folder: &Path) -> Result<BTreeMap<Id, PathBuf>, Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("{}: {error}", folder.display()));
    let mut found = BTreeMap::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let id = path.file_stem().and_then(OsStr::to_str).and_then(|stem| Id::new(stem).ok());
        let (Some(id), true) = (id, entry.file_type().map_err(failed)?.is_file()) else { continue };
        if let Some(other) = found.insert(id, path.clone()) {
            let (one, other) = (other.display(), path.display());
            return Err(Failure::new(format!("two files for one recording: {one} and {other}")));
        }
        if found.len() > FILES_MAX {
            return Err(Failure::new(format!("{}: more than {FILES_MAX} files", folder.display())));
        }
    }
    Ok(found)
}
