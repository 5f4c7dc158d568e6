//! Several signatures from the command line: adding them, judging them, imgtool's opinion; and LMS keys whose
//! leaves must never sign twice.

mod image_support;

use image_support::{Run, image, imgtool, run_imgtool};
use std::fs;
use std::path::Path;

struct Bench(tempfile::TempDir);

impl Bench {
    /// Two P-256 keys, an Ed25519 and an LMS key, and an image signed by the first.
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        for (kind, file) in [
            ("ecdsa-p256", "a.pem"),
            ("ecdsa-p256", "b.pem"),
            ("ed25519", "ed.pem"),
            ("lms-h5-w4", "lms.pem"),
        ] {
            bench.image(&["keygen", "-t", kind, "-k", file]).ok();
        }
        fs::write(bench.path().join("app.bin"), [0x5a; 3000]).unwrap();
        bench
            .image(&[
                "sign",
                "-k",
                "a.pem",
                "-v",
                "1.2.3",
                "-H",
                "0x200",
                "--pad-header",
                "app.bin",
                "a.img",
            ])
            .ok();
        bench
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn image(&self, arguments: &[&str]) -> Run {
        image(self.path(), arguments)
    }

    fn add(&self, key: &str, from: &str, to: &str) -> Run {
        self.image(&["add-signature", "--key", key, from, to])
    }

    fn verify(&self, file: &str, keys: &[&str], more: &[&str]) -> Run {
        let mut words = vec!["verify"];
        for key in keys {
            words.extend(["--key", key]);
        }
        words.extend(more);
        words.push(file);
        self.image(&words)
    }

    fn next_leaf(&self, key: &str) -> u32 {
        let words = self.image(&["lms-state", "--key", key]).ok().stdout;
        let (_, rest) = words.split_once(": ").unwrap();
        rest.split_once(' ').unwrap().0.parse().unwrap()
    }
}

#[track_caller]
fn refused(run: &Run, words: &str) {
    assert_eq!(run.status, 1, "{run:?}");
    assert!(run.stdout.contains(words), "{run:?}");
}

#[test]
fn signatures_are_added_one_after_another_and_judged_together() {
    let bench = Bench::new();
    bench.add("lms.pem", "a.img", "al.img").ok();
    bench.add("b.pem", "al.img", "alb.img").ok();
    bench.add("ed.pem", "alb.img", "all.img").ok();
    let all = ["a.pem", "b.pem", "ed.pem", "lms.pem"];
    for require in ["any", "all", "1", "4", "each-type"] {
        bench.verify("all.img", &all, &["--require", require]).ok();
    }
    let hybrid = ["a.pem", "b.pem", "lms.pem"];
    let each = ["--require", "each-type"];
    bench.verify("al.img", &hybrid, &each).ok();
    refused(
        &bench.verify("a.img", &hybrid, &each),
        "needed: one of each kind",
    );
    refused(
        &bench.verify("a.img", &hybrid, &["--require", "2"]),
        "1 by trusted keys (needed: 2)",
    );
    refused(
        &bench.verify("al.img", &hybrid, &["--require", "all"]),
        "2 by trusted keys (needed: 3)",
    );
    let unknown = bench.verify(
        "all.img",
        &["b.pem", "a.pem", "lms.pem"],
        &["--require", "3"],
    );
    unknown.ok();
    let stranger = bench.verify("a.img", &["b.pem"], &[]);
    refused(
        &stranger,
        "0 by trusted keys (needed: 1), 0 by revoked ones, 1 by unknown ones",
    );
}

#[test]
fn revoked_keys_do_not_count() {
    let bench = Bench::new();
    bench.add("b.pem", "a.img", "ab.img").ok();
    let keys = ["a.pem", "b.pem"];
    bench.verify("ab.img", &keys, &["--revoked", "0"]).ok();
    refused(
        &bench.verify("a.img", &keys, &["--revoked", "0"]),
        "only by revoked keys",
    );
    refused(
        &bench.verify("a.img", &keys, &["--revoked", "0"]),
        "1 by revoked ones",
    );
    bench.verify("a.img", &keys, &["--revoked", "1"]).ok();
}

