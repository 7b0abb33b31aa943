//! Pages with one form, as text.

use crate::web_files;

/// A page that is one form.
pub(super) struct FormPage<'a> {
    /// Its title and heading.
    pub(super) title: &'a str,
    /// The fields, in order.
    pub(super) fields: Vec<Field<'a>>,
    /// A sentence above the fields.
    pub(super) note: Option<&'a str>,
    /// What is wrong with what was sent, if anything was.
    pub(super) error: Option<&'a str>,
    /// The button; without one there is nothing to send.
    pub(super) submit: Option<&'a str>,
    /// A sentence below the form: text, address and text of a link.
    pub(super) aside: Option<(&'a str, String, &'a str)>,
}

/// An input with its label.
pub(super) struct Field<'a> {
    pub(super) label: &'a str,
    pub(super) name: &'a str,
    pub(super) kind: &'a str,
    pub(super) value: &'a str,
    pub(super) autocomplete: &'a str,
    /// Longest value, in characters; 0 for none.
    pub(super) max: usize,
    /// A sentence of help.
    pub(super) hint: Option<&'a str>,
}

/// Text as it stands in HTML, in an element or in a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// A page of one card, in the look of the web app.
pub(super) fn shell(title: &str, card: &str, content: &str) -> String {
    let title = escape(title);
    let style = web_files::asset("style.css")
        .map(|address| format!("<link rel=\"stylesheet\" href=\"{}\">", escape(&address)))
        .unwrap_or_default();
    let icon = web_files::asset("mark.svg")
        .map(|address| format!("<link rel=\"icon\" type=\"image/svg+xml\" href=\"{}\">", escape(&address)))
        .unwrap_or_default();
    let app = web_files::asset("icon-192.png")
        .map(|address| {
            let icon = escape(&address);
            format!(
                "<link rel=\"manifest\" href=\"/manifest.webmanifest\"><link rel=\"apple-touch-icon\" href=\"{icon}\">"
            )
        })
        .unwrap_or_default();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"dark\">\n<meta name=\"theme-color\" content=\"#0d0e13\">\n<title>{title} – Unisono</title>\n{style}{icon}{app}\n</head>\n\
         <body class=\"page-form\">\n<main class=\"{card}\">\n<a class=\"wordmark\" href=\"/\">Unisono</a>\n\
         <h1>{title}</h1>\n{content}\n</main>\n</body>\n</html>\n",
    )
}

/// What is wrong with what was sent, if anything is.
pub(super) fn alert(error: Option<&str>) -> String {
    error.map_or_else(String::new, |error| {
        format!("<p class=\"form-error\" id=\"form-error\" role=\"alert\">{}</p>", escape(error))
    })
}

impl FormPage<'_> {
    /// The whole page. The form posts to the address that it was read from.
    pub(super) fn render(&self) -> String {
        let error = alert(self.error);
        let note = self.note.map_or_else(String::new, |note| format!("<p class=\"form-note\">{}</p>", escape(note)));
        let fields: String =
            self.fields.iter().enumerate().map(|(n, field)| field.render(n == 0, self.error.is_some())).collect();
        let aside = self.aside.as_ref().map_or_else(String::new, |(text, address, link)| {
            format!("<p class=\"form-aside\">{} <a href=\"{}\">{}</a></p>", escape(text), escape(address), escape(link))
        });
        let form = match self.submit {
            Some(submit) => format!(
                "<form method=\"post\" class=\"form\">\n{note}{error}{fields}\
                 <button type=\"submit\" class=\"button primary\">{}</button>\n</form>",
                escape(submit)
            ),
            None => format!("{note}{error}"),
        };
        shell(self.title, "form-card", &format!("{form}\n{aside}"))
    }
}

impl Field<'_> {
    /// The input with its label; the first one of a page has the focus.
    pub(super) fn render(&self, first: bool, refused: bool) -> String {
        let focus = if first { " autofocus" } else { "" };
        let max = if self.max > 0 { format!(" maxlength=\"{}\"", self.max) } else { String::new() };
        let hint =
            self.hint.map_or_else(String::new, |hint| format!("<small class=\"field-hint\">{}</small>", escape(hint)));
        let described = if refused { " aria-describedby=\"form-error\"" } else { "" };
        format!(
            "<label class=\"field\"><span>{}</span><input name=\"{}\" type=\"{}\" value=\"{}\" autocomplete=\"{}\" \
             required{max}{focus}{described}>{hint}</label>\n",
            escape(self.label),
            self.name,
            self.kind,
            escape(self.value),
            self.autocomplete,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_cannot_become_markup() {
        let nasty = "\"><script>alert('&')</script>";
        let field = Field {
            label: "Name",
            name: "name",
            kind: "text",
            value: nasty,
            autocomplete: "name",
            max: 10,
            hint: None,
        };
        let page = FormPage {
            title: nasty,
            fields: vec![field],
            note: Some(nasty),
            error: Some(nasty),
            submit: Some("Go"),
            aside: None,
        }
        .render();
        assert!(!page.contains("<script"), "{page}");
        assert!(page.contains("value=\"&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;\""), "{page}");
    }
}
