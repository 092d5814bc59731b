/* base/check.c -- the crash report of a broken promise. */
#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "eloqstore: %s:%d: check failed: %s\n", file, line, cond);
    fflush(stderr);
    abort();
}
