//! Verifies entries of history in the reader's own browser: hashes and signatures by WebCrypto, every other question by
//! [`reader`], and nothing by asking the server.

use super::webcrypto::{self, sha256};
use crate::{
    action::{
        account_change::AccountChange,
        bytes::Bytes,
        change::Change,
        client_data::{Ceremony, check_key_client_data},
        cose::PublicKey,
        document::{challenge_message, created_key_message, created_message, created_recovery_key_message, fingerprint, id_bits},
        history::{
            entry::{Credentials, Enrolment, Entry, Grounds, Hashes, NewSigner, SignedAction, SignedRecovery, SignerKey, SigningKey, What},
            reader::{self, Problem, Source, Verdict},
        },
        key::{KeySignature, NewKey},
        recovery_key::recovery_message,
        verify::CeremonyError,
    },
    domain::id::{CredentialId, OrganizationId},
    rpc::history::HistoryPage,
};
use std::{collections::BTreeMap, rc::Rc};

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
    registrations: Rc<[Entry]>,
    /// The keys whose registrations were verified already.
    keys: BTreeMap<CredentialId, SignerKey>,
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
            What::Genesis(genesis) => check_credentials(&genesis.credentials).await.map(|_| ()),
            What::Registration(registration) => check_credentials(&registration.credentials).await.map(|_| ()),
            What::BreakGlass(order) => check_signatures(&reader::break_glass(&self.registrations, &entry, order)?).await,
            What::KeyChange(change) => check_signatures(&reader::key_change(&self.registrations, &entry, change)?).await,
            What::Action(_) | What::Recovery(_) | What::Enrolment(_) => self.signed(&entry, shown).await,
        }
    }

    /// An entry that is signed by what an entry before it registered, or may be.
    async fn signed(&mut self, entry: &Entry, shown: Option<&str>) -> Result<(), Failure> {
        match &entry.what {
            What::Action(action) => self.action(entry, action, shown).await,
            What::Recovery(recovery) => self.recovery(entry, recovery, shown).await,
            What::Enrolment(enrolment) => self.enrolment(entry, enrolment).await,
            // They aren't.
            What::Genesis(_) | What::Registration(_) | What::BreakGlass(_) | What::KeyChange(_) => Ok(()),
        }
    }

    async fn action(&mut self, entry: &Entry, action: &SignedAction, shown: Option<&str>) -> Result<(), Failure> {
        let document = reader::document(entry, &action.document)?;
        let challenge = challenge(&action.document, shown).await?;
        let rp_id = sha256(document.rp_id.as_bytes()).await?;
        let registrations = Rc::clone(&self.registrations);
        let source = reader::registration(&registrations, entry, action.credential, &document.actor, &document.rp_id)?;
        let not_registered = || Problem::NotRegistered(action.credential);
        let key = match (self.keys.get(&action.credential), source) {
            (Some(key), _) => key.clone(),
            (None, Source::SignUp(credentials)) if credentials.passkey.id == action.credential => {
                SignerKey::Passkey(check_credentials(credentials).await?)
            }
            (None, Source::SignUp(_)) => return Err(not_registered().into()),
            (None, Source::Change(brought)) => {
                // It comes before this entry, so this ends.
                Box::pin(self.signed(brought.entry, None)).await?;
                brought.signer(rp_id).map_err(Problem::from)?.ok_or_else(not_registered)?
            }
            (None, Source::Enrolment(before, enrolment)) => {
                Box::pin(self.signed(before, None)).await?;
                let signer = enrolment.signer.as_ref().filter(|signer| signer.id() == action.credential);
                match signer.ok_or_else(not_registered)? {
                    NewSigner::Passkey(passkey) => SignerKey::Passkey(enrolment.check_passkey(passkey, rp_id).map_err(Problem::from)?),
                    NewSigner::Key(new) => SignerKey::Key(new.key.public_key().ok_or_else(not_registered)?),
                }
            }
        };
        let hashes = Hashes { rp_id, challenge, client_data: sha256(&action.client_data.0).await? };
        let checked = action.check(&document, &hashes, &key).map_err(Problem::from)?;
        check_signature(checked.public_key(), checked.message(), checked.signature()).await?;
        self.keys.insert(action.credential, key);
        check_new(&document.change, &document.origin, rp_id).await?;
        reader::check_created(action, &document.change, id_bits(&sha256(&created_message(&challenge)).await?))?;
        Ok(reader::check_created_key(action, &document.change, id_bits(&sha256(&created_key_message(&challenge)).await?))?)
    }

    async fn recovery(&mut self, entry: &Entry, recovery: &SignedRecovery, shown: Option<&str>) -> Result<(), Failure> {
        let document = reader::document(entry, &recovery.document)?;
        let challenge = challenge(&recovery.document, shown).await?;
        let registrations = Rc::clone(&self.registrations);
        let source = reader::registration(&registrations, entry, recovery.credential, &document.actor, &document.rp_id)?;
        let key = self.recovery_key(&source, recovery.credential).await?;
        check_signature(&key, &recovery_message(&recovery.document.0), &recovery.signature.0).await?;
        if !matches!(document.change, Change::OwnAccount(AccountChange::Recover { .. })) {
            return Err(Problem::NoRecovery.into());
        }
        check_new(&document.change, &document.origin, sha256(document.rp_id.as_bytes()).await?).await?;
        let passkey = id_bits(&sha256(&created_message(&challenge)).await?);
        let recovery_key = id_bits(&sha256(&created_recovery_key_message(&challenge)).await?);
        Ok(reader::check_recovered(recovery, passkey, recovery_key)?)
    }

    /// What someone registered through the API. Whether they were invited, or allowed it, only the whole history shows.
    async fn enrolment(&mut self, entry: &Entry, enrolment: &Enrolment) -> Result<(), Failure> {
        if let Grounds::Recovery(proof) = &enrolment.grounds {
            let registrations = Rc::clone(&self.registrations);
            let source = reader::registration(&registrations, entry, proof.credential, &enrolment.user, &enrolment.rp_id)?;
            let key = self.recovery_key(&source, proof.credential).await?;
            check_key_client_data(&proof.client_data.0, Ceremony::KeyUse, &proof.new_credentials.0)
                .map_err(|error| Problem::Assertion(CeremonyError::from(error).into()))?;
            if !enrolment.is_named_by(proof) {
                return Err(Problem::NotNamed.into());
            }
            check_signature(&key, &proof.client_data.0, &proof.signature.0).await?;
        }
        match &enrolment.signer {
            Some(NewSigner::Passkey(passkey)) => {
                enrolment.check_passkey(passkey, sha256(enrolment.rp_id.as_bytes()).await?).map_err(Problem::from)?;
            }
            Some(NewSigner::Key(new)) => check_key(&new.key, &enrolment.challenge).await?,
            None => {}
        }
        match &enrolment.recovery_key {
            Some(new) => check_key(&new.key, &enrolment.challenge).await,
            None => Ok(()),
        }
    }

    /// The recovery key that comes from there, once what registered it is verified.
    async fn recovery_key(&mut self, source: &Source<'_>, id: CredentialId) -> Result<PublicKey, Failure> {
        match source {
            Source::SignUp(credentials) => {
                check_credentials(credentials).await?;
            }
            // They come before the entry that asks, so this ends.
            Source::Change(brought) => Box::pin(self.signed(brought.entry, None)).await?,
            Source::Enrolment(before, _) => Box::pin(self.signed(before, None)).await?,
        }
        Ok(source.recovery_key().ok_or(Problem::NotRegistered(id))?)
    }
}

