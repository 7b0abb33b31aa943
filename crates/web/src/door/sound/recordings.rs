//! Samples on their way to the audio thread: the playback asset is read as it comes, a chunk at a time.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use engine::stream::WHOLE_CHUNK_FRAMES as CHUNK_FRAMES;
use media::wav::{Header, SampleFormat, decode_planar};
use model::Id;

use super::worklet::Worklet;
use crate::door::audio_cache::{AudioCache, Bytes};
use crate::door::clock;
use crate::door::imports::Local;
use crate::door::intake::Intake;

/// Recordings that are loaded at the same time.
const LOADING_MAX: u32 = 3;
/// Bytes that a WAV header may take before its samples.
const HEADER_BYTES_MAX: usize = 1_048_576;

/// Bytes of samples, as floats, up to which a recording lies whole in the audio thread's memory; longer ones are read ahead.
const WHOLE_BYTES_MAX: u64 = 32 << 20;
/// Bytes of all that lie there whole; once they are reached, every further recording is read ahead.
const WHOLE_BYTES_OF_ALL_MAX: u64 = 256 << 20;
/// Where a test puts another number in the place of both.
const WHOLE_BYTES_SETTING: &str = "unisono.sound.whole_bytes";

/// Which recordings the audio thread has, and under which numbers.
#[derive(Default)]
pub(super) struct Recordings {
    whole_bytes: Cell<u64>,
    numbers: RefCell<HashMap<Id, u32>>,
    loading: RefCell<HashSet<Id>>,
    active: Cell<u32>,
}

impl Recordings {
    /// The number of a recording that was asked for.
    pub(super) fn number(&self, file: &Id) -> Option<u32> {
        self.numbers.borrow().get(file).copied()
    }

    /// A number for a recording that was not asked for before; none when it was.
    pub(super) fn ask(&self, file: &Id) -> Option<u32> {
        let mut numbers = self.numbers.borrow_mut();
        if numbers.contains_key(file) {
            return None;
        }
        let number = u32::try_from(numbers.len()).ok()?;
        numbers.insert(file.clone(), number);
        self.loading.borrow_mut().insert(file.clone());
        Some(number)
    }

    /// Whether a recording of so many frames is to lie whole in the audio thread's memory, of which it then takes a share.
    pub(super) fn takes_whole(&self, frames: u64, channels: u32) -> bool {
        let bytes = frames.saturating_mul(4 * u64::from(channels.clamp(1, 2)));
        let all = self.whole_bytes.get().saturating_add(bytes);
        let fits = lies_whole(bytes, all, whole_bytes_set());
        self.whole_bytes.set(if fits { all } else { self.whole_bytes.get() });
        fits
    }

    /// The audio thread has none any more.
    pub(super) fn start_over(&self) {
        self.numbers.borrow_mut().clear();
        self.loading.borrow_mut().clear();
        self.whole_bytes.set(0);
    }

    /// Whether samples are still on their way.
    pub(super) fn is_loading(&self, file: &Id) -> bool {
        self.loading.borrow().contains(file)
    }

    /// All that will come has come.
    pub(super) fn finished(&self, file: &Id) {
        self.loading.borrow_mut().remove(file);
    }

    async fn turn(&self) {
        while self.active.get() >= LOADING_MAX {
            clock::sleep(Duration::from_millis(10)).await;
        }
        self.active.set(self.active.get() + 1);
    }
}

/// Whether a recording of so many bytes lies whole in memory, where with it there would be `all`; `set` takes the place of both limits.
fn lies_whole(bytes: u64, all: u64, set: Option<u64>) -> bool {
    match set {
        Some(most) => all <= most,
        None => bytes <= WHOLE_BYTES_MAX && all <= WHOLE_BYTES_OF_ALL_MAX,
    }
}

fn whole_bytes_set() -> Option<u64> {
    let store = web_sys::window()?.local_storage().ok()??;
    store.get_item(WHOLE_BYTES_SETTING).ok()??.parse().ok()
}

/// What is known of a recording that is to be heard.
#[derive(Clone)]
pub(super) struct Wish {
    pub(super) file: Id,
    /// The SHA-256 of what is played of it, once the server has made that.
    pub(super) playback: Option<String>,
    /// The file itself, where it was put into the song by this browser.
    pub(super) own: Option<Local>,
}

/// Brings all of a recording to the audio thread.
pub(super) async fn bring(
    recordings: &Recordings,
    worklet: &Worklet,
    number: u32,
    wish: &Wish,
    audio: &AudioCache,
) -> Result<(), String> {
    recordings.turn().await;
    let result = match &wish.own {
        Some(own) => decode(worklet, number, own).await,
        None => whole(worklet, number, wish, audio).await,
    };
    recordings.active.set(recordings.active.get().saturating_sub(1));
    result
}

const BROKEN_OFF: &str = "Its download broke off.";

