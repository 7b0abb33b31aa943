//! Keys that do something: one table, which the handlers ask and the help shows.

mod help;

use leptos::prelude::*;
use web_sys::KeyboardEvent;

pub(crate) use help::{HelpKey, KeysHelp};

/// Where the browser keeps whether single letters act.
const KEPT_AS: &str = "unisono.single-keys";

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    // On the whole page.
    Play,
    ToStart,
    Loop,
    LoopFrom,
    LoopUntil,
    Metronome,
    Mixer,
    History,
    Export,
    Help,
    Undo,
    Redo,
    AddTrack,
    Snap,
    Follow,
    ZoomIn,
    ZoomOut,
    Fit,
    SelectAll,
    Split,
    Duplicate,
    Copy,
    Cut,
    Paste,
    Delete,
    // On a clip that has the focus.
    Nudge(i64),
    NudgeBar(i64),
    ToTrack(i64),
    Beside(i64),
    OnTrack(i64),
    Select,
    AddToSelection,
    TrimEnd(i64),
    TrimStart(i64),
    ClipPanel,
    Reverse,
    Crossfade,
    FadeInShape,
    FadeOutShape,
    // On a point of automation, and on a fader or a knob.
    Step(i32),
    Fine(i32),
    Leap(i32),
    HoldValue,
    Bend(i32),
    ToEnd(i32),
    Default,
    GiveUp,
    // On a track's name.
    Rename,
    Automation,
    Rank(i32),
}

/// Where a key counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Wherever the focus is, but in a field.
    Page,
    /// On a clip that has the focus.
    Clip,
    /// On a point of automation that has the focus.
    Point,
    /// On a track's head.
    Track,
    /// On a fader or a knob that has the focus.
    Control,
}

impl Place {
    /// All of them, in the order of the help, which calls them so.
    const ALL: [(Place, &'static str); 5] = [
        (Place::Page, "Everywhere"),
        (Place::Clip, "On a clip"),
        (Place::Point, "On a point of automation"),
        (Place::Track, "On a track’s name"),
        (Place::Control, "On a fader or a knob"),
    ];
}

/// What is held beside a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chord {
    Nothing,
    Shift,
    /// Ctrl, or Cmd.
    Control,
    ControlShift,
    Alt,
    AltShift,
}

/// A key, what is held beside it, what it does, and how the help says both.
struct Shortcut {
    place: Place,
    with: Chord,
    /// Names as the browser gives them, in small letters.
    keys: &'static [&'static str],
    command: Command,
    shown: &'static str,
    what: &'static str,
}

const fn key(
    place: Place,
    with: Chord,
    keys: &'static [&'static str],
    command: Command,
    shown: &'static str,
    what: &'static str,
) -> Shortcut {
    Shortcut { place, with, keys, command, shown, what }
}

