//! An undo overwrites nobody's value without a word, whatever others say of theirs (UN3).

use model::Table;
use operations::build::set;
use operations::{Guard, Operation, Scope};
use serde_json::{Value, json};

use crate::band::{Server, User, id, volume};

/// What undoes the last entry of the log, as the log has it.
fn inverse(server: &Server) -> Vec<Operation> {
    let store = server.app.database.store();
    let scope = Scope::Project(id("p"));
    let end = store.position(&scope).unwrap().unwrap().seq;
    store.entries_before(&scope, end + 1, 1).unwrap().pop().unwrap().inverse
}

/// A new volume that says whom it finds and whose stamps it leaves.
fn forged(value: f64, finds: &[&str], leaves: &[&str]) -> Vec<Operation> {
    let of = |names: &[&str]| names.iter().map(|name| ("".into(), id(name))).collect();
    let guard = Some(Guard { finds: of(finds), leaves: of(leaves) });
    vec![Operation { guard, ..set(Table::Tracks, &id("a"), "volume", value) }]
}

/// Writes, which succeeds.
async fn write(server: &Server, user: &User, tx: &str, operations: Vec<Operation>) {
    let (status, body) = server.write(user, tx, operations).await;
    assert_eq!(status, 200, "{tx}: {body}");
}

async fn volume_now(server: &Server, user: &User) -> Value {
    let (_, body) = server.get(user, "/api/projects/p/records").await;
    body["recordMap"]["tracks"]["a"]["volume"].clone()
}

#[tokio::test]
async fn un3_wr6_who_writes_with_anothers_transaction_id_is_not_overwritten_by_their_undo() {
    let (server, _, _) = Server::in_memory().await;
    let [ann, bob, ..] = server.band().await;
    write(&server, &ann, "t", volume(0.5)).await;
    let undo = inverse(&server);
    write(&server, &bob, "x", volume(0.6)).await;
    // Unique for its author only: it is taken.
    write(&server, &bob, "t", volume(0.7)).await;
    assert_eq!(server.write(&ann, "undo", undo).await.0, 409);
    assert_eq!(volume_now(&server, &ann).await, json!(0.7));
}

#[tokio::test]
async fn un3_who_says_that_a_value_is_anothers_is_not_overwritten_by_their_undo_or_redo() {
    let (server, _, _) = Server::in_memory().await;
    let [ann, bob, ..] = server.band().await;
    write(&server, &ann, "t", volume(0.5)).await;
    let undo = inverse(&server);
    write(&server, &bob, "f1", forged(0.9, &["t"], &["t"])).await;
    assert_eq!(server.write(&ann, "late", undo).await.0, 409);
    assert_eq!(volume_now(&server, &ann).await, json!(0.9));

    // Nor may one say that it is nobody's.
    write(&server, &ann, "u", volume(0.4)).await;
    let undo = inverse(&server);
    write(&server, &ann, "undo", undo).await;
    let redo = inverse(&server);
    let finds: Vec<&str> = redo[0].guard.as_ref().unwrap().finds.values().map(|tx_id| tx_id.as_str()).collect();
    write(&server, &bob, "f2", forged(0.8, &finds, &finds)).await;
    assert_eq!(server.write(&ann, "redo", redo).await.0, 409);
    assert_eq!(volume_now(&server, &ann).await, json!(0.8));
    write(&server, &bob, "f3", forged(0.3, &["f2"], &[])).await;
    write(&server, &ann, "v", volume(0.2)).await;
    assert_eq!(inverse(&server)[0].guard.as_ref().unwrap().leaves.values().next(), Some(&id("f3")), "it is Bob's");
}

#[tokio::test]
async fn un3_un5_what_is_true_is_taken_as_it_is_said() {
    let (server, _, _) = Server::in_memory().await;
    let [ann, bob, ..] = server.band().await;
    let before = volume_now(&server, &ann).await;
    write(&server, &bob, "b", volume(0.3)).await;
    let bobs_undo = inverse(&server);
    write(&server, &ann, "t", volume(0.5)).await;
    let undo = inverse(&server);
    for n in 0..3 {
        write(&server, &ann, &format!("undo{n}"), undo.clone()).await;
        assert_eq!(volume_now(&server, &ann).await, json!(0.3));
        let redo = inverse(&server);
        write(&server, &ann, &format!("redo{n}"), redo).await;
        assert_eq!((volume_now(&server, &ann).await, inverse(&server)), (json!(0.5), undo.clone()));
    }
    write(&server, &ann, "undo", undo).await;
    // It is Bob's again: he may take it back.
    write(&server, &bob, "bobs-undo", bobs_undo).await;
    assert_eq!(volume_now(&server, &ann).await, before);
}
