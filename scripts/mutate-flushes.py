#!/usr/bin/env python3
"""Takes one flush or one ordering rule after the other out of the source; the tests must notice.

    scripts/mutate-flushes.py [--build DIR] [--only NAME...] [--list]

Each entry of MUTANTS is (name, file, old text, new text); the old text must be there exactly once.
The tree (as it stands, without what git ignores) is copied, each mutant is built in the copy;
power_test runs, and fault_test if that finds nothing, and one must fail. What survives is a hole in
them, or a flush that is not needed there: those are in SURVIVORS, each with the reason why it is in
the source all the same (docs/decisions/0007-flushes-that-no-test-misses.md).

Exit 1 when one survives that should not, or fails that is said to survive.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

SYNC = "src/file/pagefiles_sync.c"
WHOLE = "src/file/whole.c"
FDS = "src/file/fdcache.c"
LOG = "src/part/manifest_log.c"
PREWRITE = "src/part/prewrite.c"
WTX = "src/part/wtx.c"
PART = "src/part/part.c"
TABLE = "src/part/part_table.c"
STORE = "src/engine/store_files.c"

TESTS = ["tests/sim/power_test", "tests/sim/fault_test"]

MUTANTS = [
    # ---- a commit, in the order of format.md 15
    ("data-files", SYNC,
     "add(s, e, (struct io_req){ .op = IO_SYNC, .fd = e->fd });",
     "add(s, e, (struct io_req){ .op = IO_SIZE, .fd = e->fd });"),
    ("last-data-file", SYNC,
     "s->with_dir = with_dir;\n        s->ids = copy; /* the list changes meanwhile */\n"
     "        s->count = count;",
     "s->with_dir = with_dir;\n        s->ids = copy; /* the list changes meanwhile */\n"
     "        s->count = count > 0 ? count - 1 : 0;"),
    ("names-of-data-files", SYNC,
     "    if (s->with_dir)\n        add(", "    if (0)\n        add("),
    ("mark-of-new-names", FDS,
     "f->dir_unsynced = true; /* before the attempt", "f->dir_unsynced = false; /* before the attempt"),
    ("file-closed-early", FDS,
     "if (e->unsynced) {", "if (e->unsynced && !e) {"),
    ("file-closed-early-is-marked-synced", FDS,
     "if (io_sync(t, c->io, e->fd) < 0)", "if (0)"),
    ("failed-flush-of-a-closed-file", FDS,
     "e->owner->sync_failed = true;", "e->owner->sync_failed = false;"),
    ("manifest-append", LOG,
     "rc = io_sync(t, io, p->manifest_fd);", "rc = 0;"),
    ("manifest-before-data", WTX,
     "    return part_sync_pages(t, p);\n}",
     "    TRY(write_manifest(t, w));\n    return part_sync_pages(t, p);\n}"),
    ("no-data-flush-at-all", WTX,
     "    w->next->dict = dict_ref(wtx_dict(w));\n\n    return part_sync_pages(t, p);",
     "    w->next->dict = dict_ref(wtx_dict(w));\n\n    return ELOQ_OK;"),
    ("pages-not-waited-for", WTX,
     "    TRY(flush(t, w));\n    TRY(prewrite(t, p));\n    if (bitset_grow",
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
    ("mkdirs", WHOLE, "rc = sync_parent(t, io, part, slash);", "rc = 0;"),
    ("mkdirs-below-root", WHOLE,
     '    if (slash == path)\n        return io_sync_dir(t, io, "/");',
     "    if (slash == path)\n        return 0;"),
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
    ("found-data-files", PREWRITE, "    TRY(sync_data_files(t, p));\n", ""),
    ("found-manifest", PREWRITE, "    TRY(sync_manifest(t, p));\n", ""),
    ("found-manifest-content", PREWRITE,
     "    int rc = io_sync(t, io, p->manifest_fd);", "    int rc = 0;"),
    ("found-manifest-tail", PREWRITE,
     "if ((uint64_t)size != p->manifest_end) {", "if (size < 0) {"),
    ("found-record-is-not-written-anew", PREWRITE,
     "    if (p->found_at > 0)\n        TRY(rewrite_last_record(t, p, path));\n", ""),
    ("found-partition-directory", PREWRITE,
     "    TRY(sync_directory(t, p, p->files.dir));\n    TRY(sync_directory(t, p, p->files.parent));\n"
     "    p->found",
     "    TRY(sync_directory(t, p, p->files.parent));\n    p->found"),
    ("found-partition-name", PREWRITE,
     "    TRY(sync_directory(t, p, p->files.dir));\n    TRY(sync_directory(t, p, p->files.parent));\n"
     "    p->found",
     "    TRY(sync_directory(t, p, p->files.dir));\n    p->found"),
    ("found-after-the-first-page", WTX,
     "    TRY(prewrite(t, p));\n    int rc = pagefiles_write_many",
     "    int rc = pagefiles_write_many"),
    ("failed-flush-of-found", PREWRITE,
     "     * was loaded is not to be built upon. */\n    p->broken |= is_lost(rc);",
     "     * was loaded is not to be built upon. */"),
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
     "        p->falloc.next = w->falloc_next_before;"),
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
]

# Why each is in the source though no test misses it.
SURVIVORS = {
    "file-closed-early":
        "the file stays listed, is opened again and flushed in the commit; but the kernel may forget "
        "a write that failed once no descriptor is open",
    "mkdirs": "whole_sync_up flushes the same directories, as long as there is no record",
    "mkdirs-below-root": "as mkdirs",
    "found-manifest-tail":
        "our records tell a stale tail by their sequence; the reference's do not",
    "found-partition-name":
        "the open flushed the store's directory, and what is made later is flushed when made",
    "failed-flush-of-found":
        "what a process of ours leaves unflushed is one manifest record, which is written anew; a "
        "copied store has more",
    "unknown-after-data-flush":
        "the pages of the failed commit are given up and written anew; format.md 15 asks for it",
    "repair-without-data-files":
        "the pages of the last acknowledged state were flushed by its commit; format.md 15 asks for "
        "it",
}


def copy_tree(target):
    names = subprocess.check_output(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT).decode().split("\0")
    for name in filter(None, names):
        source = os.path.join(ROOT, name)
        if not os.path.isfile(source):
            continue
        os.makedirs(os.path.dirname(os.path.join(target, name)), exist_ok=True)
        shutil.copy(source, os.path.join(target, name))  # with the time of now: built again


def run(command, **keywords):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", **keywords)


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def try_mutant(tree, build, mutant, timeout):
    _, name, old, new = mutant
    path = os.path.join(tree, name)
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if text.count(old) != 1:
        return "does not apply: %d times in %s" % (text.count(old), name)
    write(path, text.replace(old, new))
    try:
        made = run(["ninja", "-C", build] + TESTS)
        if made.returncode != 0:
            return "does not build:\n" + made.stdout[-2000:]
        for name in TESTS:
            test = run([os.path.join(build, name)], timeout=timeout)
            if test.returncode != 0:
                lines = [l for l in test.stdout.splitlines() if "_test: " in l]
                return "killed: " + (lines[0] if lines else "signal %d" % -test.returncode)
        return "survived"
    except subprocess.TimeoutExpired:
        return "killed: hangs"
    finally:
        write(path, text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", help="build in this directory and keep it")
    parser.add_argument("--only", nargs="*", help="mutants by name")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    mutants = [m for m in MUTANTS if not options.only or m[0] in options.only]
    if options.list:
        print("\n".join("%-40s %s" % m[:2] for m in mutants))
        return 0

    scratch = options.build or tempfile.mkdtemp(prefix="mutate-flushes-")
    tree, build = os.path.join(scratch, "tree"), os.path.join(scratch, "build")
    shutil.rmtree(tree, ignore_errors=True)
    copy_tree(tree)
    failed = 0
    try:
        if not os.path.exists(os.path.join(build, "build.ninja")):
            made = run(["meson", "setup", build, tree])
            if made.returncode != 0:
                sys.exit(made.stdout)
        made = run(["ninja", "-C", build] + TESTS)
        if made.returncode != 0:
            sys.exit(made.stdout[-3000:])
        for name in TESTS:
            test = run([os.path.join(build, name)])
            if test.returncode != 0:
                sys.exit("%s fails without any mutant:\n%s" % (name, test.stdout))
            print(test.stdout.strip().splitlines()[-1], flush=True)
        for mutant in mutants:
            begin = time.time()
            answer = try_mutant(tree, build, mutant, 600)
            expected = "survived" if mutant[0] in SURVIVORS else "killed"
            good = answer.startswith(expected)
            failed += not good
            print("%s %-38s %4.0f s  %s" % ("ok  " if good else "FAIL", mutant[0],
                                            time.time() - begin, answer), flush=True)
    finally:
        if not options.build:
            shutil.rmtree(scratch, ignore_errors=True)
    print("%d mutants, %d known survivors, %d failed"
          % (len(mutants), sum(m[0] in SURVIVORS for m in mutants), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
