//! New objects: where their numbers come from, and what is told of their making (Part 1, section 27; Part 3,
//! sections 12.1, 12.9 and 24.1).

use super::binding::symmetric_unique;
use super::derive::Stream;
use super::{Family, rsa};
use crate::attributes::ObjectAttributes as A;
use crate::core::Core;
use crate::dispatch::Locality;
use crate::handle::Hierarchy;
use crate::rc::{Rc, Result};
use crate::structures::{
    AuthValue, CreationData, Data, EccPoint, KeyedHashScheme, MAX_PUBLIC, MAX_SENSITIVE, Name,
};
use crate::structures::{
    Parameters, PcrSelections, Public, Sensitive, SensitiveData, TicketKind, Unique,
};
use crate::wire::{Output, SecretBytes};
use ironroot_crypto::tpm::ec::{Curve, EcScalar};
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest};
use ironroot_crypto::tpm::source::{DERIVATION_ID, KeySource, Purpose};

/// The longest `TPMS_CREATION_DATA`, in bytes, with room to spare.
const MAX_CREATION_DATA: usize = 512;

/// Where the numbers of a new object come from.
#[cfg_attr(
    feature = "full",
    expect(
        clippy::large_enum_variant,
        reason = "there is no heap to put the larger one on"
    )
)]
pub(crate) enum Origin {
    /// A primary key: from the seed of its hierarchy. May be kept ready.
    Seed(KeySource),
    /// An ordinary one: drawn.
    Drawn(KeySource),
    /// A derived one: from its parent's secret.
    #[cfg_attr(
        not(feature = "full"),
        expect(dead_code, reason = "there is none, so it takes no code")
    )]
    Parent(Stream),
}

impl Origin {
    fn fill(&mut self, purpose: Purpose, out: &mut [u8]) -> Result<()> {
        match self {
            Self::Seed(source) | Self::Drawn(source) => {
                source.fill(purpose, out);
                Ok(())
            }
            Self::Parent(stream) => stream.fill(out),
        }
    }

    fn secret<const N: usize>(&mut self, purpose: Purpose, len: usize) -> Result<SecretBytes<N>> {
        let mut filled = Ok(());
        let bytes = SecretBytes::filled(len, |out| filled = self.fill(purpose, out));
        filled?;
        bytes.ok_or(Rc::FAILURE)
    }

    fn ec_scalar(&mut self, curve: Curve) -> Result<EcScalar> {
        match self {
            Self::Seed(source) | Self::Drawn(source) => {
                source.ec_scalar(curve).map_err(|_| Rc::CURVE)
            }
            Self::Parent(stream) => stream.ec_scalar(curve),
        }
    }
}

