//! Whoever wants this server's mails to say, link or go to something else than they do, and whoever wants too many of them.

use crate::{
    api::programs,
    support::{
        answer::{Answer, DONE, refused},
        app::TestApp,
        browser::Browser,
        caller::Caller,
        database::TestDatabase,
        html::tags,
        own_account::renaming,
        person::Person,
        recovery::Ready,
        signing::create_user,
        smtp::{Conversation, MailServer},
    },
};
use app::{action::change::Change, domain::id::OrganizationId, refusal::Code};
use axum::{
    body::Body,
    extract::Request,
    http::{
        HeaderValue, Method,
        header::{CONTENT_TYPE, HOST, USER_AGENT},
    },
    middleware::map_request,
};
use data_encoding::BASE64;
use serde_json::json;
use server::{
    action::Actor,
    http::{self, Stopping},
    mail::{Message, smtp::Smtp, worker},
    storage::outbox::{self, Delivery},
};
use std::{sync::Arc, time::Duration};

on_sqlite!(
    whatever_people_call_themselves_a_mail_is_what_it_would_be_otherwise,
    a_line_break_reaches_no_mail_by_the_api,
    what_a_browser_calls_itself_reaches_no_mail,
    links_lead_to_this_server_whatever_a_request_says_it_is_called,
);
on_both_databases!(
    who_invites_everybody_is_stopped,
    one_organization_does_not_write_to_somebody_without_end,
    strangers_keep_nobody_from_helping_a_colleague,
    many_spellings_of_an_address_are_one,
    many_addresses_are_one_network,
    a_clock_that_was_ahead_keeps_nobody_waiting,
    the_api_sends_again_as_seldom_as_the_pages,
    an_address_that_does_not_exist_is_given_up,
);

