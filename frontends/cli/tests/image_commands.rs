//! `ironroot image` as a user meets it: key files of all forms, wrong usage, files kept on failure.

mod image_support;

use image_support::{Run, image, vectors_directory};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

const KEY_128: &str = "000102030405060708090a0b0c0d0e0f";

fn scratch() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("app.bin"), [0x5a; 700]).unwrap();
    directory
}

fn sign(directory: &Path, further: &[&str]) -> Run {
    let head = [
        "sign",
        "-v",
        "1.2.3",
        "-H",
        "0x20",
        "--pad-header",
        "-S",
        "0x2000",
        "-M",
        "8",
    ];
    image(
        directory,
        &[&head[..], further, &["app.bin", "out.bin"]].concat(),
    )
}

#[test]
fn an_image_is_signed_judged_and_shown() {
    let scratch = scratch();
    let directory = scratch.path();
    image(directory, &["keygen", "-t", "ecdsa-p256", "-k", "key.pem"]).ok();
    let digest = "ab".repeat(32);
    let component = format!("ps:2.0.1:{digest}");
    let other = format!("echo:1.0:{digest}:{}", "cd".repeat(32));
    let options = [
        "-k",
        "key.pem",
        "-s",
        "auto",
        "--boot-record",
        "SPE",
        "--component",
        &component,
        "--component",
        &other,
    ];
    sign(directory, &options).ok();
    let run = image(
        directory,
        &[
            "verify",
            "--key",
            "key.pem",
            "--slot-size",
            "0x2000",
            "out.bin",
        ],
    )
    .ok();
    assert!(
        run.stdout.contains("counter  16908291"),
        "1.2.3 is 1 << 24 | 2 << 16 | 3: {run:?}"
    );

    let shown = image(directory, &["dump", "--json", "out.bin"]).ok().stdout;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let tlvs = shown["tlv_areas"][0]["tlvs"].as_array().unwrap();
    let records: Vec<_> = tlvs
        .iter()
        .filter(|tlv| tlv["name"] == "COMPONENT_RECORD")
        .collect();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0]["type"], 0x10a0);
    assert_eq!(records[0]["value"]["component"], "ps");
    assert_eq!(records[0]["value"]["version"], "2.0.1");
    assert_eq!(records[0]["value"]["measurement"], digest.as_str());
    assert_eq!(records[1]["value"]["signer"], "cd".repeat(32).as_str());
    let boot_record = tlvs
        .iter()
        .find(|tlv| tlv["name"] == "BOOT_RECORD")
        .unwrap();
    assert_eq!(
        records[0]["value"]["signer"], boot_record["value"]["signer"],
        "the image's own"
    );
    let words = image(directory, &["dump", "out.bin"]).ok().stdout;
    assert!(
        words.contains("protected (signed) TLVs") && words.contains("ps 2.0.1"),
        "{words}"
    );
}

#[test]
fn ecdsa_and_ed25519_signatures_are_reproducible() {
    for kind in ["ecdsa-p256", "ed25519"] {
        let scratch = scratch();
        let directory = scratch.path();
        image(directory, &["keygen", "-t", kind, "-k", "key.pem"]).ok();
        let make = || {
            sign(directory, &["-k", "key.pem"]).ok();
            fs::read(directory.join("out.bin")).unwrap()
        };
        assert_eq!(make(), make(), "{kind}");
    }
}

