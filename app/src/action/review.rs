//! Whether a document is what its signer was asked to sign: the question before every signature. It is asked in the
//! signer's browser, which has the change that was reviewed and knows which page it is on, and believes the server nothing.

use super::{
    change::{Change, UserRef},
    document::{Document, DocumentError},
    sentence::sentence,
};
use crate::domain::{
    handle::Handle,
    id::{ActionId, OrganizationId},
};
use serde::{Deserialize, Serialize};

/// Who is about to sign, and in which organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signer {
    /// The user.
    pub user: UserRef,
    /// Their organization.
    pub organization: OrganizationId,
}

/// Why a document must not be signed; its text is for whoever was about to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReviewError {
    /// The bytes are no document.
    #[error("The server's document isn't what you reviewed, so nothing was signed: {0}.")]
    Document(#[from] DocumentError),
    /// Another change.
    #[error("The server's document isn't what you reviewed, so nothing was signed: it is for another change, “{0}”.")]
    Change(String),
    /// The same in words, but not in every value.
    #[error("The server's document isn't what you reviewed, so nothing was signed: its change reads the same, but differs in its details.")]
    Details,
    /// Another organization's.
    #[error("The server's document isn't what you reviewed, so nothing was signed: it is for another organization, {0}.")]
    Organization(OrganizationId),
    /// Someone else's.
    #[error("The server's document isn't what you reviewed, so nothing was signed: it is in the name of another user, {0}.")]
    Actor(Handle),
    /// Another action's.
    #[error("The server's document isn't what you reviewed, so nothing was signed: it is of another action, {0}.")]
    Action(ActionId),
    /// Made for another address.
    #[error("The server's document isn't what you reviewed, so nothing was signed: it is for {0}, and this page is at another address.")]
    Origin(String),
    /// Made for another relying party.
    #[error(
        "The server's document isn't what you reviewed, so nothing was signed: it is for passkeys of {0}, and this page is of another site."
    )]
    RelyingParty(String),
}

