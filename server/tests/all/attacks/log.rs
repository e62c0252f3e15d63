//! Whoever tries something that they may not leaves a line in the log: which request it was, and who it was, as far as that is known.
//! Nothing that they sent stands there, and however much they send, lines stay lines and the disk doesn't fill.

use crate::{
    operations::{connect, start, until_the_end, wait_for},
    support::{
        answer::{Answer, DONE, refused},
        app::TestApp,
        database::TestDatabase,
        device::{Device, RecoveryKit, random},
        live::free_origin,
        logs::Logs,
        person::Person,
        signing::{create_user, options},
        smtp::MailServer,
    },
};
use app::refusal::Code;
use axum::{
    body::Body,
    http::{Method, Request, header::CONTENT_TYPE},
};
use tokio::io::AsyncWriteExt;

on_both_databases!(what_is_refused_leaves_a_line);

on_sqlite!(what_strangers_send_leaves_a_line_once, what_a_mail_server_says_stays_on_its_line, a_flood_of_refusals_does_not_fill_the_log,);

/// The one line of this request that says this, about something refused.
#[track_caller]
fn line(logs: &Logs, answer: &Answer, says: &str) -> String {
    let id = format!("id={}", answer.header("x-request-id"));
    let text = logs.text();
    let found: Vec<&str> = text.lines().filter(|line| line.contains(&id) && line.contains(&format!(" security: {says}"))).collect();
    assert_eq!(found.len(), 1, "{says}: {text}");
    found[0].to_owned()
}

/// Asserts that a line has all of these.
#[track_caller]
fn assert_has(line: &str, parts: &[&str]) {
    for part in parts {
        assert!(line.contains(part), "no {part} in {line}");
    }
}

fn of(person: &Person, user: &str) -> String {
    format!("organization={} user={user}", person.organization)
}

