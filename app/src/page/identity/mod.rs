//! What the pages about a user, a service account and an access token share: what they may do, what was changed about them,
//! and shutting them out.

mod danger;
mod give_permission;
mod permissions;
mod recent_changes;

pub(super) use danger::Danger;
pub(super) use give_permission::{Preview, find, options};
pub(super) use permissions::Permissions;
pub(super) use recent_changes::RecentChanges;
