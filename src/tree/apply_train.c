/* tree/apply_train.c -- samples from the values of batches, and a dictionary once there are enough.
 * Specification: format.md 8.
 *
 * Training takes 0.2 s of CPU, once a partition, and more stack than a task has: it runs on a
 * thread of its own while the shard goes on. Only the batch that completed the samples waits for
 * it. Nothing here fails a batch: without a dictionary its values are stored plain. */
#include <pthread.h>
#include <signal.h>

#include "coro/sched.h"
#include "tree/apply_private.h"

#define POLL_NS UINT64_C(1000000)
#define THREAD_STACK_BYTES ((size_t)256 << 10)

struct training_job {
    const struct samples *samples;
    uint8_t *dict; /* DICT_BYTES */
    int rc;
    _Atomic bool done;
};

static void *train(void *arg)
{
    struct training_job *job = arg;

    job->rc = samples_train(job->samples, job->dict);
    atomic_store(&job->done, true);
    return NULL;
}

static int start_thread(pthread_t *ret, struct training_job *job)
{
    pthread_attr_t attr;
    sigset_t all, old;

    if (pthread_attr_init(&attr) != 0)
        return ELOQ_NO_MEMORY;
    int rc = pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES);
    sigfillset(&all); /* the host's signals are for the host's threads */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (rc == 0)
        rc = pthread_create(ret, &attr, train, job);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    return rc == 0 ? ELOQ_OK : ELOQ_NO_MEMORY;
}

/* ELOQ_OK with job->rc, or ELOQ_NO_MEMORY. */
static int train_apart(struct task *t, const struct part_env *env, struct training_job *job)
{
    pthread_t thread;

    if (!mem_account(env->mem, MEM_DICT, SAMPLES_TRAINING_BYTES))
        return ELOQ_NO_MEMORY;
    int rc = start_thread(&thread, job);
    if (rc == ELOQ_OK) {
        while (!env->host_driven && !atomic_load(&job->done))
            task_sleep(t, POLL_NS);
        pthread_join(thread, NULL);
    }
    mem_unaccount(env->mem, MEM_DICT, SAMPLES_TRAINING_BYTES);
    return rc;
}

static void train_dict(struct task *t, struct part *p)
{
    struct part_env *env = p->env;
    struct training *tr = &p->training;
    struct training_job job = { .samples = &tr->samples };
    struct dict *made = NULL;

    tr->is_busy = true;
    job.dict = mem_alloc(env->mem, MEM_DICT, DICT_BYTES);
    int rc = job.dict ? train_apart(t, env, &job) : ELOQ_NO_MEMORY;
    if (rc == ELOQ_OK && job.rc == ELOQ_OK)
        made = dict_new(env->mem, job.dict, DICT_BYTES);
    mem_free(env->mem, job.dict);
    if (!made)
        log_limited(env->log, &env->said.dict, t->sched->clock, ELOQ_LOG_INFO,
                    "no dictionary could be made of %zu samples: values stay plain table=%s "
                    "partition=%u",
                    tr->samples.count, p->table, p->partition);
    training_end(p, made);
}

static bool is_sample(const struct tree_op *op)
{
    return !op->is_delete && samples_want(op->value.size);
}

static uint64_t eligible_bytes(const struct tree_op *ops, size_t count)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += is_sample(&ops[i]) ? ops[i].value.size : 0;
    return bytes;
}

static int add_all(struct samples *s, const struct tree_op *ops, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_sample(&ops[i]))
            TRY(samples_add(s, ops[i].value));
    return ELOQ_OK;
}

/* Adds values at random until there are enough, and of them as many as training needs. */
static int draw(struct part_env *env, struct samples *s, const struct tree_op *ops, size_t count)
{
    size_t *left = mem_alloc(env->mem, MEM_DICT, count * sizeof(*left)), n = 0;
    int rc = ELOQ_OK;

    if (!left)
        return ELOQ_NO_MEMORY;
    for (size_t i = 0; i < count; i++)
        if (is_sample(&ops[i]))
            left[n++] = i;
    while (rc == ELOQ_OK && n > 0 && (!samples_enough(s) || s->count < SAMPLES_LEAST)) {
        size_t *drawn = &left[rand_below(env->rand, n)];
        rc = samples_add(s, ops[*drawn].value);
        *drawn = left[--n];
    }
    mem_free(env->mem, left);
    return rc;
}

/* Takes the batch's values as samples, and trains if that makes enough. */
static void learn(struct task *t, struct part *p, const struct tree_op *ops, size_t count)
{
    struct samples *s = &p->training.samples;
    uint64_t bytes = eligible_bytes(ops, count);

    if (!training_takes(p, bytes, clock_mono_ns(t->sched->clock)))
        return;
    bool is_enough = s->bytes + bytes >= SAMPLES_BYTES;
    int rc = is_enough ? draw(p->env, s, ops, count) : add_all(s, ops, count);
    if (rc < 0)
        training_drop(p);
    else if (is_enough)
        train_dict(t, p);
}

void apply_train(struct task *t, struct wtx *w, const struct tree_op *ops, size_t count)
{
    struct part *p = w->part;

    if (!p->env->compress || wtx_dict(w))
        return;
    if (!p->training.made)
        learn(t, p, ops, count);
    if (p->training.made)
        wtx_set_dict(w, p->training.made);
}
