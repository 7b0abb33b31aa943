//! One export: what is to be made, of which song, out of which recordings.

use std::io::{BufReader, BufWriter};
use std::ops::ControlFlow;

use engine::Song;
use media::wav::{BitDepth, Header, Writer};
use media::{Decoder, Format};
use mixdown::{Export, FileFormat, Settings, Shelf, Summary, WavFiles};
use model::{Id, Record, Records, Table};
use serde::{Deserialize, Serialize};

use crate::{Disk, OnDisk, Place};

/// Bytes of an [`Order`].
pub const ORDER_BYTES_MAX: usize = 64 << 10;
/// Bytes of a song's records: no song that a room takes has as many.
pub const RECORDS_BYTES_MAX: usize = 256 << 20;
/// Bytes that are written at once.
const WRITTEN_BYTES: usize = 256 << 10;
/// Bytes of a recording that are read at once while it is decoded.
const READ_BYTES: usize = 256 << 10;

/// What is to be made.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The same as `unisono render` and the server take.
    pub settings: Settings,
    /// The stems in one archive, not the mix.
    #[serde(default)]
    pub stems: bool,
}

/// A recording that the song plays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recording {
    /// Its record.
    pub id: Id,
    /// The name of its file.
    pub name: String,
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    /// How long it is; of stems the longest.
    pub seconds: f64,
    /// The highest sample, in dBFS; none for silence.
    pub peak_db: Option<f64>,
    /// Samples above full scale.
    pub over: u64,
    /// By how much everything was raised to reach the loudness that was asked for, in dB.
    pub gain_db: Option<f64>,
    /// Whether a loudness was asked for, and it is too short or too quiet to have one.
    pub has_no_loudness: bool,
}

/// An export that can be begun.
#[derive(Debug)]
pub struct Work {
    order: Order,
    song: Song,
    track_names: Vec<String>,
    recordings: Vec<Recording>,
}

impl Work {
    /// Reads an [`Order`] as JSON and the song's records as postcard, each with its table.
    ///
    /// # Errors
    /// What cannot be had, for people.
    pub fn new(order: &[u8], records: &[u8]) -> Result<Work, String> {
        if order.len() > ORDER_BYTES_MAX || records.len() > RECORDS_BYTES_MAX {
            return Err("so large a song cannot be exported here".to_owned());
        }
        let order: Order = serde_json::from_slice(order).map_err(|error| error.to_string())?;
        order.settings.check().map_err(|error| error.to_string())?;
        if order.settings.format == FileFormat::Ogg {
            return Err("Ogg Vorbis is written by the server only".to_owned());
        }
        let rows: Vec<(Table, Record)> = postcard::from_bytes(records).map_err(|error| error.to_string())?;
        let records: Records = rows.into_iter().collect();
        let mut recordings = Vec::new();
        let song = Song::from_records(&records, |file| {
            recordings.push(Recording { id: file.id.clone(), name: file.filename.clone() });
            u32::try_from(recordings.len() - 1).ok()
        });
        let song = song.ok_or("there is no project")?;
        let track_names = records.tracks().into_iter().map(|track| track.text("name").unwrap_or_default().to_owned());
        let work = Work { order, song, track_names: track_names.collect(), recordings };
        // What cannot be had is refused before anything is opened.
        work.export().effort().map_err(|error| error.to_string())?;
        Ok(work)
    }

    /// What has to be open, by the engine's numbers: as [`Place::Recording`], and where it may be no WAV file as [`Place::Decoded`] too.
    #[must_use]
    pub fn recordings(&self) -> &[Recording] {
        &self.recordings
    }

    fn export(&self) -> Export<'_> {
        let Order { settings, stems } = &self.order;
        Export { song: &self.song, track_names: &self.track_names, settings, stems: *stems }
    }

    /// Makes the file.
    ///
    /// # Errors
    /// What went wrong, for people; then what is there is worth nothing.
    pub fn run(&self, disk: &impl Disk) -> Result<Done, String> {
        self.open_all(disk)?;
        let files = Files { disk: disk.clone(), recordings: &self.recordings };
        let made = OnDisk::create(disk, Place::Made).map_err(|error| error.to_string())?;
        let mut watch = |done| {
            disk.progress(done);
            ControlFlow::Continue(())
        };
        let mut recordings = WavFiles::new(files, self.recordings.len());
        let made = self.export().write(&mut recordings, made, &mut watch).map_err(|error| error.to_string())?;
        Ok(Done {
            seconds: made.files.iter().map(Summary::seconds).fold(0.0, f64::max),
            peak_db: made.files.iter().filter_map(|file| file.peak_db).reduce(f64::max),
            over: made.files.iter().map(|file| file.over).sum(),
            gain_db: made.gain_db,
            has_no_loudness: made.has_no_loudness,
        })
    }

    /// Looks whether every recording is what its record says; what is no WAV file is decoded first.
    fn open_all(&self, disk: &impl Disk) -> Result<(), String> {
        for (source, recording) in (0..).zip(&self.recordings) {
            let named = |reason: String| format!("{}: {reason}", recording.name);
            if disk.size(Place::Decoded(source)).is_some() {
                decode(disk, source).map_err(|error| named(words(&error)))?;
            }
            let mut file = open(disk, source).map_err(|error| named(error.to_string()))?;
            let header = Header::read(&mut file).map_err(|error| named(words(&error)))?;
            let told = self.song.sources.iter().find(|told| told.id == source);
            let is = (header.sample_rate, u32::from(header.channels), header.frames());
            if told.is_some_and(|told| (told.rate, told.channels, told.frames) != is) {
                return Err(named("its bytes are not those that the project knows".to_owned()));
            }
        }
        Ok(())
    }
}

/// Why a recording cannot be had: the disk says so itself.
fn words(error: &media::Error) -> String {
    match error {
        media::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// Decodes a recording that the server has not, unless it is a WAV file.
fn decode(disk: &impl Disk, source: u32) -> media::Result<()> {
    let file = OnDisk::open(disk, Place::Recording(source))?;
    let mut decoder = Decoder::new(BufReader::with_capacity(READ_BYTES, file))?;
    let info = decoder.info();
    if info.format == Format::Wav {
        return Ok(());
    }
    let out = BufWriter::with_capacity(WRITTEN_BYTES, OnDisk::create(disk, Place::Decoded(source))?);
    // Floats hold exactly what integers of 24 bits become, and so do those of the server's asset.
    let mut writer = Writer::new(out, info.sample_rate, info.channels, BitDepth::F32, None)?;
    while let Some(block) = decoder.next_block()? {
        writer.write_planar(&block.slices())?;
    }
    writer.finish().map(drop)
}

/// What is played of a recording: what it decodes to, if it had to be decoded.
fn open<D: Disk>(disk: &D, source: u32) -> std::io::Result<OnDisk<D>> {
    let decoded = disk.size(Place::Decoded(source)).is_some_and(|bytes| bytes > 0);
    OnDisk::open(disk, if decoded { Place::Decoded(source) } else { Place::Recording(source) })
}

/// The recordings as the engine reads them.
struct Files<'a, D> {
    disk: D,
    recordings: &'a [Recording],
}

impl<D: Disk> Shelf for Files<'_, D> {
    type File = OnDisk<D>;

    fn open(&mut self, source: u32) -> std::io::Result<OnDisk<D>> {
        open(&self.disk, source)
    }

    fn name(&self, source: u32) -> String {
        self.recordings.get(source as usize).map_or_else(String::new, |recording| recording.name.clone())
    }
}
