//! `ironroot image` over the vectors: verdicts as a user sees them, and imgtool's own command lines.

mod image_support;

use image_support::{image, vectors, vectors_directory};
use serde_json::Value;

/// The device of a vector, as options.
fn device(vector: &Value) -> Vec<String> {
    let text = |name: &str| vector[name].as_str().unwrap_or_default().to_owned();
    let (sig, hash) = (text("sig"), text("hash"));
    let key = format!("keys/sign-{sig}.pub.der");
    let mut options: Vec<String> = match (sig.as_str(), text("needs").as_str()) {
        ("none", _) => vec!["--unsigned".into()],
        (_, "hw-key") => {
            let run = image(
                &vectors_directory(),
                &["getpubhash", "-e", "hex", "--sha", &hash[3..], "-k", &key],
            )
            .ok();
            vec![
                "--hw-key-hash".into(),
                run.stdout.trim().into(),
                "--key-type".into(),
                sig.clone(),
            ]
        }
        _ => vec!["--key".into(), key],
    };
    options.extend(["--hash".into(), hash]);
    options.extend(decryption(&text("enc")));
    if vector["pure"] == true {
        options.push("--pure".into());
    }
    if text("needs").starts_with("rollback") {
        options.extend(["--min-security-counter".into(), "5".into()]);
    }
    let size = if text("file").starts_with("trailer/") {
        "0x2000"
    } else {
        "0x4000"
    };
    options.extend([
        "--slot-size".into(),
        size.into(),
        "--slot".into(),
        text("slot"),
    ]);
    options
}

/// The device's decryption key and its one scheme, as options. The manifest writes "ec256-128".
fn decryption(scheme: &str) -> Vec<String> {
    let Some((kind, bits)) = scheme.split_once('-') else {
        return Vec::new();
    };
    let (key, hmac) = match kind {
        "kw" => (format!("keys/enc-kw{bits}.hex"), None),
        "ec256" => ("keys/enc-p256.pem".to_owned(), None),
        "x25519" => ("keys/enc-x25519.pem".to_owned(), Some("256")),
        "x25519sha512" => ("keys/enc-x25519.pem".to_owned(), Some("512")),
        "rsa2048" => ("keys/enc-rsa2048.pem".to_owned(), None),
        other => panic!("{other}"),
    };
    let mut options = vec!["--decryption-key".to_owned(), key];
    options.extend(["--encrypt-keylen".to_owned(), bits.to_owned()]);
    if let Some(hmac) = hmac {
        options.extend(["--hmac-sha".to_owned(), hmac.to_owned()]);
    }
    options
}

#[test]
fn verify_gives_every_vectors_verdict_as_exit_status_and_words() {
    let mut exceptions = 0;
    for vector in vectors() {
        let file = vector["file"].as_str().unwrap();
        let mut arguments = vec!["verify".to_owned()];
        arguments.extend(device(&vector));
        arguments.push(file.to_owned());
        let run = image(&vectors_directory(), &arguments);
        // There is no decompression: such images are refused.
        let later = vector["needs"] == "decompress";
        let accept = vector["expect"] == "accept" && !later;
        exceptions += usize::from(later && vector["expect"] == "accept");
        let why = &vector["reason"];
        assert_eq!(
            run.status,
            if accept { 0 } else { 1 },
            "{file} ({why}): {run:?}"
        );
        let words = if accept {
            "accepted: version "
        } else {
            "refused: "
        };
        assert!(run.stdout.starts_with(words), "{file}: {run:?}");
        assert_eq!(run.stderr, "", "{file}");
    }
    assert_eq!(exceptions, 1);
}

