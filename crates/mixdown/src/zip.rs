//! Several files in one: a ZIP archive (PKWARE's APPNOTE 6.3.10) whose members are stored as they are, since sound hardly shrinks.
//!
//! A member is written where it will lie, with seeking back, as encoders want it; its check sum is taken by reading it again, so that no
//! second copy of it is ever on the disk. Members and archives of more than 4 GB are ZIP64; smaller ones are what every program reads. All
//! members have the same date, so that the same stems give the same archive.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;

/// Bytes of a member that are read at a time for its check sum.
const READ_BYTES: usize = 256 * 1024;
/// In the place of a number that stands in a ZIP64 field.
const WIDE_32: u32 = u32::MAX;
const WIDE_16: u16 = u16::MAX;
/// The version of a program that can read it: 2.0, and 4.5 for ZIP64.
const PLAIN_VERSION: u16 = 20;
const WIDE_VERSION: u16 = 45;
/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;
/// 1 January 1980: the first day that the format knows.
const DATE: u16 = 0x21;
/// An ordinary file that everyone may read, made on UNIX.
const MADE_ON_UNIX: u16 = 3 << 8;
const ATTRIBUTES: u32 = 0o100_644 << 16;
/// The field of a header that holds 64-bit numbers.
const WIDE_FIELD: u16 = 0x0001;
/// The field that keeps its place until it is known whether they are needed ("growth hint", with the signature that it begins with).
const PLACE_FIELD: u16 = 0xa220;
const PLACE_SIGNATURE: u16 = 0xa028;
/// Bytes of either field's content: two sizes.
const FIELD_BYTES: u16 = 16;
const LOCAL_BYTES: u64 = 30;

/// An archive on its way into a file.
#[derive(Debug)]
pub struct Zip<F> {
    file: F,
    members: Vec<Member>,
    /// Where the next member begins.
    end: u64,
    /// The greatest number that a 32-bit field holds.
    narrow_max: u64,
}

/// A member that has been written.
#[derive(Debug)]
struct Member {
    name: String,
    offset: u64,
    size: u64,
    check: u32,
}

impl<F: Read + Write + Seek> Zip<F> {
    /// Begins an archive in an empty file.
    pub fn new(file: F) -> Zip<F> {
        Zip { file, members: Vec::new(), end: 0, narrow_max: u64::from(WIDE_32) - 1 }
    }

    /// Begins a member, which ends with [`Writing::finish`]; without that, the archive is worth nothing.
    ///
    /// # Errors
    /// When the file cannot be written, or the name has more than 65,535 bytes.
    pub fn begin(&mut self, name: &str) -> io::Result<Writing<'_, F>> {
        let too_long = |_| io::Error::new(io::ErrorKind::InvalidInput, "a name in an archive has at most 65,535 bytes");
        let length = u16::try_from(name.len()).map_err(too_long)?;
        let start = self.end + LOCAL_BYTES + u64::from(length) + u64::from(FIELD_BYTES) + 4;
        // Nothing is there yet: sizes and check sum follow.
        self.write_local(name, self.end, 0, 0)?;
        Ok(Writing { name: name.to_owned(), start, at: 0, size: 0, zip: self })
    }

    /// Writes the directory and gives the file back.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self) -> io::Result<F> {
        let mut directory = Vec::new();
        self.members.iter().for_each(|member| self.write_entry(member, &mut directory));
        let (count, size, offset) = (self.members.len() as u64, directory.len() as u64, self.end);
        if count >= u64::from(WIDE_16) || size > self.narrow_max || offset > self.narrow_max {
            self.write_wide_end(count, size, offset, &mut directory);
        }
        let short = |number: u64| u16::try_from(number).unwrap_or(WIDE_16);
        put32(&mut directory, 0x0605_4b50);
        [0, 0, short(count), short(count)].into_iter().for_each(|number| put16(&mut directory, number));
        put32(&mut directory, self.narrow(size));
        put32(&mut directory, self.narrow(offset));
        put16(&mut directory, 0);
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(&directory)?;
        self.file.flush()?;
        Ok(self.file)
    }

    /// What stands in a 32-bit field.
    fn narrow(&self, number: u64) -> u32 {
        if number > self.narrow_max { WIDE_32 } else { u32::try_from(number).unwrap_or(WIDE_32) }
    }

    fn version(&self, numbers: &[u64]) -> u16 {
        if numbers.iter().any(|number| *number > self.narrow_max) { WIDE_VERSION } else { PLAIN_VERSION }
    }

    /// What stands before a member's bytes.
    fn write_local(&mut self, name: &str, offset: u64, size: u64, check: u32) -> io::Result<()> {
        let mut header = Vec::with_capacity(128);
        put32(&mut header, 0x0403_4b50);
        put16(&mut header, self.version(&[size]));
        self.describe(name, size, check, &mut header);
        put16(&mut header, FIELD_BYTES + 4);
        header.extend_from_slice(name.as_bytes());
        if size > self.narrow_max {
            put16(&mut header, WIDE_FIELD);
            put16(&mut header, FIELD_BYTES);
            put64(&mut header, size);
            put64(&mut header, size);
        } else {
            [PLACE_FIELD, FIELD_BYTES, PLACE_SIGNATURE, FIELD_BYTES - 4]
                .into_iter()
                .for_each(|it| put16(&mut header, it));
            header.resize(header.len() + usize::from(FIELD_BYTES) - 4, 0);
        }
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.write_all(&header)
    }

    /// What both headers of a member have: flags, method, time, date, check sum, sizes, length of the name.
    fn describe(&self, name: &str, size: u64, check: u32, header: &mut Vec<u8>) {
        [FLAGS, 0, 0, DATE].into_iter().for_each(|number| put16(header, number));
        [check, self.narrow(size), self.narrow(size)].into_iter().for_each(|number| put32(header, number));
        put16(header, u16::try_from(name.len()).unwrap_or(WIDE_16));
    }

    /// A member's entry in the directory.
    fn write_entry(&self, Member { name, offset, size, check }: &Member, directory: &mut Vec<u8>) {
        let sizes: &[u64] = if *size > self.narrow_max { &[*size, *size] } else { &[] };
        let place: &[u64] = if *offset > self.narrow_max { &[*offset] } else { &[] };
        let wide = [sizes, place].concat();
        put32(directory, 0x0201_4b50);
        put16(directory, MADE_ON_UNIX | WIDE_VERSION);
        put16(directory, self.version(&[*size, *offset]));
        self.describe(name, *size, *check, directory);
        let field_bytes = (wide.len() * 8) as u16;
        put16(directory, if wide.is_empty() { 0 } else { field_bytes + 4 });
        [0, 0, 0].into_iter().for_each(|number| put16(directory, number));
        put32(directory, ATTRIBUTES);
        put32(directory, self.narrow(*offset));
        directory.extend_from_slice(name.as_bytes());
        if !wide.is_empty() {
            put16(directory, WIDE_FIELD);
            put16(directory, field_bytes);
            wide.into_iter().for_each(|number| put64(directory, number));
        }
    }

    /// The end of a directory that does not fit into 32 bits, and where it is.
    fn write_wide_end(&self, count: u64, size: u64, offset: u64, directory: &mut Vec<u8>) {
        put32(directory, 0x0606_4b50);
        put64(directory, 44);
        put16(directory, MADE_ON_UNIX | WIDE_VERSION);
        put16(directory, WIDE_VERSION);
        [0, 0].into_iter().for_each(|number| put32(directory, number));
        [count, count, size, offset].into_iter().for_each(|number| put64(directory, number));
        put32(directory, 0x0706_4b50);
        put32(directory, 0);
        put64(directory, offset + size);
        put32(directory, 1);
    }
}

