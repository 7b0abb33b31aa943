//! One effect in the rack: its name, what is done with it as a whole, and all its parameters.

use dsp::device::{Curve, Parameter};
use dsp::devices::Kind;
use leptos::prelude::*;
use model::{Id, Plugin, Value};
use operations::{Operation, Position, build};

use super::curve::{self, HEIGHT, WIDTH, x_of, y_of};
use super::knob::Control;
use super::order::{Handle, Lifted};
use super::reduction::{LiveSpectrum, Reduction, effect_of};
use super::{Owner, plugins};
use crate::automation::Moving;
use crate::controls::focus;
use crate::design::{Icon, icon};
use crate::door::Door;
use crate::door::sound::{Sound, Turned};
use crate::mixer::{Routes, TrackChoice};
use crate::presence::Touch;

/// Parameters of one band of the equaliser, which are shown together.
const BAND_PARAMETERS: usize = 6;

/// Where the focus goes when what had it in the rack is gone.
const IN_THE_RACK: [&str; 2] = [".rack-add", ".rack"];

/// An effect; `place` is where it stands in the chain.
#[component]
pub(super) fn DeviceCard(owner: Owner, id: Id, kind: Kind) -> impl IntoView {
    let door = expect_context::<Door>();
    let record = owner.record(door);
    let own = StoredValue::new((owner, id));
    let chain = Memo::new(move |_| record.with(plugins));
    let plugin = Memo::new(move |_| {
        chain.with(|chain| chain.iter().find(|plugin| own.with_value(|(_, id)| plugin.id == *id)).cloned())
    });
    let place = Memo::new(move |_| {
        chain.with(|chain| chain.iter().position(|plugin| own.with_value(|(_, id)| plugin.id == *id))).unwrap_or(0)
    });
    let last = Memo::new(move |_| place.get() + 1 >= chain.with(Vec::len));
    let bypassed = move || plugin.get().is_some_and(|plugin| plugin.bypassed);
    let write = move |what: &'static str, operation: Operation| door.dispatch(what, vec![operation]);
    let bypass = move |_| {
        let (owner, id) = own.get_value();
        let now = plugin.get_untracked().is_some_and(|plugin| plugin.bypassed);
        let what = if now { "Switch effect on" } else { "Bypass effect" };
        write(what, build::set(owner.table, &owner.id, &format!("plugins.{id}.bypassed"), !now));
    };
    // To the place of another, which makes room towards where this one came from.
    let move_to = move |to: usize| {
        let (owner, id) = own.get_value();
        let neighbours = chain.get_untracked();
        let Some(neighbour) = neighbours.get(to).filter(|_| to != place.get_untracked()) else { return };
        let beside = name_of(&neighbour.id);
        let position = if to < place.get_untracked() { Position::Before(beside) } else { Position::After(beside) };
        let element = record.with_untracked(|record| {
            let list = record.as_ref()?.get("plugins").as_list()?.clone();
            list.get(id.as_str()).cloned()
        });
        if let Some(element) = element {
            write("Move effect", build::list_insert(owner.table, &owner.id, "plugins", element, position));
        }
    };
    let shift = move |by: isize| {
        // Moved, its element is taken out and put in elsewhere, without the focus.
        focus::keep(focus::holder(), &IN_THE_RACK);
        if let Some(to) = place.get_untracked().checked_add_signed(by) {
            move_to(to);
        }
    };
    let lifted = expect_context::<Lifted>();
    let place_of = move |id: &Id| chain.with(|chain| chain.iter().position(|plugin| plugin.id == *id));
    let side = move |wanted: &'static str| lifted.side(place.get(), place_of) == Some(wanted);
    let stored_id = StoredValue::new(own.with_value(|(_, id)| id.clone()));
    let remove = move |_| {
        let (owner, id) = own.get_value();
        focus::keep(None, &IN_THE_RACK);
        if write("Remove effect", build::list_remove(owner.table, &owner.id, "plugins", name_of(&id))) {
            let (step, back) = (door.last_step(), plugin.get_untracked());
            door.toasts().removed(format!("{} was removed", kind.name()), step.clone(), move || {
                let again = back.as_ref().map(|plugin| insert(&owner, element_of(plugin))).into_iter().collect();
                door.take_back(step.as_ref(), "Restore effect", again);
            });
        }
    };
    let number = move || place.get() + 1;
    view! {
        <section class="effect" data-testid="device" data-device=kind.id() aria-label=move || format!("Effect {}: {}", number(), kind.name())
            class:is-bypassed=bypassed class:is-lifted=move || stored_id.with_value(|id| lifted.is(id))
            class:lands-before=move || side("before") class:lands-after=move || side("after")>
            <header class="effect-head">
                <Handle id=stored_id place land=Callback::new(move_to) />
                <button type="button" class="effect-power" aria-pressed=move || (!bypassed()).to_string() class:is-on=move || !bypassed()
                    aria-label=move || format!("{} is on", kind.name()) title=move || door.title("Pass it by, or not") disabled=move || !door.may_edit_now() on:click=bypass></button>
                <h3>{kind.name()}</h3>
                <button type="button" class="icon-button small effect-left" aria-label=move || format!("Move {} earlier", kind.name()) title="Earlier"
                    disabled=move || place.get() == 0 || !door.may_edit_now() on:click=move |_| shift(-1)>{icon(Icon::Up)}</button>
                <button type="button" class="icon-button small effect-right" aria-label=move || format!("Move {} later", kind.name()) title="Later"
                    disabled=move || last.get() || !door.may_edit_now() on:click=move |_| shift(1)>{icon(Icon::Down)}</button>
                <button type="button" class="icon-button small" aria-label=move || format!("Remove {}", kind.name()) title="Remove"
                    disabled=move || !door.may_edit_now() on:click=remove>{icon(Icon::Bin)}</button>
            </header>
            <Reduction own kind />
            <Parameters own kind plugin />
            {kind.has_sidechain().then(|| view! { <Sidechain own kind plugin /> })}
        </section>
    }
}

