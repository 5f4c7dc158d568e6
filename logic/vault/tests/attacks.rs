//! Somebody owns the flash, but neither the key nor the counter.
//!
//! Whatever is done to the flash, the store answers with an error or with exactly what was last
//! acknowledged. Never with anything else, and never with a panic.

mod common;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use common::{Device, Expected, KEY, Random, Step, all_cuts, content, full, geometry, id};
use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_platform::model::{Cut, ModelCounter, ModelFlash, Power};
use ironroot_platform::{Flash, FlashError, Geometry};
use ironroot_vault::{RecordId, Space, Vault, VaultError};

/// Two sectors of records, some dead, behind the session's header.
fn small_store() -> (Device, Expected) {
    let mut device = Device::new(geometry(4, 0xff, 8));
    let mut expected = Expected::default();
    let mut store = device.boot().unwrap();
    for step in [
        Step::Set(1, 20, 1),
        Step::Set(2, 0, 2),
        Step::Increment(1),
        Step::Set(1, 33, 3),
        Step::Remove(2),
        Step::Set(3, 60, 4),
    ] {
        step.run(&mut store).unwrap();
        expected.apply(&step);
    }
    drop(store);
    (device, expected)
}

/// What the store says of a flash with this image, its counter being as it is.
fn mount_image(device: &Device, image: &[u8]) -> Result<Expected, VaultError> {
    let mut forged = device.fork();
    forged.flash.reprogram(image);
    let result = forged.boot().map(|mut store| Expected::of(&mut store));
    forged.assert_no_violation();
    result
}

