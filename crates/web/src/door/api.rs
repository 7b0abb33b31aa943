//! Calls to the server's routes.

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, RequestInit, Response};

/// A call that did not give what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The HTTP status; 0 when the server could not be reached.
    pub(crate) status: u16,
    /// For people.
    pub(crate) message: String,
}

impl Failure {
    fn unreachable() -> Failure {
        Failure { status: 0, message: "The server cannot be reached.".to_owned() }
    }

    /// The answer makes no sense.
    pub(crate) fn nonsense() -> Failure {
        Failure { status: 200, message: "The server's answer could not be understood.".to_owned() }
    }

    /// Whether the same call may work later.
    pub(crate) fn is_passing(&self) -> bool {
        self.status == 0 || self.status == 429 || self.status >= 500
    }
}

#[derive(serde::Deserialize)]
struct Message {
    message: String,
}

/// The logged-in user.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub(crate) struct Me {
    pub(crate) id: model::Id,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) email: String,
}

/// Where it is asked who is logged in.
pub(crate) const ME: &str = "/api/auth/me";

/// The answer.
#[derive(serde::Deserialize)]
pub(crate) struct MeAnswer {
    pub(crate) user: Me,
}

impl MeAnswer {
    /// The answer in a text; none when it is about somebody else than `user`.
    pub(crate) fn of(text: &str, user: &model::Id) -> Option<MeAnswer> {
        serde_json::from_str::<MeAnswer>(text).ok().filter(|answer| answer.user.id == *user)
    }
}

/// Who is logged in; status 401 when nobody is.
pub(crate) async fn me() -> Result<Me, Failure> {
    get::<MeAnswer>(ME).await.map(|answer| answer.user)
}

/// Logs in; who has done so.
pub(crate) async fn log_in(email: &str, password: &str) -> Result<Me, Failure> {
    let body = serde_json::json!({ "email": email, "password": password });
    post::<MeAnswer>("/api/auth/login", &body).await.map(|answer| answer.user)
}

/// Ends the session.
pub(crate) async fn log_out() -> Result<(), Failure> {
    send("POST", "/api/auth/logout", Some("{}")).await.map(drop)
}

/// Gets JSON.
pub(crate) async fn get<T: DeserializeOwned>(path: &str) -> Result<T, Failure> {
    read(send("GET", path, None).await?).await
}

/// Gets text.
pub(crate) async fn get_text(path: &str) -> Result<String, Failure> {
    text(send("GET", path, None).await?).await
}

/// Posts JSON and reads JSON.
pub(crate) async fn post<T: DeserializeOwned>(path: &str, body: &impl Serialize) -> Result<T, Failure> {
    read(post_only(path, body).await?).await
}

/// Posts JSON.
pub(crate) async fn post_only(path: &str, body: &impl Serialize) -> Result<Response, Failure> {
    let body = serde_json::to_string(body).map_err(|error| Failure { status: 400, message: error.to_string() })?;
    send("POST", path, Some(&body)).await
}

/// Deletes.
pub(crate) async fn delete(path: &str) -> Result<(), Failure> {
    send("DELETE", path, None).await.map(drop)
}

/// Gets bytes.
pub(crate) async fn get_bytes(path: &str) -> Result<Vec<u8>, Failure> {
    let response = send("GET", path, None).await?;
    let buffer = response.array_buffer().map_err(|_| Failure::unreachable())?;
    let buffer = JsFuture::from(buffer).await.map_err(|_| Failure::unreachable())?;
    Ok(js_sys::Uint8Array::new(&buffer).to_vec())
}

/// Opens something that is read as it comes.
pub(crate) async fn open(path: &str) -> Result<Response, Failure> {
    send("GET", path, None).await
}

async fn send(method: &str, path: &str, body: Option<&str>) -> Result<Response, Failure> {
    let options = RequestInit::new();
    options.set_method(method);
    if let Some(body) = body {
        options.set_body(&JsValue::from_str(body));
    }
    let request = Request::new_with_str_and_init(path, &options).map_err(|_| Failure::unreachable())?;
    if body.is_some() {
        // The name and value are well-formed, so that this cannot fail.
        let _ = request.headers().set("content-type", "application/json");
    }
    let window = web_sys::window().ok_or_else(Failure::unreachable)?;
    let response = JsFuture::from(window.fetch_with_request(&request)).await.map_err(|_| Failure::unreachable())?;
    let response: Response = response.unchecked_into();
    if response.ok() { Ok(response) } else { Err(failure(response).await) }
}

async fn failure(response: Response) -> Failure {
    let status = response.status();
    let message = read::<Message>(response).await.map(|body| body.message);
    Failure { status, message: message.unwrap_or_else(|_| format!("The server answered with status {status}.")) }
}

async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Failure> {
    serde_json::from_str(&text(response).await?).map_err(|_| Failure::nonsense())
}

async fn text(response: Response) -> Result<String, Failure> {
    let text = JsFuture::from(response.text().map_err(|_| Failure::unreachable())?).await;
    text.ok().and_then(|text| text.as_string()).ok_or_else(Failure::unreachable)
}

#[cfg(test)]
mod tests {
    use model::Id;

    use super::*;

    #[test]
    fn u3_who_is_logged_in_is_no_business_of_another_users() {
        let id = |text| Id::new(text).unwrap();
        let text = r##"{"user": {"id": "bob", "email": "bob@example.org", "name": "Bob", "colour": "#336699"}}"##;
        assert!(MeAnswer::of(text, &id("bob")).is_some_and(|answer| answer.user.email == "bob@example.org"));
        assert!(MeAnswer::of(text, &id("ann")).is_none());
        assert!(MeAnswer::of("{}", &id("bob")).is_none() && MeAnswer::of("", &id("bob")).is_none());
    }
}
