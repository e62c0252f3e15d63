//! `countersign backup FILE`: a copy of the database as of one moment, while the server goes on.
//!
//! ```text
//! folder of FILE ─► a private folder in it ─► copy, mode 600 ─► on the disk ─► renamed to FILE, unless there is one ─► on the disk
//! ```

use super::asked_to_stop;
use crate::{
    config::Config,
    secret::{folder_of, sync_folder},
    storage::{StorageError, upkeep::AsItIs},
};
use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};
use tempfile::PersistError;

/// Where to.
#[derive(Debug, Clone, clap::Args)]
pub struct Backup {
    /// Where to write the copy: a file that isn't there yet
    file: PathBuf,
}

/// Why there is no copy. Nothing was left behind.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// PostgreSQL has programs of its own for it.
    #[error(
        "a PostgreSQL database is copied by PostgreSQL's own programs, pg_dump or pg_basebackup, as in:\n\n  \
         pg_dump --format=custom --file={file} '{database}'\n\n\
         The server may go on meanwhile. Keep the server's secret too, {secret}"
    )]
    Postgres {
        /// Where to, quoted for a shell.
        file: String,
        /// Its URL.
        database: String,
        /// Where the secret is.
        secret: String,
    },
    /// There is such a file.
    #[error("{0} is there already, and isn't overwritten: give the name of a new file")]
    Exists(String),
    /// There is no database.
    #[error("there is no database {0}: run this as the server's user, with the server's settings")]
    NoDatabase(String),
    /// SQLite wants text.
    #[error("the folder of {0} can't be written as UTF-8: choose another one")]
    Name(String),
    /// The database can't be read, or the copy not written.
    #[error("the database can't be copied: {0}")]
    Copy(#[source] StorageError),
    /// The file can't be written.
    #[error("{path} can't be written: {source}")]
    Write {
        /// Where.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The file is there, but its name may not be on the disk yet.
    #[error(
        "{path} is a whole copy, but its folder can't be saved to the disk: {source}. See whether the disk is all right, and copy again"
    )]
    Unsure {
        /// Where.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Somebody stopped it.
    #[error("it was stopped: there is no copy")]
    Stopped,
}

/// Writes the copy; what to know about it.
///
/// # Errors
/// Why there is none.
pub async fn backup(config: &Config, what: &Backup) -> Result<String, BackupError> {
    let secret = match &config.secret {
        Some(_) => "which is in COUNTERSIGN_SECRET".to_owned(),
        None => format!("which is the file {}", config.data_dir.join("secret").display()),
    };
    let path = what.file.display().to_string();
    if let Some(database) = config.database.for_postgres_programs() {
        let quoted = format!("'{}'", path.replace('\'', r"'\''"));
        return Err(BackupError::Postgres { file: quoted, database: database.replace('\'', "%27"), secret });
    }
    if fs::symlink_metadata(&what.file).is_ok() {
        return Err(BackupError::Exists(path));
    }
    let no_database = || BackupError::NoDatabase(config.database.to_string());
    let database = config.database.file().map_err(BackupError::Copy)?.ok_or_else(no_database)?;
    let mut source = AsItIs::open(&config.database).await.map_err(BackupError::Copy)?.ok_or_else(no_database)?;
    let written = tokio::select! {
        written = write(&mut source, &what.file) => written,
        () = asked_to_stop() => Err(BackupError::Stopped),
    };
    // SQLite goes on to its end, and closing would wait for that; what it writes has no name any more.
    if !matches!(written, Err(BackupError::Stopped)) {
        source.close().await;
    }
    let bytes = written?;
    let database = database.display();
    Ok(format!(
        "{path} is a copy of {database}, as of one moment ({bytes} bytes).\n\n\
         It doesn't have the server's secret, {secret}. Without it, waiting mails, access tokens,\n\
         checkpoints and break-glass of this copy are worth nothing. Keep the secret too, apart from the copy: whoever has\n\
         both can read the codes that wait to be mailed.\n\n\
         To restore it: stop the server, remove {database}-wal and {database}-shm, put the copy in the place of\n\
         {database}, and the secret where it was, both for the server's user alone (mode 600).\n\
         See whether all is right with `countersign check`, and start the server."
    ))
}

/// Writes the copy, and sees to it that it is on the disk; its size.
async fn write(source: &mut AsItIs, file: &Path) -> Result<u64, BackupError> {
    let failed = |source| BackupError::Write { path: file.display().to_string(), source };
    // SQLite takes names that begin with `file:` for URLs; a whole path doesn't.
    let folder = folder_of(file).canonicalize().map_err(failed)?;
    // What SQLite may put beside the copy goes with this folder, whatever happens.
    let private = tempfile::Builder::new().prefix(".countersign-backup-").tempdir_in(&folder).map_err(failed)?;
    let copy = tempfile::NamedTempFile::new_in(&private).map_err(failed)?;
    let name = copy.path().to_str().ok_or_else(|| BackupError::Name(file.display().to_string()))?;
    source.copy_into(name).await.map_err(BackupError::Copy)?;
    copy.as_file().sync_all().map_err(failed)?;
    let written = copy.persist_noclobber(file).map_err(|PersistError { error, .. }| match error.kind() {
        ErrorKind::AlreadyExists => BackupError::Exists(file.display().to_string()),
        _ => failed(error),
    })?;
    drop(private);
    sync_folder(&folder).map_err(|source| BackupError::Unsure { path: file.display().to_string(), source })?;
    Ok(written.metadata().map_err(failed)?.len())
}
