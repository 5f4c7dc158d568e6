//! Every command that writes, with a store that refuses: nothing changes, in memory or in the store, and the answer
//! says so. With a store that takes it: one commit, and what was committed stands without the answer.
#![cfg(feature = "full")]

mod common;
mod state_common;

use common::{Auth, Command, Machine, alg, rc, rh};
use ironroot_tpm::StoreError;
use state_common::nv::*;
use state_common::*;

const NV: u32 = 0x0100_0100;
const NV_SPACE: u32 = 0x14b;

/// A machine with something of everything. The platform's auth value is set, so that its loss would be seen.
fn furnished() -> Machine {
    let mut machine = Machine::new();
    #[cfg(feature = "full")]
    {
        // Some commands are audited (Clear, ClockSet), some need a person, who is there.
        machine.tpm().set_physical_presence(true);
        let two = [0, 0, 0, 2, 0, 0, 1, 0x26, 0, 0, 1, 0x28];
        let audit = Command::new(0x140).handle(rh::OWNER).u16(alg::NULL);
        machine
            .send(&audit.raw(&two).raw(&[0; 4]), &mut open())
            .unwrap();
        let one = [0, 0, 0, 1, 0, 0, 1, 0x2e];
        let presence = Command::new(0x12d).handle(rh::PLATFORM);
        machine
            .send(&presence.raw(&one).raw(&[0; 4]), &mut open())
            .unwrap();
        // The next audited command begins a new digest, and the counter steps with it.
        machine.reset();
    }
    let kinds = [
        0,
        COUNTER,
        BITS,
        WRITE_ST_CLEAR | READ_ST_CLEAR,
        GLOBAL_LOCK,
    ];
    for (number, kind) in (0..).zip(kinds) {
        define(&mut machine, NV + number, PLAIN | kind, b"", 8).unwrap();
    }
    define(&mut machine, NV + 5, PLAIN | EXTEND, b"", 32).unwrap();
    define(&mut machine, NV + 6, PLAIN | ORDERLY | COUNTER, b"", 8).unwrap();
    define(&mut machine, NV + 7, PLAIN | PLATFORM_CREATE, b"", 8).unwrap();
    let pin = OWNER_READ | OWNER_WRITE | AUTH_READ | NO_DA | PIN_PASS;
    define(&mut machine, NV + 8, pin, b"pin", 8).unwrap();
    write(&mut machine, NV + 8, &[0, 0, 0, 0, 0, 0, 0, 9], 0).unwrap();
    // One guess at a guarded auth value that failed.
    define(
        &mut machine,
        NV + 9,
        OWNER_READ | OWNER_WRITE | AUTH_READ | AUTH_WRITE,
        b"right",
        8,
    )
    .unwrap();
    let guess = by_itself(0x137, NV + 9).sized(b"x").u16(0);
    machine
        .send(&guess, &mut [Auth::password(b"wrong")])
        .unwrap_err();
    write(&mut machine, NV, b"12345678", 0).unwrap();
    write(&mut machine, NV + 3, b"12345678", 0).unwrap();
    extend(&mut machine, 7, b"measured");
    machine.change_auth(rh::ENDORSEMENT, b"", b"endorsement");
    machine.change_auth(rh::LOCKOUT, b"", b"lockout");
    let mut template = vec![0, 0x23, 0, 0x0b];
    template.extend(0x0003_0472u32.to_be_bytes());
    template.extend([
        0, 0, 0, 6, 0, 128, 0, 0x43, 0, 0x10, 0, 3, 0, 0x10, 0, 0, 0, 0,
    ]);
    let primary = Command::new(0x131)
        .handle(rh::OWNER)
        .sized(&[0; 4])
        .sized(&template)
        .sized(&[])
        .u32(0);
    let object = machine.send(&primary, &mut open()).unwrap().handle;
    let evict = Command::new(0x120)
        .handle(rh::OWNER)
        .named(object, &[])
        .u32(0x8100_0001);
    machine.send(&evict, &mut open()).unwrap();
    machine
}

type Case = (&'static str, Command, &'static [u8]);