/// As people, organizations, passkeys and programs may be called: what is refused is tried in `get_started` and `org::input`.
fn hostile_names() -> Vec<String> {
    let longest = "\u{1F480}".repeat(100);
    [
        // Encoded words (RFC 2047): a header of its own, and a character that turns the reading direction around.
        "=?utf-8?q?Acme=0D=0ABcc:_eve=40evil.example?=",
        "Acme =?UTF-8?B?4oCuZXZlQGV2aWwuZXhhbXBsZQ==?= =?utf-8?b?PGI+?=",
        "=?",
        "%0D%0ABcc:%20eve@evil.example \\r\\nBcc: eve@evil.example",
        "https://evil.example/login www.evil.example //evil.example evil\u{3002}example mailto:eve@evil.example",
        "&lt;img src=x onerror=alert(1)&gt; &#60;a href=https://evil.example&#62;",
        "\" onmouseover=\"alert(1)\" style=\"background:url(https://evil.example)\" '",
        // The end of a mail, of its parts, and of its headers.
        ". . --ma-parts-- From: eve@evil.example",
        // From right to left, by itself.
        "\u{5D7}\u{5E9}\u{5D1}\u{5D5}\u{5DF} evil.example \u{645}\u{62D}\u{645}\u{62F}",
        &longest,
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Begins an organization in which everything is called so, and becomes its admin.
async fn admin_called(app: &TestApp, email: &str, called: &str) -> Person {
    let browser = app.browser();
    let answer = browser.create_organization(email, called, called).await;
    assert_eq!(answer.verdict(), DONE, "{}", answer.text());
    app.accept(email, answer.organization()).await
}

async fn actor(person: &Person) -> Actor {
    Actor { organization: person.organization, user: person.viewer().await.user }
}

/// Has every kind of mail written where everything is called so.
async fn have_every_mail_written(app: &TestApp, called: &str) {
    // What is set in quotation marks may have none.
    let quoted = called.replace('"', "'");
    let mut ada = admin_called(app, "ada@example.org", called).await;
    // That one lists the first.
    assert_eq!(app.browser().create_organization("ada@example.org", called, called).await.verdict(), DONE);
    let full_admin = ada.permission("Full admin").await;
    let (mut cleo, _) = app.colleague(&mut ada, "cleo@example.org", &[&full_admin]).await;
    let bob = ada.invite("bob@example.org").await;
    app.advance(Duration::from_secs(1));
    ada.sign(&Change::ResendInvitation { user: bob.clone() }).await;
    app.accept("bob@example.org", ada.organization).await;
    ada.sign(&Change::ReEnrolUser { user: bob }).await;
    let passkey = ada.passkeys().await[0];
    ada.sign(&renaming(passkey, "Passkey", &quoted)).await;
    let (program, _) = programs::service_account(app, &mut ada, &quoted, &full_admin).await;
    program.call(Method::POST, "/auth/users", &json!({ "email": "dora@example.org", "kind": "CustomerEmployee" })).await.answer();
    assert_eq!(app.recover(&mut cleo).await.verdict(), DONE);
    app.services.road.break_glass(actor(&cleo).await).await.unwrap();
}

/// Has all that waits delivered; what the mail server heard, and what was to be said.
async fn deliver(app: &TestApp) -> (Vec<Conversation>, Vec<Message>) {
    let waiting = app.mails().await;
    let server = MailServer::start().await;
    let from = "Countersign <countersign@example.org>".parse().unwrap();
    let smtp = Smtp::new(&server.url().into(), from, &app.services.config.origin).unwrap();
    assert_eq!(worker::deliver_due(&app.services.storage, &app.services.outbox, &smtp).await.unwrap(), waiting.len());
    (server.heard(waiting.len()).await, waiting)
}

/// Of each mail its markup and how many addresses of pages it has: what no name may alter.
fn shapes(mails: &[Message]) -> Vec<(String, String, usize)> {
    let mut shapes: Vec<_> = mails.iter().map(|mail| (mail.to.to_string(), tags(&mail.html), mail.text.matches("://").count())).collect();
    shapes.sort();
    shapes
}

async fn whatever_people_call_themselves_a_mail_is_what_it_would_be_otherwise(_: &TestDatabase) {
    let mut expected = None;
    for called in ["Harmless".to_owned()].into_iter().chain(hostile_names()) {
        let database = TestDatabase::sqlite();
        let app = TestApp::init(&database).await;
        have_every_mail_written(&app, &called).await;
        let (heard, mails) = deliver(&app).await;
        assert_eq!(mails.len(), 13, "{called}: {mails:?}");
        for mail in &mails {
            assert_links_lead_to(mail, "http://localhost:3000");
            let (_, body) = mail.html.split_once("</head>").unwrap();
            for linkable in ["evil.example", "evil\u{3002}example", "eve@evil"] {
                assert!(!mail.text.contains(linkable) && !body.contains(linkable), "{called}: {}", mail.text);
            }
        }
        for conversation in &heard {
            assert_is_one_mail(conversation, &mails, &called);
        }
        let expected = expected.get_or_insert_with(|| shapes(&mails));
        assert_eq!(shapes(&mails), *expected, "{called}");
    }
}

/// The very headers that each mail has, to the one it is for, and two parts.
#[track_caller]
fn assert_is_one_mail(said: &Conversation, mails: &[Message], called: &str) {
    let raw = String::from_utf8_lossy(&said.text);
    assert!(said.commands.len() <= 5, "{called}: {:?}", said.commands);
    assert_eq!(said.commands[..2], ["EHLO test", "MAIL FROM:<countersign@example.org>"], "{called}");
    let to = said.commands[2].strip_prefix("RCPT TO:<").and_then(|rest| rest.strip_suffix('>')).unwrap();
    assert_eq!(said.commands[3..], ["DATA", "QUIT"], "{called}");
    assert!(mails.iter().any(|mail| mail.to.as_str() == to), "{called}: {to}");

    for (place, byte) in said.text.iter().enumerate() {
        match byte {
            b'\n' => assert_eq!(said.text[place - 1], b'\r', "{called}: {raw}"),
            b'\r' => assert_eq!(said.text[place + 1], b'\n', "{called}: {raw}"),
            b'\t' | b' '..=b'~' => {}
            other => panic!("{called}: byte {other} in {raw}"),
        }
    }
    assert!(raw.split("\r\n").all(|line| line.len() <= 998), "{called}: {raw}");
    let headers = said.headers();
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let known = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"];
    assert_eq!(names, known, "{called}");
    assert_eq!((headers[0].1.as_str(), headers[1].1.as_str()), ("Countersign <countersign@example.org>", to), "{called}");
    assert_eq!((headers[5].1.as_str(), headers[6].1.as_str()), ("auto-generated", "1.0"), "{called}");
    // What is read in the list of mails is what was typed.
    let subject = read(&headers[2].1).replace('\u{2060}', "");
    assert!(mails.iter().any(|mail| mail.to.as_str() == to && mail.subject == subject), "{called}: {subject}: {raw}");

    let parts = said.parts();
    let kinds: Vec<_> = parts.iter().map(|(headers, _)| (headers.len(), headers[0].1.as_str())).collect();
    assert_eq!(kinds, [(2, "text/plain; charset=utf-8"), (2, "text/html; charset=utf-8")], "{called}: {raw}");
    assert!(parts.iter().all(|(headers, _)| headers[0].0 == "Content-Type" && headers[1].0 == "Content-Transfer-Encoding"), "{raw}");
}

/// A header as mail programs show it (RFC 2047, in the one form that is written here).
fn read(header: &str) -> String {
    let mut shown = String::new();
    let mut was_encoded = false;
    for word in header.split_inclusive(' ') {
        let lower = word.trim_end().to_lowercase();
        if lower.starts_with("=?") && lower.ends_with("?=") {
            let parts: Vec<&str> = word.trim_end().split('?').collect();
            assert_eq!((parts.len(), parts[1], parts[2]), (5, "utf-8", "b"), "an encoded word that somebody else wrote: {word}");
            // The space between two of them belongs to neither.
            if was_encoded {
                shown.truncate(shown.trim_end().len());
            }
            shown.push_str(std::str::from_utf8(&BASE64.decode(parts[3].as_bytes()).unwrap()).unwrap());
            shown.push_str(&word[word.trim_end().len()..]);
            was_encoded = true;
        } else {
            shown.push_str(word);
            was_encoded = false;
        }
    }
    shown
}

/// Every address of a page in both parts begins with this.
#[track_caller]
fn assert_links_lead_to(mail: &Message, origin: &str) {
    let (scheme, host) = origin.split_once("://").unwrap();
    // A title is never made a link.
    let (_, body) = mail.html.split_once("</head>").unwrap();
    for part in [mail.text.as_str(), body] {
        let pieces: Vec<&str> = part.split("://").collect();
        assert!(pieces.windows(2).all(|pair| pair[0].ends_with(scheme) && pair[1].starts_with(&format!("{host}/"))), "{part}");
        assert!(part.matches("href=\"").count() == part.matches(&format!("href=\"{origin}/")).count(), "{part}");
    }
    assert!(mail.html.contains("href=\"") && mail.text.contains("://"), "{}", mail.text);
}

async fn a_line_break_reaches_no_mail_by_the_api(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut admin = app.admin("ada@example.org").await;
    let organization = admin.organization;
    let caller = app.caller(&mut admin).await;
    let key = crate::support::key::KeyPair::ed25519();
    let challenge = caller.send(caller.request(Method::POST, "/auth/credentials/init"), r#"{"kind":"Key"}"#).await.answer();
    let info = key.info(challenge["challenge"].as_str().unwrap());
    let before = app.dump().await;
    for line_break in ["\r\n", "\n", "\r", "\0", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}"] {
        let address = format!("bob@example.org{line_break}Bcc: eve@evil.example");
        let name = format!("Robot{line_break}Bcc: eve@evil.example");
        for (path, body) in [
            ("/auth/users", json!({ "email": address, "kind": "CustomerEmployee" })),
            ("/auth/users", json!({ "email": "bob@example.org", "kind": "CustomerEmployee", "externalId": name })),
            ("/auth/registration/delegated", json!({ "email": address, "kind": "EndUser" })),
            ("/auth/service-accounts", json!({ "name": name, "publicKey": key.pem() })),
            ("/auth/pats", json!({ "name": name, "publicKey": key.pem() })),
            ("/permissions", json!({ "name": name, "operations": ["Auth:Users:Read"] })),
            (
                "/auth/credentials",
                json!({
                    "credentialKind": "Key", "credentialName": name, "credentialInfo": info,
                    "challengeIdentifier": challenge["challengeIdentifier"],
                }),
            ),
        ] {
            let answer = caller.announce(Method::POST, path, &body.to_string()).await;
            assert_is_told(&answer, &format!("{path} {line_break:?}"));
        }
        let to = json!({ "orgId": organization, "username": address });
        for (method, path) in [(Method::PUT, "/auth/registration/code"), (Method::POST, "/auth/recover/user/code")] {
            assert_is_told(&app.browser().api_json(method, path, &to).await, &format!("{path} {line_break:?}"));
        }
    }
    app.settle().await;
    assert_eq!(app.dump().await, before);
}

#[track_caller]
fn assert_is_told(answer: &Answer, what: &str) {
    assert!([400, 422].contains(&answer.error().0), "{what}: {}", answer.text());
    assert!(answer.text().contains("This contains a line break or an invisible character."), "{what}: {}", answer.text());
}

async fn what_a_browser_calls_itself_reaches_no_mail(database: &TestDatabase) {
    let app = TestApp::init(database).with_trusted_proxy("127.0.0.1").await;
    app.admin("ada@example.org").await;
    let long = format!("Firefox/{}", "9".repeat(10_000));
    for (number, (calls_itself, forwarded, from)) in [
        (b"<img src=x onerror=alert(1)> https://evil.example Firefox/1 Windows".as_slice(), "192.0.2.7", "Firefox on Windows, 192.0.2.7"),
        (b"=?utf-8?q?Bcc:_eve=40evil.example?=".as_slice(), "192.0.2.7, <b>evil.example</b>", "Unknown browser, 127.0.0.1"),
        (b"eve\xff\xfe evil.example".as_slice(), "2001:db8::7", "Unknown browser, 2001:db8::7"),
        (long.as_bytes(), "=?utf-8?q?evil?=", "Firefox, 127.0.0.1"),
    ]
    .into_iter()
    .enumerate()
    {
        app.advance(Duration::from_secs(1));
        let browser = app.browser();
        let request = browser
            .post("start_recovery")
            .header(USER_AGENT, HeaderValue::from_bytes(calls_itself).unwrap())
            .header("x-forwarded-for", forwarded)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = browser.send(request.body(Body::from("email=ada%40example.org")).unwrap()).await;
        assert_eq!(answer.verdict(), DONE, "{}", answer.text());
        let mail = app.mails_to_arrive("ada@example.org", number + 2).await.remove(0);
        let line = mail.text.lines().find(|line| line.starts_with("From:")).unwrap();
        assert_eq!(line.strip_prefix("From:").unwrap().trim(), from);
        assert!(!mail.text.contains("evil") && !mail.html.contains("evil") && !mail.html.contains("<img"), "{}", mail.text);
    }
}

async fn links_lead_to_this_server_whatever_a_request_says_it_is_called(database: &TestDatabase) {
    const ORIGIN: &str = "https://id.example.org";
    let app = TestApp::init(database).with_origin(ORIGIN).with_mail_server().with_trusted_proxy("127.0.0.1").await;
    let lies = |mut request: Request| async move {
        let evil = HeaderValue::from_static("evil.example");
        request.headers_mut().insert(HOST, evil.clone());
        for name in ["x-forwarded-host", "x-forwarded-server", "x-host", "x-original-host", "x-original-url", "x-rewrite-url"] {
            request.headers_mut().insert(name, evil.clone());
        }
        request.headers_mut().insert("x-forwarded-proto", HeaderValue::from_static("http"));
        request.headers_mut().insert("forwarded", HeaderValue::from_static("host=evil.example;proto=http"));
        request
    };
    let lied_to = http::router(Arc::clone(&app.services), Stopping::default()).layer(map_request(lies));
    let app = app.clone().through(lied_to);

    let mut ada = app.admin("ada@example.org").await;
    app.founder("ada@example.org").await;
    assert_eq!(app.browser().send_new_code("ada@example.org", "").await.verdict(), DONE);
    app.mails_to_arrive("ada@example.org", 3).await;
    let (organization, caller) = (ada.organization, app.caller(&mut ada).await);
    invite_by_api(caller, "bob@example.org").await.answer();
    let again = json!({ "orgId": organization, "username": "bob@example.org" });
    app.browser().api_json(Method::PUT, "/auth/registration/code", &again).await.answer();
    app.mails_to_arrive("bob@example.org", 2).await;
    let lost = json!({ "orgId": organization, "username": "ada@example.org" });
    app.browser().api_json(Method::POST, "/auth/recover/user/code", &lost).await.answer();
    app.mails_to_arrive("ada@example.org", 4).await;
    app.advance(Duration::from_secs(1));
    let ready: Ready = app.ready_to_recover(&ada).await;
    assert_eq!(ready.hand_in().await.verdict(), DONE);

    let mails = app.mails().await;
    assert!(mails.len() >= 8, "{mails:?}");
    for mail in &mails {
        assert_links_lead_to(mail, ORIGIN);
        assert!(!mail.text.contains("evil") && !mail.html.contains("evil"), "{}", mail.text);
    }
}

/// Invites somebody by the API.
async fn invite_by_api(mut caller: Caller<'_>, email: &str) -> Answer {
    caller.call(Method::POST, "/auth/users", &json!({ "email": email, "kind": "CustomerEmployee" })).await
}

/// That whoever asked was told to wait, in words and in the header.
#[track_caller]
fn assert_has_to_wait(answer: &Answer, words: &str) {
    assert_eq!(answer.status.as_u16(), 429, "{}", answer.text());
    assert!(answer.text().contains(words) && answer.text().contains("Wait "), "{}", answer.text());
    assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| (1..=3600).contains(&seconds)), "{:?}", answer.headers);
}

