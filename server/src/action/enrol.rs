//! Registering through the API what somebody signs with: without a signed change, since whoever comes either has nothing to sign
//! with yet, or has lost it. What lets them ([`Grounds`]) was found out before, and is bound to the challenge that they answer.
//!
//! ```text
//! invitation, code, recovery ──► challenge (ask_for_credential) ──► passkey or key, recovery key ──► enrol: one transaction
//! ```

use super::{
    ActionError, Actor, Event, Grounds, KeyProof, Road,
    apply::{Context, end_all},
    enrolment::{Asked, Use, check_key, key_credential, passkey_credential},
    keep_credential,
    tell::AdminEvent,
};
use crate::{
    client::Client,
    passkey::NewPasskey,
    storage::{
        Connection, commit as save,
        credentials::{self, KeyPair, NewCredential, NewKind},
        history,
        registrations::{self, NewCode, Purpose},
        users::{self, User},
    },
};
use app::{
    action::{
        account_change::AccountChange,
        bytes::Bytes,
        challenge::sha256,
        change::UserRef,
        client_data::{Ceremony, check_key_client_data},
        cose::InvalidSignature,
        history::entry::{self, Enrolment, Entry, PasskeyProof, RecoveryProof, RegisteredKey, What},
        key::NewKey,
        verify::{AssertionError, CeremonyError},
    },
    domain::{
        credential::CredentialKind,
        id::{ActionId, ChallengeId, CodeId, CredentialId},
        text::PasskeyName,
        time::Timestamp,
        user::UserStatus,
    },
};
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};

/// What somebody brings.
#[derive(Debug, Clone, Default)]
pub struct NewCredentials {
    /// To sign with, and how they call it.
    pub signer: Option<(NewSigner, Option<PasskeyName>)>,
    /// To recover with, how they call it, and its private half as they sealed it.
    pub recovery_key: Option<(NewKey, Option<PasskeyName>, Option<String>)>,
}

/// What somebody will sign with.
#[derive(Debug, Clone)]
pub enum NewSigner {
    /// A passkey.
    Passkey {
        /// The id that the authenticator chose.
        credential_id: Bytes,
        /// `clientDataJSON`.
        client_data: Bytes,
        /// The attestation object.
        attestation_object: Bytes,
    },
    /// A key.
    Key(NewKey),
}

/// What a recovery key signed to recover an account.
#[derive(Debug, Clone)]
pub struct RecoverySignature {
    /// By which key, over what.
    pub proof: KeyProof,
    /// The JSON that is the challenge: it names what is registered.
    pub new_credentials: Bytes,
}

/// What was registered.
#[derive(Debug)]
pub struct Enrolled {
    /// Who.
    pub user: User,
    /// Our id of what they sign with, or else of what they recover with.
    pub credential: CredentialId,
    /// What it is.
    pub kind: CredentialKind,
    /// How it is called.
    pub name: String,
}

impl Road {
    /// Makes a code by which one credential can be added to the actor's account; only its hash is kept.
    pub(super) async fn allow_credential(
        &self,
        db: &mut Connection,
        context: &Context<'_>,
        action: ActionId,
        until: Timestamp,
    ) -> Result<String, ActionError> {
        let code = BASE32_NOPAD.encode(&self.ambient.bytes::<20>());
        let new = NewCode {
            id: CodeId::from_bytes(action.to_bytes()),
            organization: context.organization,
            user: context.actor.id,
            purpose: Purpose::Credential,
            hash: &known_by(&code),
            created_at: context.now,
            expires_at: until,
        };
        registrations::replace_code(db, new).await?;
        self.tell(
            db,
            context.organization,
            context.actor,
            &Event::of(&AccountChange::AllowCredential { until }),
            &context.client.in_words(),
            context.now,
        )
        .await?;
        Ok(code)
    }

