//! Others on the lanes: their pointers, what they have selected, what they drag, their playheads. Drawn over the canvas, which
//! need not be painted again for them.

use std::time::Duration;

use leptos::prelude::*;
use model::{Clip, Id};
use sync::wire::{Person, Presence as Doing};

use super::board::Board;
use super::paint::INSET;
use super::viewport::Viewport;
use crate::design::text_on;
use crate::door::clock;
use crate::presence::PresenceChoices;

/// A pointer that has rested for so long fades.
const IDLE: Duration = Duration::from_secs(5);
/// Others that are shown; of more, those who came first.
const PEERS_MAX: usize = 24;

/// The layer of all others.
#[component]
pub(super) fn Peers() -> impl IntoView {
    let board = expect_context::<Board>();
    let door = board.door;
    let sessions = Memo::new(move |_| {
        // An old state is seen by oneself alone.
        if door.moment().with(Option::is_some) {
            return Vec::new();
        }
        let me = door.people().with(|people| people.iter().find(|one| one.me).map(|one| one.person.id.clone()));
        let others = |one: &&sync::wire::PresenceOf| Some(&one.user) != me.as_ref() && one.presence.is_some();
        door.presences()
            .with(|all| all.iter().filter(others).map(|one| one.session).take(PEERS_MAX).collect::<Vec<_>>())
    });
    view! {
        <div class="peers" aria-hidden="true">
            <For each=move || sessions.get() key=|session| *session let:session>
                <Peer session />
            </For>
        </div>
    }
}

#[component]
fn Peer(session: u64) -> impl IntoView {
    let board = expect_context::<Board>();
    let choices = expect_context::<PresenceChoices>();
    let door = board.door;
    let said = Memo::new(move |_| door.presences().with(|all| all.iter().find(|one| one.session == session).cloned()));
    let person = Memo::new(move |_| {
        let user = said.with(|said| said.as_ref().map(|said| said.user.clone()))?;
        door.people().with(|people| people.iter().find(|one| one.person.id == user).map(|one| one.person.clone()))
    });
    let doing =
        Memo::new(move |_| said.with(|said| said.as_ref().and_then(|said| said.presence.clone())).unwrap_or_default());
    let pointer = Memo::new(move |_| doing.with(|doing| doing.pointer.clone()));
    let playhead = Memo::new(move |_| doing.with(|doing| doing.playhead.clone()).filter(|_| choices.shows_playheads()));
    let idle = idle_after_rest(pointer);
    let colour =
        move || person.with(|person| person.as_ref().map(|person: &Person| person.colour.clone())).unwrap_or_default();
    let name = move || person.with(|person| person.as_ref().map(|person| person.name.clone())).unwrap_or_default();
    let text = move || text_on(&colour());
    let place = move || {
        let Some(pointer) = pointer.get() else { return String::new() };
        board.changed.track();
        let (view, lane_height) = (board.viewport.get(), board.lane_height.get());
        let lane = board.scene(|scene| {
            pointer.track.and_then(|track| scene.lane_of(&track)).unwrap_or_else(|| scene.lanes().len())
        });
        let y = board.rows.with(|rows| rows.top(lane)) + 0.5 * lane_height - view.top;
        format!("translate({:.1}px, {y:.1}px)", view.x(pointer.beat))
    };
    let line = move || {
        playhead
            .get()
            .map_or_else(String::new, |head| format!("translateX({:.1}px)", board.viewport.get().x(head.beat)))
    };
    let boxes = Memo::new(move |_| {
        board.changed.track();
        let (view, lane_height) = (board.viewport.get(), board.lane_height.get());
        doing.with(|doing| boxes(board, doing, view, lane_height))
    });
    view! {
        <div class="peer" style:--peer=colour style:--on-peer=text data-testid="peer" data-user=move || said.with(|said| said.as_ref().map(|said| said.user.to_string()))>
            <For each=move || boxes.get() key=|one| (one.clip.clone(), one.dragged) let:one>
                <PeerBox clip=one.clip dragged=one.dragged boxes />
            </For>
            <Show when=move || playhead.with(Option::is_some)>
                <div class="peer-playhead" class:is-playing=move || playhead.with(|head| head.as_ref().is_some_and(|head| head.playing))
                    data-testid="peer-playhead" style:transform=line></div>
            </Show>
            <Show when=move || pointer.with(Option::is_some)>
                <div class="peer-pointer" class:is-idle=move || idle.get() data-testid="peer-pointer" style:transform=place>
                    <svg viewBox="0 0 16 18"><path d="M1.500 1l12 8.200-5.300 1L5 16.500z" /></svg>
                    <span>{name}</span>
                </div>
            </Show>
        </div>
    }
}

/// True once a pointer has rested for a while, until it moves.
fn idle_after_rest(pointer: Memo<Option<sync::wire::Pointer>>) -> RwSignal<bool> {
    let idle = RwSignal::new(false);
    let moves = StoredValue::new(0u32);
    Effect::new(move |_| {
        pointer.track();
        let count = moves.get_value().wrapping_add(1);
        moves.set_value(count);
        idle.set(false);
        clock::after(IDLE, move || {
            if moves.try_get_value() == Some(count) {
                idle.set(true);
            }
        });
    });
    idle
}

/// A clip that somebody has selected or holds, in pixels.
#[derive(Clone, Debug, PartialEq)]
struct Boxed {
    clip: Id,
    dragged: bool,
    name: String,
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// Those on the screen.
fn boxes(board: Board, doing: &Doing, view: Viewport, lane_height: f64) -> Vec<Boxed> {
    let boxed = |clip: &Clip, lane: usize, start: f64, dragged: bool| Boxed {
        clip: clip.id.clone(),
        dragged,
        name: clip.name.clone(),
        x: view.x(start),
        y: board.rows.with(|rows| rows.top(lane)) - view.top + INSET,
        width: (clip.duration.beats() * view.pixels_per_beat).max(4.0),
        height: lane_height - INSET * 2.0 - 1.0,
    };
    board.scene(|scene| {
        let selected = doing
            .selection
            .iter()
            .filter_map(|id| scene.clip(id))
            .map(|(lane, clip)| boxed(clip, lane, clip.start.beats(), false));
        let held = doing.dragging.iter().filter_map(|held| {
            let (_, clip) = scene.clip(&held.clip)?;
            Some(boxed(clip, scene.lane_of(&held.track)?, held.start, true))
        });
        let seen = |one: &Boxed| {
            one.x + one.width > 0.0 && one.x < view.width && one.y + one.height > 0.0 && one.y < view.height
        };
        selected.chain(held).filter(seen).collect()
    })
}

#[component]
fn PeerBox(clip: Id, dragged: bool, boxes: Memo<Vec<Boxed>>) -> impl IntoView {
    let own = Memo::new(move |_| {
        boxes.with(|all| all.iter().find(|one| one.clip == clip && one.dragged == dragged).cloned())
    });
    let of = move |value: fn(&Boxed) -> String| own.with(|own| own.as_ref().map(value)).unwrap_or_default();
    view! {
        <div class="peer-clip" class:is-dragged=dragged data-testid=if dragged { "peer-ghost" } else { "peer-selection" }
            style:transform=move || of(|one| format!("translate({:.1}px, {:.1}px)", one.x, one.y))
            style:width=move || of(|one| format!("{:.1}px", one.width)) style:height=move || of(|one| format!("{:.1}px", one.height))>
            {dragged.then(|| view! { <span>{move || of(|one| one.name.clone())}</span> })}
        </div>
    }
}
