//! Trailers written by imgtool, read back.

mod common;

use common::vectors;
use ironroot_image::trailer::{Alignment, FlagState, Layout, MagicState, Trailer};

#[test]
fn imgtools_trailers_say_what_the_manifest_says() {
    let mut seen = 0;
    for vector in vectors().iter().filter(|v| v.file.starts_with("trailer/")) {
        let alignment = match vector.file.split("-m").nth(1) {
            Some("16.bin") => Alignment::Sixteen,
            Some("32.bin") => Alignment::ThirtyTwo,
            _ => Alignment::Eight,
        };
        let slot = vector.slot_bytes();
        let layout = Layout::new(slot.len() as u32, alignment).unwrap();
        let erased = vector.erased.unwrap_or(0xff);
        let trailer = Trailer::read(slot.as_slice(), &layout, erased).unwrap();
        let expected = match vector.swap.as_deref().unwrap() {
            "test" => (MagicState::Good, FlagState::Unset, FlagState::Unset),
            "perm" => (MagicState::Good, FlagState::Set, FlagState::Unset),
            "revert-if-primary" => (MagicState::Good, FlagState::Unset, FlagState::Set),
            "none-if-primary" => (MagicState::Good, FlagState::Set, FlagState::Set),
            // Another alignment's flags lie elsewhere; a bad magic says not to look at them.
            "none" => (MagicState::Bad, trailer.image_ok, trailer.copy_done),
            other => panic!("{other}"),
        };
        let found = (trailer.magic, trailer.image_ok, trailer.copy_done);
        assert_eq!(found, expected, "{}: {}", vector.file, vector.reason);
        seen += 1;
    }
    assert_eq!(seen, 20);
}
