//! The partition manager's whole outside: registers from the non-secure world, and two partitions that
//! make any supervisor calls. Whatever comes, nobody's memory changes but the caller's outputs and the
//! partitions' own.
//!
//! Numbers are taken from a short list of meaningful ones as often as from the raw input, so that
//! handles match, signals are asserted and addresses lie where somebody has memory.

#![no_main]

use ironroot_codec::Cursor;
use ironroot_platform::{MemoryOwner, PartitionIndex, PartitionRunner, Trap};
use ironroot_psa_api::{ClientId, InVec, OutVec, Status, svc};
use ironroot_spm::mock::MockMemory;
use ironroot_spm::{
    AfterLastRestart, Caller, Message, PartitionFailure, PartitionInfo, Priority, Provider,
    RestartPolicy, RootServices, ServiceAccess, ServiceInfo, Spm, Tables, VersionPolicy,
};
use libfuzzer_sys::fuzz_target;
use std::collections::VecDeque;

const ARRAYS: u32 = 0x2000_0000;
const DATA: u32 = 0x2000_1000;
/// Readable by the non-secure world, never an output of a well-formed call here.
const WITNESS: u32 = 0x2000_2000;
const OWN: [u32; 2] = [0x3000_0000, 0x3000_1000];
const SIZE: usize = 0x200;

/// Numbers that mean something.
const TELLING: [u32; 32] = [
    0,
    1,
    2,
    3,
    4,
    8,
    16,
    32,
    0x80,
    0x90,
    0xA0,
    0xA1,
    0xB0,
    0x100,
    0x101,
    0x102,
    0x4000_0100,
    0x4000_0101,
    0x4000_0108,
    0x4000_0109,
    ARRAYS,
    ARRAYS + 0x40,
    DATA,
    DATA + 0x40,
    OWN[0],
    OWN[0] + 0x100,
    OWN[1],
    OWN[1] + 0x100,
    svc::BLOCK,
    svc::WAIT_ANY,
    0x0101_0000,
    0x0102_0001,
];

const fn service(sid: u32, access: ServiceAccess, provider: Provider) -> ServiceInfo {
    ServiceInfo {
        sid,
        name: "service",
        version: 1,
        version_policy: VersionPolicy::Relaxed,
        non_secure_clients: true,
        access,
        provider,
    }
}

const fn hosted(partition: u8, signal: u32) -> Provider {
    Provider::Partition {
        partition: PartitionIndex(partition),
        signal,
    }
}

const fn partition(client: i32, dependencies: &'static [u32]) -> PartitionInfo {
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

static ROOT: [ServiceInfo; 2] = [
    service(0x80, ServiceAccess::Stateless(0), Provider::Root(0)),
    service(0x90, ServiceAccess::Connection, Provider::Root(1)),
];
static HOSTED: [ServiceInfo; 3] = [
    service(0xA0, ServiceAccess::Stateless(8), hosted(0, 16)),
    service(0xA1, ServiceAccess::Connection, hosted(0, 32)),
    service(0xB0, ServiceAccess::Stateless(9), hosted(1, 16)),
];
static PARTITIONS: [PartitionInfo; 2] = [
    partition(256, &[0x80, 0x90, 0xB0]),
    partition(257, &[0x80, 0xA0, 0xA1]),
];
static TABLES: Tables = match Tables::new(&ROOT, &HOSTED, &PARTITIONS) {
    Ok(tables) => tables,
    Err(_) => panic!("the tables do not fit together"),
};

/// Gives back what it gets.
struct Echo;

impl RootServices for Echo {
    fn call(&mut self, service: u32, message: &mut Message<'_>) -> Status {
        if service == 1 {
            message.set_rhandle(message.rhandle().wrapping_add(1));
        }
        for index in 0..4 {
            let mut chunk = [0; 24];
            let len = message.read(index, &mut chunk);
            let _ = message.write(index, &chunk[..len]);
            assert!(message.written(index) <= message.out_len(index));
        }
        Status(message.kind())
    }
    fn partition_failed(&mut self, _: PartitionFailure) {}
}

struct Player([VecDeque<Trap>; 2]);

impl PartitionRunner for Player {
    fn restart(&mut self, _: PartitionIndex) {}
    fn resume(&mut self, partition: PartitionIndex, _: u32) -> Trap {
        self.0[usize::from(partition.0)]
            .pop_front()
            .unwrap_or(Trap::Fault)
    }
}

fn number(input: &mut Cursor<'_>) -> Option<u32> {
    match input.u8().ok()? {
        choice @ 0..32 => TELLING.get(usize::from(choice)).copied(),
        choice @ 32..128 => Some(u32::from(choice - 32)),
        choice @ 128..192 => {
            Some(TELLING[usize::from(choice & 31)].wrapping_add(input.u8().ok()?.into()))
        }
        _ => input.u32_le().ok(),
    }
}

fn registers(input: &mut Cursor<'_>) -> Option<[u32; 4]> {
    Some([
        number(input)?,
        number(input)?,
        number(input)?,
        number(input)?,
    ])
}

/// A wait and a get, then whatever the input says.
fn traps(input: &mut Cursor<'_>, own: u32) -> VecDeque<Trap> {
    let call = |number, args| Trap::Call { number, args };
    let mut traps = VecDeque::from([
        call(svc::WAIT, [svc::WAIT_ANY, svc::BLOCK, 0, 0]),
        call(svc::GET, [16, own, 0, 0]),
    ]);
    let count = input.u8().unwrap_or(0) % 24;
    for _ in 0..count {
        let Some((number, args)) = input.u8().ok().zip(registers(input)) else {
            break;
        };
        traps.push_back(call(number % 64, args));
    }
    traps
}

fuzz_target!(|input: &[u8]| {
    let mut input = Cursor::new(input);
    let memory = MockMemory::new();
    for base in [ARRAYS, DATA] {
        memory.add(MemoryOwner::NonSecure, base, SIZE);
    }
    memory.add_read_only(MemoryOwner::NonSecure, WITNESS, &[0x5a; SIZE]);
    for (index, base) in (0..).zip(OWN) {
        memory.add(MemoryOwner::Partition(PartitionIndex(index)), base, SIZE);
        memory.poke(base, &[0xa5; SIZE]);
    }
    let player = Player([traps(&mut input, OWN[0]), traps(&mut input, OWN[1])]);
    let mut spm: Spm<Echo, Player, MockMemory> =
        Spm::new(&TABLES, Echo, player, memory.clone(), 0x3000);
    spm.start();
    let caller = Caller::non_secure(ClientId::NON_SECURE).unwrap();
    let vectors = [
        InVec {
            base: DATA,
            len: 0x20,
        }
        .to_bytes(),
        InVec {
            base: WITNESS,
            len: 0x20,
        }
        .to_bytes(),
        OutVec {
            base: DATA + 0x40,
            len: 0x20,
        }
        .to_bytes(),
        OutVec {
            base: DATA + 0x80,
            len: 0x20,
        }
        .to_bytes(),
    ];
    while let Some(([a, b, c, d], kind)) = registers(&mut input).zip(input.u8().ok()) {
        memory.poke(ARRAYS, &vectors[..2].concat());
        memory.poke(ARRAYS + 0x40, &vectors[2..].concat());
        match kind % 8 {
            0 => drop(spm.connect(caller, a, b)),
            1 => drop(spm.close(caller, a)),
            2 => assert!(spm.version(caller, a) <= 1),
            _ => {
                let _ = spm.call(caller, a, b, c, d);
            }
        }
        assert_eq!(memory.peek(WITNESS, SIZE), [0x5a; SIZE]);
    }
});
