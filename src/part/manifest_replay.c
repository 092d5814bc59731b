/* part/manifest_replay.c -- the state that a manifest's records add up to. */
#include <string.h>

#include "base/bitset.h"
#include "part/manifest_view.h"

/* Places are checked for doubles in a bitset if they lie so dense, else sorted. */
#define PLACES_PER_PAGE_MAX 64
#define PLACES_SPARE (UINT64_C(1) << 20)

void manifest_state_init(struct manifest_state *s, struct mem *m)
{
    memset(s, 0, sizeof(*s));
    s->mem = m;
    s->root[0] = s->root[1] = page_id(NO_PAGE);
    s->damaged_tail_at = UINT64_MAX;
    terms_init(&s->terms, m);
}

void manifest_state_free(struct manifest_state *s)
{
    struct mem *m = s->mem;
    mem_free(m, s->values);
    mem_free(m, s->dict);
    mem_free(m, s->listed);
    mem_free(m, s->last_pages);
    terms_free(&s->terms);
    manifest_state_init(s, m);
}

static int fail(struct manifest_state *s, uint64_t at, const char *words)
{
    s->error_at = at;
    s->error = words;
    return ELOQ_CORRUPTED;
}

/* ---- sort ----------------------------------------------------------------------------------- */

/* One pass of a merge sort: runs of `width` in `from` become runs of twice that in `to`. */
static void merge_runs(const struct term_entry *from, struct term_entry *to, size_t count,
                       size_t width)
{
    for (size_t start = 0; start < count; start += 2 * width) {
        size_t a = start, a_end = MIN(start + width, count);
        size_t b = a_end, b_end = MIN(a_end + width, count);
        for (size_t i = start; i < b_end; i++) {
            bool take_a = a < a_end && (b == b_end || from[a].file_id <= from[b].file_id);
            to[i] = take_a ? from[a++] : from[b++];
        }
    }
}

/* Stable, by file_id. The result is in `entries` again. */
static int sort_entries(struct mem *m, struct term_entry *entries, size_t count)
{
    bool sorted = true;
    for (size_t i = 1; i < count && sorted; i++)
        sorted = entries[i - 1].file_id <= entries[i].file_id;
    if (sorted)
        return ELOQ_OK;
    struct term_entry *other = mem_alloc(m, MEM_MAPPING, count * sizeof(*other));
    if (!other)
        return ELOQ_NO_MEMORY;
    struct term_entry *from = entries, *to = other;
    for (size_t width = 1; width < count; width *= 2) {
        merge_runs(from, to, count, width);
        struct term_entry *swap = from;
        from = to;
        to = swap;
    }
    if (from != entries)
        memcpy(entries, from, count * sizeof(*entries));
    mem_free(m, other);
    return ELOQ_OK;
}

/* ---- terms ---------------------------------------------------------------------------------- */

/* Adds the ids of ascending entries to s->listed, from the back so that nothing is overwritten. */
static int list_files(struct manifest_state *s, const struct term_entry *entries, size_t count)
{
    size_t strangers = 0;
    for (size_t i = 0, at = 0; i < count; i++) {
        while (at < s->listed_count && s->listed[at] < entries[i].file_id)
            at++;
        strangers += at == s->listed_count || s->listed[at] != entries[i].file_id;
    }
    size_t total = s->listed_count + strangers;
    if (total > s->listed_capacity) {
        size_t capacity = MAX(total, 2 * s->listed_capacity);
        void *p = mem_realloc(s->mem, MEM_MAPPING, s->listed, capacity * sizeof(*s->listed));
        if (!p)
            return ELOQ_NO_MEMORY;
        s->listed = p;
        s->listed_capacity = capacity;
    }
    size_t from = s->listed_count, to = total;
    for (size_t i = count; i > 0; i--) {
        uint64_t id = entries[i - 1].file_id;
        while (from > 0 && s->listed[from - 1] > id)
            s->listed[--to] = s->listed[--from];
        from -= from > 0 && s->listed[from - 1] == id;
        s->listed[--to] = id;
    }
    s->listed_count = total;
    return ELOQ_OK;
}

