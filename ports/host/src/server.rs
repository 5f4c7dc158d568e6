//! The secure world's door: a Unix socket that non-secure processes call through.
//!
//! One thread per connection does nothing but carry frames; all calls meet in one queue and are served
//! one after the other, as on a device with one secure context. A client that stops in the middle of a
//! frame, or does not fetch its answer, holds up nobody but itself.
//!
//! A connection has one client id, below zero. A process of the user who runs the device may choose
//! it, for that user plays the part of the non-secure kernel; any other user's processes get the id
//! that belongs to the user.

use crate::wire::{self, Question};
use rustix::net::sockopt::socket_peercred;
use rustix::process::geteuid;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

/// Call number of the first frame of a connection: argument 0 is the wanted client id, the answer the
/// granted one.
const HELLO: u32 = u32::MAX;

/// The client id of who asks for none.
pub const DEFAULT_CLIENT: i32 = -1;

const MAX_CONNECTIONS: usize = 64;
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// One call waiting for its answer.
pub struct Call {
    /// Who calls, below zero.
    pub client: i32,
    /// What, with which memory.
    pub question: Question,
    reply: Sender<Reply>,
}

struct Reply {
    result: u32,
    memory: Vec<u8>,
    /// Dropped when the answer is on its way.
    sent: Option<Sender<()>>,
}

impl Call {
    /// Answers; `memory` must be as long as the question's.
    pub fn answer(self, result: u32, memory: Vec<u8>) {
        let sent = None;
        // Nobody waits any more if the client went away meanwhile.
        let _ = self.reply.send(Reply {
            result,
            memory,
            sent,
        });
    }

    /// Answers, and waits until the answer is on its way or the client turns out not to fetch it.
    pub fn answer_and_wait(self, result: u32, memory: Vec<u8>) {
        let (sent, wait) = mpsc::channel();
        let sent = Some(sent);
        if self
            .reply
            .send(Reply {
                result,
                memory,
                sent,
            })
            .is_ok()
        {
            // The sender is never used: it is dropped.
            let _ = wait.recv();
        }
    }
}

/// The listening secure world.
pub struct Server {
    calls: Receiver<Call>,
}

impl Server {
    /// Listens at `path`, replacing a socket that an earlier run left there.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn listen(path: &Path) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        let (sender, calls) = mpsc::channel();
        thread::Builder::new()
            .name("accept".into())
            .spawn(move || accept(&listener, &sender))?;
        Ok(Self { calls })
    }

    /// Waits for the next call, or gives nothing after `patience`.
    #[must_use]
    pub fn next(&self, patience: Duration) -> Option<Call> {
        self.calls.recv_timeout(patience).ok()
    }
}

fn accept(listener: &UnixListener, calls: &Sender<Call>) {
    let connections = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming().flatten() {
        if connections.load(Ordering::Relaxed) >= MAX_CONNECTIONS {
            continue;
        }
        let guard = Connected::new(&connections);
        let calls = calls.clone();
        let carry = move || {
            let _guard = guard;
            // An error is the client's end; there is nobody else to tell.
            let _ = carry_frames(stream, &calls);
        };
        // Without a thread the connection is dropped, which the client sees.
        let _ = thread::Builder::new()
            .name("connection".into())
            .spawn(carry);
    }
}

struct Connected(Arc<AtomicUsize>);

