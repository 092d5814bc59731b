#!/usr/bin/env python3
"""truncate, drop, compact, clean-expired: exit codes, and what is left on the disk."""
import os
import time

from harness import equal, main, truth


def load(cli, table, first, count, *options):
    cli.ok(*options, "load", table, "-q",
           stdin=b"".join(b"%08d\t%s\n" % (n, b"v" * 500) for n in range(first, first + count)))


def files(cli, part):
    path = os.path.join(cli.store, part)
    return sorted(os.listdir(path)) if os.path.isdir(path) else []


def truncate_from_a_key_and_whole(cli):
    load(cli, "t", 0, 100)
    cli.gives(0, b"", "truncate", "t", "00000040")
    cli.gives(0, b"40\n", "count", "t")
    cli.gives(0, b"", "-x", "truncate", "t", b"00000010".hex())
    cli.gives(0, b"10\n", "count", "t")
    cli.gives(0, b"", "truncate", "t")
    cli.gives(0, b"0\n", "count", "t")
    equal(files(cli, "t.0"), [])
    cli.gives(0, b"", "truncate", "t")
    cli.gives(0, b"", "truncate", "never.3")
    truth(not os.path.exists(os.path.join(cli.store, "never.3")), "truncate makes a directory")


def an_empty_key_is_not_everything(cli):
    load(cli, "t", 0, 10)
    cli.fails(2, b"KEY is empty", "truncate", "t", "")
    cli.gives(0, b"10\n", "count", "t")


def drop_removes_all_partitions(cli):
    for part in ("t", "t.1", "t.12", "tt"):
        load(cli, part, 0, 20)
    cli.gives(0, b"", "drop", "t")
    rows = [line.split(b"\t")[0] for line in cli.ok("tables").splitlines()]
    equal(rows, [b"tt.0"])
    equal([name for name in os.listdir(cli.store) if name.startswith("t.")], [])
    cli.gives(0, b"", "drop", "t")
    cli.fails(2, b"bad table name", "drop", "a/b")
    load(cli, "t", 5, 1)
    cli.gives(0, b"1\n", "count", "t")


def compact_in_place_is_exit_2(cli):
    load(cli, "t", 0, 10)
    cli.fails(2, b"nothing to compact in place", "compact", "t")
    cli.fails(2, b"nothing to compact in place", "compact", "never")


def compact_gives_files_back(cli):
    append = ("-o", "data_append_mode=true", "-o", "pages_per_file_shift=2",
              "-o", "file_amplify_factor=0")
    load(cli, "t", 0, 400, *append)
    before = len(files(cli, "t.0"))
    for _ in range(3):
        load(cli, "t", 0, 350, "-o", "file_amplify_factor=0")
    cli.gives(0, b"", "compact", "t")
    truth(len(files(cli, "t.0")) <= 2 * before + 3, files(cli, "t.0"))
    cli.gives(0, b"400\n", "count", "t")
    cli.ok("check")
    cli.gives(1, b"", "compact", "t.9")


def clean_expired(cli):
    cli.ok("put", "t", "short", "v", "--ttl", "1ms")
    cli.ok("put", "t", "long", "v", "--ttl", "1h")
    time.sleep(0.05)
    cli.gives(0, b"", "clean-expired", "t")
    rows = cli.ok("dump", "--format", "tsv", "--expired").splitlines()
    equal([row.split(b"\t")[1] for row in rows], [b"long"])
    cli.gives(1, b"", "clean-expired", "never")


def wrong_calls(cli):
    for words in (("truncate",), ("truncate", "t", "k", "x"), ("drop",), ("drop", "a", "b"),
                  ("compact",), ("clean-expired",), ("compact", "t", "u")):
        equal(cli.on(*words).code, 2, words)
    cli.fails(2, b"read-only", "--as-of", "5", "drop", "t")


main([truncate_from_a_key_and_whole, an_empty_key_is_not_everything, drop_removes_all_partitions,
      compact_in_place_is_exit_2, compact_gives_files_back, clean_expired, wrong_calls])
