//! The headers, as C and C++ compilers see them.

use std::path::{Path, PathBuf};
use std::process::Command;

use ironroot_psa_api::fwu::{self, ComponentState};
use ironroot_psa_api::key::{
    Algorithm, DerivationStep, EccFamily, KeyId, KeyType, Lifetime, Usage,
};
use ironroot_psa_api::storage::CreateFlags;
use ironroot_psa_api::{Error, Status, attest, message, svc};

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every header, relative to `include`.
fn headers() -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["", "psa"] {
        for entry in std::fs::read_dir(here().join("include").join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".h") {
                found.push(Path::new(folder).join(name).display().to_string());
            }
        }
    }
    found.sort();
    assert!(found.len() > 10, "{found:?}");
    found
}

fn compile(compiler: &str, standard: &str, source: &Path, more: &[&str]) {
    let output = Command::new(compiler)
        .arg(format!("-std={standard}"))
        .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"])
        .arg(here().join("include"))
        .arg(source)
        .args(more)
        .output()
        .unwrap_or_else(|error| panic!("{compiler}: {error}; install the C and C++ compilers"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{compiler} {standard} {}:\n{errors}",
        source.display()
    );
}

#[test]
fn every_header_compiles_alone_and_twice_without_a_warning_in_c_and_cpp() {
    let directory = tempfile::tempdir().unwrap();
    for (number, header) in headers().iter().enumerate() {
        let text = format!(
            "#include \"{header}\"\n#include \"{header}\"\nint main(void) {{ return 0; }}\n"
        );
        let (c, cpp) = (
            directory.path().join(format!("{number}.c")),
            directory.path().join(format!("{number}.cpp")),
        );
        std::fs::write(&c, &text).unwrap();
        std::fs::write(&cpp, text.replace("main(void)", "main()")).unwrap();
        for standard in ["c99", "c11"] {
            compile("gcc", standard, &c, &["-fsyntax-only"]);
        }
        for standard in ["c++11", "c++17"] {
            compile("g++", standard, &cpp, &["-fsyntax-only"]);
        }
    }
}

#[test]
fn examples_compile_without_a_warning() {
    for source in ["examples/app.c", "examples/services.c"] {
        for standard in ["c99", "c11"] {
            compile("gcc", standard, &here().join(source), &["-fsyntax-only"]);
        }
    }
}

/// Compiles and runs a program that prints each C expression as a number.
fn values(expressions: &[String]) -> Vec<i128> {
    let directory = tempfile::tempdir().unwrap();
    let (source, program) = (
        directory.path().join("values.c"),
        directory.path().join("values"),
    );
    let mut text = String::from("#include <stddef.h>\n#include <stdio.h>\n");
    for header in headers() {
        text += &format!("#include \"{header}\"\n");
    }
    text += &format!(
        "#include \"{}\"\n",
        here().join("partition/supervisor_calls.h").display()
    );
    text += "int main(void) {\n";
    for expression in expressions {
        text += &format!("    printf(\"%lld\\n\", (long long)({expression}));\n");
    }
    text += "    return 0;\n}\n";
    std::fs::write(&source, text).unwrap();
    compile("gcc", "c11", &source, &["-o", program.to_str().unwrap()]);
    let output = Command::new(&program).output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| line.parse().unwrap())
        .collect()
}

fn check(table: &[(&str, i128)]) {
    let expressions: Vec<_> = table
        .iter()
        .map(|(expression, _)| (*expression).to_owned())
        .collect();
    for ((expression, rust), c) in table.iter().zip(values(&expressions)) {
        assert_eq!(c, *rust, "{expression}");
    }
}

