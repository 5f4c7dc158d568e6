//! Applications over the secure world: one in Rust, one in C, and what a verifier says of the device.

use ironroot_qemu::Qemu;
use ironroot_tests::{Device, Firmware, ironroot, keys};
use std::fs;
use std::path::Path;

/// Where the demonstration application finds the challenge: mailbox words 4 to 11, secure alias.
const CHALLENGE_AT: u32 = 0x381F_F010;
/// What a verifier sent.
const CHALLENGE: [u8; 32] = *b"prove to me what you are running";

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}

fn with_challenge(machine: Qemu) -> Qemu {
    let words = CHALLENGE
        .chunks_exact(4)
        .map(|word| u32::from_le_bytes(word.try_into().unwrap()));
    (CHALLENGE_AT..)
        .step_by(4)
        .zip(words)
        .fold(machine, |machine, (at, word)| machine.word(at, word))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Runs a device and gives it with the token it made and the reference of what it should run.
fn attested(firmware: &Firmware) -> (Device, String, String) {
    let device = Device::with(firmware, "nonsecure");
    let run = with_challenge(device.machine(0, 0))
        .run()
        .expect("QEMU starts");
    assert!(run.succeeded(), "{run}");
    let token = run.after("app: token: ").expect("a token");
    let token_file = device.file("token.hex");
    fs::write(&token_file, token).expect("a temporary file");

    let (secure, application) = (firmware.secure(), firmware.application("nonsecure"));
    let (secure_key, application_key) = (keys("secure"), keys("non-secure"));
    let made = ironroot(&[
        "attest",
        "reference",
        "--key",
        text(&secure_key),
        "--key",
        text(&application_key),
        text(&secure),
        text(&application),
    ]);
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let reference_file = device.file("measurements.json");
    fs::write(&reference_file, made.stdout).expect("a temporary file");
    let files = (
        text(&token_file).to_owned(),
        text(&reference_file).to_owned(),
    );
    (device, files.0, files.1)
}

/// Verifies and gives exit status and output.
fn verify(device: &Device, challenge: &str, reference: &str, token: &str) -> (Option<i32>, String) {
    let key = format!("{}.attestation-key.pem", text(&device.flash()));
    let output = ironroot(&[
        "attest",
        "verify",
        "--key",
        &key,
        "--challenge",
        challenge,
        "--reference",
        reference,
        token,
    ]);
    let all = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&all).into_owned(),
    )
}

#[test]
fn a_device_proves_which_images_and_partitions_it_runs() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let (device, token, reference) = attested(&firmware);
    let (status, said) = verify(&device, &hex(&CHALLENGE), &reference, &token);
    assert_eq!(status, Some(0), "{said}");
    for component in ["SPE 1.0.0", "IRONROOT_SP_PS 1.0.0", "NSPE 1.0.0"] {
        assert!(
            said.contains(&format!("{component}, as in the reference")),
            "{said}"
        );
    }
}

#[test]
fn a_token_for_another_challenge_or_of_other_software_or_of_another_device_is_refused() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let (device, token, reference) = attested(&firmware);

    let (status, said) = verify(&device, &"00".repeat(32), &reference, &token);
    assert_eq!(status, Some(1), "a replayed token: {said}");

    let other = fs::read_to_string(&reference)
        .expect("just written")
        .replace("1.0.0", "1.0.1");
    let other_file = device.file("other.json");
    fs::write(&other_file, other).expect("a temporary file");
    let (status, said) = verify(&device, &hex(&CHALLENGE), text(&other_file), &token);
    assert_eq!(status, Some(1), "other software: {said}");

    let stranger = Device::blank(&firmware);
    stranger_key(&stranger);
    let (status, said) = verify(&stranger, &hex(&CHALLENGE), &reference, &token);
    assert_eq!(status, Some(1), "another device's key: {said}");

    let mut damaged = fs::read_to_string(&token).expect("just written");
    let last = if damaged.pop() == Some('0') { '1' } else { '0' };
    damaged.push(last);
    let damaged_file = device.file("damaged.hex");
    fs::write(&damaged_file, damaged).expect("a temporary file");
    let (status, said) = verify(&device, &hex(&CHALLENGE), &reference, text(&damaged_file));
    assert_eq!(status, Some(1), "a flipped bit in the signature: {said}");
}

/// Devices of these tests share a seed, hence a key; this one gets a key of its own.
fn stranger_key(device: &Device) {
    let private = device.file("stranger.pem");
    let made = ironroot(&[
        "image",
        "keygen",
        "--type",
        "ecdsa-p256",
        "--key",
        text(&private),
    ]);
    assert!(made.status.success());
    let public = format!("{}.attestation-key.pem", text(&device.flash()));
    let got = ironroot(&[
        "image",
        "getpub",
        "--key",
        text(&private),
        "--encoding",
        "pem",
        "--output",
        &public,
    ]);
    assert!(
        got.status.success(),
        "{}",
        String::from_utf8_lossy(&got.stderr)
    );
}

#[test]
fn a_c_application_uses_every_service() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    if !firmware.application("app-c").exists() {
        eprintln!("skipped: no C application here; `cargo xtask test` installs the compiler");
        return;
    }
    let run = Device::with(&firmware, "app-c").run(0, 0);
    assert!(
        run.succeeded() && run.has("an521-app-c: 0 steps failed"),
        "{run}"
    );
    for step in [
        "hash",
        "sign and verify, P-256",
        "internal trusted storage",
        "attestation",
        "firmware update",
        "own image as an update",
    ] {
        assert!(run.has(&format!("{step}: ok")), "{run}");
    }
}

#[test]
fn the_application_tells_the_same_story_at_each_isolation_level() {
    let stories = [1, 2, 3].map(|level| {
        let firmware = Firmware::with_test_partitions(level)?;
        let device = Device::with(&firmware, "nonsecure");
        let run = with_challenge(device.machine(0, 0))
            .run()
            .expect("QEMU starts");
        assert!(run.succeeded(), "{run}");
        // The token names a boot seed of its own.
        let lines = run.lines.iter().filter(|line| line.starts_with("app: "));
        Some(
            lines
                .filter(|line| !line.contains("token"))
                .cloned()
                .collect::<Vec<_>>(),
        )
    });
    let [Some(one), Some(two), Some(three)] = stories else {
        return;
    };
    assert!(three.len() > 10, "{three:?}");
    assert_eq!(one, three);
    assert_eq!(two, three);
}
