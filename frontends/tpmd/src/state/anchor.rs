//! The anchor: the last position of the state, kept where who puts back an old copy cannot reach.

use super::coprocess::Coprocess;
use anyhow::{Context as _, Result, anyhow, bail};
use ironroot_journal::Position;
use ironroot_journal::anchor::{Anchored, SLOT_LEN, SLOT_STRIDE};
use ironroot_port_host::open_private;
use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::str::FromStr;

/// `FILE` or `exec:CMD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnchorSource {
    /// A file outside the state directory.
    File(PathBuf),
    /// A shell command that is asked line by line: `get`, `set HEX`.
    Command(String),
}

impl FromStr for AnchorSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("exec", "")) => Err("exec: wants a command".into()),
            Some(("exec", command)) => Ok(Self::Command(command.into())),
            _ if text.is_empty() => Err("the name of a file is wanted".into()),
            _ => Ok(Self::File(text.into())),
        }
    }
}

/// An open anchor.
pub(super) enum Anchor {
    File(File, Option<Anchored>),
    Command(Coprocess),
}

impl Anchor {
    pub(super) fn open(source: &AnchorSource) -> Result<Self> {
        match source {
            AnchorSource::Command(command) => Ok(Self::Command(Coprocess::start(command)?)),
            AnchorSource::File(path) => {
                let file = open_private(path)
                    .with_context(|| format!("cannot open the anchor {}", path.display()))?;
                let len = file.metadata()?.len();
                if len == 0 {
                    file.write_all_at(&vec![0; usize::try_from(2 * SLOT_STRIDE)?], 0)?;
                    file.sync_all()?;
                } else if len != 2 * SLOT_STRIDE {
                    bail!("{} is not an anchor; it is left as it is", path.display());
                }
                Ok(Self::File(file, None))
            }
        }
    }

    /// The position that was kept last.
    pub(super) fn read(&mut self) -> Result<Option<Position>> {
        match self {
            Self::File(file, state) => {
                let mut slots = [[0; SLOT_LEN]; 2];
                for (slot, index) in slots.iter_mut().zip(0..) {
                    file.read_exact_at(slot, index * SLOT_STRIDE)?;
                }
                let read = Anchored::read([&slots[0], &slots[1]]);
                let read =
                    read.context("the anchor is damaged, or no anchor; it is left as it is")?;
                *state = Some(read);
                Ok(read.position)
            }
            Self::Command(command) => match &*command.ask("get")? {
                "none" => Ok(None),
                text => Ok(Some(from_hex(text).context(
                    "the anchor's command answered `get` with something that was never set",
                )?)),
            },
        }
    }

    /// Keeps a position: when this returns it will be read.
    pub(super) fn write(&mut self, position: &Position) -> Result<()> {
        match self {
            Self::File(file, state) => {
                let now = state.context("the anchor was not read")?;
                let (next, index, slot) = now.next(position);
                file.write_all_at(&slot, u64::try_from(index)? * SLOT_STRIDE)?;
                file.sync_data()?;
                *state = Some(next);
                Ok(())
            }
            Self::Command(command) => {
                let answer = command.ask(&format!("set {}", to_hex(position)))?;
                if answer != "ok" {
                    bail!("the anchor's command refused: {answer}");
                }
                Ok(())
            }
        }
    }
}

fn to_hex(position: &Position) -> String {
    position
        .encode()
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn from_hex(text: &str) -> Result<Position> {
    let mut bytes = [0; Position::LEN];
    if text.len() != 2 * bytes.len() {
        return Err(anyhow!(
            "a position has {} hexadecimal digits",
            2 * bytes.len()
        ));
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        let digits = text
            .get(2 * index..2 * index + 2)
            .context("not hexadecimal")?;
        *byte = u8::from_str_radix(digits, 16)?;
    }
    Ok(Position::decode(&bytes))
}
