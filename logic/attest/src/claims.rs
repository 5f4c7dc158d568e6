//! The claims of a PSA attestation token as types that cannot hold a wrong value, and the table that
//! says under which key each profile carries them.

use crate::cbor::{self, Malformed};
use crate::component::{SoftwareComponents, once};
use minicbor::Decoder;

/// Which claim set a token uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// RFC 9783, `tag:psacertified.org,2023:psa#tfm`: registered claim keys. The PSA Attestation API
    /// 2.0 permits only this one.
    #[default]
    Rfc9783,
    /// `PSA_IOT_PROFILE_1`, with keys from the private range: what verifiers knew before.
    IotProfile1,
}

impl Profile {
    /// The profile's name as it stands in the token.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rfc9783 => "tag:psacertified.org,2023:psa#tfm",
            Self::IotProfile1 => "PSA_IOT_PROFILE_1",
        }
    }

    /// The claims of the profile with their keys, in the order of deterministic encoding
    /// (RFC 8949, 4.2.1: bytewise by encoded key).
    pub(crate) const fn table(self) -> &'static [(i32, Claim)] {
        match self {
            Self::Rfc9783 => RFC_9783,
            Self::IotProfile1 => IOT_PROFILE_1,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    Nonce,
    InstanceId,
    Profile,
    BootSeed,
    ClientId,
    Lifecycle,
    ImplementationId,
    CertificationReference,
    SoftwareComponents,
    NoSoftwareMeasurements,
    VerificationService,
}

/// RFC 9783, Claim Key Mappings.
const RFC_9783: &[(i32, Claim)] = &[
    (10, Claim::Nonce),
    (256, Claim::InstanceId),
    (265, Claim::Profile),
    (268, Claim::BootSeed),
    (2394, Claim::ClientId),
    (2395, Claim::Lifecycle),
    (2396, Claim::ImplementationId),
    (2398, Claim::CertificationReference),
    (2399, Claim::SoftwareComponents),
    (2400, Claim::VerificationService),
];

/// draft-tschofenig-rats-psa-token-07.
const IOT_PROFILE_1: &[(i32, Claim)] = &[
    (-75000, Claim::Profile),
    (-75001, Claim::ClientId),
    (-75002, Claim::Lifecycle),
    (-75003, Claim::ImplementationId),
    (-75004, Claim::BootSeed),
    (-75005, Claim::CertificationReference),
    (-75006, Claim::SoftwareComponents),
    (-75007, Claim::NoSoftwareMeasurements),
    (-75008, Claim::Nonce),
    (-75009, Claim::InstanceId),
    (-75010, Claim::VerificationService),
];

/// The verifier's challenge: 32, 48 or 64 bytes, nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Challenge<'a>(&'a [u8]);

impl<'a> Challenge<'a> {
    /// Takes a challenge of an allowed length.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Option<Self> {
        match bytes.len() {
            32 | 48 | 64 => Some(Self(bytes)),
            _ => None,
        }
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

/// Who asked for the token: negative from the non-secure world, positive a secure partition, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientId(i32);

impl ClientId {
    /// Takes any number but zero.
    #[must_use]
    pub const fn new(id: i32) -> Option<Self> {
        if id == 0 { None } else { Some(Self(id)) }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }

    /// Whether the caller was outside the secure world.
    #[must_use]
    pub const fn is_non_secure(self) -> bool {
        self.0 < 0
    }
}

/// Names one attestation key: a type byte (0x01, RAND) and the 32-byte hash of the public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstanceId([u8; 33]);

impl InstanceId {
    const RAND: u8 = 0x01;

    /// The instance of a key: `public_key_hash` is the SHA-256 of the key as `psa_export_public_key`
    /// gives it (PSA Attestation API: instance id; for P-256 the 65-byte uncompressed point).
    #[must_use]
    pub fn from_key_hash(public_key_hash: &[u8; 32]) -> Self {
        let mut id = [Self::RAND; 33];
        for (to, from) in id.iter_mut().skip(1).zip(public_key_hash) {
            *to = *from;
        }
        Self(id)
    }

