/* Sizes of buffers. PSA Certified Crypto API 1.2, chapter 10 ("Support macros" of each section).
 * Included by psa/crypto.h. A macro evaluates to 0 for what it does not know. */
#ifndef PSA_CRYPTO_SIZES_H
#define PSA_CRYPTO_SIZES_H

#include "psa/crypto_types.h"
#include "psa/crypto_values.h"

#define PSA_BITS_TO_BYTES(bits) (((size_t)(bits) + 7u) / 8u)
#define PSA_BYTES_TO_BITS(bytes) ((size_t)(bytes) * 8u)

/* ---- Hashes: 10.2 ---- */

#define PSA_HASH_LENGTH(alg)                                                                       \
    (((alg) & PSA_ALG_HASH_MASK) == (PSA_ALG_MD5 & PSA_ALG_HASH_MASK)           ? (size_t)16       \
     : ((alg) & PSA_ALG_HASH_MASK) == (PSA_ALG_RIPEMD160 & PSA_ALG_HASH_MASK)   ? (size_t)20       \
     : ((alg) & PSA_ALG_HASH_MASK) == (PSA_ALG_SHA_1 & PSA_ALG_HASH_MASK)       ? (size_t)20       \
     : ((alg) & PSA_ALG_HASH_MASK) == (PSA_ALG_SHA_224 & PSA_ALG_HASH_MASK)     ? (size_t)28       \
     : ((alg) & PSA_ALG_HASH_MASK) == (PSA_ALG_SHA_256 & PSA_ALG_HASH_MASK)     ? (size_t)32       \
     : ((alg) & PSA_ALG_HASH_MASK) == (PSA_ALG_SHA_384 & PSA_ALG_HASH_MASK)     ? (size_t)48       \
     : ((alg) & PSA_ALG_HASH_MASK) == (PSA_ALG_SHA_512 & PSA_ALG_HASH_MASK)     ? (size_t)64       \
     : ((alg) & PSA_ALG_HASH_MASK) == (PSA_ALG_SHA_512_224 & PSA_ALG_HASH_MASK) ? (size_t)28       \
     : ((alg) & PSA_ALG_HASH_MASK) == (PSA_ALG_SHA_512_256 & PSA_ALG_HASH_MASK) ? (size_t)32       \
     : ((alg) & PSA_ALG_HASH_MASK) == (PSA_ALG_SHA3_224 & PSA_ALG_HASH_MASK)    ? (size_t)28       \
     : ((alg) & PSA_ALG_HASH_MASK) == (PSA_ALG_SHA3_256 & PSA_ALG_HASH_MASK)    ? (size_t)32       \
     : ((alg) & PSA_ALG_HASH_MASK) == (PSA_ALG_SHA3_384 & PSA_ALG_HASH_MASK)    ? (size_t)48       \
     : ((alg) & PSA_ALG_HASH_MASK) == (PSA_ALG_SHA3_512 & PSA_ALG_HASH_MASK)    ? (size_t)64       \
     : ((alg) & PSA_ALG_HASH_MASK) == (PSA_ALG_SM3 & PSA_ALG_HASH_MASK)         ? (size_t)32       \
                                                                                : (size_t)0)
#define PSA_HASH_MAX_SIZE ((size_t)64)

#define PSA_HASH_BLOCK_LENGTH(alg)                                                                 \
    (PSA_ALG_HMAC_GET_HASH(alg) == PSA_ALG_SHA_384 || PSA_ALG_HMAC_GET_HASH(alg) == PSA_ALG_SHA_512 \
         ? (size_t)128                                                                             \
     : PSA_ALG_HMAC_GET_HASH(alg) == PSA_ALG_SHA_1 ||                                              \
             PSA_ALG_HMAC_GET_HASH(alg) == PSA_ALG_SHA_224 ||                                      \
             PSA_ALG_HMAC_GET_HASH(alg) == PSA_ALG_SHA_256                                         \
         ? (size_t)64                                                                              \
         : (size_t)0)
#define PSA_HMAC_MAX_HASH_BLOCK_SIZE ((size_t)128)

/* ---- Message authentication codes: 10.3 ---- */

