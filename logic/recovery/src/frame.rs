//! Console framing: SMP packets on a line that carries text too.
//!
//! MCUmgr, SMP Transport Specification, "UART/serial and console":
//!
//! ```text
//! 06 09 base64… LF      first line of a packet
//! 04 14 base64… LF      each further line
//! ```
//!
//! Decoded and put together: length of what follows (two bytes, high one first), packet, CRC-16 of the packet.
//! A line has at most 127 bytes. Every line is base64 of its own: no group of four crosses its end.

use crate::crc::crc16;

/// The longest line, with marks and line feed.
pub const LINE: usize = 127;

/// Characters of a line between its marks: whole groups of four.
const BODY: usize = (LINE - 3) & !3;

const FIRST: (u8, u8) = (0x06, 0x09);
const FURTHER: (u8, u8) = (0x04, 0x14);
const LINE_END: u8 = b'\n';

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Whether a line of a packet may begin with this byte.
#[must_use]
pub const fn begins_with(byte: u8) -> bool {
    byte == FIRST.0 || byte == FURTHER.0
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Outside of any line of ours.
    Text,
    /// After the first mark of a first line.
    First,
    /// After the first mark of a further line.
    Further,
    /// Between marks and line end.
    Body,
    /// There too, but what comes is of no use any more.
    Lost,
}

/// Finds packets of up to `N` bytes, check sum included, in a stream of bytes.
///
/// Anything that is not exactly a packet is dropped, and with it the packet it was part of.
#[derive(Debug)]
pub struct Deframer<const N: usize> {
    state: State,
    /// Length that the first line announced, once its first two bytes are there; 0 between packets.
    announced: usize,
    /// How many bytes of the present packet were decoded, its length field included.
    decoded: usize,
    /// The group of four: its bits and how many characters it has.
    group: u32,
    characters: u8,
    padding: u8,
    packet: [u8; N],
}

