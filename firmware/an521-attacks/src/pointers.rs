//! Attacks 30 to 69: a valid request with one thing wrong about its memory or its control word.
//!
//! Firmware Framework for M 1.0, 4.3.3: an invalid reference, a bad number of vectors or a bad type is a
//! programmer error. Nothing may have happened by then.

use ironroot_port_armv8m::nonsecure::probe::{self, Foreign, Place, Scratch};

use crate::attack::{Attack, Attempt, Expect};
use crate::request::{DIGEST, INPUTS, MESSAGE, OUTPUTS, PACKED, Request};

const REFUSED: Expect = Expect::Status(-129);

const fn twist(number: u32, name: &'static str, twist: fn(&mut Request)) -> Attack {
    Attack {
        number,
        name,
        expect: REFUSED,
        attempt: Attempt::Twist(twist),
    }
}

const fn check(number: u32, name: &'static str, expect: Expect, run: fn() -> u32) -> Attack {
    Attack {
        number,
        name,
        expect,
        attempt: Attempt::Do(run),
    }
}

/// In the order of their numbers.
#[rustfmt::skip] // one line per attack
pub(crate) const ATTACKS: &[Attack] = &[
    check(30, "honest-request", Expect::Word(0), honest),
    twist(31, "in-array-secure", |r| r.inputs = secure_data()),
    twist(32, "in-array-null", |r| r.inputs = Place::Null),
    twist(33, "in-array-unaligned", |r| r.inputs = Place::Scratch(INPUTS as u32 * 4 + 2)),
    twist(34, "in-array-wraps", |r| r.inputs = foreign(0xFFFF_FFFC)),
    twist(35, "in-array-device", |r| r.inputs = foreign(0x4020_0000)),
    twist(36, "in-array-unmapped", |r| r.inputs = foreign(0x6000_0000)),
    twist(37, "in-array-crosses-end", |r| r.inputs = Place::BeforeEnd(8)),
    twist(38, "out-array-secure", |r| r.outputs = secure_data()),
    twist(39, "out-array-null", |r| r.outputs = Place::Null),
    twist(40, "out-array-unaligned", |r| r.outputs = Place::Scratch(OUTPUTS as u32 * 4 + 2)),
    twist(41, "out-array-wraps", |r| r.outputs = foreign(0xFFFF_FFFC)),
    twist(42, "out-array-device", |r| r.outputs = foreign(0x4020_0000)),
    twist(43, "out-array-unmapped", |r| r.outputs = foreign(0x6000_0000)),
    twist(44, "out-array-crosses-end", |r| r.outputs = Place::BeforeEnd(4)),
    twist(45, "in-base-secure", |_| input(secure_data(), 3)),
    twist(46, "in-base-wraps", |_| input(Place::Scratch(MESSAGE), 0xFFFF_FFF0)),
    twist(47, "in-base-crosses-end", |_| input(Place::BeforeEnd(2), 3)),
    twist(48, "in-base-null", |_| input(Place::Null, 3)),
    twist(49, "in-base-flash", |_| input(foreign(0x8000_0000), 3)),
    twist(50, "in-base-device", |_| input(foreign(0x4020_0000), 4)),
    twist(51, "in-base-secure-alias-of-ours", |_| input(foreign(0x3810_0000), 3)),
    twist(52, "out-base-secure", |_| output(secure_data(), 32)),
    twist(53, "out-base-wraps", |_| output(Place::Scratch(DIGEST), 0xFFFF_FFF0)),
    twist(54, "out-base-crosses-end", |_| output(Place::BeforeEnd(4), 32)),
    twist(55, "out-base-null", |_| output(Place::Null, 32)),
    twist(56, "out-base-otp", |_| output(foreign(0x80FF_0000), 32)),
    twist(57, "out-base-device", |_| output(foreign(0x4020_0000), 32)),
    twist(58, "out-base-secure-code", |_| output(foreign(0x1001_0400), 32)),
    twist(59, "out-base-fault-record", |_| output(foreign(0x3000_0400), 32)),
    check(60, "input-is-output", Expect::Word(0), input_is_output),
    check(61, "output-is-its-own-vector", Expect::Word(0), output_is_its_own_vector),
    check(62, "vector-arrays-overlap", Expect::Word(0), vector_arrays_overlap),
    twist(63, "five-inputs", |r| r.control = 0x0501_0000),
    twist(64, "three-in-two-out", |r| r.control = 0x0302_0000),
    twist(65, "reserved-control-bits", |r| r.control |= 1 << 20 | 1 << 28),
    twist(66, "non-secure-agent-flags", |r| r.control |= 1 << 19 | 1 << 27 | 1 << 31),
    twist(67, "negative-type", |r| r.control |= 0xFFFF),
    check(68, "empty-vector-anywhere", Expect::Word(0), empty_vector_anywhere),
];