/// A member on its way into its archive: a file of its own, as it seems to who writes it.
#[derive(Debug)]
pub struct Writing<'a, F> {
    zip: &'a mut Zip<F>,
    name: String,
    /// Where its bytes begin in the archive.
    start: u64,
    /// Where the next byte goes, from there.
    at: u64,
    /// Bytes so far.
    size: u64,
}

impl<F: Read + Write + Seek> Writing<'_, F> {
    /// Makes it part of the archive, unless `watch` stops it: its bytes are read once more, which takes its time.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn finish(self, mut watch: impl FnMut() -> ControlFlow<()>) -> io::Result<ControlFlow<()>> {
        let Writing { zip, name, start, size, .. } = self;
        let offset = zip.end;
        zip.file.seek(SeekFrom::Start(start))?;
        let (mut hasher, mut chunk, mut left) = (crc32fast::Hasher::new(), vec![0; READ_BYTES], size);
        while left > 0 {
            let count = left.min(READ_BYTES as u64) as usize;
            zip.file.read_exact(&mut chunk[..count])?;
            hasher.update(&chunk[..count]);
            left -= count as u64;
            if watch().is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        let check = hasher.finalize();
        zip.write_local(&name, offset, size, check)?;
        zip.end = start + size;
        zip.members.push(Member { name, offset, size, check });
        Ok(ControlFlow::Continue(()))
    }
}

impl<F: Write + Seek> Write for Writing<'_, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.zip.file.seek(SeekFrom::Start(self.start + self.at))?;
        let count = self.zip.file.write(bytes)?;
        self.at += count as u64;
        self.size = self.size.max(self.at);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.zip.file.flush()
    }
}

impl<F> Seek for Writing<'_, F> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = media::sought(to, self.at, self.size)?;
        Ok(self.at)
    }
}

fn put16(bytes: &mut Vec<u8>, number: u16) {
    bytes.extend_from_slice(&number.to_le_bytes());
}

fn put32(bytes: &mut Vec<u8>, number: u32) {
    bytes.extend_from_slice(&number.to_le_bytes());
}

