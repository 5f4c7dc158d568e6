//! `ironroot device` from the outside: what the files then hold, what is refused, and how.
//!
//! Booting is tested in `firmware/host-device`, which has the programs to boot.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

struct Bench {
    directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("payload"), [0x5a; 5000]).unwrap();
        let bench = Self { directory };
        bench.ok(&[
            "image",
            "keygen",
            "--type",
            "ecdsa-p256",
            "--key",
            "root.pem",
        ]);
        bench.ok(&["image", "keygen", "--type", "ed25519", "--key", "other.pem"]);
        bench
    }

    /// A provisioned device with version 1.0.0 of both images.
    fn with_device(board: &str) -> Self {
        let bench = Self::new();
        bench.ok(&["device", "new", "dev", "--board", board]);
        bench.ok(&["device", "provision", "dev", "--key", "root.pem"]);
        for (image, record) in [("0", "SPE"), ("1", "NSPE")] {
            let file = bench.signed("root.pem", "1.0.0", "1", record);
            bench.ok(&[
                "device", "install", "dev", &file, "--image", image, "--slot", "a",
            ]);
        }
        bench
    }

    fn path(&self) -> &Path {
        self.directory.path()
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

    /// Fails with this status, and the words say why.
    fn fails(&self, status: i32, arguments: &[&str], words: &str) {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(status),
            "{arguments:?}: {errors}"
        );
        assert!(errors.contains(words), "{arguments:?}: {errors}");
    }

    fn signed(&self, key: &str, version: &str, counter: &str, record: &str) -> String {
        let file = format!("{record}-{version}-{key}.img");
        let mut words = vec!["image", "sign", "--key", key, "--public-key-format", "full"];
        words.extend([
            "--header-size",
            "0x400",
            "--pad-header",
            "--version",
            version,
        ]);
        words.extend([
            "--security-counter",
            counter,
            "--boot-record",
            record,
            "payload",
            &file,
        ]);
        self.ok(&words);
        file
    }

    fn info(&self) -> Value {
        serde_json::from_str(&self.ok(&["device", "info", "dev", "--json"])).unwrap()
    }

    fn slot(&self, image: usize, slot: usize) -> Value {
        self.info()["images"][image]["slots"][slot].clone()
    }
}

#[test]
fn a_new_device_is_blank_and_says_so() {
    for board in ["host", "an521"] {
        let bench = Bench::new();
        bench.ok(&["device", "new", "dev", "--board", board]);
        assert_eq!(bench.info()["provisioned"], false);
        assert_eq!(bench.info()["board"], board);
        bench.fails(
            1,
            &["device", "new", "dev", "--board", board],
            "could not make dev",
        );
        let image = bench.signed("root.pem", "1.0.0", "1", "SPE");
        let install = [
            "device", "install", "dev", &image, "--image", "0", "--slot", "a",
        ];
        bench.fails(1, &install, "not provisioned");
    }
}

#[test]
fn an_an521_device_is_the_psram_byte_for_byte() {
    let bench = Bench::with_device("an521");
    let flash = std::fs::read(bench.path().join("dev")).unwrap();
    assert_eq!(flash.len(), 16 << 20);
    let image = std::fs::read(bench.path().join("NSPE-1.0.0-root.pem.img")).unwrap();
    assert_eq!(flash[0x10_0000..0x10_0000 + image.len()], image);
    assert!(flash[0x20_0000..0x30_0000].iter().all(|byte| *byte == 0xff));
    assert_eq!(flash[0xff_0000..0xff_0004], *b"IROT");
}

#[test]
fn provisioning_from_a_seed_repeats_and_without_one_does_not() {
    let key_of = |arguments: &[&str]| {
        let bench = Bench::new();
        bench.ok(&["device", "new", "dev", "--board", "host"]);
        bench.ok(&[
            &["device", "provision", "dev", "--key", "other.pem"],
            arguments,
        ]
        .concat());
        let test_device = bench.info()["test_device"].as_bool().unwrap();
        let pem = std::fs::read_to_string(bench.path().join("dev/attestation-key.pem")).unwrap();
        (pem, test_device)
    };
    let seed = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    let first = key_of(&["--seed", seed]);
    assert_eq!(first, key_of(&["--seed", seed]));
    assert!(
        first.1,
        "a device from a seed says that it is a test device"
    );
    let random = key_of(&[]);
    assert!(random.0 != first.0 && !random.1);
    assert_ne!(random, key_of(&[]));
}

