//! The emulated counter keeps the contract, also when power goes in any operation, twice.

use ironroot_platform::checks;
use ironroot_platform::model::{Cut, Effect, ModelFlash, Power};
use ironroot_platform::{CounterError, Flash, FlashCounter, Geometry, HardwareCounter};

const VALUES: [u32; 16] = [
    1, 2, 3, 4, 5, 7, 8, 100, 101, 102, 103, 5000, 5001, 5002, 5003, 5004,
];

fn geometry(write_unit: u32, erased: u8, sectors: u32) -> Geometry {
    // Small: room for few steps, so that the ring turns several times.
    let sector_size = if write_unit > 8 { 256 } else { 64 };
    Geometry {
        sector_size,
        sectors,
        write_unit,
        erased,
    }
}

fn every_geometry() -> impl Iterator<Item = Geometry> {
    let shapes = [(2, 0xff), (2, 0x00), (3, 0xff), (5, 0x00)];
    [1, 2, 4, 8, 16, 32]
        .into_iter()
        .flat_map(move |unit| shapes.map(|(sectors, erased)| geometry(unit, erased, sectors)))
}

fn every_cut() -> Vec<Cut> {
    let mut cuts = vec![Cut::CLEAN];
    for unstable in [false, true] {
        cuts.push(Cut {
            effect: Effect::LooksUntouched,
            unstable,
            seed: 1,
        });
        cuts.push(Cut {
            effect: Effect::LooksDone,
            unstable,
            seed: 2,
        });
        for seed in 3..7 {
            cuts.push(Cut {
                effect: Effect::Partial,
                unstable,
                seed,
            });
        }
    }
    cuts
}

fn open(flash: &ModelFlash, power: &Power) -> FlashCounter<ModelFlash> {
    FlashCounter::open(flash.fork(power)).expect("a counter opens after any cut")
}

/// Counts through `values` until the end or the cut; how many steps were acknowledged.
fn count(counter: &mut FlashCounter<ModelFlash>, values: &[u32]) -> usize {
    values
        .iter()
        .take_while(|value| counter.advance_to(**value).is_ok())
        .count()
}

#[test]
fn it_keeps_the_counter_contract() {
    for geometry in every_geometry() {
        let flash = ModelFlash::unproven(geometry, &Power::new());
        checks::check_counter(&mut FlashCounter::open(flash).unwrap());
        let flash = ModelFlash::unproven(geometry, &Power::new());
        checks::check_counter_keeps_its_value(FlashCounter::open(flash).unwrap(), |counter| {
            let flash = counter.into_inner();
            assert_eq!(flash.violations(), 0);
            FlashCounter::open(flash).unwrap()
        });
    }
}

#[test]
fn values_up_to_the_highest_are_kept() {
    let mut flash = ModelFlash::new(geometry(4, 0xff, 2), &Power::new());
    for value in [
        0x7fff_ffff,
        0x8000_0000,
        0xffff_0000,
        u32::MAX - 1,
        u32::MAX,
    ] {
        FlashCounter::open(&mut flash)
            .unwrap()
            .advance_to(value)
            .unwrap();
        assert_eq!(FlashCounter::open(&mut flash).unwrap().read(), Ok(value));
    }
    let mut counter = FlashCounter::open(&mut flash).unwrap();
    assert_eq!(counter.advance_to(0), Err(CounterError::WouldDecrease));
}

#[test]
fn a_cut_in_any_operation_leaves_the_old_or_the_new_value() {
    let mut cuts = 0u32;
    for geometry in every_geometry() {
        let whole = Power::new();
        let counter = &mut open(&ModelFlash::unproven(geometry, &whole), &whole);
        assert_eq!(count(counter, &VALUES), VALUES.len());
        for operation in 0..whole.operations() {
            for cut in every_cut() {
                cuts += 1 + cut_once(geometry, operation, cut);
            }
        }
    }
    println!("{cuts} cuts");
}

fn cut_once(geometry: Geometry, operation: u64, cut: Cut) -> u32 {
    let power = Power::new();
    let blank = ModelFlash::unproven(geometry, &power);
    power.cut_at(operation, cut);
    let mut counter = open(&blank, &power);
    let done = count(&mut counter, &VALUES);
    assert!(
        counter.read().is_err(),
        "after a failed step only a new start tells the value"
    );
    let old = done.checked_sub(1).map_or(0, |last| VALUES[last]);
    let new = VALUES[done];
    let torn = counter.into_inner();
    never_decreases(&torn, old, new);
    counts_on(&torn, old, new);
    cut_again(&torn, old, new)
}

/// Boot after boot, without counting.
fn never_decreases(torn: &ModelFlash, old: u32, new: u32) {
    let power = Power::new();
    let mut flash = torn.fork(&power);
    let mut seen = old;
    for _ in 0..6 {
        power.on();
        let counter = FlashCounter::open(flash).expect("a counter opens after any cut");
        let value = counter.read().unwrap();
        assert!(
            value == old || value == new,
            "{value} is neither {old} nor {new}"
        );
        assert!(value >= seen, "{value} was {seen}");
        seen = value;
        flash = counter.into_inner();
    }
    assert_eq!(flash.violations(), 0);
}

