/* api/store.c -- options, open, close, host-driven running. */
#include "engine/store.h"

#include "engine/options.h"

int eloq_open(const eloq_options *options, eloq_store **ret)
{
    if (!options || !ret)
        return error_fail(ELOQ_INVALID, "no options, or no place for the store");
    return store_open(options, NULL, ret);
}

int eloq_close(eloq_store *store)
{
    return store_close(store);
}

/* Works on a whole struct, whatever header the caller was compiled with. */
static int changed(eloq_options *options, int (*change)(eloq_options *whole, const void *user),
                   const void *user)
{
    eloq_options whole;
    size_t size = options->size;

    TRY(options_read(options, &whole, error_last()));
    if (size < sizeof(whole))
        return error_fail(ELOQ_INVALID, "options of an older header: %zu bytes, need %zu", size,
                          sizeof(whole));
    int rc = change(&whole, user);
    memcpy(options, &whole, sizeof(whole));
    options->size = size;
    return rc;
}

static int load(eloq_options *whole, const void *user)
{
    return options_load(whole, user, error_last());
}

int eloq_options_load(eloq_options *options, const char *file)
{
    if (!options || !file)
        return error_fail(ELOQ_INVALID, "no options, or no file name");
    return changed(options, load, file);
}

static int set(eloq_options *whole, const void *user)
{
    const char *const *pair = user;
    return options_set(whole, NULL, pair[0], pair[1], error_last());
}

int eloq_options_set(eloq_options *options, const char *key, const char *value)
{
    const char *pair[2] = { key, value };

    if (!options || !key || !value)
        return error_fail(ELOQ_INVALID, "no options, key or value");
    return changed(options, set, pair);
}

void eloq_options_free(eloq_options *options)
{
    if (options && options->size >= sizeof(*options))
        options_free_strings(options);
}

int eloq_run(eloq_store *store, int wait_ms)
{
    return store ? store_run(store, wait_ms) : error_fail(ELOQ_INVALID, "no store");
}

int eloq_fd(eloq_store *store)
{
    return store ? store_fd(store) : error_fail(ELOQ_INVALID, "no store");
}

int eloq_next_ms(eloq_store *store)
{
    return store ? store_next_ms(store) : error_fail(ELOQ_INVALID, "no store");
}
