/* examples/host_driven.c -- no threads but the host's: it runs the shard itself. */
#include <eloqstore.h>
#include <stdio.h>

static int finished;

static void done(eloq_op *op)
{
    printf("%s\n", op->status == ELOQ_OK ? (const char *)op->record.value.data : "nothing");
    eloq_record_free(&op->record);
    finished = 1;
}

int main(void)
{
    eloq_options options = ELOQ_OPTIONS("./data");
    options.host_driven = 1; /* one shard, no threads; every call from the thread that opened */
    eloq_part users = { "users", 0 };
    eloq_op op = { .done = done };
    eloq_store *db = NULL;

    if (eloq_open(&options, &db) < 0
        || eloq_put(db, users, eloq_str("alice"), eloq_bytes("42", 3)) < 0
        || eloq_get_async(db, users, eloq_str("alice"), &op) < 0) {
        fprintf(stderr, "%s\n", eloq_errmsg());
        return 1;
    }
    while (!finished)
        eloq_run(db, 1); /* run the shard; wait at most 1 ms for the disk */
    return eloq_close(db);
}