    /// Who allowed it, and what lets whoever has this code register one credential, if it still does.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn grounds_of_code(&self, db: &mut Connection, code: &str) -> Result<Option<(Actor, Grounds)>, ActionError> {
        let found = registrations::find_credential_code(db, &known_by(code), self.ambient.now()).await?;
        Ok(found
            .map(|(id, organization, user)| (Actor { organization, user }, Grounds::Code { action: ActionId::from_bytes(id.to_bytes()) })))
    }

    /// Registers what somebody brings for the challenge with this id, on the grounds that it was given out for: all of it, with
    /// its entry of history, or nothing.
    ///
    /// # Errors
    /// Why it wasn't; then nothing was changed.
    pub async fn enrol(
        &self,
        challenge: ChallengeId,
        new: NewCredentials,
        recovery: Option<RecoverySignature>,
        client: &Client,
    ) -> Result<Enrolled, ActionError> {
        let mut db = self.storage.connection().await?;
        let asked = self.find_asked(&mut db, challenge, Use::Look).await?.ok_or(ActionError::NotAsked)?;
        drop(db);
        let whom = asked.whom;
        let mut transaction = self.storage.begin().await?;
        let head = history::claim_head(&mut transaction, whom.organization).await?.ok_or(ActionError::NotActive)?;
        let asked = self.find_asked(&mut transaction, challenge, Use::Take).await?.ok_or(ActionError::NotAsked)?;
        let now = self.ambient.now();
        let user = users::find(&mut transaction, whom.organization, whom.user).await?.ok_or(ActionError::NotActive)?;
        let checked = self.check_brought(&asked, new)?;
        let grounds = self.let_in(&mut transaction, &asked, &user, recovery, now).await?;
        let mut enrolment = Enrolment {
            user: UserRef { id: user.id, handle: user.email.clone().into() },
            grounds,
            origin: self.site.origin.clone(),
            rp_id: self.site.rp_id.clone(),
            challenge: Bytes::decode(&asked.challenge).ok_or(ActionError::NotAsked)?,
            signer: None,
            recovery_key: None,
        };
        let (credential, kind, name) = self.keep(&mut transaction, whom, checked, &mut enrolment, now).await?;
        if let entry::Grounds::Recovery(proof) = &enrolment.grounds
            && !enrolment.is_named_by(proof)
        {
            return Err(ActionError::NotNamed);
        }
        self.tell_of(&mut transaction, &asked, &enrolment.user, client, now).await?;
        let registers = enrolment.registers();
        let what = What::Enrolment(Box::new(enrolment));
        let line = Entry { v: entry::VERSION, index: head.size(), organization: whom.organization, executed_at: now, what }.to_line()?;
        let entry = history::NewEntry {
            organization: whom.organization,
            line: &line,
            action: None,
            credential: Some(credential),
            actor: Some(whom.user),
            subject: None,
            registers: &registers,
        };
        history::append(&mut transaction, head, entry).await?;
        save(transaction).await?;
        self.outbox.wake();
        tracing::info!(user = %whom.user, %credential, "a credential was registered through the API");
        Ok(Enrolled { user, credential, kind, name })
    }

    /// Checks what somebody brings, before anything is altered.
    fn check_brought(&self, asked: &Asked, new: NewCredentials) -> Result<Checked, ActionError> {
        let challenge = Bytes::decode(&asked.challenge).ok_or(ActionError::NotAsked)?;
        let signer = match new.signer {
            None => None,
            Some((NewSigner::Passkey { credential_id, client_data, attestation_object }, name)) => {
                let passkey = self.finish_passkey(asked, &credential_id, &client_data, &attestation_object, &[])?;
                let proof = |id| PasskeyProof { id, credential_id, client_data, attestation_object };
                Some((CheckedSigner::Passkey(Box::new(passkey), proof(CredentialId::from_bytes(self.ambient.bytes()))), name))
            }
            Some((NewSigner::Key(new), name)) => {
                let key = check_key(&new, &challenge)?;
                let registered = RegisteredKey { id: CredentialId::from_bytes(self.ambient.bytes()), key: new };
                Some((CheckedSigner::Key(KeyPair { credential_id: registered.key.credential_id.clone(), key }, registered), name))
            }
        };
        let recovery_key = match new.recovery_key {
            None => None,
            Some((new, name, sealed)) => {
                let pair = KeyPair { credential_id: new.credential_id.clone(), key: check_key(&new, &challenge)? };
                let registered = RegisteredKey { id: CredentialId::from_bytes(self.ambient.bytes()), key: new };
                Some((pair, registered, name, sealed))
            }
        };
        // A code lets one credential in, whatever it is; everything else needs something to sign with.
        let fits = match asked.grounds {
            Grounds::Code { .. } => signer.is_some() != recovery_key.is_some(),
            Grounds::OwnChange | Grounds::Invitation { .. } | Grounds::Recovery => signer.is_some(),
        };
        if !fits {
            return Err(ActionError::NotAsked);
        }
        Ok(Checked { signer, recovery_key })
    }

    /// Lets somebody register, on the grounds that their challenge was given out for; what history says of them.
    async fn let_in(
        &self,
        db: &mut Connection,
        asked: &Asked,
        user: &User,
        recovery: Option<RecoverySignature>,
        now: Timestamp,
    ) -> Result<entry::Grounds, ActionError> {
        let whom = asked.whom;
        let is_active = user.status() == UserStatus::Active;
        match (asked.grounds, recovery) {
            (Grounds::Invitation { registration }, None) => {
                // Whoever was invited again since then begins again, with the code of now.
                if let Some(begun) = registration
                    && !registrations::end(db, begun, now).await?
                {
                    return Err(ActionError::NotAsked);
                }
                if !user.is_organization_active || !users::register(db, whom.organization, whom.user, now).await? {
                    return Err(ActionError::NotAsked);
                }
                registrations::end_enrolment(db, whom.user, now).await?;
                Ok(entry::Grounds::Invitation)
            }
            (Grounds::Code { action }, None) => {
                // Of two that come with the same code exactly one gets it.
                let code = CodeId::from_bytes(action.to_bytes());
                if !registrations::take_credential_code(db, code, now).await? || !is_active {
                    return Err(ActionError::NotAsked);
                }
                Ok(entry::Grounds::Code { action })
            }
            (Grounds::Recovery, Some(recovery)) if is_active => {
                let proof = check_recovery(db, whom, &recovery).await?;
                end_all(db, whom, now).await?;
                Ok(entry::Grounds::Recovery(Box::new(proof)))
            }
            (Grounds::Recovery, Some(_)) => Err(ActionError::NotActive),
            (Grounds::OwnChange, _) | (Grounds::Recovery, None) | (Grounds::Invitation { .. } | Grounds::Code { .. }, Some(_)) => {
                Err(ActionError::NotAsked)
            }
        }
    }

    /// Keeps what was checked, and puts it into the entry.
    async fn keep(
        &self,
        db: &mut Connection,
        whom: Actor,
        checked: Checked,
        enrolment: &mut Enrolment,
        now: Timestamp,
    ) -> Result<(CredentialId, CredentialKind, String), ActionError> {
        let mut kept: Vec<NewCredential> = Vec::new();
        let names: Vec<String> =
            credentials::list(db, whom.organization, whom.user).await?.into_iter().map(|credential| credential.name).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        match checked.signer {
            Some((CheckedSigner::Passkey(passkey, proof), name)) => {
                let name = name.map_or_else(|| passkey.default_name(&names), |name| name.to_string());
                kept.push(passkey_credential(whom, proof.id, free(&name, &names), *passkey, now));
                enrolment.signer = Some(entry::NewSigner::Passkey(proof));
            }
            Some((CheckedSigner::Key(pair, registered), name)) => {
                let name = free(name.as_ref().map_or("Key", PasskeyName::as_str), &names);
                kept.push(key_credential(whom, registered.id, name, NewKind::Key(pair), &registered.key, now));
                enrolment.signer = Some(entry::NewSigner::Key(registered));
            }
            None => {}
        }
        if let Some((pair, registered, name, sealed)) = checked.recovery_key {
            credentials::delete_recovery_keys(db, whom.organization, whom.user).await?;
            let name = name.map_or_else(|| "Recovery key".to_owned(), |name| name.to_string());
            let kind = NewKind::OwnRecoveryKey { pair, sealed };
            kept.push(key_credential(whom, registered.id, name, kind, &registered.key, now));
            enrolment.recovery_key = Some(registered);
        }
        for credential in &kept {
            keep_credential(db, credential).await?;
        }
        kept.into_iter().next().map(|first| (first.id, first.kind.kind(), first.name)).ok_or(ActionError::NotAsked)
    }

    /// Tells its owner, where they had an account already, and admins, where everything was lost.
    async fn tell_of(
        &self,
        db: &mut Connection,
        asked: &Asked,
        whom: &UserRef,
        client: &Client,
        now: Timestamp,
    ) -> Result<(), ActionError> {
        let (organization, from) = (asked.whom.organization, client.in_words());
        if asked.grounds == Grounds::Recovery {
            self.tell_admins(db, organization, whom, AdminEvent::Recovered, &from, now).await?;
        }
        if matches!(asked.grounds, Grounds::Invitation { .. }) {
            return Ok(());
        }
        self.tell(db, organization, whom, &Event::enrolled(asked.grounds), &from, now).await
    }
}

