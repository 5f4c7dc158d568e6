//! Requests to valgrind's memcheck: instructions that do nothing on a real processor (valgrind manual, "The Client
//! Request mechanism").

/// `RUNNING_ON_VALGRIND`.
const RUNNING: usize = 0x1001;
/// `VALGRIND_MAKE_MEM_UNDEFINED` and `VALGRIND_GET_VBITS`: 'M', 'C', and a number.
const MAKE_UNDEFINED: usize = 0x4d43_0001;
const GET_BITS: usize = 0x4d43_0008;

/// One request to valgrind; the answer without it is 0.
#[cfg(target_arch = "x86_64")]
fn request(number: usize, arguments: [usize; 3]) -> usize {
    let [first, second, third] = arguments;
    let words = [number, first, second, third, 0, 0];
    let mut answer = 0;
    // SAFETY: on a processor the rotations add up to 128 bits and the exchange is with itself; valgrind reads the
    // six words, and writes none of this program's memory but the bits that `secrets_in` has a buffer for.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") words.as_ptr(),
            inout("rdx") answer,
            options(nostack)
        );
    }
    answer
}

/// One request to valgrind; the answer without it is 0.
#[cfg(target_arch = "aarch64")]
fn request(number: usize, arguments: [usize; 3]) -> usize {
    let [first, second, third] = arguments;
    let words = [number, first, second, third, 0, 0];
    let mut answer = 0;
    // SAFETY: on a processor the rotations add up to 128 bits and the last one changes nothing; valgrind reads the
    // six words, and writes none of this program's memory but the bits that `secrets_in` has a buffer for.
    unsafe {
        std::arch::asm!(
            "ror x12, x12, #3",
            "ror x12, x12, #13",
            "ror x12, x12, #51",
            "ror x12, x12, #61",
            "orr x10, x10, x10",
            inout("x3") answer,
            in("x4") words.as_ptr(),
            options(nostack)
        );
    }
    answer
}

/// Nobody wrote the request for this processor, so valgrind is never there.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn request(_number: usize, _arguments: [usize; 3]) -> usize {
    0
}

/// Whether this process runs under valgrind.
#[must_use]
pub(crate) fn is_watching() -> bool {
    request(RUNNING, [0; 3]) != 0
}

/// From now on nothing may depend on these bytes. They keep their values.
pub(crate) fn secret(bytes: &[u8]) {
    let address = bytes.as_ptr().expose_provenance();
    request(MAKE_UNDEFINED, [address, bytes.len(), 0]);
}

/// How many of the bytes follow from a secret; none where valgrind does not watch.
#[must_use]
pub(crate) fn secrets_in(bytes: &[u8]) -> usize {
    let mut bits = vec![0u8; bytes.len()];
    let address = bytes.as_ptr().expose_provenance();
    let to = bits.as_mut_ptr().expose_provenance();
    request(GET_BITS, [address, to, bytes.len()]);
    std::hint::black_box(&mut bits)
        .iter()
        .filter(|bits| **bits != 0)
        .count()
}
