//! Effects: the button in each strip that says how many there are, and the rack in which they are inserted, ordered, passed by
//! and turned.

mod card;
mod curve;
mod knob;
pub(crate) mod numbers;
mod order;
mod rack;
mod reduction;

use leptos::prelude::*;
use model::{Id, Plugin, Record, Table};

pub(crate) use rack::Rack;

use crate::door::Door;

/// Whose effects: a track's, or the master's, which stand in the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) table: Table,
    pub(crate) id: Id,
}

impl Owner {
    pub(crate) fn track(id: &Id) -> Owner {
        Owner { table: Table::Tracks, id: id.clone() }
    }

    pub(crate) fn master(project: &Id) -> Owner {
        Owner { table: Table::Projects, id: project.clone() }
    }

    /// The track whose plan it is in; none for the master.
    fn as_track(&self) -> Option<&Id> {
        (self.table == Table::Tracks).then_some(&self.id)
    }

    fn record(&self, door: Door) -> ReadSignal<Option<Record>> {
        door.record(self.table, &self.id)
    }
}

/// Whose rack is open.
#[derive(Clone, Copy)]
pub(crate) struct OpenRack(pub(crate) RwSignal<Option<Owner>>);

impl OpenRack {
    pub(crate) fn new() -> OpenRack {
        OpenRack(RwSignal::new(None))
    }

    fn toggle(self, owner: &Owner) {
        self.0.update(|open| *open = if open.as_ref() == Some(owner) { None } else { Some(owner.clone()) });
    }
}

fn plugins(record: &Option<Record>) -> Vec<Plugin> {
    record.as_ref().map(Plugin::all).unwrap_or_default()
}

/// Opens and closes the rack.
#[component]
pub(crate) fn RackButton(owner: Owner, #[prop(into)] name: Signal<String>) -> impl IntoView {
    let door = expect_context::<Door>();
    let open = expect_context::<OpenRack>();
    let record = owner.record(door);
    let sounding = Memo::new(move |_| record.with(|record| plugins(record).iter().filter(|it| !it.bypassed).count()));
    let count = Memo::new(move |_| record.with(|record| plugins(record).len()));
    let sends =
        Memo::new(move |_| record.with(|record| record.as_ref().map_or(0, |record| model::Send::all(record).len())));
    let owner = StoredValue::new(owner);
    let is_open = move || open.0.with(|open| owner.with_value(|owner| open.as_ref() == Some(owner)));
    let label = move || {
        let effects = match count.get() {
            0 => "none".to_owned(),
            count => count.to_string(),
        };
        let sends = match sends.get() {
            0 => String::new(),
            count => format!(", sends: {count}"),
        };
        format!("Effects of {}: {effects}{sends}", name.get())
    };
    view! {
        <button type="button" class="rack-button" data-testid="rack-button" aria-expanded=move || is_open().to_string() aria-label=label title=label
            class:is-on=is_open class:has-effects=move || { sounding.get() > 0 } on:click=move |_| owner.with_value(|owner| open.toggle(owner))>
            "FX" <span class="rack-count">{move || (count.get() > 0).then(|| count.get())}</span>
            <Show when=move || { sends.get() > 0 }><span class="rack-sends" aria-hidden="true">"→ " {sends}</span></Show>
        </button>
    }
}