#[test]
fn a_key_signs_an_image_once_and_costs_no_leaf_when_it_cannot() {
    let bench = Bench::new();
    bench.add("lms.pem", "a.img", "al.img").ok();
    assert_eq!(bench.next_leaf("lms.pem"), 1);
    for (key, file) in [("lms.pem", "al.img"), ("a.pem", "al.img")] {
        let again = bench.add(key, file, "again.img");
        assert_eq!(again.status, 1, "{again:?}");
        assert!(again.stderr.contains("signed it already"), "{again:?}");
    }
    let none = bench.add("lms.pem", "app.bin", "again.img");
    assert_eq!(none.status, 1, "{none:?}");
    assert_eq!(bench.next_leaf("lms.pem"), 1);
    assert!(!bench.path().join("again.img").exists());
}

#[test]
fn keys_that_sign_another_hash_are_told_apart() {
    let bench = Bench::new();
    bench
        .image(&["keygen", "-t", "ecdsa-p384", "-k", "p384.pem"])
        .ok();
    let other = bench.add("p384.pem", "a.img", "x.img");
    assert_eq!(other.status, 2, "{other:?}");
    let mixed = bench.verify("a.img", &["a.pem", "p384.pem"], &[]);
    assert_eq!(mixed.status, 2, "{mixed:?}");
}

#[test]
fn a_signature_finds_room_in_a_padded_slot_and_damages_no_trailer() {
    let bench = Bench::new();
    let slot = ["-S", "0x8000", "--confirm"];
    let mut words = vec![
        "sign",
        "-k",
        "a.pem",
        "-v",
        "1",
        "-H",
        "0x200",
        "--pad-header",
    ];
    words.extend(slot);
    words.extend(["app.bin", "slot.img"]);
    bench.image(&words).ok();
    bench.add("b.pem", "slot.img", "slot2.img").ok();
    let (before, after) = (
        fs::read(bench.path().join("slot.img")).unwrap(),
        fs::read(bench.path().join("slot2.img")).unwrap(),
    );
    assert_eq!(before.len(), after.len());
    assert_eq!(before[0x7000..], after[0x7000..]);
    let both = ["--require", "all", "--slot-size", "0x8000"];
    bench.verify("slot2.img", &["a.pem", "b.pem"], &both).ok();
}

#[test]
fn an_encrypted_image_is_signed_once_more_by_whoever_can_open_it() {
    let bench = Bench::new();
    let opening = |key: &'static str| ["--decryption-key", key];
    let shared = "00112233445566778899aabbccddeeff";
    for kind in ["ecdsa-p256", "x25519"] {
        let file = format!("{kind}.pem");
        bench.image(&["keygen", "-t", kind, "-k", &file]).ok();
    }
    let sign = |device: &str, more: &[&str]| {
        let words = "sign -k a.pem -v 1.2.3 -H 0x200 --pad-header -E";
        let mut words: Vec<&str> = words.split(' ').collect();
        words.push(device);
        words.extend(more);
        words.extend(["app.bin", "e.img"]);
        bench.image(&words).ok();
    };
    let add = |more: &[&str]| {
        let words = ["add-signature", "--key", "lms.pem", "e.img", "more.img"];
        bench.image(&[&words, more].concat())
    };
    let both = |more: &[&str]| {
        let each = ["--require", "each-type"];
        bench.verify("more.img", &["a.pem", "lms.pem"], &[&each, more].concat())
    };
    for device in ["ecdsa-p256.pem", "x25519.pem", shared] {
        sign(device, &[]);
        add(&["--decryption-key", device]).ok();
        both(&["--decryption-key", device]).ok();
        let before = fs::read(bench.path().join("e.img")).unwrap();
        let after = fs::read(bench.path().join("more.img")).unwrap();
        // Only the length of the unprotected area, a few bytes of it, is another: nothing was decrypted.
        assert_eq!(after[..0x200 + 3000], before[..0x200 + 3000]);
        fs::remove_file(bench.path().join("more.img")).unwrap();
    }
    let leaf = bench.next_leaf("lms.pem");
    let not = |run: Run, words: &str| {
        assert_eq!(run.status, 1, "{run:?}");
        assert!(run.stderr.contains(words), "{run:?}");
        assert!(!bench.path().join("more.img").exists());
        assert_eq!(bench.next_leaf("lms.pem"), leaf, "no leaf was spent");
    };
    sign("ecdsa-p256.pem", &[]);
    not(add(&[]), "give --decryption-key");
    not(add(&opening("x25519.pem")), "another scheme");
    not(add(&opening("a.pem")), "another device, or altered");
    let mut altered = fs::read(bench.path().join("e.img")).unwrap();
    altered[0x200 + 1000] ^= 1;
    fs::write(bench.path().join("e.img"), altered).unwrap();
    not(add(&opening("ecdsa-p256.pem")), "hash");
    // In the clear everybody can check the hash.
    sign("ecdsa-p256.pem", &["--clear"]);
    add(&[]).ok();
    both(&["--decryption-key", "ecdsa-p256.pem", "--slot", "primary"]).ok();
}

