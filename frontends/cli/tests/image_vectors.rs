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
        ("p384", _) => vec!["--key".into(), "keys/sign-p256.pub.pem".into()],
        (_, "hw-key") => {
            let run = image(
                &vectors_directory(),
                &["getpubhash", "-e", "hex", "-k", &key],
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
    if sig != "p384" {
        options.extend(["--hash".into(), hash]);
    }
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

#[test]
fn verify_gives_every_vectors_verdict_as_exit_status_and_words() {
    let mut exceptions = 0;
    for vector in vectors() {
        let file = vector["file"].as_str().unwrap();
        let mut arguments = vec!["verify".to_owned()];
        arguments.extend(device(&vector));
        arguments.push(file.to_owned());
        let run = image(&vectors_directory(), &arguments);
        // P-384 and decompression come later: until then such images are refused.
        let later = vector["sig"] == "p384" || vector["needs"] == "decompress";
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
    assert_eq!(exceptions, 4);
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

/// Names that imgtool turns into UUIDs (version 5); we take only the UUID.
const UUIDS: [(&str, &str); 2] = [
    ("example.com", "cfbff0d1-9375-5685-968c-48ce8b15ae17"),
    ("sensor-a", "7343c8b8-95da-55d2-ac65-bd05c7c8b5ec"),
];

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
        if line.contains("--compression") || line.contains("p384") || line.contains("-E ") {
            continue;
        }
        let file = vector["file"].as_str().unwrap();
        let mut arguments: Vec<String> = std::iter::once("sign")
            .chain(line.split(' '))
            .map(|word| {
                let known = UUIDS.iter().find(|(name, _)| *name == word);
                known.map_or(word, |(_, uuid)| *uuid).to_owned()
            })
            .collect();
        assert_eq!(arguments.pop().as_deref(), Some(file));
        arguments.push(output.to_str().unwrap().to_owned());
        image(&vectors_directory(), &arguments).ok();

        let ours = std::fs::read(&output).unwrap();
        let theirs = std::fs::read(vectors_directory().join(file)).unwrap();
        if vector["sig"] == "ed25519" || vector["sig"] == "none" {
            assert!(ours == theirs, "{file}: other bytes than imgtool's");
            identical += 1;
            continue;
        }
        // ECDSA and PSS signatures differ each time; all before the signature must not.
        let header = &vector["header"];
        let number = |name: &str| header[name].as_u64().unwrap() as usize;
        let end = number("hdr_size") + number("img_size") + number("protect_tlv_size");
        assert!(
            ours[..end] == theirs[..end],
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
