/* Calling a secure service. PSA Firmware Framework for M 1.0, 4.3, with the 1.1 extensions. */
#ifndef PSA_CLIENT_H
#define PSA_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "ironroot_layout.h"
#include "psa/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Version of the framework: 1.1. */
#define PSA_FRAMEWORK_VERSION (0x0101u)
/* psa_version() of a service that does not exist or that the caller may not use. */
#define PSA_VERSION_NONE (0u)

/* A connection, or the constant handle of a stateless service. */
typedef int32_t psa_handle_t;

#define PSA_NULL_HANDLE ((psa_handle_t)0)
#define PSA_HANDLE_IS_VALID(handle) ((psa_handle_t)(handle) > 0)
#define PSA_HANDLE_TO_ERROR(handle) ((psa_status_t)(handle))

/* Most vectors in one call, inputs and outputs together. */
#define PSA_MAX_IOVEC (4u)

/* Request types a client may use; negative ones are the framework's. */
#define PSA_CALL_TYPE_MIN (0)
#define PSA_CALL_TYPE_MAX (INT16_MAX)
/* The type of a request to a service that knows only one. */
#define PSA_IPC_CALL (0)

/* Read-only memory lent to a service for the time of a call. */
typedef struct psa_invec {
    const void *base;
    size_t len;
} psa_invec;

/* Writable memory lent to a service; after the call, len is the number of bytes written. */
typedef struct psa_outvec {
    void *base;
    size_t len;
} psa_outvec;

IRONROOT_CHECK(sizeof(psa_invec) == sizeof(void *) + sizeof(size_t));
IRONROOT_CHECK(sizeof(psa_outvec) == sizeof(psa_invec));
IRONROOT_CHECK_AT(psa_invec, len, sizeof(void *));
IRONROOT_CHECK_AT(psa_outvec, len, sizeof(void *));
IRONROOT_CHECK(sizeof(psa_handle_t) == 4);

/* Version of the framework that the secure world implements. */
uint32_t psa_framework_version(void);

/* Version of service sid, or PSA_VERSION_NONE. */
uint32_t psa_version(uint32_t sid);

/* Opens a connection to a connection-based service: a handle, or a negative status. */
psa_handle_t psa_connect(uint32_t sid, uint32_t version);

/* Calls a service over a connection or a stateless handle. */
psa_status_t psa_call(psa_handle_t handle, int32_t type, const psa_invec *in_vec, size_t in_len,
                      psa_outvec *out_vec, size_t out_len);

/* Closes a connection; the null handle is ignored. */
void psa_close(psa_handle_t handle);

#ifdef __cplusplus
}
#endif

#endif
