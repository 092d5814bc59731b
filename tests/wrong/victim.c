/* tests/wrong/victim.c -- a small partition written by hand. */
#include "wrong/victim.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/checksum.h"
#include "base/coding.h"
#include "page/format.h"
#include "page/page.h"

#define PLAIN "a value that was compressed by zstd, a value that was compressed by zstd"

const char *const victim_keys[] = { "a0", "a1",   "a2",    "a3",   "a4", "a5", "a6", "a7",
                                    "a8", "a9",   "b0",    "b1",   "b2", "b3", "b4", "b5",
                                    "b6", "b7",   "b8",    "b9",   "c0", "c1", "c2", "c3",
                                    "c4", "cbig", "cdict", "cexp", "cz", NULL };

void buf_add(struct buf *b, const void *data, size_t size)
{
    ck_assert_uint_le(size, sizeof(b->data) - b->size);
    if (size > 0)
        memcpy(b->data + b->size, data, size);
    b->size += size;
}

void buf_varint(struct buf *b, uint64_t v)
{
    ck_assert_uint_le(VARINT64_MAX_BYTES, sizeof(b->data) - b->size);
    b->size = (size_t)(put_varint(b->data + b->size, v) - b->data);
}

void buf_u32(struct buf *b, uint32_t v)
{
    uint8_t bytes[4];

    put_u32(bytes, v);
    buf_add(b, bytes, sizeof(bytes));
}

/* ---- pages ---- */

void victim_entry(struct buf *b, const char *key, uint64_t lenbits, const void *value, size_t size,
                  uint64_t delta)
{
    buf_varint(b, 0);
    buf_varint(b, strlen(key));
    buf_varint(b, lenbits ? lenbits : (uint64_t)size << ENTRY_LENGTH_SHIFT);
    buf_add(b, key, strlen(key));
    buf_add(b, value, size);
    if (lenbits & ENTRY_EXPIRES)
        buf_varint(b, CEXP_EXPIRES);
    buf_varint(b, delta);
}

/* Header, entries, restart points, their number. */
static void finish_page(uint8_t *page, uint8_t type, uint32_t header_bytes,
                        const struct buf *entries, const uint16_t *restarts, unsigned count)
{
    uint32_t at = header_bytes + (uint32_t)entries->size;

    memcpy(page + header_bytes, entries->data, entries->size);
    for (unsigned i = 0; i < count; i++, at += 2)
        put_u16(page + at, restarts[i]);
    put_u16(page + at, (uint16_t)count);
    page[PAGE_TYPE_AT] = type;
    put_u16(page + PAGE_LENGTH_AT, (uint16_t)(at + 2));
}

static void finish_leaf(uint8_t *page, uint32_t prev, uint32_t next, const struct buf *entries,
                        const uint16_t *restarts, unsigned count)
{
    memset(page, 0, VICTIM_PAGE);
    put_u32(page + LEAF_PREV_AT, prev);
    put_u32(page + LEAF_NEXT_AT, next);
    finish_page(page, PAGE_DATA, LEAF_HEADER_BYTES, entries, restarts, count);
}

static void plain_leaf(struct victim *v, uint32_t id, char letter, uint32_t prev, uint32_t next,
                       unsigned replaced, const void *entry, size_t size)
{
    struct buf entries = { .size = 0 };
    uint16_t restarts[2] = { LEAF_HEADER_BYTES, 0 };

    for (unsigned i = 0; i < 10; i++) {
        char key[3] = { letter, (char)('0' + i), '\0' };
        char value[8];
        snprintf(value, sizeof(value), "v-%s", key);
        if (i == 5)
            restarts[1] = (uint16_t)(LEAF_HEADER_BYTES + entries.size);
        /* Timestamp 7 at a restart point, no difference to the entry before elsewhere. */
        if (entry && i == replaced)
            buf_add(&entries, entry, size);
        else
            victim_entry(&entries, key, 0, value, strlen(value), i % 5 == 0 ? 14 : 0);
    }
    finish_leaf(v->pages[id], prev, next, &entries, restarts, 2);
}

void victim_leaf_b(struct victim *v, unsigned index, const void *entry, size_t size)
{
    plain_leaf(v, LEAF_B, 'b', LEAF_A, LEAF_C, index, entry, size);
}

static void ids_of_cbig(struct buf *b)
{
    buf_u32(b, OVERFLOW_1);
    buf_u32(b, OVERFLOW_2);
    buf_u32(b, OVERFLOW_3);
}

static void compressed(struct buf *b)
{
    buf_varint(b, sizeof(PLAIN) - 1);
    size_t room = sizeof(b->data) - b->size;
    size_t size = ZSTD_compress(b->data + b->size, room, PLAIN, sizeof(PLAIN) - 1, 3);
    ck_assert(!ZSTD_isError(size));
    b->size += size;
}

