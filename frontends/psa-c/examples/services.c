/* One honest use of every service, on any device: no libc, no heap, under 2 KiB of stack.
 *
 * Each step is a function that returns 0, or the first status that was not as it should be. */
#include "services.h"

#include "psa/client.h"
#include "psa/crypto.h"
#include "psa/initial_attestation.h"
#include "psa/internal_trusted_storage.h"
#include "psa/protected_storage.h"
#include "psa/update.h"
#include "tfm_builtin_key_ids.h"

/* A result that came without an error and is wrong all the same. */
#define WRONG_RESULT ((psa_status_t)1)

#define EXPECT(expected, call)                                                                     \
    do {                                                                                           \
        const psa_status_t status_ = (call);                                                       \
        if (status_ != (expected)) {                                                               \
            return status_ == PSA_SUCCESS ? WRONG_RESULT : status_;                                \
        }                                                                                          \
    } while (0)
#define OK(call) EXPECT(PSA_SUCCESS, call)
#define SAME(a, b, wanted, length)                                                                 \
    do {                                                                                           \
        if ((length) != (wanted) || !same((a), (b), (wanted))) {                                    \
            return WRONG_RESULT;                                                                   \
        }                                                                                          \
    } while (0)

static int same(const uint8_t *a, const uint8_t *b, size_t length)
{
    uint8_t difference = 0;
    for (size_t i = 0; i < length; i++) {
        difference |= (uint8_t)(a[i] ^ b[i]);
    }
    return difference == 0;
}

static psa_key_attributes_t attributes(psa_key_type_t type, size_t bits, psa_key_usage_t usage,
                                       psa_algorithm_t alg)
{
    psa_key_attributes_t made = psa_key_attributes_init();
    psa_set_key_type(&made, type);
    psa_set_key_bits(&made, bits);
    psa_set_key_usage_flags(&made, usage);
    psa_set_key_algorithm(&made, alg);
    return made;
}

static psa_status_t framework(void)
{
    return psa_framework_version() == PSA_FRAMEWORK_VERSION ? PSA_SUCCESS : WRONG_RESULT;
}

static psa_status_t random_bytes(void)
{
    uint8_t first[32] = {0}, second[32] = {0};
    OK(psa_crypto_init());
    OK(psa_generate_random(first, sizeof first));
    OK(psa_generate_random(second, sizeof second));
    return same(first, second, sizeof first) ? WRONG_RESULT : PSA_SUCCESS;
}

/* FIPS 180-4, the example "abc". */
static psa_status_t hash(void)
{
    static const uint8_t expected[32] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22,
        0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00,
        0x15, 0xad};
    static const uint8_t abc[] = {'a', 'b', 'c'};
    psa_hash_operation_t parts = PSA_HASH_OPERATION_INIT;
    uint8_t out[PSA_HASH_LENGTH(PSA_ALG_SHA_256)];
    size_t length = 0;

    OK(psa_hash_compute(PSA_ALG_SHA_256, abc, sizeof abc, out, sizeof out, &length));
    SAME(out, expected, sizeof out, length);
    OK(psa_hash_compare(PSA_ALG_SHA_256, abc, sizeof abc, expected, sizeof expected));
    EXPECT(PSA_ERROR_INVALID_SIGNATURE,
           psa_hash_compare(PSA_ALG_SHA_256, abc, 2, expected, sizeof expected));

    OK(psa_hash_setup(&parts, PSA_ALG_SHA_256));
    OK(psa_hash_update(&parts, abc, 1));
    OK(psa_hash_update(&parts, abc + 1, 2));
    out[0] = 0;
    OK(psa_hash_finish(&parts, out, sizeof out, &length));
    SAME(out, expected, sizeof out, length);
    return PSA_SUCCESS;
}

