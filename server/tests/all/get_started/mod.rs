//! `/get-started`: from a mail address to a signed-in first admin.

mod account;
mod code;
mod passkey;
mod recovery_kit;

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    authenticator::{AAGUID, SoftwareAuthenticator},
    database::TestDatabase,
    device::{RecoveryKit, base64url},
    person::code_in,
};
use app::{
    refusal::Code,
    rpc::{
        get_started::{CodeState, Registration, RegistrationStep},
        sign_in::Viewer,
    },
};
use axum::http::Method;
use serde_json::Value;
use server::storage::credentials;

on_both_databases!(
    a_stranger_becomes_an_admin_and_signs_in_again,
    what_was_registered_is_kept_whole,
    each_page_of_the_wizard_finds_out_where_its_reader_is,
    looking_at_pages_changes_nothing,
);

/// With code that isn't ours as authenticator and browser.
async fn a_stranger_becomes_an_admin_and_signs_in_again(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let browser = app.browser();
    let authenticator = SoftwareAuthenticator::new(&app.origin());

    // The account: an organization that isn't active, and a mail.
    let started = browser.create_organization("Ada@Example.org", " Ada Lovelace ", "Analytical Engines").await;
    assert_eq!(started.verdict(), DONE);
    let organization = started.organization();
    assert_eq!(started.location(), format!("/get-started/mail?email=Ada%40example.org&organization={organization}"));
    assert!(!app.is_active(organization).await);
    let [mail] = app.mails_to("Ada@example.org").await.try_into().unwrap();
    assert!(mail.text.contains("Hello Ada Lovelace,"), "{}", mail.text);
    assert!(mail.text.contains(&format!("http://localhost:3000/get-started/activate?email=Ada%40example.org&organization={organization}")));

    // The code, typed with another capitalisation of the address.
    let activated = browser.activate("ada@example.org", &organization.to_string(), &code_in(&mail.text)).await;
    assert_eq!((activated.verdict(), activated.location()), (DONE, "/get-started/passkey"));
    let registration: Registration = browser.registration().await.done();
    assert_eq!((registration.name.as_str(), registration.organization_name.as_str()), ("Ada Lovelace", "Analytical Engines"));
    assert_eq!(registration.step, RegistrationStep::Passkey);
    assert_eq!(registration.recovery_url, "http://localhost:3000/recover");
    assert_eq!(registration.expires_at.as_millis() - registration.started_at.as_millis(), 3_600_000);

    // The passkey is kept aside; nothing is registered yet.
    let response = authenticator.create(&browser.passkey_options().await).await;
    assert_eq!(browser.keep_passkey(&response).await.verdict(), DONE);
    assert_eq!(browser.registration().await.done::<Registration>().step, RegistrationStep::RecoveryKit);
    assert_eq!(app.count("credentials").await, 0);
    assert!(!app.is_active(organization).await);

    // The recovery key: now everything is registered at once.
    assert_eq!(browser.finish(&RecoveryKit::new().proof(&registration.challenge)).await.verdict(), DONE);
    assert!(app.is_active(organization).await);
    assert_eq!(app.count("credentials").await, 2);
    let viewer: Viewer = browser.viewer().await.done();
    assert_eq!(
        (viewer.name.as_str(), viewer.email.as_str(), viewer.organization, viewer.organization_name.as_str(), viewer.passkeys),
        ("Ada Lovelace", "Ada@example.org", organization, "Analytical Engines", 1)
    );
    assert_eq!(browser.registration().await.verdict(), refused(Code::NoRegistration));

    // Out and in again, in another browser, without typing anything.
    assert_eq!(browser.sign_out().await.verdict(), DONE);
    assert_eq!(browser.viewer().await.verdict(), refused(Code::SignedOut));
    let other = app.browser();
    let challenge = other.sign_in_challenge().await;
    let response = authenticator.get(&challenge.options).await;
    assert_eq!(other.finish_sign_in(&challenge, &response).await.verdict(), DONE);
    assert_eq!(other.viewer().await.done::<Viewer>(), viewer);
    assert_eq!(app.mails().await.len(), 1, "no other mail was sent on the way");
}

