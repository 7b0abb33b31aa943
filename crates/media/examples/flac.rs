//! `flac IN.wav OUT.flac`: encodes what a file decodes to with 16 bits, without noise, for `benches/flac.sh` and for profiling.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use media::flac::Writer;
use media::wav::BitDepth;
use media::{Decoder, Labels};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(input), Some(output)) = (arguments.next(), arguments.next()) else {
        return Err("usage: flac IN.wav OUT.flac".into());
    };
    let mut decoder = Decoder::open(Path::new(&input))?;
    let (rate, channels) = (decoder.info().sample_rate, decoder.info().channels);
    let out = BufWriter::with_capacity(256 * 1024, File::create(output)?);
    let mut writer = Writer::new(out, rate, channels, BitDepth::I16, None, &Labels::default())?;
    while let Some(block) = decoder.next_block()? {
        writer.write_planar(&block.slices())?;
    }
    writer.finish()?;
    Ok(())
}
