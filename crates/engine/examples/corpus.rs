//! Writes the corpus for the browser: `cargo run --release -p engine --example corpus -- FOLDER`.
//!
//! For each song: its plan, its recordings as the audio thread is sent them, and the SHA-256 of what it renders natively
//! (interleaved f32, little-endian), all listed in `corpus.json`. `crates/audio_thread/e2e/same-bits.mjs` reads it.

use std::fmt::Write as _;
use std::{env, fs, io, path::Path};

use engine::stream::WHOLE_CHUNK_FRAMES as CHUNK_FRAMES;
use engine::{Plan, Song};
use sha2::{Digest, Sha256};
use songs::acts::{Act, What};
use songs::{Case, player};

#[path = "../corpus/songs.rs"]
#[allow(dead_code, unreachable_pub, missing_docs, reason = "shared with the tests, which use more of it")]
mod songs;

fn main() -> io::Result<()> {
    let Some(folder) = env::args().nth(1) else {
        return Err(io::Error::other("usage: corpus FOLDER"));
    };
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    let mut entries = Vec::new();
    for case in songs::all() {
        entries.push(write_case(folder, &case)?);
        println!("{}", case.name);
    }
    fs::write(folder.join("corpus.json"), format!("[\n{}\n]\n", entries.join(",\n")))
}

fn write_case(folder: &Path, case: &Case) -> io::Result<String> {
    let plan_file = format!("{}.plan", case.name);
    write_plan(folder, &plan_file, &case.song)?;
    let acts: Vec<String> = case.acts.iter().map(|act| write_act(folder, case, act)).collect::<io::Result<_>>()?;
    let mut sources = Vec::new();
    for (id, channels) in &case.recordings {
        let sixteen_bits = channels.iter().flatten().all(|x| (x * 32_768.0).fract() == 0.0 && x.abs() < 1.0);
        let file = format!("{}-{id}.pcm", case.name);
        fs::write(folder.join(&file), if sixteen_bits { interleaved_i16(channels) } else { planar_f32(channels) })?;
        let format = if sixteen_bits { "i16" } else { "f32" };
        let (count, frames) = (channels.len(), channels[0].len());
        sources
            .push(format!(r#"{{"id":{id},"channels":{count},"frames":{frames},"format":"{format}","file":"{file}"}}"#));
    }
    let loop_ticks = case.loop_ticks.map_or("null".to_owned(), |(start, end)| format!("[{start},{end}]"));
    Ok(format!(
        r#"{{"name":"{}","sampleRate":{},"frames":{},"startTicks":{},"loop":{loop_ticks},"metronome":{},"plan":"{plan_file}","sources":[{}],"acts":[{}],"sha256":"{}"}}"#,
        case.name,
        case.song.sample_rate,
        case.frames,
        case.start_ticks,
        case.metronome,
        sources.join(","),
        acts.join(","),
        sha256(&player::play(case, || case.frames)),
    ))
}

fn write_plan(folder: &Path, file: &str, song: &Song) -> io::Result<()> {
    fs::write(folder.join(file), Plan::compile(song).map_err(io::Error::other)?.to_bytes())
}

/// An act, with the frame at which it happens. Its plan goes into a file of its own.
fn write_act(folder: &Path, case: &Case, act: &Act) -> io::Result<String> {
    let at = act.at;
    Ok(match &act.what {
        What::Seek(ticks) => format!(r#"{{"at":{at},"type":"seek","ticks":{ticks}}}"#),
        What::Stop => format!(r#"{{"at":{at},"type":"stop"}}"#),
        What::Play => format!(r#"{{"at":{at},"type":"play"}}"#),
        What::Plan(song) => {
            let file = format!("{}-{at}.plan", case.name);
            write_plan(folder, &file, song)?;
            format!(r#"{{"at":{at},"type":"plan","plan":"{file}"}}"#)
        }
    })
}

fn sha256([left, right]: &[Vec<f32>; 2]) -> String {
    let mut hash = Sha256::new();
    for (l, r) in left.iter().zip(right) {
        hash.update(l.to_le_bytes());
        hash.update(r.to_le_bytes());
    }
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn interleaved_i16(channels: &[Vec<f32>]) -> Vec<u8> {
    let sample = |x: f32| ((x * 32_768.0) as i16).to_le_bytes();
    (0..channels[0].len()).flat_map(|n| channels.iter().flat_map(move |channel| sample(channel[n]))).collect()
}

/// Chunk by chunk, the left channel and then the right.
fn planar_f32(channels: &[Vec<f32>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for begin in (0..channels[0].len()).step_by(CHUNK_FRAMES) {
        let end = (begin + CHUNK_FRAMES).min(channels[0].len());
        for channel in channels {
            bytes.extend(channel[begin..end].iter().flat_map(|x| x.to_le_bytes()));
        }
    }
    bytes
}
