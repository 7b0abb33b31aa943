//! Brings what an opened project uses to this device, before anybody asks for it (CL5).

use std::cell::Cell;
use std::collections::HashSet;
use std::rc::Rc;
use std::time::Duration;

use js_sys::Reflect;
use leptos::prelude::*;
use model::{AudioFile, AudioFileState, Id, Records, Table};

use super::{AudioCache, Bytes};
use crate::door::{Door, clock};

/// By then the project is on the screen, and what is to be heard at once is on its way.
const FILL_AFTER: Duration = Duration::from_secs(2);
/// How often it is looked whether the server can be reached again.
const LOOK_EVERY: Duration = Duration::from_secs(3);

/// A part of a recording that the project uses.
#[derive(Clone, Debug, PartialEq)]
struct Used {
    file: Id,
    kind: &'static str,
    hash: String,
}

/// Keeps what the project of `door` uses, now and when recordings are added.
pub(in crate::door) fn fill(door: Door) {
    let (asked, running) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let soon = move || {
        if asked.replace(true) {
            return;
        }
        let (asked, running) = (Rc::clone(&asked), Rc::clone(&running));
        leptos::task::spawn_local(async move {
            clock::sleep(FILL_AFTER).await;
            while running.replace(true) {
                clock::sleep(LOOK_EVERY).await;
            }
            asked.set(false);
            fill_now(door).await;
            running.set(false);
        });
    };
    soon();
    door.listen(move |keys| {
        if keys.iter().any(|key| key.table == Table::AudioFiles) {
            soon();
        }
    });
}

async fn fill_now(door: Door) {
    let Some(inner) = door.alive() else { return };
    let audio = Rc::clone(&inner.audio);
    let used = inner.replica.borrow().view().clone();
    let used = parts_used(&used);
    let in_use = audio.use_of(&used.iter().map(|part| part.hash.clone()).collect()).await;
    if door.has_ended() {
        return;
    }
    audio.in_use.replace(in_use);
    for part in used {
        if door.has_ended() {
            return;
        }
        // Also says that it was used.
        if audio.find(&part.hash).await.is_some() || audio.is_coming(&part.hash) || wants_little_data() {
            continue;
        }
        while !door.status.try_get_untracked().is_some_and(|status| status.live) {
            if door.alive().is_none() {
                return;
            }
            clock::sleep(LOOK_EVERY).await;
        }
        bring(&audio, &part).await;
    }
}

async fn bring(audio: &AudioCache, part: &Used) {
    // What does not come now comes when the project is opened again, or when it is heard.
    let Ok((mut bytes, Some(length))) = Bytes::download(&part.file, part.kind).await else { return };
    let mut keeping = audio.keep(&part.hash, length).await;
    while keeping.is_some() {
        match bytes.next().await {
            Ok(Some(some)) => audio.add(&mut keeping, &some).await,
            Ok(None) => return audio.finish(keeping).await,
            Err(_) => {
                if let Some(keeping) = keeping.take() {
                    audio.give_up(keeping).await;
                }
            }
        }
    }
}

/// Whether the person has asked their browser to save data: then only what is heard is fetched.
fn wants_little_data() -> bool {
    let connection = web_sys::window().and_then(|window| Reflect::get(&window.navigator(), &"connection".into()).ok());
    connection.is_some_and(|it| Reflect::get(&it, &"saveData".into()).is_ok_and(|saves| saves.is_truthy()))
}

/// Peaks, which are small, before what is heard; each once.
fn parts_used(records: &Records) -> Vec<Used> {
    let clips = records.table(Table::Clips).filter(|clip| !clip.is_deleted());
    let mut files: Vec<Id> = clips.filter_map(|clip| clip.id_in("audioFileId")).collect();
    model::sort_by(&mut files, Id::cmp);
    files.dedup();
    let part = |file: &Id, kind, field| {
        let record = records.find(Table::AudioFiles, file).filter(|record| !record.is_deleted())?;
        let ready = AudioFile::from_record(record).state == AudioFileState::Ready;
        let hash = record.text(field).filter(|_| ready)?.to_owned();
        Some(Used { file: file.clone(), kind, hash })
    };
    let peaks = files.iter().filter_map(|file| part(file, "peaks", "waveformKey"));
    let sound = files.iter().filter_map(|file| part(file, "playback", "playbackKey"));
    let mut seen = HashSet::new();
    peaks.chain(sound).filter(|part| seen.insert(part.hash.clone())).collect()
}

#[cfg(test)]
mod tests {
    use model::{Record, Value, fields};

    use super::*;

    #[test]
    fn cl5_what_the_project_uses_is_kept_and_nothing_else() {
        let id = |text: &str| Id::new(text).unwrap();
        let mut records = Records::new();
        let mut file = |name: &str, state: &str, key: &str| {
            let values = [
                ("state", Value::text(state)),
                ("playbackKey", Value::text(key)),
                ("waveformKey", Value::text(&format!("w{key}"))),
            ];
            records.insert(Table::AudioFiles, Record::new(id(name), 1, fields(values)));
        };
        for (name, state, key) in
            [("a", "ready", "1"), ("twin", "ready", "1"), ("late", "uploaded", "2"), ("unused", "ready", "3")]
        {
            file(name, state, key);
        }
        for (clip, file) in [("c1", "a"), ("c2", "twin"), ("c3", "late"), ("c4", "a"), ("c5", "none")] {
            let values = [("trackId", Value::text("t")), ("audioFileId", Value::text(file))];
            records.insert(Table::Clips, Record::new(id(clip), 1, fields(values)));
        }
        let used: Vec<_> = parts_used(&records).into_iter().map(|part| (part.kind, part.hash)).collect();
        assert_eq!(used, [("peaks", "w1".to_owned()), ("playback", "1".to_owned())]);
    }
}
