/* Names of the keys that every device has, as in TF-M. They are not created, exported or destroyed. */
#ifndef TFM_BUILTIN_KEY_IDS_H
#define TFM_BUILTIN_KEY_IDS_H

#include "psa/crypto_types.h"

/* A secret derived from the device's unique key and the caller's client id: for key derivation. */
#define TFM_BUILTIN_KEY_ID_HUK ((psa_key_id_t)0x7fff815c)
/* The initial attestation key: its public key can be exported. */
#define TFM_BUILTIN_KEY_ID_IAK ((psa_key_id_t)0x7fff815d)

#endif