static void leaf_c_entry(struct buf *entries, const char *key, uint64_t delta)
{
    struct buf value = { .size = 0 };
    uint64_t flags = 0;

    if (strcmp(key, "cbig") == 0) {
        ids_of_cbig(&value);
        flags = ENTRY_OVERFLOW;
    } else if (strcmp(key, "cdict") == 0 || strcmp(key, "cz") == 0) {
        compressed(&value);
        flags = (key[1] == 'd' ? COMPRESSION_DICT : COMPRESSION_ALONE) << ENTRY_COMPRESSION_SHIFT;
    } else {
        buf_add(&value, "v-", 2);
        buf_add(&value, key, strlen(key));
        flags = strcmp(key, "cexp") == 0 ? ENTRY_EXPIRES : 0;
    }
    victim_entry(entries, key, (uint64_t)value.size << ENTRY_LENGTH_SHIFT | flags, value.data,
                 value.size, delta);
}

void victim_leaf_c(struct victim *v, const char *replaced, const void *entry, size_t size)
{
    struct buf entries = { .size = 0 };
    const uint16_t restart = LEAF_HEADER_BYTES;

    for (const char *const *key = victim_keys + 20; *key; key++) {
        if (replaced && strcmp(*key, replaced) == 0)
            buf_add(&entries, entry, size);
        else
            leaf_c_entry(&entries, *key, entries.size == 0 ? 14 : 0);
    }
    finish_leaf(v->pages[LEAF_C], LEAF_B, VICTIM_NONE, &entries, &restart, 1);
}

void victim_leaf_ttl(struct victim *v, const void *key, size_t size)
{
    struct buf entries = { .size = 0 };
    const uint16_t restart = LEAF_HEADER_BYTES;

    buf_varint(&entries, 0);
    buf_varint(&entries, size);
    buf_varint(&entries, 0);
    buf_add(&entries, key, size);
    buf_varint(&entries, 0);
    finish_leaf(v->pages[LEAF_TTL], VICTIM_NONE, VICTIM_NONE, &entries, &restart, 1);
}

void victim_index(struct victim *v, uint32_t id, bool above_leaves, uint32_t leftmost,
                  const char *const *separators, const uint32_t *children, unsigned count)
{
    struct buf entries = { .size = 0 };
    const uint16_t restart = INDEX_HEADER_BYTES;
    int64_t previous = 0;

    for (unsigned i = 0; i < count; i++) {
        buf_varint(&entries, 0);
        buf_varint(&entries, strlen(separators[i]));
        buf_add(&entries, separators[i], strlen(separators[i]));
        buf_varint(&entries, sdelta_encode((int64_t)children[i] - previous));
        previous = children[i];
    }
    memset(v->pages[id], 0, VICTIM_PAGE);
    put_u32(v->pages[id] + INDEX_LEFTMOST_AT, leftmost);
    finish_page(v->pages[id], above_leaves ? PAGE_LEAF_INDEX : PAGE_INNER_INDEX, INDEX_HEADER_BYTES,
                &entries, &restart, count > 0);
}

void victim_big_bytes(uint8_t *data, size_t from, size_t size)
{
    for (size_t i = from; i < from + size; i++)
        *data++ = (uint8_t)(i * 31 + i / 251);
}

static void overflow_page(struct victim *v, uint32_t id, size_t from, size_t size)
{
    uint8_t *page = v->pages[id];

    memset(page, 0, VICTIM_PAGE);
    page[PAGE_TYPE_AT] = PAGE_OVERFLOW;
    put_u16(page + PAGE_LENGTH_AT, (uint16_t)size);
    victim_big_bytes(page + OVERFLOW_HEADER_BYTES, from, size);
}

static void make_pages(struct victim *v)
{
    const size_t most = VICTIM_PAGE - 12;
    uint8_t ttl_key[12];

    plain_leaf(v, LEAF_A, 'a', VICTIM_NONE, LEAF_B, 0, NULL, 0);
    victim_leaf_b(v, 0, NULL, 0);
    victim_leaf_c(v, NULL, NULL, 0);
    victim_index(v, INDEX_LEFT, true, LEAF_A, (const char *[]){ "b" }, (uint32_t[]){ LEAF_B }, 1);
    victim_index(v, INDEX_RIGHT, true, LEAF_C, NULL, NULL, 0);
    victim_index(v, INDEX_ROOT, false, INDEX_LEFT, (const char *[]){ "c" },
                 (uint32_t[]){ INDEX_RIGHT }, 1);
    overflow_page(v, OVERFLOW_1, 0, most);
    overflow_page(v, OVERFLOW_2, most, most);
    overflow_page(v, OVERFLOW_3, 2 * most, CBIG_BYTES - 2 * most);
    put_u64_be(ttl_key, CEXP_EXPIRES);
    memcpy(ttl_key + 8, "cexp", 4);
    victim_leaf_ttl(v, ttl_key, sizeof(ttl_key));
    victim_index(v, INDEX_TTL, true, LEAF_TTL, NULL, NULL, 0);
}

/* ---- the manifest ---- */

