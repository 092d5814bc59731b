#!/usr/bin/env python3
"""archive, archives, restore and --as-of from outside; archives of the reference; what the decoder says of ours."""
import os
import random
import subprocess
import sys
import time

from harness import equal, main, truth

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.path.join(os.path.dirname(ROOT), "shared")
DECODER = os.path.join(SHARED, "tools", "eloq_decode.py")
GOLDEN = os.path.join(os.environ.get("ELOQ_GOLDEN_DIR") or os.path.join(SHARED, "golden"), "17_archive")
APPEND = ("-o", "data_append_mode=true", "-o", "pages_per_file_shift=3")


def decode(store, shift):
    """Lines of each partition and archive, as the decoder prints them; it must find no fault."""
    done = subprocess.run([sys.executable, DECODER, "--append", "--shift", str(shift), "--archives", "--hash", "xxh3",
                           store], capture_output=True, timeout=600)
    equal(done.returncode, 0, done.stderr)
    states = {}
    for line in done.stdout.splitlines():
        if line.startswith(b"#"):
            continue
        name, rest = line.split(b"\t", 1)
        part, _, archive = name.partition(b"@")
        states.setdefault(archive.decode().rpartition("_")[2], []).append(part + b"\t" + rest)
    return {archive: sorted(lines) for archive, lines in states.items()}


def archive_says_when(cli):
    cli.ok(*APPEND, "put", "t", "k", "1")
    cli.gives(0, b"100\n", "archive", "t", "--timestamp", "100")
    cli.ok("put", "t.3", "k", "2")
    before = int(time.time() * 1000000)
    out = cli.ok("archive")
    now = int(out)
    truth(before <= now <= int(time.time() * 1000000), "archive prints %r" % out)
    cli.gives(0, b"t.0\t100\nt.0\t%d\nt.3\t%d\n" % (now, now), "archives")
    cli.gives(0, b"t.3\t%d\n" % now, "archives", "t.3")
    cli.gives(0, b'{"timestamp":7}\n', "-j", "archive", "t", "--timestamp", "7")
    cli.gives(0, b'{"table":"t","partition":3,"timestamp":%d}\n' % now, "-j", "archives", "t.3")


def restore_goes_back_and_forward(cli):
    cli.ok(*APPEND, "put", "t", "k", "old")
    cli.ok("archive", "t", "--timestamp", "5")
    cli.ok("put", "t", "k", "new")
    cli.ok("put", "t", "k2", "new")
    cli.gives(0, b"", "restore", "t", "5")
    cli.gives(0, b"k\told\n", "scan", "t")
    lines = cli.ok("archives", "t").splitlines()
    equal(len(lines), 2)
    cli.gives(0, b"k\tnew\nk2\tnew\n", "--as-of", lines[1].split(b"\t")[1].decode(), "scan", "t")
    cli.gives(0, b"", "restore", "t", lines[1].split(b"\t")[1].decode())
    cli.gives(0, b"k\tnew\nk2\tnew\n", "scan", "t")
    truth(cli.ok("check").endswith(b" 2 keys: ok\n"), "check")


def exit_codes(cli):
    cli.ok(*APPEND, "put", "t", "k", "v")
    cli.gives(1, b"", "archive", "absent")
    cli.gives(1, b"", "archives", "absent")
    cli.gives(1, b"", "restore", "t", "5")
    cli.gives(1, b"", "--as-of", "5", "get", "t", "k")
    cli.gives(0, b"", "archives")
    cli.fails(2, b"--timestamp", "archive", "--timestamp", "0")
    cli.fails(2, b"--timestamp", "archive", "--timestamp", "x")
    cli.fails(2, b"restore", "restore", "t")
    cli.fails(2, b"TIMESTAMP", "restore", "t", "x")
    cli.fails(2, b"timestamp 0", "restore", "t", "0")
    cli.ok("archive", "--timestamp", "5")
    cli.fails(2, b"read-only", "--as-of", "5", "archive")
    cli.store += "-in-place"
    cli.ok("put", "t", "k", "v")
    cli.fails(2, b"recycled", "archive")
    cli.fails(2, b"recycled", "archive", "t")
    cli.fails(2, b"recycled", "archives", "t")
    cli.fails(2, b"recycled", "restore", "t", "5")
    cli.store += "-missing"
    equal(cli.on("archives").code, 3)


