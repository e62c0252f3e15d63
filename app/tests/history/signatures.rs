//! A signature counts when it is one over this very document, by the actor's own passkey, made on our page by someone
//! whom the authenticator knew. Each story has one signature that isn't.

use super::{
    authenticator::{BACKED_UP, BACKUP_ELIGIBLE, HAS_CREDENTIAL, PRESENT, Passkey, Says, VERIFIED, other_spelling},
    story::{Person, Story, create_user, in_words},
};
use app::{
    action::{
        bytes::Bytes,
        challenge::{Purpose, frame, sha256},
        change::Change,
        document::{self, Document},
        history::{
            entry::{SignedAction, What},
            replay::ReplayError,
        },
        verify::AssertionError,
    },
    domain::{id::OrganizationId, text::EmailAddress},
};
use std::time::Duration;

/// What is said to an action of Ada's whose authenticator or browser lies.
fn lying(lie: impl FnOnce(&mut Says)) -> Result<(), ReplayError> {
    let (mut story, mut ada) = Story::begin();
    let document = story.document(&ada, create_user("bob@example.org")).to_bytes().unwrap();
    let action = Story::sign(&mut ada, &document, lie);
    story.verdict_on_action(action)
}

/// What is said to an action of Ada's that is honest but for what is done to it after she signed it.
fn forged(forge: impl FnOnce(&mut SignedAction)) -> Result<(), ReplayError> {
    let (mut story, mut ada) = Story::begin();
    let document = story.document(&ada, create_user("bob@example.org")).to_bytes().unwrap();
    let mut action = Story::sign(&mut ada, &document, |_| ());
    forge(&mut action);
    story.verdict_on_action(action)
}

type Lie = fn(&mut Says);

