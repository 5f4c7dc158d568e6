//! The loop: one thread owns the TPM and all connections.
//!
//! A command is run where it is read, so a lone client's round trip has no hand-over between threads.
//! A long command is run in steps; between two steps everything else gets its turn: cancelling, the
//! platform port, the control channel, and the few commands that may overtake. All others wait in the
//! order they came. Nobody is waited for: not in the middle of a message, not to fetch an answer.

mod blobs;
mod doors;

use crate::connection::{Carrier, Connection, ConnectionId, Role};
use crate::engine::Engine;
use crate::listen::Listener;
use crate::log::Log;
use crate::machine::Machine;
use crate::protocol::data::{self, Framing, Message};
pub(crate) use blobs::Blobs;
use ironroot_tpm::{MAX_COMMAND, Profile};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::cell::Cell;
use std::collections::VecDeque;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

/// More clients than this are turned away.
const MAX_CONNECTIONS: usize = 64;
/// Where room is needed, a client that has been in the middle of a message for so long goes first.
const PATIENCE: Duration = Duration::from_secs(2);
/// Modular exponentiations between two looks at the connections: a step of a few milliseconds.
const BUDGET: u32 = 1;

/// What the loop is given.
pub(crate) struct Setting {
    pub(crate) listeners: Vec<Listener>,
    /// Readable when the process is to end.
    pub(crate) stop: UnixStream,
    /// Whether NV memory works: the platform port switches it.
    pub(crate) nv_available: Rc<Cell<bool>>,
    /// State that goes out and comes in.
    pub(crate) blobs: Blobs,
    pub(crate) profile: &'static Profile,
    pub(crate) terminate: Terminate,
    pub(crate) rules: Rules,
    pub(crate) log: Log,
}

/// When to end, besides when told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Terminate {
    /// Never.
    #[default]
    Never,
    /// When a client of the control channel goes.
    AfterControl,
    /// When a client of the data channel goes.
    AfterData,
}

/// What swtpm's options change about the channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// SET_LOCALITY with 4 is refused.
    pub reject_locality_4: bool,
    /// The data channel takes the vendor command 0x20001000, which sets the locality.
    pub allow_set_locality: bool,
    /// Commands of the data channel come without a frame only.
    pub bare: bool,
    /// A client of the data channel has one answer, then the connection is closed.
    pub disconnect: bool,
}

/// The daemon at work.
pub(crate) struct Server<E> {
    machine: Machine<E>,
    setting: Setting,
    connections: Vec<Connection>,
    next_id: ConnectionId,
    /// Commands that wait, by connection; the running one is not among them.
    queue: VecDeque<ConnectionId>,
    /// Whose command is suspended, and how its answer is framed.
    running: Option<(ConnectionId, Framing)>,
    /// Countdown timers that had run out when last looked at.
    timers: u16,
    ended: bool,
}

impl<E: Engine> Server<E> {
    pub(crate) fn new(machine: Machine<E>, setting: Setting) -> Self {
        Self {
            machine,
            setting,
            connections: Vec::new(),
            next_id: 0,
            queue: VecDeque::new(),
            running: None,
            timers: 0,
            ended: false,
        }
    }

    /// Takes over a client that is connected already; `false`: it is neither a socket nor a device.
    pub(crate) fn take_client(&mut self, role: Role, descriptor: OwnedFd) -> bool {
        Carrier::of(&descriptor)
            .is_ok_and(|carrier| self.admit(role, carrier, descriptor, role == Role::Data))
    }

    /// Serves until somebody says stop, then shuts the TPM down in order.
    pub(crate) fn run(&mut self) -> rustix::io::Result<()> {
        while !self.ended {
            self.turn()?;
        }
        self.interrupt();
        self.machine.power_off_in_order();
        self.connections.iter_mut().for_each(Connection::flush);
        Ok(())
    }

    /// One look at everything, then some work.
    fn turn(&mut self) -> rustix::io::Result<()> {
        let ready = self.wait()?;
        if ready.stop {
            self.ended = true;
            return Ok(());
        }
        for index in ready.connections {
            self.attend(index);
        }
        self.work();
        self.look_at_timers();
        if ready.listeners {
            self.accept();
        }
        self.bury();
        Ok(())
    }

    /// Says which authenticated countdown timers ran out. What follows from that on a real machine (a reset, say) is for
    /// whoever reads the log.
    fn look_at_timers(&mut self) {
        // Not while a command is suspended: it may be the one that sets them.
        if self.running.is_some() {
            return;
        }
        let now = self.machine.timers_signalled();
        let new = now & !std::mem::replace(&mut self.timers, now);
        for timer in (0..16).filter(|timer| new >> timer & 1 == 1) {
            let text = format!("authenticated countdown timer {timer} ran out");
            self.setting.log.line(&text);
        }
    }

