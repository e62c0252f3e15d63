//! One entry of history, and the checks that need nothing but it and the registration of the credential that signed it.

use super::statement::{BreakGlass, KeyChange, ServerKey};
use crate::{
    action::{
        bytes::Bytes,
        change::UserRef,
        client_data::{Ceremony, challenge_handed, check_key_client_data, has_unique_members},
        cose::{Algorithm, PublicKey},
        document::{Document, DocumentError, INTEGERS_END},
        key::NewKey,
        recovery_key::recovery_key_message,
        sentence::sentence,
        verify::{
            self, Assertion, AssertionError, CeremonyError, CheckedAssertion, Expected, NewCredential, RegistrationError, RelyingParty,
            StoredCredential, UserVerification, VerifiedAssertion,
        },
    },
    domain::{
        credential::CredentialKind,
        handle::Handle,
        id::{ActionId, AssignmentId, CredentialId, OrganizationId, PermissionId, UserId},
        text::OrganizationName,
        time::Timestamp,
    },
};
use serde::{Deserialize, Serialize};

/// The version of the format.
pub const VERSION: u32 = 1;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// [`VERSION`].
    pub v: u32,
    /// Its place, from 0.
    pub index: u64,
    /// Whose history it is in.
    pub organization: OrganizationId,
    /// When the server executed it, by its clock.
    pub executed_at: Timestamp,
    /// What was executed.
    pub what: What,
}

/// What an entry holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum What {
    /// The beginning.
    Genesis(Box<Genesis>),
    /// An invited user signed up.
    Registration(Box<Registration>),
    /// A signed change.
    Action(Box<SignedAction>),
    /// Someone who had lost everything recovered their account.
    Recovery(Box<SignedRecovery>),
    /// The server's operator let someone enrol again, on the server's own machine: nobody of the organization signed it.
    BreakGlass(Box<BreakGlass>),
    /// Someone registered through the API what they sign with.
    Enrolment(Box<Enrolment>),
    /// The server's operator changed the server's key: nobody of the organization signed it.
    KeyChange(Box<KeyChange>),
}

/// The beginning of an organization. What it says is the server's word; everything after it is proven from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// The organization's name.
    pub name: OrganizationName,
    /// Its first admin.
    pub admin: UserRef,
    /// The permission with every operation.
    pub full_admin: PermissionId,
    /// The permission of end users.
    pub end_user: PermissionId,
    /// The full admin's permission, given to the first admin.
    pub assignment: AssignmentId,
    /// By which key the server signs checkpoints until it is changed, in C2SP's form `name+hash+base64`.
    pub checkpoint_key: String,
    /// What the first admin registered.
    pub credentials: Credentials,
}

/// An invited user's registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// Who.
    pub user: UserRef,
    /// What they registered.
    pub credentials: Credentials,
}

/// A passkey and a recovery key that were registered together, over one challenge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// Where.
    pub origin: String,
    /// For which relying party.
    pub rp_id: String,
    /// What the server asked for, random.
    pub challenge: Bytes,
    /// The passkey.
    pub passkey: PasskeyProof,
    /// The recovery key.
    pub recovery_key: RecoveryKeyProof,
}

/// A passkey as its browser presented it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasskeyProof {
    /// Our id of it.
    pub id: CredentialId,
    /// The id that the authenticator chose.
    pub credential_id: Bytes,
    /// `clientDataJSON`.
    pub client_data: Bytes,
    /// The attestation object, whole: the public key is in it.
    pub attestation_object: Bytes,
}

/// A recovery key and its proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryKeyProof {
    /// Our id of it.
    pub id: CredentialId,
    /// Ed25519, 32 bytes.
    pub public_key: Bytes,
    /// The salt of its derivation.
    pub salt: Bytes,
    /// Over the challenge, framed.
    pub signature: Bytes,
}

/// What someone registered through the API: a passkey or a key, and a recovery key of their own, over one challenge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// Who.
    pub user: UserRef,
    /// What lets them.
    pub grounds: Grounds,
    /// Where.
    pub origin: String,
    /// For which relying party.
    pub rp_id: String,
    /// What the server asked for, random.
    pub challenge: Bytes,
    /// What they sign with from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<NewSigner>,
    /// What they recover with from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_key: Option<RegisteredKey>,
}

