//! Frames, the stream they go over, and reading an answer.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

/// Why a command gave no answer to use.
#[derive(Debug)]
pub enum Error {
    /// The stream broke.
    Stream(std::io::Error),
    /// The TPM refused: the response code.
    Refused {
        /// Command code.
        command: u32,
        /// Response code.
        code: u32,
    },
    /// The answer does not parse.
    Malformed(&'static str),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stream(error) => write!(f, "the connection to the TPM broke: {error}"),
            Self::Refused { command, code } => {
                write!(f, "command 0x{command:03x} was refused with 0x{code:03x}")
            }
            Self::Malformed(what) => write!(f, "the answer does not parse: {what}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::Stream(error)
    }
}

/// A stream both ways.
pub trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A TPM behind a stream of bare frames (swtpm's data channel, a Unix socket, a character device).
pub struct Client {
    stream: Box<dyn Stream>,
    /// How long the last command took, from the first byte out to the last byte in.
    pub last: Duration,
}

/// What a command is made of.
#[derive(Default)]
pub struct Parts<'a> {
    /// Handles.
    pub handles: &'a [u32],
    /// How many empty passwords authorise it.
    pub passwords: usize,
    /// Parameters.
    pub params: &'a [u8],
    /// How many handles the answer has.
    pub out_handles: usize,
}

/// An answer's handle and parameters.
pub struct Answer {
    /// The handle, if the command gives one.
    pub handle: u32,
    bytes: Vec<u8>,
    at: usize,
}

/// `bytes` as a sized buffer.
pub fn sized(bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&len.to_be_bytes()[..], bytes].concat()
}

impl Client {
    /// Talks over `stream`.
    pub fn new(stream: impl Stream + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            last: Duration::ZERO,
        }
    }

    /// Connects to a TCP port of this machine.
    ///
    /// # Errors
    /// The connection's.
    pub fn tcp(port: u16) -> Result<Self, Error> {
        let stream = std::net::TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        Ok(Self::new(stream))
    }

    /// Sends a whole frame and gives the whole answer.
    ///
    /// # Errors
    /// The stream's; `Malformed` for an impossible size.
    pub fn transact(&mut self, frame: &[u8]) -> Result<Vec<u8>, Error> {
        let start = Instant::now();
        self.stream.write_all(frame)?;
        let mut answer = vec![0; 10];
        self.stream.read_exact(&mut answer)?;
        let size = u32::from_be_bytes([answer[2], answer[3], answer[4], answer[5]]);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if !(10..=65_536).contains(&size) {
            return Err(Error::Malformed("size"));
        }
        answer.resize(size, 0);
        self.stream.read_exact(&mut answer[10..])?;
        self.last = start.elapsed();
        Ok(answer)
    }

    /// Sends one command.
    ///
    /// # Errors
    /// The stream's; `Refused`; `Malformed`.
    pub fn command(&mut self, code: u32, parts: &Parts<'_>) -> Result<Answer, Error> {
        let mut answer = self.answered(code, &frame(code, parts))?;
        for _ in 0..parts.out_handles {
            answer.handle = answer.u32()?;
        }
        if parts.passwords > 0 {
            let len = usize::try_from(answer.u32()?).unwrap_or(usize::MAX);
            let end = answer.at.saturating_add(len);
            if end > answer.bytes.len() {
                return Err(Error::Malformed("parameter size"));
            }
            answer.bytes.truncate(end);
        }
        Ok(answer)
    }

    /// Sends a frame that holds the command `code`; the answer behind its header.
    pub(crate) fn answered(&mut self, code: u32, frame: &[u8]) -> Result<Answer, Error> {
        let answer = self.transact(frame)?;
        let response_code = u32::from_be_bytes([answer[6], answer[7], answer[8], answer[9]]);
        if response_code != 0 {
            return Err(Error::Refused {
                command: code,
                code: response_code,
            });
        }
        Ok(Answer {
            handle: 0,
            bytes: answer,
            at: 10,
        })
    }
}

fn frame(code: u32, parts: &Parts<'_>) -> Vec<u8> {
    let mut body: Vec<u8> = parts
        .handles
        .iter()
        .flat_map(|handle| handle.to_be_bytes())
        .collect();
    if parts.passwords > 0 {
        // TPM_RS_PW, no nonce, continueSession, no password
        let one = [0x40, 0, 0, 9, 0, 0, 1, 0, 0];
        let area = one.repeat(parts.passwords);
        body.extend(u32::try_from(area.len()).unwrap_or(0).to_be_bytes());
        body.extend(area);
    }
    body.extend(parts.params);
    let tag: u16 = if parts.passwords > 0 { 0x8002 } else { 0x8001 };
    let size = u32::try_from(body.len() + 10).unwrap_or(u32::MAX);
    [
        &tag.to_be_bytes()[..],
        &size.to_be_bytes(),
        &code.to_be_bytes(),
        &body,
    ]
    .concat()
}

impl Answer {
    /// The next bytes.
    ///
    /// # Errors
    /// `Malformed`: there are fewer.
    pub fn take(&mut self, len: usize) -> Result<&[u8], Error> {
        let end = self.at.saturating_add(len);
        let bytes = self
            .bytes
            .get(self.at..end)
            .ok_or(Error::Malformed("too short"))?;
        self.at = end;
        Ok(bytes)
    }

    /// A number of two bytes.
    ///
    /// # Errors
    /// `Malformed`
    pub fn u16(&mut self) -> Result<u16, Error> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// A number of four bytes.
    ///
    /// # Errors
    /// `Malformed`
    pub fn u32(&mut self) -> Result<u32, Error> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// A sized buffer.
    ///
    /// # Errors
    /// `Malformed`
    pub fn sized(&mut self) -> Result<Vec<u8>, Error> {
        let len = self.u16()?;
        self.take(usize::from(len)).map(<[u8]>::to_vec)
    }

    /// What is left.
    pub fn rest(&mut self) -> Vec<u8> {
        let rest = self.bytes.get(self.at..).unwrap_or_default().to_vec();
        self.at = self.bytes.len();
        rest
    }
}
