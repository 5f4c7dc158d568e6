//! A hostile sender on a device's line: raw bytes, blocks with any number and content, silence, ends and cancels in
//! any order. A confirmed image is always left, and nothing but slots is written.

#![no_main]

#[path = "recovery/mod.rs"]
mod bench;

use bench::{Bench, files};
use ironroot_recovery::crc16;
use ironroot_recovery::ymodem::{CAN, EOT, SOH, STX};
use libfuzzer_sys::fuzz_target;

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        head
    }
}

fn block(number: u8, data: &[u8], fill: u8) -> Vec<u8> {
    let (start, len) = if data.len() <= 128 {
        (SOH, 128)
    } else {
        (STX, 1024)
    };
    let mut body = data.to_vec();
    body.resize(len, fill);
    let mut block = vec![start, number, !number];
    block.extend(&body);
    block.extend(crc16(0, &body).to_be_bytes());
    block
}

fuzz_target!(|input: &[u8]| {
    let mut input = Input(input);
    let mut bench = Bench::new();
    let mut next = 1u8;
    let mut offset = 0;
    let mut file: &[u8] = &files()[0];
    for _ in 0..40 {
        if input.0.is_empty() {
            break;
        }
        match input.byte() % 12 {
            0 => {
                let len = usize::from(input.byte());
                bench.send(input.take(len));
            }
            1 => {
                let (number, len) = (input.byte(), usize::from(input.byte()));
                let block = block(number, input.take(len), 0);
                bench.send(&block);
            }
            2 => bench.wait(),
            3 => bench.send(&[CAN, CAN]),
            4 => bench.send(&[input.byte(), b'\n']),
            5 => bench.send(&[EOT]),
            6 => bench.send(&[EOT, EOT]),
            7 => bench.send(&block(0, &[0], 0)),
            8 | 9 => {
                let choice = input.byte();
                file = &files()[usize::from(choice & 3)];
                (next, offset) = (1, 0);
                // Mostly the right length.
                let more = usize::from(choice >> 6);
                let header = format!("a\0{} 0", file.len() + more);
                bench.send(&block(0, header.as_bytes(), 0));
            }
            _ => {
                let size = if input.byte() & 1 == 0 { 128 } else { 1024 };
                let end = (offset + size).min(file.len());
                bench.send(&block(next, &file[offset..end], 0x1a));
                (next, offset) = (next.wrapping_add(1), end);
            }
        }
    }
    bench.check();
});
