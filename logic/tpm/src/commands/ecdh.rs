//! Part 3, sections 14.4 and 14.5: ECDH_KeyGen, ECDH_ZGen.

use crate::attributes::ObjectAttributes;
use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::Handle;
use crate::rc::{Rc, Result};
use crate::structures::{AsymScheme, EccPoint, Parameters, Public};
use crate::table::{Command, DECRYPT, ENCRYPT, Place, Role};
use ironroot_crypto::tpm::ec::{Curve, EcScalar};

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        code: 0x163,
        handles: &[Place::Object],
        roles: &[],
        traits: ENCRYPT,
        run: key_gen,
    },
    Command {
        code: 0x154,
        handles: &[Place::Object],
        roles: &[Role::User],
        traits: DECRYPT | ENCRYPT,
        run: z_gen,
    },
];

/// An ephemeral key, and the point that its holder and the key's holder share.
fn key_gen(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    call.params.end()?;
    let [key, ..] = call.handles;
    let (curve, public) = curve_key(core, key)?;
    let point = public.ec_public().map_err(|rc| rc.handle(1))?;
    let ephemeral = EcScalar::random(curve, &mut core.drbg).map_err(|_| Rc::FAILURE)?;
    let shared = ephemeral.multiply(&point).map_err(|_| Rc::NO_RESULT)?;
    let own = ephemeral.public().map_err(|_| Rc::FAILURE)?;
    call.out.sized_structure(&EccPoint::from(&shared))?;
    call.out.sized_structure(&EccPoint::from(&own))
}

/// The same shared point from the other side.
fn z_gen(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let sent: EccPoint = call.params.sized_structure()?;
    call.params.end()?;
    let [key, ..] = call.handles;
    let (curve, public) = curve_key(core, key)?;
    let exchanges = !public.attributes.has(ObjectAttributes::RESTRICTED)
        && public.has(ObjectAttributes::DECRYPT);
    if !exchanges {
        return Err(Rc::ATTRIBUTES.handle(1));
    }
    if !matches!(
        public.parameters.asym_scheme(),
        None | Some(AsymScheme::Ecdh(_))
    ) {
        return Err(Rc::SCHEME.handle(1));
    }
    let sent = sent.on(curve).map_err(|rc| rc.parameter(1))?;
    let shared = core.with_object(key, |object| {
        let private = object.ec_private().map_err(|rc| rc.handle(1))?;
        private.multiply(&sent).map_err(|_| Rc::NO_RESULT)
    })??;
    call.out.sized_structure(&EccPoint::from(&shared))
}

pub(super) fn curve_key(core: &mut Core<'_>, key: Handle) -> Result<(Curve, Public)> {
    core.refuse_sequence(key, Rc::KEY.handle(1))?;
    let public = core.with_object(key, |object| object.public.clone())?;
    match public.parameters {
        Parameters::Ecc { curve, .. } => Ok((curve, public)),
        _ => Err(Rc::KEY.handle(1)),
    }
}
