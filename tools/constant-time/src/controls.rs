//! What leaks on purpose: if memcheck does not report these, its silence about the others is worth nothing.

use crate::memcheck;
use std::hint::black_box;

fn secret<const N: usize>() -> [u8; N] {
    let bytes = black_box([0x5a; N]);
    memcheck::secret(&bytes);
    bytes
}

/// A comparison that stops at the first difference.
#[inline(never)]
fn first_difference(left: &[u8], right: &[u8]) -> usize {
    let mut position = 0;
    while position < left.len() && black_box(left[position] == right[position]) {
        position += 1;
    }
    position
}

pub(crate) fn comparison() -> Vec<u8> {
    let secret = secret::<32>();
    black_box(first_difference(&secret, &black_box([0x5a; 32])));
    secret.to_vec()
}

/// An S-box as a table, as fast implementations of AES had it: the cache remembers which entry was read.
#[inline(never)]
fn substitute(table: &[u8; 256], byte: u8) -> u8 {
    black_box(table)[usize::from(byte)]
}

pub(crate) fn table() -> Vec<u8> {
    let secret = secret::<4>();
    let table = std::array::from_fn(|index| (index as u8).wrapping_mul(7));
    secret.map(|byte| substitute(&table, byte) ^ byte).to_vec()
}

/// Square and multiply, with the multiplication left out where the exponent has a zero.
#[inline(never)]
fn square_and_multiply(base: u64, exponent: u64, modulus: u64) -> u64 {
    let multiply = |a: u64, b: u64| a.wrapping_mul(b) % black_box(modulus);
    let mut power = 1;
    for bit in (0..u64::BITS).rev() {
        power = multiply(power, power);
        if black_box(exponent >> bit) & 1 == 1 {
            power = multiply(power, black_box(base));
        }
    }
    power
}

pub(crate) fn power() -> Vec<u8> {
    let exponent = u64::from_ne_bytes(secret());
    let power = square_and_multiply(black_box(3), exponent, 0xffff_fffb);
    [power.to_ne_bytes(), exponent.to_ne_bytes()].concat()
}
