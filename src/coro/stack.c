/* coro/stack.c -- stacks from mmap, each with a guard page below, kept for reuse. */
#include "coro/stack.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FRAME_FACTOR 4
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FRAME_FACTOR 4
#endif
#endif
#ifndef FRAME_FACTOR
#define FRAME_FACTOR 1
#endif

static size_t guard_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* At the top, where the memory is in use anyway: at the bottom it would cost each stack a page. */
static void **link_of(const struct stack_pool *p, void *low)
{
    return (void **)((char *)low + p->usable) - 1;
}

void stack_pool_init(struct stack_pool *p, struct mem *m, size_t usable)
{
    CHECK(usable > 0);
    *p = (struct stack_pool){ .mem = m, .usable = ALIGN_UP(usable * FRAME_FACTOR, guard_bytes()) };
}

static void *make(struct stack_pool *p)
{
    size_t guard = guard_bytes();

    if (!mem_account(p->mem, MEM_STACKS, p->usable))
        return NULL;
    char *base = mmap(NULL, guard + p->usable, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        goto failed;
    if (mprotect(base, guard, PROT_NONE) != 0) {
        munmap(base, guard + p->usable);
        goto failed;
    }
    p->made++;
    return base + guard;
failed:
    mem_unaccount(p->mem, MEM_STACKS, p->usable);
    return NULL;
}

void *stack_acquire(struct stack_pool *p)
{
    void *low = p->free;
    if (!low)
        return make(p);
    p->free = *link_of(p, low);
    return low;
}

void stack_release(struct stack_pool *p, void *low)
{
    *link_of(p, low) = p->free;
    p->free = low;
}

void stack_pool_trim(struct stack_pool *p)
{
    size_t guard = guard_bytes();

    while (p->free) {
        char *low = stack_acquire(p);
        munmap(low - guard, guard + p->usable);
        mem_unaccount(p->mem, MEM_STACKS, p->usable);
        p->made--;
    }
}

void stack_pool_free(struct stack_pool *p)
{
    stack_pool_trim(p);
    CHECK(p->made == 0);
}
