/* Ironroot's own additions to the PSA headers: what a program on a host needs to reach its device. */
#ifndef IRONROOT_H
#define IRONROOT_H

#include "psa/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Host only. Connects this process to the secure world behind the Unix socket at path; NULL takes the
 * path from the environment variable IRONROOT_DEVICE. Without this call the first PSA call connects
 * in the second way. Connecting again replaces the connection.
 *
 * PSA_ERROR_INVALID_ARGUMENT: no path. PSA_ERROR_COMMUNICATION_FAILURE: nobody listens there. */
psa_status_t psa_ironroot_connect(const char *path);

#ifdef __cplusplus
}
#endif

#endif
