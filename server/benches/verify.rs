//! How fast `countersign verify` goes through a history: signed entries made here, verified by the program as people run it.
//!
//! ```text
//! cargo bench -p server --bench verify [-- NUMBER]      100,000 entries, unless said otherwise
//! ```

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement may stop where it stands, says its figures, and reads the clock"
)]

use app::{
    action::{
        bytes::Bytes,
        challenge::sha256,
        change::{Change, PermissionTerms, UserRef},
        document::{self, Document},
        history::{
            checkpoint::{Checkpoint, CheckpointSigner},
            entry::{Credentials, Entry, Genesis, PasskeyProof, RecoveryKeyProof, SignedAction, VERSION, What},
            merkle::Frontier,
            reader::created,
        },
        recovery_key::recovery_key_message,
    },
    domain::{
        id::{ActionId, AssignmentId, CredentialId, OrganizationId, PermissionId, UserId},
        operation::Operation,
        text::{EmailAddress, OrganizationName, PermissionName},
        time::Timestamp,
        user::UserKind,
    },
};
use data_encoding::BASE64URL_NOPAD;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

const ORIGIN: &str = "https://id.example.org";
const RP_ID: &str = "id.example.org";
const ORGANIZATION: OrganizationId = OrganizationId::from_bytes([1; 16]);
const PASSKEY: CredentialId = CredentialId::from_bytes([2; 16]);
/// What is between two entries' times, in milliseconds.
const STEP: i64 = 1000;

fn main() {
    // `cargo bench` passes its own `--bench` on.
    let number = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(100_000);
    let folder = tempfile::tempdir().unwrap();
    let (export, kept) = (folder.path().join("history.jsonl"), folder.path().join("checkpoint"));
    write_export(number, &export, &kept);
    let size = fs::metadata(&export).unwrap().len();
    println!("{number} entries, {} bytes each", size / number);
    println!("ring alone: {} signatures/s a core", ring_alone());
    let cores = thread::available_parallelism().unwrap().get();
    measure("verify", number, cores, &[export.to_str().unwrap()]);
    measure("verify, with a kept checkpoint", number, cores, &[export.to_str().unwrap(), "--checkpoint", kept.to_str().unwrap()]);
}

/// What the verification can at best be: nothing but one signature, again and again.
fn ring_alone() -> u64 {
    const TIMES: u64 = 20_000;
    let admin = Admin::new();
    let signature = admin.key.sign(&admin.random, &[0; 69]).unwrap();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, admin.key.public_key().as_ref());
    let start = Instant::now();
    for _ in 0..TIMES {
        key.verify(&[0; 69], signature.as_ref()).unwrap();
    }
    per_second(TIMES, start.elapsed())
}

/// The median of three.
fn measure(what: &str, number: u64, cores: usize, arguments: &[&str]) {
    let mut times = [(); 3].map(|()| {
        let start = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_countersign")).arg("verify").args(arguments).output().unwrap();
        let time = start.elapsed();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        time
    });
    times.sort();
    let a_second = per_second(number, times[1]);
    println!("{what}: {a_second} entries/s on {cores} cores, {} a core ({:.2} s)", a_second / cores as u64, times[1].as_secs_f64());
}

fn per_second(number: u64, time: Duration) -> u64 {
    number * 1_000_000 / u64::try_from(time.as_micros()).unwrap().max(1)
}

/// Someone with a passkey that counts.
struct Admin {
    named: UserRef,
    key: EcdsaKeyPair,
    random: SystemRandom,
    signatures: u32,
}

