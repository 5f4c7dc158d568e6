//! Flash that fails, and trailers that lie.

use crate::bench::{Bench, SMALL, Shape, spec};
use crate::sweep::full;
use ironroot_boot::install::method::Method;
use ironroot_boot::install::set::EachForItself;
use ironroot_boot::install::{Overwrite, SwapMove, SwapOffset, SwapScratch};
use ironroot_boot::trailer_ops::Request;
use ironroot_boot::{Image, Slot};
use ironroot_platform::Flash as _;
use ironroot_platform::model::{Cut, Effect};

const ONE: Image = Image::Secure;
type Device<M> = Bench<M, EachForItself>;

/// A small generator (Marsaglia's xorshift).
struct Dice(u32);

impl Dice {
    fn roll(&mut self, sides: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 % sides
    }
}

/// Writes a trailer that lies: good or bad magic, any flags, any size, any status.
fn lie<M: Method + Default>(bench: &mut Device<M>, slot: Slot, dice: &mut Dice) {
    let layout = bench.layout(ONE, slot);
    let mut region = bench.slot(ONE, slot);
    let sector = bench.shape.sector;
    for number in layout.first_sector()..layout.sectors() {
        region.erase(number).unwrap();
    }
    let fields = *layout.fields();
    let mut put = |at: u32, byte: u32| {
        let _ = region.program(at, &[byte as u8, 0xff, 0xff, 0xff]);
    };
    for at in [fields.image_ok(), fields.copy_done()] {
        let byte = [0xff, 0xff, 0x01, 0x01, 0x33][dice.roll(5) as usize];
        if byte != 0xff {
            put(at, byte);
        }
    }
    if dice.roll(8) != 0 {
        put(fields.swap_info(), 1 + dice.roll(5));
    }
    let entries = layout.entries();
    for _ in 0..[0, 1, 1, 3, entries][dice.roll(5) as usize] {
        put(layout.entry(dice.roll(entries.max(1))).unwrap_or(0), 1);
    }
    let size = match dice.roll(4) {
        0 => dice.roll(u32::MAX),
        1 => sector * dice.roll(bench.shape.primary + 2),
        _ => 2 * sector,
    };
    let mut region = bench.slot(ONE, slot);
    region
        .program(layout.swap_size(), &size.to_le_bytes())
        .unwrap();
    let magic = fields.alignment().magic();
    match dice.roll(6) {
        0 => {}
        1 => region.program(fields.magic(), &magic[..12]).unwrap(),
        _ => region.program(fields.magic(), magic).unwrap(),
    }
}

/// Whatever the trailers say, an acceptable image boots, now and later, and never another.
fn survives_lies<M: Method + Default>(rounds: u32) {
    let shape = Shape {
        primary: 6,
        secondary: 6,
        max_sectors: 6,
        ..SMALL
    };
    let field = Device::<M>::in_the_field(shape);
    let mut foreign = spec(2);
    foreign.signer = 9;
    let candidates = [
        (M::CANDIDATE, spec(2).build()),
        (M::CANDIDATE, foreign.build()),
        (0, spec(2).build()),
        (0, Vec::new()),
    ];
    let mut dice = Dice(0x1234_5678);
    for round in 0..rounds {
        let mut bench = field.fork();
        let (sector, candidate) = &candidates[dice.roll(4) as usize];
        bench.write_at(ONE, Slot::B, *sector, candidate).unwrap();
        if dice.roll(4) != 0 {
            lie(&mut bench, Slot::A, &mut dice);
        }
        if dice.roll(4) != 0 {
            lie(&mut bench, Slot::B, &mut dice);
        }
        for boot in 0..4 {
            bench.power.on();
            let before = bench.power.operations();
            let outcome = bench.boot();
            let outcome = outcome.unwrap_or_else(|error| {
                panic!("round {round}, boot {boot}: {error:?}, {:?}", bench.events)
            });
            let bytes = match outcome.majors[..] {
                [1] => spec(1).build(),
                _ => spec(2).build(),
            };
            assert_eq!(bench.content(ONE, Slot::A, 0, bytes.len()), bytes);
            assert!(bench.power.operations() - before < 400);
        }
    }
}

#[test]
fn trailers_that_lie_never_keep_a_device_from_booting() {
    let rounds = if full() { 20_000 } else { 400 };
    survives_lies::<SwapOffset>(rounds);
    survives_lies::<SwapMove>(rounds);
    survives_lies::<SwapScratch>(rounds);
    survives_lies::<Overwrite>(rounds);
    tell!("lying trailers: {} devices", rounds * 4);
}

/// On flash with error correction, what a cut tore cannot be read at all.
fn torn_units_that_cannot_be_read<M: Method + Default>() -> u64 {
    let mut field = Device::<M>::in_the_field(SMALL);
    field.flash.0.borrow_mut().correct_errors();
    field.update(ONE, &spec(2).build(), Request::Trial).unwrap();
    let mut trial = field.fork();
    trial.boot().unwrap();
    let mut points = 0;
    let cut = Cut {
        effect: Effect::Partial,
        unstable: false,
        seed: 4,
    };
    for field in [field, trial] {
        for operation in 0.. {
            let mut bench = field.fork();
            bench.power.cut_at(operation, cut);
            let done = bench.boot().is_ok();
            for second in 0.. {
                let mut bench = bench.fork();
                bench.power.on();
                let now = bench.power.operations();
                bench.power.cut_at(now + second, cut);
                let whole = bench.boot().is_ok();
                let outcome = bench.reboot().unwrap_or_else(|error| {
                    panic!("{operation}, {second}: {error:?} {:?}", bench.events)
                });
                let bytes = spec(outcome.majors[0]).build();
                assert_eq!(bench.content(ONE, Slot::A, 0, bytes.len()), bytes);
                assert_eq!(bench.violations(), 0);
                points += 1;
                if whole {
                    break;
                }
            }
            if done {
                break;
            }
        }
    }
    points
}

