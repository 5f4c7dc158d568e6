//! Receiving one file by Ymodem.
//!
//! Chuck Forsberg, XMODEM/YMODEM Protocol Reference (1988), sections 4 to 8. With CRC only, as ST's loader does:
//!
//! ```text
//! receiver   C              ACK C              ACK        NAK     ACK C            ACK
//! sender       block 0          block 1 … EOT      …  EOT     EOT       block 0, empty
//!              name, length     data
//! ```
//!
//! A block is SOH (128 bytes) or STX (1024), its number, the number inverted, data, CRC-16. Block 0 must tell the
//! file's length: an image ends where its TLVs end, not at a multiple of 128.
//!
//! While nobody sends, a line of one letter chooses what a file is taken for; see [`Receiver::receive`].

use crate::crc::crc16;
use crate::{Event, Fault, Place, Store, Upload};
use ironroot_boot::Image;
use ironroot_boot::trailer_ops::Request;
use ironroot_codec::Cursor;

/// Start of a block of 128 bytes.
pub const SOH: u8 = 0x01;
/// Start of a block of 1024 bytes.
pub const STX: u8 = 0x02;
/// End of the file.
pub const EOT: u8 = 0x04;
/// Block taken.
pub const ACK: u8 = 0x06;
/// Block not understood: once more.
pub const NAK: u8 = 0x15;
/// Two of these end the transfer.
pub const CAN: u8 = 0x18;
/// The receiver is ready, with CRC.
pub const READY: u8 = b'C';

/// The longest block without its first byte: number, inverse, data, CRC.
const BLOCK: usize = 2 + 1024 + 2;

/// Seconds of silence after which a block is asked for again.
const PATIENCE: u8 = 3;

/// How often the same is asked for before the transfer is given up.
const RETRIES: u8 = 10;

#[derive(Debug)]
enum State {
    /// Nobody sends.
    Idle,
    /// Block 0 was taken; data come.
    Data(Transfer),
    /// The file was taken and marked; the block that ends the batch comes.
    Ending(Place),
}

#[derive(Debug)]
struct Transfer {
    upload: Upload,
    /// Number of the next block.
    expected: u8,
    /// The first end of file is questioned: it is a single byte, without a check sum.
    ended: bool,
}

/// Receives files by Ymodem.
#[derive(Debug)]
pub struct Receiver {
    state: State,
    image: Image,
    request: Request,
    /// How much of a block is there, and how much there will be; 0 between blocks.
    filled: usize,
    wanted: usize,
    cancels: u8,
    silence: u8,
    retries: u8,
    /// How many characters the present line of text has, and the last of them.
    letters: u8,
    letter: u8,
    block: [u8; BLOCK],
}

impl Default for Receiver {
    fn default() -> Self {
        Self::new()
    }
}

