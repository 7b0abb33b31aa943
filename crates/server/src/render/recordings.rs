//! An archive's recordings as the engine reads them: WAV files, a few open at a time.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use engine::reader::Inside;
use model::{AudioFile, AudioFileState, Id, Record, Records, Table, Value};
use tempfile::TempDir;

use crate::archive::format::Archive;
use crate::cli::Failure;

/// WAV files open at the same time; each has a window of 64 KiB. Of more tracks than that each reading opens a file anew: that is slow, but no more memory.
pub(super) const OPEN_MAX: usize = 512;

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
pub(crate) struct Files<'a> {
    recordings: &'a Recordings,
    /// By the engine's number; at most [`OPEN_MAX`] are open.
    open: Vec<Option<Open>>,
    open_count: usize,
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
    pub(crate) fn new(recordings: &'a Recordings) -> Files<'a> {
        let open = recordings.paths.iter().map(|_| None).collect();
        Files { recordings, open, open_count: 0, turn: 0, failed: None, spare: Vec::new() }
    }

    /// Opens a recording unless it is open; the one that was not read for the longest is closed when there are too many.
    fn open(&mut self, source: usize) -> Result<(), Failure> {
        if self.open.get(source).is_some_and(Option::is_some) {
            return Ok(());
        }
        if self.open_count >= OPEN_MAX
            && let Some(oldest) = self.open.iter_mut().filter(|open| open.is_some()).min_by_key(|open| used(open))
        {
            *oldest = None;
            self.open_count -= 1;
        }
        let path = self.path(source);
        let failed = |error: media::Error| Failure::new(format!("{}: {error}", path.display()));
        let file = File::open(path).map_err(|error| failed(error.into()))?;
        let reader = media::wav::Reader::new(file).map_err(failed)?;
        if let Some(place) = self.open.get_mut(source) {
            *place = Some(Open { reader, used: 0 });
            self.open_count += 1;
        }
        Ok(())
    }

    fn path(&self, source: usize) -> &'a Path {
        self.recordings.paths.get(source).map_or(Path::new(""), PathBuf::as_path)
    }

    fn fill(&mut self, source: usize, start: i64, left: &mut [f32], right: &mut [f32]) -> Result<(), Failure> {
        self.open(source)?;
        self.turn += 1;
        let path = self.path(source);
        let failed = |reason: String| Failure::new(format!("{}: {reason}", path.display()));
        let open = self.open.get_mut(source).and_then(Option::as_mut);
        let Open { reader, used } =
            open.ok_or_else(|| failed("it is not among the project's recordings".to_owned()))?;
        *used = self.turn;
        let frames = usize::try_from(reader.header().frames()).unwrap_or(usize::MAX);
        let Inside { before, from, length } = Inside::of(start, left.len(), frames);
        let inside = before..before + length;
        silence(left, &inside);
        silence(right, &inside);
        let from = from as u64;
        let read = match (reader.header().channels, right.is_empty()) {
            (1, _) => reader.read_frames(from, &mut [&mut left[inside.clone()]]),
            (2, false) => reader.read_frames(from, &mut [&mut left[inside.clone()], &mut right[inside.clone()]]),
            _ => read_many(reader, from, &mut self.spare, &mut left[inside.clone()], right.get_mut(inside.clone())),
        };
        let read = read.map_err(|error| failed(error.to_string()))?;
        if read < length {
            return Err(failed("the file ends too early".to_owned()));
        }
        if reader.header().channels == 1 && !right.is_empty() {
            right[inside.clone()].copy_from_slice(&left[inside]);
        }
        Ok(())
    }
}

fn used(open: &Option<Open>) -> u64 {
    open.as_ref().map_or(0, |open| open.used)
}

/// Reads a file of more channels than are wanted: they lie between each other, so all are read.
fn read_many(
    reader: &mut media::wav::Reader<File>,
    from: u64,
    spare: &mut Vec<Vec<f32>>,
    left: &mut [f32],
    right: Option<&mut [f32]>,
) -> media::Result<usize> {
    let channels = usize::from(reader.header().channels);
    spare.resize(channels, Vec::new());
    spare.iter_mut().for_each(|plane| plane.resize(left.len(), 0.0));
    let mut planes: Vec<&mut [f32]> = spare.iter_mut().map(Vec::as_mut_slice).collect();
    if let Some(first) = planes.first_mut() {
        *first = left;
    }
    if let (Some(second), Some(right)) = (planes.get_mut(1), right) {
        *second = right;
    }
    reader.read_frames(from, &mut planes)
}

/// Silences what lies outside of `inside`.
fn silence(plane: &mut [f32], inside: &Range<usize>) {
    if !plane.is_empty() {
        plane[..inside.start].fill(0.0);
        plane[inside.end..].fill(0.0);
    }
}

impl mixdown::Recordings for Files<'_> {
    fn check(&mut self) -> Result<(), String> {
        self.failed.take().map_or(Ok(()), |failure| Err(failure.0))
    }
}

impl engine::Reader for Files<'_> {
    fn read(&mut self, source: u32, start_frame: i64, left: &mut [f32], right: &mut [f32]) {
        if let Err(failure) = self.fill(source as usize, start_frame, left, right) {
            left.fill(0.0);
            right.fill(0.0);
            self.failed.get_or_insert(failure);
        }
    }

    fn always_finite(&self, source: u32) -> bool {
        let open = self.open.get(source as usize).and_then(Option::as_ref);
        open.is_some_and(|open| !open.reader.header().sample_format.is_float())
    }
}
