#!/usr/bin/env python3
"""Instructions of a one-key commit on a table of 1 million keys against one on 10 thousand.

    commit_cost.py PROGRAM [SMALL LARGE]

Counts with valgrind --tool=callgrind: the difference between a run with many commits and one with few,
on a copy of the same store, divided by the difference of the counts. Fails when the ratio is over 1.5:
a commit must cost what it changes, not what there is.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

FEW, MANY = 40, 440
BOUND = 1.5


def instructions(program, store, keys, commits):
    with tempfile.TemporaryDirectory() as work:
        copy = os.path.join(work, "store")
        shutil.copytree(store, copy)
        result = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={work}/out", program, "run", copy,
             str(keys), str(commits)], capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(f"commit_cost: {result.stderr[-2000:]}")
        return int(re.search(r"Collected : (\d+)", result.stderr).group(1))


def per_commit(program, keys):
    with tempfile.TemporaryDirectory() as work:
        store = os.path.join(work, "store")
        subprocess.run([program, "make", store, str(keys)], check=True)
        few = instructions(program, store, keys, FEW)
        return (instructions(program, store, keys, MANY) - few) / (MANY - FEW)


def main():
    program = sys.argv[1]
    small, large = [int(a) for a in sys.argv[2:4]] or [10_000, 1_000_000]
    a, b = per_commit(program, small), per_commit(program, large)
    print(f"instructions of a one-key commit: {a:.0f} on {small} keys, {b:.0f} on {large} keys, "
          f"ratio {b / a:.3f} (bound {BOUND})")
    return 0 if b <= BOUND * a else 1


if __name__ == "__main__":
    if shutil.which("valgrind") is None:
        print("skipped: no valgrind")
        sys.exit(77)
    sys.exit(main())
