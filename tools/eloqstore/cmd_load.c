/* eloqstore/cmd_load.c -- load: pairs from a file, in durable batches. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "load_batch.h"
#include "progress.h"

struct load {
    struct cli *cli;
    const char *table_text;
    const char *file_text;
    uint64_t batch_lines;
    uint64_t skip;
    bool sync_each;
    FILE *ack;
    uint64_t acked_lines;
    struct arg_part part;
    struct load_input input;
    struct load_flight flight;
    struct progress progress;
};

static volatile sig_atomic_t stop_wanted;

static void on_signal(int number)
{
    (void)number;
    stop_wanted = 1;
}

/* Only this thread takes them, so that a read that waits for input is interrupted. */
static void catch_signals(struct sigaction *old)
{
    struct sigaction action = { .sa_handler = on_signal };
    stop_wanted = 0;
    sigaction(SIGINT, &action, &old[0]);
    sigaction(SIGTERM, &action, &old[1]);
}

static void give_signals_back(const struct sigaction *old)
{
    sigaction(SIGINT, &old[0], NULL);
    sigaction(SIGTERM, &old[1], NULL);
}

static void block_signals(int how)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(how, &set, NULL);
}

/* Tells what is durable by now. */
static void acknowledge(struct load *l)
{
    if (l->ack && l->flight.durable_lines > l->acked_lines) {
        l->acked_lines = l->flight.durable_lines;
        fprintf(l->ack, "%" PRIu64 "\n", l->acked_lines);
        fflush(l->ack);
    }
    progress_at(&l->progress, l->input.bytes_read, l->flight.pairs);
}

static int submit(struct load *l)
{
    int rc = load_flight_submit(&l->flight);
    acknowledge(l);
    return rc;
}

/* Adds one row, ending the batch before it or after it as the rules say. */
static int take_row(struct load *l, const struct load_row *row)
{
    eloq_part part = l->table_text ? arg_part(&l->part) : (eloq_part){ row->table, row->partition };
    uint64_t bytes = 0;
    size_t pairs = load_flight_gathered(&l->flight, &bytes);
    if (pairs > 0
        && (bytes + row->value.size > LOAD_BATCH_BYTES_MAX
            || load_flight_repeats(&l->flight, row, part)))
        TRY(submit(l));
    TRY(load_flight_add(&l->flight, row, part, l->input.line_number));
    return load_flight_gathered(&l->flight, &bytes) >= l->batch_lines ? submit(l) : 0;
}

/* Reads to the end, a failure or Ctrl-C. ELOQ_END, or why not; *ret_is_input: the line is bad. */
static int read_all(struct load *l, bool *ret_is_input)
{
    struct load_row row;
    int rc = ELOQ_OK;
    *ret_is_input = true;
    while (rc == ELOQ_OK && l->input.line_number < l->skip && !stop_wanted)
        rc = load_input_skip(&l->input);
    l->flight.durable_lines = l->acked_lines = l->input.line_number;
    while (rc == ELOQ_OK && !stop_wanted) {
        rc = load_input_next(&l->input, &row);
        if (rc != ELOQ_OK)
            break;
        rc = take_row(l, &row);
        if (rc < 0) {
            *ret_is_input = false;
            return rc;
        }
    }
    if (rc == ELOQ_END && !stop_wanted)
        rc = submit(l) < 0 ? ELOQ_OK : ELOQ_END; /* a failure is the flight's */
    return rc;
}

/* Says why it stopped and how to go on; returns the exit code. */
static int explain(struct load *l, int rc, bool is_input)
{
    struct load_flight *f = &l->flight;
    int code = CLI_FAILED;
    if (f->status < 0)
        code = cli_fail(f->status == ELOQ_INVALID ? CLI_USAGE : CLI_FAILED, "%s", f->words);
    else if (stop_wanted)
        cli_fail(0, "interrupted");
    else if (rc == ELOQ_INVALID && is_input)
        code = cli_fail(CLI_USAGE, "line %" PRIu64 ": %s", l->input.line_number, l->input.error);
    else if (rc == ELOQ_IO && is_input)
        cli_fail(0, "cannot read %s: %s", l->file_text ? l->file_text : "standard input",
                 strerror(errno));
    else
        cli_fail(0, "%s", eloq_strerror(rc));
    cli_fail(0, "%" PRIu64 " lines are durable; to go on: --skip %" PRIu64, f->durable_lines,
             f->durable_lines);
    return code;
}

