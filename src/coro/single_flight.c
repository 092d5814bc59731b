/* coro/single_flight.c -- the first does it, the others wait for its result. */
#include "coro/single_flight.h"

#include "base/check.h"

void single_flight_init(struct single_flight *s)
{
    s->busy = false;
    s->result = ELOQ_OK;
    err_clear(&s->err);
    wait_list_init(&s->waiters);
}

bool single_flight_begin(struct task *t, struct single_flight *s, int *ret_rc)
{
    if (!s->busy) {
        s->busy = true;
        return true;
    }
    wait_on(t, &s->waiters);
    /* Perhaps already the result of a later flight, which is as good. */
    if (s->result < 0)
        t->err = s->err;
    *ret_rc = s->result;
    return false;
}

void single_flight_end(struct task *t, struct single_flight *s, int rc)
{
    CHECK(s->busy);
    s->busy = false;
    s->result = rc;
    if (rc < 0)
        s->err = t->err;
    wait_wake_all(&s->waiters);
}
