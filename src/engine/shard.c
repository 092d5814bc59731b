/* engine/shard.c -- a shard's loop. */
#include "engine/shard.h"

#include <string.h>

#include "base/check.h"
#include "engine/dispatch.h"
#include "engine/keeper.h"
#include "engine/queue.h"
#include "engine/shard_io.h"
#include "engine/store.h"
#include "engine/writeq.h"

#define DRIVE_NS UINT64_C(1000000)

static _Thread_local struct shard *current;

struct shard *shard_current(void)
{
    return current;
}

uint64_t shard_now_us(const struct shard *s)
{
    return clock_wall_us(&s->store->clock);
}

uint64_t shard_hide_ms(const struct shard *s)
{
    return s->store->options.show_expired ? 0 : MAX(shard_now_us(s) / 1000, 1);
}

static void wake(void *user)
{
    struct shard *s = user;
    io_wake(s->io);
}

int shard_open(struct shard *s, struct eloq_store *store, unsigned index)
{
    memset(s, 0, sizeof(*s));
    s->store = store;
    s->index = index;
    TRY(shard_io_open(store, index, &s->io, &s->err));
    s->measure.slow_ns = store->options.slow_op_ms * UINT64_C(1000000);
    if (s->measure.slow_ns != 0)
        io_watch(s->io, &store->clock, s->measure.slow_ns);
    int rc = inbox_init(&s->inbox, store->options.queue_depth, wake, s);
    if (rc < 0) {
        io_close(s->io);
        return err_set(&s->err, rc, __FILE__, __LINE__, "out of memory");
    }
    if (store->seed)
        rand_seed(&s->rand, hash_mix(store->seed, index));
    else
        rand_seed_system(&s->rand);
    sched_init(&s->sched, &store->mem, &store->clock, store->options.coroutine_stack_size);
    s->sched.low_budget_ns = store->options.low_prio_budget_us * UINT64_C(1000);
    s->tasks_max = store->budget.tasks;
    list_init(&s->waiting);
    list_init(&s->iters);
    wait_list_init(&s->closing);
    cleaner_init(s);
    memory_init(s);
    map_init(&s->writeqs, &store->mem, MEM_REQUESTS, writeq_equal);

    rc = task_start(&s->sched, keeper_main, s);
    if (rc == ELOQ_OK) {
        while (!s->opened)
            shard_step(s, UINT64_MAX);
        rc = s->open_rc;
    } else {
        s->closed = true;
        err_set(&s->err, rc, __FILE__, __LINE__, "out of memory");
    }
    if (rc != ELOQ_OK)
        shard_close(s);
    return rc;
}

void shard_close(struct shard *s)
{
    archiver_stop(s);
    wait_wake_all(&s->closing);
    while (!s->closed || s->sched.active > 0)
        shard_step(s, UINT64_MAX);
    cleaner_stop(s);
    map_free(&s->writeqs);
    sched_deinit(&s->sched);
    inbox_deinit(&s->inbox);
    io_close(s->io);
}

static void stop(struct shard *s, struct message *message)
{
    (void)message;
    s->stopping = true;
}

void shard_stop(struct shard *s)
{
    s->stop_message = (struct message){ .kind = REQUEST_MESSAGE, .run = stop };
    inbox_push_internal(&s->inbox, &s->stop_message.item);
}

bool shard_is_idle(const struct shard *s)
{
    return s->running == 0 && s->tasks == 0 && !s->finished_head && list_empty(&s->waiting);
}

static bool is_point_read(const struct request *r)
{
    return r->kind == REQUEST_GET || r->kind == REQUEST_GET_MANY || r->kind == REQUEST_FLOOR;
}

bool shard_take_inbox(struct shard *s)
{
    struct inbox_item *item = inbox_take(&s->inbox);
    bool any = item != NULL;

    while (item) {
        struct request *r = request_of_item(item);
        item = item->next;
        if (r->kind == REQUEST_MESSAGE) {
            struct message *message = (struct message *)(void *)r;
            message->run(s, message);
            continue;
        }
        s->running++;
        if (is_point_read(r))
            pace_add_read(&s->env.pace);
        s->counts.requests++;
        r->ask.shard = s;
        dispatch(s, r);
    }
    return any;
}

static void job_main(struct task *t, void *arg)
{
    struct job *job = arg;
    struct shard *s = shard_of(t);

    job->run(t, job); /* it may be gone afterwards */
    shard_task_end(s);
}

bool shard_try_start(struct shard *s, void (*entry)(struct task *t, void *arg), void *arg)
{
    if (s->tasks >= s->tasks_max || task_start(&s->sched, entry, arg) < 0)
        return false;
    s->tasks++;
    return true;
}

