//! All that can be set about one clip, by keys and by typing: gain, fades, what of its recording it plays.

use dsp::fade::Shape;
use leptos::html::Div;
use leptos::portal::Portal;
use leptos::prelude::*;
use model::{Clip, Id, TICKS_PER_BEAT, Table, Ticks};
use web_sys::HtmlElement;

use super::board::Board;
use super::clip_list::{delete_selected, duplicate_selected, split_selected};
use super::cut;
use super::reverse;
use super::shape::{Part, Shaping, changes, crossfades, id_of};
use super::track_menu::place_beside;
use crate::controls::{Dial, Hold, Typed, focus};
use crate::design::{Icon, icon};
use crate::door::sound::Sound;
use crate::mixer::DecibelsField;
use crate::mixer::decibels::{factor_at, travel_of, written};
use crate::presence::{HeldBy, Touch};

/// Less is not repeated: it would be a tone, and of a long clip more passes than are played.
const REPEATED_MIN: Ticks = Ticks(TICKS_PER_BEAT / 64);
/// No recording that nobody knows the length of is taken to be longer.
const SECONDS_MAX: f64 = 86_400.0;
/// The words for the shapes, in the order of [`Shape::ALL`].
const SHAPES: [&str; 5] = ["Straight", "Equal power", "Slow", "Fast", "Smooth"];

/// The panel, while it is open.
#[component]
pub(super) fn ClipPanel() -> impl IntoView {
    let board = expect_context::<Board>();
    move || {
        let id = board.clip_panel.get().filter(|_| board.door.may_edit_now())?;
        // In the body: the lanes are cut off, and what is in them with them.
        Some(view! { <Portal><Panel id=id.clone() /></Portal> })
    }
}

/// Opens the panel of a clip.
pub(super) fn open(board: Board, id: &Id) {
    if board.door.may_edit() {
        board.clip_panel.set(Some(id.clone()));
    }
}

fn handle_of(id: &Id) -> Option<HtmlElement> {
    use wasm_bindgen::JsCast;
    let selector = format!("[data-clip-id=\"{id}\"]");
    document().query_selector(&selector).ok().flatten().and_then(|element| element.dyn_into().ok())
}

/// Changes a clip as it is now, in one edit.
pub(super) fn change(board: Board, id: &Id, what: &'static str, change: impl FnOnce(&mut Clip)) {
    let clip = board.scene(|scene| scene.clip(id).map(|(_, clip)| clip.clone()));
    if let Some(from) = clip {
        let mut to = from.clone();
        change(&mut to);
        board.door.dispatch(what, changes(&from, &to));
    }
}

/// How long a clip's recording is, in seconds, where it is known.
pub(super) fn recording_seconds(board: Board, clip: &Clip) -> Option<f64> {
    let file = clip.audio_file_id.as_ref()?;
    board.door.read(|records| records.find(Table::AudioFiles, file)?.number("durationSeconds"))
}

/// Plays what a clip plays backwards, or forwards again.
pub(super) fn reverse(board: Board, id: &Id) {
    change(board, id, "Reverse clip", |clip| {
        let length = recording_seconds(board, clip);
        *clip = board.door.times().with_untracked(|times| reverse::turned(clip, length, times));
    });
}

/// Switches repeating on, which makes the clip twice as long, or off again.
fn toggle_repeat(clip: &mut Clip) {
    if clip.repeated == Ticks(0) {
        clip.repeated = clip.duration;
        clip.duration = Ticks(clip.duration.0 * 2);
    } else {
        clip.duration = clip.duration.min(clip.repeated);
        clip.repeated = Ticks(0);
    }
}

/// Lets what overlaps lead over, wherever something selected does.
pub(super) fn crossfade(board: Board) {
    let selection = board.selection.get_untracked();
    let operations: Vec<_> = board.scene(|scene| {
        scene.lanes().iter().flat_map(|lane| crossfades(lane, |clip| selection.contains(clip))).collect()
    });
    if operations.is_empty() {
        let detail = "Select a clip that begins before another ends, on the same track.";
        return board.door.toasts().info("There is nothing to crossfade", detail);
    }
    board.door.dispatch("Crossfade", operations);
}

/// Beats, as they are typed.
fn read_beats(text: &str) -> Option<Ticks> {
    let text = text.trim().to_lowercase().replace(',', ".");
    let number = text.trim_end_matches(|one: char| one.is_alphabetic() || one == ' ');
    number
        .parse()
        .ok()
        .filter(|beats: &f64| (0.0..=model::limits::BEAT_MAX).contains(beats))
        .and_then(Ticks::from_beats)
}

fn beats(length: Ticks) -> String {
    let beats = (length.beats() * 1_000.0).round() / 1_000.0;
    if beats == 1.0 { "1 beat".to_owned() } else { format!("{beats} beats") }
}

