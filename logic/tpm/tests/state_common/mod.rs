//! What tests of state, PCRs, NV and capabilities ask again and again.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(
    unreachable_pub,
    missing_docs,
    reason = "a part of each test binary, not a library"
)]

use super::common::{Auth, Command, Machine, MemoryStore, TestPlatform, alg, crypto, rh};
use ironroot_tpm::{Memory, ObjectSlot, Profile, SessionSlot, StartError, Tpm};
use std::collections::BTreeMap;

/// The empty password.
pub fn open() -> [Auth<'static>; 1] {
    [Auth::password(b"")]
}

/// `TPM2_PCR_Extend` of the SHA-256 bank with the digest of `data`.
pub fn extend(machine: &mut Machine, number: u32, data: &[u8]) {
    let command = Command::new(0x182)
        .handle(number)
        .u32(1)
        .u16(alg::SHA256)
        .raw(&crypto::sha256(&[data]));
    let localities = [0, 2];
    let sent = localities
        .iter()
        .map(|locality| machine.send(&command.clone().locality(*locality), &mut open()));
    assert!(
        sent.into_iter().any(|reply| reply.is_ok()),
        "PCR {number} is extended"
    );
}

/// Selection of one PCR of one bank.
pub fn select(bank: u16, number: u32) -> Vec<u8> {
    let mut list = vec![0, 0, 0, 1];
    list.extend(bank.to_be_bytes());
    list.push(3);
    list.extend(&(1u32 << number).to_le_bytes()[..3]);
    list
}

/// The value of a register of the SHA-256 bank.
pub fn pcr(machine: &mut Machine, number: u32) -> Vec<u8> {
    pcr_of(machine, alg::SHA256, number).expect("the bank has it")
}

/// The value of a register, if its bank has it.
pub fn pcr_of(machine: &mut Machine, bank: u16, number: u32) -> Option<Vec<u8>> {
    let reply = machine
        .send(&Command::new(0x17e).raw(&select(bank, number)), &mut [])
        .unwrap();
    let mut reader = reply.reader();
    reader.u32();
    assert_eq!(reader.u32(), 1);
    reader.take(6);
    let value = (reader.u32() == 1).then(|| reader.sized().to_vec());
    reader.end();
    value
}

/// `pcrUpdateCounter`
pub fn pcr_counter(machine: &mut Machine) -> u32 {
    let reply = machine.send(&Command::new(0x17e).u32(0), &mut []).unwrap();
    reply.reader().u32()
}

/// GetCapability: `moreData` and what follows the capability.
pub fn capability(machine: &mut Machine, what: u32, first: u32, count: u32) -> (bool, Vec<u8>) {
    let command = Command::new(0x17a).u32(what).u32(first).u32(count);
    let reply = machine.send(&command, &mut []).unwrap();
    let mut reader = reply.reader();
    let more = reader.u8() == 1;
    assert_eq!(reader.u32(), what);
    (more, reader.0.to_vec())
}

/// One TPM property.
pub fn property(machine: &mut Machine, number: u32) -> u32 {
    let (_, list) = capability(machine, 6, number, 1);
    assert_eq!(list[..8], [[0, 0, 0, 1], number.to_be_bytes()].concat());
    u32::from_be_bytes(list[8..12].try_into().unwrap())
}

/// Handles of one kind.
pub fn handles(machine: &mut Machine, first: u32) -> Vec<u32> {
    let (more, list) = capability(machine, 1, first, 254);
    assert!(!more);
    list[4..]
        .chunks(4)
        .map(|bytes| u32::from_be_bytes(bytes.try_into().unwrap()))
        .collect()
}

/// What ReadClock tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockNow {
    pub time: u64,
    pub clock: u64,
    pub resets: u32,
    pub restarts: u32,
    pub safe: bool,
}

pub fn clock(machine: &mut Machine) -> ClockNow {
    let reply = machine.send(&Command::new(0x181), &mut []).unwrap();
    let mut reader = reply.reader();
    let now = ClockNow {
        time: reader.u64(),
        clock: reader.u64(),
        resets: reader.u32(),
        restarts: reader.u32(),
        safe: reader.u8() == 1,
    };
    reader.end();
    now
}

pub fn random(machine: &mut Machine) -> Vec<u8> {
    let reply = machine.send(&Command::new(0x17b).u16(32), &mut []).unwrap();
    let bytes = reply.reader().sized().to_vec();
    assert_eq!(bytes.len(), 32);
    bytes
}

/// Whether a TPM starts from these records.
pub fn start_error(records: BTreeMap<u32, Vec<u8>>) -> Option<StartError> {
    let store = MemoryStore::default();
    store.replace(records);
    start_error_of(&store)
}

pub fn start_error_of(store: &MemoryStore) -> Option<StartError> {
    let profile = &Profile::FULL;
    let mut objects: Vec<_> = (0..profile.loaded_objects)
        .map(|_| ObjectSlot::EMPTY)
        .collect();
    let mut sessions: Vec<_> = (0..profile.loaded_sessions)
        .map(|_| SessionSlot::EMPTY)
        .collect();
    let memory = Memory {
        objects: &mut objects,
        sessions: &mut sessions,
    };
    let (mut store, mut platform) = (store.clone(), TestPlatform::new(9));
    Tpm::new(memory, &mut store, &mut platform, profile).err()
}