def retention(cli):
    cli.ok(*APPEND, "put", "t", "k", "v")
    for i in (30, 10, 20, 40):
        cli.gives(0, b"%d\n" % i, "-o", "num_retained_archives=2", "archive", "--timestamp", str(i))
    cli.gives(0, b"t.0\t30\nt.0\t40\n", "archives")


def all_read_commands_take_as_of(cli):
    cli.ok(*APPEND, "load", "t", stdin=b"".join(b"key%03d\tvalue%d\n" % (i, i) for i in range(200)))
    cli.ok("archive", "--timestamp", "9")
    cli.ok("load", "t", stdin=b"".join(b"key%03d\tother\n" % i for i in range(300)))
    old = ("--as-of", "9")
    cli.gives(0, b"value7\n", *old, "get", "t", "key007")
    cli.gives(1, b"", *old, "get", "t", "key250")
    cli.gives(0, b"key199\tvalue199\n", *old, "floor", "t", "z")
    cli.gives(0, b"key010\tvalue10\n", *old, "scan", "t", "--from", "key01", "--limit", "1")
    cli.gives(0, b"200\n", *old, "count", "t")
    equal(len(cli.ok(*old, "dump").splitlines()), 200)
    truth(cli.ok(*old, "tables").startswith(b"t.0\t200\t"), "tables")
    truth(cli.ok(*old, "check").endswith(b" 200 keys: ok\n"), "check")
    truth(b"pages_data\t" in cli.ok(*old, "stat", "t"), "stat")
    cli.ok(*old, "manifest", "t")
    cli.gives(0, b"300\n", "count", "t")


def the_decoder_finds_no_fault(cli):
    """Random work with archives, restores and retention between: the decoder reads what we read."""
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    kept = {}
    for step in range(30):
        lines = []
        for i in sorted(rng.sample(range(400), rng.randrange(1, 200))):
            lines.append(b"t.%d\tkey%04d\t%s\n" % (i % 3, i, bytes([97 + step % 26]) * rng.choice((3, 90, 9000))))
        cli.ok(*APPEND, "load", stdin=b"".join(sorted(lines)))
        if step % 3 == 1:
            cli.ok("archive", "--timestamp", str(1000 + step))
            kept[str(1000 + step)] = sorted(cli.ok("dump", "--format", "digest").splitlines())
        if step % 7 == 6:
            timestamp = rng.choice(sorted(kept))
            for i in range(3):
                code = cli.on("restore", "t.%d" % i, timestamp).code
                truth(code in (0, 1), "seed %d: restore exits %d" % (seed, code))
        states = decode(cli.store, 3)
        equal(states[""], sorted(cli.ok("dump", "--format", "digest").splitlines()), "seed %d step %d" % (seed, step))
        for timestamp, pairs in kept.items():
            equal(states[timestamp], pairs, "seed %d step %d archive %s" % (seed, step, timestamp))
    for timestamp, pairs in kept.items():
        equal(sorted(cli.ok("--as-of", timestamp, "dump", "--format", "digest").splitlines()), pairs,
              "seed %d as of %s" % (seed, timestamp))
    cli.ok("check")


def archives_of_the_reference(cli):
    if not os.path.isdir(GOLDEN):
        print("no golden store %s" % GOLDEN)
        return
    store = os.path.join(GOLDEN, "store")
    words = ["-s", store, "-c", os.path.join(GOLDEN, "options.ini"), "-o", "pages_per_file_shift=6"]
    states = decode(store, 6)
    truth(len(states) == 3, "archives: %r" % sorted(states))
    for archive, pairs in states.items():
        as_of = ["--as-of", archive] if archive else []
        result = cli.run(*words, *as_of, "dump", "--format", "digest", "--expired")
        equal((result.code, result.err), (0, b""))
        equal(sorted(result.out.splitlines()), pairs, "as of %s" % archive)
        equal(cli.run(*words, *as_of, "check").code, 0)


main([archive_says_when, restore_goes_back_and_forward, exit_codes, retention, all_read_commands_take_as_of,
      the_decoder_finds_no_fault, archives_of_the_reference])
