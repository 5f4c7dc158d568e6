//! `ironroot tpm serve` from outside: its doors, its state directory, its end.

use ironroot_tests::tpm_client::{
    TpmDaemon, ironroot_tpm, over_simulator, over_simulator_frames, over_unix, serve, unix,
};
use ironroot_tpm_client::{Client, Error, Parts, Template};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// ownerwrite, authwrite, ownerread, authread, no dictionary attack logic.
const ORDINARY: u32 = 0x0206_0006;
const INDEX: u32 = 0x0180_0001;
/// TPM2_FlushContext of a handle that is none.
const FLUSH_NOTHING: [u8; 14] = [0x80, 1, 0, 0, 0, 14, 0, 0, 1, 0x65, 0x80, 0xff, 0, 0];
/// The control channel's command 9.
const CANCEL_TPM_CMD: [u8; 4] = [0, 0, 0, 9];

/// A place with a state directory and sockets.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Starts a daemon at the socket `data`, quick to answer.
    fn start(&self, more: &[&str]) -> TpmDaemon {
        self.try_start(more).unwrap()
    }

    fn try_start(&self, more: &[&str]) -> Result<TpmDaemon, String> {
        let (state, data) = (self.text("state"), self.text("data"));
        let mut arguments = vec!["--state", &state, "--unix", &data, "--durability", "none"];
        arguments.extend(more);
        TpmDaemon::start(&arguments)
    }

    /// The same, at a TCP port as well, with the platform port after it.
    fn start_at_a_port(&self) -> (TpmDaemon, u16) {
        // The port after a free one may be taken.
        let daemon = (0..20).find_map(|_| self.try_start(&["--tcp", "127.0.0.1:0"]).ok());
        let daemon = daemon.unwrap();
        let address = daemon.ready.split([' ', ',']).nth(1).unwrap();
        let port = address.rsplit(':').next().unwrap().parse().unwrap();
        (daemon, port)
    }

    fn client(&self) -> Client {
        over_unix(&self.path("data"))
    }
}

#[test]
fn every_framing_reaches_the_same_tpm() {
    let place = Place::new();
    let (_daemon, port) = place.start_at_a_port();
    let mut clients = [
        over_simulator(port).unwrap(),
        Client::tcp(port).unwrap(),
        place.client(),
        over_simulator_frames(&place.path("data")),
    ];
    for client in &mut clients {
        assert_eq!(client.get_random(20).unwrap().len(), 20);
    }
    // What one of them extends, all of them read.
    clients[0].pcr_extend(16, &[7; 32]).unwrap();
    let expected = clients[0].pcr_read(&[16]).unwrap();
    for client in &mut clients {
        assert_eq!(client.pcr_read(&[16]).unwrap(), expected);
    }
}

#[test]
fn what_was_written_outlives_an_orderly_end_and_a_kill() {
    let place = Place::new();
    let daemon = place.start(&[]);
    place.client().nv_define(INDEX, 8, ORDINARY).unwrap();
    place.client().nv_write(INDEX, b"orderly!").unwrap();
    assert_eq!(daemon.terminate().code(), Some(0));
    let daemon = place.start(&[]);
    assert_eq!(place.client().nv_read(INDEX, 8).unwrap(), b"orderly!");
    place.client().nv_write(INDEX, b"killed!!").unwrap();
    daemon.kill();
    let _daemon = place.start(&[]);
    assert_eq!(place.client().nv_read(INDEX, 8).unwrap(), b"killed!!");
}

#[test]
fn an_orderly_end_leaves_neither_sockets_nor_a_pid_file() {
    let place = Place::new();
    let (pid, log) = (place.text("pid"), place.text("log"));
    for name in ["TERM", "INT"] {
        let control = format!("unix:{}", place.text("control"));
        let mut daemon = place.start(&["--pid", &pid, "--log", &log, "--ctrl", &control]);
        let written = std::fs::read_to_string(&pid).unwrap();
        assert_eq!(written.trim(), daemon.id().to_string());
        ironroot_tests::tpm_client::signal(daemon.id(), name);
        assert_eq!(daemon.wait().code(), Some(0));
        for name in ["pid", "data", "control"] {
            assert!(!place.path(name).exists(), "{name}");
        }
    }
    let log = std::fs::read_to_string(log).unwrap();
    assert_eq!(log.matches("ended in order").count(), 2);
    assert!(log.contains("integrity against accident only"));
}

