//! An export of a history of any length, as `countersign verify` reads it: every entry is signed.

use crate::signer::{Signer, authenticator_data, client_data, cose_p256, line, p256, signing_with};
use app::{
    action::{
        bytes::Bytes,
        change::{Change, PermissionTerms, UserRef},
        history::{
            checkpoint::{Checkpoint, CheckpointSigner},
            entry::{Credentials, Genesis, PasskeyProof, RecoveryKeyProof, What},
            merkle::Frontier,
        },
        recovery_key::recovery_key_message,
    },
    domain::{
        id::{AssignmentId, CredentialId, OrganizationId, PermissionId, UserId},
        operation::Operation,
        text::{EmailAddress, OrganizationName, PermissionName},
        time::Timestamp,
        user::UserKind,
    },
};
use ring::signature::{Ed25519KeyPair, KeyPair};
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
};

const ORGANIZATION: OrganizationId = OrganizationId::from_bytes([1; 16]);
/// What is between two entries' times, in milliseconds.
const STEP: i64 = 1000;

/// Writes an export in which users are created, and every tenth time a permission; and a checkpoint that was kept in the middle.
pub fn write(number: u64, export: &Path, kept: &Path) {
    let key = p256();
    let cose = cose_p256(key.public_key().as_ref());
    let mut admin = Signer {
        organization: ORGANIZATION,
        origin: "https://id.example.org".to_owned(),
        rp_id: "id.example.org".to_owned(),
        actor: UserRef { id: UserId::from_bytes([3; 16]), handle: EmailAddress::parse("ada@example.org").unwrap().into() },
        passkey: CredentialId::from_bytes([2; 16]),
        sign_count: 0,
        sign: signing_with(key),
    };
    let server = CheckpointSigner::new(&admin.rp_id, &[12; 32]).unwrap();
    let mut file = BufWriter::new(File::create(export).unwrap());
    let mut tree = Frontier::default();
    for index in 0..number {
        let at = Timestamp::from_millis(STEP * i64::try_from(index).unwrap());
        let what = if index == 0 { genesis(&admin, &cose, &server) } else { What::Action(Box::new(admin.sign(change(index), at).change)) };
        let line = line(ORGANIZATION, index, at, what);
        tree.append(line.as_bytes());
        writeln!(file, "{line}").unwrap();
        if index == number / 2 {
            fs::write(kept, note(&server, &tree)).unwrap();
        }
    }
    writeln!(file, "{}", serde_json::json!({ "checkpoint": note(&server, &tree) })).unwrap();
    file.flush().unwrap();
}

fn change(index: u64) -> Change {
    if index.is_multiple_of(10) {
        let operations = [Operation::UsersRead, Operation::UsersCreate].into_iter().collect();
        let name = PermissionName::parse(&format!("Permission {index}")).unwrap();
        Change::CreatePermission { terms: PermissionTerms { name, operations } }
    } else {
        let email = EmailAddress::parse(&format!("user{index}@example.org")).unwrap();
        Change::CreateUser { email, kind: UserKind::Employee, external_id: None }
    }
}

fn genesis(admin: &Signer, cose: &[u8], server: &CheckpointSigner) -> What {
    let challenge = vec![4; 32];
    let recovery = Ed25519KeyPair::from_seed_unchecked(&[5; 32]).unwrap();
    let credential_id = vec![6; 32];
    let credentials = Credentials {
        origin: admin.origin.clone(),
        rp_id: admin.rp_id.clone(),
        passkey: PasskeyProof {
            id: admin.passkey,
            client_data: Bytes(client_data("webauthn.create", &challenge, &admin.origin)),
            attestation_object: Bytes(attestation_object(&admin.rp_id, &credential_id, cose)),
            credential_id: Bytes(credential_id),
        },
        recovery_key: RecoveryKeyProof {
            id: CredentialId::from_bytes([7; 16]),
            public_key: Bytes(recovery.public_key().as_ref().to_vec()),
            salt: Bytes(vec![8; 32]),
            signature: Bytes(recovery.sign(&recovery_key_message(&challenge)).as_ref().to_vec()),
        },
        challenge: Bytes(challenge),
    };
    What::Genesis(Box::new(Genesis {
        name: OrganizationName::parse("Acme").unwrap(),
        admin: admin.actor.clone(),
        full_admin: PermissionId::from_bytes([9; 16]),
        end_user: PermissionId::from_bytes([10; 16]),
        assignment: AssignmentId::from_bytes([11; 16]),
        checkpoint_key: server.key().to_owned(),
        credentials,
    }))
}

/// `{"fmt": "none", "attStmt": {}, "authData": …}`
fn attestation_object(rp_id: &str, credential_id: &[u8], cose: &[u8]) -> Vec<u8> {
    let length = u16::try_from(credential_id.len()).unwrap().to_be_bytes();
    // Present, verified, and a credential in it; no AAGUID.
    let data = [authenticator_data(rp_id, 0x45, 0).as_slice(), &[0; 16], &length, credential_id, cose].concat();
    [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".as_slice(), &[u8::try_from(data.len()).unwrap()], &data].concat()
}

fn note(server: &CheckpointSigner, tree: &Frontier) -> String {
    server.sign(&Checkpoint { organization: ORGANIZATION, size: tree.size(), root: tree.root() }).unwrap()
}
