//! What to make of a song.

use std::ops::Range;

use engine::plan::FRAME_MAX;
use engine::{PlanView, TICKS_PER_BEAT};
use media::Labels;
use media::encode::{Format, Target};
use media::wav::BitDepth;
use serde::{Deserialize, Serialize};

use crate::limits::{LOUDNESS_MAX, LOUDNESS_MIN, RANGE_SECONDS_MAX, TAIL_AUTO_SECONDS_MAX, TAIL_SECONDS_MAX};
use crate::{Error, Result};

/// The same noise in every render: the same song gives the same file.
const DITHER_SEED: u32 = 0x756e_6973;

/// What to make of a song. What is left out is chosen: 16 bits or the format's usual bit rate, the project's sample rate, the whole song, the
/// tail until it has rung out, no change of loudness.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = ExportSettings))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// The kind of file.
    pub format: FileFormat,
    /// Bits of a sample, of lossless files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits: Option<Bits>,
    /// Kilobits a second on average, of lossy files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kbps: Option<u32>,
    /// Sample rate in Hz at which the engine runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
    /// From where to where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Stretch>,
    /// Seconds behind the range's end in which effects ring out; without it until they are silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail_seconds: Option<f64>,
    /// Integrated loudness in LUFS (EBU R128) that the whole is brought to, as far as its true peak stays below -1 dBTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loudness: Option<f64>,
    /// The piece's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Who plays it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artist: Option<String>,
    /// The album that it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub album: Option<String>,
    /// A year, or a date as ISO 8601 writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// PCM.
    Wav,
    /// Free Lossless Audio Codec.
    Flac,
    /// MPEG-1 audio layer III.
    Mp3,
    /// Opus in Ogg.
    Opus,
    /// Vorbis in Ogg.
    Ogg,
}

impl FileFormat {
    /// As encoders know it.
    #[must_use]
    pub fn encoded(self) -> Format {
        match self {
            FileFormat::Wav => Format::Wav,
            FileFormat::Flac => Format::Flac,
            FileFormat::Mp3 => Format::Mp3,
            FileFormat::Opus => Format::Opus,
            FileFormat::Ogg => Format::Vorbis,
        }
    }
}

/// Bits of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Bits {
    /// 16-bit integers, dithered.
    #[serde(rename = "16")]
    B16,
    /// 24-bit integers.
    #[serde(rename = "24")]
    B24,
    /// 32-bit floating point.
    #[serde(rename = "32f")]
    F32,
}

impl Bits {
    fn depth(self) -> BitDepth {
        match self {
            Bits::B16 => BitDepth::I16,
            Bits::B24 => BitDepth::I24,
            Bits::F32 => BitDepth::F32,
        }
    }
}

/// A stretch of a song.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stretch {
    /// What both numbers count, from 0 at the song's beginning.
    pub unit: StretchUnit,
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
}

/// What places are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum StretchUnit {
    /// Quarter notes.
    Beats,
    /// Seconds.
    Seconds,
}

impl Settings {
    /// Everything chosen, for a kind of file.
    #[must_use]
    pub fn of(format: FileFormat) -> Settings {
        Settings {
            format,
            bits: None,
            kbps: None,
            sample_rate: None,
            range: None,
            tail_seconds: None,
            loudness: None,
            title: None,
            artist: None,
            album: None,
            date: None,
            comment: None,
        }
    }

    /// Refuses what cannot be had, before anything is begun.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::File`].
    pub fn check(&self) -> Result<()> {
        let refuse =
            |condition: bool, reason: &str| if condition { Err(Error::Setting(reason.to_owned())) } else { Ok(()) };
        let format = self.format.encoded();
        refuse(self.bits.is_some() && !format.is_lossless(), "only WAV and FLAC have bits; others have a bit rate")?;
        refuse(self.bits == Some(Bits::F32) && self.format == FileFormat::Flac, "a FLAC file has 16 or 24 bits")?;
        match (format.kbps(), self.kbps) {
            (None, Some(_)) => refuse(true, "WAV and FLAC have no bit rate")?,
            (Some((range, _)), Some(kbps)) if !range.contains(&kbps) => {
                let (least, most) = (range.start(), range.end());
                return Err(Error::Setting(format!("this format has {least} to {most} kb/s")));
            }
            _ => {}
        }
        if let Some(range) = self.range {
            let sound = range.from.is_finite() && range.to.is_finite() && range.from >= 0.0 && range.to > range.from;
            refuse(!sound, "the range must end behind its beginning, and not begin before the song")?;
        }
        let outside =
            |value: Option<f64>, least: f64, most: f64| value.is_some_and(|value| !(least..=most).contains(&value));
        refuse(outside(self.tail_seconds, 0.0, TAIL_SECONDS_MAX), "a tail has 0 to 600 seconds")?;
        refuse(outside(self.loudness, LOUDNESS_MIN, LOUDNESS_MAX), "a loudness is between -60 and -5 LUFS")?;
        if self.sample_rate.is_some_and(|rate| format.rate(rate) != rate) {
            return Err(Error::Setting(format!("{} files do not have this sample rate", format.extension())));
        }
        Ok(self.labels().check()?)
    }

