//! `/rpc/registration`, `/rpc/start_passkey`, `/rpc/keep_passkey`: the registration in this browser, and its passkey.

use crate::support::{
    answer::{Answer, DONE, refused},
    app::TestApp,
    database::TestDatabase,
    device::{BACKED_UP, BACKUP_ELIGIBLE, Device, Says, USER_PRESENT, USER_VERIFIED, base64url, random},
    person::Person,
};
use app::{
    refusal::Code,
    rpc::get_started::{Registration, RegistrationStep},
};
use serde_json::{Value, json};
use std::time::Duration;

on_both_databases!(
    the_browser_is_asked_for_exactly_the_right_kind_of_passkey,
    any_kind_of_passkey_is_taken,
    a_registration_belongs_to_the_browser_that_typed_the_code,
    a_registration_lasts_an_hour,
    going_on_in_another_browser_ends_the_first,
    activating_signs_out_whoever_was_signed_in,
    a_second_passkey_is_not_taken,
    what_does_not_hold_is_refused_and_nothing_is_kept,
    what_is_no_passkey_is_refused,
    a_passkey_of_someone_else_is_refused,
);

async fn the_browser_is_asked_for_exactly_the_right_kind_of_passkey(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.registering("ada@example.org").await;
    let options = person.browser.passkey_options().await;
    assert_eq!(options["rp"], json!({ "id": "localhost", "name": "Countersign" }));
    assert_eq!(options["user"]["name"], "ada@example.org (Acme)");
    assert_eq!(options["user"]["displayName"], "Ada Lovelace (Acme)");
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(options["authenticatorSelection"]["requireResidentKey"], true);
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["attestation"], "none");
    assert_eq!(options["pubKeyCredParams"], json!([{ "type": "public-key", "alg": -7 }, { "type": "public-key", "alg": -257 }]));
    assert_eq!(options["excludeCredentials"], json!([]));
    let registration: Registration = person.browser.registration().await.done();
    assert_eq!(options["challenge"], registration.challenge);
    assert_eq!(data_encoding::BASE64URL_NOPAD.decode(registration.challenge.as_bytes()).unwrap().len(), 32);
    assert_eq!(person.browser.passkey_options().await, options, "asking again, after a reload, gives the same");
    let other = app.registering("bob@example.org").await.browser.passkey_options().await;
    assert_ne!(other["challenge"], options["challenge"]);
    assert_ne!(other["user"]["id"], options["user"]["id"]);
}

async fn any_kind_of_passkey_is_taken(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let origin = app.origin();
    let with_id = |id: &[u8]| Device::security_key(&origin).with_credential_id(id);
    let devices = [
        (Device::security_key(&origin), "-7 no no"),
        (Device::password_manager(&origin), "-7 yes yes"),
        (Device::password_manager(&origin).with_flags(USER_PRESENT | USER_VERIFIED | BACKUP_ELIGIBLE), "-7 yes no"),
        (Device::signing_with_rsa(&origin), "-257 no no"),
        (with_id(&[7; 1023]), "-7 no no"),
        (with_id(&[7; 16]), "-7 no no"),
    ];
    for (number, (device, kept)) in devices.into_iter().enumerate() {
        let mut person = Person { device, ..app.registering(&format!("person{number}@example.org")).await };
        assert_eq!(person.make_passkey().await, DONE, "{number}");
        assert_eq!(person.finish().await.verdict(), DONE, "{number}");
        let viewer = person.viewer().await;
        let records = server::storage::credentials::records(&mut *app.connection().await, viewer.organization, viewer.user).await.unwrap();
        let fido = &records[0];
        let flag = |flag: &Option<String>| flag.clone().unwrap();
        assert_eq!(format!("{} {} {}", fido.algorithm, flag(&fido.backup_eligible), flag(&fido.backed_up)), kept);
        assert_eq!(fido.public_key, base64url(&person.device.cose_key()));
        assert_eq!(fido.aaguid.as_deref(), Some(base64url(b"a story's device").as_str()));
        for _ in 0..2 {
            assert_eq!(person.browser.sign_out().await.verdict(), DONE);
            assert_eq!(person.sign_in().await.verdict(), DONE, "{number}");
        }
    }
}

