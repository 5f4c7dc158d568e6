//! The two doors beside the data port: the simulator's platform port and swtpm's control channel.
//!
//! What they say is done at once, also while a command is suspended. What takes the power or begins a measurement
//! ends that command first; its client is told that it was cancelled.

use super::{Server, Terminate};
use crate::connection::{Carrier, Connection, Role};
use crate::engine::Engine;
use crate::info;
use crate::machine::MIN_BUFFER;
use crate::protocol::control::{self, ControlResult, Request};
use crate::protocol::platform::{self, Signal};
use ironroot_tpm::MAX_COMMAND;
use std::os::fd::OwnedFd;

/// `TPM_RH_ACT_0`
const FIRST_TIMER: u32 = 0x4000_0110;

impl<E: Engine> Server<E> {
    /// Obeys the platform port.
    pub(super) fn signals(&mut self, index: usize) {
        while let Some(connection) = self.connections.get_mut(index) {
            if connection.is_over() || connection.wants_output() {
                return;
            }
            let input = std::mem::take(&mut connection.input);
            let Some((signal, len)) = platform::parse(&input) else {
                connection.input = input;
                return;
            };
            let mut answer = Vec::new();
            let goes_on = self.obey(&signal, &mut answer);
            self.respond(index, input, len, &answer, goes_on);
        }
    }

    /// Does what a signal says; `false`: the connection ends.
    fn obey(&mut self, signal: &Signal<'_>, answer: &mut Vec<u8>) -> bool {
        let mut result = 0_u32;
        match signal {
            Signal::PowerOn => result = u32::from(!self.machine.power_on()),
            Signal::PowerOff => {
                self.interrupt();
                self.machine.power_off();
            }
            Signal::PowerCycle => {
                self.interrupt();
                self.machine.power_off();
                result = u32::from(!self.machine.power_on());
            }
            Signal::PhysicalPresence(present) => self.machine.set_physical_presence(*present),
            Signal::HashStart => {
                self.interrupt();
                self.machine.hash_start();
            }
            Signal::SetLocality(number) => {
                if !self.machine.set_locality(*number) {
                    result = ControlResult::BadLocality as u32;
                }
            }
            Signal::HashData(data) => self.machine.hash_data(data),
            Signal::HashEnd => self.machine.hash_end(),
            Signal::Cancel(held) => {
                self.machine.hold_cancel(*held);
                if *held {
                    self.interrupt();
                }
            }
            Signal::NvAvailable(available) => self.setting.nv_available.set(*available),
            Signal::WithoutEffect => {}
            Signal::Sizes => {
                answer.extend_from_slice(&[0, 0, 0, 16]);
                answer.extend_from_slice(&self.machine.take_sizes());
            }
            Signal::TimerSignalled(handle) => {
                let timer = handle.wrapping_sub(FIRST_TIMER);
                let bits = u32::from(self.machine.timers_signalled());
                let signalled = bits.checked_shr(timer).unwrap_or(0) & 1;
                answer.extend_from_slice(&signalled.to_be_bytes());
            }
            Signal::EndSession => return false,
            Signal::StopServer => {
                self.ended = true;
                return false;
            }
            Signal::Unknown(number) => {
                self.setting
                    .log
                    .line(&format!("platform port: signal {number} is not known"));
                answer.extend_from_slice(&1_u32.to_be_bytes());
                return false;
            }
        }
        answer.extend_from_slice(&result.to_be_bytes());
        true
    }

    /// Obeys the control channel.
    pub(super) fn requests(&mut self, index: usize) {
        while let Some(connection) = self.connections.get_mut(index) {
            if connection.is_over() || connection.wants_output() {
                break;
            }
            let input = std::mem::take(&mut connection.input);
            let Some((request, len)) = control::parse(&input) else {
                connection.input = input;
                break;
            };
            let passed = connection.passed.take();
            let mut answer = Vec::new();
            let result = self.grant(&request, passed, &mut answer);
            let answer = match result {
                ControlResult::Success => [&result.bytes()[..], &answer].concat(),
                _ => result.bytes().to_vec(),
            };
            self.respond(index, input, len, &answer, true);
        }
        let gone = self.connections.get(index).is_none_or(Connection::is_over);
        self.ended |= self.setting.terminate == Terminate::AfterControl && gone;
    }

