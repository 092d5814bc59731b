/* bench/bench.c -- one measurement: a workload on an engine, as one line of JSON.
 *
 *     bench --engine lmdb --workload R1 --variant 32 [--directory DIR] [--full] [--seconds 10]
 *           [--stats] also the engine's own counters; [--load-only] only makes the store
 *
 *     bench --list [--full] engines and workloads, one line of JSON each
 *
 * The load and the measurement are processes of their own, so that memory and caches begin empty
 * and the peak of resident bytes is the measurement's. A loaded store is kept for the next run that
 * wants the same pairs; workloads that change it do not share one with those that only read.
 */
#include "run.h"

#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 32768 };

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "bench: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    _exit(1);
}

void *allocate(size_t size)
{
    void *memory = calloc(1, size ? size : 1);
    if (!memory)
        die("out of memory");
    return memory;
}

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

struct arguments {
    const char *engine, *workload, *variant, *directory;
    double seconds;
    bool is_full;
    bool is_loading_only;
    bool wants_stats;
};

static const struct engine *find_engine(const char *name)
{
    for (size_t i = 0; engines[i]; i++)
        if (strcmp(engines[i]->name, name) == 0)
            return engines[i];
    die("no engine %s: --list shows those built in", name);
}

static const struct workload *find_workload(const char *id, const char *variant)
{
    for (const struct workload *w = workloads; w->id; w++)
        if (strcmp(w->id, id) == 0 && strcmp(w->variant, variant) == 0)
            return w;
    die("no workload %s %s: --list shows them", id, variant);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status, (void)type, (void)where;
    return remove(path);
}

