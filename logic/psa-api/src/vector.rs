//! Input and output vectors as a 32-bit client lays them out in memory (`psa_invec`, `psa_outvec`).

use crate::wire;

/// Most vectors in one call, inputs and outputs together (`PSA_MAX_IOVEC`).
pub const MAX_VECTORS: usize = 4;

/// Bytes of one vector in memory.
pub const VECTOR_SIZE: usize = 8;

/// `psa_invec`: where an input lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct InVec {
    /// Address of the first byte.
    pub base: u32,
    /// Length in bytes.
    pub len: u32,
}

/// `psa_outvec`: where an output goes. After the call the length field holds what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct OutVec {
    /// Address of the first byte.
    pub base: u32,
    /// Length in bytes.
    pub len: u32,
}

/// Offset of the length field, which the partition manager writes back.
pub const LEN_OFFSET: u32 = 4;

macro_rules! vector_codec {
    ($name:ident) => {
        impl $name {
            /// The eight bytes in memory, little-endian.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; VECTOR_SIZE] {
                let [a, b, c, d] = self.base.to_le_bytes();
                let [e, f, g, h] = self.len.to_le_bytes();
                [a, b, c, d, e, f, g, h]
            }

            /// From the eight bytes in memory.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; VECTOR_SIZE]) -> Self {
                let [a, b, c, d, e, f, g, h] = bytes;
                Self {
                    base: u32::from_le_bytes([a, b, c, d]),
                    len: u32::from_le_bytes([e, f, g, h]),
                }
            }

            /// Vector number `index` of an array as it lies in memory.
            #[must_use]
            pub fn nth(array: &[u8], index: usize) -> Option<Self> {
                let at = index.checked_mul(VECTOR_SIZE)?;
                Some(Self {
                    base: wire::u32_at(array, at)?,
                    len: wire::u32_at(array, at.checked_add(LEN_OFFSET as usize)?)?,
                })
            }
        }
    };
}

vector_codec!(InVec);
vector_codec!(OutVec);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_eight_bytes_base_first() {
        assert_eq!(size_of::<InVec>(), VECTOR_SIZE);
        assert_eq!(size_of::<OutVec>(), VECTOR_SIZE);
        let vector = InVec {
            base: 0x2800_0010,
            len: 3,
        };
        assert_eq!(vector.to_bytes(), [0x10, 0, 0, 0x28, 3, 0, 0, 0]);
        assert_eq!(InVec::from_bytes(vector.to_bytes()), vector);
    }

    #[test]
    fn an_array_is_read_vector_by_vector_and_never_past_its_end() {
        let mut array = std::vec::Vec::new();
        for n in 0..3 {
            array.extend(
                OutVec {
                    base: n,
                    len: n + 1,
                }
                .to_bytes(),
            );
        }
        assert_eq!(OutVec::nth(&array, 2), Some(OutVec { base: 2, len: 3 }));
        assert_eq!(OutVec::nth(&array, 3), None);
        assert_eq!(OutVec::nth(&array, usize::MAX), None);
        assert_eq!(OutVec::nth(&array[..23], 2), None);
    }
}