#[test]
fn authenticator_and_browser_must_not_lie() {
    let lies: [(&str, Lie); 22] = [
        ("nothing", |_| ()),
        ("another member in the client data", |says| says.more_members = r#","more":[1]"#),
        ("another origin", |says| says.origin = "https://id.example.org.evil.example".to_owned()),
        ("the origin with a slash", |says| says.origin.push('/')),
        ("the origin with its port", |says| says.origin.push_str(":443")),
        ("another relying party", |says| says.rp_id = "evil.example".to_owned()),
        ("crossOrigin", |says| says.cross_origin = true),
        ("a topOrigin", |says| says.more_members = r#","topOrigin":"https://evil.example""#),
        ("the challenge twice", |says| says.more_members = r#","challenge":"AAAA""#),
        ("a new credential instead", |says| says.kind = "webauthn.create"),
        ("UP missing", |says| says.flags = VERIFIED),
        ("UV missing", |says| says.flags = PRESENT),
        ("UP and UV missing", |says| says.flags = 0),
        ("BS without BE", |says| says.flags |= BACKED_UP),
        ("BE, unlike at registration", |says| says.flags |= BACKUP_ELIGIBLE),
        ("BE and BS, unlike at registration", |says| says.flags |= BACKUP_ELIGIBLE | BACKED_UP),
        ("AT without a credential", |says| says.flags |= HAS_CREDENTIAL),
        ("ED without extensions", |says| says.flags |= 1 << 7),
        ("a byte after the authenticator data", |says| says.trailing.push(0)),
        ("ED and extensions", |says| {
            says.flags |= 1 << 7;
            says.trailing = b"\xa1\x64more\x01".to_vec();
        }),
        ("the count of the registration", |says| says.sign_count = 1),
        ("a count of zero", |says| says.sign_count = 0),
    ];
    let table: Vec<String> = lies.into_iter().map(|(name, lie)| format!("{name}: {}", in_words(lying(lie)))).collect();
    insta::assert_snapshot!(table.join("\n"), @r#"
    nothing: accepted
    another member in the client data: accepted
    another origin: the signature doesn't count: The client data's origin is "https://id.example.org.evil.example", but only "https://id.example.org" is accepted.
    the origin with a slash: the signature doesn't count: The client data's origin is "https://id.example.org/", but only "https://id.example.org" is accepted.
    the origin with its port: the signature doesn't count: The client data's origin is "https://id.example.org:443", but only "https://id.example.org" is accepted.
    another relying party: the signature doesn't count: The credential is for another relying party than ours.
    crossOrigin: the signature doesn't count: The signature was asked for inside another site's page: crossOrigin is not false.
    a topOrigin: the signature doesn't count: The signature was asked for inside another site's page: the client data has a topOrigin.
    the challenge twice: the signature doesn't count: The client data has the member "challenge" twice.
    a new credential instead: the signature doesn't count: The client data's type is "webauthn.create", but "webauthn.get" was asked for.
    UP missing: the signature doesn't count: Nobody was present: the authenticator answered without a touch.
    UV missing: the signature doesn't count: The authenticator didn't verify its owner by PIN or biometrics, which is required.
    UP and UV missing: the signature doesn't count: Nobody was present: the authenticator answered without a touch.
    BS without BE: the signature doesn't count: The authenticator says that the passkey is backed up, and that it can't be.
    BE, unlike at registration: the signature doesn't count: The passkey says something else than at its registration about whether it can be backed up.
    BE and BS, unlike at registration: the signature doesn't count: The passkey says something else than at its registration about whether it can be backed up.
    AT without a credential: the signature doesn't count: The authenticator data is too short for what it announces.
    ED without extensions: the signature doesn't count: The authenticator data's extensions can't be read. The CBOR ends too early.
    a byte after the authenticator data: the signature doesn't count: The authenticator data has bytes after what it announces.
    ED and extensions: accepted
    the count of the registration: the signature doesn't count: The signature is valid, but its sign count 1 isn't above the last one, 1: there may be a copy of the authenticator.
    a count of zero: the signature doesn't count: The signature is valid, but its sign count 0 isn't above the last one, 1: there may be a copy of the authenticator.
    "#);
}

#[test]
fn the_challenge_must_be_the_documents() {
    let (mut story, mut ada) = Story::begin();
    let bytes = story.document(&ada, create_user("bob@example.org")).to_bytes().unwrap();
    let other = story.document(&ada, create_user("eve@example.org")).to_bytes().unwrap();
    let challenges: [(&str, Vec<u8>); 8] = [
        ("the document's", document::challenge(&bytes).to_vec()),
        ("a sign-in's, which is random", story.chance.bytes().to_vec()),
        ("another document's", document::challenge(&other).to_vec()),
        ("the document's plain hash", sha256(&bytes).to_vec()),
        ("the document's hash for a created id", sha256(&frame(Purpose::CreatedId, &bytes)).to_vec()),
        ("the document's hash for a recovery key", sha256(&frame(Purpose::RecoveryKey, &bytes)).to_vec()),
        ("half of the document's", document::challenge(&bytes)[..16].to_vec()),
        ("none", Vec::new()),
    ];
    let table: Vec<String> = challenges
        .into_iter()
        .map(|(name, challenge)| {
            let action = Story::sign(&mut ada, &bytes, |says| says.challenge = challenge);
            format!("{name}: {}", in_words(story.verdict_on_action(action)))
        })
        .collect();
    insta::assert_snapshot!(table.join("\n"), @"
    the document's: accepted
    a sign-in's, which is random: the signature doesn't count: The client data's challenge is not the one that was given out.
    another document's: the signature doesn't count: The client data's challenge is not the one that was given out.
    the document's plain hash: the signature doesn't count: The client data's challenge is not the one that was given out.
    the document's hash for a created id: the signature doesn't count: The client data's challenge is not the one that was given out.
    the document's hash for a recovery key: the signature doesn't count: The client data's challenge is not the one that was given out.
    half of the document's: the signature doesn't count: The client data's challenge is not the one that was given out.
    none: the signature doesn't count: The client data's challenge is not the one that was given out.
    ");
}

#[test]
fn what_was_signed_must_not_change() {
    type Forgery = fn(&mut SignedAction);

    let forgeries: [(&str, Forgery); 10] = [
        ("nothing", |_| ()),
        ("the document", |action| replace(&mut action.document, "bob@", "eve@")),
        ("a space in the document", |action| replace(&mut action.document, "{", "{ ")),
        ("the client data", |action| replace(&mut action.client_data, "}", " }")),
        ("the count", |action| action.authenticator_data.as_mut().unwrap().0[36] += 1),
        ("the signature", |action| action.signature.0[10] ^= 1),
        ("a byte after the signature", |action| action.signature.0.push(0)),
        ("no signature", |action| action.signature.0.clear()),
        ("the signature's other spelling", |action| action.signature = Bytes(other_spelling(&action.signature.0))),
        ("authenticator data cut off", |action| action.authenticator_data.as_mut().unwrap().0.truncate(36)),
    ];
    let table: Vec<String> = forgeries.into_iter().map(|(name, forge)| format!("{name}: {}", in_words(forged(forge)))).collect();
    insta::assert_snapshot!(table.join("\n"), @"
    nothing: accepted
    the document: the signature doesn't count: The client data's challenge is not the one that was given out.
    a space in the document: the signature doesn't count: The client data's challenge is not the one that was given out.
    the client data: the signature isn't valid for this credential and this document
    the count: the signature isn't valid for this credential and this document
    the signature: the signature isn't valid for this credential and this document
    a byte after the signature: the signature isn't valid for this credential and this document
    no signature: the signature isn't valid for this credential and this document
    the signature's other spelling: accepted
    authenticator data cut off: the signature doesn't count: The authenticator data is too short for what it announces.
    ");
}

/// Alters bytes that are text, in the first place where it fits.
fn replace(bytes: &mut Bytes, from: &str, to: &str) {
    let text = String::from_utf8(bytes.0.clone()).unwrap();
    assert!(text.contains(from));
    bytes.0 = text.replacen(from, to, 1).into_bytes();
}

#[test]
fn only_the_actors_own_passkey_signs() {
    let (mut story, mut ada) = Story::begin();
    let mut bob = story.join(&mut ada, "bob@example.org");
    let document = story.document(&ada, create_user("cleo@example.org")).to_bytes().unwrap();

    let by_bob = Story::sign(&mut bob, &document, |_| ());
    assert_eq!(story.verdict_on_action(by_bob), Err(ReplayError::Credential(bob.passkey.id)));
    let as_adas = SignedAction { credential: ada.passkey.id, ..Story::sign(&mut bob, &document, |_| ()) };
    assert_eq!(story.verdict_on_action(as_adas), Err(ReplayError::Signature));
    let as_bobs = SignedAction { credential: bob.passkey.id, ..Story::sign(&mut ada, &document, |_| ()) };
    assert_eq!(story.verdict_on_action(as_bobs), Err(ReplayError::Credential(bob.passkey.id)));
    let with_recovery_key = SignedAction { credential: ada.recovery_key.id, ..Story::sign(&mut ada, &document, |_| ()) };
    assert_eq!(story.verdict_on_action(with_recovery_key), Err(ReplayError::Credential(ada.recovery_key.id)));
    let by_recovery_key = {
        let honest = Story::sign(&mut ada, &document, |_| ());
        let message = [honest.authenticator_data.as_ref().unwrap().as_ref(), &sha256(honest.client_data.as_ref())].concat();
        SignedAction { signature: Bytes(ada.recovery_key.sign(&message)), ..honest }
    };
    assert_eq!(story.verdict_on_action(by_recovery_key), Err(ReplayError::Signature));
    let by_ada = Story::sign(&mut ada, &document, |_| ());
    assert_eq!(story.verdict_on_action(by_ada), Ok(()));
}

/// What would be said to another change of this person, with this in its document.
fn next(story: &mut Story, person: &mut Person, change: impl FnOnce(&mut Document)) -> Result<(), ReplayError> {
    let mut document = story.document(person, create_user("next@example.org"));
    change(&mut document);
    let action = Story::sign(person, &document.to_bytes().unwrap(), |_| ());
    story.verdict_on_action(action)
}

#[test]
fn who_was_deleted_or_deactivated_signs_nothing_any_more() {
    let (mut story, mut ada) = Story::begin();
    let mut bob = story.join(&mut ada, "bob@example.org");
    story.give(&mut ada, story.full_admin, &bob);
    assert_eq!(next(&mut story, &mut bob, |_| ()), Ok(()));

    story.act(&mut ada, Change::DeactivateUser { user: bob.named() });
    assert_eq!(next(&mut story, &mut bob, |_| ()), Err(ReplayError::Actor(bob.id)));
    story.act(&mut ada, Change::ActivateUser { user: bob.named() });
    assert_eq!(next(&mut story, &mut bob, |_| ()), Ok(()));

    story.act(&mut ada, Change::DeleteUser { user: bob.named() });
    assert_eq!(next(&mut story, &mut bob, |_| ()), Err(ReplayError::Actor(bob.id)));
    // Nor for anybody else.
    let document = story.document(&ada, create_user("cleo@example.org")).to_bytes().unwrap();
    let by_bob = Story::sign(&mut bob, &document, |_| ());
    assert_eq!(story.verdict_on_action(by_bob), Err(ReplayError::Credential(bob.passkey.id)));
}

#[test]
fn who_has_not_signed_up_signs_nothing() {
    let (mut story, mut ada) = Story::begin();
    let mut bob = story.invite(&mut ada, "bob@example.org");
    assert_eq!(next(&mut story, &mut bob, |_| ()), Err(ReplayError::Actor(bob.id)));
}

#[test]
fn the_actor_is_named_by_their_own_address() {
    let (mut story, mut ada) = Story::begin();
    let id = ada.id;
    let renamed = next(&mut story, &mut ada, |document| document.actor.handle = EmailAddress::parse("eve@example.org").unwrap().into());
    assert_eq!(renamed, Err(ReplayError::Actor(id)));
}

#[test]
fn a_document_belongs_to_one_organization_and_one_relying_party() {
    let (mut story, mut ada) = Story::begin();
    let other = OrganizationId::from_bytes([7; 16]);
    let result = next(&mut story, &mut ada, |document| document.organization = other);
    assert_eq!(result, Err(ReplayError::DocumentOrganization(other)));
    let result = next(&mut story, &mut ada, |document| document.rp_id = "evil.example".to_owned());
    let expected = ReplayError::RelyingParty { found: "evil.example".to_owned(), expected: "id.example.org".to_owned() };
    assert_eq!(result, Err(expected));
    // Made on our page, it doesn't count for a document that names another page of ours.
    let result = next(&mut story, &mut ada, |document| document.origin = "https://id.example.org:8443".to_owned());
    assert!(matches!(result, Err(ReplayError::Assertion(_))), "{result:?}");
    for origin in
        ["https://evil.example", "http://id.example.org", "https://id.example.org/", "https://id.example.org:x", "id.example.org", ""]
    {
        let result = next(&mut story, &mut ada, |document| document.origin = origin.to_owned());
        assert_eq!(result, Err(ReplayError::Origin { origin: origin.to_owned(), rp_id: "id.example.org".to_owned() }));
    }
}

#[test]
fn an_action_of_another_organization_is_refused() {
    let (mut story, _) = Story::begin();
    let (mut other, mut eve) = Story::begin_from(1000);
    other.act(&mut eve, create_user("bob@example.org"));
    story.lines.push(other.lines[1].clone());
    assert_eq!(story.last_verdict(), Err(ReplayError::Organization(other.organization)));
    // Not even in an entry that says that it is ours.
    let line = other.lines[1].replace(&other.organization.to_string(), &story.organization.to_string());
    *story.lines.last_mut().unwrap() = line;
    assert_eq!(story.last_verdict(), Err(ReplayError::DocumentOrganization(other.organization)));
}

#[test]
fn a_document_can_be_executed_until_it_expires() {
    let (mut story, mut ada) = Story::begin();
    let (issued, lasts) = (story.now, Duration::from_mins(5));
    // An entry is executed a minute after the one before.
    let executed = issued.plus(Duration::from_mins(1));
    let just_now = next(&mut story, &mut ada, |document| document.expires_at = executed.plus(Duration::from_millis(1)));
    assert_eq!(just_now, Ok(()));
    let too_late = next(&mut story, &mut ada, |document| document.expires_at = executed);
    assert_eq!(too_late, Err(ReplayError::Expired { expired: executed, executed }));
    let document = story.document(&ada, create_user("bob@example.org"));
    let action = Story::sign(&mut ada, &document.to_bytes().unwrap(), |_| ());
    story.now = story.now.plus(lasts);
    let executed = story.now.plus(Duration::from_mins(1));
    assert_eq!(story.verdict_on_action(action), Err(ReplayError::Expired { expired: document.expires_at, executed }));
}

#[test]
fn a_document_is_executed_once() {
    let (mut story, mut ada) = Story::begin();
    let document = story.document(&ada, create_user("bob@example.org"));
    let bytes = document.to_bytes().unwrap();
    let action = Story::sign(&mut ada, &bytes, |_| ());
    story.append(What::Action(Box::new(action.clone())));

    let repeated = Err(ReplayError::Repeated(document.id));
    assert_eq!(story.verdict_on_action(action.clone()), repeated);
    let signature = Bytes(other_spelling(&action.signature.0));
    assert_eq!(story.verdict_on_action(SignedAction { signature, ..action }), repeated);
    let signed_again = Story::sign(&mut ada, &bytes, |_| ());
    assert_eq!(story.verdict_on_action(signed_again), repeated);
    // Nor is another document of the same action.
    let other = Document { change: create_user("cleo@example.org"), nonce: Bytes(vec![7; 32]), ..document };
    let other = Story::sign(&mut ada, &other.to_bytes().unwrap(), |_| ());
    assert_eq!(story.verdict_on_action(other), repeated);
}

#[test]
fn a_security_keys_count_grows_with_each_signature() {
    let (mut story, mut ada) = Story::begin();
    story.act(&mut ada, create_user("bob@example.org"));
    assert_eq!(ada.passkey.sign_count, 2);
    for (count, is_accepted) in [(3, true), (100, true), (2, false), (1, false), (0, false)] {
        ada.passkey.sign_count = count;
        ada.passkey.counts_by = 0;
        let expected = if is_accepted {
            Ok(())
        } else {
            Err(ReplayError::Assertion(AssertionError::SignCountWentBack { stored: 2, received: count }))
        };
        assert_eq!(next(&mut story, &mut ada, |_| ()), expected);
    }
}

#[test]
fn what_never_counted_may_begin_to() {
    let (mut story, mut ada) = Story::begin();
    let mut bob = story.invite(&mut ada, "bob@example.org");
    bob.passkey.counts_by = 0;
    let mut bob = story.register(bob);
    story.give(&mut ada, story.full_admin, &bob);
    for _ in 0..2 {
        story.act(&mut bob, create_user(&format!("guest{}@example.org", story.lines.len())));
    }
    assert_eq!(story.last_verdict(), Ok(()));
    bob.passkey.sign_count = 1;
    story.act(&mut bob, create_user("one@example.org"));
    assert_eq!(story.last_verdict(), Ok(()));
    // From then on its count must grow.
    story.act(&mut bob, create_user("two@example.org"));
    assert!(matches!(story.last_verdict(), Err(ReplayError::Assertion(_))));
}

#[test]
fn the_count_of_a_passkey_that_is_backed_up_may_go_back() {
    let (mut story, mut ada) = Story::begin();
    let bob = story.invite(&mut ada, "bob@example.org");
    let passkey = Passkey::in_password_manager(story.chance.bytes(), bob.passkey.id);
    let mut bob = story.register(Person { passkey, ..bob });
    story.give(&mut ada, story.full_admin, &bob);
    for count in [7, 3, 3, 0, 1] {
        bob.passkey.sign_count = count;
        story.act(&mut bob, create_user(&format!("guest{}@example.org", story.lines.len())));
        assert_eq!(story.last_verdict(), Ok(()), "{count}");
    }
    // It may say that it isn't backed up any more; from then on its count matters again.
    bob.passkey.flags &= !BACKED_UP;
    bob.passkey.sign_count = 1;
    story.act(&mut bob, create_user("late@example.org"));
    assert!(matches!(story.last_verdict(), Err(ReplayError::Assertion(_))));
}
