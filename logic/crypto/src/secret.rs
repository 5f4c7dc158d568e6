//! Bytes that nobody may print, copy or forget to wipe.

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// `N` secret bytes, wiped when dropped.
///
/// There is no `Debug`, no `Clone` and no `PartialEq`. Look at the bytes through
/// [`expose`](Self::expose), so that every use can be found by searching for one word.
///
/// ```compile_fail,E0277
/// let key = ironroot_crypto::Secret::new([1; 32]);
/// println!("{key:?}");
/// ```
/// ```compile_fail,E0599
/// let key = ironroot_crypto::Secret::new([1; 32]);
/// let copy = key.clone();
/// ```
/// ```compile_fail,E0369
/// let key = ironroot_crypto::Secret::new([1; 32]);
/// let same = key == ironroot_crypto::Secret::new([1; 32]);
/// ```
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret<const N: usize> {
    bytes: [u8; N],
}

impl<const N: usize> Secret<N> {
    /// Takes the bytes over. The caller's own copy, if there is one, is the caller's to wipe.
    pub const fn new(bytes: [u8; N]) -> Self {
        Self { bytes }
    }

    /// Copies a slice of exactly `N` bytes; `None` for any other length.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        Some(Self::new(*<&[u8; N]>::try_from(bytes).ok()?))
    }

    /// All zeros, to be filled through [`expose_mut`](Self::expose_mut).
    pub const fn zeroed() -> Self {
        Self::new([0; N])
    }

    /// Lets `f` read the bytes.
    pub fn expose<R>(&self, f: impl FnOnce(&[u8; N]) -> R) -> R {
        f(&self.bytes)
    }

    /// Lets `f` write the bytes.
    pub fn expose_mut<R>(&mut self, f: impl FnOnce(&mut [u8; N]) -> R) -> R {
        f(&mut self.bytes)
    }

    /// Compares in a time that does not depend on the contents.
    pub fn matches(&self, other: &[u8; N]) -> bool {
        ct_eq(&self.bytes, other)
    }
}

/// Compares two byte strings in a time that depends on their lengths only.
///
/// Different lengths are unequal at once; lengths are not secret.
pub fn ct_eq(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

/// Overwrites the bytes with zeros in a way that the compiler keeps.
pub fn wipe(bytes: &mut [u8]) {
    bytes.zeroize();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_of_another_length_is_no_secret() {
        assert!(Secret::<4>::from_slice(&[1, 2, 3, 4]).is_some());
        assert!(Secret::<4>::from_slice(&[1, 2, 3]).is_none());
        assert!(Secret::<4>::from_slice(&[1, 2, 3, 4, 5]).is_none());
        assert!(Secret::<4>::from_slice(&[]).is_none());
    }

    #[test]
    fn matches_accepts_only_the_same_bytes() {
        let secret = Secret::new([1, 2, 3, 4]);
        assert!(secret.matches(&[1, 2, 3, 4]));
        for position in 0..4 {
            for bit in 0..8 {
                let mut other = [1, 2, 3, 4];
                other[position] ^= 1 << bit;
                assert!(!secret.matches(&other));
            }
        }
    }

    #[test]
    fn comparing_different_lengths_is_unequal() {
        assert!(ct_eq(b"", b""));
        assert!(ct_eq(b"abc", b"abc"));
        assert!(!ct_eq(b"abc", b"ab"));
        assert!(!ct_eq(b"abc", b"abcd"));
        assert!(!ct_eq(b"", b"\0"));
    }

    #[test]
    fn wiping_leaves_zeros() {
        let mut bytes = [7; 9];
        wipe(&mut bytes);
        assert_eq!(bytes, [0; 9]);
        let mut secret = Secret::zeroed();
        secret.expose_mut(|b: &mut [u8; 3]| *b = [1, 2, 3]);
        secret.zeroize();
        secret.expose(|b| assert_eq!(b, &[0; 3]));
    }
}
