//! What the pages need from the server, as one trait. `server` implements it; server functions reach it through the
//! context of their request. So neither storage, nor passkey ceremonies, nor mail are named in this crate.

use crate::{
    action::{
        account_change::{AccountChange, NewPasskey, NewRecoveryKey},
        bytes::Bytes,
        change::Change,
    },
    domain::{
        id::{ActionId, ChallengeId, CodeId, OrganizationId, PermissionId, UserId},
        user::UserStatus,
    },
    refusal::{Code, Refusal},
    rpc::{
        about::{About, LocalMail},
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
use leptos::prelude::use_context;
use serde_json::Value;
use std::sync::Arc;

/// The server as one request of one browser sees it: an implementation knows the request's session and address.
///
/// Every method answers with a [`Refusal`] fit for a person, and has logged what is behind it.
#[async_trait]
pub trait Backend: Send + Sync {
    /// What this server is and allows.
    async fn about(&self) -> Result<About, Refusal>;
    /// The local mailbox, newest first; [`Code::NotFound`] unless this server keeps one.
    async fn local_mails(&self) -> Result<Vec<LocalMail>, Refusal>;

    /// Creates an organization that isn't active yet, its first user, and the mail with the code. Answers the same and does
    /// the same work whether or not the address is known.
    async fn create_organization(&self, new: NewOrganization) -> Result<Started, Refusal>;
    /// Ends the live code, if there is one, and sends a new one. Always answers the same.
    async fn send_new_code(&self, email: String, organization: Option<OrganizationId>) -> Result<(), Refusal>;
    /// Whether a code waits to be typed, and until when.
    async fn code_state(&self, email: String, organization: Option<OrganizationId>) -> Result<CodeState, Refusal>;
    /// Checks a typed code and binds the registration that follows to this browser. The code stays good until that
    /// registration is finished, so that another browser can go on with it.
    async fn activate(&self, email: String, organization: Option<OrganizationId>, code: String) -> Result<(), Refusal>;
    /// The registration that this browser is in.
    async fn registration(&self) -> Result<Registration, Refusal>;
    /// The options for `navigator.credentials.create()`.
    async fn start_passkey(&self) -> Result<Value, Refusal>;
    /// Checks a new passkey and keeps it aside; it is registered together with the recovery key.
    async fn keep_passkey(&self, response: Value) -> Result<(), Refusal>;
    /// Registers passkey and recovery key, activates, and signs this browser in: all of it or nothing.
    async fn finish_registration(&self, recovery_key: NewRecoveryKey) -> Result<(), Refusal>;

    /// Sends a code to every account of this address that can be recovered, behind the answer; the address as it was
    /// understood. Answers the same whether or not there is one.
    async fn start_recovery(&self, email: String) -> Result<String, Refusal>;
    /// Checks a typed code and binds the recovery that follows to this browser.
    async fn type_recovery_code(&self, email: String, code: String) -> Result<(), Refusal>;
    /// The recovery that this browser is in.
    async fn recovery(&self) -> Result<Recovery, Refusal>;
    /// Whether this signature is by the account's kit. Nothing is changed.
    async fn prove_recovery_kit(&self, signature: Bytes) -> Result<(), Refusal>;
    /// The options for `navigator.credentials.create()`, for the passkey in place of all that were lost.
    async fn start_recovery_passkey(&self) -> Result<Value, Refusal>;
    /// Writes the document of a recovery and keeps it for five minutes. Nothing is changed yet.
    async fn prepare_recovery(&self, change: AccountChange) -> Result<PreparedRecovery, Refusal>;
    /// Verifies the kit's signature over the document and executes it, once, and signs this browser in.
    async fn commit_recovery(&self, action: ActionId, signature: Bytes) -> Result<Receipt, Refusal>;

    /// A challenge for signing in with a passkey that the browser finds by itself.
    async fn start_sign_in(&self) -> Result<SignInChallenge, Refusal>;
    /// Verifies the passkey's answer and signs this browser in under a new session id.
    async fn finish_sign_in(&self, challenge: ChallengeId, response: Value) -> Result<(), Refusal>;
    /// Ends this browser's session.
    async fn sign_out(&self) -> Result<(), Refusal>;
    /// Ends every session of whoever is signed in here.
    async fn sign_out_everywhere(&self) -> Result<(), Refusal>;
    /// Who is signed in, and what they may do.
    async fn viewer(&self) -> Result<Viewer, Refusal>;

    /// What the viewer signs with.
    async fn account(&self) -> Result<Account, Refusal>;
    /// Begins a test of the viewer's recovery kit.
    async fn start_kit_test(&self) -> Result<KitTest, Refusal>;
    /// Notes that the kit works, if its key made this signature. Nothing else is changed, and the kit isn't used up.
    async fn finish_kit_test(&self, id: ChallengeId, signature: String) -> Result<(), Refusal>;

    /// The options for `navigator.credentials.create()`, for one more passkey of the viewer.
    async fn start_new_passkey(&self) -> Result<Value, Refusal>;
    /// What would stand on a new recovery kit of the viewer.
    async fn kit_identity(&self) -> Result<KitIdentity, Refusal>;
    /// The challenge that a new recovery key of the viewer must sign.
    async fn start_new_kit(&self) -> Result<Bytes, Refusal>;

    /// Makes a code that lets another device make a passkey for the viewer; the code before stops working.
    async fn offer_passkey(&self) -> Result<DeviceOffer, Refusal>;
    /// What became of the viewer's own offer.
    async fn offered_passkey(&self, id: CodeId) -> Result<OfferState, Refusal>;
    /// Checks a typed code, uses it up, and binds to this browser what follows. Nobody is signed in by it.
    async fn type_device_code(&self, email: String, code: String) -> Result<(), Refusal>;
    /// The passkey that is being added in this browser.
    async fn addition(&self) -> Result<Addition, Refusal>;
    /// The options for `navigator.credentials.create()`, on the device that typed a code.
    async fn start_offered_passkey(&self) -> Result<Value, Refusal>;
    /// Checks a new passkey and shows it where its owner is signed in. It counts once they have signed that it is theirs.
    async fn present_passkey(&self, passkey: NewPasskey) -> Result<(), Refusal>;

    /// The viewer's sessions.
    async fn sessions(&self) -> Result<SessionList, Refusal>;
    /// Ends one of the viewer's sessions; whether it was this browser's.
    async fn end_one_session(&self, id: String) -> Result<bool, Refusal>;
    /// Ends all of the viewer's sessions but this one.
    async fn end_other_sessions(&self) -> Result<(), Refusal>;

    /// Authorizes a change, writes its document and keeps it for five minutes. Nothing is changed yet.
    async fn prepare_change(&self, change: Change) -> Result<Prepared, Refusal>;
    /// Verifies the signature over a prepared document and executes it: all of it or nothing, once.
    async fn commit_change(&self, action: ActionId, response: Value) -> Result<Receipt, Refusal>;

    /// One page of the people. Needs `Auth:Users:Read`.
    async fn users(&self, search: String, status: Option<UserStatus>, after: String) -> Result<UserList, Refusal>;
    /// One user. Needs `Auth:Users:Read`.
    async fn user(&self, id: UserId) -> Result<UserDetails, Refusal>;
    /// One page of the permissions. Needs `Permissions:Read`.
    async fn permissions(&self, after: String) -> Result<PermissionList, Refusal>;
    /// One permission, with a page of those who have it. Needs `Permissions:Read`.
    async fn permission(&self, id: PermissionId, after: String) -> Result<PermissionDetails, Refusal>;
    /// One page of the service accounts. Needs `Auth:ServiceAccounts:Read`.
    async fn service_accounts(&self, after: String) -> Result<ProgramList, Refusal>;
    /// One service account. Needs `Auth:ServiceAccounts:Read`.
    async fn service_account(&self, id: UserId) -> Result<ProgramDetails, Refusal>;
    /// What a new service account could be. Needs `Auth:ServiceAccounts:Create`.
    async fn service_account_choice(&self) -> Result<ProgramChoice, Refusal>;
    /// The viewer's own access tokens.
    async fn access_tokens(&self) -> Result<ProgramList, Refusal>;
    /// One of the viewer's own access tokens.
    async fn access_token(&self, id: UserId) -> Result<ProgramDetails, Refusal>;
    /// What a new access token of the viewer's could be. Needs `Auth:Pats:Create`.
    async fn access_token_choice(&self) -> Result<ProgramChoice, Refusal>;
    /// The newest entries of history, or those before one. Needs `Auth:Logs:Read`.
    async fn history(&self, before: Option<u64>) -> Result<HistoryPage, Refusal>;
    /// One entry of history. Needs `Auth:Logs:Read`.
    async fn history_entry(&self, index: u64) -> Result<HistoryPage, Refusal>;
}

/// The backend of the current request.
///
/// # Errors
/// [`Code::Unavailable`] outside of a request, as while the routes are listed at start.
pub fn backend() -> Result<Arc<dyn Backend>, Refusal> {
    use_context().ok_or_else(|| Refusal::new(Code::Unavailable, "There is no request to answer."))
}
