//! Who signs up, and with what: an invited user, once, with a passkey that nobody has and a recovery key that they hold.

use super::{
    authenticator::{BACKED_UP, HAS_CREDENTIAL, PRESENT, RecoveryKey, Says, VERIFIED},
    story::{Person, Story, create_user, in_words},
};
use app::{
    action::{
        bytes::Bytes,
        change::Change,
        history::{
            entry::{Credentials, Entry, Genesis, RecoveryKeyProof, Registration, What},
            replay::ReplayError,
        },
    },
    domain::{id::UserId, text::EmailAddress},
};

/// What would be said if this person signed up now, with this in their registration.
fn signing_up(story: &mut Story, person: Person, forge: impl FnOnce(&mut Registration)) -> (Result<(), ReplayError>, Person) {
    let (credentials, person) = story.credentials(person, |_| ());
    let mut registration = Registration { user: person.named(), credentials };
    forge(&mut registration);
    (story.verdict_on(What::Registration(Box::new(registration))), person)
}

#[test]
fn who_is_invited_signs_up_once() {
    let (mut story, mut ada) = Story::begin();
    let bob = story.invite(&mut ada, "bob@example.org");
    let id = bob.id;
    let not_invited = Err(ReplayError::NotInvited(id));

    let eve = EmailAddress::parse("eve@example.org").unwrap();
    let (verdict, bob) = signing_up(&mut story, bob, |registration| registration.user.handle = eve.into());
    assert_eq!(verdict, not_invited, "by another address");
    let stranger = UserId::from_bytes([7; 16]);
    let (verdict, bob) = signing_up(&mut story, bob, |registration| registration.user.id = stranger);
    assert_eq!(verdict, Err(ReplayError::NotInvited(stranger)));

    story.act(&mut ada, Change::DeactivateUser { user: bob.named() });
    let (verdict, bob) = signing_up(&mut story, bob, |_| ());
    assert_eq!(verdict, not_invited, "deactivated");
    story.act(&mut ada, Change::ActivateUser { user: bob.named() });
    let (verdict, bob) = signing_up(&mut story, bob, |_| ());
    assert_eq!(verdict, Ok(()), "activated again");

    story.act(&mut ada, Change::RevokeInvitation { user: bob.named() });
    let (verdict, bob) = signing_up(&mut story, bob, |_| ());
    assert_eq!(verdict, not_invited, "revoked");
    story.act(&mut ada, Change::DeactivateUser { user: bob.named() });
    story.act(&mut ada, Change::ActivateUser { user: bob.named() });
    let (verdict, bob) = signing_up(&mut story, bob, |_| ());
    assert_eq!(verdict, not_invited, "deactivated and activated, it is still revoked");
    story.act(&mut ada, Change::ResendInvitation { user: bob.named() });
    let (verdict, bob) = signing_up(&mut story, bob, |_| ());
    assert_eq!(verdict, Ok(()));

    let bob = story.register(bob);
    let (verdict, bob) = signing_up(&mut story, bob, |_| ());
    assert_eq!(verdict, not_invited, "signed up already");
    story.act(&mut ada, Change::DeactivateUser { user: bob.named() });
    story.act(&mut ada, Change::ActivateUser { user: bob.named() });
    let (verdict, bob) = signing_up(&mut story, bob, |_| ());
    assert_eq!(verdict, not_invited, "signed up before they were deactivated");
    story.act(&mut ada, Change::DeleteUser { user: bob.named() });
    let (verdict, _) = signing_up(&mut story, bob, |_| ());
    assert_eq!(verdict, not_invited, "deleted");
}

#[test]
fn nobody_signs_up_with_what_is_in_use() {
    let (mut story, mut ada) = Story::begin();
    let bob = story.join(&mut ada, "bob@example.org");
    let cleo = story.invite(&mut ada, "cleo@example.org");
    let taken = |id: &dyn ToString| Err(ReplayError::IdTaken(id.to_string()));

    let (passkey, recovery_key) = (bob.passkey.id, bob.recovery_key.id);
    let (verdict, cleo) = signing_up(&mut story, cleo, |registration| registration.credentials.passkey.id = passkey);
    assert_eq!(verdict, taken(&passkey));
    let (verdict, cleo) = signing_up(&mut story, cleo, |registration| registration.credentials.passkey.id = recovery_key);
    assert_eq!(verdict, taken(&recovery_key));
    let (verdict, cleo) = signing_up(&mut story, cleo, |registration| registration.credentials.recovery_key.id = passkey);
    assert_eq!(verdict, taken(&passkey));
    let own = cleo.passkey.id;
    let (verdict, cleo) = signing_up(&mut story, cleo, |registration| registration.credentials.recovery_key.id = own);
    assert_eq!(verdict, taken(&own));

    // Bob's whole registration under other ids: his passkey would sign for Cleo.
    let Some(What::Registration(bobs)) = story.lines.get(2).map(|line| Entry::parse(line).unwrap().what) else {
        panic!("Bob's registration is the third entry")
    };
    let credential_id = bobs.credentials.passkey.credential_id.clone();
    let copy = |registration: &mut Registration| {
        let (passkey, recovery_key) = (registration.credentials.passkey.id, registration.credentials.recovery_key.id);
        registration.credentials = bobs.credentials.clone();
        registration.credentials.passkey.id = passkey;
        registration.credentials.recovery_key.id = recovery_key;
    };
    let (verdict, cleo) = signing_up(&mut story, cleo, copy);
    assert_eq!(verdict, taken(&credential_id));
    // Once Bob is deleted, his authenticator is free again.
    story.act(&mut ada, Change::DeleteUser { user: bob.named() });
    let cleo = Person { passkey: bob.passkey, ..cleo };
    let (verdict, _) = signing_up(&mut story, cleo, |_| ());
    assert_eq!(verdict, Ok(()));
}

