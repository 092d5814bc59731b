#!/usr/bin/env python3
"""Row 4: takes one flush or one ordering rule after the other out of the source; a test must notice.

    scripts/mutate-flushes.py [--only NAME...] [--list] [--all] [--record] [--jobs N] [--seed N]

The list is flush_mutants.py; a site of the source that no entry covers fails the run at once. Those
in SURVIVORS are known to go unnoticed, and argued (docs/decisions/0007): only --all tries them, with
everything there is. How the rest works: mutants.py. Prints the line of row 4, and exits 1 when one
survives that should not, or is noticed though it is said to survive.
"""
import os
import re
import sys

import flush_mutants as table
import mutants

SOURCE = os.path.join(mutants.ROOT, "src")
# What makes something durable or, in the wrong order, takes it away: the system, and those that pass
# it on. Calls of them are sites.
SYSTEM = ["io_sync", "io_sync_dir", "IO_SYNC", "IO_SYNC_DIR", "io_rename", "io_unlink", "io_rmdir",
          "IO_UNLINK", "io_truncate", "fdatasync", "fsync", "io_uring_prep_fsync"]
PASSING = ["whole_replace", "whole_mkdirs", "whole_sync_up", "write_new", "sync_parent", "sync_file",
           "sync_found", "sync_directory", "sync_manifest", "sync_data_files", "sync_ids", "sync_files",
           "flush_found", "make_marker", "rewrite_last_record", "prewrite", "make_directory",
           "pagefiles_sync", "pagefiles_sync_found", "part_sync_pages", "manifest_log_append",
           "manifest_log_replace", "manifest_log_repair", "pagefiles_remove", "pagefiles_remove_many",
           "pagefiles_cut", "unlink_names", "remove_directory", "remove_tmp", "pagefiles_sync_beside",
           "sync_record", "manifest_log_seal", "manifest_log_wipe", "last_commit_rewrite"]
FLUSHES = re.compile(r"\b(io_sync|io_sync_dir|IO_SYNC|IO_SYNC_DIR|fdatasync|fsync)\b")
SITE = re.compile(r"(?<![\w.>])(%s)\b(?=\s*[(,])" % "|".join(SYSTEM + PASSING))
DEFINITION = re.compile(r"^\w[\w \*]*?\b(\w+)\(", re.M)


def without_comments(text):
    """The same length, so that offsets stay."""
    blank = lambda m: re.sub(r"[^\n]", " ", m.group())  # noqa: E731
    return re.sub(r'/\*.*?\*/|"(?:[^"\\\n]|\\.)*"', blank, text, flags=re.S)


def sites_of(text):
    """(offset, verb) of each call; a definition begins its line."""
    for m in SITE.finditer(text):
        line = text.rfind("\n", 0, m.start()) + 1
        if text[line:line + 1] in (" ", "\t") and not re.match(r"\s*(case |IO_)", text[line:]):
            yield m.start(), m.group(1)


def spans_of(name, text, complaints):
    """Where the old texts of the mutants of a file lie, and those of what needs none."""
    olds = [m[2] for m in table.MUTANTS if m[1] == name] + [e[1] for e in table.ELSEWHERE if e[0] == name]
    for old in olds:
        if text.count(old) != 1:
            complaints.append("%s: %d times, not once:\n%s" % (name, text.count(old), old))
    return [(text.find(old), text.find(old) + len(old)) for old in olds]


def unknown_wrappers(name, text):
    """Functions that flush, and whose calls would be no sites."""
    for m in FLUSHES.finditer(text):
        line = text.rfind("\n", 0, m.start()) + 1
        if text[line:line + 1] not in (" ", "\t") or name.startswith("src/io/"):
            continue
        owner = [d.group(1) for d in DEFINITION.finditer(text, 0, m.start())][-1]
        if owner not in PASSING and (name, owner) not in table.ENDS:
            yield owner


def check_sites():
    complaints, count = [], 0
    for folder, _, names in sorted(os.walk(SOURCE)):
        for name in sorted(n for n in names if n.endswith((".c", ".h"))):
            path = os.path.join(folder, name)
            name = os.path.relpath(path, mutants.ROOT)
            with open(path, encoding="utf-8") as f:
                whole = f.read()
            text, spans = without_comments(whole), spans_of(name, whole, complaints)
            for at, verb in sites_of(text):
                count += 1
                if not any(begin <= at < end for begin, end in spans):
                    complaints.append("%s:%d: no mutant covers this %s"
                                      % (name, text.count("\n", 0, at) + 1, verb))
            for owner in unknown_wrappers(name, text):
                complaints.append("%s: %s() flushes; add it to PASSING, or to ENDS" % (name, owner))
    if complaints:
        sys.exit("\n".join(complaints))
    return count


def main():
    parser = mutants.parser(__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="those that are argued, too")
    options = parser.parse_args()
    sites = check_sites()
    chosen = [mutants.Mutant(*m[:4], m[4] if len(m) > 4 else table.POWER) for m in table.MUTANTS
              if (m[0] in options.only if options.only else options.all or m[0] not in table.SURVIVORS)]
    if options.list:
        print("\n".join("%-42s %s" % m[:2] for m in chosen))
        return 0
    failed = []

    def report(mutant, answer, seconds, hint):
        good = answer.caught is (mutant.name not in table.SURVIVORS)
        if not good:
            failed.append(mutant.name)
        stale = " (hint is stale)" if good and hint and answer.command != hint else ""
        print("%s %-42s %4.0f s  %s%s" % ("ok  " if good else "FAIL", mutant.name, seconds, answer.said,
                                          stale), flush=True)

    mutants.try_all(chosen, options, report)
    for name in failed:
        print("repeat: scripts/mutate-flushes.py --only %s" % name)
    print("row 4: tried %d, failed %d; %d sites, %d argued in docs/decisions/0007"
          % (len(chosen), len(failed), sites, len(table.SURVIVORS)))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
