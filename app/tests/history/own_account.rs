//! What people do with their own account: more passkeys and fewer, another recovery kit, and a recovery when everything else
//! is lost. And what the server's operator does when the kit is lost as well.

use super::{
    authenticator::{HAS_CREDENTIAL, PRESENT, Passkey, RecoveryKey, Says, VERIFIED},
    story::{ORIGIN, Person, RP_ID, Story, address, create_user},
};
use app::{
    action::{
        account_change::{AccountChange, NewPasskey, NewRecoveryKey},
        bytes::Bytes,
        challenge::{Purpose, frame},
        change::Change,
        client_data::ClientDataError,
        document::{self, Document},
        history::{
            entry::{PasskeyProof, RecoveryKeyProof, SignedAction, SignedRecovery, What},
            replay::{Replay, ReplayError},
            statement::{BreakGlass, Statement, break_glass_message},
        },
        recovery_key::{recovery_key_message, recovery_message, recovery_test_message},
        rules::Denial,
        verify::{CeremonyError, RegistrationError},
    },
    domain::{
        id::{CredentialId, OrganizationId, UserId},
        operation::{Operation, Operations},
        text::PasskeyName,
        user::UserStatus,
    },
};
use ring::signature::Ed25519KeyPair;
use std::{collections::BTreeSet, mem, time::Duration};

/// Ada, and Bob, who may do no more than invite people.
pub fn team() -> (Story, Person, Person) {
    let (mut story, mut ada) = Story::begin();
    let bob = story.join(&mut ada, "bob@example.org");
    let inviting = story.define(&mut ada, "Inviting", &[Operation::UsersCreate]);
    story.give(&mut ada, inviting, &bob);
    (story, ada, bob)
}

/// A passkey that isn't registered; our id of it follows from the document that brings it.
pub fn fresh_passkey(story: &mut Story) -> Passkey {
    Passkey::on_security_key(story.chance.bytes(), CredentialId::from_bytes(story.chance.id()))
}

/// The key of a kit that isn't registered.
pub fn fresh_kit(story: &mut Story) -> RecoveryKey {
    RecoveryKey::new(story.chance.bytes(), CredentialId::from_bytes(story.chance.id()))
}

/// A passkey as a change brings it, over a challenge of its own; it says what `lie` leaves.
fn present(story: &mut Story, passkey: &mut Passkey, lie: impl FnOnce(&mut Says)) -> NewPasskey {
    let challenge = story.chance.bytes();
    let mut says = passkey.about_to_say("webauthn.create", &challenge, ORIGIN, RP_ID);
    says.flags |= HAS_CREDENTIAL;
    lie(&mut says);
    let PasskeyProof { credential_id, client_data, attestation_object, .. } = passkey.present(&says);
    NewPasskey { challenge: Bytes(challenge.to_vec()), credential_id, client_data, attestation_object, transports: vec!["usb".to_owned()] }
}

/// A recovery key as a change brings it.
pub fn proven(key: &RecoveryKey, challenge: &[u8]) -> NewRecoveryKey {
    let RecoveryKeyProof { public_key, salt, signature, .. } = key.prove(challenge);
    NewRecoveryKey { public_key, salt, signature }
}

pub fn called(name: &str) -> PasskeyName {
    PasskeyName::parse(name).unwrap()
}

fn adding(passkey: NewPasskey) -> Change {
    Change::OwnAccount(AccountChange::AddPasskey { name: called("Spare"), passkey })
}

fn renaming(id: CredentialId) -> Change {
    Change::OwnAccount(AccountChange::RenamePasskey { id, before: called("Spare"), after: called("Phone") })
}

pub fn removing(id: CredentialId) -> Change {
    Change::OwnAccount(AccountChange::RemovePasskey { id, name: called("Spare") })
}

pub fn replacing(challenge: [u8; 32], recovery_key: NewRecoveryKey) -> Change {
    Change::OwnAccount(AccountChange::ReplaceRecoveryKey { challenge: Bytes(challenge.to_vec()), recovery_key })
}

/// This person asks for a change and signs it; nothing is executed yet.
fn signed(story: &mut Story, person: &mut Person, change: Change) -> SignedAction {
    let document = story.document(person, change).to_bytes().unwrap();
    Story::sign(person, &document, |_| ())
}

/// What is said if this person did this now; the story stays as it was.
pub fn verdict(story: &mut Story, person: &mut Person, change: Change) -> Result<(), ReplayError> {
    let action = signed(story, person, change);
    story.verdict_on_action(action)
}