#[test]
fn a_device_is_provisioned_once_and_grows_older_only() {
    let bench = Bench::with_device("host");
    let again = ["device", "provision", "dev", "--key", "root.pem"];
    bench.fails(1, &again, "provisioned already");
    assert_eq!(bench.info()["lifecycle"], "secured");
    bench.ok(&["device", "lifecycle", "dev", "non-psa-rot-debug"]);
    assert_eq!(bench.info()["lifecycle"], "non-psa-rot-debug");
    bench.fails(
        1,
        &["device", "lifecycle", "dev", "secured"],
        "forward only",
    );
    bench.fails(
        2,
        &["device", "lifecycle", "dev", "retired"],
        "not a lifecycle state",
    );
}

#[test]
fn root_keys_of_every_kind_are_taken_and_public_halves_are_enough() {
    for (kind, signing, scheme) in [
        ("ecdsa-p256", "sha256", "p256/sha256"),
        ("ed25519", "sha256", "ed25519/sha256"),
        ("ed25519", "sha512", "ed25519/sha512"),
        ("ed25519", "pure", "ed25519-pure/sha512"),
    ] {
        let bench = Bench::new();
        bench.ok(&["image", "keygen", "--type", kind, "--key", "key.pem"]);
        bench.ok(&[
            "image",
            "getpub",
            "--key",
            "key.pem",
            "--encoding",
            "pem",
            "--output",
            "pub.pem",
        ]);
        bench.ok(&["device", "new", "dev", "--board", "host"]);
        bench.ok(&[
            "device",
            "provision",
            "dev",
            "--key",
            "pub.pem",
            "--signing",
            signing,
        ]);
        let facts = std::fs::read(bench.path().join("dev/device.json")).unwrap();
        let facts: Value = serde_json::from_slice(&facts).unwrap();
        assert_eq!(facts["root_keys"][0]["scheme"], scheme);
    }
    let bench = Bench::new();
    bench.ok(&["device", "new", "dev", "--board", "host"]);
    let wrong = [
        "device",
        "provision",
        "dev",
        "--key",
        "root.pem",
        "--signing",
        "pure",
    ];
    bench.fails(1, &wrong, "do not sign that way");
}

#[test]
fn installed_images_are_confirmed_and_updates_are_on_trial_next() {
    for board in ["host", "an521"] {
        let bench = Bench::with_device(board);
        let installed = bench.slot(1, 0);
        assert_eq!(installed["standing"], "confirmed");
        assert_eq!(
            (&installed["acceptable"], &installed["version"]),
            (&true.into(), &"1.0.0".into())
        );
        assert_eq!(bench.slot(1, 1)["empty"], true);
        // The boot record says which image it is.
        let update = bench.signed("root.pem", "1.1.0", "2", "NSPE");
        bench.ok(&["device", "update", "dev", &update]);
        let updated = bench.slot(1, 1);
        assert_eq!(
            (&updated["standing"], &updated["version"]),
            (&"on trial next".into(), &"1.1.0".into())
        );
        // Another one replaces the one that was not tried yet, not the one that runs.
        let update = bench.signed("root.pem", "1.2.0", "2", "NSPE");
        bench.ok(&["device", "update", "dev", &update]);
        assert_eq!(bench.slot(1, 1)["version"], "1.2.0");
        assert_eq!(bench.slot(1, 0)["version"], "1.0.0");
    }
}

#[test]
fn what_the_device_would_refuse_or_never_choose_is_not_written() {
    let bench = Bench::with_device("host");
    let foreign = bench.signed("other.pem", "2.0.0", "2", "NSPE");
    let update = |file| ["device", "update", "dev", file, "--image", "1"];
    bench.fails(
        1,
        &update(&foreign),
        "the device would refuse this image as non-secure",
    );
    let same = bench.signed("root.pem", "1.0.0", "1", "NSPE");
    bench.fails(1, &update(&same), "not newer");
    bench.fails(1, &update("payload"), "no image");
    bench.fails(1, &update("absent"), "cannot read absent");
    assert_eq!(bench.slot(1, 1)["empty"], true);
    bench.ok(&[
        "device", "update", "dev", &foreign, "--image", "1", "--force",
    ]);
    let forced = bench.slot(1, 1);
    assert_eq!(forced["acceptable"], false);
    assert!(
        forced["reason"]
            .as_str()
            .unwrap()
            .contains("no key this device trusts")
    );
}

