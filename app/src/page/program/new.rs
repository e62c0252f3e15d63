//! The form for a new program. It only says what is wanted; nothing exists before it is signed, and the private half of the
//! program's key never comes near it.

use super::kind::Kind;
use crate::{
    action::{
        change::{Change, GivenPermission, NewProgram, ProgramTerms},
        review::Signer,
    },
    browser::document,
    component::{
        alert::Alert,
        field::{Field, FieldKind},
        form::{react, typed},
        select::Select,
        sign_dialog::{After, SignDialog},
        text_area::TextArea,
    },
    domain::{
        text::{ExternalId, ProgramName, PublicKeyPem},
        time::Timestamp,
    },
    page::identity::{Preview, find, options},
    refusal::{FieldError, Refusal},
};
use leptos::{ev::SubmitEvent, html::Textarea, prelude::*};
use std::time::Duration;

pub(super) const NAME: FieldKind = FieldKind {
    name: "name",
    label: "Name",
    input: "text",
    autocomplete: "off",
    inputmode: "text",
    hint: "What the program does, such as “Payroll”.",
    class: "",
};
pub(super) const EXTERNAL_ID: FieldKind = FieldKind {
    name: "external_id",
    label: "External id (optional)",
    input: "text",
    autocomplete: "off",
    inputmode: "text",
    hint: "By which another system knows it.",
    class: "",
};
const PUBLIC_KEY: &str = "public_key";
const LIFE: &str = "life";
const PERMISSION: &str = "permission";

/// How long a token may count, in days, with the words for it. The last is the longest that is allowed.
const LIVES: [(u64, &str); 5] = [(7, "7 days"), (30, "30 days"), (90, "90 days"), (365, "1 year"), (730, "2 years")];

/// Name, external id, key, life and permission, and the dialog that signs.
#[island]
pub(in crate::page) fn NewProgramForm(
    /// What it will be.
    kind: Kind,
    /// The permissions that it could have from the start.
    permissions: Vec<GivenPermission>,
    /// The server's time.
    now: Timestamp,
    /// Who signs.
    signer: Signer,
) -> impl IntoView {
    let refusal = RwSignal::new(None::<Refusal>);
    let change = RwSignal::new(None::<Change>);
    // Until the page is alive the button couldn't do anything.
    let asleep = RwSignal::new(true);
    react(Box::new(move || asleep.set(false)));
    let [name, external_id] = [NodeRef::new(), NodeRef::new()];
    let public_key = NodeRef::<Textarea>::new();
    let [life, permission] = [RwSignal::new(String::new()), RwSignal::new(String::new())];
    let lives = LIVES.map(|(days, words)| (days.to_string(), words.to_owned())).into();
    let choice = options(&permissions);
    let permissions = StoredValue::new(permissions);
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let written = Written {
            name: typed(name),
            external_id: typed(external_id),
            public_key: public_key.get_untracked().map(|area| area.value()).unwrap_or_default(),
            life: life.get_untracked(),
            permission: permissions.with_value(|all| find(all, &permission.get_untracked())),
        };
        // The page may have been open for a while.
        match written.program(now.plus(document::open_for())) {
            Ok(new) => {
                refusal.set(None);
                change.set(Some(match kind {
                    Kind::ServiceAccount => Change::CreateServiceAccount(new),
                    Kind::AccessToken => Change::CreateAccessToken(new),
                }));
            }
            Err(fields) => refusal.set(Some(Refusal::invalid(fields))),
        }
    };
    let (label, placeholder) = match kind {
        Kind::ServiceAccount => ("Permission (optional)", "None for now"),
        Kind::AccessToken => ("Only what this permission allows (optional)", "Whatever you may do"),
    };
    view! {
        <form class="form" novalidate on:submit=submit>
            <Alert refusal />
            <Field kind=NAME refusal input=name />
            <TextArea name=PUBLIC_KEY label="Its public key" rows=4 refusal input=public_key>
                <p>"In PEM: Ed25519, P-256, or RSA. Make the pair where the program runs; the private half stays there. For example:"</p>
                <pre class="bytes">
                    "openssl genpkey -algorithm ed25519 -out program.key\nopenssl pkey -in program.key -pubout"
                </pre>
            </TextArea>
            <Select name=LIFE label="Its token counts for" placeholder="Choose how long" options=lives chosen=life refusal />
            <Select name=PERMISSION label placeholder options=choice chosen=permission may_be_empty=true refusal />
            <Preview assignable=permissions chosen=permission narrows=kind == Kind::AccessToken />
            <Field kind=EXTERNAL_ID may_be_empty=true refusal input=external_id />
            <div class="actions">
                <button type="submit" class="button main" disabled=asleep>"Review and sign"</button>
                <a class="button" href=kind.place().path()>"Cancel"</a>
            </div>
        </form>
        <SignDialog change signer after=After::ToCreated(kind.path()) refusal />
    }
}

