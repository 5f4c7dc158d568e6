/* What both storage APIs share. PSA Certified Secure Storage API 1.0, 5.2. */
#ifndef PSA_STORAGE_COMMON_H
#define PSA_STORAGE_COMMON_H

#include <stddef.h>
#include <stdint.h>

#include "ironroot_layout.h"
#include "psa/error.h"

/* Names a stored object within its owner's objects; 0 is no name. */
typedef uint64_t psa_storage_uid_t;

/* How an object is stored: an or of the flags below. */
typedef uint32_t psa_storage_create_flags_t;

#define PSA_STORAGE_FLAG_NONE ((psa_storage_create_flags_t)0)
/* The object can be neither changed nor removed. */
#define PSA_STORAGE_FLAG_WRITE_ONCE ((psa_storage_create_flags_t)(1u << 0))
/* The object may be stored unencrypted, or without protection against an older state. */
#define PSA_STORAGE_FLAG_NO_CONFIDENTIALITY ((psa_storage_create_flags_t)(1u << 1))
#define PSA_STORAGE_FLAG_NO_REPLAY_PROTECTION ((psa_storage_create_flags_t)(1u << 2))

/* What is known about an object. Sizes are in bytes. */
struct psa_storage_info_t {
    size_t capacity;                  /* what it could hold */
    size_t size;                      /* what it holds */
    psa_storage_create_flags_t flags; /* as it was created */
};

IRONROOT_CHECK_AT(struct psa_storage_info_t, size, sizeof(size_t));
IRONROOT_CHECK_AT(struct psa_storage_info_t, flags, 2 * sizeof(size_t));
IRONROOT_CHECK(sizeof(struct psa_storage_info_t) == 3 * sizeof(size_t));
IRONROOT_CHECK(sizeof(psa_storage_create_flags_t) == 4);

/* psa_ps_get_support(): the optional pair psa_ps_create(), psa_ps_set_extended() exists. */
#define PSA_STORAGE_SUPPORT_SET_EXTENDED (1u << 0)

#endif
