//! Partitions: messages, nested calls, broken rules, restarts.

mod common;

use common::*;
use ironroot_psa_api::message::{CONNECT, DISCONNECT};
use ironroot_psa_api::{Error, InVec, OutVec, PsaMessage, Status, svc};
use ironroot_spm::mock::PartitionContext;
use ironroot_spm::{
    AfterLastRestart, FailureCause, FailureOutcome, PartitionInfo, Priority, RestartPolicy,
    ServiceAccess,
};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

const SIGNAL: u32 = 1 << 4;

/// For calls whose result does not matter, or that must not come back.
fn ignore<R>(_: R) {}

/// A world with one partition that offers SID 0xA0 (stateless index 8) and 0xA1 (connections).
fn one(
    run: impl Fn(&mut PartitionContext) + Send + Sync + 'static,
) -> (World, ironroot_spm::mock::MockMemory) {
    let hosted = vec![
        stateless(0xA0, 8, hosted(0, SIGNAL)),
        service(0xA1, ServiceAccess::Connection, hosted(0, SIGNAL << 1)),
    ];
    world(
        hosted,
        vec![partition(100, &[0x80, 0x81, 0x90])],
        vec![script(run)],
    )
}

fn knock(world: &mut World) -> Status {
    world.call(ns(-1), handle(8, 1), control(5, 0, 0), 0, 0)
}

/// Serves one message the FF-M way, then waits for ever.
fn serve_once(
    psa: &mut PartitionContext,
    serve: impl Fn(&mut PartitionContext, PsaMessage) -> i32,
) {
    loop {
        let signal = psa.wait();
        let message = psa.get(signal);
        let status = serve(psa, message);
        psa.reply(message.handle, status);
    }
}

#[test]
fn a_message_is_delivered_read_written_and_answered() {
    let (mut world, memory) = one(|psa| {
        serve_once(psa, |psa, message| {
            assert_eq!((message.kind, message.client), (9, -3));
            assert_eq!(message.in_size, [10, 3, 0, 0]);
            assert_eq!(message.out_size, [6, 0, 0, 0]);
            let buffer = psa.base() + 0x100;
            let handle = message.handle.0;
            assert_eq!(psa.svc(svc::READ, [handle, 0, buffer, 4]), 4);
            assert_eq!(psa.svc(svc::SKIP, [handle, 0, 2, 0]), 2);
            assert_eq!(psa.svc(svc::READ, [handle, 0, buffer + 4, 100]), 4);
            assert_eq!(psa.svc(svc::READ, [handle, 0, buffer, 4]), 0);
            assert_eq!(psa.svc(svc::SKIP, [handle, 1, 100, 0]), 3);
            assert_eq!(psa.svc(svc::READ, [handle, 3, buffer, 4]), 0);
            assert_eq!(psa.memory.peek(buffer, 8), b"01236789");
            psa.svc(svc::WRITE, [handle, 0, buffer, 2]);
            psa.svc(svc::WRITE, [handle, 0, buffer + 6, 2]);
            psa.svc(svc::WRITE, [handle, 0, 0, 0]);
            77
        });
    });
    world.start();
    memory.poke(DATA, b"0123456789abc");
    let ins = [
        InVec {
            base: DATA,
            len: 10,
        },
        InVec {
            base: DATA + 10,
            len: 3,
        },
    ];
    let outs = [OutVec {
        base: DATA + 0x100,
        len: 6,
    }];
    let status = call(&mut world, ns(-3), handle(8, 1), 9, &ins, &outs);
    assert_eq!(status, Status(77));
    assert_eq!(memory.peek(DATA + 0x100, 6), b"0189\0\0");
    assert_eq!(written(&memory, 0), 4);
    assert!(world.services_mut().failures.is_empty());
}

#[test]
fn reply_and_next_does_the_work_of_three_calls_in_one() {
    let (mut world, _) = one(|psa| {
        let place = psa.base();
        let mut answered = [0, 0];
        loop {
            let [handle, status] = answered;
            let signal = psa.svc(svc::REPLY_AND_NEXT, [handle, status, place, 0]);
            assert_eq!(signal, SIGNAL);
            let bytes = psa.memory.peek(place, PsaMessage::SIZE).try_into().unwrap();
            let message = PsaMessage::from_bytes(&bytes);
            answered = [message.handle.0, message.kind as u32 + 1];
        }
    });
    world.start();
    let before = world.runner_mut().traps;
    for _ in 0..10 {
        assert_eq!(knock(&mut world), Status(6));
    }
    assert_eq!(
        world.runner_mut().traps - before,
        10,
        "one turn of the partition per call"
    );
}

