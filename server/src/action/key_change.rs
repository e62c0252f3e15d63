//! The server's key is changed, when its secret is exchanged: each history says so, signed by the key that was in force and by the
//! new one. Nobody else signs that, so it is marked as a break-glass is, and every admin is told.

use super::{ActionError, Road};
use crate::{
    secret::ServerSecret,
    storage::{Connection, StorageError, commit as save, history},
};
use app::{
    action::{
        bytes::Bytes,
        history::{
            checkpoint::CheckpointSigner,
            entry::{self, Entry, What},
            statement::{KeyChange, KeyStatement, ServerKey, key_change_message, server_key},
        },
    },
    domain::id::OrganizationId,
};

/// The keys that an organization's history names, the oldest first: the last one is in force. None, when there is no history yet.
///
/// # Errors
/// When the database fails.
pub async fn server_keys(db: &mut Connection, organization: OrganizationId) -> Result<Vec<ServerKey>, StorageError> {
    let lines = history::naming_keys(db, organization).await?;
    Ok(lines.iter().filter_map(|line| Entry::parse(line).ok()?.new_server_key()).collect())
}

/// How the key that this server signs with stands to the one that is in force in a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// It is the same.
    Same,
    /// The same secret, under another name: this one.
    AnotherName(String),
    /// Another secret.
    AnotherSecret,
    /// There is no history yet, or no entry that names a key can be read.
    Unknown,
}

/// The last of [`server_keys`].
///
/// # Errors
/// When the database fails.
pub async fn key_in_force(db: &mut Connection, organization: OrganizationId) -> Result<Option<ServerKey>, StorageError> {
    Ok(server_keys(db, organization).await?.pop())
}

impl Fit {
    /// Of this signer's key to the one in force.
    pub fn of(signer: &CheckpointSigner, in_force: Option<&ServerKey>) -> Self {
        match in_force {
            None => Self::Unknown,
            Some(in_force) if in_force.key == signer.key() => Self::Same,
            Some(in_force) if server_key(&in_force.key).is_some_and(|key| server_key(signer.key()) == Some(key)) => {
                Self::AnotherName(in_force.key.split('+').next().unwrap_or_default().to_owned())
            }
            Some(_) => Self::AnotherSecret,
        }
    }
}

impl Road {
    /// What signs checkpoints here: its key is in force in every history that was begun, or changed to it.
    pub fn signer(&self) -> &CheckpointSigner {
        &self.signer
    }

    /// Puts this server's key in force in an organization's history, by the word of the one before; whether there was anything to
    /// do.
    ///
    /// # Errors
    /// [`ActionError::AnotherSecret`] when the key in force is neither. Then, and whenever it fails, nothing was changed.
    pub async fn change_key(&self, organization: OrganizationId, before: &CheckpointSigner) -> Result<bool, ActionError> {
        let mut transaction = self.storage.begin().await?;
        let head = history::claim_head(&mut transaction, organization).await?.ok_or(ActionError::NotActive)?;
        let in_force = key_in_force(&mut transaction, organization).await?;
        if matches!(Fit::of(&self.signer, in_force.as_ref()), Fit::Same | Fit::Unknown) {
            return Ok(false);
        }
        // It may have been in force under another name: that of the port, or host, of then.
        if Fit::of(before, in_force.as_ref()) == Fit::AnotherSecret {
            return Err(ActionError::AnotherSecret);
        }
        let (index, now) = (head.size(), self.ambient.now());
        let statement = KeyStatement { index, organization, executed_at: now, key: self.signer.key().to_owned() }.to_bytes()?;
        let message = key_change_message(&statement);
        let what = What::KeyChange(Box::new(KeyChange {
            statement: Bytes(statement),
            signature: Bytes(before.sign_message(&message)),
            new_signature: Bytes(self.signer.sign_message(&message)),
        }));
        let line = Entry { v: entry::VERSION, index, organization, executed_at: now, what }.to_line()?;
        let new =
            history::NewEntry { organization, line: &line, action: None, credential: None, actor: None, subject: None, registers: &[] };
        history::append(&mut transaction, head, new).await?;
        self.tell_of_key_change(&mut transaction, organization, index, now).await?;
        save(transaction).await?;
        tracing::warn!(%organization, index, "the server's key was changed");
        Ok(true)
    }

    /// Encrypts the mails that wait under the secret of before with that of now.
    ///
    /// # Errors
    /// When the database fails; nothing was changed then.
    pub async fn seal_mails_anew(&self, before: &ServerSecret) -> Result<(), ActionError> {
        let mut transaction = self.storage.begin().await?;
        self.outbox.seal_anew(&mut transaction, before).await?;
        Ok(save(transaction).await?)
    }
}
