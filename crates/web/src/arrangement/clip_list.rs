//! The clips as a list: what a screen reader reads and the keyboard moves. Its items lie over their pictures on the canvas.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use leptos::html::Div;
use leptos::prelude::*;
use model::{AudioFile, AudioFileState, Clip, Id, Table, Ticks};
use operations::build;

use super::board::Board;
use super::clip_panel;
use super::cut::{self, Uncut};
use super::listed::{Among, TabStop};
use super::scene::Lane;
use super::shape::{changes, next_shape};
use super::snap::{self, GRID};
use super::viewport::Viewport;
use crate::controls::focus;
use crate::door::clock;
use crate::door::imports::Progress;
use crate::door::new_id;
use crate::door::times::Times;
use crate::shortcuts::{self, Command, Place};
use crate::transport::position::{bars_in_words, beats_in_words};

/// All clips are listed up to this many; of more, those near the view.
const LISTED_MAX: usize = 320;
/// How long a view must rest before the list follows it.
const REST: Duration = Duration::from_millis(140);

/// The view that the list follows: only once scrolling and zooming have come to rest, since the list is slower than the canvas.
/// So it comes after the first picture, too.
fn settled_view(board: Board) -> ReadSignal<Viewport> {
    let settled = RwSignal::new(board.viewport.get_untracked());
    let changes = StoredValue::new(0u32);
    Effect::new(move |_| {
        board.viewport.track();
        let change = changes.get_value().wrapping_add(1);
        changes.set_value(change);
        clock::after(REST, move || {
            if changes.try_get_value() == Some(change) {
                settled.set(board.viewport.get_untracked());
            }
        });
    });
    settled.read_only()
}

/// Where the list as a whole lies while the view moves: to lay its items out anew would cost more than a frame.
fn travel(from: Viewport, to: Viewport) -> String {
    let x = (from.left - to.left) * to.pixels_per_beat;
    format!("translate({x}px, {}px) scaleX({})", from.top - to.top, to.pixels_per_beat / from.pixels_per_beat)
}

/// Ids of the clips to list, and which of all clips each is, counted from 1: by lane, then by start.
fn listed(board: Board, settled: ReadSignal<Viewport>) -> Vec<(Id, usize)> {
    board.changed.track();
    let everything = board.scene(|scene| scene.clip_count() <= LISTED_MAX);
    if everything {
        return board.scene(|scene| {
            let all = scene.lanes().iter().flat_map(|lane| lane.clips());
            all.zip(1..).map(|(clip, place)| (clip.id.clone(), place)).collect()
        });
    }
    let view = settled.get();
    let (from, to) = window(view.left, view.right());
    let (rows, lane_height) = (board.rows.get(), board.lane_height.get());
    let on_screen = |index: usize| {
        let y = rows.top(index) - view.top;
        y > -lane_height && y < view.height
    };
    board.scene(|scene| {
        let above = scene.lanes().iter().scan(1, |all, lane| Some(std::mem::replace(all, *all + lane.clips().len())));
        let lanes = scene.lanes().iter().zip(above).enumerate().filter(|(index, _)| on_screen(*index));
        let lanes: Vec<_> = lanes.map(|(_, lane)| lane).collect();
        let share = LISTED_MAX / lanes.len().max(1);
        let of_lane = |(lane, above): (&Lane, usize)| {
            let first = lane.first_after(from);
            let near = lane.clips()[first..].iter().zip(above + first..).take_while(|(clip, _)| clip.start < to);
            let seen = near.filter(|(clip, _)| clip.end() > from).take(share);
            seen.map(|(clip, place)| (clip.id.clone(), place)).collect::<Vec<_>>()
        };
        lanes.into_iter().flat_map(of_lane).collect()
    })
}

