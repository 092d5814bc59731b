"""What the tests of the command line share: run it, compare, count.

Each test file calls main() with its tests; a test takes a Cli over a fresh directory. Ends with the line
"checks: N good, N bad", which scripts/summary.py adds up.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import traceback

SKIP = 77
PROGRAM = os.environ.get("ELOQSTORE", "build/tools/eloqstore/eloqstore")


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


class Mismatch(Exception):
    pass


def equal(got, wanted, what=""):
    if got != wanted:
        raise Mismatch("%s\n  got    %r\n  wanted %r" % (what, got, wanted))


def truth(condition, what):
    if not condition:
        raise Mismatch(what)


class Cli:
    def __init__(self, directory):
        self.directory = directory
        self.store = os.path.join(directory, "store")

    def environment(self):
        env = dict(os.environ)
        env.pop("ELOQSTORE_DIR", None)
        return env

    def run(self, *args, stdin=b"", env=None, cwd=None):
        """Runs with exactly these words."""
        done = subprocess.run([PROGRAM, *args], input=stdin, capture_output=True, timeout=600,
                              env=env or self.environment(), cwd=cwd or self.directory)
        return Result(done.returncode, done.stdout, done.stderr)

    def on(self, *args, stdin=b""):
        """Runs on this test's store."""
        return self.run("-s", self.store, *args, stdin=stdin)

    def ok(self, *args, stdin=b""):
        """Runs on this test's store, wants exit code 0; answers standard output."""
        result = self.on(*args, stdin=stdin)
        if result.code != 0:
            raise Mismatch("%r exits %d: %r" % (args, result.code, result.err))
        return result.out

    def gives(self, code, out, *args, stdin=b""):
        """Runs on this test's store and compares exit code and standard output."""
        result = self.on(*args, stdin=stdin)
        equal((result.code, result.out), (code, out), "%r, stderr %r" % (args, result.err))
        return result

    def fails(self, code, words, *args, stdin=b""):
        """Wants this exit code, nothing on standard output, and the words on standard error."""
        result = self.on(*args, stdin=stdin)
        equal((result.code, result.out), (code, b""), "%r, stderr %r" % (args, result.err))
        truth(words in result.err, "%r: %r not in %r" % (args, words, result.err))
        return result


def snapshot(directory):
    """Every path below, with what would change if somebody wrote."""
    seen = {}
    for folder, _, files in os.walk(directory):
        seen[folder] = os.stat(folder).st_mtime_ns
        for name in files:
            path = os.path.join(folder, name)
            status = os.stat(path)
            with open(path, "rb") as content:
                seen[path] = (status.st_mtime_ns, status.st_size, content.read())
    return seen


def skip(why):
    """Ends the whole file, unless nothing may be skipped."""
    print(why)
    if os.environ.get("ELOQ_NO_SKIP"):
        print("nothing may be skipped here (ELOQ_NO_SKIP)")
        print("checks: 0 good, 1 bad")
        sys.exit(1)
    sys.exit(SKIP)


def main(tests):
    good = bad = 0
    wanted = sys.argv[1:]
    for test in tests:
        if wanted and test.__name__ not in wanted:
            continue
        directory = tempfile.mkdtemp(prefix="eloq-cli-")
        try:
            test(Cli(directory))
            good += 1
        except (Mismatch, subprocess.TimeoutExpired, OSError, ValueError, KeyError, IndexError) as error:
            bad += 1
            print("FAILED %s: %s" % (test.__name__, error))
            if not isinstance(error, Mismatch):
                traceback.print_exc(file=sys.stdout)
        finally:
            shutil.rmtree(directory, ignore_errors=True)
    print("checks: %d good, %d bad" % (good, bad))
    sys.exit(1 if bad or not good else 0)
