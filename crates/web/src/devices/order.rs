//! Effects are put elsewhere in the chain by dragging them.

use leptos::prelude::*;
use model::Id;
use wasm_bindgen::JsCast;
use web_sys::{Element, PointerEvent};

use crate::design::{Icon, icon};
use crate::door::Door;

/// The effect in the hand, and the place in the chain at which it would land.
#[derive(Clone, Copy)]
pub(super) struct Lifted(RwSignal<Option<(Id, usize)>>);

impl Lifted {
    pub(super) fn new() -> Lifted {
        Lifted(RwSignal::new(None))
    }

    /// Whether this effect is in the hand.
    pub(super) fn is(self, id: &Id) -> bool {
        self.0.with(|lifted| lifted.as_ref().is_some_and(|(other, _)| other == id))
    }

    /// On which side of the effect at `place`, itself `own` places from the start, what is in the hand would land.
    pub(super) fn side(self, place: usize, own: impl Fn(&Id) -> Option<usize>) -> Option<&'static str> {
        self.0.with(|lifted| {
            let (id, to) = lifted.as_ref()?;
            let from = own(id)?;
            (*to == place && from != place).then_some(if from < place { "after" } else { "before" })
        })
    }
}

/// The handle. `land` is told the place at which the effect is let go.
#[component]
pub(super) fn Handle(id: StoredValue<Id>, place: Memo<usize>, land: Callback<usize>) -> impl IntoView {
    let door = expect_context::<Door>();
    let lifted = expect_context::<Lifted>();
    let down = move |event: PointerEvent| {
        if !door.may_edit() || event.button() != 0 {
            return;
        }
        if let Some(handle) = handle_of(&event) {
            // A pointer that is gone already holds nothing.
            let _ = handle.set_pointer_capture(event.pointer_id());
        }
        lifted.0.set(Some((id.get_value(), place.get_untracked())));
    };
    let moved = move |event: PointerEvent| {
        if lifted.0.with_untracked(Option::is_none) {
            return;
        }
        let chain = handle_of(&event).and_then(|handle| handle.closest(".rack-chain").ok().flatten());
        let Some(chain) = chain else { return };
        let to = place_at(&middles(&chain), f64::from(event.client_x()), place.get_untracked());
        if lifted.0.with_untracked(|lifted| lifted.as_ref().is_none_or(|(_, before)| *before != to)) {
            lifted.0.set(Some((id.get_value(), to)));
        }
    };
    let up = move |_| {
        if let Some((_, to)) = lifted.0.get_untracked() {
            lifted.0.set(None);
            if to != place.get_untracked() {
                land.run(to);
            }
        }
    };
    view! {
        <div class="grip effect-grip" class:is-locked=move || !door.may_edit_now() data-testid="effect-grip" aria-hidden="true"
            title=move || door.title("Drag to another place in the chain") on:pointerdown=down on:pointermove=moved on:pointerup=up
            on:pointercancel=move |_| lifted.0.set(None)>{icon(Icon::Grip)}</div>
    }
}

fn handle_of(event: &PointerEvent) -> Option<Element> {
    event.current_target().and_then(|target| target.dyn_into().ok())
}

/// Where the middles of the effects are, from left to right.
fn middles(chain: &Element) -> Vec<f64> {
    let Ok(cards) = chain.query_selector_all("[data-device]") else { return Vec::new() };
    let middle = |index: u32| {
        let card = cards.item(index)?.dyn_into::<Element>().ok()?.get_bounding_client_rect();
        Some(card.left() + card.width() / 2.0)
    };
    (0..cards.length()).filter_map(middle).collect()
}

/// The place among the others at which what comes from `own` lands at pixel `x`.
fn place_at(middles: &[f64], x: f64, own: usize) -> usize {
    middles.iter().enumerate().filter(|(place, middle)| *place != own && **middle < x).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_lands_behind_those_whose_middle_it_has_passed() {
        let middles = [100.0, 300.0, 500.0];
        assert_eq!([0.0, 250.0, 350.0, 900.0].map(|x| place_at(&middles, x, 0)), [0, 0, 1, 2]);
        assert_eq!([0.0, 150.0, 350.0].map(|x| place_at(&middles, x, 2)), [0, 1, 2]);
    }
}
