//! The headers of the tracks, left of their lanes.

use std::collections::HashSet;

use leptos::html::{Div, Input};
use leptos::portal::Portal;
use leptos::prelude::*;
use model::{Id, Table, Track, Value};
use operations::build;
use web_sys::PointerEvent;

use super::board::Board;
use super::header_order::{key_for, rank_at};
use super::track_menu::TrackMenu;
use crate::automation::{LaneHead, LanesShown};
use crate::controls::{focus, on_escape};
use crate::design::{Icon, colour_of, icon, in_portions};
use crate::door::Door;
use crate::door::imports::new_track;
use crate::door::new_id;
use crate::door::sound::Sound;
use crate::mixer::ForWhom;
use crate::shortcuts::{self, Command, Place};

/// Adds an empty track below the others.
pub(super) fn add_track(board: Board) {
    let Some(project) = board.door.project().get_untracked() else { return };
    let count = board.door.tracks().with_untracked(Vec::len);
    let taken: HashSet<String> = board.door.read(|records| {
        let tracks = records.tracks();
        tracks.iter().filter_map(|track| track.text("name").map(str::to_owned)).collect()
    });
    // Of so many and one more numbers at least one is free.
    let free = (1..=taken.len() + 1).map(|number| format!("Track {number}")).find(|name| !taken.contains(name));
    let name = free.unwrap_or_else(|| "Track".to_owned());
    if board.door.dispatch("Add track", vec![new_track(&new_id(), &project.id, &name, "audio", count)]) {
        board.show_lane(count);
    }
}

/// Puts a track at a rank.
pub(super) fn move_track(board: Board, id: &Id, rank: usize) {
    if let Some(key) = board.door.read(|records| key_for(&records.tracks(), id, rank)) {
        board.door.dispatch("Move track", vec![build::set(Table::Tracks, id, "orderKey", key.as_str())]);
    }
}

/// The rank of a track.
pub(super) fn rank_of(board: Board, id: &Id) -> usize {
    board.door.tracks().with_untracked(|tracks| tracks.iter().position(|other| other == id)).unwrap_or(0)
}

/// The list of headers.
#[component]
pub(super) fn Headers() -> impl IntoView {
    let board = expect_context::<Board>();
    let lifted = RwSignal::new(None::<(Id, usize)>);
    on_escape(move || lifted.with_untracked(Option::is_some), move || lifted.set(None));
    let frame = NodeRef::<Div>::new();
    let tracks = in_portions(board.door.tracks());
    let master = expect_context::<LanesShown>().master();
    // Focus scrolls a header into view by itself: take that over into the view, which the lanes follow.
    let scrolled = move |_| {
        if let Some(frame) = frame.get_untracked()
            && frame.scroll_top() != 0
        {
            let by = f64::from(frame.scroll_top());
            frame.set_scroll_top(0);
            board.pan(0.0, by);
        }
    };
    let line = move || {
        lifted.get().map(|(id, rank)| {
            let below = rank > rank_of(board, &id);
            let top = board.rows.with(|rows| rows.top(rank + usize::from(below)));
            view! { <div class="drop-line" style:--at=format!("{top}px")></div> }
        })
    };
    view! {
        <div class="heads" node_ref=frame on:scroll=scrolled>
            <ol class="heads-list" aria-label="Tracks" style:--top=move || format!("{}px", board.viewport.get().top)>
                <For each=move || tracks.get() key=Id::clone let:id>
                    <Header id=id.clone() lifted />
                    <LaneHeads track=id />
                </For>
                {master.map(|master| view! { <LaneHeads track=master /> })}
                {line}
                <Show when=move || board.door.may_edit_now()>
                    <li class="head-add">
                        <button type="button" class="button quiet" on:click=move |_| add_track(board)>{icon(Icon::Plus)} "Add track"</button>
                    </li>
                </Show>
            </ol>
        </div>
    }
}

/// The heads of a track's lanes of automation.
#[component]
fn LaneHeads(track: Id) -> impl IntoView {
    let lanes = expect_context::<LanesShown>();
    let own = track.clone();
    view! {
        <For each=move || lanes.of(&own) key=|number| *number let:number>
            <LaneHead track=track.clone() number />
        </For>
    }
}

