"""Mutants: a change of the source that a test must notice. What mutate-*.py share.

A mutant is (name, file, old text, new text); the old text stands in the file exactly once. The tree
(as it stands, without what git ignores) is copied once per job; each mutant is written into a copy,
built, and the programs run until one fails.

Which command shows a mutant is remembered in mutants-hints.json, so that a run is quick: a single
script and operation of a simulation, mostly. It is tried first; when it finds nothing any more, the
programs run as the scoreboard runs them (tests/score/rows.py, the size of CI), parts of that first.
--record keeps what was found then, from what a program says in its line "repeat: ...".
"""
import argparse
import collections
import concurrent.futures
import json
import os
import queue
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HINTS = os.path.join(ROOT, "scripts", "mutants-hints.json")
HINT_SECONDS = 90
PROGRAM_SECONDS = 900
REPEAT = re.compile(r"repeat: (\S+)(.*)")

sys.path.insert(0, os.path.join(ROOT, "tests", "score"))
import rows  # noqa: E402

# What is tried before a program's whole size: a part of it.
QUICK = {
    "tests/sim/power_test": ["--scripts 40 --boundaries 4", "--scripts 40 --boundaries 25"],
    "tests/sim/archive_test": ["--scripts 6 --boundaries 8"],
    "tests/sim/fault_test": ["--scripts 4"],
    "tests/sim/interleave_test": ["--scripts 1000"],
    "tests/model/array_test": ["--cases 100000"],
    "tests/sim/memory_fault_test": ["--scripts 2 --sample 100"],
}

Mutant = collections.namedtuple("Mutant", "name file old new programs")
Answer = collections.namedtuple("Answer", "caught command said")


def commands_of(program, options):
    """How the scoreboard runs a program at the size of CI; one that it does not know runs as it is."""
    sizes = {r[0]: r[2] for r in rows.ROWS}
    found = []
    for row, command, share, _ in rows.PROGRAMS:
        if command[0] == program:
            cases = max(1, round((sizes[row] or 0) * share))
            found.append([w.format(source=ROOT, seed=options.seed, cases=cases) for w in command
                          if w != "--shrink"])
    quick = [[program, "--seed", str(options.seed)] + q.split() for q in QUICK.get(program, [])]
    return quick if quick and options.quick else quick + (found or [[program]])


def row_of(program):
    return next((row for row, command, _, _ in rows.PROGRAMS if command[0] == program), None)


def load_hints():
    if not os.path.exists(HINTS):
        return {}
    with open(HINTS, encoding="utf-8") as f:
        return json.load(f)


def save_hints(hints):
    with open(HINTS, "w", encoding="utf-8") as f:
        json.dump(hints, f, indent=1, sort_keys=True)
        f.write("\n")


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return None


def copy_tree(target):
    """What differs is written, with the time of now: it is built again, the rest of a kept build is not."""
    names = subprocess.check_output(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT)
    names = {n for n in names.decode().split("\0") if n and os.path.isfile(os.path.join(ROOT, n))}
    for folder, _, files in os.walk(target):
        for name in files:
            if os.path.relpath(os.path.join(folder, name), target) not in names:
                os.unlink(os.path.join(folder, name))
    for name in names:
        source, copy = os.path.join(ROOT, name), os.path.join(target, name)
        if read(copy) != read(source):
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copy(source, copy)


def run(command, **keywords):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", **keywords)


class Workshop:
    """A copy of the tree with a build directory, where one mutant at a time is tried."""

    def __init__(self, scratch):
        self.tree, self.build = os.path.join(scratch, "tree"), os.path.join(scratch, "build")
        copy_tree(self.tree)
        if not os.path.exists(os.path.join(self.build, "build.ninja")):
            made = run(["meson", "setup", "-Ddefault_library=static", self.build, self.tree])
            if made.returncode != 0:
                sys.exit(made.stdout)

    def make(self, programs):
        return run(["ninja", "-j1", "-C", self.build] + sorted(set(programs)))

    def shows(self, command, seconds):
        """(whether it fails, what it said)"""
        try:
            test = run([os.path.join(self.build, command[0])] + command[1:], timeout=seconds,
                       cwd=self.build)
        except subprocess.TimeoutExpired:
            return True, "hangs"
        return test.returncode != 0, test.stdout or "signal %d" % -test.returncode

    def path(self, mutant):
        return os.path.join(self.tree, mutant.file)

    def apply(self, mutant):
        with open(self.path(mutant), encoding="utf-8") as f:
            text = f.read()
        if text.count(mutant.old) != 1:
            return None, "does not apply: %d times in %s" % (text.count(mutant.old), mutant.file)
        write(self.path(mutant), text.replace(mutant.old, mutant.new))
        return text, None


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def repeat_command(command, said):
    """The one command that shows it again, as a list."""
    found = REPEAT.search(said)
    if not found:
        return command
    return [os.path.join(os.path.dirname(command[0]), os.path.basename(found.group(1)))] \
        + shlex.split(found.group(2).split(" --verbose")[0].split(" --trace")[0])


