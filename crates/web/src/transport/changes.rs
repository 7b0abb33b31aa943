//! Where tempo and metre change: which change holds at the playhead, and what adds, moves and removes one.

use leptos::prelude::*;
use model::limits::CHANGE_BEAT_MIN;
use model::{Id, Table, Ticks, Value, fields};
use operations::build;

use crate::controls::focus;
use crate::design::{Icon, icon};
use crate::door::Door;
use crate::door::new_id;
use crate::door::sound::Sound;
use crate::door::times::Times;

/// The changes that hold where the song stands; none while its own tempo and metre do.
#[derive(Clone, Copy)]
pub(crate) struct Holding {
    pub(crate) tempo: RwSignal<Option<Id>>,
    pub(crate) metre: RwSignal<Option<Id>>,
}

impl Holding {
    /// Follows the song's place.
    pub(crate) fn new(door: Door, sound: Sound) -> Holding {
        let holding = Holding { tempo: RwSignal::new(None), metre: RwSignal::new(None) };
        sound.on_frame(move |heard| {
            let (tempo, metre) = door.times().with_untracked(|times| at(times, heard.position));
            for (signal, now) in [(holding.tempo, tempo), (holding.metre, metre)] {
                if signal.try_with_untracked(|known| *known != now) == Some(true) {
                    signal.set(now);
                }
            }
        });
        holding
    }
}

fn at(times: &Times, place: Ticks) -> (Option<Id>, Option<Id>) {
    let tempo = times.tempo_change_at(place).map(|change| change.id.clone());
    (tempo, times.metre_change_at(place).map(|change| change.id.clone()))
}

/// A place that a change can have: at the song's start are its own tempo and metre.
pub(crate) fn allowed(place: Ticks) -> Option<Ticks> {
    (place.beats() >= CHANGE_BEAT_MIN).then_some(place)
}

/// Puts a change of tempo to the tempo that holds there.
pub(crate) fn add_tempo(door: Door, place: Ticks) {
    let Some(project) = door.project().get_untracked() else { return };
    let held = door.times().with_untracked(|times| times.tempo_change_at(place).cloned());
    let bpm = held.as_ref().map_or(project.bpm, |change| change.bpm);
    if held.is_some_and(|change| change.at == place) {
        return;
    }
    add(door, "Add tempo change", Table::TempoChanges, place, ("bpm", Value::number(bpm.value())));
}

/// Puts a change of metre to the nearest beginning of a bar: it must not cut a bar, whose rest was played to the grid. The metre
/// is the one that holds there. Answers where that is.
pub(crate) fn add_metre(door: Door, place: Ticks) -> Ticks {
    let (place, metre, is_there) = door.times().with_untracked(|times| {
        let bar = times.nearest_bar(place);
        let held = times.metre_change_at(bar);
        (bar, times.metre_at(bar), held.is_some_and(|change| change.at == bar))
    });
    if !is_there {
        let metre = Value::text(&metre.to_string());
        add(door, "Add metre change", Table::TimeSignatures, place, ("timeSignature", metre));
    }
    place
}

fn add(door: Door, what: &'static str, table: Table, place: Ticks, value: (&'static str, Value)) {
    let Some(project) = door.project().get_untracked() else { return };
    let Some(place) = allowed(place) else {
        return door.toasts().error(
            format!("{what}: not here"),
            "At the start of the song its own tempo and metre are; go further on.",
        );
    };
    let beat = Value::number(place.beats());
    let given = fields([("projectId", Value::from(&project.id)), ("beat", beat), value]);
    door.dispatch(what, vec![build::create(table, &new_id(), given)]);
}

/// Takes a change away.
pub(crate) fn remove(door: Door, table: Table, id: &Id) {
    focus::keep(None, &["[data-testid=add-tempo-change]", "[data-testid=ruler]"]);
    let what = if table == Table::TempoChanges { "Delete tempo change" } else { "Delete metre change" };
    door.dispatch(what, vec![build::delete(table, id)]);
}

/// Moves a change.
pub(crate) fn shift(door: Door, table: Table, id: &Id, to: Ticks) {
    let what = if table == Table::TempoChanges { "Move tempo change" } else { "Move metre change" };
    if let Some(to) = allowed(to) {
        door.dispatch(what, vec![build::set(table, id, "beat", to.beats())]);
    }
}

/// Has the tempo go evenly to a change instead of jumping there, or jump again.
pub(crate) fn bend(door: Door, id: &Id) {
    let ramp = door.times().with_untracked(|times| times.tempo_change(id).map(|change| change.ramp));
    if let Some(ramp) = ramp {
        let curve = if ramp { "jump" } else { "ramp" };
        door.dispatch("Change how the tempo changes", vec![build::set(Table::TempoChanges, id, "curve", curve)]);
    }
}

/// Beside a field: adds a change where the song stands, or removes the one that the field shows.
#[component]
pub(super) fn ChangeKeys(table: Table, holding: RwSignal<Option<Id>>) -> impl IntoView {
    let door = expect_context::<Door>();
    let sound = expect_context::<Sound>();
    let is_tempo = table == Table::TempoChanges;
    let noun = if is_tempo { "tempo" } else { "metre" };
    let adds = if is_tempo {
        "Change the tempo from the playhead on"
    } else {
        "Change the metre from the bar at the playhead on"
    };
    let ramps = Memo::new(move |_| {
        let of = |id: &Id| door.times().with(|times| times.tempo_change(id).map(|change| change.ramp));
        holding.get().as_ref().and_then(of)
    });
    let add = move |_| {
        let place = sound.position();
        if is_tempo {
            return add_tempo(door, place);
        }
        // The field sets the change that holds where the song stands: not the one before.
        let bar = add_metre(door, place);
        if bar > place && !sound.playing().get_untracked() {
            sound.seek(bar);
        }
    };
    view! {
        <Show when=move || door.may_edit_now()>
            <span class="change-keys" role="group" aria-label=format!("Changes of {noun}")>
                // Their room stays: what else is in the row must not move under a hand while the song plays.
                <Show when=move || is_tempo>
                    <button type="button" class="change-key" class:is-away=move || ramps.get().is_none() data-testid="tempo-ramp" aria-pressed=move || (ramps.get() == Some(true)).to_string()
                        title="Go evenly to this tempo" aria-label="Go evenly to this tempo"
                        on:click=move |_| if let Some(id) = holding.get_untracked() { bend(door, &id) }>
                        "/"
                    </button>
                </Show>
                <button type="button" class="change-key" class:is-away=move || holding.with(Option::is_none) data-testid=format!("remove-{noun}-change")
                    title=format!("Delete this change of {noun}") aria-label=format!("Delete this change of {noun}")
                    on:click=move |_| if let Some(id) = holding.get_untracked() { remove(door, table, &id) }>
                    {icon(Icon::Close)}
                </button>
                <button type="button" class="change-key" data-testid=format!("add-{noun}-change") title=adds
                    aria-label=adds on:click=add>
                    {icon(Icon::Plus)}
                </button>
            </span>
        </Show>
    }
}
