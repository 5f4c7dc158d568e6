//! AN521's second layout: images run from code SSRAM, updates are swapped in by offset.

use ironroot_boot::install::SwapOffset;
use ironroot_boot::install::layout::TrailerLayout;
use ironroot_boot::install::method::Method as _;
use ironroot_boot::{Area, Image, Slot, UpdateLayout, UpdateMode, flash_map};
use ironroot_qemu::Run;
use ironroot_tests::{Device, Firmware, ironroot, keys};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Orders for the demonstration application: accept an update on trial, or leave it.
const ACCEPT: u32 = 0;
const LEAVE: u32 = 1;

/// Sectors of an image that is made long, so that a cut finds it half-way.
const LONG: usize = 240;
const SECTOR: usize = 4096;

fn area(image: Image, slot: Slot) -> Area {
    flash_map::AN521.slot(image, slot)
}

/// What a candidate is signed with.
struct Candidate<'a> {
    version: &'a str,
    counter: &'a str,
    /// By the development key, if nobody else.
    key: Option<&'a Path>,
    /// Bytes of its payload, at least those of the application.
    length: usize,
}

impl Candidate<'_> {
    const NEXT: Self = Self {
        version: "2.0.0",
        counter: "2",
        key: None,
        length: 0,
    };

    fn sign(&self, device: &Device, firmware: &Firmware) -> PathBuf {
        let name = format!("{}-{}-{}", self.version, self.counter, self.length);
        let (payload, out) = (device.file("payload.bin"), device.file(&name));
        let mut bytes = std::fs::read(firmware.file("nonsecure.bin")).expect("the application");
        // Sectors that are alike would not be moved.
        let mut state = self.length as u32 | 1;
        while bytes.len() < self.length {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            bytes.push((state >> 24) as u8);
        }
        std::fs::write(&payload, bytes).expect("a file beside the flash");
        let key = self.key.map_or_else(|| keys("non-secure"), Path::to_owned);
        must(&[
            &["image", "sign", "--key", text(&key)],
            &["--public-key-format", "full", "--align", "4"],
            &["--header-size", "0x400", "--pad-header"],
            &["--version", self.version],
            &["--security-counter", self.counter],
            &["--rom-fixed", "0x200000", "--slot-size", "0x100000"],
            &["--boot-record", "NSPE", text(&payload), text(&out)],
        ]);
        out
    }
}

fn must(arguments: &[&[&str]]) {
    let output = ironroot(&arguments.concat());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}

/// The version of the application that ran, as the secure world told it.
fn application(run: &Run) -> &str {
    run.after("app: firmware: non-secure ").unwrap_or("none")
}

fn slot_bytes(device: &Device, image: Image, slot: Slot) -> Vec<u8> {
    let flash = std::fs::read(device.flash()).expect("the flash file");
    let area = area(image, slot);
    flash[area.offset as usize..area.end() as usize].to_vec()
}

/// The bytes of an image in slot A, up to the trailer.
fn primary(device: &Device) -> Vec<u8> {
    let mut bytes = slot_bytes(device, Image::NonSecure, Slot::A);
    bytes.truncate(bytes.len() - SECTOR);
    bytes
}

#[test]
fn images_run_where_they_lie() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let device = Device::in_place(&firmware, "nonsecure");
    for start in 1..=2 {
        let run = device.run(ACCEPT, 0);
        assert!(run.succeeded(), "{run}");
        assert!(run.has("boot: secure slot a: 1.0.0 verified"), "{run}");
        assert!(run.has("boot: non-secure slot a: 1.0.0 verified"), "{run}");
        assert_eq!(application(&run), "1.0.0, confirmed");
        assert!(run.has(&format!("its: start number {start},")), "{run}");
    }
    let info = device.command(&["info"], &[]);
    assert!(info.contains("updates by swap-offset"), "{info}");
}

