//! The whole server in this process: its router, a database of its own, a clock that tests set, and an outbox that they
//! read.

use super::{browser::Browser, clock::FakeClock, database::TestDatabase};
use app::domain::id::OrganizationId;
use argon2::Params;
use axum::Router;
use secrecy::ExposeSecret;
use server::{
    ambient::Ambient,
    code::{COST, Codes},
    config::{Config, LogFormat, Organizations, Settings},
    http,
    mail::{Message, Outbox},
    passkey::Ceremonies,
    secret::ServerSecret,
    service::Services,
    storage::{Connection, Storage, outbox},
};
use sqlx::{Any, AnyPool, AssertSqlSafe, Column, Row, any::AnyPoolOptions, pool::PoolConnection};
use std::{collections::BTreeMap, fs, future::IntoFuture, path::Path, pin::Pin, sync::Arc, time::Duration};
use tempfile::TempDir;

pub const SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A running server. Clones are the same one.
#[derive(Clone)]
pub struct TestApp {
    pub services: Arc<Services>,
    pub clock: Arc<FakeClock>,
    router: Router,
    site: Arc<TempDir>,
    /// The server's own connections may only read, outside of its transactions.
    by_hand: AnyPool,
}

/// A server that isn't started yet: await it.
pub struct Init<'a> {
    database: &'a TestDatabase,
    settings: Settings,
    clock: Arc<FakeClock>,
    code_cost: Params,
}

/// The least that Argon2 can cost: of a whole run, two thirds went into it once.
pub const CHEAP: Params = match Params::new(Params::MIN_M_COST, Params::MIN_T_COST, Params::MIN_P_COST, None) {
    Ok(cost) => cost,
    Err(_) => panic!("these are within Argon2's bounds"),
};

impl TestApp {
    /// A server over this database, with the settings as they come but no limits worth mentioning. Two of them over one
    /// database are two servers.
    pub fn init(database: &TestDatabase) -> Init<'_> {
        let settings = Settings {
            origin: "http://localhost:3000".to_owned(),
            listen: "127.0.0.1:3000".parse().unwrap(),
            data_dir: "unused".into(),
            database_url: Some(database.url().to_owned().into()),
            secret: Some(SECRET.to_owned().into()),
            smtp_url: None,
            mail_from: None,
            organizations: Organizations::Open,
            contact: None,
            trusted_proxies: Vec::new(),
            requests_per_minute: 1_000_000,
            mails_per_hour: 1_000_000,
            invitations_per_hour: 1_000_000,
            api_origins: Vec::new(),
            site_root: "unused".into(),
            log_format: LogFormat::Text,
            metrics_listen: None,
            stop_delay: 0,
        };
        Init { database, settings, clock: Arc::new(FakeClock::new()), code_cost: CHEAP }
    }

    /// A browser that was never here.
    pub fn browser(&self) -> Browser {
        Browser::new(self.router.clone(), self.origin())
    }

    /// The same server, asked through this.
    pub fn through(self, router: Router) -> Self {
        Self { router, ..self }
    }

    pub fn origin(&self) -> String {
        self.services.config.origin_text()
    }

    /// The folder with the browser's files.
    pub fn site(&self) -> &Path {
        self.site.path()
    }

    pub fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    /// A connection of the test's own, which may write.
    pub async fn connection(&self) -> PoolConnection<Any> {
        self.by_hand.acquire().await.unwrap()
    }

    /// The mails that can be read, newest first.
    pub async fn mails(&self) -> Vec<Message> {
        let db: &mut Connection = &mut *self.connection().await;
        let waiting = outbox::waiting(db, self.services.ambient.now()).await.unwrap();
        waiting.iter().map(|mail| self.services.outbox.open(mail).unwrap()).collect()
    }

    /// Those for this address.
    pub async fn mails_to(&self, address: &str) -> Vec<Message> {
        self.mails().await.into_iter().filter(|mail| mail.to.as_str() == address).collect()
    }

    /// Waits until there are so many mails for this address: a new code is sent after the answer.
    pub async fn mails_to_arrive(&self, address: &str, number: usize) -> Vec<Message> {
        for _ in 0..1000 {
            let mails = self.mails_to(address).await;
            if mails.len() >= number {
                return mails;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} mails to {address} instead of {number}", self.mails_to(address).await.len());
    }

    /// Runs a statement of the test's own.
    pub async fn run(&self, statement: &str) -> u64 {
        sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut *self.connection().await).await.unwrap().rows_affected()
    }

    /// The one number that a query gives.
    pub async fn number(&self, query: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(&mut *self.connection().await).await.unwrap()
    }

    /// The one text that a query gives.
    pub async fn text(&self, query: &str) -> String {
        sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(&mut *self.connection().await).await.unwrap()
    }

    pub async fn count(&self, table: &str) -> i64 {
        self.number(&format!("SELECT COUNT(*) FROM {table}")).await
    }

    /// How many organizations are active.
    pub async fn active_organizations(&self) -> i64 {
        self.number("SELECT COUNT(*) FROM organizations WHERE activated_at IS NOT NULL").await
    }

    pub async fn is_active(&self, organization: OrganizationId) -> bool {
        self.number(&format!("SELECT COUNT(*) FROM organizations WHERE id = '{organization}' AND activated_at IS NOT NULL")).await == 1
    }

    /// Every row of every table, as text, sorted. That something was asked for is counted whatever comes of it, and left out.
    pub async fn dump(&self) -> BTreeMap<String, Vec<String>> {
        let mut tables = BTreeMap::new();
        for table in tables_in_migrations().into_iter().filter(|table| table != "limits") {
            let rows = sqlx::query(AssertSqlSafe(format!("SELECT * FROM {table}"))).fetch_all(&mut *self.connection().await).await.unwrap();
            let mut rows: Vec<String> = rows.iter().map(line).collect();
            rows.sort();
            tables.insert(table, rows);
        }
        tables
    }

    /// Waits until what was started behind an answer is surely over.
    pub async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn line(row: &sqlx::any::AnyRow) -> String {
    let columns = row.columns().iter().map(|column| {
        let name = column.name();
        let value = match row.try_get::<Option<String>, _>(name) {
            Ok(text) => text.unwrap_or_else(|| "NULL".to_owned()),
            Err(_) => row.try_get::<i64, _>(name).expect("every column is TEXT or BIGINT").to_string(),
        };
        format!("{name}={value}")
    });
    columns.collect::<Vec<_>>().join(" ")
}

