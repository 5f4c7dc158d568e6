/* The PSA calls of a secure partition in C: each is one supervisor call.
 *
 * Arguments go in r0 to r3 and the result comes in r0, as in an ordinary call, so most functions are the
 * bare instruction. The secure world checks everything it is given; there is nothing to check here but
 * what the packed control word of psa_call() cannot hold. */
#include "psa/lifecycle.h"
#include "psa/service.h"
#include "supervisor_calls.h"

/* Two steps, so that the number's name becomes its digits before it becomes text. */
#define TEXT_OF(value) #value
#define INSTRUCTION(number) "svc #" TEXT_OF(number)
#define SUPERVISOR_CALL(number) __asm__ volatile(INSTRUCTION(number) "\n\tbx lr")

/* A function that is nothing but its supervisor call; unused parameters are in their registers. */
#define BARE __attribute__((naked, noinline, used))
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wreturn-type"

BARE uint32_t psa_framework_version(void)
{
    SUPERVISOR_CALL(IRONROOT_SVC_FRAMEWORK_VERSION);
}

BARE uint32_t psa_version(uint32_t sid)
{
    SUPERVISOR_CALL(IRONROOT_SVC_VERSION);
}

BARE psa_handle_t psa_connect(uint32_t sid, uint32_t version)
{
    SUPERVISOR_CALL(IRONROOT_SVC_CONNECT);
}

static BARE psa_status_t call(psa_handle_t handle, uint32_t control, const psa_invec *in_vec,
                              psa_outvec *out_vec)
{
    SUPERVISOR_CALL(IRONROOT_SVC_CALL);
}

/* Control word: type in bits 0 to 15, outputs in 16 to 18, inputs in 24 to 26. */
psa_status_t psa_call(psa_handle_t handle, int32_t type, const psa_invec *in_vec, size_t in_len,
                      psa_outvec *out_vec, size_t out_len)
{
    uint32_t control;

    if (type < PSA_CALL_TYPE_MIN || type > PSA_CALL_TYPE_MAX || in_len > PSA_MAX_IOVEC ||
        out_len > PSA_MAX_IOVEC || in_len + out_len > PSA_MAX_IOVEC) {
        return PSA_ERROR_PROGRAMMER_ERROR;
    }
    control = (uint32_t)type | (uint32_t)out_len << 16 | (uint32_t)in_len << 24;
    return call(handle, control, in_vec, out_vec);
}

BARE void psa_close(psa_handle_t handle)
{
    SUPERVISOR_CALL(IRONROOT_SVC_CLOSE);
}

BARE psa_signal_t psa_wait(psa_signal_t signal_mask, uint32_t timeout)
{
    SUPERVISOR_CALL(IRONROOT_SVC_WAIT);
}

BARE psa_status_t psa_get(psa_signal_t signal, psa_msg_t *msg)
{
    SUPERVISOR_CALL(IRONROOT_SVC_GET);
}

BARE void psa_set_rhandle(psa_handle_t msg_handle, void *rhandle)
{
    SUPERVISOR_CALL(IRONROOT_SVC_SET_RHANDLE);
}

BARE size_t psa_read(psa_handle_t msg_handle, uint32_t invec_idx, void *buffer, size_t num_bytes)
{
    SUPERVISOR_CALL(IRONROOT_SVC_READ);
}

BARE size_t psa_skip(psa_handle_t msg_handle, uint32_t invec_idx, size_t num_bytes)
{
    SUPERVISOR_CALL(IRONROOT_SVC_SKIP);
}

BARE void psa_write(psa_handle_t msg_handle, uint32_t outvec_idx, const void *buffer,
                    size_t num_bytes)
{
    SUPERVISOR_CALL(IRONROOT_SVC_WRITE);
}

BARE void psa_reply(psa_handle_t msg_handle, psa_status_t status)
{
    SUPERVISOR_CALL(IRONROOT_SVC_REPLY);
}

BARE void psa_notify(int32_t partition_id)
{
    SUPERVISOR_CALL(IRONROOT_SVC_NOTIFY);
}

BARE void psa_clear(void)
{
    SUPERVISOR_CALL(IRONROOT_SVC_CLEAR);
}

BARE void psa_eoi(psa_signal_t irq_signal)
{
    SUPERVISOR_CALL(IRONROOT_SVC_EOI);
}

void psa_panic(void)
{
    for (;;) {
        __asm__ volatile(INSTRUCTION(IRONROOT_SVC_PANIC) : : : "r0", "r1", "r2", "r3", "r12", "memory");
    }
}

BARE uint32_t psa_rot_lifecycle_state(void)
{
    SUPERVISOR_CALL(IRONROOT_SVC_LIFECYCLE);
}