/// From this device if it is kept here, else from the server; then it is kept.
async fn whole(worklet: &Worklet, number: u32, wish: &Wish, audio: &AudioCache) -> Result<(), String> {
    let playback = wish.playback.as_deref();
    if let Some(hash) = playback
        && let Some(kept) = audio.find(hash).await
    {
        let (mut bytes, mut check) = kept.open();
        let fed = feed(worklet, number, &mut bytes, Some(kept.size()), async |some| check.add(some)).await;
        if check.holds() {
            return fed;
        }
        // Damaged: what it fed is overwritten by what comes now.
        audio.forget(kept).await;
    }
    let (mut bytes, length) = Bytes::download(&wish.file, "playback").await.map_err(|failure| failure.message)?;
    let mut keeping = match (playback, length) {
        (Some(hash), Some(length)) => audio.keep(hash, length).await,
        _ => None,
    };
    let fed = feed(worklet, number, &mut bytes, length, async |some| audio.add(&mut keeping, some).await).await;
    match (&fed, keeping) {
        (Err(_), Some(keeping)) => audio.give_up(keeping).await,
        (_, keeping) => audio.finish(keeping).await,
    }
    fed
}

/// Cuts a WAV file into chunks as it comes; `seen` sees all its bytes.
async fn feed(
    worklet: &Worklet,
    number: u32,
    bytes: &mut Bytes,
    length: Option<u64>,
    mut seen: impl AsyncFnMut(&[u8]),
) -> Result<(), String> {
    let mut feed = Feed::new(length);
    loop {
        let part = bytes.next().await.map_err(|_| BROKEN_OFF)?;
        let ended = part.is_none();
        if let Some(part) = part {
            seen(&part).await;
            feed.bytes.extend_from_slice(&part);
        }
        if feed.header.is_none() {
            feed.read_header(ended)?;
            if let Some(header) = &feed.header {
                worklet.source(number, feed.channels(), header.frames(), feed.is_i16());
            }
        }
        while let Some((index, chunk)) = feed.next_chunk(ended) {
            worklet.chunk(number, index, &chunk).await;
        }
        if ended {
            return if feed.is_complete() { Ok(()) } else { Err(BROKEN_OFF.to_owned()) };
        }
    }
}

/// Has a file decoded that this browser has: what the server will make of it is the same samples.
async fn decode(worklet: &Worklet, number: u32, own: &Local) -> Result<(), String> {
    let mut intake = Intake::of(&own.bytes)?;
    intake.samples().await?;
    worklet.source(number, own.channels.clamp(1, 2), own.frames, false);
    let mut index = 0;
    while let Some(chunk) = intake.chunk().await? {
        worklet.chunk(number, index, &chunk).await;
        index += 1;
    }
    Ok(())
}

/// Bytes of a WAV file that become chunks.
struct Feed {
    /// What has come and is not used up.
    bytes: Vec<u8>,
    file_bytes: Option<u64>,
    header: Option<Header>,
    frames_sent: u64,
}

impl Feed {
    fn new(file_bytes: Option<u64>) -> Feed {
        Feed { bytes: Vec::new(), file_bytes, header: None, frames_sent: 0 }
    }

