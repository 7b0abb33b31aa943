//! What can be chosen: `form.html`, filled in and read.

use js_sys::Reflect;
use model::Ticks;
use serde_json::{Map, Value, json};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, HtmlElement};

use crate::door::exports::Wanted;

/// Its fields. A part of it is there only for some choices: `data-for` says for which.
pub(super) const HTML: &str = include_str!("form.html");
/// What is remembered from one export to the next.
const REMEMBERED: [&str; 11] =
    ["format", "what", "bits", "rate", "kbps", "tail", "seconds", "loudness", "lufs", "artist", "where"];
/// Where.
const SETTING: &str = "unisono.export";

/// A part of the song: from where to where.
pub(super) type Stretch = (Ticks, Ticks);

/// What can be had now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// Files from this device.
    pub(super) device: bool,
    /// Files from the server.
    pub(super) server: bool,
    pub(super) region: Stretch,
    /// From the first of the selected clips to the last, if there are any.
    pub(super) clips: Option<Stretch>,
}

/// The form on the screen.
pub(super) struct Form(pub(super) HtmlElement);

impl Form {
    /// The field of this name, or several of which one is chosen.
    fn field(&self, name: &str) -> JsValue {
        let fields = Reflect::get(&self.0, &"elements".into()).unwrap_or_default();
        Reflect::get(&fields, &name.into()).unwrap_or_default()
    }

    fn get(&self, name: &str) -> String {
        Reflect::get(&self.field(name), &"value".into()).ok().and_then(|value| value.as_string()).unwrap_or_default()
    }

    /// Writes or chooses; what a field does not offer chooses nothing.
    pub(super) fn set(&self, name: &str, value: &str) {
        let _ = Reflect::set(&self.field(name), &"value".into(), &value.into());
    }

    fn each(&self, selector: &str, mut then: impl FnMut(Element)) {
        let Ok(found) = self.0.query_selector_all(selector) else { return };
        (0..found.length()).filter_map(|at| found.get(at)?.dyn_into().ok()).for_each(&mut then);
    }

    /// Names the loop.
    pub(super) fn name_loop(&self, words: &str) {
        self.each("[value=loop]", |option| option.set_text_content(Some(words)));
    }

    /// Shows what applies to what is chosen, and leaves nothing chosen that cannot be had.
    pub(super) fn fit(&self, offer: Offer) {
        let format = self.get("format");
        let tail = format!("tail={}", self.get("tail"));
        let loudness = format!("loudness={}", self.get("loudness"));
        let device = if offer.device && format != "ogg" { "device" } else { "" };
        let online = if offer.server { "online" } else { "" };
        let clips = offer.clips.map_or("", |_| "clips");
        let chosen = [&*format, &*tail, &*loudness, device, online, clips];
        self.each("[data-for]", |part| {
            let wanted = part.get_attribute("data-for").unwrap_or_default();
            let applies = wanted.split(' ').any(|one| chosen.contains(&one));
            for attribute in ["hidden", "disabled"] {
                let _ = part.toggle_attribute_with_force(attribute, !applies);
            }
        });
        if format == "flac" && self.get("bits") == "32f" {
            self.set("bits", "24");
        }
        match (device.is_empty(), offer.server) {
            (true, true) => self.set("where", "server"),
            (false, false) => self.set("where", "device"),
            (true, false) if format == "ogg" => {
                self.set("format", "wav");
                self.fit(offer);
            }
            _ => {}
        }
    }

    /// What is wanted.
    pub(super) fn wanted(&self, offer: Offer) -> Wanted {
        let text = |name: &str| Some(self.get(name)).filter(|text| !text.trim().is_empty());
        let number = |name: &str| text(name).and_then(|text| text.parse::<f64>().ok());
        let own = |name: &str, field: &str| if self.get(name) == "own" { number(field) } else { number(name) };
        let format = self.get("format");
        let lossless = format == "wav" || format == "flac";
        let stretch = match self.get("range").as_str() {
            "loop" => Some(offer.region),
            "clips" => offer.clips,
            _ => None,
        };
        let range = stretch.map(|(from, to)| json!({ "unit": "beats", "from": from.beats(), "to": to.beats() }));
        let whole = |number: Option<f64>| number.map(|number| number as u32);
        let settings = [
            ("bits", json!(text("bits").filter(|_| lossless))),
            ("sampleRate", json!(whole(number("rate")).filter(|_| lossless))),
            ("kbps", json!(whole(number("kbps")).filter(|_| !lossless))),
            ("range", json!(range)),
            ("tailSeconds", json!(own("tail", "seconds"))),
            ("loudness", json!(own("loudness", "lufs"))),
            ("title", json!(text("title"))),
            ("artist", json!(text("artist"))),
            ("format", json!(format)),
        ];
        let settings: Map<String, Value> = settings
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        Wanted {
            by_server: self.get("where") == "server",
            stems: self.get("what") == "stems",
            name: self.get("name").trim().to_owned(),
            settings,
        }
    }

    /// Keeps the choices in this browser.
    pub(super) fn remember(&self) {
        let chosen: Map<String, Value> =
            REMEMBERED.iter().map(|name| ((*name).to_owned(), self.get(name).into())).collect();
        if let Some(store) = store() {
            // A full or closed store forgets them, no more.
            let _ = store.set_item(SETTING, &Value::from(chosen).to_string());
        }
    }

    /// Chooses what was chosen last.
    pub(super) fn recall(&self) {
        let kept = store().and_then(|store| store.get_item(SETTING).ok()?);
        let Some(Value::Object(chosen)) = kept.and_then(|text| serde_json::from_str(&text).ok()) else { return };
        for name in REMEMBERED {
            if let Some(value) = chosen.get(name).and_then(Value::as_str) {
                self.set(name, value);
            }
        }
    }
}

fn store() -> Option<web_sys::Storage> {
    web_sys::window()?.local_storage().ok()?
}