    /// Takes an instance id as it stands in the token; nothing if its type is not RAND.
    #[must_use]
    pub fn new(bytes: &[u8; 33]) -> Option<Self> {
        bytes.starts_with(&[Self::RAND]).then_some(Self(*bytes))
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::new(bytes.try_into().ok()?)
    }

    /// All 33 bytes, type first.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 33] {
        &self.0
    }
}

/// Names the immutable hardware and boot code: 32 bytes of the manufacturer's choice.
pub type ImplementationId = [u8; 32];

/// A value that differs from boot to boot: 8 to 32 bytes (exactly 32 in profile 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootSeed<'a>(&'a [u8]);

impl<'a> BootSeed<'a> {
    /// Takes 8 to 32 bytes.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() < 8 || bytes.len() > 32 {
            None
        } else {
            Some(Self(bytes))
        }
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

/// The PSA security lifecycle: state in the high byte, an implementation's own detail in the low one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifecycle(u16);

/// PSA Security Model, lifecycle states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifecycleState {
    /// 0x00xx: must not occur in a system.
    Unknown,
    /// 0x10xx
    AssemblyAndTest,
    /// 0x20xx
    PsaRotProvisioning,
    /// 0x30xx: the device protects what it holds.
    Secured,
    /// 0x40xx: the non-secure world can be debugged, the root of trust cannot.
    NonPsaRotDebug,
    /// 0x50xx
    RecoverablePsaRotDebug,
    /// 0x60xx
    Decommissioned,
}

impl LifecycleState {
    /// Name in the words of the standard.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::AssemblyAndTest => "assembly-and-test",
            Self::PsaRotProvisioning => "psa-rot-provisioning",
            Self::Secured => "secured",
            Self::NonPsaRotDebug => "non-psa-rot-debug",
            Self::RecoverablePsaRotDebug => "recoverable-psa-rot-debug",
            Self::Decommissioned => "decommissioned",
        }
    }
}

impl Lifecycle {
    /// Takes a value whose high byte is a state that the standard defines.
    #[must_use]
    pub const fn new(value: u16) -> Option<Self> {
        match value >> 8 {
            0x00 | 0x10 | 0x20 | 0x30 | 0x40 | 0x50 | 0x60 => Some(Self(value)),
            _ => None,
        }
    }

    /// The value as it stands in the token.
    #[must_use]
    pub const fn value(self) -> u16 {
        self.0
    }

    /// The state.
    #[must_use]
    pub const fn state(self) -> LifecycleState {
        match self.0 >> 8 {
            0x10 => LifecycleState::AssemblyAndTest,
            0x20 => LifecycleState::PsaRotProvisioning,
            0x30 => LifecycleState::Secured,
            0x40 => LifecycleState::NonPsaRotDebug,
            0x50 => LifecycleState::RecoverablePsaRotDebug,
            0x60 => LifecycleState::Decommissioned,
            _ => LifecycleState::Unknown,
        }
    }
}

/// Whether a certification reference is written as its profile demands: 13 digits, and for RFC 9783 a
/// dash and five more.
pub(crate) fn is_certification_reference(text: &str, profile: Profile) -> bool {
    let form = match profile {
        Profile::Rfc9783 => "0000000000000-00000",
        Profile::IotProfile1 => "0000000000000",
    };
    text.len() == form.len()
        && text
            .bytes()
            .zip(form.bytes())
            .all(|(is, should)| match should {
                b'-' => is == b'-',
                _ => is.is_ascii_digit(),
            })
}

