//! The mixer: a strip for each track, and the master.

pub(crate) mod decibels;
mod fader;
mod for_whom;
mod meter;
mod meter_panel;
mod output;
mod pan;
mod routes;
mod sends;

use std::collections::HashSet;

use leptos::prelude::*;
use model::{Id, Project, Table, TrackKind};
use operations::build;

pub(crate) use decibels::{meter_height, written as decibels_written};
pub(crate) use fader::Decibels as DecibelsField;
pub(crate) use output::TrackChoice;
pub(crate) use pan::written as pan_written;
pub(crate) use routes::Routes;
pub(crate) use sends::Sends;

use crate::arrangement::Toggles;
use crate::automation::{LanesShown, Moving};
use crate::design::{Icon, colour_of, icon, in_portions};
use crate::devices::{OpenRack, Owner, Rack, RackButton};
use crate::door::Door;
use crate::door::sound::{Sound, Turned};
use crate::presence::Touch;
use crate::shortcuts::{Command, Shortcuts};
use fader::Fader;
pub(crate) use for_whom::ForWhom;
use for_whom::ForWhomSwitch;
use meter::{MasterMeter, Meter};
use meter_panel::{MeterPanel, MetersButton};
use output::{AddChannels, Output};
use pan::Pan;

/// The part of the studio below the arrangement.
#[component]
pub(crate) fn Mixer(open: RwSignal<bool>) -> impl IntoView {
    let door = expect_context::<Door>();
    provide_context(OpenRack::new());
    provide_context(heard(door));
    let meters = RwSignal::new(false);
    let tracks = in_portions(door.tracks());
    let shortcuts = expect_context::<Shortcuts>();
    view! {
        <section class="mixer" class:is-closed=move || !open.get() aria-label="Mixer">
            <div class="mixer-side">
            <button type="button" class="mixer-bar" aria-expanded=move || open.get().to_string() title=move || shortcuts.tip("Show or hide the mixer", Command::Mixer)
                data-testid="mixer-toggle" on:click=move |_| open.update(|open| *open = !*open)>
                {icon(Icon::Sliders)} <span>"Mixer"</span>
            </button>
            <ForWhomSwitch />
            </div>
            <div class="strips" data-testid="mixer">
                <For each=move || tracks.get() key=Id::clone let:id>
                    <Strip id />
                </For>
                <AddChannels />
                <div class="strips-gap"></div>
                <MasterStrip meters />
            </div>
            <Rack />
            <MeterPanel open=meters />
        </section>
    }
}

/// What is heard while something is soloed; none while nothing is.
#[derive(Clone, Copy)]
struct WhatIsHeard(Memo<Option<HashSet<Id>>>);

/// One's own solos stand in the place of those for all, as for the ear.
fn heard(door: Door) -> WhatIsHeard {
    let (routes, for_whom) = (expect_context::<ReadSignal<Routes>>(), expect_context::<ForWhom>());
    WhatIsHeard(Memo::new(move |_| {
        let own = door.tracks().with(|tracks| tracks.iter().any(|track| for_whom.of(track).solo));
        routes.with(|routes| if own { routes.heard(|track| for_whom.of(track).solo) } else { routes.heard_by_all() })
    }))
}

