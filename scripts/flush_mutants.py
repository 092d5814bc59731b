"""Every flush and every ordering rule of the source, with what takes it out: data of mutate-flushes.py.

An entry is (name, file, old text, new text[, programs]); the old text stands in the file exactly
once. A call of a flush or of an ordering step counts as covered when it lies in an old text. Programs
are those that may show it, the most telling first; POWER unless told.
"""
SYNC = "src/file/pagefiles_sync.c"
WHOLE = "src/file/whole.c"
FDS = "src/file/fdcache.c"
LOG = "src/part/manifest_log.c"
PREWRITE = "src/part/prewrite.c"
WTX = "src/part/wtx.c"
COMMIT = "src/part/commit.c"
PART = "src/part/part.c"
TABLE = "src/part/part_table.c"
STORE = "src/engine/store_files.c"
ARCHIVE = "src/part/archive.c"
RESTORE = "src/part/archive_restore.c"
REMOVE = "src/part/remove.c"
GC = "src/part/gc.c"
SHRINK = "src/part/shrink.c"
CUT = "src/part/cut.c"
REMOVE_FILES = "src/file/pagefiles_remove.c"
IO_CALLS = "src/io/io.c"
AHEAD_C = "src/part/ahead.c"
RUN_ARCHIVE = "src/engine/run_archive.c"
RUN_CHECK = "src/engine/run_check.c"
POSIX = "src/io/posix.c"
URING = "src/io/uring_ops.c"

POWER = ("tests/sim/power_test", "tests/sim/fault_test", "tests/sim/archive_test",
         "tests/sim/flush_test")
ARCHIVES = ("tests/sim/archive_test", "tests/sim/power_test", "tests/sim/fault_test")
AHEAD = ("tests/unit/part/ahead_test", "tests/sim/power_test", "tests/sim/fault_test")
FILES = ("tests/unit/file/pagefiles_test",)
DROP = ("tests/sim/drop_test",)
FLUSH = ("tests/sim/flush_test",)
PLAN = ("tests/sim/plan_test",)
DICTIONARY = ("tests/sim/dictionary_test",)
MOMENT = ("tests/unit/api/api_archive_all_test",)
IO = ("tests/unit/io/io_flush_test",)

