//! What a sequence is made of: each step chooses a command, gives it, and says what the model makes of it.

mod hierarchy;
mod nv;
mod object;
mod pcr;
mod policy;
mod power;
mod sequence;
mod session;

use crate::authorise::{By, Entity, Given};
use crate::input::Choices;
use crate::numbers::rh;
use crate::object::{Kind, Loaded, Object};
use crate::runner::Runner;
use crate::session::Kind as Sessions;
use session::some_session;

pub(crate) type Step = fn(&mut Runner<'_>, &mut Choices<'_>);

/// What a sequence is about: the first choice takes one. Those steps that stand twice come twice as often.
const THEMES: [&[&[Step]]; 5] = [
    &[POWER, INDICES, REGISTERS, SESSIONS, OBJECTS, OF_HIERARCHIES],
    &[
        POWER,
        INDICES,
        INDICES,
        &[session::start, policy::assert, policy::satisfy],
    ],
    &[
        POWER,
        OBJECTS,
        OBJECTS,
        &[hierarchy::clear, hierarchy::control, hierarchy::change_seed],
    ],
    &[
        POWER,
        SESSIONS,
        SESSIONS,
        REGISTERS,
        &[object::create_primary, object::unseal],
    ],
    &[
        POWER,
        POWER,
        INDICES,
        OF_HIERARCHIES,
        &[object::create_primary, object::unseal],
    ],
];

const POWER: &[Step] = &[
    power::cycle,
    power::start,
    power::shutdown,
    power::shutdown,
    power::wait,
    power::fault,
    power::suspend,
    power::measure,
    power::look,
];

const INDICES: &[Step] = &[
    nv::define,
    nv::define,
    nv::undefine,
    nv::write,
    nv::write,
    nv::read,
    nv::read,
    nv::increment,
    nv::increment,
    nv::set_bits,
    nv::extend,
    nv::write_lock,
    nv::read_lock,
    nv::global_lock,
];

const REGISTERS: &[Step] = &[
    pcr::extend,
    pcr::extend,
    pcr::event,
    pcr::reset,
    pcr::allocate,
    sequence::start,
    sequence::update,
    sequence::complete,
    sequence::complete_event,
    sequence::hash,
];

const SESSIONS: &[Step] = &[
    session::start,
    session::start,
    session::flush,
    session::save,
    session::load,
    policy::assert,
    policy::satisfy,
    policy::satisfy,
    policy::digest,
];

const OBJECTS: &[Step] = &[
    object::create_primary,
    object::create_primary,
    object::create,
    object::load,
    object::unseal,
    object::unseal,
    object::hmac_command,
    object::read_public,
    object::evict,
    object::evict,
    object::flush,
    object::save,
    object::load_context,
    object::load_context,
];

const OF_HIERARCHIES: &[Step] = &[
    hierarchy::change_auth,
    hierarchy::change_auth,
    hierarchy::control,
    hierarchy::clear,
    hierarchy::clear_control,
    hierarchy::change_seed,
    hierarchy::lock_reset,
    hierarchy::lockout_parameters,
    hierarchy::clock_set,
    hierarchy::random,
];

/// The steps of one theme.
pub(crate) fn of_a_theme(choices: &mut Choices<'_>) -> Vec<Step> {
    choices.pick(&THEMES).concat()
}

/// One step. A TPM that waits for Startup is mostly started first.
pub(crate) fn one(runner: &mut Runner<'_>, choices: &mut Choices<'_>) {
    if !runner.model.running && !choices.seldom(4) {
        power::start(runner, choices);
    }
    let step = choices.pick(&runner.steps);
    step(runner, choices);
}

/// Auth values that things are given; the last one is as long as a digest.
const AUTHS: [&[u8]; 4] = [b"", b"a", b"another", &[7; 32]];

fn new_auth(choices: &mut Choices<'_>) -> Vec<u8> {
    choices.pick(&AUTHS).to_vec()
}

