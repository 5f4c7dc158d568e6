//! Keys of the kinds an image can be signed with, or encrypted for.

use super::lms_key::LmsKey;
use ironroot_crypto::drbg::Drbg;
use ironroot_crypto::ecdsa::{self, P256PrivateKey};
use ironroot_crypto::ecdsa_p384::{self, P384PrivateKey};
use ironroot_crypto::ed25519::Ed25519PrivateKey;
use ironroot_crypto::hash::HashAlgorithm;
use ironroot_crypto::rsa::{RsaPrivateKey, RsaSize};
use ironroot_crypto::x25519::X25519PrivateKey;
use ironroot_image::build::Unsigned;
use ironroot_image::{Suite, suites};
use ironroot_port_host::OsEntropy;

/// A kind of key: the names it has in the world, and the suites it signs with.
pub(super) struct Kind {
    /// imgtool's name, for `keygen --type`.
    pub(super) type_name: &'static str,
    /// For people.
    pub(super) name: &'static str,
    /// Of the symbols that `getpub` writes.
    pub(super) symbol: &'static str,
    /// By hash, the usual one first.
    pub(super) suites: &'static [&'static Suite],
    /// Over the whole image, if there is such a suite.
    pub(super) pure: Option<&'static Suite>,
}

pub(super) static P256: Kind = Kind {
    type_name: "ecdsa-p256",
    name: "P-256",
    symbol: "ecdsa",
    suites: &[&suites::P256_SHA256],
    pure: None,
};
pub(super) static P384: Kind = Kind {
    type_name: "ecdsa-p384",
    name: "P-384",
    symbol: "ecdsap384",
    suites: &[&suites::P384_SHA384],
    pure: None,
};
pub(super) static ED25519: Kind = Kind {
    type_name: "ed25519",
    name: "Ed25519",
    symbol: "ed25519",
    suites: &[&suites::ED25519_SHA256, &suites::ED25519_SHA512],
    pure: Some(&suites::ED25519_PURE),
};
pub(super) static RSA2048: Kind = Kind {
    type_name: "rsa-2048",
    name: "RSA-2048",
    symbol: "rsa",
    suites: &[&suites::RSA2048_SHA256],
    pure: None,
};
pub(super) static RSA3072: Kind = Kind {
    type_name: "rsa-3072",
    name: "RSA-3072",
    symbol: "rsa",
    suites: &[&suites::RSA3072_SHA256],
    pure: None,
};

pub(super) static LMS: Kind = Kind {
    type_name: "lms",
    name: "LMS",
    symbol: "lms",
    suites: &[&suites::LMS_SHA256],
    pure: None,
};

/// For encryption only.
pub(super) static X25519: Kind = Kind {
    type_name: "x25519",
    name: "X25519",
    symbol: "x25519",
    suites: &[],
    pure: None,
};

impl Kind {
    /// Refuses a key that cannot sign, or check signatures.
    pub(super) fn must_sign(&self) -> anyhow::Result<()> {
        match self.suites {
            [] => Err(super::usage(format!(
                "{} keys encrypt; they cannot sign",
                self.name
            ))),
            _ => Ok(()),
        }
    }

    /// The kind of an RSA key of this size.
    pub(super) fn of_rsa(size: RsaSize) -> &'static Self {
        match size {
            RsaSize::Rsa2048 => &RSA2048,
            RsaSize::Rsa3072 => &RSA3072,
        }
    }
}

/// A public key in the form images and bootloaders use: SubjectPublicKeyInfo, for RSA PKCS#1.
pub(super) struct PublicKey {
    pub(super) kind: &'static Kind,
    pub(super) der: Vec<u8>,
}

/// A private key.
pub(super) enum PrivateKey {
    P256(P256PrivateKey),
    P384(P384PrivateKey),
    X25519(X25519PrivateKey),
    Ed25519(Ed25519PrivateKey),
    Rsa(Box<RsaPrivateKey>),
    /// Its state is in its file.
    Lms(Box<LmsKey>),
}

/// A random bit generator for one command.
pub(super) fn generator() -> anyhow::Result<Drbg> {
    Drbg::from_entropy(&mut OsEntropy, b"ironroot image")
        .map_err(|_| anyhow::anyhow!("the operating system gives no random numbers"))
}

impl PrivateKey {
    /// A new key.
    pub(super) fn generate(kind: &'static Kind) -> anyhow::Result<Self> {
        let drbg = &mut generator()?;
        Ok(match kind.type_name {
            "ed25519" => Self::Ed25519(Ed25519PrivateKey::generate(drbg)),
            "ecdsa-p384" => Self::P384(P384PrivateKey::generate(drbg)),
            "x25519" => Self::X25519(X25519PrivateKey::generate(drbg)),
            "rsa-2048" => Self::Rsa(Box::new(RsaPrivateKey::generate(RsaSize::Rsa2048, drbg))),
            "rsa-3072" => Self::Rsa(Box::new(RsaPrivateKey::generate(RsaSize::Rsa3072, drbg))),
            _ => Self::P256(P256PrivateKey::generate(drbg)),
        })
    }

    /// Its kind.
    pub(super) fn kind(&self) -> &'static Kind {
        match self {
            Self::P256(_) => &P256,
            Self::P384(_) => &P384,
            Self::X25519(_) => &X25519,
            Self::Ed25519(_) => &ED25519,
            Self::Rsa(key) => Kind::of_rsa(key.size()),
            Self::Lms(_) => &LMS,
        }
    }

    /// Signs what is to be signed in an image, in the form its TLV has. ECDSA and Ed25519 signatures
    /// are the same every time; RSA-PSS has a random salt; LMS takes another leaf each time.
    pub(super) fn sign(&self, suite: &Suite, image: &Unsigned<'_, '_>) -> anyhow::Result<Vec<u8>> {
        self.sign_parts(suite, image.digest(), image.signed_region())
    }

    /// The same, from the image's hash and the bytes it is over.
    pub(super) fn sign_parts(
        &self,
        suite: &Suite,
        digest: &[u8],
        region: &[u8],
    ) -> anyhow::Result<Vec<u8>> {
        Ok(match self {
            Self::P256(key) => {
                let mut der = [0; ecdsa::der::MAX_LEN];
                let len = ecdsa::der::encode(&key.sign_prehash(digest), &mut der);
                der[..len].to_vec()
            }
            Self::P384(key) => {
                let signature = key
                    .sign_prehash(digest)
                    .map_err(|error| anyhow::anyhow!("P-384 signing failed: {error:?}"))?;
                let mut der = [0; ecdsa_p384::MAX_DER_LEN];
                let len = ecdsa_p384::encode_der(&signature, &mut der);
                der[..len].to_vec()
            }
            Self::X25519(_) => return Err(super::usage("X25519 keys encrypt; they cannot sign")),
            Self::Ed25519(key) => {
                let pure = suite.signature().is_some_and(|signature| signature.pure);
                let message = if pure { region } else { digest };
                key.sign(message).to_vec()
            }
            Self::Rsa(key) => {
                let mut signature = vec![0; key.size().modulus_len()];
                let drbg = &mut generator()?;
                key.sign_pss(HashAlgorithm::Sha256, digest, drbg, &mut signature)
                    .map_err(|error| anyhow::anyhow!("RSA signing failed: {error:?}"))?;
                signature
            }
            Self::Lms(key) => key.sign(digest)?,
        })
    }
}
