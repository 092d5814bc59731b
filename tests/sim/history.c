/* sim/history.c -- what concurrent readers of one partition may see. */
#include "sim/history.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

struct version versions[HISTORY_VERSIONS];

void history_init(struct history *h)
{
    h->count = h->seen = 0;
    memset(h->states[0], 0, sizeof(h->states[0]));
    h->submitted[0] = h->done[0] = 0;
}

uint16_t *history_add(struct history *h, uint64_t now)
{
    if (h->count + 1 == HISTORY_STATES)
        return NULL;
    unsigned k = ++h->count;
    memcpy(h->states[k], h->states[k - 1], sizeof(h->states[k]));
    h->submitted[k] = now;
    h->done[k] = UINT64_MAX;
    return h->states[k];
}

void history_saw(struct history *h, unsigned k, uint64_t now)
{
    CHECK(k <= h->count);
    while (h->seen < k)
        h->done[++h->seen] = now;
}

static bool is_hidden(uint16_t version, uint64_t now_ms)
{
    uint64_t at = versions[version].expire_ms;

    return version == 0 || (at != 0 && at <= now_ms);
}

/* Whether the state gives the answer. */
static bool matches(const uint16_t *state, const struct history_span *span,
                    const struct history_answer *a)
{
    unsigned n = 0;

    for (unsigned i = a->first; i < a->end; i++) {
        unsigned key = a->reverse ? a->end - 1 - (i - a->first) : i;
        if (a->limit > 0 && n == a->limit)
            break;
        if (n < a->count && a->keys[n] == key) {
            if (a->versions[n] != state[key] || is_hidden(state[key], span->from_ms))
                return false;
            n++;
        } else if (!is_hidden(state[key], span->to_ms)) {
            return false;
        }
    }
    return n == a->count;
}

unsigned history_find(const struct history *h, unsigned from, const struct history_span *span,
                      const struct history_answer *answer)
{
    for (unsigned k = from; k <= span->high; k++)
        if (matches(h->states[k], span, answer))
            return k;
    return UINT_MAX;
}

bool history_may_be_empty(const struct history *h, unsigned k, uint64_t now_ms)
{
    for (unsigned key = 0; key < HISTORY_KEYS; key++)
        if (!is_hidden(h->states[k][key], now_ms))
            return false;
    return true;
}

void history_print(const struct history *h, const struct history_span *span,
                   const struct history_answer *answer)
{
    fprintf(stderr, "answer for keys %u to %u, limit %u%s, at %llu to %llu:", answer->first,
            answer->end, answer->limit, answer->reverse ? ", reverse" : "",
            (unsigned long long)span->from_ms, (unsigned long long)span->to_ms);
    for (unsigned i = 0; i < answer->count; i++)
        fprintf(stderr, " %u=%u", answer->keys[i], answer->versions[i]);
    fprintf(stderr, "\nstates %u to %u, seen %u, newest %u:\n", span->low, span->high, h->seen,
            h->count);
    for (unsigned k = span->low > 2 ? span->low - 2 : 0; k <= h->count; k++) {
        fprintf(stderr, "%5u:", k);
        for (unsigned key = 0; key < HISTORY_KEYS; key++) {
            uint16_t version = h->states[k][key];
            if (version > 0)
                fprintf(stderr, versions[version].expire_ms ? " %u=%u(%llu)" : " %u=%u", key,
                        version, (unsigned long long)versions[version].expire_ms);
        }
        fprintf(stderr, "\n");
    }
}
