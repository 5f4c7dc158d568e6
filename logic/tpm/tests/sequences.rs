//! Hashes, HMACs, event sequences, self tests.

mod common;
mod state_common;

use common::{Auth, Command, Machine, alg, crypto, rc, rh};
use crypto::Hash;
use state_common::*;

/// FIPS 180-4, "abc" with SHA-256.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

/// Tag, hierarchy and digest of a hash check ticket.
fn ticket(reader: &mut common::Reader<'_>) -> (u32, Vec<u8>) {
    assert_eq!(reader.u16(), 0x8024);
    let ticket = (reader.u32(), reader.sized().to_vec());
    reader.end();
    ticket
}

#[test]
fn hash_gives_the_published_digest_and_a_ticket_where_it_is_safe() {
    let mut machine = Machine::new();
    let hash = |data: &[u8], hash: u16, hierarchy: u32| {
        Command::new(0x17d).sized(data).u16(hash).u32(hierarchy)
    };
    let reply = machine
        .send(&hash(b"abc", alg::SHA256, rh::OWNER), &mut [])
        .unwrap();
    let mut reader = reply.reader();
    assert_eq!(reader.sized(), hex(ABC));
    assert_eq!(
        ticket(&mut reader),
        (rh::NULL, vec![]),
        "three bytes may still become anything"
    );
    for (data, hierarchy, with_ticket) in [
        (&b"abcd"[..], rh::OWNER, true),
        (b"abcd", rh::PLATFORM, true),
        (b"abcd", rh::NULL, false),
        (b"\xffTCG and more", rh::OWNER, false),
        (b"\xffTCH", rh::ENDORSEMENT, true),
        (b"", rh::OWNER, false),
    ] {
        let reply = machine
            .send(&hash(data, alg::SHA384, hierarchy), &mut [])
            .unwrap();
        let mut reader = reply.reader();
        assert_eq!(reader.sized(), crypto::hash(Hash::Sha384, &[data]));
        let (of, digest) = ticket(&mut reader);
        assert_eq!(of, if with_ticket { hierarchy } else { rh::NULL });
        assert_eq!(!digest.is_empty(), with_ticket);
    }
    for (command, expected) in [
        (
            hash(&[0; 1025], alg::SHA256, rh::OWNER),
            rc::parameter(rc::SIZE, 1),
        ),
        (hash(b"x", alg::NULL, rh::OWNER), rc::parameter(rc::HASH, 2)),
        (hash(b"x", 0x11, rh::OWNER), rc::parameter(rc::HASH, 2)),
        (
            hash(b"x", alg::SHA256, rh::LOCKOUT),
            rc::parameter(rc::VALUE, 3),
        ),
        (hash(b"x", alg::SHA256, rh::OWNER).u8(0), rc::SIZE),
    ] {
        assert_eq!(machine.send(&command, &mut []).unwrap_err(), expected);
    }
}

fn start(machine: &mut Machine, auth: &[u8], hash: u16) -> u32 {
    machine
        .send(&Command::new(0x186).sized(auth).u16(hash), &mut [])
        .unwrap()
        .handle
}

#[test]
fn a_hash_sequence_is_the_hash_of_its_pieces() {
    let mut machine = Machine::new();
    let pieces: Vec<Vec<u8>> = [0, 1, 64, 1024, 127, 3]
        .iter()
        .map(|len| vec![*len as u8; *len])
        .collect();
    let (bank, hash) = (alg::SHA384, Hash::Sha384);
    let sequence = start(&mut machine, b"auth", bank);
    let update = |data: &[u8]| Command::new(0x15c).named(sequence, &[]).sized(data);
    for piece in &pieces {
        machine
            .send(&update(piece), &mut [Auth::password(b"auth")])
            .unwrap();
    }
    let wrong = machine
        .send(&update(b"evil"), &mut [Auth::password(b"no")])
        .unwrap_err();
    assert_eq!(wrong, rc::session(rc::BAD_AUTH, 1));
    let complete = Command::new(0x13e)
        .named(sequence, &[])
        .sized(b"the end")
        .u32(rh::OWNER);
    let reply = machine
        .send(&complete, &mut [Auth::password(b"auth")])
        .unwrap();
    let mut reader = reply.reader();
    assert_eq!(
        reader.sized(),
        crypto::hash(hash, &[&pieces.concat(), b"the end"])
    );
    assert_eq!(ticket(&mut reader).0, rh::NULL, "its first piece was empty");
    let again = machine
        .send(&complete, &mut [Auth::password(b"auth")])
        .unwrap_err();
    assert_eq!(again, rc::REFERENCE_H0, "it left its slot");
}

