//! Our decisions against a table made with MCUboot's code: every combination of both slots' trailers.

use ironroot_boot::install::decide::{Table, swap_type};
use ironroot_image::trailer::{FlagState, MagicState, SwapType, Trailer};

const TABLE: &str = include_str!("vectors/swap_type_table.csv");

fn magic(word: &str) -> MagicState {
    match word {
        "good" => MagicState::Good,
        "unset" => MagicState::Unset,
        "bad" => MagicState::Bad,
        _ => panic!("{word}"),
    }
}

fn flag(word: &str) -> FlagState {
    match word {
        "set" => FlagState::Set,
        "unset" => FlagState::Unset,
        "bad" => FlagState::Bad,
        _ => panic!("{word}"),
    }
}

fn kind(word: &str) -> SwapType {
    match word {
        "NONE" => SwapType::None,
        "TEST" => SwapType::Test,
        "PERM" => SwapType::Permanent,
        "REVERT" => SwapType::Revert,
        _ => panic!("{word}"),
    }
}

#[test]
fn all_729_combinations_give_mcuboots_decision_in_every_mode() {
    let mut rows = 0;
    for line in TABLE.lines().skip(1) {
        let words: Vec<&str> = line.split(',').collect();
        let trailer = |words: &[&str], swap_info| Trailer {
            magic: magic(words[0]),
            image_ok: flag(words[1]),
            copy_done: flag(words[2]),
            swap_info,
        };
        // What else the trailer says changes nothing.
        for swap_info in [0xff, 0x00, 0x02, 0x13, 0x04] {
            let primary = trailer(&words[0..3], swap_info);
            let secondary = trailer(&words[3..6], swap_info);
            let decide = |table| swap_type(table, &primary, &secondary);
            assert_eq!(decide(Table::Plain), kind(words[6]), "{line}");
            assert_eq!(decide(Table::Offset), kind(words[7]), "{line}");
        }
        rows += 1;
    }
    assert_eq!(rows, 729);
}
