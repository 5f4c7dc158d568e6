//! ECC_Parameters and TestParms (Part 3, sections 14.6 and 30.3): what this TPM can do with a curve or a kind of key.

use crate::core::Core;
use crate::dispatch::Call;
use crate::rc::Result;
use crate::structures::{Kdf, KdfScheme, Parameters};
use crate::table::Command;
use ironroot_crypto::tpm::ec::Curve;
use ironroot_crypto::tpm::hash::HashAlgorithm;

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        code: 0x178,
        handles: &[],
        roles: &[],
        traits: 0,
        run: ecc_parameters,
    },
    Command {
        code: 0x18a,
        handles: &[],
        roles: &[],
        traits: 0,
        run: test_parameters,
    },
];

/// `TPMS_ALGORITHM_DETAIL_ECC`
fn ecc_parameters(_core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let curve: Curve = call.params.get()?;
    call.params.end()?;
    let hash = match curve {
        Curve::P224 | Curve::P256 => Some(HashAlgorithm::Sha256),
        Curve::P384 => Some(HashAlgorithm::Sha384),
        Curve::P521 => Some(HashAlgorithm::Sha512),
        #[cfg(feature = "full")]
        Curve::Sm2P256 => Some(HashAlgorithm::Sm3),
        #[cfg(not(feature = "full"))]
        Curve::Sm2P256 => None,
        Curve::BnP256 => None,
    };
    let kdf = hash.map(|hash| KdfScheme {
        kdf: Kdf::Sp800_56a,
        hash,
    });
    let numbers = curve.parameters();
    call.out.put(&curve)?;
    call.out
        .put(&u16::try_from(curve.bits()).unwrap_or_default())?;
    call.out.put(&kdf)?;
    call.out.put(&None::<crate::structures::AsymScheme>)?;
    for number in [
        numbers.p,
        numbers.a,
        numbers.b,
        numbers.x,
        numbers.y,
        numbers.n,
        &[1],
    ] {
        // Zero is one byte, as other TPMs have it: a of BN-P256.
        let zero = number.iter().all(|byte| *byte == 0);
        call.out.sized(if zero { &[0] } else { number })?;
    }
    Ok(())
}

/// What can be read is supported: each part was refused with its own code otherwise.
fn test_parameters(_core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    call.params.get::<Parameters>()?;
    call.params.end()
}