MUTANTS = [
    # ---- a commit, in the order of format.md 15
    ("data-files", SYNC,
     "add(s, e, (struct io_req){ .op = IO_SYNC, .fd = e->fd });",
     "add(s, e, (struct io_req){ .op = IO_SIZE, .fd = e->fd });"),
    ("last-data-file", SYNC,
     "s->beside_result = beside_result;\n        s->ids = copy; /* the list changes meanwhile */\n"
     "        s->count = count;",
     "s->beside_result = beside_result;\n        s->ids = copy; /* the list changes meanwhile */\n"
     "        s->count = count > 0 ? count - 1 : 0;"),
    ("names-of-data-files", SYNC,
     "    if (s->with_dir)\n"
     "        add(s, NULL, (struct io_req){ .op = IO_SYNC_DIR, .path = f->dir });\n", ""),
    ("names-of-files-flushed-already", SYNC,
     "    if (f->unsynced_count > 0 || f->dir_unsynced)\n"
     "        TRY(sync_files(t, f, f->unsynced, f->unsynced_count, f->dir_unsynced, -1, NULL));",
     "    if (f->unsynced_count > 0)\n"
     "        TRY(sync_files(t, f, f->unsynced, f->unsynced_count, f->dir_unsynced, -1, NULL));", FILES),
    ("found-files-at-all", SYNC,
     "        TRY(sync_files(t, f, file_ids, count, false, -1, NULL));",
     "        (void)file_ids;"),
    # ---- pages and their record flushed together
    ("record-beside-its-pages", SYNC,
     "        add(s, NULL, (struct io_req){ .op = IO_SYNC, .fd = s->beside });",
     "        *s->beside_result = 0;"),
    ("pages-beside-their-record", SYNC,
     "    TRY(sync_files(t, f, f->unsynced, f->unsynced_count, f->dir_unsynced, fd, ret_result));",
     "    TRY(sync_files(t, f, f->unsynced, 0, f->dir_unsynced, fd, ret_result));"),
    ("failed-flush-beside-is-ignored", SYNC, "        *s->beside_result = result;",
     "        *s->beside_result = MAX(result, 0);"),
    ("pages-together-with-new-names", COMMIT,
     "    if (p->files.dir_unsynced) /* a file is new: its name must be there first */\n"
     "        w->page_sum_count = 0;\n", ""),
    ("found-pages-are-not-written-anew", PREWRITE, "    TRY(last_commit_rewrite(t, p));\n", "", FLUSH + POWER),
    ("garbage-before-the-last-commit-is-sealed", GC, "    TRY(manifest_log_seal(t, p));\n", ""),
    ("seal-is-not-written", LOG,
     "    return p->last_joint ? manifest_log_append(t, p, &seal) : ELOQ_OK;",
     "    p->last_joint &= !seal.change_count;\n    return ELOQ_OK;"),
    ("wiped-record-comes-back", LOG,
     "        int synced = put < 0 ? 0 : io_sync(t, p->env->io, p->manifest_fd);",
     "        int synced = 0;"),
    ("mark-of-new-names", FDS,
     "f->dir_unsynced = true; /* before the attempt", "f->dir_unsynced = false; /* before the attempt"),
    ("file-closed-early", FDS,
     "if (e->unsynced) {", "if (e->unsynced && !e) {", FLUSH),
    ("file-closed-early-is-marked-synced", FDS,
     "if (io_sync(t, c->io, e->fd) < 0)", "if (0)"),
    ("failed-flush-of-a-closed-file", FDS,
     "e->owner->sync_failed = true;", "e->owner->sync_failed = false;", FLUSH + POWER),
    ("manifest-append", LOG,
     "        result = io_sync(t, p->env->io, p->manifest_fd);", "        result = 0;"),
    ("manifest-before-data", COMMIT,
     "    return w->page_sum_count > 0 ? ELOQ_OK : part_sync_pages(t, p);",
     "    TRY(write_manifest(t, w));\n    return part_sync_pages(t, p);"),
    ("no-data-flush-at-all", COMMIT,
     "    return w->page_sum_count > 0 ? ELOQ_OK : part_sync_pages(t, p);",
     "    return ELOQ_OK;"),
    ("pages-not-waited-for", COMMIT,
     "    TRY(wtx_flush(t, w));\n    TRY(prewrite(t, p));\n    if (bitset_grow",
     "    w->out_count = 0;\n    TRY(prewrite(t, p));\n    if (bitset_grow"),
    # ---- replacing a small file
    ("replace-content", WHOLE, "int synced = io_sync(t, io, fd);", "int synced = 0;"),
    ("replace-content-of-manifest", WHOLE, "int synced = io_sync(t, io, fd);",
     'int synced = strstr(path, "manifest") ? 0 : io_sync(t, io, fd);'),
    ("replace-content-of-record", WHOLE, "int synced = io_sync(t, io, fd);",
     'int synced = strstr(path, "options") ? 0 : io_sync(t, io, fd);'),
    ("replace-name", WHOLE, "    rc = io_sync_dir(t, io, dir);", "    rc = 0;"),
    ("replace-name-of-manifest", WHOLE, "    rc = io_sync_dir(t, io, dir);",
     '    rc = strstr(path, "manifest") ? 0 : io_sync_dir(t, io, dir);'),
    ("replace-name-of-record", WHOLE, "    rc = io_sync_dir(t, io, dir);",
     '    rc = strstr(path, "options") ? 0 : io_sync_dir(t, io, dir);'),
    ("replace-in-place", WHOLE,
     'snprintf(tmp, sizeof(tmp), "%s.tmp", path)', 'snprintf(tmp, sizeof(tmp), "%s", path)'),
    # ---- directories of a new store
    ("mkdirs", WHOLE, "rc = sync_parent(t, io, part, slash);", "rc = 0;", FLUSH),
    ("mkdirs-below-root", WHOLE,
     '    if (slash == path)\n        return io_sync_dir(t, io, "/");',
     "    if (slash == path)\n        return 0;", FLUSH),
    ("found-store", STORE,
     "ELOQ_OK : sync_found(t, io, path, s->has_record);", "ELOQ_OK : ELOQ_OK;"),
    ("found-directories", STORE,
     "return whole_sync_up(t, io, path);", "return ELOQ_OK;"),
    ("found-directories-but-the-first", WHOLE,
     "        char *slash = parent_end(part);\n        if (!slash || part[1] == '\\0')\n"
     "            return ELOQ_OK;",
     "        char *slash = parent_end(part);\n        if (slash || part[1] == '\\0')\n"
     "            return ELOQ_OK;"),
    ("found-record", STORE, "    TRY(sync_file(t, io, inner));\n", ""),
    ("found-record-directory", STORE,
     "    int rc = io_sync_dir(t, io, inner);\n    if (rc >= 0)\n        rc = io_sync_dir(t, io, path);",
     "    int rc = io_sync_dir(t, io, path);"),
    ("found-store-directory", STORE,
     "    if (rc >= 0)\n        rc = io_sync_dir(t, io, path);\n", ""),
    # ---- before the first page of a partition
    ("partition-directory", PREWRITE,
     "    TRY(sync_directory(t, p, p->files.parent));\n    TRY(make_marker(t, p));",
     "    TRY(make_marker(t, p));"),
    ("marker", PREWRITE, "    TRY(make_marker(t, p));\n", ""),
    ("marker-name", PREWRITE,
     "    TRY(make_marker(t, p));\n    TRY(sync_directory(t, p, p->files.dir));",
     "    TRY(make_marker(t, p));"),
    ("found-everything", PREWRITE, "    int rc = flush_found(t, p);", "    int rc = 0;"),
    ("found-data-files", PREWRITE, "    int rc = sync_data_files(t, p);\n    p->broken", "    int rc = ELOQ_OK;\n    p->broken"),
    ("found-manifest", PREWRITE, "    rc = sync_manifest(t, p);\n", "    rc = ELOQ_OK;\n"),
    ("found-manifest-content", PREWRITE,
     "    int rc = io_sync(t, io, p->manifest_fd);\n    if (rc == 0)", "    int rc = 0;\n    if (rc == 0)"),
    ("found-manifest-tail", PREWRITE,
     "    if ((uint64_t)size != p->manifest_end) {\n"
     "        int rc = io_truncate(t, io, p->manifest_fd, p->manifest_end);",
     "    if (size < 0) {\n"
     "        int rc = io_truncate(t, io, p->manifest_fd, p->manifest_end);"),
    ("found-data-files-but-the-last", PREWRITE,
     "        rc = sync_ids(t, p, ids, count);", "        rc = sync_ids(t, p, ids, count - 1);"),
    ("found-data-files-beside-a-missing-one", PREWRITE,
     "    int rc = pagefiles_sync_found(t, &p->files, ids, count);\n\n"
     "    if (rc != ELOQ_CORRUPTED)\n        return rc;\n    rc = ELOQ_OK;\n"
     "    for (size_t i = 0; i < count && rc == ELOQ_OK; i++) {\n"
     "        rc = pagefiles_sync_found(t, &p->files, &ids[i], 1);\n",
     "    int rc = pagefiles_sync_found(t, &p->files, ids, count);\n\n"
     "    if (rc != ELOQ_CORRUPTED)\n        return rc;\n    rc = ELOQ_OK;\n"
     "    for (size_t i = 0; i < count && rc == ELOQ_OK; i++) {\n", FLUSH + POWER),
    ("found-record-is-not-written-anew", PREWRITE,
     "    if (p->found_at > 0)\n        TRY(rewrite_last_record(t, p, path));\n", ""),
    ("found-partition-directory", PREWRITE,
     "    TRY(sync_directory(t, p, p->files.dir));\n    TRY(sync_directory(t, p, p->files.parent));\n"
     "    last_commit",
     "    TRY(sync_directory(t, p, p->files.parent));\n    last_commit"),
    ("found-partition-name", PREWRITE,
     "    TRY(sync_directory(t, p, p->files.dir));\n    TRY(sync_directory(t, p, p->files.parent));\n"
     "    last_commit",
     "    TRY(sync_directory(t, p, p->files.dir));\n    last_commit"),
    ("found-after-the-first-page", WTX,
     "    TRY(prewrite(t, p));\n    ahead_await_places",
     "    ahead_await_places"),
    ("zeros-over-pages", WTX, "    ahead_await_places(t, p);\n", "", AHEAD),
    ("zeros-over-records", LOG,
     "    ahead_await_manifest(t, p, p->manifest_end + record->size);\n", "", AHEAD),
    ("zeros-that-are-not-flushed", AHEAD_C,
     "        if (rc >= 0)\n            rc = io_sync(t, p->env->io, fd);\n", "", AHEAD),
    ("zeros-beside-pages", AHEAD_C, "            rc = io_sync(t, p->env->io, e->fd);\n", "", AHEAD),
    ("zeros-cut-with-the-last-record", AHEAD_C,
     "        (void)io_truncate(t, p->env->io, p->manifest_fd, manifest_log_end(p));",
     "        (void)io_truncate(t, p->env->io, p->manifest_fd, manifest_log_end(p) - 1);", AHEAD),
    ("zeros-cut-with-the-last-page", AHEAD_C,
     "        struct file_page end = file_page(p->falloc.next);\n"
     "        if (pagefiles_offset(&p->files, end) > 0)\n"
     "            (void)pagefiles_cut(t, &p->files, pagefiles_file_id(&p->files, end),",
     "        struct file_page end = file_page(p->falloc.next - 1);\n"
     "        if (pagefiles_offset(&p->files, end) > 0)\n"
     "            (void)pagefiles_cut(t, &p->files, pagefiles_file_id(&p->files, end),", AHEAD),
    ("failed-flush-of-found-pages", PREWRITE,
     "    int rc = sync_data_files(t, p);\n    p->broken |= is_lost(rc);",
     "    int rc = sync_data_files(t, p);", FLUSH + POWER),
    ("failed-flush-of-found-manifest", PREWRITE,
     "    rc = fail(t, p, \"fdatasync\", rc, path);\n    p->broken |= is_lost(rc);",
     "    rc = fail(t, p, \"fdatasync\", rc, path);", FLUSH + POWER),
    # ---- after a failure nobody knows what is on disk
    ("unknown-after-append", LOG,
     "p->unknown = true; /* from here on", "p->unknown = false; /* from here on"),
    ("unknown-after-replace", LOG, "        p->unknown |= unknown;\n", ""),
    ("unknown-after-data-flush", PART,
     "    p->unknown = true;\n", ""),
    ("unknown-is-not-repaired", LOG,
     "        rc = manifest_log_replace(t, p, p->current);\n    if (rc < 0 && !can_pass",
     "        rc = p->unknown = 0;\n    if (rc < 0 && !can_pass"),
    ("rename-failed-is-known", WHOLE,
     "        *ret_unknown = true;\n        return io_fail(t, \"rename\"",
     "        return io_fail(t, \"rename\""),
    ("flush-of-rename-failed-is-known", WHOLE,
     "        *ret_unknown = true;\n        return io_fail(t, \"fsync\"",
     "        return io_fail(t, \"fsync\""),
    ("repair-without-data-files", LOG,
     "    int rc = part_sync_pages(t, p);", "    int rc = ELOQ_OK;"),
    ("lost-names-are-used", PART,
     "        p->broken = true;", "        p->broken = false;"),
    ("lost-directory-is-used", PREWRITE,
     "    p->broken |= is_lost(rc);\n    return rc;\n}\n\n/* The data files",
     "    return rc;\n}\n\n/* The data files"),
    ("abort-forgets-new-names", WTX,
     "    if (p->falloc.append)\n        p->falloc.next = w->falloc_next_before;",
     "    p->files.dir_unsynced = false;\n    if (p->falloc.append)\n"
     "        p->falloc.next = w->falloc_next_before;", FLUSH + POWER),
    ("failed-data-flush-is-ignored", SYNC,
     "keep_failure(t, s, pagefiles_io_fail(t, f, \"fdatasync\", result, e->file_id, 0));",
     "pagefiles_mark_synced(f, e);"),
    ("failed-name-flush-is-ignored", SYNC,
     "        keep_failure(t, s, rc);\n    }\n    if (e)", "        (void)rc;\n    }\n    if (e)"),
    ("partition-in-doubt-is-absent", TABLE,
     "return p->manifest_end == 0 && !p->unknown && !p->broken;", "return p->manifest_end == 0;"),
    ("repair-failed-is-forgotten", LOG,
     "    if (rc < 0 && !can_pass(rc))\n        p->broken = true;\n    return rc;",
     "    p->unknown = false;\n    return rc;"),
    # ---- places
    ("place-reused-in-the-same-commit", WTX,
     "    if (had)\n        add_freed(w, old, born);",
     "    if (had)\n        falloc_give(&p->falloc, old);"),
    ("freed-place-reused-in-the-same-commit", WTX,
     "    add_freed(w, old, born);\n    add_change(w, id, MAPPING_FREE);",
     "    falloc_give(&w->part->falloc, old);\n    add_change(w, id, MAPPING_FREE);"),
    # ---- archives
    ("archive-before-found-lasts", ARCHIVE,
     "    TRY(prewrite(t, p));\n    archive_path", "    archive_path", ARCHIVES),
    ("archive-is-not-flushed", ARCHIVE,
     "        rc = whole_replace(t, p->env->io, p->files.dir, path, image.record.data, "
     "image.record.size,\n                           &unknown);",
     "    {\n        int fd = io_open_file(t, p->env->io, path,\n"
     "                              IO_OPEN_WRITE | IO_OPEN_CREATE | IO_OPEN_TRUNCATE);\n"
     "        int64_t put = io_write(t, p->env->io, fd, image.record.data, image.record.size, 0);\n"
     "        io_close_file(t, p->env->io, fd);\n        rc = put < 0 ? ELOQ_IO : ELOQ_OK;\n    }",
     ARCHIVES),
    ("archive-content", WHOLE, "int synced = io_sync(t, io, fd);",
     'int synced = strstr(path, "manifest_0_") ? 0 : io_sync(t, io, fd);', ARCHIVES),
    ("archive-name", WHOLE, "    rc = io_sync_dir(t, io, dir);",
     '    rc = strstr(path, "manifest_0_") ? 0 : io_sync_dir(t, io, dir);', ARCHIVES),
    ("archive-protected-too-late", ARCHIVE,
     "        rc = protect(t, p, s);\n", "        rc = ELOQ_OK;\n", ARCHIVES),
    ("archive-in-doubt", ARCHIVE,
     "    if (unknown && replaces)\n        p->broken = true;",
     "    if (unknown && replaces)\n        p->broken = false;", FLUSH + ARCHIVES),
    ("removed-archives", ARCHIVE,
     "int synced = io_sync_dir(t, p->env->io, p->files.dir);", "int synced = 0;", FLUSH + ARCHIVES),
    ("removed-archives-in-doubt", ARCHIVE,
     "            p->broken = true; /* nobody knows which names are there",
     "            p->broken = false; /* nobody knows which names are there", FLUSH + ARCHIVES),
    ("archive-unlinked-after-the-flush", ARCHIVE,
     "    rc = io_unlink(t, p->env->io, path);\n    unlock(t, p, fd);",
     "    TRY(io_sync_dir(t, p->env->io, p->files.dir));\n"
     "    rc = io_unlink(t, p->env->io, path);\n    unlock(t, p, fd);\n"
     "    p->archives_known = false;\n    return rc < 0 ? fail(t, p, \"unlink\", rc, path) : 1;",
     FLUSH + ARCHIVES),
    # ---- restores
    ("restored-data-files", RESTORE,
     "            rc = pagefiles_sync_found(t, &p->files, &id, 1);", "            rc = ELOQ_OK;",
     FLUSH + ARCHIVES),
    ("restored-over-damage", RUN_ARCHIVE, "    return prewrite(t, *ret);", "    return ELOQ_OK;",
     ARCHIVES),
    ("restore-writes-into-what-archives-name", RESTORE,
     "p->falloc.next = MAX(p->falloc.next, s->max_place);", "p->falloc.next = s->max_place;",
     ARCHIVES),
    # ---- a partition goes
    ("remove-before-found-lasts", REMOVE,
     "    if (p->manifest_end > 0)\n        TRY(prewrite(t, p));\n", "", DROP + POWER),
    ("remove-manifest-before-data-lasts", REMOVE,
     "        TRY(sync_directory(t, p, p->files.dir));\n        p->unknown = true;",
     "        p->unknown = true;", DROP + POWER),
    ("remove-manifest-first", REMOVE,
     "        TRY(unlink_names(t, p, names, FILE_DATA, path));\n"
     "        TRY(unlink_names(t, p, names, FILE_TMP, path));\n"
     "        TRY(sync_directory(t, p, p->files.dir));\n"
     "        p->unknown = true; /* if that fails, it may have gone all the same */\n"
     "        TRY(unlink_names(t, p, names, FILE_MANIFEST, path));",
     "        p->unknown = true; /* if that fails, it may have gone all the same */\n"
     "        TRY(unlink_names(t, p, names, FILE_MANIFEST, path));\n"
     "        TRY(sync_directory(t, p, p->files.dir));\n"
     "        TRY(unlink_names(t, p, names, FILE_DATA, path));\n"
     "        TRY(unlink_names(t, p, names, FILE_TMP, path));", DROP + POWER),
    ("remove-marker-before-data-lasts", REMOVE,
     "        TRY(sync_directory(t, p, p->files.dir));\n"
     "        TRY(unlink_names(t, p, names, FILE_TMP, path));",
     "        TRY(unlink_names(t, p, names, FILE_TMP, path));", DROP + POWER),
    ("remove-marker-first", REMOVE,
     "        TRY(unlink_names(t, p, names, FILE_DATA, path));\n"
     "        TRY(sync_directory(t, p, p->files.dir));\n"
     "        TRY(unlink_names(t, p, names, FILE_TMP, path));",
     "        TRY(unlink_names(t, p, names, FILE_TMP, path));\n"
     "        TRY(sync_directory(t, p, p->files.dir));\n"
     "        TRY(unlink_names(t, p, names, FILE_DATA, path));", DROP + POWER),
    ("removed-directory", REMOVE,
     "    return sync_directory(t, p, p->files.parent);", "    return ELOQ_OK;", DROP + POWER),
    ("removed-files-of-a-directory-that-stays", REMOVE,
     "        return sync_directory(t, p, p->files.dir);\n    if (rc < 0 && rc != -ENOENT)",
     "        return ELOQ_OK;\n    if (rc < 0 && rc != -ENOENT)", DROP + POWER),
    ("removal-in-doubt", REMOVE, "        p->unknown = true; /* if that fails",
     "        p->unknown = false; /* if that fails", DROP + POWER),
    ("removed-names-in-doubt", REMOVE,
     "    if (rc != ELOQ_NO_MEMORY && rc != ELOQ_BUSY)\n        p->broken = true;\n", "", DROP + POWER),
    # ---- space
    ("garbage-before-found-lasts", GC,
     "    if (p->found_unsynced)\n        TRY(prewrite(t, p));\n", ""),
    ("garbage-that-archives-need", GC,
     "    int rc = part_gc_archives(t, p);\n    if (rc != ELOQ_OK)\n"
     "        return MIN(rc, ELOQ_OK);\n    return part_has_garbage",
     "    return part_has_garbage", ARCHIVES),
    ("orphans-that-archives-need", GC,
     "    if (rc == ELOQ_OK && p->falloc.append)\n        rc = read_archives(t, p, &names);\n"
     "    if (rc == ELOQ_OK)\n        rc = remove_orphans(t, p, &names);",
     "    if (rc == ELOQ_OK)\n        rc = remove_orphans(t, p, &names);", ARCHIVES),
    ("marker-removed-as-an-orphan", GC,
     "name.kind == FILE_TMP && has_manifest && is_ours) {\n"
     "            rc = remove_tmp(t, p, names->names[i].name);",
     "name.kind == FILE_TMP && is_ours) {\n"
     "            rc = remove_tmp(t, p, names->names[i].name);"),
    ("orphans-that-are-needed", GC,
     "name.kind == FILE_DATA && !is_needed(p, &name)) {\n"
     "            rc = pagefiles_remove(t, &p->files, name.id);",
     "name.kind == FILE_DATA && name.id != current_file(p)) {\n"
     "            rc = pagefiles_remove(t, &p->files, name.id);"),
    # ---- one flush: pages and record together
    ("joint-commit-is-not-looked-at", "src/part/part_load.c",
     "    if (rc == ELOQ_OK && state.last_pages)", "    if (rc == ELOQ_OK && state.last_pages && !p)"),
    ("dropped-record-stays", "src/part/part_load.c",
     "        TRY(manifest_log_wipe(t, p, at, end));", "        (void)end;"),
    ("joint-pages-are-not-flushed", LOG,
     "        TRY(pagefiles_sync_beside(t, &p->files, p->manifest_fd, &result));",
     "        result = io_sync(t, p->env->io, p->manifest_fd);"),
    ("garbage-before-its-commit", COMMIT,
     "    return w->page_sum_count > 0 ? ELOQ_OK : part_sync_pages(t, p);\n}",
     "    TRY(part_sync_pages(t, p));\n"
     "    for (size_t i = 0; p->falloc.append && w->freed && i < w->freed->count; i++)\n"
     "        pagefiles_remove(t, &p->files, pagefiles_file_id(&p->files, "
     "w->freed->places[i].place));\n    return ELOQ_OK;\n}"),
    ("tail-cut-before-found-lasts", SHRINK,
     "    TRY(prewrite(t, p));\n    TRY(manifest_log_replace", "    TRY(manifest_log_replace", DROP + POWER),
    ("tail-cut-without-a-manifest", SHRINK,
     "    TRY(manifest_log_replace(t, p, p->current));\n", "", DROP + POWER),
    ("tail-cut-before-the-manifest", SHRINK,
     "    TRY(manifest_log_replace(t, p, p->current));\n    return cut_files(t, p, names);",
     "    TRY(cut_files(t, p, names));\n    return manifest_log_replace(t, p, p->current);", DROP + POWER),
    ("tail-cut-too-low", SHRINK,
     "    struct file_page end = file_page(p->falloc.next);",
     "    struct file_page end = file_page(p->falloc.next - 1);", DROP + POWER),
    # ---- what a commit relies on
    ("commit-without-pages-before-found-lasts", COMMIT,
     "    TRY(wtx_flush(t, w));\n    TRY(prewrite(t, p));\n    if (bitset_grow",
     "    TRY(wtx_flush(t, w));\n    if (bitset_grow"),
    ("nothing-to-do-before-found-lasts", COMMIT,
     "int rc = p->manifest_end > 0 ? prewrite(t, p) : ELOQ_OK;", "int rc = ELOQ_OK;", FLUSH + POWER),
    ("manifest-record-is-not-written", COMMIT,
     "    int rc = manifest_log_append(t, p, &log);", "    int rc = ELOQ_OK;"),
    ("manifest-is-not-replaced", COMMIT,
     "        return manifest_log_replace(t, p, w->next);\n    return append_log",
     "        return ELOQ_OK;\n    return append_log"),
    ("doubt-is-written-over", WTX,
     "    return p->unknown ? manifest_log_repair(t, p) : ELOQ_OK;", "    return ELOQ_OK;"),
    ("dictionary-is-not-written", COMMIT,
     "is_empty || w->emptied || w->new_dict\n", "is_empty || w->emptied\n", DICTIONARY),
    ("dictionary-is-stored-before-its-commit", COMMIT,
     "    return w->page_sum_count > 0 ? ELOQ_OK : part_sync_pages(t, p);\n}",
     "    TRY(part_sync_pages(t, p));\n    if (w->new_dict)\n        training_stored(p);\n"
     "    return ELOQ_OK;\n}", DICTIONARY),
    ("check-asks-for-an-acknowledged-commit", RUN_CHECK, "    int rc = manifest_log_seal(t, p);\n",
     "    int rc = ELOQ_OK;\n", FLUSH + PLAN),
    # ---- one moment of all partitions
    ("cut-does-not-wait", CUT, "    while (c->closed)\n        wait_on(t, &c->waiting);\n", "",
     MOMENT),
    ("cut-while-a-commit-is-inside", CUT,
     "    if (!c->closed || c->inside > 0 || !c->quiet)", "    if (!c->closed || !c->quiet)", MOMENT),
    ("cut-keeps-what-came-after", CUT,
     "    p->cut_kept = snapshot_ref(p->current);\n}", "}", MOMENT),
    # ---- the system is asked
    ("posix-file", POSIX, "return answer_of(fdatasync(req->fd));", "return 0;", IO),
    ("posix-directory", POSIX, "rc = answer_of(fsync(fd));", "rc = 0;", IO),
    ("uring-file", URING, "io_uring_prep_fsync(sqe, req->fd, IORING_FSYNC_DATASYNC);",
     "io_uring_prep_nop(sqe);", IO),
    ("uring-directory", URING, "io_uring_prep_fsync(sqe, (int)req->progress, 0);",
     "io_uring_prep_nop(sqe);", IO),
]

