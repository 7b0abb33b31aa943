//! The transport bar: play, position, tempo, metre, loop, metronome, undo and redo.

pub(crate) mod changes;
pub(crate) mod position;
mod steps;
mod tempo;

use leptos::prelude::*;
use model::{Id, Table, Ticks, TimeSignature};
use operations::build;

use crate::design::{Icon, icon};
use crate::door::Door;
use crate::door::sound::{Sound, SoundState};
use crate::shortcuts::{Command, Shortcuts};
use changes::{ChangeKeys, Holding};
use steps::StepKeys;
use tempo::TempoField;

/// Metres that are offered; any other that a project has is added.
const METRES: [&str; 9] = ["2/4", "3/4", "4/4", "5/4", "6/4", "7/4", "6/8", "7/8", "12/8"];

/// The bar.
#[component]
pub(crate) fn Transport() -> impl IntoView {
    let sound = expect_context::<Sound>();
    let playing = sound.playing();
    let region = sound.region();
    let metronome = sound.metronome();
    let holding = Holding::new(expect_context::<Door>(), sound);
    let waits = sound.waits();
    let shortcuts = expect_context::<Shortcuts>();
    let tip = move |what: &'static str, command: Command| move || shortcuts.tip(what, command);
    let starting = move || playing.get() && (waits.get() || sound.state().get() == SoundState::Starting);
    let unable = move || matches!(sound.state().get(), SoundState::Unavailable(_));
    view! {
        <section class="transport" aria-label="Transport">
            <div class="transport-keys" role="group" aria-label="Playback">
                <button type="button" class="key" title=tip("Return to start", Command::ToStart) aria-label="Return to start" data-testid="to-start"
                    on:click=move |_| sound.seek(Ticks(0))>
                    {icon(Icon::ToStart)}
                </button>
                <button type="button" class="key key-stop" title="Stop" aria-label="Stop" data-testid="stop"
                    on:click=move |_| sound.stop()>
                    {icon(Icon::Stop)}
                </button>
                <button type="button" class="key key-play" title=tip("Play and stop", Command::Play) aria-label="Play" data-testid="play"
                    aria-pressed=move || playing.get().to_string() aria-disabled=move || unable().to_string()
                    class:is-on=playing class:is-starting=starting on:click=move |_| sound.toggle()>
                    {icon(Icon::Play)}
                </button>
                <button type="button" class="key" title=tip("Loop", Command::Loop) aria-label="Loop" data-testid="loop"
                    aria-pressed=move || region.get().on.to_string() class:is-on=move || region.get().on
                    on:click=move |_| sound.toggle_loop()>
                    {icon(Icon::Loop)}
                </button>
                <button type="button" class="key" title=tip("Metronome", Command::Metronome) aria-label="Metronome" data-testid="metronome"
                    aria-pressed=move || metronome.get().to_string() class:is-on=metronome
                    on:click=move |_| sound.toggle_metronome()>
                    {icon(Icon::Metronome)}
                </button>
            </div>
            <StepKeys />
            <Position />
            <div class="transport-fields">
                <TempoField holding=holding.tempo />
                <MetreField holding=holding.metre />
            </div>
        </section>
    }
}

/// Where the song stands: written once per frame straight into the page, past the signals.
#[component]
fn Position() -> impl IntoView {
    let door = expect_context::<Door>();
    let sound = expect_context::<Sound>();
    let bars = NodeRef::<leptos::html::Span>::new();
    let time = NodeRef::<leptos::html::Span>::new();
    let times = door.times();
    sound.on_frame(move |heard| {
        times.with_untracked(|times| {
            if let Some(node) = bars.get_untracked() {
                node.set_text_content(Some(&position::bars(heard.position, &times.metres)));
            }
            if let Some(node) = time.get_untracked() {
                node.set_text_content(Some(&position::time(times.seconds(heard.position))));
            }
        });
    });
    // Tempo and metre change what the same place is called.
    Effect::new(move |_| {
        times.track();
        sound.refresh();
    });
    view! {
        <div class="lcd" data-testid="position" role="timer" aria-live="off" aria-label="Position">
            <span class="lcd-bars" node_ref=bars>"1.1.1"</span>
            <span class="lcd-time" node_ref=time>"0:00.000"</span>
        </div>
    }
}

#[component]
fn MetreField(holding: RwSignal<Option<Id>>) -> impl IntoView {
    let door = expect_context::<Door>();
    let metre = Memo::new(move |_| {
        let of = |id: &Id| door.times().with(|times| times.metre_change(id).map(|change| change.time_signature));
        let own = move || door.project().get().map(|project| project.time_signature).unwrap_or_default();
        holding.get().as_ref().and_then(of).unwrap_or_else(own)
    });
    let options = move || {
        let current = metre.get().to_string();
        let mut all: Vec<String> = METRES.iter().map(|&metre| metre.to_owned()).collect();
        if !all.contains(&current) {
            all.push(current.clone());
        }
        all.into_iter()
            .map(|metre| {
                let chosen = metre == current;
                view! { <option selected=chosen>{metre}</option> }
            })
            .collect_view()
    };
    let choose = move |event| {
        let value = event_target_value(&event);
        let Some(project) = door.project().get_untracked() else { return };
        if TimeSignature::parse(&value).is_some_and(|chosen| chosen != metre.get_untracked()) {
            let (table, id) = match holding.get_untracked() {
                Some(change) => (Table::TimeSignatures, change),
                None => (Table::Projects, project.id),
            };
            door.dispatch("Change time signature", vec![build::set(table, &id, "timeSignature", value.as_str())]);
        }
    };
    view! {
        <label class="lcd-field metre">
            <span>"Metre"</span>
            <select name="timeSignature" aria-label="Time signature" prop:value=move || metre.get().to_string() on:change=choose
                disabled=move || !door.may_edit_now() title=move || door.title("Time signature")>
                {options}
            </select>
        </label>
        <ChangeKeys table=Table::TimeSignatures holding=holding />
    }
}
