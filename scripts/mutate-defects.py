#!/usr/bin/env python3
"""Deliberate defects: small mistakes of the kind one makes, each in one place; a row must find each.

    scripts/mutate-defects.py [--only NAME...] [--list] [--record] [--table] [--jobs N] [--seed N]

Each entry of DEFECTS is (area, name, what, file, old text, new text, programs); the programs are
those of the scoreboard, at its size of CI, the most telling first. How it works: mutants.py. --table
prints what docs/RELIABILITY.md says of them: found by which row, from which seed, by which command.
"""
import re
import sys

import mutants

WTX = "src/part/wtx.c"
COMMIT = "src/part/commit.c"
SNAPSHOT = "src/part/snapshot.c"
PART = "src/part/part.c"
REPLAY = "src/part/manifest_replay.c"
LOG = "src/part/manifest_log.c"
LOAD = "src/part/part_load.c"
GC = "src/part/gc.c"
USAGE = "src/part/usage.c"
TABLE = "src/part/part_table.c"
CACHE = "src/part/page_cache.c"
READ = "src/tree/read.c"
REGIONS = "src/page/regions.c"
MERGE = "src/tree/apply_leaf.c"
VALUE = "src/tree/value.h"
WRITE = "src/engine/run_write.c"
QUEUE = "src/engine/writeq.c"

POWER, FAULT = "tests/sim/power_test", "tests/sim/fault_test"
ARCHIVE, INTERLEAVE = "tests/sim/archive_test", "tests/sim/interleave_test"
ARRAY, MODEL = "tests/model/array_test", "tests/model/model_test"
KILL = "tests/crash/kill_test"
CHURN = "tests/stress/churn_test"

