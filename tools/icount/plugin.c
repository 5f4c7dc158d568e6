/*
 * A QEMU plugin that counts executed guest instructions.
 *
 *   out=FILE    where the log goes: one line "ADDRESS COUNT" each time a marked address is about to
 *               execute (COUNT: instructions before it since reset of QEMU), and "total COUNT" last
 *   mark=HEX    an address to log, may be given often
 *   profile=FILE,from=HEX,to=HEX,nth=N
 *               counts per address what executes from the N-th time `from` is reached until `to` is:
 *               lines "ADDRESS COUNT"
 *   stack=LOW-HIGH-FROM-UNTIL
 *               the lowest address in LOW..HIGH that is written between the first time FROM executes and
 *               the first time after that UNTIL does (0: never): a line "lowest LOW ADDRESS" then.
 *               What the processor itself stacks on an exception is not seen.
 *   stores=LOW-HIGH,cut=N
 *               power fails at store number N (from 0) to LOW..HIGH: QEMU is gone at once, with exit code 99
 *               and nothing tidied up. Without `cut` all are counted: a line "stores COUNT" at the end
 *
 * Only the plugin interface's calls that have not changed since QEMU 6 are used, declared here so that
 * no QEMU header is needed. PLUGIN_ABI is 1 for QEMU up to 8 and 2 from 9 on, where the inline counter
 * no longer exists and a call per instruction does its work.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef uint64_t plugin_id;
struct qemu_info;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*translated)(plugin_id, struct qemu_plugin_tb *);
typedef void (*executed)(unsigned cpu, void *context);

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, translated);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, executed, int flags, void *);
void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
enum { WRITES = 2 };
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *,
                                      void (*)(unsigned cpu, uint32_t info, uint64_t address, void *),
                                      int flags, int which, void *);
bool qemu_plugin_mem_is_store(uint32_t info);
#if PLUGIN_ABI < 2
enum { INLINE_ADD_U64 = 0 };
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *, int op, void *, uint64_t);
#endif

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = PLUGIN_ABI;

enum { MARKS = 256, BUCKETS = 1 << 18, STACKS = 32 };

static uint64_t total;
static FILE *out;
static uint64_t marks[MARKS];
static size_t mark_count;

static const char *profile_path;
static uint64_t profile_from, profile_to;
static long profile_nth = 1;
static bool profiling;
static struct bucket {
    uint64_t address, count;
} *buckets;

static struct stack {
    uint64_t low, high, from, until, lowest;
    enum { WAITING, WATCHING, DONE } state;
} stacks[STACKS];
static size_t stack_count;

static uint64_t stores_low, stores_high, stores, cut_at = UINT64_MAX;
enum { POWER_CUT = 99 };

static struct bucket *bucket_of(uint64_t address)
{
    size_t index = (size_t)(address >> 1) * 2654435761u % BUCKETS;
    for (size_t tries = 0; tries < BUCKETS; tries++, index = (index + 1) % BUCKETS) {
        if (buckets[index].count == 0 || buckets[index].address == address) {
            buckets[index].address = address;
            return &buckets[index];
        }
    }
    abort(); /* more code than any image of ours has */
}

static void at_mark(unsigned cpu, void *context)
{
    (void)cpu;
    fprintf(out, "%" PRIx64 " %" PRIu64 "\n", (uint64_t)(uintptr_t)context, total);
    fflush(out); /* so that a run that is killed still leaves what it measured */
}

static void at_profiled(unsigned cpu, void *context)
{
    uint64_t address = (uint64_t)(uintptr_t)context;
    (void)cpu;
    if (address == profile_from && --profile_nth == 0) {
        profiling = true;
    } else if (address == profile_to) {
        profiling = false;
    }
    if (profiling) {
        bucket_of(address)->count++;
    }
}

/* At once, for a reader that does not wait for the end. */
static void tell_stack(const struct stack *stack)
{
    fprintf(out, "lowest %" PRIx64 " %" PRIu64 "\n", stack->low, stack->lowest);
    fflush(out);
}

static void at_stack_border(unsigned cpu, void *context)
{
    uint64_t address = (uint64_t)(uintptr_t)context;
    (void)cpu;
    for (size_t i = 0; i < stack_count; i++) {
        if (stacks[i].state == WAITING && address == stacks[i].from) {
            stacks[i].state = WATCHING;
        } else if (stacks[i].state == WATCHING && address == stacks[i].until) {
            stacks[i].state = DONE;
            tell_stack(&stacks[i]);
        }
    }
}

static void at_write(unsigned cpu, uint32_t info, uint64_t address, void *context)
{
    (void)cpu;
    (void)info;
    (void)context;
    for (size_t i = 0; i < stack_count; i++) {
        struct stack *stack = &stacks[i];
        if (stack->state == WATCHING && address >= stack->low && address < stack->lowest) {
            stack->lowest = address;
        }
    }
}

