//! Strategies that move nothing: direct-XIP, a single slot, a firmware loader, and RAM-load of a set.

use crate::bench::{Bench, Record, SMALL, Set, Shape, spec};
use crate::sweep::every_effect;
use ironroot_boot::install::Overwrite;
use ironroot_boot::install::set::EachForItself;
use ironroot_boot::trailer_ops::{self, Request};
use ironroot_boot::{
    BootError, DirectXip, DirectXipRevert, FirmwareLoader, Image, RamLoad, Reason, SingleSlot,
    SingleSlotRamLoad, Slot,
};
use ironroot_image::Refusal;
use ironroot_image::build::Placement;

const ONE: Image = Image::Secure;
const BASE: u32 = 0x1000_0000;
const PAIR: Shape = Shape { images: 2, ..SMALL };

/// Slots without a swap: which method the bench has does not matter.
type Device<K> = Bench<Overwrite, K>;

fn write<K: Record>(bench: &mut Device<K>, slot: Slot, major: u8) {
    bench.write_at(ONE, slot, 0, &spec(major).build()).unwrap();
}

fn install<K: Record>(
    bench: &mut Device<K>,
    image: Image,
    slot: Slot,
    major: u8,
    request: Request,
) -> Option<()> {
    bench.write_at(image, slot, 0, &spec(major).build())?;
    trailer_ops::set_pending(&mut bench.slot(image, slot), image, request).ok()
}

fn confirm<K: Record>(bench: &Device<K>, image: Image, slot: Slot) -> Option<()> {
    trailer_ops::confirm(&mut bench.slot(image, slot)).ok()
}

#[test]
fn direct_xip_runs_the_newest_image_where_it_lies() {
    let mut bench = Device::<EachForItself>::new(SMALL);
    let b = SMALL.map().slots.secure.b.offset;
    write(&mut bench, Slot::A, 1);
    let outcome = bench.boot_slots(DirectXip).unwrap();
    assert_eq!(
        (&outcome.majors[..], outcome.running[0].slot),
        (&[1][..], Slot::A)
    );
    assert_eq!(outcome.entries, [BASE + 32]);
    write(&mut bench, Slot::B, 2);
    let outcome = bench.boot_slots(DirectXip).unwrap();
    assert_eq!(
        (&outcome.majors[..], outcome.running[0].slot),
        (&[2][..], Slot::B)
    );
    assert_eq!(outcome.entries, [BASE + b + 32]);
    assert_eq!(bench.counter(ONE), 2);
    // Half of a newer one: the old one again.
    let half = spec(3).build();
    bench.write_at(ONE, Slot::A, 0, &half[..200]).unwrap();
    let outcome = bench.boot_slots(DirectXip).unwrap();
    assert_eq!(outcome.majors, [2]);
    assert!(!outcome.reasons().is_empty());
}

#[test]
fn an_image_bound_to_one_slot_does_not_run_from_the_other() {
    let b = SMALL.map().slots.secure.b.offset;
    let mut bound = spec(2);
    bound.placement = Placement::Rom(BASE + b);
    let mut bench = Device::<EachForItself>::new(SMALL);
    bench.write_at(ONE, Slot::A, 0, &bound.build()).unwrap();
    let refused = bench.boot_slots(DirectXip);
    assert_eq!(refused.unwrap_err(), BootError::NothingToBoot(ONE));
    let reasons = crate::bench::reasons(&bench.events);
    assert!(reasons.contains(&Reason::Image(Refusal::RomAddress)));
    bench.write_at(ONE, Slot::B, 0, &bound.build()).unwrap();
    let outcome = bench.boot_slots(DirectXip).unwrap();
    assert_eq!(outcome.running[0].slot, Slot::B);
}

