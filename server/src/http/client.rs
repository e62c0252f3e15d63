//! Who sent a request: the address of the connection or, behind a proxy that the operator trusts, the one that it names.

use crate::{client::Client, log::Lines};
use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, header::USER_AGENT},
    middleware::Next,
    response::Response,
};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

/// Longer names of browsers are cut.
const USER_AGENT_LENGTH: usize = 300;

/// Whose X-Forwarded-For is believed.
#[derive(Debug, Clone)]
pub struct Forwarding {
    trusted: Arc<[IpAddr]>,
}

impl Forwarding {
    /// Believes these proxies.
    pub fn new(trusted: Vec<IpAddr>) -> Self {
        Self { trusted: trusted.iter().map(IpAddr::to_canonical).collect() }
    }

    /// The last address on the way that isn't a trusted proxy. Everything left of it could have been made up.
    pub fn origin_of(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trusted.contains(&peer) {
            return peer;
        }
        // Whatever a client put there is part of the value to which the proxy appends: what can't be read spoils its own entry only.
        let values: Vec<_> = headers.get_all("x-forwarded-for").iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let mut way: Vec<&str> = values.iter().flat_map(|value| value.split(',')).collect();
        while let Some(hop) = way.pop() {
            match hop.trim().parse::<IpAddr>() {
                Ok(address) if self.trusted.contains(&address.to_canonical()) => {}
                Ok(address) => return address.to_canonical(),
                Err(_) => return peer,
            }
        }
        peer
    }
}

/// Attaches the [`Client`] to the request.
pub async fn identify(State(forwarding): State<Forwarding>, mut request: Request, next: Next) -> Response {
    // Without a connection (as in tests that call the router itself) there is nobody but this machine.
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |info| info.0.ip());
    let user_agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let client = Client {
        address: forwarding.origin_of(peer, request.headers()),
        user_agent: user_agent.chars().take(USER_AGENT_LENGTH).collect(),
        lines: Lines::of_this_request(),
    };
    request.extensions_mut().insert(client);
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn origin_of(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let forwarding = Forwarding::new(trusted.iter().map(|address| address.parse().unwrap()).collect());
        forwarding.origin_of(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn strangers_cant_name_another_address() {
        assert_eq!(origin_of(&[], "192.0.2.9", &["198.51.100.1"]), "192.0.2.9");
        assert_eq!(origin_of(&["10.0.0.1"], "192.0.2.9", &["198.51.100.1"]), "192.0.2.9");
    }

    #[test]
    fn trusted_proxies_are_believed_from_the_right() {
        assert_eq!(origin_of(&["10.0.0.1"], "10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(origin_of(&["10.0.0.1"], "10.0.0.1", &["1.2.3.4, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(origin_of(&["10.0.0.1", "10.0.0.2"], "10.0.0.1", &["1.2.3.4", "198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(origin_of(&["10.0.0.1"], "::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(origin_of(&["10.0.0.1"], "10.0.0.1", &["198.51.100.1, nonsense"]), "10.0.0.1");
        assert_eq!(origin_of(&["10.0.0.1"], "10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn nobody_hides_behind_the_proxy_by_what_cant_be_read() {
        assert_eq!(origin_of(&["10.0.0.1"], "10.0.0.1", &["é, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(origin_of(&["10.0.0.1"], "10.0.0.1", &["1.2.3.4", "é", "198.51.100.1"]), "198.51.100.1");
        assert_eq!(origin_of(&["10.0.0.1"], "10.0.0.1", &["198.51.100.1, é"]), "10.0.0.1");
    }
}
