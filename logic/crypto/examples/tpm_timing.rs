//! Times what a TPM spends its time with: `cargo run --release -p ironroot-crypto --example tpm_timing
//! --features tpm-p384,tpm-p521,tpm-rsa,tpm-tables [keys]`. Least time of several rounds; for key searches the mean
//! of this thread's processor time, which other programs do not count into.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::cipher::{Cipher, CipherAlgorithm, Mode};
use ironroot_crypto::tpm::ec::{Curve, EcScalar};
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest};
use ironroot_crypto::tpm::kdf::kdfa;
use ironroot_crypto::tpm::rsa::{
    Encryption, RsaKey, RsaPrivateKey, RsaSize, SaltLength, SignatureScheme, Step,
};
use ironroot_crypto::tpm::source::KeySource;

fn main() {
    let keys = std::env::args()
        .nth(1)
        .map_or(50, |count| count.parse().expect("a number of keys"));
    let mut drbg = Drbg::new(&Secret::new([1; 32]), b"timing");
    symmetric();
    curves(&mut drbg);
    for size in [RsaSize::Rsa1024, RsaSize::Rsa2048, RsaSize::Rsa3072] {
        rsa(size, &mut drbg);
    }
    for (size, share) in [
        (RsaSize::Rsa2048, 1),
        (RsaSize::Rsa3072, 5),
        (RsaSize::Rsa4096, 10),
    ] {
        search(size, keys / share, &mut drbg);
    }
}

fn least(name: &str, mut job: impl FnMut()) {
    let mut least = Duration::MAX;
    let started = Instant::now();
    let mut rounds = 0;
    while rounds < 10 || started.elapsed() < Duration::from_millis(200) {
        let round = Instant::now();
        job();
        least = least.min(round.elapsed());
        rounds += 1;
    }
    println!("{name:44} {:10.1} us", least.as_secs_f64() * 1e6);
}

fn symmetric() {
    let mut data = [7; 1024];
    for algorithm in HashAlgorithm::ALL.iter().copied() {
        least(&format!("{algorithm:?} of 1 KiB"), || {
            black_box(digest(algorithm, black_box(&data)));
        });
    }
    least("KDFa SHA-256, 256 bits", || {
        let mut out = [0; 32];
        kdfa(
            HashAlgorithm::Sha256,
            &[1; 32],
            b"ATH",
            &[2; 16],
            &[3; 16],
            256,
            black_box(&mut out),
        )
        .unwrap();
    });
    for mode in [Mode::Cfb, Mode::Ctr, Mode::Cbc] {
        least(&format!("AES-128-{mode:?} of 1 KiB, key set up"), || {
            let aes = Cipher::new(CipherAlgorithm::Aes, &[1; 16]).unwrap();
            aes.encrypt(mode, &mut [0; 16], black_box(&mut data))
                .unwrap();
        });
    }
}

fn curves(drbg: &mut Drbg) {
    for curve in Curve::ALL {
        let key = EcScalar::random(curve, drbg).unwrap();
        let public = key.public().unwrap();
        let signature = key.sign(&[1; 32], drbg).unwrap();
        least(&format!("{curve:?} key"), || {
            black_box(EcScalar::random(curve, drbg).unwrap().public().unwrap());
        });
        least(&format!("{curve:?} sign"), || {
            black_box(key.sign(black_box(&[1; 32]), drbg).unwrap());
        });
        least(&format!("{curve:?} verify"), || {
            public
                .verify(&[1; 32], signature.r(), signature.s())
                .unwrap();
        });
        least(&format!("{curve:?} ECDH"), || {
            black_box(key.multiply(black_box(&public)).unwrap());
        });
    }
}

fn rsa(size: RsaSize, drbg: &mut Drbg) {
    let found = find(&KeySource::random(drbg), size).0;
    let public = found.public();
    let private = || found.expose_prime(|prime| RsaPrivateKey::from_prime(public, prime).unwrap());
    least(&format!("{size:?} check of the prime"), || {
        found.expose_prime(|prime| RsaPrivateKey::check_prime(public, black_box(prime)).unwrap());
    });
    least(&format!("{size:?} key from the prime"), || {
        black_box(private());
    });
    let hash = HashAlgorithm::Sha256;
    let mut out = vec![0; size.modulus_len()];
    let pkcs1 = SignatureScheme::Pkcs1 { hash };
    let pss = SignatureScheme::Pss {
        hash,
        salt: SaltLength::Digest,
    };
    for (name, scheme) in [("RSASSA", pkcs1), ("RSAPSS", pss)] {
        least(&format!("{size:?} {name} sign, key set up"), || {
            private().sign(scheme, &[1; 32], drbg, &mut out).unwrap();
        });
        least(&format!("{size:?} {name} verify"), || {
            public.verify(scheme, &[1; 32], &out).unwrap();
        });
    }
    let oaep = Encryption::Oaep { hash, label: b"" };
    let mut ciphertext = vec![0; size.modulus_len()];
    least(&format!("{size:?} OAEP encrypt"), || {
        public
            .encrypt(oaep, &[1; 32], drbg, &mut ciphertext)
            .unwrap();
    });
    least(&format!("{size:?} OAEP decrypt, key set up"), || {
        private()
            .decrypt(oaep, &ciphertext, drbg, &mut out)
            .unwrap();
    });
}

/// A key, and how many steps of one exponentiation it took.
fn find(source: &KeySource, size: RsaSize) -> (RsaKey, u32) {
    let mut search = source.rsa_search(size, 0).unwrap();
    let mut steps = 0;
    loop {
        steps += 1;
        if let Step::Done(key) = search.step(1).unwrap() {
            return (key, steps);
        }
    }
}

fn search(size: RsaSize, count: u32, drbg: &mut Drbg) {
    let count = count.max(1);
    let mut times = Vec::new();
    let mut steps = 0;
    for _ in 0..count {
        let started = processor_seconds();
        steps += find(&KeySource::random(drbg), size).1;
        times.push((processor_seconds() - started) * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let count = f64::from(count);
    let mean = times.iter().sum::<f64>() / count;
    let deviation = times
        .iter()
        .map(|time| (time - mean).powi(2))
        .sum::<f64>()
        .sqrt()
        / count;
    let median = times[times.len() / 2];
    let late = times[times.len() * 95 / 100];
    let steps = f64::from(steps) / count;
    println!(
        "{size:?} key search, {count} keys: mean {mean:.1} ± {deviation:.1} ms, median {median:.1}, p95 {late:.1}, {steps:.1} steps"
    );
}

/// Linux: nanoseconds on a processor come first.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let first = text.split(' ').next().expect("a number");
    first.parse::<f64>().expect("a number") / 1e9
}
