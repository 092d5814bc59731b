#!/usr/bin/env python3
"""load: batches, resuming, bad lines, Ctrl-C, kill -9."""
import os
import re
import signal
import subprocess
import time

from harness import PROGRAM, equal, main, truth


def lines(first, end):
    return b"".join(b"key%06d\tvalue %d\n" % (i, i) for i in range(first, end))


def summary_is_on_stderr(cli):
    result = cli.on("load", "t", stdin=lines(0, 2500))
    equal((result.code, result.out), (0, b""))
    truth(re.fullmatch(rb"loaded 2500 pairs, \d+ bytes in \d+\.\d+ s \(\d+ pairs/s\)\n", result.err),
          "the summary: %r" % result.err)
    equal(cli.on("-q", "load", "t", stdin=lines(0, 10)).err, b"")
    cli.gives(0, b"2500\n", "count", "t")


def file_as_an_argument(cli):
    with open(cli.directory + "/pairs", "wb") as out:
        out.write(lines(0, 10))
    cli.ok("load", "t", cli.directory + "/pairs")
    cli.ok("load", "u", "-", stdin=lines(0, 3))
    cli.gives(0, b"10\n", "count", "t")
    cli.gives(0, b"3\n", "count", "u")
    cli.fails(3, b"cannot open", "load", "t", cli.directory + "/nothing")
    # A lone word with a slash cannot be a table: it is a dump.
    with open(cli.directory + "/dump", "wb") as out:
        out.write(b"w.2\tk\tv\n")
    cli.ok("load", cli.directory + "/dump")
    cli.gives(0, b"v\n", "get", "w.2", "k")


def last_line_without_newline(cli):
    cli.ok("load", "t", stdin=b"a\t1\nb\t2")
    cli.gives(0, b"a\t1\nb\t2\n", "scan", "t")


def nothing_to_load(cli):
    truth(cli.on("load", "t").err.startswith(b"loaded 0 pairs, 0 bytes"), "an empty load")


def repeated_key_ends_the_batch_before_it(cli):
    cli.ok("load", "t", stdin=b"a\t1\nb\t1\na\t2\nc\t1\na\t3\n")
    cli.gives(0, b"a\t3\nb\t1\nc\t1\n", "scan", "t")


def many_partitions_interleaved(cli):
    text = b"".join(b"t%d.%d\tk%d\tv%d\n" % (i % 3, i % 7, i, i) for i in range(5000))
    cli.ok("load", "--batch", "100", stdin=text)
    equal(len(cli.ok("tables").splitlines()), 21)
    got = sorted(b"%s\t%s\t%s" % tuple(l.split(b"\t")[:3]) for l in cli.ok("dump").splitlines())
    equal(got, sorted(text.splitlines()))


def without_a_table_the_first_column_is_it(cli):
    cli.ok("load", stdin=b"x.4\tk\tv\nx\tk\tw\n")
    equal([l.split(b"\t")[:3] for l in cli.ok("dump").splitlines()],
          [[b"x.0", b"k", b"w"], [b"x.4", b"k", b"v"]])


def bad_line_names_itself_and_says_what_is_durable(cli):
    for bad, words in ((b"novalue", b"expected key TAB value"), (b"", b"expected key TAB value"),
                       (b"a\tb\\q", b"escape"), (b"a\tb\\x1", b"escape"), (b"a\\", b"expected key"),
                       (b"a\\\tb", b"escape"), (b"a\tb\tx", b"timestamp"), (b"a\tb\t1\tx", b"expiry"),
                       (b"a\tb\t1\t2\t3", b"too many columns"), (b"\tb", b"empty"),
                       (b"a\tb\t9223372036854775808", b"2^63-1"), (b"a\tb\t-1", b"timestamp"),
                       (b"a\tb\t1\t18446744073709551616", b"expiry")):
        result = cli.fails(2, b"line 26: ", "load", "t", "--batch", "10", stdin=lines(0, 25) + bad + b"\n")
        truth(words in result.err, "%r in %r" % (words, result.err))
        truth(b"20 lines are durable; to go on: --skip 20" in result.err, "durable: %r" % result.err)
    cli.gives(0, b"20\n", "count", "t")
    cli.fails(2, b"table.partition", "load", stdin=b"t.99999999999\tk\tv\n")


def skip_resumes(cli):
    cli.ok("load", "t", "--skip", "10", stdin=lines(0, 25))
    cli.gives(0, b"15\n", "count", "t")
    cli.gives(0, b"key000010\n", "scan", "t", "--limit", "1", "--keys-only")
    result = cli.fails(2, b"line 31", "load", "t", "--skip", "20", "--batch", "5", stdin=lines(0, 30) + b"x\n")
    truth(b"--skip 30" in result.err, "%r" % result.err)