#[test]
fn openssls_key_files_of_every_form_are_read() {
    let openssl = |directory: &Path, line: &str| {
        let words = line.split(' ');
        Command::new("openssl")
            .current_dir(directory)
            .args(words)
            .output()
            .map(Run::from)
    };
    if openssl(Path::new("."), "version").is_err() {
        println!("skipped: openssl is not installed");
        return;
    }
    let scratch = scratch();
    let directory = scratch.path();
    let run = |line: &str| openssl(directory, line).unwrap().ok();
    let hash = |key: &str| {
        image(directory, &["getpubhash", "-e", "hex", "-k", key])
            .ok()
            .stdout
    };

    run("ecparam -name prime256v1 -genkey -out sec1.pem"); // with an EC PARAMETERS block
    run("pkcs8 -topk8 -nocrypt -in sec1.pem -out pkcs8.pem");
    run("ec -in sec1.pem -outform DER -out sec1.der");
    run("pkcs8 -topk8 -nocrypt -in sec1.pem -outform DER -out pkcs8.der");
    run("ec -in sec1.pem -pubout -out pub.pem");
    run("ec -in sec1.pem -pubout -outform DER -out pub.der");
    let files = [
        "sec1.pem",
        "pkcs8.pem",
        "sec1.der",
        "pkcs8.der",
        "pub.pem",
        "pub.der",
    ];
    for file in files {
        assert_eq!(hash(file), hash("pub.der"), "{file}");
    }

    run("genrsa -traditional -out rsa1.pem 2048");
    run("pkcs8 -topk8 -nocrypt -in rsa1.pem -out rsa8.pem");
    run("rsa -in rsa1.pem -traditional -outform DER -out rsa1.der");
    run("rsa -in rsa1.pem -pubout -out rsapub.pem");
    run("rsa -in rsa1.pem -RSAPublicKey_out -out rsapub1.pem");
    run("rsa -in rsa1.pem -RSAPublicKey_out -outform DER -out rsapub1.der");
    for file in [
        "rsa1.pem",
        "rsa8.pem",
        "rsa1.der",
        "rsapub.pem",
        "rsapub1.pem",
    ] {
        assert_eq!(hash(file), hash("rsapub1.der"), "{file}");
    }

    run("genpkey -algorithm ed25519 -out ed.pem");
    run("pkey -in ed.pem -pubout -out edpub.pem");
    assert_eq!(hash("ed.pem"), hash("edpub.pem"));

    // Ours are read by openssl, and say the same.
    for kind in ["ecdsa-p256", "ed25519", "rsa-2048"] {
        image(
            directory,
            &["keygen", "-t", kind, "-k", &format!("{kind}.pem")],
        )
        .ok();
        run(&format!("pkey -in {kind}.pem -pubout -out {kind}.pub"));
        let ours = image(
            directory,
            &["getpub", "-e", "pem", "-k", &format!("{kind}.pem")],
        )
        .ok();
        assert_eq!(
            ours.stdout,
            fs::read_to_string(directory.join(format!("{kind}.pub"))).unwrap()
        );
    }

    // What cannot sign says why.
    run("genpkey -algorithm x25519 -out x.pem");
    run("ecparam -name secp521r1 -genkey -noout -out p521.pem");
    run("ecparam -name secp256k1 -genkey -noout -out k1.pem");
    run("genrsa -traditional -out small.pem 1024");
    for (file, words) in [
        ("p521.pem", "not supported"),
        ("x.pem", "cannot sign"),
        ("k1.pem", "not supported"),
        ("small.pem", "2048 or 3072"),
        ("pub.pem", "public key"),
        ("app.bin", "neither PEM nor DER"),
        ("missing.pem", "cannot read missing.pem"),
    ] {
        let run = sign(directory, &["-k", file]);
        assert!(
            run.status != 0 && run.stderr.contains(words),
            "{file}: {run:?}"
        );
        assert!(!directory.join("out.bin").exists());
    }
}

#[test]
fn a_key_is_never_overwritten_unasked_and_is_for_its_owner() {
    let scratch = scratch();
    let directory = scratch.path();
    image(directory, &["keygen", "-t", "ed25519", "-k", "key.pem"]).ok();
    let first = fs::read(directory.join("key.pem")).unwrap();
    let run = image(directory, &["keygen", "-t", "ed25519", "-k", "key.pem"]);
    assert!(
        run.status == 1 && run.stderr.contains("exists already"),
        "{run:?}"
    );
    assert_eq!(fs::read(directory.join("key.pem")).unwrap(), first);
    image(
        directory,
        &["keygen", "-t", "ed25519", "-k", "key.pem", "--force"],
    )
    .ok();
    assert_ne!(fs::read(directory.join("key.pem")).unwrap(), first);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(directory.join("key.pem"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0);
    }
}

