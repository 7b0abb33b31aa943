//! Who uses this browser, as far as it can be known without the server.

use model::Id;
use wasm_bindgen::JsCast;
use web_sys::HtmlDocument;

/// The cookie by which the server says, at login, who has logged in; gone after logging out.
const USER_COOKIE: &str = "unisono_user";

/// Who has logged in on this browser last, and not out. Their session may have ended since.
pub(crate) fn known() -> Option<Id> {
    let document: HtmlDocument = web_sys::window()?.document()?.dyn_into().ok()?;
    user_in(&document.cookie().ok()?)
}

/// The user whom these cookies name.
fn user_in(cookies: &str) -> Option<Id> {
    let value = cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix(USER_COOKIE)?.strip_prefix('='));
    Id::new(value?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cl3_the_user_of_a_browser_is_in_a_cookie() {
        assert_eq!(user_in("a=b; unisono_user=u-1; c=d"), Id::new("u-1").ok());
        assert_eq!(user_in("unisono_user=u-1"), Id::new("u-1").ok());
        for nobody in ["", "unisono_user=", "unisono_user", "unisono_user2=x", "x=unisono_user=y", "unisono_user=a b"] {
            assert_eq!(user_in(nobody), None, "{nobody}");
        }
    }
}
