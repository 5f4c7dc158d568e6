//! What a TPM answers from a fixed random stream, as digests: `cargo run -p ironroot-crypto --example tpm_answers --features
//! tpm-p224,tpm-p384,tpm-p521,tpm-rsa,tpm-tables[,aws-lc]`. Builds with and without AWS-LC print the same text, which
//! `cargo xtask test --aws-lc` compares. No line is a reference: the tests have those.

use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::tpm::ec::{Curve, EcScalar, EcSignature};
use ironroot_crypto::tpm::hash::{HashAlgorithm, Hasher};
use ironroot_crypto::tpm::rsa::{
    Encryption, RsaKey, RsaPrivateKey, RsaSize, SaltLength, SignatureScheme, Step,
};
use ironroot_crypto::tpm::source::KeySource;
use ironroot_crypto::{Secret, tpm::ec::EcPoint};

const HASH: HashAlgorithm = HashAlgorithm::Sha256;

fn main() {
    let mut drbg = Drbg::new(&Secret::new([7; 32]), b"answers");
    for curve in [Curve::P224, Curve::P256, Curve::P384, Curve::P521] {
        curves(curve, 64, &mut drbg);
    }
    for (size, keys) in [(RsaSize::Rsa1024, 6), (RsaSize::Rsa2048, 3)] {
        for _ in 0..keys {
            rsa(size, &mut drbg);
        }
    }
    let mut last = [0; 32];
    drbg.fill(&mut last);
    show("the stream after all that", &[&last]);
}

fn show(name: &str, parts: &[&[u8]]) {
    let mut hasher = Hasher::new(HASH);
    for part in parts {
        hasher.update(part);
    }
    let digest = hasher.finish();
    let hex: String = digest
        .as_slice()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    println!("{hex} {name}");
}

fn curves(curve: Curve, times: u32, drbg: &mut Drbg) {
    for time in 0..times {
        let digest = [time as u8; 32];
        let key = EcScalar::random(curve, drbg).unwrap();
        let public = key.public().unwrap();
        point(curve, "key", &public);
        let signature = key.sign(&digest, drbg).unwrap();
        signed(curve, "ECDSA", &signature);
        public
            .verify(&digest, signature.r(), signature.s())
            .unwrap();
        assert!(
            public
                .verify(&digest, signature.s(), signature.r())
                .is_err()
        );
        let signature = key.sign_schnorr(HASH, &digest, drbg).unwrap();
        signed(curve, "Schnorr", &signature);
        let verified = public.verify_schnorr(HASH, &digest, signature.r(), signature.s());
        verified.unwrap();
        let commitment = EcScalar::random(curve, drbg).unwrap();
        let signature = key.sign_ecdaa(HASH, &commitment, &digest, drbg).unwrap();
        signed(curve, "ECDAA", &signature);
        point(curve, "ECDH", &commitment.multiply(&public).unwrap());
    }
}

fn point(curve: Curve, name: &str, point: &EcPoint) {
    show(&format!("{curve:?} {name}"), &[point.x(), point.y()]);
}

fn signed(curve: Curve, name: &str, signature: &EcSignature) {
    show(
        &format!("{curve:?} {name}"),
        &[signature.r(), signature.s()],
    );
}

fn rsa(size: RsaSize, drbg: &mut Drbg) {
    let key = find(&KeySource::random(drbg), size);
    let public = key.public();
    show(&format!("{size:?} modulus"), &[public.modulus()]);
    let private = key.expose_prime(|prime| {
        show(&format!("{size:?} prime"), &[prime]);
        RsaPrivateKey::from_prime(public, prime).unwrap()
    });
    let salt = SaltLength::Digest;
    let pss = SignatureScheme::Pss { hash: HASH, salt };
    let mut out = vec![0; size.modulus_len()];
    for scheme in [SignatureScheme::Pkcs1 { hash: HASH }, pss] {
        private.sign(scheme, &[1; 32], drbg, &mut out).unwrap();
        show(&format!("{size:?} {scheme:?}"), &[&out]);
        public.verify(scheme, &[1; 32], &out).unwrap();
    }
    let oaep = Encryption::Oaep {
        hash: HASH,
        label: b"",
    };
    public.encrypt(oaep, b"message", drbg, &mut out).unwrap();
    show(&format!("{size:?} OAEP"), &[&out]);
    let mut message = vec![0; size.modulus_len()];
    let len = private.decrypt(oaep, &out, drbg, &mut message).unwrap();
    assert_eq!(&message[..len], b"message");
}

fn find(source: &KeySource, size: RsaSize) -> RsaKey {
    let mut search = source.rsa_search(size, 0).unwrap();
    loop {
        if let Step::Done(key) = search.step(100).unwrap() {
            return key;
        }
    }
}