# Why each is in the source though no test misses it.
SURVIVORS = {
    "found-manifest-tail":
        "our records tell a stale tail by their sequence; the reference's do not",
    "found-partition-name":
        "the open flushed the store's directory, and what is made later is flushed when made",
    "unknown-after-data-flush":
        "the pages of the failed commit are given up and written anew; format.md 15 asks for it",
    "repair-without-data-files":
        "the pages of the last acknowledged state were flushed by its commit; format.md 15 asks for "
        "it",
    "restored-over-damage":
        "the commit of the restore flushed all of it; it is there for the orphans",
    "remove-before-found-lasts":
        "the commit before it flushed what was found",
    "garbage-before-found-lasts":
        "nobody asks for garbage before the first commit",
    "tail-cut-before-found-lasts":
        "nothing is acknowledged on top of it; the next write flushes it",
    "tail-cut-without-a-manifest":
        "places behind the end of a file are free, and writing there makes it longer",
    "tail-cut-before-the-manifest":
        "the same",
    "removed-directory":
        "what may come back is the empty partition that was committed before",
    "removed-files-of-a-directory-that-stays":
        "the same",
    "garbage-before-the-last-commit-is-sealed":
        "against damage, not against power cuts: the pages of an acknowledged commit are flushed",
    "seal-is-not-written":
        "the same",
    "zeros-that-are-not-flushed":
        "so that a commit has less to flush, nothing else",
    "zeros-beside-pages":
        "the same",
}

