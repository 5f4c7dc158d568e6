//! A small secure world for the tests: root services that record, partitions that are scripts.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test file uses its part of this one"
)]

use ironroot_platform::{MemoryOwner, PartitionIndex};
use ironroot_psa_api::message::{CONNECT, DISCONNECT};
use ironroot_psa_api::{
    ClientId, Control, Handle, InVec, OutVec, PsaMessage, StatelessHandle, Status, svc,
};
use ironroot_spm::mock::{MockMemory, PartitionContext, Script, ThreadRunner};
use ironroot_spm::{
    AfterLastRestart, Caller, FailureCause, FailureOutcome, Message, PartitionFailure,
    PartitionInfo, Priority, Provider, RestartPolicy, RootServices, ServiceAccess, ServiceInfo,
    Spm, Tables, VersionPolicy,
};
use std::sync::Arc;

/// Where the non-secure client keeps its vector arrays and its data.
pub const ARRAYS: u32 = 0x2000_0000;
pub const DATA: u32 = 0x2001_0000;
/// Memory of partition n.
pub const fn own(partition: u8) -> u32 {
    0x3000_0000 + 0x1_0000 * partition as u32
}

pub const ECHO: u32 = 0;
pub const CONNECTED: u32 = 1;
/// Reads nothing, answers with the code in its message type, negated.
pub const ANSWER: u32 = 2;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub service: u32,
    pub client: i32,
    pub kind: i32,
    pub rhandle: u32,
    pub in_len: Vec<usize>,
    pub out_len: Vec<usize>,
}

/// Root services that record what they see.
#[derive(Default)]
pub struct Recorder {
    pub seen: Vec<Seen>,
    pub failures: Vec<(u8, FailureCause, FailureOutcome)>,
    /// What connect messages are answered with.
    pub connect_answer: i32,
    pub next_rhandle: u32,
}

impl RootServices for Recorder {
    fn call(&mut self, service: u32, message: &mut Message<'_>) -> Status {
        self.seen.push(Seen {
            service,
            client: message.client().get(),
            kind: message.kind(),
            rhandle: message.rhandle(),
            in_len: (0..message.inputs()).map(|n| message.in_len(n)).collect(),
            out_len: (0..message.outputs()).map(|n| message.out_len(n)).collect(),
        });
        match (service, message.kind()) {
            (ECHO, _) => echo(message),
            (CONNECTED, CONNECT) => {
                self.next_rhandle += 1;
                message.set_rhandle(self.next_rhandle);
                Status(self.connect_answer)
            }
            (CONNECTED, DISCONNECT) => Status::SUCCESS,
            (_, kind) => Status(-kind),
        }
    }

    fn partition_failed(&mut self, failure: PartitionFailure) {
        self.failures
            .push((failure.partition.0, failure.cause, failure.outcome));
    }
}

/// Each input to the output of the same number, as far as it fits.
fn echo(message: &mut Message<'_>) -> Status {
    for index in 0..message.inputs() {
        let mut chunk = [0; 16];
        loop {
            let len = message.read(index, &mut chunk);
            if len == 0 || message.write(index, &chunk[..len]).is_err() {
                break;
            }
        }
    }
    Status::SUCCESS
}

pub type World = Spm<Recorder, ThreadRunner, MockMemory, 4, 8>;

pub fn service(sid: u32, access: ServiceAccess, provider: Provider) -> ServiceInfo {
    ServiceInfo {
        sid,
        name: "service",
        version: 2,
        version_policy: VersionPolicy::Relaxed,
        non_secure_clients: true,
        access,
        provider,
    }
}

pub fn stateless(sid: u32, index: u8, provider: Provider) -> ServiceInfo {
    service(sid, ServiceAccess::Stateless(index), provider)
}

pub fn hosted(partition: u8, signal: u32) -> Provider {
    Provider::Partition {
        partition: PartitionIndex(partition),
        signal,
    }
}

pub fn partition(client: i32, dependencies: &'static [u32]) -> PartitionInfo {
    PartitionInfo {
        client: ClientId::new(client).unwrap(),
        name: "partition",
        priority: Priority::Normal,
        dependencies,
        restart: RestartPolicy {
            restarts: 2,
            then: AfterLastRestart::Disable,
        },
    }
}

