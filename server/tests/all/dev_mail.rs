//! `/dev/mail` and `/rpc/local_mails`: the mailbox of a server without a mail server, for whoever sits at its machine.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    database::TestDatabase,
    person::code_in,
};
use app::{
    refusal::Code,
    rpc::about::{About, LocalMail, MailDelivery},
};
use axum::{
    body::Body,
    http::{
        Request,
        header::{ACCEPT, HOST},
    },
};
use std::time::Duration;

on_both_databases!(whoever_sits_at_the_machine_reads_its_mails);
on_sqlite!(nobody_else_reads_them, nobody_reads_them_under_another_name_of_this_machine, with_a_mail_server_there_is_no_such_page,);

async fn whoever_sits_at_the_machine_reads_its_mails(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let empty = app.browser().get("/dev/mail").await;
    assert!(empty.text().contains("No mail yet"), "{}", empty.text());
    let first = app.founder("ada@example.org").await;
    let second = app.founder("bob@example.org").await;
    for browser in [app.browser(), app.browser().at("::1"), app.browser().at("127.8.8.8"), app.browser().at("::ffff:127.0.0.1")] {
        let mails: Vec<LocalMail> = browser.local_mails().await.done();
        let listed: Vec<_> = mails.iter().map(|mail| (mail.to.as_str(), code_in(&mail.text))).collect();
        assert_eq!(listed, [("bob@example.org", second.code.clone()), ("ada@example.org", first.code.clone())]);
        let page = browser.get("/dev/mail").await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains("ada@example.org"), "{}", page.text());
    }
    app.advance(Duration::from_hours(4));
    assert_eq!(app.browser().local_mails().await.done::<Vec<LocalMail>>(), [], "what expired isn't shown");
}

async fn nobody_else_reads_them(database: &TestDatabase) {
    let app = TestApp::init(database).with_trusted_proxy("127.0.0.1").await;
    app.founder("ada@example.org").await;
    for address in ["192.0.2.1", "10.0.0.1", "2001:db8::1", "::ffff:192.0.2.1"] {
        let browser = app.browser().at(address);
        let answer = browser.local_mails().await;
        assert_eq!(answer.verdict(), refused(Code::NotFound), "{address}");
        let page = browser.get("/dev/mail").await;
        assert_eq!(page.status, 404, "{address}");
        assert!(!page.text().contains("ada@example.org"), "{address}: {}", page.text());
    }
    // A proxy on this machine says for whom it asks.
    let forwarded =
        Request::get("/dev/mail").header(ACCEPT, "text/html").header("x-forwarded-for", "192.0.2.1").body(Body::empty()).unwrap();
    assert_eq!(app.browser().send(forwarded).await.status, 404);
}

/// A page elsewhere that lets its own name point to 127.0.0.1 (DNS rebinding) is asked for under that name. Its scripts
/// would read the codes.
async fn nobody_reads_them_under_another_name_of_this_machine(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    app.founder("ada@example.org").await;
    for host in ["evil.example:3000", "evil.example", "localhost.evil.example:3000"] {
        let page = Request::get("/dev/mail").header(HOST, host).header(ACCEPT, "text/html").body(Body::empty()).unwrap();
        let page = app.browser().send(page).await;
        assert!(!page.text().contains("ada@example.org"), "{host} reads the mails");
        assert!(page.status.is_client_error(), "{host}");
        let call = Request::post("/rpc/local_mails")
            .header(HOST, host)
            .header("origin", format!("http://{host}"))
            .header("sec-fetch-site", "same-origin");
        let call = app.browser().send(call.body(Body::empty()).unwrap()).await;
        assert!(!call.text().contains("ada@example.org"), "{host} reads the mails");
        assert!(call.status.is_client_error(), "{host}");
    }
}

async fn with_a_mail_server_there_is_no_such_page(database: &TestDatabase) {
    let app = TestApp::init(database).with_mail_server().await;
    app.founder("ada@example.org").await;
    assert_eq!(app.browser().local_mails().await.verdict(), refused(Code::NotFound));
    assert_eq!(app.browser().get("/dev/mail").await.status, 404);
    let about = app.browser().about().await;
    assert_eq!(about.verdict(), DONE);
    assert_eq!(about.done::<About>().mail, MailDelivery::Smtp);
}
