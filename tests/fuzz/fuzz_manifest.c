/* fuzz/fuzz_manifest.c -- any records as a manifest: replay ends with a state that holds together,
 * or with words; the state written as one snapshot record replays to itself.
 *
 *     flags u8, then records: size u16 | flags u8 | roots and payload
 *
 * A record gets its header, a right checksum and its padding here, unless its flags spoil them. */
#include "base/checksum.h"
#include "base/coding.h"
#include "fuzz.h"
#include "part/manifest.h"

#define RECORDS_MAX 6
#define MEMORY_MAX (UINT64_C(64) << 20) /* more a small file must not make it want */

enum { IN_PLACE = 1, CUT_AT_END = 2 };                                 /* of the input */
enum { BAD_CHECKSUM = 1, LONG_PAYLOAD = 2, LINKED = 4, NO_ROOTS = 8 }; /* of a record */

/* A record of ours names the one before it: done here, since a checksum is hard to guess. */
static void link_to(uint8_t *record, uint32_t payload, uint64_t previous)
{
    if (payload >= SECTION_SEQUENCE_BYTES)
        put_u64(record + RECORD_HEADER_BYTES + payload - 8, previous);
}

static uint64_t add_record(struct fuzz_input *in, struct bytes *file, uint64_t previous)
{
    uint32_t size = fuzz_u16(in) % 4096u;
    uint8_t flags = fuzz_u8(in);
    size_t start = file->size;
    bytes_add_u64(file, 0);
    if (flags & NO_ROOTS) {
        bytes_add_u32(file, NO_PAGE);
        bytes_add_u32(file, NO_PAGE);
    } else {
        uint8_t roots = fuzz_u8(in);
        bytes_add_u32(file, roots & 15u);
        bytes_add_u32(file, roots >> 4 == 15 ? NO_PAGE : roots >> 4);
    }
    eloq_slice payload = fuzz_bytes(in, size);
    bytes_add_u32(file, (uint32_t)payload.size + (flags & LONG_PAYLOAD ? 5000 : 0));
    bytes_add(file, payload.data, payload.size);
    bytes_add_zeros(file, ALIGN_UP(file->size - start, RECORD_ALIGN) - (file->size - start));
    PROMISE(!file->failed);
    uint8_t *record = file->data + start;
    if (flags & LINKED)
        link_to(record, (uint32_t)payload.size, previous);
    uint64_t sum = checksum_record(record + 8, 12 + payload.size);
    put_u64(record, flags & BAD_CHECKSUM ? sum + 1 : sum);
    return sum;
}

static void make(const uint8_t *data, size_t size, struct bytes *file, bool *ret_in_place)
{
    struct fuzz_input in = { data, size };
    uint8_t flags = fuzz_u8(&in);
    uint64_t checksum = 0;
    for (int i = 0; i < RECORDS_MAX && in.size > 0; i++)
        checksum = add_record(&in, file, checksum);
    if (flags & CUT_AT_END && file->size > 0)
        file->size -= 1 + (flags >> 2) * 61u % MIN(file->size, (size_t)4000);
    *ret_in_place = flags & IN_PLACE;
}

static bool is_mapped(const struct manifest_state *s, struct page_id id)
{
    return id.n < s->page_count && (s->values[id.n] & 7) == MAPPING_TYPE_FILE_PAGE;
}

/* What every reader of a state relies on. */
static void check(const struct manifest_state *s, size_t size, bool in_place)
{
    uint64_t end = in_place ? MIN(s->max_place, FILE_PAGE_END_IN_PLACE) : s->max_place;
    PROMISE(s->record_count > 0 && s->last_at < s->valid_end && s->error == NULL);
    PROMISE(s->valid_end % RECORD_ALIGN == 0);
    PROMISE(s->padding_missing == (s->valid_end > size));
    for (int i = 0; i < 2; i++)
        PROMISE(s->root[i].n == NO_PAGE || is_mapped(s, s->root[i]));
    for (uint32_t id = 0; id < s->page_count; id++)
        PROMISE(s->values[id] == MAPPING_FREE
                || (is_mapped(s, page_id(id)) && s->values[id] >> 3 < end));
    for (size_t i = 1; i < s->listed_count; i++)
        PROMISE(s->listed[i - 1] < s->listed[i]);
    for (size_t i = 0; i < s->terms.count; i++)
        PROMISE(s->terms.entries[i].term != 0);
}

static int each_value(const void *user, int (*f)(void *out, struct page_id id, uint64_t value),
                      void *out)
{
    const struct manifest_state *s = user;
    for (uint32_t id = 0; id < s->page_count; id++)
        TRY(f(out, page_id(id), s->values[id]));
    return ELOQ_OK;
}

static void rewrite(struct manifest_state *s, struct mem *m, bool in_place)
{
    struct manifest_snapshot snapshot = { .root = { s->root[0], s->root[1] },
                                          .max_place = s->max_place,
                                          .dict = s->dict,
                                          .dict_size = s->dict_size,
                                          .page_count = s->page_count,
                                          .each_value = each_value,
                                          .each_user = s,
                                          .terms = &s->terms,
                                          .manifest_term = s->manifest_term,
                                          .sequence = { 1, 2 } };
    struct manifest_state again;
    struct bytes record;
    uint64_t checksum = 0;
    bytes_init(&record, m, MEM_OTHER);
    manifest_state_init(&again, m);
    PROMISE(manifest_encode_snapshot(&record, &snapshot, &checksum) == ELOQ_OK);
    PROMISE(manifest_replay(&again, record.data, record.size, in_place) == ELOQ_OK);
    PROMISE(again.page_count == s->page_count && again.max_place == s->max_place);
    PROMISE(s->page_count == 0 || memcmp(again.values, s->values, 8 * (size_t)s->page_count) == 0);
    PROMISE(again.root[0].n == s->root[0].n && again.root[1].n == s->root[1].n);
    PROMISE(again.dict_size == s->dict_size && again.last_checksum == checksum);
    PROMISE(again.sequence.manifest_id == 1 && again.sequence.number == 2);
    manifest_state_free(&again);
    bytes_free(&record);
}

static void count_record(void *user, const struct manifest_record *record)
{
    PROMISE(record->padded_bytes > 0);
    ++*(uint32_t *)user;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mem m;
    struct bytes file;
    struct manifest_state s;
    bool in_place = false;
    mem_init(&m, MEMORY_MAX);
    bytes_init(&file, &m, MEM_OTHER);
    make(data, size, &file, &in_place);
    uint8_t *exact = fuzz_copy(file.data, file.size);
    manifest_state_init(&s, &m);
    int rc = manifest_replay(&s, exact, file.size, in_place);
    PROMISE(rc == ELOQ_OK || (rc == ELOQ_CORRUPTED && s.error));
    uint32_t shown = 0;
    (void)manifest_each(exact, file.size, count_record, &shown);
    if (rc == ELOQ_OK) {
        PROMISE(shown >= s.record_count);
        check(&s, file.size, in_place);
        rewrite(&s, &m, in_place);
    }
    manifest_state_free(&s);
    bytes_free(&file);
    free(exact);
    PROMISE(atomic_load(&m.total) == 0);
    return 0;
}