/// What lets someone register something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Grounds {
    /// They were invited, and had the code.
    Invitation,
    /// They allowed it themselves, and whoever came had the code.
    Code {
        /// The action that allowed it.
        action: ActionId,
    },
    /// Their recovery key says so. Everything that they had before ends.
    Recovery(Box<RecoveryProof>),
}

/// What a recovery key signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryProof {
    /// The recovery key.
    pub credential: CredentialId,
    /// JSON that names what is registered: the challenge that was signed.
    pub new_credentials: Bytes,
    /// What says which challenge was signed.
    pub client_data: Bytes,
    /// Over the client data.
    pub signature: Bytes,
}

/// What someone signs with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum NewSigner {
    /// A passkey.
    Passkey(PasskeyProof),
    /// A key.
    Key(RegisteredKey),
}

/// A key that was registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisteredKey {
    /// Our id of it.
    pub id: CredentialId,
    /// The key.
    pub key: NewKey,
}

impl NewSigner {
    /// Our id of it.
    pub const fn id(&self) -> CredentialId {
        match self {
            Self::Passkey(passkey) => passkey.id,
            Self::Key(key) => key.id,
        }
    }
}

impl Enrolment {
    fn sentence(&self) -> String {
        let signer = self.signer.as_ref().map(|signer| match signer {
            NewSigner::Passkey(_) => "a passkey",
            NewSigner::Key(_) => "a key",
        });
        let recovery_key = self.recovery_key.as_ref().map(|_| "a recovery key");
        let what = signer.into_iter().chain(recovery_key).collect::<Vec<_>>().join(" and ");
        match self.grounds {
            Grounds::Invitation => format!("Signed up through the API with {what}"),
            Grounds::Code { .. } => format!("Added {what} to their own account through the API, by a code"),
            Grounds::Recovery(_) => format!("Recovered their own account through the API with their recovery key, and registered {what}"),
        }
    }

    /// Our ids of what is registered.
    pub fn registers(&self) -> Vec<CredentialId> {
        self.signer.iter().map(NewSigner::id).chain(self.recovery_key.iter().map(|key| key.id)).collect()
    }

    /// Whether the JSON that a recovery key signed names what is registered here, and nothing else.
    pub fn is_named_by(&self, proof: &RecoveryProof) -> bool {
        const PLACES: [&str; 4] =
            ["/credentialKind", "/credentialInfo/credId", "/credentialInfo/clientData", "/credentialInfo/attestationData"];
        let Ok(text) = std::str::from_utf8(&proof.new_credentials.0) else { return false };
        // Of two members of one name a tree keeps the last, and another reader perhaps the first.
        let tree = Some(text).filter(|text| has_unique_members(text)).and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
        let Some(named) = tree else { return false };
        let is_same = |name: &str, own: Option<[String; 4]>| match (named.get(name).filter(|value| !value.is_null()), own) {
            (None, None) => true,
            (Some(credential), Some(own)) => {
                PLACES.iter().zip(own).all(|(place, own)| credential.pointer(place).and_then(|text| text.as_str()) == Some(&own))
            }
            _ => false,
        };
        let key = |kind: CredentialKind, key: &NewKey| {
            [kind.name().to_owned(), key.credential_id.to_string(), key.client_data.to_string(), key.attestation.to_string()]
        };
        let signer = self.signer.as_ref().map(|signer| match signer {
            NewSigner::Passkey(passkey) => [
                CredentialKind::Passkey.name().to_owned(),
                passkey.credential_id.to_string(),
                passkey.client_data.to_string(),
                passkey.attestation_object.to_string(),
            ],
            NewSigner::Key(registered) => key(CredentialKind::Key, &registered.key),
        });
        is_same("firstFactorCredential", signer)
            && is_same("recoveryCredential", self.recovery_key.as_ref().map(|registered| key(CredentialKind::RecoveryKey, &registered.key)))
            && is_same("secondFactorCredential", None)
    }

    /// Checks the passkey's registration, if one is registered. `rp_id_hash` is SHA-256 of [`Enrolment::rp_id`].
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check_passkey(&self, passkey: &PasskeyProof, rp_id_hash: [u8; 32]) -> Result<SigningKey, RegistrationError> {
        passkey.check(&self.origin, rp_id_hash, &challenge_handed(&passkey.client_data.0, &self.challenge.0))
    }
}

impl PasskeyProof {
    fn check(&self, origin: &str, rp_id_hash: [u8; 32], challenge: &[u8]) -> Result<SigningKey, RegistrationError> {
        let registration = verify::Registration {
            credential_id: &self.credential_id.0,
            client_data_json: &self.client_data.0,
            attestation_object: &self.attestation_object.0,
        };
        Ok(verify::check_passkey_registration(origin, rp_id_hash, challenge, &registration)?.into())
    }
}