const TO_ONE_ADDRESS: &str = "Too many mails were asked for at this address.";
const OF_ONE_ORGANIZATION: &str = "Your organization has had too many invitations sent.";
const OF_ONE_NETWORK: &str = "Too many mails were asked for from your network.";

async fn who_invites_everybody_is_stopped(database: &TestDatabase) {
    let app = TestApp::init(database).with_invitations_per_hour(6).await;
    let mut eve = app.admin("eve@example.com").await;
    let mut ada = app.admin("ada@example.org").await;
    let before = app.count("outbox").await;
    let mut invited = 0;
    let told = loop {
        assert!(invited < 10_000, "nobody stops it");
        let answer = eve.try_to_sign(&create_user(&format!("user{invited}@victims.example"))).await;
        if answer.verdict() != DONE {
            break answer;
        }
        invited += 1;
    };
    assert_has_to_wait(&told, OF_ONE_ORGANIZATION);
    assert_eq!(told.verdict(), refused(Code::TooMany));
    // Nor by a program, nor by sending one again or letting somebody enrol again.
    let users = eve.users().await.users;
    let some = users.iter().find(|row| row.user.handle.as_str() == "user0@victims.example").unwrap().user.clone();
    assert_has_to_wait(&eve.prepare(&Change::ResendInvitation { user: some }).await, OF_ONE_ORGANIZATION);
    assert_has_to_wait(&invite_by_api(app.caller(&mut eve).await, "by-api@victims.example").await, OF_ONE_ORGANIZATION);
    assert_eq!((app.count("outbox").await - before, invited), (6, 6));
    // What needs no mail still goes, and other organizations don't notice.
    let user = users[1].user.clone();
    eve.sign(&Change::ShareInvitation { user: user.clone() }).await;
    eve.sign(&Change::DeleteUser { user }).await;
    ada.invite("user0@victims.example").await;
    app.advance(Duration::from_mins(10));
    eve.invite("later@victims.example").await;
    assert_has_to_wait(&eve.prepare(&create_user("too-early@victims.example")).await, OF_ONE_ORGANIZATION);
}