/// The same with another passkey than the one that they use.
fn verdict_with(story: &mut Story, person: &mut Person, passkey: &mut Passkey, change: Change) -> Result<(), ReplayError> {
    mem::swap(&mut person.passkey, passkey);
    let verdict = verdict(story, person, change);
    mem::swap(&mut person.passkey, passkey);
    verdict
}

/// Which of the signatures are valid that this entry leaves to be checked, if it came next.
pub fn signatures_of(story: &mut Story, what: What) -> Vec<bool> {
    let before = story.now;
    story.append(what);
    let mut replay = Replay::default();
    let mut signatures = Vec::new();
    for line in &story.lines {
        signatures = replay.entry(line).unwrap();
    }
    story.lines.pop();
    story.now = before;
    signatures.iter().map(|signature| signature.verify().is_ok()).collect()
}

/// What a person signs with at the story's end.
pub fn credentials_of(story: &Story, person: &Person) -> BTreeSet<CredentialId> {
    story.state().credentials.into_iter().filter(|(_, owner)| *owner == person.id).map(|(id, _)| id).collect()
}

/// Someone adds a passkey to their account.
pub fn add_passkey(story: &mut Story, person: &mut Person, mut passkey: Passkey) -> Passkey {
    let new = present(story, &mut passkey, |_| ());
    passkey.id = CredentialId::from_bytes(story.act(person, adding(new)));
    passkey
}

/// The id that an authenticator chose is in use.
fn taken(passkey: &Passkey) -> Result<(), ReplayError> {
    Err(ReplayError::IdTaken(Bytes(passkey.credential_id.clone()).to_string()))
}

#[test]
fn a_passkey_that_was_added_signs_what_comes_after() {
    let (mut story, mut ada) = Story::begin();
    let mut spare = fresh_passkey(&mut story);
    let change = adding(present(&mut story, &mut spare, |_| ()));
    let action = signed(&mut story, &mut ada, change);
    spare.id = CredentialId::from_bytes(document::created_id(&document::challenge(&action.document.0)));
    assert_eq!(action.created, Some(spare.id.to_string()));
    // Before.
    let refused = Err(ReplayError::Credential(spare.id));
    assert_eq!(verdict_with(&mut story, &mut ada, &mut spare, create_user("bob@example.org")), refused);
    // The server can't give it another id.
    for created in [Some(ada.passkey.id.to_string()), None] {
        let found = created.clone().unwrap_or_else(|| "nothing".to_owned());
        let verdict = story.verdict_on_action(SignedAction { created, ..action.clone() });
        assert_eq!(verdict, Err(ReplayError::Created { found, expected: spare.id.to_string() }));
    }

    story.append(What::Action(Box::new(action)));
    assert_eq!(verdict_with(&mut story, &mut ada, &mut spare, create_user("bob@example.org")), Ok(()));
    assert_eq!(verdict(&mut story, &mut ada, create_user("bob@example.org")), Ok(()), "the one before still signs");
    // It adds the next one, which signs, too.
    let first = mem::replace(&mut ada.passkey, spare);
    let third = fresh_passkey(&mut story);
    let third = add_passkey(&mut story, &mut ada, third);
    let second = mem::replace(&mut ada.passkey, third);
    story.act(&mut ada, create_user("bob@example.org"));
    assert_eq!(credentials_of(&story, &ada), BTreeSet::from([first.id, second.id, ada.passkey.id, ada.recovery_key.id]));
}

#[test]
fn a_passkey_that_was_added_signs_for_nobody_else() {
    let (mut story, mut ada, mut bob) = team();
    let spare = fresh_passkey(&mut story);
    let mut spare = add_passkey(&mut story, &mut bob, spare);
    assert_eq!(verdict_with(&mut story, &mut bob, &mut spare, create_user("cleo@example.org")), Ok(()));
    let refused = Err(ReplayError::Credential(spare.id));
    assert_eq!(verdict_with(&mut story, &mut ada, &mut spare, create_user("cleo@example.org")), refused);
}

type Lie = fn(&mut Says);