/// The keys of the page and of clips. Of what has no `what` the help says nothing: the line before it says it for both.
const TABLE: &[Shortcut] = {
    use Chord::{Alt, AltShift, Control, ControlShift, Nothing, Shift};
    use Command as C;
    use Place::{Clip, Control as Knob, Page, Point, Track};
    &[
        key(Page, Nothing, &[" "], C::Play, "Space", "Play and stop"),
        key(Page, Nothing, &["home", "enter"], C::ToStart, "Home, Enter", "To the start of the song"),
        key(Page, Nothing, &["l"], C::Loop, "L", "Loop on and off"),
        key(Page, Nothing, &["["], C::LoopFrom, "[", "Loop from the playhead on"),
        key(Page, Nothing, &["]"], C::LoopUntil, "]", "Loop as far as the playhead"),
        key(Page, Nothing, &["k"], C::Metronome, "K", "Metronome on and off"),
        key(Page, Control, &["z"], C::Undo, "Ctrl+Z", "Undo"),
        key(Page, ControlShift, &["z"], C::Redo, "Ctrl+Shift+Z, Ctrl+Y", "Redo"),
        key(Page, Control, &["y"], C::Redo, "", ""),
        key(Page, Nothing, &["t"], C::AddTrack, "T", "Add a track"),
        key(Page, Control, &["a"], C::SelectAll, "Ctrl+A", "Select all clips"),
        key(Page, Nothing, &["s"], C::Split, "S", "Split what is selected at the playhead"),
        key(Page, Control, &["d"], C::Duplicate, "Ctrl+D", "Duplicate what is selected, behind itself"),
        key(Page, Control, &["c"], C::Copy, "Ctrl+C", "Copy what is selected"),
        key(Page, Control, &["x"], C::Cut, "Ctrl+X", "Cut it out"),
        key(Page, Control, &["v"], C::Paste, "Ctrl+V", "Paste it where the playhead is"),
        key(Page, Nothing, &["delete", "backspace"], C::Delete, "Delete, Backspace", "Delete what is selected"),
        key(Page, Nothing, &["n"], C::Snap, "N", "Snap to the grid, or not"),
        key(Page, Nothing, &["f"], C::Follow, "F", "Follow the playhead, or not"),
        key(Page, Nothing, &["+", "="], C::ZoomIn, "+", "Zoom in"),
        key(Page, Nothing, &["-", "_"], C::ZoomOut, "−", "Zoom out"),
        key(Page, Nothing, &["0"], C::Fit, "0", "Show the whole song"),
        key(Page, Nothing, &["m"], C::Mixer, "M", "Show or hide the mixer"),
        key(Page, Nothing, &["h"], C::History, "H", "Show or hide the history"),
        key(Page, Nothing, &["x"], C::Export, "X", "Export"),
        key(Page, Nothing, &["?"], C::Help, "?", "This list"),
        key(Clip, Nothing, &["arrowleft"], C::Nudge(-1), "← →", "Move by a step of the grid"),
        key(Clip, Nothing, &["arrowright"], C::Nudge(1), "", ""),
        key(Clip, Shift, &["arrowleft"], C::NudgeBar(-1), "Shift+← →", "Move by a bar"),
        key(Clip, Shift, &["arrowright"], C::NudgeBar(1), "", ""),
        key(Clip, Nothing, &["arrowup"], C::ToTrack(-1), "↑ ↓", "Move to the track above or below"),
        key(Clip, Nothing, &["arrowdown"], C::ToTrack(1), "", ""),
        key(
            Clip,
            Alt,
            &["arrowleft"],
            C::Beside(-1),
            "Alt+← →",
            "Go to the clip before or behind; comma and full stop do, too",
        ),
        key(Clip, Alt, &["arrowright"], C::Beside(1), "", ""),
        key(Clip, Nothing, &[","], C::Beside(-1), "", ""),
        key(Clip, Nothing, &["."], C::Beside(1), "", ""),
        key(Clip, Alt, &["arrowup"], C::OnTrack(-1), "Alt+↑ ↓", "Go to the nearest clip above or below"),
        key(Clip, Alt, &["arrowdown"], C::OnTrack(1), "", ""),
        key(Clip, Nothing, &["enter"], C::Select, "Enter", "Select it alone"),
        key(Clip, Shift, &["enter"], C::AddToSelection, "Shift+Enter", "Add it to what is selected, or take it out"),
        key(Clip, AltShift, &["arrowleft"], C::TrimEnd(-1), "Alt+Shift+← →", "Move its end by a step of the grid"),
        key(Clip, AltShift, &["arrowright"], C::TrimEnd(1), "", ""),
        key(
            Clip,
            ControlShift,
            &["arrowleft"],
            C::TrimStart(-1),
            "Ctrl+Shift+← →",
            "Move its start, and leave what is heard where it is",
        ),
        key(Clip, ControlShift, &["arrowright"], C::TrimStart(1), "", ""),
        key(Clip, Nothing, &["delete", "backspace"], C::Delete, "", ""),
        key(Clip, Nothing, &["e"], C::ClipPanel, "E", "Open its panel"),
        key(Clip, Nothing, &["r"], C::Reverse, "R", "Play it backwards, or not"),
        key(Clip, Nothing, &["x"], C::Crossfade, "X", "Crossfade what is selected"),
        key(Clip, Nothing, &["i"], C::FadeInShape, "I", "The next shape of its fade in"),
        key(Clip, Nothing, &["o"], C::FadeOutShape, "O", "The next shape of its fade out"),
        key(Point, Nothing, &["arrowleft"], C::Nudge(-1), "← →", "Move in time"),
        key(Point, Nothing, &["arrowright"], C::Nudge(1), "", ""),
        key(Point, Shift, &["arrowleft"], C::NudgeBar(-1), "Shift+← →", "Move by a bar"),
        key(Point, Shift, &["arrowright"], C::NudgeBar(1), "", ""),
        key(Point, Nothing, &["arrowup"], C::Step(1), "↑ ↓", "Change its value"),
        key(Point, Nothing, &["arrowdown"], C::Step(-1), "", ""),
        key(Point, Shift, &["arrowup"], C::Fine(1), "Shift+↑ ↓", "Change it finely"),
        key(Point, Shift, &["arrowdown"], C::Fine(-1), "", ""),
        key(Point, Nothing, &["pageup"], C::Leap(1), "Page ↑ ↓", "Change it by much"),
        key(Point, Nothing, &["pagedown"], C::Leap(-1), "", ""),
        key(
            Point,
            Alt,
            &["arrowleft"],
            C::Beside(-1),
            "Alt+← →",
            "Go to the point before or behind; comma and full stop do, too",
        ),
        key(Point, Alt, &["arrowright"], C::Beside(1), "", ""),
        key(Point, Nothing, &[","], C::Beside(-1), "", ""),
        key(Point, Nothing, &["."], C::Beside(1), "", ""),
        key(Point, Nothing, &["h"], C::HoldValue, "H", "Hold the value, or not"),
        key(Point, Nothing, &["b"], C::Bend(1), "B", "Bend; with Shift the other way"),
        key(Point, Shift, &["b"], C::Bend(-1), "", ""),
        key(Point, Nothing, &["delete", "backspace"], C::Delete, "Delete, Backspace", "Delete it"),
        key(Track, Nothing, &["f2"], C::Rename, "F2", "Rename it"),
        key(Track, Nothing, &["a"], C::Automation, "A", "Show or hide its automation"),
        key(Track, Alt, &["arrowup"], C::Rank(-1), "Alt+↑ ↓", "Move it up or down"),
        key(Track, Alt, &["arrowdown"], C::Rank(1), "", ""),
        key(Knob, Nothing, &["arrowup", "arrowright"], C::Step(1), "← → ↑ ↓", "A step"),
        key(Knob, Nothing, &["arrowdown", "arrowleft"], C::Step(-1), "", ""),
        key(Knob, Shift, &["arrowup", "arrowright"], C::Fine(1), "Shift+← → ↑ ↓", "A fine step"),
        key(Knob, Shift, &["arrowdown", "arrowleft"], C::Fine(-1), "", ""),
        key(Knob, Nothing, &["pageup"], C::Leap(1), "Page ↑ ↓", "Several steps"),
        key(Knob, Nothing, &["pagedown"], C::Leap(-1), "", ""),
        key(Knob, Nothing, &["home"], C::ToEnd(-1), "Home End", "To its ends"),
        key(Knob, Nothing, &["end"], C::ToEnd(1), "", ""),
        key(Knob, Nothing, &["0"], C::Default, "0", "To where it was at first"),
        key(Knob, Nothing, &["escape"], C::GiveUp, "Escape", "Give up what the hand does"),
    ]
};

