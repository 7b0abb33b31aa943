//! Bytes to a signed address, a piece at a time, with progress. What broke off goes on where the server stands.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, ProgressEvent, XmlHttpRequest};

use super::api::Failure;
use super::clock;

/// Bytes of a piece.
const PIECE_BYTES: f64 = 8.0 * 1_048_576.0;
/// How long a piece may stand still: a network that was cut does not say so by itself.
const STANDSTILL_MS_MAX: f64 = 40_000.0;
/// How often it is looked whether one does.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// An address is used for so long; the server's signature holds for an hour.
const SIGNED_MS_MAX: f64 = 30.0 * 60.0 * 1_000.0;

/// Where to send the bytes.
#[derive(Clone, Debug, serde::Deserialize)]
pub(super) struct Signed {
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

/// How far sending has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Everything is there.
    Whole,
    /// The address has become old: another has to be asked for.
    Part,
}

/// Whether the same bytes may be sent again after this: the network was cut or slow, another request continues the upload,
/// or the server does not stand where it was thought to.
pub(super) fn may_go_on(failure: &Failure) -> bool {
    failure.is_passing() || matches!(failure.status, 408 | 409)
}

/// Sends what the server lacks of `bytes`. `standing` is told how many bytes it has for certain, `progress` the part, 0 to 1,
/// that is there or on its way.
pub(super) async fn send(
    signed: &Signed,
    bytes: &Blob,
    standing: impl Fn(f64),
    progress: impl Fn(f64) + 'static,
) -> Result<Sent, Failure> {
    let (size, begun) = (bytes.size(), clock::milliseconds());
    let progress = Rc::new(progress);
    let mut offset = request("HEAD", signed, None, None, |_| {}).await?;
    loop {
        standing(offset);
        progress(offset / size);
        if clock::milliseconds() - begun > SIGNED_MS_MAX {
            return Ok(Sent::Part);
        }
        let end = (offset + PIECE_BYTES).min(size);
        let piece = bytes.slice_with_f64_and_f64(offset, end).map_err(|_| unreachable())?;
        let (told, from) = (Rc::clone(&progress), offset);
        offset = request("PATCH", signed, Some(from), Some(&piece), move |loaded| told((from + loaded) / size)).await?;
        if offset >= size {
            return Ok(Sent::Whole);
        }
    }
}

#[derive(serde::Deserialize)]
struct Message {
    message: String,
}

fn unreachable() -> Failure {
    Failure { status: 0, message: "The server cannot be reached.".to_owned() }
}

/// One request; gives the offset at which the server then stands. `loaded` is told the bytes that have left. (`fetch` cannot
/// tell.)
async fn request(
    method: &str,
    signed: &Signed,
    offset: Option<f64>,
    body: Option<&Blob>,
    loaded: impl Fn(f64) + 'static,
) -> Result<f64, Failure> {
    let failed = |_: JsValue| unreachable();
    let request = XmlHttpRequest::new().map_err(failed)?;
    request.open_with_async(method, &signed.url, true).map_err(failed)?;
    if let Some(offset) = offset {
        for (name, value) in &signed.headers {
            request.set_request_header(name, value).map_err(failed)?;
        }
        request.set_request_header("upload-offset", &offset.to_string()).map_err(failed)?;
    }
    let moved = Rc::new(Cell::new(clock::milliseconds()));
    let last = Rc::clone(&moved);
    let on_progress = Closure::<dyn FnMut(ProgressEvent)>::new(move |event: ProgressEvent| {
        last.set(clock::milliseconds());
        loaded(event.loaded());
    });
    request.upload().map_err(failed)?.set_onprogress(Some(on_progress.as_ref().unchecked_ref()));
    let ended = js_sys::Promise::new(&mut |resolve, _| {
        // Called at every end: success, failure, abort.
        request.set_onloadend(Some(&resolve));
    });
    request.send_with_opt_blob(body).map_err(failed)?;
    abort_at_a_standstill(request.clone(), moved);
    JsFuture::from(ended).await.map_err(failed)?;
    outcome(&request)
}

fn outcome(request: &XmlHttpRequest) -> Result<f64, Failure> {
    let status = request.status().unwrap_or(0);
    let offset = request.get_response_header("upload-offset").ok().flatten().and_then(|text| text.parse().ok());
    match (status, offset) {
        (200..300, Some(offset)) => Ok(offset),
        (0, _) => Err(unreachable()),
        _ => {
            let text = request.response_text().ok().flatten().unwrap_or_default();
            let message = serde_json::from_str::<Message>(&text).map(|body| body.message);
            let message = message.unwrap_or_else(|_| format!("The server answered with status {status}."));
            Err(Failure { status, message })
        }
    }
}

fn abort_at_a_standstill(request: XmlHttpRequest, moved: Rc<Cell<f64>>) {
    leptos::task::spawn_local(async move {
        while request.ready_state() != XmlHttpRequest::DONE {
            if clock::milliseconds() - moved.get() > STANDSTILL_MS_MAX {
                // One that has ended meanwhile does not mind.
                let _ = request.abort();
                return;
            }
            clock::sleep(LOOK_EVERY).await;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_goes_on_after_what_passes_and_not_after_what_does_not() {
        let after = |status| may_go_on(&Failure { status, message: String::new() });
        for passing in [0, 408, 409, 429, 500, 503, 507] {
            assert!(after(passing), "{passing}");
        }
        for lasting in [400, 401, 403, 404, 413] {
            assert!(!after(lasting), "{lasting}");
        }
    }
}
