//! A snapshot, encoded and packed once for all who are told of it.

use model::{Id, Record, Records, Table};

use super::packed::{deflated, packed_head};
use super::{ServerMessage, append, encode};

/// A log's epoch, a place in it, and the records that it leaves by then: as a browser keeps them, in postcard. None when these bytes
/// are none. Compiled here for the same reason as [`super::server_message`].
#[inline(never)]
#[must_use]
pub fn read_snapshot(bytes: &[u8]) -> Option<(Id, u64, Records)> {
    let (epoch, seq, records) = postcard::from_bytes::<(Id, u64, Vec<(Table, Record)>)>(bytes).ok()?;
    Some((epoch, seq, records.into_iter().collect()))
}

/// The frame of a [`ServerMessage::Snapshot`] but for its first bytes, which name the channel: see [`SnapshotBody::head`].
#[derive(Debug)]
pub struct SnapshotBody {
    bytes: Vec<u8>,
    /// How long it was before it was packed.
    unpacked: Option<usize>,
}

impl SnapshotBody {
    /// Of these records, packed where that makes it smaller, for clients that can unpack.
    #[must_use]
    pub fn of(epoch: &Id, seq: u64, records: &[(Table, Record)], packs: bool) -> SnapshotBody {
        let bytes = append(Vec::new(), &(epoch, seq, records));
        match packs.then(|| deflated(&bytes)).flatten() {
            Some(deflated) => SnapshotBody { unpacked: Some(bytes.len()), bytes: deflated },
            None => SnapshotBody { bytes, unpacked: None },
        }
    }

    /// What comes before it in the frame for this channel.
    #[must_use]
    pub fn head(&self, channel: u32) -> Vec<u8> {
        let (epoch, seq, records) = (Id::system(), 0, Vec::new());
        let rest = append(Vec::new(), &(&epoch, seq, &records)).len();
        let mut head = encode(&ServerMessage::Snapshot { channel, epoch, seq, records });
        head.truncate(head.len() - rest);
        match self.unpacked {
            Some(length) => packed_head(&head, length),
            None => head,
        }
    }

    /// What is the same for all.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PACKED, VERSION, decode, unpack};
    use super::*;

    #[test]
    fn w4_one_body_serves_every_channel_packed_or_not() {
        let id = |text: &str| Id::new(text).unwrap();
        let record = |n: usize| {
            let fields = model::fields([("name", format!("track {n}").as_str().into())]);
            (Table::Tracks, Record::new(id(&format!("t{n}")), 1, fields))
        };
        for count in [0, 1, 5_000] {
            let records: Vec<_> = (0..count).map(record).collect();
            for packs in [false, true] {
                let body = SnapshotBody::of(&id("epoch"), 300, &records, packs);
                for channel in [0, 127, 128, u32::MAX] {
                    let frame = [&body.head(channel), body.bytes()].concat();
                    assert_eq!(frame[0], if packs && count > 1 { PACKED } else { VERSION });
                    let (epoch, records) = (id("epoch"), records.clone());
                    let told = ServerMessage::Snapshot { channel, epoch, seq: 300, records };
                    assert_eq!(decode(&unpack(&frame).unwrap()), Ok(told));
                }
            }
        }
    }
}
