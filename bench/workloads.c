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
    { "W1", "100x100B",   LOAD, .keys = M, .value_size = 100, .batch = 100, .depth = 1, .cache = 256 * MIB },
    { "W1", "1000x1KiB",  LOAD, .keys = M, .value_size = 1024, .batch = 1000, .depth = 1, .cache = 256 * MIB },
    { "W1", "20000x100B", LOAD, .keys = 4 * M, .keys_full = 10 * M, .value_size = 100, .batch = 20000, .depth = 1, .cache = 256 * MIB },
    { "W1", "20000x1KiB", LOAD, .keys = M, .keys_full = 4 * M, .value_size = 1024, .batch = 20000, .depth = 1, .cache = 256 * MIB },
    /* one random key per durable commit, leaves cached; the last one: not cached */
    { "W2", "10K",  OPS, .keys = 10 * K,  .value_size = 100, .batch = 1, .depth = 1, .cache = 256 * MIB },
    { "W2", "100K", OPS, .keys = 100 * K, .value_size = 100, .batch = 1, .depth = 1, .cache = 256 * MIB },
    { "W2", "1M",   OPS, .keys = M,       .value_size = 100, .batch = 1, .depth = 1, .cache = 512 * MIB },
    { "W2", "10M",  OPS, .keys = 10 * M,  .value_size = 100, .batch = 1, .depth = 1, .cache = 3072 * MIB, .is_full_only = true },
    { "W2", "1M-cold", OPS, .keys = M,    .value_size = 100, .batch = 1, .depth = 1, .cache = 16 * MIB, .is_cold = true },
    { "W2", "1M-hosted", OPS, .keys = M,  .value_size = 100, .batch = 1, .depth = 1, .cache = 512 * MIB, .is_hosted = true, .is_eloq_only = true },
    /* 64 writers */
    { "W3", "1-partition",   OPS, .keys = M, .value_size = 100, .batch = 1, .depth = 64, .cache = 512 * MIB },
    { "W3", "64-partitions", OPS, .keys = M, .value_size = 100, .batch = 1, .depth = 64, .partitions = 64, .cache = 512 * MIB },
    /* updates in batches */
    { "W4", "100-1M-100B",   OPS, .keys = M, .value_size = 100, .batch = 100, .depth = 1, .cache = 16 * MIB, .cache_full = 16 * MIB, .is_cold = true },
    { "W4", "1000-1M-100B",  OPS, .keys = M, .value_size = 100, .batch = 1000, .depth = 1, .cache = 16 * MIB, .is_cold = true },
    { "W4", "1000-1M-1KiB",  OPS, .keys = M, .value_size = 1024, .batch = 1000, .depth = 1, .cache = 64 * MIB, .is_cold = true },
    { "W4", "20000-1M-100B", OPS, .keys = M, .value_size = 100, .batch = 20000, .depth = 1, .cache = 64 * MIB, .is_cold = true },
    { "W4", "100-10M-100B",  OPS, .keys = 10 * M, .value_size = 100, .batch = 100, .depth = 1, .cache = 64 * MIB, .is_cold = true, .is_full_only = true },
    { "W4", "1000-10M-100B", OPS, .keys = 10 * M, .value_size = 100, .batch = 1000, .depth = 1, .cache = 64 * MIB, .is_cold = true, .is_full_only = true },
    { "W4", "20000-10M-100B", OPS, .keys = 10 * M, .value_size = 100, .batch = 20000, .depth = 1, .cache = 64 * MIB, .is_cold = true, .is_full_only = true },
    { "W4", "1000-hot",      OPS, .keys = M, .value_size = 100, .batch = 1000, .depth = 1, .cache = 512 * MIB },
    /* cold point reads, in flight */
    { "R1", "1",   OPS, .keys = M, .keys_full = 4 * M, .value_size = 1024, .batch = 1, .depth = 1, .read_percent = 100, .cache = 36 * MIB, .cache_full = 140 * MIB, .is_cold = true, .is_hosted = true },
    { "R1", "32",  OPS, .keys = M, .keys_full = 4 * M, .value_size = 1024, .batch = 1, .depth = 32, .read_percent = 100, .cache = 36 * MIB, .cache_full = 140 * MIB, .is_cold = true, .is_hosted = true },
    { "R1", "256", OPS, .keys = M, .keys_full = 4 * M, .value_size = 1024, .batch = 1, .depth = 256, .read_percent = 100, .cache = 36 * MIB, .cache_full = 140 * MIB, .is_cold = true, .is_hosted = true },
    { "R1", "1-waiting", OPS, .keys = M, .keys_full = 4 * M, .value_size = 1024, .batch = 1, .depth = 1, .read_percent = 100, .cache = 36 * MIB, .cache_full = 140 * MIB, .is_cold = true, .is_eloq_only = true },
    { "R1", "32-queue", OPS, .keys = M, .keys_full = 4 * M, .value_size = 1024, .batch = 1, .depth = 32, .read_percent = 100, .cache = 36 * MIB, .cache_full = 140 * MIB, .is_cold = true, .is_eloq_only = true },
    /* hot point reads */
    { "R2", "1",         OPS, .keys = M, .value_size = 100, .batch = 1, .depth = 1, .read_percent = 100, .cache = 512 * MIB, .is_hosted = true },
    { "R2", "2-threads", OPS, .keys = M, .value_size = 100, .batch = 1, .depth = 2, .partitions = 2, .read_percent = 100, .cache = 512 * MIB, .is_hosted = true, .is_private = true },
    { "R2", "32-queue",  OPS, .keys = M, .value_size = 100, .batch = 1, .depth = 32, .read_percent = 100, .cache = 512 * MIB, .is_eloq_only = true },
    /* scans */
    { "S1", "full-100B", SCANS, .keys = 4 * M, .keys_full = 10 * M, .value_size = 100, .cache = 36 * MIB, .is_cold = true },
    { "S1", "full-1KiB", SCANS, .keys = M, .keys_full = 4 * M, .value_size = 1024, .cache = 36 * MIB, .cache_full = 140 * MIB, .is_cold = true },
    { "S1", "100-1KiB",  SCANS, .keys = M, .keys_full = 4 * M, .value_size = 1024, .limit = 100, .cache = 36 * MIB, .cache_full = 140 * MIB, .is_cold = true, .is_hosted = true },
    { "S2", "full-100B", SCANS, .keys = M, .value_size = 100, .cache = 512 * MIB, .is_hosted = true },
    /* reads beside durable batches */
    { "M1", "95-5",  OPS, .keys = M, .value_size = 1024, .batch = 100, .depth = 8, .read_percent = 95, .cache = 64 * MIB, .is_cold = true },
    { "M1", "50-50", OPS, .keys = M, .value_size = 1024, .batch = 100, .depth = 8, .read_percent = 50, .cache = 64 * MIB, .is_cold = true },
    { "M1", "reads", OPS, .keys = M, .value_size = 1024, .batch = 100, .depth = 8, .read_percent = 100, .cache = 64 * MIB, .is_cold = true },
    /* space, opening */
    { "X1", "100B", SPACE, .keys = M, .keys_full = 4 * M, .value_size = 100, .batch = 1000, .depth = 1, .cache = 256 * MIB },
    { "X1", "1KiB", SPACE, .keys = 200 * K, .keys_full = M, .value_size = 1024, .batch = 1000, .depth = 1, .cache = 256 * MIB },
    { "X2", "1GB",  OPENS, .keys = M, .value_size = 1024, .cache = 64 * MIB, .is_cold = true },
    { "X2", "10GB", OPENS, .keys = 10 * M, .value_size = 1024, .cache = 64 * MIB, .is_cold = true, .is_full_only = true },
    { "X2", "10K-partitions", OPENS, .keys = 100 * K, .value_size = 100, .partitions = 10 * K, .cache = 64 * MIB, .is_cold = true },
    { "X2", "100K-partitions", OPENS, .keys = M, .value_size = 100, .partitions = 100 * K, .cache = 64 * MIB, .is_cold = true, .is_full_only = true },
    { .id = NULL },
};
/* clang-format on */
