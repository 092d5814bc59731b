#!/usr/bin/env python3
"""Stores written by the reference: dump equals what was expected, check finds nothing, nothing changes.

    golden_test.py BACKEND SHARDS...     one backend, each number of shards

ELOQ_GOLDEN_DIR names the directory of cases (default ../shared/golden).
"""
import gzip
import os
import sys
import tempfile

from harness import SKIP, Cli, equal, main, skip, truth

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GOLDEN = os.path.abspath(os.path.join(ROOT, os.environ.get("ELOQ_GOLDEN_DIR") or "../shared/golden"))


def read_options(case):
    options, disks = {}, ["store"]
    with open(os.path.join(case, "opts.txt")) as text:
        for line in text:
            words = line.split()
            if words and words[0] == "DISKS":
                disks = words[1:]
            else:
                options.update(word.split("=", 1) for word in words)
    return options, disks


def expected(case):
    plain = os.path.join(case, "expected.tsv")
    with open(plain, "rb") if os.path.exists(plain) else gzip.open(plain + ".gz", "rb") as text:
        return sorted(line for line in text.read().splitlines() if not line.startswith(b"#"))


def state(case):
    """What would show a write: names, sizes and times of everything."""
    seen = {}
    for folder, _, files in os.walk(case):
        for path in [folder] + [os.path.join(folder, name) for name in files]:
            status = os.stat(path)
            seen[path] = (status.st_size, status.st_mtime_ns)
    return seen


def make_test(case, backend, shards):
    def test(cli):
        options, disks = read_options(case)
        words = ["-c", os.path.join(case, "options.ini"), "--io-backend", backend]
        for key in ("pages_per_file_shift", "enable_compression"):
            if key in options:
                words += ["-o", "%s=%s" % (key, options[key])]
        words += ["-o", "num_threads=%d" % shards]
        for disk in disks:
            words += ["-s", os.path.join(case, disk)]
        before = state(case)
        result = cli.run(*words, "dump", "--format", "digest", "--expired")
        equal((result.code, result.err), (0, b""))
        got, wanted = sorted(result.out.splitlines()), expected(case)
        truth(got == wanted, "%d pairs, %d expected; differ in %r" % (
            len(got), len(wanted), sorted(set(got) ^ set(wanted))[:4]))
        result = cli.run(*words, "check")
        equal(result.code, 0, "check: %r %r" % (result.out, result.err))
        truth(result.out.endswith(b" %d keys: ok\n" % len(wanted)), "check: %r" % result.out)
        equal(state(case), before, "the store was changed")
    test.__name__ = "%s_%s_%d" % (os.path.basename(case), backend, shards)
    return test


def all_tests():
    if not os.path.isdir(GOLDEN):
        skip("no golden stores in %s (ELOQ_GOLDEN_DIR)" % GOLDEN)
    backend, shards = sys.argv[1], [int(n) for n in sys.argv[2:]]
    sys.argv[1:] = []
    with tempfile.TemporaryDirectory() as probe:
        if Cli(probe).on("--io-backend", backend, "put", "t", "k", "v").code != 0:
            print("the backend %s is not usable here" % backend)
            sys.exit(SKIP)
    cases = sorted(os.path.join(GOLDEN, name) for name in os.listdir(GOLDEN)
                   if os.path.exists(os.path.join(GOLDEN, name, "opts.txt")))
    if not cases:
        skip("no case in %s" % GOLDEN)
    return [make_test(case, backend, n) for case in cases for n in shards]


main(all_tests())
