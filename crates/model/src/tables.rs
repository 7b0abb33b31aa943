//! The schema of every table.

use crate::Table;
use crate::limits::{BEAT_MAX, CHANGE_BEAT_MIN, NAME_BYTES_MAX};
use crate::schema::{Field, Kind, Literal, Presence, TableSchema, Writer};
use Presence::{Nullable, Required, Stated};
use Writer::{Client, Creation, Server};

const fn field(name: &'static str, kind: Kind, presence: Presence, writer: Writer) -> Field {
    Field { name, kind, presence, writer }
}
const fn number(value: f64) -> Presence {
    Presence::Default(Literal::Number(value))
}
const fn text(value: &'static str) -> Presence {
    Presence::Default(Literal::Text(value))
}
const fn flag(value: bool) -> Presence {
    Presence::Default(Literal::Flag(value))
}
const EMPTY: Presence = Presence::Default(Literal::EmptyList);

const NAME: Kind = Kind::Text { min: 1, max: NAME_BYTES_MAX };
const WORD: Kind = Kind::Text { min: 1, max: 100 };
/// What identifies an element of a list; the list itself sees to its letters (OP5).
const ELEMENT_ID: Kind = WORD;
/// Twice unity, +6 dB.
const FACTOR: Kind = Kind::Number { min: 0.0, max: 2.0 };
const BALANCE: Kind = Kind::Number { min: -1.0, max: 1.0 };
const FADE: Kind = Kind::Choice(dsp::fade::Shape::IDS);
const POSITION: Kind = Kind::Beats { min: 0.0, max: BEAT_MAX };
const LENGTH: Kind = Kind::Beats { min: 0.0, max: BEAT_MAX };
/// What changes behind a song's start; at its start the project says.
const CHANGE: Kind = Kind::Beats { min: CHANGE_BEAT_MIN, max: BEAT_MAX };
const SECONDS: Kind = Kind::Number { min: 0.0, max: 86_400.0 };
const BLOB: Kind = Kind::Text { min: 1, max: 200 };

const CREATED: Field = field("createdAt", Kind::Time, Nullable, Server);
const UPDATED: Field = field("updatedAt", Kind::Time, Nullable, Server);
const DELETED: Field = field("deleted", Kind::Time, Nullable, Client);

pub(crate) fn schema(table: Table) -> &'static TableSchema {
    match table {
        Table::Users => &USERS,
        Table::Projects => &PROJECTS,
        Table::ProjectMembers => &PROJECT_MEMBERS,
        Table::Tracks => &TRACKS,
        Table::Clips => &CLIPS,
        Table::AudioFiles => &AUDIO_FILES,
        Table::Automation => &AUTOMATION,
        Table::Versions => &VERSIONS,
        Table::TempoChanges => &TEMPO_CHANGES,
        Table::TimeSignatures => &TIME_SIGNATURES,
    }
}

static USERS: TableSchema = TableSchema {
    table: Table::Users,
    fields: &[
        field("name", NAME, Required, Client),
        field("colour", Kind::Colour, text("#7c8cff"), Client),
        // Read by its owner only (U3): `roles::visible` takes it out for others.
        field("email", Kind::Text { min: 3, max: 254 }, Nullable, Server),
        CREATED,
        UPDATED,
    ],
};

static PROJECTS: TableSchema = TableSchema {
    table: Table::Projects,
    fields: &[
        field("name", NAME, Required, Client),
        field("bpm", Kind::Tempo, number(120.0), Client),
        field("timeSignature", Kind::Metre, text("4/4"), Client),
        field("sampleRate", Kind::Rate(&[44_100, 48_000, 88_200, 96_000]), number(48_000.0), Client),
        field("masterVolume", FACTOR, number(1.0), Client),
        // The master's effects.
        field("plugins", Kind::Elements(&PLUGIN), EMPTY, Client),
        field("createdBy", Kind::Reference(Table::Users), Nullable, Server),
        // Derived from project_members (PE1).
        field("collaborators", Kind::Ids, EMPTY, Server),
        CREATED,
        UPDATED,
        DELETED,
    ],
};

