//! The arrangement: tracks from top to bottom, time from left to right.

mod board;
mod clip_list;
mod clip_panel;
mod clipboard;
mod cut;
mod drag;
mod drop;
mod gesture;
mod header_order;
mod headers;
mod lanes;
mod listed;
mod markers;
mod paint;
mod paint_clip;
mod peers;
mod reverse;
mod rows;
mod ruler;
mod ruler_view;
mod scene;
mod shape;
mod snap;
mod stage;
mod toolbar;
mod track_menu;
mod viewport;

use leptos::prelude::*;

pub(crate) use board::Board;
pub(crate) use clip_list::window;
pub(crate) use drag::{Drag, Dragged as Held};
pub(crate) use headers::Toggles;

use crate::automation::LanesShown;
use crate::design::{Icon, icon};
use crate::door::Door;
use crate::door::sound::Sound;
use crate::export::Export;
use clip_panel::ClipPanel;
use headers::Headers;
use lanes::Lanes;
use ruler_view::Ruler;
use toolbar::Toolbar;

/// The part of the studio with ruler, tracks and clips.
#[component]
pub(crate) fn Arrangement() -> impl IntoView {
    let door = expect_context::<Door>();
    let board = Board::new(door, expect_context::<LanesShown>());
    provide_context(board);
    drop::listen(board);
    crate::presence::tell(board, expect_context::<Sound>());
    expect_context::<Export>().offer(board.selection);
    let is_empty = Memo::new(move |_| door.tracks().with(Vec::is_empty));
    view! {
        <main class="arrangement" aria-label="Arrangement">
            <Toolbar />
            <Ruler />
            <Headers />
            <div class="lanes-cell">
                <Lanes />
                <ClipPanel />
                <Show when=move || is_empty.get()>
                    <EmptySong />
                </Show>
                <DropHint />
            </div>
        </main>
    }
}

#[component]
fn EmptySong() -> impl IntoView {
    let board = expect_context::<Board>();
    let may_edit = move || board.door.may_edit_now();
    view! {
        <div class="empty-song">
            <h2>"Silence, so far"</h2>
            <p>
                {move || if may_edit() {
                    "Drop a WAV, FLAC, MP3 or Ogg file anywhere, or begin with an empty track."
                } else {
                    "You will hear it here as soon as somebody adds a track."
                }}
            </p>
            <Show when=may_edit>
                <div class="notice-actions">
                    <button type="button" class="button primary" on:click=move |_| drop::pick_files(board)>
                        {icon(Icon::Import)} "Add a recording"
                    </button>
                    <button type="button" class="button" on:click=move |_| headers::add_track(board)>
                        {icon(Icon::Plus)} "Empty track"
                    </button>
                </div>
            </Show>
        </div>
    }
}

#[component]
fn DropHint() -> impl IntoView {
    let board = expect_context::<Board>();
    let text = move || match board.incoming.get() {
        Some(landing) if landing.lane.is_some() => "Drop to put it here",
        Some(landing) if landing.is_barred => {
            "A bus and a group have no recordings: drop to add it on a track of its own"
        }
        _ => "Drop to add it on a track of its own",
    };
    view! {
        <Show when=move || board.incoming.get().is_some()>
            <div class="drop-hint" role="status">{icon(Icon::Import)} {text}</div>
        </Show>
    }
}
