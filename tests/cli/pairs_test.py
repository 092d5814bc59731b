#!/usr/bin/env python3
"""put, get, del, floor, scan, count: exact outputs and exit codes."""
import time

from harness import equal, main, truth


def put_prints_nothing_and_get_prints_the_value(cli):
    cli.gives(0, b"", "put", "t", "k", "v")
    cli.gives(0, b"v\n", "get", "t", "k")


def raw_value_is_its_bytes_alone(cli):
    cli.ok("put", "t", "k", "-", stdin=b"a\n\x00\xff")
    cli.gives(0, b"a\n\x00\xff", "get", "t", "k", "--raw")
    cli.gives(0, b"a\n\x00\xff", "-x", "get", "t", "6b", "--raw")


def absent_key_is_exit_1(cli):
    cli.ok("put", "t", "k", "v")
    cli.gives(1, b"", "get", "t", "nothing")
    cli.gives(1, b"", "get", "other", "k")
    cli.gives(1, b"", "floor", "t", "a")


def deleting_is_done_also_for_an_absent_key(cli):
    cli.ok("put", "t", "k", "v")
    cli.gives(0, b"", "del", "t", "k")
    cli.gives(1, b"", "get", "t", "k")
    cli.gives(0, b"", "del", "t", "k")


def partitions_are_separate(cli):
    cli.ok("put", "t", "k", "zero")
    cli.ok("put", "t.7", "k", "seven")
    cli.gives(0, b"zero\n", "get", "t.0", "k")
    cli.gives(0, b"seven\n", "get", "t.7", "k")
    rows = [line.split(b"\t")[:2] for line in cli.ok("tables").splitlines()]
    equal(rows, [[b"t.0", b"1"], [b"t.7", b"1"]])


def empty_value_is_a_value(cli):
    cli.ok("put", "t", "k", "")
    cli.gives(0, b"\n", "get", "t", "k")
    cli.gives(0, b"k\t\n", "scan", "t")


def floor_prints_key_and_value(cli):
    for key in ("b", "d"):
        cli.ok("put", "t", key, "v" + key)
    cli.gives(0, b"b\tvb\n", "floor", "t", "c")
    cli.gives(0, b"b\tvb\n", "floor", "t", "b")
    cli.gives(0, b"d\tvd\n", "floor", "t", "zzz")


def letters(cli):
    cli.ok("load", "t", stdin=b"".join(b"%c\t%d\n" % (c, c - 97) for c in range(97, 103)))


def scan_bounds(cli):
    letters(cli)
    cli.gives(0, b"a\t0\nb\t1\nc\t2\nd\t3\ne\t4\nf\t5\n", "scan", "t")
    cli.gives(0, b"b\nc\n", "scan", "t", "--from", "b", "--to", "d", "--keys-only")
    cli.gives(0, b"c\nb\n", "scan", "t", "--from", "b", "--to", "d", "--keys-only", "--reverse")
    cli.gives(0, b"f\ne\n", "scan", "t", "--limit", "2", "--keys-only", "--reverse")
    cli.gives(0, b"a\nb\n", "scan", "t", "--limit", "2", "--keys-only")
    cli.gives(0, b"", "scan", "t", "--from", "d", "--to", "b")
    cli.gives(0, b"", "scan", "nothing")


def scan_prefix(cli):
    for key in ("a", "ab", "abc", "ac", "b"):
        cli.ok("put", "t", key, "")
    cli.ok("-x", "put", "t", "ffff", "")
    cli.gives(0, b"ab\nabc\n", "scan", "t", "--prefix", "ab", "--keys-only")
    cli.gives(0, b"abc\nac\n", "scan", "t", "--prefix", "a", "--from", "abc", "--keys-only")
    cli.gives(0, b"ffff\n", "-x", "scan", "t", "--prefix", "ff", "--keys-only")
    cli.gives(0, b"", "scan", "t", "--prefix", "zz")


def count_prints_the_number(cli):
    letters(cli)
    cli.gives(0, b"6\n", "count", "t")
    cli.gives(0, b"0\n", "count", "nothing")