#[component]
fn Header(id: Id, lifted: RwSignal<Option<(Id, usize)>>) -> impl IntoView {
    let board = expect_context::<Board>();
    let record = board.door.record(Table::Tracks, &id);
    let track = Memo::new(move |_| record.get().as_ref().map(Track::from_record));
    let colour = move || track.get().as_ref().map(colour_of);
    let name = Memo::new(move |_| track.get().map(|track| track.name).unwrap_or_default());
    let menu_open = RwSignal::new(false);
    let renaming = RwSignal::new(false);
    let is_lifted = {
        let id = id.clone();
        move || lifted.with(|lifted| lifted.as_ref().is_some_and(|(other, _)| *other == id))
    };
    let stored = StoredValue::new(id.clone());
    let lanes = expect_context::<LanesShown>();
    let key = move |event: leptos::ev::KeyboardEvent| {
        if renaming.get_untracked() {
            return;
        }
        let (id, may_edit) = (stored.get_value(), board.door.may_edit());
        match shortcuts::on(Place::Track, &event) {
            Some(Command::Automation) => lanes.toggle(&id),
            Some(Command::Rename) if may_edit => renaming.set(true),
            Some(Command::Rank(-1)) if may_edit => {
                if let Some(above) = rank_of(board, &id).checked_sub(1) {
                    move_track(board, &id, above);
                }
            }
            Some(Command::Rank(_)) if may_edit => move_track(board, &id, rank_of(board, &id) + 1),
            _ => return,
        }
        event.prevent_default();
        event.stop_propagation();
    };
    view! {
        <li class="head" class:is-lifted=is_lifted class:is-muted=move || track.get().is_some_and(|track| track.muted)
            data-testid="track" data-track-id=id.to_string() style:--track=colour aria-label=name on:keydown=key>
            <Grip id=id.clone() name lifted />
            <div class="head-main">
                <TrackName id=id.clone() name renaming />
                <div class="head-row">
                    <Toggles id=id.clone() track />
                    <button type="button" class="letter automation" data-testid="automation" title="Show or hide the automation (A)"
                        aria-label=move || format!("Automation of {}", name.get()) aria-pressed=move || (lanes.count(&stored.get_value()) > 0).to_string()
                        on:click=move |_| lanes.toggle(&stored.get_value())>"A"</button>
                    <button type="button" class="icon-button small head-more" aria-label=move || format!("More for {}", name.get())
                        aria-haspopup="menu" aria-expanded=move || menu_open.get().to_string() data-testid="track-menu"
                        disabled=move || !board.door.may_edit_now() title=move || board.door.title("Rename, recolour, move, delete")
                        on:click=move |_| menu_open.set(true)>{icon(Icon::More)}</button>
                </div>
            </div>
            <HeadMeter id=stored.get_value() />
            <Show when=move || menu_open.get() && board.door.may_edit_now()>
                // In the body: the list of headers is moved and cut off, and what is in it with it.
                <Portal>
                    <TrackMenu id=stored.get_value() name open=menu_open renaming />
                </Portal>
            </Show>
        </li>
    }
}

