//! Power is cut at every flash and counter operation of an update's whole life, with every kind of tear; and
//! again at every operation of every boot that recovers from it.
//!
//! After each: the next undisturbed boot starts a correctly signed image, both slots hold whole images, nothing
//! was programmed twice, no counter rose without confirmation, and the device takes a further update.
//!
//! The CI-sized run takes seconds: every cut with every effect, and pairs with effects in turn. `IRONROOT_SWEEP=full`
//! (`cargo xtask test --sweep`) takes every pair of cuts with every pair of effects, and further layouts. Both print
//! what they cut: a cut is an operation and an effect, a pair is a cut and another in the boot after it.

use crate::bench::{Bench, Outcome, Record, SMALL, Set, Shape, spec};
use ironroot_boot::install::method::Method;
use ironroot_boot::install::set::EachForItself;
use ironroot_boot::install::{Overwrite, SwapMove, SwapOffset, SwapScratch};
use ironroot_boot::trailer_ops::Request;
use ironroot_boot::{Image, Slot};
use ironroot_image::trailer::{FlagState, MagicState};
use ironroot_platform::model::{Cut, Effect};

/// Whether the long sweep was asked for.
pub(crate) fn full() -> bool {
    std::env::var("IRONROOT_SWEEP").is_ok_and(|value| value == "full")
}

/// Every way in which a cut can leave an operation.
pub(crate) fn every_effect() -> Vec<Cut> {
    let mut cuts = vec![Cut::CLEAN];
    for effect in [Effect::LooksUntouched, Effect::Partial, Effect::LooksDone] {
        for unstable in [false, true] {
            let seed = 11;
            cuts.push(Cut {
                effect,
                unstable,
                seed,
            });
        }
    }
    cuts.push(Cut {
        effect: Effect::Partial,
        unstable: false,
        seed: 12,
    });
    cuts
}

/// Those that found most while this was written.
fn few_effects() -> Vec<Cut> {
    let cut = |effect, unstable| Cut {
        effect,
        unstable,
        seed: 7,
    };
    vec![
        Cut::CLEAN,
        cut(Effect::LooksUntouched, false),
        cut(Effect::Partial, true),
        cut(Effect::LooksDone, true),
    ]
}

/// What happens to the device.
#[derive(Clone)]
pub(crate) struct Life {
    pub(crate) old: Vec<Vec<u8>>,
    pub(crate) new: Vec<Vec<u8>>,
    pub(crate) next: Vec<Vec<u8>>,
    pub(crate) request: Request,
    pub(crate) confirm: bool,
}

pub(crate) fn life(shape: Shape, request: Request, confirm: bool) -> Life {
    let images = |major: u8| (0..shape.images).map(|_| spec(major).build()).collect();
    Life {
        old: images(1),
        new: images(2),
        next: images(3),
        request,
        confirm,
    }
}

/// The same with new images that need each other.
pub(crate) fn tied(life: &Life) -> Life {
    let images = |major: u8| {
        let needs = [Image::NonSecure, Image::Secure];
        needs
            .map(|other| spec(major).needs(other, major).build())
            .to_vec()
    };
    Life {
        new: images(2),
        next: images(3),
        ..life.clone()
    }
}

/// How far it came.
#[derive(Debug, Default, Clone, Copy)]
struct Progress {
    requested: bool,
    confirm_called: bool,
    confirmed: bool,
    done: bool,
}

fn steps<M: Method + Default, K: Record>(
    bench: &mut Bench<M, K>,
    life: &Life,
    progress: &mut Progress,
) -> Option<()> {
    for (image, bytes) in bench.images().iter().zip(&life.new) {
        bench.update(*image, bytes, life.request)?;
    }
    progress.requested = true;
    bench.boot().ok()?;
    if life.confirm {
        progress.confirm_called = true;
        for image in bench.images() {
            bench.confirm(*image)?;
        }
        progress.confirmed = true;
    }
    bench.boot().ok()?;
    bench.boot().ok()?;
    progress.done = true;
    Some(())
}

