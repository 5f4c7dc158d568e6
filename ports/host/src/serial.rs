//! Serial lines: a device's own, and a client's way to one.
//!
//! A line is a terminal device, a pseudo-terminal or a socket; bytes go through as they are.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::OpenptFlags;
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcsetattr};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Bits per second of a real serial port; sockets and pseudo-terminals do not care.
pub const BAUD: u32 = 115_200;

/// A client's end of a serial line.
#[derive(Debug)]
pub struct Serial(File);

impl Serial {
    /// Opens `unix:PATH`, `HOST:PORT` or the path of a serial device, at [`BAUD`] bits per second.
    ///
    /// # Errors
    /// The operating system's.
    pub fn open(address: &str) -> io::Result<Self> {
        if let Some(path) = address.strip_prefix("unix:") {
            let stream = UnixStream::connect(path)?;
            return Ok(Self(OwnedFd::from(stream).into()));
        }
        let is_socket = !Path::new(address).exists()
            && address
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        if is_socket {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            return Ok(Self(OwnedFd::from(stream).into()));
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            // It must not become this process's controlling terminal.
            .custom_flags(rustix::fs::OFlags::NOCTTY.bits() as i32)
            .open(address)?;
        if isatty(&file) {
            make_raw(&file)?;
        }
        Ok(Self(file))
    }

    /// Waits at most `patience` for bytes; how many came, 0 for none.
    ///
    /// # Errors
    /// The operating system's, and `UnexpectedEof` when the other end is gone.
    pub fn receive(&mut self, buffer: &mut [u8], patience: Duration) -> io::Result<usize> {
        if !is_readable(&self.0, patience)? {
            return Ok(0);
        }
        match self.0.read(buffer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            len => Ok(len),
        }
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// The operating system's.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }
}

/// A device's own serial line. Clients come and go; the line stays.
#[derive(Debug)]
pub struct SerialPort {
    end: End,
    name: String,
}

#[derive(Debug)]
enum End {
    Pty {
        controller: File,
        /// Held open: a pseudo-terminal whose last user left would report an error.
        user: File,
    },
    Socket {
        listener: UnixListener,
        client: Option<UnixStream>,
        path: PathBuf,
    },
}

impl SerialPort {
    /// A new pseudo-terminal.
    ///
    /// # Errors
    /// The operating system's.
    pub fn pty() -> io::Result<Self> {
        let controller = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        rustix::pty::grantpt(&controller)?;
        rustix::pty::unlockpt(&controller)?;
        let name = rustix::pty::ptsname(&controller, Vec::new())?.into_bytes();
        let path = PathBuf::from(std::ffi::OsString::from_vec(name));
        let user = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(rustix::fs::OFlags::NOCTTY.bits() as i32)
            .open(&path)?;
        make_raw(&user)?;
        Ok(Self {
            end: End::Pty {
                controller: controller.into(),
                user,
            },
            name: path.display().to_string(),
        })
    }

    /// A socket at `path`, for one client at a time. A socket that a dead process left there is replaced.
    ///
    /// # Errors
    /// The operating system's.
    pub fn socket(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::FileTypeExt as _;
        let stale = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket())
            && UnixStream::connect(path).is_err();
        if stale {
            std::fs::remove_file(path)?;
        }
        Ok(Self {
            end: End::Socket {
                listener: UnixListener::bind(path)?,
                client: None,
                path: path.to_owned(),
            },
            name: format!("unix:{}", path.display()),
        })
    }

    /// What a client opens: see [`Serial::open`].
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Waits at most `patience` for bytes; how many came, 0 for none.
    ///
    /// # Errors
    /// The operating system's.
    pub fn receive(&mut self, buffer: &mut [u8], patience: Duration) -> io::Result<usize> {
        match &mut self.end {
            End::Pty { controller, .. } => {
                if !is_readable(controller, patience)? {
                    return Ok(0);
                }
                controller.read(buffer)
            }
            End::Socket {
                listener, client, ..
            } => {
                let Some(stream) = client else {
                    if is_readable(listener, patience)? {
                        *client = Some(listener.accept()?.0);
                    }
                    return Ok(0);
                };
                if !is_readable(stream, patience)? {
                    return Ok(0);
                }
                let received = stream.read(buffer);
                if !matches!(received, Ok(1..)) {
                    *client = None;
                }
                Ok(received.unwrap_or(0))
            }
        }
    }

    /// Waits at most `patience` until a client has taken in what was sent.
    ///
    /// # Errors
    /// The operating system's.
    pub fn drain(&mut self, patience: Duration) -> io::Result<()> {
        let End::Pty { user, .. } = &self.end else {
            // A socket keeps what was sent after it was closed.
            return Ok(());
        };
        let end = Instant::now() + patience;
        while rustix::io::ioctl_fionread(user)? != 0 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Sends bytes; without a client they are lost, as on a line that nobody is connected to.
    ///
    /// # Errors
    /// The operating system's.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.end {
            End::Pty { controller, .. } => {
                // Nobody may be reading: then the terminal's buffer fills, and the rest is lost.
                let mut rest = bytes;
                while !rest.is_empty() && is_writable(controller, Duration::from_secs(1))? {
                    let written = controller.write(rest)?;
                    rest = &rest[written..];
                }
                Ok(())
            }
            End::Socket { client, .. } => {
                if let Some(stream) = client
                    && stream.write_all(bytes).is_err()
                {
                    *client = None;
                }
                Ok(())
            }
        }
    }
}