impl Core<'_> {
    /// What a primary object of this hierarchy, template and data is made of.
    ///
    /// # Errors
    /// `FAILURE`: the seed is of a derivation that this version does not know.
    pub(crate) fn primary_origin(
        &self,
        hierarchy: Hierarchy,
        template: &Public,
        data: &SensitiveData,
    ) -> Result<Origin> {
        if self.hierarchy_derivation(hierarchy) != DERIVATION_ID {
            return Err(Rc::FAILURE);
        }
        let mut area = [0; MAX_PUBLIC];
        let mut out = Output::new(&mut area);
        out.put(template)?;
        let source = self.hierarchy_seed(hierarchy).expose(|seed| {
            data.expose(|data| KeySource::derived(seed, hierarchy.handle().0, out.written(), data))
        });
        Ok(Origin::Seed(source))
    }

    /// What an ordinary object is made of.
    pub(crate) fn random_origin(&mut self) -> Origin {
        Origin::Drawn(KeySource::random(&mut self.drbg))
    }

    /// Makes an object of a template that was checked: fills in its unique field, gives its sensitive area.
    ///
    /// # Errors
    /// `PENDING`: a search was begun; `RANGE`, `KEY_SIZE`, `SIZE` with the parameter's number (1: sensitive data, 2:
    /// template).
    pub(crate) fn make_object(
        &mut self,
        public: &mut Public,
        auth: AuthValue,
        data: &SensitiveData,
        mut origin: Origin,
    ) -> Result<Sensitive> {
        let hash = public.name_alg.ok_or(Rc::HASH)?;
        let (unique, data) = self.numbers(public, hash, data, &mut origin)?;
        let needs_seed = !public.kind().is_asymmetric() || public.has_parent_attributes();
        let seed_len = if needs_seed { hash.digest_len() } else { 0 };
        let sensitive = Sensitive {
            kind: public.kind(),
            auth,
            seed: origin.secret(Purpose::SeedValue, seed_len)?,
            data,
        };
        public.unique =
            unique.unwrap_or_else(|| symmetric_unique(hash, public.attributes, &sensitive));
        Ok(sensitive)
    }

    /// Key or data of a new object, and its unique field if that does not follow from the sensitive area.
    fn numbers(
        &mut self,
        public: &Public,
        hash: HashAlgorithm,
        given: &SensitiveData,
        origin: &mut Origin,
    ) -> Result<(Option<Unique>, SecretBytes<MAX_SENSITIVE>)> {
        // A primary object's data may have been input of its derivation only.
        let given = match public.has(A::SENSITIVE_DATA_ORIGIN) {
            true => &SensitiveData::EMPTY,
            false => given,
        };
        match public.parameters {
            Parameters::Rsa { .. } | Parameters::Ecc { .. } => {
                let (unique, data) = self.key_pair(public, origin)?;
                Ok((Some(unique), data))
            }
            Parameters::SymCipher { symmetric } => {
                let data = match given.is_empty() {
                    true => origin.secret(Purpose::SymmetricKey, symmetric.key_len())?,
                    false if given.len() == symmetric.key_len() => copied(given)?,
                    false => return Err(Rc::KEY_SIZE.parameter(1)),
                };
                Ok((None, data))
            }
            Parameters::KeyedHash { scheme } => {
                let hash = scheme.map_or(hash, KeyedHashScheme::hash);
                let is_key = public.attributes.has_any(A::SIGN.with(A::DECRYPT));
                let data = match given.is_empty() {
                    true => origin.secret(Purpose::KeyedHashKey, hash.digest_len())?,
                    false if is_key && given.len() > hash.block_len() => {
                        return Err(Rc::SIZE.parameter(1));
                    }
                    false => copied(given)?,
                };
                Ok((None, data))
            }
        }
    }

    fn key_pair(
        &mut self,
        public: &Public,
        origin: &mut Origin,
    ) -> Result<(Unique, SecretBytes<MAX_SENSITIVE>)> {
        let kept = match origin {
            Origin::Seed(source) => self.objects.primaries.find(source),
            Origin::Drawn(_) | Origin::Parent(_) => None,
        };
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let (unique, data) = self.new_key_pair(public, origin)?;
        if let Origin::Seed(source) = origin {
            self.objects.primaries.keep(source, &unique, &data);
        }
        Ok((unique, data))
    }

    fn new_key_pair(
        &mut self,
        public: &Public,
        origin: &mut Origin,
    ) -> Result<(Unique, SecretBytes<MAX_SENSITIVE>)> {
        match public.parameters {
            Parameters::Rsa { bits, exponent, .. } => {
                rsa::make(self, bits, exponent, origin).map_err(|rc| rc.parameter(2))
            }
            Parameters::Ecc { curve, .. } => {
                let scalar = origin.ec_scalar(curve).map_err(|rc| rc.parameter(2))?;
                let point = scalar.public().map_err(|_| Rc::FAILURE)?;
                let data = scalar.expose(SecretBytes::new).ok_or(Rc::FAILURE)?;
                Ok((Unique::Ecc(EccPoint::from(&point)), data))
            }
            _ => Err(Rc::TYPE.parameter(2)),
        }
    }

    /// Writes creation data, their hash, and the ticket that this TPM made the object.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn put_creation(
        &mut self,
        creation: Creation<'_>,
        out: &mut Output<'_>,
    ) -> Result<()> {
        let mut pcr_select = creation.pcrs;
        let pcr_digest = self.pcr_digest(creation.hash, &mut pcr_select);
        let (parent_name_alg, parent_name, parent_qualified_name) = match creation.parent {
            Some(family) => (Some(family.name_alg), family.name, family.qualified_name),
            None => {
                let handle =
                    Name::new(&creation.hierarchy.handle().0.to_be_bytes()).unwrap_or_default();
                (None, handle, handle)
            }
        };
        let data = CreationData {
            pcr_select,
            pcr_digest,
            locality: locality_attributes(creation.locality),
            parent_name_alg,
            parent_name,
            parent_qualified_name,
            outside_info: creation.outside_info,
        };
        let mut area = [0; MAX_CREATION_DATA];
        let mut written = Output::new(&mut area);
        written.put(&data)?;
        let hash = digest(creation.hash, written.written());
        out.sized(written.written())?;
        out.sized(hash.as_slice())?;
        let parts = [creation.name.as_slice(), hash.as_slice()];
        out.put(&self.ticket(TicketKind::Creation, creation.hierarchy, &parts))
    }
}

/// What creation data are made of.
pub(crate) struct Creation<'a> {
    /// The new object's name algorithm.
    pub(crate) hash: HashAlgorithm,
    pub(crate) hierarchy: Hierarchy,
    /// `None` for a primary object.
    pub(crate) parent: Option<&'a Family>,
    /// The new object's name.
    pub(crate) name: &'a Name,
    pub(crate) pcrs: PcrSelections,
    pub(crate) outside_info: Data,
    pub(crate) locality: Locality,
}

/// `TPMA_LOCALITY`: a bit for 0 to 4, the number itself above.
fn locality_attributes(locality: Locality) -> u8 {
    match locality.number() {
        number @ 0..=4 => 1 << number,
        number => number,
    }
}

fn copied(given: &SensitiveData) -> Result<SecretBytes<MAX_SENSITIVE>> {
    given.expose(SecretBytes::new).ok_or(Rc::FAILURE)
}
