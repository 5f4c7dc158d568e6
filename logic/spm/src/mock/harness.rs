//! One message straight to a root service.

use super::memory::MockMemory;
use crate::message::Message;
use crate::services::RootServices;
use crate::vectors::Vectors;
use ironroot_platform::MemoryOwner;
use ironroot_psa_api::{ClientId, Control, InVec, OutVec, Status};
use std::vec::Vec;

/// Sends a message to root service number `service` as the partition manager would, and returns the
/// status and what was written to each output.
///
/// # Panics
/// If there are more than four vectors or the type is negative.
pub fn call_service<S: RootServices + ?Sized>(
    services: &mut S,
    service: u32,
    client: ClientId,
    kind: i32,
    inputs: &[&[u8]],
    out_sizes: &[usize],
) -> (Status, Vec<Vec<u8>>) {
    const ARRAYS: u32 = 0x1000_0000;
    const DATA: u32 = 0x2000_0000;
    let mut memory = MockMemory::new();
    memory.add(MemoryOwner::NonSecure, ARRAYS, 64);
    let mut base = DATA;
    let mut add = |len: usize| {
        let here = base;
        // Distinct regions with a gap: a service that runs over an end is caught.
        memory.add(MemoryOwner::NonSecure, here, len);
        base += u32::try_from(len).expect("test data fits") + 64;
        here
    };
    let (mut in_array, mut out_array) = (Vec::new(), Vec::new());
    let places: Vec<u32> = inputs.iter().map(|input| add(input.len())).collect();
    let out_places: Vec<u32> = out_sizes.iter().map(|len| add(*len)).collect();
    for (place, input) in places.iter().zip(inputs) {
        memory.poke(*place, input);
        in_array.extend(
            InVec {
                base: *place,
                len: input.len() as u32,
            }
            .to_bytes(),
        );
    }
    for (place, len) in out_places.iter().zip(out_sizes) {
        out_array.extend(
            OutVec {
                base: *place,
                len: *len as u32,
            }
            .to_bytes(),
        );
    }
    memory.poke(ARRAYS, &in_array);
    memory.poke(ARRAYS + 32, &out_array);
    let control = Control::new(kind, inputs.len(), out_sizes.len()).expect("a valid call");
    let owner = MemoryOwner::NonSecure;
    let mut vectors = Vectors::NONE;
    vectors
        .capture(&memory, owner, control, ARRAYS, ARRAYS + 32)
        .expect("vectors of our own making");
    let mut message = Message::new(&mut memory, &mut vectors, client, kind, 0);
    let status = services.call(service, &mut message);
    let written = (0..out_sizes.len())
        .map(|n| message.written(n))
        .collect::<Vec<_>>();
    let outputs = out_places
        .iter()
        .zip(written)
        .map(|(at, len)| memory.peek(*at, len))
        .collect();
    (status, outputs)
}