/// A change with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedAction {
    /// The document's bytes.
    pub document: Bytes,
    /// Which credential signed it.
    pub credential: CredentialId,
    /// What the authenticator said; nothing, when a key signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authenticator_data: Option<Bytes>,
    /// What the browser, or the program, said.
    pub client_data: Bytes,
    /// The signature: of a passkey, over both.
    pub signature: Bytes,
    /// The id of what was created, if anything was; it follows from the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Our id of the key that a program was created with; it follows from the document, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<CredentialId>,
}

/// A recovery with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedRecovery {
    /// The document's bytes; its change is a recovery.
    pub document: Bytes,
    /// The recovery key that signed it, and that ended with it.
    pub credential: CredentialId,
    /// Ed25519, over the document, framed.
    pub signature: Bytes,
    /// Our id of the new passkey; it follows from the document.
    pub passkey: CredentialId,
    /// Our id of the new recovery key; it follows from the document.
    pub recovery_key: CredentialId,
}

/// Why an entry can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Not JSON of this form.
    #[error("the entry can't be read: {0}")]
    Malformed(String),
    /// A version that this program doesn't know.
    #[error("the entry has the version {0}, which this program doesn't know")]
    Version(u32),
    /// A place or a time of 2^53 or more, which other programs that read JSON don't keep.
    #[error("the entry has an integer of 2^53 or more")]
    Integer,
}

impl Entry {
    /// Reads an entry's line.
    ///
    /// # Errors
    /// When it isn't one.
    pub fn parse(line: &str) -> Result<Self, EntryError> {
        let entry: Self = serde_json::from_str(line).map_err(|error| EntryError::Malformed(error.to_string()))?;
        if entry.v != VERSION {
            return Err(EntryError::Version(entry.v));
        }
        if entry.has_small_integers() { Ok(entry) } else { Err(EntryError::Integer) }
    }

    /// Writes the entry's line: canonical JSON (RFC 8785), without a line break.
    ///
    /// # Errors
    /// [`EntryError::Integer`]; besides, there is nothing in an entry that JSON can't say.
    #[cfg(feature = "ssr")]
    pub fn to_line(&self) -> Result<String, EntryError> {
        if !self.has_small_integers() {
            return Err(EntryError::Integer);
        }
        serde_json_canonicalizer::to_string(self).map_err(|error| EntryError::Malformed(error.to_string()))
    }

    fn has_small_integers(&self) -> bool {
        [self.index, self.executed_at.as_millis().unsigned_abs()].into_iter().all(|integer| integer < INTEGERS_END)
    }

    /// What was done and by whom, in words.
    ///
    /// # Errors
    /// When its document can't be read.
    pub fn summary(&self) -> Result<Summary, DocumentError> {
        Ok(match &self.what {
            What::Genesis(genesis) => Summary {
                who: Who::User(genesis.admin.handle.clone()),
                sentence: format!("Created the organization “{}” and became its first admin", genesis.name),
                credential: Some(genesis.credentials.passkey.id),
            },
            What::Registration(registration) => Summary {
                who: Who::User(registration.user.handle.clone()),
                sentence: "Signed up with a passkey and a recovery kit".to_owned(),
                credential: Some(registration.credentials.passkey.id),
            },
            What::Action(action) => {
                let document = Document::parse(&action.document.0)?;
                Summary { who: Who::User(document.actor.handle), sentence: sentence(&document.change), credential: Some(action.credential) }
            }
            What::Recovery(recovery) => {
                let document = Document::parse(&recovery.document.0)?;
                Summary { who: Who::User(document.actor.handle), sentence: sentence(&document.change), credential: Some(recovery.passkey) }
            }
            What::Enrolment(enrolment) => Summary {
                who: Who::User(enrolment.user.handle.clone()),
                sentence: enrolment.sentence(),
                credential: enrolment.registers().first().copied(),
            },
            What::BreakGlass(order) => Summary {
                who: Who::Operator,
                sentence: format!("Break-glass: let {} enrol again, without anyone's signature", order.statement()?.user.handle),
                credential: None,
            },
            What::KeyChange(_) => Summary {
                who: Who::Operator,
                sentence: "Changed the key by which the server signs checkpoints".to_owned(),
                credential: None,
            },
        })
    }

