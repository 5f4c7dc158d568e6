//! No jump and no address in a private operation of the TPM depends on what is secret.
//!
//! CVE-2019-11090 and CVE-2019-16863 (TPM-FAIL), CVE-2026-6727 (Manger): keys were read from the time that a TPM took.
//! `ironroot-constant-time` is built as a release is, and run under valgrind, which takes its secrets for memory that
//! was never initialised: so the answer is about all keys, nonces and messages at once. What remains are the few
//! places where a result is told, listed here with the reason. The three leaky cases must be reported.
//!
//! A release of one of the libraries may want other lines in the list. It never passes for want of one.

use ironroot_tests::memcheck;
use libtest_mimic::{Arguments, Trial};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// A report that is no leak, by places as [`memcheck::Report`] tells them.
struct Told {
    /// The innermost place.
    at: &'static str,
    /// A place further out.
    within: &'static str,
}

const fn told(at: &'static str, within: &'static str) -> Told {
    Told { at, within }
}

/// Whether the bytes of a key or nonce are a scalar. They are: others never became a key.
const IS_SCALAR: Told = told(
    "subtle/src/lib.rs from",
    "crypto/src/tpm/ec/arithmetic.rs scalar",
);
/// Whether r or s is zero, and that the nonce has an inverse: once in 2^255 the signature is made again.
const IS_SIGNATURE: [Told; 2] = [
    told(
        "crypto/src/tpm/ec/arithmetic.rs sign",
        "crypto/src/tpm/ec.rs sign",
    ),
    told(
        "subtle/src/lib.rs unwrap",
        "crypto/src/tpm/ec/arithmetic.rs sign",
    ),
];
/// The same, and whether the key is n - 1, which is none.
const IS_SM2_SIGNATURE: [Told; 3] = [
    told(
        "crypto/src/tpm/ec/arithmetic.rs sign_sm2",
        "crypto/src/tpm/ec/schemes.rs sign_sm2",
    ),
    told(
        "subtle/src/lib.rs unwrap",
        "crypto/src/tpm/ec/arithmetic.rs sign_sm2",
    ),
    told(
        "subtle/src/lib.rs from",
        "crypto/src/tpm/ec/arithmetic.rs sign_sm2",
    ),
];
/// Whether s is zero: the signature is then made again, or refused.
const IS_SUM: Told = told(
    "crypto/src/tpm/ec/arithmetic.rs multiply_add",
    "crypto/src/tpm/ec.rs multiply_add",
);
/// Whether the product is the point at infinity, which the caller is told. No key's is.
const IS_POINT: Told = told("crypto/src/tpm/ec/products.rs affine", "");

const DIVISION: &str = "crypto-bigint/src/uint/ref_type/div.rs div_rem";
const WIDE_DIVISION: &str = "crypto-bigint/src/uint/ref_type/div.rs rem_wide";
/// How long a prime is: half as long as the modulus, always. Each division by it counts its bits anew, and shifts it
/// by the zeros before them, which are none. What is divided, and the quotient, do not show.
const LENGTH_OF_PRIME: [Told; 12] = [
    told(DIVISION, "crypto/src/tpm/rsa/crt.rs scaled_power"),
    told(WIDE_DIVISION, "crypto/src/tpm/rsa/crt.rs scaled_power"),
    told(
        "crypto-bigint/src/uint/ref_type/shl.rs shl_assign_limb_with_carry",
        DIVISION,
    ),
    told(
        "crypto-bigint/src/uint/ref_type/shl.rs shl_assign_limb_with_carry",
        WIDE_DIVISION,
    ),
    told(
        "crypto-bigint/src/uint/ref_type/shl.rs conditional_shl_assign_limb_nonzero",
        "",
    ),
    told(
        "crypto-bigint/src/uint/ref_type/shr.rs bounded_shr_by_limbs_assign",
        DIVISION,
    ),
    told(
        "crypto-bigint/src/uint/ref_type/shr.rs shr_assign_limb_with_carry",
        DIVISION,
    ),
    told(
        "crypto-bigint/src/uint/ref_type/shr.rs shr_assign_limb_with_carry",
        WIDE_DIVISION,
    ),
    told(
        "crypto-bigint/src/uint/ref_type/shr.rs conditional_shr_assign_limb_nonzero",
        "",
    ),
    told("crypto-bigint/src/limb/shr.rs shr", ""),
    // Its highest word is not zero.
    told("ctutils/src/ct_option.rs expect_ref", DIVISION),
    told("ctutils/src/ct_option.rs expect_ref", WIDE_DIVISION),
];
/// Whether a number is a key's prime: it divides the modulus, is odd and not its square root, and the exponent has inverses.
const IS_PRIME: [Told; 4] = [
    told(
        "crypto/src/tpm/rsa/crt.rs new",
        "crypto/src/tpm/rsa.rs from_prime",
    ),
    told(
        "crypto/src/tpm/rsa/crt.rs other_prime",
        "crypto/src/tpm/rsa.rs from_prime",
    ),
    told(
        "ctutils/src/ct_option.rs into_option",
        "crypto/src/tpm/rsa.rs from_prime",
    ),
    told(
        "ctutils/src/ct_option.rs into_option",
        "crypto/src/tpm/rsa/crt.rs odd",
    ),
];
/// Whether the power goes back to the input: a fault is answered with an error.
const IS_POWER: [Told; 1] = [told(
    "crypto/src/tpm/rsa/crt.rs apply",
    "crypto/src/tpm/rsa.rs apply",
)];
const RSA: [&[Told]; 3] = [&IS_PRIME, &LENGTH_OF_PRIME, &IS_POWER];
/// Whether the padding is right, and how much is left without it: what Decrypt answers.
const IS_MESSAGE: Told = told(
    "crypto/src/tpm/rsa/schemes.rs extract",
    "crypto/src/tpm/rsa/schemes.rs decrypt",
);
const LENGTH_OF_MESSAGE: Told = told(
    "zeroize/src/lib.rs volatile_set",
    "crypto/src/tpm/rsa/schemes.rs extract",
);