/// The stretch around a view whose clips are listed: in large steps, so that scrolling and zooming seldom change the list.
pub(crate) fn window(left: f64, right: f64) -> (Ticks, Ticks) {
    let span = (right - left).max(1.0).log2().ceil().exp2();
    let from = (left / span * 2.0).floor() * span / 2.0;
    let place = |beat: f64| Ticks::from_beats(beat.max(0.0)).unwrap_or_default();
    (place(from), place(from + span * 1.5))
}

/// The list.
#[component]
pub(super) fn ClipList() -> impl IntoView {
    let board = expect_context::<Board>();
    let settled = settled_view(board);
    let listed = Memo::new(move |_| listed(board, settled));
    let count = Memo::new(move |_| {
        board.changed.track();
        board.scene(super::scene::Scene::clip_count)
    });
    let pressed = Pressed(StoredValue::new(None));
    provide_context(pressed);
    Effect::new(move |_| {
        listed.track();
        pressed.keep_focus();
        if board.sought.with_value(Option::is_some) {
            focus_sought(board);
        }
    });
    // One of them is the stop of the Tab key; from there keys go on from clip to clip.
    let stop = Memo::new(move |_| {
        listed.with(|listed| {
            let is_listed = |current: &Id| listed.iter().any(|(id, _)| id == current);
            board.current.get().filter(is_listed).or_else(|| listed.first().map(|(id, _)| id.clone()))
        })
    });
    provide_context(TabStop::follow(stop));
    provide_context(Among::follow(listed, move || Some(count.get()).filter(|count| *count > LISTED_MAX)));
    let label = move || {
        format!(
            "Clips, {} in all. Arrow keys move a clip, Alt and arrow keys go to others, E opens its panel, Delete removes it.",
            count.get()
        )
    };
    view! {
        <div
            class="clip-list"
            role="listbox"
            aria-multiselectable="true"
            aria-label=label
            style:--ppb=move || settled.get().pixels_per_beat.to_string()
            style:--left=move || settled.get().left.to_string()
            style:--top=move || format!("{}px", settled.get().top)
            style:transform=move || travel(settled.get(), board.viewport.get())
        >
            <For each=move || listed.get() key=|(id, _)| id.clone() let:entry>
                <ClipHandle id=entry.0 at=entry.1 />
            </For>
        </div>
    }
}

#[component]
fn ClipHandle(
    id: Id,
    /// Which clip of all it is at first.
    at: usize,
) -> impl IntoView {
    let board = expect_context::<Board>();
    let record = board.door.record(Table::Clips, &id);
    let clip = Memo::new(move |_| record.get().as_ref().and_then(Clip::from_record));
    let lane = Memo::new(move |_| {
        // Not by the scene, which changes at every edit of any clip.
        let on =
            |clip: &Clip| board.door.tracks().with(|tracks| tracks.iter().position(|track| *track == clip.track_id));
        clip.with(|clip| clip.as_ref().and_then(on))
    });
    let start = move || clip.with(|clip| clip.as_ref().map_or(0.0, |clip| clip.start.beats()));
    let length = move || clip.with(|clip| clip.as_ref().map_or(0.0, |clip| clip.duration.beats()));
    let selected = {
        let id = id.clone();
        Memo::new(move |_| board.selection.with(|selection| selection.contains(&id)))
    };
    let label = move || clip.get().map(|clip| describe(board, &clip)).unwrap_or_default();
    let track = move || clip.with(|clip| clip.as_ref().map(|clip| clip.track_id.to_string()));
    let key_id = StoredValue::new(id.clone());
    let pressed = expect_context::<Pressed>();
    let is_stop = expect_context::<TabStop>().is(&id);
    let among = expect_context::<Among>();
    let place = among.place(&id, at);
    let node = NodeRef::<Div>::new();
    view! {
        <div
            class="clip-handle"
            role="option"
            tabindex=move || if is_stop.get() { "0" } else { "-1" }
            data-testid="clip"
            data-clip-id=id.to_string()
            data-start-beat=move || start().to_string()
            data-duration-beats=move || length().to_string()
            data-track-id=track
            aria-selected=move || selected.get().to_string()
            aria-posinset=move || place.get()
            aria-setsize=move || among.size.get()
            aria-label=label
            style:--start=move || start().to_string()
            style:--length=move || length().to_string()
            style:--row=move || format!("{}px", board.rows.with(|rows| rows.top(lane.get().unwrap_or(0))))
            on:focus=move |_| key_id.with_value(|id| focused(board, id))
            on:contextmenu=move |event| {
                event.prevent_default();
                key_id.with_value(|id| {
                    focused(board, id);
                    clip_panel::open(board, id);
                });
            }
            on:keydown=move |event| {
                // The time of the key, which the browser has at hand; to ask for that of now costs a tenth of the edit.
                pressed.0.set_value(Some((node, event.time_stamp())));
                key_id.with_value(|id| key(board, id, &event));
            }
            node_ref=node
        ></div>
    }
}