def ack_file_counts_durable_lines(cli):
    ack = cli.directory + "/ack"
    cli.ok("load", "t", "--batch", "10", "--ack", ack, "--sync-each", stdin=lines(0, 95))
    with open(ack) as text:
        numbers = [int(line) for line in text]
    equal(numbers[-1], 95)
    truth(numbers == sorted(set(numbers)), "ascending: %r" % numbers)


def key_over_the_limit_is_exit_2(cli):
    result = cli.fails(2, b"eloqstore: ", "load", "t", "--batch", "2",
                       stdin=lines(0, 4) + b"k" * 3000 + b"\tv\n")
    truth(b"4 lines are durable" in result.err, "%r" % result.err)


def older_timestamps_are_counted(cli):
    cli.ok("load", "t", stdin=b"a\tnew\t100\nb\tnew\t100\n")
    result = cli.on("load", "t", stdin=b"a\told\t99\nb\tnewer\t101\n")
    truth(b"1 of them changed nothing" in result.err, "%r" % result.err)
    cli.gives(0, b"a\tnew\nb\tnewer\n", "scan", "t")


def wrong_words(cli):
    cli.fails(2, b"--batch", "load", "t", "--batch", "0")
    cli.fails(2, b"--skip", "load", "t", "--skip", "x")
    cli.fails(2, b"format", "load", "t", "--format", "digest")
    cli.fails(2, b"usage", "load", "a", "b", "c")


def start_endless_load(cli, *more):
    process = subprocess.Popen([PROGRAM, "-s", cli.store, "load", "t", "--batch", "50", *more],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for i in range(40):
        process.stdin.write(lines(50 * i, 50 * i + 50))
    process.stdin.write(b"key999999\thalf a ba")
    process.stdin.flush()
    return process


def ctrl_c_stops_between_batches(cli):
    process = start_endless_load(cli)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    equal((process.returncode, out), (3, b""), repr(err))
    truth(b"interrupted" in err, repr(err))
    durable = int(re.search(rb"(\d+) lines are durable; to go on: --skip (\d+)", err).group(1))
    equal(durable % 50, 0)
    cli.gives(0, b"%d\n" % durable, "count", "t")
    cli.ok("load", "t", "--skip", str(durable), stdin=lines(0, 2100))
    cli.gives(0, b"2100\n", "count", "t")


def killed_load_keeps_what_it_acknowledged(cli):
    ack = cli.directory + "/ack"
    process = start_endless_load(cli, "--ack", ack)
    deadline = time.time() + 30
    while time.time() < deadline and not (os.path.exists(ack) and os.path.getsize(ack)):
        time.sleep(0.005)
    process.kill()
    process.communicate()
    with open(ack) as text:
        durable = int(text.read().splitlines()[-1])
    count = int(cli.ok("count", "t"))
    truth(durable <= count and count % 50 == 0, "%d acknowledged, %d there" % (durable, count))
    equal(cli.ok("scan", "t"), lines(0, count))
    truth(cli.ok("check").splitlines()[-1].endswith(b": ok"), "check")


def broken_pipe_is_quiet(cli):
    cli.ok("load", "t", stdin=lines(0, 60000))
    for command in ("scan t", "dump", "-j dump"):
        done = subprocess.run(["bash", "-c", "set -o pipefail; '%s' -s '%s' %s | head -n 1 >/dev/null"
                               % (PROGRAM, cli.store, command)], capture_output=True, timeout=60)
        equal((done.returncode, done.stderr), (0, b""), command)


def full_disk_under_the_output_is_told(cli):
    cli.ok("load", "t", stdin=lines(0, 1000))
    if not os.path.exists("/dev/full"):
        return
    with open("/dev/full", "wb") as full:
        done = subprocess.run([PROGRAM, "-s", cli.store, "dump"], stdout=full, stderr=subprocess.PIPE)
    equal(done.returncode, 3)
    truth(b"No space left" in done.stderr, repr(done.stderr))


main([summary_is_on_stderr, file_as_an_argument, last_line_without_newline, nothing_to_load,
      repeated_key_ends_the_batch_before_it, many_partitions_interleaved,
      without_a_table_the_first_column_is_it, bad_line_names_itself_and_says_what_is_durable, skip_resumes,
      ack_file_counts_durable_lines, key_over_the_limit_is_exit_2, older_timestamps_are_counted, wrong_words,
      ctrl_c_stops_between_batches, killed_load_keeps_what_it_acknowledged, broken_pipe_is_quiet,
      full_disk_under_the_output_is_told])
