//! Finding out who has an account: by what is answered, by what the database is asked for it, and by how long that takes.

use super::input::{call, credential, temporary_token};
use crate::support::{
    answer::Answer, app::TestApp, browser::Browser, database::TestDatabase, device::base64url, key::KeyPair, logs::Logs, person::Person,
    signing::create_user,
};
use app::{action::change::Change, domain::id::OrganizationId};
use axum::{
    body::Body,
    http::{Method, Request, header::CONTENT_TYPE},
};
use serde_json::{Value, json};
use server::ambient::Stopwatch;
use std::{sync::Arc, time::Duration};

on_both_databases!(
    everybody_hears_the_same_on_every_road,
    the_database_is_asked_the_same_for_everybody,
    an_id_of_a_key_that_is_made_up_stays_as_it_is,
);

on_sqlite!(
    founding_takes_as_long_for_everybody,
    asking_for_a_new_code_takes_as_long_for_everybody,
    beginning_a_recovery_takes_as_long_for_everybody,
    signing_in_to_the_api_takes_as_long_for_everybody,
    a_forged_signature_by_a_key_takes_as_long_for_everybody,
);

/// Wherever a mail address is typed by somebody who isn't signed in. The page to sign in asks for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Road {
    Found,
    AskForCode,
    AskForCodeOf,
    TypeCode,
    TypeCodeOf,
    BeginRecovery,
    TypeRecoveryCode,
    TypeDeviceCode,
    ApiSignIn,
    ApiForgeSignature,
    ApiAskForCode,
    ApiTypeCode,
    ApiBeginRecovery,
    ApiTypeRecoveryCode,
}

impl Road {
    const ALL: [Self; 14] = [
        Self::Found,
        Self::AskForCode,
        Self::AskForCodeOf,
        Self::TypeCode,
        Self::TypeCodeOf,
        Self::BeginRecovery,
        Self::TypeRecoveryCode,
        Self::TypeDeviceCode,
        Self::ApiSignIn,
        Self::ApiForgeSignature,
        Self::ApiAskForCode,
        Self::ApiTypeCode,
        Self::ApiBeginRecovery,
        Self::ApiTypeRecoveryCode,
    ];

    /// Goes it, with this address, and this organization where one is named.
    async fn go(self, browser: &Browser, email: &str, organization: OrganizationId) -> Answer {
        const CODE: &str = "0000 0000 0000 0000";
        let of = organization.to_string();
        let body = json!({ "orgId": organization, "username": email });
        let with = |member: &str| {
            let mut body = body.clone();
            body[member] = json!(CODE);
            body
        };
        match self {
            Self::Found => browser.create_organization(email, "Eve", "Evil").await,
            Self::AskForCode => browser.send_new_code(email, "").await,
            Self::AskForCodeOf => browser.send_new_code(email, &of).await,
            Self::TypeCode => browser.activate(email, "", CODE).await,
            Self::TypeCodeOf => browser.activate(email, &of, CODE).await,
            Self::BeginRecovery => browser.start_recovery(email).await,
            Self::TypeRecoveryCode => browser.type_recovery_code(email, CODE).await,
            Self::TypeDeviceCode => browser.type_device_code(email, "000-000-000").await,
            Self::ApiSignIn => browser.api_json(Method::POST, "/auth/login/init", &body).await,
            // Whoever asks is told the id of a key: whether there is such a key is what a forger would like to know.
            Self::ApiForgeSignature => {
                let challenge = browser.api_json(Method::POST, "/auth/login/init", &body).await.answer();
                let client_data = json!({ "type": "key.get", "challenge": challenge["challenge"] }).to_string();
                let assertion = json!({
                    "credId": challenge["allowCredentials"]["key"][0]["id"],
                    "clientData": base64url(client_data.as_bytes()),
                    "signature": base64url(&[7; 64]),
                });
                let signed = json!({
                    "challengeIdentifier": challenge["challengeIdentifier"],
                    "firstFactor": { "kind": "Key", "credentialAssertion": assertion },
                });
                browser.api_json(Method::POST, "/auth/login", &signed).await
            }
            Self::ApiAskForCode => {
                let request = Request::put("/auth/registration/code").header(CONTENT_TYPE, "application/json");
                browser.send(request.body(Body::from(body.to_string())).unwrap()).await
            }
            Self::ApiTypeCode => browser.api_json(Method::POST, "/auth/registration/init", &with("registrationCode")).await,
            Self::ApiBeginRecovery => browser.api_json(Method::POST, "/auth/recover/user/code", &body).await,
            Self::ApiTypeRecoveryCode => {
                let mut body = with("verificationCode");
                body["credentialId"] = json!("none");
                browser.api_json(Method::POST, "/auth/recover/user/init", &body).await
            }
        }
    }
}

