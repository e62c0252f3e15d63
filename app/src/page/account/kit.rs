//! The recovery kit: when it was made, whether it was found to work, and a test that doesn't use it up. The code that is
//! typed stays in the browser; only a signature by the key that it makes is sent.

use crate::{
    action::recovery_code::RecoveryCode,
    browser::recovery_kit,
    component::{
        alert::Alert,
        form::{FormState, Submit},
        icon::{Glyph, Icon},
        kit_field::{KitField, clear, typed_code},
        moment::Moment,
        relative::Relative,
    },
    domain::time::Timestamp,
    refusal::{Code, Refusal},
    rpc::account::{self, finish_kit_test, start_kit_test},
};
use leptos::{ev::SubmitEvent, html::Input, prelude::*, task::spawn_local};

/// The section of the account's page.
#[component]
pub(super) fn Kit(
    /// The viewer's kit, if they have one.
    kit: Option<account::Kit>,
    /// Whether a program keeps a recovery key instead.
    has_recovery_key: bool,
    /// The server's time.
    now: Timestamp,
) -> impl IntoView {
    let Some(kit) = kit else {
        return view! {
            <section id="recovery-kit">
                <h2>"Recovery kit"</h2>
                {if has_recovery_key {
                    view! {
                        <p class="aside">
                            "A program keeps a recovery key of yours instead. "
                            <a href="/account/recovery-kit">"Make a kit in its place"</a>
                        </p>
                    }
                        .into_any()
                } else {
                    view! { <p class="aside">"This account has none. " <a href="/account/recovery-kit">"Make one"</a></p> }.into_any()
                }}
            </section>
        }
        .into_any();
    };
    view! {
        <section id="recovery-kit">
            <h2>"Recovery kit"</h2>
            <p class="measure">"The sheet that brings you back when every passkey is lost. Type its code once to see that it works; it isn't used up."</p>
            <div class="card kit-care">
                <dl class="facts">
                    <div>
                        <dt>"Made"</dt>
                        <dd><Moment at=kit.made_at /></dd>
                    </div>
                    <div>
                        <dt>"Last tested"</dt>
                        <dd>
                            {match kit.tested_at {
                                Some(at) => view! { <Icon glyph=Glyph::Check /> <Relative at now /> }.into_any(),
                                None => view! { <strong>"Never"</strong> }.into_any(),
                            }}
                        </dd>
                    </div>
                </dl>
                <noscript>
                    <p class="fine">"Testing the kit needs JavaScript. Switch it on for this page, then reload."</p>
                </noscript>
                <TestKit />
                <p class="fine">
                    "Lost it, or somebody may have seen it? " <a href="/account/recovery-kit">"Replace the kit"</a>
                </p>
            </div>
        </section>
    }
    .into_any()
}

/// The test: the code is read here, and a key made of it signs what the server asks for.
#[island]
fn TestKit() -> impl IntoView {
    let FormState { refusal, busy, alive } = FormState::unsent();
    let works = RwSignal::new(false);
    let input = NodeRef::<Input>::new();
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if busy.get_untracked() {
            return;
        }
        works.set(false);
        refusal.set(None);
        let code = match typed_code(input) {
            Ok(code) => code,
            Err(refused) => {
                refusal.set(Some(refused));
                return;
            }
        };
        busy.set(true);
        spawn_local(async move {
            let outcome = test(&code).await;
            busy.set(false);
            match outcome {
                Ok(()) => {
                    clear(input);
                    works.set(true);
                }
                Err(refused) => refusal.set(Some(refused)),
            }
        });
    };
    view! {
        <form class="form" method="post" novalidate on:submit=submit>
            <Alert refusal />
            <KitField refusal input />
            <div class="actions">
                <Submit label="Test my kit" busy_label="Testing…" busy main=false alive />
            </div>
            <p class="status" role="status">
                {move || works.get().then(|| view! { <Icon glyph=Glyph::Check /> "Your kit works, just now. It isn't used up: put it away again." })}
            </p>
        </form>
    }
}

async fn test(code: &RecoveryCode) -> Result<(), Refusal> {
    let test = start_kit_test().await?;
    let signature =
        recovery_kit::sign_test(code, &test.salt, &test.challenge).await.map_err(|sentence| Refusal::new(Code::BadRequest, sentence))?;
    finish_kit_test(test.id, signature).await
}
