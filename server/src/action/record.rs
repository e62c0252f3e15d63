//! How registrations get into history: the first one begins it, the others are entries of their own.

use super::{ActionError, Road};
use crate::{
    passkey::NewPasskey,
    storage::{
        Connection, history,
        permissions::{self, Managed, NewAssignment, NewPermission},
        users::User,
    },
};
use app::{
    action::{
        account_change::NewRecoveryKey,
        bytes::Bytes,
        change::UserRef,
        history::{
            entry::{self, Credentials, Entry, Genesis, PasskeyProof, RecoveryKeyProof as RecoveryKey, Registration, What},
            merkle::Frontier,
            replay::{END_USER, FULL_ADMIN},
        },
    },
    domain::{
        id::{AssignmentId, CredentialId, PermissionId},
        operation::Operations,
        text::{OrganizationName, PermissionName},
        time::Timestamp,
    },
};

/// A passkey and a recovery key that were registered, with our ids of them.
pub struct Registered<'a> {
    /// What both are over, base64url.
    pub challenge: &'a str,
    /// Our id of the passkey.
    pub passkey_id: CredentialId,
    /// The passkey.
    pub passkey: &'a NewPasskey,
    /// Our id of the recovery key.
    pub recovery_key_id: CredentialId,
    /// The recovery key.
    pub recovery_key: &'a NewRecoveryKey,
}

impl Road {
    /// Writes a user's registration into history, in the caller's transaction, which claimed the head: as the genesis, with
    /// the managed permissions, when the history is empty.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn record(
        &self,
        db: &mut Connection,
        head: Frontier,
        user: &User,
        registered: &Registered<'_>,
        now: Timestamp,
    ) -> Result<(), ActionError> {
        let who = UserRef { id: user.id, handle: user.email.clone().into() };
        let credentials = self.credentials(registered)?;
        let what = if head.size() == 0 {
            What::Genesis(Box::new(self.genesis(db, user, who, credentials, now).await?))
        } else {
            What::Registration(Box::new(Registration { user: who, credentials }))
        };
        let line = Entry { v: entry::VERSION, index: head.size(), organization: user.organization, executed_at: now, what }.to_line()?;
        let entry = history::NewEntry {
            organization: user.organization,
            line: &line,
            action: None,
            credential: Some(registered.passkey_id),
            actor: Some(user.id),
            subject: None,
            registers: &[registered.passkey_id, registered.recovery_key_id],
        };
        history::append(db, head, entry).await?;
        Ok(())
    }

    async fn genesis(
        &self,
        db: &mut Connection,
        user: &User,
        admin: UserRef,
        credentials: Credentials,
        now: Timestamp,
    ) -> Result<Genesis, ActionError> {
        let unreadable = |error: app::domain::text::TextError| entry::EntryError::Malformed(error.to_string());
        let [full_admin, end_user] = [(); 2].map(|()| PermissionId::from_bytes(self.ambient.bytes()));
        for (id, name, operations, managed) in [
            (full_admin, FULL_ADMIN, Operations::All, Managed::FullAdmin),
            (end_user, END_USER, Operations::of_end_users(), Managed::EndUser),
        ] {
            let new = NewPermission {
                id,
                organization: user.organization,
                name: &PermissionName::parse(name).map_err(unreadable)?,
                operations: &operations,
                managed: Some(managed),
                created_at: now,
            };
            permissions::insert(db, new).await?;
        }
        let assignment = AssignmentId::from_bytes(self.ambient.bytes());
        let new = NewAssignment { id: assignment, organization: user.organization, permission: full_admin, user: user.id, created_at: now };
        permissions::assign(db, new).await?;
        Ok(Genesis {
            name: OrganizationName::parse(&user.organization_name).map_err(unreadable)?,
            admin,
            full_admin,
            end_user,
            assignment,
            checkpoint_key: self.signer.key().to_owned(),
            credentials,
        })
    }

    fn credentials(&self, registered: &Registered<'_>) -> Result<Credentials, entry::EntryError> {
        let bytes = |text: &str| Bytes::decode(text).ok_or_else(|| entry::EntryError::Malformed("not base64url".to_owned()));
        let Registered { challenge, passkey_id, passkey, recovery_key_id, recovery_key } = registered;
        Ok(Credentials {
            origin: self.site.origin.clone(),
            rp_id: self.site.rp_id.clone(),
            challenge: bytes(challenge)?,
            passkey: PasskeyProof {
                id: *passkey_id,
                credential_id: bytes(&passkey.credential_id)?,
                client_data: bytes(&passkey.client_data)?,
                attestation_object: bytes(&passkey.attestation_object)?,
            },
            recovery_key: RecoveryKey {
                id: *recovery_key_id,
                public_key: recovery_key.public_key.clone(),
                salt: recovery_key.salt.clone(),
                signature: recovery_key.signature.clone(),
            },
        })
    }
}
