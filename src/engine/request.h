/* engine/request.h -- what an eloq_op carries inside, and how it is answered.
 *
 *   api --request_init--> op --store_submit--> inbox --> shard --dispatch--> a task
 *                                                                              |
 *   done(op), on the shard's loop or in a queue <--shard_step-- request_finish-+
 *
 * The words of a failure take the place of what was asked: nobody reads that any more.
 */
#pragma once

#include "base/error.h"
#include "base/list.h"
#include "coro/inbox.h"
#include "coro/task.h"

struct shard;
struct stats;
struct loaded;
struct request;

enum request_kind {
    REQUEST_MESSAGE, /* no request: a struct message */
    REQUEST_GET,
    REQUEST_GET_MANY,
    REQUEST_FLOOR,
    REQUEST_WRITE,
    REQUEST_FETCH,
    REQUEST_TABLES,
    REQUEST_CHECK,
    REQUEST_TRUNCATE,
    REQUEST_COMPACT,
    REQUEST_CLEAN,
    REQUEST_DROP,
    REQUEST_LOADED, /* of a drop: which partitions a shard is writing to */
    REQUEST_ARCHIVE,
    REQUEST_RESTORE,
    REQUEST_ARCHIVES,
    REQUEST_ARCHIVE_ALL,
    REQUEST_STAT,
    REQUEST_KINDS
};

/* What a shard starts as a task, when there is room for one. */
struct job {
    struct list link; /* in shard.waiting */
    void (*run)(struct task *t, struct job *job);
    /* There is no memory for a task: answer NO_MEMORY, on the loop's stack. */
    void (*refuse)(struct job *job);
};

/* A note to a shard: begins like a request. */
struct message {
    struct inbox_item item;
    uint32_t kind;                                         /* REQUEST_MESSAGE */
    void (*run)(struct shard *s, struct message *message); /* on the loop's stack; may free it */
};

/* Results that are handed to the host's callbacks just before done, on the thread that runs done.
 */
struct delivery {
    /* Frees itself; answers the op's status. */
    int (*run)(struct delivery *delivery, int status);
};

struct request_ask {
    struct job job;
    struct shard *shard;
    uint64_t submitted_ns;           /* 0: one of the store's own */
    uint64_t begun_ns, io_before_ns; /* engine/measure.h */
    eloq_part part;                  /* the name is lent until done */
    union {
        eloq_slice key; /* GET, FLOOR */
        struct {
            const eloq_slice *keys;
            size_t count;
            eloq_record *records;
            int *statuses;
        } many;
        struct {
            const eloq_entry *entries; /* or &single */
            size_t count;
            eloq_entry single;
            uint64_t bytes; /* of keys and values */
        } write;
        struct eloq_iter *iter; /* FETCH */
        struct {
            int (*callback)(void *user, eloq_part part);
            void *user;
        } tables;
        struct {
            void (*callback)(void *user, eloq_part part, const eloq_finding *finding);
            void *user;
            eloq_checked *ret;
        } check;
        struct {
            uint64_t timestamp;      /* 0 = now */
            bool of_moment;          /* the state that part/cut.h keeps, not the current one */
        } archive;                   /* ARCHIVE, RESTORE, ARCHIVE_ALL */
        eloq_archive_list *archives; /* ARCHIVES */
        struct {
            eloq_slice from; /* empty: all */
            bool drop;       /* archives and leftovers go too */
        } truncate;
        struct {
            bool begun;
            uint64_t until;    /* data files below; pairs expired by then (ms) */
        } steps;               /* COMPACT, CLEAN */
        struct loaded *loaded; /* LOADED */
        struct stats *stats;   /* STAT */
    };
};

struct request {
    struct inbox_item item; /* in the inbox, a write queue, the finished, a completion queue */
    uint32_t kind;
    bool is_waited;            /* by a waiting call, which delivers for itself */
    struct delivery *delivery; /* or NULL */
    union {
        struct request_ask ask; /* until it is answered */
        struct err err;         /* after that */
    };
};
_Static_assert(sizeof(struct request) <= sizeof(((eloq_op *)NULL)->opaque), "grow eloq_op.opaque");

static inline struct request *request_of(eloq_op *op)
{
    return (struct request *)(void *)op->opaque;
}
static inline eloq_op *request_op(struct request *r)
{
    return container_of((void *)r, eloq_op, opaque);
}
static inline struct request *request_of_item(struct inbox_item *item)
{
    return container_of(item, struct request, item);
}
static inline struct request *request_of_job(struct job *job)
{
    return container_of(job, struct request, ask.job);
}

/* Whether it needs other shards than the one it is handed to: they stay until it is answered. */
static inline bool request_spans(const struct request *r)
{
    return r->kind == REQUEST_ARCHIVE_ALL || r->kind == REQUEST_DROP || r->kind == REQUEST_STAT;
}

/* Prepares the op; the caller fills in what it asks. */
struct request *request_init(eloq_op *op, enum request_kind kind, eloq_part part);
/* Answers it: the last thing its task does with it. `e` is read when rc < 0. */
void request_finish(struct request *r, int rc, const struct err *e);
/* The same of one that held no memory, with a status >= 0. */
void request_finish_at_once(struct request *r, int rc);
/* On the thread that runs done: delivers, then calls done, which may free the op. */
void request_call_done(struct request *r);

/* The error of the calling thread's last failing call. */
struct err *error_last(void);
/* Sets it and returns the code. */
#define error_fail(code, ...) err_set(error_last(), (code), __FILE__, __LINE__, __VA_ARGS__)
