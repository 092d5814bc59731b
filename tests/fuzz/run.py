#!/usr/bin/env python3
"""Fuzzes every target (row 11 of the scoreboard) and prints what was tried.

    tests/fuzz/run.py [--seed N] [--cases N] [--targets leaf,index] [--build DIR] [--plain DIR]

With clang it sets up a build of its own (default: build-fuzz in the source tree) where libFuzzer and
the address and undefined sanitizers drive the targets, from the corpora in tests/fuzz/corpus, which
are not changed. Without clang the targets of the build --plain replay them and try seeded mutations.
A case is one input; N for each target. The sequences of calls make a store for each input, so there
it is N / 200.
"""
import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
TARGETS = ["leaf", "index", "overflow", "manifest", "options", "record", "name", "value", "cli",
           "calls"]
CALLS_SHARE = 200
SIZES = {"manifest": 1400, "calls": 300, "name": 128}  # most bytes of an input; else:
SIZE = 600
SECONDS = 1  # of one input: the limit of the row
MEGABYTES = 512
# A small quarantine and memory that is kept: the targets free what they take in the same input.
SANITIZERS = "quarantine_size_mb=8:allocator_release_to_os_interval_ms=-1:malloc_context_size=8"


def has_libfuzzer():
    if not shutil.which("clang"):
        return False
    with tempfile.TemporaryDirectory() as scratch:
        code = "int LLVMFuzzerTestOneInput(const char *p, unsigned long n);\n" \
               "int LLVMFuzzerTestOneInput(const char *p, unsigned long n) { return !p && n; }\n"
        return subprocess.run(["clang", "-fsanitize=fuzzer,address", "-x", "c", "-", "-o",
                               scratch + "/try"], input=code.encode(), stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0


def build(directory):
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    steps = []
    if not os.path.exists(directory + "/build.ninja"):
        steps.append(["meson", "setup", directory, SOURCE, "-Dfuzz=true", "-Dman=disabled",
                      "-Db_sanitize=address,undefined", "-Doptimization=1"])
    steps.append(["ninja", "-C", directory, "fuzz_targets"])
    for step in steps:
        done = subprocess.run(step, env={**os.environ, "CC": "clang", "CXX": "clang++"}, **quiet)
        if done.returncode != 0:
            sys.exit(done.stdout[-4000:] + "\nthe fuzz targets do not build")


def is_slow_again(program, artifact):
    """A busy machine makes any input slow: what counts is the processor's time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([program, "-timeout=%d" % (60 * SECONDS), artifact], capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return done.returncode != 0 or took > SECONDS


def fuzz(program, name, cases, seed, scratch):
    """(inputs tried, findings)"""
    corpus = HERE + "/corpus/" + name
    grown = scratch + "/" + name
    os.mkdir(grown)
    tried = 0
    while True:
        # Entropic scheduling takes more time than these small targets do.
        done = subprocess.run(
            [program, "-runs=%d" % max(cases - tried, 0), "-seed=%d" % (seed % 2**32 or 1),
             "-max_len=%d" % SIZES.get(name, SIZE), "-len_control=0", "-entropic=0",
             "-timeout=%d" % SECONDS, "-rss_limit_mb=%d" % MEGABYTES, "-print_final_stats=1",
             "-artifact_prefix=%s/%s-" % (os.getcwd(), name), grown, corpus],
            env={"ASAN_OPTIONS": SANITIZERS, **os.environ}, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        said = done.stdout.decode(errors="replace")
        found = re.search(r"number_of_executed_units: (\d+)", said)
        tried += int(found.group(1)) if found else 0
        if done.returncode == 0:
            return tried, 0
        artifact = re.search(r"Test unit written to (\S+)", said)
        artifact = artifact.group(1) if artifact else ""
        if "timeout" in artifact and not is_slow_again(program, artifact):
            os.unlink(artifact)
            seed += 1
            continue
        print(said[-6000:])
        print("fuzz_%s: repeat with: %s %s" % (name, program, artifact or "-seed=%d" % seed))
        return tried, 1


def mutate(program, name, cases, seed):
    done = subprocess.run([program, "--seed", str(seed), "--cases", str(cases), "--size",
                           str(SIZES.get(name, SIZE)), HERE + "/corpus/" + name])
    return cases, int(done.returncode != 0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=100000)
    parser.add_argument("--targets", default=",".join(TARGETS))
    parser.add_argument("--build", default=SOURCE + "/build-fuzz")
    parser.add_argument("--plain", default=SOURCE + "/build")
    options = parser.parse_args()

    libfuzzer = has_libfuzzer()
    if libfuzzer:
        build(options.build)
    tried = failed = 0
    parts = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.targets.split(","):
            cases = options.cases
            if name == "calls":
                cases = max(1, cases // CALLS_SHARE)
            if libfuzzer:
                program = "%s/tests/fuzz/fuzz_%s" % (options.build, name)
                some, bad = fuzz(program, name, cases, options.seed, scratch)
            else:
                program = "%s/tests/fuzz/fuzz_%s" % (options.plain, name)
                some, bad = mutate(program, name, cases, options.seed)
            # Fewer than asked for is no pass.
            failed += bad or int(some < cases)
            tried += some
            parts.append("%s %d" % (name, some))
            print("fuzz_%s: tried %d, failed %d" % (name, some, bad), flush=True)
    how = "libFuzzer" if libfuzzer else "no libFuzzer here, mutations of the corpus only"
    print("row 11: tried %d, failed %d; %s: %s" % (tried, failed, how, ", ".join(parts)))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
