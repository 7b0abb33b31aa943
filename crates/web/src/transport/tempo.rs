//! The tempo field, which shows the tempo that holds where the song stands: commits on Enter or when it is left, Escape takes back; another's change never overwrites what is being typed.

use leptos::prelude::*;
use model::{Bpm, Id, Table};
use operations::build;

use super::changes::ChangeKeys;
use crate::door::Door;

/// What typed text means as a tempo.
#[derive(Debug, PartialEq)]
enum Typed {
    /// A tempo in range.
    Tempo(Bpm),
    /// No number, or out of range.
    Wrong,
}

fn read(text: &str) -> Typed {
    let number = text.trim().replace(',', ".").parse::<f64>();
    number.ok().and_then(Bpm::new).map_or(Typed::Wrong, Typed::Tempo)
}

/// The field.
#[component]
pub(crate) fn TempoField(holding: RwSignal<Option<Id>>) -> impl IntoView {
    let door = expect_context::<Door>();
    let input = NodeRef::<leptos::html::Input>::new();
    let typing = RwSignal::new(false);
    let bpm = Memo::new(move |_| {
        let of = |id: &Id| door.times().with(|times| times.tempo_change(id).map(|change| change.bpm));
        let own = move || door.project().get().map(|project| project.bpm).unwrap_or_default();
        holding.get().as_ref().and_then(of).unwrap_or_else(own)
    });
    // What is typed is meant for the change that held when typing began, wherever the song has gone meanwhile.
    let meant = RwSignal::new(None);
    let begin = move || {
        if !typing.get_untracked() {
            meant.set(holding.get_untracked());
            typing.set(true);
        }
    };
    let show = move || {
        if let Some(input) = input.get_untracked() {
            input.set_value(&bpm.get_untracked().to_string());
        }
    };
    Effect::new(move |_| {
        bpm.track();
        if input.get().is_some() && !typing.get_untracked() {
            show();
        }
    });
    let commit = move || {
        // None when the field goes while it has the focus.
        if typing.try_get_untracked() != Some(true) {
            return;
        }
        typing.set(false);
        let (Some(project), Some(field)) = (door.project().get_untracked(), input.get_untracked()) else { return };
        match read(&field.value()) {
            Typed::Tempo(tempo) => {
                let change = meant.get_untracked().and_then(|id| {
                    door.times().with_untracked(|times| times.tempo_change(&id).map(|change| (id.clone(), change.bpm)))
                });
                let (table, id, known) = match change {
                    Some((id, bpm)) => (Table::TempoChanges, id, bpm),
                    None => (Table::Projects, project.id, project.bpm),
                };
                if tempo != known {
                    door.dispatch("Change tempo", vec![build::set(table, &id, "bpm", tempo.value())]);
                }
            }
            Typed::Wrong => door.toasts().error(
                "That is no tempo",
                format!("A tempo is {} to {} beats per minute.", Bpm::RANGE.start(), Bpm::RANGE.end()),
            ),
        }
        show();
    };
    let nudge = move |by: f64| {
        if !door.may_edit() {
            return;
        }
        let Some(field) = input.get_untracked() else { return };
        let base = if let Typed::Tempo(tempo) = read(&field.value()) { tempo } else { bpm.get_untracked() };
        let wanted = (base.value() + by).clamp(*Bpm::RANGE.start(), *Bpm::RANGE.end());
        begin();
        field.set_value(&Bpm::new(wanted).unwrap_or(base).to_string());
    };
    let key = move |event: leptos::ev::KeyboardEvent| match event.key().as_str() {
        "Enter" => commit(),
        "Escape" => {
            typing.set(false);
            show();
            if let Some(field) = input.get_untracked() {
                let _ = field.blur();
            }
        }
        "ArrowUp" | "ArrowDown" => {
            event.prevent_default();
            let step = if event.shift_key() { 0.1 } else { 1.0 };
            nudge(if event.key() == "ArrowUp" { step } else { -step });
        }
        _ => {}
    };
    view! {
        <label class="lcd-field tempo">
            <span>"BPM"</span>
            <input
                name="bpm"
                type="text"
                inputmode="decimal"
                autocomplete="off"
                aria-label="Tempo in beats per minute"
                readonly=move || !door.may_edit_now()
                title=move || door.title("Tempo")
                node_ref=input
                on:input=move |_| begin()
                on:focus=move |_| if let Some(field) = input.get_untracked() { field.select() }
                on:keydown=key
                on:blur=move |_| commit()
            />
        </label>
        <ChangeKeys table=Table::TempoChanges holding=holding />
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_text_is_a_tempo_or_wrong() {
        assert_eq!(read("140"), Typed::Tempo(Bpm::new(140.0).unwrap()));
        assert_eq!(read(" 93,5 "), Typed::Tempo(Bpm::new(93.5).unwrap()));
        for wrong in ["", "fast", "19.9", "301", "NaN", "inf", "-120"] {
            assert_eq!(read(wrong), Typed::Wrong, "{wrong}");
        }
    }
}
