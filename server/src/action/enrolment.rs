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
        Connection, challenges, commit,
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
        cose::PublicKey,
        document::id_bits,
        key::NewKey,
        rules::Denial,
    },
    domain::{
        id::{ActionId, ChallengeId, CredentialId, RegistrationId},
        time::Timestamp,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// From asking for a credential to having signed the change that brings it: long enough to print a kit.
const ENROLMENT: Duration = Duration::from_mins(30);

/// What waits for a credential.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) whom: Actor,
    /// What is to be signed, base64url.
    pub(super) challenge: String,
    /// What webauthn-rs wants to see again; nothing for a key.
    pub(super) ceremony: Option<String>,
    /// What lets its owner register it.
    pub(super) grounds: Grounds,
    /// A private half that its owner sealed, to be kept beside the key.
    pub(super) sealed: Option<String>,
}

/// What lets someone register a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Grounds {
    /// They sign a change that brings it.
    OwnChange,
    /// They were invited.
    Invitation {
        /// What began when they typed the code, and ends with the invitation, or when it is typed again; nothing for a customer, who
        /// has no code.
        registration: Option<RegistrationId>,
    },
    /// They allowed it themselves, by this action, and whoever came had the code.
    Code {
        /// The action.
        action: ActionId,
    },
    /// They had the code from their mail; their recovery key has yet to sign.
    Recovery,
}

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// By which it is found again.
    pub id: ChallengeId,
    /// What is to be signed, base64url.
    pub challenge: String,
    /// What a browser's `navigator.credentials.create()` takes.
    pub options: Value,
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
    pub async fn ask_for_passkey(&self, whom: Actor) -> Result<Value, ActionError> {
        self.ask_for_credential(whom, Grounds::OwnChange).await.map(|request| request.options)
    }

    /// Asks for a passkey in place of all others, of whatever authenticator.
    ///
    /// # Errors
    /// When the user isn't there, or the database fails.
    pub async fn ask_for_only_passkey(&self, whom: Actor) -> Result<Value, ActionError> {
        self.ask_for_credential(whom, Grounds::Recovery).await.map(|request| request.options)
    }

    /// Asks a user for a credential, whatever it will be: a passkey signs the same challenge as a key.
    ///
    /// # Errors
    /// When the user isn't there, or the database fails.
    pub async fn ask_for_credential(&self, whom: Actor, grounds: Grounds) -> Result<Request, ActionError> {
        let mut db = self.storage.begin().await?;
        let present = match grounds {
            Grounds::OwnChange | Grounds::Code { .. } => credentials::allowed(&mut db, whom.organization, whom.user).await?,
            Grounds::Invitation { .. } | Grounds::Recovery => Vec::new(),
        };
        let present: Vec<&str> = present.iter().map(|passkey| passkey.credential_id.as_str()).collect();
        // Programs are none of these: theirs is the key that they were made with.
        let user = users::find(&mut db, whom.organization, whom.user).await?.ok_or(Denial::PeopleOnly)?;
        let owner =
            Owner { id: user.id.to_bytes(), email: user.email.as_str(), name: user.called(), organization: &user.organization_name };
        let begun = self.ceremonies.begin_registration(owner, &present).map_err(ActionError::NewPasskey)?;
        let asked = Asked { whom, challenge: begun.challenge.clone(), ceremony: Some(begun.ceremony), grounds, sealed: None };
        let id = self.await_credential(&mut db, &asked).await?;
        commit(db).await?;
        Ok(Request { id, challenge: begun.challenge, options: begun.options })
    }

    /// Asks for a new recovery key of this user: the challenge that it must sign.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ask_for_recovery_key(&self, whom: Actor) -> Result<Bytes, ActionError> {
        let challenge = Bytes(self.ambient.bytes::<32>().to_vec());
        let asked = Asked { whom, challenge: challenge.to_string(), ceremony: None, grounds: Grounds::OwnChange, sealed: None };
        let mut transaction = self.storage.begin().await?;
        self.await_credential(&mut transaction, &asked).await?;
        commit(transaction).await?;
        Ok(challenge)
    }

    async fn await_credential(&self, db: &mut Connection, asked: &Asked) -> Result<ChallengeId, ActionError> {
        let until = self.ambient.now().plus(ENROLMENT);
        let id = waiting_under(&asked.challenge);
        challenges::insert(db, id, &write(asked)?, until).await?;
        Ok(id)
    }

    /// The challenge that waits under this id for a credential which this user brings by a change.
    ///
    /// # Errors
    /// [`ActionError::NotAsked`] when none does.
    pub async fn challenge_for(&self, db: &mut Connection, whom: Actor, id: ChallengeId) -> Result<Bytes, ActionError> {
        let asked = self.find_own(db, whom, id).await?;
        Bytes::decode(&asked.challenge).ok_or(ActionError::NotAsked)
    }

    /// Keeps the private half of a recovery key, which its owner sealed, beside the challenge that it waits for.
    ///
    /// # Errors
    /// [`ActionError::NotAsked`] when none does.
    pub async fn keep_sealed(&self, whom: Actor, id: ChallengeId, sealed: String) -> Result<(), ActionError> {
        let mut transaction = self.storage.begin().await?;
        let asked = self.find_own(&mut transaction, whom, id).await?;
        challenges::update(&mut transaction, id, &write(&Asked { sealed: Some(sealed), ..asked })?).await?;
        Ok(commit(transaction).await?)
    }

    async fn find_own(&self, db: &mut Connection, whom: Actor, id: ChallengeId) -> Result<Asked, ActionError> {
        let asked = self.find_asked(db, id, Use::Look).await?;
        asked.filter(|asked| asked.whom == whom && asked.grounds == Grounds::OwnChange).ok_or(ActionError::NotAsked)
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
        let asked = self.asked(db, whom, &new.challenge, Grounds::OwnChange, how).await?;
        self.finish(&asked, new)
    }

    /// Checks the credentials that a change brings.
    pub(super) async fn check_new(&self, db: &mut Connection, whom: Actor, change: &Change, how: Use) -> Result<Option<New>, ActionError> {
        match change {
            Change::OwnAccount(AccountChange::AddPasskey { passkey, .. }) => {
                self.check_passkey(db, whom, passkey, how).await.map(|passkey| Some(New::Passkey(Box::new(passkey))))
            }
            Change::OwnAccount(AccountChange::AddKey { challenge, key, .. }) => {
                self.asked(db, whom, challenge, Grounds::OwnChange, how).await?;
                check_key(key, challenge).map(|key| Some(New::Key(key)))
            }
            Change::OwnAccount(AccountChange::SetRecoveryKey { challenge, key, sealed, .. }) => {
                let asked = self.asked(db, whom, challenge, Grounds::OwnChange, how).await?;
                // What was signed is its hash.
                let is_same =
                    asked.sealed.as_ref().map(|text| sha256(text.as_bytes()).to_vec()) == sealed.as_ref().map(|hash| hash.0.clone());
                if !is_same {
                    return Err(ActionError::NotAsked);
                }
                check_key(key, challenge).map(|key| Some(New::RecoveryKey { key, sealed: asked.sealed }))
            }
            Change::OwnAccount(AccountChange::ReplaceRecoveryKey { challenge, recovery_key }) => {
                self.asked(db, whom, challenge, Grounds::OwnChange, how).await?;
                check_recovery_key(recovery_key, challenge)?;
                Ok(None)
            }
            Change::OwnAccount(AccountChange::Recover { passkey, recovery_key, .. }) => {
                let asked = self.asked(db, whom, &passkey.challenge, Grounds::Recovery, how).await?;
                check_recovery_key(recovery_key, &passkey.challenge)?;
                self.finish(&asked, passkey).map(|passkey| Some(New::Passkey(Box::new(passkey))))
            }
            _ => Ok(None),
        }
    }

    /// What this challenge was given out for: to this user, for this, and not too long ago.
    async fn asked(&self, db: &mut Connection, whom: Actor, challenge: &Bytes, grounds: Grounds, how: Use) -> Result<Asked, ActionError> {
        let asked = self.find_asked(db, waiting_under(&challenge.to_string()), how).await?;
        asked.filter(|asked| asked.whom == whom && asked.grounds == grounds).ok_or(ActionError::NotAsked)
    }

    /// What waits under this id, if it is a credential.
    pub(super) async fn find_asked(&self, db: &mut Connection, id: ChallengeId, how: Use) -> Result<Option<Asked>, ActionError> {
        let now = self.ambient.now();
        let state = match how {
            Use::Look => challenges::find(db, id, now).await?,
            Use::Take => challenges::take(db, id, now).await?,
        };
        // Whatever else waits there, as a sign-in, isn't one of these.
        Ok(state.and_then(|state| serde_json::from_str(&state).ok()))
    }

    fn finish(&self, asked: &Asked, new: &account_change::NewPasskey) -> Result<NewPasskey, ActionError> {
        self.finish_passkey(asked, &new.credential_id, &new.client_data, &new.attestation_object, &new.transports)
    }

    /// Checks a passkey that answers what was asked.
    pub(super) fn finish_passkey(
        &self,
        asked: &Asked,
        credential_id: &Bytes,
        client_data: &Bytes,
        attestation_object: &Bytes,
        transports: &[String],
    ) -> Result<NewPasskey, ActionError> {
        let ceremony = asked.ceremony.as_deref().ok_or(ActionError::NotAsked)?;
        let response = json!({
            "id": credential_id,
            "rawId": credential_id,
            "type": "public-key",
            "clientExtensionResults": {},
            "response": { "clientDataJSON": client_data, "attestationObject": attestation_object, "transports": transports },
        });
        self.ceremonies.finish_registration(ceremony, &asked.challenge, response).map_err(ActionError::NewPasskey)
    }
}

/// A credential that a change brings, checked.
pub(super) enum New {
    /// A passkey.
    Passkey(Box<NewPasskey>),
    /// A key.
    Key(PublicKey),
    /// A recovery key of a program's.
    RecoveryKey {
        /// The key.
        key: PublicKey,
        /// Its private half, as its owner sealed it.
        sealed: Option<String>,
    },
}

/// A key that its owner has, and that was made for this challenge.
pub(super) fn check_key(key: &NewKey, challenge: &Bytes) -> Result<PublicKey, ActionError> {
    key.verify(&challenge.0).map_err(ActionError::NewKey)
}

fn write(asked: &Asked) -> Result<String, ActionError> {
    serde_json::to_string(asked).map_err(|error| ActionError::NewPasskey(error.into()))
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

/// A key as it is kept.
pub(super) fn key_credential(whom: Actor, id: CredentialId, name: String, kind: NewKind, new: &NewKey, now: Timestamp) -> NewCredential {
    NewCredential {
        id,
        organization: whom.organization,
        user: whom.user,
        kind,
        name,
        client_data: new.client_data.to_string(),
        attestation_object: new.attestation.to_string(),
        created_at: now,
    }
}

/// The kit's key as it is kept.
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
