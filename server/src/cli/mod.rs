//! The command line: `countersign [serve]` runs the server, `countersign check` says whether it could, `countersign export`
//! writes a history into a file, `countersign verify` verifies such a file anywhere, and `countersign break-glass` lets someone
//! enrol again whom nobody else can help.

mod break_glass;
mod export;
mod organization;
mod verify;

use crate::{
    action::RoadError,
    ambient::Ambient,
    config::{Config, ConfigError, LogFormat, Mail, Settings},
    http,
    mail::{
        Outbox, grouped,
        smtp::{ServerUrlError, Smtp},
        transport::{LocalMailbox, Transport},
        worker,
    },
    passkey::Ceremonies,
    secret::{SecretError, ServerSecret},
    service::{Services, sweep},
    storage::{Storage, StorageError},
};
use app::rpc::change::Invitation;
use break_glass::{BreakGlass, BreakGlassError};
use clap::{Parser, Subcommand};
use export::{Export, ExportError};
use secrecy::ExposeSecret;
use std::{fmt::Write, fs, io, net::SocketAddr, path::Path, process::ExitCode, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tracing_subscriber::EnvFilter;
use verify::Verify;

/// A self-hosted home for an organization's people and their rights: every change signed with a passkey.
#[derive(Debug, Parser)]
#[command(name = "countersign", version)]
struct Command {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Clone, Subcommand)]
enum Verb {
    /// Run the server (the default)
    Serve,
    /// Check settings, database and browser files, then stop
    Check,
    /// Verify an exported history, offline
    Verify(Verify),
    /// Write an organization's history, with its checkpoint, into a file
    Export(Export),
    /// Let a lone admin who lost every passkey and the recovery kit enrol again; history and every admin are told
    BreakGlass(BreakGlass),
}

/// Mails that are delivered at the same time: one that a mail server keeps waiting mustn't hold up the others.
const MAIL_WORKERS: usize = 4;

/// Why the server can't start, as a sentence for its operator.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("the data folder {path} can't be made: {source}")]
    DataDir { path: String, source: io::Error },
    #[error("the browser's files aren't in {0}: build them with `make build`, or say where they are with COUNTERSIGN_SITE_ROOT")]
    NoSite(String),
    #[error("the database {url} can't be used: {source}")]
    Storage { url: String, source: StorageError },
    #[error("port {} is taken by another program: stop it, or choose another one with COUNTERSIGN_LISTEN (and COUNTERSIGN_ORIGIN)", .0.port())]
    PortTaken(SocketAddr),
    #[error("can't listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the passkey ceremonies can't be set up: {0}")]
    Passkey(#[from] webauthn_rs::prelude::WebauthnError),
    #[error("mail can't be set up: {0}")]
    Mail(#[from] ServerUrlError),
    #[error("the server stopped: {0}")]
    Serve(io::Error),
    #[error(transparent)]
    Road(#[from] RoadError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    BreakGlass(#[from] BreakGlassError),
}

/// Runs the command line; what went wrong is said on standard error.
pub async fn run() -> ExitCode {
    let command = Command::parse();
    start_logging(command.settings.log_format);
    let outcome = match command.verb.unwrap_or(Verb::Serve) {
        Verb::Serve => serve(command.settings).await,
        Verb::Check => check(command.settings).await,
        Verb::Export(what) => export_history(command.settings, &what).await,
        Verb::BreakGlass(what) => let_enrol_again(command.settings, &what).await,
        Verb::Verify(what) => return verify_history(&what),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("countersign can't go on: {error}\n{}", causes(&error)), &mut io::stderr());
            ExitCode::FAILURE
        }
    }
}

async fn check(settings: Settings) -> Result<(), StartError> {
    let config = Config::check(settings)?;
    prepare(&config).await?.storage.close().await;
    say("Everything is in order.", &mut io::stdout());
    Ok(())
}

async fn export_history(settings: Settings, what: &Export) -> Result<(), StartError> {
    let services = prepare(&Config::check(settings)?).await?;
    let outcome = export::export(&services, what).await;
    services.storage.close().await;
    Ok(outcome?)
}

async fn let_enrol_again(settings: Settings, what: &BreakGlass) -> Result<(), StartError> {
    let services = prepare(&Config::check(settings)?).await?;
    let outcome = break_glass::break_glass(&services, what, &mut io::stdin().lock(), &mut io::stderr()).await;
    services.storage.close().await;
    let Invitation { link, code, expires_at } = outcome?;
    let words = "Hand these to the user, separately, by ways that you trust. It works until";
    let code = grouped(&code);
    say(&format!("\n{words} {}.\n\n  Page   {link}\n  Code   {code}", expires_at.to_minute()), &mut io::stdout());
    Ok(())
}

