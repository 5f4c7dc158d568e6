//! `psa/crypto.h`: message authentication codes. Crypto API 1.2, 10.3.

use ironroot_client::crypto::mac::{self, MacOperation};
use ironroot_psa_api::crypto::{CryptoFunction, CryptoRequest};
use ironroot_psa_api::key::{Algorithm, KeyId};

use crate::hash::{COperation, abort, ending, running, set_up};
use crate::memory::{ReadPointer, WriteOne, WritePointer};
use crate::shell::{CStatus, Destination, crypto, shell};

/// # Safety
/// As the header says: `input` and `mac` are valid for their lengths, `length` for one `size_t`.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_mac_compute(
    key: u32,
    algorithm: u32,
    input: ReadPointer,
    input_length: usize,
    mac: WritePointer,
    mac_size: usize,
    length: WriteOne<usize>,
) -> CStatus {
    let destination = Destination {
        data: mac,
        size: mac_size,
        length,
    };
    destination.receive(|link, room| {
        let request = CryptoRequest::new(CryptoFunction::MacCompute).key(KeyId(key));
        let request = request.algorithm(Algorithm(algorithm));
        crypto(link, &request, &[input.bytes(input_length)?], room)
    })
}

/// # Safety
/// As the header says: `input` and `expected` are valid for their lengths.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_mac_verify(
    key: u32,
    algorithm: u32,
    input: ReadPointer,
    input_length: usize,
    expected: ReadPointer,
    expected_length: usize,
) -> CStatus {
    shell(|link| {
        let input = input.bytes(input_length)?.only_read();
        let expected = expected.bytes(expected_length)?.only_read();
        mac::verify(link, KeyId(key), Algorithm(algorithm), input, expected)
    })
}

/// # Safety
/// As the header says: `operation` is valid for one structure.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_mac_sign_setup(
    operation: WriteOne<COperation>,
    key: u32,
    algorithm: u32,
) -> CStatus {
    set_up(operation, |link| {
        Ok(MacOperation::sign(link, KeyId(key), Algorithm(algorithm))?.handle())
    })
}

/// # Safety
/// As the header says: `operation` is valid for one structure.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_mac_verify_setup(
    operation: WriteOne<COperation>,
    key: u32,
    algorithm: u32,
) -> CStatus {
    set_up(operation, |link| {
        Ok(MacOperation::verify(link, KeyId(key), Algorithm(algorithm))?.handle())
    })
}

/// # Safety
/// As the header says: `operation` is valid for one structure, `input` for `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_mac_update(
    operation: WriteOne<COperation>,
    input: ReadPointer,
    length: usize,
) -> CStatus {
    shell(|link| {
        let mut running = MacOperation::from_handle(running(&operation)?);
        running.update(link, input.bytes(length)?.only_read())
    })
}

/// # Safety
/// As the header says: `operation` is valid for one structure, `mac` for `size` bytes, `length` for one
/// `size_t`.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_mac_sign_finish(
    operation: WriteOne<COperation>,
    mac: WritePointer,
    size: usize,
    length: WriteOne<usize>,
) -> CStatus {
    let destination = Destination {
        data: mac,
        size,
        length,
    };
    destination.receive_only(|link, out| {
        MacOperation::from_handle(ending(&operation)?).sign_finish(link, out)
    })
}

/// # Safety
/// As the header says: `operation` is valid for one structure, `expected` for `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_mac_verify_finish(
    operation: WriteOne<COperation>,
    expected: ReadPointer,
    length: usize,
) -> CStatus {
    shell(|link| {
        let expected = expected.bytes(length)?.only_read();
        MacOperation::from_handle(ending(&operation)?).verify_finish(link, expected)
    })
}

/// # Safety
/// As the header says: `operation` is valid for one structure.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_mac_abort(operation: WriteOne<COperation>) -> CStatus {
    abort(operation, |link, number| {
        MacOperation::from_handle(number).abort(link)
    })
}
