/* Firmware update from the application's side. PSA Certified Firmware Update API 1.0.1, chapter 5.
 * Components of AN521 and of the host device: 0 is the secure image, 1 the non-secure image. */
#ifndef PSA_UPDATE_H
#define PSA_UPDATE_H

#include <stddef.h>
#include <stdint.h>

#include "ironroot_layout.h"
#include "psa/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSA_FWU_API_VERSION_MAJOR 1
#define PSA_FWU_API_VERSION_MINOR 0

#define PSA_ERROR_DEPENDENCY_NEEDED ((psa_status_t)-156)
#define PSA_ERROR_FLASH_ABUSE ((psa_status_t)-160)
#define PSA_ERROR_INSUFFICIENT_POWER ((psa_status_t)-161)
#define PSA_SUCCESS_REBOOT ((psa_status_t)1)
#define PSA_SUCCESS_RESTART ((psa_status_t)2)

/* Names a component of the firmware. */
typedef uint8_t psa_fwu_component_t;

/* Version of an image, in MCUboot's four fields. */
typedef struct psa_fwu_image_version_t {
    uint8_t major;
    uint8_t minor;
    uint16_t patch;
    uint32_t build;
} psa_fwu_image_version_t;

/* States of a component. */
#define PSA_FWU_READY 0u
#define PSA_FWU_WRITING 1u
#define PSA_FWU_CANDIDATE 2u
#define PSA_FWU_STAGED 3u
#define PSA_FWU_FAILED 4u
#define PSA_FWU_TRIAL 5u
#define PSA_FWU_REJECTED 6u
#define PSA_FWU_UPDATED 7u

#define PSA_FWU_FLAG_VOLATILE_STAGING 0x00000001u
#define PSA_FWU_FLAG_ENCRYPTION 0x00000002u

/* What this implementation adds about a component: the first member as TF-M does. */
typedef struct psa_fwu_impl_info_t {
    uint8_t candidate_digest[32]; /* SHA-256 of the candidate, zero without one */
    uint32_t written;             /* while WRITING: bytes stored for good, go on from here after a reset */
    uint32_t reason;              /* why FAILED or REJECTED: IRONROOT_FWU_REASON_..., or the bootloader's number */
} psa_fwu_impl_info_t;

/* Reasons of the service itself; below 0xc0 are the bootloader's, see the user guide. */
#define IRONROOT_FWU_REASON_NOT_NEWER 0xc0u
#define IRONROOT_FWU_REASON_CANCELLED 0xc1u
#define IRONROOT_FWU_REASON_REJECTED 0xc2u
#define IRONROOT_FWU_REASON_SET_BROKEN 0xc3u
#define IRONROOT_FWU_REASON_NOT_STARTED 0xc4u

/* What is known about a component. */
typedef struct psa_fwu_component_info_t {
    uint8_t state;
    psa_status_t error; /* why it FAILED or was REJECTED */
    psa_fwu_image_version_t version;
    uint32_t max_size;
    uint32_t flags;
    uint32_t location;
    psa_fwu_impl_info_t impl;
} psa_fwu_component_info_t;

IRONROOT_CHECK(sizeof(psa_fwu_component_t) == 1);
IRONROOT_CHECK(sizeof(psa_fwu_image_version_t) == 8);
IRONROOT_CHECK_AT(psa_fwu_image_version_t, minor, 1);
IRONROOT_CHECK_AT(psa_fwu_image_version_t, patch, 2);
IRONROOT_CHECK_AT(psa_fwu_image_version_t, build, 4);
IRONROOT_CHECK(sizeof(psa_fwu_impl_info_t) == 40);
IRONROOT_CHECK_AT(psa_fwu_impl_info_t, written, 32);
IRONROOT_CHECK_AT(psa_fwu_impl_info_t, reason, 36);
IRONROOT_CHECK(sizeof(psa_fwu_component_info_t) == 68);
IRONROOT_CHECK_AT(psa_fwu_component_info_t, error, 4);
IRONROOT_CHECK_AT(psa_fwu_component_info_t, version, 8);
IRONROOT_CHECK_AT(psa_fwu_component_info_t, max_size, 16);
IRONROOT_CHECK_AT(psa_fwu_component_info_t, flags, 20);
IRONROOT_CHECK_AT(psa_fwu_component_info_t, location, 24);
IRONROOT_CHECK_AT(psa_fwu_component_info_t, impl, 28);

#define PSA_FWU_LOG2_WRITE_ALIGN 2u
#define PSA_FWU_MAX_WRITE_SIZE 1024u

IRONROOT_CHECK((PSA_FWU_MAX_WRITE_SIZE & ((1u << PSA_FWU_LOG2_WRITE_ALIGN) - 1u)) == 0);

psa_status_t psa_fwu_query(psa_fwu_component_t component, psa_fwu_component_info_t *info);
psa_status_t psa_fwu_start(psa_fwu_component_t component, const void *manifest,
                           size_t manifest_size);
psa_status_t psa_fwu_write(psa_fwu_component_t component, size_t image_offset, const void *block,
                           size_t block_size);
psa_status_t psa_fwu_finish(psa_fwu_component_t component);
psa_status_t psa_fwu_cancel(psa_fwu_component_t component);
psa_status_t psa_fwu_clean(psa_fwu_component_t component);
psa_status_t psa_fwu_install(void);
psa_status_t psa_fwu_request_reboot(void);
psa_status_t psa_fwu_reject(psa_status_t error);
psa_status_t psa_fwu_accept(void);

#ifdef __cplusplus
}
#endif

#endif