#[test]
fn both_ways_of_waiting_can_be_mixed() {
    let (mut world, _) = one(|psa| {
        let place = psa.base();
        let signal = psa.wait();
        let first = psa.get(signal);
        psa.reply(first.handle, 1);
        // Already answered: the null handle only waits and gets.
        psa.svc(svc::REPLY_AND_NEXT, [0, 0, place, 0]);
        let bytes = psa.memory.peek(place, PsaMessage::SIZE).try_into().unwrap();
        psa.reply(PsaMessage::from_bytes(&bytes).handle, 2);
        serve_once(psa, |_, _| 3);
    });
    world.start();
    let answers: Vec<_> = (0..4).map(|_| knock(&mut world).0).collect();
    assert_eq!(answers, [1, 2, 3, 3]);
}

#[test]
fn polling_sees_the_signal_only_while_there_is_a_message() {
    let (mut world, _) = one(|psa| {
        let poll = [svc::WAIT_ANY, svc::POLL, 0, 0];
        assert_eq!(psa.svc(svc::WAIT, poll), 0);
        serve_once(psa, move |psa, _| psa.svc(svc::WAIT, poll).cast_signed());
    });
    world.start();
    assert_eq!(knock(&mut world), Status(0));
}

#[test]
fn connections_carry_what_the_partition_ties_to_them() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&log);
    let (mut world, _) = one(move |psa| {
        let seen = Arc::clone(&seen);
        serve_once(psa, move |psa, message| {
            seen.lock().unwrap().push((message.kind, message.rhandle));
            match message.kind {
                CONNECT => ignore(psa.svc(svc::SET_RHANDLE, [message.handle.0, 0xcafe, 0, 0])),
                5 => ignore(psa.svc(
                    svc::SET_RHANDLE,
                    [message.handle.0, message.rhandle + 1, 0, 0],
                )),
                _ => {}
            }
            0
        });
    });
    world.start();
    let connection = world.connect(ns(-1), 0xA1, 1).unwrap();
    let other = world.connect(ns(-1), 0xA1, 1).unwrap();
    for handle in [connection, connection, other] {
        let status = world.call(ns(-1), handle.0, control(5, 0, 0), 0, 0);
        assert_eq!(status, Status::SUCCESS);
    }
    world.close(ns(-1), connection.0).unwrap();
    let expected = [
        (CONNECT, 0),
        (CONNECT, 0),
        (5, 0xcafe),
        (5, 0xcaff),
        (5, 0xcafe),
        (DISCONNECT, 0xcb00),
    ];
    assert_eq!(*log.lock().unwrap(), expected);
}

#[test]
fn a_partition_calls_root_services_under_its_own_id_with_its_own_memory() {
    let (mut world, memory) = one(|psa| {
        serve_once(psa, |psa, message| {
            let buffer = psa.base() + 0x200;
            psa.svc(svc::READ, [message.handle.0, 0, buffer, 4]);
            let ins = [InVec {
                base: buffer,
                len: 4,
            }];
            let outs = [OutVec {
                base: buffer + 16,
                len: 4,
            }];
            let status = psa.call(handle(1, 1), 3, &ins, &outs);
            psa.svc(svc::WRITE, [message.handle.0, 0, buffer + 16, 4]);
            status
        });
    });
    world.start();
    memory.poke(DATA, b"data");
    let ins = [InVec { base: DATA, len: 4 }];
    let outs = [OutVec {
        base: DATA + 64,
        len: 4,
    }];
    let status = call(&mut world, ns(-1), handle(8, 1), 5, &ins, &outs);
    assert_eq!(status, Status::SUCCESS);
    assert_eq!(memory.peek(DATA + 64, 4), b"data");
    let seen = &world.services_mut().seen[0];
    assert_eq!((seen.client, seen.kind, &*seen.in_len), (100, 3, &[4][..]));
}

