//! NV indices.

use super::{given, new_auth, some_data};
use crate::hash::SHA256;
use crate::input::Choices;
use crate::model::Model;
use crate::numbers::{cc, nv, rc, rh};
use crate::nv::{BITS, COUNTER, EXTEND, Index, ORDINARY, PIN_FAIL, PIN_PASS};
use crate::runner::Runner;
use crate::session::Policy;
use crate::wire::Command;

const INDICES: [u32; 4] = [0x0150_0000, 0x0150_0001, 0x01c0_0002, 0x017f_ffff];

const ALL: [u32; 6] = [ORDINARY, COUNTER, BITS, EXTEND, PIN_FAIL, PIN_PASS];

const ANYBODY: u32 =
    nv::OWNER_WRITE | nv::PP_WRITE | nv::AUTH_WRITE | nv::OWNER_READ | nv::PP_READ | nv::AUTH_READ;
const OWNER: u32 = nv::OWNER_WRITE | nv::OWNER_READ;
const BY_POLICY: u32 = nv::POLICY_WRITE | nv::POLICY_READ | nv::OWNER_READ;

/// Attributes to begin with, and the size that fits.
const SHAPES: [(u32, u16); 14] = [
    (ANYBODY, 12),
    (ANYBODY | nv::NO_DA, 40),
    (ANYBODY | nv::NO_DA | nv::CLEAR_ST_CLEAR, 12),
    (OWNER | nv::AUTH_READ | nv::NO_DA, 2048),
    (ANYBODY | COUNTER << 4, 8),
    (ANYBODY | nv::NO_DA | COUNTER << 4, 8),
    (ANYBODY | nv::NO_DA | BITS << 4, 8),
    (ANYBODY | EXTEND << 4, 32),
    (OWNER | nv::AUTH_READ | nv::NO_DA | PIN_FAIL << 4, 8),
    (OWNER | nv::AUTH_READ | nv::NO_DA | PIN_PASS << 4, 8),
    (BY_POLICY, 12),
    (BY_POLICY | nv::NO_DA, 8),
    (ANYBODY | nv::ORDERLY | nv::NO_DA | COUNTER << 4, 8),
    (ANYBODY | nv::ORDERLY, 12),
];

/// More attributes, some of which do not go together.
const MORE: [u32; 12] = [
    0,
    0,
    nv::ORDERLY,
    nv::CLEAR_ST_CLEAR,
    nv::WRITE_ALL,
    nv::WRITE_DEFINE,
    nv::WRITE_ST_CLEAR,
    nv::READ_ST_CLEAR,
    nv::GLOBAL_LOCK,
    nv::WRITE_ST_CLEAR | nv::READ_ST_CLEAR | nv::GLOBAL_LOCK,
    nv::WRITTEN,
    nv::POLICY_DELETE,
];

pub(super) fn define(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    define_one_of(runner, choices, &ALL);
}

/// One of these kinds.
fn define_one_of(runner: &mut Runner<'_>, choices: &mut Choices<'_>, kinds: &[u32]) {
    let authority = choices.pick(&[rh::OWNER, rh::OWNER, rh::PLATFORM]);
    let handle = choices.pick(&INDICES);
    let shapes = SHAPES.into_iter();
    let shapes: Vec<(u32, u16)> = shapes
        .filter(|(shape, _)| kinds.contains(&(shape >> 4 & 0xf)))
        .collect();
    let (shape, size) = choices.pick(&shapes);
    let mut attributes = shape | choices.pick(&MORE);
    if choices.seldom(4) {
        attributes |= choices.pick(&MORE);
    }
    // PINs live in NV and are written whole: what half a PIN allows is open.
    if matches!(shape >> 4 & 0xf, PIN_FAIL | PIN_PASS) {
        attributes = attributes & !nv::ORDERLY | nv::WRITE_ALL;
    }
    attributes &= !nv::POLICY_DELETE;
    if (authority == rh::PLATFORM) != choices.seldom(16) {
        attributes |= nv::PLATFORM_CREATE;
    }
    let size = if choices.seldom(16) { 7 } else { size };
    let auth = new_auth(choices);
    let policy = match attributes & nv::POLICY_WRITE {
        0 => Vec::new(),
        _ => {
            let mut policy = Policy::new();
            match choices.byte() & 1 {
                0 => policy.extend(cc::POLICY_AUTH_VALUE, &[]),
                _ => policy.extend(cc::POLICY_COMMAND_CODE, &[&cc::NV_READ.to_be_bytes()]),
            }
            policy.digest
        }
    };
    let index = Index {
        attributes,
        auth: auth.clone(),
        policy: policy.clone(),
        data: vec![None; size.into()],
        lock_unsure: false,
    };
    let public = index.public(handle);
    assert_eq!(public[4..6], SHA256.to_be_bytes());
    let command = Command::new(cc::NV_DEFINE_SPACE)
        .handle(authority)
        .sized(&auth)
        .sized(&public);
    let given = given(runner, choices, authority);
    runner.send(&command, &[given], |model| {
        if authority == rh::PLATFORM && !model.platform_nv {
            return Err(rc::handle(rc::HIERARCHY, 1));
        }
        model
            .nv
            .define(authority, handle, attributes, &policy, size, &auth)
    });
}

pub(super) fn undefine(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let authority = choices.pick(&[rh::OWNER, rh::PLATFORM]);
    let index = choices.pick(&INDICES);
    let command = Command::new(cc::NV_UNDEFINE_SPACE)
        .handle(authority)
        .handle(index);
    let given = given(runner, choices, authority);
    runner.send(&command, &[given], |model| {
        model.nv.undefine(authority, index)
    });
}

