//! Pages as the server renders them, in a small organization and in a large one: they have to cost the same.

use crate::{
    load::{self, CLIENTS, Figures},
    place::Place,
    settings::Settings,
    support::{browser::Browser, live::Server},
    table::{self, Bar, thousands},
};

/// A page of one organization.
struct Page {
    what: &'static str,
    path: String,
    /// What stands before each row.
    row: &'static str,
    /// What must be on it.
    shows: String,
    bar: Bar,
}

fn pages(place: &Place) -> Vec<Page> {
    const ROW: &str = "role=\"rowheader\"";
    const HOLDER: &str = "<li class=\"row\"";
    const ENTRY: &str = "class=\"entry-number\"";
    let filled = &place.filled;
    let middle = filled.addresses.len() / 2;
    let (after, behind) = (&filled.addresses[middle], &filled.addresses[middle + 1]);
    let fast = Bar::per_second(2000.0);
    let page = |what, path: String, row, shows: &str, bar| Page { what, path, row, shows: shows.to_owned(), bar };
    let entry = |index: u64| format!("href=\"/org/history/{index}\"");
    let (newest, half) = (place.size.entries - 1, place.size.entries / 2);
    vec![
        page("Users page", "/org/users".to_owned(), ROW, &filled.addresses[0], fast),
        page("Users page, from the middle on", format!("/org/users?after={after}"), ROW, behind, fast),
        page("permissions page", "/org/permissions".to_owned(), ROW, "Everyone", Bar::default()),
        page("page of a permission that everyone has", format!("/org/permissions/{}", filled.everyone), HOLDER, "Everyone", Bar::default()),
        page("History page", "/org/history".to_owned(), ENTRY, &entry(newest), Bar::default()),
        page("History page, from the middle on", format!("/org/history?before={half}"), ENTRY, &entry(half - 1), Bar::default()),
    ]
}

pub async fn measure(settings: &Settings, small: &Place, large: &Place) {
    let servers = [small.server(settings).await, large.server(settings).await];
    let mut grown = Vec::new();
    table::heading_of_figures();
    for (of_small, of_large) in pages(small).into_iter().zip(pages(large)) {
        let mut taken = Vec::new();
        for (place, server, page) in [(small, &servers[0], &of_small), (large, &servers[1], &of_large)] {
            let rows = rows(&place.browser(server), page).await;
            let figures = open(settings, place, server, &page.path).await;
            table::figures(&format!("{}: {rows} rows, {}", page.what, place.size), CLIENTS, &figures, page.bar);
            taken.push((rows, figures.p50));
        }
        assert_eq!(taken[0].0, taken[1].0, "{} has as many rows in both", of_small.what);
        grown.push((of_small.what, taken[1].1 / taken[0].1));
    }
    let large = thousands(large.size.users);
    println!("\nHow long a page takes at {large} users, for each millisecond that it takes at 100 (bar: the same):");
    table::heading(&["page", "p50 at the large size / p50 at the small size"]);
    for (what, factor) in grown {
        table::row(&[what, &format!("{factor:.2}")]);
    }
}

/// How many rows the page has; it must show what it should.
async fn rows(browser: &Browser, page: &Page) -> usize {
    let answer = browser.get(&page.path).await;
    let (text, rows) = (answer.text(), answer.text().matches(page.row).count());
    assert!(answer.status == 200 && rows > 0 && text.contains(&page.shows), "{} doesn't show {}: {text}", page.path, page.shows);
    rows
}

async fn open(settings: &Settings, place: &Place, server: &Server, path: &str) -> Figures {
    let mut readers: Vec<_> = (0..CLIENTS).map(|_| (place.browser(server), path.to_owned())).collect();
    load::measure(settings, &mut readers, CLIENTS, |(browser, path)| async move {
        assert_eq!(browser.get(&path).await.status, 200);
        (browser, path)
    })
    .await
}