/* RFC 4231, test case 2. */
static psa_status_t mac(void)
{
    static const uint8_t expected[32] = {
        0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75,
        0xc7, 0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec,
        0x38, 0x43};
    static const uint8_t secret[] = {'J', 'e', 'f', 'e'};
    static const char message[] = "what do ya want for nothing?";
    const size_t message_length = sizeof message - 1;
    const uint8_t *const text = (const uint8_t *)message;
    const psa_algorithm_t alg = PSA_ALG_HMAC(PSA_ALG_SHA_256);
    const psa_key_attributes_t key_attributes = attributes(
        PSA_KEY_TYPE_HMAC, 0, PSA_KEY_USAGE_SIGN_MESSAGE | PSA_KEY_USAGE_VERIFY_MESSAGE, alg);
    psa_key_id_t key = PSA_KEY_ID_NULL;
    uint8_t out[32];
    size_t length = 0;

    OK(psa_import_key(&key_attributes, secret, sizeof secret, &key));
    OK(psa_mac_compute(key, alg, text, message_length, out, sizeof out, &length));
    SAME(out, expected, sizeof out, length);
    out[31] ^= 1;
    EXPECT(PSA_ERROR_INVALID_SIGNATURE,
           psa_mac_verify(key, alg, text, message_length, out, sizeof out));
    return psa_destroy_key(key);
}

/* The key never leaves the secure world: it was made there and may not be exported. */
static psa_status_t encryption(void)
{
    static const uint8_t nonce[12] = {1, 2, 3};
    static const uint8_t header[5] = {'h', 'e', 'a', 'd', 's'};
    const psa_key_attributes_t key_attributes =
        attributes(PSA_KEY_TYPE_AES, 128, PSA_KEY_USAGE_ENCRYPT | PSA_KEY_USAGE_DECRYPT,
                   PSA_ALG_GCM);
    psa_key_id_t key = PSA_KEY_ID_NULL;
    uint8_t text[16] = "sixteen bytes ok", sealed[32], opened[16];
    size_t length = 0;

    OK(psa_generate_key(&key_attributes, &key));
    EXPECT(PSA_ERROR_NOT_PERMITTED, psa_export_key(key, sealed, sizeof sealed, &length));
    OK(psa_aead_encrypt(key, PSA_ALG_GCM, nonce, sizeof nonce, header, sizeof header, text,
                        sizeof text, sealed, sizeof sealed, &length));
    OK(psa_aead_decrypt(key, PSA_ALG_GCM, nonce, sizeof nonce, header, sizeof header, sealed,
                        length, opened, sizeof opened, &length));
    SAME(opened, text, sizeof text, length);
    sealed[3] ^= 1;
    EXPECT(PSA_ERROR_INVALID_SIGNATURE,
           psa_aead_decrypt(key, PSA_ALG_GCM, nonce, sizeof nonce, header, sizeof header, sealed,
                            sizeof sealed, opened, sizeof opened, &length));
    return psa_destroy_key(key);
}

static psa_status_t sign_and_verify(void)
{
    const psa_algorithm_t alg = PSA_ALG_ECDSA(PSA_ALG_SHA_256);
    const psa_key_attributes_t key_attributes =
        attributes(PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1), 256,
                   PSA_KEY_USAGE_SIGN_HASH | PSA_KEY_USAGE_VERIFY_HASH, alg);
    uint8_t digest[32] = {7}, signature[PSA_ECDSA_SIGNATURE_SIZE(256)];
    uint8_t public_key[PSA_KEY_EXPORT_ECC_PUBLIC_KEY_MAX_SIZE(256)];
    psa_key_attributes_t public_attributes;
    psa_key_id_t key = PSA_KEY_ID_NULL, public_half = PSA_KEY_ID_NULL;
    size_t length = 0, signature_length = 0;

    OK(psa_generate_key(&key_attributes, &key));
    OK(psa_sign_hash(key, alg, digest, sizeof digest, signature, sizeof signature,
                     &signature_length));
    OK(psa_export_public_key(key, public_key, sizeof public_key, &length));
    /* Somebody else, with the public key alone. */
    public_attributes = attributes(PSA_KEY_TYPE_ECC_PUBLIC_KEY(PSA_ECC_FAMILY_SECP_R1), 256,
                                   PSA_KEY_USAGE_VERIFY_HASH, alg);
    OK(psa_import_key(&public_attributes, public_key, length, &public_half));
    OK(psa_verify_hash(public_half, alg, digest, sizeof digest, signature, signature_length));
    digest[0] ^= 1;
    EXPECT(PSA_ERROR_INVALID_SIGNATURE,
           psa_verify_hash(public_half, alg, digest, sizeof digest, signature, signature_length));
    OK(psa_destroy_key(public_half));
    OK(psa_destroy_key(key));
    EXPECT(PSA_ERROR_INVALID_HANDLE, psa_sign_hash(key, alg, digest, sizeof digest, signature,
                                                   sizeof signature, &signature_length));
    return PSA_SUCCESS;
}

