/* Protected Storage: larger objects, encrypted outside the chip. Secure Storage API 1.0, 5.4.
 * Objects belong to the client that set them. The optional pair psa_ps_create() and
 * psa_ps_set_extended() answers
 * PSA_ERROR_NOT_SUPPORTED, and psa_ps_get_support() says so. */
#ifndef PSA_PROTECTED_STORAGE_H
#define PSA_PROTECTED_STORAGE_H

#include "psa/storage_common.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PSA_PS_API_VERSION_MAJOR 1
#define PSA_PS_API_VERSION_MINOR 0

/* Creates or replaces object uid. */
psa_status_t psa_ps_set(psa_storage_uid_t uid, size_t data_length, const void *p_data,
                        psa_storage_create_flags_t create_flags);

/* Reads up to data_size bytes from data_offset on; *p_data_length is what was read. */
psa_status_t psa_ps_get(psa_storage_uid_t uid, size_t data_offset, size_t data_size, void *p_data,
                        size_t *p_data_length);

/* Tells size and flags. */
psa_status_t psa_ps_get_info(psa_storage_uid_t uid, struct psa_storage_info_t *p_info);

/* Removes object uid. */
psa_status_t psa_ps_remove(psa_storage_uid_t uid);

/* Which optional calls exist: 0. */
uint32_t psa_ps_get_support(void);

/* Optional pair: answers PSA_ERROR_NOT_SUPPORTED. */
psa_status_t psa_ps_create(psa_storage_uid_t uid, size_t capacity,
                           psa_storage_create_flags_t create_flags);
psa_status_t psa_ps_set_extended(psa_storage_uid_t uid, size_t data_offset, size_t data_length,
                                 const void *p_data);

#ifdef __cplusplus
}
#endif

#endif
