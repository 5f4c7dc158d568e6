//! The model keeps the contract, is strict, and fails in every way it promises.

use ironroot_platform::checks;
use ironroot_platform::model::{Cut, Effect, ModelCounter, ModelFlash, Power};
use ironroot_platform::{CounterError, Flash, FlashError, FlashRegion, Geometry, HardwareCounter};

fn geometry(write_unit: u32, erased: u8) -> Geometry {
    Geometry {
        sector_size: 128,
        sectors: 4,
        write_unit,
        erased,
    }
}

fn every_geometry() -> impl Iterator<Item = Geometry> {
    [1, 2, 4, 8, 16, 32]
        .into_iter()
        .flat_map(|unit| [geometry(unit, 0xff), geometry(unit, 0x00)])
}

fn cut(effect: Effect, unstable: bool, seed: u64) -> Cut {
    Cut {
        effect,
        unstable,
        seed,
    }
}

fn sector_0(flash: &ModelFlash) -> Vec<u8> {
    let mut bytes = vec![0; 128];
    flash.read(0, &mut bytes).unwrap();
    bytes
}

#[test]
fn the_model_keeps_the_flash_contract() {
    for geometry in every_geometry() {
        checks::check_flash(&mut ModelFlash::new(geometry, &Power::new()));
        let one = Geometry {
            sectors: 1,
            ..geometry
        };
        checks::check_flash(&mut ModelFlash::new(one, &Power::new()));
        checks::check_flash(&mut ModelFlash::unproven(geometry, &Power::new()));
    }
}

#[test]
fn a_region_keeps_the_flash_contract_and_leaves_the_rest_alone() {
    for geometry in every_geometry() {
        let mut whole = ModelFlash::new(geometry, &Power::new());
        whole.reprogram(&[0x77; 512]);
        let mut region = FlashRegion::new(whole, 128, 256).unwrap();
        checks::check_flash(&mut region);
        let whole = region.into_inner();
        assert!(whole.bytes()[..128].iter().all(|byte| *byte == 0x77));
        assert!(whole.bytes()[384..].iter().all(|byte| *byte == 0x77));
    }
}

#[test]
fn the_model_keeps_the_counter_contract() {
    checks::check_counter(&mut ModelCounter::new(0, u32::MAX, &Power::new()));
    checks::check_counter(&mut ModelCounter::new(0, 3, &Power::new()));
    checks::check_counter(&mut ModelCounter::new(9, 9, &Power::new()));
    checks::check_counter(&mut ModelCounter::new(
        u32::MAX - 1,
        u32::MAX,
        &Power::new(),
    ));
}

#[test]
fn without_power_nothing_answers() {
    let power = Power::new();
    let mut flash = ModelFlash::new(geometry(4, 0xff), &power);
    let mut counter = ModelCounter::new(1, 9, &power);
    power.cut_at(0, Cut::CLEAN);
    assert_eq!(flash.erase(0), Err(FlashError::PowerCut));
    assert_eq!(flash.erase(0), Err(FlashError::PowerCut));
    assert_eq!(flash.program(0, &[0; 4]), Err(FlashError::PowerCut));
    assert_eq!(flash.read(0, &mut [0; 4]), Err(FlashError::PowerCut));
    assert_eq!(counter.read(), Err(CounterError::Device));
    assert_eq!(counter.advance_to(2), Err(CounterError::Device));
    power.on();
    assert_eq!(counter.read(), Ok(1));
    assert!(sector_0(&flash).iter().all(|byte| *byte == 0xff));
    flash.program(0, &[0; 4]).unwrap();
    assert_eq!(
        power.operations(),
        2,
        "what is refused for want of power does not count"
    );
    assert_eq!(flash.violations(), 0);
}

#[test]
fn one_supply_counts_the_operations_of_all_its_parts() {
    let power = Power::new();
    let mut first = ModelFlash::new(geometry(4, 0xff), &power);
    let mut second = ModelFlash::new(geometry(4, 0xff), &power);
    let mut counter = ModelCounter::new(0, 9, &power);
    power.cut_at(3, Cut::CLEAN);
    first.erase(0).unwrap();
    second.program(0, &[1; 8]).unwrap();
    counter.advance_to(5).unwrap();
    assert_eq!(second.erase(1), Err(FlashError::PowerCut));
    assert_eq!(first.erase(1), Err(FlashError::PowerCut));
}

