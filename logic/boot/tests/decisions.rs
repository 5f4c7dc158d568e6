//! Which slot boots, and why not the other.

mod common;

use common::{Bench, MAP, refusals, spec};
use ironroot_boot::otp::{RootKeys, Scheme};
use ironroot_boot::trailer_ops::{self, Request, TrailerError};
use ironroot_boot::{
    BootError, Device, Event, Image, ImageMemory, PerImage, RamLoad, Reason, Slot, Window, boot,
};
use ironroot_image::build::Placement;
use ironroot_image::shared_data::SharedData;
use ironroot_image::{BootRecord, Dependency, Refusal, Version};
use ironroot_platform::model::{ModelCounter, Power};
use ironroot_platform::{Flash, FlashError, Geometry};
use std::cell::Cell;

use Image::{NonSecure, Secure};
use Slot::{A, B};

#[test]
fn the_newest_acceptable_version_boots_and_of_equal_ones_slot_a() {
    let mut bench = Bench::in_the_field();
    bench.install(Secure, B, &spec(2).build(), Request::Permanent);
    bench.install(NonSecure, B, &spec(1).build(), Request::Permanent);
    assert_eq!(bench.boot().unwrap().slots(), (B, A));
}

#[test]
fn a_build_number_makes_a_version_newer() {
    let mut bench = Bench::in_the_field();
    let version = Version {
        build: 1,
        ..spec(1).version
    };
    let image = common::Spec { version, ..spec(1) }.build();
    bench.install(Secure, B, &image, Request::Trial);
    assert_eq!(bench.boot().unwrap().slots(), (B, A));
}

#[test]
fn an_image_that_is_not_confirmed_gets_one_trial_and_the_device_goes_back() {
    let mut bench = Bench::in_the_field();
    bench.install(NonSecure, B, &spec(2).build(), Request::Trial);
    let trial = bench.boot().unwrap();
    assert_eq!(trial.slots(), (A, B));
    assert!(trial.running.non_secure.trial && !trial.running.secure.trial);
    assert!(trial.events.contains(&Event::TrialBegins {
        image: NonSecure,
        slot: B
    }));
    for _ in 0..3 {
        let back = bench.boot().unwrap();
        assert_eq!(back.slots(), (A, A));
        assert_eq!(back.refusals(), [(NonSecure, B, Reason::TrialFailed)]);
    }
}

#[test]
fn a_confirmed_image_stays_and_raises_the_counter_at_its_next_start_and_not_before() {
    let mut bench = Bench::in_the_field();
    assert_eq!(bench.counter(NonSecure), 1);
    bench.install(NonSecure, B, &spec(2).build(), Request::Trial);
    bench.boot().unwrap();
    assert_eq!(bench.counter(NonSecure), 1);
    bench.confirm(NonSecure, B).unwrap();
    assert_eq!(bench.counter(NonSecure), 1);
    let outcome = bench.boot().unwrap();
    assert_eq!(
        (outcome.slots(), outcome.running.non_secure.trial),
        ((A, B), false)
    );
    assert!(outcome.events.contains(&Event::CounterRaised {
        image: NonSecure,
        value: 2
    }));
    assert_eq!((bench.counter(NonSecure), bench.counter(Secure)), (2, 1));
    let again = bench.boot().unwrap();
    assert!(
        !again
            .events
            .iter()
            .any(|event| matches!(event, Event::CounterRaised { .. }))
    );
}

#[test]
fn an_image_below_the_counter_is_refused_however_new_it_says_it_is() {
    let mut bench = Bench::in_the_field();
    bench.install(Secure, B, &spec(2).build(), Request::Permanent);
    bench.boot().unwrap();
    let old = common::Spec {
        counter: Some(1),
        ..spec(9)
    }
    .build();
    bench.install(Secure, A, &old, Request::Permanent);
    let outcome = bench.boot().unwrap();
    assert_eq!(outcome.slots(), (B, A));
    assert_eq!(
        outcome.refusals(),
        [(Secure, A, Reason::Image(Refusal::CounterTooLow))]
    );
}

