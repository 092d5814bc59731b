/* tests/unit/tree/compress_help.h -- a partition that compresses, values for it, and a look at how
 * they are stored. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "run.h"
#include "tree/descend.h"

#define NOW_US UINT64_C(1700000000000000)
#define MIB ((size_t)1 << 20)
#define TRAINING_VALUES 4200 /* of 400 bytes: enough for a dictionary */

struct world {
    struct harness h;
    struct part *part;
    struct rand r;
};

static const struct harness_config compressing = { .compress = true };

static inline void world_init(struct world *w)
{
    harness_init(&w->h, &compressing);
    rand_seed(&w->r, 7);
    ck_assert_int_eq(harness_open(&w->h, "t", 0, true, &w->part), ELOQ_OK);
}

static inline void world_deinit(struct world *w)
{
    harness_close(&w->h, w->part);
    harness_deinit(&w->h);
}

static inline void reopen(struct world *w)
{
    harness_close(&w->h, w->part);
    ck_assert_int_eq(harness_open(&w->h, "t", 0, true, &w->part), ELOQ_OK);
}

static inline void fill(struct rand *r, char *p, size_t size)
{
    static const char *words[] = { "apple ", "store ", "partition ", "manifest ", "page ",
                                   "the ",   "value ", "is ",        "42 ",       "long " };
    for (size_t at = 0; at < size;) {
        const char *word = words[rand_below(r, ARRAY_LEN(words))];
        size_t n = MIN(strlen(word), size - at);
        memcpy(p + at, word, n);
        at += n;
    }
}

static inline void noise(struct rand *r, char *p, size_t size)
{
    for (size_t i = 0; i < size; i++)
        p[i] = (char)rand_u64(r);
}

/* `count` values of `size` bytes under keys that begin with `prefix`; 0 or a failure. */
static inline int write_values(struct world *w, char prefix, size_t count, size_t size,
                               void (*make)(struct rand *r, char *p, size_t size))
{
    struct tree_op *ops = calloc(count, sizeof(*ops));
    char *bytes = malloc(count * (size + 10));
    for (size_t i = 0; i < count; i++) {
        char *key = bytes + i * (size + 10);
        snprintf(key, 10, "%c%08zu", prefix, i);
        make(&w->r, key + 10, size);
        ops[i] = (struct tree_op){ .key = eloq_bytes(key, 9),
                                   .value = eloq_bytes(key + 10, size),
                                   .timestamp = TIMESTAMP_NOW };
    }
    int rc = harness_write(&w->h, w->part, ops, count, NOW_US);
    free(bytes);
    free(ops);
    return rc;
}

static inline int put(struct world *w, const char *key, const void *value, size_t size)
{
    struct tree_op op = { .key = eloq_str(key),
                          .value = eloq_bytes(value, size),
                          .timestamp = TIMESTAMP_NOW };
    return harness_write(&w->h, w->part, &op, 1, NOW_US);
}

static inline void train(struct world *w)
{
    ck_assert_int_eq(write_values(w, 'd', TRAINING_VALUES, 400, fill), ELOQ_OK);
    ck_assert_ptr_nonnull(w->part->current->dict);
}

struct asked {
    struct part *part;
    const char *key;
    struct entry entry;
    struct kept kept;
};

static int find(struct task *t, void *arg)
{
    struct asked *a = arg;
    struct snapshot *s = a->part->current;
    uint32_t page_bytes = s->part->env->shape.page_bytes;
    struct descent d;
    struct leaf leaf;
    struct leaf_cursor c;
    uint8_t *page = arena_alloc(&t->arena, 2 * (size_t)page_bytes);
    TRY(descent_init(t, &d, page_bytes));
    TRY(descend(t, s, s->root[TREE_MAIN], eloq_str(a->key), false, &d));
    uint8_t *aligned = mem_alloc_aligned(s->part->env->mem, MEM_PAGES, 4096, page_bytes);
    int rc = descend_read_leaf(t, s, &d, aligned, &leaf);
    if (rc == ELOQ_OK) {
        leaf_cursor_init(&c, &leaf, page);
        rc = leaf_seek(&c, eloq_str(a->key));
        a->entry = c.entry;
    }
    mem_free_aligned(s->part->env->mem, MEM_PAGES, aligned, page_bytes);
    return rc;
}

static int get(struct task *t, void *arg)
{
    struct asked *a = arg;
    return tree_get(t, a->part->current, eloq_str(a->key), &a->kept.sink);
}

/* The form in which a key's value is stored; the value must be this one. */
static inline struct entry look(struct world *w, const char *key, const void *value, size_t size)
{
    struct asked a = { .part = w->part, .key = key };
    kept_init(&a.kept, 0);
    ck_assert_int_eq(harness_run(&w->h, get, &a), ELOQ_OK);
    ck_assert_uint_eq(a.kept.value_size, size);
    ck_assert(memcmp(a.kept.value, value, size) == 0);
    kept_free(&a.kept);
    ck_assert_int_eq(harness_run(&w->h, find, &a), ELOQ_OK);
    return a.entry;
}

static inline void found(void *user, const struct tree_finding *finding)
{
    (void)user;
    ck_abort_msg("check: %s", finding->what);
}

static int check(struct task *t, void *arg)
{
    struct tree_stats stats;
    return tree_check(t, arg, found, NULL, &stats);
}

static inline void check_tree(struct world *w)
{
    ck_assert_int_eq(harness_run(&w->h, check, w->part->current), ELOQ_OK);
}

struct failing {
    unsigned left;
};

static bool fails(void *user, size_t size)
{
    struct failing *f = user;
    (void)size;
    if (f->left == 0)
        return true;
    f->left--;
    return false;
}
