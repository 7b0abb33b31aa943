//! `peaks peaks IN -o OUT.dat|OUT.json [-z SAMPLES_PER_PIXEL] [-b 8|16] [-t THREADS]`: what `unisono peaks` does, without the rest of `unisono`, for
//! `benches/peaks.sh` and for profiling.

use std::fs::File;
use std::path::Path;

use media::peaks::{Resolution, WaveformOptions, waveform};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let option =
        |name: &str| arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1));
    let number = |name: &str, default: u32| option(name).map_or(Ok(default), |text| text.parse());
    let (Some(input), Some(output)) = (arguments.get(2), option("-o")) else {
        return Err("usage: peaks peaks IN -o OUT.dat|OUT.json [-z SAMPLES_PER_PIXEL] [-b 8|16] [-t THREADS]".into());
    };
    let options = WaveformOptions { samples_per_pixel: number("-z", 256)?, threads: number("-t", 0)? as usize };
    let resolution = Resolution::from_bits(number("-b", 16)?)?;
    let waveform = waveform(Path::new(input), options)?;
    let out = File::create(output)?;
    match Path::new(output).extension().and_then(|extension| extension.to_str()) {
        Some("json") => waveform.write_json(out, resolution)?,
        _ => waveform.write_dat(out, resolution)?,
    }
    Ok(())
}
