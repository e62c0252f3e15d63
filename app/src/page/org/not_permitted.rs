//! For whoever isn't allowed to see a page: which operation they lack, and whom to ask for it.

use crate::{
    component::{
        frame::{Frame, Place},
        icon::Glyph,
        notice::Notice,
    },
    refusal::Refusal,
    response::set_status,
    rpc::sign_in::Viewer,
};
use leptos::prelude::*;

/// Says kindly, under status 403, what is missing.
#[component]
pub fn NotPermitted(
    /// Who isn't allowed.
    viewer: Viewer,
    /// What the server said: its message names the operation.
    refusal: Refusal,
    /// Where they wanted to go.
    current: Place,
) -> impl IntoView {
    set_status(refusal.code.status());
    let organization = viewer.organization_name.clone();
    view! {
        <Frame viewer title="You can't open this page" current>
            <Notice glyph=Glyph::Key>
                <p>{refusal.message}</p>
                <p>"If you need it for your work, ask an admin of " <bdi>{organization}</bdi> " to give you a permission that has it."</p>
            </Notice>
            <div class="actions">
                <a class="button" href="/org">"Go to Home"</a>
            </div>
        </Frame>
    }
}