#[test]
fn a_torn_program_leaves_part_of_the_bits_of_its_own_units() {
    for geometry in every_geometry() {
        let mut outcomes = std::collections::BTreeSet::new();
        for seed in 0..20 {
            let power = Power::new();
            let mut flash = ModelFlash::new(geometry, &power);
            power.cut_at(0, cut(Effect::Partial, false, seed));
            assert_eq!(
                flash.program(32, &[!geometry.erased; 32]),
                Err(FlashError::PowerCut)
            );
            power.on();
            let bytes = sector_0(&flash);
            assert_eq!(
                bytes,
                sector_0(&flash),
                "a stable tear reads the same again"
            );
            assert!(
                bytes[..32]
                    .iter()
                    .chain(&bytes[64..])
                    .all(|byte| *byte == geometry.erased)
            );
            assert_eq!(flash.program(32, &[0; 32]), Err(FlashError::NotErased));
            outcomes.insert(bytes);
        }
        assert_eq!(outcomes.len(), 20, "seeds choose different parts");
    }
}

#[test]
fn a_unit_that_only_looks_erased_is_refused_until_its_sector_is_erased() {
    for effect in [Effect::LooksUntouched, Effect::Partial, Effect::LooksDone] {
        let power = Power::new();
        let mut flash = ModelFlash::new(geometry(8, 0xff), &power);
        power.cut_at(0, cut(effect, true, 3));
        flash.program(8, &[0; 8]).unwrap_err();
        power.on();
        assert_eq!(flash.program(8, &[0; 8]), Err(FlashError::NotErased));
        assert_eq!(flash.violations(), 1);
        flash.program(0, &[0; 8]).unwrap();
        flash.erase(0).unwrap();
        flash.program(8, &[0; 8]).unwrap();
        assert_eq!(&sector_0(&flash)[8..16], &[0; 8]);
    }
}

#[test]
fn a_half_erase_mixes_the_old_content_with_erased_bits() {
    let power = Power::new();
    let mut flash = ModelFlash::new(geometry(4, 0xff), &power);
    flash.reprogram(&[0; 512]);
    power.cut_at(0, cut(Effect::Partial, false, 1));
    flash.erase(0).unwrap_err();
    power.on();
    let bytes = sector_0(&flash);
    let ones: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
    assert!(
        (300..=724).contains(&ones),
        "{ones} of 1024 bits are erased"
    );
    assert_eq!(bytes, sector_0(&flash));
    assert!(
        flash.bytes()[128..].iter().all(|byte| *byte == 0),
        "other sectors stay"
    );
    assert_eq!(flash.erases()[0], 0, "it did not complete");
}

#[test]
fn an_erase_that_looks_done_reads_at_random_from_the_next_boot_but_one() {
    let power = Power::new();
    let mut flash = ModelFlash::new(geometry(4, 0xff), &power);
    flash.reprogram(&[0; 512]);
    power.cut_at(0, cut(Effect::LooksDone, true, 1));
    flash.erase(0).unwrap_err();
    power.on();
    for _ in 0..5 {
        assert!(
            sector_0(&flash).iter().all(|byte| *byte == 0xff),
            "it looks erased at first"
        );
    }
    assert_eq!(flash.program(0, &[0; 4]), Err(FlashError::NotErased));
    power.on();
    assert_ne!(
        sector_0(&flash),
        sector_0(&flash),
        "later every read differs"
    );
    flash.erase(0).unwrap();
    assert!(sector_0(&flash).iter().all(|byte| *byte == 0xff));
    power.on();
    assert!(
        sector_0(&flash).iter().all(|byte| *byte == 0xff),
        "a whole erase ends that"
    );
}

#[test]
fn an_unstable_tear_reads_differently_at_once() {
    let power = Power::new();
    let mut flash = ModelFlash::new(geometry(4, 0xff), &power);
    power.cut_at(0, cut(Effect::Partial, true, 1));
    flash.program(0, &[0; 32]).unwrap_err();
    power.on();
    assert_ne!(sector_0(&flash), sector_0(&flash));
    assert!(sector_0(&flash)[32..].iter().all(|byte| *byte == 0xff));
}