#[test]
fn a_passkey_that_is_added_is_judged_like_any_new_one() {
    const EVIL: &str = "https://evil.example";

    let lies: [(Lie, CeremonyError); 6] = [
        (|says| says.rp_id = "evil.example".to_owned(), CeremonyError::RelyingPartyDiffers),
        (|says| says.flags &= !VERIFIED, CeremonyError::UserNotVerified),
        (|says| says.flags &= !PRESENT, CeremonyError::UserAbsent),
        (
            |says| says.origin = EVIL.to_owned(),
            ClientDataError::OriginDiffers { expected: ORIGIN.to_owned(), found: EVIL.to_owned() }.into(),
        ),
        (|says| says.challenge[0] ^= 1, ClientDataError::ChallengeDiffers.into()),
        (
            |says| says.kind = "webauthn.get",
            ClientDataError::TypeDiffers { expected: "webauthn.create", found: "webauthn.get".to_owned() }.into(),
        ),
    ];
    let (mut story, _, mut bob) = team();
    let mut spare = fresh_passkey(&mut story);
    for (lie, error) in lies {
        let change = adding(present(&mut story, &mut spare, lie));
        assert_eq!(verdict(&mut story, &mut bob, change), Err(ReplayError::Registration(error.into())));
    }
    // What is beside the registration must be what it says.
    let mut new = present(&mut story, &mut spare, |_| ());
    new.credential_id.0[0] ^= 1;
    let differs = Err(ReplayError::Registration(RegistrationError::CredentialIdDiffers));
    assert_eq!(verdict(&mut story, &mut bob, adding(new)), differs);
    let new = present(&mut story, &mut spare, |_| ());
    assert_eq!(verdict(&mut story, &mut bob, adding(new)), Ok(()));
}

#[test]
fn no_authenticators_id_is_registered_twice() {
    let (mut story, ada, mut bob) = team();
    let spare = fresh_passkey(&mut story);
    let spare = add_passkey(&mut story, &mut bob, spare);
    // Somebody else's, one's own, and one that was added, under another key.
    for registered in [&ada.passkey, &spare] {
        let mut copy = fresh_passkey(&mut story);
        copy.credential_id = registered.credential_id.clone();
        let change = adding(present(&mut story, &mut copy, |_| ()));
        assert_eq!(verdict(&mut story, &mut bob, change), taken(registered));
    }
    let change = adding(present(&mut story, &mut bob.passkey, |_| ()));
    assert_eq!(verdict(&mut story, &mut bob, change), taken(&bob.passkey));
}

#[test]
fn people_rename_and_remove_their_own_passkeys_only() {
    let (mut story, mut ada, mut bob) = team();
    let spare = fresh_passkey(&mut story);
    let spare = add_passkey(&mut story, &mut bob, spare);
    let refused = Err(ReplayError::Denied(Denial::NoSuchPasskey));
    for id in [ada.passkey.id, bob.recovery_key.id, CredentialId::from_bytes([7; 16])] {
        assert_eq!(verdict(&mut story, &mut bob, renaming(id)), refused);
        assert_eq!(verdict(&mut story, &mut bob, removing(id)), refused);
    }
    for id in [bob.passkey.id, spare.id] {
        // Whoever may do everything may not do this.
        assert_eq!(verdict(&mut story, &mut ada, renaming(id)), refused);
        assert_eq!(verdict(&mut story, &mut ada, removing(id)), refused);
        assert_eq!(verdict(&mut story, &mut bob, renaming(id)), Ok(()));
        assert_eq!(verdict(&mut story, &mut bob, removing(id)), Ok(()));
    }
}

#[test]
fn nobody_removes_their_last_passkey() {
    let (mut story, _, mut bob) = team();
    let only = bob.passkey.id;
    let last = Err(ReplayError::Denied(Denial::LastPasskey));
    assert_eq!(verdict(&mut story, &mut bob, removing(only)), last, "the recovery kit doesn't count");
    assert_eq!(verdict(&mut story, &mut bob, renaming(only)), Ok(()));
    let spare = fresh_passkey(&mut story);
    let spare = add_passkey(&mut story, &mut bob, spare);
    assert_eq!(verdict(&mut story, &mut bob, removing(only)), Ok(()));
    story.act(&mut bob, removing(spare.id));
    assert_eq!(verdict(&mut story, &mut bob, removing(only)), last);
}