fn foreign(address: u32) -> Place {
    Foreign::new(address).map_or(Place::Null, Place::Foreign)
}

fn secure_data() -> Place {
    foreign(0x3000_0800)
}

/// Replaces the message's vector.
fn input(base: Place, length: u32) {
    probe::put_vector(INPUTS + 2, base, length);
}

/// Replaces the digest's vector.
fn output(base: Place, length: u32) {
    probe::put_vector(OUTPUTS, base, length);
}

/// Without it every refusal below would prove nothing.
fn honest() -> u32 {
    let status = Request::valid().make();
    if status == 0 {
        u32::from(!Request::digest_is_right())
    } else {
        status
    }
}

/// Crypto API 1.2, 6.5.3: buffers may overlap, and the result is as if the input had been copied.
fn input_is_output() -> u32 {
    let request = Request::valid();
    output(Place::Scratch(MESSAGE), 32);
    let status = request.make();
    if status == 0 {
        u32::from(!Request::digest_is_right_at(MESSAGE))
    } else {
        status
    }
}

/// The digest overwrites the vector that says where it goes. Vectors are read once, before the service runs,
/// and lengths are written last: all of the digest is there but its second word, which is the length.
fn output_is_its_own_vector() -> u32 {
    let request = Request::valid();
    output(Place::Scratch(OUTPUTS as u32 * 4), 32);
    let status = request.make();
    if status != 0 {
        return status;
    }
    let length = Scratch.get(OUTPUTS + 1);
    Scratch.set(OUTPUTS + 1, Request::digest_word(1));
    let whole = Request::digest_is_right_at(OUTPUTS as u32 * 4);
    u32::from(length != 32) | u32::from(!whole) << 1
}

/// One array serves as both: the first input, the packed request, is then the first output, too. Its length
/// becomes the digest's; the second input's vector stays as it was.
fn vector_arrays_overlap() -> u32 {
    let mut request = Request::valid();
    request.outputs = request.inputs;
    let message = (Scratch.get(INPUTS + 2), Scratch.get(INPUTS + 3));
    let status = request.make();
    if status != 0 {
        return status;
    }
    let length = Scratch.get(INPUTS + 1);
    let changed = message != (Scratch.get(INPUTS + 2), Scratch.get(INPUTS + 3));
    u32::from(length != 32)
        | u32::from(!Request::digest_is_right_at(PACKED)) << 1
        | u32::from(changed) << 2
}

/// A vector of no bytes names no memory, so its base cannot be wrong: the request is served, nothing is
/// read there, and the digest is that of the empty message.
fn empty_vector_anywhere() -> u32 {
    let request = Request::valid();
    input(secure_data(), 0);
    let status = request.make();
    if status != 0 {
        return status;
    }
    // FIPS 180-4: SHA-256 of nothing begins e3 b0 c4 42.
    let first = Scratch.get((DIGEST / 4) as usize);
    u32::from(first != 0x42C4_B0E3)
}
