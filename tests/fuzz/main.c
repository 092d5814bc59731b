/* fuzz/main.c -- drives a target where there is no libFuzzer: replays inputs, then tries mutations
 * of them that follow from a seed.
 *
 *     fuzz_leaf [--seed N] [--cases N] [--case I] [--size N] FILE-OR-DIRECTORY...
 *
 * Case i follows from the seed, i and the inputs alone: what a failing one prints repeats just it.
 */
#include <dirent.h>
#include <getopt.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rand.h"
#include "fuzz.h"

struct input {
    uint8_t *data;
    size_t size;
};

static struct {
    uint64_t seed, cases, only, size_max;
    const char *program;
} arg = { .seed = 1, .only = UINT64_MAX, .size_max = 512 };

static struct input *inputs;
static size_t input_count, input_capacity;
static const char *now_file; /* being replayed, or NULL: */
static uint64_t now_case;

/* So that the sanitizers end as a broken promise does. */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);
const char *__asan_default_options(void)
{
    return "abort_on_error=1";
}
const char *__ubsan_default_options(void)
{
    return "halt_on_error=1:abort_on_error=1:print_stacktrace=1";
}

static void on_crash(int signal_number)
{
    signal(signal_number, SIG_DFL);
    if (now_file)
        fprintf(stderr, "repeat: %s %s\n", arg.program, now_file);
    else
        fprintf(stderr, "repeat: %s --seed %llu --case %llu INPUTS\n", arg.program,
                (unsigned long long)arg.seed, (unsigned long long)now_case);
    raise(signal_number);
}

static void fail(const char *what, const char *name)
{
    fprintf(stderr, "%s: %s %s\n", arg.program, what, name);
    exit(2);
}

static void load_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat status;
    if (!file || fstat(fileno(file), &status) < 0)
        fail("cannot read", path);
    if (input_count == input_capacity) {
        input_capacity = input_capacity ? 2 * input_capacity : 64;
        inputs = realloc(inputs, input_capacity * sizeof(*inputs));
        if (!inputs)
            fail("no memory for", path);
    }
    struct input *in = &inputs[input_count++];
    in->size = (size_t)status.st_size;
    in->data = fuzz_alloc(in->size);
    if (fread(in->data, 1, in->size, file) != in->size)
        fail("cannot read", path);
    fclose(file);
    now_file = path;
    LLVMFuzzerTestOneInput(in->data, in->size);
    now_file = NULL;
}

static void load(const char *path)
{
    struct stat status;
    struct dirent **names;
    if (stat(path, &status) < 0)
        fail("there is no", path);
    if (!S_ISDIR(status.st_mode)) {
        load_file(path);
        return;
    }
    int count = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char file[4096];
        snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.')
            load_file(file);
        free(names[i]);
    }
    if (count >= 0)
        free(names);
}

/* One change in place; returns the new size. */
static size_t mutate(struct rand *r, uint8_t *data, size_t size)
{
    static const uint8_t edges[] = { 0, 1, 0x7f, 0x80, 0xff, 7, 9, 0x0f, 0x10 };
    size_t at = size > 0 ? rand_below(r, size) : 0;
    size_t n = 1 + rand_below(r, 8);
    switch (size > 0 ? rand_below(r, 6) : 4) {
    case 0:
        data[at] ^= (uint8_t)(1u << rand_below(r, 8));
        break;
    case 1:
        data[at] = (uint8_t)rand_u64(r);
        break;
    case 2:
        data[at] = edges[rand_below(r, sizeof(edges))];
        break;
    case 3: /* takes some away */
        n = n < size - at ? n : size - at;
        memmove(data + at, data + at + n, size - at - n);
        return size - n;
    case 4: /* puts some in */
        if (size + n > arg.size_max)
            break;
        memmove(data + at + n, data + at, size - at);
        for (size_t i = 0; i < n; i++)
            data[at + i] = (uint8_t)rand_u64(r);
        return size + n;
    default: /* copies some of it to somewhere else */
        n = n < size - at ? n : size - at;
        memmove(data + rand_below(r, size - n + 1), data + at, n);
    }
    return size;
}

static size_t make_case(uint64_t number, uint8_t *data)
{
    struct rand r;
    size_t size = 0;
    rand_seed(&r, arg.seed * UINT64_C(0x9E3779B97F4A7C15) + number);
    if (input_count > 0) {
        const struct input *in = &inputs[rand_below(&r, input_count)];
        size = in->size < arg.size_max ? in->size : arg.size_max;
        if (size > 0)
            memcpy(data, in->data, size);
        if (rand_below(&r, 4) == 0) { /* the end of another one */
            in = &inputs[rand_below(&r, input_count)];
            size_t from = rand_below(&r, in->size + 1), at = rand_below(&r, size + 1);
            size_t n = in->size - from < arg.size_max - at ? in->size - from : arg.size_max - at;
            if (n > 0)
                memcpy(data + at, in->data + from, n);
            size = at + n;
        }
    }
    for (uint64_t n = 1 + rand_below(&r, 5); n > 0; n--)
        size = mutate(&r, data, size);
    return size;
}

static void run_case(uint64_t number, uint8_t *data)
{
    now_case = number;
    size_t size = make_case(number, data);
    uint8_t *exact = fuzz_copy(data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "seed", required_argument, NULL, 's' },
                                             { "cases", required_argument, NULL, 'c' },
                                             { "case", required_argument, NULL, 'i' },
                                             { "size", required_argument, NULL, 'm' },
                                             { NULL, 0, NULL, 0 } };
    int c;
    arg.program = argv[0];
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        uint64_t *target = c == 's'   ? &arg.seed
                           : c == 'c' ? &arg.cases
                           : c == 'i' ? &arg.only
                                      : &arg.size_max;
        if (c == '?')
            return 2;
        *target = strtoull(optarg, NULL, 0);
    }
    signal(SIGABRT, on_crash);
    signal(SIGSEGV, on_crash);
    for (int i = optind; i < argc; i++)
        load(argv[i]);
    uint8_t *data = fuzz_alloc(arg.size_max + 1);
    if (arg.only != UINT64_MAX)
        run_case(arg.only, data);
    else
        for (uint64_t i = 0; i < arg.cases; i++)
            run_case(i, data);
    free(data);
    for (size_t i = 0; i < input_count; i++)
        free(inputs[i].data);
    free(inputs);
    fprintf(stderr, "replayed %zu inputs, tried %llu mutations\n", input_count,
            (unsigned long long)(arg.only != UINT64_MAX ? 1 : arg.cases));
    return 0;
}
