//! An MCUmgr client: SMP with console framing.

use super::progress::Progress;
use super::value::Value;
use anyhow::{Context as _, anyhow, bail};
use ironroot_boot::{Image, Slot};
use ironroot_crypto::hash::{HashAlgorithm, digest};
use ironroot_port_host::Serial;
use ironroot_recovery::frame::{self, Deframer};
use minicbor::Encoder;
use minicbor::encode::Error;
use std::convert::Infallible;
use std::time::{Duration, Instant};

/// What is to be done with the file.
pub(super) struct Choice {
    pub(super) image: Image,
    pub(super) slot: Option<Slot>,
    /// Whether it is confirmed or tried; nothing if neither.
    pub(super) confirm: Option<bool>,
    pub(super) reset: bool,
}

/// Loads the file and marks it.
pub(super) fn send(
    line: Serial,
    file: &[u8],
    choice: &Choice,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let mut client = Client::new(line);
    client.load(file, choice, progress)?;
    progress.end();
    if let Some(confirm) = choice.confirm {
        client.mark(file, choice.image, confirm)?;
    }
    if choice.reset {
        client.ask(&Request::new(WRITE, 0, 5, Vec::new()))?;
    }
    Ok(())
}

const READ: u8 = 0;
const WRITE: u8 = 2;

/// An answer takes as long as a device needs to erase and to verify.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a request goes out that is not answered.
const ATTEMPTS: u32 = 4;

/// What every server takes: one line, decoded, with length and check sum.
const SMALLEST_BUFFER: usize = 93;

struct Request {
    operation: u8,
    group: u16,
    command: u8,
    data: Vec<u8>,
}

impl Request {
    const fn new(operation: u8, group: u16, command: u8, data: Vec<u8>) -> Self {
        Self {
            operation,
            group,
            command,
            data,
        }
    }

    fn packet(&self, sequence: u8) -> Vec<u8> {
        // Version 1: its errors say why in words.
        let mut packet = vec![self.operation, 0];
        let len = u16::try_from(self.data.len()).unwrap_or(u16::MAX);
        packet.extend(len.to_be_bytes());
        packet.extend(self.group.to_be_bytes());
        packet.extend([sequence, self.command]);
        packet.extend(&self.data);
        packet
    }
}

struct Client {
    line: Serial,
    deframer: Box<Deframer<4096>>,
    sequence: u8,
}

impl Client {
    fn new(line: Serial) -> Self {
        Self {
            line,
            deframer: Box::default(),
            // So that a late answer to an earlier client is not taken for ours.
            sequence: std::process::id().to_le_bytes()[0],
        }
    }

    /// The answer, or the device's error. Asks again if none comes.
    fn ask(&mut self, request: &Request) -> anyhow::Result<Value> {
        self.sequence = self.sequence.wrapping_add(1);
        let packet = request.packet(self.sequence);
        for _ in 0..ATTEMPTS {
            let mut lines = Vec::new();
            frame::send(&packet, &mut |byte| lines.push(byte));
            self.line.send(&lines).context("the line broke")?;
            if let Some(answer) = self.answer(&packet)? {
                return refused(answer);
            }
        }
        bail!(
            "the device does not answer: is it in its recovery mode, on this line, and does it speak SMP?"
        )
    }

