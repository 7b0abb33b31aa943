//! What goes over the socket: the guide's text protocol (W3) and our own binary one (W4).

mod packed;
mod snapshot;

use model::{Id, Key, Record, Role, Table, Timestamp};
use operations::{Commit, Path, Transaction};
use serde::{Deserialize, Serialize};

pub use packed::{PACKED, PACKED_FROM_BYTES, SUBPROTOCOL_PACKED, UNPACKED_BYTES_MAX, unpack};
pub use snapshot::{SnapshotBody, read_snapshot};

/// The WebSocket subprotocol of W4.
pub const SUBPROTOCOL: &str = "unisono.v3";
/// The version that the first byte of every frame says.
pub const VERSION: u8 = 3;
/// Bytes of a frame from a client.
pub const CLIENT_FRAME_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of one transaction in a frame: a `Submit` of it alone must fit into [`CLIENT_FRAME_BYTES_MAX`].
pub const TRANSACTION_BYTES_MAX: usize = CLIENT_FRAME_BYTES_MAX - 64;
/// Transactions in one `Submit`.
pub const SUBMIT_TRANSACTIONS_MAX: usize = 256;
/// Projects that one socket may have open.
pub const CHANNELS_MAX: usize = 16;
/// Clips that presence names as selected, and as dragged.
pub const PRESENCE_SELECTION_MAX: usize = 64;
/// Values that presence names as held: fingers on faders, and what belongs to a point.
pub const PRESENCE_HELD_MAX: usize = 16;

/// Bytes that a frame of one small edit takes at most.
const SMALL_FRAME_BYTES: usize = 160;

/// What a client says (W4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ClientMessage {
    /// First of all: the version that the client speaks.
    Hello {
        /// See [`VERSION`].
        version: u16,
    },
    /// Follow a project on a channel of the client's choice.
    Open {
        /// The number that this project has in later messages.
        channel: u32,
        /// Which project.
        project: Id,
        /// What the client has of it already (PS3).
        resume: Option<Resume>,
    },
    /// Commit these, in this order, each on its own.
    Submit {
        /// Where.
        channel: u32,
        /// At most [`SUBMIT_TRANSACTIONS_MAX`].
        transactions: Vec<Transaction>,
    },
    /// Where one points and what one does, for the others: never in the log.
    Presence {
        /// Where.
        channel: u32,
        /// Takes the place of what was said before.
        presence: Presence,
    },
    /// Stop following.
    Close {
        /// What.
        channel: u32,
    },
    /// Asks for a `Pong`.
    Ping {
        /// Comes back.
        nonce: u32,
    },
}

/// How far a client has followed a project's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// Of which log.
    pub epoch: Id,
    /// The last commit that it has.
    pub seq: u64,
}

/// Where someone points and what they do (CL8): for others to see, never stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Presence {
    /// Over which place of the timeline their pointer is.
    pub pointer: Option<Pointer>,
    /// Clips that they have selected; at most [`PRESENCE_SELECTION_MAX`].
    pub selection: Vec<Id>,
    /// Where their playhead is.
    pub playhead: Option<Playhead>,
    /// Clips in their hand, each where it would land; at most [`PRESENCE_SELECTION_MAX`].
    pub dragging: Vec<Dragged>,
    /// Values in their hand, each as it would be written; at most [`PRESENCE_HELD_MAX`].
    pub held: Vec<Held>,
}

/// A place of the timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pointer {
    /// In beats.
    pub beat: f64,
    /// The track; none above and below all tracks.
    pub track: Option<Id>,
}

/// Where someone plays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Playhead {
    /// In beats.
    pub beat: f64,
    /// Whether it moves.
    pub playing: bool,
}

/// A clip in someone's hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dragged {
    /// Which.
    pub clip: Id,
    /// Over which track.
    pub track: Id,
    /// Where it would begin, in beats.
    pub start: f64,
}

/// A value in someone's hand: of a fader, a knob, a fade, a point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// Of which record.
    pub target: Key,
    /// Where in it.
    pub path: Path,
    /// What it would be.
    pub value: f64,
}