fn put64(bytes: &mut Vec<u8>, number: u64) {
    bytes.extend_from_slice(&number.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Cursor;

    use super::*;

    fn number(bytes: &[u8], at: usize, count: usize) -> u64 {
        bytes[at..at + count].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// Members by name, as a reader finds them: from the end, by the directory. An independent reading is in the server's tests of strangers' tools.
    fn read(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
        let end = bytes.len() - 22;
        assert_eq!(number(bytes, end, 4), 0x0605_4b50);
        let (mut count, mut at) = (number(bytes, end + 10, 2), number(bytes, end + 16, 4));
        if at == u64::from(WIDE_32) {
            assert_eq!(number(bytes, end - 20, 4), 0x0706_4b50);
            let wide = number(bytes, end - 12, 8) as usize;
            assert_eq!(number(bytes, wide, 4), 0x0606_4b50);
            (count, at) = (number(bytes, wide + 32, 8), number(bytes, wide + 48, 8));
        }
        let mut members = BTreeMap::new();
        let mut at = at as usize;
        for _ in 0..count {
            assert_eq!(number(bytes, at, 4), 0x0201_4b50);
            let (name, extra) = (number(bytes, at + 28, 2) as usize, number(bytes, at + 30, 2) as usize);
            let (mut size, mut offset) = (number(bytes, at + 24, 4), number(bytes, at + 42, 4));
            let mut field = at + 46 + name + 4;
            if size == u64::from(WIDE_32) {
                size = number(bytes, field, 8);
                field += 16;
            }
            if offset == u64::from(WIDE_32) {
                offset = number(bytes, field, 8);
            }
            let text = String::from_utf8(bytes[at + 46..at + 46 + name].to_vec()).unwrap();
            let local = offset as usize;
            assert_eq!(number(bytes, local, 4), 0x0403_4b50);
            assert_eq!(bytes[local + 14..local + 18], bytes[at + 16..at + 20], "the check sums agree");
            let start = local + 30 + name + number(bytes, local + 28, 2) as usize;
            let content = bytes[start..start + size as usize].to_vec();
            assert_eq!(number(bytes, at + 16, 4), u64::from(crc32fast::hash(&content)));
            members.insert(text, content);
            at += 46 + name + extra;
        }
        members
    }

    fn archive(narrow_max: u64) -> Vec<u8> {
        let mut zip = Zip { narrow_max, ..Zip::new(Cursor::new(Vec::new())) };
        for (name, content) in
            [("01 Kick.wav", vec![1_u8; 700_000]), ("02 Stimme ä.wav", b"0123456789".to_vec()), ("empty", vec![])]
        {
            let mut member = zip.begin(name).unwrap();
            // Encoders come back to the beginning for what is known in the end.
            member.write_all(&vec![0; content.len().min(4)]).unwrap();
            member.write_all(&content[content.len().min(4)..]).unwrap();
            member.seek(SeekFrom::Start(0)).unwrap();
            member.write_all(&content[..content.len().min(4)]).unwrap();
            assert_eq!(member.seek(SeekFrom::End(0)).unwrap(), content.len() as u64);
            assert!(member.seek(SeekFrom::Current(-1_000_000)).is_err());
            assert!(member.finish(|| ControlFlow::Continue(())).unwrap().is_continue());
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn members_come_out_as_they_went_in() {
        for narrow_max in [u64::from(WIDE_32) - 1, 100_000, 0] {
            let members = read(&archive(narrow_max));
            assert_eq!(members.len(), 3, "{narrow_max}");
            assert_eq!(members["01 Kick.wav"], vec![1; 700_000]);
            assert_eq!(members["02 Stimme ä.wav"], b"0123456789");
            assert_eq!(members["empty"], b"");
        }
        assert!(archive(u64::from(WIDE_32) - 1) == archive(u64::from(WIDE_32) - 1));
        assert_eq!(read(&Zip::new(Cursor::new(Vec::new())).finish().unwrap().into_inner()).len(), 0);
    }

    #[test]
    fn only_what_does_not_fit_into_32_bits_is_zip64() {
        let wide_field = |bytes: &[u8]| bytes.windows(4).any(|it| it == [1, 0, 16, 0]);
        let (plain, wide) = (archive(u64::from(WIDE_32) - 1), archive(100_000));
        assert!(!wide_field(&plain) && wide_field(&wide));
        assert_eq!(number(&plain, 4, 2), u64::from(PLAIN_VERSION));
        assert_eq!(number(&wide, 4, 2), u64::from(WIDE_VERSION));
    }

    #[test]
    fn a_name_has_a_limit() {
        let mut zip = Zip::new(Cursor::new(Vec::new()));
        assert!(zip.begin(&"x".repeat(65_536)).is_err());
        assert!(zip.begin(&"x".repeat(65_535)).unwrap().finish(|| ControlFlow::Continue(())).unwrap().is_continue());
        assert_eq!(read(&zip.finish().unwrap().into_inner()).len(), 1);
    }

    #[test]
    fn ex4_a_long_member_is_not_read_to_its_end_when_nobody_wants_it_any_more() {
        let mut zip = Zip::new(Cursor::new(Vec::new()));
        let mut member = zip.begin("long").unwrap();
        member.write_all(&vec![7; 10 * READ_BYTES]).unwrap();
        let mut asked = 0;
        let stopped = member.finish(|| {
            asked += 1;
            if asked == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(stopped.unwrap().is_break());
        assert_eq!(asked, 3);
        assert!(zip.members.is_empty(), "it is no part of the archive");
    }
}