/// What must hold after every boot.
fn check<M: Method + Default, K: Record>(
    bench: &Bench<M, K>,
    outcome: &Outcome,
    life: &Life,
    progress: Progress,
) {
    let together = bench.record.together();
    for (index, image) in bench.images().iter().enumerate() {
        let major = outcome.majors[index];
        let bytes = |major: u8| match major {
            1 => &life.old[index],
            _ => &life.new[index],
        };
        assert!((1..=2).contains(&major));
        let runs = bytes(major);
        assert_eq!(&bench.content(*image, Slot::A, 0, runs.len()), runs);
        if progress.requested && M::REVERTS {
            // The other image is whole too.
            let (other, sector) = match major {
                1 => (bytes(2), M::CANDIDATE),
                _ => (bytes(1), 0),
            };
            assert_eq!(&bench.content(*image, Slot::B, sector, other.len()), other);
        }
        if together {
            assert_eq!(major, outcome.majors[0], "a set stays together");
        }
        let (magic, image_ok, copy_done) = bench.flags(*image, Slot::A);
        if M::REVERTS && major == 2 {
            assert_eq!((magic, copy_done), (MagicState::Good, FlagState::Set));
        }
        if progress.confirmed {
            assert_eq!(major, 2, "what was confirmed stays");
            assert_eq!(image_ok, FlagState::Set);
        }
        let for_good = life.request == Request::Permanent || !M::REVERTS;
        if !progress.confirm_called && !for_good {
            assert_eq!(
                bench.counter(*image),
                1,
                "no confirmation, no higher counter"
            );
        }
        assert!(bench.counter(*image) <= u32::from(major.max(1)));
    }
    assert!(!outcome.last_resort());
    assert_eq!(bench.violations(), 0, "no unit was touched twice");
}

/// After the last cut: a few boots, then a further update.
///
/// A request that was half written when power was cut, read well once, and badly after the next cut, may be
/// lost: that is an update that does not happen, and needs two cuts.
fn recover<M: Method + Default, K: Record>(
    bench: &mut Bench<M, K>,
    life: &Life,
    progress: Progress,
    cuts: &[Cut],
) {
    let mut majors = Vec::new();
    for _ in 0..3 {
        bench.power.on();
        let before = bench.power.operations();
        let outcome = match bench.boot() {
            Ok(outcome) => outcome,
            Err(error) => panic!("nothing boots: {error:?}, {:?}", bench.events),
        };
        let limit = operations_limit(bench);
        let used = bench.power.operations() - before;
        assert!(used <= limit, "{used} operations in one boot");
        check(bench, &outcome, life, progress);
        majors = outcome.majors;
    }
    let may_be_lost = cuts.len() > 1 && cuts.iter().any(|cut| cut.unstable);
    if progress.requested && life.request == Request::Permanent && !may_be_lost {
        assert!(majors.iter().all(|major| *major == 2), "{majors:?}");
    }
    if cuts.len() > 1 {
        return;
    }
    for (image, bytes) in bench.images().iter().zip(&life.next) {
        bench.update(*image, bytes, Request::Trial).unwrap();
    }
    assert!(bench.boot().unwrap().majors.iter().all(|major| *major == 3));
    for image in bench.images() {
        bench.confirm(*image).unwrap();
    }
    bench.power.on();
    let outcome = bench.boot().unwrap();
    assert!(outcome.majors.iter().all(|major| *major == 3));
    assert_eq!(bench.counter(Image::Secure), 3);
    assert_eq!(bench.violations(), 0);
}

/// No boot does more than two whole swaps of everything, and the trailers.
fn operations_limit<M: Method + Default, K: Record>(bench: &Bench<M, K>) -> u64 {
    let shape = bench.shape;
    let units = u64::from(shape.sector.div_ceil(256)) + 2;
    let sectors = u64::from(shape.primary) * 3 * shape.images as u64;
    2 * (sectors * units + 40)
}

/// Says where a test was when it panics.
struct Where(String);

impl Drop for Where {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("at {}", self.0);
        }
    }
}

/// How much was cut.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Count {
    pub(crate) operations: u64,
    pub(crate) cuts: u64,
    pub(crate) pairs: u64,
}

/// Cuts everywhere, with each of `first`; and in the boot after it, with each of `second`. A run of one effect after
/// the other, in turn, is enough to find most mistakes.
pub(crate) fn sweep<M: Method + Default, K: Record>(
    shape: Shape,
    life: &Life,
    first: &[Cut],
    second: &[Cut],
    in_turn: bool,
) -> Count {
    let field = Bench::<M, K>::that_runs(shape, &life.old);
    let mut count = Count::default();
    for operation in 0.. {
        let mut done = false;
        for (number, cut) in (0..).zip(first) {
            if in_turn && operation % first.len() as u64 != number {
                continue;
            }
            let mut bench = field.fork();
            bench.power.cut_at(operation, *cut);
            let mut progress = Progress::default();
            let _ = steps(&mut bench, life, &mut progress);
            let _here = Where(format!("operation {operation}, {cut:?}, {progress:?}"));
            done = progress.done;
            count.cuts += 1;
            if !done {
                count.pairs += cut_again(&bench, life, progress, (*cut, second), in_turn);
            }
            recover(&mut bench, life, progress, &[*cut]);
        }
        if done {
            count.operations = operation;
            return count;
        }
    }
    unreachable!()
}

