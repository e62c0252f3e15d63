//! Many at once: everyone gets through, and nobody gets in anybody's way.

use crate::support::{
    answer::{DONE, Verdict},
    app::TestApp,
    browser::Browser,
    database::TestDatabase,
    device::Device,
    person::Person,
};
use app::rpc::sign_in::SignInChallenge;
use serde_json::Value;
use std::sync::Arc;
use tokio::{sync::Barrier, task::JoinSet};

on_both_databases!(
    sixteen_people_sign_up_at_once,
    eight_people_sign_in_at_once,
    more_people_sign_in_at_once_than_there_are_connections,
    one_person_signs_in_on_many_devices_at_once,
);

async fn sixteen_people_sign_up_at_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let start = Arc::new(Barrier::new(16));
    let mut signing_up = JoinSet::new();
    for number in 0..16 {
        let (app, start) = (app.clone(), Arc::clone(&start));
        signing_up.spawn(async move {
            start.wait().await;
            app.admin(&format!("person{number}@example.org")).await.viewer().await.organization
        });
    }
    let mut organizations = signing_up.join_all().await;
    organizations.sort();
    organizations.dedup();
    assert_eq!(organizations.len(), 16);
    assert_eq!(app.active_organizations().await, 16);
    assert_eq!(app.count("credentials").await, 32);
    assert_eq!(app.count("sessions").await, 16);
    assert_eq!(app.mails().await.len(), 16);
}

/// An answer that is ready to be sent, and the browser that sends it.
type Ready = (Browser, SignInChallenge, Value);

/// Sends them all at the same moment.
async fn sign_in_at_once(ready: Vec<Ready>) -> Vec<Verdict> {
    let start = Arc::new(Barrier::new(ready.len()));
    let mut signing_in = JoinSet::new();
    for (browser, challenge, answer) in ready {
        let start = Arc::clone(&start);
        signing_in.spawn(async move {
            start.wait().await;
            browser.finish_sign_in(&challenge, &answer).await.verdict()
        });
    }
    signing_in.join_all().await
}

async fn ready(browser: Browser, person: &mut Person) -> Ready {
    let challenge = browser.sign_in_challenge().await;
    let answer = person.device.get(&challenge.options);
    (browser, challenge, answer)
}

async fn eight_people_sign_in_at_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut answers = Vec::new();
    for number in 0..8 {
        let mut person = app.admin(&format!("person{number}@example.org")).await;
        answers.push(ready(person.browser.clone(), &mut person).await);
    }
    assert_eq!(sign_in_at_once(answers).await, [DONE; 8]);
    assert_eq!(app.count("sessions").await, 8);
}

/// Whoever holds a connection while waiting for a second one waits for those who do the same.
async fn more_people_sign_in_at_once_than_there_are_connections(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut people = Vec::new();
    for number in 0..4 {
        let person = app.registering(&format!("person{number}@example.org")).await;
        let mut person = Person { device: Device::password_manager(&app.origin()), ..person };
        assert_eq!(person.make_passkey().await, DONE);
        assert_eq!(person.finish().await.verdict(), DONE);
        people.push(person);
    }
    let mut answers = Vec::new();
    for number in 0..40 {
        answers.push(ready(app.browser(), &mut people[number % 4]).await);
    }
    assert_eq!(sign_in_at_once(answers).await, [DONE; 40]);
    assert_eq!(app.count("sessions").await, 44);
}

/// Its counter moves once for each, and those who come too late hear that they should try again.
async fn one_person_signs_in_on_many_devices_at_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut person = app.admin("ada@example.org").await;
    let mut answers = Vec::new();
    for _ in 0..8 {
        answers.push(ready(app.browser(), &mut person).await);
    }
    let verdicts = sign_in_at_once(answers).await;
    let through = verdicts.iter().filter(|verdict| **verdict == DONE).count();
    assert!(through >= 1, "{verdicts:?}");
    assert!(verdicts.iter().all(|verdict| matches!(verdict.0, 200 | 400 | 422)), "{verdicts:?}");
    assert_eq!(app.count("sessions").await, 1 + i64::try_from(through).unwrap());
    assert_eq!(person.sign_in().await.verdict(), DONE);
}
