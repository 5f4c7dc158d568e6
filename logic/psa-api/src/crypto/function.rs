//! Function numbers of the Crypto service: group in bits 8 to 15, function in bits 0 to 7
//! (TF-M 2.2, `tfm_crypto_defs.h`).

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// A function of the Crypto service. The discriminant is TF-M's number.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum CryptoFunction {
            $($(#[$doc])* $name = $code,)*
        }

        impl CryptoFunction {
            /// Every function, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// From its number.
            #[must_use]
            pub const fn from_code(code: u16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

functions! {
    /// `psa_generate_random`.
    GenerateRandom = 0x0100,
    /// `psa_get_key_attributes`.
    GetKeyAttributes = 0x0200,
    /// `psa_open_key`, of old clients only.
    OpenKey = 0x0201,
    /// `psa_close_key`, of old clients only.
    CloseKey = 0x0202,
    /// `psa_import_key`.
    ImportKey = 0x0203,
    /// `psa_destroy_key`.
    DestroyKey = 0x0204,
    /// `psa_export_key`.
    ExportKey = 0x0205,
    /// `psa_export_public_key`.
    ExportPublicKey = 0x0206,
    /// `psa_purge_key`.
    PurgeKey = 0x0207,
    /// `psa_copy_key`.
    CopyKey = 0x0208,
    /// `psa_generate_key`.
    GenerateKey = 0x0209,
    /// `psa_hash_compute`.
    HashCompute = 0x0300,
    /// `psa_hash_compare`.
    HashCompare = 0x0301,
    /// `psa_hash_setup`.
    HashSetup = 0x0302,
    /// `psa_hash_update`.
    HashUpdate = 0x0303,
    /// `psa_hash_clone`.
    HashClone = 0x0304,
    /// `psa_hash_finish`.
    HashFinish = 0x0305,
    /// `psa_hash_verify`.
    HashVerify = 0x0306,
    /// `psa_hash_abort`.
    HashAbort = 0x0307,
    /// `psa_can_do_hash`.
    CanDoHash = 0x0308,
    /// `psa_mac_compute`.
    MacCompute = 0x0400,
    /// `psa_mac_verify`.
    MacVerify = 0x0401,
    /// `psa_mac_sign_setup`.
    MacSignSetup = 0x0402,
    /// `psa_mac_verify_setup`.
    MacVerifySetup = 0x0403,
    /// `psa_mac_update`.
    MacUpdate = 0x0404,
    /// `psa_mac_sign_finish`.
    MacSignFinish = 0x0405,
    /// `psa_mac_verify_finish`.
    MacVerifyFinish = 0x0406,
    /// `psa_mac_abort`.
    MacAbort = 0x0407,
    /// `psa_cipher_encrypt`.
    CipherEncrypt = 0x0500,
    /// `psa_cipher_decrypt`.
    CipherDecrypt = 0x0501,
    /// `psa_cipher_encrypt_setup`.
    CipherEncryptSetup = 0x0502,
    /// `psa_cipher_decrypt_setup`.
    CipherDecryptSetup = 0x0503,
    /// `psa_cipher_generate_iv`.
    CipherGenerateIv = 0x0504,
    /// `psa_cipher_set_iv`.
    CipherSetIv = 0x0505,
    /// `psa_cipher_update`.
    CipherUpdate = 0x0506,
    /// `psa_cipher_finish`.
    CipherFinish = 0x0507,
    /// `psa_cipher_abort`.
    CipherAbort = 0x0508,
    /// `psa_can_do_cipher`.
    CanDoCipher = 0x0509,
    /// `psa_aead_encrypt`.
    AeadEncrypt = 0x0600,
    /// `psa_aead_decrypt`.
    AeadDecrypt = 0x0601,
    /// `psa_aead_encrypt_setup`.
    AeadEncryptSetup = 0x0602,
    /// `psa_aead_decrypt_setup`.
    AeadDecryptSetup = 0x0603,
    /// `psa_aead_generate_nonce`.
    AeadGenerateNonce = 0x0604,
    /// `psa_aead_set_nonce`.
    AeadSetNonce = 0x0605,
    /// `psa_aead_set_lengths`.
    AeadSetLengths = 0x0606,
    /// `psa_aead_update_ad`.
    AeadUpdateAd = 0x0607,
    /// `psa_aead_update`.
    AeadUpdate = 0x0608,
    /// `psa_aead_finish`.
    AeadFinish = 0x0609,
    /// `psa_aead_verify`.
    AeadVerify = 0x060a,
    /// `psa_aead_abort`.
    AeadAbort = 0x060b,
    /// `psa_sign_message`.
    SignMessage = 0x0700,
    /// `psa_verify_message`.
    VerifyMessage = 0x0701,
    /// `psa_sign_hash`.
    SignHash = 0x0702,
    /// `psa_verify_hash`.
    VerifyHash = 0x0703,
    /// `psa_asymmetric_encrypt`.
    AsymmetricEncrypt = 0x0800,
    /// `psa_asymmetric_decrypt`.
    AsymmetricDecrypt = 0x0801,
    /// `psa_raw_key_agreement`.
    RawKeyAgreement = 0x0900,
    /// `psa_key_derivation_setup`.
    KeyDerivationSetup = 0x0901,
    /// `psa_key_derivation_get_capacity`.
    KeyDerivationGetCapacity = 0x0902,
    /// `psa_key_derivation_set_capacity`.
    KeyDerivationSetCapacity = 0x0903,
    /// `psa_key_derivation_input_bytes`.
    KeyDerivationInputBytes = 0x0904,
    /// `psa_key_derivation_input_key`.
    KeyDerivationInputKey = 0x0905,
    /// `psa_key_derivation_input_integer`.
    KeyDerivationInputInteger = 0x0906,
    /// `psa_key_derivation_key_agreement`.
    KeyDerivationKeyAgreement = 0x0907,
    /// `psa_key_derivation_output_bytes`.
    KeyDerivationOutputBytes = 0x0908,
    /// `psa_key_derivation_output_key`.
    KeyDerivationOutputKey = 0x0909,
    /// `psa_key_derivation_abort`.
    KeyDerivationAbort = 0x090a,
}

/// What kind of function: the high byte of the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FunctionGroup {
    /// Random numbers.
    Random = 1,
    /// Keys.
    KeyManagement = 2,
    /// Hashes.
    Hash = 3,
    /// Message authentication codes.
    Mac = 4,
    /// Unauthenticated ciphers.
    Cipher = 5,
    /// Authenticated encryption.
    Aead = 6,
    /// Signatures.
    Sign = 7,
    /// Public-key encryption.
    AsymmetricEncrypt = 8,
    /// Key derivation and agreement.
    KeyDerivation = 9,
}

impl CryptoFunction {
    /// TF-M's number.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// What kind of function it is.
    #[must_use]
    pub const fn group(self) -> FunctionGroup {
        match self.code() >> 8 {
            1 => FunctionGroup::Random,
            2 => FunctionGroup::KeyManagement,
            3 => FunctionGroup::Hash,
            4 => FunctionGroup::Mac,
            5 => FunctionGroup::Cipher,
            6 => FunctionGroup::Aead,
            7 => FunctionGroup::Sign,
            8 => FunctionGroup::AsymmetricEncrypt,
            _ => FunctionGroup::KeyDerivation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_survives_the_trip_and_the_others_name_nothing() {
        let known = (0..=u16::MAX)
            .filter_map(CryptoFunction::from_code)
            .inspect(|f| assert_eq!(CryptoFunction::from_code(f.code()), Some(*f)))
            .count();
        assert_eq!(known, CryptoFunction::ALL.len());
    }

    #[test]
    fn numbers_run_without_gaps_inside_each_group() {
        // TF-M numbers by position in its lists, so a gap would be a slip of ours.
        let sizes = [1, 10, 9, 8, 10, 12, 4, 2, 11];
        for (group, size) in (1u16..).zip(sizes) {
            for n in 0..size {
                let function = CryptoFunction::from_code(group << 8 | n).unwrap();
                assert_eq!(function.group() as u16, group);
            }
            assert_eq!(CryptoFunction::from_code(group << 8 | size), None);
        }
    }
}