    /// Waits for something to happen, or for a countdown timer; while a command is suspended, only looks.
    fn wait(&self) -> rustix::io::Result<Ready> {
        let listeners = &self.setting.listeners;
        let mut polled = Vec::with_capacity(1 + listeners.len() + self.connections.len());
        let mut watch =
            |descriptor, flags| polled.push(PollFd::from_borrowed_fd(descriptor, flags));
        watch(self.setting.stop.as_fd(), PollFlags::IN);
        for listener in listeners {
            watch(listener.descriptor(), PollFlags::IN);
        }
        for connection in &self.connections {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, connection.wants_input());
            flags.set(PollFlags::OUT, connection.wants_output());
            watch(connection.descriptor(), flags);
        }
        let busy = self.running.is_some() || !self.queue.is_empty();
        let patience = match busy {
            true => Some(0),
            // The clock may be a little slow; and no wait need be longer than a day.
            false => (self.machine.next_timer()).map(|wait| wait.min(86_400_000) + 20),
        };
        let patience = patience.map(|wait| Timespec {
            tv_sec: (wait / 1000) as i64,
            tv_nsec: (wait % 1000 * 1_000_000) as i64,
        });
        match poll(&mut polled, patience.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Ready::default()),
            Err(error) => return Err(error),
        }
        let happened = |polled: &PollFd<'_>| !polled.revents().is_empty();
        let mut polled = polled.iter();
        Ok(Ready {
            stop: polled.next().is_some_and(happened),
            listeners: polled
                .by_ref()
                .take(listeners.len())
                .filter(|one| happened(one))
                .count()
                > 0,
            connections: polled
                .enumerate()
                .filter(|(_, one)| happened(one))
                .map(|(index, one)| (index, one.revents()))
                .collect(),
        })
    }

    /// Reads from and writes to one connection, and takes up what it says.
    fn attend(&mut self, (index, events): (usize, PollFlags)) {
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        if events.contains(PollFlags::OUT) {
            connection.flush();
        }
        if events.contains(PollFlags::IN) {
            connection.fill();
        } else if events.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            connection.dead = true;
        }
        match connection.role {
            Role::Data => self.take_up(index),
            Role::Platform => self.signals(index),
            Role::Control => self.requests(index),
        }
    }

    /// Answers what needs no TPM and queues a command.
    fn take_up(&mut self, index: usize) {
        let platform_port = self.has_role(Role::Platform);
        let max_command = self.machine.buffer_size();
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        while !connection.waiting && !connection.is_over() {
            let Some((message, len)) = connection.message(max_command) else {
                break;
            };
            match message {
                Message::Command { .. } => {
                    connection.waiting = true;
                    self.queue.push_back(connection.id);
                    return;
                }
                Message::Handshake => {
                    let answer = data::handshake_answer(platform_port);
                    connection.output().extend_from_slice(&answer);
                }
                // Who can only reach the data port must not take the TPM from all others: the server
                // stops when the platform port says so.
                Message::EndSession | Message::StopServer => connection.ending = true,
                Message::Unreadable(framing) => {
                    let len = self.machine.refuse_length();
                    let answer = self.machine.answer(len);
                    data::put_response(connection.output(), framing, answer);
                    connection.lose_track();
                }
            }
            connection.consume(len);
            connection.flush();
        }
    }

    /// Gives the TPM its turn: the suspended command a step, those that wait their chance.
    fn work(&mut self) {
        if self.running.is_some() {
            self.let_overtake();
            if let Some(len) = self.machine.step(BUDGET) {
                self.finish(len);
            }
        }
        while self.running.is_none() {
            let Some(id) = self.queue.pop_front() else {
                break;
            };
            self.start(id);
        }
    }

    /// Begins the command at the front of a connection's input.
    fn start(&mut self, id: ConnectionId) {
        let Some(index) = self.index_of(id) else {
            return;
        };
        let Some(connection) = self.connections.get_mut(index) else {
            return;
        };
        let is_proxy = connection.is_proxy();
        let parsed = connection.message(MAX_COMMAND);
        let Some((
            Message::Command {
                framing,
                locality,
                command,
            },
            consumed,
        )) = parsed
        else {
            connection.waiting = false;
            return;
        };
        let rules = &self.setting.rules;
        let done = match rules.allow_set_locality || is_proxy {
            true => {
                let most = if rules.reject_locality_4 { 3 } else { 4 };
                self.machine.begin_or_set_locality(locality, command, most)
            }
            false => self.machine.begin(locality, command),
        };
        connection.consume(consumed);
        self.running = Some((id, framing));
        if let Some(len) = done {
            self.finish(len);
        }
    }

    /// Sends the answer to the running command.
    fn finish(&mut self, len: usize) {
        let Some((id, framing)) = self.running.take() else {
            return;
        };
        self.reply(id, framing, len);
    }

    fn reply(&mut self, id: ConnectionId, framing: Framing, len: usize) {
        let Some(index) = self.index_of(id) else {
            return;
        };
        if let Some(connection) = self.connections.get_mut(index) {
            data::put_response(connection.output(), framing, self.machine.answer(len));
            connection.waiting = false;
            connection.ending |= self.setting.rules.disconnect;
            connection.flush();
        }
        // The next command may have come along with this one.
        self.take_up(index);
    }

    /// Answers those waiting commands that may overtake the suspended one.
    fn let_overtake(&mut self) {
        for id in std::mem::take(&mut self.queue) {
            match self.overtake(id) {
                Some((framing, consumed, len)) => {
                    if let Some(index) = self.index_of(id)
                        && let Some(connection) = self.connections.get_mut(index)
                    {
                        connection.consume(consumed);
                    }
                    self.reply(id, framing, len);
                }
                None => self.queue.push_back(id),
            }
        }
    }

    fn overtake(&mut self, id: ConnectionId) -> Option<(Framing, usize, usize)> {
        let index = self.index_of(id)?;
        let connection = self.connections.get(index)?;
        let (message, consumed) = connection.message(MAX_COMMAND)?;
        let Message::Command {
            framing,
            locality,
            command,
        } = message
        else {
            return None;
        };
        let len = self.machine.meanwhile(locality, command)?;
        Some((framing, consumed, len))
    }

    /// Ends the suspended command, whose client is told that it was cancelled.
    fn interrupt(&mut self) {
        if let Some(len) = self.machine.cancel() {
            self.finish(len);
        }
    }

    fn accept(&mut self) {
        let accepted: Vec<_> = self
            .setting
            .listeners
            .iter()
            .filter_map(|listener| Some((listener.role, listener.accept()?)))
            .collect();
        for (role, descriptor) in accepted {
            self.make_room();
            if !self.admit(role, Carrier::Socket, descriptor, false) {
                self.setting
                    .log
                    .line("too many connections: one was turned away");
            }
        }
    }

    fn admit(
        &mut self,
        role: Role,
        carrier: Carrier,
        descriptor: OwnedFd,
        was_passed: bool,
    ) -> bool {
        if self.connections.len() >= MAX_CONNECTIONS {
            return false;
        }
        let Ok(mut connection) = Connection::new(self.next_id, role, carrier, descriptor) else {
            return false;
        };
        connection.was_passed = was_passed;
        connection.bare = was_passed || self.setting.rules.bare;
        self.next_id += 1;
        self.connections.push(connection);
        true
    }

    /// Where all places are taken, one that is held by half a message becomes free.
    fn make_room(&mut self) {
        if self.connections.len() < MAX_CONNECTIONS {
            return;
        }
        let stalled = self
            .connections
            .iter()
            .position(|one| one.is_midway() && one.since.elapsed() > PATIENCE);
        if let Some(index) = stalled {
            self.connections.remove(index);
        }
    }

    /// Lets go of connections that are over. Nobody waits for the answer to their command any more.
    fn bury(&mut self) {
        if !self.connections.iter().any(Connection::is_over) {
            return;
        }
        if let Some((id, _)) = self.running
            && self.connections.iter().any(|one| one.id == id && one.dead)
        {
            self.running = None;
            let _ = self.machine.cancel();
        }
        let data_is_over = |one: &Connection| one.role == Role::Data && one.is_over();
        self.ended |= self.setting.terminate == Terminate::AfterData
            && self.connections.iter().any(data_is_over);
        self.connections.retain(|one| !one.is_over());
        let alive = |id: &ConnectionId| self.connections.iter().any(|one| one.id == *id);
        self.queue.retain(alive);
    }

    fn has_role(&self, role: Role) -> bool {
        self.setting.listeners.iter().any(|one| one.role == role)
    }

    fn index_of(&self, id: ConnectionId) -> Option<usize> {
        self.connections.iter().position(|one| one.id == id)
    }
}

/// What [`Server::wait`] saw.
#[derive(Default)]
struct Ready {
    stop: bool,
    listeners: bool,
    connections: Vec<(usize, PollFlags)>,
}

#[cfg(test)]
mod tests;
