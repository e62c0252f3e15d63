//! The use cases: what pages can ask for, and what they share with the API. No HTTP and no SQL here.
//!
//! ```text
//! app::rpc ──► RequestBackend (one request: session, address) ──► Services ──► storage, passkey ceremonies, outbox
//! ```

mod account;
mod activity;
mod change;
pub mod get_started;
mod history;
mod limits;
mod live_codes;
mod other_device;
mod permissions;
mod programs;
pub mod recovery;
pub mod session;
mod sessions;
pub mod sign_in;
mod sweep;
mod users;

pub use limits::{AddressBlock, Limits};
pub use sweep::{STEP, sweep};

use crate::{
    action::{Actor, Road, RoadError, Site},
    ambient::Ambient,
    api::{Metadata, Purpose, TokenSigner},
    client::Client,
    code::Codes,
    config::{Config, Mail, Organizations},
    log::Causes,
    mail::Outbox,
    passkey::Ceremonies,
    storage::{Storage, StorageError, organizations, outbox, tokens::Token},
};
use app::{
    action::{
        account_change::{AccountChange, NewPasskey, NewRecoveryKey},
        bytes::Bytes,
        change::Change,
    },
    domain::{
        id::{ActionId, ChallengeId, CodeId, OrganizationId, PermissionId, UserId},
        operation::Operation,
        user::UserStatus,
    },
    port::Backend,
    refusal::{Code, Refusal},
    rpc::{
        about::{About, Founding, LocalMail, MailDelivery},
        account::{Account, KitIdentity, KitTest},
        change::{Prepared, Receipt},
        get_started::{CodeState, NewOrganization, Registration, Started},
        history::HistoryPage,
        other_device::{Addition, DeviceOffer, OfferState},
        permissions::{PermissionDetails, PermissionList},
        programs::{ProgramChoice, ProgramDetails, ProgramList},
        recovery::{PreparedRecovery, Recovery},
        sessions::SessionList,
        sign_in::{SignInChallenge, Viewer},
        users::{UserDetails, UserList},
    },
};
use async_trait::async_trait;
use serde_json::Value;
use std::sync::Arc;
use tower_sessions::Session;

/// What all requests share.
pub struct Services {
    /// The settings.
    pub config: Config,
    /// Time and chance.
    pub ambient: Ambient,
    /// The database.
    pub storage: Storage,
    /// The passkey ceremonies.
    pub ceremonies: Arc<Ceremonies>,
    /// Where mails are queued.
    pub outbox: Outbox,
    /// How often is too often.
    pub limits: Limits,
    /// The road of a change.
    pub road: Road,
    /// Signs the API's tokens.
    pub tokens: TokenSigner,
    codes: Arc<Codes>,
}

impl Services {
    /// Ready to serve.
    ///
    /// # Errors
    /// When the road of a change can't be laid.
    pub fn new(
        config: Config,
        ambient: Ambient,
        storage: Storage,
        ceremonies: Ceremonies,
        outbox: Outbox,
        codes: Codes,
    ) -> Result<Self, RoadError> {
        let limits = Limits::new(config.requests_per_minute, config.mails_per_hour, config.invitations_per_hour);
        let codes = Arc::new(codes);
        let site = Site {
            origin: config.origin_text(),
            rp_id: config.origin.domain().unwrap_or_default().to_owned(),
            contact: config.contact.clone(),
        };
        let ceremonies = Arc::new(ceremonies);
        let road = Road::new(ambient.clone(), storage.clone(), outbox.clone(), Arc::clone(&codes), Arc::clone(&ceremonies), site)?;
        let tokens = TokenSigner::new(config.origin_text(), outbox.secret())?;
        Ok(Self { config, ambient, storage, ceremonies, outbox, limits, road, tokens, codes })
    }