    /// The answer to `packet`, if one comes in time; text and other answers are passed over.
    fn answer(&mut self, packet: &[u8]) -> anyhow::Result<Option<Value>> {
        let end = Instant::now() + PATIENCE / ATTEMPTS;
        let mut buffer = [0; 512];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let len = self
                .line
                .receive(&mut buffer, left)
                .context("the line broke")?;
            for byte in &buffer[..len] {
                if !self.deframer.push(*byte) {
                    continue;
                }
                let answer = self.deframer.packet();
                let expected = answer.len() >= 8
                    && answer[0] & 7 == packet[0] + 1
                    && answer[4..8] == packet[4..8];
                if expected {
                    let value = Value::read(&answer[8..]);
                    return Ok(Some(value.context("the device's answer is not CBOR")?));
                }
            }
        }
    }

    /// How large a request may be, length field and check sum included.
    fn buffer_size(&mut self) -> anyhow::Result<usize> {
        let parameters = Request::new(READ, 0, 6, vec![0xa0]);
        self.sequence = self.sequence.wrapping_add(1);
        let packet = parameters.packet(self.sequence);
        for _ in 0..ATTEMPTS {
            let mut lines = Vec::new();
            frame::send(&packet, &mut |byte| lines.push(byte));
            self.line.send(&lines).context("the line broke")?;
            if let Some(answer) = self.answer(&packet)? {
                let size = answer.number("buf_size").unwrap_or(0);
                return Ok(usize::try_from(size)
                    .unwrap_or(0)
                    .clamp(SMALLEST_BUFFER, 8192));
            }
        }
        bail!(
            "the device does not answer: is it in its recovery mode, on this line, and does it speak SMP?"
        )
    }

    fn load(
        &mut self,
        file: &[u8],
        choice: &Choice,
        progress: &mut Progress,
    ) -> anyhow::Result<()> {
        let room = self.buffer_size()? - 4 - 8;
        let sha = digest(HashAlgorithm::Sha256, file);
        let number = u32::from(choice.image.number());
        let target = match choice.slot {
            None => number,
            Some(slot) => 2 + 2 * number + u32::from(slot.number()),
        };
        let mut offset = 0;
        let mut begun = 0;
        loop {
            let first = (offset == 0).then_some((target, file.len(), sha.as_slice()));
            let data = piece(file, offset, first, room)?;
            let answer = self.ask(&Request::new(WRITE, 1, 1, data))?;
            let next = answer
                .number("off")
                .and_then(|next| usize::try_from(next).ok());
            let next = next.context("the device's answer lacks the offset")?;
            if next > file.len() {
                bail!("the device wants byte {next} of a file of {}", file.len());
            }
            if answer.get("match") == Some(&Value::Bool(false)) {
                bail!("the device received other bytes than were sent: load it again");
            }
            if offset == 0 {
                begun += 1;
                if begun > 2 {
                    bail!("the device begins again and again: was it reset?");
                }
                if next > room {
                    progress.resumed(next);
                }
            }
            progress.tell(next);
            if next == file.len() {
                return Ok(());
            }
            offset = next;
        }
    }

    /// Asks for the image to be booted: the one whose hash is in the file.
    fn mark(&mut self, file: &[u8], image: Image, confirm: bool) -> anyhow::Result<()> {
        let state = self.ask(&Request::new(READ, 1, 0, vec![0xa0]))?;
        let hashes = state
            .list("images")
            .iter()
            .filter(|entry| entry.number("image").unwrap_or(0) == i64::from(image.number()));
        let hash = hashes
            .filter_map(|entry| entry.bytes("hash"))
            .find(|hash| !hash.is_empty() && file.windows(hash.len()).any(|window| window == *hash))
            .context("the device does not list the image it was just given")?;
        let data = encoded(|e| {
            e.map(2)?.str("hash")?.bytes(hash)?;
            e.str("confirm")?.bool(confirm)?;
            Ok(())
        });
        self.ask(&Request::new(WRITE, 1, 0, data))
            .context("the image was loaded, but not marked to be booted")?;
        Ok(())
    }
}

/// The next piece, as large as fits into `room` bytes.
fn piece(
    file: &[u8],
    offset: usize,
    first: Option<(u32, usize, &[u8])>,
    room: usize,
) -> anyhow::Result<Vec<u8>> {
    let offset_field = u32::try_from(offset).context("the file is too long")?;
    let encode = |data: &[u8]| {
        encoded(|e| {
            e.map(if first.is_some() { 5 } else { 2 })?;
            e.str("off")?.u32(offset_field)?;
            if let Some((target, len, sha)) = first {
                e.str("image")?.u32(target)?;
                e.str("len")?.u64(len as u64)?;
                e.str("sha")?.bytes(sha)?;
            }
            e.str("data")?.bytes(data)?;
            Ok(())
        })
    };
    // The length of `data` takes up to two bytes more than that of nothing.
    let space = room.saturating_sub(encode(&[]).len() + 2);
    let rest = file.get(offset..).unwrap_or(&[]);
    if space == 0 {
        bail!("the device's buffer is too small for a piece of the file");
    }
    Ok(encode(&rest[..rest.len().min(space)]))
}

fn encoded(
    write: impl FnOnce(&mut Encoder<&mut Vec<u8>>) -> Result<(), Error<Infallible>>,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A vector takes everything.
    let _ = write(&mut Encoder::new(&mut bytes));
    bytes
}

/// `mcumgr_err_t` in words.
const ERRORS: [(i64, &str); 10] = [
    (1, "unknown error"),
    (2, "no memory left"),
    (3, "invalid request"),
    (5, "there is no such image"),
    (6, "not possible in the present state"),
    (7, "the answer would be too large"),
    (8, "not supported"),
    (9, "the image is not acceptable"),
    (10, "busy"),
    (11, "access denied"),
];

/// An answer that is an error becomes one.
fn refused(answer: Value) -> anyhow::Result<Value> {
    let group = answer.get("err").and_then(|error| error.number("rc"));
    match (answer.number("rc"), group) {
        (None | Some(0), None) => Ok(answer),
        (Some(code), _) if code != 0 => {
            let known = ERRORS.iter().find(|(number, _)| *number == code);
            let words = known.map_or_else(|| format!("error {code}"), |(_, words)| (*words).into());
            let reason = answer.text("rsn").map_or(words, str::to_owned);
            Err(anyhow!("the device refused: {reason}"))
        }
        (_, code) => Err(anyhow!("the device refused: error {}", code.unwrap_or(-1))),
    }
}