/// What the help says of places whose keys no command names: what has the focus moves by them.
const ELSEWHERE: [(&str, &[(&str, &str)]); 3] = [
    ("On the ruler", &[("← →", "Move the playhead by a beat; with Shift by a bar")]),
    (
        "On a mark of tempo or metre",
        &[
            ("← →", "Move it; with Shift by a bar"),
            ("Enter", "Go there"),
            ("R", "A ramp or a jump, of a tempo"),
            ("Delete", "Delete it"),
        ],
    ),
    (
        "In a field or a panel",
        &[
            ("Enter", "Take what is typed"),
            ("↑ ↓", "In the field of the tempo: a beat a minute more or less; with Shift a tenth"),
            ("Escape", "Leave it as it was; close the panel"),
        ],
    ),
];

impl Shortcut {
    fn is_single(&self) -> bool {
        self.keys.iter().any(|name| is_single(self.with, name))
    }
}

impl Chord {
    fn of(event: &KeyboardEvent) -> Option<Chord> {
        let control = event.ctrl_key() || event.meta_key();
        match (control, event.alt_key(), event.shift_key()) {
            (false, false, false) => Some(Chord::Nothing),
            (false, false, true) => Some(Chord::Shift),
            (true, false, false) => Some(Chord::Control),
            (true, false, true) => Some(Chord::ControlShift),
            (false, true, false) => Some(Chord::Alt),
            (false, true, true) => Some(Chord::AltShift),
            (true, true, _) => None,
        }
    }
}

