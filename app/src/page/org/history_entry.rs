//! `/org/history/:index`: one entry, from its words down to the signed bytes. The server shows it, the browser verifies it.

use super::{
    door::{missing, signed_in},
    history::{VerifyingNeedsScript, challenge, passkey_name},
};
use crate::{
    action::{
        authenticator_data::AuthenticatorData,
        bytes::Bytes,
        document::{self, Document},
        history::{
            entry::{Credentials, Enrolment, Entry, Grounds, NewSigner, SignedAction, SignedRecovery, What},
            statement::{BreakGlass, KeyChange},
        },
        key::NewKey,
        sentence::details,
    },
    browser::verify_entry::verify_page,
    component::{
        copy_button::CopyButton,
        form::react,
        frame::{Frame, Place},
        icon::{Glyph, Icon},
        moment::Moment,
        notice::Notice,
        particulars::Particulars,
        verdict_mark::VerdictMark,
    },
    domain::{id::OrganizationId, time::Timestamp},
    rpc::{
        history::{HistoryPage, history_entry},
        sign_in::Viewer,
    },
};
use data_encoding::HEXLOWER;
use leptos::{prelude::*, task::spawn_local};
use leptos_router::hooks::use_params_map;

/// One entry.
#[component]
pub fn HistoryEntry() -> impl IntoView {
    let index: Option<u64> = use_params_map().with_untracked(|params| params.get_str("index").and_then(|number| number.parse().ok()));
    signed_in(Place::History, move |viewer| async move {
        let index = index.ok_or_else(missing)?;
        let page = history_entry(index).await?;
        let line = page.lines.first().cloned().ok_or_else(missing)?;
        Ok(view! { <EntryPage viewer page index line /> }.into_any())
    })
}

#[component]
fn EntryPage(viewer: Viewer, page: HistoryPage, index: u64, line: String) -> impl IntoView {
    let organization = viewer.organization;
    let neighbours = neighbours(index, page.size);
    let challenge = challenge(&line);
    let fingerprint = challenge.map(|challenge| document::fingerprint(&challenge));
    let (words, content, is_loud) = match Entry::parse(&line) {
        Ok(entry) => (words(&entry), content(&entry, &page, challenge), entry.is_loud()),
        Err(error) => (error.to_string(), ().into_any(), false),
    };
    view! {
        <Frame viewer title=format!("Entry {index}") current=Place::History below=true>
            <VerifyingNeedsScript />
            <p class=if is_loud { "entry-words loud" } else { "entry-words" } dir="auto">{words}</p>
            <VerifiedEntry page fingerprint organization index />
            {content}
            <section class="apart">
                <h2>"The whole entry"</h2>
                <p class="measure">"This line is a leaf of the history's tree, byte for byte, as it is in an export."</p>
                <details>
                    <summary>"The entry's line"</summary>
                    <pre class="bytes">{line.clone()}</pre>
                    <CopyButton text=line what="the entry's line".to_owned() />
                </details>
            </section>
            {neighbours}
        </Frame>
    }
    .into_any()
}

/// The verdict of this browser.
#[island]
fn VerifiedEntry(
    /// The entry and all that is needed to verify it.
    page: HistoryPage,
    /// What the page shows as its fingerprint; the browser compares.
    fingerprint: Option<String>,
    /// Whose history it must be in.
    organization: OrganizationId,
    /// Which number it must have.
    index: u64,
) -> impl IntoView {
    let verdict = RwSignal::new(None);
    let stored = StoredValue::new((page, [fingerprint]));
    react(Box::new(move || {
        spawn_local(async move {
            let (page, fingerprint) = stored.get_value();
            verify_page(&page, &fingerprint, organization, index, &|_, found| verdict.set(Some(found))).await;
        });
    }));
    view! { <div class="entry-verdict" role="status"><VerdictMark verdict /></div> }
}

/// What was done, or why nobody can tell.
fn words(entry: &Entry) -> String {
    match entry.summary() {
        Ok(summary) => summary.sentence,
        Err(error) => error.to_string(),
    }
}

