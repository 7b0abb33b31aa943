//! An archive's recordings as the engine reads them: WAV files, a few open at a time.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};

use engine::reader::Inside;
use model::{AudioFile, AudioFileState, Id, Record, Records, Table, Value};
use tempfile::TempDir;

use crate::archive::format::Archive;
use crate::cli::Failure;

/// WAV files open at the same time; each has a window of 64 KiB.
const OPEN_MAX: usize = 128;
/// Channels that the engine hears.
const HEARD: usize = 2;

/// Where the recordings of a song are.
#[derive(Debug)]
pub(super) struct Recordings {
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
    pub(super) fn prepare(archive: &mut Archive) -> Result<Recordings, Failure> {
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
    pub(super) fn number(&self, file: &AudioFile) -> Option<u32> {
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
        media::make_playback_asset(original, &decoded, |_| {}).map_err(failed)?;
        Ok(decoded)
    }
}

/// The recordings that clips play, each once.
fn played(records: &Records) -> Vec<Id> {
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

/// Reads recordings for the engine, in memory that does not grow with their number or length.
pub(super) struct Files<'a> {
    recordings: &'a Recordings,
    open: HashMap<u32, Open>,
    turn: u64,
    failed: Option<Failure>,
    spare: Vec<Vec<f32>>,
}

struct Open {
    reader: media::wav::Reader<File>,
    used: u64,
}

impl<'a> Files<'a> {
    /// Nothing is open yet.
    pub(super) fn new(recordings: &'a Recordings) -> Files<'a> {
        Files { recordings, open: HashMap::new(), turn: 0, failed: None, spare: Vec::new() }
    }

    /// What went wrong since the last time, if anything: the engine knows no errors, it hears silence.
    pub(super) fn check(&mut self) -> Result<(), Failure> {
        self.failed.take().map_or(Ok(()), Err)
    }

    fn opened(&mut self, source: u32) -> Result<&mut media::wav::Reader<File>, Failure> {
        self.turn += 1;
        if !self.open.contains_key(&source) {
            if self.open.len() >= OPEN_MAX
                && let Some(oldest) = self.open.iter().min_by_key(|(_, open)| open.used).map(|(source, _)| *source)
            {
                self.open.remove(&oldest);
            }
            let path = self.path(source);
            let failed = |error: media::Error| Failure::new(format!("{}: {error}", path.display()));
            let file = File::open(path).map_err(|error| failed(error.into()))?;
            let reader = media::wav::Reader::new(file).map_err(failed)?;
            self.open.insert(source, Open { reader, used: 0 });
        }
        let open =
            self.open.get_mut(&source).ok_or_else(|| Failure::new("a recording was closed while it was read"))?;
        open.used = self.turn;
        Ok(&mut open.reader)
    }

    fn path(&self, source: u32) -> &'a Path {
        self.recordings.paths.get(source as usize).map_or(Path::new(""), PathBuf::as_path)
    }

    fn fill(&mut self, source: u32, start: i64, left: &mut [f32], right: &mut [f32]) -> Result<(), Failure> {
        let mut spare = std::mem::take(&mut self.spare);
        let path = self.path(source);
        let reader = self.opened(source)?;
        let channels = usize::from(reader.header().channels);
        let frames = usize::try_from(reader.header().frames()).unwrap_or(usize::MAX);
        let Inside { before, from, length } = Inside::of(start, left.len(), frames);
        let end = before + length;
        silence(left, before, end);
        silence(right, before, end);
        // Channels beyond the second are read, as they lie between the others, and left.
        let stereo = channels > 1;
        if stereo && right.is_empty() || channels > HEARD {
            spare.resize(channels, Vec::new());
            spare.iter_mut().for_each(|plane| plane.resize(length, 0.0));
        }
        let mut planes: Vec<&mut [f32]> = Vec::with_capacity(channels);
        let mut extra = spare.iter_mut().map(Vec::as_mut_slice);
        planes.push(&mut left[before..end]);
        if stereo {
            if right.is_empty() {
                planes.extend(extra.next());
            } else {
                planes.push(&mut right[before..end]);
            }
        }
        planes.extend(extra.take(channels.saturating_sub(HEARD)));
        let failed = |error: media::Error| Failure::new(format!("{}: {error}", path.display()));
        let read = reader.read_frames(from as u64, &mut planes).map_err(failed)?;
        if read < length {
            return Err(Failure::new(format!("{}: the file ends too early", path.display())));
        }
        if !stereo && !right.is_empty() {
            right[before..end].copy_from_slice(&left[before..end]);
        }
        self.spare = spare;
        Ok(())
    }
}

fn silence(plane: &mut [f32], before: usize, end: usize) {
    if !plane.is_empty() {
        plane[..before].fill(0.0);
        plane[end..].fill(0.0);
    }
}

impl engine::Reader for Files<'_> {
    fn read(&mut self, source: u32, start_frame: i64, left: &mut [f32], right: &mut [f32]) {
        if let Err(failure) = self.fill(source, start_frame, left, right) {
            left.fill(0.0);
            right.fill(0.0);
            self.failed.get_or_insert(failure);
        }
    }

    fn always_finite(&self, source: u32) -> bool {
        self.open.get(&source).is_some_and(|open| !open.reader.header().sample_format.is_float())
    }
}
