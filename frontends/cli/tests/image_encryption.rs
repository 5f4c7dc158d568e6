//! Encrypted images, Intel HEX and trailers against imgtool, and against a Python script where imgtool
//! cannot open what it made. Each test does nothing, and says so, where imgtool is not installed.

mod image_support;

use image_support::{Run, image, imgtool, run_imgtool};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Key type, further options, and whether imgtool has it.
const SCHEMES: &[(&str, &[&str])] = &[
    ("ecdsa-p256", &[]),
    ("ecdsa-p256", &["--encrypt-keylen", "256"]),
    ("x25519", &[]),
    ("x25519", &["--encrypt-keylen", "256"]),
    ("x25519", &["--hmac-sha", "512"]),
    ("x25519", &["--hmac-sha", "512", "--encrypt-keylen", "256"]),
    ("rsa-2048", &[]),
    ("rsa-2048", &["--encrypt-keylen", "256"]),
];

const KEY_128: &str = "000102030405060708090a0b0c0d0e0f";
const KEY_256: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn payload() -> Vec<u8> {
    (0..2999u32).map(|i| ((i * i) >> 3) as u8).collect()
}

fn scratch() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("app.bin"), payload()).unwrap();
    directory
}

fn read(directory: &Path, name: &str) -> Vec<u8> {
    fs::read(directory.join(name)).unwrap()
}

fn sign<'a>(options: &[&'a str], out: &'a str) -> Vec<&'a str> {
    let head = [
        "sign",
        "-v",
        "1.2.3+9",
        "--pad-header",
        "-S",
        "0x8000",
        "-M",
        "8",
    ];
    [&head[..], options, &["app.bin", out]].concat()
}

fn verify(directory: &Path, key: &str, options: &[&str], file: &str) -> Run {
    let head = ["verify", "--unsigned", "--decryption-key", key];
    image(directory, &[&head[..], options, &[file]].concat())
}

/// What Python makes of an encrypted image: its payload.
fn python_opens(tool: &Path, directory: &Path, file: &str, key: &str) -> Option<Vec<u8>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/image_support/open.py");
    let run = Command::new(tool.with_file_name("python3"))
        .current_dir(directory)
        .arg(script)
        .args([file, key])
        .output()
        .unwrap();
    let digits = String::from_utf8(run.stdout).unwrap();
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    run.status
        .success()
        .then(|| (0..digits.trim().len()).step_by(2).map(byte).collect())
}

/// The payload and zeros up to a whole block.
fn assert_payload(plain: &[u8]) {
    let expected = payload();
    assert!(plain[..expected.len()] == expected);
    assert!(plain[expected.len()..].iter().all(|byte| *byte == 0) && plain.len() < 3016);
}

#[test]
fn python_opens_what_we_encrypt_and_imgtool_reads_the_rest() {
    let Some(tool) = imgtool() else { return };
    for (kind, options) in SCHEMES {
        let scratch = scratch();
        let directory = scratch.path();
        for name in ["device.pem", "other.pem"] {
            image(directory, &["keygen", "-t", kind, "-k", name]).ok();
        }
        image(
            directory,
            &["getpub", "-e", "pem", "-k", "device.pem", "-o", "pub.pem"],
        )
        .ok();
        for (header, key) in [("0x20", "pub.pem"), ("0x800", "device.pem")] {
            let line = [&["-H", header, "-s", "7", "-E", key], *options].concat();
            image(directory, &sign(&line, "ours.bin")).ok();
            assert_payload(&python_opens(&tool, directory, "ours.bin", "device.pem").unwrap());
            assert!(python_opens(&tool, directory, "ours.bin", "other.pem").is_none());
            run_imgtool(&tool, directory, &["dumpinfo", "ours.bin"]).ok();
            verify(directory, "device.pem", &[], "ours.bin").ok();
            let run = verify(directory, "other.pem", &[], "ours.bin");
            assert!(
                run.status == 1 && run.stdout.contains("another device"),
                "{run:?}"
            );
            // In the clear, imgtool judges it whole.
            let clear = [&line[..], &["--clear"]].concat();
            image(directory, &sign(&clear, "clear.bin")).ok();
            run_imgtool(&tool, directory, &["verify", "clear.bin"]).ok();
            verify(directory, "device.pem", &["--slot", "primary"], "clear.bin").ok();
            let run = verify(directory, "device.pem", &[], "clear.bin");
            assert!(run.status == 1 && run.stdout.contains("altered"), "{run:?}");
        }
    }
}

