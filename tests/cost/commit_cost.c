/* tests/cost/commit_cost.c -- one-key commits on a table of a given size, to have their
 * instructions counted from outside (commit_cost.py).
 *
 *     commit_cost make DIR KEYS           a store with so many keys
 *     commit_cost run DIR KEYS COMMITS    opens it, reads its index into memory, updates random
 * keys
 */
#include "table.h"

static void run(uint64_t keys, uint64_t commits)
{
    char key[17], value[100];
    eloq_record record = { 0 };
    for (uint64_t n = 0; n < keys; n += 500) { /* every index page holds more leaves than that */
        make_pair(n, key, value);
        if (eloq_get(db, part, eloq_bytes(key, 16), &record) != ELOQ_OK)
            fail("get");
    }
    eloq_record_free(&record);
    uint64_t state = 7;
    for (uint64_t i = 0; i < commits; i++) {
        make_pair(next_random(&state) % keys, key, value);
        memcpy(value + 50, &state, 8);
        if (eloq_put(db, part, eloq_bytes(key, 16), eloq_bytes(value, 100)) < 0)
            fail("put");
    }
}

int main(int argc, char **argv)
{
    int is_make = argc == 4 && strcmp(argv[1], "make") == 0;
    if (!is_make && !(argc == 5 && strcmp(argv[1], "run") == 0)) {
        fprintf(stderr, "usage: commit_cost make DIR KEYS | run DIR KEYS COMMITS\n");
        return 2;
    }
    eloq_options options = ELOQ_OPTIONS(argv[2]);
    options.host_driven = 1;
    options.io_backend = ELOQ_IO_SYNC;
    if (eloq_open(&options, &db) < 0)
        fail("open");
    uint64_t keys = strtoull(argv[3], NULL, 10);
    if (!is_make)
        run(keys, strtoull(argv[4], NULL, 10));
    else if (load(keys) < 0)
        fail("write");
    if (eloq_close(db) < 0)
        fail("close");
    return 0;
}
