//! Part 3, sections 14.8 and 14.9: ECC_Encrypt, ECC_Decrypt. The full build only.

use super::ecdh::curve_key;
use crate::attributes::ObjectAttributes;
use crate::core::Core;
use crate::dispatch::Call;
use crate::profile::MAX_BUFFER;
use crate::rc::{Rc, Result};
use crate::structures::{DigestBytes, EccPoint, Kdf, KdfScheme, Parameters, Public};
use crate::table::{Command, DECRYPT, ENCRYPT, Place, Role};
use crate::wire::SecretBytes;
use ironroot_crypto::CryptoError;
use ironroot_crypto::tpm::ec::encrypt::{decrypt, encrypt};
use ironroot_crypto::tpm::hash::HashAlgorithm;

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        code: 0x199,
        handles: &[Place::Object],
        roles: &[],
        traits: DECRYPT | ENCRYPT,
        run: ecc_encrypt,
    },
    Command {
        code: 0x19a,
        handles: &[Place::Object],
        roles: &[Role::User],
        traits: DECRYPT | ENCRYPT,
        run: ecc_decrypt,
    },
];

/// Anybody may encrypt: it needs the public key only.
fn ecc_encrypt(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let message = call.params.sized(MAX_BUFFER)?;
    let wanted: Option<KdfScheme> = call.params.get()?;
    call.params.end()?;
    let [key, ..] = call.handles;
    let (_, public) = curve_key(core, key)?;
    let hash = hash(&public, wanted, 2)?;
    let recipient = public.ec_public().map_err(|rc| rc.handle(1))?;
    let mut data = SecretBytes::<MAX_BUFFER>::new(message).ok_or(Rc::FAILURE)?;
    let drbg = &mut core.drbg;
    let made = data.expose_mut(|data| encrypt(hash, &recipient, data, drbg));
    let (point, check) = made.map_err(|_| Rc::NO_RESULT)?;
    call.out.sized_structure(&EccPoint::from(&point))?;
    call.out.put(&data)?;
    call.out.sized(check.as_slice())
}

fn ecc_decrypt(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let point: EccPoint = call.params.sized_structure()?;
    let data = call.params.sized(MAX_BUFFER)?;
    let check: DigestBytes = call.params.get()?;
    let wanted: Option<KdfScheme> = call.params.get()?;
    call.params.end()?;
    let [key, ..] = call.handles;
    let (curve, public) = curve_key(core, key)?;
    if public.has(ObjectAttributes::RESTRICTED) || !public.has(ObjectAttributes::DECRYPT) {
        return Err(Rc::ATTRIBUTES.handle(1));
    }
    let hash = hash(&public, wanted, 4)?;
    let point = point.on(curve).map_err(|rc| rc.parameter(1))?;
    let mut data = SecretBytes::<MAX_BUFFER>::new(data).ok_or(Rc::FAILURE)?;
    core.with_object(key, |object| {
        let private = object.ec_private().map_err(|rc| rc.handle(1))?;
        data.expose_mut(|data| decrypt(hash, &private, &point, data, check.as_slice()))
            .map_err(|error| match error {
                CryptoError::Verification => Rc::VALUE.parameter(3),
                _ => Rc::NO_RESULT,
            })
    })??;
    call.out.put(&data)
}

/// The hash of the scheme, the key's or the caller's; both must be the same if there are both. KDF2 is the only one.
fn hash(public: &Public, wanted: Option<KdfScheme>, number: u8) -> Result<HashAlgorithm> {
    let Parameters::Ecc { kdf: own, .. } = public.parameters else {
        return Err(Rc::KEY.handle(1));
    };
    let scheme = match (own, wanted) {
        (Some(scheme), None) | (None, Some(scheme)) => scheme,
        (Some(own), Some(wanted)) if own == wanted => own,
        _ => return Err(Rc::SCHEME.parameter(number)),
    };
    match scheme.kdf {
        Kdf::Kdf2 => Ok(scheme.hash),
        _ => Err(Rc::SCHEME.parameter(number)),
    }
}