type Lie = fn(&mut Says);

#[test]
fn a_new_passkey_is_judged_as_strictly_as_a_signature() {
    let lies: [(&str, Lie); 14] = [
        ("nothing", |_| ()),
        ("another origin", |says| says.origin = "https://evil.example".to_owned()),
        ("another relying party", |says| says.rp_id = "evil.example".to_owned()),
        ("crossOrigin", |says| says.cross_origin = true),
        ("a topOrigin", |says| says.more_members = r#","topOrigin":"https://id.example.org""#),
        ("a sign-in", |says| says.kind = "webauthn.get"),
        ("another challenge", |says| says.challenge = vec![7; 32]),
        ("UP missing", |says| says.flags = HAS_CREDENTIAL | VERIFIED),
        ("UV missing", |says| says.flags = HAS_CREDENTIAL | PRESENT),
        ("BS without BE", |says| says.flags |= BACKED_UP),
        ("AT missing", |says| says.flags &= !HAS_CREDENTIAL),
        ("ED without extensions", |says| says.flags |= 1 << 7),
        ("a byte after the authenticator data", |says| says.trailing.push(0)),
        ("a count of 7", |says| says.sign_count = 7),
    ];
    let table: Vec<String> = lies
        .into_iter()
        .map(|(name, lie)| {
            let (mut story, mut ada) = Story::begin();
            let bob = story.invite(&mut ada, "bob@example.org");
            let (credentials, bob) = story.credentials(bob, lie);
            let registration = Registration { user: bob.named(), credentials };
            format!("{name}: {}", in_words(story.verdict_on(What::Registration(Box::new(registration)))))
        })
        .collect();
    insta::assert_snapshot!(table.join("\n"), @r#"
    nothing: accepted
    another origin: the passkey's registration doesn't hold: The client data's origin is "https://evil.example", but only "https://id.example.org" is accepted.
    another relying party: the passkey's registration doesn't hold: The credential is for another relying party than ours.
    crossOrigin: the passkey's registration doesn't hold: The signature was asked for inside another site's page: crossOrigin is not false.
    a topOrigin: the passkey's registration doesn't hold: The signature was asked for inside another site's page: the client data has a topOrigin.
    a sign-in: the passkey's registration doesn't hold: The client data's type is "webauthn.get", but "webauthn.create" was asked for.
    another challenge: the passkey's registration doesn't hold: The client data's challenge is not the one that was given out.
    UP missing: the passkey's registration doesn't hold: Nobody was present: the authenticator answered without a touch.
    UV missing: the passkey's registration doesn't hold: The authenticator didn't verify its owner by PIN or biometrics, which is required.
    BS without BE: the passkey's registration doesn't hold: The authenticator says that the passkey is backed up, and that it can't be.
    AT missing: the passkey's registration doesn't hold: The authenticator data has bytes after what it announces.
    ED without extensions: the passkey's registration doesn't hold: The authenticator data's extensions can't be read. The CBOR ends too early.
    a byte after the authenticator data: the passkey's registration doesn't hold: The authenticator data has bytes after what it announces.
    a count of 7: accepted
    "#);
}

#[test]
fn credentials_must_hold_together() {
    type Forgery = fn(&mut Credentials);

    let forgeries: [(&str, Forgery); 14] = [
        ("nothing", |_| ()),
        ("another salt", |credentials| credentials.recovery_key.salt = Bytes(vec![7; 32])),
        ("no salt", |credentials| credentials.recovery_key.salt = Bytes(Vec::new())),
        ("another recovery key", |credentials| credentials.recovery_key.public_key = Bytes(vec![7; 32])),
        ("a recovery key of 31 bytes", |credentials| credentials.recovery_key.public_key.0.truncate(31)),
        ("no proof of the recovery key", |credentials| credentials.recovery_key.signature.0.clear()),
        ("a recovery key's proof over another challenge", |credentials| {
            let other = RecoveryKey::new([7; 32], credentials.recovery_key.id);
            credentials.recovery_key = other.prove(b"another challenge");
        }),
        ("a recovery key's plain signature over the challenge", |credentials| {
            let other = RecoveryKey::new([7; 32], credentials.recovery_key.id);
            let signature = Bytes(other.sign(&credentials.challenge.0));
            credentials.recovery_key = RecoveryKeyProof { signature, ..other.prove(&credentials.challenge.0) };
        }),
        ("another challenge", |credentials| credentials.challenge = Bytes(vec![7; 32])),
        ("another origin", |credentials| credentials.origin = "https://evil.example".to_owned()),
        ("another port", |credentials| credentials.origin = "https://id.example.org:8443".to_owned()),
        ("another relying party", |credentials| credentials.rp_id = "evil.example".to_owned()),
        ("another id of the passkey", |credentials| credentials.passkey.credential_id.0[0] ^= 1),
        ("the attestation object cut off", |credentials| {
            credentials.passkey.attestation_object.0.pop();
        }),
    ];
    let table: Vec<String> = forgeries
        .into_iter()
        .map(|(name, forge)| {
            let (mut story, mut ada) = Story::begin();
            let bob = story.invite(&mut ada, "bob@example.org");
            let (verdict, _) = signing_up(&mut story, bob, |registration| forge(&mut registration.credentials));
            format!("{name}: {}", in_words(verdict))
        })
        .collect();
    insta::assert_snapshot!(table.join("\n"), @r#"
    nothing: accepted
    another salt: accepted
    no salt: accepted
    another recovery key: the signature isn't valid for this credential and this document
    a recovery key of 31 bytes: the recovery key isn't an Ed25519 key
    no proof of the recovery key: the signature isn't valid for this credential and this document
    a recovery key's proof over another challenge: the signature isn't valid for this credential and this document
    a recovery key's plain signature over the challenge: the signature isn't valid for this credential and this document
    another challenge: the passkey's registration doesn't hold: The client data's challenge is not the one that was given out.
    another origin: this was signed at https://evil.example, which isn't a page of id.example.org
    another port: the passkey's registration doesn't hold: The client data's origin is "https://id.example.org", but only "https://id.example.org:8443" is accepted.
    another relying party: this was signed for evil.example, but the history began at id.example.org
    another id of the passkey: the passkey's registration doesn't hold: The credential's id isn't the one that the authenticator gave.
    the attestation object cut off: the passkey's registration doesn't hold: The attestation object can't be read. The CBOR ends too early.
    "#);
}

/// The genesis of a story that has just begun.
fn genesis(story: &Story) -> Genesis {
    match Entry::parse(&story.lines[0]).unwrap().what {
        What::Genesis(genesis) => *genesis,
        What::Registration(_) | What::Action(_) | What::Recovery(_) | What::BreakGlass(_) | What::Enrolment(_) | What::KeyChange(_) => {
            panic!("a story begins with its genesis")
        }
    }
}

/// The story begun with another genesis.
fn begun_with(mut story: Story, genesis: Genesis) -> Result<(), ReplayError> {
    story.lines.clear();
    story.verdict_on(What::Genesis(Box::new(genesis)))
}

#[test]
fn a_history_has_one_genesis_at_its_beginning() {
    let (mut story, mut ada) = Story::begin();
    let first = genesis(&story);
    assert_eq!(story.verdict_on(What::Genesis(Box::new(first))), Err(ReplayError::Genesis));

    story.lines.clear();
    let document = story.document(&ada, create_user("bob@example.org")).to_bytes().unwrap();
    let action = Story::sign(&mut ada, &document, |_| ());
    assert_eq!(story.verdict_on_action(action), Err(ReplayError::Genesis));
    let (verdict, _) = signing_up(&mut story, ada, |_| ());
    assert_eq!(verdict, Err(ReplayError::Genesis));
}

#[test]
fn a_genesis_proves_what_it_registers() {
    let (story, _) = Story::begin();
    let mut forged = genesis(&story);
    forged.credentials.recovery_key.signature.0[0] ^= 1;
    assert_eq!(begun_with(story, forged), Err(ReplayError::Signature));

    let (story, _) = Story::begin();
    let mut forged = genesis(&story);
    forged.credentials.challenge = Bytes(vec![7; 32]);
    assert!(matches!(begun_with(story, forged), Err(ReplayError::Registration(_))));
}

#[test]
fn a_genesis_names_two_permissions() {
    let (story, _) = Story::begin();
    let mut forged = genesis(&story);
    forged.end_user = forged.full_admin;
    let id = forged.full_admin.to_string();
    assert_eq!(begun_with(story, forged), Err(ReplayError::IdTaken(id)));
}