/// Why a claim set is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimsError {
    /// Not one well-formed map with definite lengths, or a claim of the wrong type, or twice.
    Malformed,
    /// No profile claim, or one this code does not know.
    Profile,
    /// The nonce is missing, or is not 32, 48 or 64 bytes.
    Nonce,
    /// The instance id is missing, or is not 0x01 and 32 bytes.
    InstanceId,
    /// The implementation id is missing, or is not 32 bytes.
    ImplementationId,
    /// The client id is missing, zero or too large.
    ClientId,
    /// The lifecycle is missing or names no state.
    Lifecycle,
    /// The boot seed has a wrong length, or is missing where profile 1 demands it.
    BootSeed,
    /// The certification reference is not written as its profile demands.
    CertificationReference,
    /// A component without a proper measurement or signer, none at all, or components beside the
    /// claim that there are none.
    SoftwareComponents,
    /// The verification service is an empty text.
    VerificationService,
}

impl From<Malformed> for ClaimsError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<minicbor::decode::Error> for ClaimsError {
    fn from(_: minicbor::decode::Error) -> Self {
        Self::Malformed
    }
}

/// The claims of a token, each checked against its profile.
#[derive(Debug, Clone)]
pub struct Claims<'a> {
    /// Claim set in use.
    pub profile: Profile,
    /// The verifier's challenge, given back.
    pub nonce: Challenge<'a>,
    /// Which device (attestation key).
    pub instance_id: InstanceId,
    /// Which kind of device.
    pub implementation_id: ImplementationId,
    /// Who asked for the token.
    pub client_id: ClientId,
    /// The device's lifecycle.
    pub lifecycle: Lifecycle,
    /// Differs from boot to boot.
    pub boot_seed: Option<BootSeed<'a>>,
    /// Entry in the PSA certification database.
    pub certification_reference: Option<&'a str>,
    /// Measured software; empty only in profile 1, when the token says so.
    pub software_components: SoftwareComponents<'a>,
    /// Where the token can be verified: a hint from the device, not to be trusted.
    pub verification_service: Option<&'a str>,
}

/// Claims as read, before it is known that all are there.
#[derive(Default)]
struct Found<'a> {
    nonce: Option<&'a [u8]>,
    instance_id: Option<&'a [u8]>,
    profile: Option<&'a str>,
    boot_seed: Option<&'a [u8]>,
    client_id: Option<i64>,
    lifecycle: Option<i64>,
    implementation_id: Option<&'a [u8]>,
    certification_reference: Option<&'a str>,
    software_components: Option<SoftwareComponents<'a>>,
    no_software_measurements: Option<i64>,
    verification_service: Option<&'a str>,
}

impl<'a> Claims<'a> {
    /// Reads a claim set; `payload` is not trusted.
    ///
    /// # Errors
    /// [`ClaimsError`] names the first claim that breaks its profile. Claims this code does not know
    /// are stepped over, as RFC 9783 demands.
    pub fn read(payload: &'a [u8]) -> Result<Self, ClaimsError> {
        let profile = find_profile(payload)?;
        let mut decoder = Decoder::new(payload);
        let mut found = Found::default();
        for _ in 0..cbor::map(&mut decoder)? {
            let key = cbor::integer_key(&mut decoder)?;
            let claim = profile
                .table()
                .iter()
                .find(|(known, _)| Some(i64::from(*known)) == key);
            match claim {
                Some((_, claim)) => found.take(*claim, &mut decoder)?,
                None => cbor::skip(&mut decoder)?,
            }
        }
        cbor::finished(&decoder)?;
        found.check(profile)
    }
}

/// The profile must be known before the other keys mean anything, and may stand anywhere in the map.
fn find_profile(payload: &[u8]) -> Result<Profile, ClaimsError> {
    let mut decoder = Decoder::new(payload);
    let mut found = None;
    for _ in 0..cbor::map(&mut decoder)? {
        let profile = match cbor::integer_key(&mut decoder)? {
            Some(265) => Profile::Rfc9783,
            Some(-75000) => Profile::IotProfile1,
            _ => {
                cbor::skip(&mut decoder)?;
                continue;
            }
        };
        if decoder.str()? != profile.name() {
            return Err(ClaimsError::Profile);
        }
        once(&mut found, profile)?;
    }
    found.ok_or(ClaimsError::Profile)
}