/// Root services 0x80 (echo, index 0), 0x81 (echo, secure only, index 1), 0x82 (strict, index 2),
/// 0x90 (connection), 0x91 (answers, connection) and those given.
pub fn world(
    hosted: Vec<ServiceInfo>,
    partitions: Vec<PartitionInfo>,
    scripts: Vec<Script>,
) -> (World, MockMemory) {
    let root = vec![
        stateless(0x80, 0, Provider::Root(ECHO)),
        ServiceInfo {
            non_secure_clients: false,
            ..stateless(0x81, 1, Provider::Root(ECHO))
        },
        ServiceInfo {
            version_policy: VersionPolicy::Strict,
            ..stateless(0x82, 2, Provider::Root(ECHO))
        },
        service(0x90, ServiceAccess::Connection, Provider::Root(CONNECTED)),
        stateless(0x91, 3, Provider::Root(ANSWER)),
    ];
    let tables = Tables::new(root.leak(), hosted.leak(), partitions.leak()).unwrap();
    let memory = MockMemory::new();
    memory.add(MemoryOwner::NonSecure, ARRAYS, 0x1000);
    memory.add(MemoryOwner::NonSecure, DATA, 0x1000);
    for index in 0..scripts.len() as u8 {
        memory.add(
            MemoryOwner::Partition(PartitionIndex(index)),
            own(index),
            0x1000,
        );
    }
    let runner = ThreadRunner::new(memory.clone(), scripts);
    let tables = Box::leak(Box::new(tables));
    let spm = Spm::new(tables, Recorder::default(), runner, memory.clone(), 0x3000);
    (spm, memory)
}

pub fn script(run: impl Fn(&mut PartitionContext) + Send + Sync + 'static) -> Script {
    Arc::new(run)
}

pub fn ns(id: i32) -> Caller {
    Caller::non_secure(ClientId::new(id).unwrap()).unwrap()
}

pub fn handle(index: u8, version: u8) -> u32 {
    StatelessHandle::new(index, version).unwrap().handle().0
}

pub fn control(kind: i32, inputs: usize, outputs: usize) -> u32 {
    Control::new(kind, inputs, outputs).unwrap().word()
}

/// Puts vectors into the client's arrays and calls.
pub fn call(
    world: &mut World,
    caller: Caller,
    handle: u32,
    kind: i32,
    inputs: &[InVec],
    outputs: &[OutVec],
) -> Status {
    let memory = world.memory_mut();
    for (n, vector) in inputs.iter().enumerate() {
        memory.poke(ARRAYS + 8 * n as u32, &vector.to_bytes());
    }
    for (n, vector) in outputs.iter().enumerate() {
        memory.poke(ARRAYS + 0x100 + 8 * n as u32, &vector.to_bytes());
    }
    let word = control(kind, inputs.len(), outputs.len());
    world.call(caller, handle, word, ARRAYS, ARRAYS + 0x100)
}

/// Length field of output `n` after a call.
pub fn written(memory: &MockMemory, n: u32) -> u32 {
    let bytes = memory.peek(ARRAYS + 0x100 + 8 * n + 4, 4);
    u32::from_le_bytes(bytes.try_into().unwrap())
}

/// What partitions of the tests do, in the words of FF-M.
pub trait Psa {
    fn base(&self) -> u32;
    fn wait(&mut self) -> u32;
    fn get(&mut self, signal: u32) -> PsaMessage;
    fn reply(&mut self, handle: Handle, status: i32);
    fn call(&mut self, handle: u32, kind: i32, inputs: &[InVec], outputs: &[OutVec]) -> i32;
}

impl Psa for PartitionContext {
    fn base(&self) -> u32 {
        own(self.index.0)
    }

    fn wait(&mut self) -> u32 {
        self.svc(svc::WAIT, [svc::WAIT_ANY, svc::BLOCK, 0, 0])
    }

    fn get(&mut self, signal: u32) -> PsaMessage {
        let place = self.base();
        assert_eq!(self.svc(svc::GET, [signal, place, 0, 0]), 0);
        let bytes = self.memory.peek(place, PsaMessage::SIZE);
        PsaMessage::from_bytes(&bytes.try_into().unwrap())
    }

    fn reply(&mut self, handle: Handle, status: i32) {
        self.svc(svc::REPLY, [handle.0, status.cast_unsigned(), 0, 0]);
    }

    fn call(&mut self, handle: u32, kind: i32, inputs: &[InVec], outputs: &[OutVec]) -> i32 {
        let arrays = self.base() + 0x800;
        for (n, vector) in inputs.iter().enumerate() {
            self.memory.poke(arrays + 8 * n as u32, &vector.to_bytes());
        }
        for (n, vector) in outputs.iter().enumerate() {
            self.memory
                .poke(arrays + 0x40 + 8 * n as u32, &vector.to_bytes());
        }
        let word = control(kind, inputs.len(), outputs.len());
        self.svc(svc::CALL, [handle, word, arrays, arrays + 0x40])
            .cast_signed()
    }
}

/// Answers every message with `status`.
pub fn answering(status: i32) -> Script {
    script(move |psa| {
        loop {
            let signal = psa.wait();
            let message = psa.get(signal);
            psa.reply(message.handle, status);
        }
    })
}
