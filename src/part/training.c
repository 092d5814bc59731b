/* part/training.c -- which partitions gather samples for a dictionary. */
#include "part/training.h"

#include "part/part.h"

#define FAILURES_MAX 4
/* One that nobody wrote to for so long gives its place to another. */
#define IDLE_NS UINT64_C(60000000000)

void training_init(struct part *p)
{
    samples_init(&p->training.samples, p->env->mem);
}

void training_drop(struct part *p)
{
    samples_free(&p->training.samples);
    p->training.is_gathering = p->training.is_busy = false;
    for (size_t i = 0; i < TRAININGS_AT_ONCE; i++)
        if (p->env->gathering[i] == p)
            p->env->gathering[i] = NULL;
}

void training_deinit(struct part *p)
{
    training_drop(p);
    dict_unref(p->training.made);
    p->training.made = NULL;
}

/* A place among those that gather: a free one, or that of one left alone for long. */
static struct part **find_place(struct part_env *env, uint64_t now_ns)
{
    struct part **oldest = NULL;

    for (size_t i = 0; i < TRAININGS_AT_ONCE; i++) {
        struct part **place = &env->gathering[i];
        if (!*place)
            return place;
        const struct training *tr = &(*place)->training;
        if (!tr->is_busy && now_ns - tr->last_ns > IDLE_NS
            && (!oldest || tr->last_ns < (*oldest)->training.last_ns))
            oldest = place;
    }
    if (oldest)
        training_drop(*oldest);
    return oldest;
}

bool training_takes(struct part *p, uint64_t bytes, uint64_t now_ns)
{
    struct training *tr = &p->training;

    if (bytes == 0 || tr->failures >= FAILURES_MAX)
        return false;
    if (tr->pass_bytes > 0) {
        tr->pass_bytes -= MIN(tr->pass_bytes, bytes);
        return false;
    }
    if (!tr->is_gathering) {
        struct part **place = find_place(p->env, now_ns);
        if (!place)
            return false;
        *place = p;
        tr->is_gathering = true;
    }
    tr->last_ns = now_ns;
    return true;
}

void training_end(struct part *p, struct dict *made)
{
    struct training *tr = &p->training;

    training_drop(p);
    tr->made = made;
    if (made) {
        p->env->dicts_made++;
        return;
    }
    p->env->dicts_failed++;
    tr->pass_bytes = (uint64_t)SAMPLES_BYTES << tr->failures++;
}

void training_stored(struct part *p)
{
    dict_unref(p->training.made);
    p->training.made = NULL;
}
