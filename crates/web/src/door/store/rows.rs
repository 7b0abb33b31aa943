//! What is kept, as bytes: a byte that says in which form, then postcard. Old forms stay readable for ever.

use model::{Id, Record, Records, Table, Timestamp};
use operations::Commit;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sync::{Kept, Step};

/// The form that is written.
const FORM: u8 = 1;

/// An edit that waits, and what the user knows it as.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Waiting {
    /// Of which project.
    pub(crate) project: Id,
    /// "Move clip".
    pub(crate) what: String,
    /// What goes to the server.
    pub(crate) kept: Kept,
}

/// A project as the log left it at `seq`.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Snapshot {
    pub(super) epoch: Id,
    pub(super) seq: u64,
    pub(super) records: Vec<(Table, Record)>,
}

/// Entries of a log, in order.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Since {
    pub(super) epoch: Id,
    pub(super) commits: Vec<Commit>,
}

/// What the queue's rows hold beside what can be searched for.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Queued {
    pub(super) what: String,
    pub(super) kept: Kept,
}

/// Rows that are kept, each of one form so far.
pub(super) trait Row: Serialize + DeserializeOwned {}
impl Row for Snapshot {}
impl Row for Since {}
impl Row for Queued {}
impl Row for Step {}

/// The bytes of a row.
pub(super) fn encode(row: &impl Row) -> Vec<u8> {
    // Every row serialises; bytes that are none are not read.
    postcard::to_extend(row, vec![FORM]).unwrap_or_default()
}

/// The row in these bytes; none when they are not of a form that this build knows.
pub(super) fn decode<R: Row>(bytes: &[u8]) -> Option<R> {
    match bytes.split_first() {
        Some((&FORM, body)) => postcard::from_bytes(body).ok(),
        _ => None,
    }
}

/// The epoch, the place and the records of a [`Snapshot`] in these bytes; none when they are not of a form that this build knows.
pub(super) fn decode_snapshot(bytes: &[u8]) -> Option<(Id, u64, Records)> {
    match bytes.split_first() {
        Some((&FORM, body)) => sync::wire::read_snapshot(body),
        _ => None,
    }
}

/// An edit that waits, as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Its place; none while it is in this tab only.
    pub(crate) place: Option<u64>,
    /// Of which project.
    pub(crate) project: Id,
    /// Which.
    pub(crate) tx_id: Id,
    /// "Move clip".
    pub(crate) what: String,
    /// When it was made.
    pub(crate) made: Timestamp,
    /// Whether the server has failed on it too often.
    pub(crate) is_parked: bool,
}

#[cfg(test)]
mod tests {
    use operations::{Transaction, build};

    use super::*;

    fn queued() -> Queued {
        let id = Id::new("a").unwrap();
        let transaction = Transaction {
            tx_id: Id::new("t-1").unwrap(),
            author_id: id.clone(),
            operations: vec![build::set(Table::Tracks, &id, "volume", 0.5)],
            client_timestamp: 1.5,
            base_versions: Default::default(),
            gesture: None,
        };
        Queued { what: "Volume".to_owned(), kept: Kept { transaction, time: Timestamp(7), takes_back: None } }
    }

    #[test]
    fn cl2_what_an_older_build_has_kept_is_still_read() {
        let bytes = encode(&queued());
        assert_eq!(decode(&bytes), Some(queued()));
        // As form 1 was written when it was new. Whoever changes what lies in a row adds a form, and reads this one on.
        let written: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(written, FORM_1);
    }

    #[test]
    fn cl5_a_snapshot_is_read_as_it_was_written() {
        let record = Record::new(Id::new("t").unwrap(), 3, model::fields([("name", "Bass".into())]));
        let records = vec![(Table::Tracks, record)];
        let snapshot = Snapshot { epoch: Id::new("e").unwrap(), seq: 7, records: records.clone() };
        let bytes = encode(&snapshot);
        let read = decode_snapshot(&bytes).unwrap();
        assert_eq!(read, (snapshot.epoch, snapshot.seq, records.into_iter().collect()));
        assert_eq!(decode_snapshot(&bytes[..bytes.len() - 1]), None);
        assert_eq!(decode_snapshot(&[&[FORM + 1][..], &bytes[1..]].concat()), None);
    }

    const FORM_1: &str =
        "0106566f6c756d6503742d3101610106747261636b73016106766f6c756d650002000000000000e03f00000000000000f83f00000e00";

    #[test]
    fn cl2_bytes_of_another_form_are_no_row_and_no_panic() {
        let mut bytes = encode(&queued());
        bytes[0] = FORM + 1;
        assert_eq!(decode::<Queued>(&bytes), None);
        assert_eq!(decode::<Queued>(&[]), None);
        for end in 0..bytes.len() {
            bytes[0] = FORM;
            assert_eq!(decode::<Queued>(&bytes[..end]), None);
        }
    }
}
