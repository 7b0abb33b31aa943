//! The song as a file: the key that opens the dialog and shows how far it is, and the dialog.

mod dialog;
mod form;

use std::collections::BTreeSet;

use leptos::prelude::*;
use model::{Clip, Id, Table};

use crate::design::{Icon, icon};
use crate::door::Door;
use crate::door::exports::{Exports, Stage};
use crate::shortcuts::{Command, Shortcuts};
use dialog::Dialog;
use form::Stretch;

/// The dialog and what it is about. Copy it freely.
#[derive(Clone, Copy)]
pub(crate) struct Export {
    exports: Exports,
    open: RwSignal<bool>,
    /// The clips that are selected in the arrangement.
    selection: StoredValue<Option<RwSignal<BTreeSet<Id>>>>,
}

impl Export {
    /// Closed. Whoever has closed it is told when the file is there.
    pub(crate) fn new(door: Door) -> Export {
        let exports = Exports::new(door);
        let export = Export { exports, open: RwSignal::new(false), selection: StoredValue::new(None) };
        let show = move || {
            // The studio may have been left.
            let _ = export.open.try_set(true);
        };
        Effect::new(move |_| {
            let stage = exports.stage().get();
            if export.open.get_untracked() {
                return;
            }
            match stage {
                Stage::Done(made) => door.toasts().offer(format!("“{}” is ready", made.name), "Show", show),
                Stage::Failed(reason) => door.toasts().error_with("The export did not work", reason, "Show", show),
                Stage::Idle | Stage::Running(_) => {}
            }
        });
        export
    }

    /// Opens or closes the dialog.
    pub(crate) fn toggle(self) {
        self.open.update(|open| *open = !*open);
    }

    /// Offers what is selected as a range.
    pub(crate) fn offer(self, selection: RwSignal<BTreeSet<Id>>) {
        self.selection.set_value(Some(selection));
    }

    /// From the first of the selected clips to the last.
    fn selected(self, door: Door) -> Option<Stretch> {
        let selection = self.selection.get_value()?.get_untracked();
        let clips: Vec<Clip> = door.read(|records| {
            selection.iter().filter_map(|id| Clip::from_record(records.find(Table::Clips, id)?)).collect()
        });
        Some((clips.iter().map(|clip| clip.start).min()?, clips.iter().map(Clip::end).max()?))
    }

    /// How far it is, in words.
    fn words(self) -> String {
        match self.exports.stage().get() {
            Stage::Idle => "Export".to_owned(),
            Stage::Running(None) => "Exporting".to_owned(),
            Stage::Running(Some(done)) => format!("Exporting: {:.0} %", done * 100.0),
            Stage::Done(_) => "Export: the file is ready".to_owned(),
            Stage::Failed(_) => "Export: it did not work".to_owned(),
        }
    }
}

/// The state as style sheets and tests know it.
fn state(stage: &Stage) -> &'static str {
    match stage {
        Stage::Idle => "idle",
        Stage::Running(_) => "running",
        Stage::Done(_) => "done",
        Stage::Failed(_) => "failed",
    }
}

/// The button in the top bar, or beside the parts of the studio on small screens, where it has a label.
#[component]
pub(crate) fn ExportKey(
    class: &'static str,
    /// What it says beside its icon.
    label: &'static str,
) -> impl IntoView {
    let (export, shortcuts) = (expect_context::<Export>(), expect_context::<Shortcuts>());
    let done = move || match export.exports.stage().get() {
        Stage::Running(done) => done.unwrap_or_default(),
        _ => 0.0,
    };
    view! {
        <button type="button" class=class data-testid="export" title=move || shortcuts.tip(&export.words(), Command::Export) aria-label=move || export.words()
            aria-haspopup="dialog" data-state=move || export.exports.stage().with(state) style:--done=move || done().to_string()
            on:click=move |_| export.toggle()>{icon(Icon::Download)} {label}</button>
    }
}

/// The dialog; nothing while it is closed.
#[component]
pub(crate) fn ExportDialog() -> impl IntoView {
    let export = expect_context::<Export>();
    view! {
        <Show when=move || export.open.get()>
            <Dialog />
        </Show>
    }
}
