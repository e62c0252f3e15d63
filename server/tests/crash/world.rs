//! An organization with people who sign, the real server over its database, and what has to hold whatever happens.

use crate::{
    load::{Ledger, Load, Loader, Outcome},
    support::{
        app::TestApp,
        database::TestDatabase,
        live::{Server, empty_site, free_origin},
        person::Person,
    },
};
use app::{
    action::change::Change,
    domain::{id::OrganizationId, user::UserStatus},
};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;

/// How many people sign at once.
const PEOPLE: usize = 6;

/// The debug build, which cargo has just made.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_countersign"))
}

/// How often a server is killed.
pub fn rounds() -> usize {
    env::var("COUNTERSIGN_CRASH_ROUNDS").map_or(12, |text| text.parse().expect("COUNTERSIGN_CRASH_ROUNDS is a number"))
}

pub struct World {
    /// What the test is called in its figures.
    name: &'static str,
    seed: u64,
    pub random: fastrand::Rng,
    pub origin: String,
    pub organization: OrganizationId,
    pub admin: Person,
    pub loaders: Vec<Loader>,
    /// Somebody who doesn't sign with the others.
    pub aside: Loader,
    pub ledger: Arc<Ledger>,
    pub folder: TempDir,
    site: PathBuf,
    /// How many entries there were before anybody signed at a real server.
    beginning: i64,
}

impl World {
    /// Sets it up in this process.
    pub async fn found(name: &'static str, database: &TestDatabase) -> Self {
        let seed = env::var("COUNTERSIGN_CRASH_SEED").map_or_else(
            |_| u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() % 1_000_000_007).unwrap(),
            |text| text.parse().expect("COUNTERSIGN_CRASH_SEED is a number"),
        );
        println!("{name}: seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let origin = free_origin();
        let app = TestApp::init(database).with_origin(&origin).await;
        app.live_in_the_present();
        let (admin, clients) = app.with_clients(PEOPLE + 1).await;
        let beginning = app.number("SELECT history_size FROM organizations").await;
        app.services.storage.close().await;
        let mut loaders: Vec<Loader> =
            clients.into_iter().enumerate().map(|(number, client)| Loader::new(client, random.fork(), number)).collect();
        let aside = loaders.pop().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let site = empty_site(folder.path());
        let (organization, ledger) = (admin.organization, Arc::default());
        Self { name, seed, random, origin, organization, admin, loaders, aside, ledger, folder, site, beginning }
    }

    /// The real server over this database.
    pub async fn server(&self, database: &str) -> Server {
        self.server_with(database, &[]).await
    }

    pub async fn server_with(&self, database: &str, settings: &[(&str, &str)]) -> Server {
        self.try_by(&[program().to_str().unwrap()], database, settings).await.unwrap_or_else(|said| panic!("{said}"))
    }

    /// The real server by this command, which becomes it.
    pub async fn try_by(&self, command: &[&str], database: &str, settings: &[(&str, &str)]) -> Result<Server, String> {
        let mut all = vec![("COUNTERSIGN_SITE_ROOT", self.site.to_str().unwrap())];
        let data = self.folder.path().to_str().unwrap().to_owned();
        all.push(("COUNTERSIGN_DATA_DIR", &data));
        all.extend(settings);
        Server::start_by(command, &self.origin, database, &all).await
    }

    /// Everybody signs, at these servers.
    pub fn load(&mut self, servers: &[&Server]) -> Load {
        Load::begin(std::mem::take(&mut self.loaders), servers, &self.ledger)
    }

    /// Everybody signs until so many more changes were acknowledged.
    pub async fn goes_on(&mut self, server: &Server, more: usize) {
        let before = self.ledger.acknowledged();
        let load = self.load(&[server]);
        wait_until!(self.ledger.acknowledged() >= before + more, "{more} more changes: {}", server.said());
        self.loaders = load.end().await;
    }

    /// What is printed in the end.
    pub fn report(&self, what: &str) {
        println!("{}: seed {}: {what}, {}", self.name, self.seed, self.ledger.figures());
    }