impl Chord {
    /// What is held for its own sake. A sign or a digit may need Shift to be typed, as the question mark does on many keyboards, and
    /// on a Mac a sign may need Option, as brackets do on most in Europe: it is what is typed that counts.
    fn beside(self, name: &str) -> Chord {
        let mut letters = name.chars();
        let (Some(one), None) = (letters.next(), letters.next()) else { return self };
        match self {
            Chord::Shift if !one.is_alphabetic() => Chord::Nothing,
            Chord::Alt | Chord::AltShift if !one.is_alphanumeric() && !one.is_whitespace() => Chord::Nothing,
            held => held,
        }
    }
}

/// What `name` with `with` does at `place`.
fn find(place: Place, with: Chord, name: &str) -> Option<Command> {
    let with = with.beside(name);
    let name = name.to_lowercase();
    let matches =
        |shortcut: &&Shortcut| shortcut.place == place && shortcut.with == with && shortcut.keys.contains(&&*name);
    TABLE.iter().find(matches).map(|shortcut| shortcut.command)
}

/// Whether a key is a letter, a number or a sign with nothing held: whoever speaks to the computer says such by accident (WCAG 2.1.4).
fn is_single(with: Chord, name: &str) -> bool {
    matches!(with.beside(name), Chord::Nothing | Chord::Shift) && name.chars().count() == 1 && name != " "
}

/// The key of the page that the help names for a command.
fn in_the_help(command: Command) -> Option<&'static Shortcut> {
    TABLE.iter().find(|shortcut| shortcut.place == Place::Page && shortcut.command == command)
}

/// What a key does on what has the focus.
pub(crate) fn on(place: Place, event: &KeyboardEvent) -> Option<Command> {
    find(place, Chord::of(event)?, &event.key())
}

/// Whether the help is open, and whether single letters act on the page. Copy it freely.
#[derive(Clone, Copy)]
pub(crate) struct Shortcuts {
    help: RwSignal<bool>,
    single: RwSignal<bool>,
}

impl Shortcuts {
    /// As this browser keeps them.
    pub(crate) fn new() -> Shortcuts {
        let kept = storage().and_then(|storage| storage.get_item(KEPT_AS).ok().flatten());
        Shortcuts { help: RwSignal::new(false), single: RwSignal::new(kept.as_deref() != Some("off")) }
    }

    /// What a key does wherever the focus is, but in a field.
    pub(crate) fn on_page(self, event: &KeyboardEvent) -> Option<Command> {
        let with = Chord::of(event)?;
        if is_single(with, &event.key()) && !self.single.get_untracked() {
            return None;
        }
        find(Place::Page, with, &event.key())
    }

    /// The words of a tip, with the key that does the same wherever the focus is: as long as that key acts.
    pub(crate) fn tip(self, what: &str, command: Command) -> String {
        let acts = |shortcut: &&Shortcut| self.single.get() || !shortcut.is_single();
        match in_the_help(command).filter(acts) {
            Some(shortcut) => format!("{what} ({})", shortcut.shown),
            None => what.to_owned(),
        }
    }

    /// Opens or closes the help.
    pub(crate) fn toggle_help(self) {
        self.help.update(|open| *open = !*open);
    }

    fn set_single(self, on: bool) {
        self.single.set(on);
        if let Some(storage) = storage() {
            // A browser that keeps nothing has them act again next time.
            let _ = storage.set_item(KEPT_AS, if on { "on" } else { "off" });
        }
    }
}

fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_does_two_things_at_one_place() {
        for (at, one) in TABLE.iter().enumerate() {
            for name in one.keys {
                assert_eq!(find(one.place, one.with, name), Some(one.command), "{name}");
                let twice = TABLE
                    .iter()
                    .skip(at + 1)
                    .find(|other| other.place == one.place && other.with == one.with && other.keys.contains(name));
                assert!(twice.is_none(), "{name}");
            }
        }
    }

    /// How the help writes a key.
    fn written(name: &str) -> &str {
        match name {
            " " => "space",
            "arrowleft" => "←",
            "arrowright" => "→",
            "arrowup" => "↑",
            "arrowdown" => "↓",
            "-" => "−",
            "," => "comma",
            "." => "full stop",
            "pageup" | "pagedown" => "page",
            name => name,
        }
    }

    #[test]
    fn every_key_is_in_a_line_of_the_help() {
        // The same keys without Shift, or with it.
        let is_other_half = |name: &str| matches!(name, "=" | "_");
        for (at, one) in TABLE.iter().enumerate() {
            let says = |line: &&Shortcut| {
                !line.what.is_empty()
                    && std::mem::discriminant(&line.command) == std::mem::discriminant(&one.command)
                    && one.keys.iter().filter(|name| !is_other_half(name)).all(|name| {
                        let shown = line.shown.to_lowercase();
                        let mut signs = shown.split([' ', ',', '+']).filter(|sign| !sign.is_empty());
                        let name = written(name);
                        *name == *shown || signs.any(|sign| sign == name) || name.len() > 1 && line.what.contains(name)
                    })
            };
            let said = if one.what.is_empty() {
                // By the line before it, or, of what a clip shares with the page, there.
                let before = TABLE[..at].iter().rev().find(|line| !line.what.is_empty());
                before.filter(says).is_some()
                    || TABLE.iter().filter(|line| line.place == Place::Page).any(|line| says(&line))
            } else {
                says(&one)
            };
            assert!(said, "{:?} by {:?}", one.command, one.keys);
        }
    }

    #[test]
    fn signs_count_as_they_are_written_and_letters_with_what_is_held() {
        assert_eq!(find(Place::Page, Chord::Shift, "?"), Some(Command::Help));
        assert_eq!(find(Place::Page, Chord::Shift, "+"), Some(Command::ZoomIn));
        assert_eq!(find(Place::Page, Chord::Nothing, "S"), Some(Command::Split), "with caps lock on");
        assert_eq!(find(Place::Page, Chord::Shift, "M"), None);
        assert_eq!(find(Place::Page, Chord::ControlShift, "Z"), Some(Command::Redo));
        assert_eq!(find(Place::Clip, Chord::Alt, "ArrowLeft"), Some(Command::Beside(-1)));
        assert_eq!(find(Place::Point, Chord::Shift, "B"), Some(Command::Bend(-1)));
        assert_eq!(find(Place::Control, Chord::Shift, "0"), Some(Command::Default));
    }

    #[test]
    fn a_tip_names_the_key_that_the_help_names() {
        let shown = |command| in_the_help(command).map(|shortcut| (shortcut.shown, shortcut.is_single()));
        assert_eq!(shown(Command::Follow), Some(("F", true)));
        assert_eq!(shown(Command::Undo), Some(("Ctrl+Z", false)));
        assert_eq!(shown(Command::Play), Some(("Space", false)));
        assert_eq!(shown(Command::Reverse), None, "no key of the page");
    }

    #[test]
    fn signs_and_digits_are_typed_as_each_keyboard_types_them() {
        // On a German, French or Spanish Mac: Option and 5, and with Shift 6.
        for (with, name, command) in [
            (Chord::Alt, "[", Command::LoopFrom),
            (Chord::AltShift, "]", Command::LoopUntil),
            (Chord::Shift, "0", Command::Fit),
            (Chord::Shift, "_", Command::ZoomOut),
        ] {
            assert_eq!(find(Place::Page, with, name), Some(command), "{name}");
            assert!(is_single(with, name), "{name}");
        }
        for (with, name) in [(Chord::Alt, "l"), (Chord::Alt, "0"), (Chord::Alt, " "), (Chord::Control, "[")] {
            assert_eq!(find(Place::Page, with, name), None, "{name}");
            assert!(!is_single(with, name), "{name}");
        }
    }

    #[test]
    fn wcag_2_1_4_letters_and_signs_are_single_keys_and_named_ones_are_not() {
        for name in ["l", "M", "?", "[", "0", "é"] {
            assert!(is_single(Chord::Nothing, name), "{name}");
        }
        for (with, name) in [(Chord::Nothing, " "), (Chord::Nothing, "Delete"), (Chord::Control, "z")] {
            assert!(!is_single(with, name), "{name}");
        }
    }
}