impl Connected {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn carry_frames(mut stream: UnixStream, calls: &Sender<Call>) -> io::Result<()> {
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    let client = greet(&mut stream)?;
    loop {
        let question = wire::receive_question(&mut stream)?;
        // One for each call: a call that nobody answers any more drops the only sender, and the wait ends.
        let (reply, answers) = mpsc::channel();
        let call = Call {
            client,
            question,
            reply,
        };
        let gone = |_| io::Error::from(io::ErrorKind::ConnectionAborted);
        calls
            .send(call)
            .map_err(|_| io::Error::from(io::ErrorKind::ConnectionAborted))?;
        let reply: Reply = answers.recv().map_err(gone)?;
        wire::send_answer(&mut stream, reply.result, &reply.memory)?;
        drop(reply.sent);
    }
}

fn greet(stream: &mut UnixStream) -> io::Result<i32> {
    let hello = wire::receive_question(stream)?;
    if hello.number != HELLO || !hello.memory.is_empty() {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    let user = socket_peercred(&*stream)?.uid;
    let wanted = hello.args[0].cast_signed();
    let client = client_id(user.as_raw(), geteuid().as_raw(), wanted);
    wire::send_answer(stream, client.cast_unsigned(), &[])?;
    Ok(client)
}

/// The id of a client: what it asks for if the device's own user asks, else one per user, from a range
/// that the device's user is not given.
const fn client_id(user: u32, device_user: u32, wanted: i32) -> i32 {
    const OTHERS_FROM: i32 = -0x4000_0000;
    if user != device_user {
        return OTHERS_FROM.saturating_sub_unsigned(user);
    }
    if wanted < 0 && wanted > OTHERS_FROM {
        wanted
    } else {
        DEFAULT_CLIENT
    }
}

/// A client's connection to the secure world.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    client: i32,
}

impl Connection {
    /// Connects to the secure world at `path`, asking for client id `wanted`.
    ///
    /// # Errors
    /// What the operating system says: nobody listens there, or access is denied.
    pub fn open(path: &Path, wanted: i32) -> io::Result<Self> {
        let mut stream = UnixStream::connect(path)?;
        wire::send_question(&mut stream, HELLO, [wanted.cast_unsigned(), 0, 0, 0], &[])?;
        let client = wire::receive_answer(&mut stream, &mut [])?.cast_signed();
        Ok(Self { stream, client })
    }

    /// The client id that was granted.
    #[must_use]
    pub const fn client(&self) -> i32 {
        self.client
    }

    /// Makes a call about `memory` and gives its result.
    ///
    /// # Errors
    /// The stream's: the secure world is gone.
    pub fn call(&mut self, number: u32, args: [u32; 4], memory: &mut [u8]) -> io::Result<u32> {
        wire::send_question(&mut self.stream, number, args, memory)?;
        wire::receive_answer(&mut self.stream, memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_devices_user_chooses_a_client_id_below_zero() {
        assert_eq!(client_id(1000, 1000, -7), -7);
        for refused in [0, 1, i32::MAX, i32::MIN, -0x4000_0000] {
            assert_eq!(client_id(1000, 1000, refused), DEFAULT_CLIENT);
        }
    }

    #[test]
    fn another_user_has_one_id_whatever_it_asks_for() {
        let id = client_id(1001, 1000, -1);
        assert!(id < -0x3fff_ffff);
        assert_eq!(client_id(1001, 1000, -7), id);
        assert_ne!(client_id(1002, 1000, -7), id);
        assert_ne!(client_id(0, 1000, -7), id);
    }

    #[test]
    fn a_call_that_is_never_answered_ends_with_the_secure_world_and_does_not_hang() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let server = Server::listen(&path).unwrap();
        let client = thread::spawn(move || {
            let mut connection = Connection::open(&path, -1).unwrap();
            connection.call(9, [0; 4], &mut []).is_err()
        });
        let call = server.next(Duration::from_secs(60)).unwrap();
        // Taken, or still in the queue: it goes with the server.
        drop(call);
        drop(server);
        assert!(client.join().unwrap());
    }

    #[test]
    fn calls_of_two_clients_are_answered_while_a_third_stalls() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let server = Server::listen(&path).unwrap();
        let stalled = UnixStream::connect(&path).unwrap();
        let client = |id: i32| {
            let path = path.clone();
            thread::spawn(move || {
                let mut connection = Connection::open(&path, id).unwrap();
                let mut memory = *b"abc";
                let result = connection.call(9, [1, 2, 3, 4], &mut memory).unwrap();
                (connection.client(), result, memory)
            })
        };
        let clients = [client(-2), client(-3)];
        for _ in 0..2 {
            let call = server.next(Duration::from_secs(10)).unwrap();
            assert_eq!(
                (call.question.number, call.question.args),
                (9, [1, 2, 3, 4])
            );
            let id = call.client.cast_unsigned();
            let memory = call.question.memory.iter().rev().copied().collect();
            call.answer(id, memory);
        }
        for (client, id) in clients.into_iter().zip([-2_i32, -3]) {
            assert_eq!(client.join().unwrap(), (id, id.cast_unsigned(), *b"cba"));
        }
        drop(stalled);
    }
}
