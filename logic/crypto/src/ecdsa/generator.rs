//! Multiples of the generator by a fixed table: three times faster than by doubling and adding
//! from scratch, for 1 KiB of constants.
//!
//! A signed comb (M. Hamburg, "Fast and compact elliptic-curve cryptography", 2012, section 3.3).
//! The scalar is made odd, then written with 260 digits that are all +1 or −1, laid out as five
//! rows of 52. One column at a time, from the left: double, then add the table's point for the
//! column. With the last row's digit taken out as a sign, 16 points suffice.
//!
//! ```text
//! column j:  digits  b(j), b(j + 52), b(j + 104), b(j + 156), b(j + 208)
//! table[u] = (2^208 ± 2^156 ± 2^104 ± 2^52 ± 1)·G     bit t of u set: + at 2^(52·t)
//! ```
//!
//! No zero digit occurs, so nothing branches on the scalar; the table is read whole each time. All
//! arithmetic on points is the library's, and it checks that each point read is on the curve.

use p256::elliptic_curve::Group;
use p256::elliptic_curve::point::AffineCoordinates;
use p256::elliptic_curve::subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use p256::{AffinePoint, FieldBytes, NonZeroScalar, ProjectivePoint, Scalar};
use zeroize::{Zeroize, Zeroizing};

use crate::bytes::copy_prefix;

const ROWS: usize = 5;
const COLUMNS: usize = 52;
const DIGITS: usize = ROWS * COLUMNS;

/// A point as x ‖ y in words, the most significant first.
type Entry = [u32; 16];

/// `k`·G in constant time.
pub(crate) fn multiply_generator(k: &NonZeroScalar) -> ProjectivePoint {
    // A point that is not on the curve means a fault in the memory or the processor. Never go on
    // with it: a signature made from a wrong point gives the key away.
    comb(k).unwrap_or_else(|| ProjectivePoint::GENERATOR * **k)
}

fn comb(k: &Scalar) -> Option<ProjectivePoint> {
    let is_even = k.is_even();
    let odd = Zeroizing::new(Scalar::conditional_select(k, &-k, is_even));
    let digits = Digits::new(&odd);
    let mut sum = ProjectivePoint::IDENTITY;
    for column in (0..COLUMNS).rev() {
        sum = sum.double();
        sum += digits.point(column)?;
    }
    sum.conditional_assign(&-sum, is_even);
    Some(sum)
}

/// An odd scalar k as 260 digits: digit i is +1 where bit i of (k − 1)/2 + 2^259 is set, else −1.
struct Digits {
    bytes: Zeroizing<[u8; 32]>,
}

impl Digits {
    fn new(odd: &Scalar) -> Self {
        Self {
            bytes: Zeroizing::new(odd.to_bytes().into()),
        }
    }

    /// 1 for +1, 0 for −1. The index is not secret.
    fn is_positive(&self, index: usize) -> u8 {
        let bit = index.wrapping_add(1);
        if bit == DIGITS {
            return 1;
        }
        let byte = self.bytes.iter().rev().nth(bit / 8).copied().unwrap_or(0);
        (byte >> (bit % 8)) & 1
    }

    /// The point for a column; `None` if the table is damaged.
    fn point(&self, column: usize) -> Option<AffinePoint> {
        let sign = self.is_positive(column.wrapping_add(DIGITS - COLUMNS));
        let mut index = 0;
        for row in (0..ROWS - 1).rev() {
            let digit = self.is_positive(column.wrapping_add(row.wrapping_mul(COLUMNS)));
            index = (index << 1) | u32::from(digit ^ sign ^ 1);
        }
        let point = read_point(index)?;
        Some(AffinePoint::conditional_select(
            &-point,
            &point,
            Choice::from(sign),
        ))
    }
}

/// Reads the whole table and keeps one entry.
fn read_point(index: u32) -> Option<AffinePoint> {
    let mut entry: Entry = [0; 16];
    for (candidate, candidate_index) in TABLE.iter().zip(0u32..) {
        // All ones where the entry is the wanted one.
        let mask = u32::from(candidate_index.ct_eq(&index).unwrap_u8()).wrapping_neg();
        for (to, from) in entry.iter_mut().zip(candidate) {
            *to |= from & mask;
        }
    }
    let (x, y) = entry.split_at(8);
    let point = AffinePoint::from_coordinates(&coordinate(x), &coordinate(y));
    entry.zeroize();
    point.into_option()
}

