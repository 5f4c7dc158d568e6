//! No single skipped instruction of the bootloader starts an image that must not start.
//!
//! What a glitch on the supply does most often is that one instruction is not carried out. The test leaves out one
//! executed instruction of the decision window at a time (`skips/skip.py`, on an emulated processor) while the
//! only secure image on the device is altered, forged, or too old.
//!
//! A normal run takes every eighth address of the product's bootloader once, and every 32nd of the others;
//! `IRONROOT_SKIPS=addresses` takes each address once (an hour), `IRONROOT_SKIPS=all` every executed instruction
//! (a day). `skips/README.md` has what was found and the counts of the last full run.

use ironroot_tests::{Device, Firmware, ironroot};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Address of an image's place, its slot's size, and its number.
struct Place {
    number: u8,
    address: u32,
    slot: &'static str,
    flash: usize,
}

const SECURE: Place = Place {
    number: 0,
    address: 0x1001_0000,
    slot: "0x80000",
    flash: 0,
};
const NON_SECURE: Place = Place {
    number: 1,
    address: 0x20_0000,
    slot: "0x100000",
    flash: 0x10_0000,
};

/// A bootloader, and the keys whose signatures its device demands: all of them.
#[derive(Clone, Copy)]
struct Bootloader {
    name: &'static str,
    file: &'static str,
    keys: &'static [&'static str],
    /// Whether images run where they lie.
    in_place: bool,
    /// A normal run takes one address of so many.
    share: &'static str,
}

const BOOTLOADERS: [Bootloader; 5] = [
    Bootloader {
        name: "product",
        file: "bootloader.elf",
        keys: &["ecdsa-p256"],
        in_place: false,
        share: "8",
    },
    Bootloader {
        name: "p256",
        file: "../bootloaders/p256.elf",
        keys: &["ecdsa-p256"],
        in_place: false,
        share: "32",
    },
    Bootloader {
        name: "in-place",
        file: "bootloader-in-place.elf",
        keys: &["ecdsa-p256"],
        in_place: true,
        share: "8",
    },
    Bootloader {
        name: "ed25519",
        file: "../bootloaders/ed25519.elf",
        keys: &["ed25519"],
        in_place: false,
        share: "32",
    },
    Bootloader {
        name: "hybrid",
        file: "../bootloaders/p256-lms.elf",
        keys: &["ecdsa-p256", "lms-h5-w8"],
        in_place: false,
        share: "32",
    },
];

/// A device with small images of its own: less to copy and to hash in each of a thousand runs.
struct Target {
    device: Device,
    bootloader: Bootloader,
    elf: PathBuf,
    python: PathBuf,
}

impl Target {
    /// One for each bootloader; none where the test cannot run.
    fn all() -> impl Iterator<Item = Self> {
        let only = env::var("IRONROOT_SKIPS_BOOTLOADER").ok();
        BOOTLOADERS
            .into_iter()
            .filter(move |bootloader| only.as_deref().is_none_or(|only| only == bootloader.name))
            .map_while(Self::new)
    }

    fn new(bootloader: Bootloader) -> Option<Self> {
        let firmware = Firmware::product()?;
        let python = env::var_os("IRONROOT_PYTHON").map(PathBuf::from);
        let python = python.filter(|python| has_unicorn(python));
        if python.is_none() {
            eprintln!("skipped: no Python with unicorn; `cargo xtask test` installs it");
        }
        let target = Self {
            device: match bootloader.in_place {
                true => Device::unprovisioned_in_place(&firmware),
                false => Device::unprovisioned(&firmware),
            },
            elf: firmware.file(bootloader.file),
            bootloader,
            python: python?,
        };
        for owner in ["root", "stranger"] {
            for kind in bootloader.keys {
                let key = target.key(owner, kind);
                command(&["image", "keygen", "-k", text(&key), "-t", kind]);
            }
        }
        let seed = "5a".repeat(32);
        let keys: Vec<_> = target.keys("root").collect();
        let mut arguments = vec!["--seed", &seed];
        for key in &keys {
            arguments.extend(["--key", text(key)]);
        }
        if keys.len() > 1 {
            arguments.extend(["--require", "each-type"]);
        }
        target.device.command(&["provision"], &arguments);
        for place in [SECURE, NON_SECURE] {
            let image = target.sign("root", &place, "2");
            target.device.install(&image, place.number, "a");
        }
        Some(target)
    }

    fn key(&self, owner: &str, kind: &str) -> PathBuf {
        self.device.file(&format!("{owner}-{kind}.pem"))
    }

    fn keys(&self, owner: &str) -> impl Iterator<Item = PathBuf> {
        let kinds = self.bootloader.keys.iter();
        kinds.map(move |kind| self.key(owner, kind))
    }

    /// Signed by all keys of an owner.
    fn sign(&self, owner: &str, place: &Place, counter: &str) -> PathBuf {
        let keys: Vec<_> = self.keys(owner).collect();
        let mut image = self.sign_once(&keys[0], place, counter);
        for (number, key) in keys.iter().enumerate().skip(1) {
            let out = image.with_extension(number.to_string());
            let key = text(key);
            command(&[
                "image",
                "add-signature",
                "-k",
                key,
                text(&image),
                text(&out),
            ]);
            image = out;
        }
        image
    }

