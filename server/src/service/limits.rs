//! How often is too often: POST requests by address, mails and codes by mail address (known or not), mails also by who has them written.
//!
//! ```text
//! anyone     ─► mails to this address · mails asked for from this network
//! a change   ─► mails to this address by this organization · by all organizations, unless it is a member's · mails of this organization
//! ```
//!
//! What strangers use up is nothing that an organization needs for its own people, and no organization alone uses up what others need.

use super::Services;
use crate::{
    action::Actor,
    log::SECURITY,
    storage::{
        Connection, commit,
        limits::{self, Rate},
    },
};
use app::{
    action::{challenge::sha256, change::Change},
    domain::{id::OrganizationId, text::EmailAddress},
    refusal::{Code, Refusal},
};
use data_encoding::BASE64URL_NOPAD;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock};
use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    time::Duration,
};

const TO_THIS_ADDRESS: &str = "Too many mails were asked for at this address.";

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

/// How often is too often. Requests are counted by each server for itself, mails and codes for all servers together.
pub struct Limits {
    requests: DefaultKeyedRateLimiter<AddressBlock>,
    /// Of whom the log says that they send too many: once a minute.
    noted: DefaultKeyedRateLimiter<AddressBlock>,
    mails: Rate,
    mails_from_network: Rate,
    mails_of_one_organization: Rate,
    invitations: Rate,
    tries: Rate,
    tries_from_network: Rate,
}

impl Limits {
    /// With these limits; zero counts as one.
    pub fn new(requests_per_minute: u32, mails_per_hour: u32, invitations_per_hour: u32) -> Self {
        let at_least_one = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        // Someone who mistypes gets five tries a code; more codes than mails there can't be.
        let tries = mails_per_hour.saturating_mul(6);
        Self {
            requests: RateLimiter::keyed(Quota::per_minute(at_least_one(requests_per_minute))),
            noted: RateLimiter::keyed(Quota::per_minute(NonZeroU32::MIN)),
            mails: per_hour(mails_per_hour),
            // As many as ten people of one office may ask for.
            mails_from_network: per_hour(mails_per_hour.saturating_mul(10)),
            // One alone leaves the others something.
            mails_of_one_organization: per_hour(mails_per_hour.div_ceil(2)),
            invitations: per_hour(invitations_per_hour),
            tries: per_hour(tries),
            // The same ten people. Each try costs a slow hash, whether there is such an account or not.
            tries_from_network: per_hour(tries.saturating_mul(10)),
        }
    }

    /// Counts a POST request.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub fn request(&self, from: AddressBlock) -> Result<(), Refusal> {
        self.requests.check_key(&from).map_err(|until| {
            if self.noted.check_key(&from).is_ok() {
                tracing::warn!(target: SECURITY, "too many requests came from one network: for now, more are refused");
            }
            too_many("Too many requests came from your network.", until.wait_time_from(self.requests.clock().now()))
        })
    }

    /// Forgets those who haven't come for long.
    pub fn forget_idle(&self) {
        self.requests.retain_recent();
        self.noted.retain_recent();
    }
}