static int run(struct load *l)
{
    bool is_input = false;
    int rc = read_all(l, &is_input);
    int saved_errno = errno;
    load_flight_wait(&l->flight);
    acknowledge(l);
    double seconds = progress_end(&l->progress);
    errno = saved_errno;
    if (rc != ELOQ_END || stop_wanted || l->flight.status < 0)
        return explain(l, rc, is_input);
    if (!l->cli->quiet) {
        fprintf(stderr, "loaded %" PRIu64 " pairs, %" PRIu64 " bytes in %.2f s (%.0f pairs/s)\n",
                l->flight.pairs, l->flight.bytes, seconds,
                seconds > 0 ? (double)l->flight.pairs / seconds : 0.0);
        if (l->flight.skipped > 0)
            cli_fail(0, "%" PRIu64 " of them changed nothing: the stored pair is newer",
                     l->flight.skipped);
    }
    return CLI_DONE;
}

/* Opens the input, then the store, and runs. */
static int open_and_run(struct load *l)
{
    struct stat status = { 0 };
    struct sigaction old[2];
    l->input.file = stdin;
    if (l->file_text && strcmp(l->file_text, "-") != 0) {
        l->input.file = fopen(l->file_text, "re");
        if (!l->input.file)
            return cli_fail(CLI_FAILED, "cannot open %s: %s", l->file_text, strerror(errno));
    }
    block_signals(SIG_BLOCK);
    catch_signals(old);
    int code = cli_open(l->cli, CLI_WRITE);
    block_signals(SIG_UNBLOCK);
    if (code == 0) {
        bool is_file = fstat(fileno(l->input.file), &status) == 0 && S_ISREG(status.st_mode);
        progress_begin(&l->progress, !l->cli->quiet && isatty(STDERR_FILENO),
                       is_file ? (uint64_t)status.st_size : 0);
        int rc = load_flight_init(&l->flight, l->cli, l->sync_each ? 1 : LOAD_FLIGHTS);
        code = rc < 0 ? cli_status(l->cli, rc) : run(l);
        load_flight_deinit(&l->flight);
    }
    give_signals_back(old);
    load_input_deinit(&l->input);
    if (l->input.file != stdin)
        fclose(l->input.file);
    return code;
}

/* load [TABLE] [FILE]: a lone word is a TABLE, unless it cannot be one. */
static int parse_words(struct load *l, int argc, char **argv, int at, const char *format)
{
    if (at < argc && (argc - at == 2 || (strcmp(argv[at], "-") != 0 && !strchr(argv[at], '/'))))
        l->table_text = argv[at++];
    if (at < argc)
        l->file_text = argv[at];
    l->input.is_json = l->cli->json;
    l->input.is_hex = l->cli->hex;
    l->input.has_table = l->table_text != NULL;
    if (format && strcmp(format, "tsv") != 0 && strcmp(format, "json") != 0)
        return cli_fail(CLI_USAGE, "no such format (tsv, json): %s", format);
    if (format)
        l->input.is_json = strcmp(format, "json") == 0;
    return l->table_text ? args_part(l->table_text, &l->part) : 0;
}

int cmd_load(struct cli *cli, int argc, char **argv)
{
    static struct load load; /* larger than a stack frame should be */
    struct load *l = &load;
    const char *format = NULL;
    const char *batch = NULL;
    const char *skip = NULL;
    const char *ack = NULL;
    const struct arg_option options[] = { { "format", &format, NULL },
                                          { "batch", &batch, NULL },
                                          { "skip", &skip, NULL },
                                          { "ack", &ack, NULL },
                                          { "sync-each", NULL, &l->sync_each } };
    *l = (struct load){ 0 };
    l->cli = cli;
    l->batch_lines = 1000;
    int at = 0;
    int code = args_command(cli, argc, argv, options, ARRAY_LEN(options), 0, 2, &at);
    if (code == 0)
        code = parse_words(l, argc, argv, at, format);
    if (code == 0 && batch)
        code = args_u64("--batch", batch, &l->batch_lines);
    if (code == 0 && l->batch_lines == 0)
        code = cli_fail(CLI_USAGE, "--batch is at least 1");
    if (code == 0 && skip)
        code = args_u64("--skip", skip, &l->skip);
    if (code != 0)
        return code;
    if (ack && !(l->ack = fopen(ack, "ae")))
        return cli_fail(CLI_FAILED, "cannot open %s: %s", ack, strerror(errno));
    code = open_and_run(l);
    if (l->ack)
        fclose(l->ack);
    return code;
}