#[test]
fn the_ticket_of_a_sequence_goes_by_its_first_piece() {
    let mut machine = Machine::new();
    for (first, last, safe) in [
        (Some(&b"\xffTCG"[..]), &b"x"[..], false),
        (Some(b"abcd"), b"\xffTCG", true),
        (Some(b"abc"), b"d", false),
        (None, b"abcd", true),
        (None, b"\xffTCGx", false),
        (None, b"", false),
    ] {
        let sequence = start(&mut machine, b"", alg::SHA256);
        if let Some(first) = first {
            machine
                .send(
                    &Command::new(0x15c).named(sequence, &[]).sized(first),
                    &mut open(),
                )
                .unwrap();
        }
        let complete = Command::new(0x13e)
            .named(sequence, &[])
            .sized(last)
            .u32(rh::OWNER);
        let reply = machine.send(&complete, &mut open()).unwrap();
        let mut reader = reply.reader();
        let digest = reader.sized().to_vec();
        let ticket = ticket(&mut reader);
        assert_eq!(ticket.0 == rh::OWNER, safe, "{first:?} {last:?}");
        if first.is_none() && safe {
            let hash = Command::new(0x17d)
                .sized(last)
                .u16(alg::SHA256)
                .u32(rh::OWNER);
            let reply = machine.send(&hash, &mut []).unwrap();
            let mut reader = reply.reader();
            assert_eq!(reader.sized(), digest);
            let again = self::ticket(&mut reader);
            assert_eq!(again, ticket, "the same ticket as Hash gives");
        }
    }
}

#[test]
fn an_event_sequence_hashes_for_all_banks_and_extends() {
    let mut machine = Machine::new();
    let sequence = start(&mut machine, b"", alg::NULL);
    machine
        .send(
            &Command::new(0x15c).named(sequence, &[]).sized(b"first "),
            &mut open(),
        )
        .unwrap();
    let hashed = Command::new(0x13e)
        .named(sequence, &[])
        .sized(b"")
        .u32(rh::NULL);
    assert_eq!(
        machine.send(&hashed, &mut open()).unwrap_err(),
        rc::handle(rc::MODE, 1)
    );
    let complete = |pcr: u32| {
        Command::new(0x185)
            .handle(pcr)
            .named(sequence, &[])
            .sized(b"second")
    };
    let both = || [Auth::password(b""), Auth::password(b"")];
    assert_eq!(
        machine.send(&complete(21), &mut both()).unwrap_err(),
        rc::LOCALITY
    );
    assert_eq!(
        machine.send(&complete(24), &mut both()).unwrap_err(),
        rc::handle(rc::VALUE, 1)
    );
    let reply = machine.send(&complete(12), &mut both()).unwrap();
    let mut reader = reply.reader();
    let banks = [
        #[cfg(feature = "full")]
        (alg::SHA1, Hash::Sha1, 20),
        (alg::SHA256, Hash::Sha256, 32),
        (alg::SHA384, Hash::Sha384, 48),
        #[cfg(feature = "full")]
        (alg::SHA512, Hash::Sha512, 64),
    ];
    assert_eq!(reader.u32(), banks.len() as u32);
    for (bank, hash, len) in banks {
        let digest = crypto::hash(hash, &[b"first second"]);
        assert_eq!(reader.u16(), bank);
        assert_eq!(reader.take(len), digest);
        assert_eq!(
            pcr_of(&mut machine, bank, 12).unwrap(),
            crypto::hash(hash, &[&vec![0; len], &digest])
        );
    }
    reader.end();
    let plain = start(&mut machine, b"", alg::SHA256);
    let wrong = Command::new(0x185).handle(12).named(plain, &[]).sized(b"");
    assert_eq!(
        machine.send(&wrong, &mut both()).unwrap_err(),
        rc::handle(rc::MODE, 2)
    );
}

