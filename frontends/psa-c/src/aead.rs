//! `psa/crypto.h`: authenticated encryption. Crypto API 1.2, 10.5.

use ironroot_psa_api::Error;
use ironroot_psa_api::crypto::{CryptoFunction, CryptoRequest};
use ironroot_psa_api::key::{Algorithm, KeyId};

use crate::memory::{ReadPointer, Room, WriteOne, WritePointer};
use crate::shell::{CStatus, Destination, crypto};
use crate::transport::Link;

/// What both directions are given.
struct Parameters {
    function: CryptoFunction,
    key: u32,
    algorithm: u32,
    nonce: (ReadPointer, usize),
    additional_data: (ReadPointer, usize),
    input: (ReadPointer, usize),
}

impl Parameters {
    /// TF-M's client leaves additional data away when there is none.
    fn run(self, link: &mut Link, room: &mut Room) -> Result<(), Error> {
        let request = CryptoRequest::new(self.function).key(KeyId(self.key));
        // Copied into the request before anything is written.
        let nonce = self.nonce.0.bytes(self.nonce.1)?.only_read();
        let request = request
            .algorithm(Algorithm(self.algorithm))
            .with_nonce(nonce);
        let request = request.ok_or(Error::InvalidArgument)?;
        let input = self.input.0.bytes(self.input.1)?;
        let additional_data = self.additional_data.0.bytes(self.additional_data.1)?;
        match additional_data.len() {
            0 => crypto(link, &request, &[input], room),
            _ => crypto(link, &request, &[input, additional_data], room),
        }
    }
}

/// # Safety
/// As the header says: every buffer is valid for the length beside it, `length` for one `size_t`.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_aead_encrypt(
    key: u32,
    algorithm: u32,
    nonce: ReadPointer,
    nonce_length: usize,
    additional_data: ReadPointer,
    additional_data_length: usize,
    plaintext: ReadPointer,
    plaintext_length: usize,
    ciphertext: WritePointer,
    ciphertext_size: usize,
    length: WriteOne<usize>,
) -> CStatus {
    let destination = Destination {
        data: ciphertext,
        size: ciphertext_size,
        length,
    };
    let parameters = Parameters {
        function: CryptoFunction::AeadEncrypt,
        key,
        algorithm,
        nonce: (nonce, nonce_length),
        additional_data: (additional_data, additional_data_length),
        input: (plaintext, plaintext_length),
    };
    destination.receive(|link, room| parameters.run(link, room))
}

/// # Safety
/// As the header says: every buffer is valid for the length beside it, `length` for one `size_t`.
#[unsafe(no_mangle)]
unsafe extern "C" fn psa_aead_decrypt(
    key: u32,
    algorithm: u32,
    nonce: ReadPointer,
    nonce_length: usize,
    additional_data: ReadPointer,
    additional_data_length: usize,
    ciphertext: ReadPointer,
    ciphertext_length: usize,
    plaintext: WritePointer,
    plaintext_size: usize,
    length: WriteOne<usize>,
) -> CStatus {
    let destination = Destination {
        data: plaintext,
        size: plaintext_size,
        length,
    };
    let parameters = Parameters {
        function: CryptoFunction::AeadDecrypt,
        key,
        algorithm,
        nonce: (nonce, nonce_length),
        additional_data: (additional_data, additional_data_length),
        input: (ciphertext, ciphertext_length),
    };
    destination.receive(|link, room| parameters.run(link, room))
}
