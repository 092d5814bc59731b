/* bench/probe.h -- what this process and its device did between two moments. */
#ifndef BENCH_PROBE_H
#define BENCH_PROBE_H

#include <stdbool.h>
#include <stdint.h>

struct probe {
    uint64_t ns;
    double cpu_s;        /* user and system, all threads */
    uint64_t read_bytes; /* of this process, by /proc/self/io */
    uint64_t write_bytes;
    uint64_t device_reads; /* of the whole device, others included */
    uint64_t device_read_bytes;
    uint64_t device_writes;
    uint64_t device_write_bytes;
    uint64_t device_flushes;
};

/* Which device `directory` is on; 0s are counted where that cannot be told. */
void probe_init(const char *directory);
void probe_now(struct probe *ret);

/* Bytes the files under `directory` take on the disk. */
uint64_t probe_disk_bytes(const char *directory);
/* Makes the pages of all files under `directory` clean, and lets the system forget them. */
void probe_forget(const char *directory);
/* Reads all files under `directory` past the system's cache: blocks that nobody touched for a while
 * may have turned cold on the host of a virtual disk. */
void probe_touch(const char *directory);
/* Keeps what the system holds of these files near `bytes`, for engines that leave caching to it:
 * whenever twice as much was read and written, all of it is forgotten, the mapped pages too.
 * Mapped files are read without read-ahead, with `is_random` others as well: an operator would turn
 * it off for random reads (it is 8 MiB on some machines). */
void probe_bound_start(const char *directory, uint64_t bytes, bool is_random);
void probe_bound_stop(void);

#endif
