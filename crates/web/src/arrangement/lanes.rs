//! The lanes: the canvas with grid and clips, the playhead over it, and the pointer on both.

use std::rc::Rc;
use std::time::Duration;

use leptos::html::{Canvas, Div};
use leptos::prelude::*;

use super::board::Board;
use super::clip_list::ClipList;
use super::gesture::Gestures;
use super::paint::Picture;
use super::peers::Peers;
use super::shape::{Part, Shaping};
use super::stage;
use crate::automation::{LaneCurve, LanesShown};
use crate::design::{Icon, icon};
use crate::door::clock::{self, Frame};
use crate::door::sound::{Sound, Trial};

/// By then a page is built and painted.
const FIRST_PICTURE: Duration = Duration::from_millis(100);

/// The canvas of the lanes.
#[component]
pub(super) fn Lanes() -> impl IntoView {
    let board = expect_context::<Board>();
    let sound = expect_context::<Sound>();
    let canvas = NodeRef::<Canvas>::new();
    paint_when_needed(board, sound, canvas);
    let gestures = Gestures::new(board);
    // A clip in the hand is heard before it is let go.
    Effect::new(move |_| {
        let tried = board.shaping.with(|shaping| shaping.as_ref().map(Shaping::operations));
        sound.try_out(Trial::Clip, tried.unwrap_or_default());
    });
    let playhead = NodeRef::<Div>::new();
    follow(board, sound, playhead);
    let fitted = StoredValue::new(false);
    Effect::new(move |_| {
        let Some(canvas) = canvas.get() else { return };
        let measured = canvas.clone();
        let resized = move || {
            board.lane_height.set(stage::style_length("--lane").unwrap_or(76.0));
            board.automation_height.set(stage::style_length("--automation").unwrap_or(64.0));
            let (width, height) = stage::size(&measured);
            let extent = board.extent();
            board.viewport.update(|view| *view = super::viewport::Viewport { width, height, ..*view }.held(extent));
            if width > 0.0 && !fitted.get_value() {
                fitted.set_value(true);
                open_view(board);
            }
        };
        resized();
        stage::on_resize(&canvas, resized);
        gestures.listen_to_wheel(&canvas);
    });
    let is_held = move |parts: &[Part]| {
        let held = board.shaping.with(|shaping| shaping.as_ref().map(|shaping| shaping.part));
        let part = held.or_else(|| board.hover.with(|hover| hover.as_ref().and_then(|(_, part)| *part)));
        part.is_some_and(|part| parts.contains(&part))
    };
    view! {
        <div
            class="lanes"
            class:shapes-across=move || is_held(&[Part::FadeIn, Part::FadeOut, Part::Slip, Part::Start, Part::End]) class:shapes-up=move || is_held(&[Part::Gain])
            class:is-barred=move || board.drag.with(|drag| drag.as_ref().is_some_and(|drag| board.scene(|scene| drag.is_barred(scene))))
            class:is-dragging=move || board.drag.with(|drag| drag.as_ref().is_some_and(super::drag::Drag::changes))
            on:pointerdown=move |event| gestures.down(&event)
            on:pointermove=move |event| gestures.moved(&event)
            on:pointerup=move |event| gestures.up(&event)
            on:pointercancel=move |event| gestures.cancel(&event)
            on:pointerleave=move |_| gestures.left()
        >
            <canvas class="lanes-canvas" node_ref=canvas aria-hidden="true"></canvas>
            <ClipList />
            <AutomationLanes />
            <Peers />
            {move || board.marquee.get().map(|[left, top, width, height]| view! {
                <div class="marquee" aria-hidden="true" style=format!("left: {left:.0}px; top: {top:.0}px; width: {width:.0}px; height: {height:.0}px")></div>
            })}
            <div class="playhead" node_ref=playhead aria-hidden="true"></div>
            <ClipButton />
        </div>
    }
}

/// Opens the panel of the selected clip where there is no key and no second button to do it.
#[component]
fn ClipButton() -> impl IntoView {
    let board = expect_context::<Board>();
    let one =
        move || board.selection.with(|selection| (selection.len() == 1).then(|| selection.first().cloned()).flatten());
    view! {
        <Show when=move || one().is_some() && board.door.may_edit_now()>
            <button type="button" class="button clip-button" data-testid="clip-button" on:pointerdown=|event| event.stop_propagation()
                on:click=move |_| if let Some(clip) = one() { super::clip_panel::open(board, &clip) }>{icon(Icon::Sliders)} "Clip"</button>
        </Show>
    }
}

