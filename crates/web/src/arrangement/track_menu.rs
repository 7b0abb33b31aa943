//! What can be done with a track: rename, recolour, move, delete.

use leptos::html::Div;
use leptos::prelude::*;
use model::{Id, Table};
use operations::build;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use super::board::Board;
use super::headers::{move_track, rank_of};
use crate::automation::LanesShown;
use crate::controls::focus;
use crate::design::{Icon, PALETTE, icon};

/// The menu; closes on choice, Escape, and a press elsewhere.
#[component]
pub(super) fn TrackMenu(id: Id, name: Memo<String>, open: RwSignal<bool>, renaming: RwSignal<bool>) -> impl IntoView {
    let board = expect_context::<Board>();
    let panel = NodeRef::<Div>::new();
    let opener = document().active_element().and_then(|element| element.dyn_into::<HtmlElement>().ok());
    let opener = StoredValue::new_local(opener);
    let close = move || {
        open.set(false);
        opener.with_value(|opener| {
            if let Some(opener) = opener {
                let _ = opener.focus();
            }
        });
    };
    Effect::new(move |_| {
        if let Some(panel) = panel.get() {
            place(&panel, opener);
            step(&panel, 1);
        }
    });
    let id = StoredValue::new(id);
    let lanes = expect_context::<LanesShown>();
    let act = move |what: &'static str, field: &'static str, value: &str| {
        board.door.dispatch(what, vec![build::set(Table::Tracks, &id.get_value(), field, value)]);
        close();
    };
    let shift = move |by: isize| {
        let id = id.get_value();
        move_track(board, &id, rank_of(board, &id).saturating_add_signed(by));
        close();
    };
    let delete = move |_| {
        close();
        if !board.door.dispatch("Delete track", vec![build::delete(Table::Tracks, &id.get_value())]) {
            return;
        }
        focus::keep(None, &[".head-name", ".head-add button"]);
        let (step, restore) = (board.door.last_step(), id.get_value());
        board.door.toasts().removed(format!("“{}” was deleted", name.get_untracked()), step.clone(), move || {
            let restored = vec![build::restore(Table::Tracks, &restore)];
            board.door.take_back(step.as_ref(), "Restore track", restored);
        });
    };
    let key = move |event: leptos::ev::KeyboardEvent| {
        event.stop_propagation();
        match (event.key().as_str(), panel.get_untracked()) {
            ("Escape" | "Tab", _) => close(),
            ("ArrowDown" | "ArrowRight", Some(panel)) => step(&panel, 1),
            ("ArrowUp" | "ArrowLeft", Some(panel)) => step(&panel, -1),
            _ => return,
        }
        event.prevent_default();
    };
    let swatches = PALETTE.map(|(label, colour)| {
        view! {
            <button type="button" class="swatch" role="menuitem" aria-label=label title=label style:--swatch=colour
                on:click=move |_| act("Recolour track", "colour", colour)></button>
        }
    });
    view! {
        <div class="scrim" on:pointerdown=move |_| close()></div>
        <div class="popover menu" role="menu" aria-label=move || format!("Track {}", name.get()) tabindex="-1" node_ref=panel on:keydown=key>
            <div class="swatches" role="group" aria-label="Colour">{swatches}</div>
            <MenuItem icon=Icon::Pencil label="Rename" hint="F2" run=move || { close(); renaming.set(true); } />
            <MenuItem icon=Icon::Lanes label="Automation" hint="A" run=move || { close(); lanes.toggle(&id.get_value()); } />
            <MenuItem icon=Icon::Up label="Move up" hint="Alt ↑" run=move || shift(-1) />
            <MenuItem icon=Icon::Down label="Move down" hint="Alt ↓" run=move || shift(1) />
            <button type="button" class="menu-item is-danger" role="menuitem" on:click=delete>{icon(Icon::Bin)} <span>"Delete track"</span></button>
        </div>
    }
}

#[component]
fn MenuItem(icon: Icon, label: &'static str, hint: &'static str, run: impl Fn() + 'static) -> impl IntoView {
    view! {
        <button type="button" class="menu-item" role="menuitem" on:click=move |_| run()>
            {self::icon(icon)} <span>{label}</span> <kbd>{hint}</kbd>
        </button>
    }
}

/// Beside the button that opened it.
fn place(panel: &HtmlElement, opener: StoredValue<Option<HtmlElement>, LocalStorage>) {
    if let Some(button) = opener.with_value(|opener| opener.as_ref().map(|opener| opener.get_bounding_client_rect())) {
        place_beside(panel, &button);
    }
}

/// Below or above what it belongs to, within the window.
pub(super) fn place_beside(panel: &HtmlElement, button: &web_sys::DomRect) {
    let size = panel.get_bounding_client_rect();
    let limit = |value: Result<wasm_bindgen::JsValue, wasm_bindgen::JsValue>| {
        value.ok().and_then(|value| value.as_f64()).unwrap_or(800.0)
    };
    let (width, height) = (limit(window().inner_width()), limit(window().inner_height()));
    let left = button.left().min(width - size.width() - 8.0).max(8.0);
    let top = if button.bottom() + size.height() + 12.0 > height {
        (button.top() - size.height() - 6.0).min(height - size.height() - 8.0)
    } else {
        button.bottom() + 6.0
    };
    let _ = panel.style().set_property("left", &format!("{left}px"));
    let _ = panel.style().set_property("top", &format!("{}px", top.max(8.0)));
}

/// Moves the focus among the items.
fn step(panel: &HtmlElement, by: i32) {
    let Ok(items) = panel.query_selector_all("[role=menuitem]") else { return };
    let count = i32::try_from(items.length()).unwrap_or(0);
    let active = document().active_element();
    let item = |index: i32| {
        u32::try_from(index)
            .ok()
            .and_then(|index| items.item(index))
            .and_then(|item| item.dyn_into::<HtmlElement>().ok())
    };
    let current = (0..count).find(|index| item(*index).is_some_and(|item| active.as_deref() == Some(item.as_ref())));
    let next = current.map_or(0, |current| (current + by).rem_euclid(count.max(1)));
    if let Some(item) = item(next) {
        let _ = item.focus();
    }
}
