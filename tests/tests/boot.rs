//! What starts, what does not, and what the device says about it.

use ironroot_qemu::Run;
use ironroot_tests::{Device, Firmware, imgtool, ironroot, keys};
use std::path::{Path, PathBuf};
use std::process::Command;

/// First byte of the payload of the secure image in slot A, and of the application in slot A and B.
const SECURE_A_PAYLOAD: usize = 0x400;
const APPLICATION_A_PAYLOAD: usize = 0x10_0400;
const APPLICATION_B_PAYLOAD: usize = 0x20_0400;

/// Orders for the demonstration application: accept an update on trial, or leave it.
const ACCEPT: u32 = 0;
const LEAVE: u32 = 1;

/// Signs an application with our tool and gives the file.
fn sign(device: &Device, firmware: &Firmware, version: &str, counter: &str) -> PathBuf {
    let out = device.file(&format!("application-{version}-{counter}.signed"));
    let key = keys("non-secure");
    let arguments = [
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
        version,
        "--security-counter",
        counter,
        "--load-addr",
        "0x200000",
        "--slot-size",
        "0x100000",
    ];
    let payload = firmware.file("nonsecure.bin");
    let output = ironroot(&[&arguments[..], &[text(&payload), text(&out)]].concat());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    out
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}

/// The version of the application that ran, as the secure world told it.
fn application(run: &Run) -> &str {
    run.after("app: firmware: non-secure ").unwrap_or("none")
}

#[test]
fn signed_images_start_and_are_measured() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let run = Device::with(&firmware, "nonsecure").run(ACCEPT, 0);
    assert!(run.succeeded(), "{run}");
    assert!(run.has("boot: secure slot a: 1.0.0 verified"), "{run}");
    assert!(run.has("secure: ready, isolation level 3"), "{run}");
    assert_eq!(application(&run), "1.0.0, confirmed");
}

#[test]
fn an_image_signed_by_imgtool_starts() {
    let (Some(firmware), Some(imgtool)) = (Firmware::product(), imgtool()) else {
        return;
    };
    let device = Device::blank(&firmware);
    device.install(&firmware.secure(), 0, "a");
    let out = device.file("by-imgtool.signed");
    let status = Command::new(imgtool)
        .args([
            "sign",
            "--key",
            text(&keys("non-secure")),
            "--public-key-format",
            "full",
        ])
        .args([
            "--header-size",
            "0x400",
            "--pad-header",
            "--align",
            "4",
            "--version",
            "3.1.4",
        ])
        .args([
            "--security-counter",
            "1",
            "--load-addr",
            "0x200000",
            "--slot-size",
            "0x100000",
        ])
        .args([text(&firmware.file("nonsecure.bin")), text(&out)])
        .status()
        .expect("imgtool runs");
    assert!(status.success());
    device.install(&out, 1, "a");
    let run = device.run(ACCEPT, 0);
    assert!(run.succeeded(), "{run}");
    assert_eq!(application(&run), "3.1.4, confirmed");
}

#[test]
fn a_changed_image_is_refused_with_the_reason_and_the_other_slot_runs() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let device = Device::with(&firmware, "nonsecure");
    device.install(&sign(&device, &firmware, "2.0.0", "1"), 1, "b");
    device.tamper(APPLICATION_B_PAYLOAD);
    let run = device.run(ACCEPT, 0);
    let reason = "the hash does not match: the image was altered or damaged";
    assert!(
        run.has(&format!("boot: non-secure slot b refused: {reason}")),
        "{run}"
    );
    assert_eq!(application(&run), "1.0.0, confirmed");
    // The next boot finds the record in the log, whatever the application did.
    let log = device.command(&["faults"], &[]);
    assert!(log.contains("image refused: non-secure slot b"), "{log}");
}

#[test]
fn nothing_starts_when_no_slot_is_good() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    for (offset, image) in [
        (SECURE_A_PAYLOAD, "secure"),
        (APPLICATION_A_PAYLOAD, "non-secure"),
    ] {
        let device = Device::with(&firmware, "nonsecure");
        device.tamper(offset);
        let mut session = device.machine(ACCEPT, 0).start().expect("QEMU starts");
        let stopped = session.wait_for("boot: stopped");
        let run = session.stop();
        let wanted = format!("boot: stopped: no acceptable {image} image");
        assert_eq!(stopped.as_deref(), Some(&*wanted), "{run}");
        assert!(!run.has("secure: ready"), "{run}");
    }
}

