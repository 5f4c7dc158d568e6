//! Sequences: hashes and HMACs that go on over several commands, in an object slot (Part 1, section 32.4).

use crate::profile::MAX_BANKS;
use crate::rc::{Rc, Result};
use crate::structures::{AuthValue, BANKS};
use crate::wire::{Input, Output};
#[cfg(feature = "full")]
use ironroot_crypto::tpm::cmac::{CMAC_STATE_LEN, Cmac};
use ironroot_crypto::tpm::hash::{HASH_STATE_LEN, HMAC_STATE_LEN, Hasher, Hmac};
use ironroot_crypto::wipe;

/// A sequence that goes on.
pub(crate) struct Sequence {
    /// Its auth value.
    pub(crate) auth: AuthValue,
    /// What it works out.
    pub(crate) work: Work,
}

/// What a sequence works out.
#[cfg_attr(
    feature = "full",
    expect(
        clippy::large_enum_variant,
        reason = "there is no heap to put the larger one on"
    )
)]
pub(crate) enum Work {
    /// A digest. A restricted key may sign it if the message does not look like one of the TPM's own structures.
    Hash {
        /// So far.
        hash: Hasher,
        /// Whether the first bytes are harmless; `None`: there were none yet.
        safe: Option<bool>,
    },
    /// An HMAC.
    Hmac(Hmac),
    /// A CMAC.
    #[cfg(feature = "full")]
    Cmac(Cmac),
    /// One digest for each bank of PCRs.
    Event(EventHashes),
}

/// One hash for each algorithm of this build.
pub(crate) type EventHashes = [Option<Hasher>; MAX_BANKS];

/// Nothing hashed yet, with every algorithm.
pub(crate) fn event_hashes() -> EventHashes {
    let mut hashes = [const { None }; MAX_BANKS];
    for (hash, (_, algorithm)) in hashes.iter_mut().zip(BANKS) {
        *hash = Some(Hasher::new(*algorithm));
    }
    hashes
}

/// `TPM_GENERATED_VALUE`: the first bytes of every structure that the TPM makes and signs.
const GENERATED: [u8; 4] = *b"\xffTCG";

/// Whether a message that begins so cannot be taken for one of the TPM's own structures.
pub(crate) fn is_safe(first: &[u8]) -> bool {
    first.first_chunk().is_some_and(|head| *head != GENERATED)
}

impl Sequence {
    /// A new one.
    pub(crate) const fn new(auth: AuthValue, work: Work) -> Self {
        Self { auth, work }
    }

    /// More of the message.
    pub(crate) fn update(&mut self, data: &[u8]) {
        match &mut self.work {
            Work::Hash { hash, safe } => {
                safe.get_or_insert_with(|| is_safe(data));
                hash.update(data);
            }
            Work::Hmac(hmac) => hmac.update(data),
            #[cfg(feature = "full")]
            Work::Cmac(cmac) => cmac.update(data),
            Work::Event(hashes) => hashes
                .iter_mut()
                .flatten()
                .for_each(|hash| hash.update(data)),
        }
    }

    /// For a saved context; to be encrypted, for running states give the message and the key away.
    ///
    /// # Errors
    /// `FAILURE`: it does not fit.
    pub(crate) fn write(&self, out: &mut Output<'_>) -> Result<()> {
        out.put(&self.auth)?;
        match &self.work {
            Work::Hash { hash, safe } => {
                out.put(&1u8)?;
                out.put(&safe.map_or(2u8, u8::from))?;
                write_hash(hash, out)
            }
            Work::Hmac(hmac) => {
                let mut state = [0; HMAC_STATE_LEN];
                let len = hmac.save(&mut state);
                let written = out
                    .put(&2u8)
                    .and_then(|()| out.sized(state.get(..len).unwrap_or_default()));
                wipe(&mut state);
                written
            }
            #[cfg(feature = "full")]
            Work::Cmac(cmac) => {
                let mut state = [0; CMAC_STATE_LEN];
                let len = cmac.save(&mut state);
                let written = out
                    .put(&4u8)
                    .and_then(|()| out.sized(state.get(..len).unwrap_or_default()));
                wipe(&mut state);
                written
            }
            Work::Event(hashes) => {
                out.put(&3u8)?;
                write_event_hashes(hashes, out)
            }
        }
    }

