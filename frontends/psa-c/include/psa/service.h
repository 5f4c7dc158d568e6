/* Writing a secure partition in C. PSA Firmware Framework for M 1.0, 4.4, with the calls of 1.1 that
 * stateless services need. The calls are supervisor calls: compile partition/psa_partition.c into the
 * partition. A call that breaks the framework's rules does not return; the partition's restart policy
 * decides what follows. */
#ifndef PSA_SERVICE_H
#define PSA_SERVICE_H

#include <stddef.h>
#include <stdint.h>

#include "ironroot_layout.h"
#include "psa/client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Timeouts of psa_wait(). */
#define PSA_POLL (0x00000000u)
#define PSA_BLOCK (0x80000000u)
/* Every signal. */
#define PSA_WAIT_ANY (0xffffffffu)
/* The signal of psa_notify(), which is not offered. */
#define PSA_DOORBELL (0x00000008u)

/* Types of messages that the framework itself sends; a client's request has a type of 0 or more. */
#define PSA_IPC_CONNECT (-1)
#define PSA_IPC_DISCONNECT (-2)

/* A set of signals; a service's own signal is a bit from 4 on, in the manifest's order. */
typedef uint32_t psa_signal_t;

/* A request. */
typedef struct psa_msg_t {
    int32_t type;                  /* the client's, or PSA_IPC_CONNECT, PSA_IPC_DISCONNECT */
    psa_handle_t handle;           /* names the message in the calls below */
    int32_t client_id;             /* negative for the non-secure world */
    void *rhandle;                 /* what psa_set_rhandle() tied to the connection */
    size_t in_size[PSA_MAX_IOVEC]; /* bytes of each input, 0 for an absent one */
    size_t out_size[PSA_MAX_IOVEC];
} psa_msg_t;

IRONROOT_CHECK(PSA_MAX_IOVEC == 4);
IRONROOT_CHECK(sizeof(void *) != 4 || sizeof(psa_msg_t) == 48);
IRONROOT_CHECK_AT(psa_msg_t, handle, 4);
IRONROOT_CHECK_AT(psa_msg_t, client_id, 8);
IRONROOT_CHECK(sizeof(void *) != 4 || offsetof(psa_msg_t, rhandle) == 12);
IRONROOT_CHECK(sizeof(void *) != 4 || offsetof(psa_msg_t, in_size) == 16);
IRONROOT_CHECK(sizeof(void *) != 4 || offsetof(psa_msg_t, out_size) == 32);

/* Waits for one of the signals. */
psa_signal_t psa_wait(psa_signal_t signal_mask, uint32_t timeout);
/* Takes the message behind a signal; PSA_ERROR_DOES_NOT_EXIST when there is none any more. */
psa_status_t psa_get(psa_signal_t signal, psa_msg_t *msg);
/* Ties a value to the connection of a message. */
void psa_set_rhandle(psa_handle_t msg_handle, void *rhandle);
/* Copies the next bytes of an input; returns how many. */
size_t psa_read(psa_handle_t msg_handle, uint32_t invec_idx, void *buffer, size_t num_bytes);
/* Passes over the next bytes of an input; returns how many. */
size_t psa_skip(psa_handle_t msg_handle, uint32_t invec_idx, size_t num_bytes);
/* Appends bytes to an output. */
void psa_write(psa_handle_t msg_handle, uint32_t outvec_idx, const void *buffer, size_t num_bytes);
/* Ends a request with a status for the client. */
void psa_reply(psa_handle_t msg_handle, psa_status_t status);
/* Doorbells and interrupts are not offered: these end the partition. */
void psa_notify(int32_t partition_id);
void psa_clear(void);
void psa_eoi(psa_signal_t irq_signal);
/* Ends the partition by its own wish. */
void psa_panic(void) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif

#endif
