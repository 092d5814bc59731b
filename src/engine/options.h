/* engine/options.h -- options checked, completed, and read from text. */
#pragma once

#include "base/error.h"

/* Copies the caller's struct, whatever its size, into a whole one. ELOQ_OK or ELOQ_INVALID. */
int options_read(const eloq_options *given, eloq_options *ret, struct err *e);
/* Checks every field and fills in the defaults; what was ELOQ_ZERO is 0 afterwards. The format's
 * fields are checked only: options_format() completes them. */
int options_complete(eloq_options *options, struct err *e);
/* The format in force: what is recorded (NULL: nothing is), else what is given, else the default.
 * A given value that differs from the recorded one is ELOQ_INVALID and names both. No field of the
 * result is 0 for "not given" or ELOQ_ZERO: in *ret 0 is 0. */
int options_format(const eloq_format *given, const eloq_format *recorded, eloq_format *ret,
                   struct err *e);

/* Sets one option by its ini key. `section`: "run", "permanent", or NULL for either. */
int options_set(eloq_options *options, const char *section, const char *key, const char *value,
                struct err *e);
/* Reads an ini file (engine/options_ini.c). */
int options_load(eloq_options *options, const char *file, struct err *e);
void options_free_strings(eloq_options *options);

/* The keys, for help and completion; false beyond the last. */
struct option_help {
    const char *key;
    const char *section;
    const char *help;
};
bool options_help(size_t index, struct option_help *ret);
