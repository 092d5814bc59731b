/* base/rand.c -- xoshiro256**, seeded through splitmix64. */
#include "base/rand.h"

#include <sys/random.h>

#include "base/clock.h"

void rand_seed(struct rand *r, uint64_t seed)
{
    for (size_t i = 0; i < ARRAY_LEN(r->s); i++) {
        uint64_t z = seed += UINT64_C(0x9E3779B97F4A7C15);
        z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
        r->s[i] = z ^ (z >> 31);
    }
}

void rand_seed_system(struct rand *r)
{
    uint64_t seed;

    /* Before the kernel has entropy, or where it refuses: the time, and where our stack is. */
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
        seed = clock_mono_ns(&clock_system) ^ (clock_wall_us(&clock_system) << 20)
               ^ (uint64_t)(uintptr_t)&seed;
    rand_seed(r, seed);
}

static uint64_t rotate_left(uint64_t n, int by)
{
    return (n << by) | (n >> (64 - by));
}

uint64_t rand_u64(struct rand *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t rand_below(struct rand *r, uint64_t n)
{
    /* Numbers under 2^64 mod n are refused: then each remainder is equally likely. */
    uint64_t refuse = (0 - n) % n;
    uint64_t got;

    do
        got = rand_u64(r);
    while (got < refuse);
    return got % n;
}