DEFECTS = [
    ("commit order", "record-before-the-last-pages",
     "the last pages are written after the manifest record", COMMIT,
     "    TRY(wtx_flush(t, w));\n    TRY(prewrite(t, p));\n    if (bitset_grow",
     "    if (w->out_count > 1)\n        TRY(wtx_flush(t, w));\n    TRY(prewrite(t, p));\n"
     "    if (bitset_grow", (POWER,)),
    ("commit order", "long-record-without-its-last-change",
     "of more than 32 changes a record lacks the last", COMMIT,
     "        .change_count = w->change_count,",
     "        .change_count = w->change_count - (w->change_count > 32),", (POWER, ARRAY, MODEL)),
    ("commit order", "places-are-not-given-back",
     "an aborted write in append mode keeps its end, the next record skips it", WTX,
     "        p->falloc.next = w->falloc_next_before;",
     "        p->falloc.next = w->falloc_next_before - (w->falloc_next_before > 0);",
     (POWER, FAULT)),
    ("page recycling", "page-a-version-too-early",
     "a place is free while the oldest snapshot still sees it", SNAPSHOT,
     "if (heir && freed.born <= heir->version) {", "if (heir && freed.born < heir->version) {",
     (INTERLEAVE, ARRAY, MODEL, CHURN)),
    ("page recycling", "node-a-version-too-early",
     "a mapping node is freed while the oldest snapshot still uses it", SNAPSHOT,
     "if (heir && node->born <= heir->version) {", "if (heir && node->born < heir->version) {",
     (INTERLEAVE, ARRAY, MODEL, CHURN)),
    ("page recycling", "place-before-the-commit-lasts",
     "the place of a replaced page is used again in the same commit", WTX,
     "    if (had)\n        add_freed(w, old, born);",
     "    if (had)\n        falloc_give(&p->falloc, old);", (POWER,)),
    ("page recycling", "ids-of-an-aborted-write",
     "an aborted write does not give its page ids back", WTX,
     "    wtx_give_ids(p, &w->base->map, w->ids_taken, w->ids_taken_count);\n    mem_free",
     "    wtx_give_ids(p, &w->base->map, w->ids_taken, w->ids_taken_count / 2);\n    mem_free",
     (FAULT, POWER)),
    ("manifest replay", "last-page-id-of-a-long-record",
     "replay leaves out the last change of a record of more than 16", REPLAY,
     "    struct reader r = v->values;\n    for (uint32_t i = 0; i < v->value_count; i++) {\n"
     "        uint32_t id = 0;",
     "    struct reader r = v->values;\n"
     "    for (uint32_t i = 0; i < v->value_count - (v->value_count > 16); i++) {\n"
     "        uint32_t id = 0;", (POWER, ARRAY, MODEL)),
    ("manifest replay", "end-one-too-low",
     "replay takes the last place in use for the end", REPLAY,
     "s->max_place = MAX(s->max_place, (value >> 3) + 1);",
     "s->max_place = MAX(s->max_place, value >> 3);", (POWER, ARRAY, MODEL)),
    ("manifest replay", "ttl-root-of-the-snapshot",
     "the root of the expiry tree is taken from the snapshot record alone", REPLAY,
     "    s->root[1] = v->root[1];", "    if (frame->at == 0)\n        s->root[1] = v->root[1];",
     (POWER, ARRAY, MODEL)),
    ("manifest replay", "tail-behind-a-cut",
     "a record that was cut off counts as the end of the log", REPLAY,
     "    s->valid_end = MIN(p.bad, p.at);", "    s->valid_end = MIN(p.bad, size);", (POWER,)),
    ("GC", "first-file-of-an-archive",
     "what archives need is read from the second file on", GC,
     "    uint64_t last = UINT64_MAX;\n\n    for (uint32_t id = 0; id < s->page_count",
     "    uint64_t last = 0;\n\n    for (uint32_t id = 0; id < s->page_count", (ARCHIVE,)),
    ("GC", "archives-are-garbage",
     "a file without visible pages is garbage though an archive names it", USAGE,
     "    list_remove(&f->link);\n    if (f->archived)\n        return;\n",
     "    list_remove(&f->link);\n", (ARCHIVE,)),
    ("GC", "dead-is-gone",
     "a file without live pages is garbage, whoever still reads it", USAGE,
     "    if (f->visible == 0)\n        list_push_back(&u->garbage, &f->link);",
     "    if (f->live == 0)\n        list_push_back(&u->garbage, &f->link);",
     (INTERLEAVE, ARRAY, MODEL, CHURN)),
    ("GC", "last-file-in-place",
     "in place the last file is taken for an orphan", GC,
     "name->id <= (p->falloc.next - 1) >> p->files.shift;",
     "name->id < (p->falloc.next - 1) >> p->files.shift;", (POWER, FAULT)),
    ("eviction", "stale-page-of-a-recycled-place",
     "a cached index page stays when its place is given to another", PART,
     "        page_cache_drop(p->env->cache, p, place);\n", "", (POWER, ARRAY, MODEL)),
    ("eviction", "partition-in-use",
     "a partition is closed under the readers of its old snapshots", TABLE,
     "    return p->refs == 0 && p->current->refs == 1 && p->current->link.next == &p->snapshots;",
     "    return p->refs == 0 && p->current->refs == 1;", (INTERLEAVE, ARRAY, MODEL, CHURN)),
    ("eviction", "pages-of-a-closed-partition",
     "index pages stay in the cache when their partition is closed", PART,
     "    page_cache_drop_owner(env->cache, p);\n", "", (INTERLEAVE, POWER, ARRAY, MODEL)),
    ("eviction", "pinned-page",
     "a page that is pinned again stays in the list of those to evict", CACHE,
     "    c->hits++;\n    list_remove(&p->lru);\n    p->pins++;",
     "    c->hits++;\n    if (p->pins > 0)\n        list_remove(&p->lru);\n    p->pins++;",
     (POWER, ARRAY, MODEL)),
    ("floor", "leaf-boundary",
     "a floor that finds nothing in its leaf looks no further left", READ,
     "        if (r->d.lower.size == 0)\n            return ELOQ_NOT_FOUND;",
     "        if (r->d.lower.size == 0 || below)\n            return ELOQ_NOT_FOUND;",
     (INTERLEAVE, ARRAY, MODEL)),
    ("floor", "key-of-another-pair",
     "behind an expired pair the answer has the key that was looked at last", READ,
     "        ret->key = eloq_bytes(keep, c->entry.key.size);\n", "", (INTERLEAVE, ARRAY, MODEL)),
    ("floor", "first-key-of-a-page",
     "a key that is the first of its page is looked for in the page before", REGIONS,
     "        if (order < 0 || (order == 0 && !below))\n            low = middle + 1;",
     "        if (order < 0 || (order == 0 && !below && middle > 0))\n            low = middle + 1;",
     (INTERLEAVE, ARRAY, MODEL)),
    ("TTL step", "a-second-early",
     "a batch drops what expires within the next second", MERGE,
     "expire_at != 0 && expire_at <= a->now_ms;", "expire_at != 0 && expire_at <= a->now_ms + 1000;",
     (INTERLEAVE, ARRAY, MODEL)),
    ("TTL step", "changed-expiry",
     "the old expiry of a pair whose expiry was put off stays noted", MERGE,
     "        && !(now->exists && now->entry.expire_at == stored->expire_at))",
     "        && !(now->exists && now->entry.expire_at >= stored->expire_at))",
     (INTERLEAVE, ARRAY, POWER)),
    ("TTL step", "a-millisecond-late",
     "a pair is shown in the millisecond in which it expires", VALUE,
     "entry->expire_at != 0 && entry->expire_at <= now_ms;",
     "entry->expire_at != 0 && entry->expire_at < now_ms;", (INTERLEAVE, ARRAY, MODEL)),
    ("group commit", "answered-before-the-commit",
     "all but the first of a merged batch are answered before its commit", WRITE,
     "        int rc = commit(t, &m, !has_many);",
     "        struct inbox_item *rest = m.chain->next;\n        m.chain->next = NULL;\n"
     "        answer_all(t, rest, ELOQ_OK);\n        int rc = commit(t, &m, !has_many);",
     (INTERLEAVE, KILL)),
    ("group commit", "status-of-the-first",
     "one that fails alone is told the status of the one before it", WRITE,
     "        if (rc == ELOQ_OK)\n            rc = commit(t, m, true);\n        answer(t, r, rc);",
     "        if (rc == ELOQ_OK)\n            rc = commit(t, m, true);\n"
     "        answer(t, r, next ? rc : ELOQ_OK);", (INTERLEAVE, FAULT)),
    ("group commit", "order-within-a-merge",
     "of three writes of a key in one merge the second wins", WRITE,
     "&r->ask.write.entries[i], (*order)++, &op->skipped);",
     "&r->ask.write.entries[i], (*order)--, &op->skipped);", (INTERLEAVE, KILL)),
    ("group commit", "last-of-a-merge-is-lost",
     "a merge of more than two commits without the last one's operations", WRITE,
     "        ops_sort(t, m.ops, m.scratch, m.count);\n        s->counts",
     "        m.count -= count > 2;\n        ops_sort(t, m.ops, m.scratch, m.count);\n"
     "        s->counts", (INTERLEAVE, KILL)),
]


