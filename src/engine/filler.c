/* engine/filler.c -- the task that writes a busy partition's files ahead. */
#include "engine/filler.h"

static void run(struct task *t, void *arg)
{
    struct shard *s = shard_of(t);
    struct part *p = arg;

    ahead_fill(t, p);
    p->ahead.asked = false;
    part_table_release(&s->parts, p);
    part_table_trim(t, &s->parts);
    shard_task_end(s);
}

void filler_start(struct shard *s, struct part *p)
{
    part_table_retain(p);
    p->ahead.asked = true;
    if (shard_try_start(s, run, p))
        return;
    p->ahead.asked = false;
    part_table_release(&s->parts, p);
}