impl Drop for SerialPort {
    fn drop(&mut self) {
        if let End::Socket { path, .. } = &self.end {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn make_raw(terminal: &File) -> io::Result<()> {
    let mut settings: Termios = tcgetattr(terminal)?;
    settings.make_raw();
    settings.set_speed(BAUD)?;
    Ok(tcsetattr(terminal, OptionalActions::Flush, &settings)?)
}

fn is_readable(file: &impl AsFd, patience: Duration) -> io::Result<bool> {
    is_ready(file, PollFlags::IN, patience)
}

fn is_writable(file: &impl AsFd, patience: Duration) -> io::Result<bool> {
    is_ready(file, PollFlags::OUT, patience)
}

fn is_ready(file: &impl AsFd, what: PollFlags, patience: Duration) -> io::Result<bool> {
    let patience = Timespec {
        tv_sec: patience.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: patience.subsec_nanos().into(),
    };
    let mut ready = [PollFd::new(file, what)];
    match poll(&mut ready, Some(&patience)) {
        Ok(count) => Ok(count != 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn all_bytes(port: &mut SerialPort, mut client: Serial) {
        let every: Vec<u8> = (0..=255).collect();
        // A socket's first look only takes the client in.
        let _ = port.receive(&mut [], Duration::ZERO);
        client.send(&every).unwrap();
        let mut got: Vec<u8> = Vec::new();
        while got.len() < every.len() {
            let mut buffer = [0; 300];
            let len = port.receive(&mut buffer, SECOND).unwrap();
            got.extend(&buffer[..len]);
        }
        assert_eq!(got, every);
        port.send(&every).unwrap();
        got.clear();
        while got.len() < every.len() {
            let mut buffer = [0; 300];
            let len = client.receive(&mut buffer, SECOND).unwrap();
            assert_ne!(len, 0);
            got.extend(&buffer[..len]);
        }
        assert_eq!(got, every, "no byte is changed, none means anything");
        let silence = client.receive(&mut [0], Duration::from_millis(20));
        assert_eq!(silence.unwrap(), 0);
    }

    #[test]
    fn every_byte_passes_a_pseudo_terminal_as_it_is() {
        let mut port = SerialPort::pty().unwrap();
        for _ in 0..2 {
            let client = Serial::open(port.name()).unwrap();
            all_bytes(&mut port, client);
        }
    }

    #[test]
    fn every_byte_passes_a_socket_and_clients_may_come_and_go() {
        let directory = tempfile::tempdir().unwrap();
        let mut port = SerialPort::socket(&directory.path().join("line")).unwrap();
        port.send(b"lost").unwrap();
        for _ in 0..2 {
            let client = Serial::open(port.name()).unwrap();
            all_bytes(&mut port, client);
            assert_eq!(port.receive(&mut [0; 9], SECOND).unwrap(), 0, "hung up");
        }
    }

    #[test]
    fn a_line_that_is_not_there_is_an_error() {
        for address in ["unix:/nowhere/line", "/nowhere/line", "127.0.0.1:1"] {
            assert!(Serial::open(address).is_err(), "{address}");
        }
    }
}