def seed_of(command):
    """Where it is told; a script's number is its seed."""
    found = re.search(r"--(seed|script|case) (\d+)", " ".join(command))
    return found.group(2) if found else "1"


def print_table(hints):
    print("| area | defect | row | seed | command |\n|---|---|---|---|---|")
    for area, name, what, _, _, _, _ in DEFECTS:
        command = hints.get(name)
        if not command:
            sys.exit("%s: nothing shows it yet, run --record" % name)
        print("| %s | %s (`%s`) | %s | %s | `%s` |" % (area, what, name, mutants.row_of(command[0]),
                                                      seed_of(command), " ".join(command)))


def main():
    parser = mutants.parser(__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="for docs/RELIABILITY.md")
    options = parser.parse_args()
    if options.table:
        print_table(mutants.load_hints())
        return 0
    chosen = [d for d in DEFECTS if not options.only or d[1] in options.only]
    if options.list:
        print("\n".join("%-16s %-38s %s" % d[:3] for d in chosen))
        return 0
    failed = []

    def report(mutant, answer, seconds, hint):
        if not answer.caught:
            failed.append(mutant.name)
        stale = " (hint is stale)" if hint and answer.caught and answer.command != hint else ""
        print("%s %-38s %4.0f s  %s%s" % ("ok  " if answer.caught else "FAIL", mutant.name, seconds,
                                          answer.said, stale), flush=True)

    mutants.try_all([mutants.Mutant(d[1], *d[3:]) for d in chosen], options, report)
    for name in failed:
        print("repeat: scripts/mutate-defects.py --only %s" % name)
    print("%d deliberate defects, %d not found" % (len(chosen), len(failed)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