def ttl_hides_and_expired_shows(cli):
    cli.ok("put", "t", "late", "v", "--ttl", "1h")
    cli.ok("put", "t", "fixed", "v", "--expire-at", str(2**64 - 1))
    # Last: a write cleans what has expired on its page.
    cli.ok("put", "t", "soon", "v", "--ttl", "400ms")
    time.sleep(0.5)
    cli.gives(1, b"", "get", "t", "soon")
    cli.gives(0, b"fixed\nlate\n", "scan", "t", "--keys-only")
    equal(len(cli.ok("dump").splitlines()), 2)
    equal(len(cli.ok("dump", "--expired").splitlines()), 3)
    line = [l for l in cli.ok("dump").splitlines() if b"fixed" in l][0]
    equal(line.split(b"\t")[4], b"18446744073709551615")


def older_timestamp_loses(cli):
    cli.ok("put", "t", "k", "new", "--timestamp", "1000")
    cli.ok("put", "t", "k", "old", "--timestamp", "999")
    cli.gives(0, b"new\n", "get", "t", "k")
    cli.ok("del", "t", "k", "--timestamp", "999")
    cli.gives(0, b"t.0\tk\tnew\t1000\t0\n", "dump")
    cli.ok("put", "t", "k", "now")
    cli.gives(0, b"now\n", "get", "t", "k")


def timestamp_zero_is_literal(cli):
    cli.ok("put", "t", "k", "v", "--timestamp", "0")
    cli.gives(0, b"t.0\tk\tv\t0\t0\n", "dump")


def words_that_begin_with_a_dash(cli):
    cli.ok("put", "--", "t", "-k", "-5")
    cli.gives(0, b"-5\n", "get", "t", "--", "-k")


def key_too_long_is_exit_2_with_the_limit(cli):
    result = cli.fails(2, b"eloqstore: ", "put", "t", "k" * 2049, "v")
    truth(b"2048" in result.err, "the limit in words: %r" % result.err)
    cli.fails(2, b"eloqstore: ", "put", "t", "", "v")


def values_larger_than_a_page(cli):
    value = bytes(i * 7 % 251 for i in range(300000))
    cli.ok("put", "t", "big", "-", stdin=value)
    equal(cli.ok("get", "t", "big", "--raw"), value)


def store_from_the_environment_and_by_default(cli):
    env = cli.environment()
    env["ELOQSTORE_DIR"] = cli.directory + "/env"
    equal(cli.run("put", "t", "k", "env", env=env).code, 0)
    equal(cli.run("put", "t", "k", "default").code, 0)
    equal(cli.run("get", "t", "k", env=env).out, b"env\n")
    equal(cli.run("-s", "eloqstore-data", "get", "t", "k").out, b"default\n")
    equal(cli.run("-s", "env", "get", "t", "k").out, b"env\n")


def several_disks(cli):
    disks = []
    for name in ("d0", "d1", "d2"):
        disks += ["-s", cli.directory + "/" + name]
    for partition in range(6):
        equal(cli.run(*disks, "put", "t.%d" % partition, "k", str(partition)).code, 0)
    equal(cli.run(*disks, "get", "t.4", "k").out, b"4\n")
    equal(len(cli.run(*disks, "dump").out.splitlines()), 6)
    # Fewer disks than it was made with: refused, not half a store.
    equal(cli.run(*disks[:4], "get", "t.4", "k").code, 2)


main([put_prints_nothing_and_get_prints_the_value, raw_value_is_its_bytes_alone, absent_key_is_exit_1,
      deleting_is_done_also_for_an_absent_key, partitions_are_separate, empty_value_is_a_value,
      floor_prints_key_and_value, scan_bounds, scan_prefix, count_prints_the_number,
      ttl_hides_and_expired_shows, older_timestamp_loses, timestamp_zero_is_literal,
      words_that_begin_with_a_dash, key_too_long_is_exit_2_with_the_limit, values_larger_than_a_page,
      store_from_the_environment_and_by_default, several_disks])
