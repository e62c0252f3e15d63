//! Verifies entries of history in the reader's own browser: hashes and signatures by WebCrypto, every other question by
//! [`reader`], and nothing by asking the server.

use super::webcrypto::{self, sha256};
use crate::{
    action::{
        document::{challenge_message, created_message, fingerprint},
        history::{
            entry::{Credentials, Entry, Hashes, SignedAction, SigningKey, What},
            reader::{self, Problem, Verdict},
        },
    },
    domain::id::{CredentialId, OrganizationId},
    rpc::history::HistoryPage,
};
use std::collections::BTreeMap;

/// Why an entry isn't verified.
enum Failure {
    /// Something is wrong with it.
    Broken(Problem),
    /// This browser can't tell.
    Unknown(String),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Broken(problem)
    }
}

impl From<String> for Failure {
    fn from(sentence: String) -> Self {
        Self::Unknown(sentence)
    }
}

/// What this browser has, and what it found out so far.
struct Verifier {
    organization: OrganizationId,
    registrations: Vec<Entry>,
    /// The keys whose registrations were verified already.
    keys: BTreeMap<CredentialId, SigningKey>,
}

/// Goes through a page's entries, of which `newest` is the first and the others follow downwards, and tells each verdict as
/// soon as there is one. `shown` are the fingerprints that the page shows, one for each entry that has one.
pub async fn verify_page(
    page: &HistoryPage,
    shown: &[Option<String>],
    organization: OrganizationId,
    newest: u64,
    tell: &dyn Fn(usize, Verdict),
) {
    // What can't be read registers nothing, and whoever needs it says so.
    let registrations = page.registrations.iter().filter_map(|line| Entry::parse(line).ok()).collect();
    let mut verifier = Verifier { organization, registrations, keys: BTreeMap::new() };
    let mut index = newest;
    for (place, line) in page.lines.iter().enumerate() {
        let shown = shown.get(place).and_then(Option::as_deref);
        tell(
            place,
            match verifier.entry(line, index, shown).await {
                Ok(()) => Verdict::Verified,
                Err(Failure::Broken(problem)) => Verdict::Broken(problem.to_string()),
                Err(Failure::Unknown(sentence)) => Verdict::Unknown(sentence),
            },
        );
        index = index.wrapping_sub(1);
    }
}

impl Verifier {
    async fn entry(&mut self, line: &str, index: u64, shown: Option<&str>) -> Result<(), Failure> {
        let entry = reader::entry(line, self.organization, index)?;
        match &entry.what {
            What::Action(action) => self.action(&entry, action, shown).await,
            What::Genesis(genesis) => check_credentials(&genesis.credentials).await.map(|_| ()),
            What::Registration(registration) => check_credentials(&registration.credentials).await.map(|_| ()),
        }
    }

    async fn action(&mut self, entry: &Entry, action: &SignedAction, shown: Option<&str>) -> Result<(), Failure> {
        let document = reader::document(entry, action)?;
        let challenge = sha256(&challenge_message(&action.document.0)).await?;
        let own = fingerprint(&challenge);
        if shown.is_some_and(|shown| shown != own) {
            return Err(Problem::Fingerprint(own).into());
        }
        let credentials = reader::registration(&self.registrations, entry, action, &document)?;
        let key = match self.keys.get(&action.credential) {
            Some(key) => key.clone(),
            None => check_credentials(credentials).await?,
        };
        let hashes =
            Hashes { rp_id: sha256(document.rp_id.as_bytes()).await?, challenge, client_data: sha256(&action.client_data.0).await? };
        let checked = action.check(&document, &hashes, &key).map_err(Problem::from)?;
        if !webcrypto::verify(checked.public_key(), checked.message(), checked.signature()).await? {
            return Err(Problem::Signature.into());
        }
        self.keys.insert(action.credential, key);
        let hash = sha256(&created_message(&challenge)).await?;
        let mut bits = [0; 16];
        bits.copy_from_slice(&hash[..16]);
        Ok(reader::check_created(action, &document.change, bits)?)
    }
}

/// The passkey's registration, and that the recovery key beside it signed for it.
async fn check_credentials(credentials: &Credentials) -> Result<SigningKey, Failure> {
    let rp_id_hash = sha256(credentials.rp_id.as_bytes()).await?;
    let key = credentials.check_passkey(rp_id_hash).map_err(Problem::from)?;
    let (recovery_key, message) = credentials.recovery_proof().ok_or(Problem::RecoveryKey)?;
    if !webcrypto::verify(&recovery_key, &message, &credentials.recovery_key.signature.0).await? {
        return Err(Problem::RecoverySignature.into());
    }
    Ok(key)
}