    /// A vector table and a few bytes behind it: enough of an image to be started.
    fn sign_once(&self, key: &Path, place: &Place, counter: &str) -> PathBuf {
        let payload = self.device.file("payload.bin");
        let entry = place.address + 0x400 + 0x40 + 1;
        let mut bytes = vec![0xe7; 0xc0];
        bytes[..4].copy_from_slice(&0x3000_1000u32.to_le_bytes());
        bytes[4..8].copy_from_slice(&entry.to_le_bytes());
        std::fs::write(&payload, bytes).expect("a temporary file");
        let out = key.with_extension(format!("{}-{counter}.signed", place.number));
        let options = [
            "--public-key-format",
            "full",
            "--header-size",
            "0x400",
            "--pad-header",
        ];
        let address = format!("{:#x}", place.address);
        let runs_at = match self.bootloader.in_place {
            true => "--rom-fixed",
            false => "--load-addr",
        };
        command(
            &[
                &["image", "sign", "--key", text(key)],
                &options[..],
                &[
                    "--align",
                    "4",
                    "--version",
                    "1.0.0",
                    "--security-counter",
                    counter,
                ],
                &[runs_at, &address, "--slot-size", place.slot],
                &[text(&payload), text(&out)],
            ]
            .concat(),
        );
        out
    }

    /// The flash after one boot: the counters stand where the installed images put them.
    fn booted(&self) -> Vec<u8> {
        let after = self.device.file("after.flash");
        let report = self.skip(
            &self.device.flash(),
            &[
                "--every",
                "0",
                "--expect",
                "started",
                "--save",
                text(&after),
            ],
        );
        assert!(report.contains("without a skip: started"), "{report}");
        std::fs::read(after).expect("the saved flash")
    }

    fn skip(&self, flash: &Path, arguments: &[&str]) -> String {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("skips/skip.py");
        let output = Command::new(&self.python)
            .arg(script)
            .args([&self.elf, &flash.to_path_buf()])
            .args(arguments)
            .output()
            .expect("Python runs");
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{report}{error}");
        report
    }

    /// No skip lets the secure image in `flash` start.
    fn never_starts(&self, name: &str, flash: &[u8]) {
        let file = self.device.file(&format!("{name}.flash"));
        std::fs::write(&file, flash).expect("a temporary file");
        let amount: &[&str] = match env::var("IRONROOT_SKIPS").as_deref() {
            Ok("all") => &["--every", "1", "--progress"],
            Ok("addresses") => &["--each", "1", "--progress"],
            _ => &["--each", "1", "--share", self.bootloader.share],
        };
        println!(
            "{}, {name}: {}",
            self.bootloader.name,
            self.skip(&file, amount)
        );
    }
}

fn has_unicorn(python: &Path) -> bool {
    let mut import = Command::new(python);
    import.args(["-c", "import unicorn, elftools"]);
    import.status().is_ok_and(|status| status.success())
}

fn command(arguments: &[&str]) {
    let output = ironroot(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {error}", arguments.join(" "));
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}

fn replace(flash: &[u8], image: &Path) -> Vec<u8> {
    let image = std::fs::read(image).expect("the signed image");
    let mut flash = flash.to_vec();
    flash[SECURE.flash..SECURE.flash + image.len()].copy_from_slice(&image);
    flash
}

#[test]
fn a_skipped_instruction_does_not_start_an_altered_image() {
    for target in Target::all() {
        let mut flash = target.booted();
        flash[SECURE.flash + 0x440] ^= 1;
        target.never_starts("altered", &flash);
    }
}

#[test]
fn a_skipped_instruction_does_not_start_an_image_signed_by_a_stranger() {
    for target in Target::all() {
        let forged = target.sign("stranger", &SECURE, "2");
        target.never_starts("stranger", &replace(&target.booted(), &forged));
    }
}

#[test]
fn a_skipped_instruction_does_not_start_an_image_with_a_wrong_signature() {
    for target in Target::all() {
        // The signature is the last TLV; eight bytes before its end is the middle of its second number, or of
        // the last node of a hash tree's path.
        let image = target.sign("root", &SECURE, "2");
        let len = std::fs::read(image).expect("the image").len();
        let mut flash = target.booted();
        flash[SECURE.flash + len - 8] ^= 1;
        target.never_starts("wrong signature", &flash);
    }
}

#[test]
fn a_skipped_instruction_does_not_start_an_image_that_was_rolled_back() {
    for target in Target::all() {
        let old = target.sign("root", &SECURE, "1");
        target.never_starts("rolled back", &replace(&target.booted(), &old));
    }
}

#[test]
fn a_skipped_instruction_does_not_start_an_image_that_one_of_two_keys_signed() {
    for target in Target::all() {
        for (number, key) in target.keys("root").enumerate() {
            if target.bootloader.keys.len() > 1 {
                let alone = target.sign_once(&key, &SECURE, "2");
                let name = format!("only key {number}");
                target.never_starts(&name, &replace(&target.booted(), &alone));
            }
        }
    }
}
