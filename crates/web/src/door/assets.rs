//! The app's own files, whose addresses change with their content.

use std::collections::HashMap;

/// The address of a file of the app.
pub(super) fn address(name: &str) -> Result<String, String> {
    let manifest = leptos::prelude::document().get_element_by_id("manifest").and_then(|element| element.text_content());
    let manifest: HashMap<String, String> =
        manifest.and_then(|text| serde_json::from_str(&text).ok()).ok_or("The page has no list of its files.")?;
    manifest.get(name).cloned().ok_or_else(|| format!("The app was built without {name}."))
}
