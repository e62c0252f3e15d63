//! `countersign rotate-secret`: exchanges the server's secret, and with it the key that signs checkpoints.
//!
//! ```text
//! data/secret.next is made ─► each history says which key follows, signed by the one before ─► waiting mails are encrypted anew
//!                          ─► data/secret.next becomes data/secret
//! ```
//!
//! Each history is a transaction, and so are the mails. What is done isn't done again: where it broke off, it goes on when it is run
//! once more. A secret that the operator keeps is exchanged by them, and the one before is in a file (`--from`).

use super::{StartError, next_secret, open};
use crate::{
    action::{ActionError, Fit, RoadError, checkpoint_signer, key_in_force},
    ambient::Ambient,
    config::Config,
    secret::{SecretError, ServerSecret, sync_folder},
    service::Services,
    storage::{StorageError, organizations},
};
use app::domain::id::OrganizationId;
use secrecy::ExposeSecret;
use std::{
    fs,
    io::{self, BufRead, ErrorKind, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
};
use tokio::net::TcpListener;

/// What to type, so that nobody does it to see what it does.
const MEANT: &str = "rotate";

/// From which secret to which.
#[derive(Debug, Clone, clap::Args)]
pub struct RotateSecret {
    /// A file with the secret of before, where the new one is in its place already: in `COUNTERSIGN_SECRET`, or in the data folder
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

/// Why it wasn't exchanged, or not to the end.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// It would sign with the key of before.
    #[error("something listens on {0}: stop the server, and every other one that works on this database, until this is done")]
    Running(SocketAddr),
    /// A file can't be a secret's.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// There is nothing to exchange.
    #[error("there is no secret {0}")]
    NoSecret(String),
    /// This program can't change its own environment.
    #[error(
        "the secret is given by COUNTERSIGN_SECRET, so it is for you to exchange it: write the one of before into a file of mode 600, \
         set COUNTERSIGN_SECRET to a new one (openssl rand -hex 32), and say where the file is by --from"
    )]
    Given,
    /// Neither of the two secrets belongs to them.
    #[error(
        "nothing was changed: the key in force is by neither secret in the history of\n{}\nGive the secret that belongs to the database",
        .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    )]
    Strangers(Vec<OrganizationId>),
    /// The operator thought better of it.
    #[error("what was typed isn't {}: nothing was changed", MEANT)]
    NotConfirmed,
    /// The terminal is gone.
    #[error("the answer can't be read: {0}")]
    Terminal(io::Error),
    /// Only the file's name is missing.
    #[error("every history has the new key, but {} can't be put in the place of the secret: {source}. Run this again", .path.display())]
    Replace {
        /// The file with the new one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There can't be such a key.
    #[error(transparent)]
    Road(#[from] RoadError),
    /// The database can't be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// It broke off.
    #[error("it broke off: {0}. Leave the server stopped, mend that, and run this again: it goes on")]
    Action(#[from] ActionError),
}

/// Where the secrets are.
struct Exchange {
    before: ServerSecret,
    new: ServerSecret,
    /// Nothing, where the operator keeps the secret, or has exchanged it.
    files: Option<Files>,
}

/// Which file becomes which in the end.
struct Files {
    next: PathBuf,
    own: PathBuf,
    /// Whether the new secret is in its file already: it broke off before.
    is_kept: bool,
}

impl Exchange {
    fn of(config: &Config, what: &RotateSecret) -> Result<Self, StartError> {
        let (own, next) = (config.data_dir.join("secret"), next_secret(config));
        let Some(from) = &what.from else {
            if config.secret.is_some() {
                return Err(RotateError::Given.into());
            }
            let kept = ServerSecret::read(&next).map_err(RotateError::from)?;
            let (before, is_kept) = (read(&own)?, kept.is_some());
            let new = kept.unwrap_or_else(|| ServerSecret::random(&Ambient::of_this_machine()));
            return Ok(Self { before, new, files: Some(Files { next, own, is_kept }) });
        };
        let new = match &config.secret {
            Some(text) => ServerSecret::parse(text.expose_secret())?,
            None if next.exists() => return Err(StartError::HalfRotated(next)),
            None => read(&own)?,
        };
        Ok(Self { before: read(from)?, new, files: None })
    }

    /// Keeps the new one where it is found again, before anything is signed by it.
    fn keep_new(&self) -> Result<(), SecretError> {
        match &self.files {
            Some(Files { next, is_kept: false, .. }) => self.new.write(next),
            _ => Ok(()),
        }
    }
}

fn read(path: &Path) -> Result<ServerSecret, RotateError> {
    ServerSecret::read(path)?.ok_or_else(|| RotateError::NoSecret(path.display().to_string()))
}

/// Asks whether it is meant, and does it; what to know about it.
///
/// # Errors
/// Why it isn't done, or not to the end.
pub(super) async fn rotate_secret(
    config: &Config,
    what: &RotateSecret,
    answers: &mut dyn BufRead,
    words: &mut dyn Write,
) -> Result<String, StartError> {
    // Held until the end, so that none is started meanwhile. Whether it could listen there otherwise doesn't matter.
    let port = TcpListener::bind(config.listen).await;
    if port.as_ref().is_err_and(|error| error.kind() == ErrorKind::AddrInUse) {
        return Err(RotateError::Running(config.listen).into());
    }
    let exchange = Exchange::of(config, what)?;
    let services = open(config, exchange.new.clone()).await?;
    let outcome = carry_out(&services, &exchange, answers, words).await;
    services.storage.close().await;
    let histories = outcome?;
    if let Some(Files { next, own, .. }) = &exchange.files {
        fs::rename(next, own)
            .and_then(|()| sync_folder(&config.data_dir))
            .map_err(|source| RotateError::Replace { path: next.clone(), source })?;
    }
    let place = match &exchange.files {
        Some(files) => format!("the new one is in {}", files.own.display()),
        None => "the new one was in its place already".to_owned(),
    };
    Ok(format!(
        "\nThe secret is exchanged: {place}. Histories that got an entry about it: {histories}.\n\n\
         Copy the new secret to where you keep backups. Backups of the database of before belong to the secret of before: keep it\n\
         with them, and destroy it with the last of them.\n\
         See whether all is right with `countersign check`, and start the server."
    ))
}

/// How many histories got another key.
async fn carry_out(
    services: &Services,
    exchange: &Exchange,
    answers: &mut dyn BufRead,
    words: &mut dyn Write,
) -> Result<usize, RotateError> {
    let before = checkpoint_signer(&services.config.origin_text(), &exchange.before)?;
    let mut db = services.storage.connection().await?;
    let all = organizations::active(&mut db).await?;
    let mut strangers = Vec::new();
    for organization in &all {
        let in_force = key_in_force(&mut db, *organization).await?;
        let is_done = Fit::of(services.road.signer(), in_force.as_ref()) == Fit::Same;
        if !is_done && !matches!(Fit::of(&before, in_force.as_ref()), Fit::Same | Fit::AnotherName(_)) {
            strangers.push(*organization);
        }
    }
    drop(db);
    if !strangers.is_empty() {
        return Err(RotateError::Strangers(strangers));
    }
    if !confirm(all.len(), answers, words).map_err(RotateError::Terminal)? {
        return Err(RotateError::NotConfirmed);
    }
    exchange.keep_new()?;
    let mut changed = 0;
    for organization in all {
        changed += usize::from(services.road.change_key(organization, &before).await?);
    }
    services.road.seal_mails_anew(&exchange.before).await?;
    Ok(changed)
}

fn confirm(organizations: usize, answers: &mut dyn BufRead, words: &mut dyn Write) -> io::Result<bool> {
    writeln!(
        words,
        "This exchanges the secret of a server with {organizations} active organizations.\n\
         Checkpoints and receipts of before still verify. Tokens don't count any more: programs log in again, and service accounts\n\
         and access tokens are made anew. People stay signed in.\n\
         It stands in every history for ever, marked, and every admin gets a mail.\n\n\
         No server may run meanwhile. Type {MEANT} to do it:"
    )?;
    let mut typed = String::new();
    answers.read_line(&mut typed)?;
    Ok(typed.trim() == MEANT)
}
