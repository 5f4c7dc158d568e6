//! A suspended command keeps what it was sent; when it is over, by whichever way, that is wiped from the TPM's memory.
//!
//! The test reads its own process's memory where the TPM lies, so that it sees what no interface shows.

#![cfg(all(feature = "full", target_os = "linux"))]

mod common;
mod object_common;

use common::{Auth, Command, Machine, cc, rh};
use ironroot_tpm::{Locality, Progress};
use object_common::*;
use std::os::unix::fs::FileExt as _;

/// The auth value of the key that is being made.
const SECRET: &[u8; 32] = b"an auth value seen nowhere else!";

/// Whether the secret stands anywhere in the TPM's memory.
fn is_kept(machine: &mut Machine) -> bool {
    let tpm = machine.tpm();
    let mut bytes = vec![0; size_of_val(tpm)];
    let address = core::ptr::from_ref(tpm).addr() as u64;
    std::fs::File::open("/proc/self/mem")
        .unwrap()
        .read_exact_at(&mut bytes, address)
        .unwrap();
    bytes
        .windows(SECRET.len())
        .any(|window| window.iter().eq(SECRET))
}

/// A TPM in the middle of the search for an RSA-2048 key with that auth value.
fn suspended() -> (Machine, Vec<u8>) {
    let mut machine = Machine::new();
    let template = Template::storage_rsa(2048).bytes();
    let command = creation(cc::CREATE_PRIMARY, rh::OWNER, &template, SECRET, b"");
    let bytes = machine.sealed(&command, &mut [Auth::password(b"")]);
    let mut response = vec![0; 4096];
    let progress = machine.tpm().begin(Locality::ZERO, &bytes, &mut response);
    assert_eq!(progress, Progress::Pending);
    assert!(is_kept(&mut machine), "the command is kept while it runs");
    (machine, response)
}

#[test]
fn a_cancelled_command_is_wiped() {
    let (mut machine, mut response) = suspended();
    machine.tpm().cancel(&mut response).unwrap();
    assert!(!is_kept(&mut machine));
}

#[test]
fn a_command_that_lost_its_power_is_wiped() {
    let (mut machine, _) = suspended();
    machine.tpm().power_off();
    assert!(!is_kept(&mut machine));
}

#[test]
fn a_command_that_a_reset_ended_is_wiped() {
    let (mut machine, _) = suspended();
    machine.tpm().power_on().unwrap();
    assert!(!is_kept(&mut machine));
}

#[test]
fn a_command_that_another_one_ended_is_wiped() {
    let (mut machine, _) = suspended();
    let short = Command::new(cc::GET_RANDOM).u16(8);
    machine.send(&short, &mut []).unwrap();
    assert!(!is_kept(&mut machine));
}

#[test]
fn a_command_that_a_measurement_ended_is_wiped() {
    let (mut machine, _) = suspended();
    machine.tpm().hash_start();
    assert!(!is_kept(&mut machine));
}
