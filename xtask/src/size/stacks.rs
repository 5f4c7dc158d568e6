//! How deep each stack gets: the bootloader's with images of every signature scheme, the secure world's
//! while applications use every service.
//!
//! The counting plugin watches the writes; nothing in the images has to help. What the processor itself
//! stacks on an exception is not seen: at most 104 bytes (a secure frame with its additional state).

use crate::device::{Device, Strategy};
use crate::disassembly;
use crate::elf::Elf;
use crate::firmware::{self, Configuration, Images, Scheme, Signer, Variant};
use crate::place::Place;
use crate::setup::{self, Need};
use crate::shell::say;
use anyhow::{Result, bail};
use ironroot_icount::{Counter, Log, Stack};
use ironroot_qemu::{Qemu, Run};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Runs of applications: name, and the order that is put into mailbox word 0.
const WORKLOADS: [(&str, u32); 4] = [
    ("nonsecure", 0),
    ("app-c", 0),
    ("bench", EVERY_ALGORITHM),
    ("bench", 0),
];
/// The benchmark's order to use every algorithm once.
const EVERY_ALGORITHM: u32 = 1000;
/// Where applications look for their orders: the last page of their memory, secure alias.
const MAILBOX: u32 = 0x381F_F000;

pub(super) struct Watcher<'p> {
    place: &'p Place,
    directory: PathBuf,
    counter: Counter,
}

/// Boots and prints.
pub(super) fn show(
    place: &Place,
    product: &Images,
    bootloaders: &[(Variant, PathBuf)],
) -> Result<()> {
    setup::ensure(place, &[Need::Qemu, Need::HostCompiler])?;
    let directory = place.work().join("size");
    std::fs::create_dir_all(&directory)?;
    let watcher = Watcher {
        place,
        counter: Counter::build(&directory)?,
        directory,
    };
    println!(
        "{:<56} {:>10} {:>12}",
        "stack", "configured", "highest seen"
    );
    for (variant, elf) in bootloaders {
        for scheme in variant.schemes {
            watcher.boot(product, *variant, elf, *scheme)?;
        }
    }
    // The partitions for tests have the echo service that the benchmark calls.
    for configuration in [Configuration::TESTS[0], Configuration::MEDIUM] {
        watcher.work(configuration)?;
    }
    super::tpm::stacks(&watcher, product)
}

pub(super) fn line(name: &str, size: u32, deepest: u32) {
    println!("{name:<56} {size:>10} {deepest:>12}");
}