fn verify_history(what: &Verify) -> ExitCode {
    match verify::verify(what) {
        Ok(verified) => {
            say(&verified.to_string(), &mut io::stdout());
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&format!("Not verified: {error}"), &mut io::stderr());
            ExitCode::FAILURE
        }
    }
}

async fn serve(settings: Settings) -> Result<(), StartError> {
    let config = Config::check(settings)?;
    // First the port: whoever starts it twice should hear that, not of a locked database.
    let listener = listen(config.listen).await?;
    let services = Arc::new(prepare(&config).await?);
    let transport = transport(&config)?;
    let router = http::router(Arc::clone(&services));
    let (stop, stopping) = watch::channel(false);
    let mut tasks = JoinSet::new();
    for _ in 0..MAIL_WORKERS {
        tasks.spawn(worker::run(services.storage.clone(), services.outbox.clone(), Arc::clone(&transport), stopping.clone()));
    }
    tasks.spawn(sweep_hourly(Arc::clone(&services), stopping));
    say(&welcome(&config), &mut io::stdout());
    let served =
        axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).with_graceful_shutdown(asked_to_stop()).await;
    // Whoever holds the other end may be gone already; then there is nobody to tell.
    let _ = stop.send(true);
    tasks.join_all().await;
    services.storage.close().await;
    served.map_err(StartError::Serve)
}

/// Opens all that the server needs.
async fn prepare(config: &Config) -> Result<Services, StartError> {
    if !config.site_root.join("pkg").is_dir() {
        return Err(StartError::NoSite(config.site_root.display().to_string()));
    }
    make_private_folder(&config.data_dir).map_err(|source| StartError::DataDir { path: config.data_dir.display().to_string(), source })?;
    let ambient = Ambient::of_this_machine();
    let secret = match &config.secret {
        Some(text) => ServerSecret::parse(text.expose_secret())?,
        None => ServerSecret::read_or_create(&config.data_dir.join("secret"), &ambient)?,
    };
    let storage =
        Storage::open(&config.database).await.map_err(|source| StartError::Storage { url: config.database.to_string(), source })?;
    Ok(Services::new(config.clone(), ambient.clone(), storage, Ceremonies::new(&config.origin)?, Outbox::new(secret, ambient))?)
}

fn transport(config: &Config) -> Result<Arc<dyn Transport>, StartError> {
    Ok(match &config.mail {
        Mail::Smtp { url, from } => Arc::new(Smtp::new(url, from.clone(), &config.origin)?),
        Mail::LocalMailbox => Arc::new(LocalMailbox::new(&config.origin_text())),
    })
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortTaken(address),
        _ => StartError::Listen { address, source },
    })
}

async fn sweep_hourly(services: Arc<Services>, mut stopping: watch::Receiver<bool>) {
    loop {
        if let Err(error) = sweep(&services).await {
            tracing::warn!(%error, "what ran out couldn't be removed; it will be tried again");
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_hours(1)) => {}
            _ = stopping.changed() => return,
        }
    }
}

/// Ctrl-C, or SIGTERM as service managers send it.
async fn asked_to_stop() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        if let Ok(mut terminated) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    let _ = interrupted.await;
}

fn welcome(config: &Config) -> String {
    let origin = config.origin_text();
    let mut text = format!("\nCountersign is ready.\n\n  Open    {origin}\n");
    if matches!(config.mail, Mail::LocalMailbox) {
        // A String takes whatever is written to it.
        let _ = writeln!(text, "  Mails   {origin}/dev/mail   (no mail server is set up: they stay on this machine)");
    }
    let _ = writeln!(text, "  Data    {}", config.database);
    text
}

#[cfg(unix)]
fn make_private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn make_private_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

fn start_logging(format: LogFormat) {
    let filter = EnvFilter::try_from_env("COUNTERSIGN_LOG")
        .unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn,webauthn_rs=error,webauthn_rs_core=off"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = String::new();
    let mut source = error.source();
    while let Some(cause) = source {
        // A String takes whatever is written to it.
        let _ = writeln!(text, "  because {cause}");
        source = cause.source();
    }
    text
}

/// To a person at a terminal, who may have closed it.
fn say(text: &str, to: &mut dyn io::Write) {
    let _ = writeln!(to, "{text}");
}