/// What somebody brings, checked.
struct Checked {
    signer: Option<(CheckedSigner, Option<PasskeyName>)>,
    recovery_key: Option<(KeyPair, RegisteredKey, Option<PasskeyName>, Option<String>)>,
}

enum CheckedSigner {
    Passkey(Box<NewPasskey>, PasskeyProof),
    Key(KeyPair, RegisteredKey),
}

/// That the user's recovery key signed what is registered.
async fn check_recovery(db: &mut Connection, whom: Actor, recovery: &RecoverySignature) -> Result<RecoveryProof, ActionError> {
    let RecoverySignature { proof, new_credentials } = recovery;
    let own = credentials::list(db, whom.organization, whom.user).await?;
    let old = own
        .into_iter()
        .find(|credential| credential.kind == CredentialKind::RecoveryKey && credential.credential_id == proof.credential_id.as_str())
        .ok_or(ActionError::NotTheirKit)?;
    check_key_client_data(&proof.client_data, Ceremony::KeyUse, &new_credentials.0)
        .map_err(|error| AssertionError::from(CeremonyError::from(error)))?;
    old.key.verify(&proof.client_data, &proof.signature).map_err(|InvalidSignature| ActionError::NotTheirKit)?;
    Ok(RecoveryProof {
        credential: old.id,
        new_credentials: new_credentials.clone(),
        client_data: Bytes(proof.client_data.clone()),
        signature: Bytes(proof.signature.clone()),
    })
}

/// The name, with a number behind it where it is taken.
fn free(name: &str, taken: &[&str]) -> String {
    let numbered = |number: usize| if number == 1 { name.to_owned() } else { format!("{name} {number}") };
    // Of one more than are taken, one is free.
    (1..=taken.len() + 1).map(numbered).find(|name| !taken.contains(&name.as_str())).unwrap_or_default()
}

/// By what a code is known.
fn known_by(code: &str) -> String {
    BASE64URL_NOPAD.encode(&sha256(code.as_bytes()))
}