fn describe(board: Board, clip: &Clip) -> String {
    let track = board.door.record(Table::Tracks, &clip.track_id).get().as_ref().map(model::Track::from_record);
    let track = track.map(|track| track.name).unwrap_or_default();
    let state = clip.audio_file_id.as_ref().and_then(|file| state_of(board, file));
    let state = state.map(|state| format!(", {state}")).unwrap_or_default();
    let place = board.door.times().with(|times| bars_in_words(clip.start, &times.metres));
    let length = beats_in_words(clip.duration);
    format!("{}, on {track}, {place}, {length} long{state}", clip.name)
}

/// How it stands with a clip's recording as long as the server has not got it ready, as the clip's picture says it.
fn state_of(board: Board, file: &Id) -> Option<&'static str> {
    let record = board.door.record(Table::AudioFiles, file).get();
    match record.as_ref().map(|record| AudioFile::from_record(record).state) {
        Some(AudioFileState::Ready) => return None,
        Some(AudioFileState::Refused) => return Some("not playable"),
        Some(AudioFileState::Awaiting | AudioFileState::Uploaded) | None => {}
    }
    board.changed.track();
    Some(match board.door.imports().progress(file) {
        Some(Progress::Uploading(_)) => "uploading",
        Some(Progress::Waiting) => "waits for the network",
        Some(Progress::Failed) => "upload failed",
        None => "on its way",
    })
}

fn focused(board: Board, id: &Id) {
    board.sought.set_value(None);
    if board.current.with_untracked(|current| current.as_ref() != Some(id)) {
        board.current.set(Some(id.clone()));
    }
    if !board.selection.with_untracked(|selection| selection.contains(id)) {
        board.select(id, false);
    }
    // A drag has just pressed here: the view must stay under the pointer.
    if board.drag.with_untracked(Option::is_none) {
        board.show(id);
    }
}

fn key(board: Board, id: &Id, event: &leptos::ev::KeyboardEvent) {
    // What was selected may be gone: then it is the clip with the focus that is meant.
    if board.selection.with_untracked(BTreeSet::is_empty) {
        board.select(id, false);
    }
    let Some(command) = shortcuts::on(Place::Clip, event) else { return };
    let shape = |what: &'static str, change: fn(&mut Clip)| clip_panel::change(board, id, what, change);
    let mut goes_on = None;
    match command {
        Command::Nudge(way) => nudge(board, way, false),
        Command::NudgeBar(way) => nudge(board, way, true),
        Command::ToTrack(way) => change_track(board, way),
        Command::Beside(way) => goes_on = beside(board, id, way),
        Command::OnTrack(way) => goes_on = on_track(board, id, way),
        Command::TrimEnd(way) => {
            trim(board, "Trim clip", |clip, _| Some(cut::ending_at(clip, snap::step(clip.end(), way, GRID))));
        }
        Command::TrimStart(way) => {
            trim(board, "Trim clip", |clip, times| cut::beginning_at(clip, snap::step(clip.start, way, GRID), times));
        }
        Command::Delete => delete_selected(board),
        Command::Select => board.select(id, false),
        Command::AddToSelection => board.select(id, true),
        Command::ClipPanel => clip_panel::open(board, id),
        Command::Reverse => clip_panel::reverse(board, id),
        Command::Crossfade => clip_panel::crossfade(board),
        Command::FadeInShape => {
            shape("Change shape of fade", |clip| clip.fade_in_shape = next_shape(clip.fade_in_shape));
        }
        Command::FadeOutShape => {
            shape("Change shape of fade", |clip| clip.fade_out_shape = next_shape(clip.fade_out_shape));
        }
        _ => return,
    }
    event.prevent_default();
    event.stop_propagation();
    match goes_on {
        Some(next) => go_to(board, &next),
        None => board.show(id),
    }
}

