//! QEMU's emulator back end with our swtpm: snapshots in an image, and migration into a file.
//!
//! The machine is halted: what a guest would do to the TPM, the test does over the daemon's own data channel.

use crate::daemon::{Place, Whose};
use crate::{Needs, Test};
use libtest_mimic::Failed;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) const TESTS: &[(&str, Needs, Test)] = &[
    (
        "qemu::savevm_and_loadvm_set_the_tpm_back",
        Needs::Qemu,
        savevm_and_loadvm_set_the_tpm_back,
    ),
    (
        "qemu::a_machine_migrates_through_a_file_with_its_tpm",
        Needs::Qemu,
        a_machine_migrates_through_a_file_with_its_tpm,
    ),
    (
        "qemu::a_machine_migrates_on_storage_that_both_sides_share",
        Needs::Qemu,
        a_machine_migrates_on_storage_that_both_sides_share,
    ),
];

const ORDINARY: u32 = 0x0206_0006;
const INDEX: u32 = 0x0180_0001;
const PATIENCE: Duration = Duration::from_secs(90);

/// A halted machine with a TPM, and its monitor.
struct Machine {
    process: Child,
    monitor: UnixStream,
}

impl Machine {
    fn start(place: &Place, name: &str, control: &str, more: &[&str]) -> Self {
        let monitor = place.path(&format!("{name}.monitor"));
        let mut command = Command::new("qemu-system-x86_64");
        command.args([
            "-accel",
            "tcg",
            "-M",
            "q35",
            "-m",
            "32",
            "-S",
            "-nodefaults",
            "-display",
            "none",
        ]);
        command
            .arg("-chardev")
            .arg(format!("socket,id=c,path={control}"));
        command.args([
            "-tpmdev",
            "emulator,id=t,chardev=c",
            "-device",
            "tpm-crb,tpmdev=t",
        ]);
        command
            .arg("-monitor")
            .arg(format!("unix:{},server=on,wait=off", monitor.display()));
        command.args(more).stdin(Stdio::null());
        let mut process = command.spawn().expect("QEMU starts");
        let end = Instant::now() + PATIENCE;
        let monitor = loop {
            if let Ok(stream) = UnixStream::connect(&monitor) {
                break stream;
            }
            let gone = process.try_wait().expect("a child");
            assert!(gone.is_none() && Instant::now() < end, "no monitor");
            std::thread::sleep(Duration::from_millis(10));
        };
        monitor.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let mut machine = Self { process, monitor };
        machine.answer();
        machine
    }

    /// Everything up to the next prompt.
    fn answer(&mut self) -> String {
        let mut said = Vec::new();
        while !said.ends_with(b"(qemu) ") {
            let mut byte = [0];
            self.monitor
                .read_exact(&mut byte)
                .expect("the monitor answers");
            said.push(byte[0]);
        }
        String::from_utf8_lossy(&said).into_owned()
    }

    fn tell(&mut self, line: &str) -> String {
        writeln!(self.monitor, "{line}").expect("the monitor listens");
        let said = self.answer();
        assert!(!said.contains("Error"), "{line}: {said}");
        said
    }

    /// Until a migration says so.
    fn wait_for(&mut self, line: &str, word: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let said = self.tell(line);
            if said.contains(word) {
                return;
            }
            assert!(!said.contains("failed") && Instant::now() < end, "{said}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn savevm_and_loadvm_set_the_tpm_back() -> Result<(), Failed> {
    let place = Place::new();
    let image = place.text("image");
    let made = Command::new("qemu-img")
        .args(["create", "-q", "-f", "qcow2", &image, "16M"])
        .status()?;
    assert!(made.success());
    let daemon = place.start(Whose::Ours, "state", &[]);
    let drive = format!("if=none,id=d,format=qcow2,file={image}");
    let mut machine = Machine::start(&place, "one", &daemon.control(), &["-drive", &drive]);
    // QEMU has sent INIT; this is the guest's firmware.
    let mut guest = daemon.client();
    guest.startup()?;
    guest.nv_define(INDEX, 8, ORDINARY)?;
    guest.nv_write(INDEX, b"snapshot")?;
    guest.pcr_extend(16, &[7; 32])?;
    let session = guest.policy_session()?;
    guest.policy_pcr(session, &[16])?;
    let before = (guest.pcr_read(&[16])?, guest.policy_digest(session)?);
    machine.tell("savevm one");
    guest.nv_write(INDEX, b"later on")?;
    guest.pcr_extend(16, &[8; 32])?;
    guest.flush(session)?;
    let random = guest.get_random(32)?;
    machine.tell("loadvm one");
    assert_eq!(guest.nv_read(INDEX, 8)?, b"snapshot");
    assert_eq!(guest.pcr_read(&[16])?, before.0);
    assert_eq!(guest.policy_digest(session)?, before.1);
    assert_ne!(guest.get_random(32)?, random);
    // A machine's reset is a TPM reset, not the snapshot again.
    machine.tell("system_reset");
    machine.tell("info tpm");
    guest.startup()?;
    assert_ne!(guest.pcr_read(&[16])?, before.0);
    Ok(())
}

fn a_machine_migrates_through_a_file_with_its_tpm() -> Result<(), Failed> {
    let place = Place::new();
    let file = place.text("migrated");
    let from = place.start(Whose::Ours, "from", &["--terminate"]);
    let mut source = Machine::start(&place, "source", &from.control(), &[]);
    let mut guest = from.client();
    guest.startup()?;
    guest.nv_define(INDEX, 8, ORDINARY)?;
    guest.nv_write(INDEX, b"moved on")?;
    guest.pcr_extend(16, &[7; 32])?;
    let register = guest.pcr_read(&[16])?;
    source.tell(&format!("migrate -d \"exec:cat > {file}\""));
    source.wait_for("info migrate", "completed");
    drop(source);
    let to = place.start(Whose::Ours, "to", &[]);
    let incoming = format!("exec:cat {file}");
    let mut target = Machine::start(&place, "target", &to.control(), &["-incoming", &incoming]);
    target.wait_for("info migrate", "completed");
    let mut guest = to.client();
    assert_eq!(guest.nv_read(INDEX, 8)?, b"moved on");
    assert_eq!(guest.pcr_read(&[16])?, register);
    Ok(())
}

fn a_machine_migrates_on_storage_that_both_sides_share() -> Result<(), Failed> {
    let place = Place::new();
    let outgoing = &["--migration", "release-lock-outgoing"];
    let from = place.start(Whose::Ours, "state", outgoing);
    let mut source = Machine::start(&place, "source", &from.control(), &[]);
    let mut guest = from.client();
    guest.startup()?;
    guest.nv_define(INDEX, 8, ORDINARY)?;
    guest.pcr_extend(16, &[7; 32])?;
    let register = guest.pcr_read(&[16])?;
    // The target is there before the source lets go.
    let incoming = &["--migration", "release-lock-outgoing,incoming"];
    let to = place.start_beside("state", "to", incoming);
    let stream = format!("unix:{}", place.text("stream"));
    let mut target = Machine::start(&place, "target", &to.control(), &["-incoming", &stream]);
    guest.nv_write(INDEX, b"moved on")?;
    source.tell(&format!("migrate -d {stream}"));
    target.wait_for("info migrate", "completed");
    let mut guest = to.client();
    assert_eq!(guest.nv_read(INDEX, 8)?, b"moved on");
    assert_eq!(guest.pcr_read(&[16])?, register);
    guest.nv_write(INDEX, b"and here")?;
    assert!(from.refuses(&["--lock-storage", "1"]).contains("0x1f"));
    Ok(())
}
