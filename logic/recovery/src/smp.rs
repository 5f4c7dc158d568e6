//! The Simple Management Protocol: requests from an MCUmgr client, answered one at a time.
//!
//! MCUmgr, SMP Protocol Specification, "Frame: The envelope":
//!
//! ```text
//!  0 u8 operation (bits 0-2), version (bits 3-4)    1 u8 flags    2 u16 length of data
//!  4 u16 group    6 u8 sequence number              7 u8 command  8 data: one CBOR map
//! ```
//!
//! All big endian. An answer has the request's operation plus one, its version, sequence, group and command.
//! Version 2 names errors by group; version 1 has one number, and we add the reason in words.

mod cbor;
mod error;
mod image;

use crate::frame::{self, Deframer};
use crate::{Event, Store};
use cbor::{Encoder, Fields};
use error::Failure;
use image::Session;
use ironroot_codec::Cursor;

/// The largest packet that is taken in, with its check sum: what a client is told as `buf_size`, in which it
/// counts the length field too.
pub const BUFFER: usize = 1024;

/// The largest answer: the state of four images with their hashes.
const ANSWER: usize = 768;

const HEADER_LEN: usize = 8;

const READ: u8 = 0;
const WRITE: u8 = 2;

/// The header of a request.
#[derive(Debug, Clone, Copy)]
struct Header {
    operation: u8,
    version: u8,
    length: u16,
    group: u16,
    sequence: u8,
    command: u8,
}

impl Header {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let first = cursor.u8().ok()?;
        let _flags = cursor.u8().ok()?;
        Some(Self {
            operation: first & 7,
            version: first >> 3,
            length: cursor.u16_be().ok()?,
            group: cursor.u16_be().ok()?,
            sequence: cursor.u8().ok()?,
            command: cursor.u8().ok()?,
        })
    }

    /// The header of the answer with `length` bytes of data.
    fn answer(&self, length: u16) -> [u8; HEADER_LEN] {
        let [l0, l1] = length.to_be_bytes();
        let [g0, g1] = self.group.to_be_bytes();
        // To a version we do not speak, the highest we do.
        let version = self.version.min(1) << 3;
        let operation = self.operation.wrapping_add(1) & 7;
        [
            version | operation,
            0,
            l0,
            l1,
            g0,
            g1,
            self.sequence,
            self.command,
        ]
    }
}

/// Answers SMP requests on a line.
#[derive(Debug)]
pub struct Server {
    deframer: Deframer<BUFFER>,
    session: Option<Session>,
    answer: [u8; ANSWER],
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl Server {
    /// A server that knows of no upload.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            deframer: Deframer::new(),
            session: None,
            answer: [0; ANSWER],
        }
    }

    /// Whether a line of ours has begun: the next bytes belong to it.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.deframer.is_in_line()
    }

    /// Whether this byte may begin a line of ours.
    #[must_use]
    pub const fn begins_with(byte: u8) -> bool {
        frame::begins_with(byte)
    }

    /// A second has passed without a byte: a line that has begun does not go on.
    pub fn tick(&mut self, _quiet: bool, _put: &mut dyn FnMut(u8)) -> Event {
        if self.is_busy() {
            self.deframer.reset();
        }
        Event::None
    }

    /// Takes one byte from the line. An answer, if there is one, goes out through `put`.
    pub fn receive(&mut self, byte: u8, store: &mut dyn Store, put: &mut dyn FnMut(u8)) -> Event {
        if !self.deframer.push(byte) {
            return Event::None;
        }
        let Self {
            deframer,
            session,
            answer,
        } = self;
        let (len, event) = respond(deframer.packet(), session, store, answer);
        if let Some(packet) = answer.get(..len)
            && len != 0
        {
            frame::send(packet, put);
        }
        event
    }
}

/// Answers one packet into `answer`; length 0 is no answer.
#[inline(never)]
fn respond(
    packet: &[u8],
    session: &mut Option<Session>,
    store: &mut dyn Store,
    answer: &mut [u8],
) -> (usize, Event) {
    let mut cursor = Cursor::new(packet);
    let Some(header) = Header::read(&mut cursor) else {
        return (0, Event::None);
    };
    // Answers, ours or others', are not answered.
    if header.operation != READ && header.operation != WRITE {
        return (0, Event::None);
    }
    // Room for the header, which comes last.
    let mut encoder = Encoder::new(answer, HEADER_LEN);
    let mut result = command(&header, cursor.rest(), session, store, &mut encoder);
    if !encoder.fitted() {
        result = Err(Failure::TOO_LARGE);
    }
    let event = result.unwrap_or_else(|failure| {
        encoder.restart(HEADER_LEN);
        failure.write(header.version, &mut encoder);
        Event::None
    });
    let len = encoder.position();
    let data = u16::try_from(len.saturating_sub(HEADER_LEN)).unwrap_or(0);
    encoder.patch(0, &header.answer(data));
    (len, event)
}

fn command(
    header: &Header,
    data: &[u8],
    session: &mut Option<Session>,
    store: &mut dyn Store,
    out: &mut Encoder<'_>,
) -> Result<Event, Failure> {
    if header.version > 1 {
        return Err(Failure::TOO_NEW);
    }
    if usize::from(header.length) != data.len() {
        return Err(Failure::INVALID);
    }
    let fields = Fields::read(data).map_err(|_| Failure::INVALID)?;
    match (header.group, header.command, header.operation) {
        (0, 0, _) => echo(&fields, out)?,
        // Echo of the console: there is none to be turned off.
        (0, 1, WRITE) => out.map(0),
        (0, 5, WRITE) => {
            out.map(0);
            return Ok(Event::Reset);
        }
        (0, 6, READ) => parameters(out),
        (1, 0, READ) => image::list(store, out),
        (1, 0, WRITE) => {
            image::mark(&fields, store)?;
            image::list(store, out);
        }
        (1, 1, WRITE) => image::upload(&fields, session, store, out)?,
        (1, 5, WRITE) => {
            *session = None;
            image::erase(&fields, store)?;
            out.map(0);
        }
        (1, 6, READ) => image::slots(store, out),
        _ => return Err(Failure::NOT_SUPPORTED),
    }
    Ok(Event::None)
}

/// OS group, command 0.
fn echo(fields: &Fields<'_>, out: &mut Encoder<'_>) -> Result<(), Failure> {
    let text = fields.d.ok_or(Failure::INVALID)?;
    out.map(1);
    out.words("r", text);
    Ok(())
}

/// OS group, command 6.
fn parameters(out: &mut Encoder<'_>) {
    out.map(2);
    out.uint("buf_size", BUFFER as u32);
    out.uint("buf_count", 1);
}