fn coordinate(words: &[u32]) -> FieldBytes {
    let mut bytes = FieldBytes::default();
    for (to, word) in bytes.chunks_mut(4).zip(words) {
        copy_prefix(to, &word.to_be_bytes());
    }
    bytes
}

#[rustfmt::skip]
static TABLE: [Entry; 1 << (ROWS - 1)] = [
    [0x8429_dfdd, 0x7fd0_81c5, 0xc70c_60ad, 0x4acd_a0cb, 0xf88c_60c8, 0x3a22_aad4, 0xf952_76d2, 0xc7e5_4bee,
     0xc056_e544, 0x8518_97e6, 0x8bae_071e, 0x20f9_ff59, 0x26d8_2c6b, 0x1313_8832, 0xb6e0_0949, 0x5387_3020],
    [0x2e8f_84ba, 0xdf5a_d6e9, 0x74a9_5e72, 0x92d8_1b88, 0xbd56_9274, 0x2a56_6fc8, 0xaa44_314c, 0xea4b_564a,
     0xd44a_c55d, 0x5438_fbad, 0x45da_9165, 0xcd48_2eca, 0x411f_1ccd, 0xb158_43f8, 0xd3f6_bbe9, 0x935c_5dad],
    [0x572d_607b, 0x2ac9_ce9f, 0xeb66_2cf0, 0x7da8_1dca, 0x3b08_6f1f, 0x36e6_5eb5, 0x0e64_5ac3, 0x1674_dcab,
     0x125e_b4aa, 0x1bcc_9455, 0x1528_eb2d, 0xdd40_ce47, 0x5f60_20d9, 0xe145_1f4e, 0xdac5_f4c1, 0x25dd_a560],
    [0xa4f9_f367, 0x2c06_e4ea, 0xbe4f_a309, 0x250a_6932, 0x7b6d_234e, 0xc3da_30bb, 0x4161_8305, 0xbcb7_0552,
     0xf76f_5348, 0x25c4_42e4, 0x5af9_501f, 0xa5d9_8e06, 0x9009_7cb6, 0x052a_14ae, 0xb8eb_ea26, 0xf68d_981b],
    [0x3f0c_96e6, 0xcfef_2213, 0x4cfb_0e28, 0x646d_b607, 0x89ae_788c, 0x22bd_6911, 0xba93_14d9, 0x338e_58da,
     0xdbfb_7191, 0x92cc_c35c, 0x15f3_f02b, 0x2187_6fc4, 0xde2e_237a, 0xfd66_57fa, 0xf966_d2b0, 0xf350_1083],
    [0x7918_b03b, 0xde55_c5ed, 0xd9fd_0da1, 0x6439_66b8, 0x1065_ae57, 0xcc8e_a358, 0x3e95_5641, 0xb258_fbba,
     0x614a_f453, 0x51ea_048b, 0xfb2b_863e, 0xcddb_9309, 0x543b_7dd0, 0x8e46_e993, 0xbc3b_aee5, 0xb687_0e88],
    [0xaf21_e49c, 0x72b2_2479, 0x41fb_a49e, 0x8e9e_8bf3, 0xc5d1_5a99, 0x9b4a_d9fd, 0x0a3e_3494, 0x1032_6611,
     0xb011_0fe5, 0xfcae_536c, 0xd200_d6ff, 0xcf1d_4105, 0xd143_d59d, 0x3ea1_116a, 0xf941_4962, 0x13a4_b52a],
    [0xd558_8a0d, 0xc948_561b, 0x9846_5dd3, 0xf47b_f8ea, 0x0f09_1a2f, 0x86fb_8797, 0xcf04_2714, 0x994a_5b6e,
     0xdaa9_4e8f, 0xa35c_551a, 0xe9f6_49da, 0xc7f7_a92f, 0x47f5_cb7d, 0x42dd_c496, 0xde5b_9a41, 0x9bc7_4903],
    [0x01e0_de74, 0xd86d_9bc0, 0x5924_f7f0, 0x90e7_f7f9, 0xa8ea_7589, 0x4d6e_1737, 0x0968_aaa0, 0x9c6d_e2f0,
     0xdbbd_891f, 0x488b_2f0a, 0xdbb4_ca96, 0x0aa4_4e5d, 0x5122_67ad, 0x4a0a_4aef, 0x9b06_bf92, 0x68af_552b],
    [0x2b51_f09a, 0x3bd7_3679, 0xdb3c_d8f0, 0x79c1_a3ab, 0xa07e_dec9, 0x9805_6827, 0xe7da_7a30, 0x3ef6_f4c1,
     0xad9c_e7ab, 0x332a_b912, 0x966b_6bd4, 0x0931_5057, 0x61a5_24f3, 0xdfd9_fe28, 0x6b4b_a19f, 0xa45f_02e8],
    [0xeb34_f080, 0x2437_3a17, 0xd331_bcdc, 0xc3f5_ecec, 0xae16_00ab, 0xc001_57b9, 0x0abb_926b, 0x8545_438a,
     0x758f_e259, 0xa8f9_3055, 0x5fe2_4ba3, 0xaadb_792e, 0xf02c_a10a, 0xcf0d_91cd, 0x5710_0075, 0xb1ef_8e14],
    [0xdab8_dddc, 0x24da_6438, 0x1aeb_f43c, 0xdd9e_be66, 0x0c0b_f613, 0x8b38_43d5, 0x3b9e_5a25, 0x3203_04d1,
     0x9eb0_efbf, 0x9e4e_370c, 0x7650_ec55, 0x8d31_5ef7, 0x6477_97c6, 0x48ca_9837, 0xf654_1c56, 0x08ba_5b92],
    [0x5278_8440, 0x96c4_ff9c, 0x8961_6cb1, 0xe79e_07dd, 0xdc8f_13bf, 0xcaed_db83, 0x8c3d_5202, 0x798f_316d,
     0x4d3d_5923, 0xa61a_e1b4, 0xded0_d15b, 0xbf2d_d834, 0x80b8_66fe, 0x6c50_a1ef, 0xa209_99f6, 0xa934_b669],
    [0x792f_29f8, 0x6769_84a9, 0x4f52_39d9, 0x7915_51ab, 0xc295_20b8, 0xbf0a_b911, 0xf317_d32c, 0x9bf1_74bf,
     0xf0d8_ce8b, 0x3b28_e94a, 0x356f_dd6d, 0xc9d4_b1c1, 0x9ab2_faf2, 0x39b9_6d8b, 0x08f2_67f2, 0xa6fb_036b],
    [0xad7f_1b10, 0xb632_3654, 0xab7d_9007, 0x69dd_abe5, 0x1c28_a636, 0xd074_6191, 0xf1b2_fb60, 0x2c26_03d7,
     0x127f_9b5d, 0x07bd_e255, 0x3fac_be89, 0xfde4_783f, 0x4a77_65a1, 0xbe18_1bea, 0x09b9_d196, 0x16bc_eb7d],
    [0x825f_0194, 0x8e83_1d5b, 0x76c4_c180, 0x4286_fb42, 0x1a25_30b0, 0x5a00_169c, 0x2e75_a266, 0x5b69_6527,
     0x4358_72fe, 0xbc72_3a17, 0x6179_4c4f, 0x2411_1150, 0x106f_9bc4, 0xce5b_106a, 0xdbf0_a11f, 0xef70_3739],
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;
    use crate::drbg::Drbg;
    use p256::elliptic_curve::PrimeField;

    fn power_of_two(exponent: usize) -> Scalar {
        (0..exponent).fold(Scalar::ONE, |power, _| power.double())
    }

    #[test]
    fn every_entry_of_the_table_is_what_the_description_says() {
        for (index, _) in TABLE.iter().enumerate() {
            let mut multiple = power_of_two((ROWS - 1) * COLUMNS);
            for row in 0..ROWS - 1 {
                let digit = power_of_two(row * COLUMNS);
                multiple = if index >> row & 1 == 1 {
                    multiple + digit
                } else {
                    multiple - digit
                };
            }
            let expected = (ProjectivePoint::GENERATOR * multiple).to_affine();
            assert_eq!(read_point(index as u32), Some(expected));
        }
        assert_eq!(read_point(16), None);
    }

    #[test]
    fn the_comb_agrees_with_the_library_at_the_borders_and_at_random() {
        let mut scalars = std::vec::Vec::new();
        for exponent in 0..256 {
            let power = power_of_two(exponent);
            scalars.extend([power, power + Scalar::ONE, power - Scalar::ONE, -power]);
        }
        let mut drbg = Drbg::new(&Secret::new([1; 32]), b"comb");
        for _ in 0..200 {
            let mut bytes = FieldBytes::default();
            drbg.fill(&mut bytes);
            scalars.extend(Scalar::from_repr(bytes).into_option());
        }
        for scalar in scalars.iter().filter(|scalar| **scalar != Scalar::ZERO) {
            assert_eq!(comb(scalar), Some(ProjectivePoint::GENERATOR * scalar));
        }
    }
}