/// As much of an element as says which one is meant.
fn name_of(id: &Id) -> Value {
    Value::map([("id", Value::from(id))])
}

/// The operation that puts an effect behind the others.
pub(super) fn insert(owner: &Owner, element: Value) -> Operation {
    build::list_insert(owner.table, &owner.id, "plugins", element, Position::Append)
}

/// A new effect, with all values at their defaults.
pub(super) fn new_element(id: &Id, kind: Kind) -> Value {
    Value::map([("id", Value::from(id)), ("type", kind.id().into())])
}

fn element_of(plugin: &Plugin) -> Value {
    let table = plugin.kind.parameters();
    let params = table.iter().zip(&plugin.values).map(|(parameter, value)| (parameter.id, f64::from(*value).into()));
    let sidechain = plugin.sidechain.iter().map(|track| ("sidechain", Value::from(track)));
    let rest = [
        ("id", Value::from(&plugin.id)),
        ("type", plugin.kind.id().into()),
        ("bypassed", plugin.bypassed.into()),
        ("params", Value::map(params)),
    ];
    Value::map(rest.into_iter().chain(sidechain))
}

#[component]
fn Parameters(own: StoredValue<(Owner, Id)>, kind: Kind, plugin: Memo<Option<Plugin>>) -> impl IntoView {
    // What a hand moves, until it is written.
    let moving = RwSignal::new(None::<(usize, f32)>);
    let table = kind.parameters();
    let control = move |index: usize, name: &'static str| view! { <Bound own kind plugin moving index name /> };
    if kind != Kind::Equaliser {
        let controls = table.iter().enumerate().map(|(index, parameter)| control(index, parameter.name)).collect_view();
        return view! { <div class="effect-controls">{controls}</div> }.into_any();
    }
    let bands = table
        .chunks(BAND_PARAMETERS)
        .enumerate()
        .map(|(band, parameters)| {
            let controls = parameters
                .iter()
                .enumerate()
                .map(|(at, parameter)| control(band * BAND_PARAMETERS + at, plain(parameter)))
                .collect_view();
            view! { <div class="effect-band" role="group" aria-label=format!("Band {}", band + 1)><span class="effect-band-name">{band + 1}</span>{controls}</div> }
        })
        .collect_view();
    let sound = expect_context::<Sound>();
    let look = move || sound.look_at(&effect_of(own));
    view! { <Curve own plugin moving /> <div class="effect-bands" on:pointerenter=move |_| look() on:focusin=move |_| look()>{bands}</div> }.into_any()
}