static psa_status_t sign_with_ed25519(void)
{
    static const uint8_t message[] = {'h', 'i'};
    const psa_key_attributes_t key_attributes =
        attributes(PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_TWISTED_EDWARDS), 255,
                   PSA_KEY_USAGE_SIGN_MESSAGE | PSA_KEY_USAGE_VERIFY_MESSAGE, PSA_ALG_PURE_EDDSA);
    psa_key_id_t key = PSA_KEY_ID_NULL;
    uint8_t signature[64];
    size_t length = 0;

    OK(psa_generate_key(&key_attributes, &key));
    OK(psa_sign_message(key, PSA_ALG_PURE_EDDSA, message, sizeof message, signature,
                        sizeof signature, &length));
    OK(psa_verify_message(key, PSA_ALG_PURE_EDDSA, message, sizeof message, signature, length));
    EXPECT(PSA_ERROR_INVALID_SIGNATURE,
           psa_verify_message(key, PSA_ALG_PURE_EDDSA, message, 1, signature, length));
    return psa_destroy_key(key);
}

/* Bytes that only this device, and on it only this client, can make again. */
static psa_status_t derive(const char *purpose, size_t purpose_length, uint8_t out[32])
{
    psa_key_derivation_operation_t derivation = PSA_KEY_DERIVATION_OPERATION_INIT;

    OK(psa_key_derivation_setup(&derivation, PSA_ALG_HKDF(PSA_ALG_SHA_256)));
    OK(psa_key_derivation_input_key(&derivation, PSA_KEY_DERIVATION_INPUT_SECRET,
                                    TFM_BUILTIN_KEY_ID_HUK));
    OK(psa_key_derivation_input_bytes(&derivation, PSA_KEY_DERIVATION_INPUT_INFO,
                                      (const uint8_t *)purpose, purpose_length));
    OK(psa_key_derivation_output_bytes(&derivation, out, 32));
    return psa_key_derivation_abort(&derivation);
}

static psa_status_t device_secret(void)
{
    uint8_t first[32] = {0}, again[32] = {0}, other[32] = {0};

    OK(derive("disk", 4, first));
    OK(derive("disk", 4, again));
    OK(derive("radio", 5, other));
    SAME(first, again, sizeof first, sizeof again);
    return same(first, other, sizeof first) ? WRONG_RESULT : PSA_SUCCESS;
}

static psa_status_t trusted_storage(void)
{
    static const uint8_t value[] = {'c', 'o', 'u', 'n', 't', 'e', 'r'};
    struct psa_storage_info_t info = {0, 0, 0};
    uint8_t back[16];
    size_t length = 0;

    OK(psa_its_set(0x1001, sizeof value, value, PSA_STORAGE_FLAG_NONE));
    OK(psa_its_get_info(0x1001, &info));
    if (info.size != sizeof value) {
        return WRONG_RESULT;
    }
    OK(psa_its_get(0x1001, 3, sizeof back, back, &length));
    SAME(back, value + 3, sizeof value - 3, length);
    OK(psa_its_remove(0x1001));
    EXPECT(PSA_ERROR_DOES_NOT_EXIST, psa_its_get(0x1001, 0, sizeof back, back, &length));
    return length == 0 ? PSA_SUCCESS : WRONG_RESULT;
}

static psa_status_t protected_storage(void)
{
    uint8_t value[200], back[200];
    size_t length = 0;

    for (size_t i = 0; i < sizeof value; i++) {
        value[i] = (uint8_t)(i * 7u);
    }
    OK(psa_ps_set(0x2001, sizeof value, value, PSA_STORAGE_FLAG_NONE));
    OK(psa_ps_get(0x2001, 0, sizeof back, back, &length));
    SAME(back, value, sizeof value, length);
    OK(psa_ps_remove(0x2001));
    EXPECT(PSA_ERROR_DOES_NOT_EXIST, psa_ps_get(0x2001, 0, sizeof back, back, &length));
    return PSA_SUCCESS;
}