#[test]
fn torn_units_that_error_correction_gives_up_on_do_not_stop_a_swap() {
    let mut points = torn_units_that_cannot_be_read::<SwapOffset>();
    points += torn_units_that_cannot_be_read::<SwapMove>();
    points += torn_units_that_cannot_be_read::<SwapScratch>();
    tell!("unreadable after a cut: {points} pairs of cuts");
}

/// Each read of a boot fails once: at worst it is like a cut.
fn reads_that_fail<M: Method + Default>() -> u64 {
    let mut field = Device::<M>::in_the_field(SMALL);
    field.update(ONE, &spec(2).build(), Request::Trial).unwrap();
    let mut trial = field.fork();
    trial.boot().unwrap();
    let mut points = 0;
    for (field, back) in [(field, false), (trial, true)] {
        let step = if full() { 1 } else { 5 };
        for read in (0..).step_by(step) {
            let mut bench = field.fork();
            let before = bench.flash.0.borrow().reads();
            bench.flash.0.borrow_mut().fail_read(read);
            let _ = bench.boot();
            let reached = bench.flash.0.borrow().reads() - before > read;
            let outcome = bench
                .reboot()
                .unwrap_or_else(|error| panic!("{read}: {error:?} {:?}", bench.events));
            let bytes = spec(outcome.majors[0]).build();
            assert_eq!(bench.content(ONE, Slot::A, 0, bytes.len()), bytes);
            let other = spec(3 - outcome.majors[0]).build();
            let sector = match outcome.majors[..] {
                [1] => M::CANDIDATE,
                _ => 0,
            };
            assert_eq!(
                bench.content(ONE, Slot::B, sector, other.len()),
                other,
                "{back} {read}"
            );
            points += 1;
            if !reached {
                break;
            }
        }
    }
    points
}

#[test]
fn any_read_may_fail_once() {
    let mut points = reads_that_fail::<SwapOffset>();
    points += reads_that_fail::<SwapMove>();
    points += reads_that_fail::<SwapScratch>();
    tell!("failing reads: {points}");
}

/// Bits flip in reads, unnoticed by the flash. What is copied wrongly is found when it is read back.
#[test]
fn bits_that_flip_in_reads_do_not_get_into_an_image() {
    fn check<M: Method + Default>() {
        for every in 5..60 {
            let mut bench = Device::<M>::in_the_field(SMALL);
            bench.update(ONE, &spec(2).build(), Request::Trial).unwrap();
            bench.flash.0.borrow_mut().flip_on_every_read(Some(every));
            let _ = bench.boot();
            let _ = bench.reboot();
            bench.flash.0.borrow_mut().flip_on_every_read(None);
            let outcome = bench
                .reboot()
                .unwrap_or_else(|error| panic!("{every}: {error:?} {:?}", bench.events));
            let bytes = spec(outcome.majors[0]).build();
            assert_eq!(bench.content(ONE, Slot::A, 0, bytes.len()), bytes);
        }
    }
    check::<SwapOffset>();
    check::<SwapMove>();
    check::<SwapScratch>();
}

/// A sector of the image that leaves is lost for good in the middle of the swap: the new one is installed, and as
/// there is nothing to go back to, it stays as a last resort.
#[test]
fn an_image_that_cannot_be_read_any_more_is_not_gone_back_to() {
    let mut bench = Device::<SwapOffset>::in_the_field(SMALL);
    bench.update(ONE, &spec(2).build(), Request::Trial).unwrap();
    bench.boot().unwrap();
    let old = SMALL.map().slot(ONE, Slot::B).offset;
    bench.flash.0.borrow_mut().break_range(old + 256, 4);
    for _ in 0..3 {
        let outcome = bench.boot().unwrap();
        assert_eq!(outcome.majors, [2]);
        assert!(outcome.last_resort());
        assert!(!outcome.trial());
        assert_eq!(bench.counter(ONE), 1);
    }
}

/// A sector of the candidate is lost in the middle of the swap: the old image comes back.
#[test]
fn a_candidate_that_cannot_be_read_any_more_is_given_up() {
    fn check<M: Method + Default>() {
        let mut field = Device::<M>::in_the_field(SMALL);
        field
            .update(ONE, &spec(2).build(), Request::Permanent)
            .unwrap();
        let candidate = SMALL.map().slot(ONE, Slot::B).offset + (M::CANDIDATE + 1) * SMALL.sector;
        for operation in 0.. {
            let mut bench = field.fork();
            bench.power.cut_at(operation, Cut::CLEAN);
            let done = bench.boot().is_ok();
            if done {
                break;
            }
            let mut read = [0; 4];
            bench.power.on();
            bench.flash.read(candidate, &mut read).unwrap();
            bench.flash.0.borrow_mut().break_range(candidate, 4);
            let outcome = bench
                .boot()
                .unwrap_or_else(|error| panic!("{operation}: {error:?} {:?}", bench.events));
            let bytes = spec(outcome.majors[0]).build();
            assert_eq!(bench.content(ONE, Slot::A, 0, bytes.len()), bytes);
            assert_eq!(bench.counter(ONE), u32::from(outcome.majors[0]));
        }
    }
    check::<SwapOffset>();
    check::<SwapMove>();
    check::<SwapScratch>();
}
