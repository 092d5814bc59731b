/* fuzz/fuzz_value.c -- any bytes as a compressed value, with any bytes as the dictionary, or a real
 * one: both ways to decompress stay within what the size says, and do not contradict. And what was
 * compressed decompresses to itself.
 *
 *     flags u8 | dictionary size u16, dictionary (if a flag says so) | stored value, or plain text
 */
#include "fuzz.h"
#include "page/dict_stream.h"
#include "page/samples.h"

#define PLAIN_MAX 4096u /* larger ones only cost time: what is tried is the frame */

/* What takes several bits is dear, and so is rare: in steps a context of 160 KiB is made, for
 * packing with a given dictionary 400 KiB. */
enum { WITH_DICT = 1, DICT_GIVEN = 2, PACKS = 4, IN_STEPS = 56, PACKS_GIVEN = 192 };

static struct mem mem;
static struct dict_context context;
static struct dict *trained; /* of words; kept from input to input */
static size_t kept;          /* memory that stays */

static void begin(void)
{
    struct samples s;
    uint8_t bytes[DICT_BYTES];
    char text[200];
    if (trained)
        return;
    mem_init(&mem, UINT64_C(64) << 20);
    dict_context_init(&context, &mem);
    samples_init(&s, &mem);
    for (unsigned i = 0; i < 4000; i++) {
        int n = snprintf(text, sizeof(text),
                         "{\"name\":\"user%u\",\"city\":\"%s\",\"number\":%u,\"active\":%s}",
                         i * 7919, i % 3 ? "Berlin" : "Lisbon", i * i, i % 2 ? "true" : "false");
        PROMISE(samples_add(&s, eloq_bytes(text, (size_t)n)) == ELOQ_OK);
    }
    PROMISE(samples_train(&s, bytes) == ELOQ_OK);
    samples_free(&s);
    trained = dict_new(&mem, bytes, sizeof(bytes));
    PROMISE(trained != NULL);
}

static int unpack_in_steps(struct dict *d, enum compression type, eloq_slice stored, void *plain,
                           uint64_t size)
{
    struct dict_stream s;
    int rc = dict_unpack_begin(&s, &mem, d, type, stored, plain, size);
    if (rc == ELOQ_OK)
        while ((rc = dict_unpack_step(&s)) == DICT_MORE)
            ;
    dict_unpack_end(&s);
    return rc == DICT_DONE ? ELOQ_OK : rc;
}

static void unpack(struct dict *d, uint8_t flags, eloq_slice stored)
{
    enum compression type = flags & WITH_DICT ? COMPRESSION_DICT : COMPRESSION_ALONE;
    uint64_t size = 0;
    int rc = dict_plain_size(stored, &size);
    PROMISE(rc == ELOQ_OK || rc == ELOQ_CORRUPTED);
    if (rc < 0 || size > PLAIN_MAX)
        return;
    uint8_t *one = fuzz_alloc(size), *two = fuzz_alloc(size);
    rc = dict_decompress(&context, d, type, stored, one, size);
    PROMISE(rc == ELOQ_OK || rc == ELOQ_CORRUPTED);
    if ((flags & IN_STEPS) == IN_STEPS) {
        int other = unpack_in_steps(d, type, stored, two, size);
        PROMISE(other == ELOQ_OK || other == ELOQ_CORRUPTED);
        /* A damaged frame, which has no checksum of its own, may pass one of zstd's ways and not
         * the other. What passes both is the same. */
        PROMISE(rc != other || rc != ELOQ_OK || size == 0 || memcmp(one, two, size) == 0);
    }
    free(one);
    free(two);
}

static void pack(struct dict *d, uint8_t flags, eloq_slice plain)
{
    struct bytes out;
    uint64_t size = 0;
    bytes_init(&out, &mem, MEM_OTHER);
    int rc = dict_compress(&context, d, plain, &out);
    PROMISE(rc == ELOQ_OK || rc == 1);
    if (rc == ELOQ_OK) {
        eloq_slice stored = eloq_bytes(out.data, out.size);
        uint8_t *again = fuzz_alloc(plain.size);
        PROMISE(dict_plain_size(stored, &size) == ELOQ_OK && size == plain.size);
        PROMISE(dict_decompress(&context, d, COMPRESSION_DICT, stored, again, size) == ELOQ_OK);
        PROMISE(memcmp(again, plain.data, plain.size) == 0);
        free(again);
        out.data[(flags + plain.size * 7) % out.size] ^= (uint8_t)(1 + flags / 8); /* and damaged */
        unpack(d, flags | WITH_DICT, stored);
    }
    bytes_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };
    begin();
    uint8_t flags = fuzz_u8(&in);
    struct dict *d = trained;
    if (flags & DICT_GIVEN) {
        eloq_slice bytes = fuzz_bytes(&in, fuzz_u16(&in));
        d = dict_new(&mem, bytes.data, (uint32_t)bytes.size);
        PROMISE(d != NULL);
    }
    eloq_slice rest = fuzz_bytes(&in, in.size);
    bool packs = flags & PACKS && d->size > 0;
    if (packs && (d == trained || (flags & PACKS_GIVEN) == PACKS_GIVEN))
        pack(d, flags, rest);
    else
        unpack(d, flags, rest);
    if (d != trained)
        dict_unref(d);
    /* The contexts are made within the first few inputs. */
    if (atomic_load(&mem.total) > kept)
        kept = atomic_load(&mem.total);
    PROMISE(kept < 8 << 20);
    return 0;
}
