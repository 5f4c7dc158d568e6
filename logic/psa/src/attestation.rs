//! Initial Attestation (PSA Attestation API): the facts of this boot, signed.
//!
//! Software components are the boot records that the bootloader left in the shared data area: the images
//! and the partitions packed in them. A record that does not read back is an error, never skipped: a
//! token that leaves something out would lie.

use crate::error::from_crypto;
use crate::scratch::Scratch;
use ironroot_attest::{
    BootSeed, Challenge, ClientId, Evidence, InstanceId, Lifecycle, MAX_COMPONENTS, MakeError,
    Profile, SoftwareComponent,
};
use ironroot_boot::otp::Facts;
use ironroot_crypto::ecdsa::P256PrivateKey;
use ironroot_crypto::{CryptoError, Secret};
use ironroot_image::BootRecord;
use ironroot_image::shared_data::SharedData;
use ironroot_psa_api::Error;
use ironroot_psa_api::attest::{GET_TOKEN, GET_TOKEN_SIZE};
use ironroot_spm::Message;

/// What a token says and what signs it.
pub(crate) struct Attester<'a> {
    pub(crate) profile: Profile,
    pub(crate) facts: &'a Facts,
    pub(crate) boot_seed: &'a [u8; 32],
    pub(crate) shared_data: &'a [u8],
    pub(crate) key: &'a Secret<32>,
}

/// The longest challenge in bytes.
const MAX_CHALLENGE: usize = 64;

/// Answers a message.
pub(crate) fn call(
    attester: &Attester<'_>,
    scratch: &mut Scratch,
    message: &mut Message<'_>,
) -> Result<(), Error> {
    match message.kind() {
        GET_TOKEN => get_token(attester, scratch, message),
        GET_TOKEN_SIZE => get_token_size(attester, message),
        _ => Err(Error::NotSupported),
    }
}

fn get_token(
    attester: &Attester<'_>,
    scratch: &mut Scratch,
    message: &mut Message<'_>,
) -> Result<(), Error> {
    let mut buffer = [0; MAX_CHALLENGE];
    let challenge = buffer
        .get_mut(..message.in_len(0))
        .ok_or(Error::InvalidArgument)?;
    if message.read(0, challenge) != challenge.len() {
        return Err(Error::CommunicationFailure);
    }
    let client = message.client().get();
    attester.with_evidence(challenge, client, |evidence| {
        let len = ironroot_attest::size(evidence).map_err(|_| Error::GenericError)?;
        if message.out_len(0) < len {
            return Err(Error::BufferTooSmall);
        }
        scratch.lend(len, |token| {
            ironroot_attest::make(evidence, token, |digest| attester.sign(digest))
                .map_err(from_make)?;
            message.write(0, token).map_err(Error::from)
        })
    })
}

fn get_token_size(attester: &Attester<'_>, message: &mut Message<'_>) -> Result<(), Error> {
    let len = message
        .read_whole(0)
        .map(u32::from_le_bytes)
        .ok_or(Error::ProgrammerError)?;
    let len = usize::try_from(len).map_err(|_| Error::InvalidArgument)?;
    let zeros = [0; MAX_CHALLENGE];
    let challenge = zeros.get(..len).ok_or(Error::InvalidArgument)?;
    let client = message.client().get();
    let size = attester.with_evidence(challenge, client, |evidence| {
        ironroot_attest::size(evidence).map_err(|_| Error::GenericError)
    })?;
    let size = u32::try_from(size).map_err(|_| Error::GenericError)?;
    message.write(0, &size.to_le_bytes()).map_err(Error::from)
}

fn from_make(error: MakeError<CryptoError>) -> Error {
    match error {
        MakeError::Evidence => Error::GenericError,
        MakeError::BufferTooSmall => Error::BufferTooSmall,
        MakeError::Sign(error) => from_crypto(error),
    }
}

impl Attester<'_> {
    fn sign(&self, digest: &[u8; 32]) -> Result<[u8; 64], CryptoError> {
        Ok(P256PrivateKey::from_bytes(self.key)?.sign_prehash(digest))
    }

    fn with_evidence<R>(
        &self,
        challenge: &[u8],
        client: i32,
        f: impl FnOnce(&Evidence<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let challenge = Challenge::new(challenge).ok_or(Error::InvalidArgument)?;
        let shared = SharedData::parse(self.shared_data).ok_or(Error::DataCorrupt)?;
        let mut components = [EMPTY; MAX_COMPONENTS];
        let mut places = components.iter_mut();
        let mut count = 0usize;
        for (_, record) in shared.boot_records() {
            *places.next().ok_or(Error::GenericError)? = component(record)?;
            count = count.saturating_add(1);
        }
        f(&Evidence {
            profile: self.profile,
            challenge,
            client_id: ClientId::new(client).ok_or(Error::ProgrammerError)?,
            lifecycle: Lifecycle::new(self.facts.lifecycle as u16).ok_or(Error::DataCorrupt)?,
            implementation_id: &self.facts.implementation_id,
            instance_id: InstanceId::new(&self.facts.instance_id).ok_or(Error::DataCorrupt)?,
            boot_seed: BootSeed::new(self.boot_seed),
            certification_reference: not_empty(self.facts.certification_reference.as_str()),
            verification_service: not_empty(self.facts.verification_service.as_str()),
            software_components: components.get(..count).ok_or(Error::GenericError)?,
        })
    }
}

/// A component from the boot record that tells of it; the lengths of its hashes are judged with the evidence.
fn component(record: &[u8]) -> Result<SoftwareComponent<'_>, Error> {
    let record = BootRecord::parse(record).map_err(|_| Error::DataCorrupt)?;
    Ok(SoftwareComponent {
        measurement_type: not_empty(record.component),
        measurement_value: record.measurement,
        version: not_empty(record.version),
        signer_id: record.signer,
        measurement_description: not_empty(record.algorithm),
    })
}

fn not_empty(text: &str) -> Option<&str> {
    if text.is_empty() { None } else { Some(text) }
}

const EMPTY: SoftwareComponent<'_> = SoftwareComponent {
    measurement_type: None,
    measurement_value: &[],
    version: None,
    signer_id: &[],
    measurement_description: None,
};
