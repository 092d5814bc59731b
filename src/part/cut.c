/* part/cut.c -- one moment of all partitions of all shards: the gate before commit points. */
#include "part/cut.h"

#include "base/check.h"
#include "part/part.h"

void cut_init(struct cut *c)
{
    *c = (struct cut){ 0 };
    wait_list_init(&c->waiting);
}

static void say_if_quiet(struct cut *c)
{
    if (!c->closed || c->inside > 0 || !c->quiet)
        return;
    void (*quiet)(void *user) = c->quiet;
    c->quiet = NULL;
    quiet(c->user);
}

void cut_enter(struct task *t, struct part *p)
{
    struct cut *c = &p->env->cut;

    while (c->closed)
        wait_on(t, &c->waiting);
    c->inside++;
    if (c->number == 0 || p->cut_number == c->number)
        return;
    cut_drop(p);
    p->cut_number = c->number;
    p->cut_kept = snapshot_ref(p->current);
}

void cut_leave(struct part *p)
{
    struct cut *c = &p->env->cut;

    CHECK(c->inside > 0);
    c->inside--;
    say_if_quiet(c);
}

void cut_close(struct cut *c, void (*quiet)(void *user), void *user)
{
    CHECK(!c->closed && c->number == 0);
    c->closed = true;
    c->quiet = quiet;
    c->user = user;
    say_if_quiet(c);
}

void cut_open(struct cut *c, uint64_t number)
{
    CHECK(c->closed && c->inside == 0 && number != 0);
    c->closed = false;
    c->number = number;
    wait_wake_all(&c->waiting);
}

void cut_end(struct cut *c)
{
    c->number = 0;
}

struct snapshot *cut_take(struct part *p)
{
    struct cut *c = &p->env->cut;
    struct snapshot *kept = p->cut_kept;

    CHECK(c->number != 0);
    if (p->cut_number == c->number) {
        CHECK(kept);
        p->cut_kept = NULL;
        return kept;
    }
    cut_drop(p);
    p->cut_number = c->number;
    return snapshot_ref(p->current);
}

void cut_drop(struct part *p)
{
    struct snapshot *kept = p->cut_kept;

    p->cut_kept = NULL;
    if (kept)
        snapshot_unref(kept);
}