    /// Logs what a person must not see and gives them a number to quote instead.
    pub fn hide(&self, code: Code, error: &dyn std::error::Error) -> Refusal {
        let incident = incident(&self.ambient);
        let causes = Causes(error);
        tracing::error!(%incident, %causes, "a request failed");
        let message = match code {
            Code::Unavailable => "The server's storage doesn't answer at the moment. Nothing was changed. Try again in a minute.",
            _ => "Something went wrong on the server. Nothing was changed.",
        };
        Refusal { incident: Some(incident), ..Refusal::new(code, message) }
    }

    /// The token of a row, for its bearer: in whose name they act stands in it for them to read.
    ///
    /// # Errors
    /// Never in practice: there is nothing in it that JSON can't say.
    pub fn write_token(&self, token: &Token, whose: UserId) -> serde_json::Result<String> {
        let says = Metadata { org_id: token.organization, user_id: whose.to_string(), token_id: token.id.to_string() };
        self.tokens.write(Purpose::Api, says, token.created_at, token.expires_at)
    }

    /// What is said of a failure of the database.
    pub fn storage_failed(&self, error: StorageError) -> Refusal {
        match error {
            StorageError::Unanswered(_) => Refusal {
                message: "The server's storage broke off while this was saved, so it isn't known whether it was done. Look whether it was before you begin anew."
                    .to_owned(),
                ..self.hide(Code::Unavailable, &error)
            },
            StorageError::Unavailable(_) | StorageError::NotSaved | StorageError::ReadOnly(_) => self.hide(Code::Unavailable, &error),
            _ => self.hide(Code::Internal, &error),
        }
    }
}

/// The services as one request sees them.
pub struct RequestBackend {
    services: Arc<Services>,
    session: Session,
    client: Client,
}

impl RequestBackend {
    /// For a request with this session from this client.
    pub fn new(services: Arc<Services>, session: Session, client: Client) -> Self {
        Self { services, session, client }
    }

    /// A mail that was sealed under another secret isn't shown: nobody can read it any more.
    fn local_mail(&self, queued: &outbox::QueuedMail) -> Option<LocalMail> {
        let message = self.services.outbox.open(queued).ok()?;
        Some(LocalMail {
            id: queued.id.to_string(),
            to: message.to.into(),
            subject: message.subject,
            text: message.text,
            written_at: queued.created_at,
        })
    }

    fn hide(&self, code: Code, error: &dyn std::error::Error) -> Refusal {
        self.services.hide(code, error)
    }

    fn storage_failed(&self, error: StorageError) -> Refusal {
        self.services.storage_failed(error)
    }

    /// Where a recovery kit is used.
    fn recovery_url(&self) -> String {
        format!("{}/recover", self.services.config.origin_text())
    }

    /// The signed-in user, as the road of a change knows them. That they are active is checked there.
    async fn actor(&self) -> Result<Actor, Refusal> {
        self.signed_in().await?.ok_or_else(sign_in::signed_out)
    }

    /// Whether one more organization may be founded; `own` is the one being activated.
    async fn founding(&self, own: Option<OrganizationId>) -> Result<Founding, Refusal> {
        let open = match self.services.config.organizations {
            Organizations::Open => true,
            Organizations::Closed => false,
            Organizations::First => {
                let mut db = self.services.storage.connection().await.map_err(|error| self.storage_failed(error))?;
                !organizations::another_is_active(&mut db, own).await.map_err(|error| self.storage_failed(error))?
            }
        };
        Ok(if open { Founding::Open } else { Founding::Closed { contact: self.services.config.contact.clone() } })
    }
}

/// What one page of a list shows.
const PAGE: usize = 50;
/// What is asked of storage for it: one more than is shown tells whether there is a next page.
const ONE_MORE: i64 = 51;

/// The page, and where the next one begins, if there is one: behind its last row, by this key.
fn one_page<T>(mut found: Vec<T>, key: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let next = found.last().filter(|_| more).map(key);
    (found, next)
}

/// Eight symbols to find a log line by.
pub fn incident(ambient: &Ambient) -> String {
    data_encoding::BASE32_NOPAD.encode(&ambient.bytes::<5>())
}