/// So many of these mails wait for this address.
async fn mails_by(app: &TestApp, organization: OrganizationId, to: &str) -> usize {
    app.mails_to(to).await.iter().filter(|mail| mail.text.contains(&organization.to_string())).count()
}

async fn one_organization_does_not_write_to_somebody_without_end(database: &TestDatabase) {
    const VICTIM: &str = "victim@example.org";
    let app = TestApp::init(database).with_mails_per_hour(4).await;
    let mut eve = app.admin("eve@example.com").await;
    let mut ada = app.admin("ada@example.org").await;
    let late = app.admin("late@example.net").await;
    // Inviting, deleting and inviting again is as good as sending again.
    for _ in 0..2 {
        let user = eve.invite(VICTIM).await;
        eve.sign(&Change::DeleteUser { user }).await;
    }
    assert_has_to_wait(&eve.prepare(&create_user(VICTIM)).await, TO_ONE_ADDRESS);
    assert_has_to_wait(&invite_by_api(app.caller(&mut eve).await, "Victim+1@example.org").await, TO_ONE_ADDRESS);
    assert_eq!(mails_by(&app, eve.organization, VICTIM).await, 0, "the mails of a deleted user aren't sent any more");

    // Another organization isn't kept from it; all of them together are, some time.
    let user = ada.invite(VICTIM).await;
    app.advance(Duration::from_secs(1));
    ada.sign(&Change::ResendInvitation { user: user.clone() }).await;
    assert_has_to_wait(&late.prepare(&create_user(VICTIM)).await, TO_ONE_ADDRESS);

    // What the victim asks for, and what is done for them where they are at home, goes on.
    app.advance(Duration::from_secs(1));
    assert_eq!(app.browser().send_new_code(VICTIM, &ada.organization.to_string()).await.verdict(), DONE);
    app.mails_to_arrive(VICTIM, 3).await;
    let victim = app.accept(VICTIM, ada.organization).await;
    app.recovering(&victim).await;
    app.advance(Duration::from_mins(30));
    ada.sign(&Change::ReEnrolUser { user }).await;
}