#[test]
fn an_image_without_counter_or_with_one_out_of_reach_is_refused() {
    for (counter, reason) in [
        (None, Reason::Image(Refusal::CounterMissing)),
        (Some(1001), Reason::CounterOutOfReach),
        (Some(u32::MAX), Reason::CounterOutOfReach),
    ] {
        let mut bench = Bench::in_the_field();
        let image = common::Spec { counter, ..spec(2) }.build();
        bench.install(Secure, B, &image, Request::Trial);
        let outcome = bench.boot().unwrap();
        assert_eq!(
            (outcome.slots(), outcome.refusals()),
            ((A, A), vec![(Secure, B, reason)])
        );
    }
}

#[test]
fn an_image_with_any_byte_altered_is_refused_and_the_other_slot_boots() {
    let image = spec(2).build();
    for at in (0..image.len()).step_by(3) {
        let mut bench = Bench::in_the_field();
        let mut bad = image.clone();
        bad[at] ^= 0x10;
        bench.install(NonSecure, B, &bad, Request::Permanent);
        let outcome = bench.boot().unwrap();
        assert_eq!(outcome.slots(), (A, A), "byte {at}");
        // A lower version number is never even looked at.
        let version_lowered = at == 20;
        assert!(
            version_lowered || !outcome.refusals().is_empty(),
            "byte {at}"
        );
        assert_eq!(bench.counter(NonSecure), 1);
    }
}

#[test]
fn an_image_of_another_signer_is_refused() {
    let mut bench = Bench::in_the_field();
    let foreign = common::Spec {
        signer: 2,
        ..spec(2)
    }
    .build();
    bench.install(Secure, B, &foreign, Request::Permanent);
    let outcome = bench.boot().unwrap();
    assert_eq!(
        outcome.refusals(),
        [(Secure, B, Reason::Image(Refusal::UnknownKey))]
    );
}

#[test]
fn a_root_key_of_a_scheme_that_the_bootloader_lacks_boots_nothing() {
    let mut bench = Bench::in_the_field();
    bench.root_keys.secure = RootKeys::one(Scheme::P256Sha256, &[0; 32]).unwrap();
    let (outcome, events) = bench.boot_with(|_| ());
    assert_eq!(outcome.map(|_| ()), Err(BootError::NothingToBoot(Secure)));
    assert_eq!(refusals(&events), [(Secure, A, Reason::SchemeNotSupported)]);
}

#[test]
fn an_image_nobody_asked_for_boots_only_if_nothing_else_does() {
    let mut bench = Bench::in_the_field();
    bench.write(Secure, B, &spec(2).build()).unwrap();
    let outcome = bench.boot().unwrap();
    assert_eq!(outcome.slots(), (A, A));
    assert_eq!(outcome.refusals(), [(Secure, B, Reason::NotMarked)]);

    bench.flash.corrupt(MAP.slot(Secure, A).offset + 33, 1);
    let outcome = bench.boot().unwrap();
    assert_eq!(outcome.slots(), (B, A));
    assert!(outcome.last_resort());
    assert_eq!(bench.counter(Secure), 1, "a last resort raises no counter");
}

#[test]
fn a_failed_trial_is_the_last_resort_before_a_brick() {
    let mut bench = Bench::in_the_field();
    bench.install(NonSecure, B, &spec(2).build(), Request::Trial);
    bench.boot().unwrap();
    assert_eq!(bench.boot().unwrap().slots(), (A, A));
    bench.flash.corrupt(MAP.slot(NonSecure, A).offset + 33, 1);
    let outcome = bench.boot().unwrap();
    assert_eq!(outcome.slots(), (A, B));
    assert!(outcome.last_resort() && !outcome.running.non_secure.trial);
    assert_eq!(bench.counter(NonSecure), 1);
}

#[test]
fn an_empty_device_boots_nothing_and_refuses_nothing() {
    let mut bench = Bench::new();
    let (outcome, events) = bench.boot_with(|_| ());
    assert_eq!(outcome.map(|_| ()), Err(BootError::NothingToBoot(Secure)));
    assert_eq!(refusals(&events), []);
}