/// The lanes of automation that are shown.
#[component]
fn AutomationLanes() -> impl IntoView {
    let shown = expect_context::<LanesShown>();
    view! {
        <div class="auto-lanes">
            <For each=move || shown.all() key=|(_, number)| *number let((track, number))>
                <LaneCurve track number />
            </For>
        </div>
    }
}

/// A song that is short enough is shown whole at first, a longer one from its start at a zoom at which one can see something.
fn open_view(board: Board) {
    let widest = board.viewport.get_untracked();
    board.fit();
    if board.viewport.get_untracked().pixels_per_beat < 6.0 {
        board.viewport.set(super::viewport::Viewport { pixels_per_beat: 6.0, ..widest });
    }
}

fn paint_when_needed(board: Board, sound: Sound, canvas: NodeRef<Canvas>) {
    let imports = board.door.imports();
    imports.on_change(Some(Rc::new(move || board.redraw())));
    let imports = StoredValue::new_local(imports);
    on_cleanup(move || imports.with_value(|imports| imports.on_change(None)));
    let times = board.door.times();
    let frame = Frame::new(move |_| {
        let (Some(Some(canvas)), Some(times)) = (canvas.try_get_untracked(), times.try_read_untracked()) else {
            return;
        };
        let view = board.viewport.get_untracked();
        let Some(context) = stage::prepare(&canvas, (view.width, view.height)) else { return };
        board.scene(|scene| {
            let picture = Picture {
                board,
                scene,
                view,
                lane_height: board.lane_height.get_untracked(),
                rows: board.rows.get_untracked(),
                times: &times,
                region: sound.region().get_untracked(),
                looks: std::cell::RefCell::default(),
            };
            picture.lanes(&context);
        });
    });
    let frame = StoredValue::new_local(frame);
    Effect::new(move |_| {
        board.viewport.track();
        board.selection.track();
        board.drag.track();
        board.shaping.track();
        board.held_clips.track();
        board.hover.track();
        board.incoming.track();
        board.changed.track();
        board.rows.track();
        times.track();
        sound.region().track();
        frame.with_value(Frame::ask);
    });
    redraw_when_fonts_are_here(board);
}

/// Text painted before the font has come is in another.
fn redraw_when_fonts_are_here(board: Board) {
    // To ask for the fonts has the browser lay the page out at once: not while it is being built.
    clock::after(FIRST_PICTURE, move || {
        leptos::task::spawn_local(async move {
            let fonts = js_sys::Reflect::get(&document(), &"fonts".into()).ok();
            let ready = fonts.and_then(|fonts| js_sys::Reflect::get(&fonts, &"ready".into()).ok());
            if let Some(ready) = ready {
                // Should it fail, another font is on the canvas: nothing to do about it.
                let _ = wasm_bindgen_futures::JsFuture::from(js_sys::Promise::resolve(&ready)).await;
                board.redraw();
            }
        });
    });
}

/// Moves the playhead, and the view after it.
fn follow(board: Board, sound: Sound, playhead: NodeRef<Div>) {
    sound.on_frame(move |heard| {
        let Some(node) = playhead.get_untracked() else { return };
        let view = board.viewport.get_untracked();
        let beat = heard.position.beats();
        let x = view.x(beat);
        if heard.playing
            && board.follows.get_untracked()
            && board.drag.with_untracked(Option::is_none)
            && (x > view.width || x < 0.0)
        {
            board.pan(x - view.width * 0.08, 0.0);
        }
        let x = board.viewport.get_untracked().x(beat);
        let visible = (-2.0..=view.width + 2.0).contains(&x);
        let style = (*node).style();
        let _ = style.set_property("transform", &format!("translateX({x:.2}px)"));
        let _ = style.set_property("opacity", if visible { "1" } else { "0" });
    });
    Effect::new(move |_| {
        board.viewport.track();
        sound.refresh();
    });
}
