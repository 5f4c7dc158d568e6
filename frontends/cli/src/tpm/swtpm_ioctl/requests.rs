//! The requests, each by its option: what is sent, and what is printed of the answer.

use super::channel::Channel;
use anyhow::{Context as _, Result, bail};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

/// Hashed at once, in bytes.
const PIECE: usize = 3072;
/// No state is longer, in bytes.
const MAX_BLOB: u32 = 16 * 1024 * 1024;
/// The blob as whoever asks needs it: not under the state's own key.
const DECRYPTED: u32 = 1;
/// The volatile state is used up by INIT.
const DELETE_VOLATILE: u32 = 1;

/// What is asked for.
pub(super) enum Request {
    Capability,
    Init,
    Stop,
    Shutdown,
    Established,
    ResetEstablished(u8),
    StoreVolatile,
    Cancel,
    Locality(u8),
    Hash(Vec<u8>),
    Save(u32, File),
    Load(u32, Vec<u8>),
    Config,
    BufferSize(u32),
    Info(u64),
    LockStorage(u32),
}

/// Makes a request of an option and its values.
pub(super) fn prepare(command: &str, value: &str, operands: &[String]) -> Result<Request> {
    Ok(match command {
        "c" => Request::Capability,
        "i" => Request::Init,
        "stop" => Request::Stop,
        "s" => Request::Shutdown,
        "e" => Request::Established,
        "r" => Request::ResetEstablished(locality(value)?),
        "v" => Request::StoreVolatile,
        "C" => Request::Cancel,
        "l" => Request::Locality(locality(value)?),
        "h" => Request::Hash(data(value)?),
        "save" => Request::Save(kind(value)?, create(operands)?),
        "load" => Request::Load(kind(value)?, content(operands)?),
        "g" => Request::Config,
        "b" => Request::BufferSize(number(value).context("Invalid buffer size")?),
        "info" => {
            let flags = number(value).context("--info requires an integer")?;
            Request::Info(u64::from(flags))
        }
        "lock-storage" => Request::LockStorage(number(value).context("Invalid number of retries")?),
        _ => bail!("No valid command."),
    })
}

/// Sends a request and prints its answer as swtpm_ioctl does.
pub(super) fn send(request: &Request, to: &mut Channel) -> Result<()> {
    match request {
        Request::Capability => {
            // The result is the upper half of one number.
            to.ask(1, "PTM_GET_CAPABILITY", &[])?;
            println!("ptm capability is 0x{:x}", to.word()?);
        }
        Request::Init => to.ask(2, "PTM_INIT", &DELETE_VOLATILE.to_be_bytes())?,
        Request::Shutdown => to.ask(3, "PTM_SHUTDOWN", &[])?,
        Request::Established => {
            to.ask(4, "PTM_GET_TPMESTABLISHED", &[])?;
            let bit = to.bytes(4)?.first().copied().unwrap_or_default();
            println!("tpmEstablished is {bit}");
        }
        Request::Locality(number) => to.ask(5, "PTM_SET_LOCALITY", &[*number])?,
        Request::Hash(data) => hash(data, to)?,
        Request::Cancel => to.ask(9, "PTM_CANCEL_CMD", &[])?,
        Request::StoreVolatile => to.ask(10, "PTM_STORE_VOLATILE", &[])?,
        Request::ResetEstablished(number) => to.ask(11, "PTM_RESET_TPMESTABLISHED", &[*number])?,
        Request::Save(kind, file) => save(*kind, file, to)?,
        Request::Load(kind, content) => {
            let len = u32::try_from(content.len())?;
            let head = [0, *kind, len].map(u32::to_be_bytes).concat();
            to.ask(13, "PTM_SET_STATEBLOB", &[&head[..], content].concat())?;
        }
        Request::Stop => to.ask(14, "PTM_STOP", &[])?,
        Request::Config => {
            to.ask(15, "PTM_GET_CONFIG", &[])?;
            println!("ptm configuration flags: 0x{:x}", to.word()?);
        }
        Request::BufferSize(wanted) => {
            to.ask(17, "PTM_SET_BUFFERSIZE", &wanted.to_be_bytes())?;
            let [now, least, most] = [to.word()?, to.word()?, to.word()?];
            println!("TPM buffersize: {now}\nminimum size  : {least}\nmaximum size  : {most}");
        }
        Request::Info(flags) => info(*flags, to)?,
        Request::LockStorage(tries) => to.ask(19, "PTM_LOCK_STORAGE", &tries.to_be_bytes())?,
    }
    Ok(())
}

