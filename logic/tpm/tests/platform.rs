//! What the platform says of the whole TPM: physical presence, algorithm set, read-only mode, countdown timers.
#![cfg(feature = "full")]

mod common;
mod state_common;

use common::{Auth, Command, Machine, Start, alg, cc, crypto, rc, rh};
use state_common::nv::*;
use state_common::*;

const PP_COMMANDS: u32 = 0x12d;
const TIMER: u32 = 0x4000_0110;
const READ_ONLY: u32 = 0x156;

fn list(codes: &[u32]) -> Vec<u8> {
    let mut bytes = (codes.len() as u32).to_be_bytes().to_vec();
    codes
        .iter()
        .for_each(|code| bytes.extend(code.to_be_bytes()));
    bytes
}

fn pp_commands(set: &[u32], clear: &[u32]) -> Command {
    Command::new(PP_COMMANDS)
        .handle(rh::PLATFORM)
        .raw(&list(set))
        .raw(&list(clear))
}

fn needing_presence(machine: &mut Machine) -> Vec<u32> {
    let (_, list) = capability(machine, 3, 0, 254);
    list[4..]
        .chunks(4)
        .map(|code| u32::from_be_bytes(code.try_into().unwrap()))
        .collect()
}

#[test]
fn commands_of_the_list_need_a_person_for_the_platform_and_for_nobody_else() {
    let mut machine = Machine::new();
    let missing = rc::session(rc::PP, 1);
    let command = pp_commands(&[0x126, 0x17b, 0x144, 0x198, 0x999], &[]);
    assert_eq!(machine.send(&command, &mut open()).unwrap_err(), missing);
    machine.tpm().set_physical_presence(true);
    machine.send(&command, &mut open()).unwrap();
    // What the platform does not authorise, or what changes nothing lasting, is not for this list.
    assert_eq!(needing_presence(&mut machine), [0x126, PP_COMMANDS]);
    machine.tpm().set_physical_presence(false);
    let clear = |who: u32| Command::new(0x126).handle(who);
    assert_eq!(
        machine.send(&clear(rh::PLATFORM), &mut open()).unwrap_err(),
        missing
    );
    // Neither does a session help.
    let mut session = machine.start(Start::hmac());
    let by_session = [session.auth(b"").into()];
    let mut by_session = by_session;
    assert_eq!(
        machine
            .send(&clear(rh::PLATFORM), &mut by_session)
            .unwrap_err(),
        missing
    );
    machine.send(&clear(rh::LOCKOUT), &mut open()).unwrap();
    machine.reopen();
    machine.startup(0).unwrap();
    assert_eq!(needing_presence(&mut machine), [0x126, PP_COMMANDS]);
    machine.tpm().set_physical_presence(true);
    machine.send(&clear(rh::PLATFORM), &mut open()).unwrap();
    machine
        .send(&pp_commands(&[], &[0x126, PP_COMMANDS]), &mut open())
        .unwrap();
    assert_eq!(needing_presence(&mut machine), [PP_COMMANDS]);
    machine.tpm().set_physical_presence(false);
    machine.send(&clear(rh::PLATFORM), &mut open()).unwrap();
    for (command, code) in [
        (pp_commands(&[0; 255], &[]), rc::parameter(rc::SIZE, 1)),
        (pp_commands(&[], &[0; 255]), rc::parameter(rc::SIZE, 2)),
        (pp_commands(&[], &[]).u8(1), rc::SIZE),
    ] {
        machine.tpm().set_physical_presence(true);
        assert_eq!(machine.send(&command, &mut open()).unwrap_err(), code);
    }
}

#[test]
fn the_algorithm_set_is_told_again_and_stays() {
    let mut machine = Machine::new();
    assert_eq!(property(&mut machine, 0x20c), 0);
    let command = |who: u32| Command::new(0x13f).handle(who).u32(0x0102_0304);
    machine.send(&command(rh::PLATFORM), &mut open()).unwrap();
    assert_eq!(property(&mut machine, 0x20c), 0x0102_0304);
    machine.reopen();
    machine.startup(0).unwrap();
    assert_eq!(property(&mut machine, 0x20c), 0x0102_0304);
    assert_eq!(
        machine.send(&command(rh::OWNER), &mut open()).unwrap_err(),
        rc::handle(rc::VALUE, 1)
    );
    let wrong = Auth::password(b"x");
    assert!(machine.send(&command(rh::PLATFORM), &mut [wrong]).is_err());
}

fn read_only(on: u8) -> Command {
    Command::new(0x1a0).handle(rh::PLATFORM).u8(on)
}

