/* engine/option_table.c -- the rows of options.def as data. */
#include "engine/option_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FIELD_WIDTH(field) ((uint8_t)sizeof(((eloq_options *)NULL)->field))

#define OPTION(section_, key_, kind_, field_, initial_, least_, most_, step_, zero_, help_) \
    { .key = #key_,                                                                         \
      .help = (help_),                                                                      \
      .section = SECTION_##section_,                                                        \
      .kind = KIND_##kind_,                                                                 \
      .step = STEP_##step_,                                                                 \
      .zero = ZERO_##zero_,                                                                 \
      .has_field = true,                                                                    \
      .width = FIELD_WIDTH(field_),                                                         \
      .offset = offsetof(eloq_options, field_),                                             \
      .initial = (initial_),                                                                \
      .least = (least_),                                                                    \
      .most = (most_) },
#define UNUSED(section_, key_, kind_, least_, most_, step_) \
    { .key = #key_,                                         \
      .help = "of the reference; without effect",           \
      .section = SECTION_##section_,                        \
      .kind = KIND_##kind_,                                 \
      .step = STEP_##step_,                                 \
      .zero = ZERO_DEFAULT,                                 \
      .least = (least_),                                    \
      .most = (most_) },
#define CLOUD(section_, key_, harmless_)                          \
    { .key = #key_,                                               \
      .help = "of the reference's cloud storage; without effect", \
      .section = SECTION_##section_,                              \
      .kind = (harmless_) ? KIND_CLOUD_HARMLESS : KIND_CLOUD },

const struct option option_table[] = {
#include "engine/options.def"
};
const size_t option_count = ARRAY_LEN(option_table);

uint64_t option_get(const eloq_options *options, const struct option *o)
{
    const char *at = (const char *)options + o->offset;
    if (o->width == sizeof(uint32_t)) {
        uint32_t value;
        memcpy(&value, at, sizeof(value));
        return value;
    }
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

void option_put(eloq_options *options, const struct option *o, uint64_t value)
{
    char *at = (char *)options + o->offset;
    if (o->width == sizeof(uint32_t)) {
        uint32_t narrow = (uint32_t)value;
        memcpy(at, &narrow, sizeof(narrow));
    } else {
        memcpy(at, &value, sizeof(value));
    }
}

bool option_in_range(const struct option *o, uint64_t value)
{
    if (value < o->least || value > o->most)
        return false;
    if (o->step == STEP_POWER)
        return (value & (value - 1)) == 0;
    return o->step != STEP_BLOCK || value % 4096 == 0;
}

void option_range_text(const struct option *o, char *text, size_t size)
{
    const char *step = o->step == STEP_POWER   ? ", a power of two"
                       : o->step == STEP_BLOCK ? ", a multiple of 4096"
                                               : "";
    snprintf(text, size, "%" PRIu64 " to %" PRIu64 "%s", o->least, o->most, step);
}