#[test]
fn direct_xip_with_revert_tries_once_and_goes_back() {
    let mut bench = Device::<EachForItself>::new(SMALL);
    install(&mut bench, ONE, Slot::A, 1, Request::Permanent).unwrap();
    bench.boot_slots(DirectXipRevert).unwrap();
    install(&mut bench, ONE, Slot::B, 2, Request::Trial).unwrap();
    let outcome = bench.boot_slots(DirectXipRevert).unwrap();
    assert_eq!(outcome.majors, [2]);
    assert!(outcome.trial());
    assert_eq!(bench.counter(ONE), 1);
    let before = bench.whole_slot(ONE, Slot::B);
    let outcome = bench.boot_slots(DirectXipRevert).unwrap();
    assert_eq!(outcome.majors, [1]);
    assert_eq!(bench.whole_slot(ONE, Slot::B), before, "kept as evidence");

    install(&mut bench, ONE, Slot::B, 2, Request::Trial).unwrap();
    bench.boot_slots(DirectXipRevert).unwrap();
    confirm(&bench, ONE, Slot::B).unwrap();
    let outcome = bench.boot_slots(DirectXipRevert).unwrap();
    assert_eq!(outcome.majors, [2]);
    assert_eq!(bench.counter(ONE), 2);
}

#[test]
fn direct_xip_with_revert_survives_every_cut() {
    let mut field = Device::<EachForItself>::new(SMALL);
    install(&mut field, ONE, Slot::A, 1, Request::Permanent).unwrap();
    field.boot_slots(DirectXipRevert).unwrap();
    let life = |bench: &mut Device<EachForItself>| -> Option<()> {
        install(bench, ONE, Slot::B, 2, Request::Trial)?;
        bench.boot_slots(DirectXipRevert).ok()?;
        confirm(bench, ONE, Slot::B)?;
        bench.boot_slots(DirectXipRevert).ok().map(|_| ())
    };
    let recovers = |bench: &mut Device<EachForItself>| {
        for _ in 0..3 {
            bench.power.on();
            let outcome = bench.boot_slots(DirectXipRevert).unwrap();
            assert!(outcome.majors == [1] || outcome.majors == [2]);
        }
    };
    let (mut cuts, mut pairs) = (0, 0);
    for cut in every_effect() {
        for operation in 0.. {
            let mut torn = field.fork();
            torn.power.cut_at(operation, cut);
            let done = life(&mut torn).is_some();
            cuts += 1;
            for other in every_effect() {
                for again in 0.. {
                    let mut bench = torn.fork();
                    bench.power.on();
                    let now = bench.power.operations();
                    bench.power.cut_at(now + again, other);
                    let whole = bench.boot_slots(DirectXipRevert).is_ok();
                    pairs += 1;
                    recovers(&mut bench);
                    if whole {
                        break;
                    }
                }
            }
            recovers(&mut torn);
            if done {
                break;
            }
        }
    }
    tell!("sweep direct-XIP, in all: {cuts} cuts, {pairs} pairs of cuts");
}

#[test]
fn a_single_slot_boots_or_nothing_does() {
    let mut bench = Device::<EachForItself>::new(SMALL);
    write(&mut bench, Slot::A, 1);
    write(&mut bench, Slot::B, 2);
    for outcome in [bench.boot_slots(SingleSlot), bench.boot_slots(SingleSlot)] {
        assert_eq!(outcome.unwrap().majors, [1], "the other slot is not one");
    }
    bench.flash.0.borrow_mut().corrupt(40, 1);
    let refused = bench.boot_slots(SingleSlot);
    assert_eq!(refused.unwrap_err(), BootError::NothingToBoot(ONE));
}

#[test]
fn a_single_slot_can_be_loaded_to_memory() {
    let mut bench = Device::<EachForItself>::new(PAIR);
    for image in Image::ALL {
        bench.write_at(image, Slot::A, 0, &spec(1).build()).unwrap();
    }
    let outcome = bench.boot_loaded(SingleSlotRamLoad).unwrap();
    assert_eq!(outcome.majors, [1, 1]);
    assert_eq!(outcome.entries, [0x1000 + 32, 0x8000 + 32]);
}