/// How long a search takes is chance. So keys are searched one after the other, in as many rounds as it takes to see
/// random numbers answered before a command that was sent before them; twenty keys are patience enough.
#[test]
fn while_a_key_is_searched_random_numbers_come_and_other_commands_wait() {
    let place = Place::new();
    let control = format!("unix:{}", place.text("control"));
    let _daemon = place.start(&["--ctrl", &control, "--startup", "clear"]);
    let path = place.path("data");
    let found = &AtomicU32::new(0);
    std::thread::scope(|threads| {
        let searching = threads.spawn(move || -> Result<(), Error> {
            let mut client = over_unix(&path);
            for round in 0_u32.. {
                let template = Template::rsa_storage(4096, &round.to_be_bytes());
                let key = client.create_primary(&template)?;
                client.flush(key)?;
                found.fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        });
        let mut other = place.client();
        let mut rounds = std::iter::repeat_with(|| match searching.is_finished() {
            true => u32::MAX,
            false => found.load(Ordering::SeqCst),
        });
        let overtook = rounds.by_ref().take_while(|&found| found < 20).any(|_| {
            let mut waiting = unix(&place.path("data"));
            waiting.write_all(&FLUSH_NOTHING).unwrap();
            for _ in 0..20 {
                other.get_random(8).unwrap();
            }
            waiting.set_nonblocking(true).unwrap();
            let answer = waiting.read(&mut [0; 16]);
            answer.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        });
        let mut control = unix(&place.path("control"));
        while !searching.is_finished() {
            control.write_all(&CANCEL_TPM_CMD).unwrap();
            control.read_exact(&mut [0; 4]).unwrap();
        }
        // TPM_RC_CANCELED.
        let error = searching.join().unwrap().unwrap_err();
        assert!(
            matches!(error, Error::Refused { code: 0x909, .. }),
            "{error}"
        );
        assert!(overtook, "no random number overtook a waiting command");
        other.get_random(8).unwrap();
    });
}

#[test]
fn an_answer_in_a_session_carries_the_hmac_that_the_client_works_out() {
    let place = Place::new();
    let _daemon = place.start(&[]);
    let mut client = place.client();
    let mut session = client.hmac_session().unwrap();
    let first = client.get_random_in(&mut session, 32).unwrap();
    let second = client.get_random_in(&mut session, 32).unwrap();
    assert_eq!(first.len(), 32);
    assert_ne!(first, second);
}

#[test]
fn two_clones_of_one_state_never_give_the_same_random_numbers() {
    let (first, second) = (Place::new(), Place::new());
    let daemon = first.start(&[]);
    first.client().get_random(32).unwrap();
    daemon.kill();
    std::fs::create_dir(second.path("state")).unwrap();
    for entry in std::fs::read_dir(first.path("state")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), second.path("state").join(entry.file_name())).unwrap();
    }
    let (_one, _two) = (first.start(&[]), second.start(&[]));
    let random = |place: &Place| place.client().get_random(32).unwrap();
    assert_ne!(random(&first), random(&second));
}

#[test]
fn random_numbers_pcrs_and_sessions_never_touch_the_disk() {
    let place = Place::new();
    let _daemon = place.start(&[]);
    let mut client = place.client();
    let state = || std::fs::read(place.path("state/tpm.state")).unwrap();
    let before = state();
    for round in 0..50 {
        client.get_random(32).unwrap();
        client.pcr_extend(10, &[round; 32]).unwrap();
        let session = client.policy_session().unwrap();
        client.policy_pcr(session, &[10]).unwrap();
        client.flush(session).unwrap();
    }
    assert!(state() == before);
    client.nv_define(INDEX, 8, ORDINARY).unwrap();
    assert!(state() != before);
}

#[test]
fn a_client_that_stalls_holds_up_nobody() {
    let place = Place::new();
    let control = format!("unix:{}", place.text("control"));
    let _daemon = place.start(&["--ctrl", &control, "--startup", "clear"]);
    let mut stalled = Vec::new();
    for (door, half) in [
        ("data", &[0x80, 1, 0, 0, 0, 12][..]),
        ("control", &[0, 0, 0, 2]),
    ] {
        let mut stream = unix(&place.path(door));
        stream.write_all(half).unwrap();
        stalled.push(stream);
    }
    for _ in 0..20 {
        place.client().get_random(8).unwrap();
    }
}