#[component]
fn Panel(id: Id) -> impl IntoView {
    let board = expect_context::<Board>();
    let record = board.door.record(Table::Clips, &id);
    let clip = Memo::new(move |_| {
        record.with(|record| record.as_ref().filter(|it| !it.is_deleted()).and_then(Clip::from_record))
    });
    let id = StoredValue::new(id);
    let panel = NodeRef::<Div>::new();
    let close = move || {
        board.clip_panel.set(None);
        if let Some(handle) = handle_of(&id.get_value()) {
            let _ = handle.focus();
        }
    };
    Effect::new(move |_| {
        if let Some(panel) = panel.get() {
            if let Some(handle) = handle_of(&id.get_value()) {
                place_beside(&panel, &handle.get_bounding_client_rect());
            }
            let _ = panel.focus();
        }
    });
    // What somebody else deletes takes its panel along.
    Effect::new(move |_| {
        if clip.with(Option::is_none) {
            board.clip_panel.set(None);
        }
    });
    let of = move |read: fn(&Clip) -> String| {
        Signal::derive(move || clip.with(|clip| clip.as_ref().map(read).unwrap_or_default()))
    };
    let up_to_length = of(|clip| format!("0 to {}", beats(clip.duration)));
    let repeatable = of(|clip| format!("0 (no repeats), or {} to {}", beats(REPEATED_MIN), beats(clip.duration)));
    let within_recording = Signal::derive(move || {
        let length = clip.get().and_then(|clip| recording_seconds(board, &clip)).unwrap_or(SECONDS_MAX);
        format!("0 s to less than {length:.3} s")
    });
    let edit = move |what: &'static str, make: &dyn Fn(&mut Clip)| change(board, &id.get_value(), what, make);
    let name = of(|clip| clip.name.clone());
    let flag = move |read: fn(&Clip) -> bool| move || clip.with(|clip| clip.as_ref().is_some_and(read));
    let (reversed, repeats) = (flag(|clip| clip.reversed), flag(|clip| clip.repeated != Ticks(0)));
    let sound = expect_context::<Sound>();
    // What comes of it is what one wants to see then.
    let alone = move |act: &dyn Fn()| {
        board.select(&id.get_value(), false);
        close();
        act();
    };
    let key = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Escape" {
            event.prevent_default();
            close();
        }
        if let Some(panel) = panel.get_untracked() {
            focus::hold_within(&panel, &event);
        }
        if !event.ctrl_key() && !event.meta_key() {
            event.stop_propagation();
        }
    };
    let typed_beats = move |what: &'static str, set: fn(&mut Clip, Ticks)| {
        Callback::new(move |text: String| {
            let length = read_beats(&text);
            length.map(|length| edit(what, &|clip| set(clip, length.min(clip.duration)))).is_some()
        })
    };
    let start = move |text: String| {
        let seconds = text.trim().trim_end_matches('s').trim().replace(',', ".").parse::<f64>();
        // Behind its end there is nothing to hear.
        let length = clip.get_untracked().and_then(|clip| recording_seconds(board, &clip));
        let seconds = seconds.ok().filter(|it| (0.0..length.unwrap_or(SECONDS_MAX)).contains(it));
        seconds.map(|seconds| edit("Slip clip", &|clip| clip.audio_start_offset = seconds)).is_some()
    };
    let repeat = move |text: String| {
        let part = read_beats(&text).filter(|part| *part == Ticks(0) || *part >= REPEATED_MIN);
        part.map(|part| edit("Repeat clip", &|clip| clip.repeated = part.min(clip.duration))).is_some()
    };
    let shape_choice = move |label: &'static str, read: fn(&Clip) -> Shape, write: fn(&mut Clip, Shape)| {
        let now = move || clip.with(|clip| clip.as_ref().map_or("linear", |clip| id_of(read(clip))));
        let changed = move |event: leptos::ev::Event| {
            if let Some(shape) = Shape::from_id(&event_target_value(&event)) {
                edit("Change shape of fade", &|clip| write(clip, shape));
            }
        };
        let options =
            Shape::IDS.iter().zip(SHAPES).map(|(id, word)| view! { <option value=*id>{word}</option> }).collect_view();
        view! { <select class="track-choice" aria-label=label prop:value=now on:change=changed>{options}</select> }
    };
    view! {
        <div class="scrim" on:pointerdown=move |_| close()></div>
        <div class="popover clip-panel" role="dialog" aria-modal="true" aria-label=move || format!("Clip {}", name.get()) data-testid="clip-panel" tabindex="-1" node_ref=panel on:keydown=key>
            <header><h2>{name}</h2>
                <button type="button" class="icon-button small" aria-label="Close" on:click=move |_| close()>{icon(Icon::Close)}</button>
            </header>
            <ClipGain id clip />
            <span class="clip-label">"Fade in"</span>
            <Typed class="fader-number" label=Signal::derive(|| "Fade in, in beats".to_owned()) shown=of(|clip| beats(clip.fade_in_reach())) range=up_to_length write=typed_beats("Change fade", |clip, length| *clip = cut::fading_in_to(clip, length)) />
            {shape_choice("Shape of the fade in", |clip| clip.fade_in_shape, |clip, shape| clip.fade_in_shape = shape)}
            <span class="clip-label">"Fade out"</span>
            <Typed class="fader-number" label=Signal::derive(|| "Fade out, in beats".to_owned()) shown=of(|clip| beats(clip.fade_out_reach())) range=up_to_length write=typed_beats("Change fade", |clip, length| *clip = cut::fading_out_from(clip, length)) />
            {shape_choice("Shape of the fade out", |clip| clip.fade_out_shape, |clip, shape| clip.fade_out_shape = shape)}
            <span class="clip-label">"Starts at"</span>
            <Typed class="fader-number" label=Signal::derive(|| "Where in the recording it starts, in seconds".to_owned()) shown=of(|clip| format!("{:.3} s", clip.audio_start_offset)) range=within_recording write=Callback::new(start) />
            <button type="button" class="effect-switch" data-testid="reverse" aria-pressed=move || reversed().to_string() class:is-on=reversed
                on:click=move |_| reverse(board, &id.get_value())>"Reverse"</button>
            <span class="clip-label">"Repeats"</span>
            <Typed class="fader-number" label=Signal::derive(|| "How much is repeated, in beats".to_owned()) shown=of(|clip| beats(clip.repeated)) range=repeatable write=Callback::new(repeat) />
            <button type="button" class="effect-switch" data-testid="repeat" aria-pressed=move || repeats().to_string() class:is-on=repeats
                on:click=move |_| edit("Repeat clip", &toggle_repeat)>"Repeat"</button>
            <div class="clip-cuts">
                <button type="button" class="button" data-testid="split-clip" title="Split it at the playhead (S)"
                    on:click=move |_| alone(&|| split_selected(board, sound.position()))>{icon(Icon::Split)} "Split"</button>
                <button type="button" class="button" data-testid="duplicate-clip" title="Copy it behind itself (Ctrl+D)"
                    on:click=move |_| alone(&|| duplicate_selected(board))>{icon(Icon::Duplicate)} "Duplicate"</button>
            </div>
            <button type="button" class="button clip-crossfade" data-testid="crossfade" title="Fade over into the clips that it overlaps (X)"
                on:click=move |_| { board.select(&id.get_value(), false); crossfade(board); }>"Crossfade"</button>
            <button type="button" class="button quiet is-danger clip-delete" data-testid="delete-clip" on:click=move |_| alone(&|| delete_selected(board))>
                {icon(Icon::Bin)} "Delete"</button>
        </div>
    }
}

