//! How much memory the server has: idle, with many users, and after as many requests as come in an hour, as fast as they can be answered.

use crate::{
    load::CLIENTS,
    place::Place,
    settings::Settings,
    support::{
        browser::Browser,
        live::{Client, Server},
    },
    table::{self, thousands},
};
use std::time::{Duration, Instant};
use tokio::{task::JoinSet, time::sleep};

pub async fn measure(settings: &Settings, small: &Place, mut middle: Place) {
    table::heading(&["memory, resident", "MB", "bar, MB", "met"]);
    let server = small.server(settings).await;
    row("idle", small, &server, 40).await;
    drop(server);

    let server = middle.server(settings).await;
    row("idle", &middle, &server, 80).await;
    let pages = turn_all_pages(&middle.browser(&server)).await;
    row(&format!("after all {pages} Users pages were opened"), &middle, &server, 80).await;
    let mut workers = workers(&mut middle, &server);
    for hour in ["an hour", "another hour"] {
        let began = Instant::now();
        workers = work(settings, workers).await;
        let what = format!("after {hour} of {} requests, in {:.0} s", thousands(settings.requests), began.elapsed().as_secs_f64());
        row(&what, &middle, &server, 80).await;
    }
}

async fn row(what: &str, place: &Place, server: &Server, bar: u64) {
    // What was begun behind the last answers is over then.
    sleep(Duration::from_secs(2)).await;
    let memory = server.memory();
    table::row(&[&format!("{what}: {}", place.size), &memory.to_string(), &format!("≤ {bar}"), table::verdict(Some(memory <= bar))]);
}

/// Follows the links from one page of users to the next; how many pages there were.
async fn turn_all_pages(browser: &Browser) -> u32 {
    let mut path = "/org/users".to_owned();
    for number in 1.. {
        let answer = browser.get(&path).await;
        assert_eq!(answer.status, 200);
        let next = answer.text().split("href=\"/org/users?after=").nth(1).and_then(|rest| rest.split('"').next());
        let Some(next) = next else { return number };
        path = format!("/org/users?after={next}");
    }
    unreachable!("there are pages without end")
}

/// Somebody with work to do.
enum Worker {
    /// Opens one page after the other.
    Reader { browser: Browser, paths: Vec<String>, at: usize },
    /// Signs changes with a passkey.
    Person(Box<Client>),
    /// Signs changes with a key.
    Program(Box<Client>),
    /// Signs in again and again.
    Newcomer { browser: Browser, client: Box<Client> },
}

impl Worker {
    /// Does the next thing; how many requests it took.
    async fn next(&mut self) -> u64 {
        match self {
            Self::Reader { browser, paths, at } => {
                *at += 1;
                let path = &paths[*at % paths.len()];
                assert_eq!(browser.get(path).await.status, 200, "{path}");
                1
            }
            Self::Person(client) => {
                client.by_a_person().await;
                2
            }
            Self::Program(client) => {
                client.by_a_program().await;
                3
            }
            Self::Newcomer { browser, client } => {
                let challenge = browser.sign_in_challenge().await;
                let answer = client.person.device.get(&challenge.options);
                assert_eq!(browser.finish_sign_in(&challenge, &answer).await.status, 200);
                2
            }
        }
    }
}

/// Three quarters of them read; the others are people, programs, and people who sign in.
fn workers(place: &mut Place, server: &Server) -> Vec<Worker> {
    let clients: Vec<Client> = place.clients.drain(..).collect();
    let readers = (0..CLIENTS - clients.len()).map(|at| Worker::Reader { browser: place.browser(server), paths: paths(place, at), at });
    let readers: Vec<Worker> = readers.collect();
    let others = clients.into_iter().enumerate().map(|(number, mut client)| {
        client.moves_to(server);
        let client = Box::new(client);
        match number % 4 {
            0 | 1 => Worker::Person(client),
            2 => Worker::Program(client),
            _ => Worker::Newcomer { browser: server.browser(), client },
        }
    });
    readers.into_iter().chain(others).collect()
}

/// What a reader looks at: every list from another place on, a user, a permission, their own account, and what anybody sees.
fn paths(place: &Place, number: usize) -> Vec<String> {
    let filled = &place.filled;
    let mut paths = vec!["/login".to_owned(), "/org".to_owned(), "/account".to_owned(), "/org/permissions".to_owned()];
    paths.push(format!("/org/permissions/{}", filled.everyone));
    for part in 0..8 {
        let share = |all: u64| (all - 1) * (8 * number as u64 + part) / (8 * CLIENTS as u64);
        let address = &filled.addresses[share(filled.addresses.len() as u64) as usize];
        paths.push(format!("/org/users?after={address}"));
        paths.push(format!("/org/users?q={}", address.split('@').next().unwrap_or_default()));
        paths.push(format!("/org/users/{}", filled.users[share(filled.users.len() as u64) as usize]));
        paths.push(format!("/org/history?before={}", share(place.size.entries) + 1));
        paths.push(format!("/org/history/{}", share(place.size.entries)));
    }
    paths
}

/// Lets all of them work until so many requests were made.
async fn work(settings: &Settings, workers: Vec<Worker>) -> Vec<Worker> {
    let each = settings.requests / workers.len() as u64;
    let mut tasks = JoinSet::new();
    for mut worker in workers {
        tasks.spawn(async move {
            let mut made = 0;
            while made < each {
                made += worker.next().await;
            }
            worker
        });
    }
    tasks.join_all().await
}