#[test]
fn an_image_that_does_not_say_which_it_is_must_be_told() {
    let bench = Bench::with_device("host");
    let update = bench.signed("root.pem", "2.0.0", "2", "MINE");
    bench.fails(1, &["device", "update", "dev", &update], "give --image");
    bench.ok(&["device", "update", "dev", &update, "--image", "non-secure"]);
    assert_eq!(bench.slot(1, 1)["version"], "2.0.0");
}

#[test]
fn an_image_padded_to_the_slot_keeps_its_own_trailer() {
    let bench = Bench::with_device("an521");
    let mut words = vec![
        "image",
        "sign",
        "--key",
        "root.pem",
        "--public-key-format",
        "full",
    ];
    words.extend([
        "--header-size",
        "0x400",
        "--pad-header",
        "--version",
        "3.0.0",
    ]);
    words.extend([
        "--security-counter",
        "3",
        "--align",
        "4",
        "--slot-size",
        "0x100000",
    ]);
    words.extend(["--pad", "payload", "padded.img"]);
    bench.ok(&words);
    bench.ok(&[
        "device",
        "install",
        "dev",
        "padded.img",
        "--image",
        "1",
        "--slot",
        "b",
    ]);
    let slot = bench.slot(1, 1);
    assert_eq!(
        (&slot["version"], &slot["standing"]),
        (&"3.0.0".into(), &"on trial next".into())
    );
}

#[test]
fn an_image_too_large_for_its_slot_is_refused() {
    let bench = Bench::with_device("an521");
    std::fs::write(bench.path().join("payload"), vec![0x5a; 512 * 1024]).unwrap();
    let large = bench.signed("root.pem", "2.0.0", "2", "SPE");
    let install = [
        "device", "install", "dev", &large, "--image", "0", "--slot", "b",
    ];
    bench.fails(1, &install, "refuse");
    bench.fails(
        1,
        &[&install[..], &["--force"]].concat(),
        "beside its trailer",
    );
}

#[test]
fn only_a_trial_that_began_can_be_confirmed() {
    let bench = Bench::with_device("host");
    bench.fails(1, &["device", "confirm", "dev"], "no image is on trial");
    let update = bench.signed("root.pem", "2.0.0", "2", "NSPE");
    bench.ok(&["device", "update", "dev", &update]);
    bench.fails(1, &["device", "confirm", "dev"], "no image is on trial");
}

#[test]
fn a_device_in_use_is_left_alone() {
    let bench = Bench::with_device("host");
    let flash = std::fs::File::open(bench.path().join("dev/flash.bin")).unwrap();
    flash.lock().unwrap();
    bench.fails(1, &["device", "info", "dev"], "in use by another process");
}

#[test]
fn wrong_usage_is_told_apart_from_refusal() {
    let bench = Bench::with_device("host");
    bench.fails(2, &["device", "new", "other"], "--board");
    bench.fails(
        2,
        &[
            "device", "install", "dev", "payload", "--image", "2", "--slot", "a",
        ],
        "not an image",
    );
    bench.fails(
        2,
        &[
            "device", "install", "dev", "payload", "--image", "0", "--slot", "c",
        ],
        "not a slot",
    );
    bench.fails(1, &["device", "info", "absent"], "is no device");
    bench.fails(
        1,
        &["device", "payload", "payload", "out"],
        "no ELF-64 program",
    );
}

#[test]
fn a_device_that_never_ran_has_no_faults_and_looking_leaves_it_as_it_was() {
    let bench = Bench::with_device("an521");
    let before = std::fs::read(bench.path().join("dev")).unwrap();
    assert!(
        bench
            .ok(&["device", "faults", "dev"])
            .starts_with("no faults")
    );
    bench.ok(&["device", "info", "dev"]);
    assert!(std::fs::read(bench.path().join("dev")).unwrap() == before);
}

#[test]
fn an_an521_device_is_not_booted_here() {
    let bench = Bench::with_device("an521");
    bench.fails(1, &["device", "boot", "dev"], "cargo xtask qemu");
}