/// Whom an organization knows in whatever way, and its id. All addresses are of one length.
struct Town {
    organization: OrganizationId,
    known: Vec<(&'static str, &'static str)>,
}

const NEVER: &str = "user0@example.org";

impl Town {
    async fn build(app: &TestApp) -> Self {
        let mut admin = app.admin("user1@example.org").await;
        let organization = admin.organization;
        admin.invite("user2@example.org").await;
        let revoked = admin.invite("user3@example.org").await;
        admin.sign(&Change::RevokeInvitation { user: revoked }).await;
        let (_, deactivated) = app.colleague(&mut admin, "user4@example.org", &[]).await;
        admin.sign(&Change::DeactivateUser { user: deactivated }).await;
        let mut elsewhere = app.admin("user5@example.org").await;
        elsewhere.sign(&create_user("user6@example.org")).await;
        let (many, _) = app.colleague(&mut admin, "user7@example.org", &[]).await;
        app.colleague(&mut elsewhere, "user7@example.org", &[]).await;
        many.offer_passkey().await;
        with_key(app, &mut admin, "user8@example.org").await;
        with_key(app, &mut elsewhere, "user9@example.org").await;
        let known = vec![
            ("an admin", "user1@example.org"),
            ("invited", "user2@example.org"),
            ("revoked", "user3@example.org"),
            ("deactivated", "user4@example.org"),
            ("an admin elsewhere", "user5@example.org"),
            ("invited elsewhere", "user6@example.org"),
            ("a user of two, with a code for a device", "user7@example.org"),
            ("with a key", "user8@example.org"),
            ("with a key elsewhere", "user9@example.org"),
        ];
        Self { organization, known }
    }
}

/// A user who signs with a key, whose id has the form that the published client gives it.
async fn with_key(app: &TestApp, admin: &mut Person, email: &str) {
    let challenge = temporary_token(app, admin, email).await;
    let body = json!({ "firstFactorCredential": credential("Key", &KeyPair::ed25519(), &challenge) }).to_string();
    let token = challenge["temporaryAuthenticationToken"].as_str().unwrap();
    call(&app.browser(), Method::POST, "/auth/registration", token, "application/json", body).await.answer();
}

/// What is answered, with what was asked, and what is random in every answer, left out.
fn neutral(answer: &Answer, email: &str) -> (u16, Vec<(String, String)>, String) {
    let (status, headers, body) = answer.comparable();
    let cleaned = |text: &str| {
        let text = text.replace(email, "WHO").replace(&email.replace('@', "%40"), "WHO");
        match text.split_once("organization=") {
            Some((before, after)) => format!("{before}organization=NEW{}", after.trim_start_matches(|char| char != '&' && char != '"')),
            None => text,
        }
    };
    let body = match serde_json::from_str::<Value>(&body) {
        Ok(mut value) => {
            leave_out_random(&mut value);
            value.to_string()
        }
        Err(_) => body,
    };
    (status, headers.into_iter().map(|(name, value)| (name, cleaned(&value))).collect(), cleaned(&body))
}