#[test]
fn a_partition_cannot_use_what_it_did_not_declare() {
    let (mut world, _) = one(|psa| {
        assert_eq!(psa.svc(svc::VERSION, [0x91, 0, 0, 0]), 0);
        assert_eq!(psa.svc(svc::VERSION, [0x81, 0, 0, 0]), 2);
        assert_eq!(psa.svc(svc::FRAMEWORK_VERSION, [0; 4]), 0x0101);
        assert_eq!(psa.svc(svc::LIFECYCLE, [0; 4]), 0x3000);
        let refused = Error::ConnectionRefused.status();
        assert_eq!(psa.call(handle(3, 1), 1, &[], &[]), refused.0);
        assert_eq!(
            psa.svc(svc::CONNECT, [0xA1, 1, 0, 0]),
            refused.to_register()
        );
        serve_once(psa, |_, _| 0);
    });
    world.start();
    assert!(world.services_mut().seen.is_empty());
    assert!(world.services_mut().failures.is_empty());
}

/// Two partitions: 0 offers 0xA0 and calls 0xB0, which 1 offers and which may call back.
fn two(
    first: impl Fn(&mut PartitionContext) + Send + Sync + 'static,
    second: impl Fn(&mut PartitionContext) + Send + Sync + 'static,
) -> World {
    let hosted = vec![
        stateless(0xA0, 8, hosted(0, SIGNAL)),
        stateless(0xB0, 9, hosted(1, SIGNAL)),
        service(0xB1, ServiceAccess::Connection, hosted(1, SIGNAL << 1)),
    ];
    let partitions = vec![
        partition(100, &[0xB0, 0xB1, 0xA0]),
        partition(101, &[0xA0, 0xB0, 0x80]),
    ];
    world(hosted, partitions, vec![script(first), script(second)]).0
}

#[test]
fn a_nested_call_through_two_partitions_comes_back() {
    let mut world = two(
        |psa| serve_once(psa, |psa, _| psa.call(handle(9, 1), 6, &[], &[]) + 1),
        |psa| {
            serve_once(psa, |psa, message| {
                assert_eq!(message.client, 100);
                psa.call(handle(0, 1), 7, &[], &[]) + 10
            });
        },
    );
    world.start();
    assert_eq!(knock(&mut world), Status(11));
    assert_eq!(knock(&mut world), Status(11));
    assert_eq!(world.services_mut().seen[0].client, 101);
}

#[test]
fn a_cycle_is_answered_busy_at_its_end() {
    let busy = Error::ConnectionBusy.status().0;
    let mut world = two(
        |psa| serve_once(psa, |psa, _| psa.call(handle(9, 1), 6, &[], &[])),
        |psa| serve_once(psa, |psa, _| psa.call(handle(8, 1), 6, &[], &[])),
    );
    world.start();
    assert_eq!(knock(&mut world), Status(busy));
    let mut world = two(
        |psa| serve_once(psa, |psa, _| psa.call(handle(8, 1), 6, &[], &[])),
        |_| (),
    );
    world.start();
    assert_eq!(
        knock(&mut world),
        Status(busy),
        "itself is the shortest cycle"
    );
}

#[test]
fn whoever_is_called_while_starting_up_starts_first() {
    let mut world = two(
        |psa| {
            assert_eq!(psa.call(handle(9, 1), 6, &[], &[]), 42);
            serve_once(psa, |_, _| 1);
        },
        |psa| serve_once(psa, |_, _| 42),
    );
    world.start();
    assert!(world.services_mut().failures.is_empty());
    assert_eq!(knock(&mut world), Status(1));
}

#[test]
fn partitions_start_by_priority_and_then_by_place() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let make = |priority, client| PartitionInfo {
        priority,
        ..partition(client, &[])
    };
    let partitions = vec![
        make(Priority::Low, 1),
        make(Priority::Normal, 2),
        make(Priority::High, 3),
        make(Priority::Normal, 4),
    ];
    let hosted = (0..4).map(|n| stateless(0xA0 + u32::from(n), 8 + n, hosted(n, SIGNAL)));
    let scripts = (0..4).map(|_| {
        let order = Arc::clone(&order);
        script(move |psa| {
            order.lock().unwrap().push(psa.index.0);
            psa.wait();
        })
    });
    let (mut world, _) = world(hosted.collect(), partitions, scripts.collect());
    world.start();
    assert_eq!(*order.lock().unwrap(), [2, 1, 3, 0]);
}

