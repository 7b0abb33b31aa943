//! Which page the address asks for.

use leptos::prelude::*;
use model::Id;

use crate::design::Notice;
use crate::projects::ProjectsPage;
use crate::studio::StudioPage;
use crate::toast::{ToastList, Toasts};

/// The pages that are this app; the forms (`/login`, `/projects/new`, …) are the server's.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Page {
    Projects,
    Studio(Id),
    Unknown,
}

impl Page {
    fn of(path: &str) -> Page {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        match (parts.next(), parts.next(), parts.next()) {
            (None | Some("projects"), None, None) => Page::Projects,
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
    provide_context(Toasts::new());
    let page = Page::of(&location().pathname().unwrap_or_default());
    let page = match page {
        Page::Projects => ProjectsPage().into_any(),
        Page::Studio(id) => view! { <StudioPage project=id /> }.into_any(),
        Page::Unknown => view! {
            <Notice title="There is nothing here" detail="This address leads to no project. It may have been mistyped.">
                <a class="button primary" href="/projects">"All projects"</a>
            </Notice>
        }
        .into_any(),
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
        assert_eq!(Page::of("/projects/a/b"), Page::Unknown);
    }
}
