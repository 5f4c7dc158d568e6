//! Keys of primary objects that were made lately, by what they follow from.
//!
//! Tools make the same primary key again and again, and an RSA key takes tens of milliseconds to derive. What is
//! kept is found only by somebody who has the same seed, template and data: the digest of the key's source, which
//! follows from all of them, is the name it is filed under. So a new seed finds nothing, and nothing is ever wrong
//! here; it is wiped all the same when a hierarchy gets a new seed or is switched off, and when power goes.

use crate::structures::{MAX_SENSITIVE, Unique};
use crate::wire::SecretBytes;
use ironroot_crypto::Secret;
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest};
use ironroot_crypto::tpm::source::KeySource;

/// How many are kept: about 900 bytes each.
const COUNT: usize = if cfg!(feature = "full") { 8 } else { 0 };

/// A key that was derived.
struct Primary {
    source: Secret<32>,
    unique: Unique,
    data: SecretBytes<MAX_SENSITIVE>,
}

/// The keys that are kept; the oldest makes room for a new one.
#[derive(Default)]
pub(super) struct Primaries {
    kept: [Option<Primary>; COUNT],
    next: usize,
}

impl Primaries {
    /// The public and the secret numbers of the key that follows from `source`, if it is kept.
    pub(super) fn find(&self, source: &KeySource) -> Option<(Unique, SecretBytes<MAX_SENSITIVE>)> {
        if COUNT == 0 {
            return None;
        }
        let wanted = file_name(source);
        let all = self.kept.iter().flatten();
        let found = all
            .into_iter()
            .find(|primary| wanted.expose(|wanted| primary.source.matches(wanted)))?;
        Some((found.unique.clone(), found.data.duplicate()))
    }

    /// Keeps a key.
    pub(super) fn keep(
        &mut self,
        source: &KeySource,
        unique: &Unique,
        data: &SecretBytes<MAX_SENSITIVE>,
    ) {
        let Some(place) = self.kept.get_mut(self.next) else {
            return;
        };
        *place = Some(Primary {
            source: file_name(source),
            unique: unique.clone(),
            data: data.duplicate(),
        });
        let next = self.next.saturating_add(1);
        self.next = if self.kept.get(next).is_some() {
            next
        } else {
            0
        };
    }
}

fn file_name(source: &KeySource) -> Secret<32> {
    let digest = source
        .to_bytes()
        .expose(|bytes| digest(HashAlgorithm::Sha256, bytes));
    Secret::from_slice(digest.as_slice()).unwrap_or_else(Secret::zeroed)
}