/// A new key, and that its owner has it.
async fn check_key(new: &NewKey, challenge: &Bytes) -> Result<(), Failure> {
    let proof = new.check(&challenge.0, sha256(&new.client_data.0).await?).map_err(Problem::from)?;
    check_signature(&proof.key, &proof.message, &proof.signature).await
}

/// The document's challenge, if the page shows its fingerprint and no other.
async fn challenge(document: &Bytes, shown: Option<&str>) -> Result<[u8; 32], Failure> {
    let challenge = sha256(&challenge_message(&document.0)).await?;
    let own = fingerprint(&challenge);
    if shown.is_some_and(|shown| shown != own) { Err(Problem::Fingerprint(own).into()) } else { Ok(challenge) }
}

async fn check_signature(key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), Failure> {
    if webcrypto::verify(key, message, signature).await? { Ok(()) } else { Err(Problem::Signature.into()) }
}

async fn check_signatures(signatures: &[KeySignature]) -> Result<(), Failure> {
    for KeySignature { key, message, signature } in signatures {
        check_signature(key, message, signature).await?;
    }
    Ok(())
}

/// The credential that a change brings, if it brings one.
async fn check_new(change: &Change, origin: &str, rp_id: [u8; 32]) -> Result<(), Failure> {
    match change {
        Change::OwnAccount(AccountChange::AddPasskey { passkey, .. }) => {
            passkey.check(origin, rp_id).map_err(Problem::from)?;
            Ok(())
        }
        Change::OwnAccount(AccountChange::ReplaceRecoveryKey { challenge, recovery_key }) => {
            check_recovery_key(recovery_key.proof(challenge), &recovery_key.signature.0).await
        }
        Change::OwnAccount(AccountChange::AddKey { challenge, key, .. } | AccountChange::SetRecoveryKey { challenge, key, .. }) => {
            check_key(key, challenge).await
        }
        Change::OwnAccount(AccountChange::Recover { passkey, recovery_key, .. }) => {
            passkey.check(origin, rp_id).map_err(Problem::from)?;
            check_recovery_key(recovery_key.proof(&passkey.challenge), &recovery_key.signature.0).await
        }
        _ => Ok(()),
    }
}

/// That a new recovery key signed what it must have signed.
async fn check_recovery_key(proof: Option<(PublicKey, Vec<u8>)>, signature: &[u8]) -> Result<(), Failure> {
    let (key, message) = proof.ok_or(Problem::RecoveryKey)?;
    if webcrypto::verify(&key, &message, signature).await? { Ok(()) } else { Err(Problem::RecoverySignature.into()) }
}

/// The passkey's registration, and that the recovery key beside it signed for it.
async fn check_credentials(credentials: &Credentials) -> Result<SigningKey, Failure> {
    let rp_id_hash = sha256(credentials.rp_id.as_bytes()).await?;
    let key = credentials.check_passkey(rp_id_hash).map_err(Problem::from)?;
    check_recovery_key(credentials.recovery_proof(), &credentials.recovery_key.signature.0).await?;
    Ok(key)
}
