//! PCRs: banks, extending, events, resets, allocation, and a random test against a simple model.
#![cfg(feature = "full")]

mod common;
mod state_common;

use common::{Auth, Command, Machine, alg, crypto, rc, rh};
use crypto::Hash;
use state_common::*;

const BANKS: [(u16, Hash, usize); 4] = [
    (alg::SHA1, Hash::Sha1, 20),
    (alg::SHA256, Hash::Sha256, 32),
    (alg::SHA384, Hash::Sha384, 48),
    (alg::SHA512, Hash::Sha512, 64),
];
/// TPM_RC_PCR
const PCR: u32 = 0x127;

/// `TPML_DIGEST_VALUES`
fn values(list: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = (list.len() as u32).to_be_bytes().to_vec();
    for (bank, digest) in list {
        bytes.extend(bank.to_be_bytes());
        bytes.extend(*digest);
    }
    bytes
}

fn allocation(banks: &[(u16, u32)]) -> Vec<u8> {
    let mut list = (banks.len() as u32).to_be_bytes().to_vec();
    for (bank, bits) in banks {
        list.extend(bank.to_be_bytes());
        list.push(3);
        list.extend(&bits.to_le_bytes()[..3]);
    }
    list
}

/// Worked out with Python's hashlib: extending zeroes with the digest of "abc".
#[test]
fn extending_zeroes_gives_the_published_values() {
    let mut machine = Machine::new();
    for (bank, hash, _) in BANKS {
        let digest = crypto::hash(hash, &[b"abc"]);
        let command = Command::new(0x182)
            .handle(10)
            .raw(&values(&[(bank, &digest)]));
        machine.send(&command, &mut open()).unwrap();
    }
    let published = PUBLISHED.map(|text| {
        (0..text.len() / 2)
            .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
            .collect::<Vec<u8>>()
    });
    for ((bank, ..), published) in BANKS.iter().zip(published) {
        assert_eq!(pcr_of(&mut machine, *bank, 10).unwrap(), published);
    }
}

const PUBLISHED: [&str; 4] = [
    "ccd5bd41458de644ac34a2478b58ff819bef5acf",
    "589f9ffed4c477966bfb8d41f37895b08c69047df8f911d6f3b57fbe08faee8d",
    "93732e3733514a841c982cfa75ea76ab55fe011acb9cd980ef4523913c65be1b0998e04d77f8c174f81a82151619ca40",
    "6b9e946755055542adba95a1588a7eaed86323b3bed97d602ee06839d734048e02c63f37892d3adde0d25b5a9d89162e8804ab9ec0ac4a263545c4faecfdf53b",
];

#[test]
fn a_list_of_digests_extends_each_bank_named_and_no_other() {
    let mut machine = Machine::new();
    let list = values(&[(alg::SHA1, &[1; 20]), (alg::SHA512, &[5; 64])]);
    machine
        .send(&Command::new(0x182).handle(3).raw(&list), &mut open())
        .unwrap();
    for (bank, hash, len) in BANKS {
        let given: Option<Vec<u8>> = match bank {
            alg::SHA1 => Some(vec![1; 20]),
            alg::SHA512 => Some(vec![5; 64]),
            _ => None,
        };
        let zero = vec![0; len];
        let expected = given.map_or(zero.clone(), |digest| crypto::hash(hash, &[&zero, &digest]));
        assert_eq!(pcr_of(&mut machine, bank, 3).unwrap(), expected);
    }
}