#[test]
fn a_device_that_was_never_provisioned_starts_nothing() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let device = Device::with(&firmware, "nonsecure");
    // What erasing the OTP area would do, could anybody erase it.
    let mut flash = std::fs::read(device.flash()).expect("the flash file");
    flash[0xff_0000..0xff_1000].fill(0xff);
    std::fs::write(device.flash(), flash).expect("the flash file");
    let mut session = device.machine(ACCEPT, 0).start().expect("QEMU starts");
    let stopped = session.wait_for("boot: stopped");
    let run = session.stop();
    assert_eq!(
        stopped.as_deref(),
        Some("boot: stopped: the device is not provisioned"),
        "{run}"
    );
}

#[test]
fn an_update_runs_on_trial_and_stays_only_if_the_application_accepts_it() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let device = Device::with(&firmware, "nonsecure");
    device.update(&sign(&device, &firmware, "2.0.0", "2"), 1);
    let run = device.run(LEAVE, 0);
    assert!(run.has("boot: non-secure slot b: trial begins"), "{run}");
    assert_eq!(application(&run), "2.0.0, on trial");
    assert!(
        !run.has("counter raised to 2"),
        "a trial must not raise the counter: {run}"
    );

    let run = device.run(LEAVE, 0);
    assert!(
        run.has("boot: non-secure slot b refused: its trial boot was not confirmed"),
        "{run}"
    );
    assert_eq!(application(&run), "1.0.0, confirmed");

    device.update(&sign(&device, &firmware, "2.0.1", "2"), 1);
    let run = device.run(ACCEPT, 0);
    assert_eq!(application(&run), "2.0.1, on trial");
    let run = device.run(ACCEPT, 0);
    assert!(run.has("boot: non-secure counter raised to 2"), "{run}");
    assert_eq!(application(&run), "2.0.1, confirmed");
}

#[test]
fn an_image_with_a_lower_security_counter_is_refused_after_a_higher_one_was_accepted() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let device = Device::with(&firmware, "nonsecure");
    device.install(&sign(&device, &firmware, "2.0.0", "7"), 1, "b");
    assert_eq!(application(&device.run(ACCEPT, 0)), "2.0.0, confirmed");
    // A higher version, properly signed, with an old counter: written past the tool's own advice.
    let old = sign(&device, &firmware, "9.0.0", "6");
    let file = text(&old).to_owned();
    device.command(
        &["install"],
        &[&file, "--image", "1", "--slot", "a", "--force"],
    );
    let run = device.run(ACCEPT, 0);
    let reason = "the security counter is below the device's: a rollback";
    assert!(
        run.has(&format!("boot: non-secure slot a refused: {reason}")),
        "{run}"
    );
    assert_eq!(application(&run), "2.0.0, confirmed");
}

#[test]
fn an_image_signed_by_another_key_is_refused() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let device = Device::with(&firmware, "nonsecure");
    let (key, out) = (device.file("thief.pem"), device.file("thief.signed"));
    let made = ironroot(&[
        "image",
        "keygen",
        "--type",
        "ecdsa-p256",
        "--key",
        text(&key),
    ]);
    assert!(made.status.success());
    let payload = firmware.file("nonsecure.bin");
    let signed = ironroot(&[
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
        "8.0.0",
        "--security-counter",
        "1",
        "--load-addr",
        "0x200000",
        "--slot-size",
        "0x100000",
        text(&payload),
        text(&out),
    ]);
    assert!(
        signed.status.success(),
        "{}",
        String::from_utf8_lossy(&signed.stderr)
    );
    device.command(
        &["install"],
        &[text(&out), "--image", "1", "--slot", "b", "--force"],
    );
    let run = device.run(ACCEPT, 0);
    assert!(run.has("boot: non-secure slot b refused: "), "{run}");
    assert_eq!(application(&run), "1.0.0, confirmed");
}

#[test]
fn what_is_stored_survives_a_reset() {
    let Some(firmware) = Firmware::product() else {
        return;
    };
    let device = Device::with(&firmware, "nonsecure");
    assert!(device.run(ACCEPT, 0).has("its: start number 1,"));
    assert!(device.run(ACCEPT, 0).has("its: start number 2,"));
}
