//! The worker's files.

use std::io::{self, Read, Seek, SeekFrom, Write};

/// Which file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// What is made.
    Made,
    /// A recording, by the engine's number.
    Recording(u32),
    /// What a recording decodes to. There is one for each that the server has not decoded.
    Decoded(u32),
}

impl Place {
    /// The number under which `exporter.js` knows it.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Place::Made => 0,
            Place::Recording(source) => 2 * source + 1,
            Place::Decoded(source) => 2 * source + 2,
        }
    }
}

/// Files that can be read and written from anywhere, as the worker has them.
pub trait Disk: Clone + Send + 'static {
    /// Bytes of a file; none when there is no such file.
    fn size(&self, place: Place) -> Option<u64>;

    /// Fills `buffer` from `offset` on as far as the file goes; how many bytes that were.
    ///
    /// # Errors
    /// Why it cannot be read, for people.
    fn read(&self, place: Place, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// Why that cannot be done, for people: there is no room, mostly.
    fn write(&self, place: Place, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Empties a file.
    ///
    /// # Errors
    /// Why that cannot be done.
    fn clear(&self, place: Place) -> io::Result<()>;

    /// Hears how far the work is, from 0 to 1.
    fn progress(&self, done: f32);
}

/// One of them, with a place at which it is read or written next.
#[derive(Clone, Debug)]
pub struct OnDisk<D> {
    disk: D,
    place: Place,
    at: u64,
    size: u64,
}

impl<D: Disk> OnDisk<D> {
    /// The file at its beginning; an error when there is none.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`].
    pub fn open(disk: &D, place: Place) -> io::Result<OnDisk<D>> {
        let size = disk.size(place).ok_or(io::ErrorKind::NotFound)?;
        Ok(OnDisk { disk: disk.clone(), place, at: 0, size })
    }

    /// The file, emptied.
    ///
    /// # Errors
    /// As [`Disk::clear`].
    pub fn create(disk: &D, place: Place) -> io::Result<OnDisk<D>> {
        disk.clear(place)?;
        Ok(OnDisk { disk: disk.clone(), place, at: 0, size: 0 })
    }
}

impl<D: Disk> Read for OnDisk<D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = self.size.saturating_sub(self.at).min(buffer.len() as u64) as usize;
        if wanted == 0 {
            return Ok(0);
        }
        let read = self.disk.read(self.place, self.at, &mut buffer[..wanted])?;
        self.at += read as u64;
        Ok(read)
    }
}

impl<D: Disk> Write for OnDisk<D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.write(self.place, self.at, bytes)?;
        self.at += bytes.len() as u64;
        self.size = self.size.max(self.at);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<D: Disk> Seek for OnDisk<D> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = media::sought(to, self.at, self.size)?;
        Ok(self.at)
    }
}
