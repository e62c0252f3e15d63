//! The command line: `countersign [serve]` runs the server, `countersign check` says whether all is in order, `countersign backup`
//! copies the database, `countersign export` writes a history into a file, `countersign verify` verifies such a file anywhere,
//! `countersign break-glass` lets someone enrol again whom nobody else can help, and `countersign rotate-secret` exchanges the server's
//! secret.

mod backup;
mod break_glass;
mod check;
mod export;
mod organization;
mod rotate_secret;
mod serve;
mod verify;

use crate::{
    action::RoadError,
    ambient::Ambient,
    code::{COST, Codes},
    config::{Config, ConfigError, Settings},
    log,
    mail::{Outbox, grouped, smtp::ServerUrlError},
    metrics::MetricsError,
    passkey::Ceremonies,
    secret::{SecretError, ServerSecret},
    service::Services,
    storage::{Storage, StorageError},
};
use app::rpc::change::Invitation;
use backup::{Backup, BackupError};
use break_glass::{BreakGlass, BreakGlassError};
use clap::{Parser, Subcommand};
use export::{Export, ExportError};
use rotate_secret::{RotateError, RotateSecret};
use secrecy::ExposeSecret;
use std::{
    fmt::Write,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};
use verify::Verify;

/// What stands at the end of `--help`.
const EXAMPLES: &str = "\
Every setting is a flag, which stands before the command, or the variable behind it; a flag wins. Flags are seen by everybody on
this machine, so give passwords as variables. COUNTERSIGN_LOG, which is only a variable, is a filter of the log: info, unless it is set.

Examples:
  countersign
      Run it here: open http://localhost:3000. Mails stay at http://localhost:3000/dev/mail.
  countersign --data-dir /srv/id --listen 127.0.0.1:4000 --origin http://localhost:4000
      The same, with its data and at a port of your choice.
  COUNTERSIGN_ORIGIN=https://id.example.org COUNTERSIGN_DATA_DIR=/var/lib/countersign \\
  COUNTERSIGN_SMTP_URL='smtp://user:password@mail.example.org:587?tls=required' \\
  COUNTERSIGN_MAIL_FROM='Countersign <countersign@example.org>' COUNTERSIGN_TRUSTED_PROXIES=127.0.0.1 countersign
      Run it for others, behind a proxy on the same machine.
  countersign --data-dir /var/lib/countersign check
      See whether settings, database and histories are in order.
  countersign --data-dir /var/lib/countersign export history.jsonl && countersign verify history.jsonl
      Take a history along, and verify it.

docs/operations.md says more about each.";

/// A self-hosted home for an organization's people and their rights: every change signed with a passkey.
#[derive(Debug, Parser)]
#[command(name = "countersign", version, after_help = EXAMPLES)]
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
    /// Check settings, files, the database and every history in it; nothing is changed, and the server may be running
    Check,
    /// Copy the SQLite database into a new file, while the server may be running
    Backup(Backup),
    /// Verify an exported history, offline
    Verify(Verify),
    /// Write an organization's history, with its checkpoint, into a file
    Export(Export),
    /// Let a lone admin who lost every passkey and the recovery kit enrol again; history and every admin are told
    BreakGlass(BreakGlass),
    /// Exchange the server's secret while no server runs; every history and every admin is told, and old checkpoints still verify
    RotateSecret(RotateSecret),
}

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
    #[error("port {} is taken by another program: stop it, or choose another one with {setting}", .address.port())]
    PortTaken { address: SocketAddr, setting: &'static str },
    #[error("can't listen on {address}: {source}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("the passkey ceremonies can't be set up: {0}")]
    Passkey(#[from] webauthn_rs::prelude::WebauthnError),
    #[error("mail can't be set up: {0}")]
    Mail(#[from] ServerUrlError),
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    #[error(transparent)]
    Road(#[from] RoadError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    BreakGlass(#[from] BreakGlassError),
    #[error("the server's secret was being exchanged, and it broke off: {} is still there. Run `countersign rotate-secret` again", .0.display())]
    HalfRotated(PathBuf),
    #[error(transparent)]
    Rotate(#[from] RotateError),
}

/// Runs the command line; what went wrong is said on standard error.
pub async fn run() -> ExitCode {
    let command = Command::parse();
    log::start(command.settings.log_format);
    let outcome = match command.verb.unwrap_or(Verb::Serve) {
        Verb::Serve => serve::serve(command.settings).await,
        Verb::Check => return check_all(command.settings).await,
        Verb::Backup(what) => back_up(command.settings, &what).await,
        Verb::Export(what) => export_history(command.settings, &what).await,
        Verb::BreakGlass(what) => let_enrol_again(command.settings, &what).await,
        Verb::RotateSecret(what) => exchange_secret(command.settings, &what).await,
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

async fn check_all(settings: Settings) -> ExitCode {
    if check::check(settings, &mut io::stdout()).await { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn back_up(settings: Settings, what: &Backup) -> Result<(), StartError> {
    let words = backup::backup(&Config::check(settings)?, what).await?;
    say(&words, &mut io::stdout());
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

async fn exchange_secret(settings: Settings, what: &RotateSecret) -> Result<(), StartError> {
    let words = rotate_secret::rotate_secret(&Config::check(settings)?, what, &mut io::stdin().lock(), &mut io::stderr()).await?;
    say(&words, &mut io::stdout());
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

/// Opens all that the server needs.
async fn prepare(config: &Config) -> Result<Services, StartError> {
    if !config.site_root.join("pkg").is_dir() {
        return Err(StartError::NoSite(config.site_root.display().to_string()));
    }
    make_private_folder(&config.data_dir).map_err(|source| StartError::DataDir { path: config.data_dir.display().to_string(), source })?;
    let secret = match &config.secret {
        Some(text) => ServerSecret::parse(text.expose_secret())?,
        // What was signed now by the one would be worth nothing where the other is in force already.
        None if next_secret(config).exists() => return Err(StartError::HalfRotated(next_secret(config))),
        None => ServerSecret::read_or_create(&config.data_dir.join("secret"), &Ambient::of_this_machine())?,
    };
    open(config, secret).await
}

/// Where the next secret is kept while the one of before is exchanged for it.
fn next_secret(config: &Config) -> PathBuf {
    config.data_dir.join("secret.next")
}

/// Opens the database, and whatever works on it, under this secret.
async fn open(config: &Config, secret: ServerSecret) -> Result<Services, StartError> {
    let ambient = Ambient::of_this_machine();
    let storage =
        Storage::open(&config.database).await.map_err(|source| StartError::Storage { url: config.database.to_string(), source })?;
    let (ceremonies, outbox) = (Ceremonies::new(&config.origin)?, Outbox::new(secret, ambient.clone()));
    Ok(Services::new(config.clone(), ambient, storage, ceremonies, outbox, Codes::new(COST))?)
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

#[cfg(unix)]
fn make_private_folder(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn make_private_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

fn causes(error: &dyn std::error::Error) -> String {
    let (mut said, mut text) = (error.to_string(), String::new());
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !said.contains(&words) {
            // A String takes whatever is written to it.
            let _ = writeln!(text, "  because {words}");
        }
        said = words;
        source = cause.source();
    }
    text
}

/// To a person at a terminal, who may have closed it.
fn say(text: &str, to: &mut dyn io::Write) {
    let _ = writeln!(to, "{text}");
}
