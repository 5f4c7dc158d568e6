//! What a flash must do while power is there.

use std::vec;
use std::vec::Vec;

use crate::{Flash, FlashError, Geometry};

/// Checks the [`Flash`] contract. **Erases everything.**
///
/// # Panics
/// When a promise is broken.
pub fn check_flash<F: Flash>(flash: &mut F) {
    let geometry = flash.geometry();
    geometry_is_possible(geometry);
    erased_sectors_read_as_erased(flash, geometry);
    program_writes_exactly_its_units(flash, geometry);
    reads_need_no_alignment(flash, geometry);
    refuses_what_is_unaligned(flash, geometry);
    refuses_what_is_outside(flash, geometry);
    refuses_a_unit_that_is_programmed(flash, geometry);
    erase_takes_exactly_its_sector(flash, geometry);
}

fn geometry_is_possible(geometry: Geometry) {
    assert!(
        geometry.sector_size.is_power_of_two(),
        "a sector's size is a power of two"
    );
    assert!(geometry.sectors > 0, "an area has a sector");
    assert!(
        matches!(geometry.write_unit, 1 | 2 | 4 | 8 | 16 | 32),
        "a write unit is 1, 2, 4, 8, 16 or 32 bytes"
    );
    assert!(
        geometry.write_unit <= geometry.sector_size,
        "a sector holds a unit"
    );
    assert!(
        matches!(geometry.erased, 0x00 | 0xff),
        "erased bits are all alike"
    );
    assert!(
        geometry.sector_size.checked_mul(geometry.sectors).is_some(),
        "the area is addressed by 32 bits"
    );
}

fn erased_sectors_read_as_erased<F: Flash>(flash: &mut F, geometry: Geometry) {
    for sector in 0..geometry.sectors {
        flash.erase(sector).expect("a sector can be erased");
        flash.erase(sector).expect("a sector can be erased twice");
    }
    assert!(
        all(flash, geometry)
            .iter()
            .all(|byte| *byte == geometry.erased)
    );
}

fn program_writes_exactly_its_units<F: Flash>(flash: &mut F, geometry: Geometry) {
    let unit = geometry.write_unit;
    let mut expected = all(flash, geometry);
    let last = geometry.size() - unit;
    let across = geometry.sector_size - unit;
    for (offset, units) in [
        (0, 1),
        (across, 1 + u32::from(geometry.sectors > 1)),
        (last, 1),
    ] {
        if expected[widen(offset)] != geometry.erased {
            continue; // a tiny area: two of the places are one
        }
        let data = pattern(widen(unit * units), geometry.erased);
        flash
            .program(offset, &data)
            .expect("erased units can be programmed");
        expected[widen(offset)..][..data.len()].copy_from_slice(&data);
        assert!(
            all(flash, geometry) == expected,
            "a program changes its units and no others"
        );
    }
}

fn reads_need_no_alignment<F: Flash>(flash: &mut F, geometry: Geometry) {
    let whole = all(flash, geometry);
    for start in 0..whole.len().min(40) {
        for len in 0..(whole.len() - start).min(40) {
            let mut out = vec![0xa5; len + 1];
            let offset = u32::try_from(start).expect("small");
            flash
                .read(offset, &mut out[..len])
                .expect("any range inside can be read");
            assert!(
                out[..len] == whole[start..start + len],
                "a read gives the bytes of its range"
            );
            assert!(out[len] == 0xa5, "a read writes nothing behind its buffer");
        }
    }
}

fn refuses_what_is_unaligned<F: Flash>(flash: &mut F, geometry: Geometry) {
    flash.erase(0).expect("a sector can be erased");
    let before = all(flash, geometry);
    let unit = widen(geometry.write_unit);
    for odd in 1..unit {
        let shifted = flash.program(u32::try_from(odd).expect("small"), &vec![0; unit]);
        assert_eq!(
            shifted,
            Err(FlashError::Unaligned),
            "a program begins at a unit"
        );
        assert_eq!(
            flash.program(0, &vec![0; odd]),
            Err(FlashError::Unaligned),
            "and ends at one"
        );
    }
    assert!(
        all(flash, geometry) == before,
        "a refused program changes nothing"
    );
}

fn refuses_what_is_outside<F: Flash>(flash: &mut F, geometry: Geometry) {
    let before = all(flash, geometry);
    let unit = geometry.write_unit;
    let size = geometry.size();
    let two = vec![!geometry.erased; widen(unit) * 2];
    for offset in [
        size - unit,
        size,
        u32::MAX - (u32::MAX % unit),
        u32::MAX - unit + 1,
    ] {
        let refused = flash.program(offset, &two);
        assert_eq!(
            refused,
            Err(FlashError::OutOfRange),
            "a program stays inside"
        );
        let mut out = two.clone();
        assert_eq!(
            flash.read(offset, &mut out),
            Err(FlashError::OutOfRange),
            "a read stays inside"
        );
    }
    for sector in [geometry.sectors, geometry.sectors + 1, u32::MAX] {
        assert_eq!(
            flash.erase(sector),
            Err(FlashError::OutOfRange),
            "an erase stays inside"
        );
    }
    assert!(
        all(flash, geometry) == before,
        "what is refused changes nothing"
    );
}

fn refuses_a_unit_that_is_programmed<F: Flash>(flash: &mut F, geometry: Geometry) {
    let unit = widen(geometry.write_unit);
    flash.erase(0).expect("a sector can be erased");
    flash
        .program(0, &vec![!geometry.erased; unit])
        .expect("erased units can be programmed");
    let before = all(flash, geometry);
    for data in [
        vec![!geometry.erased; unit],
        vec![geometry.erased; unit],
        pattern(unit, 0x0f),
    ] {
        let refused = flash.program(0, &data);
        assert_eq!(
            refused,
            Err(FlashError::NotErased),
            "a unit is programmed once"
        );
    }
    assert!(
        all(flash, geometry) == before,
        "a refused program changes nothing"
    );
}

fn erase_takes_exactly_its_sector<F: Flash>(flash: &mut F, geometry: Geometry) {
    let size = widen(geometry.sector_size);
    let data = pattern(widen(geometry.write_unit), geometry.erased);
    for sector in 0..geometry.sectors {
        flash.erase(sector).expect("a sector can be erased");
        flash
            .program(sector * geometry.sector_size, &data)
            .expect("erased units can be programmed");
    }
    for sector in 0..geometry.sectors {
        let mut expected = all(flash, geometry);
        expected[widen(sector) * size..][..size].fill(geometry.erased);
        flash.erase(sector).expect("a sector can be erased");
        assert!(
            all(flash, geometry) == expected,
            "an erase changes its sector and no other"
        );
    }
}

/// Bytes of which none looks erased.
fn pattern(len: usize, erased: u8) -> Vec<u8> {
    (1..=len)
        .map(|at| erased ^ u8::try_from(at % 255 + 1).expect("small"))
        .collect()
}

fn all<F: Flash>(flash: &F, geometry: Geometry) -> Vec<u8> {
    let mut bytes = vec![!geometry.erased; widen(geometry.size())];
    flash
        .read(0, &mut bytes)
        .expect("the whole area can be read");
    bytes
}

fn widen(value: u32) -> usize {
    usize::try_from(value).expect("a host has 32 bits")
}