async fn a_registration_belongs_to_the_browser_that_typed_the_code(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.registering("ada@example.org").await;
    let registration: Registration = person.browser.registration().await.done();
    let options = person.browser.passkey_options().await;
    let (passkey, proof) = (person.device.create(&options), person.kit.proof(&registration.challenge));

    let stranger = app.browser();
    assert_eq!(stranger.registration().await.verdict(), refused(Code::NoRegistration));
    assert_eq!(stranger.start_passkey().await.verdict(), refused(Code::NoRegistration));
    assert_eq!(stranger.keep_passkey(&passkey).await.verdict(), refused(Code::NoRegistration));
    assert_eq!(person.browser.keep_passkey(&passkey).await.verdict(), DONE);
    assert_eq!(stranger.finish(&proof).await.verdict(), refused(Code::NoRegistration));
    stranger.set_session(&base64url(&random::<16>()));
    assert_eq!(stranger.finish(&proof).await.verdict(), refused(Code::NoRegistration));
    let other = app.with_passkey("bob@example.org").await;
    assert_eq!(other.browser.finish(&proof).await.verdict(), refused(Code::BadRequest), "Bob's browser is in Bob's registration");
    assert_eq!(app.count("credentials").await, 0);
    assert_eq!(person.browser.finish(&proof).await.verdict(), DONE);
}

async fn a_registration_lasts_an_hour(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.with_passkey("ada@example.org").await;
    let registration: Registration = person.browser.registration().await.done();
    app.advance(Duration::from_mins(59));
    assert_eq!(person.browser.registration().await.verdict(), DONE);
    app.advance(Duration::from_mins(1));
    assert_eq!(person.browser.registration().await.verdict(), refused(Code::NoRegistration));
    assert_eq!(person.browser.start_passkey().await.verdict(), refused(Code::NoRegistration));
    assert_eq!(person.browser.finish(&person.kit.proof(&registration.challenge)).await.verdict(), refused(Code::NoRegistration));
    assert_eq!(app.count("credentials").await, 0);
    // Also with a session that, for whatever reason, still is there.
    app.run("UPDATE sessions SET expires_at = expires_at + 100000000").await;
    assert_eq!(person.browser.finish(&person.kit.proof(&registration.challenge)).await.verdict(), refused(Code::NoRegistration));

    // The code still works: it is the way on.
    let mut person = person;
    assert_eq!(person.activate().await.verdict(), DONE);
    assert_eq!(person.make_passkey().await, DONE);
    assert_eq!(person.finish().await.verdict(), DONE);
}

async fn going_on_in_another_browser_ends_the_first(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let first = app.with_passkey("ada@example.org").await;
    let registration: Registration = first.browser.registration().await.done();

    let phone = app.browser();
    assert_eq!(first.type_code_in(&phone, &first.code).await.verdict(), DONE);
    let on_phone: Registration = phone.registration().await.done();
    assert_eq!(on_phone.step, RegistrationStep::Passkey, "the first browser's passkey stays with it");
    assert_ne!(on_phone.challenge, registration.challenge);

    let over = first.browser.registration().await;
    assert_eq!(over.verdict(), refused(Code::NoRegistration));
    assert!(over.refusal().message.contains("went on in another browser"), "{}", over.text());
    assert_eq!(first.browser.finish(&first.kit.proof(&registration.challenge)).await.verdict(), refused(Code::NoRegistration));

    let mut second = Person { browser: phone, device: Device::security_key(&app.origin()), ..first };
    assert_eq!(second.make_passkey().await, DONE);
    assert_eq!(second.finish().await.verdict(), DONE);
    assert_eq!(second.viewer().await.passkeys, 1);
    assert_eq!(app.count("credentials").await, 2);
}

async fn activating_signs_out_whoever_was_signed_in(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let ada = app.admin("ada@example.org").await;
    let before = ada.browser.session().unwrap();
    let bob = app.founder("bob@example.org").await;
    assert_eq!(bob.type_code_in(&ada.browser, &bob.code).await.verdict(), DONE);
    assert_ne!(ada.browser.session().unwrap(), before);
    assert_eq!(ada.browser.viewer().await.verdict(), refused(Code::SignedOut));
    assert_eq!(ada.browser.registration().await.done::<Registration>().email, "bob@example.org");
    ada.browser.set_session(&before);
    assert_eq!(ada.browser.viewer().await.verdict(), refused(Code::SignedOut), "the old session is gone");
}

async fn a_second_passkey_is_not_taken(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.with_passkey("ada@example.org").await;
    let first = person.device.credential_id.clone();
    assert_eq!(person.make_passkey().await, refused(Code::BadRequest), "the same one");
    let options = person.browser.passkey_options().await;
    let other = Device::security_key(&app.origin()).create(&options);
    assert_eq!(person.browser.keep_passkey(&other).await.verdict(), refused(Code::BadRequest), "another one");
    assert_eq!(person.finish().await.verdict(), DONE);
    assert_eq!(app.number(&format!("SELECT COUNT(*) FROM credentials WHERE credential_id = '{}'", base64url(&first))).await, 1);
}

/// What is said otherwise, before it is signed.
type Change = fn(&mut Says);

