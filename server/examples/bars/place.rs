//! An organization of a certain size in a database of its own, ready for a server to be started on it.

use crate::{
    engine::{self, Engine},
    fill::{Filled, fill},
    load::CLIENTS,
    settings::Settings,
    support::{
        app::TestApp,
        browser::Browser,
        database::TestDatabase,
        live::{Client, Server, free_origin},
    },
    table::thousands,
};
use std::{fmt, io::Write, process::Command, time::Instant};

/// How much there is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub users: u64,
    /// Of history.
    pub entries: u64,
}

impl Size {
    pub const SMALL: Self = Self { users: 100, entries: 1000 };
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} users and {} entries", thousands(self.users), thousands(self.entries))
    }
}

/// The organization, and who is in it.
pub struct Place {
    pub size: Size,
    pub database: TestDatabase,
    origin: String,
    /// Of its admin.
    session: String,
    /// Some who change something; they have to move to a server first.
    pub clients: Vec<Client>,
    pub filled: Filled,
}

impl Place {
    /// Makes it, says so, and closes its database.
    pub async fn make(settings: &Settings, engine: &Engine, size: Size) -> Self {
        /// Who sign in and change something while memory is looked at.
        const ACTIVE: usize = CLIENTS / 4;
        let began = Instant::now();
        let (database, origin) = (engine.database().await, free_origin());
        let app = TestApp::init(&database).with_origin(&origin).await;
        app.live_in_the_present();
        let (admin, clients) = app.with_clients(ACTIVE).await;
        let session = admin.browser.session().unwrap();
        let filled = fill(&app, admin, size).await;
        app.services.storage.close().await;
        let place = Self { size, database, origin, session, clients, filled };
        // A first start is of its own kind: the system hasn't read these files yet.
        let server = place.server(settings).await;
        if size.entries == Size::SMALL.entries {
            place.verify(settings, &server).await;
        }
        println!("\n{size}: {} MB, made in {:.0} s", engine::megabytes(&place.database).await, began.elapsed().as_secs_f64());
        place
    }

    /// Starts the program on it.
    pub async fn server(&self, settings: &Settings) -> Server {
        start(settings, &self.origin, self.database.url()).await
    }

    /// Shows that its history is one: what was made up verifies like what was signed one by one.
    async fn verify(&self, settings: &Settings, server: &Server) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&self.browser(server).get("/org/history/export").await.body).unwrap();
        let output = Command::new(&settings.program).arg("verify").arg(file.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// A browser in which its admin is signed in.
    pub fn browser(&self, server: &Server) -> Browser {
        let browser = server.browser();
        browser.set_session(&self.session);
        browser
    }
}

pub async fn start(settings: &Settings, origin: &str, database: &str) -> Server {
    Server::start(&settings.program, origin, database, &[]).await.unwrap_or_else(|said| panic!("the server doesn't start: {said}"))
}
