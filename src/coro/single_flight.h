/* coro/single_flight.h -- the first does it, the others wait for its result. */
#pragma once

#include "coro/wait.h"

struct single_flight {
    bool busy;
    int result;
    struct err err;
    struct wait_list waiters;
};

void single_flight_init(struct single_flight *s);
/* True: this task does the work and must call _end. False: somebody did it meanwhile; its result
 * is in *ret_rc and, if < 0, its words are in t->err. The struct must outlive the waiters. */
bool single_flight_begin(struct task *t, struct single_flight *s, int *ret_rc);
void single_flight_end(struct task *t, struct single_flight *s, int rc);
