//! Clients that do the same thing again and again, and how long it takes them.

use crate::settings::Settings;
use std::time::{Duration, Instant};

/// How many clients there are at most.
pub const CLIENTS: usize = 32;
/// How often each figure is taken; the tables have the median.
pub const RUNS: usize = 3;

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Figures {
    pub per_second: f64,
    /// Milliseconds.
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
}

impl Figures {
    /// Of how long each of them took, in milliseconds, and how long it took in all.
    pub fn of(mut millis: Vec<f64>, took: Duration) -> Self {
        millis.sort_by(f64::total_cmp);
        let at = |share: f64| millis.get(((millis.len() as f64 * share) as usize).min(millis.len().saturating_sub(1))).copied();
        let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| at(share).unwrap_or(f64::NAN));
        Self { per_second: millis.len() as f64 / took.as_secs_f64(), p50, p95, p99 }
    }

    /// The run in the middle, by how many were done.
    pub fn median(mut runs: Vec<Self>) -> Self {
        runs.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
        runs.swap_remove(runs.len() / 2)
    }
}

/// Lets so many of the clients do something once more until the time is over; the figures of the run in the middle.
pub async fn measure<C, F, Doing>(settings: &Settings, clients: &mut Vec<C>, number: usize, once: F) -> Figures
where
    C: Send + 'static,
    F: Fn(C) -> Doing + Copy + Send + 'static,
    Doing: Future<Output = C> + Send,
{
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let began = Instant::now();
        let until = began + Duration::from_secs(settings.seconds);
        let tasks: Vec<_> = clients
            .drain(..number)
            .map(|mut client| {
                tokio::spawn(async move {
                    let mut millis = Vec::new();
                    while Instant::now() < until {
                        let began = Instant::now();
                        client = once(client).await;
                        millis.push(began.elapsed().as_secs_f64() * 1000.0);
                    }
                    (client, millis)
                })
            })
            .collect();
        let mut all = Vec::new();
        for task in tasks {
            let (client, millis) = task.await.unwrap();
            clients.push(client);
            all.extend(millis);
        }
        runs.push(Figures::of(all, began.elapsed()));
    }
    Figures::median(runs)
}