#[test]
fn a_passkey_that_was_removed_signs_nothing_and_is_free_again() {
    let (mut story, mut ada, mut bob) = team();
    let spare = fresh_passkey(&mut story);
    let mut spare = add_passkey(&mut story, &mut bob, spare);
    let mut copy = fresh_passkey(&mut story);
    copy.credential_id = spare.credential_id.clone();
    let by_ada = adding(present(&mut story, &mut copy, |_| ()));
    let by_bob = adding(present(&mut story, &mut spare, |_| ()));
    assert_eq!(verdict(&mut story, &mut ada, by_ada.clone()), taken(&spare));
    assert_eq!(verdict(&mut story, &mut bob, by_bob.clone()), taken(&spare));

    story.act(&mut bob, removing(spare.id));
    assert_eq!(credentials_of(&story, &bob), BTreeSet::from([bob.passkey.id, bob.recovery_key.id]));
    let refused = Err(ReplayError::Credential(spare.id));
    assert_eq!(verdict_with(&mut story, &mut bob, &mut spare, create_user("cleo@example.org")), refused);
    assert_eq!(verdict(&mut story, &mut ada, by_ada), Ok(()));
    assert_eq!(verdict(&mut story, &mut bob, by_bob), Ok(()));
    // Its id of before stays ended when it is registered again.
    let before = spare.id;
    let again = add_passkey(&mut story, &mut bob, spare);
    assert_ne!(again.id, before);
    // A passkey may remove itself.
    let mut first = mem::replace(&mut bob.passkey, again);
    let own = bob.passkey.id;
    story.act(&mut bob, removing(own));
    assert_eq!(verdict(&mut story, &mut bob, create_user("cleo@example.org")), Err(ReplayError::Credential(own)));
    assert_eq!(verdict_with(&mut story, &mut bob, &mut first, create_user("cleo@example.org")), Ok(()));
}

#[test]
fn a_new_recovery_key_is_proven_and_replaces_the_old_one() {
    let (mut story, _, mut bob) = team();
    let (challenge, kit) = (story.chance.bytes(), fresh_kit(&mut story));
    let honest = proven(&kit, &challenge);
    let forgeries = [
        bob.recovery_key.sign(&recovery_key_message(&challenge)),
        kit.sign(&recovery_key_message(&[7; 32])),
        kit.sign(&recovery_test_message(&challenge)),
        kit.sign(&challenge),
        Vec::new(),
    ];
    for signature in forgeries {
        let forged = NewRecoveryKey { signature: Bytes(signature), ..honest.clone() };
        let what = What::Action(Box::new(signed(&mut story, &mut bob, replacing(challenge, forged))));
        assert_eq!(signatures_of(&mut story, what.clone()), [true, false]);
        assert_eq!(story.verdict_on(what), Err(ReplayError::Signature));
    }
    let mut short = honest.clone();
    short.public_key.0.pop();
    assert_eq!(verdict(&mut story, &mut bob, replacing(challenge, short)), Err(ReplayError::RecoveryKey));

    let action = signed(&mut story, &mut bob, replacing(challenge, honest));
    let new = CredentialId::from_bytes(document::created_id(&document::challenge(&action.document.0)));
    assert_eq!(action.created, Some(new.to_string()));
    let what = What::Action(Box::new(action));
    assert_eq!(signatures_of(&mut story, what.clone()), [true, true]);
    story.append(what);
    assert_eq!(credentials_of(&story, &bob), BTreeSet::from([bob.passkey.id, new]));

    // From then on the new kit recovers the account, and the old one doesn't.
    let (by_old, _) = recovery_of(&mut story, &bob, |_| ());
    assert_eq!(said(&mut story, by_old), Err(ReplayError::Credential(bob.recovery_key.id)));
    bob.recovery_key = kit;
    bob.recovery_key.id = new;
    let (by_new, _) = recovery_of(&mut story, &bob, |_| ());
    assert_eq!(said(&mut story, by_new), Ok(()));
}

/// Someone with a new passkey and a new kit, neither of them registered.
fn renewed(story: &mut Story, lost: &Person) -> Person {
    Person { id: lost.id, email: lost.email.clone(), passkey: fresh_passkey(story), recovery_key: fresh_kit(story) }
}

/// The change that recovers an account with these.
fn recovering(story: &mut Story, renewed: &mut Person) -> Change {
    let passkey = present(story, &mut renewed.passkey, |_| ());
    let recovery_key = proven(&renewed.recovery_key, &passkey.challenge.0);
    Change::OwnAccount(AccountChange::Recover { name: called("Phone"), passkey, recovery_key })
}

/// Someone signs a document with their kit, honestly.
fn by_kit(lost: &Person, document: &Document) -> SignedRecovery {
    let bytes = document.to_bytes().unwrap();
    let challenge = document::challenge(&bytes);
    SignedRecovery {
        credential: lost.recovery_key.id,
        signature: Bytes(lost.recovery_key.sign(&recovery_message(&bytes))),
        passkey: CredentialId::from_bytes(document::created_id(&challenge)),
        recovery_key: CredentialId::from_bytes(document::created_recovery_key_id(&challenge)),
        document: Bytes(bytes),
    }
}