static PROJECT_MEMBERS: TableSchema = TableSchema {
    table: Table::ProjectMembers,
    fields: &[
        field("projectId", Kind::Reference(Table::Projects), Required, Creation),
        field("userId", Kind::Reference(Table::Users), Required, Creation),
        field("role", Kind::Choice(&["owner", "editor", "viewer"]), Required, Client),
        CREATED,
        UPDATED,
        DELETED,
    ],
};

static PLUGIN: [Field; 5] = [
    field("id", ELEMENT_ID, Required, Creation),
    field("type", Kind::Choice(dsp::devices::Kind::IDS), Required, Client),
    field("bypassed", Kind::Flag, flag(false), Client),
    // By the device's table: `model::devices` checks names and ranges.
    field("params", Kind::Parameters, Nullable, Client),
    // What a compressor or a gate listens to instead of its own track.
    field("sidechain", Kind::Reference(Table::Tracks), Nullable, Client),
];

static SEND: [Field; 4] = [
    field("id", ELEMENT_ID, Required, Creation),
    field("target", Kind::Reference(Table::Tracks), Required, Client),
    field("gain", FACTOR, number(1.0), Client),
    field("pre", Kind::Flag, flag(false), Client),
];

static TRACKS: TableSchema = TableSchema {
    table: Table::Tracks,
    fields: &[
        field("projectId", Kind::Reference(Table::Projects), Required, Creation),
        field("name", NAME, Required, Client),
        field("type", Kind::Choice(&["audio", "midi", "bus", "group"]), Required, Creation),
        field("volume", FACTOR, number(1.0), Client),
        field("pan", BALANCE, number(0.0), Client),
        field("muted", Kind::Flag, flag(false), Client),
        field("solo", Kind::Flag, flag(false), Client),
        field("colour", Kind::Colour, Nullable, Client),
        // What a guide-style client writes; `orderKey` is what counts (U5).
        field("orderIndex", Kind::Integer { min: 0.0, max: 1_000_000.0 }, number(0.0), Client),
        field("orderKey", Kind::OrderKey, Nullable, Client),
        field("plugins", Kind::Elements(&PLUGIN), EMPTY, Client),
        // The bus or group that it goes to; null is the master.
        field("output", Kind::Reference(Table::Tracks), Nullable, Client),
        field("sends", Kind::Elements(&SEND), EMPTY, Client),
        CREATED,
        UPDATED,
        DELETED,
    ],
};

static NOTE: [Field; 5] = [
    field("id", WORD, Required, Creation),
    field("pitch", Kind::Integer { min: 0.0, max: 127.0 }, Required, Client),
    field("velocity", Kind::Number { min: 0.0, max: 127.0 }, number(100.0), Client),
    field("startBeat", POSITION, Required, Client),
    field("durationBeats", LENGTH, Required, Client),
];

static MIDI: [Field; 1] = [field("notes", Kind::Elements(&NOTE), EMPTY, Client)];

static CLIPS: TableSchema = TableSchema {
    table: Table::Clips,
    fields: &[
        field("trackId", Kind::Reference(Table::Tracks), Required, Client),
        field("projectId", Kind::Reference(Table::Projects), Nullable, Server),
        field("name", NAME, Required, Client),
        field("startBeat", POSITION, Required, Client),
        field("durationBeats", LENGTH, Required, Client),
        field("audioFileId", Kind::Reference(Table::AudioFiles), Nullable, Client),
        field("audioStartOffset", SECONDS, number(0.0), Client),
        field("audioEndOffset", SECONDS, number(0.0), Client),
        field("midiData", Kind::Object(&MIDI), Nullable, Client),
        field("gain", FACTOR, number(1.0), Client),
        field("fadeIn", LENGTH, number(0.0), Client),
        field("fadeOut", LENGTH, number(0.0), Client),
        field("fadeInShape", FADE, text("linear"), Client),
        field("fadeOutShape", FADE, text("linear"), Client),
        // How much of the fade in lies before the clip, and of the fade out behind it: what was cut within a fade.
        field("fadeInBefore", LENGTH, Nullable, Client),
        field("fadeOutBehind", LENGTH, Nullable, Client),
        // The recording turned around; both offsets count in the turned recording.
        field("reversed", Kind::Flag, flag(false), Client),
        // What of the recording is repeated, from the clip's start on; 0 repeats nothing.
        field("loopBeats", LENGTH, number(0.0), Client),
        CREATED,
        UPDATED,
        DELETED,
    ],
};

