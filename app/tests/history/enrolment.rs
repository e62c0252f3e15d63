//! What people register through the API: when they were invited, when they allowed it themselves, and when they recover their
//! account. And the keys that programs sign with, beside the passkeys of people.

use super::{
    authenticator::{HAS_CREDENTIAL, Passkey, RecoveryKey, Says},
    own_account::{
        add_passkey, called, credentials_of, fresh_kit, fresh_passkey, proven, recover, removing, replacing, signatures_of, team, verdict,
    },
    story::{ORIGIN, Person, RP_ID, Story, address, create_user},
};
use app::{
    action::{
        account_change::{AccountChange, NewPasskey},
        bytes::Bytes,
        challenge::sha256,
        change::{Change, UserRef},
        client_data::ClientDataError,
        cose::{CoseError, PublicKey},
        document::{self, Document},
        history::{
            entry::{
                Enrolment, Entry, Grounds, NewSigner, PasskeyProof, RecoveryProof, RegisteredKey, Registration, SignedAction, What, Who,
            },
            reader::{self, created},
            replay::ReplayError,
        },
        key::{KeyError, NewKey},
        recovery_key::recovery_message,
        rules::Denial,
        verify::{AssertionError, CeremonyError, RegistrationError},
    },
    domain::{
        credential::CredentialKind,
        id::{ActionId, CredentialId, UserId},
        operation::Operation,
        text::KeyId,
        time::Timestamp,
        user::UserStatus,
    },
};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

/// A key that a program signs or recovers with.
struct Key {
    pair: Pair,
    /// Our id of it. Where a change brings it, it follows from the document.
    id: CredentialId,
    /// The id that its owner chose.
    chosen: KeyId,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    Es256(SigningKey),
}

impl Key {
    fn ed25519(story: &mut Story, chosen: &str) -> Self {
        let pair = Pair::Ed25519(Ed25519KeyPair::from_seed_unchecked(&story.chance.bytes()).unwrap());
        Self { pair, id: CredentialId::from_bytes(story.chance.id()), chosen: KeyId::parse(chosen).unwrap() }
    }

    fn es256(story: &mut Story, chosen: &str) -> Self {
        let pair = Pair::Es256(SigningKey::from_slice(&story.chance.bytes()).unwrap());
        Self { pair, id: CredentialId::from_bytes(story.chance.id()), chosen: KeyId::parse(chosen).unwrap() }
    }

