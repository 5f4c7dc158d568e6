//! Without a feature for encrypted images: there is nothing to open them with.

use ironroot_boot::FlashMap;
use ironroot_image::encryption::Decryption;

/// Does `work` without a key.
pub(crate) fn opening<R>(_: &FlashMap, work: impl FnOnce(Option<Decryption<'_>>) -> R) -> R {
    work(None)
}
