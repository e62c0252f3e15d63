//! `/login`: `/rpc/start_sign_in` and `/rpc/finish_sign_in`.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    database::TestDatabase,
    device::{BACKED_UP, BACKUP_ELIGIBLE, Device, Says, USER_PRESENT, USER_VERIFIED, base64url, random},
    person::Person,
};
use app::{refusal::Code, rpc::sign_in::SignInChallenge};
use serde_json::{Value, json};
use std::time::Duration;

on_both_databases!(
    any_passkey_of_the_site_is_asked_for,
    a_passkey_that_nobody_has_is_told_apart,
    a_passkey_signs_in_its_owner_only,
    a_challenge_is_used_once_and_for_five_minutes,
    of_two_answers_to_one_challenge_exactly_one_counts,
    what_does_not_hold_is_refused,
    what_is_no_answer_is_refused,
    forgeries_are_refused,
    a_counter_that_goes_back_is_refused,
    a_synced_passkey_need_not_count,
    whether_a_passkey_may_be_synced_never_changes,
    a_deactivated_user_or_passkey_does_not_sign_in,
    the_passkey_decides_which_organization_one_is_in,
    when_a_passkey_was_used_is_noted,
);

async fn any_passkey_of_the_site_is_asked_for(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    app.admin("ada@example.org").await;
    let SignInChallenge { options, challenge } = app.browser().sign_in_challenge().await;
    assert_eq!((options["rpId"].as_str(), options["userVerification"].as_str()), (Some("localhost"), Some("required")));
    assert!(options["allowCredentials"].as_array().is_none_or(Vec::is_empty), "{options}");
    assert_eq!(data_encoding::BASE64URL_NOPAD.decode(options["challenge"].as_str().unwrap().as_bytes()).unwrap().len(), 32);
    let other = app.browser().sign_in_challenge().await;
    assert_ne!((other.challenge, &other.options["challenge"]), (challenge, &options["challenge"]));
}

async fn a_passkey_that_nobody_has_is_told_apart(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut unfinished = app.with_passkey("bob@example.org").await;
    assert_eq!(unfinished.sign_in_with(&app.browser()).await.verdict(), refused(Code::UnknownPasskey), "kept aside is not registered");
    let mut stranger = Person { device: Device::security_key(&app.origin()), ..unfinished };
    stranger.device.user_handle = random::<16>().to_vec();
    let browser = app.browser();
    let answer = stranger.sign_in_with(&browser).await;
    assert_eq!(answer.verdict(), refused(Code::UnknownPasskey));
    assert_eq!(browser.session(), None);
}

async fn a_passkey_signs_in_its_owner_only(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let bob = app.admin("bob@example.org").await;
    let browser = app.browser();
    for handle in [Some(bob.device.user_handle.clone()), Some(random::<16>().to_vec()), Some(vec![1]), None] {
        let challenge = browser.sign_in_challenge().await;
        let answer = ada.device.get_with(&challenge.options, |says| says.user_handle.clone_from(&handle));
        assert_eq!(browser.finish_sign_in(&challenge, &answer).await.verdict(), refused(Code::PasskeyRefused), "{handle:?}");
    }
    // Bob's credential id over Ada's key.
    let challenge = browser.sign_in_challenge().await;
    let answer = ada.device.get_with(&challenge.options, |says| {
        says.credential_id.clone_from(&bob.device.credential_id);
        says.user_handle = Some(bob.device.user_handle.clone());
    });
    assert_eq!(browser.finish_sign_in(&challenge, &answer).await.verdict(), refused(Code::PasskeyRefused));
    assert_eq!(browser.session(), None);
}

