//! Ymodem as a sender sees it, and as a bad line makes it. What real senders do, `sb` of lrzsz tells in other
//! tests; blocks here are made by hand after Forsberg's reference.

mod common;

use common::{Bench, image, signed};
use ironroot_boot::{Image, Slot};
use ironroot_recovery::ymodem::{ACK, CAN, EOT, NAK, READY, SOH, STX};
use ironroot_recovery::{Event, Fault, Place, Recovery, crc16};

const A: Place = Place::new(Image::NonSecure, Slot::A);
const B: Place = Place::new(Image::NonSecure, Slot::B);
/// Block 0 was taken; data may come.
const GO: [u8; 2] = [ACK, READY];

fn block(number: u8, data: &[u8]) -> Vec<u8> {
    let (start, len) = if data.len() <= 128 {
        (SOH, 128)
    } else {
        (STX, 1024)
    };
    let mut body = data.to_vec();
    body.resize(len, 0x1a);
    let mut block = vec![start, number, !number];
    block.extend(&body);
    block.extend(crc16(0, &body).to_be_bytes());
    block
}

fn header(name: &str, fields: &str) -> Vec<u8> {
    let mut data = [name.as_bytes(), b"\0", fields.as_bytes()].concat();
    data.resize(128, 0);
    block(0, &data)
}

struct Sender {
    bench: Bench,
    recovery: Recovery,
    event: Event,
}