fn content(entry: &Entry, page: &HistoryPage, challenge: Option<[u8; 32]>) -> AnyView {
    let Ok(summary) = entry.summary() else { return ().into_any() };
    let passkey = summary.credential.map(|id| passkey_name(&page.passkeys, id));
    let proof = match &entry.what {
        What::Action(action) => action_proof(action, challenge),
        What::Recovery(recovery) => recovery_proof(recovery, challenge),
        What::BreakGlass(order) => break_glass_proof(order),
        What::KeyChange(change) => key_change_proof(entry, change, page),
        What::Enrolment(enrolment) => enrolment_proof(enrolment),
        What::Genesis(genesis) => view! {
            <dl class="particulars">
                {fact("Organization", genesis.name.to_string())}
                {coded("First admin", genesis.admin.id.to_string())}
                {coded("Permission “Full admin”", genesis.full_admin.to_string())}
                {coded("Permission “End user”", genesis.end_user.to_string())}
                {coded("Given to the first admin by", genesis.assignment.to_string())}
                {coded("Key of the checkpoints", genesis.checkpoint_key.clone())}
            </dl>
            {registration_proof(&genesis.credentials)}
        }
        .into_any(),
        What::Registration(registration) => view! {
            <dl class="particulars">
                {coded("User id", registration.user.id.to_string())}
            </dl>
            {registration_proof(&registration.credentials)}
        }
        .into_any(),
    };
    view! {
        <dl class="particulars">
            {fact("Who", summary.who.to_string())}
            {moment("When, by the server's clock", entry.executed_at)}
            {passkey.map(|passkey| fact("Passkey", passkey))}
            {challenge.map(|challenge| coded("Fingerprint", document::fingerprint(&challenge)))}
        </dl>
        {proof}
    }
    .into_any()
}

/// A change's details, its document, and what was signed.
fn action_proof(action: &SignedAction, challenge: Option<[u8; 32]>) -> AnyView {
    let Ok(document) = Document::parse(&action.document.0) else { return ().into_any() };
    view! {
        <section>
            <h2>"What was changed"</h2>
            <Particulars details=details(&document.change) />
            {action
                .created
                .clone()
                .map(|created| view! { <dl class="particulars">{coded("Created", created)}</dl> })}
        </section>
        <section>
            <h2>"How it was signed"</h2>
            <dl class="particulars">
                {fact("Signed at", document.origin.clone())}
                {fact("For passkeys of", document.rp_id.clone())}
                {moment("Document written", document.issued_at)}
                {moment("Could be executed until", document.expires_at)}
                {coded("Action", document.id.to_string())}
                {match document.operation {
                    Some(operation) => coded("Needed operation", operation.to_string()),
                    None => fact("Needed operation", "None: it concerns nobody but whoever signed".to_owned()),
                }}
                {coded("Passkey id", action.credential.to_string())}
                {challenge.map(|challenge| coded("Challenge", Bytes(challenge.to_vec()).to_string()))}
                {action
                    .authenticator_data
                    .as_ref()
                    .and_then(|data| AuthenticatorData::parse(&data.0).ok())
                    .map(|data| said(&data))}
            </dl>
        </section>
        <section>
            <h2>"The document"</h2>
            <p class="measure">"Set in lines for reading. What was signed are the bytes below, as they are."</p>
            <pre class="bytes">{in_lines(&action.document)}</pre>
            <details>
                <summary>"The signed bytes"</summary>
                {part("Document, as text", text(&action.document))}
                {part("Client data, as text: what the browser or the program says", text(&action.client_data))}
                {match &action.authenticator_data {
                    Some(data) => view! {
                        {part("Authenticator data, hexadecimal: what the passkey says", HEXLOWER.encode(&data.0))}
                        {part("Signature over authenticator data and SHA-256 of client data, hexadecimal", HEXLOWER.encode(&action.signature.0))}
                    }
                    .into_any(),
                    None => part("Signature over client data, hexadecimal", HEXLOWER.encode(&action.signature.0)),
                }}
            </details>
        </section>
    }
    .into_any()
}