    /// Reads the header as soon as it is here, and drops the bytes before the samples.
    fn read_header(&mut self, ended: bool) -> Result<(), String> {
        let size = self.file_bytes.unwrap_or(if ended { self.bytes.len() as u64 } else { u64::MAX / 2 });
        match Header::parse(&self.bytes, size) {
            Ok(header) if header.data_offset <= self.bytes.len() as u64 => {
                #[expect(clippy::cast_possible_truncation, reason = "not beyond the bytes that are here")]
                self.bytes.drain(..header.data_offset as usize);
                self.header = Some(header);
                Ok(())
            }
            // More may come.
            _ if !ended && self.bytes.len() < HEADER_BYTES_MAX => Ok(()),
            Ok(_) => Err("Its download broke off.".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// What the audio thread takes: one or two channels.
    fn channels(&self) -> u16 {
        self.header.as_ref().map_or(1, |header| header.channels.min(2))
    }

    /// Whether its samples go as they are: interleaved 16-bit integers.
    fn is_i16(&self) -> bool {
        self.header.as_ref().is_some_and(|header| header.sample_format == SampleFormat::I16 && header.channels <= 2)
    }

    fn is_complete(&self) -> bool {
        self.header.as_ref().is_some_and(|header| self.frames_sent >= header.frames())
    }

    /// The next chunk, if it is here whole; at the end what is left.
    fn next_chunk(&mut self, ended: bool) -> Option<(u32, Vec<u8>)> {
        let header = self.header.as_ref()?;
        let left = header.frames() - self.frames_sent;
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(CHUNK_FRAMES);
        let here = self.bytes.len() / header.frame_bytes();
        if wanted == 0 || here < wanted {
            // A chunk that will never be whole is silence from where the file broke off.
            debug_assert!(!ended || here < wanted || wanted == 0);
            return None;
        }
        let used = wanted * header.frame_bytes();
        let chunk =
            if self.is_i16() { self.bytes[..used].to_vec() } else { planar(header, &self.bytes[..used], wanted) };
        self.bytes.drain(..used);
        let index = u32::try_from(self.frames_sent / CHUNK_FRAMES as u64).ok()?;
        self.frames_sent += wanted as u64;
        Some((index, chunk))
    }
}

/// Floats, all of the left channel and then all of the right; of more than two channels the first two.
fn planar(header: &Header, bytes: &[u8], frames: usize) -> Vec<u8> {
    let mut samples = vec![vec![0.0f32; frames]; usize::from(header.channels)];
    let mut planes: Vec<&mut [f32]> = samples.iter_mut().map(Vec::as_mut_slice).collect();
    decode_planar(header.sample_format, bytes, &mut planes);
    samples.iter().take(2).flatten().flat_map(|sample| sample.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(bits: u16, channels: u16, frames: u32, sample: &[u8]) -> Vec<u8> {
        let align = channels * bits / 8;
        let data: Vec<u8> = sample.iter().copied().cycle().take(frames as usize * usize::from(align)).collect();
        let mut file = b"RIFF".to_vec();
        file.extend((36 + data.len() as u32).to_le_bytes());
        file.extend(b"WAVEfmt ");
        file.extend(16u32.to_le_bytes());
        for word in [1u16, channels] {
            file.extend(word.to_le_bytes());
        }
        file.extend(48_000u32.to_le_bytes());
        file.extend((48_000 * u32::from(align)).to_le_bytes());
        file.extend(align.to_le_bytes());
        file.extend(bits.to_le_bytes());
        file.extend(b"data");
        file.extend((data.len() as u32).to_le_bytes());
        file.extend(data);
        file
    }

    fn chunks(file: &[u8], part: usize) -> (Feed, Vec<(u32, Vec<u8>)>) {
        let mut feed = Feed::new(Some(file.len() as u64));
        let mut all = Vec::new();
        let parts: Vec<&[u8]> = file.chunks(part).collect();
        for (index, bytes) in parts.iter().enumerate() {
            let ended = index + 1 == parts.len();
            feed.bytes.extend_from_slice(bytes);
            if feed.header.is_none() {
                feed.read_header(ended).unwrap();
            }
            while let Some(chunk) = feed.next_chunk(ended) {
                all.push(chunk);
            }
        }
        (feed, all)
    }

    #[test]
    fn sixteen_bits_go_as_they_are_however_they_come() {
        let file = wav(16, 2, 70_000, &[1, 2, 3, 4]);
        for part in [7, 1_000, 1 << 20] {
            let (feed, chunks) = chunks(&file, part);
            assert!(feed.is_complete() && feed.is_i16());
            assert_eq!(
                chunks.iter().map(|(index, bytes)| (*index, bytes.len())).collect::<Vec<_>>(),
                [(0, 262_144), (1, 17_856)]
            );
            assert_eq!(chunks[1].1[..4], [1, 2, 3, 4]);
        }
    }

    #[test]
    fn other_samples_become_planar_floats() {
        let (feed, chunks) = chunks(&wav(24, 2, 10, &[0, 0, 64, 0, 0, 192]), 5);
        assert!(feed.is_complete() && !feed.is_i16());
        let floats: Vec<f32> = chunks[0].1.chunks(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        assert_eq!(floats, [[0.5f32; 10], [-0.5; 10]].concat());
    }

    #[test]
    fn a_file_that_breaks_off_is_not_complete() {
        let file = wav(16, 1, 100, &[1, 2]);
        let (mut feed, _) = chunks(&file[..120], 50);
        feed.file_bytes = Some(file.len() as u64);
        assert!(feed.header.is_some());
        assert!(!Feed::new(Some(10)).is_complete());
    }

    #[test]
    fn en39_long_recordings_and_those_beyond_the_limit_of_all_are_read_ahead() {
        assert!(lies_whole(WHOLE_BYTES_MAX, WHOLE_BYTES_OF_ALL_MAX, None));
        assert!(!lies_whole(WHOLE_BYTES_MAX + 1, WHOLE_BYTES_MAX + 1, None));
        assert!(!lies_whole(1, WHOLE_BYTES_OF_ALL_MAX + 1, None));
        assert!(!lies_whole(1, 1, Some(0)) && lies_whole(9, 9, Some(9)));
    }

    #[test]
    fn recordings_are_numbered_once() {
        let recordings = Recordings::default();
        let (a, b) = (Id::new("a").unwrap(), Id::new("b").unwrap());
        assert_eq!((recordings.ask(&a), recordings.ask(&b), recordings.ask(&a)), (Some(0), Some(1), None));
        assert!(recordings.is_loading(&a));
        recordings.finished(&a);
        assert_eq!((recordings.is_loading(&a), recordings.number(&b)), (false, Some(1)));
    }
}
