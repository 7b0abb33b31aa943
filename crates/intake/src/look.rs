//! Is it audio, what is its hash, how long is it?

use std::io::{Read, Seek, SeekFrom};

use media::decode::Source;
use media::{Decoder, Error, sniff};
use sha2::{Digest, Sha256};

/// Bytes that are hashed at a time.
const HASHED_BYTES: usize = 262_144;

/// What a file says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// SHA-256 of all its bytes.
    pub hash: [u8; 32],
    /// Its length, where its header tells.
    pub seconds: Option<f64>,
}

impl Look {
    /// The bytes that go to the page: the hash, then the seconds, not a number where they are unknown.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let seconds = self.seconds.unwrap_or(f64::NAN).to_le_bytes();
        self.hash.into_iter().chain(seconds).collect()
    }
}

/// Hashes a file and reads its header.
///
/// # Errors
/// The reason for which it is not taken, in words for a person: it is empty, no audio, damaged, or cannot be read.
pub fn look(mut file: impl Source + 'static) -> Result<Look, String> {
    let hash = hash(&mut file)?;
    file.seek(SeekFrom::Start(0)).map_err(|error| error.to_string())?;
    let decoder = Decoder::new(file).map_err(|error| error.to_string())?;
    let info = decoder.info();
    let seconds = info.declared_frames.map(|frames| frames as f64 / f64::from(info.sample_rate));
    Ok(Look { hash, seconds: seconds.filter(|seconds| *seconds > 0.0) })
}

/// What is no audio is told by its first bytes, before gigabytes are hashed in vain.
fn hash(file: &mut (impl Read + Seek)) -> Result<[u8; 32], String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; HASHED_BYTES];
    let mut first = true;
    loop {
        let filled = file.read(&mut buffer).map_err(|error| error.to_string())?;
        if first {
            let found = if filled == 0 { Err(Error::Empty) } else { sniff(&buffer[..filled]) };
            found.map_err(|error| error.to_string())?;
            first = false;
        }
        if filled == 0 {
            return Ok(hasher.finalize().into());
        }
        hasher.update(&buffer[..filled]);
    }
}