fn cut_again<M: Method + Default, K: Record>(
    torn: &Bench<M, K>,
    life: &Life,
    progress: Progress,
    (before, cuts): (Cut, &[Cut]),
    in_turn: bool,
) -> u64 {
    let mut pairs = 0;
    for (number, cut) in cuts.iter().enumerate() {
        for operation in 0.. {
            let other = in_turn && operation as usize % cuts.len() != number;
            if other && operation < operations_limit(torn) {
                continue;
            }
            let mut bench = torn.fork();
            bench.power.on();
            let now = bench.power.operations();
            bench.power.cut_at(now + operation, *cut);
            let whole = bench.boot().is_ok();
            let _here = Where(format!("then operation {operation} of a boot, {cut:?}"));
            pairs += 1;
            recover(&mut bench, life, progress, &[before, *cut]);
            if whole {
                break;
            }
        }
    }
    pairs
}

impl Count {
    fn add(&mut self, other: Self) {
        self.operations = self.operations.max(other.operations);
        self.cuts += other.cuts;
        self.pairs += other.pairs;
    }

    fn tell(&self, name: &str) {
        let Self {
            operations,
            cuts,
            pairs,
        } = self;
        tell!("sweep {name}: up to {operations} operations, {cuts} cuts, {pairs} pairs of cuts");
    }
}

/// Every kind of life on every shape.
fn every_shape<M: Method + Default, K: Record>(name: &str) {
    let mut total = Count::default();
    for shape in shapes() {
        let Shape {
            sector,
            write_unit,
            erased,
            primary,
            ..
        } = shape;
        let count = every_life::<M, K>(shape);
        count.tell(&format!(
            "{name}, {primary} sectors of {sector}, unit {write_unit}, erased {erased:#04x}"
        ));
        total.add(count);
    }
    total.tell(&format!("{name}, in all"));
}

/// Every kind of life on `shape`.
fn every_life<M: Method + Default, K: Record>(shape: Shape) -> Count {
    let (every, few) = (every_effect(), few_effects());
    // Every pair of effects, where it is a matter of minutes.
    let small = (shape.sector, shape.erased, shape.primary) == (SMALL.sector, 0xff, SMALL.primary);
    let mut total = Count::default();
    let lives = match M::REVERTS {
        true => vec![
            life(shape, Request::Trial, true),
            life(shape, Request::Trial, false),
            life(shape, Request::Permanent, false),
        ],
        false => vec![life(shape, Request::Permanent, false)],
    };
    for life in lives {
        let mut add = |first: &[Cut], second: &[Cut], in_turn| {
            let count = sweep::<M, K>(shape, &life, first, second, in_turn);
            assert!(count.operations > 20, "{count:?}");
            total.add(count);
        };
        if full() && small {
            add(&every, &every, false);
            continue;
        }
        add(&every, &[], false);
        // With upgrade and revert in it.
        if !life.confirm && life.request == Request::Trial || !M::REVERTS {
            add(&few, &few, true);
        }
    }
    total
}

/// Other write units, the other erased value, a trailer of several sectors, uneven slots.
fn shapes() -> Vec<Shape> {
    let mut shapes = vec![SMALL];
    // One bit between a flag and nothing: what a cut leaves changes its meaning most easily.
    shapes.push(Shape {
        erased: 0x00,
        ..SMALL
    });
    if full() {
        for write_unit in [1, 8, 16, 32] {
            shapes.push(Shape {
                write_unit,
                sector: 512,
                ..SMALL
            });
        }
        shapes.push(Shape {
            primary: 6,
            secondary: 7,
            max_sectors: 24,
            ..SMALL
        });
    }
    shapes
}

#[test]
fn swap_by_offset_survives_every_cut_and_every_pair_of_cuts() {
    every_shape::<SwapOffset, EachForItself>("offset");
}

#[test]
fn swap_by_moving_survives_every_cut_and_every_pair_of_cuts() {
    every_shape::<SwapMove, EachForItself>("move");
}

#[test]
fn swap_by_scratch_survives_every_cut_and_every_pair_of_cuts() {
    every_shape::<SwapScratch, EachForItself>("scratch");
}

#[test]
fn overwriting_survives_every_cut_and_every_pair_of_cuts() {
    every_shape::<Overwrite, EachForItself>("overwrite");
}

#[test]
fn a_set_of_images_survives_every_cut_and_stays_together() {
    let shape = Shape { images: 2, ..SMALL };
    let (first, second) = match full() {
        true => (every_effect(), few_effects()),
        false => (few_effects(), few_effects()),
    };
    let mut total = Count::default();
    for life in [
        life(shape, Request::Trial, true),
        life(shape, Request::Trial, false),
        life(shape, Request::Permanent, false),
    ] {
        let life = tied(&life);
        if !full() {
            total.add(sweep::<SwapOffset, Set>(
                shape,
                &life,
                &every_effect(),
                &[],
                false,
            ));
            if life.confirm || life.request == Request::Permanent {
                continue; // pairs only with upgrade and revert in it
            }
        }
        total.add(sweep::<SwapOffset, Set>(
            shape,
            &life,
            &first,
            &second,
            !full(),
        ));
    }
    total.tell("set of two by offset, in all");
}

