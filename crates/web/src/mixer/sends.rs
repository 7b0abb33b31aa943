//! What leaves a track for buses and groups beside its output: how much, and whether before the fader.

use leptos::prelude::*;
use model::{Id, Send, Table, Value};
use operations::{Operation, Position, build};

use super::decibels::{factor_at, travel_of, written};
use super::fader::Decibels;
use super::output::{Output, TrackChoice, new_channel};
use super::routes::Routes;
use crate::automation::Moving;
use crate::controls::{Dial, Hold, focus};
use crate::design::{Icon, icon};
use crate::door::sound::{Sound, Turned};
use crate::door::{Door, new_id};
use crate::presence::{HeldBy, Touch};

/// A new send: -6 dB.
const GAIN: f64 = 0.5;

fn element(send: &Send) -> Value {
    Value::map([
        ("id", Value::from(&send.id)),
        ("target", Value::from(&send.target)),
        ("gain", send.gain.into()),
        ("pre", send.pre.into()),
    ])
}

fn insert(track: &Id, send: &Send) -> Operation {
    build::list_insert(Table::Tracks, track, "sends", element(send), Position::Append)
}

/// The card at the end of a track's rack.
#[component]
pub(crate) fn Sends(track: Id, #[prop(into)] name: Signal<String>) -> impl IntoView {
    let door = expect_context::<Door>();
    let routes = expect_context::<ReadSignal<Routes>>();
    let record = door.record(Table::Tracks, &track);
    let sends = Memo::new(move |_| record.with(|record| record.as_ref().map(Send::all).unwrap_or_default()));
    let ids = Memo::new(move |_| sends.with(|sends| sends.iter().map(|send| send.id.clone()).collect::<Vec<_>>()));
    let track = StoredValue::new(track);
    let choices = Memo::new(move |_| {
        let mut choices = routes.with(|routes| track.with_value(|track| routes.targets(track)));
        choices.retain(|choice| sends.with(|sends| sends.iter().all(|send| send.target != choice.id)));
        choices
    });
    let add = move |mut operations: Vec<Operation>, target: Id| {
        let send = Send { id: new_id(), target, gain: GAIN, pre: false };
        operations.push(insert(&track.get_value(), &send));
        door.dispatch("Add send", operations);
    };
    let make = move |()| {
        if let Some((bus, created)) = new_channel(door, routes, "bus") {
            add(vec![created], bus);
        }
    };
    view! {
        <section class="effect sends" data-testid="sends" aria-label=move || format!("Sends of {}", name.get())>
            <header class="effect-head"><h3>"Sends"</h3></header>
            <div class="send-list">
                <For each=move || ids.get() key=Id::clone let:id>
                    <OneSend track=track.get_value() id sends />
                </For>
            </div>
            <div class="send-ways">
                <label class="effect-choice"><span>"Add a send"</span>
                    <TrackChoice test="add-send" label=Signal::derive(move || format!("Add a send to {}", name.get())) none="To…"
                        now=Signal::derive(|| None) choices=choices.into() fresh="New bus…"
                        choose=Callback::new(move |target: Option<Id>| if let Some(target) = target { add(Vec::new(), target) }) make=Callback::new(make) />
                </label>
                <label class="effect-choice"><span>"Output"</span> <Output id=track.get_value() name /></label>
            </div>
        </section>
    }
}

