/* Vector table, reset, console and exit for a non-secure program on AN521.
 *
 * The secure world set the main stack pointer from the table before it came here. NMI, HardFault and
 * BusFault are the secure world's (AIRCR.BFHFNMINS is 0). */
#include "board.h"

extern uint32_t __ns_stack_top[], __ns_data_start[], __ns_data_end[], __ns_bss_start[], __ns_bss_end[];
extern const uint32_t __ns_data_load[];

void ns_reset(void);
void ns_unexpected_exception(void);

/* The architectural exceptions. The linker script places this first. */
typedef void (*handler)(void);
struct vectors {
    uint32_t *stack;
    handler handlers[15];
};
__attribute__((section(".vectors"), used)) static const struct vectors table = {
    __ns_stack_top,
    {
        ns_reset,
        ns_unexpected_exception, /* NMI */
        ns_unexpected_exception, /* HardFault */
        ns_unexpected_exception, /* MemManage */
        ns_unexpected_exception, /* BusFault */
        ns_unexpected_exception, /* UsageFault */
        0,
        0,
        0,
        0,
        ns_unexpected_exception, /* SVCall */
        ns_unexpected_exception, /* DebugMonitor */
        0,
        ns_unexpected_exception, /* PendSV */
        ns_unexpected_exception, /* SysTick */
    }};

/* CMSDK UART 0, left to the non-secure world. */
#define UART ((volatile uint32_t *)0x40200000u)
enum { UART_DATA = 0, UART_STATE = 1, UART_CONTROL = 2, UART_DIVIDER = 4 };

void ns_reset(void)
{
    const uint32_t *from = __ns_data_load;
    for (uint32_t *to = __ns_data_start; to < __ns_data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = __ns_bss_start; to < __ns_bss_end; to++) {
        *to = 0;
    }
    UART[UART_DIVIDER] = 16;
    UART[UART_CONTROL] = 1;
    board_exit((uint32_t)main());
}

void ns_unexpected_exception(void)
{
    board_say("exception without a handler");
    board_exit(102);
}

void board_say(const char *line)
{
    for (const char *end = "\n"; *line != 0 || *end != 0;) {
        const char letter = *line != 0 ? *line++ : *end++;
        while ((UART[UART_STATE] & 1u) != 0) {
        }
        UART[UART_DATA] = (uint8_t)letter;
    }
}

/* Semihosting, SYS_EXIT_EXTENDED with reason ADP_Stopped_ApplicationExit. */
_Noreturn void board_exit(uint32_t code)
{
    const uint32_t parameters[2] = {0x20026u, code};
    for (;;) {
        register uint32_t operation __asm__("r0") = 0x20;
        register const uint32_t *block __asm__("r1") = parameters;
        __asm__ volatile("bkpt #0xab" : "+r"(operation) : "r"(block) : "memory");
    }
}
