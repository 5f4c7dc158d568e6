//! `ironroot attest`, from outside: tokens made by Python and by the drafts of RFC 9783.

use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const VECTORS: &str = include_str!("../../../logic/attest/testdata/vectors.txt");
const DRAFTS: &str = include_str!("../../../logic/attest/testdata/rfc9783_drafts.txt");
/// The challenge of nearly all vectors.
const CHALLENGE: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn hex_of(name: &str) -> &'static str {
    let line = VECTORS
        .lines()
        .chain(DRAFTS.lines())
        .find(|line| line.split(' ').next() == Some(name));
    line.unwrap_or_else(|| panic!("no vector {name}"))
        .split(' ')
        .nth(2)
        .unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .fold(0, |word, byte| word << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let index = (word >> (18 - 6 * digit)) as usize & 63;
            text.push(if digit > chunk.len() {
                '='
            } else {
                DIGITS[index] as char
            });
        }
    }
    text
}

/// A directory with the key of the vectors.
struct Bench {
    directory: TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self {
            directory: TempDir::new().unwrap(),
        };
        let info = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
        let der = unhex(&format!("{info}{}", hex_of("public-key")));
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            base64(&der)
        );
        bench.file("key.pem", pem.as_bytes());
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_ironroot"))
            .arg("attest")
            .args(arguments)
            .current_dir(self.directory.path())
            .output()
            .unwrap()
    }

    fn verify(&self, token: &Path, more: &[&str]) -> Output {
        let mut arguments = vec!["verify", "--key", "key.pem"];
        if !more.contains(&"--challenge") {
            arguments.extend(["--challenge", CHALLENGE]);
        }
        arguments.extend(more);
        arguments.push(token.to_str().unwrap());
        self.run(&arguments)
    }

    /// Exit status of verifying a vector.
    fn status(&self, name: &str, more: &[&str]) -> i32 {
        let token = self.file("token", &unhex(hex_of(name)));
        self.verify(&token, more).status.code().unwrap()
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_good_token_is_accepted_and_its_claims_are_printed() {
    let bench = Bench::new();
    let token = bench.file("token.cbor", &unhex(hex_of("exact-full")));
    let output = bench.verify(&token, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.starts_with("ACCEPTED\n"), "{text}");
    for line in [
        "profile                  tag:psacertified.org,2023:psa#tfm",
        "client id                -1 (non-secure)",
        "lifecycle                0x3000 (secured)",
        "certification reference  1234567890123-12345",
        "software                 SPE",
        "  version                2.3.4+5",
    ] {
        assert!(text.contains(line), "{line:?} in\n{text}");
    }
}

#[test]
fn hexadecimal_base64_and_standard_input_are_read_too() {
    let bench = Bench::new();
    let raw = unhex(hex_of("exact-full"));
    let upper = hex_of("exact-full").to_uppercase();
    let (first, second) = upper.split_at(100);
    let spellings = [
        format!("{first}\n  {second}\n"),
        base64(&raw),
        base64(&raw)
            .replace('+', "-")
            .replace('/', "_")
            .trim_end_matches('=')
            .to_owned(),
    ];
    for spelling in spellings {
        let token = bench.file("token.txt", spelling.as_bytes());
        assert_eq!(
            bench.verify(&token, &[]).status.code(),
            Some(0),
            "{spelling}"
        );
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_ironroot"))
        .args([
            "attest",
            "verify",
            "--key",
            "key.pem",
            "--challenge",
            CHALLENGE,
            "-",
        ])
        .current_dir(bench.directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&raw).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

#[test]
fn every_vector_gets_its_verdict() {
    let bench = Bench::new();
    for line in VECTORS.lines().filter(|line| !line.starts_with('#')) {
        let mut parts = line.split(' ');
        let (name, verdict) = (parts.next().unwrap(), parts.next().unwrap());
        // These ask other questions than this one.
        if verdict == "-" || ["exact-smallest", "exact-profile-1-unmeasured"].contains(&name) {
            continue;
        }
        let expected = if verdict == "valid" { 0 } else { 1 };
        assert_eq!(bench.status(name, &[]), expected, "{name}");
    }
}

#[test]
fn json_says_the_same_and_names_each_check() {
    let bench = Bench::new();
    let token = bench.file("token.cbor", &unhex(hex_of("exact-full")));
    let good: Value = serde_json::from_slice(&bench.verify(&token, &["--json"]).stdout).unwrap();
    assert_eq!(good["accepted"], true);
    assert_eq!(good["verified"], true);
    assert_eq!(good["claims"]["challenge"], CHALLENGE);
    assert_eq!(good["claims"]["client_id"], -1);
    assert_eq!(good["claims"]["lifecycle_state"], "secured");
    assert_eq!(
        good["claims"]["software_components"][1]["version"],
        "2.3.4+5"
    );
    assert_eq!(
        good["claims"]["software_components"][2]["type"],
        Value::Null
    );

    let other = "ff".repeat(32);
    let bad = bench.verify(&token, &["--json", "--challenge", &other]);
    assert_eq!(bad.status.code(), Some(1));
    let bad: Value = serde_json::from_slice(&bad.stdout).unwrap();
    assert_eq!(
        (&bad["verified"], &bad["accepted"]),
        (&Value::Bool(true), &Value::Bool(false))
    );
    let failed: Vec<&str> = bad["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["ok"] == false)
        .map(|check| check["name"].as_str().unwrap())
        .collect();
    assert_eq!(failed, ["challenge"]);

    let forged = bench.file("forged.cbor", &unhex(hex_of("zero-signature")));
    let forged = bench.verify(&forged, &["--json"]);
    let forged: Value = serde_json::from_slice(&forged.stdout).unwrap();
    assert_eq!(
        forged["claims"],
        Value::Null,
        "claims of a forged token are not shown as claims"
    );
}

#[test]
fn challenge_client_profile_lifecycle_and_instance_are_compared() {
    let bench = Bench::new();
    let full = "exact-full";
    for (more, expected) in [
        (&["--challenge", &CHALLENGE.to_uppercase()][..], 0),
        (&["--challenge", &"00".repeat(32)], 1),
        (&["--challenge", &"00".repeat(48)], 1),
        (&["--client-id", "-1"], 0),
        (&["--client-id", "-2"], 1),
        (&["--client-id=1"], 1),
        (&["--profile", "rfc9783"], 0),
        (&["--profile", "psa-iot-profile1"], 1),
    ] {
        assert_eq!(bench.status(full, more), expected, "{more:?}");
    }
    // 0x40a5: non-PSA-RoT debug, with a challenge of 64 zeros.
    let zeros = "00".repeat(64);
    assert_eq!(bench.status("exact-smallest", &["--challenge", &zeros]), 1);
    let allow = [
        "--challenge",
        &zeros,
        "--allow-lifecycle",
        "non-psa-rot-debug",
    ];
    assert_eq!(bench.status("exact-smallest", &allow), 0);
    let other = ["--challenge", &zeros, "--allow-lifecycle", "decommissioned"];
    assert_eq!(bench.status("exact-smallest", &other), 1);
    // The drafts' example names another instance than the hash of its key.
    let ones = "01".repeat(32);
    assert_eq!(
        bench.status("draft-typed-component", &["--challenge", &ones]),
        1
    );
    let any = ["--challenge", &ones, "--any-instance-id"];
    assert_eq!(bench.status("draft-typed-component", &any), 0);
}

#[test]
fn what_the_operator_gave_wrongly_is_status_two_and_says_what() {
    let bench = Bench::new();
    let token = bench.file("token.cbor", &unhex(hex_of("exact-full")));
    bench.file("empty", b"");
    bench.file(
        "not-a-key.pem",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    );
    bench.file("broken.json", b"{");
    bench.file(
        "other.json",
        br#"{"format":"something-else","components":[]}"#,
    );
    bench.file(
        "nothing.json",
        br#"{"format":"ironroot-measurements-1","components":[]}"#,
    );
    let token = token.to_str().unwrap();
    let cases: &[(&[&str], &str)] = &[
        (
            &[
                "verify",
                "--key",
                "key.pem",
                "--challenge",
                CHALLENGE,
                "absent",
            ],
            "absent",
        ),
        (
            &[
                "verify",
                "--key",
                "key.pem",
                "--challenge",
                CHALLENGE,
                "empty",
            ],
            "empty",
        ),
        (
            &[
                "verify",
                "--key",
                "absent.pem",
                "--challenge",
                CHALLENGE,
                token,
            ],
            "absent.pem",
        ),
        (
            &[
                "verify",
                "--key",
                "not-a-key.pem",
                "--challenge",
                CHALLENGE,
                token,
            ],
            "not-a-key.pem",
        ),
        (
            &["verify", "--key", "key.pem", "--challenge", "0g", token],
            "--challenge",
        ),
        (
            &["verify", "--key", "key.pem", "--challenge", "00", token],
            "32, 48 or 64",
        ),
        (&["verify", "--key", "key.pem", token], "--challenge"),
        (&["verify", "--challenge", CHALLENGE, token], "--key"),
        (
            &[
                "verify",
                "--key",
                "key.pem",
                "--challenge",
                CHALLENGE,
                "--reference",
                "broken.json",
                token,
            ],
            "broken.json",
        ),
        (
            &[
                "verify",
                "--key",
                "key.pem",
                "--challenge",
                CHALLENGE,
                "--reference",
                "other.json",
                token,
            ],
            "something-else",
        ),
        (
            &[
                "verify",
                "--key",
                "key.pem",
                "--challenge",
                CHALLENGE,
                "--reference",
                "nothing.json",
                token,
            ],
            "no components",
        ),
        (&["show"], "TOKEN"),
    ];
    for (arguments, says) in cases {
        let output = bench.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            stderr(&output).contains(says),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert!(stdout(&output).is_empty());
    }
}

/// A reference for the software of the vectors.
fn reference(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value = serde_json::json!({
        "format": "ironroot-measurements-1",
        "implementation_id": "77".repeat(32),
        "components": [
            { "type": "BL", "measurement": "11".repeat(32), "signer": "21".repeat(32), "version": "1.0.0" },
            { "type": "SPE", "measurement": "99".repeat(32) },
            { "type": "SPE", "measurement": "12".repeat(32), "signer": "22".repeat(32) },
            { "type": "", "measurement": "13".repeat(48) },
        ]
    });
    change(&mut value);
    serde_json::to_vec(&value).unwrap()
}

#[test]
fn software_is_compared_with_the_reference() {
    let bench = Bench::new();
    type Change = fn(&mut Value);
    let cases: &[(&str, i32, Change)] = &[
        ("as it is", 0, |_| ()),
        ("other implementation", 1, |r| {
            r["implementation_id"] = "78".repeat(32).into()
        }),
        ("no implementation asked for", 0, |r| {
            r.as_object_mut().unwrap().remove("implementation_id");
        }),
        ("other measurement", 1, |r| {
            r["components"][2]["measurement"] = "98".repeat(32).into()
        }),
        ("other signer", 1, |r| {
            r["components"][2]["signer"] = "23".repeat(32).into()
        }),
        ("other version", 1, |r| {
            r["components"][0]["version"] = "1.0.1".into()
        }),
        ("shorter measurement", 1, |r| {
            r["components"][3]["measurement"] = "13".repeat(32).into()
        }),
        ("a component too much in the token", 1, |r| {
            r["components"].as_array_mut().unwrap().remove(0);
        }),
        ("a component missing in the token", 1, |r| {
            let more = serde_json::json!({ "type": "TS", "measurement": "11".repeat(32) });
            r["components"].as_array_mut().unwrap().push(more);
        }),
        ("types exchanged", 1, |r| {
            r["components"][0]["type"] = "SPE".into()
        }),
    ];
    for (name, expected, change) in cases {
        bench.file("measurements.json", &reference(change));
        let status = bench.status("exact-full", &["--reference", "measurements.json"]);
        assert_eq!(status, *expected, "{name}");
    }
}

#[test]
fn show_prints_claims_of_any_token_and_says_that_nothing_is_verified() {
    let bench = Bench::new();
    for name in ["exact-full", "zero-signature", "exact-profile-1-unmeasured"] {
        let token = bench.file("token", hex_of(name).as_bytes());
        let output = bench.run(&["show", token.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{name}");
        assert!(
            stdout(&output).starts_with("NOT VERIFIED"),
            "{}",
            stdout(&output)
        );
        assert!(stdout(&output).contains("implementation id"));
        assert!(!stdout(&output).contains("ACCEPTED"));
        let output = bench.run(&["show", "--json", token.to_str().unwrap()]);
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&json["verified"], &json["accepted"]),
            (&false.into(), &false.into())
        );
    }
    for name in ["untagged", "software-missing", "claims-cut"] {
        let token = bench.file("token", hex_of(name).as_bytes());
        let output = bench.run(&["show", token.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(stdout(&output).is_empty());
    }
}

#[test]
fn text_in_a_token_cannot_write_on_the_terminal() {
    // The verification service of the full token, its letters replaced by control characters of equal length.
    let bench = Bench::new();
    let mut token = unhex(hex_of("exact-full"));
    let at = token
        .windows(8)
        .position(|window| window == b"https://")
        .unwrap();
    token[at..at + 8].copy_from_slice(b"\x1b[2J\x07\r\n\x00");
    let token = bench.file("token", &token);
    let output = bench.run(&["show", token.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    assert!(!stdout(&output).contains(['\x1b', '\x07', '\r', '\0']));
}

#[test]
fn a_reference_is_made_of_signed_images_and_not_of_others() {
    let bench = Bench::new();
    let image = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_ironroot"))
            .arg("image")
            .args(arguments)
            .current_dir(bench.directory.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    };
    image(&["keygen", "--key", "sign.pem", "--type", "ecdsa-p256"]);
    bench.file("payload", &[0x5a; 1000]);
    let common = [
        "--header-size",
        "0x200",
        "--pad-header",
        "--slot-size",
        "0x20000",
        "--align",
        "4",
    ];
    let sign = |version: &str, boot_record: &[&str], out: &str| {
        let mut arguments = vec!["sign", "--key", "sign.pem", "--version", version];
        arguments.extend(common);
        arguments.extend(boot_record);
        arguments.extend(["payload", out]);
        image(&arguments);
    };
    sign("1.2.3", &["--boot-record", "ROOT"], "secure.bin");
    sign("4.5.6", &[], "app.bin");
    let output = bench.run(&["reference", "--key", "sign.pem", "secure.bin", "app.bin"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let made: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(made["format"], "ironroot-measurements-1");
    let components = made["components"].as_array().unwrap();
    assert_eq!(components.len(), 2);
    assert_eq!(
        (&components[0]["type"], &components[1]["type"]),
        (&"ROOT".into(), &"NSPE".into())
    );
    assert_eq!(components[0]["version"], "1.2.3");
    assert_eq!(components[1]["version"], "4.5.6");
    assert_ne!(components[0]["measurement"], components[1]["measurement"]);
    assert_eq!(components[0]["signer"], components[1]["signer"]);

    let mut tampered = std::fs::read(bench.path("app.bin")).unwrap();
    tampered[0x300] ^= 1;
    bench.file("tampered.bin", &tampered);
    let output = bench.run(&["reference", "--key", "sign.pem", "tampered.bin"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("tampered.bin"));
    let output = bench.run(&["reference", "--key", "key.pem", "app.bin"]);
    assert_eq!(output.status.code(), Some(2), "another key");
    let output = bench.run(&["reference", "app.bin"]);
    assert_eq!(output.status.code(), Some(2), "whose images?");
}
