/* base/rand.h -- seeded random numbers (xoshiro256**). Not for secrets. */
#pragma once

#include "base/common.h"

struct rand {
    uint64_t s[4];
};

void rand_seed(struct rand *r, uint64_t seed);
void rand_seed_system(struct rand *r); /* from the kernel */
uint64_t rand_u64(struct rand *r);
/* Below n; n > 0. */
uint64_t rand_below(struct rand *r, uint64_t n);