#[test]
fn we_open_what_imgtool_encrypts_with_its_keys() {
    let Some(tool) = imgtool() else { return };
    for (kind, options) in SCHEMES {
        let scratch = scratch();
        let directory = scratch.path();
        for name in ["device.pem", "other.pem"] {
            run_imgtool(&tool, directory, &["keygen", "-t", kind, "-k", name]).ok();
        }
        run_imgtool(
            &tool,
            directory,
            &["getpub", "-e", "pem", "-k", "device.pem", "-o", "pub.pem"],
        )
        .ok();
        for header in ["0x20", "0x1000"] {
            let line = [&["-H", header, "-E", "pub.pem"], *options].concat();
            run_imgtool(&tool, directory, &sign(&line, "theirs.bin")).ok();
            verify(directory, "device.pem", &[], "theirs.bin").ok();
            let run = verify(directory, "other.pem", &[], "theirs.bin");
            assert!(
                run.status == 1 && run.stdout.contains("another device"),
                "{run:?}"
            );
            let run = verify(
                directory,
                KEY_128,
                &["--encrypt-keylen", "128"],
                "theirs.bin",
            );
            assert!(
                run.status == 1 && run.stdout.contains("another scheme"),
                "{run:?}"
            );
            let mut bytes = read(directory, "theirs.bin");
            let payload_at = usize::from_str_radix(&header[2..], 16).unwrap();
            bytes[payload_at + 100] ^= 0x10;
            fs::write(directory.join("bad.bin"), &bytes).unwrap();
            let run = verify(directory, "device.pem", &[], "bad.bin");
            assert!(run.status == 1 && run.stdout.contains("altered"), "{run:?}");
            fs::write(directory.join("cut.bin"), &bytes[..payload_at + 2000]).unwrap();
            let run = verify(directory, "device.pem", &[], "cut.bin");
            assert_eq!(run.status, 1, "{run:?}");
        }
    }
}

#[test]
fn a_shared_key_gives_the_same_file_every_time_and_python_opens_it() {
    let Some(tool) = imgtool() else { return };
    let scratch = scratch();
    let directory = scratch.path();
    image(directory, &["keygen", "-t", "ed25519", "-k", "sign.pem"]).ok();
    fs::write(directory.join("shared.hex"), format!("{KEY_256}\n")).unwrap();
    for (argument, key) in [
        (KEY_128, KEY_128),
        (KEY_256, KEY_256),
        ("shared.hex", KEY_256),
    ] {
        let line = ["-H", "0x20", "-k", "sign.pem", "-E", argument];
        image(directory, &sign(&line, "one.bin")).ok();
        image(directory, &sign(&line, "two.bin")).ok();
        assert!(read(directory, "one.bin") == read(directory, "two.bin"));
        assert_payload(&python_opens(&tool, directory, "one.bin", key).unwrap());
        let opens = [
            "verify",
            "-k",
            "sign.pem",
            "--decryption-key",
            argument,
            "one.bin",
        ];
        image(directory, &opens).ok();
        let other = key.replace("0f", "1f");
        assert!(python_opens(&tool, directory, "one.bin", &other).is_none());
        let opens = [
            "verify",
            "-k",
            "sign.pem",
            "--decryption-key",
            &other,
            "one.bin",
        ];
        assert_eq!(image(directory, &opens).status, 1);
        // Another version is another image, with another key stream.
        let mut line = sign(&line, "other.bin");
        line[2] = "1.2.4";
        image(directory, &line).ok();
        assert!(
            read(directory, "one.bin")[0x20..0x400] != read(directory, "other.bin")[0x20..0x400]
        );
    }
}

#[test]
fn trailers_of_every_alignment_are_imgtools_byte_for_byte() {
    let Some(tool) = imgtool() else { return };
    let scratch = scratch();
    let directory = scratch.path();
    image(directory, &["keygen", "-t", "ed25519", "-k", "sign.pem"]).ok();
    image(directory, &["keygen", "-t", "x25519", "-k", "device.pem"]).ok();
    image(
        directory,
        &["getpub", "-e", "pem", "-k", "device.pem", "-o", "pub.pem"],
    )
    .ok();
    let aligns: [(&str, &[&str]); 6] = [
        ("1", &["8", "16", "32"]),
        ("2", &["8"]),
        ("4", &["16"]),
        ("8", &["8", "32"]),
        ("16", &["16", "32"]),
        ("32", &["32"]),
    ];
    let mut compared = 0;
    for (align, max_aligns) in aligns {
        for max_align in max_aligns {
            for (further, erased) in [
                (&["--pad"][..], "0xff"),
                (&["--confirm"], "0xff"),
                (&["--confirm"], "0"),
                (&["--test"], "0xff"),
                (&["--confirm", "--overwrite-only"], "0xff"),
            ] {
                let mut line = vec!["-H", "0x20", "--align", align, "--max-align", max_align];
                line.extend(["-R", erased]);
                line.extend(further);
                let signed = [&line[..], &["-k", "sign.pem"]].concat();
                image(directory, &sign(&signed, "ours.bin")).ok();
                run_imgtool(&tool, directory, &sign(&signed, "theirs.bin")).ok();
                let same = read(directory, "ours.bin") == read(directory, "theirs.bin");
                assert!(same, "{signed:?}");
                compared += 1;
            }
            // Encrypted: of the same layout, with other random bytes in payload and TLV.
            for form in [&["--encrypt-keylen", "256"][..], &["--save-enctlv"]] {
                let line = ["-H", "0x20", "--align", align, "--max-align", max_align];
                let encrypted = [&line[..], &["--confirm", "-E", "pub.pem"], form].concat();
                image(directory, &sign(&encrypted, "ours.bin")).ok();
                run_imgtool(&tool, directory, &sign(&encrypted, "theirs.bin")).ok();
                let (ours, theirs) = (read(directory, "ours.bin"), read(directory, "theirs.bin"));
                assert!(ours[..0x20] == theirs[..0x20] && ours[0x1000..] == theirs[0x1000..]);
                assert_eq!(ours.len(), theirs.len(), "{encrypted:?}");
            }
        }
    }
    assert_eq!(compared, 50);
}

