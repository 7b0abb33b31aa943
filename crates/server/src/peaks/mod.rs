//! The command `unisono peaks`.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use media::peaks::{Resolution, Waveform, WaveformOptions, waveform};

use crate::cli::Failure;

/// Arguments of `unisono peaks`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Audio file: WAV, FLAC, MP3 or Ogg Vorbis
    pub input: PathBuf,
    /// Where to write the peaks; the extension, .dat or .json, says in which form
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    /// Samples that each pair of minimum and maximum stands for
    #[arg(short, long, value_name = "SAMPLES_PER_PIXEL", default_value_t = 256)]
    pub zoom: u32,
    /// Bits of each value: 8 or 16
    #[arg(short, long, value_name = "BITS", default_value_t = 16)]
    pub bits: u32,
}

#[derive(Clone, Copy)]
enum Form {
    Dat,
    Json,
}

/// Runs the command. The output appears whole or not at all.
///
/// # Errors
/// When the input is no audio, the output cannot be written, or an option is out of range.
pub fn run(args: &Args) -> Result<(), Failure> {
    let form = form_of(&args.output)?;
    let resolution = Resolution::from_bits(args.bits).map_err(|error| Failure::new(format!("--bits: {error}")))?;
    let options = WaveformOptions { samples_per_pixel: args.zoom, threads: 0 };
    let peaks =
        waveform(&args.input, options).map_err(|error| Failure::new(format!("{}: {error}", args.input.display())))?;
    write(&args.output, form, &peaks, resolution)
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", args.output.display())))
}

fn form_of(output: &Path) -> Result<Form, Failure> {
    let extension = output.extension().unwrap_or_default();
    if extension.eq_ignore_ascii_case("dat") {
        Ok(Form::Dat)
    } else if extension.eq_ignore_ascii_case("json") {
        Ok(Form::Json)
    } else {
        Err(Failure::new(format!("{}: the output's extension is .dat or .json", output.display())))
    }
}

fn write(output: &Path, form: Form, peaks: &Waveform, resolution: Resolution) -> media::Result<()> {
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut out = BufWriter::new(tempfile::Builder::new().prefix(".peaks-").permissions(public()).tempfile_in(folder)?);
    match form {
        Form::Dat => peaks.write_dat(&mut out, resolution)?,
        Form::Json => peaks.write_json(&mut out, resolution)?,
    }
    out.flush()?;
    let file = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.persist(output).map_err(|error| error.error)?;
    Ok(())
}

/// What a new file has: readable by all, as far as the umask lets.
#[cfg(unix)]
pub(crate) fn public() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::Permissions::from_mode(0o666)
}

/// What a new file has.
#[cfg(not(unix))]
pub(crate) fn public() -> std::fs::Permissions {
    compile_error!("say here what a new file's permissions are on this system")
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn args(input: PathBuf, output: PathBuf) -> Args {
        Args { input, output, zoom: 64, bits: 8 }
    }

    fn sine(path: &Path) {
        let file = File::create(path).unwrap();
        let mut writer = media::wav::Writer::new(file, 48_000, 1, media::wav::BitDepth::I16, None).unwrap();
        let samples: Vec<f32> = (0..6_400).map(|n| if n % 64 < 32 { 0.5 } else { -0.5 }).collect();
        writer.write_planar(&[&samples]).unwrap();
        writer.finish().unwrap();
    }

    #[test]
    fn peaks_are_written_in_the_form_that_the_extension_names() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("in.wav");
        sine(&input);
        let (dat, json) = (folder.path().join("out.dat"), folder.path().join("out.JSON"));
        run(&args(input.clone(), dat.clone())).unwrap();
        run(&args(input, json.clone())).unwrap();
        let dat = std::fs::read(dat).unwrap();
        assert_eq!((dat.len(), i32::from_le_bytes(dat[..4].try_into().unwrap())), (24 + 200, 2));
        assert_eq!(dat[24] as i8, -64);
        let json: serde_json::Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
        assert_eq!((json["length"].as_u64(), json["data"][0].as_i64()), (Some(100), Some(-64)));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "nothing else is left");
    }

    #[test]
    fn what_cannot_be_done_says_why_and_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (input, out) = (folder.path().join("in.wav"), folder.path().join("out.dat"));
        sine(&input);
        let text = folder.path().join("text.wav");
        std::fs::write(&text, "not audio at all, whatever its name says").unwrap();
        for (args, reason) in [
            (args(text, out.clone()), "not an audio file"),
            (args(folder.path().join("absent.wav"), out.clone()), "absent.wav"),
            (args(input.clone(), folder.path().join("out.png")), ".dat or .json"),
            (Args { bits: 12, ..args(input.clone(), out.clone()) }, "--bits"),
            (Args { zoom: 0, ..args(input.clone(), out.clone()) }, "in.wav"),
            (args(input, folder.path().join("absent/out.dat")), "cannot write"),
        ] {
            let failure = run(&args).unwrap_err();
            assert!(failure.0.contains(reason), "{failure}");
        }
        assert!(!out.exists());
    }
}