    fn public_key(&self) -> PublicKey {
        match &self.pair {
            Pair::Ed25519(pair) => PublicKey::Ed25519(pair.public_key().as_ref().try_into().unwrap()),
            Pair::Es256(key) => {
                let point = key.verifying_key().to_encoded_point(false);
                let coordinate = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).unwrap();
                PublicKey::Es256 { x: coordinate(&point.x().unwrap()[..]), y: coordinate(&point.y().unwrap()[..]) }
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Es256(key) => {
                let signature: Signature = key.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
        }
    }

    /// As its owner presents it, for this challenge.
    fn present(&self, challenge: &[u8]) -> NewKey {
        let client_data = client_data("key.create", challenge);
        let (pem, hash) = (self.public_key().to_pem(), HEXLOWER.encode(&sha256(&client_data)));
        let message = format!(r#"{{"clientDataHash":"{hash}","publicKey":{}}}"#, Value::from(pem.as_str()));
        let signature = HEXLOWER.encode(&self.sign(message.as_bytes()));
        let attestation = json!({ "publicKey": pem, "signature": signature }).to_string();
        NewKey { credential_id: self.chosen.clone(), client_data: Bytes(client_data), attestation: Bytes(attestation.into_bytes()) }
    }

    /// The same with our id of it.
    fn register(&self, challenge: &[u8]) -> RegisteredKey {
        RegisteredKey { id: self.id, key: self.present(challenge) }
    }

    /// Signs a document. The id of what it creates is the right one.
    fn sign_document(&self, document: &[u8]) -> SignedAction {
        let challenge = document::challenge(document);
        let change = Document::parse(document).unwrap().change;
        let signed = client_data("key.get", &challenge);
        SignedAction {
            document: Bytes(document.to_vec()),
            credential: self.id,
            authenticator_data: None,
            signature: Bytes(self.sign(&signed)),
            client_data: Bytes(signed),
            created: created(&change, document::created_id(&challenge)),
            key: None,
        }
    }

    /// Says, as a recovery key, that what this JSON names may be registered.
    fn let_in(&self, named: &Value) -> Grounds {
        let_in(self.id, |message| self.sign(message), named)
    }
}

/// What a program says beside its signature.
fn client_data(kind: &str, challenge: &[u8]) -> Vec<u8> {
    let challenge = BASE64URL_NOPAD.encode(challenge);
    format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{ORIGIN}","crossOrigin":false}}"#).into_bytes()
}

/// The recovery key with this id says that what this JSON names may be registered; it signs what `sign` does.
fn let_in(credential: CredentialId, sign: impl FnOnce(&[u8]) -> Vec<u8>, named: &Value) -> Grounds {
    let new_credentials = named.to_string().into_bytes();
    let signed = client_data("key.get", &new_credentials);
    Grounds::Recovery(Box::new(RecoveryProof {
        credential,
        new_credentials: Bytes(new_credentials),
        signature: Bytes(sign(&signed)),
        client_data: Bytes(signed),
    }))
}

/// Someone registers these keys, over one challenge.
fn enrolling(story: &mut Story, person: &Person, grounds: Grounds, signer: Option<&Key>, recovery_key: Option<&Key>) -> Enrolment {
    let challenge = story.chance.bytes();
    Enrolment {
        user: person.named(),
        grounds,
        origin: ORIGIN.to_owned(),
        rp_id: RP_ID.to_owned(),
        challenge: Bytes(challenge.to_vec()),
        signer: signer.map(|key| NewSigner::Key(key.register(&challenge))),
        recovery_key: recovery_key.map(|key| key.register(&challenge)),
    }
}

/// Someone registers a passkey; it says what `lie` leaves.
fn enrolling_passkey(story: &mut Story, user: UserRef, passkey: &mut Passkey, grounds: Grounds, lie: impl FnOnce(&mut Says)) -> Enrolment {
    let challenge = story.chance.bytes();
    let mut says = passkey.about_to_say("webauthn.create", &challenge, ORIGIN, RP_ID);
    says.flags |= HAS_CREDENTIAL;
    lie(&mut says);
    Enrolment {
        user,
        grounds,
        origin: ORIGIN.to_owned(),
        rp_id: RP_ID.to_owned(),
        challenge: Bytes(challenge.to_vec()),
        signer: Some(NewSigner::Passkey(passkey.present(&says))),
        recovery_key: None,
    }
}

/// Someone registers these by the word of the recovery key `by`.
fn recovering(story: &mut Story, lost: &Person, by: &Key, signer: &Key, recovery_key: Option<&Key>) -> Enrolment {
    let enrolment = enrolling(story, lost, Grounds::Invitation, Some(signer), recovery_key);
    let grounds = by.let_in(&names_of(&enrolment));
    Enrolment { grounds, ..enrolment }
}

/// The JSON by which a program names what is registered.
fn names_of(enrolment: &Enrolment) -> Value {
    let info = |key: &NewKey| json!({ "credId": key.credential_id, "clientData": key.client_data, "attestationData": key.attestation });
    let signer = enrolment.signer.as_ref().map(|signer| match signer {
        NewSigner::Passkey(PasskeyProof { credential_id, client_data, attestation_object, .. }) => json!({
            "credentialKind": "Fido2",
            "credentialInfo": { "credId": credential_id, "clientData": client_data, "attestationData": attestation_object },
        }),
        NewSigner::Key(registered) => json!({ "credentialKind": "Key", "credentialInfo": info(&registered.key) }),
    });
    let mut named = json!({ "firstFactorCredential": signer });
    if let Some(registered) = &enrolment.recovery_key {
        named["recoveryCredential"] = json!({ "credentialKind": "RecoveryKey", "credentialInfo": info(&registered.key) });
    }
    named
}

/// What would be said to this.
fn said(story: &mut Story, enrolment: Enrolment) -> Result<(), ReplayError> {
    story.verdict_on(What::Enrolment(Box::new(enrolment)))
}

fn append(story: &mut Story, enrolment: Enrolment) {
    story.append(What::Enrolment(Box::new(enrolment)));
}

/// Someone asks for a change and signs it with a key; nothing is executed yet.
fn signed_with(story: &mut Story, person: &Person, key: &Key, change: Change) -> SignedAction {
    let document = story.document(person, change).to_bytes().unwrap();
    key.sign_document(&document)
}

/// What is said if this person did this now, with this key; the story stays as it was.
fn verdict_with(story: &mut Story, person: &Person, key: &Key, change: Change) -> Result<(), ReplayError> {
    let action = signed_with(story, person, key, change);
    story.verdict_on_action(action)
}

/// This person does it. The bits of the id of what it creates.
fn act_with(story: &mut Story, person: &Person, key: &Key, change: Change) -> [u8; 16] {
    let action = signed_with(story, person, key, change);
    let bits = document::created_id(&document::challenge(&action.document.0));
    story.append(What::Action(Box::new(action)));
    bits
}

/// What Bob may do and end users may not.
fn invite() -> Change {
    create_user("cleo@example.org")
}

/// The change that adds a key, over a challenge of its own.
fn adding(story: &mut Story, key: &Key) -> Change {
    let challenge = story.chance.bytes();
    let new = key.present(&challenge);
    Change::OwnAccount(AccountChange::AddKey { name: called("Laptop"), challenge: Bytes(challenge.to_vec()), key: new })
}

/// The change that makes this one the recovery key.
fn setting(story: &mut Story, key: &Key) -> Change {
    let challenge = Bytes(story.chance.bytes().to_vec());
    let new = key.present(&challenge.0);
    Change::OwnAccount(AccountChange::SetRecoveryKey { name: called("Vault"), challenge, key: new, sealed: None })
}

fn deactivating(id: CredentialId) -> Change {
    Change::OwnAccount(AccountChange::DeactivateCredential { id, name: called("Spare") })
}

fn activating(id: CredentialId) -> Change {
    Change::OwnAccount(AccountChange::ActivateCredential { id, name: called("Spare") })
}

/// Someone adds a key to their account.
fn add_key(story: &mut Story, person: &mut Person, chosen: &str) -> Key {
    let mut key = Key::ed25519(story, chosen);
    let change = adding(story, &key);
    key.id = CredentialId::from_bytes(story.act(person, change));
    key
}

/// Someone makes a key their recovery key.
fn set_recovery_key(story: &mut Story, person: &mut Person, chosen: &str) -> Key {
    let mut key = Key::ed25519(story, chosen);
    let change = setting(story, &key);
    key.id = CredentialId::from_bytes(story.act(person, change));
    key
}

/// Ada; and Bob, who enrolled with a key and a recovery key, and may do no more than invite people.
fn programs() -> (Story, Person, Person, Key, Key) {
    let (mut story, mut ada) = Story::begin();
    let bob = story.invite(&mut ada, "bob@example.org");
    let (key, vault) = (Key::ed25519(&mut story, "bobs-key"), Key::ed25519(&mut story, "bobs-vault"));
    let enrolment = enrolling(&mut story, &bob, Grounds::Invitation, Some(&key), Some(&vault));
    append(&mut story, enrolment);
    let inviting = story.define(&mut ada, "Inviting", &[Operation::UsersCreate]);
    story.give(&mut ada, inviting, &bob);
    (story, ada, bob, key, vault)
}

/// The key's registration in an entry that registers one.
fn registered(enrolment: &mut Enrolment) -> &mut RegisteredKey {
    let Some(NewSigner::Key(registered)) = &mut enrolment.signer else { panic!("a key is registered here") };
    registered
}

/// What is said when an enrolment's key isn't what it must be.
fn key_error(error: impl Into<KeyError>) -> Result<(), ReplayError> {
    Err(ReplayError::Key(error.into()))
}

/// What is said when what somebody signed is about something else.
fn ceremony_error(error: ClientDataError) -> Result<(), ReplayError> {
    Err(ReplayError::Assertion(CeremonyError::from(error).into()))
}

fn denied(denial: Denial) -> Result<(), ReplayError> {
    Err(ReplayError::Denied(denial))
}

fn taken(id: &dyn ToString) -> Result<(), ReplayError> {
    Err(ReplayError::IdTaken(id.to_string()))
}

/// Alters bytes that are text, in the first place where it fits.
fn replace(bytes: &mut Bytes, from: &str, to: &str) {
    let text = String::from_utf8(bytes.0.clone()).unwrap();
    assert!(text.contains(from), "{text}");
    bytes.0 = text.replacen(from, to, 1).into_bytes();
}

/// Alters a member of a key's attestation.
fn attest(key: &mut NewKey, member: &str, value: impl Into<Value>) {
    let mut attestation: Value = serde_json::from_slice(&key.attestation.0).unwrap();
    attestation[member] = value.into();
    key.attestation = Bytes(attestation.to_string().into_bytes());
}

/// The challenge as some programs hand it to browsers: its text, and not its bytes.
fn as_text(challenge: &[u8]) -> Vec<u8> {
    BASE64URL_NOPAD.encode(challenge).into_bytes()
}

#[test]
fn who_is_invited_enrols_with_a_key_and_signs_with_it() {
    let kinds: [fn(&mut Story, &str) -> Key; 2] = [Key::ed25519, Key::es256];
    for make in kinds {
        let (mut story, mut ada) = Story::begin();
        let inviting = story.define(&mut ada, "Inviting", &[Operation::UsersCreate]);
        let bob = story.invite(&mut ada, "bob@example.org");
        let (key, vault) = (make(&mut story, "bobs-key"), make(&mut story, "bobs-vault"));
        assert_eq!(verdict_with(&mut story, &bob, &key, invite()), Err(ReplayError::Actor(bob.id)), "before");
        let mut expected = story.state();
        let what = What::Enrolment(Box::new(enrolling(&mut story, &bob, Grounds::Invitation, Some(&key), Some(&vault))));
        assert_eq!(signatures_of(&mut story, what.clone()), [true, true]);
        story.append(what);

        let user = expected.users.get_mut(&bob.id).unwrap();
        (user.status, user.is_registered) = (UserStatus::Active, true);
        expected.credentials.extend([(key.id, bob.id), (vault.id, bob.id)]);
        assert_eq!(story.state(), expected);

        story.give(&mut ada, inviting, &bob);
        let cleo = UserId::from_bytes(act_with(&mut story, &bob, &key, invite()));
        assert!(story.state().users.contains_key(&cleo));
        // Not what he isn't allowed to do, nor for anybody else, nor with the recovery key.
        let deletion = Change::DeleteUser { user: ada.named() };
        assert_eq!(verdict_with(&mut story, &bob, &key, deletion), denied(Denial::NotPermitted(Operation::UsersDelete)));
        let change = create_user("dora@example.org");
        assert_eq!(verdict_with(&mut story, &ada, &key, change.clone()), Err(ReplayError::Credential(key.id)));
        assert_eq!(verdict_with(&mut story, &bob, &vault, change), Err(ReplayError::Credential(vault.id)));
    }
}

#[test]
fn who_is_invited_enrols_with_a_passkey() {
    let (mut story, mut ada) = Story::begin();
    let mut bob = story.invite(&mut ada, "bob@example.org");
    let alone = enrolling_passkey(&mut story, bob.named(), &mut bob.passkey, Grounds::Invitation, |_| ());
    assert!(signatures_of(&mut story, What::Enrolment(Box::new(alone.clone()))).is_empty(), "a passkey brings no signature");
    assert_eq!(said(&mut story, alone.clone()), Ok(()));
    let vault = Key::ed25519(&mut story, "bobs-vault");
    let recovery_key = Some(vault.register(&alone.challenge.0));
    append(&mut story, Enrolment { recovery_key, ..alone });
    assert_eq!(credentials_of(&story, &bob), BTreeSet::from([bob.passkey.id, vault.id]));
    story.give(&mut ada, story.full_admin, &bob);
    assert_eq!(verdict(&mut story, &mut bob, invite()), Ok(()));
}

/// What is said if this person enrolled with a key by their invitation now, with this in the entry.
fn by_invitation(story: &mut Story, person: &Person, forge: impl FnOnce(&mut Enrolment)) -> Result<(), ReplayError> {
    let (key, vault) = (Key::ed25519(story, "a-key"), Key::ed25519(story, "a-vault"));
    let mut enrolment = enrolling(story, person, Grounds::Invitation, Some(&key), Some(&vault));
    forge(&mut enrolment);
    said(story, enrolment)
}

#[test]
fn who_is_not_invited_enrols_with_nothing() {
    let (mut story, mut ada) = Story::begin();
    let bob = story.invite(&mut ada, "bob@example.org");
    let refused = Err(ReplayError::NotInvited(bob.id));
    assert_eq!(by_invitation(&mut story, &bob, |enrolment| enrolment.user.handle = address("eve@example.org").into()), refused);
    let stranger = UserId::from_bytes([7; 16]);
    let verdict = by_invitation(&mut story, &bob, |enrolment| enrolment.user.id = stranger);
    assert_eq!(verdict, Err(ReplayError::NotInvited(stranger)));
    let verdict = by_invitation(&mut story, &bob, |enrolment| enrolment.user = ada.named());
    assert_eq!(verdict, Err(ReplayError::NotInvited(ada.id)));
    assert_eq!(by_invitation(&mut story, &bob, |enrolment| enrolment.signer = None), refused, "with nothing to sign with");
    assert_eq!(by_invitation(&mut story, &bob, |enrolment| enrolment.recovery_key = None), Ok(()));

    story.act(&mut ada, Change::DeactivateUser { user: bob.named() });
    assert_eq!(by_invitation(&mut story, &bob, |_| ()), refused, "deactivated");
    story.act(&mut ada, Change::ActivateUser { user: bob.named() });
    assert_eq!(by_invitation(&mut story, &bob, |_| ()), Ok(()), "activated again");
    story.act(&mut ada, Change::RevokeInvitation { user: bob.named() });
    assert_eq!(by_invitation(&mut story, &bob, |_| ()), refused, "revoked");
    story.act(&mut ada, Change::ResendInvitation { user: bob.named() });
    assert_eq!(by_invitation(&mut story, &bob, |_| ()), Ok(()), "invited again");

    let key = Key::ed25519(&mut story, "bobs-key");
    let enrolment = enrolling(&mut story, &bob, Grounds::Invitation, Some(&key), None);
    append(&mut story, enrolment.clone());
    assert_eq!(said(&mut story, enrolment), refused, "enrolled already");
    assert_eq!(by_invitation(&mut story, &bob, |_| ()), refused, "enrolled already");
    let (credentials, bob) = story.credentials(bob, |_| ());
    let signing_up = What::Registration(Box::new(Registration { user: bob.named(), credentials }));
    assert_eq!(story.verdict_on(signing_up), refused, "nor by the page");
    story.act(&mut ada, Change::DeactivateUser { user: bob.named() });
    story.act(&mut ada, Change::ActivateUser { user: bob.named() });
    assert_eq!(by_invitation(&mut story, &bob, |_| ()), refused, "enrolled before they were deactivated");

    story.act(&mut ada, Change::ReEnrolUser { user: bob.named() });
    assert_eq!(verdict_with(&mut story, &bob, &key, invite()), Err(ReplayError::Actor(bob.id)));
    assert_eq!(by_invitation(&mut story, &bob, |_| ()), Ok(()), "to enrol again");
    story.act(&mut ada, Change::DeleteUser { user: bob.named() });
    assert_eq!(by_invitation(&mut story, &bob, |_| ()), refused, "deleted");
}

#[test]
fn who_signed_up_by_the_page_is_not_invited_any_more() {
    let (mut story, ada, bob) = team();
    for person in [&ada, &bob] {
        assert_eq!(by_invitation(&mut story, person, |_| ()), Err(ReplayError::NotInvited(person.id)));
    }
}

type Forgery = fn(&mut Enrolment);

#[test]
fn a_key_is_proven_for_this_challenge() {
    let (differs, not_valid) = (ClientDataError::ChallengeDiffers, || Err(ReplayError::Signature));
    let another_type = |found: &str| key_error(ClientDataError::TypeDiffers { expected: "key.create", found: found.to_owned() });
    let forgeries: [(&str, Forgery, Result<(), ReplayError>); 19] = [
        ("nothing", |_| (), Ok(())),
        ("another challenge", |new| new.challenge.0[0] ^= 1, key_error(differs.clone())),
        (
            "client data for another",
            |new| registered(new).key.client_data = Bytes(client_data("key.create", &[7; 32])),
            key_error(differs.clone()),
        ),
        ("a use of the key", |new| replace(&mut registered(new).key.client_data, "key.create", "key.get"), another_type("key.get")),
        ("a passkey's", |new| replace(&mut registered(new).key.client_data, "key", "webauthn"), another_type("webauthn.create")),
        ("another page", |new| replace(&mut registered(new).key.client_data, RP_ID, "evil.example"), not_valid()),
        ("a space", |new| replace(&mut registered(new).key.client_data, "}", " }"), not_valid()),
        ("a list", |new| registered(new).key.client_data = Bytes(b"[]".to_vec()), key_error(ClientDataError::NotAnObject)),
        ("another public key", |new| attest(&mut registered(new).key, "publicKey", PublicKey::Ed25519([7; 32]).to_pem()), not_valid()),
        ("no public key", |new| attest(&mut registered(new).key, "publicKey", "key"), key_error(CoseError::NotPem)),
        ("another signature", |new| attest(&mut registered(new).key, "signature", "00".repeat(64)), not_valid()),
        ("no signature", |new| attest(&mut registered(new).key, "signature", ""), not_valid()),
        ("no digits", |new| attest(&mut registered(new).key, "signature", "x"), key_error(KeyError::Signature)),
        ("the digest", |new| attest(&mut registered(new).key, "algorithm", "sha256"), Ok(())),
        ("another digest", |new| attest(&mut registered(new).key, "algorithm", "md5"), key_error(KeyError::Digest("md5".to_owned()))),
        // Programs say of pages what they like.
        ("another port", |new| new.origin.push_str(":8443"), Ok(())),
        (
            "the recovery key's challenge",
            |new| recovery_key(new).key.client_data = Bytes(client_data("key.create", &[7; 32])),
            key_error(differs),
        ),
        ("the recovery key's client data", |new| replace(&mut recovery_key(new).key.client_data, "}", " }"), not_valid()),
        ("the recovery key", |new| attest(&mut recovery_key(new).key, "publicKey", PublicKey::Ed25519([7; 32]).to_pem()), not_valid()),
    ];
    let (mut story, mut ada) = Story::begin();
    let bob = story.invite(&mut ada, "bob@example.org");
    for (name, forge, expected) in forgeries {
        assert_eq!(by_invitation(&mut story, &bob, forge), expected, "{name}");
    }
    let verdict = by_invitation(&mut story, &bob, |new| attest(&mut registered(new).key, "more", 1));
    assert!(matches!(verdict, Err(ReplayError::Key(KeyError::Attestation))), "{verdict:?}");
}

/// The recovery key's registration in an entry that registers one.
fn recovery_key(enrolment: &mut Enrolment) -> &mut RegisteredKey {
    enrolment.recovery_key.as_mut().unwrap()
}

#[test]
fn which_signature_is_not_valid_shows() {
    let (mut story, mut ada) = Story::begin();
    let bob = story.invite(&mut ada, "bob@example.org");
    let (key, vault) = (Key::es256(&mut story, "bobs-key"), Key::es256(&mut story, "bobs-vault"));
    let honest = enrolling(&mut story, &bob, Grounds::Invitation, Some(&key), Some(&vault));
    let mut forged = honest.clone();
    attest(&mut registered(&mut forged).key, "signature", "00");
    assert_eq!(signatures_of(&mut story, What::Enrolment(Box::new(forged))), [false, true]);
    let mut forged = honest;
    attest(&mut recovery_key(&mut forged).key, "signature", "00");
    assert_eq!(signatures_of(&mut story, What::Enrolment(Box::new(forged))), [true, false]);
}

#[test]
fn an_enrolment_is_made_for_this_relying_party() {
    let (mut story, mut ada) = Story::begin();
    let bob = story.invite(&mut ada, "bob@example.org");
    let verdict = by_invitation(&mut story, &bob, |enrolment| enrolment.rp_id = "evil.example".to_owned());
    assert_eq!(verdict, Err(ReplayError::RelyingParty { found: "evil.example".to_owned(), expected: RP_ID.to_owned() }));
    for origin in ["https://evil.example", "http://id.example.org", "https://id.example.org/", ""] {
        let verdict = by_invitation(&mut story, &bob, |enrolment| enrolment.origin = origin.to_owned());
        assert_eq!(verdict, Err(ReplayError::Origin { origin: origin.to_owned(), rp_id: RP_ID.to_owned() }));
    }
}

type Lie = fn(&mut Says);

#[test]
fn a_passkey_is_judged_like_any_new_one() {
    const EVIL: &str = "https://evil.example";

    let lies: [(Lie, CeremonyError); 4] = [
        (|says| says.challenge[0] ^= 1, ClientDataError::ChallengeDiffers.into()),
        (
            |says| says.kind = "webauthn.get",
            ClientDataError::TypeDiffers { expected: "webauthn.create", found: "webauthn.get".to_owned() }.into(),
        ),
        (
            |says| says.origin = EVIL.to_owned(),
            ClientDataError::OriginDiffers { expected: ORIGIN.to_owned(), found: EVIL.to_owned() }.into(),
        ),
        (|says| says.rp_id = "evil.example".to_owned(), CeremonyError::RelyingPartyDiffers),
    ];
    let (mut story, mut ada) = Story::begin();
    let mut bob = story.invite(&mut ada, "bob@example.org");
    for (lie, error) in lies {
        let enrolment = enrolling_passkey(&mut story, bob.named(), &mut bob.passkey, Grounds::Invitation, lie);
        assert_eq!(said(&mut story, enrolment), Err(ReplayError::Registration(error.into())));
    }
    let honest = enrolling_passkey(&mut story, bob.named(), &mut bob.passkey, Grounds::Invitation, |_| ());
    let forged = |forge: fn(&mut PasskeyProof)| {
        let mut enrolment = honest.clone();
        let Some(NewSigner::Passkey(passkey)) = &mut enrolment.signer else { panic!("a passkey is registered here") };
        forge(passkey);
        enrolment
    };
    let differs = Err(ReplayError::Registration(RegistrationError::CredentialIdDiffers));
    let enrolment = forged(|passkey| passkey.credential_id.0[0] ^= 1);
    assert_eq!(said(&mut story, enrolment), differs);
    let enrolment = forged(|passkey| {
        passkey.attestation_object.0.pop();
    });
    let verdict = said(&mut story, enrolment);
    assert!(matches!(verdict, Err(ReplayError::Registration(RegistrationError::AttestationObject(_)))), "{verdict:?}");
    assert_eq!(said(&mut story, honest), Ok(()));
}

#[test]
fn no_id_is_registered_twice() {
    let (mut story, mut ada) = Story::begin();
    let key = add_key(&mut story, &mut ada, "adas-key");
    let vault = set_recovery_key(&mut story, &mut ada, "adas-vault");
    let bob = story.invite(&mut ada, "bob@example.org");
    // The ids that were chosen.
    for chosen in [&key.chosen, &vault.chosen] {
        let verdict = by_invitation(&mut story, &bob, |new| registered(new).key.credential_id = chosen.clone());
        assert_eq!(verdict, taken(chosen));
        let verdict = by_invitation(&mut story, &bob, |new| recovery_key(new).key.credential_id = chosen.clone());
        assert_eq!(verdict, taken(chosen));
    }
    let verdict = by_invitation(&mut story, &bob, |new| recovery_key(new).key.credential_id = registered(new).key.credential_id.clone());
    assert_eq!(verdict, taken(&"a-key"), "once for both");
    // Our own.
    for id in [ada.passkey.id, key.id, vault.id] {
        assert_eq!(by_invitation(&mut story, &bob, |new| registered(new).id = id), taken(&id));
        assert_eq!(by_invitation(&mut story, &bob, |new| recovery_key(new).id = id), taken(&id));
    }
    let own = CredentialId::from_bytes(story.chance.id());
    let verdict = by_invitation(&mut story, &bob, |new| (registered(new).id, recovery_key(new).id) = (own, own));
    assert_eq!(verdict, taken(&own), "once for both");
    // The one of Ada's authenticator.
    let mut copy = fresh_passkey(&mut story);
    copy.credential_id.clone_from(&ada.passkey.credential_id);
    let enrolment = enrolling_passkey(&mut story, bob.named(), &mut copy, Grounds::Invitation, |_| ());
    assert_eq!(said(&mut story, enrolment), taken(&Bytes(copy.credential_id.clone())));

    // Once they are gone, they are free.
    story.act(&mut ada, removing(key.id));
    let verdict = by_invitation(&mut story, &bob, |new| registered(new).key.credential_id = key.chosen.clone());
    assert_eq!(verdict, Ok(()));
    let (challenge, kit) = (story.chance.bytes(), fresh_kit(&mut story));
    story.act(&mut ada, replacing(challenge, proven(&kit, &challenge)));
    let verdict = by_invitation(&mut story, &bob, |new| recovery_key(new).key.credential_id = vault.chosen.clone());
    assert_eq!(verdict, Ok(()));
}

#[test]
fn a_key_that_was_added_signs_what_comes_after() {
    let (mut story, ada, mut bob) = team();
    let mut key = Key::es256(&mut story, "bobs-key");
    let change = adding(&mut story, &key);
    let document = story.document(&bob, change).to_bytes().unwrap();
    let action = Story::sign(&mut bob, &document, |_| ());
    key.id = CredentialId::from_bytes(document::created_id(&document::challenge(&document)));
    assert_eq!(action.created, Some(key.id.to_string()));
    assert_eq!(verdict_with(&mut story, &bob, &key, invite()), Err(ReplayError::Credential(key.id)), "before");
    let what = What::Action(Box::new(action));
    assert_eq!(signatures_of(&mut story, what.clone()), [true, true]);
    story.append(what);
    assert_eq!(verdict_with(&mut story, &bob, &key, invite()), Ok(()));
    assert_eq!(verdict(&mut story, &mut bob, invite()), Ok(()), "the passkey still signs");
    assert_eq!(verdict_with(&mut story, &ada, &key, invite()), Err(ReplayError::Credential(key.id)), "for nobody else");
    // The key adds the next one, and that one removes the one before.
    let mut next = Key::ed25519(&mut story, "bobs-next-key");
    let change = adding(&mut story, &next);
    next.id = CredentialId::from_bytes(act_with(&mut story, &bob, &key, change));
    act_with(&mut story, &bob, &next, removing(key.id));
    assert_eq!(verdict_with(&mut story, &bob, &key, invite()), Err(ReplayError::Credential(key.id)));
    assert_eq!(verdict_with(&mut story, &bob, &next, invite()), Ok(()));
    assert_eq!(credentials_of(&story, &bob), BTreeSet::from([bob.passkey.id, bob.recovery_key.id, next.id]));
}

/// The key that a change brings, and the challenge that it is for.
fn brought(change: &mut Change) -> (&mut Bytes, &mut NewKey) {
    let Change::OwnAccount(AccountChange::AddKey { challenge, key, .. } | AccountChange::SetRecoveryKey { challenge, key, .. }) = change
    else {
        panic!("the change brings a key")
    };
    (challenge, key)
}

#[test]
fn a_key_that_a_change_brings_is_proven_and_has_an_id_of_its_own() {
    let (mut story, mut ada, mut bob) = team();
    let key = add_key(&mut story, &mut ada, "adas-key");
    let vault = set_recovery_key(&mut story, &mut ada, "adas-vault");
    let bring: [fn(&mut Story, &Key) -> Change; 2] = [adding, setting];
    for bring in bring {
        let new = Key::ed25519(&mut story, "bobs-key");
        let honest = bring(&mut story, &new);
        let forged = |forge: fn(&mut Bytes, &mut NewKey)| {
            let mut change = honest.clone();
            let (challenge, key) = brought(&mut change);
            forge(challenge, key);
            change
        };
        let change = forged(|challenge, _| challenge.0[0] ^= 1);
        assert_eq!(verdict(&mut story, &mut bob, change), key_error(ClientDataError::ChallengeDiffers));
        let change = forged(|_, key| replace(&mut key.client_data, "}", " }"));
        assert_eq!(verdict(&mut story, &mut bob, change), Err(ReplayError::Signature));
        let change = forged(|_, key| attest(key, "publicKey", PublicKey::Ed25519([7; 32]).to_pem()));
        let document = story.document(&bob, change).to_bytes().unwrap();
        let what = What::Action(Box::new(Story::sign(&mut bob, &document, |_| ())));
        assert_eq!(signatures_of(&mut story, what), [true, false]);
        assert_eq!(verdict(&mut story, &mut bob, honest), Ok(()));

        for other in [&key, &vault] {
            let copy = Key { chosen: other.chosen.clone(), ..Key::ed25519(&mut story, "copy") };
            let change = bring(&mut story, &copy);
            assert_eq!(verdict(&mut story, &mut bob, change), taken(&other.chosen));
        }
    }
}

#[test]
fn what_a_key_signs_is_about_this_document() {
    type Saying = fn(&[u8]) -> Vec<u8>;

    let another_type = |found: &str| ceremony_error(ClientDataError::TypeDiffers { expected: "key.get", found: found.to_owned() });
    let sayings: [(&str, Saying, Result<(), ReplayError>); 8] = [
        ("nothing else", |challenge| client_data("key.get", challenge), Ok(())),
        ("a new key", |challenge| client_data("key.create", challenge), another_type("key.create")),
        ("a passkey's", |challenge| client_data("webauthn.get", challenge), another_type("webauthn.get")),
        ("another document", |_| client_data("key.get", &[7; 32]), ceremony_error(ClientDataError::ChallengeDiffers)),
        ("the text", |challenge| client_data("key.get", &as_text(challenge)), ceremony_error(ClientDataError::ChallengeDiffers)),
        ("no challenge", |_| br#"{"type":"key.get"}"#.to_vec(), ceremony_error(ClientDataError::NotText("challenge"))),
        ("no object", |_| b"[]".to_vec(), ceremony_error(ClientDataError::NotAnObject)),
        (
            "no page",
            |challenge| format!(r#"{{"challenge":"{}","type":"key.get"}}"#, BASE64URL_NOPAD.encode(challenge)).into_bytes(),
            Ok(()),
        ),
    ];
    let (mut story, _, bob, key, vault) = programs();
    for (name, say, expected) in sayings {
        let action = signed_with(&mut story, &bob, &key, invite());
        let said = say(&document::challenge(&action.document.0));
        let action = SignedAction { signature: Bytes(key.sign(&said)), client_data: Bytes(said), ..action };
        assert_eq!(story.verdict_on_action(action), expected, "{name}");
    }
    // Programs say of pages what they like, but what they say is what they signed.
    let honest = signed_with(&mut story, &bob, &key, invite());
    let challenge = document::challenge(&honest.document.0);
    for (from, to, expected) in [
        ("https://id.example.org", "http://localhost:3000", Ok(())),
        ("\"crossOrigin\":false", "\"crossOrigin\":true", Ok(())),
        ("\"crossOrigin\":false", "\"crossOrigin\":1", ceremony_error(ClientDataError::CrossOrigin)),
        ("\"https://id.example.org\"", "7", ceremony_error(ClientDataError::NotText("origin"))),
    ] {
        let said = String::from_utf8(honest.client_data.0.clone()).unwrap().replace(from, to).into_bytes();
        let unsigned = SignedAction { client_data: Bytes(said.clone()), ..honest.clone() };
        let action = SignedAction { signature: Bytes(key.sign(&said)), ..unsigned.clone() };
        assert_eq!(story.verdict_on_action(action), expected, "{to}");
        let expected = expected.and(Err(ReplayError::Signature));
        assert_eq!(story.verdict_on_action(unsigned), expected, "{to}, unsigned");
    }
    // Nor does another key's signature count, one over something else, or none.
    let said = honest.client_data.0.clone();
    for signature in [vault.sign(&said), key.sign(&sha256(&said)), key.sign(&challenge), key.sign(&honest.document.0), Vec::new()] {
        let forged = SignedAction { signature: Bytes(signature), ..honest.clone() };
        assert_eq!(story.verdict_on_action(forged), Err(ReplayError::Signature));
    }
    assert_eq!(story.verdict_on_action(honest), Ok(()));
}

#[test]
fn a_key_signs_like_a_key_and_a_passkey_like_a_passkey() {
    let another = || Err(ReplayError::Assertion(AssertionError::AnotherKind));
    let (mut story, _, mut bob) = team();
    let key = add_key(&mut story, &mut bob, "bobs-key");
    let document = story.document(&bob, invite()).to_bytes().unwrap();
    let by_passkey = Story::sign(&mut bob, &document, |_| ());
    let by_key = key.sign_document(&document);

    let forged = SignedAction { authenticator_data: by_passkey.authenticator_data.clone(), ..by_key.clone() };
    assert_eq!(story.verdict_on_action(forged), another(), "a key's with authenticator data");
    let forged = SignedAction { authenticator_data: Some(Bytes(Vec::new())), ..by_key.clone() };
    assert_eq!(story.verdict_on_action(forged), another(), "a key's with empty authenticator data");
    let forged = SignedAction { authenticator_data: None, ..by_passkey.clone() };
    assert_eq!(story.verdict_on_action(forged), another(), "a passkey's without");
    let forged = SignedAction { credential: key.id, ..by_passkey.clone() };
    assert_eq!(story.verdict_on_action(forged), another(), "a passkey's under the key's id");
    let forged = SignedAction { credential: bob.passkey.id, ..by_key.clone() };
    assert_eq!(story.verdict_on_action(forged), another(), "a key's under the passkey's id");
    assert_eq!(story.verdict_on_action(by_passkey), Ok(()));
    assert_eq!(story.verdict_on_action(by_key), Ok(()));
}

/// Someone lets whoever has a code add a credential, until then.
fn allow(story: &mut Story, person: &mut Person, until: Timestamp) -> ActionId {
    let document = story.document(person, Change::OwnAccount(AccountChange::AllowCredential { until }));
    let action = Story::sign(person, &document.to_bytes().unwrap(), |_| ());
    assert_eq!(action.created, None);
    story.append(What::Action(Box::new(action)));
    document.id
}

/// The same, for long enough.
fn allow_for_an_hour(story: &mut Story, person: &mut Person) -> ActionId {
    let until = story.now.plus(Duration::from_hours(1));
    allow(story, person, until)
}

/// What is said if a key came with the code of this action now.
fn by_code(story: &mut Story, person: &Person, action: ActionId) -> Result<(), ReplayError> {
    let key = Key::ed25519(story, "a-key");
    let enrolment = enrolling(story, person, Grounds::Code { action }, Some(&key), None);
    said(story, enrolment)
}

#[test]
fn a_code_adds_one_credential_to_the_account_of_whoever_allowed_it() {
    let (mut story, mut ada, mut bob) = team();
    let (refused, other) = (Err(ReplayError::NotAllowed(bob.id)), ActionId::from_bytes([7; 16]));
    assert_eq!(by_code(&mut story, &bob, other), refused, "nobody allowed anything");
    let something_else = story.document(&bob, invite());
    let signed = Story::sign(&mut bob, &something_else.to_bytes().unwrap(), |_| ());
    story.append(What::Action(Box::new(signed)));
    assert_eq!(by_code(&mut story, &bob, something_else.id), refused, "that was something else");

    let action = allow_for_an_hour(&mut story, &mut bob);
    for wrong in [other, something_else.id] {
        assert_eq!(by_code(&mut story, &bob, wrong), refused);
    }
    assert_eq!(by_code(&mut story, &ada, action), Err(ReplayError::NotAllowed(ada.id)), "Bob's code, and Ada's account");
    let adas = allow_for_an_hour(&mut story, &mut ada);
    assert_eq!(by_code(&mut story, &ada, action), Err(ReplayError::NotAllowed(ada.id)));
    assert_eq!(by_code(&mut story, &bob, adas), refused);

    let key = Key::ed25519(&mut story, "bobs-key");
    let honest = enrolling(&mut story, &bob, Grounds::Code { action }, Some(&key), None);
    let forged = Enrolment { user: UserRef { handle: address("eve@example.org").into(), ..bob.named() }, ..honest.clone() };
    assert_eq!(said(&mut story, forged), refused);
    let what = What::Enrolment(Box::new(honest.clone()));
    assert_eq!(signatures_of(&mut story, what.clone()), [true]);
    story.append(what);
    assert_eq!(credentials_of(&story, &bob), BTreeSet::from([bob.passkey.id, bob.recovery_key.id, key.id]));
    assert_eq!(verdict_with(&mut story, &bob, &key, create_user("dora@example.org")), Ok(()));
    assert_eq!(verdict(&mut story, &mut bob, create_user("dora@example.org")), Ok(()), "the passkey still signs");

    // It's used up, for whatever else comes.
    assert_eq!(by_code(&mut story, &bob, action), refused);
    assert_eq!(said(&mut story, honest), refused);
    assert_eq!(by_code(&mut story, &ada, adas), Ok(()), "Ada's isn't");
    // Another action allows the next one.
    let next = allow_for_an_hour(&mut story, &mut bob);
    assert_eq!(by_code(&mut story, &bob, action), refused);
    assert_eq!(by_code(&mut story, &bob, next), Ok(()));
}

#[test]
fn a_code_works_until_its_time_is_over() {
    for (millis, is_in_time) in [(1, true), (0, false)] {
        let (mut story, _, mut bob) = team();
        // The action is executed in a minute, and what comes with the code a minute later.
        let until = story.now.plus(Duration::from_mins(2)).plus(Duration::from_millis(millis));
        let action = allow(&mut story, &mut bob, until);
        let expected = if is_in_time { Ok(()) } else { Err(ReplayError::NotAllowed(bob.id)) };
        assert_eq!(by_code(&mut story, &bob, action), expected);
        story.now = story.now.plus(Duration::from_mins(1));
        assert_eq!(by_code(&mut story, &bob, action), Err(ReplayError::NotAllowed(bob.id)));
    }
}

#[test]
fn a_key_may_allow_it_and_a_passkey_or_a_recovery_key_may_come() {
    let (mut story, ada, mut bob, key, vault) = programs();
    let until = story.now.plus(Duration::from_hours(1));
    let allowing = |story: &mut Story, bob: &Person| {
        let document = story.document(bob, Change::OwnAccount(AccountChange::AllowCredential { until }));
        let action = key.sign_document(&document.to_bytes().unwrap());
        story.append(What::Action(Box::new(action)));
        Grounds::Code { action: document.id }
    };
    let grounds = allowing(&mut story, &bob);
    let enrolment = enrolling_passkey(&mut story, bob.named(), &mut bob.passkey, grounds, |_| ());
    append(&mut story, enrolment);
    assert_eq!(credentials_of(&story, &bob), BTreeSet::from([key.id, vault.id, bob.passkey.id]));
    assert_eq!(verdict(&mut story, &mut bob, invite()), Ok(()));

    let grounds = allowing(&mut story, &bob);
    let next = Key::ed25519(&mut story, "bobs-next-vault");
    let enrolment = enrolling(&mut story, &bob, grounds, None, Some(&next));
    let what = What::Enrolment(Box::new(enrolment));
    assert_eq!(signatures_of(&mut story, what.clone()), [true]);
    story.append(what);
    assert_eq!(credentials_of(&story, &bob), BTreeSet::from([key.id, next.id, bob.passkey.id]));
    let new = Key::ed25519(&mut story, "bobs-new-key");
    let by_old = recovering(&mut story, &bob, &vault, &new, None);
    assert_eq!(said(&mut story, by_old), Err(ReplayError::Credential(vault.id)));
    let by_new = recovering(&mut story, &bob, &next, &new, None);
    assert_eq!(said(&mut story, by_new), Ok(()));

    // What comes is judged as ever.
    let (grounds, mut copy) = (allowing(&mut story, &bob), fresh_passkey(&mut story));
    copy.credential_id.clone_from(&ada.passkey.credential_id);
    let enrolment = enrolling_passkey(&mut story, bob.named(), &mut copy, grounds.clone(), |_| ());
    assert_eq!(said(&mut story, enrolment), taken(&Bytes(copy.credential_id.clone())));
    for chosen in [&key.chosen, &next.chosen] {
        let copy = Key { chosen: chosen.clone(), ..Key::ed25519(&mut story, "copy") };
        let enrolment = enrolling(&mut story, &bob, grounds.clone(), Some(&copy), None);
        assert_eq!(said(&mut story, enrolment), taken(chosen));
    }
}

#[test]
fn a_code_ends_with_what_its_owner_signs_with() {
    let (mut story, mut ada, mut bob) = team();
    let refused = Err(ReplayError::NotAllowed(bob.id));
    let action = allow_for_an_hour(&mut story, &mut bob);
    assert_eq!(by_code(&mut story, &bob, action), Ok(()));
    story.act(&mut ada, Change::DeactivateUser { user: bob.named() });
    assert_eq!(by_code(&mut story, &bob, action), refused, "deactivated");
    story.act(&mut ada, Change::ActivateUser { user: bob.named() });

    story.act(&mut ada, Change::ReEnrolUser { user: bob.named() });
    assert_eq!(by_code(&mut story, &bob, action), refused, "enrols again");
    let mut bob = story.register(bob);
    assert_eq!(by_code(&mut story, &bob, action), refused, "has enrolled again");

    let action = allow_for_an_hour(&mut story, &mut bob);
    let mut bob = recover(&mut story, &bob);
    assert_eq!(by_code(&mut story, &bob, action), refused, "recovered by the page");
    let action = allow_for_an_hour(&mut story, &mut bob);
    let new = Key::ed25519(&mut story, "bobs-key");
    let enrolment = enrolling(&mut story, &bob, Grounds::Invitation, Some(&new), None);
    let grounds = let_in(bob.recovery_key.id, |message| bob.recovery_key.sign(message), &names_of(&enrolment));
    append(&mut story, Enrolment { grounds, ..enrolment });
    assert_eq!(by_code(&mut story, &bob, action), refused, "recovered through the API");
    story.act(&mut ada, Change::DeleteUser { user: bob.named() });
    assert_eq!(by_code(&mut story, &bob, action), refused, "deleted");
    let cleo = story.invite(&mut ada, "cleo@example.org");
    assert_eq!(by_code(&mut story, &cleo, action), Err(ReplayError::NotAllowed(cleo.id)), "not signed up yet");
}

#[test]
fn a_recovery_key_lets_its_owner_begin_anew() {
    let (mut story, mut ada, bob, key, vault) = programs();
    let mut spare = Key::es256(&mut story, "bobs-spare");
    let change = adding(&mut story, &spare);
    spare.id = CredentialId::from_bytes(act_with(&mut story, &bob, &key, change));
    let mut expected = story.state();
    // Everything ends that Bob had, so the ids that he chose are free.
    let (new, next) = (Key::ed25519(&mut story, "bobs-key"), Key::es256(&mut story, "bobs-vault"));
    let what = What::Enrolment(Box::new(recovering(&mut story, &bob, &vault, &new, Some(&next))));
    assert_eq!(signatures_of(&mut story, what.clone()), [true, true, true]);
    story.append(what.clone());

    expected.credentials.retain(|_, owner| *owner != bob.id);
    expected.credentials.extend([(new.id, bob.id), (next.id, bob.id)]);
    assert_eq!(story.state(), expected);
    for old in [&key, &spare, &vault] {
        assert_eq!(verdict_with(&mut story, &bob, old, invite()), Err(ReplayError::Credential(old.id)));
    }
    // What Bob may do stays: he may still invite people, and no more.
    assert_eq!(verdict_with(&mut story, &bob, &new, invite()), Ok(()));
    let deletion = Change::DeleteUser { user: ada.named() };
    assert_eq!(verdict_with(&mut story, &bob, &new, deletion), denied(Denial::NotPermitted(Operation::UsersDelete)));
    assert_eq!(verdict(&mut story, &mut ada, invite()), Ok(()));

    // A recovery key recovers once; the one that came with the recovery is the next, and here the last.
    assert_eq!(story.verdict_on(what), Err(ReplayError::Credential(vault.id)));
    let last = Key::ed25519(&mut story, "bobs-last-key");
    let by_old = recovering(&mut story, &bob, &vault, &last, None);
    assert_eq!(said(&mut story, by_old), Err(ReplayError::Credential(vault.id)));
    let by_next = recovering(&mut story, &bob, &next, &last, None);
    append(&mut story, by_next);
    assert_eq!(credentials_of(&story, &bob), BTreeSet::from([last.id]));
    let nothing_left = recovering(&mut story, &bob, &next, &new, None);
    assert_eq!(said(&mut story, nothing_left), Err(ReplayError::Credential(next.id)));
}

#[test]
fn a_recovery_kit_lets_its_owner_register_a_passkey() {
    let (mut story, ada, mut bob) = team();
    let key = add_key(&mut story, &mut bob, "bobs-key");
    let mut new = fresh_passkey(&mut story);
    let enrolment = enrolling_passkey(&mut story, bob.named(), &mut new, Grounds::Invitation, |_| ());
    let named = names_of(&enrolment);
    // For no other purpose than this.
    let new_credentials = named.to_string().into_bytes();
    let forgeries = [
        bob.recovery_key.sign(&recovery_message(&new_credentials)),
        bob.recovery_key.sign(&new_credentials),
        ada.recovery_key.sign(&client_data("key.get", &new_credentials)),
    ];
    for signature in forgeries {
        let grounds = let_in(bob.recovery_key.id, |_| signature, &named);
        let forged = Enrolment { grounds, ..enrolment.clone() };
        assert_eq!(said(&mut story, forged), Err(ReplayError::Signature));
    }
    let grounds = let_in(bob.recovery_key.id, |message| bob.recovery_key.sign(message), &named);
    let what = What::Enrolment(Box::new(Enrolment { grounds, ..enrolment }));
    assert_eq!(signatures_of(&mut story, what.clone()), [true]);
    story.append(what);
    assert_eq!(credentials_of(&story, &bob), BTreeSet::from([new.id]));
    let old = bob.passkey.id;
    assert_eq!(verdict(&mut story, &mut bob, invite()), Err(ReplayError::Credential(old)));
    assert_eq!(verdict_with(&mut story, &bob, &key, invite()), Err(ReplayError::Credential(key.id)));
    bob.passkey = new;
    assert_eq!(verdict(&mut story, &mut bob, invite()), Ok(()));
}

#[test]
fn nobody_recovers_but_by_their_own_recovery_key() {
    let (mut story, ada, bob, key, vault) = programs();
    let (new, next) = (Key::ed25519(&mut story, "new-key"), Key::ed25519(&mut story, "new-vault"));
    let honest = recovering(&mut story, &bob, &vault, &new, Some(&next));
    let named = names_of(&honest);
    for other in [&key, &new, &next] {
        let grounds = let_in(vault.id, |message| other.sign(message), &named);
        let what = What::Enrolment(Box::new(Enrolment { grounds, ..honest.clone() }));
        assert_eq!(signatures_of(&mut story, what.clone()), [false, true, true]);
        assert_eq!(story.verdict_on(what), Err(ReplayError::Signature));
        let grounds = other.let_in(&named);
        assert_eq!(said(&mut story, Enrolment { grounds, ..honest.clone() }), Err(ReplayError::Credential(other.id)));
    }
    let kit = ada.recovery_key.id;
    let grounds = let_in(kit, |message| ada.recovery_key.sign(message), &named);
    assert_eq!(said(&mut story, Enrolment { grounds, ..honest.clone() }), Err(ReplayError::Credential(kit)));
    // Nor does Bob's recovery key recover anything of Ada's.
    let of_ada = Enrolment { user: ada.named(), ..honest.clone() };
    assert_eq!(said(&mut story, of_ada), Err(ReplayError::Credential(vault.id)));
    assert_eq!(said(&mut story, honest), Ok(()));
}

/// The recovery key's word in an entry that has it.
fn proof(enrolment: &mut Enrolment) -> &mut RecoveryProof {
    let Grounds::Recovery(proof) = &mut enrolment.grounds else { panic!("an account is recovered here") };
    proof
}

#[test]
fn a_recovery_registers_what_was_named_and_nothing_else() {
    type Alteration = fn(&mut Value);

    let (mut story, _, bob, _, vault) = programs();
    let (new, next) = (Key::ed25519(&mut story, "new-key"), Key::ed25519(&mut story, "new-vault"));
    let honest = recovering(&mut story, &bob, &vault, &new, Some(&next));
    let alterations: [(&str, Alteration, Result<(), ReplayError>); 15] = [
        ("nothing", |_| (), Ok(())),
        ("the second factor is null", |named| named["secondFactorCredential"] = Value::Null, Ok(())),
        ("how the key is called", |named| named["firstFactorCredential"]["credentialName"] = json!("Laptop"), Ok(())),
        ("a second factor", |named| named["secondFactorCredential"] = named["firstFactorCredential"].clone(), Err(ReplayError::NotNamed)),
        ("an empty second factor", |named| named["secondFactorCredential"] = json!({}), Err(ReplayError::NotNamed)),
        ("another id", |named| named["firstFactorCredential"]["credentialInfo"]["credId"] = json!("other"), Err(ReplayError::NotNamed)),
        ("client data", |named| named["firstFactorCredential"]["credentialInfo"]["clientData"] = json!("e30"), Err(ReplayError::NotNamed)),
        (
            "attestation",
            |named| named["firstFactorCredential"]["credentialInfo"]["attestationData"] = json!("e30"),
            Err(ReplayError::NotNamed),
        ),
        ("no info", |named| named["firstFactorCredential"] = json!({}), Err(ReplayError::NotNamed)),
        ("no key", |named| named["firstFactorCredential"] = Value::Null, Err(ReplayError::NotNamed)),
        (
            "another recovery key",
            |named| named["recoveryCredential"]["credentialInfo"]["attestationData"] = json!("e30"),
            Err(ReplayError::NotNamed),
        ),
        (
            "the recovery key's id",
            |named| named["recoveryCredential"]["credentialInfo"]["credId"] = json!("other"),
            Err(ReplayError::NotNamed),
        ),
        ("no recovery key", |named| named["recoveryCredential"] = Value::Null, Err(ReplayError::NotNamed)),
        ("one for both", |named| named["recoveryCredential"] = named["firstFactorCredential"].clone(), Err(ReplayError::NotNamed)),
        ("a list", |named| *named = json!([]), Err(ReplayError::NotNamed)),
    ];
    for (name, alter, expected) in alterations {
        let mut named = names_of(&honest);
        alter(&mut named);
        let enrolment = Enrolment { grounds: vault.let_in(&named), ..honest.clone() };
        assert_eq!(said(&mut story, enrolment), expected, "{name}");
    }
    // Something else than what was named is registered.
    let other = Key::ed25519(&mut story, "new-key");
    let others = enrolling(&mut story, &bob, honest.grounds.clone(), Some(&other), Some(&next));
    assert_eq!(said(&mut story, others), Err(ReplayError::NotNamed));
    let forgeries: [(&str, Forgery, Result<(), ReplayError>); 7] = [
        ("no recovery key", |new| new.recovery_key = None, Err(ReplayError::NotNamed)),
        ("no key", |new| new.signer = None, Err(ReplayError::Actor(bob.id))),
        ("another id of the key", |new| registered(new).key.credential_id = KeyId::parse("other").unwrap(), Err(ReplayError::NotNamed)),
        (
            "another id of the recovery key",
            |new| recovery_key(new).key.credential_id = KeyId::parse("other").unwrap(),
            Err(ReplayError::NotNamed),
        ),
        (
            "another public key",
            |new| attest(&mut registered(new).key, "publicKey", PublicKey::Ed25519([7; 32]).to_pem()),
            Err(ReplayError::NotNamed),
        ),
        ("more client data", |new| replace(&mut registered(new).key.client_data, "}", " }"), Err(ReplayError::NotNamed)),
        ("another challenge", |new| new.challenge.0[0] ^= 1, key_error(ClientDataError::ChallengeDiffers)),
    ];
    for (name, forge, expected) in forgeries {
        let mut forged = honest.clone();
        forge(&mut forged);
        assert_eq!(said(&mut story, forged), expected, "{name}");
    }
}

#[test]
fn what_a_recovery_key_signed_must_not_change() {
    let (mut story, _, bob, _, vault) = programs();
    let (new, other) = (Key::ed25519(&mut story, "new-key"), Key::ed25519(&mut story, "other-key"));
    let honest = recovering(&mut story, &bob, &vault, &new, None);
    let mut others = recovering(&mut story, &bob, &vault, &other, None);
    let differs = || ceremony_error(ClientDataError::ChallengeDiffers);

    let mut forged = others.clone();
    proof(&mut forged).new_credentials = Bytes(names_of(&honest).to_string().into_bytes());
    assert_eq!(said(&mut story, forged), differs(), "other new credentials than were signed");
    let mut forged = honest.clone();
    proof(&mut forged).new_credentials.0.push(b' ');
    assert_eq!(said(&mut story, forged), differs(), "a space");
    let mut forged = honest.clone();
    proof(&mut forged).client_data = proof(&mut others).client_data.clone();
    assert_eq!(said(&mut story, forged), differs(), "another client data");
    let mut forged = honest.clone();
    replace(&mut proof(&mut forged).client_data, "}", " }");
    assert_eq!(said(&mut story, forged), Err(ReplayError::Signature), "a space in the client data");
    let mut forged = honest.clone();
    proof(&mut forged).signature = proof(&mut others).signature.clone();
    assert_eq!(said(&mut story, forged), Err(ReplayError::Signature), "another signature");
    let mut forged = honest.clone();
    proof(&mut forged).signature.0.clear();
    assert_eq!(said(&mut story, forged), Err(ReplayError::Signature), "no signature");

    // The right signature over something of another kind.
    for kind in ["key.create", "webauthn.get"] {
        let mut forged = honest.clone();
        let proof = proof(&mut forged);
        let signed = client_data(kind, &proof.new_credentials.0);
        (proof.signature, proof.client_data) = (Bytes(vault.sign(&signed)), Bytes(signed));
        let expected = ceremony_error(ClientDataError::TypeDiffers { expected: "key.get", found: kind.to_owned() });
        assert_eq!(said(&mut story, forged), expected);
    }
    // And over what isn't JSON, or says something twice: one reader would take the first, another the last.
    let named = names_of(&honest).to_string();
    for text in [
        "new credentials".to_owned(),
        named.replacen('{', r#"{"secondFactorCredential":null,"secondFactorCredential":null,"#, 1),
        named.replacen(r#""credId":"#, r#""credId":"other","credId":"#, 1),
        named.replacen(r#""credId":"#, r#""credentialName":[{"a":1,"a":2}],"credId":"#, 1),
    ] {
        assert_ne!(text, named);
        let mut forged = honest.clone();
        let proof = proof(&mut forged);
        let signed = client_data("key.get", text.as_bytes());
        (proof.signature, proof.client_data) = (Bytes(vault.sign(&signed)), Bytes(signed));
        proof.new_credentials = Bytes(text.clone().into_bytes());
        assert_eq!(said(&mut story, forged), Err(ReplayError::NotNamed), "{text}");
    }
    assert_eq!(said(&mut story, honest), Ok(()));
}

#[test]
fn who_is_not_active_recovers_nothing_through_the_api() {
    let (mut story, mut ada, bob, _, vault) = programs();
    let (refused, new) = (Err(ReplayError::Actor(bob.id)), Key::ed25519(&mut story, "new-key"));
    let honest = recovering(&mut story, &bob, &vault, &new, None);
    let mut by_another_address = honest.clone();
    by_another_address.user.handle = address("eve@example.org").into();
    assert_eq!(said(&mut story, by_another_address), refused);
    story.act(&mut ada, Change::DeactivateUser { user: bob.named() });
    assert_eq!(said(&mut story, honest.clone()), refused, "deactivated");
    story.act(&mut ada, Change::ActivateUser { user: bob.named() });
    assert_eq!(said(&mut story, honest.clone()), Ok(()), "activated again");
    story.act(&mut ada, Change::ReEnrolUser { user: bob.named() });
    assert_eq!(said(&mut story, honest.clone()), refused, "to enrol again");
    story.act(&mut ada, Change::DeleteUser { user: bob.named() });
    assert_eq!(said(&mut story, honest), refused, "deleted");
}

#[test]
fn what_is_deactivated_signs_nothing_until_it_is_activated() {
    let (mut story, mut ada, mut bob) = team();
    let dora = story.invite(&mut ada, "dora@example.org");
    let (key, passkey) = (add_key(&mut story, &mut bob, "bobs-key"), bob.passkey.id);
    let owned = credentials_of(&story, &bob);
    story.act(&mut bob, deactivating(key.id));
    let refused = Err(ReplayError::Credential(key.id));
    assert_eq!(verdict_with(&mut story, &bob, &key, invite()), refused);
    assert_eq!(verdict_with(&mut story, &bob, &key, activating(key.id)), refused, "nor activates itself");
    assert_eq!(verdict(&mut story, &mut bob, invite()), Ok(()));
    assert_eq!(credentials_of(&story, &bob), owned, "it is still his");
    let verdict_on_copy = by_invitation(&mut story, &dora, |new| registered(new).key.credential_id = key.chosen.clone());
    assert_eq!(verdict_on_copy, taken(&key.chosen), "and its id is still taken");
    assert_eq!(verdict(&mut story, &mut bob, deactivating(key.id)), denied(Denial::NothingChanges));
    story.act(&mut bob, activating(key.id));
    assert_eq!(verdict_with(&mut story, &bob, &key, invite()), Ok(()));
    assert_eq!(verdict(&mut story, &mut bob, activating(key.id)), denied(Denial::NothingChanges));

    // The same with the passkey, by the key.
    act_with(&mut story, &bob, &key, deactivating(passkey));
    let refused = Err(ReplayError::Credential(passkey));
    assert_eq!(verdict(&mut story, &mut bob, invite()), refused);
    assert_eq!(verdict(&mut story, &mut bob, activating(passkey)), refused);
    assert_eq!(verdict_with(&mut story, &bob, &key, invite()), Ok(()));
    act_with(&mut story, &bob, &key, activating(passkey));
    assert_eq!(verdict(&mut story, &mut bob, invite()), Ok(()));
    // One may deactivate itself.
    story.act(&mut bob, deactivating(passkey));
    assert_eq!(verdict(&mut story, &mut bob, invite()), refused);
    assert_eq!(verdict_with(&mut story, &bob, &key, invite()), Ok(()));
}

#[test]
fn nobody_deactivates_what_they_sign_with_last() {
    let (mut story, mut ada, mut bob) = team();
    let passkey = bob.passkey.id;
    let last = || denied(Denial::LastPasskey);
    assert_eq!(verdict(&mut story, &mut bob, deactivating(passkey)), last(), "the recovery kit doesn't count");
    let key = add_key(&mut story, &mut bob, "bobs-key");
    set_recovery_key(&mut story, &mut bob, "bobs-vault");
    assert_eq!(verdict(&mut story, &mut bob, deactivating(passkey)), Ok(()));
    story.act(&mut bob, deactivating(key.id));
    assert_eq!(verdict(&mut story, &mut bob, deactivating(passkey)), last(), "nor what is deactivated");
    assert_eq!(verdict(&mut story, &mut bob, removing(passkey)), last());
    assert_eq!(verdict(&mut story, &mut bob, removing(key.id)), Ok(()), "what is deactivated can go");
    story.act(&mut bob, activating(key.id));
    assert_eq!(verdict(&mut story, &mut bob, removing(passkey)), last(), "a key opens no page");
    act_with(&mut story, &bob, &key, deactivating(passkey));
    assert_eq!(verdict_with(&mut story, &bob, &key, deactivating(key.id)), last());
    assert_eq!(verdict_with(&mut story, &bob, &key, removing(key.id)), last());

    // Whoever may do everything may not do this to anyone.
    let unknown = || denied(Denial::NoSuchPasskey);
    for id in [passkey, key.id] {
        assert_eq!(verdict(&mut story, &mut ada, deactivating(id)), unknown());
        assert_eq!(verdict(&mut story, &mut ada, activating(id)), unknown());
    }
}

#[test]
fn people_deactivate_their_own_passkeys_and_keys_only() {
    let (mut story, ada, mut bob) = team();
    let vault = set_recovery_key(&mut story, &mut bob, "bobs-vault");
    let key = add_key(&mut story, &mut bob, "bobs-key");
    let unknown = || denied(Denial::NoSuchPasskey);
    for id in [ada.passkey.id, ada.recovery_key.id, vault.id, CredentialId::from_bytes([7; 16])] {
        assert_eq!(verdict(&mut story, &mut bob, deactivating(id)), unknown());
        assert_eq!(verdict_with(&mut story, &bob, &key, activating(id)), unknown());
    }
}

#[test]
fn a_passkey_may_be_handed_the_challenges_text() {
    let (mut story, mut ada, mut bob) = team();
    let document = story.document(&bob, invite()).to_bytes().unwrap();
    let challenge = document::challenge(&document);
    let differs = || ceremony_error(ClientDataError::ChallengeDiffers);
    let padded = [as_text(&challenge), b"=".to_vec()].concat();
    for (handed, expected) in [
        (challenge.to_vec(), Ok(())),
        (as_text(&challenge), Ok(())),
        (as_text(&[7; 32]), differs()),
        (as_text(&document::challenge(b"{}")), differs()),
        (as_text(&as_text(&challenge)), differs()),
        (padded, differs()),
        (as_text(&challenge[..31]), differs()),
        (Vec::new(), differs()),
    ] {
        let action = Story::sign(&mut bob, &document, |says| says.challenge.clone_from(&handed));
        assert_eq!(story.verdict_on_action(action), expected, "{handed:?}");
    }
    // What was signed must not change to the other form.
    let by_text = Story::sign(&mut bob, &document, |says| says.challenge = as_text(&challenge));
    let by_bytes = Story::sign(&mut bob, &document, |_| ());
    let forged = SignedAction { client_data: by_bytes.client_data.clone(), ..by_text.clone() };
    assert_eq!(story.verdict_on_action(forged), Err(ReplayError::Signature));
    let forged = SignedAction { client_data: by_text.client_data, ..by_bytes };
    assert_eq!(story.verdict_on_action(forged), Err(ReplayError::Signature));

    // Nor does it matter for a new passkey.
    let mut cleo = story.invite(&mut ada, "cleo@example.org");
    let differs = || Err(ReplayError::Registration(CeremonyError::from(ClientDataError::ChallengeDiffers).into()));
    let lies: [(Lie, Result<(), ReplayError>); 4] = [
        (|says| says.challenge = as_text(&says.challenge), Ok(())),
        (|says| says.challenge = as_text(&as_text(&says.challenge)), differs()),
        (|says| says.challenge = as_text(&[7; 32]), differs()),
        (|says| says.challenge = vec![7; 32], differs()),
    ];
    for (lie, expected) in lies {
        let enrolment = enrolling_passkey(&mut story, cleo.named(), &mut cleo.passkey, Grounds::Invitation, lie);
        assert_eq!(said(&mut story, enrolment), expected.clone());
        let (mut spare, challenge) = (fresh_passkey(&mut story), story.chance.bytes());
        let mut says = spare.about_to_say("webauthn.create", &challenge, ORIGIN, RP_ID);
        says.flags |= HAS_CREDENTIAL;
        lie(&mut says);
        let PasskeyProof { credential_id, client_data, attestation_object, .. } = spare.present(&says);
        let challenge = Bytes(challenge.to_vec());
        let passkey = NewPasskey { challenge, credential_id, client_data, attestation_object, transports: Vec::new() };
        let change = Change::OwnAccount(AccountChange::AddPasskey { name: called("Spare"), passkey });
        assert_eq!(verdict(&mut story, &mut bob, change), expected);
    }
}

/// Everything that the entries of a story register: where, our id, and what the reader must say.
#[derive(Default)]
struct Expected(Vec<(usize, CredentialId, CredentialKind, PublicKey)>);

impl Expected {
    /// By the story's last entry.
    fn key(&mut self, story: &Story, kind: CredentialKind, key: &Key) {
        self.0.push((story.lines.len() - 1, key.id, kind, key.public_key()));
    }

    fn passkey(&mut self, story: &Story, passkey: &Passkey) {
        self.0.push((story.lines.len() - 1, passkey.id, CredentialKind::Passkey, passkey.public_key()));
    }

    fn kit(&mut self, story: &Story, kit: &RecoveryKey) {
        let key = PublicKey::Ed25519(kit.prove(b"").public_key.0.try_into().unwrap());
        self.0.push((story.lines.len() - 1, kit.id, CredentialKind::RecoveryKey, key));
    }

    fn both(&mut self, story: &Story, person: &Person) {
        self.passkey(story, &person.passkey);
        self.kit(story, &person.recovery_key);
    }
}

#[test]
fn the_reader_knows_kind_and_key_of_whatever_an_entry_registers() {
    let mut expected = Expected::default();
    let (mut story, mut ada) = Story::begin();
    expected.both(&story, &ada);
    let mut bob = story.join(&mut ada, "bob@example.org");
    expected.both(&story, &bob);
    let spare = fresh_passkey(&mut story);
    let spare = add_passkey(&mut story, &mut bob, spare);
    expected.passkey(&story, &spare);
    let key = add_key(&mut story, &mut bob, "bobs-key");
    expected.key(&story, CredentialKind::Key, &key);
    let vault = set_recovery_key(&mut story, &mut bob, "bobs-vault");
    expected.key(&story, CredentialKind::RecoveryKey, &vault);
    let (challenge, kit) = (story.chance.bytes(), fresh_kit(&mut story));
    let id = story.act(&mut bob, replacing(challenge, proven(&kit, &challenge)));
    bob.recovery_key = kit;
    bob.recovery_key.id = CredentialId::from_bytes(id);
    expected.kit(&story, &bob.recovery_key);
    let mut bob = recover(&mut story, &bob);
    expected.both(&story, &bob);

    // Through the API: by an invitation, by codes, by a recovery key.
    let cleo = story.invite(&mut ada, "cleo@example.org");
    let (key, vault) = (Key::es256(&mut story, "cleos-key"), Key::ed25519(&mut story, "cleos-vault"));
    let enrolment = enrolling(&mut story, &cleo, Grounds::Invitation, Some(&key), Some(&vault));
    append(&mut story, enrolment);
    expected.key(&story, CredentialKind::Key, &key);
    expected.key(&story, CredentialKind::RecoveryKey, &vault);
    let (action, mut spare) = (allow_for_an_hour(&mut story, &mut bob), fresh_passkey(&mut story));
    let by_text = |says: &mut Says| says.challenge = as_text(&says.challenge);
    let enrolment = enrolling_passkey(&mut story, bob.named(), &mut spare, Grounds::Code { action }, by_text);
    append(&mut story, enrolment);
    expected.passkey(&story, &spare);
    let (action, next) = (allow_for_an_hour(&mut story, &mut bob), Key::es256(&mut story, "bobs-next-vault"));
    let enrolment = enrolling(&mut story, &bob, Grounds::Code { action }, None, Some(&next));
    append(&mut story, enrolment);
    expected.key(&story, CredentialKind::RecoveryKey, &next);
    let (key, next) = (Key::ed25519(&mut story, "cleos-new-key"), Key::es256(&mut story, "cleos-next-vault"));
    let enrolment = recovering(&mut story, &cleo, &vault, &key, Some(&next));
    append(&mut story, enrolment);
    expected.key(&story, CredentialKind::Key, &key);
    expected.key(&story, CredentialKind::RecoveryKey, &next);
    assert_eq!(story.last_verdict(), Ok(()));

    for (index, line) in story.lines.iter().enumerate() {
        let entry = Entry::parse(line).unwrap();
        for (place, id, kind, key) in &expected.0 {
            let here = (*place == index).then(|| (*kind, key.clone()));
            assert_eq!(reader::public_key(&entry, *id), here, "{id} in entry {index}");
        }
    }
}

#[test]
fn the_reader_knows_no_key_where_the_registration_can_not_be_read() {
    let (mut story, mut ada) = Story::begin();
    let bob = story.invite(&mut ada, "bob@example.org");
    let (key, vault) = (Key::ed25519(&mut story, "bobs-key"), Key::ed25519(&mut story, "bobs-vault"));
    let mut enrolment = enrolling(&mut story, &bob, Grounds::Invitation, Some(&key), Some(&vault));
    attest(&mut registered(&mut enrolment).key, "publicKey", "key");
    append(&mut story, enrolment);
    let entry = Entry::parse(story.lines.last().unwrap()).unwrap();
    assert_eq!(reader::public_key(&entry, key.id), None);
    assert_eq!(reader::public_key(&entry, vault.id), Some((CredentialKind::RecoveryKey, vault.public_key())));
}

#[test]
fn an_enrolment_says_in_words_what_it_is() {
    let (mut story, mut ada) = Story::begin();
    let mut bob = story.invite(&mut ada, "bob@example.org");
    let (vault, next) = (Key::ed25519(&mut story, "bobs-vault"), Key::ed25519(&mut story, "bobs-next-vault"));
    let key = Key::ed25519(&mut story, "bobs-key");
    let mut told = Vec::new();
    let mut tell = |story: &Story, bob: &Person, credential: CredentialId| {
        let entry = Entry::parse(story.lines.last().unwrap()).unwrap();
        let summary = entry.summary().unwrap();
        assert_eq!((summary.who, summary.credential), (Who::User(bob.email.clone().into()), Some(credential)));
        assert_eq!(entry.actor(), Some(bob.id));
        assert!(entry.credentials().is_none() && !entry.is_loud());
        told.push(format!("{}: {}", entry.kind(), summary.sentence));
    };

    let enrolment = enrolling_passkey(&mut story, bob.named(), &mut bob.passkey, Grounds::Invitation, |_| ());
    let recovery_key = Some(vault.register(&enrolment.challenge.0));
    append(&mut story, Enrolment { recovery_key, ..enrolment });
    tell(&story, &bob, bob.passkey.id);
    let action = allow_for_an_hour(&mut story, &mut bob);
    let enrolment = enrolling(&mut story, &bob, Grounds::Code { action }, None, Some(&next));
    append(&mut story, enrolment);
    tell(&story, &bob, next.id);
    let enrolment = recovering(&mut story, &bob, &next, &key, None);
    append(&mut story, enrolment);
    tell(&story, &bob, key.id);
    assert_eq!(story.last_verdict(), Ok(()));
    assert_eq!(
        told,
        [
            "register: Signed up through the API with a passkey and a recovery key",
            "add_credential: Added a recovery key to their own account through the API, by a code",
            "recover: Recovered their own account through the API with their recovery key, and registered a key",
        ]
    );
}