/* A COSE_Sign1 structure: CBOR tag 18. */
static psa_status_t attestation(void)
{
    static const uint8_t challenge[32] = {0xc4};
    static uint8_t token[PSA_INITIAL_ATTEST_MAX_TOKEN_SIZE];
    size_t announced = 0, length = 0;

    OK(psa_initial_attest_get_token_size(sizeof challenge, &announced));
    OK(psa_initial_attest_get_token(challenge, sizeof challenge, token, sizeof token, &length));
    EXPECT(PSA_ERROR_INVALID_ARGUMENT,
           psa_initial_attest_get_token(challenge, 31, token, sizeof token, &length));
    return announced > 64 && token[0] == 0xd2 ? PSA_SUCCESS : WRONG_RESULT;
}

static psa_status_t is_in(uint8_t state, psa_status_t error)
{
    psa_fwu_component_info_t info;

    OK(psa_fwu_query(1, &info));
    return info.state == state && info.error == error ? PSA_SUCCESS : WRONG_RESULT;
}

/* An update that comes to nothing: blocks outside the component are refused, and so is what is no image. */
static psa_status_t firmware_update(void)
{
    psa_fwu_component_info_t info;
    uint8_t block[64];
    const psa_status_t first = psa_fwu_query(1, &info);

    if (first == PSA_ERROR_NOT_SUPPORTED) {
        return PSA_SUCCESS; /* a secure image built without it */
    }
    OK(first);
    EXPECT(PSA_ERROR_DOES_NOT_EXIST, psa_fwu_query(2, &info));
    for (size_t i = 0; i < sizeof block; i++) {
        block[i] = (uint8_t)i;
    }
    EXPECT(PSA_ERROR_BAD_STATE, psa_fwu_write(1, 0, block, sizeof block));
    OK(psa_fwu_start(1, NULL, 0));
    EXPECT(PSA_ERROR_INVALID_ARGUMENT, psa_fwu_write(1, 2, block, sizeof block));
    EXPECT(PSA_ERROR_INVALID_ARGUMENT, psa_fwu_write(1, info.max_size - 32, block, sizeof block));
    EXPECT(PSA_ERROR_INVALID_ARGUMENT, psa_fwu_write(1, 0xfffffffcu, block, sizeof block));
    OK(psa_fwu_write(1, 0, block, sizeof block));
    OK(is_in(PSA_FWU_WRITING, PSA_SUCCESS));
    EXPECT(PSA_ERROR_INVALID_ARGUMENT, psa_fwu_finish(1));
    OK(is_in(PSA_FWU_FAILED, PSA_ERROR_INVALID_ARGUMENT));
    EXPECT(PSA_ERROR_BAD_STATE, psa_fwu_install());
    EXPECT(PSA_ERROR_BAD_STATE, psa_fwu_accept());
    EXPECT(PSA_ERROR_BAD_STATE, psa_fwu_reject(PSA_SUCCESS));
    OK(psa_fwu_clean(1));
    return is_in(PSA_FWU_READY, PSA_SUCCESS);
}

/* "name: ok", or "name: FAILED, status -135". */
static void report(say_line say, const char *name, psa_status_t status)
{
    static const char good[] = ": ok", bad[] = ": FAILED, status ";
    const char *rest = status == PSA_SUCCESS ? good : bad;
    uint32_t number = status < 0 ? (uint32_t)-status : (uint32_t)status, unit = 1;
    char line[64];
    size_t at = 0;

    while (*name != 0 && at < 36) {
        line[at++] = *name++;
    }
    while (*rest != 0) {
        line[at++] = *rest++;
    }
    if (status != PSA_SUCCESS) {
        if (status < 0) {
            line[at++] = '-';
        }
        while (unit <= number / 10) {
            unit *= 10;
        }
        for (; unit != 0; unit /= 10) {
            line[at++] = (char)('0' + number / unit % 10);
        }
    }
    line[at] = 0;
    say(line);
}

int use_every_service(say_line say)
{
    static const struct {
        const char *name;
        psa_status_t (*use)(void);
    } steps[] = {
        {"framework", framework},
        {"random", random_bytes},
        {"hash", hash},
        {"mac", mac},
        {"encryption", encryption},
        {"sign and verify, P-256", sign_and_verify},
        {"sign and verify, Ed25519", sign_with_ed25519},
        {"secret of the device", device_secret},
        {"internal trusted storage", trusted_storage},
        {"protected storage", protected_storage},
        {"attestation", attestation},
        {"firmware update", firmware_update},
    };
    int failed = 0;

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const psa_status_t status = steps[i].use();
        report(say, steps[i].name, status);
        failed += status != PSA_SUCCESS;
    }
    return failed;
}