async fn what_is_refused_leaves_a_line(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let mut ada = app.founder("ada@example.org").await;
    let logs = Logs::listen();

    // Codes: somebody's, and nobody's.
    let answer = ada.type_code(&ada.wrong_code()).await;
    assert_eq!(answer.verdict(), refused(Code::WrongCode));
    let code = line(&logs, &answer, "a code was refused");
    assert_has(&code, &["WARN", "path=\"/rpc/activate\"", "purpose=Registration why=WrongCode", &of(&ada, "us-")]);
    let answer = app.browser().activate("nobody@example.org", &ada.organization.to_string(), "1111222233334444").await;
    assert!(!line(&logs, &answer, "a code was refused").contains("user="));
    assert_eq!(ada.activate().await.verdict(), DONE);
    assert_eq!(ada.make_passkey().await, DONE);
    assert_eq!(ada.finish().await.verdict(), DONE);
    let answer = app.browser().activate(&ada.email, &ada.organization.to_string(), &ada.code).await;
    let user = ada.viewer().await.user.to_string();
    let own = of(&ada, &user);
    assert_has(&line(&logs, &answer, "a code was refused"), &["purpose=Registration why=EndedCode", &own]);

    let answer = app.browser().type_recovery_code(&ada.email, "1111222233334444").await;
    assert!(!line(&logs, &answer, "a code was refused").contains(&user), "there is no code whose it could be");
    let recovering = app.recovering(&ada).await;
    let answer = app.browser().type_recovery_code(&ada.email, "1111222233334444").await;
    assert_has(&line(&logs, &answer, "a code was refused"), &["purpose=Recovery why=WrongCode", &own]);
    let answer = recovering.prove_kit(&RecoveryKit::new()).await;
    assert_eq!(answer.verdict(), refused(Code::WrongKit));
    assert_has(&line(&logs, &answer, "a recovery kit was refused"), &[&own]);
    let offer = ada.offer_passkey().await;
    let wrong = if offer.code.starts_with('0') { "111-111-111" } else { "000-000-000" };
    let answer = app.browser().type_device_code(&ada.email, wrong).await;
    assert_has(&line(&logs, &answer, "a code was refused"), &["purpose=Device why=WrongCode", &own]);

    // Sign-ins, and the one that isn't refused.
    let browser = app.browser();
    let challenge = browser.sign_in_challenge().await;
    let mut unknown = Device::security_key(&app.origin());
    unknown.user_handle = random::<16>().to_vec();
    let answer = browser.finish_sign_in(&challenge, &unknown.get(&challenge.options)).await;
    assert_eq!(answer.verdict(), refused(Code::UnknownPasskey));
    assert!(!line(&logs, &answer, "a sign-in was refused").contains("user="));
    let challenge = browser.sign_in_challenge().await;
    let mut forged = unknown.with_credential_id(&ada.device.credential_id);
    forged.user_handle.clone_from(&ada.device.user_handle);
    let answer = browser.finish_sign_in(&challenge, &forged.get(&challenge.options)).await;
    assert_eq!(answer.verdict(), refused(Code::PasskeyRefused));
    assert_has(&line(&logs, &answer, "a sign-in was refused"), &["why=PasskeyRefused", &own, "credential=cr-"]);
    let challenge = browser.sign_in_challenge().await;
    let response = ada.device.get(&challenge.options);
    let answer = browser.finish_sign_in(&challenge, &response).await;
    assert_eq!(answer.verdict(), DONE);
    let text = logs.text();
    let signed_in = text.lines().find(|line| line.contains(answer.header("x-request-id")) && line.contains("somebody signed in"));
    assert_has(signed_in.unwrap_or_else(|| panic!("{text}")), &["INFO", &own, "credential=cr-", "with=\"passkey\""]);
    let answer = browser.finish_sign_in(&challenge, &response).await;
    line(&logs, &answer, "a sign-in came too late, or twice");

    // Changes: not signed rightly, and not allowed.
    let prepared = ada.prepared(&create_user("carl@example.org")).await;
    let response = forged.get_with(&options(&prepared), |says| says.user_handle = None);
    let answer = ada.commit(&prepared, &response).await;
    assert_eq!(answer.verdict(), refused(Code::PasskeyRefused));
    assert_has(&line(&logs, &answer, "a signature was refused"), &[&format!("{own}}}:"), "path=\"/rpc/commit_change\""]);
    let (bob, bob_is) = app.colleague(&mut ada, "bob@example.org", &[]).await;
    let answer = bob.prepare(&create_user("eve@example.org")).await;
    assert_eq!(answer.verdict(), refused(Code::NotPermitted));
    let denied = line(&logs, &answer, "somebody isn't allowed what they asked for");
    assert_has(&denied, &[&of(&ada, &bob_is.id.to_string()), "operation=Auth:Users:Create"]);
    let answer = bob.browser.call("users", &[("search", ""), ("status", ""), ("after", "")]).await;
    assert_eq!(answer.verdict(), refused(Code::NotPermitted));
    assert_has(&line(&logs, &answer, "somebody isn't allowed what they asked for"), &["operation=Auth:Users:Read"]);

    // Of all that was typed, nothing.
    let text = logs.text();
    let codes = ["1111222233334444", wrong, ada.code.as_str()];
    for typed in codes.into_iter().chain(["ada@example.org", "nobody@example.org", "carl@example.org", "eve@example.org"]) {
        assert!(!text.contains(typed), "{typed} stands in the log");
    }
}

async fn what_strangers_send_leaves_a_line_once(database: &TestDatabase) {
    let app = TestApp::init(database).with_requests_per_minute(5).with_mails_per_hour(2).await;
    let logs = Logs::listen();
    let browser = app.browser();
    let foreign = Request::post("/rpc/sign_out").header("sec-fetch-site", "cross-site").header("origin", "https://evil.example");
    let answer = browser.send(foreign.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 403);
    assert_has(&line(&logs, &answer, "another site's page asked for something"), &["WARN", "method=POST path=\"/rpc/sign_out\""]);
    let export = Request::get("/org/history/export").header("sec-fetch-site", "cross-site").body(Body::empty()).unwrap();
    let answer = browser.send(export).await;
    line(&logs, &answer, "another site's page asked for something");

    for _ in 0..2 {
        assert_eq!(browser.create_organization("ada@example.org", "Ada", "Acme").await.verdict(), DONE);
    }
    let answer = browser.create_organization("ada@example.org", "Ada", "Acme").await;
    assert_eq!(answer.verdict(), refused(Code::TooMany));
    line(&logs, &answer, "too often: it was refused");

    // Of one network's requests, the first that is one too many; of another's again.
    for address in ["203.0.113.9", "203.0.113.10"] {
        let browser = app.browser().at(address);
        let mut answers = Vec::new();
        for _ in 0..20 {
            answers.push(browser.about().await);
        }
        let first = answers.iter().find(|answer| answer.status == 429).expect("the limit was reached");
        line(&logs, first, "too many requests came from one network");
        let lines = logs.text().matches("too many requests came from one network").count();
        assert_eq!(lines, if address == "203.0.113.9" { 1 } else { 2 });
        // The API says so of each call that it refuses.
        let call = Request::builder().method(Method::POST).uri("/auth/login/init").header(CONTENT_TYPE, "application/json");
        let answer = browser.send(call.body(Body::from("{}")).unwrap()).await;
        assert_has(&line(&logs, &answer, "a call was refused"), &["code=TooMany"]);
    }
    let text = logs.text();
    for sent in ["ada@example.org", "evil.example", "203.0.113"] {
        assert!(!text.contains(sent), "{sent} stands in the log");
    }
}