/// Each command that writes, with the auth value it needs.
fn cases() -> Vec<Case> {
    let new = nv_public(NV + 20, PLAIN, &[], 8);
    let new_orderly = nv_public(NV + 20, PLAIN | ORDERLY, &[], 8);
    let banks = [0, 0, 0, 1, 0, 4, 3, 0, 0, 0];
    #[cfg_attr(
        not(feature = "full"),
        expect(unused_mut, reason = "the small build has no more")
    )]
    let mut cases: Vec<Case> = vec![
        ("Shutdown(CLEAR)", Command::new(0x145).u16(0), b"-"),
        ("Shutdown(STATE)", Command::new(0x145).u16(1), b"-"),
        (
            "NV_DefineSpace",
            Command::new(0x12a).handle(rh::OWNER).sized(b"").sized(&new),
            b"",
        ),
        (
            "NV_DefineSpace orderly",
            Command::new(0x12a)
                .handle(rh::OWNER)
                .sized(b"")
                .sized(&new_orderly),
            b"",
        ),
        ("NV_UndefineSpace", on_index(0x122, NV), b""),
        ("NV_UndefineSpace counter", on_index(0x122, NV + 1), b""),
        ("NV_UndefineSpace orderly", on_index(0x122, NV + 6), b""),
        ("NV_Write", on_index(0x137, NV).sized(b"new").u16(1), b""),
        ("NV_Increment", on_index(0x134, NV + 1), b""),
        ("NV_Increment orderly", on_index(0x134, NV + 6), b""),
        ("NV_SetBits", on_index(0x135, NV + 2).u64(5), b""),
        ("NV_Extend", on_index(0x136, NV + 5).sized(b"more"), b""),
        ("NV_WriteLock", on_index(0x138, NV + 3), b""),
        ("NV_ReadLock", on_index(0x14f, NV + 3), b""),
        (
            "NV_GlobalWriteLock",
            Command::new(0x132).handle(rh::OWNER),
            b"",
        ),
        (
            "NV_Read with a PIN",
            by_itself(0x14e, NV + 8).u16(8).u16(0),
            b"pin",
        ),
        (
            "HierarchyChangeAuth",
            Command::new(0x129).handle(rh::OWNER).sized(b"owner"),
            b"",
        ),
        (
            "HierarchyChangeAuth lockout",
            Command::new(0x129).handle(rh::LOCKOUT).sized(b"x"),
            b"lockout",
        ),
        (
            "SetPrimaryPolicy",
            Command::new(0x12e)
                .handle(rh::OWNER)
                .sized(&[1; 32])
                .u16(alg::SHA256),
            b"",
        ),
        ("ChangePPS", Command::new(0x125).handle(rh::PLATFORM), b""),
        ("ChangeEPS", Command::new(0x124).handle(rh::PLATFORM), b""),
        ("Clear", Command::new(0x126).handle(rh::LOCKOUT), b"lockout"),
        (
            "ClearControl",
            Command::new(0x127).handle(rh::PLATFORM).u8(1),
            b"",
        ),
        (
            "DictionaryAttackLockReset",
            Command::new(0x139).handle(rh::LOCKOUT),
            b"lockout",
        ),
        (
            "DictionaryAttackParameters",
            Command::new(0x13a).handle(rh::LOCKOUT).u32(9).u32(8).u32(7),
            b"lockout",
        ),
        (
            "ClockSet",
            Command::new(0x128).handle(rh::OWNER).u64(1 << 30),
            b"",
        ),
        (
            "PCR_Allocate",
            Command::new(0x12b).handle(rh::PLATFORM).raw(&banks),
            b"",
        ),
        (
            "EvictControl",
            Command::new(0x120)
                .handle(rh::OWNER)
                .named(0x8100_0001, &[])
                .u32(0x8100_0001),
            b"",
        ),
        (
            "EvictControl of a new one",
            Command::new(0x120)
                .handle(rh::OWNER)
                .named(0x8000_0000, &[])
                .u32(0x8100_0002),
            b"",
        ),
    ];
    #[cfg(feature = "full")]
    cases.extend(supplement(&new));
    cases
}

