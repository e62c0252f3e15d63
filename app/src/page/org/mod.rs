//! `/org`: the organization's dashboard, for those who are signed in.

mod home;

pub use home::Home;
