//! A hostile client on a device's line: raw bytes, framed packets of any content, and well-formed requests in any
//! order. A confirmed image is always left, nothing but slots is written, and every answer is a packet.

#![no_main]

#[path = "recovery/mod.rs"]
mod bench;

use bench::{Bench, files};
use ironroot_recovery::frame::{self, Deframer};
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

/// CBOR in its shortest form.
fn head(out: &mut Vec<u8>, major: u8, argument: usize) {
    match argument {
        0..=23 => out.push(major << 5 | argument as u8),
        24..=255 => out.extend([major << 5 | 24, argument as u8]),
        _ => {
            out.push(major << 5 | 25);
            out.extend((argument as u16).to_be_bytes());
        }
    }
}

fn field(out: &mut Vec<u8>, key: &str, major: u8, argument: usize, bytes: &[u8]) {
    head(out, 3, key.len());
    out.extend(key.as_bytes());
    head(out, major, argument);
    out.extend(bytes);
}

fn packet(operation: u8, group: u16, command: u8, data: &[u8]) -> Vec<u8> {
    let mut packet = vec![8 | operation, 0];
    packet.extend((data.len() as u16).to_be_bytes());
    packet.extend(group.to_be_bytes());
    packet.extend([7, command]);
    packet.extend(data);
    packet
}

/// A piece of one of the files, from some offset.
fn upload(input: &mut Input<'_>) -> Vec<u8> {
    let choice = input.byte();
    let file = &files()[usize::from(choice & 3)];
    let offset = usize::from(input.byte()) * usize::from(choice >> 6);
    let offset = offset.min(file.len());
    let end = (offset + 4 * usize::from(input.byte())).min(file.len());
    let with_sha = choice & 8 != 0;
    let mut data = Vec::new();
    head(&mut data, 5, 4 + usize::from(with_sha));
    field(&mut data, "off", 0, offset, &[]);
    field(&mut data, "image", 0, usize::from(input.byte() & 7), &[]);
    field(&mut data, "len", 0, file.len(), &[]);
    if with_sha {
        field(&mut data, "sha", 2, 32, &[choice & 3; 32]);
    }
    field(&mut data, "data", 2, end - offset, &file[offset..end]);
    packet(2, 1, 1, &data)
}

/// A whole file at once, in pieces.
fn whole(bench: &mut Bench, input: &mut Input<'_>) {
    let choice = input.byte();
    let file = &files()[usize::from(choice & 3)];
    for (number, piece) in file.chunks(500).enumerate() {
        let mut data = Vec::new();
        head(&mut data, 5, 4);
        field(&mut data, "off", 0, 500 * number, &[]);
        field(&mut data, "image", 0, usize::from(choice >> 2 & 7), &[]);
        field(&mut data, "len", 0, file.len(), &[]);
        field(&mut data, "data", 2, piece.len(), piece);
        send(bench, &packet(2, 1, 1, &data));
    }
    let mut data = Vec::new();
    // What a file's hash is, its TLVs say: type 0x10, 32 bytes.
    let hash = file
        .windows(4)
        .position(|window| window == [0x10, 0, 32, 0]);
    let hash = &file[hash.expect("a hash") + 4..][..32];
    head(&mut data, 5, 2);
    field(&mut data, "hash", 2, 32, hash);
    field(&mut data, "confirm", 7, 20 + usize::from(choice >> 7), &[]);
    send(bench, &packet(2, 1, 0, &data));
}

fn send(bench: &mut Bench, packet: &[u8]) {
    let mut lines = Vec::new();
    frame::send(packet, &mut |byte| lines.push(byte));
    bench.send(&lines);
}

/// Whatever was sent is packets in short lines, or what Ymodem says.
fn check_output(bench: &mut Bench) {
    let mut deframer = Deframer::<1024>::new();
    let mut line = 0;
    for byte in std::mem::take(&mut bench.out) {
        deframer.push(byte);
        line = if deframer.is_in_line() { line + 1 } else { 0 };
        assert!(line < frame::LINE);
    }
    assert!(!deframer.is_in_line());
}

fuzz_target!(|input: &[u8]| {
    let mut input = Input(input);
    let mut bench = Bench::new();
    for _ in 0..24 {
        if input.0.is_empty() {
            break;
        }
        match input.byte() % 8 {
            0 => {
                let len = usize::from(input.byte());
                bench.send(input.take(len));
            }
            1 => {
                let len = usize::from(input.byte());
                send(&mut bench, input.take(len));
            }
            2 => {
                let (op, group, command) = (input.byte() & 3, input.byte() & 1, input.byte() % 7);
                let len = usize::from(input.byte());
                let packet = packet(op, group.into(), command, input.take(len));
                send(&mut bench, &packet);
            }
            3 => bench.wait(),
            4 => {
                let mut data = Vec::new();
                head(&mut data, 5, 1);
                field(&mut data, "slot", 0, usize::from(input.byte() & 7), &[]);
                send(&mut bench, &packet(2, 1, 5, &data));
            }
            5 => whole(&mut bench, &mut input),
            _ => {
                let packet = upload(&mut input);
                send(&mut bench, &packet);
            }
        }
        // What is left open by raw bytes ends with the silence.
        bench.wait();
        check_output(&mut bench);
    }
    bench.check();
});
