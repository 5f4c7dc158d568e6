//! SMP as a client sees it. Requests are encoded and answers read by another CBOR implementation (minicbor)
//! and another base64; framing vectors are those of the `smp` package from PyPI.

mod common;

use common::{Bench, MAP, SLOT, image, signed};
use ironroot_boot::{Image, Slot};
use ironroot_crypto::hash::{HashAlgorithm, digest};
use ironroot_recovery::{Event, Place, Recovery, crc16};
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

const A: Place = Place::new(Image::NonSecure, Slot::A);
const B: Place = Place::new(Image::NonSecure, Slot::B);

/// A value of an answer.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Number(u64),
    Text(String),
    Bytes(Vec<u8>),
    Bool(bool),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

impl Value {
    fn read(decoder: &mut Decoder<'_>) -> Self {
        match decoder.datatype().unwrap() {
            Type::String => Self::Text(decoder.str().unwrap().into()),
            Type::Bytes => Self::Bytes(decoder.bytes().unwrap().into()),
            Type::Bool => Self::Bool(decoder.bool().unwrap()),
            Type::Array => {
                let len = decoder.array().unwrap().unwrap();
                Self::List((0..len).map(|_| Self::read(decoder)).collect())
            }
            Type::Map => {
                let len = decoder.map().unwrap().unwrap();
                let pair = |_| (decoder.str().unwrap().to_owned(), Self::read(decoder));
                Self::Map((0..len).map(pair).collect())
            }
            _ => Self::Number(decoder.u64().unwrap()),
        }
    }

    fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(pairs) = self else { return None };
        let mut found = pairs.iter().filter(|(name, _)| name == key);
        let value = found.next().map(|(_, value)| value);
        assert!(found.next().is_none(), "{key} twice");
        value
    }

    fn number(&self, key: &str) -> Option<u64> {
        match self.get(key)? {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    fn is(&self, key: &str) -> bool {
        self.get(key) == Some(&Self::Bool(true))
    }

    fn list(&self, key: &str) -> &[Self] {
        match self.get(key) {
            Some(Self::List(list)) => list,
            _ => panic!("no list {key} in {self:?}"),
        }
    }
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    let alphabet: Vec<u8> = (b'A'..=b'Z')
        .chain(b'a'..=b'z')
        .chain(b'0'..=b'9')
        .chain(*b"+/")
        .collect();
    let mut out = Vec::new();
    for group in bytes.chunks(3) {
        let mut bits = 0u32;
        for at in 0..3 {
            bits = bits << 8 | u32::from(*group.get(at).unwrap_or(&0));
        }
        for at in 0..4 {
            let index = (bits >> (18 - 6 * at)) & 63;
            out.push(if at > group.len() {
                b'='
            } else {
                alphabet[index as usize]
            });
        }
    }
    out
}

fn unbase64(text: &[u8]) -> Vec<u8> {
    let alphabet: Vec<u8> = (b'A'..=b'Z')
        .chain(b'a'..=b'z')
        .chain(b'0'..=b'9')
        .chain(*b"+/")
        .collect();
    let mut out = Vec::new();
    for group in text.chunks(4) {
        let mut bits = 0;
        let mut len = 3;
        for character in group {
            let value = alphabet.iter().position(|known| known == character);
            bits = bits << 6 | value.unwrap_or(0);
            len -= usize::from(value.is_none());
        }
        out.extend(&bits.to_be_bytes()[5..5 + len]);
    }
    out
}

/// A packet as lines of at most `line` bytes.
fn frame(packet: &[u8], line: usize) -> Vec<u8> {
    let mut whole = (packet.len() as u16 + 2).to_be_bytes().to_vec();
    whole.extend(packet);
    whole.extend(crc16(0, packet).to_be_bytes());
    let text = base64(&whole);
    let mut out = Vec::new();
    for (number, piece) in text.chunks((line - 3) / 4 * 4).enumerate() {
        out.extend(if number == 0 { [6, 9] } else { [4, 20] });
        out.extend(piece);
        out.push(b'\n');
    }
    out
}

/// The packet in what the device sent; checks the form of every line.
fn unframe(bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    for (number, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        assert!(line.len() <= 127 && line.ends_with(b"\n"), "{line:?}");
        assert!(line.starts_with(if number == 0 { &[6, 9] } else { &[4, 20] }));
        whole.extend(unbase64(&line[2..line.len() - 1]));
    }
    let announced = usize::from(u16::from_be_bytes([whole[0], whole[1]]));
    assert_eq!(announced, whole.len() - 2);
    assert_eq!(crc16(0, &whole[2..]), 0);
    whole[2..whole.len() - 2].to_vec()
}

struct Client {
    bench: Bench,
    recovery: Recovery,
    version: u8,
    sequence: u8,
    event: Event,
}

impl Client {
    fn new(bench: Bench) -> Self {
        Self {
            bench,
            recovery: Recovery::new(),
            version: 1,
            sequence: 0x80,
            event: Event::None,
        }
    }

    fn packet(&mut self, operation: u8, group: u16, command: u8, data: &[u8]) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut packet = vec![self.version << 3 | operation, 0];
        packet.extend((data.len() as u16).to_be_bytes());
        packet.extend(group.to_be_bytes());
        packet.extend([self.sequence, command]);
        packet.extend(data);
        packet
    }

    fn send(&mut self, packet: &[u8]) -> Value {
        let lines = frame(packet, 127);
        let (out, event) = self.bench.line(&mut self.recovery, &lines);
        self.event = event;
        let answer = unframe(&out);
        assert_eq!(answer[0], packet[0] + 1);
        assert_eq!(answer[1], 0);
        let len = usize::from(u16::from_be_bytes([answer[2], answer[3]]));
        assert_eq!(answer[4..8], packet[4..8], "group, sequence, command");
        assert_eq!(answer.len(), 8 + len);
        let mut decoder = Decoder::new(&answer[8..]);
        let value = Value::read(&mut decoder);
        assert_eq!(decoder.position(), len);
        value
    }

    fn ask(&mut self, operation: u8, group: u16, command: u8, data: &[u8]) -> Value {
        let packet = self.packet(operation, group, command, data);
        self.send(&packet)
    }

    fn read(&mut self, group: u16, command: u8) -> Value {
        self.ask(0, group, command, &[0xa0])
    }

    fn piece(&mut self, piece: &Piece<'_>) -> Value {
        let data = piece.encode();
        self.ask(2, 1, 1, &data)
    }

    /// Sends a file from where the device wants it; the last answer.
    fn upload(&mut self, target: u32, file: &[u8], size: usize) -> Value {
        let sha = digest(HashAlgorithm::Sha256, file);
        let mut offset = 0;
        loop {
            let piece = Piece {
                offset,
                data: &file[offset..file.len().min(offset + size)],
                first: (offset == 0).then_some((target, file.len())),
                sha: (offset == 0).then_some(sha.as_slice()),
                upgrade: None,
            };
            let answer = self.piece(&piece);
            match answer.number("off") {
                Some(next) if next as usize != file.len() => offset = next as usize,
                _ => return answer,
            }
        }
    }

    fn mark(&mut self, hash: &[u8], confirm: bool) -> Value {
        let data = cbor(|e| {
            e.map(2)?
                .str("hash")?
                .bytes(hash)?
                .str("confirm")?
                .bool(confirm)?;
            Ok(())
        });
        self.ask(2, 1, 0, &data)
    }

    fn hash_of(&mut self, image: u64, slot: u64) -> Vec<u8> {
        let state = self.read(1, 0);
        let entry = state.list("images").iter().find(|entry| {
            entry.number("image") == Some(image) && entry.number("slot") == Some(slot)
        });
        match entry.and_then(|entry| entry.get("hash")) {
            Some(Value::Bytes(hash)) => hash.clone(),
            _ => panic!("{state:?}"),
        }
    }
}