async fn strangers_keep_nobody_from_helping_a_colleague(database: &TestDatabase) {
    let app = TestApp::init(database).with_mails_per_hour(2).await;
    let mut ada = app.admin("ada@example.org").await;
    let (_, bob) = app.colleague(&mut ada, "bob@example.org", &[]).await;
    app.advance(Duration::from_hours(1));
    let stranger = app.browser().at("198.51.100.1");
    for _ in 0..2 {
        assert_eq!(stranger.start_recovery("bob@example.org").await.verdict(), DONE);
    }
    assert_has_to_wait(&stranger.start_recovery("bob@example.org").await, TO_ONE_ADDRESS);
    // Whoever has Bob's passkey would like this not to work.
    ada.sign(&Change::ReEnrolUser { user: bob }).await;
    ada.invite("carl@example.org").await;
}

async fn many_spellings_of_an_address_are_one(database: &TestDatabase) {
    let app = TestApp::init(database).with_mails_per_hour(3).await;
    let ask = async |email: &str| app.browser().create_organization(email, "Eve", "Evil").await;
    for email in ["victim@example.org", "VICTIM+1@example.org", "victim+2@Example.org"] {
        assert_eq!(ask(email).await.verdict(), DONE, "{email}");
    }
    for number in 3..100 {
        assert_has_to_wait(&ask(&format!("victim+{number}@example.org")).await, TO_ONE_ADDRESS);
    }
    assert_has_to_wait(&app.browser().start_recovery("victim+recover@example.org").await, TO_ONE_ADDRESS);
    assert_eq!(ask("another@example.org").await.verdict(), DONE);
}

