//! The seeds that are made of the project's own cases: its vectors, golden documents and entries, and one call of each kind. What was
//! found by fuzzing is beside them, and isn't made here.

mod api_body;

use crate::{
    blessed::assert_bytes_committed,
    targets::{assertion, cases, named},
};
use app::action::{
    bytes::Bytes,
    cose::PublicKey,
    history::{
        entry::{Enrolment, Entry, Genesis, Grounds, NewSigner, SignedAction, SignedRecovery, What},
        statement::{BreakGlass, Statement},
    },
};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// The seeds of a format by their names.
type Seeds = BTreeMap<String, Vec<u8>>;

#[test]
fn seeds_are_made_of_the_projects_own_cases() {
    for (target, seeds) in [
        ("client_data", client_data()),
        ("authenticator_data", authenticator_data()),
        ("cose_key", cose_key()),
        ("assertion", assertion()),
        ("action_document", action_document()),
        ("history_line", history_line()),
        ("recovery_code", recovery_code()),
        ("forwarded_for", forwarded_for()),
        ("api_body", api_body::seeds()),
    ] {
        assert!(seeds.len() > 5, "{target}");
        for (name, seed) in seeds {
            let verdict = if (named(target).check)(&seed) { "accepted" } else { "refused" };
            assert_bytes_committed(&format!("fuzz/seeds/{target}/{verdict}-{name}"), &seed);
        }
    }
}

/// One of each, by the case that has it first.
fn different<'a>(all: impl IntoIterator<Item = (&'a str, Vec<u8>)>) -> Seeds {
    let mut known = BTreeSet::new();
    let named = all.into_iter().filter(|(_, seed)| known.insert(seed.clone()));
    named.map(|(name, seed)| (name.trim_start_matches("own/").replace('/', "-"), seed)).collect()
}

fn texts(all: &[(&str, &str)]) -> Seeds {
    all.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
}