def summary(said):
    lines = [l for l in said.splitlines() if l.strip()]
    telling = [l for l in lines if re.search(r"_test: |:[FE]:|CHECK|check failed", l)]
    return (telling or lines or [""])[0][:150]


def try_mutant(shop, mutant, hint, options):
    """An Answer; it was not caught when `caught` is False, and not tried when it is None."""
    text, complaint = shop.apply(mutant)
    if complaint:
        return Answer(None, [], complaint)
    try:
        tries = [(hint, HINT_SECONDS)] if hint else []
        tries += [(c, PROGRAM_SECONDS) for p in mutant.programs for c in commands_of(p, options)]
        for command, seconds in tries:
            made = shop.make([command[0]])
            if made.returncode != 0:
                return Answer(None, [], "does not build:\n" + made.stdout[-2000:])
            failed, said = shop.shows(command, seconds)
            if failed:
                again = command if command == hint else repeat_command(command, said)
                return Answer(True, again, summary(said))
        return Answer(False, [], "survived")
    finally:
        write(shop.path(mutant), text)


def check_hints(shop, mutants, hints):
    """What a hint shows must be the mutant's doing."""
    commands = {tuple(hints[m.name]) for m in mutants if m.name in hints}
    if not commands:
        return
    made = shop.make([c[0] for c in commands])
    if made.returncode != 0:
        sys.exit(made.stdout[-3000:])
    for command in sorted(commands):
        failed, said = shop.shows(list(command), HINT_SECONDS)
        if failed:
            sys.exit("%s fails without any mutant:\n%s" % (" ".join(command), said[-2000:]))


def parser(words):
    p = argparse.ArgumentParser(description=words)
    p.add_argument("--build", help="build in this directory and keep it")
    p.add_argument("--only", nargs="*", help="mutants by name")
    p.add_argument("--list", action="store_true")
    p.add_argument("--jobs", type=int, default=1)
    p.add_argument("--seed", type=int, default=1, help="of the programs, where no hint helps")
    p.add_argument("--quick", action="store_true", help="no program in its whole size")
    p.add_argument("--record", action="store_true", help="keep the commands found where a hint shows nothing")
    return p


def try_all(mutants, options, report):
    """Tries each; calls report(mutant, answer, seconds, hint) in turn, from one thread at a time."""
    scratch = options.build or tempfile.mkdtemp(prefix="mutants-")
    hints = load_hints()
    todo = sorted(mutants, key=lambda m: m.file)  # neighbours in a file: it is compiled once each
    shops = queue.Queue()
    try:
        made = [Workshop(os.path.join(scratch, str(i))) for i in range(options.jobs)]
        check_hints(made[0], todo, hints)
        for shop in made:
            shops.put(shop)

        def one(mutant):
            shop = shops.get()
            begin = time.time()
            try:
                answer = try_mutant(shop, mutant, hints.get(mutant.name), options)
            finally:
                shops.put(shop)
            return mutant, answer, time.time() - begin

        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for job in [pool.submit(one, m) for m in todo]:
                mutant, answer, seconds = job.result()
                report(mutant, answer, seconds, hints.get(mutant.name))
                if options.record and answer.caught and answer.command != hints.get(mutant.name):
                    hints[mutant.name] = answer.command
                    save_hints({**load_hints(), mutant.name: answer.command})
    finally:
        if not options.build:
            shutil.rmtree(scratch, ignore_errors=True)
