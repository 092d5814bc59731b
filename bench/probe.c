/* bench/probe.c -- see probe.h. */
#include "probe.h"

#include "bench.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
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

static int touch_file(const char *path, const struct stat *status, int type, struct FTW *where)
{
    static char *buffer;
    (void)status, (void)where;
    if (!buffer)
        buffer = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (type != FTW_F || buffer == MAP_FAILED)
        return 0;
    int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (fd < 0)
        return 0;
    while (read(fd, buffer, MIB) > 0)
        continue;
    close(fd);
    return 0;
}

void probe_touch(const char *directory)
{
    nftw(directory, touch_file, 16, FTW_PHYS);
}

/* A file under the bounded directory that is mapped at `address`, from its byte `offset` on. */
typedef void (*mapped_fn)(char *address, size_t size, const char *path, off_t offset);

static void each_mapped(const char *directory, mapped_fn visit)
{
    char line[4096 + 128];
    FILE *file = fopen("/proc/self/maps", "r");
    if (!file)
        return;
    while (fgets(line, sizeof(line), file)) {
        uintptr_t begin, end;
        uint64_t offset;
        char mode[8];
        int path = 0;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s %" SCNx64 " %*s %*s %n", &begin, &end, mode,
                   &offset, &path)
                < 4
            || path == 0 || mode[3] != 's'
            || strncmp(line + path, directory, strlen(directory)) != 0)
            continue;
        line[strcspn(line, "\n")] = 0;
        visit((char *)begin, end - begin, line + path, (off_t)offset);
    }
    fclose(file);
}

static void advise_random(char *address, size_t size, const char *path, off_t offset)
{
    static char *advised[1024]; /* once is enough, and it stops all readers */
    static size_t count;
    (void)path, (void)offset;
    for (size_t i = 0; i < count; i++)
        if (advised[i] == address)
            return;
    madvise(address, size, MADV_RANDOM);
    if (count < sizeof(advised) / sizeof(advised[0]))
        advised[count++] = address;
}

/* Mapped pages stay whatever fadvise says: unmap them first, a piece at a time, since readers map
 * them again at once. They come back from the file. */
static void forget_mapped(char *address, size_t size, const char *path, off_t offset)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    for (size_t at = 0; at < size; at += MIB) {
        /* Around the piece too: a folio of 2 MiB goes only when no part of it is mapped. */
        size_t begin = at < 2 * MIB ? 0 : at - 2 * MIB;
        size_t end = size - at < 3 * MIB ? size : at + 3 * MIB;
        madvise(address + begin, end - begin, MADV_DONTNEED);
        posix_fadvise(fd, offset + (off_t)at, (off_t)MIB, POSIX_FADV_DONTNEED);
    }
    close(fd);
}

/* What the engine has open under `directory` is read without read-ahead. */
static void advise_open_files(const char *directory)
{
    char name[64], path[4096];
    DIR *open_files = opendir("/proc/self/fd");
    if (!open_files)
        return;
    for (struct dirent *entry; (entry = readdir(open_files)) != NULL;) {
        snprintf(name, sizeof(name), "/proc/self/fd/%.20s", entry->d_name);
        ssize_t size = readlink(name, path, sizeof(path) - 1);
        if (size <= 0)
            continue;
        path[size] = 0;
        if (strncmp(path, directory, strlen(directory)) == 0)
            posix_fadvise((int)strtol(entry->d_name, NULL, 10), 0, 0, POSIX_FADV_RANDOM);
    }
    closedir(open_files);
}

static struct {
    pthread_t thread;
    const char *directory;
    uint64_t bytes;
    bool is_random;
    atomic_bool is_stopping;
} bound;

static void *bound_run(void *unused)
{
    (void)unused;
    struct probe last = { 0 };
    unsigned tick = 0;
    probe_process(&last);
    setpriority(PRIO_PROCESS, (id_t)gettid(), -10); /* on time among many readers, where allowed */
    while (!atomic_load(&bound.is_stopping)) {
        struct probe now = { 0 };
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
        each_mapped(bound.directory, advise_random); /* files may be opened at any time */
        if (bound.is_random && tick++ % 8 == 0)
            advise_open_files(bound.directory);
        probe_process(&now);
        if (now.read_bytes + now.write_bytes - last.read_bytes - last.write_bytes < 2 * bound.bytes)
            continue;
        each_mapped(bound.directory, forget_mapped);
        nftw(bound.directory, forget_file, 16, FTW_PHYS);
        last = now;
    }
    return NULL;
}

void probe_bound_start(const char *directory, uint64_t bytes, bool is_random)
{
    bound.is_random = is_random;
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
