//! Folders on this device that belong to the app alone (the origin private file system). Where a browser has none, there is no folder.

use js_sys::{Function, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, File, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions,
    FileSystemGetFileOptions, FileSystemRemoveOptions, FileSystemWritableFileStream, StorageEstimate, StorageManager,
};

use crate::door::identity;

/// The end of the name of a file that is not whole yet.
const PART: &str = ".part";

/// Why something could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::door) enum Trouble {
    /// The browser gives this app no more room.
    Full,
    /// Anything else.
    Other,
}

impl From<JsValue> for Trouble {
    fn from(error: JsValue) -> Trouble {
        let name = Reflect::get(&error, &"name".into()).ok().and_then(|name| name.as_string());
        if name.as_deref() == Some("QuotaExceededError") { Trouble::Full } else { Trouble::Other }
    }
}

/// A folder.
#[derive(Clone)]
pub(in crate::door) struct Folder(FileSystemDirectoryHandle);

fn storage() -> Option<StorageManager> {
    let navigator = web_sys::window()?.navigator();
    // Not there without a secure context, whatever the bindings say.
    let storage = Reflect::get(&navigator, &"storage".into()).ok().filter(JsValue::is_object)?;
    Some(storage.unchecked_into())
}

fn has(object: &JsValue, method: &str) -> bool {
    Reflect::get(object, &method.into()).is_ok_and(|it| it.is_function())
}

impl Folder {
    /// The folder of this path, made if it is not there; none where the browser cannot write files.
    pub(in crate::door) async fn open(path: &[&str]) -> Option<Folder> {
        let storage = storage().filter(|storage| has(storage, "getDirectory"))?;
        let mut folder: FileSystemDirectoryHandle =
            JsFuture::from(storage.get_directory()).await.ok()?.unchecked_into();
        let options = FileSystemGetDirectoryOptions::new();
        options.set_create(true);
        for name in path {
            let next = JsFuture::from(folder.get_directory_handle_with_options(name, &options)).await.ok()?;
            folder = next.unchecked_into();
        }
        Some(Folder(folder))
    }

    /// Removes the folder of this name in the folder of this path, with all that is in it.
    pub(in crate::door) async fn remove_all(path: &[&str], name: &str) {
        let Some(folder) = Folder::open(path).await else { return };
        let options = FileSystemRemoveOptions::new();
        options.set_recursive(true);
        // One that is not there need not be removed.
        let _ = JsFuture::from(folder.0.remove_entry_with_options(name, &options)).await;
    }

    /// The names of its whole files.
    pub(in crate::door) async fn names(&self) -> Vec<String> {
        let (keys, mut names) = (self.0.keys(), Vec::new());
        while let Ok(next) = keys.next() {
            let Ok(step) = JsFuture::from(next).await else { break };
            let get = |name: &str| Reflect::get(&step, &name.into()).unwrap_or(JsValue::UNDEFINED);
            if get("done").is_truthy() {
                break;
            }
            names.extend(get("value").as_string().filter(|name| !name.ends_with(PART)));
        }
        names
    }

    /// A file that is whole; none when there is none.
    pub(in crate::door) async fn file(&self, name: &str) -> Option<File> {
        let handle: FileSystemFileHandle = JsFuture::from(self.0.get_file_handle(name)).await.ok()?.unchecked_into();
        JsFuture::from(handle.get_file()).await.ok().map(JsValue::unchecked_into)
    }

    /// Removes a file, if it is there.
    pub(in crate::door) async fn remove(&self, name: &str) {
        let _ = JsFuture::from(self.0.remove_entry(name)).await;
    }

    /// Begins to write a file. It is there only when it is finished, whole.
    pub(in crate::door) async fn write(&self, name: &str) -> Result<Writing, Trouble> {
        // Two tabs may write the same file at the same time; what they write is the same.
        let part = format!("{name}.{}{PART}", identity::new_id());
        let options = FileSystemGetFileOptions::new();
        options.set_create(true);
        let handle: FileSystemFileHandle =
            JsFuture::from(self.0.get_file_handle_with_options(&part, &options)).await?.unchecked_into();
        if !has(&handle, "createWritable") || !has(&handle, "move") {
            self.remove(&part).await;
            return Err(Trouble::Other);
        }
        let stream = JsFuture::from(handle.create_writable()).await?.unchecked_into();
        Ok(Writing { folder: self.clone(), handle, stream, part, name: name.to_owned() })
    }

