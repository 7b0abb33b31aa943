//! The command `unisono render`.

mod recordings;
mod stretch;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use engine::Song;
use mixdown::limits::RAISE_DB_MAX;
use mixdown::{CEILING_DB, FileFormat, Mix, Settings, Stretch};

use crate::archive::format::Archive;
use crate::cli::Failure;
pub(crate) use recordings::{Recordings, played};

/// Arguments of `unisono render`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A project's archive: a folder with a project.json, as `unisono archive` writes it
    #[arg(value_name = "PROJECT")]
    pub project: PathBuf,
    /// The file to write; its ending says which format, unless --format does
    #[arg(short, long, value_name = "FILE", required_unless_present = "stems")]
    pub output: Option<PathBuf>,
    /// Write one file for each track that goes to the master into this folder: what it brings to the master, with what its group's tracks and
    /// sends bring to it, through the master; together they are the mix, where the master's effects are linear
    #[arg(long, value_name = "FOLDER")]
    pub stems: Option<PathBuf>,
    /// The kind of file [default: by the ending of FILE, else wav]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Bits of a sample, for wav and flac: 16 (dithered), 24, or for wav 32f for floating point [default: 16]
    #[arg(long, value_enum)]
    pub bits: Option<Bits>,
    /// Kilobits a second on average, for mp3 (64 to 320; at 320 constant), opus (64 to 510) and ogg (64 to 480) [default: 192, 128, 160]
    #[arg(long, value_name = "KBPS")]
    pub bitrate: Option<u32>,
    /// Sample rate in Hz at which the engine runs [default: the project's; 48000 for opus, at most that for mp3]
    #[arg(long, value_name = "HZ")]
    pub rate: Option<u32>,
    /// From where to where, in beats (quarter notes from 0) or, with an s behind each, in seconds: 4..12 or 1.5s..20s [default: the song]
    #[arg(long, value_name = "FROM..TO", value_parser = stretch::parse)]
    pub range: Option<Stretch>,
    /// Seconds in which effects ring out behind the end, or auto: until they are silent, at most 60
    #[arg(long, value_name = "SECONDS|auto", default_value = "auto", value_parser = stretch::parse_tail)]
    pub tail: Tail,
    /// Bring the mix to this loudness in LUFS (EBU R128), its true peak staying below -1 dBTP; stems move by as much as the mix
    #[arg(long, value_name = "LUFS", allow_negative_numbers = true)]
    pub normalise: Option<f64>,
    /// The piece's title
    #[arg(long)]
    pub title: Option<String>,
    /// Who plays it
    #[arg(long)]
    pub artist: Option<String>,
    /// The album that it is on
    #[arg(long)]
    pub album: Option<String>,
    /// A year, or a date as in 2026-11-26
    #[arg(long)]
    pub date: Option<String>,
    /// Anything else to write into the file
    #[arg(long)]
    pub comment: Option<String>,
    /// Say what was written as JSON
    #[arg(long)]
    pub json: bool,
}

/// How long effects ring out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tail {
    /// Until they are silent.
    Auto,
    /// So many seconds.
    Seconds(f64),
}

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// PCM; beyond 4 GB RF64.
    Wav,
    /// Free Lossless Audio Codec.
    Flac,
    /// MPEG-1 audio layer III.
    Mp3,
    /// Opus in Ogg.
    Opus,
    /// Vorbis in Ogg.
    Ogg,
}

/// How samples are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Bits {
    /// 16-bit integers, dithered.
    #[value(name = "16")]
    B16,
    /// 24-bit integers.
    #[value(name = "24")]
    B24,
    /// 32-bit floating point.
    #[value(name = "32f")]
    F32,
}

/// What was rendered.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    #[serde(flatten)]
    pub(crate) mix: Option<mixdown::Summary>,
    /// Integrated loudness before, in LUFS, and by how much everything was raised, in dB; none where it is too short or too quiet to have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) loudness: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gain_db: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) stems: Vec<StemReport>,
}

/// A stem that was rendered.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StemReport {
    pub(crate) file: PathBuf,
    #[serde(flatten)]
    pub(crate) summary: mixdown::Summary,
}

/// Runs the command. Each file appears whole or not at all.
///
/// # Errors
/// When the archive is none or lacks a recording, or a file cannot be written.
pub fn run(args: &Args) -> Result<(), Failure> {
    let report = render(args)?;
    if args.json {
        println!("{}", serde_json::json!(report));
        return Ok(());
    }
    if let Some(wanted) = args.normalise {
        println!("{}", loudness_in_words(&report, wanted));
    }
    if let (Some(output), Some(mix)) = (&args.output, &report.mix) {
        say(output, mix);
    }
    report.stems.iter().for_each(|stem| say(&stem.file, &stem.summary));
    Ok(())
}

/// What came of bringing it to a loudness, and why it is not the one that was asked for.
fn loudness_in_words(report: &Report, wanted: f64) -> String {
    let (Some(before), Some(gain)) = (report.loudness, report.gain_db) else {
        return "too short or too quiet to have a loudness: left at its level".to_owned();
    };
    let now = before + gain;
    let short = wanted - now;
    let reached = format!("{now:.1} LUFS, {before:.1} before ({gain:+.1} dB)");
    if short < 0.05 {
        return reached;
    }
    let why = if gain < RAISE_DB_MAX - 0.05 {
        format!("its true peak would pass {CEILING_DB:.0} dBTP")
    } else {
        format!("nothing is raised by more than {RAISE_DB_MAX:.0} dB")
    };
    format!("{reached}: {short:.1} LU below {wanted:.1}, as {why}")
}

