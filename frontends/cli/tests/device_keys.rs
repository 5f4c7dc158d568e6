//! Devices with several root keys: what is provisioned, what is refused, what is revoked.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        for (kind, file) in [
            ("ecdsa-p256", "a.pem"),
            ("ecdsa-p256", "b.pem"),
            ("lms-h5-w4", "lms.pem"),
            ("ecdsa-p384", "p384.pem"),
        ] {
            bench.ok(&["image", "keygen", "-t", kind, "-k", file]);
        }
        std::fs::write(bench.path().join("payload"), [0x5a; 5000]).unwrap();
        bench.ok(&["device", "new", "dev", "--board", "an521"]);
        bench
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_ironroot"))
            .args(arguments)
            .current_dir(self.path())
            .output()
            .unwrap()
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn fails(&self, arguments: &[&str], words: &str) {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(errors.contains(words), "{arguments:?}: {errors}");
    }

    fn provision(&self, keys: &[&str], require: &str) -> Vec<String> {
        let mut words = vec!["device", "provision", "dev", "--require", require];
        for key in keys {
            words.extend(["--key", key]);
        }
        words.into_iter().map(ToOwned::to_owned).collect()
    }

    /// Both images, version `version`, by these keys, into a slot.
    fn install(&self, version: &str, slot: &str, keys: &[&str]) {
        for (image, address, size) in [
            ("0", "0x10010000", "0x80000"),
            ("1", "0x200000", "0x100000"),
        ] {
            let (first, more) = keys.split_first().unwrap();
            let words = "image sign --public-key-format full -H 0x400 --pad-header --align 4 -s 1";
            let mut words: Vec<&str> = words.split_whitespace().collect();
            words.extend(["-k", first, "-v", version, "-L", address, "-S", size]);
            words.extend(["--boot-record", if image == "0" { "SPE" } else { "NSPE" }]);
            words.extend(["payload", "image"]);
            self.ok(&words);
            for key in more {
                self.ok(&["image", "add-signature", "--key", key, "image", "image"]);
            }
            self.ok(&[
                "device", "install", "dev", "image", "--image", image, "--slot", slot,
            ]);
        }
    }

    fn facts(&self) -> Value {
        let file = std::fs::read(self.path().join("dev.json")).unwrap();
        serde_json::from_slice(&file).unwrap()
    }
}

fn words(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[test]
fn a_set_of_keys_is_provisioned_and_shown() {
    let bench = Bench::new();
    let arguments = bench.provision(&["a.pem", "b.pem", "lms.pem"], "each-type");
    bench.ok(&words(&arguments));
    let facts = bench.facts();
    for image in 0..2 {
        let keys = &facts["root_keys"][image];
        assert_eq!(keys["required"], "each-type");
        assert_eq!(keys["keys"].as_array().unwrap().len(), 3);
        assert_eq!(keys["keys"][2]["scheme"], "lms/sha256");
        assert_eq!(keys["keys"][0]["revoked"], false);
        let hash = bench.ok(&["image", "getpubhash", "-k", "lms.pem", "-e", "hex"]);
        assert_eq!(keys["keys"][2]["key_hash"], hash.trim());
    }
    let info = bench.ok(&["device", "info", "dev"]);
    assert!(
        info.contains("keys that must have signed: each-type"),
        "{info}"
    );
}

#[test]
fn sets_that_no_image_can_satisfy_are_refused_before_anything_is_written() {
    let bench = Bench::new();
    for (keys, require) in [(&["a.pem", "b.pem"][..], "3"), (&["a.pem", "a.pem"], "any")] {
        let arguments = bench.provision(keys, require);
        bench.fails(&words(&arguments), "cannot sign one image together");
    }
    let five = ["a.pem", "b.pem", "lms.pem", "a.pem", "b.pem"];
    let arguments = bench.provision(&five, "any");
    bench.fails(&words(&arguments), "at most 4 keys");
    for wrong in ["0", "none", "-1", "256"] {
        let arguments = bench.provision(&["a.pem"], wrong);
        assert_eq!(
            bench.run(&words(&arguments)).status.code(),
            Some(2),
            "{wrong}"
        );
    }
    let info = bench.ok(&["device", "info", "dev"]);
    assert!(info.contains("not provisioned"), "{info}");
}

#[test]
fn images_are_taken_by_as_many_keys_as_are_required() {
    let bench = Bench::new();
    let arguments = bench.provision(&["a.pem", "b.pem", "lms.pem"], "2");
    bench.ok(&words(&arguments));
    bench.install("1.0.0", "a", &["b.pem", "lms.pem"]);
    bench.install("2.0.0", "b", &["a.pem", "b.pem", "lms.pem"]);
    let words = "image sign --public-key-format full -H 0x400 --pad-header --align 4 -s 1 -k a.pem -v 3 \
                 -L 0x200000 -S 0x100000 --boot-record NSPE payload image";
    bench.ok(&words.split_whitespace().collect::<Vec<_>>());
    let install = [
        "device", "install", "dev", "image", "--image", "1", "--slot", "a",
    ];
    bench.fails(&install, "too few of the trusted keys signed it");
}

#[test]
fn keys_are_revoked_when_nothing_that_is_installed_needs_them() {
    let bench = Bench::new();
    let arguments = bench.provision(&["a.pem", "b.pem"], "any");
    bench.ok(&words(&arguments));
    bench.install("1.0.0", "a", &["a.pem"]);
    let revoke = |key| ["device", "revoke-key", "dev", "--key", key];
    bench.fails(
        &revoke("a.pem"),
        "not signed by the root keys that would be left",
    );
    bench.fails(&revoke("lms.pem"), "does not have this key");
    bench.fails(
        &[
            "device",
            "revoke-key",
            "dev",
            "--key",
            "a.pem",
            "--key",
            "b.pem",
        ],
        "too few root keys would be left",
    );
    assert_eq!(bench.facts()["root_keys"][0]["keys"][0]["revoked"], false);
    bench.install("2.0.0", "b", &["b.pem"]);
    let done = bench.ok(&revoke("a.pem"));
    assert!(done.contains("revoked for image 1: key 0"), "{done}");
    let facts = bench.facts();
    assert_eq!(facts["root_keys"][0]["keys"][0]["revoked"], true);
    assert_eq!(facts["root_keys"][1]["keys"][1]["revoked"], false);
    let info = bench.ok(&["device", "info", "dev"]);
    assert!(info.contains("signed, but only by revoked keys"), "{info}");
    assert!(info.contains("(revoked)"), "{info}");
    // Again is settled already; the other one is the last.
    bench.ok(&revoke("a.pem"));
    bench.fails(&revoke("b.pem"), "too few root keys would be left");
}
