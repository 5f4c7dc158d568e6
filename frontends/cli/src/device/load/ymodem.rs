//! A Ymodem sender.

use super::progress::Progress;
use anyhow::{Context as _, bail};
use ironroot_boot::Image;
use ironroot_port_host::Serial;
use ironroot_recovery::crc16;
use ironroot_recovery::ymodem::{ACK, CAN, EOT, NAK, READY, SOH, STX};
use std::time::{Duration, Instant};

/// What is to be done with the file.
pub(super) struct Choice {
    pub(super) image: Image,
    pub(super) permanent: bool,
    pub(super) reset: bool,
}

/// How long the device may take to ask for a file, or to answer a block: it erases, and verifies at the end.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often a block is sent.
const ATTEMPTS: u32 = 10;

const BLOCK: usize = 1024;

/// Loads the file.
pub(super) fn send(
    line: Serial,
    name: &str,
    file: &[u8],
    choice: &Choice,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let mut sender = Sender {
        line,
        buffer: Vec::new(),
    };
    // What a file is taken for, as orders of our own devices; others pass over them.
    let image = b'0' + choice.image.number();
    let request = if choice.permanent { b'p' } else { b't' };
    sender.wait_until_ready(&[b'\n', image, b'\n', request, b'\n'])?;

    let header = format!("{name}\0{}", file.len());
    sender.block(0, header.as_bytes(), 0)?;
    sender.expect(READY)?;
    for (number, data) in file.chunks(BLOCK).enumerate() {
        sender.block((number + 1) as u8, data, 0x1a)?;
        progress.tell(((number + 1) * BLOCK).min(file.len()));
    }
    progress.end();
    sender.end()?;
    if choice.reset {
        sender.reset()?;
    }
    Ok(())
}

struct Sender {
    line: Serial,
    /// What was received and not looked at yet, last byte first.
    buffer: Vec<u8>,
}

impl Sender {
    fn put(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.line.send(bytes).context("the line broke")
    }

    fn get(&mut self, patience: Duration) -> anyhow::Result<Option<u8>> {
        if self.buffer.is_empty() {
            let mut bytes = [0; 256];
            let len = self
                .line
                .receive(&mut bytes, patience)
                .context("the line broke")?;
            self.buffer.extend(bytes[..len].iter().rev());
        }
        Ok(self.buffer.pop())
    }

    /// The order that has no answer. Some lines lose what is under way when they are closed.
    fn reset(&mut self) -> anyhow::Result<()> {
        self.put(b"\nr\n")?;
        let end = Instant::now() + Duration::from_secs(2);
        // A line that breaks now broke because the device did what it was told.
        while Instant::now() < end && self.get(Duration::from_millis(200)).is_ok() {}
        Ok(())
    }

    /// Tells the device what comes, and waits until it asks for it; what it asked before that is old.
    fn wait_until_ready(&mut self, orders: &[u8]) -> anyhow::Result<()> {
        while self.get(Duration::ZERO)?.is_some() {}
        for _ in 0..ATTEMPTS {
            self.put(orders)?;
            if self.answer(&[READY], PATIENCE / 5)?.is_some() {
                return Ok(());
            }
        }
        bail!(
            "the device does not ask for a file: is it in its recovery mode, on this line, and does it speak \
             Ymodem?"
        )
    }

    /// Passes over what is not one of the answers.
    fn answer(&mut self, answers: &[u8], patience: Duration) -> anyhow::Result<Option<u8>> {
        let end = Instant::now() + patience;
        let mut cancels = 0;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let Some(byte) = self.get(left)? else {
                continue;
            };
            cancels = if byte == CAN { cancels + 1 } else { 0 };
            if cancels == 2 {
                return Err(self.cancelled());
            }
            if answers.contains(&byte) {
                return Ok(Some(byte));
            }
        }
    }

    /// The device gave up; on a line that is its console, too, it may say why.
    fn cancelled(&mut self) -> anyhow::Error {
        let mut text = Vec::new();
        let end = Instant::now() + Duration::from_secs(2);
        while Instant::now() < end {
            match self.get(Duration::from_millis(300)) {
                Ok(Some(byte)) if byte.is_ascii_graphic() || b" \n".contains(&byte) => {
                    text.push(byte)
                }
                Ok(Some(_)) => {}
                _ => break,
            }
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        let reason = text
            .lines()
            .find_map(|line| line.split_once("refused: "))
            .map(|(_, reason)| reason.trim());
        match reason {
            Some(reason) => anyhow::anyhow!("the device refused: {reason}"),
            None => anyhow::anyhow!("the device refused the file; its console says why"),
        }
    }

    fn block(&mut self, number: u8, data: &[u8], fill: u8) -> anyhow::Result<()> {
        let (start, len) = if data.len() <= 128 {
            (SOH, 128)
        } else {
            (STX, BLOCK)
        };
        let mut body = data.to_vec();
        body.truncate(len);
        body.resize(len, fill);
        let mut block = vec![start, number, !number];
        block.extend(&body);
        block.extend(crc16(0, &body).to_be_bytes());
        for _ in 0..ATTEMPTS {
            self.put(&block)?;
            if self.answer(&[ACK, NAK], PATIENCE)? == Some(ACK) {
                return Ok(());
            }
        }
        bail!("the device does not take block {number}")
    }

    fn expect(&mut self, wanted: u8) -> anyhow::Result<()> {
        match self.answer(&[wanted], PATIENCE)? {
            Some(_) => Ok(()),
            None => bail!("the device stopped answering"),
        }
    }

    /// The end is questioned once, and acknowledged when the image is verified.
    fn end(&mut self) -> anyhow::Result<()> {
        for _ in 0..ATTEMPTS {
            self.put(&[EOT])?;
            if self.answer(&[ACK, NAK], PATIENCE)? == Some(ACK) {
                self.expect(READY)?;
                return self.block(0, &[0], 0);
            }
        }
        bail!("the device does not take the end of the file")
    }
}
