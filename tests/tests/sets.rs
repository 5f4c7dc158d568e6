//! A set of images on AN521: power is cut between the marks of its two images, at the very store into flash.
//!
//! QEMU stops where a word of the PSRAM is written (a watchpoint through its debugger's socket) and is killed there;
//! the flash file is what the device wakes up with.

use ironroot_qemu::{Qemu, Run};
use ironroot_tests::{Device, Firmware, ironroot, keys};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Orders for the demonstration application: accept an update on trial, or leave it.
const ACCEPT: u32 = 0;
const LEAVE: u32 = 1;

/// Where the application looks for its orders: the last page of its memory, secure alias.
const MAILBOX: u32 = 0x381F_F000;

/// Longest run; the machine is emulated and the tests share two processors.
const DEADLINE: Duration = Duration::from_secs(300);

/// Where the processor sees the flash.
const FLASH: u32 = 0x8000_0000;

/// A flag of a trailer, from the end of its slot: MCUboot's layout with 8-byte alignment.
#[derive(Debug, Clone, Copy)]
enum Flag {
    ImageOk = 16 + 8,
    CopyDone = 16 + 16,
}

/// A set flag, and the rest of its unit.
const SET: u32 = 0xffff_ff01;

/// Where a slot of each image ends on the flash: A, then B.
const SECURE_END: [u32; 2] = [0x08_0000, 0x10_0000];

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}

/// How a device updates, as far as these tests go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    RamLoad,
    InPlace,
}

impl Layout {
    /// Where the new image runs from: its number in [`SECURE_END`].
    const fn runs_from(self) -> usize {
        match self {
            Self::RamLoad => 1,
            Self::InPlace => 0,
        }
    }
}

/// A device with the bootloader that its tests are about.
struct Target {
    device: Device,
    bootloader: PathBuf,
}

impl Target {
    fn machine(&self, order: u32) -> Qemu {
        Qemu::an521(&self.bootloader, self.device.flash())
            .word(MAILBOX, order)
            .deadline(DEADLINE)
    }

    fn run(&self, order: u32) -> Run {
        self.machine(order).run().expect("QEMU starts")
    }
}

/// A device that runs version 1 of both images and has version 2 of both staged.
fn staged(firmware: &Firmware, layout: Layout, together: bool) -> Target {
    let device = match layout {
        Layout::RamLoad => Device::unprovisioned(firmware),
        Layout::InPlace => Device::unprovisioned_in_place(firmware),
    };
    let (secure, application) = (keys("secure"), keys("non-secure"));
    let seed = "5a".repeat(32);
    let mut arguments = vec![
        "--key",
        text(&secure),
        "--application-key",
        text(&application),
        "--seed",
        &seed,
    ];
    if together {
        arguments.push("--together");
    }
    device.command(&["provision"], &arguments);
    let (first, second) = match layout {
        Layout::RamLoad => (firmware.secure(), firmware.application("nonsecure")),
        Layout::InPlace => (firmware.in_place("secure"), firmware.in_place("nonsecure")),
    };
    device.install(&first, 0, "a");
    device.install(&second, 1, "a");
    let new = [
        sign(&device, firmware, layout, true),
        sign(&device, firmware, layout, false),
    ];
    let new = new.each_ref().map(|path| text(path));
    device.command(&["update"], &new);
    let bootloader = match layout {
        Layout::RamLoad => firmware.bootloader(),
        Layout::InPlace => firmware.file("bootloader-in-place-sets.elf"),
    };
    Target { device, bootloader }
}

