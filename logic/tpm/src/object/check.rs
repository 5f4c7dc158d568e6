//! Whether the parts of a public area fit together, and whether it may be under that parent (Part 1, section 25;
//! Part 2, sections 8.3 and 12.2; Part 3, the descriptions of Create, Load and LoadExternal).

use super::Family;
use crate::attributes::ObjectAttributes as A;
use crate::rc::{Rc, Result};
use crate::structures::{
    AsymScheme, Kdf, KeyedHashScheme, ObjectKind, Parameters, Public, SymMode,
};
use ironroot_crypto::tpm::cipher::Mode;

/// What must hold when an object is made. `parent` is `None` for a primary object; `data_len` is the length of what
/// the caller gives as key or data.
///
/// # Errors
/// `ATTRIBUTES`; those of [`attributes`].
pub(crate) fn creation(public: &Public, parent: Option<&Family>, data_len: usize) -> Result<()> {
    let made_here = public.has(A::SENSITIVE_DATA_ORIGIN);
    // A primary object may have both: the data are then one more input of its derivation.
    if !made_here && data_len == 0 || made_here && data_len != 0 && parent.is_some() {
        return Err(Rc::ATTRIBUTES);
    }
    let fixed = public
        .attributes
        .has_any(A::FIXED_TPM.with(A::FIXED_PARENT));
    let restricted_from_outside = public.has(A::RESTRICTED) && !made_here && fixed;
    let refused = match public.kind() {
        // Sealed data are the caller's; nobody else could ever want them.
        ObjectKind::KeyedHash => !signs_or_decrypts(public) && made_here || restricted_from_outside,
        ObjectKind::SymCipher => restricted_from_outside,
        ObjectKind::Rsa | ObjectKind::Ecc => !made_here,
    };
    match refused {
        true => Err(Rc::ATTRIBUTES),
        false => attributes(public, parent),
    }
}

/// What must hold for every object with both parts, under that parent; `None`: it is a primary or an external object.
///
/// # Errors
/// `HASH`, `SIZE`, `ATTRIBUTES`; those of [`schemes`].
pub(crate) fn attributes(public: &Public, parent: Option<&Family>) -> Result<()> {
    let hash = public.name_alg.ok_or(Rc::HASH)?;
    if !public.policy.is_empty() && public.policy.len() != hash.digest_len() {
        return Err(Rc::SIZE);
    }
    match fixed_as_its_parent(public, parent) && used_as_it_may_be(public) {
        true => schemes(public, parent),
        false => Err(Rc::ATTRIBUTES),
    }
}

/// fixedTPM, fixedParent, encryptedDuplication: an object is bound at least as tightly as its parent lets it be.
fn fixed_as_its_parent(public: &Public, parent: Option<&Family>) -> bool {
    let (fixed_tpm, fixed_parent) = (public.has(A::FIXED_TPM), public.has(A::FIXED_PARENT));
    let encrypted = public.has(A::ENCRYPTED_DUPLICATION);
    // The seeds count as a parent that never leaves.
    let Some(parent) = parent.filter(|parent| !parent.is_fixed_tpm()) else {
        let derived_as_it_must = parent.is_none_or(|parent| !parent.derives() || fixed_parent);
        return fixed_tpm == fixed_parent && !(fixed_tpm && encrypted) && derived_as_it_must;
    };
    let derived_as_it_must = !parent.derives() || fixed_parent;
    !fixed_tpm && encrypted == parent.attributes.has(A::ENCRYPTED_DUPLICATION) && derived_as_it_must
}

/// A restricted key does one thing only; only sealed data do nothing.
fn used_as_it_may_be(public: &Public) -> bool {
    match (public.has(A::SIGN), public.has(A::DECRYPT)) {
        (true, true) => !public.has(A::RESTRICTED),
        (false, false) => !public.has(A::RESTRICTED) && public.kind() == ObjectKind::KeyedHash,
        _ => true,
    }
}