fn is_refused_or_same(result: Result<Expected, VaultError>, expected: &Expected) -> bool {
    match result {
        Ok(seen) => {
            assert_eq!(&seen, expected);
            false
        }
        Err(VaultError::Tampered | VaultError::RolledBack) => true,
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn every_flipped_bit_is_refused_or_does_not_matter() {
    let (device, expected) = small_store();
    let image = device.flash.bytes().to_vec();
    let mut refused = 0;
    for bit in 0..image.len() * 8 {
        let mut flipped = image.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        refused += u32::from(is_refused_or_same(
            mount_image(&device, &flipped),
            &expected,
        ));
    }
    let used = image.iter().filter(|byte| **byte != 0xff).count() * 8;
    println!(
        "{refused} of {} flips refused, {used} bits in use",
        image.len() * 8
    );
    // Only the dead sector before the session could be spared, and nothing of it is in this image.
    assert!(refused as usize >= used * 9 / 10, "{refused} of {used}");
}

#[test]
fn every_bit_of_a_record_flipped_under_a_running_store_is_noticed() {
    let (mut device, _) = small_store();
    let image = device.flash.bytes().to_vec();
    let mut noticed = 0;
    for bit in 0..image.len() * 8 {
        let run = device.fork();
        run.power.on();
        let mut drbg = Drbg::new(&Secret::new([9; 32]), b"");
        let shared = Rc::new(RefCell::new(run.flash));
        let counter = ModelCounter::new(counter_value(&mut device), u32::MAX, &run.power);
        let flash = Shared(Rc::clone(&shared));
        let mut store =
            Vault::<_, _, 8>::mount(flash, counter, &Secret::new(KEY), &mut drbg).unwrap();
        shared.borrow_mut().corrupt(bit as u32 / 8, 1 << (bit % 8));
        for (n, len, tag) in [(1, 33, 3), (3, 60, 4)] {
            match store.read(&id(n), <[u8]>::to_vec) {
                Ok(data) => assert_eq!(data, content(len, tag)),
                Err(error) => {
                    assert_eq!(error, VaultError::Tampered);
                    noticed += 1;
                }
            }
        }
    }
    // 76 and 100 bytes of frame, the tag before each, the salt.
    assert!(noticed > (76 + 100 + 32 + 10) * 8, "{noticed}");
}

fn counter_value(device: &mut Device) -> u32 {
    use ironroot_platform::{FlashCounter, HardwareCounter};
    device.power.on();
    FlashCounter::open(&mut device.counter)
        .unwrap()
        .read()
        .unwrap()
}

/// A flash that a test can reach while a store has it.
struct Shared(Rc<RefCell<ModelFlash>>);

impl Flash for Shared {
    fn geometry(&self) -> Geometry {
        self.0.borrow().geometry()
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

/// A life of several laps and restarts, with the image after each step.
fn images_of_a_life() -> (Device, Expected, Vec<Vec<u8>>) {
    let mut device = Device::new(geometry(8, 0xff, 6));
    let mut expected = Expected::default();
    let mut images = vec![device.flash.bytes().to_vec()];
    for round in 0..12 {
        for n in 0..3 {
            let step = match (round + n) % 5 {
                4 => Step::Increment(1),
                _ => Step::Set(n, 20 + n as usize, round as u8),
            };
            // Every step in a boot of its own in odd rounds: images with and without a new session.
            let mut store = device.boot().unwrap();
            step.run(&mut store).unwrap();
            if round % 2 == 0 {
                Step::Set(5, 9, n as u8).run(&mut store).unwrap();
                expected.apply(&Step::Set(5, 9, n as u8));
            }
            drop(store);
            expected.apply(&step);
            images.push(device.flash.bytes().to_vec());
        }
    }
    (device, expected, images)
}

#[test]
fn no_older_image_of_the_whole_flash_is_accepted() {
    let (device, expected, mut images) = images_of_a_life();
    assert_eq!(mount_image(&device, &images.pop().unwrap()), Ok(expected));
    let mut rolled_back = 0;
    for image in &images {
        match mount_image(&device, image) {
            Err(VaultError::RolledBack) => rolled_back += 1,
            Err(VaultError::Tampered) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(rolled_back, images.len(), "and it is called by its name");
}

#[test]
fn no_mixture_of_sectors_of_two_images_is_accepted_as_something_new() {
    let (device, expected, images) = images_of_a_life();
    let now = images.last().unwrap();
    for old in &images {
        for mask in 0..1u32 << 6 {
            let mut mixed = now.clone();
            for sector in (0..6).filter(|sector| mask >> sector & 1 == 1) {
                let range = sector * 256..(sector + 1) * 256;
                mixed[range.clone()].copy_from_slice(&old[range]);
            }
            is_refused_or_same(mount_image(&device, &mixed), &expected);
        }
    }
}

#[test]
fn erased_exchanged_and_copied_sectors_are_refused_or_do_not_matter() {
    let (device, expected, images) = images_of_a_life();
    let image = images.last().unwrap();
    let sector = |n: usize| n * 256..(n + 1) * 256;
    let mut refused = 0;
    for to in 0..6 {
        let mut erased = image.clone();
        erased[sector(to)].fill(0xff);
        refused += u32::from(is_refused_or_same(mount_image(&device, &erased), &expected));
        for from in (0..6).filter(|from| *from != to) {
            let mut copied = image.clone();
            copied[sector(to)].copy_from_slice(&image[sector(from)]);
            is_refused_or_same(mount_image(&device, &copied), &expected);
            let mut exchanged = copied.clone();
            exchanged[sector(from)].copy_from_slice(&image[sector(to)]);
            is_refused_or_same(mount_image(&device, &exchanged), &expected);
        }
    }
    assert!(refused >= 2, "what is in use is missed: {refused}");
}

/// The attacker cuts power in a step, keeps the flash as it is then, lets the device go on, and puts
/// the kept flash back later.
#[test]
fn a_step_that_was_never_acknowledged_cannot_be_brought_in_later() {
    let mut tried = 0;
    for operation in 0..14 {
        for cut in all_cuts(3) {
            let (mut device, before) = small_store();
            device.power.on();
            device
                .power
                .cut_at(device.power.operations() + operation, cut);
            let failed = device.mount().map(|mut store| {
                Step::Set(1, 40, 66).run(&mut store).is_err()
                    || Step::Set(1, 41, 67).run(&mut store).is_err()
            });
            if device.power.is_on() {
                assert_eq!(failed, Ok(false));
                continue;
            }
            let kept = device.flash.bytes().to_vec();
            tried += goes_on_without_it(&device, &before, &kept);
        }
    }
    assert!(tried > 100, "{tried}");
}

fn goes_on_without_it(device: &Device, before: &Expected, kept: &[u8]) -> u32 {
    let mut elsewhere = device.fork();
    let mut tried = 0;
    let mut store = elsewhere.boot().unwrap();
    let mut now = Expected::of(&mut store);
    for step in [Step::Set(1, 5, 99), Step::Increment(1), Step::Set(1, 6, 98)] {
        step.run(&mut store).unwrap();
        now.apply(&step);
    }
    drop(store);
    assert_ne!(&now, before);
    for _ in 0..2 {
        let result = mount_image(&elsewhere, kept);
        assert!(
            is_refused_or_same(result, &now),
            "the kept image is not what it was"
        );
        tried += 1;
        let mut store = elsewhere.boot().unwrap();
        Step::Increment(1).run(&mut store).unwrap();
        now.apply(&Step::Increment(1));
    }
    tried
}

/// The fork attack proper: from one image, two different steps; the first unacknowledged, the second
/// acknowledged. The first one's image has to be refused from then on.
#[test]
fn of_two_forks_only_the_acknowledged_one_is_accepted() {
    let mut refused = 0;
    for operation in 0..12 {
        let (mut device, _) = small_store();
        let original = device.flash.bytes().to_vec();
        device.power.on();
        device
            .power
            .cut_at(device.power.operations() + operation, Cut::CLEAN);
        let acknowledged = device
            .mount()
            .map(|mut store| [40, 41].map(|len| Step::Set(1, len, 66).run(&mut store).is_ok()));
        if device.power.is_on() {
            break;
        }
        if acknowledged.is_ok_and(|steps| steps.contains(&true)) {
            continue; // the original is then rolled back, which is tested elsewhere
        }
        let first_fork = device.flash.bytes().to_vec();
        let mut second = device.fork();
        second.flash.reprogram(&original);
        let Ok(mut store) = second.boot() else {
            continue; // the session's own commit was acknowledged: the original is too old
        };
        Step::Set(1, 7, 77).run(&mut store).unwrap();
        let now = Expected::of(&mut store);
        drop(store);
        assert!(is_refused_or_same(mount_image(&second, &first_fork), &now));
        refused += 1;
    }
    assert!(refused >= 3, "{refused}");
}

/// The store was seen without the step; nothing was acknowledged since. The step must still not come in
/// later by the image that holds it: a restart takes its generation away.
#[test]
fn what_a_restart_showed_as_not_done_is_not_done_later() {
    let mut refused = 0;
    for (first, second) in (0..20).flat_map(|first| (0..20).map(move |second| (first, second))) {
        let (mut device, _) = small_store();
        device.power.on();
        device
            .power
            .cut_at(device.power.operations() + first, Cut::CLEAN);
        let _ = device
            .mount()
            .map(|mut store| Step::Set(1, 40, 66).run(&mut store));
        let kept = device.flash.bytes().to_vec();
        let Ok(mut store) = device.boot() else {
            panic!("the store mounts")
        };
        let shown = Expected::of(&mut store);
        drop(store);
        device
            .power
            .cut_at(device.power.operations() + second, Cut::CLEAN);
        let done = device
            .mount()
            .and_then(|mut store| Step::Set(1, 41, 67).run(&mut store));
        if done.is_ok() {
            continue;
        }
        refused += u32::from(is_refused_or_same(mount_image(&device, &kept), &shown));
    }
    assert!(refused > 20, "{refused}");
}

#[test]
fn another_key_opens_nothing_and_harms_nothing() {
    let (mut device, expected) = small_store();
    device.power.on();
    let before = device.power.operations();
    for byte in 0..32 {
        let mut key = KEY;
        key[byte] ^= 1;
        assert_eq!(device.mount_with(&key).err(), Some(VaultError::Tampered));
    }
    assert_eq!(device.power.operations(), before);
    assert_eq!(Expected::of(&mut device.boot().unwrap()), expected);
}

#[test]
fn a_blank_flash_with_a_used_counter_is_rolled_back_and_stays_blank() {
    for erased in [0xff, 0x00] {
        let mut device = Device::new(geometry(4, erased, 8));
        device.boot().unwrap().set(&id(1), 0, b"x").unwrap();
        device.flash.reprogram(&[]);
        let before = device.power.operations();
        assert_eq!(device.boot().err(), Some(VaultError::RolledBack));
        assert_eq!(device.power.operations(), before);
    }
}

#[test]
fn somebody_elses_flash_is_not_formatted() {
    let geometry = geometry(4, 0xff, 8);
    // A cut format leaves its own sector in any state, so only that one is not looked at.
    for offset in (0..geometry.size()).filter(|offset| offset / 256 != 1) {
        let mut device = Device::new(geometry);
        let mut image = vec![0xff; geometry.size() as usize];
        image[offset as usize] = 0xfe;
        device.flash.reprogram(&image);
        assert_eq!(device.boot().err(), Some(VaultError::NotBlank));
        assert_eq!(device.flash.bytes(), image);
    }
}

#[test]
fn random_content_is_an_error_and_takes_bounded_work() {
    let mut random = Random(1);
    for round in 0..if full() { 20_000 } else { 1_000 } {
        let (device, _) = small_store();
        let mut image = device.flash.bytes().to_vec();
        let valid = image.clone();
        for sector in image.chunks_mut(256) {
            let keep = random.below(65) as usize; // often a plausible header
            sector
                .iter_mut()
                .skip(keep)
                .for_each(|byte| *byte = random.next() as u8);
        }
        let mut forged = device.fork();
        forged.flash.reprogram(&image);
        let reads = forged.flash.reads();
        let result = forged.boot().map(|_| ());
        assert!(result.is_err() || image == valid, "round {round}");
        assert!(
            forged.flash.reads() - reads < 2000,
            "{}",
            forged.flash.reads() - reads
        );
    }
}

#[test]
fn the_content_of_a_record_cannot_be_read_from_the_flash() {
    let mut device = Device::new(geometry(4, 0xff, 12));
    let mut store = device.boot().unwrap();
    let secret = b"The quick brown fox jumps over the lazy dog. 0123456789";
    let name = RecordId::new(Space(0x77), 0x1234_5678, 0x1122_3344_5566_7788);
    for _ in 0..20 {
        store.set(&name, 0x8765_4321, secret).unwrap();
        store.set(&id(2), 0, &[0; 50]).unwrap();
        store.counter_increment(&name).unwrap();
    }
    store.remove(&name).unwrap();
    drop(store);
    let flash = device.flash.bytes();
    let has = |needle: &[u8]| flash.windows(needle.len()).any(|window| window == needle);
    for window in secret.windows(6) {
        assert!(!has(window), "{window:?}");
    }
    // Names can: the decision record says why.
    assert!(has(&name.id.to_le_bytes()));
}

/// Writes down what nonce each program used.
struct Recorder<'a> {
    inner: &'a mut ModelFlash,
    seen: Rc<RefCell<Nonces>>,
}

#[derive(Default)]
struct Nonces {
    salts: BTreeMap<u32, [u8; 10]>,
    used: BTreeSet<([u8; 10], u32)>,
}

impl Flash for Recorder<'_> {
    fn geometry(&self) -> Geometry {
        self.inner.geometry()
    }
    fn read(&self, offset: u32, out: &mut [u8]) -> Result<(), FlashError> {
        self.inner.read(offset, out)
    }
    fn program(&mut self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        let (sector, at) = (offset / 256, offset % 256);
        let seen = &mut *self.seen.borrow_mut();
        if at == 0 {
            seen.salts.insert(sector, data[22..32].try_into().unwrap());
        }
        // What a cut keeps from reaching the flash may have reached an observer of the bus.
        assert!(
            seen.used.insert((seen.salts[&sector], at)),
            "a nonce was used twice"
        );
        self.inner.program(offset, data)
    }
    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        self.inner.erase(sector)
    }
}

/// Through restarts, cuts, replayed flash and errors of a running device.
#[test]
fn no_nonce_is_used_twice() {
    let seen = Rc::new(RefCell::new(Nonces::default()));
    let mut random = Random(7);
    let mut drbg = Drbg::new(&Secret::new([5; 32]), b"");
    let power = Power::new();
    let mut flash = ModelFlash::unproven(geometry(4, 0xff, 7), &power);
    let mut counter = ModelCounter::new(0, u32::MAX, &power);
    let mut writes = 0;
    for boot in 0..300 {
        power.on();
        let kept = flash.bytes().to_vec();
        let at = power.operations() + random.below(40);
        let cuts = all_cuts(3);
        power.cut_at(at, cuts[random.below(cuts.len() as u64) as usize]);
        let recorder = Recorder {
            inner: &mut flash,
            seen: Rc::clone(&seen),
        };
        let store = Vault::<_, _, 8>::mount(recorder, &mut counter, &Secret::new(KEY), &mut drbg);
        let Ok(mut store) = store else { continue };
        for n in 0..random.below(20) {
            let written = store.set(&id(n % 4), 0, &content(random.below(60) as usize, n as u8));
            writes += u32::from(written.is_ok());
            if written.is_err() {
                power.on(); // the store goes on after an error
            }
        }
        drop(store);
        if boot % 5 == 0 {
            flash.reprogram(&kept); // refused if anything was acknowledged, a fork if not
            let mut forged = Recorder {
                inner: &mut flash,
                seen: Rc::clone(&seen),
            };
            power.on();
            let key = Secret::new(KEY);
            if let Ok(mut store) =
                Vault::<_, _, 8>::mount(&mut forged, &mut counter, &key, &mut drbg)
            {
                let _ = store.set(&id(1), 0, b"another content at the same place");
            } else {
                drop(Vault::<_, _, 8>::format(&mut forged, &mut counter, &key, &mut drbg).unwrap());
            }
        }
    }
    let used = seen.borrow().used.len();
    println!("{used} nonces, {writes} records");
    assert!(used > 1000 && writes > 500);
}

#[test]
fn formatting_starts_anew_and_no_older_image_comes_back() {
    let (mut device, _) = small_store();
    let image = device.flash.bytes().to_vec();
    format(&mut device).unwrap();
    assert_eq!(
        Expected::of(&mut device.boot().unwrap()),
        Expected::default()
    );
    let refused = mount_image(&device, &image);
    assert!(
        matches!(refused, Err(VaultError::RolledBack | VaultError::Tampered)),
        "{refused:?}"
    );
    device.boot().unwrap().set(&id(1), 0, b"new").unwrap();
    let mut foreign = Device::new(geometry(1, 0xff, 8));
    foreign.flash.reprogram(&[0x55; 2048]);
    assert_eq!(foreign.boot().err(), Some(VaultError::NotBlank));
    format(&mut foreign).unwrap();
    foreign.boot().unwrap().set(&id(1), 0, b"new").unwrap();
    foreign.assert_no_violation();
}

fn format(device: &mut Device) -> Result<(), VaultError> {
    let mut drbg = Drbg::new(&Secret::new([8; 32]), b"");
    let counter = ironroot_platform::FlashCounter::open(&mut device.counter)?;
    Vault::<_, _, 8>::format(&mut device.flash, counter, &Secret::new(KEY), &mut drbg).map(|_| ())
}

#[test]
fn formatting_can_be_repeated_after_a_cut_anywhere_in_it() {
    for operation in 0.. {
        let (mut device, _) = small_store();
        device.power.on();
        let cut = all_cuts(1)[operation as usize % 7];
        device
            .power
            .cut_at(device.power.operations() + operation, cut);
        if format(&mut device).is_ok() {
            assert!(operation > 8);
            break;
        }
        device.power.on();
        format(&mut device).unwrap();
        assert_eq!(
            Expected::of(&mut device.boot().unwrap()),
            Expected::default()
        );
        device.assert_no_violation();
    }
}