#[test]
fn imgtool_accepts_images_with_more_signatures_for_its_own_key() {
    let Some(tool) = imgtool() else { return };
    let bench = Bench::new();
    bench.add("lms.pem", "a.img", "al.img").ok();
    bench.add("b.pem", "al.img", "alb.img").ok();
    for key in ["a.pem", "b.pem"] {
        run_imgtool(&tool, bench.path(), &["verify", "-k", key, "alb.img"]).ok();
    }
    // An image that imgtool signed takes ours.
    let sign = [
        "sign",
        "-k",
        "a.pem",
        "-v",
        "1.0.0",
        "-H",
        "0x200",
        "--pad-header",
        "-S",
        "0x8000",
        "app.bin",
        "theirs.img",
    ];
    run_imgtool(&tool, bench.path(), &sign).ok();
    bench.add("lms.pem", "theirs.img", "both.img").ok();
    run_imgtool(&tool, bench.path(), &["verify", "-k", "a.pem", "both.img"]).ok();
    bench
        .verify("both.img", &["a.pem", "lms.pem"], &["--require", "all"])
        .ok();
}

#[test]
fn an_lms_key_signs_images_by_itself_and_counts() {
    let bench = Bench::new();
    let sign = [
        "sign",
        "-k",
        "lms.pem",
        "-v",
        "1",
        "-H",
        "0x20",
        "--pad-header",
        "app.bin",
        "l.img",
    ];
    for leaf in 0..32 {
        assert_eq!(bench.next_leaf("lms.pem"), leaf);
        bench.image(&sign).ok();
    }
    bench.verify("l.img", &["lms.pem"], &[]).ok();
    fs::remove_file(bench.path().join("l.img")).unwrap();
    let spent = bench.image(&sign);
    assert_eq!(spent.status, 1, "{spent:?}");
    assert!(spent.stderr.contains("every leaf has signed"), "{spent:?}");
    assert!(!bench.path().join("l.img").exists());
    // Its public half goes on checking.
    bench
        .image(&["getpub", "-k", "lms.pem", "-e", "pem", "-o", "pub.pem"])
        .ok();
    bench.verify("a.img", &["a.pem", "pub.pem"], &[]).ok();
}

