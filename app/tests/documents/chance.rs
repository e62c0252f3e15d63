//! Documents by chance.

use super::golden::{documents, entries};
use app::{
    action::{
        account_change::{AccountChange, NewPasskey, NewRecoveryKey},
        bytes::Bytes,
        change::{Change, GivenPermission, NewProgram, PermissionRef, PermissionTerms, ProgramTerms, UserRef},
        cose::PublicKey,
        document::{self, Document, NONCE_LENGTH},
        history::entry::Entry,
        key::NewKey,
        sentence,
    },
    domain::{
        handle::Handle,
        id::{ActionId, AssignmentId, CredentialId, OrganizationId, PermissionId, UserId},
        operation::{Operation, Operations},
        text::{EmailAddress, ExternalId, KeyId, PasskeyName, PermissionName, ProgramName, PublicKeyPem},
        time::Timestamp,
        user::UserKind,
    },
};
use proptest::{collection, option, prelude::*, sample};
use std::collections::BTreeSet;

fn user_id() -> impl Strategy<Value = UserId> {
    any::<[u8; 16]>().prop_map(UserId::from_bytes)
}

fn permission_id() -> impl Strategy<Value = PermissionId> {
    any::<[u8; 16]>().prop_map(PermissionId::from_bytes)
}

fn email() -> impl Strategy<Value = EmailAddress> {
    let typed = "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]{1,20}@[a-zA-Z0-9]{1,10}(\\.[a-zA-Z0-9]{1,10}){0,2}\\.[a-zA-Z]{2,8}";
    typed.prop_map(|typed| EmailAddress::parse(&typed).unwrap())
}

/// Names of all sorts, as far as they are names.
fn name<Name: std::fmt::Debug>(parse: fn(&str) -> Option<Name>) -> impl Strategy<Value = Name> {
    let typed = prop_oneof!["[a-zA-Z ]{1,20}", "\\PC{1,30}", "[\"\\\\/ü李\u{1F600}b]{1,20}"];
    typed.prop_filter_map("not a name", move |typed| parse(&typed))
}

fn permission_name() -> impl Strategy<Value = PermissionName> {
    name(|typed| PermissionName::parse(typed).ok())
}

fn some_operations() -> impl Strategy<Value = BTreeSet<Operation>> {
    sample::subsequence(Operation::ALL.to_vec(), 0..=Operation::ALL.len()).prop_map(|operations| operations.into_iter().collect())
}

fn operations() -> impl Strategy<Value = Operations> {
    prop_oneof![Just(Operations::All), some_operations().prop_map(Operations::These)]
}

fn user() -> impl Strategy<Value = UserRef> {
    let handle = prop_oneof![
        email().prop_map(Handle::Email),
        program_name().prop_map(Handle::ServiceAccount),
        (program_name(), email()).prop_map(|(name, owner)| Handle::AccessToken { name, owner }),
    ];
    (user_id(), handle).prop_map(|(id, handle)| UserRef { id, handle })
}

/// Any integer that a document can hold.
fn integer() -> impl Strategy<Value = u64> {
    prop_oneof![0..10_u64, 0..1_u64 << 53, Just((1 << 53) - 1)]
}

fn permission() -> impl Strategy<Value = PermissionRef> {
    (permission_id(), permission_name(), integer()).prop_map(|(id, name, version)| PermissionRef { id, name, version })
}

fn terms() -> impl Strategy<Value = PermissionTerms> {
    (permission_name(), some_operations()).prop_map(|(name, operations)| PermissionTerms { name, operations })
}

fn change() -> impl Strategy<Value = Change> {
    let kind = prop_oneof![Just(UserKind::Employee), Just(UserKind::EndUser)];
    let external_id = option::of(name(|typed| ExternalId::parse(typed).ok()));
    let assignment = any::<[u8; 16]>().prop_map(AssignmentId::from_bytes);
    prop_oneof![
        (email(), kind, external_id).prop_map(|(email, kind, external_id)| Change::CreateUser { email, kind, external_id }),
        user().prop_map(|user| Change::ResendInvitation { user }),
        user().prop_map(|user| Change::ShareInvitation { user }),
        user().prop_map(|user| Change::ReEnrolUser { user }),
        user().prop_map(|user| Change::RevokeInvitation { user }),
        user().prop_map(|user| Change::DeactivateUser { user }),
        user().prop_map(|user| Change::ActivateUser { user }),
        user().prop_map(|user| Change::DeleteUser { user }),
        terms().prop_map(|terms| Change::CreatePermission { terms }),
        (permission_id(), integer(), terms(), terms()).prop_map(|(id, version, before, after)| Change::UpdatePermission {
            id,
            version,
            before,
            after
        }),
        permission().prop_map(|permission| Change::ArchivePermission { permission }),
        permission().prop_map(|permission| Change::RestorePermission { permission }),
        (permission(), operations(), user()).prop_map(|(permission, operations, user)| Change::AssignPermission {
            permission,
            operations,
            user
        }),
        (assignment, permission(), user()).prop_map(|(id, permission, user)| Change::RevokeAssignment { id, permission, user }),
        new_program().prop_map(Change::CreateServiceAccount),
        new_program().prop_map(Change::CreateAccessToken),
        (user(), program_terms(), program_terms())
            .prop_filter("nothing changes", |(_, before, after)| before != after)
            .prop_map(|(user, before, after)| Change::UpdateProgram { user, before, after }),
        user().prop_map(|user| Change::KeepSignIn { user }),
        (email(), option::of(name(|typed| ExternalId::parse(typed).ok())))
            .prop_map(|(email, external_id)| Change::RegisterEndUser { email, external_id }),
        user().prop_map(|user| Change::LogInEndUser { user }),
        user().prop_map(|user| Change::RecoverEndUser { user }),
        account_change().prop_map(Change::OwnAccount),
    ]
}

