//! People and the passkeys and kits of their own account.

use super::{
    device::{Device, RecoveryKit},
    key::KeyPair,
    person::Person,
};
use app::{
    action::{
        account_change::{AccountChange, NewPasskey, NewRecoveryKey},
        bytes::Bytes,
        change::Change,
    },
    domain::{id::CredentialId, text::PasskeyName},
    rpc::account::Account,
};
use serde_json::{Value, json};

impl Person {
    pub async fn account(&self) -> Account {
        self.browser.call("account", &[]).await.done()
    }

    /// Our ids of their passkeys, oldest first.
    pub async fn passkeys(&self) -> Vec<CredentialId> {
        self.account().await.passkeys.iter().map(|passkey| passkey.id).collect()
    }

    /// The change that adds a passkey on this device, which has made it.
    pub async fn adding(&self, name: &str, device: &mut Device) -> Change {
        let options: Value = self.browser.call_json("start_new_passkey", &json!({})).await.done();
        let passkey = presented(&device.create(&options), options["challenge"].as_str().unwrap());
        Change::OwnAccount(AccountChange::AddPasskey { name: passkey_name(name), passkey })
    }

    /// Adds a passkey on this device.
    pub async fn add_passkey(&mut self, name: &str, device: &mut Device) -> CredentialId {
        let change = self.adding(name, device).await;
        self.sign(&change).await.created.expect("a passkey was added").parse().unwrap()
    }

    /// The change that replaces their kit, and the new kit.
    pub async fn replacing_kit(&self) -> (Change, RecoveryKit) {
        let kit = RecoveryKit::new();
        let challenge: Bytes = self.browser.call_json("start_new_kit", &json!({})).await.done();
        let recovery_key = kit.new_key(&challenge);
        (Change::OwnAccount(AccountChange::ReplaceRecoveryKey { challenge, recovery_key }), kit)
    }
}

impl Person {
    /// The change that adds a new key; over a challenge of nobody's, for whoever isn't let in.
    pub async fn adding_key(&self, name: &str, is_in: bool) -> Change {
        let challenge = self.challenge(is_in).await;
        let key = KeyPair::ed25519().new_key(&challenge.to_string());
        Change::OwnAccount(AccountChange::AddKey { name: passkey_name(name), challenge, key })
    }

    /// The same, for a recovery key of their own.
    pub async fn setting_recovery_key(&self, name: &str, is_in: bool) -> Change {
        let challenge = self.challenge(is_in).await;
        let key = KeyPair::p256().new_key(&challenge.to_string());
        Change::OwnAccount(AccountChange::SetRecoveryKey { name: passkey_name(name), challenge, key, sealed: None })
    }

    async fn challenge(&self, is_in: bool) -> Bytes {
        if is_in { self.browser.call_json("start_new_kit", &json!({})).await.done() } else { Bytes(vec![7; 32]) }
    }
}

impl RecoveryKit {
    /// Its key, with the proof over this challenge.
    pub fn new_key(&self, challenge: &Bytes) -> NewRecoveryKey {
        serde_json::from_value(self.proof(&challenge.to_string())).unwrap()
    }
}

/// A passkey as a change presents it, out of `RegistrationResponseJSON`.
pub fn presented(response: &Value, challenge: &str) -> NewPasskey {
    let bytes = |value: &Value| Bytes::decode(value.as_str().unwrap()).unwrap();
    NewPasskey {
        challenge: Bytes::decode(challenge).unwrap(),
        credential_id: bytes(&response["rawId"]),
        client_data: bytes(&response["response"]["clientDataJSON"]),
        attestation_object: bytes(&response["response"]["attestationObject"]),
        transports: serde_json::from_value(response["response"]["transports"].clone()).unwrap(),
    }
}

pub fn passkey_name(name: &str) -> PasskeyName {
    PasskeyName::parse(name).unwrap()
}

pub fn renaming(id: CredentialId, before: &str, after: &str) -> Change {
    Change::OwnAccount(AccountChange::RenamePasskey { id, before: passkey_name(before), after: passkey_name(after) })
}

pub fn removing(id: CredentialId, name: &str) -> Change {
    Change::OwnAccount(AccountChange::RemovePasskey { id, name: passkey_name(name) })
}
