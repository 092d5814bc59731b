/* coro/context.c -- what a switch of stacks needs around the few instructions of context_*.S. */
#include "coro/context.h"

#include "base/check.h"
#include "eloqstore.h"

#if !defined(CONTEXT_UCONTEXT) && !defined(__x86_64__) && !defined(__aarch64__)
#define CONTEXT_UCONTEXT
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CONTEXT_ASAN
#endif
#if __has_feature(thread_sanitizer)
#define CONTEXT_TSAN
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(CONTEXT_ASAN)
#define CONTEXT_ASAN
#endif
#if defined(__SANITIZE_THREAD__) && !defined(CONTEXT_TSAN)
#define CONTEXT_TSAN
#endif

#ifdef CONTEXT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef CONTEXT_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define CONTEXT_VALGRIND
#endif

/* ---- the bare switch ---------------------------------------------------------------------- */

#ifdef CONTEXT_UCONTEXT
#include <ucontext.h>

/* Sits at the top of a new stack. */
struct start {
    ucontext_t uc;
    void (*entry)(void *);
    void *arg;
};

/* makecontext passes ints only. */
static void run_start(unsigned high, unsigned low)
{
    struct start *start = (struct start *)(uintptr_t)(((uint64_t)high << 32) | low);
    start->entry(start->arg);
    check_failed("a context's entry returned", __FILE__, __LINE__);
}

static void *new_stack(void *low, size_t size, void (*entry)(void *), void *arg)
{
    uintptr_t top = ((uintptr_t)low + size - sizeof(struct start)) & ~(uintptr_t)63;
    struct start *start = (struct start *)top;

    CHECK(getcontext(&start->uc) == 0);
    start->entry = entry;
    start->arg = arg;
    start->uc.uc_link = NULL;
    start->uc.uc_stack.ss_sp = low;
    start->uc.uc_stack.ss_size = top - (uintptr_t)low;
    makecontext(&start->uc, (void (*)(void))run_start, 2, (unsigned)((uint64_t)top >> 32),
                (unsigned)top);
    return &start->uc;
}

static void swap(struct context *from, struct context *to)
{
    ucontext_t here; /* on the stack being left, so it lives as long as somebody may come back */

    from->sp = &here;
    CHECK(swapcontext(&here, to->sp) == 0);
}

#else

/* context_*.S. Saves what a call must preserve on the running stack and its end in *save_sp; takes
 * up the stack that ends at `sp`. */
void context_swap(void **save_sp, void *sp);
/* Calls entry(arg), which it finds where new_stack put them. Not a function: only jumped to. */
void context_start(void);

#if defined(__x86_64__)
/* In the order context_swap takes them: r15 r14 r13 r12 rbx rbp, return address. */
enum { SAVED_ENTRY = 3, SAVED_ARG = 2, SAVED_RETURN = 6, SAVED_WORDS = 7 };
#else
/* x19 ... x28, x29, x30 (the return address), d8 ... d15. */
enum { SAVED_ENTRY = 0, SAVED_ARG = 1, SAVED_RETURN = 11, SAVED_WORDS = 20 };
#endif

static void *new_stack(void *low, size_t size, void (*entry)(void *), void *arg)
{
    uintptr_t top = ((uintptr_t)low + size) & ~(uintptr_t)15;
    uintptr_t *saved = (uintptr_t *)top - SAVED_WORDS;

    for (int i = 0; i < SAVED_WORDS; i++)
        saved[i] = 0; /* a frame pointer of 0 ends a walk along frames */
    saved[SAVED_ENTRY] = (uintptr_t)entry;
    saved[SAVED_ARG] = (uintptr_t)arg;
    saved[SAVED_RETURN] = (uintptr_t)context_start;
    return saved;
}

static void swap(struct context *from, struct context *to)
{
    context_swap(&from->sp, to->sp);
}
#endif

/* ---- what the tools want to know ---------------------------------------------------------- */

#ifdef CONTEXT_ASAN
/* The context this thread was in before the switch: only the arrival learns its stack's bounds. */
static _Thread_local struct context *asan_left;
#endif

static void tell_before(struct context *from, struct context *to, bool last)
{
    (void)from;
    (void)to;
    (void)last;
#ifdef CONTEXT_ASAN
    asan_left = from;
    __sanitizer_start_switch_fiber(last ? NULL : &from->asan_fake, to->asan_bottom, to->asan_size);
#endif
#ifdef CONTEXT_TSAN
    __tsan_switch_to_fiber(to->tsan_fiber, 0);
#endif
}

static void tell_arrived(struct context *self)
{
    (void)self;
#ifdef CONTEXT_ASAN
    __sanitizer_finish_switch_fiber(self->asan_fake, &asan_left->asan_bottom,
                                    &asan_left->asan_size);
#endif
}

/* ---- the verbs ---------------------------------------------------------------------------- */

int context_init(struct context *c, void *low, size_t size, void (*entry)(void *), void *arg)
{
    *c = (struct context){ 0 };
#ifdef CONTEXT_ASAN
    /* What the frames of an earlier owner, which never returned, left behind. */
    __asan_unpoison_memory_region(low, size);
    c->asan_bottom = low;
    c->asan_size = size;
#endif
#ifdef CONTEXT_TSAN
    c->tsan_fiber = __tsan_create_fiber(0);
    if (!c->tsan_fiber)
        return ELOQ_NO_MEMORY;
#endif
#ifdef CONTEXT_VALGRIND
    c->valgrind_id = VALGRIND_STACK_REGISTER(low, (char *)low + size);
#endif
    c->sp = new_stack(low, size, entry, arg);
    return ELOQ_OK;
}

void context_deinit(struct context *c)
{
    (void)c;
#ifdef CONTEXT_TSAN
    __tsan_destroy_fiber(c->tsan_fiber);
#endif
#ifdef CONTEXT_VALGRIND
    VALGRIND_STACK_DEREGISTER(c->valgrind_id);
#endif
}

void context_init_thread(struct context *c)
{
    *c = (struct context){ 0 };
#ifdef CONTEXT_TSAN
    c->tsan_fiber = __tsan_get_current_fiber();
#endif
}

void context_switch(struct context *from, struct context *to, bool last)
{
    tell_before(from, to, last);
    swap(from, to);
    tell_arrived(from);
}

void context_entered(struct context *self, struct context *from)
{
    (void)from;
    tell_arrived(self);
}