#[test]
fn an_unmet_dependency_puts_that_slot_out_and_the_older_one_boots() {
    let mut bench = Bench::in_the_field();
    bench.install(
        NonSecure,
        B,
        &spec(2).needs(Secure, 2).build(),
        Request::Trial,
    );
    let outcome = bench.boot().unwrap();
    assert_eq!(outcome.slots(), (A, A));
    assert_eq!(
        outcome.refusals(),
        [(NonSecure, B, Reason::DependencyUnmet)]
    );
    // Its trial was not used up: with the secure image there, both are tried.
    bench.install(
        Secure,
        B,
        &spec(2).needs(NonSecure, 2).build(),
        Request::Trial,
    );
    assert_eq!(bench.boot().unwrap().slots(), (B, B));
}

#[test]
fn a_refused_image_takes_those_that_need_it_down_with_it() {
    let mut bench = Bench::in_the_field();
    bench.install(
        Secure,
        B,
        &spec(2).needs(NonSecure, 2).build(),
        Request::Trial,
    );
    let mut bad = spec(2).build();
    *bad.last_mut().unwrap() ^= 1;
    bench.install(NonSecure, B, &bad, Request::Trial);
    let outcome = bench.boot().unwrap();
    assert_eq!(outcome.slots(), (A, A));
    assert_eq!(
        outcome.refusals(),
        [
            (NonSecure, B, Reason::Image(Refusal::SignatureInvalid)),
            (Secure, B, Reason::DependencyUnmet)
        ]
    );
    assert!(
        !outcome
            .events
            .iter()
            .any(|event| matches!(event, Event::TrialBegins { .. }))
    );
}

#[test]
fn images_that_need_more_than_there_is_boot_nothing() {
    let mut bench = Bench::new();
    bench.install(
        Secure,
        A,
        &spec(1).needs(NonSecure, 2).build(),
        Request::Permanent,
    );
    bench.install(NonSecure, A, &spec(1).build(), Request::Permanent);
    assert_eq!(bench.boot(), Err(BootError::NothingToBoot(Secure)));
}

#[test]
fn a_dependency_on_a_later_self_or_on_an_absent_image_is_refused() {
    for image in [0, 2, 255] {
        let mut bench = Bench::in_the_field();
        let needs = Some(Dependency {
            image,
            minimum: Version::new(3, 0, 0),
        });
        let bytes = common::Spec { needs, ..spec(2) }.build();
        bench.install(Secure, B, &bytes, Request::Trial);
        let reason = Reason::Image(Refusal::DependencyImpossible);
        assert_eq!(bench.boot().unwrap().refusals(), [(Secure, B, reason)]);
    }
}

#[test]
fn an_image_goes_where_it_was_linked_for_and_nowhere_outside_its_window() {
    for (address, expected) in [
        (0x1000, Ok(0x1020)),
        (0x1100, Ok(0x1120)),
        (0x0fff, Err(Refusal::LoadAddress)),
        (0x16ff, Err(Refusal::LoadAddress)),
        (0x8000, Err(Refusal::LoadAddress)),
        (0xffff_ffff, Err(Refusal::LoadAddress)),
    ] {
        let mut bench = Bench::in_the_field();
        let image = common::Spec {
            placement: Placement::Ram(address),
            ..spec(2)
        }
        .build();
        bench.install(Secure, B, &image, Request::Trial);
        let (outcome, _) =
            bench.boot_with(|launch| (launch.entry(Secure), launch.payload(Secure).to_vec()));
        let (outcome, (entry, payload)) = outcome.unwrap();
        assert_eq!(payload, b"payload");
        match expected {
            Ok(address) => assert_eq!(entry, address),
            Err(refusal) => {
                assert_eq!(outcome.refusals(), [(Secure, B, Reason::Image(refusal))]);
                assert_eq!(entry, 0x1020);
            }
        }
    }
}

