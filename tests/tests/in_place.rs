//! AN521's second layout: images run from code SSRAM, updates are swapped in by offset.

use ironroot_boot::{Area, Image, Slot, UpdateLayout, UpdateMode, flash_map};
use ironroot_icount::{Counter, Log, POWER_CUT};
use ironroot_qemu::{End, Qemu, Run, Session};
use ironroot_tests::{Device, Firmware, ironroot, keys};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Orders for the demonstration application: accept an update on trial, or leave it.
const ACCEPT: u32 = 0;
const LEAVE: u32 = 1;

/// Sectors of an image that is made long, and places in its swap where power fails.
const LONG: usize = 30;
const CUTS: u64 = 10;
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
    /// Encrypted for a device with this key.
    encrypt: Option<&'a Path>,
}

impl Candidate<'_> {
    const NEXT: Self = Self {
        version: "2.0.0",
        counter: "2",
        key: None,
        length: 0,
        encrypt: None,
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
        let encrypt = self.encrypt.map(|key| ["--encrypt", text(key)]);
        must(&[
            &["image", "sign", "--key", text(&key)],
            encrypt.as_ref().map_or(&[], |words| &words[..]),
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

/// Version 2.0.0 of the secure image.
fn sign_secure(device: &Device, firmware: &Firmware) -> PathBuf {
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
    out
}

#[test]
fn a_secure_image_is_updated_the_same_way() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let device = Device::in_place(&firmware, "nonsecure");
    let out = sign_secure(&device, &firmware);
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
        ..Candidate::NEXT
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

/// The slots' flash cells, where QEMU maps the file.
const SLOTS: (u32, u32) = (0x8000_0000, 0x8030_0000);

/// A boot whose power fails at store number `cut` to them: in the middle of an erase or of a program, mostly.
/// Gives how many stores there were, if it does not.
fn boot_until(counter: &Counter, device: &Device, cut: Option<u64>) -> (Run, u64) {
    let log = device.file("stores.log");
    let machine = counter.count_stores(device.machine(LEAVE, 0), &log, SLOTS, cut);
    let run = machine.run().expect("QEMU starts");
    if run.end == End::Exit(POWER_CUT) {
        return (run, 0);
    }
    assert!(run.succeeded(), "{run}");
    (run, Log::read(&log).expect("the plugin's log").stores)
}

/// From `start` on, one boot with every cut of `cuts` places spread over it, each followed by one without. Gives the
/// flash of the last one, and how many of those without a cut said `goes_on`.
fn cut_everywhere(
    (counter, device): (&Counter, &Device),
    start: &[u8],
    (cuts, runs, goes_on): (u64, &str, &str),
) -> (Vec<u8>, u32) {
    std::fs::write(device.flash(), start).expect("the flash file");
    let (whole, stores) = boot_until(counter, device, None);
    assert_eq!(application(&whole), runs, "{whole}");
    let wanted = primary(device);
    let mut resumed = 0;
    for place in 0..cuts {
        std::fs::write(device.flash(), start).expect("the flash file");
        let cut = stores * place / cuts + place % 3;
        let (run, _) = boot_until(counter, device, Some(cut));
        assert_eq!(run.end, End::Exit(POWER_CUT), "{run}");
        let run = device.run(LEAVE, 0);
        assert_eq!(application(&run), runs, "cut at store {cut}: {run}");
        assert_eq!(primary(device), wanted, "cut at store {cut}");
        assert!(!run.has("counter raised to 2"), "{run}");
        resumed += u32::from(run.has(goes_on));
    }
    (
        std::fs::read(device.flash()).expect("the flash file"),
        resumed,
    )
}

#[test]
fn a_swap_goes_on_wherever_power_failed_forward_and_back() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let device = Device::in_place(&firmware, "nonsecure");
    let counter = Counter::build(&std::env::temp_dir().join("ironroot-icount"));
    let counter = counter.expect("a C compiler");
    // So that the vault is there, and a boot is a boot.
    assert_eq!(application(&device.run(LEAVE, 0)), "1.0.0, confirmed");
    let before = primary(&device);
    let long = Candidate {
        length: LONG * SECTOR,
        ..Candidate::NEXT
    };
    device.update(&long.sign(&device, &firmware), 1);
    let start = std::fs::read(device.flash()).expect("the flash file");
    let forward = (
        CUTS,
        "2.0.0, on trial",
        "boot: non-secure: installing for a trial goes on",
    );
    let (installed, there) = cut_everywhere((&counter, &device), &start, forward);
    let backward = (
        CUTS,
        "1.0.0, confirmed",
        "boot: non-secure: going back goes on",
    );
    let (_, back) = cut_everywhere((&counter, &device), &installed, backward);
    assert_eq!(primary(&device), before, "a revert is exact");
    println!("{CUTS} power cuts each way in {LONG} sectors; resumed {there} forward, {back} back");
    assert!(there >= 8 && back >= 8, "{there} and {back} of {CUTS}");
}

#[test]
fn an_encrypted_candidate_is_in_the_clear_only_where_it_runs() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = folder.path().join("device.pem");
    must(&[&[
        "image",
        "keygen",
        "--type",
        "ecdsa-p256",
        "--key",
        text(&key),
    ]]);
    let more = ["--decryption-key", text(&key)];
    let device = Device::in_place_with(&firmware, "nonsecure", &more);
    let encrypted = Candidate {
        encrypt: Some(&key),
        length: LONG * SECTOR,
        ..Candidate::NEXT
    };
    let file = encrypted.sign(&device, &firmware);
    let clear = std::fs::read(device.file("payload.bin")).expect("the payload");
    let sealed = std::fs::read(&file).expect("the image");
    let candidate = || {
        let slot = slot_bytes(&device, Image::NonSecure, Slot::B);
        slot[SECTOR..][..sealed.len()].to_vec()
    };
    assert_ne!(sealed[0x400..][..clear.len()], clear);

    device.update(&file, 1);
    assert_eq!(candidate(), sealed);
    let run = device.run(LEAVE, 0);
    assert_eq!(application(&run), "2.0.0, on trial", "{run}");
    assert_eq!(primary(&device)[0x400..][..clear.len()], clear);
    let run = device.run(LEAVE, 0);
    assert_eq!(application(&run), "1.0.0, confirmed", "{run}");
    assert_eq!(candidate(), sealed, "sealed again, bit for bit");
}

/// Where the bootloader looks for the request for its recovery mode: "RCVR", and its inverse.
const REQUEST: u32 = 0x3000_03F8;
const ASKED: u32 = u32::from_le_bytes(*b"RCVR");

/// Starts a machine whose bootloader can recover, with its serial port on a socket; it ends where it would reset.
fn recovering(device: &Device, firmware: &Firmware) -> (Session, String) {
    let path = device.file("serial");
    let bootloader = firmware.file("bootloader-in-place-recovery.elf");
    let machine = Qemu::an521(bootloader, device.flash());
    let machine = machine.word(REQUEST, ASKED).word(REQUEST + 4, !ASKED);
    let machine = machine.no_reboot().deadline(Duration::from_secs(120));
    let serial = format!("unix:{},server=on,wait=off", path.display());
    let session = machine.arg("-serial").arg(serial).start();
    let begun = Instant::now();
    while !path.exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no serial port");
        std::thread::sleep(Duration::from_millis(20));
    }
    let port = format!("unix:{}", path.display());
    (session.expect("QEMU starts"), port)
}

#[test]
fn the_recovery_mode_takes_a_candidate_for_the_swap_and_leaves_slot_a() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let device = Device::in_place(&firmware, "nonsecure");
    let before = primary(&device);
    let file = Candidate::NEXT.sign(&device, &firmware);
    let (session, port) = recovering(&device, &firmware);
    let load = ["device", "load", "--port", &port];
    let refused = ironroot(
        &[
            &load[..],
            &["--ymodem", text(&firmware.file("nonsecure.bin"))],
        ]
        .concat(),
    );
    assert!(!refused.status.success(), "no image at all");
    must(&[&load, &["--ymodem", "--reset", text(&file)]]);
    let _ = session.finish();
    assert_eq!(primary(&device), before);
    let run = device.run(LEAVE, 0);
    assert_eq!(application(&run), "2.0.0, on trial", "{run}");
    let run = device.run(LEAVE, 0);
    assert_eq!(application(&run), "1.0.0, confirmed", "{run}");
}