/// Loads an HMAC key; `scheme`: its hash, or null.
fn hmac_key(machine: &mut Machine, attributes: u32, scheme: Option<u16>) -> u32 {
    let seed = [9; 32];
    let secret = b"Jefe";
    let mut public = vec![0, 8, 0, 0x0b];
    public.extend(attributes.to_be_bytes());
    public.extend([0, 0]);
    match scheme {
        Some(hash) => public.extend([&[0, 5][..], &hash.to_be_bytes()].concat()),
        None => public.extend([0, 0x10]),
    }
    public.extend([0, 32]);
    public.extend(crypto::sha256(&[&seed, secret]));
    let mut sensitive = vec![0, 8, 0, 4];
    sensitive.extend(b"auth");
    sensitive.extend([0, 32]);
    sensitive.extend(seed);
    sensitive.extend([0, 4]);
    sensitive.extend(secret);
    let command = Command::new(0x167)
        .sized(&sensitive)
        .sized(&public)
        .u32(rh::NULL);
    machine.send(&command, &mut []).unwrap().handle
}

const SIGN: u32 = 1 << 18 | 1 << 6;

/// RFC 4231, test case 2.
#[test]
fn hmac_gives_the_published_value_at_once_and_in_pieces() {
    let mut machine = Machine::new();
    let key = hmac_key(&mut machine, SIGN, Some(alg::SHA256));
    let expected = hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    for hash in [alg::NULL, alg::SHA256] {
        let command = Command::new(0x155)
            .named(key, &[])
            .sized(b"what do ya want for nothing?")
            .u16(hash);
        let reply = machine
            .send(&command, &mut [Auth::password(b"auth")])
            .unwrap();
        assert_eq!(reply.reader().sized(), expected);
    }
    let begin = Command::new(0x15b)
        .named(key, &[])
        .sized(b"own")
        .u16(alg::NULL);
    let sequence = machine
        .send(&begin, &mut [Auth::password(b"auth")])
        .unwrap()
        .handle;
    let own = || [Auth::password(b"own")];
    let update = Command::new(0x15c)
        .named(sequence, &[])
        .sized(b"what do ya want ");
    machine.send(&update, &mut own()).unwrap();
    machine.flush(key).unwrap();
    let complete = Command::new(0x13e)
        .named(sequence, &[])
        .sized(b"for nothing?")
        .u32(rh::OWNER);
    let reply = machine.send(&complete, &mut own()).unwrap();
    let mut reader = reply.reader();
    assert_eq!(reader.sized(), expected);
    assert_eq!(
        ticket(&mut reader),
        (rh::NULL, vec![]),
        "no ticket for an HMAC"
    );
}

#[cfg(feature = "full")]
#[test]
fn hmac_keys_are_used_as_their_public_area_says() {
    let mut machine = Machine::new();
    let hmac = |key: u32, hash: u16| Command::new(0x155).named(key, &[]).sized(b"x").u16(hash);
    let auth = || [Auth::password(b"auth")];
    let fixed = hmac_key(&mut machine, SIGN, Some(alg::SHA256));
    assert_eq!(
        machine
            .send(&hmac(fixed, alg::SHA1), &mut auth())
            .unwrap_err(),
        rc::parameter(rc::VALUE, 2)
    );
    assert_eq!(
        machine.send(&hmac(fixed, 0x99), &mut auth()).unwrap_err(),
        // Where MAC is HMAC's other name, a CMAC could stand here, too.
        match cfg!(feature = "full") {
            true => rc::parameter(rc::SYMMETRIC, 2),
            false => rc::parameter(rc::HASH, 2),
        }
    );
    let free = hmac_key(&mut machine, SIGN | 1 << 17, None);
    machine.send(&hmac(free, alg::SHA512), &mut auth()).unwrap();
    assert_eq!(
        machine
            .send(&hmac(free, alg::NULL), &mut auth())
            .unwrap_err(),
        rc::parameter(rc::VALUE, 2)
    );
    let sequence = start(&mut machine, b"auth", alg::SHA256);
    machine
        .send(&hmac(sequence, alg::SHA256), &mut auth())
        .unwrap_err();
    let update = Command::new(0x15c).named(free, &[]).sized(b"x");
    assert_eq!(
        machine.send(&update, &mut auth()).unwrap_err(),
        rc::handle(rc::MODE, 1)
    );
}