/* The pairs of a term section, ascending, the last of equal ids only. */
static int decode_terms(struct manifest_state *s, const struct manifest_view *v,
                        struct term_entry *entries, size_t *ret_count)
{
    struct reader r = v->terms;
    size_t count = 0;
    for (uint32_t i = 0; i < v->term_count; i++) {
        struct term_entry e = { 0, 0 };
        reader_v64(&r, &e.file_id);
        reader_v64(&r, &e.term);
        if (e.file_id == TERM_MANIFEST_ID) {
            s->manifest_term = e.term;
            s->has_manifest_term = true;
        } else {
            entries[count++] = e;
        }
    }
    TRY(sort_entries(s->mem, entries, count));
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count || entries[i].file_id != entries[i + 1].file_id)
            entries[kept++] = entries[i];
    }
    *ret_count = kept;
    return ELOQ_OK;
}

static int apply_terms(struct manifest_state *s, const struct manifest_view *v)
{
    if (v->term_count == 0)
        return ELOQ_OK;
    struct term_entry *entries =
        mem_alloc(s->mem, MEM_MAPPING, (size_t)v->term_count * sizeof(*entries));
    if (!entries)
        return ELOQ_NO_MEMORY;
    size_t count;
    int rc = decode_terms(s, v, entries, &count);
    if (rc == ELOQ_OK)
        rc = list_files(s, entries, count);
    if (rc == ELOQ_OK)
        rc = terms_merge(&s->terms, entries, count);
    mem_free(s->mem, entries);
    return rc;
}

/* ---- mapping -------------------------------------------------------------------------------- */

static int grow(struct manifest_state *s, uint32_t page_count)
{
    if (page_count > s->page_capacity) {
        uint32_t capacity = MAX(page_count, MIN(2 * s->page_capacity, LOGICAL_ID_END));
        void *p = mem_realloc(s->mem, MEM_MAPPING, s->values, capacity * sizeof(*s->values));
        if (!p)
            return ELOQ_NO_MEMORY;
        s->values = p;
        s->page_capacity = capacity;
    }
    while (s->page_count < page_count)
        s->values[s->page_count++] = MAPPING_FREE;
    return ELOQ_OK;
}

static int apply_snapshot(struct manifest_state *s, const struct manifest_view *v)
{
    s->max_place = v->max_place;
    if (v->dict_size > 0) {
        s->dict = mem_alloc(s->mem, MEM_DICT, v->dict_size);
        if (!s->dict)
            return ELOQ_NO_MEMORY;
        memcpy(s->dict, v->dict, v->dict_size);
        s->dict_size = v->dict_size;
    }
    TRY(grow(s, v->value_count));
    struct reader r = v->values;
    for (uint32_t id = 0; id < v->value_count; id++) {
        uint64_t value = MAPPING_FREE;
        reader_v64(&r, &value);
        if ((value & 7) == MAPPING_TYPE_FILE_PAGE)
            s->values[id] = value;
    }
    return ELOQ_OK;
}

static int apply_changes(struct manifest_state *s, const struct manifest_view *v, uint64_t at)
{
    /* Ids are given out densely, so a record cannot name one beyond what it may have added. */
    uint64_t id_max = (uint64_t)s->page_count + v->value_count;
    struct reader r = v->values;
    for (uint32_t i = 0; i < v->value_count; i++) {
        uint32_t id = 0;
        uint64_t value = MAPPING_FREE;
        reader_v32(&r, &id);
        reader_v64(&r, &value);
        if (id > id_max)
            return fail(s, at, "page id far beyond the mapping");
        TRY(grow(s, MAX(s->page_count, id + 1)));
        s->values[id] = value;
        if (value != MAPPING_FREE)
            s->max_place = MAX(s->max_place, (value >> 3) + 1);
    }
    return ELOQ_OK;
}

/* ---- what must hold at the end -------------------------------------------------------------- */

static bool is_mapped(uint64_t value)
{
    return value != MAPPING_FREE;
}