/// What a partition does with its first message, and why that ends it.
type Offence = (
    &'static str,
    FailureCause,
    fn(&mut PartitionContext, PsaMessage),
);

const fn broken(call: u8) -> FailureCause {
    FailureCause::ProgrammerError { call }
}

const OFFENCES: &[Offence] = &[
    ("a hardware fault", FailureCause::Hardware, |psa, _| {
        psa.fault()
    }),
    ("a panic", FailureCause::Panic, |psa, _| {
        ignore(psa.svc(svc::PANIC, [0; 4]))
    }),
    (
        "waiting without an answer",
        FailureCause::Deadlock,
        |psa, _| ignore(psa.wait()),
    ),
    ("waiting for nothing", broken(svc::WAIT), |psa, _| {
        ignore(psa.svc(svc::WAIT, [1, svc::BLOCK, 0, 0]))
    }),
    ("getting a message twice", broken(svc::GET), |psa, _| {
        ignore(psa.svc(svc::GET, [SIGNAL, psa.base(), 0, 0]))
    }),
    ("a forged message handle", broken(svc::READ), |psa, m| {
        ignore(psa.svc(svc::READ, [m.handle.0 + 1, 0, psa.base(), 1]))
    }),
    ("the null message handle", broken(svc::REPLY), |psa, _| {
        ignore(psa.svc(svc::REPLY, [0; 4]))
    }),
    ("a stale message handle", broken(svc::REPLY), |psa, m| {
        psa.reply(m.handle, 0);
        psa.reply(m.handle, 0);
    }),
    ("an input beyond the fourth", broken(svc::READ), |psa, m| {
        ignore(psa.svc(svc::READ, [m.handle.0, 4, psa.base(), 1]))
    }),
    (
        "an output beyond the fourth",
        broken(svc::WRITE),
        |psa, m| ignore(psa.svc(svc::WRITE, [m.handle.0, u32::MAX, psa.base(), 1])),
    ),
    (
        "skipping an input beyond the fourth",
        broken(svc::SKIP),
        |psa, m| ignore(psa.svc(svc::SKIP, [m.handle.0, 4, 1, 0])),
    ),
    ("writing more than fits", broken(svc::WRITE), |psa, m| {
        ignore(psa.svc(svc::WRITE, [m.handle.0, 0, psa.base(), 5]))
    }),
    (
        "writing where there is no output",
        broken(svc::WRITE),
        |psa, m| ignore(psa.svc(svc::WRITE, [m.handle.0, 1, psa.base(), 1])),
    ),
    (
        "reading into another's memory",
        broken(svc::READ),
        |psa, m| ignore(psa.svc(svc::READ, [m.handle.0, 0, DATA, 1])),
    ),
    (
        "reading into memory of nobody",
        broken(svc::READ),
        |psa, m| ignore(psa.svc(svc::READ, [m.handle.0, 0, 0x1000_0000, 1])),
    ),
    ("a buffer that wraps", broken(svc::READ), |psa, m| {
        ignore(psa.svc(svc::READ, [m.handle.0, 0, psa.base(), u32::MAX]))
    }),
    (
        "writing from another's memory",
        broken(svc::WRITE),
        |psa, m| ignore(psa.svc(svc::WRITE, [m.handle.0, 0, DATA, 1])),
    ),
    (
        "an rhandle without a connection",
        broken(svc::SET_RHANDLE),
        |psa, m| ignore(psa.svc(svc::SET_RHANDLE, [m.handle.0, 1, 0, 0])),
    ),
    (
        "a call with a forged handle",
        broken(svc::CALL),
        |psa, _| ignore(psa.call(12345, 0, &[], &[])),
    ),
    (
        "a call with another's memory",
        broken(svc::CALL),
        |psa, _| {
            let stolen = InVec { base: DATA, len: 4 };
            psa.call(handle(0, 1), 0, &[stolen], &[]);
        },
    ),
    (
        "closing what is not its own",
        broken(svc::CLOSE),
        |psa, _| ignore(psa.svc(svc::CLOSE, [0x100, 0, 0, 0])),
    ),
    ("a doorbell", broken(svc::NOTIFY), |psa, _| {
        ignore(psa.svc(svc::NOTIFY, [100, 0, 0, 0]))
    }),
    ("the port's own number", broken(svc::PORT), |psa, _| {
        ignore(psa.svc(svc::PORT, [0; 4]))
    }),
    ("a number without meaning", broken(200), |psa, _| {
        ignore(psa.svc(200, [0; 4]))
    }),
    (
        "a message over the end of its memory",
        broken(svc::REPLY_AND_NEXT),
        |psa, m| {
            let place = psa.base() + 0xff0;
            psa.svc(svc::REPLY_AND_NEXT, [m.handle.0, 0, place, 0]);
        },
    ),
];

