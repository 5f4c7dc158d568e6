#![doc = include_str!("../README.md")]

mod controls;
mod memcheck;

use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::ec::{Curve, EcScalar, EcSignature};
use ironroot_crypto::tpm::hash::{HashAlgorithm, hmac as hmac_of};
use ironroot_crypto::tpm::rsa::{Encryption, RsaKey, RsaPrivateKey, RsaPublicKey, RsaSize, Step};
use ironroot_crypto::tpm::source::KeySource;
use ironroot_crypto::{CryptoError, Secret, ct_eq};
use std::hint::black_box;
use std::process::ExitCode;

/// A name, and what gives the bytes that it calculated from secrets.
type Case = (&'static str, fn() -> Vec<u8>);

/// What can be watched.
const CASES: [Case; 18] = [
    ("ecdsa-p256", || ecdsa(Curve::P256)),
    ("ecdsa-p384", || ecdsa(Curve::P384)),
    ("ecdsa-p521", || ecdsa(Curve::P521)),
    ("ecdh-p256", || ecdh(Curve::P256)),
    ("ecdh-p384", || ecdh(Curve::P384)),
    ("ecdh-p521", || ecdh(Curve::P521)),
    ("ec-schnorr", schnorr),
    ("ecdaa", ecdaa),
    ("sm2", sm2),
    ("rsa-power", || rsa(&[5], Encryption::Null)),
    ("rsa-pkcs1", || rsa(b"message", Encryption::Pkcs1)),
    ("rsa-oaep", || rsa(b"message", OAEP)),
    ("rsa-pkcs1-spoilt", || rsa_spoilt(Encryption::Pkcs1)),
    ("rsa-oaep-spoilt", || rsa_spoilt(OAEP)),
    ("hmac", hmac),
    ("leaky-comparison", controls::comparison),
    ("leaky-table", controls::table),
    ("leaky-power", controls::power),
];

const OAEP: Encryption<'static> = Encryption::Oaep {
    hash: HashAlgorithm::Sha256,
    label: b"label\0",
};

fn main() -> ExitCode {
    let case = std::env::args().nth(1).unwrap_or_default();
    let Some((_, job)) = CASES.iter().find(|(name, _)| *name == case) else {
        eprintln!("usage: ironroot-constant-time CASE, under valgrind. Cases:");
        CASES.iter().for_each(|(name, _)| eprintln!("  {name}"));
        return ExitCode::from(2);
    };
    if !memcheck::is_watching() {
        eprintln!("not under valgrind: nobody watches");
    }
    let made = job();
    // What comes out is secret as long as nothing of the way lost track of it.
    println!(
        "{} of {} bytes follow from secrets",
        memcheck::secrets_in(&made),
        made.len()
    );
    ExitCode::SUCCESS
}

/// A generator whose state nobody may learn.
fn secret_drbg() -> Drbg {
    let seed = Secret::new(black_box([2; 32]));
    seed.expose(|seed| memcheck::secret(seed));
    Drbg::new(&seed, b"secret")
}

/// A generator for what is made before the secrets are marked.
fn open_drbg() -> Drbg {
    Drbg::new(&Secret::new([1; 32]), b"open")
}

fn secret_scalar(curve: Curve) -> EcScalar {
    let key = EcScalar::random(curve, &mut open_drbg()).expect("a scalar");
    key.expose(memcheck::secret);
    key
}

fn ecdsa(curve: Curve) -> Vec<u8> {
    let key = secret_scalar(curve);
    both(&key.sign(&[7; 32], &mut secret_drbg()).expect("a signature"))
}

fn schnorr() -> Vec<u8> {
    let key = secret_scalar(Curve::P256);
    let signature = key.sign_schnorr(HashAlgorithm::Sha256, &[7; 32], &mut secret_drbg());
    both(&signature.expect("a signature"))
}

/// What is random in it is the commitment; the nonce that goes with it is public.
fn ecdaa() -> Vec<u8> {
    let key = secret_scalar(Curve::P256);
    let mut drbg = Drbg::new(&Secret::new([4; 32]), b"commitment");
    let commitment = EcScalar::random(Curve::P256, &mut drbg).expect("a scalar");
    commitment.expose(memcheck::secret);
    let hash = HashAlgorithm::Sha256;
    let signature = key.sign_ecdaa(hash, &commitment, &[7; 32], &mut open_drbg());
    signature.expect("a signature").s().to_vec()
}

fn sm2() -> Vec<u8> {
    let key = secret_scalar(Curve::Sm2P256);
    both(
        &key.sign_sm2(&[7; 32], &mut secret_drbg())
            .expect("a signature"),
    )
}

fn both(signature: &EcSignature) -> Vec<u8> {
    [signature.r(), signature.s()].concat()
}

fn ecdh(curve: Curve) -> Vec<u8> {
    let mut drbg = Drbg::new(&Secret::new([3; 32]), b"peer");
    let peer = EcScalar::random(curve, &mut drbg).expect("a scalar");
    let peer = peer.public().expect("a point");
    let shared = secret_scalar(curve).multiply(&peer).expect("a point");
    [shared.x(), shared.y()].concat()
}

fn find(drbg: &mut Drbg) -> RsaKey {
    let mut search = KeySource::random(drbg)
        .rsa_search(RsaSize::Rsa1024, 0)
        .expect("a search");
    loop {
        if let Step::Done(key) = search.step(100).expect("a step") {
            return key;
        }
    }
}

/// From the prime that a TPM keeps to the message, as each command does it.
fn rsa(message: &[u8], scheme: Encryption<'_>) -> Vec<u8> {
    decrypt(scheme, |public, drbg, ciphertext| {
        public.encrypt(scheme, message, drbg, ciphertext)
    })
}

/// The same of a ciphertext with no padding at all: what Bleichenbacher and Manger send.
fn rsa_spoilt(scheme: Encryption<'_>) -> Vec<u8> {
    decrypt(scheme, |public, drbg, ciphertext| {
        public.encrypt(Encryption::Null, &[0x5a; 128], drbg, ciphertext)
    })
}

fn decrypt(
    scheme: Encryption<'_>,
    encrypt: impl FnOnce(&RsaPublicKey, &mut Drbg, &mut [u8]) -> Result<(), CryptoError>,
) -> Vec<u8> {
    let mut drbg = open_drbg();
    let key = find(&mut drbg);
    let mut ciphertext = [0; 128];
    encrypt(key.public(), &mut drbg, &mut ciphertext).expect("a ciphertext");
    let mut out = vec![0; 128];
    key.expose_prime(|prime| {
        memcheck::secret(prime);
        let private = RsaPrivateKey::from_prime(key.public(), prime).expect("a key");
        // Whether it was a message, and how long it is, is not looked at here.
        let _ = black_box(private.decrypt(scheme, &ciphertext, &mut secret_drbg(), &mut out));
    });
    out
}

/// The HMAC of a secret key, compared with what a client sent: right but for one bit.
fn hmac() -> Vec<u8> {
    let key = black_box([9; 32]);
    memcheck::secret(&key);
    let right = hmac_of(HashAlgorithm::Sha256, &key, &[b"a command"]);
    let sent = black_box([5; 32]);
    // A bool is a byte.
    vec![u8::from(black_box(ct_eq(right.as_slice(), &sent)))]
}
