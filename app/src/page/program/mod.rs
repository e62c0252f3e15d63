//! What the pages of service accounts and of access tokens share: they are the same but for whose they are.

mod details;
mod kind;
mod list;
mod new;
mod rename;
mod standing;

pub(super) use details::ProgramPage;
pub(super) use kind::Kind;
pub(super) use list::ProgramTable;
pub(super) use new::NewProgramForm;
pub(super) use standing::ProgramStanding;
