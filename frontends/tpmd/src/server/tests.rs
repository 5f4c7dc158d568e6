mod answers;
mod init;
mod power_cut;
mod real;

use super::*;
use crate::listen::Address;
use crate::protocol::control;
use crate::toy::{Toy, command};
use rustix::net::SendFlags;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::thread::{self, JoinHandle};
use tempfile::TempDir;

const GET_RANDOM: u32 = 0x17b;
const FLUSH_CONTEXT: u32 = 0x165;

/// A server with every kind of door, its TPM under power.
fn server(place: &Path, powered: bool) -> (Server<Toy>, UnixStream) {
    server_of(place, Toy::default(), powered)
}

fn server_of<E: Engine>(place: &Path, engine: E, powered: bool) -> (Server<E>, UnixStream) {
    let bind = |name: &str, role| {
        let address = Address::Unix(place.join(name));
        Listener::bind(&address, role).unwrap()
    };
    let (stop, stopper) = UnixStream::pair().unwrap();
    let setting = Setting {
        listeners: vec![
            bind("data", Role::Data),
            bind("platform", Role::Platform),
            bind("control", Role::Control),
        ],
        stop,
        nv_available: Rc::new(Cell::new(true)),
        blobs: Blobs::default(),
        profile: &Profile::PC_CLIENT,
        terminate: Terminate::Never,
        rules: Rules::default(),
        log: Log::default(),
    };
    let mut machine = Machine::new(engine);
    assert!(!powered || machine.power_on());
    (Server::new(machine, setting), stopper)
}

/// The same at work in a thread.
struct Daemon {
    place: TempDir,
    stopper: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
}

impl Daemon {
    fn start(powered: bool) -> Self {
        let place = TempDir::new().unwrap();
        let path = place.path().to_owned();
        let (sender, receiver) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            let (mut server, stopper) = server(&path, powered);
            sender.send(stopper).unwrap();
            server.run().unwrap();
        });
        let stopper = receiver.recv().unwrap();
        Self {
            place,
            stopper: Some(stopper),
            thread: Some(thread),
        }
    }

    fn connect(&self, name: &str) -> Client {
        let path = self.place.path().join(name);
        Client(UnixStream::connect(path).unwrap())
    }
}

impl Daemon {
    /// Waits until the loop has ended by itself.
    fn ends(mut self) -> bool {
        self.thread
            .take()
            .is_some_and(|thread| thread.join().is_ok())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.stopper.take());
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || ended.is_none_or(|ended| ended.is_ok()));
    }
}

struct Client(UnixStream);

impl Client {
    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    fn read(&mut self, len: usize) -> Vec<u8> {
        self.0
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut bytes = vec![0; len];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Whether something can be read at once.
    fn has_input(&self) -> bool {
        let mut polled = [PollFd::new(&self.0, PollFlags::IN)];
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut polled, Some(&at_once)).unwrap() > 0
    }

    /// Reads what is there.
    fn drain(&mut self) {
        while self.has_input() {
            let mut some = [0; 4096];
            assert_ne!(self.0.read(&mut some).unwrap(), 0);
        }
    }

    fn ask(&mut self, bytes: &[u8], len: usize) -> Vec<u8> {
        self.send(bytes);
        self.read(len)
    }

    /// A bare command; the response code.
    fn command(&mut self, code: u32) -> u32 {
        code_of(&self.ask(&command(code), 10))
    }