const TESTS: [(&str, fn()); 10] = [
    (
        "ecdsa_on_p256_depends_on_neither_key_nor_nonce",
        ecdsa_on_p256_depends_on_neither_key_nor_nonce,
    ),
    (
        "ecdsa_on_p384_depends_on_neither_key_nor_nonce",
        ecdsa_on_p384_depends_on_neither_key_nor_nonce,
    ),
    (
        "ecdsa_on_p521_depends_on_neither_key_nor_nonce",
        ecdsa_on_p521_depends_on_neither_key_nor_nonce,
    ),
    (
        "ecdh_does_not_depend_on_the_key",
        ecdh_does_not_depend_on_the_key,
    ),
    (
        "schnorr_ecdaa_and_sm2_depend_on_neither_key_nor_nonce",
        schnorr_ecdaa_and_sm2_depend_on_neither_key_nor_nonce,
    ),
    (
        "the_private_power_of_rsa_depends_on_neither_key_nor_blinding",
        the_private_power_of_rsa_depends_on_neither_key_nor_blinding,
    ),
    (
        "oaep_decryption_depends_on_nothing_but_whether_there_is_a_message_and_its_length",
        oaep_decryption_depends_on_nothing_but_whether_there_is_a_message_and_its_length,
    ),
    (
        "pkcs1_decryption_depends_on_nothing_but_whether_there_is_a_message_and_its_length",
        pkcs1_decryption_depends_on_nothing_but_whether_there_is_a_message_and_its_length,
    ),
    (
        "an_hmac_and_its_comparison_depend_on_nothing",
        an_hmac_and_its_comparison_depend_on_nothing,
    ),
    (
        "what_leaks_on_purpose_is_reported",
        what_leaks_on_purpose_is_reported,
    ),
];

/// Without valgrind they are ignored, and so counted as skipped.
fn main() {
    let arguments = Arguments::from_args();
    let present = memcheck::is_installed();
    if !present {
        eprintln!("skipped: no valgrind; `cargo xtask setup` installs it where apt can reach it");
    }
    let trials = TESTS.map(|(name, test)| {
        let run = move || {
            test();
            Ok(())
        };
        Trial::test(name, run).with_ignored_flag(!present)
    });
    libtest_mimic::run(&arguments, trials.into()).exit();
}

fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let output = Command::new(env!("CARGO"))
            .current_dir(root)
            .args([
                "build",
                "--release",
                "-p",
                "ironroot-constant-time",
                "--message-format=json",
            ])
            // Names of functions, and what was inlined into them; the code stays the same.
            .args(["--config", "profile.release.debug=\"line-tables-only\""])
            .args(["--config", "profile.release.strip=\"none\""])
            .output()
            .expect("cargo starts");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let messages = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let program = messages
            .filter_map(|message: serde_json::Value| {
                Some(message["executable"].as_str()?.to_owned())
            })
            .next_back();
        program.expect("a program was built").into()
    })
}

