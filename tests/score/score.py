#!/usr/bin/env python3
"""Tries every row of the scoreboard (design/reliability.md, 2) and prints the table of it.

    build/tests/score [--long] [--seed N] [--rows 1,2,5] [--scale F] [--jobs N]

Rows, sizes and programs are in rows.py. Exit 1 when a row fails or tried less than its size.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

import rows as table

LINE = re.compile(r"^row (\d+): tried (\d+), failed (\d+)(?:; (.*))?$", re.M)
LAST_LINES = 30
MINUTES = 20  # that a program may take at the CI size


class Row:
    def __init__(self, number, title, wanted):
        self.number, self.title, self.wanted = number, title, wanted
        self.tried = self.failed = 0
        self.seconds = 0.0
        self.notes = []
        self.ran = False
        self.is_part = False  # a part of it was not run

    def verdict(self):
        if not self.ran or (self.is_part and not self.failed):
            return "not run"
        if self.failed:
            return "FAILED"
        if self.tried < (self.wanted or 1):
            return "too few"
        return "pass"


def run_program(build, source, command, seed, cases, minutes):
    """Runs one; returns (command, what it said, exit code or None, seconds)."""
    words = [w.format(source=source, seed=seed, cases=cases) for w in command]
    begin = time.time()
    with tempfile.TemporaryFile("w+", errors="replace") as out:
        try:
            code = subprocess.run(words, cwd=build, stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=subprocess.STDOUT, timeout=minutes * 60).returncode
        except subprocess.TimeoutExpired:
            code = None
        except OSError as e:
            out.write("%s: %s\n" % (words[0], e.strerror))
            code = 127
        out.seek(0)
        said = out.read()
    return " ".join(words), said, code, time.time() - begin


def take(rows, covered, said, code, seconds, may_be_silent):
    """Adds what a program said to its rows; a row that it says nothing of, or an exit code that
    contradicts it, counts as a failure."""
    told = {}
    for number, tried, failed, note in LINE.findall(said):
        told[int(number)] = (int(tried), int(failed), note)
    any_failed = any(failed for _, failed, _ in told.values())
    bad = any_failed or code != 0
    for number in covered:
        if number not in rows:
            continue
        row = rows[number]
        row.ran = True
        row.seconds += seconds
        if number not in told and code == 0 and not may_be_silent:
            told[number] = (0, 1, "a program says nothing of it")
            bad = True
        tried, failed, note = told.get(number, (0, 0, ""))
        row.tried += tried
        row.failed += failed or (code != 0 and not any_failed)
        if note:
            row.notes.append(note)
    return bad


def run_programs(rows, options):
    wanted = {r[0]: r[3 if options.long else 2] for r in table.ROWS}
    failed = False
    with ThreadPoolExecutor(options.jobs) as pool:
        jobs = {}
        for row, command, share, also in table.PROGRAMS:
            covered = (row,) + also
            if not any(n in rows for n in covered):
                continue
            size = wanted[row]
            cases = max(1, round(size * share * options.scale)) if size else 0
            longer = size / dict((r[0], r[2]) for r in table.ROWS)[row] if size else 1
            job = pool.submit(run_program, options.build, options.source, command, options.seed,
                              cases, MINUTES * max(1, longer * options.scale))
            jobs[job] = covered, share == 0
        for job in as_completed(jobs):
            command, said, code, seconds = job.result()
            covered, may_be_silent = jobs[job]
            bad = take(rows, covered, said, code, seconds, may_be_silent)
            failed |= bad
            print("%s %5.0f s  %s" % ("FAIL" if bad else "ok  ", seconds, command), flush=True)
            if bad:
                print("    exit %s" % ("none: it hangs" if code is None else code))
                for line in said.splitlines()[-LAST_LINES:]:
                    print("    " + line)
                sys.stdout.flush()
    return failed


def take_from_full(rows, options):
    """Rows 16 and 19: what the last ./test --full counted."""
    for number, build, part in table.FROM_FULL:
        if number not in rows:
            continue
        row = rows[number]
        path = os.path.join(options.source, build, "meson-logs", "testlog.json")
        if not os.path.exists(path):
            row.notes.append("%s: absent, run ./test --full" % build)
            row.is_part = True
            continue
        with open(path) as log:
            results = [json.loads(line) for line in log]
        results = [r for r in results if part in r["name"] and r["result"] != "SKIP"]
        row.ran |= bool(results)
        row.tried += len(results)
        row.failed += sum(r["result"] not in ("OK", "EXPECTEDFAIL") for r in results)
        row.seconds += sum(r["duration"] for r in results)
    for number in {f[0] for f in table.FROM_FULL} & set(rows):
        rows[number].notes.append("of ./test --full")


def print_table(rows):
    form = "%3s  %-55s %11s %11s %7s %8s  %s"
    print(form % ("row", "property", "tried", "wanted", "failed", "seconds", "verdict"))
    for row in rows.values():
        note = "; ".join(dict.fromkeys(row.notes))
        print(form % (row.number, row.title, row.tried, row.wanted or "all", row.failed,
                      "%.0f" % row.seconds, row.verdict() + (" (%s)" % note if note else "")))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--source", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--long", action="store_true", help="the long sizes")
    parser.add_argument("--seed", type=int, default=1, help="the base seed")
    parser.add_argument("--rows", help="numbers, with commas")
    parser.add_argument("--scale", type=float, default=1.0, help="of every size")
    parser.add_argument("--jobs", type=int, default=2, help="programs at a time")
    options = parser.parse_args()
    chosen = {int(n) for n in options.rows.split(",")} if options.rows else None
    rows = {}
    for number, title, ci, long in table.ROWS:
        size = long if options.long else ci
        wanted = max(1, round(size * options.scale)) if size else None
        if not chosen or number in chosen:
            rows[number] = Row(number, title, wanted)
    begin = time.time()
    bad = run_programs(rows, options)
    take_from_full(rows, options)
    print()
    print_table(rows)
    passed = sum(r.verdict() == "pass" for r in rows.values())
    print("\nscore: %d rows passed, %d failed; seed %d, %.0f s"
          % (passed, len(rows) - passed, options.seed, time.time() - begin))
    return 1 if bad or passed < len(rows) else 0


if __name__ == "__main__":
    sys.exit(main())
