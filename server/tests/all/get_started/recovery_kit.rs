//! `/rpc/finish_registration`: passkey and recovery key are registered together, or not at all.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    database::TestDatabase,
    device::{RecoveryKit, base64url, random},
};
use app::{
    refusal::Code,
    rpc::get_started::{Registration, RegistrationStep},
};
use serde_json::{Value, json};

on_both_databases!(
    a_proof_that_does_not_hold_registers_nothing,
    the_passkey_comes_first,
    of_two_that_finish_at_once_exactly_one_does,
    a_registration_is_finished_once,
    a_deactivated_user_is_not_registered,
);

async fn a_proof_that_does_not_hold_registers_nothing(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.with_passkey("ada@example.org").await;
    let registration: Registration = person.browser.registration().await.done();
    let honest = person.kit.proof(&registration.challenge);
    let changed = |member: &str, value: Value| {
        let mut proof = honest.clone();
        proof[member] = value;
        proof
    };
    let raw_challenge = data_encoding::BASE64URL_NOPAD.decode(registration.challenge.as_bytes()).unwrap();
    let before = app.dump().await;
    for (what, proof) in [
        ("another challenge", person.kit.proof(&base64url(&[1; 32]))),
        ("somebody else's key", changed("public_key", json!(RecoveryKit::new().public_key()))),
        ("somebody else's signature", changed("signature", RecoveryKit::new().proof(&registration.challenge)["signature"].clone())),
        ("a signature over the bare challenge", changed("signature", json!(person.kit.sign(&raw_challenge)))),
        ("no signature", changed("signature", json!(""))),
        ("a short key", changed("public_key", json!(base64url(&random::<31>())))),
        ("the key that verifies everything", changed("public_key", json!(base64url(&[&[1_u8][..], &[0; 31]].concat())))),
        ("a short salt", changed("salt", json!(base64url(&random::<16>())))),
        ("a long salt", changed("salt", json!(base64url(&random::<33>())))),
        ("no base64url", changed("salt", json!("!"))),
        ("padding", changed("salt", json!(format!("{}=", base64url(&person.kit.salt))))),
    ] {
        let answer = person.browser.finish(&proof).await;
        assert_eq!(answer.verdict(), refused(Code::BadRequest), "{what}: {}", answer.text());
    }
    for proof in [json!(null), json!({}), changed("more", json!(1))] {
        let answer = person.browser.finish(&proof).await;
        assert_eq!(answer.verdict(), refused(Code::BadRequest), "{proof}: {}", answer.text());
    }
    assert_eq!(app.dump().await, before, "nothing was registered, nothing was ended");
    assert_eq!(app.count("credentials").await, 0);
    assert!(!app.is_active(person.organization).await);
    assert_eq!(person.browser.viewer().await.verdict(), refused(Code::SignedOut));
    assert_eq!(person.browser.finish(&honest).await.verdict(), DONE, "and an honest try works afterwards");
}

async fn the_passkey_comes_first(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.registering("ada@example.org").await;
    let answer = person.finish().await;
    assert_eq!(answer.verdict(), refused(Code::BadRequest));
    assert_eq!(answer.refusal().message, "Make a passkey first; the recovery kit comes after it.");
    assert_eq!(person.browser.registration().await.done::<Registration>().step, RegistrationStep::Passkey);
}

async fn of_two_that_finish_at_once_exactly_one_does(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.with_passkey("ada@example.org").await;
    let registration: Registration = person.browser.registration().await.done();
    let mut finishing = tokio::task::JoinSet::new();
    for _ in 0..4 {
        // Each with a kit of its own, as after a reload in between.
        let (browser, proof) = (person.browser.twin(), RecoveryKit::new().proof(&registration.challenge));
        finishing.spawn(async move { (browser.finish(&proof).await.verdict(), browser, proof) });
    }
    let outcomes = finishing.join_all().await;
    let winners: Vec<_> = outcomes.iter().filter(|(verdict, ..)| *verdict == DONE).collect();
    let [(_, browser, proof)] = winners.as_slice() else {
        panic!("{:?}", outcomes.iter().map(|(verdict, ..)| verdict).collect::<Vec<_>>());
    };
    for (verdict, ..) in outcomes.iter().filter(|(verdict, ..)| *verdict != DONE) {
        assert_eq!(*verdict, refused(Code::NoRegistration));
    }
    assert_eq!(browser.viewer().await.verdict(), DONE);
    assert_eq!(app.count("credentials").await, 2);
    let key = proof["public_key"].as_str().unwrap();
    assert_eq!(app.number(&format!("SELECT COUNT(*) FROM credentials WHERE public_key = '{key}'")).await, 1, "it is the winner's kit");
}

async fn a_registration_is_finished_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.with_passkey("ada@example.org").await;
    let registration: Registration = person.browser.registration().await.done();
    let before = person.browser.twin();
    assert_eq!(person.finish().await.verdict(), DONE);
    for browser in [&before, &person.browser] {
        let again = browser.finish(&RecoveryKit::new().proof(&registration.challenge)).await;
        assert_eq!(again.verdict(), refused(Code::NoRegistration));
    }
    assert_eq!(before.viewer().await.verdict(), refused(Code::SignedOut), "the registration's cookie isn't the session's");
    assert_eq!(app.count("credentials").await, 2);
    assert_eq!(app.count("sessions").await, 1);
}

async fn a_deactivated_user_is_not_registered(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.with_passkey("ada@example.org").await;
    app.run("UPDATE users SET deactivated_at = 1").await;
    assert_eq!(person.finish().await.verdict(), refused(Code::NoRegistration));
    assert_eq!(person.type_code_in(&app.browser(), &person.code).await.verdict(), refused(Code::WrongCode));
    assert_eq!(app.count("credentials").await, 0);
    assert_eq!(app.active_organizations().await, 0);
}