#[test]
fn an_image_larger_than_its_window_is_refused() {
    let mut bench = Bench::in_the_field();
    let payload = [7; 0x6f0];
    let image = common::Spec {
        payload: &payload,
        ..spec(2)
    }
    .build();
    bench.install(Secure, B, &image, Request::Trial);
    let reason = Reason::Image(Refusal::TooLarge);
    assert_eq!(bench.boot().unwrap().refusals(), [(Secure, B, reason)]);
}

#[test]
fn a_counter_that_cannot_be_read_or_raised_stops_the_boot() {
    let mut bench = Bench::in_the_field();
    bench.install(Secure, B, &spec(2).build(), Request::Permanent);
    // Its own supply, cut: reads fail.
    let power = Power::new();
    power.cut_at(0, ironroot_platform::model::Cut::CLEAN);
    let mut dead = ModelCounter::new(0, 9, &power);
    let _ = ironroot_platform::HardwareCounter::advance_to(&mut dead, 1);
    bench.counters.secure = dead;
    assert!(matches!(bench.boot(), Err(BootError::Counter(Secure, _))));
}

#[test]
fn nothing_but_the_trial_mark_is_written_to_flash_and_nothing_erased() {
    let mut bench = Bench::in_the_field();
    bench.install(Secure, B, &spec(2).build(), Request::Trial);
    let (programs, erases) = (bench.flash.programs(), bench.flash.erases().to_vec());
    bench.boot().unwrap();
    bench.boot().unwrap();
    assert_eq!(bench.flash.programs(), programs + 1);
    assert_eq!(bench.flash.erases(), erases);
    assert_eq!(bench.flash.violations(), 0);
}

#[test]
fn confirming_twice_is_fine_and_confirming_an_empty_slot_is_not() {
    let mut bench = Bench::in_the_field();
    assert_eq!(bench.confirm(Secure, B), Err(TrailerError::BadState));
    bench.install(Secure, B, &spec(2).build(), Request::Trial);
    bench.boot().unwrap();
    assert_eq!(bench.confirm(Secure, B), Ok(()));
    assert_eq!(bench.confirm(Secure, B), Ok(()));
}

#[test]
fn a_trailer_is_marked_once_per_erase() {
    let mut bench = Bench::in_the_field();
    let mut slot = bench.slot(Secure, A);
    let again = trailer_ops::set_pending(&mut slot, Secure, Request::Trial);
    assert_eq!(again, Err(TrailerError::BadState));
}

/// Flash under an attacker's hand: after a number of reads every further one is altered.
struct Shifting<F> {
    flash: F,
    reads: Cell<u32>,
    from: u32,
}

impl<F: Flash> Flash for Shifting<F> {
    fn geometry(&self) -> Geometry {
        self.flash.geometry()
    }
    fn read(&self, offset: u32, out: &mut [u8]) -> Result<(), FlashError> {
        self.flash.read(offset, out)?;
        let slot_b = MAP.slot(Secure, B);
        if offset >= slot_b.offset && offset < slot_b.end() {
            self.reads.set(self.reads.get() + 1);
            if self.reads.get() > self.from {
                out.iter_mut()
                    .step_by(40)
                    .skip(1)
                    .for_each(|byte| *byte ^= 0x20);
            }
        }
        Ok(())
    }
    fn program(&mut self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        self.flash.program(offset, data)
    }
    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        self.flash.erase(sector)
    }
}

#[test]
fn flash_that_changes_between_reads_never_starts_what_was_not_signed() {
    let payload = [0x11; 200];
    let image = common::Spec {
        payload: &payload,
        ..spec(2)
    }
    .build();
    let mut tampered = 0;
    for from in 0..40 {
        let mut bench = Bench::in_the_field();
        bench.install(Secure, B, &image, Request::Permanent);
        let (mut secure, mut non_secure) = ([0; 0x700], [0; 0x700]);
        let memory = ImageMemory::new(PerImage {
            secure: Window {
                address: 0x1000,
                bytes: &mut secure,
            },
            non_secure: Window {
                address: 0x8000,
                bytes: &mut non_secure,
            },
        });
        let mut device = Device {
            flash: Shifting {
                flash: &mut bench.flash,
                reads: Cell::new(0),
                from,
            },
            map: &MAP,
            root_keys: &bench.root_keys,
            counters: PerImage {
                secure: &mut bench.counters.secure,
                non_secure: &mut bench.counters.non_secure,
            },
            suites: common::SUITES,
            decryption: None,
        };
        let launch = boot(&RamLoad, &mut device, &memory, &mut |_: &Event| ()).unwrap();
        match launch.running(Secure).unwrap().slot {
            A => {
                tampered += 1;
                assert_eq!(launch.payload(Secure), b"payload");
            }
            B => assert_eq!(launch.payload(Secure), payload),
        }
    }
    assert!((1..40).contains(&tampered), "both cases were seen");
}

