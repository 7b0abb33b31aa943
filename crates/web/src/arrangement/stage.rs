//! A canvas that is as sharp as the screen and paints at most once per frame.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ResizeObserver};

/// Makes the canvas's pixels those of the screen; gives the context and the size in CSS pixels.
pub(super) fn prepare(canvas: &HtmlCanvasElement) -> Option<(CanvasRenderingContext2d, f64, f64)> {
    let (width, height) = (f64::from(canvas.client_width()), f64::from(canvas.client_height()));
    let density = window().device_pixel_ratio().clamp(1.0, 3.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the size of a screen")]
    let (w, h) = ((width * density).round() as u32, (height * density).round() as u32);
    if canvas.width() != w || canvas.height() != h {
        canvas.set_width(w);
        canvas.set_height(h);
    }
    let context = canvas.get_context("2d").ok()??.dyn_into::<CanvasRenderingContext2d>().ok()?;
    let _ = context.set_transform(density, 0.0, 0.0, density, 0.0, 0.0);
    Some((context, width, height))
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
