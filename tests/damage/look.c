/* damage/look.c -- ask a damaged store in every way there is, and judge the answers. */
#include "damage/look.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

void look_may_fail(uint8_t *may_fail, size_t from, size_t to)
{
    CHECK(to <= LOOK_KEYS_MAX);
    if (from < to)
        memset(may_fail + from, 1, to - from);
}

bool look_wrong(struct look *l, const char *wrong, const char *format, ...)
{
    char text[sizeof(l->detail)]; /* what is told may be l->detail itself */
    va_list args;

    l->wrong = wrong;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    memcpy(l->detail, text, sizeof(text));
    return false;
}

/* A failure: of damage, with the words that name it. */
static bool judge_failure(struct look *l, const char *what, int rc)
{
    eloq_error e;

    l->failed++;
    if (rc != ELOQ_CORRUPTED)
        return look_wrong(l, "fails, but not as corrupted", "%s: %d %s", what, rc, eloq_errmsg());
    if (eloq_error_detail(NULL, &e) != ELOQ_OK || e.status != rc || eloq_errmsg()[0] == '\0')
        return look_wrong(l, "fails without words", "%s", what);
    if (l->words_are_free)
        return true;
    if (!e.file)
        return look_wrong(l, "a failure names no file", "%s: %s", what, eloq_errmsg());
    if (l->file && strcmp(e.file, l->file) != 0)
        return look_wrong(l, "a failure names another file", "%s: %s %s", what, e.file,
                          eloq_errmsg());
    if (l->file && l->to > 0 && (e.offset < l->from || e.offset >= l->to))
        return look_wrong(l, "a failure names another place", "%s: offset %llu: %s", what,
                          (unsigned long long)e.offset, eloq_errmsg());
    return true;
}

static bool may_fail(const struct look_for *want, size_t key)
{
    return want->may_fail && key < want->model->count && want->may_fail[key];
}

static bool is_value(const struct model_pair *p, const void *value, size_t size, uint64_t timestamp,
                     uint64_t expire_at)
{
    return p->timestamp == timestamp && p->expire_at == expire_at && p->value_size == size
           && (size == 0 || memcmp(p->value, value, size) == 0);
}

/* A value that the key had after some commit. */
static bool was_value(const struct look *l, const struct model_pair *p, const void *value,
                      size_t size, uint64_t timestamp, uint64_t expire_at)
{
    for (unsigned i = 0; i < l->x->commits; i++) {
        const struct model_pair *old = model_find(&l->x->states[i], p->key, p->key_size);
        if (old && is_value(old, value, size, timestamp, expire_at))
            return true;
    }
    return false;
}

static enum look_freedom freedom_of(const struct look_for *want, size_t key)
{
    return want->freedom ? (enum look_freedom)want->freedom[key] : LOOK_STRICT;
}

bool look_key(struct look *l, eloq_store *db, const struct look_for *want, size_t key)
{
    static eloq_record record; /* its memory is used again and again */
    const struct model_pair *p = &want->model->pairs[key];
    bool may_be_old = freedom_of(want, key) == LOOK_MAY_BE_OLD;

    int rc = eloq_get(db, exhibit_part, eloq_bytes(p->key, p->key_size), &record);
    if (rc < 0) {
        if (!may_fail(want, key))
            return look_wrong(l, "a key fails that is not concerned", "key %zu: %s", key,
                              eloq_errmsg());
        return judge_failure(l, "get", rc);
    }
    if (freedom_of(want, key) == LOOK_FREE)
        return true;
    if (rc == ELOQ_NOT_FOUND)
        return may_be_old || look_wrong(l, "a key is not found", "key %zu", key);
    if (rc != ELOQ_OK)
        return look_wrong(l, "get answers something else", "key %zu: %d", key, rc);
    if (is_value(p, record.value.data, record.value.size, record.timestamp, record.expire_at)
        || (may_be_old
            && was_value(l, p, record.value.data, record.value.size, record.timestamp,
                         record.expire_at)))
        return true;
    return look_wrong(l, "a wrong value", "key %zu: %zu bytes, not %zu", key, record.value.size,
                      p->value_size);
}

/* A key that is not there, just behind a key that is. */
static bool absent(struct look *l, eloq_store *db, const struct look_for *want, size_t key)
{
    static uint8_t name[2000];
    const struct model_pair *p = &want->model->pairs[key];
    eloq_record record = { 0 };

    memcpy(name, p->key, p->key_size);
    name[p->key_size] = '!';
    int rc = eloq_get(db, exhibit_part, eloq_bytes(name, p->key_size + 1), &record);
    eloq_record_free(&record);
    if (rc < 0 && (may_fail(want, key) || may_fail(want, key + 1)))
        return judge_failure(l, "get of nothing", rc);
    return rc == ELOQ_NOT_FOUND
           || look_wrong(l, "get of what is not there", "behind key %zu: %d %s", key, rc,
                         rc < 0 ? eloq_errmsg() : "");
}

