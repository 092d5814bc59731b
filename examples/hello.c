/* examples/hello.c -- put a pair, get it back. */
#include <eloqstore.h>
#include <stdio.h>

int main(void)
{
    eloq_options options = ELOQ_OPTIONS("./data");
    eloq_part users = { "users", 0 };
    eloq_record record = { 0 };
    eloq_store *db = NULL;

    if (eloq_open(&options, &db) < 0 || eloq_put(db, users, eloq_str("alice"), eloq_str("42")) < 0
        || eloq_get(db, users, eloq_str("alice"), &record) != ELOQ_OK) {
        fprintf(stderr, "%s\n", eloq_errmsg());
        return 1;
    }
    printf("alice = %.*s\n", (int)record.value.size, (char *)record.value.data);
    eloq_record_free(&record);
    return eloq_close(db);
}
