/* bench/latency.c -- see latency.h. 32 buckets for each power of two. */
#include "latency.h"

static unsigned bucket_of(uint64_t ns)
{
    if (ns < 32)
        return (unsigned)ns;
    unsigned power = 63 - (unsigned)__builtin_clzll(ns);
    return (power - 4) * 32 + (unsigned)((ns >> (power - 5)) & 31);
}

static double middle_of(unsigned bucket)
{
    if (bucket < 32)
        return bucket;
    unsigned power = bucket / 32 + 4;
    uint64_t width = UINT64_C(1) << (power - 5);
    return (double)((32 + bucket % 32) * width) + (double)width / 2;
}

void latency_add(struct latency *latency, uint64_t ns)
{
    latency->count++;
    latency->buckets[bucket_of(ns)]++;
    if (ns > latency->max_ns)
        latency->max_ns = ns;
}

void latency_merge(struct latency *latency, const struct latency *other)
{
    latency->count += other->count;
    if (other->max_ns > latency->max_ns)
        latency->max_ns = other->max_ns;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
        latency->buckets[i] += other->buckets[i];
}

double latency_us(const struct latency *latency, double part)
{
    uint64_t wanted = (uint64_t)((double)latency->count * part);
    uint64_t seen = 0;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        seen += latency->buckets[i];
        if (seen > wanted)
            return middle_of(i) / 1000;
    }
    return (double)latency->max_ns / 1000;
}