#[test]
fn an_update_is_swapped_in_on_trial_and_back_unless_it_is_accepted() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let device = Device::in_place(&firmware, "nonsecure");
    assert_eq!(application(&device.run(ACCEPT, 0)), "1.0.0, confirmed");
    let before = primary(&device);
    device.update(&Candidate::NEXT.sign(&device, &firmware), 1);
    assert_eq!(
        primary(&device),
        before,
        "only the bootloader moves sectors"
    );

    let run = device.run(LEAVE, 0);
    assert!(run.has("boot: non-secure: installing for a trial"), "{run}");
    assert_eq!(application(&run), "2.0.0, on trial");
    assert!(
        !run.has("counter raised"),
        "a trial raises no counter: {run}"
    );
    assert_ne!(primary(&device), before);

    let run = device.run(LEAVE, 0);
    assert!(run.has("boot: non-secure: going back"), "{run}");
    assert!(!run.has("counter raised"), "{run}");
    assert_eq!(application(&run), "1.0.0, confirmed");
    assert_eq!(primary(&device), before, "a revert is exact");
    assert_eq!(application(&device.run(LEAVE, 0)), "1.0.0, confirmed");

    device.update(&Candidate::NEXT.sign(&device, &firmware), 1);
    let run = device.run(ACCEPT, 0);
    assert_eq!(application(&run), "2.0.0, on trial");
    assert!(!run.has("counter raised"), "{run}");
    let run = device.run(LEAVE, 0);
    assert!(run.has("boot: non-secure counter raised to 2"), "{run}");
    assert_eq!(application(&run), "2.0.0, confirmed");
    assert_eq!(application(&device.run(LEAVE, 0)), "2.0.0, confirmed");
}

#[test]
fn a_secure_image_is_updated_the_same_way() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let device = Device::in_place(&firmware, "nonsecure");
    let (key, out) = (keys("secure"), device.file("secure-2"));
    let payload = firmware.file("secure.bin");
    must(&[
        &["image", "sign", "--key", text(&key)],
        &["--public-key-format", "full", "--align", "4"],
        &["--header-size", "0x400", "--pad-header"],
        &["--version", "2.0.0", "--security-counter", "2"],
        &["--rom-fixed", "0x10010000", "--slot-size", "0x80000"],
        &["--boot-record", "SPE", text(&payload), text(&out)],
    ]);
    device.update(&out, 0);
    let run = device.run(LEAVE, 0);
    assert!(run.has("boot: secure slot a: 2.0.0 verified"), "{run}");
    assert!(run.has("boot: secure slot a: trial begins"), "{run}");
    let run = device.run(ACCEPT, 0);
    assert!(run.has("boot: secure: going back"), "{run}");
    assert!(run.has("boot: secure slot a: 1.0.0 verified"), "{run}");
    assert_eq!(application(&run), "1.0.0, confirmed");
}

#[test]
fn a_candidate_that_is_not_acceptable_never_touches_what_runs() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let device = Device::in_place(&firmware, "nonsecure");
    let thief = device.file("thief.pem");
    let made = [
        "image",
        "keygen",
        "--type",
        "ecdsa-p256",
        "--key",
        text(&thief),
    ];
    must(&[&made]);
    let higher = Candidate {
        counter: "5",
        ..Candidate::NEXT
    };
    device.update(&higher.sign(&device, &firmware), 1);
    assert_eq!(application(&device.run(ACCEPT, 0)), "2.0.0, on trial");
    assert!(device.run(ACCEPT, 0).has("counter raised to 5"));
    let before = primary(&device);

    let forced = |candidate: &Candidate<'_>| {
        let file = candidate.sign(&device, &firmware);
        let arguments = [text(&file), "--image", "1", "--force"];
        device.command(&["update"], &arguments);
    };
    let foreign = Candidate {
        version: "3.0.0",
        counter: "9",
        key: Some(&thief),
        length: 0,
    };
    let rollback = Candidate {
        version: "9.0.0",
        counter: "4",
        ..Candidate::NEXT
    };
    let altered = Candidate {
        version: "4.0.0",
        counter: "9",
        ..Candidate::NEXT
    };
    let layout = UpdateLayout::new(UpdateMode::SwapOffset, &flash_map::AN521);
    let candidate = layout.candidate_area(Image::NonSecure, Slot::A);
    let candidate = candidate.expect("there is room").offset as usize;
    type Harm<'h> = (&'h str, &'h dyn Fn());
    let cases: [Harm<'_>; 3] = [
        ("key", &|| forced(&foreign)),
        (
            "the security counter is below the device's: a rollback",
            &|| {
                forced(&rollback);
            },
        ),
        (
            "the hash does not match: the image was altered or damaged",
            &|| {
                device.update(&altered.sign(&device, &firmware), 1);
                device.tamper(candidate + 0x400 + 77);
            },
        ),
    ];
    for (reason, harm) in cases {
        harm();
        let run = device.run(ACCEPT, 0);
        let refused = run.after("boot: non-secure slot b refused: ");
        assert!(
            refused.is_some_and(|why| why.contains(reason)),
            "{reason}: {run}"
        );
        assert_eq!(application(&run), "2.0.0, confirmed", "{reason}");
        assert_eq!(primary(&device), before, "{reason}");
        let run = device.run(ACCEPT, 0);
        assert!(!run.has("slot b refused"), "its request is gone: {run}");
    }
}

