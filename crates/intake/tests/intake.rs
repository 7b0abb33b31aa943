//! What a worker finds out about the files of the media crate's tests.

use std::io::Cursor;

use intake::{CHUNK_FRAMES, Samples, Window, look, waveform};
use media::Decoder;
use sha2::{Digest, Sha256};

// As the audio thread takes them.
const _: () = assert!(CHUNK_FRAMES == engine::stream::WHOLE_CHUNK_FRAMES);

#[expect(clippy::unwrap_used, reason = "a test")]
fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../media/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A file as the worker reads it.
fn file(bytes: Vec<u8>) -> Window<impl FnMut(u64, &mut [u8]) -> std::io::Result<usize>> {
    Window::new(bytes.len() as u64, move |offset, buffer: &mut [u8]| {
        let from = &bytes[offset as usize..];
        let length = from.len().min(buffer.len());
        buffer[..length].copy_from_slice(&from[..length]);
        Ok(length)
    })
}

const SOUNDS: [&str; 6] = ["long.mp3", "long.ogg", "mono.ogg", "mono24.flac", "mono_without_tag.mp3", "stereo.mp3"];

/// All samples of a file that the audio thread takes, decoded in one go.
#[expect(clippy::unwrap_used, reason = "a test")]
fn decoded(bytes: Vec<u8>) -> (Decoder, Vec<Vec<f32>>) {
    let mut decoder = Decoder::new(Cursor::new(bytes)).unwrap();
    let mut planes = vec![Vec::new(); usize::from(decoder.info().channels.min(2))];
    while let Some(block) = decoder.next_block().unwrap() {
        for (plane, samples) in planes.iter_mut().zip(block.planes()) {
            plane.extend_from_slice(samples);
        }
    }
    (decoder, planes)
}

#[test]
fn a_look_gives_the_hash_and_the_length_that_the_header_tells() {
    for name in SOUNDS {
        let bytes = fixture(name);
        let seen = look(file(bytes.clone())).unwrap();
        assert_eq!(seen.hash[..], Sha256::digest(&bytes)[..], "{name}");
        let (decoder, planes) = decoded(bytes);
        let seconds = planes[0].len() as f64 / f64::from(decoder.info().sample_rate);
        if let Some(told) = seen.seconds {
            assert!((told - seconds).abs() < 0.001, "{name} tells {told} s and has {seconds} s");
        }
        let sent = seen.to_bytes();
        assert_eq!(sent[..32], seen.hash);
        let told = f64::from_le_bytes(sent[32..].try_into().unwrap());
        assert_eq!(seen.seconds, (!told.is_nan()).then_some(told));
    }
}

#[test]
fn the_waveform_is_that_of_the_server() {
    for name in SOUNDS {
        let bytes = fixture(name);
        let (decoder, _) = decoded(bytes.clone());
        let mut builder =
            media::peaks::PyramidBuilder::new(decoder.info().sample_rate, decoder.info().channels).unwrap();
        let mut again = Decoder::new(Cursor::new(bytes.clone())).unwrap();
        while let Some(block) = again.next_block().unwrap() {
            builder.push(&block.slices()).unwrap();
        }
        assert!(waveform(file(bytes)).unwrap() == builder.finish().unwrap(), "{name}");
    }
}

#[test]
fn chunks_are_all_the_samples_in_their_order() {
    for name in SOUNDS {
        let bytes = fixture(name);
        let (_, planes) = decoded(bytes.clone());
        let mut samples = Samples::new(file(bytes)).unwrap();
        let mut at = 0;
        while let Some(chunk) = samples.next_chunk().unwrap() {
            let frames = chunk.len() / 4 / planes.len();
            assert!(frames == CHUNK_FRAMES || at + frames == planes[0].len(), "{name}: only the last chunk is short");
            let expected: Vec<u8> = planes
                .iter()
                .flat_map(|plane| &plane[at..at + frames])
                .flat_map(|sample| sample.to_le_bytes())
                .collect();
            assert!(chunk == expected, "{name} from frame {at} on");
            at += frames;
        }
        assert_eq!(at, planes[0].len(), "{name}");
        assert!(samples.next_chunk().unwrap().is_none(), "and then nothing");
    }
}

#[test]
fn what_is_no_audio_is_refused_with_a_reason() {
    for (bytes, reason) in [(Vec::new(), "empty"), (b"Dear diary, today we rehearsed.".to_vec(), "text")] {
        let said = look(file(bytes)).unwrap_err();
        assert!(said.contains(reason), "{said}");
    }
    // A header and nothing behind it, and a file that ends in the middle.
    let whole = fixture("mono24.flac");
    for length in [4, 30, whole.len() / 2] {
        let bytes = whole[..length].to_vec();
        let _ = look(file(bytes.clone()));
        assert!(waveform(file(bytes.clone())).is_err(), "{length} bytes of a FLAC file");
        let chunks = Samples::new(file(bytes)).and_then(|mut samples| {
            while samples.next_chunk()?.is_some() {}
            Ok(())
        });
        assert!(chunks.is_err());
    }
}

#[test]
fn a_file_that_goes_away_is_said_to() {
    let mut left = 2;
    let bytes = fixture("long.mp3");
    let size = 3 * 1_048_576;
    let file = Window::new(size, move |offset, buffer: &mut [u8]| {
        left -= 1;
        if left < 0 {
            return Err(std::io::Error::other("It may have been moved."));
        }
        for (at, byte) in buffer.iter_mut().enumerate() {
            *byte = bytes[(offset as usize + at) % bytes.len()];
        }
        Ok(buffer.len())
    });
    assert!(look(file).unwrap_err().contains("moved"));
}