    /// The rate of the file, for a song's.
    #[must_use]
    pub fn rate(&self, song: u32) -> u32 {
        self.sample_rate.unwrap_or_else(|| self.format.encoded().rate(song))
    }

    /// What an encoder is to write.
    #[must_use]
    pub fn target(&self, sample_rate: u32) -> Target {
        let format = self.format.encoded();
        Target {
            format,
            depth: self.bits.unwrap_or(Bits::B16).depth(),
            kbps: self.kbps.or(format.kbps().map(|(_, usual)| usual)).unwrap_or(0),
            sample_rate,
            dither: Some(DITHER_SEED),
            labels: self.labels(),
        }
    }

    fn labels(&self) -> Labels {
        let [title, artist, album, date, comment] =
            [&self.title, &self.artist, &self.album, &self.date, &self.comment].map(Clone::clone);
        Labels { title, artist, album, date, comment }
    }

    /// The frames of the range in a plan.
    pub(crate) fn frames(&self, plan: &PlanView<'_>) -> Result<Range<i64>> {
        let rate = f64::from(plan.sample_rate());
        let range = match self.range {
            None => 0..plan.frames(),
            Some(Stretch { unit: StretchUnit::Seconds, from, to }) => {
                (from * rate).round_ties_even() as i64..(to * rate).round_ties_even() as i64
            }
            Some(Stretch { unit: StretchUnit::Beats, from, to }) => {
                let place = |beats: f64| plan.tempo().frame((beats * TICKS_PER_BEAT as f64).round_ties_even() as i64);
                place(from)..place(to)
            }
        };
        if range.end > FRAME_MAX {
            let days = (FRAME_MAX as f64 / rate / 86_400.0).floor();
            return Err(Error::Setting(format!(
                "the range ends too late: {days} days can be played at this sample rate"
            )));
        }
        let seconds = (range.end.saturating_sub(range.start)) as f64 / rate;
        if seconds > RANGE_SECONDS_MAX {
            return Err(Error::Setting("at most 24 hours are rendered: choose a range".to_owned()));
        }
        if range.is_empty() || plan.frames() == 0 {
            return Err(Error::Nothing);
        }
        if range.start >= plan.frames() {
            let over = plan.frames() as f64 / rate;
            return Err(Error::Setting(format!("the song is over, after {over:.1} s, before the range begins")));
        }
        Ok(range)
    }

    /// The most frames of a tail, and whether it ends earlier when it is silent.
    pub(crate) fn tail(&self, rate: u32) -> (u64, bool) {
        let seconds = self.tail_seconds.unwrap_or(TAIL_AUTO_SECONDS_MAX);
        ((seconds * f64::from(rate)).round() as u64, self.tail_seconds.is_none())
    }
}

#[cfg(test)]
mod tests {
    use engine::{Clip, Plan, Song, SourceInfo, Track};

    use super::*;

    #[test]
    fn ex2_a_range_is_refused_behind_the_song_and_in_one_that_plays_nothing_as_what_it_is() {
        let frames = |clips: Vec<Clip>, from: f64| {
            let settings =
                serde_json::json!({"format": "wav", "range": {"unit": "beats", "from": from, "to": from + 1.0}});
            let settings: Settings = serde_json::from_value(settings).unwrap();
            let tracks = vec![Track { clips, ..Track::default() }];
            let sources = vec![SourceInfo { id: 1, rate: 48_000, channels: 1, frames: 1_000_000 }];
            settings.frames(&Plan::compile(&Song { tracks, sources, ..Song::default() }).unwrap().view())
        };
        let clip = Clip { source: 1, duration_ticks: 4 * TICKS_PER_BEAT, ..Clip::default() };
        assert!(frames(vec![clip], 3.0).is_ok());
        assert!(
            matches!(frames(vec![clip], 4.0), Err(Error::Setting(words)) if words.contains("before the range begins"))
        );
        assert!(matches!(frames(Vec::new(), 0.0), Err(Error::Nothing)));
    }
}
