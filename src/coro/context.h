/* coro/context.h -- switch from one stack to another; tell the sanitizers and valgrind.
 *
 * x86-64 and aarch64 switch in a few instructions (context_*.S); others use ucontext, and so does
 * a build with CONTEXT_UCONTEXT defined. */
#pragma once

#include "base/common.h"

struct context {
    void *sp;        /* saved stack pointer, or a ucontext_t on that stack */
    void *asan_fake; /* what the sanitizers want to know of each stack */
    const void *asan_bottom;
    size_t asan_size;
    void *tsan_fiber;
    unsigned valgrind_id;
};

/* Prepares `c` to run entry(arg) on the stack [low, low + size). entry must never return. */
int context_init(struct context *c, void *low, size_t size, void (*entry)(void *), void *arg);
void context_deinit(struct context *c);
/* Describes the running thread's own stack, to be switched away from and back to. */
void context_init_thread(struct context *c);
/* Saves the running state in `from` and goes on in `to`. `last`: `from` will never run again. */
void context_switch(struct context *from, struct context *to, bool last);
/* First thing on a new stack. */
void context_entered(struct context *self, struct context *from);
