//! The Crypto service's messages: TF-M 2.2's function numbers, its packed first input, and which
//! vectors each function takes.
//!
//! Every message has type [`CALL_TYPE`]; input 0 is a [`CryptoRequest`] whose `function` says what is
//! wanted. Multipart operations live in the service; the client holds a 32-bit operation handle,
//! zero when none. The vectors after input 0, in the order TF-M's client library passes them:
//!
//! | function | inputs | outputs |
//! |---|---|---|
//! | `GenerateRandom` | | random bytes |
//! | `GetKeyAttributes` | | attributes (24) |
//! | `ImportKey` | attributes (24), material | key id (4) |
//! | `GenerateKey` | attributes (24) | key id (4) |
//! | `CopyKey` | attributes (24) | key id (4) |
//! | `DestroyKey`, `PurgeKey` | | |
//! | `ExportKey`, `ExportPublicKey` | | material |
//! | `HashCompute`, `MacCompute` | input | result |
//! | `HashCompare`, `MacVerify` | input, expected | |
//! | `HashSetup`, `MacSignSetup`, `MacVerifySetup`, `CipherEncryptSetup`, `CipherDecryptSetup`, `AeadEncryptSetup`, `AeadDecryptSetup`, `KeyDerivationSetup` | | operation (4) |
//! | `HashUpdate`, `MacUpdate`, `AeadUpdateAd` | input | |
//! | `HashFinish`, `MacSignFinish` | | operation (4), result |
//! | `HashVerify`, `MacVerifyFinish` | expected | operation (4) |
//! | `HashClone` | target operation (4) | target operation (4) |
//! | `…Abort` | | operation (4) |
//! | `CipherEncrypt`, `CipherDecrypt` | input | output |
//! | `CipherGenerateIv`, `AeadGenerateNonce` | | IV or nonce |
//! | `CipherSetIv`, `AeadSetNonce` | IV or nonce | |
//! | `CipherUpdate`, `AeadUpdate` | input | output |
//! | `CipherFinish` | | operation (4), output |
//! | `AeadEncrypt`, `AeadDecrypt` | input, additional data (absent when null) | output |
//! | `AeadSetLengths` | | |
//! | `AeadFinish` | | operation (4), tag, rest (absent when empty) |
//! | `AeadVerify` | tag | operation (4), rest (absent when empty) |
//! | `SignMessage`, `SignHash` | message or hash | signature |
//! | `VerifyMessage`, `VerifyHash` | message or hash, signature | |
//! | `AsymmetricEncrypt`, `AsymmetricDecrypt` | input, salt (absent when null) | output |
//! | `RawKeyAgreement` | peer key | secret |
//! | `KeyDerivationGetCapacity` | | capacity (4) |
//! | `KeyDerivationSetCapacity`, `KeyDerivationInputKey`, `KeyDerivationInputInteger` | | |
//! | `KeyDerivationInputBytes` | data | |
//! | `KeyDerivationKeyAgreement` | peer key | |
//! | `KeyDerivationOutputBytes` | | bytes |
//! | `KeyDerivationOutputKey` | attributes (24) | key id (4) |
//! | `CanDoHash` | | answer (4) |
//! | `CanDoCipher` | key type (2) | answer (4) |

mod function;
mod request;

pub use function::{CryptoFunction, FunctionGroup};
pub use request::{CryptoRequest, MAX_NONCE_LENGTH};

/// Message type of every Crypto call (`PSA_IPC_CALL`).
pub const CALL_TYPE: i32 = 0;
