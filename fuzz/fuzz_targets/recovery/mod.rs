//! A device in its recovery mode, and what must hold whatever comes over its line.

use ironroot_boot::flash_map::{Area, FlashMap, PerImage, PerSlot};
use ironroot_boot::otp::{RootKeys, Scheme};
use ironroot_boot::trailer_ops::{self, Request};
use ironroot_boot::{Image, RamLoad, Slot, Standing};
use ironroot_crypto::Secret;
use ironroot_crypto::ed25519::Ed25519PrivateKey;
use ironroot_crypto::hash::{HashAlgorithm, digest};
use ironroot_image::build::{KeyForm, Recipe};
use ironroot_image::{Suite, Version, suites};
use ironroot_platform::model::{ModelFlash, Power};
use ironroot_platform::{Flash, Geometry};
use ironroot_recovery::{Event, Place, Recovery, Slots, Store};
use std::sync::OnceLock;

const SUITES: &[(Scheme, &Suite)] = &[(Scheme::Ed25519Sha256, &suites::ED25519_SHA256)];
const SLOT: u32 = 0xc00;

const fn area(offset: u32, len: u32) -> Area {
    Area { offset, len }
}

const MAP: FlashMap = FlashMap {
    geometry: Geometry {
        sector_size: 0x400,
        sectors: 20,
        write_unit: 4,
        erased: 0xff,
    },
    slots: PerImage {
        secure: PerSlot {
            a: area(0, SLOT),
            b: area(SLOT, SLOT),
        },
        non_secure: PerSlot {
            a: area(2 * SLOT, SLOT),
            b: area(3 * SLOT, SLOT),
        },
    },
    vault: area(0x3000, 0x400),
    otp: area(0x3400, 0x400),
    security_counters: PerImage {
        secure: area(0x3800, 0x400),
        non_secure: area(0x3c00, 0x400),
    },
    vault_counter: area(0x4000, 0x400),
    boot_counter: area(0x4400, 0x400),
    set_record: area(0x4800, 0x400),
};

fn key() -> Ed25519PrivateKey {
    Ed25519PrivateKey::from_seed(&Secret::new([1; 32]))
}

/// RFC 8410, section 4: SubjectPublicKeyInfo of an Ed25519 key.
fn key_der() -> Vec<u8> {
    let mut der = vec![
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    der.extend(key().public().to_bytes());
    der
}

fn image(major: u8) -> Vec<u8> {
    let key = key();
    let der = key_der();
    let recipe = Recipe {
        security_counter: Some(1),
        ..Recipe::new(
            &suites::ED25519_SHA256,
            Some(KeyForm::Whole(&der)),
            Version::new(major, 0, 0),
        )
    };
    let mut out = vec![0; 0x800];
    let payload = vec![major; 300 + 200 * usize::from(major)];
    let unsigned = recipe.assemble(&payload, &mut out).unwrap();
    let signature = key.sign(unsigned.digest());
    unsigned.finish(Some(&signature)).unwrap().to_vec()
}

/// Files that a client may send: versions 1, 2 and 3, and version 2 with a bit changed.
pub(crate) fn files() -> &'static [Vec<u8>; 4] {
    static FILES: OnceLock<[Vec<u8>; 4]> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut tampered = image(2);
        tampered[200] ^= 1;
        [image(1), image(2), image(3), tampered]
    })
}

thread_local! {
    static BEGINNING: ModelFlash = beginning();
}

/// The flash of a device with version 1 of both images, confirmed.
fn beginning() -> ModelFlash {
    let mut flash = ModelFlash::new(MAP.geometry, &Power::new());
    for image in Image::ALL {
        let mut region = MAP.slot(image, Slot::A).of(&mut flash).unwrap();
        let mut bytes = files()[0].clone();
        bytes.resize(bytes.len().next_multiple_of(4), 0xff);
        region.program(0, &bytes).unwrap();
        trailer_ops::set_pending(&mut region, image, Request::Permanent).unwrap();
    }
    flash
}

/// That device, in its recovery mode.
pub(crate) struct Bench {
    flash: ModelFlash,
    root_keys: PerImage<RootKeys>,
    recovery: Recovery,
    outside: Vec<u8>,
    /// What the device sent since the last look.
    pub(crate) out: Vec<u8>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let hash = digest(HashAlgorithm::Sha256, &key_der());
        let root = RootKeys::one(Scheme::Ed25519Sha256, hash.as_slice()).unwrap();
        let flash = BEGINNING.with(|flash| flash.fork(&Power::new()));
        Self {
            outside: flash.bytes()[4 * SLOT as usize..].to_vec(),
            flash,
            root_keys: PerImage {
                secure: root,
                non_secure: root,
            },
            recovery: Recovery::new(),
            out: Vec::new(),
        }
    }

    fn with<T>(
        &mut self,
        act: impl FnOnce(&mut Recovery, &mut dyn Store, &mut dyn FnMut(u8)) -> T,
    ) -> T {
        let mut slots = Slots {
            flash: &mut self.flash,
            map: &MAP,
            strategy: RamLoad,
            root_keys: &self.root_keys,
            suites: SUITES,
            counters: PerImage {
                secure: (1, 100),
                non_secure: (1, 100),
            },
            windows: PerImage::default(),
            decryption: None,
        };
        let out = &mut self.out;
        act(&mut self.recovery, &mut slots, &mut |byte| out.push(byte))
    }

    /// Puts bytes on the line.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let event = self.with(|recovery, store, put| recovery.receive(*byte, store, put));
            if let Event::Loaded(place) = event {
                let entry = self.with(|_, store, _| store.look(place));
                assert!(entry.image.is_ok() && entry.standing != Standing::Unmarked);
            }
        }
    }

    /// A second of silence.
    pub(crate) fn wait(&mut self) {
        self.with(|recovery, _, put| recovery.tick(put));
    }

    /// What must hold at any time.
    pub(crate) fn check(&mut self) {
        assert_eq!(self.flash.violations(), 0);
        let outside = &self.flash.bytes()[4 * SLOT as usize..];
        assert_eq!(outside, self.outside, "nothing but slots is written");
        for image in Image::ALL {
            let good = Slot::ALL.into_iter().any(|slot| {
                let place = Place::new(image, slot);
                let entry = self.with(|_, store, _| store.look(place));
                entry.standing == Standing::Confirmed && entry.image.is_ok()
            });
            assert!(good, "a confirmed image is always left");
        }
    }
}