static int check_places_dense(struct manifest_state *s)
{
    struct bitset used;
    bitset_init(&used, s->mem, MEM_MAPPING);
    int rc = bitset_grow(&used, s->max_place);
    for (uint32_t id = 0; rc == ELOQ_OK && id < s->page_count; id++) {
        if (!is_mapped(s->values[id]))
            continue;
        uint64_t place = s->values[id] >> 3;
        if (bitset_has(&used, place))
            rc = fail(s, 0, "a place is mapped twice");
        bitset_add(&used, place);
    }
    bitset_free(&used);
    return rc;
}

static int check_places_sparse(struct manifest_state *s, size_t mapped)
{
    struct term_entry *places = mem_alloc(s->mem, MEM_MAPPING, mapped * sizeof(*places));
    if (!places)
        return ELOQ_NO_MEMORY;
    size_t count = 0;
    for (uint32_t id = 0; id < s->page_count; id++) {
        if (is_mapped(s->values[id]))
            places[count++] = (struct term_entry){ .file_id = s->values[id] >> 3 };
    }
    int rc = sort_entries(s->mem, places, count);
    for (size_t i = 1; rc == ELOQ_OK && i < count; i++) {
        if (places[i - 1].file_id == places[i].file_id)
            rc = fail(s, 0, "a place is mapped twice");
    }
    mem_free(s->mem, places);
    return rc;
}

static int check_state(struct manifest_state *s, bool in_place)
{
    for (int i = 0; i < 2; i++) {
        uint32_t root = s->root[i].n;
        if (root != NO_PAGE && (root >= s->page_count || !is_mapped(s->values[root])))
            return fail(s, 0, "a root is not mapped");
    }
    if (in_place && s->max_place > FILE_PAGE_END_IN_PLACE)
        return fail(s, 0, "a place is too high for in-place mode");
    size_t mapped = 0;
    for (uint32_t id = 0; id < s->page_count; id++)
        mapped += is_mapped(s->values[id]);
    if (mapped == 0)
        return ELOQ_OK;
    if (s->max_place <= PLACES_PER_PAGE_MAX * (uint64_t)mapped + PLACES_SPARE)
        return check_places_dense(s);
    return check_places_sparse(s, mapped);
}

/* ---- the loop ------------------------------------------------------------------------------- */

/* Where replay stands. */
struct progress {
    uint64_t at;
    uint64_t bad; /* offset of the first damaged record, or UINT64_MAX */
};

/* Whether a log record belongs here, or is a stale block of an earlier manifest. A record without a
 * sequence is the reference's and is taken as it is. */
static bool follows(const struct manifest_state *s, const struct manifest_view *v,
                    bool after_damage)
{
    if (!v->has_sequence)
        return true;
    if (s->sequence.manifest_id != 0
        && (v->sequence.manifest_id != s->sequence.manifest_id
            || v->sequence.number <= s->sequence.number))
        return false;
    /* Behind a damaged record the checksum of the one before is not known. */
    return after_damage || v->previous_checksum == s->last_checksum;
}

/* What the last record vouches for. */
static int note_pages(struct manifest_state *s, const struct manifest_view *v, uint64_t at)
{
    struct reader values = v->values, sums = v->page_sums;
    uint32_t ids[PAGE_CHECKSUMS_MAX];
    size_t count = 0;

    s->last_page_count = 0;
    if (!v->has_page_checksums) {
        mem_free(s->mem, s->last_pages);
        s->last_pages = NULL;
        return ELOQ_OK;
    }
    if (!s->last_pages) /* room for any record's: of a long log nearly all have some */
        s->last_pages = mem_alloc(s->mem, MEM_MAPPING, PAGE_CHECKSUMS_MAX * sizeof(*s->last_pages));
    if (!s->last_pages)
        return ELOQ_NO_MEMORY;
    for (uint32_t i = 0; i < v->value_count; i++) {
        uint32_t id = 0;
        uint64_t value = MAPPING_FREE;
        reader_v32(&values, &id);
        reader_v64(&values, &value);
        for (size_t k = 0; k < count; k++)
            if (ids[k] == id)
                return fail(s, at, "a page with a checksum is named twice");
        if (value == MAPPING_FREE)
            continue;
        ids[count] = id;
        s->last_pages[count].place = file_page(value >> 3);
        reader_u64(&sums, &s->last_pages[count].sum);
        count++;
    }
    s->last_page_count = count;
    return ELOQ_OK;
}