fn say(file: &Path, summary: &mixdown::Summary) {
    let peak = summary.peak_db.map_or("silent".to_owned(), |db| format!("peak {db:.2} dBFS"));
    println!("{}: {:.3} s at {} Hz, {peak}", file.display(), summary.seconds(), summary.sample_rate);
    if summary.over > 0 {
        eprintln!("unisono: {} samples are above full scale", summary.over);
    }
}

impl Args {
    /// A WAV file of floating point, all else as it is without being told.
    #[cfg(test)]
    pub(crate) fn floating(project: &Path, output: &Path) -> Args {
        let [project, output] = [project, output].map(|path| path.display().to_string());
        tests::typed(&[&project, "-o", &output, "--bits", "32f"])
    }

    /// What is to be made.
    fn settings(&self) -> Result<Settings, Failure> {
        let settings = Settings {
            bits: self.bits.map(|bits| match bits {
                Bits::B16 => mixdown::Bits::B16,
                Bits::B24 => mixdown::Bits::B24,
                Bits::F32 => mixdown::Bits::F32,
            }),
            kbps: self.bitrate,
            sample_rate: self.rate,
            range: self.range,
            tail_seconds: match self.tail {
                Tail::Auto => None,
                Tail::Seconds(seconds) => Some(seconds),
            },
            loudness: self.normalise,
            title: self.title.clone(),
            artist: self.artist.clone(),
            album: self.album.clone(),
            date: self.date.clone(),
            comment: self.comment.clone(),
            ..Settings::of(self.file_format()?)
        };
        settings.check().map_err(|error| Failure::new(error.to_string()))?;
        Ok(settings)
    }

    fn file_format(&self) -> Result<FileFormat, Failure> {
        let chosen = match (self.format, &self.output) {
            (Some(format), _) => Some(format),
            (None, None) => Some(Format::Wav),
            (None, Some(output)) => {
                let ending = output.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
                clap::ValueEnum::from_str(ending, true).ok()
            }
        };
        match chosen {
            Some(Format::Wav) => Ok(FileFormat::Wav),
            Some(Format::Flac) => Ok(FileFormat::Flac),
            Some(Format::Mp3) => Ok(FileFormat::Mp3),
            Some(Format::Opus) => Ok(FileFormat::Opus),
            Some(Format::Ogg) => Ok(FileFormat::Ogg),
            None => Err(Failure::new("the file's ending is none of wav, flac, mp3, opus and ogg: say --format")),
        }
    }
}

pub(crate) fn render(args: &Args) -> Result<Report, Failure> {
    let settings = args.settings()?;
    let mut archive = Archive::read(&args.project)?;
    let recordings = Recordings::prepare(&mut archive)?;
    let song = Song::from_records(&archive.records, |file| recordings.number(file))
        .ok_or_else(|| Failure::new("the archive holds no project"))?;
    let names: Vec<String> =
        archive.records.tracks().iter().map(|track| track.text("name").unwrap_or_default().to_owned()).collect();
    drop(archive);
    let mix = Mix::new(&song, &settings)?;
    let mut report = Report::default();
    if let Some(loudness) = settings.loudness {
        let measured = mix.measure(&mut recordings.files(), &mut progress("measuring"))?;
        report.gain_db = measured.gain_db(loudness);
        report.loudness = report.gain_db.map(|_| measured.lufs);
    }
    let gain = report.gain_db.map_or(1.0, mixdown::factor);
    if let Some(output) = &args.output {
        report.mix = Some(write(output, &mix, &settings, &recordings, gain)?);
    }
    drop(mix);
    if let Some(folder) = &args.stems {
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::new(format!("cannot make {}: {error}", folder.display())))?;
        for stem in mixdown::stems(&song) {
            let name = names.get(stem.track).map_or("", String::as_str);
            let file = folder.join(mixdown::stem_file(stem.track, name, settings.format.encoded().extension()));
            let mix = Mix::new(&stem.song, &settings)?;
            let summary = write(&file, &mix, &settings, &recordings, gain)?;
            report.stems.push(StemReport { file, summary });
        }
    }
    Ok(report)
}

impl From<mixdown::Error> for Failure {
    fn from(error: mixdown::Error) -> Self {
        Failure::new(error.to_string())
    }
}

fn write(
    output: &Path,
    mix: &Mix,
    settings: &Settings,
    recordings: &Recordings,
    gain: f32,
) -> Result<mixdown::Summary, Failure> {
    let failed = |error: String| Failure::new(format!("cannot write {}: {error}", output.display()));
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = tempfile::Builder::new()
        .prefix(".render-")
        .permissions(crate::peaks::public())
        .tempfile_in(folder)
        .map_err(|error| failed(error.to_string()))?;
    let out = file.as_file().try_clone().map_err(|error| failed(error.to_string()))?;
    let out = BufWriter::with_capacity(256 * 1024, out);
    let encoder = settings.target(mix.sample_rate()).begin::<BufWriter<File>>(out);
    let encoder = encoder.map_err(|error| failed(error.to_string()))?;
    let summary = mix.write(&mut recordings.files(), gain, encoder, &mut progress(""))?;
    file.as_file().sync_all().map_err(|error| failed(error.to_string()))?;
    file.persist(output).map_err(|error| failed(error.error.to_string()))?;
    Ok(summary)
}

/// Percent on the terminal, when there is one.
fn progress(what: &'static str) -> impl FnMut(f32) -> ControlFlow<()> {
    let mut shown = io::stderr().is_terminal().then_some(u32::MAX);
    move |done| {
        let percent = (done * 100.0) as u32;
        if shown.is_some_and(|shown| shown != percent) {
            shown = if percent < 100 { Some(percent) } else { None };
            eprint!("\r{percent:3} % {what}{}", if percent < 100 { "" } else { "\n" });
        }
        ControlFlow::Continue(())
    }
}
