//! Invitation links: making one, copying it, and taking back those that are open.

use leptos::html::Input;
use leptos::prelude::*;
use model::{Id, Timestamp};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::door::{Door, api, now};

/// How long links last that are offered, in hours and words.
const LASTING: [(u32, &str); 4] = [(24, "1 day"), (7 * 24, "1 week"), (30 * 24, "1 month"), (90 * 24, "3 months")];

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    role: String,
    uses: serde_json::Value,
    expires_in_hours: u32,
}

/// A link that lets people in.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    id: Id,
    role: String,
    uses_max: Option<u32>,
    uses: u32,
    expires_at: String,
}

#[derive(serde::Deserialize)]
struct Made {
    invitation: Link,
    url: String,
}

#[derive(serde::Deserialize)]
struct Answer {
    invitations: Vec<Link>,
}

/// "2 days left", "5 hours left", "under an hour left".
fn left(expires: Timestamp, now: Timestamp) -> String {
    // Rounded, so that what was made for a week has 7 days left.
    let minutes = (expires.0 - now.0) / 60_000;
    let hours = (minutes + 30) / 60;
    match hours {
        _ if minutes < 60 => "under an hour left".to_owned(),
        1 => "1 hour left".to_owned(),
        2..48 => format!("{hours} hours left"),
        _ => format!("{} days left", (hours + 12) / 24),
    }
}

/// "For one person · 6 days left".
fn described(link: &Link, now: Timestamp) -> String {
    let who = match (link.uses_max, link.uses) {
        (Some(_), _) => "For one person".to_owned(),
        (None, 0) => "For many, nobody yet".to_owned(),
        (None, 1) => "For many, 1 has joined".to_owned(),
        (None, uses) => format!("For many, {uses} have joined"),
    };
    match Timestamp::parse(&link.expires_at) {
        Some(expires) => format!("{who} · {}", left(expires, now)),
        None => who,
    }
}

fn link_role(role: &str) -> &'static str {
    match role {
        "owner" => "Owner link",
        "viewer" => "Viewer link",
        _ => "Editor link",
    }
}

/// Puts text on the clipboard; false where the browser does not let pages do that, as over plain http.
async fn copy(text: &str) -> bool {
    let part = |of: &JsValue, name: &str| js_sys::Reflect::get(of, &JsValue::from_str(name)).unwrap_or_default();
    let clipboard = part(&part(&window(), "navigator"), "clipboard");
    if !clipboard.is_object() {
        return false;
    }
    let Ok(write) = part(&clipboard, "writeText").dyn_into::<js_sys::Function>() else { return false };
    let Ok(promise) = write.call1(&clipboard, &JsValue::from_str(text)) else { return false };
    match promise.dyn_into::<js_sys::Promise>() {
        Ok(promise) => JsFuture::from(promise).await.is_ok(),
        Err(_) => false,
    }
}

/// The links of the project.
#[derive(Clone, Copy)]
struct Shelf {
    project: StoredValue<String>,
    links: RwSignal<Vec<Link>>,
    problem: RwSignal<Option<String>>,
}

impl Shelf {
    fn path(self) -> String {
        format!("/api/projects/{}/invitations", self.project.get_value())
    }

    fn load(self) {
        leptos::task::spawn_local(async move {
            match api::get::<Answer>(&self.path()).await {
                Ok(answer) => drop(self.links.try_set(answer.invitations)),
                Err(failure) => drop(self.problem.try_set(Some(failure.message))),
            }
        });
    }

    fn revoke(self, id: Id) {
        leptos::task::spawn_local(async move {
            match api::delete(&format!("{}/{id}", self.path())).await {
                Ok(()) => drop(self.problem.try_set(None)),
                // One that is gone already is as revoked as one can be.
                Err(failure) if failure.status == 404 => {}
                Err(failure) => return drop(self.problem.try_set(Some(failure.message))),
            }
            let _ = self.links.try_update(|links| links.retain(|link| link.id != id));
        });
    }
}

