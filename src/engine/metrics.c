/* engine/metrics.c -- every number of a store as Prometheus text. */
#include "engine/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "eloqstore_"
#define BUCKET_FIRST 3 /* 8 microseconds */
#define BUCKET_LAST 25 /* half a minute */

struct text {
    const struct mem *mem;
    eloq_buffer buffer;
    bool failed;
};

static bool make_room(struct text *text, size_t size)
{
    eloq_buffer *b = &text->buffer;
    size_t capacity = MAX(2 * b->capacity, 16384);

    if (size <= b->capacity - b->size)
        return true;
    while (capacity - b->size < size)
        capacity *= 2;
    if (text->mem->fail && text->mem->fail(text->mem->fail_user, capacity))
        return false;
    void *data = realloc(b->data, capacity);
    if (!data)
        return false;
    b->data = data;
    b->capacity = capacity;
    return true;
}

static void PRINTF_LIKE(2, 3) add(struct text *text, const char *format, ...)
{
    eloq_buffer *b = &text->buffer;
    char line[256];
    va_list args;

    va_start(args, format);
    int size = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= sizeof(line) || !make_room(text, (size_t)size + 1)) {
        text->failed = true;
        return;
    }
    memcpy((char *)b->data + b->size, line, (size_t)size + 1);
    b->size += (size_t)size;
}

static void add_head(struct text *text, const char *metric, const char *kind, const char *help)
{
    const char *tail = strcmp(kind, "counter") == 0 ? "_total" : "";

    add(text, "# HELP " PREFIX "%s%s %s.\n", metric, tail, help);
    add(text, "# TYPE " PREFIX "%s%s %s\n", metric, tail, kind);
}

static void add_rows(struct text *text, const struct stats *stats)
{
    const char *last = "";

    for (int i = 0; i < STATS; i++) {
        const struct stat_row *row = &stat_rows[i];
        const char *tail = row->is_counter ? "_total" : "";
        if (!row->metric[0])
            continue;
        if (strcmp(row->metric, last) != 0)
            add_head(text, row->metric, row->is_counter ? "counter" : "gauge", row->help);
        last = row->metric;
        if (row->labels[0])
            add(text, PREFIX "%s%s{%s} %" PRIu64 "\n", row->metric, tail, row->labels, stats->n[i]);
        else
            add(text, PREFIX "%s%s %" PRIu64 "\n", row->metric, tail, stats->n[i]);
    }
}

/* What never happened is left out, but for "ok". */
static void add_answers(struct text *text, const struct stats *stats)
{
    add_head(text, "requests", "counter", "requests answered, by kind and status");
    for (int kind = 0; kind < REQUEST_KINDS; kind++) {
        const char *label = request_label((enum request_kind)kind);
        for (unsigned status = 0; label && status < STATUSES; status++)
            if (status == 0 || stats->answers[kind][status] > 0)
                add(text, PREFIX "requests_total{kind=\"%s\",status=\"%s\"} %" PRIu64 "\n", label,
                    status_label(status), stats->answers[kind][status]);
    }
}

static void add_latency(struct text *text, const char *label, const struct histogram *h)
{
    for (unsigned e = BUCKET_FIRST; e <= BUCKET_LAST; e++)
        add(text, PREFIX "request_seconds_bucket{kind=\"%s\",le=\"%g\"} %" PRIu64 "\n", label,
            (double)(UINT64_C(1) << e) / 1e6, histogram_below(h, e));
    add(text, PREFIX "request_seconds_bucket{kind=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", label,
        h->count);
    add(text, PREFIX "request_seconds_sum{kind=\"%s\"} %.6f\n", label, (double)h->sum / 1e6);
    add(text, PREFIX "request_seconds_count{kind=\"%s\"} %" PRIu64 "\n", label, h->count);
}

int metrics_text(const struct stats *stats, const struct mem *m, eloq_buffer *ret)
{
    struct text text = { .mem = m };

    add_rows(&text, stats);
    add_answers(&text, stats);
    add_head(&text, "request_seconds", "histogram", "time from submission to answer, by kind");
    for (int kind = 0; kind < REQUEST_KINDS; kind++) {
        const char *label = request_label((enum request_kind)kind);
        if (label)
            add_latency(&text, label, &stats->latency[kind]);
    }
    if (text.failed) {
        free(text.buffer.data);
        return ELOQ_NO_MEMORY;
    }
    free(ret->data);
    *ret = text.buffer;
    return ELOQ_OK;
}