fn leave_out_random(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if matches!(name.as_str(), "id" | "challenge" | "challengeIdentifier") && value.is_string() {
                    *value = json!(value.as_str().unwrap().len());
                } else {
                    leave_out_random(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(leave_out_random),
        _ => {}
    }
}

async fn everybody_hears_the_same_on_every_road(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let town = Town::build(&app).await;
    let browser = app.browser();
    for road in Road::ALL {
        let stranger = neutral(&road.go(&browser, NEVER, town.organization).await, NEVER);
        for (who, email) in &town.known {
            let known = neutral(&road.go(&browser, email, town.organization).await, email);
            assert_eq!(known, stranger, "{road:?} for somebody who is {who}");
        }
    }
    assert_eq!(browser.session(), None);
}

/// What this thread asked the database while somebody went a road. On PostgreSQL that is done by whoever asks, up to the answer; what
/// goes on behind it is done elsewhere.
async fn asked(road: Road, browser: &Browser, email: &str, organization: OrganizationId) -> Vec<String> {
    let logs = Logs::listen();
    road.go(browser, email, organization).await;
    let logged = logs.text();
    let statements = logged.lines().filter(|line| line.contains("sqlx::query"));
    let statements = statements.map(|line| line.split_once("summary=").unwrap().1.split(" rows_affected=").next().unwrap().to_owned());
    // A connection that is opened now is told its settings.
    statements.filter(|statement| !statement.starts_with("\"SET ")).collect()
}

async fn the_database_is_asked_the_same_for_everybody(database: &TestDatabase) {
    // SQLite's statements run on threads of its own; they are the same ones.
    if !database.is_postgres() {
        return;
    }
    let app = TestApp::init(database).await;
    let town = Town::build(&app).await;
    let browser = app.browser();
    for road in Road::ALL {
        let stranger = asked(road, &browser, NEVER, town.organization).await;
        assert!(!stranger.is_empty(), "{road:?}");
        for (who, email) in &town.known {
            assert_eq!(asked(road, &browser, email, town.organization).await, stranger, "{road:?} for somebody who is {who}");
        }
    }
}

/// Asked again, at another time, of another server or in capitals, it is the same, as it would be if there was such a key.
async fn an_id_of_a_key_that_is_made_up_stays_as_it_is(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("user1@example.org").await;
    let (here, elsewhere) = (admin.organization, app.admin("user2@example.org").await.organization);
    let id = async |app: &TestApp, organization: OrganizationId, email: &str| {
        let body = json!({ "orgId": organization, "username": email });
        let answer = app.browser().api_json(Method::POST, "/auth/login/init", &body).await.answer();
        let keys = answer["allowCredentials"]["key"].as_array().unwrap().clone();
        assert_eq!(keys.len(), 1, "{email}: {keys:?}");
        keys[0]["id"].as_str().unwrap().to_owned()
    };
    for email in [NEVER, "user1@example.org"] {
        let first = id(&app, here, email).await;
        assert_eq!(id(&app, here, email).await, first, "{email}");
        assert_eq!(id(&app, here, &email.to_uppercase()).await, first, "{email}");
        assert_eq!(id(&TestApp::init(database).await, here, email).await, first, "{email}");
        app.advance(Duration::from_hours(1000));
        assert_eq!(id(&app, here, email).await, first, "{email}");
        // It is one of this address in this organization alone.
        assert_ne!(id(&app, elsewhere, email).await, first, "{email}");
        assert_ne!(id(&app, here, "user3@example.org").await, first, "{email}");
    }
    let before = id(&app, here, NEVER).await;
    admin.sign_in().await;
    admin.invite(NEVER).await;
    assert_eq!(id(&app, here, NEVER).await, before, "when somebody is invited");
}

/// So often a known and an unknown address are timed side by side.
const ROUNDS: usize = 500;
/// So often, an unknown one is timed beside them who is let wait twice as long.
const LONGER: usize = 150;
/// A share of rounds that lies further from one half tells them apart. By chance alone, one test in ten million would do.
const BY_CHANCE: f64 = 0.12;

/// One road with its traveller.
struct Course<'a> {
    app: &'a TestApp,
    road: Road,
    browser: Browser,
    organization: OrganizationId,
    /// How many hold the server when nobody asks it anything.
    holders: usize,
}

