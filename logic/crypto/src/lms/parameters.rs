//! The parameter sets of RFC 8554, sections 4.1 and 5.1, with SHA-256 and 32 bytes.

/// How a tree is built: its height (RFC 8554, section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
#[allow(missing_docs)] // the RFC's names
pub enum TreeType {
    Sha256M32H5 = 5,
    Sha256M32H10 = 6,
    Sha256M32H15 = 7,
    Sha256M32H20 = 8,
    Sha256M32H25 = 9,
}

impl TreeType {
    /// Each.
    pub const ALL: [Self; 5] = [
        Self::Sha256M32H5,
        Self::Sha256M32H10,
        Self::Sha256M32H15,
        Self::Sha256M32H20,
        Self::Sha256M32H25,
    ];

    /// The type with this number (IANA, "Leighton-Micali Signatures").
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u32 == code)
    }

    /// Its number.
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// Height of the tree, h.
    pub const fn height(self) -> u32 {
        match self {
            Self::Sha256M32H5 => 5,
            Self::Sha256M32H10 => 10,
            Self::Sha256M32H15 => 15,
            Self::Sha256M32H20 => 20,
            Self::Sha256M32H25 => 25,
        }
    }

    /// How many leaves it has, so how many signatures it can make.
    pub const fn leaves(self) -> u32 {
        1 << self.height()
    }
}

/// How a one-time signature is made: how many bits of the hash each chain stands for (RFC 8554,
/// section 4.1). A wider chain makes a shorter signature that takes longer to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
#[allow(missing_docs)] // the RFC's names
pub enum OtsType {
    Sha256N32W1 = 1,
    Sha256N32W2 = 2,
    Sha256N32W4 = 3,
    Sha256N32W8 = 4,
}

impl OtsType {
    /// Each.
    pub const ALL: [Self; 4] = [
        Self::Sha256N32W1,
        Self::Sha256N32W2,
        Self::Sha256N32W4,
        Self::Sha256N32W8,
    ];

    /// The type with this number (IANA, "LM-OTS Signatures").
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u32 == code)
    }

    /// Its number.
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// Bits of one chain, w.
    pub const fn width(self) -> u32 {
        match self {
            Self::Sha256N32W1 => 1,
            Self::Sha256N32W2 => 2,
            Self::Sha256N32W4 => 4,
            Self::Sha256N32W8 => 8,
        }
    }

    /// How many chains there are, p: those of the hash and those of its checksum.
    pub const fn chains(self) -> u16 {
        match self {
            Self::Sha256N32W1 => 265,
            Self::Sha256N32W2 => 133,
            Self::Sha256N32W4 => 67,
            Self::Sha256N32W8 => 34,
        }
    }

    /// How many chains stand for the hash; the others are the checksum's.
    pub(super) const fn hash_chains(self) -> u16 {
        256 / self.width() as u16
    }

    /// How far the checksum is shifted to the left in its 16 bits, ls.
    pub(super) const fn checksum_shift(self) -> u32 {
        match self {
            Self::Sha256N32W1 => 7,
            Self::Sha256N32W2 => 6,
            Self::Sha256N32W4 => 4,
            Self::Sha256N32W8 => 0,
        }
    }

    /// How often the start of a chain is hashed to give its end: 2^w − 1.
    pub(super) const fn chain_len(self) -> u8 {
        (0xff_u16 >> (8 - self.width())) as u8
    }
}