fn client_data() -> Seeds {
    let mut seeds = different(cases::ALL.iter().map(|case| (case.name.as_str(), cases::bytes(&case.response.client_data_json))));
    let challenge = BASE64URL_NOPAD.encode(cases::CHALLENGE);
    let of_a_program = |kind: &str| format!(r#"{{"type":"key.{kind}","challenge":"{challenge}","origin":"robot","crossOrigin":false}}"#);
    seeds.insert("key-create".to_owned(), of_a_program("create").into_bytes());
    seeds.insert("key-get".to_owned(), of_a_program("get").into_bytes());
    seeds
}

fn authenticator_data() -> Seeds {
    different(cases::ALL.iter().filter_map(|case| {
        let data = case.response.authenticator_data.as_ref().or(case.response.attestation_object.as_ref())?;
        Some((case.name.as_str(), cases::bytes(data)))
    }))
}

fn cose_key() -> Seeds {
    let mut seeds =
        different(cases::ALL.iter().filter_map(|case| Some((case.name.as_str(), cases::bytes(case.public_key_cose.as_ref()?)))));
    for signed in &*cases::SIGNED {
        let (name, pem) = (signed.key.algorithm().to_string().to_lowercase(), signed.key.to_pem());
        seeds.insert(format!("{name}-der"), signed.key.to_spki());
        seeds.insert(format!("{name}-presented"), json!({ "publicKey": pem, "signature": "00" }).to_string().into_bytes());
        seeds.insert(format!("{name}-pem"), pem.into_bytes());
    }
    let rsa = cases::SIGNED.iter().find_map(|signed| if let PublicKey::Rs256 { n, e } = &signed.key { Some((n, e)) } else { None });
    let (n, e) = rsa.unwrap();
    let weak = |name: &str, n: &[u8], e: &[u8]| (format!("rs256-{name}"), PublicKey::Rs256 { n: n.to_vec(), e: e.to_vec() }.to_spki());
    seeds.extend([
        weak("modulus-even", &[&n[..255], &[0]].concat(), e),
        weak("modulus-of-2040-bits", &[&n[..254], &[1]].concat(), e),
        weak("exponent-one", n, &[1]),
        weak("exponent-three", n, &[3]),
        weak("exponent-even", n, &[1, 0, 2]),
        weak("exponent-of-five-bytes", n, &[1, 0, 0, 0, 1]),
    ]);
    let kit: Value = serde_json::from_str(include_str!("../../../app/tests/kits/1.json")).unwrap();
    let ed25519 = HEXLOWER.decode(kit["public_key"].as_str().unwrap().as_bytes()).unwrap();
    seeds.insert("ed25519".to_owned(), [b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20", ed25519.as_slice()].concat());
    // Points of a small order: everybody can sign for such a key.
    for (name, first) in [("zero", 0), ("one", 1)] {
        seeds.insert(format!("ed25519-{name}"), [b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20", &[first][..], &[0; 31]].concat());
    }
    seeds
}

fn assertion() -> Seeds {
    let signed = cases::SIGNED.iter().enumerate().map(|(number, signed)| {
        let input =
            |signature: &[u8]| assertion::input(u8::try_from(number).unwrap(), &signed.authenticator_data, &signed.client_data, signature);
        let name = format!("{number}-{}", signed.key.algorithm().to_string().to_lowercase());
        let cut = &signed.signature[..signed.signature.len() - 1];
        [(name.clone(), input(&signed.signature)), (format!("{name}-cut"), input(cut))]
    });
    signed.flatten().collect()
}

/// The committed files of the documents' and entries' tests.
fn golden(is_entry: bool) -> Seeds {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/tests/golden");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let named = files.filter(|path| path.extension().is_some_and(|extension| extension == "json")).map(|path| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, fs::read(path).unwrap())
    });
    named.filter(|(name, _)| name.starts_with("entry-") == is_entry).collect()
}

fn action_document() -> Seeds {
    let mut seeds = golden(false);
    let document = String::from_utf8(seeds["create_user"].clone()).unwrap();
    seeds.insert("spelled-otherwise".to_owned(), document.replace("\":", "\" :\n").replace("\"v\"", "\"\\u0076\"").into_bytes());
    let user = r#"{"email":"ada@example.org","id":"us-060r3-0c1g6-0r30c1g60r30c1g6"}"#;
    let list = r#"["us-060r3-0c1g6-0r30c1g60r30c1g6","ada@example.org"]"#;
    assert!(document.contains(user));
    seeds.insert("a-list-for-an-object".to_owned(), document.replace(user, list).into_bytes());
    seeds.insert("twice".to_owned(), document.replace("\"v\":1", "\"v\":1,\"v\":1").into_bytes());
    seeds
}

fn history_line() -> Seeds {
    let mut seeds: Seeds = golden(true).into_iter().map(|(name, line)| (name.trim_start_matches("entry-").to_owned(), line)).collect();
    let read = |name: &str| Entry::parse(str::from_utf8(&seeds[name]).unwrap()).unwrap();
    let documents = golden(false);
    let (genesis, action) = (read("genesis"), read("action"));
    let What::Genesis(founding) = &genesis.what else { unreachable!() };
    let What::Action(signed) = &action.what else { unreachable!() };
    let Genesis { admin, credentials, .. } = founding.as_ref();
    let statement = Statement { index: 1, organization: action.organization, executed_at: action.executed_at, user: admin.clone() };
    let enrolment = |grounds| Enrolment {
        user: admin.clone(),
        grounds,
        origin: credentials.origin.clone(),
        rp_id: credentials.rp_id.clone(),
        challenge: credentials.challenge.clone(),
        signer: Some(NewSigner::Passkey(credentials.passkey.clone())),
        recovery_key: None,
    };
    let by_key = SignedAction { authenticator_data: None, ..signed.as_ref().clone() };
    let others = [
        (
            "recovery",
            What::Recovery(Box::new(SignedRecovery {
                document: Bytes(documents["recover"].clone()),
                credential: credentials.recovery_key.id,
                signature: credentials.recovery_key.signature.clone(),
                passkey: credentials.passkey.id,
                recovery_key: credentials.recovery_key.id,
            })),
        ),
        (
            "break-glass",
            What::BreakGlass(Box::new(BreakGlass {
                statement: Bytes(statement.to_bytes().unwrap()),
                signature: credentials.recovery_key.signature.clone(),
            })),
        ),
        ("enrolment", What::Enrolment(Box::new(enrolment(Grounds::Invitation)))),
        (
            "enrolment-by-code",
            What::Enrolment(Box::new(enrolment(Grounds::Code { action: "ac-6jfa6-sn39r-ryhqs4h4a2kt35gz".parse().unwrap() }))),
        ),
        ("action-by-key", What::Action(Box::new(by_key))),
    ];
    for (name, what) in others {
        let entry = Entry { what, ..action.clone() };
        seeds.insert(name.to_owned(), entry.to_line().unwrap().into_bytes());
    }
    seeds
}

fn recovery_code() -> Seeds {
    texts(&[
        ("kit", "1007W-HWB9C-W9DDP-6JY4B-7JTJF-V9GYP-JW7RX"),
        ("kit-as-typed", " ioo7w hwb9c w9ddp 6jy4b 7jtjf v9gyp jw7rx\n"),
        ("kit-with-other-hyphens", "1007W‑HWB9C – W9DDP-6JY4B-7JTJF-V9GYP-JW7RX"),
        ("kit-with-a-wrong-group", "1007W-HWB9C-W9DDQ-6JY4B-7JTJF-V9GYP-JW7RX"),
        ("kit-with-groups-swapped", "HWB9C-1007W-W9DDP-6JY4B-7JTJF-V9GYP-JW7RX"),
        ("kit-of-another-version", "20001-00002-00003-00004-00005-00006-00007"),
        ("kit-of-zeros", "10003-00002-00003-00004-00005-00006-00007"),
        ("group", "HWB9C"),
        ("mail", "1234 5678 9012 3456"),
        ("mail-with-hyphens", "1234–5678 – 9012‑3456"),
        ("mail-too-long", "12345678901234567"),
        ("device", "7Q2-MXK-104"),
        ("device-as-typed", "7q2 mxk lo4"),
        ("nothing", ""),
    ])
}

fn forwarded_for() -> Seeds {
    texts(&[
        ("a-stranger", "10.0.0.1\n192.0.2.9\n198.51.100.1"),
        ("one-proxy", "10.0.0.1\n10.0.0.1\n198.51.100.1"),
        ("made-up-before", "10.0.0.1\n10.0.0.1\n1.2.3.4, 198.51.100.1"),
        ("two-proxies", "10.0.0.1,10.0.0.2\n10.0.0.1\n1.2.3.4\n198.51.100.1, 10.0.0.2"),
        ("version-6", "2001:db8::1\n2001:db8::1\n2001:db8:1:2:3:4:5:6"),
        ("version-4-in-6", "::ffff:10.0.0.1\n10.0.0.1\n::ffff:198.51.100.1"),
        ("nonsense-last", "10.0.0.1\n10.0.0.1\n198.51.100.1, unknown"),
        ("with-a-port", "10.0.0.1\n10.0.0.1\n198.51.100.1:443"),
        ("not-ascii", "10.0.0.1\n10.0.0.1\n1.2.3.4\né, 198.51.100.1"),
        ("no-header", "10.0.0.1\n10.0.0.1"),
        ("no-proxy", "\n192.0.2.9\n198.51.100.1"),
        ("no-address", "10.0.0.1\nnobody\n198.51.100.1"),
    ])
}
