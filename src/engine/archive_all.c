/* engine/archive_all.c -- archives of all partitions at one moment, and the timer that wants them.
 */
#include "engine/archive_all.h"

#include <inttypes.h>

#include "base/check.h"
#include "engine/run.h"
#include "engine/spread.h"
#include "engine/store.h"
#include "file/name.h"

#define SECOND_NS UINT64_C(1000000000)

struct archive_all;

/* A note to a shard and back. */
struct errand {
    struct message message;
    struct archive_all *all;
    struct shard *shard;
};

struct archive_all {
    struct shard *home; /* shard 0 */
    uint64_t timestamp;
    bool by_timer;
    struct group away; /* errands */
    struct errand *errands;
    struct spread spread;
    struct io_names names;
};

/* ---- errands ---- */

static void came_home(struct shard *s, struct message *message)
{
    struct errand *e = container_of(message, struct errand, message);

    (void)s;
    group_done(&e->all->away);
}

static void go_home(void *user)
{
    struct errand *e = user;

    e->message = (struct message){ .kind = REQUEST_MESSAGE, .run = came_home };
    inbox_push_internal(&e->all->home->inbox, &e->message.item);
}

static void close_gate(struct shard *s, struct message *message)
{
    cut_close(&s->env.cut, go_home, container_of(message, struct errand, message));
}

static void open_gate(struct shard *s, struct message *message)
{
    struct errand *e = container_of(message, struct errand, message);

    cut_open(&s->env.cut, e->all->home->archiver.moments);
    go_home(e);
}

static void end_moment(struct shard *s, struct message *message)
{
    cut_end(&s->env.cut);
    part_table_each(&s->parts, cut_drop);
    go_home(container_of(message, struct errand, message));
}

/* Runs it on every shard and waits. */
static void everywhere(struct task *t, struct archive_all *all,
                       void (*run)(struct shard *s, struct message *message))
{
    struct eloq_store *store = all->home->store;

    for (unsigned i = 0; i < store->shard_count; i++) {
        struct errand *e = &all->errands[i];
        *e = (struct errand){ .all = all, .shard = &store->shards[i] };
        e->message = (struct message){ .kind = REQUEST_MESSAGE, .run = run };
        group_add(&all->away);
        inbox_push_internal(&e->shard->inbox, &e->message.item);
    }
    group_wait(t, &all->away);
}

/* ---- the partitions ---- */

static void archive_part(struct archive_all *all, eloq_part part)
{
    eloq_op *op = spread_take(&all->spread);
    struct request *r = request_init(op, REQUEST_ARCHIVE, part);

    r->ask.archive.timestamp = all->timestamp;
    r->ask.archive.of_moment = true;
    spread_submit(&all->spread, store_shard_of(all->home->store, part.partition), op);
}

static bool is_wanted(const struct eloq_store *store, eloq_part part)
{
    const eloq_options *o = &store->options;

    return !o->partition_filter || o->partition_filter(o->partition_filter_user, part);
}

/* The names stay until all is done: requests borrow them. */
static int archive_parts(struct task *t, struct archive_all *all)
{
    struct eloq_store *store = all->home->store;

    TRY(tables_list(t, all->home, &all->names));
    TRY(spread_init(t, &all->spread, all->home,
                    MIN(all->names.count, store->options.max_archive_tasks)));
    for (size_t i = 0; i < all->names.count; i++) {
        char *name = all->names.names[i].name;
        size_t table_size = 0;
        eloq_part part = { name, 0 };
        /* What nobody waits for does not hold up the end. */
        if (all->by_timer && atomic_load(&store->state) != STORE_OPEN)
            break;
        file_name_parse_partition(name, &table_size, &part.partition);
        name[table_size] = '\0';
        if (is_wanted(store, part))
            archive_part(all, part);
    }
    return spread_finish(&all->spread);
}

/* ---- all of it ---- */

static int run(struct task *t, struct archive_all *all)
{
    struct shard *s = all->home;
    struct mem *m = &s->store->mem;

    all->errands = mem_alloc(m, MEM_REQUESTS, s->store->shard_count * sizeof(*all->errands));
    if (!all->errands)
        return task_no_memory(t);
    group_init(&all->away);
    io_names_init(&all->names, m);
    s->archiver.moments++;
    everywhere(t, all, close_gate);
    everywhere(t, all, open_gate);
    int rc = archive_parts(t, all);
    everywhere(t, all, end_moment);
    io_names_free(&all->names);
    mem_free(m, all->errands);
    return rc;
}

static int archive_all(struct task *t, struct shard *s, uint64_t timestamp, bool by_timer)
{
    CHECK(s->index == 0);
    if (s->archiver.busy)
        return task_fail(t, ELOQ_BUSY, "all partitions are being archived already");
    struct archive_all *all = mem_zalloc(&s->store->mem, MEM_REQUESTS, sizeof(*all));
    if (!all)
        return task_no_memory(t);
    s->archiver.busy = true;
    all->home = s;
    all->timestamp = timestamp ? timestamp : shard_now_us(s);
    all->by_timer = by_timer;
    int rc = run(t, all);
    if (rc == ELOQ_OK && by_timer)
        log_line(&s->store->log, ELOQ_LOG_INFO, "archived all partitions timestamp=%" PRIu64,
                 all->timestamp);
    mem_free(&s->store->mem, all);
    s->archiver.busy = false;
    return rc;
}

int run_archive_all(struct task *t, struct shard *s, struct request *r)
{
    return archive_all(t, s, r->ask.archive.timestamp, false);
}

/* ---- the timer ---- */

static void arm(struct shard *s, uint64_t seconds)
{
    timer_set(&s->sched, &s->archiver.timer, clock_mono_ns(&s->store->clock) + seconds * SECOND_NS);
}

static void timed(struct task *t, void *arg)
{
    struct shard *s = arg;
    int rc = archive_all(t, s, 0, true);

    if (rc < 0) /* nobody asked, so nobody is answered */
        log_line(&s->store->log, ELOQ_LOG_WARNING, "archiving all partitions failed: %s",
                 t->err.text);
    if (s->archiver.has_timer)
        arm(s, s->store->options.archive_interval_secs);
    store_span_end(s->store);
    shard_task_end(s);
}

static void fire(struct timer *timer)
{
    struct shard *s = container_of(timer, struct shard, archiver.timer);

    store_span_begin(s->store);
    if (atomic_load(&s->store->state) == STORE_OPEN && shard_try_start(s, timed, s))
        return;
    store_span_end(s->store);
    arm(s, 1); /* there was no room for a task */
}

static void start_timer(struct shard *s, struct message *message)
{
    (void)message;
    if (s->stopping)
        return;
    timer_init(&s->archiver.timer, fire);
    s->archiver.has_timer = true;
    arm(s, s->store->options.archive_interval_secs);
}

void archiver_start(struct eloq_store *store)
{
    const eloq_options *o = &store->options;
    struct shard *s = &store->shards[0];

    if (o->num_retained_archives == 0 || o->archive_interval_secs == 0 || o->read_only || o->as_of
        || !store->format.data_append_mode || store->disk)
        return;
    s->archiver.start = (struct message){ .kind = REQUEST_MESSAGE, .run = start_timer };
    inbox_push_internal(&s->inbox, &s->archiver.start.item);
}

void archiver_stop(struct shard *s)
{
    if (s->archiver.has_timer)
        timer_cancel(&s->archiver.timer);
    s->archiver.has_timer = false;
}