    /// The credentials that it registers, and whose they are.
    pub fn credentials(&self) -> Option<(UserId, &Credentials)> {
        match &self.what {
            What::Genesis(genesis) => Some((genesis.admin.id, &genesis.credentials)),
            What::Registration(registration) => Some((registration.user.id, &registration.credentials)),
            What::Action(_) | What::Recovery(_) | What::BreakGlass(_) | What::Enrolment(_) | What::KeyChange(_) => None,
        }
    }

    /// The key of the server that it brings, if it is the beginning or a change of it. Whether that is signed is another question.
    pub fn new_server_key(&self) -> Option<ServerKey> {
        let key = match &self.what {
            What::Genesis(genesis) => genesis.checkpoint_key.clone(),
            What::KeyChange(change) => change.statement().ok()?.key,
            What::Registration(_) | What::Action(_) | What::Recovery(_) | What::BreakGlass(_) | What::Enrolment(_) => return None,
        };
        Some(ServerKey { from: self.index + 1, key })
    }

    /// What kind of thing was done, in a word: an entry's kind, or its change's.
    #[cfg(feature = "ssr")]
    pub fn kind(&self) -> String {
        let word = |value: serde_json::Value| match value {
            serde_json::Value::Object(members) => members.into_iter().next(),
            _ => None,
        };
        let of_change = |bytes: &Bytes| {
            let change = serde_json::to_value(Document::parse(&bytes.0).ok()?.change).ok()?;
            match word(change)? {
                (own, inner) if own == "own_account" => word(inner).map(|(kind, _)| kind),
                (kind, _) => Some(kind),
            }
        };
        let kind = match &self.what {
            What::Genesis(_) => Some("create_organization".to_owned()),
            What::Registration(_) => Some("register".to_owned()),
            What::Action(action) => of_change(&action.document),
            What::Recovery(recovery) => of_change(&recovery.document),
            What::BreakGlass(_) => Some("break_glass".to_owned()),
            What::KeyChange(_) => Some("change_key".to_owned()),
            What::Enrolment(enrolment) => Some(
                match enrolment.grounds {
                    Grounds::Invitation => "register",
                    Grounds::Code { .. } => "add_credential",
                    Grounds::Recovery(_) => "recover",
                }
                .to_owned(),
            ),
        };
        kind.unwrap_or_default()
    }

    /// Who did it; nobody of the organization, when the server's operator did.
    pub fn actor(&self) -> Option<UserId> {
        match &self.what {
            What::Genesis(genesis) => Some(genesis.admin.id),
            What::Registration(registration) => Some(registration.user.id),
            What::Action(action) => Document::parse(&action.document.0).ok().map(|document| document.actor.id),
            What::Recovery(recovery) => Document::parse(&recovery.document.0).ok().map(|document| document.actor.id),
            What::Enrolment(enrolment) => Some(enrolment.user.id),
            What::BreakGlass(_) | What::KeyChange(_) => None,
        }
    }

    /// Whether everyone who sees it should look twice.
    pub const fn is_loud(&self) -> bool {
        matches!(self.what, What::BreakGlass(_) | What::KeyChange(_))
    }
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// A user, by what they were known by.
    User(Handle),
    /// Whoever runs the server.
    Operator,
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User(handle) => std::fmt::Display::fmt(handle, f),
            Self::Operator => f.write_str("The server's operator"),
        }
    }
}

/// An entry in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Who did it.
    pub who: Who,
    /// What they did.
    pub sentence: String,
    /// What signed it; of a registration or a recovery, what was registered.
    pub credential: Option<CredentialId>,
}

/// SHA-256 of what a signature's check needs: hashing is up to `ring` or WebCrypto.
#[derive(Debug, Clone, Copy)]
pub struct Hashes {
    /// Of the relying party's id.
    pub rp_id: [u8; 32],
    /// The document's challenge.
    pub challenge: [u8; 32],
    /// Of the client data.
    pub client_data: [u8; 32],
}

/// The key that a registered passkey signs with, and what it last said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// COSE key.
    pub public_key_cose: Vec<u8>,
    /// Its algorithm.
    pub algorithm: Algorithm,
    /// The last counter seen.
    pub sign_count: u32,
    /// Whether it may be synced.
    pub backup_eligible: bool,
}

impl From<NewCredential> for SigningKey {
    fn from(new: NewCredential) -> Self {
        Self {
            public_key_cose: new.public_key_cose,
            algorithm: new.algorithm,
            sign_count: new.sign_count,
            backup_eligible: new.backup_eligible,
        }
    }
}