impl Receiver {
    /// A receiver that takes a file for the non-secure image, and asks for one trial boot of it.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: State::Idle,
            image: Image::NonSecure,
            request: Request::Trial,
            filled: 0,
            wanted: 0,
            cancels: 0,
            silence: 0,
            retries: 0,
            letters: 0,
            letter: 0,
            block: [0; BLOCK],
        }
    }

    /// Whether a transfer is under way: the next bytes belong to it.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        !matches!(self.state, State::Idle) || self.wanted != 0
    }

    /// Which image a file is taken for.
    #[must_use]
    pub const fn image(&self) -> Image {
        self.image
    }

    /// Takes one byte from the line. Answers go out through `put`.
    ///
    /// While nobody sends, a line with nothing but one letter is an order: `0` and `1` choose the image, `t` a
    /// trial and `p` no trial (permanent), each answered like a second of silence; `r` ends the recovery.
    pub fn receive(&mut self, byte: u8, store: &mut dyn Store, put: &mut dyn FnMut(u8)) -> Event {
        self.silence = 0;
        if self.wanted != 0 {
            if let Some(place) = self.block.get_mut(self.filled) {
                *place = byte;
            }
            self.filled = self.filled.saturating_add(1);
            if self.filled < self.wanted {
                return Event::None;
            }
            let len = self.wanted;
            self.wanted = 0;
            return self.block(len, store, put);
        }
        let before = core::mem::take(&mut self.cancels);
        match (byte, &mut self.state) {
            (SOH, _) => self.expect(128),
            (STX, _) => self.expect(1024),
            (CAN, State::Data(_) | State::Ending(_)) if before != 0 => {
                self.state = State::Idle;
                return Event::Cancelled;
            }
            (CAN, _) => self.cancels = 1,
            (EOT, State::Data(transfer)) if !transfer.ended => {
                transfer.ended = true;
                put(NAK);
            }
            (EOT, State::Data(_)) => return self.end(store, put),
            // The answer to the end was lost.
            (EOT, State::Ending(_)) => {
                put(ACK);
                put(READY);
            }
            (b'\r' | b'\n', State::Idle) => return self.order(put),
            (_, State::Idle) => {
                self.letter = byte;
                self.letters = self.letters.saturating_add(1);
            }
            _ => {}
        }
        Event::None
    }

    /// A second has passed without a byte. Unless others use the line (`quiet`), whoever could send is asked to.
    pub fn tick(&mut self, quiet: bool, put: &mut dyn FnMut(u8)) -> Event {
        let in_block = core::mem::take(&mut self.wanted) != 0;
        self.cancels = 0;
        self.letters = 0;
        self.silence = self.silence.saturating_add(1);
        if matches!(self.state, State::Idle) {
            if !quiet {
                put(READY);
            }
            return Event::None;
        }
        if !in_block && self.silence < PATIENCE {
            return Event::None;
        }
        self.silence = 0;
        self.retries = self.retries.saturating_add(1);
        match &self.state {
            // The file is complete: an end that nobody hears is no fault of it.
            State::Ending(place) if self.retries > RETRIES => self.loaded(*place),
            _ if self.retries > RETRIES => {
                cancel(put);
                self.state = State::Idle;
                Event::Cancelled
            }
            State::Data(transfer) if transfer.upload.offset() != 0 || in_block => {
                put(NAK);
                Event::None
            }
            _ => {
                put(READY);
                Event::None
            }
        }
    }

    /// The end of a line of text.
    fn order(&mut self, put: &mut dyn FnMut(u8)) -> Event {
        let alone = core::mem::take(&mut self.letters) == 1;
        match self.letter {
            _ if !alone => return Event::None,
            b'r' => return Event::Reset,
            b'0' => self.image = Image::Secure,
            b'1' => self.image = Image::NonSecure,
            b't' => self.request = Request::Trial,
            b'p' => self.request = Request::Permanent,
            _ => return Event::None,
        }
        put(READY);
        Event::None
    }

    const fn expect(&mut self, data: usize) {
        self.filled = 0;
        self.wanted = data.saturating_add(4);
    }

    fn loaded(&mut self, place: Place) -> Event {
        self.state = State::Idle;
        Event::Loaded(place)
    }

    fn fail(&mut self, fault: Fault, put: &mut dyn FnMut(u8)) -> Event {
        cancel(put);
        self.state = State::Idle;
        Event::Failed(fault)
    }

    /// A whole block is there.
    fn block(&mut self, len: usize, store: &mut dyn Store, put: &mut dyn FnMut(u8)) -> Event {
        let Self { block, state, .. } = self;
        let mut cursor = Cursor::new(block.get(..len).unwrap_or(&[]));
        let (Ok(number), Ok(inverse)) = (cursor.u8(), cursor.u8()) else {
            return Event::None;
        };
        if number != !inverse || crc16(0, cursor.rest()) != 0 {
            put(NAK);
            return Event::None;
        }
        self.retries = 0;
        let data = cursor.take(len.saturating_sub(4)).unwrap_or(&[]);
        let next = match state {
            State::Idle => header(self.image, number, data, put),
            State::Data(transfer) => transfer.take(number, data, store, put).map(|()| None),
            // The next file's name; without one the batch ends. We take one file at a time.
            State::Ending(place) => {
                if number == 0 && data.first() == Some(&0) {
                    put(ACK);
                } else {
                    cancel(put);
                }
                let place = *place;
                return self.loaded(place);
            }
        };
        match next {
            Ok(None) => Event::None,
            Ok(Some(transfer)) => {
                self.state = State::Data(transfer);
                Event::None
            }
            Err(Stop::Fault(fault)) => self.fail(fault, put),
            Err(Stop::OutOfStep) => {
                cancel(put);
                self.state = State::Idle;
                Event::Cancelled
            }
        }
    }

    /// End of the file: verified, marked, and only then acknowledged.
    fn end(&mut self, store: &mut dyn Store, put: &mut dyn FnMut(u8)) -> Event {
        let State::Data(transfer) = &self.state else {
            return Event::None;
        };
        let result = transfer
            .upload
            .finish(store)
            .and_then(|place| store.mark(place, self.request).map(|()| place));
        match result {
            Ok(place) => {
                self.state = State::Ending(place);
                self.retries = 0;
                put(ACK);
                put(READY);
                Event::None
            }
            Err(fault) => self.fail(fault, put),
        }
    }
}