    /// Does what a request asks for; what follows the result goes into `answer`.
    fn grant(
        &mut self,
        request: &Request<'_>,
        passed: Option<OwnedFd>,
        answer: &mut Vec<u8>,
    ) -> ControlResult {
        let running = self.machine.is_powered();
        match request {
            Request::GetCapability => {
                answer.extend_from_slice(&control::CAPABILITIES.to_be_bytes())
            }
            Request::Init(flags) => return self.init(*flags),
            Request::Shutdown => self.ended = true,
            Request::Stop => {
                self.interrupt();
                self.machine.power_off_in_order();
            }
            Request::GetConfig => {
                let keys = &self.setting.blobs.keys;
                let keys =
                    u32::from(keys.state.is_some()) | u32::from(keys.migration.is_some()) << 1;
                answer.extend_from_slice(&keys.to_be_bytes());
            }
            Request::GetStateBlob {
                flags,
                kind,
                offset,
            } => return self.get_blob(*flags, *kind, *offset, answer),
            Request::SetStateBlob { kind, data } => return self.set_blob(*kind, data),
            Request::StoreVolatile => return self.store_volatile(),
            Request::LockStorage(tries) => return self.lock_storage(*tries),
            Request::GetInfo { flags, offset } => return self.info(*flags, *offset, answer),
            Request::SetBufferSize(wanted) => return self.resize(*wanted, answer),
            Request::SetDataDescriptor => return self.adopt(passed),
            Request::SetLocality(number) => {
                if *number == 4 && self.setting.rules.reject_locality_4
                    || !self.machine.set_locality(*number)
                {
                    return ControlResult::BadLocality;
                }
            }
            Request::GetEstablished
            | Request::ResetEstablished(_)
            | Request::HashStart
            | Request::HashData(_)
            | Request::HashEnd
            | Request::Cancel
                if !running =>
            {
                return ControlResult::BadOrdinal;
            }
            Request::Cancel => self.interrupt(),
            Request::GetEstablished => {
                answer.extend_from_slice(&[u8::from(self.machine.established()), 0, 0, 0]);
            }
            Request::ResetEstablished(locality) => {
                if !self.machine.reset_established(*locality) {
                    return ControlResult::BadLocality;
                }
            }
            Request::HashStart => {
                self.interrupt();
                self.machine.hash_start();
            }
            Request::HashData(data) => self.machine.hash_data(data),
            Request::HashEnd => self.machine.hash_end(),
            Request::Unknown(_) => return ControlResult::BadOrdinal,
            Request::Malformed => return ControlResult::BadParameter,
        }
        ControlResult::Success
    }

    fn info(&self, flags: u64, offset: u32, answer: &mut Vec<u8>) -> ControlResult {
        let text = info::json(flags, self.setting.profile);
        let Some(rest) = usize::try_from(offset).ok().and_then(|at| text.get(at..)) else {
            return ControlResult::BadParameter;
        };
        for len in [text.len(), rest.len()] {
            let len = u32::try_from(len).unwrap_or(u32::MAX);
            answer.extend_from_slice(&len.to_be_bytes());
        }
        answer.extend_from_slice(rest.as_bytes());
        ControlResult::Success
    }

    fn resize(&mut self, wanted: u32, answer: &mut Vec<u8>) -> ControlResult {
        if wanted != 0 {
            if self.machine.is_powered() {
                return ControlResult::BadOrdinal;
            }
            self.machine
                .set_buffer_size(usize::try_from(wanted).unwrap_or(usize::MAX));
        }
        for size in [self.machine.buffer_size(), MIN_BUFFER, MAX_COMMAND] {
            let size = u32::try_from(size).unwrap_or(u32::MAX);
            answer.extend_from_slice(&size.to_be_bytes());
        }
        ControlResult::Success
    }

    /// Takes a data channel that was passed, if it is the only one.
    fn adopt(&mut self, passed: Option<OwnedFd>) -> ControlResult {
        let has_one = self
            .connections
            .iter()
            .any(|one| one.was_passed && !one.is_over());
        match passed {
            Some(descriptor) if !has_one => {
                if self.admit(Role::Data, Carrier::Socket, descriptor, true) {
                    ControlResult::Success
                } else {
                    ControlResult::IoError
                }
            }
            Some(_) | None => ControlResult::IoError,
        }
    }

    /// Sends an answer that the TPM has no part in.
    fn respond(
        &mut self,
        index: usize,
        mut input: Vec<u8>,
        len: usize,
        answer: &[u8],
        goes_on: bool,
    ) {
        input.drain(..len.min(input.len()));
        if let Some(connection) = self.connections.get_mut(index) {
            connection.input = input;
            connection.output().extend_from_slice(answer);
            connection.ending |= !goes_on;
            connection.flush();
        }
    }
}
