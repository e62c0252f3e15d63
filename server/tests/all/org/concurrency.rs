//! Many sign at once: in one organization one change after the other, each once and without a gap; of two that can't go
//! together one wins; and nobody waits for another organization.

use crate::support::{
    answer::{Answer, DONE, refused},
    app::TestApp,
    at_once::{Ready, at_once},
    database::TestDatabase,
    signing::{assign, create_permission, create_user, terms, update},
};
use app::{
    action::{
        change::{Change, UserRef},
        history::replay::Replay,
    },
    domain::operation::Operation,
    refusal::Code,
    rpc::{change::Receipt, get_started::Registration},
};
use server::storage::history;
use std::time::Duration;

on_both_databases!(
    thirty_two_admins_sign_at_once,
    of_two_changes_that_can_not_go_together_one_wins,
    an_invitation_is_accepted_or_revoked_and_never_both,
    nobody_waits_for_another_organization,
    whoever_waits_too_long_for_their_turn_can_try_again,
);

async fn thirty_two_admins_sign_at_once(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut first = app.admin("admin0@example.org").await;
    let organization = first.organization;
    let full_admin = first.permission("Full admin").await;
    let mut admins = Vec::new();
    for number in 1..32 {
        admins.push(app.colleague(&mut first, &format!("admin{number}@example.org"), &[&full_admin]).await.0);
    }
    admins.insert(0, first);
    // On PostgreSQL half of them come through a second server.
    let second = if database.is_postgres() { Some(TestApp::init(database).with_clock_of(&app).await) } else { None };
    let before = app.export(organization).await.0.len();
    let mut all = Vec::new();
    for (number, admin) in admins.iter_mut().enumerate() {
        let change = match number % 2 {
            0 => create_user(&format!("user{number}@example.org")),
            _ => create_permission(&format!("Permission {number}"), &[Operation::UsersRead]),
        };
        let mut ready = Ready::of(admin, &change).await;
        if let Some(second) = second.as_ref().filter(|_| number % 4 < 2) {
            let browser = second.browser();
            browser.set_session(&ready.browser.session().unwrap());
            ready.browser = browser;
        }
        all.push(ready);
    }

    let mut receipts: Vec<Receipt> = at_once(all).await.iter().map(Answer::done).collect();
    receipts.sort_by_key(|receipt| receipt.index);
    let places: Vec<u64> = receipts.iter().map(|receipt| receipt.index).collect();
    let before = before as u64;
    assert_eq!(places, (before..before + 32).collect::<Vec<_>>());
    app.verify(organization).await;
    // Each receipt's checkpoint is that of the history with its entry as the last.
    let (lines, _) = app.export(organization).await;
    assert_eq!(lines.len() as u64, before + 32);
    let mut replay = Replay::default();
    for line in &lines {
        replay.entry(line).unwrap();
        if let Some(receipt) = receipts.iter().find(|receipt| receipt.index + 1 == replay.size()) {
            replay.finish(&receipt.checkpoint).unwrap();
        }
    }
    for number in 0..32 {
        let query = match number % 2 {
            0 => format!("SELECT COUNT(*) FROM users WHERE email = 'user{number}@example.org'"),
            _ => format!("SELECT COUNT(*) FROM permissions WHERE name = 'Permission {number}'"),
        };
        assert_eq!(app.number(&query).await, 1, "{number}");
        assert_eq!(app.mails_to(&format!("user{number}@example.org")).await.len(), usize::from(number % 2 == 0), "{number}");
    }
}

async fn of_two_changes_that_can_not_go_together_one_wins(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let full_admin = ada.permission("Full admin").await;
    let (mut bob, _) = app.colleague(&mut ada, "bob@example.org", &[&full_admin]).await;
    let auditors = ada.define("Auditors", &[Operation::HistoryRead]).await;
    let readers = ada.define("Readers", &[Operation::UsersRead]).await;
    let inviters = ada.define("Inviters", &[Operation::UsersCreate]).await;
    let closers = ada.define("Closers", &[Operation::PermissionsArchive]).await;
    let (_, carl) = app.colleague(&mut ada, "carl@example.org", &[&auditors]).await;
    let (_, dora) = app.colleague(&mut ada, "dora@example.org", &[]).await;
    let [eve, frank, gus] = {
        let mut invited: Vec<UserRef> = Vec::new();
        for name in ["eve", "frank", "gus"] {
            invited.push(ada.invite(&format!("{name}@example.org")).await);
        }
        invited.try_into().unwrap()
    };
    ada.sign(&Change::DeactivateUser { user: gus.clone() }).await;
    let revocation = ada.revocation("Auditors", &carl).await;

    let same = |change: Change| [change.clone(), change];
    let conflict = Code::Conflict;
    // What both ask for, what the later one hears, and in which words.
    let races: [([Change; 2], Code, &str); 11] = [
        ([create_user("hal@example.org"), create_user("HAL@example.org")], Code::InvalidInput, "is a user of this organization already"),
        (
            // The first letter of the second is Cyrillic.
            [create_permission("Openers", &[Operation::UsersRead]), create_permission("\u{041E}peners", &[Operation::UsersRead])],
            Code::InvalidInput,
            "There is a permission called",
        ),
        (
            [update(&readers, terms("People", &[Operation::UsersRead])), update(&inviters, terms("people", &[Operation::UsersCreate]))],
            Code::InvalidInput,
            "There is a permission called",
        ),
        (same(revocation), conflict, "carl@example.org doesn't have this permission any more."),
        (same(assign(&auditors, &dora)), conflict, "dora@example.org has this permission already."),
        (
            [
                update(&auditors, terms("Auditors", &[Operation::HistoryRead, Operation::UsersRead])),
                update(&auditors, terms("Historians", &[Operation::HistoryRead])),
            ],
            conflict,
            "The permission was changed since you looked at it.",
        ),
        (same(Change::RevokeInvitation { user: eve.clone() }), conflict, "The invitation of eve@example.org was revoked already."),
        (same(Change::DeactivateUser { user: frank.clone() }), conflict, "frank@example.org is deactivated now, so this can't be done."),
        (same(Change::ActivateUser { user: gus.clone() }), conflict, "gus@example.org is invited now, so this can't be done."),
        (same(Change::DeleteUser { user: eve.clone() }), Code::NotFound, "There is no such user in this organization any more."),
        // It is archived, or someone has it: whichever came first.
        ([Change::ArchivePermission { permission: closers.permission.clone() }, assign(&closers, &carl)], conflict, "“Closers”"),
    ];
    for ([one, other], code, words) in races {
        let ready = [Ready::of(&mut ada, &one).await, Ready::of(&mut bob, &other).await];
        let mut answers = at_once(ready).await;
        answers.sort_by_key(|answer| answer.status);
        let verdicts: Vec<_> = answers.iter().map(Answer::verdict).collect();
        assert_eq!(verdicts, [DONE, refused(code)], "{one:?} and {other:?}: {} {}", answers[0].text(), answers[1].text());
        let refusal = answers[1].refusal();
        let said = refusal.fields.first().map_or(&refusal.message, |field| &field.message);
        assert!(said.contains(words), "{one:?} and {other:?}: {said}");
    }
    app.verify(ada.organization).await;
}

