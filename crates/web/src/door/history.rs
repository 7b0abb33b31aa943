//! What has happened to a project, as the server tells it (WR11, WR12).

use std::collections::{BTreeMap, HashMap};

use model::{Id, Record, Records, Table, Value};
use serde::Deserialize;

use super::api::{self, Failure};

/// Entries that are asked for at a time.
const PAGE_ENTRIES: usize = 60;

/// A part of the history, the newest first.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Page {
    pub(crate) entries: Vec<Entry>,
    /// What to ask for to go on; none at the beginning.
    pub(crate) next: Option<u64>,
    /// What the records are called today, by `table:id`.
    #[serde(default)]
    pub(crate) names: BTreeMap<String, String>,
    /// The named versions; only with the newest part.
    pub(crate) versions: Option<Vec<Version>>,
}

/// A transaction.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    pub(crate) seq: u64,
    pub(crate) author: Author,
    /// ISO 8601.
    pub(crate) time: String,
    #[serde(default)]
    pub(crate) gesture: Option<String>,
    /// The first of its operations.
    pub(crate) operations: Vec<Deed>,
    /// How many there are in all.
    pub(crate) operation_count: usize,
}

/// Who did it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Author {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) colour: Option<String>,
}

/// An operation as the history shows it: a value that is too large is left out.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deed {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) table: Table,
    pub(crate) id: Id,
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) value: Value,
    /// Whether it takes something back, or brings it again.
    #[serde(default)]
    pub(crate) takes_back: bool,
}

/// A state that somebody has given a name.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Version {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) seq: u64,
    #[serde(default)]
    pub(crate) created_at: Option<String>,
    pub(crate) created_by: Author,
}

/// The entries before `before`, or the newest.
pub(crate) async fn page(project: &Id, before: Option<u64>) -> Result<Page, Failure> {
    let before = before.map(|before| format!("&before={before}")).unwrap_or_default();
    api::get(&format!("/api/projects/{project}/history?limit={PAGE_ENTRIES}{before}")).await
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordsBody {
    record_map: HashMap<Table, HashMap<Id, Record>>,
}

/// The song as entry `seq` left it.
pub(crate) async fn state_after(project: &Id, seq: u64) -> Result<Records, Failure> {
    let body: RecordsBody = api::get(&format!("/api/projects/{project}/records?seq={seq}")).await?;
    let mut records = Records::new();
    for (table, all) in body.record_map {
        for record in all.into_values() {
            records.insert(table, record);
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wr11_the_servers_answer_is_read() {
        let text = r##"{"entries":[{"seq":7,"txId":"t","author":{"id":"u","name":null,"colour":null},"time":"2026-11-25T21:00:00.000Z","gesture":null,
            "operations":[{"type":"listInsert","table":"clips","id":"k","key":"midiData.notes","cutBytes":4000,"position":"append","takesBack":true}],
            "operationCount":3}],"next":7,"names":{"clips:k":"Riff"},"versions":[{"id":"v","name":"Mix 1","seq":5,"createdAt":null,
            "createdBy":{"id":"u","name":"Ann","colour":"#ff0000"}}],"seq":9,"epoch":"e"}"##;
        let page: Page = serde_json::from_str(text).unwrap();
        let deed = &page.entries[0].operations[0];
        assert_eq!((deed.table, &*deed.key, deed.takes_back), (Table::Clips, "midiData.notes", true));
        assert!(deed.value.is_null());
        assert_eq!((page.entries[0].operation_count, page.next), (3, Some(7)));
        assert_eq!(page.versions.unwrap()[0].created_by.name.as_deref(), Some("Ann"));
    }

    #[test]
    fn wr12_an_old_state_is_read() {
        let text = r#"{"recordMap":{"tracks":{"t":{"id":"t","version":3,"name":"Bass"}}},"seq":4,"epoch":"e"}"#;
        let body: RecordsBody = serde_json::from_str(text).unwrap();
        assert_eq!(body.record_map[&Table::Tracks][&Id::new("t").unwrap()].text("name"), Some("Bass"));
    }
}
