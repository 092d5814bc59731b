/* tests/model/cold_read_test.c -- a cold point read with the index in memory is exactly one device
 * read, counted by the backend; a value in overflow pages costs its pages more. Where data pages
 * are kept, the second read of one costs none, nor the first after it was written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eloqstore.h"

#define KEYS 20000
#define READS 2000

static eloq_store *db;
static const eloq_part part = { "cold", 0 };

static void must(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "cold_read_test: %s (%s)\n", what, eloq_errmsg());
        exit(1);
    }
}

static uint64_t reads(void)
{
    uint64_t n = 0;
    must(eloq_stat(db, "io_reads", &n) == ELOQ_OK, "stat");
    return n;
}

static void open_store(const char *dir, int backend, uint64_t data_cache_bytes)
{
    eloq_options options = ELOQ_OPTIONS(dir);
    options.io_backend = backend;
    options.data_cache_bytes = data_cache_bytes;
    must(eloq_open(&options, &db) == ELOQ_OK, "open");
}

static void load(void)
{
    static char keys[KEYS][16];
    static eloq_entry entries[KEYS];
    static char value[120];
    for (int i = 0; i < KEYS; i++) {
        snprintf(keys[i], sizeof(keys[i]), "%08d", i);
        entries[i].key = eloq_str(keys[i]);
        entries[i].value = eloq_bytes(value, sizeof(value));
    }
    must(eloq_write(db, part, entries, KEYS) == ELOQ_OK, "write");
    static char large[10000]; /* three overflow pages */
    must(eloq_put(db, part, eloq_str("large"), eloq_bytes(large, sizeof(large))) == ELOQ_OK, "put");
}

/* Leaves the store open. */
static void read_warm(const char *dir, int backend)
{
    eloq_record record = { 0 };
    char key[16];

    open_store(dir, backend, 0);
    for (int round = 0; round < 2; round++) {
        uint64_t before = reads();
        for (int i = 0; i < KEYS; i++) {
            snprintf(key, sizeof(key), "%08d", i);
            must(eloq_get(db, part, eloq_str(key), &record) == ELOQ_OK, "get");
        }
        must((reads() - before == 0) == (round == 1), "the second round reads nothing");
    }
    must(eloq_put(db, part, eloq_str("00000500"), eloq_str("new")) == ELOQ_OK, "put");
    uint64_t before = reads();
    must(eloq_get(db, part, eloq_str("00000500"), &record) == ELOQ_OK, "get");
    must(record.value.size == 3 && memcmp(record.value.data, "new", 3) == 0, "the new value");
    must(reads() == before, "what was written is in memory");
    eloq_record_free(&record);
}

int main(int argc, char **argv)
{
    char dir[] = "/tmp/eloq-cold-XXXXXX";
    must(mkdtemp(dir) != NULL, "mkdtemp");
    int backend = argc > 1 ? atoi(argv[1]) : ELOQ_IO_SYNC;
    open_store(dir, backend, 1);
    load();
    must(eloq_close(db) == ELOQ_OK, "close");

    open_store(dir, backend, 1);
    eloq_record record = { 0 };
    char key[16];
    for (int i = 0; i < KEYS; i += 20) { /* brings every index page to memory */
        snprintf(key, sizeof(key), "%08d", i);
        must(eloq_get(db, part, eloq_str(key), &record) == ELOQ_OK, "get");
    }
    must(eloq_get(db, part, eloq_str("large"), &record) == ELOQ_OK, "get");

    uint64_t before = reads();
    for (int i = 0; i < READS; i++) {
        snprintf(key, sizeof(key), "%08d", (i * 7919) % KEYS);
        must(eloq_get(db, part, eloq_str(key), &record) == ELOQ_OK, "get");
    }
    uint64_t used = reads() - before;
    printf("backend %d: %d point reads, %llu device reads\n", backend, READS,
           (unsigned long long)used);
    must(used == READS, "not one device read a point read");

    before = reads();
    must(eloq_get(db, part, eloq_str("absent"), &record) == ELOQ_NOT_FOUND, "absent key");
    must(reads() - before == 1, "a miss is one device read too");
    before = reads();
    must(eloq_get(db, part, eloq_str("large"), &record) == ELOQ_OK, "large value");
    used = reads() - before;
    must(used >= 2 && used <= 4, "a large value reads its leaf and its pages");

    must(eloq_close(db) == ELOQ_OK, "close");
    read_warm(dir, backend);

    eloq_record_free(&record);
    must(eloq_close(db) == ELOQ_OK, "close");
    char command[64];
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return system(command) == 0 ? 0 : 1;
}
