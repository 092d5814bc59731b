/* eloqstore/help_options.c -- help options: every option of a store, from the one table of them. */
#include <inttypes.h>
#include <stdio.h>

#include "engine/option_table.h"
#include "help_options.h"

static const char *kind_text(const struct option *o)
{
    switch (o->kind) {
    case KIND_SIZE:
    case KIND_SHIFT_OF:
        return "bytes, or with KB, MB, GB, TB";
    case KIND_FLAG:
        return "true or false";
    case KIND_NAME:
        return "a name";
    default:
        return "a number";
    }
}

static void print_range(const struct option *o)
{
    char text[96];
    if (o->kind == KIND_FLAG || o->kind == KIND_NAME)
        return;
    option_range_text(o, text, sizeof(text));
    printf("; %s", text);
    if (o->zero == ZERO_OWN)
        printf(", or 0");
}

static void print_default(const struct option *o)
{
    if (o->section == SECTION_PERMANENT && o->kind == KIND_NAME)
        printf("; as the store was made, else two_flush");
    else if (o->section == SECTION_PERMANENT)
        printf("; as the store was made");
    else if (o->kind == KIND_FLAG)
        printf("; default %s", o->initial ? "true" : "false");
    else if (o->kind == KIND_NAME)
        printf("; default auto");
    else
        printf("; default %" PRIu64, o->initial);
}

static void print_option(const struct option *o, bool as_man)
{
    printf(as_man ? "*%s*\n\t" : "  %s\n      ", o->key);
    printf("%s. %c%s", o->help, kind_text(o)[0] - 'a' + 'A', kind_text(o) + 1);
    print_range(o);
    print_default(o);
    printf(as_man ? ".\n\n" : ".\n");
}

static void print_section(enum option_section section, const char *name, const char *what,
                          bool as_man)
{
    printf(as_man ? "## [%s]\n\n%s\n\n" : "[%s]  %s\n", name, what);
    for (size_t i = 0; i < option_count; i++) {
        if (option_table[i].section == section && option_table[i].has_field)
            print_option(&option_table[i], as_man);
    }
}

void help_options(bool as_man)
{
    print_section(SECTION_RUN, "run", "How the store works; may change from open to open.", as_man);
    print_section(SECTION_PERMANENT, "permanent",
                  "What the files are made with; recorded when the store is made.", as_man);
    printf("Other keys of the reference's files are read and have no effect.\n");
}
