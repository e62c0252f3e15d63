//! A history of three entries, and what is said when one of them is not what it was. `ring` stands in for WebCrypto.

use super::*;
use crate::{
    action::{
        bytes::Bytes,
        challenge::sha256,
        change::UserRef,
        document::{NONCE_LENGTH, VERSION, challenge, created_id},
        history::{
            checkpoint::CheckpointSigner,
            entry::{self, Genesis, Hashes, PasskeyProof, RecoveryKeyProof, Registration},
            statement::{KeyStatement, Statement, break_glass_message, key_change_message},
        },
        recovery_key::recovery_key_message,
    },
    domain::{
        id::ActionId,
        operation::Operation,
        text::{EmailAddress, OrganizationName},
        user::UserKind,
    },
};
use data_encoding::BASE64URL_NOPAD;
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use ring::signature::{Ed25519KeyPair, KeyPair};

const ORGANIZATION: OrganizationId = OrganizationId::from_bytes([1; 16]);
const ORIGIN: &str = "https://id.example.org";
const RP_ID: &str = "id.example.org";
const ADA: u8 = 2;
const BOB: u8 = 3;

fn user(number: u8, email: &str) -> UserRef {
    UserRef { id: UserId::from_bytes([number; 16]), handle: EmailAddress::parse(email).unwrap().into() }
}

fn ada() -> UserRef {
    user(ADA, "ada@example.org")
}

fn key(owner: u8) -> SigningKey {
    SigningKey::from_slice(&[owner; 32]).unwrap()
}

fn passkey(owner: u8) -> CredentialId {
    CredentialId::from_bytes([owner; 16])
}

fn client_data(kind: &str, challenge: &[u8]) -> Vec<u8> {
    let challenge = BASE64URL_NOPAD.encode(challenge);
    format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{ORIGIN}","crossOrigin":false}}"#).into_bytes()
}

fn authenticator_data(flags: u8, rest: &[u8]) -> Vec<u8> {
    [&sha256(RP_ID.as_bytes())[..], &[flags], &[0; 4], rest].concat()
}

