/* tests/unit/part/fixture.h -- everything that partitions of one shard share, over any backend;
 * pages with content that follows from a number; and a model: what a partition should hold. */
#pragma once

#include <check.h>

#include "coro/sched.h"
#include "part/part_table.h"
#include "part/wtx.h"

#define MODEL_IDS 256
#define NOTHING 0 /* in a model: the page does not exist */

struct fixture {
    struct mem mem; /* of the engine: may fail on demand */
    struct clock clock;
    uint64_t now_ns;
    struct log log;
    struct sched sched;
    struct io *io; /* lent */
    struct fdcache fds;
    struct pagepool pool;
    struct page_cache cache;
    struct leaf_cache leaves;
    struct dict_context dicts;
    struct rand rand;
    struct part_env env;
    const char *store_path;
};

struct fixture_config {
    bool append;
    uint32_t shift;
    size_t cache_pages;      /* 0: 8 */
    uint32_t batch_pages;    /* 0: 4 */
    size_t descriptors;      /* 0: 6 */
    uint64_t manifest_limit; /* 0: 16 KiB */
    bool one_flush;
};

/* What a partition holds: a number per page, from which its content follows. */
struct model {
    uint64_t pages[MODEL_IDS];
    uint32_t root[2];
};

void fixture_open(struct fixture *f, struct io *io, const struct fixture_config *config,
                  uint64_t seed);
/* Checks that everything was given back. */
void fixture_close(struct fixture *f);
/* Without the check, as after a process was killed: what the engine held is leaked. */
void fixture_abandon(struct fixture *f);
/* Runs body(t, arg) as a task to its end. */
void fixture_run(struct fixture *f, void (*body)(struct task *t, void *arg), void *arg);
/* Runs whatever is ready until no task is left. */
void fixture_drain(struct fixture *f);

void model_init(struct model *m);
bool model_equal(const struct model *a, const struct model *b);
/* Fills a page (not sealed); which type it is follows from the number too. */
void page_fill(uint8_t *page, uint32_t page_bytes, uint64_t number);
bool page_number_is_index(uint64_t number);
/* Stores page `number` under id (UINT32_MAX: a new id), in the write and in the model. */
int model_put(struct task *t, struct wtx *w, struct model *m, uint32_t id, uint64_t number);
int model_free(struct task *t, struct wtx *w, struct model *m, uint32_t id);
/* Points both roots at pages of the model. */
void model_set_roots(struct wtx *w, struct model *m);
/* A few random changes. */
int model_change(struct task *t, struct wtx *w, struct model *m, struct rand *r, unsigned count);
/* Reads a snapshot's every page: ELOQ_OK if it is what the model says, 1 if not, or a failure. */
int model_compare(struct task *t, struct snapshot *s, const struct model *m);
/* One commit of `count` random changes; *m changes only if it succeeds. */
int model_commit(struct task *t, struct part *p, struct model *m, struct rand *r, unsigned count);
