//! kill -9 at any moment: nothing that was answered is lost, and no start is refused.
//!
//! 30 kills, or as many as `IRONROOT_TPM_KILLS` says; `IRONROOT_SEED` repeats a run.

use ironroot_tests::tpm_client::{TpmDaemon, over_unix, serve, unix};
use ironroot_tpm_client::{Client, Error, Parts, Template};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const OWNER: u32 = 0x4000_0001;
/// ownerwrite, authwrite, ownerread, authread, no dictionary attack logic; ordinary, counter.
const ORDINARY: u32 = 0x0206_0006;
const COUNTER: u32 = ORDINARY | 1 << 4;
const DATA_INDEX: u32 = 0x0180_0001;
const COUNTER_INDEX: u32 = 0x0180_0002;
const PERSISTENT: u32 = 0x8100_0001;

/// What the TPM must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Content {
    data: [u8; 32],
    counter: u64,
    persistent: bool,
}

#[derive(Debug, Clone, Copy)]
enum Work {
    Write([u8; 32]),
    Increment,
    /// Makes a key persistent, or removes it.
    Evict,
}

impl Content {
    fn after(&self, work: Work) -> Self {
        let mut next = self.clone();
        match work {
            Work::Write(data) => next.data = data,
            Work::Increment => next.counter += 1,
            Work::Evict => next.persistent = !next.persistent,
        }
        next
    }

    fn read(client: &mut Client) -> Result<Self, Error> {
        let data = client.nv_read(DATA_INDEX, 32)?;
        let counter = client.nv_read(COUNTER_INDEX, 8)?;
        let public = client.command(
            0x173,
            &Parts {
                handles: &[PERSISTENT],
                ..Parts::default()
            },
        );
        let persistent = match public {
            Ok(_) => true,
            // TPM_RC_HANDLE of the first handle: it is not there.
            Err(Error::Refused { code: 0x18b, .. }) => false,
            Err(error) => return Err(error),
        };
        Ok(Self {
            data: data.try_into().expect("as long as asked for"),
            counter: u64::from_be_bytes(counter.try_into().expect("eight bytes")),
            persistent,
        })
    }
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    fn work(&mut self) -> Work {
        match self.roll(5) {
            0 | 1 => Work::Write(std::array::from_fn(|_| self.roll(256) as u8)),
            2 | 3 => Work::Increment,
            _ => Work::Evict,
        }
    }
}

#[test]
fn nothing_that_was_answered_is_lost_and_no_start_is_refused() {
    let kills = number("IRONROOT_TPM_KILLS").unwrap_or(30);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = number("IRONROOT_SEED").unwrap_or(now.as_nanos() as u64 | 1);
    println!("IRONROOT_SEED={seed}");
    let mut dice = Dice(seed);
    let place = TempDir::new().unwrap();
    let mut content = prepare(place.path());
    let (mut answered, mut in_flight, mut survived, mut while_starting) = (0_u64, 0, 0, 0);
    for kill in 0..kills {
        if dice.roll(8) == 0 {
            kill_while_starting(place.path(), &mut dice);
            while_starting += 1;
        }
        let daemon = start(place.path());
        let mut client = over_unix(&socket(place.path()));
        let found =
            Content::read(&mut client).unwrap_or_else(|error| panic!("kill {kill}: {error}"));
        assert_eq!(found, content, "kill {kill}");
        let after = Duration::from_micros(dice.roll(40_000));
        let load = load(place.path(), content, Dice(dice.roll(1 << 50) | 1));
        std::thread::sleep(after);
        daemon.kill();
        let (acknowledged, unsure, count) = load.recv().unwrap();
        answered += count;
        let daemon = start(place.path());
        let mut client = over_unix(&socket(place.path()));
        let found =
            Content::read(&mut client).unwrap_or_else(|error| panic!("kill {kill}: {error}"));
        let with_the_last = unsure.map(|work| acknowledged.after(work));
        in_flight += u64::from(unsure.is_some());
        survived += u64::from(found != acknowledged);
        assert!(
            found == acknowledged || Some(&found) == with_the_last.as_ref(),
            "kill {kill}: {found:?} is neither {acknowledged:?} nor that after {unsure:?}"
        );
        content = found;
        daemon.kill();
    }
    println!(
        "{kills} kills under load ({while_starting} more while starting): {answered} changes answered, none lost; \
         {in_flight} were under way, {survived} of them had happened"
    );
}

/// Works until the daemon is gone: what was answered, what was not, how many.
fn load(
    place: &Path,
    mut content: Content,
    mut dice: Dice,
) -> mpsc::Receiver<(Content, Option<Work>, u64)> {
    let stream = unix(&socket(place));
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut client = Client::new(stream);
        let mut count = 0;
        let key = client.create_primary(&Template::ecc_storage(3));
        let unsure = match key {
            Err(Error::Stream(_)) => None,
            Err(error) => panic!("{error}"),
            Ok(key) => loop {
                let work = dice.work();
                match perform(&mut client, key, content.persistent, work) {
                    Ok(()) => content = content.after(work),
                    Err(Error::Stream(_)) => break Some(work),
                    Err(error) => panic!("{work:?}: {error}"),
                }
                count += 1;
            },
        };
        sender.send((content, unsure, count)).unwrap();
    });
    receiver
}

fn perform(client: &mut Client, key: u32, persistent: bool, work: Work) -> Result<(), Error> {
    match work {
        Work::Write(data) => client.nv_write(DATA_INDEX, &data),
        Work::Increment => client.nv_increment(COUNTER_INDEX),
        Work::Evict => {
            let object = if persistent { PERSISTENT } else { key };
            let parts = Parts {
                handles: &[OWNER, object],
                passwords: 1,
                params: &PERSISTENT.to_be_bytes(),
                out_handles: 0,
            };
            client.command(0x120, &parts).map(drop)
        }
    }
}

/// A TPM with the indices defined and written once.
fn prepare(place: &Path) -> Content {
    let daemon = start(place);
    let mut client = over_unix(&socket(place));
    client.nv_define(DATA_INDEX, 32, ORDINARY).unwrap();
    client.nv_define(COUNTER_INDEX, 8, COUNTER).unwrap();
    client.nv_write(DATA_INDEX, &[0; 32]).unwrap();
    client.nv_increment(COUNTER_INDEX).unwrap();
    let content = Content::read(&mut client).unwrap();
    daemon.kill();
    content
}

fn start(place: &Path) -> TpmDaemon {
    let (state, socket) = (place.join("state"), socket(place));
    let arguments = [
        "--state",
        state.to_str().unwrap(),
        "--unix",
        socket.to_str().unwrap(),
    ];
    TpmDaemon::start(&arguments).unwrap_or_else(|said| panic!("a start was refused: {said}"))
}

/// Kills a daemon that may not be ready yet.
fn kill_while_starting(place: &Path, dice: &mut Dice) {
    let (state, socket) = (place.join("state"), socket(place));
    let mut process = serve(&[
        "--state",
        state.to_str().unwrap(),
        "--unix",
        socket.to_str().unwrap(),
    ])
    .stdout(Stdio::null())
    .spawn()
    .unwrap();
    std::thread::sleep(Duration::from_micros(dice.roll(30_000)));
    process.kill().unwrap();
    process.wait().unwrap();
}

fn socket(place: &Path) -> PathBuf {
    place.join("data")
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