static AUDIO_FILES: TableSchema = TableSchema {
    table: Table::AudioFiles,
    fields: &[
        field("projectId", Kind::Reference(Table::Projects), Required, Creation),
        field("filename", NAME, Required, Client),
        field("contentHash", Kind::Hash, Required, Creation),
        field(
            "sizeBytes",
            Kind::Integer { min: 1.0, max: crate::limits::AUDIO_FILE_BYTES_MAX as f64 },
            Required,
            Creation,
        ),
        field("mimeType", Kind::Text { min: 1, max: 100 }, Nullable, Server),
        field("uploadedBy", Kind::Reference(Table::Users), Nullable, Server),
        field("state", Kind::Choice(&["awaiting", "uploaded", "ready", "refused"]), text("awaiting"), Server),
        field("refusal", Kind::Text { min: 1, max: 500 }, Nullable, Server),
        field("storageKey", BLOB, Nullable, Server),
        field("playbackKey", BLOB, Nullable, Server),
        field("waveformKey", BLOB, Nullable, Server),
        field("peaksData", Kind::Peaks, Nullable, Server),
        field("durationSeconds", SECONDS, Nullable, Server),
        field("frames", Kind::Integer { min: 0.0, max: 9e15 }, Nullable, Server),
        field("sampleRate", Kind::Integer { min: 1.0, max: 1e6 }, Nullable, Server),
        field("channels", Kind::Integer { min: 1.0, max: 256.0 }, Nullable, Server),
        field("bitDepth", Kind::Integer { min: 1.0, max: 64.0 }, Nullable, Server),
        CREATED,
        UPDATED,
        DELETED,
    ],
};

static POINT: [Field; 4] = [
    field("id", WORD, Required, Creation),
    field("beat", POSITION, Required, Client),
    field("value", Kind::Number { min: -1e9, max: 1e9 }, Required, Client),
    field("curve", Kind::Curve, text("linear"), Client),
];

static AUTOMATION: TableSchema = TableSchema {
    table: Table::Automation,
    fields: &[
        // Null: it is the master's.
        field("trackId", Kind::Reference(Table::Tracks), Stated, Creation),
        field("projectId", Kind::Reference(Table::Projects), Nullable, Server),
        field("parameter", WORD, Required, Creation),
        field("points", Kind::Elements(&POINT), EMPTY, Client),
        CREATED,
        UPDATED,
        DELETED,
    ],
};

static VERSIONS: TableSchema = TableSchema {
    table: Table::Versions,
    fields: &[
        field("projectId", Kind::Reference(Table::Projects), Required, Creation),
        field("name", NAME, Required, Client),
        // The transaction that named it: the song is meant as that one left it.
        field("txId", WORD, Nullable, Server),
        field("createdBy", Kind::Reference(Table::Users), Nullable, Server),
        CREATED,
        UPDATED,
        DELETED,
    ],
};

static TEMPO_CHANGES: TableSchema = TableSchema {
    table: Table::TempoChanges,
    fields: &[
        field("projectId", Kind::Reference(Table::Projects), Required, Creation),
        field("beat", CHANGE, Required, Client),
        field("bpm", Kind::Tempo, Required, Client),
        // How the tempo has come here: by a jump, or evenly in time since the change before.
        field("curve", Kind::Choice(&["jump", "ramp"]), text("jump"), Client),
        CREATED,
        UPDATED,
        DELETED,
    ],
};

static TIME_SIGNATURES: TableSchema = TableSchema {
    table: Table::TimeSignatures,
    fields: &[
        field("projectId", Kind::Reference(Table::Projects), Required, Creation),
        // A bar begins here.
        field("beat", CHANGE, Required, Client),
        field("timeSignature", Kind::Metre, Required, Client),
        CREATED,
        UPDATED,
        DELETED,
    ],
};
