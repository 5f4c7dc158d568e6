//! How deep each stack gets while the demo application uses every service once.
//!
//! The counting plugin watches the writes; nothing in the images has to help. What the processor itself
//! stacks on an exception is not seen: at most 104 bytes (a secure frame with its additional state).

use crate::device::Device;
use crate::disassembly;
use crate::elf::Elf;
use crate::firmware::Images;
use crate::place::Place;
use crate::setup::{self, Need};
use crate::shell::say;
use anyhow::{Result, bail};
use ironroot_icount::{Counter, Log, Stack};
use ironroot_qemu::Qemu;
use std::time::Duration;

/// Boots and prints.
pub(super) fn show(place: &Place, images: &Images) -> Result<()> {
    setup::ensure(place, &[Need::Qemu, Need::HostCompiler])?;
    let directory = place.work().join("size");
    std::fs::create_dir_all(&directory)?;
    let device = Device::provisioned(place, images, &directory.join("an521.flash"))?;
    device.install_application(images.application("nonsecure")?)?;
    let counter = Counter::build(&directory)?;
    let log = directory.join("stacks.log");
    let stacks = find(place, images)?;
    let watched: Vec<_> = stacks.iter().map(|(_, stack)| *stack).collect();
    let machine = Qemu::an521(images.file("bootloader.elf"), device.flash())
        .deadline(Duration::from_secs(300));
    say!("watching the stacks on QEMU");
    let run = counter.watch_stacks(machine, &log, &watched).run()?;
    if !run.succeeded() {
        bail!("the demo application did not end well:\n{run}");
    }
    let log = Log::read(&log)?;
    println!("{:<28} {:>8} {:>8}", "stack", "size", "deepest");
    for ((name, stack), deepest) in stacks.iter().zip(log.stacks_used(&watched)) {
        println!("{name:<28} {:>8} {deepest:>8}", stack.high - stack.low);
    }
    Ok(())
}

/// Every stack, and from when to when it is one.
fn find(place: &Place, images: &Images) -> Result<Vec<(String, Stack)>> {
    let bootloader = Elf::read(&images.file("bootloader.elf"))?;
    let secure = Elf::read(&images.file("secure.elf"))?;
    let booting = bootloader.address("ironroot_main")?;
    let running = secure.address("ironroot_main")?;
    // Before it jumps, the bootloader wipes all its memory, stacks included.
    let jump = disassembly::functions(place, &bootloader)?
        .into_iter()
        .find(|(_, name)| disassembly::plain(name).ends_with("::jump_secure"))
        .map_or(running, |(address, _)| address);
    let mut stacks = Vec::new();
    for (name, elf, from, until) in [
        ("bootloader", &bootloader, booting, jump),
        ("secure", &secure, running, 0),
    ] {
        for kind in ["process", "main"] {
            // The stack's own seal lies above its top.
            let stack = Stack {
                low: elf.address(&format!("__{kind}_stack_limit"))?,
                high: elf.address(&format!("__{kind}_stack_top"))?,
                from,
                until,
            };
            stacks.push((format!("{name}, {kind} stack"), stack));
        }
    }
    for partition in &images.partitions {
        let elf = Elf::read(&partition.elf)?;
        let (low, high) = (elf.address("__stack_limit")?, elf.address("__stack_top")?);
        // Before it runs its memory may serve others.
        let from = elf.address("partition_main")?;
        let stack = Stack {
            low,
            high,
            from,
            until: 0,
        };
        stacks.push((format!("partition {}", partition.name), stack));
    }
    Ok(stacks)
}
