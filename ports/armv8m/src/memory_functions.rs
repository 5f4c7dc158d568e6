//! `memcpy` and its relatives, which compiled code calls for copies, fills and comparisons.
//!
//! The compiler's own are 3.5 KB per image; these are 250 bytes and, on aligned data, faster. They rely
//! on two things that hold for all code of ours: ordinary memory takes word accesses at any address
//! (CCR.UNALIGN_TRP stays clear, as compiled code expects too), and no other symbol of the same name is
//! stronger. They are weak, as the compiler's are, so a C library's versions may replace them.
//!
//! Names, arguments and alignments: Run-time ABI for the Arm Architecture, "Memory copying, clearing, and
//! setting". `__aeabi_` functions return nothing; `memcmp` is used for equality and order of public data
//! only.

use core::arch::global_asm;

/// One weak function with its aliases, in a section of its own so that an image keeps only what it calls.
macro_rules! function {
    ($section:literal, [$($name:literal),+], $($line:literal),+ $(,)?) => {
        global_asm!(
            concat!(".section .text.", $section, ",\"ax\",%progbits"),
            ".syntax unified",
            ".p2align 2",
            $(
                concat!(".weak ", $name),
                concat!(".type ", $name, ",%function"),
                ".thumb_func",
                concat!($name, ":"),
            )+
            $($line,)+
            ".text",
        );
    };
}

// r0 to, r1 from, r2 length. Forward, so it also moves downwards.
function!(
    "ironroot_copy",
    ["__aeabi_memcpy", "__aeabi_memcpy4", "__aeabi_memcpy8"],
    "orr r3, r0, r1",
    "lsls r3, r3, #30",
    "bne 3f",
    // Both aligned: 16 bytes at a time.
    "subs r2, #16",
    "blo 2f",
    "push {{r4, r5}}",
    "1: ldm r1!, {{r3, r4, r5, r12}}",
    "stm r0!, {{r3, r4, r5, r12}}",
    "subs r2, #16",
    "bhs 1b",
    "pop {{r4, r5}}",
    "2: adds r2, #16",
    "3: subs r2, #4",
    "blo 5f",
    "4: ldr r3, [r1], #4",
    "str r3, [r0], #4",
    "subs r2, #4",
    "bhs 4b",
    // Bits 1 and 0 of the length are what is left.
    "5: lsls r2, r2, #31",
    "itt hs",
    "ldrhhs r3, [r1], #2",
    "strhhs r3, [r0], #2",
    "itt mi",
    "ldrbmi r3, [r1]",
    "strbmi r3, [r0]",
    "bx lr",
);

// r0 to, r1 from, r2 length; the two may overlap.
function!(
    "ironroot_move",
    ["__aeabi_memmove", "__aeabi_memmove4", "__aeabi_memmove8"],
    "subs r3, r0, r1",
    "cmp r3, r2",
    // The destination does not begin inside the source: forward is right.
    "bhs __aeabi_memcpy",
    "adds r0, r0, r2",
    "adds r1, r1, r2",
    "subs r2, #4",
    "blo 2f",
    "1: ldr r3, [r1, #-4]!",
    "str r3, [r0, #-4]!",
    "subs r2, #4",
    "bhs 1b",
    "2: lsls r2, r2, #31",
    "itt hs",
    "ldrhhs r3, [r1, #-2]!",
    "strhhs r3, [r0, #-2]!",
    "itt mi",
    "ldrbmi r3, [r1, #-1]",
    "strbmi r3, [r0, #-1]",
    "bx lr",
);

// r0 to, r1 length, r2 byte.
function!(
    "ironroot_set",
    ["__aeabi_memset", "__aeabi_memset4", "__aeabi_memset8"],
    "uxtb r2, r2",
    "orr r2, r2, r2, lsl #8",
    "orr r2, r2, r2, lsl #16",
    "subs r1, #8",
    "blo 2f",
    "1: str r2, [r0], #4",
    "str r2, [r0], #4",
    "subs r1, #8",
    "bhs 1b",
    // Bits 2 to 0 of the length are what is left.
    "2: lsls r1, r1, #30",
    "it hs",
    "strhs r2, [r0], #4",
    "it mi",
    "strhmi r2, [r0], #2",
    "lsls r1, r1, #1",
    "it mi",
    "strbmi r2, [r0]",
    "bx lr",
);

function!(
    "ironroot_clear",
    ["__aeabi_memclr", "__aeabi_memclr4", "__aeabi_memclr8"],
    "movs r2, #0",
    "b __aeabi_memset",
);

// The C library's names, which return the destination.
function!(
    "ironroot_c_copy",
    ["memcpy"],
    "push {{r0, lr}}",
    "bl __aeabi_memcpy",
    "pop {{r0, pc}}",
);
function!(
    "ironroot_c_move",
    ["memmove"],
    "push {{r0, lr}}",
    "bl __aeabi_memmove",
    "pop {{r0, pc}}",
);
function!(
    "ironroot_c_set",
    ["memset"],
    "push {{r0, lr}}",
    "mov r3, r1",
    "mov r1, r2",
    "mov r2, r3",
    "bl __aeabi_memset",
    "pop {{r0, pc}}",
);

// r0 and r1 what to compare, r2 length.
function!(
    "ironroot_compare",
    ["memcmp", "bcmp"],
    "subs r2, #4",
    "blo 2f",
    "1: ldr r3, [r0], #4",
    "ldr r12, [r1], #4",
    "cmp r3, r12",
    "bne 4f",
    "subs r2, #4",
    "bhs 1b",
    "2: adds r2, #4",
    "beq 5f",
    "3: ldrb r3, [r0], #1",
    "ldrb r12, [r1], #1",
    "subs r3, r3, r12",
    "bne 6f",
    "subs r2, #1",
    "bne 3b",
    "b 6f",
    // The first byte in memory is the lowest of the word and decides.
    "4: rev r3, r3",
    "rev r12, r12",
    "cmp r3, r12",
    "ite hi",
    "movhi r3, #1",
    "mvnls r3, #0",
    "b 6f",
    "5: movs r3, #0",
    "6: mov r0, r3",
    "bx lr",
);