/// Those of the full build alone. Each begins a digest of the command audit, if it is audited.
#[cfg(feature = "full")]
fn supplement(new: &[u8]) -> [Case; 7] {
    let code = |code: u32| [&[0, 0, 0, 1][..], &code.to_be_bytes()].concat();
    let none = [0; 4];
    let audit = |hash: u16, set: &[u8], clear: &[u8]| {
        Command::new(0x140)
            .handle(rh::OWNER)
            .u16(hash)
            .raw(set)
            .raw(clear)
    };
    let on_platform = |code: u32| Command::new(code).handle(rh::PLATFORM);
    [
        (
            "SetCommandCodeAuditStatus",
            audit(alg::NULL, &code(0x17b), &none),
            b"",
        ),
        (
            "SetCommandCodeAuditStatus takes back",
            audit(alg::NULL, &none, &code(0x126)),
            b"",
        ),
        (
            "SetCommandCodeAuditStatus of the hash",
            audit(alg::SHA384, &none, &none),
            b"",
        ),
        (
            "PP_Commands",
            on_platform(0x12d).raw(&code(0x125)).raw(&none),
            b"",
        ),
        (
            "PP_Commands takes back",
            on_platform(0x12d).raw(&none).raw(&code(0x12e)),
            b"",
        ),
        ("SetAlgorithmSet", on_platform(0x13f).u32(9), b""),
        (
            "NV_DefineSpace2",
            Command::new(0x19d)
                .handle(rh::OWNER)
                .sized(b"")
                .sized(&[&[1], new].concat()),
            b"",
        ),
    ]
}

fn send(machine: &mut Machine, case: &Case) -> Result<(), u32> {
    match case.2 {
        b"-" => machine.send(&case.1, &mut []),
        auth => machine.send(&case.1, &mut [Auth::password(auth)]),
    }
    .map(|_| ())
}

#[test]
fn a_store_that_refuses_leaves_memory_and_records_as_they_were() {
    for case in cases() {
        let mut machine = furnished();
        let (records, before) = (machine.store.records(), picture(&mut machine));
        for (error, code) in [
            (StoreError::Unavailable, rc::NV_UNAVAILABLE),
            (StoreError::Full, NV_SPACE),
        ] {
            machine.store.fail_once(0, error);
            assert_eq!(send(&mut machine, &case).unwrap_err(), code, "{}", case.0);
            assert_eq!(machine.store.records(), records, "{}", case.0);
            assert_eq!(picture(&mut machine), before, "{}", case.0);
        }
        send(&mut machine, &case).unwrap_or_else(|code| panic!("{}: {code:x}", case.0));
        assert_ne!(machine.store.records(), records, "{}", case.0);
    }
}

#[test]
fn a_command_is_one_commit_and_stands_when_power_goes_before_the_answer() {
    for case in cases() {
        let mut machine = furnished();
        let commits = machine.store.commits();
        send(&mut machine, &case).unwrap_or_else(|code| panic!("{}: {code:x}", case.0));
        // Those that begin an audit digest have its counter kept before they run.
        let audited = cfg!(feature = "full") && ["Clear", "ClockSet"].contains(&case.0);
        let expected = commits + 1 + usize::from(audited);
        assert_eq!(machine.store.commits(), expected, "{}", case.0);
        let committed = machine.store.records();
        let seen = lasting(&mut machine);
        // The same records under another TPM: nothing but the commit is there.
        machine.store.replace(committed);
        machine.reopen();
        machine.startup(0).unwrap();
        assert_eq!(lasting(&mut machine), seen, "{}", case.0);
    }
}

/// What a start does not change of what can be seen.
fn lasting(machine: &mut Machine) -> Vec<Vec<u8>> {
    let mut seen = vec![
        capability(machine, 1, 0x0100_0000, 254).1,
        capability(machine, 1, 0x8100_0000, 254).1,
        capability(machine, 3, 0, 64).1,
        capability(machine, 4, 0, 64).1,
        capability(machine, 6, 0x20f, 4).1,
        property(machine, 0x20c).to_be_bytes().to_vec(),
        property(machine, 0x214).to_be_bytes().to_vec(),
        capability(machine, 9, 0x4000_0000, 3).1,
        property(machine, 0x200).to_be_bytes().to_vec(),
    ];
    let start_takes_away = READ_LOCKED | WRITE_LOCKED;
    for index in handles(machine, 0x0100_0000) {
        seen.push(
            (attributes(machine, index) & !start_takes_away)
                .to_be_bytes()
                .to_vec(),
        );
        let read = Command::new(0x14e)
            .handle(rh::OWNER)
            .named(index, &[])
            .u16(8)
            .u16(0);
        let read = machine.send(&read, &mut [Auth::password(b"")]);
        if index != NV + 6 && index != NV + 3 {
            seen.push(read.map(|reply| reply.params).unwrap_or_default());
        }
    }
    seen
}