#define PSA_MAC_LENGTH(key_type, key_bits, alg)                                                    \
    (PSA_MAC_TRUNCATED_LENGTH(alg) != 0 ? (size_t)PSA_MAC_TRUNCATED_LENGTH(alg)                    \
     : PSA_ALG_IS_HMAC(alg)             ? PSA_HASH_LENGTH(PSA_ALG_HMAC_GET_HASH(alg))              \
     : PSA_ALG_FULL_LENGTH_MAC(alg) == PSA_ALG_CMAC ||                                             \
             PSA_ALG_FULL_LENGTH_MAC(alg) == PSA_ALG_CBC_MAC                                       \
         ? PSA_BLOCK_CIPHER_BLOCK_LENGTH(key_type)                                                 \
         : ((void)(key_bits), (size_t)0))
#define PSA_MAC_MAX_SIZE PSA_HASH_MAX_SIZE

/* ---- Authenticated encryption: 10.5 ---- */

#define PSA_AEAD_TAG_LENGTH(key_type, key_bits, alg)                                               \
    (PSA_ALG_IS_AEAD(alg) && PSA_BLOCK_CIPHER_BLOCK_LENGTH(key_type) != 0                          \
         ? (size_t)PSA_ALG_AEAD_GET_TAG_LENGTH(alg)                                                \
         : ((void)(key_bits), (size_t)0))
#define PSA_AEAD_TAG_MAX_SIZE ((size_t)16)
/* GCM and ChaCha20-Poly1305 take 12 bytes; for CCM 13 leaves two bytes for the length. */
#define PSA_AEAD_NONCE_LENGTH(key_type, alg)                                                       \
    (PSA_ALG_AEAD_WITH_DEFAULT_LENGTH_TAG(alg) == PSA_ALG_CCM                 ? (size_t)13         \
     : PSA_ALG_AEAD_WITH_DEFAULT_LENGTH_TAG(alg) == PSA_ALG_GCM               ? (size_t)12         \
     : PSA_ALG_AEAD_WITH_DEFAULT_LENGTH_TAG(alg) == PSA_ALG_CHACHA20_POLY1305 ? (size_t)12         \
     : PSA_ALG_AEAD_WITH_DEFAULT_LENGTH_TAG(alg) == PSA_ALG_XCHACHA20_POLY1305                     \
         ? (size_t)24                                                                              \
         : ((void)(key_type), (size_t)0))
#define PSA_AEAD_NONCE_MAX_SIZE ((size_t)24)
#define PSA_AEAD_ENCRYPT_OUTPUT_SIZE(key_type, alg, plaintext_length)                              \
    (PSA_ALG_IS_AEAD(alg) ? (size_t)(plaintext_length) + PSA_ALG_AEAD_GET_TAG_LENGTH(alg)          \
                          : ((void)(key_type), (size_t)0))
#define PSA_AEAD_ENCRYPT_OUTPUT_MAX_SIZE(plaintext_length)                                         \
    ((size_t)(plaintext_length) + PSA_AEAD_TAG_MAX_SIZE)
#define PSA_AEAD_DECRYPT_OUTPUT_SIZE(key_type, alg, ciphertext_length)                             \
    (PSA_ALG_IS_AEAD(alg) && (size_t)(ciphertext_length) > PSA_ALG_AEAD_GET_TAG_LENGTH(alg)        \
         ? (size_t)(ciphertext_length) - PSA_ALG_AEAD_GET_TAG_LENGTH(alg)                          \
         : ((void)(key_type), (size_t)0))
#define PSA_AEAD_DECRYPT_OUTPUT_MAX_SIZE(ciphertext_length) ((size_t)(ciphertext_length))

/* ---- Signatures: 10.8 ---- */