/// A recovery of what someone lost, by a document that was altered before it was signed, and who they are with it.
fn recovery_of(story: &mut Story, lost: &Person, alter: impl FnOnce(&mut Document)) -> (SignedRecovery, Person) {
    let mut renewed = renewed(story, lost);
    let change = recovering(story, &mut renewed);
    let mut document = story.document(lost, change);
    alter(&mut document);
    let recovery = by_kit(lost, &document);
    (renewed.passkey.id, renewed.recovery_key.id) = (recovery.passkey, recovery.recovery_key);
    (recovery, renewed)
}

/// Someone recovers their account.
pub fn recover(story: &mut Story, lost: &Person) -> Person {
    let (recovery, renewed) = recovery_of(story, lost, |_| ());
    story.append(What::Recovery(Box::new(recovery)));
    renewed
}

/// What would be said to this recovery.
fn said(story: &mut Story, recovery: SignedRecovery) -> Result<(), ReplayError> {
    story.verdict_on(What::Recovery(Box::new(recovery)))
}

#[test]
fn a_recovery_replaces_what_its_owner_signs_with_and_nothing_else() {
    let (mut story, mut ada, mut bob) = team();
    let spare = fresh_passkey(&mut story);
    let mut spare = add_passkey(&mut story, &mut bob, spare);
    let mut expected = story.state();
    let (recovery, mut renewed) = recovery_of(&mut story, &bob, |_| ());
    let what = What::Recovery(Box::new(recovery));
    assert_eq!(signatures_of(&mut story, what.clone()), [true, true]);
    story.append(what);

    expected.credentials.retain(|_, owner| *owner != bob.id);
    expected.credentials.extend([(renewed.passkey.id, bob.id), (renewed.recovery_key.id, bob.id)]);
    assert_eq!(story.state(), expected);
    let invite = || create_user("cleo@example.org");
    assert_eq!(verdict(&mut story, &mut bob, invite()), Err(ReplayError::Credential(bob.passkey.id)));
    assert_eq!(verdict_with(&mut story, &mut bob, &mut spare, invite()), Err(ReplayError::Credential(spare.id)));
    assert_eq!(verdict(&mut story, &mut ada, invite()), Ok(()));
    // What Bob may do stays: he may still invite people, and no more.
    assert_eq!(verdict(&mut story, &mut renewed, invite()), Ok(()));
    let denied = Err(ReplayError::Denied(Denial::NotPermitted(Operation::UsersDelete)));
    assert_eq!(verdict(&mut story, &mut renewed, Change::DeleteUser { user: ada.named() }), denied);
    // There is one passkey now, whatever there was before.
    let only = removing(renewed.passkey.id);
    assert_eq!(verdict(&mut story, &mut renewed, only), Err(ReplayError::Denied(Denial::LastPasskey)));
}

#[test]
fn a_recovery_is_signed_by_the_kit_for_no_other_purpose() {
    let (mut story, ada, bob) = team();
    let (honest, renewed) = recovery_of(&mut story, &bob, |_| ());
    let document = honest.document.0.clone();
    let others = Purpose::ALL.into_iter().filter(|purpose| *purpose != Purpose::Recovery);
    let mut forgeries: Vec<Vec<u8>> = others.map(|purpose| bob.recovery_key.sign(&frame(purpose, &document))).collect();
    forgeries.extend([
        bob.recovery_key.sign(&document),
        bob.recovery_key.sign(&frame(Purpose::Action, &document::challenge(&document))),
        ada.recovery_key.sign(&recovery_message(&document)),
        renewed.recovery_key.sign(&recovery_message(&document)),
        Vec::new(),
    ]);
    for signature in forgeries {
        let what = What::Recovery(Box::new(SignedRecovery { signature: Bytes(signature), ..honest.clone() }));
        assert_eq!(signatures_of(&mut story, what.clone()), [false, true]);
        assert_eq!(story.verdict_on(what), Err(ReplayError::Signature));
    }
    assert_eq!(said(&mut story, honest), Ok(()));
}

/// What a document's recovery brings.
fn brought(document: &mut Document) -> (&mut NewPasskey, &mut NewRecoveryKey) {
    let Change::OwnAccount(AccountChange::Recover { passkey, recovery_key, .. }) = &mut document.change else {
        panic!("the document recovers an account")
    };
    (passkey, recovery_key)
}

