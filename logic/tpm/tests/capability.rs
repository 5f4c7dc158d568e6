//! GetCapability: every list, from every start, with every count.
#![cfg(feature = "full")]

mod common;
mod state_common;

use common::{Command, Machine, Start, alg, rc};
use ironroot_tpm::Profile;
use state_common::nv::PLAIN;
use state_common::*;

/// A list asked for in pieces of every size is the list asked for at once, and says when it goes on.
fn in_pieces(
    machine: &mut Machine,
    what: u32,
    first: u32,
    len: usize,
    key: impl Fn(&[u8]) -> u32,
) -> Vec<Vec<u8>> {
    let (more, whole) = capability(machine, what, first, 10_000);
    assert!(!more);
    let items: Vec<Vec<u8>> = whole[4..].chunks(len).map(<[u8]>::to_vec).collect();
    assert_eq!(whole[..4], (items.len() as u32).to_be_bytes());
    for count in 1..=items.len() + 1 {
        let (mut gathered, mut next): (Vec<Vec<u8>>, u32) = (Vec::new(), first);
        loop {
            let (more, list) = capability(machine, what, next, count as u32);
            assert_eq!(
                list[..4],
                ((list.len() - 4) as u32 / len as u32).to_be_bytes(),
                "count {count}"
            );
            let piece: Vec<_> = list[4..].chunks(len).map(<[u8]>::to_vec).collect();
            assert!(piece.len() <= count);
            gathered.extend(piece);
            assert_eq!(more, gathered.len() < items.len(), "count {count}");
            if !more {
                break;
            }
            next = key(gathered.last().unwrap()) + 1;
        }
        assert_eq!(gathered, items, "count {count}");
    }
    let (more, none) = capability(machine, what, first, 0);
    assert_eq!((more, none), (!items.is_empty(), vec![0; 4]));
    items
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

#[test]
fn algorithms_come_in_order_with_their_attributes() {
    let mut machine = Machine::new();
    let key = |item: &[u8]| u32::from(u16::from_be_bytes([item[0], item[1]]));
    let list = in_pieces(&mut machine, 0, 0, 6, key);
    let numbers: Vec<_> = list.iter().map(|item| key(item)).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b));
    let attributes = |number: u16| {
        list.iter()
            .find(|item| key(item) == number.into())
            .map(|item| u32_at(item, 2))
    };
    for (number, expected) in [
        (alg::RSA, 0x9),
        (alg::SHA1, 0x4),
        (alg::AES, 0x2),
        (alg::KEYEDHASH, 0x30c),
        (alg::XOR, 0x6),
        (alg::SHA256, 0x4),
        (alg::ECC, 0x9),
        (0x25, 0x8),
        (0x17, 0x201),
        (0x18, 0x101),
        (alg::CFB, 0x202),
    ] {
        assert_eq!(attributes(number), Some(expected), "{number:x}");
    }
    // As Debian's swtpm has them, where it does.
    for (number, expected) in [
        (alg::SM3_256, 0x4),
        (alg::SM4, 0x2),
        (alg::ECDAA, 0x101),
        (alg::SM2, 0x501),
        (alg::ECSCHNORR, 0x101),
        (alg::ECMQV, 0x401),
        (0x21, 0x404),
        (alg::SHA3_256, 0x4),
        (alg::SHA3_384, 0x4),
        (alg::SHA3_512, 0x4),
        (alg::CMAC, 0x102),
    ] {
        assert_eq!(attributes(number), Some(expected), "{number:x}");
    }
    // TDES, Camellia, and a number that is nobody's.
    for number in [0x03, 0x26, 0x11] {
        assert_eq!(attributes(number), None);
    }
    assert_eq!(attributes(alg::NULL), None);
}

#[test]
fn commands_come_in_order_with_handles_and_flags() {
    let mut machine = Machine::new();
    let list = in_pieces(&mut machine, 2, 0, 4, |item| u32_at(item, 0) & 0xffff);
    let codes: Vec<_> = list.iter().map(|item| u32_at(item, 0)).collect();
    assert!(codes.is_sorted_by(|a, b| a & 0xffff < b & 0xffff));
    let of = |code: u32| codes.iter().find(|word| *word & 0xffff == code).copied();
    // TPMA_CC as the specification's tables give it: nv, extensive, flushed, handles, rHandle.
    for word in [
        0x0440_011f,
        0x0040_0144,
        0x0000_017b,
        0x0000_017a,
        0x02c0_0126,
        0x0440_0137,
        0x0400_014e,
        0x0200_0169,
        0x0240_0182,
        0x0300_013e,
        0x0540_0185,
        0x1000_0186,
        0x0240_012a,
    ] {
        assert_eq!(of(word & 0xffff), Some(word), "{word:08x}");
    }
    assert_eq!(property(&mut machine, 0x129) as usize, codes.len());
    assert_eq!(property(&mut machine, 0x12a) as usize, codes.len());
    assert_eq!(property(&mut machine, 0x12b), 0);
    for code in 0x11f..0x1b0 {
        let answer = machine.code(&[&[0x80, 1, 0, 0, 0, 10][..], &u32::to_be_bytes(code)].concat());
        assert_eq!(answer == rc::COMMAND_CODE, of(code).is_none(), "{code:x}");
    }
}

