#!/usr/bin/env python3
"""Measures how much of src/page, src/part and src/tree the tests run (row 18 of the scoreboard).

    tests/score/coverage.py [--build DIR] [--seed N] [--keep] [--missing] [--jobs N]

Sets up a build without optimization that counts (default: build-cov in the source tree), runs the
suites that are about these folders, and counts lines and branches with gcovr. It passes when each
folder has lines 95 % and branches 90 %.

A branch is one way a condition can go. Those of CHECK(...) and DCHECK(...) do not count: they fail
only by a mistake of our own. Lines count all the same. --missing prints every line and branch that
was never taken; --keep adds to the counts that are there instead of starting from nothing.
"""
import argparse
import collections
import glob
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDERS = ["page", "part", "tree"]
LINES_LEAST, BRANCHES_LEAST = 95.0, 90.0
TESTS = re.compile(r"page_|falloc$|mapping$|part|manifest|tree_|fuzz_|wrong_|api_|engine_"
                   r"|model_(in_place|append|compress)")
# They take long, and show nothing of these folders that others do not.
LEFT_OUT = re.compile(r"api_limits2|api_async|api_metrics|part_crash|page_fuzz")
# The simulation, for less long than elsewhere.
SIMULATIONS = ["power_test --cases 1000", "archive_test --scripts 1", "fault_test --cases 1000",
               "memory_fault_test --cases 1000", "jobs_test --sample 25", "dictionary_test",
               "flush_test --cases 200"]


def run(command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          **more)
    if done.returncode != 0:
        sys.exit("%s\n%s failed" % (done.stdout[-6000:], " ".join(command[:4])))
    return done.stdout


def build(directory):
    if not os.path.exists(directory + "/build.ninja"):
        run(["meson", "setup", directory, SOURCE, "-Db_coverage=true", "--buildtype=debug",
             "-Dman=disabled"])
    run(["ninja", "-C", directory])


def run_tests(directory, jobs, seed):
    listed = run(["meson", "test", "-C", directory, "--no-rebuild", "--list"])
    names = [line.split(" / ")[-1].strip() for line in listed.splitlines() if " / " in line]
    names = [n for n in names if TESTS.match(n) and not LEFT_OUT.match(n)]
    # What fails is told, and fails the row; the figures are those of what ran.
    log = directory + "/meson-logs/testlog.json"
    subprocess.run(["meson", "test", "-C", directory, "--no-rebuild", "-t", "10",
                    "--num-processes", str(jobs)] + names, stdout=subprocess.DEVNULL,
                   env={**os.environ, "ELOQ_TEST_SEED": str(seed)})
    results = [json.loads(line) for line in open(log)]
    failed = [r["name"] for r in results if r["result"] not in ("OK", "SKIP")]

    def simulate(line):
        words = line.split()
        done = subprocess.run([directory + "/tests/sim/" + words[0]] + words[1:],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            failed.append(line)

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(simulate, SIMULATIONS))
    return failed


def check_lines(path):
    """Numbers of the lines that a CHECK or DCHECK stands on, to its closing bracket."""
    numbers = set()
    depth = 0
    for number, line in enumerate(open(path), 1):
        at = 0
        if depth == 0:
            found = re.search(r"\bD?CHECK\(", line)
            if not found:
                continue
            at = found.start()
        depth += line[at:].count("(") - line[at:].count(")")
        numbers.add(number)
        depth = max(depth, 0)
    return numbers


class Counts:
    def __init__(self):
        self.lines = self.lines_run = self.branches = self.branches_taken = 0

    def percent(self):
        return (100.0 * self.lines_run / max(self.lines, 1),
                100.0 * self.branches_taken / max(self.branches, 1))


def measure(directory, shows_missing):
    report = directory + "/coverage.json"
    run(["gcovr", "-r", SOURCE, "--object-directory", ".", "--filter",
         ".*/src/(%s)/" % "|".join(FOLDERS), "--json", report], cwd=directory)
    counts = collections.defaultdict(Counts)
    for entry in json.load(open(report))["files"]:
        path = os.path.join(SOURCE, entry["file"])
        c = counts[entry["file"].split("/")[1]]
        text = open(path).read().splitlines()
        skipped = check_lines(path)
        for line in entry["lines"]:
            if line.get("gcovr/noncode"):
                continue
            number = line["line_number"]
            c.lines += 1
            c.lines_run += line["count"] > 0
            branches = [] if number in skipped else line["branches"]
            c.branches += len(branches)
            missing = sum(b["count"] == 0 for b in branches)
            c.branches_taken += len(branches) - missing
            if shows_missing and (missing or line["count"] == 0):
                print("%s:%d: run %d times, %d branches missing: %s"
                      % (entry["file"], number, line["count"], missing, text[number - 1].strip()))
    return counts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=SOURCE + "/build-cov")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--missing", action="store_true")
    options = parser.parse_args()
    if not shutil.which("gcovr"):
        sys.exit("gcovr is missing: scripts/deps.sh --all")
    build(options.build)
    if not options.keep:
        for path in glob.glob(options.build + "/**/*.gcda", recursive=True):
            os.unlink(path)
    not_passed = run_tests(options.build, options.jobs, options.seed)
    counts = measure(options.build, options.missing)
    failed = len(not_passed)
    parts = ["%s failed" % name for name in not_passed]
    for folder in FOLDERS:
        lines, branches = counts[folder].percent()
        failed += (lines < LINES_LEAST) + (branches < BRANCHES_LEAST)
        parts.append("%s lines %.1f branches %.1f" % (folder, lines, branches))
    print("row 18: tried %d, failed %d; %s" % (2 * len(FOLDERS), failed, ", ".join(parts)))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
