/* Checks, by the compiler, that structures and constants are those of the secure world. Rust checks the same
 * numbers on its side. C before C11 has no such check and does without. */
#ifndef IRONROOT_LAYOUT_H
#define IRONROOT_LAYOUT_H

#include <stddef.h>

#if defined(__cplusplus)
#define IRONROOT_CHECK(condition) static_assert(condition, #condition)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define IRONROOT_CHECK(condition) _Static_assert(condition, #condition)
#else
#define IRONROOT_CHECK(condition) extern int ironroot_unchecked
#endif

/* A member lies at this offset. */
#define IRONROOT_CHECK_AT(type, member, offset) IRONROOT_CHECK(offsetof(type, member) == (offset))

#endif
