//! Vectors: whose memory, copied once, lengths written back.

mod common;

use common::*;
use ironroot_platform::MemoryOwner;
use ironroot_psa_api::{Error, InVec, OutVec, Status};
use proptest::prelude::*;

const ECHO_HANDLE: u8 = 0;

fn input(base: u32, len: u32) -> InVec {
    InVec { base, len }
}

fn output(base: u32, len: u32) -> OutVec {
    OutVec { base, len }
}

#[test]
fn bytes_go_in_and_out_and_the_length_written_is_told() {
    let (mut world, memory) = world(vec![], vec![], vec![]);
    memory.poke(DATA, b"hello");
    let handle = handle(ECHO_HANDLE, 1);
    let status = call(
        &mut world,
        ns(-1),
        handle,
        0,
        &[input(DATA, 5)],
        &[output(DATA + 0x100, 32)],
    );
    assert_eq!(status, Status::SUCCESS);
    assert_eq!(memory.peek(DATA + 0x100, 6), b"hello\0");
    assert_eq!(written(&memory, 0), 5);
}

#[test]
fn four_vectors_of_any_split_arrive_with_their_lengths() {
    for inputs in 0..=4u32 {
        let (mut world, memory) = world(vec![], vec![], vec![]);
        let ins: Vec<_> = (0..inputs).map(|n| input(DATA + 16 * n, n + 1)).collect();
        let outs: Vec<_> = (inputs..4)
            .map(|n| output(DATA + 0x100 + 16 * n, n + 1))
            .collect();
        let status = call(&mut world, ns(-1), handle(ECHO_HANDLE, 1), 0, &ins, &outs);
        assert_eq!(status, Status::SUCCESS);
        let seen = world.services_mut().seen.pop().unwrap();
        assert_eq!(seen.in_len, (1..=inputs as usize).collect::<Vec<_>>());
        assert_eq!(seen.out_len, (inputs as usize + 1..=4).collect::<Vec<_>>());
        for (n, out) in outs.iter().enumerate() {
            let expected = ins.get(n).map_or(0, |input| input.len.min(out.len));
            assert_eq!(written(&memory, n as u32), expected);
        }
    }
}

#[test]
fn vectors_the_client_may_not_name_are_programmer_errors() {
    let (mut world, memory) = world(vec![], vec![], vec![answering(0)]);
    memory.add_read_only(MemoryOwner::NonSecure, 0x2800_0000, &[1; 64]);
    let bad = [
        (0x1000_0000, 4),    // nobody's
        (own(0), 4),         // a partition's
        (DATA + 0xffd, 4),   // runs over the end
        (DATA - 1, 4),       // begins before it
        (0xffff_fffe, 4),    // wraps
        (DATA, u32::MAX),    // wraps
        (DATA, 0x8000_0000), // far too long
    ];
    let error = Error::ProgrammerError.status();
    let handle = handle(ECHO_HANDLE, 1);
    for (base, len) in bad {
        for place in 0..2 {
            let mut ins = [input(DATA, 4), input(DATA + 8, 4)];
            ins[place] = input(base, len);
            assert_eq!(call(&mut world, ns(-1), handle, 0, &ins, &[]), error);
            let mut outs = [output(DATA, 4), output(DATA + 8, 4)];
            outs[place] = output(base, len);
            assert_eq!(call(&mut world, ns(-1), handle, 0, &[], &outs), error);
        }
    }
    let read_only = output(0x2800_0000, 4);
    assert_eq!(
        call(&mut world, ns(-1), handle, 0, &[], &[read_only]),
        error
    );
    let readable = input(0x2800_0000, 64);
    assert_eq!(
        call(&mut world, ns(-1), handle, 0, &[readable], &[]),
        Status::SUCCESS
    );
    assert_eq!(world.services_mut().seen.len(), 1);
}

#[test]
fn arrays_the_client_may_not_name_are_programmer_errors() {
    let (mut world, memory) = world(vec![], vec![], vec![answering(0)]);
    memory.add_read_only(MemoryOwner::NonSecure, 0x2800_0000, &[0; 64]);
    let error = Error::ProgrammerError.status();
    let one_in = control(0, 1, 0);
    let one_out = control(0, 0, 1);
    let wrong = [
        0,
        1,
        ARRAYS + 1,
        ARRAYS + 2,
        ARRAYS + 0xffc,
        own(0),
        0xffff_fffc,
        0x1000_0000,
    ];
    for address in wrong {
        let handle = handle(ECHO_HANDLE, 1);
        assert_eq!(
            world.call(ns(-1), handle, one_in, address, ARRAYS),
            error,
            "{address:#x}"
        );
        assert_eq!(
            world.call(ns(-1), handle, one_out, ARRAYS, address),
            error,
            "{address:#x}"
        );
    }
    // Lengths are written back, so the array of outputs must be writable.
    let handle = handle(ECHO_HANDLE, 1);
    assert_eq!(
        world.call(ns(-1), handle, one_out, ARRAYS, 0x2800_0000),
        error
    );
    assert_eq!(
        world.call(ns(-1), handle, one_in, 0x2800_0000, 0),
        Status::SUCCESS
    );
    assert_eq!(world.services_mut().seen.len(), 1);
}

#[test]
fn empty_vectors_may_have_any_base() {
    let (mut world, memory) = world(vec![], vec![], vec![]);
    let ins = [input(0, 0), input(0xffff_ffff, 0)];
    let outs = [output(0, 0), output(0x1000_0000, 0)];
    let status = call(&mut world, ns(-1), handle(ECHO_HANDLE, 1), 0, &ins, &outs);
    assert_eq!(status, Status::SUCCESS);
    assert_eq!(world.services_mut().seen[0].in_len, [0, 0]);
    assert_eq!((written(&memory, 0), written(&memory, 1)), (0, 0));
}

