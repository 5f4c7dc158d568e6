/* Test-only: tries what a taken-over partition would try. README.md lists the attempts by number. */

#include <psa/client.h>
#include <psa/service.h>
#include <stdint.h>

#define SIGNAL (1u << 4)
#define WITNESS 0x600DF00Du

static uint32_t read_word(uint32_t address) { return *(volatile uint32_t *)address; }

static uint32_t write_word(uint32_t address)
{
    *(volatile uint32_t *)address = 0xBADC0DE5u;
    return *(volatile uint32_t *)address;
}

static uint32_t branch_to(uint32_t address)
{
    uint32_t (*code)(void) = (uint32_t (*)(void))(address | 1u);
    return code();
}

/* movs r0, #42; bx lr, on the stack. */
static uint32_t execute_stack(void)
{
    volatile uint32_t code = 0x4770202Au;
    return branch_to((uint32_t)&code);
}

static uint32_t write_own_code(void)
{
    return write_word((uint32_t)&write_own_code & ~3u);
}

static __attribute__((noinline)) uint32_t overflow_stack(uint32_t depth)
{
    volatile uint32_t block[64];
    block[depth & 63] = depth;
    return overflow_stack(depth + 1) + block[depth & 63];
}

static uint32_t unknown_supervisor_call(void)
{
    register uint32_t result __asm__("r0") = 0;
    __asm__ volatile("svc #200" : "+r"(result) : : "r1", "r2", "r3", "r12", "memory");
    return result;
}

static uint32_t borrow_stack(uint32_t address)
{
    uint32_t result;
    __asm__ volatile("mov r5, sp\n\tmov sp, %1\n\tsvc #1\n\tmov sp, r5\n\tmov %0, r0"
                     : "=r"(result)
                     : "r"(address)
                     : "r0", "r1", "r2", "r3", "r5", "r12", "memory");
    return result;
}

static uint32_t seize_control(void)
{
    /* Writes of an unprivileged thread to special registers are ignored. */
    __asm__ volatile("msr control, %0\n\tisb\n\tmsr psplim, %1" : : "r"(2u), "r"(0u) : "memory");
    return write_word(0xE000ED94u); /* MPU_CTRL */
}

/* Messages that this life of the partition got: a restart forgets them. */
static uint32_t messages;

static uint32_t reply_twice(psa_handle_t handle)
{
    psa_reply(handle, PSA_SUCCESS);
    psa_reply(handle, PSA_SUCCESS);
    return WITNESS;
}

static _Noreturn void loop(void)
{
    for (;;) {
        __asm__ volatile("");
    }
}

static _Noreturn void loop_with_supervisor_calls(void)
{
    for (;;) {
        psa_version(0x80);
    }
}

/* Each call is a whole request to the Crypto service, which refuses it. */
static _Noreturn void loop_with_services(void)
{
    for (;;) {
        psa_call(0x40000100, 0, 0, 0, 0, 0);
    }
}

static uint32_t loop_without_stack(uint32_t address)
{
    __asm__ volatile("mov sp, %0\n1: b 1b" : : "r"(address) : "memory");
    return WITNESS;
}

static uint32_t attempt(const psa_msg_t *message, uint32_t address)
{
    psa_invec in = {(const void *)address, 4};
    psa_outvec out = {(void *)address, 4};
    uint32_t word = 0;

    switch (message->type) {
    case 0: return WITNESS;
    case 1: return read_word(address);
    case 2: return write_word(address);
    case 3: return branch_to(address);
    case 4: return execute_stack();
    case 5: return write_own_code();
    case 6: return overflow_stack(0);
    case 7: return psa_read(message->handle + 1, 0, &word, sizeof word);
    case 8: psa_write(message->handle, 0, (const void *)address, 4); return WITNESS;
    case 9: return (uint32_t)psa_call(0x40000100, 0, &in, 1, &out, 1);
    case 10: return (uint32_t)psa_call(0x40000103, 0, 0, 0, 0, 0);
    case 11: return unknown_supervisor_call();
    case 12: psa_reply(message->handle, PSA_SUCCESS); return WITNESS;
    case 13: return borrow_stack(address);
    case 14: __asm__ volatile("udf #0"); return WITNESS;
    case 15: __asm__ volatile("bkpt #1"); return WITNESS;
    case 16: return seize_control();
    case 17: return messages;
    case 18: return reply_twice(message->handle);
    case 19: loop();
    case 20: loop_with_supervisor_calls();
    case 21: loop_with_services();
    case 22: return loop_without_stack(address);
    default: return 0;
    }
}

void partition_main(void)
{
    for (;;) {
        psa_msg_t message;
        uint32_t address = 0, word;

        psa_wait(PSA_WAIT_ANY, PSA_BLOCK);
        if (psa_get(SIGNAL, &message) != PSA_SUCCESS) {
            continue;
        }
        messages++;
        if (message.in_size[0] >= sizeof address) {
            psa_read(message.handle, 0, &address, sizeof address);
        }
        word = attempt(&message, address);
        if (message.out_size[0] >= sizeof word) {
            psa_write(message.handle, 0, &word, sizeof word);
        }
        psa_reply(message.handle, PSA_SUCCESS);
    }
}