#[test]
fn every_broken_rule_ends_the_partition_and_the_caller_gets_a_status() {
    for &(what, cause, offence) in OFFENCES {
        let (mut world, memory) = one(move |psa| {
            let signal = psa.wait();
            let message = psa.get(signal);
            offence(psa, message);
            panic!("the offender came back from {what}");
        });
        world.start();
        let outs = [OutVec { base: DATA, len: 4 }];
        memory.poke(DATA + 8, &[0x5a; 64]);
        let ins = [InVec {
            base: DATA + 8,
            len: 4,
        }];
        let status = call(&mut world, ns(-1), handle(8, 1), 5, &ins, &outs);
        let answered = what == "a stale message handle";
        let expected = if answered {
            Status::SUCCESS
        } else {
            Error::ServiceFailure.status()
        };
        assert_eq!(status, expected, "{what}");
        let failures = &world.services_mut().failures;
        assert_eq!(
            *failures,
            [(0, cause, FailureOutcome::Restarted { left: 1 })],
            "{what}"
        );
        assert_eq!(memory.peek(DATA + 8, 64), [0x5a; 64], "{what}");
    }
}

#[test]
fn connection_messages_have_no_vectors_to_read() {
    for call in [svc::READ, svc::SKIP, svc::WRITE] {
        let (mut world, _) = one(move |psa| {
            let signal = psa.wait();
            let message = psa.get(signal);
            psa.svc(call, [message.handle.0, 0, psa.base(), 0]);
        });
        world.start();
        assert_eq!(world.connect(ns(-1), 0xA1, 1), Err(Error::ServiceFailure));
        assert_eq!(world.services_mut().failures[0].1, broken(call));
    }
}

#[test]
fn a_connect_message_cannot_be_answered_with_just_anything() {
    for (status, expected) in [
        (-130, Err(Error::ConnectionRefused)),
        (-131, Err(Error::ConnectionBusy)),
        (-129, Err(Error::ConnectionRefused)),
        (1, Err(Error::ServiceFailure)),
        (-132, Err(Error::ServiceFailure)),
    ] {
        let (mut world, _) = one(move |psa| serve_once(psa, |_, _| status));
        world.start();
        assert_eq!(world.connect(ns(-1), 0xA1, 1).map(|_| ()), expected);
    }
}

#[test]
fn a_failed_partition_starts_afresh_until_its_restarts_are_used_up() {
    let starts = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&starts);
    let (mut world, _) = one(move |psa| {
        counted.fetch_add(1, Ordering::Relaxed);
        serve_once(psa, |psa, _| psa.svc(svc::PANIC, [0; 4]).cast_signed());
    });
    world.start();
    let failure = Error::ServiceFailure.status();
    for _ in 0..3 {
        assert_eq!(knock(&mut world), failure);
    }
    for _ in 0..3 {
        assert_eq!(knock(&mut world), Error::ConnectionRefused.status());
    }
    assert_eq!(starts.load(Ordering::Relaxed), 3);
    let outcomes: Vec<_> = world.services_mut().failures.iter().map(|f| f.2).collect();
    use FailureOutcome::{Disabled, Restarted};
    assert_eq!(
        outcomes,
        [Restarted { left: 1 }, Restarted { left: 0 }, Disabled]
    );
    // The first start is one, too: a port that was never told would have nothing to run.
    assert_eq!(world.runner_mut().restarts, [3]);
}

#[test]
fn a_partition_that_cannot_start_is_tried_again_with_the_next_message() {
    let starts = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&starts);
    let (mut world, _) = one(move |psa| {
        if counted.fetch_add(1, Ordering::Relaxed) < 2 {
            psa.fault();
        }
        serve_once(psa, |_, _| 9);
    });
    world.start();
    assert_eq!(knock(&mut world), Error::ServiceFailure.status());
    assert_eq!(knock(&mut world), Status(9));
    assert_eq!(world.services_mut().failures.len(), 2);
}

