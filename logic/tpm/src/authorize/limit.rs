//! Whether a command is one that a limit of a policy allows.

use super::{Request, hmac};
use crate::session::{Limit, LimitKind, bytes_of};
use crate::structures::DigestBytes;
use crate::wire::Input;
use ironroot_crypto::tpm::hash::{HashAlgorithm, digest, digest_parts};

/// Create, CreatePrimary, CreateLoaded: their second parameter is a template.
const WITH_TEMPLATE: [u32; 3] = [0x153, 0x131, 0x191];

/// Whether the command's digest, of the limit's kind, is the limit's.
pub(super) fn allows(limit: &Limit, hash: HashAlgorithm, request: &Request<'_>) -> bool {
    let code = request.command.code().to_be_bytes();
    let computed = match limit.kind {
        LimitKind::Command => Some(hmac::cp_hash(hash, request)),
        LimitKind::Names => Some(bytes_of(&digest(hash, request.names.as_slice()))),
        LimitKind::Parameters => Some(bytes_of(&digest_parts(hash, &[&code, request.params]))),
        LimitKind::Template => template_hash(hash, request.command.code(), request.params),
    };
    computed == Some(limit.digest)
}

/// The digest of the template, inside its sized buffer; the sensitive part before it may be encrypted, its size is
/// not. Sizes beyond the command are no template at all (libtpms 615: they were believed).
fn template_hash(hash: HashAlgorithm, code: u32, params: &[u8]) -> Option<DigestBytes> {
    if !WITH_TEMPLATE.contains(&code) {
        return None;
    }
    let mut input = Input::new(params);
    input.sized(usize::from(u16::MAX)).ok()?;
    let template = input.sized(usize::from(u16::MAX)).ok()?;
    Some(bytes_of(&digest(hash, template)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libtpms_615_sizes_around_a_template_are_not_believed() {
        let hash = HashAlgorithm::Sha256;
        let wanted = Some(bytes_of(&digest(hash, b"ab")));
        let whole = [0, 1, 9, 0, 2, b'a', b'b', 7, 7];
        assert_eq!(template_hash(hash, 0x153, &whole), wanted);
        assert_eq!(template_hash(hash, 0x131, &whole), wanted);
        assert_eq!(template_hash(hash, 0x157, &whole), None);
        for len in 0..7 {
            assert_eq!(
                template_hash(hash, 0x153, &whole[..len]),
                None,
                "{len} bytes"
            );
        }
        assert_eq!(template_hash(hash, 0x153, &[0xff, 0xff, 1]), None);
        assert_eq!(template_hash(hash, 0x153, &[0, 0, 0xff, 0xff, 1]), None);
    }
}