fn bytes() -> impl Strategy<Value = Bytes> {
    collection::vec(any::<u8>(), 0..40).prop_map(Bytes)
}

fn passkey_name() -> impl Strategy<Value = PasskeyName> {
    name(|typed| PasskeyName::parse(typed).ok())
}

fn new_passkey() -> impl Strategy<Value = NewPasskey> {
    let parts = (bytes(), collection::vec(any::<u8>(), 1..40).prop_map(Bytes), bytes(), bytes(), collection::vec("[a-z-]{1,10}", 0..4));
    parts.prop_map(|(challenge, credential_id, client_data, attestation_object, transports)| NewPasskey {
        challenge,
        credential_id,
        client_data,
        attestation_object,
        transports,
    })
}

fn new_recovery_key() -> impl Strategy<Value = NewRecoveryKey> {
    let public_key = collection::vec(any::<u8>(), 1..40).prop_map(Bytes);
    (public_key, bytes(), bytes()).prop_map(|(public_key, salt, signature)| NewRecoveryKey { public_key, salt, signature })
}

fn program_name() -> impl Strategy<Value = ProgramName> {
    name(|typed| ProgramName::parse(typed).ok())
}

fn program_terms() -> impl Strategy<Value = ProgramTerms> {
    (program_name(), option::of(name(|typed| ExternalId::parse(typed).ok())))
        .prop_map(|(name, external_id)| ProgramTerms { name, external_id })
}

fn new_program() -> impl Strategy<Value = NewProgram> {
    let given = option::of((permission(), operations()).prop_map(|(permission, operations)| GivenPermission { permission, operations }));
    (program_terms(), any::<[u8; 32]>(), 1 - (1_i64 << 53)..(1 << 53) - 1, given).prop_map(|(terms, key, until, permission)| NewProgram {
        terms,
        public_key: PublicKeyPem::parse(&PublicKey::Ed25519(key).to_pem()).unwrap(),
        until: Timestamp::from_millis(until),
        permission,
    })
}

fn new_key() -> impl Strategy<Value = NewKey> {
    ("[A-Za-z0-9_-]{1,40}", bytes(), bytes()).prop_map(|(id, client_data, attestation)| NewKey {
        credential_id: KeyId::parse(&id).unwrap(),
        client_data,
        attestation,
    })
}

fn account_change() -> impl Strategy<Value = AccountChange> {
    let id = || any::<[u8; 16]>().prop_map(CredentialId::from_bytes);
    prop_oneof![
        (passkey_name(), new_passkey()).prop_map(|(name, passkey)| AccountChange::AddPasskey { name, passkey }),
        (id(), passkey_name(), passkey_name())
            .prop_filter("nothing changes", |(_, before, after)| before != after)
            .prop_map(|(id, before, after)| AccountChange::RenamePasskey { id, before, after }),
        (id(), passkey_name()).prop_map(|(id, name)| AccountChange::RemovePasskey { id, name }),
        (bytes(), new_recovery_key()).prop_map(|(challenge, recovery_key)| AccountChange::ReplaceRecoveryKey { challenge, recovery_key }),
        (passkey_name(), bytes(), new_key()).prop_map(|(name, challenge, key)| AccountChange::AddKey { name, challenge, key }),
        (passkey_name(), bytes(), new_key(), option::of(bytes()))
            .prop_map(|(name, challenge, key, sealed)| AccountChange::SetRecoveryKey { name, challenge, key, sealed }),
        (id(), passkey_name()).prop_map(|(id, name)| AccountChange::DeactivateCredential { id, name }),
        (id(), passkey_name()).prop_map(|(id, name)| AccountChange::ActivateCredential { id, name }),
        (1 - (1_i64 << 53)..(1 << 53) - 1).prop_map(|until| AccountChange::AllowCredential { until: Timestamp::from_millis(until) }),
        (passkey_name(), new_passkey(), new_recovery_key()).prop_map(|(name, passkey, recovery_key)| AccountChange::Recover {
            name,
            passkey,
            recovery_key
        }),
    ]
}