/// What a compressor or a gate listens to.
#[component]
fn Sidechain(own: StoredValue<(Owner, Id)>, kind: Kind, plugin: Memo<Option<Plugin>>) -> impl IntoView {
    let door = expect_context::<Door>();
    let routes = expect_context::<ReadSignal<Routes>>();
    let now = Signal::derive(move || plugin.with(|plugin| plugin.as_ref()?.sidechain.clone()));
    let choices =
        Signal::derive(move || routes.with(|routes| own.with_value(|(owner, _)| routes.sources(owner.as_track()))));
    let choose = move |track: Option<Id>| {
        own.with_value(|(owner, id)| {
            let path = format!("plugins.{id}.sidechain");
            let operation = match &track {
                Some(track) => build::set(owner.table, &owner.id, &path, track),
                None => build::unset(owner.table, &owner.id, &path),
            };
            door.dispatch("Choose sidechain", vec![operation]);
        });
    };
    view! {
        <label class="effect-choice effect-sidechain"><span>"Listens to"</span>
            <TrackChoice test="sidechain" label=Signal::derive(move || format!("What {} listens to", kind.name())) none="Its own track"
                now choices choose=Callback::new(choose) />
        </label>
    }
}

/// A band's parameter without the band's number.
fn plain(parameter: &'static Parameter) -> &'static str {
    parameter.name.trim_end_matches(|one: char| one.is_ascii_digit() || one == ' ')
}

/// The switch of the equaliser's band to which a parameter belongs; none of the switch itself, and of other effects.
fn switch_of(kind: Kind, index: usize) -> Option<usize> {
    let table = kind.parameters();
    let first = index - index % BAND_PARAMETERS;
    let is_switch = |at: &usize| table.get(*at).is_some_and(|parameter| matches!(parameter.curve, Curve::Switch));
    (first..first + BAND_PARAMETERS).find(|at| kind == Kind::Equaliser && is_switch(at)).filter(|on| *on != index)
}

/// A parameter of this effect.
#[component]
fn Bound(
    own: StoredValue<(Owner, Id)>,
    kind: Kind,
    plugin: Memo<Option<Plugin>>,
    moving: RwSignal<Option<(usize, f32)>>,
    index: usize,
    name: &'static str,
) -> impl IntoView {
    let door = expect_context::<Door>();
    let sound = expect_context::<Sound>();
    let parameter = &kind.parameters()[index];
    let lanes = expect_context::<Moving>();
    let moved = own.with_value(|(owner, id)| lanes.effect(&owner.id, id, parameter));
    let value = Signal::derive(move || {
        #[expect(clippy::cast_possible_truncation, reason = "parameters are single precision")]
        if let Some(moved) = moved.get() {
            return moved as f32;
        }
        let written = plugin.with(|plugin| plugin.as_ref().and_then(|plugin| plugin.values.get(index).copied()));
        written.unwrap_or(parameter.default)
    });
    // The switch of an equaliser's band that is off: whoever turns something of it wants to hear it.
    let sleeping = move || {
        let on = switch_of(kind, index)?;
        let is_off = plugin.with_untracked(|plugin| plugin.as_ref()?.values.get(on).map(|value| *value < 0.5));
        is_off.unwrap_or(false).then_some(on)
    };
    let preview = move |value: Option<f32>| {
        moving.set(value.map(|value| (index, value)));
        own.with_value(|(owner, id)| {
            let turned = Turned::Parameter { effect: id.clone(), index, wakes: switch_of(kind, index) };
            sound.preview(owner.as_track(), turned, value.map(f64::from));
        });
    };
    let commit = move |value: f32| {
        if moved.get_untracked().is_some() {
            return lanes.refuse();
        }
        own.with_value(|(owner, id)| {
            let path = format!("plugins.{id}.params.{}", parameter.id);
            let what = if matches!(parameter.curve, Curve::Switch) {
                "Switch effect's parameter"
            } else {
                "Turn effect's parameter"
            };
            let woken = sleeping().map(|on| {
                let path = format!("plugins.{id}.params.{}", kind.parameters()[on].id);
                build::set(owner.table, &owner.id, &path, 1.0)
            });
            let turned = build::set(owner.table, &owner.id, &path, f64::from(value));
            door.dispatch(what, std::iter::once(turned).chain(woken).collect());
        });
    };
    let device = Signal::derive(move || kind.name().to_owned());
    let touch = own
        .with_value(|(owner, id)| Touch::on(owner.table, &owner.id, &format!("plugins.{id}.params.{}", parameter.id)));
    view! { <Control parameter name device value moves=Signal::derive(move || moved.with(Option::is_some)) touch preview=Callback::new(preview) commit=Callback::new(commit) /> }
}

/// The curve, as it is written or as a hand has it.
#[component]
fn Curve(
    own: StoredValue<(Owner, Id)>,
    plugin: Memo<Option<Plugin>>,
    moving: RwSignal<Option<(usize, f32)>>,
) -> impl IntoView {
    let door = expect_context::<Door>();
    let rate = Memo::new(move |_| door.project().with(|project| project.as_ref().map_or(48_000, |it| it.sample_rate)));
    let path = Memo::new(move |_| {
        let mut values = plugin.get().map(|plugin| plugin.values).unwrap_or_default();
        if let Some((index, value)) = moving.get()
            && let Some(place) = values.get_mut(index)
        {
            *place = value;
            if let Some(on) = switch_of(Kind::Equaliser, index).and_then(|on| values.get_mut(on)) {
                *on = 1.0;
            }
        }
        curve::path(&values, rate.get())
    });
    let lines = [50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0].map(|hz| {
        view! { <line class="curve-line" x1=x_of(hz).to_string() x2=x_of(hz).to_string() y1="0" y2=HEIGHT.to_string() /> }
    });
    let levels = [-12.0, 0.0, 12.0].map(|db| {
        let zero = db == 0.0;
        view! { <line class="curve-line" class:is-zero=zero x1="0" x2=WIDTH.to_string() y1=y_of(db).to_string() y2=y_of(db).to_string() /> }
    });
    let scale = [("+12", 12.0), ("0 dB", 0.0), ("−12", -12.0)].map(|(text, db)| {
        view! { <span class="curve-text curve-level" style:top=format!("{:.2}%", y_of(db) / HEIGHT * 100.0)>{text}</span> }
    });
    // Beside the drawing, which is stretched to the width of the card.
    let texts = [(100.0, "100 Hz"), (1_000.0, "1 kHz"), (10_000.0, "10 kHz")].map(|(hz, text)| {
        view! { <span class="curve-text" style:left=format!("{:.2}%", x_of(hz) / WIDTH * 100.0)>{text}</span> }
    });
    let sound = expect_context::<Sound>();
    view! {
        <div class="effect-curve" on:pointerenter=move |_| sound.look_at(&effect_of(own))>
        <svg viewBox=format!("0 0 {WIDTH} {HEIGHT}") role="img" aria-label="Frequency response" preserveAspectRatio="none">
            <LiveSpectrum own rate />
            {lines} {levels}
            <path class="curve-path" d=path />
        </svg>
        <div aria-hidden="true">{texts} {scale}</div>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use model::Table;

    use super::*;

    #[test]
    fn what_is_removed_comes_back_with_its_values() {
        let id = Id::new("e1").unwrap();
        let mut record = model::Record::new(Id::new("t").unwrap(), 1, model::fields([("name", "Bass".into())]));
        let plugin = Plugin {
            id: id.clone(),
            kind: Kind::Compressor,
            bypassed: true,
            values: Kind::Compressor.parameters().iter().map(|parameter| parameter.value_at(0.25)).collect(),
            sidechain: Some(Id::new("drums").unwrap()),
        };
        let owner = Owner::track(record.id());
        for (element, expected) in [(element_of(&plugin), plugin), (new_element(&id, Kind::Gate), default(&id))] {
            let operation = insert(&owner, element);
            record = operations::apply(&record, &operation, model::Timestamp(0)).unwrap();
            assert_eq!(Plugin::all(&record), [expected]);
            let gone = build::list_remove(Table::Tracks, record.id(), "plugins", name_of(&id));
            record = operations::apply(&record, &gone, model::Timestamp(0)).unwrap();
            assert_eq!(Plugin::all(&record), []);
        }
    }

    fn default(id: &Id) -> Plugin {
        let values = Kind::Gate.parameters().iter().map(|parameter| parameter.default).collect();
        Plugin { id: id.clone(), kind: Kind::Gate, bypassed: false, values, sidechain: None }
    }

    #[test]
    fn each_parameter_of_a_band_but_its_switch_knows_the_switch() {
        let table = Kind::Equaliser.parameters();
        let of = |id: &str| {
            let index = table.iter().position(|parameter| parameter.id == id).unwrap();
            switch_of(Kind::Equaliser, index).map(|on| table[on].id)
        };
        assert_eq!((of("gain3"), of("freq8"), of("on3")), (Some("on3"), Some("on8"), None));
        assert_eq!(switch_of(Kind::Compressor, 1), None);
    }

    #[test]
    fn a_bands_parameters_are_named_without_its_number() {
        let names: Vec<_> = Kind::Equaliser.parameters()[..BAND_PARAMETERS].iter().map(plain).collect();
        assert!(names.iter().all(|name| !name.is_empty() && !name.ends_with('1')), "{names:?}");
        assert_eq!(Kind::Equaliser.parameters().len() % BAND_PARAMETERS, 0);
    }
}
