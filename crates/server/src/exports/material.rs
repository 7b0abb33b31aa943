//! What an export is made of: a song, the names of its tracks, and where its recordings lie.

use std::io;
use std::sync::Arc;

use engine::Song;
use mixdown::Shelf;
use model::{AudioFile, AudioFileState, Records, Table};
use storage::{BlobKey, Blobs, ReadSeek};

use crate::render::played;

/// Names of recordings that a message lists.
const NAMED_MAX: usize = 3;

/// Everything that is rendered.
#[derive(Clone, Debug)]
pub(crate) struct Material {
    pub(crate) song: Song,
    pub(crate) track_names: Vec<String>,
    /// By the engine's numbers: what engines play, and what people call it.
    recordings: Vec<(BlobKey, String)>,
}

impl Material {
    /// What a project's records say.
    ///
    /// # Errors
    /// A sentence for people, when a recording that a clip plays is not here.
    pub(crate) fn of(records: &Records) -> Result<Material, String> {
        let (mut numbers, mut recordings, mut missing) = (std::collections::BTreeMap::new(), Vec::new(), Vec::new());
        for id in played(records) {
            let Some(record) = records.find(Table::AudioFiles, &id) else { continue };
            let name = record.text("filename").unwrap_or("a recording").to_owned();
            let key = record.text("playbackKey").and_then(|key| key.parse().ok());
            match (AudioFile::from_record(record).state, key) {
                (AudioFileState::Ready, Some(key)) => {
                    numbers.insert(id, u32::try_from(recordings.len()).unwrap_or(u32::MAX));
                    recordings.push((key, name));
                }
                // What is no audio makes no sound in the studio either.
                (AudioFileState::Refused, _) => {}
                _ => missing.push(name),
            }
        }
        if !missing.is_empty() {
            return Err(not_here(&missing));
        }
        let song = Song::from_records(records, |file| numbers.get(&file.id).copied());
        let song = song.ok_or_else(|| "The project is not there any more.".to_owned())?;
        let name = |track: &&model::Record| track.text("name").unwrap_or_default().to_owned();
        Ok(Material { song, track_names: records.tracks().iter().map(name).collect(), recordings })
    }

    /// Its recordings, for the engine.
    pub(crate) fn recordings(&self, blobs: Arc<dyn Blobs>) -> mixdown::WavFiles<Kept> {
        mixdown::WavFiles::new(Kept { blobs, recordings: self.recordings.clone() }, self.recordings.len())
    }
}

fn not_here(missing: &[String]) -> String {
    let named: Vec<String> = missing.iter().take(NAMED_MAX).map(|name| format!("“{name}”")).collect();
    let more = missing.len() - named.len();
    let (named, more) = (named.join(", "), if more > 0 { format!(" and {more} more") } else { String::new() });
    format!(
        "Not every recording is on the server yet: {named}{more}. Export when they have been uploaded and prepared, or remove the clips that play them."
    )
}

/// Recordings as the store of blobs has them.
#[derive(Clone)]
pub(crate) struct Kept {
    blobs: Arc<dyn Blobs>,
    recordings: Vec<(BlobKey, String)>,
}

impl Shelf for Kept {
    type File = Box<dyn ReadSeek>;

    fn open(&mut self, source: u32) -> io::Result<Box<dyn ReadSeek>> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "its bytes are not there any more");
        let (key, _) = self.recordings.get(source as usize).ok_or_else(missing)?;
        self.blobs.open(key)?.ok_or_else(missing)
    }

    fn name(&self, source: u32) -> String {
        self.recordings.get(source as usize).map_or("a recording".to_owned(), |(_, name)| format!("“{name}”"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_here_is_named_but_not_all_of_it() {
        let names: Vec<String> = ["a.wav", "b.wav", "c.wav", "d.wav"].map(str::to_owned).to_vec();
        assert!(not_here(&names[..1]).contains("yet: “a.wav”. Export"));
        assert!(not_here(&names).contains("“a.wav”, “b.wav”, “c.wav” and 1 more."));
    }
}