/// The answer of a mail server is the longest text from outside that the log has.
async fn what_a_mail_server_says_stays_on_its_line(database: &TestDatabase) {
    let said = "550 5.1.1 \u{1b}[2J\u{1b}]0;title\u{7}no\r2100-01-01T00:00:00Z ERROR server: forged\u{9b}31m\u{85}\u{2028}\u{202e}x";
    let (post, origin) = (MailServer::answering(said).await, free_origin());
    let url = post.url();
    let settings = [("COUNTERSIGN_SMTP_URL", url.as_str()), ("COUNTERSIGN_MAIL_FROM", "Countersign <countersign@example.org>")];
    let (server, _folder) = start(database, &origin, &settings).await;
    assert_eq!(server.browser().create_organization("ada@example.org", "Ada", "Acme").await.verdict(), DONE);
    wait_for(|| server.said().lines().any(|line| line.contains("mail given up"))).await;
    let log = server.said();
    let line = log.lines().find(|line| line.contains("mail given up")).unwrap();
    // The worker takes controls out of it already, and what turns the direction is left to the log.
    assert_has(line, &["forged", "\\u{202e}x"]);
    for char in log.chars().filter(|char| *char != '\n') {
        assert!(!char.is_control() && !matches!(char, '\u{2028}' | '\u{202e}'), "{char:?} in {log:?}");
    }
}

async fn a_flood_of_refusals_does_not_fill_the_log(database: &TestDatabase) {
    let origin = free_origin();
    let (server, _folder) = start(database, &origin, &[]).await;
    let host = origin.strip_prefix("http://").unwrap();
    let foreign = format!("POST /rpc/about HTTP/1.1\r\nhost: {host}\r\nsec-fetch-site: cross-site\r\ncontent-length: 0\r\n");
    let call = format!("GET /auth/users HTTP/1.1\r\nhost: {host}\r\n");
    let cookies = format!("GET /login HTTP/1.1\r\nhost: {host}\r\ncookie: countersign=a; countersign=b\r\n");
    for (request, says) in [
        (foreign, "another site's page asked for something"),
        (call, "a call was refused"),
        (cookies, "there were two session cookies, so neither counts"),
    ] {
        let (mut reads, mut writes) = connect(&origin).await.into_split();
        let all = format!("{request}\r\n").repeat(300) + &format!("{request}connection: close\r\n\r\n");
        let sends = tokio::spawn(async move {
            writes.write_all(all.as_bytes()).await.unwrap();
            writes
        });
        let mut answers = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut reads, &mut answers).await.unwrap();
        drop(sends.await.unwrap());
        assert_eq!(String::from_utf8_lossy(&answers).matches("HTTP/1.1 ").count(), 301, "{says}");
        wait_for(|| server.said().contains(&format!("what=\"{says}\""))).await;
        let said = server.said();
        let lines: Vec<&str> = said.lines().filter(|line| line.contains(says)).collect();
        assert_eq!(lines.len(), 120 + 1, "{says}");
        assert_has(lines[120], &["there are too many of these: the rest of this minute's aren't written", &format!("what=\"{says}\"")]);
    }
    // What isn't refused is still written, and another kind, too.
    let mut stream = connect(&origin).await;
    let report = "{\"csp-report\":{\"blocked-uri\":\"zebra\"}}";
    let head = format!("POST /csp-report HTTP/1.1\r\nhost: {host}\r\nsec-fetch-site: same-origin\r\nconnection: close\r\n");
    stream.write_all(format!("{head}content-length: {}\r\n\r\n{report}", report.len()).as_bytes()).await.unwrap();
    assert!(until_the_end(stream).await.0.starts_with("HTTP/1.1 204"));
    wait_for(|| server.said().contains("a page's policy was violated")).await;
}
