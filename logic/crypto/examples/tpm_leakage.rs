//! Does the time of a private operation depend on what is secret? `cargo run --release -p ironroot-crypto --example
//! tpm_leakage --features tpm-p384,tpm-p521,tpm-rsa,tpm-tables [measurements]`.
//!
//! O. Reparaz, J. Balasch, I. Verbauwhede, "Dude, is my code constant time?" (2017): two classes of inputs in random
//! order, the slowest measurements left out, Welch's t between the rest. Beyond about ±10 is a leak; up to 4.5 is
//! chance. It is no test of the suite, because a busy machine says anything. The last line leaks on purpose.

use std::hint::black_box;
use std::time::Instant;

use ironroot_crypto::Secret;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::ec::{Curve, EcPoint, EcScalar};
use ironroot_crypto::tpm::hash::HashAlgorithm;
use ironroot_crypto::tpm::rsa::{Encryption, RsaKey, RsaPrivateKey, RsaSize, Step};
use ironroot_crypto::tpm::source::KeySource;

fn main() {
    let count = std::env::args()
        .nth(1)
        .map_or(2000, |count| count.parse().expect("a number"));
    let mut drbg = Drbg::new(&Secret::new([1; 32]), b"leakage");
    for curve in Curve::ALL {
        ec(curve, count, &mut drbg);
    }
    rsa(count, &mut drbg);
    leak(count, &mut drbg);
}

fn random_byte(drbg: &mut Drbg) -> u8 {
    let mut byte = [0];
    drbg.fill(&mut byte);
    byte[0]
}

/// Runs `job` on inputs that `make` draws for class 0 or 1, and prints how the classes' times differ.
fn compare<T>(
    name: &str,
    count: usize,
    drbg: &mut Drbg,
    mut make: impl FnMut(bool, &mut Drbg) -> T,
    mut job: impl FnMut(&T, &mut Drbg),
) {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..count {
        let class = random_byte(drbg) & 1 == 1;
        let input = make(class, drbg);
        let started = Instant::now();
        job(black_box(&input), drbg);
        times[usize::from(class)].push(started.elapsed().as_nanos() as f64);
    }
    let mut all = times.concat();
    all.sort_by(f64::total_cmp);
    let limit = all[all.len() * 7 / 10];
    let [(mean_0, error_0), (mean_1, error_1)] = times.map(|times| moments(&times, limit));
    let t = (mean_0 - mean_1) / (error_0 + error_1).sqrt();
    println!(
        "{name:52} t = {t:6.2}   {:.2} us, {:.2} us",
        mean_0 / 1e3,
        mean_1 / 1e3
    );
}

/// Mean of those up to the limit, and the square of its standard error.
fn moments(times: &[f64], limit: f64) -> (f64, f64) {
    let kept: Vec<f64> = times
        .iter()
        .copied()
        .filter(|time| *time <= limit)
        .collect();
    let count = kept.len() as f64;
    let mean = kept.iter().sum::<f64>() / count;
    let variance = kept.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, variance / count)
}

fn ec(curve: Curve, count: usize, drbg: &mut Drbg) {
    let point = EcScalar::random(curve, drbg).unwrap().public().unwrap();
    // Class 0 always has a scalar of few bits, class 1 a random one.
    let make = |class: bool, drbg: &mut Drbg| match class {
        false => EcScalar::new(curve, &[1, 0, 1]).unwrap(),
        true => EcScalar::random(curve, drbg).unwrap(),
    };
    compare(
        &format!("{curve:?} ECDH, scalar small or random"),
        count,
        drbg,
        make,
        |key, _| {
            black_box::<EcPoint>(key.multiply(&point).unwrap());
        },
    );
    compare(
        &format!("{curve:?} public key, scalar small or random"),
        count,
        drbg,
        make,
        |key, _| {
            black_box(key.public().unwrap());
        },
    );
    compare(
        &format!("{curve:?} sign, key small or random"),
        count,
        drbg,
        make,
        |key, drbg| {
            black_box(key.sign(&[7; 32], drbg).unwrap());
        },
    );
}

fn find(size: RsaSize, drbg: &mut Drbg) -> RsaKey {
    let mut search = KeySource::random(drbg).rsa_search(size, 0).unwrap();
    loop {
        if let Step::Done(key) = search.step(100).unwrap() {
            return key;
        }
    }
}

fn rsa(count: usize, drbg: &mut Drbg) {
    let found = find(RsaSize::Rsa1024, drbg);
    let public = found.public();
    let private = found.expose_prime(|prime| RsaPrivateKey::from_prime(public, prime).unwrap());
    let random = |class: bool, drbg: &mut Drbg| {
        let mut number = [0; 128];
        number[127] = 2;
        if class {
            drbg.fill(&mut number[1..]);
        }
        number
    };
    compare(
        "RSA-1024 private, input 2 or random",
        count,
        drbg,
        random,
        |number, drbg| {
            private.apply(&mut number.clone(), drbg).unwrap();
        },
    );
    // What Bleichenbacher and Manger ask: which fault is it? Class 0 has a wrong first byte, class 1 a right one
    // and a fault further on.
    let oaep = Encryption::Oaep {
        hash: HashAlgorithm::Sha256,
        label: b"",
    };
    for (name, scheme) in [("PKCS#1", Encryption::Pkcs1), ("OAEP", oaep)] {
        let make = |class: bool, drbg: &mut Drbg| {
            let mut encoded = [0; 128];
            drbg.fill(&mut encoded[1..]);
            encoded[1] = 2;
            encoded[2..].iter_mut().for_each(|byte| *byte |= 1);
            encoded[0] = u8::from(!class);
            public
                .apply(&mut encoded)
                .map(|()| encoded)
                .unwrap_or([0; 128])
        };
        let name = format!("RSA-1024 {name} decrypt, first or later fault");
        compare(&name, count, drbg, make, |ciphertext, drbg| {
            let mut out = [0; 128];
            let _ = black_box(private.decrypt(scheme, ciphertext, drbg, &mut out));
        });
    }
}

/// That a leak is seen: a comparison that stops at the first difference, of 64 KiB.
fn leak(count: usize, drbg: &mut Drbg) {
    let secret = vec![0u8; 1 << 16];
    let make = |class: bool, _: &mut Drbg| {
        let mut guess = vec![0u8; 1 << 16];
        guess[if class { 60_000 } else { 100 }] = 1;
        guess
    };
    compare(
        "a comparison that stops early (leaks)",
        count,
        drbg,
        make,
        |guess, _| {
            black_box(guess.iter().zip(&secret).all(|(a, b)| black_box(a) == b));
        },
    );
}