#[test]
fn handles_of_every_kind_are_listed() {
    let mut machine = Machine::new();
    for index in [5, 1, 3] {
        define(&mut machine, 0x0100_0000 + index, PLAIN, b"", 4).unwrap();
    }
    let sessions: Vec<_> = (0..3)
        .map(|_| machine.start(Start::hmac()).handle)
        .collect();
    let policy = machine.start(Start::policy()).handle;
    let sequence = Command::new(0x186).sized(b"").u16(alg::SHA256);
    let objects: Vec<_> = (0..2)
        .map(|_| machine.send(&sequence, &mut []).unwrap().handle)
        .collect();
    let key = |item: &[u8]| u32_at(item, 0);
    let all = |machine: &mut Machine, first: u32| -> Vec<u32> {
        in_pieces(machine, 1, first, 4, key)
            .iter()
            .map(|item| key(item))
            .collect()
    };
    assert_eq!(all(&mut machine, 0), (0..24).collect::<Vec<_>>());
    assert_eq!(
        all(&mut machine, 0x0100_0000),
        [0x0100_0001, 0x0100_0003, 0x0100_0005]
    );
    assert_eq!(all(&mut machine, 0x0100_0002), [0x0100_0003, 0x0100_0005]);
    assert_eq!(all(&mut machine, 0x8000_0000), objects);
    assert_eq!(all(&mut machine, 0x8100_0000), []);
    let (_, list) = capability(&mut machine, 1, 0x0200_0000, 64);
    let loaded: Vec<_> = list[4..].chunks(4).map(key).collect();
    assert_eq!(loaded, [&sessions[..], &[policy]].concat());
    assert_eq!(all(&mut machine, 0x0300_0000), []);
    let permanent = [
        0x4000_0001,
        0x4000_0007,
        0x4000_0009,
        0x4000_000a,
        0x4000_000b,
        0x4000_000c,
        0x4000_000d,
        0x4000_0110,
        0x4000_0111,
    ];
    assert_eq!(all(&mut machine, 0x4000_0000), permanent);
    assert_eq!(
        [0x202, 0x203, 0x205, 0x208].map(|number| property(&mut machine, number)),
        [3, 4, 4, 0]
    );
    assert_eq!(
        [0x204, 0x206, 0x207].map(|number| property(&mut machine, number)),
        [28, 60, 30]
    );
    for first in [0x0400_0000, 0x9000_0000, 0xffff_ffff, 0x2000_0000] {
        let command = Command::new(0x17a).u32(1).u32(first).u32(1);
        assert_eq!(
            machine.send(&command, &mut []).unwrap_err(),
            rc::parameter(rc::HANDLE, 2)
        );
    }
}

#[test]
fn properties_fixed_and_variable_are_listed_each_to_the_end_of_its_group() {
    let mut machine = Machine::new();
    let key = |item: &[u8]| u32_at(item, 0);
    let fixed = in_pieces(&mut machine, 6, 0, 8, key);
    assert!(fixed.iter().all(|item| (0x100..0x200).contains(&key(item))));
    let variable = in_pieces(&mut machine, 6, 0x200, 8, key);
    assert!(
        variable
            .iter()
            .all(|item| (0x200..0x300).contains(&key(item)))
    );
    assert_eq!((fixed.len(), variable.len()), (46, 21));
    assert_eq!(capability(&mut machine, 6, 0x300, 9), (false, vec![0; 4]));
    assert_eq!(
        capability(&mut machine, 6, u32::MAX, 9),
        (false, vec![0; 4])
    );
    for (number, expected) in [
        (0x100, u32::from_be_bytes(*b"2.0\0")),
        (0x101, 0),
        (0x102, 159),
        (0x105, u32::from_be_bytes(*b"IBM\0")),
        (0x106, u32::from_be_bytes(*b"SW  ")),
        (0x107, u32::from_be_bytes(*b" TPM")),
        (0x10d, 1024),
        (0x112, 24),
        (0x113, 3),
        (0x114, u32::MAX),
        (0x117, 2048),
        (0x11e, 4096),
        (0x120, 64),
        (0x12c, 1024),
        (0x12e, 1024),
        (0x20f, 3),
    ] {
        assert_eq!(property(&mut machine, number), expected, "{number:x}");
    }
}