#[test]
fn arrays_are_read_once_and_changing_them_afterwards_changes_nothing() {
    let (mut world, memory) = world(vec![], vec![], vec![answering(0)]);
    memory.poke(DATA, b"mine");
    memory.poke(own(0), b"secret!!");
    // Another thread swaps both vectors for a partition's memory as soon as they were read.
    memory.tamper_after_reading(ARRAYS, ARRAYS, &input(own(0), 8).to_bytes());
    memory.tamper_after_reading(
        ARRAYS + 0x100,
        ARRAYS + 0x100,
        &output(own(0), 8).to_bytes(),
    );
    let handle = handle(ECHO_HANDLE, 1);
    let status = call(
        &mut world,
        ns(-1),
        handle,
        0,
        &[input(DATA, 4)],
        &[output(DATA + 64, 4)],
    );
    assert_eq!(status, Status::SUCCESS);
    assert_eq!(memory.peek(DATA + 64, 4), b"mine");
    assert_eq!(memory.peek(own(0), 8), b"secret!!");
    let of_arrays = memory
        .reads()
        .iter()
        .filter(|(at, _)| (*at & !0xfff) == ARRAYS)
        .count();
    assert_eq!(of_arrays, 2);
}

#[test]
fn every_byte_of_an_input_is_read_once() {
    let (mut world, memory) = world(vec![], vec![], vec![]);
    let handle = handle(ECHO_HANDLE, 1);
    let status = call(
        &mut world,
        ns(-1),
        handle,
        0,
        &[input(DATA, 100)],
        &[output(DATA + 256, 100)],
    );
    assert_eq!(status, Status::SUCCESS);
    let mut times = [0; 100];
    for (at, len) in memory.reads() {
        for byte in at..at + len {
            if (DATA..DATA + 100).contains(&byte) {
                times[(byte - DATA) as usize] += 1;
            }
        }
    }
    assert_eq!(times, [1; 100]);
}

#[test]
fn overlapping_inputs_are_two_values() {
    let (mut world, memory) = world(vec![], vec![], vec![]);
    memory.poke(DATA, b"abcdef");
    let ins = [input(DATA, 4), input(DATA + 2, 4)];
    let outs = [output(DATA + 64, 4), output(DATA + 80, 4)];
    let status = call(&mut world, ns(-1), handle(ECHO_HANDLE, 1), 0, &ins, &outs);
    assert_eq!(status, Status::SUCCESS);
    assert_eq!(memory.peek(DATA + 64, 4), b"abcd");
    assert_eq!(memory.peek(DATA + 80, 4), b"cdef");
}

#[test]
fn an_output_over_the_arrays_stays_inside_the_clients_memory() {
    let (mut world, memory) = world(vec![], vec![], vec![]);
    memory.poke(DATA, &[0xff; 16]);
    let over = output(ARRAYS + 0x100, 16);
    let status = call(
        &mut world,
        ns(-1),
        handle(ECHO_HANDLE, 1),
        0,
        &[input(DATA, 16)],
        &[over],
    );
    assert_eq!(status, Status::SUCCESS);
    // The length goes where it always goes; the rest is what the service wrote there.
    assert_eq!(written(&memory, 0), 16);
    assert_eq!(memory.peek(ARRAYS + 0x100, 4), [0xff; 4]);
}

#[test]
fn lengths_are_written_back_on_failure_too_but_not_when_nothing_was_delivered() {
    let (mut world, memory) = world(vec![], vec![], vec![]);
    let answer = handle(3, 1);
    let status = call(&mut world, ns(-1), answer, 138, &[], &[output(DATA, 9)]);
    assert_eq!(status, Error::BufferTooSmall.status());
    assert_eq!(written(&memory, 0), 0);
    let refused = handle(1, 1);
    let status = call(&mut world, ns(-1), refused, 0, &[], &[output(DATA, 9)]);
    assert_eq!(status, Error::ConnectionRefused.status());
    assert_eq!(written(&memory, 0), 9);
}

proptest! {
    /// Whatever registers the non-secure world comes with: an answer, and nothing outside its memory
    /// changes.
    #[test]
    fn random_registers_never_touch_what_is_not_the_callers(
        handle in prop_oneof![any::<u32>(), (0u32..8).prop_map(|i| 0x4000_0100 | i)],
        word in prop_oneof![any::<u32>(), (0u32..5, 0u32..5, 0u32..3)
            .prop_map(|(i, o, t)| i << 24 | o << 16 | t)],
        in_vec in prop_oneof![any::<u32>(), (0u32..0x1000).prop_map(|o| ARRAYS + o)],
        out_vec in prop_oneof![any::<u32>(), (0u32..0x1000).prop_map(|o| ARRAYS + o)],
        raw in proptest::collection::vec(
            prop_oneof![any::<u32>(), (0u32..0x2000).prop_map(|o| DATA + o), 0u32..64], 64),
    ) {
        let (mut world, memory) = world(vec![], vec![], vec![answering(0)]);
        memory.poke(own(0), &[0xa5; 0x1000]);
        let bytes: Vec<u8> = raw.iter().flat_map(|word| word.to_le_bytes()).collect();
        for place in (ARRAYS..ARRAYS + 0x1000).step_by(bytes.len()) {
            memory.poke(place, &bytes);
        }
        let _ = world.call(ns(-1), handle, word, in_vec, out_vec);
        prop_assert_eq!(memory.peek(own(0), 0x1000), vec![0xa5; 0x1000]);
    }
}
