//! Uploads in pieces, as files: `blobs/partial/<hash of the owner>/<hash of what it will be>`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use model::{Id, Timestamp};
use sha2::{Digest as _, Sha256};

use super::{PARTIAL, Place, absent_is_none, remove_file_older, system_time};
use crate::blobs::{BlobKey, PartialName, PartialWriter, Partials, Stored};

/// Bytes that are read at a time to hash what has come in pieces.
const HASH_CHUNK_BYTES: usize = 256 * 1024;

/// Ids may differ in nothing but the case of a letter, which not every file system tells apart.
fn file_name(id: &Id) -> String {
    BlobKey::from_digest(&Sha256::digest(id.as_str()).into()).to_string()
}

fn folder(place: &Place, owner: &Id) -> PathBuf {
    place.root.join(PARTIAL).join(file_name(owner))
}

pub(super) fn path(place: &Place, name: &PartialName) -> PathBuf {
    folder(place, &name.owner).join(file_name(&name.of))
}

pub(super) fn size(place: &Place, name: &PartialName) -> io::Result<u64> {
    Ok(absent_is_none(fs::metadata(path(place, name)))?.map_or(0, |metadata| metadata.len()))
}

pub(super) fn of(place: &Place, owner: &Id) -> io::Result<Partials> {
    let mut sum = Partials::default();
    let Some(entries) = absent_is_none(fs::read_dir(folder(place, owner)))? else { return Ok(sum) };
    for entry in entries {
        if let Some(metadata) = absent_is_none(entry?.metadata())? {
            sum.count += 1;
            sum.bytes += metadata.len();
        }
    }
    Ok(sum)
}

pub(super) fn remove_older(place: &Place, before: Timestamp) -> io::Result<usize> {
    let mut count = 0;
    let Some(folders) = absent_is_none(fs::read_dir(place.root.join(PARTIAL)))? else { return Ok(count) };
    for folder in folders {
        let folder = folder?.path();
        for entry in fs::read_dir(&folder)? {
            let _gate = place.gate();
            count += usize::from(remove_file_older(&entry?.path(), before)?);
        }
        let _gate = place.gate();
        // Refused while there is something in it, which is what is wanted.
        let _ = fs::remove_dir(&folder);
    }
    Ok(count)
}

/// The end of an upload in pieces.
pub(super) struct FilePartial {
    place: Place,
    path: PathBuf,
    file: File,
    size: u64,
}

impl FilePartial {
    /// Opens the file behind what is there, and makes it young, so that it is not removed as forgotten.
    pub(super) fn open(place: &Place, name: &PartialName, now: Timestamp) -> io::Result<FilePartial> {
        let path = path(place, name);
        let _gate = place.gate();
        fs::create_dir_all(folder(place, &name.owner))?;
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        let size = file.seek(SeekFrom::End(0))?;
        file.set_modified(system_time(now))?;
        Ok(FilePartial { place: place.clone(), path, file, size })
    }

    /// The hash of all that is here: no state of a hash survives from piece to piece, so the file is read.
    fn hash(&mut self) -> io::Result<BlobKey> {
        self.file.seek(SeekFrom::Start(0))?;
        let (mut hash, mut chunk) = (Sha256::new(), vec![0; HASH_CHUNK_BYTES]);
        loop {
            match self.file.read(&mut chunk)? {
                0 => return Ok(BlobKey::from_digest(&hash.finalize().into())),
                count => hash.update(&chunk[..count]),
            }
        }
    }
}

impl PartialWriter for FilePartial {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn keep(self: Box<Self>, now: Timestamp) -> io::Result<()> {
        self.file.set_modified(system_time(now))?;
        self.file.sync_all()
    }

    fn finish(mut self: Box<Self>, expected: &BlobKey, now: Timestamp) -> io::Result<Stored> {
        let key = self.hash()?;
        if key != *expected {
            fs::remove_file(&self.path)?;
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the bytes have another hash"));
        }
        self.place.take_in(&self.file, &self.path, &key, now)?;
        Ok(Stored { key, size: self.size })
    }
}
