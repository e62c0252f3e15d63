//! The page itself: printing, saving a file, copying, going elsewhere.

use js_sys::Array;
use std::time::Duration;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag, HtmlAnchorElement, Url};

/// Opens the browser's print dialog.
pub fn print() {
    if let Some(window) = web_sys::window() {
        // Where printing is switched off there is nothing better to do than nothing.
        let _ = window.print();
    }
}

/// Offers a text as a file to save.
pub fn save_text(file_name: &str, text: &str) {
    let _ = try_save(file_name, text);
}

fn try_save(file_name: &str, text: &str) -> Option<()> {
    let kind = BlobPropertyBag::new();
    kind.set_type("text/plain;charset=utf-8");
    let blob = Blob::new_with_str_sequence_and_options(&Array::of1(&text.into()), &kind).ok()?;
    let url = Url::create_object_url_with_blob(&blob).ok()?;
    let link: HtmlAnchorElement = web_sys::window()?.document()?.create_element("a").ok()?.dyn_into().ok()?;
    link.set_href(&url);
    link.set_download(file_name);
    link.click();
    Url::revoke_object_url(&url).ok()
}

/// Copies a text; whether the browser allowed it.
pub async fn copy(text: &str) -> bool {
    let Some(window) = web_sys::window() else { return false };
    let clipboard = window.navigator().clipboard();
    // Outside of a secure context there is none.
    clipboard.is_object() && JsFuture::from(clipboard.write_text(text)).await.is_ok()
}

/// Loads another page of this site anew, so that nothing of this one's state stays.
pub fn go(path: &str) {
    if let Some(window) = web_sys::window() {
        let _ = window.location().assign(path);
    }
}

/// How long this page has been open. Where a sleeping device stops the browser's clock, it is less.
pub fn open_for() -> Duration {
    let millis = web_sys::window().and_then(|window| window.performance()).map_or(0.0, |performance| performance.now());
    Duration::try_from_secs_f64(millis / 1000.0).unwrap_or_default()
}

/// What stands behind the # of this page's address; the server never sees it.
pub fn fragment() -> Option<String> {
    let hash = web_sys::window()?.location().hash().ok()?;
    hash.strip_prefix('#').map(str::to_owned)
}

/// Says to whoever waits for it (tests do) that the page is alive: `<html data-hydrated="true">`.
pub fn mark_hydrated() {
    let root = web_sys::window().and_then(|window| window.document()).and_then(|document| document.document_element());
    if let Some(root) = root {
        let _ = root.set_attribute("data-hydrated", "true");
    }
}
