//! How long the steps of the core take, one by one: what is done for each change, and for each line of a history.
//!
//! ```text
//! cargo bench -p server --bench micro [-- NAME]
//! ```

#![allow(missing_docs, clippy::unwrap_used, reason = "a measurement may stop where it stands")]

#[allow(dead_code, reason = "the load generator uses more of it")]
mod signer;

use app::{
    action::{
        challenge::sha256,
        change::{Change, UserRef},
        cose::Algorithm,
        document,
        history::{
            entry::{Entry, SignedAction, What},
            merkle::{Frontier, Hash, ProofPlan, Subtree},
        },
        verify::{Assertion, Expected, RelyingParty, StoredCredential, UserVerification, verify_assertion},
    },
    domain::{
        id::{CredentialId, OrganizationId, UserId},
        text::{EmailAddress, ExternalId},
        time::Timestamp,
        user::UserKind,
    },
};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ring::signature::{Ed25519KeyPair, KeyPair};
use signer::{Sign, Signer};
use std::{collections::HashMap, hint::black_box};

/// How many entries the history of the proofs has.
const ENTRIES: u64 = 1_000_000;

/// Somebody with this key.
fn somebody(sign: Sign) -> Signer {
    Signer {
        organization: OrganizationId::from_bytes([1; 16]),
        origin: "https://id.example.org".to_owned(),
        rp_id: "id.example.org".to_owned(),
        actor: UserRef { id: UserId::from_bytes([3; 16]), handle: EmailAddress::parse("ada@example.org").unwrap().into() },
        passkey: CredentialId::from_bytes([2; 16]),
        sign_count: 0,
        sign,
    }
}

fn change() -> Change {
    let email = EmailAddress::parse("grace.hopper@example.org").unwrap();
    Change::CreateUser { email, kind: UserKind::Employee, external_id: Some(ExternalId::parse("employee-4711").unwrap()) }
}

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

fn documents(criterion: &mut Criterion) {
    let document = somebody(signer::signing_with(signer::p256())).document(change(), NOW);
    let bytes = document.to_bytes().unwrap();
    criterion.bench_function("document, written canonically", |bencher| bencher.iter(|| black_box(&document).to_bytes().unwrap()));
    criterion.bench_function("challenge of a document", |bencher| bencher.iter(|| document::challenge(black_box(&bytes))));
}

fn assertions(criterion: &mut Criterion) {
    let key = signer::p256();
    let cose = signer::cose_p256(key.public_key().as_ref());
    assertion(criterion, "assertion verified, P-256", somebody(signer::signing_with(key)), &cose, Algorithm::Es256);
    let key = Ed25519KeyPair::from_seed_unchecked(&[5; 32]).unwrap();
    let cose = [&[0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20], key.public_key().as_ref()].concat();
    let signer = somebody(Box::new(move |message| key.sign(message).as_ref().to_vec()));
    assertion(criterion, "assertion verified, Ed25519", signer, &cose, Algorithm::Ed25519);
}

/// The whole strict check, with its mathematics.
fn assertion(criterion: &mut Criterion, name: &str, mut signer: Signer, cose: &[u8], algorithm: Algorithm) {
    let SignedAction { document, authenticator_data, client_data, signature, .. } = signer.sign(change(), NOW).change;
    let (challenge, authenticator_data) = (document::challenge(&document.0), authenticator_data.unwrap());
    let relying_party = RelyingParty::new(&signer.rp_id, &*signer.origin);
    let expected = Expected { relying_party: &relying_party, challenge: &challenge, user_verification: UserVerification::Required };
    let stored = StoredCredential { public_key_cose: cose, algorithm, sign_count: 0, backup_eligible: Some(false) };
    let assertion = Assertion { client_data_json: &client_data.0, authenticator_data: &authenticator_data.0, signature: &signature.0 };
    criterion.bench_function(name, |bencher| bencher.iter(|| verify_assertion(&expected, &stored, black_box(&assertion)).unwrap()));
}

fn lines(criterion: &mut Criterion) {
    let mut ada = somebody(signer::signing_with(signer::p256()));
    let signed = ada.sign(change(), NOW).change;
    let line = signer::line(ada.organization, 4711, NOW, What::Action(Box::new(signed)));
    criterion.bench_function("line of history, parsed", |bencher| bencher.iter(|| Entry::parse(black_box(&line)).unwrap()));
    let entry = Entry::parse(&line).unwrap();
    criterion.bench_function("entry, said in words", |bencher| bencher.iter(|| black_box(&entry).summary().unwrap()));
    // At each size another number of subtrees is completed: the tree goes on growing, as a history does.
    let mut tree = Frontier::default();
    criterion.bench_function("Merkle tree, a line appended", |bencher| bencher.iter(|| tree.append(black_box(line.as_bytes()))));
}

fn proofs(criterion: &mut Criterion) {
    let mut tree = Frontier::default();
    let mut known: HashMap<Subtree, Hash> = HashMap::new();
    for index in 0..ENTRIES {
        for (level, root) in (0..).zip(tree.append(&index.to_be_bytes())) {
            known.insert(Subtree { level, place: index >> level }, root);
        }
    }
    let mut places = (0_u64..).map(|number| u64::from_be_bytes(sha256(&number.to_be_bytes())[..8].try_into().unwrap()) % ENTRIES);
    criterion.bench_function("Merkle tree, inclusion in 1,000,000 proven", |bencher| {
        let prove = |index| ProofPlan::inclusion(index, ENTRIES).unwrap().fill(|subtree| known.get(&subtree).copied()).unwrap();
        bencher.iter_batched(|| places.next().unwrap(), prove, BatchSize::SmallInput);
    });
}

criterion_group!(micro, documents, assertions, lines, proofs);
criterion_main!(micro);