#[test]
fn a_startup_that_cannot_be_kept_did_not_happen() {
    let mut machine = furnished();
    for shutdown in [None, Some(0), Some(1)] {
        extend(&mut machine, 7, b"measured again");
        if let Some(kind) = shutdown {
            machine.shutdown(kind).unwrap();
        }
        machine.power_cycle();
        let records = machine.store.records();
        let kind = u16::from(shutdown == Some(1));
        machine.store.fail_once(0, StoreError::Unavailable);
        assert_eq!(machine.startup(kind).unwrap_err(), rc::NV_UNAVAILABLE);
        assert_eq!(machine.store.records(), records);
        assert_eq!(
            machine
                .send(&Command::new(0x17b).u16(1), &mut [])
                .unwrap_err(),
            rc::INITIALIZE
        );
        machine.startup(kind).unwrap();
    }
    assert_ne!(
        pcr(&mut machine, 7),
        [0; 32],
        "the resume brought the register back"
    );
}

#[test]
fn what_ends_the_validity_of_a_shutdown_is_refused_when_that_cannot_be_kept() {
    let mut machine = furnished();
    machine.shutdown(1).unwrap();
    let value = pcr(&mut machine, 7);
    machine.store.fail_from(0, StoreError::Unavailable);
    let command = Command::new(0x182)
        .handle(7)
        .u32(1)
        .u16(alg::SHA256)
        .raw(&[1; 32]);
    assert_eq!(
        machine.send(&command, &mut open()).unwrap_err(),
        rc::NV_UNAVAILABLE
    );
    assert_eq!(pcr(&mut machine, 7), value);
    random(&mut machine);
    machine.store.heal();
    machine.power_cycle();
    machine.startup(1).unwrap();
    assert_eq!(pcr(&mut machine, 7), value);
}

/// Random work under a store that fails at random: what was answered with success is there after every crash, and
/// what was refused is not.
#[test]
fn no_acknowledged_write_is_lost_and_no_refused_one_is_found() {
    let mut dice = Dice(0x5eed_0009);
    let mut machine = Machine::new();
    define(&mut machine, NV, PLAIN, b"", 8).unwrap();
    define(&mut machine, NV + 1, PLAIN | COUNTER, b"", 8).unwrap();
    define(&mut machine, NV + 2, PLAIN | COUNTER | ORDERLY, b"", 8).unwrap();
    let (mut data, mut counter, mut least_orderly) = (None, 0u64, 0u64);
    let number = |bytes: Vec<u8>| u64::from_be_bytes(bytes.try_into().unwrap());
    for _ in 0..1500 {
        if dice.roll(3) == 0 {
            machine.store.fail_once(0, StoreError::Unavailable);
        }
        match dice.roll(8) {
            0..=2 => {
                let bytes = dice.bytes(8);
                if write(&mut machine, NV, &bytes, 0).is_ok() {
                    data = Some(bytes);
                }
            }
            3 => counter += u64::from(plain(&mut machine, 0x134, NV + 1).is_ok()),
            4 | 5 => {
                let _ = plain(&mut machine, 0x134, NV + 2);
            }
            6 if dice.roll(4) == 0 => {
                if dice.roll(2) == 0 {
                    let _ = machine.shutdown(dice.roll(2) as u16);
                }
                machine.store.heal();
                machine.reopen();
                machine.startup(0).unwrap();
            }
            _ => {
                machine.store.heal();
                let found = read(&mut machine, NV, 8, 0).ok();
                assert_eq!(found, data);
                let counted = read(&mut machine, NV + 1, 8, 0).map_or(0, number);
                assert_eq!(counted, counter);
                let orderly = read(&mut machine, NV + 2, 8, 0).map_or(0, number);
                assert!(orderly >= least_orderly, "{orderly} after {least_orderly}");
                least_orderly = orderly;
            }
        }
        machine.store.heal();
    }
    assert!(counter > 50 && least_orderly > 256);
}
