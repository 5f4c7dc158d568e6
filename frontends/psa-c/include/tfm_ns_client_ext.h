/* Client identities for the threads of a non-secure kernel: the interface of TF-M's non-secure client
 * extension, as veneers into the secure world. A kernel calls these from its context switch.
 *
 * A context belongs to a group of threads; loading it with a (negative) client id makes the calls that
 * follow that client's. Keys and stored objects belong to the client. */
#ifndef TFM_NS_CLIENT_EXT_H
#define TFM_NS_CLIENT_EXT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TFM_NS_CLIENT_INVALID_TOKEN 0xFFFFFFFFu

#define TFM_NS_CLIENT_ERR_SUCCESS 0x0u
#define TFM_NS_CLIENT_ERR_INVALID_TOKEN 0x1u
#define TFM_NS_CLIENT_ERR_INVALID_NSID 0x2u
#define TFM_NS_CLIENT_ERR_INVALID_ACCESS 0x3u

/* Starts the extension; returns how many contexts there are, at most ctx_requested unless that is 0. */
uint32_t tfm_nsce_init(uint32_t ctx_requested);
/* Takes a context: a token, or TFM_NS_CLIENT_INVALID_TOKEN. */
uint32_t tfm_nsce_acquire_ctx(uint8_t group_id, uint8_t thread_id);
/* Gives it back. */
uint32_t tfm_nsce_release_ctx(uint32_t token);
/* The thread is switched in, as client nsid. */
uint32_t tfm_nsce_load_ctx(uint32_t token, int32_t nsid);
/* The thread is switched out. */
uint32_t tfm_nsce_save_ctx(uint32_t token);

#ifdef __cplusplus
}
#endif

#endif