/// Each is what a browser or an authenticator could really say, signed or sealed as it should be.
async fn what_does_not_hold_is_refused_and_nothing_is_kept(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.registering("ada@example.org").await;
    let options = person.browser.passkey_options().await;
    let changes: [(&str, Change); 16] = [
        ("another challenge", |says| says.claim("challenge", base64url(&[1; 32]))),
        ("a padded challenge", |says| says.claim("challenge", format!("{}=", says.client_data["challenge"].as_str().unwrap()))),
        ("another origin", |says| says.claim("origin", "https://evil.example")),
        ("another port", |says| says.claim("origin", "http://localhost:4000")),
        ("an origin with a path", |says| says.claim("origin", "http://localhost:3000/")),
        ("an origin in capitals", |says| says.claim("origin", "HTTP://LOCALHOST:3000")),
        ("inside of another site", |says| says.claim("crossOrigin", true)),
        ("below another site", |says| says.claim("topOrigin", "https://evil.example")),
        ("another ceremony", |says| says.claim("type", "webauthn.get")),
        ("not verified", |says| says.flags &= !USER_VERIFIED),
        ("nobody present", |says| says.flags &= !USER_PRESENT),
        ("backed up without being eligible", |says| says.flags |= BACKED_UP),
        ("another site's credential", |says| "evil.example".clone_into(&mut says.rp_id)),
        ("bytes after the authenticator data", |says| says.trailing = vec![0]),
        ("an id that can be guessed", |says| says.credential_id = vec![1; 15]),
        ("a member twice", |says| {
            let text = serde_json::to_string(&says.client_data).unwrap();
            says.client_data_text = Some(text.replacen('{', "{\"type\":\"webauthn.create\",", 1));
        }),
    ];
    let before = app.dump().await;
    for (what, change) in changes {
        let answer = person.browser.keep_passkey(&person.device.create_with(&options, change)).await;
        assert_eq!(answer.verdict(), refused(Code::PasskeyRefused), "{what}: {}", answer.text());
    }
    assert_eq!(app.dump().await, before);
    assert_eq!(person.make_passkey().await, DONE, "and an honest try works afterwards");
}

async fn what_is_no_passkey_is_refused(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.registering("ada@example.org").await;
    let options = person.browser.passkey_options().await;
    let honest = person.device.create(&options);
    let changed = |pointer: &str, value: Value| {
        let mut passkey = honest.clone();
        *passkey.pointer_mut(pointer).unwrap() = value;
        passkey
    };
    let before = app.dump().await;
    for response in [
        json!(null),
        json!("passkey"),
        json!({}),
        changed("/id", json!(base64url(&[2; 32]))),
        changed("/rawId", json!(base64url(&[2; 32]))),
        changed("/type", json!("password")),
        changed("/response/attestationObject", json!("AAAA")),
        changed("/response/attestationObject", json!("not base64url!")),
        changed("/response/clientDataJSON", json!(base64url(b"{}"))),
        changed("/response/clientDataJSON", json!(base64url(b"\xff"))),
        changed("/response/transports", json!("usb")),
        changed("/response/transports", json!(["x".repeat(33)])),
        changed("/response/transports", json!(vec!["usb"; 17])),
        changed("/response", json!(null)),
    ] {
        let answer: Answer = person.browser.keep_passkey(&response).await;
        assert_eq!(answer.verdict(), refused(Code::PasskeyRefused), "{response}: {}", answer.text());
    }
    assert_eq!(app.dump().await, before);
    // A transport that nobody knows yet is kept.
    let future = changed("/response/transports", json!(["usb", "telepathy"]));
    assert_eq!(person.browser.keep_passkey(&future).await.verdict(), DONE);
    assert_eq!(person.finish().await.verdict(), DONE);
    assert_eq!(app.number("SELECT COUNT(*) FROM credentials WHERE transports = '[\"usb\",\"telepathy\"]'").await, 1);
}

async fn a_passkey_of_someone_else_is_refused(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.with_passkey("ada@example.org").await;
    let id = ada.device.credential_id.clone();

    // Bob takes Ada's credential id while both are under way: the first to finish has it.
    let mut bob = app.registering("bob@example.org").await;
    bob.device.credential_id.clone_from(&id);
    assert_eq!(bob.make_passkey().await, DONE);
    assert_eq!(ada.finish().await.verdict(), DONE);
    let taken = bob.finish().await;
    assert_eq!(taken.verdict(), refused(Code::PasskeyRefused));
    assert!(!app.is_active(bob.organization).await);
    assert_eq!(app.count("credentials").await, 2);

    // And from then on it isn't even kept aside.
    let mut eve = app.registering("eve@example.org").await;
    eve.device.credential_id.clone_from(&id);
    assert_eq!(eve.make_passkey().await, refused(Code::PasskeyRefused));
    assert_eq!(eve.browser.registration().await.done::<Registration>().step, RegistrationStep::Passkey);
    eve.device.credential_id = random::<32>().to_vec();
    assert_eq!(eve.make_passkey().await, DONE);
    assert_eq!(eve.finish().await.verdict(), DONE);
    assert_eq!(ada.sign_in().await.verdict(), DONE);
}
