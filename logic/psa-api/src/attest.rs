//! Initial Attestation: message types and layouts, as TF-M's client library passes them.
//!
//! | type | inputs | outputs |
//! |---|---|---|
//! | [`GET_TOKEN`] | challenge | token |
//! | [`GET_TOKEN_SIZE`] | challenge size (4) | token size (4) |

/// Makes a token.
pub const GET_TOKEN: i32 = 1001;
/// Tells how long a token would be.
pub const GET_TOKEN_SIZE: i32 = 1002;

/// The only challenge lengths there are, in bytes (PSA Attestation API 1.0, `psa_initial_attest_get_token`).
pub const CHALLENGE_SIZES: [usize; 3] = [32, 48, 64];

/// Whether a challenge may have that length.
#[must_use]
pub const fn is_challenge_size(len: usize) -> bool {
    matches!(len, 32 | 48 | 64)
}
