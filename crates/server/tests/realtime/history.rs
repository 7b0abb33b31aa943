//! What was changed, how it was, and named versions (WR11, WR12, WR13).

use model::{Table, Value, fields};
use operations::build::{create, delete, set};
use serde_json::{Value as Json, json};

use crate::band::{Server, User, id, volume};

const HISTORY: &str = "/api/projects/p/history";

fn name_version(version: &str, name: &str) -> Vec<operations::Operation> {
    vec![create(Table::Versions, &id(version), fields([("projectId", "p".into()), ("name", name.into())]))]
}

fn seqs(page: &Json) -> Vec<u64> {
    page["entries"].as_array().unwrap().iter().map(|entry| entry["seq"].as_u64().unwrap()).collect()
}

async fn page(server: &Server, user: &User, query: &str) -> Json {
    let (status, body) = server.get(user, &format!("{HISTORY}{query}")).await;
    assert_eq!(status, 200, "{body}");
    body
}

#[tokio::test]
async fn wr11_the_history_says_who_changed_what_and_when() {
    let server = Server::start().await;
    let [ann, bob, vic, eve] = server.band().await;
    for n in 0..10 {
        assert_eq!(server.write(&bob, &format!("t{n}"), volume(f64::from(n) / 10.0)).await.0, 200);
    }
    assert_eq!(server.write(&ann, "name", vec![set(Table::Tracks, &id("a"), "name", "Low end")]).await.0, 200);

    let newest = page(&server, &vic, "?limit=2").await;
    assert_eq!((seqs(&newest), &newest["next"], &newest["seq"]), (vec![12, 11], &json!(11), &json!(12)));
    let entry = &newest["entries"][1];
    assert_eq!(entry["author"], json!({"id": "bob", "name": "bob", "colour": "#7c8cff"}));
    assert_eq!((&entry["txId"], &entry["operationCount"], &entry["gesture"]), (&json!("t9"), &json!(1), &Json::Null));
    let expected = json!({"type": "set", "table": "tracks", "id": "a", "key": "volume", "value": 0.9});
    assert_eq!(entry["operations"], json!([expected]));
    assert!(entry["time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(newest["names"]["tracks:a"], "Low end", "as it is called today");

    let rest = page(&server, &vic, "?before=11&limit=200").await;
    assert_eq!((seqs(&rest), &rest["next"]), ((1..=10).rev().collect(), &Json::Null));
    assert_eq!((&rest["names"]["project_members:mb"], &rest["names"]["projects:p"]), (&json!("bob"), &json!("Song")));
    assert!(rest["versions"].is_null(), "only with the newest");
    assert!(seqs(&page(&server, &vic, "?before=0").await).is_empty());

    for bad in ["?limit=0", "?limit=201", "?limit=many", "?before=-1"] {
        let (status, body) = server.get(&vic, &format!("{HISTORY}{bad}")).await;
        assert_eq!((status.as_u16(), body["message"].is_string()), (400, true), "{bad}");
    }
    for path in [HISTORY, "/api/projects/none/history", "/api/projects/p/records?seq=1"] {
        assert_eq!(server.get(&eve, path).await.0, 403, "{path}");
    }
}

#[tokio::test]
async fn wr11_bulk_is_left_out_of_the_history() {
    let server = Server::start().await;
    let [ann, ..] = server.band().await;
    let notes = (0..200u32).map(|n| {
        Value::map([
            ("id", format!("n{n}").as_str().into()),
            ("pitch", 60u32.into()),
            ("startBeat", n.into()),
            ("durationBeats", 1u32.into()),
        ])
    });
    let clip = fields([
        ("trackId", "a".into()),
        ("name", "Riff".into()),
        ("startBeat", 0u32.into()),
        ("durationBeats", 4u32.into()),
        ("midiData", Value::map([("notes", Value::list(notes))])),
    ]);
    let mut operations = vec![create(Table::Clips, &id("c"), clip)];
    operations.extend((0..99).map(|n| set(Table::Clips, &id("c"), "gain", f64::from(n) / 99.0)));
    assert_eq!(server.write(&ann, "riff", operations).await.0, 200);
    let newest = page(&server, &ann, "?limit=1").await;
    let entry = &newest["entries"][0];
    let shown = entry["operations"].as_array().unwrap();
    assert_eq!((shown.len(), &entry["operationCount"]), (50, &json!(100)));
    assert!(shown[0]["value"].is_null() && shown[0]["cutBytes"].as_u64().unwrap() > 2_048);
    assert!(shown[1]["cutBytes"].is_null() && shown[1]["value"].is_number());
    assert_eq!(newest["names"]["clips:c"], "Riff");

    // A page ends early when it holds much, and says where to go on.
    for n in 0..100 {
        let name = format!("{n:03}").repeat(60);
        let many = (0..50).map(|_| set(Table::Tracks, &id("a"), "name", name.as_str())).collect();
        assert_eq!(server.write(&ann, &format!("names{n}"), many).await.0, 200);
    }
    let (mut all, mut query, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = page(&server, &ann, &format!("?limit=200{query}")).await;
        assert!(page.to_string().len() < 1024 * 1024);
        all.extend(seqs(&page));
        pages += 1;
        let Some(next) = page["next"].as_u64() else { break };
        query = format!("&before={next}");
    }
    assert_eq!(all, (1..=102).rev().collect::<Vec<_>>());
    assert!(pages > 1);
}

#[tokio::test]
async fn wr12_old_states_can_be_looked_at() {
    let server = Server::start().await;
    let [ann, _, vic, _] = server.band().await;
    let (_, first) = server.get(&ann, "/api/projects/p/records").await;
    assert_eq!(server.write(&ann, "t1", volume(0.25)).await.0, 200);
    let track = fields([("projectId", "p".into()), ("name", "Late".into()), ("type", "audio".into())]);
    assert_eq!(server.write(&ann, "t2", vec![create(Table::Tracks, &id("late"), track)]).await.0, 200);
    assert_eq!(server.write(&ann, "t3", vec![delete(Table::Tracks, &id("b")), volume(0.75).remove(0)]).await.0, 200);

    let at = async |seq: u64| {
        let (status, body) = server.get(&vic, &format!("/api/projects/p/records?seq={seq}")).await;
        assert_eq!((status.as_u16(), &body["seq"], &body["epoch"]), (200, &json!(seq), &first["epoch"]));
        body
    };
    let old = at(1).await;
    let fields_of = |body: &Json, id: &str| {
        let mut record = body["recordMap"]["tracks"][id].clone();
        record.as_object_mut().unwrap().remove("updatedAt");
        record
    };
    assert_eq!(fields_of(&old, "a"), fields_of(&first, "a"));
    assert_eq!(fields_of(&old, "b"), fields_of(&first, "b"));
    assert!(old["recordMap"]["tracks"]["late"].is_null(), "it did not exist");
    assert_eq!(old["recordMap"]["users"].as_object().unwrap().len(), 3, "who is a member today");
    assert!(old["recordMap"]["users"]["ann"]["email"].is_null(), "U3");
    let volume_at = async |seq: u64| at(seq).await["recordMap"]["tracks"]["a"]["volume"].clone();
    assert_eq!((volume_at(2).await, volume_at(3).await, volume_at(4).await), (json!(0.25), json!(0.25), json!(0.75)));
    let now = at(4).await;
    assert_eq!(now["recordMap"], server.get(&vic, "/api/projects/p/records").await.1["recordMap"]);
    for bad in ["5", "-1", "x"] {
        let (status, body) = server.get(&vic, &format!("/api/projects/p/records?seq={bad}")).await;
        assert_eq!((status.as_u16(), body["message"].is_string()), (400, true), "{bad}");
    }
}

#[tokio::test]
async fn wr13_versions_are_named_renamed_and_deleted_by_editors_and_found_in_the_history() {
    let server = Server::start().await;
    let [ann, bob, vic, _] = server.band().await;
    assert_eq!(server.write(&ann, "t1", volume(0.25)).await.0, 200);
    assert_eq!(server.write(&bob, "v1", name_version("v1", "Rough mix")).await.0, 200);
    assert_eq!(server.write(&ann, "t2", volume(0.5)).await.0, 200);
    assert_eq!(server.write(&ann, "v2", name_version("v2", "Final mix")).await.0, 200);
    assert_eq!(server.write(&vic, "v3", name_version("v3", "Mine")).await.0, 403);
    assert_eq!(server.write(&vic, "r", vec![set(Table::Versions, &id("v1"), "name", "Mine")]).await.0, 403);
    assert_eq!(server.write(&vic, "d", vec![delete(Table::Versions, &id("v1"))]).await.0, 403);

    let versions = async || page(&server, &vic, "?limit=1").await["versions"].clone();
    let list = versions().await;
    let named = |list: &Json| -> Vec<(String, u64)> {
        let both = |v: &Json| (v["name"].as_str().unwrap().to_owned(), v["seq"].as_u64().unwrap());
        list.as_array().unwrap().iter().map(both).collect()
    };
    assert_eq!(named(&list), [("Final mix".to_owned(), 5), ("Rough mix".to_owned(), 3)]);
    assert_eq!((&list[1]["id"], &list[1]["createdBy"]["name"]), (&json!("v1"), &json!("bob")));
    assert!(list[1]["createdAt"].is_string());

    // Renamed, it still means the moment at which it was named.
    assert_eq!(server.write(&ann, "r", vec![set(Table::Versions, &id("v1"), "name", "Demo")]).await.0, 200);
    assert_eq!(named(&versions().await)[1], ("Demo".to_owned(), 3));
    let (_, old) = server.get(&vic, "/api/projects/p/records?seq=3").await;
    assert_eq!(old["recordMap"]["tracks"]["a"]["volume"], 0.25);

    assert_eq!(server.write(&bob, "d", vec![delete(Table::Versions, &id("v2"))]).await.0, 200);
    assert_eq!(named(&versions().await), [("Demo".to_owned(), 3)]);
    for field in ["txId", "createdBy", "projectId"] {
        assert_eq!(
            server.write(&ann, "forge", vec![set(Table::Versions, &id("v1"), field, "x")]).await.0,
            400,
            "{field}"
        );
    }
}