bool look_scan(struct look *l, eloq_store *db, const struct look_for *want, size_t from, size_t to,
               bool reverse)
{
    const struct model *m = want->model;
    static uint8_t end[2000];
    eloq_range range = { .reverse = reverse };
    eloq_iter *iter = NULL;
    eloq_item item;
    size_t n = 0;
    int rc;

    if (from > 0)
        range.begin = eloq_bytes(m->pairs[from].key, m->pairs[from].key_size);
    if (to < m->count) { /* the bound of the next page may lie before its first key */
        const struct model_pair *last = &m->pairs[to - 1];
        memcpy(end, last->key, last->key_size);
        end[last->key_size] = 0;
        range.end = eloq_bytes(end, last->key_size + 1);
    }
    if (eloq_scan(db, exhibit_part, &range, &iter) != ELOQ_OK)
        return look_wrong(l, "no scan", "%s", eloq_errmsg());
    while ((rc = eloq_iter_next(iter, &item)) == ELOQ_OK) {
        size_t at = reverse ? to - 1 - n : from + n;
        const struct model_pair *p = n < to - from ? &m->pairs[at] : NULL;
        if (!p || model_compare(p->key, p->key_size, item.key.data, item.key.size) != 0
            || !is_value(p, item.value.data, item.value.size, item.timestamp, item.expire_at))
            break;
        n++;
    }
    bool ok = rc == ELOQ_END && n == to - from;
    if (rc == ELOQ_OK)
        look_wrong(l, "a scan gives a wrong pair", "from key %zu to %zu: after %zu", from, to, n);
    else if (rc == ELOQ_END && !ok)
        look_wrong(l, "a scan ends too early", "from key %zu to %zu: after %zu", from, to, n);
    else if (rc < 0) {
        size_t at = reverse ? to - 1 - n : from + n;
        ok = n < to - from && may_fail(want, at)
                 ? judge_failure(l, "scan", rc)
                 : look_wrong(l, "a scan fails where nothing is wrong",
                              "from key %zu to %zu: after %zu: %s", from, to, n, eloq_errmsg());
    }
    eloq_iter_close(iter);
    return ok;
}

/* The stretches between damaged ranges are readable for themselves. */
static bool scan_stretches(struct look *l, eloq_store *db, const struct look_for *want)
{
    size_t count = want->model->count;

    for (size_t from = 0; from < count;) {
        size_t to = from;
        while (to < count && !may_fail(want, to))
            to++;
        if (to > from && (from > 0 || to < count) && !look_scan(l, db, want, from, to, from % 2))
            return false;
        from = to + 1;
    }
    return true;
}

bool look_reads(struct look *l, eloq_store *db, const struct look_for *want)
{
    size_t count = want->model->count;
    bool is_plain = true;

    CHECK(count > 0 && count < LOOK_KEYS_MAX);
    for (size_t key = 0; key < count; key++) {
        if (!look_key(l, db, want, key))
            return false;
        is_plain &= freedom_of(want, key) == LOOK_STRICT;
    }
    if (!is_plain)
        return true;
    return absent(l, db, want, count / 2) && absent(l, db, want, count - 1)
           && look_scan(l, db, want, 0, count, false) && look_scan(l, db, want, 0, count, true)
           && (!want->may_fail || scan_stretches(l, db, want));
}

static void on_finding(void *user, eloq_part part, const eloq_finding *f)
{
    struct look *l = user;

    (void)part;
    if (f->severity != ELOQ_DAMAGE) {
        l->notes++;
        return;
    }
    l->damages++;
    if (!l->file
        || (f->file && strcmp(f->file, l->file) == 0
            && (l->to == 0 || (f->offset >= l->from && f->offset < l->to))))
        l->found = true;
    if (l->damages <= 2) {
        size_t used = strlen(l->detail);
        snprintf(l->detail + used, sizeof(l->detail) - used, "[%s %s %llu] ", f->what,
                 f->file ? f->file : "", (unsigned long long)f->offset);
    }
}

bool look_check(struct look *l, eloq_store *db)
{
    l->damages = l->notes = 0;
    l->found = false;
    l->detail[0] = '\0';
    int rc = eloq_check(db, exhibit_part, on_finding, l, NULL);
    if (rc != ELOQ_OK && rc != ELOQ_CORRUPTED)
        return look_wrong(l, "check answers something else", "%d %s", rc,
                          rc < 0 ? eloq_errmsg() : "");
    if ((rc == ELOQ_CORRUPTED) != (l->damages > 0))
        return look_wrong(l, "check's answer and its findings differ", "%d", rc);
    return true;
}

bool look_other(struct look *l, eloq_store *db)
{
    static eloq_record record;
    const struct model *m = &l->x->other;

    for (size_t i = 0; i < m->count; i += 1 + m->count / 3) {
        const struct model_pair *p = &m->pairs[i];
        int rc = eloq_get(db, exhibit_other, eloq_bytes(p->key, p->key_size), &record);
        if (rc != ELOQ_OK
            || !is_value(p, record.value.data, record.value.size, record.timestamp,
                         record.expire_at))
            return look_wrong(l, "the other partition", "key %zu: %d %s", i, rc,
                              rc < 0 ? eloq_errmsg() : "");
    }
    return true;
}

bool look_at(struct look *l, uint64_t as_of, const struct look_for *want)
{
    uint64_t before = exhibit_digest(l->disk);
    eloq_store *db = NULL;

    int rc = exhibit_open(l->x, l->disk, as_of, &db);
    l->opened = rc == ELOQ_OK;
    if (rc < 0 && want->may_not_open)
        return judge_failure(l, "open", rc);
    if (rc != ELOQ_OK)
        return look_wrong(l, "does not open", "%d %s", rc, eloq_errmsg());
    bool ok = look_reads(l, db, want);
    if (ok && as_of == 0)
        ok = (l->look_elsewhere || look_other(l, db)) && look_check(l, db);
    if (eloq_close(db) != ELOQ_OK && ok)
        ok = look_wrong(l, "does not close", "%s", eloq_errmsg());
    if (ok && !l->may_change && exhibit_digest(l->disk) != before)
        ok =
            look_wrong(l, "looking has changed something", "as of %llu", (unsigned long long)as_of);
    return ok;
}
