//! The steps. Each says what it does, does it, and fails unless it ended as it should.

use super::act::{Boots, Console, Stage};
use crate::device;
use anyhow::{Context, Result, bail};
use ironroot_qemu::Qemu;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What the verifier asks the device; a real one would never ask the same twice.
const CHALLENGE: [u8; 32] = *b"prove to me what you are running";
/// Where AN521's application finds command and challenge: words 0 and 4 of its mailbox.
const MAILBOX: u32 = 0x281F_F000;
/// Mailbox command of the demo application: leave an update unconfirmed.
const DO_NOT_ACCEPT: u32 = 1;

struct Story<'a> {
    stage: &'a Stage,
    verbose: bool,
    step: usize,
}

/// Tells all steps; how many there were.
pub(super) fn tell(stage: &Stage, verbose: bool) -> Result<usize> {
    let mut story = Story {
        stage,
        verbose,
        step: 0,
    };
    story.make_device()?;
    story.first_boot()?;
    story.attack()?;
    story.update()?;
    story.reverted_update()?;
    story.damaged_image()?;
    story.old_image()?;
    story.faults()?;
    Ok(story.step)
}

impl Story<'_> {
    fn heading(&mut self, text: &str) {
        self.step += 1;
        println!("\n── {}. {text}", self.step);
    }

    fn make_device(&mut self) -> Result<()> {
        self.heading("The factory makes a device: secrets, root key hashes, and the first images");
        let stage = self.stage;
        device::remove(&stage.device)?;
        let (device, secure_key) = (text(&stage.device), text(&stage.keys.0));
        let application_key = text(&stage.keys.1);
        let decryption_key = text(&self.decryption_key());
        if self.decryption_key().exists() {
            std::fs::remove_file(self.decryption_key())?;
        }
        let keygen = ["image", "keygen", "--type", "ecdsa-p256", "--key"];
        stage.ironroot(&[&keygen[..], &[&decryption_key]].concat(), 0)?;
        stage.ironroot(&["device", "new", &device, "--board", stage.board], 0)?;
        let provision = [
            "device",
            "provision",
            &device,
            "--key",
            &secure_key,
            "--application-key",
            &application_key,
            "--decryption-key",
            &decryption_key,
        ];
        stage.ironroot(&provision, 0)?;
        let application = self.sign("1.0.0", 1)?;
        for (image, file) in [("0", &stage.secure), ("1", &application)] {
            let file = text(file);
            stage.ironroot(
                &[
                    "device", "install", &device, &file, "--image", image, "--slot", "a",
                ],
                0,
            )?;
        }
        Ok(())
    }

    fn first_boot(&mut self) -> Result<()> {
        self.heading("It boots what was signed for it; the application uses every secure service");
        let console = self.boot(Show::Whole, true)?;
        console.must_say(&["boot:", "secure", "1.0.0", "verified"])?;
        console.must_say(&["boot:", "non-secure", "1.0.0", "verified"])?;
        console.must_say(&["app: done"])?;

        self.heading("It proved what it runs: the token against the images' own measurements");
        let token = self.stage.directory.join("token.hex");
        std::fs::write(
            &token,
            console
                .after("app: token: ")
                .context("the device gave no token")?,
        )?;
        let reference = self.reference("1.0.0")?;
        let (key, challenge) = (text(&self.attestation_key()), hex(&CHALLENGE));
        let (reference, token) = (text(&reference), text(&token));
        let verify = |challenge: &str, status| {
            let words = [
                "attest",
                "verify",
                "--key",
                &key,
                "--challenge",
                challenge,
                "--reference",
                &reference,
                &token,
            ];
            // Claims that were refused are not worth a second look.
            let stop = if status == 0 { "\0" } else { "claims" };
            self.stage.ironroot_until(stop, &words, status)
        };
        verify(&challenge, 0)?;
        println!("  The same token as the answer to another question:");
        verify(&hex(b"a challenge that was never sent!"), 1)?;
        Ok(())
    }

    fn attack(&mut self) -> Result<()> {
        let Boots::Qemu(bootloader) = &self.stage.boots else {
            // On the host the application's own attempts, seen above, are all that a process can try.
            return Ok(());
        };
        self.heading("A hostile application, properly signed, reads the device's secrets in OTP");
        let stage = self.stage;
        let hostile = stage.secure.with_file_name("attacks-1.0.0.signed");
        let copy = stage.directory.join("attacked.flash");
        std::fs::copy(&stage.device, &copy)?;
        let words = [
            "device",
            "install",
            &text(&copy),
            &text(&hostile),
            "--image",
            "1",
            "--slot",
            "a",
        ];
        stage.ironroot(&words, 0)?;
        let read_otp = 14;
        let run = Qemu::an521(bootloader, &copy)
            .word(MAILBOX, read_otp)
            .deadline(Duration::from_secs(60))
            .run()?;
        let console = Console { lines: run.lines };
        self.print(&console, Show::Whole);
        console.must_say(&["attack 14 was stopped", "restarted"])?;
        std::fs::remove_file(copy)?;
        Ok(())
    }

    fn update(&mut self) -> Result<()> {
        self.heading("An encrypted update to 2.0.0, and the power fails in the middle of it");
        let key = text(&self.decryption_key());
        let signed = text(&self.sign_with("2.0.0", 2, &["--encrypt", &key])?);
        let device = self.device();
        let cut = [
            "device",
            "update",
            &device,
            &signed,
            "--cut-power-after",
            "5",
        ];
        self.stage
            .ironroot(&[&cut[..], &["--image", "1"]].concat(), 3)?;
        let before = self.boot(Show::Short, true)?;
        before.must_say(&["non-secure", "1.0.0", "verified"])?;

        self.heading("The same command goes on; 2.0.0 is tried once, confirmed by itself, then there for good");
        self.stage
            .ironroot(&["device", "update", &device, &signed, "--image", "1"], 0)?;
        let trial = self.boot(Show::Short, true)?;
        trial.must_say(&["trial begins"])?;
        trial.must_say(&["app: update: accepted"])?;
        let confirmed = self.boot(Show::Short, true)?;
        confirmed.must_say(&["2.0.0", "confirmed"])?;
        confirmed.must_say(&["counter raised to 2"])?;
        confirmed.must_say(&["app: done"])
    }

    fn reverted_update(&mut self) -> Result<()> {
        self.heading("An update to 3.0.0 that does not like itself: the device goes back");
        let signed = self.sign("3.0.0", 2)?;
        self.stage
            .ironroot(&["device", "update", &self.device(), &text(&signed)], 0)?;
        self.boot(Show::Short, false)?
            .must_say(&["app: update: not accepted"])?;
        let back = self.boot(Show::Short, true)?;
        back.must_say(&["non-secure", "2.0.0", "verified"])
    }

    fn damaged_image(&mut self) -> Result<()> {
        self.heading("An update with one bit changed: refused, with the reason, and 2.0.0 runs");
        let signed = self.sign("4.0.0", 2)?;
        let mut bytes = std::fs::read(&signed)?;
        let middle = bytes.len() / 2;
        *bytes.get_mut(middle).context("an empty image")? ^= 1;
        let damaged = self
            .stage
            .directory
            .join("application-4.0.0-damaged.signed");
        std::fs::write(&damaged, bytes)?;
        self.refused(&damaged, "hash does not match")
    }

    fn old_image(&mut self) -> Result<()> {
        self.heading(
            "A rollback in disguise: 5.0.0, properly signed, with an old security counter",
        );
        let signed = self.sign("5.0.0", 1)?;
        self.refused(&signed, "rollback")
    }

    /// An update that neither the tool nor, if it is written all the same, the device takes.
    fn refused(&self, image: &Path, reason: &str) -> Result<()> {
        let (device, image) = (self.device(), text(image));
        println!("  The tool judges as the device does, and would not write it:");
        self.stage
            .ironroot(&["device", "update", &device, &image, "--image", "1"], 1)?;
        println!("  By force, then:");
        let force = [
            "device", "update", &device, &image, "--image", "1", "--force",
        ];
        self.stage.ironroot(&force, 0)?;
        let console = self.boot(Show::Short, true)?;
        console.must_say(&["non-secure", "refused", reason])?;
        console.must_say(&["non-secure", "2.0.0", "verified"])
    }

    fn faults(&mut self) -> Result<()> {
        self.heading("What went wrong is on record, and the device still runs 2.0.0");
        self.stage
            .ironroot(&["device", "faults", &self.device()], 0)?;
        let info = self
            .stage
            .ironroot(&["device", "info", &self.device()], 0)?;
        if !info.contains("2.0.0") {
            bail!("the story went wrong: 2.0.0 is gone");
        }
        Ok(())
    }

    /// Signs the application as this version; the payload is always the same.
    fn sign(&self, version: &str, counter: u32) -> Result<PathBuf> {
        self.sign_with(version, counter, &[])
    }

    fn sign_with(&self, version: &str, counter: u32, options: &[&str]) -> Result<PathBuf> {
        let stage = self.stage;
        let out = self.application_file(version);
        let (key, counter) = (text(&stage.keys.1), counter.to_string());
        let mut words = vec![
            "image",
            "sign",
            "--key",
            &*key,
            "--public-key-format",
            "full",
        ];
        words.extend(["--header-size", "0x400", "--pad-header", "--align", "4"]);
        words.extend([
            "--boot-record",
            "NSPE",
            "--version",
            version,
            "--security-counter",
            &counter,
        ]);
        words.extend(stage.layout.iter().map(|word| &**word));
        words.extend(options);
        let (payload, signed) = (text(&stage.application), text(&out));
        words.extend([&*payload, &*signed]);
        stage.ironroot(&words, 0)?;
        Ok(out)
    }

    fn application_file(&self, version: &str) -> PathBuf {
        self.stage
            .directory
            .join(format!("application-{version}.signed"))
    }

    /// Reference measurements of the secure image and this version of the application.
    fn reference(&self, version: &str) -> Result<PathBuf> {
        let stage = self.stage;
        let path = stage.directory.join("measurements.json");
        let words = [
            "attest",
            "reference",
            "--key",
            &text(&stage.keys.0),
            "--key",
            &text(&stage.keys.1),
            &text(&stage.secure),
            &text(&self.application_file(version)),
        ];
        println!("  (its output goes to measurements.json)");
        let mut command = Command::new(&stage.ironroot);
        command.args(words);
        println!("$ ironroot attest reference … > measurements.json");
        let output = command.output()?;
        if !output.status.success() {
            bail!(
                "attest reference: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        std::fs::write(&path, output.stdout)?;
        Ok(path)
    }

    /// Opens encrypted images. Whoever encrypts needs only its public half; here both are one file.
    fn decryption_key(&self) -> PathBuf {
        self.stage.directory.join("decryption.pem")
    }

    fn attestation_key(&self) -> PathBuf {
        match self.stage.boots {
            Boots::Qemu(_) => {
                let mut name = self.stage.device.clone().into_os_string();
                name.push(".attestation-key.pem");
                name.into()
            }
            Boots::Processes => self.stage.device.join("attestation-key.pem"),
        }
    }

    fn device(&self) -> String {
        text(&self.stage.device)
    }

    /// Boots, prints what there is to see, fails unless the application ended well.
    fn boot(&self, show: Show, accept: bool) -> Result<Console> {
        let console = match &self.stage.boots {
            Boots::Qemu(bootloader) => self.boot_qemu(bootloader, accept)?,
            Boots::Processes => self.boot_processes(accept)?,
        };
        self.print(&console, show);
        console.must_say(&["app: done"])?;
        Ok(console)
    }

    fn boot_qemu(&self, bootloader: &Path, accept: bool) -> Result<Console> {
        println!(
            "$ qemu-system-arm -machine mps2-an521 … (the flash is {})",
            self.stage.shown(&self.stage.device)
        );
        let mut machine =
            Qemu::an521(bootloader, &self.stage.device).deadline(Duration::from_secs(60));
        if !accept {
            machine = machine.word(MAILBOX, DO_NOT_ACCEPT);
        }
        for (address, word) in (MAILBOX + 16..)
            .step_by(4)
            .zip(CHALLENGE.as_chunks::<4>().0)
        {
            machine = machine.word(address, u32::from_le_bytes(*word));
        }
        Ok(Console {
            lines: machine.run()?.lines,
        })
    }

    fn boot_processes(&self, accept: bool) -> Result<Console> {
        let (device, challenge) = (self.device(), hex(&CHALLENGE));
        let mut words = vec!["device", "boot", &device, "--", "--challenge", &challenge];
        if !accept {
            words.push("--no-accept");
        }
        println!(
            "$ ironroot device boot {} -- …",
            self.stage.shown(&self.stage.device)
        );
        let output = Command::new(&self.stage.ironroot).args(&words).output()?;
        let text = [output.stdout, output.stderr].concat();
        Ok(Console {
            lines: String::from_utf8_lossy(&text)
                .lines()
                .map(str::to_owned)
                .collect(),
        })
    }

    fn print(&self, console: &Console, show: Show) {
        for line in &console.lines {
            let length = line.chars().count();
            if self.verbose || (show.shows(line) && length <= 110) {
                println!("  {line}");
            } else if show.shows(line) {
                let start: String = line.chars().take(90).collect();
                println!("  {start}… ({length} characters)");
            }
        }
    }
}

/// How much of a console there is to see.
#[derive(Clone, Copy)]
enum Show {
    Whole,
    /// Only what differs from boot to boot.
    Short,
}

impl Show {
    fn shows(self, line: &str) -> bool {
        match self {
            Self::Whole => true,
            Self::Short => {
                let application = line.strip_prefix("app: ");
                application.is_none_or(|rest| {
                    ["firmware", "its", "update", "done"]
                        .iter()
                        .any(|word| rest.starts_with(word))
                })
            }
        }
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
