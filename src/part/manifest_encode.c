/* part/manifest_encode.c -- the records of a manifest as bytes. */
#include "base/check.h"
#include "base/checksum.h"
#include "base/coding.h"
#include "part/manifest.h"

#define SECTION_HEADER_BYTES 5 /* kind, length */

/* A u32 length in front of what is written next; its place, for end_length. */
static size_t begin_length(struct bytes *out)
{
    bytes_add_u32(out, 0);
    return out->size;
}

/* Fills in the length. Lengths beyond 32 bits fail the record in finish_record. */
static void end_length(struct bytes *out, size_t begin)
{
    if (!out->failed)
        put_u32(out->data + begin - 4, (uint32_t)(out->size - begin));
}

static size_t begin_record(struct bytes *out, const struct page_id root[2])
{
    size_t start = out->size;
    bytes_add_u64(out, 0); /* the checksum, when the rest is known */
    bytes_add_u32(out, root[0].n);
    bytes_add_u32(out, root[1].n);
    bytes_add_u32(out, 0);
    return start;
}

static int drop_record(struct bytes *out, size_t start, int rc)
{
    out->size = MIN(out->size, start);
    return rc;
}

/* Sequence section, length, padding, checksum. */
static int finish_record(struct bytes *out, size_t start, struct manifest_sequence sequence,
                         uint64_t previous_checksum, uint64_t *ret_checksum)
{
    CHECK(sequence.manifest_id != 0);
    bytes_add_u8(out, SECTION_SEQUENCE);
    bytes_add_u32(out, SECTION_SEQUENCE_BYTES);
    bytes_add_u64(out, sequence.manifest_id);
    bytes_add_u64(out, sequence.number);
    bytes_add_u64(out, previous_checksum);
    if (out->failed)
        return drop_record(out, start, ELOQ_NO_MEMORY);

    uint64_t size = out->size - start;
    if (size - RECORD_HEADER_BYTES > UINT32_MAX)
        return drop_record(out, start, ELOQ_INVALID);
    bytes_add_zeros(out, ALIGN_UP(size, RECORD_ALIGN) - size);
    if (out->failed)
        return drop_record(out, start, ELOQ_NO_MEMORY);

    uint8_t *record = out->data + start;
    put_u32(record + 16, (uint32_t)(size - RECORD_HEADER_BYTES));
    *ret_checksum = checksum_record(record + 8, size - 8);
    put_u64(record, *ret_checksum);
    return ELOQ_OK;
}

static void add_term(struct bytes *out, uint64_t file_id, uint64_t term)
{
    bytes_add_varint(out, file_id);
    bytes_add_varint(out, term);
}

int manifest_encode_log(struct bytes *out, const struct manifest_log *log, uint64_t *ret_checksum)
{
    size_t start = begin_record(out, log->root);
    size_t changes = begin_length(out);
    for (size_t i = 0; i < log->change_count; i++) {
        bytes_add_varint(out, log->changes[i].id);
        bytes_add_varint(out, log->changes[i].value);
    }
    end_length(out, changes);
    size_t terms = begin_length(out);
    for (size_t i = 0; i < log->term_count; i++)
        add_term(out, log->terms[i].file_id, log->terms[i].term);
    end_length(out, terms);
    if (log->page_sums) {
        bytes_add_u8(out, SECTION_PAGE_CHECKSUMS);
        bytes_add_u32(out, (uint32_t)(8 * log->page_sum_count));
        for (size_t i = 0; i < log->page_sum_count; i++)
            bytes_add_u64(out, log->page_sums[i]);
    }
    return finish_record(out, start, log->sequence, log->previous_checksum, ret_checksum);
}

/* Where the values of a snapshot go, and how many came. */
struct value_target {
    struct bytes *out;
    size_t begin;
    uint32_t count;
};

static int add_value(void *user, struct page_id id, uint64_t value)
{
    struct value_target *target = user;
    CHECK(id.n == target->count);
    bytes_add_varint(target->out, value);
    target->count++;
    if (target->out->failed)
        return ELOQ_NO_MEMORY;
    return target->out->size - target->begin > UINT32_MAX ? ELOQ_INVALID : ELOQ_OK;
}

int manifest_encode_snapshot(struct bytes *out, const struct manifest_snapshot *s,
                             uint64_t *ret_checksum)
{
    size_t start = begin_record(out, s->root);
    bytes_add_varint(out, s->max_place);
    bytes_add_varint(out, s->dict_size);
    if (s->dict_size > 0)
        bytes_add(out, s->dict, s->dict_size);

    struct value_target target = { .out = out, .begin = begin_length(out) };
    int rc = s->each_value(s->each_user, add_value, &target);
    if (rc < 0)
        return drop_record(out, start, rc);
    CHECK(target.count == s->page_count);
    end_length(out, target.begin);

    size_t terms = begin_length(out);
    for (uint64_t id = 0; id < s->file_count && out->size - start <= UINT32_MAX; id++) {
        add_term(out, id, terms_get(s->terms, id));
        if (out->failed)
            break;
    }
    add_term(out, TERM_MANIFEST_ID, s->manifest_term);
    end_length(out, terms);
    return finish_record(out, start, s->sequence, 0, ret_checksum);
}

uint64_t manifest_log_bytes_max(size_t change_count, size_t term_count)
{
    uint64_t bytes = RECORD_HEADER_BYTES + 4 + 4 + SECTION_HEADER_BYTES + SECTION_SEQUENCE_BYTES;
    bytes += (uint64_t)change_count * (VARINT32_MAX_BYTES + VARINT64_MAX_BYTES);
    bytes += (uint64_t)term_count * (2 * VARINT64_MAX_BYTES);
    bytes += SECTION_HEADER_BYTES + 8 * (uint64_t)MIN(change_count, PAGE_CHECKSUMS_MAX);
    return ALIGN_UP(bytes, RECORD_ALIGN);
}