impl Admin {
    fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let named = UserRef { id: UserId::from_bytes([3; 16]), handle: EmailAddress::parse("ada@example.org").unwrap().into() };
        Self { named, key, random, signatures: 0 }
    }

    fn genesis(&self, signer: &CheckpointSigner) -> What {
        let challenge = vec![4; 32];
        let recovery = Ed25519KeyPair::from_seed_unchecked(&[5; 32]).unwrap();
        let credential_id = vec![6; 32];
        let credentials = Credentials {
            origin: ORIGIN.to_owned(),
            rp_id: RP_ID.to_owned(),
            challenge: Bytes(challenge.clone()),
            passkey: PasskeyProof {
                id: PASSKEY,
                client_data: Bytes(client_data("webauthn.create", &challenge)),
                attestation_object: Bytes(self.attestation_object(&credential_id)),
                credential_id: Bytes(credential_id),
            },
            recovery_key: RecoveryKeyProof {
                id: CredentialId::from_bytes([7; 16]),
                public_key: Bytes(recovery.public_key().as_ref().to_vec()),
                salt: Bytes(vec![8; 32]),
                signature: Bytes(recovery.sign(&recovery_key_message(&challenge)).as_ref().to_vec()),
            },
        };
        What::Genesis(Box::new(Genesis {
            name: OrganizationName::parse("Acme").unwrap(),
            admin: self.named.clone(),
            full_admin: PermissionId::from_bytes([9; 16]),
            end_user: PermissionId::from_bytes([10; 16]),
            assignment: AssignmentId::from_bytes([11; 16]),
            checkpoint_key: signer.key().to_owned(),
            credentials,
        }))
    }

    /// `{"fmt": "none", "attStmt": {}, "authData": …}`, of an ES256 key.
    fn attestation_object(&self, credential_id: &[u8]) -> Vec<u8> {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        let cose = [&[0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20], x, &[0x22, 0x58, 0x20], y].concat();
        let length = u16::try_from(credential_id.len()).unwrap().to_be_bytes();
        // Present, verified, and a credential in it; no AAGUID.
        let data = [authenticator_data(0x45, 0).as_slice(), &[0; 16], &length, credential_id, &cose].concat();
        [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".as_slice(), &[u8::try_from(data.len()).unwrap()], &data].concat()
    }

    fn sign(&mut self, change: Change, now: Timestamp) -> What {
        self.signatures += 1;
        let mut id = [0; 16];
        id[12..].copy_from_slice(&self.signatures.to_be_bytes());
        let document = Document {
            v: document::VERSION,
            id: ActionId::from_bytes(id),
            organization: ORGANIZATION,
            origin: ORIGIN.to_owned(),
            rp_id: RP_ID.to_owned(),
            actor: self.named.clone(),
            operation: change.operation(),
            change,
            issued_at: now,
            expires_at: now.plus(Duration::from_mins(5)),
            nonce: Bytes(sha256(&id).to_vec()),
        };
        let bytes = document.to_bytes().unwrap();
        let challenge = document::challenge(&bytes);
        let client_data = client_data("webauthn.get", &challenge);
        let authenticator_data = authenticator_data(0x05, self.signatures);
        let message = [authenticator_data.as_slice(), &sha256(&client_data)].concat();
        What::Action(Box::new(SignedAction {
            document: Bytes(bytes),
            credential: PASSKEY,
            key: None,
            authenticator_data: Some(Bytes(authenticator_data)),
            client_data: Bytes(client_data),
            signature: Bytes(self.key.sign(&self.random, &message).unwrap().as_ref().to_vec()),
            created: created(&document.change, document::created_id(&challenge)),
        }))
    }
}

fn authenticator_data(flags: u8, count: u32) -> Vec<u8> {
    [sha256(RP_ID.as_bytes()).as_slice(), &[flags], &count.to_be_bytes()].concat()
}

fn client_data(kind: &str, challenge: &[u8]) -> Vec<u8> {
    let challenge = BASE64URL_NOPAD.encode(challenge);
    format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{ORIGIN}","crossOrigin":false}}"#).into_bytes()
}

/// Users that are created, and every tenth time a permission. A checkpoint is kept from the middle.
fn write_export(number: u64, export: &Path, kept: &Path) {
    let signer = CheckpointSigner::new(RP_ID, &[12; 32]).unwrap();
    let mut admin = Admin::new();
    let mut file = BufWriter::new(File::create(export).unwrap());
    let mut tree = Frontier::default();
    for index in 0..number {
        let executed_at = Timestamp::from_millis(STEP * i64::try_from(index).unwrap());
        let what = match index {
            0 => admin.genesis(&signer),
            _ if index % 10 == 0 => {
                let operations = [Operation::UsersRead, Operation::UsersCreate].into_iter().collect();
                let name = PermissionName::parse(&format!("Permission {index}")).unwrap();
                admin.sign(Change::CreatePermission { terms: PermissionTerms { name, operations } }, executed_at)
            }
            _ => {
                let email = EmailAddress::parse(&format!("user{index}@example.org")).unwrap();
                admin.sign(Change::CreateUser { email, kind: UserKind::Employee, external_id: None }, executed_at)
            }
        };
        let line = Entry { v: VERSION, index, organization: ORGANIZATION, executed_at, what }.to_line().unwrap();
        tree.append(line.as_bytes());
        writeln!(file, "{line}").unwrap();
        if index == number / 2 {
            fs::write(kept, note(&signer, &tree)).unwrap();
        }
    }
    writeln!(file, "{}", serde_json::json!({ "checkpoint": note(&signer, &tree) })).unwrap();
    file.flush().unwrap();
}

fn note(signer: &CheckpointSigner, tree: &Frontier) -> String {
    signer.sign(&Checkpoint { organization: ORGANIZATION, size: tree.size(), root: tree.root() }).unwrap()
}