# Sites that need no mutant of their own: (file, text there, why).
ELSEWHERE = [
    (COMMIT, "        manifest_log_repair(t, p);\n        if (first)",
     "doubt-is-written-over: the next writer repairs what this one could not"),
    (LOG, "                     : sync_record(t, p, joint, path);",
     "manifest-append, record-beside-its-pages: what it calls"),
    (STORE, "    return whole_replace(t, io, dir, path, text, size, &unknown);",
     "replace-content-of-record, replace-name-of-record"),
    (STORE, "    int rc = io_sync(t, io, fd);\n    io_close_file(t, io, fd);", "found-record: its one call"),
    (STORE, "        TRY(whole_mkdirs(t, io, path));", "mkdirs"),
    (STORE, "        TRY(whole_mkdirs(t, io, inner));", "mkdirs"),
    (REMOVE_FILES, "    return finish(t, f, file_id, io_unlink(t, f->io, path));", "its callers"),
    (REMOVE_FILES, ".op = IO_UNLINK, .path = path", "its callers"),
    (REMOVE_FILES, "        rc = io_truncate(t, f->io, e->fd, bytes);", "its callers"),
    (WHOLE, "    TRY(write_new(t, io, tmp, data, size));\n    int rc = io_rename(t, io, tmp, path);",
     "replace-content, replace-in-place, replace-name"),
    (WHOLE, "    int rc = io_sync_dir(t, io, path);\n    *slash", "mkdirs: its one call"),
    (WHOLE, "        int rc = io_sync_dir(t, io, part);", "found-directories, -but-the-first"),
    (GC, "    int rc = io_unlink(t, p->env->io, path);", "marker-removed-as-an-orphan: its one call"),
    (GC, "    int rc = pagefiles_remove_many(t, &p->files, ids, count, results);",
     "garbage-that-archives-need, garbage-before-its-commit, garbage-before-found-lasts"),
    (LOG, "    int rc = whole_replace(t, p->env->io, p->files.dir, path, image->record.data, size, "
     "&unknown);", "replace-content-of-manifest, replace-name-of-manifest"),
    (PART, "    int rc = pagefiles_sync(t, &p->files);", "no-data-flush-at-all, repair-without-data-files"),
    (PREWRITE, "    int rc = io_sync_dir(t, p->env->io, path);", "each of its calls has one"),
    (PREWRITE, "make_directory(t, p);\n    if", "partition-directory, marker, marker-name"),
    (REMOVE, "    int rc = io_sync_dir(t, p->env->io, path);", "each of its calls has one"),
    (REMOVE, "        int rc = io_unlink(t, p->env->io, path);", "each of its calls has one"),
    (REMOVE, "    int rc = io_rmdir(t, p->env->io, p->files.dir);", "a directory with files does not go"),
    (REMOVE, "    return remove_directory(t, p);", "a directory with files does not go"),
    (SHRINK, "            rc = pagefiles_remove(t, &p->files, name.id);", "tail-cut-too-low, the order"),
    (SHRINK, "            rc = pagefiles_cut(t, &p->files, name.id, last_bytes);",
     "tail-cut-too-low, the order"),
    (IO_CALLS, ".op = IO_SYNC, .fd = fd", "the request of io_sync"),
    (IO_CALLS, ".op = IO_SYNC_DIR, .path = path", "the request of io_sync_dir"),
    (IO_CALLS, ".op = IO_UNLINK, .path = path", "the request of io_unlink"),
]

# Functions that flush and are called once, where a commit ends: (file, function).
ENDS = [
    (SYNC, "gather"),          # of pagefiles_sync and pagefiles_sync_found
    (FDS, "close_entry"),      # wherever room for a descriptor is made
    (LOG, "write_record"),     # of manifest_log_append
    (ARCHIVE, "archive_retain"),
    (AHEAD_C, "fill_manifest"),  # beside the commits
    (AHEAD_C, "fill_places"),
    (SYNC, "finish_one"),      # looks at what gather asked for
]