/// The gain: shown on the clip while it is turned.
#[component]
fn ClipGain(id: StoredValue<Id>, clip: Memo<Option<Clip>>) -> impl IntoView {
    let board = expect_context::<Board>();
    let gain = Signal::derive(move || clip.with(|clip| clip.as_ref().map_or(1.0, |clip| clip.gain)));
    let touch = Touch::on(Table::Clips, &id.get_value(), "gain");
    let write = move |factor: f64| change(board, &id.get_value(), "Change clip gain", |clip| clip.gain = factor);
    let preview = move |travel: Option<f64>| {
        let shaping = travel.zip(clip.get_untracked()).map(|(travel, clip)| {
            let mut shaping = Shaping::take_up(Part::Gain, &clip);
            shaping.to.gain = factor_at(travel);
            shaping
        });
        board.shaping.set(shaping);
    };
    let hold = Hold::new(
        Signal::derive(move || travel_of(gain.get())),
        Signal::derive(move || touch.seen().map(travel_of)),
        true,
        Callback::new(preview),
        Callback::new(move |travel| write(factor_at(travel))),
    );
    let shown =
        Signal::derive(move || hold.held().map(factor_at).or_else(|| touch.seen()).unwrap_or_else(|| gain.get()));
    let label = Signal::derive(|| "Gain".to_owned());
    view! {
        <span class="clip-label">"Gain" <HeldBy touch /></span>
        <DecibelsField shown write=Callback::new(write) label />
        <Dial hold test="clip-gain" label spoken=Signal::derive(move || format!("{} decibels", written(shown.get()))) now=Signal::derive(move || format!("{:.4}", shown.get()))
            ends=["0", "2"] origin=0.0 step=0.02 default=travel_of(1.0) choose=Callback::new(move |travel| write(factor_at(travel))) />
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_beats_are_read() {
        let read = |text: &str| read_beats(text).map(Ticks::beats);
        assert_eq!((read("1,5 beats"), read(" 2 "), read("0")), (Some(1.5), Some(2.0), Some(0.0)));
        assert_eq!(
            (beats(Ticks(TICKS_PER_BEAT)), beats(REPEATED_MIN)),
            ("1 beat".to_owned(), "0.016 beats".to_owned())
        );
        assert_eq!((read("-1"), read("much"), read("inf"), read("1e99")), (None, None, None, None));
    }
}