/// What was registered through the API, and what lets its owner.
fn enrolment_proof(enrolment: &Enrolment) -> AnyView {
    let grounds = match &enrolment.grounds {
        Grounds::Invitation => fact("Let in by", "An invitation and its code".to_owned()),
        Grounds::Code { action } => coded("Let in by a code that this action allowed", action.to_string()),
        Grounds::Recovery(proof) => coded("Let in by the recovery key", proof.credential.to_string()),
    };
    let signer = enrolment.signer.as_ref().map(|signer| match signer {
        NewSigner::Passkey(passkey) => coded("Passkey id", passkey.id.to_string()),
        NewSigner::Key(key) => coded("Key id", key.id.to_string()),
    });
    view! {
        <section>
            <h2>"What was registered"</h2>
            <dl class="particulars">
                {coded("User id", enrolment.user.id.to_string())}
                {grounds}
                {signer}
                {enrolment.recovery_key.as_ref().map(|key| coded("Recovery key id", key.id.to_string()))}
                {fact("Registered at", enrolment.origin.clone())}
                {coded("Challenge", enrolment.challenge.to_string())}
            </dl>
            <details>
                <summary>"The signed bytes"</summary>
                {enrolment
                    .signer
                    .as_ref()
                    .map(|signer| match signer {
                        NewSigner::Passkey(passkey) => view! {
                            {part("Client data, as text: what the browser says", text(&passkey.client_data))}
                            {part("Attestation object, hexadecimal", HEXLOWER.encode(&passkey.attestation_object.0))}
                        }
                        .into_any(),
                        NewSigner::Key(registered) => key_parts(&registered.key),
                    })}
                {enrolment.recovery_key.as_ref().map(|registered| key_parts(&registered.key))}
                {match &enrolment.grounds {
                    Grounds::Recovery(proof) => view! {
                        {part("What the recovery key signed, as text", text(&proof.new_credentials))}
                        {part("Its signature, hexadecimal", HEXLOWER.encode(&proof.signature.0))}
                    }
                    .into_any(),
                    Grounds::Invitation | Grounds::Code { .. } => ().into_any(),
                }}
            </details>
        </section>
    }
    .into_any()
}

fn key_parts(key: &NewKey) -> AnyView {
    view! {
        {part("Client data, as text: what the program says", text(&key.client_data))}
        {part("Key and its signature, as text", text(&key.attestation))}
    }
    .into_any()
}

/// What a recovery brought, its document, and what was signed.
fn recovery_proof(recovery: &SignedRecovery, challenge: Option<[u8; 32]>) -> AnyView {
    let Ok(document) = Document::parse(&recovery.document.0) else { return ().into_any() };
    view! {
        <section>
            <h2>"What was changed"</h2>
            <Particulars details=details(&document.change) />
            <dl class="particulars">
                {coded("New passkey id", recovery.passkey.to_string())}
                {coded("New recovery key id", recovery.recovery_key.to_string())}
            </dl>
        </section>
        <section>
            <h2>"How it was signed"</h2>
            <dl class="particulars">
                {fact("Signed at", document.origin.clone())}
                {moment("Document written", document.issued_at)}
                {moment("Could be executed until", document.expires_at)}
                {coded("Action", document.id.to_string())}
                {coded("By the recovery key", recovery.credential.to_string())}
                {challenge.map(|challenge| coded("Challenge", Bytes(challenge.to_vec()).to_string()))}
            </dl>
        </section>
        <section>
            <h2>"The document"</h2>
            <p class="measure">"Set in lines for reading. What was signed are the bytes below, as they are."</p>
            <pre class="bytes">{in_lines(&recovery.document)}</pre>
            <details>
                <summary>"The signed bytes"</summary>
                {part("Document, as text", text(&recovery.document))}
                {part("The recovery key's signature over the document, hexadecimal", HEXLOWER.encode(&recovery.signature.0))}
            </details>
        </section>
    }
    .into_any()
}

/// What the server said, and with what signature.
fn break_glass_proof(order: &BreakGlass) -> AnyView {
    view! {
        <Notice glyph=Glyph::Warning>
            <p>
                "Nobody of the organization signed this. Whoever runs the server ended this user's passkeys, recovery kit and sessions on the server's own machine, and made a code to enrol again. If you didn't ask for it, ask them now."
            </p>
        </Notice>
        <section>
            <h2>"What the server says"</h2>
            <pre class="bytes">{in_lines(&order.statement)}</pre>
            <details>
                <summary>"The signed bytes"</summary>
                {part("Statement, as text", text(&order.statement))}
                {part("The server's signature over it, hexadecimal", HEXLOWER.encode(&order.signature.0))}
            </details>
        </section>
    }
    .into_any()
}

/// The key before and the new one, what the server said of it, and with what signatures.
fn key_change_proof(entry: &Entry, change: &KeyChange, page: &HistoryPage) -> AnyView {
    let keys = page.registrations.iter().filter_map(|line| Entry::parse(line).ok()?.new_server_key());
    let before = keys.filter(|key| key.from <= entry.index).max_by_key(|key| key.from);
    let new = entry.new_server_key();
    view! {
        <Notice glyph=Glyph::Warning>
            <p>
                "Nobody of the organization signed this. Whoever runs the server exchanged its secret, and with it the key by which it signs checkpoints. Those of before count as they did, by the key before, and longer ones by the new key alone. If you didn't expect it, ask them why."
            </p>
        </Notice>
        <section>
            <h2>"What was changed"</h2>
            <dl class="particulars">
                {before.map(|before| coded("Key before", before.key))}
                {new.map(|new| coded("New key", new.key))}
            </dl>
        </section>
        <section>
            <h2>"What the server says"</h2>
            <pre class="bytes">{in_lines(&change.statement)}</pre>
            <details>
                <summary>"The signed bytes"</summary>
                {part("Statement, as text", text(&change.statement))}
                {part("Signature over it by the key before, hexadecimal", HEXLOWER.encode(&change.signature.0))}
                {part("Signature over it by the new key, hexadecimal", HEXLOWER.encode(&change.new_signature.0))}
            </details>
        </section>
    }
    .into_any()
}

