//! The command `unisono render`.

mod recordings;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _};
use std::path::{Path, PathBuf};

use engine::{Plan, Renderer, Song};
use media::wav::{BitDepth, Writer};

use crate::archive::format::Archive;
use crate::cli::Failure;
use recordings::{Files, Recordings};

/// The same noise in every render: the same song gives the same file.
const DITHER_SEED: u32 = 0x756e_6973;

/// Frames rendered at a time; the sound does not depend on it.
const BLOCK_FRAMES: usize = engine::processor::CUT_FRAMES;

/// Arguments of `unisono render`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A project's archive: a folder with a project.json, as `unisono archive` writes it
    #[arg(value_name = "PROJECT")]
    pub project: PathBuf,
    /// The WAV file to write
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Bits of a sample: 16 (dithered), 24, or 32f for floating point
    #[arg(long, value_enum, default_value_t = Bits::B16)]
    pub bits: Bits,
    /// Sample rate in Hz at which the engine runs [default: the project's]
    #[arg(long, value_name = "HZ")]
    pub rate: Option<u32>,
    /// Say what was written as JSON
    #[arg(long)]
    pub json: bool,
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

impl Bits {
    fn depth(self) -> BitDepth {
        match self {
            Bits::B16 => BitDepth::I16,
            Bits::B24 => BitDepth::I24,
            Bits::F32 => BitDepth::F32,
        }
    }
}

/// What was rendered.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    frames: u64,
    sample_rate: u32,
    /// The highest sample, in dBFS; `None` for silence.
    pub(crate) peak_db: Option<f64>,
    /// Samples above full scale; integers cut them off.
    pub(crate) over: u64,
}

impl Summary {
    pub(crate) fn seconds(&self) -> f64 {
        self.frames as f64 / f64::from(self.sample_rate)
    }
}

/// Runs the command. The file appears whole or not at all.
///
/// # Errors
/// When the archive is none or lacks a recording, or the file cannot be written.
pub fn run(args: &Args) -> Result<(), Failure> {
    let summary = render(args)?;
    if args.json {
        println!("{}", serde_json::json!(summary));
        return Ok(());
    }
    let seconds = summary.seconds();
    let peak = summary.peak_db.map_or("silent".to_owned(), |db| format!("peak {db:.2} dBFS"));
    println!("{}: {seconds:.3} s at {} Hz, {peak}", args.output.display(), summary.sample_rate);
    if summary.over > 0 {
        eprintln!("unisono: {} samples are above full scale", summary.over);
    }
    Ok(())
}

pub(crate) fn render(args: &Args) -> Result<Summary, Failure> {
    let mut archive = Archive::read(&args.project)?;
    let recordings = Recordings::prepare(&mut archive)?;
    let mut song = Song::from_records(&archive.records, |file| recordings.number(file))
        .ok_or_else(|| Failure::new("the archive holds no project"))?;
    if let Some(rate) = args.rate {
        song.sample_rate = rate;
    }
    drop(archive);
    let plan = Plan::compile(&song).map_err(|error| Failure::new(format!("the project cannot be played: {error}")))?;
    drop(song);
    if plan.view().frames() == 0 {
        return Err(Failure::new("there is nothing to render: no clip of this project can be heard"));
    }
    let bytes = plan.view().frames().unsigned_abs().saturating_mul(2 * args.bits.depth().bytes() as u64);
    if bytes > media::limits::PCM_BYTES_MAX {
        return Err(Failure::new(media::Error::WavFull.to_string()));
    }
    write(args, &plan, &recordings)
}

fn write(args: &Args, plan: &Plan, recordings: &Recordings) -> Result<Summary, Failure> {
    let failed = |error: String| Failure::new(format!("cannot write {}: {error}", args.output.display()));
    let folder = args.output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = tempfile::Builder::new()
        .prefix(".render-")
        .permissions(crate::peaks::public())
        .tempfile_in(folder)
        .map_err(|error| failed(error.to_string()))?;
    let out = file.as_file().try_clone().map_err(|error| failed(error.to_string()))?;
    let summary = mix(args.bits, plan, recordings, out)?;
    file.as_file().sync_all().map_err(|error| failed(error.to_string()))?;
    file.persist(&args.output).map_err(|error| failed(error.error.to_string()))?;
    Ok(summary)
}

fn mix(bits: Bits, plan: &Plan, recordings: &Recordings, out: File) -> Result<Summary, Failure> {
    let failed = |error: media::Error| Failure::new(format!("cannot write the mix: {error}"));
    let view = plan.view();
    let (frames, sample_rate) = (view.frames(), view.sample_rate());
    let out = BufWriter::with_capacity(256 * 1024, out);
    let mut writer = Writer::new(out, sample_rate, 2, bits.depth(), Some(DITHER_SEED)).map_err(failed)?;
    let mut files = Files::new(recordings);
    let mut level = Level::default();
    let mut progress = Progress::new(frames);
    let mut renderer = Renderer::new(view, 0..frames);
    let (mut left, mut right) = (vec![0.0; BLOCK_FRAMES], vec![0.0; BLOCK_FRAMES]);
    loop {
        let count = renderer.next(&mut files, &mut left, &mut right);
        files.check()?;
        if count == 0 {
            break;
        }
        let (left, right) = (&left[..count], &right[..count]);
        level.add(left);
        level.add(right);
        progress.add(count);
        writer.write_planar(&[left, right]).map_err(failed)?;
    }
    writer.finish().map_err(failed)?;
    progress.end();
    Ok(Summary { frames: frames.unsigned_abs(), sample_rate, peak_db: level.peak_db(), over: level.over })
}

#[derive(Default)]
struct Level {
    peak: f32,
    over: u64,
}

impl Level {
    fn add(&mut self, samples: &[f32]) {
        let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        self.peak = self.peak.max(peak);
        if peak > 1.0 {
            self.over += samples.iter().filter(|sample| sample.abs() > 1.0).count() as u64;
        }
    }

    fn peak_db(&self) -> Option<f64> {
        (self.peak > 0.0).then(|| 20.0 * libm::log10(f64::from(self.peak)))
    }
}

/// Percent on the terminal, when there is one.
struct Progress {
    of: u64,
    done: u64,
    shown: Option<u64>,
}

impl Progress {
    fn new(frames: i64) -> Progress {
        Progress { of: frames.unsigned_abs().max(1), done: 0, shown: io::stderr().is_terminal().then_some(u64::MAX) }
    }

    fn add(&mut self, frames: usize) {
        self.done += frames as u64;
        let percent = self.done * 100 / self.of;
        if self.shown.is_some_and(|shown| shown != percent) {
            self.shown = Some(percent);
            eprint!("\r{percent:3} %");
        }
    }

    fn end(&self) {
        if self.shown.is_some() {
            eprintln!();
        }
    }
}
