//! x
use leptos::prelude::*;
#[component]
pub(crate) fn Arrangement() -> impl IntoView { view!{<main></main>} }