async fn many_addresses_are_one_network(database: &TestDatabase) {
    let app = TestApp::init(database).with_mails_per_hour(1).await;
    let ask =
        async |browser: Browser, number: u32| browser.create_organization(&format!("user{number}@victims.example"), "Eve", "Evil").await;
    for number in 0..10 {
        let answer = ask(app.browser().at(&format!("2001:db8:1:2::{number}")), number).await;
        assert_eq!(answer.verdict(), DONE, "{}", answer.text());
    }
    let evil = app.browser().at("2001:db8:1:2:ffff::1");
    assert_has_to_wait(&ask(evil.clone(), 10).await, OF_ONE_NETWORK);
    assert_has_to_wait(&evil.start_recovery("user11@victims.example").await, OF_ONE_NETWORK);
    assert_has_to_wait(&evil.send_new_code("user12@victims.example", "").await, OF_ONE_NETWORK);
    assert_eq!(app.count("outbox").await, 10);
    // What was refused there is nothing that was used up here.
    assert_eq!(ask(app.browser().at("2001:db8:1:3::1"), 10).await.verdict(), DONE);
}

async fn a_clock_that_was_ahead_keeps_nobody_waiting(database: &TestDatabase) {
    let app = TestApp::init(database).with_mails_per_hour(2).await;
    let ask = async || app.browser().create_organization("ada@example.org", "Ada", "Acme").await;
    let now = app.services.ambient.now();
    app.advance(Duration::from_hours(30 * 24));
    for _ in 0..2 {
        assert_eq!(ask().await.verdict(), DONE);
    }
    assert_has_to_wait(&ask().await, TO_ONE_ADDRESS);
    app.clock.set(now);
    for _ in 0..2 {
        assert_eq!(ask().await.verdict(), DONE);
    }
    assert_has_to_wait(&ask().await, TO_ONE_ADDRESS);
    // Clocks of several servers are never quite the same: that lets nobody have more.
    app.advance(Duration::from_mins(1));
    assert_has_to_wait(&ask().await, TO_ONE_ADDRESS);
    app.clock.set(now);
    assert_has_to_wait(&ask().await, TO_ONE_ADDRESS);
}

