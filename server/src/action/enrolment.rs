//! New credentials that a change brings. The server asks for them with a challenge of its own, bound to the user; what comes
//! back stands in the change, which is signed, and is checked against that challenge before it counts.
//!
//! ```text
//! ask_for_… ──► challenge, kept ──(browser)──► change ──► prepare: check ──(signature)──► commit: check, challenge used up
//! ```

use super::{ActionError, Actor, Road};
use crate::{
    passkey::{NewPasskey, Owner},
    storage::{
        Connection, challenges,
        credentials::{self, NewCredential, NewKind},
        users,
    },
};
use app::{
    action::{
        account_change::{self, AccountChange, NewRecoveryKey},
        bytes::Bytes,
        challenge::sha256,
        change::Change,
        document::id_bits,
    },
    domain::{
        id::{ChallengeId, CredentialId},
        time::Timestamp,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// From asking for a credential to having signed the change that brings it: long enough to print a kit.
const ENROLMENT: Duration = Duration::from_mins(30);

/// What waits for a credential.
#[derive(Serialize, Deserialize)]
struct Asked {
    whom: Actor,
    /// What webauthn-rs wants to see again; nothing for a recovery key.
    ceremony: Option<String>,
}

/// How often a challenge can be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// It goes on waiting.
    Look,
    /// It is used up.
    Take,
}

impl Road {
    /// Asks for one more passkey of this user, of an authenticator that has none of theirs yet: the options for
    /// `navigator.credentials.create()`.
    ///
    /// # Errors
    /// When the user isn't there, or the database fails.
    pub async fn ask_for_passkey(&self, db: &mut Connection, whom: Actor) -> Result<Value, ActionError> {
        let present = credentials::allowed(db, whom.organization, whom.user).await?;
        let present: Vec<&str> = present.iter().map(|passkey| passkey.credential_id.as_str()).collect();
        self.ask(db, whom, &present).await
    }

    /// Asks for a passkey in place of all others, of whatever authenticator.
    ///
    /// # Errors
    /// When the user isn't there, or the database fails.
    pub async fn ask_for_only_passkey(&self, db: &mut Connection, whom: Actor) -> Result<Value, ActionError> {
        self.ask(db, whom, &[]).await
    }

    async fn ask(&self, db: &mut Connection, whom: Actor, present: &[&str]) -> Result<Value, ActionError> {
        let user = users::find(db, whom.organization, whom.user).await?.ok_or(ActionError::NotActive)?;
        let owner =
            Owner { id: user.id.to_bytes(), email: user.email.as_str(), name: user.called(), organization: &user.organization_name };
        let begun = self.ceremonies.begin_registration(owner, present).map_err(ActionError::NewPasskey)?;
        self.await_credential(db, &begun.challenge, &Asked { whom, ceremony: Some(begun.ceremony) }).await?;
        Ok(begun.options)
    }

    /// Asks for a new recovery key of this user: the challenge that it must sign.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ask_for_recovery_key(&self, db: &mut Connection, whom: Actor) -> Result<Bytes, ActionError> {
        let challenge = Bytes(self.ambient.bytes::<32>().to_vec());
        self.await_credential(db, &challenge.to_string(), &Asked { whom, ceremony: None }).await?;
        Ok(challenge)
    }

    async fn await_credential(&self, db: &mut Connection, challenge: &str, asked: &Asked) -> Result<(), ActionError> {
        let state = serde_json::to_string(asked).map_err(|error| ActionError::NewPasskey(error.into()))?;
        let until = self.ambient.now().plus(ENROLMENT);
        Ok(challenges::insert(db, waiting_under(challenge), &state, until).await?)
    }

    /// Checks a passkey that would be brought by a change, whose challenge goes on waiting.
    ///
    /// # Errors
    /// When nobody asked this user for it, or it doesn't hold.
    pub async fn look_at_passkey(
        &self,
        db: &mut Connection,
        whom: Actor,
        new: &account_change::NewPasskey,
    ) -> Result<NewPasskey, ActionError> {
        self.check_passkey(db, whom, new, Use::Look).await
    }

    async fn check_passkey(
        &self,
        db: &mut Connection,
        whom: Actor,
        new: &account_change::NewPasskey,
        how: Use,
    ) -> Result<NewPasskey, ActionError> {
        let asked = self.asked(db, whom, &new.challenge, how).await?;
        self.finish(&asked, new)
    }

    /// Checks the credentials that a change brings; the passkey, if one is among them.
    pub(super) async fn check_new(
        &self,
        db: &mut Connection,
        whom: Actor,
        change: &Change,
        how: Use,
    ) -> Result<Option<NewPasskey>, ActionError> {
        match change {
            Change::OwnAccount(AccountChange::AddPasskey { passkey, .. }) => self.check_passkey(db, whom, passkey, how).await.map(Some),
            Change::OwnAccount(AccountChange::ReplaceRecoveryKey { challenge, recovery_key }) => {
                self.asked(db, whom, challenge, how).await?;
                check_recovery_key(recovery_key, challenge)?;
                Ok(None)
            }
            Change::OwnAccount(AccountChange::Recover { passkey, recovery_key, .. }) => {
                let asked = self.asked(db, whom, &passkey.challenge, how).await?;
                check_recovery_key(recovery_key, &passkey.challenge)?;
                self.finish(&asked, passkey).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// What this challenge was given out for: to this user, and not too long ago.
    async fn asked(&self, db: &mut Connection, whom: Actor, challenge: &Bytes, how: Use) -> Result<Asked, ActionError> {
        let (id, now) = (waiting_under(&challenge.to_string()), self.ambient.now());
        let state = match how {
            Use::Look => challenges::find(db, id, now).await?,
            Use::Take => challenges::take(db, id, now).await?,
        };
        // Whatever else waits there, as a sign-in, isn't one of these.
        let asked: Option<Asked> = state.and_then(|state| serde_json::from_str(&state).ok());
        asked.filter(|asked| asked.whom == whom).ok_or(ActionError::NotAsked)
    }

    fn finish(&self, asked: &Asked, new: &account_change::NewPasskey) -> Result<NewPasskey, ActionError> {
        let ceremony = asked.ceremony.as_deref().ok_or(ActionError::NotAsked)?;
        let response = json!({
            "id": new.credential_id,
            "rawId": new.credential_id,
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {
                "clientDataJSON": new.client_data,
                "attestationObject": new.attestation_object,
                "transports": new.transports,
            },
        });
        self.ceremonies.finish_registration(ceremony, &new.challenge.to_string(), response).map_err(ActionError::NewPasskey)
    }
}

/// A challenge is found by itself: whoever doesn't know it doesn't find it.
fn waiting_under(challenge: &str) -> ChallengeId {
    ChallengeId::from_bytes(id_bits(&sha256(challenge.as_bytes())))
}

/// Shapes first, then the signature: a kit that can't sign is worth nothing, and better found out now.
///
/// # Errors
/// [`ActionError::RecoveryKey`] when its owner didn't sign the challenge with it.
pub fn check_recovery_key(new: &NewRecoveryKey, challenge: &Bytes) -> Result<(), ActionError> {
    let (key, message) = new.proof(challenge).filter(|_| new.salt.0.len() == 32).ok_or(ActionError::RecoveryKey)?;
    key.verify(&message, &new.signature.0).map_err(|_| ActionError::RecoveryKey)
}

/// A passkey as it is kept.
pub fn passkey_credential(whom: Actor, id: CredentialId, name: String, passkey: NewPasskey, now: Timestamp) -> NewCredential {
    NewCredential {
        id,
        organization: whom.organization,
        user: whom.user,
        kind: NewKind::Passkey {
            credential_id: passkey.credential_id,
            algorithm: passkey.algorithm,
            public_key: passkey.public_key,
            sign_count: passkey.sign_count,
            aaguid: passkey.aaguid,
            transports: Value::from(passkey.transports).to_string(),
            backup_eligible: passkey.backup_eligible,
            backed_up: passkey.backed_up,
            webauthn: passkey.webauthn,
        },
        name,
        client_data: passkey.client_data,
        attestation_object: passkey.attestation_object,
        created_at: now,
    }
}

/// A recovery key as it is kept.
pub fn recovery_credential(whom: Actor, id: CredentialId, challenge: &Bytes, key: &NewRecoveryKey, now: Timestamp) -> NewCredential {
    NewCredential {
        id,
        organization: whom.organization,
        user: whom.user,
        kind: NewKind::RecoveryKey { public_key: key.public_key.to_string(), salt: key.salt.to_string() },
        name: "Recovery kit".to_owned(),
        client_data: challenge.to_string(),
        attestation_object: key.signature.to_string(),
        created_at: now,
    }
}
