//! Attestations (Part 2, section 10.12; Part 1, section 31): what the TPM says of itself, and who signs it.

use crate::core::Core;
use crate::dispatch::Call;
use crate::handle::{Handle, Hierarchy};
use crate::profile::MAX_NV_BUFFER;
use crate::rc::{Rc, Result};
use crate::state::ClockInfo;
use crate::structures::{Data, Name, SignScheme, Signature};
use crate::wire::{Marshal, Output};
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest};
use ironroot_crypto::tpm::kdf::kdfa;

/// `TPM_GENERATED_VALUE`: no hash of the TPM's own over a caller's message gets a ticket if it begins so.
const GENERATED: u32 = 0xff54_4347;
/// The longest attestation: NV data, and what is around them.
const MAX_ATTEST: usize = MAX_NV_BUFFER + 512;

/// Who signs, and how; fixed before anything is put together.
pub(crate) struct Signer {
    key: Handle,
    /// `None`: nobody, and the signature is null.
    pub(crate) scheme: Option<SignScheme>,
    qualified_name: Name,
    /// Whether the reader may know how often the machine was started, and its firmware.
    trusted_with_counts: bool,
}

impl Core<'_> {
    /// Who signs; `number` is the handle's number from 1, `parameter` that of the scheme.
    ///
    /// # Errors
    /// `KEY` with the handle's number: it may not sign; `SCHEME` with the parameter's.
    pub(crate) fn signer(
        &mut self,
        key: Handle,
        wanted: Option<SignScheme>,
        number: u8,
        parameter: u8,
    ) -> Result<Signer> {
        if key == Handle::NULL {
            return Ok(Signer {
                key,
                scheme: None,
                qualified_name: Name::new(&key.0.to_be_bytes()).ok_or(Rc::FAILURE)?,
                trusted_with_counts: false,
            });
        }
        self.check_signer(key, number)?;
        self.with_object(key, |object| {
            let scheme = object
                .sign_scheme(wanted)
                .map_err(|rc| rc.parameter(parameter))?;
            Ok(Signer {
                key,
                scheme: Some(scheme),
                // Who signs anonymously is not named.
                qualified_name: match scheme.is_anonymous() {
                    true => Name::EMPTY,
                    false => object.qualified_name,
                },
                trusted_with_counts: matches!(
                    object.hierarchy,
                    Hierarchy::Endorsement | Hierarchy::Platform
                ),
            })
        })?
    }

    /// Puts an attestation of this kind together, signs it, and writes both to the answer.
    ///
    /// # Errors
    /// What `what` says; `NV_UNAVAILABLE`: Clock cannot be told.
    pub(crate) fn attest(
        &mut self,
        call: &mut Call<'_>,
        signer: &Signer,
        kind: u16,
        said: &Data,
        what: &mut dyn FnMut(&mut Self, &mut Output<'_>) -> Result<()>,
    ) -> Result<()> {
        let clock = self.time_info()?.clock_info();
        let mut area = [0; MAX_ATTEST];
        let mut out = Output::new(&mut area);
        out.put(&GENERATED)?;
        out.put(&kind)?;
        out.put(&signer.qualified_name)?;
        out.put(said)?;
        self.circumstances(signer, clock, &mut out)?;
        what(self, &mut out)?;
        let signature = self.signature(signer, out.written())?;
        call.out.sized(out.written())?;
        call.out.put(&signature)
    }

    /// Clock and firmware version. Whoever is outside the endorsement and the platform hierarchy gets the counts and the
    /// version shifted by an amount that depends on the signing key: two keys cannot be told to be of one machine.
    fn circumstances(
        &self,
        signer: &Signer,
        mut clock: ClockInfo,
        out: &mut Output<'_>,
    ) -> Result<()> {
        let mut firmware = self.firmware_version();
        if !signer.trusted_with_counts {
            let mut shift = [0; 16];
            let name = signer.qualified_name.as_slice();
            self.hierarchy_proof(Hierarchy::Owner)
                .expose(|proof| {
                    kdfa(
                        HashAlgorithm::Sha256,
                        proof,
                        b"OBFUSCATE",
                        name,
                        &[],
                        128,
                        &mut shift,
                    )
                })
                .map_err(|_| Rc::FAILURE)?;
            let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = shift;
            firmware = firmware.wrapping_add(u64::from_be_bytes([a, b, c, d, e, f, g, h]));
            clock.reset_count = clock
                .reset_count
                .wrapping_add(u32::from_be_bytes([i, j, k, l]));
            clock.restart_count = clock
                .restart_count
                .wrapping_add(u32::from_be_bytes([m, n, o, p]));
        }
        clock.marshal(out)?;
        out.put(&firmware)
    }

    /// `TPM_PT_FIRMWARE_VERSION_1` and `_2` as one number.
    pub(crate) fn firmware_version(&self) -> u64 {
        let [high, low] = self.profile.identity.firmware;
        u64::from(high) << 32 | u64::from(low)
    }

    fn signature(&mut self, signer: &Signer, attestation: &[u8]) -> Result<Option<Signature>> {
        let Some(scheme) = signer.scheme else {
            return Ok(None);
        };
        let hash = digest(scheme.hash(), attestation);
        self.sign(signer.key, scheme, hash.as_slice()).map(Some)
    }
}