/// `InvalidArgument` as `PSA_ERROR_INVALID_ARGUMENT`.
fn c_name(error: Error) -> String {
    let mut name = String::new();
    for letter in error.name().chars() {
        if letter.is_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    match error {
        Error::OperationIncomplete => format!("PSA{name}"),
        _ => format!("PSA_ERROR{name}"),
    }
}

#[test]
fn every_status_has_the_number_it_has_in_rust() {
    let names: Vec<_> = Error::ALL.iter().map(|error| c_name(*error)).collect();
    for (error, c) in Error::ALL.iter().zip(values(&names)) {
        assert_eq!(c, i128::from(error.status().0), "{}", c_name(*error));
    }
    check(&[
        ("PSA_SUCCESS", 0),
        ("PSA_SUCCESS_REBOOT", Status::SUCCESS_REBOOT.0.into()),
        ("PSA_SUCCESS_RESTART", Status::SUCCESS_RESTART.0.into()),
    ]);
}

#[test]
fn algorithms_and_key_types_have_the_numbers_they_have_in_rust() {
    let sha_256 = Algorithm::SHA_256;
    let algorithm = |algorithm: Algorithm| i128::from(algorithm.0);
    let kind = |kind: KeyType| i128::from(kind.0);
    check(&[
        ("PSA_ALG_SHA_256", algorithm(sha_256)),
        ("PSA_ALG_SHA_384", algorithm(Algorithm::SHA_384)),
        ("PSA_ALG_SHA_512", algorithm(Algorithm::SHA_512)),
        ("PSA_ALG_ANY_HASH", algorithm(Algorithm::ANY_HASH)),
        (
            "PSA_ALG_HMAC(PSA_ALG_SHA_256)",
            algorithm(Algorithm::hmac(sha_256)),
        ),
        ("PSA_ALG_CMAC", algorithm(Algorithm::CMAC)),
        (
            "PSA_ALG_TRUNCATED_MAC(PSA_ALG_HMAC(PSA_ALG_SHA_256), 10)",
            algorithm(Algorithm::hmac(sha_256).with_length(10)),
        ),
        ("PSA_ALG_CCM", algorithm(Algorithm::CCM)),
        ("PSA_ALG_GCM", algorithm(Algorithm::GCM)),
        (
            "PSA_ALG_AEAD_WITH_SHORTENED_TAG(PSA_ALG_CCM, 8)",
            algorithm(Algorithm::CCM.with_length(8)),
        ),
        (
            "PSA_ALG_ECDSA(PSA_ALG_SHA_256)",
            algorithm(Algorithm::ecdsa(sha_256)),
        ),
        (
            "PSA_ALG_DETERMINISTIC_ECDSA(PSA_ALG_SHA_256)",
            algorithm(Algorithm::deterministic_ecdsa(sha_256)),
        ),
        ("PSA_ALG_PURE_EDDSA", algorithm(Algorithm::PURE_EDDSA)),
        (
            "PSA_ALG_RSA_PSS(PSA_ALG_SHA_256)",
            algorithm(Algorithm::rsa_pss(sha_256)),
        ),
        (
            "PSA_ALG_HKDF(PSA_ALG_SHA_256)",
            algorithm(Algorithm::hkdf(sha_256)),
        ),
        ("PSA_ALG_ECDH", algorithm(Algorithm::ECDH)),
        ("PSA_KEY_TYPE_RAW_DATA", kind(KeyType::RAW_DATA)),
        ("PSA_KEY_TYPE_HMAC", kind(KeyType::HMAC)),
        ("PSA_KEY_TYPE_DERIVE", kind(KeyType::DERIVE)),
        ("PSA_KEY_TYPE_AES", kind(KeyType::AES)),
        ("PSA_KEY_TYPE_CHACHA20", kind(KeyType::CHACHA20)),
        ("PSA_KEY_TYPE_RSA_KEY_PAIR", kind(KeyType::RSA_KEY_PAIR)),
        (
            "PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1)",
            kind(KeyType::ecc_key_pair(EccFamily::SECP_R1)),
        ),
        (
            "PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_TWISTED_EDWARDS)",
            kind(KeyType::ecc_public_key(EccFamily::TWISTED_EDWARDS)),
        ),
        ("PSA_KEY_USAGE_EXPORT", Usage::EXPORT.0.into()),
        ("PSA_KEY_USAGE_SIGN_HASH", Usage::SIGN_HASH.0.into()),
        (
            "PSA_KEY_USAGE_VERIFY_MESSAGE",
            Usage::VERIFY_MESSAGE.0.into(),
        ),
        ("PSA_KEY_USAGE_DERIVE", Usage::DERIVE.0.into()),
        (
            "PSA_KEY_USAGE_VERIFY_DERIVATION",
            Usage::VERIFY_DERIVATION.0.into(),
        ),
        ("PSA_KEY_LIFETIME_PERSISTENT", Lifetime::PERSISTENT.0.into()),
        ("PSA_KEY_ID_USER_MAX", KeyId::USER_MAX.0.into()),
        ("PSA_KEY_ID_VENDOR_MIN", KeyId::VENDOR_MIN.0.into()),
        ("TFM_BUILTIN_KEY_ID_HUK", KeyId::BUILTIN_HUK.0.into()),
        ("TFM_BUILTIN_KEY_ID_IAK", KeyId::BUILTIN_IAK.0.into()),
        (
            "PSA_KEY_DERIVATION_INPUT_SECRET",
            DerivationStep::SECRET.0.into(),
        ),
        (
            "PSA_KEY_DERIVATION_INPUT_INFO",
            DerivationStep::INFO.0.into(),
        ),
        (
            "PSA_KEY_DERIVATION_INPUT_COST",
            DerivationStep::COST.0.into(),
        ),
    ]);
}

#[test]
fn the_framework_storage_and_update_have_the_numbers_they_have_in_rust() {
    check(&[
        (
            "PSA_FRAMEWORK_VERSION",
            ironroot_psa_api::FRAMEWORK_VERSION.into(),
        ),
        ("PSA_MAX_IOVEC", ironroot_psa_api::MAX_VECTORS as i128),
        ("PSA_IPC_CALL", message::CALL.into()),
        ("PSA_IPC_CONNECT", message::CONNECT.into()),
        ("PSA_IPC_DISCONNECT", message::DISCONNECT.into()),
        ("PSA_BLOCK", svc::BLOCK.into()),
        ("PSA_POLL", svc::POLL.into()),
        ("PSA_WAIT_ANY", svc::WAIT_ANY.into()),
        (
            "PSA_STORAGE_FLAG_WRITE_ONCE",
            CreateFlags::WRITE_ONCE.0.into(),
        ),
        (
            "PSA_STORAGE_FLAG_NO_CONFIDENTIALITY",
            CreateFlags::NO_CONFIDENTIALITY.0.into(),
        ),
        (
            "PSA_STORAGE_FLAG_NO_REPLAY_PROTECTION",
            CreateFlags::NO_REPLAY_PROTECTION.0.into(),
        ),
        (
            "PSA_INITIAL_ATTEST_CHALLENGE_SIZE_32",
            attest::CHALLENGE_SIZES[0] as i128,
        ),
        (
            "PSA_INITIAL_ATTEST_CHALLENGE_SIZE_64",
            attest::CHALLENGE_SIZES[2] as i128,
        ),
        ("PSA_FWU_READY", ComponentState::Ready as i128),
        ("PSA_FWU_STAGED", ComponentState::Staged as i128),
        ("PSA_FWU_TRIAL", ComponentState::Trial as i128),
        ("PSA_FWU_UPDATED", ComponentState::Updated as i128),
        ("PSA_FWU_FAILED", ComponentState::Failed as i128),
        ("PSA_FWU_REJECTED", ComponentState::Rejected as i128),
        ("PSA_FWU_WRITING", ComponentState::Writing as i128),
        ("PSA_FWU_CANDIDATE", ComponentState::Candidate as i128),
        ("PSA_FWU_MAX_WRITE_SIZE", fwu::MAX_WRITE_SIZE as i128),
        ("PSA_FWU_LOG2_WRITE_ALIGN", fwu::LOG2_WRITE_ALIGN.into()),
        (
            "sizeof(psa_fwu_component_info_t)",
            fwu::ComponentInfo::SIZE as i128,
        ),
        (
            "IRONROOT_FWU_REASON_NOT_NEWER",
            fwu::reason::NOT_NEWER.into(),
        ),
        (
            "IRONROOT_FWU_REASON_CANCELLED",
            fwu::reason::CANCELLED.into(),
        ),
        ("IRONROOT_FWU_REASON_REJECTED", fwu::reason::REJECTED.into()),
        (
            "IRONROOT_FWU_REASON_SET_BROKEN",
            fwu::reason::SET_BROKEN.into(),
        ),
        (
            "IRONROOT_FWU_REASON_NOT_STARTED",
            fwu::reason::NOT_STARTED.into(),
        ),
        ("PSA_LIFECYCLE_SECURED", svc::lifecycle::SECURED.into()),
        (
            "PSA_LIFECYCLE_DECOMMISSIONED",
            svc::lifecycle::DECOMMISSIONED.into(),
        ),
    ]);
}

#[test]
fn supervisor_calls_have_the_numbers_they_have_in_rust() {
    check(&[
        (
            "IRONROOT_SVC_FRAMEWORK_VERSION",
            svc::FRAMEWORK_VERSION.into(),
        ),
        ("IRONROOT_SVC_VERSION", svc::VERSION.into()),
        ("IRONROOT_SVC_CONNECT", svc::CONNECT.into()),
        ("IRONROOT_SVC_CALL", svc::CALL.into()),
        ("IRONROOT_SVC_CLOSE", svc::CLOSE.into()),
        ("IRONROOT_SVC_WAIT", svc::WAIT.into()),
        ("IRONROOT_SVC_GET", svc::GET.into()),
        ("IRONROOT_SVC_SET_RHANDLE", svc::SET_RHANDLE.into()),
        ("IRONROOT_SVC_READ", svc::READ.into()),
        ("IRONROOT_SVC_SKIP", svc::SKIP.into()),
        ("IRONROOT_SVC_WRITE", svc::WRITE.into()),
        ("IRONROOT_SVC_REPLY", svc::REPLY.into()),
        ("IRONROOT_SVC_NOTIFY", svc::NOTIFY.into()),
        ("IRONROOT_SVC_CLEAR", svc::CLEAR.into()),
        ("IRONROOT_SVC_EOI", svc::EOI.into()),
        ("IRONROOT_SVC_PANIC", svc::PANIC.into()),
        ("IRONROOT_SVC_LIFECYCLE", svc::LIFECYCLE.into()),
    ]);
}

#[test]
fn sizes_follow_from_key_and_algorithm() {
    check(&[
        ("PSA_HASH_LENGTH(PSA_ALG_SHA_256)", 32),
        ("PSA_HASH_LENGTH(PSA_ALG_ECDSA(PSA_ALG_SHA_384))", 48),
        ("PSA_HASH_LENGTH(PSA_ALG_ECDSA_ANY)", 0),
        (
            "PSA_MAC_LENGTH(PSA_KEY_TYPE_HMAC, 256, PSA_ALG_HMAC(PSA_ALG_SHA_512))",
            64,
        ),
        ("PSA_MAC_LENGTH(PSA_KEY_TYPE_AES, 128, PSA_ALG_CMAC)", 16),
        (
            "PSA_AEAD_ENCRYPT_OUTPUT_SIZE(PSA_KEY_TYPE_AES, PSA_ALG_GCM, 5)",
            21,
        ),
        (
            "PSA_AEAD_DECRYPT_OUTPUT_SIZE(PSA_KEY_TYPE_AES, PSA_ALG_GCM, 15)",
            0,
        ),
        (
            "PSA_AEAD_NONCE_LENGTH(PSA_KEY_TYPE_AES, PSA_ALG_AEAD_WITH_SHORTENED_TAG(PSA_ALG_GCM, 12))",
            12,
        ),
        (
            "PSA_SIGN_OUTPUT_SIZE(PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1), 256, PSA_ALG_ECDSA_ANY)",
            64,
        ),
        (
            "PSA_EXPORT_PUBLIC_KEY_OUTPUT_SIZE(PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1), 256)",
            65,
        ),
        (
            "PSA_EXPORT_KEY_OUTPUT_SIZE(PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1), 256)",
            32,
        ),
        ("PSA_BITS_TO_BYTES(521)", 66),
    ]);
}