#[test]
fn a_refused_signing_says_why_and_keeps_the_old_output() {
    let scratch = scratch();
    let directory = scratch.path();
    image(directory, &["keygen", "-t", "ecdsa-p256", "-k", "key.pem"]).ok();
    image(directory, &["keygen", "-t", "ed25519", "-k", "ed.pem"]).ok();
    fs::write(directory.join("out.bin"), b"old").unwrap();
    let table: &[(i32, &[&str], &str)] = &[
        (2, &["-k", "key.pem", "--pure"], "--pure is for Ed25519"),
        (
            2,
            &["-k", "key.pem", "--sha", "512"],
            "do not go with --sha 512",
        ),
        (2, &["-k", "ed.pem", "--pure", "--sha", "256"], "SHA-512"),
        (2, &["--pure"], "there is no key"),
        (
            2,
            &["-k", "key.pem", "-L", "1", "-F", "1"],
            "cannot be used with",
        ),
        (2, &["-k", "key.pem", "-L", "0"], "means \"none\""),
        (2, &["-k", "key.pem", "-d", "1,1.0"], "not of the form"),
        (
            2,
            &["-k", "key.pem", "--custom-tlv", "0x50", "x"],
            "custom TLVs have types",
        ),
        (
            2,
            &["-k", "key.pem", "--custom-tlv", "0x10a0", "x"],
            "--component writes",
        ),
        (
            2,
            &["-k", "key.pem", "--custom-tlv", "0xa0", "0xabc"],
            "odd",
        ),
        (
            2,
            &[
                "-k",
                "key.pem",
                "--custom-tlv",
                "0xa0",
                "x",
                "--custom-tlv",
                "0xa0",
                "y",
            ],
            "twice",
        ),
        (
            2,
            &["-k", "key.pem", "--component", "ps:1.0:abcd"],
            "NAME:VERSION",
        ),
        (
            2,
            &["-k", "key.pem", "--boot-record", "thirteen char"],
            "at most 12",
        ),
        (
            2,
            &["-k", "key.pem", "--vid", ""],
            "neither a UUID nor a name",
        ),
        (2, &["-k", "key.pem", "--cid", "sensor"], "--vid"),
        (2, &["-k", "key.pem", "--hex-addr", "0"], "named *.hex"),
        (2, &["-k", "key.pem", "--clear"], "--encrypt"),
        (
            2,
            &["-k", "key.pem", "--encrypt-keylen", "256"],
            "--encrypt",
        ),
        (
            2,
            &["-k", "key.pem", "-E", "key.pem", "--encrypt-keylen", "192"],
            "128 or 256",
        ),
        (
            2,
            &["-k", "key.pem", "-E", KEY_128, "--encrypt-keylen", "256"],
            "--encrypt-keylen 128",
        ),
        (
            2,
            &["-k", "key.pem", "-E", KEY_128, "--hmac-sha", "512"],
            "X25519 keys only",
        ),
        (
            1,
            &["-k", "key.pem", "-E", "0123456789abcdef"],
            "cannot read",
        ),
        (
            1,
            &["-k", "key.pem", "-E", "missing.pem"],
            "cannot read missing.pem",
        ),
        (2, &["-k", "key.pem", "--align", "3"], "one of 1, 2, 4"),
        (
            2,
            &["-k", "key.pem", "--compression", "lzma2"],
            "bootloader refuses them",
        ),
        (2, &["-k", "key.pem", "-H", "16"], "at least 32"),
        (1, &["-k", "key.pem", "-S", "0x300"], "exceed the slot"),
        (1, &["-k", "key.pem", "-S", "0x40"], "no room"),
        (
            2,
            &["-k", "key.pem", "-S", "0x1001", "--pad"],
            "no multiple",
        ),
    ];
    for (status, options, words) in table {
        let run = sign(directory, options);
        assert_eq!(run.status, *status, "{options:?}: {run:?}");
        assert!(run.stderr.contains(words), "{options:?}: {run:?}");
        assert_eq!(
            fs::read(directory.join("out.bin")).unwrap(),
            b"old",
            "{options:?}"
        );
    }
    let no_room = [
        "sign", "-k", "key.pem", "-v", "1.0.0", "-S", "0x8000", "app.bin", "out.bin",
    ];
    let run = image(directory, &no_room);
    assert!(
        run.status == 1 && run.stderr.contains("--pad-header"),
        "{run:?}"
    );
    assert_eq!(fs::read(directory.join("out.bin")).unwrap(), b"old");
    let left: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 4, "no temporary files stay: {left:?}");
}

#[test]
fn verify_without_a_verdict_is_neither_accepted_nor_refused() {
    let directory = vectors_directory();
    let table: &[(&[&str], &str)] = &[
        (&["valid/p256.bin"], "whom does the device trust"),
        (
            &[
                "--key",
                "keys/sign-p256.pem",
                "--unsigned",
                "valid/p256.bin",
            ],
            "cannot be used with",
        ),
        (&["--hw-key-hash", "abcd", "valid/p256.bin"], "--key-type"),
        (
            &[
                "--hw-key-hash",
                "abcd",
                "--key-type",
                "p256",
                "valid/p256.bin",
            ],
            "64 digits",
        ),
        (
            &["--key-type", "p256", "valid/p256.bin"],
            "whom does the device trust",
        ),
        (
            &[
                "--key",
                "keys/sign-p256.pem",
                "--hash",
                "sha512",
                "valid/p256.bin",
            ],
            "do not go with",
        ),
        (
            &["--key", "keys/sign-p256.pem", "--pure", "valid/p256.bin"],
            "for Ed25519",
        ),
        (
            &["--key", "keys/enc-x25519.pem", "valid/p384.bin"],
            "cannot sign",
        ),
        (
            &[
                "--key",
                "keys/sign-p256.pem",
                "--decryption-key",
                "keys/enc-p384.pem",
                "valid/p256.bin",
            ],
            "cannot encrypt",
        ),
        (
            &[
                "--key",
                "keys/sign-p256.pem",
                "--decryption-key",
                "keys/enc-p256.pub.pem",
                "valid/p256.bin",
            ],
            "public key",
        ),
        (
            &[
                "--key",
                "keys/sign-p256.pem",
                "--decryption-key",
                "keys/enc-p256.pem",
                "--hmac-sha",
                "512",
                "valid/p256.bin",
            ],
            "no scheme",
        ),
        (
            &[
                "--key",
                "keys/sign-p256.pem",
                "--slot",
                "third",
                "valid/p256.bin",
            ],
            "third",
        ),
        (
            &[
                "--key",
                "keys/sign-p256.pem",
                "--slot-size",
                "9",
                "valid/p256.bin",
            ],
            "trailer",
        ),
        (
            &["--key", "keys/missing.pem", "valid/p256.bin"],
            "keys/missing.pem",
        ),
        (
            &["--key", "keys/sign-p256.pem", "valid/missing.bin"],
            "valid/missing.bin",
        ),
        (
            &["--key", "manifest.json", "valid/p256.bin"],
            "neither PEM nor DER",
        ),
    ];
    for (options, words) in table {
        let run = image(&directory, &[&["verify"], *options].concat());
        assert_eq!(run.status, 2, "{options:?}: {run:?}");
        assert!(run.stderr.contains(words), "{options:?}: {run:?}");
        assert_eq!(run.stdout, "", "{options:?}");
    }
}