/// The clip before or behind another on its track.
fn beside(board: Board, id: &Id, way: i64) -> Option<Id> {
    board.scene(|scene| {
        let (lane, _) = scene.clip(id)?;
        let clips = scene.lanes()[lane].clips();
        let at = clips.iter().position(|clip| clip.id == *id)?;
        let next = usize::try_from(i64::try_from(at).ok()? + way).ok()?;
        clips.get(next).map(|clip| clip.id.clone())
    })
}

/// The nearest clip on the next track above or below that has any.
fn on_track(board: Board, id: &Id, way: i64) -> Option<Id> {
    board.scene(|scene| {
        let (lane, clip) = scene.clip(id)?;
        let lanes = (1..=scene.lanes().len()).map_while(|steps| {
            let next = i64::try_from(lane).ok()? + way * i64::try_from(steps).ok()?;
            scene.lanes().get(usize::try_from(next).ok()?)
        });
        let far = |other: &&Clip| ((other.start - clip.start).0.abs(), other.start);
        lanes.filter_map(|lane| lane.clips().iter().min_by_key(far)).next().map(|clip| clip.id.clone())
    })
}

/// Selects a clip, brings it into view and gives it the focus, as soon as it is in the list.
fn go_to(board: Board, id: &Id) {
    board.select(id, false);
    board.show(id);
    board.sought.set_value(Some(id.clone()));
    focus_sought(board);
}

fn focus_sought(board: Board) {
    clock::after(Duration::ZERO, move || {
        let Some(Some(id)) = board.sought.try_get_value() else { return };
        let found = document().query_selector(&format!(".clip-handle[data-clip-id=\"{id}\"]")).ok().flatten();
        if let Some(handle) = found {
            focus::focus(&handle);
        }
    });
}

/// Trims all that is selected, each clip for itself: key after key as one drag, whose fades are those of the clip as it was at first.
fn trim(board: Board, what: &'static str, trimmed: impl Fn(&Clip, &Times) -> Option<Clip>) {
    let (mut operations, mut done, mut keeps) = (Vec::new(), HashMap::new(), false);
    let before = board.trimmed.try_update_value(std::mem::take).unwrap_or_default();
    board.door.times().with_untracked(|times| {
        for (_, clip) in selected_clips(board) {
            let Some(to) = trimmed(&clip, times) else {
                keeps = true;
                continue;
            };
            let first = before.get(&clip.id).filter(|(_, is)| *is == clip).map_or(&clip, |(was, _)| was);
            let to = cut::fitted(first, to);
            operations.extend(changes(&clip, &to));
            done.insert(clip.id.clone(), (first.clone(), to));
        }
    });
    if keeps {
        let detail = "Each repeat begins where the clip does: trim its end, or switch Repeat off.";
        board.door.toasts().info("A clip that repeats keeps its start", detail);
    }
    if board.door.dispatch(what, operations) {
        board.trimmed.set_value(done);
    }
}