#[test]
fn a_fork_lives_on_its_own() {
    let power = Power::new();
    let mut flash = ModelFlash::new(geometry(4, 0xff), &power);
    flash.program(0, &[0; 4]).unwrap();
    power.cut_at(1, cut(Effect::LooksDone, true, 1));
    flash.erase(0).unwrap_err();
    let elsewhere = Power::new();
    let mut fork = flash.fork(&elsewhere);
    elsewhere.on();
    assert_eq!(sector_0(&fork)[..4], [0xff; 4]);
    fork.erase(0).unwrap();
    fork.program(0, &[1; 4]).unwrap();
    assert_eq!(flash.read(0, &mut [0; 4]), Err(FlashError::PowerCut));
    assert_eq!(elsewhere.operations(), 2);
}

#[test]
fn an_unproven_flash_looks_blank_and_takes_nothing() {
    let mut flash = ModelFlash::unproven(geometry(4, 0xff), &Power::new());
    assert!(sector_0(&flash).iter().all(|byte| *byte == 0xff));
    assert_eq!(flash.program(0, &[0; 4]), Err(FlashError::NotErased));
    flash.erase(0).unwrap();
    flash.program(0, &[0; 4]).unwrap();
}

#[test]
fn reads_are_disturbed_as_often_as_asked() {
    let mut flash = ModelFlash::new(geometry(4, 0xff), &Power::new());
    flash.flip_on_every_read(Some(3));
    let wrong = (0..30)
        .filter(|_| sector_0(&flash).iter().any(|byte| *byte != 0xff))
        .count();
    assert_eq!(wrong, 10);
    flash.flip_on_every_read(None);
    assert!((0..30).all(|_| sector_0(&flash).iter().all(|byte| *byte == 0xff)));
}

#[test]
fn wear_and_work_are_counted() {
    let mut flash = ModelFlash::new(geometry(4, 0xff), &Power::new());
    flash.program(0, &[0; 12]).unwrap();
    flash.program(128, &[0; 4]).unwrap();
    flash.erase(1).unwrap();
    flash.erase(1).unwrap();
    assert_eq!(flash.erases(), [0, 2, 0, 0]);
    assert_eq!((flash.programs(), flash.bytes_programmed()), (2, 16));
    assert_eq!(flash.reads(), 0);
}

#[test]
fn an_interrupted_step_of_the_model_counter_happened_or_not() {
    for (effect, seed, expected) in [
        (Effect::NotBegun, 0, 4),
        (Effect::LooksUntouched, 0, 4),
        (Effect::Partial, 0, 4),
        (Effect::Partial, 1, 6),
        (Effect::LooksDone, 0, 6),
    ] {
        let power = Power::new();
        let mut counter = ModelCounter::new(4, 9, &power);
        power.cut_at(0, cut(effect, true, seed));
        assert_eq!(counter.advance_to(6), Err(CounterError::Device));
        power.on();
        assert_eq!(counter.read(), Ok(expected));
    }
}

#[test]
fn with_error_correction_a_torn_unit_cannot_be_read_until_it_is_erased() {
    let power = Power::new();
    let mut flash = ModelFlash::new(geometry(4, 0xff), &power);
    flash.correct_errors();
    let unit = geometry(4, 0xff).write_unit as usize;
    power.cut_at(
        0,
        Cut {
            effect: Effect::Partial,
            unstable: false,
            seed: 3,
        },
    );
    assert!(flash.program(0, &vec![0x12; unit]).is_err());
    power.on();
    let mut byte = [0];
    assert_eq!(flash.read(0, &mut byte), Err(FlashError::Device));
    flash.read(geometry(4, 0xff).write_unit, &mut byte).unwrap();
    flash.erase(0).unwrap();
    flash.read(0, &mut byte).unwrap();
    assert_eq!(byte, [geometry(4, 0xff).erased]);
}

#[test]
fn a_broken_range_and_a_failing_read_are_device_errors() {
    let power = Power::new();
    let mut flash = ModelFlash::new(geometry(4, 0xff), &power);
    let mut byte = [0];
    flash.fail_read(1);
    flash.read(0, &mut byte).unwrap();
    assert_eq!(flash.read(0, &mut byte), Err(FlashError::Device));
    flash.read(0, &mut byte).unwrap();
    flash.break_range(8, 1);
    assert_eq!(flash.read(8, &mut byte), Err(FlashError::Device));
    assert_eq!(flash.read(0, &mut [0; 16]), Err(FlashError::Device));
    flash.read(0, &mut [0; 8]).unwrap();
}