impl<'a> Found<'a> {
    fn take(&mut self, claim: Claim, decoder: &mut Decoder<'a>) -> Result<(), ClaimsError> {
        match claim {
            Claim::Nonce => once(&mut self.nonce, decoder.bytes()?)?,
            Claim::InstanceId => once(&mut self.instance_id, decoder.bytes()?)?,
            Claim::Profile => once(&mut self.profile, decoder.str()?)?,
            Claim::BootSeed => once(&mut self.boot_seed, decoder.bytes()?)?,
            Claim::ClientId => once(&mut self.client_id, decoder.i64()?)?,
            Claim::Lifecycle => once(&mut self.lifecycle, decoder.i64()?)?,
            Claim::ImplementationId => once(&mut self.implementation_id, decoder.bytes()?)?,
            Claim::CertificationReference => {
                once(&mut self.certification_reference, decoder.str()?)?;
            }
            Claim::SoftwareComponents => {
                let components = SoftwareComponents::read(decoder)
                    .map_err(|_| ClaimsError::SoftwareComponents)?;
                once(&mut self.software_components, components)?;
            }
            Claim::NoSoftwareMeasurements => {
                once(&mut self.no_software_measurements, decoder.i64()?)?;
            }
            Claim::VerificationService => once(&mut self.verification_service, decoder.str()?)?,
        }
        Ok(())
    }

    fn check(self, profile: Profile) -> Result<Claims<'a>, ClaimsError> {
        Ok(Claims {
            profile,
            nonce: self
                .nonce
                .and_then(Challenge::new)
                .ok_or(ClaimsError::Nonce)?,
            instance_id: self
                .instance_id
                .and_then(InstanceId::from_bytes)
                .ok_or(ClaimsError::InstanceId)?,
            implementation_id: self
                .implementation_id
                .and_then(|id| id.try_into().ok())
                .ok_or(ClaimsError::ImplementationId)?,
            client_id: self
                .client_id
                .and_then(|id| i32::try_from(id).ok())
                .and_then(ClientId::new)
                .ok_or(ClaimsError::ClientId)?,
            lifecycle: self
                .lifecycle
                .and_then(|value| u16::try_from(value).ok())
                .and_then(Lifecycle::new)
                .ok_or(ClaimsError::Lifecycle)?,
            boot_seed: self.boot_seed(profile)?,
            certification_reference: match self.certification_reference {
                Some(text) if !is_certification_reference(text, profile) => {
                    return Err(ClaimsError::CertificationReference);
                }
                reference => reference,
            },
            verification_service: match self.verification_service {
                Some("") => return Err(ClaimsError::VerificationService),
                service => service,
            },
            software_components: self.components()?,
        })
    }

    fn boot_seed(&self, profile: Profile) -> Result<Option<BootSeed<'a>>, ClaimsError> {
        match (self.boot_seed, profile) {
            (None, Profile::Rfc9783) => Ok(None),
            (Some(seed), Profile::IotProfile1) if seed.len() != 32 => Err(ClaimsError::BootSeed),
            (Some(seed), _) => BootSeed::new(seed).map(Some).ok_or(ClaimsError::BootSeed),
            (None, Profile::IotProfile1) => Err(ClaimsError::BootSeed),
        }
    }

    fn components(self) -> Result<SoftwareComponents<'a>, ClaimsError> {
        match (self.software_components, self.no_software_measurements) {
            (Some(components), None) if !components.is_empty() => Ok(components),
            (None, Some(1)) => Ok(SoftwareComponents::none()),
            _ => Err(ClaimsError::SoftwareComponents),
        }
    }
}
