//! Trailers of any slot: every layout lies inside its slot, every state is one of three.

#![no_main]

use ironroot_image::trailer::{Alignment, FlagState, Layout, MagicState, SwapType, Trailer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|slot: &[u8]| {
    let Some(erased) = slot.first().copied().filter(|erased| *erased != 1) else {
        return;
    };
    for alignment in [Alignment::Eight, Alignment::Sixteen, Alignment::ThirtyTwo] {
        let size = slot.len() as u32;
        let Some(layout) = Layout::new(size, alignment) else {
            continue;
        };
        assert!(layout.swap_size() < layout.swap_info() && layout.magic() + 16 == size);
        let trailer = Trailer::read(slot, &layout, erased).unwrap();
        let tail = &slot[slot.len() - 16..];
        assert_eq!(trailer.magic == MagicState::Good, tail == *alignment.magic());
        let ok = slot[layout.image_ok() as usize];
        assert_eq!(trailer.image_ok == FlagState::Set, ok == 1);
        assert_eq!(trailer.image_ok == FlagState::Unset, ok == erased);
        if let Some((kind, image)) = SwapType::from_info(trailer.swap_info) {
            assert_eq!(kind.info(image), trailer.swap_info);
        }
    }
});