    fn is_closed(&mut self) -> bool {
        self.0
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        match self.0.read(&mut [0; 16]) {
            Ok(len) => len == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

fn code_of(answer: &[u8]) -> u32 {
    u32::from_be_bytes(answer[6..10].try_into().unwrap())
}

fn framed(command: &[u8]) -> Vec<u8> {
    let len = u32::try_from(command.len()).unwrap().to_be_bytes();
    [&[0, 0, 0, 8, 0][..], &len, command].concat()
}

#[test]
fn what_may_overtake_is_answered_within_two_steps_and_the_rest_waits() {
    let place = TempDir::new().unwrap();
    let (mut server, _stopper) = server(place.path(), true);
    let connect = || Client(UnixStream::connect(place.path().join("data")).unwrap());
    let (mut first, mut second, mut third) = (connect(), connect(), connect());
    first.send(&command(Toy::LONG));
    for _ in 0..5 {
        server.turn().unwrap();
    }
    let steps = server.machine.engine().steps;
    assert!(steps > 0 && server.machine.is_suspended());
    third.send(&command(FLUSH_CONTEXT));
    second.send(&command(GET_RANDOM));
    for _ in 0..2 {
        server.turn().unwrap();
    }
    // The toy answers with the steps made so far.
    assert!(code_of(&second.read(10)) <= steps + 2);
    assert!(server.machine.is_suspended());
    while server.machine.is_suspended() {
        assert_eq!(server.machine.engine().seen, [Toy::LONG]);
        server.turn().unwrap();
    }
    assert_eq!(code_of(&first.read(10)), 0);
    assert_eq!(code_of(&third.read(10)), 0);
    assert_eq!(server.machine.engine().seen, [Toy::LONG, FLUSH_CONTEXT]);
}

#[test]
fn a_client_that_goes_away_takes_its_long_command_with_it() {
    let place = TempDir::new().unwrap();
    let (mut server, _stopper) = server(place.path(), true);
    let mut client = Client(UnixStream::connect(place.path().join("data")).unwrap());
    client.send(&command(Toy::LONG));
    for _ in 0..4 {
        server.turn().unwrap();
    }
    assert!(server.machine.is_suspended());
    drop(client);
    server.turn().unwrap();
    assert!(!server.machine.is_suspended());
    assert!(server.connections.is_empty());
}

#[test]
fn both_framings_work_on_one_connection_also_many_at_a_time() {
    let daemon = Daemon::start(true);
    let mut client = daemon.connect("data");
    assert_eq!(client.command(GET_RANDOM), 0);
    let answer = client.ask(&framed(&command(GET_RANDOM)), 18);
    let expected = [0, 0, 0, 10, 0x80, 1, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(answer, expected);
    let many: Vec<u8> = (0..20)
        .flat_map(|_| [command(GET_RANDOM), framed(&command(GET_RANDOM))].concat())
        .collect();
    let answers = client.ask(&many, 20 * 28);
    assert_eq!(answers[10..28], expected);
    assert_eq!(
        client.ask(&[0, 0, 0, 15, 0, 0, 0, 1], 12),
        data::handshake_answer(true)
    );
    client.send(&[0, 0, 0, 20]);
    assert!(client.is_closed());
}

#[test]
fn a_command_in_pieces_is_put_together() {
    let daemon = Daemon::start(true);
    let mut client = daemon.connect("data");
    for byte in framed(&command(GET_RANDOM)) {
        client.send(&[byte]);
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(client.read(18)[..4], [0, 0, 0, 10]);
}

#[test]
fn an_impossible_length_is_answered_and_ends_the_connection() {
    let daemon = Daemon::start(true);
    for message in [
        &[0x80, 1, 0, 0, 0, 9, 0, 0, 1, 0x7b][..],
        &[0x80, 1, 0xff, 0xff, 0xff, 0xff],
    ] {
        let mut client = daemon.connect("data");
        assert_eq!(code_of(&client.ask(message, 10)), 0x142);
        assert!(client.is_closed());
    }
    let mut client = daemon.connect("data");
    client.send(&[0, 0, 0, 8, 0, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(code_of(&client.read(18)[4..]), 0x142);
    assert_eq!(daemon.connect("data").command(GET_RANDOM), 0);
}

#[test]
fn clients_that_stall_hold_up_nobody() {
    let daemon = Daemon::start(true);
    let mut stalled = Vec::new();
    for (door, half) in [
        ("data", &framed(&command(GET_RANDOM))[..12]),
        ("data", &command(GET_RANDOM)[..9]),
        ("data", &[][..]),
        ("control", &[0, 0, 0, 2, 0][..]),
        ("control", &[0, 0, 0, 7, 0, 0, 1, 0, 9]),
        ("platform", &[0, 0, 0, 6, 0, 0, 1, 0, 9]),
    ] {
        let mut client = daemon.connect(door);
        client.send(half);
        stalled.push(client);
    }
    // One that asks and never fetches: it is cut off from asking, that is all.
    let mut greedy = daemon.connect("data");
    greedy.0.set_nonblocking(true).unwrap();
    let commands = command(GET_RANDOM).repeat(1000);
    let mut sent = 0;
    while let Ok(len) = greedy.0.write(&commands) {
        sent += len;
        assert!(sent < 64 << 20, "the daemon keeps reading");
        thread::yield_now();
    }
    for _ in 0..50 {
        assert_eq!(daemon.connect("data").command(GET_RANDOM), 0);
    }
    assert_eq!(daemon.connect("control").ask(&[0, 0, 0, 1], 8)[..4], [0; 4]);
}

#[test]
fn more_clients_than_places_are_turned_away_unless_somebody_stalls() {
    let daemon = Daemon::start(true);
    let mut clients: Vec<_> = (0..MAX_CONNECTIONS)
        .map(|_| daemon.connect("data"))
        .collect();
    for client in &mut clients {
        assert_eq!(client.command(GET_RANDOM), 0);
    }
    assert!(daemon.connect("data").is_closed());
    clients[7].send(&[0x80, 1, 0]);
    thread::sleep(PATIENCE + Duration::from_millis(200));
    assert_eq!(daemon.connect("data").command(GET_RANDOM), 0);
    assert!(clients[7].is_closed());
    assert_eq!(clients[8].command(GET_RANDOM), 0);
}

#[test]
fn the_platform_port_and_the_control_channel_cancel_what_runs() {
    let place = TempDir::new().unwrap();
    let (mut server, _stopper) = server(place.path(), true);
    let connect = |door: &str| Client(UnixStream::connect(place.path().join(door)).unwrap());
    let mut client = connect("data");
    for (door, signal) in [
        ("platform", 9),
        ("control", 9),
        ("platform", 17),
        ("control", 14),
    ] {
        client.send(&command(Toy::LONG));
        while !server.machine.is_suspended() {
            server.turn().unwrap();
        }
        let mut other = connect(door);
        other.send(&[0, 0, 0, signal]);
        for _ in 0..2 {
            server.turn().unwrap();
        }
        assert!(!server.machine.is_suspended());
        assert_eq!(other.read(4), [0; 4]);
        assert_eq!(code_of(&client.read(10)), Toy::CANCELED);
        if signal == 9 && door == "platform" {
            // The line is held: what comes now is cancelled as well.
            client.send(&command(Toy::LONG));
            server.turn().unwrap();
            assert_eq!(code_of(&client.read(10)), Toy::CANCELED);
            other.send(&[0, 0, 0, 10]);
            server.turn().unwrap();
        }
    }
}

#[test]
fn the_platform_port_does_what_a_mainboard_does() {
    let daemon = Daemon::start(false);
    let mut platform = daemon.connect("platform");
    let mut client = daemon.connect("data");
    assert_eq!(client.command(GET_RANDOM), 0x101);
    for signal in [1, 11, 1, 3, 4, 13, 14, 16, 17, 18, 5] {
        assert_eq!(platform.ask(&[0, 0, 0, signal], 4), [0; 4], "{signal}");
    }
    assert_eq!(platform.ask(&[0, 0, 0, 6, 0, 0, 0, 2, 1, 2], 4), [0; 4]);
    assert_eq!(platform.ask(&[0, 0, 0, 7], 4), [0; 4]);
    // tpm2-tss takes us for swtpm.
    assert_eq!(platform.ask(&[0, 0, 0, 5, 3], 4), [0; 4]);
    assert_eq!(platform.ask(&[0, 0, 0, 5, 5], 4), [0, 0, 0, 0x3d]);
    assert_eq!(client.command(GET_RANDOM), 0);
    let sizes = platform.ask(&[0, 0, 0, 25], 24);
    assert_eq!(sizes[..8], [0, 0, 0, 16, 10, 0, 0, 0]);
    assert_eq!(platform.ask(&[0, 0, 0, 26, 0x40, 0, 1, 0x10], 8), [0; 8]);
    assert_eq!(platform.ask(&[0, 0, 0, 2], 4), [0; 4]);
    assert_eq!(client.command(GET_RANDOM), 0x101);
    assert_eq!(platform.ask(&[0, 0, 0, 99], 4), [0, 0, 0, 1]);
    assert!(platform.is_closed());
}

#[test]
fn qemus_way_through_the_control_channel() {
    let daemon = Daemon::start(false);
    let mut control = daemon.connect("control");
    let (ours, passed) = UnixStream::pair().unwrap();
    let mut data = Client(ours);
    send_descriptor(&control.0, &[0, 0, 0, 16], &passed);
    drop(passed);
    assert_eq!(control.read(4), [0; 4]);
    // Probes: an older TPM, then a TPM 2.0.
    let probe = [0, 0xc1, 0, 0, 0, 10, 0, 0, 0, 0x5a];
    for probe in [&probe[..], &command(0x17a)] {
        assert_eq!(data.ask(probe, 10), [0x80, 1, 0, 0, 0, 10, 0, 0, 1, 1]);
    }
    let capabilities = control.ask(&[0, 0, 0, 1], 8);
    assert_eq!(capabilities[4..], control::CAPABILITIES.to_be_bytes());
    assert_eq!(control.ask(&[0, 0, 0, 14], 4), [0; 4]);
    let sizes = control.ask(&[0, 0, 0, 17, 0, 0, 0x0f, 0x80], 16);
    assert_eq!(
        sizes,
        [0, 0, 0, 0, 0, 0, 15, 128, 0, 0, 15, 128, 0, 0, 16, 0]
    );
    assert_eq!(control.ask(&[0, 0, 0, 2, 0, 0, 0, 0], 4), [0; 4]);
    // Running: asking for the size is allowed, changing it is not.
    assert_eq!(control.ask(&[0, 0, 0, 17, 0, 0, 0, 0], 16)[..4], [0; 4]);
    assert_eq!(control.ask(&[0, 0, 0, 17, 0, 0, 16, 0], 4), [0, 0, 0, 10]);
    assert_eq!(control.ask(&[0, 0, 0, 5, 3, 0, 0, 0], 4), [0; 4]);
    assert_eq!(control.ask(&[0, 0, 0, 5, 5, 0, 0, 0], 4), [0, 0, 0, 0x3d]);
    assert_eq!(data.command(GET_RANDOM), 0);
    assert_eq!(control.ask(&[0, 0, 0, 4], 8), [0; 8]);
    for hash in [
        &[0, 0, 0, 6][..],
        &[0, 0, 0, 7, 0, 0, 0, 1, 9],
        &[0, 0, 0, 8],
    ] {
        assert_eq!(control.ask(hash, 4), [0; 4]);
    }
    assert_eq!(control.ask(&[0, 0, 0, 4], 8), [0, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(control.ask(&[0, 0, 0, 11, 0, 0, 0, 0], 4), [0, 0, 0, 0x3d]);
    assert_eq!(control.ask(&[0, 0, 0, 11, 3, 0, 0, 0], 4), [0; 4]);
    assert_eq!(control.ask(&[0, 0, 0, 4], 8), [0; 8]);
    assert_eq!(control.ask(&[0, 0, 0, 15], 8), [0; 8]);
    assert_eq!(control.ask(&[0, 0, 0, 9], 4), [0; 4]);
    assert_eq!(control.ask(&[0, 0, 0, 14], 4), [0; 4]);
    assert_eq!(control.ask(&[0, 0, 0, 4], 4), [0, 0, 0, 10]);
    assert_eq!(data.command(GET_RANDOM), 0x101);
    assert_eq!(control.ask(&[0, 0, 0, 3], 4), [0; 4]);
    assert!(data.is_closed());
}

#[test]
fn a_second_or_a_missing_data_channel_is_refused() {
    let daemon = Daemon::start(true);
    let mut control = daemon.connect("control");
    let (first, passed) = UnixStream::pair().unwrap();
    let (_second, refused) = UnixStream::pair().unwrap();
    assert_eq!(control.ask(&[0, 0, 0, 16], 4), [0, 0, 0, 0x1f]);
    send_descriptor(&control.0, &[0, 0, 0, 16], &passed);
    assert_eq!(control.read(4), [0; 4]);
    send_descriptor(&control.0, &[0, 0, 0, 16], &refused);
    assert_eq!(control.read(4), [0, 0, 0, 0x1f]);
    let mut first = Client(first);
    drop(passed);
    assert_eq!(first.command(GET_RANDOM), 0);
    // Something that is not even a socket.
    drop(first);
    let file = tempfile::tempfile().unwrap();
    thread::sleep(Duration::from_millis(50));
    send_descriptor(&control.0, &[0, 0, 0, 16], &file);
    control.read(4);
    assert_eq!(daemon.connect("data").command(GET_RANDOM), 0);
}

#[test]
fn numbers_nobody_knows_are_bad_ordinals() {
    let daemon = Daemon::start(true);
    let mut control = daemon.connect("control");
    for number in [0, 20, 21, 77] {
        assert_eq!(control.ask(&[0, 0, 0, number, 1, 2], 4), [0, 0, 0, 10]);
    }
    let answer = control.ask(&[0, 0, 0, 7, 0xff, 0, 0, 0], 4);
    assert_eq!(answer, [0, 0, 0, 3]);
}

fn send_descriptor(over: &UnixStream, bytes: &[u8], descriptor: &impl std::os::fd::AsFd) {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, sendmsg};
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor.as_fd()];
    assert!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)));
    let bytes = [std::io::IoSlice::new(bytes)];
    sendmsg(over, &bytes, &mut ancillary, SendFlags::empty()).unwrap();
}

#[test]
fn a_countdown_timer_that_ran_out_is_logged_once_and_told_on_the_platform_port() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("log");
    let (mut server, _stopper) = server(place.path(), true);
    server.setting.log = Log::open(Some(&path)).unwrap();
    server.look_at_timers();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    server.machine.begin(Some(0), &command(0x198)).unwrap();
    for _ in 0..2 {
        server.look_at_timers();
        let log = std::fs::read_to_string(&path).unwrap();
        assert_eq!(log.lines().count(), 1);
        assert!(log.contains("countdown timer 1 ran out"), "{log}");
    }
    assert_eq!(server.machine.timers_signalled(), 0b10);
}

#[test]
fn a_client_at_the_data_port_ends_its_session_but_never_the_server() {
    let daemon = Daemon::start(true);
    for message in [20, 21] {
        let mut client = daemon.connect("data");
        client.send(&[0, 0, 0, message]);
        assert!(client.is_closed());
    }
    assert_eq!(daemon.connect("data").command(GET_RANDOM), 0);
    daemon.connect("platform").send(&[0, 0, 0, 21]);
    assert!(daemon.ends());
}