impl Services {
    /// Counts a mail to this address that somebody asks for who isn't signed in, before it is known whether there is an account.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub async fn count_mail(&self, to: &EmailAddress, from: IpAddr) -> Result<(), Refusal> {
        let failed = |error| self.storage_failed(error);
        let mut db = self.storage.begin().await.map_err(failed)?;
        self.count(&mut db, &format!("mail {}", mailbox(to)), self.limits.mails, TO_THIS_ADDRESS).await?;
        let AddressBlock(network) = AddressBlock::from(from);
        let what = "Too many mails were asked for from your network.";
        self.count(&mut db, &format!("mails from {network}"), self.limits.mails_from_network, what).await?;
        commit(db).await.map_err(failed)
    }

    /// Counts the mails that a change of this organization sends to whomever its author names.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub async fn count_mails_of(&self, organization: OrganizationId, change: &Change) -> Result<(), Refusal> {
        let (to, is_member) = match change {
            Change::CreateUser { email, .. } => (Some(email), false),
            Change::ResendInvitation { user } => (user.handle.email(), false),
            Change::ReEnrolUser { user } => (user.handle.email(), true),
            _ => (None, false),
        };
        let Some(to) = to.map(mailbox) else { return Ok(()) };
        let Limits { mails, mails_of_one_organization, invitations, .. } = self.limits;
        let failed = |error| self.storage_failed(error);
        let mut db = self.storage.begin().await.map_err(failed)?;
        self.count(&mut db, &format!("mail {to} by {organization}"), mails_of_one_organization, TO_THIS_ADDRESS).await?;
        if !is_member {
            self.count(&mut db, &format!("invitation {to}"), mails, TO_THIS_ADDRESS).await?;
        }
        let what = "Your organization has had too many invitations sent.";
        self.count(&mut db, &format!("invitations of {organization}"), invitations, what).await?;
        commit(db).await.map_err(failed)
    }

    /// Counts a code typed for this address from this one, in the transaction in which it is tried.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub(super) async fn count_code(&self, db: &mut Connection, of: &EmailAddress, from: IpAddr) -> Result<(), Refusal> {
        self.count(db, &format!("code {}", of.key()), self.limits.tries, "Too many codes were tried for this address.").await?;
        let AddressBlock(network) = AddressBlock::from(from);
        let what = "Too many codes were tried from your network.";
        self.count(db, &format!("codes from {network}"), self.limits.tries_from_network, what).await
    }

    /// Counts a kit that is tried for this account, whoever tries it.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub(super) async fn count_kit(&self, of: Actor) -> Result<(), Refusal> {
        let failed = |error| self.storage_failed(error);
        let mut db = self.storage.begin().await.map_err(failed)?;
        self.count(&mut db, &format!("kit {}", of.user), self.limits.tries, "Too many recovery kits were tried for this account.").await?;
        commit(db).await.map_err(failed)
    }

    async fn count(&self, db: &mut Connection, key: &str, rate: Rate, what: &str) -> Result<(), Refusal> {
        // Whoever reads the table needn't learn who asked.
        let id = BASE64URL_NOPAD.encode(&sha256(key.as_bytes()));
        let now = self.ambient.now();
        match limits::take(db, &id, rate, now).await.map_err(|error| self.storage_failed(error))? {
            None => Ok(()),
            Some(next) => {
                tracing::warn!(target: SECURITY, what, "too often: it was refused");
                let wait = u64::try_from(next.as_millis().saturating_sub(now.as_millis())).unwrap_or_default();
                Err(too_many(what, Duration::from_millis(wait)))
            }
        }
    }
}

/// Where a mail arrives: many mail servers put what is for `ada+anything` into `ada`'s mailbox.
fn mailbox(address: &EmailAddress) -> String {
    let key = address.key();
    match key.split_once('@').and_then(|(local, domain)| Some((local.split_once('+')?.0, domain))) {
        Some((local, domain)) => format!("{local}@{domain}"),
        None => key,
    }
}

fn per_hour(number: u32) -> Rate {
    let number = number.max(1);
    Rate { burst: number, every: Duration::from_hours(1) / number }
}

fn too_many(what: &str, wait: Duration) -> Refusal {
    let seconds = wait.as_secs() + 1;
    let wait = if seconds < 120 { format!("{seconds} seconds") } else { format!("{} minutes", seconds.div_ceil(60)) };
    Refusal { retry_after: Some(seconds), ..Refusal::new(Code::TooMany, format!("{what} Wait {wait}, then try again.")) }
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
    fn what_arrives_in_one_mailbox_counts_as_one_address() {
        let mailbox = |text: &str| mailbox(&EmailAddress::parse(text).unwrap());
        assert_eq!(mailbox("Ada+1@Example.org"), "ada@example.org");
        assert_eq!(mailbox("ada+a+b@example.org"), "ada@example.org");
        assert_eq!(mailbox("ada.lovelace@example.org"), "ada.lovelace@example.org");
        assert_ne!(mailbox("ada@example.org"), mailbox("ada@example.com"));
    }

    #[test]
    fn one_too_many_is_told_how_long_to_wait() {
        let limits = Limits::new(2, 2, 2);
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| AddressBlock::from(text.parse::<IpAddr>().unwrap()));
        assert!(limits.request(one).is_ok() && limits.request(one).is_ok());
        let refusal = limits.request(one).unwrap_err();
        assert_eq!(refusal.code, Code::TooMany);
        assert!(refusal.retry_after.is_some_and(|seconds| (1..=31).contains(&seconds)), "{refusal:?}");
        assert!(limits.request(other).is_ok());
    }
}
