//! The little CBOR of SMP: one map with text keys, read in one go; maps and lists, written in order.
//!
//! RFC 8949. Clients encode as they like: whatever length form, and maps of indefinite length too (some
//! Android clients); strings of indefinite length are refused. What we write is the shortest form.

use ironroot_codec::{Cursor, EndOfInput, Writer};

/// The bytes are not the one map that a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl From<EndOfInput> for Malformed {
    fn from(_: EndOfInput) -> Self {
        Self
    }
}

/// How deep items that we do not know may be nested.
const MAX_DEPTH: u8 = 4;

/// The break that ends an item of indefinite length.
const BREAK: u8 = 0xff;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item<'a> {
    Uint(u32),
    Bytes(&'a [u8]),
    Text(&'a [u8]),
    Bool(bool),
    /// Something that no request of ours has.
    Other,
}

/// First byte of an item and what follows from it: major type, additional information, argument.
fn head(cursor: &mut Cursor<'_>) -> Result<(u8, u8, u64), Malformed> {
    let first = cursor.u8()?;
    let (major, more) = (first >> 5, first & 31);
    let argument = match more {
        0..=23 => u64::from(more),
        24 => u64::from(cursor.u8()?),
        25 => u64::from(cursor.u16_be()?),
        26 => u64::from(cursor.u32_be()?),
        27 => cursor.u64_be()?,
        // Indefinite length: of lists and maps only.
        31 if major == 4 || major == 5 => 0,
        _ => return Err(Malformed),
    };
    Ok((major, more, argument))
}

/// One item; lists, maps and tags are stepped over.
// The recursion ends at the depth, the loops at the end of the input: every item takes a byte of it.
fn item<'a>(cursor: &mut Cursor<'a>, depth: u8) -> Result<Item<'a>, Malformed> {
    let inner = depth.checked_sub(1).ok_or(Malformed)?;
    let (major, more, argument) = head(cursor)?;
    let string = |cursor: &mut Cursor<'a>| {
        let len = usize::try_from(argument).map_err(|_| Malformed)?;
        cursor.take(len).map_err(Malformed::from)
    };
    Ok(match major {
        0 => u32::try_from(argument).map_or(Item::Other, Item::Uint),
        2 => Item::Bytes(string(cursor)?),
        3 => Item::Text(string(cursor)?),
        7 if more == 20 || more == 21 => Item::Bool(more == 21),
        1 | 7 => Item::Other,
        _ => {
            let mut members = Members::new(more, argument, if major == 5 { 2 } else { 1 });
            while members.next(cursor)? {
                item(cursor, inner)?;
            }
            Item::Other
        }
    })
}

/// Counts the members of a list or map.
struct Members {
    /// `None` until a break comes.
    left: Option<u64>,
}

impl Members {
    fn new(more: u8, count: u64, items: u64) -> Self {
        Self {
            left: (more != 31).then_some(count.saturating_mul(items)),
        }
    }

    /// Whether there is one more.
    fn next(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, Malformed> {
        match &mut self.left {
            None if cursor.peek() == Some(BREAK) => cursor.skip(1).map(|()| false)?,
            None => return Ok(true),
            Some(0) => return Ok(false),
            Some(left) => {
                *left = left.saturating_sub(1);
                return Ok(true);
            }
        };
        Ok(false)
    }
}

/// Everything that any request of ours may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Fields<'a> {
    pub(super) image: Option<u32>,
    pub(super) slot: Option<u32>,
    pub(super) len: Option<u32>,
    pub(super) off: Option<u32>,
    pub(super) sha: Option<&'a [u8]>,
    pub(super) data: Option<&'a [u8]>,
    pub(super) hash: Option<&'a [u8]>,
    pub(super) upgrade: Option<bool>,
    pub(super) confirm: Option<bool>,
    /// The text of an echo.
    pub(super) d: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    /// Reads a request's data. A key that no request has is passed over; one that comes twice, or with a
    /// value of another type, is malformed. `null` is as if it were not there.
    pub(super) fn read(data: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Self::default();
        let mut cursor = Cursor::new(data);
        if cursor.is_empty() {
            return Ok(fields);
        }
        let (major, more, count) = head(&mut cursor)?;
        if major != 5 {
            return Err(Malformed);
        }
        let mut members = Members::new(more, count, 1);
        while members.next(&mut cursor)? {
            let key = item(&mut cursor, MAX_DEPTH)?;
            let value = item(&mut cursor, MAX_DEPTH)?;
            if let Item::Text(key) = key {
                fields.set(key, value)?;
            }
        }
        cursor.finish()?;
        Ok(fields)
    }

