/* tests/wrong/commits.c -- a partition of a few commits, and which of them are still there. */
#include "wrong/commits.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { KEY_BYTES = 16, VALUE_BYTES = 200 };

/* Partitions share no key. */
static void key_of(char *key, eloq_part part, int commit, int i)
{
    snprintf(key, KEY_BYTES, "%u-%d-%03d", part.partition, commit, i);
}

/* Names its partition and its key, so that no other can pass for it. */
static void value_of(char *value, eloq_part part, const char *key)
{
    memset(value, '.', VALUE_BYTES);
    int size = snprintf(value, VALUE_BYTES, "%s.%u/%s", part.table, part.partition, key);
    value[size] = '.';
}

void commits_write(eloq_store *db, eloq_part part, int commit)
{
    static char keys[COMMIT_KEYS][KEY_BYTES], values[COMMIT_KEYS][VALUE_BYTES];
    eloq_entry entries[COMMIT_KEYS];

    for (int i = 0; i < COMMIT_KEYS; i++) {
        key_of(keys[i], part, commit, i);
        value_of(values[i], part, keys[i]);
        entries[i] =
            (eloq_entry){ .key = eloq_str(keys[i]), .value = eloq_bytes(values[i], VALUE_BYTES) };
    }
    int rc = eloq_write(db, part, entries, COMMIT_KEYS);
    ck_assert_msg(rc == ELOQ_OK, "%s", eloq_errmsg());
}

static void note_failure(struct commits_seen *seen, eloq_part part, int rc)
{
    eloq_error error;

    ck_assert_int_lt(rc, 0);
    ck_assert_int_eq(eloq_error_detail(NULL, &error), ELOQ_OK);
    ck_assert_int_eq(error.status, rc);
    ck_assert_msg(error.table && strcmp(error.table, part.table) == 0
                      && error.partition == part.partition,
                  "names no partition: %s", eloq_errmsg());
    ck_assert_msg(error.file != NULL || strstr(eloq_errmsg(), "page="), "names no file: %s",
                  eloq_errmsg());
    seen->failures++;
    seen->status = rc;
    snprintf(seen->words, sizeof(seen->words), "%s", eloq_errmsg());
}

static void get_all(eloq_store *db, eloq_part part, struct commits_seen *seen, int *found)
{
    char key[KEY_BYTES], value[VALUE_BYTES];
    eloq_record record = { 0 };

    for (int commit = 1; commit <= COMMITS; commit++) {
        for (int i = 0; i < COMMIT_KEYS; i++) {
            key_of(key, part, commit, i);
            value_of(value, part, key);
            int rc = eloq_get(db, part, eloq_str(key), &record);
            if (rc < 0) {
                note_failure(seen, part, rc);
            } else if (rc == ELOQ_OK) {
                found[commit]++;
                ck_assert_msg(record.value.size == VALUE_BYTES
                                  && memcmp(record.value.data, value, VALUE_BYTES) == 0,
                              "get of %s gives another value", key);
            }
        }
    }
    eloq_record_free(&record);
}

/* The pair is one that was written: its commit, or the test fails. */
static int commit_of(eloq_part part, const eloq_item *item)
{
    char key[KEY_BYTES], value[VALUE_BYTES];
    unsigned partition;
    int commit, i;

    ck_assert_uint_lt(item->key.size, sizeof(key));
    memcpy(key, item->key.data, item->key.size);
    key[item->key.size] = '\0';
    ck_assert_msg(sscanf(key, "%u-%d-%d", &partition, &commit, &i) == 3 && commit >= 1
                      && commit <= COMMITS,
                  "scan gives key %s", key);
    value_of(value, part, key);
    ck_assert_msg(item->value.size == VALUE_BYTES
                      && memcmp(item->value.data, value, VALUE_BYTES) == 0,
                  "scan gives another value for %s", key);
    return commit;
}

static void scan_all(eloq_store *db, eloq_part part, bool reverse, struct commits_seen *seen,
                     int *found)
{
    eloq_range range = { .reverse = reverse };
    eloq_iter *iter;
    eloq_item item;
    int rc;

    ck_assert_int_eq(eloq_scan(db, part, &range, &iter), ELOQ_OK);
    while ((rc = eloq_iter_next(iter, &item)) == ELOQ_OK)
        found[commit_of(part, &item)]++;
    if (rc != ELOQ_END)
        note_failure(seen, part, rc);
    eloq_iter_close(iter);
}

void commits_look(eloq_store *db, eloq_part part, struct commits_seen *ret)
{
    int found[3][COMMITS + 1] = { { 0 } };

    memset(ret, 0, sizeof(*ret));
    get_all(db, part, ret, found[0]);
    scan_all(db, part, false, ret, found[1]);
    scan_all(db, part, true, ret, found[2]);
    if (ret->failures > 0)
        return;
    while (ret->state < COMMITS && found[0][ret->state + 1] > 0)
        ret->state++;
    for (int way = 0; way < 3; way++)
        for (int commit = 1; commit <= COMMITS; commit++)
            ck_assert_msg(found[way][commit] == (commit <= ret->state ? COMMIT_KEYS : 0),
                          "way %d finds %d keys of commit %d", way, found[way][commit], commit);
}