#[test]
fn the_last_failure_of_an_important_partition_asks_for_a_system_reset() {
    let restart = RestartPolicy {
        restarts: 0,
        then: AfterLastRestart::ResetSystem,
    };
    let partitions = vec![PartitionInfo {
        restart,
        ..partition(100, &[])
    }];
    let hosted = vec![stateless(0xA0, 8, hosted(0, SIGNAL))];
    let dies = script(|psa: &mut PartitionContext| {
        psa.wait();
        psa.fault()
    });
    let (mut world, _) = world(hosted, partitions, vec![dies]);
    world.start();
    assert_eq!(knock(&mut world), Error::ServiceFailure.status());
    let failures = &world.services_mut().failures;
    assert_eq!(
        *failures,
        [(0, FailureCause::Hardware, FailureOutcome::ResetSystem)]
    );
    assert_eq!(knock(&mut world), Error::ConnectionRefused.status());
}

#[test]
fn a_failure_ends_the_partitions_connections_on_both_sides() {
    // Partition 0 connects to 1 and then dies; 1 must hear of the end of the connection.
    let log = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&log);
    let mut world = two(
        |psa| {
            let connection = psa.svc(svc::CONNECT, [0xB1, 1, 0, 0]);
            assert!(connection.cast_signed() > 0);
            psa.wait();
            psa.fault()
        },
        move |psa| {
            let heard = Arc::clone(&heard);
            serve_once(psa, move |_, message| {
                heard.lock().unwrap().push((message.kind, message.client));
                0
            });
        },
    );
    world.start();
    assert_eq!(knock(&mut world), Error::ServiceFailure.status());
    assert_eq!(*log.lock().unwrap(), [(CONNECT, 100), (DISCONNECT, 100)]);

    // A client's connection to a partition that died is dead, and can still be closed.
    let (mut world, _) = one(|psa| {
        serve_once(psa, |psa, message| match message.kind {
            CONNECT | DISCONNECT => 0,
            _ => psa.fault(),
        });
    });
    world.start();
    let connection = world.connect(ns(-1), 0xA1, 1).unwrap();
    let other = world.connect(ns(-1), 0xA1, 1).unwrap();
    let status = world.call(ns(-1), connection.0, control(5, 0, 0), 0, 0);
    assert_eq!(status, Error::ServiceFailure.status());
    for handle in [connection, other] {
        let status = world.call(ns(-1), handle.0, control(5, 0, 0), 0, 0);
        assert_eq!(status, Error::ProgrammerError.status());
        assert_eq!(world.close(ns(-1), handle.0), Ok(()));
    }
    assert!(
        world.connect(ns(-1), 0xA1, 1).is_ok(),
        "the restarted partition serves again"
    );
}

#[test]
fn a_failure_deep_inside_ends_only_who_failed() {
    let mut world = two(
        |psa| serve_once(psa, |psa, _| psa.call(handle(9, 1), 6, &[], &[])),
        |psa| serve_once(psa, |psa, _| psa.fault()),
    );
    world.start();
    assert_eq!(knock(&mut world), Error::ServiceFailure.status());
    let failures = &world.services_mut().failures;
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].0, 1);
}

#[test]
fn every_turn_is_measured_the_inner_ones_by_themselves() {
    let mut world = two(
        |psa| serve_once(psa, |psa, _| psa.call(handle(9, 1), 6, &[], &[])),
        |psa| {
            serve_once(
                psa,
                |psa, message| if message.kind == 6 { psa.fault() } else { 0 },
            )
        },
    );
    world.start();
    assert_eq!(
        world.runner_mut().turns,
        [(0, true), (0, true)],
        "to the first wait"
    );
    world.runner_mut().turns.clear();

    // The inner partition fails in its turn; the outer one hears of it and ends well.
    assert_eq!(knock(&mut world), Error::ServiceFailure.status());
    assert_eq!(world.runner_mut().turns, [(1, false), (0, true)]);
    world.runner_mut().turns.clear();

    // The next message starts it again, which is a turn of its own before the message's.
    let status = world.call(ns(-1), handle(9, 1), control(7, 0, 0), 0, 0);
    assert_eq!(status, Status::SUCCESS);
    assert_eq!(world.runner_mut().turns, [(0, true), (0, true)]);
}