/// The part of the panel that makes and lists links.
#[component]
pub(super) fn Links() -> impl IntoView {
    let door = expect_context::<Door>();
    let project = door.project().with_untracked(|it| it.as_ref().map(|it| it.id.to_string()).unwrap_or_default());
    let shelf =
        Shelf { project: StoredValue::new(project), links: RwSignal::new(Vec::new()), problem: RwSignal::new(None) };
    // Somebody may just have joined by one of them.
    Effect::new(move |_| {
        door.people().with(Vec::len);
        shelf.load();
    });
    let role = RwSignal::new("editor".to_owned());
    let many = RwSignal::new(false);
    let hours = RwSignal::new(LASTING[1].0);
    let busy = RwSignal::new(false);
    let made = RwSignal::new(None::<(Id, String)>);
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        leptos::task::spawn_local(async move {
            let uses = if many.get_untracked() { "many".into() } else { 1.into() };
            let wanted = Wanted { role: role.get_untracked(), uses, expires_in_hours: hours.get_untracked() };
            let answer = api::post::<Made>(&shelf.path(), &wanted).await;
            let _ = busy.try_set(false);
            match answer {
                Ok(answer) => {
                    let origin = location().origin().unwrap_or_default();
                    let _ = made.try_set(Some((answer.invitation.id.clone(), format!("{origin}{}", answer.url))));
                    let _ = shelf.problem.try_set(None);
                    let _ = shelf.links.try_update(|links| links.push(answer.invitation));
                }
                Err(failure) => drop(shelf.problem.try_set(Some(failure.message))),
            }
        });
    };
    let lasting = LASTING.map(|(value, words)| {
        view! { <option value=value.to_string() selected=value == LASTING[1].0>{words}</option> }
    });
    let fresh = Memo::new(move |_| {
        made.get().filter(|(id, _)| shelf.links.with(|links| links.iter().any(|link| link.id == *id)))
    });
    view! {
        <section class="invite" aria-labelledby="links-title">
            <h3 id="links-title">"Invite with a link"</h3>
            <form class="invite-row" on:submit=submit>
                <select aria-label="Who joins becomes" on:change=move |event| role.set(event_target_value(&event))>
                    <option value="editor" selected=true>"Editor"</option>
                    <option value="viewer">"Viewer"</option>
                    <option value="owner">"Owner"</option>
                </select>
                <select aria-label="For how many" on:change=move |event| many.set(event_target_value(&event) == "many")>
                    <option value="1" selected=true>"One person"</option>
                    <option value="many">"Many people"</option>
                </select>
                <select aria-label="The link lasts" on:change=move |event| hours.set(event_target_value(&event).parse().unwrap_or(LASTING[1].0))>
                    {lasting}
                </select>
                <button type="submit" class="button primary" data-testid="make-link" disabled=busy>"Make a link"</button>
            </form>
            {move || fresh.get().map(|(_, url)| view! { <Fresh url /> })}
            {move || shelf.problem.get().map(|text| view! { <p class="form-error" role="alert">{text}</p> })}
            <ul class="links" aria-label="Open links">
                <For each=move || shelf.links.get() key=|link| (link.id.clone(), link.uses) let:link>
                    <li data-testid="link">
                        <span class="people-name">
                            <span>{link_role(&link.role)}</span>
                            <small>{described(&link, now())}</small>
                        </span>
                        <button type="button" class="button small quiet" data-testid="revoke-link"
                            aria-label=format!("Revoke the {}: {}", link_role(&link.role).to_lowercase(), described(&link, now()))
                            on:click={ let id = link.id.clone(); move |_| shelf.revoke(id.clone()) }>"Revoke"</button>
                    </li>
                </For>
            </ul>
        </section>
    }
}

/// A link that has just been made: the only time that it can be seen.
#[component]
fn Fresh(url: String) -> impl IntoView {
    let field = NodeRef::<Input>::new();
    let said = RwSignal::new("Send it to whom you mean. It is shown only now.");
    let stored = StoredValue::new(url.clone());
    Effect::new(move |_| {
        if let Some(field) = field.get() {
            let _ = field.focus();
            field.select();
        }
    });
    let press = move |_| {
        leptos::task::spawn_local(async move {
            if copy(&stored.get_value()).await {
                let _ = said.try_set("Copied. It is shown only now.");
            } else {
                let _ = said.try_set("The browser did not let the page copy: press Ctrl+C.");
                if let Some(field) = field.try_get_untracked().flatten() {
                    let _ = field.focus();
                    field.select();
                }
            }
        });
    };
    view! {
        <div class="fresh-link">
            <div class="invite-row">
                <input class="grows" type="text" readonly aria-label="The link" data-testid="fresh-link" value=url node_ref=field
                    on:focus=move |_| if let Some(field) = field.get_untracked() { field.select() } />
                <button type="button" class="button" data-testid="copy-link" on:click=press>"Copy"</button>
            </div>
            <p class="hint" role="status">{said}</p>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_say_for_whom_and_how_long_they_are() {
        let now = Timestamp(0);
        let said = |hours: f64| left(Timestamp((hours * 3_600_000.0) as i64), now);
        assert_eq!(said(0.5), "under an hour left");
        assert_eq!(said(-3.0), "under an hour left");
        assert_eq!(said(1.4), "1 hour left");
        assert_eq!(said(47.2), "47 hours left");
        assert_eq!(said(167.99), "7 days left");
        let link = |uses_max, uses| Link {
            id: Id::new("i").unwrap(),
            role: "editor".to_owned(),
            uses_max,
            uses,
            expires_at: "1970-01-03T00:00:00Z".to_owned(),
        };
        assert_eq!(described(&link(Some(1), 0), now), "For one person · 2 days left");
        assert_eq!(described(&link(None, 3), now), "For many, 3 have joined · 2 days left");
    }
}
