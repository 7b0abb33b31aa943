//! Bytes to a signed address, with progress.

use std::collections::BTreeMap;

use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, ProgressEvent, XmlHttpRequest};

use super::api::Failure;

/// Where and how to put the bytes.
#[derive(Clone, Debug, serde::Deserialize)]
pub(super) struct Signed {
    url: String,
    #[serde(default = "put_method")]
    method: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

fn put_method() -> String {
    "PUT".to_owned()
}

#[derive(serde::Deserialize)]
struct Message {
    message: String,
}

/// Sends the bytes; `progress` is told the part that is there. (`fetch` cannot tell.)
pub(super) async fn put(signed: &Signed, bytes: &Blob, progress: impl Fn(f64) + 'static) -> Result<(), Failure> {
    let unreachable = |_: JsValue| Failure { status: 0, message: "The server cannot be reached.".to_owned() };
    let request = XmlHttpRequest::new().map_err(unreachable)?;
    request.open_with_async(&signed.method, &signed.url, true).map_err(unreachable)?;
    for (name, value) in &signed.headers {
        request.set_request_header(name, value).map_err(unreachable)?;
    }
    let on_progress = Closure::<dyn FnMut(ProgressEvent)>::new(move |event: ProgressEvent| {
        if event.length_computable() && event.total() > 0.0 {
            progress(event.loaded() / event.total());
        }
    });
    request.upload().map_err(unreachable)?.set_onprogress(Some(on_progress.as_ref().unchecked_ref()));
    let ended = js_sys::Promise::new(&mut |resolve, _| {
        // Called at every end: success, failure, abort.
        request.set_onloadend(Some(&resolve));
    });
    request.send_with_opt_blob(Some(bytes)).map_err(unreachable)?;
    JsFuture::from(ended).await.map_err(unreachable)?;
    let status = request.status().unwrap_or(0);
    if (200..300).contains(&status) {
        return Ok(());
    }
    let text = request.response_text().ok().flatten().unwrap_or_default();
    let message = serde_json::from_str::<Message>(&text).map(|body| body.message);
    Err(Failure { status, message: message.unwrap_or_else(|_| format!("The server answered with status {status}.")) })
}
