//! Boots of devices that run images in place: whatever stands in the trailers, the secondary slot and the scratch
//! area, and wherever power is cut, the image in the primary slot or one that is as good boots, in few operations.

#![no_main]

use ironroot_boot::flash_map::{Area, FlashMap, PerImage, PerSlot};
use ironroot_boot::install::method::Method;
use ironroot_boot::install::set::EachForItself;
use ironroot_boot::install::{Overwrite, SwapMove, SwapOffset, SwapScratch};
use ironroot_boot::otp::{RootKeys, Scheme};
use ironroot_boot::{BootError, Device, Event, Image, ImageRules, Setup, boot_in_place};
use ironroot_crypto::Secret;
use ironroot_crypto::ed25519::Ed25519PrivateKey;
use ironroot_crypto::hash::{HashAlgorithm, digest};
use ironroot_image::build::{KeyForm, Recipe};
use ironroot_image::{Suite, Version, suites};
use ironroot_platform::model::{Cut, Effect, ModelCounter, ModelFlash, Power};
use ironroot_platform::{Flash, FlashError, Geometry};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::LazyLock;

const SUITES: &[(Scheme, &Suite)] = &[(Scheme::Ed25519Sha256, &suites::ED25519_SHA256)];
const SECTOR: u32 = 256;
const SLOT: u32 = 5 * SECTOR;
const GEOMETRY: Geometry = Geometry {
    sector_size: SECTOR,
    sectors: 32,
    write_unit: 4,
    erased: 0xff,
};

const fn area(offset: u32, len: u32) -> Area {
    Area { offset, len }
}

const SCRATCH: Area = area(2 * SLOT, SECTOR);
const fn spare(number: u32) -> Area {
    area(SCRATCH.offset + SECTOR * (1 + number), SECTOR)
}

const MAP: FlashMap = FlashMap {
    geometry: GEOMETRY,
    slots: PerImage {
        secure: PerSlot {
            a: area(0, SLOT),
            b: area(SLOT, SLOT),
        },
        non_secure: PerSlot {
            a: spare(0),
            b: spare(1),
        },
    },
    vault: spare(2),
    otp: spare(3),
    security_counters: PerImage {
        secure: spare(4),
        non_secure: spare(5),
    },
    vault_counter: spare(6),
    boot_counter: spare(7),
    set_record: spare(8),
};

/// A handle on the flash, as a driver's.
#[derive(Clone)]
struct Handle(Rc<RefCell<ModelFlash>>);

impl Flash for Handle {
    fn geometry(&self) -> Geometry {
        GEOMETRY
    }
    fn read(&self, offset: u32, out: &mut [u8]) -> Result<(), FlashError> {
        self.0.borrow().read(offset, out)
    }
    fn program(&mut self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        self.0.borrow_mut().program(offset, data)
    }
    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        self.0.borrow_mut().erase(sector)
    }
}