#[test]
fn what_a_recovery_brings_is_proven() {
    let (mut story, ada, bob) = team();
    let (recovery, _) = recovery_of(&mut story, &bob, |document| brought(document).1.signature.0[0] ^= 1);
    let what = What::Recovery(Box::new(recovery));
    assert_eq!(signatures_of(&mut story, what), [true, false]);
    let (recovery, _) = recovery_of(&mut story, &bob, |document| brought(document).1.public_key.0.push(0));
    assert_eq!(said(&mut story, recovery), Err(ReplayError::RecoveryKey));
    let (recovery, _) = recovery_of(&mut story, &bob, |document| brought(document).0.challenge.0[0] ^= 1);
    let error = CeremonyError::ClientData(ClientDataError::ChallengeDiffers);
    assert_eq!(said(&mut story, recovery), Err(ReplayError::Registration(error.into())));

    // Another's authenticator is in use; one's own isn't any more.
    for (passkey, expected) in [(&ada.passkey, taken(&ada.passkey)), (&bob.passkey, Ok(()))] {
        let mut renewed = renewed(&mut story, &bob);
        renewed.passkey.credential_id = passkey.credential_id.clone();
        let change = recovering(&mut story, &mut renewed);
        let document = story.document(&bob, change);
        assert_eq!(said(&mut story, by_kit(&bob, &document)), expected);
    }
}

#[test]
fn a_recovery_is_by_its_owners_kit_of_the_moment() {
    let (mut story, ada, bob) = team();
    let (honest, _) = recovery_of(&mut story, &bob, |_| ());
    for credential in [ada.recovery_key.id, bob.passkey.id, honest.recovery_key] {
        let forged = SignedRecovery { credential, ..honest.clone() };
        assert_eq!(said(&mut story, forged), Err(ReplayError::Credential(credential)));
    }
    // Ada's kit recovers nothing of Bob's, even if she says whose it is.
    let as_bob = Person { id: bob.id, email: bob.email.clone(), ..ada };
    let (by_ada, _) = recovery_of(&mut story, &as_bob, |_| ());
    assert_eq!(said(&mut story, by_ada), Err(ReplayError::Credential(as_bob.recovery_key.id)));

    // A kit recovers once; the one that came with the recovery is the next.
    let renewed = recover(&mut story, &bob);
    let (again, _) = recovery_of(&mut story, &bob, |_| ());
    assert_eq!(said(&mut story, again), Err(ReplayError::Credential(bob.recovery_key.id)));
    let (next, _) = recovery_of(&mut story, &renewed, |_| ());
    assert_eq!(said(&mut story, next), Ok(()));
}

#[test]
fn the_ids_of_what_a_recovery_brings_follow_from_its_document() {
    let (mut story, _, bob) = team();
    let (honest, _) = recovery_of(&mut story, &bob, |_| ());
    let (passkey, recovery_key, other) = (honest.passkey, honest.recovery_key, CredentialId::from_bytes([7; 16]));
    assert_ne!(passkey, recovery_key);
    for (found, expected, forged) in [
        (other, passkey, SignedRecovery { passkey: other, ..honest.clone() }),
        (other, recovery_key, SignedRecovery { recovery_key: other, ..honest.clone() }),
        (recovery_key, passkey, SignedRecovery { passkey: recovery_key, recovery_key: passkey, ..honest.clone() }),
        (passkey, recovery_key, SignedRecovery { recovery_key: passkey, ..honest.clone() }),
    ] {
        let (found, expected) = (found.to_string(), expected.to_string());
        assert_eq!(said(&mut story, forged), Err(ReplayError::Created { found, expected }));
    }
    assert_eq!(said(&mut story, honest), Ok(()));
}

#[test]
fn who_is_not_active_recovers_nothing() {
    let (mut story, mut ada, bob) = team();
    let refused = Err(ReplayError::Actor(bob.id));
    let (by_another_address, _) = recovery_of(&mut story, &bob, |document| document.actor.handle = address("eve@example.org").into());
    assert_eq!(said(&mut story, by_another_address), refused);
    story.act(&mut ada, Change::DeactivateUser { user: bob.named() });
    let (deactivated, _) = recovery_of(&mut story, &bob, |_| ());
    assert_eq!(said(&mut story, deactivated), refused);
    story.act(&mut ada, Change::ActivateUser { user: bob.named() });
    let (active, _) = recovery_of(&mut story, &bob, |_| ());
    assert_eq!(said(&mut story, active), Ok(()));
    story.act(&mut ada, Change::DeleteUser { user: bob.named() });
    let (deleted, _) = recovery_of(&mut story, &bob, |_| ());
    assert_eq!(said(&mut story, deleted), refused);
    let cleo = story.invite(&mut ada, "cleo@example.org");
    let (invited, _) = recovery_of(&mut story, &cleo, |_| ());
    assert_eq!(said(&mut story, invited), Err(ReplayError::Actor(cleo.id)));
}

