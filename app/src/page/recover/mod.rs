//! `/recover`: the way back for someone who lost every passkey, a page for each step: the email, the code from the mail, the
//! kit and a new passkey, a new kit. Nothing is changed before the last step; then everything is, at once.

mod code;
mod kit;
mod new_kit;
mod start;

use crate::{
    component::{icon::Glyph, notice::Notice, sheet::Sheet},
    page::{get_started::path, trouble::Trouble},
    refusal::{Code, Refusal},
    response::set_status,
};
pub use code::RecoveryCodePage;
pub use kit::RecoverWithKit;
use leptos::prelude::*;
pub use new_kit::RecoverNewKit;
pub use start::Recover;

/// Where the kit is asked for.
pub const KIT_PATH: &str = "/recover/kit";
/// Where the new kit is made.
const NEW_KIT_PATH: &str = "/recover/new-kit";

/// Where to type the code that `email` got: the link in the mail.
pub fn code_path(email: &str) -> String {
    path("/recover/code", email, None)
}

/// For a browser that can't go on.
fn refused(title: &'static str, refusal: Refusal) -> AnyView {
    if !matches!(refusal.code, Code::NoRecovery | Code::Conflict) {
        return view! { <Trouble refusal /> }.into_any();
    }
    set_status(refusal.code.status());
    view! {
        <Sheet title>
            <Notice glyph=Glyph::Clock>
                <p>{refusal.message}</p>
                <p>"Nothing is lost: your kit works as long as no recovery is finished."</p>
            </Notice>
            <div class="actions">
                <a class="button main" href="/recover">"Begin again"</a>
                <a class="button" href="/login">"Sign in"</a>
            </div>
        </Sheet>
    }
    .into_any()
}
