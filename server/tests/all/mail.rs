//! What is promised in a transaction, and what the worker makes of it.

use crate::support::{
    answer::{DONE, refused},
    app::TestApp,
    database::TestDatabase,
};
use app::{domain::text::EmailAddress, refusal::Code, rpc::get_started::CodeState};
use async_trait::async_trait;
use server::{
    mail::{
        transport::{Accepted, DeliveryError, LocalMailbox, Outgoing, Transport},
        worker,
    },
    storage::{commit, outbox},
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

on_both_databases!(
    the_mail_says_what_to_do,
    a_mail_is_promised_together_with_what_it_is_about,
    each_mail_is_delivered_once_however_many_workers_there_are,
    a_mail_server_that_is_down_costs_nothing_but_time,
    a_mail_that_was_delivered_leaves_no_code_behind,
    the_local_mailbox_keeps_mails_to_be_read,
    addresses_reach_the_mail_server_as_they_were_typed,
);

/// Takes or refuses mails, and remembers them.
#[derive(Default)]
struct MailServer {
    is_down: Mutex<bool>,
    got: Mutex<Vec<Outgoing>>,
}

#[async_trait]
impl Transport for MailServer {
    async fn deliver(&self, mail: &Outgoing) -> Result<Accepted, DeliveryError> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        if *self.is_down.lock().unwrap() {
            return Err(DeliveryError::Passing("421 4.3.2 shutting down".to_owned()));
        }
        self.got.lock().unwrap().push(mail.clone());
        Ok(Accepted::Handed("250 2.0.0 taken".to_owned()))
    }
}

async fn deliver(app: &TestApp, transport: &dyn Transport) -> usize {
    worker::deliver_due(&app.services.storage, &app.services.outbox, transport).await.unwrap()
}