struct Piece<'a> {
    offset: usize,
    data: &'a [u8],
    /// Target and length.
    first: Option<(u32, usize)>,
    sha: Option<&'a [u8]>,
    upgrade: Option<bool>,
}

impl Piece<'_> {
    fn encode(&self) -> Vec<u8> {
        let pairs = 2
            + 2 * u64::from(self.first.is_some())
            + u64::from(self.sha.is_some())
            + u64::from(self.upgrade.is_some());
        cbor(|e| {
            e.map(pairs)?.str("off")?.u32(self.offset as u32)?;
            if let Some((target, len)) = self.first {
                e.str("image")?.u32(target)?.str("len")?.u32(len as u32)?;
            }
            if let Some(sha) = self.sha {
                e.str("sha")?.bytes(sha)?;
            }
            if let Some(upgrade) = self.upgrade {
                e.str("upgrade")?.bool(upgrade)?;
            }
            e.str("data")?.bytes(self.data)?;
            Ok(())
        })
    }
}

type Written = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

fn cbor(write: impl FnOnce(&mut Encoder<&mut Vec<u8>>) -> Written) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut Encoder::new(&mut bytes)).unwrap();
    bytes
}

/// The image group's error of version 2.
fn error(answer: &Value) -> Option<u64> {
    let error = answer.get("err")?;
    assert_eq!(error.number("group"), Some(1));
    error.number("rc")
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

#[test]
fn lines_of_the_smp_package_are_understood_and_answered() {
    // smp 4.2.0: EchoWriteRequest(d="Hello, Ironroot", sequence=7), encode(…, line_length=…)
    let lines = [
        include_str!("../testdata/echo-127.hex"),
        include_str!("../testdata/echo-8.hex"),
    ];
    for text in lines {
        let mut bench = Bench::blank();
        let (out, _) = bench.line(&mut Recovery::new(), &hex(text.trim()));
        let answer = unframe(&out);
        assert_eq!(answer[..8], [0x0b, 0, 0, 19, 0, 0, 7, 0]);
        let value = Value::read(&mut Decoder::new(&answer[8..]));
        let echoed = Value::Text("Hello, Ironroot".into());
        assert_eq!(value, Value::Map(vec![("r".into(), echoed)]));
    }
}

#[test]
fn text_around_packets_and_carriage_returns_do_not_matter() {
    let mut client = Client::new(Bench::blank());
    let packet = client.packet(0, 0, 6, &[0xa0]);
    let mut line = b"boot: waiting\r\n\x06\x06".to_vec();
    let framed = frame(&packet, 40);
    line.extend(&framed[1..framed.len() - 1]);
    line.extend(b"\r\n");
    let (out, _) = client.bench.line(&mut client.recovery, &line);
    assert_eq!(unframe(&out)[0], 0x09);
}

#[test]
fn a_line_with_any_byte_changed_is_not_taken_for_the_packet() {
    let mut client = Client::new(Bench::blank());
    let packet = client.packet(2, 0, 0, &hex("a1616463616263"));
    let good = frame(&packet, 24);
    let (expected, _) = client.bench.line(&mut Recovery::new(), &good);
    assert!(!expected.is_empty());
    for at in 0..good.len() {
        for mask in [1, 2, 4, 8, 16, 32, 64, 128] {
            let mut bad = good.clone();
            bad[at] ^= mask;
            let mut recovery = Recovery::new();
            let (out, event) = client.bench.line(&mut recovery, &bad);
            assert!(out.is_empty() && event == Event::None, "{at} {mask}");
            // And the next packet is understood, once whatever may have begun is given up.
            recovery.tick(&mut |_| ());
            let (out, _) = client.bench.line(&mut recovery, &good);
            assert_eq!(out, expected, "{at} {mask}");
        }
    }
    for at in 0..good.len() {
        let mut short = good.clone();
        short.remove(at);
        let (out, _) = client.bench.line(&mut Recovery::new(), &short);
        // What lacks its first mark is no line.
        assert!(out.is_empty(), "{at}");
    }
}

#[test]
fn a_packet_larger_than_the_buffer_is_dropped_and_one_as_large_is_not() {
    let mut client = Client::new(Bench::blank());
    for (size, answered) in [(1022, true), (1023, false), (60_000, false)] {
        let text = size - 8 - 3 - 3;
        let data = cbor(|e| {
            e.map(1)?.str("x")?.bytes(&vec![0; text])?;
            Ok(())
        });
        let mut packet = client.packet(0, 0, 6, &data);
        packet.truncate(size);
        assert_eq!(packet.len(), size.min(8 + data.len()));
        // Its lines must not be taken for anything else either, however short.
        for line in [127, 8] {
            let lines = frame(&packet, line);
            let (out, event) = client.bench.line(&mut client.recovery, &lines);
            assert_eq!(!out.is_empty(), answered, "{size}");
            assert_eq!(event, Event::None);
        }
    }
}

#[test]
fn parameters_echo_and_reset() {
    for version in [0, 1] {
        let mut client = Client::new(Bench::blank());
        client.version = version;
        let parameters = client.read(0, 6);
        assert_eq!(parameters.number("buf_size"), Some(1024));
        assert_eq!(parameters.number("buf_count"), Some(1));
        let text = "ä".repeat(100);
        let data = cbor(|e| {
            e.map(1)?.str("d")?.str(&text)?;
            Ok(())
        });
        for operation in [0, 2] {
            let answer = client.ask(operation, 0, 0, &data);
            assert_eq!(answer.get("r"), Some(&Value::Text(text.clone())));
            assert_eq!(client.event, Event::None);
        }
        let answer = client.ask(2, 0, 5, &[]);
        assert_eq!(answer, Value::Map(vec![]));
        assert_eq!(client.event, Event::Reset, "after the answer is out");
    }
}

#[test]
fn what_is_not_a_request_is_not_answered() {
    let mut client = Client::new(Bench::blank());
    for operation in [1, 3, 4, 5, 6, 7] {
        let packet = client.packet(operation, 0, 6, &[0xa0]);
        let (out, _) = client
            .bench
            .line(&mut client.recovery, &frame(&packet, 127));
        assert!(out.is_empty(), "{operation}");
    }
    for len in 0..8 {
        let packet = client.packet(0, 0, 6, &[]);
        let (out, _) = client
            .bench
            .line(&mut client.recovery, &frame(&packet[..len], 127));
        assert!(out.is_empty(), "{len}");
    }
}

#[test]
fn malformed_and_unknown_requests_are_answered_with_an_error() {
    let mut client = Client::new(Bench::in_the_field());
    let untouched = client.bench.flash.bytes().to_vec();
    let rc = |value: Value| value.number("rc");
    for data in [
        "ff",
        "80",
        "a1",
        "a16164",
        "a161640 1",
        "a2616461616164616 1",
        "a1616401",
        "a1616441 61",
        "bf",
        "bf6164ff",
        "a0 00",
        "a1617f9f",
        "a16178c1c1c1c1c100",
        "a1617881818181810 0",
        "a16178 1c",
        "7f61ff",
        "a17f61640061",
        "bb ffffffffffffffff",
        "a16164 7bffffffffffffffff61",
        "a16178 5f4100ff",
    ] {
        let data = hex(&data.replace(' ', ""));
        assert_eq!(rc(client.ask(0, 0, 0, &data)), Some(3), "{data:02x?}");
    }
    // A length field that is not that of the data.
    for change in [1u8, 0xff] {
        let mut packet = client.packet(0, 0, 6, &[0xa0]);
        packet[3] = packet[3].wrapping_add(change);
        assert_eq!(rc(client.send(&packet)), Some(3));
    }
    for (operation, group, command) in [
        (0, 0, 2),
        (2, 0, 6),
        (0, 0, 5),
        (0, 1, 1),
        (2, 1, 6),
        (0, 1, 5),
        (0, 2, 0),
        (0, 64, 0),
    ] {
        assert_eq!(rc(client.ask(operation, group, command, &[0xa0])), Some(8));
    }
    for (command, data) in [
        (0, cbor(|e| e.map(1)?.str("confirm")?.bool(true).map(drop))),
        (1, cbor(|e| e.map(1)?.str("off")?.u32(0).map(drop))),
        (1, cbor(|e| e.map(1)?.str("data")?.bytes(b"x").map(drop))),
        (
            1,
            Piece {
                offset: 0,
                data: b"x",
                first: None,
                sha: None,
                upgrade: None,
            }
            .encode(),
        ),
        (
            1,
            Piece {
                offset: 0,
                data: b"x",
                first: Some((1, 9)),
                sha: Some(b"short"),
                upgrade: None,
            }
            .encode(),
        ),
        (
            1,
            cbor(|e| {
                e.map(2)?
                    .str("off")?
                    .i32(-1)?
                    .str("data")?
                    .bytes(b"x")
                    .map(drop)
            }),
        ),
    ] {
        assert_eq!(
            rc(client.ask(2, 1, command, &data)),
            Some(3),
            "{command} {data:02x?}"
        );
    }
    let mut packet = client.packet(0, 0, 6, &[0xa0]);
    packet[0] = 2 << 3;
    let (out, _) = client
        .bench
        .line(&mut client.recovery, &frame(&packet, 127));
    let answer = unframe(&out);
    assert_eq!(answer[0], 1 << 3 | 1, "in the highest version there is");
    assert_eq!(rc(Value::read(&mut Decoder::new(&answer[8..]))), Some(13));
    assert_eq!(client.bench.flash.bytes(), untouched);
}

#[test]
fn maps_of_indefinite_length_are_read() {
    let mut client = Client::new(Bench::blank());
    // As Jackson writes it: {_ "d": "abc", "more": [_ {_ "x": 1}] }
    let data = hex("bf61646361626 3646d6f72659fbf617801ffffff"
        .replace(' ', "")
        .as_str());
    let answer = client.ask(2, 0, 0, &data);
    assert_eq!(answer.get("r"), Some(&Value::Text("abc".into())));
}

#[test]
fn the_state_lists_what_would_be_accepted_and_nothing_else() {
    let mut client = Client::new(Bench::in_the_field());
    let state = client.read(1, 0);
    let found: Vec<_> = state
        .list("images")
        .iter()
        .map(|entry| {
            let version = entry.get("version").cloned();
            assert!(entry.is("bootable"));
            let flags = ["active", "confirmed", "pending"].map(|flag| entry.is(flag));
            (entry.number("image"), entry.number("slot"), version, flags)
        })
        .collect();
    // Slot B's version 0 is behind the security counter: it is gone from the list.
    let version = Some(Value::Text("1.0.0".into()));
    let expected = |image| (Some(image), Some(0), version.clone(), [true, true, false]);
    assert_eq!(found, [expected(0), expected(1)]);
}

#[test]
fn slot_info_tells_sizes_and_where_to_upload() {
    let mut client = Client::new(Bench::blank());
    let answer = client.read(1, 6);
    let images = answer.list("images");
    assert_eq!(images.len(), 2);
    for (number, image) in images.iter().enumerate() {
        assert_eq!(image.number("image"), Some(number as u64));
        // MCUboot's trailer for write units up to 8: four items of 8 bytes and the magic.
        let limit = u64::from(SLOT) - 16 - 4 * 8 + 8;
        assert_eq!(image.number("max_image_size"), Some(limit), "{number}");
        for (slot, info) in image.list("slots").iter().enumerate() {
            assert_eq!(info.number("slot"), Some(slot as u64));
            assert_eq!(info.number("size"), Some(SLOT.into()));
            assert_eq!(
                info.number("upload_image_id"),
                Some((2 + 2 * number + slot) as u64)
            );
        }
    }
}

#[test]
fn an_upload_in_pieces_of_any_size_is_tried_after_the_reset() {
    for size in [1, 7, 31, 32, 33, 100, 512, 900] {
        let file = image(2, 2100);
        let mut client = Client::new(Bench::in_the_field());
        let good = client.bench.content(A);
        let answer = client.upload(1, &file, size);
        assert_eq!(answer.number("off"), Some(file.len() as u64), "{size}");
        assert!(answer.is("match"));
        assert_eq!(client.bench.content(B)[..file.len()], file);
        assert_eq!(
            client.bench.fork().boot(),
            Ok((1, 1)),
            "nobody asked for it yet"
        );
        let hash = client.hash_of(1, 1);
        let state = client.mark(&hash, false);
        let marked = state
            .list("images")
            .iter()
            .find(|entry| entry.is("pending"));
        assert_eq!(marked.and_then(|entry| entry.number("slot")), Some(1));
        assert_eq!(client.bench.content(A), good);
        assert_eq!(client.bench.boot(), Ok((1, 2)));
        assert_eq!(client.bench.boot(), Ok((1, 1)), "not confirmed");
        assert_eq!(client.bench.flash.violations(), 0);
    }
}

#[test]
fn a_confirmed_image_needs_no_trial() {
    let mut client = Client::new(Bench::in_the_field());
    client.upload(1, &image(2, 900), 300);
    let hash = client.hash_of(1, 1);
    assert_eq!(error(&client.mark(&hash, false)), None);
    assert_eq!(error(&client.mark(&hash, false)), None, "twice is no error");
    assert_eq!(error(&client.mark(&hash, true)), None);
    assert_eq!(error(&client.mark(&hash, true)), None);
    assert_eq!(
        error(&client.mark(&hash, false)),
        Some(33),
        "no way back to trial"
    );
    for _ in 0..2 {
        assert_eq!(client.bench.boot(), Ok((1, 2)));
    }
    let mut other = hash;
    other[0] ^= 1;
    assert_eq!(error(&client.mark(&other, true)), Some(3));
    assert_eq!(error(&client.mark(&[], true)), Some(3));
}

#[test]
fn a_blank_device_is_filled() {
    let mut client = Client::new(Bench::blank());
    for target in [0, 1] {
        assert!(client.upload(target, &image(3, 1500), 500).is("match"));
        let hash = client.hash_of(target.into(), 0);
        client.mark(&hash, true);
        // The second is refused under the first one's hash: both images are the same bytes here.
        if target == 1 {
            let place = MAP.slot(Image::NonSecure, Slot::A);
            assert_ne!(client.bench.flash.bytes()[place.offset as usize], 0xff);
        }
    }
    assert_eq!(client.bench.boot(), Ok((3, 3)));
}

#[test]
fn a_broken_upload_goes_on_where_it_broke_off() {
    let mut client = Client::new(Bench::in_the_field());
    let file = image(2, 3000);
    let sha = digest(HashAlgorithm::Sha256, &file);
    let first = |data| Piece {
        offset: 0,
        data,
        first: Some((1, file.len())),
        sha: Some(sha.as_slice()),
        upgrade: None,
    };
    let next = |offset: usize, len: usize| Piece {
        offset,
        data: &file[offset..offset + len],
        first: None,
        sha: None,
        upgrade: None,
    };
    assert_eq!(client.piece(&first(&file[..500])).number("off"), Some(500));
    assert_eq!(client.piece(&next(500, 333)).number("off"), Some(833));
    // Lost answer, lost request, nonsense.
    assert_eq!(client.piece(&next(500, 333)).number("off"), Some(833));
    assert_eq!(client.piece(&next(1200, 300)).number("off"), Some(833));
    let operations = client.bench.power.operations();
    // A client that was started anew.
    assert_eq!(client.piece(&first(&file[..500])).number("off"), Some(833));
    assert_eq!(
        client.bench.power.operations(),
        operations,
        "nothing was written again"
    );
    assert!(client.upload(1, &file, 600).is("match"));
    // And once more: it is there already.
    let operations = client.bench.power.operations();
    assert!(client.upload(1, &file, 600).is("match"));
    assert_eq!(client.bench.power.operations(), operations);
    // Another file begins anew.
    let other = image(4, 1000);
    assert!(client.upload(1, &other, 600).is("match"));
    assert_eq!(client.bench.content(B)[..other.len()], other);
}

#[test]
fn a_piece_of_no_upload_is_asked_for_from_the_beginning() {
    let mut client = Client::new(Bench::in_the_field());
    let piece = Piece {
        offset: 500,
        data: b"piece",
        first: None,
        sha: None,
        upgrade: None,
    };
    assert_eq!(client.piece(&piece).number("off"), Some(0));
}

#[test]
fn a_bad_image_is_refused_before_anything_is_erased() {
    let good = image(2, 900);
    let header = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let too_large = signed(1, 2, &vec![0; SLOT as usize], 2);
    let cases = [
        (header(0, &[0]), 23),
        (header(8, &[31, 0]), 22),
        (header(12, &0x8000_0000u32.to_le_bytes()), 30),
        (header(12, &2000u32.to_le_bytes()), 21),
        (header(16, &0x8000_0000u32.to_le_bytes()), 22),
        (header(16, &0x10u32.to_le_bytes()), 22),
        (header(16, &0x20u32.to_le_bytes()), 22),
        (header(28, &[1]), 22),
        (good[..31].to_vec(), 21),
        (Vec::new(), 21),
        (too_large, 30),
    ];
    for (number, (file, expected)) in cases.iter().enumerate() {
        let mut client = Client::new(Bench::in_the_field());
        let before = client.bench.flash.bytes().to_vec();
        let operations = client.bench.power.operations();
        let answer = client.upload(1, file, 64);
        assert_eq!(error(&answer), Some(*expected), "case {number}");
        assert_eq!(client.bench.flash.bytes(), before);
        assert_eq!(client.bench.power.operations(), operations);
    }
}

#[test]
fn version_1_gives_the_reason_in_words() {
    let mut client = Client::new(Bench::in_the_field());
    client.version = 0;
    let answer = client.upload(1, &[0; 64], 64);
    assert_eq!(answer.number("rc"), Some(9));
    let words = Value::Text("no image: the header magic is missing".into());
    assert_eq!(answer.get("rsn"), Some(&words));
}

#[test]
fn an_image_that_the_bootloader_would_refuse_is_never_marked() {
    let mut tampered = image(2, 900);
    tampered[500] ^= 1;
    let mut longer = image(2, 900);
    longer.push(0);
    let cases = [
        (tampered, 24),
        (signed(9, 2, &[7; 900], 2), 22),
        (signed(1, 2, &[7; 900], 0), 22),
        (longer, 21),
    ];
    for (number, (file, expected)) in cases.iter().enumerate() {
        let mut client = Client::new(Bench::in_the_field());
        let answer = client.upload(1, file, 200);
        assert_eq!(error(&answer), Some(*expected), "case {number}");
        let hash = digest(HashAlgorithm::Sha256, &file[..file.len() - 100]);
        assert_eq!(error(&client.mark(hash.as_slice(), true)), Some(3));
        assert_eq!(client.bench.boot(), Ok((1, 1)), "case {number}");
    }
}

#[test]
fn a_file_that_is_not_the_announced_one_is_told_so() {
    let mut client = Client::new(Bench::in_the_field());
    let file = image(2, 900);
    let piece = |offset: usize, first| Piece {
        offset,
        data: &file[offset..(offset + 700).min(file.len())],
        first,
        sha: offset.eq(&0).then_some(&[9; 32][..]),
        upgrade: None,
    };
    client.piece(&piece(0, Some((1, file.len()))));
    let answer = client.piece(&piece(700, None));
    assert_eq!(answer.get("match"), Some(&Value::Bool(false)));
}

#[test]
fn more_data_than_announced_ends_the_upload() {
    let mut client = Client::new(Bench::in_the_field());
    let file = image(2, 900);
    let piece = |offset, data| Piece {
        offset,
        data,
        first: (offset == 0).then_some((1, file.len())),
        sha: None,
        upgrade: None,
    };
    client.piece(&piece(0, &file[..900]));
    let rest = [&file[900..], b"x"].concat();
    assert_eq!(error(&client.piece(&piece(900, &rest))), Some(31));
    assert_eq!(
        client.piece(&piece(900, &file[900..])).number("off"),
        Some(0)
    );
}

#[test]
fn the_last_good_image_is_never_given_up() {
    let mut client = Client::new(Bench::in_the_field());
    let good = client.bench.content(A);
    let file = image(2, 900);
    // By itself, slot A of image 1 is number 4.
    assert_eq!(error(&client.upload(4, &file, 300)), Some(9));
    let erase = |slot: u32| cbor(|e| e.map(1)?.str("slot")?.u32(slot).map(drop));
    assert_eq!(error(&client.ask(2, 1, 5, &erase(2))), Some(9));
    assert_eq!(error(&client.ask(2, 1, 5, &erase(0))), Some(9));
    assert_eq!(client.bench.content(A), good);
    for number in [6, 99, u32::MAX] {
        assert_eq!(error(&client.upload(number, &file, 300)), Some(14));
        assert_eq!(error(&client.ask(2, 1, 5, &erase(number))), Some(14));
    }
    // The other slot may go, and once it holds a confirmed image, so may this one.
    assert_eq!(client.ask(2, 1, 5, &erase(3)), Value::Map(vec![]));
    assert!(client.bench.content(B).iter().all(|byte| *byte == 0xff));
    assert!(client.upload(5, &file, 300).is("match"));
    assert_eq!(
        error(&client.upload(4, &file, 300)),
        Some(9),
        "an image that nobody asked for does not count"
    );
    let hash = client.hash_of(1, 1);
    client.mark(&hash, false);
    assert_eq!(
        error(&client.upload(4, &file, 300)),
        Some(9),
        "nor one on trial"
    );
    client.mark(&hash, true);
    assert!(client.upload(4, &image(3, 500), 300).is("match"));
    assert_eq!(client.bench.boot(), Ok((1, 2)));
}

#[test]
fn without_a_slot_in_the_request_an_erase_means_the_second() {
    let mut client = Client::new(Bench::in_the_field());
    assert_eq!(client.ask(2, 1, 5, &[0xa0]), Value::Map(vec![]));
    let place = Place::new(Image::Secure, Slot::B);
    assert!(client.bench.content(place).iter().all(|byte| *byte == 0xff));
}

#[test]
fn an_older_version_is_refused_when_only_an_upgrade_is_wanted_and_never_marked() {
    let mut bench = Bench::blank();
    for number in Image::ALL {
        bench.install(number, Slot::A, &signed(1, 5, &[5; 600], 1));
    }
    let mut client = Client::new(bench);
    for (major, refused) in [(4, true), (5, true), (6, false)] {
        let file = signed(1, major, &[major; 600], 1);
        let piece = Piece {
            offset: 0,
            data: &file[..300],
            first: Some((1, file.len())),
            sha: None,
            upgrade: Some(true),
        };
        assert_eq!(error(&client.piece(&piece)).is_some(), refused, "{major}");
    }
    // Loaded it can be, but the device would boot the other one all the same.
    assert!(
        client
            .upload(1, &signed(1, 4, &[4; 600], 1), 300)
            .is("match")
    );
    let hash = client.hash_of(1, 1);
    assert_eq!(error(&client.mark(&hash, false)), Some(27));
    assert_eq!(client.bench.boot(), Ok((5, 5)));
}

#[test]
fn a_line_that_stops_in_the_middle_is_forgotten_after_a_second() {
    let mut client = Client::new(Bench::blank());
    let packet = client.packet(0, 0, 6, &[0xa0]);
    let lines = frame(&packet, 127);
    client.bench.line(&mut client.recovery, &lines[..10]);
    let mut out = Vec::new();
    assert_eq!(
        client.recovery.tick(&mut |byte| out.push(byte)),
        Event::None
    );
    // An `r` in a line is data, after it an order.
    let (_, event) = client.bench.line(&mut client.recovery, b"r\n");
    assert_eq!(event, Event::Reset);
}