#[test]
fn the_loader_runs_when_asked_for_and_when_there_is_no_application() {
    let stay = FirmwareLoader { enter: false };
    let enter = FirmwareLoader { enter: true };
    let mut bench = Device::<EachForItself>::new(SMALL);
    write(&mut bench, Slot::A, 1);
    write(&mut bench, Slot::B, 9);
    assert_eq!(
        bench.boot_slots(stay).unwrap().majors,
        [1],
        "newer is not asked"
    );
    assert_eq!(bench.boot_slots(enter).unwrap().majors, [9]);
    assert_eq!(bench.counter(ONE), 1, "the loader locks no application out");
    bench.flash.0.borrow_mut().corrupt(40, 1);
    assert_eq!(bench.boot_slots(stay).unwrap().majors, [9]);
    // A broken loader does not stop the application.
    let mut bench = Device::<EachForItself>::new(SMALL);
    write(&mut bench, Slot::A, 1);
    assert_eq!(bench.boot_slots(enter).unwrap().majors, [1]);
}

fn pair<K: Record>() -> Device<K> {
    let mut bench = Device::<K>::new(PAIR);
    for image in Image::ALL {
        install(&mut bench, image, Slot::A, 1, Request::Permanent).unwrap();
    }
    assert_eq!(bench.boot_loaded(RamLoad).unwrap().majors, [1, 1]);
    bench
}

/// The images do not need each other, so nothing but the record holds them together.
#[test]
fn a_set_that_is_loaded_to_memory_is_tried_and_confirmed_as_one_at_every_cut() {
    let field = pair::<Set>();
    let mut cuts = 0;
    for cut in every_effect() {
        for operation in 0.. {
            let mut bench = field.fork();
            bench.power.cut_at(operation, cut);
            let mut requested = false;
            let mut confirmed = false;
            let mut life = |bench: &mut Device<Set>| -> Option<()> {
                for image in Image::ALL {
                    install(bench, image, Slot::B, 2, Request::Trial)?;
                }
                requested = true;
                bench.boot_loaded(RamLoad).ok()?;
                for image in Image::ALL {
                    confirm(bench, image, Slot::B)?;
                }
                confirmed = true;
                bench.boot_loaded(RamLoad).ok().map(|_| ())
            };
            let done = life(&mut bench).is_some();
            cuts += 1;
            for _ in 0..3 {
                bench.power.on();
                let outcome = bench.boot_loaded(RamLoad).unwrap();
                if requested {
                    let [one, two] = outcome.majors[..] else {
                        panic!()
                    };
                    assert_eq!(one, two, "{operation} {cut:?} {:?}", outcome.events);
                }
                if confirmed {
                    assert_eq!(outcome.majors, [2, 2]);
                } else if bench.counter(ONE) == 2 {
                    assert_eq!(bench.counter(Image::NonSecure), 2);
                }
            }
            if done {
                break;
            }
        }
    }
    tell!("sweep set loaded to memory, in all: {cuts} cuts");
}

#[test]
fn an_image_that_was_confirmed_alone_goes_back_with_its_set() {
    let mut bench = pair::<Set>();
    for image in Image::ALL {
        install(&mut bench, image, Slot::B, 2, Request::Trial).unwrap();
    }
    let outcome = bench.boot_loaded(RamLoad).unwrap();
    assert_eq!(outcome.majors, [2, 2]);
    confirm(&bench, ONE, Slot::B).unwrap();
    for _ in 0..3 {
        assert_eq!(bench.boot_loaded(RamLoad).unwrap().majors, [1, 1]);
        assert_eq!(bench.counter(ONE), 1);
    }
    // The next set is judged on its own.
    for image in Image::ALL {
        install(&mut bench, image, Slot::B, 3, Request::Trial).unwrap();
    }
    assert_eq!(bench.boot_loaded(RamLoad).unwrap().majors, [3, 3]);
    for image in Image::ALL {
        confirm(&bench, image, Slot::B).unwrap();
    }
    assert_eq!(bench.boot_loaded(RamLoad).unwrap().majors, [3, 3]);
    assert_eq!(bench.counter(ONE), 3);
}

#[test]
fn without_a_record_the_confirmed_image_stays_alone() {
    let mut bench = pair::<EachForItself>();
    for image in Image::ALL {
        install(&mut bench, image, Slot::B, 2, Request::Trial).unwrap();
    }
    assert_eq!(bench.boot_loaded(RamLoad).unwrap().majors, [2, 2]);
    confirm(&bench, ONE, Slot::B).unwrap();
    assert_eq!(bench.boot_loaded(RamLoad).unwrap().majors, [2, 1]);
}
