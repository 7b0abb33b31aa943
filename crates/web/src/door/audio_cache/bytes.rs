//! Bytes as they come: from the network, or from a file on this device.

use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, ReadableStreamDefaultReader};

use crate::door::api;
use crate::door::peaks::{Signed, Wanted};

/// Bytes of a file that are read at once.
const PART_BYTES: f64 = 1_048_576.0;

/// Something that is read from its beginning to its end.
pub(in crate::door) enum Bytes {
    /// From the server.
    Network(ReadableStreamDefaultReader),
    /// From this device.
    File { blob: Blob, at: f64 },
}

/// They broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::door) struct BrokenOff;

impl From<JsValue> for BrokenOff {
    fn from(_: JsValue) -> BrokenOff {
        BrokenOff
    }
}

impl Bytes {
    /// Those of a file.
    pub(super) fn of_file(file: &Blob) -> Bytes {
        Bytes::File { blob: file.clone(), at: 0.0 }
    }

    /// Those of a part of a recording on the server, and how many there are.
    pub(in crate::door) async fn download(
        file: &model::Id,
        kind: &'static str,
    ) -> Result<(Bytes, Option<u64>), api::Failure> {
        let signed: Signed = api::post(&format!("/api/audio-files/{file}/download"), &Wanted { kind }).await?;
        let response = api::open(&signed.url).await?;
        let length = response.headers().get("content-length").ok().flatten().and_then(|text| text.parse().ok());
        let broken = || api::Failure { status: 0, message: "Its download broke off.".to_owned() };
        let reader = response.body().ok_or_else(broken)?.get_reader().unchecked_into();
        Ok((Bytes::Network(reader), length))
    }

    /// The next ones; none at the end.
    pub(in crate::door) async fn next(&mut self) -> Result<Option<Vec<u8>>, BrokenOff> {
        match self {
            Bytes::Network(reader) => {
                let part = JsFuture::from(reader.read()).await?;
                let get = |name: &str| Reflect::get(&part, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED);
                Ok((!get("done").is_truthy()).then(|| get("value").unchecked_into::<Uint8Array>().to_vec()))
            }
            Bytes::File { blob, at } => {
                if *at >= blob.size() {
                    return Ok(None);
                }
                let to = (*at + PART_BYTES).min(blob.size());
                let part = blob.slice_with_f64_and_f64(*at, to)?;
                let buffer = JsFuture::from(part.array_buffer()).await?;
                *at = to;
                Ok(Some(Uint8Array::new(&buffer).to_vec()))
            }
        }
    }
}