fn credentials(owner: u8) -> Credentials {
    let registration_challenge = [owner; 32];
    let point = key(owner).verifying_key().to_encoded_point(false);
    let (x, y) = (point.x().unwrap(), point.y().unwrap());
    let cose = [b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20", &x[..], b"\x22\x58\x20", y].concat();
    let credential_id = [owner; 32];
    // Present, verified, and with a credential.
    let data = authenticator_data(0x45, &[&[0; 16][..], &[0, 32], &credential_id, &cose].concat());
    let length = u8::try_from(data.len()).unwrap();
    let attestation = [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58", &[length][..], &data].concat();
    let recovery = Ed25519KeyPair::from_seed_unchecked(&[owner; 32]).unwrap();
    Credentials {
        origin: ORIGIN.to_owned(),
        rp_id: RP_ID.to_owned(),
        challenge: Bytes(registration_challenge.to_vec()),
        passkey: PasskeyProof {
            id: passkey(owner),
            credential_id: Bytes(credential_id.to_vec()),
            client_data: Bytes(client_data("webauthn.create", &registration_challenge)),
            attestation_object: Bytes(attestation),
        },
        recovery_key: RecoveryKeyProof {
            id: CredentialId::from_bytes([owner + 100; 16]),
            public_key: Bytes(recovery.public_key().as_ref().to_vec()),
            salt: Bytes(vec![0; 32]),
            signature: Bytes(recovery.sign(&recovery_key_message(&registration_challenge)).as_ref().to_vec()),
        },
    }
}

fn at(index: u64, what: What) -> Entry {
    Entry { v: entry::VERSION, index, organization: ORGANIZATION, executed_at: Timestamp::from_millis(2_000), what }
}

fn genesis() -> Entry {
    let genesis = Genesis {
        name: OrganizationName::parse("Analytical Engines").unwrap(),
        admin: ada(),
        full_admin: PermissionId::from_bytes([4; 16]),
        end_user: PermissionId::from_bytes([5; 16]),
        assignment: AssignmentId::from_bytes([6; 16]),
        checkpoint_key: "id.example.org+00000000+AAAA".to_owned(),
        credentials: credentials(ADA),
    };
    at(0, What::Genesis(Box::new(genesis)))
}

fn signed_up() -> Entry {
    let registration = Registration { user: user(BOB, "bob@example.org"), credentials: credentials(BOB) };
    at(1, What::Registration(Box::new(registration)))
}

fn written() -> Document {
    Document {
        v: VERSION,
        id: ActionId::from_bytes([7; 16]),
        organization: ORGANIZATION,
        origin: ORIGIN.to_owned(),
        rp_id: RP_ID.to_owned(),
        actor: ada(),
        operation: Some(Operation::UsersCreate),
        change: Change::CreateUser {
            email: EmailAddress::parse("grace@example.org").unwrap(),
            kind: UserKind::Employee,
            external_id: None,
        },
        issued_at: Timestamp::from_millis(1_000),
        expires_at: Timestamp::from_millis(301_000),
        nonce: Bytes(vec![8; NONCE_LENGTH]),
    }
}

/// The document, signed with the passkey of `signer`.
fn signed(document: &Document, signer: u8) -> SignedAction {
    let bytes = document.to_bytes().unwrap();
    let client_data = client_data("webauthn.get", &challenge(&bytes));
    let authenticator_data = authenticator_data(0x05, &[]);
    let signature: Signature = key(signer).sign(&[&authenticator_data[..], &sha256(&client_data)].concat());
    SignedAction {
        created: created(&document.change, created_id(&challenge(&bytes))),
        document: Bytes(bytes),
        credential: passkey(signer),
        key: None,
        authenticator_data: Some(Bytes(authenticator_data)),
        client_data: Bytes(client_data),
        signature: Bytes(signature.to_der().as_bytes().to_vec()),
    }
}

/// What the browser finds out, with `ring` in place of WebCrypto.
fn read(line: &str, registrations: &[Entry]) -> Result<(), Problem> {
    let entry = entry(line, ORGANIZATION, 2)?;
    let What::Action(action) = &entry.what else { panic!("no action") };
    let document = document(&entry, &action.document)?;
    let rp_id = sha256(document.rp_id.as_bytes());
    let key = match registration(registrations, &entry, action.credential, &document.actor, &document.rp_id)? {
        Source::SignUp(credentials) => SignerKey::Passkey(credentials.check_passkey(rp_id)?),
        Source::Change(brought) => brought.signer(rp_id)?.unwrap(),
        Source::Enrolment(..) => unreachable!("nothing is enrolled here"),
    };
    let challenge = challenge(&action.document.0);
    let hashes = Hashes { rp_id, challenge, client_data: sha256(&action.client_data.0) };
    let checked = action.check(&document, &hashes, &key)?;
    checked.public_key().verify(checked.message(), checked.signature()).map_err(|_| Problem::Signature)?;
    check_created(action, &document.change, created_id(&challenge))
}

fn verdict(action: SignedAction) -> Result<(), Problem> {
    read(&at(2, What::Action(Box::new(action))).to_line().unwrap(), &[genesis(), signed_up()])
}

#[test]
fn an_honest_entry_verifies_with_nothing_but_its_registration() {
    assert_eq!(verdict(signed(&written(), ADA)), Ok(()));
    let line = at(2, What::Action(Box::new(signed(&written(), ADA)))).to_line().unwrap();
    assert_eq!(read(&line, &[genesis()]), Ok(()));
}

#[test]
fn registrations_prove_themselves() {
    for registered in [genesis(), signed_up()] {
        let (_, credentials) = registered.credentials().unwrap();
        credentials.check_passkey(sha256(RP_ID.as_bytes())).unwrap();
        let (key, message) = credentials.recovery_proof().unwrap();
        key.verify(&message, &credentials.recovery_key.signature.0).unwrap();
        assert_eq!(entry(&registered.to_line().unwrap(), ORGANIZATION, registered.index), Ok(registered));
    }
}

#[test]
fn an_entry_stands_in_its_place() {
    let line = |entry: &Entry| entry.to_line().unwrap();
    assert_eq!(entry(&line(&signed_up()), ORGANIZATION, 2), Err(Problem::Index { found: 1, expected: 2 }));
    let elsewhere = OrganizationId::from_bytes([9; 16]);
    assert_eq!(entry(&line(&signed_up()), elsewhere, 1), Err(Problem::Organization(ORGANIZATION)));
    let second_beginning = Entry { index: 1, ..genesis() };
    assert_eq!(entry(&line(&second_beginning), ORGANIZATION, 1), Err(Problem::Genesis));
    let no_beginning = Entry { index: 0, ..signed_up() };
    assert_eq!(entry(&line(&no_beginning), ORGANIZATION, 0), Err(Problem::Genesis));
    assert!(matches!(entry("{}", ORGANIZATION, 0), Err(Problem::Entry(_))));
}

#[test]
fn the_passkey_was_the_actors_and_registered_before() {
    let line = at(2, What::Action(Box::new(signed(&written(), ADA)))).to_line().unwrap();
    assert_eq!(read(&line, &[]), Err(Problem::NotRegistered(passkey(ADA))));
    assert_eq!(read(&line, &[signed_up()]), Err(Problem::NotRegistered(passkey(ADA))));
    let elsewhere = Entry { organization: OrganizationId::from_bytes([9; 16]), ..genesis() };
    assert_eq!(read(&line, &[elsewhere]), Err(Problem::NotRegistered(passkey(ADA))));
    assert_eq!(read(&line, &[Entry { index: 2, ..genesis() }]), Err(Problem::RegisteredLater(2)));
    assert_eq!(verdict(signed(&written(), BOB)), Err(Problem::NotTheirPasskey(ada().handle)));
    let mut other_site = genesis();
    let What::Genesis(inner) = &mut other_site.what else { panic!("no genesis") };
    inner.credentials.rp_id = "example.com".to_owned();
    let expected = Problem::RelyingParty { document: RP_ID.to_owned(), passkey: "example.com".to_owned() };
    assert_eq!(read(&line, &[other_site]), Err(expected));
}

#[test]
fn the_document_is_this_organizations_and_was_in_time() {
    let elsewhere = OrganizationId::from_bytes([9; 16]);
    let foreign = signed(&Document { organization: elsewhere, ..written() }, ADA);
    assert_eq!(verdict(foreign), Err(Problem::DocumentOrganization(elsewhere)));
    let late = Timestamp::from_millis(2_000);
    let expired = signed(&Document { expires_at: late, ..written() }, ADA);
    assert_eq!(verdict(expired), Err(Problem::Expired { expired: late, executed: late }));
}

#[test]
fn nothing_in_it_can_be_changed_afterwards() {
    let good = signed(&written(), ADA);
    let other = Document { nonce: Bytes(vec![9; NONCE_LENGTH]), ..written() };
    let swapped = SignedAction { document: Bytes(other.to_bytes().unwrap()), ..good.clone() };
    assert!(matches!(verdict(swapped), Err(Problem::Assertion(_))));

    let unverified = SignedAction { authenticator_data: Some(Bytes(authenticator_data(0x01, &[]))), ..good.clone() };
    assert!(matches!(verdict(unverified), Err(Problem::Assertion(_))));

    let synced = SignedAction { authenticator_data: Some(Bytes(authenticator_data(0x0d, &[]))), ..good.clone() };
    assert!(matches!(verdict(synced), Err(Problem::Assertion(_))));

    let forged: Signature = key(BOB).sign(b"something else");
    let forged = SignedAction { signature: Bytes(forged.to_der().as_bytes().to_vec()), ..good.clone() };
    assert_eq!(verdict(forged), Err(Problem::Signature));

    let renamed = SignedAction { created: None, ..good.clone() };
    let expected = good.created.clone().unwrap();
    assert_eq!(verdict(renamed), Err(Problem::Created { found: "nothing".to_owned(), expected }));
}

#[test]
fn a_problem_ends_the_sentence_that_the_page_begins() {
    for problem in [
        Problem::Index { found: 1, expected: 2 },
        Problem::Genesis,
        Problem::NotTheirPasskey(ada().handle),
        Problem::RecoverySignature,
        Problem::Signature,
        Problem::Fingerprint("0000-0000".to_owned()),
    ] {
        let words = problem.to_string();
        assert!(words.starts_with(char::is_lowercase) && !words.ends_with('.'), "{words}");
    }
}

fn server(seed: u8) -> CheckpointSigner {
    CheckpointSigner::new(RP_ID, &[seed; 32]).unwrap()
}

/// A history that begins with the server's key of this seed.
fn begun_by(seed: u8) -> Entry {
    let What::Genesis(mut genesis) = genesis().what else { unreachable!() };
    server(seed).key().clone_into(&mut genesis.checkpoint_key);
    at(0, What::Genesis(genesis))
}

fn changed(index: u64, before: u8, new: u8) -> Entry {
    let Entry { organization, executed_at, .. } = genesis();
    let statement = KeyStatement { index, organization, executed_at, key: server(new).key().to_owned() }.to_bytes().unwrap();
    let [signature, new_signature] = [before, new].map(|seed| Bytes(server(seed).sign_message(&key_change_message(&statement))));
    at(index, What::KeyChange(Box::new(KeyChange { statement: Bytes(statement), signature, new_signature })))
}

fn ordered(index: u64, seed: u8) -> Entry {
    let Entry { organization, executed_at, .. } = genesis();
    let statement = Statement { index, organization, executed_at, user: ada() }.to_bytes().unwrap();
    let signature = Bytes(server(seed).sign_message(&break_glass_message(&statement)));
    at(index, What::BreakGlass(Box::new(BreakGlass { statement: Bytes(statement), signature })))
}

/// What the browser finds out of what the server said itself.
fn said(entry: &Entry, registrations: &[Entry]) -> Result<(), Problem> {
    let signatures = match &entry.what {
        What::BreakGlass(order) => break_glass(registrations, entry, order)?,
        What::KeyChange(change) => key_change(registrations, entry, change)?,
        _ => panic!("the server says nothing here"),
    };
    assert!(!signatures.is_empty());
    let all = signatures.iter().try_for_each(|signed| signed.key.verify(&signed.message, &signed.signature));
    all.map_err(|_| Problem::Signature)
}

#[test]
fn what_the_server_says_is_by_the_key_in_force_at_its_place() {
    // The order in which they come says nothing.
    let naming = [changed(5, 12, 13), begun_by(11), changed(3, 11, 12)];
    for (index, right) in [(1, 11), (3, 11), (4, 12), (5, 12), (6, 13), (9, 13)] {
        for seed in [11, 12, 13, 14] {
            let expected = if seed == right { Ok(()) } else { Err(Problem::Signature) };
            assert_eq!(said(&ordered(index, seed), &naming), expected, "{index}, {seed}");
        }
    }
    assert_eq!(said(&changed(3, 11, 12), &naming), Ok(()));
    assert_eq!(said(&changed(5, 12, 13), &naming), Ok(()));
    assert_eq!(said(&changed(6, 12, 14), &naming), Err(Problem::Signature), "the key of before can't change it again");
    assert_eq!(said(&changed(6, 13, 14), &naming), Ok(()));
}

#[test]
fn a_key_counts_only_if_the_one_before_says_so() {
    // Somebody put a key of their own between, and signed with it.
    assert_eq!(said(&ordered(4, 14), &[begun_by(11), changed(3, 14, 14)]), Err(Problem::Signature));
    assert_eq!(said(&changed(4, 14, 15), &[begun_by(11), changed(3, 14, 14)]), Err(Problem::Signature));
    // Or the new key wasn't there.
    let What::KeyChange(mut unproven) = changed(3, 11, 12).what else { unreachable!() };
    unproven.new_signature = unproven.signature.clone();
    let unproven = at(3, What::KeyChange(unproven));
    assert_eq!(said(&unproven, &[begun_by(11)]), Err(Problem::Signature));
    assert_eq!(said(&ordered(4, 12), &[begun_by(11), unproven]), Err(Problem::Signature));
    // Left out, it is missed.
    assert_eq!(said(&ordered(6, 13), &[begun_by(11), changed(5, 12, 13)]), Err(Problem::Signature));
    assert_eq!(said(&ordered(6, 13), &[changed(5, 12, 13)]), Err(Problem::ServerKey));
    assert_eq!(said(&ordered(6, 13), &[]), Err(Problem::ServerKey));
    assert_eq!(said(&changed(6, 13, 14), &[]), Err(Problem::ServerKey));
    assert_eq!(said(&ordered(1, 11), &[genesis()]), Err(Problem::ServerKey), "what it names is no key");
    let elsewhere = Entry { organization: OrganizationId::from_bytes([9; 16]), ..begun_by(11) };
    assert_eq!(said(&ordered(1, 11), &[elsewhere]), Err(Problem::ServerKey));
}

#[test]
fn what_the_server_says_is_about_its_own_entry() {
    for right in [ordered(4, 11), changed(4, 11, 12)] {
        assert_eq!(said(&right, &[begun_by(11)]), Ok(()));
        for elsewhere in [
            Entry { index: 5, ..right.clone() },
            Entry { executed_at: Timestamp::from_millis(2_001), ..right.clone() },
            Entry { organization: OrganizationId::from_bytes([9; 16]), ..right.clone() },
        ] {
            assert_eq!(said(&elsewhere, &[begun_by(11)]), Err(Problem::Statement));
        }
    }
    // Also where it is what another one is verified by.
    let moved = Entry { index: 5, ..changed(4, 11, 12) };
    assert_eq!(said(&ordered(6, 12), &[begun_by(11), moved]), Err(Problem::Statement));
}