impl<const N: usize> Default for Deframer<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Deframer<N> {
    /// At the start of a stream.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: State::Text,
            announced: 0,
            decoded: 0,
            group: 0,
            characters: 0,
            padding: 0,
            packet: [0; N],
        }
    }

    /// Whether a line has begun and not ended.
    #[must_use]
    pub fn is_in_line(&self) -> bool {
        self.state != State::Text
    }

    /// Drops what is incomplete.
    pub const fn reset(&mut self) {
        self.state = State::Text;
        self.announced = 0;
        self.decoded = 0;
        self.clear_group();
    }

    /// Takes one byte; says whether it completed a packet.
    pub fn push(&mut self, byte: u8) -> bool {
        match (self.state, byte) {
            (State::First, b) if b == FIRST.1 => {
                self.reset();
                self.state = State::Body;
            }
            (State::Further, b) if b == FURTHER.1 && self.announced != 0 => {
                self.state = State::Body;
            }
            (State::Body, LINE_END) => return self.end_line(),
            (State::Body, b'\r') => {}
            (State::Body, _) => {
                if !self.character(byte) {
                    self.reset();
                    self.lose(byte);
                }
            }
            // A further line of no packet.
            (State::Further, b) if b == FURTHER.1 => self.state = State::Lost,
            (State::Lost, _) => self.lose(byte),
            _ => self.begin(byte),
        }
        false
    }

    /// The packet, after [`push`](Self::push) said that it is complete.
    #[must_use]
    pub fn packet(&self) -> &[u8] {
        let len = self.decoded.saturating_sub(4);
        self.packet.get(..len).unwrap_or(&[])
    }

    fn begin(&mut self, byte: u8) {
        self.state = if byte == FIRST.0 {
            State::First
        } else if byte == FURTHER.0 {
            State::Further
        } else {
            State::Text
        };
    }

    /// Passes over a line that has gone wrong: nobody else may take its rest for something. A mark begins a
    /// new one, for the line's end may have been lost too.
    fn lose(&mut self, byte: u8) {
        self.begin(byte);
        if self.state == State::Text && byte != LINE_END {
            self.state = State::Lost;
        }
    }

    const fn clear_group(&mut self) {
        self.group = 0;
        self.characters = 0;
        self.padding = 0;
    }

    /// One character of a body; false if it cannot stand there.
    fn character(&mut self, byte: u8) -> bool {
        let value = match byte {
            b'=' if self.characters >= 2 => {
                self.padding = self.padding.saturating_add(1);
                0
            }
            _ if self.padding != 0 => return false,
            b'A'..=b'Z' => byte.wrapping_sub(b'A'),
            b'a'..=b'z' => byte.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => byte.wrapping_sub(b'0').wrapping_add(52),
            b'+' => 62,
            b'/' => 63,
            _ => return false,
        };
        self.group = self.group << 6 | u32::from(value);
        self.characters = self.characters.saturating_add(1);
        if self.characters < 4 {
            return true;
        }
        let [_, bytes @ ..] = self.group.to_be_bytes();
        let padding = self.padding;
        self.group = 0;
        self.characters = 0;
        // The padding stays: nothing may follow it in this line.
        let len = 3usize.saturating_sub(usize::from(padding));
        // What is padded away is zero, so that each packet has one form.
        let mut bytes = bytes.into_iter().enumerate();
        bytes.all(|(at, byte)| if at < len { self.byte(byte) } else { byte == 0 })
    }

    /// One decoded byte; false if there is no room for it.
    fn byte(&mut self, byte: u8) -> bool {
        match self.decoded {
            0 => self.announced = usize::from(byte) << 8,
            1 => {
                self.announced |= usize::from(byte);
                if !(2..=N).contains(&self.announced) {
                    return false;
                }
            }
            at => match self.packet.get_mut(at.saturating_sub(2)) {
                Some(place) if at < self.announced.saturating_add(2) => *place = byte,
                _ => return false,
            },
        }
        self.decoded = self.decoded.saturating_add(1);
        true
    }

    fn end_line(&mut self) -> bool {
        let (open, padded) = (self.characters != 0, self.padding != 0);
        self.clear_group();
        self.state = State::Text;
        let complete = self.decoded > 2 && self.decoded == self.announced.saturating_add(2);
        if complete && !open {
            let body = self.packet.get(..self.announced).unwrap_or(&[]);
            // Over packet and check sum together it is 0.
            let whole = crc16(0, body) == 0;
            if whole {
                // The next line begins a packet, but this one stays readable.
                let decoded = self.decoded;
                self.reset();
                self.decoded = decoded;
                self.announced = 0;
            } else {
                self.reset();
            }
            return whole;
        }
        if open || padded || self.decoded < 2 {
            self.reset();
        }
        false
    }
}

/// Sends a packet, line by line.
pub fn send(packet: &[u8], put: &mut dyn FnMut(u8)) {
    let len = u16::try_from(packet.len().saturating_add(2)).unwrap_or(u16::MAX);
    let check = crc16(0, packet).to_be_bytes();
    let [high, low] = len.to_be_bytes();
    let mut bytes = [high, low]
        .into_iter()
        .chain(packet.iter().copied())
        .chain(check);
    let mut marks = FIRST;
    let mut column = 0;
    while let Some(first) = bytes.next() {
        if column == 0 {
            put(marks.0);
            put(marks.1);
            marks = FURTHER;
        }
        let (second, third) = (bytes.next(), bytes.next());
        let group = u32::from_be_bytes([0, first, second.unwrap_or(0), third.unwrap_or(0)]);
        let character = |shift: u32| {
            let index = (group >> shift) & 63;
            ALPHABET.get(index as usize).copied().unwrap_or(b'=')
        };
        put(character(18));
        put(character(12));
        put(second.map_or(b'=', |_| character(6)));
        put(third.map_or(b'=', |_| character(0)));
        column += 4;
        if column == BODY {
            put(LINE_END);
            column = 0;
        }
    }
    if column != 0 {
        put(LINE_END);
    }
}
