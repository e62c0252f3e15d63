//! What a session remembers: who is signed in, or which registration this browser is in. A new id at every step up.

use super::{RequestBackend, other_device::Adding, recovery::Recovering};
use crate::action::Actor;
use app::{
    domain::{
        id::{CredentialId, RegistrationId},
        time::Timestamp,
    },
    refusal::{Code, Refusal},
    rpc::sign_in::SessionLife,
};
use data_encoding::BASE64URL_NOPAD;
use ring::digest::{SHA256, digest};
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;
use tower_sessions::{
    Expiry,
    cookie::time::OffsetDateTime,
    session::{Id, Record},
};

/// A session ends this long after sign-in, whatever happens.
pub const LONGEST: Duration = Duration::from_hours(7 * 24);
/// A session ends when it wasn't heard of for this long.
pub const IDLE: Duration = Duration::from_hours(12);
/// From typing the code to having saved the recovery kit. Whoever needs longer types the code again.
pub const REGISTRATION: Duration = Duration::from_hours(1);

/// Names in the session's data; the session store reads some of them into columns.
pub mod key {
    /// Who: an [`Actor`](crate::action::Actor).
    pub const SIGNED_IN: &str = "signed_in";
    /// By which credential they signed in.
    pub const BY: &str = "by";
    /// The id of a registration.
    pub const REGISTRATION: &str = "registration";
    /// Whose account is being recovered in this browser.
    pub const RECOVERY: &str = "recovery";
    /// To whose account a passkey is being added in this browser.
    pub const ADDING: &str = "adding";
    /// Where the session began.
    pub const ADDRESS: &str = "address";
    /// In which browser.
    pub const USER_AGENT: &str = "user_agent";
}

impl RequestBackend {
    /// Who is signed in, if anyone.
    pub(super) async fn signed_in(&self) -> Result<Option<Actor>, Refusal> {
        let signed_in = self.session.get(key::SIGNED_IN).await.map_err(|error| self.session_failed(error))?;
        if let Some(whom) = signed_in {
            self.client.lines.are_about(whom);
        }
        Ok(signed_in)
    }

    /// The registration that this browser is in, if any.
    pub(super) async fn registration_id(&self) -> Result<Option<RegistrationId>, Refusal> {
        self.session.get(key::REGISTRATION).await.map_err(|error| self.session_failed(error))
    }

    /// Signs this browser in, under a new session id; by this credential, if it was one.
    pub(super) async fn begin_session(&self, signed_in: Actor, by: Option<CredentialId>) -> Result<(), Refusal> {
        self.begin(key::SIGNED_IN, signed_in, by, LONGEST).await
    }

    /// Binds a registration to this browser, under a new session id. Whoever was signed in here no longer is.
    pub(super) async fn begin_registration(&self, registration: RegistrationId) -> Result<(), Refusal> {
        self.begin(key::REGISTRATION, registration, None, REGISTRATION).await
    }

    /// The recovery that this browser is in, if any.
    pub(super) async fn recovering(&self) -> Result<Option<Recovering>, Refusal> {
        self.session.get(key::RECOVERY).await.map_err(|error| self.session_failed(error))
    }

    /// Binds a recovery to this browser, under a new session id. Whoever was signed in here no longer is.
    pub(super) async fn begin_recovery(&self, recovering: Recovering) -> Result<(), Refusal> {
        self.begin(key::RECOVERY, recovering, None, REGISTRATION).await
    }

    /// The passkey that is being added in this browser, if any.
    pub(super) async fn adding(&self) -> Result<Option<Adding>, Refusal> {
        self.session.get(key::ADDING).await.map_err(|error| self.session_failed(error))
    }

    /// Binds adding a passkey to this browser, under a new session id. Whoever was signed in here no longer is.
    pub(super) async fn begin_addition(&self, adding: Adding) -> Result<(), Refusal> {
        self.begin(key::ADDING, adding, None, REGISTRATION).await
    }

    /// By what storage knows this browser's session, if it has one.
    pub(super) fn session_hash(&self) -> Option<String> {
        self.session.id().map(hash)
    }

    /// How long this browser's session goes on: this request was heard of just now.
    pub(super) fn session_life(&self) -> SessionLife {
        let end = Timestamp::from_millis(self.session.expiry_date().unix_timestamp().saturating_mul(1000));
        let longest = end.as_millis().saturating_sub(self.services.ambient.now().as_millis());
        SessionLife { idle: u64::try_from(IDLE.as_millis()).unwrap_or(u64::MAX), longest: u64::try_from(longest).unwrap_or_default() }
    }

    /// Ends this browser's session.
    pub(super) async fn end_session(&self) -> Result<(), Refusal> {
        self.session.flush().await.map_err(|error| self.session_failed(error))
    }

    async fn begin(&self, key: &str, value: impl Serialize, by: Option<CredentialId>, longest: Duration) -> Result<(), Refusal> {
        let failed = |error| self.session_failed(error);
        // Away with everything that was there, its row included. `flush` alone would keep the id: whoever planted one in this
        // browser before would share the session that begins now.
        self.session.clear().await;
        self.session.cycle_id().await.map_err(failed)?;
        let end = self.services.ambient.now().plus(longest).as_millis() / 1000;
        let end = OffsetDateTime::from_unix_timestamp(end).map_err(|error| self.hide(Code::Internal, &error))?;
        self.session.set_expiry(Some(Expiry::AtDateTime(end)));
        self.session.insert(key, value).await.map_err(failed)?;
        if let Some(by) = by {
            self.session.insert(key::BY, by).await.map_err(failed)?;
        }
        self.session.insert(key::ADDRESS, self.client.address.to_string()).await.map_err(failed)?;
        self.session.insert(key::USER_AGENT, &self.client.user_agent).await.map_err(failed)?;
        // Saved here and not on the way out: whoever is told that they are signed in is.
        self.session.save().await.map_err(failed)
    }

    fn session_failed(&self, error: tower_sessions::session::Error) -> Refusal {
        self.hide(Code::Unavailable, &error)
    }
}

/// By what storage knows a session: SHA-256 of its id, base64url. Whoever reads it can't sign in with it.
pub fn hash(id: Id) -> String {
    BASE64URL_NOPAD.encode(digest(&SHA256, &id.0.to_be_bytes()).as_ref())
}

/// Reads a value out of a session's record.
pub fn read<T: DeserializeOwned>(record: &Record, key: &str) -> Option<T> {
    serde_json::from_value(record.data.get(key)?.clone()).ok()
}
