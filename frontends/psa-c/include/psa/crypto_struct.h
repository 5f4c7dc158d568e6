/* Structures behind the opaque types of psa/crypto.h. Only the API's macros and functions touch
 * their members; names and layout are this implementation's and may change. */
#ifndef PSA_CRYPTO_STRUCT_H
#define PSA_CRYPTO_STRUCT_H

#include "ironroot_layout.h"
#include "psa/crypto_types.h"
#include "psa/crypto_values.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a key is and what it may be used for: 9.1 */
typedef struct psa_key_attributes_s {
    psa_key_type_t private_type;
    uint16_t private_bits;
    psa_key_lifetime_t private_lifetime;
    psa_key_usage_t private_usage;
    psa_algorithm_t private_alg;
    psa_algorithm_t private_alg2; /* always 0: a second permitted algorithm is not offered */
    psa_key_id_t private_id;
} psa_key_attributes_t;

IRONROOT_CHECK(sizeof(psa_key_attributes_t) == 24);
IRONROOT_CHECK_AT(psa_key_attributes_t, private_bits, 2);
IRONROOT_CHECK_AT(psa_key_attributes_t, private_lifetime, 4);
IRONROOT_CHECK_AT(psa_key_attributes_t, private_usage, 8);
IRONROOT_CHECK_AT(psa_key_attributes_t, private_alg, 12);
IRONROOT_CHECK_AT(psa_key_attributes_t, private_alg2, 16);
IRONROOT_CHECK_AT(psa_key_attributes_t, private_id, 20);

#define PSA_KEY_ATTRIBUTES_INIT {0, 0, 0, 0, 0, 0, 0}

static inline psa_key_attributes_t psa_key_attributes_init(void)
{
    const psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    return attributes;
}

/* Naming a key makes it persistent, unless it is already. */
static inline void psa_set_key_id(psa_key_attributes_t *attributes, psa_key_id_t id)
{
    attributes->private_id = id;
    if (PSA_KEY_LIFETIME_IS_VOLATILE(attributes->private_lifetime)) {
        attributes->private_lifetime = PSA_KEY_LIFETIME_FROM_PERSISTENCE_AND_LOCATION(
            PSA_KEY_PERSISTENCE_DEFAULT,
            PSA_KEY_LIFETIME_GET_LOCATION(attributes->private_lifetime));
    }
}

static inline psa_key_id_t psa_get_key_id(const psa_key_attributes_t *attributes)
{
    return attributes->private_id;
}

/* A volatile key has no name of its own. */
static inline void psa_set_key_lifetime(psa_key_attributes_t *attributes,
                                        psa_key_lifetime_t lifetime)
{
    attributes->private_lifetime = lifetime;
    if (PSA_KEY_LIFETIME_IS_VOLATILE(lifetime)) {
        attributes->private_id = PSA_KEY_ID_NULL;
    }
}

static inline psa_key_lifetime_t psa_get_key_lifetime(const psa_key_attributes_t *attributes)
{
    return attributes->private_lifetime;
}

/* Who may sign or verify hashes may sign or verify messages too: 9.5.2 */
static inline void psa_set_key_usage_flags(psa_key_attributes_t *attributes,
                                           psa_key_usage_t usage_flags)
{
    if ((usage_flags & PSA_KEY_USAGE_SIGN_HASH) != 0) {
        usage_flags |= PSA_KEY_USAGE_SIGN_MESSAGE;
    }
    if ((usage_flags & PSA_KEY_USAGE_VERIFY_HASH) != 0) {
        usage_flags |= PSA_KEY_USAGE_VERIFY_MESSAGE;
    }
    attributes->private_usage = usage_flags;
}

static inline psa_key_usage_t psa_get_key_usage_flags(const psa_key_attributes_t *attributes)
{
    return attributes->private_usage;
}

static inline void psa_set_key_algorithm(psa_key_attributes_t *attributes, psa_algorithm_t alg)
{
    attributes->private_alg = alg;
}

static inline psa_algorithm_t psa_get_key_algorithm(const psa_key_attributes_t *attributes)
{
    return attributes->private_alg;
}

static inline void psa_set_key_type(psa_key_attributes_t *attributes, psa_key_type_t type)
{
    attributes->private_type = type;
}

static inline psa_key_type_t psa_get_key_type(const psa_key_attributes_t *attributes)
{
    return attributes->private_type;
}

/* More bits than the field holds is a size that no key has. */
static inline void psa_set_key_bits(psa_key_attributes_t *attributes, size_t bits)
{
    attributes->private_bits = bits > 0xfff8u ? (uint16_t)0xffffu : (uint16_t)bits;
}

static inline size_t psa_get_key_bits(const psa_key_attributes_t *attributes)
{
    return attributes->private_bits;
}

static inline void psa_reset_key_attributes(psa_key_attributes_t *attributes)
{
    *attributes = psa_key_attributes_init();
}

/* Operations in several steps: the state is the secure world's, this is its name there. */
typedef struct psa_hash_operation_s {
    uint32_t private_handle;
} psa_hash_operation_t;
typedef struct psa_mac_operation_s {
    uint32_t private_handle;
} psa_mac_operation_t;
typedef struct psa_key_derivation_operation_s {
    uint32_t private_handle;
} psa_key_derivation_operation_t;

IRONROOT_CHECK(sizeof(psa_hash_operation_t) == 4);
IRONROOT_CHECK(sizeof(psa_mac_operation_t) == 4);
IRONROOT_CHECK(sizeof(psa_key_derivation_operation_t) == 4);

#define PSA_HASH_OPERATION_INIT {0}
#define PSA_MAC_OPERATION_INIT {0}
#define PSA_KEY_DERIVATION_OPERATION_INIT {0}

static inline psa_hash_operation_t psa_hash_operation_init(void)
{
    const psa_hash_operation_t operation = PSA_HASH_OPERATION_INIT;
    return operation;
}

static inline psa_mac_operation_t psa_mac_operation_init(void)
{
    const psa_mac_operation_t operation = PSA_MAC_OPERATION_INIT;
    return operation;
}

static inline psa_key_derivation_operation_t psa_key_derivation_operation_init(void)
{
    const psa_key_derivation_operation_t operation = PSA_KEY_DERIVATION_OPERATION_INIT;
    return operation;
}

#ifdef __cplusplus
}
#endif

#endif
