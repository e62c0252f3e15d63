//! What a recovery has in hand between its two pages, kept in this tab only: the code of the kit that is used, and the new
//! passkey. And the kit's signature over the document, for which it is.

use super::{recovery_kit, signing::place};
use crate::{
    action::{
        account_change::{AccountChange, NewPasskey},
        change::Change,
        document::Document,
        recovery_code::RecoveryCode,
        review::{ReviewError, Signer, review},
    },
    domain::text::PasskeyName,
    rpc::recovery::PreparedRecovery,
};
use gloo::storage::{SessionStorage, Storage};

const KEPT: &str = "countersign.recovery";

/// What is in hand.
#[derive(Debug, Clone)]
pub struct InHand {
    /// The kit that is used.
    pub code: RecoveryCode,
    /// How the new passkey is called.
    pub name: PasskeyName,
    /// The new passkey.
    pub passkey: NewPasskey,
}

/// Keeps it for the next page.
///
/// # Errors
/// A sentence, when the browser has no storage for the tab.
pub fn keep(in_hand: &InHand) -> Result<(), String> {
    SessionStorage::set(KEPT, (in_hand.code.to_string(), &in_hand.name, &in_hand.passkey)).map_err(|_| {
        "This browser doesn't let the page keep the recovery for this tab. Allow site data for this page, then reload.".to_owned()
    })
}

/// What this tab keeps, if it does.
pub fn kept() -> Option<InHand> {
    let (code, name, passkey) = SessionStorage::get::<(String, PasskeyName, NewPasskey)>(KEPT).ok()?;
    Some(InHand { code: RecoveryCode::parse(&code).ok()?, name, passkey })
}

/// Lets go of it.
pub fn forget() {
    SessionStorage::delete(KEPT);
}

/// Checks that the server's document is this change of `signer`, and signs it with the kit's key: base64url.
///
/// # Errors
/// A sentence that says why it must not be signed, or why it can't be.
pub async fn sign(
    change: &AccountChange,
    signer: &Signer,
    prepared: &PreparedRecovery,
    code: &RecoveryCode,
    salt: &str,
) -> Result<Vec<u8>, String> {
    let bytes = prepared.document.as_ref();
    let document = Document::parse(bytes).map_err(|error| ReviewError::from(error).to_string())?;
    let (origin, host) = place().ok_or("This browser doesn't say which page this is. Nothing was signed.")?;
    let reviewed = Change::OwnAccount(change.clone());
    review(&document, &reviewed, signer, prepared.action, &origin, &host).map_err(|error| error.to_string())?;
    recovery_kit::sign_recovery(code, salt, bytes).await
}