#define PSA_VENDOR_ECC_MAX_CURVE_BITS 521u
#define PSA_VENDOR_RSA_MAX_KEY_BITS 4096u
#define PSA_ECDSA_SIGNATURE_SIZE(curve_bits) (PSA_BITS_TO_BYTES(curve_bits) * 2u)
#define PSA_SIGN_OUTPUT_SIZE(key_type, key_bits, alg)                                              \
    (PSA_KEY_TYPE_IS_RSA(key_type) ? ((void)(alg), PSA_BITS_TO_BYTES(key_bits))                    \
     : PSA_KEY_TYPE_IS_ECC(key_type) ? ((void)(alg), PSA_ECDSA_SIGNATURE_SIZE(key_bits))           \
                                     : ((void)(alg), (size_t)0))
#define PSA_SIGNATURE_MAX_SIZE PSA_BITS_TO_BYTES(PSA_VENDOR_RSA_MAX_KEY_BITS)

/* ---- Key export: 9.6 ---- */

/* Key pairs of elliptic curves export the secret number, public keys the point: uncompressed with a
 * leading byte on Weierstrass curves, one coordinate on the others. RSA keys are DER. */
#define PSA_KEY_EXPORT_ECC_PUBLIC_KEY_MAX_SIZE(key_bits) (2u * PSA_BITS_TO_BYTES(key_bits) + 1u)
#define PSA_KEY_EXPORT_ASN1_INTEGER_MAX_SIZE(bits) ((size_t)(bits) / 8u + 5u)
#define PSA_KEY_EXPORT_RSA_PUBLIC_KEY_MAX_SIZE(key_bits)                                           \
    (PSA_KEY_EXPORT_ASN1_INTEGER_MAX_SIZE(key_bits) + 11u)
#define PSA_KEY_EXPORT_RSA_KEY_PAIR_MAX_SIZE(key_bits)                                             \
    (9u * PSA_KEY_EXPORT_ASN1_INTEGER_MAX_SIZE((key_bits) / 2u + 1u) + 14u)
#define PSA_EXPORT_KEY_OUTPUT_SIZE(key_type, key_bits)                                             \
    (PSA_KEY_TYPE_IS_UNSTRUCTURED(key_type)           ? PSA_BITS_TO_BYTES(key_bits)                \
     : PSA_KEY_TYPE_IS_ECC_KEY_PAIR(key_type)         ? PSA_BITS_TO_BYTES(key_bits)                \
     : PSA_KEY_TYPE_IS_ECC_PUBLIC_KEY(key_type)                                                    \
         ? PSA_KEY_EXPORT_ECC_PUBLIC_KEY_MAX_SIZE(key_bits)                                        \
     : (key_type) == PSA_KEY_TYPE_RSA_KEY_PAIR                                                     \
         ? PSA_KEY_EXPORT_RSA_KEY_PAIR_MAX_SIZE(key_bits)                                          \
     : (key_type) == PSA_KEY_TYPE_RSA_PUBLIC_KEY                                                   \
         ? PSA_KEY_EXPORT_RSA_PUBLIC_KEY_MAX_SIZE(key_bits)                                        \
     : PSA_KEY_TYPE_IS_DH(key_type) ? PSA_BITS_TO_BYTES(key_bits)                                  \
                                    : (size_t)0)
#define PSA_EXPORT_PUBLIC_KEY_OUTPUT_SIZE(key_type, key_bits)                                      \
    (PSA_KEY_TYPE_IS_RSA(key_type)   ? PSA_KEY_EXPORT_RSA_PUBLIC_KEY_MAX_SIZE(key_bits)            \
     : PSA_KEY_TYPE_IS_ECC(key_type) ? PSA_KEY_EXPORT_ECC_PUBLIC_KEY_MAX_SIZE(key_bits)            \
     : PSA_KEY_TYPE_IS_DH(key_type)  ? PSA_BITS_TO_BYTES(key_bits)                                 \
                                     : (size_t)0)
#define PSA_EXPORT_PUBLIC_KEY_MAX_SIZE                                                             \
    PSA_KEY_EXPORT_RSA_PUBLIC_KEY_MAX_SIZE(PSA_VENDOR_RSA_MAX_KEY_BITS)
#define PSA_EXPORT_KEY_PAIR_MAX_SIZE                                                               \
    PSA_KEY_EXPORT_RSA_KEY_PAIR_MAX_SIZE(PSA_VENDOR_RSA_MAX_KEY_BITS)

#endif