async fn a_challenge_is_used_once_and_for_five_minutes(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.admin("ada@example.org").await;
    let browser = app.browser();

    let used = browser.sign_in_challenge().await;
    let answer = person.device.get(&used.options);
    assert_eq!(browser.finish_sign_in(&used, &answer).await.verdict(), DONE);
    assert_eq!(app.browser().finish_sign_in(&used, &answer).await.verdict(), refused(Code::BadRequest), "the same again");
    assert_eq!(
        app.browser().finish_sign_in(&used, &person.device.get(&used.options)).await.verdict(),
        refused(Code::BadRequest),
        "signed again"
    );

    let spoiled = browser.sign_in_challenge().await;
    assert_eq!(browser.finish_sign_in(&spoiled, &json!({})).await.verdict(), refused(Code::PasskeyRefused));
    let late = browser.finish_sign_in(&spoiled, &person.device.get(&spoiled.options)).await;
    assert_eq!(late.verdict(), refused(Code::BadRequest), "a refused answer uses it up, too");

    let in_time = browser.sign_in_challenge().await;
    let too_late = browser.sign_in_challenge().await;
    app.advance(Duration::from_mins(5) - Duration::from_secs(1));
    assert_eq!(browser.finish_sign_in(&in_time, &person.device.get(&in_time.options)).await.verdict(), DONE);
    app.advance(Duration::from_secs(2));
    assert_eq!(app.browser().finish_sign_in(&too_late, &person.device.get(&too_late.options)).await.verdict(), refused(Code::BadRequest));

    let unknown = SignInChallenge { challenge: app::domain::id::ChallengeId::from_bytes([1; 16]), ..too_late };
    assert_eq!(app.browser().finish_sign_in(&unknown, &person.device.get(&unknown.options)).await.verdict(), refused(Code::BadRequest));
    server::service::sweep(&app.services).await.unwrap();
    assert_eq!(app.count("challenges").await, 0);
}

async fn of_two_answers_to_one_challenge_exactly_one_counts(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.admin("ada@example.org").await;
    let before = app.count("sessions").await;
    let challenge = app.browser().sign_in_challenge().await;
    let answer = person.device.get(&challenge.options);
    let mut answering = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (browser, challenge, answer) = (app.browser(), challenge.clone(), answer.clone());
        answering.spawn(async move { browser.finish_sign_in(&challenge, &answer).await.verdict() });
    }
    let verdicts = answering.join_all().await;
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == DONE).count(), 1, "{verdicts:?}");
    assert_eq!(app.count("sessions").await, before + 1);
}

/// What is said otherwise, before it is signed.
type Change = fn(&mut Says);

/// Each is what a browser or an authenticator could really say, with a valid signature over it.
async fn what_does_not_hold_is_refused(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.admin("ada@example.org").await;
    person.device.counts = false;
    let count = person.device.sign_count;
    let changes: [(&str, Change); 18] = [
        ("another challenge", |says| says.claim("challenge", base64url(&[1; 32]))),
        ("a padded challenge", |says| says.claim("challenge", format!("{}=", says.client_data["challenge"].as_str().unwrap()))),
        ("another origin", |says| says.claim("origin", "https://evil.example")),
        ("another port", |says| says.claim("origin", "http://localhost:4000")),
        ("an origin with a path", |says| says.claim("origin", "http://localhost:3000/login")),
        ("an origin with a name in it", |says| says.claim("origin", "http://ada@localhost:3000")),
        ("an origin in capitals", |says| says.claim("origin", "http://LOCALHOST:3000")),
        ("inside of another site", |says| says.claim("crossOrigin", true)),
        ("crossOrigin as text", |says| says.claim("crossOrigin", "false")),
        ("below another site", |says| says.claim("topOrigin", "http://localhost:3000")),
        ("another ceremony", |says| says.claim("type", "webauthn.create")),
        ("not verified", |says| says.flags &= !USER_VERIFIED),
        ("nobody present", |says| says.flags &= !USER_PRESENT),
        ("another site's credential", |says| "evil.example".clone_into(&mut says.rp_id)),
        ("bytes after the authenticator data", |says| says.trailing = vec![0]),
        ("an extension map after it that no flag announces", |says| says.trailing = vec![0xa0]),
        ("a new credential that isn't there", |says| says.flags |= 1 << 6),
        ("a byte-order mark", |says| says.client_data_text = Some(format!("\u{feff}{}", Value::Object(says.client_data.clone())))),
    ];
    let browser = app.browser();
    for (what, change) in changes {
        let challenge = browser.sign_in_challenge().await;
        let answer = person.device.get_with(&challenge.options, |says| {
            says.sign_count = count + 1;
            change(says);
        });
        let refusal = browser.finish_sign_in(&challenge, &answer).await;
        assert_eq!(refusal.verdict(), refused(Code::PasskeyRefused), "{what}: {}", refusal.text());
        assert_eq!(browser.session(), None, "{what}");
    }
    assert_eq!(app.number("SELECT COUNT(*) FROM credentials WHERE last_used_at IS NOT NULL").await, 0);
    person.device.counts = true;
    assert_eq!(person.sign_in_with(&browser).await.verdict(), DONE, "and an honest answer with that count is taken");
}

