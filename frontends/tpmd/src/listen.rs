//! Sockets to be reached at.

use crate::connection::Role;
use anyhow::{Context as _, Result, bail};
use rustix::fs::{AtFlags, CWD, FileType, Mode};
use rustix::io::Errno;
use rustix::net::AddressFamily;
use rustix::process::{PidfdFlags, PidfdGetfdFlags};
use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// `ADDR:PORT`. Every process of the machine reaches a port on the loopback address.
    Tcp(SocketAddr),
    /// A path; the socket is its owner's alone.
    Unix(PathBuf),
}

/// `tcp:ADDR:PORT` or `unix:PATH`.
impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let usage = || format!("`{text}` is neither tcp:ADDR:PORT nor unix:PATH");
        match text.split_once(':') {
            Some(("tcp", address)) => address.parse().map(Self::Tcp).map_err(|_| usage()),
            Some(("unix", path)) if !path.is_empty() => Ok(Self::Unix(path.into())),
            _ => Err(usage()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp:{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Who may use a Unix socket, besides its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SocketRights {
    /// Its mode; without one: its owner alone.
    pub mode: Option<u32>,
    /// Its owner.
    pub user: Option<u32>,
    /// Its group.
    pub group: Option<u32>,
}

impl SocketRights {
    fn apply(&self, path: &Path) -> Result<()> {
        if let Some(mode) = self.mode {
            rustix::fs::chmodat(CWD, path, Mode::from_raw_mode(mode), AtFlags::empty())?;
        }
        if self.user.is_some() || self.group.is_some() {
            std::os::unix::fs::lchown(path, self.user, self.group)?;
        }
        Ok(())
    }
}

/// A descriptor of this process by its number: inherited from who started it.
///
/// # Errors
/// There is none of that number.
pub(crate) fn inherited(number: i32) -> Result<OwnedFd> {
    let duplicate = || {
        let own = rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty())?;
        rustix::process::pidfd_getfd(&own, number, PidfdGetfdFlags::empty())
    };
    duplicate().with_context(|| format!("there is no descriptor {number}"))
}

/// A socket that accepts connections of one role. A Unix socket's name is removed with it.
pub(crate) struct Listener {
    pub(crate) role: Role,
    socket: Socket,
    address: Address,
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    pub(crate) fn bind(address: &Address, role: Role) -> Result<Self> {
        let (socket, address) = match address {
            Address::Tcp(wanted) => {
                let listener = TcpListener::bind(wanted).with_context(|| {
                    format!("cannot listen at {address}: is another TPM there?")
                })?;
                listener.set_nonblocking(true)?;
                // Port 0 asks for any.
                let address = Address::Tcp(listener.local_addr()?);
                (Socket::Tcp(listener), address)
            }
            Address::Unix(path) => {
                let listener =
                    bind_unix(path).with_context(|| format!("cannot listen at {address}"))?;
                listener.set_nonblocking(true)?;
                (Socket::Unix(listener), address.clone())
            }
        };
        Ok(Self {
            role,
            socket,
            address,
        })
    }

    /// The same; the socket is for whom `rights` says.
    pub(crate) fn bind_for(address: &Address, role: Role, rights: SocketRights) -> Result<Self> {
        let listener = Self::bind(address, role)?;
        if let Address::Unix(path) = address {
            rights
                .apply(path)
                .with_context(|| format!("cannot give {address} its mode and owner"))?;
        }
        Ok(listener)
    }

    /// A socket that listens already, inherited by its number.
    pub(crate) fn adopt(number: i32, role: Role) -> Result<Self> {
        let descriptor = inherited(number)?;
        let name = rustix::net::getsockname(&descriptor)
            .with_context(|| format!("descriptor {number} is no socket"))?;
        let (socket, address) = if name.address_family() == AddressFamily::UNIX {
            let listener = UnixListener::from(descriptor);
            listener.set_nonblocking(true)?;
            // An empty path is nobody's to remove.
            (Socket::Unix(listener), Address::Unix(PathBuf::new()))
        } else {
            let listener = TcpListener::from(descriptor);
            listener.set_nonblocking(true)?;
            let address = Address::Tcp(listener.local_addr()?);
            (Socket::Tcp(listener), address)
        };
        Ok(Self {
            role,
            socket,
            address,
        })
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Tcp(listener) => listener.as_fd(),
            Socket::Unix(listener) => listener.as_fd(),
        }
    }

    /// The next client, if one waits.
    pub(crate) fn accept(&self) -> Option<OwnedFd> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, _) = listener.accept().ok()?;
                // Without it an answer may wait 40 ms for the client's acknowledgement.
                stream.set_nodelay(true).ok()?;
                Some(stream.into())
            }
            Socket::Unix(listener) => Some(listener.accept().ok()?.0.into()),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Address::Unix(path) = &self.address {
            // The next start replaces it if this fails.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Binds a socket of mode 0600, in the place of one that an earlier run left.
fn bind_unix(path: &Path) -> Result<UnixListener> {
    remove_stale(path)?;
    // The mask holds for the moment of binding: no chmod that another process could be faster than.
    let mask = rustix::process::umask(Mode::RWXG | Mode::RWXO | Mode::XUSR);
    let bound = UnixListener::bind(path);
    rustix::process::umask(mask);
    Ok(bound?)
}

/// Removes a socket of ours at which nobody listens; leaves everything else alone.
fn remove_stale(path: &Path) -> Result<()> {
    let status = match rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(()),
        other => other?,
    };
    if FileType::from_raw_mode(status.st_mode) != FileType::Socket {
        bail!("there is something that is not a socket; it is left alone");
    }
    if status.st_uid != rustix::process::geteuid().as_raw() {
        bail!("there is another user's socket");
    }
    if UnixStream::connect(path).is_ok() {
        bail!("another process listens there");
    }
    Ok(std::fs::remove_file(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn addresses_are_read_and_nonsense_is_refused() {
        let tcp = "tcp:127.0.0.1:2321".parse::<Address>().unwrap();
        assert_eq!(tcp.to_string(), "tcp:127.0.0.1:2321");
        let unix = "unix:/run/a:b".parse::<Address>().unwrap();
        assert_eq!(unix, Address::Unix("/run/a:b".into()));
        for text in [
            "",
            "tcp",
            "tcp:",
            "tcp:2321",
            "tcp:host:1",
            "unix:",
            "udp:127.0.0.1:1",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_socket_is_its_owners_alone_and_removed_at_the_end() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("socket");
        let listener = Listener::bind(&Address::Unix(path.clone()), Role::Data).unwrap();
        let mode = std::fs::symlink_metadata(&path)
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn a_stale_socket_is_replaced_and_nothing_else_is() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("socket");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let living = bind_unix(&path).unwrap();
        assert!(bind_unix(&path).is_err(), "in use");
        drop(living);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "precious").unwrap();
        assert!(bind_unix(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
        let link = place.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(bind_unix(&link).is_err());
        assert!(link.is_symlink());
    }
}
