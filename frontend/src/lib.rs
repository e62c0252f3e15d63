//! The wasm entry: brings the islands of the pages that the server rendered to life.

use app::browser::{document, trusted_types};
use leptos::{prelude::set_timeout, server_fn::redirect::set_redirect_hook};
use std::time::Duration;
use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the script in the page's head, which then wakes the islands one by one.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    trusted_types::admit_templates();
    // It can only be set once, and is set here once.
    let _ = set_redirect_hook(document::go);
    leptos::mount::hydrate_islands();
    // The islands follow in microtasks, so the next task comes after the last of them.
    set_timeout(document::mark_hydrated, Duration::ZERO);
}
