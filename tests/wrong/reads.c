/* tests/wrong/reads.c -- ask a store in every way there is, and judge the answers. */
#include "wrong/reads.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);

    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

void reads_judge(const struct verdict *verdict, eloq_part part, const char *what, int rc)
{
    const char *message = eloq_errmsg();
    eloq_error error;

    ck_assert_msg(rc == verdict->code, "%s answers %d, not %d: %s", what, rc, verdict->code,
                  rc < 0 ? message : "");
    ck_assert_msg(message[0] != '\0', "%s fails without words", what);
    if (verdict->words)
        ck_assert_msg(strstr(message, verdict->words) != NULL, "%s: \"%s\" not in \"%s\"", what,
                      verdict->words, message);
    ck_assert_int_eq(eloq_error_detail(NULL, &error), ELOQ_OK);
    ck_assert_int_eq(error.status, verdict->code);
    ck_assert_msg(error.table && strcmp(error.table, part.table) == 0, "%s names no table: %s",
                  what, message);
    ck_assert_uint_eq(error.partition, part.partition);
    if (!verdict->file)
        return;
    ck_assert_msg(error.file && ends_with(error.file, verdict->file), "%s names %s, not %s: %s",
                  what, error.file ? error.file : "no file", verdict->file, message);
    if (verdict->offset != UINT64_MAX)
        ck_assert_msg(error.offset == verdict->offset, "%s: offset %lu, not %lu: %s", what,
                      (unsigned long)error.offset, (unsigned long)verdict->offset, message);
}

static void judge_value(const char *what, int rc, const eloq_record *record, const char *key,
                        const struct expected *expected)
{
    size_t size;
    const void *value = expected->value(key, &size);

    ck_assert_msg(rc == ELOQ_OK, "%s of %s answers %d: %s", what, key, rc,
                  rc < 0 ? eloq_errmsg() : "");
    ck_assert_msg(record->value.size == size && memcmp(record->value.data, value, size) == 0,
                  "%s of %s gives another value", what, key);
}

void reads_key(eloq_store *db, eloq_part part, const char *key, const struct expected *expected,
               const struct verdict *verdict)
{
    eloq_record record = { 0 }, many[2] = { { { 0 }, { 0 }, 0, 0 } };
    eloq_slice keys[2] = { eloq_str(key), eloq_str("a key that is nowhere") };
    int statuses[2];

    int get = eloq_get(db, part, eloq_str(key), &record);
    if (verdict)
        reads_judge(verdict, part, "get", get);
    else
        judge_value("get", get, &record, key, expected);
    int floor = eloq_floor(db, part, eloq_str(key), &record);
    if (verdict)
        reads_judge(verdict, part, "floor", floor);
    else
        judge_value("floor", floor, &record, key, expected);
    int all = eloq_get_many(db, part, keys, 2, many, statuses);
    if (verdict) {
        reads_judge(verdict, part, "get_many", all);
        ck_assert_int_eq(statuses[0], verdict->code);
    } else {
        ck_assert_msg(statuses[0] == ELOQ_OK, "get_many: %d", statuses[0]);
        judge_value("get_many", statuses[0], &many[0], key, expected);
    }
    eloq_record_free(&record);
    eloq_record_free(&many[0]);
    eloq_record_free(&many[1]);
}

static bool is_pair(const eloq_item *item, const char *key, const struct expected *expected)
{
    size_t size;
    const void *value = expected->value(key, &size);

    return item->key.size == strlen(key) && memcmp(item->key.data, key, item->key.size) == 0
           && item->value.size == size && memcmp(item->value.data, value, size) == 0;
}

void reads_scan(eloq_store *db, eloq_part part, const struct expected *expected,
                const struct verdict *verdict)
{
    unsigned count = 0;

    while (expected->keys[count])
        count++;
    for (int reverse = 0; reverse < 2; reverse++) {
        const char *what = reverse ? "reverse scan" : "scan";
        eloq_range range = { .reverse = reverse };
        unsigned at = 0;
        eloq_iter *iter;
        eloq_item item;
        int rc = eloq_scan(db, part, &range, &iter);
        ck_assert_int_eq(rc, ELOQ_OK);
        while ((rc = eloq_iter_next(iter, &item)) == ELOQ_OK) {
            ck_assert_msg(at < count, "%s gives too much", what);
            ck_assert_msg(is_pair(&item, expected->keys[reverse ? count - 1 - at : at], expected),
                          "%s: pair %u is wrong", what, at);
            at++;
        }
        if (verdict) {
            reads_judge(verdict, part, what, rc);
            rc = eloq_iter_next(iter, &item);
            reads_judge(verdict, part, "next after a failure", rc);
        } else {
            ck_assert_msg(rc == ELOQ_END, "%s answers %d: %s", what, rc, eloq_errmsg());
            ck_assert_msg(at == count, "%s ends after %u of %u", what, at, count);
        }
        eloq_iter_close(iter);
    }
}

/* Findings of one check. */
struct looking {
    const struct verdict *verdict;
    bool found;
    unsigned damages;
    char words[600];
};

static void look(void *user, eloq_part part, const eloq_finding *finding)
{
    struct looking *l = user;
    const struct verdict *v = l->verdict;

    (void)part;
    if (finding->severity != ELOQ_DAMAGE)
        return;
    l->damages++;
    size_t used = strlen(l->words);
    snprintf(l->words + used, sizeof(l->words) - used, "%s (%s %lu); ", finding->what,
             finding->file ? finding->file : "-", (unsigned long)finding->offset);
    if (v && v->file && (!finding->file || !ends_with(finding->file, v->file)))
        return;
    if (v && v->file && v->offset != UINT64_MAX && finding->offset != v->offset)
        return;
    l->found = true;
}

void reads_check(eloq_store *db, eloq_part part, const struct verdict *verdict)
{
    struct looking l = { .verdict = verdict };
    eloq_checked checked;
    int rc = eloq_check(db, part, look, &l, &checked);

    if (!verdict) {
        ck_assert_msg(rc == ELOQ_OK && l.damages == 0, "check answers %d: %s", rc, l.words);
        return;
    }
    ck_assert_msg(rc == ELOQ_CORRUPTED, "check answers %d, not corrupted: %s", rc, l.words);
    ck_assert_uint_eq(checked.damages, l.damages);
    ck_assert_msg(l.found, "no finding names %s: %s", verdict->file ? verdict->file : "?", l.words);
}

void reads_write(eloq_store *db, eloq_part part, const char *key, const struct verdict *verdict)
{
    int put = eloq_put(db, part, eloq_str(key), eloq_str("written"));
    if (verdict)
        reads_judge(verdict, part, "put", put);
    else
        ck_assert_msg(put == ELOQ_OK, "put answers %d: %s", put, eloq_errmsg());
    int delete = eloq_delete(db, part, eloq_str(key));
    if (verdict)
        reads_judge(verdict, part, "delete", delete);
    else
        ck_assert_msg(delete == ELOQ_OK, "delete answers %d: %s", delete, eloq_errmsg());
}