/// Version 2 of an image.
fn sign(device: &Device, firmware: &Firmware, layout: Layout, secure: bool) -> PathBuf {
    let (name, key, record, address, slot) = match secure {
        true => ("secure", "secure", "SPE", "0x10010000", "0x80000"),
        false => ("nonsecure", "non-secure", "NSPE", "0x200000", "0x100000"),
    };
    let option = match layout {
        Layout::RamLoad => "--load-addr",
        Layout::InPlace => "--rom-fixed",
    };
    let out = device.file(&format!("{name}-2.signed"));
    let (key, payload) = (keys(key), firmware.file(&format!("{name}.bin")));
    let output = ironroot(&[
        "image",
        "sign",
        "--key",
        text(&key),
        "--public-key-format",
        "full",
        "--header-size",
        "0x400",
        "--pad-header",
        "--align",
        "4",
        "--version",
        "2.0.0",
        "--security-counter",
        "2",
        "--boot-record",
        record,
        option,
        address,
        "--slot-size",
        slot,
        text(&payload),
        text(&out),
    ]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    out
}

/// QEMU's debugger stub: its packets, as far as they are needed.
struct Debugger(UnixStream);

impl Debugger {
    fn connect(socket: &Path) -> Self {
        let limit = Instant::now() + Duration::from_secs(20);
        loop {
            match UnixStream::connect(socket) {
                Ok(stream) => {
                    let timeout = Some(DEADLINE);
                    stream.set_read_timeout(timeout).expect("a timeout");
                    return Self(stream);
                }
                Err(error) if Instant::now() > limit => panic!("no debugger: {error}"),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    fn byte(&mut self) -> u8 {
        let mut byte = [0];
        self.0.read_exact(&mut byte).expect("the machine answers");
        byte[0]
    }

    /// Sends a command and gives the answer.
    fn ask(&mut self, command: &str) -> String {
        let sum = command.bytes().fold(0_u8, u8::wrapping_add);
        let packet = format!("${command}#{sum:02x}");
        self.0.write_all(packet.as_bytes()).expect("a debugger");
        while self.byte() != b'$' {}
        let mut answer = String::new();
        loop {
            match self.byte() {
                b'#' => break,
                byte => answer.push(char::from(byte)),
            }
        }
        let _ = (self.byte(), self.byte());
        self.0.write_all(b"+").expect("a debugger");
        answer
    }

    fn word(&mut self, address: u32) -> u32 {
        let answer = self.ask(&format!("m{address:x},4"));
        let word = u32::from_str_radix(&answer, 16).expect("four bytes in hexadecimal");
        word.swap_bytes()
    }
}

/// Runs the device until it has set `flag` in the trailer that ends at `end`, and no instruction further.
fn cut_behind(target: &Target, flag: Flag, end: u32) {
    let address = FLASH + end - flag as u32;
    let socket = target.device.file("debugger.sock");
    let _ = std::fs::remove_file(&socket);
    let machine = target
        .machine(ACCEPT)
        .arg("-S")
        .arg("-gdb")
        .arg(format!("unix:{},server=on,wait=off", text(&socket)));
    let session = machine.start().expect("QEMU starts");
    let mut debugger = Debugger::connect(&socket);
    let watched = format!("2,{address:x},4");
    loop {
        assert_eq!(debugger.ask(&format!("Z{watched}")), "OK");
        let stopped = debugger.ask("c");
        assert!(stopped.contains("watch"), "{stopped}");
        // It stops before the store: one instruction more.
        assert_eq!(debugger.ask(&format!("z{watched}")), "OK");
        debugger.ask("s");
        // Erasing the sector goes over it too.
        if debugger.word(address) == SET {
            break;
        }
    }
    let run = session.stop();
    let flash = std::fs::read(target.device.flash()).expect("the flash file");
    let at = (end - flag as u32) as usize;
    assert_eq!(flash[at..at + 4], SET.to_le_bytes(), "{run}");
}

/// Versions of both images, as the secure world told.
fn versions(run: &Run) -> [String; 2] {
    ["secure", "non-secure"].map(|image| {
        let told = run.after(&format!("app: firmware: {image} "));
        let told = told.unwrap_or_else(|| panic!("{run}"));
        told.split(',').next().unwrap_or_default().to_owned()
    })
}

fn both(version: &str) -> [String; 2] {
    [version.to_owned(), version.to_owned()]
}

fn between_confirmations(firmware: &Firmware, layout: Layout) {
    let target = staged(firmware, layout, true);
    cut_behind(&target, Flag::ImageOk, SECURE_END[layout.runs_from()]);
    for _ in 0..2 {
        let run = target.run(LEAVE);
        assert!(run.succeeded(), "{run}");
        assert_eq!(versions(&run), both("2.0.0"), "{run}");
        assert!(!run.has("app: update: not accepted"), "{run}");
    }
}

#[test]
fn a_cut_between_two_confirmations_keeps_both_images() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    between_confirmations(&firmware, Layout::RamLoad);
}

#[test]
fn a_cut_between_two_confirmations_keeps_both_images_where_they_run_in_place() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    between_confirmations(&firmware, Layout::InPlace);
}

#[test]
fn a_cut_between_the_marks_of_two_trials_takes_both_back() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let target = staged(&firmware, Layout::RamLoad, true);
    cut_behind(&target, Flag::CopyDone, SECURE_END[1]);
    for _ in 0..2 {
        let run = target.run(ACCEPT);
        assert!(run.succeeded(), "{run}");
        assert_eq!(versions(&run), both("1.0.0"), "{run}");
    }
}

/// What the record is for: the same cut without it.
#[test]
fn without_the_record_the_cut_leaves_one_boot_with_one_image_of_each_version() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let target = staged(&firmware, Layout::RamLoad, false);
    cut_behind(&target, Flag::ImageOk, SECURE_END[1]);
    let run = target.run(LEAVE);
    assert_eq!(versions(&run), ["2.0.0", "1.0.0"], "{run}");
    // The decision was stored, and is carried out one boot later.
    let run = target.run(LEAVE);
    assert_eq!(versions(&run), both("2.0.0"), "{run}");
}

#[test]
fn a_set_that_is_not_accepted_goes_back_and_one_that_is_stays() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let target = staged(&firmware, Layout::RamLoad, true);
    for (order, version) in [(LEAVE, "2.0.0"), (LEAVE, "1.0.0"), (LEAVE, "1.0.0")] {
        assert_eq!(versions(&target.run(order)), both(version));
    }
    let target = staged(&firmware, Layout::RamLoad, true);
    for order in [ACCEPT, LEAVE, LEAVE] {
        let run = target.run(order);
        assert_eq!(versions(&run), both("2.0.0"), "{run}");
    }
    assert!(target.run(LEAVE).has("secure slot b: 2.0.0, confirmed"));
}
