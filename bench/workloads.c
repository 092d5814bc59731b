/* bench/workloads.c -- the workloads, as data.
 *
 * The numbers of a row are those of a short run; *_full replace them in a full one.
 * "Cold": the data is about 30 times what may be in memory. "Hot": all of it fits.
 */
#include "bench.h"

#define K 1000
#define M 1000000

/* clang-format off */
const struct workload workloads[] = {
    /* load sorted, durable batches */
    { "W1", "1x100B",     LOAD, .keys = M, .value_size = 100, .batch = 1, .depth = 1, .cache = 256 * MIB },
    { "W1", "100x100B",   LOAD, .keys = M, .value_size = 100, .batch = 100, .depth = 1, .cache = 256 * MIB, .is_full_only = true },
    { "W1", "1000x1KiB",  LOAD, .keys = 500 * K, .keys_full = 4 * M, .value_size = 1024, .batch = 1000, .depth = 1, .cache = 256 * MIB },
    { "W1", "20000x100B", LOAD, .keys = 2 * M, .keys_full = 20 * M, .value_size = 100, .batch = 20000, .depth = 1, .cache = 256 * MIB },
    { "W1", "20000x1KiB", LOAD, .keys = M, .keys_full = 4 * M, .value_size = 1024, .batch = 20000, .depth = 1, .cache = 256 * MIB, .is_full_only = true },
    /* one random key per durable commit, leaves cached; -cold: not cached */
    { "W2", "10K",  OPS, .keys = 10 * K,  .value_size = 100, .batch = 1, .depth = 1, .cache = 256 * MIB },
    { "W2", "100K", OPS, .keys = 100 * K, .value_size = 100, .batch = 1, .depth = 1, .cache = 256 * MIB, .is_full_only = true },
    { "W2", "1M",   OPS, .keys = M,       .value_size = 100, .batch = 1, .depth = 1, .cache = 512 * MIB },
    { "W2", "10M",  OPS, .keys = 10 * M,  .value_size = 100, .batch = 1, .depth = 1, .cache = 3072 * MIB, .is_full_only = true },
    { "W2", "1M-cold", OPS, .keys = M,    .value_size = 100, .batch = 1, .depth = 1, .cache = 16 * MIB, .is_cold = true, .is_full_only = true },
    { "W2", "1M-hosted", OPS, .keys = M,  .value_size = 100, .batch = 1, .depth = 1, .cache = 512 * MIB, .is_hosted = true, .is_eloq_only = true, .is_full_only = true },
    /* 64 writers */
    { "W3", "1-partition",   OPS, .keys = M, .value_size = 100, .batch = 1, .depth = 64, .cache = 512 * MIB },
    { "W3", "64-partitions", OPS, .keys = M, .value_size = 100, .batch = 1, .depth = 64, .partitions = 64, .cache = 512 * MIB, .is_full_only = true },
    /* updates in batches */
    { "W4", "100-1M-100B",   OPS, .keys = M, .value_size = 100, .batch = 100, .depth = 1, .cache = 16 * MIB, .is_cold = true, .is_full_only = true },
    { "W4", "1000-1M-100B",  OPS, .keys = M, .value_size = 100, .batch = 1000, .depth = 1, .cache = 16 * MIB, .is_cold = true },
    { "W4", "20000-1M-100B", OPS, .keys = M, .value_size = 100, .batch = 20000, .depth = 1, .cache = 32 * MIB, .is_cold = true, .is_full_only = true },
    { "W4", "1000-2M-1KiB",  OPS, .keys = 2 * M, .value_size = 1024, .batch = 1000, .depth = 1, .cache = 72 * MIB, .is_cold = true, .is_full_only = true },
    { "W4", "20000-2M-1KiB", OPS, .keys = 2 * M, .value_size = 1024, .batch = 20000, .depth = 1, .cache = 128 * MIB, .is_cold = true, .is_full_only = true },
    { "W4", "100-10M-100B",  OPS, .keys = 10 * M, .value_size = 100, .batch = 100, .depth = 1, .cache = 40 * MIB, .is_cold = true, .is_full_only = true },
    { "W4", "1000-10M-100B", OPS, .keys = 10 * M, .value_size = 100, .batch = 1000, .depth = 1, .cache = 40 * MIB, .is_cold = true, .is_full_only = true },
    { "W4", "20000-10M-100B", OPS, .keys = 10 * M, .value_size = 100, .batch = 20000, .depth = 1, .cache = 40 * MIB, .is_cold = true, .is_full_only = true },
    { "W4", "1000-1M-hot",   OPS, .keys = M, .value_size = 100, .batch = 1000, .depth = 1, .cache = 512 * MIB, .is_full_only = true },
    /* cold point reads, 1, 32 and 256 in flight; ours also with a thread of its own */
    { "R1", "1",   OPS, .keys = 300 * K, .keys_full = 2 * M, .value_size = 1024, .batch = 1, .depth = 1, .read_percent = 100, .cache = 12 * MIB, .cache_full = 72 * MIB, .is_cold = true, .is_hosted = true },
    { "R1", "32",  OPS, .keys = 300 * K, .keys_full = 2 * M, .value_size = 1024, .batch = 1, .depth = 32, .read_percent = 100, .cache = 12 * MIB, .cache_full = 72 * MIB, .is_cold = true, .is_hosted = true },
    { "R1", "256", OPS, .keys = 300 * K, .keys_full = 2 * M, .value_size = 1024, .batch = 1, .depth = 256, .read_percent = 100, .cache = 12 * MIB, .cache_full = 72 * MIB, .is_cold = true, .is_hosted = true, .is_full_only = true },
    { "R1", "1-waiting", OPS, .keys = 300 * K, .keys_full = 2 * M, .value_size = 1024, .batch = 1, .depth = 1, .read_percent = 100, .cache = 12 * MIB, .cache_full = 72 * MIB, .is_cold = true, .is_eloq_only = true, .is_full_only = true },
    { "R1", "32-queue", OPS, .keys = 300 * K, .keys_full = 2 * M, .value_size = 1024, .batch = 1, .depth = 32, .read_percent = 100, .cache = 12 * MIB, .cache_full = 72 * MIB, .is_cold = true, .is_eloq_only = true, .is_full_only = true },
    /* hot point reads; ours also through a queue, 32 in flight */
    { "R2", "1",         OPS, .keys = M, .value_size = 100, .batch = 1, .depth = 1, .read_percent = 100, .cache = 512 * MIB, .is_hosted = true },
    { "R2", "2-threads", OPS, .keys = M, .value_size = 100, .batch = 1, .depth = 2, .partitions = 2, .read_percent = 100, .cache = 512 * MIB, .is_hosted = true, .is_private = true, .is_full_only = true },
    { "R2", "32-queue",  OPS, .keys = M, .value_size = 100, .batch = 1, .depth = 32, .read_percent = 100, .cache = 512 * MIB, .is_eloq_only = true, .is_full_only = true },
    /* scans, cold and hot */
    { "S1", "full-100B", SCANS, .keys = 2 * M, .keys_full = 10 * M, .value_size = 100, .cache = 12 * MIB, .cache_full = 40 * MIB, .is_cold = true, .is_full_only = true },
    { "S1", "full-1KiB", SCANS, .keys = 300 * K, .keys_full = 2 * M, .value_size = 1024, .cache = 12 * MIB, .cache_full = 72 * MIB, .is_cold = true },
    { "S1", "100-1KiB",  SCANS, .keys = 300 * K, .keys_full = 2 * M, .value_size = 1024, .limit = 100, .cache = 12 * MIB, .cache_full = 72 * MIB, .is_cold = true, .is_hosted = true },
    { "S2", "full-100B", SCANS, .keys = M, .value_size = 100, .cache = 512 * MIB, .is_hosted = true },
    /* reads beside durable batches */
    { "M1", "reads", OPS, .keys = 300 * K, .keys_full = 2 * M, .value_size = 1024, .batch = 100, .depth = 8, .read_percent = 100, .cache = 32 * MIB, .cache_full = 72 * MIB, .is_cold = true, .is_full_only = true },
    { "M1", "95-5",  OPS, .keys = 300 * K, .keys_full = 2 * M, .value_size = 1024, .batch = 100, .depth = 8, .read_percent = 95, .cache = 32 * MIB, .cache_full = 72 * MIB, .is_cold = true, .is_full_only = true },
    { "M1", "50-50", OPS, .keys = 300 * K, .keys_full = 2 * M, .value_size = 1024, .batch = 100, .depth = 8, .read_percent = 50, .cache = 32 * MIB, .cache_full = 72 * MIB, .is_cold = true },
    /* space and bytes written; opening */
    { "X1", "100B", SPACE, .keys = 100 * K, .keys_full = 4 * M, .value_size = 100, .batch = 1000, .depth = 1, .cache = 256 * MIB },
    { "X1", "1KiB", SPACE, .keys = 50 * K, .keys_full = M, .value_size = 1024, .batch = 1000, .depth = 1, .cache = 256 * MIB, .is_full_only = true },
    { "X2", "1GB",  OPENS, .keys = 300 * K, .keys_full = M, .value_size = 1024, .cache = 64 * MIB, .is_cold = true },
    { "X2", "10GB", OPENS, .keys = 10 * M, .value_size = 1024, .cache = 64 * MIB, .is_cold = true, .is_full_only = true, .is_eloq_only = true },
    { "X2", "partitions", OPENS, .keys = 10 * K, .keys_full = 200 * K, .value_size = 100, .partitions = 5 * K, .partitions_full = 100 * K, .cache = 64 * MIB, .is_cold = true, .is_eloq_only = true },
    { .id = NULL },
};
/* clang-format on */
