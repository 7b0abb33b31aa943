//! The marks on the ruler where tempo and metre change: dragged, or moved by the arrow keys; a press goes there, so that the fields of
//! the transport show that change.

use leptos::prelude::*;
use model::{Id, Table, Ticks};
use web_sys::{HtmlElement, KeyboardEvent, PointerEvent};

use super::board::Board;
use super::ruler_view::LOOP_GRID;
use super::snap::{self, GRID};
use crate::door::sound::Sound;
use crate::door::times::Times;
use crate::transport::changes;
use crate::transport::position::bars_in_words;

/// How far a mark must be dragged before it moves, in pixels.
const SLACK: f64 = 4.0;

/// What is written on a mark, and where it is.
#[derive(Clone, Debug, PartialEq)]
struct Mark {
    at: Ticks,
    /// "90", "/ 90", "3/4".
    label: String,
    /// For screen readers.
    words: String,
}

fn mark(times: &Times, table: Table, id: &Id) -> Option<Mark> {
    let words = |at, what: String| format!("{what} at {}", bars_in_words(at, &times.metres));
    if table == Table::TempoChanges {
        let change = times.tempo_change(id)?;
        let (sign, how) = if change.ramp { ("/ ", "evenly to tempo") } else { ("", "tempo") };
        let label = format!("{sign}{}", change.bpm);
        return Some(Mark { at: change.at, label, words: words(change.at, format!("{how} {}", change.bpm)) });
    }
    let change = times.metre_change(id)?;
    let metre = change.time_signature.to_string();
    Some(Mark { at: change.at, words: words(change.at, format!("metre {metre}")), label: metre })
}

/// All marks.
#[component]
pub(super) fn Markers() -> impl IntoView {
    let board = expect_context::<Board>();
    let times = board.door.times();
    let all = move || {
        times.with(|times| {
            let tempos = times.tempo_changes.iter().map(|change| (Table::TempoChanges, change.id.clone()));
            let metres = times.metre_changes.iter().map(|change| (Table::TimeSignatures, change.id.clone()));
            tempos.chain(metres).collect::<Vec<_>>()
        })
    };
    view! {
        <div class="marks" role="group" aria-label="Changes of tempo and metre">
            <For each=all key=Clone::clone let:named>
                <MarkButton table=named.0 id=named.1 />
            </For>
        </div>
    }
}

/// Where a mark is let go: on the grid of its kind.
fn landing(board: Board, table: Table, place: Ticks, free: bool) -> Ticks {
    match (free, table) {
        (true, _) => snap::nearest(place, GRID),
        (false, Table::TimeSignatures) => board.door.times().with_untracked(|times| times.nearest_bar(place)),
        (false, _) => snap::nearest(place, LOOP_GRID),
    }
}

