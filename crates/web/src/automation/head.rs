//! The head of a lane, left of its curve: which parameter it shows, the value of the chosen point, what can be done.

use leptos::prelude::*;
use model::Id;

use super::LanesShown;
use super::lane::Face;
use super::points;
use crate::arrangement::Board;
use crate::controls::{Typed, focus};
use crate::design::{Icon, icon};
use crate::door::sound::Sound;

/// The head.
#[component]
pub(crate) fn LaneHead(track: Id, number: u32) -> impl IntoView {
    let board = expect_context::<Board>();
    let lanes = expect_context::<LanesShown>();
    let sound = expect_context::<Sound>();
    let face = Face::new(board, &track, number);
    let hand = face.hand;
    let is_master = lanes.is_master(&track);
    let track = StoredValue::new(track);
    let own = move || track.get_value();
    let options = move || {
        let automated = board.door.read(|records| points::automated(records, &own()));
        lanes.changed.track();
        let option = |target: super::target::Target| {
            let mark = if automated.contains(&target.parameter) { "● " } else { "" };
            view! { <option value=target.parameter>{format!("{mark}{}", target.name)}</option> }
        };
        face.targets.get().into_iter().map(option).collect_view()
    };
    // Set again whenever the list is: a browser forgets what was chosen when its option comes anew.
    let chosen = move || {
        face.targets.track();
        hand.lane.track();
        lanes.parameter(&own(), number)
    };
    // The chosen point when it is one of this lane, else where the playhead stands.
    let point = Memo::new(move |_| {
        let chosen = board.point.get()?;
        hand.shown().into_iter().find(|point| point.id == chosen)
    });
    let value = Memo::new(move |_| {
        let (scale, rest) = hand.scale();
        match point.get() {
            Some(point) => scale.written(point.value),
            None => {
                sound.cursor().track();
                scale.written(points::value_at(&hand.shown(), sound.position(), scale, rest))
            }
        }
    });
    let write = move |text: String| {
        let read = untrack(|| hand.scale()).0.read(&text);
        if let (Some(value), Some(point)) = (read, point.get_untracked()) {
            hand.change("Move point", &point.id, |point, _| point.value = value);
        }
        read.is_some()
    };
    let another = move |_| {
        let next = face.targets.with_untracked(|targets| {
            let used: Vec<String> =
                lanes.of(&own()).into_iter().map(|number| lanes.parameter(&own(), number)).collect();
            targets.iter().find(|target| !used.contains(&target.parameter)).map(|target| target.parameter.clone())
        });
        if let Some(next) = next {
            lanes.add(&own(), next);
        }
    };
    let name =
        move || hand.target.with(|target| target.as_ref().map_or("Gone".to_owned(), |target| target.name.clone()));
    let may_not = move || !board.door.may_edit_now() || hand.target.with(Option::is_none);
    view! {
        <li class="auto-head" class:is-master=is_master data-testid="automation-head" aria-label=move || format!("Automation of {} of {}", name(), face.name.get())>
            <div class="auto-row">
                {is_master.then(|| view! { <span class="auto-owner">"Master"</span> })}
                <select class="track-choice" data-testid="automation-parameter" aria-label=move || format!("What of {} is automated here", face.name.get())
                    prop:value=chosen on:change=move |event| lanes.choose(&own(), number, event_target_value(&event))>
                    {options}
                </select>
                <button type="button" class="icon-button small" aria-label=move || format!("Hide {}", name()) title="Hide this lane; what is drawn stays"
                    on:click=move |_| { focus::keep(None, &[".head [data-testid=automation]", ".head-name"]); lanes.hide(&own(), number); }>{icon(Icon::Close)}</button>
            </div>
            <div class="auto-row">
                <Typed class="fader-number" label=Signal::derive(move || format!("{}, value of the chosen point", name())) shown=value write=Callback::new(write) />
                <button type="button" class="icon-button small" data-testid="add-point" aria-label=move || format!("Add a point of {} at the playhead", name())
                    title=move || board.door.title("Add a point at the playhead") disabled=may_not on:click=move |_| hand.add_at(sound.position())>{icon(Icon::Plus)}</button>
                <button type="button" class="icon-button small" data-testid="pencil" aria-label="Draw with the pencil" aria-pressed=move || lanes.draws.get().to_string()
                    class:is-on=move || lanes.draws.get() title="Pencil: a press draws, as with Shift" disabled=may_not on:click=move |_| lanes.draws.update(|on| *on = !*on)>{icon(Icon::Pencil)}</button>
                <button type="button" class="icon-button small" aria-label=move || format!("Show another lane of {}", face.name.get()) title="Another lane"
                    data-testid="another-lane" on:click=another>{icon(Icon::Lanes)}</button>
            </div>
        </li>
    }
}