impl Watcher<'_> {
    pub(super) fn place(&self) -> &Place {
        self.place
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Runs the application that is installed, with an eye on these stacks, until it ends well.
    pub(super) fn run(
        &self,
        images: &Images,
        device: &Device,
        watched: &[Stack],
    ) -> Result<(Run, Log)> {
        let log = self.directory.join("stacks.log");
        let machine = Qemu::an521(images.file("bootloader.elf"), device.flash())
            .deadline(Duration::from_secs(900));
        let run = self.counter.watch_stacks(machine, &log, watched).run()?;
        match run.succeeded() {
            true => Ok((run, Log::read(&log)?)),
            false => bail!("the application did not end well:\n{run}"),
        }
    }

    /// A boot of images that are signed by this scheme, up to the secure image's own words.
    fn boot(&self, images: &Images, variant: Variant, elf: &Path, scheme: Scheme) -> Result<()> {
        let signer = Signer::with(self.place, scheme)?;
        let (signer, strategy) = match variant.in_place() {
            true => (signer.in_place(), Strategy::SwapOffset),
            false => (signer, Strategy::RamLoad),
        };
        let folder = self.directory.join(scheme.name());
        std::fs::create_dir_all(&folder)?;
        let secure = folder.join("secure.signed");
        let application = folder.join("nonsecure.signed");
        let binary = images.file("secure.bin");
        let first = match variant.in_place() {
            true => signer.in_the_clear(),
            false => signer.clone(),
        };
        first.secure(&binary, &images.partitions, "1.0.0", 1, &secure)?;
        first.non_secure(&images.file("nonsecure.bin"), "1.0.0", 1, &application)?;
        let flash = folder.join("an521.flash");
        let device = Device::signed_by(&signer, &secure, &flash, strategy)?;
        device.install_application(&application)?;
        let mut stacks = self.boot_once(variant, elf, scheme, &device)?;
        if variant.in_place() {
            // A swap goes deeper: the candidate is verified where it is, opened and sealed.
            let next = folder.join("nonsecure-2.signed");
            signer.non_secure(&images.file("nonsecure.bin"), "2.0.0", 1, &next)?;
            device.update_application(&next)?;
            let again = self.boot_once(variant, elf, scheme, &device)?;
            for ((_, _, deepest), (_, _, other)) in stacks.iter_mut().zip(again) {
                *deepest = other.max(*deepest);
            }
        }
        for (kind, size, deepest) in stacks {
            let name = format!("bootloader {}, {}, {kind}", variant.name, scheme.name());
            line(&name, size, deepest);
        }
        Ok(())
    }

    /// One boot: each of the bootloader's stacks, its size, and how deep it got.
    fn boot_once(
        &self,
        variant: Variant,
        elf: &Path,
        scheme: Scheme,
        device: &Device,
    ) -> Result<Vec<(String, u32, u32)>> {
        let bootloader = Elf::read(elf)?;
        // Before it jumps, the bootloader wipes all its memory, stacks included.
        let until = disassembly::functions(self.place, &bootloader)?
            .into_iter()
            .find(|(_, name)| disassembly::plain(name).ends_with("::jump_secure"));
        let Some((until, _)) = until else {
            bail!("{} has no jump_secure of its own", elf.display());
        };
        let from = bootloader.address("ironroot_main")?;
        let stacks = own_stacks(&bootloader, from, until)?;
        let watched: Vec<_> = stacks.iter().map(|(_, stack)| *stack).collect();
        let log = self.directory.join("stacks.log");
        let machine = Qemu::an521(elf, device.flash()).deadline(Duration::from_secs(120));
        let mut session = self.counter.watch_stacks(machine, &log, &watched).start()?;
        let ready = session.wait_for("secure: ready");
        let run = session.stop();
        if ready.is_none() {
            bail!(
                "the {} bootloader did not boot {}:\n{run}",
                variant.name,
                scheme.name()
            );
        }
        let log = Log::read(&log)?;
        let used = |(kind, stack): (String, Stack)| {
            let deepest = log.stack_used(stack).unwrap_or(0);
            (kind, stack.high - stack.low, deepest)
        };
        Ok(stacks.into_iter().map(used).collect())
    }

    /// All workloads; the deepest of each stack counts.
    fn work(&self, configuration: Configuration) -> Result<()> {
        let images = firmware::build(self.place, configuration)?;
        let secure = Elf::read(&images.file("secure.elf"))?;
        let running = secure.address("ironroot_main")?;
        let mut stacks = own_stacks(&secure, running, 0)?;
        for partition in &images.partitions {
            let elf = Elf::read(&partition.elf)?;
            let stack = Stack {
                low: elf.address("__stack_limit")?,
                high: elf.address("__stack_top")?,
                // Before it runs its memory may serve others.
                from: elf.address("partition_main")?,
                until: 0,
            };
            stacks.push((format!("partition {}", partition.name), stack));
        }
        let watched: Vec<_> = stacks.iter().map(|(_, stack)| *stack).collect();
        let mut deepest: BTreeMap<u32, u32> = BTreeMap::new();
        for (application, order) in WORKLOADS {
            // The benchmark's rows need the echo services, the others AES-GCM.
            if configuration == Configuration::MEDIUM && order != EVERY_ALGORITHM {
                continue;
            }
            say!(
                "watching the stacks of {} under {application} {order}",
                configuration.name()
            );
            let flash = self.directory.join("an521.flash");
            let device = Device::provisioned(self.place, &images, &flash)?;
            device.install_application(images.application(application)?)?;
            let log = self.directory.join("stacks.log");
            let machine = Qemu::an521(images.file("bootloader.elf"), device.flash())
                .deadline(Duration::from_secs(900))
                .word(MAILBOX, order);
            let run = self.counter.watch_stacks(machine, &log, &watched).run()?;
            if !run.succeeded() {
                bail!("the application {application} did not end well:\n{run}");
            }
            let log = Log::read(&log)?;
            for stack in &watched {
                let used = log.stack_used(*stack).unwrap_or(0);
                let most = deepest.entry(stack.low).or_default();
                *most = used.max(*most);
            }
        }
        for (kind, stack) in stacks {
            let used = deepest.get(&stack.low).copied().unwrap_or(0);
            line(
                &format!("{}, {kind}", configuration.name()),
                stack.high - stack.low,
                used,
            );
        }
        Ok(())
    }
}

/// Process and main stack of an image; the stack's own seal lies above its top.
fn own_stacks(elf: &Elf, from: u32, until: u32) -> Result<Vec<(String, Stack)>> {
    let mut stacks = Vec::new();
    for kind in ["process", "main"] {
        let stack = Stack {
            low: elf.address(&format!("__{kind}_stack_limit"))?,
            high: elf.address(&format!("__{kind}_stack_top"))?,
            from,
            until,
        };
        stacks.push((format!("{kind} stack"), stack));
    }
    Ok(stacks)
}
