//! Reading the organization's people.

use super::{ONE_MORE, RequestBackend, one_page, programs};
use crate::storage::{Connection, StorageError, credentials, history, outbox, permissions, users};
use app::{
    action::{
        change::{GivenPermission, PermissionRef, UserRef},
        history::entry::Entry,
        rules::{PermissionFacts, may_be_given},
    },
    domain::{
        credential::CredentialKind,
        id::{AssignmentId, OrganizationId, UserId},
        operation::{Operation, Operations},
        provider,
        time::Timestamp,
        user::UserStatus,
    },
    refusal::{Code, Refusal},
    rpc::users::{HeldPermission, KeyRow, MailState, PasskeyRow, RecentEntry, UserDetails, UserList, UserRow},
};
use data_encoding::BASE64URL_NOPAD;

/// Entries of history that a user's page shows.
const RECENT: i64 = 10;
/// Permissions to choose from.
pub(super) const CHOICE: i64 = 200;
/// What nobody types is cut: a pattern of thousands of characters would only cost time.
const SEARCH_LENGTH: usize = 100;

pub(super) async fn list(backend: &RequestBackend, search: &str, status: Option<UserStatus>, after: &str) -> Result<UserList, Refusal> {
    let failed = |error| backend.storage_failed(error);
    let actor = backend.actor().await?;
    let mut db = backend.services.storage.connection().await.map_err(failed)?;
    let may = backend.require(&mut db, actor, Operation::UsersRead).await?;
    let search: String = search.trim().chars().take(SEARCH_LENGTH).collect();
    let filter = users::Filter { search: &search, status, kind: None, after };
    let found = users::list(&mut db, actor.organization, filter, ONE_MORE).await.map_err(failed)?;
    let (found, next) = one_page(found, |(user, _)| user.email.key());
    let ids: Vec<UserId> = found.iter().map(|(user, _)| user.id).collect();
    let held = if may.allows(Operation::AssignmentsRead) {
        permissions::held_by_each(&mut db, actor.organization, &ids).await.map_err(failed)?
    } else {
        Vec::new()
    };
    let users = found
        .into_iter()
        .map(|(user, until)| {
            let names = held.iter().filter(|held| held.user == user.id).map(|held| held.name.to_string()).collect();
            row(user, until, names)
        })
        .collect();
    Ok(UserList { users, next, now: backend.services.ambient.now() })
}

pub(super) async fn details(backend: &RequestBackend, id: UserId) -> Result<UserDetails, Refusal> {
    let failed = |error| backend.storage_failed(error);
    let actor = backend.actor().await?;
    let organization = actor.organization;
    let mut db = backend.services.storage.connection().await.map_err(failed)?;
    let may = backend.require(&mut db, actor, Operation::UsersRead).await?;
    let user = users::find(&mut db, organization, id)
        .await
        .map_err(failed)?
        .ok_or_else(|| Refusal::new(Code::NotFound, "There is no such user in this organization."))?;
    let invited = if user.status() == UserStatus::Invited { users::invited_until(&mut db, id).await.map_err(failed)? } else { None };
    let mail = outbox::newest_delivery(&mut db, organization, id).await.map_err(failed)?.map(|(delivery, answer)| {
        let state = match delivery {
            outbox::Delivery::Queued => MailState::Queued,
            outbox::Delivery::Sent => MailState::Sent,
            outbox::Delivery::Refused => MailState::Refused,
        };
        (state, answer)
    });
    let held = permissions::held_by(&mut db, organization, id).await.map_err(failed)?;
    let sees_permissions = may.allows(Operation::AssignmentsRead);
    let names = held.iter().filter(|_| sees_permissions).map(|(_, permission, _)| permission.name.to_string()).collect();
    let assignable = if user.status() == UserStatus::Active {
        assignable(&mut db, organization, &may, &held).await.map_err(failed)?
    } else {
        Vec::new()
    };
    let passkeys = passkeys(&mut db, organization, id).await.map_err(failed)?;
    let keys = keys(&mut db, organization, id).await.map_err(failed)?;
    let tokens = programs::tokens_of(&mut db, organization, id, sees_permissions).await.map_err(failed)?;
    let changes = recent_changes(&mut db, organization, &may, id).await.map_err(failed)?;
    Ok(UserDetails {
        created_at: user.created_at,
        row: row(user, invited, names),
        mail,
        permissions: sees_permissions.then(|| as_shown(held)),
        assignable,
        passkeys,
        keys,
        tokens,
        changes,
        activity: super::activity::recent(&mut db, organization, id).await.map_err(failed)?,
        now: backend.services.ambient.now(),
    })
}

