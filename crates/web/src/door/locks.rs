//! Locks that the tabs of one browser share (Web Locks). On plain http there are none.

use js_sys::{Array, Function, Object, Promise, Reflect};
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

    #[wasm_bindgen(method, catch, js_name = query)]
    fn query(this: &Locks) -> Result<Promise, JsValue>;
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
    ask(name, &Object::new()).await
}

/// Holds the lock of this name together with whoever else does, so that [`held`] tells of it as long as this tab is there.
pub(super) async fn share(name: &str) -> Held {
    let options = Object::new();
    // A plain object takes any property.
    let _ = Reflect::set(&options, &"mode".into(), &"shared".into());
    ask(name, &options).await
}

/// The names of all locks that tabs hold; none where there are no locks, or the browser does not say.
pub(super) async fn held() -> Option<Vec<String>> {
    let told = JsFuture::from(locks()?.query().ok()?).await.ok()?;
    let held = Reflect::get(&told, &"held".into()).ok()?;
    let name = |lock: JsValue| Reflect::get(&lock, &"name".into()).ok()?.as_string();
    Some(Array::from(&held).iter().filter_map(name).collect())
}

async fn ask(name: &str, options: &Object) -> Held {
    let Some(locks) = locks() else { return Held(None) };
    let mut asked = None;
    let granted = Promise::new(&mut |resolve, _| {
        // It is held until the promise that this gives is kept.
        let holding = Closure::once_into_js(move |_lock: JsValue| -> Promise {
            Promise::new(&mut |release, _| drop(resolve.call1(&JsValue::NULL, &release)))
        });
        asked = locks.request(name, options, holding.unchecked_ref()).ok();
    });
    if asked.is_none() {
        return Held(None);
    }
    let release = JsFuture::from(granted).await;
    Held(release.ok().map(JsCast::unchecked_into))
}
