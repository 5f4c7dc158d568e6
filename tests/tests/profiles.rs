//! What a secure image offers is what its configuration says: on QEMU, every service once.

use ironroot_tests::{Device, Firmware};

/// The benchmark application's order to use every service once.
const EVERY_SERVICE: u32 = 1000;

/// Offered by every image.
const ALWAYS: [&str; 13] = [
    "random",
    "sha-256",
    "sha-384",
    "sha-512",
    "hmac-sha-256",
    "hmac-sha-512",
    "aes-ccm",
    "chacha20-poly1305",
    "ecdsa-p256-sha-256",
    "deterministic-ecdsa-p256-sha-512",
    "internal-trusted-storage",
    "protected-storage",
    "attestation",
];

/// Left out of the medium image.
const MORE: [&str; 2] = ["aes-gcm", "ed25519"];

/// `PSA_ERROR_NOT_SUPPORTED`.
const NOT_SUPPORTED: &str = "status -134";

/// Each service and what came of it, in the order of names.
fn offered(firmware: &Firmware) -> Vec<(String, String)> {
    let run = Device::with(firmware, "bench").run(EVERY_SERVICE, 0);
    assert!(run.succeeded(), "{run}");
    let services = run.lines.iter().filter_map(|line| {
        let (name, outcome) = line.strip_prefix("service ")?.split_once(' ')?;
        Some((name.to_owned(), outcome.to_owned()))
    });
    let mut services: Vec<_> = services.collect();
    services.sort();
    services
}

fn expected(more: &str) -> Vec<(String, String)> {
    let always = ALWAYS.map(|name| (name.to_owned(), "ok".to_owned()));
    let more = MORE.map(|name| (name.to_owned(), more.to_owned()));
    let mut services = [&always[..], &more[..]].concat();
    services.sort();
    services
}

#[test]
fn the_medium_image_boots_and_refuses_what_it_leaves_out() {
    let Some(firmware) = Firmware::medium() else {
        return;
    };
    assert_eq!(offered(&firmware), expected(NOT_SUPPORTED));
}

#[test]
fn the_product_offers_every_service() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    assert_eq!(offered(&firmware), expected("ok"));
}