#[test]
fn a_partition_that_listens_to_another_signal_is_busy() {
    let (mut world, _) = one(|psa| {
        loop {
            let signal = psa.svc(svc::WAIT, [SIGNAL << 1, svc::BLOCK, 0, 0]);
            let message = psa.get(signal);
            psa.reply(message.handle, 0);
        }
    });
    world.start();
    assert_eq!(knock(&mut world), Error::ConnectionBusy.status());
    assert!(world.connect(ns(-1), 0xA1, 1).is_ok());
}

#[test]
fn message_handles_differ_from_message_to_message() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&log);
    let (mut world, _) = one(move |psa| {
        let seen = Arc::clone(&seen);
        serve_once(psa, move |_, message| {
            seen.lock().unwrap().push(message.handle.0);
            0
        });
    });
    world.start();
    for _ in 0..50 {
        assert_eq!(knock(&mut world), Status::SUCCESS);
    }
    let mut handles = log.lock().unwrap().clone();
    assert!(
        handles
            .iter()
            .all(|handle| *handle != 0 && handle >> 31 == 0)
    );
    handles.sort_unstable();
    handles.dedup();
    assert_eq!(handles.len(), 50);
}

#[test]
fn a_partition_has_connections_of_its_own_that_nobody_else_can_use() {
    let (mut world, _) = one(|psa| {
        let connection = psa.svc(svc::CONNECT, [0x90, 1, 0, 0]);
        assert!(connection.cast_signed() > 0);
        serve_once(psa, move |psa, message| match message.kind {
            1 => psa.call(connection, 3, &[], &[]),
            2 => {
                psa.svc(svc::CLOSE, [connection, 0, 0, 0]);
                0
            }
            _ => connection.cast_signed(),
        });
    });
    world.start();
    let ask = |world: &mut World, kind| world.call(ns(-1), handle(8, 1), control(kind, 0, 0), 0, 0);
    let stolen = ask(&mut world, 9).0.cast_unsigned();
    let status = world.call(ns(-1), stolen, control(3, 0, 0), 0, 0);
    assert_eq!(status, Error::ProgrammerError.status());
    assert_eq!(world.close(ns(-1), stolen), Err(Error::ProgrammerError));
    assert_eq!(ask(&mut world, 1), Status(-3));
    assert_eq!(ask(&mut world, 2), Status::SUCCESS);
    let seen: Vec<_> = world
        .services_mut()
        .seen
        .iter()
        .map(|s| (s.client, s.kind, s.rhandle))
        .collect();
    assert_eq!(seen, [(100, CONNECT, 0), (100, 3, 1), (100, DISCONNECT, 1)]);
    assert_eq!(ask(&mut world, 1), Error::ServiceFailure.status());
    assert_eq!(world.services_mut().failures[0].1, broken(svc::CALL));
}

#[test]
fn connecting_to_a_stateless_service_ends_a_partition() {
    let (mut world, _) = one(|psa| {
        psa.svc(svc::CONNECT, [0x80, 1, 0, 0]);
    });
    world.start();
    assert_eq!(world.services_mut().failures[0].1, broken(svc::CONNECT));
}

