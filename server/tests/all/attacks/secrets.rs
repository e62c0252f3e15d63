//! Whoever reads what they shouldn't: the server's secret, a copy of the database, the log. What was handed out to somebody is in none
//! of them.

use crate::{
    check::{Desk, file_of},
    support::{
        answer::{DONE, refused},
        app::{SECRET, TestApp},
        browser::Browser,
        database::TestDatabase,
        device::Device,
        key::KeyPair,
        live::{Server, empty_site, free_origin, present, through},
        person::{Person, code_in},
        smtp::MailServer,
    },
};
use app::{action::change::Change, domain::time::Timestamp, refusal::Code};
use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::{Value, json};
use server::action::Actor;
use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    time::Duration,
};

on_both_databases!(a_copy_of_the_database_has_nothing_that_was_handed_out);
on_sqlite!(
    the_log_has_nothing_that_was_handed_out,
    what_is_mailed_is_in_no_log,
    what_is_made_at_the_first_start_is_its_owners_alone,
    a_secret_that_others_can_read_is_refused,
);

/// What was handed out in clear, and to whom as what.
#[derive(Default)]
struct HandedOut(Vec<(&'static str, String)>);

impl HandedOut {
    fn note(&mut self, what: &'static str, secret: &str) {
        assert!(secret.len() >= 9, "{what}: {secret}");
        self.0.push((what, secret.to_owned()));
    }

    /// Sixteen digits, in every spelling.
    fn code(&mut self, what: &'static str, digits: &str) {
        let groups: Vec<&str> = (0..4).map(|group| &digits[group * 4..group * 4 + 4]).collect();
        for spelling in [digits.to_owned(), groups.join(" "), groups.join("-")] {
            self.note(what, &spelling);
        }
    }

    /// A token as a whole, and what nobody can make up of it.
    fn token(&mut self, what: &'static str, token: &Value) {
        let token = token.as_str().unwrap_or_else(|| panic!("{what}: {token}"));
        self.note(what, token);
        self.note(what, token.rsplit('.').next().unwrap());
    }

    fn session(&mut self, what: &'static str, browser: &Browser) {
        self.note(what, &browser.session().unwrap_or_else(|| panic!("{what}: no session")));
    }

    /// Looks for each of them.
    #[track_caller]
    fn assert_not_in(&self, text: &str, what: &str) {
        for (name, secret) in &self.0 {
            if let Some(place) = text.find(secret) {
                let (before, after) = text.split_at(place);
                let start = before.char_indices().rev().nth(200).map_or(0, |(start, _)| start);
                let after: String = after.chars().take(100).collect();
                panic!("{what} has {name} {secret}: {}{after}", &before[start..]);
            }
        }
    }
}

/// Finishes what a temporary token was given for.
async fn finish(browser: &Browser, path: &str, token: &Value, body: &Value) -> Value {
    let request = Request::post(path).header("authorization", format!("Bearer {}", token.as_str().unwrap()));
    let request = request.header("content-type", "application/json").body(Body::from(body.to_string()));
    browser.send(request.unwrap()).await.answer()
}

/// Nearly everything that people and programs do. Codes are read from mails that wait, so they must stay here.
async fn story(app: &TestApp, now: Timestamp) -> HandedOut {
    let mut out = HandedOut::default();
    out.note("the server's secret", SECRET);

    let mut ada = app.founder("ada@example.org").await;
    out.code("the code of a founder", &ada.code);
    assert_eq!(ada.type_code(&ada.wrong_code()).await.verdict(), refused(Code::WrongCode));
    assert_eq!(ada.activate().await.verdict(), DONE);
    out.session("the session of a registration", &ada.browser);
    assert_eq!(ada.make_passkey().await, DONE);
    assert_eq!(ada.finish().await.verdict(), DONE);
    out.session("the session after a registration", &ada.browser);
    let elsewhere = app.browser();
    assert_eq!(ada.sign_in_with(&elsewhere).await.verdict(), DONE);
    out.session("the session of a sign-in", &elsewhere);
    assert_eq!(elsewhere.get("/org").await.status, 200);

    let user = ada.invite("bob@example.org").await;
    let mut bob = app.invited("bob@example.org", ada.organization).await;
    out.code("the code of an invitation", &bob.code);
    let shown = ada.sign(&Change::ShareInvitation { user }).await.invitation.expect("it is shown");
    out.code("the code of an invitation that is shown", &shown.code);
    bob.code = shown.code;
    // From the link in the mail, the way people come.
    assert_eq!(bob.browser.get(shown.link.strip_prefix(&app.origin()).unwrap()).await.status, 200);
    assert_eq!(bob.activate().await.verdict(), DONE);
    assert_eq!(bob.make_passkey().await, DONE);
    assert_eq!(bob.finish().await.verdict(), DONE);
    out.session("the session of an invited user", &bob.browser);

    let (adding, offer) = app.adding_elsewhere(&ada).await;
    out.note("the code for another device", &offer.code);
    out.note("the code for another device, without its spaces", &offer.code.replace([' ', '-'], ""));
    out.session("the session of another device", &adding);
    let passkey = adding.make_offered(&mut Device::password_manager(&app.origin())).await;
    assert_eq!(adding.present(&passkey).await.verdict(), DONE);
    let change = ada.confirming(&offer).await;
    ada.sign(&change).await;

    let ready = app.ready_to_recover(&bob).await;
    out.code("the code of a recovery", &app.recovery_code("bob@example.org", 1).await);
    out.session("the session of a recovery", &ready.browser);
    assert_eq!(ready.hand_in().await.verdict(), DONE);
    out.session("the session after a recovery", &ready.browser);

    by_programs(app, &mut out, &mut ada, now).await;
    assert_eq!(elsewhere.sign_out().await.verdict(), DONE);
    out
}

async fn by_programs(app: &TestApp, out: &mut HandedOut, ada: &mut Person, now: Timestamp) {
    let browser = app.browser();
    let organization = ada.organization;
    let carl = ada.invite("carl@example.org").await;
    let code = code_in(&app.mails_to(carl.handle.as_str()).await[0].text);
    out.code("the code of an invitation by the API", &code);
    let mut admin = app.caller(ada).await;
    out.token("the token of a log-in", &json!(admin.token));

    let body = r#"{"name":"Readers","operations":["Auth:Users:Read"]}"#;
    let user_action = admin.user_action(Method::POST, "/permissions", body).await;
    out.note("what shows that a call was signed", &user_action);
    admin.show(Method::POST, "/permissions", body, &user_action).await.answer();
    admin.user_action(Method::POST, "/permissions", r#"{"name":"Never made","operations":["Auth:Users:Read"]}"#).await;

    let expiration = now.plus(Duration::from_mins(4)).to_string();
    let made = admin.call(Method::POST, "/auth/credentials/code", &json!({ "expiration": expiration })).await.answer();
    out.note("the code for a credential", made["code"].as_str().unwrap());
    let new = json!({ "credentialKind": "Key", "code": made["code"] });
    browser.api_json(Method::POST, "/auth/credentials/code/init", &new).await.answer();

    let pem = KeyPair::ed25519().pem();
    let account = admin.call(Method::POST, "/auth/service-accounts", &json!({ "name": "Robot", "publicKey": pem })).await.answer();
    out.token("the token of a service account", &account["accessTokens"][0]["accessToken"]);
    let token = admin.call(Method::POST, "/auth/pats", &json!({ "name": "Script", "publicKey": KeyPair::p256().pem() })).await.answer();
    out.token("an access token", &token["accessToken"]);

    let begun = json!({ "orgId": organization, "username": "carl@example.org", "registrationCode": code });
    let begun = browser.api_json(Method::POST, "/auth/registration/init", &begun).await.answer();
    out.token("the token of a registration", &begun["temporaryAuthenticationToken"]);
    let challenge = begun["challenge"].as_str().unwrap();
    let recovery = KeyPair::p256();
    let credentials = json!({
        "firstFactorCredential": { "credentialKind": "Key", "credentialInfo": KeyPair::ed25519().info(challenge) },
        "recoveryCredential": { "credentialKind": "RecoveryKey", "credentialInfo": recovery.info(challenge) },
    });
    finish(&browser, "/auth/registration", &begun["temporaryAuthenticationToken"], &credentials).await;
    let lost = json!({ "orgId": organization, "username": "carl@example.org" });
    browser.api_json(Method::POST, "/auth/recover/user/code", &lost).await.answer();
    let code = app.recovery_code("carl@example.org", 1).await;
    out.code("the code of a recovery by the API", &code);
    let coming = json!({ "orgId": organization, "username": "carl@example.org", "verificationCode": code, "credentialId": recovery.id });
    let begun = browser.api_json(Method::POST, "/auth/recover/user/init", &coming).await.answer();
    out.token("the token of a recovery", &begun["temporaryAuthenticationToken"]);

    let customer = json!({ "email": "shopper@example.org", "kind": "EndUser" });
    let begun = admin.call(Method::POST, "/auth/registration/delegated", &customer).await.answer();
    out.token("the token of a customer's registration", &begun["temporaryAuthenticationToken"]);
    let challenge = begun["challenge"].as_str().unwrap();
    let credentials = json!({
        "firstFactorCredential": { "credentialKind": "Key", "credentialInfo": KeyPair::ed25519().info(challenge) },
        "recoveryCredential": { "credentialKind": "RecoveryKey", "credentialInfo": KeyPair::p256().info(challenge) },
        "wallets": [],
    });
    let registered = finish(&browser, "/auth/registration/enduser", &begun["temporaryAuthenticationToken"], &credentials).await;
    out.token("the token of a customer", &registered["authentication"]["token"]);
    let logged_in = admin.call(Method::POST, "/auth/login/delegated", &json!({ "username": "shopper@example.org" })).await.answer();
    out.token("the token of a customer whom a program logged in", &logged_in["token"]);
}

async fn a_copy_of_the_database_has_nothing_that_was_handed_out(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut out = story(&app, app.services.ambient.now()).await;
    let ada = app.text("SELECT id FROM users WHERE email = 'ada@example.org'").await.parse().unwrap();
    let organization = app.text("SELECT id FROM organizations").await.parse().unwrap();
    let invitation = app.services.road.break_glass(Actor { organization, user: ada }).await.unwrap();
    out.code("the code of a break-glass", &invitation.code);

    let mut copy = app.dump().await.into_values().flatten().collect::<Vec<_>>().join("\n");
    if !database.is_postgres() {
        // With what was deleted, too, as long as its place isn't used anew.
        let file = file_of(database);
        for beside in ["", "-wal", "-shm"] {
            copy.push_str(&String::from_utf8_lossy(&fs::read(format!("{}{beside}", file.display())).unwrap()));
        }
    }
    // It is looked for where things are.
    assert!(copy.contains("ada@example.org") && copy.contains("Readers") && out.0.len() > 40, "{}", out.0.len());
    out.assert_not_in(&copy, "the database");
}

/// The real server with all that it and its libraries could ever log.
async fn at_its_most_talkative(database: &TestDatabase, origin: &str, folder: &Path, settings: &[(&str, &str)]) -> Server {
    let site = empty_site(folder);
    let mut all = vec![("COUNTERSIGN_SITE_ROOT", site.to_str().unwrap()), ("COUNTERSIGN_LOG", "trace")];
    all.extend(settings);
    let program = Path::new(env!("CARGO_BIN_EXE_countersign"));
    Server::start(program, origin, database.url(), &all).await.unwrap_or_else(|said| panic!("{said}"))
}

/// What it logged, when it has stopped.
async fn whole_log(server: &mut Server) -> String {
    assert!(server.stop().success());
    loop {
        let log = server.said();
        tokio::time::sleep(Duration::from_millis(100)).await;
        if server.said().len() == log.len() {
            return log;
        }
    }
}

async fn the_log_has_nothing_that_was_handed_out(_: &TestDatabase) {
    for form in ["text", "json"] {
        let (database, origin, folder) = (TestDatabase::sqlite(), free_origin(), tempfile::tempdir().unwrap());
        let app = TestApp::init(&database).with_origin(&origin).await;
        app.live_in_the_present();
        let mut server = at_its_most_talkative(&database, &origin, folder.path(), &[("COUNTERSIGN_LOG_FORMAT", form)]).await;
        let app = app.through(through(&origin.replace("http://localhost", "127.0.0.1")));
        let out = story(&app, Timestamp::from_millis(present())).await;
        let mails = app.mails().await;
        let log = whole_log(&mut server).await;
        for word in ["TRACE", "a change was executed", "mail kept in the local mailbox", "sqlx", "tower_http", "/get-started/activate"] {
            assert!(log.contains(word), "{form}: {word} isn't in {} bytes of log", log.len());
        }
        out.assert_not_in(&log, form);
        assert!(!log.contains("email=bob") && !log.contains("email%"), "{form}: the log has an address that a link brought");
        assert!(mails.len() > 8);
        for line in mails.iter().flat_map(|mail| mail.text.lines()).filter(|line| line.len() > 40 || line.contains("://")) {
            assert!(!log.contains(line), "{form}: the log has of a mail: {line}");
        }
    }
}

async fn what_is_mailed_is_in_no_log(database: &TestDatabase) {
    let (origin, folder, post) = (free_origin(), tempfile::tempdir().unwrap(), MailServer::start().await);
    let url = post.url();
    let settings = [("COUNTERSIGN_SMTP_URL", url.as_str()), ("COUNTERSIGN_MAIL_FROM", "Countersign <countersign@example.org>")];
    let mut server = at_its_most_talkative(database, &origin, folder.path(), &settings).await;
    assert_eq!(server.browser().create_organization("ada@example.org", "Ada", "Acme").await.verdict(), DONE);
    let mail = String::from_utf8(post.heard(1).await.remove(0).text).unwrap();
    let mut out = HandedOut::default();
    out.code("the code in a mail", &code_in(&mail));
    let log = whole_log(&mut server).await;
    assert!(log.contains("mail sent") && log.contains("TRACE"), "{log}");
    out.assert_not_in(&log, "the log");
    for line in mail.lines().filter(|line| line.len() > 40 || line.contains("://")) {
        assert!(!log.contains(line), "the log has of a mail: {line}");
    }
}

/// Who may do what with it: the last three digits of its mode, in octal.
fn mode(path: &Path) -> String {
    format!("{:o}", fs::metadata(path).unwrap().permissions().mode() & 0o777)
}

async fn what_is_made_at_the_first_start_is_its_owners_alone(database: &TestDatabase) {
    let desk = Desk::new(database.url()).without("COUNTERSIGN_SECRET").without("COUNTERSIGN_DATABASE_URL");
    // Even where everything else is everybody's.
    let open = ["sh", "-c", "umask 000 && exec \"$0\" \"$@\""];
    let ran = desk.run_by(&open, &["export"]);
    assert!(ran.stderr.contains("organization"), "it came to where there is nothing to export: {}", ran.stderr);
    for (name, expected) in [("data", "700"), ("data/secret", "600"), ("data/countersign.db", "600")] {
        assert_eq!(mode(&desk.path(name)), expected, "{name}");
    }
    let made = fs::read_to_string(desk.path("data/secret")).unwrap();
    assert!(made.trim().len() == 64 && made.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'\n'), "{made}");
    // It stays what it is, and others get others.
    desk.run_by(&open, &["export"]);
    assert_eq!(fs::read_to_string(desk.path("data/secret")).unwrap(), made);
    let other = Desk::new(database.url()).without("COUNTERSIGN_SECRET").without("COUNTERSIGN_DATABASE_URL");
    other.run(&["export"]);
    assert_ne!(fs::read_to_string(other.path("data/secret")).unwrap(), made);
}

async fn a_secret_that_others_can_read_is_refused(database: &TestDatabase) {
    let desk = Desk::new(database.url()).without("COUNTERSIGN_SECRET");
    let (data, secret) = (desk.path("data"), desk.path("data/secret"));
    fs::create_dir(&data).unwrap();
    fs::write(&secret, SECRET).unwrap();
    for mode in [0o644, 0o640, 0o604, 0o620, 0o602, 0o601, 0o666] {
        fs::set_permissions(&secret, Permissions::from_mode(mode)).unwrap();
        let ran = desk.run(&["export"]);
        let words = "can be read or changed by other users of this machine: let nobody but its owner (chmod 600";
        assert!(ran.stderr.contains(words) && !ran.stderr.contains(SECRET), "{mode:o}: {}", ran.stderr);
        assert!(desk.check().wrong()[0].contains("can be read or changed by other users"), "{mode:o}");
    }
    for mode in [0o600, 0o400] {
        fs::set_permissions(&secret, Permissions::from_mode(mode)).unwrap();
        assert!(desk.run(&["export"]).stderr.contains("organization"), "{mode:o}");
        desk.check().assert_fine();
    }
    // A link leads to who knows where, and a link to nothing would have the secret made there.
    fs::rename(&secret, desk.path("elsewhere")).unwrap();
    for target in ["elsewhere", "nowhere"] {
        symlink(desk.path(target), &secret).unwrap();
        let ran = desk.run(&["export"]);
        assert!(ran.stderr.contains("is a link or no file at all"), "{target}: {}", ran.stderr);
        assert!(desk.check().wrong()[0].contains("is a link or no file at all"), "{target}");
        fs::remove_file(&secret).unwrap();
    }
    assert!(!desk.path("nowhere").exists());
    fs::create_dir(&secret).unwrap();
    assert!(desk.run(&["export"]).stderr.contains("is a link or no file at all"));
}
