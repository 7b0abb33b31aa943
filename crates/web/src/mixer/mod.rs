//! x
use leptos::prelude::*;
#[component]
pub(crate) fn Mixer(open: RwSignal<bool>) -> impl IntoView { let _=open; view!{<main></main>} }
