//! Signed changes and sign-ins, from end to end. Each client is a person and a program, has a connection, and shuts out and lets in a
//! service account of its own. All of them are in one organization: they want the head of the same history.

use crate::{
    engine::Engine,
    load::{self, CLIENTS, Figures, RUNS},
    place,
    settings::{Group, Settings},
    support::{
        app::TestApp,
        live::{Client, Server, free_origin},
    },
    table::{self, Bar},
};
use app::rpc::sign_in::SignInChallenge;
use serde_json::Value;
use std::time::Instant;

const ALONE: Bar = Bar { per_second: None, p50: Some(6.0), p99: None };
const TOGETHER: Bar = Bar { per_second: Some(1000.0), p50: Some(20.0), p99: Some(60.0) };

pub async fn measure(settings: &Settings, engine: &Engine) {
    let (database, origin) = (engine.database().await, free_origin());
    let app = TestApp::init(&database).with_origin(&origin).await;
    app.live_in_the_present();
    let (_, mut clients) = app.with_clients(CLIENTS).await;
    app.services.storage.close().await;
    let server = place::start(settings, &origin, database.url()).await;
    for client in &mut clients {
        client.moves_to(&server);
    }
    table::heading_of_figures();
    if settings.wants(Group::Changes) {
        for (number, bar) in [(1, ALONE), (CLIENTS, TOGETHER)] {
            let figures = load::measure(settings, &mut clients, number, by_a_person).await;
            table::figures("signed change, by a person (2 requests)", number, &figures, bar);
        }
        for (number, bar) in [(1, ALONE), (CLIENTS, TOGETHER)] {
            let figures = load::measure(settings, &mut clients, number, by_a_program).await;
            table::figures("signed change, by a program (3 requests)", number, &figures, bar);
        }
    }
    if settings.wants(Group::SignIn) {
        table::figures("sign-in, finished", CLIENTS, &sign_ins(settings, &server, &mut clients).await, Bar::per_second(1500.0));
    }
}

async fn by_a_person(mut client: Client) -> Client {
    client.by_a_person().await;
    client
}

async fn by_a_program(mut client: Client) -> Client {
    client.by_a_program().await;
    client
}

/// What is measured is the second half of signing in, with the session stored; the first half was done before.
async fn sign_ins(settings: &Settings, server: &Server, clients: &mut [Client]) -> Figures {
    let each = 40 * settings.seconds;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let mut ready = Vec::new();
        for client in clients.iter_mut() {
            let browser = server.browser();
            let mut theirs: Vec<(SignInChallenge, Value)> = Vec::new();
            for _ in 0..each {
                let challenge = browser.sign_in_challenge().await;
                let answer = client.person.device.get(&challenge.options);
                theirs.push((challenge, answer));
            }
            ready.push((browser, theirs));
        }
        let began = Instant::now();
        let tasks: Vec<_> = ready
            .into_iter()
            .map(|(browser, theirs)| {
                tokio::spawn(async move {
                    let mut millis = Vec::new();
                    for (challenge, answer) in theirs {
                        let began = Instant::now();
                        assert_eq!(browser.finish_sign_in(&challenge, &answer).await.status, 200);
                        millis.push(began.elapsed().as_secs_f64() * 1000.0);
                    }
                    millis
                })
            })
            .collect();
        let mut all = Vec::new();
        for task in tasks {
            all.extend(task.await.unwrap());
        }
        runs.push(Figures::of(all, began.elapsed()));
    }
    Figures::median(runs)
}
