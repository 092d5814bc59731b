/* bench/engines.c -- the engines that were built in. */
#include "bench.h"

const struct engine *const engines[] = {
    &engine_eloq,
    &engine_eloq_append,
    &engine_eloq_one_flush,
#ifdef HAVE_ROCKSDB
    &engine_rocksdb,
#endif
#ifdef HAVE_LMDB
    &engine_lmdb,
#endif
#ifdef HAVE_LEVELDB
    &engine_leveldb,
#endif
#ifdef HAVE_WIREDTIGER
    &engine_wiredtiger,
#endif
#ifdef HAVE_SQLITE
    &engine_sqlite,
#endif
    NULL,
};