/// What the form holds.
struct Written {
    name: String,
    external_id: String,
    public_key: String,
    life: String,
    permission: Option<GivenPermission>,
}

impl Written {
    /// The program that was put together, or what is wrong with each field.
    fn program(self, now: Timestamp) -> Result<NewProgram, Vec<FieldError>> {
        let terms = terms(&self.name, &self.external_id);
        let public_key = if self.public_key.contains("PRIVATE KEY") {
            Err(complaint(PUBLIC_KEY, "This is the private half: keep it where the program runs. Paste the public half.".to_owned()))
        } else {
            PublicKeyPem::parse(&self.public_key).map_err(|error| complaint(PUBLIC_KEY, error.to_string()))
        };
        let days = LIVES.iter().find(|(days, _)| days.to_string() == self.life).map(|(days, _)| *days);
        let days = days.ok_or_else(|| complaint(LIFE, "Choose how long its token counts.".to_owned()));
        match (terms, public_key, days) {
            (Ok(terms), Ok(public_key), Ok(days)) => {
                let until = now.plus(Duration::from_hours(24 * days));
                Ok(NewProgram { terms, public_key, until, permission: self.permission })
            }
            (terms, public_key, days) => {
                Err(terms.err().unwrap_or_default().into_iter().chain(public_key.err()).chain(days.err()).collect())
            }
        }
    }
}

/// What a program is to be called, or what is wrong with each field.
pub(super) fn terms(name: &str, external_id: &str) -> Result<ProgramTerms, Vec<FieldError>> {
    let name = ProgramName::parse(name).map_err(|error| complaint(NAME.name, error.to_string()));
    let external_id = match external_id.trim() {
        "" => Ok(None),
        typed => ExternalId::parse(typed).map(Some).map_err(|error| complaint(EXTERNAL_ID.name, error.to_string())),
    };
    match (name, external_id) {
        (Ok(name), Ok(external_id)) => Ok(ProgramTerms { name, external_id }),
        (name, external_id) => Err(name.err().into_iter().chain(external_id.err()).collect()),
    }
}

fn complaint(field: &str, message: String) -> FieldError {
    FieldError { field: field.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{cose::PublicKey, rules::LONGEST_TOKEN};

    fn written() -> Written {
        Written {
            name: " Payroll ".to_owned(),
            external_id: String::new(),
            public_key: PublicKey::Ed25519([11; 32]).to_pem(),
            life: "90".to_owned(),
            permission: None,
        }
    }

    #[test]
    fn what_is_typed_becomes_a_program() {
        let now = Timestamp::from_millis(1_000);
        let new = written().program(now).unwrap();
        assert_eq!((new.terms.name.as_str(), new.terms.external_id), ("Payroll", None));
        assert_eq!(new.until, now.plus(Duration::from_hours(90 * 24)));
    }

    #[test]
    fn every_field_gets_its_own_complaint() {
        let nothing = Written {
            name: String::new(),
            external_id: "<".to_owned(),
            public_key: "?".to_owned(),
            life: "9".to_owned(),
            permission: None,
        };
        let fields = nothing.program(Timestamp::from_millis(0)).unwrap_err();
        assert_eq!(fields.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), ["name", "external_id", "public_key", "life"]);
    }

    #[test]
    fn a_private_key_is_told_from_a_public_one() {
        let private = Written { public_key: "-----BEGIN PRIVATE KEY-----".to_owned(), ..written() };
        let fields = private.program(Timestamp::from_millis(0)).unwrap_err();
        assert!(fields[0].message.contains("private half"), "{}", fields[0].message);
    }

    #[test]
    fn no_life_is_longer_than_a_tokens_may_be() {
        assert_eq!(Duration::from_hours(24 * LIVES.map(|(days, _)| days).into_iter().max().unwrap()), LONGEST_TOKEN);
    }
}