    fn set(&mut self, key: &[u8], value: Item<'a>) -> Result<(), Malformed> {
        match (key, value) {
            (b"image", Item::Uint(value)) => once(&mut self.image, value),
            (b"slot", Item::Uint(value)) => once(&mut self.slot, value),
            (b"len", Item::Uint(value)) => once(&mut self.len, value),
            (b"off", Item::Uint(value)) => once(&mut self.off, value),
            (b"sha", Item::Bytes(value)) => once(&mut self.sha, value),
            (b"data", Item::Bytes(value)) => once(&mut self.data, value),
            (b"hash", Item::Bytes(value)) => once(&mut self.hash, value),
            (b"upgrade", Item::Bool(value)) => once(&mut self.upgrade, value),
            (b"confirm", Item::Bool(value)) => once(&mut self.confirm, value),
            (b"d", Item::Text(value)) => once(&mut self.d, value),
            (
                b"image" | b"slot" | b"len" | b"off" | b"sha" | b"data" | b"hash" | b"upgrade"
                | b"confirm" | b"d",
                _,
            ) => Err(Malformed),
            _ => Ok(()),
        }
    }
}

fn once<T>(field: &mut Option<T>, value: T) -> Result<(), Malformed> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(Malformed),
    }
}

/// Writes CBOR. What does not fit is remembered rather than answered each time: a third of the code.
#[derive(Debug)]
pub(super) struct Encoder<'b> {
    writer: Writer<'b>,
    full: bool,
}

impl<'b> Encoder<'b> {
    /// Writes to `buffer` from `start` on.
    pub(super) fn new(buffer: &'b mut [u8], start: usize) -> Self {
        let mut writer = Writer::new(buffer);
        let full = writer.fill(0, start).is_err();
        Self { writer, full }
    }

    /// Whether everything fitted.
    pub(super) const fn fitted(&self) -> bool {
        !self.full
    }

    pub(super) const fn position(&self) -> usize {
        self.writer.position()
    }

    /// Overwrites what was written.
    pub(super) fn patch(&mut self, position: usize, data: &[u8]) {
        self.full |= self.writer.patch(position, data).is_err();
    }

    /// Begins again at `start`.
    pub(super) fn restart(&mut self, start: usize) {
        self.writer.truncate(start);
        self.full = false;
    }

    #[inline(never)]
    fn put(&mut self, bytes: &[u8]) {
        self.full |= self.writer.put(bytes).is_err();
    }

    #[inline(never)]
    fn head(&mut self, major: u8, argument: u32) {
        let major = major << 5;
        let bytes = argument.to_be_bytes();
        let (first, len) = match argument {
            0..=23 => (argument as u8, 0),
            24..=0xff => (24, 1),
            0x100..=0xffff => (25, 2),
            _ => (26, 4),
        };
        self.put(&[major | first]);
        let from = bytes.len().saturating_sub(len);
        self.put(bytes.get(from..).unwrap_or(&[]));
    }

    fn string(&mut self, major: u8, bytes: &[u8]) {
        self.head(major, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        self.put(bytes);
    }

    /// A map of `pairs` pairs.
    pub(super) fn map(&mut self, pairs: u8) {
        self.head(5, pairs.into());
    }

    /// A list of `items` items.
    pub(super) fn list(&mut self, items: u8) {
        self.head(4, items.into());
    }

    #[inline(never)]
    pub(super) fn text(&mut self, text: &[u8]) {
        self.string(3, text);
    }

    /// A key and a number.
    #[inline(never)]
    pub(super) fn uint(&mut self, key: &str, value: u32) {
        self.text(key.as_bytes());
        self.head(0, value);
    }

    /// A key and a truth value.
    #[inline(never)]
    pub(super) fn bool(&mut self, key: &str, value: bool) {
        self.text(key.as_bytes());
        self.put(&[0xf4 | u8::from(value)]);
    }

    /// A key and bytes.
    pub(super) fn bytes(&mut self, key: &str, value: &[u8]) {
        self.text(key.as_bytes());
        self.string(2, value);
    }

    /// A key and text.
    #[inline(never)]
    pub(super) fn words(&mut self, key: &str, value: &[u8]) {
        self.text(key.as_bytes());
        self.text(value);
    }
}