impl Credentials {
    /// Checks the passkey's registration. `rp_id_hash` is SHA-256 of [`Credentials::rp_id`].
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check_passkey(&self, rp_id_hash: [u8; 32]) -> Result<SigningKey, RegistrationError> {
        self.passkey.check(&self.origin, rp_id_hash, &self.challenge.0)
    }

    /// The recovery key and what it must have signed; nothing, when it isn't 32 bytes.
    pub fn recovery_proof(&self) -> Option<(PublicKey, Vec<u8>)> {
        let key = <[u8; 32]>::try_from(self.recovery_key.public_key.as_ref()).ok()?;
        Some((PublicKey::Ed25519(key), recovery_key_message(&self.challenge.0)))
    }
}

impl SignedAction {
    /// Checks the signature up to its mathematics: that it is one over this very document, made where the document says,
    /// by someone whom the authenticator knew; or, by a key, that it is over this very document.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check<'a>(&'a self, document: &Document, hashes: &Hashes, key: &SignerKey) -> Result<CheckedSignature<'a>, AssertionError> {
        match (key, &self.authenticator_data) {
            (SignerKey::Passkey(key), Some(authenticator_data)) => {
                self.check_passkey(document, hashes, key, authenticator_data).map(CheckedSignature::Passkey)
            }
            (SignerKey::Key(key), None) => {
                check_key_client_data(&self.client_data.0, Ceremony::KeyUse, &hashes.challenge).map_err(CeremonyError::from)?;
                Ok(CheckedSignature::Key { key: key.clone(), client_data: &self.client_data.0, signature: &self.signature.0 })
            }
            (SignerKey::Passkey(_), None) | (SignerKey::Key(_), Some(_)) => Err(AssertionError::AnotherKind),
        }
    }

    fn check_passkey<'a>(
        &'a self,
        document: &Document,
        hashes: &Hashes,
        key: &SigningKey,
        authenticator_data: &'a Bytes,
    ) -> Result<CheckedAssertion<'a>, AssertionError> {
        let relying_party = RelyingParty { id_hash: hashes.rp_id, origin: document.origin.clone() };
        let challenge = challenge_handed(&self.client_data.0, &hashes.challenge);
        verify::check_assertion(
            &Expected { relying_party: &relying_party, challenge: &challenge, user_verification: UserVerification::Required },
            &StoredCredential {
                public_key_cose: &key.public_key_cose,
                algorithm: key.algorithm,
                sign_count: key.sign_count,
                backup_eligible: Some(key.backup_eligible),
            },
            &Assertion { client_data_json: &self.client_data.0, authenticator_data: &authenticator_data.0, signature: &self.signature.0 },
            &hashes.client_data,
        )
    }
}

/// What a registered credential's signatures are checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignerKey {
    /// A passkey's.
    Passkey(SigningKey),
    /// A key.
    Key(PublicKey),
}

/// A signature that everything around was found right of; its mathematics remains.
#[derive(Debug)]
pub enum CheckedSignature<'a> {
    /// By a passkey.
    Passkey(CheckedAssertion<'a>),
    /// By a key.
    Key {
        /// Which.
        key: PublicKey,
        /// What was signed.
        client_data: &'a [u8],
        /// The signature.
        signature: &'a [u8],
    },
}

impl CheckedSignature<'_> {
    /// The key to verify with.
    pub fn public_key(&self) -> &PublicKey {
        match self {
            Self::Passkey(checked) => checked.public_key(),
            Self::Key { key, .. } => key,
        }
    }

    /// What was signed.
    pub fn message(&self) -> &[u8] {
        match self {
            Self::Passkey(checked) => checked.message(),
            Self::Key { client_data, .. } => client_data,
        }
    }

    /// The signature.
    pub fn signature(&self) -> &[u8] {
        match self {
            Self::Passkey(checked) => checked.signature(),
            Self::Key { signature, .. } => signature,
        }
    }

    /// What a passkey says about itself, once its signature was found valid; nothing, of a key.
    ///
    /// # Errors
    /// A counter that went back.
    pub fn signature_was_valid(self) -> Result<Option<VerifiedAssertion>, AssertionError> {
        match self {
            Self::Passkey(checked) => checked.signature_was_valid().map(Some),
            Self::Key { .. } => Ok(None),
        }
    }
}