impl Presence {
    /// Whether it keeps to its limits: finite places and values, and short lists.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let beats = self.pointer.iter().map(|pointer| pointer.beat);
        let beats = beats.chain(self.playhead.iter().map(|playhead| playhead.beat));
        let beats = beats.chain(self.dragging.iter().map(|dragged| dragged.start));
        let mut numbers = beats.chain(self.held.iter().map(|held| held.value));
        self.selection.len().max(self.dragging.len()) <= PRESENCE_SELECTION_MAX
            && self.held.len() <= PRESENCE_HELD_MAX
            && numbers.all(f64::is_finite)
    }
}

/// What one session does; a user may have several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PresenceOf {
    /// A number of the server's for the connection.
    pub session: u64,
    /// Whose.
    pub user: Id,
    /// None: they have gone.
    pub presence: Option<Presence>,
}

/// Someone who can open the project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The user's id.
    pub id: Id,
    /// Their name.
    pub name: String,
    /// Their colour, `#rrggbb`.
    pub colour: String,
    /// What they may do.
    pub role: Role,
}

/// What the server says (W4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ServerMessage {
    /// The answer to `Hello`.
    Hello {
        /// The version that the server speaks.
        version: u16,
        /// Who is logged in.
        user: Id,
        /// The server's clock.
        now: Timestamp,
    },
    /// All of the project: the answer to `Open`.
    Snapshot {
        /// Where.
        channel: u32,
        /// Of this log,
        epoch: Id,
        /// up to this commit.
        seq: u64,
        /// Every record, deleted ones included.
        records: Vec<(Table, Record)>,
    },
    /// The client is up to date up to `seq`, apart from the commits that follow.
    Resumed {
        /// Where.
        channel: u32,
        /// Of this log,
        epoch: Id,
        /// from this commit on.
        seq: u64,
    },
    /// What has been committed, in order and without gaps.
    Commits {
        /// Where.
        channel: u32,
        /// The entries of the log.
        commits: Vec<Commit>,
    },
    /// Transactions of the client's own were committed exactly as they were sent.
    Acknowledged {
        /// Where.
        channel: u32,
        /// Which: at least one.
        tx_ids: Vec<Id>,
        /// The place of the first in the log; the others follow it without a gap.
        seq: u64,
        /// The time of each of the commits.
        time: Timestamp,
    },
    /// The client's own transaction was not committed.
    Refused {
        /// Where.
        channel: u32,
        /// Which.
        tx_id: Id,
        /// As an HTTP status: 400, 403, 409 are final; others may be tried again.
        status: u16,
        /// Why, for people.
        message: String,
    },
    /// The project cannot be opened, or no longer.
    Denied {
        /// Where.
        channel: u32,
        /// As an HTTP status: 5xx may be tried again, others are final until something changes.
        status: u16,
        /// Why, for people.
        message: String,
    },
    /// Who can open the project.
    People {
        /// Where.
        channel: u32,
        /// All of them.
        people: Vec<Person>,
    },
    /// Who has it open now.
    Present {
        /// Where.
        channel: u32,
        /// Users, each once.
        connected: Vec<Id>,
    },
    /// What others point at and do. Whoever is not named does what they did before.
    Presences {
        /// Where.
        channel: u32,
        /// Each session once.
        presences: Vec<PresenceOf>,
    },
    /// The answer to `Ping`.
    Pong {
        /// What came.
        nonce: u32,
    },
    /// The last frame made no sense; the socket closes.
    Error {
        /// Why.
        message: String,
    },
}

/// A frame that is no message of this protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// It has no bytes.
    #[error("an empty frame")]
    Empty,
    /// It is of another version.
    #[error("a frame of version {0}; this side speaks version {VERSION}")]
    Version(u8),
    /// It is malformed.
    #[error("a malformed frame: {0}")]
    Malformed(String),
}