#[test]
fn an_image_for_another_place_is_refused() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    // The same program, signed for the first layout: to be copied to where it happens to be already.
    let device = Device::in_place(&firmware, "nonsecure");
    let loaded = firmware.application("nonsecure");
    device.command(&["update"], &[text(&loaded), "--image", "1", "--force"]);
    let run = device.run(ACCEPT, 0);
    assert!(run.has("boot: non-secure slot b refused: "), "{run}");
    assert_eq!(application(&run), "1.0.0, confirmed");
}

#[test]
fn nothing_starts_when_slot_a_is_damaged_and_there_is_no_other() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    for (image, name) in [(Image::Secure, "secure"), (Image::NonSecure, "non-secure")] {
        let device = Device::in_place(&firmware, "nonsecure");
        device.tamper(area(image, Slot::A).offset as usize + 0x400);
        let mut session = device.machine(ACCEPT, 0).start().expect("QEMU starts");
        let stopped = session.wait_for("boot: stopped");
        let run = session.stop();
        let wanted = format!("boot: stopped: no acceptable {name} image");
        assert_eq!(stopped.as_deref(), Some(&*wanted), "{run}");
    }
}

/// Pulls the plug when the swap has written status entry number `entry`. The status is in slot A's trailer, and
/// the flash file shows every store of the machine.
fn cut_at(device: &Device, entry: u32) -> Run {
    let slot = area(Image::NonSecure, Slot::A);
    let (geometry, sectors) = (&flash_map::AN521.geometry, 256);
    let trailer = TrailerLayout::new(slot, geometry, SwapOffset::KEPT, sectors);
    let at = trailer.and_then(|trailer| trailer.entry(entry));
    let at = u64::from(slot.offset + at.expect("there are so many"));
    let flash = std::fs::File::open(device.flash()).expect("the flash file");
    let session = device.machine(LEAVE, 0).start().expect("QEMU starts");
    let begun = Instant::now();
    // The status of the swap before may still be there.
    for erased in [true, false] {
        let mut unit = [0; 4];
        while begun.elapsed() < Duration::from_secs(60) {
            flash.read_exact_at(&mut unit, at).expect("the flash file");
            if (unit == [0xff; 4]) == erased {
                break;
            }
        }
    }
    session.stop()
}

#[test]
fn a_swap_goes_on_after_power_cuts_forward_and_back() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let device = Device::in_place(&firmware, "nonsecure");
    let long = Candidate {
        length: LONG * SECTOR,
        ..Candidate::NEXT
    };
    let before = primary(&device);
    device.update(&long.sign(&device, &firmware), 1);
    let mut cuts = 0;
    // Of 480, two for a sector. The plug is out some entries later: the machine and this process share processors.
    let entries = [0, 60, 170, 250];
    for entry in entries {
        let run = cut_at(&device, entry);
        assert!(!run.has("app: "), "cut too late for entry {entry}: {run}");
        cuts += 1;
    }
    let run = device.run(LEAVE, 0);
    let goes_on = "boot: non-secure: installing for a trial goes on";
    assert!(run.has(goes_on), "{run}");
    assert_eq!(application(&run), "2.0.0, on trial");

    for entry in entries {
        let run = cut_at(&device, entry);
        assert!(!run.has("app: "), "cut too late for entry {entry}: {run}");
        cuts += 1;
    }
    let run = device.run(LEAVE, 0);
    assert!(run.has("boot: non-secure: going back goes on"), "{run}");
    assert_eq!(application(&run), "1.0.0, confirmed");
    assert_eq!(primary(&device), before, "a revert is exact");
    println!("{cuts} power cuts in {LONG} sectors forward and back");
}