/// Block 0: the file's name, which says nothing to us, and its length.
fn header(
    image: Image,
    number: u8,
    data: &[u8],
    put: &mut dyn FnMut(u8),
) -> Result<Option<Transfer>, Stop> {
    if number != 0 {
        return Err(Stop::OutOfStep);
    }
    if data.first() == Some(&0) {
        // A batch of no files, or the end of one that was given up.
        put(ACK);
        return Ok(None);
    }
    let len = length(data).ok_or(Stop::Fault(Fault::Length))?;
    put(ACK);
    put(READY);
    Ok(Some(Transfer {
        upload: Upload::new(image, None, len, false),
        expected: 1,
        ended: false,
    }))
}

enum Stop {
    Fault(Fault),
    /// Blocks are missing: nothing can bring them back.
    OutOfStep,
}

impl Transfer {
    fn take(
        &mut self,
        number: u8,
        data: &[u8],
        store: &mut dyn Store,
        put: &mut dyn FnMut(u8),
    ) -> Result<(), Stop> {
        self.ended = false;
        let before = self.expected.wrapping_sub(1);
        if number == before {
            // Our answer was lost.
            put(ACK);
            if self.upload.offset() == 0 {
                put(READY);
            }
            return Ok(());
        }
        if number != self.expected {
            return Err(Stop::OutOfStep);
        }
        // The last block is filled up.
        let left = usize::try_from(self.upload.remaining()).unwrap_or(usize::MAX);
        if left == 0 {
            return Err(Stop::Fault(Fault::Overrun));
        }
        let data = data.get(..left).unwrap_or(data);
        self.upload.accept(store, data).map_err(Stop::Fault)?;
        self.expected = self.expected.wrapping_add(1);
        put(ACK);
        Ok(())
    }
}

/// The length in block 0: decimal digits after the name's end.
fn length(data: &[u8]) -> Option<u32> {
    let name_end = data.iter().position(|byte| *byte == 0)?;
    let rest = data.get(name_end.checked_add(1)?..)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let end = rest.get(digits);
    if digits == 0 || !matches!(end, None | Some(b' ' | 0)) {
        return None;
    }
    rest.iter().take(digits).try_fold(0u32, |len, digit| {
        len.checked_mul(10)?
            .checked_add(u32::from(digit.checked_sub(b'0')?))
    })
}

/// Eight times, as Forsberg's programs do, in case some are lost; then backspaces, for a person who sees them
/// (section 4).
fn cancel(put: &mut dyn FnMut(u8)) {
    for _ in 0..8 {
        put(CAN);
    }
    for _ in 0..8 {
        put(0x08);
    }
}
