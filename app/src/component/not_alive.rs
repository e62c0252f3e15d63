//! For browsers with JavaScript in which a page doesn't come alive all the same: they are too old, may not use WebAssembly, or didn't get
//! the program. Without JavaScript, each page says for itself what is missing.

use leptos::{nonce::use_nonce, prelude::*};

/// Shows the words that fit, where the page has anything to press at all. It can't be part of the program that may be missing, and old
/// browsers must understand it, so it is written as in 2009. A program that didn't load, or can't be compiled, is a promise that was
/// broken and that nobody waits for.
const SCRIPT: &str = include_str!("not_alive.js");

/// Why nothing comes alive, as soon as that is known; hidden until then.
#[component]
pub fn NotAlive() -> impl IntoView {
    view! {
        <div class="not-alive" role="alert">
            <p id="cannot-run" hidden>
                "This browser can't run what makes the buttons on this page work: it is too old, or WebAssembly is switched off in it, as strict and lockdown modes do. You can read here. To sign in or to sign a change, switch it on for this site, update the browser, or use another one."
            </p>
            <p id="not-started" hidden>
                "What makes the buttons on this page work didn't start. Check your connection, and whether something in your browser or network blocks scripts. Then reload the page."
            </p>
        </div>
        <script nonce=use_nonce()>{SCRIPT}</script>
    }
}
