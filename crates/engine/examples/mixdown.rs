//! The mixdown bar without the house around it: `mixdown RATE OUT.wav STEM.wav…` mixes 16-bit stereo stems, each with a gain and
//! a pan of its own, through the engine into a dithered 16-bit WAV at RATE Hz. `unisono render` does the same from an archive.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::{env, path::Path};

use dsp::dither::Dither;
use engine::{Clip, Compiler, Reader, Song, SourceInfo, Track, render};

/// Bytes of each stem that are read at once.
const READ_BYTES: usize = 64 << 10;

/// A 16-bit stereo WAV file, read in order.
struct Stem {
    file: File,
    rate: u32,
    data_at: u64,
    frames: i64,
    buffer: Vec<u8>,
    /// The frames that the buffer holds.
    first: i64,
    held: usize,
}

impl Stem {
    fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut header = vec![0; 4096.min(file.metadata()?.len() as usize)];
        file.read_exact(&mut header)?;
        let place = header.windows(4).position(|w| w == b"data").ok_or_else(|| io::Error::other("no data"))?;
        let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (rate, bytes) = (word(24), word(place + 4));
        let frames = i64::from(bytes / 4);
        Ok(Self { file, rate, data_at: place as u64 + 8, frames, buffer: vec![0; READ_BYTES], first: 0, held: 0 })
    }

    fn fill(&mut self, first: i64) -> io::Result<()> {
        let wanted = (((self.frames - first) * 4) as usize).min(READ_BYTES);
        self.file.seek(SeekFrom::Start(self.data_at + 4 * first as u64))?;
        self.file.read_exact(&mut self.buffer[..wanted])?;
        (self.first, self.held) = (first, wanted / 4);
        Ok(())
    }
}

struct Stems(Vec<Stem>);

impl Reader for Stems {
    fn read(&mut self, source: u32, start: i64, left: &mut [f32], right: &mut [f32]) {
        let stem = &mut self.0[source as usize];
        let mut done = 0;
        while done < left.len() {
            let frame = start + done as i64;
            if !(stem.first..stem.first + stem.held as i64).contains(&frame)
                && ((!(0..stem.frames).contains(&frame)) || stem.fill(frame).is_err())
            {
                left[done..].fill(0.0);
                right[done..].fill(0.0);
                return;
            }
            let from = (frame - stem.first) as usize * 4;
            let bytes = &stem.buffer[from..stem.held * 4];
            done += dsp::pcm::stereo_i16(bytes, &mut left[done..], &mut right[done..]);
        }
    }

    fn always_finite(&self, _: u32) -> bool {
        true
    }
}

fn main() -> io::Result<()> {
    let usage = || io::Error::other("usage: mixdown RATE OUT.wav STEM.wav…");
    let mut arguments = env::args().skip(1);
    let rate = arguments.next().and_then(|rate| rate.parse().ok()).ok_or_else(usage)?;
    let output = arguments.next().ok_or_else(usage)?;
    let stems = arguments.map(|path| Stem::open(Path::new(&path))).collect::<io::Result<Vec<_>>>()?;
    let plan = Compiler::default().compile(&song(&stems, rate)).map_err(io::Error::other)?;
    let frames = plan.view().frames();
    let mut file = BufWriter::with_capacity(1 << 18, File::create(output)?);
    write_header(&mut file, frames, rate)?;
    let dither = Dither::new(1);
    let (mut frame, mut quantised, mut bytes) = (0u64, Vec::new(), Vec::new());
    render(&plan.view(), &mut Stems(stems), 0..frames, |left, right| {
        quantised.resize(2 * left.len(), 0i16);
        dither.stereo_16(left, right, frame, &mut quantised);
        frame += left.len() as u64;
        bytes.clear();
        bytes.extend(quantised.iter().flat_map(|sample| sample.to_le_bytes()));
        file.write_all(&bytes)
    })?;
    file.flush()
}

fn song(stems: &[Stem], rate: u32) -> Song {
    let count = stems.len();
    let track = |id: usize| {
        let clip = Clip {
            start_ticks: 0,
            duration_ticks: 100_000 * engine::TICKS_PER_BEAT,
            source: id as u32,
            ..Clip::default()
        };
        let pan = 2.0 * id as f64 / count.max(2) as f64 - 1.0;
        Track {
            id: id as u64,
            volume: 0.1 + 0.005 * id as f64,
            pan,
            muted: false,
            solo: false,
            clips: vec![clip],
            ..Track::default()
        }
    };
    let source = |(id, stem): (usize, &Stem)| SourceInfo {
        id: id as u32,
        rate: stem.rate,
        channels: 2,
        frames: stem.frames as u64,
    };
    Song {
        sample_rate: rate,
        tracks: (0..count).map(track).collect(),
        sources: stems.iter().enumerate().map(source).collect(),
        ..Song::default()
    }
}

fn write_header(file: &mut impl Write, frames: i64, rate: u32) -> io::Result<()> {
    let bytes = (frames * 4) as u32;
    file.write_all(b"RIFF")?;
    file.write_all(&(bytes + 36).to_le_bytes())?;
    file.write_all(b"WAVEfmt \x10\0\0\0\x01\0\x02\0")?;
    file.write_all(&rate.to_le_bytes())?;
    file.write_all(&(rate * 4).to_le_bytes())?;
    file.write_all(b"\x04\0\x10\0data")?;
    file.write_all(&bytes.to_le_bytes())
}
