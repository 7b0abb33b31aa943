//! The corner above the track headers: add, zoom, snap, follow.

use leptos::prelude::*;

use super::board::Board;
use super::{clip_list, clipboard, drop, headers};
use crate::design::{Icon, icon};
use crate::door::sound::Sound;
use crate::shortcuts::{Command, Shortcuts};

/// One press of a zoom button.
const ZOOM_STEP: f64 = 1.5;

/// The buttons, and the keys that do the same.
#[component]
pub(super) fn Toolbar() -> impl IntoView {
    let (board, sound) = (expect_context::<Board>(), expect_context::<Sound>());
    listen(board, sound);
    let may_edit = move || board.door.may_edit_now();
    let has_chosen = Memo::new(move |_| board.selection.with(|selection| !selection.is_empty()));
    let shortcuts = expect_context::<Shortcuts>();
    let tip = move |what: &'static str, command: Command| move || shortcuts.tip(what, command);
    view! {
        <div class="toolbar" role="toolbar" aria-label="Arrangement" class:has-chosen=move || has_chosen.get() && may_edit()>
            <Show when=may_edit>
                <button type="button" class="icon-button" title=tip("Add track", Command::AddTrack) aria-label="Add track" data-testid="add-track"
                    on:click=move |_| headers::add_track(board)>{icon(Icon::Plus)}</button>
                <button type="button" class="icon-button" title="Add recordings" aria-label="Add recordings" data-testid="import"
                    on:click=move |_| drop::pick_files(board)>{icon(Icon::Import)}</button>
            </Show>
            <Show when=move || has_chosen.get() && may_edit()>
                <button type="button" class="icon-button" title=tip("Split what is selected at the playhead", Command::Split) aria-label="Split at the playhead" data-testid="split"
                    on:click=move |_| clip_list::split_selected(board, sound.position())>{icon(Icon::Split)}</button>
                <button type="button" class="icon-button" title=tip("Duplicate what is selected, behind itself", Command::Duplicate) aria-label="Duplicate" data-testid="duplicate"
                    on:click=move |_| clip_list::duplicate_selected(board)>{icon(Icon::Duplicate)}</button>
            </Show>
            <span class="toolbar-gap"></span>
            <button type="button" class="icon-button" title=tip("Snap to quarter beats; hold Alt to go free", Command::Snap) aria-label="Snap to grid"
                aria-pressed=move || board.snaps.get().to_string() data-testid="snap"
                on:click=move |_| board.snaps.update(|on| *on = !*on)>{icon(Icon::Magnet)}</button>
            <button type="button" class="icon-button wide-only" title=tip("Follow the playhead", Command::Follow) aria-label="Follow the playhead"
                aria-pressed=move || board.follows.get().to_string()
                on:click=move |_| board.follows.update(|on| *on = !*on)>{icon(Icon::Follow)}</button>
            <button type="button" class="icon-button" title=tip("Zoom out", Command::ZoomOut) aria-label="Zoom out" data-testid="zoom-out"
                on:click=move |_| board.zoom_middle(1.0 / ZOOM_STEP)>{icon(Icon::Minus)}</button>
            <button type="button" class="icon-button" title=tip("Zoom in", Command::ZoomIn) aria-label="Zoom in" data-testid="zoom-in"
                on:click=move |_| board.zoom_middle(ZOOM_STEP)>{icon(Icon::Plus)}</button>
            <button type="button" class="icon-button wide-only" title=tip("Show the whole song", Command::Fit) aria-label="Show the whole song"
                on:click=move |_| board.fit()>{icon(Icon::Fit)}</button>
        </div>
    }
}

fn listen(board: Board, sound: Sound) {
    let shortcuts = expect_context::<Shortcuts>();
    let handle = window_event_listener(leptos::ev::keydown, move |event| {
        if crate::studio::is_typing(&event) || event.default_prevented() {
            return;
        }
        let has_selection = || board.selection.with_untracked(|selection| !selection.is_empty());
        match shortcuts.on_page(&event) {
            Some(Command::SelectAll) => board.selection.set(board.scene(|scene| {
                scene.lanes().iter().flat_map(|lane| lane.clips().iter().map(|clip| clip.id.clone())).collect()
            })),
            Some(Command::ZoomIn) => board.zoom_middle(ZOOM_STEP),
            Some(Command::ZoomOut) => board.zoom_middle(1.0 / ZOOM_STEP),
            Some(Command::Fit) => board.fit(),
            Some(Command::Snap) => board.snaps.update(|on| *on = !*on),
            Some(Command::Follow) => board.follows.update(|on| *on = !*on),
            Some(Command::AddTrack) if board.door.may_edit() => headers::add_track(board),
            Some(Command::Split) => clip_list::split_selected(board, sound.position()),
            Some(Command::Duplicate) => clip_list::duplicate_selected(board),
            Some(Command::Copy) if clipboard::copy_selected(board) => {}
            Some(Command::Cut) if clipboard::cut_selected(board) => {}
            Some(Command::Paste) => clipboard::paste(board, sound.position()),
            Some(Command::Delete) if has_selection() => clip_list::delete_selected(board),
            _ => return,
        }
        event.prevent_default();
    });
    on_cleanup(move || handle.remove());
}