/// The root keys, version 1 and version 2.
static GIVEN: LazyLock<(RootKeys, [Vec<u8>; 2])> = LazyLock::new(|| {
    let key = Ed25519PrivateKey::from_seed(&Secret::new([1; 32]));
    // RFC 8410, section 4.
    let mut der = vec![
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    der.extend(key.public().to_bytes());
    let hash = digest(HashAlgorithm::Sha256, &der);
    let root = RootKeys::one(Scheme::Ed25519Sha256, hash.as_slice()).unwrap();
    let image = |major: u8| {
        let recipe = Recipe {
            security_counter: Some(1),
            ..Recipe::new(
                &suites::ED25519_SHA256,
                Some(KeyForm::Whole(&der)),
                Version::new(major, 0, 0),
            )
        };
        let mut out = [0; 0x400];
        let unsigned = recipe.assemble(&[major; 150], &mut out).unwrap();
        let signature = key.sign(unsigned.digest());
        unsigned.finish(Some(&signature)).unwrap().to_vec()
    };
    (root, [image(1), image(2)])
});

fn boot<M: Method + Default>(
    flash: &Handle,
    power: &Power,
    counters: &mut PerImage<ModelCounter>,
    bootstrap: bool,
) -> Result<u8, BootError> {
    let root_keys = PerImage {
        secure: GIVEN.0,
        non_secure: GIVEN.0,
    };
    let rules = ImageRules {
        bootstrap,
        ..ImageRules::default()
    };
    let setup = Setup {
        images: &[Image::Secure],
        address: PerImage::default(),
        max_sectors: 5,
        scratch: Some(SCRATCH),
        rules: PerImage {
            secure: rules,
            non_secure: rules,
        },
    };
    let mut device = Device {
        flash: flash.clone(),
        map: &MAP,
        root_keys: &root_keys,
        counters: PerImage {
            secure: &mut counters.secure,
            non_secure: &mut counters.non_secure,
        },
        suites: SUITES,
        decryption: None,
    };
    let before = power.operations();
    let mut report = |_: &Event| {};
    let record = &mut EachForItself;
    let launched = boot_in_place(M::default(), &mut device, &setup, record, &mut report);
    assert!(power.operations() - before < 400, "too many operations");
    Ok(launched?.verified(Image::Secure).unwrap().version().major)
}

/// Content of the flash beside the image in the primary slot: pairs of a place and a byte.
fn paint(image: &mut [u8], input: &[u8]) {
    for pair in input.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([pair[0], pair[1]]));
        // From the primary slot's trailer on, to the end of the scratch area.
        let (first, end) = ((SLOT - SECTOR) as usize, (SCRATCH.offset + SECTOR) as usize);
        image[first + at % (end - first)] = pair[2];
    }
}

fn live<M: Method + Default>(choice: u8, cut: u8, input: &[u8]) {
    let [old, new] = &GIVEN.1;
    let mut image = vec![0xff; (GEOMETRY.sector_size * GEOMETRY.sectors) as usize];
    image[..old.len()].copy_from_slice(old);
    if choice & 1 == 0 {
        let at = (SLOT + M::CANDIDATE * SECTOR) as usize;
        image[at..at + new.len()].copy_from_slice(new);
    }
    if choice & 2 == 0 {
        // MCUboot's magic, where the guesses of a fuzzer would take long.
        const MAGIC: [u8; 16] = [
            0x77, 0xc2, 0x95, 0xf3, 0x60, 0xd2, 0xef, 0x7f, 0x35, 0x52, 0x50, 0x0f, 0x2c, 0xb6,
            0x79, 0x80,
        ];
        for (bit, end) in [(4, SLOT), (8, 2 * SLOT), (16, SCRATCH.offset + SECTOR)] {
            if choice & bit == 0 {
                image[end as usize - 16..end as usize].copy_from_slice(&MAGIC);
            }
        }
    }
    paint(&mut image, input);
    let power = Power::new();
    let mut flash = ModelFlash::new(GEOMETRY, &power);
    flash.reprogram(&image);
    let flash = Handle(Rc::new(RefCell::new(flash)));
    let mut counters = PerImage {
        secure: ModelCounter::new(1, 9, &power),
        non_secure: ModelCounter::new(1, 9, &power),
    };
    if cut != 0 {
        let effect = [Effect::NotBegun, Effect::Partial, Effect::LooksDone][usize::from(cut % 3)];
        power.cut_at(
            u64::from(cut / 3),
            Cut {
                effect,
                unstable: false,
                seed: 3,
            },
        );
        let _ = boot::<M>(&flash, &power, &mut counters, choice & 32 != 0);
    }
    for _ in 0..3 {
        power.on();
        let major = boot::<M>(&flash, &power, &mut counters, choice & 32 != 0)
            .expect("an image that is as good as the one that was there");
        let runs = &GIVEN.1[usize::from(major - 1)];
        assert_eq!(&flash.0.borrow().bytes()[..runs.len()], runs);
    }
}

fuzz_target!(|input: &[u8]| {
    let [choice, cut, rest @ ..] = input else {
        return;
    };
    match choice >> 6 {
        0 => live::<SwapOffset>(*choice, *cut, rest),
        1 => live::<SwapMove>(*choice, *cut, rest),
        2 => live::<SwapScratch>(*choice, *cut, rest),
        _ => live::<Overwrite>(*choice, *cut, rest),
    }
});