async fn what_is_no_answer_is_refused(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.admin("ada@example.org").await;
    let browser = app.browser();
    let honest = person.device.get(&browser.sign_in_challenge().await.options);
    let changed = |pointer: &str, value: Value| {
        let mut answer = honest.clone();
        *answer.pointer_mut(pointer).unwrap() = value;
        answer
    };
    for response in [
        json!(null),
        json!([]),
        json!({}),
        changed("/type", json!("password")),
        changed("/rawId", json!(base64url(&[2; 32]))),
        changed("/id", json!(format!("{}=", honest["id"].as_str().unwrap()))),
        changed("/response/authenticatorData", json!("AAAA")),
        changed("/response/signature", json!("!")),
        changed("/response", json!(null)),
    ] {
        let challenge = browser.sign_in_challenge().await;
        let refusal = browser.finish_sign_in(&challenge, &response).await;
        assert_eq!(refusal.verdict(), refused(Code::PasskeyRefused), "{response}: {}", refusal.text());
    }
    assert_eq!(browser.session(), None);
}

/// Changed after it was signed.
async fn forgeries_are_refused(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.admin("ada@example.org").await;
    let browser = app.browser();
    for pointer in ["/response/signature", "/response/authenticatorData", "/response/clientDataJSON"] {
        let challenge = browser.sign_in_challenge().await;
        let mut answer = person.device.get(&challenge.options);
        let mut bytes = data_encoding::BASE64URL_NOPAD.decode(answer.pointer(pointer).unwrap().as_str().unwrap().as_bytes()).unwrap();
        if pointer.ends_with("JSON") {
            // Spaces change nothing of its meaning.
            bytes.push(b' ');
        } else {
            *bytes.last_mut().unwrap() ^= 1;
        }
        *answer.pointer_mut(pointer).unwrap() = json!(base64url(&bytes));
        assert_eq!(browser.finish_sign_in(&challenge, &answer).await.verdict(), refused(Code::PasskeyRefused), "{pointer}");
    }
    // An answer to another challenge, whole.
    let (first, second) = (browser.sign_in_challenge().await, browser.sign_in_challenge().await);
    let answer = person.device.get(&first.options);
    assert_eq!(browser.finish_sign_in(&second, &answer).await.verdict(), refused(Code::PasskeyRefused));
    // A registration's challenge, signed for a sign-in.
    let other = app.registering("bob@example.org").await;
    let mut options = second.options.clone();
    options["challenge"] = other.browser.passkey_options().await["challenge"].clone();
    let third = browser.sign_in_challenge().await;
    assert_eq!(browser.finish_sign_in(&third, &person.device.get(&options)).await.verdict(), refused(Code::PasskeyRefused));
    assert_eq!(browser.session(), None);
}

async fn a_counter_that_goes_back_is_refused(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.admin("ada@example.org").await;
    person.device.sign_count = 40;
    assert_eq!(person.sign_in().await.verdict(), DONE);
    assert_eq!(app.number("SELECT sign_count FROM credentials WHERE kind = 'Fido2'").await, 41);
    let browser = app.browser();
    for count in [41, 40, 1, 0] {
        let challenge = browser.sign_in_challenge().await;
        let answer = person.device.get_with(&challenge.options, |says| says.sign_count = count);
        assert_eq!(browser.finish_sign_in(&challenge, &answer).await.verdict(), refused(Code::PasskeyRefused), "{count}");
    }
    assert_eq!(app.number("SELECT sign_count FROM credentials WHERE kind = 'Fido2'").await, 41);
    assert_eq!(browser.session(), None);
    person.device.sign_count = u32::MAX - 1;
    assert_eq!(person.sign_in().await.verdict(), DONE);
    assert_eq!(app.number("SELECT sign_count FROM credentials WHERE kind = 'Fido2'").await, i64::from(u32::MAX));
}

