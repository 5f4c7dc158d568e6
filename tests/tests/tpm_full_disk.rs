//! `ironroot tpm serve` on a disk that has no room, or not enough: it says so, loses nothing, and goes on.
//!
//! A limit on the size of files, put on the running daemon, is the nearest to a full disk that every user can have.

use ironroot_tests::tpm_client::{TpmDaemon, over_unix, serve};
use ironroot_tpm_client::{Client, Error};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// ownerwrite, authwrite, ownerread, authread, no dictionary attack logic.
const ORDINARY: u32 = 0x0206_0006;
const INDEX: u32 = 0x0180_0001;
const LEN: u16 = 512;
const NV_UNAVAILABLE: u32 = 0x923;

/// A daemon that a limit does not kill.
struct Place {
    folder: TempDir,
    daemon: Option<TpmDaemon>,
    more: Vec<String>,
}

impl Place {
    fn start(more: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let folder = TempDir::new().unwrap();
        let more = more(folder.path());
        let mut place = Self {
            folder,
            daemon: None,
            more,
        };
        place.restart();
        place
    }

    /// Kills it, and starts it without a limit.
    fn restart(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.kill();
        }
        let (state, data) = (self.path("state"), self.path("data"));
        let wanted = serve(&[]);
        let mut command = Command::new("sh");
        command
            .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
            .arg(wanted.get_program())
            .args(wanted.get_args())
            .arg("--state")
            .arg(state)
            .arg("--unix")
            .arg(data)
            .args(&self.more);
        self.daemon = Some(TpmDaemon::start_command(command).unwrap());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn client(&self) -> Client {
        over_unix(&self.path("data"))
    }

    /// No file grows or is written beyond `limit` from now on.
    fn limit(&self, limit: &str) {
        let daemon = self.daemon.as_ref().unwrap();
        let status = Command::new("prlimit")
            .args(["--pid", &daemon.id().to_string()])
            .arg(format!("--fsize={limit}:"))
            .status()
            .unwrap();
        assert!(status.success());
    }
}

fn content(number: u8) -> Vec<u8> {
    vec![number; usize::from(LEN)]
}

/// `true`: written; `false`: refused because of the disk.
fn write(client: &mut Client, number: u8) -> bool {
    match client.nv_write(INDEX, &content(number)) {
        Ok(()) => true,
        Err(Error::Refused {
            code: NV_UNAVAILABLE,
            ..
        }) => false,
        Err(other) => panic!("{other}"),
    }
}

fn says_so_and_recovers(mut place: Place) {
    let mut client = place.client();
    client.nv_define(INDEX, LEN, ORDINARY).unwrap();
    assert!(write(&mut client, 1));
    for round in 0..3 {
        place.limit("0");
        for _ in 0..3 {
            assert!(!write(&mut client, 0xee), "round {round}");
            assert_eq!(client.nv_read(INDEX, LEN).unwrap(), content(1 + round));
        }
        // What needs no disk goes on.
        client.get_random(16).unwrap();
        client.pcr_extend(16, &[round; 32]).unwrap();
        place.limit("unlimited");
        assert!(write(&mut client, 2 + round));
        assert_eq!(client.nv_read(INDEX, LEN).unwrap(), content(2 + round));
    }
    place.limit("0");
    assert!(!write(&mut client, 0xee));
    place.restart();
    assert_eq!(place.client().nv_read(INDEX, LEN).unwrap(), content(4));
    assert!(write(&mut place.client(), 5));
}

#[test]
fn on_a_full_disk_the_tpm_says_so_goes_on_and_recovers() {
    says_so_and_recovers(Place::start(|_| Vec::new()));
}

#[test]
fn an_anchor_on_a_full_disk_is_no_different() {
    says_so_and_recovers(Place::start(|folder| {
        let anchor = folder.join("anchor").to_str().unwrap().to_owned();
        vec!["--anchor".to_owned(), anchor]
    }));
}