#[async_trait]
impl Backend for RequestBackend {
    async fn about(&self) -> Result<About, Refusal> {
        let mail = match self.services.config.mail {
            Mail::Smtp { .. } => MailDelivery::Smtp,
            Mail::LocalMailbox => MailDelivery::LocalMailbox,
        };
        Ok(About { origin: self.services.config.origin_text(), founding: self.founding(None).await?, mail })
    }

    async fn local_mails(&self) -> Result<Vec<LocalMail>, Refusal> {
        // Mails are for whoever sits at this machine: nobody else may read them, even when the port is open to others.
        if !matches!(self.services.config.mail, Mail::LocalMailbox) || !self.client.address.is_loopback() {
            return Err(Refusal::new(Code::NotFound, "There is no such page."));
        }
        let mut db = self.services.storage.connection().await.map_err(|error| self.storage_failed(error))?;
        let waiting = outbox::waiting(&mut db, self.services.ambient.now()).await.map_err(|error| self.storage_failed(error))?;
        Ok(waiting.iter().filter_map(|mail| self.local_mail(mail)).collect())
    }

    async fn create_organization(&self, new: NewOrganization) -> Result<Started, Refusal> {
        get_started::create_organization(self, new).await
    }

    async fn send_new_code(&self, email: String, organization: Option<OrganizationId>) -> Result<(), Refusal> {
        get_started::send_new_code(&self.services, &self.client, &email, organization).await
    }

    async fn code_state(&self, email: String, organization: Option<OrganizationId>) -> Result<CodeState, Refusal> {
        get_started::code_state(self, &email, organization).await
    }

    async fn activate(&self, email: String, organization: Option<OrganizationId>, code: String) -> Result<(), Refusal> {
        get_started::activate(self, &email, organization, &code).await
    }

    async fn registration(&self) -> Result<Registration, Refusal> {
        get_started::registration(self).await
    }

    async fn start_passkey(&self) -> Result<Value, Refusal> {
        get_started::start_passkey(self).await
    }

    async fn keep_passkey(&self, response: Value) -> Result<(), Refusal> {
        get_started::keep_passkey(self, response).await
    }

    async fn finish_registration(&self, recovery_key: NewRecoveryKey) -> Result<(), Refusal> {
        get_started::finish_registration(self, recovery_key).await
    }

    async fn start_recovery(&self, email: String) -> Result<String, Refusal> {
        recovery::start(self, &email).await.map(String::from)
    }

    async fn type_recovery_code(&self, email: String, code: String) -> Result<(), Refusal> {
        recovery::type_code(self, &email, &code).await
    }

    async fn recovery(&self) -> Result<Recovery, Refusal> {
        recovery::recovery(self).await
    }

    async fn prove_recovery_kit(&self, signature: Bytes) -> Result<(), Refusal> {
        recovery::prove_kit(self, &signature).await
    }

    async fn start_recovery_passkey(&self) -> Result<Value, Refusal> {
        recovery::start_passkey(self).await
    }

    async fn prepare_recovery(&self, change: AccountChange) -> Result<PreparedRecovery, Refusal> {
        recovery::prepare(self, change).await
    }

    async fn commit_recovery(&self, action: ActionId, signature: Bytes) -> Result<Receipt, Refusal> {
        recovery::finish(self, action, &signature).await
    }

    async fn start_sign_in(&self) -> Result<SignInChallenge, Refusal> {
        sign_in::start(self).await
    }

    async fn finish_sign_in(&self, challenge: ChallengeId, response: Value) -> Result<(), Refusal> {
        sign_in::finish(self, challenge, response).await
    }

    async fn sign_out(&self) -> Result<(), Refusal> {
        sign_in::sign_out(self).await
    }

    async fn sign_out_everywhere(&self) -> Result<(), Refusal> {
        sign_in::sign_out_everywhere(self).await
    }