/// What a case's run said, and how many bytes of its result follow from secrets.
fn watched(case: &str) -> (Vec<memcheck::Report>, usize) {
    let (reports, said) = memcheck::watch(program(), case);
    let secret = said
        .split(' ')
        .next()
        .and_then(|number| number.parse().ok());
    (reports, secret.expect("how many bytes follow from secrets"))
}

/// Nothing else is reported than what is told anyway, all that is told was met, and `secret` bytes of the result
/// follow from secrets: memcheck did not lose track of them on the way.
fn leaks_nothing(case: &str, secret: usize, told: &[&[Told]]) {
    let (reports, secrets) = watched(case);
    assert_eq!(
        secrets, secret,
        "{case}: bytes of the result that follow from secrets"
    );
    let told: Vec<&Told> = told.iter().copied().flatten().collect();
    let is = |told: &Told, report: &memcheck::Report| {
        report.stack.first().is_some_and(|place| *place == told.at)
            && (told.within.is_empty() || report.stack.iter().any(|place| *place == told.within))
    };
    let leaks: Vec<String> = reports
        .iter()
        .filter(|report| !told.iter().any(|told| is(told, report)))
        .map(ToString::to_string)
        .collect();
    assert!(
        leaks.is_empty(),
        "{case}: {} reports\n{}",
        leaks.len(),
        leaks.join("\n")
    );
    for told in told {
        assert!(
            reports.iter().any(|report| is(told, report)),
            "{case}: {} within {} is reported no more",
            told.at,
            told.within
        );
    }
}

fn ecdsa_on_p256_depends_on_neither_key_nor_nonce() {
    leaks_nothing("ecdsa-p256", 64, &[&[IS_SCALAR, IS_POINT], &IS_SIGNATURE]);
}

fn ecdsa_on_p384_depends_on_neither_key_nor_nonce() {
    leaks_nothing("ecdsa-p384", 96, &[&[IS_SCALAR, IS_POINT], &IS_SIGNATURE]);
}

fn ecdsa_on_p521_depends_on_neither_key_nor_nonce() {
    leaks_nothing("ecdsa-p521", 132, &[&[IS_SCALAR, IS_POINT], &IS_SIGNATURE]);
}

fn ecdh_does_not_depend_on_the_key() {
    for (case, secret) in [("ecdh-p256", 64), ("ecdh-p384", 96), ("ecdh-p521", 132)] {
        leaks_nothing(case, secret, &[&[IS_SCALAR, IS_POINT]]);
    }
}

fn schnorr_ecdaa_and_sm2_depend_on_neither_key_nor_nonce() {
    leaks_nothing("ec-schnorr", 64, &[&[IS_SCALAR, IS_SUM, IS_POINT]]);
    leaks_nothing("ecdaa", 32, &[&[IS_SCALAR, IS_SUM]]);
    leaks_nothing("sm2", 64, &[&[IS_SCALAR, IS_POINT], &IS_SM2_SIGNATURE]);
}

fn the_private_power_of_rsa_depends_on_neither_key_nor_blinding() {
    leaks_nothing("rsa-power", 128, &RSA);
}

/// The seven bytes of the message are secret, and the zeros behind it are not.
fn oaep_decryption_depends_on_nothing_but_whether_there_is_a_message_and_its_length() {
    let [key, prime, result] = RSA;
    leaks_nothing(
        "rsa-oaep",
        7,
        &[key, prime, result, &[IS_MESSAGE, LENGTH_OF_MESSAGE]],
    );
    leaks_nothing("rsa-oaep-spoilt", 128, &[key, prime, result, &[IS_MESSAGE]]);
}

fn pkcs1_decryption_depends_on_nothing_but_whether_there_is_a_message_and_its_length() {
    let [key, prime, result] = RSA;
    leaks_nothing(
        "rsa-pkcs1",
        7,
        &[key, prime, result, &[IS_MESSAGE, LENGTH_OF_MESSAGE]],
    );
    leaks_nothing(
        "rsa-pkcs1-spoilt",
        128,
        &[key, prime, result, &[IS_MESSAGE]],
    );
}

fn an_hmac_and_its_comparison_depend_on_nothing() {
    leaks_nothing("hmac", 1, &[]);
}

fn what_leaks_on_purpose_is_reported() {
    let cases = [
        ("leaky-comparison", "Conditional jump", "first_difference"),
        ("leaky-table", "Use of uninitialised", "substitute"),
        ("leaky-power", "Conditional jump", "square_and_multiply"),
    ];
    for (case, what, function) in cases {
        let (reports, _) = watched(case);
        let seen = reports
            .iter()
            .any(|report| report.what.starts_with(what) && report.stack[0].ends_with(function));
        assert!(seen, "{case}: {reports:?}");
    }
}