/// Erases of one upgrade of 30 sectors of 4 KiB: of the primary slot, the secondary slot and the scratch area, the
/// most for one sector and in all.
fn wear<M: Method + Default>() -> ([u32; 3], u32) {
    let shape = Shape {
        sector: 4096,
        write_unit: 8,
        primary: 32,
        secondary: 32,
        max_sectors: 128,
        ..SMALL
    };
    let old = spec(1).long(29 * 4096 + 100).build();
    let mut bench = Bench::<M, EachForItself>::that_runs(shape, &[old]);
    let new = spec(2).long(30 * 4096).build();
    bench
        .update(Image::Secure, &new, Request::Permanent)
        .unwrap();
    let before = bench.flash.0.borrow().erases().to_vec();
    assert_eq!(bench.boot().unwrap().majors, [2]);
    let flash = bench.flash.0.borrow();
    let spent = flash.erases().iter().zip(&before);
    let spent: Vec<u32> = spent.map(|(after, before)| after - before).collect();
    let most = |from: usize, to: usize| spent[from..to].iter().copied().max().unwrap();
    let total = spent.iter().sum();
    ([most(0, 32), most(32, 64), most(128, 129)], total)
}

/// The facts give what MCUboot needs for the same: 62 by offset, 92 by moving, 97 by scratch, 34 for overwriting. 62
/// is close to the physical limit of two for a sector.
#[test]
fn thirty_sectors_by_offset_take_sixty_two_erases_and_the_others_no_more_than_mcuboot() {
    let limits = [
        ("offset", wear::<SwapOffset>(), [1, 1, 0], 62),
        ("move", wear::<SwapMove>(), [2, 1, 0], 92),
        ("scratch", wear::<SwapScratch>(), [1, 1, 30], 97),
        ("overwrite", wear::<Overwrite>(), [1, 1, 0], 34),
    ];
    for (name, (each, total), most, limit) in limits {
        tell!("30 sectors by {name}: {total} erases, at most {each:?} for one sector");
        assert!(total <= limit, "{name}: {total}");
        let within = each.iter().zip(most).all(|(each, most)| *each <= most);
        assert!(within, "{name}: {each:?}");
    }
}

/// Each cut costs a sector at most two erases more: the one that was interrupted, and the trailers.
#[test]
fn a_cut_costs_a_sector_at_most_two_erases() {
    fn check<M: Method + Default>() {
        let field = Bench::<M, EachForItself>::in_the_field(SMALL);
        let mut field = field.fork();
        field
            .update(Image::Secure, &spec(2).build(), Request::Trial)
            .unwrap();
        let erases = |bench: &Bench<M, EachForItself>| bench.flash.0.borrow().erases().to_vec();
        let mut whole = field.fork();
        whole.boot().unwrap();
        let (start, undisturbed) = (erases(&field), erases(&whole));
        for operation in 0.. {
            let mut bench = field.fork();
            bench.power.cut_at(operation, Cut::CLEAN);
            let done = bench.boot().is_ok();
            if done {
                break;
            }
            bench.reboot().unwrap();
            let all = erases(&bench);
            for sector in 0..all.len() {
                let (here, there) = (
                    all[sector] - start[sector],
                    undisturbed[sector] - start[sector],
                );
                assert!(
                    here <= there + 2,
                    "{operation} {sector}: {here} for {there}"
                );
            }
        }
    }
    check::<SwapOffset>();
    check::<SwapMove>();
    check::<SwapScratch>();
}

#[test]
fn equal_sectors_are_not_erased() {
    let shape = Shape {
        primary: 12,
        secondary: 12,
        max_sectors: 12,
        ..SMALL
    };
    // Long payloads of equal bytes, except in the first sector and the signature at the end.
    let mut old = spec(1);
    old.payload.resize(2000, 0x77);
    let mut new = spec(2);
    new.payload.resize(2000, 0x77);
    let mut bench = Bench::<SwapOffset, EachForItself>::that_runs(shape, &[old.build()]);
    bench
        .update(Image::Secure, &new.build(), Request::Trial)
        .unwrap();
    let before: u32 = bench.flash.0.borrow().erases().iter().sum();
    assert_eq!(bench.boot().unwrap().majors, [2]);
    let after: u32 = bench.flash.0.borrow().erases().iter().sum();
    let all = 2 * (new.build().len() as u32).div_ceil(shape.sector) + 2;
    assert!(after - before <= all - 10, "{} of {all}", after - before);
    assert_eq!(bench.boot().unwrap().majors, [1]);
}