#[test]
fn malformed_extends_are_refused_and_extend_nothing() {
    let mut machine = Machine::new();
    let before = picture(&mut machine);
    let extend = |bytes: &[u8]| Command::new(0x182).handle(3).raw(bytes);
    let good = values(&[(alg::SHA256, &[1; 32]), (alg::SHA1, &[1; 20])]);
    for (bytes, expected) in [
        (
            values(&[(alg::SHA256, &[1; 32]), (0x11, &[1; 32])]),
            rc::parameter(rc::HASH, 1),
        ),
        (
            values(&[(alg::SHA256, &[1; 32]), (alg::NULL, &[])]),
            rc::parameter(rc::HASH, 1),
        ),
        (5u32.to_be_bytes().to_vec(), rc::parameter(rc::SIZE, 1)),
        (u32::MAX.to_be_bytes().to_vec(), rc::parameter(rc::SIZE, 1)),
        (
            good[..good.len() - 1].to_vec(),
            rc::parameter(rc::INSUFFICIENT, 1),
        ),
        ([&good[..], &[0]].concat(), rc::SIZE),
        (vec![], rc::parameter(rc::INSUFFICIENT, 1)),
    ] {
        assert_eq!(
            machine.send(&extend(&bytes), &mut open()).unwrap_err(),
            expected
        );
    }
    let beyond = Command::new(0x182).handle(24).raw(&good);
    assert_eq!(
        machine.send(&beyond, &mut open()).unwrap_err(),
        rc::handle(rc::VALUE, 1)
    );
    let without = Command::new(0x182).handle(3).raw(&good);
    assert_eq!(
        machine.send(&without, &mut []).unwrap_err(),
        rc::AUTH_MISSING
    );
    let password = machine
        .send(&without, &mut [Auth::password(b"x")])
        .unwrap_err();
    assert_eq!(password, rc::session(rc::BAD_AUTH, 1));
    assert_eq!(picture(&mut machine), before);
    machine
        .send(
            &Command::new(0x182).handle(rh::NULL).raw(&good),
            &mut open(),
        )
        .unwrap();
    assert_eq!(
        picture(&mut machine),
        before,
        "the null handle extends nothing"
    );
    machine.send(&extend(&values(&[])), &mut open()).unwrap();
    assert_eq!(picture(&mut machine), before);
}

#[test]
fn extends_and_resets_go_by_locality() {
    let mut machine = Machine::new();
    let digest = values(&[(alg::SHA256, &[1; 32])]);
    for (number, localities) in [
        (0, &[0, 1, 2, 3, 4][..]),
        (16, &[0, 1, 2, 3, 4]),
        (17, &[2, 3, 4]),
        (18, &[2, 3, 4]),
        (19, &[2, 3]),
        (20, &[1, 2, 3]),
        (21, &[2]),
        (22, &[2]),
        (23, &[0, 1, 2, 3, 4]),
    ] {
        for locality in [0, 1, 2, 3, 4, 32, 255] {
            let command = Command::new(0x182)
                .handle(number)
                .raw(&digest)
                .locality(locality);
            let expected = if localities.contains(&locality) {
                Ok(())
            } else {
                Err(rc::LOCALITY)
            };
            assert_eq!(
                machine.send(&command, &mut open()).map(|_| ()),
                expected,
                "{number} from {locality}"
            );
        }
    }
    for (number, localities) in [
        (0, &[][..]),
        (15, &[]),
        (16, &[0, 1, 2, 3]),
        (17, &[]),
        (19, &[]),
        (20, &[2]),
        (22, &[2]),
        (23, &[0, 1, 2, 3]),
    ] {
        for locality in [0, 1, 2, 3, 4, 32] {
            let command = Command::new(0x13d).handle(number).locality(locality);
            let expected = if localities.contains(&locality) {
                Ok(())
            } else {
                Err(rc::LOCALITY)
            };
            assert_eq!(
                machine.send(&command, &mut open()).map(|_| ()),
                expected,
                "{number} from {locality}"
            );
        }
    }
    assert_eq!(
        pcr(&mut machine, 20),
        [0; 32],
        "a reset sets to zero what a start set to ones"
    );
}