/// A command on an index, mostly of one of these kinds: authorised by owner, platform or the index itself, mostly by one
/// that its attributes allow.
fn on_index(
    runner: &mut Runner<'_>,
    choices: &mut Choices<'_>,
    (code, kinds): (u32, &[u32]),
    params: &[u8],
    judge: impl FnOnce(&mut Model, u32, u32) -> Result<(), u32>,
) -> Option<(u32, Vec<u8>)> {
    let known = runner.model.nv.indices.iter();
    let fitting: Vec<u32> = known
        .filter(|(_, index)| kinds.contains(&index.kind()))
        .map(|(handle, _)| *handle)
        .collect();
    if fitting.is_empty() && !choices.seldom(4) {
        define_one_of(runner, choices, kinds);
        return None;
    }
    let index = match fitting.is_empty() || choices.seldom(12) {
        true => choices.pick(&INDICES),
        false => choices.pick(&fitting),
    };
    let allowed = match runner.model.nv.indices.get(&index) {
        Some(index) if code == cc::NV_READ || code == cc::NV_READ_LOCK => index.attributes >> 16,
        Some(index) => index.attributes,
        None => 0,
    };
    let by = [rh::PLATFORM, rh::OWNER, index, index]
        .into_iter()
        .enumerate();
    let by: Vec<u32> = by
        .filter(|(at, _)| allowed >> at & 1 == 1)
        .map(|(_, handle)| handle)
        .collect();
    let authority = match by.is_empty() || choices.seldom(12) {
        true => choices.pick(&[rh::OWNER, rh::PLATFORM, index, INDICES[0]]),
        false => choices.pick(&by),
    };
    let command = Command::new(code)
        .handle(authority)
        .handle(index)
        .raw(params);
    let given = given(runner, choices, authority);
    let (_, answer) = runner.send(&command, &[given], |model| judge(model, authority, index))?;
    Some((index, answer.params))
}

pub(super) fn write(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let data = match choices.byte() & 3 {
        // As a PIN: used, limit.
        0 => vec![0, 0, 0, choices.byte() & 1, 0, 0, 0, choices.byte() & 3],
        1 => some_data(choices),
        _ => vec![choices.byte(); choices.pick(&[12, 8, 40, 4])],
    };
    let offset = choices.pick(&[0u16, 0, 0, 0, 0, 4, 5, 12, 13, 2047]);
    let params = Command::new(0).sized(&data).u16(offset).params;
    on_index(
        runner,
        choices,
        (cc::NV_WRITE, &[ORDINARY, PIN_FAIL, PIN_PASS]),
        &params,
        |model, authority, index| model.nv.write(authority, index, offset.into(), &data),
    );
}

pub(super) fn read(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let len = choices.pick(&[8u16, 8, 12, 32, 1, 0, 13, 1024]);
    let offset = choices.pick(&[0u16, 0, 0, 4, 12, 13]);
    let params = Command::new(0).u16(len).u16(offset).params;
    let read = on_index(
        runner,
        choices,
        (cc::NV_READ, &ALL),
        &params,
        |model, authority, index| model.nv.read(authority, index, offset.into(), len.into()),
    );
    let Some((index, params)) = read else {
        return;
    };
    let data = crate::wire::Reader(&params).sized().to_vec();
    let known = &mut runner.model.nv.indices.get_mut(&index).unwrap().data;
    let known = &mut known[usize::from(offset)..][..usize::from(len)];
    assert_eq!(data.len(), known.len(), "NV_Read");
    for (told, known) in data.iter().zip(known) {
        match known {
            Some(byte) => assert_eq!(told, byte, "data of {index:#x}"),
            None => assert!(matches!(told, 0 | 0xff), "what was there before: {told:#x}"),
        }
        *known = Some(*told);
    }
}

pub(super) fn increment(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    on_index(
        runner,
        choices,
        (cc::NV_INCREMENT, &[COUNTER]),
        &[],
        |model, authority, index| model.nv.increment(authority, index),
    );
}

pub(super) fn set_bits(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let bits = 1u64 << (choices.byte() & 63);
    on_index(
        runner,
        choices,
        (cc::NV_SET_BITS, &[BITS]),
        &bits.to_be_bytes(),
        |model, authority, index| model.nv.set_bits(authority, index, bits),
    );
}

pub(super) fn extend(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let data = some_data(choices);
    let params = Command::new(0).sized(&data).params;
    on_index(
        runner,
        choices,
        (cc::NV_EXTEND, &[EXTEND]),
        &params,
        |model, authority, index| model.nv.extend(authority, index, &data),
    );
}

pub(super) fn write_lock(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    on_index(
        runner,
        choices,
        (cc::NV_WRITE_LOCK, &ALL),
        &[],
        |model, authority, index| model.nv.write_lock(authority, index),
    );
}

pub(super) fn read_lock(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    on_index(
        runner,
        choices,
        (cc::NV_READ_LOCK, &ALL),
        &[],
        |model, authority, index| model.nv.read_lock(authority, index),
    );
}

pub(super) fn global_lock(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    let authority = choices.pick(&[rh::OWNER, rh::PLATFORM]);
    let command = Command::new(cc::NV_GLOBAL_WRITE_LOCK).handle(authority);
    let given = given(runner, choices, authority);
    runner.send(&command, &[given], |model| {
        model.nv.global_lock();
        Ok(())
    });
}