#[test]
fn before_init_every_command_fails_and_after_it_the_tpm_starts() {
    let place = Place::new();
    let control = format!("unix:{}", place.text("control"));
    let mut daemon = place.start(&["--ctrl", &control]);
    let refused = |result: Result<Vec<u8>, Error>| match result {
        Err(Error::Refused { code, .. }) => code,
        _ => 0,
    };
    assert_eq!(refused(place.client().get_random(8)), 0x101);
    let mut control = unix(&place.path("control"));
    let mut ask = |request: &[u8]| {
        let mut answer = [0xff; 4];
        control.write_all(request).unwrap();
        control.read_exact(&mut answer).unwrap();
        u32::from_be_bytes(answer)
    };
    assert_eq!(ask(&[0, 0, 0, 2, 0, 0, 0, 0]), 0);
    // TPM_RC_INITIALIZE: it has power and waits for Startup.
    assert_eq!(refused(place.client().get_random(8)), 0x100);
    place.client().startup().unwrap();
    place.client().get_random(8).unwrap();
    assert_eq!(ask(&[0, 0, 0, 14]), 0);
    assert_eq!(refused(place.client().get_random(8)), 0x101);
    assert_eq!(ask(&[0, 0, 0, 3]), 0);
    assert_eq!(daemon.wait().code(), Some(0));
}

#[test]
fn where_nothing_can_be_written_the_tpm_says_so_and_loses_nothing() {
    let place = Place::new();
    let (_daemon, port) = place.start_at_a_port();
    let mut platform = TcpStream::connect(("127.0.0.1", port + 1)).unwrap();
    let mut nv_memory = |signal: u8| {
        platform.write_all(&[0, 0, 0, signal]).unwrap();
        let mut answer = [0xff; 4];
        platform.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [0; 4]);
    };
    let mut client = place.client();
    client.nv_define(INDEX, 8, ORDINARY).unwrap();
    client.nv_write(INDEX, b"before..").unwrap();
    nv_memory(12);
    match client.nv_write(INDEX, b"refused!") {
        // TPM_RC_NV_UNAVAILABLE
        Err(Error::Refused { code, .. }) => assert_eq!(code, 0x923),
        other => panic!("{other:?}"),
    }
    assert_eq!(client.nv_read(INDEX, 8).unwrap(), b"before..");
    client.get_random(8).unwrap();
    nv_memory(11);
    assert_eq!(client.nv_read(INDEX, 8).unwrap(), b"before..");
    client.nv_write(INDEX, b"after...").unwrap();
    assert_eq!(client.nv_read(INDEX, 8).unwrap(), b"after...");
}

#[test]
fn startup_state_goes_on_after_shutdown_state_and_is_refused_without() {
    let place = Place::new();
    let daemon = place.start(&[]);
    let mut client = place.client();
    client.pcr_extend(3, &[5; 32]).unwrap();
    let pcr = client.pcr_read(&[3]).unwrap();
    let state = Parts {
        params: &[0, 1],
        ..Parts::default()
    };
    client.command(0x145, &state).unwrap();
    // The daemon does not shut down once more: that would be a Shutdown(CLEAR).
    assert_eq!(daemon.terminate().code(), Some(0));
    let daemon = place.start(&["--startup", "state"]);
    // The answer of PCR_Read begins with a counter of changes.
    assert_eq!(place.client().pcr_read(&[3]).unwrap()[4..], pcr[4..]);
    daemon.kill();
    let said = place.try_start(&["--startup", "state"]).unwrap_err();
    assert!(said.contains("--startup clear"), "{said}");
    let _daemon = place.start(&[]);
    assert_ne!(place.client().pcr_read(&[3]).unwrap()[4..], pcr[4..]);
}

#[test]
fn once_it_serves_the_process_is_confined() {
    let place = Place::new();
    // The pool's thread has a filter and a test of its own.
    let daemon = place.start(&["--no-pool"]);
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    assert!(status.contains("Seccomp:\t2"));
    assert!(status.contains("NoNewPrivs:\t1"));
    assert!(status.contains("Threads:\t1"));
}

