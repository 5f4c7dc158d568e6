//! PCRs.

use super::{given, some_data};
use crate::hash::{BANKS, digest_len, hash};
use crate::input::Choices;
use crate::numbers::{cc, rc, rh};
use crate::pcr::{extenders, resetters};
use crate::runner::Runner;
use crate::wire::{Answer, Command};

const REGISTERS: [u32; 10] = [0, 1, 9, 15, 16, 17, 20, 21, 23, rh::NULL];

fn locality(choices: &mut Choices<'_>) -> u8 {
    choices.pick(&[0, 0, 0, 1, 2, 3, 4])
}

/// Whether a command from there may extend the register.
pub(super) fn may_extend(number: u32, locality: u8) -> Result<(), u32> {
    match number == rh::NULL || extenders(number) >> locality & 1 == 1 {
        true => Ok(()),
        false => Err(rc::LOCALITY),
    }
}

pub(super) fn extend(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let (number, locality) = (choices.pick(&REGISTERS), locality(choices));
    let banks = choices.byte();
    let banks: Vec<u16> = BANKS
        .into_iter()
        .enumerate()
        .filter(|(at, _)| banks >> at & 1 == 1)
        .map(|(_, bank)| bank)
        .collect();
    let byte = choices.byte();
    let digests: Vec<(u16, Vec<u8>)> = banks
        .iter()
        .map(|bank| (*bank, vec![byte; digest_len(*bank)]))
        .collect();
    let mut command = Command::new(cc::PCR_EXTEND)
        .locality(locality)
        .handle(number)
        .u32(digests.len() as u32);
    for (bank, digest) in &digests {
        command = command.u16(*bank).raw(digest);
    }
    let given = given(runner, choices, number);
    runner.send(&command, &[given], |model| {
        may_extend(number, locality)?;
        digests
            .iter()
            .for_each(|(bank, digest)| model.pcrs.extend(*bank, number, digest));
        Ok(())
    });
}

pub(super) fn event(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let (number, locality) = (choices.pick(&REGISTERS), locality(choices));
    let data = some_data(choices);
    let command = Command::new(cc::PCR_EVENT)
        .locality(locality)
        .handle(number)
        .sized(&data);
    let given = given(runner, choices, number);
    let done = runner.send(&command, &[given], |model| {
        may_extend(number, locality)?;
        model.pcrs.event(number, &data);
        Ok(())
    });
    if let Some((_, answer)) = done {
        check_digests(&answer, &data);
    }
}

/// `TPML_DIGEST_VALUES` of the data.
pub(super) fn check_digests(answer: &Answer, data: &[u8]) {
    let mut reader = answer.reader();
    assert_eq!(reader.u32(), BANKS.len() as u32);
    for bank in BANKS {
        assert_eq!(reader.u16(), bank);
        assert_eq!(
            reader.take(digest_len(bank)),
            hash(bank, &[data]),
            "digest of an event"
        );
    }
}

pub(super) fn reset(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let number = choices.pick(&REGISTERS[..9]);
    let locality = locality(choices);
    let command = Command::new(cc::PCR_RESET)
        .locality(locality)
        .handle(number);
    let given = given(runner, choices, number);
    runner.send(&command, &[given], |model| {
        if resetters(number) >> locality & 1 == 0 {
            return Err(rc::LOCALITY);
        }
        model.pcrs.reset(number);
        Ok(())
    });
}

/// Seldom: sequences without banks tell less.
pub(super) fn allocate(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    if !choices.seldom(4) {
        return;
    }
    let bank = choices.below(BANKS.len());
    let bits = choices.pick(&[0u32, 0x00ff_ffff, 0x0002_0001, 0x0000_ffff]);
    let command = Command::new(cc::PCR_ALLOCATE)
        .handle(rh::PLATFORM)
        .u32(1)
        .u16(BANKS[bank])
        .u8(3)
        .raw(&bits.to_le_bytes()[..3]);
    let given = given(runner, choices, rh::PLATFORM);
    let done = runner.send(&command, &[given], |model| {
        let mut next = model.pcrs.next;
        next[bank] = bits;
        let all = next.iter().fold(0, |all, bits| all | bits);
        // The registers of the firmware's root and of dynamic measurements must be somewhere.
        if all & 1 == 0 || all >> 17 & 1 == 0 {
            return Err(rc::PCR);
        }
        model.pcrs.next = next;
        model.pcrs.reallocated = true;
        Ok(())
    });
    if let Some((_, answer)) = done {
        assert_eq!(answer.reader().u8(), 1, "allocationSuccess");
    }
}