/// Whether `document`, which the server wrote for `action`, is `reviewed`, asked for by `signer` on the page at `origin`
/// (`https://id.example.org`), whose host is `host` (`id.example.org`).
///
/// Its time isn't looked at: clocks of people's devices are wrong too often, and the server refuses what is late.
///
/// # Errors
/// The first thing that differs.
pub fn review(
    document: &Document,
    reviewed: &Change,
    signer: &Signer,
    action: ActionId,
    origin: &str,
    host: &str,
) -> Result<(), ReviewError> {
    if document.change != *reviewed {
        let found = sentence(&document.change);
        return Err(if found == sentence(reviewed) { ReviewError::Details } else { ReviewError::Change(found) });
    }
    if document.organization != signer.organization {
        return Err(ReviewError::Organization(document.organization));
    }
    if document.actor != signer.user {
        return Err(ReviewError::Actor(document.actor.handle.clone()));
    }
    if document.id != action {
        return Err(ReviewError::Action(document.id));
    }
    if document.origin != origin {
        return Err(ReviewError::Origin(document.origin.clone()));
    }
    if document.rp_id != host {
        return Err(ReviewError::RelyingParty(document.rp_id.clone()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        action::{
            bytes::Bytes,
            change::PermissionRef,
            document::{NONCE_LENGTH, VERSION},
        },
        domain::{
            id::{AssignmentId, PermissionId, UserId},
            text::{EmailAddress, PermissionName},
            time::Timestamp,
            user::UserKind,
        },
    };

    const ORIGIN: &str = "https://id.example.org";
    const HOST: &str = "id.example.org";
    const ACTION: ActionId = ActionId::from_bytes([1; 16]);

    fn email(text: &str) -> EmailAddress {
        EmailAddress::parse(text).unwrap()
    }

    fn signer() -> Signer {
        Signer {
            user: UserRef { id: UserId::from_bytes([2; 16]), handle: email("ada@example.org").into() },
            organization: OrganizationId::from_bytes([3; 16]),
        }
    }

    fn change() -> Change {
        Change::CreateUser { email: email("grace@example.org"), kind: UserKind::Employee, external_id: None }
    }

    fn document(change: Change) -> Document {
        let Signer { user, organization } = signer();
        Document {
            v: VERSION,
            id: ACTION,
            organization,
            origin: ORIGIN.to_owned(),
            rp_id: HOST.to_owned(),
            actor: user,
            operation: change.operation(),
            change,
            issued_at: Timestamp::from_millis(1_000),
            expires_at: Timestamp::from_millis(301_000),
            nonce: Bytes(vec![0; NONCE_LENGTH]),
        }
    }

    fn reviewed(document: &Document) -> Result<(), ReviewError> {
        review(document, &change(), &signer(), ACTION, ORIGIN, HOST)
    }

    #[test]
    fn the_document_of_what_was_reviewed_may_be_signed() {
        assert_eq!(reviewed(&document(change())), Ok(()));
    }

    #[test]
    fn another_change_is_named_in_words() {
        let other = Change::DeleteUser { user: signer().user };
        let error = reviewed(&document(other)).unwrap_err();
        assert_eq!(error, ReviewError::Change("Delete ada@example.org".to_owned()));
        assert_eq!(
            error.to_string(),
            "The server's document isn't what you reviewed, so nothing was signed: it is for another change, “Delete ada@example.org”."
        );
        let to_another = Change::CreateUser { email: email("eve@example.org"), kind: UserKind::Employee, external_id: None };
        assert_eq!(reviewed(&document(to_another)), Err(ReviewError::Change("Create user eve@example.org as Employee".to_owned())));
    }

    #[test]
    fn what_the_sentence_does_not_say_counts_too() {
        let revoke = |id| Change::RevokeAssignment {
            id: AssignmentId::from_bytes(id),
            permission: PermissionRef {
                id: PermissionId::from_bytes([5; 16]),
                name: PermissionName::parse("Auditors").unwrap(),
                version: 1,
            },
            user: signer().user,
        };
        let answer = review(&document(revoke([6; 16])), &revoke([7; 16]), &signer(), ACTION, ORIGIN, HOST);
        assert_eq!(answer, Err(ReviewError::Details));
    }

    #[test]
    fn everything_around_the_change_must_be_right() {
        let good = document(change());
        let elsewhere = OrganizationId::from_bytes([9; 16]);
        let mallory = UserRef { id: UserId::from_bytes([9; 16]), ..signer().user };
        let renamed = UserRef { handle: email("mallory@example.org").into(), ..signer().user };
        let late = ActionId::from_bytes([9; 16]);
        for (document, error) in [
            (Document { organization: elsewhere, ..good.clone() }, ReviewError::Organization(elsewhere)),
            (Document { actor: mallory, ..good.clone() }, ReviewError::Actor(email("ada@example.org").into())),
            (Document { actor: renamed, ..good.clone() }, ReviewError::Actor(email("mallory@example.org").into())),
            (Document { id: late, ..good.clone() }, ReviewError::Action(late)),
            (
                Document { origin: "https://id.example.org:8443".to_owned(), ..good.clone() },
                ReviewError::Origin("https://id.example.org:8443".to_owned()),
            ),
            (Document { rp_id: "example.org".to_owned(), ..good.clone() }, ReviewError::RelyingParty("example.org".to_owned())),
        ] {
            assert_eq!(reviewed(&document), Err(error));
        }
    }

    #[test]
    fn every_refusal_says_first_that_nothing_was_signed() {
        for error in [ReviewError::Details, ReviewError::Document(DocumentError::TooLarge), ReviewError::Action(ACTION)] {
            assert!(error.to_string().starts_with("The server's document isn't what you reviewed, so nothing was signed: "));
        }
    }
}