async fn the_mail_says_what_to_do(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.founder("ada@example.org").await;
    let [mail] = app.mails().await.try_into().unwrap();
    assert_eq!(mail.subject, "Activate Acme on Countersign: your code");
    let grouped = [0, 4, 8, 12].map(|start| &person.code[start..start + 4]).join(" ");
    let text = mail.text.replace(&grouped, "CODE").replace(&person.organization.to_string(), "ORGANIZATION");
    insta::allow_duplicates! {
        insta::assert_snapshot!(text, @"
        Hello Ada Lovelace,

        Someone, hopefully you, gave this mail address for the organization Acme
        on Countersign.

        Your code to activate it:

            CODE

        Type it on this page:
        http://localhost:3000/get-started/activate?email=ada%40example.org&organization=ORGANIZATION

        Valid until:  2100-01-01 13:00 UTC
        Organization: Acme
        Its id:       ORGANIZATION

        Opening the page signs nobody in and uses nothing up; you can do it
        again, and on another device. If the code has run out, the page sends
        you a new one.

        If you didn't ask for this, ignore this mail: without the code nothing
        happens. Give the code to nobody. Countersign has no passwords, and no
        one from it will ever ask you for one.

        Countersign
        ");
    }
    for part in [&mail.text, &mail.html] {
        assert_eq!(part.matches(&grouped).count(), 1);
        assert!(!part.contains(&person.code), "the link doesn't carry the code");
    }
}

async fn a_mail_is_promised_together_with_what_it_is_about(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    // Whatever the mails' table refuses, refuses the organization, too.
    app.run("ALTER TABLE outbox RENAME TO outbox_gone").await;
    let answer = app.browser().create_organization("ada@example.org", "Ada", "Acme").await;
    assert_eq!(answer.verdict(), refused(Code::Internal));
    assert!(answer.refusal().incident.is_some());
    assert!(!answer.text().contains("outbox"), "{}", answer.text());
    app.run("ALTER TABLE outbox_gone RENAME TO outbox").await;
    for table in ["organizations", "users", "registration_codes", "outbox"] {
        assert_eq!(app.count(table).await, 0, "{table}");
    }
    let person = app.founder("ada@example.org").await;
    assert!(matches!(person.code_state().await, CodeState::Live { .. }));
}

async fn each_mail_is_delivered_once_however_many_workers_there_are(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let second = TestApp::init(database).with_clock_of(&app).await;
    for number in 0..24 {
        app.founder(&format!("person{number}@example.org")).await;
    }
    let server = Arc::new(MailServer::default());
    let mut workers = tokio::task::JoinSet::new();
    for number in 0..6 {
        let (app, server) = (if number % 2 == 0 { app.clone() } else { second.clone() }, Arc::clone(&server));
        workers.spawn(async move { deliver(&app, &*server).await });
    }
    let delivered: usize = workers.join_all().await.iter().sum();
    let got = server.got.lock().unwrap();
    let recipients: BTreeSet<String> = got.iter().map(|mail| mail.message.to.to_string()).collect();
    assert_eq!((got.len(), recipients.len(), delivered), (24, 24, 24));
}

async fn a_mail_server_that_is_down_costs_nothing_but_time(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    let person = app.founder("ada@example.org").await;
    let server = MailServer::default();
    *server.is_down.lock().unwrap() = true;
    assert_eq!(deliver(&app, &server).await, 1);
    assert_eq!(deliver(&app, &server).await, 0, "not at once again");
    *server.is_down.lock().unwrap() = false;
    app.advance(Duration::from_secs(5));
    assert_eq!(deliver(&app, &server).await, 1);
    let got = server.got.lock().unwrap().clone();
    let [mail] = got.as_slice() else { panic!("{got:?}") };
    assert_eq!(crate::support::person::code_in(&mail.message.text), person.code);
    assert_eq!(person.activate().await.verdict(), DONE);

    // Down for longer than the code lives: then it isn't worth sending.
    let late = app.founder("bob@example.org").await;
    *server.is_down.lock().unwrap() = true;
    deliver(&app, &server).await;
    app.advance(Duration::from_hours(5));
    *server.is_down.lock().unwrap() = false;
    deliver(&app, &server).await;
    assert_eq!(server.got.lock().unwrap().len(), 1);
    assert_eq!(app.number("SELECT COUNT(*) FROM outbox WHERE refused_at IS NOT NULL AND sealed IS NULL").await, 1);
    assert_eq!(late.activate().await.verdict(), refused(Code::ExpiredCode));
}

async fn a_mail_that_was_delivered_leaves_no_code_behind(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    app.founder("ada@example.org").await;
    assert_eq!(app.number("SELECT COUNT(*) FROM outbox WHERE sealed IS NOT NULL").await, 1);
    deliver(&app, &MailServer::default()).await;
    assert_eq!(app.number("SELECT COUNT(*) FROM outbox WHERE sealed IS NOT NULL").await, 0);
    assert_eq!(app.text("SELECT last_answer FROM outbox").await, "250 2.0.0 taken");
}

async fn the_local_mailbox_keeps_mails_to_be_read(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    app.founder("ada@example.org").await;
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let mailbox = LocalMailbox::announcing("http://localhost:3000", move |line| heard.lock().unwrap().push(line.to_owned()));
    assert_eq!(deliver(&app, &mailbox).await, 1);
    assert_eq!(deliver(&app, &mailbox).await, 0);
    assert_eq!(app.mails_to("ada@example.org").await.len(), 1);
    let expected = "Mail for ada@example.org: “Activate Acme on Countersign: your code”. Read it at http://localhost:3000/dev/mail";
    assert_eq!(*said.lock().unwrap(), [expected]);
}

async fn addresses_reach_the_mail_server_as_they_were_typed(database: &TestDatabase) {
    let app = TestApp::init(database).await;
    app.browser().create_organization("Ada.Lovelace+Work@Example.ORG", "Ada", "Acme").await;
    let db = &mut *app.connection().await;
    let [mail] = outbox::waiting(db, app.services.ambient.now()).await.unwrap().try_into().unwrap();
    assert_eq!(mail.recipient, EmailAddress::parse("Ada.Lovelace+Work@example.org").unwrap());
    // A mail that isn't committed isn't there.
    let message = app.services.outbox.open(&mail).unwrap();
    let mut transaction = app.services.storage.begin().await.unwrap();
    let user = app.text("SELECT id FROM users").await.parse().unwrap();
    let organization = app.text("SELECT id FROM organizations").await.parse().unwrap();
    app.services.outbox.queue(&mut transaction, &message, organization, user, mail.expires_at).await.unwrap();
    drop(transaction);
    assert_eq!(app.count("outbox").await, 1);
    let mut transaction = app.services.storage.begin().await.unwrap();
    app.services.outbox.queue(&mut transaction, &message, organization, user, mail.expires_at).await.unwrap();
    commit(transaction).await.unwrap();
    assert_eq!(app.count("outbox").await, 2);
}
