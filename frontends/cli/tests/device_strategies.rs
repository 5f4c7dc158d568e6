//! `ironroot device new --strategy`: devices that are off, updated through their own service where their bootloader
//! will look, for every strategy.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

const SECTOR: usize = 4096;
/// The flash map's slots of the non-secure image on AN521.
const AN521_A: usize = 0x10_0000;
const AN521_B: usize = 0x20_0000;

struct Bench(tempfile::TempDir);

impl Bench {
    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, words: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ironroot"));
        command.args(words.split_whitespace());
        command.current_dir(self.path()).output().unwrap()
    }

    fn ok(&self, words: &str) -> String {
        let output = self.run(words);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words}: {errors}");
        String::from_utf8(output.stdout).unwrap() + &errors
    }

    fn fails(&self, words: &str, why: &str) {
        let output = self.run(words);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{words}");
        assert!(errors.contains(why), "{words}: {errors}");
    }

    /// A provisioned device with version 1.0.0 of both images.
    fn new(board: &str, strategy: &str) -> Self {
        let bench = Self(tempfile::tempdir().unwrap());
        let payload: Vec<u8> = (0..10_000_u32).flat_map(u32::to_le_bytes).collect();
        std::fs::write(bench.path().join("payload"), payload).unwrap();
        bench.ok("image keygen --type ecdsa-p256 --key root.pem");
        let made = bench.ok(&format!(
            "device new dev --board {board} --strategy {strategy}"
        ));
        assert!(made.contains(&format!("updates by {strategy}")), "{made}");
        bench.ok("device provision dev --key root.pem");
        for (image, record) in [(0, "SPE"), (1, "NSPE")] {
            let file = bench.signed(record, "1.0.0");
            bench.ok(&format!(
                "device install dev {file} --image {image} --slot a"
            ));
        }
        bench
    }

    fn signed(&self, record: &str, version: &str) -> String {
        let file = format!("{record}-{version}.img");
        self.ok(&format!(
            "image sign --key root.pem --public-key-format full --header-size 0x400 --pad-header --version {version} \
             --security-counter 1 --boot-record {record} payload {file}"
        ));
        file
    }

    fn info(&self) -> Value {
        serde_json::from_str(&self.ok("device info dev --json")).unwrap()
    }

    fn slot(&self, slot: usize) -> Value {
        self.info()["images"][1]["slots"][slot].clone()
    }

    fn flash(&self, range: std::ops::Range<usize>) -> Vec<u8> {
        std::fs::read(self.path().join("dev")).unwrap()[range].to_vec()
    }
}

#[test]
fn a_device_says_how_it_updates_and_a_board_has_what_its_bootloaders_have() {
    let bench = Bench(tempfile::tempdir().unwrap());
    for strategy in ["swap-move", "swap-scratch", "overwrite-only", "direct-xip"] {
        let words = format!("device new other --board an521 --strategy {strategy}");
        bench.fails(&words, "an521 has ram-load and swap-offset");
        assert!(!bench.path().join("other").exists());
    }
    bench.fails(
        "device new other --board host --strategy swap",
        "possible values",
    );
    let help = bench.ok("device new --help");
    assert!(
        help.contains("swap-offset") && help.contains("ram-load"),
        "{help}"
    );

    let bench = Bench::new("an521", "swap-offset");
    assert_eq!(bench.info()["strategy"], "swap-offset");
    std::fs::write(bench.path().join("dev.strategy"), "nonsense").unwrap();
    bench.fails("device info dev", "names no strategy");
}

#[test]
fn a_candidate_goes_a_sector_into_slot_b_and_slot_a_stays() {
    let bench = Bench::new("an521", "swap-offset");
    let slot_a = bench.flash(AN521_A..AN521_B);
    let file = bench.signed("NSPE", "2.0.0");
    bench.ok(&format!("device update dev {file}"));
    let image = std::fs::read(bench.path().join(&file)).unwrap();
    let at = AN521_B + SECTOR;
    assert_eq!(bench.flash(at..at + image.len()), image);
    assert_eq!(
        bench.flash(AN521_B..at),
        [0xff; SECTOR],
        "the swap needs it"
    );
    assert_eq!(bench.flash(AN521_A..AN521_B), slot_a);
    assert_eq!(bench.slot(1)["version"], "2.0.0");
    assert_eq!(bench.slot(1)["standing"], "to be installed and tried next");
    assert_eq!(bench.slot(0)["standing"], "confirmed");

    bench.ok("device update dev --reject");
    assert_ne!(bench.slot(1)["standing"], "to be installed and tried next");
    bench.fails("device update dev --reject", "no update is staged");
}

#[test]
fn an_altered_and_an_older_candidate_are_refused_and_slot_a_stays() {
    let bench = Bench::new("an521", "swap-offset");
    let slot_a = bench.flash(AN521_A..AN521_B);
    let file = bench.signed("NSPE", "2.0.0");
    let mut image = std::fs::read(bench.path().join(&file)).unwrap();
    image[0x5000] ^= 1;
    std::fs::write(bench.path().join("bad.img"), &image).unwrap();
    bench.fails(
        "device update dev bad.img --image 1",
        "the hash does not match",
    );
    assert_ne!(bench.slot(1)["standing"], "to be installed and tried next");
    assert_eq!(bench.flash(AN521_A..AN521_B), slot_a);

    let older = bench.signed("NSPE", "0.9.0");
    bench.fails(
        &format!("device update dev {older}"),
        "it is not newer than the active image",
    );
    assert_eq!(bench.flash(AN521_A..AN521_B), slot_a);
}

#[test]
fn every_strategy_of_the_host_takes_an_update_that_its_bootloader_accepts() {
    for strategy in [
        "ram-load",
        "swap-offset",
        "swap-move",
        "swap-scratch",
        "overwrite-only",
        "direct-xip-revert",
        "direct-xip",
    ] {
        let bench = Bench::new("host", strategy);
        let file = bench.signed("NSPE", "2.0.0");
        bench.ok(&format!("device update dev {file}"));
        assert_eq!(bench.slot(0)["version"], "1.0.0", "{strategy}");
        assert_eq!(bench.slot(1)["version"], "2.0.0", "{strategy}");
        assert_eq!(bench.slot(1)["acceptable"], true, "{strategy}");
    }
}
