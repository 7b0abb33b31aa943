//! Every limit of this crate, named.

/// Largest audio file that is read, in bytes: as large as one that may be uploaded.
pub const FILE_BYTES_MAX: u64 = 500 * 1024 * 1024;
/// Most channels of one file. Interfaces and multitrack recorders stop at 32; more is a sign of a damaged header.
pub const CHANNELS_MAX: u16 = 32;
/// Lowest sample rate in Hz.
pub const SAMPLE_RATE_MIN: u32 = 8_000;
/// Highest sample rate in Hz.
pub const SAMPLE_RATE_MAX: u32 = 384_000;
/// Longest recording, in seconds: 24 hours.
pub const DURATION_SECONDS_MAX: u64 = 24 * 60 * 60;
/// Most bytes of PCM that one file may decode to, and the most a WAV file may hold: its sizes are 32-bit numbers.
/// What is left out makes room for the header and a pad byte.
pub const PCM_BYTES_MAX: u64 = u32::MAX as u64 - 128;
/// Most bytes of PCM that a compressed file of any size may decode to for playback: an hour of mono at 48 kHz and 24 bits. Long
/// silence compresses to nearly nothing, so that a ratio alone would refuse honest stems.
pub const ASSET_BYTES_SMALL: u64 = 512 * 1024 * 1024;
/// Beyond that, most bytes of PCM for each byte of a compressed file: MP3 at its lowest bit rate reaches 192.
pub const ASSET_RATIO_MAX: u64 = 200;
/// Most frames in one compressed block (FLAC's own maximum is 65,535).
pub const BLOCK_FRAMES_MAX: usize = 65_535;
/// Most chunks that are walked through in search of a WAV file's samples.
pub const WAV_CHUNKS_MAX: usize = 4_096;
/// Bytes of a file that sniffing looks at.
pub const SNIFF_BYTES: usize = 64 * 1024;
/// Most bytes of tags in front of the audio that are skipped (cover pictures make them large).
pub const TAG_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Longest title or artist that is kept, in characters.
pub const TAG_CHARACTERS_MAX: usize = 256;
/// Most damaged packets in a row before decoding gives up.
pub const DAMAGED_PACKETS_IN_A_ROW_MAX: u32 = 512;
/// Most damaged packets in a whole file.
pub const DAMAGED_PACKETS_MAX: u32 = 4_096;
/// Most numbers that the codebooks of a Vorbis file may expand to; encoders stay far below 100,000.
pub const VORBIS_CODEBOOK_VALUES_MAX: u64 = 4 * 1024 * 1024;
/// Most bytes in the header packets of an Ogg stream; comments may carry a picture.
pub const OGG_HEADER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of a file's name, without its number and ending: file systems take 255 for all of it.
pub const FILE_NAME_BYTES_MAX: usize = 200;
