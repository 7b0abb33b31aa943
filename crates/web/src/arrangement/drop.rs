//! Files from outside: dropped anywhere, or picked.

use leptos::prelude::*;
use model::{AudioFile, AudioFileState, Table};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{DragEvent, File, FileList, HtmlInputElement};

use super::board::{Board, Landing};
use super::snap::{self, GRID};
use crate::door::imports::Target;

/// What the file picker offers.
const ACCEPT: &str = ".wav,.wave,.flac,.mp3,.ogg,.oga,audio/wav,audio/flac,audio/mpeg,audio/ogg";

/// On a track of its own, from the start.
const AT_THE_START: Landing = Landing { lane: None, place: model::Ticks(0), is_barred: false };

/// Takes files that are dragged over the page, until the arrangement is left; says which recordings were refused.
pub(super) fn listen(board: Board) {
    let over = window_event_listener(leptos::ev::dragover, move |event| {
        if has_files(&event) {
            // Without it the browser would open the file in the place of the studio.
            event.prevent_default();
            if !board.door.may_edit() {
                // No ghost of what cannot land: the pointer says so, and a drop says why.
                if let Some(data) = event.data_transfer() {
                    data.set_drop_effect("none");
                }
                return;
            }
            let landing = landing(board, &event);
            if board.incoming.get_untracked() != Some(landing) {
                board.incoming.set(Some(landing));
            }
        }
    });
    let leave = window_event_listener(leptos::ev::dragleave, move |event| {
        if event.related_target().is_none() {
            board.incoming.set(None);
        }
    });
    let dropped = window_event_listener(leptos::ev::drop, move |event| {
        if has_files(&event) {
            event.prevent_default();
            let landing = landing(board, &event);
            board.incoming.set(None);
            if let Some(files) = event.data_transfer().and_then(|data| data.files()) {
                import(board, &files, landing);
            }
        }
    });
    on_cleanup(move || {
        over.remove();
        leave.remove();
        dropped.remove();
    });
    announce_refusals(board);
}

fn announce_refusals(board: Board) {
    let door = board.door;
    let opened = crate::door::now();
    door.listen(move |keys| {
        for key in keys.iter().filter(|key| key.table == Table::AudioFiles) {
            let record = door.read(|records| records.get(key).cloned());
            let Some(record) = record else { continue };
            let file = AudioFile::from_record(&record);
            // What was refused before this page was opened is said by its clip.
            let fresh = record
                .text("updatedAt")
                .and_then(model::Timestamp::parse)
                .is_some_and(|time| time.0 + 5_000 > opened.0);
            // Once its bytes have been let go, all has been said.
            let is_new = fresh && record.text("storageKey").is_some();
            if file.state == AudioFileState::Refused && is_new {
                let reason = file.refusal.as_deref().unwrap_or("It could not be decoded.");
                door.refused_recording(&file.id, &file.filename, reason);
            }
        }
    });
}

fn has_files(event: &DragEvent) -> bool {
    event.data_transfer().is_some_and(|data| data.types().includes(&"Files".into(), 0))
}

fn landing(board: Board, event: &DragEvent) -> Landing {
    let lanes = document().query_selector(".lanes").ok().flatten().map(|lanes| lanes.get_bounding_client_rect());
    let Some(lanes) = lanes else { return AT_THE_START };
    let (x, y) = (f64::from(event.client_x()) - lanes.left(), f64::from(event.client_y()) - lanes.top());
    let inside = x >= 0.0 && y >= 0.0 && y < lanes.height();
    let place = if x >= 0.0 { snap::nearest(board.viewport.get_untracked().place(x), GRID) } else { model::Ticks(0) };
    // A bus and a group have no recordings of their own: what is dropped there gets a track.
    let takes_clips = |lane: &usize| board.scene(|scene| scene.lanes().get(*lane).is_some_and(|lane| lane.takes_clips));
    let over = board.lane_at(y).filter(|_| inside);
    let lane = over.filter(takes_clips);
    Landing { lane, place, is_barred: over.is_some() && lane.is_none() }
}

fn import(board: Board, files: &FileList, landing: Landing) {
    let files: Vec<File> = (0..files.length()).filter_map(|index| files.get(index)).collect();
    let track = landing.lane.and_then(|lane| board.scene(|scene| scene.lanes().get(lane).map(|lane| lane.id.clone())));
    board.door.import(files, Target { track, start: landing.place });
}

/// Asks for files, which begin at the song's start on tracks of their own.
pub(super) fn pick_files(board: Board) {
    let Some(input) =
        document().create_element("input").ok().and_then(|input| input.dyn_into::<HtmlInputElement>().ok())
    else {
        return;
    };
    input.set_type("file");
    input.set_multiple(true);
    input.set_accept(ACCEPT);
    let picked = input.clone();
    let change = Closure::once_into_js(move || {
        if let Some(files) = picked.files() {
            import(board, &files, AT_THE_START);
        }
    });
    let _ = input.add_event_listener_with_callback("change", change.unchecked_ref());
    input.click();
}
