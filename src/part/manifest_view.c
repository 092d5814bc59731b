/* part/manifest_view.c -- cut a record into its parts, for replay and for a person. */
#include "part/manifest_view.h"

#include <string.h>

#include "base/checksum.h"

bool manifest_view_frame(const uint8_t *data, size_t size, uint64_t at, struct manifest_frame *ret)
{
    if (at > size || size - at < RECORD_HEADER_BYTES)
        return false;
    uint32_t payload = get_u32(data + at + 16);
    if (payload > size - at - RECORD_HEADER_BYTES)
        return false;
    ret->at = at;
    ret->bytes = (uint64_t)RECORD_HEADER_BYTES + payload;
    ret->end = at + ALIGN_UP(ret->bytes, RECORD_ALIGN);
    ret->checksum = get_u64(data + at);
    ret->checksum_ok = ret->checksum == checksum_record(data + at + 8, ret->bytes - 8);
    return true;
}

uint64_t manifest_view_nonzero_end(const uint8_t *data, size_t size)
{
    while (size >= 8 && get_u64(data + size - 8) == 0)
        size -= 8;
    while (size > 0 && data[size - 1] == 0)
        size--;
    return size;
}

/* A u32 length and that many bytes, as a region of their own. */
static bool take_region(struct reader *r, struct reader *ret)
{
    uint32_t size;
    const uint8_t *bytes;
    if (!reader_u32(r, &size) || !reader_bytes(r, size, &bytes))
        return false;
    *ret = reader_over(bytes, size);
    return true;
}

static const char *count_snapshot_values(struct manifest_view *v)
{
    for (struct reader r = v->values; reader_left(&r) > 0; v->value_count++) {
        uint64_t value;
        if (!reader_v64(&r, &value))
            return "broken mapping value";
        if (v->value_count == LOGICAL_ID_END)
            return "too many pages";
        unsigned type = value & 7;
        if (type == MAPPING_TYPE_FILE_PAGE) {
            if (value >> 3 >= v->max_place)
                return "a mapped place is not below max_fp";
            v->mapped_count++;
        } else if (type != MAPPING_TYPE_FREE && value != MAPPING_FREE) {
            return "bad mapping value";
        }
    }
    return NULL;
}

static const char *count_changes(struct manifest_view *v)
{
    for (struct reader r = v->values; reader_left(&r) > 0; v->value_count++) {
        uint32_t id;
        uint64_t value;
        if (!reader_v32(&r, &id) || !reader_v64(&r, &value))
            return "broken mapping change";
        if (id >= LOGICAL_ID_END)
            return "page id too high";
        if ((value & 7) == MAPPING_TYPE_FILE_PAGE)
            v->mapped_count++;
        else if (value != MAPPING_FREE)
            return "bad mapping value";
    }
    return NULL;
}

static const char *count_terms(struct manifest_view *v)
{
    for (struct reader r = v->terms; reader_left(&r) > 0; v->term_count++) {
        uint64_t file_id, term;
        if (!reader_v64(&r, &file_id) || !reader_v64(&r, &term))
            return "broken term section";
    }
    return NULL;
}

static bool take_sequence(struct manifest_view *v, struct reader *body)
{
    bool ok = !v->has_sequence && reader_left(body) == SECTION_SEQUENCE_BYTES
              && reader_u64(body, &v->sequence.manifest_id) && reader_u64(body, &v->sequence.number)
              && reader_u64(body, &v->previous_checksum);
    v->has_sequence = true;
    return ok;
}

/* What follows the term section (format.md 12.6). */
static const char *take_sections(struct manifest_view *v, struct reader *r, bool is_snapshot)
{
    while (reader_left(r) > 0) {
        uint8_t kind;
        struct reader body;
        if (!reader_u8(r, &kind) || kind == 0 || !take_region(r, &body))
            return "broken extension section";
        if (kind == SECTION_SEQUENCE && !take_sequence(v, &body))
            return "bad sequence section";
        if (kind == SECTION_PAGE_CHECKSUMS) {
            if (is_snapshot || v->has_page_checksums || v->mapped_count > PAGE_CHECKSUMS_MAX
                || reader_left(&body) != 8 * (uint64_t)v->mapped_count)
                return "bad page checksum section";
            v->has_page_checksums = true;
            v->page_sums = body;
        }
    }
    return NULL;
}

static const char *take_snapshot_head(struct manifest_view *v, struct reader *r)
{
    if (!reader_v64(r, &v->max_place) || v->max_place > FILE_PAGE_END)
        return "bad max_fp";
    if (!reader_v32(r, &v->dict_size) || !reader_bytes(r, v->dict_size, &v->dict))
        return "bad dictionary length";
    return NULL;
}

const char *manifest_view_parse(struct manifest_view *v, const uint8_t *record, uint64_t bytes,
                                bool is_snapshot)
{
    memset(v, 0, sizeof(*v));
    v->root[0] = page_id(get_u32(record + 8));
    v->root[1] = page_id(get_u32(record + 12));
    struct reader r =
        reader_over(record + RECORD_HEADER_BYTES, (size_t)(bytes - RECORD_HEADER_BYTES));

    const char *error = is_snapshot ? take_snapshot_head(v, &r) : NULL;
    if (error)
        return error;
    if (!take_region(&r, &v->values))
        return "mapping length past the payload";
    error = is_snapshot ? count_snapshot_values(v) : count_changes(v);
    if (error)
        return error;
    if (!take_region(&r, &v->terms))
        return "term section length past the payload";
    error = count_terms(v);
    return error ? error : take_sections(v, &r, is_snapshot);
}

static void describe(const struct manifest_frame *frame, const struct manifest_view *v,
                     struct manifest_record *ret)
{
    ret->root[0] = v->root[0];
    ret->root[1] = v->root[1];
    ret->max_place = v->max_place;
    ret->dict_size = v->dict_size;
    ret->value_count = v->value_count;
    ret->freed_count = v->value_count - v->mapped_count;
    ret->term_count = v->term_count;
    ret->has_sequence = v->has_sequence;
    ret->sequence = v->sequence;
    ret->has_page_checksums = v->has_page_checksums;
    ret->is_seal = frame->at > 0 && v->value_count == 0 && !v->has_page_checksums;
}

int manifest_each(const uint8_t *data, size_t size,
                  void (*f)(void *user, const struct manifest_record *record), void *user)
{
    int rc = ELOQ_OK;
    uint64_t at = 0, end = manifest_view_nonzero_end(data, size);
    struct manifest_frame frame;
    while (at < end && manifest_view_frame(data, size, at, &frame)) {
        struct manifest_record record = {
            .offset = at,
            .padded_bytes = frame.end - at,
            .payload_bytes = (uint32_t)(frame.bytes - RECORD_HEADER_BYTES),
            .checksum_ok = frame.checksum_ok,
            .is_snapshot = at == 0,
        };
        if (frame.checksum_ok) {
            struct manifest_view v;
            record.error = manifest_view_parse(&v, data + at, frame.bytes, at == 0);
            describe(&frame, &v, &record);
        }
        if (!frame.checksum_ok || record.error)
            rc = ELOQ_CORRUPTED;
        f(user, &record);
        at = frame.end;
    }
    if (at < end) {
        struct manifest_record cut = { .offset = at,
                                       .padded_bytes = size - at,
                                       .is_snapshot = at == 0 };
        f(user, &cut);
        rc = ELOQ_CORRUPTED;
    }
    return rc;
}