#[test]
fn swtpms_state_is_left_alone() {
    let place = Place::new();
    std::fs::create_dir(place.path("state")).unwrap();
    std::fs::write(place.path("state/tpm2-00.permall"), "theirs").unwrap();
    let said = place.try_start(&[]).unwrap_err();
    assert!(said.contains("swtpm"), "{said}");
    assert_eq!(names(&place.path("state")), ["tpm2-00.permall"]);
    std::fs::write(place.path("linear"), b"swtpmlin....").unwrap();
    let linear = place.text("linear");
    let said = TpmDaemon::start(&["--state", &linear, "--unix", "/no/where"]).unwrap_err();
    assert!(said.contains("swtpm"), "{said}");
}

#[test]
fn one_state_is_served_once() {
    let place = Place::new();
    let _daemon = place.start(&[]);
    let (state, other) = (place.text("state"), place.text("other"));
    let said = TpmDaemon::start(&["--state", &state, "--unix", &other]).unwrap_err();
    assert!(said.contains("in use"), "{said}");
    place.client().get_random(8).unwrap();
}

#[test]
fn a_disk_without_room_makes_no_half_tpm() {
    let place = Place::new();
    let (state, data) = (place.text("state"), place.text("data"));
    // A limit on the size of files is the nearest to a full disk that every user can have.
    let script = "trap '' XFSZ; ulimit -f 1000; exec \"$@\"";
    let command = serve(&["--state", &state, "--unix", &data]);
    let output = std::process::Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot make a TPM"));
    assert_eq!(names(&place.path("state")), ["lock"]);
    let _daemon = place.start(&[]);
    place.client().get_random(8).unwrap();
}

#[test]
fn the_state_commands_tell_check_and_copy() {
    let place = Place::new();
    let key = place.text("key");
    std::fs::write(&key, [9; 32]).unwrap();
    let daemon = place.start(&["--key", &key]);
    place.client().nv_define(INDEX, 8, ORDINARY).unwrap();
    place.client().nv_write(INDEX, b"kept for").unwrap();
    let (state, copy) = (place.text("state"), place.text("copy"));
    assert_eq!(
        ironroot_tpm(&["state", "check", &state]).status.code(),
        Some(1),
        "in use"
    );
    assert_eq!(daemon.terminate().code(), Some(0));
    let info = ironroot_tpm(&["state", "info", &state]);
    assert!(String::from_utf8_lossy(&info.stdout).contains("encrypted"));
    assert_eq!(
        ironroot_tpm(&["state", "check", &state]).status.code(),
        Some(1),
        "no key"
    );
    let check = ironroot_tpm(&["state", "check", &state, "--key", &key]);
    assert_eq!(check.status.code(), Some(0));
    let backup = ironroot_tpm(&["state", "backup", &state, "--key", &key, &copy]);
    assert_eq!(backup.status.code(), Some(0));
    std::fs::remove_dir_all(&state).unwrap();
    std::fs::rename(&copy, &state).unwrap();
    let _daemon = place.start(&["--key", &key]);
    assert_eq!(place.client().nv_read(INDEX, 8).unwrap(), b"kept for");
}

#[test]
fn an_old_copy_is_refused_where_there_is_an_anchor() {
    let place = Place::new();
    let anchor = place.text("anchor");
    let more = ["--anchor", &*anchor];
    let daemon = place.start(&more);
    place.client().nv_define(INDEX, 8, ORDINARY).unwrap();
    daemon.kill();
    let old = std::fs::read(place.path("state/tpm.state")).unwrap();
    let daemon = place.start(&more);
    place.client().nv_write(INDEX, b"newer...").unwrap();
    daemon.kill();
    let new = std::fs::read(place.path("state/tpm.state")).unwrap();
    std::fs::write(place.path("state/tpm.state"), old).unwrap();
    let said = place.try_start(&more).unwrap_err();
    assert!(said.contains("old copy"), "{said}");
    std::fs::write(place.path("state/tpm.state"), new).unwrap();
    let _daemon = place.start(&more);
    assert_eq!(place.client().nv_read(INDEX, 8).unwrap(), b"newer...");
}

#[test]
fn the_help_says_what_the_state_is_worth_and_how_to_reach_it() {
    let help = ironroot_tpm(&["serve", "--help"]);
    let help = String::from_utf8_lossy(&help.stdout);
    for words in [
        "integrity against accident only",
        "TPM2TOOLS_TCTI=mssim",
        "TPM2TOOLS_TCTI=swtpm",
        "--anchor",
    ] {
        assert!(help.contains(words), "{words}");
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}