/// A frame of this message.
#[must_use]
pub fn encode<M: Serialize>(message: &M) -> Vec<u8> {
    let mut frame = Vec::with_capacity(SMALL_FRAME_BYTES);
    frame.push(VERSION);
    append(frame, message)
}

/// Appends a value as it stands in a frame, without the version.
#[must_use]
pub fn append<T: Serialize>(bytes: Vec<u8>, value: &T) -> Vec<u8> {
    // Every type above serialises without fail; a frame without content is refused by the other side.
    postcard::to_extend(value, bytes).unwrap_or_default()
}

/// The message in a frame.
///
/// # Errors
/// [`BadFrame`] when it is of another version or malformed.
pub fn decode<'a, M: Deserialize<'a>>(frame: &'a [u8]) -> Result<M, BadFrame> {
    match frame.split_first() {
        None => Err(BadFrame::Empty),
        Some((&VERSION, body)) => postcard::from_bytes(body).map_err(|error| BadFrame::Malformed(error.to_string())),
        Some((version, _)) => Err(BadFrame::Version(*version)),
    }
}

/// What a server says in a frame, packed or not.
///
/// Not generic, and so compiled here: the web app is compiled to be small, and to read a large project takes longer then.
///
/// # Errors
/// [`BadFrame`] when it is damaged, of another version or malformed.
#[inline(never)]
pub fn server_message(frame: &[u8]) -> Result<ServerMessage, BadFrame> {
    decode(&unpack(frame)?)
}

/// Appends one commit to the body of a frame that [`commits_frame`] makes: what many are told is encoded once.
#[must_use]
pub fn encode_commit(body: Vec<u8>, commit: &Commit) -> Vec<u8> {
    postcard::to_extend(commit, body).unwrap_or_default()
}

/// The frame of a [`ServerMessage::Commits`] of `count` commits, whose encodings, one after the other, are `bodies`.
#[must_use]
pub fn commits_frame<'a>(channel: u32, count: usize, bodies: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut frame = encode(&ServerMessage::Commits { channel, commits: Vec::new() });
    // The last byte says how many commits follow.
    frame.pop();
    frame = postcard::to_extend(&count, frame).unwrap_or_default();
    bodies.into_iter().for_each(|body| frame.extend_from_slice(body));
    frame
}

/// The guide's messages, as text (W3).
pub mod text {
    use serde::{Deserialize, Serialize};

    /// What a guide-style client says.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(tag = "type", rename_all = "camelCase")]
    pub enum Request {
        /// Tell me of changes of this key.
        Subscribe {
            /// `table:id`, `project-tracks:id` or `track-clips:id`.
            key: String,
        },
        /// No longer.
        Unsubscribe {
            /// The key.
            key: String,
        },
    }

    /// What it is told.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(tag = "type", rename_all = "camelCase")]
    pub enum Notice {
        /// These have these versions now.
        Updates {
            /// One for each key.
            updates: Vec<Update>,
        },
        /// The last message made no sense, or the key may not be subscribed to.
        Error {
            /// Why.
            message: String,
        },
    }

    /// A key and its version.
    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    pub struct Update {
        /// As it was subscribed to.
        pub key: String,
        /// The record's version; for list keys the project's sequence number.
        pub version: u64,
    }
}