void victim_map(struct victim *v)
{
    v->values.size = v->terms.size = 0;
    v->max_place = 0;
    for (uint32_t id = 0; id < v->page_count; id++) {
        buf_varint(&v->values, (uint64_t)v->place[id] << 3 | MAPPING_TYPE_FILE_PAGE);
        v->max_place = MAX(v->max_place, (uint64_t)v->place[id] + 1);
    }
    for (uint64_t file = 0; file <= v->max_place >> VICTIM_SHIFT; file++) {
        buf_varint(&v->terms, file);
        buf_varint(&v->terms, 0);
    }
    buf_varint(&v->terms, TERM_MANIFEST_ID);
    buf_varint(&v->terms, 0);
}

void victim_make(struct victim *v)
{
    unsigned variant = v->variant;

    memset(v, 0, sizeof(*v));
    v->variant = variant;
    v->page_count = VICTIM_PAGES;
    for (uint32_t id = 0; id < VICTIM_PAGES_MAX; id++)
        v->place[id] = id;
    v->place[LEAF_B] = INDEX_TTL;
    v->place[INDEX_TTL] = LEAF_B;
    v->root[0] = INDEX_ROOT;
    v->root[1] = INDEX_TTL;
    v->values_size = v->terms_size = -1;
    make_pages(v);
    victim_map(v);
}

uint32_t victim_add_page(struct victim *v)
{
    ck_assert_uint_lt(v->page_count, VICTIM_PAGES_MAX);
    return v->page_count++;
}

static void write_record(FILE *file, const uint32_t root[2], const struct buf *payload)
{
    static uint8_t record[4 * RECORD_ALIGN];
    size_t size = RECORD_HEADER_BYTES + payload->size;

    memset(record, 0, sizeof(record));
    put_u32(record + 8, root[0]);
    put_u32(record + 12, root[1]);
    put_u32(record + 16, (uint32_t)payload->size);
    memcpy(record + RECORD_HEADER_BYTES, payload->data, payload->size);
    put_u64(record, checksum_record(record + 8, size - 8));
    ck_assert_uint_eq(fwrite(record, ALIGN_UP(size, RECORD_ALIGN), 1, file), 1);
}

static void write_manifest(const struct victim *v, const char *dir)
{
    struct buf payload = { .size = 0 };
    char path[512];

    buf_varint(&payload, v->max_place);
    buf_varint(&payload, v->dict_size);
    buf_u32(&payload, (uint32_t)(v->values_size < 0 ? (int64_t)v->values.size : v->values_size));
    buf_add(&payload, v->values.data, v->values.size);
    buf_u32(&payload, (uint32_t)(v->terms_size < 0 ? (int64_t)v->terms.size : v->terms_size));
    buf_add(&payload, v->terms.data, v->terms.size);
    buf_add(&payload, v->tail.data, v->tail.size);
    snprintf(path, sizeof(path), "%s/manifest_0", dir);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    write_record(file, v->root, &payload);
    if (v->has_log)
        write_record(file, v->root, &v->log);
    ck_assert_int_eq(fclose(file), 0);
}

static void empty_dir(const char *dir)
{
    char path[1024];
    struct dirent *entry;
    DIR *d = opendir(dir);

    if (!d) {
        ck_assert_int_eq(mkdir(dir, 0755), 0);
        return;
    }
    while ((entry = readdir(d))) {
        snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        remove(path);
    }
    closedir(d);
}

const char *victim_file(const struct victim *v, uint32_t id, uint64_t *ret_offset)
{
    static char name[32];
    uint32_t place = v->place[id];

    snprintf(name, sizeof(name), "data_%u_0", place >> VICTIM_SHIFT);
    *ret_offset = (uint64_t)(place % (1u << VICTIM_SHIFT)) * VICTIM_PAGE;
    return name;
}

void victim_write(struct victim *v, const char *dir)
{
    empty_dir(dir);
    for (uint32_t id = 0; id < v->page_count; id++) {
        char path[512];
        uint64_t offset;
        snprintf(path, sizeof(path), "%s/%s", dir, victim_file(v, id, &offset));
        FILE *file = fopen(path, access(path, F_OK) == 0 ? "r+" : "w");
        ck_assert_ptr_nonnull(file);
        page_seal(v->pages[id], VICTIM_PAGE);
        ck_assert_int_eq(fseek(file, (long)offset, SEEK_SET), 0);
        ck_assert_uint_eq(fwrite(v->pages[id], VICTIM_PAGE, 1, file), 1);
        ck_assert_int_eq(fclose(file), 0);
    }
    write_manifest(v, dir);
}

const void *victim_value(const char *key, size_t *ret_size)
{
    static uint8_t value[CBIG_BYTES];

    if (strcmp(key, "cbig") == 0) {
        victim_big_bytes(value, 0, CBIG_BYTES);
        *ret_size = CBIG_BYTES;
    } else if (strcmp(key, "cdict") == 0 || strcmp(key, "cz") == 0) {
        memcpy(value, PLAIN, sizeof(PLAIN));
        *ret_size = sizeof(PLAIN) - 1;
    } else {
        *ret_size = (size_t)snprintf((char *)value, sizeof(value), "v-%s", key);
    }
    return value;
}
