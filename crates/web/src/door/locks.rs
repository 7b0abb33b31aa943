//! Locks that the tabs of one browser share (Web Locks). On plain http there are none.

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::{Closure, wasm_bindgen};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

// `web-sys` has these only behind a flag of the compiler.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = LockManager)]
    pub(super) type Locks;

    #[wasm_bindgen(method, catch, js_name = request)]
    pub(super) fn request(this: &Locks, name: &str, options: &Object, granted: &Function) -> Result<Promise, JsValue>;
}

/// The browser's locks; none where it has none.
pub(super) fn locks() -> Option<Locks> {
    let navigator = web_sys::window()?.navigator();
    let locks = Reflect::get(&navigator, &JsValue::from_str("locks")).ok()?;
    (!locks.is_undefined()).then(|| locks.unchecked_into())
}

/// A lock of this tab's, until it is dropped.
pub(super) struct Held(Option<Function>);

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(release) = &self.0 {
            // A promise can be kept once; more does nothing.
            let _ = release.call0(&JsValue::NULL);
        }
    }
}

/// Waits until no other tab holds the lock of this name. Where there are no locks, nobody waits.
pub(super) async fn hold(name: &str) -> Held {
    let Some(locks) = locks() else { return Held(None) };
    let mut asked = None;
    let granted = Promise::new(&mut |resolve, _| {
        // It is held until the promise that this gives is kept.
        let holding = Closure::once_into_js(move |_lock: JsValue| -> Promise {
            Promise::new(&mut |release, _| drop(resolve.call1(&JsValue::NULL, &release)))
        });
        asked = locks.request(name, &Object::new(), holding.unchecked_ref()).ok();
    });
    if asked.is_none() {
        return Held(None);
    }
    let release = JsFuture::from(granted).await;
    Held(release.ok().map(JsCast::unchecked_into))
}
