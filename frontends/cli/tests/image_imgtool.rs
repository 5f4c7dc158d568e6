//! Round trips with imgtool: it accepts what we sign, we accept what it signs, and keys and public keys
//! are exchanged. Each test does nothing, and says so, where imgtool is not installed.

mod image_support;

use image_support::{Run, image, imgtool, run_imgtool};
use std::fs;
use std::path::Path;

/// Key type, further options of `sign`, and of `verify`.
const KINDS: &[(&str, &[&str], &[&str])] = &[
    ("ecdsa-p256", &[], &[]),
    ("ecdsa-p384", &[], &[]),
    ("ed25519", &[], &[]),
    ("ed25519", &["--sha", "512"], &["--hash", "sha512"]),
    ("ed25519", &["--pure"], &["--pure"]),
    ("rsa-2048", &[], &[]),
    ("rsa-3072", &[], &[]),
];

const OPTIONS: &[&[&str]] = &[
    &["-H", "0x20"],
    &[
        "-H",
        "0x400",
        "-s",
        "auto",
        "--boot-record",
        "SPE",
        "-d",
        "(1,1.2.3+4), (2,0.1.0)",
    ],
    &[
        "-H",
        "0x200",
        "-s",
        "7",
        "--custom-tlv",
        "0x12a5",
        "0xc0ffee",
        "--custom-tlv",
        "0xb0",
        "text",
    ],
    &[
        "-H",
        "0x100",
        "-L",
        "0x20010000",
        "--confirm",
        "--align",
        "4",
    ],
];

fn payload(directory: &Path) {
    let bytes: Vec<u8> = (0..3001u32).map(|i| ((i * i) >> 3) as u8).collect();
    fs::write(directory.join("app.bin"), bytes).unwrap();
}

fn sign_line<'a>(
    options: &[&'a str],
    further: &[&'a str],
    key: &'a str,
    out: &'a str,
) -> Vec<&'a str> {
    let mut line = vec![
        "sign",
        "-v",
        "1.2.3+9",
        "--pad-header",
        "-S",
        "0x8000",
        "-M",
        "8",
        "-k",
        key,
    ];
    line.extend(options);
    line.extend(further);
    line.extend(["app.bin", out]);
    line
}

fn verify_ours(directory: &Path, options: &[&str], key: &[&str], file: &str) -> Run {
    let mut line = vec!["verify", "--slot-size", "0x8000"];
    line.extend(options);
    line.extend(key);
    line.push(file);
    image(directory, &line)
}

#[test]
fn imgtool_accepts_what_we_sign_with_our_keys() {
    let Some(tool) = imgtool() else { return };
    for (kind, sign, verify) in KINDS {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path();
        payload(directory);
        image(directory, &["keygen", "-t", kind, "-k", "key.pem"]).ok();
        for (index, options) in OPTIONS.iter().enumerate() {
            let out = format!("{index}.bin");
            image(directory, &sign_line(options, sign, "key.pem", &out)).ok();
            run_imgtool(&tool, directory, &["verify", "-k", "key.pem", &out]).ok();
            run_imgtool(&tool, directory, &["dumpinfo", &out]).ok();
            verify_ours(directory, verify, &["--key", "key.pem"], &out).ok();
        }
        // And refuses one bit more.
        let mut bytes = fs::read(directory.join("0.bin")).unwrap();
        bytes[100] ^= 1;
        fs::write(directory.join("bad.bin"), bytes).unwrap();
        assert_eq!(
            run_imgtool(&tool, directory, &["verify", "-k", "key.pem", "bad.bin"]).status,
            1
        );
        let run = verify_ours(directory, verify, &["--key", "key.pem"], "bad.bin");
        assert_eq!(run.status, 1);
        assert!(run.stdout.contains("altered"), "{run:?}");
    }
}

#[test]
fn we_accept_what_imgtool_signs_with_its_keys() {
    let Some(tool) = imgtool() else { return };
    for (kind, sign, verify) in KINDS {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path();
        payload(directory);
        for name in ["key.pem", "other.pem"] {
            run_imgtool(&tool, directory, &["keygen", "-t", kind, "-k", name]).ok();
        }
        for (index, options) in OPTIONS.iter().enumerate() {
            let out = format!("{index}.bin");
            run_imgtool(&tool, directory, &sign_line(options, sign, "key.pem", &out)).ok();
            let run = verify_ours(directory, verify, &["--key", "key.pem"], &out).ok();
            assert!(run.stdout.contains("version 1.2.3+9"), "{run:?}");
            let run = verify_ours(directory, verify, &["--key", "other.pem"], &out);
            assert!(
                run.status == 1 && run.stdout.contains("no key this device trusts"),
                "{run:?}"
            );
            verify_ours(
                directory,
                verify,
                &["--key", "other.pem", "--key", "key.pem"],
                &out,
            )
            .ok();
        }
    }
}