/// M and S: for all, or, as the mixer's switch says, for this listener only.
#[component]
pub(crate) fn Toggles(id: Id, track: Memo<Option<Track>>) -> impl IntoView {
    view! {
        <Toggle id=id.clone() track flag=Flag::Mute />
        <Toggle id track flag=Flag::Solo />
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Flag {
    Mute,
    Solo,
}

impl Flag {
    /// Name, class and test id, field of the record, letter, what switching it on and off is called.
    fn words(self) -> [&'static str; 6] {
        match self {
            Flag::Mute => ["Mute", "mute", "muted", "M", "Mute track", "Unmute track"],
            Flag::Solo => ["Solo", "solo", "solo", "S", "Solo track", "End solo"],
        }
    }
}

#[component]
fn Toggle(id: Id, track: Memo<Option<Track>>, flag: Flag) -> impl IntoView {
    let door = expect_context::<Door>();
    let for_whom = expect_context::<ForWhom>();
    let id = StoredValue::new(id);
    let [name, class, field, letter, on, off] = flag.words();
    let shared = Memo::new(move |_| {
        track
            .with(|track| track.as_ref().is_some_and(|track| if flag == Flag::Mute { track.muted } else { track.solo }))
    });
    let own = Memo::new(move |_| {
        let own = for_whom.of(&id.get_value());
        if flag == Flag::Mute { own.muted } else { own.solo }
    });
    let pressed = move || if for_whom.only_me() { own.get() } else { shared.get() };
    let press = move |_| {
        if for_whom.only_me_untracked() {
            for_whom.change(&id.get_value(), |own| match flag {
                Flag::Mute => own.muted = !own.muted,
                Flag::Solo => own.solo = !own.solo,
            });
        } else {
            let value = !shared.get_untracked();
            let what = if value { on } else { off };
            door.dispatch(what, vec![build::set(Table::Tracks, &id.get_value(), field, Value::Bool(value))]);
        }
    };
    let label = move || {
        let track = track.get().map(|track| track.name).unwrap_or_default();
        if for_whom.only_me() { format!("{name} {track} for me") } else { format!("{name} {track}") }
    };
    let title = move || match (for_whom.only_me(), shared.get()) {
        (false, _) => door.title(name),
        (true, false) => "For you only",
        (true, true) => "For you only; for all it is on",
    };
    view! {
        <button type="button" class=format!("letter {class}") class:is-own=own class:is-shared=move || for_whom.only_me() && shared.get()
            data-testid=class title=title disabled=move || !for_whom.only_me() && !door.may_edit_now() aria-label=label
            aria-pressed=move || pressed().to_string() on:click=press>{letter}</button>
    }
}

/// The handle by which a track is dragged to another place.
#[component]
fn Grip(id: Id, name: Memo<String>, lifted: RwSignal<Option<(Id, usize)>>) -> impl IntoView {
    let board = expect_context::<Board>();
    let grip = NodeRef::<Div>::new();
    let id = StoredValue::new(id);
    let down = move |event: PointerEvent| {
        if event.button() != 0 || !board.door.may_edit() {
            return;
        }
        if let Some(grip) = grip.get_untracked() {
            let _ = grip.set_pointer_capture(event.pointer_id());
        }
        lifted.set(Some((id.get_value(), rank_of(board, &id.get_value()))));
    };
    let moved = move |event: PointerEvent| {
        if lifted.with_untracked(Option::is_none) {
            return;
        }
        let top = document()
            .query_selector(".heads")
            .ok()
            .flatten()
            .map_or(0.0, |heads| heads.get_bounding_client_rect().top());
        let y = f64::from(event.client_y()) - top + board.viewport.get_untracked().top;
        let count = board.door.tracks().with_untracked(Vec::len);
        let rank = board.rows.with_untracked(|rows| rank_at(y, rows, count));
        lifted.set(Some((id.get_value(), rank)));
    };
    let up = move |_| {
        if let Some((id, rank)) = lifted.get_untracked() {
            move_track(board, &id, rank);
        }
        lifted.set(None);
    };
    view! {
        <div class="grip" class:is-locked=move || !board.door.may_edit_now() node_ref=grip
            title=move || board.door.title("Drag to reorder (Alt+↑ / Alt+↓)") aria-hidden="true" data-track=name
            on:pointerdown=down on:pointermove=moved on:pointerup=up on:pointercancel=move |_| lifted.set(None)>
            {icon(Icon::Grip)}
        </div>
    }
}

/// The name; double click or F2 changes it in place.
#[component]
fn TrackName(id: Id, name: Memo<String>, renaming: RwSignal<bool>) -> impl IntoView {
    let board = expect_context::<Board>();
    let id = StoredValue::new(id);
    let begin = move || {
        if board.door.may_edit() {
            renaming.set(true);
        }
    };
    view! {
        <Show
            when=move || renaming.get()
            fallback=move || view! {
                <button type="button" class="head-name" title=move || board.door.title("Double-click or F2 to rename") on:dblclick=move |_| begin()>{name}</button>
            }
        >
            <NameInput id=id.get_value() name renaming />
        </Show>
    }
}

#[component]
fn NameInput(id: Id, name: Memo<String>, renaming: RwSignal<bool>) -> impl IntoView {
    let board = expect_context::<Board>();
    let input = NodeRef::<Input>::new();
    Effect::new(move |_| {
        if let Some(input) = input.get() {
            input.set_value(&name.get_untracked());
            let _ = input.focus();
            input.select();
        }
    });
    let id = StoredValue::new(id);
    // Whoever leaves the field by a press elsewhere wants the focus there.
    let finish = move |keep: bool, by_key: bool| {
        // None when the track goes while its name is typed.
        if renaming.try_get_untracked() != Some(true) {
            return;
        }
        let wanted = input.get_untracked().map(|input| input.value().trim().to_owned()).unwrap_or_default();
        renaming.set(false);
        if by_key {
            id.with_value(focus_name);
        }
        if keep && !wanted.is_empty() && wanted != name.get_untracked() {
            board
                .door
                .dispatch("Rename track", vec![build::set(Table::Tracks, &id.get_value(), "name", wanted.as_str())]);
        }
    };
    let key = move |event: leptos::ev::KeyboardEvent| {
        event.stop_propagation();
        match event.key().as_str() {
            "Enter" => finish(true, true),
            "Escape" => finish(false, true),
            _ => {}
        }
    };
    view! {
        <input class="head-input" aria-label="Track name" maxlength="120" autocomplete="off" spellcheck="false" node_ref=input
            on:keydown=key on:blur=move |_| finish(true, false) />
    }
}

/// Gives a track's name the focus that its field had.
fn focus_name(id: &Id) {
    focus::keep(None, &[&format!("[data-testid=track][data-track-id=\"{id}\"] .head-name")]);
}

#[component]
fn HeadMeter(id: Id) -> impl IntoView {
    let sound = expect_context::<Sound>();
    let bar = NodeRef::<Div>::new();
    let shown = StoredValue::new(0.0f64);
    sound.on_frame(move |heard| {
        let peak = heard.tracks.get(&id).map_or(0.0, |[left, right]| f64::from(left.max(*right)));
        let height = crate::mixer::meter_height(peak).max(shown.get_value() - 0.025);
        if (height - shown.get_value()).abs() > 0.001 || height == 0.0 {
            shown.set_value(height);
            if let Some(bar) = bar.get_untracked() {
                let _ = (*bar).style().set_property("transform", &format!("scaleY({:.3})", 1.0 - height));
            }
        }
    });
    view! { <div class="head-meter" aria-hidden="true"><div class="head-meter-cover" node_ref=bar></div></div> }
}