    /// What holds whatever happened, looked for in the database by this process.
    pub async fn check(&self, database: &TestDatabase) {
        let app = TestApp::init(database).with_origin(&self.origin).await;
        app.live_in_the_present();
        // Every signature, the tree, and that a replay gives what the tables hold.
        app.verify(self.organization).await;

        // What was acknowledged has its entry, at the place that the receipt says. What was refused has none.
        let query = format!("SELECT action_id, entry_index FROM history WHERE entry_index >= {} AND action_id IS NOT NULL", self.beginning);
        let rows: Vec<(String, i64)> = sqlx::query_as(AssertSqlSafe(query)).fetch_all(&mut *app.connection().await).await.unwrap();
        let executed: BTreeMap<String, i64> = rows.into_iter().collect();
        let (lines, _) = app.export(self.organization).await;
        assert_eq!(i64::try_from(lines.len()).unwrap() - self.beginning, i64::try_from(executed.len()).unwrap(), "each once");
        let attempts = self.ledger.attempts();
        // What was refused may have been handed in again.
        let acknowledged: BTreeSet<_> =
            attempts.iter().filter(|attempt| matches!(attempt.outcome, Outcome::Acknowledged(_))).map(|attempt| attempt.action).collect();
        let mut done = BTreeMap::new();
        for attempt in &attempts {
            let index = executed.get(&attempt.action.to_string()).copied();
            match &attempt.outcome {
                Outcome::Acknowledged(receipt) => {
                    assert_eq!(index, i64::try_from(receipt.index).ok(), "{}: an acknowledged change is lost: {attempt:?}", self.seed);
                    let line: Value = serde_json::from_str(&lines[usize::try_from(receipt.index).unwrap()]).unwrap();
                    assert_eq!(line["executed_at"], json!(receipt.executed_at), "{line}");
                }
                Outcome::Refused(refusal) => {
                    let was_done = index.is_some() && !acknowledged.contains(&attempt.action);
                    assert!(!was_done, "{}: it was refused ({refusal}) and executed: {attempt:?}", self.seed);
                    continue;
                }
                Outcome::Unknown => {}
            }
            if let Some(index) = index {
                done.insert(index, attempt);
            }
        }
        assert_eq!(done.len(), executed.len(), "{}: nobody signed one of {executed:?}", self.seed);

        // Their effects: somebody is as the last change left them; whoever was invited is there, with one code and one mail.
        let state = app.state(self.organization).await;
        let mut invited = Vec::new();
        let mut last = BTreeMap::new();
        for attempt in done.values() {
            match &attempt.change {
                Change::CreateUser { email, .. } => {
                    invited.push(email.to_string());
                    if let Outcome::Acknowledged(receipt) = &attempt.outcome {
                        let user = &state.users[&receipt.created.as_ref().unwrap().parse().unwrap()];
                        assert_eq!(user.handle, email.clone().into());
                    }
                }
                Change::DeactivateUser { user } => drop(last.insert(user.id, UserStatus::Deactivated)),
                Change::ActivateUser { user } => drop(last.insert(user.id, UserStatus::Active)),
                other => panic!("nobody signs {other:?}"),
            }
        }
        for (user, status) in last {
            assert_eq!(state.users[&user].status, status, "{}: {user}", self.seed);
        }
        invited.sort();
        for (what, query) in [
            ("users", "SELECT email FROM users WHERE email LIKE 'guest%'"),
            ("codes", "SELECT u.email FROM users u JOIN registration_codes c ON c.user_id = u.id WHERE u.email LIKE 'guest%'"),
            (
                "mails",
                "SELECT u.email FROM users u JOIN outbox o ON o.user_id = u.id AND o.recipient = u.email WHERE u.email LIKE 'guest%'",
            ),
            ("mails at all", "SELECT recipient FROM outbox WHERE recipient LIKE 'guest%'"),
        ] {
            let mut found: Vec<String> = sqlx::query_scalar(query).fetch_all(&mut *app.connection().await).await.unwrap();
            found.sort();
            assert_eq!(found, invited, "{}: {what}", self.seed);
        }
        app.services.storage.close().await;
    }
}