/// The next boot counts, and every later one sees that value.
fn counts_on(torn: &ModelFlash, old: u32, new: u32) {
    for idle_boots in 0..2 {
        let power = Power::new();
        let mut flash = torn.fork(&power);
        for _ in 0..idle_boots {
            power.on();
            flash = open(&flash, &power).into_inner();
        }
        for step in 1..4 {
            power.on();
            let mut counter = open(&flash, &power);
            let before = counter.read().unwrap();
            counter.advance_to(new + step).unwrap();
            counter.advance_to(new + step + 1).unwrap();
            assert!(before == old || before >= new);
            flash = counter.into_inner();
            for _ in 0..3 {
                power.on();
                assert_eq!(open(&flash, &power).read(), Ok(new + step + 1));
            }
        }
        assert_eq!(flash.violations(), 0);
    }
}

/// A second cut in any operation of the next boot's first steps.
fn cut_again(torn: &ModelFlash, old: u32, new: u32) -> u32 {
    let mut cuts = 0;
    for second in every_cut() {
        for operation in 0.. {
            let power = Power::new();
            power.on();
            let flash = torn.fork(&power);
            power.cut_at(operation, second);
            let mut flash = flash;
            let mut shown = old;
            if let Ok(mut counter) = FlashCounter::open(&mut flash) {
                shown = counter.read().unwrap();
                assert!(shown == old || shown == new);
                for value in [new + 1, new + 2] {
                    if counter.advance_to(value).is_ok() {
                        shown = value;
                    }
                }
            }
            if power.is_on() {
                break;
            }
            cuts += 1;
            for _ in 0..3 {
                power.on();
                let value = open(&flash, &power).read().unwrap();
                assert!(
                    (shown..=new + 2).contains(&value),
                    "{value} after {shown} was shown"
                );
            }
            assert_eq!(flash.violations(), 0);
        }
    }
    cuts
}

#[test]
fn foreign_content_is_not_a_counter_at_zero() {
    for geometry in every_geometry() {
        let size = usize::try_from(geometry.size()).unwrap();
        let mut flash = ModelFlash::new(geometry, &Power::new());
        flash.reprogram(&vec![0x33; size]);
        assert_eq!(
            FlashCounter::open(&mut flash).err(),
            Some(CounterError::Device)
        );
        let mut one_byte = vec![geometry.erased; size];
        one_byte[0] ^= 1; // sector 0; a first step begins in sector 1
        flash.reprogram(&one_byte);
        assert_eq!(
            FlashCounter::open(&mut flash).err(),
            Some(CounterError::Device)
        );
    }
}

#[test]
fn a_flash_that_cannot_hold_a_counter_is_refused() {
    for (sector_size, sectors, write_unit) in [
        (64, 1, 4),
        (16, 2, 1),
        (16, 4, 4),
        (128, 2, 32 * 2),
        (96, 2, 4),
        (64, 2, 3),
        (64, 0, 4),
    ] {
        let geometry = Geometry {
            sector_size,
            sectors,
            write_unit,
            erased: 0xff,
        };
        let flash = ModelFlash::new(geometry, &Power::new());
        assert_eq!(
            FlashCounter::open(flash).err(),
            Some(CounterError::Device),
            "{geometry:?}"
        );
    }
}

#[test]
fn a_step_of_a_running_device_erases_once_in_hundreds() {
    let geometry = Geometry {
        sector_size: 4096,
        sectors: 2,
        write_unit: 4,
        erased: 0xff,
    };
    let mut counter = FlashCounter::open(ModelFlash::new(geometry, &Power::new())).unwrap();
    (1..=3400).for_each(|value| counter.advance_to(value).unwrap());
    let flash = counter.into_inner();
    assert_eq!(flash.erases().iter().sum::<u32>(), 10);
    let reads = flash.reads();
    let counter = FlashCounter::open(flash).unwrap();
    assert_eq!(counter.read(), Ok(3400));
    assert!(
        counter.into_inner().reads() - reads < 20,
        "opening reads little"
    );
}

#[test]
fn reading_and_opening_a_settled_counter_writes_nothing() {
    let power = Power::new();
    let mut flash = ModelFlash::new(geometry(8, 0xff, 2), &power);
    FlashCounter::open(&mut flash)
        .unwrap()
        .advance_to(9)
        .unwrap();
    let before = power.operations();
    for _ in 0..10 {
        let mut counter = FlashCounter::open(&mut flash).unwrap();
        assert_eq!(counter.read(), Ok(9));
        counter.advance_to(9).unwrap();
    }
    assert_eq!(power.operations(), before);
    assert_eq!(flash.geometry().sectors, 2);
}
