/* sim/kinds.c -- which kinds of store and of batch the scripts of a program had. */
#include "sim/kinds.h"

#include <stdio.h>

#include "base/check.h"

#define LARGE_BYTES 4096 /* more than a page */

enum kind {
    IN_PLACE,
    APPEND,
    TWO_PATHS,
    TWO_SHARDS,
    WRITTEN_AHEAD,
    ONE_FLUSH,
    EVICTED,
    READER,
    OVERWRITE,
    DELETE,
    EXPIRING,
    LARGE,
    TRUNCATE,
    DROP,
    COMPACTED,
    CLEANED,
    FILE_REMOVED,
    MANIFEST_SWITCH,
    KINDS
};
static const char *const names[KINDS] = {
    [IN_PLACE] = "in place",
    [APPEND] = "append",
    [TWO_PATHS] = "two paths",
    [TWO_SHARDS] = "two shards",
    [WRITTEN_AHEAD] = "written ahead",
    [ONE_FLUSH] = "one flush",
    [EVICTED] = "evicted",
    [READER] = "slow reader",
    [OVERWRITE] = "overwrites",
    [DELETE] = "deletes",
    [EXPIRING] = "expiring pairs",
    [LARGE] = "large values",
    [TRUNCATE] = "truncations",
    [DROP] = "drops",
    [COMPACTED] = "pages compacted",
    [CLEANED] = "pairs cleaned",
    [FILE_REMOVED] = "files removed",
    [MANIFEST_SWITCH] = "manifests switched",
};
static uint64_t counts[KINDS];

static void add_stat(enum kind kind, eloq_store *db, const char *name)
{
    uint64_t n = 0;

    CHECK(eloq_stat(db, name, &n) == ELOQ_OK);
    counts[kind] += n;
}

static void add_batch(const struct model *from, const struct model *to)
{
    for (size_t i = 0; i < to->count; i++) {
        const struct model_pair *p = &to->pairs[i], *old = model_find(from, p->key, p->key_size);
        if (old && model_compare(old->value, old->value_size, p->value, p->value_size) == 0)
            continue;
        counts[OVERWRITE] += old != NULL;
        counts[EXPIRING] += p->expire_at != 0;
        counts[LARGE] += p->value_size > LARGE_BYTES;
    }
    for (size_t i = 0; i < from->count; i++)
        counts[DELETE] += model_find(to, from->pairs[i].key, from->pairs[i].key_size) == NULL;
}

void kinds_add(const struct run *run)
{
    const struct script *s = run->script;

    counts[s->append ? APPEND : IN_PLACE]++;
    counts[TWO_PATHS] += s->has_two_paths;
    counts[TWO_SHARDS] += s->parts > 1;
    counts[WRITTEN_AHEAD] += s->is_ahead;
    counts[ONE_FLUSH] += s->is_one_flush;
    counts[EVICTED] += s->is_evicted;
    counts[READER] += s->reads;
    for (unsigned k = 1; k <= s->batches; k++)
        add_batch(&s->states[k - 1], &s->states[k]);
    counts[TRUNCATE] += run->truncations;
    counts[DROP] += run->drops;
    add_stat(COMPACTED, run->db, "pages_compacted");
    add_stat(CLEANED, run->db, "keys_expired");
    add_stat(FILE_REMOVED, run->db, "files_removed");
    add_stat(MANIFEST_SWITCH, run->db, "manifest_switches");
}

const char *kinds_print(void)
{
    const char *missing = NULL;

    printf("in one life of each script:");
    for (int k = 0; k < KINDS; k++) {
        printf("%s %s %llu", k ? "," : "", names[k], (unsigned long long)counts[k]);
        if (counts[k] == 0)
            missing = names[k];
    }
    printf("\n");
    return missing;
}
