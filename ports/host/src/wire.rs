//! Frames between a client and the partition manager: one question, one answer.
//!
//! A process on the host shares no memory with the secure world, so it sends the memory a call is
//! about along with the call. Addresses in a call mean that memory, which starts at
//! [`memory_base`](crate::memory_base); the answer carries it back as the call left it. Little endian:
//!
//! | question | size | | answer | size |
//! |---|---|---|---|---|
//! | bytes that follow | 4 | | bytes that follow | 4 |
//! | call number | 4 | | result | 4 |
//! | four arguments | 16 | | memory, as long as it was | n |
//! | memory | n | | | |

use std::io::{self, Read, Write};

/// The most memory one call may carry, in bytes.
pub const MAX_MEMORY: usize = 256 * 1024;

const QUESTION_HEADER: usize = 20;
const ANSWER_HEADER: usize = 4;

/// One call with the memory it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Which call.
    pub number: u32,
    /// Its arguments; addresses mean `memory`.
    pub args: [u32; 4],
    /// The caller's memory, as far as this call needs it.
    pub memory: Vec<u8>,
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn read_u32(stream: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn body_len(stream: &mut impl Read, header: usize) -> io::Result<usize> {
    let len = read_u32(stream)? as usize;
    match len.checked_sub(header) {
        Some(memory) if memory <= MAX_MEMORY => Ok(memory),
        _ => Err(invalid("a frame has an impossible length")),
    }
}

fn prefix(header: usize, memory: &[u8]) -> io::Result<[u8; 4]> {
    if memory.len() > MAX_MEMORY {
        return Err(invalid("the memory of a call is too large"));
    }
    u32::try_from(header + memory.len())
        .map(u32::to_le_bytes)
        .map_err(|_| invalid("the memory of a call is too large"))
}

/// Sends one call.
///
/// # Errors
/// The stream's, or `InvalidData` for more than [`MAX_MEMORY`].
pub fn send_question(
    stream: &mut impl Write,
    number: u32,
    args: [u32; 4],
    memory: &[u8],
) -> io::Result<()> {
    let mut header = [0; 4 + QUESTION_HEADER];
    let words = [number].into_iter().chain(args).flat_map(u32::to_le_bytes);
    let fields = prefix(QUESTION_HEADER, memory)?.into_iter().chain(words);
    header
        .iter_mut()
        .zip(fields)
        .for_each(|(place, byte)| *place = byte);
    stream.write_all(&header)?;
    stream.write_all(memory)
}

/// Waits for one call.
///
/// # Errors
/// The stream's, or `InvalidData` for a frame of impossible length.
pub fn receive_question(stream: &mut impl Read) -> io::Result<Question> {
    let len = body_len(stream, QUESTION_HEADER)?;
    let number = read_u32(stream)?;
    let mut args = [0; 4];
    for arg in &mut args {
        *arg = read_u32(stream)?;
    }
    let mut memory = vec![0; len];
    stream.read_exact(&mut memory)?;
    Ok(Question {
        number,
        args,
        memory,
    })
}

/// Answers a call.
///
/// # Errors
/// The stream's, or `InvalidData` for more than [`MAX_MEMORY`].
pub fn send_answer(stream: &mut impl Write, result: u32, memory: &[u8]) -> io::Result<()> {
    stream.write_all(&prefix(ANSWER_HEADER, memory)?)?;
    stream.write_all(&result.to_le_bytes())?;
    stream.write_all(memory)
}

/// Waits for the answer to a call that sent `memory`, and puts what comes back there.
///
/// Needs no memory of its own, so that a confined partition can call it.
///
/// # Errors
/// The stream's, or `InvalidData` when other than `memory.len()` bytes come back.
pub fn receive_answer(stream: &mut impl Read, memory: &mut [u8]) -> io::Result<u32> {
    if body_len(stream, ANSWER_HEADER)? != memory.len() {
        return Err(invalid(
            "an answer brings back another length than was sent",
        ));
    }
    let result = read_u32(stream)?;
    stream.read_exact(memory)?;
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_and_its_answer_come_through_whole() {
        let mut stream = Vec::new();
        send_question(&mut stream, 3, [1, 2, 3, u32::MAX], b"memory").unwrap();
        let question = receive_question(&mut stream.as_slice()).unwrap();
        assert_eq!(
            question,
            Question {
                number: 3,
                args: [1, 2, 3, u32::MAX],
                memory: b"memory".to_vec()
            }
        );
        let mut stream = Vec::new();
        send_answer(&mut stream, 77, b"MEMORY").unwrap();
        let mut memory = *b"memory";
        assert_eq!(
            receive_answer(&mut stream.as_slice(), &mut memory).unwrap(),
            77
        );
        assert_eq!(&memory, b"MEMORY");
    }

    #[test]
    fn a_frame_cut_anywhere_is_refused() {
        let mut stream = Vec::new();
        send_question(&mut stream, 3, [0; 4], b"memory").unwrap();
        for len in 0..stream.len() {
            assert!(receive_question(&mut &stream[..len]).is_err());
        }
    }

    #[test]
    fn impossible_lengths_are_refused_before_memory_is_taken() {
        for len in [0, 19, u32::MAX, 21 + 256 * 1024] {
            let mut stream = len.to_le_bytes().to_vec();
            stream.resize(64, 0);
            let error = receive_question(&mut stream.as_slice()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{len}");
        }
        assert!(send_question(&mut io::sink(), 0, [0; 4], &vec![0; MAX_MEMORY + 1]).is_err());
    }

    #[test]
    fn an_answer_of_another_length_is_refused() {
        let mut stream = Vec::new();
        send_answer(&mut stream, 0, b"four").unwrap();
        assert!(receive_answer(&mut stream.as_slice(), &mut [0; 3]).is_err());
        assert!(receive_answer(&mut stream.as_slice(), &mut [0; 5]).is_err());
    }
}
