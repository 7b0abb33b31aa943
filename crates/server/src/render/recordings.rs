//! An archive's recordings as the engine reads them: WAV files.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use mixdown::Shelf;
use model::{AudioFile, AudioFileState, Id, Record, Records, Table, Value};
use tempfile::TempDir;

use crate::archive::format::Archive;
use crate::cli::Failure;

/// Where the recordings of a song are.
#[derive(Debug)]
pub(crate) struct Recordings {
    /// By the engine's number.
    paths: Vec<PathBuf>,
    numbers: BTreeMap<Id, u32>,
    /// Holds what had to be decoded; removed in the end.
    _decoded: Option<TempDir>,
}

impl Recordings {
    /// Finds what the clips of `archive` play, decodes what is no WAV file into a temporary folder, and puts what the files
    /// are into their records.
    ///
    /// # Errors
    /// When a recording that a clip plays is missing, is no audio, or is not what its record says.
    pub(crate) fn prepare(archive: &mut Archive) -> Result<Recordings, Failure> {
        let mut recordings = Recordings { paths: Vec::new(), numbers: BTreeMap::new(), _decoded: None };
        for id in played(&archive.records) {
            let Some(record) = archive.records.find(Table::AudioFiles, &id).cloned() else { continue };
            // What is no audio, or has never arrived, makes no sound in the studio either.
            let state = AudioFile::from_record(&record).state;
            let Some(original) = archive.audio.get(&id) else {
                if state == AudioFileState::Ready {
                    return Err(Failure::new(format!("the archive lacks audio/{id}.*, which a clip plays")));
                }
                continue;
            };
            if state == AudioFileState::Refused {
                continue;
            }
            let path = match archive.pcm.get(&id) {
                Some(pcm) => pcm.clone(),
                None => recordings.playable(&id, original)?,
            };
            let measured = measure(&record, &path)?;
            archive.records.insert(Table::AudioFiles, measured);
            recordings.numbers.insert(id, number(recordings.paths.len()));
            recordings.paths.push(path);
        }
        Ok(recordings)
    }

    /// The number of a recording.
    pub(crate) fn number(&self, file: &AudioFile) -> Option<u32> {
        self.numbers.get(&file.id).copied()
    }

    /// A WAV file of this recording: itself, or what it decodes to.
    fn playable(&mut self, id: &Id, original: &Path) -> Result<PathBuf, Failure> {
        let failed = |error: media::Error| Failure::new(format!("{}: {error}", original.display()));
        if media::Decoder::open(original).map_err(failed)?.info().format == media::Format::Wav {
            return Ok(original.to_owned());
        }
        let folder = match &self._decoded {
            Some(folder) => folder,
            None => self._decoded.insert(tempfile::tempdir().map_err(|error| failed(error.into()))?),
        };
        let decoded = folder.path().join(format!("{id}.wav"));
        media::make_playback_asset(original, &decoded, u64::MAX, |_| ControlFlow::Continue(())).map_err(failed)?;
        Ok(decoded)
    }
}

/// The recordings that clips play, each once.
pub(crate) fn played(records: &Records) -> Vec<Id> {
    let tracks = records.tracks();
    let clips = tracks.iter().flat_map(|track| records.clips(track.id()));
    let mut ids: Vec<Id> = clips.filter_map(|clip| clip.id_in("audioFileId")).collect();
    ids.sort();
    ids.dedup();
    ids
}

fn number(index: usize) -> u32 {
    // An archive holds at most 200,000 records.
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// The record with what the file is; an error when it says otherwise.
fn measure(record: &Record, path: &Path) -> Result<Record, Failure> {
    let failed = |error: media::Error| Failure::new(format!("{}: {error}", path.display()));
    let mut file = File::open(path).map_err(|error| failed(error.into()))?;
    let header = media::wav::Header::read(&mut file).map_err(failed)?;
    #[expect(clippy::cast_precision_loss, reason = "a WAV file of 4 GB has far fewer than 2^53 frames")]
    let facts = [
        ("sampleRate", f64::from(header.sample_rate)),
        ("channels", f64::from(header.channels)),
        ("frames", header.frames() as f64),
    ];
    let mut measured = record.with("state", Value::text("ready"));
    for (field, value) in facts {
        if record.number(field).is_some_and(|said| said != value) {
            let path = path.display();
            return Err(Failure::new(format!("{path}: {field} is {value}, not what the record {} says", record.id())));
        }
        measured = measured.with(field, Value::number(value));
    }
    Ok(measured)
}

/// Reads them for the engine.
pub(crate) type Files<'a> = mixdown::WavFiles<Paths<'a>>;

/// The paths of recordings, by the engine's numbers.
pub(crate) struct Paths<'a>(&'a [PathBuf]);

impl Recordings {
    /// As the engine reads them; nothing is open yet.
    pub(crate) fn files(&self) -> Files<'_> {
        Files::new(Paths(&self.paths), self.paths.len())
    }
}

impl Paths<'_> {
    fn path(&self, source: u32) -> &Path {
        self.0.get(source as usize).map_or(Path::new(""), PathBuf::as_path)
    }
}

impl Shelf for Paths<'_> {
    type File = File;

    fn open(&mut self, source: u32) -> std::io::Result<File> {
        File::open(self.path(source))
    }

    fn name(&self, source: u32) -> String {
        self.path(source).display().to_string()
    }
}