async fn the_api_sends_again_as_seldom_as_the_pages(database: &TestDatabase) {
    let app = TestApp::init(database).with_mails_per_hour(2).await;
    let ada = app.admin("ada@example.org").await;
    app.advance(Duration::from_hours(1));
    for email in ["ada@example.org", "never@example.org"] {
        let to = json!({ "orgId": ada.organization, "username": email });
        app.browser().api_json(Method::POST, "/auth/recover/user/code", &to).await.answer();
        app.browser().api_json(Method::PUT, "/auth/registration/code", &to).await.answer();
        for (method, path) in [(Method::POST, "/auth/recover/user/code"), (Method::PUT, "/auth/registration/code")] {
            let answer = app.browser().at("198.51.100.1").api_json(method, path, &to).await;
            assert_eq!(answer.error(), (429, "TooMany".to_owned()), "{}", answer.text());
            assert_has_to_wait(&answer, TO_ONE_ADDRESS);
        }
        assert_has_to_wait(&app.browser().start_recovery(email).await, TO_ONE_ADDRESS);
    }
}

async fn an_address_that_does_not_exist_is_given_up(database: &TestDatabase) {
    let app = TestApp::init(database).with_mails_per_hour(4).await;
    let mut eve = app.admin("eve@example.com").await;
    let user = eve.invite("nobody@example.org").await;
    let server = MailServer::answering("550 5.1.1 no such user").await;
    let from = "Countersign <countersign@example.org>".parse().unwrap();
    let smtp = Smtp::new(&server.url().into(), from, &app.services.config.origin).unwrap();
    let deliver = async || worker::deliver_due(&app.services.storage, &app.services.outbox, &smtp).await.unwrap();
    let written = usize::try_from(app.count("outbox").await).unwrap();
    assert_eq!(deliver().await, written);
    app.advance(Duration::from_secs(1));
    eve.sign(&Change::ResendInvitation { user: user.clone() }).await;
    assert_eq!(deliver().await, 1);
    for _ in 0..50 {
        app.advance(Duration::from_mins(5));
        assert_eq!(deliver().await, 0, "it is tried again");
    }
    let heard = server.heard(written + 1).await;
    assert_eq!(heard.len(), written + 1);
    assert!(heard.iter().all(|said| said.text.is_empty() && !said.commands.contains(&"DATA".to_owned())), "{heard:?}");
    assert_eq!(app.number("SELECT COUNT(*) FROM outbox WHERE sealed IS NOT NULL OR refused_at IS NULL").await, 0);
    let state = outbox::newest_delivery(&mut *app.connection().await, eve.organization, user.id).await.unwrap();
    assert_eq!(state, Some((Delivery::Refused, Some("550 5.1.1 no such user".to_owned()))));
}
