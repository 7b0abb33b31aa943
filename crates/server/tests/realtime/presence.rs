//! Who points where (PR1, CL8).

use model::Table;
use operations::{Operation, build::delete};
use sync::wire::{ClientMessage, Dragged, Held, PRESENCE_HELD_MAX, Pointer, Presence, PresenceOf, ServerMessage};

use crate::band::{Server, Socket, User, id, volume};

/// A fader in someone's hand.
fn fader(value: f64) -> Held {
    let Operation { target, path, .. } = volume(value).remove(0);
    Held { target, path, value }
}

fn at(beat: f64) -> Presence {
    Presence { pointer: Some(Pointer { beat, track: Some(id("a")) }), ..Presence::default() }
}

async fn point(socket: &mut Socket, beat: f64) {
    socket.say(&ClientMessage::Presence { channel: 1, presence: at(beat) }).await;
}

/// The next presences that come; everything else is passed over.
async fn presences(socket: &mut Socket) -> Vec<PresenceOf> {
    socket
        .wait_for(|message| match message {
            ServerMessage::Presences { channel: 1, presences } => Some(presences),
            _ => None,
        })
        .await
}

/// Waits until this beat is pointed at; whose session that is.
async fn seen(socket: &mut Socket, beat: f64) -> u64 {
    loop {
        let found = presences(socket).await.into_iter().find(|of| of.presence == Some(at(beat)));
        if let Some(of) = found {
            return of.session;
        }
    }
}

/// Whatever the server has told this socket so far has come once its answer comes.
async fn everything_so_far(socket: &mut Socket) -> Vec<ServerMessage> {
    let mut heard = Vec::new();
    socket.say(&ClientMessage::Ping { nonce: 99 }).await;
    loop {
        match socket.hear().await {
            ServerMessage::Pong { nonce: 99 } => return heard,
            other => heard.push(other),
        }
    }
}

/// The band, and ann and bob who have the song open.
async fn together() -> (Server, [User; 4], Socket, Socket) {
    let server = Server::start().await;
    let band = server.band().await;
    let (anns, _) = server.open(&band[0], None).await;
    let (bobs, _) = server.open(&band[1], None).await;
    (server, band, anns, bobs)
}

#[tokio::test]
async fn pr1_the_others_see_where_someone_points_and_newcomers_see_everybody() {
    let (server, [_, _, vic, _], mut anns, mut bobs) = together().await;
    point(&mut anns, 3.5).await;
    let told = presences(&mut bobs).await;
    assert_eq!(
        told.iter().map(|of| (of.user.as_str(), of.presence.clone())).collect::<Vec<_>>(),
        [("ann", Some(at(3.5)))]
    );
    point(&mut bobs, 8.0).await;
    assert_ne!(seen(&mut anns, 8.0).await, told[0].session);

    // A viewer sees everybody at once, and is seen.
    let (mut vics, _) = server.open(&vic, None).await;
    let mut everybody = presences(&mut vics).await;
    everybody.sort_by(|a, b| a.user.cmp(&b.user));
    assert_eq!(everybody.iter().map(|of| of.presence.clone()).collect::<Vec<_>>(), [Some(at(3.5)), Some(at(8.0))]);
    point(&mut vics, 1.0).await;
    seen(&mut anns, 1.0).await;
    seen(&mut bobs, 1.0).await;

    // Nobody is told of themselves.
    let own = everything_so_far(&mut vics).await;
    assert!(!own.iter().any(|message| matches!(message, ServerMessage::Presences { presences, .. } if presences.iter().any(|of| of.user == id("vic")))));

    // It is in no log, and in no record.
    let store = server.app.database.store();
    let scope = operations::Scope::Project(id("p"));
    assert_eq!(store.position(&scope).unwrap().unwrap().seq, 1);
}

#[tokio::test]
async fn pr1_tabs_are_sessions_of_their_own_and_whoever_goes_is_told_of() {
    let server = Server::start().await;
    let [ann, bob, _, _] = server.band().await;
    let (mut anns, _) = server.open(&ann, None).await;
    let (mut first, _) = server.open(&bob, None).await;
    let (mut second, _) = server.open(&bob, None).await;
    point(&mut first, 1.0).await;
    point(&mut second, 2.0).await;
    let (one, other) = (seen(&mut anns, 1.0).await, seen(&mut anns, 2.0).await);
    assert_ne!(one, other);
    assert_eq!(seen(&mut second, 1.0).await, one, "one's other tab is another session");
    drop(first);
    let gone = presences(&mut anns).await;
    assert_eq!(gone, [PresenceOf { session: one, user: id("bob"), presence: None }]);
    second.say(&ClientMessage::Close { channel: 1 }).await;
    assert_eq!(presences(&mut anns).await, [PresenceOf { session: other, user: id("bob"), presence: None }]);
    let (mut newcomer, _) = server.open(&bob, None).await;
    point(&mut anns, 5.0).await;
    seen(&mut newcomer, 5.0).await;
}