    /// From a saved context.
    ///
    /// # Errors
    /// `BAD_CONTEXT` and others: it is not whole.
    pub(crate) fn read(input: &mut Input<'_>) -> Result<Self> {
        let auth = input.get()?;
        let work = match input.get::<u8>()? {
            1 => {
                let safe = match input.get::<u8>()? {
                    2 => None,
                    known => Some(known == 1),
                };
                let hash = read_hash(input)?;
                Work::Hash { hash, safe }
            }
            2 => Work::Hmac(
                Hmac::restore(input.sized(HMAC_STATE_LEN)?).map_err(|_| Rc::BAD_CONTEXT)?,
            ),
            #[cfg(feature = "full")]
            4 => Work::Cmac(
                Cmac::restore(input.sized(CMAC_STATE_LEN)?).map_err(|_| Rc::BAD_CONTEXT)?,
            ),
            3 => Work::Event(read_event_hashes(input)?),
            _ => return Err(Rc::BAD_CONTEXT),
        };
        Ok(Self { auth, work })
    }
}

/// Hashes that go on, to be encrypted.
///
/// # Errors
/// `FAILURE`: they do not fit.
pub(crate) fn write_event_hashes(hashes: &EventHashes, out: &mut Output<'_>) -> Result<()> {
    hashes
        .iter()
        .flatten()
        .try_for_each(|hash| write_hash(hash, out))
}

/// What [`write_event_hashes`] wrote.
///
/// # Errors
/// `BAD_CONTEXT` and others: it is not whole.
pub(crate) fn read_event_hashes(input: &mut Input<'_>) -> Result<EventHashes> {
    let mut hashes = [const { None }; MAX_BANKS];
    for hash in &mut hashes {
        *hash = Some(read_hash(input)?);
    }
    Ok(hashes)
}

fn write_hash(hash: &Hasher, out: &mut Output<'_>) -> Result<()> {
    let mut state = [0; HASH_STATE_LEN];
    let len = hash.save(&mut state);
    let written = out.sized(state.get(..len).unwrap_or_default());
    wipe(&mut state);
    written
}

fn read_hash(input: &mut Input<'_>) -> Result<Hasher> {
    Hasher::restore(input.sized(HASH_STATE_LEN)?).map_err(|_| Rc::BAD_CONTEXT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ironroot_crypto::tpm::hash::{HashAlgorithm, digest};

    #[test]
    fn only_what_begins_as_a_structure_of_the_tpm_or_too_short_is_not_safe() {
        assert!(is_safe(b"\xffTCH"));
        assert!(is_safe(b"\xfeTCG and more"));
        for refused in [
            &b""[..],
            b"\xff",
            b"abc",
            b"\xffTC",
            b"\xffTCG",
            b"\xffTCG and more",
        ] {
            assert!(!is_safe(refused), "{refused:?}");
        }
    }

    #[test]
    fn a_sequence_that_was_saved_goes_on_where_it_was() {
        let hash = Hasher::new(HashAlgorithm::Sha384);
        let mut sequence = Sequence::new(AuthValue::EMPTY, Work::Hash { hash, safe: None });
        sequence.update(b"abcdef");
        let mut buffer = [0; 2048];
        let mut out = Output::new(&mut buffer);
        sequence.write(&mut out).unwrap();
        let mut input = Input::new(out.written());
        let mut again = Sequence::read(&mut input).unwrap();
        assert!(input.is_empty());
        again.update(b"ghi");
        let Work::Hash { hash, safe } = again.work else {
            panic!("another kind came back");
        };
        assert_eq!(safe, Some(true));
        assert_eq!(
            hash.finish().as_slice(),
            digest(HashAlgorithm::Sha384, b"abcdefghi").as_slice()
        );
        for cut in 0..out.len() {
            assert!(Sequence::read(&mut Input::new(&out.written()[..cut])).is_err());
        }
    }
}
