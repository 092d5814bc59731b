/* base/histogram.c -- four buckets for each power of two. */
#include "base/histogram.h"

static size_t bucket_of(uint64_t value)
{
    if (value < 4)
        return (size_t)value;
    unsigned exponent = 63 - (unsigned)__builtin_clzll(value); /* at least 2 */
    size_t bucket = 4 * (size_t)(exponent - 1) + (size_t)(value >> (exponent - 2) & 3);
    return MIN(bucket, HISTOGRAM_BUCKETS - 1);
}

/* The greatest value of a bucket. */
static uint64_t bucket_end(size_t bucket)
{
    if (bucket < 4)
        return bucket;
    return ((UINT64_C(5) + bucket % 4) << (bucket / 4 - 1)) - 1;
}

void histogram_add(struct histogram *h, uint64_t value)
{
    h->count++;
    h->sum += value;
    h->most = MAX(h->most, value);
    h->buckets[bucket_of(value)]++;
}

void histogram_merge(struct histogram *h, const struct histogram *other)
{
    h->count += other->count;
    h->sum += other->sum;
    h->most = MAX(h->most, other->most);
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        h->buckets[i] += other->buckets[i];
}

uint64_t histogram_below(const struct histogram *h, unsigned exponent)
{
    uint64_t count = 0;
    size_t end = MIN(4 * (size_t)(exponent - 1), HISTOGRAM_BUCKETS - 1);

    for (size_t i = 0; i < end; i++)
        count += h->buckets[i];
    return count;
}

uint64_t histogram_quantile(const struct histogram *h, unsigned permille)
{
    uint64_t wanted = h->count / 1000 * permille + h->count % 1000 * permille / 1000;
    uint64_t seen = 0;

    for (size_t i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
        seen += h->buckets[i];
        if (seen > 0 && seen >= wanted)
            return MIN(bucket_end(i), h->most);
    }
    return h->most;
}