/// Some bytes, up to 80.
fn some_data(choices: &mut Choices<'_>) -> Vec<u8> {
    let len = choices.pick(&[0usize, 1, 4, 8, 20, 32, 33, 80]);
    let first = choices.byte();
    (0..len).map(|at| first.wrapping_add(at as u8)).collect()
}

/// How the entity is to be authorised: mostly right, mostly by a password or a session that fits.
fn given(runner: &Runner<'_>, choices: &mut Choices<'_>, entity: u32) -> Given {
    let known = runner.model.entity(entity);
    let wants_policy = known.as_ref().is_some_and(Entity::wants_policy);
    let mut value = known.map(|entity| entity.auth).unwrap_or_default();
    let choice = choices.byte();
    if choice & 15 == 15 {
        value.truncate(20);
        value.push(b'?');
    }
    let kind = if wants_policy {
        Sessions::Policy
    } else {
        Sessions::Hmac
    };
    let sessions = runner.model.sessions.active.iter();
    let fitting: Vec<u32> = sessions
        .filter(|(_, session)| session.kind == kind)
        .map(|(handle, _)| *handle)
        .collect();
    let by_session = wants_policy || choice >> 4 & 3 == 0;
    let by = match choices.byte() {
        0xf0.. => By::Session(some_session(runner, choices)),
        0xe0.. => By::Password,
        _ if by_session && !fitting.is_empty() => By::Session(choices.pick(&fitting)),
        _ => By::Password,
    };
    Given {
        by,
        value,
        goes_on: choice >> 6 != 0,
    }
}

/// The same without a session: for the second of two.
fn password(runner: &Runner<'_>, choices: &mut Choices<'_>, entity: u32) -> Given {
    Given {
        by: By::Password,
        ..given(runner, choices, entity)
    }
}

const HIERARCHIES: [u32; 4] = [rh::OWNER, rh::ENDORSEMENT, rh::PLATFORM, rh::NULL];

/// A handle of a loaded or persistent object or a sequence; seldom one that may not be there.
fn some_object(runner: &Runner<'_>, choices: &mut Choices<'_>) -> u32 {
    some_of(runner, choices, |_| true)
}

/// The same, mostly one that `fits`.
fn some_of(
    runner: &Runner<'_>,
    choices: &mut Choices<'_>,
    fits: impl Fn(Option<&Object>) -> bool,
) -> u32 {
    let objects = &runner.model.objects;
    let loaded = objects
        .loaded
        .iter()
        .map(|(handle, loaded)| (*handle, loaded.object()));
    let persistent = objects.persistent.iter();
    let all: Vec<(u32, Option<&Object>)> = loaded
        .chain(persistent.map(|(handle, object)| (*handle, Some(object))))
        .collect();
    let any = choices.seldom(12);
    let known: Vec<u32> = all
        .into_iter()
        .filter(|(_, object)| any || fits(*object))
        .map(|(handle, _)| handle)
        .collect();
    match known.is_empty() || choices.seldom(16) {
        true => choices.pick(&[
            0x8000_0000,
            0x8000_0001,
            0x8000_0002,
            0x8100_0000,
            0x8180_0000,
        ]),
        false => choices.pick(&known),
    }
}

/// The same; if there is no such object, mostly one is made instead, and there is no handle.
fn one_of_kind(runner: &mut Runner<'_>, choices: &mut Choices<'_>, kind: Kind) -> Option<u32> {
    let fits = |object: &Object| object.kind == kind;
    let objects = &runner.model.objects;
    let mut loaded = objects.loaded.values().filter_map(Loaded::object);
    let known = loaded.any(fits) || objects.persistent.values().any(fits);
    if !known && !choices.seldom(8) {
        object::create_primary_of(runner, choices, Some(kind));
        return None;
    }
    Some(some_of(runner, choices, |object| object.is_some_and(fits)))
}
