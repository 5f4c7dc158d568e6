//! The simulator's platform port: what a mainboard does to its TPM.
//!
//! A signal is one word, some with a body; each is answered with a word of zero, or of one where it is
//! not known, which ends the connection. (Source: the TCG reference simulator's TCP protocol.)

use super::{bounded, word};

/// A signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal<'a> {
    /// 1: power on; nothing happens if it is on.
    PowerOn,
    /// 2: power off.
    PowerOff,
    /// 3, 4: a person stands at the machine, or not.
    PhysicalPresence(bool),
    /// 5: `_TPM_Hash_Start`.
    HashStart,
    /// 5 and one byte more: swtpm's SET_LOCALITY. tpm2-tss sends it to this port when it takes us for
    /// swtpm, each time a program starts.
    SetLocality(u8),
    /// 6: `_TPM_Hash_Data`: length (4), bytes.
    HashData(&'a [u8]),
    /// 7: `_TPM_Hash_End`.
    HashEnd,
    /// 9, 10: commands are to be cancelled, or not any more.
    Cancel(bool),
    /// 11, 12: NV memory works, or not.
    NvAvailable(bool),
    /// 13, 14, 16: key cache, alternative result: accepted, without effect here.
    WithoutEffect,
    /// 17, 18: reset and restart: power off and on.
    PowerCycle,
    /// 20: the client is done.
    EndSession,
    /// 21: the server is to end.
    StopServer,
    /// 25: the longest command and answer since this was last asked.
    Sizes,
    /// 26: has an authenticated countdown timer run out? Handle (4).
    TimerSignalled(u32),
    /// Any other, or one of impossible length.
    Unknown(u32),
}

/// The longest data of one [`Signal::HashData`], in bytes.
pub const MAX_DATA: usize = 64 * 1024;

/// The next signal and its length in `input`; `None`: it is not there whole.
#[must_use]
pub fn parse(input: &[u8]) -> Option<(Signal<'_>, usize)> {
    let signal = match word(input, 0)? {
        1 => Signal::PowerOn,
        2 => Signal::PowerOff,
        3 => Signal::PhysicalPresence(true),
        4 => Signal::PhysicalPresence(false),
        5 => return Some(hash_start(input)),
        6 => return hash_data(input),
        7 => Signal::HashEnd,
        9 => Signal::Cancel(true),
        10 => Signal::Cancel(false),
        11 => Signal::NvAvailable(true),
        12 => Signal::NvAvailable(false),
        13 | 14 | 16 => Signal::WithoutEffect,
        17 | 18 => Signal::PowerCycle,
        20 => Signal::EndSession,
        21 => Signal::StopServer,
        25 => Signal::Sizes,
        26 => return word(input, 4).map(|handle| (Signal::TimerSignalled(handle), 8)),
        number => return Some((Signal::Unknown(number), input.len())),
    };
    Some((signal, 4))
}

/// A client waits for the answer to a signal. So a fifth byte on its own is no part of a next signal,
/// and tells swtpm's request from the simulator's.
fn hash_start(input: &[u8]) -> (Signal<'_>, usize) {
    match input {
        [_, _, _, _, locality] => (Signal::SetLocality(*locality), 5),
        _ => (Signal::HashStart, 4),
    }
}

fn hash_data(input: &[u8]) -> Option<(Signal<'_>, usize)> {
    let Some(len) = bounded(word(input, 4)?, MAX_DATA) else {
        return Some((Signal::Unknown(6), input.len()));
    };
    let data = input.get(8..)?.get(..len)?;
    Some((Signal::HashData(data), 8 + len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_with_a_body_wait_for_it() {
        let data = [0, 0, 0, 6, 0, 0, 0, 3, 1, 2, 3];
        for short in 0..data.len() {
            assert_eq!(parse(&data[..short]), None);
        }
        assert_eq!(parse(&data), Some((Signal::HashData(&[1, 2, 3]), 11)));
        assert_eq!(parse(&[0, 0, 0, 26, 0, 0, 0]), None);
        assert_eq!(
            parse(&[0, 0, 0, 26, 0x40, 0, 1, 0x10]),
            Some((Signal::TimerSignalled(0x4000_0110), 8))
        );
    }

    #[test]
    fn too_much_data_and_numbers_nobody_knows_are_refused_at_once() {
        let long = u32::try_from(MAX_DATA).unwrap() + 1;
        for len in [long, u32::MAX] {
            let input = [&[0, 0, 0, 6][..], &len.to_be_bytes()].concat();
            assert_eq!(parse(&input), Some((Signal::Unknown(6), 8)));
        }
        for number in [0_u8, 8, 15, 19, 22, 24, 27, 30, 35, 36, 99] {
            let expected = Signal::Unknown(number.into());
            assert_eq!(parse(&[0, 0, 0, number, 5]), Some((expected, 5)));
        }
    }

    #[test]
    fn a_locality_is_told_from_the_start_of_a_measurement() {
        let locality = [0, 0, 0, 5, 3];
        assert_eq!(parse(&locality), Some((Signal::SetLocality(3), 5)));
        assert_eq!(parse(&locality[..4]), Some((Signal::HashStart, 4)));
        let pipelined = [0, 0, 0, 5, 0, 0, 0, 7];
        assert_eq!(parse(&pipelined), Some((Signal::HashStart, 4)));
    }

    #[test]
    fn signals_without_a_body_are_four_bytes() {
        for number in [
            1, 2, 3, 4, 5, 7, 9, 10, 11, 12, 13, 14, 16, 17, 18, 20, 21, 25,
        ] {
            let input = [0, 0, 0, number, 0, 0, 0, 1];
            let (signal, len) = parse(&input).unwrap();
            assert_eq!(len, 4);
            assert!(!matches!(signal, Signal::Unknown(_)));
        }
    }
}