impl Course<'_> {
    /// How long the answer took, and how long it took until nothing of it went on behind it. Whoever makes a detour does more for as
    /// long as that.
    async fn time(&self, email: &str, detour: Duration) -> [Duration; 2] {
        let watch = Stopwatch::start();
        let answer = self.road.go(&self.browser, email, self.organization).await;
        let more = Stopwatch::start();
        while more.elapsed() < detour {
            self.app.services.storage.ping().await.unwrap();
        }
        let answered = watch.elapsed();
        let status = if self.road == Road::ApiForgeSignature { 403 } else { 200 };
        assert_eq!(answer.status, status, "{}", answer.text());
        for _ in 0..10_000 {
            if Arc::strong_count(&self.app.services) == self.holders {
                return [answered, watch.elapsed()];
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("what goes on behind the answer doesn't end");
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// In which share of the rounds the first took longer.
#[expect(clippy::cast_precision_loss, reason = "there are hundreds")]
fn share(pairs: &[(Duration, Duration)]) -> f64 {
    pairs.iter().filter(|(first, second)| first > second).count() as f64 / pairs.len() as f64
}

/// Times both, side by side and in an order that chance decides. Whatever else goes on in this machine is as likely to meet one as the
/// other, so in half of the rounds the one takes longer, and in half the other. To see that somebody could be told apart, some who take
/// twice as long are timed among them.
async fn assert_as_long(app: &TestApp, road: Road, organization: OrganizationId, known: [&str; 2]) {
    let course = Course { app, road, browser: app.browser(), organization, holders: Arc::strong_count(&app.services) };
    let unknown = ["other1@example.org", "other2@example.org"];
    let mut usual = Vec::new();
    for round in 0..20 {
        course.time(known[round % 2], Duration::ZERO).await;
        usual.push(course.time(unknown[round % 2], Duration::ZERO).await[0]);
    }
    let mut order = [0, 1, 2];
    let (mut answered, mut longer) = (Vec::new(), Vec::new());
    let mut behind: [Vec<Duration>; 2] = Default::default();
    for round in 0..ROUNDS {
        fastrand::shuffle(&mut order);
        let mut times = [[Duration::ZERO; 2]; 3];
        for who in order {
            times[who] = match who {
                0 => course.time(known[round % 2], Duration::ZERO).await,
                1 => course.time(unknown[round % 2], Duration::ZERO).await,
                // As long as it takes of late: others may have come to this machine, or have gone.
                _ if round < LONGER => course.time(unknown[round % 2], median(usual[usual.len() - 20..].to_vec())).await,
                _ => continue,
            };
        }
        let [[known, all_of_known], [unknown, all_of_unknown], [slower, _]] = times;
        answered.push((known, unknown));
        usual.push(unknown);
        behind[0].push(all_of_known);
        behind[1].push(all_of_unknown);
        if round < LONGER {
            longer.push((slower, unknown));
        }
    }
    let (told, seen) = (share(&answered), share(&longer));
    assert!(seen > 0.5 + BY_CHANCE, "{road:?}: those who take twice as long did so in {seen} of the rounds only");
    assert!((told - 0.5).abs() < BY_CHANCE, "{road:?}: a known address took longer in {told} of the rounds");
    // What goes on behind the answer keeps others waiting about as long: somebody's mail is written, and nobody's isn't.
    let [known, unknown] = behind.map(median);
    assert!(known < unknown * 2 && unknown < known * 2, "{road:?}: {known:?} and {unknown:?} until all of it was done");
}

async fn founding_takes_as_long_for_everybody(database: &TestDatabase) {
    let app = TestApp::init(database).with_slow_codes().await;
    let organization = app.admin("known1@example.org").await.organization;
    app.admin("known2@example.org").await;
    assert_as_long(&app, Road::Found, organization, ["known1@example.org", "known2@example.org"]).await;
}

/// Of somebody who is invited: only they get one.
async fn asking_for_a_new_code_takes_as_long_for_everybody(database: &TestDatabase) {
    let app = TestApp::init(database).with_slow_codes().await;
    let mut admin = app.admin("ada@example.org").await;
    admin.invite("known1@example.org").await;
    admin.invite("known2@example.org").await;
    assert_as_long(&app, Road::AskForCode, admin.organization, ["known1@example.org", "known2@example.org"]).await;
}

async fn beginning_a_recovery_takes_as_long_for_everybody(database: &TestDatabase) {
    let app = TestApp::init(database).with_slow_codes().await;
    let organization = app.admin("known1@example.org").await.organization;
    app.admin("known2@example.org").await;
    assert_as_long(&app, Road::BeginRecovery, organization, ["known1@example.org", "known2@example.org"]).await;
}

/// Of people who sign with passkeys. Of whoever has keys, their ids are answered.
async fn signing_in_to_the_api_takes_as_long_for_everybody(database: &TestDatabase) {
    let app = TestApp::init(database).with_slow_codes().await;
    let mut admin = app.admin("known1@example.org").await;
    app.colleague(&mut admin, "known2@example.org", &[]).await;
    assert_as_long(&app, Road::ApiSignIn, admin.organization, ["known1@example.org", "known2@example.org"]).await;
}

/// Of people who sign with keys: what is made up for the others isn't looked up any faster.
async fn a_forged_signature_by_a_key_takes_as_long_for_everybody(database: &TestDatabase) {
    let app = TestApp::init(database).with_slow_codes().await;
    let mut admin = app.admin("ada@example.org").await;
    for email in ["known1@example.org", "known2@example.org"] {
        with_key(&app, &mut admin, email).await;
    }
    assert_as_long(&app, Road::ApiForgeSignature, admin.organization, ["known1@example.org", "known2@example.org"]).await;
}
