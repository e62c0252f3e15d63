//! How fast `countersign verify` goes through a history.

use crate::{
    export,
    load::RUNS,
    settings::Settings,
    signer::p256,
    table::{self, thousands},
};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1, KeyPair, UnparsedPublicKey},
};
use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// Entries a second and core.
const BAR: u64 = 20_000;

pub fn measure(settings: &Settings) {
    let number = settings.exported();
    let folder = tempfile::tempdir().unwrap();
    let (export, kept) = (folder.path().join("history.jsonl"), folder.path().join("checkpoint"));
    export::write(number, &export, &kept);
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let each = fs::metadata(&export).unwrap().len() / number;
    println!("\n## `countersign verify`: {} signed entries of {each} bytes, {cores} cores", thousands(number));
    table::heading(&["what", "s", "per second", "per second and core", "bar, a core", "met"]);
    let export: &Path = &export;
    row("verify", verify(settings, &[export]), number, cores);
    row("verify, with a kept checkpoint", verify(settings, &[export, "--checkpoint".as_ref(), &kept]), number, cores);
    println!("\nring alone verifies {} P-256 signatures a second and core.", thousands(ring_alone()));
}

/// The median.
fn verify(settings: &Settings, arguments: &[&Path]) -> Duration {
    let mut times = [(); RUNS].map(|()| {
        let began = Instant::now();
        let output = Command::new(&settings.program).arg("verify").args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        began.elapsed()
    });
    times.sort();
    times[RUNS / 2]
}

fn row(what: &str, took: Duration, number: u64, cores: u64) {
    let all = per_second(number, took);
    let each = all / cores;
    let cells = [format!("{:.2}", took.as_secs_f64()), thousands(all), thousands(each), format!("≥ {}", thousands(BAR))];
    table::row(&[what, &cells[0], &cells[1], &cells[2], &cells[3], table::verdict(Some(each >= BAR))]);
}

/// What the verification can at best be: nothing but one signature, again and again.
fn ring_alone() -> u64 {
    const TIMES: u64 = 20_000;
    let key = p256();
    let signature = key.sign(&SystemRandom::new(), &[0; 69]).unwrap();
    let public_key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key().as_ref());
    let began = Instant::now();
    for _ in 0..TIMES {
        public_key.verify(&[0; 69], signature.as_ref()).unwrap();
    }
    per_second(TIMES, began.elapsed())
}

fn per_second(number: u64, took: Duration) -> u64 {
    (number as f64 / took.as_secs_f64()) as u64
}
