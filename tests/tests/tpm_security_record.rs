//! Faults of swtpm and libtpms at the daemon's doors: docs/tpm-security-record.md has the list.

use ironroot_tests::tpm_client::{TpmDaemon, over_unix, unix};
use ironroot_tpm_client::{Client, Parts, Template};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use tempfile::TempDir;

const INIT: [u32; 2] = [2, 0];
const STORE_VOLATILE: u32 = 10;
const SET_STATE_BLOB: u32 = 13;
const STOP: u32 = 14;

/// A daemon whose TPM waits for INIT, and its control channel.
struct Machine {
    folder: TempDir,
    _daemon: TpmDaemon,
    control: UnixStream,
}

impl Machine {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (state, data, control) = (path("state"), path("data"), path("control"));
        let door = format!("unix:{control}");
        let arguments = ["--state", &state, "--unix", &data, "--ctrl", &door];
        let daemon = TpmDaemon::start(&arguments).unwrap();
        let control = unix(control.as_ref());
        Self {
            folder,
            _daemon: daemon,
            control,
        }
    }

    /// Sends numbers and bytes; gives the result.
    fn ask(&mut self, numbers: &[u32], bytes: &[u8]) -> u32 {
        let numbers = numbers.iter().flat_map(|number| number.to_be_bytes());
        let request: Vec<u8> = numbers.chain(bytes.iter().copied()).collect();
        self.control.write_all(&request).unwrap();
        let mut answer = [0xff; 4];
        self.control.read_exact(&mut answer).unwrap();
        u32::from_be_bytes(answer)
    }

    fn client(&self) -> Client {
        let data: PathBuf = self.folder.path().join("data");
        over_unix(&data)
    }
}

/// CVE-2026-75900, CVE-2022-23645: a blob shorter than its header was read past its end. One byte at least: an empty
/// one is how QEMU says that there is none.
#[test]
fn cve_2026_75900_a_state_blob_shorter_than_its_header_is_refused() {
    let mut machine = Machine::new();
    let beginnings: [&[u8]; 4] = [
        &[0; 64],
        &[0xff; 64],
        // swtpm's header: version, oldest version that reads it, length of the header, flags, length of all.
        &[
            2, 1, 0, 16, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1, 2, 3, 4,
        ],
        b"IRTPMBLB\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    ];
    for kind in 1..=3 {
        for beginning in beginnings {
            for len in 1..=beginning.len().min(40) {
                let head = [SET_STATE_BLOB, 0, kind, u32::try_from(len).unwrap()];
                let result = machine.ask(&head, &beginning[..len]);
                assert_ne!(result, 0, "{len} bytes of kind {kind}");
            }
        }
    }
    // Nothing of it was kept.
    assert_eq!(machine.ask(&INIT, &[]), 0);
    machine.client().startup().unwrap();
    machine.client().get_random(8).unwrap();
}

/// CVE-2021-3746, CVE-2021-3623: a context with sizes of the attacker's own was loaded, and its parts were written past
/// a buffer's end when the volatile state was. Here it is not loaded; what is, comes back.
#[test]
fn cve_2021_3746_volatile_state_is_stored_after_contexts_with_sizes_of_the_attackers_own() {
    let mut machine = Machine::new();
    assert_eq!(machine.ask(&INIT, &[]), 0);
    let mut client = machine.client();
    client.startup().unwrap();
    let key = client.create_primary(&Template::ecc_storage(3)).unwrap();
    let session = client.policy_session().unwrap();
    for handle in [key, session] {
        let context = client.context_save(handle).unwrap();
        for at in (0..context.len()).step_by(7) {
            let mut spoilt = context.clone();
            spoilt[at..]
                .iter_mut()
                .take(2)
                .for_each(|byte| *byte = 0xff);
            if spoilt != context {
                assert!(client.context_load(&spoilt).is_err(), "byte {at}");
            }
        }
        if handle == session {
            assert_eq!(client.context_load(&context).unwrap(), session);
        }
    }
    client.pcr_extend(16, &[7; 32]).unwrap();
    let before = client.pcr_read(&[16]).unwrap();
    drop(client);
    assert_eq!(machine.ask(&[STORE_VOLATILE], &[]), 0);
    assert_eq!(machine.ask(&[STOP], &[]), 0);
    assert_eq!(machine.ask(&INIT, &[]), 0);
    let mut client = machine.client();
    assert_eq!(client.pcr_read(&[16]).unwrap(), before);
    client.policy_digest(session).unwrap();
    let public = Parts {
        handles: &[key],
        ..Parts::default()
    };
    client.command(0x173, &public).unwrap();
}