fn hash(data: &[u8], to: &mut Channel) -> Result<()> {
    to.ask(6, "PTM_HASH_START", &[])?;
    for piece in data.chunks(PIECE) {
        let len = u32::try_from(piece.len())?;
        let body = [&len.to_be_bytes()[..], piece].concat();
        to.ask(7, "PTM_HASH_DATA", &body)?;
    }
    to.ask(8, "PTM_HASH_END", &[])
}

/// A client must be ready for an answer in pieces, though no swtpm gives one over a socket.
fn save(kind: u32, mut file: &File, to: &mut Channel) -> Result<()> {
    let mut offset = 0;
    loop {
        let body = [DECRYPTED, kind, offset].map(u32::to_be_bytes).concat();
        to.ask_if_there(12, "PTM_GET_STATEBLOB", &body)?;
        let [_flags, total, len] = [to.word()?, to.word()?, to.word()?];
        if total > MAX_BLOB || len > total.saturating_sub(offset) {
            bail!("The state blob has an impossible length.");
        }
        file.write_all(&to.bytes(usize::try_from(len)?)?)
            .context("Could not write to the file")?;
        offset += len;
        if offset >= total {
            return Ok(());
        }
        if len == 0 {
            bail!("The state blob is not whole.");
        }
    }
}

fn info(flags: u64, to: &mut Channel) -> Result<()> {
    let mut text = Vec::new();
    loop {
        let offset = u32::try_from(text.len())?;
        let body = [&flags.to_be_bytes()[..], &offset.to_be_bytes(), &[0; 4]].concat();
        to.ask(18, "PTM_GET_INFO", &body)?;
        let [total, len] = [to.word()?, to.word()?];
        if total > MAX_BLOB || len > total.saturating_sub(offset) {
            bail!("The information has an impossible length.");
        }
        text.extend(to.bytes(usize::try_from(len)?)?);
        if len == 0 || text.len() >= usize::try_from(total)? {
            break;
        }
    }
    // Old servers count a zero behind it.
    let text = text.strip_suffix(&[0]).unwrap_or(&text);
    println!("{}", String::from_utf8_lossy(text));
    Ok(())
}

fn locality(text: &str) -> Result<u8> {
    match text.parse() {
        Ok(number @ 0..=4) => Ok(number),
        _ => bail!("Locality outside valid range of [0..4]."),
    }
}

/// Decimal, or hexadecimal behind `0x`.
fn number(text: &str) -> Result<u32> {
    Ok(match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16)?,
        None => text.parse()?,
    })
}

fn kind(text: &str) -> Result<u32> {
    match text {
        "permanent" => Ok(1),
        "volatile" => Ok(2),
        "savestate" => Ok(3),
        other => bail!("Unknown TPM state type '{other}'"),
    }
}

fn data(text: &str) -> Result<Vec<u8>> {
    if text != "-" {
        return Ok(text.as_bytes().to_vec());
    }
    let mut data = Vec::new();
    std::io::stdin().read_to_end(&mut data)?;
    Ok(data)
}

fn file_name(operands: &[String]) -> Result<&str> {
    operands
        .first()
        .map(String::as_str)
        .context("Missing file name.")
}

fn create(operands: &[String]) -> Result<File> {
    let name = file_name(operands)?;
    // It is going to hold secrets.
    File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(name)
        .with_context(|| format!("Could not open file '{name}' for writing"))
}

fn content(operands: &[String]) -> Result<Vec<u8>> {
    let name = file_name(operands)?;
    std::fs::read(name).with_context(|| format!("Could not open file '{name}' for reading"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_before_anything_is_sent() {
        assert_eq!(number("0x10").unwrap(), 16);
        assert_eq!(number("10").unwrap(), 10);
        for (command, value) in [
            ("l", "5"),
            ("l", "-1"),
            ("r", "x"),
            ("save", "all"),
            ("load", "permanent"),
            ("b", "big"),
            ("info", ""),
            ("bogus", ""),
        ] {
            assert!(prepare(command, value, &[]).is_err(), "{command} {value}");
        }
    }
}
