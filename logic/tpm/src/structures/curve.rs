//! Curves and points (Part 2, sections 6.4 and 11.2.5).

use crate::profile::MAX_COORDINATE;
use crate::rc::{Rc, Result};
use crate::wire::{Bytes, Input, Marshal, Output, Unmarshal};
use ironroot_crypto::tpm::ec::{Curve, EcPoint};

/// `TPM2B_ECC_PARAMETER`.
pub(crate) type Coordinate = Bytes<MAX_COORDINATE>;

/// `TPM_ECC_CURVE` and the curve; those that this build lacks are here, too.
const ALL: [(u16, Curve); 6] = [
    (2, Curve::P224),
    (3, Curve::P256),
    (4, Curve::P384),
    (5, Curve::P521),
    (0x10, Curve::BnP256),
    (0x20, Curve::Sm2P256),
];

/// The curves of this build, as GetCapability tells them.
pub(crate) const CURVES: &[u16] = match cfg!(feature = "full") {
    true => &[2, 3, 4, 5, 0x10, 0x20],
    false => &[3],
};

/// `TPM_ECC_CURVE` of a curve.
fn curve_number(curve: Curve) -> u16 {
    ALL.iter()
        .find(|(_, known)| *known == curve)
        .map_or(0, |(number, _)| *number)
}

/// `TPMI_ECC_CURVE`: one that this build does not have is `CURVE`.
impl Unmarshal for Curve {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        let wanted: u16 = input.get()?;
        let found = ALL
            .iter()
            .find(|(number, _)| *number == wanted && CURVES.contains(number));
        found.map(|(_, curve)| *curve).ok_or(Rc::CURVE)
    }
}

impl Marshal for Curve {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&curve_number(*self))
    }
}

/// `TPMS_ECC_POINT`: two numbers, not yet known to be a point of any curve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EccPoint {
    /// The first coordinate.
    pub(crate) x: Coordinate,
    /// The second coordinate.
    pub(crate) y: Coordinate,
}

impl EccPoint {
    /// The point on that curve.
    ///
    /// # Errors
    /// `ECC_POINT`: it is not on it.
    pub(crate) fn on(&self, curve: Curve) -> Result<EcPoint> {
        EcPoint::new(curve, self.x.as_slice(), self.y.as_slice()).map_err(|_| Rc::ECC_POINT)
    }
}

impl From<&EcPoint> for EccPoint {
    fn from(point: &EcPoint) -> Self {
        Self {
            x: Coordinate::new(point.x()).unwrap_or_default(),
            y: Coordinate::new(point.y()).unwrap_or_default(),
        }
    }
}

impl Unmarshal for EccPoint {
    fn unmarshal(input: &mut Input<'_>) -> Result<Self> {
        Ok(Self {
            x: input.get()?,
            y: input.get()?,
        })
    }
}

impl Marshal for EccPoint {
    fn marshal(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.x)?;
        out.put(&self.y)
    }
}
