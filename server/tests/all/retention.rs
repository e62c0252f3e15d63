//! What is kept for how long, and what all servers of one database count together.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    database::TestDatabase,
};
use app::{action::change::Change, domain::id::ChallengeId, refusal::Code};
use server::{
    service::{STEP, sweep},
    storage::{challenges, commit},
};
use std::time::Duration;

on_both_databases!(
    what_ran_out_is_removed_in_small_steps,
    old_codes_and_mails_go_but_not_what_pages_show,
    mails_and_codes_are_counted_for_all_servers_together,
);

const DAY: Duration = Duration::from_hours(24);

async fn what_ran_out_is_removed_in_small_steps(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let now = app.services.ambient.now();
    let number = 2 * STEP + 50;
    let id = |number: i64| ChallengeId::from_bytes(i128::from(number).to_be_bytes());
    let mut db = app.services.storage.begin().await.unwrap();
    for number in 0..number {
        challenges::insert(&mut db, id(number), "state", now.plus(Duration::from_secs(number.unsigned_abs()))).await.unwrap();
    }
    challenges::insert(&mut db, id(number), "young", now.plus(DAY)).await.unwrap();
    commit(db).await.unwrap();
    app.advance(Duration::from_hours(1));

    let mut db = app.services.storage.begin().await.unwrap();
    let first = challenges::remove_expired(&mut db, app.services.ambient.now(), STEP).await.unwrap();
    commit(db).await.unwrap();
    assert_eq!(i64::try_from(first), Ok(STEP), "so much in one transaction, and no more");
    let oldest = app.number("SELECT MIN(expires_at) FROM challenges").await;
    assert_eq!(oldest, now.plus(Duration::from_secs(STEP.unsigned_abs())).as_millis(), "the oldest first");

    // Two servers at once.
    let other = TestApp::init(database).with_clock_of(&app).await;
    let (one, two) = tokio::join!(sweep(&app.services), sweep(&other.services));
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    assert_eq!(app.text("SELECT ceremony FROM challenges").await, "young");
    assert_eq!(app.count("challenges").await, 1);
}

async fn old_codes_and_mails_go_but_not_what_pages_show(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let bob = ada.invite("bob@example.org").await;
    app.advance(Duration::from_mins(1));
    ada.sign(&Change::ResendInvitation { user: bob.clone() }).await;
    let codes_of = async |user: &str| app.number(&format!("SELECT COUNT(*) FROM registration_codes WHERE user_id = '{user}'")).await;
    let (ada_id, bob_id) = (ada.viewer().await.user.to_string(), bob.id.to_string());
    assert_eq!((codes_of(&ada_id).await, codes_of(&bob_id).await), (1, 2));
    assert!(app.count("limits").await > 0);

    app.advance(29 * DAY);
    sweep(&app.services).await.unwrap();
    assert_eq!((codes_of(&ada_id).await, codes_of(&bob_id).await), (1, 2), "whoever types one now is told that it ran out");
    assert_eq!(app.count("limits").await, 0);
    app.advance(8 * DAY);
    sweep(&app.services).await.unwrap();
    assert_eq!((codes_of(&ada_id).await, codes_of(&bob_id).await), (0, 1), "until when bob could have signed up is still known");

    assert_eq!(app.number("SELECT COUNT(*) FROM outbox WHERE sealed IS NOT NULL").await, 0, "texts go when they run out");
    assert!(app.count("outbox").await >= 3);
    app.advance(60 * DAY);
    sweep(&app.services).await.unwrap();
    assert_eq!(app.count("outbox").await, 0);
    assert_eq!(app.count("activity").await, 0);
    assert_eq!(app.count("users").await, 2);
}

async fn mails_and_codes_are_counted_for_all_servers_together(database: &TestDatabase) {
    let one = TestApp::init(database).with_mails_per_hour(2).await;
    let two = TestApp::init(database).with_mails_per_hour(2).with_clock_of(&one).await;
    let ada = one.founder("ada@example.org").await;
    assert_eq!(two.browser().send_new_code("ada@example.org", "").await.verdict(), DONE);
    for app in [&one, &two] {
        let answer = app.browser().send_new_code("Ada@example.org", "").await;
        assert_eq!(answer.verdict(), refused(Code::TooMany));
        assert_eq!(answer.header("retry-after"), "1800");
    }
    one.advance(Duration::from_mins(30));
    assert_eq!(two.browser().send_new_code("ada@example.org", "").await.verdict(), DONE, "one more every half an hour");
    assert_eq!(one.browser().send_new_code("ada@example.org", "").await.verdict(), refused(Code::TooMany));

    for number in 0..12 {
        let app = if number % 2 == 0 { &one } else { &two };
        let wrong = app.browser().activate("ada@example.org", "", &ada.wrong_code()).await;
        assert_eq!(wrong.verdict(), refused(Code::WrongCode));
    }
    for app in [&one, &two] {
        let answer = app.browser().activate("ada@example.org", "", &ada.wrong_code()).await;
        assert_eq!(answer.verdict(), refused(Code::TooMany));
    }
}
