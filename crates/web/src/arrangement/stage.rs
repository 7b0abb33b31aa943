//! A canvas that is as sharp as the screen and paints at most once per frame.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ResizeObserver};

/// A canvas's size in CSS pixels. Asking for it after something on the page has changed makes the browser lay the page out
/// at once, so it is asked for when it may be another one (see [`on_resize`]), not when painting.
pub(super) fn size(canvas: &HtmlCanvasElement) -> (f64, f64) {
    (f64::from(canvas.client_width()), f64::from(canvas.client_height()))
}

/// Makes the pixels of a canvas of this size, in CSS pixels, those of the screen; gives the context.
pub(super) fn prepare(canvas: &HtmlCanvasElement, (width, height): (f64, f64)) -> Option<CanvasRenderingContext2d> {
    let density = window().device_pixel_ratio().clamp(1.0, 3.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the size of a screen")]
    let (w, h) = ((width * density).round() as u32, (height * density).round() as u32);
    if canvas.width() != w || canvas.height() != h {
        canvas.set_width(w);
        canvas.set_height(h);
    }
    let context = canvas.get_context("2d").ok()??.dyn_into::<CanvasRenderingContext2d>().ok()?;
    let _ = context.set_transform(density, 0.0, 0.0, density, 0.0, 0.0);
    Some(context)
}

/// Calls `changed` whenever the canvas gets another size, until its owner goes.
pub(super) fn on_resize(canvas: &HtmlCanvasElement, changed: impl Fn() + 'static) {
    let callback = Closure::<dyn FnMut()>::new(changed);
    let Ok(observer) = ResizeObserver::new(callback.as_ref().unchecked_ref()) else { return };
    observer.observe(canvas);
    let held = StoredValue::new_local((observer, callback));
    on_cleanup(move || {
        let _ = held.try_with_value(|(observer, _)| observer.disconnect());
    });
}

/// A length that the style sheet decides, in CSS pixels.
pub(super) fn style_length(name: &str) -> Option<f64> {
    let root = document().document_element()?;
    let style = window().get_computed_style(&root).ok()??;
    style.get_property_value(name).ok()?.trim().trim_end_matches("px").parse().ok()
}