/// Attributes of NV indices.
pub mod nv {
    pub const PP_WRITE: u32 = 1 << 0;
    pub const OWNER_WRITE: u32 = 1 << 1;
    pub const AUTH_WRITE: u32 = 1 << 2;
    pub const POLICY_WRITE: u32 = 1 << 3;
    pub const POLICY_DELETE: u32 = 1 << 10;
    pub const WRITE_LOCKED: u32 = 1 << 11;
    pub const WRITE_ALL: u32 = 1 << 12;
    pub const WRITE_DEFINE: u32 = 1 << 13;
    pub const WRITE_ST_CLEAR: u32 = 1 << 14;
    pub const GLOBAL_LOCK: u32 = 1 << 15;
    pub const PP_READ: u32 = 1 << 16;
    pub const OWNER_READ: u32 = 1 << 17;
    pub const AUTH_READ: u32 = 1 << 18;
    pub const POLICY_READ: u32 = 1 << 19;
    pub const NO_DA: u32 = 1 << 25;
    pub const ORDERLY: u32 = 1 << 26;
    pub const CLEAR_ST_CLEAR: u32 = 1 << 27;
    pub const READ_LOCKED: u32 = 1 << 28;
    pub const WRITTEN: u32 = 1 << 29;
    pub const PLATFORM_CREATE: u32 = 1 << 30;
    pub const READ_ST_CLEAR: u32 = 1 << 31;
    pub const COUNTER: u32 = 1 << 4;
    pub const BITS: u32 = 2 << 4;
    pub const EXTEND: u32 = 4 << 4;
    pub const PIN_FAIL: u32 = 8 << 4;
    pub const PIN_PASS: u32 = 9 << 4;
    /// Owner and the index's own auth value may read and write; no lockout.
    pub const PLAIN: u32 = OWNER_WRITE | OWNER_READ | AUTH_WRITE | AUTH_READ | NO_DA;
}

/// `TPMS_NV_PUBLIC` with SHA-256.
pub fn nv_public(index: u32, attributes: u32, policy: &[u8], size: u16) -> Vec<u8> {
    let mut public = index.to_be_bytes().to_vec();
    public.extend(alg::SHA256.to_be_bytes());
    public.extend(attributes.to_be_bytes());
    public.extend((policy.len() as u16).to_be_bytes());
    public.extend(policy);
    public.extend(size.to_be_bytes());
    public
}

/// NV_DefineSpace by the owner, or by the platform if the attributes say so.
pub fn define(
    machine: &mut Machine,
    index: u32,
    attributes: u32,
    auth: &[u8],
    size: u16,
) -> Result<(), u32> {
    let by = if attributes & nv::PLATFORM_CREATE != 0 {
        rh::PLATFORM
    } else {
        rh::OWNER
    };
    let command =
        Command::new(0x12a)
            .handle(by)
            .sized(auth)
            .sized(&nv_public(index, attributes, &[], size));
    machine.send(&command, &mut open()).map(|_| ())
}

/// A command on an index, authorised by the owner.
pub fn on_index(code: u32, index: u32) -> Command {
    Command::new(code).handle(rh::OWNER).named(index, &[])
}

/// A command on an index, authorised by its own auth value.
pub fn by_itself(code: u32, index: u32) -> Command {
    Command::new(code).named(index, &[]).named(index, &[])
}

pub fn write(machine: &mut Machine, index: u32, data: &[u8], offset: u16) -> Result<(), u32> {
    machine
        .send(&on_index(0x137, index).sized(data).u16(offset), &mut open())
        .map(|_| ())
}

pub fn read(machine: &mut Machine, index: u32, size: u16, offset: u16) -> Result<Vec<u8>, u32> {
    let reply = machine.send(&on_index(0x14e, index).u16(size).u16(offset), &mut open())?;
    let mut reader = reply.reader();
    let data = reader.sized().to_vec();
    reader.end();
    Ok(data)
}

/// A command on an index without parameters, by the owner.
pub fn plain(machine: &mut Machine, code: u32, index: u32) -> Result<(), u32> {
    machine
        .send(&on_index(code, index), &mut open())
        .map(|_| ())
}

/// The public area that NV_ReadPublic tells, and the name.
pub fn read_public(machine: &mut Machine, index: u32) -> Result<(Vec<u8>, Vec<u8>), u32> {
    let reply = machine.send(&Command::new(0x169).named(index, &[]), &mut [])?;
    let mut reader = reply.reader();
    Ok((reader.sized().to_vec(), reader.sized().to_vec()))
}

/// The attributes of an index now.
pub fn attributes(machine: &mut Machine, index: u32) -> u32 {
    let (public, _) = read_public(machine, index).unwrap();
    u32::from_be_bytes(public[6..10].try_into().unwrap())
}

/// Everything that can be seen of a TPM without changing it.
pub fn picture(machine: &mut Machine) -> Vec<Vec<u8>> {
    let mut seen = Vec::new();
    for (what, first) in [
        (1, 0x0100_0000),
        (1, 0x0200_0000),
        (1, 0x0300_0000),
        (1, 0x8000_0000),
        (1, 0x8100_0000),
    ] {
        seen.push(capability(machine, what, first, 254).1);
    }
    for (what, first) in [
        (3, 0),
        (4, 0),
        (5, 0),
        (6, 0x200),
        (9, 0x4000_0000),
        (10, 0x4000_0110),
    ] {
        seen.push(capability(machine, what, first, 64).1);
    }
    for number in 0..24 {
        seen.push(pcr(machine, number));
    }
    seen.push(pcr_counter(machine).to_be_bytes().to_vec());
    for index in handles(machine, 0x0100_0000) {
        seen.push(read_public(machine, index).unwrap().0);
    }
    let now = clock(machine);
    seen.push([now.resets.to_be_bytes(), now.restarts.to_be_bytes()].concat());
    seen
}

/// A small generator of test cases: the same in every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32 % sides
    }

    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.roll(256) as u8).collect()
    }
}
