/* Types of the cryptography API. PSA Certified Crypto API 1.2. Included by psa/crypto.h. */
#ifndef PSA_CRYPTO_TYPES_H
#define PSA_CRYPTO_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include "psa/error.h"

typedef uint16_t psa_key_type_t;            /* 9.2 what a key is */
typedef uint8_t psa_ecc_family_t;           /* 9.2.5 a family of elliptic curves */
typedef uint8_t psa_dh_family_t;            /* 9.2.6 a family of finite field groups */
typedef uint32_t psa_key_lifetime_t;        /* 9.3 where it lives and how long */
typedef uint8_t psa_key_persistence_t;      /* 9.3 how long alone */
typedef uint32_t psa_key_location_t;        /* 9.3 where alone */
typedef uint32_t psa_key_id_t;              /* 9.4 its name */
typedef uint32_t psa_key_usage_t;           /* 9.5.2 what may be done with it */
typedef uint32_t psa_algorithm_t;           /* 10.1 an algorithm with its parameters */
typedef uint16_t psa_key_derivation_step_t; /* 10.7.3 an input of a key derivation */

/* Names that code written for Mbed TLS or for older versions of the API uses for the same thing. */
typedef psa_key_id_t psa_key_handle_t;
typedef psa_key_id_t mbedtls_svc_key_id_t;
#define MBEDTLS_SVC_KEY_ID_INIT ((psa_key_id_t)0)

#endif