#[test]
fn whole_keys_in_images_pass_on_devices_that_hold_the_hash() {
    let Some(tool) = imgtool() else { return };
    for (kind, name) in [
        ("ecdsa-p256", "p256"),
        ("ecdsa-p384", "p384"),
        ("ed25519", "ed25519"),
        ("rsa-2048", "rsa2048"),
        ("rsa-3072", "rsa3072"),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path();
        payload(directory);
        run_imgtool(&tool, directory, &["keygen", "-t", kind, "-k", "key.pem"]).ok();
        let full = ["-H", "0x20", "--public-key-format", "full"];
        run_imgtool(
            &tool,
            directory,
            &sign_line(&full, &[], "key.pem", "theirs.bin"),
        )
        .ok();
        image(directory, &sign_line(&full, &[], "key.pem", "ours.bin")).ok();
        run_imgtool(&tool, directory, &["verify", "-k", "key.pem", "ours.bin"]).ok();
        let sha = if kind == "ecdsa-p384" { "384" } else { "256" };
        let hash = image(
            directory,
            &["getpubhash", "-e", "hex", "--sha", sha, "-k", "key.pem"],
        )
        .ok()
        .stdout;
        let device = ["--hw-key-hash", hash.trim(), "--key-type", name];
        for file in ["theirs.bin", "ours.bin"] {
            verify_ours(directory, &[], &device, file).ok();
            let run = verify_ours(directory, &[], &["--key", "key.pem"], file);
            assert!(
                run.status == 1 && run.stdout.contains("not of the device's form"),
                "{run:?}"
            );
        }
    }
}

#[test]
fn public_keys_are_printed_as_imgtool_prints_them() {
    let Some(tool) = imgtool() else { return };
    for kind in [
        "ecdsa-p256",
        "ecdsa-p384",
        "ed25519",
        "x25519",
        "rsa-2048",
        "rsa-3072",
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path();
        image(directory, &["keygen", "-t", kind, "-k", "key.pem"]).ok();
        image(
            directory,
            &["getpub", "-e", "pem", "-k", "key.pem", "-o", "pub.pem"],
        )
        .ok();
        let commands: &[&[&str]] = &[
            &["getpub"],
            &["getpub", "-e", "lang-c", "--name-suffix", "_2"],
            &["getpub", "-l", "rust"],
            &["getpub", "-e", "lang-rust", "--name-suffix", "_b"],
            &["getpub", "-e", "pem"],
            &["getpub", "-e", "raw"],
            &["getpubhash"],
            &["getpubhash", "-e", "raw"],
        ];
        for command in commands {
            for key in ["key.pem", "pub.pem"] {
                let mut line = command.to_vec();
                line.extend(["-k", key, "-o"]);
                let with = |name| [line.as_slice(), &[name]].concat();
                image(directory, &with("ours")).ok();
                run_imgtool(&tool, directory, &with("theirs")).ok();
                let read = |name| fs::read(directory.join(name)).unwrap();
                let (ours, theirs) = (without_note(&read("ours")), without_note(&read("theirs")));
                assert!(ours == theirs, "{kind} {command:?} of {key}");
            }
        }
    }
}

#[test]
fn which_half_of_a_key_a_file_holds_is_told_as_imgtool_does() {
    let Some(tool) = imgtool() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path();
    image(directory, &["keygen", "-t", "ecdsa-p256", "-k", "key.pem"]).ok();
    let public = ["getpub", "-e", "pem", "-k", "key.pem", "-o", "pub.pem"];
    image(directory, &public).ok();
    for key in ["key.pem", "pub.pem"] {
        for require in [None, Some("private"), Some("public")] {
            let mut line = vec!["keyinfo", "-k", key];
            line.extend(require.into_iter().flat_map(|half| ["--require", half]));
            let (ours, theirs) = (
                image(directory, &line),
                run_imgtool(&tool, directory, &line),
            );
            assert_eq!(ours.status, theirs.status, "{line:?}");
            assert_eq!(ours.stdout, theirs.stdout, "{line:?}");
        }
    }
}

/// Without the first line of generated sources, which names the tool.
fn without_note(bytes: &[u8]) -> Vec<u8> {
    if !bytes.starts_with(b"/* Autogenerated") {
        return bytes.to_vec();
    }
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    bytes[end..].to_vec()
}

#[test]
fn a_signature_made_elsewhere_is_taken_in_both_directions() {
    let Some(tool) = imgtool() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path();
    payload(directory);
    image(directory, &["keygen", "-t", "ed25519", "-k", "key.pem"]).ok();
    image(
        directory,
        &["getpub", "-e", "pem", "-k", "key.pem", "-o", "pub.pem"],
    )
    .ok();
    let head = [
        "sign",
        "-v",
        "1.0.0",
        "--pad-header",
        "-S",
        "0x8000",
        "-H",
        "0x20",
    ];
    let line = |further: &[&'static str], out| [&head[..], further, &["app.bin", out]].concat();
    image(
        directory,
        &line(&["-k", "key.pem", "--sig-out", "sig"], "whole.bin"),
    )
    .ok();
    let fixed = ["--fix-sig", "sig", "--fix-sig-pubkey", "pub.pem"];
    image(directory, &line(&fixed, "ours.bin")).ok();
    run_imgtool(&tool, directory, &line(&fixed, "theirs.bin")).ok();
    let read = |name| fs::read(directory.join(name)).unwrap();
    assert_eq!(read("ours.bin"), read("whole.bin"));
    assert_eq!(read("ours.bin"), read("theirs.bin"));
    for what in ["payload", "digest"] {
        let further = ["--fix-sig-pubkey", "pub.pem", "--vector-to-sign", what];
        image(
            directory,
            &line(
                &[
                    "--fix-sig-pubkey",
                    "pub.pem",
                    "--vector-to-sign",
                    what_of(what),
                ],
                "v1",
            ),
        )
        .ok();
        run_imgtool(
            &tool,
            directory,
            &[
                &head[..],
                &["-k", "key.pem"],
                &further[2..],
                &["app.bin", "v2"],
            ]
            .concat(),
        )
        .ok();
        assert_eq!(read("v1"), read("v2"), "{what}");
    }
}

fn what_of(what: &str) -> &'static str {
    if what == "payload" {
        "payload"
    } else {
        "digest"
    }
}
