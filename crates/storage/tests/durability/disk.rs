//! A disk that may lose what was not synced: a SQLite VFS that passes everything on to the system's, and remembers.

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rusqlite::ffi::{
    self, SQLITE_IOERR_FSYNC, SQLITE_OK, sqlite3_file, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs,
};

/// The name of the VFS.
pub(crate) const NAME: &CStr = c"unisono-forgetful";

#[derive(Clone, Debug)]
enum Change {
    Write { at: u64, bytes: Vec<u8> },
    Truncate { size: u64 },
}

#[derive(Clone, Debug, Default)]
struct Content {
    /// What is certainly on the disk.
    synced: Vec<u8>,
    /// What has happened since, in order.
    unsynced: Vec<Change>,
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { at, bytes: new } => {
            let (from, to) = (*at as usize, *at as usize + new.len());
            if bytes.len() < to {
                bytes.resize(to, 0);
            }
            bytes[from..to].copy_from_slice(new);
        }
        Change::Truncate { size } => bytes.resize(*size as usize, 0),
    }
}

/// What would be on the disks if the power went at some moment.
pub(crate) type Image = HashMap<PathBuf, Vec<u8>>;

#[derive(Default)]
struct Disk {
    files: HashMap<PathBuf, Content>,
    /// Open files by their address: what they are called, and the system's functions for them.
    open: HashMap<usize, (PathBuf, &'static sqlite3_io_methods)>,
    /// Our functions by the address of the system's: it has several sets, by the kind of file.
    ours: HashMap<usize, &'static sqlite3_io_methods>,
    /// Changes until the power goes, in the folder.
    countdown: HashMap<PathBuf, (u64, u64)>,
    images: HashMap<PathBuf, (Image, u64)>,
    acknowledged: HashMap<PathBuf, u64>,
    failing: HashMap<PathBuf, u32>,
}

fn disk() -> MutexGuard<'static, Disk> {
    static DISK: OnceLock<Mutex<Disk>> = OnceLock::new();
    DISK.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

/// A step of the xorshift generator (Marsaglia, "Xorshift RNGs").
pub(crate) fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

impl Disk {
    fn folder_of(path: &Path) -> PathBuf {
        path.parent().map(Path::to_owned).unwrap_or_default()
    }

    /// Counts a change down; at zero the image of the folder is taken.
    fn tick(&mut self, path: &Path) {
        let folder = Disk::folder_of(path);
        let Some((left, seed)) = self.countdown.get_mut(&folder) else { return };
        *left = left.saturating_sub(1);
        let seed = *seed;
        if *left == 0 {
            self.countdown.remove(&folder);
            let image = self.image(&folder, seed);
            let acknowledged = self.acknowledged.get(&folder).copied().unwrap_or(0);
            self.images.insert(folder, (image, acknowledged));
        }
    }

    /// What was synced, and whatever part of the rest the disk happened to have written: any subset, in any order
    /// between files, and the last write of each torn.
    fn image(&self, folder: &Path, mut seed: u64) -> Image {
        let mut image = Image::new();
        let mut files: Vec<_> = self.files.iter().filter(|(path, _)| Disk::folder_of(path) == folder).collect();
        files.sort_by_key(|(path, _)| (*path).clone());
        for (path, content) in files {
            let mut bytes = content.synced.clone();
            for change in &content.unsynced {
                match (random(&mut seed) % 4, change) {
                    (0, _) => {}
                    (1, Change::Write { at, bytes: new }) => {
                        let torn = new[..random(&mut seed) as usize % new.len().max(1)].to_vec();
                        apply(&mut bytes, &Change::Write { at: *at, bytes: torn });
                    }
                    _ => apply(&mut bytes, change),
                }
            }
            image.insert(path.clone(), bytes);
        }
        image
    }
}

/// Lets the power of `folder` go after so many changes of its files.
pub(crate) fn lose_power_after(folder: &Path, changes: u64, seed: u64) {
    disk().countdown.insert(folder.to_owned(), (changes, seed));
}

/// Notes what has been acknowledged to the outside.
pub(crate) fn acknowledge(folder: &Path, seq: u64) {
    disk().acknowledged.insert(folder.to_owned(), seq);
}

/// What the disk holds after the loss of power, and what had been acknowledged then; `None` while the power is on.
pub(crate) fn lost(folder: &Path) -> Option<(Image, u64)> {
    disk().images.remove(folder)
}

/// Lets the next so many syncs in `folder` fail.
pub(crate) fn fail_syncs(folder: &Path, count: u32) {
    disk().failing.insert(folder.to_owned(), count);
}

/// Makes the VFS known to SQLite, once.
pub(crate) fn register() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        // SAFETY: the default VFS lives as long as the process; the copy is leaked, as SQLite asks of a registered one.
        unsafe {
            let base = ffi::sqlite3_vfs_find(std::ptr::null());
            let ours = Box::leak(Box::new(*base));
            ours.pNext = std::ptr::null_mut();
            ours.zName = NAME.as_ptr();
            ours.xOpen = Some(open);
            ours.xDelete = Some(delete);
            assert_eq!(ffi::sqlite3_vfs_register(ours, 0), SQLITE_OK);
        }
    });
}

