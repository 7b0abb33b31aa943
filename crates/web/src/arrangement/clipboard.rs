//! Clips copied, cut out and pasted: within the song, each on its own track.

use std::collections::BTreeSet;

use leptos::prelude::*;
use model::{Clip, Record, Table, Ticks};

use super::board::Board;
use super::clip_list::{delete_selected, say_no_clips};
use super::cut;
use crate::door::new_id;

/// Keeps what is selected, as it is now, for pasting. False when nothing is, or when it is a text that is to be copied.
pub(super) fn copy_selected(board: Board) -> bool {
    if has_selected_text() {
        return false;
    }
    let selection = board.selection.get_untracked();
    let records: Vec<Record> =
        board.door.read(|records| selection.iter().filter_map(|id| records.find(Table::Clips, id).cloned()).collect());
    let any = !records.is_empty();
    if any {
        board.copied.set_value(records);
    }
    any
}

/// Keeps what is selected and deletes it.
pub(super) fn cut_selected(board: Board) -> bool {
    let may = board.door.may_edit() && copy_selected(board);
    if may {
        delete_selected(board);
    }
    may
}

/// Puts what was copied where the song stands: the first clip there, the others as far from it as they were. Selects it then.
pub(super) fn paste(board: Board, at: Ticks) {
    let copied = board.copied.get_value();
    let clips: Vec<(&Record, Clip)> =
        copied.iter().filter_map(|record| Some((record, Clip::from_record(record)?))).collect();
    let Some(first) = clips.iter().map(|(_, clip)| clip.start).min() else {
        return board.door.toasts().info("There is nothing to paste", "Select clips, and copy them with Ctrl+C.");
    };
    let (mut operations, mut pasted) = (Vec::new(), BTreeSet::new());
    let (mut gone, mut barred) = (0, false);
    for (record, clip) in &clips {
        let takes = board.scene(|scene| Some(scene.lanes()[scene.lane_of(&clip.track_id)?].takes_clips));
        match takes {
            Some(true) => {
                let new = new_id();
                operations.push(cut::copy(record, at + (clip.start - first), &new));
                pasted.insert(new);
            }
            Some(false) => barred = true,
            None => gone += 1,
        }
    }
    if barred {
        say_no_clips(board);
    }
    if gone > 0 {
        let said = if gone == 1 { "A clip was left out".to_owned() } else { format!("{gone} clips were left out") };
        board.door.toasts().info(said, "Their tracks have been deleted since they were copied.");
    }
    let what = if pasted.len() == 1 { "Paste clip" } else { "Paste clips" };
    if board.door.dispatch(what, operations) {
        if let Some(one) = pasted.first() {
            board.show(one);
        }
        board.selection.set(pasted);
    }
}

fn has_selected_text() -> bool {
    let selection = document().get_selection().ok().flatten();
    selection.is_some_and(|selection| !selection.is_collapsed())
}
