#!/usr/bin/env python3
"""Adds up meson's test logs: prints what was skipped, what failed, and "N passed, N failed".

A Check binary counts its checks, from the last "P%: Checks: N, Failures: N, Errors: N" line of each
suite it ran; a script that ends in "checks: N good, N bad" counts those; anything else counts as one.
"""
import argparse
import json
import os
import re
import sys

CHECK_LINE = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", re.M)
COUNT_LINE = re.compile(r"^checks: (\d+) good, (\d+) bad$", re.M)


def count(entry):
    """(passed, failed) of one line of the log; never hides a failing exit code."""
    output = entry.get("stdout", "")
    passed = failed = 0
    for checks, failures, errors in CHECK_LINE.findall(output):
        failed += int(failures) + int(errors)
        passed += int(checks) - int(failures) - int(errors)
    for good, bad in COUNT_LINE.findall(output):
        passed, failed = passed + int(good), failed + int(bad)
    is_good = entry["result"] in ("OK", "EXPECTEDFAIL")
    if passed + failed == 0:
        return (1, 0) if is_good else (0, 1)
    if not is_good and failed == 0:
        failed = 1
    return passed, failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--broken-builds", type=int, default=0)
    parser.add_argument("--passed", type=int, default=0, help="counted elsewhere")
    parser.add_argument("--failed", type=int, default=0)
    parser.add_argument("logs", nargs="*")
    args = parser.parse_args()
    no_skip = bool(os.environ.get("ELOQ_NO_SKIP"))
    passed, failed, skipped = args.passed, args.broken_builds + args.failed, []
    for path in args.logs:
        build = path.split("/", 1)[0]
        if not os.path.exists(path):
            print("no test ran in %s" % build)
            failed += 1
            continue
        with open(path) as log:
            for line in log:
                entry = json.loads(line)
                name = "%s: %s" % (build, entry["name"])
                if entry["result"] == "SKIP":
                    skipped.append((name, entry.get("stdout", "").strip().splitlines()))
                    continue
                good, bad = count(entry)
                passed, failed = passed + good, failed + bad
                if bad:
                    print("failed: %s (%s)" % (name, entry["result"]))
    for name, words in skipped:
        print("skipped: %s%s" % (name, ": " + words[-1] if words else ""))
        failed += no_skip
    if args.broken_builds:
        print("failed: %d build%s" % (args.broken_builds, "s" if args.broken_builds > 1 else ""))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
