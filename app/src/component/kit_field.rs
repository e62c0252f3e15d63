//! The code of a recovery kit that someone has: typed, pasted, or scanned from its square by the camera, where the browser
//! can. Wrong symbols are pointed out to the group, before anything is sent.

use super::{
    field::{Field, FieldKind},
    icon::{Glyph, Icon},
};
use crate::{
    action::recovery_code::RecoveryCode,
    browser::camera::{self, Scan},
    component::form::{react, typed},
    refusal::{Code, FieldError, Refusal},
};
use leptos::{
    html::{Input, Video},
    prelude::*,
    task::spawn_local,
};

const CODE: FieldKind = FieldKind {
    name: "kit",
    label: "Recovery code",
    input: "text",
    autocomplete: "off",
    inputmode: "text",
    hint: "35 letters and digits. Capitals, spaces and hyphens don't matter. It stays in this browser.",
    class: "code",
};

/// The field, and the camera.
#[component]
pub fn KitField(
    /// Where complaints about it come from.
    refusal: RwSignal<Option<Refusal>>,
    /// To read what was typed.
    input: NodeRef<Input>,
) -> impl IntoView {
    let video = NodeRef::<Video>::new();
    let can_scan = RwSignal::new(false);
    let scan = RwSignal::new(None::<Scan>);
    react(Box::new(move || {
        spawn_local(async move { can_scan.set(camera::can_scan().await) });
    }));
    on_cleanup(move || stop(scan));
    let begin = move |_| {
        refusal.set(None);
        let Some(video) = video.get_untracked() else { return };
        let begun = Scan::begin();
        scan.set(Some(begun));
        spawn_local(async move {
            let found = begun.read(&video).await;
            stop(scan);
            match found {
                Ok(Some(text)) => {
                    if let Some(input) = input.get_untracked() {
                        input.set_value(&text);
                        let _ = input.focus();
                    }
                }
                // It was stopped.
                Ok(None) => {}
                Err(sentence) => refusal.set(Some(Refusal::new(Code::BadRequest, sentence))),
            }
        });
    };
    view! {
        <Field kind=CODE refusal input />
        <div class="scan" hidden=move || !can_scan.get()>
            <video class="scan-video" muted playsinline title="What the camera sees" hidden=move || scan.get().is_none() node_ref=video></video>
            <button type="button" class="button small" hidden=move || scan.get().is_some() on:click=begin>
                <Icon glyph=Glyph::Phone />
                "Scan the square with the camera"
            </button>
            <button type="button" class="button small" hidden=move || scan.get().is_none() on:click=move |_| stop(scan)>
                "Stop the camera"
            </button>
            <p class="status" role="status">{move || scan.get().map(|_| "Hold the kit's square in front of the camera.")}</p>
        </div>
    }
}

fn stop(scan: RwSignal<Option<Scan>>) {
    if let Some(begun) = scan.get_untracked() {
        begun.stop();
    }
    scan.set(None);
}

/// The code in the field.
///
/// # Errors
/// A complaint about the field, when it can't be one; it names the groups that are wrong.
pub fn typed_code(input: NodeRef<Input>) -> Result<RecoveryCode, Refusal> {
    RecoveryCode::parse(&typed(input)).map_err(|error| {
        let complaint = FieldError { field: CODE.name.to_owned(), message: error.to_string() };
        Refusal { fields: vec![complaint], ..Refusal::new(Code::InvalidInput, "This can't be the code of a kit yet. Nothing was sent.") }
    })
}

/// Lets go of what was typed: a code that is on the screen can be read by whoever passes by.
pub fn clear(input: NodeRef<Input>) {
    if let Some(input) = input.get_untracked() {
        input.set_value("");
    }
}
