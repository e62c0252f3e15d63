//! How often is too often: POST requests by address, mails and codes by mail address (known or not).

use app::{
    domain::text::EmailAddress,
    refusal::{Code, Refusal},
};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock};
use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
};

/// What one household or office shares: an IPv4 address, or the first 64 bits of an IPv6 one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressBlock(IpAddr);

impl From<IpAddr> for AddressBlock {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => Self(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()),
            v4 @ IpAddr::V4(_) => Self(v4),
        }
    }
}

/// The counters of this process.
pub struct Limits {
    requests: DefaultKeyedRateLimiter<AddressBlock>,
    mails: DefaultKeyedRateLimiter<String>,
    tries: DefaultKeyedRateLimiter<String>,
}

impl Limits {
    /// With these limits; zero counts as one.
    pub fn new(requests_per_minute: u32, mails_per_hour: u32) -> Self {
        let at_least_one = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self {
            requests: RateLimiter::keyed(Quota::per_minute(at_least_one(requests_per_minute))),
            mails: RateLimiter::keyed(Quota::per_hour(at_least_one(mails_per_hour))),
            // Someone who mistypes gets five tries a code; more codes than mails there can't be.
            tries: RateLimiter::keyed(Quota::per_hour(at_least_one(mails_per_hour.saturating_mul(6)))),
        }
    }

    /// Counts a POST request.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub fn request(&self, from: AddressBlock) -> Result<(), Refusal> {
        check(&self.requests, &from, "Too many requests came from your network.")
    }

    /// Counts a mail to this address, before it is known whether there is an account.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub fn mail(&self, to: &EmailAddress) -> Result<(), Refusal> {
        check(&self.mails, &to.key(), "Too many mails were asked for at this address.")
    }

    /// Counts a typed code for this address.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub fn code(&self, of: &EmailAddress) -> Result<(), Refusal> {
        check(&self.tries, &of.key(), "Too many codes were tried for this address.")
    }

    /// Forgets those who haven't come for long.
    pub fn forget_idle(&self) {
        self.requests.retain_recent();
        self.mails.retain_recent();
        self.tries.retain_recent();
    }
}

fn check<Key: Clone + std::hash::Hash + Eq>(limiter: &DefaultKeyedRateLimiter<Key>, key: &Key, what: &str) -> Result<(), Refusal> {
    limiter.check_key(key).map_err(|until| {
        let seconds = until.wait_time_from(limiter.clock().now()).as_secs() + 1;
        let wait = if seconds < 120 { format!("{seconds} seconds") } else { format!("{} minutes", seconds.div_ceil(60)) };
        Refusal { retry_after: Some(seconds), ..Refusal::new(Code::TooMany, format!("{what} Wait {wait}, then try again.")) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_office_is_one_v4_address_or_one_v6_network() {
        let block = |text: &str| AddressBlock::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(block("2001:db8:1:2::1"), block("2001:db8:1:2:ffff::"));
        assert_ne!(block("2001:db8:1:2::1"), block("2001:db8:1:3::1"));
        assert_ne!(block("192.0.2.1"), block("192.0.2.2"));
        assert_eq!(block("::ffff:192.0.2.1"), block("192.0.2.1"));
    }

    #[test]
    fn one_too_many_is_told_how_long_to_wait() {
        let limits = Limits::new(2, 2);
        let ada = EmailAddress::parse("ada@example.org").unwrap();
        assert!(limits.mail(&ada).is_ok() && limits.mail(&EmailAddress::parse("ADA@example.org").unwrap()).is_ok());
        let refusal = limits.mail(&ada).unwrap_err();
        assert_eq!(refusal.code, Code::TooMany);
        assert!(refusal.retry_after.is_some_and(|seconds| (1..=1801).contains(&seconds)), "{refusal:?}");
        assert!(limits.mail(&EmailAddress::parse("bob@example.org").unwrap()).is_ok());
    }
}