#[cfg(test)]
mod tests {
    use operations::{Operation, build};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn w3_the_guides_messages_are_read_and_written() {
        use text::{Notice, Request, Update};
        let request: Request = serde_json::from_str(r#"{"type":"subscribe","key":"projects:1"}"#).unwrap();
        assert_eq!(request, Request::Subscribe { key: "projects:1".to_owned() });
        let notice = Notice::Updates { updates: vec![Update { key: "projects:1".to_owned(), version: 7 }] };
        let text = r#"{"type":"updates","updates":[{"key":"projects:1","version":7}]}"#;
        assert_eq!(serde_json::to_string(&notice).unwrap(), text);
    }

    #[test]
    fn w6_frames_are_as_large_as_the_specification_says() {
        assert_eq!((CLIENT_FRAME_BYTES_MAX, TRANSACTION_BYTES_MAX), (8_388_608, 8_388_544));
    }

    #[test]
    fn pr1_presence_has_short_lists_and_finite_places() {
        let id = Id::new("a").unwrap();
        let nothing =
            Presence { pointer: None, selection: Vec::new(), playhead: None, dragging: Vec::new(), held: Vec::new() };
        let selected = |count: usize| Presence { selection: vec![id.clone(); count], ..nothing.clone() };
        let dragged = |count: usize, start: f64| {
            let dragged = Dragged { clip: id.clone(), track: id.clone(), start };
            Presence { dragging: vec![dragged; count], ..nothing.clone() }
        };
        let pointed = |beat: f64| Presence { pointer: Some(Pointer { beat, track: None }), ..nothing.clone() };
        let played = |beat: f64| Presence { playhead: Some(Playhead { beat, playing: true }), ..nothing.clone() };
        let Operation { target, path, .. } = build::set(Table::Tracks, &id, "volume", 0.5);
        let held = |count: usize, value: f64| {
            let held = Held { target: target.clone(), path: path.clone(), value };
            Presence { held: vec![held; count], ..nothing.clone() }
        };
        let most = [selected(PRESENCE_SELECTION_MAX), dragged(PRESENCE_SELECTION_MAX, 4.0)];
        let sound = most.iter().chain([&nothing]);
        assert!(sound.chain(&[pointed(-1.0), played(1e9), held(PRESENCE_HELD_MAX, -1.0)]).all(Presence::is_sound));
        let long = [
            selected(PRESENCE_SELECTION_MAX + 1),
            dragged(PRESENCE_SELECTION_MAX + 1, 4.0),
            held(PRESENCE_HELD_MAX + 1, 0.5),
        ];
        assert!(!long.iter().any(Presence::is_sound));
        let nowhere = [dragged(1, f64::NAN), pointed(f64::INFINITY), played(f64::NEG_INFINITY), held(1, f64::NAN)];
        assert!(!nowhere.iter().any(Presence::is_sound));
    }

    #[test]
    fn w4_frames_round_trip_and_say_their_version() {
        let id = Id::new("a").unwrap();
        let transaction = Transaction {
            tx_id: id.clone(),
            author_id: id.clone(),
            operations: vec![build::set(Table::Tracks, &id, "volume", 0.5)],
            client_timestamp: 1.5,
            base_versions: Default::default(),
            gesture: None,
        };
        let message = ClientMessage::Submit { channel: 3, transactions: vec![transaction] };
        let mut frame = encode(&message);
        assert_eq!(decode::<ClientMessage>(&frame), Ok(message));
        frame[0] = 9;
        assert_eq!(decode::<ClientMessage>(&frame), Err(BadFrame::Version(9)));
        assert_eq!(decode::<ClientMessage>(&[]), Err(BadFrame::Empty));
    }

    #[test]
    fn w4_commits_that_were_encoded_one_by_one_make_the_same_frame() {
        let id = Id::new("a").unwrap();
        let commit = |seq| Commit {
            seq,
            tx_id: id.clone(),
            author: id.clone(),
            time: Timestamp(7),
            gesture: (seq == 2).then(|| id.clone()),
            operations: vec![build::set(Table::Tracks, &id, "volume", 0.5)],
        };
        for count in [0, 1, 3, 200] {
            let commits: Vec<Commit> = (1..=count).map(commit).collect();
            let bodies: Vec<Vec<u8>> = commits.iter().map(|commit| encode_commit(Vec::new(), commit)).collect();
            let frame = commits_frame(300, commits.len(), bodies.iter().map(Vec::as_slice));
            assert_eq!(frame, encode(&ServerMessage::Commits { channel: 300, commits }));
        }
    }

    proptest! {
        #[test]
        fn si3_arbitrary_frames_never_panic(mut frame in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Some(first) = frame.first_mut() { *first = VERSION; }
            let _ = decode::<ClientMessage>(&frame);
            let _ = decode::<ServerMessage>(&frame);
        }
    }
}