/// Splits what is selected where the song stands, while Snap is on at the line of the grid beside it if that lies within the clip. What comes
/// behind is selected then.
pub(super) fn split_selected(board: Board, at: Ticks) {
    let line = board.snapped(at, false);
    let clips = selected_clips(board);
    let (mut operations, mut later, mut reasons) = (Vec::new(), BTreeSet::new(), Vec::new());
    for (_, clip) in &clips {
        let new = new_id();
        let found = board.door.read(|records| records.find(Table::Clips, &clip.id).cloned());
        let made = found.ok_or(Uncut::Elsewhere).and_then(|record| {
            board.door.times().with_untracked(|times| cut::split_near(&record, line, at, times, &new))
        });
        match made {
            Ok(made) => {
                operations.extend(made);
                later.insert(new);
            }
            Err(reason) => reasons.push(reason),
        }
    }
    let what = if later.len() == 1 { "Split clip" } else { "Split clips" };
    if later.is_empty() {
        let detail = if reasons.contains(&Uncut::Repeats) {
            "A clip that repeats is split where a repeat begins."
        } else if reasons.contains(&Uncut::Notes) {
            "Notes cannot be split yet."
        } else {
            "Select a clip, and put the playhead where it is to be split."
        };
        return board.door.toasts().info("There is nothing to split here", detail);
    }
    if board.door.dispatch(what, operations) {
        board.selection.set(later);
    }
}

/// Copies what is selected right behind itself. The copies are selected then.
pub(super) fn duplicate_selected(board: Board) {
    let clips = selected_clips(board);
    let first = clips.iter().map(|(_, clip)| clip.start).min();
    let end = clips.iter().map(|(_, clip)| clip.end()).max();
    let (Some(first), Some(end)) = (first, end) else {
        return board.door.toasts().info("There is nothing to duplicate", "Select a clip, or several.");
    };
    let (mut operations, mut copies) = (Vec::new(), BTreeSet::new());
    for (_, clip) in &clips {
        let new = new_id();
        let copied = board.door.read(|records| {
            records.find(Table::Clips, &clip.id).map(|record| cut::copy(record, clip.start + (end - first), &new))
        });
        operations.extend(copied);
        copies.insert(new);
    }
    let what = if copies.len() == 1 { "Duplicate clip" } else { "Duplicate clips" };
    if board.door.dispatch(what, operations) {
        board.selection.set(copies);
    }
}

/// What moving so many clips is called.
pub(super) fn move_label(count: usize) -> &'static str {
    if count == 1 { "Move clip" } else { "Move clips" }
}

/// What a key does to the list of clips comes within so many milliseconds; what comes later was somebody else's.
const AFTER_A_KEY_MS: f64 = 500.0;

/// The clip on which a key was pressed last, and when.
#[derive(Clone, Copy)]
struct Pressed(StoredValue<Option<(NodeRef<Div>, f64)>>);

impl Pressed {
    /// A clip that passes another changes its place in the list: its element is taken out and put in elsewhere, which loses the
    /// focus, and the next key would move nothing.
    fn keep_focus(self) {
        let Some((node, _)) = self.0.get_value().filter(|(_, at)| clock::milliseconds() - at < AFTER_A_KEY_MS) else {
            return;
        };
        focus::keep(node.try_get_untracked().flatten().map(Into::into), &[]);
    }
}

fn selected_clips(board: Board) -> Vec<(usize, Clip)> {
    let selection = board.selection.get_untracked();
    board.scene(|scene| {
        selection.iter().filter_map(|id| scene.clip(id).map(|(lane, clip)| (lane, clip.clone()))).collect()
    })
}