#[tokio::test]
async fn pr1_ps1_whoever_loses_access_is_seen_and_sees_no_more() {
    let (server, [ann, _, _, eve], mut anns, mut bobs) = together().await;
    point(&mut bobs, 2.0).await;
    let session = seen(&mut anns, 2.0).await;
    assert_eq!(server.write(&ann, "out", vec![delete(Table::ProjectMembers, &id("mb"))]).await.0, 200);
    assert_eq!(presences(&mut anns).await, [PresenceOf { session, user: id("bob"), presence: None }]);
    bobs.wait_for(|message| matches!(message, ServerMessage::Denied { .. }).then_some(())).await;
    point(&mut bobs, 77.0).await;
    point(&mut anns, 6.0).await;
    // A stranger, whose channel is not open: not heard, and no reason to close the connection.
    let (mut eves, denied) = server.open(&eve, None).await;
    assert!(matches!(denied, ServerMessage::Denied { status: 403, .. }));
    point(&mut eves, 88.0).await;
    assert!(everything_so_far(&mut eves).await.is_empty());
    let (mut again, _) = server.open(&ann, None).await;
    point(&mut again, 9.0).await;
    let told = presences(&mut anns).await;
    assert_eq!(told.iter().map(|of| of.presence.clone()).collect::<Vec<_>>(), [Some(at(9.0))], "neither 77 nor 88");
    assert!(
        everything_so_far(&mut bobs).await.iter().all(|message| !matches!(message, ServerMessage::Presences { .. }))
    );
}

#[tokio::test]
async fn cl8_while_dragging_moves_are_presence_and_one_transaction_commits_on_release() {
    let (_server, [ann, ..], mut anns, mut bobs) = together().await;
    let dragging = |n: u32| Presence {
        dragging: vec![Dragged { clip: id("c"), track: id("a"), start: f64::from(n) }],
        held: vec![fader(f64::from(n))],
        ..Presence::default()
    };
    const MOVES: u32 = 2_000;
    for n in 1..=MOVES {
        anns.say(&ClientMessage::Presence { channel: 1, presence: dragging(n) }).await;
    }
    anns.submit(&ann, vec![("drop".to_owned(), volume(0.5))]).await;
    anns.say(&ClientMessage::Presence { channel: 1, presence: Presence::default() }).await;
    let (mut frames, mut commits, mut starts) = (0, 0, Vec::new());
    loop {
        match bobs.hear().await {
            ServerMessage::Commits { commits: some, .. } => commits += some.len(),
            ServerMessage::Presences { presences, .. } => {
                frames += 1;
                assert_eq!(presences.len(), 1, "each session once");
                let presence = presences[0].presence.clone().unwrap();
                match presence.dragging.first() {
                    Some(dragged) => {
                        assert_eq!(presence.held, [fader(dragged.start)], "what is held goes with it");
                        starts.push(dragged.start);
                    }
                    None => break,
                }
            }
            _ => {}
        }
    }
    assert_eq!(commits, 1);
    // So many moves are far more than are let through, and of those that are not, the last one counts.
    assert!(frames < MOVES / 4, "{frames} frames");
    assert!(starts.is_sorted(), "{starts:?}");
    assert!(everything_so_far(&mut anns).await.iter().all(|message| !matches!(message, ServerMessage::Error { .. })));
}

#[tokio::test]
async fn pr1_what_is_no_place_is_refused() {
    let server = Server::start().await;
    let [ann, bob, ..] = server.band().await;
    let (mut bobs, _) = server.open(&bob, None).await;
    let crowd = Presence { selection: vec![id("c"); sync::wire::PRESENCE_SELECTION_MAX + 1], ..Presence::default() };
    let hands = |count: usize, value: f64| Presence { held: vec![fader(value); count], ..Presence::default() };
    for bad in [at(f64::NAN), at(f64::INFINITY), crowd, hands(1, f64::NAN), hands(PRESENCE_HELD_MAX + 1, 0.5)] {
        let (mut anns, _) = server.open(&ann, None).await;
        anns.say(&ClientMessage::Presence { channel: 1, presence: bad }).await;
        anns.wait_for(|message| matches!(message, ServerMessage::Error { .. }).then_some(())).await;
    }
    let (mut anns, _) = server.open(&ann, None).await;
    let selection = vec![id("c"); sync::wire::PRESENCE_SELECTION_MAX];
    let full = Presence { selection, ..hands(PRESENCE_HELD_MAX, 0.5) };
    anns.say(&ClientMessage::Presence { channel: 1, presence: full.clone() }).await;
    assert_eq!(presences(&mut bobs).await[0].presence, Some(full), "W6: as many as there may be");
}