async fn a_synced_passkey_need_not_count(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = Person { device: Device::password_manager(&app.origin()), ..app.registering("ada@example.org").await };
    assert_eq!(person.make_passkey().await, DONE);
    assert_eq!(person.finish().await.verdict(), DONE);
    // Its copies count on their own, or not at all, and may be unsynced for a while.
    for count in [0, 0, 7, 3, 0] {
        person.device.sign_count = count;
        assert_eq!(person.sign_in_with(&app.browser()).await.verdict(), DONE, "{count}");
    }
    person.device.flags &= !BACKED_UP;
    person.device.sign_count = 9;
    assert_eq!(person.sign_in_with(&app.browser()).await.verdict(), DONE);
    assert_eq!(app.number("SELECT COUNT(*) FROM credentials WHERE backup_eligible = 'yes' AND backed_up = 'no'").await, 1);
}

async fn whether_a_passkey_may_be_synced_never_changes(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut bound = app.admin("ada@example.org").await;
    bound.device.flags |= BACKUP_ELIGIBLE;
    assert_eq!(bound.sign_in_with(&app.browser()).await.verdict(), refused(Code::PasskeyRefused));
    let mut synced = Person { device: Device::password_manager(&app.origin()), ..app.registering("bob@example.org").await };
    assert_eq!(synced.make_passkey().await, DONE);
    assert_eq!(synced.finish().await.verdict(), DONE);
    synced.device.flags &= !(BACKUP_ELIGIBLE | BACKED_UP);
    assert_eq!(synced.sign_in_with(&app.browser()).await.verdict(), refused(Code::PasskeyRefused));
}

async fn a_deactivated_user_or_passkey_does_not_sign_in(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.admin("ada@example.org").await;
    app.run("UPDATE users SET deactivated_at = 1").await;
    assert_eq!(person.browser.viewer().await.verdict(), refused(Code::SignedOut), "the session that was there is over, too");
    assert_eq!(person.browser.get("/org").await.location(), "/login?next=/org");
    let browser = app.browser();
    let answer = person.sign_in_with(&browser).await;
    assert_eq!(answer.verdict(), refused(Code::SignedOut));
    assert_eq!(answer.refusal().message, "Your account is deactivated. Ask an admin of your organization.");
    assert_eq!(browser.session(), None);
    // Whoever can't prove to be that user isn't told.
    let challenge = browser.sign_in_challenge().await;
    let unproved = person.device.get_with(&challenge.options, |says| says.flags &= !USER_VERIFIED);
    assert_eq!(browser.finish_sign_in(&challenge, &unproved).await.verdict(), refused(Code::PasskeyRefused));

    app.run("UPDATE users SET deactivated_at = NULL").await;
    app.run("UPDATE credentials SET deactivated_at = 1 WHERE kind = 'Fido2'").await;
    assert_eq!(person.sign_in_with(&browser).await.verdict(), refused(Code::UnknownPasskey));
    app.run("UPDATE credentials SET deactivated_at = NULL").await;
    assert_eq!(person.sign_in_with(&browser).await.verdict(), DONE);
}

async fn the_passkey_decides_which_organization_one_is_in(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut first = app.admin("ada@example.org").await;
    let mut second = app.admin("ada@example.org").await;
    let browser = app.browser();
    for (person, organization) in [(&mut first, first_organization(&app).await), (&mut second, second_organization(&app).await)] {
        assert_eq!(person.sign_in_with(&browser).await.verdict(), DONE);
        let viewer: app::rpc::sign_in::Viewer = browser.viewer().await.done();
        assert_eq!(viewer.organization.to_string(), organization);
    }
}

async fn first_organization(app: &TestApp) -> String {
    app.text("SELECT id FROM organizations ORDER BY created_at LIMIT 1").await
}

async fn second_organization(app: &TestApp) -> String {
    app.text("SELECT id FROM organizations ORDER BY created_at DESC LIMIT 1").await
}

async fn when_a_passkey_was_used_is_noted(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.admin("ada@example.org").await;
    assert_eq!(app.number("SELECT COUNT(*) FROM credentials WHERE last_used_at IS NULL").await, 2);
    app.advance(Duration::from_hours(1));
    assert_eq!(person.sign_in().await.verdict(), DONE);
    let used = app.number("SELECT last_used_at - created_at FROM credentials WHERE kind = 'Fido2'").await;
    assert!((3_600_000..3_700_000).contains(&used), "{used}");
}