#[test]
fn in_read_only_mode_what_is_for_good_stays_as_it_is() {
    let mut machine = Machine::new();
    let passing = 0x0100_0002;
    define(&mut machine, 0x0100_0001, PLAIN, b"", 8).unwrap();
    define(
        &mut machine,
        passing,
        PLAIN | ORDERLY | CLEAR_ST_CLEAR,
        b"",
        8,
    )
    .unwrap();
    let pin = OWNER_READ | OWNER_WRITE | AUTH_READ | NO_DA | PIN_PASS;
    define(&mut machine, 0x0100_0003, pin, b"pin", 8).unwrap();
    write(&mut machine, 0x0100_0003, &[0, 0, 0, 0, 0, 0, 0, 9], 0).unwrap();
    write(&mut machine, 0x0100_0001, b"12345678", 0).unwrap();
    machine.send(&read_only(1), &mut open()).unwrap();
    assert_eq!(property(&mut machine, 0x201) >> 4 & 1, 1);
    let records = machine.store.records();
    let refused = [
        Command::new(0x126).handle(rh::LOCKOUT),
        Command::new(0x127).handle(rh::PLATFORM).u8(1),
        Command::new(0x128).handle(rh::OWNER).u64(1 << 40),
        Command::new(0x129).handle(rh::OWNER).sized(b"new"),
        Command::new(0x12a)
            .handle(rh::OWNER)
            .sized(b"")
            .sized(&nv_public(0x0100_0009, PLAIN, &[], 8)),
        on_index(0x122, 0x0100_0001),
        on_index(0x137, 0x0100_0001).sized(b"x").u16(0),
        on_index(0x134, 0x0100_0001),
        Command::new(0x131).handle(rh::OWNER).raw(b"whatever"),
        Command::new(0x140)
            .handle(rh::OWNER)
            .u16(alg::NULL)
            .raw(&[0; 8]),
        Command::new(0x13f).handle(rh::PLATFORM).u32(1),
    ];
    for command in &refused {
        // It is said before any auth value is looked at: a wrong one is not counted.
        for auth in [&b""[..], b"wrong"] {
            let sent = machine.send(command, &mut [Auth::password(auth)]);
            assert_eq!(sent.unwrap_err(), READ_ONLY, "{:x}", command.code);
        }
    }
    assert_eq!(machine.store.records(), records);
    // A PIN cannot be used where its use is counted.
    let session = machine.start(Start::policy());
    let secret = Command::new(cc::POLICY_SECRET)
        .handle(0x0100_0003)
        .handle(session.handle)
        .sized(b"")
        .sized(b"")
        .sized(b"")
        .u32(0);
    assert_eq!(
        machine
            .send(&secret, &mut [Auth::password(b"pin")])
            .unwrap_err(),
        READ_ONLY
    );
    // What is read, what is volatile, and what no start keeps: all that goes.
    assert_eq!(read(&mut machine, 0x0100_0001, 8, 0).unwrap(), b"12345678");
    write(&mut machine, passing, b"volatile", 0).unwrap();
    extend(&mut machine, 7, b"measured");
    random(&mut machine);
    // A resume keeps the mode, a restart does not.
    machine.shutdown(1).unwrap();
    machine.power_cycle();
    machine.startup(1).unwrap();
    assert_eq!(
        machine.send(&refused[0], &mut open()).unwrap_err(),
        READ_ONLY
    );
    machine.shutdown(1).unwrap();
    machine.power_cycle();
    machine.startup(0).unwrap();
    assert_eq!(property(&mut machine, 0x201) >> 4 & 1, 0);
    write(&mut machine, 0x0100_0001, b"87654321", 0).unwrap();
    machine.send(&read_only(1), &mut open()).unwrap();
    machine.send(&read_only(0), &mut open()).unwrap();
    write(&mut machine, 0x0100_0001, b"12345678", 0).unwrap();
    assert_eq!(
        machine.send(&read_only(2), &mut open()).unwrap_err(),
        rc::parameter(rc::VALUE, 1)
    );
}

fn set_timer(handle: u32, seconds: u32) -> Command {
    Command::new(0x198).handle(handle).u32(seconds)
}

/// Seconds left and whether it ran out, by timer.
fn timers(machine: &mut Machine) -> Vec<(u32, u32)> {
    let (_, list) = capability(machine, 10, TIMER, 16);
    let word = |item: &[u8], at: usize| u32::from_be_bytes(item[at..at + 4].try_into().unwrap());
    list[4..]
        .chunks(12)
        .map(|item| (word(item, 4), word(item, 8)))
        .collect()
}