async fn what_was_registered_is_kept_whole(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.registering("ada@example.org").await;
    let authenticator = SoftwareAuthenticator::new(&app.origin());
    let passkey = authenticator.create(&person.browser.passkey_options().await).await;
    assert_eq!(person.browser.keep_passkey(&passkey).await.verdict(), DONE);
    let registration: Registration = person.browser.registration().await.done();
    let proof = person.kit.proof(&registration.challenge);
    assert_eq!(person.browser.finish(&proof).await.verdict(), DONE);

    let viewer = person.viewer().await;
    let kept = credentials::records(&mut *app.connection().await, viewer.organization, viewer.user).await.unwrap();
    let [fido, recovery] = kept.as_slice() else { panic!("{kept:?}") };

    let text = |value: &Value| value.as_str().unwrap().to_owned();
    assert_eq!((fido.kind.as_str(), fido.credential_id.clone(), fido.algorithm), ("Fido2", text(&passkey["id"]), -7));
    assert_eq!(fido.aaguid.as_deref(), Some(base64url(&AAGUID).as_str()));
    assert_eq!(fido.transports.as_deref(), Some(passkey["response"]["transports"].to_string().as_str()));
    assert_eq!((fido.backup_eligible.as_deref(), fido.backed_up.as_deref()), (Some("yes"), Some("yes")));
    assert_eq!(fido.client_data, text(&passkey["response"]["clientDataJSON"]));
    assert_eq!(fido.attestation_object, text(&passkey["response"]["attestationObject"]));
    assert_eq!(fido.salt, None);

    assert_eq!((recovery.kind.as_str(), recovery.algorithm), ("RecoveryKey", -8));
    assert_eq!(recovery.public_key, person.kit.public_key());
    assert_eq!(recovery.salt.as_deref(), Some(base64url(&person.kit.salt).as_str()));
    assert_eq!(recovery.attestation_object, text(&proof["signature"]));
    assert_eq!(recovery.client_data, registration.challenge);
    assert_eq!((recovery.aaguid.as_deref(), recovery.transports.as_deref()), (None, None));
}

async fn each_page_of_the_wizard_finds_out_where_its_reader_is(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.founder("ada@example.org").await;
    let link = format!("/get-started/activate?email=ada%40example.org&organization={}", person.organization);
    let shows = async |path: &str, status: u16, words: &str| {
        let page = person.browser.get(path).await;
        assert_eq!(page.status, status, "{path}");
        assert!(page.text().contains(words), "{path} lacks “{words}”: {}", page.text());
    };

    shows("/get-started", 200, "name=\"organization\"").await;
    shows(&format!("/get-started/mail?email=ada%40example.org&organization={}", person.organization), 200, "ada@example.org").await;
    shows(&link, 200, "one-time-code").await;
    shows("/get-started/passkey", 401, "No registration is under way").await;
    shows("/get-started/recovery-kit", 401, "No registration is under way").await;
    assert_eq!(person.activate().await.verdict(), DONE);
    shows("/get-started/passkey", 200, "Make a passkey").await;
    shows("/get-started/recovery-kit", 200, "The passkey comes first").await;
    let options = person.browser.passkey_options().await;
    let passkey = person.device.create(&options);
    assert_eq!(person.browser.keep_passkey(&passkey).await.verdict(), DONE);
    shows("/get-started/passkey", 200, "Go on to the recovery kit").await;
    shows("/get-started/recovery-kit", 200, "Save your recovery kit").await;
    assert_eq!(person.browser.get("/org").await.location(), "/login?next=/org");
    assert_eq!(person.finish().await.verdict(), DONE);
    shows("/org", 200, "Acme").await;
    shows("/get-started/passkey", 401, "No registration is under way").await;
    shows(&link, 200, "No code is waiting").await;
}

/// Mail scanners open links, browsers fetch pages ahead, people reload.
async fn looking_at_pages_changes_nothing(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.founder("ada@example.org").await;
    let before = app.dump().await;
    let link = format!("/get-started/activate?email=ada%40example.org&organization={}", person.organization);
    for path in [
        link.as_str(),
        "/",
        "/login",
        "/get-started",
        "/get-started/mail",
        "/get-started/passkey",
        "/get-started/recovery-kit",
        "/org",
        "/dev/mail",
    ] {
        for method in [Method::GET, Method::HEAD, Method::GET, Method::OPTIONS] {
            let answer = app.browser().open(method.clone(), path).await;
            assert!(!answer.headers.contains_key("set-cookie"), "{method} {path} sets a cookie");
        }
    }
    assert_eq!(app.dump().await, before);
    assert!(matches!(person.code_state().await, CodeState::Live { .. }));
    assert_eq!(person.activate().await.verdict(), DONE);
    assert_eq!(person.make_passkey().await, DONE);
    assert_eq!(person.finish().await.verdict(), DONE);
}