#[test]
fn the_largest_image_beside_a_trailer_with_keys_is_imgtools() {
    let Some(tool) = imgtool() else { return };
    let scratch = scratch();
    let directory = scratch.path();
    image(
        directory,
        &["keygen", "-t", "ecdsa-p256", "-k", "device.pem"],
    )
    .ok();
    image(
        directory,
        &["getpub", "-e", "pem", "-k", "device.pem", "-o", "pub.pem"],
    )
    .ok();
    for form in [&[][..], &["--encrypt-keylen", "256"], &["--save-enctlv"]] {
        // The smallest slot that one takes is the smallest that the other takes.
        let line = [&["-H", "0x20", "-E", "pub.pem"], form].concat();
        let takes = |size: u32, ours: bool| {
            let size = size.to_string();
            let mut line = sign(&line, "out.bin");
            line[5] = &size;
            if ours {
                image(directory, &line).status == 0
            } else {
                run_imgtool(&tool, directory, &line).status == 0
            }
        };
        let (mut small, mut large) = (3000, 3800);
        while large - small > 1 {
            let middle = (small + large) / 2;
            if takes(middle, true) {
                large = middle;
            } else {
                small = middle;
            }
        }
        assert!(
            takes(large, false) && !takes(small, false),
            "{form:?} {large}"
        );
    }
}

#[test]
fn intel_hex_goes_in_and_out_as_imgtool_has_it() {
    let Some(tool) = imgtool() else { return };
    let scratch = scratch();
    let directory = scratch.path();
    for further in [
        &[][..],
        &["--pad"],
        &["--confirm"],
        &["--test"],
        &["--align", "32", "--confirm"],
    ] {
        for address in ["0x1000", "0x0800fe00", "0"] {
            let line = [&["-H", "0x20", "-x", address], further].concat();
            image(directory, &sign(&line, "ours.hex")).ok();
            run_imgtool(&tool, directory, &sign(&line, "theirs.hex")).ok();
            let text = |name| {
                String::from_utf8(read(directory, name))
                    .unwrap()
                    .replace('\r', "")
            };
            assert_eq!(text("ours.hex"), text("theirs.hex"), "{line:?}");
        }
    }
    // What one wrote is the other's payload.
    for (from, to) in [("theirs.hex", "a.bin"), ("ours.hex", "b.bin")] {
        fs::copy(directory.join(from), directory.join("in.hex")).unwrap();
        let mut line = sign(&["-H", "0x200"], to);
        let at = line.len() - 2;
        line[5] = "0x20000";
        line[at] = "in.hex";
        image(directory, &line).ok();
        line[at + 1] = "c.bin";
        run_imgtool(&tool, directory, &line).ok();
        assert!(read(directory, to) == read(directory, "c.bin"));
        image(directory, &["verify", "--unsigned", from]).ok();
        // The address follows the payload, less the header put in front.
        line[at + 1] = "c.hex";
        run_imgtool(&tool, directory, &line).ok();
        line[at + 1] = "d.hex";
        image(directory, &line).ok();
        assert!(read(directory, "c.hex") == read(directory, "d.hex"));
    }
    let run = image(directory, &sign(&["-H", "0x20"], "none.hex"));
    assert!(
        run.status == 2 && run.stderr.contains("--hex-addr"),
        "{run:?}"
    );
}