#[component]
fn OneSend(track: Id, id: Id, sends: Memo<Vec<Send>>) -> impl IntoView {
    let door = expect_context::<Door>();
    let sound = expect_context::<Sound>();
    let routes = expect_context::<ReadSignal<Routes>>();
    let touch = Touch::on(Table::Tracks, &track, &format!("sends.{id}.gain"));
    let moving = expect_context::<Moving>();
    let moved = moving.send(&track, &id);
    let own = StoredValue::new((track, id.clone()));
    let send = Memo::new(move |_| sends.with(|sends| sends.iter().find(|send| send.id == id).cloned()));
    let gain = Signal::derive(move || send.with(|send| send.as_ref().map_or(0.0, |send| send.gain)));
    let pre = move || send.with(|send| send.as_ref().is_some_and(|send| send.pre));
    let target = Memo::new(move |_| {
        let target = send.with(|send| send.as_ref().map(|send| send.target.clone()));
        routes.with(|routes| target.and_then(|id| routes.name(&id).map(str::to_owned))).unwrap_or_default()
    });
    let set = move |what: &'static str, field: &str, value: Value| {
        let (track, id) = own.get_value();
        door.dispatch(what, vec![build::set(Table::Tracks, &track, &format!("sends.{id}.{field}"), value)]);
    };
    let stands = move || moved.get().unwrap_or_else(|| gain.get());
    let write = move |factor: f64| {
        if moved.get_untracked().is_some() {
            moving.refuse();
        } else if (factor - gain.get_untracked()).abs() > 1e-9 {
            set("Change send", "gain", factor.into());
        }
    };
    let preview = move |travel: Option<f64>| {
        let (track, id) = own.get_value();
        touch.tell(travel.map(factor_at));
        sound.preview(Some(&track), Turned::Send(id), travel.map(factor_at));
    };
    let hold = Hold::new(
        Signal::derive(move || travel_of(stands())),
        Signal::derive(move || touch.seen().map(travel_of)),
        true,
        Callback::new(preview),
        Callback::new(move |travel| write(factor_at(travel))),
    )
    .unless(Signal::derive(move || moved.with(Option::is_some)));
    let shown = Signal::derive(move || hold.held().map(factor_at).or_else(|| touch.seen()).unwrap_or_else(stands));
    let remove = move |_| {
        let ((track, id), Some(was)) = (own.get_value(), send.get_untracked()) else { return };
        let name = target.get_untracked();
        let gone = build::list_remove(Table::Tracks, &track, "sends", Value::map([("id", Value::from(&id))]));
        if door.dispatch("Remove send", vec![gone]) {
            focus::keep(None, &["[data-testid=add-send]", ".rack"]);
            let step = door.last_step();
            door.toasts().removed(format!("The send to {name} was removed"), step.clone(), move || {
                door.take_back(step.as_ref(), "Restore send", vec![insert(&track, &was)]);
            });
        }
    };
    let label = Signal::derive(move || format!("Send to {}", target.get()));
    view! {
        <div class="send" role="group" aria-label=label data-testid="send">
            <span class="send-name">{target} <HeldBy touch /></span>
            <Dial hold test="send-gain" label spoken=Signal::derive(move || format!("{} decibels", written(shown.get())))
                now=Signal::derive(move || format!("{:.4}", shown.get())) ends=["0", "2"] origin=0.0 step=0.02 default=travel_of(1.0)
                choose=Callback::new(move |travel| write(factor_at(travel))) />
            <Decibels shown write=Callback::new(write) label />
            <button type="button" class="effect-switch" data-testid="send-pre" aria-pressed=move || pre().to_string() class:is-on=pre
                aria-label=move || format!("{} before the fader", label.get()) title=move || door.title("Before or behind the fader")
                disabled=move || !door.may_edit_now() on:click=move |_| set("Change send", "pre", (!pre()).into())>
                {move || if pre() { "Pre" } else { "Post" }}
            </button>
            <button type="button" class="icon-button small" aria-label=move || format!("Remove the send to {}", target.get()) title="Remove"
                disabled=move || !door.may_edit_now() on:click=remove>{icon(Icon::Bin)}</button>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn en31_a_send_that_was_removed_comes_back_as_it_was() {
        let id = |text: &str| Id::new(text).unwrap();
        let record = model::Record::new(id("t"), 1, model::fields([("name", "Bass".into())]));
        let send = Send { id: id("s"), target: id("bus"), gain: 0.25, pre: true };
        let with = operations::apply(&record, &insert(record.id(), &send), model::Timestamp(0)).unwrap();
        assert_eq!(Send::all(&with), [send]);
    }
}
