#!/usr/bin/env python3
"""Row 19: golden stores, the reference's and one set per release of ours, each opened, read, checked, written.

    stores_test.py ELOQSTORE SHARED

Ours lie here as v*.tar.xz; what they hold is in their expected*.tsv, which the model wrote (make_stores.c).
The reference's lie in SHARED/golden (ELOQ_GOLDEN_DIR); where they are missing only ours are tried, which is said, and
with ELOQ_NO_SKIP=1 or CI=true is a failure. Each store is copied first, and tried over each backend.
"""
import gzip
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
BACKENDS = ["sync", "threads", "uring"]
tried = failed = 0


class Failure(Exception):
    pass


class Store:
    """A copy of a golden store, and how it is opened."""

    def __init__(self, program, paths, options, backend):
        self.words = [program, "--io-backend", backend]
        for option in options:
            self.words += ["-o", option]
        for path in paths:
            self.words += ["-s", path]

    def run(self, *words, stdin=b""):
        done = subprocess.run(self.words + list(words), input=stdin, capture_output=True, timeout=300)
        if done.returncode != 0:
            raise Failure("%s exits %d: %r" % (" ".join(words), done.returncode, done.stderr[-600:]))
        return done.stdout

    def pairs(self, *words):
        return sorted(self.run(*words, "dump", "--format", "digest", "--expired").splitlines())

    def holds(self, expected, *words):
        compare(self.pairs(*words), sorted(expected))

    def change(self, part, expected):
        """A new key, one replaced, one deleted; answers the keys (in hex) that are not as expected any more."""
        keys = [line.split(b"\t")[1] for line in expected]
        keys = [key for key in keys if bytes.fromhex(key.decode()).isalnum()] or [b"61"]
        words = ["golden new", bytes.fromhex(keys[-1].decode()).decode()]
        for key in words:
            self.run("put", part, key, "golden new value")
        self.run("del", part, bytes.fromhex(keys[0].decode()).decode())
        for key in words[: 1 if len(keys) == 1 else 2]:
            if self.run("get", part, key) != b"golden new value\n":
                raise Failure("%s: what was written to %s is not read" % (part, key))
        return {keys[0], keys[-1], b"golden new".hex().encode()}


def compare(got, expected):
    if got != expected:
        differ = sorted(set(got) ^ set(expected))
        raise Failure("%d pairs, %d expected; differ in %r" % (len(got), len(expected), differ[:4]))


def try_store(store, expected, archives):
    """Read, checked, written, read again, checked again; archives stay as they are."""
    store.holds(expected)
    store.run("check")
    parts = {}
    for line in expected:
        parts.setdefault(line.split(b"\t")[0], []).append(line)
    touched = set()
    for part in sorted(parts):
        touched |= {(part, key) for key in store.change(part.decode(), parts[part])}

    def untouched(lines):
        return sorted(line for line in lines if tuple(line.split(b"\t")[:2]) not in touched)

    compare(untouched(store.pairs()), untouched(expected))
    store.run("check")
    for timestamp, pairs in archives.items():
        store.holds(pairs, "--as-of", timestamp)


def lines_of(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as text:
        return [line for line in text.read().splitlines() if not line.startswith(b"#")]


def attempt(name, make):
    """One store over one backend, in a directory of its own."""
    global tried, failed
    with tempfile.TemporaryDirectory() as work:
        tried += 1
        try:
            try_store(*make(work))
        except (Failure, subprocess.TimeoutExpired) as failure:
            failed += 1
            print("failed: %s: %s" % (name, failure))
            print("repeat: %s" % " ".join(sys.argv))


def ours(program, archive, case, backend):
    def make(work):
        with tarfile.open(archive) as tar:
            tar.extractall(work, [m for m in tar.getmembers() if m.name.split("/")[0] == case])
        folder = os.path.join(work, case)
        expected = {name: lines_of(os.path.join(folder, name)) for name in os.listdir(folder) if name.endswith(".tsv")}
        archives = {name[len("expected_"):-len(".tsv")]: lines for name, lines in expected.items() if "_" in name}
        return Store(program, [os.path.join(folder, "store")], [], backend), expected["expected.tsv"], archives
    return make


def theirs(program, folder, backend):
    def make(work):
        options, disks = ["data_append_mode=0"], ["store"]
        for line in open(os.path.join(folder, "opts.txt")):
            words = line.split()
            if words and words[0] == "DISKS":
                disks = words[1:]
            else:
                options += [word for word in words if word.split("=")[0] != "num_threads"]
        for disk in disks:
            shutil.copytree(os.path.join(folder, disk), os.path.join(work, disk))
        subprocess.run(["chmod", "-R", "u+w", work], check=True)
        expected = os.path.join(folder, "expected.tsv")
        expected = lines_of(expected if os.path.exists(expected) else expected + ".gz")
        config = ["-c", os.path.join(folder, "options.ini")]
        store = Store(program, [os.path.join(work, disk) for disk in disks], options[1:], backend)
        store.words[1:1] = config
        return store, expected, {}
    return make


def main():
    program, shared = os.path.abspath(sys.argv[1]), sys.argv[2]
    golden = os.path.abspath(os.environ.get("ELOQ_GOLDEN_DIR") or os.path.join(shared, "golden"))
    releases = sorted(name for name in os.listdir(HERE) if name.endswith(".tar.xz"))
    cases = sorted(os.listdir(golden)) if os.path.isdir(golden) else []
    cases = [case for case in cases if os.path.exists(os.path.join(golden, case, "opts.txt"))]
    for backend in BACKENDS:
        for release in releases:
            with tarfile.open(os.path.join(HERE, release)) as tar:
                names = sorted({member.name.split("/")[0] for member in tar.getmembers()})
            for case in names:
                attempt("%s of %s over %s" % (case, release, backend),
                        ours(program, os.path.join(HERE, release), case, backend))
        for case in cases:
            attempt("%s over %s" % (case, backend), theirs(program, os.path.join(golden, case), backend))
    text = "" if cases else "; the reference's are not there (%s)" % golden
    must = os.environ.get("ELOQ_NO_SKIP") == "1" or os.environ.get("CI") == "true"
    print("row 19: tried %d, failed %d%s" % (tried, failed + (must and not cases), text))
    return 1 if failed or not releases or (must and not cases) else 0


if __name__ == "__main__":
    sys.exit(main())
