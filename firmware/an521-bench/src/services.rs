//! Every algorithm of the Crypto service once, storage and a token, on the longest way through it: for the depth of stacks, and
//! to see what an image offers. One line each: `service ed25519 ok` or `service ed25519 status -134`.

use ironroot_port_armv8m::say;
use ironroot_psa_api::crypto::{CryptoFunction, CryptoRequest};
use ironroot_psa_api::key::{Algorithm, EccFamily, KeyAttributes, KeyId, KeyType, Usage};
use ironroot_psa_api::service::{self, StandardService};

use crate::rows::{UNMEASURED, crypto, get, set, token};

/// Mailbox word 0: this instead of the rows.
pub(crate) const COMMAND: u32 = 1000;

/// An algorithm that the image leaves out.
const NOT_SUPPORTED: i32 = -134;

/// Longer than the services' chunks.
const MESSAGE: [u8; 1024] = [0x5A; 1024];
const NONCE: [u8; 12] = [0x17; 12];
const TAG: usize = 16;

/// Its name, and what gives its status.
type Service = (&'static str, fn() -> i32);

/// What is tried.
const SERVICES: &[Service] = &[
    ("random", random),
    ("sha-256", || hash(Algorithm::SHA_256)),
    ("sha-384", || hash(Algorithm::SHA_384)),
    ("sha-512", || hash(Algorithm::SHA_512)),
    ("hmac-sha-256", || mac(Algorithm::SHA_256)),
    ("hmac-sha-512", || mac(Algorithm::SHA_512)),
    ("aes-ccm", || aead(KeyType::AES, Algorithm::CCM)),
    ("aes-gcm", || aead(KeyType::AES, Algorithm::GCM)),
    ("chacha20-poly1305", || {
        aead(KeyType::CHACHA20, Algorithm::CHACHA20_POLY1305)
    }),
    ("ecdsa-p256-sha-256", || {
        ecdsa(Algorithm::ecdsa(Algorithm::SHA_256))
    }),
    ("deterministic-ecdsa-p256-sha-512", || {
        ecdsa(Algorithm::deterministic_ecdsa(Algorithm::SHA_512))
    }),
    ("ed25519", ed25519),
    ("internal-trusted-storage", || {
        store(service::INTERNAL_TRUSTED_STORAGE)
    }),
    ("protected-storage", || store(service::PROTECTED_STORAGE)),
    ("attestation", || token(UNMEASURED)),
];

/// Tries all. Not to be offered is no failure.
pub(crate) fn run() -> u32 {
    let mut failed = 0;
    for (name, service) in SERVICES {
        match service() {
            0 => say!("service {name} ok"),
            status => {
                say!("service {name} status {status}");
                failed |= u32::from(status != NOT_SUPPORTED);
            }
        }
    }
    failed
}

/// The first status that is no success.
fn first_failure(statuses: impl IntoIterator<Item = i32>) -> i32 {
    statuses
        .into_iter()
        .find(|status| *status != 0)
        .unwrap_or(0)
}

fn call(request: CryptoRequest, inputs: &[&[u8]], output: &mut [u8]) -> i32 {
    crypto(request, inputs, output, UNMEASURED)
}

fn store(storage: StandardService) -> i32 {
    first_failure([set(storage, 3), get(storage, UNMEASURED)])
}

fn random() -> i32 {
    let request = CryptoRequest::new(CryptoFunction::GenerateRandom);
    call(request, &[], &mut [0; 600])
}

fn hash(algorithm: Algorithm) -> i32 {
    let request = CryptoRequest::new(CryptoFunction::HashCompute).algorithm(algorithm);
    call(request, &[&MESSAGE], &mut [0; 64])
}

/// Runs `work` with a new key, which it may use for everything.
fn with_key(
    kind: KeyType,
    bits: u16,
    algorithm: Algorithm,
    work: impl FnOnce(KeyId) -> i32,
) -> i32 {
    let attributes = KeyAttributes::volatile(kind, bits, Usage::ALL, algorithm).to_bytes();
    let mut key = [0; 4];
    let generate = CryptoRequest::new(CryptoFunction::GenerateKey);
    let status = call(generate, &[&attributes], &mut key);
    if status != 0 {
        return status;
    }
    let key = KeyId(u32::from_le_bytes(key));
    let status = work(key);
    let destroy = CryptoRequest::new(CryptoFunction::DestroyKey).key(key);
    first_failure([status, call(destroy, &[], &mut [])])
}

fn mac(hash: Algorithm) -> i32 {
    let algorithm = Algorithm::hmac(hash);
    with_key(KeyType::HMAC, 256, algorithm, |key| {
        let request = CryptoRequest::new(CryptoFunction::MacCompute);
        let request = request.key(key).algorithm(algorithm);
        call(request, &[&MESSAGE], &mut [0; 64])
    })
}

fn aead(kind: KeyType, algorithm: Algorithm) -> i32 {
    with_key(kind, 256, algorithm, |key| {
        let request = |function| {
            let request = CryptoRequest::new(function).key(key).algorithm(algorithm);
            request.with_nonce(&NONCE).unwrap_or(request)
        };
        let (mut sealed, mut opened) = ([0; MESSAGE.len() + TAG], [0; MESSAGE.len()]);
        let seal = request(CryptoFunction::AeadEncrypt);
        let open = request(CryptoFunction::AeadDecrypt);
        let additional: &[u8] = b"with it";
        let status = first_failure([
            call(seal, &[&MESSAGE, additional], &mut sealed),
            call(open, &[&sealed, additional], &mut opened),
        ]);
        if status == 0 && opened != MESSAGE {
            -1
        } else {
            status
        }
    })
}

fn ecdsa(algorithm: Algorithm) -> i32 {
    sign_and_verify(EccFamily::SECP_R1, 256, algorithm)
}

fn ed25519() -> i32 {
    sign_and_verify(EccFamily::TWISTED_EDWARDS, 255, Algorithm::PURE_EDDSA)
}

fn sign_and_verify(family: EccFamily, bits: u16, algorithm: Algorithm) -> i32 {
    with_key(KeyType::ecc_key_pair(family), bits, algorithm, |key| {
        let request = |function| CryptoRequest::new(function).key(key).algorithm(algorithm);
        let mut signature = [0; 64];
        let sign = request(CryptoFunction::SignMessage);
        let verify = request(CryptoFunction::VerifyMessage);
        first_failure([
            call(sign, &[&MESSAGE], &mut signature),
            call(verify, &[&MESSAGE, &signature], &mut []),
        ])
    })
}
