// examples/hello.cpp -- the same from C++: put a pair, scan it.
#include <cstdio>
#include <eloqstore.h>
#include <string>

int main()
{
    eloq_options options = ELOQ_OPTIONS("./data");
    eloq_part users = { "users", 0 };
    eloq_store *db = nullptr;
    eloq_iter *iter = nullptr;
    eloq_item item;

    if (eloq_open(&options, &db) < 0 || eloq_put(db, users, eloq_str("alice"), eloq_str("42")) < 0
        || eloq_scan(db, users, nullptr, &iter) < 0) {
        std::fprintf(stderr, "%s\n", eloq_errmsg());
        return 1;
    }
    int rc;
    while ((rc = eloq_iter_next(iter, &item)) == ELOQ_OK) {
        std::string key(static_cast<const char *>(item.key.data), item.key.size);
        std::printf("%s\n", key.c_str());
    }
    eloq_iter_close(iter);
    eloq_close(db);
    return rc == ELOQ_END ? 0 : 1;
}