/// What storage tells of the permissions that somebody has.
type HeldInStorage = Vec<(AssignmentId, PermissionRef, Operations)>;

pub(super) fn as_shown(held: HeldInStorage) -> Vec<HeldPermission> {
    held.into_iter().map(|(assignment, permission, operations)| HeldPermission { assignment, permission, operations }).collect()
}

/// What a viewer who may do this could give to somebody who has that.
pub(super) async fn assignable(
    db: &mut Connection,
    organization: OrganizationId,
    may: &Operations,
    held: &HeldInStorage,
) -> Result<Vec<GivenPermission>, StorageError> {
    if !may.allows(Operation::PermissionsAssign) {
        return Ok(Vec::new());
    }
    let all = permissions::list(db, organization, None, CHOICE).await?;
    Ok(all
        .into_iter()
        .filter(|permission| !permission.is_archived && !held.iter().any(|(_, held, _)| held.id == permission.id))
        .filter(|permission| may_be_given(permission, may).is_ok())
        .map(PermissionFacts::given)
        .collect())
}

/// The newest entries about somebody or by them; nothing, when the viewer may not read history.
pub(super) async fn recent_changes(
    db: &mut Connection,
    organization: OrganizationId,
    may: &Operations,
    id: UserId,
) -> Result<Option<Vec<RecentEntry>>, StorageError> {
    if !may.allows(Operation::HistoryRead) {
        return Ok(None);
    }
    let lines = history::about(db, organization, id, RECENT).await?;
    Ok(Some(lines.iter().filter_map(|line| recent_entry(line)).collect()))
}

/// A user's keys as pages show them, oldest first. The key of a recovery kit isn't one of them.
pub(super) async fn keys(db: &mut Connection, organization: OrganizationId, user: UserId) -> Result<Vec<KeyRow>, StorageError> {
    let listed = credentials::list(db, organization, user).await?;
    Ok(listed
        .into_iter()
        .filter(|credential| credential.kind != CredentialKind::Passkey && !credential.is_of_kit)
        .map(|key| KeyRow {
            id: key.id,
            credential_id: key.credential_id,
            name: key.name,
            algorithm: key.key.algorithm().label().to_owned(),
            is_for_recovery: key.kind == CredentialKind::RecoveryKey,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
            is_active: key.deactivated_at.is_none(),
        })
        .collect())
}

/// A user's passkeys as pages show them, oldest first.
pub(super) async fn passkeys(db: &mut Connection, organization: OrganizationId, user: UserId) -> Result<Vec<PasskeyRow>, StorageError> {
    let listed = credentials::list_passkeys(db, organization, user).await?;
    Ok(listed
        .into_iter()
        .map(|passkey| PasskeyRow {
            provider: passkey.aaguid.as_deref().and_then(provider_name).map(str::to_owned),
            // They are only told, never relied on: what can't be read is left out.
            transports: serde_json::from_str(&passkey.transports).unwrap_or_default(),
            id: passkey.id,
            credential_id: passkey.credential_id,
            name: passkey.name,
            is_synced: passkey.backed_up,
            created_at: passkey.created_at,
            last_used_at: passkey.last_used_at,
            is_active: passkey.is_active,
        })
        .collect())
}

fn provider_name(aaguid: &str) -> Option<&'static str> {
    let bytes = BASE64URL_NOPAD.decode(aaguid.as_bytes()).ok()?;
    provider::name(bytes.as_slice().try_into().ok()?)
}

fn row(user: users::User, invited_until: Option<Timestamp>, permissions: Vec<String>) -> UserRow {
    UserRow {
        status: user.status(),
        is_revoked: user.revoked_at.is_some(),
        user: UserRef { id: user.id, handle: user.email.into() },
        name: user.name,
        kind: user.kind,
        external_id: user.external_id,
        invited_until,
        permissions,
        last_seen_at: user.last_seen_at,
    }
}

/// An entry that can't be read is history's to show, not a user's page.
fn recent_entry(line: &str) -> Option<RecentEntry> {
    let entry = Entry::parse(line).ok()?;
    let summary = entry.summary().ok()?;
    Some(RecentEntry {
        index: entry.index,
        who: summary.who.to_string(),
        sentence: summary.sentence,
        at: entry.executed_at,
        is_loud: entry.is_loud(),
    })
}