#[component]
fn MarkButton(table: Table, id: Id) -> impl IntoView {
    let board = expect_context::<Board>();
    let sound = expect_context::<Sound>();
    let id = StoredValue::new(id);
    let shown = Memo::new(move |_| id.with_value(|id| board.door.times().with(|times| mark(times, table, id))));
    // Where the pointer went down, and where the mark is dragged to.
    let pressed = RwSignal::new(None::<f64>);
    let dragged = RwSignal::new(None::<Ticks>);
    let place =
        move || dragged.get().or_else(|| shown.with(|mark| mark.as_ref().map(|mark| mark.at))).unwrap_or_default();
    let left = move || format!("transform: translateX({}px)", board.viewport.get().x(place().beats()).round());
    let is_seen = move || {
        let view = board.viewport.get();
        (-80.0..view.width + 8.0).contains(&view.x(place().beats()))
    };
    let down = move |event: PointerEvent| {
        event.stop_propagation();
        if let Some(target) =
            event.current_target().and_then(|target| wasm_bindgen::JsCast::dyn_into::<HtmlElement>(target).ok())
        {
            let _ = target.set_pointer_capture(event.pointer_id());
        }
        pressed.set(Some(f64::from(event.client_x())));
    };
    let moved = move |event: PointerEvent| {
        let (Some(from), Some(at)) =
            (pressed.get_untracked(), shown.with_untracked(|mark| mark.as_ref().map(|mark| mark.at)))
        else {
            return;
        };
        let by = f64::from(event.client_x()) - from;
        if !board.door.may_edit() || (dragged.get_untracked().is_none() && by.abs() < SLACK) {
            return;
        }
        let view = board.viewport.get_untracked();
        let to = landing(board, table, view.place(view.x(at.beats()) + by), event.alt_key());
        dragged.set(changes::allowed(to).or(Some(at)));
    };
    let up = move |_| {
        if pressed.get_untracked().is_none() {
            return;
        }
        pressed.set(None);
        let at = shown.with_untracked(|mark| mark.as_ref().map(|mark| mark.at));
        match (dragged.get_untracked(), at) {
            (Some(to), Some(at)) if to != at => id.with_value(|id| changes::shift(board.door, table, id, to)),
            (None, Some(at)) => sound.seek(at),
            _ => {}
        }
        dragged.set(None);
    };
    let key = move |event: KeyboardEvent| {
        let Some(at) = shown.with_untracked(|mark| mark.as_ref().map(|mark| mark.at)) else { return };
        let step = |direction: i64| match event.shift_key() || table == Table::TimeSignatures {
            true => board.door.times().with_untracked(|times| times.bar_step(at, direction)),
            false => snap::step(at, direction, LOOP_GRID),
        };
        match event.key().as_str() {
            "ArrowRight" => id.with_value(|id| changes::shift(board.door, table, id, step(1))),
            "ArrowLeft" => id.with_value(|id| changes::shift(board.door, table, id, step(-1))),
            "Delete" | "Backspace" => id.with_value(|id| changes::remove(board.door, table, id)),
            "Enter" | " " => sound.seek(at),
            "r" if table == Table::TempoChanges => id.with_value(|id| changes::bend(board.door, id)),
            _ => return,
        }
        event.prevent_default();
        event.stop_propagation();
    };
    // By a screen reader: what a pointer does has been done when it was let go.
    let pressed_without_pointer = move |event: web_sys::MouseEvent| {
        if let (0, Some(at)) = (event.detail(), shown.with_untracked(|mark| mark.as_ref().map(|mark| mark.at))) {
            sound.seek(at);
        }
    };
    let tip = if table == Table::TempoChanges {
        "Drag, or arrow keys, to move; R for a ramp or a jump; Delete to remove. A press goes there: the BPM field then sets it."
    } else {
        "Drag, or arrow keys, to move; Delete to remove. A press goes there: the metre field then sets it."
    };
    view! {
        <button type="button" class="mark" class:mark-metre=table == Table::TimeSignatures class:is-held=move || dragged.get().is_some()
            data-testid=if table == Table::TempoChanges { "tempo-mark" } else { "metre-mark" } style=left hidden=move || !is_seen()
            data-beat=move || place().beats().to_string() title=tip
            aria-label=move || shown.with(|mark| mark.as_ref().map(|mark| mark.words.clone()).unwrap_or_default())
            on:pointerdown=down on:pointermove=moved on:pointerup=up
            on:pointercancel=move |_| { pressed.set(None); dragged.set(None); } on:keydown=key on:click=pressed_without_pointer>
            {move || shown.with(|mark| mark.as_ref().map(|mark| mark.label.clone()).unwrap_or_default())}
        </button>
    }
}

#[cfg(test)]
mod tests {
    use model::{Record, Records, Value, fields};

    use super::*;

    #[test]
    fn u2_marks_say_what_changes_where() {
        let mut records = Records::new();
        let mut add = |table, name: &str, given: &[(&str, Value)]| {
            records.insert(table, Record::new(Id::new(name).unwrap(), 1, fields(given.iter().cloned())));
        };
        add(Table::Projects, "p", &[("bpm", 120.0.into()), ("timeSignature", "4/4".into())]);
        add(Table::TempoChanges, "t", &[("beat", 9.0.into()), ("bpm", 92.5.into()), ("curve", "ramp".into())]);
        add(Table::TimeSignatures, "m", &[("beat", 8.0.into()), ("timeSignature", "3/4".into())]);
        let times = Times::of(&records);
        let words = |table, id: &str| mark(&times, table, &Id::new(id).unwrap()).map(|mark| (mark.label, mark.words));
        let tempo = ("/ 92.5".to_owned(), "evenly to tempo 92.5 at bar 3, beat 2".to_owned());
        assert_eq!(words(Table::TempoChanges, "t"), Some(tempo));
        assert_eq!(
            words(Table::TimeSignatures, "m"),
            Some(("3/4".to_owned(), "metre 3/4 at bar 3, beat 1".to_owned()))
        );
        assert_eq!(words(Table::TimeSignatures, "gone"), None);
    }
}
