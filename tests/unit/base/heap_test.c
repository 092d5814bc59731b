/* tests/unit/base/heap_test.c -- base/heap against looking at all of them. */
#include "base/heap.h"

#include "base/rand.h"
#include "run.h"

static uint64_t least_of(const struct heap_node *nodes, size_t count)
{
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < count; i++)
        if (nodes[i].is_inside)
            least = MIN(least, nodes[i].key);
    return least;
}

START_TEST(the_first_is_always_the_least)
{
    enum { COUNT = 300 };
    struct heap_node nodes[COUNT] = { 0 };
    struct heap heap = { 0 };
    struct rand rnd;
    uint64_t seed = 77;

    rand_seed(&rnd, seed);
    for (int step = 0; step < 30000; step++) {
        struct heap_node *node = &nodes[rand_below(&rnd, COUNT)];
        if (node->is_inside && rand_below(&rnd, 3) == 0)
            node = heap_first(&heap);
        if (node->is_inside) {
            heap_remove(&heap, node);
        } else {
            node->key = rand_below(&rnd, 1000);
            heap_add(&heap, node);
        }
        uint64_t least = least_of(nodes, COUNT);
        ck_assert_msg(heap_first(&heap) ? heap_first(&heap)->key == least : least == UINT64_MAX,
                      "seed %u step %d", (unsigned)seed, step);
    }
}
END_TEST

START_TEST(comes_out_in_order)
{
    enum { COUNT = 10000 };
    struct heap_node *nodes = calloc(COUNT, sizeof(*nodes));
    struct heap heap = { 0 };
    uint64_t last = 0;

    for (uint64_t i = 0; i < COUNT; i++) {
        nodes[i].key = i * 7919 % COUNT;
        heap_add(&heap, &nodes[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        ck_assert_uint_ge(heap_first(&heap)->key, last);
        last = heap_first(&heap)->key;
        heap_remove(&heap, heap_first(&heap));
    }
    ck_assert_ptr_null(heap_first(&heap));
    heap_remove(&heap, &nodes[0]); /* in no heap: nothing happens */
    free(nodes);
}
END_TEST

RUN_TESTS("heap", the_first_is_always_the_least, comes_out_in_order)