#[test]
fn an_event_is_hashed_for_every_bank_and_extends_it() {
    let mut machine = Machine::new();
    for (handle, data) in [(9, &b"event"[..]), (rh::NULL, &[1; 1024]), (9, &[])] {
        let before = BANKS.map(|(bank, ..)| pcr_of(&mut machine, bank, 9).unwrap());
        let reply = machine
            .send(&Command::new(0x13c).handle(handle).sized(data), &mut open())
            .unwrap();
        let mut reader = reply.reader();
        assert_eq!(reader.u32(), 4);
        for ((bank, hash, len), before) in BANKS.into_iter().zip(before) {
            assert_eq!(reader.u16(), bank);
            let digest = crypto::hash(hash, &[data]);
            assert_eq!(reader.take(len), digest);
            let expected = match handle {
                9 => crypto::hash(hash, &[&before, &digest]),
                _ => before,
            };
            assert_eq!(pcr_of(&mut machine, bank, 9).unwrap(), expected);
        }
        reader.end();
    }
    let long = Command::new(0x13c).handle(9).sized(&[0; 1025]);
    assert_eq!(
        machine.send(&long, &mut open()).unwrap_err(),
        rc::parameter(rc::SIZE, 1)
    );
    let above = Command::new(0x13c).handle(21).sized(b"x");
    assert_eq!(machine.send(&above, &mut open()).unwrap_err(), rc::LOCALITY);
}

#[test]
fn reading_gives_eight_values_and_says_which() {
    let mut machine = Machine::new();
    extend(&mut machine, 2, b"two");
    let ask = allocation(&[
        (alg::SHA1, 0b111),
        (alg::SHA256, 0xff_ffff),
        (alg::SHA384, 1),
    ]);
    let reply = machine
        .send(&Command::new(0x17e).raw(&ask), &mut [])
        .unwrap();
    let mut reader = reply.reader();
    assert_eq!(reader.u32(), pcr_counter(&mut machine));
    let told = allocation(&[
        (alg::SHA1, 0b111),
        (alg::SHA256, 0b1_1111),
        (alg::SHA384, 0),
    ]);
    assert_eq!(reader.take(told.len()), told);
    assert_eq!(reader.u32(), 8);
    (0..3).for_each(|_| assert_eq!(reader.sized(), [0; 20]));
    let values: Vec<_> = (0..5).map(|_| reader.sized().to_vec()).collect();
    assert_eq!(values[2], pcr(&mut machine, 2));
    reader.end();
    for (bytes, expected) in [
        (
            vec![0, 0, 0, 1, 0, 0x0b, 2, 0xff, 0xff],
            rc::parameter(rc::VALUE, 1),
        ),
        (
            vec![0, 0, 0, 1, 0, 0x0b, 4, 0xff, 0xff, 0xff, 0],
            rc::parameter(rc::VALUE, 1),
        ),
        (
            vec![0, 0, 0, 1, 0, 0x11, 3, 0, 0, 0],
            rc::parameter(rc::HASH, 1),
        ),
        (vec![0, 0, 0, 5], rc::parameter(rc::SIZE, 1)),
        (
            vec![0, 0, 0, 1, 0, 0x0b, 3, 1, 0],
            rc::parameter(rc::INSUFFICIENT, 1),
        ),
        (vec![0, 0, 0, 0, 9], rc::SIZE),
    ] {
        assert_eq!(
            machine
                .send(&Command::new(0x17e).raw(&bytes), &mut [])
                .unwrap_err(),
            expected
        );
    }
}