#[test]
fn dump_shows_every_vector_that_has_an_image() {
    for vector in vectors() {
        let file = vector["file"].as_str().unwrap();
        let no_image = file.contains("magic-flip")
            || file.contains("hdr-magic-v1")
            || file.contains("hdr-magic-erased")
            || file.contains("trunc-header");
        let run = image(&vectors_directory(), &["dump", "--json", file]);
        assert_eq!(run.status, i32::from(no_image), "{file}: {run:?}");
        assert_eq!(
            image(&vectors_directory(), &["dump", file]).status,
            i32::from(no_image)
        );
        let Some(header) = vector.get("header").filter(|_| !no_image) else {
            continue;
        };
        let shown: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(shown["header"]["header_size"], header["hdr_size"], "{file}");
        assert_eq!(
            shown["header"]["payload_size"], header["img_size"],
            "{file}"
        );
        assert_eq!(
            shown["header"]["load_address"], header["load_addr"],
            "{file}"
        );
        assert_eq!(shown["header"]["flags"], header["flags"], "{file}");
        assert_eq!(shown["end"], header["end"], "{file}");
        assert_eq!(shown["header"]["problem"], Value::Null, "{file}");
        let tlvs: Vec<_> = shown["tlv_areas"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|area| area["tlvs"].as_array().unwrap())
            .map(|tlv| {
                (
                    format!("{:#06x}", tlv["type"].as_u64().unwrap()),
                    tlv["length"].clone(),
                )
            })
            .collect();
        let expected: Vec<_> = vector["tlvs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tlv| (tlv[1].as_str().unwrap().to_owned(), tlv[2].clone()))
            .collect();
        assert_eq!(tlvs, expected, "{file}");
        // The magic of another alignment is none to the vector's device, but it is there to see.
        let trailer =
            vector["swap"].is_string() && vector["swap"] != "none" || file.contains("m16-in-m8");
        assert_eq!(!shown["trailer"].is_null(), trailer, "{file}");
    }
}

#[test]
fn imgtools_command_lines_make_imgtools_images() {
    let scratch = tempfile::tempdir().unwrap();
    let output = scratch.path().join("out.bin");
    let (mut identical, mut signed) = (0, 0);
    for vector in vectors() {
        let Some((_, line)) = vector["made_by"]
            .as_str()
            .unwrap()
            .split_once("imgtool 2.5.0: sign ")
        else {
            continue;
        };
        // What imgtool does with a P-384 encryption key loses the image.
        if line.contains("--compression") || line.contains("-E keys/enc-p384") {
            continue;
        }
        let file = vector["file"].as_str().unwrap();
        let mut arguments: Vec<String> = std::iter::once("sign")
            .chain(line.split(' '))
            .map(str::to_owned)
            .collect();
        assert_eq!(arguments.pop().as_deref(), Some(file));
        arguments.push(output.to_str().unwrap().to_owned());
        image(&vectors_directory(), &arguments).ok();

        let ours = std::fs::read(&output).unwrap();
        let theirs = std::fs::read(vectors_directory().join(file)).unwrap();
        let plain = vector["enc"] == "none";
        if plain && (vector["sig"] == "ed25519" || vector["sig"] == "none") {
            assert!(ours == theirs, "{file}: other bytes than imgtool's");
            identical += 1;
            continue;
        }
        // ECDSA and PSS signatures differ each time; all before the signature must not.
        let number = |at: usize, len: usize| {
            theirs[at..at + len]
                .iter()
                .rev()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte))
        };
        let (header_end, protected, payload) = (number(8, 2), number(10, 2), number(12, 4));
        let end = header_end + payload + protected;
        let same_payload = plain || line.contains("-c ") || line.contains("--clear");
        assert!(
            ours[..header_end] == theirs[..header_end]
                && (!same_payload || ours[..end] == theirs[..end])
                && ours[end - protected..end] == theirs[end - protected..end],
            "{file}: other signed bytes than imgtool's"
        );

        let mut arguments = vec!["verify".to_owned()];
        arguments.extend(device(&vector));
        arguments.push(output.to_str().unwrap().to_owned());
        let run = image(&vectors_directory(), &arguments);
        assert_eq!(
            run.status == 0,
            vector["expect"] == "accept",
            "{file}: {run:?}"
        );
        signed += 1;
    }
    assert!(
        identical >= 7 && signed >= 40,
        "{identical} identical, {signed} signed"
    );
}
