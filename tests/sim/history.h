/* sim/history.h -- what concurrent readers of one partition may see.
 *
 *     state 0 --write 1--> state 1 --write 2--> state 2 ...      in the order of submission
 *
 * A store keeps that order within a partition, so every read sees just one of the states: none
 * before the newest that was acknowledged, or that a finished read has seen, when it began; none
 * after the newest that was submitted when it ended. That is linearizable, for each key and for the
 * partition as a whole. Reads of several keys must see them all in one state.
 *
 * Keys are numbers below HISTORY_KEYS, in the order of their bytes; what a key holds is the number
 * of a version, no two writes having the same. Pairs that expire at a time within that of a read
 * may be seen or not. */
#pragma once

#include "base/common.h"

#define HISTORY_KEYS 16
#define HISTORY_STATES 128
#define HISTORY_VERSIONS 1024

struct version {
    uint32_t size;
    uint64_t expire_ms; /* 0 = never */
};
extern struct version versions[HISTORY_VERSIONS]; /* 0 is no pair */

struct history {
    unsigned count; /* the newest state */
    unsigned seen;  /* the oldest that who begins now may see */
    uint16_t states[HISTORY_STATES][HISTORY_KEYS];
    uint64_t submitted[HISTORY_STATES], done[HISTORY_STATES]; /* when; UINT64_MAX: not yet */
};

/* A moment to end or begin: the states seen so far, the time. */
struct history_span {
    unsigned low, high; /* states */
    uint64_t from_ms, to_ms;
};

/* A read's answer: of the keys in [first, end), at most `limit` (0: all) from one of both sides. */
struct history_answer {
    unsigned first, end, limit;
    bool reverse;
    unsigned count;
    uint8_t keys[HISTORY_KEYS];
    uint16_t versions[HISTORY_KEYS];
};

void history_init(struct history *h);
/* The next state, to be changed by the caller: a copy of the newest. NULL: there is no room. */
uint16_t *history_add(struct history *h, uint64_t now);
/* State k was acknowledged, or a finished read has seen it. */
void history_saw(struct history *h, unsigned k, uint64_t now);
/* The oldest state from `from` on, not after span->high, that gives this answer; UINT_MAX: none. */
unsigned history_find(const struct history *h, unsigned from, const struct history_span *span,
                      const struct history_answer *answer);
/* Whether state k may be, must be empty. */
bool history_may_be_empty(const struct history *h, unsigned k, uint64_t now_ms);
void history_print(const struct history *h, const struct history_span *span,
                   const struct history_answer *answer);
