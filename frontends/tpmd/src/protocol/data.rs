//! The data port: TPM commands, bare or in the simulator's frame.
//!
//! | first word | message |
//! |---|---|
//! | 8 | simulator: locality (1), length (4), command |
//! | 15 | simulator: handshake, client's version (4) |
//! | 20, 21 | simulator: end of session, stop of the server (taken as end of session) |
//! | anything else | bare: a TPM command, whose own header has its length |
//!
//! No TPM command begins with two zero bytes, so each message says itself which framing it has. All
//! numbers are big-endian. (Source: the TCG reference simulator's TCP protocol, swtpm's data channel.)

use super::{bounded, word};

/// How the answer is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// The response and nothing else.
    Bare,
    /// Length, response, a word of zero.
    Simulator,
}

/// A message on the data port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// A TPM command.
    Command {
        /// How it came.
        framing: Framing,
        /// The locality, where the framing has one.
        locality: Option<u8>,
        /// The command.
        command: &'a [u8],
    },
    /// What is this server? Answered with [`handshake_answer`].
    Handshake,
    /// The client is done.
    EndSession,
    /// The server is to end. Only the platform port's word counts for that; here it ends the session.
    StopServer,
    /// A command of impossible length: the stream cannot be followed any further.
    Unreadable(Framing),
}

const SEND_COMMAND: u32 = 8;
const HANDSHAKE: u32 = 15;
const SESSION_END: u32 = 20;
const STOP: u32 = 21;

const FRAME_HEAD: usize = 9;
const TPM_HEAD: usize = 10;

/// The next message and its length in `input`; `None`: it is not there whole. No command may be
/// longer than `max_command`.
#[must_use]
pub fn parse(input: &[u8], max_command: usize) -> Option<(Message<'_>, usize)> {
    match word(input, 0)? {
        SEND_COMMAND => framed(input, max_command),
        HANDSHAKE => word(input, 4).map(|_| (Message::Handshake, 8)),
        SESSION_END => Some((Message::EndSession, 4)),
        STOP => Some((Message::StopServer, 4)),
        _ => bare(input, max_command),
    }
}

/// The same where only bare commands come. Behind a virtual machine's data channel the bytes are its guest's, and a frame
/// would say a locality that is not the guest's to choose, and answer what its other side does not understand.
#[must_use]
pub fn parse_bare(input: &[u8], max_command: usize) -> Option<(Message<'_>, usize)> {
    bare(input, max_command)
}

/// The same where each read is one message, as from a vTPM proxy: what is no whole bare command can be refused, and the
/// next is a new one.
#[must_use]
pub fn parse_whole(input: &[u8], max_command: usize) -> Option<(Message<'_>, usize)> {
    if input.is_empty() {
        return None;
    }
    let whole = bare(input, max_command).filter(|(_, len)| *len == input.len());
    whole.or(Some((Message::Unreadable(Framing::Bare), input.len())))
}

fn framed(input: &[u8], max_command: usize) -> Option<(Message<'_>, usize)> {
    let locality = *input.get(4)?;
    let Some(len) = bounded(word(input, 5)?, max_command) else {
        return Some((Message::Unreadable(Framing::Simulator), input.len()));
    };
    let command = input.get(FRAME_HEAD..)?.get(..len)?;
    let message = Message::Command {
        framing: Framing::Simulator,
        locality: Some(locality),
        command,
    };
    Some((message, FRAME_HEAD + len))
}

fn bare(input: &[u8], max_command: usize) -> Option<(Message<'_>, usize)> {
    let len = bounded(word(input, 2)?, max_command).filter(|len| *len >= TPM_HEAD);
    let Some(len) = len else {
        return Some((Message::Unreadable(Framing::Bare), input.len()));
    };
    let message = Message::Command {
        framing: Framing::Bare,
        locality: None,
        command: input.get(..len)?,
    };
    Some((message, len))
}

/// Appends a response in its framing.
pub fn put_response(out: &mut Vec<u8>, framing: Framing, response: &[u8]) {
    match framing {
        Framing::Bare => out.extend_from_slice(response),
        Framing::Simulator => {
            let len = u32::try_from(response.len()).unwrap_or(u32::MAX);
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(response);
            out.extend_from_slice(&[0; 4]);
        }
    }
}