prop_compose! {
    fn any_document()(
        id: [u8; 16],
        organization: [u8; 16],
        origin in "\\PC{0,40}",
        rp_id in "\\PC{0,40}",
        actor in user(),
        change in change(),
        // It ends at the latest where integers do.
        (issued_at, lasts) in (1 - (1_i64 << 53)..(1 << 53) - 1).prop_flat_map(|issued| (Just(issued), 1..=(1 << 53) - 1 - issued)),
        nonce in collection::vec(any::<u8>(), NONCE_LENGTH),
    ) -> Document {
        Document {
            v: document::VERSION,
            id: ActionId::from_bytes(id),
            organization: OrganizationId::from_bytes(organization),
            origin,
            rp_id,
            actor,
            operation: change.operation(),
            change,
            issued_at: Timestamp::from_millis(issued_at),
            expires_at: Timestamp::from_millis(issued_at + lasts),
            nonce: Bytes(nonce),
        }
    }
}

/// A few bytes are replaced, put in or left out.
fn mutated(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<sample::Index>(), 0..3_usize, collection::vec(any::<u8>(), 0..4));
    collection::vec(edit, 1..4).prop_map(move |edits| {
        let mut bytes = bytes.clone();
        for (place, left_out, put_in) in edits {
            let start = place.index(bytes.len() + 1);
            let end = (start + left_out).min(bytes.len());
            bytes.splice(start..end, put_in);
        }
        bytes
    })
}

fn golden_documents() -> impl Strategy<Value = Vec<u8>> {
    let documents: Vec<Vec<u8>> = documents().into_iter().map(|(_, document)| document.to_bytes().unwrap()).collect();
    sample::select(documents)
}

fn golden_entries() -> impl Strategy<Value = Vec<u8>> {
    sample::select(entries().into_iter().map(|(_, line)| line.into_bytes()).collect::<Vec<_>>())
}

/// Text that looks like JSON.
fn nearly_json() -> impl Strategy<Value = String> {
    let word =
        prop_oneof!["[\\[\\]{}:,\" ]", "\"[a-z_]{1,12}\"", "-?[0-9]{1,25}", Just("null".to_owned()), Just("\"change\":{".to_owned())];
    collection::vec(word, 0..60).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn a_document_reads_back_and_has_one_canonical_spelling(document in any_document()) {
        let bytes = document.to_bytes().unwrap();
        let read = Document::parse(&bytes).unwrap();
        prop_assert_eq!(&read, &document);
        prop_assert_eq!(read.to_bytes().unwrap(), bytes);
    }

    #[test]
    fn different_changes_have_different_documents(document in any_document(), other in change()) {
        let other = Document { operation: other.operation(), change: other, ..document.clone() };
        let same = document.change == other.change;
        prop_assert_eq!(document.to_bytes().unwrap() == other.to_bytes().unwrap(), same);
    }

    #[test]
    fn changes_one_step_apart_have_different_documents(document in any_document(), index: sample::Index, bit in 0..8_u8) {
        // A bit of the canonical bytes, where it leaves a document: either this was another change, or another document.
        let bytes = document.to_bytes().unwrap();
        let mut changed = bytes.clone();
        changed[index.index(bytes.len())] ^= 1 << bit;
        if let Ok(other) = Document::parse(&changed) {
            prop_assert_eq!(other.to_bytes().unwrap() == bytes, other == document);
        }
    }

    #[test]
    fn every_change_has_words(change in change()) {
        let sentence = sentence::sentence(&change);
        prop_assert!(!sentence.is_empty() && !sentence.contains('\n'));
        for detail in sentence::details(&change) {
            prop_assert!(!detail.value.is_empty());
            prop_assert_ne!(detail.before, Some(detail.value));
        }
    }

    #[test]
    fn any_bytes_are_answered_without_a_panic(bytes in collection::vec(any::<u8>(), 0..300), text in nearly_json()) {
        let _ = Document::parse(&bytes);
        let _ = Document::parse(text.as_bytes());
        let _ = Entry::parse(&String::from_utf8_lossy(&bytes));
        let _ = Entry::parse(&text);
    }

    #[test]
    fn a_spoiled_document_is_answered_without_a_panic(
        (bytes, spoiled) in golden_documents().prop_flat_map(|bytes| (Just(bytes.clone()), mutated(bytes))),
    ) {
        match Document::parse(&spoiled) {
            Err(_) => {}
            // Other bytes for the same document, by white space for example: this is why bytes are hashed.
            Ok(document) => prop_assert_eq!(document.to_bytes().unwrap() == bytes, document == Document::parse(&bytes).unwrap()),
        }
        prop_assert_eq!(document::challenge(&spoiled) == document::challenge(&bytes), spoiled == bytes);
    }

    #[test]
    fn a_spoiled_entry_is_answered_without_a_panic(
        (line, spoiled) in golden_entries().prop_flat_map(|line| (Just(line.clone()), mutated(line))),
    ) {
        let spoiled = String::from_utf8_lossy(&spoiled);
        if let Ok(entry) = Entry::parse(&spoiled) {
            let _ = entry.summary();
            prop_assert_eq!(entry.to_line().unwrap().into_bytes() == line, entry == Entry::parse(std::str::from_utf8(&line).unwrap()).unwrap());
        }
    }
}