/// Whether schemes and symmetric definition fit the kind of object and its use. Also for what has no sensitive part.
///
/// # Errors
/// `SCHEME`, `HASH`, `SYMMETRIC`, `MODE`, `KDF`.
pub(crate) fn schemes(public: &Public, parent: Option<&Family>) -> Result<()> {
    match public.parameters {
        Parameters::SymCipher { symmetric } => cipher_mode(public, symmetric.mode)?,
        Parameters::KeyedHash { scheme } => return keyed_hash_scheme(public, scheme),
        Parameters::Rsa { scheme, .. } => asym_scheme(public, scheme)?,
        Parameters::Ecc { scheme, kdf, .. } => {
            asym_scheme(public, scheme)?;
            if kdf.is_some() {
                return Err(Rc::KDF);
            }
        }
    }
    if public.has(A::RESTRICTED) && public.has(A::DECRYPT) {
        return storage(public, parent);
    }
    // Another asymmetric key protects nothing.
    match public.kind().is_asymmetric() && public.parameters.symmetric().is_some() {
        true => Err(Rc::SYMMETRIC),
        false => Ok(()),
    }
}

/// A key for CMAC signs and does nothing else.
fn cipher_mode(public: &Public, mode: Option<SymMode>) -> Result<()> {
    match mode == Some(SymMode::Cmac) && public.has(A::DECRYPT) {
        true => Err(Rc::SCHEME),
        false => Ok(()),
    }
}

fn signs_or_decrypts(public: &Public) -> bool {
    public.attributes.has_any(A::SIGN.with(A::DECRYPT))
}

fn keyed_hash_scheme(public: &Public, scheme: Option<KeyedHashScheme>) -> Result<()> {
    let fits = match (public.has(A::SIGN), public.has(A::DECRYPT), scheme) {
        (true, true, scheme) | (false, false, scheme) => scheme.is_none(),
        (true, false, scheme) => matches!(scheme, Some(KeyedHashScheme::Hmac(_))),
        (false, true, Some(KeyedHashScheme::Xor { kdf, .. })) => {
            !public.has(A::RESTRICTED) || kdf == Some(Kdf::Sp800_108)
        }
        (false, true, _) => false,
    };
    match fits {
        true => Ok(()),
        false => Err(Rc::SCHEME),
    }
}

/// The scheme belongs to the type of key by the way it was read; here it must belong to the key's use
/// (CVE-2025-2884 is what comes of a scheme that does not).
fn asym_scheme(public: &Public, scheme: Option<AsymScheme>) -> Result<()> {
    let restricted = public.has(A::RESTRICTED);
    let fits = match (public.has(A::SIGN), public.has(A::DECRYPT), scheme) {
        (true, true, scheme) | (false, false, scheme) => scheme.is_none(),
        (true, false, None) => !restricted,
        (true, false, Some(scheme)) => scheme.signs(),
        (false, true, None) => true,
        (false, true, Some(scheme)) => !restricted && scheme.decrypts(),
    };
    match fits {
        true => Ok(()),
        false => Err(Rc::SCHEME),
    }
}

/// A storage key needs a cipher, in CFB mode. One that may not leave its parent protects exactly as that does.
fn storage(public: &Public, parent: Option<&Family>) -> Result<()> {
    let symmetric = public.parameters.symmetric().ok_or(Rc::SYMMETRIC)?;
    if symmetric.mode != Some(SymMode::Encrypt(Mode::Cfb)) {
        return Err(Rc::MODE);
    }
    let Some(parent) = parent.filter(|_| public.has(A::FIXED_PARENT)) else {
        return Ok(());
    };
    if public.name_alg != Some(parent.name_alg) {
        return Err(Rc::HASH);
    }
    match parent.symmetric == Some(symmetric) {
        true => Ok(()),
        false => Err(Rc::SYMMETRIC),
    }
}
