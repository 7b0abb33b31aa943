//! What recordings' records say of the blobs.

use model::{Id, Record, Table, Timestamp};

use super::{Answer, Content};
use crate::stored::{StoredRecording, bytes_of};
use crate::{BlobKey, Export};

/// What a recording takes; `None` while its bytes are not here.
fn stored_recording(file: &Record) -> Option<StoredRecording> {
    Some(StoredRecording {
        storage_key: file.text("storageKey")?.to_owned(),
        playback_key: file.text("playbackKey").map(str::to_owned),
        size_bytes: file.number("sizeBytes").unwrap_or(0.0),
        frames: file.number("frames"),
        channels: file.number("channels"),
        bit_depth: file.number("bitDepth"),
    })
}

impl Content {
    /// The blobs that recordings refer to, deleted ones included.
    pub(super) fn blobs_of_recordings(&self) -> std::collections::HashSet<&str> {
        let fields = ["storageKey", "playbackKey", "waveformKey"];
        self.table(Table::AudioFiles).flat_map(|file| fields.into_iter().filter_map(|field| file.text(field))).collect()
    }

    pub(super) fn stored_bytes(&self, user: &Id) -> Answer<u64> {
        let own = self.table(Table::AudioFiles).filter(|file| file.text("uploadedBy") == Some(user.as_str()));
        Ok(bytes_of(own.filter_map(stored_recording)))
    }

    pub(super) fn recordings_to_let_go(
        &self,
        refused: Timestamp,
        deleted: Timestamp,
        limit: u32,
    ) -> Answer<Vec<(Id, Id)>> {
        let before = |record: &Record, field: &str, time: Timestamp| {
            record.text(field).is_some_and(|text| *text < *time.to_string())
        };
        let gone: std::collections::HashSet<&Id> =
            self.table(Table::Projects).filter(|it| before(it, "deleted", deleted)).map(Record::id).collect();
        let here = self.table(Table::AudioFiles).filter(|it| it.text("storageKey").is_some());
        let named: Vec<(Id, &Record)> = here.filter_map(|it| Some((it.id_in("projectId")?, it))).collect();
        let mut found = Vec::new();
        let mut add = |is_due: &dyn Fn(&Id, &Record) -> bool| {
            let due = named.iter().filter(|(project, it)| is_due(project, it)).take(limit as usize);
            found.extend(due.map(|(project, it)| (project.clone(), it.id().clone())));
        };
        add(&|_, it| it.text("state") == Some("refused") && before(it, "updatedAt", refused));
        add(&|_, it| before(it, "deleted", deleted));
        add(&|project, _| gone.contains(project));
        found.sort();
        found.dedup();
        Ok(found)
    }

    pub(super) fn unreferenced(&self, keys: &[BlobKey]) -> Answer<Vec<BlobKey>> {
        let of_recordings = self.blobs_of_recordings();
        let of_exports: std::collections::HashSet<&BlobKey> = self.exports.values().filter_map(Export::blob).collect();
        let free = |key: &&BlobKey| !of_recordings.contains(key.as_str()) && !of_exports.contains(key);
        Ok(keys.iter().filter(free).cloned().collect())
    }
}
