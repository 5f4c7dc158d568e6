//! A partition that makes random supervisor calls with random arguments: it can hurt itself only.

mod common;

use common::*;
use ironroot_platform::{PartitionIndex, PartitionRunner, Trap};
use ironroot_psa_api::{Error, InVec, OutVec, svc};
use ironroot_spm::mock::MockMemory;
use ironroot_spm::{ServiceAccess, Spm, Tables};
use proptest::prelude::*;
use std::collections::VecDeque;

/// Plays traps from a list; a fault when it is used up.
struct Player {
    traps: [VecDeque<Trap>; 2],
}

impl PartitionRunner for Player {
    fn restart(&mut self, _: PartitionIndex) {}
    fn resume(&mut self, partition: PartitionIndex, _: u32) -> Trap {
        self.traps[usize::from(partition.0)]
            .pop_front()
            .unwrap_or(Trap::Fault)
    }
}

/// Arguments that mean something more often than chance would have it.
fn argument() -> impl Strategy<Value = u32> {
    prop_oneof![
        any::<u32>(),
        0u32..8,
        (0u32..0x1100).prop_map(|o| own(0) + o),
        (0u32..0x1100).prop_map(|o| own(1) + o),
        (0u32..0x1000).prop_map(|o| DATA + o),
        (0u32..10).prop_map(|i| 0x4000_0100 | i),
        (0u32..5, 0u32..5, 0u32..9).prop_map(|(i, o, t)| i << 24 | o << 16 | t),
        (4u32..7).prop_map(|bit| 1 << bit),
        Just(svc::BLOCK),
        Just(svc::WAIT_ANY),
        prop::sample::select(vec![0x80u32, 0x90, 0xA0, 0xA1, 0xB0]),
        (0u32..3).prop_map(|slot| 0x100 | slot),
    ]
}

fn trap() -> impl Strategy<Value = Trap> {
    let number = prop_oneof![
        0u8..64,
        prop::sample::select(vec![
            svc::WAIT,
            svc::GET,
            svc::READ,
            svc::WRITE,
            svc::REPLY,
            svc::REPLY_AND_NEXT,
            svc::CALL,
        ])
    ];
    (number, prop::array::uniform4(argument()))
        .prop_map(|(number, args)| Trap::Call { number, args })
}

/// Wait, get: so that random calls find a message to play with.
fn polite_start(partition: u8, signal: u32) -> Vec<Trap> {
    let call = |number, args| Trap::Call { number, args };
    vec![
        call(svc::WAIT, [svc::WAIT_ANY, svc::BLOCK, 0, 0]),
        call(svc::GET, [signal, own(partition), 0, 0]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_supervisor_calls_change_nothing_but_the_callers_own_and_the_clients_output(
        first in prop::collection::vec(trap(), 0..40),
        second in prop::collection::vec(trap(), 0..40),
        polite in any::<bool>(),
        rounds in 1usize..6,
    ) {
        let hosted = vec![
            stateless(0xA0, 8, hosted(0, 16)),
            service(0xA1, ServiceAccess::Connection, hosted(0, 32)),
            stateless(0xB0, 9, hosted(1, 16)),
        ];
        let partitions =
            vec![partition(100, &[0x80, 0x90, 0xB0]), partition(101, &[0x80, 0xA0, 0xA1])];
        let root = vec![
            stateless(0x80, 0, ironroot_spm::Provider::Root(ECHO)),
            service(0x90, ServiceAccess::Connection, ironroot_spm::Provider::Root(CONNECTED)),
        ];
        let tables = Tables::new(root.leak(), hosted.leak(), partitions.leak()).unwrap();
        let tables = Box::leak(Box::new(tables));
        let memory = MockMemory::new();
        let world = ironroot_platform::MemoryOwner::NonSecure;
        memory.add(world, ARRAYS, 0x1000);
        memory.add(world, DATA, 0x1000);
        for n in 0..2 {
            let owner = ironroot_platform::MemoryOwner::Partition(PartitionIndex(n));
            memory.add(owner, own(n), 0x1000);
        }
        let start = |n, traps: Vec<Trap>| -> VecDeque<Trap> {
            let polite = if polite { polite_start(n, 16) } else { vec![] };
            polite.into_iter().chain(traps).collect()
        };
        let player = Player { traps: [start(0, first), start(1, second)] };
        let mut spm: Spm<Recorder, Player, MockMemory, 4, 8> =
            Spm::new(tables, Recorder::default(), player, memory.clone(), 0);
        spm.start();
        memory.poke(DATA, &[0x5a; 0x1000]);
        for _ in 0..rounds {
            memory.poke(ARRAYS, &InVec { base: DATA, len: 32 }.to_bytes());
            memory.poke(ARRAYS + 8, &OutVec { base: DATA + 64, len: 32 }.to_bytes());
            let status = spm.call(ns(-1), handle(8, 1), control(0, 1, 1), ARRAYS, ARRAYS + 8);
            let _ = status;
            // The client's memory outside its output is as it was.
            prop_assert_eq!(memory.peek(DATA, 64), vec![0x5a; 64]);
            prop_assert_eq!(memory.peek(DATA + 96, 0x1000 - 96), vec![0x5a; 0x1000 - 96]);
            let len = memory.peek(ARRAYS + 12, 4);
            prop_assert!(u32::from_le_bytes(len.try_into().unwrap()) <= 32);
            if let Ok(handle) = spm.connect(ns(-1), 0xA1, 1) {
                prop_assert!(handle.0 != 0 && !handle.is_stateless());
                prop_assert_ne!(spm.close(ns(-1), handle.0), Err(Error::GenericError));
            }
        }
        // The root services still work, whatever the partitions did.
        memory.poke(ARRAYS, &InVec { base: DATA, len: 4 }.to_bytes());
        memory.poke(ARRAYS + 8, &OutVec { base: DATA + 64, len: 4 }.to_bytes());
        let status = spm.call(ns(-1), handle(0, 1), control(0, 1, 1), ARRAYS, ARRAYS + 8);
        prop_assert_eq!(status.0, 0);
    }
}