#[test]
fn the_policy_options_decide() {
    let directory = vectors_directory();
    let table: &[(i32, &[&str], &str)] = &[
        (
            0,
            &["--min-security-counter", "5", "valid/p256-combo.bin"],
            "counter  5",
        ),
        (
            1,
            &["--min-security-counter", "6", "valid/p256-combo.bin"],
            "rollback",
        ),
        (
            1,
            &["--min-security-counter", "0", "valid/p256.bin"],
            "security counter is missing",
        ),
        (
            1,
            &["--images", "1", "valid/p256-combo.bin"],
            "never satisfy",
        ),
        (
            0,
            &["--images", "2", "valid/p256-combo.bin"],
            "needs    image 1 version 1.0.0",
        ),
        (
            1,
            &["--ram-window", "0x20000000:0x400", "valid/p256-ramload.bin"],
            "load address",
        ),
        (
            0,
            &["--ram-window", "0x20000000:0x4b7", "valid/p256-ramload.bin"],
            "accepted",
        ),
        (
            1,
            &["--rom-address", "0x20000", "valid/p256-romfixed.bin"],
            "another flash address",
        ),
        (
            0,
            &["--rom-address", "0x10000", "valid/p256-romfixed.bin"],
            "accepted",
        ),
        (
            1,
            &[
                "--vid",
                "00112233445566778899aabbccddeeff",
                "valid/p256-uuid.bin",
            ],
            "another vendor",
        ),
        (
            0,
            &[
                "--vid",
                "00112233-4455-6677-8899-aabbccddeeff",
                "valid/p256-uuid-raw.bin",
            ],
            "accepted",
        ),
        (
            1,
            &["--slot-size", "0x4d8", "valid/p256.bin"],
            "malformed or too long",
        ),
        (0, &["--slot-size", "0x4e0", "valid/p256.bin"], "accepted"),
        (
            1,
            &["--slot-size", "0x400", "valid/p256.bin"],
            "does not fit the slot",
        ),
        (
            1,
            &[
                "--slot",
                "secondary",
                "reject/enc-flag-no-tlv-secondary.bin",
            ],
            "encrypted",
        ),
    ];
    for (status, options, words) in table {
        let run = image(
            &directory,
            &[&["verify", "--key", "keys/sign-p256.pub.pem"], *options].concat(),
        );
        assert_eq!(run.status, *status, "{options:?}: {run:?}");
        assert!(run.stdout.contains(words), "{options:?}: {run:?}");
    }
}

#[test]
fn a_device_that_hashes_with_sha512_stores_that_hash_of_its_key() {
    let scratch = scratch();
    let directory = scratch.path();
    image(directory, &["keygen", "-t", "ed25519", "-k", "key.pem"]).ok();
    sign(
        directory,
        &["-k", "key.pem", "--pure", "--public-key-format", "full"],
    )
    .ok();
    let hash = |sha: &str| {
        let line = ["getpubhash", "-e", "hex", "--sha", sha, "-k", "key.pem"];
        image(directory, &line).ok().stdout.trim().to_owned()
    };
    let verify = |hash: &str| {
        let device = ["--hw-key-hash", hash, "--key-type", "ed25519", "--pure"];
        image(
            directory,
            &[&["verify"], &device[..], &["out.bin"]].concat(),
        )
    };
    verify(&hash("512")).ok();
    assert_eq!(verify(&hash("256")).status, 2, "no hash of that device's");
    assert_eq!(verify(&"00".repeat(64)).status, 1);
}
