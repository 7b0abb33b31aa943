//! Timers and animation frames.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;

/// Some frames: where a browser does not say when it is idle, it is taken to be so by then.
const FRAMES: Duration = Duration::from_millis(100);

/// Runs `work` once, after `wait`.
pub(crate) fn after(wait: Duration, work: impl FnOnce() + 'static) {
    leptos::prelude::set_timeout(work, wait);
}

/// Runs `work` once the screen shows what has changed so far, and the browser has nothing more urgent to do.
pub(crate) fn when_quiet(work: impl FnOnce() + 'static) {
    let known = web_sys::window()
        .is_some_and(|window| js_sys::Reflect::has(&window, &"requestIdleCallback".into()) == Ok(true));
    if !known {
        return after(FRAMES, work);
    }
    let work = Cell::new(Some(work));
    leptos::prelude::request_idle_callback(move || {
        if let Some(work) = work.take() {
            work();
        }
    });
}

/// Resolves after `wait`.
pub(crate) async fn sleep(wait: Duration) {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        after(wait, move || drop(resolve.call0(&wasm_bindgen::JsValue::NULL)));
    });
    // A timer's promise is never rejected.
    let _ = wasm_bindgen_futures::JsFuture::from(promise).await;
}

/// Milliseconds since the page was opened, finer than the clock.
pub(crate) fn milliseconds() -> f64 {
    web_sys::window().and_then(|window| window.performance()).map_or(0.0, |performance| performance.now())
}

/// Work that runs at most once per animation frame, however often it is asked for.
#[derive(Clone)]
pub(crate) struct Frame(Rc<FrameInner>);

type FrameClosure = Closure<dyn FnMut(f64)>;

struct FrameInner {
    /// The browser's number of the frame that was asked for.
    asked: Cell<Option<i32>>,
    closure: RefCell<Option<FrameClosure>>,
}

impl Frame {
    /// Frames that run `work` with the frame's time in milliseconds.
    pub(crate) fn new(mut work: impl FnMut(f64) + 'static) -> Frame {
        let inner = Rc::new(FrameInner { asked: Cell::new(None), closure: RefCell::new(None) });
        let weak = Rc::downgrade(&inner);
        let closure = Closure::new(move |time: f64| {
            if let Some(inner) = weak.upgrade() {
                inner.asked.set(None);
                work(time);
            }
        });
        *inner.closure.borrow_mut() = Some(closure);
        Frame(inner)
    }

    /// Runs the work in the next frame.
    pub(crate) fn ask(&self) {
        if self.0.asked.get().is_some() {
            return;
        }
        let (Some(window), closure) = (web_sys::window(), self.0.closure.borrow()) else { return };
        if let Some(closure) = closure.as_ref() {
            self.0.asked.set(window.request_animation_frame(closure.as_ref().unchecked_ref()).ok());
        }
    }
}

impl Drop for FrameInner {
    fn drop(&mut self) {
        if let (Some(number), Some(window)) = (self.asked.get(), web_sys::window()) {
            let _ = window.cancel_animation_frame(number);
        }
    }
}
