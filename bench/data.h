/* bench/data.h -- pairs that can be checked wherever they are seen.
 *
 *     key     16 hexadecimal digits: 6 of the index, 10 of its hash, so keys sort as their indexes
 *             do and have in common with their neighbours what random keys would
 *     value   8 bytes of version, then half noise of (index, version), then one letter: half of it
 *             can be compressed
 */
#ifndef BENCH_DATA_H
#define BENCH_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KEYS_MAX = 1 << 24 };

uint64_t data_mix(uint64_t x);
/* xorshift: seeded with anything but 0. */
uint64_t data_random(uint64_t *state);
void data_key(char *ret, uint64_t index);
void data_value(char *ret, size_t size, uint64_t index, uint64_t version);
bool data_value_is(const void *value, size_t size, size_t wanted_size, uint64_t index);

#endif
