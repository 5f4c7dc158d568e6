//! Encrypted images: how the content key comes with the image, and the payload's plain text.
//!
//! Only the payload is encrypted, with AES in counter mode; header and TLVs stay readable. Hash and
//! signature are over the plain text: it is signed first, then encrypted. The content key is fresh for
//! each image and stands, wrapped for the device's key, in one unprotected TLV (0x30 to 0x34). A wrong
//! or altered key therefore gives garbage that no signature covers; wrapping is for secrecy only.
//!
//! A device names one [`EncryptionScheme`], its private key completes it to a [`Decryption`]:
//!
//! - [`Decrypted`] reads an encrypted slot as plain text, for [`Candidate::parse`](crate::Candidate::parse)
//!   and for copying;
//! - [`PayloadCipher`] turns blocks of an image from one form into the other, either way, for swaps.
//!
//! In a primary slot, or in RAM, an image that came encrypted lies in the clear, flag and TLV still there
//! (so imgtool's `--clear` makes them): read such slots without [`Decrypted`].
//!
//! The schemes are statics with a function each, as the suites are: a bootloader links the one it names.
//! Without the feature `encryption` there are no schemes, and all that needs one compiles to nothing.

mod cipher;
mod decrypted;
mod decryption;
mod saved;

#[cfg(feature = "encryption")]
mod ecies;
#[cfg(feature = "encryption")]
mod key_wrap;
#[cfg(feature = "rsa-decryption")]
mod oaep;
#[cfg(feature = "encryption")]
mod seal;

#[cfg(feature = "encryption")]
mod scheme;
#[cfg(not(feature = "encryption"))]
#[path = "encryption/no_scheme.rs"]
mod scheme;

pub(crate) use cipher::apply_payload;
pub use cipher::{ContentKey, PayloadCipher};
pub use decrypted::Decrypted;
pub use decryption::Decryption;
pub use saved::{SavedForm, SavedKeys};
pub use scheme::{EncryptionScheme, Scheme, schemes};
#[cfg(feature = "encryption")]
pub use seal::WrappedKey;

/// The longest TLV with a content key: RSA-2048.
pub const MAX_WRAPPED_KEY: usize = 256;
