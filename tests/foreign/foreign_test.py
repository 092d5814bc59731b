#!/usr/bin/env python3
"""Stores that others wrote, read and continued by us, and read again by an independent decoder.

    foreign_test.py ELOQSTORE SHARED [--seeds N] [--first-seed N]

SHARED is the folder with golden/ and tools/ (eloq_decode.py, eloq_encode.py); exit 77 where it is missing.

1. Partitions from eloq_encode.py, which uses the freedom the format leaves at random: our dump equals the
   decoder's, `check` finds nothing; then we write to them, and the decoder finds no fault and equal pairs.
2. Each golden store, copied and continued by us in several sessions: the decoder finds no fault after each.
"""
import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

WORDS = ["apple ", "store ", "page ", "value ", "the ", "manifest "]
passed = failed = 0


def run(command, **kw):
    return subprocess.run(command, capture_output=True, text=True, **kw)


def report(ok, what, detail=""):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print(f"FAILED: {what}\n{detail[-3000:]}")


class Store:
    """A store on disk and the options it is opened with."""

    def __init__(self, args, paths, page=4096, shift=18, pointers=16, append=False, extra=()):
        self.args, self.paths, self.append = args, paths, append
        self.page, self.shift, self.pointers = page, shift, pointers
        self.options = ["-o", f"data_page_size={page}", "-o", f"pages_per_file_shift={shift}",
                        "-o", f"overflow_pointers={pointers}",
                        "-o", f"data_append_mode={'true' if append else 'false'}", *extra]

    def eloq(self, *words, stdin=None, extra=()):
        command = [self.args.eloqstore, *self.options, *extra]
        for path in self.paths:
            command += ["-s", path]
        return run(command + list(words), input=stdin)

    def digest(self, extra=()):
        result = self.eloq("dump", "--format", "digest", "--expired", extra=extra)
        if result.returncode != 0:
            return None, result.stderr
        return sorted(result.stdout.splitlines()), ""

    def decode(self):
        tool = os.path.join(self.args.shared, "tools", "eloq_decode.py")
        result = run([sys.executable, "-B", tool, "--hash", "xxh3", "--page-size", str(self.page),
                      "--shift", str(self.shift), "--pointers", str(self.pointers),
                      "--append" if self.append else "--in-place", *self.paths])
        if result.returncode != 0:
            return None, result.stdout[-1000:] + result.stderr
        return sorted(result.stdout.splitlines()), ""

    def compare(self, what, extra=()):
        """Ours, the decoder's and check's opinions agree."""
        theirs, words = self.decode()
        report(theirs is not None, f"{what}: decoder finds no fault", words)
        ours, words = self.digest(extra)
        report(ours is not None, f"{what}: dump", words)
        if ours is not None and theirs is not None:
            wrong = sorted(set(ours) ^ set(theirs))[:6]
            report(ours == theirs, f"{what}: equal pairs", "\n".join(wrong))
        result = self.eloq("check", extra=extra)
        report(result.returncode == 0, f"{what}: check", result.stdout + result.stderr)

    def compressed(self):
        """How many values the decoder found compressed, and bytes of dictionaries."""
        tool = os.path.join(self.args.shared, "tools", "eloq_decode.py")
        result = run([sys.executable, "-B", tool, "--page-size", str(self.page), "--shift",
                      str(self.shift), "--pointers", str(self.pointers), "--quiet", "--stats",
                      "--append" if self.append else "--in-place", *self.paths])
        counts = [0, 0]
        for line in result.stderr.splitlines():
            for i, name in enumerate(["compressed_dict", "dictionary_bytes"]):
                match = re.search(rf"\b{name}\W+(\d+)", line)
                counts[i] += int(match.group(1)) if match else 0
        return counts

    def load(self, rng, table, count, value_max, compress=False):
        """A batch of puts as tsv, then some deletes."""
        lines = []
        for _ in range(count):
            key = f"{rng.randrange(4000):016d}"
            value = "v" * rng.choice([0, 3, 50, 200, rng.randrange(value_max + 1)])
            if rng.random() < 0.5:
                value = "".join(rng.choice(WORDS) for _ in range(len(value) // 6))
            stamp = 1800000000000000 + rng.randrange(1000)
            expire = rng.choice([0, 0, 4102444800000 + rng.randrange(9)])
            lines.append(f"{key}\t{value}\t{stamp}\t{expire}\n")
        on = ["-o", f"enable_compression={'true' if compress else 'false'}"]
        result = self.eloq("-q", "load", table, "--format", "tsv", "--batch", "50",
                           stdin="".join(lines), extra=on)
        report(result.returncode == 0, f"load into {table}", result.stderr)
        for _ in range(3):
            result = self.eloq("del", table, f"{rng.randrange(4000):016d}", extra=on)
            report(result.returncode == 0, f"del from {table}", result.stderr)


def encoded(args, seed):
    rng = random.Random(seed)
    page = rng.choice([4096, 4096, 8192, 12288, 16384, 32768, 61440])
    shift = rng.choice([0, 1, 4, 8, 14])
    pointers = rng.choice([1, 2, 16, 128])
    compression = rng.choice(["none", "none", "standalone", "dict"])
    region = rng.choice([1, 4, 16, 100])
    keys = rng.choice([0, 1, 2, 50, 500, 1500])
    with tempfile.TemporaryDirectory() as work:
        path = os.path.join(work, "store")
        os.mkdir(path)
        tool = os.path.join(args.shared, "tools", "eloq_encode.py")
        terms = rng.choice(["zero", "random"])
        result = run([sys.executable, "-B", tool, os.path.join(path, "enc.3"), "--seed", str(seed),
                      "--keys", str(keys), "--page-size", str(page), "--shift", str(shift),
                      "--pointers", str(pointers), "--compression", compression, "--max-region",
                      str(region), "--terms", terms])
        if result.returncode != 0:
            sys.exit(f"eloq_encode: {result.stderr}")
        store = Store(args, [path], page, shift, pointers, append=rng.random() < 0.5)
        what = (f"seed {seed} page {page} shift {shift} pointers {pointers} {compression} "
                f"terms {terms} keys {keys} {'append' if store.append else 'in place'}")
        store.compare(what)
        for session in range(2):
            store.load(rng, "enc.3", rng.choice([1, 30, 400]), rng.choice([300, 9000]),
                       rng.random() < 0.5)
            store.compare(f"{what}, session {session}",
                          ["--io-backend", rng.choice(["sync", "threads", "uring"])])


def golden(args, case):
    folder = os.path.join(args.shared, "golden", case)
    words, disks = {}, ["store"]
    for line in open(os.path.join(folder, "opts.txt")):
        parts = line.split()
        if parts and parts[0] == "DISKS":
            disks = parts[1:]
        else:
            words.update(word.split("=", 1) for word in parts)
    rng = random.Random(case)
    with tempfile.TemporaryDirectory() as work:
        paths = []
        for disk in disks:
            shutil.copytree(os.path.join(folder, disk), os.path.join(work, disk))
            paths.append(os.path.join(work, disk))
            run(["chmod", "-R", "u+w", paths[-1]])
        store = Store(args, paths, int(words.get("data_page_size", 4096)),
                      int(words.get("pages_per_file_shift", 18)),
                      int(words.get("overflow_pointers", 16)),
                      words.get("data_append_mode", "0") in ("1", "true"))
        tables = sorted({name for path in paths for name in os.listdir(path)})
        for session in range(3):  # compression on, off, on
            before = store.compressed()
            for table in tables:
                store.load(rng, table, 120, 20000, session != 1)
            after = store.compressed()
            # With a dictionary of the reference's our values are compressed too.
            grew = after[0] > before[0] if before[1] and session != 1 else True
            report(grew and after[1] >= before[1],
                   f"golden {case} continued, session {session}: compressed values, dictionary",
                   f"{before} {after}")
            store.compare(f"golden {case} continued, session {session}",
                          ["--io-backend", ["sync", "threads", "uring"][session],
                           "-o", f"num_threads={[1, 2, 7][session]}"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("eloqstore")
    parser.add_argument("shared")
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--first-seed", type=int, default=1)
    args = parser.parse_args()
    if not os.path.isdir(os.path.join(args.shared, "tools")):
        print(f"skipped: no {args.shared}/tools")
        return 77
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        encoded(args, seed)
    for case in sorted(os.listdir(os.path.join(args.shared, "golden"))):
        golden(args, case)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
