/* tree/scan.h -- walk the pairs of a tree in order, reading leaves ahead of the reader.
 *
 *     index page above the leaves:   ... | d | e | f | g | h | i | ...
 *                                        ^window ^   ^ next  ^ fence: where listing goes on
 *
 * A step lists the leaves of the next window in the index page, reads them together, and hands out
 * their pairs; leaves not used up stay for the next step. While it hands out one window, a helper
 * task reads the next one. Windows grow while the scan goes on. */
#pragma once

#include "base/bytes.h"
#include "coro/wait.h"
#include "part/pages.h"

/* A pair found; lent. */
struct tree_pair {
    eloq_slice key;
    eloq_slice value; /* plain */
    uint64_t timestamp;
    uint64_t expire_at;
};

/* A leaf of a window. Its bounds are places in scan_window.bounds; size 0 = open. */
struct scan_leaf {
    struct page_id id;
    struct page_id prev, next; /* as far as the index tells, else NO_PAGE */
    uint8_t *page;
    size_t lower_at, upper_at;
    size_t lower_size, upper_size;
};

/* Leaves that were listed and read together, in the direction of the scan. */
struct scan_window {
    uint8_t *span; /* half of the scan's: its pages are there; NULL: they are the pool's */
    struct scan_leaf *leaves;
    size_t at, count; /* those before `at` are used up */
    size_t capacity;
    struct bytes bounds;
};

/* Who runs the helper of a scan. */
struct scan_helpers {
    /* Runs entry(t, arg) as a task, if there is one to spare; it calls `end` last. */
    bool (*start)(void *user, void (*entry)(struct task *t, void *arg), void *arg);
    /* The scan may be closed now. */
    void (*end)(void *user);
};

/* A scan: one snapshot for its whole life; holds no pin between steps, and no task but the helper
 * that reads ahead. */
struct tree_scan {
    struct mem *mem;
    struct snapshot *snapshot; /* referenced; NULL = an absent partition */
    enum tree_kind tree;
    bool reverse;
    uint64_t now_ms;       /* hide pairs expired at this time; 0 = show all */
    eloq_slice begin, end; /* owned copies */
    uint64_t left;         /* pairs still wanted */

    struct scan_window window;          /* being handed out */
    struct scan_window next;            /* read ahead; the helper's while is_reading */
    const struct scan_helpers *helpers; /* NULL: nothing is read ahead */
    void *helpers_user;
    bool is_reading;
    bool ahead_failed;     /* nothing more is read ahead before the scan comes to where it failed */
    struct wait_list read; /* the step that waits for the helper */
    size_t ahead;          /* leaves of the next window */
    uint8_t *span;         /* both windows' memory, once they are large; NULL: none */
    bool is_hot;           /* the last leaves were all in memory: there is no wait to hide */
    struct bytes
        fence;       /* forward: lower bound of the next leaf to list; reverse: upper bound of it */
    bool has_fence;  /* false: nothing listed yet */
    bool listed_all; /* the windows hold the last leaf of the range */
    struct page_id last_leaf; /* the one used up last; NO_PAGE: none */
    struct bytes last;        /* the pair delivered last, when its leaf is not used up */
    bool has_last;
    bool last_is_next; /* it was not delivered: memory was short */
    bool is_resting;   /* the window was given back; the next one begins with the leaf of `last` */
    bool is_begun; /* a leaf was used up: perhaps only in part, so it tells nothing about others */
    uint64_t pairs_seen, leaves_seen; /* in whole leaves: to tell how many leaves a limit needs */
    bool finished;
    struct err failure; /* of an earlier step: repeated; code 0 = none */
};

/* Receives pairs of a step; answers ELOQ_OK, ELOQ_FETCH (it is full: this one was taken, stop) or a
 * failure. key and value are lent; what it keeps must not be of the task's arena. */
typedef int tree_scan_take(void *user, const struct tree_pair *pair);

/* Copies the bounds and takes a reference on the snapshot. ELOQ_OK or ELOQ_NO_MEMORY. */
int tree_scan_open(struct tree_scan *scan, struct mem *mem, struct snapshot *s, enum tree_kind tree,
                   const eloq_range *range, uint64_t now_ms);
/* From now on a helper reads ahead. What it cannot read or list is tried again, and told, when the
 * scan comes there. */
void tree_scan_help(struct tree_scan *scan, const struct scan_helpers *helpers, void *user);
/* Delivers pairs in order until `take` is full. ELOQ_OK: there may be more; ELOQ_END: all delivered
 * (pairs of this step may come with it); a failure: pairs before it were delivered. A failure is
 * the end of the scan, but for want of memory it may be tried again (unless it says so for ever).
 */
int tree_scan_step(struct task *t, struct tree_scan *scan, tree_scan_take *take, void *user);
/* Between two steps: gives back the pages read ahead. They will be read again. While the helper is
 * at work nothing is given back. Answers how many bytes of them were not the pool's. */
size_t tree_scan_rest(struct tree_scan *scan);
/* Not while the helper is at work (is_reading). */
void tree_scan_close(struct tree_scan *scan);