#[test]
fn the_counter_steps_with_changes_that_count_only() {
    let mut machine = Machine::new();
    let mut at = pcr_counter(&mut machine);
    let mut stepped = |machine: &mut Machine| {
        let before = at;
        at = pcr_counter(machine);
        at - before
    };
    extend(&mut machine, 4, b"x");
    assert_eq!(stepped(&mut machine), 1);
    let four = values(&BANKS.map(|(bank, _, len)| (bank, &[1; 64][..len])));
    machine
        .send(&Command::new(0x182).handle(4).raw(&four), &mut open())
        .unwrap();
    assert_eq!(stepped(&mut machine), 4, "once for each bank");
    extend(&mut machine, 16, b"x");
    extend(&mut machine, 23, b"x");
    machine
        .send(&Command::new(0x13d).handle(16), &mut open())
        .unwrap();
    extend(&mut machine, 22, b"x");
    assert_eq!(stepped(&mut machine), 0);
    pcr(&mut machine, 4);
    assert_eq!(stepped(&mut machine), 0);
    machine.shutdown(1).unwrap();
    machine.reset();
    assert!(stepped(&mut machine) > 0, "a restart goes on counting");
    machine.reset();
    assert!(pcr_counter(&mut machine) <= 24, "a reset begins anew");
}

#[test]
fn an_allocation_waits_for_the_next_reset() {
    let mut machine = Machine::new();
    let allocate = |banks: &[(u16, u32)]| {
        Command::new(0x12b)
            .handle(rh::PLATFORM)
            .raw(&allocation(banks))
    };
    let all = 0xff_ffff;
    let none = [
        (alg::SHA1, 0),
        (alg::SHA256, 0),
        (alg::SHA384, 0),
        (alg::SHA512, 0),
    ];
    assert_eq!(
        machine.send(&allocate(&none), &mut open()).unwrap_err(),
        PCR
    );
    let without_17 = [
        (alg::SHA1, 0),
        (alg::SHA256, all & !(1 << 17)),
        (alg::SHA384, 0),
        (alg::SHA512, 0),
    ];
    assert_eq!(
        machine
            .send(&allocate(&without_17), &mut open())
            .unwrap_err(),
        PCR
    );
    let by_owner = Command::new(0x12b)
        .handle(rh::OWNER)
        .raw(&allocation(&none));
    assert_eq!(
        machine.send(&by_owner, &mut open()).unwrap_err(),
        rc::handle(rc::VALUE, 1)
    );

    let change = [(alg::SHA1, 0), (alg::SHA512, 0b11)];
    let reply = machine.send(&allocate(&change), &mut open()).unwrap();
    let mut reader = reply.reader();
    assert_eq!(reader.u8(), 1);
    assert_eq!(reader.u32(), 24);
    assert_eq!(reader.u32(), 24 * 32 + 24 * 48 + 2 * 64);
    assert_eq!(reader.u32(), 24 * (20 + 32 + 48 + 64));
    reader.end();
    assert_eq!(
        capability(&mut machine, 5, 0, 8).1,
        allocation(&BANKS.map(|(bank, ..)| (bank, all)))
    );
    assert_eq!(machine.shutdown(1).unwrap_err(), rc::parameter(0x08a, 1));
    machine.shutdown(0).unwrap();
    machine.reset();
    let expected = allocation(&[
        (alg::SHA1, 0),
        (alg::SHA256, all),
        (alg::SHA384, all),
        (alg::SHA512, 0b11),
    ]);
    assert_eq!(
        capability(&mut machine, 5, 0, 1).1,
        expected,
        "whatever the count"
    );
    assert_eq!(pcr_of(&mut machine, alg::SHA1, 0), None);
    assert_eq!(pcr_of(&mut machine, alg::SHA512, 2), None);
    assert!(pcr_of(&mut machine, alg::SHA512, 1).is_some());
    extend(&mut machine, 5, b"saved");
    let value = pcr(&mut machine, 5);
    machine.shutdown(1).unwrap();
    machine.power_cycle();
    machine.startup(1).unwrap();
    assert_eq!(pcr(&mut machine, 5), value);
    let digest = values(&[(alg::SHA1, &[1; 20])]);
    let counter = pcr_counter(&mut machine);
    machine
        .send(&Command::new(0x182).handle(5).raw(&digest), &mut open())
        .unwrap();
    assert_eq!(
        pcr_counter(&mut machine),
        counter,
        "a bank that is not there is not extended"
    );
}