#[test]
fn a_kit_signs_recoveries_only_and_they_need_one() {
    let (mut story, mut ada, _) = team();
    let own = ada.passkey.id;
    for change in [create_user("cleo@example.org"), renaming(own), removing(own)] {
        let (recovery, _) = recovery_of(&mut story, &ada, |document| {
            document.operation = change.operation();
            document.change = change;
        });
        assert_eq!(said(&mut story, recovery), Err(ReplayError::Denied(Denial::NeedsPasskey)));
    }
    let mut renewed = renewed(&mut story, &ada);
    let change = recovering(&mut story, &mut renewed);
    assert_eq!(verdict(&mut story, &mut ada, change), Err(ReplayError::Denied(Denial::NeedsKit)));
}

#[test]
fn a_recovery_is_executed_once_and_in_time() {
    let (mut story, _, bob) = team();
    // An entry is executed a minute after the one before.
    let executed = story.now.plus(Duration::from_mins(1));
    let (too_late, _) = recovery_of(&mut story, &bob, |document| document.expires_at = executed);
    assert_eq!(said(&mut story, too_late), Err(ReplayError::Expired { expired: executed, executed }));
    let (just_now, _) = recovery_of(&mut story, &bob, |document| document.expires_at = executed.plus(Duration::from_millis(1)));
    assert_eq!(said(&mut story, just_now.clone()), Ok(()));

    let id = Document::parse(&just_now.document.0).unwrap().id;
    story.append(What::Recovery(Box::new(just_now.clone())));
    let repeated = Err(ReplayError::Repeated(id));
    assert_eq!(said(&mut story, just_now), repeated);
    // Nor is another document of the same action.
    let (other, _) = recovery_of(&mut story, &bob, |document| document.id = id);
    assert_eq!(said(&mut story, other), repeated);
}

/// What the server says if it lets this person in by the next entry.
pub fn statement(story: &Story, person: &Person) -> Statement {
    Statement {
        index: u64::try_from(story.lines.len()).unwrap(),
        organization: story.organization,
        executed_at: story.now.plus(Duration::from_mins(1)),
        user: person.named(),
    }
}

pub fn signed_by(seed: &[u8; 32], message: &[u8]) -> Bytes {
    Bytes(Ed25519KeyPair::from_seed_unchecked(seed).unwrap().sign(message).as_ref().to_vec())
}

/// A statement with the server's signature.
fn order(story: &Story, statement: &Statement) -> BreakGlass {
    let statement = serde_json::to_vec(statement).unwrap();
    BreakGlass { signature: signed_by(&story.checkpoint_seed, &break_glass_message(&statement)), statement: Bytes(statement) }
}

/// The honest entry that lets this person in.
pub fn break_glass(story: &Story, person: &Person) -> What {
    What::BreakGlass(Box::new(order(story, &statement(story, person))))
}

#[test]
fn by_the_operators_order_someone_enrols_again() {
    let (mut story, _, mut bob) = team();
    let mut expected = story.state();
    let what = break_glass(&story, &bob);
    assert_eq!(signatures_of(&mut story, what.clone()), [true]);
    story.append(what);

    // Bob has nothing to sign with, and what he may do waits for him.
    expected.credentials.retain(|_, owner| *owner != bob.id);
    let user = expected.users.get_mut(&bob.id).unwrap();
    (user.status, user.is_registered) = (UserStatus::Invited, false);
    assert!(!user.assignments.is_empty());
    assert_eq!(story.state(), expected);
    assert_eq!(story.state().held_by(bob.id), Operations::NONE);
    let refused = Err(ReplayError::Actor(bob.id));
    assert_eq!(verdict(&mut story, &mut bob, create_user("cleo@example.org")), refused);
    let (recovery, _) = recovery_of(&mut story, &bob, |_| ());
    assert_eq!(said(&mut story, recovery), refused);

    let renewed = renewed(&mut story, &bob);
    let mut renewed = story.register(renewed);
    assert_eq!(credentials_of(&story, &renewed), BTreeSet::from([renewed.passkey.id, renewed.recovery_key.id]));
    assert_eq!(verdict(&mut story, &mut bob, create_user("cleo@example.org")), Err(ReplayError::Credential(bob.passkey.id)));
    let (recovery, _) = recovery_of(&mut story, &bob, |_| ());
    assert_eq!(said(&mut story, recovery), Err(ReplayError::Credential(bob.recovery_key.id)));
    assert_eq!(verdict(&mut story, &mut renewed, create_user("cleo@example.org")), Ok(()));
}