/// The answer to a handshake: our version, what there is (a platform port, physical presence), zero.
#[must_use]
pub fn handshake_answer(platform_port: bool) -> [u8; 12] {
    const PLATFORM_AND_PRESENCE: u8 = 1 | 8;
    let flags = if platform_port {
        PLATFORM_AND_PRESENCE
    } else {
        0
    };
    [0, 0, 0, 1, 0, 0, 0, flags, 0, 0, 0, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET_RANDOM: [u8; 12] = [0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x7b, 0, 8];

    fn simulator(command: &[u8]) -> Vec<u8> {
        let len = u32::try_from(command.len()).unwrap().to_be_bytes();
        [&[0, 0, 0, 8, 3], &len[..], command].concat()
    }

    #[test]
    fn where_a_read_is_a_message_nothing_waits_for_more() {
        let (message, len) = parse_whole(&GET_RANDOM, 4096).unwrap();
        assert!(matches!(message, Message::Command { command, .. } if command == GET_RANDOM));
        assert_eq!(len, GET_RANDOM.len());
        assert_eq!(parse_whole(&[], 4096), None);
        let longer = [&GET_RANDOM[..], &[0]].concat();
        let mut short: Vec<_> = (1..GET_RANDOM.len())
            .map(|len| &GET_RANDOM[..len])
            .collect();
        // Headers that lie, and what would begin a session with a simulator.
        short.extend([
            &longer[..],
            &[0x80, 1, 0, 0, 0, 4],
            &[0, 0, 0, 15, 0, 0, 0, 1],
        ]);
        for input in short {
            let refused = Some((Message::Unreadable(Framing::Bare), input.len()));
            assert_eq!(parse_whole(input, 4096), refused, "{input:?}");
        }
    }

    #[test]
    fn both_framings_are_told_apart_by_their_first_bytes() {
        for (input, framing, locality) in [
            (GET_RANDOM.to_vec(), Framing::Bare, None),
            (simulator(&GET_RANDOM), Framing::Simulator, Some(3)),
        ] {
            for short in 0..input.len() {
                assert_eq!(parse(&input[..short], 4096), None);
            }
            let more = [&input[..], b"more"].concat();
            let expected = Message::Command {
                framing,
                locality,
                command: &GET_RANDOM,
            };
            assert_eq!(parse(&more, 4096), Some((expected, input.len())));
        }
    }

    #[test]
    fn a_probe_for_an_older_tpm_is_a_bare_command() {
        let probe = [0, 0xc1, 0, 0, 0, 10, 0, 0, 0, 0x5a];
        let (message, len) = parse(&probe, 4096).unwrap();
        assert!(matches!(
            message,
            Message::Command {
                framing: Framing::Bare,
                ..
            }
        ));
        assert_eq!(len, 10);
    }

    #[test]
    fn impossible_lengths_end_the_reading_at_once() {
        for len in [0_u32, 9, 4097, 0x8000_0000, u32::MAX] {
            let bare = [&[0x80, 1][..], &len.to_be_bytes()].concat();
            let (message, consumed) = parse(&bare, 4096).unwrap();
            assert_eq!((message, consumed), (Message::Unreadable(Framing::Bare), 6));
        }
        for len in [4097_u32, 0x8000_0000, u32::MAX] {
            let framed = [&[0, 0, 0, 8, 0][..], &len.to_be_bytes()].concat();
            let (message, _) = parse(&framed, 4096).unwrap();
            assert_eq!(message, Message::Unreadable(Framing::Simulator));
        }
    }

    #[test]
    fn a_frame_may_hold_less_than_a_header_which_is_the_tpms_to_refuse() {
        let input = simulator(b"");
        let (message, len) = parse(&input, 4096).unwrap();
        assert!(matches!(message, Message::Command { command: [], .. }));
        assert_eq!(len, 9);
    }

    #[test]
    fn the_longest_command_fits_and_not_one_byte_more() {
        let mut command = vec![0; 4096];
        command[..6].copy_from_slice(&[0x80, 1, 0, 0, 0x10, 0]);
        assert!(matches!(
            parse(&command, 4096),
            Some((Message::Command { .. }, 4096))
        ));
        assert!(matches!(
            parse(&command, 4095),
            Some((Message::Unreadable(_), _))
        ));
    }

    #[test]
    fn the_other_messages_of_the_simulator() {
        assert_eq!(parse(&[0, 0, 0, 15, 0, 0, 0], 99), None);
        assert_eq!(
            parse(&[0, 0, 0, 15, 0, 0, 0, 1], 99),
            Some((Message::Handshake, 8))
        );
        assert_eq!(parse(&[0, 0, 0, 20, 9], 99), Some((Message::EndSession, 4)));
        assert_eq!(parse(&[0, 0, 0, 21], 99), Some((Message::StopServer, 4)));
    }

    #[test]
    fn an_answer_in_the_simulators_frame_ends_with_a_word_of_zero() {
        let mut out = Vec::new();
        put_response(&mut out, Framing::Simulator, b"abc");
        put_response(&mut out, Framing::Bare, b"de");
        assert_eq!(out, b"\0\0\0\x03abc\0\0\0\0de");
    }
}