/// Moves the selection to the next line of the grid; with `far` to the next bar's.
fn nudge(board: Board, direction: i64, far: bool) {
    let clips = selected_clips(board);
    let Some(first) = clips.iter().map(|(_, clip)| clip.start).min() else { return };
    let to = match far {
        true => board.door.times().with_untracked(|times| times.bar_step(first, direction)),
        false => snap::step(first, direction, GRID),
    };
    let by = to - first;
    if by != Ticks(0) {
        let moved =
            clips.iter().map(|(_, clip)| build::set(Table::Clips, &clip.id, "startBeat", (clip.start + by).beats()));
        board.door.dispatch(move_label(clips.len()), moved.collect());
    }
}

/// Says why clips were not put where they were dragged.
pub(super) fn say_no_clips(board: Board) {
    board
        .door
        .toasts()
        .info("A bus and a group have no clips of their own", "What was dragged there stays where it was.");
}

/// Moves the selection to the nearest tracks above or below that take clips; keeps its shape, and stays when there is no room.
fn change_track(board: Board, direction: i64) {
    let clips = selected_clips(board);
    let operations = board.scene(|scene| {
        let moved = |by: i64, (lane, clip): &(usize, Clip)| {
            let lane = scene.lanes().get(usize::try_from(i64::try_from(*lane).ok()? + by).ok()?)?;
            Some((lane.takes_clips, build::set(Table::Clips, &clip.id, "trackId", &lane.id)))
        };
        (1..=scene.lanes().len())
            .filter_map(|steps| i64::try_from(steps).ok())
            .map_while(|steps| clips.iter().map(|clip| moved(steps * direction, clip)).collect::<Option<Vec<_>>>())
            .find(|all| all.iter().all(|(takes_clips, _)| *takes_clips))
            .map(|all| all.into_iter().map(|(_, operation)| operation).collect())
    });
    board.door.dispatch(move_label(clips.len()), operations.unwrap_or_default());
}

/// Deletes what is selected, in one transaction, and offers to bring it back.
pub(super) fn delete_selected(board: Board) {
    let clips = selected_clips(board);
    let [(_, first), ..] = &clips[..] else { return };
    let (what, said) = match clips.len() {
        1 => ("Delete clip", format!("“{}” was deleted", first.name)),
        count => ("Delete clips", format!("{count} clips were deleted")),
    };
    let each = |operation: fn(Table, &Id) -> operations::Operation| {
        clips.iter().map(|(_, clip)| operation(Table::Clips, &clip.id)).collect::<Vec<_>>()
    };
    let beside = focus::holder().and_then(|own| own.next_element_sibling().or_else(|| own.previous_element_sibling()));
    if board.door.dispatch(what, each(build::delete)) {
        focus::keep(beside, &[".clip-handle", "[data-testid=ruler]"]);
        let (step, restore) = (board.door.last_step(), each(build::restore));
        board.door.toasts().removed(said, step.clone(), move || {
            board.door.take_back(step.as_ref(), "Restore clips", restore.clone());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_travels_lies_over_its_pictures() {
        let from = Viewport { left: 10.0, top: 50.0, pixels_per_beat: 8.0, width: 800.0, height: 600.0 };
        let to = Viewport { left: 30.0, top: 20.0, pixels_per_beat: 4.0, ..from };
        assert_eq!(travel(from, to), "translate(-80px, 30px) scaleX(0.5)");
        // A clip at beat 42 as it was laid out, and as it is now.
        let laid_out = (42.0 - from.left) * from.pixels_per_beat;
        assert_eq!(laid_out * 0.5 - 80.0, to.x(42.0));
    }

    #[test]
    fn the_window_holds_the_view_and_moves_in_steps() {
        let beats = |beats: f64| Ticks::from_beats(beats).unwrap();
        assert_eq!(window(0.0, 60.0), (beats(0.0), beats(96.0)));
        assert_eq!(window(3.0, 63.0), window(0.0, 60.0));
        for left in [0.0, 63.9, 64.0, 100.0, 1_000.3] {
            let (from, to) = window(left, left + 60.0);
            assert!(from <= beats(left) && to >= beats(left + 60.0));
        }
    }
}
