/* base/poison.h -- tells the address sanitizer which memory nobody may touch; else nothing. */
#pragma once

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON_ASAN
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(POISON_ASAN)
#define POISON_ASAN
#endif

#ifdef POISON_ASAN
#include <sanitizer/asan_interface.h>
#endif

static inline void poison(void *p, size_t size)
{
#ifdef POISON_ASAN
    __asan_poison_memory_region(p, size);
#else
    (void)p, (void)size;
#endif
}

static inline void unpoison(void *p, size_t size)
{
#ifdef POISON_ASAN
    __asan_unpoison_memory_region(p, size);
#else
    (void)p, (void)size;
#endif
}