/// What was registered, and with what proof.
fn registration_proof(credentials: &Credentials) -> AnyView {
    let Credentials { origin, rp_id, challenge, passkey, recovery_key } = credentials;
    view! {
        <section>
            <h2>"What was registered"</h2>
            <dl class="particulars">
                {fact("At", origin.clone())}
                {fact("For", rp_id.clone())}
                {coded("Passkey id", passkey.id.to_string())}
                {coded("Recovery key id", recovery_key.id.to_string())}
                {coded("Recovery key, Ed25519", recovery_key.public_key.to_string())}
                {coded("Challenge", challenge.to_string())}
            </dl>
            <details>
                <summary>"The signed bytes"</summary>
                {part("Client data, as text: what the browser says", text(&passkey.client_data))}
                {part("Attestation object, hexadecimal: what the passkey says, its public key included", HEXLOWER.encode(&passkey.attestation_object.0))}
                {part("Recovery key's signature over the challenge, hexadecimal", HEXLOWER.encode(&recovery_key.signature.0))}
                {part("Salt of the recovery key's derivation, hexadecimal", HEXLOWER.encode(&recovery_key.salt.0))}
            </details>
        </section>
    }
    .into_any()
}

/// What the authenticator said, in words.
fn said(data: &AuthenticatorData) -> AnyView {
    let person = match (data.flags.user_present(), data.flags.user_verified()) {
        (true, true) => "Someone was there, and the device verified that it was its owner",
        (true, false) => "Someone was there, unverified",
        (false, _) => "Nobody was there",
    };
    let kept = if data.flags.backup_eligible() { "Can be synced" } else { "Bound to one device" };
    let count = if data.sign_count == 0 { "doesn't count its signatures".to_owned() } else { format!("signature {}", data.sign_count) };
    fact("The passkey says", format!("{person}. {kept}; {count}."))
}

/// One line of a list of facts.
fn line(label: &'static str, value: AnyView) -> AnyView {
    view! { <div><dt>{label}</dt><dd dir="auto">{value}</dd></div> }.into_any()
}

fn fact(label: &'static str, value: String) -> AnyView {
    line(label, value.into_any())
}

fn coded(label: &'static str, value: String) -> AnyView {
    line(label, view! { <code>{value}</code> }.into_any())
}

/// To the minute for people, and to the second beside it.
fn moment(label: &'static str, at: Timestamp) -> AnyView {
    line(label, view! { <Moment at /> " " <code>{at.to_string()}</code> }.into_any())
}

/// Bytes under their name.
fn part(label: &'static str, bytes: String) -> AnyView {
    view! { <div class="part"><h3>{label}</h3><pre class="bytes">{bytes}</pre></div> }.into_any()
}

/// Links to the entries before and after this one.
fn neighbours(index: u64, size: u64) -> AnyView {
    let path = |index: u64| format!("{}/{index}", Place::History.path());
    let newer = index.checked_add(1).filter(|newer| *newer < size);
    let older = index.checked_sub(1);
    view! {
        <nav class="paging" aria-label="Entries beside this one">
            {newer
                .map(|index| {
                    view! {
                        <a class="button" href=path(index) rel="prev">
                            <Icon glyph=Glyph::Back />
                            "Entry " {index}
                        </a>
                    }
                })}
            {older
                .map(|index| {
                    view! {
                        <a class="button" href=path(index) rel="next">
                            "Entry " {index}
                            <Icon glyph=Glyph::Forward />
                        </a>
                    }
                })}
        </nav>
    }
    .into_any()
}

/// Bytes that should be text; what isn't shows as such.
fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes.as_ref()).into_owned()
}

fn in_lines(document: &Bytes) -> String {
    serde_json::from_slice::<serde_json::Value>(document.as_ref())
        .and_then(|document| serde_json::to_string_pretty(&document))
        .unwrap_or_else(|_| text(document))
}