static void remove_tree(const char *path)
{
    if (nftw(path, remove_one, 64, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
        die("cannot remove %s: %s", path, strerror(errno));
}

static void make_directories(const char *path)
{
    char part[PATH_MAX];
    snprintf(part, sizeof(part), "%s", path);
    for (char *slash = part + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = 0;
        mkdir(part, 0755);
        *slash = '/';
    }
    if (mkdir(part, 0755) != 0 && errno != EEXIST)
        die("cannot make %s: %s", part, strerror(errno));
}

/* Runs `work` in a process of its own. What it prints comes back in `ret_line`. */
static void in_process(void (*work)(const struct engine *, const struct config *, FILE *),
                       const struct engine *engine, const struct config *config, char *ret_line,
                       uint64_t *ret_peak_bytes)
{
    int ends[2];
    if (pipe(ends) != 0)
        die("pipe: %s", strerror(errno));
    fflush(stdout);
    pid_t child = fork();
    if (child < 0)
        die("fork: %s", strerror(errno));
    if (child == 0) {
        close(ends[0]);
        FILE *out = fdopen(ends[1], "w");
        work(engine, config, out);
        fclose(out);
        _exit(0);
    }
    close(ends[1]);
    FILE *in = fdopen(ends[0], "r");
    size_t size = in ? fread(ret_line, 1, LINE_BYTES - 1, in) : 0;
    ret_line[size] = 0;
    if (in)
        fclose(in);
    int status;
    struct rusage usage;
    if (wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        die("%s failed at %s %s", engine->name, config->workload->id, config->workload->variant);
    *ret_peak_bytes = (uint64_t)usage.ru_maxrss * 1024;
}

static void work_load(const struct engine *engine, const struct config *config, FILE *out)
{
    (void)out;
    load_all(engine, config);
}

static void work_measure(const struct engine *engine, const struct config *config, FILE *out)
{
    static void (*const runs[])(const struct engine *, const struct config *, FILE *) = {
        [LOAD] = run_load,   [OPS] = run_ops,     [SCANS] = run_scans,
        [OPENS] = run_opens, [SPACE] = run_space,
    };
    probe_init(config->directory);
    runs[config->workload->kind](engine, config, out);
}

/* The store with its pairs, made if it is not there. */
static void prepare(const struct engine *engine, struct config *config, const char *loaded)
{
    char line[LINE_BYTES];
    uint64_t peak;
    if (access(loaded, F_OK) == 0)
        return;
    remove_tree(config->directory);
    make_directories(config->directory);
    uint64_t cache = config->cache;
    config->is_loading = true;
    if (config->cache < 256 * MIB)
        config->cache = 256 * MIB;
    in_process(work_load, engine, config, line, &peak);
    config->is_loading = false;
    config->cache = cache;
    FILE *mark = fopen(loaded, "w");
    if (!mark || fclose(mark) != 0)
        die("cannot make %s", loaded);
}

static void print_line(const struct engine *engine, const struct config *config, bool is_full,
                       const char *members, uint64_t peak)
{
    const struct workload *w = config->workload;
    printf("{\"engine\":\"%s\",\"workload\":\"%s\",\"variant\":\"%s\",\"size\":\"%s\"",
           engine->name, w->id, w->variant, is_full ? "full" : "short");
    printf(",\"keys\":%" PRIu64 ",\"value_size\":%" PRIu32 ",\"batch\":%" PRIu32
           ",\"depth\":%" PRIu32 ",\"partitions\":%" PRIu32 ",\"cache_bytes\":%" PRIu64
           ",\"seconds\":%.1f%s",
           config->keys, config->value_size, w->batch, w->depth, config->partitions, config->cache,
           config->seconds, members);
    printf(",\"peak_rss\":%" PRIu64 ",\"disk_bytes\":%" PRIu64 ",\"user_bytes\":%" PRIu64 "}\n",
           peak, probe_disk_bytes(config->directory),
           config->keys * (KEY_BYTES + config->value_size));
}

static struct config config_of(const struct workload *w, const struct arguments *args)
{
    struct config config = { .workload = w, .value_size = w->value_size };
    config.keys = args->is_full && w->keys_full ? w->keys_full : w->keys;
    config.cache = args->is_full && w->cache_full ? w->cache_full : w->cache;
    config.partitions = args->is_full && w->partitions_full ? w->partitions_full : w->partitions;
    if (config.partitions == 0)
        config.partitions = 1;
    config.seconds = args->seconds > 0 ? args->seconds : args->is_full ? 10 : 2;
    return config;
}

static bool is_fresh(const struct workload *w)
{
    return w->kind == LOAD || w->kind == SPACE;
}

/* The name of a store: workloads of the same name share it. */
static void name_store(const struct config *config, char *ret, size_t size)
{
    const struct workload *w = config->workload;
    bool is_read_only = w->kind == SCANS || w->kind == OPENS || w->read_percent == 100;
    snprintf(ret, size, "%" PRIu64 "x%" PRIu32 "-p%" PRIu32 "%s%s", config->keys,
             config->value_size, config->partitions, w->is_private ? "-private" : "",
             is_fresh(w)    ? "-fresh"
             : is_read_only ? ""
                            : "-changed");
}

static void list(const struct arguments *args)
{
    char store[128];
    for (size_t i = 0; engines[i]; i++)
        printf("{\"engine\":\"%s\"}\n", engines[i]->name);
    for (const struct workload *w = workloads; w->id; w++) {
        struct config config = config_of(w, args);
        name_store(&config, store, sizeof(store));
        printf("{\"workload\":\"%s\",\"variant\":\"%s\",\"store\":\"%s\",\"full_only\":%s,"
               "\"eloq_only\":%s}\n",
               w->id, w->variant, store, w->is_full_only ? "true" : "false",
               w->is_eloq_only ? "true" : "false");
    }
}

static void measure(const struct arguments *args)
{
    const struct engine *engine = find_engine(args->engine);
    const struct workload *w = find_workload(args->workload, args->variant);
    char base[PATH_MAX / 2], store[128], directory[PATH_MAX], loaded[PATH_MAX + 16];
    char line[LINE_BYTES];
    struct config config = config_of(w, args);
    uint64_t peak;

    make_directories(args->directory);
    if (!realpath(args->directory, base))
        die("%s: %s", args->directory, strerror(errno));
    name_store(&config, store, sizeof(store));
    snprintf(directory, sizeof(directory), "%s/%s/%s", base, engine->name, store);
    snprintf(loaded, sizeof(loaded), "%s.loaded", directory);
    config.directory = directory;
    config.wants_stats = args->wants_stats;
    if (is_fresh(w)) {
        remove_tree(directory);
        make_directories(directory);
    } else {
        prepare(engine, &config, loaded);
    }
    if (args->is_loading_only)
        return;
    in_process(work_measure, engine, &config, line, &peak);
    print_line(engine, &config, args->is_full, line, peak);
    if (is_fresh(w))
        remove_tree(directory);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "engine", required_argument, NULL, 'e' },  { "workload", required_argument, NULL, 'w' },
        { "variant", required_argument, NULL, 'v' }, { "directory", required_argument, NULL, 'd' },
        { "seconds", required_argument, NULL, 's' }, { "full", no_argument, NULL, 'f' },
        { "load-only", no_argument, NULL, 'o' },     { "list", no_argument, NULL, 'l' },
        { "stats", no_argument, NULL, 'c' },         { NULL, 0, NULL, 0 },
    };
    struct arguments args = { .directory = "bench-data" };
    bool is_listing = false;
    int c;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'e':
            args.engine = optarg;
            break;
        case 'w':
            args.workload = optarg;
            break;
        case 'v':
            args.variant = optarg;
            break;
        case 'd':
            args.directory = optarg;
            break;
        case 's':
            args.seconds = strtod(optarg, NULL);
            break;
        case 'f':
            args.is_full = true;
            break;
        case 'o':
            args.is_loading_only = true;
            break;
        case 'c':
            args.wants_stats = true;
            break;
        case 'l':
            is_listing = true;
            break;
        default:
            return 2;
        }
    }
    if (is_listing) {
        list(&args);
        return 0;
    }
    if (!args.engine || !args.workload || !args.variant) {
        fprintf(stderr, "usage: bench --engine E --workload W --variant V [--directory D]\n");
        return 2;
    }
    measure(&args);
    return 0;
}