#[cfg(feature = "full")]
#[test]
fn sequences_take_slots_and_no_more_than_there_are() {
    let mut machine = Machine::with_profile(&ironroot_tpm::Profile::PC_CLIENT);
    let all: Vec<_> = (0..3)
        .map(|_| start(&mut machine, b"", alg::NULL))
        .collect();
    let more = Command::new(0x186).sized(b"").u16(alg::SHA1);
    assert_eq!(machine.send(&more, &mut []).unwrap_err(), rc::OBJECT_MEMORY);
    machine.flush(all[1]).unwrap();
    assert_eq!(start(&mut machine, b"", alg::SHA1), all[1]);
}

#[cfg(feature = "full")]
#[test]
fn self_tests_pass_and_say_what_was_done() {
    let mut machine = Machine::new();
    let result = |machine: &mut Machine| {
        let reply = machine.send(&Command::new(0x17c), &mut []).unwrap();
        let mut reader = reply.reader();
        let data = reader.sized().to_vec();
        assert_eq!(reader.u32(), 0);
        reader.end();
        data
    };
    assert_eq!(
        result(&mut machine),
        [0b00_1111, 0],
        "hash, HMAC, KDF and AES at power on"
    );
    let incremental = |algorithms: &[u16]| {
        let command = Command::new(0x142).u32(algorithms.len() as u32);
        algorithms
            .iter()
            .fold(command, |command, alg| command.u16(*alg))
    };
    let to_do = |machine: &mut Machine, command: Command| {
        let reply = machine.send(&command, &mut []).unwrap();
        let mut reader = reply.reader();
        let list: Vec<_> = (0..reader.u32()).map(|_| reader.u16()).collect();
        reader.end();
        list
    };
    let open = to_do(&mut machine, incremental(&[]));
    assert!(
        open.contains(&alg::RSA) && open.contains(&alg::ECDSA) && !open.contains(&alg::AES),
        "{open:x?}"
    );
    assert_eq!(to_do(&mut machine, incremental(&[alg::ECC, alg::SHA1])), []);
    assert_eq!(result(&mut machine), [0b01_1111, 0]);
    for full in [0, 1] {
        machine
            .send(&Command::new(0x143).u8(full), &mut [])
            .unwrap();
        assert_eq!(result(&mut machine), [0b11_1111, 0]);
        assert_eq!(to_do(&mut machine, incremental(&[])), []);
    }
    for (command, expected) in [
        (Command::new(0x143).u8(2), rc::parameter(rc::VALUE, 1)),
        (Command::new(0x143), rc::parameter(rc::INSUFFICIENT, 1)),
        (
            incremental(&[alg::SHA1, 0x7fff]),
            rc::parameter(rc::VALUE, 1),
        ),
        (Command::new(0x142).u32(65), rc::parameter(rc::SIZE, 1)),
        (
            Command::new(0x142).u32(2).u16(alg::SHA1),
            rc::parameter(rc::INSUFFICIENT, 1),
        ),
        (Command::new(0x17c).u8(0), rc::SIZE),
        (
            Command::new(0x146).sized(&[0; 129]),
            rc::parameter(rc::SIZE, 1),
        ),
    ] {
        assert_eq!(machine.send(&command, &mut []).unwrap_err(), expected);
    }
}

#[cfg(feature = "full")]
#[test]
fn random_is_at_most_a_digest_long_and_stirring_changes_it() {
    let mut machine = Machine::new();
    for (wanted, len) in [(0, 0), (1, 1), (64, 64), (65, 64), (u16::MAX, 64)] {
        let reply = machine
            .send(&Command::new(0x17b).u16(wanted), &mut [])
            .unwrap();
        assert_eq!(reply.reader().sized().len(), len);
    }
    let twin = |stirred: bool| {
        let mut machine = Machine::new();
        if stirred {
            machine
                .send(&Command::new(0x146).sized(b"fresh"), &mut [])
                .unwrap();
        }
        random(&mut machine)
    };
    assert_eq!(twin(false), twin(false));
    assert_ne!(twin(false), twin(true));
}
