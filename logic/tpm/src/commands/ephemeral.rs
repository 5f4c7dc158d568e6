//! Part 3, section 19 and 14.7: Commit, EC_Ephemeral, ZGen_2Phase: ephemeral keys that the TPM knows again by their
//! number. The full build only.

use super::ecdh::curve_key;
use crate::attributes::ObjectAttributes;
use crate::core::Core;
use crate::dispatch::Call;
use crate::profile::MAX_BUFFER;
use crate::rc::{Rc, Result};
use crate::structures::{Alg, AsymScheme, Coordinate, EccPoint, Name, Public};
use crate::table::{Command, DECRYPT, ENCRYPT, Place, Role};
use crate::wire::{Input, Unmarshal};
use ironroot_crypto::tpm::ec::exchange::{Agreement, agree};
use ironroot_crypto::tpm::ec::{Curve, EcPoint, EcScalar};
use ironroot_crypto::tpm::hash::digest;

/// Lines of the command table.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        code: 0x18b,
        handles: &[Place::Object],
        roles: &[Role::User],
        traits: DECRYPT | ENCRYPT,
        run: commit,
    },
    Command {
        code: 0x18e,
        handles: &[],
        roles: &[],
        traits: ENCRYPT,
        run: ec_ephemeral,
    },
    Command {
        code: 0x18d,
        handles: &[Place::Object],
        roles: &[Role::User],
        traits: DECRYPT | ENCRYPT,
        run: z_gen_2_phase,
    },
];

/// The first half of an anonymous signature: with the ephemeral number r and the key d, K = \[d\]P2, L = \[r\]P2,
/// E = \[r\]P1; E = \[r\]G if neither point is given (Part 1, annex C.2.2).
fn commit(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let p1: OptionalPoint = call.params.get()?;
    let s2 = call.params.sized(MAX_BUFFER)?;
    let y2: Coordinate = call.params.get()?;
    call.params.end()?;
    let [key, ..] = call.handles;
    let (curve, public) = curve_key(core, key)?;
    if scheme(&public) != Some(Alg::ECDAA) {
        return Err(Rc::SCHEME.handle(1));
    }
    if s2.is_empty() != y2.is_empty() {
        return Err(Rc::SIZE.parameter(3));
    }
    let name = core.name(key)?;
    let number = core.next_commitment(curve, &name)?;
    let p2 = match s2.is_empty() {
        true => None,
        false => Some(hashed_point(&public, curve, s2, &y2)?),
    };
    let p1 = p1.0.map(|point| point.on(curve)).transpose();
    let p1 = p1.map_err(|rc| rc.parameter(1))?;
    let (k, l) = match &p2 {
        None => (EccPoint::default(), EccPoint::default()),
        Some(point) => core.with_object(key, |object| -> Result<_> {
            let private = object.ec_private().map_err(|_| Rc::KEY.handle(1))?;
            Ok((times(&private, point)?, times(&number, point)?))
        })??,
    };
    let e = match (&p1, &p2) {
        (Some(point), _) => times(&number, point)?,
        (None, Some(_)) => EccPoint::default(),
        (None, None) => EccPoint::from(&number.public().map_err(|_| Rc::NO_RESULT)?),
    };
    for point in [k, l, e] {
        call.out.sized_structure(&point)?;
    }
    core.commit()?;
    call.out.put(&core.supplement.live.commitments.add())
}

/// An ephemeral key for a curve: its public point, and the number by which ZGen_2Phase finds it.
fn ec_ephemeral(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let curve: Curve = call.params.get()?;
    call.params.end()?;
    let number = core.next_commitment(curve, &Name::EMPTY)?;
    let public = number.public().map_err(|_| Rc::NO_RESULT)?;
    call.out.sized_structure(&EccPoint::from(&public))?;
    core.commit()?;
    call.out.put(&core.supplement.live.commitments.add())
}

/// What the key and an ephemeral key share with another's static and ephemeral key (SP 800-56A, section 6.1.1).
fn z_gen_2_phase(core: &mut Core<'_>, call: &mut Call<'_>) -> Result<()> {
    let their_static: EccPoint = call.params.sized_structure()?;
    let their_ephemeral: EccPoint = call.params.sized_structure()?;
    let wanted = call.params.with(exchange_choice)?;
    let count: u16 = call.params.get()?;
    call.params.end()?;
    let [key, ..] = call.handles;
    let (curve, public) = curve_key(core, key)?;
    let exchanges =
        !public.has(ObjectAttributes::RESTRICTED) && public.has(ObjectAttributes::DECRYPT);
    if !exchanges {
        return Err(Rc::ATTRIBUTES.handle(1));
    }
    if scheme(&public).is_some_and(|own| own != wanted) {
        return Err(Rc::SCHEME.parameter(3));
    }
    let their_static = their_static.on(curve).map_err(|rc| rc.parameter(1))?;
    let their_ephemeral = their_ephemeral.on(curve).map_err(|rc| rc.parameter(2))?;
    let ephemeral = core.commit_secret(count, curve, &Name::EMPTY);
    let ephemeral = ephemeral.map_err(|rc| rc.parameter(4))?;
    let (z1, z2) = core.with_object(key, |object| -> Result<_> {
        let private = object.ec_private().map_err(|rc| rc.handle(1))?;
        match wanted {
            Alg::ECDH => Ok((
                times(&private, &their_static)?,
                times(&ephemeral, &their_ephemeral)?,
            )),
            _ => {
                let agreement = match wanted {
                    Alg::SM2 => Agreement::Sm2,
                    _ => Agreement::Mqv,
                };
                let (own, peer) = ((&private, &ephemeral), (&their_static, &their_ephemeral));
                let shared = agree(agreement, own, peer).map_err(|_| Rc::NO_RESULT)?;
                Ok((EccPoint::from(&shared), EccPoint::default()))
            }
        }
    })??;
    call.out.sized_structure(&z1)?;
    call.out.sized_structure(&z2)?;
    core.commit()?;
    core.end_commit(count);
    Ok(())
}

fn times(number: &EcScalar, point: &EcPoint) -> Result<EccPoint> {
    let point = number.multiply(point).map_err(|_| Rc::NO_RESULT)?;
    Ok(EccPoint::from(&point))
}

/// The point (H(s2) mod p, y2).
fn hashed_point(public: &Public, curve: Curve, s2: &[u8], y2: &Coordinate) -> Result<EcPoint> {
    let hash = public.name_alg.ok_or(Rc::HASH.handle(1))?;
    let hashed = digest(hash, s2);
    EcPoint::with_hashed_x(curve, hashed.as_slice(), y2.as_slice())
        .map_err(|_| Rc::ECC_POINT.parameter(2))
}

/// The number of a key's scheme.
fn scheme(public: &Public) -> Option<Alg> {
    public.parameters.asym_scheme().map(AsymScheme::alg)
}

/// `TPMI_ECC_KEY_EXCHANGE`: unknown is `SCHEME`.
fn exchange_choice(input: &mut Input<'_>) -> Result<Alg> {
    match input.get()? {
        known @ (Alg::ECDH | Alg::ECMQV | Alg::SM2) => Ok(known),
        _ => Err(Rc::SCHEME),
    }
}

/// `TPM2B_ECC_POINT`, of which empty coordinates are no point at all.
struct OptionalPoint(Option<EccPoint>);

impl Unmarshal for OptionalPoint {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        let point: EccPoint = input.sized_structure()?;
        let none = point.x.is_empty() && point.y.is_empty();
        Ok(Self((!none).then_some(point)))
    }
}
