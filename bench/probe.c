/* bench/probe.c -- see probe.h. */
#include "probe.h"

#include "bench.h"

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

static unsigned device_major, device_minor;
static uint64_t sum_bytes;

void probe_init(const char *directory)
{
    struct stat status;
    if (stat(directory, &status) == 0) {
        device_major = major(status.st_dev);
        device_minor = minor(status.st_dev);
    }
}

static void probe_device(struct probe *ret)
{
    char line[512];
    FILE *file = fopen("/proc/diskstats", "r");
    if (!file)
        return;
    while (fgets(line, sizeof(line), file)) {
        unsigned a, b;
        uint64_t n[17] = { 0 };
        int fields = sscanf(line,
                            "%u %u %*s %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
                            " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
                            " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
                            &a, &b, &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6], &n[7], &n[8],
                            &n[9], &n[10], &n[11], &n[12], &n[13], &n[14], &n[15]);
        if (fields < 12 || a != device_major || b != device_minor)
            continue;
        ret->device_reads = n[0];
        ret->device_read_bytes = n[2] * 512;
        ret->device_writes = n[4];
        ret->device_write_bytes = n[6] * 512;
        ret->device_flushes = n[15];
    }
    fclose(file);
}

static void probe_process(struct probe *ret)
{
    char line[128];
    FILE *file = fopen("/proc/self/io", "r");
    if (!file)
        return;
    while (fgets(line, sizeof(line), file)) {
        sscanf(line, "read_bytes: %" SCNu64, &ret->read_bytes);
        sscanf(line, "write_bytes: %" SCNu64, &ret->write_bytes);
    }
    fclose(file);
}

void probe_now(struct probe *ret)
{
    memset(ret, 0, sizeof(*ret));
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    ret->cpu_s = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6
                 + (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
    probe_process(ret);
    probe_device(ret);
    ret->ns = now_ns();
}

static int add_bytes(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)path, (void)type, (void)where;
    sum_bytes += (uint64_t)status->st_blocks * 512;
    return 0;
}

uint64_t probe_disk_bytes(const char *directory)
{
    sum_bytes = 0;
    nftw(directory, add_bytes, 16, FTW_PHYS);
    return sum_bytes;
}

static int forget_file(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status, (void)where;
    if (type != FTW_F)
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0; /* removed meanwhile */
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
    return 0;
}

static int clean_file(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status, (void)where;
    if (type != FTW_F)
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    fdatasync(fd);
    close(fd);
    return 0;
}

void probe_forget(const char *directory)
{
    nftw(directory, clean_file, 16, FTW_PHYS);
    nftw(directory, forget_file, 16, FTW_PHYS);
}

/* Mapped pages stay whatever fadvise says: unmap them first. They come back from the file. */
static void forget_mapped(const char *directory)
{
    char line[4096 + 128];
    FILE *file = fopen("/proc/self/maps", "r");
    if (!file)
        return;
    while (fgets(line, sizeof(line), file)) {
        uintptr_t begin, end;
        char mode[8];
        int path = 0;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s %*s %*s %*s %n", &begin, &end, mode, &path)
                < 3
            || path == 0 || mode[3] != 's'
            || strncmp(line + path, directory, strlen(directory)) != 0)
            continue;
        madvise((void *)begin, end - begin, MADV_DONTNEED);
    }
    fclose(file);
}

static struct {
    pthread_t thread;
    const char *directory;
    uint64_t bytes;
    atomic_bool is_stopping;
} bound;

static void *bound_run(void *unused)
{
    (void)unused;
    struct probe last = { 0 };
    probe_process(&last);
    while (!atomic_load(&bound.is_stopping)) {
        struct probe now = { 0 };
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
        probe_process(&now);
        if (now.read_bytes + now.write_bytes - last.read_bytes - last.write_bytes < 2 * bound.bytes)
            continue;
        forget_mapped(bound.directory);
        nftw(bound.directory, forget_file, 16, FTW_PHYS);
        last = now;
    }
    return NULL;
}

void probe_bound_start(const char *directory, uint64_t bytes)
{
    bound.directory = directory;
    bound.bytes = bytes;
    if (pthread_create(&bound.thread, NULL, bound_run, NULL) != 0)
        die("no thread to bound the system's cache");
}

void probe_bound_stop(void)
{
    atomic_store(&bound.is_stopping, true);
    pthread_join(bound.thread, NULL);
    atomic_store(&bound.is_stopping, false);
}
