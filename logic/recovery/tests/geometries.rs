//! Flash with other program units and another erased value.

mod common;

use common::{Bench, MAP, image};
use ironroot_boot::trailer_ops::Request;
use ironroot_boot::{Image, RamLoad, Slot};
use ironroot_platform::Geometry;
use ironroot_recovery::{Place, Slots, Store as _, Upload};

#[test]
fn files_of_any_length_fill_units_of_any_size() {
    for write_unit in [1, 2, 4, 8, 16, 32] {
        for erased in [0xff, 0x00] {
            for payload in [1, 30, 31, 32, 33, 700, 2049, 4500] {
                let geometry = Geometry {
                    write_unit,
                    erased,
                    ..MAP.geometry
                };
                let map = ironroot_boot::FlashMap { geometry, ..MAP };
                let mut bench = Bench::blank_with(geometry);
                let file = image(2, payload);
                let mut slots = Slots {
                    map: &map,
                    strategy: RamLoad,
                    ..bench.slots()
                };
                let mut upload = Upload::new(Image::Secure, None, file.len() as u32, false);
                for piece in file.chunks(93) {
                    upload.accept(&mut slots, piece).unwrap();
                }
                let place = upload.finish(&mut slots).unwrap();
                assert_eq!(place, Place::new(Image::Secure, Slot::A));
                slots.mark(place, Request::Trial).unwrap();
                assert!(slots.look(place).image.is_ok());
                let content = bench.content(place);
                assert_eq!(content[..file.len()], file);
                assert_eq!(bench.flash.violations(), 0, "{write_unit} {erased}");
            }
        }
    }
}

#[test]
fn an_image_that_reaches_to_the_trailer_fits_and_one_byte_more_does_not() {
    let mut bench = Bench::in_the_field();
    let place = Place::new(Image::NonSecure, Slot::B);
    let limit = bench.slots().limit(place) as usize;
    let overhead = image(2, 100).len() - 100;
    for (len, fits) in [(limit, true), (limit + 1, false)] {
        let file = image(2, len - overhead);
        assert_eq!(file.len(), len);
        let mut slots = bench.slots();
        let mut upload = Upload::new(Image::NonSecure, None, len as u32, false);
        let taken = file
            .chunks(1000)
            .try_for_each(|piece| upload.accept(&mut slots, piece));
        assert_eq!(taken.is_ok(), fits);
        if fits {
            let place = upload.finish(&mut slots).unwrap();
            slots.mark(place, Request::Permanent).unwrap();
            assert_eq!(bench.boot(), Ok((1, 2)));
        }
    }
}