#[test]
fn measurements_name_images_components_and_slots() {
    let component = BootRecord {
        component: "PS",
        version: "1.0.0",
        signer: &[5; 32],
        algorithm: "SHA256",
        measurement: &[6; 32],
    };
    let components = [component];
    let mut bench = Bench::new();
    let secure = common::Spec {
        components: &components,
        boot_record: Some("SPEX"),
        ..spec(3)
    };
    bench.install(Secure, B, &secure.build(), Request::Trial);
    bench.install(NonSecure, A, &spec(1).build(), Request::Permanent);
    let (outcome, _) = bench.boot_with(|launch| {
        let mut area = [0xa5; 1024];
        let len = launch
            .write_shared_data(&mut area, Version::new(0, 1, 0))
            .unwrap();
        let digest = |image| launch.verified(image).unwrap().digest().to_vec();
        (area[..len].to_vec(), digest(Secure), digest(NonSecure))
    });
    let (_, (area, secure_digest, non_secure_digest)) = outcome.unwrap();
    let shared = SharedData::parse(&area).unwrap();
    let records: Vec<_> = shared
        .boot_records()
        .map(|(module, record)| (module, BootRecord::parse(record).unwrap()))
        .collect();
    let [(0, secure), (8, packed), (1, non_secure)] = records.as_slice() else {
        panic!("{records:?}")
    };
    assert_eq!((secure.component, secure.version), ("SPEX", "3.0.0"));
    assert_eq!(secure.measurement, secure_digest);
    assert_eq!(*packed, component);
    assert_eq!(
        (non_secure.component, non_secure.version),
        ("NSPE", "1.0.0")
    );
    assert_eq!(
        (non_secure.algorithm, non_secure.measurement),
        ("SHA256", &*non_secure_digest)
    );
    let signer = ironroot_crypto::hash::digest(
        ironroot_crypto::hash::HashAlgorithm::Sha256,
        &common::der(&common::key(1)),
    );
    assert_eq!(non_secure.signer, signer.as_slice());

    let running = |image| ironroot_boot::Running::read(&shared, image).unwrap();
    assert_eq!((running(Secure).slot, running(Secure).trial), (B, true));
    assert_eq!(
        (running(NonSecure).slot, running(NonSecure).trial),
        (A, false)
    );
    // Bootloader information as TF-M reads it: mode RAM-load, Ed25519, running slot 1.
    let info = |minor: u16| shared.find(ironroot_image::shared_data::EntryType(0x2000 | minor));
    assert_eq!(info(0), Some([6].as_slice()));
    assert_eq!(info(1), Some([3].as_slice()));
    assert_eq!(info(3), Some([1].as_slice()));
    assert_eq!(info(4), Some([0, 1, 0, 0, 0, 0, 0, 0].as_slice()));
    assert_eq!(info(0x10), Some([3, 0, 0, 0].as_slice()));
    assert_eq!(info(0x11), Some([1, 0, 0, 0].as_slice()));
}

#[test]
fn a_shared_area_too_small_is_an_error_not_a_cut_record() {
    let mut bench = Bench::in_the_field();
    let (outcome, _) = bench.boot_with(|launch| {
        let write = |len| launch.write_shared_data(&mut vec![0; len], Version::default());
        let needed = write(1024).unwrap();
        assert_eq!(write(needed), Ok(needed));
        assert!((0..needed).all(|len| write(len).is_err()));
    });
    outcome.unwrap();
}