pub fn migrations() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

pub fn tables_in_migrations() -> Vec<String> {
    let tables: Vec<String> =
        migrations().lines().filter_map(|line| Some(line.strip_prefix("CREATE TABLE ")?.split([' ', '(']).next()?.to_owned())).collect();
    assert!(tables.len() >= 8, "{tables:?}");
    tables
}

impl Init<'_> {
    pub fn with_origin(mut self, origin: &str) -> Self {
        origin.clone_into(&mut self.settings.origin);
        self
    }

    pub fn with_secret(mut self, secret: &str) -> Self {
        self.settings.secret = Some(secret.trim().to_owned().into());
        self
    }

    pub fn with_mail_server(mut self) -> Self {
        self.settings.smtp_url = Some("smtp://mail.example.org:587?tls=required".to_owned().into());
        self.settings.mail_from = Some("Countersign <countersign@example.org>".to_owned());
        self
    }

    pub fn with_organizations(mut self, organizations: Organizations) -> Self {
        self.settings.organizations = organizations;
        self
    }

    pub fn with_contact(mut self, contact: &str) -> Self {
        self.settings.contact = Some(contact.to_owned());
        self
    }

    pub fn with_trusted_proxy(mut self, address: &str) -> Self {
        self.settings.trusted_proxies.push(address.parse().unwrap());
        self
    }

    pub fn with_requests_per_minute(mut self, requests: u32) -> Self {
        self.settings.requests_per_minute = requests;
        self
    }

    pub fn with_api_origin(mut self, origin: &str) -> Self {
        self.settings.api_origins.push(origin.to_owned());
        self
    }

    pub fn with_mails_per_hour(mut self, mails: u32) -> Self {
        self.settings.mails_per_hour = mails;
        self
    }

    pub fn with_invitations_per_hour(mut self, invitations: u32) -> Self {
        self.settings.invitations_per_hour = invitations;
        self
    }

    /// With codes that cost as much to hash as a server's do: for what is about time.
    pub fn with_slow_codes(mut self) -> Self {
        self.code_cost = COST;
        self
    }

    /// On another server's clock.
    pub fn with_clock_of(mut self, other: &TestApp) -> Self {
        self.clock = Arc::clone(&other.clock);
        self
    }

    async fn start(mut self) -> TestApp {
        let site = tempfile::tempdir().unwrap();
        fs::create_dir(site.path().join("pkg")).unwrap();
        self.settings.site_root = site.path().to_owned();
        let config = Config::check(self.settings).unwrap();
        assert_eq!(self.database.is_postgres(), matches!(config.database, server::storage::DatabaseUrl::Postgres(_)));
        let ambient = Ambient { clock: self.clock.clone(), random: Ambient::of_this_machine().random };
        let storage = Storage::open(&config.database).await.unwrap();
        let ceremonies = Ceremonies::new(&config.origin).unwrap();
        let secret = config.secret.as_ref().unwrap();
        let outbox = Outbox::new(ServerSecret::parse(secret.expose_secret()).unwrap(), ambient.clone());
        let services = Arc::new(Services::new(config, ambient, storage, ceremonies, outbox, Codes::new(self.code_cost)).unwrap());
        let router = http::router(Arc::clone(&services), http::Stopping::default());
        let by_hand = AnyPoolOptions::new().max_connections(4).connect_lazy(self.database.url()).unwrap();
        TestApp { services, clock: self.clock, router, site: Arc::new(site), by_hand }
    }
}

impl<'a> IntoFuture for Init<'a> {
    type Output = TestApp;
    type IntoFuture = Pin<Box<dyn Future<Output = TestApp> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}
