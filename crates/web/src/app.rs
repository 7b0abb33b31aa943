//! Which page the address asks for.

use leptos::prelude::*;
use model::Id;

use crate::design::Notice;
use crate::navigation;
use crate::projects::ProjectsPage;
use crate::shell;
use crate::studio::StudioPage;
use crate::toast::{ToastList, Toasts};

/// The pages that are this app; the forms (`/login`, `/projects/new`, …) are the server's.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Page {
    Projects,
    Studio(Id),
    /// A form of the server's, which the service worker could not reach.
    Form,
    Unknown,
}

impl Page {
    fn of(path: &str) -> Page {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        match (parts.next(), parts.next(), parts.next()) {
            (None | Some("projects"), None, None) => Page::Projects,
            (Some("login" | "signup" | "account" | "reset-password"), None, None)
            | (Some("projects"), Some("new"), None)
            | (Some("invitations"), Some(_), None) => Page::Form,
            (Some("projects"), Some(id), None) => Id::new(id).map_or(Page::Unknown, Page::Studio),
            _ => Page::Unknown,
        }
    }
}

/// Puts the app in the place of the page's first picture (see `index.html`).
pub(crate) fn mount() {
    if let Some(first) = document().get_element_by_id("first-picture") {
        first.remove();
    }
    mount_to_body(App);
}

#[component]
fn App() -> impl IntoView {
    let toasts = Toasts::new();
    provide_context(toasts);
    shell::keep(toasts);
    let path = navigation::follow(|path| matches!(Page::of(path), Page::Projects | Page::Studio(_)));
    let page = Memo::new(move |_| Page::of(&path.get()));
    let page = move || {
        match page.get() {
        Page::Projects => ProjectsPage().into_any(),
        Page::Studio(id) => view! { <StudioPage project=id /> }.into_any(),
        Page::Form => view! {
            <Notice title="You are offline" detail="This page comes from the server, which cannot be reached now. Your songs are still here.">
                <a class="button primary" href="/projects">"All projects"</a>
                <button type="button" class="button" on:click=move |_| drop(location().reload())>"Try again"</button>
            </Notice>
        }
        .into_any(),
        Page::Unknown => view! {
            <Notice title="There is nothing here" detail="This address leads to no project. It may have been mistyped.">
                <a class="button primary" href="/projects">"All projects"</a>
            </Notice>
        }
        .into_any(),
    }
    };
    view! {
        {page}
        <ToastList />
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_to_pages() {
        assert_eq!(Page::of("/"), Page::Projects);
        assert_eq!(Page::of("/projects/"), Page::Projects);
        assert_eq!(Page::of("/projects/a-1"), Page::Studio(Id::new("a-1").unwrap()));
        assert_eq!(Page::of("/projects/a%20b"), Page::Unknown);
        for form in ["/projects/new", "/login", "/account", "/invitations/x"] {
            assert_eq!(Page::of(form), Page::Form, "{form}");
        }
        assert_eq!(Page::of("/projects/a/b"), Page::Unknown);
    }
}
