//! Typing a code that is compared with the live ones of every account of an address: nobody has to say which organization
//! they mean, and how long it takes tells nothing about how many there are.

use super::{Services, get_started::CODE_TRIES};
use crate::{
    action::Actor,
    client::Client,
    log::SECURITY,
    storage::{
        commit,
        registrations::{self, LiveCode, Purpose},
    },
};
use app::{
    domain::text::EmailAddress,
    refusal::{Code, Refusal},
};
use tracing::field::display;

/// With how many codes a typed one is compared: as many as one address can have live.
const COMPARED: usize = 6;

/// The codes that a typed one was compared with. Each has one try less.
pub(super) struct Tried {
    /// All of them.
    pub(super) codes: Vec<LiveCode>,
    /// The one that was typed, and whether it had a try left.
    pub(super) found: Option<(LiveCode, bool)>,
}

/// Says in the log that a typed code was refused, why, and whose it could have been. Neither the code nor the address stands there.
pub(super) fn refused(purpose: Purpose, whom: &[Actor], refusal: Refusal) -> Refusal {
    let say = |whom: Option<&Actor>| {
        let (organization, user) = (whom.map(|whom| display(whom.organization)), whom.map(|whom| display(whom.user)));
        tracing::warn!(target: SECURITY, ?purpose, why = ?refusal.code, organization, user, "a code was refused");
    };
    if whom.is_empty() {
        say(None);
    }
    for whom in whom {
        say(Some(whom));
    }
    refusal
}

/// Compares what was typed, as far as it is often enough allowed.
pub(super) async fn compare(
    services: &Services,
    client: &Client,
    email: &EmailAddress,
    purpose: Purpose,
    typed: &str,
) -> Result<Tried, Refusal> {
    let failed = |error| services.storage_failed(error);
    let mut db = services.storage.begin().await.map_err(failed)?;
    services.count_code(&mut db, email, client.address).await?;
    let codes = registrations::live_codes(&mut db, email, purpose).await.map_err(failed)?;
    let mut ids = [registrations::NO_CODE; COMPARED];
    for (place, code) in ids.iter_mut().zip(&codes) {
        *place = code.id;
    }
    let with_try = registrations::take_tries(&mut db, ids, CODE_TRIES).await.map_err(failed)?;
    // The comparison takes a while, and others want to write.
    commit(db).await.map_err(failed)?;
    let hashes = codes.iter().map(|code| code.hash.clone()).collect();
    let found = services.codes.find(typed, hashes, COMPARED).await.map_err(|error| services.hide(Code::Internal, &error))?;
    let found = found.and_then(|place| codes.get(place)).map(|code| (code.clone(), with_try.contains(&code.id)));
    Ok(Tried { codes, found })
}