#[test]
fn no_register_takes_an_auth_value_or_policy_of_its_own() {
    let mut machine = Machine::new();
    let policy = |digest: &[u8], hash: u16, number: u32| {
        Command::new(0x12c)
            .handle(rh::PLATFORM)
            .sized(digest)
            .u16(hash)
            .u32(number)
    };
    for (command, expected) in [
        (
            policy(&[1; 32], alg::SHA256, 20),
            rc::parameter(rc::VALUE, 3),
        ),
        (
            policy(&[1; 31], alg::SHA256, 20),
            rc::parameter(rc::SIZE, 1),
        ),
        (policy(&[], alg::NULL, 24), rc::parameter(rc::VALUE, 3)),
        (
            Command::new(0x183).handle(20).sized(b"auth"),
            rc::handle(rc::VALUE, 1),
        ),
    ] {
        assert_eq!(machine.send(&command, &mut open()).unwrap_err(), expected);
    }
    for property in [0x13, 0x14] {
        let (_, list) = capability(&mut machine, 7, property, 1);
        assert_eq!(
            list[4..],
            [&property.to_be_bytes()[..], &[3, 0, 0, 0]].concat()
        );
    }
}

#[test]
fn random_extends_resets_and_starts_agree_with_a_model() {
    let mut dice = Dice(0x5eed_0003);
    let mut machine = Machine::new();
    let fresh =
        |number: usize, len: usize| vec![if (17..=22).contains(&number) { 0xff } else { 0 }; len];
    let mut model: Vec<Vec<Vec<u8>>> = BANKS
        .iter()
        .map(|(_, _, len)| (0..24).map(|number| fresh(number, *len)).collect())
        .collect();
    for step in 0..600 {
        let number = dice.roll(24) as usize;
        match dice.roll(12) {
            0..=5 => {
                let (bank, hash, len) = BANKS[dice.roll(4) as usize];
                let digest = dice.bytes(len);
                let command = Command::new(0x182)
                    .handle(number as u32)
                    .raw(&values(&[(bank, &digest)]))
                    .locality(2);
                machine.send(&command, &mut open()).unwrap();
                let at = BANKS.iter().position(|known| known.0 == bank).unwrap();
                model[at][number] = crypto::hash(hash, &[&model[at][number], &digest]);
            }
            6 => {
                let may = matches!(number, 16 | 20..=23);
                let command = Command::new(0x13d).handle(number as u32).locality(2);
                assert_eq!(machine.send(&command, &mut open()).is_ok(), may);
                if may {
                    model.iter_mut().for_each(|bank| bank[number].fill(0));
                }
            }
            7 if dice.roll(4) == 0 => {
                machine.tpm().hash_start();
                machine.tpm().hash_data(&step.to_string().into_bytes());
                machine.tpm().hash_end();
                for (bank, (_, hash, len)) in model.iter_mut().zip(BANKS) {
                    bank[17..=22].iter_mut().for_each(|value| value.fill(0));
                    let digest = crypto::hash(hash, &[step.to_string().as_bytes()]);
                    bank[17] = crypto::hash(hash, &[&vec![0; len], &digest]);
                }
            }
            8 if dice.roll(4) == 0 => {
                let resume = dice.roll(2) == 0;
                machine.shutdown(1).unwrap();
                machine.power_cycle();
                machine.startup(u16::from(resume)).unwrap();
                for (bank, (_, _, len)) in model.iter_mut().zip(BANKS) {
                    for (number, value) in bank.iter_mut().enumerate() {
                        if !(resume && number < 16) {
                            *value = fresh(number, len);
                        }
                    }
                }
            }
            _ => {
                for (bank, values) in BANKS.iter().zip(&model) {
                    assert_eq!(
                        pcr_of(&mut machine, bank.0, number as u32).unwrap(),
                        values[number],
                        "step {step}"
                    );
                }
            }
        }
    }
}