static void at_store(unsigned cpu, uint32_t info, uint64_t address, void *context)
{
    (void)cpu;
    (void)context;
    /* QEMU 7.2 calls for loads too, whatever was asked for. */
    if (qemu_plugin_mem_is_store(info) && address >= stores_low && address < stores_high && stores++ == cut_at) {
        _exit(POWER_CUT);
    }
}

#if PLUGIN_ABI >= 2
static void at_instruction(unsigned cpu, void *context)
{
    (void)cpu;
    (void)context;
    total++;
}
#endif

static bool is_marked(uint64_t address)
{
    for (size_t i = 0; i < mark_count; i++) {
        if (marks[i] == address) {
            return true;
        }
    }
    return false;
}

static void at_translation(plugin_id id, struct qemu_plugin_tb *block)
{
    size_t count = qemu_plugin_tb_n_insns(block);
    (void)id;
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(block, i);
        uint64_t address = qemu_plugin_insn_vaddr(insn);
        void *context = (void *)(uintptr_t)address;

        /* Before the counter: a mark shows what ran before it. */
        if (is_marked(address)) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, at_mark, 0, context);
        }
        if (profile_path) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, at_profiled, 0, context);
        }
        for (size_t k = 0; k < stack_count; k++) {
            if (address == stacks[k].from || address == stacks[k].until) {
                qemu_plugin_register_vcpu_insn_exec_cb(insn, at_stack_border, 0, context);
                break;
            }
        }
        if (stack_count > 0) {
            qemu_plugin_register_vcpu_mem_cb(insn, at_write, 0, WRITES, NULL);
        }
        if (stores_high > 0) {
            qemu_plugin_register_vcpu_mem_cb(insn, at_store, 0, WRITES, NULL);
        }
#if PLUGIN_ABI < 2
        qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64, &total, 1);
#else
        qemu_plugin_register_vcpu_insn_exec_cb(insn, at_instruction, 0, NULL);
#endif
    }
}

static void at_exit(plugin_id id, void *context)
{
    (void)id;
    (void)context;
    for (size_t i = 0; i < stack_count; i++) {
        if (stacks[i].state != DONE) {
            tell_stack(&stacks[i]);
        }
    }
    if (stores_high > 0) {
        fprintf(out, "stores %" PRIu64 "\n", stores);
    }
    fprintf(out, "total %" PRIu64 "\n", total);
    fclose(out);
    if (profile_path) {
        FILE *file = fopen(profile_path, "w");
        for (size_t i = 0; file && i < BUCKETS; i++) {
            if (buckets[i].count) {
                fprintf(file, "%" PRIx64 " %" PRIu64 "\n", buckets[i].address, buckets[i].count);
            }
        }
        if (file) {
            fclose(file);
        }
    }
}

static const char *value_of(const char *argument, const char *name)
{
    size_t length = strlen(name);
    return strncmp(argument, name, length) == 0 && argument[length] == '=' ? argument + length + 1 : NULL;
}

EXPORT int qemu_plugin_install(plugin_id id, const struct qemu_info *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        const char *value;
        if ((value = value_of(argv[i], "out"))) {
            out = fopen(value, "w");
        } else if ((value = value_of(argv[i], "mark")) && mark_count < MARKS) {
            marks[mark_count++] = strtoull(value, NULL, 16);
        } else if ((value = value_of(argv[i], "stack")) && stack_count < STACKS) {
            struct stack *stack = &stacks[stack_count++];
            if (sscanf(value, "%" SCNx64 "-%" SCNx64 "-%" SCNx64 "-%" SCNx64, &stack->low, &stack->high,
                       &stack->from, &stack->until) != 4) {
                fprintf(stderr, "instruction counter: stack=LOW-HIGH-FROM-UNTIL, not '%s'\n", value);
                return 1;
            }
            stack->lowest = stack->high;
        } else if ((value = value_of(argv[i], "stores"))) {
            if (sscanf(value, "%" SCNx64 "-%" SCNx64, &stores_low, &stores_high) != 2) {
                fprintf(stderr, "instruction counter: stores=LOW-HIGH, not '%s'\n", value);
                return 1;
            }
        } else if ((value = value_of(argv[i], "cut"))) {
            cut_at = strtoull(value, NULL, 10);
        } else if ((value = value_of(argv[i], "profile"))) {
            profile_path = value;
        } else if ((value = value_of(argv[i], "from"))) {
            profile_from = strtoull(value, NULL, 16);
        } else if ((value = value_of(argv[i], "to"))) {
            profile_to = strtoull(value, NULL, 16);
        } else if ((value = value_of(argv[i], "nth"))) {
            profile_nth = strtol(value, NULL, 10);
        } else {
            fprintf(stderr, "instruction counter: cannot use '%s'\n", argv[i]);
            return 1;
        }
    }
    buckets = calloc(BUCKETS, sizeof *buckets);
    if (!out || !buckets) {
        fprintf(stderr, "instruction counter: no log file, or no memory\n");
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, at_translation);
    qemu_plugin_register_atexit_cb(id, at_exit, NULL);
    return 0;
}