#[test]
fn keys_under_a_password_are_read_and_written_as_others_do() {
    let Some(tool) = imgtool() else { return };
    let scratch = scratch();
    let directory = scratch.path();
    let locked = |password: &str, arguments: &[&str]| -> Run {
        Command::new(env!("CARGO_BIN_EXE_ironroot"))
            .current_dir(directory)
            .env("IRONROOT_KEY_PASSWORD", password)
            .arg("image")
            .args(arguments)
            .output()
            .unwrap()
            .into()
    };
    let openssl = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let run = Command::new("openssl")
            .current_dir(directory)
            .args(words)
            .output()
            .unwrap();
        assert!(run.status.success(), "{line}: {run:?}");
    };
    for kind in ["ecdsa-p384", "ed25519", "x25519", "rsa-2048"] {
        locked(
            "a secret",
            &["keygen", "-p", "-t", kind, "-k", "locked.pem", "--force"],
        )
        .ok();
        let text = String::from_utf8(read(directory, "locked.pem")).unwrap();
        assert!(text.contains("BEGIN ENCRYPTED PRIVATE"), "{kind}");
        // OpenSSL and Python (which imgtool uses) open it; a wrong password does not.
        fs::write(directory.join("password"), "a secret").unwrap();
        openssl("pkey -in locked.pem -passin file:password -out open.pem");
        let script = "import sys; from cryptography.hazmat.primitives.serialization import *; \
            load_pem_private_key(open('locked.pem','rb').read(), sys.argv[1].encode())";
        let python = |password: &str| {
            let mut python = Command::new(tool.with_file_name("python3"));
            let run = python
                .current_dir(directory)
                .args(["-c", script, password])
                .output();
            run.unwrap().status.success()
        };
        assert!(python("a secret") && !python("another"));
        let public =
            |password: &str, file: &str| locked(password, &["getpub", "-e", "pem", "-k", file]);
        let ours = public("a secret", "locked.pem").ok().stdout;
        assert_eq!(ours, public("", "open.pem").ok().stdout, "{kind}");
        let run = public("A secret", "locked.pem");
        assert!(
            run.status == 1 && run.stderr.contains("password is wrong"),
            "{run:?}"
        );

        // And what OpenSSL locks, in its three usual ways.
        for method in [
            "-v2 aes-256-cbc",
            "-v2 aes-128-cbc -v2prf hmacWithSHA512",
            "-scrypt",
        ] {
            openssl(&format!(
                "pkcs8 -topk8 {method} -in open.pem -passout file:password -out theirs.pem"
            ));
            assert_eq!(
                ours,
                public("a secret", "theirs.pem").ok().stdout,
                "{kind} {method}"
            );
        }
        openssl("pkcs8 -topk8 -v1 PBE-SHA1-3DES -in open.pem -passout file:password -out old.pem");
        let run = public("a secret", "old.pem");
        assert!(
            run.status == 1 && run.stderr.contains("not supported"),
            "{run:?}"
        );
    }
    let run = locked("", &["keygen", "-p", "-t", "ed25519", "-k", "empty.pem"]);
    assert!(
        run.status == 1 && run.stderr.contains("empty password"),
        "{run:?}"
    );
    assert!(!directory.join("empty.pem").exists());
}

#[test]
fn what_a_device_keeps_of_its_key_is_what_opens_its_images() {
    let scratch = scratch();
    let directory = scratch.path();
    image(directory, &["keygen", "-t", "x25519", "-k", "device.pem"]).ok();
    let hex = image(directory, &["getpriv", "-e", "hex", "-k", "device.pem"])
        .ok()
        .stdout;
    assert_eq!(hex.trim().len(), 64);
    image(
        directory,
        &["getpriv", "-e", "raw", "-k", "device.pem", "-o", "raw"],
    )
    .ok();
    // RFC 8410: the last 32 bytes of the PKCS#8 key are the scalar.
    let pem = String::from_utf8(read(directory, "device.pem")).unwrap();
    assert_eq!(read(directory, "raw").len(), 32);
    assert!(pem.contains("BEGIN PRIVATE KEY"));
    for kind in ["ecdsa-p384", "ed25519"] {
        image(
            directory,
            &["keygen", "-t", kind, "-k", "sign.pem", "--force"],
        )
        .ok();
        let run = image(directory, &["getpriv", "-k", "sign.pem"]);
        assert!(
            run.status == 2 && run.stderr.contains("cannot encrypt"),
            "{run:?}"
        );
        let run = image(
            directory,
            &sign(&["-E", "sign.pem", "-H", "0x20"], "out.bin"),
        );
        assert!(
            run.status == 2 && run.stderr.contains("cannot encrypt"),
            "{run:?}"
        );
    }
    let run = image(
        directory,
        &sign(&["-k", "device.pem", "-H", "0x20"], "out.bin"),
    );
    assert!(
        run.status == 2 && run.stderr.contains("cannot sign"),
        "{run:?}"
    );
    assert!(!directory.join("out.bin").exists());
}
