//! A page that says one thing, and what to do about it, as text: for those who have no script yet, or no account.

use axum::http::StatusCode;

use super::html::{escape, shell};

/// Such a page.
pub(crate) struct NoticePage {
    /// Its status.
    pub(crate) status: StatusCode,
    /// Its title and heading.
    pub(crate) title: String,
    /// More about it.
    pub(crate) detail: String,
    /// A button that posts to the address that the page was read from.
    pub(crate) submit: Option<&'static str>,
    /// Ways on: text and address. The first is the main one.
    pub(crate) links: Vec<(&'static str, String)>,
    /// A sentence below.
    pub(crate) aside: Option<Aside>,
}

/// A sentence with a link.
pub(crate) struct Aside {
    pub(crate) text: &'static str,
    pub(crate) address: String,
    pub(crate) link: &'static str,
}

impl NoticePage {
    /// The whole page.
    pub(crate) fn render(&self) -> String {
        let mut ways = String::new();
        if let Some(submit) = self.submit {
            ways +=
                &format!("<button type=\"submit\" class=\"button primary\" autofocus>{}</button>\n", escape(submit));
        }
        for (n, (text, address)) in self.links.iter().enumerate() {
            let class = if n == 0 { "button primary" } else { "button" };
            ways += &format!("<a class=\"{class}\" href=\"{}\">{}</a>\n", escape(address), escape(text));
        }
        let aside = self.aside.as_ref().map_or_else(String::new, |Aside { text, address, link }| {
            format!("<p class=\"form-aside\">{} <a href=\"{}\">{}</a></p>", escape(text), escape(address), escape(link))
        });
        let body = format!(
            "<p class=\"form-lead\">{}</p>\n<form method=\"post\" class=\"form\">\n{ways}</form>\n{aside}",
            escape(&self.detail)
        );
        shell(&self.title, "form-card", &body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_become_markup() {
        let nasty = "\"><script>alert('&')</script>".to_owned();
        let page = NoticePage {
            status: StatusCode::OK,
            title: nasty.clone(),
            detail: nasty.clone(),
            submit: Some("Go"),
            links: vec![("On", nasty.clone())],
            aside: Some(Aside { text: "Or", address: nasty, link: "back" }),
        };
        assert!(!page.render().contains("<script"), "{}", page.render());
    }
}