#[test]
fn vectors_of_an_outer_call_outlive_the_inner_ones() {
    // 0 reads half of its input, calls 1 with vectors of its own, then reads the rest.
    let mut world = two(
        |psa| {
            serve_once(psa, |psa, message| {
                let buffer = psa.base() + 0x100;
                psa.svc(svc::READ, [message.handle.0, 0, buffer, 3]);
                psa.memory.poke(buffer + 0x20, b"inner");
                let ins = [InVec {
                    base: buffer + 0x20,
                    len: 5,
                }];
                let outs = [OutVec {
                    base: buffer + 0x30,
                    len: 5,
                }];
                assert_eq!(psa.call(handle(9, 1), 1, &ins, &outs), 0);
                assert_eq!(psa.memory.peek(buffer + 0x30, 5), b"INNER");
                assert_eq!(psa.svc(svc::READ, [message.handle.0, 0, buffer + 3, 9]), 3);
                psa.svc(svc::WRITE, [message.handle.0, 0, buffer, 6]);
                0
            });
        },
        |psa| {
            serve_once(psa, |psa, message| {
                let buffer = psa.base() + 0x100;
                // Through a root service as well, with vectors on a third level.
                psa.svc(svc::READ, [message.handle.0, 0, buffer, 5]);
                let ins = [InVec {
                    base: buffer,
                    len: 5,
                }];
                let outs = [OutVec {
                    base: buffer + 8,
                    len: 5,
                }];
                assert_eq!(psa.call(handle(0, 1), 0, &ins, &outs), 0);
                let text = psa.memory.peek(buffer + 8, 5).to_ascii_uppercase();
                psa.memory.poke(buffer + 8, &text);
                psa.svc(svc::WRITE, [message.handle.0, 0, buffer + 8, 5]);
                0
            });
        },
    );
    world.start();
    let memory = world.memory_mut().clone();
    memory.poke(DATA, b"outer!");
    let ins = [InVec { base: DATA, len: 6 }];
    let outs = [OutVec {
        base: DATA + 64,
        len: 8,
    }];
    assert_eq!(
        call(&mut world, ns(-1), handle(8, 1), 5, &ins, &outs),
        Status::SUCCESS
    );
    assert_eq!(memory.peek(DATA + 64, 8), b"outer!\0\0");
    assert_eq!(written(&memory, 0), 6);
}

#[test]
fn partitions_beyond_the_room_there_is_never_run() {
    let hosted = (0..5).map(|n| stateless(0xA0 + u32::from(n), 8 + n, hosted(n, SIGNAL)));
    let partitions = (0..5).map(|n| partition(100 + n, &[])).collect();
    let (mut world, _) = world(hosted.collect(), partitions, vec![answering(7); 5]);
    world.start();
    for n in 0..5 {
        let status = world.call(ns(-1), handle(8 + n, 1), control(0, 0, 0), 0, 0);
        let expected = if n < 4 {
            Status(7)
        } else {
            Error::ConnectionRefused.status()
        };
        assert_eq!(status, expected);
    }
}

#[test]
fn vectors_of_earlier_calls_and_outputs_are_not_inputs() {
    let (mut world, memory) = one(|psa| {
        serve_once(psa, |psa, message| {
            let count = message.in_size.iter().filter(|len| **len > 0).count() as u32;
            let buffer = psa.base() + 0x100;
            for vector in count..4 {
                assert_eq!(psa.svc(svc::READ, [message.handle.0, vector, buffer, 8]), 0);
                assert_eq!(psa.svc(svc::SKIP, [message.handle.0, vector, 8, 0]), 0);
            }
            count as i32
        });
    });
    world.start();
    memory.poke(DATA, &[7; 64]);
    let ins: Vec<_> = (0..4)
        .map(|n| InVec {
            base: DATA + 8 * n,
            len: 8,
        })
        .collect();
    let outs: Vec<_> = (4..8)
        .map(|n| OutVec {
            base: DATA + 8 * n,
            len: 8,
        })
        .collect();
    for (inputs, outputs) in [(4, 0), (1, 0), (1, 3), (0, 4), (0, 0), (2, 1)] {
        let status = call(
            &mut world,
            ns(-1),
            handle(8, 1),
            5,
            &ins[..inputs],
            &outs[..outputs],
        );
        assert_eq!(status, Status(inputs as i32));
    }
}

#[test]
fn connection_messages_show_no_vectors_of_earlier_calls() {
    let (mut world, _) = one(|psa| {
        serve_once(psa, |_, message| {
            if message.kind < 0 {
                assert_eq!((message.in_size, message.out_size), ([0; 4], [0; 4]));
            }
            0
        });
    });
    world.start();
    let ins = [InVec { base: DATA, len: 8 }; 2];
    let outs = [OutVec { base: DATA, len: 8 }; 2];
    for _ in 0..2 {
        assert_eq!(
            call(&mut world, ns(-1), handle(8, 1), 5, &ins, &outs),
            Status::SUCCESS
        );
        let connection = world.connect(ns(-1), 0xA1, 1).unwrap();
        assert_eq!(
            call(&mut world, ns(-1), connection.0, 5, &ins, &outs),
            Status::SUCCESS
        );
        world.close(ns(-1), connection.0).unwrap();
    }
    assert!(world.services_mut().failures.is_empty());
}
