//! `/org`: the organization's dashboard, for those who are signed in. Each page goes through [`door::signed_in`], which sends
//! strangers to sign in and says kindly what someone may not see.

pub mod door;
mod edit_permission;
mod history;
mod history_entry;
mod home;
mod new_permission;
mod new_user;
pub mod not_permitted;
pub mod offer;
mod permission;
mod permission_form;
mod permissions;
mod service_accounts;
mod standing;
mod user;
mod users;

pub use edit_permission::EditPermission;
pub use history::History;
pub use history_entry::HistoryEntry;
pub use home::Home;
pub use new_permission::NewPermission;
pub use new_user::NewUser;
pub use permission::Permission;
pub use permissions::Permissions;
pub use service_accounts::{NewServiceAccount, ServiceAccount, ServiceAccounts};
pub use user::User;
pub use users::Users;
