/* examples/scan.c -- a batch, and the keys that start with 'a'. */
#include <eloqstore.h>
#include <stdio.h>
#include <time.h>

static int scan(eloq_store *db, eloq_part users)
{
    eloq_range range = { .begin = eloq_str("a"),
                         .end = eloq_str("b") }; /* keys that start with 'a' */
    eloq_iter *iter;
    eloq_item item;
    int rc = eloq_scan(db, users, &range, &iter);
    if (rc < 0)
        return rc;
    while ((rc = eloq_iter_next(iter, &item)) == ELOQ_OK)
        printf("%.*s\n", (int)item.key.size, (const char *)item.key.data);
    eloq_iter_close(iter);
    return rc; /* ELOQ_END, or what went wrong */
}

int main(void)
{
    eloq_options options = ELOQ_OPTIONS("./data");
    eloq_part users = { "users", 0 };
    eloq_store *db = NULL;
    uint64_t now_ms = (uint64_t)time(NULL) * 1000;

    int rc = eloq_open(&options, &db);
    if (rc == ELOQ_OK) {
        eloq_entry move[] = {
            { .key = eloq_str("alice"), .value = eloq_str("40") },
            { .key = eloq_str("bob"), .value = eloq_str("2"), .expire_at = now_ms + 60000 },
            { .key = eloq_str("carol"), .kind = ELOQ_DELETE },
        };
        rc = eloq_write(db, users, move, 3); /* all of it, durable, or none of it */
    }
    if (rc == ELOQ_OK)
        rc = scan(db, users);
    if (rc < 0)
        fprintf(stderr, "%s\n", eloq_errmsg());
    eloq_close(db);
    return rc == ELOQ_END ? 0 : 1;
}
