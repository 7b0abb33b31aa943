//! `encode IN.wav OUT.(wav|flac|mp3|opus|ogg) [KBPS]`: encodes what a file decodes to, for trying encoders out beside others' tools.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use media::encode::{Format, Target};
use media::wav::BitDepth;
use media::{Decoder, Labels};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(input), Some(output)) = (arguments.next(), arguments.next()) else {
        return Err("usage: encode IN.wav OUT.(wav|flac|mp3|opus|ogg) [KBPS]".into());
    };
    let extension = Path::new(&output).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let format = Format::from_extension(extension).ok_or("no such format")?;
    let kbps = arguments.next().map_or(Ok(format.kbps().map_or(0, |(_, usual)| usual)), |text| text.parse())?;
    let mut decoder = Decoder::open(Path::new(&input))?;
    let sample_rate = decoder.info().sample_rate;
    if format.rate(sample_rate) != sample_rate {
        return Err("this format does not have the file's sample rate".into());
    }
    let target = Target { format, depth: BitDepth::I16, kbps, sample_rate, dither: None, labels: Labels::default() };
    let mut encoder = target.begin(BufWriter::with_capacity(256 * 1024, File::create(output)?))?;
    while let Some(block) = decoder.next_block()? {
        encoder.write(&block.slices())?;
    }
    Ok(encoder.finish()?)
}
