//! What a verifier must look at before it believes a quote (TPM 2.0 Part 2, 10.12; Part 3, "TPM2_Quote").
//!
//! A signature alone says nothing: a key that is not restricted signs anything, an old quote was signed too, and a
//! quote of no PCR at all is a quote. Client libraries forgot one or the other (CVE-2024-29038: the magic;
//! CVE-2024-29039: which PCRs were selected). So everything is compared, and nothing may be left over.

use ironroot_crypto::tpm::ec::EcPoint;
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest, digest_parts};

/// `TPM_GENERATED_VALUE`
const MAGIC: u32 = 0xff54_4347;
/// `TPM_ST_ATTEST_QUOTE`
const QUOTE: u16 = 0x8018;
/// `TPM_ALG_ECDSA`
const ECDSA: u16 = 0x18;
/// `TPM_ALG_SHA256`
const SHA256: u16 = 0x0b;

/// What the verifier knows beforehand.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The attestation key, which the verifier trusts for a reason of its own.
    pub key: &'a EcPoint,
    /// The nonce that it sent.
    pub nonce: &'a [u8],
    /// Numbers and values of PCRs of the SHA-256 bank, ascending: these and no others.
    pub pcrs: &'a [(u8, [u8; 32])],
}

/// Why a quote is not believed. The first that is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// The signature is not of this key, or not ECDSA with SHA-256.
    Signature,
    /// It does not begin as what a TPM made from its own state.
    Magic,
    /// It is something else that a TPM attests.
    Kind,
    /// It answers another question, perhaps an old one.
    Nonce,
    /// Other PCRs, of another bank, more, or fewer.
    Selection,
    /// The PCRs have other values.
    Values,
    /// It is too short, or something is left over.
    Form,
}

/// Believes a quote, or says why not. `signed` is the `TPMS_ATTEST` as it was signed, `signature` a `TPMT_SIGNATURE`.
///
/// # Errors
/// The first [`Doubt`].
pub fn check_quote(signed: &[u8], signature: &[u8], expected: &Expected<'_>) -> Result<(), Doubt> {
    // First of all: nothing that the key did not sign is read.
    is_signed(signed, signature, expected.key).ok_or(Doubt::Signature)?;
    let mut input = signed;
    if number(&mut input, 4).ok_or(Doubt::Form)? != u64::from(MAGIC) {
        return Err(Doubt::Magic);
    }
    if number(&mut input, 2).ok_or(Doubt::Form)? != u64::from(QUOTE) {
        return Err(Doubt::Kind);
    }
    let _qualified_signer = buffer(&mut input).ok_or(Doubt::Form)?;
    if buffer(&mut input).ok_or(Doubt::Form)? != expected.nonce {
        return Err(Doubt::Nonce);
    }
    // TPMS_CLOCK_INFO and the version of the firmware.
    let _clock = take(&mut input, 17 + 8).ok_or(Doubt::Form)?;
    let selected = selection(expected.pcrs).ok_or(Doubt::Selection)?;
    if take(&mut input, selected.len()) != Some(&selected[..]) {
        return Err(Doubt::Selection);
    }
    let values: Vec<&[u8]> = expected.pcrs.iter().map(|(_, value)| &value[..]).collect();
    let wanted = digest_parts(HashAlgorithm::Sha256, &values);
    if buffer(&mut input).ok_or(Doubt::Form)? != wanted.as_slice() {
        return Err(Doubt::Values);
    }
    if input.is_empty() {
        Ok(())
    } else {
        Err(Doubt::Form)
    }
}

fn is_signed(signed: &[u8], mut signature: &[u8], key: &EcPoint) -> Option<()> {
    let scheme = [number(&mut signature, 2)?, number(&mut signature, 2)?];
    let (r, s) = (buffer(&mut signature)?, buffer(&mut signature)?);
    let right = scheme == [u64::from(ECDSA), u64::from(SHA256)] && signature.is_empty();
    let digest = digest(HashAlgorithm::Sha256, signed);
    (right && key.verify(digest.as_slice(), r, s).is_ok()).then_some(())
}

