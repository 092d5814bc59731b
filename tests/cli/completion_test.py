#!/usr/bin/env python3
"""Bash completion: commands, options, keys of -o and tables, as the program has them."""
import os
import shutil
import subprocess

from harness import PROGRAM, equal, main, skip, truth

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/eloqstore/eloqstore.bash")


def complete(cli, *words):
    """What is offered for the last word."""
    line = """source %s
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _eloqstore; printf '%%s\\n' "${COMPREPLY[@]}"
""" % SCRIPT
    done = subprocess.run(["bash", "-c", line, "bash", os.path.abspath(PROGRAM), *words], capture_output=True,
                          env=cli.environment(), cwd=cli.directory, timeout=60)
    equal(done.stderr, b"")
    return sorted(done.stdout.decode().split())


def commands_and_globals(cli):
    every = complete(cli, "")
    for word in ("put", "get", "repair", "shell", "help", "--store", "--hex"):
        truth(word in every, "%s in %r" % (word, every))
    equal(complete(cli, "rep"), ["repair"])
    equal(complete(cli, "-s", "x", "--he"), ["--help", "--hex"])
    equal(complete(cli, "help", "sh"), ["shell"])
    equal(complete(cli, "help", "opt"), ["options"])


def options_of_commands(cli):
    equal(complete(cli, "scan", "t", "--ke"), ["--keys-only"])
    equal(complete(cli, "put", "t", "k", "v", "--"), ["--expire-at", "--help", "--timestamp", "--ttl"])
    equal(complete(cli, "dump", "--format", "d"), ["digest"])
    equal(complete(cli, "-o", "data_page"), ["data_page_restart_interval=", "data_page_size="])
    equal(complete(cli, "--io-backend", "t"), ["threads"])


def tables(cli):
    cli.ok("put", "people", "k", "v")
    cli.ok("put", "places.7", "k", "v")
    equal(complete(cli, "-s", cli.store, "get", "p"), ["people", "places.7"])
    equal(complete(cli, "-s", cli.store, "get", "people", "p"), [])
    equal(complete(cli, "-s", cli.store, "check", "pe"), ["people"])


if not shutil.which("bash"):
    skip("no bash")
main([commands_and_globals, options_of_commands, tables])
