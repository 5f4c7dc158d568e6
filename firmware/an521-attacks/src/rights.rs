//! Attacks 130 to 139: letting the secure world do what the caller itself may not.
//!
//! The non-secure kernel keeps a page from its unprivileged threads, or everybody from writing to it, by its
//! own MPU. The page is plain non-secure memory, so no range check of the secure world stops a request that
//! names it: only the processor's test-target answer for this caller does. Each attack makes the same call
//! with privilege (or as an input, where writing is what is forbidden) as the witness that it is the caller's
//! rights which are refused.

use ironroot_port_armv8m::nonsecure::mpu::{self, Region, Rights};
use ironroot_port_armv8m::nonsecure::probe::{self, Place, Scratch};

use crate::attack::{Attack, Attempt, Expect};
use crate::request::{INPUTS, OUTPUTS, Request};

const fn attack(number: u32, name: &'static str, run: fn() -> u32) -> Attack {
    Attack {
        number,
        name,
        expect: Expect::Status(-129),
        attempt: Attempt::Do(run),
    }
}

/// In the order of their numbers.
#[rustfmt::skip] // one line per attack
pub(crate) const ATTACKS: &[Attack] = &[
    attack(130, "input-the-caller-cannot-read", || as_thread(Rights::PrivilegedWrite, input_in_page)),
    attack(131, "output-the-caller-cannot-reach", || as_thread(Rights::PrivilegedWrite, output_in_page)),
    attack(132, "in-array-the-caller-cannot-read", || as_thread(Rights::PrivilegedWrite, in_array_in_page)),
    attack(133, "out-array-the-caller-cannot-reach", || as_thread(Rights::PrivilegedWrite, out_array_in_page)),
    attack(134, "input-that-ends-where-the-caller-cannot-read", input_across_border),
    attack(135, "output-the-caller-cannot-write", || as_kernel(output_in_page, input_in_page)),
    attack(136, "out-array-the-caller-cannot-write", || as_kernel(out_array_in_page, in_array_in_page)),
];

/// Scratch byte where the page begins, and its length.
const PAGE: u32 = 1024;
const PAGE_SIZE: u32 = 512;
/// The request did not go through where it must: the refusal proves nothing.
const NO_WITNESS: u32 = 0xBAD0_0000;

/// Everybody has everything of ours but the page.
fn regions(page: Rights) -> [Region; 4] {
    let start = Scratch.address(PAGE);
    let end = start + PAGE_SIZE;
    let region = |start, end, rights| Region { start, end, rights };
    [
        region(0x0020_0000, 0x0030_0000, Rights::AnyRead),
        region(0x2800_0000, start, Rights::AnyWrite),
        region(start, end, page),
        region(end, 0x2820_0000, Rights::AnyWrite),
    ]
}

/// A thread without privilege asks; with privilege the same request is served, before and after.
fn as_thread(page: Rights, request: fn() -> Made) -> u32 {
    mpu::behind(&regions(page), || {
        if !request().is_served() {
            return NO_WITNESS | 1;
        }
        let Made { request: again, .. } = request();
        let status = mpu::unprivileged(|| again.make());
        if !request().is_served() {
            return NO_WITNESS | 2;
        }
        status
    })
}

/// The message begins in memory that the caller may read and ends in the page. Not even the kernel may lend a
/// span across a border of protection: what lies between its ends was never asked for. Without protection
/// the same request is served.
fn input_across_border() -> u32 {
    if !input_into_page().is_served() {
        return NO_WITNESS | 4;
    }
    let Made { request, .. } = input_into_page();
    mpu::behind(&regions(Rights::PrivilegedWrite), || {
        mpu::unprivileged(|| request.make())
    })
}

/// Even the kernel cannot write to the page; it can read there, and so can the secure world for it.
fn as_kernel(request: fn() -> Made, readable: fn() -> Made) -> u32 {
    // The page's content, while it can be written.
    let Made { request: bad, .. } = request();
    let status = mpu::behind(&regions(Rights::AnyRead), || bad.make());
    let good = readable();
    if mpu::behind(&regions(Rights::AnyRead), || good.is_served()) {
        status
    } else {
        NO_WITNESS | 3
    }
}

/// A request with something of it in the page, and where its digest will be.
struct Made {
    request: Request,
    digest: u32,
}

impl Made {
    fn is_served(&self) -> bool {
        self.request.make() == 0 && Request::digest_is_right_at(self.digest)
    }

    fn with(request: Request) -> Self {
        Self {
            request,
            digest: crate::request::DIGEST,
        }
    }
}

fn input_in_page() -> Made {
    input_at(PAGE)
}

/// Two bytes of the message before the page, one in it.
fn input_into_page() -> Made {
    input_at(PAGE - 2)
}

fn input_at(offset: u32) -> Made {
    let request = Request::valid();
    for (place, byte) in (offset..).zip(*b"abc") {
        let (word, shift) = ((place / 4) as usize, place % 4 * 8);
        Scratch.set(
            word,
            Scratch.get(word) & !(0xFF << shift) | u32::from(byte) << shift,
        );
    }
    probe::put_vector(INPUTS + 2, Place::Scratch(offset), 3);
    Made::with(request)
}

fn output_in_page() -> Made {
    let request = Request::valid();
    probe::put_vector(OUTPUTS, Place::Scratch(PAGE), 32);
    Made {
        request,
        digest: PAGE,
    }
}

fn in_array_in_page() -> Made {
    let mut request = Request::valid();
    for word in 0..4 {
        Scratch.set((PAGE / 4) as usize + word, Scratch.get(INPUTS + word));
    }
    request.inputs = Place::Scratch(PAGE);
    Made::with(request)
}

fn out_array_in_page() -> Made {
    let mut request = Request::valid();
    for word in 0..2 {
        Scratch.set((PAGE / 4) as usize + word, Scratch.get(OUTPUTS + word));
    }
    request.outputs = Place::Scratch(PAGE);
    Made::with(request)
}
