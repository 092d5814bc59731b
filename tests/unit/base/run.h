/* tests/unit/base/run.h -- the main() of a test binary: runs its tests, each in a process. */
#pragma once

#include <check.h>
#include <stdlib.h>

/* Its last act: what main() answers. */
static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static inline int run_tests(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *all = tcase_create(name);

    tcase_set_timeout(all, 120); /* sanitizers and valgrind are slow */
    for (size_t i = 0; i < count; i++)
        tcase_add_test(all, tests[i]);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}

#define RUN_TESTS(name, ...)                                             \
    int main(void)                                                       \
    {                                                                    \
        const TTest *const tests[] = { __VA_ARGS__ };                    \
        return run_tests(name, tests, sizeof(tests) / sizeof(tests[0])); \
    }
