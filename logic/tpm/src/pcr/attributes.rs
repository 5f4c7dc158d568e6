//! Who may extend and reset which register (PC Client Platform TPM Profile, table "PCR attributes").

use super::COUNT;
use crate::dispatch::Locality;

/// What is special about one register.
#[derive(Clone, Copy)]
pub(crate) struct Attributes {
    /// Bit n: locality n may reset it.
    reset: u8,
    /// Bit n: locality n may extend it.
    extend: u8,
    /// Shutdown(STATE) keeps it.
    saved: bool,
    /// Changes do not count for PolicyPCR.
    not_counted: bool,
}

const STATIC: Attributes = Attributes {
    reset: 0,
    extend: 0x1f,
    saved: true,
    not_counted: false,
};
const FREE: Attributes = Attributes {
    reset: 0x0f,
    extend: 0x1f,
    saved: false,
    not_counted: true,
};

const fn dynamic(reset: u8, extend: u8, not_counted: bool) -> Attributes {
    Attributes {
        reset,
        extend,
        saved: false,
        not_counted,
    }
}

/// The registers 16 to 23; those below are all [`STATIC`].
const UPPER: [Attributes; 8] = [
    FREE,
    dynamic(0x10, 0x1c, false),
    dynamic(0x10, 0x1c, false),
    dynamic(0x10, 0x0c, false),
    dynamic(0x14, 0x0e, false),
    dynamic(0x14, 0x04, true),
    dynamic(0x14, 0x04, true),
    FREE,
];

/// What is special about register `number`.
pub(crate) fn attributes(number: usize) -> Attributes {
    number
        .checked_sub(16)
        .and_then(|upper| UPPER.get(upper))
        .copied()
        .unwrap_or(STATIC)
}

impl Attributes {
    /// Whether a command from there may extend it.
    pub(crate) fn may_extend(self, locality: Locality) -> bool {
        bit(locality) & self.extend != 0
    }

    /// Whether a command from there may reset it. Locality 4 resets by its signals, never by a command.
    pub(crate) fn may_reset(self, locality: Locality) -> bool {
        bit(locality) & self.reset & 0x0f != 0
    }

    /// A dynamic measurement sets it to zero, and a start to all ones.
    pub(crate) const fn reset_by_dynamic_measurement(self) -> bool {
        self.reset & 0x10 != 0
    }

    /// Its changes do not count.
    pub(crate) const fn is_not_counted(self) -> bool {
        self.not_counted
    }
}

/// Localities above 4 reach no register.
fn bit(locality: Locality) -> u8 {
    1u8.checked_shl(u32::from(locality.number())).unwrap_or(0)
}

/// `TPM_PT_PCR`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Property(pub(crate) u32);

impl Property {
    /// All that are told, in order.
    pub(crate) const ALL: &[Self] = &[
        Self(0x00),
        Self(0x01),
        Self(0x02),
        Self(0x03),
        Self(0x04),
        Self(0x05),
        Self(0x06),
        Self(0x07),
        Self(0x08),
        Self(0x09),
        Self(0x0a),
        Self(0x11),
        Self(0x12),
        Self(0x13),
        Self(0x14),
    ];

    /// The registers that have it: bit n is register n.
    pub(crate) fn registers(self) -> u32 {
        (0..COUNT)
            .filter(|number| self.has(attributes(*number)))
            .fold(0, |bits, number| bits | 1 << number)
    }

    fn has(self, register: Attributes) -> bool {
        let by = |localities: u8, number: u32| localities >> number & 1 != 0;
        match self.0 {
            0x00 => register.saved,
            number @ 0x01..=0x0a if number % 2 == 1 => by(register.extend, number / 2),
            number @ 0x01..=0x0a => by(register.reset, number / 2 - 1),
            0x11 => register.not_counted,
            0x12 => register.reset_by_dynamic_measurement(),
            // TPM_PT_PCR_POLICY and TPM_PT_PCR_AUTH: the profile has no such registers.
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(may: impl Fn(Attributes, Locality) -> bool, number: usize) -> std::vec::Vec<u8> {
        let localities = (0..=255).filter_map(Locality::new);
        localities
            .filter(|locality| may(attributes(number), *locality))
            .map(Locality::number)
            .collect()
    }

    #[test]
    fn registers_are_extended_and_reset_from_the_profiles_localities_only() {
        let all = [0, 1, 2, 3, 4];
        for number in 0..16 {
            assert_eq!(who(Attributes::may_extend, number), all);
            assert_eq!(who(Attributes::may_reset, number), []);
        }
        let extend: [&[u8]; 8] = [
            &all,
            &[2, 3, 4],
            &[2, 3, 4],
            &[2, 3],
            &[1, 2, 3],
            &[2],
            &[2],
            &all,
        ];
        let reset: [&[u8]; 8] = [
            &[0, 1, 2, 3],
            &[],
            &[],
            &[],
            &[2],
            &[2],
            &[2],
            &[0, 1, 2, 3],
        ];
        for (offset, (extend, reset)) in extend.into_iter().zip(reset).enumerate() {
            assert_eq!(who(Attributes::may_extend, 16 + offset), extend, "{offset}");
            assert_eq!(who(Attributes::may_reset, 16 + offset), reset, "{offset}");
        }
    }

    #[test]
    fn properties_name_the_registers_of_the_profile() {
        let dynamic = 0b0111_1110 << 16;
        assert_eq!(Property(0x00).registers(), 0xffff);
        assert_eq!(Property(0x01).registers(), 0x0081_ffff);
        assert_eq!(Property(0x02).registers(), 0x0081_0000);
        assert_eq!(Property(0x09).registers(), 0x0087_ffff);
        assert_eq!(Property(0x0a).registers(), dynamic);
        assert_eq!(Property(0x12).registers(), dynamic);
        assert_eq!(Property(0x13).registers() | Property(0x14).registers(), 0);
    }
}
