//! Changes that concern nobody but whoever makes them: the passkeys and the recovery kit of their own account. They need no
//! permission, and are about the document's actor and nobody else.
//!
//! A new credential is in the change with everything that its registration gave, so that what is signed is exactly this key
//! and no other, and whoever reads history needs nothing else to check what it signs later.

use super::{
    bytes::Bytes,
    client_data::challenge_handed,
    cose::PublicKey,
    key::NewKey,
    recovery_key::recovery_key_message,
    verify::{NewCredential, Registration, RegistrationError, check_passkey_registration},
};
use crate::domain::{id::CredentialId, text::PasskeyName, time::Timestamp};
use serde::{Deserialize, Serialize};

/// One alteration of the actor's own account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AccountChange {
    /// One more passkey.
    AddPasskey {
        /// How its owner calls it.
        name: PasskeyName,
        /// What its authenticator said.
        passkey: NewPasskey,
    },
    /// Another name for a passkey.
    RenamePasskey {
        /// Which.
        id: CredentialId,
        /// What it is called.
        before: PasskeyName,
        /// What it will be called.
        after: PasskeyName,
    },
    /// Ends a passkey. Never the last one.
    RemovePasskey {
        /// Which.
        id: CredentialId,
        /// The name that whoever signs knows it by.
        name: PasskeyName,
    },
    /// A new recovery kit; the one before stops working.
    ReplaceRecoveryKey {
        /// What the server asked the new key to sign, random.
        challenge: Bytes,
        /// The new key.
        recovery_key: NewRecoveryKey,
    },
    /// One more key, which a program signs with in its owner's name.
    AddKey {
        /// How its owner calls it.
        name: PasskeyName,
        /// What the server asked it to sign, random.
        challenge: Bytes,
        /// What its owner presented.
        key: NewKey,
    },
    /// A recovery key that a program brings along, in place of the recovery kit or of the one before.
    SetRecoveryKey {
        /// How its owner calls it.
        name: PasskeyName,
        /// What the server asked it to sign, random.
        challenge: Bytes,
        /// What its owner presented.
        key: NewKey,
        /// SHA-256 of the sealed private half that the server keeps for its owner, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed: Option<Bytes>,
    },
    /// Lets a passkey or a key sign nothing until it is activated again. Never the last one.
    DeactivateCredential {
        /// Which.
        id: CredentialId,
        /// The name that whoever signs knows it by.
        name: PasskeyName,
    },
    /// Takes that back.
    ActivateCredential {
        /// Which.
        id: CredentialId,
        /// The name that whoever signs knows it by.
        name: PasskeyName,
    },
    /// Lets whoever has a code register one credential for this account.
    AllowCredential {
        /// Until when.
        until: Timestamp,
    },
    /// A new passkey and a new recovery kit when everything was lost; what was there before ends. Signed by the key of the
    /// kit that it replaces, and by nothing else.
    Recover {
        /// How its owner calls the passkey.
        name: PasskeyName,
        /// The passkey.
        passkey: NewPasskey,
        /// The recovery key, over the same challenge.
        recovery_key: NewRecoveryKey,
    },
}

/// A passkey as its browser presented it, over a challenge of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPasskey {
    /// What the server asked for, random.
    pub challenge: Bytes,
    /// The id that the authenticator chose.
    pub credential_id: Bytes,
    /// `clientDataJSON`.
    pub client_data: Bytes,
    /// The attestation object, whole: the public key is in it.
    pub attestation_object: Bytes,
    /// How the browser says that it can be reached; nothing depends on it.
    pub transports: Vec<String>,
}

impl NewPasskey {
    /// Checks the registration, made at `origin` for the relying party whose id hashes to `rp_id_hash`.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(&self, origin: &str, rp_id_hash: [u8; 32]) -> Result<NewCredential, RegistrationError> {
        let registration = Registration {
            credential_id: &self.credential_id.0,
            client_data_json: &self.client_data.0,
            attestation_object: &self.attestation_object.0,
        };
        let challenge = challenge_handed(&self.client_data.0, &self.challenge.0);
        check_passkey_registration(origin, rp_id_hash, &challenge, &registration)
    }
}

/// A recovery key with the proof that its owner has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRecoveryKey {
    /// Ed25519, 32 bytes.
    pub public_key: Bytes,
    /// The salt of its derivation.
    pub salt: Bytes,
    /// Over the challenge, framed.
    pub signature: Bytes,
}

impl NewRecoveryKey {
    /// The key and what it must have signed over this challenge; nothing, when it isn't 32 bytes.
    pub fn proof(&self, challenge: &Bytes) -> Option<(PublicKey, Vec<u8>)> {
        let key = <[u8; 32]>::try_from(self.public_key.as_ref()).ok()?;
        Some((PublicKey::Ed25519(key), recovery_key_message(&challenge.0)))
    }
}