#[cfg(unix)]
#[test]
fn a_copy_of_an_lms_key_is_refused_until_somebody_says_from_where_it_may_sign() {
    let bench = Bench::new();
    let at = |name: &str| bench.path().join(name);
    fs::copy(at("lms.pem"), at("backup.pem")).unwrap();
    bench.add("lms.pem", "a.img", "1.img").ok();
    bench.add("lms.pem", "a.img", "2.img").ok();
    let copy = bench.add("backup.pem", "a.img", "3.img");
    assert_eq!(copy.status, 1, "{copy:?}");
    assert!(copy.stderr.contains("is a copy"), "{copy:?}");
    assert!(!at("3.img").exists());
    // Restored over the original, with its own old state.
    fs::copy(at("backup.pem"), at("lms.pem")).unwrap();
    let restored = bench.add("lms.pem", "a.img", "3.img");
    assert!(restored.stderr.contains("is a copy"), "{restored:?}");
    let adopt = |leaf: &str| bench.image(&["lms-state", "-k", "lms.pem", "--adopt", leaf]);
    assert_eq!(adopt("33").status, 2);
    let adopted = adopt("2").ok();
    assert!(
        adopted.stderr.contains("no leaf of it may sign twice"),
        "{adopted:?}"
    );
    assert_eq!(adopt("1").status, 2, "never back");
    bench.add("lms.pem", "a.img", "3.img").ok();
    assert_eq!(bench.next_leaf("lms.pem"), 3);
    let leaf = |file: &str| {
        let bytes = fs::read(at(file)).unwrap();
        leaf_of(&bytes).to_vec()
    };
    assert_eq!(leaf("1.img"), [0, 0, 0, 0]);
    assert_eq!(leaf("2.img"), [0, 0, 0, 1]);
    assert_eq!(leaf("3.img"), [0, 0, 0, 2]);
}

/// Number of the leaf in an image's last TLV, an LMS signature: behind type, length and the word of HSS. The type
/// also occurs among the bytes of signatures; only the TLV's length ends with the image.
fn leaf_of(image: &[u8]) -> &[u8] {
    let is_last = |at: &usize| {
        let len = u16::from_le_bytes([image[at + 2], image[at + 3]]);
        image[*at..at + 2] == [0xa1, 0x10] && at + 4 + usize::from(len) == image.len()
    };
    let at = (0..image.len() - 12).rev().find(is_last);
    let at = at.expect("the last TLV is an LMS signature");
    &image[at + 8..at + 12]
}

#[cfg(unix)]
#[test]
fn a_key_that_cannot_be_stored_releases_no_signature() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    let keys = bench.path().join("keys");
    fs::create_dir(&keys).unwrap();
    bench
        .image(&["keygen", "-t", "lms-h5-w4", "-k", "keys/lms.pem"])
        .ok();
    // Where the superuser writes anyway: the place of the new file is taken.
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o500)).unwrap();
    let blocked = fs::write(keys.join("probe"), b"").is_err();
    let run = bench.add("keys/lms.pem", "a.img", "x.img");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o700)).unwrap();
    if blocked {
        assert_eq!(run.status, 1, "{run:?}");
        assert!(!bench.path().join("x.img").exists());
        assert_eq!(bench.next_leaf("keys/lms.pem"), 0);
    }
}

#[test]
fn several_programs_at_once_never_take_the_same_leaf() {
    let bench = Bench::new();
    std::thread::scope(|scope| {
        for number in 0..6 {
            let bench = &bench;
            scope.spawn(move || {
                bench.add("lms.pem", "a.img", &format!("{number}.img")).ok();
            });
        }
    });
    let mut leaves: Vec<u8> = (0..6)
        .map(|number| {
            let bytes = fs::read(bench.path().join(format!("{number}.img"))).unwrap();
            leaf_of(&bytes)[3]
        })
        .collect();
    leaves.sort_unstable();
    assert_eq!(leaves, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn lms_keys_take_no_password_and_leave_their_file_in_no_other_form() {
    let bench = Bench::new();
    let run = bench.image(&["keygen", "-t", "lms-h5-w8", "-k", "x.pem", "--password"]);
    assert_eq!(run.status, 2, "{run:?}");
    let warned = bench
        .image(&["keygen", "-t", "lms-h5-w8", "-k", "x.pem"])
        .ok();
    assert!(
        warned.stderr.contains("restore it from a backup"),
        "{warned:?}"
    );
    let exists = bench.image(&["keygen", "-t", "lms-h5-w8", "-k", "x.pem"]);
    assert_eq!(exists.status, 1, "{exists:?}");
}
