//! Recordings that were put into a song and are not on the server yet: on this device until they are, each user's apart. They
//! outlive the tab, count in no quota, and never go to make room.

use model::Id;
use web_sys::{Blob, File};

use super::audio_cache::folder::{Folder, Trouble, ask_to_persist, free_bytes};

/// The folder of all users' recordings that wait.
const FOLDER: &str = "waiting";
/// Bytes beyond a recording's own that have to be free: what is said of it, and the song's edits.
const SPARE_BYTES: f64 = 1_048_576.0;

/// What is known of a recording that waits.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Waiting {
    /// Its record.
    pub(crate) record: Id,
    /// The song that it is in.
    pub(crate) project: Id,
    /// The name of the file.
    pub(crate) name: String,
    /// Bytes.
    pub(crate) size: f64,
    /// The clip whose length was assumed, and that length in beats.
    pub(super) clip: Id,
    pub(super) beats: f64,
}

/// Why a recording is not on this device.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum NotHere {
    /// The browser has no files for us: it waits in this tab alone.
    NoFiles,
    /// There is no room; so many bytes are free, where the browser tells.
    NoRoom(Option<f64>),
}

fn about(record: &Id) -> String {
    format!("{record}.json")
}

fn sound(record: &Id) -> String {
    format!("{record}.audio")
}

async fn folder(user: &Id) -> Option<Folder> {
    Folder::open(&[FOLDER, user.as_str()]).await
}

/// Puts a recording on this device: its bytes, and then what they are. From then on it waits.
pub(super) async fn put(user: &Id, waiting: &Waiting, bytes: &File) -> Result<(), NotHere> {
    let folder = folder(user).await.ok_or(NotHere::NoFiles)?;
    let free = free_bytes().await;
    if free.is_some_and(|free| free < bytes.size() + SPARE_BYTES) {
        return Err(NotHere::NoRoom(free));
    }
    ask_to_persist().await;
    let written = write(&folder, waiting, bytes).await;
    if written.is_err() {
        remove(user, &waiting.record).await;
    }
    written.map_err(|trouble| match trouble {
        Trouble::Full => NotHere::NoRoom(free),
        Trouble::Other => NotHere::NoFiles,
    })
}

async fn write(folder: &Folder, waiting: &Waiting, bytes: &File) -> Result<(), Trouble> {
    let writing = folder.write(&sound(&waiting.record)).await?;
    if let Err(trouble) = writing.add_blob(bytes).await {
        writing.give_up().await;
        return Err(trouble);
    }
    writing.finish().await?;
    let text = serde_json::to_vec(waiting).map_err(|_| Trouble::Other)?;
    let writing = folder.write(&about(&waiting.record)).await?;
    if let Err(trouble) = writing.add(&text).await {
        writing.give_up().await;
        return Err(trouble);
    }
    writing.finish().await
}

/// All that waits for a user, oldest first.
pub(crate) async fn all(user: &Id) -> Vec<Waiting> {
    let Some(folder) = folder(user).await else { return Vec::new() };
    let mut all = Vec::new();
    for name in folder.names().await.into_iter().filter(|name| name.ends_with(".json")) {
        let Some(file) = folder.file(&name).await else { continue };
        let Ok(text) = wasm_bindgen_futures::JsFuture::from(file.text()).await else { continue };
        // What a later release wrote is left to it.
        all.extend(text.as_string().and_then(|text| serde_json::from_str::<Waiting>(&text).ok()));
    }
    // Ids sort by the time at which they were made.
    model::sort_by(&mut all, |a, b| a.record.cmp(&b.record));
    all
}

/// The bytes of a recording that waits; none when they are not here whole.
pub(super) async fn bytes(user: &Id, waiting: &Waiting) -> Option<Blob> {
    let file = folder(user).await?.file(&sound(&waiting.record)).await?;
    (file.size() == waiting.size).then(|| file.into())
}

/// It is on the server, or nobody wants it any more.
pub(crate) async fn remove(user: &Id, record: &Id) {
    let Some(folder) = folder(user).await else { return };
    // First what is said of it: bytes of which nothing is said wait for nothing.
    folder.remove(&about(record)).await;
    folder.remove(&sound(record)).await;
}

/// Removes bytes of which nothing is said: the tab was closed before the recording was in the song.
pub(super) async fn sweep(user: &Id, older_than_ms: f64) {
    let Some(folder) = folder(user).await else { return };
    folder.sweep(older_than_ms).await;
    let names = folder.names().await;
    for name in names.iter().filter_map(|name| name.strip_suffix(".audio")) {
        let (bytes, about) = (format!("{name}.audio"), format!("{name}.json"));
        let old = |file: &File| js_sys::Date::now() - file.last_modified() > older_than_ms;
        if !names.contains(&about) && folder.file(&bytes).await.as_ref().is_some_and(old) {
            folder.remove(&bytes).await;
        }
    }
}

/// Why a recording cannot be added, for people.
pub(super) fn no_room(size: f64, free: Option<f64>) -> String {
    let needs = format!("This device has no room for its {}.", megabytes(size));
    match free {
        Some(free) => format!("{needs} {} are free. Make some room, or add it when you are online.", megabytes(free)),
        None => format!("{needs} Make some room, or add it when you are online."),
    }
}

/// "12.3 MB".
pub(crate) fn megabytes(bytes: f64) -> String {
    let megabytes = bytes / 1e6;
    if megabytes < 10.0 { format!("{megabytes:.1} MB") } else { format!("{megabytes:.0} MB") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_room_is_said_with_numbers() {
        assert_eq!(
            no_room(31_000_000.0, Some(4_250_000.0)),
            "This device has no room for its 31 MB. 4.2 MB are free. Make some room, or add it when you are online."
        );
        assert!(no_room(1e6, None).contains("its 1.0 MB. Make"));
    }
}
