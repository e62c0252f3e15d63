//! Which organization a command is about.

use crate::{
    service::Services,
    storage::{StorageError, organizations},
};
use app::domain::id::OrganizationId;

/// Why it isn't clear.
#[derive(Debug, thiserror::Error)]
pub enum OrganizationError {
    /// There are several.
    #[error("there are {} active organizations; say which one with --organization:\n{}", .0.len(), list(.0))]
    Which(Vec<OrganizationId>),
    /// There is none.
    #[error("there is no such organization")]
    None,
    /// The database can't be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

fn list(organizations: &[OrganizationId]) -> String {
    organizations.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The one that was named or, where there is only one, that one.
///
/// # Errors
/// When none was named and there are none or several.
pub async fn chosen(services: &Services, named: Option<OrganizationId>) -> Result<OrganizationId, OrganizationError> {
    if let Some(organization) = named {
        return Ok(organization);
    }
    let all = organizations::active(&mut *services.storage.connection().await?).await?;
    match all.as_slice() {
        [] => Err(OrganizationError::None),
        [one] => Ok(*one),
        _ => Err(OrganizationError::Which(all)),
    }
}
