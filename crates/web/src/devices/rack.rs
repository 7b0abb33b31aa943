//! The rack: the chain of one track's effects, or the master's, from left to right as the sound goes.

use dsp::devices::Kind;
use leptos::prelude::*;
use model::{Id, Table};

use super::card::{DeviceCard, insert, new_element};
use super::order::Lifted;
use super::{OpenRack, Owner, plugins};
use crate::controls::{focus, opens_first};
use crate::design::{Icon, icon};
use crate::door::{Door, clock, new_id};
use crate::mixer::Sends;

/// Above the mixer, while it is open; closes on its button and on Escape.
#[component]
pub(crate) fn Rack() -> impl IntoView {
    let open = expect_context::<OpenRack>();
    move || open.0.get().map(|owner| view! { <Chain owner /> })
}

/// Once the screen has followed: brings the last effect of the chain into view.
fn show_last() {
    clock::after(std::time::Duration::ZERO, || {
        let find = |selector| document().query_selector(selector).ok().flatten();
        let last = find(".rack-chain > [data-testid=device]:nth-last-child(1 of [data-testid=device])");
        if let (Some(chain), Some(last)) = (find(".rack-chain"), last) {
            let (view, card) = (chain.get_bounding_client_rect(), last.get_bounding_client_rect());
            #[expect(clippy::cast_possible_truncation, reason = "pixels")]
            let hidden = (card.right() - view.right()).max(0.0).ceil() as i32;
            chain.set_scroll_left(chain.scroll_left() + hidden);
        }
    });
}

#[component]
fn Chain(owner: Owner) -> impl IntoView {
    let door = expect_context::<Door>();
    let open = expect_context::<OpenRack>();
    let record = owner.record(door);
    let name = {
        let is_track = owner.table == Table::Tracks;
        Memo::new(move |_| {
            match record.with(|record| record.as_ref().and_then(|record| record.text("name").map(str::to_owned))) {
                Some(name) if is_track => name,
                _ => "Master".to_owned(),
            }
        })
    };
    // A track that somebody else deletes takes its rack along.
    Effect::new(move |_| {
        if record.with(|record| record.as_ref().is_none_or(model::Record::is_deleted)) {
            open.0.set(None);
        }
    });
    let owner = StoredValue::new(owner);
    provide_context(Lifted::new());
    let chain = Memo::new(move |_| {
        record.with(|record| plugins(record).into_iter().map(|plugin| (plugin.id, plugin.kind)).collect::<Vec<_>>())
    });
    let add = move |event: leptos::ev::Event| {
        if let Some(kind) = Kind::from_id(&event_target_value(&event))
            && owner.with_value(|owner| door.dispatch("Add effect", vec![insert(owner, new_element(&new_id(), kind))]))
        {
            show_last();
        }
    };
    let kinds = Kind::ALL.iter().map(|kind| view! { <option value=kind.id()>{kind.name()}</option> }).collect_view();
    // Whoever opens it goes on in the rack, by keys or with a hand on the mouse, and afterwards where they came from.
    let opener = StoredValue::new_local(focus::holder());
    let close = move || {
        open.0.set(None);
        focus::keep(opener.get_value(), &[".rack-button"]);
    };
    let panel = NodeRef::<leptos::html::Section>::new();
    Effect::new(move |_| {
        if let Some(panel) = panel.get() {
            focus::focus(&panel);
        }
    });
    let key = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Escape" {
            close();
            event.stop_propagation();
        }
    };
    view! {
        <section class="rack" aria-label=move || format!("Effects and sends of {}", name.get()) data-testid="rack" tabindex="-1" node_ref=panel on:keydown=key>
            <header class="rack-head">
                <h2>{name}</h2>
                // It shows what it is for again after each choice.
                <select class="rack-add" data-testid="add-effect" aria-label=move || format!("Add an effect to {}", name.get()) disabled=move || !door.may_edit_now()
                    prop:value=move || { chain.track(); "" } on:keydown=|event| opens_first(&event) on:change=add>
                    <option value="" selected=true>"Add effect…"</option>
                    {kinds}
                </select>
                <button type="button" class="icon-button small" aria-label="Close the effects" on:click=move |_| close()>{icon(Icon::Close)}</button>
            </header>
            <div class="rack-chain">
                <For each=move || chain.get() key=|(id, kind): &(Id, Kind)| (id.clone(), *kind) let((id, kind))>
                    <DeviceCard owner=owner.get_value() id kind />
                </For>
                {owner.with_value(|owner| owner.as_track().cloned()).map(|track| view! { <Sends track name /> })}
                <Show when=move || chain.with(Vec::is_empty)>
                    <p class="rack-empty">"No effects yet. What you add here, everyone in the project hears."</p>
                </Show>
            </div>
        </section>
    }
}