static int apply(struct manifest_state *s, const struct manifest_view *v,
                 const struct manifest_frame *frame)
{
    TRY(frame->at == 0 ? apply_snapshot(s, v) : apply_changes(s, v, frame->at));
    TRY(apply_terms(s, v));
    s->root[0] = v->root[0];
    s->root[1] = v->root[1];
    if (frame->at == 0)
        s->snapshot_bytes = frame->end;
    if (v->has_sequence)
        s->sequence = v->sequence;
    s->last_at = frame->at;
    s->last_checksum = frame->checksum;
    s->record_count++;
    return note_pages(s, v, frame->at);
}

/* One whole record: ELOQ_OK, ELOQ_END if the log ends before it, or a failure. */
static int replay_record(struct manifest_state *s, const uint8_t *data,
                         const struct manifest_frame *frame, struct progress *p)
{
    bool is_snapshot = frame->at == 0;
    if (!frame->checksum_ok) {
        if (is_snapshot)
            return fail(s, 0, "the snapshot record's checksum is wrong");
        p->bad = MIN(p->bad, frame->at);
        return ELOQ_OK;
    }
    struct manifest_view v;
    const char *error = manifest_view_parse(&v, data + frame->at, frame->bytes, is_snapshot);
    if (error)
        return fail(s, frame->at, error);
    bool after_damage = p->bad != UINT64_MAX;
    if (!is_snapshot && !follows(s, &v, after_damage))
        return ELOQ_END;
    if (after_damage)
        return fail(s, p->bad, "a damaged record is followed by a valid one");
    return apply(s, &v, frame);
}

/* A damaged length makes a record look cut, or as if it reached over those behind it, and hides
 * them. Ours are known by their sequence, which stands at their end: one that would have come later
 * says that this is no tail. */
static bool hides_records(const struct manifest_state *s, const uint8_t *data, size_t size,
                          uint64_t at)
{
    if (s->sequence.manifest_id == 0)
        return false;
    for (at += RECORD_ALIGN; at < size && size - at >= RECORD_HEADER_BYTES; at += RECORD_ALIGN) {
        uint32_t payload = get_u32(data + at + 16);
        if (payload > size - at - RECORD_HEADER_BYTES || payload < SECTION_SEQUENCE_BYTES)
            continue;
        const uint8_t *sequence =
            data + at + RECORD_HEADER_BYTES + payload - SECTION_SEQUENCE_BYTES;
        struct manifest_frame frame;
        if (get_u64(sequence) == s->sequence.manifest_id
            && get_u64(sequence + 8) > s->sequence.number
            && manifest_view_frame(data, size, at, &frame) && frame.checksum_ok)
            return true;
    }
    return false;
}

int manifest_replay(struct manifest_state *s, const uint8_t *data, size_t size, bool in_place)
{
    struct progress p = { .bad = UINT64_MAX };
    struct manifest_frame frame;
    int rc = ELOQ_OK;
    while (rc == ELOQ_OK && manifest_view_frame(data, size, p.at, &frame)) {
        rc = replay_record(s, data, &frame, &p);
        if (rc == ELOQ_OK)
            p.at = frame.end;
    }
    if (rc < 0)
        return rc;
    if (s->record_count == 0)
        return fail(s, 0, "the snapshot record is cut short");
    if (rc == ELOQ_OK && hides_records(s, data, size, MIN(p.bad, p.at)))
        return fail(s, MIN(p.bad, p.at), "a damaged record is followed by a valid one");
    s->valid_end = MIN(p.bad, p.at);
    s->padding_missing = s->valid_end > size;
    if (manifest_view_nonzero_end(data, size) > s->valid_end)
        s->damaged_tail_at = s->valid_end;
    return check_state(s, in_place);
}

bool manifest_state_lists(const struct manifest_state *s, uint64_t file_id)
{
    size_t low = 0, high = s->listed_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->listed[middle] < file_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->listed_count && s->listed[low] == file_id;
}
