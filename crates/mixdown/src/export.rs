//! An export: one file of a song, whoever asked for it and wherever it is made.

use std::io::{BufWriter, Cursor, Read, Seek, Write};
use std::ops::ControlFlow;

use engine::Song;

use crate::zip::Zip;
use crate::{Error, Mix, Recordings, Result, Settings, Summary, Watch, factor, stem_count, stem_file, stems};

/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 256 * 1024;

/// The sample rate, in Hz, at which effort is counted.
const USUAL_RATE: f64 = 48_000.0;

/// What is wanted of a song: its mix, or its stems in one ZIP archive.
#[derive(Clone, Copy, Debug)]
pub struct Export<'a> {
    /// The song.
    pub song: &'a Song,
    /// The names of its tracks, by their indices: stems are called so.
    pub track_names: &'a [String],
    /// What to make of it. They must have been checked.
    pub settings: &'a Settings,
    /// Stems, not the mix.
    pub stems: bool,
}

/// What an export has become.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Made {
    /// What was written: the mix, or each stem.
    pub files: Vec<Summary>,
    /// By how much everything was raised for the loudness that was asked for, in dB.
    pub gain_db: Option<f64>,
    /// Whether a loudness was asked for, and it is too short or too quiet to have one: it is as it was.
    pub has_no_loudness: bool,
}

/// What an export asks of the engine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// Seconds of sound that have to be played, with the tails that were asked for: what loudness is measured over, and each stem, count again.
    pub seconds: f64,
    /// The same times the number of tracks, as all of them are heard each time, and times the sample rate, 48 kHz being 1.
    pub track_seconds: f64,
}

impl Export<'_> {
    /// How much there is to do.
    ///
    /// # Errors
    /// As [`Mix::new`]; [`Error::Nothing`] when there are no stems, [`Error::File`] when there is no such file.
    pub fn effort(&self) -> Result<Effort> {
        let mix = Mix::new(self.song, self.settings)?;
        drop(self.settings.target(mix.sample_rate()).begin(Cursor::new(Vec::new()))?);
        if self.stems {
            let first = stems(self.song).next().ok_or(Error::Nothing)?;
            Mix::new(&first.song, self.settings)?;
        }
        let rate = f64::from(mix.sample_rate());
        let once = mix.frames() as f64 / rate + self.settings.tail_seconds.unwrap_or(0.0);
        let seconds = once * self.passes() as f64;
        let tracks = self.song.tracks.len().max(1) as f64;
        Ok(Effort { seconds, track_seconds: seconds * tracks * (rate / USUAL_RATE) })
    }

    /// Writes it into an empty file, which holds everything when this has come back. `watch` hears how far all of it is.
    ///
    /// # Errors
    /// As [`Mix::write`]; then the file is worth nothing.
    pub fn write<R: Recordings, F: Read + Write + Seek>(
        &self,
        recordings: &mut R,
        file: F,
        watch: Watch<'_>,
    ) -> Result<Made> {
        let (count, mut passed) = (self.passes(), 0);
        let mut made = Made::default();
        if let Some(loudness) = self.settings.loudness {
            let mix = Mix::new(self.song, self.settings)?;
            made.gain_db = mix.measure(recordings, &mut part(watch, passed, count))?.gain_db(loudness);
            made.has_no_loudness = made.gain_db.is_none();
            passed += 1;
        }
        let gain = made.gain_db.map_or(1.0, factor);
        if !self.stems {
            made.files.push(self.mix(self.song, recordings, gain, file, &mut part(watch, passed, count))?);
            return Ok(made);
        }
        let extension = self.settings.format.encoded().extension();
        let mut zip = Zip::new(file);
        for stem in stems(self.song) {
            let name = self.track_names.get(stem.track).map_or("", String::as_str);
            let mut member = zip.begin(&stem_file(stem.track, name, extension)).map_err(media::Error::from)?;
            made.files.push(self.mix(&stem.song, recordings, gain, &mut member, &mut part(watch, passed, count))?);
            passed += 1;
            let mut on = || watch(passed as f32 / count as f32);
            if member.finish(&mut on).map_err(media::Error::from)?.is_break() {
                return Err(Error::Stopped);
            }
        }
        if made.files.is_empty() {
            return Err(Error::Nothing);
        }
        zip.finish().map_err(media::Error::from)?;
        Ok(made)
    }

    /// How often the song is played.
    fn passes(&self) -> usize {
        let files = if self.stems { stem_count(self.song) } else { 1 };
        files + usize::from(self.settings.loudness.is_some())
    }

    fn mix<R: Recordings, W: Write + Seek>(
        &self,
        song: &Song,
        recordings: &mut R,
        gain: f32,
        file: W,
        watch: Watch<'_>,
    ) -> Result<Summary> {
        let mix = Mix::new(song, self.settings)?;
        let encoder = self.settings.target(mix.sample_rate()).begin(BufWriter::with_capacity(BUFFER_BYTES, file))?;
        mix.write(recordings, gain, encoder, watch)
    }
}

/// Hears one pass of several as a part of the whole.
fn part<'a>(watch: Watch<'a>, passed: usize, count: usize) -> impl FnMut(f32) -> ControlFlow<()> + 'a {
    move |done| watch((passed as f32 + done) / count as f32)
}
