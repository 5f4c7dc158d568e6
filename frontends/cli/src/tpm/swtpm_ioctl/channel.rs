//! A connection to a control channel: requests out, answers in.

use anyhow::{Context as _, Result, bail};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// The port that is meant where none is named.
const PORT: u16 = 6546;
/// A result with this bit comes with a whole answer.
const NON_FATAL: u32 = 0x800;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the control channel is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    Unix(PathBuf),
    Tcp(String, u16),
}

impl Place {
    /// `[host]:[port]`; an address of version 6 stands in brackets.
    pub(super) fn tcp(text: &str) -> Result<Self> {
        let Some((host, port)) = text.rsplit_once(':') else {
            bail!("'{text}' is not [<host>]:[<port>]");
        };
        let host = match host.trim_start_matches('[').trim_end_matches(']') {
            "" => "127.0.0.1",
            host => host,
        };
        let port = match port {
            "" => PORT,
            port => port
                .parse()
                .with_context(|| format!("'{port}' is no port"))?,
        };
        Ok(Self::Tcp(host.to_owned(), port))
    }
}

/// Both kinds of stream.
trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A connection.
pub(super) struct Channel(Box<dyn Stream>);

impl Channel {
    pub(super) fn open(place: &Place) -> Result<Self> {
        Ok(match place {
            Place::Unix(path) => {
                let stream = UnixStream::connect(path).context("Connect failed")?;
                stream.set_read_timeout(Some(PATIENCE))?;
                Self(Box::new(stream))
            }
            Place::Tcp(host, port) => {
                let stream =
                    TcpStream::connect((host.as_str(), *port)).context("Connect failed")?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_nodelay(true)?;
                Self(Box::new(stream))
            }
        })
    }

    /// Sends a request; fails unless its result is success. `name` is for the complaint.
    pub(super) fn ask(&mut self, number: u32, name: &str, body: &[u8]) -> Result<()> {
        match self.result(number, name, body)? {
            0 => Ok(()),
            result => bail!("TPM result from {name}: 0x{result:x}"),
        }
    }

    /// The same; swtpm's "nothing there", which is not fatal (`TPM_NON_FATAL`), is success.
    pub(super) fn ask_if_there(&mut self, number: u32, name: &str, body: &[u8]) -> Result<()> {
        match self.result(number, name, body)? {
            result if result == 0 || result & NON_FATAL != 0 => Ok(()),
            result => bail!("TPM result from {name}: 0x{result:x}"),
        }
    }

    fn result(&mut self, number: u32, name: &str, body: &[u8]) -> Result<u32> {
        let request = [&number.to_be_bytes()[..], body].concat();
        self.0
            .write_all(&request)
            .with_context(|| format!("Could not execute {name}"))?;
        self.word()
    }

    /// The next word of the answer.
    pub(super) fn word(&mut self) -> Result<u32> {
        let bytes = self.bytes(4)?;
        let word = bytes.first_chunk().context("four bytes")?;
        Ok(u32::from_be_bytes(*word))
    }

    /// The next bytes of the answer.
    pub(super) fn bytes(&mut self, len: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.0
            .read_exact(&mut bytes)
            .context("The answer is not whole")?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_may_be_left_away() {
        for (text, host, port) in [
            (":", "127.0.0.1", PORT),
            (":7", "127.0.0.1", 7),
            ("host:", "host", PORT),
            ("10.0.0.1:8", "10.0.0.1", 8),
            ("[::1]:9", "::1", 9),
        ] {
            let place = Place::tcp(text).unwrap();
            assert_eq!(place, Place::Tcp(host.to_owned(), port));
        }
        for wrong in ["", "host", "host:port", ":70000"] {
            assert!(Place::tcp(wrong).is_err(), "{wrong}");
        }
    }
}