    /// Removes what was begun and never finished: by a tab that was closed, a browser that was killed.
    pub(in crate::door) async fn sweep(&self, older_than_ms: f64) {
        let (keys, now) = (self.0.keys(), js_sys::Date::now());
        let mut stale = Vec::new();
        while let Ok(next) = keys.next() {
            let Ok(step) = JsFuture::from(next).await else { break };
            let name = Reflect::get(&step, &"value".into()).ok().and_then(|name| name.as_string());
            let Some(name) = name else { break };
            if !name.ends_with(PART) {
                continue;
            }
            if self.file(&name).await.is_some_and(|file| now - file.last_modified() > older_than_ms) {
                stale.push(name);
            }
        }
        for name in stale {
            self.remove(&name).await;
        }
    }
}

/// A file that is being written, under another name until it is whole.
pub(in crate::door) struct Writing {
    folder: Folder,
    handle: FileSystemFileHandle,
    stream: FileSystemWritableFileStream,
    part: String,
    name: String,
}

impl Writing {
    /// Adds bytes.
    pub(in crate::door) async fn add(&self, bytes: &[u8]) -> Result<(), Trouble> {
        let bytes = js_sys::Uint8Array::from(bytes);
        JsFuture::from(self.stream.write_with_buffer_source(&bytes)?).await?;
        Ok(())
    }

    /// Adds all of another file.
    pub(in crate::door) async fn add_blob(&self, blob: &Blob) -> Result<(), Trouble> {
        JsFuture::from(self.stream.write_with_blob(blob)?).await?;
        Ok(())
    }

    /// Makes it whole, under its name.
    pub(in crate::door) async fn finish(self) -> Result<(), Trouble> {
        let moved = self.close_and_move().await;
        if moved.is_err() {
            self.folder.remove(&self.part).await;
        }
        moved
    }

    async fn close_and_move(&self) -> Result<(), Trouble> {
        JsFuture::from(self.stream.close()).await?;
        // Not in the bindings; the same in all browsers for files of this kind.
        let to: Function = Reflect::get(&self.handle, &"move".into())?.dyn_into().map_err(|_| Trouble::Other)?;
        let moved: js_sys::Promise =
            to.call1(&self.handle, &self.name.as_str().into())?.dyn_into().map_err(|_| Trouble::Other)?;
        JsFuture::from(moved).await?;
        Ok(())
    }

    /// Takes it back.
    pub(in crate::door) async fn give_up(self) {
        let _ = JsFuture::from(self.stream.abort()).await;
        self.folder.remove(&self.part).await;
    }
}

async fn estimate() -> Option<StorageEstimate> {
    let storage = storage().filter(|storage| has(storage, "estimate"))?;
    Some(JsFuture::from(storage.estimate().ok()?).await.ok()?.unchecked_into())
}

/// Bytes that the browser grants this app in all; none where it does not tell.
pub(super) async fn granted_bytes() -> Option<f64> {
    estimate().await?.get_quota()
}

/// Bytes that the browser would still give this app; none where it does not tell.
pub(in crate::door) async fn free_bytes() -> Option<f64> {
    let estimate = estimate().await?;
    Some((estimate.get_quota()? - estimate.get_usage()?).max(0.0))
}

/// Asks the browser not to clear away what is kept here when the device runs short.
pub(in crate::door) async fn ask_to_persist() {
    let Some(storage) = storage().filter(|storage| has(storage, "persist")) else { return };
    if let Ok(asked) = storage.persist() {
        // A browser decides by itself; it is no worse than before if it does not want to.
        let _ = JsFuture::from(asked).await;
    }
}
