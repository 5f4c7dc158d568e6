//! A device that demands a classical and a post-quantum signature: ECDSA P-256 and LMS.

use ironroot_qemu::{Qemu, Run};
use ironroot_tests::{Device, Firmware, ironroot, keys};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(120);

/// The application's slots.
const SLOT_A: Range<usize> = 0x10_0000..0x20_0000;
const SLOT_B: Range<usize> = 0x20_0000..0x30_0000;
/// The end of a slot that says what is confirmed.
const TRAILER: usize = 64;

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}

fn command(arguments: &[&str]) {
    let output = ironroot(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
}

struct Bench {
    device: Device,
    firmware: Firmware,
    lms: PathBuf,
}

impl Bench {
    /// A device with both images by both keys.
    fn new() -> Option<Self> {
        let firmware = Firmware::product()?;
        let device = Device::unprovisioned(&firmware);
        let lms = device.file("lms.pem");
        command(&["image", "keygen", "-t", "lms-h5-w8", "-k", text(&lms)]);
        let bench = Self {
            device,
            firmware,
            lms,
        };
        let (secure, application) = (keys("secure"), keys("non-secure"));
        let words = [
            ["--key", text(&secure)],
            ["--key", text(&bench.lms)],
            ["--application-key", text(&application)],
            ["--application-key", text(&bench.lms)],
            ["--require", "each-type"],
        ];
        bench.device.command(&["provision"], words.as_flattened());
        let secure = bench.with_lms(&bench.firmware.secure(), "secure.img");
        bench.device.install(&secure, 0, "a");
        let application = bench.firmware.application("nonsecure");
        let application = bench.with_lms(&application, "application.img");
        bench.device.install(&application, 1, "a");
        Some(bench)
    }

    fn with_lms(&self, image: &Path, name: &str) -> PathBuf {
        let out = self.device.file(name);
        let key = text(&self.lms);
        command(&[
            "image",
            "add-signature",
            "--key",
            key,
            text(image),
            text(&out),
        ]);
        out
    }

    /// Version 2.0.0 of the application, signed by its P-256 key or another alone.
    fn second(&self, key: &Path) -> PathBuf {
        let out = self.device.file("second.img");
        let words = "image sign --public-key-format full --header-size 0x400 --pad-header --align 4 \
                     --security-counter 1 --load-addr 0x200000 --slot-size 0x100000 --version 2.0.0";
        let mut arguments: Vec<&str> = words.split_whitespace().collect();
        let payload = self.firmware.file("nonsecure.bin");
        arguments.extend(["--key", text(key), text(&payload), text(&out)]);
        command(&arguments);
        out
    }

    /// Puts an image into slot B as somebody does who owns the flash: marked as confirmed.
    fn force(&self, image: &Path) {
        let mut flash = fs::read(self.device.flash()).unwrap();
        let image = fs::read(image).unwrap();
        let trailer = flash[SLOT_A][SLOT_A.len() - TRAILER..].to_vec();
        let slot = &mut flash[SLOT_B];
        slot.fill(0xff);
        slot[..image.len()].copy_from_slice(&image);
        let end = slot.len() - TRAILER;
        slot[end..].copy_from_slice(&trailer);
        fs::write(self.device.flash(), flash).unwrap();
    }

    fn run(&self) -> Run {
        let bootloader = self.firmware.file("bootloader-hybrid.elf");
        let machine = Qemu::an521(bootloader, self.device.flash()).deadline(DEADLINE);
        machine.run().expect("QEMU starts")
    }

    #[track_caller]
    fn runs(&self, version: &str, refused: Option<&str>) {
        let run = self.run();
        let found = run.after("app: firmware: non-secure ").unwrap_or("none");
        assert_eq!(found, format!("{version}, confirmed"), "{run:?}");
        let words = run.after("boot: non-secure slot b refused: ");
        assert_eq!(words, refused, "{run:?}");
    }
}

#[test]
fn a_hybrid_device_starts_what_both_keys_signed_and_nothing_that_one_did() {
    let Some(bench) = Bench::new() else { return };
    bench.runs("1.0.0", None);
    let too_few = Some("too few of the trusted keys signed it");
    let application = keys("non-secure");
    for key in [&application, &bench.lms] {
        let alone = bench.second(key);
        bench.force(&alone);
        bench.runs("1.0.0", too_few);
    }
    let alone = bench.second(&application);
    let both = bench.with_lms(&alone, "both.img");
    bench.force(&both);
    bench.runs("2.0.0", None);
    // One bit of the LMS signature, which is the last thing in the image.
    let mut broken = fs::read(&both).unwrap();
    *broken.last_mut().unwrap() ^= 1;
    fs::write(&both, broken).unwrap();
    bench.force(&both);
    bench.runs(
        "1.0.0",
        Some("the signature under a trusted key is invalid"),
    );
}