async fn an_invitation_is_accepted_or_revoked_and_never_both(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    for number in 0..6 {
        let email = format!("user{number}@example.org");
        let user = admin.invite(&email).await;
        let mut person = app.invited(&email, admin.organization).await;
        assert_eq!(person.activate().await.verdict(), DONE);
        assert_eq!(person.make_passkey().await, DONE);
        let registration: Registration = person.browser.registration().await.done();
        let proof = person.kit.proof(&registration.challenge);
        let revoking = Ready::of(&mut admin, &Change::RevokeInvitation { user: user.clone() }).await;

        let accepting = tokio::spawn({
            let browser = person.browser.clone();
            async move { browser.finish(&proof).await.verdict() }
        });
        let (accepted, revoked) = tokio::join!(accepting, revoking.hand_in());
        let verdicts = (accepted.unwrap(), revoked.verdict());
        let is_in = match verdicts {
            (DONE, revoked) if revoked == refused(Code::Conflict) => true,
            (accepted, DONE) if accepted == refused(Code::NoRegistration) => false,
            both => panic!("accepted and revoked: {both:?}"),
        };
        assert_eq!(person.browser.viewer().await.verdict() == DONE, is_in);
        app.verify(admin.organization).await;
    }
}

/// How many connections of this database wait for a lock.
async fn waiting(app: &TestApp) -> i64 {
    app.number("SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'").await
}

/// On SQLite there is one lock for all.
async fn nobody_waits_for_another_organization(database: &TestDatabase) {
    if !database.is_postgres() {
        return;
    }
    let app = TestApp::init(database).await;
    let mut ada = app.admin("ada@example.org").await;
    let mut eve = app.admin("eve@example.org").await;
    eve.invite("carl@example.org").await;
    let mut carl = app.invited("carl@example.org", eve.organization).await;
    assert_eq!(carl.activate().await.verdict(), DONE);
    assert_eq!(carl.make_passkey().await, DONE);
    // All is ready, so that nothing is left but what would wait.
    let ready = Ready::of(&mut ada, &create_user("bob@example.org")).await;
    let of_eve = Ready::of(&mut eve, &create_user("dora@example.org")).await;
    let mut holding = app.services.storage.begin().await.unwrap();
    history::claim_head(&mut holding, ada.organization).await.unwrap().expect("the organization is there");
    let committing = tokio::spawn(async move { ready.hand_in().await.verdict() });
    for _ in 0..400 {
        if waiting(&app).await > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(waiting(&app).await, 1, "Ada's commit waits for the head of her history");
    assert_eq!(of_eve.hand_in().await.verdict(), DONE);
    assert_eq!(carl.finish().await.verdict(), DONE);
    assert!(!committing.is_finished(), "Ada's commit waited all the time");
    drop(holding);
    assert_eq!(committing.await.unwrap(), DONE);
    for organization in [ada.organization, eve.organization] {
        app.verify(organization).await;
    }
}

async fn whoever_waits_too_long_for_their_turn_can_try_again(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let ready = Ready::of(&mut admin, &create_user("bob@example.org")).await;
    let before = app.dump().await;
    let other = TestApp::init(database).await;
    let mut holding = other.services.storage.begin().await.unwrap();
    history::claim_head(&mut holding, admin.organization).await.unwrap().expect("the organization is there");
    let answer = ready.hand_in().await;
    assert_eq!(answer.verdict(), refused(Code::Unavailable), "{}", answer.text());
    drop(holding);
    assert_eq!(app.dump().await, before);
    // By the same signature: nothing of it was used up.
    assert_eq!(ready.hand_in().await.verdict(), DONE);
    assert_eq!(app.mails_to("bob@example.org").await.len(), 1);
    app.verify(admin.organization).await;
}
