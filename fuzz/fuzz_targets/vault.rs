//! A store, its users, its power supply and its attacker, all driven by the input.
//!
//! Honest steps must do what a map does, whenever power goes. After the attacker wrote the flash, the
//! store refuses or holds exactly what it should.

#![no_main]

use std::collections::BTreeMap;

use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_platform::Geometry;
use ironroot_platform::model::{Cut, Effect, ModelCounter, ModelFlash, Power};
use ironroot_vault::{Change, RecordId, Space, Vault, VaultError};
use libfuzzer_sys::fuzz_target;

type Store<'a> = Vault<&'a mut ModelFlash, &'a mut ModelCounter, 8>;
type Content = BTreeMap<u64, Vec<u8>>;

fuzz_target!(|input: &[u8]| {
    let mut input = Input(input);
    let unit = 1 << (input.byte() % 6);
    let erased = if input.byte() & 1 == 0 { 0xff } else { 0x00 };
    let sectors = 4 + u32::from(input.byte() % 12);
    let geometry = Geometry {
        sector_size: 256,
        sectors,
        write_unit: unit,
        erased,
    };
    let power = Power::new();
    let mut device = Device {
        flash: ModelFlash::unproven(geometry, &power),
        counter: ModelCounter::new(0, u32::MAX, &power),
        power,
        boots: 0,
    };
    let mut allowed = vec![Content::new()];
    for _ in 0..40 {
        if input.0.is_empty() {
            break;
        }
        allowed = device.boot(allowed, &mut input);
        device.attack(&allowed, &mut input);
        assert_eq!(device.flash.violations(), 0);
    }
});

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *byte
    }

    fn word(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }
}

struct Device {
    flash: ModelFlash,
    counter: ModelCounter,
    power: Power,
    boots: u8,
}

impl Device {
    fn mount(&mut self) -> Result<Store<'_>, VaultError> {
        self.boots = self.boots.wrapping_add(1);
        let mut drbg = Drbg::new(&Secret::new([self.boots; 32]), b"fuzz");
        Vault::mount(
            &mut self.flash,
            &mut self.counter,
            &Secret::new([7; 32]),
            &mut drbg,
        )
    }

    /// One boot with honest users and a power supply that may fail.
    fn boot(&mut self, allowed: Vec<Content>, input: &mut Input<'_>) -> Vec<Content> {
        self.power.on();
        let effects = [
            Effect::NotBegun,
            Effect::LooksUntouched,
            Effect::Partial,
            Effect::LooksDone,
        ];
        let kind = input.byte();
        let cut = Cut {
            effect: effects[usize::from(kind & 3)],
            unstable: kind & 4 != 0,
            seed: kind.into(),
        };
        if kind & 8 != 0 {
            self.power
                .cut_at(self.power.operations() + u64::from(input.byte() % 64), cut);
        }
        let power = self.power.clone();
        let mut store = match self.mount() {
            Ok(store) => store,
            Err(error) => {
                assert!(!power.is_on(), "the store does not mount: {error:?}");
                return allowed;
            }
        };
        let mut now = content_of(&mut store);
        assert!(allowed.contains(&now), "neither old nor new");
        for _ in 0..input.byte() % 32 {
            let before = now.clone();
            let done = step(&mut store, &mut now, input);
            match done {
                Ok(()) => {}
                Err(_) if !power.is_on() => return vec![before, now],
                Err(VaultError::Missing | VaultError::NoSpace | VaultError::TooLong) => {
                    now = before
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(content_of(&mut store), now);
        vec![now]
    }

    /// Another image on the same flash, and the right one back.
    fn attack(&mut self, allowed: &[Content], input: &mut Input<'_>) {
        let rounds = input.byte() % 4;
        let power = Power::new();
        for _ in 0..rounds {
            let mut image = self.flash.bytes().to_vec();
            for _ in 0..input.byte() % 8 {
                forge(&mut image, input);
            }
            let mut forged = Device {
                flash: self.flash.fork(&power),
                counter: self.counter.fork(&power),
                power: power.clone(),
                boots: self.boots.wrapping_add(99),
            };
            forged.flash.reprogram(&image);
            match forged.mount() {
                Ok(mut store) => assert!(allowed.contains(&content_of(&mut store))),
                Err(VaultError::Tampered | VaultError::RolledBack | VaultError::NotBlank) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    }
}

fn forge(image: &mut [u8], input: &mut Input<'_>) {
    let at = usize::from(input.word()) % image.len();
    let sector = at / 256 * 256;
    match input.byte() % 4 {
        0 => image[at] ^= input.byte(),
        1 => image[at..]
            .iter_mut()
            .take(20)
            .for_each(|byte| *byte = input.byte()),
        2 => image[sector..sector + 256].fill(input.byte()),
        _ => {
            let from = usize::from(input.word()) % image.len() / 256 * 256;
            image.copy_within(from..from + 256, sector);
        }
    }
}

fn id(number: u64) -> RecordId {
    RecordId::new(Space(1), -1, number)
}

/// Any step. `now` becomes what the store should hold if it is done.
fn step(store: &mut Store<'_>, now: &mut Content, input: &mut Input<'_>) -> Result<(), VaultError> {
    let number = u64::from(input.byte() % 5);
    let data = vec![input.byte(); usize::from(input.byte())];
    match input.byte() % 5 {
        0 => {
            now.remove(&number);
            store.remove(&id(number))
        }
        1 => {
            let other = (number + 1) % 5;
            now.insert(number, data.clone());
            now.insert(other, vec![1]);
            store.commit(&[
                Change::Set {
                    id: id(number),
                    flags: 0,
                    data: &data,
                },
                Change::Set {
                    id: id(other),
                    flags: 0,
                    data: &[1],
                },
            ])
        }
        2 => {
            let before = store.counter_read(&id(9))?;
            store
                .counter_increment(&id(9))
                .map(|value| assert_eq!(value, before + 1))
        }
        _ => {
            now.insert(number, data.clone());
            store.set(&id(number), 0, &data)
        }
    }
}

fn content_of(store: &mut Store<'_>) -> Content {
    let ids: Vec<_> = store.ids(Space(1), -1).collect();
    ids.iter()
        .map(|id| {
            (
                id.id,
                store
                    .read(id, <[u8]>::to_vec)
                    .expect("a listed record can be read"),
            )
        })
        .collect()
}
