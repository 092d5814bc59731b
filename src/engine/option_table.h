/* engine/option_table.h -- the rows of options.def as data; for options*.c. */
#pragma once

#include "base/common.h"
#include "eloqstore.h"

enum option_section { SECTION_RUN, SECTION_PERMANENT };
enum option_kind {
    KIND_NUMBER,
    KIND_SIZE,
    KIND_FLAG,
    KIND_SHIFT_OF,
    KIND_NAME,
    KIND_CLOUD,
    KIND_CLOUD_HARMLESS
};
enum option_step { STEP_ANY, STEP_POWER, STEP_BLOCK };
enum option_zero { ZERO_REFUSED, ZERO_DEFAULT, ZERO_OWN };

struct option {
    const char *key;
    const char *help;
    enum option_section section;
    enum option_kind kind;
    enum option_step step;
    enum option_zero zero;
    bool has_field; /* false: checked, without effect */
    uint8_t width;  /* of the field: 4 or 8 bytes */
    size_t offset;  /* of the field in eloq_options */
    uint64_t initial, least, most;
};

extern const struct option option_table[];
extern const size_t option_count;

uint64_t option_get(const eloq_options *options, const struct option *o);
void option_put(eloq_options *options, const struct option *o, uint64_t value);
/* Whether a value other than 0 and ELOQ_ZERO is in range. */
bool option_in_range(const struct option *o, uint64_t value);
/* "4096 to 61440, a multiple of 4096" */
void option_range_text(const struct option *o, char *text, size_t size);
