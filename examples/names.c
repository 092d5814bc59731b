/* examples/names.c -- a host whose functions have the names of ours: each keeps its own. */
#include <eloqstore.h>
#include <stdio.h>

#define OURS(name)  \
    int name(void); \
    int name(void)  \
    {               \
        calls++;    \
        return 1;   \
    }

static int calls;

OURS(leaf_seek)
OURS(store_open)
OURS(shard_step)
OURS(mem_alloc)
OURS(io_submit)
OURS(checksum64)
OURS(request_finish)

int main(void)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    eloq_part part = { "t", 0 };
    eloq_record record = { 0 };
    eloq_store *db = NULL;

    if (eloq_open(&options, &db) < 0 || eloq_put(db, part, eloq_str("k"), eloq_str("v")) < 0
        || eloq_get(db, part, eloq_str("k"), &record) != ELOQ_OK) {
        fprintf(stderr, "%s\n", eloq_errmsg());
        return 1;
    }
    eloq_record_free(&record);
    printf("%d calls of ours by the library\n", calls);
    return eloq_close(db) == ELOQ_OK && calls == 0 ? 0 : 1;
}
