//! x
use leptos::prelude::*;
#[component]
pub(crate) fn Mixer(open: RwSignal<bool>) -> impl IntoView { let _=open; view!{<main></main>} }
pub(crate) fn meter_height(x:f64)->f64{x}
