//! Hash, HMAC and event sequences.

use super::pcr::{check_digests, may_extend};
use super::{given, new_auth, password, some_data, some_object};
use crate::hash::{hash as digest, hmac};
use crate::input::Choices;
use crate::model::Model;
use crate::numbers::{cc, rc, rh};
use crate::object::{Kind, Loaded, Sequence, Work};
use crate::runner::Runner;
use crate::wire::Command;

/// Begins one of a hash, of all banks, or of an HMAC key.
pub(super) fn start(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let auth = new_auth(choices);
    let algorithm = choices.pick(&[0x0bu16, 0x04, 0x0d, 0x10]);
    let key = runner
        .model
        .objects
        .loaded
        .iter()
        .find_map(|(handle, loaded)| {
            let object = loaded.object()?;
            (object.kind == Kind::Mac).then(|| (*handle, object.data.clone()))
        });
    let (command, givens, work) = match key.filter(|_| choices.byte() & 1 == 0) {
        Some((key, data)) => (
            Command::new(cc::HMAC_START)
                .handle(key)
                .sized(&auth)
                .u16(0x10),
            vec![given(runner, choices, key)],
            Work::Mac(data),
        ),
        None => (
            Command::new(cc::HASH_SEQUENCE_START)
                .sized(&auth)
                .u16(algorithm),
            Vec::new(),
            match algorithm {
                0x10 => Work::Event,
                algorithm => Work::Hash(algorithm),
            },
        ),
    };
    let begun = runner.send(&command, &givens, |model| model.objects.room());
    if let Some((_, answer)) = begun {
        let sequence = Sequence {
            auth,
            work,
            data: Vec::new(),
        };
        runner.loaded(answer.handle, Loaded::Sequence(sequence));
    }
}

/// The sequence of that handle, or the error for what is none.
fn sequence(model: &mut Model, handle: u32, number: u32) -> Result<&mut Sequence, u32> {
    match model.objects.loaded.get_mut(&handle) {
        Some(Loaded::Sequence(sequence)) => Ok(sequence),
        _ => Err(rc::handle(rc::MODE, number)),
    }
}

/// A sequence of which `fits` holds, if there is one; else mostly one is begun instead, and there is no handle.
fn some_sequence(
    runner: &mut Runner<'_>,
    choices: &mut Choices<'_>,
    fits: impl Fn(&Work) -> bool,
) -> Option<u32> {
    let loaded = runner.model.objects.loaded.iter();
    let known: Vec<u32> = loaded
        .filter(|(_, loaded)| matches!(loaded, Loaded::Sequence(one) if fits(&one.work)))
        .map(|(handle, _)| *handle)
        .collect();
    match (known.is_empty(), choices.seldom(8)) {
        (true, false) => {
            start(runner, choices);
            None
        }
        (false, false) => Some(choices.pick(&known)),
        (_, true) => Some(some_object(runner, choices)),
    }
}

pub(super) fn update(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let Some(handle) = some_sequence(runner, choices, |_| true) else {
        return;
    };
    let data = some_data(choices);
    let command = Command::new(cc::SEQUENCE_UPDATE)
        .handle(handle)
        .sized(&data);
    let given = given(runner, choices, handle);
    runner.send(&command, &[given], |model| {
        sequence(model, handle, 1)?.data.extend(&data);
        Ok(())
    });
}

pub(super) fn complete(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let Some(handle) = some_sequence(runner, choices, |work| *work != Work::Event) else {
        return;
    };
    let data = some_data(choices);
    let command = Command::new(cc::SEQUENCE_COMPLETE)
        .handle(handle)
        .sized(&data)
        .u32(rh::NULL);
    let given = given(runner, choices, handle);
    let done = runner.send(&command, &[given], |model| {
        let sequence = sequence(model, handle, 1)?.clone();
        let all = [&sequence.data[..], &data].concat();
        let result = match &sequence.work {
            Work::Event => return Err(rc::handle(rc::MODE, 1)),
            Work::Hash(algorithm) => digest(*algorithm, &[&all]),
            Work::Mac(key) => hmac(key, &[&all]),
        };
        model.objects.loaded.remove(&handle);
        Ok(result)
    });
    if let Some((wanted, answer)) = done {
        assert_eq!(answer.reader().sized(), wanted, "result of a sequence");
    }
}

pub(super) fn complete_event(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let Some(handle) = some_sequence(runner, choices, |work| *work == Work::Event) else {
        return;
    };
    let register = choices.pick(&[16, 23, 9, 17, rh::NULL]);
    let locality = choices.pick(&[0, 0, 2, 4]);
    let data = some_data(choices);
    let command = Command::new(cc::EVENT_SEQUENCE_COMPLETE)
        .locality(locality)
        .handle(register)
        .handle(handle)
        .sized(&data);
    let givens = [
        given(runner, choices, register),
        password(runner, choices, handle),
    ];
    let done = runner.send(&command, &givens, |model| {
        let sequence = sequence(model, handle, 2)?.clone();
        if sequence.work != Work::Event {
            return Err(rc::handle(rc::MODE, 2));
        }
        may_extend(register, locality)?;
        let all = [&sequence.data[..], &data].concat();
        model.pcrs.event(register, &all);
        model.objects.loaded.remove(&handle);
        Ok(all)
    });
    if let Some((all, answer)) = done {
        check_digests(&answer, &all);
    }
}

pub(super) fn hash(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let data = some_data(choices);
    let algorithm = choices.pick(&[0x04u16, 0x0b, 0x0c, 0x0d]);
    let command = Command::new(cc::HASH)
        .sized(&data)
        .u16(algorithm)
        .u32(rh::NULL);
    if let Some((_, answer)) = runner.plain(&command, |_| Ok(())) {
        assert_eq!(
            answer.reader().sized(),
            digest(algorithm, &[&data]),
            "TPM2_Hash"
        );
    }
}
