//! Power, time, faults of the store, and signals.

use crate::Fault;
use crate::input::Choices;
use crate::numbers::cc;
use crate::runner::{Runner, trace};
use crate::starts::{Shut, Start};
use crate::wire::Command;

impl Runner<'_> {
    /// Startup. A TPM that went through an unorderly start is asked for what it may have lost.
    pub(crate) fn startup(&mut self, kind: u16, locality: u8) -> Option<Start> {
        let command = Command::new(cc::STARTUP).locality(locality).u16(kind);
        let (start, _) = self.plain(&command, |model| model.startup(kind, locality))?;
        let unsure: Vec<u32> = self
            .model
            .nv
            .indices
            .iter()
            .filter(|(_, index)| index.lock_unsure)
            .map(|(handle, _)| *handle)
            .collect();
        unsure
            .into_iter()
            .for_each(|handle| self.look_at_index(handle));
        Some(start)
    }
}

/// Power goes and comes, or the program ends; mostly it is started at once.
pub(super) fn cycle(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let choice = choices.byte();
    trace(|| "power off and on".to_owned());
    match choice & 1 {
        0 => runner.device.power_cycle(),
        _ => runner.device.restart_program(),
    }
    runner.model.power_on();
    if choice & 0x70 != 0 {
        let kind = match runner.model.shut {
            Shut::State { .. } => u16::from(choice & 2 != 0),
            _ => u16::from(choice & 6 == 6),
        };
        if runner.startup(kind, 0).is_none() && choice & 4 == 0 {
            runner.startup(0, 0);
        }
    }
}

pub(super) fn start(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    if runner.model.running && !choices.seldom(8) {
        return;
    }
    let kind = match runner.model.shut {
        Shut::State { .. } => choices.pick(&[0, 1]),
        _ => choices.pick(&[0, 0, 0, 0, 0, 0, 1, 2]),
    };
    let locality = choices.pick(&[0, 0, 0, 0, 0, 3, 3, 1]);
    runner.startup(kind, locality);
}

/// Mostly the power goes right after it, or after one more command, that may have spoilt what was kept.
pub(super) fn shutdown(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let kind = choices.pick(&[0, 1, 1, 2, 1, 0, 1, 1]);
    let command = Command::new(cc::SHUTDOWN).u16(kind);
    runner.plain(&command, |model| model.shutdown(kind));
    let choice = choices.byte() & 3;
    if choice == 1 {
        super::one(runner, choices);
    }
    if choice != 0 {
        cycle(runner, choices);
    }
}

pub(super) fn wait(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let milliseconds =
        choices.pick(&[1, 999, 1_000, 30_000, 70_000, 999_999, 1_000_000, 2_100_000]);
    trace(|| format!("{milliseconds} ms pass"));
    runner.device.advance(milliseconds);
    runner.model.clock.advance(milliseconds);
}

pub(super) fn fault(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let choice = choices.byte();
    let fault = Fault {
        after: usize::from(choice & 3),
        once: choice & 12 != 0,
        full: choice & 16 != 0,
    };
    runner.fail(Some(fault).filter(|_| choice & 32 != 0));
}

pub(super) fn suspend(runner: &mut Runner<'_>, _: &mut Choices<'_>) {
    trace(|| "suspended and resumed".to_owned());
    runner.device.suspend_and_resume();
}

/// A measurement by signals, perhaps with a command in its middle.
pub(super) fn measure(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let choice = choices.byte();
    let data = super::some_data(choices);
    trace(|| "a measurement".to_owned());
    runner.device.hash_start();
    runner.model.pcrs.measurement = Some(Vec::new());
    for part in data.chunks(30) {
        runner.device.hash_data(part);
        if let Some(all) = &mut runner.model.pcrs.measurement {
            all.extend(part);
        }
    }
    if choice & 15 == 15 {
        runner.look_at_clock();
    }
    if choice & 0x70 != 0 {
        runner.device.hash_end();
        runner.model.hash_end();
    }
}

pub(super) fn look(runner: &mut Runner<'_>, _: &mut Choices<'_>) {
    if runner.model.running {
        runner.look();
    }
}
