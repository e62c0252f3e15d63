//! Who sent a request.

use crate::log::Lines;
use app::domain::browser;
use std::net::IpAddr;

/// Who sent a request, as far as can be told.
#[derive(Debug, Clone)]
pub struct Client {
    /// Their address; of a trusted proxy, the one that it names.
    pub address: IpAddr,
    /// What their browser calls itself.
    pub user_agent: String,
    /// What the log says of the request.
    pub lines: Lines,
}

impl Client {
    /// As in "Firefox on Windows, 192.0.2.1".
    pub fn in_words(&self) -> String {
        format!("{}, {}", browser::in_words(&self.user_agent), self.address)
    }
}
