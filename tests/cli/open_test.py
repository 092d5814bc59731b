#!/usr/bin/env python3
"""Options, help, usage; what read-only commands do not do."""
import os
import subprocess

from harness import PROGRAM, equal, main, snapshot, truth

READERS = (["get", "t", "k"], ["floor", "t", "k"], ["scan", "t"], ["count", "t"], ["dump"], ["tables"],
           ["stat"], ["check"], ["page", "t", "0"], ["manifest", "t"])


def readers_write_nothing(cli):
    cli.ok("put", "t", "k", "v")
    before = snapshot(cli.store)
    for command in READERS:
        cli.ok(*command)
        equal(snapshot(cli.store), before, repr(command))


def missing_store_is_exit_3_and_is_not_made(cli):
    for command in READERS:
        cli.fails(3, b"eloqstore: ", *command)
        truth(not os.path.exists(cli.store), "%r made the store" % command)


def beside_a_live_writer_is_exit_3(cli):
    cli.ok("put", "t", "k", "v")
    writer = subprocess.Popen([PROGRAM, "-s", cli.store, "load", "u", "--batch", "1"], stdin=subprocess.PIPE,
                              stderr=subprocess.PIPE)
    writer.stdin.write(b"a\tb\n")
    writer.stdin.flush()
    ack = 0
    while ack < 200 and not os.path.exists(cli.store + "/u.0"):
        ack += 1
        subprocess.run(["sleep", "0.05"])
    for command in (*READERS, ["put", "t", "k", "w"], ["del", "t", "k"], ["load", "t"]):
        cli.fails(3, b"in use", *command)
    writer.communicate()
    equal(writer.returncode, 0)
    cli.gives(0, b"v\n", "get", "t", "k")


def readers_go_together(cli):
    cli.ok("load", "t", stdin=b"".join(b"k%06d\t%s\n" % (i, b"v" * 100) for i in range(20000)))
    reader = subprocess.Popen([PROGRAM, "-s", cli.store, "scan", "t"], stdout=subprocess.PIPE)
    reader.stdout.readline()
    cli.gives(0, b"20000\n", "count", "t")
    cli.fails(3, b"in use", "put", "t", "k", "w")
    reader.communicate()
    cli.ok("put", "t", "k", "w")


def version_and_help(cli):
    truth(cli.run("--version").out.startswith(b"eloqstore 0."), "--version")
    for words in (["help"], ["--help"]):
        result = cli.run(*words)
        equal((result.code, result.err), (0, b""))
        for command in ("put get del floor scan count load dump tables stat check page manifest help".split()):
            truth(b"\n  %s " % command.encode() in result.out, "%s in help" % command)
            more = cli.run("help", command)
            truth(more.code == 0 and more.out.startswith(b"usage: eloqstore [OPTIONS] " + command.encode()),
                  "help %s: %r" % (command, more.out))
            equal(cli.run(command, "--help").out, more.out)
    equal(cli.run("help", "nothing").code, 2)


def wrong_calls_are_exit_2(cli):
    for words in ([], ["nothing"], ["get"], ["get", "t"], ["get", "t", "k", "more"], ["--nothing", "get", "t", "k"],
                  ["get", "t", "k", "--nothing"], ["scan", "t", "--limit", "x"], ["scan", "t", "--limit"],
                  ["put", "t", "k", "v", "--ttl", "soon"], ["put", "t", "k", "v", "--ttl", "1s", "--expire-at", "5"],
                  ["put", "t", "k", "v", "--timestamp", "9223372036854775808"], ["put", "", "k", "v"],
                  ["put", "a/b", "k", "v"], ["put", "t.99999999999", "k", "v"], ["put", "t.007", "k", "v"],
                  ["put", "x" * 245, "k", "v"], ["-o", "nothing=1", "put", "t", "k", "v"], ["-o", "x", "put", "t", "k", "v"],
                  ["-o", "data_page_size=5000", "put", "t", "k", "v"], ["--io-backend", "x", "put", "t", "k", "v"],
                  ["dump", "--format", "xml"], ["page", "t", "x"], ["--as-of", "1", "put", "t", "k", "v"],
                  ["put", "t", "k", "v", "--ttl", "-1s"]):
        result = cli.on(*words)
        equal((result.code, result.out), (2, b""), "%r: %r" % (words, result.err))
        truth(result.err, "%r says why" % words)
    truth(not os.path.exists(cli.store + "/t.0"), "nothing was written")


def options_from_a_file(cli):
    path = cli.directory + "/options.ini"
    with open(path, "w") as ini:
        ini.write("[run]\nnum_threads = 2\n[permanent]\nstore_path = %s\ndata_page_size = 8KB\n" % cli.store)
    equal(cli.run("-c", path, "put", "t", "k", "v").code, 0)
    equal(cli.run("-c", path, "get", "t", "k").out, b"v\n")
    truth(b"page_size\t8192\n" in cli.ok("stat"), "the page size is recorded")
    # -o wins over the file, wherever it stands; what differs from the record is refused.
    result = cli.run("-o", "data_page_size=4096", "-c", path, "get", "t", "k")
    equal(result.code, 2)
    truth(b"8192" in result.err and b"4096" in result.err, "names both: %r" % result.err)
    with open(path, "a") as ini:
        ini.write("nonsense = 1\n")
    result = cli.run("-c", path, "get", "t", "k")
    equal(result.code, 2)
    truth(b"6" in result.err, "names the line: %r" % result.err)


def shift_zero_and_compression_by_option(cli):
    cli.ok("-o", "pages_per_file_shift=0", "-o", "enable_compression=true", "put", "t", "k", "v" * 1000)
    cli.gives(0, b"v" * 1000 + b"\n", "get", "t", "k")
    truth(os.path.exists(cli.store + "/t.0/data_1_0"), "one page a file")
    cli.fails(2, b"pages_per_file_shift", "-o", "pages_per_file_shift=4", "get", "t", "k")


def every_backend_reads_what_every_other_wrote(cli):
    names = ("auto", "threads", "sync", "uring")
    usable = []
    for name in names:
        if cli.on("--io-backend", name, "put", "t", name, name).code == 0:
            usable.append(name)
    truth("threads" in usable and "sync" in usable, "usable: %r" % usable)
    for reader in usable:
        for name in usable:
            cli.gives(0, name.encode() + b"\n", "--io-backend", reader, "-o", "num_threads=3", "get", "t", name)


main([readers_write_nothing, missing_store_is_exit_3_and_is_not_made, beside_a_live_writer_is_exit_3,
      readers_go_together, version_and_help, wrong_calls_are_exit_2, options_from_a_file,
      shift_zero_and_compression_by_option, every_backend_reads_what_every_other_wrote])