/// `TPML_PCR_SELECTION` of one bank. None at all is no selection, and no number comes twice or is beyond 23.
fn selection(pcrs: &[(u8, [u8; 32])]) -> Option<Vec<u8>> {
    let ascending = pcrs.windows(2).all(|pair| pair[0].0 < pair[1].0);
    let bits = pcrs.iter().try_fold(0u32, |bits, (number, _)| {
        (*number < 24).then(|| bits | (1 << number))
    })?;
    let [a, b, c, _] = bits.to_le_bytes();
    (ascending && bits != 0).then(|| {
        [
            &1u32.to_be_bytes()[..],
            &SHA256.to_be_bytes(),
            &[3, a, b, c],
        ]
        .concat()
    })
}

fn take<'a>(input: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (head, rest) = input.split_at_checked(len)?;
    *input = rest;
    Some(head)
}

fn number(input: &mut &[u8], len: usize) -> Option<u64> {
    let bytes = take(input, len)?;
    Some(
        bytes
            .iter()
            .fold(0, |number, byte| (number << 8) | u64::from(*byte)),
    )
}

fn buffer<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = number(input, 2)?;
    take(input, usize::try_from(len).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::sized;
    use ironroot_crypto::Secret;
    use ironroot_crypto::drbg::Drbg;
    use ironroot_crypto::tpm::ec::{Curve, EcScalar};

    const PCRS: [(u8, [u8; 32]); 2] = [(1, [1; 32]), (17, [2; 32])];

    /// A `TPMS_ATTEST`, field by field.
    struct Attest {
        magic: u32,
        kind: u16,
        nonce: Vec<u8>,
        selection: Vec<u8>,
        digest: Vec<u8>,
        more: Vec<u8>,
    }

    fn good() -> Attest {
        Attest {
            magic: MAGIC,
            kind: QUOTE,
            nonce: b"nonce".to_vec(),
            selection: vec![0, 0, 0, 1, 0, 0x0b, 3, 0b10, 0, 0b10],
            digest: digest(HashAlgorithm::Sha256, &[[1; 32], [2; 32]].concat())
                .as_slice()
                .to_vec(),
            more: Vec::new(),
        }
    }

    impl Attest {
        fn bytes(&self) -> Vec<u8> {
            [
                &self.magic.to_be_bytes()[..],
                &self.kind.to_be_bytes(),
                &sized(&[7; 34]),
                &sized(&self.nonce),
                &[9; 25],
                &self.selection,
                &sized(&self.digest),
                &self.more,
            ]
            .concat()
        }
    }

    fn key(seed: u8) -> EcScalar {
        let mut drbg = Drbg::new(&Secret::new([seed; 32]), b"quote");
        EcScalar::random(Curve::P256, &mut drbg).unwrap()
    }

    fn sign(key: &EcScalar, bytes: &[u8]) -> Vec<u8> {
        let mut drbg = Drbg::new(&Secret::new([3; 32]), b"quote");
        let digest = digest(HashAlgorithm::Sha256, bytes);
        let made = key.sign(digest.as_slice(), &mut drbg).unwrap();
        [&[0, 0x18, 0, 0x0b][..], &sized(made.r()), &sized(made.s())].concat()
    }

    fn judge(bytes: &[u8], pcrs: &[(u8, [u8; 32])]) -> Result<(), Doubt> {
        let key = key(1);
        let expected = Expected {
            key: &key.public().unwrap(),
            nonce: b"nonce",
            pcrs,
        };
        check_quote(bytes, &sign(&key, bytes), &expected)
    }

    fn doubt(change: impl FnOnce(&mut Attest)) -> Option<Doubt> {
        let mut attest = good();
        change(&mut attest);
        judge(&attest.bytes(), &PCRS).err()
    }

    /// CVE-2024-29038, CVE-2024-29039 and their like: each is signed by the right key.
    #[test]
    fn a_quote_is_believed_only_with_magic_type_nonce_selection_and_values() {
        assert_eq!(doubt(|_| ()), None);
        assert_eq!(doubt(|attest| attest.magic ^= 1), Some(Doubt::Magic));
        assert_eq!(doubt(|attest| attest.magic = 0), Some(Doubt::Magic));
        for kind in [0x8014, 0x8015, 0x8016, 0x8017, 0x8019, 0x801a, 0x801c] {
            assert_eq!(doubt(|attest| attest.kind = kind), Some(Doubt::Kind));
        }
        for nonce in [&b"nonc"[..], b"nonce!", b"", b"Nonce"] {
            assert_eq!(
                doubt(|attest| attest.nonce = nonce.to_vec()),
                Some(Doubt::Nonce)
            );
        }
        let selections: [&[u8]; 8] = [
            // Fewer, more, others; none; another bank; a second bank; in fewer or more bytes.
            &[0, 0, 0, 1, 0, 0x0b, 3, 0b10, 0, 0],
            &[0, 0, 0, 1, 0, 0x0b, 3, 0b11, 0, 0b10],
            &[0, 0, 0, 1, 0, 0x0b, 3, 0b100, 0, 0b10],
            &[0, 0, 0, 1, 0, 0x0b, 3, 0, 0, 0],
            &[0, 0, 0, 0],
            &[0, 0, 0, 1, 0, 0x04, 3, 0b10, 0, 0b10],
            &[0, 0, 0, 2, 0, 0x0b, 3, 0b10, 0, 0b10, 0, 4, 3, 0, 0, 0],
            &[0, 0, 0, 1, 0, 0x0b, 4, 0b10, 0, 0b10, 0],
        ];
        for selection in selections {
            let doubt = doubt(|attest| attest.selection = selection.to_vec());
            assert_eq!(doubt, Some(Doubt::Selection), "{selection:?}");
        }
        assert_eq!(doubt(|attest| attest.digest[31] ^= 1), Some(Doubt::Values));
        assert_eq!(
            doubt(|attest| attest.digest.truncate(31)),
            Some(Doubt::Values)
        );
        assert_eq!(doubt(|attest| attest.more.push(0)), Some(Doubt::Form));
    }

    #[test]
    fn a_quote_cut_anywhere_is_not_believed() {
        let whole = good().bytes();
        for len in 0..whole.len() {
            assert!(judge(&whole[..len], &PCRS).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn a_verifier_that_asks_for_no_pcr_or_for_one_twice_believes_nothing() {
        let bytes = good().bytes();
        for pcrs in [
            &[][..],
            &[PCRS[0], PCRS[0]],
            &[PCRS[1], PCRS[0]],
            &[(24, [0; 32])],
        ] {
            assert_eq!(judge(&bytes, pcrs), Err(Doubt::Selection));
        }
    }

    #[test]
    fn a_signature_of_another_key_scheme_or_text_is_none() {
        let (own, other) = (key(1), key(2));
        let (bytes, public) = (good().bytes(), own.public().unwrap());
        let expected = Expected {
            key: &public,
            nonce: b"nonce",
            pcrs: &PCRS,
        };
        let right = sign(&own, &bytes);
        assert_eq!(check_quote(&bytes, &right, &expected), Ok(()));
        let mut wrong = vec![sign(&other, &bytes), sign(&own, &bytes[1..]), Vec::new()];
        wrong.push([&right[..], &[0]].concat());
        wrong.extend((0..right.len()).map(|len| right[..len].to_vec()));
        wrong.extend((0..right.len()).map(|at| {
            let mut spoilt = right.clone();
            spoilt[at] ^= 1;
            spoilt
        }));
        for signature in wrong {
            assert_eq!(
                check_quote(&bytes, &signature, &expected),
                Err(Doubt::Signature)
            );
        }
    }
}
