//! What two trailers ask for: MCUboot's decision table as a pure function.
//!
//! First match wins. A flag that is neither set nor erased matches neither. What a trailer says is never
//! believed further than this: it can ask for a swap, it cannot make an image valid.

use ironroot_image::trailer::{FlagState, MagicState, SwapType, Trailer};

/// Which of the two tables counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Swap by scratch or by moving, and overwriting.
    Plain,
    /// Swap by offset: a secondary slot that was marked as copied back asks for a revert.
    Offset,
}

/// What the trailers of an image's slots ask for. A slot that cannot be read counts as empty.
///
/// MCUboot, `boot_swap_tables`; all 729 combinations are compared with it in the tests. The last line demanded
/// an empty secondary trailer once, and a power cut then left a device that could not go back (issue 1966).
#[must_use]
pub fn swap_type(table: Table, primary: &Trailer, secondary: &Trailer) -> SwapType {
    let asked = secondary.magic == MagicState::Good;
    let going_back = table == Table::Offset && secondary.copy_done == FlagState::Set;
    match (asked, secondary.image_ok) {
        (true, FlagState::Unset) if going_back => SwapType::Revert,
        (true, FlagState::Unset) => SwapType::Test,
        (true, FlagState::Set) => SwapType::Permanent,
        _ if on_trial(primary) => SwapType::Revert,
        _ => SwapType::None,
    }
}

/// Whether the primary slot holds an image that was tried and not confirmed.
#[must_use]
pub fn on_trial(primary: &Trailer) -> bool {
    (primary.magic, primary.image_ok, primary.copy_done)
        == (MagicState::Good, FlagState::Unset, FlagState::Set)
}

/// Which trailer says how far a swap came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusPlace {
    /// No swap is under way.
    None,
    /// The primary slot's.
    Primary,
    /// The scratch area's.
    Scratch,
}

/// Where the status of a swap is, if one is under way, for methods without scratch area.
#[must_use]
pub fn status_place(primary: &Trailer, secondary: &Trailer) -> StatusPlace {
    let begun = (primary.magic, primary.copy_done) == (MagicState::Good, FlagState::Unset);
    if begun && secondary.magic != MagicState::Good {
        StatusPlace::Primary
    } else {
        StatusPlace::None
    }
}

/// The same with a scratch area, whose trailer counts only for `image`.
#[must_use]
pub fn status_place_with_scratch(primary: &Trailer, scratch: &Trailer, image: u8) -> StatusPlace {
    let scratch_is_good = scratch.magic == MagicState::Good;
    match (primary.magic, primary.copy_done) {
        (MagicState::Good, FlagState::Set) if !scratch_is_good => StatusPlace::None,
        (MagicState::Good, FlagState::Unset) if !scratch_is_good => StatusPlace::Primary,
        _ if scratch_is_good
            && SwapType::from_info(scratch.swap_info).is_some_and(|(_, of)| of == image) =>
        {
            StatusPlace::Scratch
        }
        _ if scratch_is_good => StatusPlace::None,
        (MagicState::Unset, FlagState::Unset) => StatusPlace::Primary,
        _ => StatusPlace::None,
    }
}