#[test]
fn even_the_only_admin_enrols_again_and_with_the_same_authenticator() {
    let (mut story, ada) = Story::begin();
    let what = break_glass(&story, &ada);
    story.append(what);
    let mut ada = story.register(ada);
    story.act(&mut ada, create_user("bob@example.org"));
    assert_eq!(story.state().held_by(ada.id), Operations::All);
}

#[test]
fn an_order_opens_an_invitation_that_was_revoked() {
    let (mut story, mut ada) = Story::begin();
    let bob = story.invite(&mut ada, "bob@example.org");
    story.act(&mut ada, Change::RevokeInvitation { user: bob.named() });
    let what = break_glass(&story, &bob);
    story.append(what);
    let bob = story.register(bob);
    assert_eq!(credentials_of(&story, &bob), BTreeSet::from([bob.passkey.id, bob.recovery_key.id]));
}

#[test]
fn an_order_is_about_its_own_entry() {
    let forgeries: [fn(&mut Statement); 5] = [
        |statement| statement.index += 1,
        |statement| statement.index -= 1,
        |statement| statement.organization = OrganizationId::from_bytes([7; 16]),
        |statement| statement.executed_at = statement.executed_at.plus(Duration::from_millis(1)),
        |statement| statement.executed_at = statement.executed_at.minus(Duration::from_millis(1)),
    ];
    let (mut story, _, bob) = team();
    for forge in forgeries {
        let mut forged = statement(&story, &bob);
        forge(&mut forged);
        let what = What::BreakGlass(Box::new(order(&story, &forged)));
        assert_eq!(story.verdict_on(what), Err(ReplayError::Statement));
    }
    // Executed once, it lets nobody in a second time.
    let what = break_glass(&story, &bob);
    story.append(what.clone());
    let renewed = renewed(&mut story, &bob);
    story.register(renewed);
    assert_eq!(story.verdict_on(what), Err(ReplayError::Statement));

    let unreadable = BreakGlass { statement: Bytes(b"{}".to_vec()), signature: signed_by(&story.checkpoint_seed, b"{}") };
    let verdict = story.verdict_on(What::BreakGlass(Box::new(unreadable)));
    assert!(matches!(verdict, Err(ReplayError::Document(_))), "{verdict:?}");
}

#[test]
fn an_order_is_signed_by_the_servers_key_for_no_other_purpose() {
    let (mut story, ada, bob) = team();
    let honest = order(&story, &statement(&story, &bob));
    let message = honest.message();
    let others = Purpose::ALL.into_iter().filter(|purpose| *purpose != Purpose::BreakGlass);
    let mut forgeries: Vec<Bytes> = others.map(|purpose| signed_by(&story.checkpoint_seed, &frame(purpose, &honest.statement.0))).collect();
    forgeries.extend([
        signed_by(&story.checkpoint_seed, &honest.statement.0),
        signed_by(&[7; 32], &message),
        Bytes(ada.recovery_key.sign(&message)),
        Bytes(bob.recovery_key.sign(&message)),
        Bytes(Vec::new()),
    ]);
    for signature in forgeries {
        let what = What::BreakGlass(Box::new(BreakGlass { signature, ..honest.clone() }));
        assert_eq!(signatures_of(&mut story, what.clone()), [false]);
        assert_eq!(story.verdict_on(what), Err(ReplayError::Signature));
    }
    assert_eq!(story.verdict_on(What::BreakGlass(Box::new(honest))), Ok(()));
}

#[test]
fn an_order_lets_in_who_belongs_there() {
    let (mut story, mut ada, bob) = team();
    let refused = Err(ReplayError::Actor(bob.id));
    let mut by_another_address = statement(&story, &bob);
    by_another_address.user.handle = address("eve@example.org").into();
    let what = What::BreakGlass(Box::new(order(&story, &by_another_address)));
    assert_eq!(story.verdict_on(what), refused);
    let stranger = UserId::from_bytes([7; 16]);
    let mut unknown = statement(&story, &bob);
    unknown.user.id = stranger;
    let what = What::BreakGlass(Box::new(order(&story, &unknown)));
    assert_eq!(story.verdict_on(what), Err(ReplayError::Actor(stranger)));

    story.act(&mut ada, Change::DeactivateUser { user: bob.named() });
    let what = break_glass(&story, &bob);
    assert_eq!(story.verdict_on(what), refused);
    story.act(&mut ada, Change::ActivateUser { user: bob.named() });
    let what = break_glass(&story, &bob);
    assert_eq!(story.verdict_on(what), Ok(()));
    story.act(&mut ada, Change::DeleteUser { user: bob.named() });
    let what = break_glass(&story, &bob);
    assert_eq!(story.verdict_on(what), refused);
}
