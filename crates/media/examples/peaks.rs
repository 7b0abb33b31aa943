//! `peaks IN OUT.dat|OUT.json [SAMPLES_PER_PIXEL] [8|16] [THREADS]`: for benchmarks that want nothing but this crate.

use std::fs::File;
use std::path::Path;

use media::peaks::{Resolution, WaveformOptions, waveform};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |at: usize, default: u32| arguments.get(at).map_or(Ok(default), |text| text.parse());
    let (Some(input), Some(output)) = (arguments.get(1), arguments.get(2)) else {
        return Err("usage: peaks IN OUT.dat|OUT.json [SAMPLES_PER_PIXEL] [8|16] [THREADS]".into());
    };
    let options = WaveformOptions { samples_per_pixel: number(3, 256)?, threads: number(5, 0)? as usize };
    let resolution = Resolution::from_bits(number(4, 16)?)?;
    let waveform = waveform(Path::new(input), options)?;
    let out = File::create(output)?;
    match Path::new(output).extension().and_then(|extension| extension.to_str()) {
        Some("json") => waveform.write_json(out, resolution)?,
        _ => waveform.write_dat(out, resolution)?,
    }
    Ok(())
}