    async fn viewer(&self) -> Result<Viewer, Refusal> {
        sign_in::viewer(self).await
    }

    async fn account(&self) -> Result<Account, Refusal> {
        account::account(self).await
    }

    async fn start_kit_test(&self) -> Result<KitTest, Refusal> {
        account::start_kit_test(self).await
    }

    async fn finish_kit_test(&self, id: ChallengeId, signature: String) -> Result<(), Refusal> {
        account::finish_kit_test(self, id, &signature).await
    }

    async fn start_new_passkey(&self) -> Result<Value, Refusal> {
        account::start_passkey(self).await
    }

    async fn kit_identity(&self) -> Result<KitIdentity, Refusal> {
        account::kit_identity(self).await
    }

    async fn start_new_kit(&self) -> Result<Bytes, Refusal> {
        account::start_kit(self).await
    }

    async fn offer_passkey(&self) -> Result<DeviceOffer, Refusal> {
        other_device::offer(self).await
    }

    async fn offered_passkey(&self, id: CodeId) -> Result<OfferState, Refusal> {
        other_device::offered(self, id).await
    }

    async fn type_device_code(&self, email: String, code: String) -> Result<(), Refusal> {
        other_device::type_code(self, &email, &code).await
    }

    async fn addition(&self) -> Result<Addition, Refusal> {
        other_device::addition(self).await
    }

    async fn start_offered_passkey(&self) -> Result<Value, Refusal> {
        other_device::start_passkey(self).await
    }

    async fn present_passkey(&self, passkey: NewPasskey) -> Result<(), Refusal> {
        other_device::present(self, passkey).await
    }

    async fn sessions(&self) -> Result<SessionList, Refusal> {
        sessions::list(self).await
    }

    async fn end_one_session(&self, id: String) -> Result<bool, Refusal> {
        sessions::end(self, &id).await
    }

    async fn end_other_sessions(&self) -> Result<(), Refusal> {
        sessions::end_others(self).await
    }

    async fn prepare_change(&self, change: Change) -> Result<Prepared, Refusal> {
        change::prepare(self, change).await
    }

    async fn commit_change(&self, action: ActionId, response: Value) -> Result<Receipt, Refusal> {
        change::commit(self, action, response).await
    }

    async fn users(&self, search: String, status: Option<UserStatus>, after: String) -> Result<UserList, Refusal> {
        users::list(self, &search, status, &after).await
    }

    async fn user(&self, id: UserId) -> Result<UserDetails, Refusal> {
        users::details(self, id).await
    }

    async fn permissions(&self, after: String) -> Result<PermissionList, Refusal> {
        permissions::list(self, &after).await
    }

    async fn permission(&self, id: PermissionId, after: String) -> Result<PermissionDetails, Refusal> {
        permissions::details(self, id, &after).await
    }

    async fn service_accounts(&self, after: String) -> Result<ProgramList, Refusal> {
        programs::service_accounts(self, &after).await
    }

    async fn service_account(&self, id: UserId) -> Result<ProgramDetails, Refusal> {
        programs::service_account(self, id).await
    }

    async fn service_account_choice(&self) -> Result<ProgramChoice, Refusal> {
        programs::choice(self, Operation::ServiceAccountsCreate).await
    }

    async fn access_tokens(&self) -> Result<ProgramList, Refusal> {
        programs::access_tokens(self).await
    }

    async fn access_token(&self, id: UserId) -> Result<ProgramDetails, Refusal> {
        programs::access_token(self, id).await
    }

    async fn access_token_choice(&self) -> Result<ProgramChoice, Refusal> {
        programs::choice(self, Operation::TokensCreate).await
    }

    async fn history(&self, before: Option<u64>) -> Result<HistoryPage, Refusal> {
        history::page(self, before).await
    }

    async fn history_entry(&self, index: u64) -> Result<HistoryPage, Refusal> {
        history::entry(self, index).await
    }
}