#[component]
fn Strip(id: Id) -> impl IntoView {
    let door = expect_context::<Door>();
    let sound = expect_context::<Sound>();
    let record = door.record(Table::Tracks, &id);
    let track = Memo::new(move |_| record.get().as_ref().map(model::Track::from_record));
    let colour = move || track.get().as_ref().map(colour_of);
    let name = Memo::new(move |_| track.get().map(|track| track.name).unwrap_or_default());
    let volume = Memo::new(move |_| track.get().map_or(1.0, |track| track.volume));
    let pan = Memo::new(move |_| track.get().map_or(0.0, |track| track.pan));
    let stored = StoredValue::new(id.clone());
    let kind = Memo::new(move |_| track.with(|track| track.as_ref().map_or(TrackKind::Audio, |track| track.kind)));
    let heard = expect_context::<WhatIsHeard>().0;
    let for_whom = expect_context::<ForWhom>();
    let is_silent = Memo::new(move |_| {
        heard.with(|heard| heard.as_ref().is_some_and(|heard| stored.with_value(|id| !heard.contains(id))))
    });
    let solo = Memo::new(move |_| {
        let for_me = for_whom.of(&stored.get_value()).solo;
        for_me || track.with(|track| track.as_ref().is_some_and(|track| track.solo))
    });
    let is_safe = move || heard.with(Option::is_some) && !is_silent.get() && !solo.get();
    let write = move |what: &'static str, field: &'static str, value: f64| {
        door.dispatch(what, vec![build::set(Table::Tracks, &stored.get_value(), field, value)]);
    };
    let touch = |name: &str| Touch::on(Table::Tracks, &id, name);
    let moving = expect_context::<Moving>();
    let (volume_moved, pan_moved) = (moving.volume(&id), moving.pan(&id));
    let (volume_touch, pan_touch) = (touch("volume"), touch("pan"));
    let volume_label = Signal::derive(move || format!("Volume of {}", name.get()));
    let pan_label = Signal::derive(move || format!("Pan of {}", name.get()));
    view! {
        <div class="strip" role="group" aria-label=name data-testid="strip" data-track-id=id.to_string() style:--track=colour
            data-kind=move || kind_word(kind.get()) class:is-channel=move || kind_word(kind.get()).is_some()
            class:is-silent=is_silent class:is-muted=move || track.get().is_some_and(|track| track.muted)>
            {move || kind_word(kind.get()).map(|word| view! { <span class="strip-kind">{word}</span> })}
            <Show when=is_safe><span class="strip-safe" data-testid="solo-safe" title="It is heard although it is not soloed: what is soloed leads here, or it leads there">"Solo-safe"</span></Show>
            <Pan value=pan moved=pan_moved touch=pan_touch label=pan_label
                preview=Callback::new(move |pan| sound.preview(Some(&stored.get_value()), Turned::Pan, pan))
                commit=Callback::new(move |pan| write("Change pan", "pan", pan)) />
            <div class="strip-middle">
                <Fader value=volume moved=volume_moved touch=volume_touch label=volume_label
                    preview=Callback::new(move |factor| sound.preview(Some(&stored.get_value()), Turned::Volume, factor))
                    commit=Callback::new(move |factor| write("Change volume", "volume", factor)) />
                <Meter id=stored.get_value() />
            </div>
            <RackButton owner=Owner::track(&stored.get_value()) name />
            <div class="strip-output"><Output id=stored.get_value() name /></div>
            <div class="strip-letters"><Toggles id=stored.get_value() track /></div>
            <span class="strip-name" title=name>{name}</span>
        </div>
    }
}

/// What is written on strips that are no plain tracks.
fn kind_word(kind: TrackKind) -> Option<&'static str> {
    match kind {
        TrackKind::Bus => Some("Bus"),
        TrackKind::Group => Some("Group"),
        TrackKind::Audio | TrackKind::Midi => None,
    }
}

/// Shows and hides the master's automation, whose lanes are below the tracks.
#[component]
fn AutomationButton() -> impl IntoView {
    let lanes = expect_context::<LanesShown>();
    let is_shown = move || lanes.count_of_master() > 0;
    let toggle = move |_| {
        if let Some(master) = lanes.master() {
            lanes.toggle(&master);
        }
    };
    view! {
        <button type="button" class="rack-button" data-testid="master-automation" aria-label="Automation of the master" aria-pressed=move || is_shown().to_string()
            title="Show or hide the automation of the master, below the tracks" class:is-on=is_shown on:click=toggle>"Auto"</button>
    }
}

#[component]
fn MasterStrip(meters: RwSignal<bool>) -> impl IntoView {
    let door = expect_context::<Door>();
    let sound = expect_context::<Sound>();
    let volume = Memo::new(move |_| {
        door.project().with(|project| project.as_ref().map_or(1.0, |project: &Project| project.master_volume))
    });
    let project = door.project().with_untracked(|project| project.as_ref().map(|project| project.id.clone()));
    let moving = expect_context::<Moving>();
    let write = move |factor: f64| {
        let Some(project) = door.project().get_untracked() else { return };
        door.dispatch("Change master volume", vec![build::set(Table::Projects, &project.id, "masterVolume", factor)]);
    };
    view! {
        <div class="strip strip-master" role="group" aria-label="Master" data-testid="master-strip">
            <span class="strip-title">"Master"</span>
            {project.as_ref().map(|project| view! { <RackButton owner=Owner::master(project) name=Signal::derive(|| "the master".to_owned()) /> })}
            <MetersButton open=meters />
            <AutomationButton />
            <div class="strip-middle">
                {project.map(|project| view! {
                    <Fader value=volume moved=moving.volume(&project) touch=Touch::on(Table::Projects, &project, "masterVolume") label=Signal::derive(|| "Master volume".to_owned())
                        preview=Callback::new(move |factor| sound.preview(None, Turned::Volume, factor)) commit=Callback::new(write) />
                })}
                <MasterMeter />
            </div>
        </div>
    }
}
