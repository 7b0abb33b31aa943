//! The dialog: what to make, how far it is, the file.

use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::form::{Form, HTML, Offer};
use super::{Export, state};
use crate::design::{Icon, icon};
use crate::door::Door;
use crate::door::exports::{Made, ServerExport, Stage};
use crate::door::sound::Sound;
use crate::door::waiting::megabytes;
use crate::transport::position::short_time;

/// The dialog. Closing it stops nothing.
#[component]
pub(super) fn Dialog() -> impl IntoView {
    let (door, sound) = (expect_context::<Door>(), expect_context::<Sound>());
    let export = expect_context::<Export>();
    let exports = export.exports;
    let (dialog, form) = (NodeRef::<html::Dialog>::new(), NodeRef::<html::Form>::new());
    let fields = move || form.get_untracked().map(|form| Form(form.unchecked_into()));
    let region = sound.region().get_untracked();
    let (region, clips) = ((region.start, region.end), export.selected(door));
    let device = exports.device_can();
    // The server has the present only.
    let server = move || door.status().with(|status| status.live) && door.moment().with(Option::is_none);
    let offer = move || Offer { device, server: server(), region, clips };
    // In the browser's top layer: nothing behind it can be reached, by Tab neither.
    Effect::new(move |_| {
        if let Some(dialog) = dialog.get() {
            let _ = dialog.show_modal();
        }
    });
    Effect::new(move |_| {
        let Some(form) = form.get().map(|form| Form(form.unchecked_into())) else { return };
        let name = door.project().get_untracked().map(|project| project.name).unwrap_or_default();
        let bars = door.times().with_untracked(|times| [region.0, region.1].map(|at| times.metres.place(at).bar));
        form.recall();
        form.name_loop(&format!("The loop, bars {} to {}", bars[0], bars[1]));
        form.set("title", &name);
        form.set("name", &name.chars().take(100).collect::<String>());
    });
    Effect::new(move |_| {
        let offer = offer();
        form.track();
        fields().into_iter().for_each(|form| form.fit(offer));
    });
    exports.look();
    // The browser gives the focus back to what had it.
    let close = move || dialog.get_untracked().into_iter().for_each(|dialog| dialog.close());
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if let Some(form) = fields() {
            form.remember();
            exports.begin(form.wanted(offer()));
        }
    };
    let stage = exports.stage();
    // Not how far it is: that would never end.
    let said = Memo::new(move |_| match stage.get() {
        Stage::Running(_) => "The file is being made",
        Stage::Done(_) => "The file is ready",
        Stage::Idle | Stage::Failed(_) => "",
    });
    let chooses = move || matches!(stage.get(), Stage::Idle | Stage::Failed(_));
    // A press beside it, on what is behind.
    let press = move |event: leptos::ev::MouseEvent| {
        if event.target() == event.current_target() {
            close();
        }
    };
    view! {
        <dialog class="dialog export" aria-labelledby="export-title" data-testid="export-dialog" data-state=move || stage.with(state) node_ref=dialog
            on:close=move |_| export.open.set(false) on:click=press on:keydown=|event| event.stop_propagation()>
            <div class="export-body">
                <header class="people-head">
                    <h2 id="export-title">"Export"</h2>
                    <button type="button" class="icon-button small" aria-label="Close" on:click=move |_| close()>{icon(Icon::Close)}</button>
                </header>
                <form id="export-form" hidden=move || !chooses() node_ref=form inner_html=HTML on:submit=submit
                    on:input=move |_| fields().into_iter().for_each(|form| form.fit(offer()))></form>
                <p class="unseen" role="status">{move || said.get()}</p>
                {move || match stage.get() {
                    Stage::Idle => ().into_any(),
                    Stage::Failed(reason) => view! { <p class="form-error" role="alert">{reason}</p> }.into_any(),
                    Stage::Running(_) => view! { <Running /> }.into_any(),
                    Stage::Done(made) => view! { <Ready made /> }.into_any(),
                }}
                <Show when=chooses>
                    <footer class="export-foot">
                        <button type="submit" form="export-form" class="button primary" data-testid="export-begin">"Export"</button>
                    </footer>
                    <Earlier />
                </Show>
            </div>
        </dialog>
    }
}

/// How far it is.
#[component]
fn Running() -> impl IntoView {
    let exports = expect_context::<Export>().exports;
    let done = Memo::new(move |_| match exports.stage().get() {
        Stage::Running(done) => done,
        _ => None,
    });
    let words = move || done.get().map_or("Getting ready…".to_owned(), |done| format!("{:.0} %", done * 100.0));
    view! {
        <div class="export-state">
            <p>"Making “" {exports.name()} "”"</p>
            <progress max="1" aria-label="Progress" prop:value=move || done.get().unwrap_or_default()></progress>
            <p class="hint" data-testid="export-progress">{words}</p>
            <p class="hint">"You can close this and play on."</p>
        </div>
        <footer class="export-foot">
            <button type="button" class="button" data-testid="export-cancel" on:click=move |_| exports.cancel()>"Cancel"</button>
        </footer>
    }
}

/// The file.
#[component]
fn Ready(made: Made) -> impl IntoView {
    let exports = expect_context::<Export>().exports;
    let length = made.seconds.map(|seconds| format!("{}, ", short_time(seconds))).unwrap_or_default();
    view! {
        <div class="export-state">
            <p><strong>{made.name.clone()}</strong> " is ready"</p>
            <p class="hint" data-testid="export-about">{length} {megabytes(made.bytes)} ". " {made.remark}</p>
        </div>
        <footer class="export-foot">
            <button type="button" class="button" on:click=move |_| exports.cancel()>"Another"</button>
            <a class="button primary" data-testid="export-save" href=made.address download=made.name>{icon(Icon::Download)} "Save"</a>
        </footer>
    }
}

/// What the server still has of earlier exports.
#[component]
fn Earlier() -> impl IntoView {
    let exports = expect_context::<Export>().exports;
    let row = move |export: ServerExport| {
        let (file, id) = (export.file?, export.id);
        let (name, remove) = (file.name.clone(), format!("Remove {}", file.name));
        Some(view! {
            <li data-testid="export-earlier">
                <a href=file.url download=file.name>{name}</a>
                <span class="hint">{megabytes(file.bytes)}</span>
                <button type="button" class="icon-button small" aria-label=remove on:click=move |_| exports.remove(id.clone())>{icon(Icon::Bin)}</button>
            </li>
        })
    };
    let rows = move || exports.earlier().get().into_iter().filter_map(row).collect_view();
    view! {
        <Show when=move || exports.earlier().with(|earlier| earlier.iter().any(|export| export.file.is_some()))>
            <section class="export-earlier">
                <h3>"Still on the server"</h3>
                <ul>{rows}</ul>
            </section>
        </Show>
    }
}