fn base() -> &'static sqlite3_vfs {
    // SAFETY: the default VFS lives as long as the process and is not changed.
    unsafe { &*ffi::sqlite3_vfs_find(std::ptr::null()) }
}

/// The system's functions for an open file, which ours call.
fn methods_of(file: *mut sqlite3_file) -> Option<&'static sqlite3_io_methods> {
    disk().open.get(&(file as usize)).map(|(_, methods)| *methods)
}

/// The system opens the file, in the memory that SQLite has made for it; then our functions are put before its own.
unsafe extern "C" fn open(
    _vfs: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite's own arguments are handed on to SQLite's own function.
    unsafe {
        let Some(base_open) = base().xOpen else { return ffi::SQLITE_ERROR };
        let result = base_open(std::ptr::from_ref(base()).cast_mut(), name, file, flags, out_flags);
        if result != SQLITE_OK || name.is_null() || (*file).pMethods.is_null() {
            return result;
        }
        let path = PathBuf::from(CStr::from_ptr(name).to_string_lossy().into_owned());
        let theirs: &'static sqlite3_io_methods = &*(*file).pMethods;
        let mut disk = disk();
        let ours = *disk.ours.entry(std::ptr::from_ref(theirs) as usize).or_insert_with(|| {
            Box::leak(Box::new(sqlite3_io_methods {
                xWrite: Some(write),
                xTruncate: Some(truncate),
                xSync: Some(sync),
                ..*theirs
            }))
        });
        (*file).pMethods = ours;
        disk.open.insert(file as usize, (path.clone(), theirs));
        disk.files.entry(path).or_default();
        SQLITE_OK
    }
}

unsafe extern "C" fn delete(_vfs: *mut sqlite3_vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    // SAFETY: as in `open`.
    unsafe {
        let path = PathBuf::from(CStr::from_ptr(name).to_string_lossy().into_owned());
        disk().files.remove(&path);
        base()
            .xDelete
            .map_or(ffi::SQLITE_ERROR, |delete| delete(std::ptr::from_ref(base()).cast_mut(), name, sync_folder))
    }
}

fn changed(file: *mut sqlite3_file, change: Change) {
    let mut disk = disk();
    let Some((path, _)) = disk.open.get(&(file as usize)).cloned() else { return };
    if let Some(content) = disk.files.get_mut(&path) {
        content.unsynced.push(change);
    }
    disk.tick(&path);
}

unsafe extern "C" fn write(file: *mut sqlite3_file, bytes: *const c_void, count: c_int, at: sqlite3_int64) -> c_int {
    // SAFETY: SQLite gives `count` bytes.
    let copy = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), count as usize) }.to_vec();
    changed(file, Change::Write { at: at as u64, bytes: copy });
    // SAFETY: as in `open`.
    unsafe { methods_of(file).and_then(|it| it.xWrite).map_or(ffi::SQLITE_ERROR, |f| f(file, bytes, count, at)) }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: sqlite3_int64) -> c_int {
    changed(file, Change::Truncate { size: size as u64 });
    // SAFETY: as in `open`.
    unsafe { methods_of(file).and_then(|it| it.xTruncate).map_or(ffi::SQLITE_ERROR, |f| f(file, size)) }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, _flags: c_int) -> c_int {
    // The real disk is not asked: only what we remember counts.
    let mut disk = disk();
    let Some((path, _)) = disk.open.get(&(file as usize)).cloned() else { return SQLITE_OK };
    disk.tick(&path);
    if let Some(left) = disk.failing.get_mut(&Disk::folder_of(&path))
        && *left > 0
    {
        *left -= 1;
        return SQLITE_IOERR_FSYNC;
    }
    if let Some(content) = disk.files.get_mut(&path) {
        let mut synced = std::mem::take(&mut content.synced);
        for change in content.unsynced.drain(..) {
            apply(&mut synced, &change);
        }
        content.synced = synced;
    }
    SQLITE_OK
}
