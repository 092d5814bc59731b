/* tests/unit/tree/harness.h -- what a partition needs around it: scheduler, I/O, caches. */
#pragma once

#include <check.h>

#include "coro/sched.h"
#include "io/io.h"
#include "part/part.h"
#include "tree/tree.h"

#define HARNESS_PATHS_MAX 8

struct harness_config {
    struct page_shape shape; /* zero: 4096, 16, 16, 16 */
    uint32_t shift;          /* zero: 18 */
    bool append, read_only, compress;
    const char *paths;  /* store paths separated by ':'; NULL: files in memory */
    size_t cache_pages; /* zero: 1000 */
    size_t leaf_pages;  /* data pages kept in memory; 0: none, so that damage done later is seen */
};

struct harness {
    struct mem mem;
    struct log log;
    struct sched sched;
    struct io *io;
    struct memory_disk *disk;
    struct fdcache fds;
    struct pagepool pool;
    struct page_cache cache;
    struct leaf_cache leaves;
    struct dict_context dicts;
    struct rand rand;
    struct part_env env;
    char *paths[HARNESS_PATHS_MAX];
    struct err err; /* of the last task that failed */
};

void harness_init(struct harness *h, const struct harness_config *config);
void harness_deinit(struct harness *h); /* fails if memory is left */

/* Runs f(t, arg) as a task until it returns, and answers what it returned. */
int harness_run(struct harness *h, int (*f)(struct task *t, void *arg), void *arg);
/* Runs alongside others: harness_run returns when all have ended. */
void harness_start(struct harness *h, void (*f)(struct task *t, void *arg), void *arg);

int harness_open(struct harness *h, const char *table, uint32_t partition, bool create,
                 struct part **ret);
void harness_close(struct harness *h, struct part *p);

/* Applies and commits a batch: sorts it first. ELOQ_OK or a failure. */
int harness_write(struct harness *h, struct part *p, struct tree_op *ops, size_t count,
                  uint64_t now_us);

/* A sink that keeps the pair. */
struct kept {
    uint8_t *key, *value;
    size_t key_size, value_size;
    struct tree_sink sink;
};
void kept_init(struct kept *k, uint64_t now_ms);
void kept_free(struct kept *k);
