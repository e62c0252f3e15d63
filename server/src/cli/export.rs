//! `countersign export`: an organization's history as a file, from the server's own machine.

use super::organization::{OrganizationError, chosen};
use crate::{action::ActionError, service::Services};
use app::domain::id::OrganizationId;
use std::{
    fs::File,
    io::{self, Write},
    path::PathBuf,
};

/// What to export.
#[derive(Debug, Clone, clap::Args)]
pub struct Export {
    /// Where to write it; standard output without it
    file: Option<PathBuf>,
    /// Whose history, by id; may be left out when there is one organization only
    #[arg(long)]
    organization: Option<OrganizationId>,
}

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Which one isn't clear.
    #[error(transparent)]
    Organization(#[from] OrganizationError),
    /// There is no such organization.
    #[error("there is no such organization")]
    None,
    /// The file can't be written.
    #[error("the export can't be written: {0}")]
    Write(#[from] io::Error),
    /// The history can't be read.
    #[error(transparent)]
    Action(#[from] ActionError),
}

/// Writes the export.
///
/// # Errors
/// When it isn't complete; a file that was begun is then left without its checkpoint, and doesn't verify.
pub async fn export(services: &Services, what: &Export) -> Result<(), ExportError> {
    let organization = chosen(services, what.organization).await?;
    let mut export = services.road.export(organization, 0).await?.ok_or(ExportError::None)?;
    let mut output: Box<dyn Write> = match &what.file {
        Some(path) => Box::new(File::create_new(path)?),
        None => Box::new(io::stdout().lock()),
    };
    while let Some(chunk) = export.next().await? {
        output.write_all(chunk.as_bytes())?;
    }
    Ok(output.flush()?)
}
