//! Whether a sensitive area belongs to a public one, and whether both hold numbers that can be used
//! (Part 1, section 27.5; Part 3, Load and LoadExternal).

use super::rsa;
use crate::attributes::{ObjectAttributes, ObjectAttributes as A};
use crate::profile::MAX_SEALED;
use crate::rc::Rc;
use crate::structures::{DigestBytes, Parameters, Public, RsaBits, Sensitive, Unique};
use ironroot_crypto::tpm::ec::{Curve, EcScalar};
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest_parts, hmac};

/// Which of the two is wrong; the command adds the number of the parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The public area.
    Public(Rc),
    /// The sensitive area.
    Sensitive(Rc),
    /// They do not belong together.
    Both,
}

impl Blame {
    /// The answer, for a command that has the two areas in those parameters.
    pub(crate) const fn answer(self, public: u8, sensitive: u8) -> Rc {
        match self {
            Self::Public(rc) => rc.parameter(public),
            Self::Sensitive(rc) => rc.parameter(sensitive),
            Self::Both => Rc::BINDING,
        }
    }
}

type Verdict = Result<(), Blame>;

/// Numbers of the public area alone.
///
/// # Errors
/// `KEY`, `VALUE`, `ECC_POINT`, all of them the public area's.
pub(crate) fn check_public(public: &Public) -> Verdict {
    match (&public.parameters, &public.unique) {
        (Parameters::Rsa { bits, exponent, .. }, Unique::Rsa(modulus)) => {
            check_modulus(*bits, *exponent, modulus.as_slice())
        }
        (Parameters::Ecc { curve, .. }, Unique::Ecc(point)) => {
            let len = curve.coordinate_len();
            if point.x.len() != len || point.y.len() != len {
                return Err(Blame::Public(Rc::KEY));
            }
            point.on(*curve).map(|_| ()).map_err(Blame::Public)
        }
        (Parameters::KeyedHash { .. } | Parameters::SymCipher { .. }, Unique::Digest(digest)) => {
            match digest.len() == public.name_alg.map_or(0, HashAlgorithm::digest_len) {
                true => Ok(()),
                false => Err(Blame::Public(Rc::KEY)),
            }
        }
        _ => Err(Blame::Public(Rc::TYPE)),
    }
}

/// Numbers of both areas, and that they belong together.
///
/// # Errors
/// `TYPE`, `SIZE`, `KEY_SIZE`, `KEY`, `VALUE`, `SCHEME`; `Both`.
pub(crate) fn check_both(public: &Public, sensitive: &Sensitive) -> Verdict {
    if sensitive.kind != public.kind() {
        return Err(Blame::Sensitive(Rc::TYPE));
    }
    let digest_len = public.name_alg.map(HashAlgorithm::digest_len);
    if digest_len.is_some_and(|most| sensitive.auth.len() > most) {
        return Err(Blame::Sensitive(Rc::SIZE));
    }
    if digest_len.is_some_and(|most| sensitive.seed.len() > most) {
        return Err(Blame::Sensitive(Rc::KEY_SIZE));
    }
    match (&public.parameters, &public.unique) {
        (Parameters::Rsa { bits, exponent, .. }, Unique::Rsa(modulus)) => {
            check_modulus(*bits, *exponent, modulus.as_slice())?;
            check_prime(public, *bits, sensitive)?;
        }
        (Parameters::Ecc { curve, .. }, Unique::Ecc(_)) => check_scalar(*curve, public, sensitive)?,
        (Parameters::KeyedHash { .. } | Parameters::SymCipher { .. }, Unique::Digest(_)) => {
            check_symmetric(public, sensitive)?;
        }
        _ => return Err(Blame::Public(Rc::TYPE)),
    }
    check_parent_seed(public, sensitive)
}

/// The unique field of a keyed-hash or symmetric object: a digest over its seed value and its secret; of a parent,
/// whose seed value has another use, an HMAC under it.
pub(crate) fn symmetric_unique(
    hash: HashAlgorithm,
    attributes: ObjectAttributes,
    sensitive: &Sensitive,
) -> Unique {
    let is_parent = attributes.has(A::RESTRICTED.with(A::DECRYPT));
    let digest = sensitive.seed.expose(|seed| {
        sensitive.data.expose(|data| match is_parent {
            true => hmac(hash, seed, &[data]),
            false => digest_parts(hash, &[seed, data]),
        })
    });
    Unique::Digest(DigestBytes::new(digest.as_slice()).unwrap_or_default())
}

/// The exponent may be any odd number that a key in use could have; only new keys are held to more.
fn check_modulus(bits: RsaBits, exponent: u32, modulus: &[u8]) -> Verdict {
    let top_bit = modulus.first().is_some_and(|first| *first >= 0x80);
    if modulus.len() != bits.modulus_len() || !top_bit {
        return Err(Blame::Public(Rc::KEY));
    }
    match exponent == 0 || exponent >= 3 && exponent % 2 == 1 {
        true => Ok(()),
        false => Err(Blame::Public(Rc::VALUE)),
    }
}

fn check_prime(public: &Public, bits: RsaBits, sensitive: &Sensitive) -> Verdict {
    rsa::check_prime(public, bits, sensitive).map_err(|rc| match rc {
        Rc::BINDING => Blame::Both,
        Rc::KEY => Blame::Public(rc),
        _ => Blame::Sensitive(rc),
    })
}

fn check_scalar(curve: Curve, public: &Public, sensitive: &Sensitive) -> Verdict {
    let scalar = sensitive.data.expose(|bytes| EcScalar::new(curve, bytes));
    let scalar = scalar.map_err(|_| Blame::Sensitive(Rc::KEY_SIZE))?;
    let Unique::Ecc(point) = &public.unique else {
        return Err(Blame::Public(Rc::TYPE));
    };
    // Without a name nobody can hold the public part to it.
    if public.name_alg.is_none() {
        return Ok(());
    }
    let belongs = point
        .on(curve)
        .ok()
        .zip(scalar.public().ok())
        .is_some_and(|(given, own)| given == own);
    match belongs {
        true => Ok(()),
        false => Err(Blame::Both),
    }
}

fn check_symmetric(public: &Public, sensitive: &Sensitive) -> Verdict {
    let len = sensitive.data.len();
    let fits = match public.parameters {
        Parameters::SymCipher { symmetric } => len == symmetric.key_len(),
        Parameters::KeyedHash { scheme } => {
            len <= scheme.map_or(MAX_SEALED, |scheme| scheme.hash().block_len())
        }
        Parameters::Rsa { .. } | Parameters::Ecc { .. } => false,
    };
    if !fits {
        return Err(Blame::Sensitive(Rc::KEY_SIZE));
    }
    let Some(hash) = public.name_alg else {
        return Ok(());
    };
    if sensitive.seed.len() != hash.digest_len() {
        return Err(Blame::Sensitive(Rc::KEY_SIZE));
    }
    match symmetric_unique(hash, public.attributes, sensitive) == public.unique {
        true => Ok(()),
        false => Err(Blame::Both),
    }
}

/// A parent's seed has at least half the strength of its name algorithm.
fn check_parent_seed(public: &Public, sensitive: &Sensitive) -> Verdict {
    let Some(hash) = public
        .name_alg
        .filter(|_| public.has(A::RESTRICTED) && public.has(A::DECRYPT))
    else {
        return Ok(());
    };
    match sensitive.seed.len() >= hash.digest_len() / 2 {
        true => Ok(()),
        false => Err(Blame::Sensitive(Rc::SIZE)),
    }
}