#[test]
fn a_timer_runs_out_and_the_machine_is_told() {
    let mut machine = Machine::new();
    assert_eq!(timers(&mut machine), [(0, 0), (0, 0)]);
    machine
        .send(&set_timer(TIMER + 1, 10), &mut open())
        .unwrap();
    machine.platform.advance(4_000);
    assert_eq!(timers(&mut machine), [(0, 0), (6, 0)]);
    assert_eq!(machine.tpm().timers_signalled(), 0);
    // Only one that ran out can be switched off.
    let off = set_timer(TIMER + 1, u32::MAX);
    let refused = rc::parameter(rc::VALUE, 1);
    assert_eq!(machine.send(&off, &mut open()).unwrap_err(), refused);
    machine.platform.advance(6_000);
    // Without any command.
    assert_eq!(machine.tpm().timers_signalled(), 0b10);
    assert_eq!(timers(&mut machine), [(0, 0), (0, 1)]);
    machine.send(&off, &mut open()).unwrap();
    assert_eq!(machine.tpm().timers_signalled(), 0);
    machine.send(&set_timer(TIMER, 5), &mut open()).unwrap();
    machine.send(&set_timer(TIMER, 0), &mut open()).unwrap();
    assert_eq!(machine.tpm().timers_signalled(), 0b01);
    for (handle, code) in [
        (TIMER + 2, rc::handle(rc::VALUE, 1)),
        (0x4000_011f, rc::handle(rc::VALUE, 1)),
        (rh::PLATFORM, rc::handle(rc::VALUE, 1)),
        (rh::OWNER, rc::handle(rc::VALUE, 1)),
    ] {
        assert_eq!(
            machine
                .send(&set_timer(handle, 1), &mut open())
                .unwrap_err(),
            code
        );
    }
}

#[test]
fn a_timer_is_the_platforms_or_whoevers_its_policy_names() {
    let mut machine = Machine::new();
    machine.change_auth(rh::PLATFORM, b"", b"platform");
    let command = set_timer(TIMER, 60);
    assert_eq!(
        machine.send(&command, &mut open()).unwrap_err(),
        rc::session(rc::BAD_AUTH, 1)
    );
    machine
        .send(&command, &mut [Auth::password(b"platform")])
        .unwrap();
    // Its policy: the command's code.
    let digest = crypto::policy_step(
        crypto::Hash::Sha256,
        &[0; 32],
        cc::POLICY_COMMAND_CODE,
        &[&0x198u32.to_be_bytes()],
    );
    let set = Command::new(cc::SET_PRIMARY_POLICY)
        .handle(TIMER)
        .sized(&digest)
        .u16(alg::SHA256);
    machine
        .send(&set, &mut [Auth::password(b"platform")])
        .unwrap();
    let told = |machine: &mut Machine| capability(machine, 9, TIMER, 1).1;
    assert_eq!(
        told(&mut machine),
        [&[0, 0, 0, 1][..], &TIMER.to_be_bytes(), &[0, 0x0b], &digest].concat()
    );
    let by_policy = |machine: &mut Machine, timer: u32| {
        let mut session = machine.start(Start::policy());
        let code = Command::new(cc::POLICY_COMMAND_CODE)
            .handle(session.handle)
            .u32(0x198);
        machine.send(&code, &mut []).unwrap();
        let mut auths = [session.plain_use().into()];
        machine.send(&set_timer(timer, 30), &mut auths).map(|_| ())
    };
    by_policy(&mut machine, TIMER).unwrap();
    assert_eq!(timers(&mut machine)[0], (30, 0));
    assert_eq!(
        by_policy(&mut machine, TIMER + 1).unwrap_err(),
        rc::AUTH_UNAVAILABLE
    );
    // A resume keeps timer and policy, a restart neither.
    machine.shutdown(1).unwrap();
    machine.power_cycle();
    machine.startup(1).unwrap();
    assert_eq!(timers(&mut machine)[0], (30, 0));
    machine.platform.advance(10_000);
    // Nobody set it since the start: half of what is left is gone.
    machine.shutdown(1).unwrap();
    machine.power_cycle();
    machine.startup(1).unwrap();
    assert_eq!(timers(&mut machine)[0], (10, 0));
    by_policy(&mut machine, TIMER).unwrap();
    machine.shutdown(1).unwrap();
    machine.power_cycle();
    machine.startup(0).unwrap();
    assert_eq!(timers(&mut machine), [(0, 0), (0, 0)]);
    assert!(by_policy(&mut machine, TIMER).is_err());
}

#[test]
fn a_timer_that_ran_out_is_still_signalled_after_a_resume() {
    let mut machine = Machine::new();
    machine.send(&set_timer(TIMER, 1), &mut open()).unwrap();
    machine.platform.advance(1_000);
    machine.shutdown(1).unwrap();
    machine.power_cycle();
    machine.startup(1).unwrap();
    assert_eq!(machine.tpm().timers_signalled(), 0b01);
    machine.reset();
    assert_eq!(machine.tpm().timers_signalled(), 0);
}