#[test]
fn registers_curves_and_lists_of_commands_are_listed() {
    let mut machine = Machine::new();
    let properties = in_pieces(&mut machine, 7, 0, 8, |item| u32_at(item, 0));
    assert_eq!(properties.len(), 15);
    assert_eq!(properties[0], [0, 0, 0, 0, 3, 0xff, 0xff, 0]);
    let curves = in_pieces(&mut machine, 8, 0, 2, |item| {
        u16::from_be_bytes([item[0], item[1]]).into()
    });
    assert_eq!(curves.concat(), [0, 2, 0, 3, 0, 4, 0, 5, 0, 0x10, 0, 0x20]);
    // PP_Commands needs a person itself; SetCommandCodeAuditStatus is audited itself.
    for (what, only) in [(3, 0x12d), (4, 0x140)] {
        let list = in_pieces(&mut machine, what, 0, 4, |item| u32_at(item, 0));
        assert_eq!(list, [u32::to_be_bytes(only)]);
        let above = capability(&mut machine, what, only + 1, 5);
        assert_eq!(above, (false, vec![0; 4]));
    }
    let timers = in_pieces(&mut machine, 10, 0x4000_0110, 12, |item| u32_at(item, 0));
    let resting = |handle: u32| [&handle.to_be_bytes()[..], &[0; 8]].concat();
    assert_eq!(timers, [resting(0x4000_0110), resting(0x4000_0111)]);
    let above = capability(&mut machine, 10, 0x4000_0112, 5);
    assert_eq!(above, (false, vec![0; 4]));
    let (more, banks) = capability(&mut machine, 5, 0, 1);
    assert!(!more);
    assert_eq!(banks[..4], [0, 0, 0, 4]);
    assert_eq!(banks.len(), 4 + 4 * 6);
    assert_eq!(capability(&mut machine, 5, 0, 0), (true, vec![0; 4]));
    for (what, first, expected) in [
        (5, 1, rc::parameter(rc::VALUE, 2)),
        (9, 0, rc::parameter(rc::VALUE, 2)),
        (10, 0, rc::parameter(rc::VALUE, 2)),
        (11, 0, rc::parameter(rc::VALUE, 1)),
        (0x100, 0, rc::parameter(rc::VALUE, 1)),
        (u32::MAX, 0, rc::parameter(rc::VALUE, 1)),
    ] {
        let command = Command::new(0x17a).u32(what).u32(first).u32(1);
        assert_eq!(
            machine.send(&command, &mut []).unwrap_err(),
            expected,
            "{what}"
        );
    }
    let short = Command::new(0x17a).u32(0).u32(0).u16(0);
    assert_eq!(
        machine.send(&short, &mut []).unwrap_err(),
        rc::parameter(rc::INSUFFICIENT, 3)
    );
    let long = Command::new(0x17a).u32(0).u32(0).u32(0).u8(0);
    assert_eq!(machine.send(&long, &mut []).unwrap_err(), rc::SIZE);
}

#[test]
fn the_answer_never_exceeds_the_capability_buffer() {
    let mut machine = Machine::new();
    for index in 0..256 {
        define(&mut machine, 0x0100_0000 + index, PLAIN, b"", 1).unwrap();
    }
    for (what, first) in [
        (0, 0),
        (1, 0x0100_0000),
        (2, 0),
        (6, 0x100),
        (7, 0),
        (8, 0),
        (9, 0x4000_0000),
    ] {
        let (_, list) = capability(&mut machine, what, first, u32::MAX);
        assert!(4 + list.len() <= 1024, "{what}");
    }
}

#[test]
fn a_small_profile_tells_its_own_limits_and_name() {
    let mut machine = Machine::with_profile(&Profile::PC_CLIENT);
    assert_eq!(
        [0x10e, 0x110, 0x111].map(|number| property(&mut machine, number)),
        [3, 3, 64]
    );
    let mut machine = Machine::with_profile(&Profile::SMALL);
    assert_eq!(property(&mut machine, 0x105), u32::from_be_bytes(*b"IRRT"));
    let (_, banks) = capability(&mut machine, 5, 0, 1);
    let none = [&[3u8][..], &[0; 3]].concat();
    assert!(
        banks.windows(4).any(|window| window == none),
        "two of the four banks are empty"
    );
}