impl Sender {
    fn new(bench: Bench) -> Self {
        Self {
            bench,
            recovery: Recovery::new(),
            event: Event::None,
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Vec<u8> {
        let (out, event) = self.bench.line(&mut self.recovery, bytes);
        if event != Event::None {
            self.event = event;
        }
        out
    }

    /// Seconds of silence; what the device says.
    fn wait(&mut self, seconds: u32) -> Vec<u8> {
        let mut out = Vec::new();
        for _ in 0..seconds {
            let event = self.recovery.tick(&mut |byte| out.push(byte));
            if event != Event::None {
                self.event = event;
            }
        }
        out
    }

    fn begin(&mut self, file: &[u8]) {
        let size = format!("{} 14371234567 100644 0 1 {}", file.len(), file.len());
        assert_eq!(self.send(&header("app.img", &size)), GO);
    }

    fn blocks(&mut self, file: &[u8], size: usize) {
        for (number, data) in file.chunks(size).enumerate() {
            assert_eq!(self.send(&block(number as u8 + 1, data)), [ACK]);
        }
    }

    /// A whole file, as in the reference's first example.
    fn file(&mut self, file: &[u8], size: usize) {
        self.begin(file);
        self.blocks(file, size);
        assert_eq!(self.send(&[EOT]), [NAK]);
        assert_eq!(self.send(&[EOT]), GO);
        assert_eq!(self.send(&block(0, &[0; 128])), [ACK]);
    }
}

/// What ends a transfer.
fn is_cancel(out: &[u8]) -> bool {
    out.starts_with(&[CAN, CAN])
}

#[test]
fn the_device_asks_for_files_every_second_until_smp_is_spoken() {
    let mut sender = Sender::new(Bench::blank());
    assert_eq!(sender.wait(3), [READY; 3]);
    sender.send(b"\x06\x09AAAA\n");
    assert_eq!(sender.wait(9), []);
    assert_eq!(
        sender.send(b"1\n"),
        [READY],
        "asked for, it answers at once"
    );
    assert_eq!(sender.wait(2), [READY; 2]);
}

#[test]
fn a_file_is_verified_marked_and_tried() {
    for size in [128, 1024] {
        let mut sender = Sender::new(Bench::in_the_field());
        let good = sender.bench.content(A);
        // 1024 times n leaves no rest, 2901 does.
        let file = image(2, 2800);
        sender.file(&file, size);
        assert_eq!(sender.event, Event::Loaded(B));
        assert_eq!(sender.bench.content(B)[..file.len()], file);
        assert_eq!(sender.bench.content(A), good);
        assert_eq!(sender.bench.boot(), Ok((1, 2)));
        assert_eq!(sender.bench.boot(), Ok((1, 1)), "on trial only");
    }
}

#[test]
fn letters_choose_image_and_trial_before_a_file_comes() {
    let mut sender = Sender::new(Bench::in_the_field());
    assert_eq!(sender.send(b"0\r\np\n"), [READY; 2]);
    sender.file(&image(2, 1000), 1024);
    assert_eq!(
        sender.event,
        Event::Loaded(Place::new(Image::Secure, Slot::B))
    );
    for _ in 0..2 {
        assert_eq!(sender.bench.boot(), Ok((2, 1)));
    }
    sender.send(b"xyz1t\n0 \n\n 0\n1\nt\n");
    sender.file(&image(3, 1000), 1024);
    assert_eq!(sender.bench.boot(), Ok((2, 3)));
    assert_eq!(sender.bench.boot(), Ok((2, 1)));
    for text in ["r", "rr\n", "or\n", " r\n", "r"] {
        sender.send(text.as_bytes());
        assert_eq!(sender.event, Event::Loaded(B), "{text:?}");
    }
    sender.wait(1);
    sender.send(b"r\r\n");
    assert_eq!(sender.event, Event::Reset);
}

#[test]
fn an_end_before_the_announced_length_is_no_end() {
    let mut sender = Sender::new(Bench::in_the_field());
    let file = image(2, 2000);
    sender.begin(&file);
    assert_eq!(sender.send(&block(1, &file[..1024])), [ACK]);
    assert_eq!(sender.send(&[EOT]), [NAK]);
    // A lone EOT was noise: the next block is taken as ever.
    assert_eq!(sender.send(&block(2, &file[1024..1152])), [ACK]);
    assert_eq!(sender.send(&[EOT]), [NAK]);
    assert!(is_cancel(&sender.send(&[EOT])));
    assert_eq!(sender.bench.boot(), Ok((1, 1)));
}

#[test]
fn a_damaged_block_is_asked_for_again() {
    let mut sender = Sender::new(Bench::in_the_field());
    let file = image(2, 1500);
    sender.begin(&file);
    for (number, data) in file.chunks(1024).enumerate() {
        let good = block(number as u8 + 1, data);
        for at in [1, 2, 3, 500, good.len() - 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert_eq!(sender.send(&bad), [NAK], "{at}");
        }
        // A byte was lost: the rest is waited for, a second long.
        assert_eq!(sender.send(&good[..good.len() - 1]), []);
        assert_eq!(sender.wait(1), [NAK]);
        assert_eq!(sender.send(&good), [ACK]);
    }
    sender.send(&[EOT]);
    assert_eq!(sender.send(&[EOT]), GO);
    assert_eq!(sender.bench.content(B)[..file.len()], file);
}

#[test]
fn what_is_sent_twice_is_written_once() {
    let mut sender = Sender::new(Bench::in_the_field());
    let file = image(2, 1500);
    let size = file.len().to_string();
    assert_eq!(sender.send(&header("a", &size)), GO);
    assert_eq!(sender.send(&header("a", &size)), GO, "the answer was lost");
    for (number, data) in file.chunks(1024).enumerate() {
        let block = block(number as u8 + 1, data);
        assert_eq!(sender.send(&block), [ACK]);
        assert_eq!(sender.send(&block), [ACK]);
    }
    assert_eq!(sender.send(&[EOT]), [NAK]);
    assert_eq!(sender.send(&[EOT]), GO);
    assert_eq!(sender.send(&[EOT]), GO, "the answer was lost");
    assert_eq!(sender.send(&block(0, &[0; 128])), [ACK]);
    assert_eq!(sender.event, Event::Loaded(B));
    assert_eq!(sender.bench.flash.violations(), 0);
}

#[test]
fn a_block_out_of_step_ends_the_transfer() {
    for number in [0, 1, 4, 255] {
        let mut sender = Sender::new(Bench::in_the_field());
        let file = image(2, 2500);
        sender.begin(&file);
        sender.blocks(&file[..2048], 1024);
        assert!(is_cancel(&sender.send(&block(number, &file[2048..]))));
        assert_eq!(sender.event, Event::Cancelled, "{number}");
        assert_eq!(sender.bench.boot(), Ok((1, 1)));
    }
}

#[test]
fn two_cancels_end_the_transfer_and_one_does_not() {
    let mut sender = Sender::new(Bench::in_the_field());
    let file = image(2, 1500);
    sender.begin(&file);
    sender.send(&[CAN]);
    assert_eq!(sender.send(&block(1, &file[..1024])), [ACK]);
    sender.send(&[CAN, CAN]);
    assert_eq!(sender.event, Event::Cancelled);
    assert_eq!(sender.wait(1), [READY], "the next file may come");
    sender.file(&file, 1024);
    assert_eq!(sender.event, Event::Loaded(B));
}

#[test]
fn a_sender_that_falls_silent_is_given_up() {
    let mut sender = Sender::new(Bench::in_the_field());
    let file = image(2, 1500);
    sender.begin(&file);
    assert_eq!(sender.wait(6), [READY; 2], "no data yet: ready");
    sender.send(&block(1, &file[..1024]));
    assert_eq!(sender.wait(30), [NAK; 10]);
    assert_eq!(sender.event, Event::None);
    assert!(is_cancel(&sender.wait(3)));
    assert_eq!(sender.event, Event::Cancelled);
    assert_eq!(sender.bench.boot(), Ok((1, 1)));
}

#[test]
fn a_sender_that_leaves_after_the_last_block_has_loaded_its_file() {
    let mut sender = Sender::new(Bench::in_the_field());
    let file = image(2, 1500);
    sender.begin(&file);
    sender.blocks(&file, 1024);
    sender.send(&[EOT, EOT]);
    sender.wait(60);
    assert_eq!(sender.event, Event::Loaded(B));
}

#[test]
fn a_second_file_of_the_batch_is_not_taken() {
    let mut sender = Sender::new(Bench::in_the_field());
    let file = image(2, 1500);
    sender.begin(&file);
    sender.blocks(&file, 1024);
    sender.send(&[EOT, EOT]);
    assert!(is_cancel(&sender.send(&header("other.img", "1000"))));
    assert_eq!(sender.event, Event::Loaded(B));
}

#[test]
fn block_0_must_tell_the_length() {
    for fields in [
        "",
        " 100",
        "x",
        "4294967296",
        "99999999999999999999",
        "10x",
        "-1",
    ] {
        let mut sender = Sender::new(Bench::in_the_field());
        assert!(
            is_cancel(&sender.send(&header("app.img", fields))),
            "{fields:?}"
        );
        assert_eq!(sender.event, Event::Failed(Fault::Length));
    }
    // No end of the name at all.
    let mut sender = Sender::new(Bench::in_the_field());
    assert!(is_cancel(&sender.send(&block(0, &[b'a'; 128]))));
    // A batch of no files.
    assert_eq!(sender.send(&block(0, &[0; 128])), [ACK]);
    assert!(
        is_cancel(&sender.send(&block(1, &[0; 128]))),
        "data without a file"
    );
}

#[test]
fn a_bad_image_is_refused_at_its_first_block_and_nothing_erased() {
    let mut headless = image(2, 900);
    headless[0] ^= 1;
    let too_large = signed(1, 2, &[0; 9000], 2);
    for file in [
        headless,
        too_large,
        vec![0xff; 500],
        image(2, 900)[..40].to_vec(),
    ] {
        let mut sender = Sender::new(Bench::in_the_field());
        let before = sender.bench.flash.bytes().to_vec();
        sender.begin(&file);
        assert!(is_cancel(
            &sender.send(&block(1, &file[..file.len().min(1024)]))
        ));
        assert!(matches!(sender.event, Event::Failed(Fault::Refused(_))));
        assert_eq!(sender.bench.flash.bytes(), before);
    }
}

#[test]
fn an_image_that_the_bootloader_would_refuse_is_not_acknowledged_and_not_marked() {
    let mut tampered = image(2, 900);
    tampered[600] ^= 4;
    let mut longer = image(2, 900);
    longer.push(0);
    for file in [
        tampered,
        longer,
        signed(3, 2, &[1; 900], 2),
        signed(1, 0, &[1; 900], 0),
    ] {
        let mut sender = Sender::new(Bench::in_the_field());
        sender.begin(&file);
        sender.blocks(&file, 1024);
        assert_eq!(sender.send(&[EOT]), [NAK]);
        assert!(is_cancel(&sender.send(&[EOT])));
        assert!(matches!(sender.event, Event::Failed(_)));
        assert_eq!(sender.bench.boot(), Ok((1, 1)));
    }
}

#[test]
fn blocks_after_the_announced_length_are_refused() {
    let mut sender = Sender::new(Bench::in_the_field());
    let file = image(2, 900);
    sender.begin(&file);
    sender.blocks(&file, 1024);
    assert!(is_cancel(&sender.send(&block(3, &[0; 128]))));
    assert_eq!(sender.event, Event::Failed(Fault::Overrun));
}

#[test]
fn noise_between_blocks_does_not_matter() {
    let mut sender = Sender::new(Bench::in_the_field());
    let file = image(2, 900);
    sender.send(b"\r\nhello? \x00\xff");
    sender.begin(&file);
    sender.send(b"0pr\x15\x06C");
    assert_eq!(sender.event, Event::None, "no orders within a transfer");
    sender.blocks(&file, 1024);
    sender.send(&[EOT]);
    assert_eq!(sender.send(&[EOT]), GO);
    sender.send(&block(0, &[0; 128]));
    assert_eq!(sender.event, Event::Loaded(B));
}