void shard_task_end(struct shard *s)
{
    s->tasks--;
    memory_freed(s);
}

void shard_start(struct shard *s, struct job *job)
{
    if (list_empty(&s->waiting) && shard_try_start(s, job_main, job))
        return;
    list_push_back(&s->waiting, &job->link);
    s->waiting_count++;
}

/* Those that waited for room. When there is no task that could make any, they are refused: one that
 * waits for what it asked others to do may wait for just these. */
static void start_waiting(struct shard *s)
{
    struct list *node;

    while (s->tasks < s->tasks_max && (node = list_first(&s->waiting))) {
        struct job *job = container_of(node, struct job, link);
        list_remove(&job->link);
        s->waiting_count--;
        if (shard_try_start(s, job_main, job))
            continue;
        if (s->tasks > s->spreading) {
            list_push_front(&s->waiting, &job->link);
            s->waiting_count++;
            return;
        }
        job->refuse(job);
    }
}

void shard_pass_on(struct shard *s, struct request *r, struct shard *to)
{
    s->running--;
    if (r->item.counted)
        inbox_done(&s->inbox);
    inbox_push_internal(&to->inbox, &r->item);
}

void shard_finished(struct shard *s, struct request *r)
{
    r->item.next = NULL;
    if (s->finished_tail)
        s->finished_tail->next = &r->item;
    else
        s->finished_head = &r->item;
    s->finished_tail = &r->item;
}

/* Room is made before done runs, so that done may submit again. */
static void answer_finished(struct shard *s)
{
    struct inbox_item *item = s->finished_head;

    s->finished_head = s->finished_tail = NULL;
    while (item) {
        struct request *r = request_of_item(item);
        bool item_was_counted = item->counted; /* else it is the store's own */
        item = item->next;
        s->running--;
        if (item_was_counted)
            inbox_done(&s->inbox);
        eloq_queue *queue = request_op(r)->queue;
        if (queue)
            queue_push(queue, r);
        else
            request_call_done(r);
    }
}

static bool has_work(struct shard *s)
{
    return sched_has_ready(&s->sched) || s->finished_head
           || (!list_empty(&s->waiting) && s->tasks < s->tasks_max);
}

bool shard_is_quiet(struct shard *s)
{
    bool is_empty = inbox_sleep(&s->inbox);

    inbox_awake(&s->inbox);
    return is_empty && !has_work(s) && s->io->in_flight == 0;
}

/* Looks for completions and requests a little longer before the thread sleeps. */
static bool spin(struct shard *s)
{
    uint64_t spin_ns = s->store->options.io_spin_us * UINT64_C(1000);

    if (spin_ns == 0 || s->store->options.host_driven)
        return false;
    uint64_t begin = clock_mono_ns(&s->store->clock);
    do {
        io_poll(s->io, 0);
        if (shard_take_inbox(s) || has_work(s))
            return true; /* a message may have ended the loop: let it look */
    } while (clock_mono_ns(&s->store->clock) - begin < spin_ns);
    return false;
}

static void run_ready(struct shard *s)
{
    start_waiting(s);
    sched_run(&s->sched);
    answer_finished(s);
}

void shard_step(struct shard *s, uint64_t wait_ns)
{
    struct shard *outer = current;
    current = s;

    if (wait_ns > 0 && (has_work(s) || spin(s)))
        wait_ns = 0;
    if (wait_ns > 0)
        wait_ns = MIN(wait_ns, sched_next_timer_ns(&s->sched));
    if (wait_ns > 0 && !inbox_sleep(&s->inbox))
        wait_ns = 0;
    io_poll(s->io, wait_ns);
    inbox_awake(&s->inbox);
    shard_take_inbox(s);
    run_ready(s);
    /* What done asked for comes along with this step's submissions. Once: a done that always asks
     * again must not keep the others waiting. */
    if (shard_take_inbox(s))
        run_ready(s);
    cleaner_arm(s);
    current = outer;
}

void shard_drive(struct shard *s, uint64_t wait_ns)
{
    uint64_t begin = clock_mono_ns(&s->store->clock);

    shard_step(s, wait_ns);
    while ((has_work(s) || !inbox_sleep(&s->inbox))
           && clock_mono_ns(&s->store->clock) - begin < DRIVE_NS)
        shard_step(s, 0);
    shard_rest(s);
}

void shard_rest(struct shard *s)
{
    if (has_work(s) || !inbox_sleep(&s->inbox))
        io_wake(s->io);
}
