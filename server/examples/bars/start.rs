//! From the start of the process to its first answer.

use crate::{
    engine::Engine,
    place::{self, Place},
    settings::Settings,
    support::live::{Server, free_origin},
    table,
};
use std::time::Duration;

const BAR: Duration = Duration::from_millis(150);
/// How often it is started; the table has the median.
const STARTS: usize = 9;

pub async fn measure(settings: &Settings, engine: &Engine, small: &Place, large: &Place) {
    table::heading(&["from start to first answer", "ms", "bar", "met"]);
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let database = engine.database().await;
        starts.push(place::start(settings, &free_origin(), database.url()).await.started_in);
    }
    row("an empty database, whose tables are made", &mut starts);
    for place in [small, large] {
        let mut starts = Vec::new();
        for _ in 0..STARTS {
            let Server { started_in, .. } = &place.server(settings).await;
            starts.push(*started_in);
        }
        row(&place.size.to_string(), &mut starts);
    }
}

fn row(what: &str, starts: &mut [Duration]) {
    starts.sort();
    let median = starts[starts.len() / 2];
    table::row(&[what, &median.as_millis().to_string(), "≤ 150 ms", table::verdict(Some(median <= BAR))]);
}
