//! The mixer: a strip for each track, and the master.

mod decibels;
mod fader;
mod for_whom;
mod meter;
mod pan;

use leptos::prelude::*;
use model::{Id, Project, Table};
use operations::build;

pub(crate) use decibels::{meter_height, written as decibels_written};

use crate::arrangement::Toggles;
use crate::design::{Icon, colour_of, icon};
use crate::devices::{OpenRack, Owner, Rack, RackButton};
use crate::door::Door;
use crate::door::sound::Sound;
use fader::Fader;
pub(crate) use for_whom::ForWhom;
use for_whom::ForWhomSwitch;
use meter::{MasterMeter, Meter};
use pan::Pan;

/// The part of the studio below the arrangement.
#[component]
pub(crate) fn Mixer(open: RwSignal<bool>) -> impl IntoView {
    let door = expect_context::<Door>();
    provide_context(OpenRack::new());
    view! {
        <section class="mixer" class:is-closed=move || !open.get() aria-label="Mixer">
            <div class="mixer-side">
            <button type="button" class="mixer-bar" aria-expanded=move || open.get().to_string() title="Show or hide the mixer (M)"
                data-testid="mixer-toggle" on:click=move |_| open.update(|open| *open = !*open)>
                {icon(Icon::Sliders)} <span>"Mixer"</span>
            </button>
            <ForWhomSwitch />
            </div>
            <div class="strips" data-testid="mixer">
                <For each=move || door.tracks().get() key=Id::clone let:id>
                    <Strip id />
                </For>
                <div class="strips-gap"></div>
                <MasterStrip />
            </div>
            <Rack />
        </section>
    }
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
    let write = move |what: &'static str, field: &'static str, value: f64| {
        door.dispatch(what, vec![build::set(Table::Tracks, &stored.get_value(), field, value)]);
    };
    let volume_label = Signal::derive(move || format!("Volume of {}", name.get()));
    let pan_label = Signal::derive(move || format!("Pan of {}", name.get()));
    view! {
        <div class="strip" role="group" aria-label=name data-testid="strip" data-track-id=id.to_string() style:--track=colour
            class:is-muted=move || track.get().is_some_and(|track| track.muted)>
            <Pan value=pan label=pan_label
                preview=Callback::new(move |pan| sound.preview_pan(&stored.get_value(), pan))
                commit=Callback::new(move |pan| write("Change pan", "pan", pan)) />
            <div class="strip-middle">
                <Fader value=volume label=volume_label
                    preview=Callback::new(move |factor| sound.preview_volume(Some(&stored.get_value()), factor))
                    commit=Callback::new(move |factor| write("Change volume", "volume", factor)) />
                <Meter id=stored.get_value() />
            </div>
            <RackButton owner=Owner::track(&stored.get_value()) name />
            <div class="strip-letters"><Toggles id=stored.get_value() track /></div>
            <span class="strip-name" title=name>{name}</span>
        </div>
    }
}

#[component]
fn MasterStrip() -> impl IntoView {
    let door = expect_context::<Door>();
    let sound = expect_context::<Sound>();
    let volume = Memo::new(move |_| {
        door.project().with(|project| project.as_ref().map_or(1.0, |project: &Project| project.master_volume))
    });
    let master = door.project().with_untracked(|project| project.as_ref().map(|project| Owner::master(&project.id)));
    let write = move |factor: f64| {
        let Some(project) = door.project().get_untracked() else { return };
        door.dispatch("Change master volume", vec![build::set(Table::Projects, &project.id, "masterVolume", factor)]);
    };
    view! {
        <div class="strip strip-master" role="group" aria-label="Master" data-testid="master-strip">
            <span class="strip-title">"Master"</span>
            {master.map(|owner| view! { <RackButton owner name=Signal::derive(|| "the master".to_owned()) /> })}
            <div class="strip-middle">
                <Fader value=volume label=Signal::derive(|| "Master volume".to_owned())
                    preview=Callback::new(move |factor| sound.preview_volume(None, factor)) commit=Callback::new(write) />
                <MasterMeter />
            </div>
        </div>
    }
}
